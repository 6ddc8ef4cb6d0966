//! Rules over single commands: which program does what to which place.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::Input;
use crate::artifact::{ArtifactId, Span};
use crate::finding::{Confidence, Finding, Severity};
use crate::parse::shell::{Command, is_address, unversioned};
use crate::rule::{Meta, RuleId};
use crate::ruleset::paths::Paths;

/// Body `<rule>.command.toml`: for each command the first case that fits decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRule {
    /// Cases in order.
    #[serde(rename = "case")]
    pub cases: Vec<CommandCase>,
}

/// What must hold of a command; what is not given holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandCase {
    /// Base names of programs.
    #[serde(default, deserialize_with = "globs")]
    pub program: GlobSet,
    /// Each must match a whole argument.
    #[serde(default, deserialize_with = "whole")]
    pub args: Vec<Regex>,
    /// None may match a whole argument.
    #[serde(default, deserialize_with = "whole")]
    pub not_args: Vec<Regex>,
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
    #[serde(default, deserialize_with = "regex")]
    pub content: Option<Regex>,
    /// Does not stand there.
    #[serde(default, deserialize_with = "regex")]
    pub not_content: Option<Regex>,
    /// Host classes, or `throwaway`, one of which it names an address of.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Programs, one of which gets its output.
    #[serde(default, deserialize_with = "globs")]
    pub piped_to: GlobSet,
    /// Programs, one of which gives its input.
    #[serde(default, deserialize_with = "globs")]
    pub piped_from: GlobSet,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// Instead of the rule's message.
    pub message: Option<String>,
}

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GlobSet, D::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in Vec::<String>::deserialize(deserializer)? {
        set.add(GlobBuilder::new(&glob).build().map_err(D::Error::custom)?);
    }
    set.build().map_err(D::Error::custom)
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Regex>, D::Error> {
    let patterns = Vec::<String>::deserialize(deserializer)?;
    patterns.iter().map(|p| Regex::new(&format!("^(?:{p})$")).map_err(D::Error::custom)).collect()
}

fn regex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let pattern = Option::<String>::deserialize(deserializer)?;
    pattern.map(|p| Regex::new(&p).map_err(D::Error::custom)).transpose()
}

impl CommandRule {
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
    read: Vec<&'a str>,
    written: Vec<&'a str>,
    deleted: Vec<&'a str>,
    hosts: Vec<String>,
}

impl CommandCase {
    fn fits(&self, looked: &Looked<'_>) -> bool {
        let command = looked.command;
        let one_of = |wanted: &[String], found: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|class| found.contains(&class.as_str()))
        };
        let is_named = |wanted: &GlobSet, name: &str| wanted.is_match(name) || wanted.is_match(unversioned(name));
        let through =
            |wanted: &GlobSet, found: &[String]| wanted.is_empty() || found.iter().any(|name| is_named(wanted, name));
        (self.program.is_empty() || is_named(&self.program, &command.name))
            && one_of(&self.reads, &looked.read)
            && one_of(&self.writes, &looked.written)
            && one_of(&self.deletes, &looked.deleted)
            && self.args.iter().all(|regex| command.args.iter().any(|arg| regex.is_match(arg)))
            && !self.not_args.iter().any(|regex| command.args.iter().any(|arg| regex.is_match(arg)))
            && through(&self.piped_to, &command.to)
            && through(&self.piped_from, &command.from)
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| looked.hosts.contains(host)))
            && self.content.as_ref().is_none_or(|regex| regex.is_match(&command.content))
            && !self.not_content.as_ref().is_some_and(|regex| regex.is_match(&command.content))
    }
}

/// Findings of all command rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let rules: Vec<(&RuleId, &CommandRule, &Meta)> =
        input.rules.commands.iter().filter_map(|(id, rule)| Some((id, rule, &input.rules.get(id)?.meta))).collect();
    for (artifact, command) in &input.expanded.commands {
        let looked = look(input, command);
        for (id, rule, meta) in &rules {
            if let Some(case) = rule.cases.iter().find(|case| case.fits(&looked)) {
                found.push(report(id, meta, case, *artifact, command));
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
    let classes = |paths: &[&str]| -> Vec<&'a str> {
        paths.iter().flat_map(|path| input.rules.paths.classes(path).collect::<Vec<_>>()).collect()
    };
    let (read, written, deleted) = places(command);
    let mut hosts = Vec::new();
    for address in command.args.iter().filter(|arg| is_address(arg)) {
        let Some(place) = input.rules.hosts.place(address) else { continue };
        if place.is_throwaway() {
            hosts.push("throwaway".to_owned());
        }
        hosts.push(place.class);
    }
    Looked { command, read: classes(&read), written: classes(&written), deleted: classes(&deleted), hosts }
}

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
        "find" if flag("-delete") || (flag("-exec") && (flag("rm") || flag("shred"))) => {
            deleted.extend(operands().take(1));
        }
        "tee" | "touch" | "mkdir" => written.extend(operands()),
        "cp" | "mv" | "ln" | "install" | "rsync" | "scp" | "ditto" | "copy" | "move" | "xcopy" => {
            let all: Vec<&str> = operands().collect();
            if let Some((last, rest)) = all.split_last() {
                written.push(last);
                read.extend(rest);
            }
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

/// Whether a word may name a file; spares the many that do not from being compared.
fn looks_like_path(word: &str) -> bool {
    word.len() <= 512
        && !word.contains("://")
        && (word.contains(['/', '\\', '~', '.', '*', '%', '$']))
        && !word.contains('\n')
}
