//! From what records say to findings of a scan. How bad a difference is
//! depends on what differs; what no record speaks about is no sign of harm.

use std::path::Path;

use super::target::Recorded;
use super::{Change, Difference, Integrity, Part, ProblemKind, Status};
use crate::finding::Severity;
use crate::limits::Limits;
use crate::package::{Discovered, PackageRef};
use crate::policy::Policy;
use crate::report::{PackageReport, placed};
use crate::ruleset::Ruleset;

/// Entries that a finding shows; the `integrity` of a report has all.
const SHOWN: usize = 10;

/// A finding to be: its rule, how bad it is, and places with what is there.
struct Told {
    rule: &'static str,
    severity: Severity,
    places: Vec<(String, String)>,
}

impl Told {
    fn whole(rule: &'static str, severity: Severity, note: String) -> Self {
        Self { rule, severity, places: vec![(String::new(), note)] }
    }
}

/// Compares a package with its records, and adds what that comes to.
pub(crate) fn judge(
    report: &mut PackageReport,
    root: &Discovered,
    package: &PackageRef,
    limits: &Limits,
    rules: &Ruleset,
    policy: &Policy,
) {
    let recorded = &root.recorded;
    let Some(subject) = recorded.subject(&root.root, package).filter(|_| report.is_skill) else { return };
    let integrity = super::integrity(&subject, &recorded.records, limits);
    // Beside a lock file, having no entry in it is worth a word.
    let is_installed = recorded.records.governing(&subject.place).next().is_some();
    add(report, integrity, is_installed, rules, policy);
}

/// Reports on what records name beyond the packages of a root: folders without a skill, and skills that are gone.
pub(crate) fn beyond(root: &Discovered, limits: &Limits, rules: &Ruleset, policy: &Policy) -> Vec<PackageReport> {
    let Recorded { records, real_root, hollow, missing } = root.recorded.as_ref();
    let below = |place: &Path| super::shown(place.strip_prefix(real_root).unwrap_or(place));
    let hollow = hollow.iter().map(|subject| (below(&subject.place), super::integrity(subject, records, limits)));
    let missing = missing.iter().map(|missing| {
        let place = missing.place.strip_prefix(real_root).unwrap_or(Path::new(&missing.key));
        (super::shown(place), Integrity::of_missing(missing))
    });
    hollow
        .chain(missing)
        .map(|(path, integrity)| {
            let mut report = PackageReport::of_nothing(root, &path);
            add(&mut report, integrity, true, rules, policy);
            report
        })
        .collect()
}

fn add(report: &mut PackageReport, integrity: Integrity, is_installed: bool, rules: &Ruleset, policy: &Policy) {
    for told in told(&integrity, is_installed) {
        placed::add(report, told.rule, told.severity, told.places, rules, policy);
    }
    report.integrity = integrity;
}

fn told(integrity: &Integrity, is_installed: bool) -> Vec<Told> {
    let mut told = Vec::new();
    match integrity.status {
        Status::Modified => told.push(modified(integrity)),
        Status::Missing => {
            let key = integrity.key.as_deref().unwrap_or("");
            let note = format!("a lock file names `{key}`, and it is not there");
            told.push(Told::whole("trust/missing", Severity::Low, note));
        }
        Status::Unknown => {
            let why = match integrity.unread.first() {
                Some(unread) => format!("it could not be read whole: {unread}"),
                None => "its records hold no hash that could be compared".to_owned(),
            };
            told.push(Told::whole("trust/no-record", Severity::Info, why));
        }
        Status::NoRecord if is_installed => {
            let note = "a lock file lies beside it and does not name it".to_owned();
            told.push(Told::whole("trust/no-record", Severity::Info, note));
        }
        _ => {}
    }
    told.extend(unattested(integrity));
    for problem in &integrity.problems {
        let (rule, severity) = match problem.kind {
            ProblemKind::Note => continue,
            ProblemKind::Stray => ("trust/no-record", Severity::Low),
            ProblemKind::Version => ("trust/bad-record", Severity::Low),
            ProblemKind::Malformed => ("trust/bad-record", Severity::Medium),
            ProblemKind::Conflict => ("trust/record-conflict", Severity::Medium),
            ProblemKind::Downgraded => ("trust/downgraded", Severity::Medium),
        };
        told.push(Told::whole(rule, severity, format!("{} {}", problem.record, problem.text)));
    }
    told
}

/// What changed, if that is known: what only one hash over all covers may be anything.
fn modified(integrity: &Integrity) -> Told {
    let changed: Vec<&Difference> =
        integrity.differences.iter().filter(|difference| difference.change != Change::Unattested).collect();
    if changed.is_empty() {
        let note = "its files are not those that its records were made of; which of them, the records do not say";
        return Told::whole("trust/modified", Severity::Medium, note.to_owned());
    }
    let is_harmful = changed.iter().any(|difference| difference.part != Part::Inert);
    let severity = if is_harmful { Severity::High } else { Severity::Medium };
    Told { rule: "trust/modified", severity, places: places(&changed) }
}

fn unattested(integrity: &Integrity) -> Option<Told> {
    let mut open: Vec<&Difference> = integrity.changed(Change::Unattested).collect();
    open.sort_by(|one, other| other.part.cmp(&one.part).then(one.path.cmp(&other.path)));
    let worst = open.first()?;
    let severity = if worst.part == Part::Inert { Severity::Low } else { Severity::Medium };
    Some(Told { rule: "trust/unattested", severity, places: places(&open) })
}

fn places(differences: &[&Difference]) -> Vec<(String, String)> {
    let mut places: Vec<(String, String)> = differences
        .iter()
        .take(SHOWN)
        .map(|difference| {
            (difference.path.clone(), format!("{} ({})", difference.change.name(), difference.part.name()))
        })
        .collect();
    if let (more @ 1.., Some((_, note))) = (differences.len().saturating_sub(SHOWN), places.last_mut()) {
        note.push_str(&format!(", and {more} more"));
    }
    places
}
