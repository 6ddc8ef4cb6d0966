//! Shell as pipelines of values: what is fetched, what is decoded, and what of
//! it reaches an interpreter. Straight-line evaluation with known literals;
//! nothing is ever run.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use tree_sitter::{Node, Tree};

use crate::artifact::{Map, Op};
use crate::fact::{Fact, FactKind};
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::{Child, Kind, Parsed, syntax};

mod command;
mod exec;
mod fetch;
mod filter;
mod gate;
mod record;
mod split;
mod tree;
mod value;
mod word;

pub(crate) use tree::tree;
pub(crate) use word::{Piece, pieces, unescaped_in_quotes, unquoted};

pub(crate) use fetch::is_address;
pub(crate) use filter::translate;
pub use gate::{holds_command, is_command_line, may_flow, names_command, worth_parsing};
pub use record::Command;
pub(crate) use record::unversioned;
pub(crate) use split::commands;
use value::Value;

/// Shell text nested in shell text is followed this deep.
const NESTING: usize = 4;

/// Parses and evaluates a script.
pub fn parse(text: &str, limits: &Limits) -> Parsed {
    let text = &*of_make(text);
    let mut parsed = Parsed::default();
    if let Some(whole) = gate::joined(text).filter(|_| limits.flow_steps > 0) {
        // What is read as it stands would be read in halves.
        parsed.children.push(whole);
    }
    let is_worth = worth_parsing(text);
    let is_followed = limits.flow_steps > 0 && (is_worth || may_flow(text));
    if !(is_worth || is_followed) || !parsed.has_room_for(text, limits) {
        parsed.facts = fetch::simple_facts(text);
        parsed.commands = commands(text);
        return parsed;
    }
    let mut run = Run::new(text, limits, 0);
    let tree = run.tree();
    if is_followed && let Some(tree) = &tree {
        parsed.follow(crate::flow::lower::lower(Kind::Shell, tree, text, limits));
    }
    if !is_worth {
        parsed.facts = fetch::simple_facts(text);
        parsed.commands = commands(text);
        return parsed;
    }
    if let Some(tree) = tree {
        run.statement(tree.root_node(), Value::default(), 0);
    }
    parsed.facts = run.facts;
    parsed.commands = run.commands;
    parsed.children.extend(run.children);
    if text.contains('#') {
        parsed.children.extend(super::code::commented(Kind::Shell, text));
    }
    if run.gave_up {
        parsed.skipped.push((run.gap, "shell text too deep or too large to follow to its end".to_owned()));
    }
    parsed
}

/// A text in which what `make` gives to a shell is a substitution, with everything at its place: no shell has a program
/// of this name.
fn of_make(text: &str) -> Cow<'_, str> {
    const CALL: &str = "$(shell ";
    if !text.contains(CALL) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(CALL, &format!("{:<1$}", "$(", CALL.len())))
}

/// One evaluation of one text.
struct Run<'a> {
    text: &'a str,
    limits: &'a Limits,
    nesting: usize,
    nodes: usize,
    gave_up: bool,
    /// Why, if it gave up.
    gap: GapKind,
    variables: BTreeMap<String, Value>,
    /// Files by name, without a leading `./`.
    files: BTreeMap<String, Value>,
    /// The first archive that was fetched and unpacked.
    unpacked: Option<Value>,
    /// Texts that became artifacts already.
    followed: HashSet<u64>,
    /// Texts printed for a person, and the addresses in them.
    printed: Vec<(Range<usize>, Vec<String>)>,
    /// Start of the outermost pipeline that is being evaluated.
    pipeline: Option<usize>,
    commands: Vec<Command>,
    /// Files that the next command is fed from.
    input_files: Vec<String>,
    facts: Vec<Fact>,
    children: Vec<Child>,
}

impl<'a> Run<'a> {
    fn new(text: &'a str, limits: &'a Limits, nesting: usize) -> Self {
        Self {
            text,
            limits,
            nesting,
            nodes: limits.nodes / 10,
            gave_up: false,
            gap: GapKind::OverLimit,
            variables: BTreeMap::new(),
            files: BTreeMap::new(),
            unpacked: None,
            followed: HashSet::new(),
            printed: Vec::new(),
            pipeline: None,
            commands: Vec::new(),
            input_files: Vec::new(),
            facts: Vec::new(),
            children: Vec::new(),
        }
    }

    fn script(&mut self) {
        if let Some(tree) = self.tree() {
            self.statement(tree.root_node(), Value::default(), 0);
        }
    }

