//! From syntax trees to the one form, a lowering for each language.

use tree_sitter::{Node, Tree};

use super::ir::Module;
use crate::limits::Limits;
use crate::parse::Kind;

mod javascript;
mod named;
mod python;
mod shell;

/// Nesting of expressions and statements that is followed; what lies deeper is lowered coarsely.
const DEPTH: usize = 250;

/// Lowers a program; `None` for a language without a lowering.
pub fn lower(kind: Kind, tree: &Tree, text: &str, limits: &Limits) -> Option<Module> {
    match kind {
        Kind::JavaScript | Kind::TypeScript | Kind::Tsx => Some(javascript::lower(tree, text, limits)),
        Kind::Python => Some(python::lower(tree, text, limits)),
        Kind::Shell => Some(shell::lower(tree, text, limits)),
        _ => None,
    }
}

/// Named children, without comments.
fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| !child.is_extra()).collect()
}
