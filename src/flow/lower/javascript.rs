//! JavaScript and TypeScript, with JSX.

use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::named::Predicates;
use super::{DEPTH, children};
use crate::flow::ir::{Binary, Builder, FnId, Found, Language, Module, OpKind, Param, Rest, ScopeId, Shape, Slot};
use crate::limits::Limits;

mod control;
mod expression;
mod module;
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
    predicates: Predicates<'t>,
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
        predicates: Predicates::of(tree.root_node(), text),
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
            "break_statement" if leaves_loop(node) => {
                self.emit(node, OpKind::Break);
            }
            "break_statement" => {}
            "lexical_declaration" | "variable_declaration" | "using_declaration" => self.declaration(node),
            "function_declaration"
            | "generator_function_declaration"
            | "import_statement"
            | "empty_statement"
            | "interface_declaration"
            | "type_alias_declaration"
            | "ambient_declaration"
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
            let slot = self.parameter(pattern, default, if is_rest { Rest::Positions } else { Rest::No });
            let mut cursor = parameter.walk();
            let mut parts = parameter.children(&mut cursor);
            let keeps = parts.any(|part| matches!(part.kind(), "accessibility_modifier" | "readonly"));
            let this = self.out.module.functions.get(self.function as usize).and_then(|function| function.this);
            if let Some(this) = this.filter(|_| keeps) {
                // `constructor(private name)`: a member of that name as well.
                let name = self.out.intern(self.raw(pattern));
                self.emit(parameter, OpKind::Set(this, name, slot));
            }
        }
    }

    fn parameter(&mut self, pattern: Node<'t>, default: Option<Node<'t>>, rest: Rest) -> Slot {
        let is_name = pattern.kind() == "identifier";
        let name = if is_name { self.raw(pattern) } else { "" };
        let slot = if is_name { self.out.declare(self.scope, name) } else { self.out.slot(self.function) };
        let name = self.out.intern(name);
        if let Some(function) = self.out.module.functions.get_mut(self.function as usize) {
            function.params.push(Param { slot, name, rest });
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
        slot
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

/// Whether a `break` ends a loop, and not a `switch` or a labelled statement.
fn leaves_loop(node: Node<'_>) -> bool {
    if node.named_child_count() > 0 {
        return false;
    }
    let mut at = node.parent();
    while let Some(outer) = at {
        match outer.kind() {
            "for_statement" | "for_in_statement" | "while_statement" | "do_statement" => return true,
            "switch_statement" | "program" | "function_declaration" | "arrow_function" | "method_definition" => {
                return false;
            }
            _ => at = outer.parent(),
        }
    }
    false
}
