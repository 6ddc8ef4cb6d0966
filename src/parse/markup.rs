//! HTML, XML and SVG as far as scripts go: what a browser would run becomes
//! code of its own.

use std::sync::LazyLock;

use regex::Regex;

use crate::artifact::{Map, Op};
use crate::parse::{Body, Child, Kind, Parsed, markdown};

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
        });
    }
    parsed
}
