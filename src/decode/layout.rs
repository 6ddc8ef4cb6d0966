//! Text that is laid out to be missed: blank space that pushes it out of
//! sight, controls that reorder it, letters that only look like others.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::fact::{Fact, FactKind};
use crate::parse::Kind;
use crate::text::{beyond_ascii, latin};

/// Blank lines in a row that nobody writes, spaces in a row before text that nobody scrolls to, and bytes of both.
const LINES: usize = 60;
const COLUMNS: usize = 200;

/// Facts about the layout of a text.
pub fn facts(text: &str, kind: Kind) -> Vec<Fact> {
    let mut facts = padding(text);
    if !text.is_ascii() {
        facts.extend(wide_padding(text));
        facts.extend(reordered(text, kind));
        facts.extend(mixed(text));
    }
    facts
}

/// Runs of blank lines and of spaces with text behind them.
fn padding(text: &str) -> Vec<Fact> {
    let bytes = text.as_bytes();
    let is_blank = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_whitespace);
    let mut facts = Vec::new();
    let mut at = 0;
    // A run that matters holds one of the places that are looked at.
    while at < bytes.len() && facts.len() < 8 {
        if !is_blank(at) {
            at += LINES;
            continue;
        }
        let start = (0..at).rev().take_while(|&before| is_blank(before)).last().unwrap_or(at);
        let end = (at..bytes.len()).find(|&after| !is_blank(after)).unwrap_or(bytes.len());
        at = end + LINES;
        if start > 0 && end < bytes.len() && end - start >= LINES {
            facts.extend(run(bytes, start..end));
        }
    }
    facts
}

/// Runs of blanks that are not ASCII: one such run is as wide as it is long.
fn wide_padding(text: &str) -> Option<Fact> {
    let mut from = 0;
    for (at, c) in beyond_ascii(text) {
        if at < from || !c.is_whitespace() {
            continue;
        }
        let rest = text.get(at..)?;
        let end = rest.find(|c: char| !c.is_whitespace()).map_or(text.len(), |length| at + length);
        let count = text.get(at..end)?.chars().count();
        if count >= LINES && end < text.len() {
            let note = format!("{count} blank characters, and then text");
            return Some(Fact::new(FactKind::Padding, at..end, note).label("columns"));
        }
        from = end;
    }
    None
}

/// A blank run that is no indentation of a table and no space between chapters.
fn run(bytes: &[u8], range: Range<usize>) -> Option<Fact> {
    let blank = bytes.get(range.clone())?;
    let lines = memchr::memchr_iter(b'\n', blank).count();
    let columns = blank.len() - memchr::memrchr(b'\n', blank).map_or(0, |at| at + 1);
    // Cells of a wide table are padded to one width.
    let line = bytes.get(..range.start)?.rsplit(|b| *b == b'\n').next().unwrap_or(b"");
    let is_cell = lines == 0 && line.trim_ascii_start().starts_with(b"|");
    let label = if lines > LINES {
        "lines"
    } else if columns >= COLUMNS && !is_cell {
        "columns"
    } else if blank.len() >= 2048 && !is_cell {
        "block"
    } else {
        return None;
    };
    let note = format!("{} blank characters, and then text", blank.len());
    Some(Fact::new(FactKind::Padding, range, note).label(label))
}

/// Controls that show text in another order than it has.
fn reordered(text: &str, kind: Kind) -> Vec<Fact> {
    let mut facts = Vec::new();
    let opens = |c: char| matches!(c, '\u{202A}' | '\u{202B}' | '\u{202D}' | '\u{202E}' | '\u{2066}'..='\u{2068}');
    if !beyond_ascii(text).any(|(_, c)| opens(c)) {
        return facts;
    }
    for (start, line) in lines(text) {
        let controls = line.match_indices(opens).filter(|(at, _)| !is_among_numbers(line, *at));
        if controls.count() == 0 {
            continue;
        }
        let mut depth = 0_i32;
        let mut overrides = false;
        for c in line.chars() {
            match c {
                '\u{202D}' | '\u{202E}' => {
                    overrides = true;
                    depth += 1;
                }
                '\u{202A}' | '\u{202B}' | '\u{2066}'..='\u{2068}' => depth += 1,
                '\u{202C}' | '\u{2069}' => depth -= 1,
                _ => {}
            }
        }
        // Scripts that run from right to left need marks, and close what they open.
        let has_script = line.chars().any(is_right_to_left);
        if has_script && !overrides && depth == 0 && !kind.is_code() {
            continue;
        }
        let mut fact = Fact::new(FactKind::Script, start..start + line.len(), "controls that reorder what is shown");
        fact = fact.label("bidi");
        if overrides {
            fact = fact.label("override");
        }
        if depth != 0 {
            fact = fact.label("unbalanced");
        }
        if kind.is_code() {
            fact = fact.label("code");
        }
        if has_script {
            fact = fact.label("right-to-left");
        }
        facts.push(fact);
        if facts.len() >= 8 {
            break;
        }
    }
    facts
}

