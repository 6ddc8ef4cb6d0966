//! Shell words: quoting, expansion of what is known, substitutions.

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
                let text = if node.kind() == "heredoc_content" || node.kind() == "string_content" {
                    raw.to_owned()
                } else {
                    unquoted(raw)
                };
                Value::literal(text, range)
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
        if name == "IFS" {
            return Value::literal(" ", range);
        }
        let known = self.variables.get(name).cloned();
        if known.is_none() && name == "HOME" && operation.is_empty() {
            return Value::literal("~", range);
        }
        match (known, operation) {
            (Some(value), "") => value,
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

/// The text with braces that are an expansion replaced by letters, if it has any: at the beginning of a command the
/// grammar takes them for a group of commands.
pub(super) fn without_braces(text: &str) -> Option<String> {
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

/// `:from:length` of an expansion.
fn substring(operation: &str) -> Option<(usize, usize)> {
    let (from, length) = operation.strip_prefix(':')?.split_once(':').unwrap_or((operation.strip_prefix(':')?, ""));
    let from = from.trim().parse().ok()?;
    let length = if length.is_empty() { usize::MAX } else { length.trim().parse().ok()? };
    Some((from, length))
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
