//! tree-sitter with bounds: a parser per language and thread, a budget of
//! work instead of a clock, and walks without recursion.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tree_sitter::{Language, Node, ParseOptions, Parser, Tree, TreeCursor};

use crate::finding::GapKind;
use crate::parse::Kind;

thread_local! {
    static PARSERS: RefCell<HashMap<Kind, Parser>> = RefCell::new(HashMap::new());
}

/// Time of the processor that any text may take, and more for each of its bytes: a hundred times what honest files
/// take. Time on the wall would depend on what else the machine does.
const BACKSTOP: Duration = Duration::from_secs(4);
const PER_BYTE: Duration = Duration::from_micros(2);

/// Bytes served to a lexer at a time.
const CHUNK: usize = 1024;

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

/// Time that the processor gave this thread.
fn spent() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or(Duration::MAX)
}

/// Syntax tree of `text`, or why the parser gave up.
///
/// The budget counts the parser's own progress calls, about a hundred
/// operations each, against the length of the text, so that error recovery
/// cannot go on for ever on hostile input; honest files need a quarter of it. What
/// one operation costs is out of our hands, hence the clock far above that.
pub(crate) fn tree(kind: Kind, text: &str) -> Result<Tree, GapKind> {
    PARSERS.with_borrow_mut(|parsers| {
        let parser = match parsers.entry(kind) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let mut parser = Parser::new();
                let language = language(kind).ok_or(GapKind::OverLimit)?;
                parser.set_language(&language).map_err(|_| GapKind::OverLimit)?;
                entry.insert(parser)
            }
        };
        let started = spent();
        let backstop = BACKSTOP + PER_BYTE.saturating_mul(text.len() as u32);
        let steps = Cell::new(200 + text.len() / 16);
        let reads = Cell::new(64 * (text.len() + 64 * CHUNK));
        let take = |budget: &Cell<usize>, work: usize| {
            budget.set(budget.get().saturating_sub(work));
            budget.get() > 0
        };
        let mut progress = |_: &tree_sitter::ParseState| {
            // The clock is asked now and then: it costs more than the step.
            let is_late = || steps.get().is_multiple_of(16) && spent().saturating_sub(started) >= backstop;
            let goes_on = take(&steps, 1) && reads.get() > 0 && !is_late();
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        // Some grammars look characters up in tables made for 256 of them, which ends the process on others: all
        // beyond ASCII reads as a letter to them. Offsets stay, and texts are cut out of the original.
        let masked =
            (!text.is_ascii()).then(|| text.bytes().map(|b| if b.is_ascii() { b } else { b'x' }).collect::<Vec<u8>>());
        let bytes = masked.as_deref().unwrap_or(text.as_bytes());
        // Lexers look ahead as far as they like, so what they are served is counted as well.
        let mut read = |at: usize, _| {
            let end = (at + CHUNK).min(bytes.len());
            if take(&reads, CHUNK) { bytes.get(at..end).unwrap_or(b"") } else { b"" }
        };
        let options = ParseOptions::new().progress_callback(&mut progress);
        let tree = parser.parse_with_options(&mut read, None, Some(options));
        if tree.is_none() || reads.get() == 0 {
            parser.reset();
            return Err(if spent().saturating_sub(started) < backstop { GapKind::OverLimit } else { GapKind::Timeout });
        }
        tree.ok_or(GapKind::OverLimit)
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
