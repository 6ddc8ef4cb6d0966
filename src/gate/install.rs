//! Writes vetted bytes where skills are loaded from, with the records that the
//! registry's client keeps. The whole skill is written beside its place and
//! then takes it in one step, so that whatever interrupts leaves the old skill
//! or the new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::contents::Unpacked;
use super::{Candidate, Identity};
use crate::hashes::{self, Cover, FileHash, IGNORE_FILES, Sha256};
use crate::limits::Limits;
use crate::report::escape;
use crate::verify::record::{FOLDERS, Lock, LockEntry, Origin, Reference, owner_handle};
use crate::verify::{self, Pins, Records, Status, Subject};

mod disk;

pub use disk::{Disk, System};

/// Name of the lock file in its folder.
const LOCK: &str = "lock.json";

/// Where a skill goes, and what is there now.
#[derive(Debug)]
pub struct Plan {
    /// The directory that the lock file is about.
    pub workdir: PathBuf,
    /// The skill's own directory.
    pub target: PathBuf,
    /// Key in the lock file.
    pub key: String,
    /// The version that the lock file names, if it names the skill.
    pub recorded: Option<String>,
    /// The owner whom the lock file names.
    pub owner: Option<String>,
    /// What stands at the target.
    pub present: Present,
}

/// What stands where a skill goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// Nothing.
    Nothing,
    /// A skill as the lock file and its own record say it was installed.
    Untouched,
    /// A skill that was changed since.
    Changed,
    /// A skill whose records do not cover all of it.
    Unproven,
    /// A directory that no record tells of.
    Unrecorded,
}

/// Looks where a skill goes; changes nothing.
///
/// # Errors
/// In our words and escaped: a lock file that cannot be read, a pinned skill, something else in its place.
pub fn plan(workdir: &Path, root: &Path, identity: &Identity, pins: &Arc<Pins>) -> Result<Plan, String> {
    let lock = load(workdir)?;
    let owner = identity.name.owner.as_deref().filter(|_| identity.is_owner_named);
    let key = lock.key_of(owner, &identity.name.slug);
    let entry = lock.skills.get(&key);
    if entry.is_some_and(LockEntry::is_pinned) {
        return Err(format!("{key} is pinned in {}; unpin it first", shown(&workdir.join(FOLDERS[0]).join(LOCK))));
    }
    let folder = Reference::parse(&key).map(|reference| reference.folder());
    let target = root.join(folder.ok_or_else(|| format!("`{}` is no name of a folder", escape::line(&key)))?);
    let present = match target.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Present::Nothing,
        Err(error) => return Err(format!("{}: {}", shown(&target), error.kind())),
        Ok(meta) if !meta.is_dir() => return Err(format!("{}: is no folder of its own", shown(&target))),
        Ok(_) if entry.is_none() => Present::Unrecorded,
        Ok(_) => match status(root, &target, pins) {
            Status::Matches => Present::Untouched,
            Status::Modified => Present::Changed,
            _ => Present::Unproven,
        },
    };
    let recorded = entry.and_then(LockEntry::version).map(str::to_owned);
    let owner = entry.and_then(LockEntry::owner).and_then(owner_handle);
    Ok(Plan { workdir: workdir.to_owned(), target, key, recorded, owner, present })
}

/// The lock file, or the one that older clients wrote.
fn load(workdir: &Path) -> Result<Lock, String> {
    for folder in FOLDERS {
        let path = workdir.join(folder).join(LOCK);
        let problem = |why: &str| format!("{}: {}; it is left as it is", shown(&path), escape::line(why));
        if let Some(lock) = Lock::load(&path).map_err(|why| problem(&why))? {
            return match lock.problems.first() {
                Some(first) => Err(problem(first)),
                None => Ok(lock),
            };
        }
    }
    Ok(Lock::default())
}

fn shown(path: &Path) -> String {
    escape::line(&path.display().to_string())
}

/// Whether a skill is what its records say, so that nothing of the user's is lost with it.
fn status(root: &Path, target: &Path, pins: &Arc<Pins>) -> Status {
    let (Ok(root), Ok(place)) = (fs::canonicalize(root), fs::canonicalize(target)) else { return Status::Unknown };
    let records = Records::around(&root, Arc::clone(pins));
    let subject = Subject { folder: target.to_owned(), place };
    verify::integrity(&subject, &records, &Limits::default()).status
}

/// The files that the client's fingerprint covers.
fn covered(files: &[Unpacked]) -> Option<Vec<FileHash>> {
    let ignore = IGNORE_FILES.iter().filter_map(|name| files.iter().find(|file| file.path == *name));
    let cover = Cover::new(ignore.map(|file| &*file.bytes))?;
    let covered = cover.covered(files.iter().map(|file| file.path.as_str()))?;
    let files = files.iter().filter(|file| covered.contains(file.path.as_str()));
    Some(files.map(|file| FileHash::of(file.path.as_str(), &file.bytes)).collect())
}

/// The fingerprint that the client would write for these files.
pub fn fingerprint(files: &[Unpacked]) -> Option<Sha256> {
    covered(files).map(|files| hashes::fingerprint(&files))
}

