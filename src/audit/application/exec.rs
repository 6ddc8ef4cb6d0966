//! What the agent may run without being asked: policy, sandbox and tools, with the defaults of the installed version.

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::openclaw::{Installation, Loaded, Version};
use super::super::run::Context;
use super::pairing;

/// Up to here commands that are not listed were refused by default, and from there on everything runs unasked.
const STRICT_UNTIL: Version = Version::release(2026, 3, 28);
/// Tools that run commands, and names of groups that hold them.
const RUNNING: [&str; 6] = ["exec", "bash", "process", "group:runtime", "group:all", "*"];
/// Tools that write files, and names of groups that hold them.
const WRITING: [&str; 7] = ["write", "edit", "apply_patch", "fs_write", "group:fs", "group:all", "*"];

/// What a message can make the agent do.
pub(super) struct Power {
    /// It can run commands on the host without anyone being asked.
    pub(super) can_run: bool,
    /// It can write files.
    pub(super) can_write: bool,
}

impl Power {
    /// That of the agents of an installation.
    pub(super) fn of(installation: &Installation) -> Self {
        let policies = policies(installation);
        let writes = |policy: &Policy| policy.has(&WRITING) && !policy.is_boxed();
        Self { can_run: policies.iter().any(Policy::is_open), can_write: policies.iter().any(writes) }
    }

    /// How a sentence about who can write to the agent ends.
    pub(super) fn suffix(&self) -> &'static str {
        match (self.can_run, self.can_write) {
            (true, _) => ", which runs commands unasked",
            (false, true) => ", which can write files",
            (false, false) => "",
        }
    }
}

/// What counts for one agent: its own settings, then those for all.
struct Policy<'i> {
    installation: &'i Installation,
    /// The agent's id, its key path and its settings; none for what counts for all.
    agent: Option<(String, String, &'i Value)>,
}

/// Policies of all agents that have settings of their own, and the one for all others.
fn policies(installation: &Installation) -> Vec<Policy<'_>> {
    let own = installation
        .agents()
        .into_iter()
        .filter(|(.., value)| value.get("tools").is_some() || value.get("sandbox").is_some());
    let own = own.map(|agent| Policy { installation, agent: Some(agent) });
    std::iter::once(Policy { installation, agent: None }).chain(own).collect()
}

impl Policy<'_> {
    /// A text of the agent, else the one for all agents, with its place.
    fn text(&self, key: &str) -> Option<(String, Evidence)> {
        let config = self.installation.config()?;
        if let Some((_, prefix, value)) = &self.agent {
            let own = key.split('.').try_fold(*value, |value, part| value.get(part)).and_then(Value::as_str);
            if let Some(own) = own {
                return Some((own.to_owned(), config.evidence(&format!("{prefix}.{key}"))));
            }
        }
        let shared = if key.starts_with("sandbox.") { format!("agents.defaults.{key}") } else { key.to_owned() };
        Some((config.text(&shared)?.to_owned(), config.evidence(&shared)))
    }

    /// Texts of a list of the agent and of the one for all.
    fn list(&self, key: &str) -> Vec<String> {
        let Some(config) = self.installation.config() else { return Vec::new() };
        let own = self.agent.as_ref().and_then(|(_, _, value)| key.split('.').try_fold(*value, |v, part| v.get(part)));
        let own = own.and_then(Value::as_array).into_iter().flatten();
        own.chain(config.items(key)).filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether commands run in a sandbox for everyone who is not the owner.
    fn is_boxed(&self) -> bool {
        self.text("sandbox.mode").is_some_and(|(mode, _)| matches!(mode.as_str(), "all" | "non-main"))
    }

    /// Whether commands run there too: a host that is named wins.
    fn runs_boxed(&self) -> bool {
        let is_elsewhere = |host: &str| matches!(host, "gateway" | "node");
        self.is_boxed() && !self.text("tools.exec.host").is_some_and(|(host, _)| is_elsewhere(&host))
    }

    /// Whether the agent has one of these tools.
    fn has(&self, names: &[&str]) -> bool {
        let names_one = |list: Vec<String>| list.iter().any(|name| names.contains(&name.as_str()));
        if names_one(self.list("tools.deny")) {
            return false;
        }
        let allowed = self.list("tools.allow");
        let more = names_one(self.list("tools.alsoAllow"));
        let profile = self.text("tools.profile").map(|(profile, _)| profile);
        let is_narrow = matches!(profile.as_deref(), Some("minimal" | "messaging"));
        more || (!is_narrow && (allowed.is_empty() || names_one(allowed)))
    }

    fn is_strict_by_default(&self) -> bool {
        self.installation.version().is_some_and(|version| version <= STRICT_UNTIL)
    }

    /// What is allowed, as `deny`, `allowlist` or `full`.
    fn security(&self) -> (String, Option<Evidence>) {
        let default = if self.is_strict_by_default() { "allowlist" } else { "full" };
        let set = self.text("tools.exec.security");
        let mode = || self.text("tools.exec.mode").map(|(mode, evidence)| (of_mode(&mode).0.to_owned(), evidence));
        set.or_else(mode).map_or((default.to_owned(), None), |(text, evidence)| (text, Some(evidence)))
    }

    /// When someone is asked, as `off`, `on-miss` or `always`.
    fn ask(&self) -> (String, Option<Evidence>) {
        let default = if self.is_strict_by_default() { "on-miss" } else { "off" };
        let set = self.text("tools.exec.ask");
        let mode = || self.text("tools.exec.mode").map(|(mode, evidence)| (of_mode(&mode).1.to_owned(), evidence));
        set.or_else(mode).map_or((default.to_owned(), None), |(text, evidence)| (text, Some(evidence)))
    }

    /// Whether everything runs on the host and nobody is asked.
    fn is_open(&self) -> bool {
        self.has(&RUNNING) && !self.runs_boxed() && self.security().0 == "full" && self.ask().0 == "off"
    }
}

