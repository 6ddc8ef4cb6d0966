//! Words: quotes, expansions, substitutions.

use super::*;
use crate::decode;
use crate::flow::value::UNKNOWN;
use crate::parse::shell::{Piece, pieces, unescaped_in_quotes, unquoted};

impl<'t> Lowering<'t, '_> {
    /// A word with what it is to its command.
    pub(super) fn role(&mut self, node: Node<'t>) -> (Role, Slot) {
        let (mut inner, mut is_quoted) = (node, false);
        while let ("string" | "command_name", [only]) = (inner.kind(), named(inner).as_slice()) {
            if self.raw(*only).len() + 2 < self.raw(inner).len() {
                break;
            }
            is_quoted |= inner.kind() == "string";
            inner = *only;
        }
        if let Some(list) = self.list_of(inner, is_quoted) {
            return (Role::Spread, list);
        }
        (self.splitting(node), self.word(node))
    }

    /// `$@`, `${a[@]}` and their parts are lists.
    fn list_of(&mut self, node: Node<'t>, is_quoted: bool) -> Option<Slot> {
        match (node.kind(), self.raw(node)) {
            ("simple_expansion", "$@") => Some(self.variable(node, "@args")),
            ("simple_expansion", "$*") if !is_quoted => Some(self.variable(node, "@args")),
            ("expansion", raw) if raw.contains("[@]") || raw.starts_with("${@") => {
                (!raw.starts_with("${#")).then(|| self.expansion(node, true))
            }
            ("expansion", raw) if !is_quoted && raw.contains("[*]") && !raw.starts_with("${#") => {
                Some(self.expansion(node, true))
            }
            _ => None,
        }
    }

    /// Whether a word becomes several.
    fn splitting(&self, node: Node<'t>) -> Role {
        let node = match (node.kind(), named(node).as_slice()) {
            ("command_name", [only]) => *only,
            _ => node,
        };
        let is_quoted = |part: &Node<'_>| matches!(part.kind(), "string" | "raw_string" | "ansi_c_string");
        let parts = if node.kind() == "concatenation" { named(node) } else { vec![node] };
        // Blanks in quotes stay; of a word that has such and others, they all do.
        if parts.iter().any(|part| is_quoted(part) && self.raw(*part).contains([' ', '\n', '\t'])) {
            return Role::Word;
        }
        let bare: String = parts
            .iter()
            .filter(|part| matches!(part.kind(), "word" | "brace_expression"))
            .map(|part| self.raw(*part))
            .collect();
        if bare.contains('{') && (bare.contains(',') || bare.contains("..")) {
            return Role::Braces;
        }
        let expands = |part: &Node<'_>| match part.kind() {
            "simple_expansion" | "expansion" | "command_substitution" => true,
            "word" => has_variable(self.raw(*part)),
            _ => false,
        };
        if parts.iter().any(expands) { Role::Split } else { Role::Word }
    }

    /// The text of a word that has no part to be expanded.
    pub(super) fn plain(&self, node: Node<'t>) -> Option<String> {
        let parts = named(node);
        match (node.kind(), parts.as_slice()) {
            ("word" | "number", []) if !has_variable(self.raw(node)) => Some(unquoted(self.raw(node))),
            ("command_name", [only]) => self.plain(*only),
            ("raw_string", _) => Some(self.raw(node).trim_matches('\'').to_owned()),
            ("concatenation" | "string", parts) => {
                let all: Option<String> = parts.iter().map(|part| self.plain(*part)).collect();
                all.filter(|all| !all.is_empty() && all.len() + 4 * parts.len() >= self.raw(node).len())
            }
            ("string_content", _) => Some(self.raw(node).to_owned()),
            _ => None,
        }
    }

    /// The value of a word.
    pub(super) fn word(&mut self, node: Node<'t>) -> Slot {
        if self.depth > DEPTH || !self.out.has_room() {
            self.out.module.coarse = true;
            return self.unknown(node);
        }
        self.depth += 1;
        let slot = self.word_inside(node);
        self.depth -= 1;
        slot
    }

    fn word_inside(&mut self, node: Node<'t>) -> Slot {
        let raw = self.raw(node);
        match node.kind() {
            "word" | "number" | "extglob_pattern" | "regex" | "variable_name" if named(node).is_empty() => {
                self.bare(node, raw)
            }
            "string_content" => {
                let text = unescaped(raw);
                self.literal(node, &text)
            }
            "heredoc_content" => self.literal(node, raw),
            "raw_string" => {
                let inner = raw.strip_prefix('\'').unwrap_or(raw);
                let text = inner.strip_suffix('\'').unwrap_or(inner);
                self.literal(node, text)
            }
            "ansi_c_string" => {
                let inner = raw.strip_prefix("$'").and_then(|raw| raw.strip_suffix('\'')).unwrap_or(raw);
                let text = decode::unescape(inner).map_or_else(|| inner.to_owned(), |(text, _)| text);
                self.literal(node, &text)
            }
            "simple_expansion" => self.simple(node),
            "expansion" => self.expansion(node, false),
            "command_substitution" => self.substitution(node),
            "process_substitution" => {
                if raw.starts_with('>') {
                    self.block(node);
                    return self.unknown(node);
                }
                let printed = self.printed(node, |this| this.block(node));
                self.shell(node, ShellOp::FileOf, &[printed])
            }
            "arithmetic_expansion" => {
                let inner = raw.trim_start_matches("$((").trim_start_matches("$[");
                let inner = inner.strip_suffix("))").or_else(|| inner.strip_suffix(']')).unwrap_or(inner);
                let text = self.literal(node, inner);
                self.shell(node, ShellOp::Arithmetic, &[text])
            }
            "brace_expression" => self.literal(node, raw),
            "heredoc_body" if named(node).is_empty() => self.literal(node, raw),
            "heredoc_body" => self.parts(node, node.byte_range(), Quoting::Document),
            "string" | "translated_string" => self.parts(node, node.byte_range(), Quoting::Double),
            _ => self.parts(node, node.byte_range(), Quoting::None),
        }
    }

    /// A bare word, in which there may be variables.
    fn bare(&mut self, node: Node<'t>, raw: &str) -> Slot {
        let all: Vec<Slot> = pieces(raw)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => self.literal(node, &unquoted(text)),
                Piece::Variable(name) => self.variable(node, name.trim_start_matches('$')),
            })
            .collect();
        self.in_one(node, &all)
    }

    /// Parts of a word as one.
    fn in_one(&mut self, node: Node<'t>, parts: &[Slot]) -> Slot {
        match parts {
            [] => self.literal(node, ""),
            [only] => *only,
            all => {
                let all = self.out.pool(all);
                self.emit(node, OpKind::Concat(all))
            }
        }
    }

    fn simple(&mut self, node: Node<'t>) -> Slot {
        let name = self.raw(node).trim_start_matches('$');
        self.variable(node, name)
    }

    fn substitution(&mut self, node: Node<'t>) -> Slot {
        let parts = named(node);
        if let [only] = parts.as_slice()
            && only.kind() == "file_redirect"
            && let Some(path) = only.child_by_field_name("destination")
        {
            let path = self.word(path);
            let content = self.shell(node, ShellOp::ReadFile, &[path]);
            return self.shell(node, ShellOp::Captured, &[content]);
        }
        self.mark(node, Mark::Capture);
        let printed = self.printed(node, |this| this.block(node));
        self.shell(node, ShellOp::Captured, &[printed])
    }

    /// A word of several parts, with the text that stands between them.
    pub(super) fn parts(&mut self, node: Node<'t>, range: Range<usize>, quoting: Quoting) -> Slot {
        let mut slots = Vec::new();
        let mut at = range.start;
        let inside = |child: &Node<'_>| child.start_byte() >= range.start && child.end_byte() <= range.end;
        for child in named(node).into_iter().filter(inside) {
            self.gap(node, at..child.start_byte(), quoting, &mut slots);
            slots.push(self.embedded(child));
            at = child.end_byte();
        }
        self.gap(node, at..range.end, quoting, &mut slots);
        self.in_one(node, &slots)
    }

    /// A part of a word; a list becomes one text there.
    fn embedded(&mut self, node: Node<'t>) -> Slot {
        match (node.kind(), self.raw(node)) {
            ("simple_expansion", "$*" | "$@") => {
                let list = self.variable(node, "@args");
                self.shell(node, ShellOp::Joined, &[list])
            }
            ("expansion", raw)
                if (raw.contains("[@]") || raw.contains("[*]"))
                    && !raw.starts_with("${#")
                    && !raw.starts_with("${!") =>
            {
                let list = self.expansion(node, true);
                self.shell(node, ShellOp::Joined, &[list])
            }
            _ => self.word(node),
        }
    }

    fn gap(&mut self, node: Node<'t>, range: Range<usize>, quoting: Quoting, slots: &mut Vec<Slot>) {
        let gap = self.text.get(range).unwrap_or("");
        let text = match quoting {
            Quoting::None => unquoted(gap).replace(['"', '\''], ""),
            Quoting::Double => unescaped(gap.strip_prefix('$').unwrap_or(gap)).trim_matches('"').to_owned(),
            Quoting::Document => unescaped(gap),
        };
        if !text.is_empty() {
            slots.push(self.literal(node, &text));
        }
    }
}

fn has_variable(raw: &str) -> bool {
    raw.contains('$') && pieces(raw).iter().any(|piece| matches!(piece, Piece::Variable(_)))
}

/// How backslashes and quotes between parts are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// In a bare word.
    None,
    /// In double quotes.
    Double,
    /// In a here-document.
    Document,
}

/// Text in double quotes without its backslashes; a byte that stands for unknown text elsewhere is none here.
fn unescaped(text: &str) -> String {
    unescaped_in_quotes(&text.replace(UNKNOWN, " "))
}
