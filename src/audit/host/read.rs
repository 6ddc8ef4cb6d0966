//! Files and directories below the root. Links are resolved as the host itself would, so that an image's absolute link
//! stays in the image.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;

use crate::place::json5::Files;

use super::{Host, Unread};

/// Most links on one path, as in Linux.
const LINKS: usize = 40;
/// Most entries of one directory.
const ENTRIES: usize = 100_000;

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A named pipe, which a reader may wait at for ever.
    Pipe,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl Kind {
    /// With its article, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Dir => "a directory",
            Self::Link => "a link",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        }
    }
}

/// What the system says about a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: Kind,
    /// Permissions, such as `0o600`, with the set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub len: u64,
    /// Names that it has.
    pub links: u64,
    /// Device and number, which tell it from all others.
    pub identity: (u64, u64),
    /// When its content last changed.
    pub modified: Option<SystemTime>,
}

impl Meta {
    pub(super) fn of(meta: &fs::Metadata) -> Self {
        let file_type = meta.file_type();
        let kind = match () {
            () if file_type.is_file() => Kind::File,
            () if file_type.is_dir() => Kind::Dir,
            () if file_type.is_symlink() => Kind::Link,
            () if file_type.is_fifo() => Kind::Pipe,
            () if file_type.is_socket() => Kind::Socket,
            () => Kind::Device,
        };
        Self {
            kind,
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            len: meta.len(),
            links: meta.nlink(),
            identity: (meta.dev(), meta.ino()),
            modified: meta.modified().ok(),
        }
    }
}

/// One name on the way to a path, links included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name, as the host has it.
    pub path: PathBuf,
    /// What is there.
    pub meta: Meta,
}

/// The way to a path: every directory and link that was passed, and what it ended at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// From `/` to the end, in order; the last is the end itself.
    pub steps: Vec<Step>,
    /// The path of the end without links, as the host has it.
    pub real: PathBuf,
    /// What is there.
    pub meta: Meta,
}

impl Walk {
    /// Links that were followed.
    pub fn links(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.meta.kind == Kind::Link)
    }
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Its path, as the host has it.
    pub path: PathBuf,
}

