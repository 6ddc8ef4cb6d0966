//! Who may log in to the gateway: tokens, passwords, or a proxy that says who someone is.

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::host::{FILE_BYTES, Host, Unread};
use super::super::openclaw::{Config, Installation, Loaded, Secret, Version};
use super::super::run::Context;
use super::bind::Bind;

/// Fewest characters of a token or password; 32 random bytes are wanted.
const LENGTH: usize = 24;
/// Fewest different characters, below which nothing is random.
const VARIETY: usize = 8;
/// Since this release a gateway on the loopback address without a token makes one for each run.
const MAKES_TOKEN: Version = Version::release(2026, 9, 0);
const FIX: &str =
    "give the gateway a random token of 32 bytes, in a variable or a secret store rather than in the file";
const COMMAND: &str = "openclaw config set gateway.auth.token \"$(openssl rand -hex 32)\"";

/// How the gateway asks who connects.
pub(super) struct Login {
    /// The mode, as it is written or as OpenClaw infers it.
    pub(super) mode: String,
    /// What sets the mode; none if nothing does.
    pub(super) set: Option<Evidence>,
    /// Tokens and passwords that are set, the one that counts first.
    pub(super) secrets: Vec<(Secret, Evidence)>,
}

impl Login {
    /// That of an installation, as it will be at the next start.
    pub(super) fn of(installation: &Installation, host: &Host) -> Self {
        let secrets = secrets(installation, host);
        let key = "gateway.auth.mode";
        let unit = installation.units.iter().find_map(|unit| unit.option("--auth"));
        let config = installation.config();
        let (mode, set) = match (unit, config.and_then(|config| Some((config.text(key)?, config.evidence(key))))) {
            (Some(set), _) => (set.value.clone(), Some(set.evidence())),
            (None, Some((mode, evidence))) => (mode.to_owned(), Some(evidence)),
            (None, None) => {
                let has_password = config.is_some_and(|config| config.get("gateway.auth.password").is_some());
                ((if has_password { "password" } else { "token" }).to_owned(), None)
            }
        };
        Self { mode, set, secrets }
    }

    /// Whether nothing asks who connects.
    pub(super) fn is_open(&self) -> bool {
        self.mode == "none" || (self.mode != "trusted-proxy" && !self.secrets.iter().any(|(secret, _)| secret.is_set()))
    }

    /// What says so.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let secrets = self.secrets.iter().map(|(secret, evidence)| evidence.clone().note(secret.shown()));
        self.set.iter().map(|evidence| evidence.clone().note(&self.mode)).chain(secrets).collect()
    }
}

/// Every place that a token or password may be set in, in the order in which they count.
fn secrets(installation: &Installation, host: &Host) -> Vec<(Secret, Evidence)> {
    let variables = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];
    let mut found = Vec::new();
    for unit in &installation.units {
        let options = ["--token", "--password"].into_iter().filter_map(|name| unit.option(name));
        let set = options.chain(variables.into_iter().filter_map(|name| unit.variable(name)));
        found.extend(set.map(|set| (Secret::of_text(&set.value), set.evidence())));
    }
    if let Some(config) = installation.config() {
        for key in ["gateway.auth.token", "gateway.auth.password"] {
            let value: Option<&Value> = config.get(key);
            found.extend(value.map(|value| (Secret::of_value(Some(value)), config.evidence(key))));
        }
    }
    let files = [installation.state.join(".env"), installation.user.home.join(".config/openclaw/gateway.env")];
    let named = installation.units.iter().flat_map(|unit| unit.all("EnvironmentFile"));
    let named =
        named.map(|set| set.value.trim_start_matches('-').replace("%h", &installation.user.home.to_string_lossy()));
    for file in files.into_iter().chain(named.map(Into::into)) {
        let text = match host.text(&file, FILE_BYTES) {
            Ok(text) => text,
            Err(Unread::Absent) => continue,
            Err(why) => {
                found.push((Secret::Hidden(why), Evidence::path(&file)));
                continue;
            }
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim().trim_start_matches("export ");
            let Some((name, value)) = line.split_once('=').filter(|(name, _)| variables.contains(&name.trim())) else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            found.push((Secret::of_text(value), Evidence::path(&file).key(name.trim()).line(Some(index + 1))));
        }
    }
    found
}

/// Whether a place is one of a token, or of a password, whichever the mode asks for.
fn is_of(mode: &str, place: &Evidence) -> bool {
    place.key.as_deref().is_some_and(|key| key.to_ascii_lowercase().ends_with(mode))
}

/// `L4.auth`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    context.each("who may log in", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        if let Loaded::Broken(why) = &installation.config {
            return vec![why.answer(subject, "the configuration could not be used")];
        }
        let login = Login::of(installation, &context.host);
        let mut answers = match login.mode.as_str() {
            "none" => vec![open(&login, subject)],
            "trusted-proxy" => proxy(installation, &login),
            "token" | "password" => vec![secret(installation, &login, &context.host)],
            mode => {
                let message =
                    format!("gateway.auth.mode is `{mode}`, which no release knows; the gateway refuses to start");
                vec![Answer::warn(Severity::Medium, subject, message).all_evidence(login.evidence()).fix(FIX)]
            }
        };
        answers.extend(reused(installation, &login));
        answers.extend(funnel(installation, &login));
        answers
    })
}

