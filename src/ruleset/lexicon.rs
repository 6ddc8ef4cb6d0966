//! Phrase lists in several languages, compared with folded text.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::rule::RuleError;
use crate::ruleset::words::{Index, Literal, Owner};
use crate::text;

/// Most words, or characters in scripts without spaces, that a `*` of a phrase stands for.
const GAP: [usize; 2] = [4, 24];

/// Named phrase lists, from `lexicons/*.txt`. A line is a phrase; one that ends in `*` is the beginning of a word; ` * `
/// stands for up to four words (or, in scripts other than ASCII, 24 characters), `#` starts a comment.
#[derive(Default)]
pub struct Lexicons {
    lists: BTreeMap<String, LexiconId>,
    phrases: Vec<Phrase>,
    /// The longest part of each phrase.
    index: Index,
}

/// Which of the lists.
pub type LexiconId = u16;

struct Phrase {
    list: LexiconId,
    /// What stands between its wildcards.
    parts: Vec<String>,
    /// The longest of them.
    key: usize,
    /// Whether it begins and ends where a word does.
    edges: [bool; 2],
    /// Whether there are spaces between its words.
    is_spaced: bool,
}

impl Lexicons {
    pub(crate) fn parse(files: &BTreeMap<String, String>) -> Result<Self, RuleError> {
        let mut all = Self::default();
        for (file, text) in files {
            let Some(name) = file.strip_prefix("lexicons/").and_then(|n| n.strip_suffix(".txt")) else { continue };
            let list = LexiconId::try_from(all.lists.len())
                .map_err(|error| RuleError::Body { file: file.clone(), why: error.to_string() })?;
            all.lists.insert(name.to_owned(), list);
            all.phrases.extend(lines(text).filter_map(|line| Phrase::parse(line, list)));
        }
        let keys = all.phrases.iter().enumerate().map(|(at, phrase)| (phrase.literal(), at as Owner));
        all.index = Index::new(keys);
        Ok(all)
    }

    /// All phrases in text that went through [`text::fold`], with the list and the range of each, in this order.
    pub fn find(&self, folded: &str) -> Vec<(LexiconId, Range<usize>)> {
        let candidates = self.index.find(folded).into_iter();
        let mut found: Vec<_> = candidates
            .filter_map(|(phrase, at)| {
                let phrase = self.phrases.get(phrase as usize)?;
                Some((phrase.list, phrase.at(folded, at)?))
            })
            .collect();
        found.sort_unstable_by_key(|(list, range)| (*list, range.start, range.end));
        found
    }

    /// The list called `name`.
    pub fn get(&self, name: &str) -> Option<LexiconId> {
        self.lists.get(name).copied()
    }

    /// Phrases of the list `name` in folded text, by place.
    pub fn all(&self, name: &str, folded: &str) -> impl Iterator<Item = Range<usize>> {
        let wanted = self.get(name);
        let found = if wanted.is_some() { self.find(folded) } else { Vec::new() };
        found.into_iter().filter(move |(list, _)| Some(*list) == wanted).map(|(_, range)| range)
    }

    /// Whether any phrase of the list `name` stands in folded text.
    pub fn holds(&self, name: &str, folded: &str) -> bool {
        self.all(name, folded).next().is_some()
    }
}

impl Phrase {
    fn parse(line: &str, list: LexiconId) -> Option<Self> {
        let (stem, is_stem) = match line.strip_suffix('*') {
            Some(stem) if !stem.ends_with(' ') => (stem, true),
            _ => (line, false),
        };
        let folded = text::folded(stem);
        let parts: Vec<String> =
            folded.split('*').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let key = (0..parts.len()).max_by_key(|at| parts[*at].len())?;
        // Of the phrase as it was written: other letters fold to those of ASCII, and their words have other edges.
        let has_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let edges = [has_edge(stem.chars().next()), !is_stem && has_edge(stem.chars().last())];
        Some(Self { list, parts, key, edges, is_spaced: folded.is_ascii() })
    }

