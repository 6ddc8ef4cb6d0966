//! What should rarely change, kept to compare with later: texts that the agent is told, settings, skills, jobs, and
//! what starts with the user. Values are kept as salted digests, so the file gives no secret away.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::host::{FILE_BYTES, Host, Kind, Unread, User};
use super::openclaw::Installation;
use super::run::Context;
use super::sqlite::Cell;
use crate::private;

/// Version of the file.
const SCHEMA: u32 = 1;
/// Largest baseline that is read, in bytes.
const BYTES: u64 = 64 * 1024 * 1024;
/// Most files below one folder.
const FILES: usize = 5_000;
/// Most bytes below one folder.
const FOLDER_BYTES: u64 = 128 * 1024 * 1024;
/// Deepest folder in a folder.
const DEPTH: usize = 16;
/// Texts of a workspace that rarely change; the others are the agent's memory and change daily.
const TEXTS: [&str; 6] = ["AGENTS.md", "SOUL.md", "IDENTITY.md", "TOOLS.md", "BOOT.md", "HEARTBEAT.md"];
/// Files of the state directory that say what runs by itself, and who is let in.
const STATE_FILES: [&str; 4] = ["cron/jobs.json", "exec-approvals.json", "devices/paired.json", "hooks.json"];
/// Folders of the state directory that hold code; each entry is compared by itself.
const STATE_FOLDERS: [&str; 4] = ["hooks", "extensions", "skills", "plugin-skills"];
/// Files of a home directory that run or let in when someone logs in.
const START_FILES: [&str; 9] = [
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".config/fish/config.fish",
    ".ssh/authorized_keys",
    ".ssh/rc",
];
/// Tables of the database that say what runs by itself and who is let in: table, what tells a row from others, what
/// of it is compared.
const TABLES: [(&str, &[&str], &[&str], Group); 4] = [
    ("cron_jobs", &["job_id"], &["enabled", "job_json"], Group::Start),
    ("device_pairing_paired", &["device_id"], &["role", "roles_json", "approved_scopes_json"], Group::Start),
    ("channel_pairing_allow_entries", &["channel_key", "account_id", "entry"], &[], Group::Setting),
    ("exec_approvals_config", &["config_key"], &["raw_json"], Group::Setting),
];
/// Settings that OpenClaw writes by itself.
const OWN_SETTINGS: [&str; 2] = ["meta.", "wizard."];

/// What kind of thing changed, which says how much it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Text that the agent is told.
    Text,
    /// A setting of the configuration.
    Setting,
    /// A skill, plugin or hook.
    Code,
    /// What runs by itself, or lets someone in.
    Start,
}

/// One thing, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What kind.
    pub group: Group,
    /// Digest of its content; empty if it could not be read then.
    pub digest: String,
    /// Permissions and owner, such as `600 1000`; empty for settings.
    pub access: String,
    /// When it last changed, in seconds since 1970; for information only.
    #[serde(default)]
    pub modified: u64,
}

/// A saved state of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of the file.
    pub schema: u32,
    /// Day on which it was made, `YYYY-MM-DD`.
    pub made: String,
    /// What digests of values are salted with.
    pub salt: String,
    /// Everything, by path, and for settings by path and key.
    pub items: BTreeMap<String, Item>,
    /// What the whole file is known by; not part of it.
    #[serde(skip)]
    pub digest: String,
}

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What kind.
    pub group: Group,
    /// `new`, `gone`, `changed`, or what about its access changed.
    pub what: String,
}

impl Baseline {
    /// The host as it is now; `salt` must be that of the baseline that it is compared with.
    ///
    /// # Errors
    /// If the users are not known.
    pub fn capture(context: &Context, salt: &str) -> Result<Self, Unread> {
        let mut capture = Capture { host: &context.host, salt, items: BTreeMap::new() };
        for installation in context.installations()? {
            capture.installation(installation);
        }
        for user in context.host.audited()? {
            capture.user(&user);
        }
        let made = context.options.today.clone();
        Ok(Self { schema: SCHEMA, made, salt: salt.to_owned(), items: capture.items, digest: String::new() })
    }

