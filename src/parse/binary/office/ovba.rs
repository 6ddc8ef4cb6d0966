//! Source of Office macros: where it is stored in a stream, how it is
//! compressed (MS-OVBA 2.4.1), and what it does. Refuses to look at compiled
//! macros; those are not stored as text.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::cfb::u16_at;

/// Most that one chunk holds.
const CHUNK: usize = 4096;

/// How each module that Office stores begins.
const FIRST: &[u8] = b"Attribut";

static SOURCE: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build([FIRST]).expect("pattern is constant"));

/// Names that Office calls when a document is opened, closed or made.
static AUTOMATIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix-u) \b (?:sub|function) [\s_]+ (?:
            auto_?(?:open|close|exec|exit|new|activate)
            | (?:document|workbook|presentation)_?(?:open|close|beforeclose|new|activate|contentcontrolonenter)
        ) \b",
    )
    .expect("pattern is constant")
});

/// What starts another program.
static RUNS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix-u) \b (?:
            shell(?:execute\w*)? | systemshellexecute | wscript | createobject | getobject | macscript
            | applescripttask | powershell | winexec | createprocess\w*
        ) \b",
    )
    .expect("pattern is constant")
});

/// The source of one module.
pub(super) struct Source {
    /// Where its compressed form lies.
    pub(super) range: Range<usize>,
    /// The text, in whatever code page it was written.
    pub(super) text: Vec<u8>,
    /// Whether all of it could be read.
    pub(super) is_whole: bool,
}

/// All modules whose source is in `bytes`, `most` bytes of text at most.
pub(super) fn sources(bytes: &[u8], most: usize) -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    let mut left = most;
    let mut end = 0_usize;
    for first in SOURCE.find_iter(bytes) {
        let Some(start) = container(bytes, first.start()).filter(|start| *start >= end) else { continue };
        if left == 0 {
            // There is one more, and no room for it.
            found.push(Source { range: start..start, text: Vec::new(), is_whole: false });
            break;
        }
        let source = decompress(bytes, start, left);
        if !source.text.get(..FIRST.len()).is_some_and(|text| text.eq_ignore_ascii_case(FIRST)) {
            continue;
        }
        left = left.saturating_sub(source.text.len());
        end = source.range.end;
        found.push(source);
    }
    found
}

/// Where the container begins whose first text is at `at`: after a signature, a header and, if compressed, a byte
/// of eight flags that are all clear, as there is nothing yet to copy from.
fn container(bytes: &[u8], at: usize) -> Option<usize> {
    let starts = |before: usize| -> Option<(usize, u16)> {
        let start = at.checked_sub(before)?;
        let header = u16_at(bytes, start.checked_add(1)?)?;
        // A chunk too short for its own text would have to be found out by reading all that follow.
        let is_long = chunk_size(header) >= FIRST.len().saturating_add(3);
        (bytes.get(start) == Some(&1) && is_header(header) && is_long).then_some((start, header))
    };
    let is_compressed = |header: u16| header & 0x8000 != 0;
    let packed = starts(4).filter(|(_, header)| is_compressed(*header) && bytes.get(at.saturating_sub(1)) == Some(&0));
    packed.or_else(|| starts(3).filter(|(_, header)| !is_compressed(*header))).map(|(start, _)| start)
}

/// Bytes of a chunk, its header included.
fn chunk_size(header: u16) -> usize {
    usize::from(header & 0x0fff).saturating_add(3)
}

fn is_header(header: u16) -> bool {
    (header >> 12) & 7 == 3
}

/// Decompresses the container that starts at `start`.
fn decompress(bytes: &[u8], start: usize, most: usize) -> Source {
    let mut text = Vec::new();
    let mut at = start.saturating_add(1);
    let mut is_whole = true;
    while let Some(header) = u16_at(bytes, at).filter(|header| is_header(*header)) {
        let end = at.saturating_add(chunk_size(header));
        let data = bytes.get(at.saturating_add(2)..end.min(bytes.len())).unwrap_or(b"");
        is_whole &= end <= bytes.len();
        at = end.min(bytes.len());
        if header & 0x8000 == 0 {
            text.extend(data.iter().take(CHUNK));
        } else if !chunk(data, &mut text) {
            is_whole = false;
            break;
        }
        if text.len() > most {
            text.truncate(most);
            is_whole = false;
            break;
        }
    }
    Source { range: start..at.max(start), text, is_whole }
}

/// Decompresses one chunk; `false` if it is broken.
fn chunk(data: &[u8], text: &mut Vec<u8>) -> bool {
    let start = text.len();
    let mut at = 0_usize;
    while let Some(&flags) = data.get(at) {
        at = at.saturating_add(1);
        for bit in 0..8 {
            if at >= data.len() {
                return true;
            }
            let done = text.len().saturating_sub(start);
            if done >= CHUNK {
                return done == CHUNK;
            }
            if (flags >> bit) & 1 == 0 {
                text.extend(data.get(at));
                at = at.saturating_add(1);
                continue;
            }
            let Some(token) = u16_at(data, at) else { return false };
            at = at.saturating_add(2);
            if !copy(token, done, text) {
                return false;
            }
        }
    }
    true
}

/// Copies from what the chunk gave before. The more that is, the more bits of the token say how far back to go.
fn copy(token: u16, done: usize, text: &mut Vec<u8>) -> bool {
    let mut bits = 4_u32;
    while bits < 12 && (1_usize << bits) < done {
        bits += 1;
    }
    let length = usize::from(token & (0xffff >> bits)).saturating_add(3);
    let offset = usize::from(token >> (16 - bits)).saturating_add(1);
    if offset > done {
        return false;
    }
    for _ in 0..length {
        let byte = text.len().checked_sub(offset).and_then(|at| text.get(at)).copied();
        text.extend(byte);
    }
    true
}

/// Whether there is anything but what Office writes into a module by itself.
pub(super) fn has_code(source: &[u8]) -> bool {
    source.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii).any(|line| {
        let starts = |word: &[u8]| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        !line.is_empty() && !line.starts_with(b"'") && !starts(b"Attribute ") && !starts(b"Option ")
    })
}

/// Whether the source defines a name that Office calls by itself.
pub(super) fn is_automatic(source: &[u8]) -> bool {
    AUTOMATIC.is_match(source)
}

/// Whether the source starts other programs.
pub(super) fn runs_programs(source: &[u8]) -> bool {
    RUNS.is_match(source)
}
