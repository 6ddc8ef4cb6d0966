//! Who can write to the agent through its channels, as it comes out in effect: the policy, the lists behind it, and
//! the senders that were let in.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::host::{FILE_BYTES, Host, Unread, quoted};
use super::super::openclaw::{Config, Installation, Loaded};
use super::super::run::Context;
use super::exec::Power;

/// Entries below `channels` that are no channel.
const NO_CHANNELS: [&str; 2] = ["defaults", "modelByChannel"];
/// Keys that give a channel access to its service.
const CREDENTIALS: [&str; 22] = [
    "botToken",
    "token",
    "tokenFile",
    "appToken",
    "accessToken",
    "password",
    "passwordFile",
    "serviceAccount",
    "serviceAccountFile",
    "account",
    "accounts",
    "signalNumber",
    "phoneNumber",
    "appId",
    "appSecret",
    "clientId",
    "homeserver",
    "privateKey",
    "webhookUrl",
    "cliPath",
    "host",
    "userId",
];
/// The table of senders that were let in.
const STORE: &str = "channel_pairing_allow_entries";
/// Channels that are paired by scanning a code, so that nothing in the configuration is a credential.
const PAIRED_BY_CODE: [&str; 6] = ["whatsapp", "imessage", "signal", "zalouser", "web", "webchat"];

/// One account of one channel, with what counts for it.
pub(super) struct Account<'c> {
    /// The channel's id, and the account's after a slash if it has one.
    pub(super) name: String,
    /// The channel's id.
    channel: &'c str,
    /// The account's id.
    id: Option<&'c str>,
    own: Option<&'c Value>,
    shared: &'c Value,
}

impl<'c> Account<'c> {
    /// All accounts of all channels that are switched on.
    pub(super) fn all(config: &'c Config) -> Vec<Self> {
        let mut found = Vec::new();
        for (channel, shared) in config.entries("channels").filter(|(name, _)| !NO_CHANNELS.contains(name)) {
            if !shared.is_object() || is_off(shared) {
                continue;
            }
            let accounts = shared.get("accounts").and_then(Value::as_object);
            let accounts = accounts.into_iter().flatten().filter(|(_, own)| !is_off(own));
            let before = found.len();
            found.extend(accounts.map(|(id, own)| Self {
                name: format!("{channel}/{id}"),
                channel,
                id: Some(id),
                own: Some(own),
                shared,
            }));
            let has_own = CREDENTIALS.iter().any(|key| *key != "accounts" && shared.get(key).is_some());
            if found.len() == before || has_own {
                found.push(Self { name: channel.to_owned(), channel, id: None, own: None, shared });
            }
        }
        found
    }

    /// A value of the account, else of its channel, under the first key that either has, and its key path.
    fn get(&self, keys: &[&str]) -> Option<(&'c Value, String)> {
        let own =
            self.own.map(|own| (own, format!("channels.{}.accounts.{}", self.channel, self.id.unwrap_or_default())));
        let shared = (self.shared, format!("channels.{}", self.channel));
        for (value, prefix) in own.into_iter().chain([shared]) {
            for key in keys {
                let found = key.split('.').try_fold(value, |value, part| value.get(part));
                if let Some(found) = found.filter(|value| !value.is_null()) {
                    return Some((found, format!("{prefix}.{key}")));
                }
            }
        }
        None
    }

    fn has_credentials(&self) -> bool {
        let of = |value: &Value| CREDENTIALS.iter().any(|key| *key != "accounts" && value.get(key).is_some());
        PAIRED_BY_CODE.contains(&self.channel) || of(self.shared) || self.own.is_some_and(of)
    }

    /// The policy for direct messages, and the key that sets it.
    fn policy(&self) -> (String, Option<String>) {
        let set = self.get(&["dmPolicy", "dm.policy"]);
        set.map_or(("pairing".to_owned(), None), |(value, key)| (shown(value), Some(key)))
    }

    /// Senders that the configuration lets in, groups of senders resolved, and the key of the list.
    fn senders(&self, config: &Config) -> (BTreeSet<String>, Option<String>) {
        let Some((list, key)) = self.get(&["allowFrom", "dm.allowFrom"]) else { return (BTreeSet::new(), None) };
        let mut found = BTreeSet::new();
        for entry in list.as_array().into_iter().flatten().map(shown) {
            match entry.strip_prefix("accessGroup:") {
                Some(group) => texts(config.at(&["accessGroups", group]), &mut found),
                None => drop(found.insert(entry)),
            }
        }
        (found, Some(key))
    }

