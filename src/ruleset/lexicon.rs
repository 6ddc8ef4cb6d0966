//! Phrase lists in several languages, compared with folded text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::rule::RuleError;
use crate::ruleset::Files;
use crate::ruleset::words::{Index, Literal, Owner};
use crate::text;

/// Most words, or characters in scripts without spaces, that a `*` of a phrase stands for.
const GAP: [usize; 2] = [4, 24];

/// What may stand after a word before the next one.
const BETWEEN: [char; 7] = [',', ';', ':', ')', '"', '\'', '`'];

/// Named phrase lists, from `lexicons/*.txt`. A line is a phrase; one that ends in `*` is the beginning of a word; ` * `
/// stands for up to four words (or, in scripts other than ASCII, 24 characters), `{name}` for any phrase of the list
/// `lexicons/words/name.txt`, `#` starts a comment.
#[derive(Default)]
pub struct Lexicons {
    lists: BTreeMap<String, LexiconId>,
    phrases: Vec<Phrase>,
    /// Parts of all phrases, and their texts, one after the other: every start reads tens of thousands.
    parts: Vec<Part>,
    texts: String,
    /// Words that a part of a phrase may be, for all phrases that name the same list.
    words: Vec<Vec<Word>>,
    /// The rarest part of each phrase.
    index: Index,
}

/// Which of the lists.
pub type LexiconId = u16;

struct Phrase {
    list: LexiconId,
    /// Of the parts.
    range: Range<u32>,
    /// Which of them is looked up.
    key: usize,
    /// Whether it begins and ends where a word does.
    edges: [bool; 2],
    /// Whether there are spaces between its words.
    is_spaced: bool,
}

struct Part {
    /// Whether other words may stand before it.
    has_gap: bool,
    what: What,
}

enum What {
    /// This one of the texts.
    Text(Range<u32>),
    /// One of the words of this list.
    OneOf(usize),
}

/// A word of a list, or several.
struct Word {
    text: String,
    /// Whether it is only the beginning.
    is_stem: bool,
}

