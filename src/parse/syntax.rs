//! tree-sitter with bounds: a parser per language and thread, a budget of
//! work instead of a clock, and walks without recursion.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use tree_sitter::{Language, Node, ParseOptions, Parser, Tree, TreeCursor};

use crate::parse::Kind;

thread_local! {
    static PARSERS: RefCell<HashMap<Kind, Parser>> = RefCell::new(HashMap::new());
}

fn language(kind: Kind) -> Option<Language> {
    Some(match kind {
        Kind::Shell => tree_sitter_bash::LANGUAGE.into(),
        Kind::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
        Kind::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        Kind::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
        Kind::Python => tree_sitter_python::LANGUAGE.into(),
        _ => return None,
    })
}

/// Syntax tree of `text`, or `None` if the parser gave up within its budget.
///
/// The budget counts the parser's own progress calls, about a hundred
/// operations each, against the length of the text, so that error recovery
/// cannot go quadratic on hostile input.
pub(super) fn tree(kind: Kind, text: &str) -> Option<Tree> {
    PARSERS.with_borrow_mut(|parsers| {
        let parser = match parsers.entry(kind) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let mut parser = Parser::new();
                parser.set_language(&language(kind)?).ok()?;
                entry.insert(parser)
            }
        };
        let mut budget = 20_000 + text.len();
        let mut progress = |_: &tree_sitter::ParseState| {
            budget = budget.saturating_sub(1);
            if budget == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let bytes = text.as_bytes();
        let options = ParseOptions::new().progress_callback(&mut progress);
        let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or(b""), None, Some(options));
        if tree.is_none() {
            parser.reset();
        }
        tree
    })
}

/// Visits nodes in document order, without recursion; `visit` says whether to enter a node.
pub(super) fn walk<'t>(tree: &'t Tree, mut visit: impl FnMut(Node<'t>) -> bool) {
    let mut cursor: TreeCursor<'t> = tree.walk();
    loop {
        if visit(cursor.node()) && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// Direct children, named ones only.
pub(super) fn named<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}
