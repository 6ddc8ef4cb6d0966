//! The commands of a script as they run, with names and words known: a text that other engines read.

use std::collections::HashSet;

use super::super::Names;
use super::*;
use crate::flow::ir::Mark;
use crate::flow::value::Label;

/// Longest text of one script, in bytes.
const LONGEST: usize = 64 * 1024;
/// Most commands of one script.
const LINES: usize = 2048;
/// Longest word that is written out.
const WORD: usize = 8 * 1024;

/// A command as it runs.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it stands.
    pub place: Place,
    /// Program and words, [`UNKNOWN`] for what is not known.
    pub words: Vec<Rc<str>>,
    /// As a shell reads it.
    text: String,
    /// Whether it only computes text.
    pub is_pure: bool,
    /// Files that it writes.
    pub outputs: Vec<Rc<str>>,
}

/// The commands of one script.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Number of the script.
    pub module: u16,
    /// The commands.
    pub lines: Vec<Line>,
    /// Commands as text, with the bytes of each and where it stands.
    pub text: String,
    /// Bytes of the text and where they come from.
    pub pieces: Vec<(std::ops::Range<usize>, Place)>,
}

#[derive(Debug, Clone)]
enum Item {
    Line(Line),
    Mark(Mark),
}

/// Gathers the commands of the script that runs.
#[derive(Default)]
pub(super) struct Tracer {
    module: u16,
    items: Vec<Item>,
    done: BTreeMap<u16, Vec<Item>>,
    captures: Vec<usize>,
    /// Where functions that are being called print to.
    outputs: Vec<Vec<(Value, bool)>>,
}

impl Tracer {
    /// A script begins.
    pub(super) fn begin(&mut self, module: u16) {
        self.end();
        self.done.remove(&module);
        self.module = module;
    }

    fn end(&mut self) {
        self.captures.clear();
        let items = std::mem::take(&mut self.items);
        if !items.is_empty() {
            self.done.entry(self.module).or_default().extend(items);
        }
    }

    /// A function of another script runs.
    pub(super) fn switch(&mut self, module: u16) {
        self.end();
        self.module = module;
    }

    /// A function is called that prints to a file.
    pub(super) fn redirect(&mut self, outputs: &[(Value, bool)]) {
        self.outputs.push(outputs.to_vec());
    }

    /// That function ends.
    pub(super) fn restore(&mut self) {
        self.outputs.pop();
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        if mark == Mark::Capture {
            self.captures.push(self.items.len());
        } else if self.items.len() < 4 * LINES {
            self.items.push(Item::Mark(mark));
        }
    }

    /// A substitution ends; what only computed a known text is not worth keeping.
    pub(super) fn captured(&mut self, is_known: bool) {
        let Some(start) = self.captures.pop() else { return };
        let is_pure = self.items.iter().skip(start).all(|item| match item {
            Item::Line(line) => line.is_pure,
            Item::Mark(_) => true,
        });
        if is_known && is_pure {
            self.items.truncate(start);
        }
    }

    pub(super) fn line(&mut self, names: &Names, place: Place, words: &[Value], streams: &Streams, is_pure: bool) {
        if self.items.len() >= 4 * LINES {
            return;
        }
        let mut text = String::new();
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&written(names, word));
            if text.len() > LONGEST {
                break;
            }
        }
        for path in &streams.from {
            text.push_str(&format!(" < {}", written(names, path)));
        }
        if let Some(input) = &streams.input {
            text.push_str(&format!(" <<< {}", written(names, input)));
        }
        let inherited = self.outputs.last().filter(|_| streams.outputs.is_empty());
        let outputs = inherited.unwrap_or(&streams.outputs);
        for (path, is_added) in outputs {
            text.push_str(&format!(" {} {}", if *is_added { ">>" } else { ">" }, written(names, path)));
        }
        let words = words.iter().map(shape).collect();
        let outputs = outputs.iter().map(|(path, _)| shape(path)).collect();
        self.items.push(Item::Line(Line { place, words, text, is_pure, outputs }));
    }

    /// The commands of all scripts.
    pub(super) fn finish(&mut self) -> Vec<Trace> {
        self.end();
        std::mem::take(&mut self.done).into_iter().map(|(module, items)| assemble(module, &items)).collect()
    }
}

