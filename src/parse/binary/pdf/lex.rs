//! Tokens of PDF syntax, shared by objects, content streams and character
//! maps. Refuses to fail: what is not closed ends where the bytes end, so
//! that every byte is read once.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{Encoding, WINDOWS_1252};

/// Longest name that is told apart, as it is written; the format allows 127 bytes, each of up to three.
const NAME: usize = 381;

/// One token; strings are ranges of what stands between their delimiters.
#[derive(Debug, Clone)]
pub(super) enum Token<'a> {
    /// `/Name`, with `#xx` decoded.
    Name(Cow<'a, [u8]>),
    /// `(…)`.
    Literal(Range<usize>),
    /// `<…>`.
    Hex(Range<usize>),
    /// An integer or a real.
    Number(f64),
    /// A keyword or an operator.
    Word(&'a [u8]),
    /// `<<`.
    DictOpen,
    /// `>>`.
    DictClose,
    /// `[`.
    ListOpen,
    /// `]`.
    ListClose,
    /// A delimiter that has no meaning here.
    Stray,
}

/// Reads tokens from a place onwards.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer of `bytes` from `at` on.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next token is looked for.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on from `at`; never backwards, or reading would not be linear.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = self.at.max(at);
    }

    /// The next token and where it starts.
    pub(super) fn next(&mut self) -> Option<(usize, Token<'a>)> {
        self.skip_blank();
        let start = self.at;
        let byte = *self.bytes.get(start)?;
        let pair = self.bytes.get(start.saturating_add(1)) == Some(&byte);
        self.at = start.saturating_add(1);
        let token = match byte {
            b'(' => Token::Literal(self.literal()),
            b'<' if pair => self.second(Token::DictOpen),
            b'<' => Token::Hex(self.hex()),
            b'>' if pair => self.second(Token::DictClose),
            b'[' => Token::ListOpen,
            b']' => Token::ListClose,
            b'/' => Token::Name(self.name()),
            b')' | b'>' | b'{' | b'}' => Token::Stray,
            _ => self.word(start),
        };
        Some((start, token))
    }

    fn second(&mut self, token: Token<'a>) -> Token<'a> {
        self.at = self.at.saturating_add(1);
        token
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(b"")
    }

    fn skip_blank(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == b'%' {
                let line = memchr::memchr2(b'\n', b'\r', self.rest());
                self.at = line.map_or(self.bytes.len(), |line| self.at.saturating_add(line));
            } else if is_blank(byte) {
                self.at = self.at.saturating_add(1);
            } else {
                return;
            }
        }
    }

    fn literal(&mut self) -> Range<usize> {
        let start = self.at;
        let mut depth = 1_usize;
        while let Some(found) = memchr::memchr3(b'(', b')', b'\\', self.rest()) {
            let at = self.at.saturating_add(found);
            self.at = at.saturating_add(1);
            match self.bytes.get(at) {
                Some(b'\\') => self.at = self.at.saturating_add(1).min(self.bytes.len()),
                Some(b'(') => depth = depth.saturating_add(1),
                _ => depth = depth.saturating_sub(1),
            }
            if depth == 0 {
                return start..at;
            }
        }
        self.at = self.bytes.len();
        start..self.at.max(start)
    }

    fn hex(&mut self) -> Range<usize> {
        let start = self.at;
        let end = memchr::memchr(b'>', self.rest()).map_or(self.bytes.len(), |found| start.saturating_add(found));
        self.at = end.saturating_add(1).min(self.bytes.len());
        start..end.max(start)
    }

    fn run(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| !is_regular(byte)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(length);
        rest.get(..length).unwrap_or(b"")
    }

    fn name(&mut self) -> Cow<'a, [u8]> {
        let raw = self.run();
        let raw = raw.get(..raw.len().min(NAME)).unwrap_or(b"");
        if !raw.contains(&b'#') {
            return Cow::Borrowed(raw);
        }
        let mut out = Vec::with_capacity(raw.len());
        let mut at = 0_usize;
        while let Some(&byte) = raw.get(at) {
            let pair = raw.get(at.saturating_add(1)..at.saturating_add(3));
            let decoded = pair.filter(|_| byte == b'#').and_then(|pair| match pair {
                [high, low] => Some((hex_digit(*high)? << 4) | hex_digit(*low)?),
                _ => None,
            });
            out.push(decoded.unwrap_or(byte));
            at = at.saturating_add(if decoded.is_some() { 3 } else { 1 });
        }
        Cow::Owned(out)
    }

    fn word(&mut self, start: usize) -> Token<'a> {
        self.at = start;
        let word = self.run();
        let is_number = word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
        if is_number && word.iter().any(u8::is_ascii_digit) {
            let value = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
            return Token::Number(value.unwrap_or(0.0));
        }
        if word.is_empty() {
            self.at = start.saturating_add(1);
            return Token::Stray;
        }
        Token::Word(word)
    }
}

/// White space of the format.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Neither white space nor a delimiter.
fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// The value of a hexadecimal digit.
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The bytes of a string token, `None` for any other.
pub(super) fn string(bytes: &[u8], token: &Token<'_>) -> Option<Vec<u8>> {
    match token {
        Token::Literal(range) => Some(literal(bytes.get(range.clone())?)),
        Token::Hex(range) => Some(hex(bytes.get(range.clone())?)),
        _ => None,
    }
}

fn literal(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&escaped, tail)) = rest.split_first() else { break };
        match escaped {
            b'0'..=b'7' => {
                let digits = rest.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
                let (octal, tail) = rest.split_at(digits);
                out.push(octal.iter().fold(0_u8, |value, digit| (value << 3) | (digit & 7)));
                rest = tail;
                continue;
            }
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'\r' => {
                rest = tail.strip_prefix(b"\n").unwrap_or(tail);
                continue;
            }
            b'\n' => {}
            other => out.push(other),
        }
        rest = tail;
    }
    out
}

/// Bytes that hexadecimal digits stand for; an odd last digit counts as the high half.
pub(super) fn hex(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 2);
    let mut high = None;
    for digit in raw.iter().filter_map(|&byte| hex_digit(byte)) {
        match high.take() {
            Some(first) => out.push(first | digit),
            None => high = Some(digit << 4),
        }
    }
    out.extend(high);
    out
}

/// A string of a dictionary as text: marked UTF-16 or UTF-8, or what old producers wrote.
pub(super) fn text(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let marked = bytes.get(mark..).unwrap_or(b"");
        return encoding.decode_without_bom_handling(marked).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Whether a decoded string is something that people or programs wrote, rather than a digest or ciphertext.
pub(super) fn is_readable(text: &str) -> bool {
    let is_odd = |c: &char| *c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
    text.chars().filter(is_odd).count().saturating_mul(10) <= text.chars().count()
}
