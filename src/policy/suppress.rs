//! Findings that the user accepted: what each acceptance is about, until when, and whether it still is about anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use jiff::civil::Date;

use super::Verdict;
use crate::place::normal;
use crate::report::{PackageReport, ReportedFinding};
use crate::rule::RuleId;

/// Source of packages that come from a registry.
const REGISTRY: &str = "registry";

/// What accepts a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A suppression of the configuration, at this line.
    Config(usize),
    /// The baseline.
    Baseline,
}

impl Basis {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Baseline => "baseline",
        }
    }
}

/// One acceptance.
#[derive(Debug, Clone)]
pub struct Suppression {
    /// Id of a rule, or `family/*`.
    pub rule: String,
    /// The last parts of a skill's path, such as `@alice/demo`; may hold wildcards.
    pub skill: String,
    /// The finding's fingerprint; none means any, but for what is malicious.
    pub fingerprint: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who says so.
    pub author: Option<String>,
    /// The last day on which it counts; none for ever.
    pub expires: Option<Date>,
    /// What it comes from.
    pub basis: Basis,
    pub(super) pattern: Option<GlobMatcher>,
}

impl Suppression {
    /// One of the baseline, of exactly this finding.
    pub fn of_baseline(rule: String, skill: String, fingerprint: String) -> Self {
        let (reason, basis) = ("baseline".to_owned(), Basis::Baseline);
        let fingerprint = Some(fingerprint);
        Self { rule, skill, fingerprint, reason, author: None, expires: None, basis, pattern: None }
    }

    /// Reads `skill` as a pattern.
    ///
    /// # Errors
    /// If it is a malformed one.
    pub fn with_pattern(self) -> Result<Self, globset::Error> {
        let is_pattern = self.skill.contains(['*', '?', '[', '{']);
        let glob = is_pattern.then(|| GlobBuilder::new(&self.skill).literal_separator(true).build()).transpose()?;
        Ok(Self { pattern: glob.map(|glob| glob.compile_matcher()), ..self })
    }

    /// For people: what it is about, and where it stands. Not escaped.
    fn shown(&self) -> String {
        let Self { rule, skill, .. } = self;
        match self.basis {
            Basis::Config(line) => format!("the suppression of {rule} in {skill} at line {line}"),
            Basis::Baseline => format!("the baseline's {rule} in {skill}"),
        }
    }

    fn is_about(&self, rule: &RuleId) -> bool {
        self.rule.strip_suffix("/*").map_or_else(|| self.rule == rule.as_str(), |family| family == rule.family())
    }

    fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }
}

/// A finding that was accepted.
#[derive(Debug, Clone)]
pub struct Suppressed {
    /// What was found.
    pub finding: ReportedFinding,
    /// What accepts it, as its place among all.
    pub by: usize,
    /// The same in full.
    pub suppression: Suppression,
}

/// All acceptances, ready to be looked up.
#[derive(Debug, Clone, Default)]
pub struct Suppressions {
    all: Vec<Suppression>,
    /// By the skill that they name without wildcards.
    by_skill: BTreeMap<String, Vec<usize>>,
    /// Those with wildcards.
    patterns: Vec<usize>,
    today: Option<Date>,
}

impl Suppressions {
    /// These, as they count on this day.
    pub fn new(all: Vec<Suppression>, today: Date) -> Self {
        let mut by_skill: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut patterns = Vec::new();
        for (index, one) in all.iter().enumerate() {
            match one.pattern {
                Some(_) => patterns.push(index),
                None => by_skill.entry(one.skill.clone()).or_default().push(index),
            }
        }
        Self { all, by_skill, patterns, today: Some(today) }
    }

    /// What is accepted in the skill at a place.
    fn of(&self, place: &str) -> Vec<usize> {
        let endings = || std::iter::successors(Some(place), |rest| rest.split_once('/').map(|(_, rest)| rest));
        let named = endings().filter_map(|ending| self.by_skill.get(ending)).flatten().copied();
        let is_meant = |index: &usize| {
            let pattern = self.all.get(*index).and_then(|one| one.pattern.as_ref());
            pattern.is_some_and(|pattern| endings().any(|ending| pattern.is_match(ending)))
        };
        let mut found: Vec<usize> = named.chain(self.patterns.iter().copied().filter(is_meant)).collect();
        found.sort_unstable();
        found
    }

    /// What accepts a finding, if anything does.
    pub(super) fn find(&self, report: &PackageReport, finding: &ReportedFinding) -> Option<(usize, &Suppression)> {
        let today = self.today.filter(|_| !self.all.is_empty())?;
        let found = self.of(&place(report)).into_iter().filter_map(|index| Some((index, self.all.get(index)?)));
        let mut found = found.filter(|(_, one)| {
            let is_meant = match &one.fingerprint {
                Some(fingerprint) => *fingerprint == finding.fingerprint,
                None => finding.verdict != Verdict::Malicious,
            };
            is_meant && one.is_about(&finding.rule) && !one.is_expired(today)
        });
        found.next()
    }
}

/// Where a package lies, as suppressions name it: a path, or the name in a registry without the version.
fn place(report: &PackageReport) -> String {
    if report.source == REGISTRY {
        let name = report.root.rsplit_once('@').map_or(report.root.as_str(), |(name, _)| name);
        return if name.is_empty() { report.root.clone() } else { name.to_owned() };
    }
    let root = std::path::absolute(&report.root).unwrap_or_else(|_| report.root.clone().into());
    normal(&root.join(Path::new(&report.path))).display().to_string()
}

/// The skill of a report as a baseline names it: its path below the root, or the name of the root itself.
pub fn skill(report: &PackageReport) -> String {
    if report.path != "." {
        return report.path.clone();
    }
    let place = place(report);
    let mut parts = place.rsplit('/');
    let name = parts.next().unwrap_or("");
    match parts.next().filter(|owner| owner.starts_with('@')) {
        Some(owner) => format!("{owner}/{name}"),
        None => name.to_owned(),
    }
}

/// Something about the user's choices that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is, for programs.
    pub kind: &'static str,
    /// What it is, for people; not escaped.
    pub text: String,
}

/// Which acceptances had something to accept.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    seen: BTreeSet<usize>,
    used: BTreeSet<usize>,
}

impl Ledger {
    /// Takes a package into account.
    pub fn add(&mut self, suppressions: &Suppressions, report: &PackageReport) {
        if !suppressions.all.is_empty() {
            self.seen.extend(suppressions.of(&place(report)));
            self.used.extend(report.suppressed.iter().map(|one| one.by));
        }
    }

    /// What has expired, and what is about nothing any more though its skill was looked at.
    pub fn notes(&self, suppressions: &Suppressions) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut gone = 0;
        for (index, one) in suppressions.all.iter().enumerate() {
            let last = one.expires.filter(|_| suppressions.today.is_some_and(|today| one.is_expired(today)));
            if let Some(last) = last {
                notes.push(Note { kind: "policy/expired", text: format!("{} has expired on {last}", one.shown()) });
            } else if self.seen.contains(&index) && !self.used.contains(&index) {
                gone += usize::from(one.basis == Basis::Baseline);
                let text = format!("{} is about nothing that is still found", one.shown());
                notes.extend((one.basis != Basis::Baseline).then_some(Note { kind: "policy/stale", text }));
            }
        }
        if gone > 0 {
            let text = format!("{gone} of the baseline's findings are there no longer; `baseline update` drops them");
            notes.push(Note { kind: "policy/stale", text });
        }
        notes
    }
}
