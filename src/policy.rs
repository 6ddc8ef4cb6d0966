//! From findings to a verdict: the only code that grades, lowers or hides.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::civil::Date;
use serde::Serialize;

use crate::analyze::Weighed;
use crate::finding::{Confidence, Severity};
use crate::report::{PackageReport, ReportedFinding};
use crate::rule::{Class, Rule, RuleId};

pub mod baseline;
pub mod config;
pub mod suppress;

pub use config::Config;
pub use suppress::{Ledger, Note, Suppressed, Suppression, Suppressions};

/// What to do about a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing that reaches review, no gap.
    Pass,
    /// A careful person would want to read it.
    Review,
    /// Bytes that no engine saw, nothing worse found.
    Incomplete,
    /// Strong sign of harm, or a serious unsafe practice.
    Warn,
    /// Evidence of intent that no honest reading explains.
    Malicious,
}

impl Verdict {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Review => "review",
            Self::Incomplete => "incomplete",
            Self::Warn => "warn",
            Self::Malicious => "malicious",
        }
    }
}

/// What a single finding calls for, by effective severity and confidence.
pub fn verdict_of(severity: Severity, confidence: Confidence) -> Verdict {
    use Confidence as C;
    use Severity as S;
    match (severity, confidence) {
        (S::Critical, C::High) => Verdict::Malicious,
        (S::Critical, C::Medium) | (S::High, C::High | C::Medium) => Verdict::Warn,
        (S::Critical | S::High, C::Low) | (S::Medium, C::High | C::Medium) => Verdict::Review,
        _ => Verdict::Pass,
    }
}

/// The user's choices.
#[derive(Debug, Clone)]
pub struct Policy {
    ignored: GlobSet,
    only: Option<GlobSet>,
    /// By the id of a rule, or by `family/*`.
    severities: BTreeMap<String, Severity>,
    suppressions: Suppressions,
}

impl Policy {
    /// A policy that ignores the rules that match `globs`.
    ///
    /// # Errors
    /// If a glob is malformed.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        let severities = BTreeMap::new();
        Ok(Self { ignored: rules(globs)?, only: None, severities, suppressions: Suppressions::default() })
    }

    /// The choices of a file, beside the rules that match `globs` and are ignored; `today` decides what has expired.
    ///
    /// # Errors
    /// If a glob is malformed.
    pub fn with(
        config: &Config,
        globs: &[String],
        baseline: Vec<Suppression>,
        today: Date,
    ) -> Result<Self, globset::Error> {
        let ignored: Vec<String> = config.ignored.iter().chain(globs).cloned().collect();
        let suppressions = config.suppressions.iter().cloned().chain(baseline);
        Ok(Self {
            only: if config.only.is_empty() { None } else { Some(rules(&config.only)?) },
            severities: config.severities.clone(),
            suppressions: Suppressions::new(suppressions.collect(), today),
            ..Self::new(&ignored)?
        })
    }

    /// Whether the user asked to ignore the rule, as if there were none.
    pub fn ignores(&self, rule: &RuleId) -> bool {
        self.ignored.is_match(rule.as_str())
    }

    /// Whether findings of the rule are reported. What is not may still be a part of a finding that is.
    pub fn reports(&self, rule: &RuleId) -> bool {
        !self.ignores(rule) && self.only.as_ref().is_none_or(|only| only.is_match(rule.as_str()))
    }

    /// The severity that the user gives to a rule's findings; the rule's own id counts more than its family.
    pub fn severity(&self, rule: &RuleId) -> Option<Severity> {
        if self.severities.is_empty() {
            return None;
        }
        let family = || self.severities.get(&format!("{}/*", rule.family()));
        self.severities.get(rule.as_str()).or_else(family).copied()
    }

    /// What the user accepted, in order of the file.
    pub fn suppressions(&self) -> &Suppressions {
        &self.suppressions
    }

    /// Severity after the user's choice and after context: one step down for each kind of context, at most two.
    pub(crate) fn judge(&self, mut weighed: Weighed, rule: &Rule) -> (Judged, Verdict) {
        weighed.finding.severity = self.severity(&rule.id).unwrap_or(weighed.finding.severity);
        let steps = weighed.context.len().min(2);
        let effective = (0..steps).fold(weighed.finding.severity, |severity, _| severity.lowered());
        let verdict = match rule.meta.class {
            Class::Capability => Verdict::Pass,
            Class::Threat | Class::Composite => verdict_of(effective, weighed.finding.confidence),
        };
        (Judged { weighed, effective }, verdict)
    }

    /// Adds a finding to a report: it counts, or it stays there as suppressed.
    pub(crate) fn settle(&self, report: &mut PackageReport, finding: ReportedFinding) {
        match self.suppressions.find(report, &finding) {
            Some((by, suppression)) => {
                let suppression = suppression.clone();
                report.suppressed.push(Suppressed { finding, by, suppression });
            }
            None => {
                report.verdict = report.verdict.max(finding.verdict);
                report.findings.push(finding);
            }
        }
    }
}

fn rules(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).literal_separator(false).build()?);
    }
    set.build()
}

/// A finding as it counts.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was found, with its context.
    pub weighed: Weighed,
    /// Severity after context.
    pub effective: Severity,
}