fn open(login: &Login, subject: String) -> Answer {
    let message = "gateway.auth.mode is none: whoever reaches the port, each program and web page on this machine \
                   included, commands the agent";
    Answer::fail(Severity::Critical, subject, message)
        .all_evidence(login.evidence())
        .fix("ask for a token")
        .command(format!("openclaw config set gateway.auth.mode token && {COMMAND}"))
}

fn secret(installation: &Installation, login: &Login, host: &Host) -> Answer {
    let subject = installation.subject();
    let mode = login.mode.as_str();
    let is_set = |(secret, _): &&(Secret, Evidence)| *secret != Secret::Absent;
    // What is of another mode counts only where the mode is inferred from it.
    let counts = |(secret, place): &&(Secret, Evidence)| {
        login.set.is_none() || is_of(mode, place) || matches!(secret, Secret::Hidden(_))
    };
    let rank = |(secret, place): &&(Secret, Evidence)| match secret {
        _ if is_of(mode, place) => 0,
        Secret::Hidden(_) => 1,
        _ => 2,
    };
    let Some((secret, evidence)) = login.secrets.iter().filter(is_set).filter(counts).min_by_key(rank) else {
        return unset(installation, host, mode);
    };
    let evidence = evidence.clone().note(secret.shown());
    let weak = |why: String| {
        let message = format!("the gateway's {mode} {why}");
        Answer::fail(Severity::High, subject.clone(), message).evidence(evidence.clone()).fix(FIX).command(COMMAND)
    };
    match *secret {
        Secret::Reference => {
            let message = format!("the gateway asks for a {mode}, which is kept outside the configuration");
            Answer::pass(subject, message).evidence(evidence)
        }
        Secret::Hidden(ref why) => why.answer(subject, "whether a secret is set").evidence(evidence),
        Secret::Placeholder => weak("is a placeholder from an example".to_owned()),
        Secret::Plain { length, .. } if length < LENGTH => {
            weak(format!("has {length} characters; fewer than {LENGTH} can be guessed"))
        }
        Secret::Plain { variety, .. } if variety < VARIETY => {
            weak(format!("is made of {variety} different characters, which is not random"))
        }
        Secret::Plain { length, .. } => {
            let message = format!("the gateway asks for a {mode} of {length} characters");
            Answer::pass(subject, message).evidence(evidence)
        }
        Secret::Invalid | Secret::Absent => weak("is neither text nor a reference".to_owned()),
    }
}

/// No token or password is set anywhere that was looked at.
fn unset(installation: &Installation, host: &Host, mode: &str) -> Answer {
    let subject = installation.subject();
    let evidence = Evidence::path(&installation.file).note(format!("no {mode} is set"));
    let is_loopback = Bind::of(installation, host).address.is_some_and(|address| address.is_loopback());
    let answer = match installation.version() {
        Some(version) if is_loopback && mode == "token" && version >= MAKES_TOKEN => {
            let message = format!("no token is set: {version} makes a new one for each run");
            Answer::warn(Severity::Low, subject, message)
        }
        None if is_loopback && mode == "token" => {
            let message = "no token is set, and the version is not known: releases before 2026.9 then ask nobody";
            Answer::warn(Severity::High, subject, message)
        }
        _ => {
            let message = format!("no {mode} is set: the gateway asks nobody who they are");
            Answer::fail(Severity::Critical, subject, message)
        }
    };
    answer.evidence(evidence).fix(FIX).command(COMMAND)
}

