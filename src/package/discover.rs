//! Which packages a directory holds. Every file belongs to exactly one; no
//! ignore file is honoured, and nothing that was found is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::SkillPath;
use crate::parse::Kind;
use crate::verify::target::Recorded;

/// Source of what the user names.
const PATH: &str = "path";

/// Names under which loaders accept a skill's main document, in lower case.
const SKILL_NAMES: [&str; 2] = ["skill.md", "skills.md"];
/// Files that make a directory a plugin or module of its own.
const MANIFEST_NAMES: [&str; 4] = ["package.json", "openclaw.plugin.json", "clawdbot.plugin.json", "plugin.json"];

/// What belongs to a package of what lies below a directory. It is listed when it is read: a root may hold millions of
/// files, and a list of them all would be most of what a scan of it keeps in memory.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The directory.
    pub base: PathBuf,
    /// Files and directories in it that belong to none, or to other packages.
    pub without: BTreeSet<PathBuf>,
    /// How deep files of it may lie.
    depth: usize,
    /// Sum of the weights of its files, as they were found.
    weight: u64,
    /// Its own document, if it is a skill.
    document: Option<Box<Path>>,
}

impl Tree {
    /// All that belongs to it now, in order of names, relative to the directory.
    pub fn list(&self, limits: &Limits) -> Listing {
        let mut listing = Listing::default();
        let is_left_out = |path: &Path| self.without.contains(path);
        list(&self.base, self.depth, limits, &is_left_out, &mut |entry, _| {
            entry.into_iter().for_each(|one| listing.add(one))
        });
        if self.depth == 1 {
            // What is in the directories beside it belongs to other packages.
            listing.gaps.retain(|(_, gap)| gap.kind != GapKind::OverLimit);
        }
        listing
    }
}

/// What a package is made of.
#[derive(Debug, Clone)]
pub enum Content {
    /// Files and links of a directory.
    Tree(Tree),
    /// One file, which may be an archive.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Bytes that came from somewhere else, which may be an archive.
    Given {
        /// What they are called in reports.
        name: PathBuf,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
    /// Files that are in memory already, each with its path in the package.
    Held(Vec<(PathBuf, Arc<[u8]>)>),
}

/// A package that was found and not yet read.
#[derive(Debug, Clone)]
pub struct PackageRef {
    /// Path below the scanned root, `.` for the root itself.
    pub path: String,
    /// What it is made of.
    pub content: Content,
    /// What could not be listed.
    pub gaps: Vec<Gap>,
    /// Target of the link in the scanned root that led here.
    pub linked_to: Option<PathBuf>,
}

impl PackageRef {
    /// About how many bytes of memory its analysis takes.
    pub fn weight(&self) -> u64 {
        match &self.content {
            Content::Tree(tree) => tree.weight,
            Content::File { path, bytes } => weight(path, *bytes),
            Content::Given { name, bytes } => weight(name, bytes.len() as u64),
            Content::Held(files) => files.iter().map(|(path, bytes)| weight(path, bytes.len() as u64)).sum(),
        }
    }

    /// Paths of its files below it, as far as they are known before it is read.
    pub fn files(&self, limits: &Limits) -> Vec<PathBuf> {
        match &self.content {
            Content::Tree(tree) => tree.list(limits).files.into_iter().map(|(path, _)| path).collect(),
            Content::File { path, .. } => path.file_name().map(PathBuf::from).into_iter().collect(),
            Content::Given { name, .. } => vec![name.clone()],
            Content::Held(files) => files.iter().map(|(path, _)| path.clone()).collect(),
        }
    }

    /// The skill's own document, below it; none if it is no skill.
    pub fn document(&self) -> Option<&Path> {
        let is_document = |path: &&Path| is_top(path) && is_skill_name(path);
        match &self.content {
            Content::Tree(tree) => tree.document.as_deref(),
            Content::File { path, .. } => path.file_name().map(Path::new).filter(is_document),
            Content::Given { name, .. } => Some(name.as_path()).filter(is_document),
            Content::Held(files) => files.iter().map(|(path, _)| path.as_path()).find(is_document),
        }
    }

