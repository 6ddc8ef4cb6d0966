//! Rules of one's own: a directory laid out like `signatures/`, read beside what is built in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::rule::RuleError;

/// Largest file of a pack, in bytes.
const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Most files of a pack.
const FILES: usize = 10_000;
/// Folders whose files are rules; what else lies in a pack (fixtures, a README) is left alone.
const FOLDERS: [&str; 3] = ["rules", "lexicons", "lists"];
/// Lists whose rows a pack adds to.
const LISTS: [&str; 8] = [
    "hosts.csv",
    "indicators.csv",
    "paths.csv",
    "popular.csv",
    "providers.csv",
    "registries.csv",
    "tools.csv",
    "vendors.csv",
];

/// Files of a pack, named as below `signatures/`.
pub struct Pack {
    /// The directory.
    pub root: PathBuf,
    pub(super) files: BTreeMap<String, String>,
}

impl Pack {
    /// Reads a directory.
    ///
    /// # Errors
    /// If it cannot be read, or holds no rule, phrase list or list.
    pub fn read(root: &Path) -> Result<Self, RuleError> {
        let broken = |file: &Path, why: String| RuleError::Body { file: file.display().to_string(), why };
        let root = fs::canonicalize(root).map_err(|error| broken(root, error.to_string()))?;
        let mut files = BTreeMap::new();
        for folder in FOLDERS.map(|folder| root.join(folder)) {
            if !folder.is_dir() {
                continue;
            }
            for entry in WalkDir::new(&folder).sort_by_file_name() {
                let entry = entry.map_err(|error| broken(&folder, error.to_string()))?;
                let path = entry.path();
                if !entry.file_type().is_file() {
                    continue;
                }
                if entry.metadata().is_ok_and(|meta| meta.len() > FILE_BYTES) || files.len() >= FILES {
                    return Err(broken(path, format!("a pack has up to {FILES} files of {FILE_BYTES} bytes each")));
                }
                let text = fs::read_to_string(path).map_err(|error| broken(path, error.to_string()))?;
                let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
                files.insert(name, text);
            }
        }
        if files.is_empty() {
            return Err(broken(&root, "holds no rules/, lexicons/ or lists/".to_owned()));
        }
        Ok(Self { root, files })
    }

    /// Its rules, by id.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.files.keys().filter_map(|name| name.strip_prefix("rules/")?.strip_suffix(".md"))
    }

    /// Adds its files to `files`; says what cannot be added.
    pub(super) fn add_to(&self, files: &mut BTreeMap<String, String>) -> Vec<RuleError> {
        let mut errors = Vec::new();
        let mut refuse = |file: &str, why: &str| {
            errors.push(RuleError::Body { file: file.to_owned(), why: why.to_owned() });
        };
        for (name, text) in &self.files {
            if let Some(list) = name.strip_prefix("lists/") {
                if !LISTS.contains(&list) {
                    refuse(name, &format!("a pack adds rows to these lists only: {}", LISTS.join(", ")));
                    continue;
                }
                let rows = text.split_once('\n').map_or("", |(_, rows)| rows);
                let whole = files.entry(name.clone()).or_insert_with(|| text.lines().take(1).collect::<String>());
                if !whole.ends_with('\n') {
                    whole.push('\n');
                }
                whole.push_str(rows);
            } else if files.contains_key(name) {
                refuse(name, "there is one of this name already; a pack adds, it does not replace");
            } else {
                files.insert(name.clone(), text.clone());
            }
        }
        errors
    }
}
