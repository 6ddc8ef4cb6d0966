//! Secrets in plain text where they need not be: what someone who reads files as this user finds first. Values are
//! counted and placed, never kept.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::Severity;
use crate::report::mask;

use super::super::check::{Answer, Evidence, Repair};
use super::super::host::{Host, Kind, Unread, quoted};
use super::super::openclaw::{Config, Installation, Loaded, Secret};
use super::super::run::Context;

/// Ends of keys whose values are secret.
const KEYS: [&str; 12] = [
    "token",
    "secret",
    "password",
    "apikey",
    "api_key",
    "privatekey",
    "private_key",
    "accesskey",
    "passphrase",
    "signingsecret",
    "webhooksecret",
    "clientsecret",
];
/// What shells remember.
const HISTORY: [&str; 5] =
    [".bash_history", ".zsh_history", ".local/share/fish/fish_history", ".python_history", ".node_repl_history"];
/// Files that every prompt holds, and so every model provider gets.
const PROMPT: [&str; 6] = ["AGENTS.md", "SOUL.md", "USER.md", "TOOLS.md", "MEMORY.md", "HEARTBEAT.md"];
/// Bytes of one file that are looked through.
const BYTES: u64 = 1024 * 1024;
/// Longest line that is looked through, in bytes.
const LINE: usize = 64 * 1024;
/// Most log files of one folder.
const LOGS: usize = 50;
/// Most values of a configuration.
const VALUES: usize = 20_000;

/// `F.plaintext-secrets`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    context.each("which secrets stand in plain text", |installation| {
        let mut answers: Vec<Answer> = installation.config().and_then(in_config).into_iter().collect();
        if let Loaded::Broken(why) = &installation.config {
            answers.push(
                why.answer(installation.file.display().to_string(), "whether secrets stand in the configuration"),
            );
        }
        answers.extend(in_units(installation));
        let histories = HISTORY.iter().map(|name| installation.user.home.join(name));
        let what = "a shell remembers commands with secrets in them";
        answers.extend(histories.filter_map(|file| in_file(host, &file, what, "edit it, then make new secrets")));
        let workspaces = installation.workspaces(host);
        let prompts = workspaces.iter().flat_map(|(folder, _)| PROMPT.iter().map(move |name| folder.join(name)));
        let what = "a file that every prompt holds has secrets in it, which every provider of models gets";
        answers.extend(prompts.filter_map(|file| in_file(host, &file, what, "take them out, then make new secrets")));
        if answers.is_empty() {
            answers.push(Answer::pass(installation.subject(), "no secret stands in plain text where it need not"));
        }
        answers
    })
}

fn in_config(config: &Config) -> Option<Answer> {
    let mut found = Vec::new();
    let mut work: Vec<(String, &Value)> = vec![(String::new(), config.root())];
    let mut count = 0;
    while let Some((path, value)) = work.pop() {
        count += 1;
        if count > VALUES {
            break;
        }
        match value {
            Value::Object(map) => work.extend(map.iter().map(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                (path, value)
            })),
            Value::Array(items) => work.extend(items.iter().map(|item| (path.clone(), item))),
            Value::String(text) => {
                let name = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
                let is_named = KEYS.iter().any(|key| name.ends_with(key)) || path.starts_with("env.vars.");
                let is_shaped = mask::secrets(text) != *text;
                if (is_named || is_shaped)
                    && matches!(Secret::of_text(text), Secret::Plain { length, .. } if length >= 8)
                {
                    found.push(path);
                }
            }
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        return None;
    }
    let count = found.len();
    let noun = if count == 1 { "secret stands" } else { "secrets stand" };
    let message = format!("{count} {noun} in plain text in the configuration, and in each of its copies");
    let places = found.iter().map(|key| config.evidence(key));
    Some(
        Answer::warn(Severity::Medium, config.file.display().to_string(), message)
            .all_evidence(places)
            .fix("replace each by a reference to a variable or to a secret store")
            .command("openclaw secrets audit --check"),
    )
}

fn in_units(installation: &Installation) -> Vec<Answer> {
    let names = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"];
    let mut answers = Vec::new();
    for unit in &installation.units {
        let options = ["--token", "--password"].into_iter().filter_map(|name| unit.option(name));
        let set: Vec<_> = options.chain(names.into_iter().filter_map(|name| unit.variable(name))).collect();
        let plain = set.iter().filter(|set| matches!(Secret::of_text(&set.value), Secret::Plain { .. }));
        let places: Vec<Evidence> = plain.map(|set| set.evidence()).collect();
        if !places.is_empty() {
            let message =
                "secrets stand in plain text in a unit, whose settings every user of the machine may be shown";
            answers.push(
                Answer::warn(Severity::Medium, unit.file.display().to_string(), message)
                    .all_evidence(places)
                    .fix("put them into a file of mode 0600 and name it with `EnvironmentFile=`"),
            );
        }
    }
    answers
}

