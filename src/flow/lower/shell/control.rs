//! Branches, loops and functions.

use super::*;
use crate::flow::ir::Binary;

impl<'t> Lowering<'t, '_> {
    /// Runs a statement for its status; what it says as a condition.
    pub(super) fn status(&mut self, node: Node<'t>) -> Slot {
        match node.kind() {
            "test_command" => self.condition(node),
            "negated_command" => {
                let inner = named(node).first().map(|inner| self.status(*inner));
                let all = self.out.pool(inner.as_slice());
                self.emit(node, OpKind::Coarse(all))
            }
            "pipeline" => {
                // What the last stage prints says what was asked.
                let printed = self.printed(node, |this| this.statement(node));
                self.shell(node, ShellOp::Emit, &[printed]);
                let all = self.out.pool(&[printed]);
                self.emit(node, OpKind::Coarse(all))
            }
            _ => {
                self.statement(node);
                self.unknown(node)
            }
        }
    }

    /// `[ … ]` and `[[ … ]]`.
    pub(super) fn condition(&mut self, node: Node<'t>) -> Slot {
        if self.depth > DEPTH {
            self.out.module.coarse = true;
            return self.unknown(node);
        }
        self.depth += 1;
        let slot = self.condition_inside(node);
        self.depth -= 1;
        slot
    }

    fn condition_inside(&mut self, node: Node<'t>) -> Slot {
        let parts = named(node);
        match (node.kind(), parts.as_slice()) {
            ("test_command" | "parenthesized_expression", [one]) => self.condition(*one),
            ("binary_expression", [left, .., right]) => {
                let operator = self.text.get(left.end_byte()..right.start_byte()).unwrap_or("").trim();
                let operation = match operator {
                    "=" | "==" | "-eq" => Binary::Equal,
                    "!=" | "-ne" => Binary::Unequal,
                    "-lt" | "<" => Binary::Less,
                    "-le" | "<=" => Binary::AtMost,
                    _ => Binary::Other,
                };
                let [left, right] = [*left, *right].map(|side| match side.kind() {
                    "binary_expression" | "unary_expression" | "parenthesized_expression" => self.condition(side),
                    _ => self.word(side),
                });
                match operator {
                    "-gt" | ">" => self.emit(node, OpKind::Binary(Binary::Less, right, left)),
                    "-ge" | ">=" => self.emit(node, OpKind::Binary(Binary::AtMost, right, left)),
                    _ => self.emit(node, OpKind::Binary(operation, left, right)),
                }
            }
            _ => {
                let all: Vec<Slot> = parts
                    .into_iter()
                    .filter(|part| part.kind() != "test_operator")
                    .map(|part| match part.kind() {
                        "binary_expression" | "unary_expression" => self.condition(part),
                        _ => self.word(part),
                    })
                    .collect();
                let all = self.out.pool(&all);
                self.emit(node, OpKind::Coarse(all))
            }
        }
    }

    pub(super) fn branch(&mut self, node: Node<'t>) {
        let mut cursor = node.walk();
        let conditions: Vec<Node<'t>> = node.children_by_field_name("condition", &mut cursor).collect();
        let condition = self.statuses(node, &conditions);
        self.emit(node, OpKind::If(condition));
        let mut ends = 1;
        for child in named(node).into_iter().filter(|child| !conditions.contains(child)) {
            match child.kind() {
                "elif_clause" => {
                    self.emit(child, OpKind::Else);
                    let parts = named(child);
                    let Some((first, rest)) = parts.split_first() else { continue };
                    let condition = self.status(*first);
                    self.emit(child, OpKind::If(condition));
                    ends += 1;
                    rest.iter().for_each(|statement| self.statement(*statement));
                }
                "else_clause" => {
                    self.emit(child, OpKind::Else);
                    self.block(child);
                }
                _ => self.statement(child),
            }
        }
        for _ in 0..ends {
            self.emit(node, OpKind::End);
        }
    }

    fn statuses(&mut self, node: Node<'t>, all: &[Node<'t>]) -> Slot {
        let mut last = None;
        for one in all.iter().filter(|one| one.is_named()) {
            last = Some(self.status(*one));
        }
        last.unwrap_or_else(|| self.unknown(node))
    }

    pub(super) fn while_loop(&mut self, node: Node<'t>) {
        let mut cursor = node.walk();
        let conditions: Vec<Node<'t>> = node.children_by_field_name("condition", &mut cursor).collect();
        self.emit(node, OpKind::Loop);
        let mut condition = self.statuses(node, &conditions);
        if self.raw(node).starts_with("until") {
            let all = self.out.pool(&[condition]);
            condition = self.emit(node, OpKind::Coarse(all));
        }
        self.emit(node, OpKind::While(condition));
        // Under the condition, which may say when it is done.
        self.emit(node, OpKind::If(condition));
        if let Some(body) = node.child_by_field_name("body") {
            self.block(body);
        }
        self.emit(node, OpKind::End);
        self.emit(node, OpKind::End);
    }

    pub(super) fn for_loop(&mut self, node: Node<'t>) {
        let mut cursor = node.walk();
        let values: Vec<Node<'t>> = node.children_by_field_name("value", &mut cursor).collect();
        let mut slots = Vec::new();
        for value in values.iter().filter(|value| value.is_named()) {
            let (role, slot) = self.role(*value);
            slots.extend([role as Slot, slot]);
        }
        if slots.is_empty() {
            let all = self.variable(node, "@args");
            slots = vec![Role::Spread as Slot, all];
        }
        let list = self.shell(node, ShellOp::Words, &slots);
        self.emit(node, OpKind::Loop);
        let item = self.emit(node, OpKind::Each(list));
        if let Some(variable) = node.child_by_field_name("variable") {
            self.set(variable, self.raw(variable), item);
        }
        if let Some(body) = node.child_by_field_name("body") {
            self.block(body);
        }
        self.emit(node, OpKind::End);
    }

    pub(super) fn counting_loop(&mut self, node: Node<'t>) {
        let mut arithmetic = |field: &str| {
            let part = node.child_by_field_name(field)?;
            let text = self.literal(part, self.raw(part));
            Some(self.shell(part, ShellOp::Arithmetic, &[text]))
        };
        arithmetic("initializer");
        self.emit(node, OpKind::Loop);
        let condition = node.child_by_field_name("condition").map(|part| {
            let text = self.literal(part, self.raw(part));
            let value = self.shell(part, ShellOp::Arithmetic, &[text]);
            let zero = self.emit(part, OpKind::Number(0.0));
            self.emit(part, OpKind::Binary(Binary::Unequal, value, zero))
        });
        let condition = condition.unwrap_or_else(|| self.unknown(node));
        self.emit(node, OpKind::While(condition));
        if let Some(body) = node.child_by_field_name("body") {
            self.block(body);
        }
        if let Some(part) = node.child_by_field_name("update") {
            let text = self.literal(part, self.raw(part));
            self.shell(part, ShellOp::Arithmetic, &[text]);
        }
        self.emit(node, OpKind::End);
    }

    pub(super) fn cases(&mut self, node: Node<'t>) {
        let subject = node.child_by_field_name("value").map(|value| self.word(value));
        for item in named(node).into_iter().filter(|item| item.kind() == "case_item") {
            let all = self.out.pool(subject.as_slice());
            let condition = self.emit(item, OpKind::Coarse(all));
            self.emit(item, OpKind::If(condition));
            let mut cursor = item.walk();
            let values: Vec<Node<'t>> = item.children_by_field_name("value", &mut cursor).collect();
            for statement in named(item).into_iter().filter(|child| !values.contains(child)) {
                self.statement(statement);
            }
            self.emit(item, OpKind::End);
        }
    }

    pub(super) fn definition(&mut self, node: Node<'t>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let raw = self.raw(name);
        let range = self.range(node.byte_range());
        let function = self.out.function(raw, range);
        let outer = (self.function, self.inner);
        (self.function, self.inner) = (function, 0);
        if let Some(body) = node.child_by_field_name("body") {
            self.statement(body);
        }
        (self.function, self.inner) = outer;
        let name = self.literal(name, raw);
        let closure = self.emit(node, OpKind::Closure(function));
        self.shell(node, ShellOp::Define, &[name, closure]);
    }

    pub(super) fn declaration(&mut self, node: Node<'t>) {
        let keyword = self.raw(node).split(|c: char| c.is_whitespace()).next().unwrap_or("");
        let children = named(node);
        let flags = children.iter().filter(|c| c.kind() == "word").map(|c| self.raw(*c)).collect::<String>();
        let has_names = children.iter().any(|c| matches!(c.kind(), "variable_assignment" | "variable_name"));
        if !has_names {
            // Prints what there is, or takes names from elsewhere.
            let mut slots = vec![Role::Word as Slot, self.literal(node, keyword)];
            for child in children {
                let (role, slot) = self.role(child);
                slots.extend([role as Slot, slot]);
            }
            self.shell(node, ShellOp::Command, &slots);
            return;
        }
        let is_local = keyword == "local"
            || (matches!(keyword, "declare" | "typeset") && self.function != 0 && !flags.contains('g'));
        let is_export = keyword == "export" || flags.contains('x');
        for child in children {
            let name = match child.kind() {
                "variable_name" => Some(child),
                "variable_assignment" => child.child_by_field_name("name"),
                _ => None,
            };
            let Some(name) = name else { continue };
            // The value is what it is outside.
            let value = (child.kind() == "variable_assignment").then(|| self.value(child)).flatten();
            let slot = self.literal(name, self.raw(name));
            if is_local {
                self.shell(child, ShellOp::Local, &[slot]);
            }
            if let Some(value) = value {
                self.assign(child, name, value);
            }
            if is_export {
                self.shell(child, ShellOp::Export, &[slot]);
            }
        }
    }

    pub(super) fn assignment(&mut self, node: Node<'t>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        if let Some(value) = self.value(node) {
            self.assign(node, name, value);
        }
    }

    /// The value of an assignment; what is added is added.
    fn value(&mut self, node: Node<'t>) -> Option<Slot> {
        let name = node.child_by_field_name("name")?;
        let value = node.child_by_field_name("value");
        let between = self.text.get(name.end_byte()..value.map_or(node.end_byte(), |v| v.start_byte())).unwrap_or("");
        let is_list = value.is_some_and(|value| value.kind() == "array");
        let new = match value {
            Some(value) if is_list => self.array(value),
            Some(value) => self.word(value),
            None => self.literal(node, ""),
        };
        if !between.contains("+=") || name.kind() != "variable_name" {
            return Some(new);
        }
        let raw = self.raw(name);
        if is_list {
            let text = self.literal(name, raw);
            let old = self.shell(name, ShellOp::List, &[text]);
            return Some(self.shell(node, ShellOp::Append, &[old, new]));
        }
        let old = self.variable(name, raw);
        let both = self.out.pool(&[old, new]);
        Some(self.emit(node, OpKind::Concat(both)))
    }

    fn array(&mut self, node: Node<'t>) -> Slot {
        let mut slots = Vec::new();
        for item in named(node) {
            let (role, slot) = self.role(item);
            slots.extend([role as Slot, slot]);
        }
        self.shell(node, ShellOp::Words, &slots)
    }

    fn assign(&mut self, node: Node<'t>, name: Node<'t>, value: Slot) {
        if name.kind() != "subscript" {
            self.set(node, self.raw(name), value);
            return;
        }
        let (Some(variable), Some(index)) = (name.child_by_field_name("name"), name.child_by_field_name("index"))
        else {
            return;
        };
        let variable = self.literal(variable, self.raw(variable));
        let index = self.word(index);
        self.shell(node, ShellOp::SetIndex, &[variable, index, value]);
    }
}
