//! Which ports the packet filter lets in, whatever listens there.

use std::collections::BTreeMap;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained, Seen};
use super::super::host::Unread;
use super::super::reach::Reach;
use super::super::run::Context;
use super::firewall::{Firewall, Source};
use super::rules::{Family, Opening, Protocol, Query};
use super::state::{has_v6, nothing_filters};

/// Ports of UDP that a host needs open for its own address or its overlay network.
const USUAL: [u16; 5] = [68, 546, 5353, 41641, 51820];
/// Ports that a web server listens at.
const WEB: [u16; 4] = [80, 443, 8080, 8443];

/// `L1.gateway-port`.
pub(super) fn gateway(context: &Context) -> Vec<Answer> {
    let firewall = context.firewall();
    if !firewall.filters() {
        return vec![nothing_filters(firewall)];
    }
    let ports = context.gateway_ports();
    if ports.is_empty() {
        return context.each("which ports the gateway uses", |_| Vec::new());
    }
    ports.into_iter().map(|port| gateway_port(context, port.number, port.evidence)).collect()
}

fn gateway_port(context: &Context, port: u16, evidence: Evidence) -> Answer {
    let firewall = context.firewall();
    let subject = format!("port {port}");
    if let Some(why) = firewall.hidden() {
        let answer = why.answer(subject, "which rules let in the gateway's port");
        return if *why == Unread::Denied { answer.command("sudo ufw status verbose") } else { answer };
    }
    let families = Family::ALL.into_iter().filter(|family| *family == Family::V4 || has_v6(&context.host));
    let query = |family| Query { family, protocol: Protocol::Tcp, port };
    let openings: Vec<(Source, Opening)> = families.flat_map(|family| firewall.openings(query(family))).collect();
    let open: Vec<&(Source, Opening)> =
        openings.iter().filter(|(_, one)| one.origin.reach() == Reach::Public).collect();
    let Some(worst) = open.iter().max_by_key(|(_, one)| (is_everyone(one), one.is_sure)).map(|(_, one)| one) else {
        let near: Vec<String> = openings
            .iter()
            .filter(|(_, one)| one.origin.reach() > Reach::Loopback)
            .map(|(_, one)| one.origin.shown())
            .collect();
        let message = match near.first() {
            None => "no rule lets anyone in at the gateway's port".to_owned(),
            Some(first) => format!("only near networks are let in at the gateway's port, such as {first}"),
        };
        let places = openings.into_iter().map(|(_, one)| one.evidence);
        return Answer::pass(subject, message).evidence(evidence).all_evidence(places.take(4));
    };
    let from = worst.origin.shown();
    let message = match worst.is_sure {
        true => format!("the packet filter lets in connections from {from} at the gateway's port"),
        false => format!(
            "the packet filter lets in connections from {from} at the gateway's port, under conditions that are not understood"
        ),
    };
    let answer = match (is_everyone(worst), worst.is_sure) {
        (true, true) => Answer::fail(Severity::Critical, subject, message),
        (false, true) => Answer::fail(Severity::High, subject, message),
        (_, false) => Answer::warn(Severity::High, subject, message),
    };
    let is_loaded_only = open.iter().all(|(source, _)| *source == Source::Loaded);
    let obtained = if is_loaded_only { Obtained::Command } else { Obtained::File };
    answer.all_evidence(places(&open)).obtained(obtained).command(closing(firewall, worst, port))
}

/// Whether everyone on a network is meant, not those of some addresses.
fn is_everyone(opening: &Opening) -> bool {
    opening.origin.source.is_none_or(|net| net.is_any())
}

/// Places of openings, each line once.
fn places(open: &[&(Source, Opening)]) -> Vec<Evidence> {
    let mut found: Vec<Evidence> = Vec::new();
    for (_, one) in open {
        // The comment of a rule and the rule say the same.
        let is_known = found.iter().any(|other| {
            other.seen == one.evidence.seen
                && other.line.zip(one.evidence.line).is_some_and(|(a, b)| a.abs_diff(b) <= 3)
        });
        if !is_known {
            found.push(one.evidence.clone());
        }
    }
    found
}

/// The command that closes a port.
fn closing(firewall: &Firewall, opening: &Opening, port: u16) -> String {
    let name = firewall.set.as_ref().map_or("nftables", |set| set.name);
    let is_users = matches!(&opening.evidence.seen, Seen::Path(path) if path.ends_with("user.rules") || path.ends_with("user6.rules"));
    match name {
        "ufw" if is_users => {
            let words: Vec<&str> = opening.evidence.note.split_whitespace().collect();
            match words.as_slice() {
                ["allow" | "limit", protocol, number, "0.0.0.0/0" | "::/0", "any", "0.0.0.0/0" | "::/0", "in", ..]
                    if number.parse() == Ok(port) =>
                {
                    let protocol = if *protocol == "any" { String::new() } else { format!("/{protocol}") };
                    format!("sudo ufw delete allow {port}{protocol}")
                }
                _ => format!("sudo ufw insert 1 deny {port}/tcp"),
            }
        }
        "ufw" => format!("sudo ufw insert 1 deny {port}/tcp"),
        "firewalld" => {
            format!("sudo firewall-cmd --permanent --remove-port={port}/tcp && sudo firewall-cmd --reload")
        }
        "iptables" => format!("sudo iptables -I INPUT 1 -p tcp --dport {port} -j DROP"),
        _ => "sudo nft -a list ruleset".to_owned(),
    }
}

