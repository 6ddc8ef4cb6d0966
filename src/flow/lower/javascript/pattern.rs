//! What names are bound to: declarations, destructuring, assignments to members.

use tree_sitter::Node;

use super::{Lowering, children};
use crate::flow::ir::{Found, OpKind, ScopeId, Slot};

/// Names that a declaration declares.
pub(super) fn declared(declaration: Node<'_>) -> Vec<Node<'_>> {
    match declaration.kind() {
        "lexical_declaration" | "variable_declaration" => {
            let declarators = children(declaration).into_iter();
            declarators.filter_map(|declarator| declarator.child_by_field_name("name")).flat_map(names).collect()
        }
        _ => declaration.child_by_field_name("name").into_iter().collect(),
    }
}

/// Names that a pattern binds, without recursion.
fn names(pattern: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut stack = vec![pattern];
    while let Some(node) = stack.pop() {
        match node.kind() {
            "identifier" | "shorthand_property_identifier_pattern" => found.push(node),
            "assignment_pattern" | "object_assignment_pattern" => stack.extend(node.child_by_field_name("left")),
            "pair_pattern" => stack.extend(node.child_by_field_name("value")),
            "object_pattern" | "array_pattern" | "rest_pattern" => stack.extend(children(node)),
            _ => {}
        }
    }
    found
}

impl<'t> Lowering<'t> {
    pub(super) fn declare(&mut self, pattern: Node<'t>, scope: ScopeId) {
        for name in names(pattern) {
            self.out.declare(scope, self.raw(name));
        }
    }

    /// Gives a value to a pattern.
    pub(super) fn bind(&mut self, pattern: Node<'t>, value: Slot) {
        self.depth += 1;
        if self.depth <= super::DEPTH {
            self.bind_inside(pattern, value);
        }
        self.depth -= 1;
    }

    fn bind_inside(&mut self, pattern: Node<'t>, value: Slot) {
        match pattern.kind() {
            "identifier" | "shorthand_property_identifier_pattern" => self.assign_name(pattern, value),
            "member_expression" | "subscript_expression" => self.assign_member(pattern, value),
            "parenthesized_expression" | "rest_pattern" | "non_null_expression" | "as_expression" => {
                if let Some(inner) = children(pattern).first() {
                    self.bind(*inner, value);
                }
            }
            "assignment_pattern" | "object_assignment_pattern" => self.bind_default(pattern, value),
            "array_pattern" => {
                let mut cursor = pattern.walk();
                // Elements may be left out, so commas count.
                let mut index = 0;
                for child in pattern.children(&mut cursor) {
                    if child.kind() == "," {
                        index += 1;
                    } else if child.is_named() && !child.is_extra() {
                        let item = if child.kind() == "rest_pattern" {
                            let from = self.emit(child, OpKind::Number(f64::from(index)));
                            self.emit(child, OpKind::Slice(value, Some(from), None))
                        } else {
                            self.member(child, value, &index.to_string())
                        };
                        self.bind(child, item);
                    }
                }
            }
            "object_pattern" => {
                for child in children(pattern) {
                    self.bind_property(child, value);
                }
            }
            _ => {}
        }
    }

    fn bind_default(&mut self, pattern: Node<'t>, value: Slot) {
        let (Some(left), Some(right)) = (pattern.child_by_field_name("left"), pattern.child_by_field_name("right"))
        else {
            return;
        };
        let value = match left.kind() {
            "shorthand_property_identifier_pattern" => self.member(left, value, self.raw(left)),
            _ => value,
        };
        let default = self.expression(right);
        let both = self.out.pool(&[value, default]);
        let joined = self.emit(pattern, OpKind::Join(both));
        self.bind(left, joined);
    }

    fn bind_property(&mut self, property: Node<'t>, value: Slot) {
        match property.kind() {
            "shorthand_property_identifier_pattern" => {
                let member = self.member(property, value, self.raw(property));
                self.assign_name(property, member);
            }
            "pair_pattern" => {
                let (Some(key), Some(to)) =
                    (property.child_by_field_name("key"), property.child_by_field_name("value"))
                else {
                    return;
                };
                let member = self.get_key(property, value, key);
                self.bind(to, member);
            }
            "object_assignment_pattern" | "rest_pattern" => self.bind(property, value),
            _ => {}
        }
    }

    fn member(&mut self, node: Node<'t>, of: Slot, name: &str) -> Slot {
        let sym = self.out.intern(name);
        self.emit(node, OpKind::Get(of, sym))
    }

    /// Gives a value to a variable.
    pub(super) fn assign_name(&mut self, name: Node<'t>, value: Slot) {
        let text = self.raw(name);
        match self.out.find(self.scope, text) {
            Found::Local(slot) => self.out.emit_to(self.function, slot, name.byte_range(), OpKind::Bind(value)),
            Found::Outer(cell) => {
                self.emit(name, OpKind::SetOuter(cell, value));
            }
            Found::Global => {
                // Sloppy code makes variables of the whole program by assigning to them.
                if !matches!(text, "exports" | "module" | "process" | "globalThis" | "window") {
                    self.out.declare(0, text);
                    self.assign_name(name, value);
                }
            }
        }
    }

    fn assign_member(&mut self, node: Node<'t>, value: Slot) {
        let Some(object) = node.child_by_field_name("object") else { return };
        if let Some(property) = node.child_by_field_name("property") {
            if self.raw(object) == "module" && self.raw(property) == "exports" {
                let exports = self.emit(node, OpKind::Exports);
                let all = self.out.intern("*");
                self.emit(node, OpKind::Set(exports, all, value));
                return;
            }
            let object = self.expression(object);
            let sym = self.property(property);
            self.emit(node, OpKind::Set(object, sym, value));
        } else if let Some(index) = node.child_by_field_name("index") {
            let object = self.expression(object);
            let index = self.expression(index);
            self.emit(node, OpKind::SetAt(object, index, value));
        }
    }
}
