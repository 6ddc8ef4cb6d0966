//! Branches, loops and exceptions.

use super::super::named::{leaves, named};
use super::*;

impl<'t> Lowering<'t> {
    pub(super) fn condition(&mut self, node: Node<'t>) -> Slot {
        match node.child_by_field_name("condition") {
            Some(condition) => self.expression(condition),
            None => self.unknown(node),
        }
    }

    pub(super) fn branch(&mut self, node: Node<'t>) {
        // `else if` chains nest to the right, as deep as they are long.
        let mut at = node;
        let mut ends = 0;
        let mut after = None;
        loop {
            let condition = self.condition(at);
            self.emit(at, OpKind::If(condition));
            ends += 1;
            let named = at
                .child_by_field_name("condition")
                .map(|it| named(it, self.text, &self.predicates))
                .unwrap_or_default();
            named.emit(true, &mut self.out, self.function, self.scope, at);
            let then = at.child_by_field_name("consequence");
            if let Some(then) = then {
                self.statement(then);
            }
            let Some(otherwise) = at.child_by_field_name("alternative") else {
                if then.is_some_and(leaves) {
                    after = Some(named);
                }
                break;
            };
            self.emit(otherwise, OpKind::Else);
            named.emit(false, &mut self.out, self.function, self.scope, otherwise);
            match children(otherwise).first().filter(|next| next.kind() == "if_statement") {
                Some(next) => at = *next,
                None => {
                    self.statement(otherwise);
                    break;
                }
            }
        }
        for _ in 0..ends {
            self.emit(node, OpKind::End);
        }
        if let Some(named) = after {
            named.emit(false, &mut self.out, self.function, self.scope, node);
        }
    }

    pub(super) fn for_loop(&mut self, node: Node<'t>) {
        let outer = self.scope;
        self.scope = self.out.scope(outer, None);
        if let Some(first) = node.child_by_field_name("initializer") {
            self.hoist(first);
            self.statement(first);
        }
        self.emit(node, OpKind::Loop);
        if let Some(condition) = node.child_by_field_name("condition").filter(|c| c.kind() != ";") {
            let condition =
                if condition.kind() == "empty_statement" { self.unknown(node) } else { self.in_statement(condition) };
            self.emit(node, OpKind::While(condition));
        }
        for field in ["body", "increment"] {
            if let Some(part) = node.child_by_field_name(field) {
                self.statement(part);
            }
        }
        self.emit(node, OpKind::End);
        self.scope = outer;
    }

    /// The value of an expression that the grammar wraps in a statement.
    pub(super) fn in_statement(&mut self, node: Node<'t>) -> Slot {
        let inner = if node.kind() == "expression_statement" { children(node).first().copied() } else { Some(node) };
        match inner {
            Some(inner) => self.expression(inner),
            None => self.unknown(node),
        }
    }

    pub(super) fn for_in(&mut self, node: Node<'t>) {
        let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right")) else {
            return;
        };
        let outer = self.scope;
        self.scope = self.out.scope(outer, None);
        if let Some(kind) = node.child_by_field_name("kind") {
            let scope = if self.raw(kind) == "var" { self.out.function_scope(self.scope) } else { self.scope };
            self.declare(left, scope);
        }
        let of = self.expression(right);
        let keys = node.child_by_field_name("operator").is_some_and(|op| self.raw(op) == "in");
        self.emit(node, OpKind::Loop);
        let item = self.emit(left, if keys { OpKind::Keys(of) } else { OpKind::Each(of) });
        self.bind(left, item);
        if let Some(body) = node.child_by_field_name("body") {
            self.statement(body);
        }
        self.emit(node, OpKind::End);
        self.scope = outer;
    }

    pub(super) fn while_loop(&mut self, node: Node<'t>) {
        self.emit(node, OpKind::Loop);
        let is_do = node.kind() == "do_statement";
        if !is_do {
            let condition = self.condition(node);
            self.emit(node, OpKind::While(condition));
        }
        if let Some(body) = node.child_by_field_name("body") {
            self.statement(body);
        }
        if is_do {
            let condition = self.condition(node);
            self.emit(node, OpKind::While(condition));
        }
        self.emit(node, OpKind::End);
    }

    pub(super) fn switch(&mut self, node: Node<'t>) {
        let value = node.child_by_field_name("value").map(|value| self.expression(value));
        let Some(body) = node.child_by_field_name("body") else { return };
        let outer = self.scope;
        self.scope = self.out.scope(outer, None);
        let condition = value.unwrap_or_else(|| self.unknown(node));
        for case in children(body) {
            let mut cursor = case.walk();
            let statements: Vec<Node<'t>> = case.children_by_field_name("body", &mut cursor).collect();
            for statement in &statements {
                self.hoist(*statement);
            }
            self.emit(case, OpKind::If(condition));
            for statement in statements {
                self.statement(statement);
            }
            self.emit(case, OpKind::End);
        }
        self.scope = outer;
    }

    pub(super) fn attempt(&mut self, node: Node<'t>) {
        let handler = node.child_by_field_name("handler");
        self.tries += usize::from(handler.is_some());
        self.emit(node, OpKind::Try);
        if let Some(body) = node.child_by_field_name("body") {
            self.statement(body);
        }
        self.emit(node, OpKind::End);
        self.tries -= usize::from(handler.is_some());
        if let Some(handler) = handler {
            let outer = self.scope;
            self.scope = self.out.scope(outer, None);
            let unknown = self.unknown(handler);
            self.emit(handler, OpKind::If(unknown));
            if let Some(parameter) = handler.child_by_field_name("parameter") {
                self.declare(parameter, self.scope);
                self.bind(parameter, unknown);
            }
            if let Some(body) = handler.child_by_field_name("body") {
                self.statement(body);
            }
            self.emit(handler, OpKind::End);
            self.scope = outer;
        }
        if let Some(last) = node.child_by_field_name("finalizer") {
            self.statement(last);
        }
    }
}
