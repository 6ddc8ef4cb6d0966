//! What an installer would make of an archive: the files that it would write,
//! and every reason why two installers could write different ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::archive::{self, Archive, Entry, Room, stream};
use crate::hashes::FileHash;
use crate::limits::Limits;
use crate::net::registry::Release;
use crate::package::SkillPath;
use crate::parse::format::Format;
use crate::verify::record::{FOLDERS, Meta};

/// Written by the registry into each download.
const META: &str = "_meta.json";
/// Written by the registry after it scanned a version.
pub(super) const CARD: &str = "skill-card.md";
/// Longest path that the registry takes.
const PATH: usize = 500;
/// Problems of one kind that are told.
const TOLD: usize = 5;

/// One file as it would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Path below the skill, `/` between its parts, safe to be joined to a directory.
    pub path: String,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

/// What an archive holds.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Files in byte order of their paths.
    pub files: Vec<Unpacked>,
    /// Why the archive is not unpacked: each could end in other files than those above. Not escaped.
    pub problems: Vec<String>,
    /// Whether names or files differ from how they stand in the archive.
    pub is_changed: bool,
}

impl Contents {
    /// Hashes of all files.
    pub fn hashes(&self) -> Vec<FileHash> {
        self.files.iter().map(|file| FileHash::of(file.path.as_str(), &file.bytes)).collect()
    }
}

/// Unpacks an archive in memory; `None` if the bytes are none.
pub fn unpack(bytes: &[u8], limits: &Limits) -> Option<Contents> {
    let (archive, problems) = opened(bytes, limits)?;
    let mut contents = Contents { problems, ..Contents::default() };
    contents.fill(archive);
    Some(contents)
}

/// Unpacks what lies in one folder below the top of a repository's archive: what else is in it is not installed.
pub fn unpack_folder(bytes: &[u8], limits: &Limits, folder: &str) -> Option<Contents> {
    let (mut archive, problems) = opened(bytes, limits)?;
    let first = archive.members.first().map_or(&b""[..], |member| member.name.as_slice());
    let top = String::from_utf8_lossy(first.split(|byte| *byte == b'/').next().unwrap_or(b"")).into_owned();
    let folder = format!("{top}/{folder}");
    let prefix = format!("{}/", folder.trim_end_matches('/'));
    archive.members.retain(|member| member.name.starts_with(prefix.as_bytes()));
    let mut contents = Contents { problems, ..Contents::default() };
    contents.fill(archive);
    Some(contents.below(&folder))
}

/// An archive, compressed or not, and what is odd about the compression.
fn opened(bytes: &[u8], limits: &Limits) -> Option<(Archive, Vec<String>)> {
    let room = Room::of_package(limits);
    let format = Format::of(bytes)?;
    let inner = stream::read(format, bytes, room);
    let Some(inner) = inner.filter(|inner| Format::of(&inner.bytes) == Some(Format::Tar)) else {
        return Some((archive::open(format, bytes, room)?, Vec::new()));
    };
    let mut problems: Vec<String> = inner.skipped.map(|(_, why)| why).into_iter().collect();
    if inner.end.is_some() {
        problems.push("more bytes follow the compressed archive".to_owned());
    }
    Some((archive::open(Format::Tar, &inner.bytes, room)?, problems))
}

impl Contents {
    fn fill(&mut self, archive: Archive) {
        // A scan takes such an archive for one document; an installer writes its files.
        self.is_changed |= archive.is_document();
        self.problems.extend(archive.oddities.iter().map(|oddity| oddity.note.clone()));
        self.problems.extend(archive.skipped.iter().map(|(_, why)| why.clone()));
        if archive.end.is_some() {
            self.problems.push("more bytes follow the end of the archive".to_owned());
        }
        let mut files: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
        for member in archive.members {
            let shown = SkillPath::from_bytes(&member.name).shown().to_owned();
            match member.entry {
                Entry::Directory => continue,
                Entry::File if member.locked.is_none() => {}
                Entry::File => self.problems.push(format!("`{shown}` is encrypted")),
                _ => self.problems.push(format!("`{shown}` is a link or no file")),
            }
            if member.entry != Entry::File || member.locked.is_some() {
                self.is_changed = true;
                continue;
            }
            let Some(path) = written(&member.name) else {
                self.problems.push(format!("`{shown}` is no name that can be written safely"));
                self.is_changed = true;
                continue;
            };
            self.is_changed |= path.as_bytes() != member.name;
            if files.insert(path, member.bytes.into()).is_some() {
                self.problems.push(format!("`{shown}` is in it twice"));
                self.is_changed = true;
            }
        }
        let folders: BTreeSet<&str> =
            files.keys().flat_map(|path| path.match_indices('/').filter_map(|(at, _)| path.get(..at))).collect();
        let both = files.keys().filter(|path| folders.contains(path.as_str()));
        let both: Vec<String> = both.map(|path| format!("`{path}` is a file and a folder")).collect();
        self.problems.extend(both);
        self.files = files.into_iter().map(|(path, bytes)| Unpacked { path, bytes }).collect();
    }

