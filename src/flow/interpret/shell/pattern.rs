//! Patterns of shells: `*`, `?`, `[…]`.

/// Longest texts that are matched, in characters.
const LONGEST: usize = 4096;

/// Whether all of `text` fits `pattern`.
pub(super) fn fits(pattern: &[char], text: &[char]) -> bool {
    if pattern.len() > LONGEST || text.len() > LONGEST {
        return false;
    }
    // Where to go on after a star that took too little.
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
            continue;
        }
        match one(pattern, p, text.get(t).copied()) {
            Some(next) => {
                p = next;
                t += 1;
            }
            None => match star {
                Some((at, taken)) => {
                    p = at + 1;
                    t = taken + 1;
                    star = Some((at, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// Whether the pattern's element at `at` takes this character; where the next one begins.
fn one(pattern: &[char], at: usize, c: Option<char>) -> Option<usize> {
    let c = c?;
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '\\' => (pattern.get(at + 1) == Some(&c)).then_some(at + 2),
        '[' => {
            let close = (at + 2..pattern.len()).find(|index| pattern.get(*index) == Some(&']'))?;
            let set = pattern.get(at + 1..close)?;
            let (is_negated, set) = match set.split_first() {
                Some(('!' | '^', rest)) => (true, rest),
                _ => (false, set),
            };
            let mut holds = false;
            let mut index = 0;
            while let Some(first) = set.get(index) {
                match (set.get(index + 1), set.get(index + 2)) {
                    (Some('-'), Some(last)) => {
                        holds |= (*first..=*last).contains(&c);
                        index += 3;
                    }
                    _ => {
                        holds |= *first == c;
                        index += 1;
                    }
                }
            }
            (holds != is_negated).then_some(close + 1)
        }
        literal => (*literal == c).then_some(at + 1),
    }
}

/// Whether a text has anything that makes it a pattern.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether `text` fits `pattern`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    fits(&pattern, &text)
}
