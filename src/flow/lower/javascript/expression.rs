//! Expressions.

use tree_sitter::Node;

use super::super::named::named;
use super::{DEPTH, Lowering, children, operator};
use crate::flow::fold::REGEX;
use crate::flow::ir::{Binary, FnId, OpKind, Pool, Shape, Slot, Sym};

impl<'t> Lowering<'t> {
    pub(super) fn expression(&mut self, node: Node<'t>) -> Slot {
        if self.depth > DEPTH {
            return self.coarse(node);
        }
        self.depth += 1;
        let slot = self.expression_inside(node);
        self.depth -= 1;
        slot
    }

    fn field(&mut self, node: Node<'t>, name: &str) -> Slot {
        match node.child_by_field_name(name) {
            Some(child) => self.expression(child),
            None => self.unknown(node),
        }
    }

    fn expression_inside(&mut self, node: Node<'t>) -> Slot {
        match node.kind() {
            "identifier" | "shorthand_property_identifier" | "undefined" | "this" | "super" => self.name(node),
            "string" => self.string(node),
            "template_string" => self.template(node),
            "number" => match number(self.raw(node)) {
                Some(number) => self.emit(node, OpKind::Number(number)),
                None => self.unknown(node),
            },
            "true" | "false" | "null" => {
                let text = self.raw(node);
                self.out.text(self.function, node.byte_range(), text)
            }
            "member_expression" => self.member_of(node).0,
            "subscript_expression" => self.subscript(node).0,
            "call_expression" => self.call(node, "function", false),
            "new_expression" => self.call(node, "constructor", true),
            "binary_expression" => self.binary(node),
            "assignment_expression" => {
                let value = self.field(node, "right");
                if let Some(left) = node.child_by_field_name("left") {
                    self.bind(left, value);
                }
                value
            }
            "augmented_assignment_expression" => self.augmented(node),
            "update_expression" => self.update(node),
            "unary_expression" => self.unary(node),
            "ternary_expression" => self.ternary(node),
            "sequence_expression" => self.sequence(node),
            "arrow_function"
            | "function_expression"
            | "generator_function"
            | "function_declaration"
            | "generator_function_declaration"
            | "method_definition" => {
                let name = node.child_by_field_name("name").map_or("", |name| self.raw(name));
                let function = self.closure(node, name);
                self.emit(node, OpKind::Closure(function))
            }
            "class" | "class_declaration" => self.class(node),
            "array" => self.array(node),
            "object" => self.object(node),
            "import" => {
                let sym = self.out.intern("import");
                self.emit(node, OpKind::Global(sym))
            }
            "regex" => match node.child_by_field_name("pattern").map(|pattern| self.raw(pattern)) {
                // One that stands for itself.
                Some(plain) if plain.chars().all(|c| c.is_alphanumeric() || "~_-#@!%&,;:<>= ".contains(c)) => {
                    self.out.text(self.function, node.byte_range(), plain)
                }
                Some(pattern) if pattern.len() <= 200 => {
                    let flags = node.child_by_field_name("flags").map_or("", |flags| self.raw(flags));
                    self.out.text(self.function, node.byte_range(), &format!("{REGEX}{flags}/{pattern}"))
                }
                _ => self.unknown(node),
            },
            "meta_property" if self.raw(node) == "import.meta" => {
                let sym = self.out.intern("import.meta");
                self.emit(node, OpKind::Global(sym))
            }
            "meta_property" | "jsx_text" | "type_arguments" | "type_annotation" => self.unknown(node),
            "parenthesized_expression"
            | "await_expression"
            | "spread_element"
            | "non_null_expression"
            | "as_expression"
            | "satisfies_expression"
            | "expression_statement"
            | "jsx_expression" => match children(node).first() {
                Some(inner) => self.expression(*inner),
                None => self.unknown(node),
            },
            "yield_expression" => {
                let value = match children(node).first() {
                    Some(inner) => self.expression(*inner),
                    None => self.unknown(node),
                };
                // One of the things that the function gives.
                self.emit(node, OpKind::Give(value));
                self.unknown(node)
            }
            "type_assertion" => match children(node).last() {
                Some(inner) => self.expression(*inner),
                None => self.unknown(node),
            },
            _ => {
                let parts: Vec<Slot> = children(node).into_iter().map(|child| self.expression(child)).collect();
                let parts = self.out.pool(&parts);
                self.emit(node, OpKind::Coarse(parts))
            }
        }
    }

