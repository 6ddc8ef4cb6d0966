//! Whether a packet filter is switched on and loaded, and what it does with what no rule names.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Missing, Obtained};
use super::super::host::{FILE_BYTES, Host, Tool, Unread};
use super::super::run::Context;
use super::firewall::{Firewall, Source};
use super::rules::{Family, Origin, Protocol, Query, Rules};

const SUBJECT: &str = "packet filter";

/// `L1.enabled`.
pub(super) fn enabled(context: &Context) -> Vec<Answer> {
    let firewall = context.firewall();
    let mut answers = vec![by_files(context, firewall)];
    if let Some(answer) = by_kernel(context, firewall) {
        answers.push(answer);
    }
    // What the kernel has counts now, whatever files say.
    let is_filtering = answers.get(1).is_some_and(|answer| answer.status == super::super::Status::Pass);
    // Rules of ufw that are still there although it is switched off are gone after a restart.
    let is_left = firewall.loaded.as_ref().is_ok_and(|rules| rules.has_chain("ufw-user-input"));
    if is_filtering && firewall.set.is_none() && !is_left {
        let _ = answers.remove(0);
    }
    answers.extend(second_opinion(context, firewall));
    answers
}

/// With `--deep`, what ufw itself says, if it says otherwise.
fn second_opinion(context: &Context, firewall: &Firewall) -> Option<Answer> {
    if !context.options.deep || !context.host.is_root() || firewall.ufw.is_none() {
        return None;
    }
    let tool = Tool { name: "ufw", arguments: &["status"] };
    let output = context.host.command(tool).ok().filter(|output| output.code == Some(0))?;
    let is_active = output.stdout.lines().next()?.trim() == "Status: active";
    let is_set = firewall.set.as_ref().is_some_and(|set| set.name == "ufw");
    if is_active == is_set {
        return None;
    }
    let said = if is_active { "active" } else { "inactive" };
    let message = format!("ufw says that it is {said}, and its files say otherwise");
    let answer = Answer::warn(Severity::Medium, "ufw", message).evidence(Evidence::command("ufw status"));
    Some(answer.obtained(Obtained::Command).command("sudo ufw reload"))
}

fn by_files(context: &Context, firewall: &Firewall) -> Answer {
    if let Some(set) = &firewall.set {
        return Answer::pass(SUBJECT, format!("{} is switched on", set.name)).evidence(set.evidence.clone());
    }
    let command = turn_on(context);
    if let Some(ufw) = &firewall.ufw {
        return match &ufw.enabled {
            Err(why) => why.answer(SUBJECT, "whether ufw is switched on").evidence(Evidence::path(super::ufw::CONF)),
            Ok((_, evidence)) => {
                Answer::fail(Severity::High, SUBJECT, "ufw is installed and switched off, whatever rules it holds")
                    .evidence(evidence.clone())
                    .command(command)
            }
        };
    }
    if let Some(mark) = context.host.container() {
        let message = format!("this is a container ({mark}): the host's filter and the published ports decide");
        return Answer::not_applicable(SUBJECT, message);
    }
    match &firewall.loaded {
        Err(Unread::Denied) => Unread::Denied.answer(SUBJECT, "whether the kernel filters"),
        _ => {
            Answer::fail(Severity::High, SUBJECT, "no packet filter is set up: everything that listens can be reached")
                .command(command)
        }
    }
}

/// The command that switches ufw on without locking out whoever types it.
fn turn_on(context: &Context) -> String {
    let ports = context.ssh().map(|ssh| ssh.ports()).unwrap_or_else(|_| vec![22]);
    let allow: Vec<String> = ports.iter().map(|port| format!("sudo ufw allow {port}/tcp && ")).collect();
    let install = if context.firewall().ufw.is_some() { "" } else { "sudo apt install ufw && " };
    format!("{install}{}sudo ufw default deny incoming && sudo ufw enable", allow.concat())
}

fn by_kernel(context: &Context, firewall: &Firewall) -> Option<Answer> {
    let subject = "rules in the kernel";
    let set = firewall.set.as_ref();
    match &firewall.loaded {
        Ok(rules) if rules.filters_input(Family::V4) || rules.filters_input(Family::V6) => {
            let answer = Answer::pass(subject, "the kernel filters what comes in");
            Some(answer.evidence(Evidence::command("nft list ruleset")).obtained(Obtained::Command))
        }
        Ok(_) if set.is_some() => {
            let name = set.map_or("it", |set| set.name);
            let message = format!("{name} is switched on, but the kernel has no rules of it: nothing is filtered now");
            let command = if name == "ufw" { "sudo ufw reload" } else { "sudo systemctl restart firewalld" };
            let answer = Answer::fail(Severity::High, subject, message).obtained(Obtained::Command).command(command);
            Some(answer.evidence(Evidence::command("nft list ruleset")))
        }
        Ok(_) => None,
        // There is nothing to compare with.
        Err(Unread::NotLive) if set.is_none() => None,
        // Said above already.
        Err(Unread::Denied) if set.is_none() && firewall.ufw.is_none() => None,
        Err(Unread::Denied) if context.host.is_root() => {
            let message = "whether the kernel filters: it does not tell this process, which lacks CAP_NET_ADMIN";
            Some(Answer::unknown(Missing::Root, subject, message).command("sudo nft list ruleset"))
        }
        Err(Unread::Absent) => {
            let why = Unread::Other("neither nft nor iptables-save is installed".to_owned());
            Some(why.answer(subject, "whether the kernel filters"))
        }
        Err(why) => Some(why.answer(subject, "whether the kernel filters")),
    }
}