/// `L1.only-ssh`.
pub(super) fn only_ssh(context: &Context) -> Vec<Answer> {
    let firewall = context.firewall();
    let subject = "allowed ports";
    if !firewall.filters() {
        return vec![nothing_filters(firewall)];
    }
    if let Some(why) = firewall.hidden() {
        let answer = why.answer(subject, "which ports are let in");
        return vec![if *why == Unread::Denied { answer.command("sudo ufw status verbose") } else { answer }];
    }
    let ssh = context.ssh().map(|ssh| ssh.ports()).unwrap_or_else(|_| vec![22]);
    let gateways: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    let all = open_ports(context, firewall);
    // A rule for both protocols lets in SSH too.
    let is_ssh = |(_, (from, to)): &(Protocol, (u16, u16))| from == to && ssh.contains(from);
    let has_ssh = all.keys().any(|key| is_ssh(key) || key.1 == (0, u16::MAX));
    let is_other = |key: &(Protocol, (u16, u16))| {
        let (protocol, (from, to)) = key;
        let is_usual = *protocol == Protocol::Udp && from == to && USUAL.contains(from);
        // What is a gateway's is told by another check.
        let is_gateways = from == to && gateways.contains(from);
        !is_ssh(key) && !is_usual && !is_gateways
    };
    let mut answers: Vec<Answer> =
        all.iter().filter(|(key, _)| is_other(key)).map(|(key, open)| other(firewall, *key, open)).collect();
    if answers.is_empty() {
        let message =
            if has_ssh { "only SSH is let in" } else { "nothing is let in, not even SSH: the console must be at hand" };
        answers.push(Answer::pass(subject, message));
    }
    answers
}

type Ports = BTreeMap<(Protocol, (u16, u16)), Vec<(Source, Opening)>>;

/// Ports that are open to more than near networks, with what opens them.
fn open_ports(context: &Context, firewall: &Firewall) -> Ports {
    let mut found = Ports::new();
    let families: Vec<Family> =
        Family::ALL.into_iter().filter(|family| *family == Family::V4 || has_v6(&context.host)).collect();
    for (source, rules) in firewall.known() {
        let unnamed = rules.unnamed_port();
        let every = [Protocol::Tcp, Protocol::Udp].map(|protocol| (protocol, (0, u16::MAX)));
        for (protocol, range) in rules.named_ports().into_iter().chain(every) {
            let is_every = range == (0, u16::MAX);
            let port = if is_every { unnamed } else { range.0 };
            for family in &families {
                let openings = rules.openings(Query { family: *family, protocol, port });
                let open = openings.into_iter().filter(|one| one.origin.reach() == Reach::Public);
                // What is open at every port is told once, and a policy that lets in is told by another check.
                let is_told = |one: &Opening| {
                    let is_policy = one.evidence.note.is_empty() || one.evidence.note.starts_with("what no rule");
                    if is_every { !is_policy && one.evidence.note != "no chain filters what comes in" } else { true }
                };
                let wide = rules.openings(Query { family: *family, protocol, port: unnamed });
                let open = open.filter(|one| is_told(one) && (is_every || !wide.contains(one)));
                let open: Vec<(Source, Opening)> = open.map(|one| (source, one)).collect();
                if !open.is_empty() {
                    found.entry((protocol, range)).or_default().extend(open);
                }
            }
        }
    }
    // A rule for every protocol and port is found twice.
    if found.contains_key(&(Protocol::Tcp, (0, u16::MAX))) {
        found.remove(&(Protocol::Udp, (0, u16::MAX)));
    }
    found
}

fn other(firewall: &Firewall, key: (Protocol, (u16, u16)), open: &[(Source, Opening)]) -> Answer {
    let (protocol, (from, to)) = key;
    let subject = match (from, to) {
        (0, u16::MAX) => "every port".to_owned(),
        _ if from == to => format!("port {from}/{}", protocol.name()),
        _ => format!("ports {from} to {to}/{}", protocol.name()),
    };
    let open: Vec<&(Source, Opening)> = open.iter().collect();
    let is_everyone = open.iter().any(|(_, one)| is_everyone(one));
    let origin = open.first().map(|(_, one)| one.origin.shown()).unwrap_or_default();
    let web = if from == to && protocol == Protocol::Tcp && WEB.contains(&from) {
        "; a web server there goes round Access"
    } else {
        ""
    };
    let message = format!("is let in from {origin}, beside SSH{web}");
    let severity = if is_everyone { Severity::Medium } else { Severity::Low };
    let answer = Answer::warn(severity, subject, message).all_evidence(places(&open));
    let closes = open.first().filter(|_| from == to).map(|(_, one)| closing(firewall, one, from));
    match closes {
        Some(command) if protocol == Protocol::Tcp => answer.command(command),
        _ => answer,
    }
}
