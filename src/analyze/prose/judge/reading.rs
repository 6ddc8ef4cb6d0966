//! What the passages of a unit read as.

use std::cmp::Reverse;
use std::ops::Range;
use std::rc::Rc;

use super::{Judge, Seen, Sentences, Unit};
use crate::parse::markdown::Block;
use crate::ruleset::concept::Reading;
use crate::text::{self, sentences};

/// Fewest words of a sentence that says something.
const WORDS: usize = 6;
/// Sentences, and bytes of them, that are read together at most.
const PASSAGE: usize = 8;
const TOGETHER: usize = 1000;
/// Bytes from which on a sentence is read in parts: one that never ends would drown what stands in it.
const LONGEST: usize = 400;
/// Sentences that are shown.
const SHOWN: usize = 3;

/// Whether a text is code of a language that is not parsed, by its signs.
fn is_code(text: &str) -> bool {
    let signs = text.bytes().filter(|byte| b"{}();=<>&|".contains(byte)).count();
    signs >= 4 && signs * 24 > text.len()
}

/// A sentence, or parts of a long one, cut between words if there are any.
fn parts(text: &str, sentence: Range<usize>) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), sentence.start);
    for (at, c) in text::slice(text, sentence.clone()).char_indices() {
        let at = sentence.start + at;
        let length = at - start;
        if length >= LONGEST && (c.is_whitespace() || length >= 2 * LONGEST) {
            found.push(start..at);
            start = at;
        }
    }
    found.push(start..sentence.end);
    found
}

impl<'a> Judge<'a> {
    /// What tells in the sentences of a block; short ones say nothing.
    fn readings(&self, name: &'a str, block: &Block) -> Rc<Sentences<'a>> {
        let mut known = self.readings.borrow_mut();
        let read = known.entry((name, self.index_of(block))).or_insert_with(|| {
            let Some(concept) = self.input.rules.concepts.get(name) else { return Rc::default() };
            // A sentence goes on in the next line.
            let flat = block.text.replace('\n', " ");
            let all = sentences(&flat).into_iter();
            let all = all.flat_map(|range| parts(&flat, range));
            let all = all.filter(|range| !is_code(text::slice(&flat, range.clone())));
            let all = all.map(|range| (range.clone(), concept.read(text::slice(&flat, range))));
            Rc::new(all.filter(|(_, reading)| reading.length >= WORDS).collect())
        });
        Rc::clone(read)
    }

    /// Of the sentences that together read most as a concept, if they do so enough, those that say so most.
    pub(super) fn passage(&self, name: &'a str, at_least: f32, unit: &Unit<'a>) -> Option<Vec<Seen>> {
        let concept = self.input.rules.concepts.get(name)?;
        let blocks = unit.blocks.iter().filter(|block| block.is_prose());
        let own: Vec<_> = blocks.map(|block| (*block, self.readings(name, block))).collect();
        let own = own.iter().flat_map(|(block, all)| all.iter().map(move |(range, reading)| (*block, range, reading)));
        let all: Vec<(&Block, &Range<usize>, &Reading)> = own.collect();
        let mut together = concept.passage();
        let (mut start, mut size) = (0, 0);
        let mut best: Option<(f32, Range<usize>)> = None;
        for (end, (_, range, reading)) in (1_usize..).zip(&all) {
            together.add(reading);
            size += range.len();
            while let Some((_, first, before)) = all.get(start)
                && (end - start > PASSAGE || (size > TOGETHER && end - start > 1))
            {
                together.remove(before);
                size -= first.len();
                start += 1;
            }
            // Fewer sentences say too little where more can be read with them.
            let is_whole = |(_, next, _): &(&Block, &Range<usize>, &Reading)| {
                end - start == PASSAGE || size + next.len() > TOGETHER
            };
            let score = together.score();
            if all.get(end).is_none_or(is_whole)
                && score >= at_least
                && best.as_ref().is_none_or(|(most, _)| score > *most)
            {
                best = Some((score, start..end));
            }
        }
        let mut telling: Vec<_> = all.get(best?.1)?.iter().filter(|(.., reading)| reading.weight() > 0).collect();
        telling.sort_by_key(|(.., reading)| Reverse(reading.weight()));
        let seen = telling.into_iter().take(SHOWN).map(|(block, range, _)| {
            let words = concept.telling(text::slice(&block.text, (*range).clone()));
            (block.source((*range).clone()), format!("reads as: {} (`{words}`)", name.replace('-', " ")))
        });
        Some(seen.collect())
    }
}
