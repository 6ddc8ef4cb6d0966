//! Regular expressions of rules, compiled when a text comes along that may match: a scan of one skill needs few of the
//! many that there are, and what most are compared with begins or ends otherwise. Classes such as `\w` are those of
//! ASCII, which makes them small, unless the expression itself holds other letters.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::text::AUTOMATON_BYTES;

/// One regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    /// Whether it must match a text from end to end.
    is_whole: bool,
    edges: OnceLock<Edges>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The expression `source`, which may match anywhere in a text. Its syntax is checked now.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(source: String) -> Result<Self, String> {
        regex_syntax::ast::parse::Parser::new().parse(&source).map_err(|error| error.to_string())?;
        Ok(Self { source, is_whole: false, edges: OnceLock::new(), regex: OnceLock::new() })
    }

    /// The expression `source`, which must match whole texts.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn whole(source: String) -> Result<Self, String> {
        Ok(Self { is_whole: true, ..Self::new(source)? })
    }

    /// Whether it matches.
    pub fn is_match(&self, text: &str) -> bool {
        if self.is_whole && !self.edges.get_or_init(|| Edges::of(&self.source)).fit(text.as_bytes()) {
            return false;
        }
        let regex = self.regex.get_or_init(|| self.build().ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    /// Compiles it now.
    ///
    /// # Errors
    /// If it is larger than a regular expression may be.
    pub fn compile(&self) -> Result<(), String> {
        self.build().map(drop).map_err(|error| format!("`{}`: {error}", self.source))
    }

    fn build(&self) -> Result<Regex, regex::Error> {
        let whole = self.is_whole.then(|| format!("^(?:{})$", self.source));
        RegexBuilder::new(whole.as_deref().unwrap_or(&self.source))
            .unicode(is_unicode(&self.source))
            .dfa_size_limit(AUTOMATON_BYTES)
            .build()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn is_unicode(source: &str) -> bool {
    !source.is_ascii()
}

/// Literals with which all texts that match begin and end, in either case; `None` where there are no such.
#[derive(Debug, Clone, Default)]
struct Edges {
    first: Option<Vec<Box<[u8]>>>,
    last: Option<Vec<Box<[u8]>>>,
}

impl Edges {
    fn of(source: &str) -> Self {
        let parsed = ParserBuilder::new().unicode(is_unicode(source)).utf8(false).build().parse(source);
        parsed.map_or_else(
            |_| Self::default(),
            |hir| Self { first: literals(&hir, ExtractKind::Prefix), last: literals(&hir, ExtractKind::Suffix) },
        )
    }

    fn fit(&self, text: &[u8]) -> bool {
        let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|part| part.eq_ignore_ascii_case(with));
        let ends = |with: &[u8]| {
            let from = text.len().checked_sub(with.len());
            from.and_then(|from| text.get(from..)).is_some_and(|part| part.eq_ignore_ascii_case(with))
        };
        self.first.as_ref().is_none_or(|all| all.iter().any(|literal| begins(literal)))
            && self.last.as_ref().is_none_or(|all| all.iter().any(|literal| ends(literal)))
    }
}

fn literals(hir: &Hir, kind: ExtractKind) -> Option<Vec<Box<[u8]>>> {
    let found = Extractor::new().kind(kind).extract(hir);
    let mut all: Vec<Box<[u8]>> =
        found.literals()?.iter().map(|literal| literal.as_bytes().to_ascii_lowercase().into()).collect();
    all.sort_unstable();
    all.dedup();
    // An empty one says nothing.
    all.iter().all(|literal| !literal.is_empty()).then_some(all)
}