/// Pipelines line by line, each of them once.
fn assemble(module: u16, items: &[Item]) -> Trace {
    let mut trace = Trace { module, ..Trace::default() };
    let mut seen: HashSet<String> = HashSet::new();
    let mut at = 0;
    while at < items.len() && trace.text.len() < LONGEST && trace.lines.len() < LINES {
        let end = statement(items, at);
        let (text, lines) = pipeline(items.get(at..end).unwrap_or(&[]));
        at = end;
        if text.is_empty() || !seen.insert(text.clone()) {
            continue;
        }
        let start = trace.text.len();
        trace.text.push_str(&text);
        trace.text.push('\n');
        let place = lines.first().map(|line| line.place);
        let last = lines.iter().filter(|line| Some(line.place.module) == place.map(|p| p.module));
        if let Some(place) = place {
            let start_of = last.clone().map(|line| line.place.start).min().unwrap_or(place.start);
            let end_of = last.map(|line| line.place.end).max().unwrap_or(place.end);
            trace.pieces.push((start..trace.text.len(), Place { start: start_of, end: end_of, ..place }));
        }
        trace.lines.extend(lines.into_iter().cloned());
    }
    trace
}

/// Where the statement that begins at `at` ends.
fn statement(items: &[Item], at: usize) -> usize {
    let mut depth = 0usize;
    for (index, item) in items.iter().enumerate().skip(at) {
        match item {
            Item::Mark(Mark::Pipeline) => depth += 1,
            Item::Mark(Mark::Done) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    items.len()
}

fn pipeline(items: &[Item]) -> (String, Vec<&Line>) {
    // Each level: finished stages, lines of the stage at hand.
    let mut levels: Vec<(Vec<String>, Vec<String>)> = vec![(Vec::new(), Vec::new())];
    let mut lines = Vec::new();
    let stage = |lines: &mut Vec<String>| match std::mem::take(lines).as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        all => format!("{{ {}; }}", all.join("; ")),
    };
    for item in items {
        match item {
            Item::Line(line) => {
                lines.push(line);
                if let Some((_, stage)) = levels.last_mut() {
                    stage.push(line.text.clone());
                }
            }
            Item::Mark(Mark::Pipeline) => levels.push((Vec::new(), Vec::new())),
            Item::Mark(Mark::Stage) => {
                if let Some((stages, lines)) = levels.last_mut() {
                    stages.push(stage(lines));
                }
            }
            Item::Mark(Mark::Done) => {
                let Some((mut stages, mut lines)) = levels.pop().filter(|_| !levels.is_empty()) else { continue };
                stages.push(stage(&mut lines));
                stages.retain(|stage| !stage.is_empty());
                if let Some((_, outer)) = levels.last_mut().filter(|_| !stages.is_empty()) {
                    outer.push(stages.join(" | "));
                }
            }
            Item::Mark(Mark::Capture) => {}
        }
    }
    let mut parts = Vec::new();
    for (mut stages, mut lines) in levels {
        stages.push(stage(&mut lines));
        parts.extend(stages.into_iter().filter(|stage| !stage.is_empty()));
    }
    (parts.join("\n"), lines)
}

/// A value as far as it is known.
fn shape(value: &Value) -> Rc<str> {
    value.texts().first().cloned().unwrap_or_else(|| UNKNOWN.to_string().into())
}

/// A word as a shell reads it; what is not known by where it comes from.
fn written(names: &Names, value: &Value) -> String {
    let text = shape(value);
    if text.len() > WORD {
        return "${_}".to_owned();
    }
    if !text.contains(UNKNOWN) {
        return quoted(&text);
    }
    let taint = value.taint();
    let source = taint.iter().flat_map(|labels| labels.iter()).find_map(|label| origin(names, label));
    let mut source = source.unwrap_or_else(|| "${_}".to_owned());
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            UNKNOWN => out.push_str(&std::mem::replace(&mut source, "${_}".to_owned())),
            '"' | '\\' | '$' | '`' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A command that gives what a label stands for; rules over flows judge the rest.
fn origin(names: &Names, label: &Label) -> Option<String> {
    let name = names.get(label.name);
    if name.contains(UNKNOWN) || name.len() > 1024 {
        return None;
    }
    match &*names.get(label.class) {
        "fetched" => Some(format!("$(curl -fsSL {})", quoted(&name))),
        "env" if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => Some(format!("${{{name}}}")),
        "clipboard" => Some("$(pbpaste)".to_owned()),
        _ => None,
    }
}

/// A word as a shell reads it as one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
