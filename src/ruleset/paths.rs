//! Classes of paths: whose place in a file system it is, for rules that weigh what is read, written or deleted.

use std::sync::OnceLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::rule::RuleError;

/// Name in error messages.
const FILE: &str = "lists/paths.csv";

/// Table of path classes, from `lists/paths.csv`.
#[derive(Default)]
pub struct Paths {
    patterns: Vec<String>,
    /// Compiled when a path is first compared.
    globs: OnceLock<GlobSet>,
    classes: Vec<String>,
}

impl Paths {
    pub(crate) fn parse(text: &str) -> Result<Self, RuleError> {
        let (mut patterns, mut classes) = (Vec::new(), Vec::new());
        for row in super::csv(FILE, text)? {
            let [pattern, class, ..] = row.as_slice() else { return Err(super::bad_row(FILE, &row)) };
            let is_anchored = pattern.starts_with(['~', '/']) || pattern.starts_with("**");
            let pattern = if is_anchored { pattern.clone() } else { format!("**/{pattern}") };
            patterns.push(pattern.to_ascii_lowercase());
            classes.push(class.clone());
        }
        Ok(Self { patterns, globs: OnceLock::new(), classes })
    }

    /// Compiles all patterns.
    ///
    /// # Errors
    /// Names what is no glob.
    pub fn compile(&self) -> Result<GlobSet, String> {
        let mut globs = GlobSetBuilder::new();
        for pattern in &self.patterns {
            globs.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| error.to_string())?);
        }
        globs.build().map_err(|error| error.to_string())
    }

    /// Whether any row has this class.
    pub fn has_class(&self, class: &str) -> bool {
        self.classes.iter().any(|known| known == class)
    }

    /// Classes of a path as it stands in code or text.
    pub fn classes(&self, path: &str) -> impl Iterator<Item = &str> {
        let found = if path.len() <= 1024 {
            self.globs.get_or_init(|| self.compile().unwrap_or_default()).matches(folded(path))
        } else {
            Vec::new()
        };
        found.into_iter().filter_map(|index| self.classes.get(index)).map(String::as_str)
    }
}

/// A path in lower case with `/` between its parts, and with `~` for anybody's home.
fn folded(path: &str) -> String {
    const HOMES: [&str; 8] = [
        "$home",
        "${home}",
        "%userprofile%",
        "$env:userprofile",
        "${env:userprofile}",
        "%homepath%",
        "/root",
        "$env:home",
    ];
    const ROAMING: [&str; 3] = ["%appdata%", "$env:appdata", "${env:appdata}"];
    const LOCAL: [&str; 3] = ["%localappdata%", "$env:localappdata", "${env:localappdata}"];
    let path = path.trim().trim_matches(['"', '\'']).replace('\\', "/").to_ascii_lowercase();
    let under = |prefix: &str| path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let replaced = |prefixes: &[&str], by: &str| {
        prefixes.iter().find_map(|prefix| under(prefix)).map(|rest| format!("{by}{rest}"))
    };
    let of_user = || {
        let rest = ["/users/", "/home/", "c:/users/"].iter().find_map(|prefix| path.strip_prefix(prefix))?;
        let (_, rest) = rest.split_once('/')?;
        Some(format!("~/{rest}"))
    };
    replaced(&HOMES, "~")
        .or_else(|| replaced(&ROAMING, "~/appdata/roaming"))
        .or_else(|| replaced(&LOCAL, "~/appdata/local"))
        .or_else(of_user)
        .unwrap_or(path)
}
