//! Whether an installed skill is what its records say: the files on disk
//! against lock files, origin records and pins. Offline, and read-only but for
//! pins; a record proves no more than whoever could write it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::hashes::{FileHash, Sha256};
use crate::limits::Limits;

mod compare;
mod contradict;
pub mod judge;
pub mod online;
pub mod pin;
pub mod record;
pub mod records;
pub(crate) mod strict;
pub mod target;
pub mod tree;

pub use compare::check;
pub use pin::{Pin, Pins};
pub use records::{Missing, Records};
pub use tree::{Part, Tree};

/// What the comparison of a skill with its records came to, the worst of all that holds last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All that its records cover is as they say, and nothing that could do harm lies beside it.
    Matches,
    /// No record speaks about it.
    #[default]
    NoRecord,
    /// Records speak about it and hold no hash, or not all of it could be read.
    Unknown,
    /// Its records are malformed.
    BadRecord,
    /// Code, links or instructions lie in it that no record covers.
    Unattested,
    /// Its records contradict each other.
    Conflict,
    /// A record names it, and it is not there.
    Missing,
    /// It is not what its records say.
    Modified,
}

impl Status {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::NoRecord => "no-record",
            Self::Unknown => "unknown",
            Self::BadRecord => "bad-record",
            Self::Unattested => "unattested",
            Self::Conflict => "conflict",
            Self::Missing => "missing",
            Self::Modified => "modified",
        }
    }

    /// Whether it says that something is wrong, rather than that nothing can be said.
    pub fn is_failure(self) -> bool {
        self >= Self::Unattested
    }

    /// Whether there was nothing to compare with.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::NoRecord | Self::Unknown | Self::BadRecord)
    }
}

/// Where a record comes from, by how hard it is to forge for whoever can change the skill, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file in the skill itself.
    Skill,
    /// The lock file of a work directory.
    Lock,
    /// The lock file of the skills.sh client.
    SkillsLock,
    /// Our own record.
    Pin,
    /// The registry's list of files.
    Registry,
}

/// Which hash was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HashKind {
    /// The client's fingerprint.
    Fingerprint,
    /// Hash of a folder in a Git repository.
    ContentHash,
    /// OpenClaw's hash of the tree.
    FileTree,
    /// The skill's own document.
    SkillFile,
    /// The skills.sh client's hash.
    ComputedHash,
    /// The hash of each file.
    Manifest,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The same.
    Same,
    /// Not the same.
    Different,
    /// It could not be compared, for this reason.
    Unknown(String),
}

/// One hash that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which hash.
    pub kind: HashKind,
    /// Where the record of it comes from.
    pub source: Source,
    /// The record; its path, or what it is called.
    pub record: String,
    /// What the record says; none for a list of files.
    pub expected: Option<Sha256>,
    /// What the comparison came to.
    pub outcome: Outcome,
}

/// How an entry of a skill differs from its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is there and should not be.
    Added,
    /// It is not there and should be.
    Removed,
    /// Its content is another.
    Changed,
    /// No record covers it, so nothing is known about it.
    Unattested,
}

impl Change {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Unattested => "unattested",
        }
    }
}

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Its path below the skill.
    pub path: String,
    /// How it differs.
    pub change: Change,
    /// What it can do.
    pub part: Part,
}

/// What is wrong with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Something about it that is no contradiction.
    Note,
    /// A record in the skill that no lock file stands behind.
    Stray,
    /// A version that is neither a version nor a commit.
    Version,
    /// A record is malformed.
    Malformed,
    /// Two records say different things.
    Conflict,
    /// The skill is older than its record.
    Downgraded,
}

/// Something that is wrong with records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Which kind.
    pub kind: ProblemKind,
    /// The record; its path.
    pub record: String,
    /// What is wrong, in our words, with names as they stand there.
    pub text: String,
}

