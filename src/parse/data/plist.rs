//! Property lists of macOS in XML, such as those that start programs at
//! login. Lenient: text that is no value is a string all the same.

use std::ops::Range;

use super::{Values, below};
use crate::package::SkillPath;
use crate::parse::{Kind, Parsed};
use crate::text;

/// Levels of lists and dictionaries that are told apart.
const DEPTH: usize = 256;

/// Reads a property list into what parsing it as markup gave; other markup stays as it is.
pub(in crate::parse) fn parse(path: &SkillPath, source: &str, mut parsed: Parsed) -> Parsed {
    if matches!(path.extension().as_str(), "html" | "htm" | "xhtml" | "svg") || !is_plist(source) {
        return parsed;
    }
    let mut reader = Reader { source, stack: Vec::new(), key: String::new(), leaf: None, values: Values::default() };
    reader.read();
    reader.values.give(Kind::Markup, Some(path.name()), source, &mut parsed);
    parsed
}

/// Whether the first element is a `plist`.
fn is_plist(source: &str) -> bool {
    let mut rest = source.trim_start_matches('\u{feff}').trim_start();
    for _ in 0..32 {
        if rest.get(..6).is_some_and(|tag| tag.eq_ignore_ascii_case("<plist")) {
            return true;
        }
        let end = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") || rest.starts_with("<!") {
            ">"
        } else {
            return false;
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    false
}

/// A list or dictionary.
struct Level {
    path: String,
    is_list: bool,
}

/// A value that is being read.
struct Leaf {
    name: String,
    start: usize,
}

struct Reader<'a> {
    source: &'a str,
    stack: Vec<Level>,
    /// The last key of the innermost dictionary.
    key: String,
    leaf: Option<Leaf>,
    values: Values,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut at = 0;
        while at < self.source.len() {
            let rest = self.source.get(at..).unwrap_or("");
            let length = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
            if self.leaf.is_none() {
                self.stray(at..at + length);
            }
            at += length;
            let tag = self.source.get(at..).unwrap_or("");
            let until = |end: &str| tag.find(end).map_or(tag.len(), |length| length + end.len());
            let end = if tag.starts_with("<!--") {
                at + until("-->")
            } else if tag.starts_with("<![CDATA[") {
                at + until("]]>")
            } else {
                at + until(">")
            };
            if tag.starts_with("<!--") {
                self.comment(at..end);
            } else if tag.starts_with("<![CDATA[") {
                // Inside of a value it is part of it.
                if self.leaf.is_none() {
                    self.stray(at..end);
                }
            } else if tag.starts_with('<') && !tag.starts_with("<?") && !tag.starts_with("<!") {
                self.tag(at..end);
            }
            at = end;
        }
        self.close(self.source.len());
    }

    fn comment(&mut self, range: Range<usize>) {
        let inner = range.start + 4..range.end.saturating_sub(3).max(range.start + 4);
        // A comment of several lines is as many.
        let mut at = inner.start;
        for line in text::slice(self.source, inner).split_inclusive('\n') {
            self.values.comments.push(at..at + line.len());
            at += line.len();
        }
    }

    /// Keeps text that stands outside of all values.
    fn stray(&mut self, range: Range<usize>) {
        let raw = text::slice(self.source, range.clone());
        let trimmed = raw.trim();
        if !trimmed.is_empty() {
            let start = range.start + (raw.len() - raw.trim_start().len());
            self.values.string(String::new(), decoded(trimmed), start..start + trimmed.len());
        }
    }

    fn tag(&mut self, range: Range<usize>) {
        let raw = text::slice(self.source, range.clone());
        let inner = raw.trim_start_matches('<').trim_end_matches('>');
        let is_end = inner.starts_with('/');
        let is_empty = inner.ends_with('/');
        let name = inner.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
        let name = text::slice(name, 0..16).to_ascii_lowercase();
        // Whatever tag comes next ends a value, so that none swallows the rest.
        self.close(range.start);
        match name.as_str() {
            "dict" | "array" if is_end => {
                self.stack.pop();
                self.key.clear();
            }
            "dict" | "array" if !is_empty && self.stack.len() < DEPTH => {
                let path = self.path();
                let is_list = name == "array";
                self.stack.push(Level { path: if is_list { format!("{path}[]") } else { path }, is_list });
                self.key.clear();
            }
            "true" | "false" if !is_end => {
                let path = self.path();
                self.values.scalar(path, &name, range);
            }
            "key" | "string" | "integer" | "real" | "date" | "data" if !is_end && !is_empty => {
                self.leaf = Some(Leaf { name: name.clone(), start: range.end });
            }
            _ => {}
        }
    }

    /// Key path of a value that stands here.
    fn path(&self) -> String {
        match self.stack.last() {
            Some(level) if level.is_list => level.path.clone(),
            Some(level) => below(&level.path, &self.key),
            None => String::new(),
        }
    }

    /// Ends the value that is being read.
    fn close(&mut self, end: usize) {
        let Some(leaf) = self.leaf.take() else { return };
        let raw = text::slice(self.source, leaf.start..end);
        let value = decoded(raw);
        let range = leaf.start..leaf.start + raw.len();
        match leaf.name.as_str() {
            "key" => self.key = value.trim().to_owned(),
            "integer" | "real" => {
                let path = self.path();
                self.values.scalar(path, value.trim(), range);
            }
            _ => {
                let path = self.path();
                self.values.string(path, value, range);
            }
        }
    }
}

/// Character data as it reads: without comments, with sections and references resolved.
fn decoded(raw: &str) -> String {
    if !raw.contains(['<', '&']) {
        return raw.to_owned();
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        if let Some(section) = here.strip_prefix("<![CDATA[") {
            let (content, after) = section.split_once("]]>").unwrap_or((section, ""));
            out.push_str(content);
            rest = after;
        } else if let Some(comment) = here.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else {
            let (plain, length) = reference(here);
            out.push(plain);
            rest = here.get(length..).unwrap_or("");
        }
    }
    out.push_str(rest);
    out
}

/// The character that a text starts with, a reference resolved, and how long it is there.
fn reference(here: &str) -> (char, usize) {
    let first = here.chars().next().unwrap_or(' ');
    let end = here.bytes().take(12).position(|byte| byte == b';');
    let Some(name) = end.and_then(|end| here.get(1..end)).filter(|_| first == '&') else {
        return (first, first.len_utf8());
    };
    let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let plain = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => match number.strip_prefix(['x', 'X']) {
                Some(digits) => code(digits, 16),
                None => code(number, 10),
            },
            None => None,
        },
    };
    plain.map_or((first, 1), |plain| (plain, name.len() + 2))
}
