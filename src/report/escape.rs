//! The edge: nothing from a package leaves raw. Control, bidi and invisible
//! characters are written as `\u{…}`, CI log commands are broken, URLs for
//! people are defanged.

use unicode_width::UnicodeWidthChar;

use crate::text::is_ignorable;

/// `text` for a terminal or a log: one line, no control, no invisible characters.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut out, c);
    }
    without_log_commands(out)
}

/// `text` with line breaks kept and everything else as in [`line`]; also returns, for each byte
/// of `text`, the offset in the result (one more entry for the end).
pub fn source(text: &str) -> (String, Vec<usize>) {
    let mut out = String::with_capacity(text.len());
    let mut to = Vec::with_capacity(text.len() + 1);
    for c in text.chars() {
        to.extend(std::iter::repeat_n(out.len(), c.len_utf8()));
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            '\r' => {}
            c => push(&mut out, c),
        }
    }
    to.push(out.len());
    (out, to)
}

fn push(out: &mut String, c: char) {
    let is_hidden = is_ignorable(c)
        || c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}');
    if c == '#' && out.ends_with('#') {
        // Each of a row, so that no two are left side by side.
        out.push_str("\\#");
    } else if is_hidden {
        out.push_str(&format!("\\u{{{:x}}}", c as u32));
    } else {
        out.push(c);
    }
}

/// CI systems act on `::command::` where a line starts, and on `##[command]` and `##vso[command]` anywhere.
fn without_log_commands(text: String) -> String {
    if text.trim_start().starts_with("::") { format!("\\{text}") } else { text }
}

/// A URL that nobody opens by accident.
pub fn defanged(text: &str) -> String {
    text.replace("http://", "hxxp://").replace("https://", "hxxps://")
}

/// As [`defanged`], and no name of a host is one any more, so that nothing makes a link of it.
pub fn defanged_hosts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        let is_inside = before.is_alphanumeric() && characters.peek().is_some_and(|next| next.is_alphabetic());
        if c == '.' && is_inside {
            out.push_str("[.]")
        } else {
            out.push(c)
        }
        before = c;
    }
    defanged(&out)
}

/// At most `width` columns of `text`, with an ellipsis if it was longer.
pub fn fitted(text: &str, width: usize) -> String {
    let total: usize = text.chars().map(|c| c.width().unwrap_or(0)).sum();
    if total <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let own = c.width().unwrap_or(0);
        if used + own + 1 > width {
            break;
        }
        used += own;
        out.push(c);
    }
    out.push('…');
    out
}

/// `text` with line breaks so that no line is wider than `width`, words permitting; a word that is
/// wider is broken.
pub fn wrapped(text: &str, width: usize) -> String {
    let width = width.max(20);
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let own: usize = word.chars().map(|c| c.width().unwrap_or(0)).sum();
        if used > 0 && used + 1 + own > width {
            out.push('\n');
            used = 0;
            // CI systems look at the start of each line.
            if word.starts_with("::") {
                out.push('\\');
                used = 1;
            }
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let own = c.width().unwrap_or(0);
            if used + own > width {
                out.push('\n');
                used = 0;
            }
            out.push(c);
            used += own;
        }
    }
    out
}
