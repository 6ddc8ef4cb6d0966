//! Text in EXIF, which is a TIFF without pictures. Refuses to follow its
//! directories in circles, and to read more of them than a camera writes.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::parse::binary::field::Order;
use crate::parse::binary::metadata::Metadata;

/// Entries that lead to further directories.
const DIRECTORIES: [usize; 4] = [0x014a, 0x8769, 0x8825, 0xa005];

/// Comment of whoever took the picture, after eight bytes that name its character set.
const USER_COMMENT: usize = 0x9286;

/// Title, comment, author, keywords and subject of Windows, in UTF-16LE.
const WINDOWS: Range<usize> = 0x9c9b..0x9ca0;

/// XMP and IPTC inside EXIF.
const PACKETS: [usize; 3] = [0x02bc, 0x83bb, 0x8649];

/// One entry of a directory.
struct Entry {
    tag: usize,
    is_text: bool,
    value: usize,
    range: Range<usize>,
}

/// Collects the texts of the TIFF at `whole`, or of the one behind the mark that JPEG puts before it.
pub(super) fn read(found: &mut Metadata<'_>, whole: Range<usize>) {
    let bytes = found.bytes;
    let has_mark = bytes.get(whole.clone()).is_some_and(|tiff| tiff.starts_with(b"Exif\0"));
    let whole = if has_mark { whole.start + 6..whole.end } else { whole };
    let Some(tiff) = bytes.get(whole.clone()) else { return };
    let order = match tiff.first_chunk::<4>() {
        Some(b"II*\0") => Order::Little,
        Some(b"MM\0*") => Order::Big,
        _ => return,
    };
    let mut queue = vec![4];
    let mut seen = BTreeSet::new();
    while let Some(link) = queue.pop() {
        let Some(at) = order.u32(tiff, link).filter(|at| *at >= 8 && seen.insert(*at)) else { continue };
        if found.entries == 0 {
            found.is_over = true;
            return;
        }
        found.entries -= 1;
        directory(found, tiff, order, at, whole.start, &mut queue);
    }
}

/// Reads the directory at `at`; places that link to further ones are added to `queue`.
fn directory(found: &mut Metadata<'_>, tiff: &[u8], order: Order, at: usize, offset: usize, queue: &mut Vec<usize>) {
    let count = order.u16(tiff, at).unwrap_or(0);
    queue.push(at + 2 + 12 * count);
    found.is_over |= count > found.entries;
    for index in 0..count.min(found.entries) {
        found.entries -= 1;
        let Some(entry) = entry(tiff, order, at + 2 + 12 * index) else { return };
        let range = offset + entry.range.start..offset + entry.range.end;
        if DIRECTORIES.contains(&entry.tag) {
            queue.push(entry.value);
        } else if entry.tag == USER_COMMENT {
            comment(found, range, order);
        } else if WINDOWS.contains(&entry.tag) {
            found.utf16(range, Order::Little);
        } else if PACKETS.contains(&entry.tag) {
            found.unknown(range);
        } else if entry.is_text {
            found.cut(range);
        }
    }
}

/// The entry at `at`, its value no longer than the TIFF has bytes.
fn entry(tiff: &[u8], order: Order, at: usize) -> Option<Entry> {
    let form = order.u16(tiff, at + 2)?;
    let width = match form {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 => 8,
        _ => 1,
    };
    let size = order.u32(tiff, at + 4)?.checked_mul(width)?;
    let start = if size <= 4 { at + 8 } else { order.u32(tiff, at + 8)? };
    let start = start.min(tiff.len());
    let end = start.saturating_add(size).min(tiff.len());
    // Both forms of text, in ASCII and in UTF-8.
    Some(Entry { tag: order.u16(tiff, at)?, is_text: matches!(form, 2 | 129), value: at + 8, range: start..end })
}

fn comment(found: &mut Metadata<'_>, range: Range<usize>, order: Order) {
    let bytes = found.bytes;
    let part = bytes.get(range.clone()).unwrap_or(b"");
    let text = range.start.saturating_add(8).min(range.end)..range.end;
    if !part.starts_with(b"UNICODE") {
        found.cut(if is_charset(part) { text } else { range });
        return;
    }
    // Writers disagree on whose byte order it is in; Latin letters tell.
    let zeros = |from: usize| part.iter().skip(8 + from).step_by(2).take(64).filter(|byte| **byte == 0).count();
    let order = match (zeros(0), zeros(1)) {
        (high, low) if high > low => Order::Big,
        (high, low) if high < low => Order::Little,
        _ => order,
    };
    found.utf16(text, order);
}

/// Whether a comment begins with the name of a character set, or with the eight zeros for none.
fn is_charset(part: &[u8]) -> bool {
    [b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0\0\0\0\0\0\0\0"].iter().any(|name| part.starts_with(*name))
}
