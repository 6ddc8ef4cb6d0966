//! Takes a skill out of the places that agents load from, and keeps it where nothing is loaded, with a record of where
//! it came from. Follows no link, replaces nothing, and forgets nothing that it cannot give back.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::gate::install::{Disk, System, remove};
use crate::package::SkillPath;
use crate::place::Environment;
use crate::private;
use crate::report::PackageReport;
use crate::verify::strict;

/// Version of a record.
const SCHEMA: u32 = 1;
/// Longest record that is read, in bytes.
const BYTES: u64 = 1024 * 1024;
/// Most rules that a record names.
const RULES: usize = 20;
/// Deepest directory that is copied to another file system.
const DEPTH: usize = 256;
/// Names in the folder of an entry.
const RECORD: &str = "record.json";
const HELD: &str = "held";
const PARTIAL: &str = "partial";

/// What is known of something that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the record.
    pub schema: u32,
    /// When it was taken, as in RFC 3339.
    pub date: String,
    /// Where it was; bytes that are not UTF-8 read `\xNN`. Not escaped.
    pub origin: String,
    /// The bytes of that path, in hexadecimal.
    origin_bytes: String,
    /// Name that the skill gives itself. Not escaped.
    pub name: Option<String>,
    /// Why it was taken.
    pub verdict: String,
    /// Rules that decided.
    pub rules: Vec<String>,
    /// `sha256:` and the digest over all its files, as the scan saw them.
    pub digest: String,
    /// What it led to, if it was a link: the link is held, and nothing else. Not escaped.
    pub linked_to: Option<String>,
}

impl Record {
    /// Where it was.
    ///
    /// # Errors
    /// In our words, if the record does not say so.
    pub fn place(&self) -> Result<PathBuf, String> {
        let bytes = HEXLOWER.decode(self.origin_bytes.as_bytes()).map_err(|_| "names no place".to_owned())?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
        let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let is_shown = SkillPath::new(&path).shown() == self.origin;
        if path.is_absolute() && is_plain && is_shown { Ok(path) } else { Err("names no place".to_owned()) }
    }
}

/// Something that is held.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name here.
    pub id: String,
    /// What is known of it, or why nothing is; escaped.
    pub record: Result<Record, String>,
    /// Whether it is here whole.
    pub is_whole: bool,
}

