//! HTML, XML and SVG as far as scripts go: what a browser would run becomes
//! code of its own.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::artifact::{Map, Op, Piece};
use crate::parse::{Body, Child, Kind, Parsed, markdown, shell};
use crate::text;

static OPEN: LazyLock<Regex> = LazyLock::new(|| text::regex(r"(?i)<script\b[^>]*>"));

static CLOSE: LazyLock<Regex> = LazyLock::new(|| text::regex(r"(?i)</script"));

static HANDLER: LazyLock<Regex> =
    LazyLock::new(|| text::regex(r#"(?is)\son[a-z]{3,20}\s*=\s*(?:"([^"]{8,})"|'([^']{8,})')"#));

/// Finds scripts and event handlers.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed { body: Body::Markdown(Box::new(markdown::page(text))), ..Parsed::default() };
    let handlers = HANDLER.captures_iter(text).filter_map(|found| Some(found.iter().skip(1).flatten().next()?.range()));
    for range in scripts(text).into_iter().chain(handlers) {
        let code = text.get(range.clone()).unwrap_or("");
        if !code.trim().is_empty() {
            parsed
                .children
                .push(Child { kind: Kind::JavaScript, ..Child::cut(Op::MarkupScript, text.as_bytes(), range) });
        }
    }
    // Text of elements, which is what the page says.
    let (shown, map) = shown(text);
    if shell::worth_parsing(&shown) {
        parsed.children.push(Child {
            op: Op::DocumentText,
            range: 0..text.len(),
            bytes: shown.into_bytes(),
            map: Map::Pieces(map),
            kind: Kind::Text,
            name: None,
        });
    }
    parsed
}

/// What stands in script elements.
fn scripts(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = OPEN.find_at(text, at) {
        let end = CLOSE.find_at(text, open.end()).map_or(text.len(), |close| close.start());
        found.push(open.end()..end);
        at = end;
    }
    found
}

/// Text outside of tags, a line for each run of it.
fn shown(text: &str) -> (String, Vec<Piece>) {
    let (mut out, mut map) = (String::new(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or("");
        let length = rest.find('<').unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or("");
        if !run.trim().is_empty() {
            let len = length as u32;
            map.push(Piece { at: out.len() as u32, from: at as u32, len, from_len: len });
            out.push_str(run);
            out.push('\n');
            map.push(Piece { at: out.len() as u32 - 1, from: (at + length) as u32, len: 1, from_len: 0 });
        }
        let tag = rest.get(length..).unwrap_or("");
        at += length + tag.find('>').map_or(tag.len(), |end| end + 1);
    }
    (out, map)
}
