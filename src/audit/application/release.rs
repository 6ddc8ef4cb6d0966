//! Which version runs, and what was published about it; and programs from package registries that are known to be bad.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use serde_json::Value;
use url::Url;

use crate::finding::Severity;
use crate::net::probe::{Client, Method};
use crate::ruleset::indicators::Kind;

use super::super::check::{Answer, Evidence, Missing, Obtained};
use super::super::host::{Listener, Unread};
use super::super::network::images;
use super::super::openclaw::{
    Installation, Known, Package, Version,
    advisory::{Advisories, Advisory, Provenance},
    is_gateway, package,
};
use super::super::run::Context;

/// Days after which the table says nothing about what is new.
const FRESH: i64 = 30;
/// Days after which a release line counts as old.
const OLD_LINE: i64 = 62;
/// How long a gateway may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most advisories that are named.
const NAMED: usize = 8;

/// `L4.version`.
pub(super) fn version(context: &Context) -> Vec<Answer> {
    let mut answers = context.each("which version is installed", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        let mut answers = vec![advisories(subject, &installation.versions)];
        answers.extend(age(installation, &context.options.today));
        answers.extend(disagreement(installation));
        answers
    });
    let containers = images(&context.host).into_iter();
    answers.extend(containers.map(|(image, known)| advisories(format!("container of {image}"), &[known])));
    let running = running(context).into_iter();
    answers.extend(running.map(|(subject, known)| advisories(subject, &[known]).obtained(Obtained::Probe)));
    answers
}

/// With `--deep`, the versions that running gateways tell of themselves on the loopback address.
fn running(context: &Context) -> Vec<(String, Known)> {
    if !context.options.deep {
        return Vec::new();
    }
    let is_here = |listener: &&Listener| {
        let ip = listener.address.ip();
        (ip.is_loopback() || ip.is_unspecified()) && context.host.owner(listener).is_none_or(is_gateway)
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in context.gateway_listeners().into_iter().filter(is_here).map(|listener| listener.address) {
        let local: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        // Both families are one gateway.
        if !addresses.iter().any(|known| known.port() == address.port()) {
            addresses.push(SocketAddr::new(local, address.port()));
        }
    }
    let url = |address: &SocketAddr| Url::parse(&format!("http://{address}/startupz")).ok();
    let questions: Vec<(Method, Url)> = addresses.iter().filter_map(url).map(|url| (Method::Get, url)).collect();
    if questions.is_empty() {
        return Vec::new();
    }
    let Ok(client) = Client::new(PATIENCE) else { return Vec::new() };
    let replies = client.ask(&questions).into_iter();
    let told = questions.iter().zip(replies).filter_map(|((_, url), reply)| {
        let value: Value = serde_json::from_str(&reply.ok().filter(|reply| reply.status == 200)?.body).ok()?;
        let text = value.get("version")?.as_str()?.to_owned();
        let subject = format!("running gateway at port {}", url.port()?);
        Some((subject, Known { text, evidence: Evidence::command(url.as_str()), is_proof: true }))
    });
    told.collect()
}

fn advisories(subject: String, versions: &[Known]) -> Answer {
    let table = Advisories::built_in();
    let Some(known) = versions.iter().find(|known| known.version().is_some()) else {
        let message = match versions.first() {
            Some(known) => format!("the version `{}` is written in no known way", known.text),
            None => "no package, unit or configuration tells the version".to_owned(),
        };
        let answer = Answer::unknown(Missing::Other, subject, message).command("openclaw --version");
        return answer.all_evidence(versions.first().map(|known| known.evidence.clone()));
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
    let mut unread: BTreeMap<PathBuf, Unread> = BTreeMap::new();
    for installed in users.iter().map(|user| package::installed(&context.host, user)) {
        let new = installed.found.into_iter().filter(|package| !found.contains(package)).collect::<Vec<_>>();
        found.extend(new);
        unread.extend(installed.unread);
    }
    if found.is_empty() && unread.is_empty() {
        return vec![Answer::not_applicable(
            "packages",
            "no globally installed npm, pnpm, yarn, bun or pipx package was found",
        )];
    }
    let listed = found.iter().filter_map(|package| {
        let kind = if package.ecosystem == "npm" { Kind::Npm } else { Kind::Pypi };
        rules.indicators.package(kind, &package.name, &package.version).map(|indicator| (package, indicator))
    });
    let mut answers: Vec<Answer> = listed
        .map(|(package, indicator)| {
            let Package { name, version, manifest, .. } = package;
            let message = format!("{name} {version} is a known-bad version: {}", indicator.source);
            Answer::fail(Severity::Critical, format!("{name}@{version}"), message)
                .evidence(Evidence::path(manifest).key("version").note(version.clone()))
                .fix("remove it, then change every key that this machine holds: its install script ran")
        })
        .collect();
    answers.extend(unread.into_iter().take(NAMED).map(|(path, why)| {
        let answer = why.answer(path.display().to_string(), "which packages are installed");
        answer.evidence(Evidence::path(path))
    }));
    if answers.is_empty() {
        let message = format!("none of {} globally installed packages is of a listed version", found.len());
        return vec![Answer::pass("packages", message)];
    }
    answers
}
