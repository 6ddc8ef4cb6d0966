//! The strings of a program, folded as far as literals go, with what is known
//! of where they end up.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use tree_sitter::Node;

use super::{add, callee, is_process_call, last_name};
use crate::artifact::{Map, Op, Piece};
use crate::parse::{Child, Kind, shell, syntax};

/// Stands in a folded string for a part that is not a literal; an unset variable to the shell.
const HOLE: &str = "${_}";

struct Found {
    bytes: String,
    map: Vec<Piece>,
    range: Range<usize>,
    in_process_call: bool,
    /// Name of the variable that the string is (part of) the value of.
    assigned_to: Option<String>,
}

pub(super) struct Strings<'t> {
    text: &'t str,
    found: Vec<Found>,
    /// Names that hold each other's elements: `for p in LIST`, `LIST.forEach(p => …)`, `a = b`.
    aliases: HashMap<String, Vec<String>>,
    /// Names bound to a literal, with its text.
    constants: HashMap<String, String>,
    /// Names under which something was imported, with its own name.
    renames: HashMap<String, String>,
    /// Names that stand in the arguments of process calls.
    pub run: HashSet<String>,
}

impl<'t> Strings<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
            constants: HashMap::new(),
            renames: HashMap::new(),
            aliases: HashMap::new(),
            run: HashSet::new(),
        }
    }

    fn raw(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn alias(&mut self, name: Node<'_>, of: Node<'_>) {
        let (name, of) = (self.raw(name).to_owned(), self.raw(of).to_owned());
        self.aliases.entry(name).or_default().push(of);
    }

    pub(super) fn visit(&mut self, node: Node<'_>) -> bool {
        match node.kind() {
            "string" | "template_string" | "concatenated_string" | "binary_expression" | "binary_operator" => {
                if let Some((bytes, map)) = self.fold(node, 0) {
                    let is_known = shell::worth_parsing(&bytes);
                    if is_known || bytes.contains(' ') {
                        let (in_process_call, assigned_to) = self.position(node);
                        if !is_known && !in_process_call {
                            return false;
                        }
                        self.found.push(Found { bytes, map, range: node.byte_range(), in_process_call, assigned_to });
                    }
                    return false;
                }
                true
            }
            "aliased_import" | "import_specifier" => {
                if let (Some(name), Some(alias)) = (node.child_by_field_name("name"), node.child_by_field_name("alias"))
                {
                    self.renames.insert(self.raw(alias).to_owned(), self.raw(name).to_owned());
                }
                true
            }
            "for_statement" | "for_in_statement" | "for_in_clause" => {
                if let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right"))
                {
                    for name in identifiers(left) {
                        for of in identifiers(right) {
                            self.alias(name, of);
                        }
                    }
                }
                true
            }
            "call" | "call_expression" | "new_expression" => {
                self.call(node);
                let joined = (node.kind() == "call_expression").then(|| self.fold(node, 0)).flatten();
                let Some((bytes, map)) = joined.filter(|(text, _)| shell::worth_parsing(text)) else { return true };
                let (in_process_call, assigned_to) = self.position(node);
                self.found.push(Found { bytes, map, range: node.byte_range(), in_process_call, assigned_to });
                false
            }
            "assignment" | "variable_declarator" | "assignment_expression" => {
                let sides = (
                    node.child_by_field_name("left").or_else(|| node.child_by_field_name("name")),
                    node.child_by_field_name("right").or_else(|| node.child_by_field_name("value")),
                );
                if let (Some(left), Some(right)) = sides {
                    for of in identifiers(right) {
                        self.alias(left, of);
                    }
                    if let Some((text, _)) = self.fold(right, 0).filter(|_| left.kind() == "identifier") {
                        self.constants.insert(self.raw(left).to_owned(), text);
                    }
                }
                true
            }
            _ => true,
        }
    }

    fn call(&mut self, node: Node<'_>) {
        let Some(arguments) = node.child_by_field_name("arguments") else { return };
        let Some(callee_text) = callee(node, self.text) else { return };
        if self.starts_process(callee_text) {
            let names: Vec<String> = identifiers(arguments).into_iter().map(|n| self.raw(n).to_owned()).collect();
            self.run.extend(names);
        } else if matches!(last_name(callee_text), "forEach" | "map") {
            let list = callee_text.rsplit_once('.').map_or("", |(list, _)| list).to_owned();
            let Some(function) = syntax::named(arguments).into_iter().next() else { return };
            let parameter =
                function.child_by_field_name("parameter").or_else(|| function.child_by_field_name("parameters"));
            for name in parameter.map(identifiers).unwrap_or_default() {
                let name = self.raw(name).to_owned();
                self.aliases.entry(name).or_default().push(list.clone());
            }
        }
    }

    fn starts_process(&self, callee: &str) -> bool {
        is_process_call(callee) || self.renames.get(callee).is_some_and(|name| is_process_call(name))
    }

    /// Whether a string is an argument of a process call, and which variable it is assigned to.
    fn position(&self, node: Node<'_>) -> (bool, Option<String>) {
        let mut at = node;
        for _ in 0..12 {
            let Some(parent) = at.parent() else { break };
            match parent.kind() {
                "call" | "call_expression" | "new_expression" => {
                    let callee = callee(parent, self.text);
                    // `[…].join('')` and the like pass their text on.
                    if callee.is_some_and(|c| matches!(last_name(c), "join" | "format" | "trim" | "strip" | "concat")) {
                        at = parent;
                        continue;
                    }
                    return (callee.is_some_and(|callee| self.starts_process(callee)), None);
                }
                "assignment" | "variable_declarator" | "assignment_expression" => {
                    let left = parent.child_by_field_name("left").or_else(|| parent.child_by_field_name("name"));
                    return (false, left.map(|left| self.raw(left).to_owned()));
                }
                "expression_statement" | "function_definition" | "program" | "module" | "block" | "statement_block" => {
                    break;
                }
                _ => at = parent,
            }
        }
        (false, None)
    }

    /// Text of a literal or of literals joined, with holes for what is not literal.
    fn fold(&self, node: Node<'_>, depth: usize) -> Option<(String, Vec<Piece>)> {
        let mut text = String::new();
        let mut map = Vec::new();
        self.fold_into(node, depth, &mut text, &mut map).then_some((text, map))
    }

    fn fold_into(&self, node: Node<'_>, depth: usize, out: &mut String, map: &mut Vec<Piece>) -> bool {
        if depth > 64 {
            return false;
        }
        match node.kind() {
            "string" | "template_string" => {
                let raw = self.raw(node);
                let is_raw = raw.split(['"', '\'']).next().is_some_and(|prefix| prefix.contains(['r', 'R']));
                for part in syntax::named(node) {
                    let piece = self.raw(part);
                    match part.kind() {
                        "string_content" | "string_fragment" if part.named_child_count() > 0 && !is_raw => {
                            add(
                                out,
                                map,
                                &crate::decode::unescape(piece).map_or_else(|| piece.to_owned(), |(t, _)| t),
                                part.byte_range(),
                            );
                        }
                        "string_content" | "string_fragment" => add(out, map, piece, part.byte_range()),
                        "escape_sequence" => add(
                            out,
                            map,
                            &crate::decode::unescape(piece).map_or_else(|| piece.to_owned(), |(t, _)| t),
                            part.byte_range(),
                        ),
                        "interpolation" | "template_substitution" => {
                            let known =
                                syntax::named(part).first().and_then(|name| self.constants.get(self.raw(*name)));
                            add(out, map, known.map_or(HOLE, String::as_str), part.byte_range());
                        }
                        _ => {}
                    }
                }
                true
            }
            "identifier" => match self.constants.get(self.raw(node)) {
                Some(text) => {
                    add(out, map, text, node.byte_range());
                    true
                }
                None => false,
            },
            "call_expression" => self.joined(node, depth, out, map),
            "concatenated_string" | "parenthesized_expression" => {
                let mut any = false;
                for part in syntax::named(node) {
                    any |= self.fold_into(part, depth + 1, out, map);
                }
                any
            }
            "binary_expression" | "binary_operator" => {
                let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right"))
                else {
                    return false;
                };
                if node.child_by_field_name("operator").is_none_or(|op| self.raw(op) != "+") {
                    return false;
                }
                let mut any = false;
                for side in [left, right] {
                    if self.fold_into(side, depth + 1, out, map) {
                        any = true;
                    } else {
                        add(out, map, HOLE, side.byte_range());
                    }
                }
                any
            }
            _ => false,
        }
    }

    /// `[a, b].join(separator)` of literals.
    fn joined(&self, call: Node<'_>, depth: usize, out: &mut String, map: &mut Vec<Piece>) -> bool {
        let Some(member) = call.child_by_field_name("function").filter(|f| f.kind() == "member_expression") else {
            return false;
        };
        let (Some(list), Some(name)) = (member.child_by_field_name("object"), member.child_by_field_name("property"))
        else {
            return false;
        };
        if self.raw(name) != "join" || list.kind() != "array" {
            return false;
        }
        let separator = call
            .child_by_field_name("arguments")
            .and_then(|a| syntax::named(a).first().copied())
            .and_then(|s| self.fold(s, depth + 1));
        for (index, item) in syntax::named(list).into_iter().enumerate() {
            if index > 0 {
                add(
                    out,
                    map,
                    separator.as_ref().map_or(",", |(text, _)| text.as_str()),
                    item.start_byte()..item.start_byte(),
                );
            }
            if !self.fold_into(item, depth + 1, out, map) {
                return false;
            }
        }
        true
    }

    pub(super) fn children(self) -> Vec<Child> {
        let mut run = self.run;
        let mut queue: Vec<String> = run.iter().cloned().collect();
        queue.sort();
        while let Some(name) = queue.pop() {
            for of in self.aliases.get(&name).map(Vec::as_slice).unwrap_or(&[]) {
                if run.insert(of.clone()) {
                    queue.push(of.clone());
                }
            }
        }
        self.found
            .into_iter()
            .map(|found| {
                let is_run = found.in_process_call || found.assigned_to.is_some_and(|name| run.contains(&name));
                Child {
                    op: if is_run { Op::ProcessCall } else { Op::StringLiteral },
                    range: found.range,
                    bytes: found.bytes.into_bytes(),
                    map: Map::Pieces(found.map),
                    kind: Kind::Shell,
                    name: None,
                }
            })
            .collect()
    }
}

/// Identifiers below a node, a few levels deep.
fn identifiers(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut stack = vec![(node, 0)];
    while let Some((node, depth)) = stack.pop() {
        if node.kind() == "identifier" {
            found.push(node);
        } else if depth < 4 && !matches!(node.kind(), "arrow_function" | "function_expression" | "lambda") {
            stack.extend(syntax::named(node).into_iter().rev().map(|child| (child, depth + 1)));
        }
    }
    found
}
