//! Which record files speak about which folders. A lock file inside a skill is
//! content, never a record.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pin::Pins;
use super::record::{FOLDERS, Lock, LockEntry, Reference, SkillsLock, owner_handle};
use super::strict;
use crate::hashes::Sha256;
use crate::package::discover::is_skill_name;

/// Folders above a scanned root that are looked at: a skill lies up to three below its work directory.
const ABOVE: usize = 3;
/// Folders of a work directory that skills are looked for in.
const CHILDREN: usize = 1000;
/// Largest lock file of the skills.sh client, in bytes.
const SKILLS_LOCK_BYTES: u64 = 16 * 1024 * 1024;

/// One lock file.
#[derive(Debug, Clone)]
pub struct LockFile {
    /// The directory whose skills it is about; its real path.
    pub workdir: PathBuf,
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub lock: Lock,
}

/// The lock file of the skills.sh client in a repository.
#[derive(Debug, Clone)]
pub struct ListFile {
    /// The repository; its real path.
    pub folder: PathBuf,
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub list: SkillsLock,
}

/// An entry about one skill.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The file that it stands in.
    pub file: &'a LockFile,
    /// Its key.
    pub key: &'a str,
    /// It.
    pub entry: &'a LockEntry,
}

/// A skill that a lock file names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The lock file.
    pub record: PathBuf,
    /// Its key.
    pub key: String,
    /// The version that it names.
    pub version: Option<String>,
    /// Where it should be.
    pub place: PathBuf,
}

/// All record files around some roots, read once.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// Lock files of the registry's client and of OpenClaw.
    pub locks: Vec<LockFile>,
    /// Lock files of the skills.sh client.
    pub lists: Vec<ListFile>,
    /// Our own records.
    pub pins: Arc<Pins>,
    /// Whether the root is one that installers install to, so that a skill without a record is worth a word.
    pub is_installed: bool,
}

impl Records {
    /// Reads the records that speak about skills in `root`: in it, and in up to three folders above it.
    pub fn around(root: &Path, pins: Arc<Pins>) -> Self {
        let mut records = Self { pins, ..Self::default() };
        let Ok(real) = fs::canonicalize(root) else { return records };
        let is_deep =
            holds_skill(&real) || real.file_name().is_some_and(|name| name.to_string_lossy().starts_with('@'));
        for (height, folder) in real.ancestors().take(ABOVE + 1).enumerate() {
            if holds_skill(folder) {
                continue;
            }
            // Work directories lie right above a folder of skills.
            if height <= 1 || is_deep {
                records.locks.extend(FOLDERS.iter().filter_map(|name| lock_file(folder, name)));
            }
            records.lists.extend(list_file(folder));
        }
        records
    }

    /// The entries about the skill at a place, of the nearest work directory; that of the client's own folder first.
    pub fn entries(&self, place: &Path) -> Vec<Found<'_>> {
        let nearest = self.governing(place).map(|(file, _)| file.workdir.as_path()).next();
        let files = self.governing(place).filter(|(file, _)| Some(file.workdir.as_path()) == nearest);
        files
            .filter_map(|(file, named)| {
                let is_it = |key: &&String| Reference::parse(key).is_some_and(|reference| named.is(&reference));
                let key = file.lock.skills.keys().find(is_it)?;
                Some(Found { file, key, entry: file.lock.skills.get(key)? })
            })
            .collect()
    }

    /// Lock files in whose range a place lies, the nearest first, with the skill's name there.
    pub fn governing<'r, 'p>(&'r self, place: &'p Path) -> impl Iterator<Item = (&'r LockFile, Named)> + use<'r, 'p> {
        self.locks.iter().filter_map(move |file| Some((file, Named::of(place.strip_prefix(&file.workdir).ok()?)?)))
    }

    /// The hash of the skills.sh client for the skill at a place.
    pub fn computed(&self, place: &Path) -> Option<(&ListFile, Sha256)> {
        let name = place.file_name()?.to_str()?;
        self.lists.iter().find_map(|file| {
            let depth = place.strip_prefix(&file.folder).ok()?.components().count();
            let hash = file.list.skills.get(name).filter(|_| (1..=ABOVE).contains(&depth))?;
            Some((file, *hash))
        })
    }

    /// Skills that lock files name and that are nowhere, as far as `root` is where they should be.
    pub fn missing(&self, root: &Path) -> Vec<Missing> {
        let Ok(root) = fs::canonicalize(root) else { return Vec::new() };
        let is_asked = |file: &&LockFile| file.workdir == root || Some(file.workdir.as_path()) == root.parent();
        let mut seen = BTreeSet::new();
        let mut missing = Vec::new();
        for file in self.locks.iter().filter(is_asked).filter(|_| !holds_skill(&root)) {
            for (key, entry) in file.lock.skills.iter().filter(|(key, _)| seen.insert(((*key).clone(), &file.workdir)))
            {
                let Some(reference) = Reference::parse(key) else { continue };
                if locate(&file.workdir, &reference, &root).is_none() {
                    missing.push(Missing {
                        record: file.path.clone(),
                        key: key.clone(),
                        version: entry.version().map(str::to_owned),
                        place: file.workdir.join("skills").join(reference.folder()),
                    });
                }
            }
        }
        missing
    }

    /// Folders that lock files name below `root`, whether or not they still hold a skill.
    pub fn named(&self, root: &Path) -> Vec<PathBuf> {
        let Ok(root) = fs::canonicalize(root) else { return Vec::new() };
        let references = self.locks.iter().flat_map(|file| {
            let keys = file.lock.skills.keys().filter_map(|key| Reference::parse(key));
            keys.filter_map(|reference| locate(&file.workdir, &reference, &root))
        });
        let found: BTreeSet<PathBuf> = references.filter(|place| place.starts_with(&root)).collect();
        found.into_iter().collect()
    }
}

