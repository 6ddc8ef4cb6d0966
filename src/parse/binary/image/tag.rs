//! ID3, the tags of MP3: titles, comments, lyrics and whatever else is text.
//! Refuses to follow the sound itself, which has no end to find.

use std::ops::Range;

use crate::limits::Limits;
use crate::parse::Parsed;
use crate::parse::binary::field::Order::{Big, Little};
use crate::parse::binary::metadata::Metadata;
use crate::parse::binary::{strings, trailer};

/// Length of the old tag at the end of a file.
const OLD: usize = 128;

/// How the frames of a tag are written.
#[derive(Clone, Copy)]
struct Layout {
    /// Where the tag's frames stand in the file.
    start: usize,
    end: usize,
    /// Whether bytes were put into the tag that are not in its frames.
    is_stuffed: bool,
}

/// One frame, its places counted inside the tag.
struct Frame<'a> {
    name: &'a [u8],
    body: Range<usize>,
    is_stuffed: bool,
    is_packed: bool,
}

/// Texts of the tags of an MP3.
pub fn id3(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Metadata::new(bytes, limits);
    match frames(&mut found, 0..bytes.len()) {
        // Sound is never text.
        Some(end) if end <= bytes.len() => trailer::text(&mut parsed, bytes, end),
        _ => trailer::broken(&mut parsed, bytes, 10, "the tag is longer than the file"),
    }
    let old = bytes.len().saturating_sub(OLD);
    if bytes.get(old..).is_some_and(|tag| tag.starts_with(b"TAG")) {
        found.strings(old + 3..bytes.len());
    }
    found.finish(&mut parsed);
    parsed
}

/// Collects the texts of the tag at the start of `range`, and gives the end that it claims.
pub(super) fn frames(found: &mut Metadata<'_>, range: Range<usize>) -> Option<usize> {
    let bytes = found.bytes;
    let [b'I', b'D', b'3', version, _, flags, size @ ..] = *bytes.get(range.clone())?.first_chunk::<10>()? else {
        return None;
    };
    let start = range.start + 10;
    let end = start + seven_bits(size);
    let mut layout = Layout { start, end: end.min(range.end), is_stuffed: false };
    let mut tag = bytes.get(start..layout.end)?;
    let plain;
    if flags & 0x80 != 0 && version < 4 {
        plain = unstuffed(tag);
        tag = &plain;
        layout.is_stuffed = true;
    }
    let mut at = if flags & 0x40 == 0 { 0 } else { extended_header(tag, version) };
    while let Some(frame) = frame(tag, at, version) {
        at = frame.body.end;
        read(found, tag, layout, &frame);
    }
    Some(if flags & 0x10 == 0 { end } else { end + 10 })
}

/// Length of the extended header, which counts itself in one version and not in the other.
fn extended_header(tag: &[u8], version: u8) -> usize {
    match (version, tag.first_chunk::<4>()) {
        (3, Some(_)) => Big.u32(tag, 0).unwrap_or(0).saturating_add(4),
        (4, Some(size)) => seven_bits(*size),
        _ => 0,
    }
}

/// The frame at `at`; none where padding begins.
fn frame(tag: &[u8], at: usize, version: u8) -> Option<Frame<'_>> {
    let rest = tag.get(at..)?;
    let (name, size, head) = if version < 3 {
        let [_, _, _, a, b, c] = *rest.first_chunk::<6>()?;
        (rest.get(..3)?, Big.u32(&[0, a, b, c], 0)?, 6)
    } else {
        let size = *rest.get(4..)?.first_chunk::<4>()?;
        // Some writers of the fourth version do not know that it counts in seven bits.
        let is_seven = version >= 4 && size.iter().all(|byte| *byte < 0x80);
        (rest.get(..4)?, if is_seven { seven_bits(size) } else { Big.u32(&size, 0)? }, 10)
    };
    let is_name = name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let flags = if version < 3 { 0 } else { *rest.get(9)? };
    // What is not packed may still be preceded by its length.
    let counted = if version >= 4 && flags & 0x09 == 0x01 { 4 } else { 0 };
    let start = at + head + counted;
    let end = (at + head).checked_add(size).filter(|end| *end <= tag.len())?;
    is_name.then_some(Frame {
        name,
        body: start..end,
        is_stuffed: version >= 4 && flags & 0x02 != 0,
        is_packed: if version >= 4 { flags & 0x08 != 0 } else { flags & 0x80 != 0 },
    })
}

fn read(found: &mut Metadata<'_>, tag: &[u8], layout: Layout, frame: &Frame<'_>) {
    let whole = layout.start..layout.end;
    let place = layout.start + frame.body.start..layout.start + frame.body.end;
    if frame.is_packed {
        // Four bytes before the stream say how long it gets.
        if !layout.is_stuffed {
            found.inflated(place.start + 4..place.end);
        }
        return;
    }
    let body = tag.get(frame.body.clone()).unwrap_or(b"");
    let (encoding, head) = match (frame.name, body.first()) {
        (b"COMM" | b"USLT" | b"COM" | b"ULT", Some(first)) => (*first, 4),
        (b"WXXX" | b"WXX", Some(first)) | ([b'T', ..], Some(first)) => (*first, 1),
        ([b'W', ..], _) => (0, 0),
        _ if body.len() > 16 && strings::is_printable(body) => (0, 0),
        _ => return,
    };
    let is_wide = matches!(encoding, 1 | 2);
    if !is_wide && !layout.is_stuffed && !frame.is_stuffed {
        found.cut(place.start + head..place.end);
        return;
    }
    let text = body.get(head..).unwrap_or(b"");
    let text = if frame.is_stuffed { unstuffed(text) } else { text.to_vec() };
    let text = match encoding {
        1 => Little.text(&text).into_bytes(),
        2 => Big.text(&text).into_bytes(),
        _ => text,
    };
    found.made(if layout.is_stuffed { whole } else { place }, text);
}

/// A number of which each byte gives seven bits, so that no tag looks like sound.
fn seven_bits(bytes: [u8; 4]) -> usize {
    bytes.iter().fold(0, |number, byte| (number << 7) | usize::from(byte & 0x7f))
}

/// Takes out the zeros that were put after each `ff`, for the same reason.
fn unstuffed(bytes: &[u8]) -> Vec<u8> {
    let mut last = 0;
    let mut plain = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if !(last == 0xff && byte == 0) {
            plain.push(byte);
        }
        last = byte;
    }
    plain
}
