//! Which version runs, and what was published about it; and programs from package registries that are known to be bad.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::finding::Severity;
use crate::ruleset::indicators::Kind;

use super::super::check::{Answer, Evidence, Missing};
use super::super::openclaw::{
    Installation, Package, Version,
    advisory::{Advisories, Advisory, Provenance},
    package,
};
use super::super::run::Context;

/// Days after which the table says nothing about what is new.
const FRESH: i64 = 30;
/// Days after which a release line counts as old.
const OLD_LINE: i64 = 62;
/// Most advisories that are named.
const NAMED: usize = 8;

/// `L4.version`.
pub(super) fn version(context: &Context) -> Vec<Answer> {
    context.each("which version is installed", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        let mut answers = vec![advisories(installation)];
        answers.extend(age(installation, &context.options.today));
        answers.extend(disagreement(installation));
        answers
    })
}

fn advisories(installation: &Installation) -> Answer {
    let subject = installation.subject();
    let table = Advisories::built_in();
    let Some(known) = installation.versions.iter().find(|known| known.version().is_some()) else {
        let message = match installation.versions.first() {
            Some(known) => format!("the version `{}` is written in no known way", known.text),
            None => "no package, unit or configuration tells the version".to_owned(),
        };
        let answer = Answer::unknown(Missing::Other, subject, message).command("openclaw --version");
        return answer.all_evidence(installation.versions.first().map(|known| known.evidence.clone()));
    };
    let Some(version) = known.version() else { return Answer::not_applicable(subject, "") };
    let hint = if known.is_proof { "" } else { " (the version that last wrote the state or the configuration)" };
    let evidence = known.evidence.clone().note(known.text.clone());
    let found = table.matching(version);
    let Some(worst) = found.first().map(|entry| entry.severity) else {
        return unlisted(subject, version, hint, table.provenance.as_ref()).evidence(evidence);
    };
    let shown: Vec<String> = found.iter().take(NAMED).map(|entry| name(entry)).collect();
    let more = found.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let message = format!("{version}{hint} is affected by {}: {}{more}", counted(&found), shown.join("; "));
    let answer = match worst {
        Severity::Critical | Severity::High => Answer::fail(worst, subject, message),
        _ => Answer::warn(worst, subject, message),
    };
    let clear = table.clears(version, worst.min(Severity::High));
    let fix = match clear {
        Some(clear) => {
            format!("update to {clear} or later, which clears what is {} or worse", worst.min(Severity::High).name())
        }
        None => "update to the newest release".to_owned(),
    };
    answer.evidence(evidence).fix(fix).command("openclaw update")
}

/// Nothing in the table affects the version: which is something only as far as the table reaches.
fn unlisted(subject: String, version: Version, hint: &str, provenance: Option<&Provenance>) -> Answer {
    let Some(provenance) = provenance else {
        return Answer::unknown(Missing::Other, subject, "the table of advisories could not be read");
    };
    let Provenance { last, highest_fixed, without_range, .. } = provenance;
    let is_beyond = Version::parse(highest_fixed).is_some_and(|highest| version >= highest);
    let reach = if is_beyond {
        format!("; it lists nothing newer than {highest_fixed}, so this is not proof")
    } else {
        String::new()
    };
    let message = format!(
        "no advisory published up to {last} affects {version}{hint}{reach} ({without_range} were published without a range)"
    );
    Answer::pass(subject, message)
}

fn name(entry: &Advisory) -> String {
    let cve = if entry.cve.is_empty() { String::new() } else { format!("{} ", entry.cve) };
    let note = if entry.note.is_empty() { format!("{} in {}", entry.kind, entry.surface) } else { entry.note.clone() };
    format!("{cve}{} ({}) {}", entry.id, entry.severity.name(), note.trim_end_matches('.'))
}

fn counted(found: &[&Advisory]) -> String {
    let mut counts: BTreeMap<std::cmp::Reverse<Severity>, usize> = BTreeMap::new();
    for entry in found {
        *counts.entry(std::cmp::Reverse(entry.severity)).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(severity, count)| format!("{count} {}", severity.0.name())).collect();
    format!("{} published advisories ({})", found.len(), parts.join(", "))
}

