//! The phrase lists as tables; the build script makes those of the lists that are built in, so that no start has to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ruleset::words::{Index, Literal, Owner};
use crate::text;

/// Which of the lists.
pub type LexiconId = u16;

/// All phrases.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) lists: BTreeMap<String, LexiconId>,
    pub(crate) phrases: Vec<Phrase>,
    /// Parts of all phrases, and their texts, one after the other: there are tens of thousands.
    parts: Vec<Part>,
    texts: String,
    /// Words that a part of a phrase may be, for all phrases that name the same list.
    pub(crate) words: Vec<Vec<Word>>,
    /// The rarest part of each phrase.
    pub(crate) index: Index,
}

/// One line of a list.
#[derive(Serialize, Deserialize)]
pub(crate) struct Phrase {
    pub(crate) list: LexiconId,
    /// Of the parts.
    pub(crate) range: Range<u32>,
    /// Which of them is looked up.
    pub(crate) key: usize,
    /// Whether it begins and ends where a word does.
    pub(crate) edges: [bool; 2],
    /// Whether there are spaces between its words.
    pub(crate) is_spaced: bool,
}

/// What of a phrase stands together.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    /// Whether other words may stand before it.
    pub(crate) has_gap: bool,
    pub(crate) what: What,
}

/// What a part is.
#[derive(Serialize, Deserialize)]
pub(crate) enum What {
    /// This one of the texts.
    Text(Range<u32>),
    /// One of the words of this list.
    OneOf(usize),
}

/// A word of a list, or several.
#[derive(Serialize, Deserialize)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Whether it is only the beginning.
    pub(crate) is_stem: bool,
}

impl Table {
    /// The table of the phrase lists among `files`, and what is wrong with them, by file.
    pub(crate) fn make<'f>(files: impl Iterator<Item = (&'f str, &'f str)> + Clone) -> (Self, Vec<(&'f str, String)>) {
        let mut errors = Vec::new();
        let mut all = Self::default();
        let mut words = BTreeMap::new();
        for (file, text) in files.clone() {
            let Some(name) = file.strip_prefix("lexicons/words/").and_then(|n| n.strip_suffix(".txt")) else {
                continue;
            };
            words.insert(name, all.words.len());
            all.words.push(lines(text).map(Word::parse).collect());
        }
        for (file, text) in files {
            let Some(name) = file.strip_prefix("lexicons/").and_then(|n| n.strip_suffix(".txt")) else { continue };
            if name.contains('/') {
                continue;
            }
            let list = all.lists.len() as LexiconId;
            all.lists.insert(name.to_owned(), list);
            for line in lines(text) {
                if let Err(why) = all.add(line, list, &words) {
                    errors.push((file, why));
                }
            }
        }
        let owned = (0..).zip(&all.phrases);
        let keys = owned.flat_map(|(at, phrase)| all.literals(phrase).map(move |literal| (literal, at as Owner)));
        all.index = Index::new(keys);
        (all, errors)
    }

    /// Adds the phrase of one line.
    fn add(&mut self, line: &str, list: LexiconId, names: &BTreeMap<&str, usize>) -> Result<(), String> {
        let (stem, is_stem) = match line.strip_suffix('*') {
            Some(stem) if !stem.ends_with(' ') => (stem, true),
            _ => (line, false),
        };
        if stem.contains('*') && stem.split(' ').any(|word| word.len() > 1 && word.ends_with('*')) {
            return Err(format!("`{line}` has the beginning of a word that is not its last one"));
        }
        let folded = text::folded(stem);
        let first = self.parts.len();
        // A text that is not one of many is found soonest, a long one of those.
        let mut heaviest = (0, 0);
        for (at, run) in folded.split('*').enumerate() {
            let mut has_gap = at > 0;
            for piece in run.split_inclusive('}').flat_map(|piece| piece.split_inclusive('{')) {
                let text = piece.trim_end_matches('{').trim();
                let (what, weight) = match text.strip_suffix('}') {
                    Some(name) => {
                        let list = names.get(name);
                        let list = *list.ok_or_else(|| format!("there is no list `{name}` in lexicons/words"))?;
                        (What::OneOf(list), 1000 / (1 + self.words.get(list).map_or(0, Vec::len)))
                    }
                    None if text.is_empty() => continue,
                    None => {
                        let start = self.texts.len() as u32;
                        self.texts.push_str(text);
                        // One without a word of its own is looked for byte by byte.
                        let literal = Literal { text: Cow::Borrowed(text), is_open: [!folded.is_ascii(); 2] };
                        let weight =
                            if literal.is_looked_up() { 1000 * text.split(' ').count() + text.len() } else { 0 };
                        (What::Text(start..self.texts.len() as u32), weight)
                    }
                };
                heaviest = heaviest.max((weight, self.parts.len() - first));
                self.parts.push(Part { has_gap, what });
                has_gap = false;
            }
        }
        if self.parts.len() == first {
            return Ok(());
        }
        // Of the phrase as it was written: other letters fold to those of ASCII, and their words have other edges.
        let has_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '{' | '}'));
        let edges = [has_edge(stem.chars().next()), !is_stem && has_edge(stem.chars().last())];
        let range = first as u32..self.parts.len() as u32;
        self.phrases.push(Phrase { list, range, key: heaviest.1, edges, is_spaced: folded.is_ascii() });
        Ok(())
    }

    /// The parts of a phrase.
    pub(crate) fn parts(&self, phrase: &Phrase) -> &[Part] {
        self.parts.get(phrase.range.start as usize..phrase.range.end as usize).unwrap_or(&[])
    }

    /// The text of a part.
    pub(crate) fn text(&self, range: &Range<u32>) -> &str {
        self.texts.get(range.start as usize..range.end as usize).unwrap_or("")
    }

    /// What the key of a phrase may be; in scripts without spaces that may be part of a longer word.
    fn literals(&self, phrase: &Phrase) -> impl Iterator<Item = Literal<'_>> {
        let parts = self.parts(phrase);
        let is_open = |is_edge: bool, edge: bool| if is_edge { !edge } else { !phrase.is_spaced };
        let [start, end] = phrase.edges;
        let (text, words) = match parts.get(phrase.key).map(|part| &part.what) {
            Some(What::Text(range)) => {
                let is_open = [is_open(phrase.key == 0, start), is_open(phrase.key + 1 == parts.len(), end)];
                (Some(Literal { text: Cow::Borrowed(self.text(range)), is_open }), &[][..])
            }
            Some(What::OneOf(list)) => (None, self.words.get(*list).map_or(&[][..], Vec::as_slice)),
            None => (None, &[][..]),
        };
        let one_of = words.iter();
        let one_of =
            one_of.map(|word| Literal { text: Cow::Borrowed(word.text.as_str()), is_open: [false, word.is_stem] });
        text.into_iter().chain(one_of)
    }
}

impl Word {
    fn parse(line: &str) -> Self {
        let stem = line.strip_suffix('*');
        Self { text: text::folded(stem.unwrap_or(line)).trim().to_owned(), is_stem: stem.is_some() }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}
