//! Whether cloudflared itself verifies the assertion of Access, since OpenClaw only looks whether there is one.

use crate::finding::Severity;

use super::super::check::{Answer, Obtained, Seen};
use super::super::run::Context;
use super::super::transport::{Service, other_design, unknown_or_none};

/// `L3.jwt`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let tunnels = context.tunnels();
    let ports: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    let mut answers = Vec::new();
    for ingress in &tunnels.ingress {
        match &ingress.services {
            Err(why) => {
                let answer = why.answer(&ingress.subject, "whether the assertion of Access is verified");
                answers.push(answer.evidence(ingress.evidence.clone()));
            }
            Ok(services) => {
                let to_gateway = services.iter().filter(|service| service.is_to(&ports));
                answers.extend(to_gateway.map(|service| judged(&ingress.subject, service)));
            }
        }
    }
    if answers.is_empty() {
        answers.push(match other_design(context).filter(|_| tunnels.is_empty()) {
            Some((design, evidence)) => Answer::not_applicable("Access", design).evidence(evidence),
            None if !tunnels.ingress.is_empty() => {
                Answer::not_applicable("Access", "no tunnel leads to the gateway, see L2.ingress")
            }
            None => unknown_or_none(context),
        });
    }
    answers
}

fn judged(subject: &str, service: &Service) -> Answer {
    let name = if service.hostname.is_empty() { "every hostname" } else { &service.hostname };
    let subject = format!("{subject}, {name}");
    let obtained = if matches!(service.evidence.seen, Seen::Command(_)) { Obtained::Probe } else { Obtained::File };
    let answer = match (service.access(), service.origin.get("access")) {
        (Some((team, tags)), _) => {
            let message = format!("cloudflared lets in only what Access of the team {team} vouches for");
            let note = format!("audTag {}", tags.join(", "));
            Answer::pass(subject, message).evidence(service.evidence.clone().note(note))
        }
        (None, written) => {
            let message = match written {
                None => {
                    "nothing verifies the assertion of Access: whoever adds a route to this tunnel reaches the gateway"
                }
                Some(_) => {
                    "the assertion of Access is not verified: it takes `required: true`, `teamName` and `audTag`"
                }
            };
            Answer::warn(Severity::Medium, subject, message)
                .evidence(service.evidence.clone())
                .fix("set `originRequest.access` with `required: true`, `teamName` and `audTag` for this hostname")
        }
    };
    answer.obtained(obtained)
}