    /// Its longest part; in scripts without spaces that may be part of a longer word.
    fn literal(&self) -> Literal {
        let is_first = self.key == 0;
        let is_last = self.key + 1 == self.parts.len();
        let is_open = |is_edge: bool, edge: bool| if is_edge { !edge } else { !self.is_spaced };
        let [start, end] = self.edges;
        Literal {
            text: self.parts.get(self.key).cloned().unwrap_or_default(),
            is_open: [is_open(is_first, start), is_open(is_last, end)],
        }
    }

    /// The range of the phrase whose longest part stands at `at`.
    fn at(&self, folded: &str, at: usize) -> Option<Range<usize>> {
        let (before, after) = self.parts.split_at(self.key);
        let (key, after) = after.split_first()?;
        let start = self.start(before, folded, at)?;
        let end = self.end(after, folded, at + key.len())?;
        Some(start..end)
    }

    /// Where the phrase ends whose parts `rest` follow a gap at `at`.
    fn end(&self, rest: &[String], folded: &str, at: usize) -> Option<usize> {
        let Some((part, rest)) = rest.split_first() else {
            let goes_on = self.edges[1] && folded.as_bytes().get(at).is_some_and(|byte| is_word(*byte));
            return (!goes_on).then_some(at);
        };
        let goes_on = |at: &usize| folded.get(*at..).is_some_and(|text| text.starts_with(part.as_str()));
        self.after(folded, at).into_iter().filter(goes_on).find_map(|at| self.end(rest, folded, at + part.len()))
    }

    /// Where the phrase begins whose parts `rest` stand before a gap that ends at `at`.
    fn start(&self, rest: &[String], folded: &str, at: usize) -> Option<usize> {
        let Some((part, rest)) = rest.split_last() else {
            let before = folded.as_bytes().get(..at).and_then(<[u8]>::last);
            let goes_on = self.edges[0] && before.is_some_and(|byte| is_word(*byte));
            return (!goes_on).then_some(at);
        };
        let ends = |at: &usize| folded.get(..*at).is_some_and(|text| text.ends_with(part.as_str()));
        self.before(folded, at).into_iter().filter(ends).find_map(|at| self.start(rest, folded, at - part.len()))
    }

    /// Where what follows a gap at `at` may begin.
    fn after(&self, folded: &str, at: usize) -> Vec<usize> {
        let rest = folded.get(at..).unwrap_or("");
        let [words, characters] = GAP;
        if !self.is_spaced {
            let skipped = rest.chars().take(characters).take_while(|c| !ends_sentence(*c)).map(char::len_utf8);
            return std::iter::once(at).chain(skipped.scan(at, |at, length| Some(add(at, length)))).collect();
        }
        let Some(rest) = rest.strip_prefix(' ') else { return Vec::new() };
        let skipped = rest.split_inclusive(' ').take(words).take_while(|word| is_in_sentence(word.strip_suffix(' ')));
        std::iter::once(at + 1).chain(skipped.scan(at + 1, |at, word| Some(add(at, word.len())))).collect()
    }

    /// Where what stands before a gap that ends at `at` may end.
    fn before(&self, folded: &str, at: usize) -> Vec<usize> {
        let rest = folded.get(..at).unwrap_or("");
        let [words, characters] = GAP;
        if !self.is_spaced {
            let skipped = rest.chars().rev().take(characters).take_while(|c| !ends_sentence(*c)).map(char::len_utf8);
            return std::iter::once(at).chain(skipped.scan(at, |at, length| Some(take(at, length)))).collect();
        }
        let Some(rest) = rest.strip_suffix(' ') else { return Vec::new() };
        // The first of the words has what is sought before it, and a space.
        let skipped = rest.rsplit(' ').take(words).take_while(|word| is_in_sentence(Some(word)));
        let ends = skipped.scan(at - 1, |at, word| (*at > word.len()).then(|| take(at, word.len() + 1)));
        std::iter::once(at - 1).chain(ends).collect()
    }
}

fn add(at: &mut usize, length: usize) -> usize {
    *at += length;
    *at
}

fn take(at: &mut usize, length: usize) -> usize {
    *at -= length;
    *at
}

/// Whether this is a word after which the sentence goes on.
fn is_in_sentence(word: Option<&str>) -> bool {
    word.is_some_and(|word| !word.is_empty() && !word.contains(['.', '!', '?']))
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '。' | '！' | '？' | '\n')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}
