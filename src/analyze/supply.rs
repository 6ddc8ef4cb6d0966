//! Packages that a skill pulls in: what its manifests, lock files and build files say that honest ones rarely do.
//! One fact for each thing worth knowing; entries that come from where everyone's come give none.

use std::collections::{BTreeMap, HashMap};

use super::install::Install;
use crate::artifact::{Artifact, ArtifactId};
use crate::expand::Expanded;
use crate::fact::Fact;
use crate::finding::{Gap, GapKind};
use crate::parse::Kind;
use crate::ruleset::Ruleset;
use crate::text;

mod bad;
mod entry;
mod judge;
mod list;
mod node;
mod python;
mod read;
mod script;
mod version;

pub(super) use bad::{is_listed, is_near};
pub(crate) use version::compare as compare_versions;

use entry::{Ecosystem, Entry};
use read::{Anchor, FILE_BYTES};

/// Manifests and lock files of one package that are read.
const FILES: usize = 1000;
/// Bytes of them.
const BYTES: usize = 32 * 1024 * 1024;
/// Facts about one file.
const FACTS: usize = 100;

/// What an address of packages is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// All packages come from there.
    Main,
    /// Some may come from there.
    Extra,
    /// Those of one scope or of one name come from there.
    Scope,
    /// Nobody checks that it is the right place.
    Unverified,
}

/// A place of packages that a file names.
#[derive(Debug, Clone)]
struct Index {
    url: String,
    what: Use,
    anchor: Anchor,
}

/// What one file says.
#[derive(Debug)]
struct Read {
    ecosystem: Ecosystem,
    is_lock: bool,
    entries: Vec<Entry>,
    indexes: Vec<Index>,
    /// Further addresses in a lock file.
    strays: Vec<(String, Anchor)>,
    /// Names that the root of a lock file needs.
    roots: Vec<String>,
    /// Names that other folders of the repository need.
    also: Vec<String>,
    /// Whether the lock file repeats what its manifest needs.
    has_root: bool,
    /// Whether it says what each entry needs.
    knows_needs: bool,
    /// Whether each entry of a registry has a digest, even without an address.
    always_digests: bool,
    /// Host and owner of the repository that a manifest names.
    owner: Option<String>,
    /// Name and version that a manifest has itself.
    identity: Option<(String, String)>,
    /// Files that a manifest names, with what they are for.
    places: Vec<(String, String)>,
    /// Scripts of a manifest.
    phases: Vec<(String, String)>,
    /// Keys that a manifest has twice.
    repeated: Vec<String>,
}

impl Read {
    fn new(ecosystem: Ecosystem, is_lock: bool) -> Self {
        Self {
            ecosystem,
            is_lock,
            entries: Vec::new(),
            indexes: Vec::new(),
            strays: Vec::new(),
            roots: Vec::new(),
            also: Vec::new(),
            has_root: false,
            knows_needs: false,
            always_digests: false,
            owner: None,
            identity: None,
            places: Vec::new(),
            phases: Vec::new(),
            repeated: Vec::new(),
        }
    }

    fn manifest(ecosystem: Ecosystem) -> Self {
        Self::new(ecosystem, false)
    }

    fn lock(ecosystem: Ecosystem) -> Self {
        Self::new(ecosystem, true)
    }
}

/// A folder, in the package itself or in an archive of it.
type Folder = (Option<String>, String);

/// A file that was read.
struct Seen<'a> {
    artifact: &'a Artifact,
    source: String,
    folder: Folder,
    read: Read,
}

/// Versions that lock files name, by folder and ecosystem.
#[derive(Default)]
struct Locks {
    by_folder: BTreeMap<(Folder, Ecosystem), HashMap<String, Vec<String>>>,
}

impl Locks {
    fn add(&mut self, seen: &Seen<'_>) {
        let versions = self.by_folder.entry((seen.folder.clone(), seen.read.ecosystem)).or_default();
        for entry in &seen.read.entries {
            let name = seen.read.ecosystem.fold(&entry.name);
            versions.entry(name).or_default().push(entry.version.clone());
        }
    }

