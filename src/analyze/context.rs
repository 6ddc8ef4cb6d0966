//! Structure that speaks for a lower weight: the place of a finding is a
//! quotation, an example, a table of patterns, a fixture, a warning.
//!
//! Judged by structure alone, never by what a package says it is; and void
//! where something in the package tells people or programs to run it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::pattern::SAME;
use super::{Input, Weighed, supply};
use crate::artifact::{Artifact, ArtifactId, Op, Span};
use crate::fact::FactKind;
use crate::finding::Finding;
use crate::parse::code::{self, Structure};
use crate::parse::data::{Data, is_run};
use crate::parse::{Body, Kind};
use crate::ruleset::indicators;
use crate::text;

mod connection;
mod document;
mod reach;

pub(super) use reach::Reach;

/// Kinds of context. The names are those of `context[].kind` in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextKind {
    /// In a quotation or a comment.
    Quoted,
    /// Shown as an example of something bad.
    Example,
    /// An entry of a table that a detector looks for.
    PatternTable,
    /// Test data.
    Fixture,
    /// The text says not to.
    Negated,
    /// Nothing in the package leads to it.
    Unreferenced,
}

impl ContextKind {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quoted => "quoted",
            Self::Example => "example",
            Self::PatternTable => "pattern-table",
            Self::Fixture => "fixture",
            Self::Negated => "negated",
            Self::Unreferenced => "unreferenced",
        }
    }
}

/// One reason to lower a finding's weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Which kind.
    pub kind: ContextKind,
    /// Where the structure is that says so.
    pub span: Span,
    /// What it is, in our words.
    pub why: String,
}

/// Reads the context of findings, remembering what it parsed.
pub(super) struct Reader<'a> {
    input: &'a Input<'a>,
    structures: RefCell<HashMap<ArtifactId, Rc<Structure>>>,
    /// Sentences of a document that point back at a quotation and have it run.
    orders: RefCell<HashMap<ArtifactId, Rc<Vec<Range<usize>>>>>,
    /// Ports that a document has somebody listen at, with where it does.
    listeners: RefCell<HashMap<ArtifactId, connection::Listeners>>,
}

