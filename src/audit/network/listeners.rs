//! Everything beside SSH and the gateway that listens to networks: each is a way round the tunnel and what stands
//! before it.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained};
use super::super::host::Listener;
use super::super::reach::Reach;
use super::super::run::Context;

/// Programs that pass requests on to others.
const PROXIES: [&str; 9] = ["nginx", "caddy", "traefik", "haproxy", "apache2", "httpd", "envoy", "ngrok", "frps"];
/// Ports of web servers.
const WEB: [u16; 2] = [80, 443];
/// Ports of what an agent uses and nobody else should.
const INNER: [(u16, &str); 5] = [
    (11434, "Ollama, which asks nobody who they are"),
    (9222, "a browser's debugging port, through which it can be steered"),
    (2375, "Docker's own interface, which is as good as root"),
    (6379, "Redis"),
    (18792, "a browser's debugging port, through which it can be steered"),
];

/// `L1.listeners`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let listeners = match context.host.listeners() {
        Ok(listeners) => listeners,
        Err(why) => return vec![why.answer("sockets", "which sockets listen")],
    };
    let ssh = context.ssh().map(|ssh| ssh.ports()).unwrap_or_else(|_| vec![22]);
    let gateways: Vec<u64> = context.gateway_listeners().iter().map(|listener| listener.inode).collect();
    let is_other = |listener: &&Listener| {
        let owner = context.host.owner(listener);
        let name = owner.map_or("", |process| process.name.as_str());
        let is_ssh =
            ssh.contains(&listener.address.port()) && (name.starts_with("sshd") || matches!(name, "" | "systemd"));
        // Published ports are told by another check.
        let is_told = is_ssh || (name == "docker-proxy" && owner.is_some_and(|process| process.uid == 0));
        !is_told && !gateways.contains(&listener.inode) && Reach::of(listener.address.ip()) > Reach::Overlay
    };
    let mut answers: Vec<Answer> = Vec::new();
    for listener in listeners.iter().filter(is_other) {
        let answer = socket(context, listener);
        // The same program on both families is one thing to do.
        if !answers.iter().any(|other| other.subject == answer.subject) {
            answers.push(answer);
        }
    }
    if answers.is_empty() {
        let message = "nothing beside SSH and the gateway listens to a network";
        answers.push(Answer::pass("sockets", message).obtained(Obtained::Procfs));
    }
    answers
}

fn socket(context: &Context, listener: &Listener) -> Answer {
    let host = &context.host;
    let port = listener.address.port();
    let owner = host.owner(listener);
    let who = owner.map_or_else(
        || format!("a process of user {}", host.user_name(listener.uid)),
        |process| format!("{} (process {})", process.name, process.pid),
    );
    let subject = listener.shown();
    let is_proxy = owner.is_some_and(|process| PROXIES.contains(&process.name.as_str())) || WEB.contains(&port);
    let inner = INNER.iter().find(|(number, _)| *number == port).map(|(_, what)| *what);
    let reach = context.firewall().reach(port);
    let evidence = Evidence::socket(&subject).note(&who);
    let answer = match reach {
        Some(reach) if reach < Reach::Public => Answer::pass(
            subject,
            format!("{who} listens to networks, and the packet filter keeps it to {}", reach.name()),
        ),
        _ => {
            let told =
                if reach.is_none() { "; whether the packet filter closes it is not known without root" } else { "" };
            let what = match (inner, is_proxy) {
                (Some(what), _) => format!("{who} listens to networks: {what}{told}"),
                (None, true) => format!("{who} listens to networks: what it passes on goes round Access{told}"),
                (None, false) => format!("{who} listens to networks{told}"),
            };
            let severity = match (inner.is_some() || is_proxy, reach) {
                (true, Some(_)) => Severity::High,
                (true, None) | (false, Some(_)) => Severity::Medium,
                (false, None) => Severity::Low,
            };
            Answer::warn(severity, subject, what)
        }
    };
    answer.evidence(evidence).obtained(Obtained::Procfs)
}