    /// Takes what lies in one folder and leaves the rest, as an installer does with the archive of a repository.
    #[must_use]
    pub fn below(self, folder: &str) -> Self {
        let prefix = format!("{}/", folder.trim_matches('/'));
        let strip = |file: Unpacked| {
            file.path.strip_prefix(&prefix).map(|path| Unpacked { path: path.to_owned(), bytes: file.bytes.clone() })
        };
        Self { files: self.files.into_iter().filter_map(strip).collect(), is_changed: true, ..self }
    }
}

/// The path that the registry's client writes a member to: `./` and `/` before it dropped. `None` where that would
/// lead elsewhere or mean something else on another system.
fn written(name: &[u8]) -> Option<String> {
    let mut path = std::str::from_utf8(name).ok()?;
    while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix('/')) {
        path = rest;
    }
    let is_safe = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_fine = path.chars().count() <= PATH
        && !path.contains(['\\', '\0', '\n', '\r'])
        && path.get(1..2) != Some(":")
        && path.split('/').all(is_safe);
    is_fine.then(|| path.to_owned())
}

/// What in the files disagrees with what the registry lists, in our words; not escaped.
pub fn against(contents: &Contents, release: &Release, slug: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let held: BTreeMap<&str, &Unpacked> = contents.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for file in &release.files {
        if !listed.insert(&file.path) {
            problems.push(format!("the registry lists `{}` twice", file.path));
        }
        let Some(got) = held.get(file.path.as_str()) else {
            problems.push(format!("`{}` is listed and not in the archive", file.path));
            continue;
        };
        if file.path == META {
            problems.push(format!("the publisher's own `{META}` is overwritten by the registry's"));
        } else if FileHash::of(file.path.as_str(), &got.bytes) != *file {
            problems.push(format!("`{}` is not the file that the registry lists", file.path));
        }
    }
    for path in held.keys().filter(|path| !listed.contains(*path)) {
        match *path {
            META => problems.extend(held.get(path).and_then(|file| meta(file, release, slug))),
            CARD => {}
            path => problems.push(format!("`{path}` is in the archive and not listed")),
        }
    }
    if problems.len() > TOLD {
        let more = problems.len() - TOLD;
        problems.truncate(TOLD);
        problems.push(format!("and {more} more"));
    }
    problems
}

/// What is wrong in the file that the registry adds.
fn meta(file: &Unpacked, release: &Release, slug: &str) -> Option<String> {
    let meta = match Meta::parse(&file.bytes) {
        Ok(meta) => meta,
        Err(why) => return Some(format!("`{META}` {why}")),
    };
    if meta.version.as_deref() != Some(release.version.as_str()) {
        return Some(format!("`{META}` is about another version"));
    }
    if meta.slug.as_deref() != Some(slug) {
        return Some(format!("`{META}` is about another skill"));
    }
    None
}

/// Files that mean something to an installer or a loader, and have no place in what is published.
pub fn strays(contents: &Contents) -> Vec<&str> {
    let is_stray = |path: &str| {
        let first = path.split('/').next().unwrap_or("");
        FOLDERS.contains(&first) && path != first
            || matches!(first, ".openclaw" | ".git")
            || path.split('/').any(|part| part == "node_modules")
            || crate::hashes::IGNORE_FILES.contains(&path)
    };
    contents.files.iter().map(|file| file.path.as_str()).filter(|path| is_stray(path)).collect()
}
