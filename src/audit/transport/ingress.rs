//! What the tunnel leads to: the gateway under one name and nothing else.

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Missing, Obtained, Seen};
use super::super::run::Context;
use super::cloudflared::{Ingress, Service};

const SUBJECT: &str = "cloudflared";

/// `L2.ingress`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let tunnels = context.tunnels();
    let ports: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    let mut answers: Vec<Answer> = tunnels.ingress.iter().flat_map(|ingress| judged(ingress, &ports)).collect();
    if answers.is_empty() {
        answers.push(unknown_or_none(context));
    }
    answers
}

/// What is said where no configuration is known.
pub(in crate::audit) fn unknown_or_none(context: &Context) -> Answer {
    let tunnels = context.tunnels();
    match () {
        () if tunnels.is_empty() => Answer::not_applicable(SUBJECT, "there is no tunnel"),
        () if tunnels.is_remote || tunnels.container.is_some() => {
            let message =
                "the settings of this tunnel are kept by Cloudflare, and only the running cloudflared tells them";
            Answer::unknown(Missing::Probe, SUBJECT, message)
                .command("sudo skillscan audit --deep")
                .fix("let `--deep` ask the running cloudflared on this machine")
        }
        () => Answer::not_applicable(SUBJECT, "no configuration says where a tunnel leads"),
    }
}

fn judged(ingress: &Ingress, ports: &[u16]) -> Vec<Answer> {
    let services = match &ingress.services {
        Ok(services) => services,
        Err(why) => {
            return vec![why.answer(&ingress.subject, "where the tunnel leads").evidence(ingress.evidence.clone())];
        }
    };
    let obtained = if matches!(ingress.evidence.seen, Seen::Command(_)) { Obtained::Probe } else { Obtained::File };
    let mut answers: Vec<Answer> = services
        .iter()
        .enumerate()
        .flat_map(|(index, one)| service(ingress, one, index + 1 == services.len(), ports))
        .collect();
    answers.extend(network(ingress));
    let leads = services.iter().any(|service| service.is_to(ports));
    if answers.is_empty() && !leads {
        let message = "the tunnel leads to no port of a gateway: what does, stands elsewhere";
        answers.push(Answer::warn(Severity::Low, &ingress.subject, message).evidence(ingress.evidence.clone()));
    }
    if answers.is_empty() {
        let names: Vec<&str> =
            services.iter().filter(|one| one.is_to(ports)).map(|one| one.hostname.as_str()).collect();
        let message = format!("leads to the gateway under {} alone", names.join(", "));
        answers.push(Answer::pass(&ingress.subject, message).evidence(ingress.evidence.clone()));
    }
    answers.into_iter().map(|answer| answer.obtained(obtained)).collect()
}

fn service(ingress: &Ingress, one: &Service, is_last: bool, ports: &[u16]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let is_gateways = one.is_to(ports);
    let subject = || ingress.subject.clone();
    let is_every_name = one.hostname.is_empty() || one.hostname == "*";
    if is_gateways && is_every_name {
        let message = "every hostname that is routed to this tunnel reaches the gateway, also those without Access";
        let answer = Answer::fail(Severity::High, subject(), message);
        answers.push(answer.fix("bind the gateway to its hostname, and end the list with `service: http_status:404`"));
    } else if is_gateways && one.hostname.contains('*') {
        let message = format!("every name below {} reaches the gateway", one.hostname.trim_start_matches("*."));
        answers.push(Answer::warn(Severity::Medium, subject(), message));
    }
    if is_last && (!is_every_name || !one.path.is_empty()) {
        let message = "the last rule does not take everything, which cloudflared refuses to start with";
        let answer = Answer::warn(Severity::Low, subject(), message);
        answers.push(answer.fix("end the list with `- service: http_status:404`"));
    }
    if is_door(&one.target) {
        let name = if one.hostname.is_empty() { "every hostname" } else { &one.hostname };
        let scheme = one.target.split(':').next().unwrap_or_default();
        let message = format!("another door: {name} leads to {scheme}, which needs an Access application of its own");
        answers.push(Answer::warn(Severity::Medium, subject(), message));
    }
    if is_gateways && !one.is_local() {
        let message = "leads to the gateway over a network, not over this machine's loopback address";
        answers.push(Answer::warn(Severity::Medium, subject(), message));
    }
    let is_unverified = one.origin.get("noTLSVerify").and_then(Value::as_bool) == Some(true);
    if is_unverified && is_gateways {
        let message = "does not verify the certificate of what it leads to";
        answers.push(Answer::warn(Severity::Low, subject(), message));
    }
    answers.into_iter().map(|answer| answer.evidence(one.evidence.clone())).collect()
}

/// Services that give more than pages.
fn is_door(target: &str) -> bool {
    let schemes = ["ssh:", "rdp:", "tcp:", "smb:", "unix:", "bastion", "socks-proxy", "hello_world", "hello-world"];
    schemes.iter().any(|scheme| target.starts_with(scheme))
}

/// A tunnel that leads into the private network.
fn network(ingress: &Ingress) -> Option<Answer> {
    let is_on = ingress.root.pointer("/warp-routing/enabled").and_then(Value::as_bool) == Some(true);
    let message =
        "`warp-routing` is on: members of the team reach the private network of this machine, past every hostname";
    let evidence = ingress.evidence.clone().key("warp-routing.enabled");
    is_on.then(|| Answer::warn(Severity::Medium, &ingress.subject, message).evidence(evidence))
}