    fn tree(&mut self) -> Option<Tree> {
        match tree(self.text) {
            Ok(tree) => Some(tree),
            Err(gap) => {
                self.gave_up = true;
                self.gap = gap;
                None
            }
        }
    }

    fn raw(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    /// Evaluates a statement with this standard input and returns its standard output.
    fn statement(&mut self, node: Node<'_>, input: Value, depth: usize) -> Value {
        self.nodes = self.nodes.saturating_sub(1);
        if self.nodes == 0 || depth > self.limits.syntax_depth {
            self.gave_up = true;
            return Value::default();
        }
        match node.kind() {
            "pipeline" => {
                let outer = self.pipeline;
                self.pipeline = outer.or(Some(node.start_byte()));
                let mut flow = input;
                let mut starts = Vec::new();
                for stage in syntax::named(node) {
                    starts.push(self.commands.len());
                    flow = self.statement(stage, flow, depth + 1);
                }
                self.connect(&starts);
                self.pipeline = outer;
                flow
            }
            "command" => self.command(node, input, depth),
            "redirected_statement" => self.redirected(node, input, depth),
            "variable_assignment" => {
                self.assign(node, depth);
                Value::default()
            }
            "declaration_command" | "variable_assignments" => {
                for child in syntax::named(node).into_iter().filter(|c| c.kind() == "variable_assignment") {
                    self.assign(child, depth);
                }
                Value::default()
            }
            "comment" | "heredoc_body" | "heredoc_start" | "heredoc_end" => Value::default(),
            "word" | "string" | "raw_string" | "concatenation" | "simple_expansion" | "expansion" | "ansi_c_string"
            | "test_command" => {
                // A word where a statement is expected (broken text, conditions): its substitutions still run.
                self.word(node, depth)
            }
            _ => {
                let mut output = Value::default();
                for child in syntax::named(node) {
                    let out = self.statement(child, input.clone(), depth + 1);
                    output.join(out);
                }
                output
            }
        }
    }

    /// Says of the commands of a pipeline, whose stages start there, what comes before and after.
    fn connect(&mut self, starts: &[usize]) {
        let mut stages = Vec::new();
        let mut rest = self.commands.get_mut(starts.first().copied().unwrap_or(0)..).unwrap_or_default();
        for pair in starts.windows(2) {
            let &[from, to] = pair else { continue };
            let (stage, after) = rest.split_at_mut(to.saturating_sub(from).min(rest.len()));
            stages.push(stage);
            rest = after;
        }
        stages.push(rest);
        record::connect(&mut stages);
    }

    fn assign(&mut self, node: Node<'_>, depth: usize) {
        let (Some(name), Some(value)) = (node.child_by_field_name("name"), node.child_by_field_name("value")) else {
            return;
        };
        let name = self.raw(name).to_owned();
        let value = self.word(value, depth + 1);
        self.variables.insert(name, value);
    }

    /// A statement with redirections, here-documents and here-strings.
    fn redirected(&mut self, node: Node<'_>, mut input: Value, depth: usize) -> Value {
        let first = self.commands.len();
        let mut to_files = Vec::new();
        let mut rest_of_pipeline = Vec::new();
        // The grammar may give a here-document to a whole pipeline; it belongs to the last command.
        let mut fed = Value::default();
        let mut cursor = node.walk();
        let redirects: Vec<Node<'_>> = node.children_by_field_name("redirect", &mut cursor).collect();
        for redirect in redirects {
            match redirect.kind() {
                "file_redirect" => self.file_redirect(redirect, &mut input, &mut to_files, depth),
                "herestring_redirect" => {
                    if let Some(word) = syntax::named(redirect).last() {
                        input = self.word(*word, depth + 1);
                    }
                }
                "heredoc_redirect" => {
                    for child in syntax::named(redirect) {
                        match child.kind() {
                            "heredoc_body" => {
                                input = self.word(child, depth + 1);
                                fed = input.clone();
                            }
                            "heredoc_start" | "heredoc_end" | "file_descriptor" => {}
                            "file_redirect" => self.file_redirect(child, &mut input, &mut to_files, depth),
                            _ => rest_of_pipeline.push(child),
                        }
                    }
                }
                _ => {}
            }
        }
        let mut output = match node.child_by_field_name("body") {
            Some(body) => self.statement(body, input.clone(), depth + 1),
            None => {
                if !to_files.is_empty() {
                    self.record_alone(node.byte_range());
                }
                input
            }
        };
        for stage in rest_of_pipeline {
            output = self.statement(stage, output, depth + 1);
        }
        let is_silent = to_files.iter().any(|(file, _)| file.shape() == "/dev/null");
        let before = self.facts.len();
        for (file, append) in to_files {
            self.record_output(&file, &fed, first);
            self.record_output(&file, &output, first);
            self.written(&file, output.clone(), append, node.byte_range());
        }
        for fact in self.facts.iter_mut().skip(before).filter(|_| is_silent) {
            fact.labels.insert("silent".to_owned());
        }
        output
    }

    fn file_redirect(
        &mut self,
        redirect: Node<'_>,
        input: &mut Value,
        to_files: &mut Vec<(Value, bool)>,
        depth: usize,
    ) {
        let Some(destination) = redirect.child_by_field_name("destination") else { return };
        let target = self.word(destination, depth + 1);
        let raw = self.raw(redirect);
        let operator = raw.trim_start_matches(|c: char| c.is_ascii_digit());
        if operator.starts_with('<') {
            self.input_files.push(target.shape().to_owned());
            // `< file`, or the output of `<(…)` itself.
            *input = match self.find_file(target.shape()) {
                Some(content) if target.urls.is_empty() => content.clone(),
                _ if target.is_fetched || target.is_decoded => target,
                // A file that this text did not write.
                _ => Value::unknown(redirect.byte_range()),
            };
        } else if operator.starts_with('>') || operator.starts_with("&>") {
            to_files.push((target, operator.contains(">>")));
        }
    }

    /// Something was written to a file.
    fn written(&mut self, file: &Value, mut content: Value, append: bool, range: Range<usize>) {
        let name = file_key(file.shape()).to_owned();
        if content.is_fetched {
            content.marks.insert("via-file");
        }
        if name == "/dev/null" {
            return;
        }
        let script = content.text().and_then(|text| Some((text.to_owned(), Kind::from_shebang(text.as_bytes())?)));
        if let Some((text, kind)) = script {
            self.child(Op::ShellArgument, content.range.clone(), text, kind);
        }
        if name.ends_with("authorized_keys") || name.ends_with("authorized_keys2") {
            let mut fact =
                Fact::new(FactKind::Command, range, "writes a key that may log in").label("writes-authorized-keys");
            if append {
                fact = fact.label("appends");
            }
            if ["ssh-", "ecdsa-"].iter().any(|kind| content.shape().contains(kind)) {
                fact = fact.label("literal-key");
            }
            // What a person types, and what stands for the person's own key.
            let shape = content.shape();
            // A key that is there whole is somebody's, whatever is written beside it.
            let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
            let is_whole = shape.split(|c| !is_digit(c)).any(|word| word.starts_with("AAAA") && word.len() >= 40);
            let is_gap = ["...", "…", "<", "your", "YOUR"].iter().any(|sign| shape.contains(sign));
            if shape.is_empty() || (is_gap && !is_whole) {
                fact = fact.label("own-key");
            }
            self.facts.push(fact);
        }
        let entry = self.files.entry(name).or_default();
        if append {
            entry.join(content);
        } else {
            *entry = content;
        }
    }

    /// Evaluates text that a command hands to another shell, and keeps what it finds.
    fn nested(&mut self, text: &str) -> (Vec<Fact>, bool) {
        if self.nesting >= NESTING || !worth_parsing(text) {
            return (Vec::new(), false);
        }
        self.charge(text.len());
        let mut inner = Run::new(text, self.limits, self.nesting + 1);
        inner.script();
        let fetches = inner.facts.iter().any(|fact| fact.labels.contains("fetches") || fact.labels.contains("fetched"));
        (inner.facts, fetches)
    }

    /// Takes the work that text of this length makes off the budget.
    fn charge(&mut self, bytes: usize) {
        self.nodes = self.nodes.saturating_sub(bytes / 16 + 1);
        self.gave_up |= self.nodes == 0;
    }

    fn child(&mut self, op: Op, range: Range<usize>, text: String, kind: Kind) {
        self.charge(text.len());
        let mut hasher = DefaultHasher::new();
        (&text, range.start).hash(&mut hasher);
        if self.gave_up || !self.followed.insert(hasher.finish()) {
            return;
        }
        let map =
            if self.text.get(range.clone()) == Some(text.as_str()) { Map::slice(range.clone()) } else { Map::Opaque };
        self.children.push(Child { op, range, bytes: text.into_bytes(), map, kind, name: None });
    }
}

/// Name under which a file is kept: `./x` and `x` are one.
fn file_key(name: &str) -> &str {
    name.trim_start_matches("./")
}
