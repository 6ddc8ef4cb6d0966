//! What is kept of skills, runs and what happened. Texts are those of packages: whoever prints them escapes them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::diff::Behaviour;
use crate::policy::Verdict;
use crate::report::PackageReport;
use crate::verify;

/// Files that are kept of one skill; of more, only the digest over all.
const FILES: usize = 5_000;
/// Findings that are kept of one skill.
const FINDINGS: usize = 1_000;
/// Hosts that are kept of one skill, and things that it installs.
const LISTED: usize = 2_000;
/// Characters that are kept of its name, and of its version.
const CHARACTERS: usize = 1_000;
/// Bytes of text that are kept of each list of one skill.
const BYTES: usize = 512 * 1024;
/// Names of files that are kept of one change.
const NAMES: usize = 8;

/// One skill, or any other package, as a run saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// The directory that it was found through, absolute.
    pub root: String,
    /// Its path below, `.` for the directory itself.
    pub path: String,
    /// The run that saw it first.
    pub first: u64,
    /// When that was.
    pub first_at: String,
    /// The run that saw the last difference.
    pub changed: u64,
    /// When that was.
    pub changed_at: String,
    /// The run that found it to be gone; it is there, if none.
    pub removed: Option<u64>,
    /// What it does.
    pub behaviour: Behaviour,
    /// Whether an installer's record names its version, and not it alone.
    pub is_version_recorded: bool,
    /// What the comparison with its records came to.
    pub integrity: String,
    /// SHA-256 over all files and links.
    pub content: String,
    /// SHA-256 of each file and link by path; empty if there are too many.
    pub files: BTreeMap<String, String>,
}

impl Skill {
    /// What is kept of a report; `root` is the absolute path of its root.
    pub fn of(root: &str, report: &PackageReport) -> Self {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let bytes: usize = report.contents.iter().map(|(path, _)| path.len()).sum();
        let is_listed = report.contents.len() <= FILES && bytes <= BYTES;
        let mut hasher = Sha256::new();
        let mut files = BTreeMap::new();
        for (path, digest) in &report.contents {
            hasher.update(path.as_bytes());
            hasher.update([0]);
            hasher.update(digest);
            if is_listed {
                files.insert(path.clone(), hex(digest));
            }
        }
        let mut behaviour = Behaviour::of(report);
        for text in [&mut behaviour.name, &mut behaviour.version].into_iter().flatten() {
            *text = text.chars().take(CHARACTERS).collect();
        }
        behaviour.hosts = fitting(behaviour.hosts, LISTED, String::len);
        behaviour.installs = fitting(behaviour.installs, LISTED, String::len);
        // The worst stay.
        behaviour.findings.sort_by_key(|mark| Reverse(verdict(&mark.verdict)));
        behaviour.findings = fitting(behaviour.findings, FINDINGS, |mark| mark.message.len() + mark.place.0.len());
        behaviour.findings.sort();
        Self {
            root: root.to_owned(),
            path: report.path.clone(),
            behaviour,
            is_version_recorded: report.integrity.version.is_some(),
            integrity: report.integrity.status.name().to_owned(),
            content: hex(&hasher.finalize()),
            files,
            ..Self::default()
        }
    }

    /// What it is known by.
    pub fn key(&self) -> (String, String) {
        (self.root.clone(), self.path.clone())
    }

    /// Whether nothing is there: it was removed, or nothing but a record tells of it.
    pub fn is_absent(&self) -> bool {
        self.removed.is_some() || self.integrity == verify::Status::Missing.name()
    }

    /// Whether a run would write the same again.
    pub fn is_same(&self, other: &Self) -> bool {
        self.content == other.content
            && self.behaviour == other.behaviour
            && self.integrity == other.integrity
            && self.is_version_recorded == other.is_version_recorded
            && self.removed.is_some() == other.removed.is_some()
    }

    /// Its verdict.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.behaviour.verdict)
    }

    /// Its path as a user would write it.
    pub fn place(&self) -> String {
        place(&self.root, &self.path)
    }
}

/// The first of these, as far as they are to be kept.
fn fitting<T, C: FromIterator<T>>(ones: impl IntoIterator<Item = T>, most: usize, size: impl Fn(&T) -> usize) -> C {
    let mut bytes = 0;
    let fits = |one: &T| {
        bytes += size(one);
        bytes <= BYTES
    };
    ones.into_iter().take(most).take_while(fits).collect()
}

/// A path below a root as a user would write it.
pub(crate) fn place(root: &str, path: &str) -> String {
    if path == "." { root.to_owned() } else { format!("{}/{path}", root.trim_end_matches('/')) }
}

/// The verdict of this name; what nobody wrote so counts as the worst.
pub(crate) fn verdict(name: &str) -> Verdict {
    let all = [Verdict::Pass, Verdict::Review, Verdict::Incomplete, Verdict::Warn, Verdict::Malicious];
    all.into_iter().find(|verdict| verdict.name() == name).unwrap_or(Verdict::Malicious)
}

