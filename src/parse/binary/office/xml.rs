//! Tags and text of the XML inside office documents, read as it stands.
//! Refuses declarations: no entity is expanded that the document defines.

use std::ops::Range;

use memchr::memmem;

use crate::artifact::{Map, Op, Piece};
use crate::parse::Child;

/// Longest character reference, `&` and `;` included.
const REFERENCE: usize = 12;

/// A part of a document.
#[derive(Debug, Clone)]
pub(super) enum Event<'a> {
    /// A tag that opens, and whether it closes as well.
    Open(Tag<'a>, bool),
    /// A tag that closes.
    Close(&'a [u8]),
    /// Text between tags.
    Text(Range<usize>),
    /// Text in which nothing is escaped.
    Plain(Range<usize>),
}

/// A tag by its name without prefix.
#[derive(Debug, Clone)]
pub(super) struct Tag<'a> {
    /// Name.
    pub(super) name: &'a [u8],
    /// Where it stands.
    pub(super) range: Range<usize>,
    attributes: &'a [u8],
}

/// Reads a document from its start to its end.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, behind a byte order mark.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        Self { bytes, at: if bytes.starts_with(MARK) { MARK.len() } else { 0 } }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(b"")
    }

    /// Goes on behind the next `end`, and returns where that begins.
    fn pass(&mut self, from: usize, end: &[u8]) -> usize {
        let rest = self.bytes.get(from..).unwrap_or(b"");
        let found = memmem::find(rest, end).map_or(self.bytes.len(), |found| from.saturating_add(found));
        self.at = found.saturating_add(end.len()).min(self.bytes.len());
        found
    }

    fn tag(&mut self) -> Event<'a> {
        let start = self.at;
        let mut end = start.saturating_add(1);
        let mut quote = None;
        // A `>` inside a value does not end the tag.
        while let Some(found) = memchr::memchr3(b'>', b'"', b'\'', self.bytes.get(end..).unwrap_or(b"")) {
            let at = end.saturating_add(found);
            end = at.saturating_add(1);
            match (self.bytes.get(at).copied(), quote) {
                (Some(b'>'), None) => break,
                (Some(byte), None) => quote = Some(byte),
                (byte, Some(_)) if byte == quote => quote = None,
                _ => {}
            }
        }
        if self.bytes.get(end.saturating_sub(1)) != Some(&b'>') || quote.is_some() {
            end = self.bytes.len();
        }
        self.at = end;
        let inner = self.bytes.get(start.saturating_add(1)..end.saturating_sub(1)).unwrap_or(b"");
        if let Some(name) = inner.strip_prefix(b"/") {
            return Event::Close(local(name.trim_ascii()));
        }
        let is_closed = inner.ends_with(b"/");
        let length = inner.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(inner.len());
        let (name, attributes) = inner.split_at(length);
        Event::Open(Tag { name: local(name), range: start..end, attributes }, is_closed)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            let start = self.at;
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            if !rest.starts_with(b"<") {
                self.at = memchr::memchr(b'<', rest).map_or(self.bytes.len(), |found| start.saturating_add(found));
                return Some(Event::Text(start..self.at));
            }
            if rest.starts_with(b"<!--") {
                self.pass(start.saturating_add(4), b"-->");
            } else if rest.starts_with(b"<![CDATA[") {
                let from = start.saturating_add(9);
                return Some(Event::Plain(from..self.pass(from, b"]]>")));
            } else if rest.starts_with(b"<?") {
                self.pass(start, b"?>");
            } else if rest.starts_with(b"<!") {
                self.pass(start, b">");
            } else {
                return Some(self.tag());
            }
        }
    }
}

impl Tag<'_> {
    /// The value of an attribute, by its name without prefix.
    pub(super) fn attribute(&self, name: &[u8]) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            let equals = memchr::memchr(b'=', rest)?;
            let (key, tail) = rest.split_at(equals);
            let tail = tail.get(1..)?.trim_ascii_start();
            let (quote, tail) = tail.split_first()?;
            let end = memchr::memchr(*quote, tail)?;
            let (value, tail) = tail.split_at(end);
            if local(key.trim_ascii()) == name {
                return Some(decoded(value));
            }
            rest = tail.get(1..)?;
        }
    }
}

