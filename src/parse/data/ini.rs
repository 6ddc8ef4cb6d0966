//! Settings by lines: INI, `.npmrc`, `.env`, Git configuration, units of
//! systemd, desktop entries. Sections become the first part of the key.
//!
//! Each of them has readers that differ in what they take for a comment, a
//! quote or a further line; where in doubt a line is read both ways. What is no
//! setting is text.

use std::ops::Range;

use super::{Values, below, short};
use crate::package::SkillPath;
use crate::text;

/// How the reader of a file takes its lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// A backslash at its end goes on with the next line.
    joins: bool,
    /// Quotes and comment signs belong to the value.
    is_plain: bool,
    /// A semicolon behind white space starts a comment.
    semicolons: bool,
}

impl Style {
    pub(super) fn of(path: &SkillPath, text: &str) -> Self {
        let name = path.name().to_ascii_lowercase();
        match path.extension().as_str() {
            "service" | "timer" | "socket" | "path" => return Self { joins: true, is_plain: true, semicolons: false },
            "desktop" => return Self { joins: false, is_plain: true, semicolons: false },
            _ => {}
        }
        if name.contains("gitconfig") || name == ".gitmodules" || name == "config" {
            return Self { joins: true, is_plain: false, semicolons: true };
        }
        if name.contains(".env") {
            return Self::default();
        }
        let has = |section: &str| text.lines().any(|line| line.trim() == section);
        if text.len() < 64 * 1024 && ["[Unit]", "[Service]", "[Timer]"].into_iter().any(has) {
            return Self { joins: true, is_plain: true, semicolons: false };
        }
        Self { joins: false, is_plain: false, semicolons: true }
    }
}

/// Reads the values of a text that starts at `offset` of its document.
pub(super) fn read(source: &str, offset: usize, style: Style, values: &mut Values) {
    let mut reader = Reader { source, offset, style, section: String::new(), last: None, stray: None, values };
    let mut at = 0;
    while at < source.len() {
        at = reader.line(at);
    }
    reader.flush();
}

struct Reader<'a> {
    source: &'a str,
    offset: usize,
    style: Style,
    section: String,
    /// Key of the last setting, and how far it is indented.
    last: Option<(String, usize)>,
    /// Lines in a row that are no settings.
    stray: Option<Range<usize>>,
    values: &'a mut Values,
}

impl Reader<'_> {
    /// End of the line that `at` stands in, its line feed included.
    fn end(&self, at: usize) -> usize {
        let rest = self.source.as_bytes().get(at..).unwrap_or(b"");
        memchr::memchr(b'\n', rest).map_or(self.source.len(), |length| at + length + 1)
    }

    /// Reads the line at `start`; where the next one starts.
    fn line(&mut self, start: usize) -> usize {
        let end = self.end(start);
        let line = text::slice(self.source, start..end);
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        let range = start + indent..start + indent + content.len();
        if content.is_empty() {
            self.last = None;
            self.flush();
            return end;
        }
        if content.starts_with(['#', ';']) {
            self.flush();
            self.values.comments.push(range);
            return end;
        }
        if let Some((section, rest)) = header(content) {
            self.flush();
            self.section = short(section);
            self.last = None;
            let rest = range.start + rest..range.end;
            if text::slice(self.source, rest.clone()).starts_with(['#', ';']) {
                self.values.comments.push(rest);
                return end;
            }
            // Git takes a setting on the line of its section.
            return self.setting(rest, indent, end).unwrap_or(end);
        }
        if let Some(next) = self.setting(range.clone(), indent, end) {
            return next;
        }
        match &self.last {
            Some((key, depth)) if indent > *depth => {
                let key = key.clone();
                self.value(key, range);
            }
            _ => {
                self.last = None;
                let first = self.stray.as_ref().map_or(range.start, |stray| stray.start);
                self.stray = Some(first..range.end);
            }
        }
        end
    }

    /// Reads `key = value`; where the next line starts, or nothing if it is no setting.
    fn setting(&mut self, range: Range<usize>, indent: usize, end: usize) -> Option<usize> {
        let content = text::slice(self.source, range.clone());
        let (name, at) = split(content)?;
        let goes_on = self.last.as_ref().is_some_and(|(_, depth)| indent > *depth);
        if goes_on && !is_plain_key(name, content.get(at..).unwrap_or("")) {
            return None;
        }
        self.flush();
        let key = below(&self.section, name);
        if !goes_on {
            self.last = Some((key.clone(), indent));
        }
        let value = content.get(at..).unwrap_or("");
        let start = range.start + at + (value.len() - value.trim_start().len());
        let mut stop = range.end.max(start);
        let mut next = end;
        while self.style.joins && text::slice(self.source, start..stop).ends_with('\\') && next < self.source.len() {
            let after = self.end(next);
            let line = text::slice(self.source, next..after);
            stop = next + line.trim_end().len();
            next = after;
        }
        self.value(key, start..stop);
        Some(next)
    }

    /// Keeps a value without its quotes, and the comment behind it as such.
    fn value(&mut self, key: String, range: Range<usize>) {
        let raw = text::slice(self.source, range.clone());
        let raw = if self.style.is_plain { raw } else { text::slice(raw, 0..self.before_comment(raw)) };
        let kept = raw.trim_end();
        if raw.len() < range.len() {
            self.values.comments.push(range.start + raw.len()..range.end);
        }
        let (inner, value) = if self.style.is_plain { (0..kept.len(), None) } else { unquoted(kept) };
        let place = range.start + inner.start..range.start + inner.end;
        let value = value.unwrap_or_else(|| joined(text::slice(kept, inner)));
        if !value.is_empty() {
            self.values.string(key, value, place.start + self.offset..place.end + self.offset);
        }
    }

    /// Where the comment behind a value starts.
    fn before_comment(&self, raw: &str) -> usize {
        let open = raw.bytes().next().filter(|byte| matches!(byte, b'"' | b'\''));
        let closed = open.and_then(|quote| close(raw.as_bytes(), quote)).map_or(0, |at| at + 1);
        let bytes = raw.as_bytes();
        let is_sign = |byte: u8| byte == b'#' || (byte == b';' && self.style.semicolons);
        (closed.max(1)..bytes.len())
            .find(|&at| {
                let before = bytes.get(at - 1).is_some_and(u8::is_ascii_whitespace);
                before && bytes.get(at).is_some_and(|&byte| is_sign(byte))
            })
            .unwrap_or(raw.len())
    }

    /// Keeps the lines that are no settings as one text.
    fn flush(&mut self) {
        if let Some(range) = self.stray.take() {
            let value = text::slice(self.source, range.clone()).to_owned();
            self.values.string(String::new(), value, range.start + self.offset..range.end + self.offset);
        }
    }
}

