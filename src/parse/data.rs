//! JSON, YAML and front matter as the strings that they hold, each with its
//! key path and place; nesting beyond that does not matter to any rule.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::artifact::{Map, Op};
use crate::limits::Limits;
use crate::package::SkillPath;
use crate::parse::{Body, Child, Kind, Parsed, shell};

/// A string value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataString {
    /// Keys from the root, joined by `.`; list items by `[]`.
    pub key: String,
    /// The value.
    pub text: String,
    /// Where it stands; for a block scalar, the whole of it.
    pub range: Range<usize>,
}

/// What a data file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// String values in document order.
    pub strings: Vec<DataString>,
}

impl Data {
    /// The string under exactly this key path.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.strings.iter().find(|string| string.key == key).map(|string| string.text.as_str())
    }
}

enum Value {
    String(String),
    List(Vec<Spanned<Value>>),
    Map(Vec<(String, Spanned<Value>)>),
    Other,
}

struct ValueVisitor;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Value::Map(pairs))
    }
}

/// Parses a data file.
pub fn parse(path: &SkillPath, kind: Kind, text: &str, _: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let (data, complaint) = read(kind, text, 0);
    if let Some(complaint) = complaint.filter(|_| kind == Kind::Yaml) {
        parsed.malformed.push((0..text.chars().next().map_or(0, char::len_utf8), complaint));
    }
    parsed.children = children(&data, Some(path.name()));
    if path.extension() == "ipynb" {
        notebook(&data, &mut parsed.children);
    }
    parsed.body = Body::Data(data);
    parsed
}

/// Reads the strings of a text that starts at `offset` of its document, with a complaint if it
/// is malformed; what a lenient reading finds is returned all the same.
pub(super) fn read(kind: Kind, text: &str, offset: usize) -> (Data, Option<String>) {
    if kind == Kind::Json {
        return (Data { strings: json_strings(text, offset) }, None);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 50_000, max_depth: 64, max_aliases: 200 },
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options) {
        Ok(root) => {
            let mut data = Data::default();
            flatten(&mut data.strings, text, offset, &root);
            (data, None)
        }
        Err(error) => {
            // What the YAML parser rejects is still text that the model reads.
            let complaint = error.to_string().lines().next().unwrap_or("").to_owned();
            (Data { strings: lines(text, offset) }, Some(complaint))
        }
    }
}

/// Strings of JSON in any of its forms.
pub(super) fn json(text: &str) -> Data {
    Data { strings: json_strings(text, 0) }
}

/// Strings of a parsed tree; a worklist, since nesting is the input's choice.
fn flatten(strings: &mut Vec<DataString>, text: &str, offset: usize, root: &Spanned<Value>) {
    let mut stack = vec![(String::new(), root)];
    while let Some((key, node)) = stack.pop() {
        match &node.value {
            Value::String(value) => {
                let range = place(text, value, &node.referenced);
                strings.push(DataString { key, text: value.clone(), range: range.start + offset..range.end + offset });
            }
            Value::List(items) => stack.extend(items.iter().rev().map(|item| (short(format!("{key}[]")), item))),
            Value::Map(pairs) => stack.extend(pairs.iter().rev().map(|(name, value)| {
                let key = if key.is_empty() { name.clone() } else { short(format!("{key}.{name}")) };
                (key, value)
            })),
            Value::Other => {}
        }
    }
}

/// Levels of keys that a path shows, innermost last.
const KEYS: usize = 16;

/// A key path that is not longer than anyone reads: its end.
fn short(key: String) -> String {
    if key.len() <= 200 { key } else { crate::text::slice(&key, key.len() - 200..key.len()).to_owned() }
}

/// Byte range of a scalar: exactly its content where that stands in the text unchanged.
fn place(text: &str, value: &str, location: &Location) -> Range<usize> {
    let start = location.span().byte_offset().map_or(0, |at| at as usize).min(text.len());
    let length = location.span().byte_len().map_or(0, |len| len as usize);
    let end = (start + length.max(1)).min(text.len());
    let window = crate::text::slice(text, start..(start + value.len() + 8).min(text.len()));
    match window.find(value) {
        Some(at) if !value.is_empty() => start + at..start + at + value.len(),
        _ => start..end,
    }
}