/// What happened to a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was not there before.
    New,
    /// It is not there any more.
    Removed,
    /// Its files changed and its version did not.
    Drift,
    /// Its files changed, and its version as well.
    Update,
    /// Its files are the same, and more was found.
    Found,
    /// Its files are the same, and less was found.
    Resolved,
}

impl Kind {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Removed => "removed",
            Self::Drift => "drift",
            Self::Update => "update",
            Self::Found => "found",
            Self::Resolved => "resolved",
        }
    }
}

/// Which files differ; the first few names of each kind, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// New ones.
    pub added: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
    /// Those with other content.
    pub changed: Vec<String>,
    /// How many differ.
    pub count: usize,
}

impl Files {
    /// How the files of a skill differ.
    pub fn between(before: &Skill, after: &Skill) -> Self {
        let only = |ones: &BTreeMap<String, String>, others: &BTreeMap<String, String>| -> Vec<String> {
            ones.keys().filter(|path| !others.contains_key(*path)).cloned().collect()
        };
        let is_changed =
            |(path, digest): &(&String, &String)| before.files.get(*path).is_some_and(|was| was != *digest);
        let changed: Vec<String> = after.files.iter().filter(is_changed).map(|(path, _)| path.clone()).collect();
        let (mut added, mut removed) = (only(&after.files, &before.files), only(&before.files, &after.files));
        if after.files.is_empty() != before.files.is_empty() {
            // One of both has more files than are kept, so nothing is known of single ones.
            (added, removed) = (Vec::new(), Vec::new());
        }
        let count = added.len() + removed.len() + changed.len();
        let first = |names: Vec<String>| names.into_iter().take(NAMES).collect();
        Self { added: first(added), removed: first(removed), changed: first(changed), count }
    }

    /// For people, not escaped; empty if no file is known to differ.
    pub fn told(&self) -> String {
        let named = [("changed", &self.changed), ("new", &self.added), ("gone", &self.removed)];
        let parts = named.iter().filter(|(_, names)| !names.is_empty());
        let mut parts: Vec<String> = parts.map(|(word, names)| format!("{word} {}", names.join(", "))).collect();
        let shown = self.changed.len() + self.added.len() + self.removed.len();
        if self.count > shown {
            parts.push(format!("and {} more", self.count - shown));
        }
        parts.join("; ")
    }
}

/// Something that happened to a skill, as a run told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The run that told of it.
    pub run: u64,
    /// When that was.
    pub at: String,
    /// What happened.
    pub kind: Kind,
    /// The root of the skill.
    pub root: String,
    /// Its path below.
    pub path: String,
    /// The name that it gives itself.
    pub name: Option<String>,
    /// Versions before and after.
    pub versions: (Option<String>, Option<String>),
    /// Verdicts before and after; none before if it was not there, none after if it is not.
    pub verdicts: (Option<String>, Option<String>),
    /// What happened, in our words.
    pub what: String,
    /// Which files differ.
    pub files: Files,
    /// What else is to be said, a line each, escaped.
    pub lines: Vec<String>,
}

impl Event {
    /// The verdict that counts: that of now, or else that of before.
    pub fn verdict(&self) -> Verdict {
        let name = self.verdicts.1.as_deref().or(self.verdicts.0.as_deref());
        verdict(name.unwrap_or(Verdict::Pass.name()))
    }

    /// The skill's path as a user would write it.
    pub fn place(&self) -> String {
        place(&self.root, &self.path)
    }
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number, from 1. The order of runs is that of their numbers: clocks jump.
    pub number: u64,
    /// When it began, by the clock of then (RFC 3339).
    pub at: String,
    /// What was looked at: runs are compared with the last one of the same scope.
    pub scope: String,
    /// Roots that were looked at, absolute.
    pub roots: Vec<String>,
    /// Version of this program, and digest of the rules and of what was left out.
    pub rules: String,
    /// Skills and other packages.
    pub skills: usize,
    /// How many have which verdict.
    pub verdicts: BTreeMap<String, usize>,
    /// How many events it told of.
    pub events: usize,
    /// The exit code that it was to end with.
    pub exit: u8,
    /// Channels that did not take its message.
    pub undelivered: Vec<String>,
    /// Channels that took it.
    #[serde(default)]
    pub delivered: Vec<String>,
    /// Digest over what could not be listed or read beside skills; empty if nothing.
    #[serde(default)]
    pub complaints: String,
}

/// An answer of the host audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The check.
    pub check: String,
    /// What it looked at.
    pub subject: String,
    /// Its status.
    pub status: String,
    /// Its severity.
    pub severity: String,
    /// What was seen.
    pub message: String,
}