impl Lexicons {
    pub(crate) fn parse(files: &Files<'_>, errors: &mut Vec<RuleError>) -> Self {
        let mut all = Self::default();
        let mut words = BTreeMap::new();
        for (file, text) in files {
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
                    errors.push(RuleError::Body { file: (*file).to_owned(), why });
                }
            }
        }
        let owned = (0..).zip(&all.phrases);
        let keys = owned.flat_map(|(at, phrase)| all.literals(phrase).map(move |literal| (literal, at as Owner)));
        all.index = Index::new(keys);
        all
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
                        let weight = 1000 * text.split(' ').count() + text.len();
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

    fn parts(&self, phrase: &Phrase) -> &[Part] {
        self.parts.get(phrase.range.start as usize..phrase.range.end as usize).unwrap_or(&[])
    }

    fn text(&self, range: &Range<u32>) -> &str {
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

    /// All phrases in text that went through [`text::fold`], with the list and the range of each, in this order.
    pub fn find(&self, folded: &str) -> Vec<(LexiconId, Range<usize>)> {
        let candidates = self.index.find(folded).into_iter();
        let mut found: Vec<_> = candidates
            .filter_map(|(phrase, at)| {
                let phrase = self.phrases.get(phrase as usize)?;
                Some((phrase.list, Place { phrase, folded, lexicons: self }.around(at)?))
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

impl Word {
    fn parse(line: &str) -> Self {
        let stem = line.strip_suffix('*');
        Self { text: text::folded(stem.unwrap_or(line)).trim().to_owned(), is_stem: stem.is_some() }
    }
}

/// A phrase and the text in which it is looked for.
struct Place<'p> {
    phrase: &'p Phrase,
    folded: &'p str,
    lexicons: &'p Lexicons,
}

impl Place<'_> {
    /// The range of the phrase whose key stands at `at`.
    fn around(&self, at: usize) -> Option<Range<usize>> {
        let (before, after) = self.lexicons.parts(self.phrase).split_at_checked(self.phrase.key)?;
        let (key, after) = after.split_first()?;
        let start = self.start(before, key.has_gap, at)?;
        let end = self.ends(key, at).into_iter().find_map(|at| self.end(after, at))?;
        Some(start..end)
    }

    /// Where a part ends that begins at `at`.
    fn ends(&self, part: &Part, at: usize) -> Vec<usize> {
        let rest = self.folded.get(at..).unwrap_or("");
        match &part.what {
            What::Text(range) => {
                let text = self.lexicons.text(range);
                rest.starts_with(text).then_some(at + text.len()).into_iter().collect()
            }
            What::OneOf(list) => {
                let all = self.lexicons.words.get(*list).map_or(&[][..], Vec::as_slice).iter();
                // Most words differ in the first letter, which is told sooner than that they do.
                let first = rest.as_bytes().first();
                let is_here = |word: &&Word| word.text.as_bytes().first() == first && rest.starts_with(&word.text);
                let ends = all.filter(is_here).map(|word| {
                    let more = rest.bytes().skip(word.text.len()).take_while(|byte| is_word(*byte)).count();
                    (word.is_stem || more == 0).then_some(at + word.text.len() + more)
                });
                ends.flatten().collect()
            }
        }
    }

    /// Where a part begins that ends at `at`.
    fn starts(&self, part: &Part, at: usize) -> Vec<usize> {
        let before = self.folded.get(..at).unwrap_or("").trim_end_matches(BETWEEN);
        let at = before.len();
        match &part.what {
            What::Text(range) => {
                let text = self.lexicons.text(range);
                before.ends_with(text).then(|| at - text.len()).into_iter().collect()
            }
            What::OneOf(list) => {
                let all = self.lexicons.words.get(*list).map_or(&[][..], Vec::as_slice).iter();
                let last = before.as_bytes().last();
                let may_end = |word: &&Word| word.is_stem || word.text.as_bytes().last() == last;
                let starts = all.filter(may_end).filter_map(|word| {
                    let more =
                        if word.is_stem { before.bytes().rev().take_while(|byte| is_word(*byte)).count() } else { 0 };
                    let first = word.text.rsplit(' ').next().map_or(0, str::len);
                    let cut = if word.is_stem { more.checked_sub(first)? } else { 0 };
                    let stem = before.get(..at - cut)?;
                    let start = stem.len().checked_sub(word.text.len()).filter(|_| stem.ends_with(&word.text))?;
                    let goes_on =
                        stem.as_bytes().get(..start).and_then(<[u8]>::last).is_some_and(|byte| is_word(*byte));
                    (!goes_on).then_some(start)
                });
                starts.collect()
            }
        }
    }

    /// Where the phrase ends whose parts `rest` follow at `at`.
    fn end(&self, rest: &[Part], at: usize) -> Option<usize> {
        let Some((part, rest)) = rest.split_first() else {
            let after = self.folded.get(at..).and_then(|rest| rest.chars().next());
            return (!(self.phrase.edges[1] && after.is_some_and(is_letter))).then_some(at);
        };
        let places = if part.has_gap { self.after(at) } else { self.next(at) };
        places.into_iter().flat_map(|at| self.ends(part, at)).find_map(|at| self.end(rest, at))
    }

    /// Where the phrase begins whose parts `rest` stand before `at`, with a gap between or not.
    fn start(&self, rest: &[Part], has_gap: bool, at: usize) -> Option<usize> {
        let Some((part, rest)) = rest.split_last() else {
            let before = self.folded.get(..at).and_then(|rest| rest.chars().next_back());
            return (!(self.phrase.edges[0] && before.is_some_and(is_letter))).then_some(at);
        };
        let places = if has_gap { self.before(at) } else { self.previous(at) };
        places.into_iter().flat_map(|at| self.starts(part, at)).find_map(|at| self.start(rest, part.has_gap, at))
    }

    /// Where the next word begins.
    fn next(&self, at: usize) -> Vec<usize> {
        let is_space = self.folded.as_bytes().get(at) == Some(&b' ');
        if is_space { vec![at + 1] } else { Vec::new() }
    }

    /// Where the word before ends.
    fn previous(&self, at: usize) -> Vec<usize> {
        let before = at.checked_sub(1).filter(|before| self.folded.as_bytes().get(*before) == Some(&b' '));
        before.into_iter().collect()
    }

    /// Where what follows a gap at `at` may begin.
    fn after(&self, at: usize) -> Vec<usize> {
        let rest = self.folded.get(at..).unwrap_or("");
        let [words, characters] = GAP;
        if !self.phrase.is_spaced {
            let skipped = rest.chars().take(characters).take_while(|c| !ends_sentence(*c)).map(char::len_utf8);
            return std::iter::once(at).chain(skipped.scan(at, |at, length| Some(add(at, length)))).collect();
        }
        let at = at + rest.len() - rest.trim_start_matches(BETWEEN).len() + 1;
        let Some(rest) = self.folded.get(at - 1..).and_then(|rest| rest.strip_prefix(' ')) else { return Vec::new() };
        let skipped = rest.split_inclusive(' ').take(words).take_while(|word| is_in_sentence(word.strip_suffix(' ')));
        std::iter::once(at).chain(skipped.scan(at, |at, word| Some(add(at, word.len())))).collect()
    }

    /// Where what stands before a gap that ends at `at` may end.
    fn before(&self, at: usize) -> Vec<usize> {
        let rest = self.folded.get(..at).unwrap_or("");
        let [words, characters] = GAP;
        if !self.phrase.is_spaced {
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

/// Whether this is a word after which the sentence goes on; an address and the name of a file are one.
fn is_in_sentence(word: Option<&str>) -> bool {
    let is_end = |word: &str| word.trim_end_matches([')', '"', '\'', '`', '*']).ends_with(['.', '!', '?']);
    word.is_some_and(|word| !word.is_empty() && !is_end(word))
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '。' | '！' | '？' | '\n')
}

/// Whether a word goes on with it. Folded, `брауз` holds `pay`; scripts without spaces begin where the other ends.
fn is_letter(c: char) -> bool {
    c == '_' || (c < '\u{530}' && c.is_alphanumeric())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}
