//! Shell words: quoting, expansion of what is known, substitutions.

use std::ops::Range;

use tree_sitter::Node;

use super::value::{UNKNOWN, Value};
use super::{Run, syntax};

impl Run<'_> {
    /// Value of a word, evaluating the substitutions in it.
    pub(super) fn word(&mut self, node: Node<'_>, depth: usize) -> Value {
        self.nodes = self.nodes.saturating_sub(1);
        if self.nodes == 0 || depth > self.limits.syntax_depth {
            self.gave_up = true;
            return Value::unknown(node.byte_range());
        }
        let range = node.byte_range();
        let raw = self.raw(node);
        match node.kind() {
            "word" | "number" | "string_content" | "heredoc_content" | "special_variable_name" | "variable_name"
                if node.named_child_count() == 0 =>
            {
                if node.kind() == "heredoc_content" || node.kind() == "string_content" {
                    Value::literal(raw, range)
                } else {
                    self.bare(raw, range.start)
                }
            }
            "raw_string" => {
                let inner = raw.strip_prefix('\'').unwrap_or(raw);
                let inner = inner.strip_suffix('\'').unwrap_or(inner);
                Value::literal(inner, range.start + 1..(range.end - 1).max(range.start + 1))
            }
            "ansi_c_string" => {
                let inner = raw.strip_prefix("$'").and_then(|r| r.strip_suffix('\'')).unwrap_or(raw);
                Value::literal(crate::decode::unescape(inner).map_or_else(|| inner.to_owned(), |(text, _)| text), range)
            }
            "simple_expansion" | "expansion" => self.expansion(node, depth),
            "command_substitution" | "process_substitution" => {
                let mut output = Value::default();
                for child in syntax::named(node) {
                    let out = self.statement(child, Value::default(), depth + 1);
                    output.join(out);
                }
                if output.is_empty() {
                    return Value::unknown(range);
                }
                output.range = range;
                output
            }
            "string"
            | "concatenation"
            | "command_name"
            | "translated_string"
            | "heredoc_body"
            | "variable_assignment"
            | "word" => self.parts(node, depth),
            "arithmetic_expansion" | "brace_expression" | "regex" | "extglob_pattern" => Value::unknown(range),
            _ => {
                let mut value = Value::default();
                for child in syntax::named(node) {
                    let part = self.word(child, depth + 1);
                    value.join(part);
                }
                value
            }
        }
    }

    /// A bare word, in which there may be variables (see [`super::tree`]).
    fn bare(&self, raw: &str, start: usize) -> Value {
        let mut value = Value::literal("", start..start + raw.len());
        let mut at = start;
        for piece in pieces(raw) {
            let range = at..at + piece.text().len();
            at = range.end;
            value.append(match piece {
                Piece::Text(text) => Value::literal(unquoted(text), range),
                Piece::Variable(text) => self.variable(text.trim_start_matches('$'), range),
            });
        }
        value.range = start..start + raw.len();
        value
    }

    fn variable(&self, name: &str, range: Range<usize>) -> Value {
        match (self.variables.get(name), name) {
            (_, "IFS") => Value::literal(" ", range),
            (Some(value), _) => value.clone(),
            (None, "HOME") => Value::literal("~", range),
            (None, "BASH") => Value::literal("bash", range),
            (None, _) => Value::unknown(range),
        }
    }

    /// Text between the parts of a composite word belongs to it as well.
    fn parts(&mut self, node: Node<'_>, depth: usize) -> Value {
        let range = node.byte_range();
        let quoted = node.kind() == "string" || node.kind() == "translated_string";
        let mut value = Value::literal("", range.clone());
        let mut at = range.start;
        let children = syntax::named(node);
        if children.is_empty() {
            let raw = self.raw(node);
            let text = raw.trim_start_matches('$').trim_matches('"').to_owned();
            return Value::literal(text, range);
        }
        for child in children {
            let gap = self.text.get(at..child.start_byte()).unwrap_or("");
            value.append(Value::literal(gap_text(gap, quoted), at..child.start_byte()));
            let mut part = self.word(child, depth + 1);
            if quoted && child.kind() == "string_content" {
                part = part.with_text(unescaped_in_quotes(part.shape()));
            }
            value.append(part);
            at = child.end_byte();
        }
        let gap = self.text.get(at..range.end).unwrap_or("");
        value.append(Value::literal(gap_text(gap, quoted), at..range.end));
        value.range = range;
        value
    }

    fn expansion(&mut self, node: Node<'_>, depth: usize) -> Value {
        let range = node.byte_range();
        let raw = self.raw(node);
        let inner = raw.trim_start_matches('$').trim_start_matches('{').trim_end_matches('}');
        let length = inner.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let (name, operation) = inner.split_at(length);
        if name == "IFS" || operation.is_empty() {
            return self.variable(name, range);
        }
        match (self.variables.get(name).cloned(), operation) {
            (Some(value), _) => match (value.text(), substring(operation)) {
                (Some(text), Some((from, length))) => {
                    let cut: String = text.chars().skip(from).take(length).collect();
                    value.with_text(cut)
                }
                _ => value.obscured(),
            },
            (None, _) if operation.starts_with(":-") || operation.starts_with('-') => {
                // The default applies when nothing was set, which is all that is known.
                let mut value = Value::default();
                for child in syntax::named(node).into_iter().skip(1) {
                    let part = self.word(child, depth + 1);
                    value.append(part);
                }
                if value.is_empty() { Value::unknown(range) } else { value }
            }
            (None, _) => Value::unknown(range),
        }
    }
}

