//! What of an entry is worth knowing: where it comes from, what checks it, and whether files agree.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::artifact::Artifact;
use crate::fact::{Fact, FactKind};
use crate::ruleset::Ruleset;
use crate::ruleset::packages::Role;

use super::entry::{Ecosystem, Entry, Form, Reference, Section};
use super::read::Anchor;
use super::{Locks, Seen, Use, bad, node, script, version};

/// A fact about an entry, with the labels that every such fact has.
pub(super) fn about(seen: &Seen<'_>, entry: &Entry, note: String) -> Fact {
    let mut fact = at(seen, &entry.anchor, note);
    if !seen.read.is_lock {
        fact = fact.label(entry.section.label());
    }
    if entry.real.is_some() {
        fact = fact.label("alias");
    }
    fact
}

/// A fact about a place in a file.
fn at(seen: &Seen<'_>, anchor: &Anchor, note: String) -> Fact {
    let fact = Fact::new(FactKind::Dependency, anchor.locate(&seen.source), note);
    let fact = fact.label(if seen.read.is_lock { "lock" } else { "manifest" }).label(seen.read.ecosystem.name());
    if is_vendored(&seen.folder.1) { fact.label("in-vendored") } else { fact }
}

/// Whether a path is inside modules that belong to others.
pub(super) fn is_vendored(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "node_modules" | "site-packages" | "bower_components"))
}

/// The fact that modules of others are shipped.
pub(super) fn vendored(artifact: &Artifact) -> Fact {
    let note = format!("ships modules of others, such as {}", artifact.named().shown());
    Fact::new(FactKind::Dependency, 0..0, note).label("vendored")
}

/// Facts about one file.
pub(super) fn facts(seen: &Seen<'_>, locks: &Locks, rules: &Ruleset) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut names = HashSet::new();
    if is_vendored(&seen.folder.1) && !seen.read.is_lock {
        facts.extend(bad::vendored(seen, rules));
        facts.extend(shipped(seen, locks));
        return facts;
    }
    for entry in &seen.read.entries {
        facts.extend(bad::listed(seen, entry, locks, rules));
        if names.insert(entry.package()) {
            facts.extend(bad::near(seen, entry, rules));
        }
        facts.extend(source(seen, entry, rules));
        if facts.len() > super::FACTS {
            break;
        }
    }
    // One may be a name of its own; several are bait.
    if facts.iter().filter(|fact| fact.labels.contains("typosquat")).count() > 1 {
        for fact in facts.iter_mut().filter(|fact| fact.labels.contains("typosquat")) {
            fact.labels.insert("among-others".to_owned());
        }
    }
    facts.extend(indexes(seen, rules));
    if seen.read.is_lock {
        facts.extend(registries(seen, rules));
        facts.extend(digests(seen));
        facts.extend(unreachable(seen));
    } else {
        facts.extend(unpinned(seen, locks));
        facts.extend(places(seen));
    }
    facts
}

/// A source that is no registry.
fn source(seen: &Seen<'_>, entry: &Entry, rules: &Ruleset) -> Option<Fact> {
    let source = entry.source.as_ref()?;
    let place = rules.hosts.place(&source.url);
    let is_code_host = place.as_ref().is_some_and(|place| place.class == "code-host");
    if source.form == Form::File {
        let note = format!("`{}` is a packed file that is shipped along", entry.name);
        return Some(about(seen, entry, note).label("source").label("source:file"));
    }
    let note = format!("`{}` comes from {}", entry.name, source.url);
    let mut fact = about(seen, entry, note).label("source").label(match source.form {
        Form::Git if is_code_host => "source:git-host",
        Form::Git => "source:git",
        Form::Archive => "source:tarball",
        Form::Url | Form::File => "source:url",
    });
    if matches!(source.form, Form::Archive | Form::Url) {
        fact = fact.label("download");
    }
    fact = fact.label(match source.reference {
        Reference::Commit => "commit",
        Reference::Tag => "tag",
        Reference::Branch => "branch",
    });
    if place.is_some_and(|place| place.plain) {
        fact = fact.label("plain-http");
    }
    if !entry.digests.is_empty() {
        fact = fact.label("hashed");
    }
    if node::owner(&source.url).is_some() && node::owner(&source.url) == seen.read.owner {
        fact = fact.label("same-owner");
    }
    fact.urls.push(source.url.clone());
    Some(fact)
}