    fn ternary(&mut self, node: Node<'t>) -> Slot {
        let condition = self.field(node, "condition");
        self.emit(node, OpKind::If(condition));
        let picked = self.out.slot(self.function);
        let then = self.field(node, "consequence");
        self.out.emit_to(self.function, picked, node.byte_range(), OpKind::Bind(then));
        self.emit(node, OpKind::Else);
        let otherwise = self.field(node, "alternative");
        self.out.emit_to(self.function, picked, node.byte_range(), OpKind::Bind(otherwise));
        self.emit(node, OpKind::End);
        picked
    }

    /// Text of a string literal, escapes read.
    fn literal(&self, node: Node<'_>) -> String {
        let raw = self.raw(node);
        let raw = raw.get(1..raw.len().saturating_sub(1)).unwrap_or("");
        let read = raw.contains('\\').then(|| crate::decode::unescape(raw)).flatten();
        read.map_or_else(|| raw.to_owned(), |(text, _)| text)
    }

    fn string(&mut self, node: Node<'t>) -> Slot {
        let text = self.literal(node);
        self.out.text(self.function, node.byte_range(), &text)
    }

    fn template(&mut self, node: Node<'t>) -> Slot {
        let mut parts = Vec::new();
        for part in children(node) {
            match part.kind() {
                "template_substitution" => match children(part).first() {
                    Some(inner) => parts.push(self.expression(*inner)),
                    None => parts.push(self.unknown(part)),
                },
                "escape_sequence" => {
                    let raw = self.raw(part);
                    let text = crate::decode::unescape(raw).map_or_else(|| raw.to_owned(), |(text, _)| text);
                    parts.push(self.out.text(self.function, part.byte_range(), &text));
                }
                _ => parts.push(self.out.text(self.function, part.byte_range(), self.raw(part))),
            }
        }
        if parts.is_empty() {
            return self.out.text(self.function, node.byte_range(), "");
        }
        let pool = self.out.pool(&parts);
        self.emit(node, OpKind::Concat(pool))
    }

    pub(super) fn property(&mut self, property: Node<'_>) -> Sym {
        let raw = self.raw(property);
        match raw.contains('\\').then(|| crate::decode::unescape(raw)).flatten() {
            Some((text, _)) => self.out.intern(&text),
            None => self.out.intern(raw.trim_start_matches('#')),
        }
    }

    /// A member and what it is of.
    fn member_of(&mut self, node: Node<'t>) -> (Slot, Option<Slot>) {
        let (Some(object), Some(property)) = (node.child_by_field_name("object"), node.child_by_field_name("property"))
        else {
            return (self.unknown(node), None);
        };
        if self.raw(property) == "exports" && object.kind() == "identifier" && self.raw(object) == "module" {
            return (self.emit(node, OpKind::Exports), None);
        }
        let object = self.expression(object);
        let sym = self.property(property);
        (self.emit(node, OpKind::Get(object, sym)), Some(object))
    }

    fn subscript(&mut self, node: Node<'t>) -> (Slot, Option<Slot>) {
        let object = self.field(node, "object");
        let index = self.field(node, "index");
        (self.emit(node, OpKind::GetAt(object, index)), Some(object))
    }

    /// What is called, and on what.
    fn callee(&mut self, node: Node<'t>) -> (Slot, Option<Slot>) {
        match node.kind() {
            "member_expression" => self.member_of(node),
            "subscript_expression" => self.subscript(node),
            _ => (self.expression(node), None),
        }
    }

    fn call(&mut self, node: Node<'t>, field: &str, new: bool) -> Slot {
        let Some(function) = node.child_by_field_name(field) else { return self.unknown(node) };
        let (callee, receiver) = self.callee(function);
        let args = self.arguments(node);
        let named = self.out.pool(&[]);
        let result = self.emit(node, OpKind::Call { callee, receiver, args, named, new });
        let is_filter = function.child_by_field_name("property").is_some_and(|name| self.raw(name) == "filter");
        if is_filter { self.filtered(node, result) } else { result }
    }

    /// What passes through a function that asks for names is named like that.
    fn filtered(&mut self, call: Node<'t>, result: Slot) -> Slot {
        let test = call.child_by_field_name("arguments").and_then(|args| args.named_child(0));
        let test =
            test.and_then(|test| test.child_by_field_name("body")).filter(|body| body.kind() != "statement_block");
        let names = test.map(|test| named(test, self.text, &self.predicates).holds).unwrap_or_default();
        if names.is_empty() {
            return result;
        }
        let names: Vec<Slot> = names.iter().map(|name| self.out.text(self.function, call.byte_range(), name)).collect();
        let names = self.out.pool(&names);
        let names = self.emit(call, OpKind::New(Shape::List, names));
        let both = self.out.pool(&[result, names]);
        self.emit(call, OpKind::Join(both))
    }

