//! Installed packages of OpenClaw and of other programs, by the manifests that package managers leave. Nothing is run.

use std::path::{Path, PathBuf};

use super::super::host::{Host, User};
use super::unit::NAMES;
use super::version::Version;

/// Largest manifest, in bytes.
const BYTES: u64 = 1024 * 1024;
/// How far above its program a package may begin.
const DEPTH: usize = 6;
/// Most packages of one folder.
const PACKAGES: usize = 5_000;

/// A package that a manager installed for all its user's projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name in the registry.
    pub name: String,
    /// Its version, as its manifest has it.
    pub version: String,
    /// Which registry: `npm` or `pypi`.
    pub ecosystem: &'static str,
    /// Its manifest.
    pub manifest: PathBuf,
}

impl Package {
    /// Its version in OpenClaw's order.
    pub fn ordered(&self) -> Option<Version> {
        Version::parse(&self.version)
    }

    /// Whether it is OpenClaw, under any of its names.
    pub fn is_openclaw(&self) -> bool {
        self.ecosystem == "npm" && NAMES.contains(&self.name.as_str())
    }
}

/// Folders whose entries are globally installed npm packages, `*` standing for any one name.
const SYSTEM: [&str; 4] = [
    "/usr/lib/node_modules",
    "/usr/local/lib/node_modules",
    "/opt/homebrew/lib/node_modules",
    "/opt/*/lib/node_modules",
];
const HOME: [&str; 13] = [
    ".npm-global/lib/node_modules",
    ".local/lib/node_modules",
    ".nvm/versions/node/*/lib/node_modules",
    ".volta/tools/image/packages/*/lib/node_modules",
    ".local/share/fnm/node-versions/*/installation/lib/node_modules",
    ".local/share/mise/installs/node/*/lib/node_modules",
    ".asdf/installs/nodejs/*/lib/node_modules",
    ".local/share/pnpm/global/*/node_modules",
    ".config/yarn/global/node_modules",
    ".bun/install/global/node_modules",
    ".openclaw/lib/node_modules",
    ".local/share/pnpm/global/*/.pnpm/node_modules",
    "node_modules",
];
/// Checkouts that are a package themselves.
const CHECKOUTS: [&str; 5] = ["openclaw", "clawdbot", "moltbot", "src/openclaw", ".openclaw/openclaw"];
/// Where pipx keeps an environment for each program.
const PIPX: [&str; 2] = [".local/share/pipx/venvs/*", ".local/pipx/venvs/*"];

/// All packages that are installed for everyone or for this user, in order of their places.
pub fn installed(host: &Host, user: &User) -> Vec<Package> {
    let system = SYSTEM.iter().map(PathBuf::from);
    let home = HOME.iter().map(|folder| user.home.join(folder));
    let mut found: Vec<Package> = Vec::new();
    for folder in system.chain(home).flat_map(|pattern| expanded(host, &pattern)) {
        found.extend(modules(host, &folder));
    }
    found
        .extend(CHECKOUTS.iter().filter_map(|folder| node(host, &user.home.join(folder))).filter(Package::is_openclaw));
    let environments = PIPX.iter().map(|folder| user.home.join(folder));
    let environments = environments.chain([PathBuf::from("/opt/pipx/venvs/*")]);
    for folder in environments.flat_map(|pattern| expanded(host, &pattern)) {
        found.extend(python(host, &folder));
    }
    let mut seen = std::collections::BTreeSet::new();
    let real = |package: &Package| host.walk(&package.manifest).map_or(package.manifest.clone(), |walk| walk.real);
    found.retain(|package| seen.insert(real(package)));
    found
}

/// Directories that a pattern names, `*` standing for any one name.
fn expanded(host: &Host, pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.components().skip(1) {
        found = if part.as_os_str() == "*" {
            let entries = found.iter().flat_map(|folder| host.list(folder).unwrap_or_default());
            entries.map(|entry| entry.path).take(PACKAGES).collect()
        } else {
            found.into_iter().map(|folder| folder.join(part)).collect()
        };
    }
    found.retain(|folder| host.is_dir(folder));
    found
}

fn modules(host: &Host, folder: &Path) -> Vec<Package> {
    let entries = host.list(folder).unwrap_or_default();
    let mut found = Vec::new();
    for entry in entries.iter().take(PACKAGES) {
        if entry.text().starts_with('@') {
            let scoped = host.list(&entry.path).unwrap_or_default();
            found.extend(scoped.iter().take(PACKAGES).filter_map(|entry| node(host, &entry.path)));
        } else {
            found.extend(node(host, &entry.path));
        }
    }
    found
}

/// The npm package in a folder.
fn node(host: &Host, folder: &Path) -> Option<Package> {
    let manifest = folder.join("package.json");
    let value: serde_json::Value = serde_json::from_slice(&host.read(&manifest, BYTES).ok()?).ok()?;
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    Some(Package { name: text("name")?, version: text("version")?, ecosystem: "npm", manifest })
}

/// Packages in a Python environment.
fn python(host: &Host, environment: &Path) -> Vec<Package> {
    let mut found = Vec::new();
    for folder in expanded(host, &environment.join("lib/*/site-packages")) {
        for entry in host.list_if(&folder, |name| name.ends_with(".dist-info")).unwrap_or_default() {
            let manifest = entry.path.join("METADATA");
            let Ok((bytes, _)) = host.head(&manifest, 64 * 1024) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned());
            if let (Some(name), Some(version)) = (field("Name:"), field("Version:")) {
                found.push(Package { name, version, ecosystem: "pypi", manifest });
            }
        }
    }
    found
}

/// The OpenClaw package that a program belongs to.
pub fn of_program(host: &Host, program: &Path) -> Option<Package> {
    let real = host.walk(program).ok()?.real;
    real.ancestors().skip(1).take(DEPTH).filter_map(|folder| node(host, folder)).find(Package::is_openclaw)
}
