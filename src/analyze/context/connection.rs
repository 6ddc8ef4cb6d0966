//! Connections that a document shows: those that lead nowhere, and both ends of one.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::parse::markdown::Document;
use crate::text;

/// Ports that somebody listens at, with the blocks that say so, as ranges of the document.
pub(super) type Listeners = Vec<(String, Range<usize>)>;

/// Most of them that are remembered.
const LISTENERS: usize = 64;

/// A command that waits for a connection, and where.
static LISTENER: LazyLock<Regex> =
    LazyLock::new(|| text::regex(r"\b(?:nc|ncat|netcat)\b[^\n]* -[a-z]*l[a-z]*\b[^\n]*?\b(\d{2,5})\b"));
/// An address that is written so that it leads nowhere, and one that leads somewhere.
static DEFANGED: LazyLock<Regex> = LazyLock::new(|| text::regex(r"(?i)hxxps?://|[a-z0-9]\[(\.|dot)\][a-z0-9]"));
static LIVE: LazyLock<Regex> = LazyLock::new(|| text::regex(r"(?i)https?://|\b\d{1,3}(\.\d{1,3}){3}\b"));

/// Whether all addresses of a line are written so that they lead nowhere, and there is one.
pub(super) fn leads_nowhere(line: &str) -> bool {
    DEFANGED.is_match(line) && !LIVE.is_match(line)
}

/// Who listens where in a document.
pub(super) fn listeners(document: &Document) -> Listeners {
    let found = document.blocks.iter().filter_map(|block| {
        let port = LISTENER.captures(&block.text)?.get(1)?;
        Some((port.as_str().to_owned(), block.range.clone()))
    });
    found.take(LISTENERS).collect()
}