    fn arguments(&mut self, node: Node<'t>) -> Pool {
        let args: Vec<Slot> = match node.child_by_field_name("arguments") {
            Some(template) if template.kind() == "template_string" => vec![self.template(template)],
            Some(arguments) => children(arguments).into_iter().map(|argument| self.argument(argument)).collect(),
            None => Vec::new(),
        };
        self.out.pool(&args)
    }

    fn argument(&mut self, node: Node<'t>) -> Slot {
        let value = self.expression(node);
        if node.kind() == "spread_element" { self.emit(node, OpKind::Splat(value)) } else { value }
    }

    /// `a + b + c` nests to the left, as deep as it is long.
    fn binary(&mut self, node: Node<'t>) -> Slot {
        let mut spine = vec![node];
        let mut at = node;
        while let Some(left) = at.child_by_field_name("left").filter(|left| left.kind() == "binary_expression") {
            spine.push(left);
            at = left;
        }
        let mut value = self.field(at, "left");
        for node in spine.into_iter().rev() {
            let op = node.child_by_field_name("operator").map_or("", |op| self.raw(op));
            let right = self.field(node, "right");
            value = match op {
                "||" | "&&" | "??" => {
                    let both = self.out.pool(&[value, right]);
                    self.emit(node, OpKind::Join(both))
                }
                ">" => self.emit(node, OpKind::Binary(Binary::Less, right, value)),
                ">=" => self.emit(node, OpKind::Binary(Binary::AtMost, right, value)),
                _ => self.emit(node, OpKind::Binary(operator(op), value, right)),
            };
        }
        value
    }

    fn augmented(&mut self, node: Node<'t>) -> Slot {
        let Some(left) = node.child_by_field_name("left") else { return self.unknown(node) };
        let op = node.child_by_field_name("operator").map_or("", |op| self.raw(op));
        let old = self.expression(left);
        let right = self.field(node, "right");
        let value = match op.strip_suffix('=') {
            Some("||" | "&&" | "??") => {
                let both = self.out.pool(&[old, right]);
                self.emit(node, OpKind::Join(both))
            }
            Some(op) => self.emit(node, OpKind::Binary(operator(op), old, right)),
            None => right,
        };
        self.bind(left, value);
        value
    }

    fn update(&mut self, node: Node<'t>) -> Slot {
        let Some(argument) = node.child_by_field_name("argument") else { return self.unknown(node) };
        let op = if self.raw(node).contains("++") { Binary::Add } else { Binary::Sub };
        let old = self.expression(argument);
        let one = self.emit(node, OpKind::Number(1.0));
        // `old` may be the variable's own slot, which changes below.
        let same = self.out.pool(&[old]);
        let before = self.emit(node, OpKind::Join(same));
        let value = self.emit(node, OpKind::Binary(op, old, one));
        self.bind(argument, value);
        if self.raw(node).starts_with(['+', '-']) { value } else { before }
    }

    fn unary(&mut self, node: Node<'t>) -> Slot {
        let op = node.child_by_field_name("operator").map_or("", |op| self.raw(op));
        let value = self.field(node, "argument");
        match op {
            "-" => {
                let zero = self.emit(node, OpKind::Number(0.0));
                self.emit(node, OpKind::Binary(Binary::Sub, zero, value))
            }
            "!" => self.emit(node, OpKind::Binary(Binary::Not, value, value)),
            "+" | "~" => value,
            _ => self.emit(node, OpKind::Binary(Binary::Other, value, value)),
        }
    }

