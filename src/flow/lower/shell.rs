//! Shell.
//!
//! Names are found while a script runs, so variables, functions and what is
//! printed live in the script's own store (`OpKind::Variable`): `@out` is what
//! the substitution or pipeline at hand has printed so far, `@in` what a
//! command reads, `@args` the list of arguments.

use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::DEPTH;
use crate::flow::ir::{Builder, FnId, Language, Mark, Module, OpKind, Role, ShellOp, Slot};
use crate::limits::Limits;
use crate::parse::shell;

mod control;
mod expansion;
mod redirect;
mod word;

/// Scripts in literals of scripts are followed this deep.
const NESTING: usize = 3;
/// Programs that run the text that `-c` gives them, and what they read.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "ash"];

struct Lowering<'t, 'b> {
    text: &'t str,
    /// Where the text begins in the script.
    base: usize,
    out: &'b mut Builder,
    function: FnId,
    depth: usize,
    /// Substitutions and pipelines around: what ends them does not end the function.
    inner: usize,
    nesting: usize,
}

/// Lowers a script.
pub(super) fn lower(tree: &Tree, text: &str, limits: &Limits) -> Module {
    let mut out = Builder::new(Language::Shell, limits.nodes);
    Lowering { text, base: 0, out: &mut out, function: 0, depth: 0, inner: 0, nesting: 0 }.block(tree.root_node());
    out.finish()
}

/// Named children without comments.
fn named<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| child.kind() != "comment").collect()
}

/// A command that is being gathered.
#[derive(Default)]
struct Line {
    parts: Vec<(Role, Slot)>,
    /// First literal words.
    literal: Vec<Option<String>>,
    start: usize,
    end: usize,
}