    /// A salt that nobody can guess.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn salt() -> io::Result<String> {
        let mut bytes = [0; 16];
        fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(data_encoding::HEXLOWER.encode(&bytes))
    }

    /// Reads a saved baseline.
    ///
    /// # Errors
    /// If it is missing, not what it should be, or someone else may have written it.
    pub fn read(file: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(file)?;
        let me = rustix::process::geteuid().as_raw();
        if !meta.is_file() || meta.len() > BYTES {
            return Err(io::Error::other("is no regular file of a sensible size"));
        }
        if meta.mode() & 0o022 != 0 || (meta.uid() != me && meta.uid() != 0) {
            return Err(io::Error::other("someone else may have written it"));
        }
        let bytes = fs::read(file)?;
        let baseline: Self = serde_json::from_slice(&bytes)?;
        if baseline.schema != SCHEMA {
            return Err(io::Error::other(format!("is of schema {}, not {SCHEMA}", baseline.schema)));
        }
        Ok(Self { digest: data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)), ..baseline })
    }

    /// Saves it where only its owner reads it, whole or not at all; the digest of what was written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<String> {
        let bytes = serde_json::to_vec_pretty(self)?;
        private::write(file, &bytes)?;
        Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)))
    }

    /// What is different in `now`, in order of names; the content of what could not be read then is left out.
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let mut found = Vec::new();
        for (name, item) in &self.items {
            let change = |what: &str| Change { name: name.clone(), group: item.group, what: what.to_owned() };
            match now.items.get(name) {
                None => found.push(change("gone")),
                Some(_) if item.digest.is_empty() => {}
                Some(new) if new.digest.is_empty() => found.push(change("can no longer be read whole")),
                Some(new) if new.digest != item.digest => found.push(change("changed")),
                Some(new) if new.access != item.access => {
                    found.push(change(&format!("access was {}, is {}", item.access, new.access)));
                }
                Some(_) => {}
            }
        }
        let new = now.items.iter().filter(|(name, _)| !self.items.contains_key(*name));
        found.extend(new.map(|(name, item)| Change { name: name.clone(), group: item.group, what: "new".to_owned() }));
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    /// Names of what is there in `now` and could not be read whole, now or then.
    pub fn uncompared<'b>(&'b self, now: &'b Self) -> impl Iterator<Item = &'b str> {
        let was_closed = |name: &String| self.items.get(name).is_some_and(|item| item.digest.is_empty());
        let closed = now.items.iter().filter(move |(name, item)| item.digest.is_empty() || was_closed(name));
        closed.map(|(name, _)| name.as_str())
    }
}

struct Capture<'c> {
    host: &'c Host,
    salt: &'c str,
    items: BTreeMap<String, Item>,
}

