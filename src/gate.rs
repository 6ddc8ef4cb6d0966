//! The gate: what is about to be installed, vetted before anything of it is
//! written. One exact version is fetched into memory, compared with what the
//! registry lists, scanned, and judged together with what the registry says.
//! What is installed are the bytes that were vetted, and no others.

use std::sync::Arc;

use crate::Verdict;
use crate::net::registry::Named;
use crate::package::Discovered;
use crate::report::PackageReport;

pub mod contents;
pub mod exec;
pub mod fetch;
pub mod install;
pub mod policy;
pub mod reference;
pub mod show;

use contents::Contents;

/// How much a reason weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Good to know.
    Note,
    /// As much as a finding that calls for this.
    Counts(Verdict),
    /// Nothing is installed, whatever is allowed.
    Refused,
    /// There is nothing to look at.
    Missing,
}

/// Something beside the scan that speaks for or against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is, for programs.
    pub code: &'static str,
    /// What it is, for people; not escaped.
    pub text: String,
}

impl Reason {
    /// A reason.
    pub fn new(weight: Weight, code: &'static str, text: impl Into<String>) -> Self {
        Self { weight, code, text: text.into() }
    }
}

/// Which skill of a registry a candidate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name as the registry has it.
    pub name: Named,
    /// Whether the user named the owner.
    pub is_owner_named: bool,
    /// The exact version, or the commit.
    pub version: String,
    /// When it was published, in milliseconds since 1970.
    pub created_at: Option<u64>,
}

/// What is about to be installed.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// What it is called in reports; not escaped.
    pub shown: String,
    /// Which skill of the registry it is, if it is one.
    pub identity: Option<Identity>,
    /// Files as they would be written.
    pub contents: Contents,
    /// The archive as it came.
    pub packed: Option<Arc<[u8]>>,
    /// What speaks for and against it.
    pub reasons: Vec<Reason>,
}

impl Candidate {
    fn because(&mut self, weight: Weight, code: &'static str, text: impl Into<String>) {
        self.reasons.push(Reason::new(weight, code, text));
    }

    /// Stops what is of none of these publishers, unless there are none; they are given in lower case.
    pub fn restrict_publisher(&mut self, allowed: &[String]) {
        let owner = self.identity.as_ref().and_then(|identity| identity.name.owner.as_deref());
        let is_allowed = owner.is_some_and(|owner| allowed.contains(&owner.to_lowercase()));
        if !allowed.is_empty() && !is_allowed {
            let who = owner.map_or_else(|| "its publisher is not known".to_owned(), |owner| format!("@{owner}"));
            let text = format!("{who}: not among the allowed publishers of your configuration");
            self.because(Weight::Counts(Verdict::Warn), "policy/publisher", text);
        }
    }

    /// What is to be scanned: the archive as it is, and its files where an installer would write others.
    pub fn views(&self, source: &'static str) -> Vec<Discovered> {
        let mut views = Vec::new();
        let cut_out = self.packed.is_none() || self.contents.is_changed;
        if let Some(packed) = &self.packed {
            views.push(Discovered::given(&self.shown, packed.to_vec()));
        }
        if cut_out && !self.contents.files.is_empty() {
            let files = self.contents.files.iter().map(|file| (file.path.clone().into(), Arc::clone(&file.bytes)));
            views.push(Discovered::held(&self.shown, files.collect()));
        }
        views.iter_mut().for_each(|view| view.source = source);
        views
    }
}

/// What the user lets through that is stopped otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Strong signs of harm.
    pub allow_warn: bool,
    /// What was not seen whole, or is undecided.
    pub allow_incomplete: bool,
    /// Stop what a careful person would want to read.
    pub stop_review: bool,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The worst of scan and reasons.
    pub verdict: Verdict,
    /// Whether it may be installed.
    pub is_admitted: bool,
    /// Whether there was nothing to look at.
    pub is_missing: bool,
}

/// Joins scan and reasons. Each of them must be let through: what is allowed never covers for something else.
pub fn decide(reports: &[PackageReport], reasons: &[Reason], settings: Settings) -> Decision {
    let mut verdicts: Vec<Verdict> = reports.iter().map(|report| report.verdict).collect();
    if reports.is_empty() || reports.iter().any(|report| !report.gaps.is_empty()) {
        verdicts.push(Verdict::Incomplete);
    }
    let mut is_refused = reports.is_empty();
    let mut is_missing = false;
    for reason in reasons {
        match reason.weight {
            Weight::Note => {}
            Weight::Counts(verdict) => verdicts.push(verdict),
            Weight::Refused => {
                verdicts.push(Verdict::Incomplete);
                is_refused = true;
            }
            Weight::Missing => is_missing = true,
        }
    }
    let passes = |verdict: &Verdict| match verdict {
        Verdict::Pass => true,
        Verdict::Review => !settings.stop_review,
        Verdict::Incomplete => settings.allow_incomplete,
        Verdict::Warn => settings.allow_warn,
        Verdict::Malicious => false,
    };
    let verdict = verdicts.iter().copied().max().unwrap_or(Verdict::Incomplete);
    let is_admitted = !is_refused && !is_missing && verdicts.iter().all(passes);
    Decision { verdict, is_admitted, is_missing }
}