/// `L1.default-deny`.
pub(super) fn default_deny(context: &Context) -> Vec<Answer> {
    let firewall = context.firewall();
    if !firewall.filters() {
        return vec![nothing_filters(firewall)];
    }
    if firewall.known().is_empty() {
        return vec![by_policy(firewall)];
    }
    let has_v6 = has_v6(&context.host);
    let families = Family::ALL.into_iter().filter(|family| *family == Family::V4 || has_v6);
    let mut answers = Vec::new();
    for family in families {
        let found = firewall.known().into_iter().find_map(|(source, rules)| open(firewall, source, rules, family));
        answers.push(found.unwrap_or_else(|| {
            let message = "what no rule names is kept out";
            let policy = firewall.ufw.as_ref().and_then(|ufw| ufw.input.as_ref().ok());
            let evidence = policy.filter(|_| firewall.set.is_some()).map(|(_, evidence)| evidence.clone());
            Answer::pass(family.name(), message).all_evidence(evidence)
        }));
    }
    answers
}

/// What a check of the filter's rules says where nothing filters, or nothing is known to.
pub(super) fn nothing_filters(firewall: &Firewall) -> Answer {
    match &firewall.loaded {
        Err(Unread::Denied) if firewall.ufw.is_none() => Unread::Denied.answer(SUBJECT, "the rules of the kernel"),
        _ => Answer::not_applicable(SUBJECT, "nothing filters, see L1.enabled"),
    }
}

/// Without root, the policy of ufw can be read and its rules cannot.
fn by_policy(firewall: &Firewall) -> Answer {
    let unread = || firewall.hidden().cloned().unwrap_or(Unread::Denied).answer(SUBJECT, "what no rule names");
    let Some(ufw) = firewall.ufw.as_ref().filter(|_| firewall.set.as_ref().is_some_and(|set| set.name == "ufw")) else {
        return unread();
    };
    match &ufw.input {
        Err(why) => why.answer(SUBJECT, "what ufw does with what no rule names"),
        Ok((policy, evidence)) if policy.eq_ignore_ascii_case("ACCEPT") => lets_in("IPv4 and IPv6", evidence.clone()),
        Ok((_, evidence)) => {
            let v6 = if ufw.has_v6 { "" } else { ", and IPv6 altogether" };
            Answer::pass("IPv4 and IPv6", format!("what no rule names is kept out{v6}")).evidence(evidence.clone())
        }
    }
}

fn lets_in(subject: &str, evidence: Evidence) -> Answer {
    Answer::fail(
        Severity::High,
        subject,
        "what no rule names is let in, so that rules must name everything that is closed",
    )
    .evidence(evidence)
    .command("sudo ufw default deny incoming")
}

/// Whether a port that nobody named is open to everyone.
fn open(firewall: &Firewall, source: Source, rules: &Rules, family: Family) -> Option<Answer> {
    let query = Query { family, protocol: Protocol::Tcp, port: rules.unnamed_port() };
    let openings = rules.openings(query);
    // A rule that lets in everything on one interface is a rule, not the policy.
    let is_policy = |origin: &Origin| origin.input.is_none() && origin.source.is_none_or(|net| net.is_any());
    let found = openings.into_iter().find(|one| one.is_sure && is_policy(&one.origin))?;
    if source == Source::Loaded {
        return Some(lets_in(family.name(), found.evidence).obtained(Obtained::Command));
    }
    let policy = firewall.ufw.as_ref().and_then(|ufw| ufw.input.clone().ok());
    let evidence = policy.filter(|(policy, _)| policy.eq_ignore_ascii_case("ACCEPT")).map(|(_, evidence)| evidence);
    Some(lets_in(family.name(), evidence.unwrap_or(found.evidence)))
}

/// Whether the host has an address of IPv6 beside its own loopback address; an image may have.
pub(super) fn has_v6(host: &Host) -> bool {
    if !host.is_live() {
        return true;
    }
    match host.text("/proc/net/if_inet6", FILE_BYTES) {
        Ok(text) => text.lines().any(|line| !line.trim_end().ends_with(" lo")),
        Err(why) => why != Unread::Absent,
    }
}
