//! Settings that open the gateway or the agent by themselves. Which ones is data: `signatures/lists/flags.csv`.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::finding::Severity;
use crate::ruleset;

use super::super::check::Answer;
use super::super::host::quoted;
use super::super::openclaw::{Config, Installation, Loaded, Version};
use super::super::run::Context;

/// A setting, and what of it is bad.
#[derive(Debug, Clone, Deserialize)]
struct Flag {
    /// Key path; `*` stands for any name, the rest of one, or any item of a list.
    key: String,
    /// `= VALUE`, `has A|B` for a list that holds one of these, `some` for anything that is not empty.
    bad: String,
    severity: Severity,
    /// First version that no longer knows it, empty if all do.
    until: String,
    /// What it means.
    says: String,
    /// What to do.
    fix: String,
}

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let text = ruleset::embedded("lists/").find(|(name, _)| *name == "flags.csv").map_or("", |(_, text)| text);
    csv::Reader::from_reader(text.as_bytes()).deserialize().filter_map(Result::ok).collect()
});

/// `L4.dangerous-flags`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    context.each("which settings are dangerous", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        let config = match &installation.config {
            Loaded::Broken(why) => return vec![why.answer(subject, "the configuration could not be used")],
            Loaded::Absent => return vec![Answer::pass(subject, "there is no configuration, so every default counts")],
            Loaded::Read(config) => config,
        };
        let mut answers: Vec<Answer> = FLAGS.iter().flat_map(|flag| set(installation, config, flag)).collect();
        answers.extend(hooks(installation, config));
        answers.extend(config.complaints.iter().map(|why| {
            Answer::unknown(
                super::super::Missing::Other,
                subject.clone(),
                format!("a part of the configuration could not be read: {why}"),
            )
        }));
        if answers.is_empty() {
            answers.push(Answer::pass(subject, format!("none of {} settings is set as it should not be", FLAGS.len())));
        }
        answers
    })
}

fn set(installation: &Installation, config: &Config, flag: &Flag) -> Vec<Answer> {
    let is_gone =
        Version::parse(&flag.until).zip(installation.version()).is_some_and(|(until, version)| version >= until);
    if is_gone {
        return Vec::new();
    }
    let mut found = Vec::new();
    // What counts for all agents may be set for one.
    let own = flag.key.strip_prefix("agents.defaults.");
    let own = own.into_iter().flat_map(|rest| [format!("agents.entries.*.{rest}"), format!("agents.list.*.{rest}")]);
    for key in std::iter::once(flag.key.clone()).chain(own) {
        find(config.root(), &key.split('.').collect::<Vec<_>>(), String::new(), &mut found);
    }
    let bad = found.into_iter().filter(|(_, value)| is_bad(value, &flag.bad));
    let answers = bad.map(|(key, _)| {
        let subject = format!("{}: {key}", installation.subject());
        let answer = match flag.severity {
            Severity::Critical | Severity::High => Answer::fail(flag.severity, subject, &flag.says),
            _ => Answer::warn(flag.severity, subject, &flag.says),
        };
        let answer = answer.evidence(config.evidence(&key)).fix(&flag.fix);
        // A list is to be mended, a switch to be left out.
        let is_switch = flag.bad.starts_with("= ") && !key.contains('[');
        if is_switch { answer.command(format!("openclaw config unset {}", quoted(&key))) } else { answer }
    });
    answers.collect()
}

/// Values under a key path with wildcards, with their full key paths.
fn find<'c>(value: &'c Value, parts: &[&str], path: String, found: &mut Vec<(String, &'c Value)>) {
    let Some((part, rest)) = parts.split_first() else {
        found.push((path, value));
        return;
    };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (value, *part) {
        (Value::Object(map), pattern) if pattern.ends_with('*') => {
            let start = pattern.trim_end_matches('*');
            let named = map.iter().filter(|(name, _)| name.starts_with(start));
            named.for_each(|(name, value)| find(value, rest, below(name), found));
        }
        (Value::Array(items), "*") => {
            items.iter().enumerate().for_each(|(index, value)| find(value, rest, format!("{path}[{index}]"), found));
        }
        (Value::Object(map), name) => {
            if let Some(value) = map.get(name) {
                find(value, rest, below(name), found);
            }
        }
        _ => {}
    }
}

fn is_bad(value: &Value, bad: &str) -> bool {
    let is = |value: &Value, wanted: &str| match value {
        Value::String(text) => text.trim().eq_ignore_ascii_case(wanted),
        Value::Bool(flag) => flag.to_string() == wanted,
        Value::Number(number) => number.to_string() == wanted,
        _ => false,
    };
    if let Some(wanted) = bad.strip_prefix("= ") {
        return is(value, wanted);
    }
    if let Some(wanted) = bad.strip_prefix("has ") {
        let items = value.as_array().into_iter().flatten();
        return items.into_iter().any(|item| wanted.split('|').any(|wanted| is(item, wanted)));
    }
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => !text.trim().is_empty(),
        Value::Null => false,
        _ => true,
    }
}

/// Webhooks that any agent takes orders from.
fn hooks(installation: &Installation, config: &Config) -> Option<Answer> {
    if config.flag("hooks.enabled") != Some(true) {
        return None;
    }
    let key = "hooks.allowedAgentIds";
    let agents = config.items(key);
    if !agents.is_empty() && !agents.iter().any(|agent| agent.as_str() == Some("*")) {
        return None;
    }
    let subject = format!("{}: {key}", installation.subject());
    let message = "whoever sends a webhook chooses which agent takes the order: no agents are listed";
    let answer = Answer::warn(Severity::Medium, subject, message).evidence(config.evidence("hooks.enabled"));
    Some(answer.fix("list the agents that webhooks may call"))
}
