//! A package: the files of one skill (or of what is left beside skills), read
//! into memory and immutable from then on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::archive::Locked;
use crate::fact::Fact;
use crate::finding::Gap;
use crate::parse::format::Format;

pub mod discover;
mod read;
mod unpack;

pub use discover::{Content, Discovered, Listing, PackageRef, Tree, discover};
pub(crate) use read::open_unfollowed;

/// Path of a file below its package, kept as raw bytes: a name that is not
/// UTF-8 is evidence, not an error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SkillPath {
    raw: Vec<u8>,
    shown: String,
}

impl SkillPath {
    /// The path `relative`, with `/` between its parts.
    pub fn new(relative: &Path) -> Self {
        Self::from_bytes(&bytes_of(relative))
    }

    /// The path with these bytes, `/` between its parts.
    pub fn from_bytes(raw: &[u8]) -> Self {
        let raw = raw.to_vec();
        let shown = raw
            .utf8_chunks()
            .flat_map(|chunk| {
                let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
                std::iter::once(chunk.valid().to_owned()).chain(invalid)
            })
            .collect();
        Self { raw, shown }
    }

    /// The bytes of the path.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The path as text; bytes that are not UTF-8 read `\xNN`. Not escaped for a terminal.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.shown.rsplit('/').next().unwrap_or("")
    }

    /// What follows the last dot of the name, in lower case; empty for none.
    pub fn extension(&self) -> String {
        match self.name().trim_start_matches('.').rsplit_once('.') {
            Some((_, extension)) => extension.to_ascii_lowercase(),
            None => String::new(),
        }
    }
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

/// One file as it was read.
pub struct File {
    /// Where it lies in the package.
    pub path: Arc<SkillPath>,
    /// Its content, or the beginning of it if it is too large to be held whole.
    pub bytes: Arc<[u8]>,
    /// Further parts of what is too large, the last one its end.
    pub windows: Vec<Arc<[u8]>>,
}

/// A link inside a package, which is reported and not followed.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it lies in the package.
    pub path: Arc<SkillPath>,
    /// What it names.
    pub target: PathBuf,
}

/// The archive that a package came in.
pub struct Packed {
    /// The archive itself.
    pub file: File,
    /// Its format.
    pub format: Format,
    /// What it does that no packer does.
    pub facts: Vec<Fact>,
    /// Members that a password would open.
    pub locked: Vec<Locked>,
}

/// One package in memory.
pub struct Package {
    /// Path below the scanned root, `.` for the root itself; not escaped.
    pub path: String,
    /// Target of the link in the scanned root that led here.
    pub linked_to: Option<PathBuf>,
    /// Its files, in byte order of their paths.
    pub files: Vec<File>,
    /// Links that were not followed.
    pub links: Vec<Link>,
    /// Whether the skill's own document has a second name somewhere (a hard link).
    pub is_shared: bool,
    /// The archive that it came in, if it did.
    pub packed: Option<Packed>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// SHA-256 over `path NUL sha256 LF` of all files in byte order.
    pub digest: [u8; 32],
    /// SHA-256 of each file, in the order of `files`.
    pub file_digests: Vec<[u8; 32]>,
}

impl Package {
    /// SHA-256 of each file, and of what each link names, by path; a link has another one than any file.
    pub(crate) fn contents(&self) -> Vec<(String, [u8; 32])> {
        let files = self.files.iter().map(|file| file.path.shown().to_owned()).zip(self.file_digests.iter().copied());
        let links = self.links.iter().map(|link| {
            let target = link.target.as_os_str().as_encoded_bytes();
            let digest = Sha256::new().chain_update(b"link\0").chain_update(target).finalize();
            (link.path.shown().to_owned(), digest.into())
        });
        files.chain(links).collect()
    }
}
