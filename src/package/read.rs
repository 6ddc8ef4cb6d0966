//! Reads a discovered package into memory under the limits.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::discover::{Content, is_skill_name, reason};
use crate::package::{File, Link, Package, PackageRef, SkillPath, unpack};

impl Package {
    /// Reads all files of `found`; what cannot be read or exceeds a limit becomes a gap.
    pub fn read(found: &PackageRef, limits: &Limits) -> Self {
        let mut package = Self {
            path: found.path.clone(),
            linked_to: found.linked_to.clone(),
            files: Vec::new(),
            links: Vec::new(),
            is_shared: false,
            packed: None,
            gaps: found.gaps.clone(),
            digest: [0; 32],
            file_digests: Vec::new(),
        };
        match &found.content {
            Content::Tree(tree) => {
                let listing = tree.list(limits);
                package.tree(&tree.base, &listing.files, limits);
                for relative in &listing.links {
                    let target = fs::read_link(tree.base.join(relative)).unwrap_or_default();
                    package.links.push(Link { path: Arc::new(SkillPath::new(relative)), target });
                }
                for (relative, gap) in listing.gaps {
                    // What was no gap when the package was found is one now.
                    let gap = Gap { path: SkillPath::new(&relative).shown().to_owned(), ..gap };
                    package.gaps.extend(Some(gap).filter(|gap| !found.gaps.contains(gap)));
                }
            }
            Content::File { path, bytes } => package.single(path, *bytes, limits),
            Content::Given { name, bytes } => {
                let file = File { path: Arc::new(SkillPath::new(name)), bytes: Arc::clone(bytes), windows: Vec::new() };
                unpack::into(&mut package, file, limits);
            }
            Content::Held(files) => {
                package.files.extend(files.iter().map(|(path, bytes)| File {
                    path: Arc::new(SkillPath::new(path)),
                    bytes: Arc::clone(bytes),
                    windows: Vec::new(),
                }));
            }
        }
        package.files.sort_by(|a, b| a.path.raw().cmp(b.path.raw()));
        package.seal();
        package
    }

    fn tree(&mut self, base: &Path, files: &[(PathBuf, u64)], limits: &Limits) {
        let mut budget = limits.package_bytes;
        for (index, (relative, listed)) in files.iter().enumerate() {
            let path = Arc::new(SkillPath::new(relative));
            if index >= limits.package_entries {
                let why = format!("more than {} files in one package", limits.package_entries);
                self.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                break;
            }
            if budget == 0 && *listed > 0 {
                let why = format!("the package is larger than {} bytes", limits.package_bytes);
                self.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                continue;
            }
            let Some(read) = self.file(&base.join(relative), &path, *listed, limits.file_bytes.min(budget)) else {
                continue;
            };
            budget -= read.held();
            self.is_shared |= read.links > 1 && is_skill_name(relative);
            self.files.push(File { path, bytes: read.bytes.into(), windows: read.windows });
        }
    }

    fn single(&mut self, path: &Path, listed: u64, limits: &Limits) {
        let name = Arc::new(SkillPath::new(path.file_name().map(Path::new).unwrap_or(path)));
        // An archive is read whole if it can be: its end says what is in it.
        let Some(read) = self.file(path, &name, listed, limits.package_bytes) else { return };
        let file = File { path: name, bytes: read.bytes.into(), windows: read.windows };
        unpack::into(self, file, limits);
    }

    fn file(&mut self, from: &Path, path: &SkillPath, listed: u64, limit: u64) -> Option<FileRead> {
        match read_file(from, listed, limit) {
            Ok(read) => {
                if read.length > limit {
                    let why = format!(
                        "of {} bytes only the first {}, the last and some between were read (limit {limit})",
                        read.length,
                        read.bytes.len()
                    );
                    self.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                }
                if read.has_changed {
                    self.gaps.push(Gap::new(GapKind::Changed, path.shown(), "changed while it was read"));
                }
                Some(read)
            }
            Err(error) => {
                self.gaps.push(Gap::new(GapKind::Unreadable, path.shown(), reason(Some(&error))));
                None
            }
        }
    }

    fn seal(&mut self) {
        let mut digest = Sha256::new();
        for file in &self.files {
            let mut own = Sha256::new_with_prefix(&file.bytes);
            file.windows.iter().for_each(|window| own.update(window));
            let own: [u8; 32] = own.finalize().into();
            digest.update(file.path.raw());
            digest.update([0]);
            digest.update(data_encoding::HEXLOWER.encode(&own));
            digest.update(b"\n");
            self.file_digests.push(own);
        }
        self.digest = digest.finalize().into();
    }
}

struct FileRead {
    bytes: Vec<u8>,
    windows: Vec<Arc<[u8]>>,
    length: u64,
    links: u64,
    has_changed: bool,
}

impl FileRead {
    fn held(&self) -> u64 {
        self.bytes.len() as u64 + self.windows.iter().map(|window| window.len() as u64).sum::<u64>()
    }
}

/// Parts of a large file that are read between its beginning and its end.
const WINDOWS: u64 = 16;

/// A regular file; of one above `limit` bytes half of that from its beginning, a quarter from its
/// end and a quarter in parts between.
fn read_file(path: &Path, listed: u64, limit: u64) -> io::Result<FileRead> {
    let mut file = open_unfollowed(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = meta.len();
    let mut bytes = Vec::with_capacity(length.min(limit) as usize);
    let mut windows = Vec::new();
    if length <= limit {
        (&mut file).take(limit + 1).read_to_end(&mut bytes)?;
        bytes.truncate(limit as usize);
    } else {
        (&mut file).take(limit / 2).read_to_end(&mut bytes)?;
        let part = limit / 4 / WINDOWS;
        let stride = (length - limit / 2 - limit / 4) / WINDOWS;
        let between = (0..WINDOWS).map(|index| (limit / 2 + index * stride, part.min(stride)));
        for (at, size) in between.chain([(length - limit / 4, limit / 4)]) {
            let mut window = Vec::with_capacity(size as usize);
            file.seek(SeekFrom::Start(at))?;
            (&mut file).take(size).read_to_end(&mut window)?;
            windows.push(window.into());
        }
    }
    let after = file.metadata()?;
    let was_whole = length > limit || bytes.len() as u64 == length;
    let has_changed =
        !was_whole || after.len() != length || length != listed || after.modified().ok() != meta.modified().ok();
    Ok(FileRead { bytes, windows, length, links: links(&meta), has_changed })
}

#[cfg(unix)]
fn links(meta: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(meta)
}

#[cfg(not(unix))]
fn links(_: &fs::Metadata) -> u64 {
    1
}

/// Opens without following a link and without blocking on a pipe that took the file's place.
#[cfg(unix)]
pub(crate) fn open_unfollowed(path: &Path) -> io::Result<fs::File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(not(unix))]
pub(crate) fn open_unfollowed(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}
