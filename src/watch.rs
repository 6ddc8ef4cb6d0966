//! What changed in folders of skills: hints from the kernel say where to look, and what lies there decides. Scans
//! nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use notify_debouncer_full::notify::event::{AccessKind, AccessMode};
use notify_debouncer_full::notify::{self, EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, NoCache, new_debouncer_opt};
use sha2::{Digest, Sha256};

use crate::Verdict;
use crate::error::Error;
use crate::package::{Content, Discovered, PackageRef};
use crate::place::Place;
use crate::scan::Scanner;

/// How long nothing must happen to a file before it is looked at.
const QUIET: Duration = Duration::from_millis(200);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Something at or below these paths.
    Changed(Vec<PathBuf>),
    /// More than could be told, or the kernel's means failed: anything may have changed.
    Lost,
    /// The user has seen enough.
    Stop,
}

/// What the kernel is asked to tell of.
pub struct Eyes {
    debouncer: Debouncer<RecommendedWatcher, NoCache>,
    /// Device and number of each folder when it was first looked at.
    watched: BTreeMap<(PathBuf, bool), (u64, u64)>,
    /// Whether something cannot be watched.
    is_short: bool,
}

impl Eyes {
    /// Eyes that tell `sender`.
    ///
    /// # Errors
    /// If the system has no means for it.
    pub fn new(sender: Sender<Happening>) -> notify::Result<Self> {
        let tell = move |result: DebounceEventResult| {
            // Nobody listens any more only when the program ends.
            let _ = match result {
                Err(_) => sender.send(Happening::Lost),
                Ok(events) if events.iter().any(|event| event.need_rescan()) => sender.send(Happening::Lost),
                Ok(events) => {
                    let events = events.into_iter().filter(|event| is_change(event.kind));
                    let paths: Vec<PathBuf> = events.flat_map(|event| event.event.paths).collect();
                    if paths.is_empty() { Ok(()) } else { sender.send(Happening::Changed(paths)) }
                }
            };
        };
        // A link in a skill may lead to the whole disk.
        let config = notify::Config::default().with_follow_symlinks(false);
        let debouncer = new_debouncer_opt::<_, RecommendedWatcher, NoCache>(QUIET, None, tell, NoCache, config)?;
        Ok(Self { debouncer, watched: BTreeMap::new(), is_short: false })
    }

    /// Looks at these trees and, without what lies deeper, at these folders, and at nothing else.
    pub fn look_at(&mut self, trees: &BTreeSet<PathBuf>, folders: &BTreeSet<PathBuf>) {
        let trees = trees.iter().map(|path| (path.clone(), true));
        let folders = folders.iter().filter(|folder| !trees.clone().any(|(tree, _)| tree == **folder));
        let wanted: BTreeSet<(PathBuf, bool)> =
            trees.clone().chain(folders.map(|path| (path.clone(), false))).collect();
        let gone: Vec<_> = self.watched.keys().filter(|known| !wanted.contains(*known)).cloned().collect();
        for known in gone {
            self.watched.remove(&known);
            // It may not be there any more, and is then not watched either.
            let _ = self.debouncer.unwatch(&known.0);
        }
        self.is_short = false;
        for (path, is_tree) in wanted {
            let Ok(meta) = fs::metadata(&path) else { continue };
            let identity = (meta.dev(), meta.ino());
            let key = (path, is_tree);
            let known = self.watched.get(&key);
            if known == Some(&identity) {
                continue;
            }
            if known.is_some() {
                let _ = self.debouncer.unwatch(&key.0);
            }
            let mode = if is_tree { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match self.debouncer.watch(&key.0, mode) {
                Ok(()) => drop(self.watched.insert(key, identity)),
                Err(_) => self.is_short = true,
            }
        }
    }

    /// Whether something is not watched, for want of permission or of means.
    pub fn is_short(&self) -> bool {
        self.is_short
    }
}

/// What reads is no change, and scanning reads.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// A folder of skills, one skill, or an archive, that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Where it is, whether or not there is anything now.
    pub path: PathBuf,
    /// Its name in reports.
    pub source: &'static str,
    /// Its rank, if it is a place that OpenClaw loads from.
    pub precedence: Option<u8>,
}

impl Root {
    /// What the user names.
    pub fn named(path: PathBuf) -> Self {
        Self { path, source: "path", precedence: None }
    }

    /// A place that OpenClaw loads from.
    pub fn placed(place: &Place) -> Self {
        Self { path: place.root.clone(), source: place.source.tag(), precedence: Some(place.precedence) }
    }

    /// The nearest folder above that exists: where it appears first if it is not there.
    pub fn anchor(&self) -> Option<PathBuf> {
        let absolute = std::path::absolute(&self.path).ok()?;
        absolute.ancestors().skip(1).find(|path| path.is_dir()).map(Path::to_owned)
    }
}

