//! What installers write down: the lock file of a work directory, the origin
//! record and metadata in a skill, the lock file of the skills.sh client. Read
//! leniently as to what is unknown, strictly as to what is known, and written
//! as the registry's client writes them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::strict;
use crate::hashes::{NotASha256, Sha256};

/// Folders that the registry's client and OpenClaw keep records in; the first is written, the second only read.
pub const FOLDERS: [&str; 2] = [".clawhub", ".clawdhub"];

/// Largest lock file, in bytes.
const LOCK_BYTES: u64 = 16 * 1024 * 1024;
/// Largest record in a skill, in bytes.
const RECORD_BYTES: u64 = 256 * 1024;

/// Fields in the order in which the client writes them; others follow.
const LOCK_FIELDS: [&str; 4] = ["version", "installedAt", "pinned", "pinReason"];
const ORIGIN_FIELDS: [&str; 7] =
    ["version", "registry", "slug", "ownerHandle", "installedVersion", "installedAt", "fingerprint"];

/// A handle as registry and client compare it.
pub fn owner_handle(text: &str) -> Option<String> {
    let handle = text.trim().trim_start_matches('@').to_lowercase();
    (is_segment(&handle)).then_some(handle)
}

/// Whether a text may be one part of a path.
fn is_segment(text: &str) -> bool {
    !text.is_empty() && text != "." && !text.contains(['/', '\\', '\0']) && !text.contains("..")
}

/// What a key of a lock file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The owner, where the key names one.
    pub owner: Option<String>,
    /// The skill.
    pub slug: String,
    /// Whether it is a skill of skills.sh.
    pub is_skills_sh: bool,
}

impl Reference {
    /// Reads `slug`, `@owner/slug` or `skills-sh:owner/repository/slug`; none if it names no skill.
    pub fn parse(key: &str) -> Option<Self> {
        if let Some(rest) = key.strip_prefix("skills-sh:").or_else(|| key.strip_prefix("skills-sh/")) {
            let parts: Vec<&str> = rest.split('/').collect();
            let [owner, repository, slug] = parts.as_slice() else { return None };
            return [owner, repository, slug].iter().all(|part| is_segment(part)).then(|| Self {
                owner: None,
                slug: (*slug).to_owned(),
                is_skills_sh: true,
            });
        }
        let (owner, slug) = match key.split_once('/') {
            Some((owner, slug)) => (Some(owner_handle(owner)?), slug),
            None => (None, key),
        };
        is_segment(slug).then(|| Self { owner, slug: slug.to_owned(), is_skills_sh: false })
    }

    /// The skill's folder below the folder of skills.
    pub fn folder(&self) -> String {
        match &self.owner {
            Some(owner) => format!("@{owner}/{}", self.slug),
            None => self.slug.clone(),
        }
    }
}

/// Hashes that a record claims for a skill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The client's fingerprint.
    pub fingerprint: Option<Sha256>,
    /// Hash of a folder in a Git repository.
    pub content_hash: Option<Sha256>,
    /// OpenClaw's hash of the tree.
    pub tree: Option<Sha256>,
    /// Path and hash of the skill's own document.
    pub skill_file: Option<(String, Sha256)>,
}

impl Claims {
    /// Whether nothing is claimed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn read(fields: &Fields, problems: &mut Vec<String>) -> Self {
        let mut sha256 = |text: Option<&str>, name: &str| {
            let parsed = text?.parse::<Sha256>();
            problems.extend(parsed.err().map(|NotASha256| format!("`{name}` is no SHA-256")));
            parsed.ok()
        };
        let fingerprint = sha256(fields.text("fingerprint"), "fingerprint");
        let tree = sha256(fields.text("fileTreeSha256"), "fileTreeSha256");
        let document = fields.0.get("skillFile").filter(|value| !value.is_null());
        let digest = document.and_then(|document| document.get("sha256")).and_then(Value::as_str);
        let digest = sha256(digest, "skillFile.sha256");
        let path = document.and_then(|document| document.get("path")).and_then(Value::as_str);
        // A JSON document in a text; of an archive it claims no hash.
        let identity: Option<Value> =
            fields.text("artifactIdentity").and_then(|text| strict::parse(text.as_bytes()).ok());
        let content = identity.as_ref().and_then(|identity| identity.get("contentHash")).and_then(Value::as_str);
        let content_hash = sha256(content, "artifactIdentity.contentHash");
        let skill_file = path.map(str::to_owned).zip(digest);
        if document.is_some() && skill_file.is_none() {
            problems.push("`skillFile` names no path and hash".to_owned());
        }
        Self { fingerprint, content_hash, tree, skill_file }
    }
}

