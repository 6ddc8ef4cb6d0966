//! RIFF, which is WebP, WAV and AVI: its texts, and what follows the length
//! that it gives itself.

use std::ops::Range;

use super::{exif, tag};
use crate::limits::Limits;
use crate::parse::Parsed;
use crate::parse::binary::field::Order::Little;
use crate::parse::binary::metadata::Metadata;
use crate::parse::binary::trailer;

/// Length of what was written into a pipe.
const UNKNOWN: usize = u32::MAX as usize;

/// Texts of a RIFF file, and what follows its end.
pub fn riff(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    let size = Little.u32(bytes, 4).unwrap_or(0);
    let said = if size == UNKNOWN { bytes.len() } else { size.saturating_add(8) };
    let end = said.min(bytes.len());
    if let Err(at) = chunks(&mut found, end) {
        trailer::broken(&mut parsed, bytes, at, "a chunk is longer than the file");
    } else if said > end {
        trailer::broken(&mut parsed, bytes, end, "the file is shorter than its header says");
    }
    if parsed.facts.is_empty() {
        let has_padding = said % 2 == 1 && bytes.get(end) == Some(&0);
        trailer::add(&mut parsed, bytes, end + usize::from(has_padding));
    }
    found.finish(&mut parsed);
    parsed
}

/// Collects the texts of all chunks before `end`; lists are read as if their parts stood by themselves.
fn chunks(found: &mut Metadata<'_>, end: usize) -> Result<(), usize> {
    let bytes = found.bytes;
    let mut at = 12;
    let mut info_end = 0;
    while at + 8 <= end {
        let name = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(at)?;
        let size = Little.u32(bytes, at + 4).ok_or(at)?;
        let data = at + 8..(at + 8).saturating_add(size);
        if data.end > end {
            return if size == UNKNOWN && end == bytes.len() { Ok(()) } else { Err(at) };
        }
        if name == b"LIST" {
            if bytes.get(data.start..).is_some_and(|rest| rest.starts_with(b"INFO")) {
                info_end = data.end;
            }
            at = data.start + 4;
            continue;
        }
        let is_info = at < info_end;
        at = data.end + size % 2;
        read(found, name, data, is_info);
    }
    Ok(())
}

fn read(found: &mut Metadata<'_>, name: &[u8; 4], data: Range<usize>, is_info: bool) {
    match name {
        b"EXIF" | b"Exif" => exif::read(found, data),
        b"XMP " | b"_PMX" | b"iXML" | b"aXML" => found.cut(data),
        b"id3 " | b"ID3 " => {
            tag::frames(found, data);
        }
        // Labels of places in a sound, each after its number; fixed fields of broadcasters.
        b"labl" | b"note" => found.cut(data.start + 4..data.end),
        b"ltxt" | b"bext" => found.strings(data),
        _ if is_info => found.cut(data),
        // Pixels and sound.
        b"VP8 " | b"VP8L" | b"ALPH" | b"ANMF" | b"ICCP" | b"data" => {}
        _ => found.unknown(data),
    }
}
