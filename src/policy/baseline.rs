//! The baseline: findings that were there when the user said that only new ones matter. A file of its own, made by
//! the program and readable by a person.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Verdict;
use super::config::{is_fingerprint, malformed, read};
use super::suppress::{Suppression, skill};
use crate::private;
use crate::report::{PackageReport, ReportedFinding, escape};
use crate::rule::{RuleError, RuleId};

/// Version of the file.
const SCHEMA: u32 = 1;
/// Largest file that is read, in bytes.
const BYTES: u64 = 64 * 1024 * 1024;

const HEAD: &str = "\
# Findings that were there when this file was written. What it lists does not count; what is new does.
# Written by `skillscan baseline`; it is safe to take entries out.
";

/// One finding that was there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The last parts of the skill's path.
    pub skill: String,
    /// Id of the rule.
    pub rule: String,
    /// The finding's fingerprint.
    pub fingerprint: String,
}

/// All findings that were there.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    /// In order of skill and rule.
    pub entries: BTreeSet<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u32,
    #[serde(default)]
    suppress: Vec<Entry>,
}

impl Baseline {
    /// Reads a file: its real path and what it says; none if there is no such file.
    ///
    /// # Errors
    /// In our words and escaped, with the file, and with the line where one is wrong.
    pub fn load(path: &Path) -> Result<Option<(PathBuf, Self)>, String> {
        let Some((real, text)) = read(path, BYTES)? else { return Ok(None) };
        let shown = escape::line(&path.display().to_string());
        let baseline = Self::parse(&shown, &text).map_err(|error| error.to_string())?;
        Ok(Some((real, baseline)))
    }

    /// Parses the text of a file, which goes by `file` in errors.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let stored: Stored = toml::from_str(text).map_err(|error| malformed(file, text, &error))?;
        let wrong = |why: String| RuleError::body(file.to_owned(), text, why);
        if stored.schema != SCHEMA {
            return Err(wrong(format!("is of schema {}, not {SCHEMA}", stored.schema)));
        }
        for entry in &stored.suppress {
            if RuleId::new(&entry.rule).is_err() {
                return Err(wrong(format!("`{}` is no rule", escape::line(&entry.rule))));
            }
            if !is_fingerprint(&entry.fingerprint) {
                return Err(wrong(format!("`{}` is no fingerprint", escape::line(&entry.fingerprint))));
            }
        }
        Ok(Self { entries: stored.suppress.into_iter().collect() })
    }

    /// Adds what was found in a package and calls for a verdict; what is malicious only if it `accepts` that. How many
    /// findings were left out.
    pub fn add(&mut self, report: &PackageReport, accepts: bool) -> usize {
        let skill = skill(report);
        let mut left_out = 0;
        let is_worth = |finding: &&ReportedFinding| finding.verdict > Verdict::Pass;
        for finding in report.findings.iter().filter(is_worth) {
            if finding.verdict == Verdict::Malicious && !accepts {
                left_out += 1;
                continue;
            }
            let (rule, fingerprint) = (finding.rule.to_string(), finding.fingerprint.clone());
            self.entries.insert(Entry { skill: skill.clone(), rule, fingerprint });
        }
        left_out
    }

    /// The entries as acceptances.
    pub fn suppressions(&self) -> Vec<Suppression> {
        let one = |entry: &Entry| {
            let Entry { skill, rule, fingerprint } = entry.clone();
            Suppression::of_baseline(rule, skill, fingerprint)
        };
        self.entries.iter().map(one).collect()
    }

    /// Writes it for the user alone; a crash leaves the old file or the new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        private::write(path, self.to_text().as_bytes())
    }

    fn to_text(&self) -> String {
        let mut text = format!("{HEAD}schema = {SCHEMA}\n");
        for Entry { skill, rule, fingerprint } in &self.entries {
            let skill = quoted(skill);
            text.push_str(&format!(
                "\n[[suppress]]\nrule = \"{rule}\"\nskill = {skill}\nfingerprint = \"{fingerprint}\"\n"
            ));
        }
        text
    }
}

/// Text of a package as a string of TOML, in printable ASCII alone.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08X}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
