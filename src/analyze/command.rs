//! Rules over single commands: which program does what to which place.

use std::collections::{BTreeSet, HashMap};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::Input;
use crate::artifact::{ArtifactId, Span};
use crate::finding::{Confidence, Finding, Severity};
use crate::parse::shell::{Command, is_address, unversioned};
use crate::rule::{Meta, RuleId};
use crate::ruleset::hosts::Hosts;
use crate::ruleset::lazy::Pattern;
use crate::ruleset::paths::Paths;

/// Body `<rule>.command.toml`: for each command the first case that fits decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRule {
    /// Cases in order.
    #[serde(rename = "case")]
    pub cases: Vec<CommandCase>,
}

/// Which cases a command can concern, by the name of its program.
#[derive(Default)]
pub struct Index {
    named: HashMap<String, Vec<Place>>,
    /// Cases that name programs by a glob, or none.
    others: Vec<Place>,
}

/// A rule and one of its cases.
type Place = (usize, usize);

impl Index {
    /// The index of these rules.
    pub fn new(rules: &[(RuleId, CommandRule)]) -> Self {
        let mut index = Self::default();
        for (rule, (_, body)) in rules.iter().enumerate() {
            for (at, case) in body.cases.iter().enumerate() {
                if case.program.names.is_empty() || !case.program.globs.is_empty() {
                    index.others.push((rule, at));
                }
                for name in &case.program.names {
                    index.named.entry(name.clone()).or_default().push((rule, at));
                }
            }
        }
        index
    }

    /// Cases that a program of this name may fit, in order.
    fn of(&self, name: &str) -> Vec<Place> {
        let short = unversioned(name);
        let mut all = self.others.clone();
        all.extend(self.named.get(name).into_iter().flatten());
        all.extend(self.named.get(short).filter(|_| short != name).into_iter().flatten());
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Names of programs, some of which may be globs.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    names: BTreeSet<String>,
    globs: GlobSet,
}

impl Programs {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }

    fn holds(&self, name: &str) -> bool {
        let short = unversioned(name);
        self.names.contains(name)
            || self.names.contains(short)
            || (!self.globs.is_empty() && (self.globs.is_match(name) || self.globs.is_match(short)))
    }
}

impl<'de> Deserialize<'de> for Programs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut names, mut globs) = (BTreeSet::new(), GlobSetBuilder::new());
        for glob in Vec::<String>::deserialize(deserializer)? {
            match braces(&glob) {
                Some(all) => names.extend(all),
                None => drop(globs.add(GlobBuilder::new(&glob).build().map_err(D::Error::custom)?)),
            }
        }
        Ok(Self { names, globs: globs.build().map_err(D::Error::custom)? })
    }
}

/// What `a{b,c}` stands for; `None` if it is a glob in other ways.
fn braces(glob: &str) -> Option<Vec<String>> {
    if glob.contains(['*', '?', '[', '\\']) {
        return None;
    }
    let Some((before, rest)) = glob.split_once('{') else { return Some(vec![glob.to_owned()]) };
    let (inside, after) = rest.split_once('}')?;
    if inside.contains('{') {
        return None;
    }
    let mut all = Vec::new();
    for choice in inside.split(',') {
        all.extend(braces(&format!("{before}{choice}{after}"))?);
    }
    Some(all)
}

/// What must hold of a command; what is not given holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandCase {
    /// Base names of programs.
    #[serde(default)]
    pub program: Programs,
    /// Each must match a whole argument.
    #[serde(default, deserialize_with = "whole")]
    pub args: Vec<Pattern>,
    /// None may match a whole argument.
    #[serde(default, deserialize_with = "whole")]
    pub not_args: Vec<Pattern>,
    /// Path classes, one of which it reads from.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Path classes, one of which it writes to.
    #[serde(default)]
    pub writes: Vec<String>,
    /// Path classes, one of which it deletes in.
    #[serde(default)]
    pub deletes: Vec<String>,
    /// Stands in what it writes or is fed.
    pub content: Option<Pattern>,
    /// Does not stand there.
    pub not_content: Option<Pattern>,
    /// Host classes, or `throwaway`, one of which it names an address of.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Host classes, or `throwaway` or `provider`, none of which an address in its arguments or content is of.
    #[serde(default)]
    pub not_hosts: Vec<String>,
    /// Programs, one of which gets its output.
    #[serde(default)]
    pub piped_to: Programs,
    /// Programs, one of which gives its input.
    #[serde(default)]
    pub piped_from: Programs,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// Instead of the rule's message.
    pub message: Option<String>,
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Pattern>, D::Error> {
    let patterns = Vec::<String>::deserialize(deserializer)?;
    patterns.into_iter().map(|pattern| Pattern::whole(pattern).map_err(D::Error::custom)).collect()
}

