//! Data files and front matter as the values that they hold, each with its
//! key path and place; nesting beyond that does not matter to any rule.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::artifact::{Map, Op, Piece};
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::package::SkillPath;
use crate::parse::{Body, Child, Kind, Parsed, shell};

mod ini;
mod json;
pub(super) mod plist;
mod run;
mod toml;
mod yaml;

pub(crate) use run::is_run;

/// A value.
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
    /// Numbers, `true`, `false` and `null` in document order, as text; of those that repeat, the first few.
    pub scalars: Vec<DataString>,
}

impl Data {
    /// The string under exactly this key path.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.strings.iter().find(|string| string.key == key).map(|string| string.text.as_str())
    }
}

/// Scalars kept of one file.
const SCALARS: usize = 200_000;

/// Numbers kept under one key path of a list, and scalars of the same key path and text.
const NUMBERS: u8 = 32;
const SAME: u8 = 4;
/// Bytes of the key paths of all strings of one file.
const KEY_BYTES: usize = 256 << 20;

/// What a reader finds, with its count of what repeats.
#[derive(Default)]
struct Values {
    data: Data,
    seen: HashMap<u64, u8>,
    /// Whether there was more than is kept.
    is_full: bool,
    /// Bytes of the keys of the strings.
    keys: usize,
    /// Comments, a range for each line.
    comments: Vec<Range<usize>>,
    /// What is wrong with the text.
    complaint: Option<String>,
}

impl Values {
    fn string(&mut self, key: String, text: String, range: Range<usize>) {
        // Long keys around very many short texts would fill the memory.
        self.keys += key.len();
        if self.keys > KEY_BYTES {
            self.is_full = true;
            return;
        }
        self.data.strings.push(DataString { key, text, range });
    }

    /// Keeps what is no string. Tables of numbers are no settings, and would fill the memory.
    fn scalar(&mut self, key: String, text: &str, range: Range<usize>) {
        let is_listed = text.starts_with(|c: char| !c.is_ascii_alphabetic()) && key.contains("[]");
        let mut hasher = DefaultHasher::new();
        (&key, if is_listed { "" } else { text }).hash(&mut hasher);
        let count = self.seen.entry(hasher.finish()).or_default();
        if *count >= if is_listed { NUMBERS } else { SAME } {
            return;
        }
        *count += 1;
        if self.data.scalars.len() >= SCALARS {
            self.is_full = true;
            return;
        }
        self.data.scalars.push(DataString { key, text: text.to_owned(), range });
    }

    /// Adds what was read to what parsing the file gave.
    fn give(self, kind: Kind, file: Option<&str>, text: &str, parsed: &mut Parsed) {
        if let Some(complaint) = self.complaint {
            parsed.malformed.push((0..text.chars().next().map_or(0, char::len_utf8), complaint));
        }
        if self.is_full {
            let why =
                "more numbers, or longer keys, in one file than are kept; rules on settings did not see all".to_owned();
            parsed.skipped.push((GapKind::OverLimit, why));
        }
        parsed.children.extend(children(&self.data, kind, file));
        parsed.children.extend(commentary(text, &self.comments));
        parsed.body = Body::Data(self.data);
    }
}

/// Parses a data file.
pub fn parse(path: &SkillPath, kind: Kind, text: &str, _: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut cells = Vec::new();
    let style = if kind == Kind::Ini { ini::Style::of(path, text) } else { ini::Style::default() };
    let values = values(kind, style, text, 0);
    if path.extension() == "ipynb" {
        notebook(&values.data, &mut cells);
    }
    values.give(kind, Some(path.name()), text, &mut parsed);
    parsed.children.extend(cells);
    parsed
}

fn values(kind: Kind, style: ini::Style, text: &str, offset: usize) -> Values {
    let mut values = Values::default();
    match kind {
        Kind::Json => json::read(text, offset, &mut values),
        Kind::Toml => toml::read(text, offset, &mut values),
        Kind::Ini => ini::read(text, offset, style, &mut values),
        _ => yaml::read(text, offset, &mut values),
    }
    values
}

/// Reads the values of a text that starts at `offset` of its document, with a complaint if it
/// is malformed; what a lenient reading finds is returned all the same.
pub(super) fn read(kind: Kind, text: &str, offset: usize) -> (Data, Option<String>) {
    let values = values(kind, ini::Style::default(), text, offset);
    (values.data, values.complaint)
}

/// Values of JSON in any of its forms.
pub(crate) fn json(text: &str) -> Data {
    let mut values = Values::default();
    json::read(text, 0, &mut values);
    values.data
}

/// Levels of keys that a path shows, innermost last.
const KEYS: usize = 16;

/// A key path that is not longer than anyone reads: its end.
fn short(key: String) -> String {
    if key.len() <= 200 { key } else { crate::text::slice(&key, key.len() - 200..key.len()).to_owned() }
}

/// The key path of `key` below `path`.
fn below(path: &str, key: &str) -> String {
    short(if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") })
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

/// Strings that are commands become artifacts; those that some program runs by itself (scripts of a package
/// manifest, hooks, units) always do.
pub(super) fn children(data: &Data, kind: Kind, file: Option<&str>) -> Vec<Child> {
    let manifest = file.is_some_and(|name| name.eq_ignore_ascii_case("package.json"));
    let mut children = Vec::new();
    for string in &data.strings {
        let is_script = manifest && string.key.starts_with("scripts.");
        let is_text = || is_script || shell::worth_parsing(&string.text);
        let Some(command) =
            run::command(kind, &string.key, &string.text).or_else(|| is_text().then_some(string.text.as_str()))
        else {
            continue;
        };
        let map = if string.range.len() == string.text.len() {
            // What is left out of a value stands before the command.
            Map::slice(string.range.end - command.len()..string.range.end)
        } else {
            Map::Opaque
        };
        children.push(Child {
            op: if is_script { Op::ManifestScript } else { Op::DataString },
            range: string.range.clone(),
            bytes: command.into(),
            map,
            kind: Kind::Shell,
            name: None,
        });
    }
    children.extend(run::joined(data, kind));
    children
}

/// Comments of a file as one text, so that they are read as they were when the file had no structure.
fn commentary(text: &str, comments: &[Range<usize>]) -> Option<Child> {
    let (mut out, mut map) = (String::new(), Vec::<Piece>::new());
    let mut end = None;
    for range in comments {
        let content = crate::text::slice(text, range.clone());
        let bare = content.trim_start_matches(['#', ';']).trim();
        if bare.is_empty() {
            continue;
        }
        if let Some(end) = end {
            // Comments on neighbouring lines are one paragraph.
            let between = crate::text::slice(text, end..range.start);
            let is_near = between.len() < 200 && between.bytes().filter(|byte| *byte == b'\n').count() <= 1;
            let gap = if is_near { "\n" } else { "\n\n" };
            map.push(Piece { at: out.len() as u32, from: end as u32, len: gap.len() as u32, from_len: 0 });
            out.push_str(gap);
        }
        let start = range.start + content.len() - content.trim_start_matches(['#', ';']).trim_start().len();
        let len = bare.len() as u32;
        map.push(Piece { at: out.len() as u32, from: start as u32, len, from_len: len });
        out.push_str(bare);
        end = Some(start + bare.len());
    }
    let (first, last) = (map.first()?.from as usize, end?);
    Some(Child {
        op: Op::Comment,
        range: first..last,
        bytes: out.into_bytes(),
        map: Map::Pieces(map),
        kind: Kind::Text,
        name: None,
    })
}