    fn sequence(&mut self, node: Node<'t>) -> Slot {
        let mut last = None;
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            if node.kind() == "sequence_expression" {
                stack.extend(children(node).into_iter().rev());
            } else {
                last = Some(self.expression(node));
            }
        }
        last.unwrap_or_else(|| self.unknown(node))
    }

    fn array(&mut self, node: Node<'t>) -> Slot {
        let items = children(node);
        let spreads = items.iter().any(|item| item.kind() == "spread_element");
        let values: Vec<(bool, Slot)> =
            items.into_iter().map(|item| (item.kind() == "spread_element", self.expression(item))).collect();
        if !spreads {
            let pool: Vec<Slot> = values.into_iter().map(|(_, value)| value).collect();
            let pool = self.out.pool(&pool);
            return self.emit(node, OpKind::New(Shape::List, pool));
        }
        let none = self.out.pool(&[]);
        let list = self.emit(node, OpKind::New(Shape::List, none));
        for (is_spread, mut value) in values {
            if !is_spread {
                let one = self.out.pool(&[value]);
                value = self.emit(node, OpKind::New(Shape::List, one));
            }
            self.emit(node, OpKind::Spread(list, value));
        }
        list
    }

    fn object(&mut self, node: Node<'t>) -> Slot {
        let mut pairs = Vec::new();
        let mut spreads = Vec::new();
        for member in children(node) {
            match member.kind() {
                "pair" => {
                    let (Some(key), Some(value)) =
                        (member.child_by_field_name("key"), member.child_by_field_name("value"))
                    else {
                        continue;
                    };
                    pairs.push(self.key(key));
                    pairs.push(self.expression(value));
                }
                "shorthand_property_identifier" => {
                    pairs.push(self.out.text(self.function, member.byte_range(), self.raw(member)));
                    pairs.push(self.name(member));
                }
                "method_definition" => {
                    let Some(name) = member.child_by_field_name("name") else { continue };
                    pairs.push(self.key(name));
                    let function = self.method(member, name);
                    pairs.push(self.emit(member, OpKind::Closure(function)));
                }
                _ => spreads.push(self.expression(member)),
            }
        }
        let pool = self.out.pool(&pairs);
        let object = self.emit(node, OpKind::New(Shape::Map, pool));
        for spread in spreads {
            self.emit(node, OpKind::Spread(object, spread));
        }
        object
    }

    /// A method, or what is called where its name is read.
    fn method(&mut self, node: Node<'t>, name: Node<'t>) -> FnId {
        let function = self.closure(node, self.raw(name));
        let mut cursor = node.walk();
        let is_getter = node.children(&mut cursor).any(|child| child.kind() == "get");
        if let Some(function) = self.out.module.functions.get_mut(function as usize) {
            function.is_getter = is_getter;
        }
        function
    }

    /// A key as a value.
    fn key(&mut self, key: Node<'t>) -> Slot {
        match key.kind() {
            "computed_property_name" => match children(key).first() {
                Some(inner) => self.expression(*inner),
                None => self.unknown(key),
            },
            "string" => self.string(key),
            _ => {
                let sym = self.property(key);
                self.emit(key, OpKind::Text(sym))
            }
        }
    }

    pub(super) fn get_key(&mut self, node: Node<'t>, object: Slot, key: Node<'t>) -> Slot {
        let key = self.key(key);
        self.emit(node, OpKind::GetAt(object, key))
    }

    pub(super) fn set_key(&mut self, node: Node<'t>, object: Slot, key: Node<'t>, value: Slot) {
        let key = self.key(key);
        self.emit(node, OpKind::SetAt(object, key, value));
    }

    pub(super) fn class(&mut self, node: Node<'t>) -> Slot {
        let heritage = children(node).into_iter().find(|child| child.kind() == "class_heritage");
        let base = heritage.and_then(|heritage| children(heritage).first().copied());
        let base = base.map(|base| match base.kind() {
            "extends_clause" => self.field(base, "value"),
            _ => self.expression(base),
        });
        let class = self.emit(node, OpKind::Class(base));
        let Some(body) = node.child_by_field_name("body") else { return class };
        for member in children(body) {
            match member.kind() {
                "method_definition" => {
                    let Some(name) = member.child_by_field_name("name") else { continue };
                    let function = self.method(member, name);
                    let value = self.emit(member, OpKind::Closure(function));
                    if self.raw(name) == "constructor" {
                        let new = self.out.intern("@new");
                        self.emit(member, OpKind::Set(class, new, value));
                    } else {
                        self.set_key(member, class, name, value);
                    }
                }
                "field_definition" | "public_field_definition" => {
                    let name = member.child_by_field_name("property").or_else(|| member.child_by_field_name("name"));
                    if let (Some(name), Some(value)) = (name, member.child_by_field_name("value")) {
                        let outer = self.scope;
                        self.scope = self.out.scope(outer, None);
                        let this = self.out.declare(self.scope, "this");
                        self.out.emit_to(self.function, this, member.byte_range(), OpKind::Bind(class));
                        let value = self.expression(value);
                        self.set_key(member, class, name, value);
                        self.scope = outer;
                    }
                }
                "class_static_block" => self.statement(member),
                _ => {}
            }
        }
        class
    }
}

fn number(raw: &str) -> Option<f64> {
    let lower = raw.replace('_', "").to_ascii_lowercase();
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| n as f64);
    let prefixes = [("0x", 16), ("0b", 2), ("0o", 8)];
    match prefixes.iter().find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, *base))) {
        Some((digits, base)) => radix(digits, base),
        None => lower.trim_end_matches('n').parse().ok(),
    }
}
