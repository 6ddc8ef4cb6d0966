//! Which values of data files are commands that some program runs by itself,
//! without anybody reading them first.

use super::{Data, DataString};
use crate::artifact::{Map, Op};
use crate::parse::{Child, Kind};

/// Settings of systemd that start a program.
const UNIT: [&str; 7] =
    ["execstart", "execstartpre", "execstartpost", "execstop", "execstoppost", "execreload", "execcondition"];

/// Settings of Git that do, as section and key.
const GIT: [(&str, &str); 26] = [
    ("core", "askpass"),
    ("core", "editor"),
    ("core", "fsmonitor"),
    ("core", "gitproxy"),
    ("core", "hookspath"),
    ("core", "pager"),
    ("core", "sshcommand"),
    ("credential", "helper"),
    ("diff", "command"),
    ("diff", "external"),
    ("diff", "textconv"),
    ("difftool", "cmd"),
    ("filter", "clean"),
    ("filter", "process"),
    ("filter", "smudge"),
    ("gpg", "program"),
    ("hook", "command"),
    ("interactive", "difffilter"),
    ("merge", "driver"),
    ("mergetool", "cmd"),
    ("remote", "receivepack"),
    ("remote", "uploadpack"),
    ("sequence", "editor"),
    ("submodule", "update"),
    ("trailer", "command"),
    ("uploadpack", "packobjectshook"),
];

/// Settings of agents and editors that do, whatever they stand in.
const HELPERS: [&str; 11] = [
    "apikeyhelper",
    "awsauthrefresh",
    "awscredentialexport",
    "gcpauthrefresh",
    "otelheadershelper",
    "initializecommand",
    "oncreatecommand",
    "updatecontentcommand",
    "postcreatecommand",
    "poststartcommand",
    "postattachcommand",
];

/// Tables of TOML whose strings are commands.
const TASKS: [&str; 7] = [
    "tool.poe.tasks.",
    "tool.taskipy.tasks.",
    "tool.pdm.scripts.",
    "tool.rye.scripts.",
    "tool.hatch.envs.",
    "tasks.",
    "hooks.",
];

/// Whether the value under this key is a command, or part of one, that some program runs by itself.
pub(crate) fn is_run(kind: Kind, key: &str, text: &str) -> bool {
    is_word(kind, key) || command(kind, key, text).is_some()
}

/// The end of a value that is a command which some program runs by itself.
pub(super) fn command<'t>(kind: Kind, key: &str, text: &'t str) -> Option<&'t str> {
    let last = key.rsplit('.').next().unwrap_or("");
    if last.len() > 32 || text.trim().is_empty() {
        return None;
    }
    let last = last.to_ascii_lowercase();
    match kind {
        Kind::Ini => unit(key, &last, text).or_else(|| git(key, &last, text)),
        Kind::Toml => git(key, &last, text).filter(|_| first(key) == "alias").or_else(|| task(key, &last, text)),
        Kind::Markup => (last == "program" && text.contains('/')).then_some(text),
        Kind::Json | Kind::Yaml => hook(key, &last, text),
        _ => None,
    }
}

/// The first key of a path, in lower case.
fn first(key: &str) -> String {
    crate::text::slice(key.split('.').next().unwrap_or(""), 0..32).to_ascii_lowercase()
}

/// A service of systemd, or an entry of a desktop's menu or autostart.
fn unit<'t>(key: &str, last: &str, text: &'t str) -> Option<&'t str> {
    if UNIT.contains(&last) {
        let bare = text.trim_start_matches(['-', '@', ':', '+', '!', '|', ' ']);
        return (!bare.is_empty()).then_some(bare);
    }
    (matches!(last, "exec" | "tryexec") && first(key).starts_with("desktop ")).then_some(text)
}

fn git<'t>(key: &str, last: &str, text: &'t str) -> Option<&'t str> {
    let section = first(key);
    let shell = text.trim_start().strip_prefix('!');
    match (section.as_str(), last) {
        ("alias", _) => shell,
        // Mercurial runs these around what it does.
        ("hooks", _) => (!is_switch(text)).then_some(text),
        ("pager", _) => (!is_switch(text)).then_some(text),
        // Other words are helpers that come with Git.
        ("credential", "helper") if text.trim_start().starts_with(['/', '~', '.']) => Some(text),
        ("credential", "helper") | ("submodule", "update") => shell,
        ("core", "fsmonitor") if is_switch(text) => None,
        (section, last) => GIT.contains(&(section, last)).then_some(text),
    }
}

fn is_switch(text: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off", "0", "1"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// A task of a project, which its tools run by name, or before and after others.
fn task<'t>(key: &str, last: &str, text: &'t str) -> Option<&'t str> {
    let is_about = matches!(last, "description" | "help" | "depends[]" | "deps[]" | "sources[]" | "dir" | "cwd");
    let key = key.to_ascii_lowercase();
    let is_task = TASKS.iter().any(|table| key.starts_with(table)) && !is_about;
    let is_task = is_task && (!key.starts_with("tool.hatch.") || key.contains(".scripts."));
    (is_task || key == "build.command").then_some(text)
}

/// A hook or helper of an agent, or a command that a container runs for its editor.
fn hook<'t>(key: &str, last: &str, text: &'t str) -> Option<&'t str> {
    let is_hook = last == "command" && {
        let key = key.to_ascii_lowercase();
        key.split('.').any(|part| part.trim_end_matches("[]") == "hooks")
            || matches!(key.as_str(), "statusline.command" | "filesuggestion.command")
    };
    (is_hook || HELPERS.contains(&last)).then_some(text)
}

/// Whether the value is one word of a command that is given as a list.
fn is_word(kind: Kind, key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or("");
    match kind {
        Kind::Markup => last.eq_ignore_ascii_case("programarguments[]"),
        Kind::Toml => key.eq_ignore_ascii_case("notify[]"),
        Kind::Json => {
            let list = last.strip_suffix("[]").filter(|list| list.len() <= 32).map(str::to_ascii_lowercase);
            list.is_some_and(|list| list.ends_with("command") && HELPERS.contains(&list.as_str()))
        }
        _ => false,
    }
}

/// Commands that are given as lists of words, as a shell would take them.
pub(super) fn joined(data: &Data, kind: Kind) -> Vec<Child> {
    let same = |one: &DataString, next: &DataString| one.key == next.key && is_word(kind, &one.key);
    let mut children = Vec::new();
    for words in data.strings.chunk_by(same) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { continue };
        if !is_word(kind, &first.key) {
            continue;
        }
        let line = words.iter().map(|word| quoted(&word.text)).collect::<Vec<_>>().join(" ");
        children.push(Child {
            op: Op::DataString,
            range: first.range.start..last.range.end.max(first.range.end),
            bytes: line.into_bytes(),
            map: Map::Opaque,
            kind: Kind::Shell,
            name: None,
        });
    }
    children
}

/// A word as a shell takes it literally.
fn quoted(word: &str) -> String {
    let is_bare = |c: char| c.is_alphanumeric() || "_-./:=@%+,~".contains(c);
    if !word.is_empty() && word.chars().all(is_bare) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
