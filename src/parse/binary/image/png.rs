//! PNG: its chunks of text, plain and compressed, and what follows its end.

use std::ops::Range;

use super::exif;
use crate::limits::Limits;
use crate::parse::Parsed;
use crate::parse::binary::field::Order::Big;
use crate::parse::binary::metadata::Metadata;
use crate::parse::binary::trailer;

/// First bytes.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Chunks that hold numbers and pixels.
const BINARY: [&[u8; 4]; 25] = [
    b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"hIST", b"pHYs",
    b"sPLT", b"tIME", b"acTL", b"fcTL", b"fdAT", b"cICP", b"mDCV", b"cLLI", b"oFFs", b"pCAL", b"sCAL", b"sTER",
    b"gIFx",
];

/// Text of a PNG, and what follows its end mark.
pub fn png(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    match chunks(&mut found, 0..bytes.len()) {
        Ok(end) => trailer::add(&mut parsed, bytes, end),
        Err(at) => trailer::broken(&mut parsed, bytes, at, "the chunks of the picture break off before its end mark"),
    }
    found.finish(&mut parsed);
    parsed
}

/// Collects the text of the PNG at `picture`; gives its end, or where its structure breaks.
pub(super) fn chunks(found: &mut Metadata<'_>, picture: Range<usize>) -> Result<usize, usize> {
    let bytes = found.bytes;
    let mut at = picture.start + SIGNATURE.len();
    loop {
        let (name, data) = chunk(bytes, at).filter(|(_, data)| data.end <= picture.end).ok_or(at)?;
        if name == b"IEND" {
            // The end mark is empty; what it says to hold is no part of the picture.
            return Ok(if data.is_empty() { (data.end + 4).min(picture.end) } else { data.start });
        }
        at = data.end + 4;
        read(found, name, data);
    }
}

/// Name and data of the chunk at `at`.
fn chunk(bytes: &[u8], at: usize) -> Option<(&[u8; 4], Range<usize>)> {
    let length = Big.u32(bytes, at)?;
    let name = bytes.get(at + 4..)?.first_chunk::<4>()?;
    let end = (at + 8).checked_add(length).filter(|end| *end <= bytes.len())?;
    Some((name, at + 8..end))
}

fn read(found: &mut Metadata<'_>, name: &[u8; 4], data: Range<usize>) {
    let bytes = found.bytes;
    match name {
        b"tEXt" => found.cut(after_nul(bytes, data.clone()).unwrap_or(data.start)..data.end),
        b"zTXt" => match after_nul(bytes, data.clone()) {
            // One byte names the compression, of which there is one.
            Some(method) => found.inflated(method + 1..data.end),
            None => found.unknown(data),
        },
        b"iTXt" => match international(bytes, data.clone()) {
            Some((true, text)) => found.inflated(text),
            Some((false, text)) => found.cut(text),
            None => found.unknown(data),
        },
        b"eXIf" => exif::read(found, data),
        other if BINARY.contains(&other) => {}
        _ => found.unknown(data),
    }
}

/// Whether the text of an iTXt chunk is compressed, and where it stands.
fn international(bytes: &[u8], data: Range<usize>) -> Option<(bool, Range<usize>)> {
    let flag = after_nul(bytes, data.clone())?;
    let translated = after_nul(bytes, flag + 2..data.end)?;
    let text = after_nul(bytes, translated..data.end)?;
    Some((*bytes.get(flag)? != 0, text..data.end))
}

/// What comes after the first NUL in `range`.
fn after_nul(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let start = range.start;
    bytes.get(range)?.iter().position(|byte| *byte == 0).map(|length| start + length + 1)
}