/// The folder of all that is held.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// That of this user: `skillscan/quarantine` in the state directory.
    ///
    /// # Errors
    /// If there is no home directory.
    pub fn of(environment: &Environment) -> Result<Self, String> {
        let state = environment.state_directory().ok_or("there is no home directory to keep anything in")?;
        Ok(Self { folder: state.join("skillscan").join("quarantine") })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, for the user alone.
    fn open(&self) -> Result<(), String> {
        let failed = |error: io::Error| format!("the quarantine cannot be used: {}", error.kind());
        private::create_folder(&self.folder).map_err(failed)?;
        let meta = self.folder.symlink_metadata().map_err(failed)?;
        let is_ours = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
        if !is_ours {
            return Err("the quarantine is no folder of this user".to_owned());
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(())
    }

    /// Takes what lies at `below` in the folder `root` out of there: a folder, a file, or a link by itself. Its name
    /// here.
    ///
    /// # Errors
    /// In our words, not escaped: it is still there then, or what was copied of it is here as well.
    pub fn hold(&self, root: &Path, below: &Path, report: &PackageReport, date: &str) -> Result<String, String> {
        self.open()?;
        let unreachable = |error: io::Error| format!("cannot be reached: {}", error.kind());
        let origin = fs::canonicalize(root).map_err(unreachable)?.join(below);
        let (parent, _) = apart(&origin).ok_or("has no folder that it could be taken out of")?;
        // Whoever writes in the root may have put a link to someone else's folder on the way since the scan.
        if fs::canonicalize(parent).map_err(unreachable)? != parent {
            return Err("a link stands on the way there".to_owned());
        }
        if self.folder.starts_with(&origin) {
            return Err("holds the quarantine itself".to_owned());
        }
        let failed = |error: io::Error| format!("could not be moved: {error}");
        let folder = entry_folder(&self.folder, report).map_err(failed)?;
        let record = Record {
            schema: SCHEMA,
            date: date.to_owned(),
            origin: SkillPath::new(&origin).shown().to_owned(),
            origin_bytes: HEXLOWER.encode(origin.as_os_str().as_bytes()),
            name: report.name.clone(),
            verdict: report.verdict.name().to_owned(),
            rules: rules(report),
            digest: report.digest.clone(),
            linked_to: report.linked_to.clone(),
        };
        let mut disk = System;
        let text = serde_json::to_vec_pretty(&record).map_err(|error| error.to_string())?;
        let moved = disk
            .write_new(&folder.join(RECORD), &text)
            .and_then(|()| disk.sync(&folder))
            .and_then(|()| transfer(&origin, &folder, HELD))
            .and_then(|()| disk.sync(&self.folder));
        match moved {
            Ok(()) => Ok(folder.file_name().unwrap_or_default().to_string_lossy().into_owned()),
            Err(error) => {
                // What is whole here may be all that is left of it.
                if folder.join(HELD).symlink_metadata().is_err() {
                    let _ = remove(&mut disk, &folder);
                }
                Err(failed(error))
            }
        }
    }

    /// All that is held, in order of names.
    ///
    /// # Errors
    /// If the folder is there and cannot be listed.
    pub fn list(&self) -> io::Result<Vec<Entry>> {
        let mut ids = Vec::new();
        match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(entries) => {
                for entry in entries {
                    ids.extend(entry?.file_name().into_string().ok().filter(|name| is_id(name)));
                }
            }
        }
        ids.sort();
        Ok(ids.into_iter().map(|id| self.entry(id)).collect())
    }

    fn entry(&self, id: String) -> Entry {
        let folder = self.folder.join(&id);
        let is_whole = folder.join(HELD).symlink_metadata().is_ok();
        let read = strict::read(&folder.join(RECORD), BYTES).and_then(|bytes| bytes.ok_or("is missing".to_owned()));
        let record = read.and_then(|bytes| {
            let record: Record = serde_json::from_slice(&bytes).map_err(|error| format!("is not valid: {error}"))?;
            if record.schema == SCHEMA { Ok(record) } else { Err(format!("is not of schema {SCHEMA}")) }
        });
        Entry { id, record: record.map_err(|why| format!("its record {why}")), is_whole }
    }

    /// What is held under a name.
    ///
    /// # Errors
    /// In our words, if there is nothing.
    pub fn get(&self, id: &str) -> Result<Entry, String> {
        let is_there = is_id(id) && self.folder.join(id).symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if is_there { Ok(self.entry(id.to_owned())) } else { Err("nothing is held under this name".to_owned()) }
    }

    /// Gives something back to where it was; the place.
    ///
    /// # Errors
    /// In our words, not escaped: nothing has changed then.
    pub fn restore(&self, id: &str) -> Result<PathBuf, String> {
        let entry = self.get(id)?;
        let place = entry.record?.place().map_err(|why| format!("its record {why}"))?;
        let folder = self.folder.join(id);
        if !entry.is_whole {
            return Err("is not here whole".to_owned());
        }
        let shown = SkillPath::new(&place).shown().to_owned();
        if place.symlink_metadata().is_ok() {
            return Err(format!("would go back to {shown}, where something is"));
        }
        let (parent, name) = apart(&place).ok_or("its record names no place")?;
        // A link on the way would lead to another place than the one that it was taken from.
        match fs::canonicalize(parent) {
            Ok(real) if real == parent => {}
            Ok(_) => return Err(format!("would go back to {shown}, and a link stands on the way there")),
            Err(error) => return Err(format!("would go back to {shown}, which cannot be reached: {}", error.kind())),
        }
        let name = name.to_string_lossy().into_owned();
        let held = folder.join(HELD);
        let failed = |error: io::Error| format!("could not be given back to {shown}: {error}");
        transfer_as(&held, &place, &parent.join(format!(".{name}.skillscan"))).map_err(failed)?;
        let mut disk = System;
        disk.sync(parent).map_err(failed)?;
        remove(&mut disk, &folder).map_err(failed)?;
        Ok(place)
    }

    /// Deletes something for good.
    ///
    /// # Errors
    /// In our words, not escaped, if there is nothing or it cannot be deleted.
    pub fn delete(&self, id: &str) -> Result<(), String> {
        self.get(id)?;
        let folder = self.folder.join(id);
        make_removable(&folder);
        remove(&mut System, &folder).map_err(|error| format!("could not be deleted: {error}"))
    }
}

