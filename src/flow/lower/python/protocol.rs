//! What the language calls by itself: decorators, and what a block is entered with.

use super::*;

/// Decorators that make a method look like a member.
const GETTERS: [&str; 3] = ["@property", "@cached_property", "@functools.cached_property"];

impl<'t> Lowering<'t> {
    pub(super) fn with(&mut self, node: Node<'t>) {
        let clauses = children(node).into_iter().filter(|child| child.kind() == "with_clause").flat_map(children);
        let mut opened = Vec::new();
        for item in clauses {
            let value = item.child_by_field_name("value").unwrap_or(item);
            let alias = value.child_by_field_name("alias").filter(|_| value.kind() == "as_pattern");
            let of = alias.and_then(|_| children(value).first().copied()).unwrap_or(value);
            let of = self.expression(of);
            opened.push(of);
            let enter = self.out.intern("__enter__");
            let callee = self.emit(item, OpKind::Get(of, enter));
            let none = self.out.pool(&[]);
            let call = OpKind::Call { callee, receiver: Some(of), args: none, named: none, new: false };
            let entered = self.emit(item, call);
            if let Some(alias) = alias {
                self.bind(alias, entered);
            }
        }
        self.field_block(node, "body");
        for of in opened {
            let exit = self.out.intern("__exit__");
            let callee = self.emit(node, OpKind::Get(of, exit));
            let none = self.out.pool(&[]);
            self.emit(node, OpKind::Call { callee, receiver: Some(of), args: none, named: none, new: false });
        }
    }

    /// A function with what its decorators make of it.
    pub(super) fn decorated(&mut self, node: Node<'t>, function: FnId, value: Slot) -> Slot {
        let Some(whole) = node.parent().filter(|parent| parent.kind() == "decorated_definition") else { return value };
        let mut value = value;
        for decorator in children(whole).into_iter().filter(|child| child.kind() == "decorator").rev() {
            if GETTERS.contains(&self.raw(decorator)) {
                if let Some(function) = self.out.module.functions.get_mut(function as usize) {
                    function.is_getter = true;
                }
                continue;
            }
            let Some(callee) = children(decorator).first().map(|callee| self.expression(*callee)) else { continue };
            let (args, named) = (self.out.pool(&[value]), self.out.pool(&[]));
            let call = OpKind::Call { callee, receiver: None, args, named, new: false };
            let made = self.emit(decorator, call);
            let both = self.out.pool(&[value, made]);
            value = self.emit(decorator, OpKind::Join(both));
        }
        value
    }
}
