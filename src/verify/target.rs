//! What is asked about: the folders of skills that a path means, what each
//! holds, and what records say should be there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::records::holds_skill;
use super::{Missing, Pins, Records, Subject, strict};
use crate::error::Error;
use crate::limits::Limits;
use crate::package::{Content, Discovered, PackageRef, discover};
use crate::parse::{self, Body};
use crate::report::escape;
use crate::text;

/// Folders of a work directory that skills are loaded from.
const SKILLS: [&str; 2] = ["skills", ".agents/skills"];
/// Most workspaces of one state directory.
const WORKSPACES: usize = 1000;

/// Records about one root, and what they name beyond its packages.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The records.
    pub records: Records,
    /// The root's real path.
    pub real_root: PathBuf,
    /// Folders that a record names and that no longer hold a skill.
    pub hollow: Vec<Subject>,
    /// Skills that a record names and that are nowhere.
    pub missing: Vec<Missing>,
}

impl Recorded {
    /// Reads the records about the packages of a root.
    pub fn of(root: &Path, packages: &[PackageRef], pins: Arc<Pins>) -> Self {
        let Ok(real_root) = std::fs::canonicalize(root) else { return Self::default() };
        let mut recorded = Self { records: Records::around(&real_root, pins), real_root, ..Self::default() };
        if recorded.records.locks.is_empty() {
            return recorded;
        }
        let places: BTreeSet<PathBuf> = packages
            .iter()
            .filter_map(|package| recorded.subject(root, package))
            .map(|subject| subject.place)
            .collect();
        let named = recorded.records.named(&recorded.real_root).into_iter().filter(|place| !places.contains(place));
        recorded.hollow = named.map(|place| Subject { folder: place.clone(), place }).collect();
        recorded.missing = recorded.records.missing(&recorded.real_root);
        recorded
    }

    /// The package as records know it; none if it is no folder.
    pub fn subject(&self, root: &Path, package: &PackageRef) -> Option<Subject> {
        let Content::Tree(tree) = &package.content else { return None };
        let below = match &package.linked_to {
            // What a link leads to is known by the link.
            Some(_) => PathBuf::from(&package.path),
            None => tree.base.strip_prefix(root).map(Path::to_owned).unwrap_or_default(),
        };
        Some(Subject::new(&self.real_root, &below, tree.base.clone()))
    }
}

/// Finds the packages of a directory, an archive or a file, and the records about them.
///
/// # Errors
/// If the path is missing, unreadable, no file or directory, or holds nothing to look at.
pub fn open(root: &Path, limits: &Limits, pins: &Arc<Pins>) -> Result<Discovered, Error> {
    let shown = escape::line(&root.display().to_string());
    let unreadable = |cause| Error::Unreadable { path: shown.clone(), cause };
    let meta = std::fs::metadata(root).map_err(unreadable)?;
    let mut discovered = if meta.is_dir() {
        discover(root, limits).map_err(unreadable)?
    } else if meta.is_file() {
        // The user names this file, so a link that they name is followed.
        let file = std::fs::canonicalize(root).map_err(unreadable)?;
        Discovered::single(root, file, meta.len())
    } else {
        return Err(Error::NotAFile { path: shown });
    };
    if meta.is_dir() {
        discovered.recorded = Arc::new(Recorded::of(root, &discovered.packages, Arc::clone(pins)));
    }
    if discovered.packages.is_empty() && discovered.recorded.missing.is_empty() {
        return Err(Error::Empty { path: shown });
    }
    Ok(discovered)
}

/// Whether a package is a skill: whether its own document lies at its top.
pub fn is_skill(package: &PackageRef) -> bool {
    package.document().is_some()
}

/// The name that the agent goes by: that in the header of the skill's document, else the folder's.
pub fn loaded_name(package: &PackageRef, limits: &Limits) -> Option<String> {
    let folder = || package.path.rsplit('/').next().filter(|name| *name != ".").map(str::to_owned);
    let Content::Tree(tree) = &package.content else { return folder() };
    let document = package.document()?;
    let read = strict::read(&tree.base.join(document), limits.parse_bytes as u64);
    let bytes = read.ok().flatten().unwrap_or_default();
    let parsed = parse::markdown::parse(&text::view(&bytes), limits);
    let Body::Markdown(document) = parsed.body else { return folder() };
    document.front.as_ref().and_then(|front| front.get("name")).map(str::to_owned).or_else(folder)
}

/// The folders of skills that a path means: a folder of skills or one skill is meant itself; of a work or state
/// directory those that skills are loaded from, or `folder` where the user names one.
pub fn roots(path: &Path, folder: Option<&Path>) -> Vec<PathBuf> {
    if let Some(folder) = folder {
        return vec![path.join(folder)];
    }
    if !path.is_dir() || holds_skill(path) {
        return vec![path.to_owned()];
    }
    let mut found = roots_in(path);
    let mut workspaces: Vec<PathBuf> = std::fs::read_dir(path).map_or_else(
        |_| Vec::new(),
        |entries| entries.take(WORKSPACES).filter_map(Result::ok).map(|entry| entry.path()).collect(),
    );
    workspaces.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == "workspace" || name.starts_with("workspace-")
    });
    workspaces.sort();
    found.extend(workspaces.iter().flat_map(|workspace| roots_in(workspace)));
    if found.is_empty() { vec![path.to_owned()] } else { found }
}

fn roots_in(workdir: &Path) -> Vec<PathBuf> {
    SKILLS.iter().map(|name| workdir.join(name)).filter(|root| root.is_dir()).collect()
}
