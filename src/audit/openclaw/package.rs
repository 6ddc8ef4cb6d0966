//! Installed packages of OpenClaw and of other programs, by the manifests that package managers leave. Nothing is run.

use std::path::{Path, PathBuf};

use super::super::host::{Entry, Host, Unread, User};
use super::unit::NAMES;

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

/// What package managers installed, and what of it could not be looked at.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    /// Packages, in order of their places.
    pub found: Vec<Package>,
    /// Folders and manifests that could not be read, and why.
    pub unread: Vec<(PathBuf, Unread)>,
}

/// All packages that are installed for everyone or for this user.
pub fn installed(host: &Host, user: &User) -> Packages {
    let system = SYSTEM.iter().map(PathBuf::from);
    let home = HOME.iter().map(|folder| user.home.join(folder));
    let mut packages = Packages::default();
    for folder in system.chain(home).flat_map(|pattern| expanded(host, &pattern)) {
        packages.modules(host, &folder);
    }
    for folder in CHECKOUTS {
        let checkout = node(host, &user.home.join(folder)).ok().flatten();
        packages.found.extend(checkout.filter(Package::is_openclaw));
    }
    let environments = PIPX.iter().map(|folder| user.home.join(folder));
    let environments = environments.chain([PathBuf::from("/opt/pipx/venvs/*")]);
    for folder in environments.flat_map(|pattern| expanded(host, &pattern)) {
        packages.python(host, &folder);
    }
    let mut seen = std::collections::BTreeSet::new();
    let real = |package: &Package| host.walk(&package.manifest).map_or(package.manifest.clone(), |walk| walk.real);
    packages.found.retain(|package| seen.insert(real(package)));
    packages
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

impl Packages {
    fn modules(&mut self, host: &Host, folder: &Path) {
        for entry in self.listed(host, folder, |name| !name.starts_with('.')) {
            if entry.text().starts_with('@') {
                let scoped = self.listed(host, &entry.path, |_| true);
                scoped.iter().for_each(|entry| self.node(host, &entry.path));
            } else {
                self.node(host, &entry.path);
            }
        }
    }

    fn node(&mut self, host: &Host, folder: &Path) {
        match node(host, folder) {
            Ok(package) => self.found.extend(package),
            Err(why) => self.unread.push((folder.join("package.json"), why)),
        }
    }

    /// Packages in a Python environment.
    fn python(&mut self, host: &Host, environment: &Path) {
        for folder in expanded(host, &environment.join("lib/*/site-packages")) {
            for entry in self.listed(host, &folder, |name| name.ends_with(".dist-info")) {
                let manifest = entry.path.join("METADATA");
                let text = match host.head(&manifest, 64 * 1024) {
                    Ok((bytes, _)) => String::from_utf8_lossy(&bytes).into_owned(),
                    Err(why) => {
                        self.unread.push((manifest, why));
                        continue;
                    }
                };
                let field =
                    |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned());
                if let (Some(name), Some(version)) = (field("Name:"), field("Version:")) {
                    self.found.push(Package { name, version, ecosystem: "pypi", manifest });
                }
            }
        }
    }

    fn listed(&mut self, host: &Host, folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
        match host.list_if(folder, wanted) {
            Ok(mut entries) => {
                if entries.len() > PACKAGES {
                    entries.truncate(PACKAGES);
                    self.unread
                        .push((folder.to_owned(), Unread::Other(format!("holds more than {PACKAGES} packages"))));
                }
                entries
            }
            Err(why) => {
                self.unread.push((folder.to_owned(), why));
                Vec::new()
            }
        }
    }
}

/// The npm package in a folder; none where the folder holds no manifest of one.
fn node(host: &Host, folder: &Path) -> Result<Option<Package>, Unread> {
    let manifest = folder.join("package.json");
    let bytes = match host.read(&manifest, BYTES) {
        Ok(bytes) => bytes,
        Err(Unread::Absent) => return Ok(None),
        Err(_) if !host.is_dir(folder) => return Ok(None),
        Err(why) => return Err(why),
    };
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| Unread::Other(format!("is no manifest: {error}")))?;
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let named = text("name").zip(text("version"));
    Ok(named.map(|(name, version)| Package { name, version, ecosystem: "npm", manifest }))
}

/// The OpenClaw package that a program belongs to.
pub fn of_program(host: &Host, program: &Path) -> Option<Package> {
    let real = host.walk(program).ok()?.real;
    real.ancestors().skip(1).take(DEPTH).filter_map(|folder| node(host, folder).ok()?).find(Package::is_openclaw)
}