    /// The directory or file outside of which nothing of it lies.
    pub fn place(&self) -> Option<&Path> {
        match &self.content {
            Content::Tree(tree) => Some(&tree.base),
            Content::File { path, .. } => Some(path),
            Content::Given { .. } | Content::Held(_) => None,
        }
    }
}

/// A syntax tree takes up to fifty times the text of a program, what is kept of other files about ten times theirs.
fn weight(path: &Path, bytes: u64) -> u64 {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let is_code = extension.and_then(Kind::from_tag).is_some_and(Kind::is_code);
    bytes * if is_code { 50 } else { 10 }
}

/// What one scanned root holds.
#[derive(Debug)]
pub struct Discovered {
    /// The scanned root.
    pub root: PathBuf,
    /// Where it comes from: `path`, `stdin`, or OpenClaw's name of the place.
    pub source: &'static str,
    /// Rank of the place among those that skills are loaded from; 1 wins.
    pub precedence: Option<u8>,
    /// Its packages, in path order.
    pub packages: Vec<PackageRef>,
    /// What installers wrote down about them.
    pub recorded: Arc<Recorded>,
}

/// Files, links and what could not be listed, each with its path.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files with their sizes.
    pub files: Vec<(PathBuf, u64)>,
    /// Links, which are not followed.
    pub links: Vec<PathBuf>,
    /// What could not be listed.
    pub gaps: Vec<(PathBuf, Gap)>,
}

/// One entry of a listing.
enum Entry {
    File(PathBuf, u64),
    Link(PathBuf),
    Gap(PathBuf, Gap),
}

impl Listing {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::File(path, size) => self.files.push((path, size)),
            Entry::Link(path) => self.links.push(path),
            Entry::Gap(path, gap) => self.gaps.push((path, gap)),
        }
    }
}

/// Finds the packages below `root`, a directory.
///
/// # Errors
/// If `root` itself cannot be listed.
pub fn discover(root: &Path, limits: &Limits) -> io::Result<Discovered> {
    fs::read_dir(root)?;
    let mut packages = packages_in(root, limits, true);
    packages.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(Discovered { root: root.to_owned(), source: PATH, precedence: None, packages, recorded: Arc::default() })
}

fn packages_in(root: &Path, limits: &Limits, follow: bool) -> Vec<PackageRef> {
    let top = Top::of(root);
    let mut packages = BTreeMap::new();
    let mut linked = Vec::new();
    let mut sort = |mut listing: Listing| {
        if follow && !top.holds_skill {
            follow_links(root, &mut listing, limits, &mut linked);
        }
        sort_out(root, listing, limits, &mut packages);
    };
    let mut listing = Listing::default();
    list(root, limits.directory_depth, limits, &|_| false, &mut |entry, depth| {
        // What lies below one entry of the root is sorted out together, if none of it belongs to the root.
        if depth == 1 && !top.is_whole {
            sort(std::mem::take(&mut listing));
        }
        if let Some(entry) = entry {
            listing.add(entry);
        }
    });
    sort(listing);
    // What was followed is no link of the root's own package.
    if let Some(PackageRef { content: Content::Tree(tree), .. }) = packages.get_mut(Path::new("")) {
        tree.without.extend(linked.iter().map(|link: &(PathBuf, PackageRef)| link.0.clone()));
    }
    packages.into_values().chain(linked.into_iter().map(|(_, package)| package)).collect()
}

/// An entry of a skill root that is a link is loaded by the agent, so it is followed, once.
fn follow_links(root: &Path, listing: &mut Listing, limits: &Limits, linked: &mut Vec<(PathBuf, PackageRef)>) {
    let (entries, inside): (Vec<_>, Vec<_>) = listing.links.drain(..).partition(|path| is_top(path));
    listing.links = inside;
    for entry in entries {
        match fs::canonicalize(root.join(&entry)) {
            // What leads back here is listed already; what is around it is loaded by the agent and was not asked for.
            Ok(target) if fs::canonicalize(root).is_ok_and(|root| root.starts_with(&target)) => {
                if fs::canonicalize(root).is_ok_and(|root| root != target) {
                    let why = "a link that leads to a folder around the scanned one";
                    listing.gaps.push((entry.clone(), Gap::new(GapKind::LinkNotFollowed, "", why)));
                }
                listing.links.push(entry);
            }
            Ok(target) if target.is_dir() => {
                for mut package in packages_in(&target, limits, false) {
                    package.path = joined(&entry, &package.path);
                    package.linked_to = Some(target.clone());
                    linked.push((entry.clone(), package));
                }
            }
            _ => {
                let why = "a link in the scanned folder that leads to no folder";
                listing.gaps.push((entry.clone(), Gap::new(GapKind::LinkNotFollowed, "", why)));
                listing.links.push(entry);
            }
        }
    }
}

