//! Phrase lists in several languages, compared with folded text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexBuilder};

use crate::rule::RuleError;
use crate::text;

/// Memory that a list may take for each thread that searches with it, in bytes; there are many lists.
const CACHE: usize = 768 * 1024;

/// Named phrase lists, from `lexicons/*.txt`.
#[derive(Default)]
pub struct Lexicons {
    lists: BTreeMap<String, Lexicon>,
    /// The longest literal part of every phrase that rules look for: one pass tells which lists a text can hold at all.
    automaton: Option<AhoCorasick>,
    /// The list of each pattern of the automaton.
    owners: Vec<LexiconId>,
}

/// Which of the lists.
pub type LexiconId = u16;

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
        Ok(Self { lists, automaton: None, owners: Vec::new() })
    }

    /// Makes these lists findable by [`Self::candidates`].
    pub(crate) fn index(&mut self, names: &BTreeSet<&str>) -> Result<(), RuleError> {
        let mut parts = Vec::new();
        self.owners.clear();
        for list in names.iter().filter_map(|name| self.lists.get(*name)) {
            for part in list.phrases.iter().filter_map(|phrase| literal(phrase)) {
                parts.push(part);
                self.owners.push(list.id);
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&parts);
        let broken =
            |error: aho_corasick::BuildError| RuleError::Body { file: "lexicons".to_owned(), why: error.to_string() };
        self.automaton = Some(automaton.map_err(broken)?);
        Ok(())
    }

    /// Names of lists that are too large to be searched for, and why.
    pub(crate) fn uncompilable(&self) -> impl Iterator<Item = (&str, String)> {
        self.lists.iter().filter_map(|(name, list)| Some((name.as_str(), list.compile().err()?.to_string())))
    }

    /// Where the text may hold a phrase of which list: each such phrase has a place in it.
    pub fn candidates<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = (LexiconId, usize)> + 'a {
        self.automaton
            .iter()
            .flat_map(move |automaton| automaton.find_overlapping_iter(folded))
            .filter_map(|found| Some((*self.owners.get(found.pattern().as_usize())?, found.start())))
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
        RegexBuilder::new(&all.join("|")).dfa_size_limit(CACHE).build().map(Some)
    }

    /// First phrase in text that went through [`text::fold`], as a range of it.
    pub fn find(&self, folded: &str) -> Option<Range<usize>> {
        self.regex()?.find(folded).map(|found| found.range())
    }

    /// All phrases in folded text.
    pub fn find_all<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex().into_iter().flat_map(move |regex| regex.find_iter(folded)).map(|found| found.range())
    }
}

fn phrases(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}

/// The longest part of a phrase that stands in a folded text as it is.
fn literal(phrase: &str) -> Option<String> {
    let (folded, _) = text::fold(phrase);
    folded.split('*').map(str::trim).max_by_key(|part| part.len()).filter(|part| !part.is_empty()).map(str::to_owned)
}

fn pattern(phrase: &str) -> String {
    let (stem, is_stem) = match phrase.strip_suffix('*') {
        Some(stem) if !stem.ends_with(' ') => (stem, true),
        _ => (phrase, false),
    };
    let (folded, _) = text::fold(stem);
    let spaced = folded.is_ascii();
    let gap = if spaced { r" (?:[^ .!?]+ ){0,4}" } else { r"[^.!?。！？\n]{0,24}?" };
    let body = folded.split('*').map(|part| regex::escape(part.trim())).collect::<Vec<_>>().join(gap);
    // Of the phrase as it was written: other letters fold to those of ASCII, and their words have other edges.
    let edge = |c: Option<char>| if c.is_some_and(|c| c.is_ascii_alphanumeric()) { r"(?-u:\b)" } else { "" };
    let end = if is_stem { "" } else { edge(stem.chars().last()) };
    format!("{}{body}{end}", edge(stem.chars().next()))
}
