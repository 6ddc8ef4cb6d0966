//! Which files of an installed skill the registry's client looks at. The skill's
//! own ignore files decide, so what is left out is where changes go unseen.

use std::collections::{BTreeMap, BTreeSet};

use regex::{RegexSet, RegexSetBuilder};

/// Files at the top of a skill whose lines the client leaves files out by, in the order in which it reads them.
pub const IGNORE_FILES: [&str; 3] = [".gitignore", ".clawhubignore", ".clawdhubignore"];

/// Lines that stand before those of any file.
const BUILT_IN: [&str; 4] = [".git/", "node_modules/", ".clawhub/", ".clawdhub/"];

/// Most lines of all ignore files together.
const LINES: usize = 2_000;
/// Largest program that their patterns make, in bytes.
const PROGRAM: usize = 4 * 1024 * 1024;
/// Most bytes of paths, times rules.
const WORK: usize = 100_000_000;

/// The client's choice of files in one skill.
#[derive(Debug, Clone)]
pub struct Cover {
    rules: RegexSet,
    /// Of each rule whether it takes files back in.
    negated: Vec<bool>,
}

impl Cover {
    /// The choice under the contents of [`IGNORE_FILES`], in that order; absent ones are left out.
    ///
    /// `None` if they are too long to be followed, so that nothing can be said.
    pub fn new<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let contents: Vec<String> =
            contents.into_iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let written =
            contents.iter().flat_map(|text| text.split('\n')).map(|line| line.strip_suffix('\r').unwrap_or(line));
        let (mut rules, mut negated) = (Vec::new(), Vec::new());
        for (index, line) in BUILT_IN.into_iter().chain(written).enumerate() {
            if index >= LINES {
                return None;
            }
            // A line that is no pattern leaves nothing out.
            let Some((rule, is_negated)) = rule(line) else { continue };
            rules.push(rule);
            negated.push(is_negated);
        }
        let rules = RegexSetBuilder::new(rules).case_insensitive(true).size_limit(PROGRAM).build().ok()?;
        Some(Self { rules, negated })
    }

    /// Those of the regular files at these paths that the client hashes; paths are relative, with `/` between their
    /// parts. `None` if there are too many for these rules.
    pub fn covered<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Option<BTreeSet<&'p str>> {
        let mut covered = BTreeSet::new();
        // Whether folders are left out, each asked for once.
        let mut folders: BTreeMap<&str, bool> = BTreeMap::new();
        let mut work = 0;
        for path in paths {
            if path.split('/').any(|part| part.starts_with('.') || part == "node_modules") {
                continue;
            }
            let mut asked = |part: &str| {
                work += part.len() * self.negated.len();
                self.leaves_out(part)
            };
            // What lies in a folder that is left out stays out, whatever later lines say.
            let mut above = path.match_indices('/').filter_map(|(at, slash)| path.get(..at + slash.len()));
            let is_out = above.any(|folder| *folders.entry(folder).or_insert_with(|| asked(folder))) || asked(path);
            if work > WORK {
                return None;
            }
            if !is_out {
                covered.insert(path);
            }
        }
        Some(covered)
    }

    /// Whether the last rule that is about this path leaves it out; directories end in `/`.
    fn leaves_out(&self, path: &str) -> bool {
        let last = self.rules.matches(path).into_iter().next_back();
        last.is_some_and(|index| self.negated.get(index) == Some(&false))
    }
}

/// A character of a name.
const NAME: &str = "[^/]";

