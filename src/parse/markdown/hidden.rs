//! Parts of a document that the model reads and the reader of the page does not see.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::text;

use super::{Block, BlockKind, Document};

/// What keeps text from being shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `<!-- … -->`
    Comment,
    /// An element that a style or attribute hides.
    Style,
    /// `<template>`, `<noscript>`, `<script>`.
    Template,
    /// A link definition that nothing uses.
    Definition,
    /// Title of a link, image or definition.
    Title,
    /// Alternative text of an image.
    Alt,
}

impl Container {
    /// Label that rules see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Style => "style",
            Self::Template => "template",
            Self::Definition => "definition",
            Self::Title => "title",
            Self::Alt => "alt",
        }
    }
}

/// A range that is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// What hides it.
    pub container: Container,
    /// Where it stands.
    pub range: Range<usize>,
}

static HIDING_TAG: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r#"(?isx)<([a-z][a-z0-9-]*)\b[^>]*?
        (?: \bhidden\b (?:\s|=|>|/)
          | aria-hidden \s*=\s* ["']?true
          | (?P<class> class \s*=\s* ["'] (?:[^"'>]*\s)? (?:d-none|hidden|sr-only|visually-hidden|invisible) [\s"'])
          | style \s*=\s* (?: "[^">]* | '[^'>]* )
              (?: display\s*:\s*none | visibility\s*:\s*hidden | opacity\s*:\s*0(?:\.0+)?\s*(?:;|["'])
                | font-size\s*:\s*0 | (?:max-)?(?:height|width)\s*:\s*0 | text-indent\s*:\s*-\d{3}
                | (?:left|top)\s*:\s*-\d{3} | color\s*:\s*(?:transparent|\#fff(?:fff)?\b|white) )
        )"#,
    )
});

/// Classes that show an element all the same, in one of two colour schemes or on screens of some width.
static SHOWN_AGAIN: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r#"(?i)[\s"'](?:(?:dark|light|sm|md|lg|[2-5]?xl):(?:block|flex|grid|inline|inline-block|visible|not-sr-only)|d-(?:sm|md|lg|xl|xxl)-(?:block|flex|grid|inline|inline-block))[\s"']"#,
    )
});

/// Bytes of the longest tag that is looked at.
const TAG: usize = 16 * 1024;

/// Elements that have no content.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Adds comments and hidden elements to the document's hidden ranges.
pub(super) fn collect(text: &str, document: &mut Document) {
    let mut found = Vec::new();
    comments(text, document, &mut found);
    let lower = text.to_ascii_lowercase();
    for tag in ["<template", "<noscript", "<script type=\"text/", "<script type='text/"] {
        elements(&lower, tag, document, &mut found);
    }
    if lower.contains('<')
        && (lower.contains("hidden")
            || lower.contains("style")
            || lower.contains("d-none")
            || lower.contains("sr-only"))
    {
        let mut last_end = 0;
        for tag in HIDING_TAG.captures_iter(text) {
            let (Some(whole), Some(name)) = (tag.get(0), tag.get(1)) else { continue };
            // What lies in a hidden element is hidden with it.
            if whole.start() < last_end || in_code(document, whole.start()) {
                continue;
            }
            let name = name.as_str().to_ascii_lowercase();
            if VOID.contains(&name.as_str()) {
                continue;
            }
            // Of a tag that is longer than any, what follows its start is hidden.
            let near = text.as_bytes().iter().skip(whole.start()).take(TAG).position(|byte| *byte == b'>');
            let open_end = near.map_or(whole.end(), |at| whole.start() + at + 1);
            // A style hides whatever a class shows again.
            let is_by_class = tag.name("class").is_some()
                && !HIDING_TAG.is_match(&format!("<x {}", text::slice(text, whole.end()..open_end)));
            let shows = || SHOWN_AGAIN.is_match(text::slice(text, whole.start()..open_end));
            if is_by_class && shows() {
                continue;
            }
            let close = format!("</{name}");
            let end = lower.get(open_end..).and_then(|t| t.find(&close)).map_or(text.len(), |at| open_end + at);
            found.push(Hidden { container: Container::Style, range: open_end..end });
            last_end = end;
        }
    }
    found.retain(|hidden| !hidden.range.is_empty());
    document.hidden.extend(found);
    document.hidden.sort_by_key(|hidden| (hidden.range.start, hidden.range.end));
    document.hidden.dedup();
    // Pictures in the alternative text of pictures: the outermost holds them all.
    let mut last_end = 0;
    document.hidden.retain(|hidden| {
        let is_inside = hidden.container == Container::Alt && hidden.range.end <= last_end;
        if hidden.container == Container::Alt {
            last_end = last_end.max(hidden.range.end);
        }
        !is_inside
    });
}

fn comments(text: &str, document: &Document, found: &mut Vec<Hidden>) {
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|t| t.find("<!--")).map(|i| at + i) {
        if in_code(document, open) {
            at = open + 4;
            continue;
        }
        // An unterminated comment hides the rest of the page.
        let end = text.get(open + 4..).and_then(|t| t.find("-->")).map_or(text.len(), |i| open + 4 + i);
        found.push(Hidden { container: Container::Comment, range: open + 4..end });
        at = end;
    }
    // `[//]: # (text)` and its kin are definitions that people use as comments; the parser reports them.
}

/// Content of the elements that `open` begins; scripts in JavaScript are code, which others read.
fn elements(lower: &str, open: &str, document: &Document, found: &mut Vec<Hidden>) {
    let name = open.split(' ').next().unwrap_or(open).trim_start_matches('<');
    let close = format!("</{name}");
    let mut at = 0;
    while let Some(start) = lower.get(at..).and_then(|t| t.find(open)).map(|i| at + i) {
        let goes_on = |t: &str| {
            t.get(open.len()..).is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        };
        if in_code(document, start)
            || lower.get(start..).is_some_and(goes_on)
            || lower.get(start..).is_some_and(|t| {
                t.starts_with("<script type=\"text/javascript") || t.starts_with("<script type='text/javascript")
            })
        {
            at = start + open.len();
            continue;
        }
        let Some(inner) = lower.get(start..).and_then(|t| t.find('>')).map(|i| start + i + 1) else { return };
        let end = lower.get(inner..).and_then(|t| t.find(&close)).map_or(lower.len(), |i| inner + i);
        found.push(Hidden { container: Container::Template, range: inner..end });
        at = end.max(start + 1);
    }
}

fn in_code(document: &Document, offset: usize) -> bool {
    document.block_at(offset).is_some_and(|index| {
        let block = &document.blocks[index];
        matches!(block.kind, BlockKind::Code(_)) || is_in_span(block, offset)
    })
}

/// Whether an offset lies in a code span, which stand in order of place.
fn is_in_span(block: &Block, offset: usize) -> bool {
    let next = block.code.partition_point(|code| code.range.start <= offset);
    next.checked_sub(1).and_then(|at| block.code.get(at)).is_some_and(|code| code.range.contains(&offset))
}
