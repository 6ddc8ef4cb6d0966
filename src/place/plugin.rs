//! Folders of skills that plugins and OpenClaw itself bring.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::json5::{FILE_BYTES, read_json5};
use super::search::{Owner, Search};
use super::{Source, normal};

/// Programs that are, or were, OpenClaw.
const PROGRAMS: [&str; 4] = ["openclaw", "clawdbot", "moltbot", "moldbot"];
/// How far above its program a package may begin.
const PACKAGE_DEPTH: usize = 4;
/// Most directories of `PATH`.
const PATH_ENTRIES: usize = 256;
/// Most folders that one manifest names.
const NAMED_FOLDERS: usize = 1_000;
/// Manifests of OpenClaw's own kind, which name folders of skills under `skills`.
const OWN_MANIFESTS: [&str; 4] =
    ["openclaw.plugin.json", "clawdbot.plugin.json", "moltbot.plugin.json", "moldbot.plugin.json"];
/// Manifests of other agents, whose commands OpenClaw takes for skills too.
const OTHER_MANIFESTS: [&str; 4] =
    ["plugin.json", ".codex-plugin/plugin.json", ".claude-plugin/plugin.json", ".cursor-plugin/plugin.json"];
/// Keys of those that name folders of skills.
const OTHER_KEYS: [&str; 4] = ["skills", "commands", "agents", "outputStyles"];
/// Folders that those need not name.
const OTHER_FOLDERS: [&str; 4] = ["commands", "agents", "output-styles", ".cursor/commands"];

impl Search<'_> {
    /// A folder that holds plugins.
    pub(super) fn plugins_in(&mut self, folder: &Path, owner: &Owner) {
        if !self.visited.insert(folder.to_owned()) {
            return;
        }
        for plugin in self.list(folder, |_| true) {
            self.plugin(&plugin, owner);
        }
    }

    /// An entry of `plugins.load.paths`: a plugin, a file of one, or a folder of plugins.
    pub(super) fn plugins_at(&mut self, path: &Path, owner: &Owner) {
        if path.is_file() {
            return self.plugin(path.parent().unwrap_or(path), owner);
        }
        self.plugin(path, owner);
        let is_plugin = |name: &&str| path.join(name).is_file();
        if !OWN_MANIFESTS.iter().chain(&OTHER_MANIFESTS).chain(&["package.json"]).any(is_plugin) {
            self.plugins_in(path, owner);
        }
    }

    /// One plugin: its folder `skills`, and those that its manifest names.
    fn plugin(&mut self, plugin: &Path, owner: &Owner) {
        let Ok(real) = fs::canonicalize(plugin) else { return };
        if !self.plugins.insert(real.clone()) {
            return;
        }
        let by_name = |name: &str, manifest: &str| (normal(&plugin.join(name)), manifest.to_owned());
        let mut named: Vec<(PathBuf, String)> = Vec::new();
        for manifest in OWN_MANIFESTS {
            let names = self.manifest(&plugin.join(manifest), &["skills"]);
            named.extend(names.unwrap_or_default().iter().map(|name| by_name(name, manifest)));
        }
        let mut usual = vec!["skills"];
        for manifest in OTHER_MANIFESTS {
            let Some(names) = self.manifest(&plugin.join(manifest), &OTHER_KEYS) else { continue };
            named.extend(names.iter().map(|name| by_name(name, manifest)));
            usual.extend(OTHER_FOLDERS);
        }
        let shown = self.environment.shown(plugin);
        for (folder, manifest) in named {
            // What leads out of the plugin is not loaded, and may be as large as the disk.
            let inside = match fs::canonicalize(&folder) {
                Ok(folder) => folder.starts_with(&real),
                Err(_) => folder.starts_with(plugin),
            };
            if inside {
                self.push(folder, Source::Extra, format!("plugin {shown}: {manifest}"), owner);
            } else {
                self.complain(format!("{shown}/{manifest}: names a folder of skills outside the plugin"));
            }
        }
        for name in usual {
            let folder = plugin.join(name);
            if fs::canonicalize(&folder).is_ok_and(|folder| folder.is_dir() && folder.starts_with(&real)) {
                self.push(folder, Source::Extra, format!("plugin {shown}"), owner);
            }
        }
    }

    /// Texts under these keys of a manifest, each one text or a list; none if there is no manifest.
    fn manifest(&mut self, file: &Path, keys: &[&str]) -> Option<Vec<String>> {
        let value = match read_json5(file, FILE_BYTES) {
            Ok(found) => found?.0,
            Err(why) => {
                self.complain(format!("{}: {why}", self.environment.shown(file)));
                return None;
            }
        };
        let texts = keys.iter().filter_map(|key| value.get(key)).flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            single => vec![single],
        });
        let texts = texts.filter_map(Value::as_str).map(|text| text.trim().replace('\0', ""));
        let mut texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        if texts.len() > NAMED_FOLDERS {
            let shown = self.environment.shown(file);
            self.complain(format!("{shown}: names more than {NAMED_FOLDERS} folders, the rest was left out"));
            texts.truncate(NAMED_FOLDERS);
        }
        Some(texts)
    }

    /// What OpenClaw itself brings: named by a variable, or near the program on `PATH`.
    pub(super) fn bundled(&mut self) {
        let name = "OPENCLAW_BUNDLED_SKILLS_DIR";
        if let Some(folder) = self.environment.path(name) {
            self.bundle(folder, name.to_owned());
        }
        let Some(path) = self.environment.variables.get("PATH") else { return };
        for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()).take(PATH_ENTRIES) {
            for program in PROGRAMS.iter().map(|name| folder.join(name)).filter(|program| program.is_file()) {
                self.program(&program);
            }
        }
    }

    fn program(&mut self, program: &Path) {
        let Ok(real) = fs::canonicalize(program) else { return };
        for (above, folder) in real.ancestors().skip(1).take(PACKAGE_DEPTH).enumerate() {
            let is_package = is_package(folder);
            if is_package {
                self.plugins.insert(folder.to_owned());
            }
            let skills = folder.join("skills");
            if (above == 0 || is_package) && skills.is_dir() {
                self.bundle(skills, format!("PATH: {}", self.environment.shown(program)));
            }
        }
    }

    fn bundle(&mut self, folder: PathBuf, reason: String) {
        let custodian = folder.with_file_name("custodian-skills");
        if custodian.is_dir() {
            let owner = Owner { agent: Some("custodian".to_owned()), ..Owner::default() };
            self.push(custodian, Source::Custodian, reason.clone(), &owner);
        }
        self.push(folder, Source::Bundled, reason, &Owner::default());
    }
}

/// Whether OpenClaw's package begins here.
fn is_package(folder: &Path) -> bool {
    let Ok(Some((manifest, _))) = read_json5(&folder.join("package.json"), FILE_BYTES) else { return false };
    manifest.get("name").and_then(Value::as_str).is_some_and(|name| PROGRAMS.contains(&name))
}
