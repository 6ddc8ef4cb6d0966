//! Everything that an installation does to a file system, one step a call, so
//! that a test can stop after any of them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Steps on a file system. Each either happens or does not.
pub trait Disk {
    /// Makes a directory that does not exist.
    ///
    /// # Errors
    /// As the system says.
    fn create_dir(&mut self, path: &Path) -> io::Result<()>;

    /// Writes a file that does not exist, down to the disk.
    ///
    /// # Errors
    /// As the system says.
    fn write_new(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Moves a file over another.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Moves a directory to where nothing is.
    ///
    /// # Errors
    /// As the system says.
    fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Swaps two directories.
    ///
    /// # Errors
    /// As the system says.
    fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()>;

    /// Removes a file or a link.
    ///
    /// # Errors
    /// As the system says.
    fn remove_file(&mut self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As the system says.
    fn remove_dir(&mut self, path: &Path) -> io::Result<()>;

    /// Writes the entries of a directory down to the disk.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&mut self, folder: &Path) -> io::Result<()>;
}

/// The file system itself.
#[derive(Debug, Default)]
pub struct System;

impl Disk for System {
    fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn write_new(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[cfg(target_os = "linux")]
    fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system can promise it; a directory is never moved over one that holds something.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(from, to),
            other => Ok(other?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[cfg(target_os = "linux")]
    fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => in_two_steps(one, other),
            result => Ok(result?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()> {
        in_two_steps(one, other)
    }

    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync(&mut self, folder: &Path) -> io::Result<()> {
        fs::File::open(folder)?.sync_all()
    }
}

/// Where the file system cannot swap: the old skill is away for a moment, and comes back if the new one cannot come.
fn in_two_steps(new: &Path, target: &Path) -> io::Result<()> {
    let aside = new.with_extension("skillscan-old");
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(new, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    fs::rename(&aside, new)
}
