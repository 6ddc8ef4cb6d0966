//! What a condition says of the name of a file: `name.endsWith(".pem")`, `/^\.env/.test(name)`, `name == "id_rsa"`.

use std::collections::HashMap;

use tree_sitter::Node;

use crate::flow::ir::{Builder, FnId, Found, OpKind, ScopeId, Slot};
use crate::flow::value::UNKNOWN;

/// Parts of a condition that are looked at, and names that are taken from it.
const PARTS: usize = 64;
const NAMES: usize = 4;
/// Letters of a name.
const LETTERS: std::ops::RangeInclusive<usize> = 3..=40;

/// Names that a file has where a condition holds, or where it does not; what else they consist of reads [`UNKNOWN`].
#[derive(Default)]
pub(super) struct Named<'t> {
    pub holds: Vec<String>,
    pub fails: Vec<String>,
    /// Variables that are compared, which may hold names or be one.
    pub of: Vec<&'t str>,
    /// Those of the parts that say what it is not.
    pub not_of: Vec<&'t str>,
}

impl Named<'_> {
    /// Says so of one of the branches.
    pub(super) fn emit(&self, holds: bool, out: &mut Builder, function: FnId, scope: ScopeId, at: Node<'_>) {
        // Nothing is read where a loop goes on, and what follows is of the others.
        if holds && at.child_by_field_name("consequence").is_some_and(skips) {
            return;
        }
        let names = if holds { &self.holds } else { &self.fails };
        let of = if holds { &self.of } else { &self.not_of };
        // What a list of names holds is known when the program is followed; such lists are written in capitals.
        let is_list = |name: &&&str| name.len() > 2 && !name.bytes().any(|byte| byte.is_ascii_lowercase());
        if names.is_empty() && !of.iter().any(|name| is_list(&name)) {
            return;
        }
        let names: Vec<Slot> = names.iter().map(|name| out.text(function, at.byte_range(), name)).collect();
        let of = of.iter().filter_map(|name| match out.find(scope, name) {
            Found::Local(slot) => Some(slot),
            Found::Outer(cell) => Some(out.emit(function, at.byte_range(), OpKind::Outer(cell))),
            Found::Global => None,
        });
        let of: Vec<Slot> = of.collect();
        let (names, of) = (out.pool(&names), out.pool(&of));
        out.emit(function, at.byte_range(), OpKind::Named(names, of));
    }
}

/// How a text is compared.
#[derive(Clone, Copy)]
enum How {
    Whole,
    Start,
    End,
}

/// Reads a condition of JavaScript or Python.
pub(super) fn named<'t>(condition: Node<'t>, text: &'t str, predicates: &Predicates<'t>) -> Named<'t> {
    let mut found = Named::default();
    let mut parts = vec![(condition, false, How::Whole)];
    let mut seen = 0;
    while let Some((node, is_denied, how)) = parts.pop().filter(|_| seen < PARTS) {
        seen += 1;
        let raw = text.get(node.byte_range()).unwrap_or("");
        let names = if is_denied { &mut found.fails } else { &mut found.holds };
        match node.kind() {
            "string" | "template_string" => {
                let text = raw.trim_start_matches(|c: char| c.is_ascii_alphabetic());
                let is_pattern = raw.starts_with('r');
                let text = text.trim_matches(['"', '\'', '`']);
                names.extend(if is_pattern { of_regex(text) } else { of_text(text, how) });
            }
            "identifier" => if is_denied { &mut found.not_of } else { &mut found.of }.push(raw),
            "regex" => names.extend(of_regex(raw.trim_start_matches('/').rsplit_once('/').map_or("", |(all, _)| all))),
            kind => {
                let operator = node.child_by_field_name("operator");
                let operator = operator.map_or("", |operator| text.get(operator.byte_range()).unwrap_or(""));
                let is_turned = kind == "not_operator"
                    || matches!(operator, "!" | "!=" | "!==")
                    || kind == "comparison_operator" && (raw.contains("!=") || raw.contains(" not in "));
                let function = node.child_by_field_name("function");
                let function = function.map_or("", |function| text.get(function.byte_range()).unwrap_or(""));
                let how = match function.rsplit('.').next() {
                    Some("endsWith" | "endswith") => How::End,
                    Some("startsWith" | "startswith") => How::Start,
                    _ => how,
                };
                if kind.starts_with("call") {
                    parts.extend(predicates.0.get(function).map(|test| (*test, is_denied, how)));
                }
                let children = super::children(node).into_iter();
                parts.extend(children.map(|child| (child, is_denied != is_turned, how)));
            }
        }
    }
    found.holds.truncate(NAMES);
    found.fails.truncate(NAMES);
    found
}

