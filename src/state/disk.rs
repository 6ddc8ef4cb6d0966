//! Everything that the history does to a file system, one step a call, so that a test can stop after any of them.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use redb::StorageBackend;

use crate::private;

/// Steps on a file system. Each either happens or does not.
pub trait Disk: Send {
    /// Makes a directory, and those above it, for its owner alone.
    ///
    /// # Errors
    /// As the system says.
    fn create_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Opens a file for the database, and makes it if it is not there, for its owner alone.
    ///
    /// # Errors
    /// As the system says.
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn StorageBackend>>;

    /// Moves a file over another.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file or a link.
    ///
    /// # Errors
    /// As the system says.
    fn remove_file(&mut self, path: &Path) -> io::Result<()>;

    /// Writes the entries of a directory down to the disk.
    ///
    /// # Errors
    /// As the system says.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// The file system itself.
#[derive(Debug, Default)]
pub struct System;

impl Disk for System {
    fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        private::create_folder(path)
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(File(own_file(path)?)))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }
}

/// Opens a file for reading and writing, for its owner alone, and follows no link.
pub(super) fn own_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    }
    options.open(path)
}

/// A file as the database wants it. The lock of the whole directory stands for its own.
#[derive(Debug)]
struct File(fs::File);

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_at(&self.0, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_at(&self.0, offset, data)
    }
}

#[cfg(unix)]
fn read_at(file: &fs::File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(unix)]
fn write_at(file: &fs::File, offset: u64, data: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, data, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &fs::File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    use io::{Read, Seek};
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(out)
}

#[cfg(not(unix))]
fn write_at(mut file: &fs::File, offset: u64, data: &[u8]) -> io::Result<()> {
    use io::{Seek, Write};
    file.seek(io::SeekFrom::Start(offset))?;
    file.write_all(data)
}

/// A backend behind a pointer, as a backend.
pub(super) struct Boxed(pub(super) Box<dyn StorageBackend>);

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StorageBackend for Boxed {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}
