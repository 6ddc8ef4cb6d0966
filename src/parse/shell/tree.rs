//! The syntax tree of a script, where the grammar reads it as a shell does.

use std::borrow::Cow;

use tree_sitter::Tree;

use super::word::name_length;
use crate::finding::GapKind;
use crate::parse::{Kind, syntax};

/// A script is parsed again this often.
const ROUNDS: usize = 4;

/// Syntax tree of a script. Its nodes are places of `text`; a `word` may hold variables (see [`super::pieces`]).
///
/// # Errors
/// Says why the parser gave up.
pub(crate) fn tree(text: &str) -> Result<Tree, GapKind> {
    let mut masked = without_braces(text).map_or(Cow::Borrowed(text), Cow::Owned);
    let mut tree = syntax::tree(Kind::Shell, &masked)?;
    for _ in 0..ROUNDS {
        let Some(whole) = without_halves(&masked, &tree) else { break };
        tree = syntax::tree(Kind::Shell, &whole)?;
        masked = Cow::Owned(whole);
    }
    Ok(tree)
}

/// The text with a letter for each `$` at which the grammar cuts a word, if there are any: in `$HOME/a/$name.txt` it
/// takes `name.txt` for a word of its own.
fn without_halves(text: &str, tree: &Tree) -> Option<String> {
    let bytes = text.as_bytes();
    let mut masked: Option<Vec<u8>> = None;
    syntax::walk(tree, |node| {
        let last = node.end_byte().wrapping_sub(1);
        if !matches!(node.kind(), "word" | "concatenation") || bytes.get(last) != Some(&b'$') {
            return true;
        }
        let masked = masked.get_or_insert_with(|| bytes.to_vec());
        let mut at = last;
        // The rest of the word as well: the next of its variables would be cut likewise.
        while let Some(length) = text.get(at..).map(name_length).filter(|length| *length > 0) {
            if let Some(byte) = masked.get_mut(at) {
                *byte = b'_';
            }
            let after = bytes.get(at + 1 + length..).unwrap_or(b"");
            let plain = after.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(byte));
            let next = at + 1 + length + plain.count();
            if bytes.get(next) != Some(&b'$') {
                break;
            }
            at = next;
        }
        true
    });
    masked.filter(|masked| masked != bytes).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The text with braces that are an expansion replaced by letters, if it has any: at the beginning of a command the
/// grammar takes them for a group of commands.
fn without_braces(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut masked: Option<Vec<u8>> = None;
    for at in memchr::memchr_iter(b'{', bytes) {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let is_first = before.is_none_or(|byte| byte.is_ascii_whitespace() || b"(;|&`".contains(byte));
        let Some(length) = Some(at + 1).filter(|_| is_first).and_then(|start| brace(bytes.get(start..)?)) else {
            continue;
        };
        let masked = masked.get_or_insert_with(|| bytes.to_vec());
        for at in [at, at + 1 + length] {
            if let Some(byte) = masked.get_mut(at) {
                *byte = b'_';
            }
        }
    }
    masked.and_then(|bytes| String::from_utf8(bytes).ok())
}

/// Length of what stands in the braces of an expansion.
fn brace(rest: &[u8]) -> Option<usize> {
    const LONGEST: usize = 4096;
    let mut quote = None;
    let mut has_comma = false;
    for (at, byte) in rest.iter().enumerate().take(LONGEST) {
        match (byte, quote) {
            (b'\n', _) => return None,
            (b'"' | b'\'', None) => quote = Some(*byte),
            (byte, Some(open)) if *byte == open => quote = None,
            (_, Some(_)) => {}
            (b'}', None) => return has_comma.then_some(at),
            (b',', None) => has_comma = true,
            (b' ' | b'\t' | b'{' | b';', None) => return None,
            _ => {}
        }
    }
    None
}
