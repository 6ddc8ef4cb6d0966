//! Views of text that keep byte offsets, so that whatever is found in a view
//! can be shown in the file. Refuses to fail: any bytes have a view.

use std::borrow::Cow;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

mod folding;

pub(crate) use folding::latin;
pub use folding::{beyond_ascii, fold, folded, is_ignorable};

/// UTF-8 view of `bytes` with the same length: each byte that is not part of
/// valid UTF-8 reads as `?`.
pub fn view(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// The text with every line end that is a carriage return alone as a line feed, which is as long.
pub fn lines(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_alone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if memchr::memchr_iter(b'\r', text.as_bytes()).all(|at| !is_alone(at)) {
        return text;
    }
    Cow::Owned(text.char_indices().map(|(at, c)| if c == '\r' && is_alone(at) { '\n' } else { c }).collect())
}

/// `text[range]`, or as much of it as lies on character boundaries.
pub fn slice(text: &str, range: Range<usize>) -> &str {
    let mut start = range.start.min(text.len());
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.get(start..end).unwrap_or("")
}

/// How much a thread keeps of the automaton of one regular expression, in bytes: there are hundreds of both.
pub(crate) const AUTOMATON_BYTES: usize = 64 * 1024;

/// A constant expression in which `\w`, `\d` and `\b` mean ASCII: an automaton for those of Unicode is large, and
/// gives way to a slow one as soon as a letter beyond ASCII is met.
///
/// # Panics
/// If the expression is malformed.
pub(crate) fn regex(source: &str) -> Regex {
    let mut ascii = String::with_capacity(source.len());
    let mut rest = source.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.next() } else { None };
        match escaped {
            Some('w') => ascii.push_str("[0-9A-Za-z_]"),
            Some('d') => ascii.push_str("[0-9]"),
            Some('b') => ascii.push_str(r"(?-u:\b)"),
            other => ascii.extend(std::iter::once(c).chain(other)),
        }
    }
    RegexBuilder::new(&ascii).dfa_size_limit(AUTOMATON_BYTES).build().expect("pattern is constant")
}

/// Starts of lines, for turning byte offsets into line and column.
#[derive(Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
    /// Code points before each [`STRIDE`]th byte, so that a column is found without reading a line without end.
    points: Vec<usize>,
}

const STRIDE: usize = 4096;

impl LineIndex {
    /// Indexes the lines of `bytes`, which end at `\n`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1));
        let mut points = vec![0];
        for chunk in bytes.chunks(STRIDE) {
            points.push(points.last().copied().unwrap_or(0) + points_in(chunk));
        }
        Self { starts, points }
    }

    /// Code points that begin before `offset`.
    fn points_before(&self, bytes: &[u8], offset: usize) -> usize {
        let block = offset / STRIDE;
        let known = self.points.get(block).copied().unwrap_or(0);
        known + points_in(bytes.get(block * STRIDE..offset).unwrap_or(b""))
    }

    /// Line of a byte offset, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    /// Line and column of a byte offset, both counted from 1; columns count code points.
    pub fn line_column(&self, bytes: &[u8], offset: usize) -> (usize, usize) {
        let offset = offset.min(bytes.len());
        let line = self.line(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (line, self.points_before(bytes, offset).saturating_sub(self.points_before(bytes, start)) + 1)
    }

    /// Byte range of a line counted from 1, without its line break.
    pub fn range(&self, bytes: &[u8], line: usize) -> Range<usize> {
        let start = self.starts.get(line - 1).copied().unwrap_or(bytes.len());
        let end = self.starts.get(line).map_or(bytes.len(), |next| next - 1);
        let end = if end > start && bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        start..end.max(start)
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.starts.len()
    }
}

/// Bytes that begin a code point.
fn points_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// Bytes of a line from which on it may have been broken because it was full.
const FULL: usize = 50;

/// Sentences of a text, as ranges.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut line) = (0, 0);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let next_is_space = next.is_none_or(char::is_whitespace);
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => next_is_space,
            // A line that begins in the middle of a sentence goes on with the one before, if that was full.
            '\n' => {
                let own = text.get(line..at).unwrap_or("");
                // What follows a comment of a program is none.
                let is_full = own.len() >= FULL && !own.trim_start().starts_with(['#', '/']);
                line = at + 1;
                !(is_full && next.is_some_and(|next| next.is_lowercase() || matches!(next, '`' | '(')))
            }
            _ => false,
        };
        if ends {
            let end = at + c.len_utf8();
            if !text.get(start..end).unwrap_or("").trim().is_empty() {
                found.push(start..end);
            }
            start = end;
        }
    }
    if !text.get(start..).unwrap_or("").trim().is_empty() {
        found.push(start..text.len());
    }
    found
}

/// The sentence that `at` lies in.
pub fn sentence_at(text: &str, at: usize) -> Range<usize> {
    // A sentence is short; whatever goes on for longer is cut.
    const REACH: usize = 1000;
    let window = slice(text, at.saturating_sub(REACH)..at.saturating_add(REACH));
    let offset = window.as_ptr() as usize - text.as_ptr() as usize;
    let found = sentences(window).into_iter().find(|sentence| sentence.contains(&(at - offset)));
    found.map_or(at..at, |sentence| sentence.start + offset..sentence.end + offset)
}
