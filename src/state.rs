//! What earlier runs saw, so that a later one can tell what changed. History and nothing else: no verdict is ever read
//! from here, since the agent whose skills are scanned may run as the same user and write here too.
//!
//! One file, in redb: pure Rust, so that no C library parses what others may have written; copy-on-write with two
//! phases, so that a run that is killed leaves what the last one wrote; and it checks its own pages when it is opened.
//! Every run reads it once at its beginning and writes it in one transaction at its end. A digest over all records
//! notices what was changed by anything else. Whoever can write the file can write the digest as well: it tells of
//! accidents and of the careless, not of someone who knows this program.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub mod disk;
pub mod record;
mod store;

pub use disk::{Disk, System};
pub use record::{Answer, Event, Files, Kind, Run, Skill};
pub use store::{History, Update};

use crate::report::escape;

/// Version of the records; what a later one wrote is left alone.
pub const SCHEMA: u64 = 1;
/// Runs that are kept: more than a year of nights.
pub const RUNS: u64 = 400;
/// Largest file that is read, in bytes.
const BYTES: u64 = 256 * 1024 * 1024;
/// Name of the file.
const FILE: &str = "history.redb";
/// Name of a file that is not whole yet.
const NEW: &str = "history.redb.new";
/// Name that a file gets that is not what it should be.
const ASIDE: &str = "history.redb.damaged";
/// Name of the file whose lock a run holds.
const LOCK: &str = "lock";

/// Why there is no history. Texts are escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Another run holds it.
    #[error("{0}: another run is under way")]
    Busy(String),
    /// A later version of this program wrote it.
    #[error("{0}: is of schema {1}, which a later version of skillscan wrote; it is left alone and not used")]
    Future(String, u64),
    /// It is not what this program wrote.
    #[error("{0}: {1}")]
    Damaged(String, String),
    /// The system does not let it be used.
    #[error("{0}: {1}")]
    Unusable(String, String),
}

/// The directory of the history, held by this run alone until it is dropped.
pub struct State {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    /// Held, not read.
    _lock: fs::File,
}

impl State {
    /// Makes the directory if it is not there, and waits at most `patience` for another run.
    ///
    /// # Errors
    /// If the directory cannot be used, others may write in it, or another run holds it.
    pub fn open(folder: &Path, mut disk: Box<dyn Disk>, patience: Duration) -> Result<Self, Problem> {
        let shown = shown(folder);
        let unusable = |error: &io::Error| Problem::Unusable(shown.clone(), told(error));
        if !folder.is_dir() {
            disk.create_folder(folder).map_err(|error| unusable(&error))?;
        }
        let meta = fs::symlink_metadata(folder).map_err(|error| unusable(&error))?;
        if !meta.is_dir() || is_others(&meta) {
            let why = "is a link, or may be written by someone else, so no history is kept there";
            return Err(Problem::Unusable(shown, why.to_owned()));
        }
        let lock = disk::own_file(&folder.join(LOCK)).map_err(|error| unusable(&error))?;
        let started = std::time::Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) if started.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(fs::TryLockError::WouldBlock) => return Err(Problem::Busy(shown)),
                Err(fs::TryLockError::Error(error)) => return Err(unusable(&error)),
            }
        }
        Ok(Self { folder: folder.to_owned(), disk, _lock: lock })
    }

    /// The file that holds the history.
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// What earlier runs wrote; empty if there were none.
    ///
    /// # Errors
    /// If it cannot be read, was written by a later version, or is not what this program wrote.
    pub fn load(&mut self) -> Result<History, Problem> {
        let (file, shown) = (self.file(), shown(&self.file()));
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(History::default()),
            Err(error) => return Err(Problem::Unusable(shown, told(&error))),
            Ok(meta) if !meta.is_file() || is_others(&meta) => {
                return Err(Problem::Damaged(
                    shown,
                    "is no file of its own, or someone else may have written it".into(),
                ));
            }
            Ok(meta) if meta.len() == 0 => return Err(Problem::Damaged(shown, "is empty".to_owned())),
            Ok(meta) if meta.len() > BYTES => {
                return Err(Problem::Damaged(shown, format!("is larger than {BYTES} bytes")));
            }
            Ok(_) => {}
        }
        let disk = &mut self.disk;
        guarded(&shown, || store::load(&file, disk.as_mut()))
    }

    /// Writes what a run found out, all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be written; the history is then as it was.
    pub fn commit(&mut self, update: &Update) -> Result<(), Problem> {
        let (file, new, shown) = (self.file(), self.folder.join(NEW), shown(&self.file()));
        let folder = self.folder.clone();
        let disk = &mut self.disk;
        guarded(&shown, || {
            if file.exists() {
                return store::commit(&file, update, disk.as_mut());
            }
            // The first one gets its name when it is whole.
            let unfinished = |error: &io::Error| store::Failure::Io(told(error));
            if new.symlink_metadata().is_ok() {
                disk.remove_file(&new).map_err(|error| unfinished(&error))?;
            }
            store::commit(&new, update, disk.as_mut())?;
            disk.rename(&new, &file).and_then(|()| disk.sync_folder(&folder)).map_err(|error| unfinished(&error))
        })
    }

    /// Gives a file that is not what it should be another name, so that history can start anew; that name.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn put_aside(&mut self) -> Result<String, Problem> {
        let (file, aside) = (self.file(), self.folder.join(ASIDE));
        let renamed = self.disk.rename(&file, &aside);
        renamed.map_err(|error| Problem::Unusable(shown(&file), told(&error)))?;
        Ok(shown(&aside))
    }
}

/// What the database says of a file that someone made for it may be a panic.
fn guarded<T>(shown: &str, work: impl FnOnce() -> Result<T, store::Failure>) -> Result<T, Problem> {
    let damaged = |why: String| Problem::Damaged(shown.to_owned(), escape::line(&why));
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(store::Failure::Future(schema))) => Err(Problem::Future(shown.to_owned(), schema)),
        Ok(Err(store::Failure::Damaged(why))) => Err(damaged(why)),
        Ok(Err(store::Failure::Io(why))) => Err(Problem::Unusable(shown.to_owned(), escape::line(&why))),
        Err(panic) => Err(damaged(format!("cannot be read ({})", said(&*panic)))),
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// Whether someone else may have written what this is of.
#[cfg(unix)]
fn is_others(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    (meta.uid() != me && meta.uid() != 0) || meta.mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_others(_: &fs::Metadata) -> bool {
    false
}

fn shown(path: &Path) -> String {
    escape::line(&crate::verify::shown(path))
}

/// What the system says, in few words.
pub(crate) fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "no space is left for it".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => escape::line(&error.to_string()),
    }
}