/// A name without its prefix, which a document may choose.
fn local(name: &[u8]) -> &[u8] {
    memchr::memrchr(b':', name).and_then(|colon| name.get(colon.saturating_add(1)..)).unwrap_or(name)
}

/// Text with its references decoded.
fn decoded(value: &[u8]) -> String {
    let mut text = Text::default();
    text.push(value, 0..value.len());
    String::from_utf8_lossy(&text.bytes).into_owned()
}

/// Text that is put together from a document, and where it stands there.
#[derive(Debug, Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Text {
    /// Adds `range` of `source`, with references decoded.
    pub(super) fn push(&mut self, source: &[u8], range: Range<usize>) {
        let mut at = range.start;
        let end = range.end.min(source.len());
        while let Some(rest) = source.get(at..end).filter(|rest| !rest.is_empty()) {
            let plain = memchr::memchr(b'&', rest).unwrap_or(rest.len());
            let next = at.saturating_add(plain);
            self.plain(source, at..next);
            at = next;
            let Some(rest) = source.get(at..end).filter(|rest| !rest.is_empty()) else { return };
            let (text, length) = reference(rest);
            match text {
                Some(c) => self.add(c.encode_utf8(&mut [0; 4]).as_bytes(), at..at.saturating_add(length)),
                None => self.plain(source, at..at.saturating_add(length)),
            }
            at = at.saturating_add(length);
        }
    }

    /// Adds `range` of `source` as it stands.
    pub(super) fn plain(&mut self, source: &[u8], range: Range<usize>) {
        let bytes = source.get(range.clone()).unwrap_or(b"");
        let (at, from) = (self.bytes.len() as u32, range.start as u32);
        let follows = |piece: &&mut Piece| {
            piece.len == piece.from_len && piece.at + piece.len == at && piece.from + piece.from_len == from
        };
        match self.pieces.last_mut().filter(follows) {
            Some(piece) => {
                piece.len += bytes.len() as u32;
                piece.from_len += bytes.len() as u32;
                self.bytes.extend(bytes);
            }
            None => self.add(bytes, range),
        }
    }

    /// Adds what a tag at `range` stands for.
    pub(super) fn add(&mut self, bytes: &[u8], range: Range<usize>) {
        if bytes.is_empty() {
            return;
        }
        self.pieces.push(Piece {
            at: self.bytes.len() as u32,
            from: range.start as u32,
            len: bytes.len() as u32,
            from_len: range.len() as u32,
        });
        self.bytes.extend(bytes);
    }

    /// Adds a line break, unless there is one.
    pub(super) fn line(&mut self, at: usize) {
        if !self.bytes.is_empty() && !self.bytes.ends_with(b"\n") {
            self.add(b"\n", at..at);
        }
    }

    /// Where the last of it ends in the document.
    pub(super) fn end(&self) -> usize {
        self.pieces.last().map_or(0, |piece| piece.from.saturating_add(piece.from_len) as usize)
    }

    /// What there is.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of it as a part of the document, if there is anything to read.
    pub(super) fn child(self, op: Op) -> Option<Child> {
        let first = self.pieces.first().filter(|_| !self.bytes.trim_ascii().is_empty())?;
        let last = self.pieces.last()?;
        let range = first.from as usize..last.from.saturating_add(last.from_len) as usize;
        let mut child = Child::made(op, range, self.bytes);
        child.map = Map::Pieces(self.pieces);
        Some(child)
    }
}

/// The character that a reference at the start of `text` stands for, if any, and the length of what was read.
fn reference(text: &[u8]) -> (Option<char>, usize) {
    let head = text.get(..text.len().min(REFERENCE)).unwrap_or(text);
    let Some(end) = memchr::memchr(b';', head) else { return (None, 1) };
    let name = std::str::from_utf8(head.get(1..end).unwrap_or(b"")).unwrap_or("");
    let c = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.strip_prefix('#').and_then(|digits| {
            let hex = digits.strip_prefix(['x', 'X']);
            let number = hex.map_or_else(|| digits.parse(), |hex| u32::from_str_radix(hex, 16));
            number.ok().and_then(char::from_u32)
        }),
    };
    (c, if c.is_some() { end.saturating_add(1) } else { 1 })
}
