//! Published statements about versions of OpenClaw, as data with its date.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::finding::Severity;
use crate::ruleset;

use super::version::Version;

/// One published advisory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Advisory {
    /// Its id, such as `GHSA-g8p2-7wf7-98mq`.
    pub id: String,
    /// Its CVE number, empty if it has none.
    pub cve: String,
    /// Severity as published.
    pub severity: Severity,
    /// Range of affected versions.
    pub affected: String,
    /// First version without it, empty if that is not known.
    pub fixed: String,
    /// Day of publication, `YYYY-MM-DD`.
    pub published: String,
    /// What goes wrong.
    pub kind: String,
    /// Which part is affected.
    pub surface: String,
    /// What it means, in one or two sentences; empty for most.
    pub note: String,
}

/// Where the table comes from, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Day on which the table was made, `YYYY-MM-DD`.
    pub generated: String,
    /// Whose facts these are.
    pub attribution: String,
    /// Publication of the first entry.
    pub first: String,
    /// Publication of the last entry.
    pub last: String,
    /// The highest version that any entry names as fixed.
    pub highest_fixed: String,
    /// Further advisories that were published without a range.
    pub without_range: usize,
}

/// The table.
pub struct Advisories {
    /// Where it comes from; none only if the built-in file is broken, which the tests exclude.
    pub provenance: Option<Provenance>,
    /// Its entries, by id.
    pub all: Vec<Advisory>,
}

static BUILT_IN: LazyLock<Advisories> = LazyLock::new(|| {
    let text = |wanted: &str| ruleset::embedded("advisories/").find(|(name, _)| *name == wanted).map_or("", |(_, t)| t);
    let mut reader = csv::Reader::from_reader(text("openclaw.csv").as_bytes());
    Advisories {
        provenance: toml::from_str(text("openclaw.toml")).ok(),
        all: reader.deserialize().filter_map(Result::ok).collect(),
    }
});

impl Advisories {
    /// The table that is built in.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Entries that affect a version, the most severe first; of equals those with a note, then by id.
    pub fn matching(&self, version: Version) -> Vec<&Advisory> {
        let mut found: Vec<&Advisory> =
            self.all.iter().filter(|entry| version.is_in(&entry.affected) == Some(true)).collect();
        found.sort_by_key(|entry| (std::cmp::Reverse(entry.severity), entry.note.is_empty(), &entry.id));
        found
    }

    /// The smallest version that no entry of this severity or worse affects, among those that entries name as fixed
    /// and that are not older than `version`.
    pub fn clears(&self, version: Version, severity: Severity) -> Option<Version> {
        let mut named: Vec<Version> = self.all.iter().filter_map(|entry| Version::parse(&entry.fixed)).collect();
        named.sort_unstable();
        let is_clear = |candidate: &Version| {
            *candidate > version && self.matching(*candidate).iter().all(|entry| entry.severity < severity)
        };
        named.into_iter().find(is_clear)
    }
}
