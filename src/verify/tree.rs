//! An installed skill as it lies on disk, every entry of it hashed: hidden
//! files, modules and ignored files like all others. Links are not followed.

use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use walkdir::{DirEntry, WalkDir};

use crate::hashes::{Cover, FileHash, IGNORE_FILES, Sha256};
use crate::limits::Limits;
use crate::package::{SkillPath, open_unfollowed};
use crate::parse::Kind;
use crate::parse::format::Group;

use super::strict;

/// Bytes at the beginning of a file that tell what it is.
const HEAD: usize = 4096;
/// Largest ignore file, in bytes.
const IGNORE_BYTES: u64 = 1024 * 1024;

/// What an entry can do to whoever trusts the skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Nothing by itself: data, pictures, licences.
    Inert,
    /// Text that an agent reads.
    Instruction,
    /// Something that runs, or says what runs.
    Code,
    /// Leads elsewhere: a symbolic link, a pipe, a device.
    Link,
}

impl Part {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inert => "inert",
            Self::Instruction => "instruction",
            Self::Code => "code",
            Self::Link => "link",
        }
    }

    /// What a file is, by its path, the beginning of its content, and whether the system would run it.
    pub fn of(path: &str, head: &[u8], is_executable: bool) -> Self {
        let path = SkillPath::from_bytes(path.as_bytes());
        let name = path.name().to_ascii_lowercase();
        let is_manifest = matches!(name.as_str(), "package.json" | "pyproject.toml" | "makefile" | "dockerfile")
            || name.ends_with(".plugin.json");
        if is_executable || is_manifest {
            return Self::Code;
        }
        if IGNORE_FILES.contains(&name.as_str()) || matches!(name.as_str(), ".gitattributes" | ".gitkeep") {
            return Self::Inert;
        }
        let is_hidden = path.shown().split('/').any(|part| part.starts_with('.'));
        match Kind::identify(&path, head) {
            kind if kind.is_code() => Self::Code,
            Kind::Markdown | Kind::Text | Kind::Markup => match path.extension().as_str() {
                "svg" | "css" | "csv" | "tsv" | "log" | "xml" if !is_hidden => Self::Inert,
                "rb" | "pl" | "php" | "lua" | "go" | "rs" | "java" | "c" | "cc" | "cpp" | "swift" | "vbs" | "wsf" => {
                    Self::Code
                }
                _ if name.starts_with("license") || name.starts_with("copying") => Self::Inert,
                _ => Self::Instruction,
            },
            // Settings in hidden places steer programs.
            Kind::Json | Kind::Yaml | Kind::Toml | Kind::Ini if is_hidden => Self::Code,
            Kind::Json | Kind::Yaml | Kind::Toml | Kind::Ini => Self::Inert,
            Kind::Binary(format) if matches!(format.group(), Group::Media | Group::Font) => Self::Inert,
            _ => Self::Code,
        }
    }
}

/// One file of an installed skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Path, length and hash.
    pub hash: FileHash,
    /// What it can do.
    pub part: Part,
}

/// All that lies in the folder of a skill.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Files, in order of their paths.
    pub files: Vec<TreeFile>,
    /// Folders, empty ones included.
    pub folders: Vec<String>,
    /// Links and special files, with what each is or leads to.
    pub links: Vec<(String, String)>,
    /// What could not be read, in our words; empty if all was.
    pub unread: Vec<String>,
}

impl Tree {
    /// Reads the skill in `folder`, within the limits of a package.
    pub fn read(folder: &Path, limits: &Limits) -> Self {
        let mut tree = Self::default();
        let mut room = limits.package_bytes;
        let walk = WalkDir::new(folder).min_depth(1).max_depth(limits.directory_depth).sort_by_file_name();
        for (index, entry) in walk.into_iter().enumerate() {
            if index >= limits.package_entries {
                tree.unread.push(format!("more than {} files and folders", limits.package_entries));
                break;
            }
            match entry {
                Ok(entry) => tree.add(folder, &entry, &mut room, limits),
                Err(error) => {
                    let path = error.path().and_then(|path| path.strip_prefix(folder).ok()).unwrap_or(Path::new("."));
                    let kind = error.io_error().map_or(io::ErrorKind::Other, io::Error::kind);
                    tree.unread.push(format!("{}: could not be read: {kind}", path.display()));
                }
            }
        }
        tree.files.sort_by(|one, other| one.hash.path.cmp(&other.hash.path));
        tree
    }

    fn add(&mut self, folder: &Path, entry: &DirEntry, room: &mut u64, limits: &Limits) {
        let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let path = String::from_utf8_lossy(SkillPath::new(relative).raw()).into_owned();
        let kind = entry.file_type();
        if kind.is_dir() {
            if entry.depth() == limits.directory_depth {
                self.unread.push(format!("{path}: folders deeper than {} levels", limits.directory_depth));
            }
            self.folders.push(path);
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            self.links.push((path, target.display().to_string()));
        } else if kind.is_file() {
            match file(entry.path(), &path, *room) {
                Ok(file) => {
                    *room -= file.hash.size;
                    self.files.push(file);
                }
                Err(error) => self.unread.push(format!("{path}: could not be read: {}", error.kind())),
            }
        } else {
            self.links.push((path, "neither a file nor a folder".to_owned()));
        }
    }

    /// Hashes of all files.
    pub fn hashes(&self) -> Vec<FileHash> {
        self.files.iter().map(|file| file.hash.clone()).collect()
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&TreeFile> {
        self.files.iter().find(|file| file.hash.path == path)
    }

    /// The files that the registry's client looks at, by the ignore files that lie in `folder` now.
    ///
    /// # Errors
    /// In our words, if one of them cannot be followed.
    pub fn covered(&self, folder: &Path) -> Result<Vec<FileHash>, String> {
        let mut contents = Vec::new();
        for name in IGNORE_FILES {
            match strict::read(&folder.join(name), IGNORE_BYTES) {
                Ok(content) => contents.extend(content),
                Err(problem) => return Err(format!("{name} {problem}")),
            }
        }
        let paths = self.files.iter().map(|file| file.hash.path.as_str());
        let cover = Cover::new(contents.iter().map(Vec::as_slice));
        let covered = cover.as_ref().and_then(|cover| cover.covered(paths));
        let covered = covered.ok_or_else(|| "its ignore files are too long to be followed".to_owned())?;
        let is_covered = |file: &&TreeFile| covered.contains(file.hash.path.as_str());
        Ok(self.files.iter().filter(is_covered).map(|file| file.hash.clone()).collect())
    }
}

fn file(from: &Path, path: &str, room: u64) -> io::Result<TreeFile> {
    let file = open_unfollowed(from)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut reader = Noting { inner: file, head: Vec::new() };
    let (sha256, size) = Sha256::of_reader(&mut reader, room)?;
    let part = Part::of(path, &reader.head, is_executable(&meta));
    Ok(TreeFile { hash: FileHash { path: path.to_owned(), size, sha256 }, part })
}

#[cfg(unix)]
fn is_executable(meta: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

/// A reader that keeps the beginning.
struct Noting<R> {
    inner: R,
    head: Vec<u8>,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let wanted = HEAD.saturating_sub(self.head.len()).min(count);
        self.head.extend(buffer.get(..wanted).unwrap_or(&[]));
        Ok(count)
    }
}
