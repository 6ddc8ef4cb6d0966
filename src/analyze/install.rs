//! What a skill installs, wherever it says so: the front matter, manifests,
//! and commands in its documents and scripts. Inventory with what is known of
//! each; the rules of `supply` say what of it is a finding.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::Input;
use super::supply::{fold, is_listed, is_near};
use crate::artifact::{Artifact, Span};
use crate::finding::{Finding, Severity};
use crate::parse::Body;
use crate::parse::data::Data;
use crate::parse::shell::Command;
use crate::rule::RuleId;
use crate::text;

/// Most entries of one package.
const ENTRIES: usize = 500;

/// Something that a skill installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// What installs it: `npm`, `pypi`, `brew`, `download` and so on.
    pub kind: String,
    /// Its name or address.
    pub name: String,
    /// Range or version, if one is given.
    pub version: Option<String>,
    /// Who says so: `front-matter`, `manifest` or `command`.
    pub from: &'static str,
    /// Where.
    pub span: Span,
    /// What is known: `unpinned`, `url`, `unchecked`, `known-bad`, `look-alike`, `install-script`.
    pub flags: BTreeSet<&'static str>,
    /// Ids of advisories on it.
    pub advisories: BTreeSet<String>,
}

/// Everything that the package installs, in order of place.
pub(super) fn all(input: &Input<'_>) -> Vec<Install> {
    let arena = &input.expanded.arena;
    let mut installs = input.expanded.installs.clone();
    for artifact in arena.iter() {
        if let Body::Markdown(document) = &artifact.body {
            installs.extend(document.front.iter().flat_map(|front| declared(artifact, front)));
        }
    }
    for (artifact, command) in &input.expanded.commands {
        let span = Span::new(*artifact, command.range.clone());
        installs.extend(commanded(command, span));
    }
    for install in &mut installs {
        install.span = arena.locate(install.span).0;
        judge(install, input);
    }
    installs.sort_by(|one, other| (one.span, &one.kind, &one.name).cmp(&(other.span, &other.kind, &other.name)));
    installs.dedup_by(|one, other| one.span == other.span && one.kind == other.kind && one.name == other.name);
    installs.truncate(ENTRIES);
    installs
}

/// Findings by `supply/advisory`, which only a database of the user's makes.
pub(super) fn advisories(input: &Input<'_>) -> Vec<Finding> {
    let Some(meta) = RuleId::new("supply/advisory").ok().and_then(|id| input.rules.get(&id)) else { return Vec::new() };
    let told = input.expanded.advised.iter().take(ENTRIES).map(|(artifact, advised)| {
        let span = Span::new(*artifact, advised.range.clone());
        let confidence = meta.meta.confidence;
        Finding::new(meta.id.clone(), advised.severity, confidence, &meta.meta.message, span, advised.note.clone())
    });
    told.collect()
}

/// An entry of a manifest or lock file that advisories are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    /// Where it stands.
    pub range: std::ops::Range<usize>,
    /// The worst of them.
    pub severity: Severity,
    /// The package and the advisories.
    pub note: String,
}

/// Adds what lists say of a name and a version.
fn judge(install: &mut Install, input: &Input<'_>) {
    let ecosystem = match install.kind.as_str() {
        "npm" => "npm",
        "pypi" => "pypi",
        "cargo" => "cargo",
        _ => return,
    };
    if install.flags.contains("url") {
        return;
    }
    let name = fold(ecosystem, &install.name);
    let version = install.version.as_deref();
    if is_listed(input.rules, ecosystem, &name, version) {
        install.flags.insert("known-bad");
    }
    if is_near(input.rules, ecosystem, &name) {
        install.flags.insert("look-alike");
    }
    if let Some(advisories) = &input.rules.advisories {
        let found = advisories.on(ecosystem, &name, version.filter(|_| !install.flags.contains("unpinned")));
        install.advisories.extend(found.iter().take(20).map(|advisory| advisory.id.to_string()));
    }
}

/// Entries of `install[]` in front matter.
fn declared(artifact: &Artifact, front: &Data) -> Vec<Install> {
    let mut installs: Vec<Install> = Vec::new();
    for string in front.strings.iter().filter(|string| string.key.contains("install[].")) {
        match string.key.rsplit('.').next() {
            Some("kind") => installs.push(Install {
                kind: kind_of(&string.text).to_owned(),
                name: String::new(),
                version: None,
                from: "front-matter",
                span: Span::new(artifact.id, string.range.clone()),
                flags: BTreeSet::new(),
                advisories: BTreeSet::new(),
            }),
            Some("formula" | "package" | "module" | "url" | "cask" | "command") => {
                if let Some(install) = installs.last_mut().filter(|install| install.name.is_empty()) {
                    name(install, &string.text);
                }
            }
            Some("sha256") => {
                if let Some(install) = installs.last_mut() {
                    install.flags.remove("unchecked");
                }
            }
            _ => {}
        }
    }
    installs
}

fn kind_of(kind: &str) -> &str {
    match kind {
        "node" | "npm" | "pnpm" | "yarn" | "bun" => "npm",
        "uv" | "pip" | "pip3" | "pipx" | "python" => "pypi",
        kind => kind,
    }
}

