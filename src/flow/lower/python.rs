//! Python.

use tree_sitter::{Node, Tree};

use super::named::{Named, Predicates, leaves, named};
use super::{DEPTH, children};
use crate::flow::ir::{Builder, FnId, Found, Language, Module, OpKind, Param, Rest, ScopeId, Slot};
use crate::limits::Limits;

mod expression;
mod protocol;

/// A function whose body is lowered once all around it is bound.
struct Later<'t> {
    node: Node<'t>,
    function: FnId,
    scope: ScopeId,
    in_class: bool,
}

struct Lowering<'t> {
    text: &'t str,
    out: Builder,
    later: Vec<Later<'t>>,
    function: FnId,
    scope: ScopeId,
    depth: usize,
    tries: usize,
    predicates: Predicates<'t>,
    /// The class whose body is being lowered.
    class: Option<Slot>,
    /// Names that the function takes from outside to change.
    outside: Vec<&'t str>,
    /// Modules of which all names were taken.
    all_of: Vec<&'t str>,
    /// Names of the top level, in order.
    top: Vec<&'t str>,
}

/// Lowers a program.
pub(super) fn lower(tree: &Tree, text: &str, limits: &Limits) -> Module {
    let mut lowering = Lowering {
        text,
        out: Builder::new(Language::Python, limits.nodes),
        later: Vec::new(),
        function: 0,
        scope: 0,
        depth: 0,
        tries: 0,
        predicates: Predicates::of(tree.root_node(), text),
        class: None,
        outside: Vec::new(),
        all_of: Vec::new(),
        top: Vec::new(),
    };
    let root = tree.root_node();
    lowering.block(root);
    let exports = lowering.emit(root, OpKind::Exports);
    for name in std::mem::take(&mut lowering.top) {
        let value = lowering.named(root, name);
        let key = lowering.out.intern(name);
        lowering.emit(root, OpKind::Set(exports, key, value));
    }
    while let Some(later) = lowering.later.pop() {
        lowering.body(&later);
    }
    lowering.out.finish()
}

