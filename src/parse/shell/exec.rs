//! A value reaches an interpreter, or a fetched file is started.

use std::ops::Range;

use super::command::Words;
use super::value::Value;
use super::{Run, worth_parsing};
use crate::artifact::Op;
use crate::fact::{Fact, FactKind, Place};
use crate::finding::Role;
use crate::parse::Kind;

/// What runs a value, and where.
pub(super) struct Via<'a> {
    pub interpreter: &'a str,
    pub range: Range<usize>,
    pub is_root: bool,
}

impl Run<'_> {
    /// Reports that `value` is run, and follows its text if that is known.
    pub(super) fn exec(&mut self, value: Value, via: Via<'_>) -> Value {
        if value.is_fetched || value.is_decoded {
            self.exec_fact(&value, &via);
        }
        if let Some(text) = value.text().filter(|text| worth_parsing(text)) {
            let op = if value.is_decoded { Op::ShellPipeline } else { Op::ShellArgument };
            let range = value.encoded.clone().unwrap_or(value.range.clone());
            let text = text.to_owned();
            let kind = match via.interpreter {
                "python" | "pypy" => Kind::Python,
                "node" | "nodejs" | "bun" | "deno" => Kind::JavaScript,
                _ => Kind::Shell,
            };
            self.child(op, range, text, kind);
        }
        Value::default()
    }

    fn exec_fact(&mut self, value: &Value, via: &Via<'_>) {
        let start = value.range.start.min(via.range.start).min(self.pipeline.unwrap_or(usize::MAX));
        let range = start..via.range.end.max(value.range.end);
        let mut fact = Fact::new(FactKind::Exec, range.clone(), "");
        fact.urls.clone_from(&value.urls);
        if value.is_fetched {
            fact = fact.label("fetched");
        }
        if value.is_fetched && value.is_decoded {
            fact = fact.label("decoded");
        }
        if let Some(encoded) = &value.encoded {
            fact = fact.label("encoded");
            fact.places.push(Place { range: encoded.clone(), role: Role::Source, note: "encoded text".to_owned() });
            if value.binary {
                fact = fact.label("decodes-to-binary");
            } else if let Some(text) = value.text() {
                let (_, fetches) = self.nested(text);
                fact = fact.label(if fetches { "decodes-to-fetch" } else { "decodes-to-text" });
            }
        }
        for mark in &value.marks {
            fact = fact.label(mark);
        }
        if via.is_root {
            fact = fact.label("as-root");
        }
        if self.text.get(range.end..).is_some_and(is_unseen) {
            fact = fact.label("unseen");
        }
        fact.note = match (value.encoded.is_some(), value.is_fetched) {
            (true, _) => format!("decoded text is run by `{}`", via.interpreter),
            (_, true) => format!("fetched text is run by `{}`", via.interpreter),
            _ => format!("text is run by `{}`", via.interpreter),
        };
        let before = self.printed.iter().rfind(|(printed, _)| printed.end <= start);
        if let Some((printed, urls)) =
            before.filter(|(printed, _)| self.text.get(printed.end..start).is_some_and(is_joint))
        {
            let fetched_there = urls.iter().any(|url| value.urls.iter().any(|fetched| fetched == url));
            if !fetched_there {
                fact.labels.insert(if urls.is_empty() { "after-echo" } else { "after-echo-of-address" }.to_owned());
                fact.places.push(Place {
                    range: printed.clone(),
                    role: Role::Context,
                    note: "printed first".to_owned(),
                });
            }
        }
        self.facts.push(fact);
    }

    /// Commands that mark, move, unpack or start files.
    pub(super) fn file_command(&mut self, words: &Words, input: &Value) -> Value {
        let operands: Vec<String> =
            words.args.iter().map(|arg| arg.shape().to_owned()).filter(|arg| !arg.starts_with('-')).collect();
        let has = |part: &str| words.args.iter().any(|arg| arg.shape().contains(part));
        match words.name.as_str() {
            "chmod" if has("x") || has("7") || has("5") => self.mark(&operands, "made-executable"),
            "xattr" if has("-c") || has("-d") || has("quarantine") => self.mark(&operands, "quarantine-off"),
            "unzip" | "7z" | "tar" | "bsdtar" | "ditto" => {
                self.mark(&operands, "unpacked");
                if input.is_fetched {
                    let mut value = input.clone();
                    value.marks.extend(["via-file", "unpacked"]);
                    self.unpacked.get_or_insert(value);
                }
            }
            "mv" | "cp" | "install" => {
                if let [.., from, to] = operands.as_slice() {
                    let name = from.rsplit('/').next().unwrap_or(from);
                    let to = if to.ends_with('/') || to == "." { format!("{to}{name}") } else { to.clone() };
                    let content = self.find_file(from).cloned();
                    // A list that is put aside or comes from beside its place was there before.
                    if to.contains(".ssh/authorized_keys") && !from.contains(".ssh/") {
                        let file = Value::literal(&to, words.range.clone());
                        let content = content.clone().unwrap_or_else(|| Value::unknown(words.range.clone()));
                        self.written(&file, content, false, words.range.clone());
                    }
                    if let Some(value) = content {
                        self.files.insert(super::file_key(&to).to_owned(), value);
                    }
                }
            }
            "open" | "start" | "start-process" => {
                for operand in &operands {
                    self.start(operand, words);
                }
            }
            _ => {}
        }
        Value::default()
    }

    fn mark(&mut self, names: &[String], mark: &'static str) {
        for name in names {
            if let Some(value) = self.files.get_mut(super::file_key(name)) {
                value.marks.insert(mark);
                if mark == "unpacked" && value.is_fetched && self.unpacked.is_none() {
                    self.unpacked = Some(value.clone());
                }
            }
        }
    }

    /// A command that may be the name of a file written before.
    pub(super) fn maybe_file(&mut self, words: &Words, input: Value) -> Value {
        let path = words.path.clone();
        if path.contains('/') || self.find_file(&path).is_some() {
            self.start(&path, words);
        }
        for arg in &words.args {
            if arg.is_fetched && matches!(words.name.as_str(), "su" | "script" | "watch" | "crontab") {
                let via = Via { interpreter: &words.name, range: words.range.clone(), is_root: words.is_root };
                self.exec_fact(arg, &via);
            }
        }
        input.obscured_output()
    }

    fn start(&mut self, name: &str, words: &Words) {
        let name = name.trim_end_matches('/');
        // Or a program out of an archive that was fetched and unpacked in the same text.
        let from_archive = || self.unpacked.clone().filter(|_| name.starts_with("./"));
        let known = self.find_file(name).cloned().or_else(from_archive);
        if let Some(value) = known.filter(|value| value.is_fetched || value.is_decoded) {
            let mut value = value;
            value.marks.insert("started");
            // The first step of building sources, which is not yet the program that somebody wants to have run.
            if value.marks.contains("unpacked") && BUILDS.contains(&name) {
                value.marks.insert("source-build");
            }
            let shown = name.replace(super::value::UNKNOWN, "…");
            let via = Via { interpreter: &shown, range: words.range.clone(), is_root: words.is_root };
            self.exec_fact(&value, &via);
        }
    }
}

impl Value {
    /// Output of a command that is not modelled: it may pass on what it was given.
    fn obscured_output(self) -> Self {
        if self.is_empty() { self } else { self.obscured() }
    }
}

/// Scripts that prepare sources for being built.
const BUILDS: [&str; 4] = ["./configure", "./autogen.sh", "./Configure", "./config"];

/// Whether only `&&`, `;` or the like stands between two commands.
fn is_joint(between: &str) -> bool {
    between.len() <= 64
        && between.chars().all(|c| c.is_whitespace() || matches!(c, '&' | ';' | '\\' | '(' | '{'))
        && between.contains(['&', ';', '\n'])
}

/// Whether what follows a command has it run where nobody sees it: in the background, with all that it says thrown away.
fn is_unseen(rest: &str) -> bool {
    let rest = rest.split([';', '#', '|', '\n']).next().unwrap_or("");
    let words: String = rest.split_whitespace().collect();
    let is_silent = words.contains(">/dev/null2>&1") || words.contains("&>/dev/null") || words.contains(">&/dev/null");
    let is_behind = words.trim_end_matches(')').trim_end_matches("disown").ends_with('&') && !words.ends_with("&&");
    is_silent && is_behind
}
