//! Text that a file carries beside its content. Refuses to give more than the
//! file has: offsets in hostile files lead to the same text a thousand times.

use std::ops::Range;

use super::field::Order;
use super::inflate::{self, End};
use super::strings;
use crate::artifact::Op;
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::format::Format;
use crate::parse::{Child, Kind, Parsed};

/// Texts shorter than this, in bytes, say nothing.
const SHORTEST: usize = 8;

/// Parts that nobody knows are looked at if they are longer than this.
const UNKNOWN: usize = 16;

/// Texts that become artifacts of their own; all further ones become one together.
const PARTS: usize = 64;

/// Directory entries that are read in one file.
const ENTRIES: usize = 1000;

/// Collects the texts of one file.
pub(super) struct Metadata<'a> {
    /// The whole file.
    pub(super) bytes: &'a [u8],
    /// Directory entries that may still be read.
    pub(super) entries: usize,
    /// Bytes that may still be cut out.
    uncut: usize,
    /// Bytes that may still be decoded.
    left: usize,
    /// Streams that may still be inflated.
    streams: usize,
    children: Vec<Child>,
    rest: Vec<u8>,
    rest_range: Range<usize>,
    /// Whether something was left out.
    pub(super) is_over: bool,
}

impl<'a> Metadata<'a> {
    /// Nothing yet.
    pub(super) fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        Self {
            bytes,
            entries: ENTRIES,
            uncut: bytes.len(),
            left: limits.inflated_bytes,
            streams: limits.document_streams,
            children: Vec::new(),
            rest: Vec::new(),
            rest_range: 0..0,
            is_over: false,
        }
    }

    /// Whether so many bytes may still be decoded; if so, they count as decoded.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let may = bytes <= self.left;
        if may {
            self.left -= bytes;
        }
        self.is_over |= !may;
        may
    }

    /// Text that stands in the file as it is.
    pub(super) fn cut(&mut self, range: Range<usize>) {
        let bytes = self.bytes;
        let Some(range) = trimmed(bytes, range) else { return };
        let Some(text) = bytes.get(range.clone()) else { return };
        if text.len() < SHORTEST {
            return;
        }
        if text.len() > self.uncut {
            self.is_over = true;
            return;
        }
        self.uncut -= text.len();
        if self.children.len() >= PARTS || text.contains(&0) {
            self.made(range, text.to_vec());
        } else {
            self.children.push(as_text(Child::cut(Op::Metadata, bytes, range)));
        }
    }

    /// A part that nobody knows, if it reads as text.
    pub(super) fn unknown(&mut self, range: Range<usize>) {
        let part = self.bytes.get(range.clone()).unwrap_or(b"");
        if part.len() > UNKNOWN && strings::is_printable(part) {
            self.cut(range);
        }
    }

    /// Printable text in a part that is not text as a whole.
    pub(super) fn strings(&mut self, range: Range<usize>) {
        let part = self.bytes.get(range.clone()).unwrap_or(b"");
        let (text, is_whole) = strings::printable(part, SHORTEST, self.left);
        self.is_over |= !is_whole;
        self.made(range, text);
    }

    /// Text in UTF-16.
    pub(super) fn utf16(&mut self, range: Range<usize>, order: Order) {
        let part = self.bytes.get(range.clone()).unwrap_or(b"");
        // No more is decoded than may be kept.
        self.is_over |= part.len() > self.left;
        let part = part.get(..part.len().min(self.left)).unwrap_or(part);
        self.made(range, order.text(part).into_bytes());
    }

    /// A zlib stream that holds text, or whatever else it turns out to hold.
    pub(super) fn inflated(&mut self, range: Range<usize>) {
        let made = self.inflate(range.clone());
        if !matches!(Kind::sniffed(&made), Kind::Binary(format) if format != Format::Unknown) {
            self.push(range, made);
        } else if self.children.len() < PARTS {
            self.children.push(Child::made(Op::Inflated, range, made));
        } else {
            self.is_over = true;
        }
    }

    /// What a zlib stream holds.
    pub(super) fn inflate(&mut self, range: Range<usize>) -> Vec<u8> {
        let Some(stream) = self.bytes.get(range) else { return Vec::new() };
        if self.streams == 0 || self.left == 0 {
            self.is_over = true;
            return Vec::new();
        }
        let out = inflate::zlib(stream, self.left);
        self.streams -= 1;
        self.left = self.left.saturating_sub(out.bytes.len());
        self.is_over |= out.end == End::TooLong;
        out.bytes
    }

    /// Text that was decoded out of `range`.
    pub(super) fn made(&mut self, range: Range<usize>, mut text: Vec<u8>) {
        if text.len() > self.left {
            text.truncate(self.left);
            self.is_over = true;
        }
        self.left -= text.len();
        self.push(range, text);
    }

    fn push(&mut self, range: Range<usize>, mut text: Vec<u8>) {
        // Fields end with a NUL; what comes after it is the next one.
        for byte in &mut text {
            if *byte == 0 {
                *byte = b'\n';
            }
        }
        if text.trim_ascii().len() < SHORTEST {
            return;
        }
        if self.children.len() < PARTS {
            self.children.push(as_text(Child::made(Op::Metadata, range, text)));
            return;
        }
        self.rest_range = if self.rest.is_empty() {
            range
        } else {
            self.rest_range.start.min(range.start)..self.rest_range.end.max(range.end)
        };
        self.rest.append(&mut text);
        self.rest.push(b'\n');
    }

    /// Hands over what was found.
    pub(super) fn finish(mut self, parsed: &mut Parsed) {
        parsed.children.append(&mut self.children);
        if !self.rest.is_empty() {
            parsed.children.push(as_text(Child::made(Op::Metadata, self.rest_range, self.rest)));
        }
        if self.is_over {
            let why = "more metadata than the limits allow; the rest was not decoded".to_owned();
            parsed.skipped.push((GapKind::OverLimit, why));
        }
    }
}

/// The range without blank space and NULs around its text.
fn trimmed(bytes: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let is_visible = |byte: &u8| *byte != 0 && !byte.is_ascii_whitespace();
    let text = bytes.get(range.clone())?;
    let first = text.iter().position(is_visible)?;
    let last = text.iter().rposition(is_visible)?;
    Some(range.start + first..range.start + last + 1)
}

/// Text without a name: markup if it is that, else plain.
fn as_text(child: Child) -> Child {
    if child.bytes.starts_with(b"<") { child.of_kind(Kind::Markup) } else { child.of_kind(Kind::Text) }
}