/// The fields of one record, those that are unknown included.
#[derive(Debug, Clone, Default, PartialEq)]
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Milliseconds since 1970.
    fn time(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64().filter(|time| time.is_finite())
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// What is there and of another type than it should be.
    fn wrong(&self, texts: &[&str]) -> Vec<String> {
        let is_wrong = |key: &&&str| self.0.get(**key).is_some_and(|value| !value.is_string() && !value.is_null());
        texts.iter().filter(is_wrong).map(|key| format!("`{key}` is no text")).collect()
    }
}

/// One entry of a lock file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LockEntry {
    fields: Fields,
    /// Hashes that OpenClaw writes into the lock file; the registry's client writes none.
    pub claims: Claims,
}

impl LockEntry {
    /// The entry that the client writes for a fresh installation, at a time in milliseconds since 1970.
    pub fn new(version: &str, installed_at: u64, owner: Option<&str>) -> Self {
        let mut fields = Fields::default();
        fields.set("version", version);
        fields.set("installedAt", installed_at);
        if let Some(owner) = owner {
            fields.set("ownerHandle", owner);
        }
        Self { fields, claims: Claims::default() }
    }

    /// With what the client keeps of the entry before: whether it is pinned, and why.
    #[must_use]
    pub fn keeping(mut self, before: Option<&Self>) -> Self {
        let Some(before) = before.filter(|before| before.is_pinned()) else { return self };
        self.fields.set("pinned", true);
        if let Some(reason) = before.fields.text("pinReason") {
            self.fields.set("pinReason", reason);
        }
        self
    }

    fn parse(value: &Value) -> (Self, Vec<String>) {
        let Some(map) = value.as_object() else { return (Self::default(), vec!["is no object".to_owned()]) };
        let fields = Fields(map.clone());
        let mut problems = fields.wrong(&["version", "ownerHandle", "registry", "sourceRef", "fileTreeSha256"]);
        if !map.contains_key("version") {
            problems.push("has no `version`".to_owned());
        }
        if fields.time("installedAt").is_none() {
            problems.push("`installedAt` is no number".to_owned());
        }
        let claims = Claims::read(&fields, &mut problems);
        (Self { fields, claims }, problems)
    }

    /// The installed version, or the commit of a skill from a Git repository.
    pub fn version(&self) -> Option<&str> {
        self.fields.text("version")
    }

    /// When it was installed, in milliseconds since 1970.
    pub fn installed_at(&self) -> Option<f64> {
        self.fields.time("installedAt")
    }

    /// The owner's handle.
    pub fn owner(&self) -> Option<&str> {
        self.fields.text("ownerHandle")
    }

    /// The registry that it came from; OpenClaw writes it.
    pub fn registry(&self) -> Option<&str> {
        self.fields.text("registry")
    }

    /// Whether the client refuses to replace it.
    pub fn is_pinned(&self) -> bool {
        self.fields.0.get("pinned") == Some(&Value::Bool(true))
    }
}

/// A lock file. Never half-read: [`Lock::problems`] says what of it is malformed, and whoever writes it must not if
/// there is anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    /// Entries by key, those that are malformed left out.
    pub skills: BTreeMap<String, LockEntry>,
    /// What is malformed, in our words, with keys as they stand there.
    pub problems: Vec<String>,
    /// Keys of malformed entries.
    pub broken: Vec<String>,
    rest: Map<String, Value>,
}

