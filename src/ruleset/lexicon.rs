//! Phrase lists in several languages, compared with folded text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::rule::RuleError;
use crate::ruleset::words::{self, Index, Literal};
use crate::text;

/// Memory that a list may take for each thread that searches with it, in bytes; there are many lists.
const CACHE: usize = 768 * 1024;

/// Named phrase lists, from `lexicons/*.txt`.
#[derive(Default)]
pub struct Lexicons {
    lists: BTreeMap<String, Lexicon>,
    /// The longest literal part of every phrase that rules look for: one pass tells which lists a text can hold at all.
    index: Index,
}

/// Which of the lists.
pub type LexiconId = words::Owner;

/// One phrase list. A line is a phrase; one that ends in `*` is the beginning of a word; ` * ` stands for up to four words (or, in
/// scripts other than ASCII, 24 characters), `#` starts a comment.
pub struct Lexicon {
    /// Which of the lists it is.
    pub id: LexiconId,
    phrases: Vec<String>,
    /// Compiled when it is first needed: there are many lists, and a skill needs few.
    regex: OnceLock<Option<Regex>>,
}

impl Lexicons {
    pub(crate) fn parse(files: &BTreeMap<String, String>) -> Result<Self, RuleError> {
        let mut lists = BTreeMap::new();
        for (file, text) in files {
            let Some(name) = file.strip_prefix("lexicons/").and_then(|n| n.strip_suffix(".txt")) else { continue };
            let broken = |why: String| RuleError::Body { file: file.clone(), why };
            let id = LexiconId::try_from(lists.len()).map_err(|error| broken(error.to_string()))?;
            let lexicon = Lexicon { id, phrases: phrases(text).map(str::to_owned).collect(), regex: OnceLock::new() };
            lists.insert(name.to_owned(), lexicon);
        }
        Ok(Self { lists, index: Index::default() })
    }

    /// Makes these lists findable by [`Self::candidates`].
    pub(crate) fn index(&mut self, names: &BTreeSet<&str>) {
        let lists = names.iter().filter_map(|name| self.lists.get(*name));
        let literals =
            lists.flat_map(|list| list.phrases.iter().filter_map(|phrase| Some((literal(phrase)?, list.id))));
        self.index = Index::new(literals);
    }

    /// Names of lists that are too large to be searched for, and why.
    pub(crate) fn uncompilable(&self) -> impl Iterator<Item = (&str, String)> {
        self.lists.iter().filter_map(|(name, list)| Some((name.as_str(), list.compile().err()?.to_string())))
    }

    /// Where the text may hold a phrase of which list: each such phrase has a place in it.
    pub fn candidates(&self, folded: &str) -> Vec<(LexiconId, usize)> {
        self.index.find(folded)
    }

    /// The list called `name`.
    pub fn get(&self, name: &str) -> Option<&Lexicon> {
        self.lists.get(name)
    }

    /// Whether any phrase of the list `name` stands in `folded`.
    pub fn holds(&self, name: &str, folded: &str) -> bool {
        self.get(name).is_some_and(|lexicon| lexicon.find(folded).is_some())
    }
}

impl Lexicon {
    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| self.compile().ok().flatten()).as_ref()
    }

    /// One regular expression for all phrases; none if there are none.
    fn compile(&self) -> Result<Option<Regex>, regex::Error> {
        let all: Vec<String> = self.phrases.iter().map(|phrase| pattern(phrase)).collect();
        if all.is_empty() {
            return Ok(None);
        }
        RegexBuilder::new(&all.join("|")).unicode(false).dfa_size_limit(CACHE).build().map(Some)
    }

    /// First phrase in text that went through [`text::fold`], as a range of it.
    pub fn find(&self, folded: &str) -> Option<Range<usize>> {
        self.regex()?.find(folded.as_bytes()).map(|found| found.range())
    }

    /// All phrases in folded text.
    pub fn find_all<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex().into_iter().flat_map(move |regex| regex.find_iter(folded.as_bytes())).map(|found| found.range())
    }
}

fn phrases(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}

/// The longest part of a phrase that stands in a folded text as it is.
fn literal(phrase: &str) -> Option<Literal> {
    let (stem, is_stem) = stem(phrase);
    let (folded, _) = text::fold(stem);
    let parts: Vec<&str> = folded.split('*').map(str::trim).collect();
    let (at, part) =
        parts.iter().enumerate().max_by_key(|(_, part)| part.len()).filter(|(_, part)| !part.is_empty())?;
    // Between parts there is a space in ASCII; other letters fold to those of ASCII, and have no edges of words.
    let is_open = |is_edge: bool, c: Option<char>| if is_edge { !has_edge(c) } else { !folded.is_ascii() };
    let start = is_open(at == 0, stem.chars().next());
    let end = is_open(at + 1 == parts.len(), stem.chars().last()) || is_stem && at + 1 == parts.len();
    Some(Literal { text: (*part).to_owned(), is_open: [start, end] })
}

/// A phrase without the sign that more of the last word may follow, and whether it had one.
fn stem(phrase: &str) -> (&str, bool) {
    match phrase.strip_suffix('*') {
        Some(stem) if !stem.ends_with(' ') => (stem, true),
        _ => (phrase, false),
    }
}

/// Whether a phrase that begins or ends with this character begins or ends with a word.
fn has_edge(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_alphanumeric())
}

fn pattern(phrase: &str) -> String {
    let (stem, is_stem) = stem(phrase);
    let (folded, _) = text::fold(stem);
    let spaced = folded.is_ascii();
    let gap = if spaced { r" (?:[^ .!?]+ ){0,4}" } else { r"(?u:[^.!?。！？\n]{0,24}?)" };
    let body = folded.split('*').map(|part| regex::escape(part.trim())).collect::<Vec<_>>().join(gap);
    // Of the phrase as it was written: other letters fold to those of ASCII, and their words have other edges.
    let edge = |c: Option<char>| if has_edge(c) { r"\b" } else { "" };
    let end = if is_stem { "" } else { edge(stem.chars().last()) };
    format!("{}{body}{end}", edge(stem.chars().next()))
}
