//! What a rule is: one Markdown file that says everything about it, and one
//! body for each engine that looks for it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthStr;

use crate::finding::{Confidence, Severity};
use crate::report::escape;

/// Stable name of a rule, `family/mechanism`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// Parses `family/mechanism` in kebab-case.
    ///
    /// # Errors
    /// Says what is wrong with `id`.
    pub fn new(id: &str) -> Result<Self, RuleError> {
        let kebab = |part: &str| {
            !part.is_empty()
                && part
                    .split('-')
                    .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        };
        match id.split_once('/') {
            Some((family, mechanism)) if kebab(family) && kebab(mechanism) => Ok(Self(id.into())),
            _ => Err(RuleError::Id(id.to_owned())),
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash.
    pub fn family(&self) -> &str {
        self.0.split_once('/').map_or("", |(family, _)| family)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a finding of the rule says about the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It can do something; never raises a verdict.
    Capability,
    /// A sign of intent.
    Threat,
    /// Several findings that mean more together.
    Composite,
}

impl Class {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capability => "capability",
            Self::Threat => "threat",
            Self::Composite => "composite",
        }
    }
}

/// Front matter of a rule's Markdown file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Names the bad pattern; lower case, no full stop.
    pub title: String,
    /// Capability, threat or composite.
    pub class: Class,
    /// Harm if true, unless a body's case says otherwise.
    pub severity: Severity,
    /// Likelihood, unless a body's case says otherwise.
    pub confidence: Confidence,
    /// What was seen and where it leads.
    pub message: String,
    /// What the reader should do.
    pub fix: String,
    /// Version that introduced the rule.
    pub since: String,
    /// ATT&CK techniques.
    #[serde(default)]
    pub attack: Vec<String>,
    /// OWASP entries.
    #[serde(default)]
    pub owasp: Vec<String>,
    /// `native` for a rule that an analyzer reports on its own.
    #[serde(default)]
    pub engine: Option<String>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// Its front matter.
    pub meta: Meta,
    /// Its Markdown text after the front matter.
    pub doc: String,
    /// Engines that look for it, by the ending of its bodies.
    pub engines: Vec<&'static str>,
}

/// Headings that every rule's text has, in this order.
pub const HEADINGS: [&str; 5] = ["What it finds", "Why it is bad", "When it is fine", "What to do", "References"];

/// Columns of a line that are shown before, at and after what is wrong in it.
const LEAD: usize = 80;

/// What can be wrong with a rule.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Not `family/mechanism`.
    #[error("`{0}` is not a rule id: family/mechanism in kebab-case")]
    Id(String),
    /// No `+++` front matter.
    #[error("{0}: the file must start with TOML front matter between `+++` lines")]
    FrontMatter(String),
    /// Front matter or body is not what the schema says.
    #[error("{file}: {source}")]
    Toml {
        /// Which file.
        file: String,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A heading is missing or out of order.
    #[error("{file}: expected the headings {HEADINGS:?} in this order, found {found:?}")]
    Headings {
        /// Which file.
        file: String,
        /// What stands there.
        found: Vec<String>,
    },
    /// A body or list that makes no sense.
    #[error("{file}: {why}")]
    Body {
        /// Which file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// A body that names something that does not exist.
    #[error("{file}:{line}: {why}\n  |\n{line:>2}| {shown}\n  | {caret}")]
    At {
        /// Which file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// What stands in it.
        shown: String,
        /// Marks below the line.
        caret: String,
        /// What is wrong.
        why: String,
    },
    /// YARA's own complaint, with file and line.
    #[error("{0}")]
    Yara(String),
}

impl RuleError {
    /// A complaint about a file, at the first place of it that the complaint quotes between back-ticks.
    pub(crate) fn body(file: String, text: &str, why: String) -> Self {
        let quoted = why.split('`').skip(1).step_by(2);
        let at = quoted.filter(|name| !name.is_empty()).find_map(|name| Some((text.find(name)?, name.len())));
        match at {
            Some((at, width)) => Self::at(file, text, at..at + width, why),
            None => Self::Body { file, why },
        }
    }

    /// A complaint about a range of bytes of a file, which is shown escaped, the rest of a long line left out.
    pub(crate) fn at(file: String, text: &str, range: Range<usize>, why: String) -> Self {
        let before = text.get(..range.start).unwrap_or("");
        let lead = before.rsplit('\n').next().unwrap_or("");
        let rest = text.get(range.start..).unwrap_or("").lines().next().unwrap_or("");
        let width = range.len().min(rest.len());
        let (marked, rest) = (rest.get(..width).unwrap_or(rest), rest.get(width..).unwrap_or(""));
        let skipped = lead.chars().count().saturating_sub(LEAD);
        let lead: String = lead.chars().skip(skipped).collect();
        let lead = format!("{}{}", if skipped > 0 { "…" } else { "" }, escape::line(&lead));
        let marked = escape::fitted(&escape::line(marked), LEAD);
        let rest = escape::fitted(&escape::line(rest), LEAD);
        let caret = format!("{}{}", " ".repeat(lead.width()), "^".repeat(marked.width().max(1)));
        let line = before.matches('\n').count() + 1;
        Self::At { file, line, shown: format!("{lead}{marked}{rest}"), caret, why }
    }
}

/// All that is wrong with a set of rules.
#[derive(Debug)]
pub struct RuleErrors(pub Vec<RuleError>);

impl std::error::Error for RuleErrors {}

impl From<RuleError> for RuleErrors {
    fn from(error: RuleError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{}", error.to_string().trim_end())?;
        }
        Ok(())
    }
}

impl Rule {
    /// Parses a rule's Markdown file.
    ///
    /// # Errors
    /// If the front matter or the headings are not as they must be.
    pub fn parse(id: &str, text: &str) -> Result<Self, RuleError> {
        let file = format!("rules/{id}.md");
        let rest = text.strip_prefix("+++\n").ok_or_else(|| RuleError::FrontMatter(file.clone()))?;
        let (front, doc) = rest.split_once("\n+++\n").ok_or_else(|| RuleError::FrontMatter(file.clone()))?;
        let meta = toml::from_str(&format!("\n{front}"))
            .map_err(|source| RuleError::Toml { file: file.clone(), source: Box::new(source) })?;
        let found: Vec<String> = doc.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
        if found != HEADINGS {
            return Err(RuleError::Headings { file, found });
        }
        Ok(Self { id: RuleId::new(id)?, meta, doc: doc.trim().to_owned(), engines: Vec::new() })
    }
}
