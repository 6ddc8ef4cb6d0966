//! Peels encodings: what stands in a text in another form becomes an artifact
//! of its own, so that every engine sees it as it sees files.

use std::ops::Range;

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD};

use crate::artifact::{Map, Op, Piece};
use crate::parse::{Child, Kind};

pub mod encoding;
pub mod layout;
mod runs;
pub mod unicode;

/// Everything that can be decoded out of a text, in order of place.
pub fn layers(text: &str, kind: Kind) -> Vec<Child> {
    let mut children = Vec::new();
    runs::encoded(text, &mut children);
    if text.contains('%') {
        runs::percent(text, &mut children);
    }
    if text.contains('\\') {
        runs::escapes(text, &mut children);
    }
    if text.contains("&#") && matches!(kind, Kind::Markdown | Kind::Markup | Kind::Text | Kind::Toml | Kind::Ini) {
        // A single one inside markup is enough to hide a scheme.
        runs::entities(text, if kind == Kind::Markup { 1 } else { 3 }, &mut children);
    }
    if unicode::may_hide(text) {
        unicode::layers(text, &mut children);
    }
    children.sort_by_key(|child| (child.range.start, child.range.end));
    children
}

/// Base64 of either alphabet, white space and padding ignored.
pub fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let mut digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=').collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    let is_url = digits.iter().any(|b| matches!(b, b'-' | b'_'));
    let encoding = if is_url { BASE64URL_NOPAD } else { BASE64_NOPAD };
    let mut spec = encoding.specification();
    spec.check_trailing_bits = false;
    spec.encoding().ok()?.decode(&digits).ok().filter(|bytes| !bytes.is_empty())
}

/// Base32, white space and padding ignored.
pub fn base32_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=').map(|b| b.to_ascii_uppercase()).collect();
    BASE32_NOPAD.decode(&digits).ok().filter(|bytes| !bytes.is_empty())
}

/// Pairs of hexadecimal digits, white space and `\x`, `0x` ignored.
pub fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("\\x", "").replace("0x", "");
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b',').collect();
    data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok().filter(|bytes| !bytes.is_empty())
}

/// Backslash escapes as shells, JavaScript, Python and JSON read them; `None` if there are none.
pub fn unescape(text: &str) -> Option<(String, Vec<Piece>)> {
    if !text.contains('\\') {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut map: Vec<Piece> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let plain = rest.find('\\').unwrap_or(rest.len());
        if plain > 0 {
            map.push(Piece { at: out.len() as u32, from: at as u32, len: plain as u32, from_len: plain as u32 });
            let (head, tail) = rest.split_at(plain);
            out.push_str(head);
            rest = tail;
            continue;
        }
        let (decoded, length) = one_escape(rest);
        let before = out.len();
        out.extend(decoded);
        map.push(Piece {
            at: before as u32,
            from: at as u32,
            len: (out.len() - before) as u32,
            from_len: length as u32,
        });
        rest = rest.get(length..).unwrap_or("");
    }
    Some((out, map))
}

/// The character that the escape at the start of `text` stands for, and the escape's length.
fn one_escape(text: &str) -> (Option<char>, usize) {
    let hex = |range: Range<usize>| -> Option<char> {
        char::from_u32(
            u32::from_str_radix(text.get(range).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?, 16).ok()?,
        )
    };
    let mut chars = text.chars();
    chars.next();
    let Some(letter) = chars.next() else { return (Some('\\'), 1) };
    let simple = |c: char| (Some(c), 1 + letter.len_utf8());
    match letter {
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        '\n' => (None, 2),
        'x' => hex(2..4).map_or((Some('x'), 2), |c| (Some(c), 4)),
        'u' => {
            if let Some(end) = text.strip_prefix("\\u{").and_then(|r| r.bytes().take(8).position(|b| b == b'}')) {
                return hex(3..3 + end).map_or((Some('u'), 2), |c| (Some(c), 4 + end));
            }
            hex(2..6).map_or((Some('u'), 2), |c| (Some(c), 6))
        }
        'U' => hex(2..10).map_or((Some('U'), 2), |c| (Some(c), 10)),
        '0'..='7' => {
            let digits = text.bytes().skip(1).take(4).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let digits = if letter == '0' { digits } else { digits.min(3) };
            let value = text.get(1..1 + digits).and_then(|d| u32::from_str_radix(d, 8).ok()).and_then(char::from_u32);
            (value, 1 + digits)
        }
        other => simple(other),
    }
}

/// Whether decoded bytes are worth looking at: text, or a container or program that is known by its first bytes.
pub(crate) fn is_plausible(bytes: &[u8]) -> bool {
    const MAGIC: [&[u8]; 10] = [
        b"\x7fELF",
        b"MZ",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"%PDF",
        b"\x80\x04",
        b"\x80\x05",
        b"#!",
    ];
    if MAGIC.iter().any(|magic| bytes.starts_with(magic)) && bytes.len() >= 16 {
        return true;
    }
    let printable = bytes.iter().filter(|b| (b' '..=b'~').contains(b) || matches!(b, b'\n' | b'\t' | b'\r')).count();
    printable == bytes.len() || (std::str::from_utf8(bytes).is_ok() && printable * 10 >= bytes.len() * 7)
}

/// An artifact that was decoded out of `range`.
fn decoded(op: Op, range: Range<usize>, bytes: Vec<u8>, map: Map) -> Child {
    Child { map, ..Child::made(op, range, bytes) }
}
