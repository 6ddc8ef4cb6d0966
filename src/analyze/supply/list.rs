//! Entries of manifests as what the skill installs, and advisories on entries
//! of manifests and lock files.

use std::collections::BTreeSet;

use super::entry::{Entry, Section};
use super::{Locks, Seen, judge, version};
use crate::analyze::install::{Advised, Install};
use crate::artifact::{ArtifactId, Span};
use crate::finding::Severity;
use crate::ruleset::Ruleset;

/// Most entries of one file.
const ENTRIES: usize = 500;

/// What a manifest installs.
pub(super) fn installs(seen: &Seen<'_>, locks: &Locks, scripts: &BTreeSet<String>) -> Vec<Install> {
    if seen.read.is_lock || judge::is_vendored(&seen.folder.1) {
        return Vec::new();
    }
    let is_wanted = |entry: &&Entry| !entry.is_own && !matches!(entry.section, Section::Override | Section::Peer);
    seen.read.entries.iter().filter(is_wanted).take(ENTRIES).map(|entry| install(seen, entry, locks, scripts)).collect()
}

fn install(seen: &Seen<'_>, entry: &Entry, locks: &Locks, scripts: &BTreeSet<String>) -> Install {
    let ecosystem = seen.read.ecosystem;
    let name = ecosystem.fold(&entry.name);
    let locked = locks.of(&seen.folder, ecosystem).and_then(|locked| locked.get(&name));
    let exact = version::exact(ecosystem, &entry.version);
    let mut flags = BTreeSet::new();
    match &entry.source {
        Some(_) => {
            flags.insert("url");
            if entry.digests.is_empty() {
                flags.insert("unchecked");
            }
        }
        None if exact.is_none() && locked.is_none() => drop(flags.insert("unpinned")),
        None => {}
    }
    if scripts.contains(&name) {
        flags.insert("install-script");
    }
    let address = entry.source.as_ref().map(|source| source.url.clone()).filter(|url| !url.is_empty());
    // What a lock file pins is what is installed.
    let pinned = locked.and_then(|versions| versions.first()).map(String::as_str).or(exact);
    let version = pinned.or(Some(entry.version.as_str()).filter(|range| !range.is_empty()));
    Install {
        kind: ecosystem.name().to_owned(),
        name: address.unwrap_or_else(|| entry.package().to_owned()),
        version: version.map(str::to_owned),
        from: "manifest",
        span: Span::new(seen.artifact.id, entry.anchor.locate(&seen.source)),
        flags,
        advisories: BTreeSet::new(),
    }
}

/// Names that a lock file says run a script when they are installed.
pub(super) fn scripts(all: &[Seen<'_>]) -> BTreeSet<String> {
    let entries = all.iter().filter(|seen| seen.read.is_lock).flat_map(|seen| {
        seen.read.entries.iter().filter(|entry| entry.runs_script).map(|entry| seen.read.ecosystem.fold(&entry.name))
    });
    entries.collect()
}

/// Entries that advisories are about.
pub(super) fn advised(seen: &Seen<'_>, locks: &Locks, rules: &Ruleset) -> Vec<(ArtifactId, Advised)> {
    let Some(advisories) = &rules.advisories else { return Vec::new() };
    let ecosystem = seen.read.ecosystem;
    let mut found = Vec::new();
    for entry in seen.read.entries.iter().filter(|entry| !entry.is_own && entry.source.is_none()) {
        let name = ecosystem.fold(entry.package());
        let is_locked = || locks.of(&seen.folder, ecosystem).is_some_and(|locked| locked.contains_key(&name));
        let named = match seen.read.is_lock {
            true => Some(entry.version.as_str()),
            // The lock file says which version it is, and is looked at itself.
            false if is_locked() => continue,
            false => version::exact(ecosystem, &entry.version),
        };
        let on = advisories.on(ecosystem.name(), &name, named);
        let Some(severity) = on.iter().map(|advisory| advisory.severity).max() else { continue };
        let ids: Vec<&str> = on.iter().take(5).map(|advisory| &*advisory.id).collect();
        let more = if on.len() > ids.len() { format!(" and {} more", on.len() - ids.len()) } else { String::new() };
        let version = named.map(|version| format!("@{version}")).unwrap_or_default();
        let is_attack = on.iter().any(|advisory| advisory.is_malicious);
        let what = if is_attack { "is an attack by" } else { "is affected by" };
        let note = format!("`{name}{version}` {what} {}{more}", ids.join(", "));
        let range = entry.anchor.locate(&seen.source);
        found.push((seen.artifact.id, Advised { range, severity: severity.max(Severity::Low), note }));
        if found.len() >= ENTRIES {
            break;
        }
    }
    found
}
