//! Pictures and sound: the text that they carry, and what follows their end.
//! Refuses to decode a single pixel: what a picture shows is not looked at.

use std::ops::Range;

use super::field::Order::Little;
use super::metadata::Metadata;
use super::{strings, trailer};
use crate::limits::Limits;
use crate::parse::Parsed;

mod exif;
mod jpeg;
mod png;
mod riff;
mod tag;

pub use jpeg::jpeg;
pub use png::png;
pub use riff::riff;
pub use tag::id3;

/// Comments and application text of a GIF, and what follows its end mark.
pub fn gif(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    match blocks(&mut found) {
        Ok(end) => trailer::add(&mut parsed, bytes, end),
        Err(at) => trailer::broken(&mut parsed, bytes, at, "the blocks of the picture break off before its end mark"),
    }
    found.finish(&mut parsed);
    parsed
}

/// Where the picture ends, or where its structure breaks.
fn blocks(found: &mut Metadata<'_>) -> Result<usize, usize> {
    let bytes = found.bytes;
    let mut at = 13 + color_table(bytes, 10).ok_or(bytes.len())?;
    loop {
        let next = match bytes.get(at) {
            Some(0x3b) => return Ok(at + 1),
            Some(0x2c) => color_table(bytes, at + 9).and_then(|table| sub_blocks(bytes, at + 11 + table)),
            Some(0x21) => extension(found, at),
            _ => None,
        };
        at = next.ok_or(at)?;
    }
}

/// Length of the colour table that the flags at `at` announce.
fn color_table(bytes: &[u8], at: usize) -> Option<usize> {
    let flags = *bytes.get(at)?;
    Some(if flags & 0x80 == 0 { 0 } else { 3_usize << ((flags & 7) + 1) })
}

/// End of the chain of blocks, each after its length, that starts at `at`.
fn sub_blocks(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Reads the extension at `at` and gives its end.
fn extension(found: &mut Metadata<'_>, at: usize) -> Option<usize> {
    let bytes = found.bytes;
    let label = *bytes.get(at + 1)?;
    let end = sub_blocks(bytes, at + 2)?;
    let head = 1 + usize::from(*bytes.get(at + 2)?);
    let data = match label {
        0xfe => at + 2..end,
        // Plain text and applications say in a first block what they are.
        0x01 | 0xff => at + 2 + head..end,
        _ => return Some(end),
    };
    if bytes.get(at + 3..at + 14).is_some_and(|name| name == b"XMP DataXMP") {
        // It stands there without lengths; 258 bytes behind it lead readers of blocks to its end.
        found.cut(data.start..end.saturating_sub(258).max(data.start));
        return Some(end);
    }
    let first = usize::from(bytes.get(data.start).copied().unwrap_or(0));
    if first > 0 && data.start + first + 2 == end && label == 0xfe {
        found.cut(data.start + 1..end - 1);
        return Some(end);
    }
    let text = joined(bytes, data.clone());
    if label == 0xfe || strings::is_printable(&text) {
        found.made(data, text);
    }
    Some(end)
}

/// The blocks in `range` without their lengths.
fn joined(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    let mut text = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let length = usize::from(bytes.get(at).copied().unwrap_or(0));
        text.extend_from_slice(bytes.get(at + 1..at + 1 + length).unwrap_or(b""));
        at += 1 + length;
    }
    text
}

/// What follows the pixels of a BMP.
pub fn bmp(bytes: &[u8], _: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    match bitmap_end(bytes).filter(|end| (26..=bytes.len()).contains(end)) {
        Some(end) => trailer::add(&mut parsed, bytes, end),
        None => trailer::broken(&mut parsed, bytes, 14, "the picture is shorter than its header says"),
    }
    parsed
}

/// Where the pixels end. The file size in the header is whatever its writer likes, so it comes last.
fn bitmap_end(bytes: &[u8]) -> Option<usize> {
    let said = Little.u32(bytes, 2)?;
    let pixels = Little.u32(bytes, 10)?;
    let header = Little.u32(bytes, 14)?;
    if header == 12 {
        let (width, height) = (Little.u16(bytes, 18)?, Little.u16(bytes, 20)?);
        return pixels.checked_add(rows(width, height, Little.u16(bytes, 24)?)?);
    }
    if header >= 124 {
        // A colour profile may follow the pixels.
        return Some(said);
    }
    let width = Little.u32(bytes, 18)?;
    // Negative if the rows run downwards.
    let height = (Little.u32(bytes, 22)? as i32).unsigned_abs() as usize;
    let (bits, packing, size) = (Little.u16(bytes, 28)?, Little.u32(bytes, 30)?, Little.u32(bytes, 34)?);
    match packing {
        0 | 3 | 6 => pixels.checked_add(rows(width, height, bits)?),
        _ if size > 0 => pixels.checked_add(size),
        _ => Some(said),
    }
}

/// Bytes of so many rows, each padded to four.
fn rows(width: usize, height: usize, bits: usize) -> Option<usize> {
    width.checked_mul(bits)?.div_ceil(32).checked_mul(4)?.checked_mul(height)
}

/// Text in the pictures of an icon, and what follows the last of them.
pub fn ico(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    let count = Little.u16(bytes, 4).unwrap_or(0);
    let directory = 6 + 16 * count;
    let picture = |index: usize| {
        let size = Little.u32(bytes, 14 + 16 * index)?;
        let start = Little.u32(bytes, 18 + 16 * index)?;
        Some(start..start.checked_add(size)?)
    };
    let mut pictures: Vec<Range<usize>> = (0..count).map_while(picture).collect();
    pictures.sort_by_key(|picture| (picture.start, picture.end));
    let end = pictures.iter().map(|picture| picture.end).max().unwrap_or(0).max(directory);
    if end > bytes.len() {
        trailer::broken(&mut parsed, bytes, directory, "the pictures of the icon are cut off");
    } else {
        trailer::add(&mut parsed, bytes, end);
    }
    let mut seen = 0;
    for picture in pictures {
        // Pictures on top of one another are read once.
        let is_png = bytes.get(picture.start..).is_some_and(|rest| rest.starts_with(png::SIGNATURE));
        if picture.start >= seen && is_png {
            seen = picture.end;
            // A broken one is a blank icon; its bytes are scanned with the file.
            let _ = png::chunks(&mut found, picture);
        }
    }
    found.finish(&mut parsed);
    parsed
}
