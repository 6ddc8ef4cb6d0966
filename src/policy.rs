//! From findings to a verdict: the only code that grades, lowers or hides.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Serialize;

use crate::analyze::Weighed;
use crate::finding::{Confidence, Severity};
use crate::rule::{Class, RuleId};

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
}

impl Policy {
    /// A policy that ignores the rules that match `globs`.
    ///
    /// # Errors
    /// If a glob is malformed.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(GlobBuilder::new(glob).literal_separator(false).build()?);
        }
        Ok(Self { ignored: set.build()? })
    }

    /// Whether the user asked to ignore the rule.
    pub fn ignores(&self, rule: &RuleId) -> bool {
        self.ignored.is_match(rule.as_str())
    }
}

/// A finding as it counts.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was found, with its context.
    pub weighed: Weighed,
    /// Severity after context.
    pub effective: Severity,
}

/// Severity after context: one step down for each kind, at most two.
pub fn judge(weighed: Weighed, class: Class) -> (Judged, Verdict) {
    let steps = weighed.context.len().min(2);
    let effective = (0..steps).fold(weighed.finding.severity, |severity, _| severity.lowered());
    let verdict = match class {
        Class::Capability => Verdict::Pass,
        Class::Threat | Class::Composite => verdict_of(effective, weighed.finding.confidence),
    };
    (Judged { weighed, effective }, verdict)
}
