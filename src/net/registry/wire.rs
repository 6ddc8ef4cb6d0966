//! Answers of the registry. Fields that are unknown are passed over, values
//! that are unknown stay unknown, and a list of files is taken whole or not at
//! all.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Named;
use crate::hashes::{FileHash, Sha256};

type Object = Map<String, Value>;

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn object<'a>(map: &'a Object, key: &str) -> Result<&'a Value, String> {
    map.get(key).filter(|value| value.is_object()).ok_or_else(|| format!("the answer has no `{key}`"))
}

/// What the registry's scanners made of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanStatus {
    /// Nothing found.
    Clean,
    /// Something that the registry lets pass with a warning.
    Suspicious,
    /// The registry blocks it.
    Malicious,
    /// Not done yet.
    Pending,
    /// Failed.
    Error,
    /// Nothing is said: it was not scanned.
    Unscanned,
    /// A word that we do not know.
    Unknown(String),
}

impl ScanStatus {
    fn of(value: Option<&Value>) -> Self {
        let Some(word) = value.and_then(Value::as_str) else { return Self::Unscanned };
        match word {
            "clean" | "benign" => Self::Clean,
            "suspicious" => Self::Suspicious,
            "malicious" => Self::Malicious,
            "pending" => Self::Pending,
            "error" | "failed" => Self::Error,
            "not-run" | "unscanned" => Self::Unscanned,
            other => Self::Unknown(other.to_owned()),
        }
    }

    fn in_security(security: Option<&Value>) -> Self {
        Self::of(security.and_then(|security| security.get("status")))
    }

    /// The word for reports; not escaped.
    pub fn name(&self) -> &str {
        match self {
            Self::Clean => "clean",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
            Self::Pending => "pending",
            Self::Error => "error",
            Self::Unscanned => "not scanned",
            Self::Unknown(word) => word,
        }
    }
}

/// A skill, over all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Its name now; a renamed one answers to its old name as well.
    pub slug: String,
    /// The owner's handle, in lower case.
    pub owner: Option<String>,
    /// The latest version; none for skills that are kept in a repository.
    pub latest: Option<String>,
    /// Versions by tag.
    pub tags: BTreeMap<String, String>,
    /// Whether it is blocked as malware.
    pub is_malware: bool,
}

impl Skill {
    pub(super) fn read(map: &Object) -> Result<Self, String> {
        let skill = object(map, "skill")?;
        let moderation = map.get("moderation");
        let flag = |key: &str| moderation.and_then(|m| m.get(key)).and_then(Value::as_bool).unwrap_or(false);
        let tags = skill.get("tags").and_then(Value::as_object);
        Ok(Self {
            slug: text(skill, "slug").ok_or("the answer names no skill")?,
            owner: map.get("owner").and_then(|owner| text(owner, "handle")).map(|owner| owner.to_lowercase()),
            latest: map.get("latestVersion").and_then(|latest| text(latest, "version")),
            tags: tags
                .into_iter()
                .flatten()
                .filter_map(|(tag, version)| Some((tag.clone(), version.as_str()?.to_owned())))
                .collect(),
            is_malware: flag("isMalwareBlocked"),
        })
    }
}

/// The files of a list, all or none.
fn files(value: Option<&Value>) -> Result<Vec<FileHash>, String> {
    let list = value.and_then(Value::as_array).ok_or("the answer lists no files")?;
    list.iter()
        .map(|entry| {
            let path = text(entry, "path").ok_or("a file without a path is listed")?;
            let sha256 = text(entry, "sha256").and_then(|hash| hash.parse::<Sha256>().ok());
            let size = entry.get("size").and_then(Value::as_u64);
            let (Some(sha256), Some(size)) = (sha256, size) else {
                return Err(format!("`{path}` is listed without size and hash"));
            };
            Ok(FileHash { path, size, sha256 })
        })
        .collect()
}

