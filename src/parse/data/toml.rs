//! TOML by a real parser; text that it rejects by lines, as other settings.

use std::ops::Range;

use ::toml::de::{DeTable, DeValue};

use super::{Values, below, ini, short};
use crate::text;

/// Reads the values of a document.
pub(super) fn read(source: &str, offset: usize, values: &mut Values) {
    let complaint = if depth(source.as_bytes()) > DEPTH {
        format!("more than {DEPTH} lists and tables in one another")
    } else {
        match DeTable::parse(source) {
            Ok(root) => {
                comments(source, &mut values.comments);
                for (key, value, range) in leaves(root.get_ref()) {
                    take(source, offset, key, value, range, values);
                }
                return;
            }
            Err(error) => error.message().lines().next().unwrap_or("").to_owned(),
        }
    };
    values.complaint = Some(complaint);
    ini::read(source, offset, ini::Style::default(), values);
}

/// Lists and inline tables in one another that are given to the parser. Each may add as many levels as a key may
/// have parts, and a tree is as deep on the stack as it is.
const DEPTH: usize = 8;

/// How deep lists and inline tables are nested.
fn depth(bytes: &[u8]) -> usize {
    let (mut deepest, mut depth, mut at) = (0, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or(b"");
        match byte {
            b'#' => {
                at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                continue;
            }
            b'"' | b'\'' => {
                at += quoted(rest, byte);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        at += 1;
    }
    deepest
}

/// Length of the string that a text starts with.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let is_long = bytes.get(1) == Some(&quote) && bytes.get(2) == Some(&quote);
    let mut at = if is_long { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !is_long => return at,
            byte if byte == quote && !is_long => return at + 1,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote) => {
                return at + 3;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

type Leaf<'t> = (String, &'t DeValue<'t>, Range<usize>);

/// Values of a parsed tree that hold no further ones, in document order: tables are sorted by their keys.
fn leaves<'t>(root: &'t DeTable<'t>) -> Vec<Leaf<'t>> {
    let mut leaves: Vec<Leaf<'t>> = Vec::new();
    let mut stack: Vec<Leaf<'t>> = Vec::new();
    stack.extend(root.iter().map(|(name, value)| (below("", name.get_ref()), value.get_ref(), value.span())));
    while let Some((key, value, range)) = stack.pop() {
        match value {
            DeValue::Table(table) => stack
                .extend(table.iter().map(|(name, value)| (below(&key, name.get_ref()), value.get_ref(), value.span()))),
            DeValue::Array(items) => {
                stack.extend(items.iter().map(|item| (short(format!("{key}[]")), item.get_ref(), item.span())));
            }
            _ => leaves.push((key, value, range)),
        }
    }
    leaves.sort_by_key(|(_, _, range)| range.start);
    leaves
}

fn take(source: &str, offset: usize, key: String, value: &DeValue<'_>, range: Range<usize>, values: &mut Values) {
    match value {
        DeValue::String(value) => {
            let inner = content(source, range, value);
            values.string(key, value.to_string(), inner.start + offset..inner.end + offset);
        }
        _ => {
            let shown = text::slice(source, range.clone()).trim();
            values.scalar(key, shown, range.start + offset..range.end + offset);
        }
    }
}

/// Byte range of a string without its quotes: exactly its content where that stands in the text unchanged.
fn content(source: &str, range: Range<usize>, value: &str) -> Range<usize> {
    let raw = text::slice(source, range.clone());
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let width = quotes.iter().find(|q| raw.len() >= 2 * q.len() && raw.starts_with(**q) && raw.ends_with(**q));
    let width = width.map_or(0, |quote| quote.len());
    let inner = text::slice(raw, width..raw.len() - width);
    match inner.find(value) {
        Some(at) if !value.is_empty() => range.start + width + at..range.start + width + at + value.len(),
        _ => range.start + width..range.start + raw.len() - width,
    }
}

/// Comments: from a `#` that stands at the start of a line, or behind white space and outside of quotes.
fn comments(source: &str, out: &mut Vec<Range<usize>>) {
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let mut quote = None;
        let mut last = b' ';
        for (index, byte) in line.bytes().enumerate() {
            match (byte, quote) {
                (b'#', None) if last.is_ascii_whitespace() => {
                    out.push(at + index..at + line.len());
                    break;
                }
                (b'"' | b'\'', None) => quote = Some(byte),
                (byte, Some(open)) if byte == open => quote = None,
                _ => {}
            }
            last = byte;
        }
        at += line.len();
    }
}