impl<'t> Lowering<'t> {
    fn raw(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn emit(&mut self, node: Node<'_>, kind: OpKind) -> Slot {
        self.out.emit(self.function, node.byte_range(), kind)
    }

    fn unknown(&mut self, node: Node<'_>) -> Slot {
        let none = self.out.pool(&[]);
        self.emit(node, OpKind::Coarse(none))
    }

    fn block(&mut self, node: Node<'t>) {
        for statement in children(node) {
            self.statement(statement);
        }
    }

    fn field_block(&mut self, node: Node<'t>, field: &str) {
        if let Some(body) = node.child_by_field_name(field) {
            self.block(body);
        }
    }

    fn statement(&mut self, node: Node<'t>) {
        if self.depth > DEPTH {
            self.out.module.coarse = true;
            return;
        }
        self.depth += 1;
        self.statement_inside(node);
        self.depth -= 1;
    }

    fn statement_inside(&mut self, node: Node<'t>) {
        match node.kind() {
            "function_definition" => self.definition(node),
            "class_definition" => self.class_definition(node),
            "decorated_definition" => {
                if let Some(definition) = node.child_by_field_name("definition") {
                    self.statement(definition);
                }
            }
            "if_statement" => self.branch(node),
            "for_statement" => {
                let list = self.field(node, "right");
                self.emit(node, OpKind::Loop);
                if let Some(left) = node.child_by_field_name("left") {
                    let item = self.emit(left, OpKind::Each(list));
                    self.bind(left, item);
                }
                self.field_block(node, "body");
                self.emit(node, OpKind::End);
                self.field_block(node, "alternative");
            }
            "while_statement" => {
                self.emit(node, OpKind::Loop);
                let condition = self.field(node, "condition");
                self.emit(node, OpKind::While(condition));
                self.field_block(node, "body");
                self.emit(node, OpKind::End);
            }
            "try_statement" => self.attempt(node),
            "with_statement" => self.with(node),
            "match_statement" => self.cases(node),
            "return_statement" => {
                let value = match children(node).first() {
                    Some(value) => self.expression(*value),
                    None => self.unknown(node),
                };
                self.emit(node, OpKind::Return(value));
            }
            "raise_statement" => {
                for child in children(node) {
                    self.expression(child);
                }
                if self.tries == 0 {
                    self.emit(node, OpKind::Leave);
                }
            }
            "import_statement" => self.import(node),
            "import_from_statement" => self.import_from(node),
            "global_statement" | "nonlocal_statement" => {
                let names: Vec<&'t str> = children(node).into_iter().map(|name| self.raw(name)).collect();
                self.outside.extend(names);
            }
            "block" | "expression_statement" | "ERROR" | "else_clause" | "finally_clause" => self.block(node),
            "break_statement" => {
                self.emit(node, OpKind::Break);
            }
            "pass_statement"
            | "continue_statement"
            | "comment"
            | "future_import_statement"
            | "type_alias_statement" => {}
            _ => {
                self.expression(node);
            }
        }
    }

    fn branch(&mut self, node: Node<'t>) {
        let mut named = self.condition(node);
        self.field_block(node, "consequence");
        let mut cursor = node.walk();
        let others: Vec<Node<'t>> = node.children_by_field_name("alternative", &mut cursor).collect();
        let is_left = others.is_empty() && node.child_by_field_name("consequence").is_some_and(leaves);
        let mut ends = 1;
        for other in others {
            self.emit(other, OpKind::Else);
            named.emit(false, &mut self.out, self.function, self.scope, other);
            if other.kind() == "elif_clause" {
                named = self.condition(other);
                ends += 1;
                self.field_block(other, "consequence");
            } else {
                self.field_block(other, "body");
            }
        }
        for _ in 0..ends {
            self.emit(node, OpKind::End);
        }
        if is_left {
            named.emit(false, &mut self.out, self.function, self.scope, node);
        }
    }

    /// Begins a branch.
    fn condition(&mut self, node: Node<'t>) -> Named<'t> {
        let condition = self.field(node, "condition");
        self.emit(node, OpKind::If(condition));
        let named = named(node.child_by_field_name("condition").unwrap_or(node), self.text, &self.predicates);
        named.emit(true, &mut self.out, self.function, self.scope, node);
        named
    }

    fn attempt(&mut self, node: Node<'t>) {
        self.tries += 1;
        self.emit(node, OpKind::Try);
        self.field_block(node, "body");
        self.emit(node, OpKind::End);
        self.tries -= 1;
        for clause in children(node) {
            match clause.kind() {
                "except_clause" | "except_group_clause" => {
                    let unknown = self.unknown(clause);
                    self.emit(clause, OpKind::If(unknown));
                    for child in children(clause) {
                        if child.kind() == "block" {
                            self.block(child);
                        } else if child.kind() == "as_pattern"
                            && let Some(alias) = child.child_by_field_name("alias")
                        {
                            self.bind(alias, unknown);
                        }
                    }
                    self.emit(clause, OpKind::End);
                }
                "else_clause" => self.field_block(clause, "body"),
                "finally_clause" => self.block(clause),
                _ => {}
            }
        }
    }

    fn cases(&mut self, node: Node<'t>) {
        let subject = self.field(node, "subject");
        let Some(body) = node.child_by_field_name("body") else { return };
        for case in children(body) {
            self.emit(case, OpKind::If(subject));
            for pattern in children(case).into_iter().filter(|child| child.kind() == "case_pattern") {
                self.capture(pattern, subject);
            }
            self.field_block(case, "consequence");
            self.emit(case, OpKind::End);
        }
    }

    /// Names in a pattern are the subject, or a part of it.
    fn capture(&mut self, pattern: Node<'t>, subject: Slot) {
        for child in children(pattern) {
            match child.kind() {
                "identifier" => self.bind(child, subject),
                "dotted_name" if child.named_child_count() == 1 => self.capture(child, subject),
                "dotted_name" | "block" => {}
                _ => self.capture(child, subject),
            }
        }
    }

    fn import(&mut self, node: Node<'t>) {
        for name in children(node) {
            if name.kind() == "aliased_import" {
                let (Some(module), Some(alias)) = (name.child_by_field_name("name"), name.child_by_field_name("alias"))
                else {
                    continue;
                };
                let module = self.module(module, self.raw(module));
                self.bind(alias, module);
            } else {
                // `import a.b` binds `a`; `a.b` is then found as its member, or as a file of the package.
                let whole = self.raw(name);
                let first = whole.split('.').next().unwrap_or(whole);
                let module = self.module(name, first);
                if first != whole {
                    let inner = self.module(name, whole);
                    let last = whole.rsplit('.').next().unwrap_or("");
                    let key = self.out.intern(last);
                    self.emit(name, OpKind::Set(module, key, inner));
                }
                self.assign(name, first, module);
            }
        }
    }

    fn module(&mut self, node: Node<'t>, name: &str) -> Slot {
        let text = self.out.text(self.function, node.byte_range(), name);
        self.emit(node, OpKind::Import(text))
    }

    fn import_from(&mut self, node: Node<'t>) {
        let Some(from) = node.child_by_field_name("module_name") else { return };
        let module_name = self.raw(from);
        let module = self.module(from, module_name);
        let mut cursor = node.walk();
        let names: Vec<Node<'t>> = node.children_by_field_name("name", &mut cursor).collect();
        if children(node).iter().any(|child| child.kind() == "wildcard_import") {
            self.all_of.push(module_name);
            // Names from before may be members of it now.
            for name in self.top.clone() {
                let old = self.named(node, name);
                let key = self.out.intern(name);
                let new = self.emit(node, OpKind::Get(module, key));
                let both = self.out.pool(&[old, new]);
                let both = self.emit(node, OpKind::Join(both));
                self.assign(node, name, both);
            }
        }
        for item in names {
            let (name, alias) = match item.kind() {
                "aliased_import" => (item.child_by_field_name("name"), item.child_by_field_name("alias")),
                _ => (Some(item), Some(item)),
            };
            let (Some(name), Some(alias)) = (name, alias) else { continue };
            let key = self.out.intern(self.raw(name));
            let mut value = self.emit(item, OpKind::Get(module, key));
            // `from . import mod`: a file beside this one.
            if module_name.chars().all(|c| c == '.') {
                let file = self.module(item, &format!("{module_name}{}", self.raw(name)));
                let both = self.out.pool(&[value, file]);
                value = self.emit(item, OpKind::Join(both));
            }
            self.bind(alias, value);
        }
    }

    fn closure(&mut self, node: Node<'t>, name: &str) -> FnId {
        let function = self.out.function(name, node.byte_range());
        let scope = self.out.scope(self.scope, Some(function));
        self.later.push(Later { node, function, scope, in_class: self.class.is_some() });
        function
    }

    fn definition(&mut self, node: Node<'t>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let raw = self.raw(name);
        let function = self.closure(node, raw);
        let value = self.emit(name, OpKind::Closure(function));
        let value = self.decorated(node, function, value);
        self.assign(name, if self.class.is_some() && raw == "__init__" { "@new" } else { raw }, value);
    }

    fn class_definition(&mut self, node: Node<'t>) {
        let base = node.child_by_field_name("superclasses").and_then(|bases| children(bases).first().copied());
        let base = base.filter(|base| base.kind() != "keyword_argument").map(|base| self.expression(base));
        let class = self.emit(node, OpKind::Class(base));
        let outer = self.class.replace(class);
        let scope = self.scope;
        self.scope = self.out.scope(scope, None);
        self.field_block(node, "body");
        self.scope = scope;
        self.class = outer;
        if let Some(name) = node.child_by_field_name("name") {
            self.assign(name, self.raw(name), class);
        }
    }

    fn body(&mut self, later: &Later<'t>) {
        (self.function, self.scope, self.depth, self.tries) = (later.function, later.scope, 0, 0);
        self.class = None;
        self.outside.clear();
        let is_static = later.node.parent().is_some_and(|parent| {
            parent.kind() == "decorated_definition" && self.raw(parent).starts_with("@staticmethod")
        });
        if let Some(function) = self.out.module.functions.get_mut(later.function as usize) {
            function.takes_self = later.in_class && !is_static && later.node.kind() == "function_definition";
        }
        if let Some(parameters) = later.node.child_by_field_name("parameters") {
            for parameter in children(parameters) {
                self.parameter(parameter);
            }
        }
        let Some(body) = later.node.child_by_field_name("body") else { return };
        if later.node.kind() == "lambda" {
            let value = self.expression(body);
            self.emit(body, OpKind::Return(value));
        } else {
            self.block(body);
        }
    }

    fn parameter(&mut self, node: Node<'t>) {
        let rest = match node.kind() {
            "list_splat_pattern" => Rest::Positions,
            "dictionary_splat_pattern" => Rest::Names,
            _ => Rest::No,
        };
        let name = match node.kind() {
            "identifier" => Some(node),
            _ => node.child_by_field_name("name").or_else(|| children(node).first().copied()),
        };
        let Some(name) = name.filter(|name| name.kind() == "identifier") else { return };
        let raw = self.raw(name);
        let slot = self.out.declare(self.scope, raw);
        let sym = self.out.intern(raw);
        if let Some(function) = self.out.module.functions.get_mut(self.function as usize) {
            function.params.push(Param { slot, name: sym, rest });
        }
        if let Some(default) = node.child_by_field_name("value") {
            let value = self.expression(default);
            let both = self.out.pool(&[slot, value]);
            self.out.emit_to(self.function, slot, default.byte_range(), OpKind::Join(both));
        }
    }

    /// Gives a value to a target.
    fn bind(&mut self, target: Node<'t>, value: Slot) {
        self.depth += 1;
        if self.depth <= DEPTH {
            self.bind_inside(target, value);
        }
        self.depth -= 1;
    }

    fn bind_inside(&mut self, target: Node<'t>, value: Slot) {
        match target.kind() {
            "identifier" => self.assign(target, self.raw(target), value),
            "attribute" => {
                let object = self.field(target, "object");
                if let Some(name) = target.child_by_field_name("attribute") {
                    let key = self.out.intern(self.raw(name));
                    self.emit(target, OpKind::Set(object, key, value));
                }
            }
            "subscript" => {
                let object = self.field(target, "value");
                let key = self.field(target, "subscript");
                self.emit(target, OpKind::SetAt(object, key, value));
            }
            "pattern_list" | "tuple_pattern" | "list_pattern" | "tuple" | "list" | "expression_list" => {
                for (at, part) in children(target).into_iter().enumerate() {
                    let item = if part.kind() == "list_splat_pattern" {
                        let from = self.emit(part, OpKind::Number(at as f64));
                        self.emit(part, OpKind::Slice(value, Some(from), None))
                    } else {
                        let key = self.out.intern(&at.to_string());
                        self.emit(part, OpKind::Get(value, key))
                    };
                    self.bind(part, item);
                }
            }
            _ => {
                for part in children(target) {
                    self.bind(part, value);
                }
            }
        }
    }

    /// Gives a value to a name.
    fn assign(&mut self, node: Node<'t>, name: &'t str, value: Slot) {
        if let Some(class) = self.class {
            let key = self.out.intern(name);
            self.emit(node, OpKind::Set(class, key, value));
        }
        if self.outside.contains(&name) {
            match self.out.find(self.scope, name) {
                Found::Local(slot) => self.out.emit_to(self.function, slot, node.byte_range(), OpKind::Bind(value)),
                Found::Outer(cell) => {
                    self.emit(node, OpKind::SetOuter(cell, value));
                }
                Found::Global => {
                    self.out.declare(0, name);
                    self.assign(node, name, value);
                }
            }
            return;
        }
        let scope = if self.class.is_some() { self.scope } else { self.out.function_scope(self.scope) };
        if scope == 0 && !self.out.is_declared(0, name) {
            self.top.push(name);
        }
        let slot = self.out.declare(scope, name);
        self.out.emit_to(self.function, slot, node.byte_range(), OpKind::Bind(value));
    }

    fn named(&mut self, node: Node<'t>, name: &str) -> Slot {
        match self.out.find(self.scope, name) {
            Found::Local(slot) => slot,
            Found::Outer(cell) => self.emit(node, OpKind::Outer(cell)),
            Found::Global => {
                let sym = self.out.intern(name);
                let global = self.emit(node, OpKind::Global(sym));
                if self.all_of.is_empty() {
                    return global;
                }
                // `from x import *`: it may be a member of that as well.
                let mut all = vec![global];
                for module in self.all_of.clone() {
                    let module = self.module(node, module);
                    all.push(self.emit(node, OpKind::Get(module, sym)));
                }
                let all = self.out.pool(&all);
                self.emit(node, OpKind::Join(all))
            }
        }
    }
}