/// The folder that something lies in, and its name there.
fn apart(place: &Path) -> Option<(&Path, &std::ffi::OsStr)> {
    let parent = place.parent()?;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    Some((parent, place.file_name()?))
}

/// Names are made here, from digits and hyphens.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (8..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

/// A new folder for the user alone, named by what is in it.
fn entry_folder(store: &Path, report: &PackageReport) -> io::Result<PathBuf> {
    let digest = report.digest.strip_prefix("sha256:").unwrap_or(&report.digest);
    let prefix: String = digest.chars().take(8).chain(['-']).collect();
    let private = fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix(&prefix).rand_bytes(4).permissions(private).tempdir_in(store)?;
    Ok(folder.keep())
}

fn rules(report: &PackageReport) -> Vec<String> {
    let mut rules = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.verdict == report.verdict) {
        let rule = finding.rule.to_string();
        if !rules.contains(&rule) && rules.len() < RULES {
            rules.push(rule);
        }
    }
    rules
}

/// Moves something into a folder, under a name that is free there.
fn transfer(from: &Path, folder: &Path, name: &str) -> io::Result<()> {
    transfer_as(from, &folder.join(name), &folder.join(PARTIAL))
}

/// Moves something: in one step, or to another file system by a copy that takes its place when it is whole.
fn transfer_as(from: &Path, to: &Path, partial: &Path) -> io::Result<()> {
    let mut disk = System;
    let mut renamed = disk.rename_new(from, to);
    // A folder that its owner may not write to cannot move either.
    if renamed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        make_removable(from);
        renamed = disk.rename_new(from, to);
    }
    match renamed {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        other => return other,
    }
    remove(&mut disk, partial)?;
    if let Err(error) = copy(from, partial, &mut disk) {
        let _ = remove(&mut disk, partial);
        return Err(error);
    }
    disk.rename_new(partial, to)?;
    if let Some(folder) = to.parent() {
        disk.sync(folder)?;
    }
    make_removable(from);
    remove(&mut disk, from)
}

/// Copies a folder, a file or a link down to the disk, with permissions; links stay links.
fn copy(from: &Path, to: &Path, disk: &mut dyn Disk) -> io::Result<()> {
    let mut folders = Vec::new();
    for entry in walkdir::WalkDir::new(from).follow_root_links(false).max_depth(DEPTH + 1) {
        let entry = entry.map_err(|error| error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into()))?;
        let below = entry.path().strip_prefix(from).unwrap_or(Path::new(""));
        let target = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
        let kind = entry.file_type();
        if entry.depth() > DEPTH {
            return Err(io::Error::other(format!("has folders deeper than {DEPTH} levels")));
        }
        if kind.is_dir() {
            disk.create_dir(&target)?;
            let mode = entry.metadata().map_err(io::Error::other)?.mode() & 0o777;
            folders.push((target, mode));
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() {
            copy_file(entry.path(), &target)?;
        } else {
            return Err(io::Error::other("holds a device, pipe or socket"));
        }
    }
    for (folder, mode) in folders.iter().rev() {
        disk.sync(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(*mode))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = crate::package::open_unfollowed(from)?;
    let mode = source.metadata()?.mode() & 0o777;
    let mut target = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.flush()?;
    target.set_permissions(fs::Permissions::from_mode(mode))?;
    target.sync_all()
}

/// Folders that their owner may not write to keep what is in them.
fn make_removable(path: &Path) {
    for entry in walkdir::WalkDir::new(path).follow_root_links(false).into_iter().flatten() {
        let is_closed = entry.file_type().is_dir() && entry.metadata().is_ok_and(|meta| meta.mode() & 0o700 != 0o700);
        if is_closed {
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
        }
    }
}