/// Places of packages that a file names.
fn indexes(seen: &Seen<'_>, rules: &Ruleset) -> Vec<Fact> {
    let mut facts = Vec::new();
    for index in &seen.read.indexes {
        if facts.len() >= super::FACTS {
            break;
        }
        let place = rules.hosts.place(&index.url);
        let role = place.as_ref().and_then(|place| rules.packages.role(&place.host));
        let is_plain = place.as_ref().is_some_and(|place| place.plain);
        let is_local = place.as_ref().is_some_and(|place| place.class == "local");
        let is_checked = index.what != Use::Unverified && !is_plain;
        if role == Some(Role::Default) && is_checked {
            continue;
        }
        let mut fact = at(seen, &index.anchor, format!("packages come from {}", index.url)).label("index").label(
            match index.what {
                Use::Main => "index:main",
                Use::Extra => "index:extra",
                Use::Scope => "index:scope",
                Use::Unverified => "index:unverified",
            },
        );
        fact = fact.label(match (role, is_local) {
            (_, true) => "registry:local",
            (Some(Role::Default), _) => "registry:default",
            (Some(Role::Mirror), _) => "registry:known-mirror",
            // Whoever turns checks off for all places names none.
            (None, _) if !index.url.contains(['.', ':', '$', '{']) => "registry:none",
            (None, _) => "registry:unknown",
        });
        // A variable says nothing about where it leads.
        if index.url.contains('$') || index.url.contains("{{") {
            fact = fact.label("variable");
        }
        if is_plain {
            fact = fact.label("plain-http");
        }
        if place.is_some() {
            fact.urls.push(index.url.clone());
        }
        facts.push(fact);
    }
    facts
}

/// Addresses of a lock file that are not those of everyone, or not those of their entry.
fn registries(seen: &Seen<'_>, rules: &Ruleset) -> Vec<Fact> {
    let addresses = || {
        let entries = seen.read.entries.iter().filter(|entry| !entry.resolved.is_empty());
        let strays = seen.read.strays.iter().map(|(url, anchor)| (None, url, anchor));
        entries.map(|entry| (Some(entry), &entry.resolved, &entry.anchor)).chain(strays)
    };
    let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
    let places: Vec<_> = addresses().map(|(_, url, _)| rules.hosts.place(url)).collect();
    for place in places.iter().flatten() {
        *hosts.entry(place.host.clone()).or_default() += 1;
    }
    // Some lock files name an address only where it is not the usual one.
    let usual = seen.read.entries.iter().filter(|entry| !entry.is_own && entry.source.is_none()).count();
    let total = hosts.values().sum::<usize>().max(usual);
    let mut facts = Vec::new();
    let mut reported: HashMap<String, usize> = HashMap::new();
    for ((entry, url, anchor), place) in addresses().zip(&places) {
        let Some(place) = place else { continue };
        let role = rules.packages.role(&place.host);
        let count = hosts.get(&place.host).copied().unwrap_or(0);
        let is_minority = total >= 5 && count * 5 <= total;
        let mismatch = entry.and_then(|entry| mismatch(seen.read.ecosystem, entry));
        if role == Some(Role::Default) && !place.plain && mismatch.is_none() {
            continue;
        }
        // One host stands for all entries on it.
        let times = reported.entry(place.host.clone()).or_default();
        *times += 1;
        if *times > 5 && mismatch.is_none() {
            continue;
        }
        let note = match entry {
            Some(entry) => format!("`{}` is taken from {url}", entry.name),
            None => format!("packages are taken from {url}"),
        };
        let mut fact = match entry {
            Some(entry) => about(seen, entry, note),
            None => at(seen, anchor, note),
        };
        fact = fact.label("resolved").label(match (role, place.class.as_str()) {
            (_, "local") => "registry:local",
            (Some(Role::Default), _) => "registry:default",
            (Some(Role::Mirror), _) => "registry:known-mirror",
            (None, _) => "registry:unknown",
        });
        fact.labels.extend(mismatch.map(str::to_owned));
        if place.plain {
            fact = fact.label("plain-http");
        }
        fact = fact.label(if is_minority { "minority-host" } else { "majority-host" });
        fact.urls.push(url.clone());
        facts.push(fact);
        if facts.len() >= super::FACTS {
            break;
        }
    }
    facts
}

