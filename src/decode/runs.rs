//! Runs of encoded text: base64, hexadecimal, percent, escapes, entities.

use std::sync::LazyLock;

use regex::Regex;

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
        if compact % 2 == 0
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

/// Text with three or more percent-encoded bytes in one word.
pub(super) fn percent(text: &str, children: &mut Vec<Child>) {
    static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"[^\s"'`<>]*(?:%[0-9A-Fa-f]{2}[^\s"'`<>%]{0,40}){3,}"#).expect("pattern is constant"));
    for found in WORD.find_iter(text) {
        let mut out = Vec::new();
        let mut map = Vec::new();
        let bytes = found.as_str().as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let hex = bytes.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
            let (byte, length) = match (bytes[at], hex) {
                (b'%', Some(byte)) => (byte, 3),
                (byte, _) => (byte, 1),
            };
            map.push(Piece { at: out.len() as u32, from: (found.start() + at) as u32, len: 1, from_len: length });
            out.push(byte);
            at += length as usize;
        }
        if is_plausible(&out) {
            children.push(decoded(Op::Percent, found.range(), out, Map::Pieces(map)));
        }
    }
}

/// Text with four or more `\x` or `\u` escapes of printable ASCII.
pub(super) fn escapes(text: &str, children: &mut Vec<Child>) {
    static RUN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:\\x[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|\\u\{[0-9A-Fa-f]{2}\}|\\[0-3]?[0-7]{2}|[\w ./:=-]){0,200}(?:\\x[2-7][0-9A-Fa-f]|\\u00[2-7][0-9A-Fa-f]|\\u\{[2-7][0-9A-Fa-f]\}|\\1[0-7]{2}|\\0[0-7]{2,3}){4,}(?:\\x[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|\\u\{[0-9A-Fa-f]{2}\}|\\[0-3]?[0-7]{2}|[\w ./:=-])*"#).expect("pattern is constant")
    });
    if !text.contains("\\x") && !text.contains("\\u") && !text.contains("\\1") && !text.contains("\\0") {
        return;
    }
    for found in RUN.find_iter(text) {
        let Some((out, mut map)) = unescape(found.as_str()) else { continue };
        for piece in &mut map {
            piece.from += found.start() as u32;
        }
        children.push(decoded(Op::Escape, found.range(), out.into_bytes(), Map::Pieces(map)));
    }
}

/// A line with three or more numeric character references of ASCII, decoded.
pub(super) fn entities(text: &str, children: &mut Vec<Child>) {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));?").expect("pattern is constant"));
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        let value = |found: &regex::Captures<'_>| {
            let (digits, radix) = found.get(1).map(|m| (m, 16)).or_else(|| found.get(2).map(|m| (m, 10)))?;
            char::from_u32(u32::from_str_radix(digits.as_str(), radix).ok()?)
        };
        let letters = REFERENCE.captures_iter(line).filter(|found| value(found).is_some_and(|c| c.is_ascii_alphanumeric())).count();
        if letters < 3 {
            continue;
        }
        let mut out = String::new();
        let mut map = Vec::new();
        let mut at = 0;
        let plain = |out: &mut String, map: &mut Vec<Piece>, from: usize, to: usize| {
            if let Some(part) = line.get(from..to).filter(|part| !part.is_empty()) {
                map.push(Piece { at: out.len() as u32, from: (range.start + from) as u32, len: part.len() as u32, from_len: part.len() as u32 });
                out.push_str(part);
            }
        };
        for found in REFERENCE.captures_iter(line) {
            let (Some(whole), Some(c)) = (found.get(0), value(&found)) else { continue };
            plain(&mut out, &mut map, at, whole.start());
            map.push(Piece { at: out.len() as u32, from: (range.start + whole.start()) as u32, len: c.len_utf8() as u32, from_len: whole.len() as u32 });
            out.push(c);
            at = whole.end();
        }
        plain(&mut out, &mut map, at, line.len());
        children.push(decoded(Op::Entity, range, out.into_bytes(), Map::Pieces(map)));
    }
}
