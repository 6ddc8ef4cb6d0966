//! What of a document is judged together.

use std::ops::Range;

use super::Scope;
use crate::parse::markdown::{Block, BlockKind, Document};
use crate::text::sentences;

/// Text that is judged together.
pub(super) struct Unit<'d> {
    pub blocks: Vec<&'d Block>,
    /// For a sentence: its range in the text of the only block.
    pub sentence: Option<Range<usize>>,
    /// The sentence with its neighbours.
    pub nearby: Range<usize>,
}

/// Bytes of a section that are read together: what stands farther apart, as in a manual without headings, is no one
/// matter. Attacks are told in a few lines.
const WINDOW: usize = 1000;
/// How far the next of such parts begins behind the one before.
const STEP: usize = 250;
/// What a block counts of them at least, and a paragraph and a code block at most: a command may be long and is read as
/// one thing.
const LEAST: usize = 32;
const PARAGRAPH: usize = 700;
const CODE: usize = 240;
/// Bytes after a block in which what follows belongs to it.
const NEAR: usize = 240;
/// Blocks that follow it at most.
const FOLLOWING: usize = 3;

impl<'d> Unit<'d> {
    /// All units of a document.
    pub(super) fn all(document: &'d Document, scope: Scope) -> Vec<Self> {
        match scope {
            Scope::Sentence => document.blocks.iter().filter(|block| block.is_prose()).flat_map(of_sentences).collect(),
            Scope::Block => {
                let all = 0..document.blocks.len();
                let is_text = |at: &usize| {
                    let block = &document.blocks[*at];
                    block.is_prose() && block.kind != BlockKind::Cell
                };
                let texts = all.filter(is_text).map(|at| of_block(&document.blocks, at));
                texts.chain(rows(&document.blocks)).collect()
            }
            Scope::Section => sections(&document.blocks).into_iter().flat_map(windows).collect(),
        }
    }

    fn of(blocks: Vec<&'d Block>) -> Self {
        Self { blocks, sentence: None, nearby: 0..0 }
    }
}

fn of_sentences(block: &Block) -> impl Iterator<Item = Unit<'_>> {
    let all = sentences(&block.text);
    (0..all.len()).map(move |at| {
        let nearby = all[at.saturating_sub(1)].start..all[(at + 1).min(all.len() - 1)].end;
        Unit { blocks: vec![block], sentence: Some(all[at].clone()), nearby }
    })
}

fn of_block(blocks: &[Block], at: usize) -> Unit<'_> {
    let block = &blocks[at];
    let is_near = |next: &&Block| next.range.start <= block.range.end + NEAR && next.section == block.section;
    let following = blocks.iter().skip(at + 1).take_while(is_near).take(FOLLOWING);
    Unit::of(std::iter::once(block).chain(following).collect())
}

/// The cells of each row of a table with those of its head.
fn rows(blocks: &[Block]) -> impl Iterator<Item = Unit<'_>> {
    let is_cell = |block: &Block| block.kind == BlockKind::Cell;
    let tables = blocks.chunk_by(move |a, b| is_cell(a) && is_cell(b)).filter(move |table| table.iter().all(is_cell));
    tables.flat_map(|table| {
        let head: Vec<&Block> = table.iter().filter(|cell| cell.row == 0).collect();
        let rows = table.chunk_by(|a, b| a.row == b.row);
        rows.map(move |row| {
            let others = row.iter().filter(|cell| cell.row != 0);
            Unit::of(head.iter().copied().chain(others).collect())
        })
    })
}

/// Blocks by section; each entry of the front matter stands alone.
fn sections(blocks: &[Block]) -> Vec<Unit<'_>> {
    let is_front = |block: &Block| matches!(block.kind, BlockKind::FrontMatter(_));
    let together = blocks.chunk_by(|a, b| a.section == b.section && !is_front(a) && !is_front(b));
    together.map(|blocks| Unit::of(blocks.iter().collect())).collect()
}

/// A long section in parts that overlap: each holds as many blocks as are read together.
fn windows(unit: Unit<'_>) -> Vec<Unit<'_>> {
    let length = |block: &Block| {
        let most = if matches!(block.kind, BlockKind::Code(_)) { CODE } else { PARAGRAPH };
        block.range.len().clamp(LEAST, most)
    };
    let mut rest = unit.blocks.as_slice();
    let mut found = Vec::new();
    loop {
        let ends = rest.iter().scan(0, |together, block| {
            *together += length(block);
            Some(*together)
        });
        let count = ends.take_while(|together| *together <= WINDOW).count();
        found.push(Unit::of(rest.iter().take(count).copied().collect()));
        if count == rest.len() {
            return found;
        }
        let mut left = 0;
        let passed = rest.iter().take_while(|block| {
            let goes_on = left < STEP;
            left += length(block);
            goes_on
        });
        rest = rest.get(passed.count()..).unwrap_or(&[]);
    }
}