/// String tokens of JSON, JSON5 or JSON with comments, with their key paths. Lenient: whatever
/// stands between quotes is a string, so a broken file hides nothing.
fn json_strings(text: &str, offset: usize) -> Vec<DataString> {
    let bytes = text.as_bytes();
    let mut strings: Vec<DataString> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut key = String::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                let start = at + 1;
                let mut end = start;
                while bytes.get(end).is_some_and(|&b| b != byte && b != b'\n') {
                    end += if bytes.get(end) == Some(&b'\\') { 2 } else { 1 };
                }
                let end = end.min(bytes.len());
                let raw = crate::text::slice(text, start..end);
                let value = crate::decode::unescape(raw).map_or_else(|| raw.to_owned(), |(value, _)| value);
                at = end + 1;
                let follows = bytes.get(at..).unwrap_or(b"").iter().find(|b| !b.is_ascii_whitespace());
                if follows == Some(&b':') {
                    key = short(value);
                } else {
                    let full = path
                        .get(path.len().saturating_sub(KEYS)..)
                        .unwrap_or(&[])
                        .iter()
                        .chain(std::iter::once(&key))
                        .filter(|k| !k.is_empty())
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(".");
                    strings.push(DataString { key: full, text: value, range: start + offset..end + offset });
                }
            }
            b'{' | b'[' => {
                let name = std::mem::take(&mut key);
                path.push(if byte == b'[' { format!("{name}[]") } else { name });
                if path.len() > 256 {
                    path.remove(0);
                }
                at += 1;
            }
            b'}' | b']' => {
                path.pop();
                key.clear();
                at += 1;
            }
            b',' => {
                key.clear();
                at += 1;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += memchr::memchr(b'\n', bytes.get(at..).unwrap_or(b"")).unwrap_or(bytes.len())
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = memchr::memmem::find(bytes.get(at..).unwrap_or(b""), b"*/");
                at = end.map_or(bytes.len(), |length| at + length + 2);
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => {
                // A key of JSON5 needs no quotes.
                let is_word = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'-');
                let length = bytes.get(at..).unwrap_or(b"").iter().take_while(is_word).count();
                let word = crate::text::slice(text, at..at + length);
                at += length;
                if bytes.get(at..).unwrap_or(b"").iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':') {
                    key = short(word.to_owned());
                }
            }
            _ => at += 1,
        }
    }
    strings
}

/// `key: value` lines of text that is not YAML.
fn lines(text: &str, offset: usize) -> Vec<DataString> {
    let mut strings = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (key, value) = line.split_once(':').unwrap_or(("", line));
        let value_start = at + line.len() - value.len();
        let trimmed = value.trim();
        let start = value_start + (value.len() - value.trim_start().len());
        if !trimmed.is_empty() {
            let is_key = !key.contains(char::is_whitespace) || key.trim_start().len() == key.len();
            let key = if is_key { key.trim() } else { "" };
            strings.push(DataString {
                key: key.to_owned(),
                text: trimmed.to_owned(),
                range: start + offset..start + trimmed.len() + offset,
            });
        }
        at += line.len();
    }
    strings
}

/// Cells of a notebook: each is a list of lines, and neighbours of one key belong together.
fn notebook(data: &Data, children: &mut Vec<Child>) {
    let mut kind = Kind::Python;
    for lines in data.strings.chunk_by(|one, next| one.key == next.key && one.key.ends_with("[]")) {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { continue };
        if first.key.ends_with("cell_type") {
            kind = if first.text == "code" { Kind::Python } else { Kind::Markdown };
        }
        if !first.key.ends_with("[]") {
            continue;
        }
        let text: String = lines.iter().map(|line| line.text.as_str()).collect();
        let is_source = first.key.ends_with("source[]");
        let range = first.range.start..last.range.end.max(first.range.end);
        let of = |op, text: String, kind| Child::made(op, range.clone(), text.into_bytes()).of_kind(kind);
        // Lines with a bang, and cells with the magic of a shell, are commands.
        let is_shell = ["%%bash", "%%sh", "%%script"].iter().any(|magic| text.trim_start().starts_with(magic));
        let mut goes_on = false;
        let mut commands = String::new();
        for line in text.lines() {
            let bare = line.trim_start().trim_start_matches(['!', '%']);
            if is_shell || goes_on || bare.len() < line.trim_start().len() {
                commands.push_str(bare);
                commands.push('\n');
                goes_on = line.ends_with('\\');
            }
        }
        if is_source && !commands.is_empty() {
            children.push(of(Op::NotebookCell, commands, Kind::Shell));
        }
        children.push(of(Op::NotebookCell, text, if is_source { kind } else { Kind::Text }));
    }
}

/// Strings that are commands become artifacts; scripts of a package manifest always do.
pub(super) fn children(data: &Data, file: Option<&str>) -> Vec<Child> {
    let manifest = file.is_some_and(|name| name.eq_ignore_ascii_case("package.json"));
    let mut children = Vec::new();
    for string in &data.strings {
        let is_script = manifest && string.key.starts_with("scripts.");
        if !is_script && !shell::worth_parsing(&string.text) {
            continue;
        }
        let map = if string.range.len() == string.text.len() { Map::slice(string.range.clone()) } else { Map::Opaque };
        children.push(Child {
            op: if is_script { Op::ManifestScript } else { Op::DataString },
            range: string.range.clone(),
            bytes: string.text.clone().into(),
            map,
            kind: Kind::Shell,
            name: None,
        });
    }
    children
}