/// Writes the candidate to where it was planned. `now` is in milliseconds since 1970.
///
/// # Errors
/// In our words and escaped. The old skill is still there then, or the new one already is.
pub fn install(
    plan: Plan,
    candidate: &Candidate,
    registry: &str,
    now: u64,
    disk: &mut dyn Disk,
) -> Result<PathBuf, String> {
    let Some(identity) = &candidate.identity else { return Err("it comes from no registry".to_owned()) };
    let fingerprint = fingerprint(&candidate.contents.files)
        .ok_or("its ignore files are too long for the client to be followed".to_owned())?;
    let records = plan.workdir.join(FOLDERS[0]);
    let parent = plan.target.parent().unwrap_or(&plan.workdir).to_owned();
    let failed = |path: &Path| {
        let path = shown(path);
        move |error: io::Error| format!("{path}: {}", error.kind())
    };
    folders(disk, &records).map_err(failed(&records))?;
    folders(disk, &parent).map_err(failed(&parent))?;
    // One installation at a time, and what an interrupted one left behind is no one else's then.
    let held = fs::File::open(&records).map_err(failed(&records))?;
    if !is_held(&held) {
        return Err(format!("{}: another installation is under way", shown(&records)));
    }
    let name = plan.target.file_name().unwrap_or_default().to_string_lossy();
    let staging = parent.join(format!(".{name}.skillscan"));
    remove(disk, &staging).map_err(failed(&staging))?;
    write_tree(disk, &staging, &candidate.contents.files).map_err(failed(&staging))?;
    let owner = identity.name.owner.as_deref();
    let (slug, version) = (&identity.name.slug, &identity.version);
    let origin = Origin::new(registry, slug, owner, version, now, fingerprint);
    write_origin(disk, &staging, &origin).map_err(failed(&staging))?;
    disk.sync(&staging).map_err(failed(&staging))?;

    let replaces = plan.present != Present::Nothing;
    take_place(disk, &staging, &plan.target, replaces).map_err(failed(&plan.target))?;
    disk.sync(&parent).map_err(failed(&parent))?;

    let mut lock = load(&plan.workdir)?;
    let entry = LockEntry::new(version, now, owner).keeping(lock.skills.get(&plan.key));
    lock.skills.insert(plan.key, entry);
    let lock_file = records.join(LOCK);
    write_lock(disk, &records, &lock).map_err(failed(&lock_file))?;
    remove(disk, &staging).map_err(failed(&staging))?;
    Ok(plan.target)
}

/// Makes the directories of a path that do not exist.
fn folders(disk: &mut dyn Disk, path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.is_dir()).collect();
    missing.into_iter().rev().try_for_each(|path| disk.create_dir(path))
}

fn write_tree(disk: &mut dyn Disk, staging: &Path, files: &[Unpacked]) -> io::Result<()> {
    disk.create_dir(staging)?;
    for file in files {
        let path = staging.join(&file.path);
        if let Some(parent) = path.parent() {
            folders(disk, parent)?;
        }
        disk.write_new(&path, &file.bytes)?;
    }
    Ok(())
}

/// Replaces whatever record the publisher shipped.
fn write_origin(disk: &mut dyn Disk, staging: &Path, origin: &Origin) -> io::Result<()> {
    let folder = staging.join(FOLDERS[0]);
    folders(disk, &folder)?;
    let path = folder.join("origin.json");
    if path.symlink_metadata().is_ok() {
        disk.remove_file(&path)?;
    }
    disk.write_new(&path, origin.to_text().as_bytes())
}

/// Puts the new tree where the old one is, and the old one where the new one was, in one step.
fn take_place(disk: &mut dyn Disk, staging: &Path, target: &Path, replaces: bool) -> io::Result<()> {
    if replaces { disk.exchange(staging, target) } else { disk.rename_new(staging, target) }
}

/// Takes the lock, which a process that is just being started may hold for a moment more than whoever started it.
fn is_held(folder: &fs::File) -> bool {
    const TRIES: usize = 50;
    const PAUSE: Duration = Duration::from_millis(10);
    (0..TRIES).any(|attempt| {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        folder.try_lock().is_ok()
    })
}

fn write_lock(disk: &mut dyn Disk, records: &Path, lock: &Lock) -> io::Result<()> {
    let new = records.join(".lock.json.skillscan");
    remove(disk, &new)?;
    disk.write_new(&new, lock.to_text().as_bytes())?;
    disk.rename(&new, &records.join(LOCK))?;
    disk.sync(records)
}

/// Removes a file, a link, or a directory with all that is in it; links in it are not followed.
pub(crate) fn remove(disk: &mut dyn Disk, path: &Path) -> io::Result<()> {
    let meta = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !meta.is_dir() {
        return disk.remove_file(path);
    }
    for entry in walkdir::WalkDir::new(path).contents_first(true) {
        let entry = entry.map_err(|error| error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into()))?;
        if entry.file_type().is_dir() {
            disk.remove_dir(entry.path())?;
        } else {
            disk.remove_file(entry.path())?;
        }
    }
    Ok(())
}