/// How the address of an entry is that of another package or version.
fn mismatch(ecosystem: Ecosystem, entry: &Entry) -> Option<&'static str> {
    let path = entry.resolved.split(['?', '#']).next()?.to_ascii_lowercase().replace("%2f", "/").replace("%40", "@");
    let (before, file) = path.rsplit_once('/')?;
    let package = ecosystem.fold(entry.package());
    match ecosystem {
        Ecosystem::Npm => {
            let before = before.strip_suffix("/-")?;
            if !before.ends_with(&format!("/{package}")) {
                return Some("name-mismatch");
            }
            let version = entry.version.to_ascii_lowercase();
            let version = version.split('+').next()?;
            let base = package.rsplit('/').next()?;
            let named = file.strip_prefix(base)?.strip_prefix('-')?.strip_suffix(".tgz")?;
            (!version.is_empty() && named.split("%2b").next()? != version).then_some("version-mismatch")
        }
        Ecosystem::Pypi => {
            let is_file = super::entry::is_archive(file);
            (is_file && !ecosystem.fold(file).starts_with(&package)).then_some("name-mismatch")
        }
        Ecosystem::Cargo => None,
    }
}

/// Digests that are missing, weak, or those of something else.
fn digests(seen: &Seen<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let is_per_file = seen.read.ecosystem == Ecosystem::Pypi;
    let mut of_version: HashMap<(String, &str, &str), &str> = HashMap::new();
    let mut by_digest: HashMap<&str, (String, &str)> = HashMap::new();
    for entry in seen.read.entries.iter().filter(|entry| !entry.is_own && entry.source.is_none()) {
        if facts.len() >= super::FACTS {
            break;
        }
        let is_due = seen.read.always_digests || !entry.resolved.is_empty();
        let name = seen.read.ecosystem.fold(entry.package());
        let kind = |digest: &&str| digest.split(['-', '=', ':']).next().unwrap_or("").len();
        let found = |label: &str, note: String| about(seen, entry, note).label("integrity").label(label);
        if entry.digests.is_empty() {
            if is_due {
                facts.push(found("no-integrity", format!("nothing checks what `{name}` turns out to be")));
            }
            continue;
        }
        let is_weak = |digest: &String| digest.starts_with("sha1-") || digest.starts_with("md5");
        if entry.digests.iter().all(is_weak) {
            facts.push(found("weak-integrity", format!("`{name}` is checked by a digest that can be forged")));
        }
        if is_per_file {
            continue;
        }
        for digest in entry.digests.iter().map(String::as_str) {
            let algorithm = digest.get(..kind(&digest)).unwrap_or("");
            let first = of_version.entry((name.clone(), entry.version.as_str(), algorithm)).or_insert(digest);
            if *first != digest && entry.digests.len() == 1 && !entry.version.is_empty() {
                facts.push(found("two-digests", format!("`{name}@{}` has two digests", entry.version)));
            }
            let (owner, version) = by_digest.entry(digest).or_insert_with(|| (name.clone(), entry.version.as_str()));
            if (owner.as_str(), *version) != (name.as_str(), entry.version.as_str()) {
                facts.push(found("integrity-of-another", format!("`{name}` has the digest of `{owner}@{version}`")));
            }
        }
    }
    facts
}