    /// The policy for groups, and the key that sets it.
    fn groups(&self, config: &Config) -> (String, Option<String>) {
        let default = "channels.defaults.groupPolicy";
        let set = self.get(&["groupPolicy"]);
        let set = set.or_else(|| Some((config.get(default)?, default.to_owned())));
        set.map_or(("allowlist".to_owned(), None), |(value, key)| (shown(value), Some(key)))
    }

    /// Groups that have an open policy of their own.
    fn open_groups(&self) -> Vec<String> {
        let mut found = Vec::new();
        for key in ["groups", "guilds"] {
            let Some((groups, path)) = self.get(&[key]) else { continue };
            let groups = groups.as_object().into_iter().flatten();
            let open = groups.filter(|(_, group)| group.get("groupPolicy").and_then(Value::as_str) == Some("open"));
            found.extend(open.map(|(name, _)| format!("{path}.{name}.groupPolicy")));
        }
        found
    }
}

fn is_off(value: &Value) -> bool {
    value.get("enabled").and_then(Value::as_bool) == Some(false)
}

/// A text or number as text: ids are written as both.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

/// All texts and numbers in a value.
fn texts(value: Option<&Value>, found: &mut BTreeSet<String>) {
    match value {
        Some(Value::Array(items)) => items.iter().for_each(|item| texts(Some(item), found)),
        Some(Value::Object(map)) => map.values().for_each(|item| texts(Some(item), found)),
        Some(value @ (Value::String(_) | Value::Number(_))) => drop(found.insert(shown(value))),
        _ => {}
    }
}

/// Whether strangers can write to the agent, in any channel or group; the key that lets them.
pub(super) fn strangers(config: &Config) -> Option<String> {
    Account::all(config).iter().find_map(|account| {
        let (policy, key) = account.policy();
        let (senders, list) = account.senders(config);
        let is_open = senders.contains("*") && matches!(policy.as_str(), "open" | "allowlist" | "pairing");
        let (groups, group_key) = account.groups(config);
        let usual = || format!("channels.{}", account.channel);
        match () {
            () if is_open => Some(key.or(list).unwrap_or_else(usual)),
            () if groups == "open" => Some(group_key.unwrap_or_else(usual)),
            () => account.open_groups().into_iter().next(),
        }
    })
}

/// `L4.pairing`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    context.each("who can write to the agent", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        let config = match &installation.config {
            Loaded::Broken(why) => return vec![why.answer(subject, "the configuration could not be used")],
            Loaded::Absent => return vec![Answer::not_applicable(subject, "no channel is configured")],
            Loaded::Read(config) => config,
        };
        let power = Power::of(installation);
        let accounts = Account::all(config);
        if accounts.is_empty() {
            return vec![Answer::not_applicable(subject, "no channel is configured")];
        }
        let unread = unread(installation, &context.host);
        let answers = accounts.iter().flat_map(|account| {
            let mut answers = vec![direct(installation, config, account, &power, &context.host)];
            answers.extend(grouped(installation, config, account, &power));
            answers
        });
        answers.chain(unread).collect()
    })
}

fn direct(installation: &Installation, config: &Config, account: &Account<'_>, power: &Power, host: &Host) -> Answer {
    let subject = format!("{}: {}", installation.subject(), account.name);
    let (policy, key) = account.policy();
    let (senders, list) = account.senders(config);
    let default = || format!("channels.{}.dmPolicy", account.channel);
    let places = [key.clone().or_else(|| Some(default())), list.clone()];
    let evidence: Vec<Evidence> = places.into_iter().flatten().map(|key| config.evidence(&key)).collect();
    let command = format!("openclaw config set {} pairing", quoted(key.unwrap_or_else(default)));
    // A `*` is let in before pairing is offered.
    if senders.contains("*") && policy != "disabled" {
        let severity = if power.can_run { Severity::Critical } else { Severity::High };
        let message =
            format!("dmPolicy is {policy} and allowFrom holds `*`: everyone can write to the agent{}", power.suffix());
        let answer = if account.has_credentials() {
            Answer::fail(severity, subject, message)
        } else {
            let message = format!("{message}, if a variable holds the channel's credentials");
            Answer::warn(Severity::High, subject, message)
        };
        let command = format!("{command} && openclaw config unset {}", quoted(list.unwrap_or_default()));
        let fix = "take `*` out of allowFrom and ask unknown senders to pair";
        return answer.all_evidence(evidence).fix(fix).command(command);
    }
    if !account.has_credentials() {
        return Answer::not_applicable(subject, "the channel has no credentials, so nobody can write through it");
    }
    match policy.as_str() {
        "open" => {
            let message =
                "dmPolicy is open without `*` in allowFrom: it admits only the listed senders, and one `*` opens it";
            let answer = Answer::warn(Severity::Medium, subject, message).all_evidence(evidence);
            answer.fix("say what is meant: pairing or allowlist").command(command)
        }
        "pairing" | "allowlist" | "disabled" => {
            admitted(installation, config, account, &policy, senders, host).all_evidence(evidence)
        }
        other => {
            let message = format!("dmPolicy is `{other}`, which no release knows; the gateway refuses to start");
            Answer::warn(Severity::Medium, subject, message).all_evidence(evidence).command(command)
        }
    }
}