/// What the one-word setting stands for: what is allowed, and when someone is asked.
fn of_mode(mode: &str) -> (&'static str, &'static str) {
    match mode {
        "deny" => ("deny", "off"),
        "allowlist" => ("allowlist", "off"),
        "ask" => ("allowlist", "on-miss"),
        "auto" => ("full", "on-miss"),
        _ => ("full", "off"),
    }
}

/// `L4.exec`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    context.each("what the agent may run", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        if let Loaded::Broken(why) = &installation.config {
            return vec![why.answer(subject, "the configuration could not be used")];
        }
        policies(installation).iter().map(|policy| judged(installation, policy)).collect()
    })
}

fn judged(installation: &Installation, policy: &Policy<'_>) -> Answer {
    let agent = policy.agent.as_ref().map(|(id, ..)| format!(": agent {id}")).unwrap_or_default();
    let subject = format!("{}{agent}", installation.subject());
    let (security, of_security) = policy.security();
    let (ask, of_ask) = policy.ask();
    let unset = Evidence::path(&installation.file).note("tools.exec is not set");
    let mut evidence: Vec<Evidence> = of_security.into_iter().chain(of_ask).collect();
    if evidence.is_empty() {
        evidence.push(unset);
    }
    if !policy.has(&RUNNING) {
        return Answer::pass(subject, "the agent has no tool that runs commands").all_evidence(evidence);
    }
    if let Some((mode, place)) = policy.text("sandbox.mode").filter(|_| policy.runs_boxed()) {
        return Answer::pass(subject, format!("commands run in a sandbox: {mode}")).evidence(place);
    }
    if !policy.is_open() {
        let message = format!("commands on the host: {security}, asked: {ask}");
        return Answer::pass(subject, message).all_evidence(evidence);
    }
    let version = match installation.version() {
        Some(version) => format!(" (the default of {version})"),
        None => " (the default of recent releases; the version is not known)".to_owned(),
    };
    let default = if policy.security().1.is_none() { version.as_str() } else { "" };
    let message = format!("the agent runs any command on the host, nobody is asked{default}, and there is no sandbox");
    let command = "openclaw config set tools.exec.security allowlist && openclaw config set tools.exec.ask on-miss";
    let fix = "let only listed commands run and ask for others, or run them in a sandbox";
    let open = installation.config().and_then(pairing::strangers);
    let answer = match open.zip(installation.config()) {
        Some((key, config)) => {
            let message = format!("{message}; strangers can write to it ({key})");
            Answer::fail(Severity::High, subject, message).evidence(config.evidence(&key))
        }
        None => Answer::warn(Severity::Medium, subject, message),
    };
    answer.all_evidence(evidence).fix(fix).command(command)
}