/// The name that a place has below a work directory: `slug` or `@owner/slug`, in a folder or in none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    owner: Option<String>,
    slug: String,
}

impl Named {
    fn of(below: &Path) -> Option<Self> {
        let parts: Vec<&str> = below.components().map(|part| part.as_os_str().to_str()).collect::<Option<_>>()?;
        let (owner, slug) = match parts.as_slice() {
            [slug] => (None, slug),
            [owner, slug] | [_, owner, slug] if owner.starts_with('@') => (Some((*owner).to_owned()), slug),
            [_, slug] => (None, slug),
            _ => return None,
        };
        Some(Self { owner, slug: (*slug).to_owned() })
    }

    /// Whether a key of a lock file means it.
    pub(super) fn is(&self, reference: &Reference) -> bool {
        let owner = self.owner.as_deref().and_then(owner_handle);
        reference.owner == owner && reference.slug == self.slug
    }
}

/// The folder of a skill that a lock file names: in the client's usual folder, in `root`, or in another one.
fn locate(workdir: &Path, reference: &Reference, root: &Path) -> Option<PathBuf> {
    let folder = reference.folder();
    let usual = [workdir.join("skills"), root.to_owned(), workdir.to_owned()];
    let found = usual.iter().map(|parent| parent.join(&folder)).find(|place| place.is_dir());
    found.or_else(|| {
        let children = fs::read_dir(workdir).ok()?.take(CHILDREN).filter_map(Result::ok);
        let visible = children.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
        let mut places: Vec<PathBuf> = visible.map(|entry| entry.path().join(&folder)).collect();
        places.sort();
        places.into_iter().find(|place| place.is_dir())
    })
}

/// Whether a folder is a skill, so that all in it is content.
pub(crate) fn holds_skill(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries
        .take(10_000)
        .filter_map(Result::ok)
        .any(|entry| is_skill_name(Path::new(&entry.file_name())) && entry.file_type().is_ok_and(|kind| !kind.is_dir()))
}

fn lock_file(workdir: &Path, name: &str) -> Option<LockFile> {
    let path = workdir.join(name).join("lock.json");
    let lock = match Lock::load(&path) {
        Ok(lock) => lock?,
        Err(problem) => Lock::unreadable(problem),
    };
    Some(LockFile { workdir: workdir.to_owned(), path, lock })
}

fn list_file(folder: &Path) -> Option<ListFile> {
    let path = folder.join("skills-lock.json");
    let list = match strict::read(&path, SKILLS_LOCK_BYTES) {
        Ok(bytes) => SkillsLock::parse(&bytes?),
        Err(problem) => SkillsLock { problems: vec![problem], ..SkillsLock::default() },
    };
    Some(ListFile { folder: folder.to_owned(), path, list })
}