/// Lines of a file in which something has the shape of a secret, and whether that is all of it.
fn lines(host: &Host, file: &Path) -> Result<(Vec<usize>, bool), Unread> {
    let (bytes, is_whole) = host.head(file, BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_long = |line: &str| line.len() >= LINE;
    let is_secret = |line: &str| !is_long(line) && mask::secrets(line) != *line;
    let found = text.lines().enumerate().filter(|(_, line)| is_secret(line)).map(|(index, _)| index + 1).collect();
    Ok((found, is_whole && !text.lines().any(is_long)))
}

fn in_file(host: &Host, file: &Path, what: &str, fix: &str) -> Option<Answer> {
    let subject = file.display().to_string();
    let unread = |why: Unread| why.answer(&subject, "whether secrets stand in it").evidence(Evidence::path(file));
    let (found, is_whole) = match lines(host, file) {
        Ok(found) => found,
        Err(Unread::Absent) => return None,
        Err(why) => return Some(unread(why)),
    };
    let limits = format!("only lines of less than {LINE} bytes in its first {BYTES} bytes were looked through");
    let Some(first) = found.first() else { return (!is_whole).then(|| unread(Unread::Other(limits))) };
    let places = Evidence::path(file).line(Some(*first)).note(format!("{} lines", found.len()));
    let message = if is_whole { what.to_owned() } else { format!("{what}; {limits}") };
    Some(Answer::warn(Severity::Medium, &subject, message).evidence(places).fix(fix))
}

/// `F.logs`.
pub(super) fn logs(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    context.each("what logs show to whom", |installation| {
        let mut answers = Vec::new();
        let (files, unread) = log_files(host, installation);
        for (folder, why) in unread {
            let subject = folder.display().to_string();
            answers.push(why.answer(subject, "which logs lie in it").evidence(Evidence::path(folder)));
        }
        for file in files {
            answers.extend(log(host, installation, &file));
        }
        if answers.is_empty() {
            answers.push(Answer::pass(
                installation.subject(),
                "logs are their owner's alone, and nothing in them looks like a secret",
            ));
        }
        answers
    })
}

/// Logs of an installation: those in its state directory, the rolling one, and one that the configuration names.
fn log_files(host: &Host, installation: &Installation) -> (Vec<PathBuf>, Vec<(PathBuf, Unread)>) {
    let uid = installation.user.uid;
    let folders = [
        installation.state.join("logs"),
        PathBuf::from("/tmp/openclaw"),
        PathBuf::from(format!("/tmp/openclaw-{uid}")),
    ];
    let (mut found, mut unread): (Vec<PathBuf>, Vec<_>) = (Vec::new(), Vec::new());
    for folder in folders {
        match host.list_if(&folder, |name| name.contains(".log")) {
            Ok(entries) => {
                if entries.len() > LOGS {
                    unread.push((folder, Unread::Other(format!("only the last {LOGS} were looked through"))));
                }
                found.extend(entries.into_iter().rev().map(|entry| entry.path).take(LOGS));
            }
            Err(why) => unread.push((folder, why)),
        }
    }
    let named = installation.config().and_then(|config| config.text("logging.file")).map(PathBuf::from);
    found.extend(named.filter(|path| path.is_absolute()));
    found.dedup();
    (found, unread)
}

fn log(host: &Host, installation: &Installation, file: &Path) -> Vec<Answer> {
    let subject = file.display().to_string();
    let meta = match host.stat(file) {
        Ok(meta) if meta.kind == Kind::File => meta,
        Ok(_) | Err(Unread::Absent) => return Vec::new(),
        Err(why) => return vec![why.answer(subject, "who may read this log")],
    };
    let mut answers = Vec::new();
    let access = match host.access(file, installation.user.uid) {
        Ok(access) => access,
        Err(why) => return vec![why.answer(subject, "who may read this log")],
    };
    if access.all_read || access.group_reads || access.all_write || access.group_writes {
        let message = "others can read this log, which holds what was said to the agent and what it did";
        answers.push(
            Answer::warn(Severity::Medium, &subject, message)
                .evidence(Evidence::path(file).note(format!("mode {:04o}", meta.mode)))
                .repair(Repair::Mode { path: file.to_owned(), remove: meta.mode & 0o077 })
                .command(format!("chmod go-rwx {}", quoted(file))),
        );
    }
    answers.extend(in_file(
        host,
        file,
        "something in this log looks like a secret",
        "delete the log, then make new secrets",
    ));
    answers
}
