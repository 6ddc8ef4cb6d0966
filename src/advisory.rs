//! Advisories about package versions, out of a database file in the OSV format
//! that the user gives: a ZIP of JSON documents. Read once, searched offline.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use crate::analyze::compare_versions;
use crate::finding::Severity;

/// Largest document, in bytes.
const DOCUMENT: u64 = 16 * 1024 * 1024;
/// Most bytes of all documents together.
const TOTAL: u64 = 8 * 1024 * 1024 * 1024;
/// Most documents.
const DOCUMENTS: usize = 2_000_000;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is no ZIP.
    #[error("is no ZIP archive: {0}")]
    NoArchive(#[from] zip::result::ZipError),
    /// A document in it is malformed or too large.
    #[error("document {number}: {why}")]
    Document {
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// It holds more than can be read.
    #[error("holds more than {DOCUMENTS} documents or {TOTAL} bytes")]
    TooLarge,
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
        let mut archive = zip::ZipArchive::new(BufReader::new(File::open(path)?))?;
        if archive.len() > DOCUMENTS {
            return Err(AdvisoryError::TooLarge);
        }
        let mut advisories = Self::default();
        let mut total = 0;
        let mut bytes = Vec::new();
        for index in 0..archive.len() {
            let number = index + 1;
            let mut entry = archive.by_index(index)?;
            if !entry.is_file() || !entry.name()?.ends_with(".json") {
                continue;
            }
            bytes.clear();
            entry.by_ref().take(DOCUMENT + 1).read_to_end(&mut bytes)?;
            total += bytes.len() as u64;
            if bytes.len() as u64 > DOCUMENT {
                let why = format!("is longer than {DOCUMENT} bytes");
                return Err(AdvisoryError::Document { number, why });
            }
            if total > TOTAL {
                return Err(AdvisoryError::TooLarge);
            }
            let document: Document = serde_json::from_slice(&bytes)
                .map_err(|error| AdvisoryError::Document { number, why: error.to_string() })?;
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
