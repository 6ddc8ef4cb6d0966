//! Text that is put together from many places, each of which stays known.

use std::ops::Range;

use crate::artifact::{Map, Op, Piece};
use crate::parse::Child;

/// Lines of text with the places that they come from.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Lines {
    /// Adds a line (or several) that `from` stands for.
    pub(super) fn push(&mut self, text: &str, from: Range<usize>) {
        if text.is_empty() {
            return;
        }
        let mut from = from;
        // Equal lengths would say that the bytes are equal, too, and that nobody needs to look at them again.
        if from.len() == text.len() {
            from = if from.start > 0 { from.start - 1..from.end } else { 0..from.end.saturating_sub(1) };
        }
        let (start, length) = (self.bytes.len(), text.len());
        self.pieces.push(Piece {
            at: start as u32,
            from: from.start as u32,
            len: length as u32,
            from_len: from.len() as u32,
        });
        self.bytes.extend(text.as_bytes());
        self.bytes.push(b'\n');
    }

    /// How much there is.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All of it as a part of the document, if there is any.
    pub(super) fn child(self, op: Op) -> Option<Child> {
        let first = self.pieces.first()?;
        let start = self.pieces.iter().map(|piece| piece.from).min().unwrap_or(first.from);
        let end = self.pieces.iter().map(|piece| piece.from.saturating_add(piece.from_len)).max().unwrap_or(start);
        let mut child = Child::made(op, start as usize..end as usize, self.bytes);
        child.map = Map::Pieces(self.pieces);
        Some(child)
    }
}
