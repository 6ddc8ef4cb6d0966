//! One OpenClaw configuration with what it includes, and where each of its values stands. A value of the wrong kind is
//! reported by whoever asks for it; the rest is read.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::parse::data::{self, Data};
use crate::place::json5::{FILE_BYTES, Includes};
use crate::text::LineIndex;

use super::super::check::Evidence;
use super::super::host::{Host, Unread};

/// What became of a configuration.
#[derive(Debug)]
pub enum Loaded {
    /// There is none, so every default counts.
    Absent,
    /// It is there and could not be used: why.
    Broken(Unread),
    /// It was read.
    Read(Box<Config>),
}

/// A configuration that was read.
#[derive(Debug)]
pub struct Config {
    /// The file.
    pub file: PathBuf,
    /// Real paths of the files that it includes.
    pub included: Vec<PathBuf>,
    /// What of it could not be read, such as an include. Not escaped.
    pub complaints: Vec<String>,
    root: Value,
    texts: Vec<(PathBuf, Vec<u8>)>,
    lines: OnceLock<Vec<(PathBuf, LineIndex, Data)>>,
}

/// A value that should be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Nothing is set.
    Absent,
    /// It stands elsewhere, so that its value is not known: a variable or a secret store.
    Reference,
    /// A text that examples and templates hold, which OpenClaw refuses.
    Placeholder,
    /// Neither text nor reference.
    Invalid,
    /// It may stand in a file that could not be read.
    Hidden(Unread),
    /// It stands there in plain.
    Plain {
        /// Its length in characters.
        length: usize,
        /// Different characters in it.
        variety: usize,
        /// What it is known by, to compare without keeping it.
        digest: [u8; 16],
    },
}

/// Texts that OpenClaw refuses as a token or password.
const PLACEHOLDERS: [&str; 6] = [
    "undefined",
    "null",
    "change-me-to-a-long-random-token",
    "change-me-now",
    "change-me-to-a-strong-password",
    "__OPENCLAW_REDACTED__",
];

impl Secret {
    /// What a text is worth as a secret.
    pub fn of_text(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Absent;
        }
        if is_reference(text) {
            return Self::Reference;
        }
        if PLACEHOLDERS.iter().any(|placeholder| text.eq_ignore_ascii_case(placeholder)) {
            return Self::Placeholder;
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(Sha256::digest(text).get(..16).unwrap_or(&[0; 16]));
        let mut letters: Vec<char> = text.chars().collect();
        let length = letters.len();
        letters.sort_unstable();
        letters.dedup();
        Self::Plain { length, variety: letters.len(), digest }
    }

    /// What a value of the configuration is worth as a secret.
    pub fn of_value(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Absent,
            Some(Value::String(text)) => Self::of_text(text),
            Some(Value::Object(map)) if map.contains_key("source") => Self::Reference,
            Some(_) => Self::Invalid,
        }
    }

    /// Whether something is set that may serve, as far as is known.
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Reference | Self::Hidden(_) | Self::Plain { .. })
    }

    /// In words, without the value.
    pub fn shown(&self) -> String {
        match self {
            Self::Absent => "not set".to_owned(),
            Self::Reference => "a reference, the value is elsewhere".to_owned(),
            Self::Placeholder => "a placeholder".to_owned(),
            Self::Invalid => "neither text nor a reference".to_owned(),
            Self::Hidden(why) => format!("the file {why}"),
            Self::Plain { length, .. } => format!("{length} characters in plain text"),
        }
    }
}

/// Whether a text holds `${NAME}` or is `$NAME`; `$${NAME}` stands for itself.
pub(super) fn is_reference(text: &str) -> bool {
    let is_name = |name: &str| {
        let starts = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        starts && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    if text.strip_prefix('$').is_some_and(is_name) {
        return true;
    }
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let Some((name, after)) = from.split_once('}') else { return false };
        if !before.ends_with('$') && is_name(name) {
            return true;
        }
        rest = after;
    }
    false
}

impl Config {
    /// Reads a configuration; `roots` are further directories that it may include from.
    pub fn load(host: &Host, file: &Path, roots: Vec<PathBuf>) -> Loaded {
        let bytes = match host.read(file, FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(Unread::Absent) => return Loaded::Absent,
            Err(why) => return Loaded::Broken(why),
        };
        let shown = file.display().to_string();
        let mut includes = Includes::new(host, file, shown.clone(), roots);
        let Some(root) = includes.tree(file) else {
            let why = includes.complaints.first().map(|why| why.trim_start_matches(&format!("{shown}: ")).to_owned());
            return Loaded::Broken(Unread::Other(why.unwrap_or_else(|| "could not be read".to_owned())));
        };
        if !root.is_object() {
            return Loaded::Broken(Unread::Other("holds no object".to_owned()));
        }
        let mut texts = vec![(file.to_owned(), bytes)];
        let more = includes.included.iter().filter_map(|file| Some((file.clone(), host.read(file, FILE_BYTES).ok()?)));
        texts.extend(more);
        Loaded::Read(Box::new(Self {
            file: file.to_owned(),
            included: includes.included,
            complaints: includes.complaints,
            root,
            texts,
            lines: OnceLock::new(),
        }))
    }

    /// The value under a key path such as `gateway.auth.token`; `null` counts as none.
    pub fn get(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.root, |value, part| value.get(part)).filter(|value| !value.is_null())
    }

    /// The value under these names one below the other, which may hold dots.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.root, |value, part| value.get(part)).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// A switch.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Names and values under a key path.
    pub fn entries(&self, key: &str) -> impl Iterator<Item = (&str, &Value)> {
        let map = self.get(key).and_then(Value::as_object);
        map.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// Items of a list under a key path.
    pub fn items(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The whole of it.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The place of a key path, in the file that holds it.
    pub fn evidence(&self, key: &str) -> Evidence {
        let lines = self.lines.get_or_init(|| {
            let read = |(file, bytes): &(PathBuf, Vec<u8>)| {
                (file.clone(), LineIndex::new(bytes), data::json(&String::from_utf8_lossy(bytes)))
            };
            self.texts.iter().map(read).collect()
        });
        // Below an include a file has the end of the path only.
        let tails = key.match_indices('.').filter_map(|(at, _)| key.get(at + 1..));
        for tail in std::iter::once(key).chain(tails) {
            for ((file, index, data), (_, bytes)) in lines.iter().zip(&self.texts) {
                let is_it = |name: &str| {
                    let below = name.strip_prefix(tail);
                    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
                };
                let found = data.strings.iter().chain(&data.scalars).find(|value| is_it(&value.key));
                if let Some(value) = found.filter(|_| tail == key || *file != self.file) {
                    let line = index.line_column(bytes, value.range.start).0;
                    return Evidence::path(file).key(key).line(Some(line));
                }
            }
        }
        Evidence::path(&self.file).key(key)
    }
}
