//! JSON, JSON5 and JSON with comments by their tokens. Lenient: whatever
//! stands between quotes is a string, so a broken file hides nothing.

use super::{KEYS, Values, short};

/// Where in the document a token stands.
#[derive(Default)]
struct Place {
    path: Vec<String>,
    key: String,
}

impl Place {
    fn enter(&mut self, is_list: bool) {
        let name = std::mem::take(&mut self.key);
        self.path.push(if is_list { format!("{name}[]") } else { name });
        if self.path.len() > 256 {
            self.path.remove(0);
        }
    }

    fn leave(&mut self) {
        self.path.pop();
        self.key.clear();
    }

    /// The key path of a value that stands here.
    fn full(&self) -> String {
        self.path
            .get(self.path.len().saturating_sub(KEYS)..)
            .unwrap_or(&[])
            .iter()
            .chain(std::iter::once(&self.key))
            .filter(|key| !key.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(".")
    }
}

/// Reads the values of a text that starts at `offset` of its document.
pub(super) fn read(text: &str, offset: usize, values: &mut Values) {
    let bytes = text.as_bytes();
    let mut place = Place::default();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                let start = at + 1;
                let mut end = start;
                while bytes.get(end).is_some_and(|&b| b != byte && b != b'\n') {
                    end += if bytes.get(end) == Some(&b'\\') { 2 } else { 1 };
                }
                let end = end.min(bytes.len());
                let raw = crate::text::slice(text, start..end);
                let value = crate::decode::unescape(raw).map_or_else(|| raw.to_owned(), |(value, _)| value);
                at = end + 1;
                if is_key(bytes, at) {
                    place.key = short(value);
                } else {
                    values.string(place.full(), value, start + offset..end + offset);
                }
            }
            b'{' | b'[' => {
                place.enter(byte == b'[');
                at += 1;
            }
            b'}' | b']' => {
                place.leave();
                at += 1;
            }
            b',' => {
                place.key.clear();
                at += 1;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += memchr::memchr(b'\n', bytes.get(at..).unwrap_or(b"")).unwrap_or(bytes.len());
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = memchr::memmem::find(bytes.get(at..).unwrap_or(b""), b"*/");
                at = end.map_or(bytes.len(), |length| at + length + 2);
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => {
                // A key of JSON5 needs no quotes.
                let is_word = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'-');
                let length = bytes.get(at..).unwrap_or(b"").iter().take_while(is_word).count();
                let word = crate::text::slice(text, at..at + length);
                let known = ["true", "false", "null"].iter().find(|known| word.eq_ignore_ascii_case(known));
                if is_key(bytes, at + length) {
                    place.key = short(word.to_owned());
                } else if let Some(known) = known {
                    values.scalar(place.full(), known, at + offset..at + length + offset);
                }
                at += length;
            }
            b'0'..=b'9' | b'-' | b'+' | b'.' => {
                let length = number(bytes.get(at..).unwrap_or(b""));
                let word = crate::text::slice(text, at..at + length);
                if length > 0 && is_key(bytes, at + length) {
                    place.key = short(word.to_owned());
                } else if length > 0 {
                    values.scalar(place.full(), word, at + offset..at + length + offset);
                }
                at += length.max(1);
            }
            _ => at += 1,
        }
    }
}

/// Whether a colon follows, so that what stands before it is a key.
fn is_key(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).unwrap_or(b"").iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':')
}

/// Length of the number that a text starts with, 0 if it is none.
fn number(bytes: &[u8]) -> usize {
    let is_part = |b: &&u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b'+' | b'-' | b'x' | b'X' | b'_');
    // What is longer is no number, and would be read again at each of its digits.
    let length = bytes.iter().take(65).take_while(is_part).count();
    let signs = bytes.iter().take(3).take_while(|b| matches!(b, b'+' | b'-' | b'.')).count();
    if length <= 64 && signs <= 2 && bytes.get(signs).is_some_and(u8::is_ascii_digit) { length } else { 0 }
}