/// Takes name and version out of what an installer is given.
fn name(install: &mut Install, text: &str) {
    let text = text.trim();
    let is_address = text.contains("://") || text.starts_with("git+") || text.starts_with("github:");
    if is_address {
        install.name = text.to_owned();
        install.flags.insert("url");
        install.flags.insert("unchecked");
        return;
    }
    let (name, version) = match install.kind.as_str() {
        "pypi" => split_python(text),
        "npm" | "go" | "cargo" => split_at(text),
        _ => (text, None),
    };
    install.name = name.to_owned();
    install.version = version.map(str::to_owned);
    let is_exact = install.version.as_deref().is_some_and(|version| {
        let bare = version.trim_start_matches("==").trim_start_matches(['v', '=']);
        bare.starts_with(|c: char| c.is_ascii_digit()) && !bare.contains(['*', 'x', ',', '<', '>', '~', '^'])
    });
    if !is_exact && matches!(install.kind.as_str(), "npm" | "pypi" | "go" | "cargo") {
        install.flags.insert("unpinned");
    }
    if is_exact {
        install.version = install.version.as_deref().map(|version| version.trim_start_matches("==").to_owned());
    }
}

/// `name@version`, where a leading `@` belongs to the name.
fn split_at(text: &str) -> (&str, Option<&str>) {
    let start = usize::from(text.starts_with('@'));
    match text.get(start..).and_then(|rest| rest.find('@')) {
        Some(at) => (text.get(..start + at).unwrap_or(text), text.get(start + at + 1..)),
        None => (text, None),
    }
}

/// `name[extras]==version`.
fn split_python(text: &str) -> (&str, Option<&str>) {
    let end = text.find(['=', '<', '>', '!', '~', '[', ';', ' ', '@']).unwrap_or(text.len());
    let version = text.find(['=', '<', '>', '!', '~']).and_then(|at| text.get(at..)).map(str::trim);
    (text.get(..end).unwrap_or(text), version)
}

/// Programs that install, the words that say so, and whose packages they are.
const INSTALLERS: [(&str, &[&str], &str); 25] = [
    ("npm", &["install", "i", "add"], "npm"),
    ("pnpm", &["install", "i", "add"], "npm"),
    ("yarn", &["add"], "npm"),
    ("yarn", &["global", "add"], "npm"),
    ("bun", &["install", "i", "add"], "npm"),
    ("npx", &[], "npm"),
    ("bunx", &[], "npm"),
    ("pip", &["install"], "pypi"),
    ("pip3", &["install"], "pypi"),
    ("pipx", &["install", "run"], "pypi"),
    ("uv", &["pip", "install"], "pypi"),
    ("uv", &["tool", "install"], "pypi"),
    ("uv", &["add"], "pypi"),
    ("uvx", &[], "pypi"),
    ("poetry", &["add"], "pypi"),
    ("cargo", &["install", "add"], "cargo"),
    ("go", &["install", "get"], "go"),
    ("brew", &["install"], "brew"),
    ("gem", &["install"], "gem"),
    ("apt", &["install"], "apt"),
    ("apt-get", &["install"], "apt"),
    ("dnf", &["install"], "dnf"),
    ("apk", &["add"], "apk"),
    ("clawhub", &["install"], "clawhub"),
    ("winget", &["install"], "winget"),
];

/// Options that a value follows, which is no package.
const WITH_VALUE: [&str; 14] = [
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "--registry",
    "--prefix",
    "--version",
    "-p",
    "--python",
    "--features",
    "-t",
];

/// What a command installs.
fn commanded(command: &Command, span: Span) -> Vec<Install> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r"^(?:git\+|github:|https?://)\S+$|^@?[A-Za-z0-9][\w.+/-]*(?:\[[\w,.-]*\])?(?:@[\w.^~*+-]+|[=<>~!]=?[\w.,<>=*!~ +-]+)?$",
        )
    });
    let args = match command.name.as_str() {
        // `python -m pip install` is pip.
        "python" | "python3" if command.args.first().is_some_and(|arg| arg == "-m") => command.args.get(1..),
        _ => Some(command.args.as_slice()),
    };
    let Some(args) = args else { return Vec::new() };
    let (program, args) = match (command.name.as_str(), args.split_first()) {
        ("python" | "python3", Some((program, args))) => (program.as_str(), args),
        (program, _) => (program, args),
    };
    let words: Vec<&str> = args.iter().map(String::as_str).filter(|arg| !arg.starts_with('-')).collect();
    let Some((kind, skipped, is_runner)) = INSTALLERS.iter().find_map(|(name, verbs, kind)| {
        let is_one = verbs.len() < 2 || !matches!(*verbs, [first, _] if ["pip", "tool", "global"].contains(first));
        let fits = match (is_one, words.first()) {
            (true, _) if verbs.is_empty() => true,
            (true, Some(word)) => verbs.contains(word),
            (false, _) => words.get(..2) == Some(*verbs),
            _ => false,
        };
        let skipped = if verbs.is_empty() {
            0
        } else if is_one {
            1
        } else {
            verbs.len()
        };
        (*name == program && fits).then_some((*kind, skipped, verbs.is_empty() || words.first() == Some(&"run")))
    }) else {
        return Vec::new();
    };
    let mut installs = Vec::new();
    let mut left = skipped;
    let mut is_value = false;
    for arg in args {
        if std::mem::take(&mut is_value) {
            continue;
        }
        if arg.starts_with('-') {
            is_value = WITH_VALUE.contains(&arg.as_str());
            continue;
        }
        if left > 0 {
            left -= 1;
            continue;
        }
        let is_path = arg.starts_with(['.', '/', '~']) || arg.ends_with(".txt");
        if !is_path && NAME.is_match(arg) {
            let mut install = Install {
                kind: kind.to_owned(),
                name: String::new(),
                version: None,
                from: "command",
                span,
                flags: BTreeSet::new(),
                advisories: BTreeSet::new(),
            };
            name(&mut install, arg);
            installs.push(install);
        }
        // Of a runner, what follows the name belongs to the program.
        if is_runner {
            break;
        }
    }
    installs
}