    /// The lock file that counts in a folder: its own, or that of a folder above.
    fn of(&self, folder: &Folder, ecosystem: Ecosystem) -> Option<&HashMap<String, Vec<String>>> {
        let (archive, path) = folder;
        let mut path = path.as_str();
        loop {
            if let Some(found) = self.by_folder.get(&((archive.clone(), path.to_owned()), ecosystem)) {
                return Some(found);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

/// Adds the facts.
pub(super) fn add_facts(expanded: &mut Expanded, rules: &Ruleset) {
    let mut facts: Vec<(ArtifactId, Fact)> = Vec::new();
    let mut gaps = Vec::new();
    let artifacts = || expanded.arena.iter().filter(|artifact| artifact.is_file());
    let mut files = None;
    let mut seen: Vec<Seen<'_>> = Vec::new();
    let mut bytes = 0;
    for artifact in artifacts() {
        let (path, name) =
            (artifact.named().shown().to_ascii_lowercase(), artifact.named().name().to_ascii_lowercase());
        if artifact.bytes.len() > FILE_BYTES || seen.len() >= FILES || bytes + artifact.bytes.len() > BYTES {
            if is_read(&name, &path) {
                let why = "too much to read what it has installed";
                gaps.push(Gap::new(GapKind::OverLimit, artifact.path.shown(), why));
            }
            continue;
        }
        if matches!(name.as_str(), "setup.py" | "build.rs" | "extconf.rb" | "cmakelists.txt" | "binding.gyp") {
            let files = files.get_or_insert_with(|| script::Files::new(artifacts()));
            facts.extend(script::build_file(artifact, &name, files).into_iter().map(|fact| (artifact.id, fact)));
        }
        let has_own = name.ends_with(".py") && python::own_requirements(&text::view(&artifact.bytes)).is_some();
        if !has_own && !is_read(&name, &path) {
            continue;
        }
        bytes += artifact.bytes.len();
        let source = text::view(&artifact.bytes).into_owned();
        if let Some(read) = read_file(&name, &path, &source) {
            let shown = artifact.named().shown();
            let folder = shown.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let archive = artifact.member.as_ref().map(|_| artifact.path.shown().to_owned());
            seen.push(Seen { artifact, source, folder: (archive, folder), read });
        }
    }
    let mut locks = Locks::default();
    seen.iter().filter(|seen| seen.read.is_lock).for_each(|seen| locks.add(seen));
    for one in &seen {
        let mut found = judge::facts(one, &locks, rules);
        if one.read.is_lock {
            let manifest = seen.iter().find(|other| {
                !other.read.is_lock && other.folder == one.folder && other.artifact.named().name() == "package.json"
            });
            found.extend(manifest.into_iter().flat_map(|manifest| judge::strangers(one, manifest)));
            found.extend(manifest.into_iter().flat_map(|manifest| judge::outside(one, manifest)));
            found.extend(judge::scripts(one));
        } else if !one.read.phases.is_empty() && !judge::is_vendored(&one.folder.1) {
            let files = files.get_or_insert_with(|| script::Files::new(artifacts()));
            found.extend(script::lifecycle(one.artifact, &one.source, &one.read.phases, files));
        }
        for (_, path) in one.read.places.iter().filter(|(what, _)| what == "build-backend") {
            let files = files.get_or_insert_with(|| script::Files::new(artifacts()));
            if let Some(backend) = files.find(one.artifact, path) {
                let built = script::build_file(backend, "build-backend", files);
                facts.extend(built.into_iter().map(|fact| (backend.id, fact)));
            }
        }
        found.truncate(FACTS);
        facts.extend(found.into_iter().map(|fact| (one.artifact.id, fact)));
    }
    let scripts = list::scripts(&seen);
    let installs: Vec<Install> = seen.iter().flat_map(|one| list::installs(one, &locks, &scripts)).collect();
    let advised: Vec<_> = seen.iter().flat_map(|one| list::advised(one, &locks, rules)).collect();
    let first = artifacts().find(|artifact| judge::is_vendored(artifact.named().shown()));
    facts.extend(first.map(|artifact| (artifact.id, judge::vendored(artifact))));
    expanded.gaps.extend(gaps);
    expanded.facts.extend(facts);
    expanded.installs.extend(installs);
    expanded.advised.extend(advised);
}

/// A package's name as it is compared.
pub(super) fn fold(ecosystem: &str, name: &str) -> String {
    Ecosystem::named(ecosystem).map_or_else(|| name.to_owned(), |ecosystem| ecosystem.fold(name))
}

/// Whether a package manager reads the file as it stands.
pub(super) fn is_package_file(artifact: &Artifact) -> bool {
    let path = artifact.named();
    artifact.is_file() && is_read(&path.name().to_ascii_lowercase(), &path.shown().to_ascii_lowercase())
}

/// Whether a place is in what a script says of its own requirements: package managers read it, though it is a comment.
pub(super) fn is_own_requirement(artifact: &Artifact, at: usize) -> bool {
    artifact.kind == Kind::Python
        && python::own_requirements(&text::view(&artifact.bytes)).is_some_and(|own| own.contains(&at))
}

/// Whether a file is one that is read here.
fn is_read(name: &str, path: &str) -> bool {
    matches!(
        name,
        "package.json"
            | "package-lock.json"
            | "npm-shrinkwrap.json"
            | ".package-lock.json"
            | "pnpm-lock.yaml"
            | "yarn.lock"
            | "bun.lock"
            | ".npmrc"
            | ".yarnrc"
            | ".yarnrc.yml"
            | "bunfig.toml"
            | "pipfile"
            | "pipfile.lock"
            | "uv.lock"
            | "poetry.lock"
            | "pdm.lock"
            | "pyproject.toml"
            | "pip.conf"
            | "pip.ini"
            | "uv.toml"
            | "cargo.toml"
            | "cargo.lock"
    ) || is_requirements(name, path)
        || path.ends_with(".cargo/config.toml")
}

/// Whether it is a list of requirements of pip.
fn is_requirements(name: &str, path: &str) -> bool {
    let is_list = name.ends_with(".txt") || name.ends_with(".in");
    let is_named = name.starts_with("requirements") || name.ends_with("requirements.txt") || name == "constraints.txt";
    is_list && (is_named || path.contains("requirements/"))
}

/// Reads a file by its name.
fn read_file(name: &str, path: &str, source: &str) -> Option<Read> {
    match name {
        "package.json" => node::manifest(source),
        "package-lock.json" | "npm-shrinkwrap.json" | ".package-lock.json" => node::npm_lock(source),
        "pnpm-lock.yaml" => node::pnpm_lock(source),
        "yarn.lock" => node::yarn_lock(source),
        "bun.lock" => node::bun_lock(source),
        ".npmrc" | ".yarnrc" | ".yarnrc.yml" | "bunfig.toml" => Some(node::settings(source)),
        "pipfile" => python::pipfile(source),
        "pipfile.lock" => python::pipfile_lock(source),
        "uv.lock" | "poetry.lock" | "pdm.lock" => python::package_list(source, Ecosystem::Pypi),
        "pyproject.toml" => python::pyproject(source),
        "pip.conf" | "pip.ini" | "uv.toml" => Some(python::settings(source)),
        "cargo.toml" => python::cargo(source),
        "cargo.lock" => python::package_list(source, Ecosystem::Cargo),
        _ if name.ends_with(".py") => python::script(source),
        _ if path.ends_with(".cargo/config.toml") => python::cargo_settings(source),
        _ => Some(python::requirements(source)),
    }
}
