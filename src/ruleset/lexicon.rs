//! Phrase lists in several languages, compared with folded text.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

use crate::rule::RuleError;
use crate::text;

/// Memory that a list may take for each thread that searches with it, in bytes; there are many lists.
const CACHE: usize = 768 * 1024;

/// Named phrase lists, from `lexicons/*.txt`.
#[derive(Default)]
pub struct Lexicons(BTreeMap<String, Lexicon>);

/// One phrase list. A line is a phrase; one that ends in `*` is the beginning of a word; ` * ` stands for up to four words (or, in
/// scripts other than ASCII, 24 characters), `#` starts a comment.
pub struct Lexicon {
    regex: Option<Regex>,
}

impl Lexicons {
    pub(crate) fn parse(files: &BTreeMap<String, String>) -> Result<Self, RuleError> {
        let mut lexicons = BTreeMap::new();
        for (file, text) in files {
            let Some(name) = file.strip_prefix("lexicons/").and_then(|n| n.strip_suffix(".txt")) else { continue };
            let lexicon =
                Lexicon::parse(text).map_err(|error| RuleError::Body { file: file.clone(), why: error.to_string() })?;
            lexicons.insert(name.to_owned(), lexicon);
        }
        Ok(Self(lexicons))
    }

    /// The list called `name`.
    pub fn get(&self, name: &str) -> Option<&Lexicon> {
        self.0.get(name)
    }

    /// Whether any phrase of the list `name` stands in `folded`.
    pub fn holds(&self, name: &str, folded: &str) -> bool {
        self.get(name).is_some_and(|lexicon| lexicon.find(folded).is_some())
    }
}

impl Lexicon {
    fn parse(text: &str) -> Result<Self, Box<regex::Error>> {
        let phrases: Vec<String> = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or("").trim())
            .filter(|line| !line.is_empty())
            .map(pattern)
            .collect();
        if phrases.is_empty() {
            return Ok(Self { regex: None });
        }
        let regex = RegexBuilder::new(&phrases.join("|")).dfa_size_limit(CACHE).build()?;
        Ok(Self { regex: Some(regex) })
    }

    /// First phrase in text that went through [`text::fold`], as a range of it.
    pub fn find(&self, folded: &str) -> Option<Range<usize>> {
        self.regex.as_ref()?.find(folded).map(|found| found.range())
    }

    /// All phrases in folded text.
    pub fn find_all<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.iter().flat_map(move |regex| regex.find_iter(folded)).map(|found| found.range())
    }
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
    let edge = |c: Option<char>| if c.is_some_and(|c| c.is_ascii_alphanumeric()) { r"(?-u:\b)" } else { "" };
    let end = if is_stem { "" } else { edge(folded.chars().last()) };
    format!("{}{body}{end}", edge(folded.chars().next()))
}
