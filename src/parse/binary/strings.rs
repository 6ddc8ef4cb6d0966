//! Printable text inside bytes that are not text. Refuses to guess at encodings
//! beyond UTF-8 and the UTF-16 of Windows: any two bytes are a Chinese letter.

use std::ops::Range;

use crate::artifact::Op;
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::format::Format;
use crate::parse::{Child, Kind, Parsed};

/// Runs of at least `least` visible characters, one a line, in at most `most` bytes.
///
/// Line breaks inside a run stay, so that a script in a program is found whole. Says whether that is all.
pub fn printable(bytes: &[u8], least: usize, most: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() && out.len() < most {
        let (end, visible) = wide_run(bytes, at);
        if end > at {
            if visible >= least {
                let text: Vec<u8> = bytes.get(at..end).unwrap_or(b"").iter().step_by(2).copied().collect();
                push(&mut out, &text, most);
            }
            at = end;
            continue;
        }
        let (end, visible) = run(bytes, at);
        if visible >= least {
            push(&mut out, bytes.get(at..end).unwrap_or(b""), most);
        }
        at = end.max(at + 1);
    }
    let is_whole = out.len() < most;
    (out, is_whole)
}

/// Printable text of a whole file as a part of its own; what does not fit is a gap.
pub(super) fn add(parsed: &mut Parsed, bytes: &[u8], least: usize, limits: &Limits) {
    let (text, is_whole) = printable(bytes, least, limits.inflated_bytes);
    if !is_whole {
        let why = format!("only the first {} bytes of its text were read", limits.inflated_bytes);
        parsed.skipped.push((GapKind::OverLimit, why));
    }
    if !text.is_empty() {
        parsed.children.push(Child::made(Op::Strings, 0..bytes.len(), text).of_kind(Kind::Text));
    }
}

/// Constants of bytes that are files of a known format, as parts; what is more than a few is a gap.
pub(super) fn add_blobs(parsed: &mut Parsed, bytes: &[u8], blobs: &[Range<usize>], op: Op, limits: &Limits) {
    let known = blobs.iter().filter(|blob| bytes.get((*blob).clone()).and_then(Format::of).is_some());
    for (at, blob) in known.enumerate() {
        if at == limits.decode_blobs {
            let why = format!("more than {} files in one", limits.decode_blobs);
            parsed.skipped.push((GapKind::OverLimit, why));
            return;
        }
        parsed.children.push(Child::cut(op, bytes, blob.clone()));
    }
}

/// Whether bytes read as text, a few odd ones aside: one control byte must not hide a whole text.
pub fn is_printable(bytes: &[u8]) -> bool {
    let is_odd = |c: &char| c.is_control() && !c.is_ascii_whitespace();
    let odd: usize =
        bytes.utf8_chunks().map(|chunk| chunk.invalid().len() + chunk.valid().chars().filter(is_odd).count()).sum();
    odd * 20 <= bytes.len()
}

/// Adds a line, cut off where `out` would become longer than `most`.
fn push(out: &mut Vec<u8>, text: &[u8], most: usize) {
    let room = most.saturating_sub(out.len());
    let text = text.trim_ascii();
    out.extend_from_slice(text.get(..text.len().min(room)).unwrap_or(b""));
    if out.len() < most {
        out.push(b'\n');
    }
}

/// End of the run of ASCII in UTF-16LE at `at`, and how many visible characters it has.
fn wide_run(bytes: &[u8], at: usize) -> (usize, usize) {
    let mut end = at;
    let mut visible = 0;
    while let Some([low, 0]) = bytes.get(end..).and_then(|rest| rest.first_chunk::<2>())
        && is_ascii_text(*low)
    {
        visible += usize::from(low.is_ascii_graphic());
        end += 2;
    }
    (end, visible)
}

/// End of the run of text at `at`, and how many visible characters it has.
fn run(bytes: &[u8], at: usize) -> (usize, usize) {
    let mut end = at;
    let mut visible = 0;
    let mut last = 0;
    while let Some(&byte) = bytes.get(end) {
        let length = if is_ascii_text(byte) { 1 } else { letter(bytes, end) };
        if length == 0 {
            break;
        }
        visible += usize::from(byte.is_ascii_graphic() || length > 1);
        end += length;
        last = length;
    }
    // The last letter before `\0x\0` is the first one of a run in UTF-16.
    let goes_wide = matches!(bytes.get(end..).and_then(|rest| rest.first_chunk::<3>()),
        Some([0, next, 0]) if is_ascii_text(*next));
    if goes_wide && last == 1 { (end - 1, visible) } else { (end, visible) }
}

fn is_ascii_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Length of the letter beyond ASCII at `at`; 0 if there is none.
fn letter(bytes: &[u8], at: usize) -> usize {
    let window = bytes.get(at..bytes.len().min(at + 4)).unwrap_or(b"");
    let first = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let is_text = |c: &char| {
        !c.is_ascii()
            && (c.is_alphanumeric()
                || matches!(c, '\u{2010}'..='\u{2027}' | '\u{3000}'..='\u{303f}' | '\u{ff01}'..='\u{ff60}'))
    };
    first.filter(is_text).map_or(0, char::len_utf8)
}