impl CommandRule {
    /// Compiles all regular expressions.
    ///
    /// # Errors
    /// Names one that cannot be.
    pub fn compile(&self) -> Result<(), String> {
        self.cases.iter().try_for_each(|case| {
            let mut all = case.args.iter().chain(&case.not_args).chain(&case.content).chain(&case.not_content);
            all.try_for_each(Pattern::compile)
        })
    }

    /// Checks what the schema cannot say.
    ///
    /// # Errors
    /// Names the case that asks for nothing, or the path class that does not exist.
    pub fn check(&self, paths: &Paths) -> Result<(), String> {
        for (index, case) in self.cases.iter().enumerate() {
            let classes = || case.reads.iter().chain(&case.writes).chain(&case.deletes);
            if case.program.is_empty() && classes().next().is_none() {
                return Err(format!("case {} needs `program`, `reads`, `writes` or `deletes`", index + 1));
            }
            if let Some(class) = classes().find(|class| !paths.has_class(class)) {
                return Err(format!("case {}: no row of lists/paths.csv has the class `{class}`", index + 1));
            }
        }
        Ok(())
    }
}

/// A command with what only some rules ask for.
struct Looked<'a> {
    command: &'a Command,
    /// Without the tests of `find` that are turned round: they pick nothing.
    args: Vec<&'a str>,
    read: Vec<&'a str>,
    written: Vec<&'a str>,
    deleted: Vec<&'a str>,
    hosts: Vec<String>,
}

impl CommandCase {
    fn fits(&self, looked: &Looked<'_>, hosts: &Hosts) -> bool {
        let command = looked.command;
        let one_of = |wanted: &[String], found: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|class| found.contains(&class.as_str()))
        };
        let through =
            |wanted: &Programs, found: &[String]| wanted.is_empty() || found.iter().any(|name| wanted.holds(name));
        // Where it reads and writes first: most commands do neither where anything is asked for.
        one_of(&self.reads, &looked.read)
            && one_of(&self.writes, &looked.written)
            && one_of(&self.deletes, &looked.deleted)
            && (self.program.is_empty() || self.program.holds(&command.name))
            && self.args.iter().all(|regex| looked.args.iter().any(|arg| regex.is_match(arg)))
            && !self.not_args.iter().any(|regex| looked.args.iter().any(|arg| regex.is_match(arg)))
            && through(&self.piped_to, &command.to)
            && through(&self.piped_from, &command.from)
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| looked.hosts.contains(host)))
            && self.content.as_ref().is_none_or(|regex| regex.is_match(&command.content))
            && !self.not_content.as_ref().is_some_and(|regex| regex.is_match(&command.content))
            && !command.args.iter().chain([&command.content]).any(|text| hosts.any_in(text, &self.not_hosts))
    }
}

/// Findings of all command rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (artifact, command) in &input.expanded.commands {
        let looked = look(input, command);
        let mut last = None;
        for (at, case) in input.rules.command_index.of(&command.name) {
            let Some((id, rule)) = input.rules.commands.get(at).filter(|_| last != Some(at)) else { continue };
            let Some(case) = rule.cases.get(case).filter(|case| case.fits(&looked, &input.rules.hosts)) else {
                continue;
            };
            last = Some(at);
            if let Some(rule) = input.rules.get(id) {
                found.push(report(id, &rule.meta, case, *artifact, command));
            }
        }
    }
    found
}

fn report(id: &RuleId, meta: &Meta, case: &CommandCase, artifact: ArtifactId, command: &Command) -> Finding {
    Finding::new(
        id.clone(),
        case.severity.unwrap_or(meta.severity),
        case.confidence.unwrap_or(meta.confidence),
        case.message.as_deref().unwrap_or(&meta.message),
        Span::new(artifact, command.range.clone()),
        format!("`{}`", command.name),
    )
}

fn look<'a>(input: &'a Input<'_>, command: &'a Command) -> Looked<'a> {
    let classes =
        |paths: &[&str]| -> Vec<&'a str> { paths.iter().flat_map(|path| input.rules.paths.classes(path)).collect() };
    let (read, written, deleted) = places(command);
    let hosts = command.args.iter().filter(|arg| is_address(arg));
    let hosts = hosts.flat_map(|address| input.rules.hosts.classes(address)).collect();
    let (read, written, deleted) = (classes(&read), classes(&written), classes(&deleted));
    Looked { command, args: arguments(command), read, written, deleted, hosts }
}