/// What functions of a program give that do nothing but ask, by their names.
#[derive(Default)]
pub(super) struct Predicates<'t>(HashMap<&'t str, Node<'t>>);

impl<'t> Predicates<'t> {
    /// Those at the top of a program.
    pub(super) fn of(root: Node<'t>, text: &'t str) -> Self {
        let inside = |node: Node<'t>| match node.kind() {
            "export_statement" | "lexical_declaration" | "variable_declaration" => super::children(node),
            _ => vec![node],
        };
        let all = super::children(root).into_iter().flat_map(inside).flat_map(inside);
        Self(
            all.filter_map(|node| Some((text.get(node.child_by_field_name("name")?.byte_range())?, test(node)?)))
                .collect(),
        )
    }
}

/// The only thing that a function gives, at its end.
fn test(function: Node<'_>) -> Option<Node<'_>> {
    let body = function.child_by_field_name("value").unwrap_or(function).child_by_field_name("body")?;
    if !matches!(body.kind(), "block" | "statement_block") {
        return Some(body);
    }
    let last = body.named_child(body.named_child_count().checked_sub(1)? as u32)?;
    last.named_child(0).filter(|_| last.kind() == "return_statement")
}

/// Whether a branch ends by going elsewhere, so that what follows it is for when its condition fails.
pub(super) fn leaves(branch: Node<'_>) -> bool {
    const LEAVE: [&str; 5] =
        ["continue_statement", "return_statement", "break_statement", "throw_statement", "raise_statement"];
    let is_block = matches!(branch.kind(), "block" | "statement_block");
    let last = if is_block { super::children(branch).last().copied() } else { Some(branch) };
    last.is_some_and(|last| LEAVE.contains(&last.kind()))
}

/// Whether a branch does nothing but go on with its loop or end it.
fn skips(branch: Node<'_>) -> bool {
    let all = if matches!(branch.kind(), "block" | "statement_block") { super::children(branch) } else { vec![branch] };
    matches!(all[..], [only] if matches!(only.kind(), "continue_statement" | "break_statement"))
}

/// Whether a text may be, or end, the name of a file.
fn is_name(text: &str) -> bool {
    LETTERS.contains(&text.len())
        && text.contains(['.', '_'])
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || "._- ".contains(c))
}

fn of_text(text: &str, how: How) -> Vec<String> {
    // As a search pattern of file names.
    let plain = text.trim_start_matches('*');
    let name = match how {
        How::Whole | How::End if plain == ".env" => plain.to_owned(),
        How::Whole if plain.len() == text.len() && !plain.starts_with('.') => plain.to_owned(),
        How::Whole | How::End => format!("{UNKNOWN}{plain}"),
        How::Start => format!("{plain}{UNKNOWN}"),
    };
    if is_name(plain) { vec![name] } else { Vec::new() }
}

/// Names in a regular expression: letters that stand in it as they are, and the first alternatives behind them.
fn of_regex(pattern: &str) -> Vec<String> {
    let is_start = pattern.starts_with('^');
    let mut before = String::new();
    let mut names: Vec<String> = Vec::new();
    let mut rest = pattern.trim_start_matches('^').replace("\\.", "\u{0}").replace("(?:", "(");
    rest = rest.replace("[.]", "\u{0}");
    for c in rest.chars() {
        match c {
            '\u{0}' => before.push('.'),
            c if c.is_alphanumeric() || matches!(c, '_' | '-') => before.push(c),
            _ => break,
        }
    }
    let behind = rest.chars().skip(before.chars().count()).collect::<String>();
    if let Some((alternatives, _)) = behind.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        names.extend(alternatives.split('|').map(|one| format!("{before}{}", one.replace('\u{0}', "."))));
    }
    if is_name(&before) {
        names.insert(0, before);
    }
    names.retain(|name| is_name(name));
    names.into_iter().map(|name| if is_start { name } else { format!("{UNKNOWN}{name}") }).collect()
}
