//! JSON, TOML and YAML as one tree, read by real parsers inside limits, and the places of values in the text.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

/// Largest manifest or lock file that is read, in bytes.
pub(super) const FILE_BYTES: usize = 8 * 1024 * 1024;

/// Where something stands in a file.
#[derive(Debug, Clone)]
pub(super) enum Anchor {
    /// At these bytes.
    At(Range<usize>),
    /// Behind one another: each text after the one before, the last one being it.
    Path(Vec<String>),
}

impl Anchor {
    /// The anchor of a quoted key and what follows it.
    pub(super) fn keys<const N: usize>(keys: [&str; N], value: &str) -> Self {
        let quoted = keys.iter().map(|key| format!("\"{key}\""));
        Self::Path(quoted.chain(std::iter::once(value.to_owned())).collect())
    }

    /// The anchor of plain texts, each after the one before.
    pub(super) fn words<const N: usize>(words: [&str; N]) -> Self {
        Self::Path(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// The bytes that it names, or as near as the text allows.
    pub(super) fn locate(&self, text: &str) -> Range<usize> {
        let parts = match self {
            Self::At(range) => return range.clone(),
            Self::Path(parts) => parts,
        };
        let mut found = 0..0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let rest = text.as_bytes().get(found.end..).unwrap_or(b"");
            if let Some(at) = memchr::memmem::find(rest, part.as_bytes()) {
                found = found.end + at..found.end + at + part.len();
            }
        }
        found
    }
}

/// JSON, with comments and trailing commas where it has them.
pub(super) fn json(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&relaxed(text)).ok())
}

/// TOML.
pub(super) fn toml(text: &str) -> Option<Value> {
    ::toml::from_str(text).ok()
}

/// YAML.
pub(super) fn yaml(text: &str) -> Option<Value> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 200_000, max_depth: 64, max_aliases: 200 },
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).ok()
}

/// JSON with comments and trailing commas made blank.
fn relaxed(text: &str) -> Cow<'_, str> {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    let mut comma = None;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => {
                at += 1;
                while bytes.get(at).is_some_and(|&b| b != b'"') {
                    at += if bytes.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                at += 1;
                comma = None;
            }
            b'/' if matches!(bytes.get(at + 1), Some(b'/' | b'*')) => {
                let rest = bytes.get(at + 2..).unwrap_or(b"");
                let length = match bytes.get(at + 1) {
                    Some(b'/') => memchr::memchr(b'\n', rest),
                    _ => memchr::memmem::find(rest, b"*/").map(|length| length + 2),
                };
                at = length.map_or(bytes.len(), |length| at + 2 + length);
                bytes.iter_mut().take(at).skip(start).filter(|b| **b != b'\n').for_each(|b| *b = b' ');
            }
            b',' => {
                comma = Some(at);
                at += 1;
            }
            b'}' | b']' => {
                if let Some(byte) = comma.take().and_then(|comma| bytes.get_mut(comma)) {
                    *byte = b' ';
                }
                at += 1;
            }
            byte => {
                if !byte.is_ascii_whitespace() {
                    comma = None;
                }
                at += 1;
            }
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A scalar as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The text under a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// Whether a key holds `true`.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// Pairs of the table under a path of keys; none if there is no such table.
pub(super) fn table<'a>(value: &'a Value, path: &[&str]) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    at(value, path).and_then(Value::as_object).into_iter().flatten()
}

/// Items of the list under a path of keys; none if there is no such list.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(value, path).and_then(Value::as_array).into_iter().flatten()
}

/// What stands under a path of keys.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}
