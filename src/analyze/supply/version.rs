//! Versions and ranges as npm, pip and cargo write them; enough to tell whether a range admits a given version.

use std::cmp::Ordering;

use super::entry::Ecosystem;

/// Most parts of a range that are looked at.
const PARTS: usize = 64;

/// A version: its numbers, and what comes before its release.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: Vec<u64>,
    early: String,
}

impl Version {
    /// Reads `1.2.3-beta.1+build`, with or without a `v`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', 'V', '=']);
        let text = text.split('+').next().unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, early) = text.split_at_checked(end)?;
        let numbers: Vec<u64> =
            numbers.trim_matches('.').split('.').take(8).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        Some(Self { numbers, early: early.trim_start_matches(['-', '.']).to_ascii_lowercase() })
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    fn compare(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let numbers = (0..length).map(|at| self.number(at).cmp(&other.number(at))).find(|order| order.is_ne());
        numbers.unwrap_or_else(|| match (self.early.is_empty(), other.early.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.early.cmp(&other.early),
        })
    }

    /// The first version that differs from this one at the number `at`.
    fn next(&self, at: usize) -> Self {
        let mut numbers: Vec<u64> = (0..=at).map(|index| self.number(index)).collect();
        if let Some(last) = numbers.last_mut() {
            *last = last.saturating_add(1);
        }
        Self { numbers, early: String::new() }
    }
}

/// Whether two texts are the same version.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    match (Version::parse(one), Version::parse(other)) {
        (Some(one), Some(other)) => one.compare(&other).is_eq(),
        _ => one == other,
    }
}

/// How two versions are ordered; none if one of them is none.
pub(crate) fn compare(one: &str, other: &str) -> Option<Ordering> {
    Some(Version::parse(one)?.compare(&Version::parse(other)?))
}

/// Whether a range is made of comparisons alone, so that [`admits`] is an answer.
pub(super) fn is_range(range: &str) -> bool {
    let is_part = |part: &str| {
        let bare = part.trim_start_matches(['<', '>', '=', '^', '~', 'v']);
        bare.is_empty() || bare == "-" || bare.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | 'x' | 'X'))
    };
    !range.trim().is_empty() && range.split("||").flat_map(|set| set.split([' ', ','])).all(is_part)
}

/// The version, if the range names exactly one.
pub(super) fn exact(ecosystem: Ecosystem, range: &str) -> Option<&str> {
    let range = range.trim();
    let bare = match ecosystem {
        Ecosystem::Npm => range.strip_prefix('=').unwrap_or(range),
        Ecosystem::Pypi => range.strip_prefix("===").or_else(|| range.strip_prefix("=="))?,
        Ecosystem::Cargo => range.strip_prefix('=')?,
    };
    let bare = bare.trim().trim_start_matches('v');
    let is_version = bare.starts_with(|c: char| c.is_ascii_digit())
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '!'))
        && !bare.split('.').any(|part| matches!(part, "x" | "X"));
    let is_whole = ecosystem != Ecosystem::Npm || bare.split(['-', '+']).next()?.split('.').count() >= 3;
    (is_version && is_whole).then_some(bare)
}

/// Whether a range takes whatever is newest.
pub(super) fn is_floating(range: &str) -> bool {
    let range = range.trim();
    matches!(range, "" | "*" | "x" | "latest" | "next" | "beta" | "canary") || range.starts_with(">=0")
}

/// Whether the range admits the version.
pub(super) fn admits(ecosystem: Ecosystem, range: &str, version: &str) -> bool {
    let Some(version) = Version::parse(version) else { return false };
    let range = range.trim();
    if matches!(range, "latest" | "next") {
        return false;
    }
    range.split("||").take(PARTS).any(|set| {
        let set = joined(set);
        let parts: Vec<&str> = set.split([' ', ',']).filter(|part| !part.is_empty()).take(PARTS).collect();
        let is_early_asked =
            parts.iter().any(|part| part.contains('-') && part.len() > 1) || ecosystem == Ecosystem::Pypi;
        if !version.early.is_empty() && !is_early_asked {
            return false;
        }
        if let [from, "-", to] = parts.as_slice() {
            return one(ecosystem, &format!(">={from}"), &version) && one(ecosystem, &format!("<={to}"), &version);
        }
        parts.iter().all(|part| one(ecosystem, part, &version))
    })
}

/// The set with no blank between a sign and its version.
fn joined(set: &str) -> String {
    let mut out = String::with_capacity(set.len());
    let mut after_sign = false;
    for c in set.trim().chars() {
        if c.is_whitespace() && after_sign {
            continue;
        }
        after_sign = matches!(c, '<' | '>' | '=' | '^' | '~' | '!');
        out.push(if c.is_whitespace() { ' ' } else { c });
    }
    out
}

/// Whether one comparison holds.
fn one(ecosystem: Ecosystem, part: &str, version: &Version) -> bool {
    let signs = part.find(|c: char| !matches!(c, '<' | '>' | '=' | '^' | '~' | '!')).unwrap_or(part.len());
    let (sign, bare) = part.split_at_checked(signs).unwrap_or(("", part));
    let bare = bare.trim_start_matches('v');
    // `1.x` and `1.*` leave the rest open.
    let open = bare.split('.').position(|number| matches!(number, "*" | "x" | "X"));
    let fixed = match open {
        Some(0) => return true,
        Some(at) => bare.split('.').take(at).collect::<Vec<_>>().join("."),
        None => bare.to_owned(),
    };
    if fixed.is_empty() {
        return true;
    }
    let Some(base) = Version::parse(&fixed) else { return false };
    let order = version.compare(&base);
    let below = |limit: Version| order.is_ge() && version.compare(&limit).is_lt();
    let given = base.numbers.len();
    match sign {
        ">" if open.is_some() || (ecosystem == Ecosystem::Npm && given < 3) => {
            version.compare(&base.next(given - 1)).is_ge()
        }
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        "<=" if ecosystem == Ecosystem::Npm && given < 3 => version.compare(&base.next(given - 1)).is_lt(),
        "<=" => order.is_le(),
        "!=" if open.is_some() => !below(base.next(given - 1)),
        "!=" => order.is_ne(),
        "^" => below(caret(&base)),
        "~=" => below(base.next(given.saturating_sub(2))),
        "~" => below(base.next(usize::from(given > 1))),
        _ if open.is_some() => below(base.next(given - 1)),
        "" if ecosystem == Ecosystem::Cargo => below(caret(&base)),
        "" | "=" if ecosystem == Ecosystem::Npm && given < 3 => below(base.next(given - 1)),
        _ => order.is_eq(),
    }
}

/// Where `^` ends: at the next change of the first number that is not zero.
fn caret(base: &Version) -> Version {
    let first = base.numbers.iter().position(|number| *number > 0);
    base.next(first.unwrap_or(base.numbers.len().saturating_sub(1)))
}
