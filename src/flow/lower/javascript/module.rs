//! Imports and exports.

use super::*;

impl<'t> Lowering<'t> {
    pub(super) fn import(&mut self, node: Node<'t>) {
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

    pub(super) fn declare_as(&mut self, name: Node<'t>, value: Slot) {
        self.out.declare(self.scope, self.raw(name));
        self.assign_name(name, value);
    }

    pub(super) fn export(&mut self, node: Node<'t>) {
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
}
