//! Secrets in plain text where they need not be: what someone who reads files as this user finds first. Values are
//! counted and placed, never kept.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::Severity;
use crate::report::mask;

use super::super::check::{Answer, Evidence, Missing, Repair};
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
/// How much is looked through.
struct Extent {
    /// Bytes of one file.
    bytes: u64,
    /// Bytes of the longest line.
    line: usize,
    /// Log files of one folder, the last ones.
    logs: usize,
    is_deep: bool,
}

const USUAL: Extent = Extent { bytes: 1024 * 1024, line: 64 * 1024, logs: 50, is_deep: false };
/// With `--deep`.
const DEEP: Extent = Extent { bytes: 64 * 1024 * 1024, line: 4 * 1024 * 1024, logs: 1000, is_deep: true };

impl Extent {
    fn of(context: &Context) -> &'static Self {
        if context.options.deep { &DEEP } else { &USUAL }
    }

    /// What lies beyond was not looked through: a deeper look is there to be asked for.
    fn beyond(&self, subject: &str, limits: &str) -> Answer {
        match self.is_deep {
            true => Unread::Other(limits.to_owned()).answer(subject, "whether secrets stand in the rest"),
            false => Answer::unknown(Missing::Asked, subject, limits).command("skillscan audit --deep"),
        }
    }
}

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
        answers.extend(histories.filter_map(|file| in_file(context, &file, what, "edit it, then make new secrets")));
        let workspaces = installation.workspaces(host);
        let prompts = workspaces.iter().flat_map(|(folder, _)| PROMPT.iter().map(move |name| folder.join(name)));
        let what = "a file that every prompt holds has secrets in it, which every provider of models gets";
        answers
            .extend(prompts.filter_map(|file| in_file(context, &file, what, "take them out, then make new secrets")));
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
fn lines(host: &Host, file: &Path, extent: &Extent) -> Result<(Vec<usize>, bool), Unread> {
    let (bytes, is_whole) = host.head(file, extent.bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_long = |line: &str| line.len() >= extent.line;
    let is_secret = |line: &str| !is_long(line) && mask::secrets(line) != *line;
    let found = text.lines().enumerate().filter(|(_, line)| is_secret(line)).map(|(index, _)| index + 1).collect();
    Ok((found, is_whole && !text.lines().any(is_long)))
}

fn in_file(context: &Context, file: &Path, what: &str, fix: &str) -> Option<Answer> {
    let extent = Extent::of(context);
    let subject = file.display().to_string();
    let (found, is_whole) = match lines(&context.host, file, extent) {
        Ok(found) => found,
        Err(Unread::Absent) => return None,
        Err(why) => return Some(why.answer(subject, "whether secrets stand in it").evidence(Evidence::path(file))),
    };
    let limits =
        format!("only lines of less than {} bytes in its first {} were looked through", extent.line, extent.bytes);
    let Some(first) = found.first() else {
        return (!is_whole).then(|| extent.beyond(&subject, &limits).evidence(Evidence::path(file)));
    };
    let places = Evidence::path(file).line(Some(*first)).note(format!("{} lines", found.len()));
    let message = if is_whole { what.to_owned() } else { format!("{what}; {limits}") };
    Some(Answer::warn(Severity::Medium, &subject, message).evidence(places).fix(fix))
}

/// `F.logs`.
pub(super) fn logs(context: &Context) -> Vec<Answer> {
    context.each("what logs show to whom", |installation| {
        let mut answers = Vec::new();
        for file in log_files(context, installation, &mut answers) {
            answers.extend(log(context, installation, &file));
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
fn log_files(context: &Context, installation: &Installation, answers: &mut Vec<Answer>) -> Vec<PathBuf> {
    let (extent, uid) = (Extent::of(context), installation.user.uid);
    let folders = [
        installation.state.join("logs"),
        PathBuf::from("/tmp/openclaw"),
        PathBuf::from(format!("/tmp/openclaw-{uid}")),
    ];
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let subject = folder.display().to_string();
        match context.host.list_if(&folder, |name| name.contains(".log")) {
            Ok(entries) => {
                if entries.len() > extent.logs {
                    let limits = format!("only its last {} logs were looked through", extent.logs);
                    answers.push(extent.beyond(&subject, &limits).evidence(Evidence::path(&folder)));
                }
                found.extend(entries.into_iter().rev().map(|entry| entry.path).take(extent.logs));
            }
            Err(why) => answers.push(why.answer(subject, "which logs lie in it").evidence(Evidence::path(&folder))),
        }
    }
    let named = installation.config().and_then(|config| config.text("logging.file")).map(PathBuf::from);
    found.extend(named.filter(|path| path.is_absolute()));
    found.dedup();
    found
}

fn log(context: &Context, installation: &Installation, file: &Path) -> Vec<Answer> {
    let host = &context.host;
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
        context,
        file,
        "something in this log looks like a secret",
        "delete the log, then make new secrets",
    ));
    answers
}
