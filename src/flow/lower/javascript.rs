//! JavaScript and TypeScript, with JSX.

use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::{DEPTH, children};
use crate::flow::ir::{Binary, Builder, FnId, Found, Language, Module, OpKind, Param, ScopeId, Shape, Slot};
use crate::limits::Limits;

mod expression;
mod pattern;

/// A function whose body is lowered once all around it is bound.
struct Later<'t> {
    node: Node<'t>,
    function: FnId,
    scope: ScopeId,
}

struct Lowering<'t> {
    text: &'t str,
    out: Builder,
    later: Vec<Later<'t>>,
    function: FnId,
    scope: ScopeId,
    depth: usize,
    /// Blocks that catch what is thrown.
    tries: usize,
}

/// Lowers a program.
pub(super) fn lower(tree: &Tree, text: &str, limits: &Limits) -> Module {
    let mut lowering = Lowering {
        text,
        out: Builder::new(Language::JavaScript, limits.nodes),
        later: Vec::new(),
        function: 0,
        scope: 0,
        depth: 0,
        tries: 0,
    };
    let root = tree.root_node();
    lowering.block(root);
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

    /// Statements in order; what they declare is known from the beginning.
    fn block(&mut self, node: Node<'t>) {
        let statements = children(node);
        for statement in &statements {
            self.hoist(*statement);
        }
        for statement in statements {
            self.statement(statement);
        }
    }

    fn scoped(&mut self, node: Node<'t>) {
        let outer = self.scope;
        self.scope = self.out.scope(outer, None);
        self.block(node);
        self.scope = outer;
    }

    fn hoist(&mut self, statement: Node<'t>) {
        match statement.kind() {
            "function_declaration" | "generator_function_declaration" => {
                let Some(name) = statement.child_by_field_name("name") else { return };
                let slot = self.out.declare(self.scope, self.raw(name));
                let function = self.closure(statement, self.raw(name));
                let closure = self.emit(name, OpKind::Closure(function));
                self.out.emit_to(self.function, slot, name.byte_range(), OpKind::Bind(closure));
            }
            "lexical_declaration" | "variable_declaration" | "using_declaration" => {
                let scope = self.scope_of(statement);
                for declarator in children(statement) {
                    if let Some(name) = declarator.child_by_field_name("name") {
                        self.declare(name, scope);
                    }
                }
            }
            "class_declaration" | "abstract_class_declaration" | "enum_declaration" => {
                if let Some(name) = statement.child_by_field_name("name") {
                    self.out.declare(self.scope, self.raw(name));
                }
            }
            "export_statement" => {
                if let Some(declaration) = statement.child_by_field_name("declaration") {
                    self.hoist(declaration);
                }
            }
            "import_statement" => self.import(statement),
            _ => {}
        }
    }

    /// `var` belongs to the function, the others to the block.
    fn scope_of(&self, declaration: Node<'_>) -> ScopeId {
        if declaration.kind() == "variable_declaration" { self.out.function_scope(self.scope) } else { self.scope }
    }

    fn statement(&mut self, node: Node<'t>) {
        if self.depth > DEPTH {
            self.coarse(node);
            return;
        }
        self.depth += 1;
        self.statement_inside(node);
        self.depth -= 1;
    }

    fn statement_inside(&mut self, node: Node<'t>) {
        match node.kind() {
            "expression_statement" | "parenthesized_expression" => {
                for child in children(node) {
                    self.expression(child);
                }
            }
            "lexical_declaration" | "variable_declaration" | "using_declaration" => self.declaration(node),
            "function_declaration"
            | "generator_function_declaration"
            | "import_statement"
            | "empty_statement"
            | "interface_declaration"
            | "type_alias_declaration"
            | "ambient_declaration"
            | "break_statement"
            | "continue_statement"
            | "debugger_statement"
            | "comment"
            | "hash_bang_line"
            | "function_signature"
            | "import_alias" => {}
            "class_declaration" | "abstract_class_declaration" => {
                let class = self.class(node);
                if let Some(name) = node.child_by_field_name("name") {
                    self.assign_name(name, class);
                }
            }
            "enum_declaration" => self.enumeration(node),
            "export_statement" => self.export(node),
            "statement_block" | "class_static_block" => self.scoped(node),
            "labeled_statement" | "internal_module" | "module" | "finally_clause" => {
                if let Some(body) = node.child_by_field_name("body") {
                    self.statement(body);
                }
            }
            "if_statement" => self.branch(node),
            "else_clause" => children(node).into_iter().for_each(|child| self.statement(child)),
            "for_statement" => self.for_loop(node),
            "for_in_statement" => self.for_in(node),
            "while_statement" | "do_statement" => self.while_loop(node),
            "switch_statement" => self.switch(node),
            "try_statement" => self.attempt(node),
            "with_statement" => {
                for field in ["object", "body"] {
                    if let Some(part) = node.child_by_field_name(field) {
                        self.statement(part);
                    }
                }
            }
            "return_statement" => {
                let value = children(node).first().map(|value| self.expression(*value));
                let value = value.unwrap_or_else(|| self.unknown(node));
                self.emit(node, OpKind::Return(value));
            }
            "throw_statement" => {
                for child in children(node) {
                    self.expression(child);
                }
                if self.tries == 0 {
                    self.emit(node, OpKind::Leave);
                }
            }
            "ERROR" => children(node).into_iter().for_each(|child| self.statement(child)),
            _ => {
                self.expression(node);
            }
        }
    }

    fn declaration(&mut self, node: Node<'t>) {
        let scope = self.scope_of(node);
        for declarator in children(node) {
            let Some(name) = declarator.child_by_field_name("name") else { continue };
            self.declare(name, scope);
            if let Some(value) = declarator.child_by_field_name("value") {
                let value = self.expression(value);
                self.bind(name, value);
            }
        }
    }

    fn enumeration(&mut self, node: Node<'t>) {
        let (Some(name), Some(body)) = (node.child_by_field_name("name"), node.child_by_field_name("body")) else {
            return;
        };
        let none = self.out.pool(&[]);
        let object = self.emit(node, OpKind::New(Shape::Map, none));
        for member in children(body).into_iter().filter(|member| member.kind() == "enum_assignment") {
            let (Some(key), Some(value)) = (member.child_by_field_name("name"), member.child_by_field_name("value"))
            else {
                continue;
            };
            let value = self.expression(value);
            self.set_key(member, object, key, value);
        }
        self.out.declare(self.scope, self.raw(name));
        self.assign_name(name, object);
    }

    fn condition(&mut self, node: Node<'t>) -> Slot {
        match node.child_by_field_name("condition") {
            Some(condition) => self.expression(condition),
            None => self.unknown(node),
        }
    }

    fn branch(&mut self, node: Node<'t>) {
        // `else if` chains nest to the right, as deep as they are long.
        let mut at = node;
        let mut ends = 0;
        loop {
            let condition = self.condition(at);
            self.emit(at, OpKind::If(condition));
            ends += 1;
            if let Some(then) = at.child_by_field_name("consequence") {
                self.statement(then);
            }
            let Some(otherwise) = at.child_by_field_name("alternative") else { break };
            self.emit(otherwise, OpKind::Else);
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
    }

    fn for_loop(&mut self, node: Node<'t>) {
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
    fn in_statement(&mut self, node: Node<'t>) -> Slot {
        let inner = if node.kind() == "expression_statement" { children(node).first().copied() } else { Some(node) };
        match inner {
            Some(inner) => self.expression(inner),
            None => self.unknown(node),
        }
    }

    fn for_in(&mut self, node: Node<'t>) {
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

    fn while_loop(&mut self, node: Node<'t>) {
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

    fn switch(&mut self, node: Node<'t>) {
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

    fn attempt(&mut self, node: Node<'t>) {
        let handler = node.child_by_field_name("handler");
        self.tries += usize::from(handler.is_some());
        if let Some(body) = node.child_by_field_name("body") {
            self.statement(body);
        }
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

    fn import(&mut self, node: Node<'t>) {
        // `import x = require('m')` of TypeScript.
        let clause = children(node).into_iter().find(|child| child.kind() == "import_require_clause");
        let source = node.child_by_field_name("source");
        let Some(source) = source.or_else(|| clause.and_then(|clause| clause.child_by_field_name("source"))) else {
            return;
        };
        let name = self.expression(source);
        let module = self.emit(node, OpKind::Import(name));
        if let Some(name) = clause.and_then(|clause| children(clause).first().copied()) {
            self.declare_as(name, module);
            return;
        }
        let clauses = children(node).into_iter().filter(|child| child.kind() == "import_clause").flat_map(children);
        for clause in clauses {
            match clause.kind() {
                "identifier" => {
                    let sym = self.out.intern("default");
                    let value = self.emit(clause, OpKind::Get(module, sym));
                    self.declare_as(clause, value);
                }
                "namespace_import" => {
                    if let Some(name) = children(clause).first() {
                        self.declare_as(*name, module);
                    }
                }
                _ => {
                    for specifier in children(clause) {
                        let Some(name) = specifier.child_by_field_name("name") else { continue };
                        let sym = self.out.intern(self.raw(name).trim_matches(['"', '\'']));
                        let value = self.emit(specifier, OpKind::Get(module, sym));
                        let alias = specifier.child_by_field_name("alias").unwrap_or(name);
                        self.declare_as(alias, value);
                    }
                }
            }
        }
    }

    fn declare_as(&mut self, name: Node<'t>, value: Slot) {
        self.out.declare(self.scope, self.raw(name));
        self.assign_name(name, value);
    }

    fn export(&mut self, node: Node<'t>) {
        let exports = self.emit(node, OpKind::Exports);
        if let Some(declaration) = node.child_by_field_name("declaration") {
            self.statement(declaration);
            let is_default =
                children(node).len() == 1 && self.raw(node).get(..40).unwrap_or(self.raw(node)).contains("default");
            for name in pattern::declared(declaration) {
                let value = self.name(name);
                let key = if is_default { "default" } else { self.raw(name) };
                let key = self.out.intern(key);
                self.emit(name, OpKind::Set(exports, key, value));
            }
            return;
        }
        if let Some(value) = node.child_by_field_name("value") {
            let value = self.expression(value);
            let key = self.out.intern("default");
            self.emit(node, OpKind::Set(exports, key, value));
            return;
        }
        let from = node.child_by_field_name("source").map(|source| {
            let name = self.expression(source);
            self.emit(node, OpKind::Import(name))
        });
        let mut named = false;
        for clause in children(node).into_iter().filter(|c| matches!(c.kind(), "export_clause" | "namespace_export")) {
            named = true;
            for specifier in children(clause) {
                let name = specifier.child_by_field_name("name").unwrap_or(specifier);
                let alias = specifier.child_by_field_name("alias").unwrap_or(name);
                let value = match from {
                    Some(module) if clause.kind() == "export_clause" => {
                        let key = self.out.intern(self.raw(name));
                        self.emit(name, OpKind::Get(module, key))
                    }
                    Some(module) => module,
                    None => self.name(name),
                };
                let key = self.out.intern(self.raw(alias));
                self.emit(specifier, OpKind::Set(exports, key, value));
            }
        }
        if let Some(module) = from.filter(|_| !named) {
            self.emit(node, OpKind::Spread(exports, module));
        }
    }

    /// A function value of a node; its body is lowered later.
    fn closure(&mut self, node: Node<'t>, name: &str) -> FnId {
        let function = self.out.function(name, node.byte_range());
        let scope = self.out.scope(self.scope, Some(function));
        self.later.push(Later { node, function, scope });
        function
    }

    fn body(&mut self, later: &Later<'t>) {
        let (node, function) = (later.node, later.function);
        (self.function, self.scope, self.depth, self.tries) = (function, later.scope, 0, 0);
        if node.kind() != "arrow_function" {
            let this = self.out.declare(self.scope, "this");
            let arguments = self.out.declare(self.scope, "arguments");
            if let Some(f) = self.out.module.functions.get_mut(function as usize) {
                (f.this, f.arguments) = (Some(this), Some(arguments));
            }
        }
        if let Some(f) = self.out.module.functions.get_mut(function as usize) {
            f.is_deferred = self.text.get(node.byte_range()).is_some_and(|text| text.starts_with("async"));
        }
        self.parameters(node);
        let Some(body) = node.child_by_field_name("body") else { return };
        if body.kind() == "statement_block" {
            self.block(body);
        } else {
            let value = self.expression(body);
            self.emit(body, OpKind::Return(value));
        }
    }

    fn parameters(&mut self, node: Node<'t>) {
        let single = node.child_by_field_name("parameter");
        let all = match node.child_by_field_name("parameters") {
            Some(list) => children(list),
            None => single.into_iter().collect(),
        };
        for parameter in all {
            let pattern = parameter.child_by_field_name("pattern").unwrap_or(parameter);
            let (pattern, default) = match pattern.kind() {
                "assignment_pattern" => (pattern.child_by_field_name("left"), pattern.child_by_field_name("right")),
                _ => (Some(pattern), parameter.child_by_field_name("value")),
            };
            let Some(pattern) = pattern else { continue };
            let is_rest = pattern.kind() == "rest_pattern";
            let pattern = if is_rest { children(pattern).first().copied().unwrap_or(pattern) } else { pattern };
            self.parameter(pattern, default, is_rest);
        }
    }

    fn parameter(&mut self, pattern: Node<'t>, default: Option<Node<'t>>, is_rest: bool) {
        let is_name = pattern.kind() == "identifier";
        let name = if is_name { self.raw(pattern) } else { "" };
        let slot = if is_name { self.out.declare(self.scope, name) } else { self.out.slot(self.function) };
        let name = self.out.intern(name);
        if let Some(function) = self.out.module.functions.get_mut(self.function as usize) {
            function.params.push(Param { slot, name, is_rest });
        }
        if let Some(default) = default {
            let value = self.expression(default);
            let both = self.out.pool(&[slot, value]);
            self.out.emit_to(self.function, slot, default.byte_range(), OpKind::Join(both));
        }
        if !is_name {
            self.declare(pattern, self.scope);
            self.bind(pattern, slot);
        }
    }

    /// Code below the depth that is followed: its names and calls, one after the other.
    fn coarse(&mut self, node: Node<'t>) -> Slot {
        self.out.module.coarse = true;
        let mut all: Vec<Slot> = Vec::new();
        let mut cursor = node.walk();
        loop {
            let here = cursor.node();
            let is_leaf = match here.kind() {
                "identifier" => {
                    all.push(self.name(here));
                    true
                }
                "string" => true,
                _ => false,
            };
            if !is_leaf && self.out.has_room() && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() || cursor.node() == node {
                    let pool = self.out.pool(&all);
                    return self.emit(node, OpKind::Coarse(pool));
                }
            }
            if cursor.node() == node {
                let pool = self.out.pool(&all);
                return self.emit(node, OpKind::Coarse(pool));
            }
        }
    }

    fn name(&mut self, node: Node<'t>) -> Slot {
        self.named(self.raw(node), node.byte_range())
    }

    fn named(&mut self, raw: &str, range: Range<usize>) -> Slot {
        let decoded;
        let name = if raw.contains('\\') {
            decoded = crate::decode::unescape(raw).map_or_else(|| raw.to_owned(), |(text, _)| text);
            &decoded
        } else {
            raw
        };
        match self.out.find(self.scope, name) {
            Found::Local(slot) => slot,
            Found::Outer(cell) => self.out.emit(self.function, range, OpKind::Outer(cell)),
            Found::Global if name == "exports" => self.out.emit(self.function, range, OpKind::Exports),
            Found::Global => {
                let sym = self.out.intern(name);
                self.out.emit(self.function, range, OpKind::Global(sym))
            }
        }
    }
}

fn operator(text: &str) -> Binary {
    match text {
        "+" => Binary::Add,
        "-" => Binary::Sub,
        "*" => Binary::Mul,
        "/" => Binary::Div,
        "%" => Binary::Rem,
        "^" => Binary::Xor,
        "&" => Binary::And,
        "|" => Binary::Or,
        "<<" => Binary::Shl,
        ">>" | ">>>" => Binary::Shr,
        "<" => Binary::Less,
        "<=" => Binary::AtMost,
        "==" | "===" => Binary::Equal,
        "!=" | "!==" => Binary::Unequal,
        _ => Binary::Other,
    }
}
