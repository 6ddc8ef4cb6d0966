//! Runs of encoded text: base64, hexadecimal, percent, escapes, entities.

use std::sync::LazyLock;

use regex::Regex;

use crate::text;

use super::*;

/// Shortest base64 and hexadecimal runs that are tried, in digits.
const SHORTEST: usize = 20;

/// Base64 and hexadecimal runs of any length, found by one pass over the bytes.
pub(super) fn encoded(text: &str, children: &mut Vec<Child>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_digit(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && (is_digit(bytes[at]) || is_wrap(bytes, at)) {
            at += 1;
        }
        let mut end = at;
        while end > start && !is_digit(bytes[end - 1]) {
            end -= 1;
        }
        if end - start >= SHORTEST {
            run(text, start..end, children);
        }
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// A line break inside wrapped base64: full lines on both sides.
fn is_wrap(bytes: &[u8], at: usize) -> bool {
    let line_is_full = || at >= 60 && bytes[at - 60..at].iter().all(|&b| is_digit(b));
    bytes[at] == b'\n' && line_is_full() && bytes.get(at + 1).is_some_and(|&b| is_digit(b))
}

fn run(text: &str, range: Range<usize>, children: &mut Vec<Child>) {
    let Some(digits) = text.get(range.clone()) else { return };
    let compact: usize = digits.bytes().filter(|b| *b != b'\n').count();
    if digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'\n') {
        if compact.is_multiple_of(2)
            && let Some(bytes) = hex_bytes(digits).filter(|bytes| is_plausible(bytes))
        {
            children.push(decoded(Op::Hex, range, bytes, Map::Opaque));
        }
        return;
    }
    // Words joined by slashes, dashes or capitals are not base64: real base64 mixes cases and digits.
    let has = |test: fn(u8) -> bool| digits.bytes().any(test);
    if !has(|b| b.is_ascii_uppercase()) || !has(|b| b.is_ascii_lowercase()) {
        return;
    }
    if let Some(bytes) = base64_bytes(digits).filter(|bytes| is_plausible(bytes)) {
        children.push(decoded(Op::Base64, range, bytes, Map::Opaque));
    }
}

/// Words with three or more percent-encoded bytes.
pub(super) fn percent(text: &str, children: &mut Vec<Child>) {
    let bytes = text.as_bytes();
    let ends_word = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>');
    let mut next = 0;
    for at in memchr::memchr_iter(b'%', bytes) {
        if at < next || percent_byte(bytes, at).is_none() {
            continue;
        }
        let start = bytes[next..at].iter().rposition(ends_word).map_or(next, |i| next + i + 1);
        let end = bytes[at..].iter().position(ends_word).map_or(bytes.len(), |i| at + i);
        next = end;
        if memchr::memchr_iter(b'%', &bytes[at..end]).filter(|i| percent_byte(bytes, at + i).is_some()).count() < 3 {
            continue;
        }
        let mut out = Vec::new();
        let mut map = Vec::new();
        let mut at = start;
        while at < end {
            let (byte, length) = percent_byte(bytes, at).map_or((bytes[at], 1), |byte| (byte, 3));
            map.push(Piece { at: out.len() as u32, from: at as u32, len: 1, from_len: length });
            out.push(byte);
            at += length as usize;
        }
        if is_plausible(&out) {
            children.push(decoded(Op::Percent, start..end, out, Map::Pieces(map)));
        }
    }
}

/// The byte that `%XX` at this place stands for.
fn percent_byte(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = bytes.get(at..at + 3)?.strip_prefix(b"%")?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Runs with four or more escapes of printable ASCII, such as `\x63\x75…`.
pub(super) fn escapes(text: &str, children: &mut Vec<Child>) {
    let bytes = text.as_bytes();
    let goes_on = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'.' | b'/' | b':' | b'=' | b'-' | b'{' | b'}' | b'|')
    };
    let mut at = 0;
    while let Some(start) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or(b"")).map(|i| at + i) {
        let mut end = start;
        let mut count = 0;
        while let Some(byte) = bytes.get(end) {
            if let Some(length) = printable_escape(bytes, end) {
                count += 1;
                end += length;
            } else if goes_on(byte) {
                end += 1;
            } else {
                break;
            }
        }
        at = end.max(start + 1);
        if count < 4 {
            continue;
        }
        let Some((out, mut map)) = text.get(start..end).and_then(unescape) else { continue };
        for piece in &mut map {
            piece.from += start as u32;
        }
        children.push(decoded(Op::Escape, start..end, out.into_bytes(), Map::Pieces(map)));
    }
}

/// Length of an escape of a printable character at this place.
fn printable_escape(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?.strip_prefix(b"\\")?;
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit) && matches!(digits.first(), Some(b'2'..=b'7'));
    match rest {
        [b'x', a, b, ..] if hex(&[*a, *b]) => Some(4),
        [b'u', b'0', b'0', a, b, ..] if hex(&[*a, *b]) => Some(6),
        [b'u', b'{', a, b, b'}', ..] if hex(&[*a, *b]) => Some(6),
        [b'0', b'0'..=b'1', b'0'..=b'7', b'0'..=b'7', ..] => Some(5),
        [b'0'..=b'1', b'0'..=b'7', b'0'..=b'7', ..] => Some(4),
        _ => None,
    }
}

/// A line with three or more numeric character references of ASCII, decoded.
pub(super) fn entities(text: &str, least: usize, children: &mut Vec<Child>) {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| text::regex(r"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));?"));
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        let value = |found: &regex::Captures<'_>| {
            let (digits, radix) = found.get(1).map(|m| (m, 16)).or_else(|| found.get(2).map(|m| (m, 10)))?;
            char::from_u32(u32::from_str_radix(digits.as_str(), radix).ok()?)
        };
        let letters = REFERENCE
            .captures_iter(line)
            .filter(|found| value(found).is_some_and(|c| c.is_ascii_alphanumeric()))
            .count();
        if letters < least {
            continue;
        }
        let mut out = String::new();
        let mut map = Vec::new();
        let mut at = 0;
        let plain = |out: &mut String, map: &mut Vec<Piece>, from: usize, to: usize| {
            if let Some(part) = line.get(from..to).filter(|part| !part.is_empty()) {
                map.push(Piece {
                    at: out.len() as u32,
                    from: (range.start + from) as u32,
                    len: part.len() as u32,
                    from_len: part.len() as u32,
                });
                out.push_str(part);
            }
        };
        for found in REFERENCE.captures_iter(line) {
            let (Some(whole), Some(c)) = (found.get(0), value(&found)) else { continue };
            plain(&mut out, &mut map, at, whole.start());
            map.push(Piece {
                at: out.len() as u32,
                from: (range.start + whole.start()) as u32,
                len: c.len_utf8() as u32,
                from_len: whole.len() as u32,
            });
            out.push(c);
            at = whole.end();
        }
        plain(&mut out, &mut map, at, line.len());
        children.push(decoded(Op::Entity, range, out.into_bytes(), Map::Pieces(map)));
    }
}