/// Entries of a lock file that nothing in it needs.
fn unreachable(seen: &Seen<'_>) -> Vec<Fact> {
    if !seen.read.knows_needs {
        return Vec::new();
    }
    let entries = &seen.read.entries;
    let roots = seen.read.roots.iter().chain(&seen.read.also);
    let needed: HashSet<&str> =
        roots.chain(entries.iter().flat_map(|entry| &entry.needs)).map(String::as_str).collect();
    let strangers = entries.iter().filter(|entry| !entry.is_own && !needed.contains(entry.name.as_str()));
    strangers
        .take(20)
        .map(|entry| about(seen, entry, format!("nothing needs `{}`", entry.name)).label("unreachable"))
        .collect()
}

/// Packages that the root of a lock file needs and its manifest does not name.
pub(super) fn strangers(lock: &Seen<'_>, manifest: &Seen<'_>) -> Vec<Fact> {
    let named: HashSet<&str> = manifest.read.entries.iter().map(|entry| entry.name.as_str()).collect();
    let missing = lock.read.roots.iter().filter(|name| !named.contains(name.as_str())).take(20);
    missing
        .map(|name| {
            let anchor = Anchor::keys(["packages", name], "");
            at(lock, &anchor, format!("the lock file needs `{name}`, which the manifest does not name"))
                .label("not-in-manifest")
        })
        .collect()
}

/// Versions in a lock file that the manifest's range does not admit.
pub(super) fn outside(lock: &Seen<'_>, manifest: &Seen<'_>) -> Vec<Fact> {
    let ecosystem = manifest.read.ecosystem;
    let mut locked: HashMap<&str, Vec<&Entry>> = HashMap::new();
    for entry in lock.read.entries.iter().filter(|entry| !entry.is_own && !entry.version.is_empty()) {
        locked.entry(&entry.name).or_default().push(entry);
    }
    let entries = || manifest.read.entries.iter();
    let replaced: HashSet<&str> =
        entries().filter(|e| e.section == Section::Override).map(|entry| entry.name.as_str()).collect();
    let is_due = |entry: &&Entry| {
        entry.source.is_none()
            && !entry.is_own
            && !matches!(entry.section, Section::Peer | Section::Override)
            && !replaced.contains(entry.name.as_str())
            && version::is_range(&entry.version)
    };
    let mut facts = Vec::new();
    for entry in entries().filter(is_due) {
        // Packages inside others have versions of their own, so one that fits is enough.
        let Some(found) = locked.get(entry.name.as_str()) else { continue };
        let fits = |one: &&Entry| one.source.is_some() || version::admits(ecosystem, &entry.version, &one.version);
        let Some(first) = found.first().filter(|_| !found.iter().any(fits)) else { continue };
        let note = format!("`{}@{}` is locked, and the manifest asks for {}", entry.name, first.version, entry.version);
        facts.push(about(lock, first, note).label("outside-range"));
        if facts.len() >= 20 {
            break;
        }
    }
    facts
}

/// One fact for all packages of a lock file that run a script when they are installed.
pub(super) fn scripts(seen: &Seen<'_>) -> Option<Fact> {
    let mut names: Vec<&str> = Vec::new();
    let running = || seen.read.entries.iter().filter(|entry| entry.runs_script);
    running().map(|entry| entry.name.as_str()).for_each(|name| names.push(name));
    names.dedup();
    let shown = names.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let note = format!("{shown}{more} run scripts of their own while they are installed");
    Some(about(seen, running().next()?, note).label("locked-script"))
}

/// One fact for all ranges that nothing pins.
fn unpinned(seen: &Seen<'_>, locks: &Locks) -> Option<Fact> {
    if locks.of(&seen.folder, seen.read.ecosystem).is_some() {
        return None;
    }
    let is_open = |entry: &&Entry| {
        entry.source.is_none()
            && !entry.is_own
            && !matches!(entry.section, Section::Peer | Section::Override)
            && version::exact(seen.read.ecosystem, &entry.version).is_none()
    };
    let open: Vec<&Entry> = seen.read.entries.iter().filter(is_open).collect();
    let first = open.first()?;
    let note = format!("{} of {} packages are pinned by nothing", open.len(), seen.read.entries.len());
    let fact = at(seen, &first.anchor, note).label("unpinned");
    let is_floating = open.iter().any(|entry| version::is_floating(&entry.version));
    Some(if is_floating { fact.label("floating") } else { fact })
}