/// What is known of a package.
#[derive(Debug, Clone)]
struct Known {
    signature: Sha256Bytes,
    /// What was told of it last.
    told: Option<(String, Verdict)>,
}

type Sha256Bytes = [u8; 32];

/// What is to be done about one root.
pub struct Look {
    /// Its packages that are new or not what they were.
    pub changed: Option<Discovered>,
    /// Paths of packages that are gone.
    pub gone: Vec<String>,
}

/// All that is known, by root and path.
#[derive(Debug, Default)]
pub struct Memory {
    known: BTreeMap<PathBuf, BTreeMap<String, Known>>,
    /// Folders outside of a root that links in it lead to.
    linked: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl Memory {
    /// Lists a root and compares with what was there.
    ///
    /// # Errors
    /// If it is there and cannot be listed.
    pub fn look(&mut self, root: &Root, scanner: &Scanner) -> Result<Look, Error> {
        let found = match scanner.discover(&root.path) {
            Ok(found) => Some(found),
            Err(Error::Empty { .. }) => None,
            Err(error) if root.path.exists() => return Err(error),
            Err(_) => None,
        };
        let known = self.known.entry(root.path.clone()).or_default();
        let mut links = BTreeSet::new();
        let mut there = BTreeSet::new();
        let changed = found.map(|mut found| {
            found.source = root.source;
            found.precedence = root.precedence;
            found.packages.retain(|package| {
                links.extend(package.place().filter(|_| package.linked_to.is_some()).map(Path::to_owned));
                there.insert(package.path.clone());
                let signature = signature(package);
                let before = known.get(&package.path);
                let is_new = before.is_none_or(|before| before.signature != signature);
                let told = before.and_then(|before| before.told.clone());
                known.insert(package.path.clone(), Known { signature, told });
                is_new
            });
            found
        });
        let gone: Vec<String> = known.keys().filter(|path| !there.contains(*path)).cloned().collect();
        known.retain(|path, _| there.contains(path));
        self.linked.insert(root.path.clone(), links);
        Ok(Look { changed: changed.filter(|found| !found.packages.is_empty()), gone })
    }

    /// Whether there is something to tell that was not told already.
    pub fn is_news(&mut self, root: &Path, path: &str, digest: &str, verdict: Verdict) -> bool {
        let Some(known) = self.known.get_mut(root).and_then(|known| known.get_mut(path)) else { return true };
        let now = Some((digest.to_owned(), verdict));
        let is_news = known.told != now;
        known.told = now;
        is_news
    }

    /// Forgets one package.
    pub fn forget(&mut self, root: &Path, path: &str) {
        self.known.get_mut(root).map(|known| known.remove(path));
    }

    /// Forgets what one package looked like, so that it is scanned again at the next look.
    pub fn retry(&mut self, root: &Path, path: &str) {
        if let Some(known) = self.known.get_mut(root).and_then(|known| known.get_mut(path)) {
            known.signature = [0; 32];
        }
    }

    /// Forgets what everything looked like, so that all of it is scanned again.
    pub fn doubt(&mut self) {
        self.known.values_mut().flat_map(BTreeMap::values_mut).for_each(|known| known.signature = [0; 32]);
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.known.values().map(BTreeMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many packages a root holds.
    pub fn packages(&self, root: &Path) -> usize {
        self.known.get(root).map_or(0, BTreeMap::len)
    }

    /// Folders that links in a root lead to.
    pub fn linked(&self, root: &Path) -> impl Iterator<Item = &PathBuf> {
        self.linked.get(root).into_iter().flatten()
    }
}

/// What changes whenever a file of a package does: nobody but root can set back when a file was last changed.
fn signature(package: &PackageRef) -> Sha256Bytes {
    let mut hasher = Sha256::new();
    let mut add = |path: &Path| {
        hasher.update(path.as_os_str().as_bytes());
        hasher.update([0]);
        let Ok(meta) = path.symlink_metadata() else { return };
        let numbers = [meta.dev(), meta.ino(), meta.size(), u64::from(meta.mode())];
        let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        numbers.iter().for_each(|number| hasher.update(number.to_le_bytes()));
        times.iter().for_each(|number| hasher.update(number.to_le_bytes()));
    };
    match &package.content {
        Content::Tree(tree) => {
            let listing = tree.list(&crate::Limits::default());
            listing.files.iter().for_each(|(path, _)| add(&tree.base.join(path)));
            listing.links.iter().for_each(|path| add(&tree.base.join(path)));
        }
        Content::File { path, .. } => add(path),
        Content::Given { .. } | Content::Held(_) => {}
    }
    for gap in &package.gaps {
        hasher.update(format!("{} {}", gap.path, gap.why));
    }
    hasher.finalize().into()
}
