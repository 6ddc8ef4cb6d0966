//! The scan of a nightly run, and what is compared of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::policy::Choices;
use super::{Args, Format, scan};
use crate::audit::Audit;
use crate::package::Discovered;
use crate::place::Places;
use crate::policy::{Ledger, Note};
use crate::report::{PackageReport, placed, terminal};
use crate::state::{Answer, Run, Skill};
use crate::{Policy, Report, Ruleset, Scanner, sandbox, verify};

/// What a scan came to.
pub(super) struct Scanned {
    /// All packages, as they are compared.
    pub(super) skills: Vec<Skill>,
    /// What was gone when it was read, as its root and path.
    pub(super) vanished: BTreeSet<(String, String)>,
    /// What is wrong with the user's choices.
    pub(super) notes: Vec<Note>,
    /// Numbers, and what is to be shown in full.
    pub(super) report: Report,
}

/// Scans everything; of each report only what is compared stays, unless all is to be shown.
pub(super) fn look(
    scanner: &Scanner,
    roots: &[Discovered],
    (places, policy): (Option<&Places>, &Policy),
    args: &Args,
) -> anyhow::Result<Scanned> {
    let named: BTreeMap<String, String> =
        roots.iter().map(|root| (root.root.display().to_string(), absolute(&root.root))).collect();
    let is_full = args.always && args.format == Format::Text;
    let count = |report: &mut Report, package: PackageReport| {
        if is_full { terminal::Detail::Normal.keep(report, package) } else { report.count(&package) }
    };
    let bar = scan::Bar::new();
    let scanned = sandbox::confined(roots, args.look.threads(), || {
        let (mut skills, mut packages) = (Vec::new(), Vec::new());
        let (mut report, mut ledger) = (Report::new(scanner.rules()), Ledger::default());
        scanner.run(roots, &bar, &mut |package| {
            skills.push(Skill::of(named.get(&package.root).unwrap_or(&package.root), &package));
            match places {
                // Which skill hides which is known when all are.
                Some(_) => packages.push(if is_full { package } else { light(package) }),
                None => {
                    ledger.add(policy.suppressions(), &package);
                    count(&mut report, package);
                }
            }
        });
        if let Some(places) = places {
            placed(&mut skills, &mut packages, |packages| placed::judge(packages, places, scanner.rules(), policy));
            report.tally.complaints = places.complaints.len();
        }
        for package in packages {
            ledger.add(policy.suppressions(), &package);
            count(&mut report, package);
        }
        let notes = ledger.notes(policy.suppressions());
        Scanned { vanished: vanished(roots, &named, &skills), skills, notes, report }
    })?;
    Ok(scanned)
}

/// What counts, and what packages are judged by among others; the rest was taken over already.
fn light(package: PackageReport) -> PackageReport {
    PackageReport {
        capabilities: BTreeMap::new(),
        hosts: Vec::new(),
        installs: Vec::new(),
        findings: Vec::new(),
        integrity: verify::Integrity::default(),
        contents: Vec::new(),
        ..package
    }
}

/// Adds to what is compared what a look at all packages adds to their reports.
fn placed(skills: &mut [Skill], packages: &mut [PackageReport], judge: impl FnOnce(&mut [PackageReport])) {
    let known: Vec<usize> = packages.iter().map(|package| package.findings.len()).collect();
    judge(packages);
    for ((package, skill), known) in packages.iter().zip(skills).zip(known) {
        skill.behaviour.verdict = package.verdict.name().to_owned();
        skill.behaviour.findings.extend(package.findings.iter().skip(known).map(crate::diff::mark));
        skill.behaviour.findings.sort();
    }
}

