//! Findings and gaps: what was seen, and what could not be looked at.

use serde::{Deserialize, Serialize};

use crate::artifact::Span;
use crate::rule::RuleId;

/// Harm if the reading is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Inventory.
    Info,
    /// Hygiene.
    Low,
    /// A capability that can hurt, without a shown link.
    Medium,
    /// One step from harm, or durable control.
    High,
    /// A stranger's code runs, or secrets leave, without a further decision.
    Critical,
}

impl Severity {
    /// One step down, but never below low (and info stays info).
    pub(crate) fn lowered(self) -> Self {
        match self {
            Self::Critical => Self::High,
            Self::High => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
            Self::Info => Self::Info,
        }
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Likelihood that the reading is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A keyword.
    Low,
    /// Several signs that agree.
    Medium,
    /// Structure: a parsed pipeline, decoded content, an exact indicator.
    High,
}

impl Confidence {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Part that a place plays in a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What the finding is about.
    Primary,
    /// Where the value came from.
    Source,
    /// On the way.
    Step,
    /// Where it ended.
    Sink,
    /// What else decided.
    Context,
}

/// A place and the part it plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where.
    pub span: Span,
    /// Which part.
    pub role: Role,
    /// What is there, in our words.
    pub note: String,
}

impl Evidence {
    /// Evidence at `span`.
    pub fn new(span: Span, role: Role, note: impl Into<String>) -> Self {
        Self { span, role, note: note.into() }
    }
}

/// One rule fired on one package.
#[must_use]
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which rule.
    pub rule: RuleId,
    /// The rule's severity in this case, before context.
    pub severity: Severity,
    /// The rule's confidence in this case.
    pub confidence: Confidence,
    /// What was seen and where it leads.
    pub message: String,
    /// Never empty; the first is primary.
    evidence: Vec<Evidence>,
}

impl Finding {
    /// A finding about `span`.
    pub fn new(
        rule: RuleId,
        severity: Severity,
        confidence: Confidence,
        message: impl Into<String>,
        span: Span,
        note: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            confidence,
            message: message.into(),
            evidence: vec![Evidence::new(span, Role::Primary, note)],
        }
    }

    /// Adds further evidence.
    pub fn with(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Makes it about the place of another piece of its evidence, which takes this one's.
    pub(crate) fn swap(&mut self, at: usize) {
        if let [first, rest @ ..] = self.evidence.as_mut_slice()
            && let Some(other) = at.checked_sub(1).and_then(|at| rest.get_mut(at))
        {
            std::mem::swap(&mut first.span, &mut other.span);
        }
    }

    /// Leaves a few of the pieces of evidence that are noted as places of the same kind.
    pub(crate) fn shorten(&mut self, same: &str) {
        const SHOWN: usize = 7;
        let mut left = SHOWN;
        self.evidence.retain_mut(|evidence| {
            let is_same = evidence.note == same;
            if is_same {
                evidence.note = "also here".to_owned();
                left = left.wrapping_sub(1);
            }
            !is_same || left < SHOWN
        });
    }

    /// All evidence, the primary one first.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The place that the finding is about.
    pub fn span(&self) -> Span {
        self.evidence[0].span
    }
}

/// Why bytes were not looked at. The names are those of `gaps[].kind` in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapKind {
    /// The system would not let us read it.
    Unreadable,
    /// Neither file nor directory: device, socket, pipe.
    SpecialFile,
    /// A link that was not followed.
    LinkNotFollowed,
    /// Beyond a limit.
    OverLimit,
    /// Encrypted, and no password of the package opens it.
    Encrypted,
    /// A container or compression that is not supported.
    Unopened,
    /// Cut off or broken, so that content is missing.
    Corrupt,
    /// Changed while it was read.
    Changed,
    /// The backstop clock ran out.
    Timeout,
    /// An engine panicked on it.
    Panicked,
}

impl GapKind {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "meta/unreadable",
            Self::SpecialFile => "meta/special-file",
            Self::LinkNotFollowed => "meta/link-not-followed",
            Self::OverLimit => "meta/over-limit",
            Self::Encrypted => "meta/encrypted-entry",
            Self::Unopened => "meta/unopened",
            Self::Corrupt => "meta/corrupt",
            Self::Changed => "meta/changed",
            Self::Timeout => "meta/timeout",
            Self::Panicked => "meta/panicked",
        }
    }
}

/// Something that no engine looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Path in the package, escaped for display.
    pub path: String,
    /// Which kind.
    pub kind: GapKind,
    /// What happened, in our words.
    pub why: String,
}

impl Gap {
    /// A gap at `path`.
    pub fn new(kind: GapKind, path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), kind, why: why.into() }
    }
}
