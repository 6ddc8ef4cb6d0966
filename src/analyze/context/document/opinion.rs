//! What sentences say of a place: that it is not to be done, or that it is an attack.

use std::ops::Range;

use super::{Place, REACH};
use crate::analyze::context::{ContextKind, Contexts};
use crate::parse::markdown::Block;
use crate::text;

impl Place<'_> {
    /// Sentences that introduce, hold or follow the place.
    pub(super) fn sentences(&self, contexts: &mut Contexts) {
        // What nothing sets apart from the rest of the text is said in the document's own voice: of that speak the
        // sentence itself and those that point at it, and no other one that happens to stand near.
        let is_plain = self.block.is_prose() && contexts.is_empty() && self.marks().is_none();
        let mut near = self.around();
        near.extend(self.introductions());
        for block in near {
            for sentence in self.sentences_near(block) {
                let (folded, _) = text::fold(text::slice(&block.text, sentence.clone()));
                let source = block.source(sentence.clone());
                // Only what stands before or around the place speaks of it.
                let is_own = std::ptr::eq(block, self.block);
                if !is_own && block.range.end > self.range.start && block.range.start < self.range.end {
                    continue;
                }
                let holds_it = is_own && source.start < self.range.end && self.range.start < source.end;
                let introduces = !is_own && block.text.trim_end().ends_with([':', '：']);
                let speaks = !is_plain || holds_it || introduces;
                let is_loose = !is_plain || introduces;
                if self.is_negated(block, &sentence, is_loose) || (!speaks && self.holds("negation-back", &folded)) {
                    self.add(contexts, ContextKind::Negated, source.clone(), "the text says not to");
                }
                if self.holds("warn", &folded) && (speaks || self.holds("points-back", &folded)) {
                    // Under a heading that warns, the sentence is a second sign of its own.
                    let kind = if contexts.contains_key(&ContextKind::Example) {
                        ContextKind::Quoted
                    } else {
                        ContextKind::Example
                    };
                    self.add(contexts, kind, source, "the text speaks of it as an attack");
                }
            }
        }
    }

    /// Whether a sentence says not to: a negation that is part of what was found is what was found, not an opinion of it.
    /// Unless it is enough that the sentence is one that speaks of the place, it holds it behind the negation.
    fn is_negated(&self, block: &Block, sentence: &Range<usize>, is_loose: bool) -> bool {
        let part = text::slice(&block.text, sentence.clone());
        let (folded, from) = text::fold(part);
        let lexicons = &self.reader.input.rules.lexicons;
        let mut negations = lexicons.all("negation", &folded);
        let whole = block.source(sentence.clone());
        let holds_it = whole.start <= self.range.start && self.range.start < whole.end;
        negations.any(|found| {
            let at = |folded_at: usize| sentence.start + from.get(folded_at).map_or(part.len(), |&at| at as usize);
            let source = block.source(at(found.start)..at(found.end));
            let is_before = holds_it && source.end <= self.range.start;
            is_before || (is_loose && !(self.range.start <= source.start && source.end <= self.range.end))
        })
    }

    /// Sentences of a block, but of a block without end only those near the place.
    pub(super) fn sentences_near(&self, block: &Block) -> Vec<Range<usize>> {
        if block.text.len() <= 2 * REACH {
            return text::sentences(&block.text);
        }
        let at = if block.range.end <= self.range.start {
            block.text.len()
        } else if block.range.start >= self.range.end {
            0
        } else {
            self.range.start - block.range.start.min(self.range.start)
        };
        let window = text::slice(&block.text, at.saturating_sub(REACH)..at.saturating_add(REACH));
        let offset = window.as_ptr() as usize - block.text.as_ptr() as usize;
        text::sentences(window).into_iter().map(|s| s.start + offset..s.end + offset).collect()
    }
}