/// A proxy says who someone is: the gateway believes its headers, and checks no signature.
fn proxy(installation: &Installation, login: &Login) -> Vec<Answer> {
    let subject = installation.subject();
    let Some(config) = installation.config() else { return Vec::new() };
    let prefix = "gateway.auth.trustedProxy";
    let texts = |key: &str| config.items(key).iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let proxies = texts("gateway.trustedProxies");
    let mut wrong: Vec<(Severity, String, Evidence)> = Vec::new();
    if proxies.is_empty() {
        let why = "no proxy is trusted, so the gateway refuses to start or refuses everyone".to_owned();
        wrong.push((Severity::Medium, why, config.evidence("gateway.trustedProxies")));
    }
    for wide in proxies.iter().filter(|network| is_wide(network)) {
        let why = format!("gateway.trustedProxies holds {wide}: whoever has an address in it says who they are");
        wrong.push((Severity::High, why, config.evidence("gateway.trustedProxies")));
    }
    if config.text(&format!("{prefix}.userHeader")).is_none() {
        let key = format!("{prefix}.userHeader");
        wrong.push((Severity::High, "no header says who someone is".to_owned(), config.evidence(&key)));
    }
    let required = texts(&format!("{prefix}.requiredHeaders"));
    if !required.iter().any(|header| header.eq_ignore_ascii_case("cf-access-jwt-assertion"))
        && is_access(config, prefix)
    {
        let why = "requests without Access's own token are believed too".to_owned();
        wrong.push((Severity::Medium, why, config.evidence(&format!("{prefix}.requiredHeaders"))));
    }
    if texts(&format!("{prefix}.allowUsers")).is_empty() {
        let why = "everyone whom the proxy lets through is let in: allowUsers is empty".to_owned();
        wrong.push((Severity::Medium, why, config.evidence(&format!("{prefix}.allowUsers"))));
    }
    let mut answers: Vec<Answer> = wrong
        .into_iter()
        .map(|(severity, why, evidence)| {
            let message = format!("a proxy says who someone is, and {why}");
            let answer = match severity {
                Severity::High | Severity::Critical => Answer::fail(severity, subject.clone(), message),
                _ => Answer::warn(severity, subject.clone(), message),
            };
            answer
                .evidence(evidence)
                .fix("name the proxy's exact address, its user header, the required headers and the users")
        })
        .collect();
    if answers.is_empty() {
        let message = "a proxy that is named says who someone is, and the users are listed; the gateway checks no \
                       signature, so every program on this machine that may reach the port can claim to be one of them";
        answers.push(Answer::pass(subject, message).all_evidence(login.evidence()));
    }
    answers
}

fn is_access(config: &Config, prefix: &str) -> bool {
    config
        .text(&format!("{prefix}.userHeader"))
        .is_some_and(|header| header.to_ascii_lowercase().starts_with("cf-access"))
}

/// Whether a network holds more than one machine; the loopback network is this one.
fn is_wide(network: &str) -> bool {
    let Some((address, bits)) = network.split_once('/') else { return false };
    let Ok(address) = address.trim().parse::<std::net::IpAddr>() else { return true };
    let whole = if address.is_ipv4() { 32 } else { 128 };
    bits.trim().parse::<u8>().map_or(true, |bits| bits < whole) && !(address.is_loopback() && bits.trim() != "0")
}

/// One secret for the gateway and for webhooks: whoever has one has both.
fn reused(installation: &Installation, login: &Login) -> Option<Answer> {
    let config = installation.config()?;
    let hooks = Secret::of_value(config.get("hooks.token"));
    let Secret::Plain { length, digest, .. } = hooks else { return None };
    let is_same = |secret: &Secret| matches!(secret, Secret::Plain { digest: other, .. } if *other == digest);
    let subject = format!("{}: hooks.token", installation.subject());
    let evidence = config.evidence("hooks.token").note(hooks.shown());
    let command = "openclaw config set hooks.token \"$(openssl rand -hex 32)\"";
    if let Some((_, other)) = login.secrets.iter().find(|(secret, _)| is_same(secret)) {
        let message = "hooks.token is the gateway's own token: whoever may send a webhook commands the gateway";
        let answer = Answer::fail(Severity::High, subject, message).evidence(evidence).evidence(other.clone());
        return Some(answer.fix("give webhooks a token of their own").command(command));
    }
    let message = format!("hooks.token has {length} characters; fewer than {LENGTH} can be guessed");
    let answer = || Answer::fail(Severity::High, subject, message).evidence(evidence).fix(FIX).command(command);
    (length < LENGTH && config.flag("hooks.enabled") == Some(true)).then(answer)
}

/// Tailscale Funnel puts the gateway on the internet, where only a strong password is between.
fn funnel(installation: &Installation, login: &Login) -> Option<Answer> {
    let key = "gateway.tailscale.mode";
    let unit = installation.units.iter().find_map(|unit| unit.option("--tailscale"));
    let config = installation.config();
    let (mode, evidence) = match unit {
        Some(set) => (set.value.clone(), set.evidence()),
        None => (config?.text(key)?.to_owned(), config?.evidence(key)),
    };
    if mode != "funnel" {
        return None;
    }
    let subject = format!("{}: {key}", installation.subject());
    let strong = |(secret, place): &(Secret, Evidence)| match secret {
        Secret::Reference => is_of("password", place),
        Secret::Plain { length, .. } => *length >= LENGTH && is_of("password", place),
        _ => false,
    };
    let answer = if login.mode == "password" && login.secrets.iter().any(strong) {
        let message = "Tailscale Funnel puts the gateway on the internet; a password is all that stands before it";
        Answer::fail(Severity::High, subject, message)
    } else {
        let message = "Tailscale Funnel puts the gateway on the internet, and no strong password stands before it";
        Answer::fail(Severity::Critical, subject, message)
    };
    let command = "openclaw config set gateway.tailscale.mode serve && openclaw gateway restart";
    Some(answer.evidence(evidence).fix("use `serve`, which the owner's own devices reach").command(command))
}