impl Lock {
    /// Reads the lock file at a path, or `None` if there is none.
    ///
    /// # Errors
    /// In our words, if it cannot be read, is a link or no file, or is longer than 16 MiB.
    pub fn load(path: &Path) -> Result<Option<Self>, String> {
        Ok(strict::read(path, LOCK_BYTES)?.map(|bytes| Self::parse(&bytes)))
    }

    /// A lock file that could not be read, for this reason.
    pub fn unreadable(problem: String) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }

    /// Reads the text of a lock file.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut map = match strict::parse(bytes) {
            Ok(Value::Object(map)) => map,
            Ok(_) => return Self::unreadable("is no object".to_owned()),
            Err(problem) => return Self::unreadable(problem),
        };
        if map.remove("version").and_then(|version| version.as_f64()) != Some(1.0) {
            return Self::unreadable("`version` is not 1".to_owned());
        }
        let Some(Value::Object(skills)) = map.remove("skills") else {
            return Self::unreadable("`skills` is no object".to_owned());
        };
        let mut lock = Self { rest: map, ..Self::default() };
        for (key, value) in skills {
            let (entry, mut problems) = LockEntry::parse(&value);
            if Reference::parse(&key).is_none() {
                problems.push("names no skill".to_owned());
            }
            if problems.is_empty() {
                lock.skills.insert(key, entry);
            } else {
                lock.problems.extend(problems.iter().map(|problem| format!("`{key}`: {problem}")));
                lock.broken.push(key);
            }
        }
        lock
    }

    /// The key under which the client finds a skill: its own, or the bare name if that entry is of the same owner.
    pub fn key_of(&self, owner: Option<&str>, slug: &str) -> String {
        let Some(owner) = owner.and_then(owner_handle) else { return slug.to_owned() };
        let key = format!("@{owner}/{slug}");
        let is_same = |entry: &LockEntry| entry.owner().and_then(owner_handle).as_deref() == Some(owner.as_str());
        if !self.skills.contains_key(&key) && self.skills.get(slug).is_some_and(is_same) {
            return slug.to_owned();
        }
        key
    }

    /// The text that the client would write: two spaces a level, a line feed at the end.
    pub fn to_text(&self) -> String {
        struct Skills<'a>(&'a BTreeMap<String, LockEntry>);
        impl Serialize for Skills<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(key, entry)| (key, Ordered(&entry.fields.0, &LOCK_FIELDS))))
            }
        }
        struct Root<'a>(&'a Lock);
        impl Serialize for Root<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("version", &1)?;
                map.serialize_entry("skills", &Skills(&self.0.skills))?;
                self.0.rest.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
        text_of(&Root(self))
    }
}

/// Known fields first, in the client's order.
struct Ordered<'a>(&'a Map<String, Value>, &'a [&'static str]);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = self.1.iter().filter_map(|key| self.0.get_key_value(*key));
        let rest = self.0.iter().filter(|(key, _)| !self.1.contains(&key.as_str()));
        serializer.collect_map(known.chain(rest))
    }
}

fn text_of(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The origin record in a skill: whoever can write into the skill can write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    fields: Fields,
    /// Hashes that it claims.
    pub claims: Claims,
}

impl Origin {
    /// The record that the client writes for a fresh installation, at a time in milliseconds since 1970.
    pub fn new(
        registry: &str,
        slug: &str,
        owner: Option<&str>,
        version: &str,
        installed_at: u64,
        fingerprint: Sha256,
    ) -> Self {
        let mut fields = Fields::default();
        fields.set("version", 1);
        fields.set("registry", registry);
        fields.set("slug", slug);
        if let Some(owner) = owner {
            fields.set("ownerHandle", owner);
        }
        fields.set("installedVersion", version);
        fields.set("installedAt", installed_at);
        fields.set("fingerprint", fingerprint.to_string());
        Self { fields, claims: Claims { fingerprint: Some(fingerprint), ..Claims::default() } }
    }