impl Capture<'_> {
    fn installation(&mut self, installation: &Installation) {
        for (workspace, _) in installation.workspaces(self.host) {
            TEXTS.iter().for_each(|name| self.file(&workspace.join(name), Group::Text));
            self.entries(&workspace.join("skills"), Group::Code);
        }
        STATE_FILES.iter().for_each(|name| self.file(&installation.state.join(name), Group::Start));
        STATE_FOLDERS.iter().for_each(|name| self.entries(&installation.state.join(name), Group::Code));
        let is_list = |name: &str| name.ends_with("-allowFrom.json");
        let lists = self.host.list_if(installation.state.join("credentials"), is_list).unwrap_or_default();
        lists.iter().for_each(|list| self.file(&list.path, Group::Setting));
        if let Some(config) = installation.config() {
            let mut settings = Vec::new();
            leaves(config.root(), String::new(), &mut settings);
            for (key, value) in settings {
                if OWN_SETTINGS.iter().any(|own| key.starts_with(own)) {
                    continue;
                }
                let digest = self.digest(value.as_bytes());
                let item = Item { group: Group::Setting, digest, access: String::new(), modified: 0 };
                self.items.insert(format!("{}: {key}", config.file.display()), item);
            }
        }
        for (table, names, columns, group) in TABLES {
            let wanted: Vec<&str> = names.iter().chain(columns).copied().collect();
            for row in installation.stored(self.host, table, &wanted).unwrap_or_default() {
                let (name, value) = row.split_at_checked(names.len()).unwrap_or((&row, &[]));
                let text = |cells: &[Cell]| cells.iter().map(Cell::text).collect::<Vec<_>>().join("\u{0}");
                let digest = self.digest(text(value).as_bytes());
                let name =
                    format!("{}: {table}.{}", installation.database().display(), text(name).replace('\u{0}', "/"));
                self.items.insert(name, Item { group, digest, access: String::new(), modified: 0 });
            }
        }
        for unit in &installation.units {
            unit.files.iter().for_each(|file| self.file(file, Group::Start));
        }
    }

    fn user(&mut self, user: &User) {
        START_FILES.iter().for_each(|name| self.file(&user.home.join(name), Group::Start));
        self.entries(&user.home.join(".config/systemd/user"), Group::Start);
        self.entries(&user.home.join(".config/autostart"), Group::Start);
        for folder in ["/var/spool/cron/crontabs", "/var/spool/cron"] {
            let file = Path::new(folder).join(&user.name);
            if self.host.is_file(&file) {
                self.file(&file, Group::Start);
            }
        }
    }

    fn digest(&self, bytes: &[u8]) -> String {
        let digest = Sha256::new().chain_update(self.salt).chain_update([0]).chain_update(bytes).finalize();
        data_encoding::HEXLOWER.encode(&digest)
    }

    fn file(&mut self, path: &Path, group: Group) {
        let Ok(meta) = self.host.stat(path) else { return };
        let digest = match self.host.read(path, FILE_BYTES * 4) {
            Ok(bytes) => self.digest(&bytes),
            // Such as the device that switches a unit off.
            Err(Unread::Kind(kind)) => self.digest(kind.as_bytes()),
            Err(_) => String::new(),
        };
        let modified = meta.modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let access = format!("{:o} {}", meta.mode, meta.uid);
        let modified = modified.map_or(0, |time| time.as_secs());
        self.items.insert(path.display().to_string(), Item { group, digest, access, modified });
    }

    /// Each entry of a folder: a file as it is, a folder by all that lies in it.
    fn entries(&mut self, folder: &Path, group: Group) {
        for entry in self.host.list(folder).unwrap_or_default() {
            if self.host.is_dir(&entry.path) {
                let digest = self.tree(&entry.path).unwrap_or_default();
                let access = self.host.stat(&entry.path).map(|meta| format!("{:o} {}", meta.mode, meta.uid));
                let item = Item { group, digest, access: access.unwrap_or_default(), modified: 0 };
                self.items.insert(entry.path.display().to_string(), item);
            } else {
                self.file(&entry.path, group);
            }
        }
    }

    /// A digest over all files below a folder; none if it holds more than is looked at.
    fn tree(&self, folder: &Path) -> Option<String> {
        let (mut hasher, mut files, mut bytes) = (Sha256::new().chain_update(self.salt), 0, 0_u64);
        let mut left: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), 0)];
        while let Some((path, depth)) = left.pop() {
            let meta = self.host.lstat(&path).ok()?;
            files += 1;
            if files > FILES || depth > DEPTH {
                return None;
            }
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update([0]);
            match meta.kind {
                Kind::Dir => {
                    let entries = self.host.list(&path).ok()?;
                    left.extend(entries.into_iter().map(|entry| (entry.path, depth + 1)));
                }
                Kind::Link => hasher.update(self.host.link(&path).ok()?.as_os_str().as_encoded_bytes()),
                Kind::File => {
                    let content = self.host.read(&path, FILE_BYTES * 16).ok()?;
                    bytes += content.len() as u64;
                    hasher.update(Sha256::digest(&content));
                }
                _ => {}
            }
            if bytes > FOLDER_BYTES {
                return None;
            }
        }
        Some(data_encoding::HEXLOWER.encode(&hasher.finalize()))
    }
}

/// Values that hold no others, with their key paths; lists count as one value.
fn leaves(value: &Value, path: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, below, found);
            }
        }
        other => found.push((path, other.to_string())),
    }
}
