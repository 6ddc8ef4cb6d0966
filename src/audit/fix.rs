//! `--fix`: takes permissions away and gives files back to their owner, and nothing else. Never loosens, never follows
//! a link that someone else may have put there, and records what it did so that it can be undone.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::Audit;
use super::check::Repair;
use super::host::{Host, Kind, User};
use crate::private;

/// Version of the undo record.
const SCHEMA: u32 = 1;
/// Largest undo record that is read, in bytes.
const BYTES: u64 = 16 * 1024 * 1024;

/// Permissions and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Permissions with the set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl State {
    /// As people read it: `0644 1000:1000`.
    pub fn shown(&self) -> String {
        format!("{:04o} {}:{}", self.mode, self.uid, self.gid)
    }
}

/// One change of one file or directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its path without links, as the host has it.
    pub path: PathBuf,
    /// Device and number.
    pub identity: (u64, u64),
    /// As it is.
    pub before: State,
    /// As it should be.
    pub after: State,
}

/// What was done, to be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the record.
    pub schema: u32,
    /// Day, `YYYY-MM-DD`.
    pub made: String,
    /// What was changed, in this order.
    pub changes: Vec<Change>,
}

/// What may be changed, and what is left alone with the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order of paths.
    pub changes: Vec<Change>,
    /// Path and reason. Not escaped.
    pub refused: Vec<(PathBuf, String)>,
}

impl Plan {
    /// All repairs that the answers of an audit ask for.
    pub fn of(host: &Host, audit: &Audit) -> Self {
        let mut plan = Self::default();
        let users = host.audited().unwrap_or_default();
        let mut wanted: BTreeMap<PathBuf, Vec<&Repair>> = BTreeMap::new();
        for repair in audit.checks.iter().flat_map(|checked| &checked.answer.repairs) {
            wanted.entry(repair.path().to_owned()).or_default().push(repair);
        }
        for (path, repairs) in wanted {
            match change(host, &users, &path, &repairs) {
                Ok(change) if change.before == change.after => {}
                Ok(change) if plan.changes.iter().any(|other| other.path == change.path) => {}
                Ok(change) => plan.changes.push(change),
                Err(why) => plan.refused.push((path, why)),
            }
        }
        plan
    }
}

fn change(host: &Host, users: &[User], path: &Path, repairs: &[&Repair]) -> Result<Change, String> {
    let walk = host.walk(path).map_err(|why| why.to_string())?;
    let meta = walk.meta;
    if !matches!(meta.kind, Kind::File | Kind::Dir) {
        return Err(format!("is {}", meta.kind.name()));
    }
    if meta.kind == Kind::File && meta.links > 1 {
        return Err("has other names, which would change too".to_owned());
    }
    let is_theirs = users.iter().any(|user| user.uid == meta.uid && user.uid != 0);
    let given = repairs.iter().find_map(|repair| match repair {
        Repair::Owner { uid, .. } => Some(*uid),
        Repair::Mode { .. } => None,
    });
    // Whoever led the way there must be whose file it is, and nobody is given what a link leads to.
    let leader = given.unwrap_or(meta.uid);
    let mut way = walk.steps.iter().filter(|step| step.path != walk.real);
    let is_led = way.all(|step| step.meta.uid == 0 || step.meta.uid == leader)
        && (given.is_none() || walk.links().next().is_none());
    // What belongs to root is changed only where nobody else could have led the way there.
    let is_roots = walk.links().next().is_none() && walk.steps.iter().all(|step| step.meta.uid == 0);
    if !(is_roots || is_theirs && is_led) {
        return Err(format!("belongs to {}, or a link of someone else leads there", host.user_name(meta.uid)));
    }
    let before = State { mode: meta.mode, uid: meta.uid, gid: meta.gid };
    let mut after = before;
    for repair in repairs {
        match repair {
            Repair::Mode { remove, .. } => after.mode &= !(remove & 0o077),
            Repair::Owner { uid, gid, .. } => (after.uid, after.gid) = (*uid, *gid),
        }
    }
    Ok(Change { path: walk.real, identity: meta.identity, before, after })
}

impl Change {
    /// Makes the change, on the host below `root`.
    ///
    /// # Errors
    /// If what lies there is not what was planned for, or the system refuses.
    pub fn apply(&self, root: &Path) -> io::Result<()> {
        self.turn(root, self.before, self.after)
    }

    /// Takes the change back.
    ///
    /// # Errors
    /// If what lies there is not what was left, or the system refuses.
    pub fn undo(&self, root: &Path) -> io::Result<()> {
        self.turn(root, self.after, self.before)
    }

    fn turn(&self, root: &Path, from: State, to: State) -> io::Result<()> {
        let file = open(&root.join(self.path.strip_prefix("/").unwrap_or(&self.path)))?;
        let meta = file.metadata()?;
        let is = State { mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid() };
        if (meta.dev(), meta.ino()) != self.identity || is != from || (meta.is_file() && meta.nlink() > 1) {
            return Err(io::Error::other("has changed in the meantime"));
        }
        if (from.uid, from.gid) != (to.uid, to.gid) {
            std::os::unix::fs::fchown(&file, Some(to.uid), Some(to.gid))?;
        }
        file.set_permissions(Permissions::from_mode(to.mode))
    }
}

/// Opens without following a link anywhere on the way where the kernel can promise that, and at the end in any case.
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, ResolveFlags, openat2};

    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => Ok(File::from(file)),
        Err(rustix::io::Errno::NOSYS) => OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path),
        Err(error) => Err(error.into()),
    }
}

impl Record {
    /// An empty record of today.
    pub fn new(made: &str) -> Self {
        Self { schema: SCHEMA, made: made.to_owned(), changes: Vec::new() }
    }

    /// Saves it into a new file in `folder` that only its owner reads; where that is.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, folder: &Path) -> io::Result<PathBuf> {
        private::create_folder(folder)?;
        let prefix = format!("undo-{}-", self.made);
        let mut file = tempfile::Builder::new().prefix(&prefix).suffix(".json").tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.as_file().sync_all()?;
        let (_, path) = file.keep().map_err(|error| error.error)?;
        Ok(path)
    }

    /// Reads a saved record.
    ///
    /// # Errors
    /// If it is missing, not what it should be, or someone else may have written it.
    pub fn read(file: &Path) -> io::Result<Self> {
        let meta = std::fs::symlink_metadata(file)?;
        let me = rustix::process::geteuid().as_raw();
        if !meta.is_file() || meta.len() > BYTES || meta.uid() != me || meta.mode() & 0o022 != 0 {
            return Err(io::Error::other("is no record that this user made"));
        }
        let record: Self = serde_json::from_slice(&std::fs::read(file)?)?;
        if record.schema != SCHEMA {
            return Err(io::Error::other(format!("is of schema {}, not {SCHEMA}", record.schema)));
        }
        Ok(record)
    }
}
