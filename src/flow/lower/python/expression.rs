//! Expressions.

use std::borrow::Cow;

use tree_sitter::Node;
use unicode_normalization::UnicodeNormalization;

use super::super::named::named;
use super::{DEPTH, Lowering, children};
use crate::flow::ir::{Binary, OpKind, Pool, Shape, Slot};

impl<'t> Lowering<'t> {
    pub(super) fn expression(&mut self, node: Node<'t>) -> Slot {
        if self.depth > DEPTH {
            self.out.module.coarse = true;
            return self.unknown(node);
        }
        self.depth += 1;
        let slot = self.expression_inside(node);
        self.depth -= 1;
        slot
    }

    pub(super) fn field(&mut self, node: Node<'t>, name: &str) -> Slot {
        match node.child_by_field_name(name) {
            Some(child) => self.expression(child),
            None => self.unknown(node),
        }
    }

    fn expression_inside(&mut self, node: Node<'t>) -> Slot {
        match node.kind() {
            "identifier" => self.identifier(node),
            "string" => self.string(node),
            "concatenated_string" => {
                let parts: Vec<Slot> = children(node).into_iter().map(|part| self.expression(part)).collect();
                let parts = self.out.pool(&parts);
                self.emit(node, OpKind::Concat(parts))
            }
            "integer" | "float" => match number(self.raw(node)) {
                Some(number) => self.emit(node, OpKind::Number(number)),
                None => self.unknown(node),
            },
            "true" | "false" => {
                let text = self.raw(node).to_ascii_lowercase();
                self.out.text(self.function, node.byte_range(), &text)
            }
            "none" | "ellipsis" => self.unknown(node),
            "attribute" => self.attribute(node).0,
            "subscript" => self.subscript(node),
            "call" => self.call(node),
            "binary_operator" => self.binary(node),
            "boolean_operator" => {
                let (left, right) = (self.field(node, "left"), self.field(node, "right"));
                let both = self.out.pool(&[left, right]);
                self.emit(node, OpKind::Join(both))
            }
            "comparison_operator" | "not_operator" => self.comparison(node),
            "unary_operator" => {
                let value = self.field(node, "argument");
                if !self.raw(node).starts_with('-') {
                    return value;
                }
                let zero = self.emit(node, OpKind::Number(0.0));
                self.emit(node, OpKind::Binary(Binary::Sub, zero, value))
            }
            "conditional_expression" => {
                let parts: Vec<Slot> = children(node).into_iter().map(|part| self.expression(part)).collect();
                let picked: Vec<Slot> =
                    parts.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, slot)| *slot).collect();
                let picked = self.out.pool(&picked);
                self.emit(node, OpKind::Join(picked))
            }
            "lambda" => {
                let function = self.closure(node, "");
                self.emit(node, OpKind::Closure(function))
            }
            "list" | "tuple" | "set" | "expression_list" => self.list(node),
            "dictionary" => self.dictionary(node),
            "list_comprehension" | "generator_expression" | "set_comprehension" | "dictionary_comprehension" => {
                self.comprehension(node)
            }
            "assignment" => self.assignment(node),
            "augmented_assignment" => self.augmented(node),
            "named_expression" => {
                let value = self.field(node, "value");
                if let Some(name) = node.child_by_field_name("name") {
                    self.bind(name, value);
                }
                value
            }
            "as_pattern" => {
                let value = match children(node).first() {
                    Some(value) => self.expression(*value),
                    None => self.unknown(node),
                };
                if let Some(alias) = node.child_by_field_name("alias") {
                    self.bind(alias, value);
                }
                value
            }
            "yield" => {
                let value = match children(node).first() {
                    Some(inner) => self.expression(*inner),
                    None => self.unknown(node),
                };
                // One of the things that the function gives.
                self.emit(node, OpKind::Give(value));
                self.unknown(node)
            }
            "parenthesized_expression" | "await" | "list_splat" | "dictionary_splat" | "type" => {
                match children(node).first() {
                    Some(inner) => self.expression(*inner),
                    None => self.unknown(node),
                }
            }
            _ => {
                let parts: Vec<Slot> = children(node).into_iter().map(|child| self.expression(child)).collect();
                let parts = self.out.pool(&parts);
                self.emit(node, OpKind::Coarse(parts))
            }
        }
    }

    fn identifier(&mut self, node: Node<'t>) -> Slot {
        let raw = self.raw(node);
        match plain(raw) {
            Cow::Borrowed(name) => self.named(node, name),
            Cow::Owned(name) => self.named(node, &name),
        }
    }

    fn string(&mut self, node: Node<'t>) -> Slot {
        let raw = self.raw(node);
        let prefix = raw.split(['"', '\'']).next().unwrap_or("");
        let is_raw = prefix.contains(['r', 'R']);
        let mut parts = Vec::new();
        for part in children(node) {
            match part.kind() {
                "interpolation" => match children(part).first() {
                    Some(inner) => parts.push(self.expression(*inner)),
                    None => parts.push(self.unknown(part)),
                },
                "string_content" => {
                    let text = self.raw(part);
                    let read = (!is_raw && text.contains('\\')).then(|| crate::decode::unescape(text)).flatten();
                    let text = read.map_or_else(|| text.to_owned(), |(text, _)| text);
                    let text =
                        if prefix.contains(['f', 'F']) { text.replace("{{", "{").replace("}}", "}") } else { text };
                    parts.push(self.out.text(self.function, part.byte_range(), &text));
                }
                _ => {}
            }
        }
        match parts.as_slice() {
            [] => self.out.text(self.function, node.byte_range(), ""),
            [one] => *one,
            _ => {
                let pool = self.out.pool(&parts);
                self.emit(node, OpKind::Concat(pool))
            }
        }
    }

    fn attribute(&mut self, node: Node<'t>) -> (Slot, Option<Slot>) {
        let object = self.field(node, "object");
        let Some(name) = node.child_by_field_name("attribute") else { return (self.unknown(node), None) };
        let key = self.out.intern(&plain(self.raw(name)));
        (self.emit(node, OpKind::Get(object, key)), Some(object))
    }

    fn subscript(&mut self, node: Node<'t>) -> Slot {
        let object = self.field(node, "value");
        let Some(index) = node.child_by_field_name("subscript") else { return self.unknown(node) };
        if index.kind() != "slice" {
            let key = self.expression(index);
            return self.emit(node, OpKind::GetAt(object, key));
        }
        // Which bound is which is told by the colons.
        let mut bounds = [None, None, None];
        let mut at = 0;
        let mut cursor = index.walk();
        let parts: Vec<Node<'t>> = index.children(&mut cursor).collect();
        for part in parts {
            if part.kind() == ":" {
                at += 1;
            } else if let Some(bound) = bounds.get_mut(at) {
                *bound = Some(self.expression(part));
            }
        }
        let part = self.emit(node, OpKind::Slice(object, bounds[0], bounds[1]));
        let Some(step) = bounds[2] else { return part };
        let key = self.out.intern("[::step]");
        let callee = self.emit(node, OpKind::Get(part, key));
        let (args, named) = (self.out.pool(&[step]), self.out.pool(&[]));
        self.emit(node, OpKind::Call { callee, receiver: Some(part), args, named, new: false })
    }

    fn call(&mut self, node: Node<'t>) -> Slot {
        let Some(function) = node.child_by_field_name("function") else { return self.unknown(node) };
        let (callee, receiver) = match function.kind() {
            "attribute" => self.attribute(function),
            _ => (self.expression(function), None),
        };
        let (args, named) = self.arguments(node);
        self.emit(node, OpKind::Call { callee, receiver, args, named, new: false })
    }

    fn arguments(&mut self, node: Node<'t>) -> (Pool, Pool) {
        let (mut args, mut named) = (Vec::new(), Vec::new());
        match node.child_by_field_name("arguments") {
            Some(list) if list.kind() == "argument_list" => {
                for argument in children(list) {
                    if argument.kind() == "keyword_argument" {
                        let name = argument.child_by_field_name("name").map_or("", |name| self.raw(name));
                        named.push(self.out.text(self.function, argument.byte_range(), name));
                        named.push(self.field(argument, "value"));
                    } else {
                        let value = self.expression(argument);
                        let is_splat = matches!(argument.kind(), "list_splat" | "dictionary_splat");
                        args.push(if is_splat { self.emit(argument, OpKind::Splat(value)) } else { value });
                    }
                }
            }
            Some(generator) => args.push(self.expression(generator)),
            None => {}
        }
        (self.out.pool(&args), self.out.pool(&named))
    }

    /// `a + b + c` nests to the left, as deep as it is long.
    fn binary(&mut self, node: Node<'t>) -> Slot {
        let mut spine = vec![node];
        let mut at = node;
        while let Some(left) = at.child_by_field_name("left").filter(|left| left.kind() == "binary_operator") {
            spine.push(left);
            at = left;
        }
        let mut value = self.field(at, "left");
        for node in spine.into_iter().rev() {
            let op = node.child_by_field_name("operator").map_or("", |op| self.raw(op));
            let is_format =
                op == "%" && node.child_by_field_name("left").is_some_and(|left| left.kind().ends_with("string"));
            let right = node.child_by_field_name("right");
            if let Some(right) = right.filter(|_| is_format) {
                value = self.formatted(node, value, right);
                continue;
            }
            let right = self.field(node, "right");
            value = self.emit(node, OpKind::Binary(operator(op), value, right));
        }
        value
    }

    fn formatted(&mut self, node: Node<'t>, pattern: Slot, right: Node<'t>) -> Slot {
        let args: Vec<Slot> = match right.kind() {
            "tuple" => children(right).into_iter().map(|part| self.expression(part)).collect(),
            _ => vec![self.expression(right)],
        };
        let key = self.out.intern("format");
        let callee = self.emit(node, OpKind::Get(pattern, key));
        let (args, named) = (self.out.pool(&args), self.out.pool(&[]));
        self.emit(node, OpKind::Call { callee, receiver: Some(pattern), args, named, new: false })
    }

    fn comparison(&mut self, node: Node<'t>) -> Slot {
        let parts: Vec<Slot> = children(node).into_iter().map(|part| self.expression(part)).collect();
        let op = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|op| self.raw(node).contains(op));
        let (Some(&left), Some(&right)) = (parts.first(), parts.last()) else { return self.unknown(node) };
        let kind = match op.filter(|_| parts.len() == 2) {
            Some("==") => Binary::Equal,
            Some("!=") => Binary::Unequal,
            Some("<") => Binary::Less,
            Some("<=") => Binary::AtMost,
            Some(">") => return self.emit(node, OpKind::Binary(Binary::Less, right, left)),
            Some(">=") => return self.emit(node, OpKind::Binary(Binary::AtMost, right, left)),
            _ => Binary::Other,
        };
        self.emit(node, OpKind::Binary(kind, left, right))
    }

    fn assignment(&mut self, node: Node<'t>) -> Slot {
        let Some(right) = node.child_by_field_name("right") else { return self.unknown(node) };
        let value = self.expression(right);
        if let Some(left) = node.child_by_field_name("left") {
            self.bind(left, value);
        }
        value
    }

    fn augmented(&mut self, node: Node<'t>) -> Slot {
        let Some(left) = node.child_by_field_name("left") else { return self.unknown(node) };
        let op = node.child_by_field_name("operator").map_or("", |op| self.raw(op));
        let old = self.expression(left);
        let right = self.field(node, "right");
        let value = self.emit(node, OpKind::Binary(operator(op.trim_end_matches('=')), old, right));
        self.bind(left, value);
        value
    }

    fn list(&mut self, node: Node<'t>) -> Slot {
        let items = children(node);
        if !items.iter().any(|item| item.kind() == "list_splat") {
            let values: Vec<Slot> = items.into_iter().map(|item| self.expression(item)).collect();
            let pool = self.out.pool(&values);
            return self.emit(node, OpKind::New(Shape::List, pool));
        }
        let none = self.out.pool(&[]);
        let list = self.emit(node, OpKind::New(Shape::List, none));
        for item in items {
            let is_splat = item.kind() == "list_splat";
            let mut value = self.expression(item);
            if !is_splat {
                let one = self.out.pool(&[value]);
                value = self.emit(item, OpKind::New(Shape::List, one));
            }
            self.emit(item, OpKind::Spread(list, value));
        }
        list
    }

    fn dictionary(&mut self, node: Node<'t>) -> Slot {
        let (mut pairs, mut spreads) = (Vec::new(), Vec::new());
        for member in children(node) {
            if member.kind() == "pair" {
                pairs.push(self.field(member, "key"));
                pairs.push(self.field(member, "value"));
            } else {
                spreads.push(self.expression(member));
            }
        }
        let pool = self.out.pool(&pairs);
        let map = self.emit(node, OpKind::New(Shape::Map, pool));
        for spread in spreads {
            self.emit(node, OpKind::Spread(map, spread));
        }
        map
    }

    fn comprehension(&mut self, node: Node<'t>) -> Slot {
        let is_map = node.kind() == "dictionary_comprehension";
        let none = self.out.pool(&[]);
        let all = self.emit(node, OpKind::New(if is_map { Shape::Map } else { Shape::List }, none));
        let mut ends = 0;
        for clause in children(node) {
            match clause.kind() {
                "for_in_clause" => {
                    let list = self.field(clause, "right");
                    self.emit(clause, OpKind::Loop);
                    ends += 1;
                    if let Some(left) = clause.child_by_field_name("left") {
                        let item = self.emit(left, OpKind::Each(list));
                        self.bind(left, item);
                    }
                }
                "if_clause" => {
                    let condition = children(clause).first().map(|condition| self.expression(*condition));
                    let condition = condition.unwrap_or(all);
                    self.emit(clause, OpKind::If(condition));
                    let named =
                        children(clause).first().map(|it| named(*it, self.text, &self.predicates)).unwrap_or_default();
                    named.emit(true, &mut self.out, self.function, self.scope, clause);
                    ends += 1;
                }
                _ => {}
            }
        }
        if let Some(body) = node.child_by_field_name("body") {
            if is_map {
                let (key, value) = (self.field(body, "key"), self.field(body, "value"));
                self.emit(body, OpKind::SetAt(all, key, value));
            } else {
                let value = self.expression(body);
                let key = self.out.intern("append");
                let callee = self.emit(body, OpKind::Get(all, key));
                let args = self.out.pool(&[value]);
                self.emit(body, OpKind::Call { callee, receiver: Some(all), args, named: none, new: false });
            }
        }
        for _ in 0..ends {
            self.emit(node, OpKind::End);
        }
        all
    }
}

/// A name as Python compares it: letters of other alphabets of mathematics are the plain ones.
fn plain(name: &str) -> Cow<'_, str> {
    if name.is_ascii() { Cow::Borrowed(name) } else { Cow::Owned(name.nfkc().collect()) }
}

fn operator(text: &str) -> Binary {
    match text {
        "+" => Binary::Add,
        "-" => Binary::Sub,
        "*" => Binary::Mul,
        "/" | "//" => Binary::Div,
        "%" => Binary::Rem,
        "^" => Binary::Xor,
        "&" => Binary::And,
        "|" => Binary::Or,
        "<<" => Binary::Shl,
        ">>" => Binary::Shr,
        _ => Binary::Other,
    }
}

fn number(raw: &str) -> Option<f64> {
    let lower = raw.replace('_', "").to_ascii_lowercase();
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| n as f64);
    let prefixes = [("0x", 16), ("0b", 2), ("0o", 8)];
    match prefixes.iter().find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, *base))) {
        Some((digits, base)) => radix(digits, base),
        None => lower.trim_end_matches(['l', 'j']).parse().ok(),
    }
}