/// Puts all that was listed together into the packages that it belongs to.
fn sort_out(root: &Path, mut listing: Listing, limits: &Limits, packages: &mut BTreeMap<PathBuf, PackageRef>) {
    for link in listing.links.iter().filter(|path| is_skill_name(path)) {
        let why = "the skill's own document is a link, which the agent follows";
        listing.gaps.push((link.clone(), Gap::new(GapKind::LinkNotFollowed, "", why)));
    }
    let homes = Homes::new(&listing);
    for (path, size) in listing.files {
        let (package, relative) = homes.place(packages, root, &path, limits);
        let Content::Tree(tree) = &mut package.content else { continue };
        tree.weight += weight(relative, size);
        if tree.document.is_none() && is_top(relative) && is_skill_name(relative) {
            tree.document = Some(relative.into());
        }
    }
    for path in listing.links {
        homes.place(packages, root, &path, limits);
    }
    for (path, gap) in listing.gaps {
        let (package, relative) = homes.place(packages, root, &path, limits);
        let path = SkillPath::new(relative).shown().to_owned();
        package.gaps.push(Gap { path, ..gap });
    }
}

/// What the top of a root says of all below it.
struct Top {
    holds_skill: bool,
    /// It may be one package with what lies deep in it; else none reaches beyond its top entry.
    is_whole: bool,
}

impl Top {
    fn of(root: &Path) -> Self {
        let mut top = Self { holds_skill: false, is_whole: false };
        for entry in WalkDir::new(root).min_depth(1).max_depth(1).into_iter().flatten() {
            let name = Path::new(entry.file_name());
            top.holds_skill |= entry.file_type().is_file() && is_skill_name(name);
            top.is_whole |= is_skill_name(name) || is_manifest(name);
        }
        top
    }
}

/// Hands on what lies below `root`, in order of names and each with its depth; nothing for a directory.
fn list(
    root: &Path,
    depth: usize,
    limits: &Limits,
    is_left_out: &dyn Fn(&Path) -> bool,
    each: &mut dyn FnMut(Option<Entry>, usize),
) {
    let gap = |path: PathBuf, kind: GapKind, why: String| Some(Entry::Gap(path, Gap::new(kind, "", why)));
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let mut walk = WalkDir::new(root).min_depth(1).max_depth(depth).sort_by_file_name().into_iter();
    let mut entries = 0;
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().map(relative).unwrap_or_default();
                each(gap(path, GapKind::Unreadable, reason(error.io_error())), error.depth());
                continue;
            }
        };
        let path = relative(entry.path());
        let kind = entry.file_type();
        if is_left_out(&path) {
            if kind.is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        entries += 1;
        if entries > limits.root_entries {
            let why = format!("more than {} files and directories; the rest was not entered", limits.root_entries);
            each(gap(path, GapKind::OverLimit, why), entry.depth());
            break;
        }
        let listed = if kind.is_dir() {
            let why = format!("directories deeper than {} levels were not entered", limits.directory_depth);
            (entry.depth() == depth).then_some(()).and_then(|()| gap(path, GapKind::OverLimit, why))
        } else if kind.is_symlink() {
            Some(Entry::Link(path))
        } else if kind.is_file() {
            Some(Entry::File(path, entry.metadata().map_or(0, |meta| meta.len())))
        } else {
            gap(path, GapKind::SpecialFile, "neither a file nor a directory; not opened".to_owned())
        };
        each(listed, entry.depth());
    }
}

pub(super) fn reason(error: Option<&io::Error>) -> String {
    error.map_or_else(|| "could not be read".to_owned(), |error| format!("could not be read: {}", error.kind()))
}

/// Directories that are packages, outermost first.
struct Homes {
    skills: BTreeSet<PathBuf>,
    manifests: BTreeSet<PathBuf>,
}

impl Homes {
    fn new(listing: &Listing) -> Self {
        let mut skills = BTreeSet::new();
        let mut manifests = BTreeSet::new();
        let paths = listing.files.iter().map(|(path, _)| path).chain(&listing.links);
        for path in paths {
            let parent = path.parent().unwrap_or(Path::new("")).to_owned();
            if is_skill_name(path) {
                skills.insert(parent);
            } else if is_manifest(path) {
                manifests.insert(parent);
            }
        }
        let skills: BTreeSet<_> = skills.iter().filter(|dir| !has_ancestor_in(dir, &skills)).cloned().collect();
        // A manifest's directory is no package if it contains a skill: the skill comes first.
        let mut around = BTreeSet::new();
        for skill in &skills {
            around.extend(skill.ancestors().map(Path::to_owned));
        }
        let manifests: BTreeSet<_> = manifests.difference(&around).cloned().collect();
        let manifests: BTreeSet<_> =
            manifests.iter().filter(|dir| !has_ancestor_in(dir, &manifests)).cloned().collect();
        Self { skills, manifests }
    }