/// Contexts by kind: each counts once.
type Contexts = BTreeMap<ContextKind, (Span, String)>;

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        Self { input, structures: RefCell::default(), orders: RefCell::default(), listeners: RefCell::default() }
    }

    fn reach(&self) -> &Reach {
        self.input.reach()
    }

    /// The finding with its context.
    pub(super) fn weigh(&self, mut finding: Finding) -> Weighed {
        let mut context = self.context(&finding).unwrap_or_default();
        // A quotation in front of it takes nothing from what stands below.
        for at in 1..finding.evidence().len() {
            if context.is_empty() || finding.evidence()[at].note != SAME {
                break;
            }
            let mut other = finding.clone();
            other.swap(at);
            let less = self.context(&other).unwrap_or_default();
            if less.len() < context.len() {
                (finding, context) = (other, less);
            }
        }
        finding.shorten(SAME);
        let context = context.into_iter().map(|(kind, (span, why))| Context { kind, span, why }).collect();
        Weighed { finding, context }
    }

    /// Contexts of a finding; `None` if something tells people or programs to run it.
    fn context(&self, finding: &Finding) -> Option<Contexts> {
        let mut contexts = Contexts::new();
        let arena = &self.input.expanded.arena;
        if finding.span().start == finding.span().end {
            // About a file as a whole: what stands in it, and whether something names it, does not matter.
            let path = arena.get(finding.span().artifact).path.shown();
            if reach::is_test(path) && !self.reach().is_run(path) {
                contexts.insert(ContextKind::Fixture, (finding.span(), "is test data".to_owned()));
            }
            return Some(contexts);
        }
        let mut is_run = false;
        for (artifact, span) in arena.chain(finding.span()) {
            let op = artifact.derivation.as_ref().map(|d| d.op);
            let is_run_here = std::mem::replace(
                &mut is_run,
                matches!(op, Some(Op::ProcessCall | Op::ManifestScript | Op::NotebookCell)),
            );
            match &artifact.body {
                Body::Data(_) | Body::None if is_run_here => {}
                // What is set is no quotation, whatever the key is called.
                Body::Data(_) if artifact.id == finding.span().artifact && self.is_about_settings(finding) => {}
                Body::Markdown(document) => document::read(self, artifact, document, span, &mut contexts)?,
                Body::Data(data) => self.data(artifact, data, span, &mut contexts),
                Body::None if artifact.kind.is_code() && op != Some(Op::InlineCode) => {
                    let is_prose = self.input.rules.prose.iter().any(|(id, _)| *id == finding.rule);
                    if self.code(artifact, span, &mut contexts) {
                        contexts.clear();
                    } else if !is_prose && self.is_printed(artifact, &span.range()) {
                        contexts
                            .entry(ContextKind::Example)
                            .or_insert((span, "is a text that the program prints".to_owned()));
                    }
                }
                Body::None => {}
            }
            match op {
                // What a program runs is no quotation, however its table is called; what stands
                // around the program may still say that all of it is an example.
                Some(Op::ProcessCall | Op::ManifestScript) => contexts.clear(),
                Some(Op::StringLiteral) => {
                    contexts
                        .entry(ContextKind::Quoted)
                        .or_insert((span, "is a string that the program does not run".to_owned()));
                }
                Some(Op::Comment) => {
                    contexts.entry(ContextKind::Quoted).or_insert((span, "stands in a comment".to_owned()));
                }
                _ => {}
            }
        }
        let (located, _) = arena.locate(finding.span());
        self.file(located, finding, &mut contexts);
        Some(contexts)
    }

    fn structure(&self, artifact: &Artifact) -> Rc<Structure> {
        if let Some(known) = self.structures.borrow().get(&artifact.id) {
            return Rc::clone(known);
        }
        let structure = Rc::new(code::structure(artifact.kind, &text::view(&artifact.bytes)));
        self.structures.borrow_mut().insert(artifact.id, Rc::clone(&structure));
        structure
    }

    /// Contexts inside a program; whether the place is an argument of a process call.
    fn code(&self, artifact: &Artifact, span: Span, contexts: &mut Contexts) -> bool {
        let structure = self.structure(artifact);
        let range = span.range();
        let holds = |ranges: &[Range<usize>]| {
            ranges.iter().rev().find(|r| r.start <= range.start && range.end <= r.end).cloned()
        };
        if holds(&structure.process_calls).is_some() {
            return true;
        }
        let mut add = |kind, range: Range<usize>, why: &str| {
            contexts.entry(kind).or_insert((Span::new(artifact.id, range), why.to_owned()));
        };
        // Comments stand in order, and there may be millions.
        let after = structure.comments.partition_point(|comment| comment.start <= range.start);
        let own_comment =
            after.checked_sub(1).and_then(|at| structure.comments.get(at)).filter(|c| range.start < c.end);
        if let Some(comment) = own_comment.filter(|comment| !supply::is_own_requirement(artifact, comment.start)) {
            add(ContextKind::Quoted, comment.clone(), "stands in a comment");
        } else if holds(&structure.strings).is_some() && holds(&structure.tables).is_some() {
            add(ContextKind::Quoted, range.clone(), "is a string that the program does not run");
        }
        // Numbers are no patterns to look for.
        let has_text = holds(&structure.strings).is_some()
            || artifact.get(range.clone()).iter().any(|b| matches!(b, b'"' | b'\'' | b'`'));
        if let Some(regex) = holds(&structure.regexes) {
            add(ContextKind::PatternTable, regex, "is a regular expression");
        } else if let Some(table) = holds(&structure.tables).filter(|_| artifact.kind != Kind::Shell && has_text) {
            add(ContextKind::PatternTable, table, "is an entry of a table");
        }
        // A comment right above that warns speaks for what stands below it, unless that is what a program does itself.
        let is_text = artifact.kind != Kind::Shell && holds(&structure.strings).is_some();
        let is_run = artifact.derivation.is_none() && !is_text;
        let first = structure.comments.partition_point(|comment| comment.end + 240 <= range.start);
        let near = structure.comments.get(first..after).unwrap_or(&[]).iter().filter(|comment| {
            let is_above = comment.end <= range.start
                && memchr::memchr_iter(b'\n', artifact.get(comment.end..range.start)).count() <= 3;
            (is_above && (!is_run || own_comment.is_some())) || range.start < comment.end
        });
        for comment in near {
            let (folded, _) =
                text::fold(&text::view(artifact.get(comment.start..comment.end.min(comment.start + 2000))));
            let lexicons = &self.input.rules.lexicons;
            if lexicons.holds("warn", &folded) || lexicons.holds("negation", &folded) {
                add(ContextKind::Negated, comment.clone(), "the comment above warns of it");
            }
        }
        let line = line_before(artifact, range.start);
        let own = text::view(artifact.get(range.start..range.end.min(range.start + 4000)));
        if is_pattern(&own) || (artifact.kind == Kind::Shell && is_search(&line)) {
            add(ContextKind::PatternTable, range, "is written as a search pattern");
        }
        false
    }

    /// Whether a place lies in a text that its line prints, and what is printed begins there: what a person is shown is not
    /// run. What the agent is told is another matter.
    fn is_printed(&self, artifact: &Artifact, range: &Range<usize>) -> bool {
        let is_text = |string: &Range<usize>| string.start <= range.start && range.end <= string.end;
        let structure = self.structure(artifact);
        let Some(string) = structure.strings.iter().find(|string| is_text(string)) else { return false };
        let before = artifact.get(string.start.saturating_sub(40)..string.start);
        let line = text::view(before.rsplit(|b| *b == b'\n').next().unwrap_or(b""));
        let call = line.trim_start().trim_end_matches(['f', 'r']);
        artifact.kind != Kind::Shell && ["print(", "console.log(", "console.error("].contains(&call)
    }

    /// Whether a rule on settings may have found it.
    fn is_about_settings(&self, finding: &Finding) -> bool {
        let rules = self.input.rules;
        rules.settings.iter().any(|(id, _)| *id == finding.rule)
            || rules.facts.iter().any(|(id, rule)| *id == finding.rule && rule.fact == FactKind::Dependency)
            || (rules.lists.iter().any(|(id, list)| *id == finding.rule && list.kinds.contains(&indicators::Kind::Npm))
                && supply::is_package_file(self.input.expanded.arena.get(finding.span().artifact)))
    }

    /// A string of a data file: a quotation unless something takes it for a command.
    fn data(&self, artifact: &Artifact, data: &Data, span: Span, contexts: &mut Contexts) {
        let range = span.range();
        let Some(string) = data
            .strings
            .iter()
            .find(|s| s.range.start <= range.start && range.start < s.range.end.max(s.range.start + 1))
        else {
            return;
        };
        let runs = is_run(artifact.kind, &string.key, &string.text);
        // Lines between the settings are text.
        let is_text = string.key.is_empty() && matches!(artifact.kind, Kind::Ini | Kind::Toml | Kind::Markup);
        let path = artifact.path.shown();
        let is_taken = self.reach().is_fed(path) || self.reach().is_followed(path);
        if code::is_command_key(&string.key) || runs || is_text || is_taken {
            return;
        }
        let place = Span::new(artifact.id, string.range.clone());
        contexts.entry(ContextKind::Quoted).or_insert((place, "is data that nothing in the package runs".to_owned()));
        if string.key.ends_with("[]") || code::is_pattern_key(&string.key) {
            contexts
                .entry(ContextKind::PatternTable)
                .or_insert((place, format!("is data under the key `{}`", string.key)));
        }
    }

    /// Contexts of the file as a whole.
    fn file(&self, located: Span, finding: &Finding, contexts: &mut Contexts) {
        let artifact = self.input.expanded.arena.get(located.artifact);
        let path = artifact.path.shown();
        if self.reach().is_uncommented(path) {
            contexts.clear();
            return;
        }
        if self.reach().is_run(path) {
            // Its tables and comments stay what they are.
            return;
        }
        let whole = Span { end: located.start, ..located };
        let name = artifact.path.name().to_ascii_lowercase();
        if (name.ends_with(".yar") || name.ends_with(".yara")) && is_yara_string(artifact, located.range().start) {
            contexts.insert(ContextKind::PatternTable, (whole, "is a string that a rule of YARA looks for".to_owned()));
        }
        if reach::is_test(path) {
            contexts.insert(ContextKind::Fixture, (whole, "is test data".to_owned()));
            if !self.reach().is_mentioned(path) {
                contexts.insert(ContextKind::Unreferenced, (whole, "nothing but tests leads to this file".to_owned()));
            }
            return;
        }
        if artifact.kind.is_code()
            // What builds a package is started by the package manager, and Git starts its hooks.
            && !self.is_about_settings(finding)
            && !self.input.rules.paths.classes(path).contains(&"git-hook")
            && !self.reach().is_mentioned(path)
            && !matches!(
                name.as_str(),
                "index.js"
                    | "index.ts"
                    | "index.mjs"
                    | "main.py"
                    | "__init__.py"
                    | "setup.py"
                    | "conftest.py"
                    | "install.sh"
                    | "setup.sh"
            )
        {
            contexts.insert(ContextKind::Unreferenced, (whole, "nothing in the package leads to this file".to_owned()));
        }
    }
}

