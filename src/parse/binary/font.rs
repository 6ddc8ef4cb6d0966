//! Fonts: the strings of their name table, and what follows their last table.
//! Refuses to look at shapes and at the programs that hint them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::field::Order::Big;
use super::metadata::Metadata;
use super::trailer;
use crate::limits::Limits;
use crate::parse::Parsed;
use crate::parse::format::Format;
use crate::text;

/// Fonts in one collection that are looked at.
const FONTS: usize = 1024;

/// Tables of one file that are looked at.
const TABLES: usize = 16_384;

/// Names shorter than this, in characters, are names.
const SHORTEST: usize = 20;

/// What the directory of a font says.
#[derive(Default)]
struct Directory {
    /// End of the last table.
    end: usize,
    /// Name tables.
    names: BTreeSet<(usize, usize)>,
    /// Where it makes no sense.
    broken: Option<usize>,
}

/// Parses a font of one of the three formats.
pub fn parse(format: Format, bytes: &[u8], limits: &Limits) -> Parsed {
    match format {
        Format::Woff => woff(bytes, limits),
        Format::Woff2 => woff2(bytes, limits),
        _ => sfnt(bytes, limits),
    }
}

/// TrueType, OpenType and collections of them.
pub fn sfnt(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    let directory = if bytes.starts_with(b"ttcf") { collection(bytes) } else { tables(bytes, &[0]) };
    match directory.broken {
        Some(at) => trailer::broken(&mut parsed, bytes, at, "the table directory of the font makes no sense"),
        None if directory.end > bytes.len() => {
            trailer::broken(&mut parsed, bytes, bytes.len(), "the tables of the font are cut off");
        }
        None => finish(&mut parsed, bytes, directory.end),
    }
    for (start, end) in directory.names {
        if let Some(table) = bytes.get(start..end.min(bytes.len())) {
            names(&mut found, table, start..end.min(bytes.len()));
        }
    }
    found.finish(&mut parsed);
    parsed
}

/// A trailer behind a last table that is padded to four bytes.
fn finish(parsed: &mut Parsed, bytes: &[u8], end: usize) {
    let padding = bytes.get(end..).unwrap_or(b"").iter().take(end.next_multiple_of(4) - end);
    let padding = padding.take_while(|byte| **byte == 0).count();
    trailer::add(parsed, bytes, end + padding);
}

/// Directory of all fonts of a collection.
fn collection(bytes: &[u8]) -> Directory {
    let count = Big.u32(bytes, 8).unwrap_or(0);
    let fonts: Vec<usize> = (0..count.min(FONTS)).map_while(|index| Big.u32(bytes, 12 + 4 * index)).collect();
    let mut directory = tables(bytes, &fonts);
    let header = 12 + 4 * fonts.len();
    directory.end = directory.end.max(header);
    // A signature lies outside of all tables.
    if bytes.get(header..).is_some_and(|rest| rest.starts_with(b"DSIG"))
        && let (Some(length), Some(offset)) = (Big.u32(bytes, header + 4), Big.u32(bytes, header + 8))
    {
        directory.end = directory.end.max(offset.saturating_add(length));
    }
    if fonts.is_empty() || fonts.len() < count {
        directory.broken = Some(8);
    }
    directory
}

/// Directory of the fonts whose headers stand at these places.
fn tables(bytes: &[u8], fonts: &[usize]) -> Directory {
    let mut directory = Directory::default();
    let mut left = TABLES;
    for &font in fonts {
        let count = Big.u16(bytes, font.saturating_add(4)).unwrap_or(0);
        if count == 0 || count > left {
            directory.broken = Some(font.saturating_add(4));
            break;
        }
        left -= count;
        directory.end = directory.end.max(font + 12 + 16 * count);
        for record in (0..count).map(|index| font + 12 + 16 * index) {
            let name = bytes.get(record..record + 4).filter(|name| is_tag(name));
            let (Some(name), Some(start), Some(length)) =
                (name, Big.u32(bytes, record + 8), Big.u32(bytes, record + 12))
            else {
                directory.broken = Some(record);
                return directory;
            };
            let end = start.saturating_add(length);
            directory.end = directory.end.max(end);
            if name == b"name" {
                directory.names.insert((start, end));
            }
        }
    }
    directory
}

fn is_tag(name: &[u8]) -> bool {
    name.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// The long strings of a name table, one a line; `range` is where it stands in the file.
fn names(found: &mut Metadata<'_>, table: &[u8], range: Range<usize>) {
    let (Some(count), Some(storage)) = (Big.u16(table, 2), Big.u16(table, 4)) else { return };
    let mut lines = String::new();
    let mut seen = BTreeSet::new();
    for record in (0..count).map(|index| 6 + 12 * index) {
        let (Some(platform), Some(length), Some(offset)) =
            (Big.u16(table, record), Big.u16(table, record + 8), Big.u16(table, record + 10))
        else {
            break;
        };
        // Records may all lead to the same string.
        if !found.spend(12 + length) {
            break;
        }
        let start = storage + offset;
        let Some(bytes) = table.get(start..start + length) else { continue };
        // Unicode and Windows use UTF-16, the Macintosh one byte a letter.
        let string = if matches!(platform, 0 | 3) { Big.text(bytes) } else { text::view(bytes).into_owned() };
        if string.chars().count() >= SHORTEST && seen.insert(string.clone()) {
            lines.push_str(&string);
            lines.push('\n');
        }
    }
    found.made(range, lines.into_bytes());
}

/// Compressed fonts of the first generation.
pub fn woff(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    let count = Big.u16(bytes, 12).unwrap_or(0);
    let mut end = 44 + 20 * count;
    for record in (0..count).map(|index| 44 + 20 * index) {
        let (Some(start), Some(packed), Some(length)) =
            (Big.u32(bytes, record + 4), Big.u32(bytes, record + 8), Big.u32(bytes, record + 12))
        else {
            break;
        };
        let range = start..start.saturating_add(packed);
        end = end.max(range.end);
        let is_name = bytes.get(record..record + 4).is_some_and(|name| name == b"name");
        if is_name && packed < length {
            let table = found.inflate(range.clone());
            names(&mut found, &table, range);
        } else if is_name && let Some(table) = bytes.get(range.clone()) {
            names(&mut found, table, range);
        }
    }
    if let Some(range) = block(bytes, 24) {
        end = end.max(range.end);
        found.inflated(range);
    }
    if let Some(range) = block(bytes, 36) {
        end = end.max(range.end);
        found.unknown(range);
    }
    if count == 0 || end > bytes.len() {
        trailer::broken(&mut parsed, bytes, end, "the tables of the font are cut off");
    } else {
        finish(&mut parsed, bytes, end);
    }
    found.finish(&mut parsed);
    parsed
}

/// The block whose offset and length stand at `at`, if there is one.
fn block(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = Big.u32(bytes, at).filter(|start| *start > 0)?;
    Some(start..start.saturating_add(Big.u32(bytes, at + 4)?))
}

/// Compressed fonts of the second generation. Their tables are in Brotli, which nothing else here needs.
pub fn woff2(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    if let Some(range) = block(bytes, 40) {
        found.unknown(range);
    }
    match Big.u32(bytes, 8).filter(|end| (48..=bytes.len()).contains(end)) {
        Some(end) => trailer::add(&mut parsed, bytes, end),
        None => trailer::broken(&mut parsed, bytes, bytes.len().min(48), "the font is shorter than its header says"),
    }
    found.finish(&mut parsed);
    parsed
}
