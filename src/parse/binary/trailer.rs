//! What follows the end of a format's own data. Viewers skip it; who put it
//! there did not do it for them. Refuses to say what it is: that is told by its
//! own content.

use super::strings;
use crate::artifact::Op;
use crate::fact::{Fact, FactKind};
use crate::parse::{Child, Parsed};

/// More than this is no padding and no stamp of a tool.
const LARGE: usize = 1024;

/// Shorter remainders are not called text.
const TEXT: usize = 16;

/// Everything after `end` as a part of its own, and a fact about it.
pub(super) fn add(parsed: &mut Parsed, bytes: &[u8], end: usize) {
    let Some(rest) = bytes.get(end..).filter(|rest| !rest.is_empty()) else { return };
    let note = format!("{} bytes after the end of the file's own data", rest.len());
    let mut fact = Fact::new(FactKind::File, end..bytes.len(), note).label("trailing");
    if rest.len() > LARGE {
        fact = fact.label("trailing:large");
    }
    if !rest.iter().any(is_visible) {
        fact = fact.label("trailing:blank");
    }
    parsed.facts.push(fact);
    carried(parsed, bytes, end);
}

/// Everything after `end` as a part of its own, where the format allows it to be there.
pub(super) fn carried(parsed: &mut Parsed, bytes: &[u8], end: usize) {
    let Some(rest) = bytes.get(end..).filter(|rest| !rest.is_empty()) else { return };
    // Padding before it would hide what it begins with.
    let Some(start) = rest.iter().position(is_visible).map(|at| end + at) else { return };
    parsed.children.push(Child::cut(Op::Trailer, bytes, start..bytes.len()));
}

/// A trailer, if what follows `at` reads as text: no format with a structure of its own does.
pub(super) fn text(parsed: &mut Parsed, bytes: &[u8], at: usize) {
    if bytes.get(at..).is_some_and(|rest| rest.len() >= TEXT && strings::is_printable(rest)) {
        add(parsed, bytes, at);
    }
}

/// The structure breaks at `at`. A script behind the first bytes of a picture is still seen.
pub(super) fn broken(parsed: &mut Parsed, bytes: &[u8], at: usize, why: &str) {
    let at = at.min(bytes.len());
    parsed.malformed.push((at..bytes.len().min(at + 1), why.to_owned()));
    text(parsed, bytes, at);
}

fn is_visible(byte: &u8) -> bool {
    *byte != 0 && !byte.is_ascii_whitespace()
}
