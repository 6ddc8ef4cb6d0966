//! Classes of paths: whose place in a file system it is, for rules that weigh what is read, written or deleted.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use fast_glob::glob_match;
use globset::Glob;

use crate::rule::RuleError;
use crate::ruleset::words::{Index, Literal, Owner};

/// Name in error messages.
const FILE: &str = "lists/paths.csv";

/// Longest path that is compared, and longest one that a pattern without a word may mean, in bytes.
const LONGEST: usize = 1024;
const SHORT: usize = 8;

/// Table of path classes, from `lists/paths.csv`.
#[derive(Default)]
pub struct Paths {
    rows: Vec<Row>,
    /// Built when a path is first compared: what stands in the patterns as it does in the paths.
    literals: OnceLock<Index>,
}

struct Row {
    pattern: String,
    class: String,
    /// The longest part of the pattern without wildcards; none where that is no more than signs.
    literal: Option<Literal<'static>>,
}

impl Paths {
    pub(crate) fn parse(text: &str) -> Result<Self, RuleError> {
        let mut rows = Vec::new();
        for row in super::csv(FILE, text)? {
            let [pattern, class, ..] = row.as_slice() else { return Err(super::bad_row(FILE, &row)) };
            let is_anchored = pattern.starts_with(['~', '/']) || pattern.starts_with("**");
            let pattern = if is_anchored { pattern.clone() } else { format!("**/{pattern}") };
            let pattern = pattern.to_ascii_lowercase();
            rows.push(Row { literal: literal(&pattern), pattern, class: class.clone() });
        }
        Ok(Self { rows, literals: OnceLock::new() })
    }

    /// Checks all patterns.
    ///
    /// # Errors
    /// Names what is no glob.
    pub fn check(&self) -> Result<(), String> {
        self.rows.iter().try_for_each(|row| Glob::new(&row.pattern).map(drop).map_err(|error| error.to_string()))
    }

    /// Whether any row has this class.
    pub fn has_class(&self, class: &str) -> bool {
        self.rows.iter().any(|row| row.class == class)
    }

    /// Classes of a path as it stands in code or text.
    pub fn classes(&self, path: &str) -> Vec<&str> {
        if path.len() > 64 * LONGEST {
            return Vec::new();
        }
        let path = folded(path);
        if path.len() > LONGEST {
            return Vec::new();
        }
        let index = self.literals.get_or_init(|| {
            let literals =
                self.rows.iter().enumerate().filter_map(|(at, row)| Some((row.literal.clone()?, at as Owner)));
            Index::new(literals)
        });
        let mut rows: BTreeSet<usize> = index.find(&path).into_iter().map(|(row, _)| row as usize).collect();
        if path.len() <= SHORT {
            rows.extend(self.rows.iter().enumerate().filter(|(_, row)| row.literal.is_none()).map(|(at, _)| at));
        }
        let rows = rows.into_iter().filter_map(|at| self.rows.get(at));
        rows.filter(|row| glob_match(&row.pattern, &path)).map(|row| row.class.as_str()).collect()
    }
}

/// The longest part of a pattern that every path stands for which it does.
fn literal(pattern: &str) -> Option<Literal<'static>> {
    let mut parts = vec![(0, String::new())];
    let mut depth = 0;
    // It may mean a path without a directory.
    let pattern = pattern.strip_prefix("**/").unwrap_or(pattern);
    for (at, c) in pattern.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            '*' | '?' => {}
            _ if depth > 0 => {}
            _ => {
                if let Some((_, part)) = parts.last_mut() {
                    part.push(c);
                }
                continue;
            }
        }
        parts.push((at + 1, String::new()));
    }
    let (start, text) = parts.into_iter().max_by_key(|(_, part)| part.len())?;
    let is_open = [start > 0, start + text.len() < pattern.len()];
    text.bytes().any(|byte| byte.is_ascii_alphanumeric()).then_some(Literal { text: text.into(), is_open })
}

/// A path without parts that lead nowhere.
fn direct(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let last = path.matches('/').count();
    for (at, part) in path.split('/').enumerate() {
        if at == 0 || !(part == "." || (part.is_empty() && at < last)) {
            if at > 0 {
                out.push('/');
            }
            out.push_str(part);
        }
    }
    out
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
    let path = if path.contains("//") || path.contains("/./") { direct(&path) } else { path };
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