/// Name of a section, and where what follows it on its line starts.
fn header(content: &str) -> Option<(String, usize)> {
    let (inner, rest) = content.strip_prefix('[')?.split_once(']')?;
    let is_list = inner.starts_with('[');
    let inner = inner.trim_start_matches('[').trim();
    let follows = rest.trim_start_matches(']').trim_start();
    let is_alone = follows.is_empty() || follows.starts_with(['#', ';']) || split(follows).is_some();
    if inner.is_empty() || inner.len() > 512 || inner.starts_with(['{', ',']) || !is_alone {
        return None;
    }
    // `remote "origin"` of Git, `tool."a.b"` of TOML.
    let name = match inner.split_once('"') {
        Some((head, tail)) => {
            let head = head.trim().trim_end_matches('.');
            let tail = tail.replace('"', "");
            if head.is_empty() { tail } else { format!("{head}.{tail}") }
        }
        None => inner.to_owned(),
    };
    Some((if is_list { format!("{name}[]") } else { name }, content.len() - follows.len()))
}

/// Key of a setting, and where its value starts.
fn split(content: &str) -> Option<(&str, usize)> {
    let equals = content.find('=');
    let colon = content.find(':').filter(|&at| {
        let after = content.get(at + 1..).unwrap_or("");
        let is_apart = after.is_empty() || after.starts_with(char::is_whitespace);
        let is_address = after.starts_with("//") || at < 2;
        let is_first = equals.is_none_or(|equals| at < equals);
        let key = content.get(..at).unwrap_or("");
        is_first && !key.contains(char::is_whitespace) && (is_apart || (equals.is_none() && !is_address))
    });
    let at = colon.or(equals)?;
    let key = content.get(..at)?.trim_end_matches(['+', '?', ':', '=']).trim_end();
    let key = key.strip_prefix("export ").unwrap_or(key).trim().trim_matches(['"', '\'']);
    let words = key.split_whitespace().count();
    let is_key = (1..=3).contains(&words)
        && key.len() <= 200
        && !key.contains([',', '(', ')', '{', '}', ';', '|', '<', '>', '`', '"', '\''])
        && !key.starts_with(['-', '*']);
    is_key.then_some((key, at + 1))
}

/// Whether an indented line is a setting rather than more of the one above.
fn is_plain_key(key: &str, value: &str) -> bool {
    let is_part =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@' | b':' | b'/' | b'[' | b']');
    !key.starts_with(|c: char| c.is_ascii_digit())
        && key.bytes().all(is_part)
        && !key.contains("://")
        && !value.starts_with('=')
}

/// Where the quote that a text starts with is closed.
fn close(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        if byte == quote {
            return Some(at);
        }
        at += if byte == b'\\' && quote == b'"' { 2 } else { 1 };
    }
    None
}

/// Content of a value that is quoted as a whole, and its text where escapes make it another.
fn unquoted(raw: &str) -> (Range<usize>, Option<String>) {
    let open = raw.bytes().next().filter(|byte| matches!(byte, b'"' | b'\''));
    match open.and_then(|quote| Some((quote, close(raw.as_bytes(), quote)?))) {
        Some((quote, at)) if at + 1 == raw.len() => {
            let inner = text::slice(raw, 1..at);
            let plain = if quote == b'"' { crate::decode::unescape(inner).map(|(plain, _)| plain) } else { None };
            (1..at, plain)
        }
        _ => (0..raw.len(), None),
    }
}

/// A value of several lines as one, as long as before.
fn joined(value: &str) -> String {
    if value.contains('\n') { value.replace("\\\r\n", "   ").replace("\\\n", "  ") } else { value.to_owned() }
}