/// What a skill's records say about it, and whether it is so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Integrity {
    /// What it comes to.
    pub status: Status,
    /// The key of its entry in a lock file.
    pub key: Option<String>,
    /// The version that its records name.
    pub version: Option<String>,
    /// Records that speak about it.
    pub records: Vec<String>,
    /// Hashes that were compared.
    pub checks: Vec<Check>,
    /// Entries that differ.
    pub differences: Vec<Difference>,
    /// What is wrong with records.
    pub problems: Vec<Problem>,
    /// What could not be read.
    pub unread: Vec<String>,
}

impl Integrity {
    /// The integrity of a skill that is not there.
    pub fn of_missing(missing: &Missing) -> Self {
        Self {
            status: Status::Missing,
            key: Some(missing.key.clone()),
            version: missing.version.clone(),
            records: vec![shown(&missing.record)],
            ..Self::default()
        }
    }

    /// The strongest record that the skill is compared with.
    pub fn strength(&self) -> Option<Source> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Same).map(|check| check.source).max()
    }

    /// Differences of one kind.
    pub fn changed(&self, change: Change) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |difference| difference.change == change)
    }
}

/// Hashes of each file, as a registry or a pin lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Files by path.
    pub files: BTreeMap<String, FileHash>,
    /// Whether it lists everything; else what installers add to a download is no difference: see [`is_added`].
    pub is_whole: bool,
}

impl Manifest {
    /// A list of published files.
    pub fn published(files: impl IntoIterator<Item = FileHash>) -> Self {
        Self { files: files.into_iter().map(|file| (file.path.clone(), file)).collect(), is_whole: false }
    }

    /// How a tree differs from it, in order of paths.
    pub fn differences(&self, tree: &Tree) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let files = tree.files.iter().map(|file| (file.hash.clone(), file.part));
        let links = tree.links.iter().map(|(path, target)| (link_hash(path, target), Part::Link));
        for (hash, part) in files.chain(links) {
            seen.insert(hash.path.clone());
            let change = match self.files.get(&hash.path) {
                Some(listed) if listed.sha256 == hash.sha256 && listed.size == hash.size => continue,
                _ if !self.is_whole && is_added(&hash.path) && part != Part::Link => continue,
                Some(_) => Change::Changed,
                None => Change::Added,
            };
            found.push(Difference { path: hash.path, change, part });
        }
        let gone = self.files.keys().filter(|path| !seen.contains(*path) && (self.is_whole || !is_added(path)));
        found.extend(gone.map(|path| Difference {
            path: path.clone(),
            change: Change::Removed,
            part: Part::of(path, b"", false),
        }));
        found.sort();
        found
    }
}

/// Whether registry or client put the file at this path into an installation, beside what was published.
pub fn is_added(path: &str) -> bool {
    matches!(path, "_meta.json" | "skill-card.md" | ".clawhub/origin.json")
}

/// A link as it counts in a manifest: no file has this hash.
pub(crate) fn link_hash(path: &str, target: &str) -> FileHash {
    FileHash { path: path.to_owned(), size: 0, sha256: Sha256::of(format!("link\0{target}").as_bytes()) }
}

/// A skill to be compared: where it lies, and where it is looked for.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The folder that is read.
    pub folder: PathBuf,
    /// The absolute path that records know it by; another one than `folder` if a link leads to it.
    pub place: PathBuf,
}

impl Subject {
    /// A skill in a folder below a root; `linked` is the entry of the root that leads to it.
    pub fn new(real_root: &Path, below: &Path, folder: PathBuf) -> Self {
        let place = if below.as_os_str().is_empty() { real_root.to_owned() } else { real_root.join(below) };
        Self { folder, place }
    }
}

/// A path as records show it.
pub(crate) fn shown(path: &Path) -> String {
    crate::package::SkillPath::new(path).shown().to_owned()
}

/// Compares the skill with its records, within the limits of a package.
pub fn integrity(subject: &Subject, records: &Records, limits: &Limits) -> Integrity {
    check(subject, records, limits).0
}
