//! Advisories about package versions, out of a database file in the OSV format
//! that the user gives: a ZIP of JSON documents. Read once, searched offline.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::analyze::compare_versions;
use crate::archive::{self, Entry, Room};
use crate::finding::Severity;
use crate::parse::format::Format;

/// Most bytes of all documents together, which are held at once.
const TOTAL: usize = 1024 * 1024 * 1024;
/// Most documents.
const DOCUMENTS: usize = 2_000_000;
/// Bytes out of one byte in: documents of one form compress well.
const RATIO: usize = 1_000;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is no ZIP, a broken one, or holds more than can be read.
    #[error("is no ZIP archive that can be read whole: {0}")]
    NoArchive(String),
    /// A document in it is malformed.
    #[error("document {number}: {why}")]
    Document {
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// It holds nothing about packages that are looked for.
    #[error("holds no advisory on packages of npm, PyPI or crates.io")]
    Empty,
}

/// One advisory, as far as it is about one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// Its id.
    pub id: Box<str>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the package itself is an attack.
    pub is_malicious: bool,
    versions: Vec<Box<str>>,
    ranges: Vec<Vec<Event>>,
}

/// Where a range of versions begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Introduced(Box<str>),
    Fixed(Box<str>),
    Last(Box<str>),
}

impl Advisory {
    /// Whether it is about every version there is.
    pub fn is_about_all(&self) -> bool {
        self.ranges.iter().any(|range| matches!(range.as_slice(), [Event::Introduced(from)] if &**from == "0"))
    }

    /// Whether it is about this version.
    pub fn affects(&self, version: &str) -> bool {
        let at_least =
            |bound: &str| bound == "0" || compare_versions(version, bound).is_some_and(|order| order.is_ge());
        let is_in = |range: &Vec<Event>| {
            range.iter().fold(false, |is_in, event| match event {
                Event::Introduced(from) if at_least(from) => true,
                Event::Fixed(fixed) if at_least(fixed) => false,
                Event::Last(last) if at_least(last) && compare_versions(version, last).is_some_and(|o| o.is_gt()) => {
                    false
                }
                _ => is_in,
            })
        };
        self.versions.iter().any(|listed| &**listed == version) || self.ranges.iter().any(is_in)
    }
}

/// Advisories by package.
#[derive(Debug, Default)]
pub struct Advisories {
    by_package: HashMap<(&'static str, Box<str>), Vec<Advisory>>,
}

#[derive(Deserialize)]
struct Document {
    id: String,
    withdrawn: Option<String>,
    #[serde(default)]
    affected: Vec<Affected>,
    database_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<Box<str>>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Range {
    r#type: String,
    #[serde(default)]
    events: Vec<Bound>,
}

#[derive(Deserialize)]
struct Bound {
    introduced: Option<Box<str>>,
    fixed: Option<Box<str>>,
    last_affected: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Specific {
    severity: Option<serde_json::Value>,
}

impl Advisories {
    /// Reads a database file.
    ///
    /// # Errors
    /// If it is no such file, or a document in it is malformed: half a database would pass what the other half knows.
    pub fn load(path: &Path) -> Result<Self, AdvisoryError> {
        let bytes = std::fs::read(path)?;
        let room = Room { bytes: TOTAL, entries: DOCUMENTS, ratio: RATIO };
        let no_archive = |why: &str| AdvisoryError::NoArchive(why.to_owned());
        let archive = archive::open(Format::Zip, &bytes, room).ok_or_else(|| no_archive("unknown format"))?;
        if let Some((_, why)) = archive.skipped.first() {
            return Err(no_archive(why));
        }
        let mut advisories = Self::default();
        let is_document = |member: &archive::Member| member.entry == Entry::File && member.name.ends_with(b".json");
        for (index, member) in archive.members.iter().enumerate().filter(|(_, member)| is_document(member)) {
            let document: Document = serde_json::from_slice(&member.bytes)
                .map_err(|error| AdvisoryError::Document { number: index + 1, why: error.to_string() })?;
            advisories.add(document);
        }
        if advisories.by_package.is_empty() { Err(AdvisoryError::Empty) } else { Ok(advisories) }
    }

    fn add(&mut self, document: Document) {
        if document.withdrawn.is_some() {
            return;
        }
        let is_malicious = document.id.starts_with("MAL-");
        let severity = match document.database_specific.as_ref().and_then(|of| of.severity.as_ref()?.as_str()) {
            _ if is_malicious => Severity::Critical,
            Some("LOW") => Severity::Low,
            _ => Severity::Medium,
        };
        for affected in document.affected {
            let Some((ecosystem, name)) = affected.package.as_ref().and_then(key) else { continue };
            let ranges = affected.ranges.into_iter().filter(|range| range.r#type != "GIT");
            let advisory = Advisory {
                id: document.id.clone().into(),
                severity,
                is_malicious,
                versions: affected.versions,
                ranges: ranges.map(|range| range.events.into_iter().filter_map(event).collect()).collect(),
            };
            self.by_package.entry((ecosystem, name)).or_default().push(advisory);
        }
    }

    /// Advisories on a package of `npm`, `pypi` or `cargo`, whose name is in the form in which names are compared: those
    /// on this version, or those on all versions where none is known.
    pub fn on(&self, ecosystem: &'static str, name: &str, version: Option<&str>) -> Vec<&Advisory> {
        let known = self.by_package.get(&(ecosystem, name.into())).into_iter().flatten();
        known
            .filter(|advisory| match version {
                Some(version) => advisory.affects(version),
                None => advisory.is_about_all(),
            })
            .collect()
    }
}

fn key(package: &Package) -> Option<(&'static str, Box<str>)> {
    let name = package.name.to_lowercase();
    match package.ecosystem.split(':').next()? {
        "npm" => Some(("npm", name.into())),
        "PyPI" => Some(("pypi", name.replace(['_', '.'], "-").into())),
        "crates.io" => Some(("cargo", name.into())),
        _ => None,
    }
}

fn event(bound: Bound) -> Option<Event> {
    let introduced = bound.introduced.map(Event::Introduced);
    introduced.or_else(|| bound.fixed.map(Event::Fixed)).or_else(|| bound.last_affected.map(Event::Last))
}
