//! Phrase lists in several languages, compared with folded text.

use std::ops::Range;

use crate::rule::RuleError;
use crate::ruleset::{Files, embedded};

pub(crate) mod table;

pub use table::LexiconId;
use table::{Part, Phrase, Table, What, Word};

/// Most words, or characters in scripts without spaces, that a `*` of a phrase stands for.
const GAP: [usize; 2] = [4, 24];

/// What may stand after a word before the next one.
const BETWEEN: [char; 7] = [',', ';', ':', ')', '"', '\'', '`'];

/// Named phrase lists, from `lexicons/*.txt`. A line is a phrase; one that ends in `*` is the beginning of a word; ` * `
/// stands for up to four words (or, in scripts other than ASCII, 24 characters), `{name}` for any phrase of the list
/// `lexicons/words/name.txt`, `#` starts a comment.
#[derive(Default)]
pub struct Lexicons(Table);

impl Lexicons {
    pub(crate) fn parse(files: &Files<'_>, errors: &mut Vec<RuleError>) -> Self {
        let given = files.range("lexicons/".."lexicons0").map(|(file, text)| (*file, *text));
        let builtin = embedded::FILES.iter().filter(|(file, _)| file.starts_with("lexicons/"));
        if builtin.clone().count() == given.clone().count()
            && builtin.clone().all(|(file, text)| files.get(file) == Some(text))
        {
            return Self(postcard::from_bytes(embedded::LEXICONS).expect("the build script made it of the same types"));
        }
        let (table, wrong) = Table::make(given);
        errors.extend(wrong.into_iter().map(|(file, why)| RuleError::Body { file: file.to_owned(), why }));
        Self(table)
    }

    /// All phrases in text that went through [`crate::text::fold`], with the list and the range of each, in this order.
    pub fn find(&self, folded: &str) -> Vec<(LexiconId, Range<usize>)> {
        let candidates = self.0.index.find(folded).into_iter();
        let mut found: Vec<_> = candidates
            .filter_map(|(phrase, at)| {
                let phrase = self.0.phrases.get(phrase as usize)?;
                Some((phrase.list, Place { phrase, folded, table: &self.0 }.around(at)?))
            })
            .collect();
        found.sort_unstable_by_key(|(list, range)| (*list, range.start, range.end));
        found
    }

    /// The list called `name`.
    pub fn get(&self, name: &str) -> Option<LexiconId> {
        self.0.lists.get(name).copied()
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

/// A phrase and the text in which it is looked for.
struct Place<'p> {
    phrase: &'p Phrase,
    folded: &'p str,
    table: &'p Table,
}

impl Place<'_> {
    /// The range of the phrase whose key stands at `at`.
    fn around(&self, at: usize) -> Option<Range<usize>> {
        let (before, after) = self.table.parts(self.phrase).split_at_checked(self.phrase.key)?;
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
                let text = self.table.text(range);
                rest.starts_with(text).then_some(at + text.len()).into_iter().collect()
            }
            What::OneOf(list) => {
                let all = self.table.words.get(*list).map_or(&[][..], Vec::as_slice).iter();
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
                let text = self.table.text(range);
                before.ends_with(text).then(|| at - text.len()).into_iter().collect()
            }
            What::OneOf(list) => {
                let all = self.table.words.get(*list).map_or(&[][..], Vec::as_slice).iter();
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