impl<'t> Lowering<'t, '_> {
    fn raw(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn range(&self, range: Range<usize>) -> Range<usize> {
        self.base + range.start..self.base + range.end
    }

    fn emit(&mut self, node: Node<'_>, kind: OpKind) -> Slot {
        let range = self.range(node.byte_range());
        self.out.emit(self.function, range, kind)
    }

    fn shell(&mut self, node: Node<'_>, op: ShellOp, slots: &[Slot]) -> Slot {
        let pool = self.out.pool(slots);
        self.emit(node, OpKind::Shell(op, pool))
    }

    fn literal(&mut self, node: Node<'_>, text: &str) -> Slot {
        let range = self.range(node.byte_range());
        self.out.text(self.function, range, text)
    }

    fn unknown(&mut self, node: Node<'_>) -> Slot {
        let none = self.out.pool(&[]);
        self.emit(node, OpKind::Coarse(none))
    }

    fn variable(&mut self, node: Node<'_>, name: &str) -> Slot {
        let name = self.out.intern(name);
        self.emit(node, OpKind::Variable(name))
    }

    fn set(&mut self, node: Node<'_>, name: &str, value: Slot) {
        let name = self.out.intern(name);
        self.emit(node, OpKind::SetVariable(name, value));
    }

    fn mark(&mut self, node: Node<'_>, mark: Mark) {
        self.shell(node, ShellOp::Mark(mark), &[]);
    }

    fn block(&mut self, node: Node<'t>) {
        for statement in named(node) {
            self.statement(statement);
        }
    }

    fn statement(&mut self, node: Node<'t>) {
        if self.depth > DEPTH || !self.out.has_room() {
            self.out.module.coarse = true;
            return;
        }
        self.depth += 1;
        self.statement_inside(node);
        self.depth -= 1;
    }

    fn statement_inside(&mut self, node: Node<'t>) {
        match node.kind() {
            "command" => self.command(node, Vec::new()),
            "pipeline" => self.pipeline(node),
            "list" => self.list(node),
            "redirected_statement" => self.redirected(node),
            "subshell" => {
                self.inner += 1;
                self.block(node);
                self.inner -= 1;
            }
            "if_statement" => self.branch(node),
            "while_statement" => self.while_loop(node),
            "for_statement" => self.for_loop(node),
            "c_style_for_statement" => self.counting_loop(node),
            "case_statement" => self.cases(node),
            "function_definition" => self.definition(node),
            "declaration_command" => self.declaration(node),
            "variable_assignment" => {
                self.assignment(node);
            }
            "test_command" => {
                self.condition(node);
            }
            "unset_command" | "comment" | "heredoc_body" | "heredoc_start" | "heredoc_end" => {}
            "word"
            | "string"
            | "raw_string"
            | "concatenation"
            | "simple_expansion"
            | "expansion"
            | "command_substitution"
            | "process_substitution" => {
                self.word(node);
            }
            "binary_expression" | "postfix_expression" | "unary_expression" | "parenthesized_expression" => {
                let text = self.literal(node, self.raw(node));
                self.shell(node, ShellOp::Arithmetic, &[text]);
            }
            _ => self.block(node),
        }
    }

    /// A command with its redirections; `more` belongs to it as well.
    fn command(&mut self, node: Node<'t>, more: Vec<(Role, Slot)>) {
        let mut line = Line { start: node.start_byte(), end: node.start_byte(), ..Line::default() };
        for child in named(node) {
            // Before a here-document the grammar takes the next line for more words.
            let between = self.text.get(line.end..child.start_byte()).unwrap_or("");
            let goes_on = between.is_empty();
            let between = between.replace("\\\n", "");
            if between.contains('\n') && !line.literal.is_empty() {
                let before = std::mem::replace(&mut line, Line { start: child.start_byte(), ..Line::default() });
                self.finish(node, before);
            }
            line.end = child.end_byte();
            match child.kind() {
                "variable_assignment" => self.passed(child, &mut line.parts),
                "herestring_redirect" | "file_redirect" | "heredoc_redirect" => {
                    self.redirect(child, &mut line.parts, &mut Vec::new());
                }
                _ if goes_on && line.literal.last().is_some() => self.continued(child, &mut line),
                _ => {
                    let (role, slot) = self.role(child);
                    line.literal.push(self.plain(child));
                    line.parts.push((role, slot));
                }
            }
        }
        line.parts.extend(more);
        self.finish(node, line);
    }

    /// The rest of a word that the grammar takes for two.
    fn continued(&mut self, node: Node<'t>, line: &mut Line) {
        let rest = self.word(node);
        let plain = self.plain(node);
        if let Some(first) = line.literal.last_mut() {
            *first = first.take().zip(plain).map(|(first, rest)| first + &rest);
        }
        let Some((role, first)) = line.parts.pop() else { return };
        let both = self.out.pool(&[first, rest]);
        line.parts.push((role, self.emit(node, OpKind::Concat(both))));
    }

    /// `NAME=value` before a command.
    fn passed(&mut self, node: Node<'t>, parts: &mut Vec<(Role, Slot)>) {
        let (Some(name), Some(value)) = (node.child_by_field_name("name"), node.child_by_field_name("value")) else {
            return;
        };
        let name = self.literal(name, self.raw(name));
        let value = self.word(value);
        parts.extend([(Role::Variable, name), (Role::Word, value)]);
    }

    fn finish(&mut self, node: Node<'t>, line: Line) {
        if self.leaves(node, &line) || self.evaluated(node, &line) {
            return;
        }
        let range = self.range(line.start..line.end.max(line.start));
        let slots: Vec<Slot> = line.parts.iter().flat_map(|(role, slot)| [*role as Slot, *slot]).collect();
        let pool = self.out.pool(&slots);
        self.out.emit(self.function, range, OpKind::Shell(ShellOp::Command, pool));
    }

    fn leaves(&mut self, node: Node<'t>, line: &Line) -> bool {
        let first = line.literal.first().and_then(Option::as_deref);
        let leaves = matches!(first, Some("return" | "exit")) && self.inner == 0;
        if leaves {
            self.emit(node, OpKind::Leave);
        }
        leaves || matches!(first, Some("return" | "exit" | "break" | "continue"))
    }

    /// Literal text that a shell is given is part of the script.
    fn evaluated(&mut self, node: Node<'t>, line: &Line) -> bool {
        let Some(name) = line.literal.first().and_then(Option::as_deref) else { return false };
        let words = named(node)
            .into_iter()
            .filter(|child| !child.kind().ends_with("_redirect") && child.kind() != "variable_assignment");
        let words: Vec<Node<'t>> = words.collect();
        let is_shell = SHELLS.contains(&name.rsplit('/').next().unwrap_or(name));
        let code = match words.as_slice() {
            [_, code] if name == "eval" => *code,
            [_, code, _, ..] if name == "trap" => *code,
            [_, flag, code] if is_shell && matches!(self.raw(*flag), "-c" | "-lc" | "-ec") => *code,
            _ => return false,
        };
        // Output that goes elsewhere, or input, would have to go with it.
        if code.kind() != "raw_string" || line.parts.len() != line.literal.len() {
            return false;
        }
        let Some(inner) = self.raw(code).strip_prefix('\'').and_then(|raw| raw.strip_suffix('\'')) else {
            return false;
        };
        self.inline(inner, self.base + code.start_byte() + 1)
    }

    /// Lowers text that stands in the script word for word.
    fn inline(&mut self, text: &str, base: usize) -> bool {
        if self.nesting >= NESTING {
            return false;
        }
        let Ok(tree) = shell::tree(text) else { return false };
        let (function, depth) = (self.function, self.depth);
        let nesting = self.nesting + 1;
        Lowering { text, base, out: &mut *self.out, function, depth, inner: self.inner + 1, nesting }
            .block(tree.root_node());
        true
    }

    /// What a statement prints.
    fn printed(&mut self, node: Node<'t>, run: impl FnOnce(&mut Self)) -> Slot {
        let before = self.variable(node, "@out");
        let empty = self.literal(node, "");
        self.set(node, "@out", empty);
        self.inner += 1;
        run(self);
        self.inner -= 1;
        let printed = self.variable(node, "@out");
        self.set(node, "@out", before);
        printed
    }

    /// Runs something that reads this.
    fn fed(&mut self, node: Node<'t>, input: Slot, run: impl FnOnce(&mut Self)) {
        let before = self.variable(node, "@in");
        self.set(node, "@in", input);
        run(self);
        self.set(node, "@in", before);
    }

    fn pipeline(&mut self, node: Node<'t>) {
        let stages = named(node);
        self.stages(node, &stages, None);
    }

    /// Stages of a pipeline, the first of which reads `input`.
    fn stages(&mut self, node: Node<'t>, stages: &[Node<'t>], input: Option<Slot>) {
        self.mark(node, Mark::Pipeline);
        let mut input = input;
        for (at, stage) in stages.iter().enumerate() {
            let is_last = at + 1 == stages.len();
            let run = |this: &mut Self| {
                if at > 0 {
                    this.mark(*stage, Mark::Stage);
                }
                this.statement(*stage);
            };
            let run = |this: &mut Self| match input {
                Some(input) => this.fed(*stage, input, run),
                None => run(this),
            };
            if is_last {
                self.inner += 1;
                run(self);
                self.inner -= 1;
            } else {
                input = Some(self.printed(*stage, run));
            }
        }
        self.mark(node, Mark::Done);
    }

    /// Commands joined by `&&` and `||`.
    fn list(&mut self, node: Node<'t>) {
        let mut rest = Vec::new();
        let mut first = node;
        while first.kind() == "list" {
            let parts = named(first);
            let Some((head, tail)) = parts.split_first() else { return };
            rest.extend(tail.iter().rev().copied());
            first = *head;
        }
        rest.reverse();
        let mut condition = self.status(first);
        for part in rest {
            self.emit(part, OpKind::If(condition));
            let status = self.status(part);
            self.emit(part, OpKind::End);
            condition = status;
        }
    }
}