/// `:from:length` of an expansion.
fn substring(operation: &str) -> Option<(usize, usize)> {
    let (from, length) = operation.strip_prefix(':')?.split_once(':').unwrap_or((operation.strip_prefix(':')?, ""));
    let from = from.trim().parse().ok()?;
    let length = if length.is_empty() { usize::MAX } else { length.trim().parse().ok()? };
    Some((from, length))
}

/// A part of a bare word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// As it stands.
    Text(&'t str),
    /// With its `$`.
    Variable(&'t str),
}

impl<'t> Piece<'t> {
    fn text(self) -> &'t str {
        match self {
            Self::Text(text) | Self::Variable(text) => text,
        }
    }
}

/// The parts of a bare word: `$name` and what stands between.
pub(crate) fn pieces(raw: &str) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    let mut rest = raw;
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'$', rest.as_bytes().get(from..).unwrap_or(b"")).map(|at| from + at) {
        let (before, variable) = rest.split_at(at);
        let escapes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
        let length = if escapes % 2 == 1 { 0 } else { name_length(variable) };
        if length == 0 {
            from = at + 1;
            continue;
        }
        if !before.is_empty() {
            all.push(Piece::Text(before));
        }
        let (variable, after) = variable.split_at(1 + length);
        all.push(Piece::Variable(variable));
        (rest, from) = (after, 0);
    }
    if !rest.is_empty() {
        all.push(Piece::Text(rest));
    }
    all
}

/// Length of the name behind a `$`.
pub(super) fn name_length(variable: &str) -> usize {
    let name = variable.as_bytes().get(1..).unwrap_or(b"");
    match name.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => {
            name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
        }
        Some(b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'!') => 1,
        _ => 0,
    }
}

/// A bare word without its backslashes.
pub(crate) fn unquoted(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(escaped) => out.push(escaped),
            },
            UNKNOWN => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Text in double quotes without its backslashes.
pub(crate) fn unescaped_in_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => {
                chars.next();
            }
            ('\\', Some('"' | '\\' | '$' | '`')) => out.extend(chars.next()),
            (c, _) => out.push(c),
        }
    }
    out
}

/// What stands between the parts of a word, without the quotes that delimit it.
fn gap_text(gap: &str, quoted: bool) -> String {
    if quoted {
        gap.trim_matches('"').trim_start_matches('$').to_owned()
    } else {
        unquoted(gap).replace(['"', '\''], "")
    }
}
