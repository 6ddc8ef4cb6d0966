//! What follows from where packages lie rather than from what they hold: one
//! that hides another of its name, and one that is linked in from elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Location, PackageReport, ReportedFinding};
use crate::error::Error;
use crate::finding::{Role, Severity};
use crate::package::Discovered;
use crate::place::{Place, Places, Symlinks};
use crate::policy::{self, Policy};
use crate::rule::RuleId;
use crate::ruleset::Ruleset;
use crate::scan::Scanner;

/// The packages of each place, and what could not be listed; a place that holds none is left out.
pub fn discover(scanner: &Scanner, places: &mut Places) -> Vec<Discovered> {
    discover_with(places, |root| scanner.discover(root))
}

/// As [`discover`], without a scanner.
pub(crate) fn discover_with(places: &mut Places, open: impl Fn(&Path) -> Result<Discovered, Error>) -> Vec<Discovered> {
    let mut roots = Vec::new();
    for place in &places.found {
        match open(&place.root) {
            Ok(found) => {
                roots.push(Discovered { source: place.source.tag(), precedence: Some(place.precedence), ..found });
            }
            Err(Error::Empty { .. }) => {}
            Err(error) => places.complaints.push(error.to_string()),
        }
    }
    roots
}

/// Adds the findings that take all packages of all places.
pub fn judge(packages: &mut [PackageReport], places: &Places, rules: &Ruleset, policy: &Policy) {
    let by_root: BTreeMap<String, &Place> =
        places.found.iter().map(|place| (place.root.display().to_string(), place)).collect();
    let mut found: Vec<(usize, &str, Severity, String)> = Vec::new();
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages.iter().enumerate().filter(|(_, package)| package.is_skill) {
        by_name.entry(loaded_name(package)).or_default().push(index);
        let Some(place) = by_root.get(&package.root) else { continue };
        if let Some(target) = package.linked_to.as_deref().filter(|target| !is_permitted(place, target)) {
            let note = format!("is a link to {target}, outside the places that skills may be linked from");
            // Where plugins are installed is known in part only.
            let severity = if place.symlinks == Symlinks::Generated { Severity::Low } else { Severity::Medium };
            found.push((index, "asset/link-escape", severity, note));
        }
    }
    for (name, same) in by_name {
        for &index in &same {
            let of = |index: usize| by_root.get(&packages[index].root);
            // One folder may be reached through two places.
            let is_other = |other: usize| real_path(&packages[other]) != real_path(&packages[index]);
            let hidden_by = same.iter().find(|&&other| match (of(other), of(index)) {
                (Some(above), Some(below)) => above.hides(below) && is_other(other),
                _ => false,
            });
            let Some(&above) = hidden_by else { continue };
            let is_same = packages[above].digest == packages[index].digest;
            let note = format!(
                "`{name}` in {} ({}) is loaded in its place, {}",
                packages[above].root,
                packages[above].source,
                if is_same { "with the same content" } else { "with other content" }
            );
            let severity = if is_same { Severity::Low } else { Severity::Medium };
            found.push((index, "trust/shadowed", severity, note));
        }
    }
    for (index, rule, severity, note) in found {
        add(&mut packages[index], rule, severity, vec![(String::new(), note)], rules, policy);
    }
}

/// The name that the loader goes by: that of the header, else the directory's.
fn loaded_name(package: &PackageReport) -> String {
    let folder = || package.path.rsplit('/').next().unwrap_or(&package.path).to_owned();
    package.name.clone().unwrap_or_else(folder)
}

/// Where a package really lies.
fn real_path(package: &PackageReport) -> std::path::PathBuf {
    let root = Path::new(&package.root);
    let path = if package.path == "." { root.to_owned() } else { root.join(&package.path) };
    std::fs::canonicalize(&path).unwrap_or(path)
}

fn is_permitted(place: &Place, target: &str) -> bool {
    let target = Path::new(target);
    let own = std::fs::canonicalize(&place.root).ok();
    place.symlinks == Symlinks::Followed || own.iter().chain(&place.permitted).any(|root| target.starts_with(root))
}

/// Adds a finding that no span of a text stands for: each place is a path, empty for the package's document, and what
/// is there.
pub(crate) fn add(
    package: &mut PackageReport,
    id: &str,
    severity: Severity,
    places: Vec<(String, String)>,
    rules: &Ruleset,
    policy: &Policy,
) {
    let Some(rule) = RuleId::new(id).ok().and_then(|id| rules.get(&id)).filter(|rule| policy.reports(&rule.id)) else {
        return;
    };
    let severity = policy.severity(&rule.id).unwrap_or(severity);
    let verdict = policy::verdict_of(severity, rule.meta.confidence);
    let first = places.first().map_or("", |(path, _)| path);
    let identity = format!("{id}\0{}\0{}{}", package.root, package.path, joined(first));
    let document = package.document.clone();
    let locations: Vec<Location> = places
        .into_iter()
        .map(|(path, note)| location(if path.is_empty() { document.clone() } else { path }, note))
        .collect();
    if locations.is_empty() {
        return;
    }
    let finding = ReportedFinding {
        rule: rule.id.clone(),
        class: rule.meta.class,
        title: rule.meta.title.clone(),
        fix: rule.meta.fix.clone(),
        severity,
        effective: severity,
        confidence: rule.meta.confidence,
        verdict,
        context: Vec::new(),
        message: rule.meta.message.clone(),
        fingerprint: data_encoding::HEXLOWER.encode(&Sha256::digest(identity)[..16]),
        locations,
    };
    policy.settle(package, finding);
}

fn joined(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("\0{path}") }
}

/// The beginning of a file.
fn location(path: String, note: String) -> Location {
    Location {
        role: Role::Primary,
        shown_path: path.clone(),
        path,
        line: 1,
        column: 1,
        end_line: 1,
        end_column: 1,
        start: 0,
        end: 0,
        note,
        snippet: String::new(),
        source: String::new(),
        source_line: 1,
        source_range: 0..0,
        trail: Vec::new(),
    }
}
