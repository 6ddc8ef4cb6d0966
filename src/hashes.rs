//! Hashes over the files of a skill, exactly as the registry, its client,
//! OpenClaw and the skills.sh client compute them. Pure: files come hashed, or
//! as bytes. None of these is a seal by itself: what each leaves out is said.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use sha2::Digest;

pub mod collation;
pub mod cover;

pub use cover::{Cover, IGNORE_FILES};

/// Most files whose order in other languages is tried.
const TRIED: usize = 5000;

/// A SHA-256; reads and shows as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// That of all that `reader` gives, with its length in bytes; not more than `limit` bytes are read.
    ///
    /// # Errors
    /// If reading fails, or with [`io::ErrorKind::FileTooLarge`] beyond the limit.
    pub fn of_reader(reader: &mut dyn Read, limit: u64) -> io::Result<(Self, u64)> {
        let mut hasher = sha2::Sha256::new();
        let mut buffer = [0; 64 * 1024];
        let mut length = 0;
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                return Ok((Self(hasher.finalize().into()), length));
            }
            length += count as u64;
            if length > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            hasher.update(buffer.get(..count).unwrap_or(&buffer));
        }
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a SHA-256 in hexadecimal")]
pub struct NotASha256;

impl FromStr for Sha256 {
    type Err = NotASha256;

    /// 64 hexadecimal digits of either case, with or without `sha256:` before them.
    fn from_str(text: &str) -> Result<Self, NotASha256> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| NotASha256)?;
        bytes.try_into().map(Self).map_err(|_| NotASha256)
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// One file as it counts in a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHash {
    /// Path below the skill, `/` between its parts; what is not UTF-8 stands as U+FFFD, as in JavaScript.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// Hash of the content.
    pub sha256: Sha256,
}

impl FileHash {
    /// The file with this content.
    pub fn of(path: impl Into<String>, bytes: &[u8]) -> Self {
        Self { path: path.into(), size: bytes.len() as u64, sha256: Sha256::of(bytes) }
    }
}

/// The registry's fingerprint: `path ":" sha256` of each file, in the order of [`collation::compare`], joined by line
/// feeds.
///
/// The client takes the files that [`Cover`] covers, `_meta.json` among them; the registry those that were published.
/// Where a path holds a line feed, other files may have the same fingerprint: see [`is_ambiguous`].
pub fn fingerprint(files: &[FileHash]) -> Sha256 {
    joined(files, collation::compare, |file| format!("{}:{}", file.path, file.sha256))
}

/// Whether a fingerprint or content hash over these files may be that of other files as well.
pub fn is_ambiguous(files: &[FileHash]) -> bool {
    files.iter().any(|file| file.path.contains(['\n', '\0']))
}

/// The registry's hash of a folder in a Git repository: `path NUL size NUL sha256` of each file, in the order of
/// [`collation::compare`], joined by line feeds.
pub fn content_hash(files: &[FileHash]) -> Sha256 {
    joined(files, collation::compare, |file| format!("{}\0{}\0{}", file.path, file.size, file.sha256))
}

/// Which of the two hashes over sorted lines is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// [`fingerprint`].
    Fingerprint,
    /// [`content_hash`].
    ContentHash,
}

/// Whether `expected` is the hash over these files, in the order of the registry or in that of any other language: the
/// writer's language decides the order and nothing else.
pub fn is_hash_of(expected: Sha256, files: &[FileHash], kind: Lines) -> bool {
    let line = |file: &FileHash| match kind {
        Lines::Fingerprint => format!("{}:{}", file.path, file.sha256),
        Lines::ContentHash => format!("{}\0{}\0{}", file.path, file.size, file.sha256),
    };
    if joined(files, collation::compare, line) == expected {
        return true;
    }
    files.len() <= TRIED
        && collation::others().any(|(_, order)| joined(files, |one, other| order.compare(one, other), line) == expected)
}

fn joined(files: &[FileHash], order: impl Fn(&str, &str) -> Ordering, line: impl Fn(&FileHash) -> String) -> Sha256 {
    let mut files: Vec<&FileHash> = files.iter().collect();
    files.sort_by(|one, other| order(&one.path, &other.path));
    let lines: Vec<String> = files.into_iter().map(line).collect();
    Sha256::of(lines.join("\n").as_bytes())
}

/// Whether OpenClaw's hash of a tree leaves out what lies at this path: the records of an installation.
pub fn is_record(path: &str) -> bool {
    matches!(path.split('/').next(), Some(".clawhub" | ".clawdhub"))
}

/// OpenClaw's `fileTreeSha256` without its prefix `sha256:`: a JSON array of all directories and files in the order of
/// a walk that sorts names by UTF-16 code units. Directories above files need not be named; empty ones must be.
///
/// OpenClaw refuses trees with links, further names of a file and special files; that is for the caller to see.
pub fn tree_sha256(files: &[FileHash], folders: &[String]) -> Sha256 {
    #[derive(serde::Serialize)]
    struct Entry<'a> {
        path: &'a str,
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    }
    let above = files.iter().map(|file| file.path.as_str()).chain(folders.iter().map(String::as_str));
    let above = above.flat_map(|path| path.match_indices('/').filter_map(move |(at, _)| path.get(..at)));
    let folders: BTreeSet<&str> = above.chain(folders.iter().map(String::as_str)).collect();
    let folders = folders.into_iter().map(|path| Entry { path, r#type: "directory", sha256: None });
    let files = files.iter().map(|file| {
        let sha256 = Some(file.sha256.to_string());
        Entry { path: &file.path, r#type: "file", sha256 }
    });
    let mut entries: Vec<Entry<'_>> = folders.chain(files).filter(|entry| !is_record(entry.path)).collect();
    entries.sort_by(|one, other| walk_order(one.path, other.path));
    Sha256::of(&serde_json::to_vec(&entries).unwrap_or_default())
}

/// Order of a walk: directories before what they hold, names by UTF-16 code units.
fn walk_order(one: &str, other: &str) -> Ordering {
    let mut ones = one.split('/');
    let mut others = other.split('/');
    loop {
        match (ones.next(), others.next()) {
            (Some(one), Some(other)) => {
                let order = one.encode_utf16().cmp(other.encode_utf16());
                if order.is_ne() {
                    return order;
                }
            }
            (one, other) => return one.is_some().cmp(&other.is_some()),
        }
    }
}

/// Whether the skills.sh client's `computedHash` covers this path.
pub fn is_computed(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next();
    !parts.any(|folder| matches!(folder, ".git" | "node_modules"))
}

/// The skills.sh client's `computedHash`: path and content of each file that [`is_computed`], in the order of
/// [`collation::compare`], with nothing between. `content` adds the content of the file at a path.
///
/// Bytes can move between a path and its content without changing it, so it shows drift and proves nothing.
///
/// # Errors
/// Those of `content`.
pub fn computed_hash<E>(
    paths: &[&str],
    mut content: impl FnMut(&str, &mut sha2::Sha256) -> Result<(), E>,
) -> Result<Sha256, E> {
    let mut paths: Vec<&str> = paths.iter().copied().filter(|path| is_computed(path)).collect();
    paths.sort_by(|one, other| collation::compare(one, other));
    let mut hasher = sha2::Sha256::new();
    for path in paths {
        hasher.update(path.as_bytes());
        content(path, &mut hasher)?;
    }
    Ok(Sha256(hasher.finalize().into()))
}