/// Whether the release is up to date, which old data cannot tell.
fn age(installation: &Installation, today: &str) -> Option<Answer> {
    let subject = format!("{}: age", installation.subject());
    let version = installation.version()?;
    let provenance = Advisories::built_in().provenance.as_ref()?;
    let (today, made): (Date, Date) = (today.parse().ok()?, provenance.generated.parse().ok()?);
    let days = |from: Date, to: Date| to.duration_since(from).as_hours() / 24;
    let made_days = days(made, today);
    if made_days > FRESH {
        let message = format!(
            "the data of {} is {made_days} days old, so it cannot tell whether {version} is up to date",
            provenance.generated
        );
        let answer = Answer::unknown(Missing::Other, subject, message);
        return Some(answer.fix("update skillscan").command("npm view openclaw version"));
    }
    let (year, month) = version.line();
    let (year, month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
    // A line is named after its month, and is kept up for a time after it.
    let line = Date::new(year, month, 1).ok()?;
    let line_days = days(line, made);
    Some(if line_days > OLD_LINE + 31 {
        let message = format!("{version} is of a release line of {year}-{month:02}; lines are kept up for some months");
        Answer::warn(Severity::Low, subject, message)
            .fix("update to a release line that is kept up")
            .command("openclaw update")
    } else {
        Answer::pass(subject, format!("{version} is of a recent release line, seen from {}", provenance.generated))
    })
}

/// Several versions on one host: which one runs is not obvious.
fn disagreement(installation: &Installation) -> Option<Answer> {
    let proofs = installation.versions.iter().filter(|known| known.is_proof);
    let mut different: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for known in proofs {
        different.entry(known.text.as_str()).or_default().push(known.evidence.clone().note(known.text.clone()));
    }
    if different.len() < 2 {
        return None;
    }
    let versions: Vec<&str> = different.keys().copied().collect();
    let counts = installation.version().map(|version| format!("; {version} counts here")).unwrap_or_default();
    let message = format!("several versions are installed: {}{counts}", versions.join(", "));
    let subject = format!("{}: versions", installation.subject());
    let answer = Answer::warn(Severity::Low, subject, message).all_evidence(different.into_values().flatten());
    Some(
        answer
            .fix("remove the versions that nothing runs, and write the unit anew")
            .command("openclaw gateway install --force"),
    )
}

/// `L4.packages`.
pub(super) fn packages(context: &Context) -> Vec<Answer> {
    let users = match context.host.audited() {
        Ok(users) => users,
        Err(why) => return vec![why.answer("packages", "what is installed")],
    };
    let Some(rules) = context.rules() else {
        return vec![Answer::unknown(Missing::Other, "packages", "the list of known-bad versions could not be read")];
    };
    let mut found: Vec<Package> = Vec::new();
    for package in users.iter().flat_map(|user| package::installed(&context.host, user)) {
        if !found.contains(&package) {
            found.push(package);
        }
    }
    if found.is_empty() {
        return vec![Answer::not_applicable(
            "packages",
            "no globally installed npm, pnpm, yarn, bun or pipx package was found",
        )];
    }
    let listed = found.iter().filter_map(|package| {
        let kind = if package.ecosystem == "npm" { Kind::Npm } else { Kind::Pypi };
        rules.indicators.package(kind, &package.name, &package.version).map(|indicator| (package, indicator))
    });
    let answers: Vec<Answer> = listed
        .map(|(package, indicator)| {
            let Package { name, version, manifest, .. } = package;
            let message = format!("{name} {version} is a known-bad version: {}", indicator.source);
            Answer::fail(Severity::Critical, format!("{name}@{version}"), message)
                .evidence(Evidence::path(manifest).key("version").note(version.clone()))
                .fix("remove it, then change every key that this machine holds: its install script ran")
        })
        .collect();
    if answers.is_empty() {
        let message = format!("none of {} globally installed packages is of a listed version", found.len());
        return vec![Answer::pass("packages", message)];
    }
    answers
}