impl Entry {
    /// Its name as text, lossily.
    pub fn text(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Absent,
            io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl Host {
    /// The path on this machine of a path of the host that has no links in it.
    pub(in crate::audit) fn outside(&self, real: &Path) -> PathBuf {
        self.root.join(real.strip_prefix("/").unwrap_or(real))
    }

    /// Follows a path, links included.
    ///
    /// # Errors
    /// If it ends nowhere, or may not be followed.
    pub fn walk(&self, path: impl AsRef<Path>) -> Result<Walk, Unread> {
        self.follow(path.as_ref(), true)
    }

    fn follow(&self, path: &Path, is_last_followed: bool) -> Result<Walk, Unread> {
        let mut rest: VecDeque<OsString> = VecDeque::new();
        let push = |rest: &mut VecDeque<OsString>, path: &Path| {
            for part in path.components().rev() {
                match part {
                    Component::Normal(_) | Component::ParentDir => rest.push_front(part.as_os_str().to_owned()),
                    _ => {}
                }
            }
        };
        push(&mut rest, path);
        let mut real = PathBuf::from("/");
        let mut meta = Meta::of(&fs::symlink_metadata(&self.root)?);
        let mut steps = vec![Step { path: real.clone(), meta }];
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            if part == OsStr::new("..") {
                real.pop();
                continue;
            }
            let next = real.join(&part);
            meta = Meta::of(&fs::symlink_metadata(self.outside(&next))?);
            steps.push(Step { path: next.clone(), meta });
            if meta.kind != Kind::Link || (rest.is_empty() && !is_last_followed) {
                real = next;
                continue;
            }
            links += 1;
            if links > LINKS {
                return Err(Unread::Other("leads through too many links".to_owned()));
            }
            let target = fs::read_link(self.outside(&next))?;
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            push(&mut rest, &target);
        }
        // A link that ends in `..` stands at a directory that was passed before.
        meta = Meta::of(&fs::symlink_metadata(self.outside(&real))?);
        Ok(Walk { steps, real, meta })
    }

    /// What a path leads to.
    ///
    /// # Errors
    /// If it ends nowhere, or may not be followed.
    pub fn stat(&self, path: impl AsRef<Path>) -> Result<Meta, Unread> {
        Ok(self.walk(path)?.meta)
    }

    /// What stands under a name, which may be a link.
    ///
    /// # Errors
    /// If there is nothing, or the way there may not be followed.
    pub fn lstat(&self, path: impl AsRef<Path>) -> Result<Meta, Unread> {
        Ok(self.follow(path.as_ref(), false)?.meta)
    }

    /// Whether there is a directory.
    pub fn is_dir(&self, path: impl AsRef<Path>) -> bool {
        self.stat(path).is_ok_and(|meta| meta.kind == Kind::Dir)
    }

    /// Whether there is a directory, or something that cannot be looked at for another reason than its permissions.
    pub fn may_be_dir(&self, path: impl AsRef<Path>) -> bool {
        match self.stat(path) {
            Ok(meta) => meta.kind == Kind::Dir,
            Err(why) => !matches!(why, Unread::Absent | Unread::Denied),
        }
    }

    /// Whether there is a file.
    pub fn is_file(&self, path: impl AsRef<Path>) -> bool {
        self.stat(path).is_ok_and(|meta| meta.kind == Kind::File)
    }

    /// Where a link leads, as it says itself.
    ///
    /// # Errors
    /// If it is no link or may not be read.
    pub fn link(&self, path: impl AsRef<Path>) -> Result<PathBuf, Unread> {
        let real = self.follow(path.as_ref(), false)?.real;
        Ok(fs::read_link(self.outside(&real))?)
    }

    /// A regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// If it is missing, unreadable, larger or no regular file.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, Unread> {
        let mut bytes = Vec::new();
        let (file, len) = self.open(path.as_ref())?;
        if len > limit {
            return Err(Unread::TooLarge(limit));
        }
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(Unread::TooLarge(limit)) } else { Ok(bytes) }
    }

    /// The first bytes of a regular file, at most `limit`, and whether that is all.
    ///
    /// # Errors
    /// If it is missing, unreadable or no regular file.
    pub fn head(&self, path: impl AsRef<Path>, limit: u64) -> Result<(Vec<u8>, bool), Unread> {
        let mut bytes = Vec::new();
        let (file, _) = self.open(path.as_ref())?;
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        let is_whole = bytes.len() as u64 <= limit;
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok((bytes, is_whole))
    }

    /// A regular file as text, lossily.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn text(&self, path: impl AsRef<Path>, limit: u64) -> Result<String, Unread> {
        Ok(String::from_utf8_lossy(&self.read(path, limit)?).into_owned())
    }

    fn open(&self, path: &Path) -> Result<(File, u64), Unread> {
        let walk = self.walk(path)?;
        if walk.meta.kind != Kind::File {
            return Err(Unread::Kind(walk.meta.kind.name()));
        }
        // Whatever took the file's place in the meantime is not waited for, and not followed.
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags as i32).open(self.outside(&walk.real))?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(Unread::Kind(Meta::of(&meta).kind.name()));
        }
        Ok((file, meta.len()))
    }

    /// Entries of a directory, sorted by name.
    ///
    /// # Errors
    /// If it is missing, unreadable, no directory, or holds more than anyone can look at.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<Entry>, Unread> {
        let walk = self.walk(&path)?;
        if walk.meta.kind != Kind::Dir {
            return Err(Unread::Kind(walk.meta.kind.name()));
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(self.outside(&walk.real))? {
            if found.len() >= ENTRIES {
                return Err(Unread::Other(format!("holds more than {ENTRIES} entries")));
            }
            let name = entry?.file_name();
            found.push(Entry { path: path.as_ref().join(&name), name });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Entries whose name is wanted; none where the directory is missing.
    ///
    /// # Errors
    /// As for [`Self::list`], but not for a missing directory.
    pub fn list_if(&self, path: impl AsRef<Path>, wanted: impl Fn(&str) -> bool) -> Result<Vec<Entry>, Unread> {
        match self.list(path) {
            Ok(mut entries) => {
                entries.retain(|entry| wanted(&entry.name.to_string_lossy()));
                Ok(entries)
            }
            Err(Unread::Absent) => Ok(Vec::new()),
            Err(why) => Err(why),
        }
    }
}

impl Files for Host {
    fn bytes(&self, file: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.read(file, limit).map_err(|why| match why {
            Unread::Absent => io::Error::from(io::ErrorKind::NotFound),
            Unread::Denied => io::Error::from(io::ErrorKind::PermissionDenied),
            other => io::Error::other(other.to_string()),
        })
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.walk(path).map(|walk| walk.real).map_err(|why| io::Error::other(why.to_string()))
    }
}