fn arguments(command: &Command) -> Vec<&str> {
    let is_not = |arg: &str| command.name == "find" && matches!(arg, "!" | "-not");
    let mut before = "";
    let mut all = Vec::with_capacity(command.args.len());
    for arg in command.args.iter().map(String::as_str) {
        if !is_not(before) {
            all.push(arg);
        }
        before = arg;
    }
    all
}

/// Options of `find` that start a command for each file.
const RUNS: [&str; 4] = ["-exec", "-execdir", "-ok", "-okdir"];

/// Paths that a command reads, writes and deletes.
fn places(command: &Command) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
    let mut read: Vec<&str> = command.inputs.iter().map(String::as_str).collect();
    let mut written: Vec<&str> = command.outputs.iter().map(String::as_str).collect();
    let mut deleted = Vec::new();
    let operands =
        || command.args.iter().map(String::as_str).filter(|arg| !arg.starts_with('-') && looks_like_path(arg));
    let flag = |wanted: &str| command.args.iter().any(|arg| arg == wanted);
    match command.name.as_str() {
        "rm" | "rmdir" | "shred" | "unlink" | "del" | "srm" | "remove-item" | "rd" | "trash" => {
            deleted.extend(operands())
        }
        "find" if flag("-delete") || (RUNS.iter().any(|runs| flag(runs)) && (flag("rm") || flag("shred"))) => {
            let starts = command.args.iter().map(String::as_str).skip_while(|arg| matches!(*arg, "-H" | "-L" | "-P"));
            deleted
                .extend(starts.take_while(|arg| !arg.starts_with(['-', '!', '('])).filter(|arg| looks_like_path(arg)));
        }
        "tee" | "touch" | "mkdir" => written.extend(operands()),
        "cp" | "mv" | "ln" | "install" | "rsync" | "scp" | "ditto" | "copy" | "move" | "xcopy" => {
            let into = folder_of(command);
            let plain =
                command.args.iter().map(String::as_str).filter(|arg| !arg.starts_with('-') && Some(*arg) != into);
            let all: Vec<&str> = plain.collect();
            let (to, from) = match (into, all.split_last()) {
                (Some(into), _) => (into, all.as_slice()),
                (None, Some((last, rest))) => (*last, rest),
                (None, None) => ("", all.as_slice()),
            };
            written.extend(Some(to).filter(|to| looks_like_path(to)));
            read.extend(from.iter().filter(|path| looks_like_path(path)));
        }
        "sed" | "perl" if command.args.iter().any(|arg| arg.starts_with("-i") || arg.starts_with("-pi")) => {
            written.extend(operands());
        }
        "echo" | "printf" => {}
        _ => read.extend(operands()),
    }
    let mut args = command.args.iter().map(String::as_str).peekable();
    while let Some(arg) = args.next() {
        if matches!(arg, "-o" | "-O" | "--output" | "--output-document" | "-OutFile" | "-outfile") {
            written.extend(args.peek().copied());
        }
        written.extend(arg.strip_prefix("of=").or_else(|| arg.strip_prefix("--output=")));
        // `@file` and `name=@file` are what is sent; `key=path` and `if=path` name a file as well.
        if command.name != "echo" {
            read.extend(arg.rsplit_once('@').map(|(_, path)| path).filter(|path| looks_like_path(path)));
            read.extend(
                arg.split_once('=').map(|(_, path)| path.trim_start_matches('@')).filter(|p| looks_like_path(p)),
            );
        }
    }
    (read, written, deleted)
}

/// The folder that `-t` or `--target-directory` names, into which all others go.
fn folder_of(command: &Command) -> Option<&str> {
    let mut args = command.args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        if matches!(arg, "-t" | "--target-directory") && matches!(command.name.as_str(), "cp" | "mv" | "ln" | "install")
        {
            return args.next();
        }
        if let Some(folder) = arg.strip_prefix("--target-directory=") {
            return Some(folder);
        }
    }
    None
}

/// Whether a word may name a file; spares the many that do not from being compared.
fn looks_like_path(word: &str) -> bool {
    word.len() <= 4096
        && !word.contains("://")
        && (word.contains(['/', '\\', '~', '.', '*', '%', '$']))
        && !word.contains('\n')
}
