//! JPEG: its comments, EXIF, XMP and IPTC, and what follows the end of the
//! picture through all of its scans.

use std::ops::Range;

use super::exif;
use crate::limits::Limits;
use crate::parse::Parsed;
use crate::parse::binary::field::Order::Big;
use crate::parse::binary::metadata::Metadata;
use crate::parse::binary::trailer;

/// Bytes between two segments that are more than padding.
const STRAY: usize = 16;

/// XMP that is too long for one segment comes in parts, each after a name and two numbers.
const LONG_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// Text of a JPEG, and what follows its end mark.
pub fn jpeg(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    match segments(&mut found) {
        Ok(end) if is_picture(bytes.get(end..).unwrap_or(b"")) => trailer::carried(&mut parsed, bytes, end),
        Ok(end) => trailer::add(&mut parsed, bytes, end),
        Err(at) => trailer::broken(&mut parsed, bytes, at, "the segments of the picture break off before its end mark"),
    }
    found.finish(&mut parsed);
    parsed
}

/// Whether a further picture follows, as cameras and phones write it: a smaller one, or a film.
fn is_picture(rest: &[u8]) -> bool {
    let padding = rest.iter().take_while(|byte| **byte == 0).count();
    rest.get(padding..).is_some_and(|rest| rest.starts_with(b"\xff\xd8\xff"))
        || rest.get(4..8).is_some_and(|name| name == b"ftyp")
}

/// Where the picture ends, or where its structure breaks.
fn segments(found: &mut Metadata<'_>) -> Result<usize, usize> {
    let bytes = found.bytes;
    let mut at = 2;
    loop {
        let (place, code) = marker(bytes, at).ok_or(at)?;
        if place - at > STRAY {
            found.unknown(at..place);
        }
        match code {
            0xd9 => return Ok(place + 1),
            // Marks without a length.
            0x00 | 0x01 | 0xd0..=0xd8 => {
                at = place + 1;
                continue;
            }
            _ => {}
        }
        let length = Big.u16(bytes, place + 1).filter(|length| *length >= 2).ok_or(at)?;
        let end = place + 1 + length;
        if end > bytes.len() {
            return Err(at);
        }
        read(found, code, place + 3..end);
        at = if code == 0xda { after_scan(bytes, end).ok_or(bytes.len())? } else { end };
    }
}

/// Place and code of the first marker from `at` on, after any number of fill bytes.
fn marker(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let start = at + memchr::memchr(0xff, bytes.get(at..)?)?;
    let place = start + bytes.get(start..)?.iter().position(|byte| *byte != 0xff)?;
    Some((place, *bytes.get(place)?))
}

/// The first marker from `at` on that is not part of the pixels.
fn after_scan(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        at += memchr::memchr(0xff, bytes.get(at..)?)?;
        match bytes.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

fn read(found: &mut Metadata<'_>, code: u8, data: Range<usize>) {
    let bytes = found.bytes;
    let part = bytes.get(data.clone()).unwrap_or(b"");
    match code {
        0xfe => found.cut(data),
        0xe1 if part.starts_with(b"Exif\0") => exif::read(found, data),
        0xe1 if part.starts_with(LONG_XMP) => found.unknown(data.start + LONG_XMP.len() + 40..data.end),
        0xe1 => {
            let name = part.iter().position(|byte| *byte == 0).map_or(0, |length| length + 1);
            found.unknown(data.start + name..data.end);
        }
        // IPTC: texts between numbers.
        0xed => found.strings(data),
        0xe0..=0xef => found.unknown(data),
        _ => {}
    }
}