/// Whether what stands around a place is numbers that were written as characters, as in the tables of a parser: hardly
/// any is ASCII, none is a space, and they come from more parts of Unicode than any text.
fn is_among_numbers(line: &str, at: usize) -> bool {
    const AROUND: usize = 24;
    const PARTS: usize = 6;
    let (before, after) = line.split_at_checked(at).unwrap_or((line, ""));
    let around: Vec<char> = before.chars().rev().take(AROUND).chain(after.chars().take(AROUND + 1)).collect();
    let beyond: Vec<char> = around.iter().copied().filter(|c| !c.is_ascii()).collect();
    // Ideographs are one part; others are blocks of 256.
    let part_of = |c: char| if ('\u{4E00}'..='\u{9FFF}').contains(&c) { 0x4E } else { u32::from(c) >> 8 };
    let parts: BTreeSet<u32> = beyond.iter().copied().map(part_of).collect();
    parts.len() >= PARTS && beyond.len() * 2 > around.len() && !around.iter().any(|c| c.is_whitespace())
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// Words of Latin letters with some that only look Latin.
fn mixed(text: &str) -> Vec<Fact> {
    let mut facts = Vec::new();
    // Greek, Cyrillic and Armenian: there is none of them in most text.
    if !beyond_ascii(text).any(|(_, c)| ('\u{0370}'..='\u{058F}').contains(&c)) {
        return facts;
    }
    for (range, word) in words(text) {
        let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
        let alike = word.chars().filter(|&c| is_look_alike(c)).count();
        let others = word.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).count();
        // A word in another script with a Latin letter, or a symbol beside a unit, is no disguise.
        if letters < 2 || alike == 0 || alike != others {
            continue;
        }
        let mut fact =
            Fact::new(FactKind::Script, range, "a word with letters that only look Latin").label("look-alike");
        if word.contains('.') && word.rsplit('.').next().is_some_and(|end| end.len() >= 2) {
            fact = fact.label("host-like");
        }
        let folded: String = word.chars().flat_map(char::to_lowercase).map(latin).collect();
        if KEYWORDS.contains(&folded.as_str()) {
            fact = fact.label("keyword");
        }
        facts.push(fact);
        if facts.len() >= 8 {
            break;
        }
    }
    facts
}

fn is_look_alike(c: char) -> bool {
    // Some capitals are drawn alike and their small letters are not.
    matches!(c, 'В' | 'К' | 'М' | 'Н' | 'Т' | 'Β' | 'Η' | 'Κ' | 'Μ' | 'Ν' | 'Τ' | 'Ζ')
        || c.to_lowercase().any(|c| latin(c) != c)
}

/// Words that filters look for and agents act on.
const KEYWORDS: [&str; 24] = [
    "curl",
    "wget",
    "bash",
    "eval",
    "exec",
    "sudo",
    "python",
    "node",
    "powershell",
    "system",
    "base64",
    "chmod",
    "import",
    "require",
    "password",
    "token",
    "secret",
    "ignore",
    "instructions",
    "previous",
    "openclaw",
    "clawhub",
    "github",
    "install",
];

/// Words that are not all ASCII, dots included.
fn words(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_'))).filter_map(move |word| {
        let word = word.trim_matches('.');
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        (!word.is_ascii() && word.len() <= 256).then_some((start..start + word.len(), word))
    })
}