    /// Reads the origin record in a skill: of the first of [`FOLDERS`] that holds one. `None` if none does.
    ///
    /// # Errors
    /// What is malformed, in our words; the client takes such a record for none.
    pub fn load(skill: &Path) -> Result<Option<Self>, Vec<String>> {
        for folder in FOLDERS {
            let path = skill.join(folder).join("origin.json");
            if let Some(bytes) = strict::read(&path, RECORD_BYTES).map_err(|problem| vec![problem])? {
                return Self::parse(&bytes).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads the text of an origin record.
    ///
    /// # Errors
    /// What is malformed, in our words; the client takes such a record for none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let fields = match strict::parse(bytes) {
            Ok(Value::Object(map)) => Fields(map),
            Ok(_) => return Err(vec!["is no object".to_owned()]),
            Err(problem) => return Err(vec![problem]),
        };
        let mut problems = fields.wrong(&["ownerHandle", "sourceRef", "fileTreeSha256", "fingerprint"]);
        if fields.0.get("version").and_then(Value::as_f64) != Some(1.0) {
            problems.push("`version` is not 1".to_owned());
        }
        for key in ["registry", "slug", "installedVersion"] {
            if fields.text(key).is_none_or(str::is_empty) {
                problems.push(format!("has no `{key}`"));
            }
        }
        if fields.time("installedAt").is_none() {
            problems.push("`installedAt` is no number".to_owned());
        }
        let claims = Claims::read(&fields, &mut problems);
        if problems.is_empty() { Ok(Self { fields, claims }) } else { Err(problems) }
    }

    /// The skill's name in the registry.
    pub fn slug(&self) -> &str {
        self.fields.text("slug").unwrap_or("")
    }

    /// The registry that it came from.
    pub fn registry(&self) -> &str {
        self.fields.text("registry").unwrap_or("")
    }

    /// The installed version, or the commit of a skill from a Git repository.
    pub fn version(&self) -> &str {
        self.fields.text("installedVersion").unwrap_or("")
    }

    /// The owner's handle.
    pub fn owner(&self) -> Option<&str> {
        self.fields.text("ownerHandle")
    }

    /// When it was installed, in milliseconds since 1970.
    pub fn installed_at(&self) -> Option<f64> {
        self.fields.time("installedAt")
    }

    /// The text that the client would write.
    pub fn to_text(&self) -> String {
        text_of(&Ordered(&self.fields.0, &ORIGIN_FIELDS))
    }
}

/// What the registry puts into each download, about the skill as it is when it is downloaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// The skill's name in the registry.
    pub slug: Option<String>,
    /// The version.
    pub version: Option<String>,
}

impl Meta {
    /// Reads the text of `_meta.json`; files of that name and of another form have neither field.
    ///
    /// # Errors
    /// What is malformed, in our words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let Value::Object(map) = strict::parse(bytes)? else { return Err("is no object".to_owned()) };
        let fields = Fields(map);
        let text = |key: &str| fields.text(key).map(str::to_owned);
        // The public archive of skills has a file of this name that tells of all versions.
        let slug = text("slug").filter(|_| fields.0.contains_key("version"));
        Ok(Self { slug, version: text("version") })
    }
}

/// The lock file of the skills.sh client in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkillsLock {
    /// The hash that each skill had, by name.
    pub skills: BTreeMap<String, Sha256>,
    /// What is malformed, in our words.
    pub problems: Vec<String>,
}

impl SkillsLock {
    /// Reads the text of `skills-lock.json`.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut lock = Self::default();
        let value = match strict::parse(bytes) {
            Ok(value) => value,
            Err(problem) => return Self { problems: vec![problem], ..lock },
        };
        let Some(skills) = value.get("skills").and_then(Value::as_object) else {
            lock.problems.push("`skills` is no object".to_owned());
            return lock;
        };
        for (name, entry) in skills {
            let hash = entry.get("computedHash").and_then(Value::as_str).map(str::parse::<Sha256>);
            match hash {
                Some(Ok(hash)) if is_segment(name) => drop(lock.skills.insert(name.clone(), hash)),
                _ => lock.problems.push(format!("`{name}`: has no `computedHash`")),
            }
        }
        lock
    }
}
