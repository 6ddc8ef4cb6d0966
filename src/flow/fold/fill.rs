//! Texts with places to fill in: by order, by number, by name.

use std::rc::Rc;

use super::LONGEST;
use crate::flow::value::{Lit, UNKNOWN};

pub(super) fn format(pattern: &str, all: &[Lit]) -> String {
    let mut args = all.iter();
    let mut out = String::new();
    let mut rest = pattern;
    loop {
        let next = rest.find(['%', '{']).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(next);
        out.push_str(head);
        if tail.is_empty() || out.len() > LONGEST {
            return out;
        }
        let end = if tail.starts_with('{') {
            tail.find('}').map(|end| end + 1)
        } else {
            tail.get(1..2).filter(|kind| matches!(*kind, "s" | "d" | "r")).map(|_| 2)
        };
        match end {
            Some(end) => {
                // `{1}` names the argument, any other takes the next.
                let named = tail.get(1..end - 1).and_then(|name| name.parse::<usize>().ok());
                match named.filter(|_| tail.starts_with('{')).map_or_else(|| args.next(), |at| all.get(at)) {
                    Some(lit) => out.push_str(&lit.text()),
                    None => out.push(UNKNOWN),
                }
                rest = tail.get(end..).unwrap_or("");
            }
            None => {
                out.push_str(tail.get(..1).unwrap_or(""));
                rest = tail.get(1..).unwrap_or("");
            }
        }
    }
}

/// A text with its places filled in: `{name}`, or `$name` and `${name}`; what has no value is not known.
pub fn fill(pattern: &str, is_template: bool, mut value: impl FnMut(&str) -> Option<Rc<str>>) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    let mark = if is_template { '$' } else { '{' };
    while let Some((head, tail)) = rest.split_once(mark) {
        out.push_str(head);
        if let Some(after) = tail.strip_prefix(mark) {
            // A mark written twice is itself.
            out.push(mark);
            rest = after;
            continue;
        }
        let is_wrapped = !is_template || tail.starts_with('{');
        let inside = if is_template && is_wrapped { tail.get(1..).unwrap_or("") } else { tail };
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = inside.find(|c| if is_wrapped { c == '}' } else { !is_letter(c) }).unwrap_or(inside.len());
        let (name, after) = inside.split_at(end);
        match value(name.split(['!', ':', '.', '[']).next().unwrap_or("")) {
            Some(text) => out.push_str(&text),
            None => out.push(UNKNOWN),
        }
        rest = if is_wrapped { after.get(1..).unwrap_or("") } else { after };
        if out.len() > LONGEST {
            return out;
        }
    }
    out + rest
}
