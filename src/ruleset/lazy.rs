//! Regular expressions of rules, compiled when something is first compared with them: a scan of one skill needs few
//! of the many that there are.

use std::sync::OnceLock;

use regex::{Regex, RegexSet};
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
        let regex = self.regex.get_or_init(|| Regex::new(&self.source).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// Compiles it now.
    ///
    /// # Errors
    /// If it is larger than a regular expression may be.
    pub fn compile(&self) -> Result<(), String> {
        Regex::new(&self.source).map(drop).map_err(|error| format!("`{}`: {error}", self.source))
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
        let set = self.set.get_or_init(|| RegexSet::new(&self.sources).ok());
        !self.sources.is_empty() && set.as_ref().is_some_and(|set| set.is_match(text))
    }

    /// Compiles them now.
    ///
    /// # Errors
    /// If they are larger than regular expressions may be.
    pub fn compile(&self) -> Result<(), String> {
        RegexSet::new(&self.sources).map(drop).map_err(|error| error.to_string())
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

fn check(source: &str) -> Result<(), String> {
    regex_syntax::ast::parse::Parser::new().parse(source).map(drop).map_err(|error| error.to_string())
}
