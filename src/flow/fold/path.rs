//! Paths and addresses that are put together.

use std::rc::Rc;

use crate::flow::value::UNKNOWN;

/// Parts one after the other; one that begins anew leaves out what stands before.
pub(super) fn path_join(parts: impl Iterator<Item = Rc<str>>) -> String {
    let mut out = String::new();
    for part in parts {
        let is_rooted = part.starts_with(['/', '~']) || part.starts_with(UNKNOWN);
        if is_rooted && !out.contains(UNKNOWN) && !out.starts_with(['~', '.']) && !out.contains("://") {
            out.clear();
        }
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part.trim_start_matches(if out.is_empty() { '\0' } else { '/' }));
    }
    clean_path(&out)
}

/// A path without `.`, and without `..` where the part before is known.
pub fn clean_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." if !kept.is_empty() => {}
            ".." if kept.last().is_some_and(|last| !matches!(*last, "" | ".." | "." | "~")) => {
                kept.pop();
            }
            _ => kept.push(part),
        }
    }
    kept.join("/")
}

/// What is relative, below the folder of what is an address; the only text, if there is one.
pub(super) fn address_join(parts: impl Iterator<Item = Rc<str>>) -> String {
    let (bases, relative): (Vec<Rc<str>>, Vec<Rc<str>>) = parts.take(2).partition(|part| part.contains("://"));
    let (Some(base), Some(relative)) = (bases.first(), relative.first()) else {
        return bases.first().or(relative.first()).map_or_else(String::new, |only| only.to_string());
    };
    let path = base.find("://").map_or(0, |at| at + 3);
    let slashes = || base.match_indices('/').map(|(at, _)| at).filter(|at| *at >= path);
    // Below the host, or below the last folder.
    let end = if relative.starts_with('/') { slashes().next() } else { slashes().next_back() };
    let folder = base.get(..end.unwrap_or(base.len())).unwrap_or(base);
    format!("{folder}/{}", relative.trim_start_matches('/'))
}
