//! What makes `nightly` run by itself, and what keeps a gateway from starting on a failed audit: texts of units and of
//! a crontab, and the files that hold them. Starting anything is the command's matter.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub mod cron;
pub mod systemd;

/// First line of everything that is written here, by which it is known again.
pub const MARK: &str = "# Written by `skillscan schedule`, which also takes it away (`skillscan schedule remove`).";

/// One file that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub path: PathBuf,
    /// What it holds; it begins with [`MARK`].
    pub text: String,
}

/// What there is of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// What is wanted.
    Same,
    /// What was written here with other options or by another version.
    Older,
    /// Something that somebody else wrote.
    Foreign,
}

impl Wanted {
    /// What there is now.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn found(&self) -> io::Result<Found> {
        match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
            Ok(text) if text == self.text => Ok(Found::Same),
            Ok(text) if text.starts_with(MARK) => Ok(Found::Older),
            Ok(_) => Ok(Found::Foreign),
        }
    }

    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// If somebody else's file is in the way, or it cannot be written.
    pub fn write(&self) -> io::Result<()> {
        if self.found()? == Found::Foreign {
            return Err(io::Error::other("is there and was not written by skillscan; it is left as it is"));
        }
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(self.text.as_bytes())?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        temporary.as_file().sync_all()?;
        temporary.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    /// Removes it, if it was written here; whether it was there.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> io::Result<bool> {
        match self.found()? {
            Found::Nothing | Found::Foreign => Ok(false),
            Found::Same | Found::Older => fs::remove_file(&self.path).map(|()| true),
        }
    }
}