/// Commands that a package must not bring.
const SYSTEM: [&str; 24] = [
    "node", "npm", "npx", "git", "ssh", "curl", "sudo", "ls", "cat", "bash", "sh", "zsh", "python", "python3", "pip",
    "docker", "kubectl", "aws", "gh", "code", "claude", "openclaw", "wget", "env",
];

/// Files and keys of a manifest that mislead.
fn places(seen: &Seen<'_>) -> Vec<Fact> {
    let own = seen.artifact.named().shown();
    let mut facts = Vec::new();
    for (what, path) in &seen.read.places {
        let key = what.split(':').next().unwrap_or(what);
        let found = |label: &str, note: &str| {
            let anchor = Anchor::keys([key], path);
            at(seen, &anchor, format!("`{what}` {note}: {path}"))
                .label("entry-point")
                .label(&format!("entry:{key}"))
                .label(label)
        };
        let leaves = path.starts_with(['/', '~', '$']) || path.contains("://") || path.get(1..3) == Some(":\\");
        if leaves || script::beside(own, path).is_none() || path.replace('\\', "/").starts_with("../") {
            facts.push(found("outside", "lies outside the package"));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let is_hidden =
            path.split('/').any(|part| part.starts_with('.') && part.len() > 2 && part != ".." && part != ".next");
        let is_odd = ["png", "jpg", "jpeg", "gif", "svg", "txt", "dat", "bin", "woff", "woff2", "pdf", "log", "tmp"];
        if matches!(key, "main" | "module" | "browser" | "bin") {
            if is_odd.contains(&extension.as_str()) {
                facts.push(found("odd-kind", "is no program by its name"));
            }
            if is_hidden {
                facts.push(found("concealed", "is in a hidden place"));
            }
        }
        if let Some(command) = what.strip_prefix("bin:").filter(|name| SYSTEM.contains(name))
            && seen.read.identity.as_ref().is_none_or(|(name, _)| name != command)
        {
            facts.push(found("shadows", "takes the name of a command that everyone has"));
        }
    }
    for key in &seen.read.repeated {
        let anchor = Anchor::keys([key, key], "");
        let fact = at(seen, &anchor, format!("`{key}` stands there twice, and readers differ in which one counts"));
        facts.push(fact.label("repeated-key").label(&format!("key:{key}")));
    }
    facts
}

/// A shipped module against its lock file and its folder.
fn shipped(seen: &Seen<'_>, locks: &Locks) -> Vec<Fact> {
    let Some((name, version)) = &seen.read.identity else { return Vec::new() };
    let (archive, path) = &seen.folder;
    let Some((above, folder)) = path.rsplit_once("node_modules/") else { return Vec::new() };
    // Folders inside a module have manifests that say how to read them.
    if folder.split('/').count() > 1 + usize::from(folder.starts_with('@')) {
        return Vec::new();
    }
    let mut facts = Vec::new();
    let mut add = |label: &str, note: String| {
        facts.push(at(seen, &Anchor::keys(["name"], name), note).label("module").label(label))
    };
    if name != folder {
        add("name-differs", format!("the module in `{folder}` calls itself `{name}`"));
    }
    let above = above.split("node_modules/").next().unwrap_or(above).trim_end_matches('/');
    if let Some(lock) = locks.of(&(archive.clone(), above.to_owned()), seen.read.ecosystem) {
        match lock.get(&seen.read.ecosystem.fold(folder)) {
            None => add("not-locked", format!("`{name}` is shipped, and the lock file does not know it")),
            Some(versions) if !versions.iter().any(|locked| version::is_same(locked, version)) => {
                add("not-as-locked", format!("`{name}@{version}` is shipped, and another version is locked"));
            }
            Some(_) => {}
        }
    }
    facts
}
