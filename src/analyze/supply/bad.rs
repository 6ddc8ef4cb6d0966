//! Entries against the list of known-bad versions, and names against those that everyone uses.

use crate::fact::Fact;
use crate::ruleset::Ruleset;

use super::entry::{Ecosystem, Entry};
use super::judge::about;
use super::{Locks, Seen, version};

/// A fact if the entry is, names or admits a listed version.
pub(super) fn listed(seen: &Seen<'_>, entry: &Entry, locks: &Locks, rules: &Ruleset) -> Option<Fact> {
    let ecosystem = seen.read.ecosystem;
    let name = ecosystem.fold(entry.package());
    let mut versions = rules.indicators.versions(ecosystem.name(), &name).peekable();
    versions.peek()?;
    let versions: Vec<&str> = versions.collect();
    let fact =
        |label: &str, version: &str| Some(about(seen, entry, format!("{name}@{version} is listed")).label(label));
    if versions.contains(&"*") {
        return fact("is-bad", "*").map(|fact| fact.label("all-versions"));
    }
    // What comes from elsewhere is not what was listed.
    if entry.source.is_some() || entry.is_own {
        return None;
    }
    let named =
        if seen.read.is_lock { Some(entry.version.as_str()) } else { version::exact(ecosystem, &entry.version) };
    if let Some(named) = named {
        let found = versions.iter().find(|listed| version::is_same(listed, named))?;
        return fact("is-bad", found);
    }
    if locks.of(&seen.folder, ecosystem).is_some_and(|locked| locked.contains_key(&ecosystem.fold(&entry.name))) {
        return None;
    }
    let admitted = versions.iter().find(|listed| version::admits(ecosystem, &entry.version, listed))?;
    // Package managers write down what they installed: a range that begins there has been there.
    let base = entry.version.trim().trim_start_matches(['^', '~', '>', '=', ' ', 'v']);
    let begins = versions.iter().find(|listed| version::is_same(listed, base));
    let fact = fact("admits-bad", begins.unwrap_or(admitted));
    if begins.is_some() { fact.map(|fact| fact.label("begins-bad")) } else { fact }
}

/// A fact if a manifest of a module that is shipped is of a listed version.
pub(super) fn vendored(seen: &Seen<'_>, rules: &Ruleset) -> Option<Fact> {
    let (name, version) = seen.read.identity.as_ref()?;
    let name = seen.read.ecosystem.fold(name);
    let mut versions = rules.indicators.versions(seen.read.ecosystem.name(), &name);
    let found = versions.find(|listed| *listed == "*" || version::is_same(listed, version))?;
    let mut fact = Fact::new(crate::fact::FactKind::Dependency, 0..0, format!("{name}@{found} is listed"));
    fact.labels.extend(["is-bad", "manifest", seen.read.ecosystem.name()].map(str::to_owned));
    Some(fact.label("shipped"))
}

/// Whether a version of a package is listed, or all of them are.
pub(in crate::analyze) fn is_listed(rules: &Ruleset, ecosystem: &str, name: &str, version: Option<&str>) -> bool {
    let is_it = |listed: &str| listed == "*" || version.is_some_and(|version| version::is_same(listed, version));
    rules.indicators.versions(ecosystem, name).any(is_it)
}

/// Whether a name is bait, or nearly one that everyone uses.
pub(in crate::analyze) fn is_near(rules: &Ruleset, ecosystem: &str, name: &str) -> bool {
    BAIT.contains(&name) || rules.packages.near(ecosystem, name).is_some()
}

/// Names that are left of a command that was typed wrong, and that someone took.
const BAIT: [&str; 9] = [
    "-",
    "i",
    "install",
    "save",
    "save-dev",
    "requirements.txt",
    "requirements-txt",
    "package.json",
    "package-lock.json",
];

/// A fact if the name is nearly one that everyone uses.
pub(super) fn near(seen: &Seen<'_>, entry: &Entry, rules: &Ruleset) -> Option<Fact> {
    let ecosystem = seen.read.ecosystem;
    if entry.is_own || entry.source.is_some() {
        return None;
    }
    let name = ecosystem.fold(entry.package());
    let (fact, how) = if BAIT.contains(&name.as_str()) {
        (about(seen, entry, format!("`{name}` is what is left of a command that was typed wrong")), "near:bait")
    } else {
        let (popular, how) = rules.packages.near(ecosystem.name(), &name)?;
        (about(seen, entry, format!("`{name}` is nearly `{popular}`")), how)
    };
    let fact = fact.label("typosquat").label(how);
    Some(if ecosystem == Ecosystem::Npm && name.starts_with('@') { fact.label("scoped") } else { fact })
}