    /// The package that a path below `root` belongs to, made if it is new, and the path in it.
    fn place<'p, 'f>(
        &self,
        packages: &'p mut BTreeMap<PathBuf, PackageRef>,
        root: &Path,
        path: &'f Path,
        limits: &Limits,
    ) -> (&'p mut PackageRef, &'f Path) {
        let home = self.of(path);
        let relative = path.strip_prefix(&home).unwrap_or(path);
        let package = packages.entry(home).or_insert_with_key(|home| PackageRef {
            path: joined(home, "."),
            content: Content::Tree(self.tree(root, home, limits)),
            gaps: Vec::new(),
            linked_to: None,
        });
        (package, relative)
    }

    /// What belongs to the package of this directory below `root`.
    fn tree(&self, root: &Path, home: &Path, limits: &Limits) -> Tree {
        let is_own = |set: &BTreeSet<PathBuf>| set.contains(home);
        let is_package = is_own(&self.skills) || is_own(&self.manifests);
        // What lies below a path follows it.
        let inside = |set: &BTreeSet<PathBuf>| {
            let below = set.range(home.to_owned()..).take_while(|other| other.starts_with(home));
            below.filter_map(|other| other.strip_prefix(home).ok().map(Path::to_owned)).collect::<Vec<_>>()
        };
        let is_left_of_root = home.as_os_str().is_empty() && !is_package;
        let without = if is_package || is_left_of_root {
            BTreeSet::new()
        } else {
            inside(&self.skills).into_iter().chain(inside(&self.manifests)).collect()
        };
        let depth = if is_left_of_root { 1 } else { limits.directory_depth - home.components().count() };
        Tree { base: root.join(home), without, depth, weight: 0, document: None }
    }

    /// The package that a file belongs to, as a directory below the root (empty for the root).
    fn of(&self, path: &Path) -> PathBuf {
        let outermost = |set: &BTreeSet<PathBuf>| {
            path.ancestors().skip(1).filter(|dir| set.contains(*dir)).last().map(Path::to_owned)
        };
        outermost(&self.skills).or_else(|| outermost(&self.manifests)).unwrap_or_else(|| {
            let mut parts = path.components();
            match (parts.next(), parts.next()) {
                (Some(first), Some(_)) => PathBuf::from(first.as_os_str()),
                _ => PathBuf::new(),
            }
        })
    }
}

fn has_ancestor_in(dir: &Path, set: &BTreeSet<PathBuf>) -> bool {
    dir.ancestors().skip(1).any(|above| set.contains(above))
}

fn is_top(path: &Path) -> bool {
    path.components().count() == 1
}

fn lower_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// Whether loaders take a file of this name for a skill's main document.
pub(crate) fn is_skill_name(path: &Path) -> bool {
    SKILL_NAMES.contains(&lower_name(path).as_str())
}

fn is_manifest(path: &Path) -> bool {
    MANIFEST_NAMES.contains(&lower_name(path).as_str())
}

fn joined(outer: &Path, inner: &str) -> String {
    let outer = SkillPath::new(outer).shown().to_owned();
    match (outer.as_str(), inner) {
        ("", inner) => inner.to_owned(),
        (_, ".") => outer,
        (_, inner) => format!("{outer}/{inner}"),
    }
}

impl Discovered {
    /// A single file, or the package that it holds if it is an archive.
    pub(crate) fn single(root: &Path, file: PathBuf, bytes: u64) -> Self {
        Self::one(root.to_owned(), Content::File { path: file, bytes })
    }

    /// Bytes that are no file, or the package that they hold if they are an archive.
    pub fn given(name: &str, bytes: Vec<u8>) -> Self {
        let name = PathBuf::from(name);
        Self::one(name.clone(), Content::Given { name, bytes: bytes.into() })
    }

    /// A package of files that are in memory already, each with its path in it.
    pub fn held(name: &str, files: Vec<(PathBuf, Arc<[u8]>)>) -> Self {
        Self::one(PathBuf::from(name), Content::Held(files))
    }

    fn one(root: PathBuf, content: Content) -> Self {
        let source = if matches!(content, Content::Given { .. }) { "stdin" } else { PATH };
        Self {
            root,
            source,
            precedence: None,
            packages: vec![PackageRef { path: ".".to_owned(), content, gaps: Vec::new(), linked_to: None }],
            recorded: Arc::default(),
        }
    }
}