/// One version of a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: String,
    /// When it was published, in milliseconds since 1970.
    pub created_at: Option<u64>,
    /// Its files, the registry's generated card possibly among them.
    pub files: Vec<FileHash>,
    /// What the registry's scanners made of it.
    pub status: ScanStatus,
}

impl Release {
    pub(super) fn read(map: &Object) -> Result<Self, String> {
        let version = object(map, "version")?;
        Ok(Self {
            version: text(version, "version").ok_or("the answer names no version")?,
            created_at: version.get("createdAt").and_then(Value::as_u64),
            files: files(version.get("files"))?,
            status: ScanStatus::in_security(version.get("security")),
        })
    }
}

/// The registry's verdict on one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The version that it is about; none if there is no such version.
    pub version: Option<String>,
    /// What the registry's scanners made of it.
    pub status: ScanStatus,
    /// Why it fails, apart from a missing card, which says nothing.
    pub reasons: Vec<String>,
    /// Code of the error that stands in for a verdict.
    pub error: Option<String>,
    /// The published files, without what the registry generates; empty if they are not told.
    pub files: Vec<FileHash>,
    /// Fingerprint of these files, as the registry has it.
    pub fingerprint: Option<Sha256>,
}

impl Verdict {
    pub(super) fn read(map: &Object) -> Result<Self, String> {
        let decision = map.get("decision").and_then(Value::as_str).map(str::to_owned);
        let security = map.get("security").filter(|security| security.is_object());
        if decision.is_none() && security.is_none() {
            return Err("the answer holds no verdict".to_owned());
        }
        let reasons = map.get("reasons").and_then(Value::as_array);
        let word = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let artifact = map.get("artifact").filter(|artifact| artifact.is_object());
        let told: Vec<String> = reasons.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        // A refusal without a reason, or a word that we do not know, is a reason itself.
        let unexplained = decision.as_deref().filter(|word| *word != "pass" && (*word != "fail" || told.is_empty()));
        let unexplained = unexplained.map(|word| format!("decision:{word}"));
        Ok(Self {
            version: word("version"),
            status: ScanStatus::in_security(security),
            reasons: told.into_iter().filter(|reason| reason != "card.missing").chain(unexplained).collect(),
            error: map.get("error").and_then(|error| text(error, "code")),
            files: artifact.map_or(Ok(Vec::new()), |artifact| files(artifact.get("files")))?,
            fingerprint: artifact
                .and_then(|artifact| text(artifact, "sourceFingerprint"))
                .and_then(|hash| hash.parse().ok()),
        })
    }

    /// Whether the registry blocks the skill as malware, of whatever version.
    pub fn is_malware(&self) -> bool {
        let is_block = |reason: &String| {
            let reason = reason.to_ascii_lowercase();
            reason.contains("malware") || reason.contains("malicious") || reason.ends_with("blocked")
        };
        self.status == ScanStatus::Malicious || self.reasons.iter().any(is_block)
    }
}

/// The answer to one question among those to many; their order says nothing.
pub(super) fn answer_to(name: &Named, version: &str, said: &[Value]) -> Option<Verdict> {
    let same = |value: &Value, key: &str, wanted: Option<&str>| {
        value.get(key).and_then(Value::as_str).map(str::to_lowercase) == wanted.map(str::to_lowercase)
    };
    let found = said.iter().find(|value| {
        same(value, "requestedSlug", Some(&name.slug))
            && same(value, "requestedVersion", Some(version))
            && (name.owner.is_none() || same(value, "requestedOwnerHandle", name.owner.as_deref()))
    })?;
    Verdict::read(found.as_object()?).ok()
}

/// A skill in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHub {
    /// `owner/repository`.
    pub repo: String,
    /// Folder in it, empty or `.` for its root.
    pub path: String,
    /// Forty hexadecimal digits.
    pub commit: String,
    /// Hash of the folder.
    pub content_hash: Sha256,
}