/// Nobody unknown is let in; how many are, and whether they share one conversation.
fn admitted(
    installation: &Installation,
    config: &Config,
    account: &Account<'_>,
    policy: &str,
    mut senders: BTreeSet<String>,
    host: &Host,
) -> Answer {
    let subject = format!("{}: {}", installation.subject(), account.name);
    let (paired, stores) = paired(installation, account, host);
    senders.extend(paired);
    if senders.contains("*") && policy == "pairing" && !stores.is_empty() {
        let message = "the store of paired senders holds `*`: everyone counts as paired";
        let answer = Answer::fail(Severity::High, subject, message).all_evidence(stores);
        return answer.fix("take `*` out of the store, and look who put it there");
    }
    let scope = config.text("session.dmScope").unwrap_or("main");
    let count = senders.iter().filter(|sender| *sender != "*").count();
    if count > 1 && scope == "main" {
        let message = format!("{count} senders are let in and share one conversation: session.dmScope is main");
        return Answer::warn(Severity::Medium, subject, message)
            .evidence(config.evidence("session.dmScope"))
            .all_evidence(stores)
            .fix("give each sender a conversation of their own")
            .command("openclaw config set session.dmScope per-channel-peer");
    }
    let who = match count {
        0 => "nobody yet".to_owned(),
        1 => "one sender".to_owned(),
        count => format!("{count} senders"),
    };
    Answer::pass(subject, format!("dmPolicy is {policy}: unknown senders are kept out; let in: {who}"))
        .all_evidence(stores)
}

/// Senders that were paired, and where that is kept: in a database, in older releases in files.
fn paired(installation: &Installation, account: &Account<'_>, host: &Host) -> (BTreeSet<String>, Vec<Evidence>) {
    let mut names = vec![format!("{}-allowFrom.json", account.channel)];
    names.extend(account.id.map(|id| format!("{}-{id}-allowFrom.json", account.channel)));
    let (mut found, mut places) = (BTreeSet::new(), Vec::new());
    for name in names {
        let file = installation.state.join("credentials").join(name);
        let Ok(bytes) = host.read(&file, FILE_BYTES) else { continue };
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else { continue };
        let list = if value.is_array() { Some(&value) } else { value.get("allowFrom").or(value.get("entries")) };
        texts(list, &mut found);
        places.push(Evidence::path(file));
    }
    let rows = installation.stored(host, STORE, &["channel_key", "account_id", "entry"]).unwrap_or_default();
    let before = found.len();
    for row in rows {
        let [channel, id, entry] = row.as_slice() else { continue };
        let is_own = account.id.is_none_or(|own| own == id.text() || id.text().is_empty());
        if channel.text() == account.channel && is_own {
            found.insert(entry.text());
        }
    }
    if found.len() > before {
        places.push(Evidence::path(installation.database()).key(STORE));
    }
    (found, places)
}

/// Why the store of paired senders could not be read, if there is one.
fn unread(installation: &Installation, host: &Host) -> Option<Answer> {
    let subject = installation.database().display().to_string();
    match installation.stored(host, STORE, &["entry"]) {
        Err(why) if why != Unread::Absent => Some(why.answer(subject, "which senders were let in")),
        _ => None,
    }
}

fn grouped(installation: &Installation, config: &Config, account: &Account<'_>, power: &Power) -> Option<Answer> {
    let subject = format!("{}: {} groups", installation.subject(), account.name);
    let (policy, key) = account.groups(config);
    let open = account.open_groups();
    let evidence: Vec<Evidence> =
        key.iter().filter(|_| policy == "open").chain(&open).map(|key| config.evidence(key)).collect();
    if policy != "open" && open.is_empty() {
        return None;
    }
    let message = format!("groupPolicy is open: everyone in any group can write to the agent{}", power.suffix());
    let place = quoted(format!("channels.{}.groupPolicy", account.channel));
    let command = format!("openclaw config set {place} allowlist");
    let answer = if power.can_run || power.can_write {
        Answer::fail(Severity::High, subject, message)
    } else {
        Answer::warn(Severity::Medium, subject, message)
    };
    Some(answer.all_evidence(evidence).fix("list the groups that may write to the agent").command(command))
}