/// What was found and is not there any more.
fn vanished(roots: &[Discovered], named: &BTreeMap<String, String>, skills: &[Skill]) -> BTreeSet<(String, String)> {
    let broken: BTreeSet<(String, String)> =
        skills.iter().filter(|skill| skill.behaviour.gaps > 0).map(Skill::key).collect();
    let mut gone = BTreeSet::new();
    for root in roots {
        let shown = root.root.display().to_string();
        let name = named.get(&shown).unwrap_or(&shown);
        for package in &root.packages {
            let key = (name.clone(), package.path.clone());
            let is_gone = package.place().is_some_and(|place| place.symlink_metadata().is_err_and(|e| is_absent(&e)));
            if is_gone && broken.contains(&key) {
                gone.insert(key);
            }
        }
    }
    gone
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// A root as it is known over time.
fn absolute(root: &Path) -> String {
    let real = std::fs::canonicalize(root).or_else(|_| std::path::absolute(root));
    verify::shown(&real.unwrap_or_else(|_| root.to_owned()))
}

/// What is compared with what: runs over all places, and runs over the same paths.
pub(super) fn scope(args: &Args, roots: &[Discovered]) -> String {
    match (&args.home, args.paths.is_empty()) {
        (Some(home), _) => format!("places of {}", absolute(home)),
        (None, true) => "places".to_owned(),
        (None, false) => {
            let named: BTreeSet<String> = roots.iter().map(|root| absolute(&root.root)).collect();
            format!("paths {}", named.into_iter().collect::<Vec<_>>().join("\0"))
        }
    }
}

/// What decides about findings, beside the skills: version, rules, and the user's choices.
pub(super) fn rules(rules: &Ruleset, choices: &Choices, look: &scan::Look) -> String {
    let mut hasher = Sha256::new();
    for (name, text) in Ruleset::builtin_files() {
        hasher.update(name);
        hasher.update([0]);
        hasher.update(text);
        hasher.update([0]);
    }
    for rule in rules.iter() {
        hasher.update(format!("{} {:?} {:?}", rule.id, rule.meta.severity, rule.meta.confidence));
    }
    hasher.update(format!("{look:?}"));
    for (_, file) in choices.files() {
        hasher.update(std::fs::read(file).unwrap_or_default());
    }
    let digest = data_encoding::HEXLOWER.encode(&hasher.finalize()[..8]);
    format!("{} {} {digest}", env!("CARGO_PKG_VERSION"), rules.data_date)
}

/// Roots that were listed, and those of which nothing is known now.
pub(super) fn listed(
    roots: &[Discovered],
    places: Option<&Places>,
    last: Option<&Run>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let listed: BTreeSet<String> = roots.iter().map(|root| absolute(&root.root)).collect();
    let before = last.into_iter().flat_map(|run| run.roots.iter().map(PathBuf::from));
    let now = places.into_iter().flat_map(|places| places.found.iter().map(|place| place.root.clone()));
    let is_unlisted = |root: &PathBuf| std::fs::read_dir(root).is_err_and(|error| !is_absent(&error));
    let unlisted = before.chain(now).filter(is_unlisted).map(|root| absolute(&root));
    let unlisted = unlisted.filter(|root| !listed.contains(root)).collect();
    (listed, unlisted)
}

/// The audit's answers, one for each check and subject.
pub(super) fn answers(audit: &Audit) -> BTreeMap<(String, String), Answer> {
    let mut answers = BTreeMap::new();
    for checked in &audit.checks {
        let of = &checked.answer;
        let answer = Answer {
            check: checked.id.to_string(),
            subject: of.subject.clone(),
            status: of.status.name().to_owned(),
            severity: of.severity.name().to_owned(),
            message: crate::report::mask::secrets(&of.message),
        };
        let key = (answer.check.clone(), answer.subject.clone());
        // Of several answers about one subject the worst counts.
        let rank = |status: &str| ["n/a", "pass", "unknown", "warn", "fail"].iter().position(|name| *name == status);
        let is_worse = |other: &Answer| rank(&answer.status) > rank(&other.status);
        if answers.get(&key).is_none_or(is_worse) {
            answers.insert(key, answer);
        }
    }
    answers
}
