//! HTML, XML and SVG as far as scripts go: what a browser would run becomes
//! code of its own.

use std::sync::LazyLock;

use regex::Regex;

use crate::artifact::{Map, Op, Piece};
use crate::parse::{Body, Child, Kind, Parsed, markdown, shell};

static SCRIPT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?is)<script\b[^>]*>(.*?)(?:</script|\z)").expect("pattern is constant"));

static HANDLER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?is)\son[a-z]{3,20}\s*=\s*(?:"([^"]{8,})"|'([^']{8,})')"#).expect("pattern is constant")
});

/// Finds scripts and event handlers.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed { body: Body::Markdown(Box::new(markdown::page(text))), ..Parsed::default() };
    for found in SCRIPT.captures_iter(text).chain(HANDLER.captures_iter(text)) {
        let Some(code) = found.iter().skip(1).flatten().next() else { continue };
        if code.as_str().trim().is_empty() {
            continue;
        }
        parsed.children.push(Child {
            op: Op::MarkupScript,
            range: code.range(),
            bytes: code.as_str().into(),
            map: Map::slice(code.range()),
            kind: Kind::JavaScript,
            name: None,
        });
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