/// What a line leaves out, as a regular expression over paths, and whether it takes in instead; `None` if it is no
/// pattern.
///
/// The client's patterns are not quite those of Git. It knows no `{a,b}`; a star at the end is one even behind a
/// backslash; `a/**/` is the directory `a` as well; and a slash before a blank at the end counts as one in the middle.
fn rule(line: &str) -> Option<(String, bool)> {
    let slashes = line.chars().rev().take_while(|c| *c == '\\').count();
    if line.trim().is_empty() || line.starts_with('#') || slashes == 1 {
        return None;
    }
    let (body, is_negated) = line.strip_prefix('!').map_or((line, false), |body| (body, true));
    let body = body.strip_prefix('\\').filter(|rest| rest.starts_with(['!', '#'])).unwrap_or(body);
    let is_anchored = body.trim_end_matches('/').contains('/') || body.ends_with("//");
    let text: Vec<char> = trimmed(body).chars().collect();
    let mut rest = text.as_slice();
    let mut out = String::new();
    let is_rooted = rest.first() == Some(&'/');
    if is_rooted {
        rest = rest.get(1..)?;
    }
    let deep = rest;
    while let ['*', '*', '/', more @ ..] = rest {
        rest = more;
    }
    out.push_str(match () {
        () if rest.len() < deep.len() => "^(?:.*/)?",
        () if is_rooted || is_anchored => "^",
        () if rest.is_empty() => "",
        () => "(?:^|/)",
    });
    body_of(rest, &mut out)?;
    match rest.last() {
        Some('/') => out.push('$'),
        None if out.is_empty() => {}
        _ => out.push_str("(?:$|/$)"),
    }
    Some((out, is_negated))
}

/// The line without blanks at its end, but for one that is behind a backslash.
fn trimmed(body: &str) -> String {
    let cut = body.trim_end();
    let slashes = cut.chars().rev().take_while(|c| *c == '\\').count();
    if cut.len() == body.len() || slashes % 2 == 0 {
        return cut.to_owned();
    }
    format!("{} ", cut.strip_suffix('\\').unwrap_or(cut))
}

/// Turns what stands between the ends of a pattern into a regular expression.
fn body_of(mut rest: &[char], out: &mut String) -> Option<()> {
    while let [c, after @ ..] = rest {
        rest = match (*c, after) {
            ('\\', ['*']) => star(&[], out),
            ('\\', [c, more @ ..]) => {
                literal(*c, out);
                more
            }
            ('/', ['*', '*']) => {
                out.push_str("/.+");
                &[]
            }
            ('/', ['*', '*', '/', ..]) => {
                out.push_str("(?:/[^/]+)*");
                after.get(2..)?
            }
            ('*', _) => star(after, out),
            ('?', more) => {
                out.push_str(NAME);
                more
            }
            ('[', more) => class(more, out)?,
            (c, more) => {
                literal(c, out);
                more
            }
        };
    }
    Some(())
}

/// A run of stars. Where nothing but one follows a slash, it is not nothing.
fn star<'a>(after: &'a [char], out: &mut String) -> &'a [char] {
    let more = after.iter().position(|c| *c != '*').and_then(|at| after.get(at..)).unwrap_or(&[]);
    let is_whole = after.is_empty() && out.ends_with('/') && !out.ends_with("|/");
    out.push_str(if is_whole { "[^/]+" } else { "[^/]*" });
    more
}

/// One of several characters, up to the next `]` whatever stands before it; without one, nothing is meant.
fn class<'a>(rest: &'a [char], out: &mut String) -> Option<&'a [char]> {
    let end = rest.iter().position(|c| *c == ']');
    let (inner, more) = match end {
        Some(end) => (rest.get(..end)?, rest.get(end + 1..)?),
        None => (rest, &[][..]),
    };
    // The client stumbles over all of these, and so over the whole line or file.
    if inner.iter().any(|c| matches!(c, '/' | '*' | '?' | '\\')) {
        return None;
    }
    let (mut inner, is_negated) = match inner {
        ['!' | '^', inner @ ..] => (inner, true),
        inner => (inner, false),
    };
    let mut set = String::new();
    while let [first, more @ ..] = inner {
        inner = match more {
            ['-', last, more @ ..] => {
                if first <= last {
                    literal(*first, &mut set);
                    set.push('-');
                    literal(*last, &mut set);
                }
                more
            }
            more => {
                literal(*first, &mut set);
                more
            }
        };
    }
    out.push_str(&match (is_negated, end.is_some() && !set.is_empty()) {
        (true, true) => format!("[^{set}]"),
        (false, true) => format!("[{set}]"),
        (true, false) if end.is_some() => r"[\s\S]".to_owned(),
        _ => r"[^\s\S]".to_owned(),
    });
    Some(more)
}

fn literal(c: char, out: &mut String) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}
