//! Regular expressions of rules, compiled when something is first compared with them: a scan of one skill needs few
//! of the many that there are. Classes such as `\w` are those of ASCII, which makes them small, unless the expression
//! itself holds other letters.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::de::{Deserialize, Deserializer, Error as _};

/// One regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The expression `source`, whose syntax is checked now.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(source: String) -> Result<Self, String> {
        check(&source)?;
        Ok(Self { source, regex: OnceLock::new() })
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| regex(&self.source).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    /// Compiles it now.
    ///
    /// # Errors
    /// If it is larger than a regular expression may be.
    pub fn compile(&self) -> Result<(), String> {
        regex(&self.source).map(drop).map_err(|error| format!("`{}`: {error}", self.source))
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Several regular expressions, any of which may match.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    sources: Vec<String>,
    set: OnceLock<Option<RegexSet>>,
}

impl Patterns {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Whether one of them matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        let set = self.set.get_or_init(|| set(&self.sources).ok());
        !self.sources.is_empty() && set.as_ref().is_some_and(|set| set.is_match(text.as_bytes()))
    }

    /// Compiles them now.
    ///
    /// # Errors
    /// If they are larger than regular expressions may be.
    pub fn compile(&self) -> Result<(), String> {
        set(&self.sources).map(drop).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sources = Vec::<String>::deserialize(deserializer)?;
        for source in &sources {
            check(source).map_err(D::Error::custom)?;
        }
        Ok(Self { sources, set: OnceLock::new() })
    }
}

fn regex(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).unicode(!source.is_ascii()).build()
}

fn set(sources: &[String]) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(sources).unicode(!sources.iter().all(|source| source.is_ascii())).build()
}

fn check(source: &str) -> Result<(), String> {
    regex_syntax::ast::parse::Parser::new().parse(source).map(drop).map_err(|error| error.to_string())
}