/// What stands before a place in its line, or the end of it.
fn line_before(artifact: &Artifact, at: usize) -> Cow<'_, str> {
    let before = artifact.get(at.saturating_sub(400)..at);
    text::view(before.rsplit(|byte| *byte == b'\n').next().unwrap_or(b""))
}

/// Whether the line of a place gives a string of a YARA rule: `$name = …`.
fn is_yara_string(artifact: &Artifact, at: usize) -> bool {
    let line = line_before(artifact, at);
    let name = line.trim_start().strip_prefix('$').and_then(|rest| rest.split_once('='));
    name.is_some_and(|(name, _)| name.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// Whether text carries the signs of a regular expression.
fn is_pattern(text: &str) -> bool {
    ["\\s", ".*", "\\|", "[^", "(?", "\\b"].iter().any(|sign| text.contains(sign))
}

/// Whether what follows in a shell line is searched for rather than run: the command that has begun there is a search.
fn is_search(before: &str) -> bool {
    let (mut start, mut quote) = (0, None);
    for (at, c) in before.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '|' | '(' | ';' | '&' | '`') => start = at + 1,
            _ => {}
        }
    }
    let mut words = before.get(start..).unwrap_or("").split_whitespace();
    words.any(|word| matches!(word, "grep" | "egrep" | "rg" | "ag" | "ack" | "fgrep"))
}
