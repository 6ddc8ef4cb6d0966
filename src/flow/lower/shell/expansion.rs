//! `${…}`: the variable, and what is done to its value.

use super::word::Quoting;
use super::*;
use crate::flow::ir::Expansion;

/// What stands inside `${…}`.
struct Parts<'t> {
    /// `!` or `#` before the name.
    prefix: Option<char>,
    name: &'t str,
    /// Between brackets.
    index: Option<Range<usize>>,
    operator: &'t str,
    /// Bytes of what the operator takes.
    operand: Range<usize>,
}

/// Operators, longer ones first. A second `#` or `%` begins the operand.
const OPERATORS: [(&str, Expansion); 18] = [
    (":-", Expansion::Default),
    (":=", Expansion::Default),
    (":+", Expansion::Alternate),
    (":?", Expansion::Same),
    ("-", Expansion::Default),
    ("=", Expansion::Default),
    ("+", Expansion::Alternate),
    ("?", Expansion::Same),
    (":", Expansion::Substring),
    ("#", Expansion::Prefix),
    ("%", Expansion::Suffix),
    ("//", Expansion::ReplaceAll),
    ("/", Expansion::ReplaceFirst),
    ("^^", Expansion::Upper),
    ("^", Expansion::Upper),
    (",,", Expansion::Lower),
    (",", Expansion::Lower),
    ("@", Expansion::Same),
];

impl<'t> Lowering<'t, '_> {
    fn taken_apart(&self, node: Node<'t>) -> Option<Parts<'t>> {
        let raw = self.raw(node).strip_prefix("${")?;
        let raw = raw.strip_suffix('}').unwrap_or(raw);
        let start = node.start_byte() + 2;
        let end = start + raw.len();
        let prefix = raw.chars().next().filter(|c| matches!(c, '!' | '#') && raw.len() > 1);
        let rest = raw.get(prefix.map_or(0, char::len_utf8)..)?;
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let length = if length == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { length };
        let (name, after) = rest.split_at(length);
        let mut at = end - after.len();
        let mut index = None;
        let mut after = after;
        if let Some(inner) = after.strip_prefix('[') {
            let close = inner.find(']').unwrap_or(inner.len());
            index = Some(at + 1..at + 1 + close);
            after = inner.get(close + 1..).unwrap_or("");
            at = end - after.len();
        }
        let operator = OPERATORS.iter().map(|(operator, _)| *operator).find(|operator| after.starts_with(operator));
        let operator = after.get(..operator.map_or(0, str::len)).unwrap_or("");
        Some(Parts { prefix, name, index, operator, operand: at + operator.len()..end })
    }

    /// The value of `${…}`; of a list if `wants_list`.
    pub(super) fn expansion(&mut self, node: Node<'t>, wants_list: bool) -> Slot {
        let Some(parts) = self.taken_apart(node) else { return self.unknown(node) };
        let name = self.literal(node, parts.name);
        let index = parts.index.clone().and_then(|range| self.text.get(range)).unwrap_or("");
        let is_whole = matches!(index, "@" | "*") || parts.name == "@" || parts.name == "*";
        let base = if is_whole {
            let list = self.shell(node, ShellOp::List, &[name]);
            if wants_list || parts.prefix == Some('#') { list } else { self.shell(node, ShellOp::Joined, &[list]) }
        } else if let Some(range) = parts.index.clone() {
            let index = self.index(node, range);
            self.shell(node, ShellOp::Index, &[name, index])
        } else {
            self.variable(node, parts.name)
        };
        match parts.prefix {
            Some('#') => return self.shell(node, ShellOp::Expand(Expansion::Length), &[base]),
            Some(_) if is_whole => {
                let keys = self.shell(node, ShellOp::Expand(Expansion::Keys), &[name]);
                return if wants_list { keys } else { self.shell(node, ShellOp::Joined, &[keys]) };
            }
            Some(_) if parts.operator == "*" || parts.operator == "@" => return self.unknown(node),
            _ => {}
        }
        let base = match parts.prefix {
            Some(_) => self.shell(node, ShellOp::Expand(Expansion::Indirect), &[base]),
            None => base,
        };
        let Some((_, kind)) = OPERATORS.iter().find(|(operator, _)| *operator == parts.operator) else { return base };
        let operand = self.parts(node, parts.operand, Quoting::None);
        let subject = match kind {
            Expansion::Default | Expansion::Alternate => name,
            _ => base,
        };
        let value = self.shell(node, ShellOp::Expand(*kind), &[subject, operand, base]);
        if matches!(parts.operator, ":=" | "=") {
            self.set(node, parts.name, value);
        }
        value
    }

    /// Key of a list, which may be a variable's value.
    fn index(&mut self, node: Node<'t>, range: Range<usize>) -> Slot {
        let raw = self.text.get(range.clone()).unwrap_or("");
        if raw.contains('$') {
            let inner = named(node).into_iter().find(|child| child.kind() == "subscript");
            if let Some(index) = inner.and_then(|inner| inner.child_by_field_name("index")) {
                return self.word(index);
            }
        }
        self.literal(node, raw.trim_matches(['"', '\'']))
    }
}