impl GitHub {
    pub(super) fn read(map: &Object) -> Result<Self, String> {
        let word = |key: &str| {
            map.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("`{key}` is missing"))
        };
        let (repo, commit) = (word("repo")?, word("commit")?);
        let is_name = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                && !part.starts_with('.')
        };
        if repo.split('/').count() != 2 || !repo.split('/').all(is_name) {
            return Err("`repo` names no repository".to_owned());
        }
        if commit.len() != 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err("`commit` is no commit".to_owned());
        }
        let path = map.get("path").and_then(Value::as_str).unwrap_or("").trim_matches('/').to_owned();
        if path.split('/').any(|part| part == "..") || path.contains(['\\', '\0']) {
            return Err("`path` leads out of the repository".to_owned());
        }
        let content_hash = word("contentHash")?.parse().map_err(|_| "`contentHash` is no SHA-256")?;
        Ok(Self { repo, path, commit, content_hash })
    }
}

/// How a skill is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Install {
    /// From an archive of this version.
    Archive(String),
    /// From a repository.
    GitHub(GitHub),
    /// Not at all: the registry's reason.
    Blocked(String),
}

impl Install {
    pub(super) fn read(map: &Object) -> Result<Self, String> {
        let word = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        if map.get("ok").and_then(Value::as_bool) != Some(true) {
            return Ok(Self::Blocked(word("reason").unwrap_or_else(|| "no reason given".to_owned())));
        }
        match word("installKind").as_deref() {
            Some("archive") => {
                let version = map.get("archive").and_then(|archive| text(archive, "version"));
                version.map(Self::Archive).ok_or_else(|| "the answer names no version".to_owned())
            }
            Some("github") => {
                let github = object(map, "github")?.as_object().ok_or("`github` is no object")?;
                GitHub::read(github).map(Self::GitHub)
            }
            _ => Err("the answer names no known way to install it".to_owned()),
        }
    }
}

/// What a download holds.
#[derive(Debug, Clone)]
pub enum Download {
    /// A ZIP archive.
    Zip(Vec<u8>),
    /// A place in a repository.
    GitHub(GitHub),
}

/// The version that a description of a package calls its latest.
pub(super) fn latest_of(map: &Object) -> Option<String> {
    let package = map.get("package");
    let tagged = package.and_then(|package| package.get("tags")).and_then(|tags| text(tags, "latest"));
    let latest = map.get("latestVersion").or_else(|| package.and_then(|package| package.get("latestVersion")));
    tagged.or_else(|| latest.and_then(|latest| latest.as_str().map(str::to_owned).or_else(|| text(latest, "version"))))
}

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRelease {
    /// Its name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Hash of the archive.
    pub sha256: Option<Sha256>,
    /// SHA-512 of the archive, as npm writes it.
    pub integrity: Option<String>,
    /// What the registry's scanners made of it.
    pub status: ScanStatus,
    /// Whether the registry gives it to no one.
    pub is_blocked: bool,
    /// The registry's reasons.
    pub reasons: Vec<String>,
}

impl PluginRelease {
    pub(super) fn read(map: &Object) -> Result<Self, String> {
        let (package, release, trust) = (object(map, "package")?, object(map, "release")?, object(map, "trust")?);
        let reasons = trust.get("reasons").and_then(Value::as_array);
        let state = text(trust, "moderationState");
        let flag = |key: &str| trust.get(key).and_then(Value::as_bool).unwrap_or(false);
        let status = match ScanStatus::of(trust.get("scanStatus")) {
            ScanStatus::Clean if flag("pending") => ScanStatus::Pending,
            status => status,
        };
        Ok(Self {
            name: text(package, "name").ok_or("the answer names no package")?,
            version: text(release, "version").ok_or("the answer names no version")?,
            sha256: text(release, "artifactSha256").and_then(|hash| hash.parse().ok()),
            integrity: text(release, "npmIntegrity"),
            status,
            is_blocked: flag("blockedFromDownload") || matches!(state.as_deref(), Some("quarantined" | "revoked")),
            reasons: reasons.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}
