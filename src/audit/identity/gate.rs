//! Whether a stranger who asks for the gateway is sent to the login of Access, on every path.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use url::Url;

use crate::finding::Severity;
use crate::net::probe::{Client, Method, Reply};

use super::super::check::{Answer, Evidence, Missing, Obtained};
use super::super::host::quoted;
use super::super::run::Context;
use super::super::transport::other_design;
use super::answer::{Gate, judge};

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// Paths that a gateway answers by itself.
const PATHS: [&str; 4] = ["/healthz", "/startupz", "/hooks/agent", "/tools/invoke"];

/// `L3.gate`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let Some(written) = &context.options.probe else { return vec![not_asked(context)] };
    let url = Url::parse(written).or_else(|_| Url::parse(&format!("https://{written}")));
    let url = url.ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    let Some(url) = url else {
        let message = "the address after `--probe` is none of a web server";
        return vec![Answer::unknown(Missing::Other, "Access", message)];
    };
    let questions = questions(&url);
    let replies = match Client::new(PATIENCE) {
        Ok(client) => client.ask(&questions),
        Err(error) => {
            let message = format!("nothing can be asked on this system: {error}");
            return vec![Answer::unknown(Missing::Other, "Access", message)];
        }
    };
    let all: Vec<(Method, Url, Result<Reply, String>)> =
        questions.into_iter().zip(replies).map(|((method, url), reply)| (method, url, reply)).collect();
    let gates: Vec<Gate> =
        all.iter().filter_map(|(method, url, reply)| Some(judge(url, *method, reply.as_ref().ok()?))).collect();
    let is_partial = gates.iter().any(|gate| matches!(gate, Gate::Access { .. }));
    let mut answers: Vec<Answer> =
        all.iter().map(|(method, url, reply)| answer(*method, url, reply, is_partial)).collect();
    answers.extend(another(context, &gates));
    answers
}

fn not_asked(context: &Context) -> Answer {
    let tunnels = context.tunnels();
    let ports: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    let services = tunnels.to_gateways(&ports);
    let name =
        services.iter().map(|service| service.hostname.as_str()).find(|name| !name.is_empty() && !name.contains('*'));
    if tunnels.is_empty() {
        return match other_design(context) {
            Some((design, evidence)) => Answer::not_applicable("Access", design).evidence(evidence),
            None => Answer::not_applicable("Access", "there is no tunnel that Access could stand before"),
        };
    }
    let host = name.unwrap_or("openclaw.example.com");
    Answer::unknown(Missing::Probe, "Access", "whether Access stands before the gateway shows only from outside")
        .command(format!("skillscan audit --probe {}", quoted(format!("https://{host}"))))
}

/// What is asked: the page itself in two ways, paths that the gateway knows, one that nobody knows, and a WebSocket.
fn questions(url: &Url) -> Vec<(Method, Url)> {
    let at = |path: &str| {
        let mut url = url.clone();
        url.set_path(path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    let random = RandomState::new().build_hasher().finish();
    let given = if url.path().is_empty() { "/" } else { url.path() }.to_owned();
    let mut found = vec![(Method::Head, at(&given)), (Method::Get, at(&given))];
    found.extend(PATHS.iter().map(|path| (Method::Get, at(path))));
    found.push((Method::Get, at(&format!("/skillscan-{random:016x}"))));
    found.push((Method::Upgrade, at("/")));
    found
}

fn answer(method: Method, url: &Url, reply: &Result<Reply, String>, is_partial: bool) -> Answer {
    // What is random in the path tells nobody anything.
    let path = if url.path().starts_with("/skillscan-") { "an unknown path" } else { url.path() };
    let subject = format!("{} {path}", method.name());
    let mut shown = url.clone();
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    let evidence = Evidence::command(format!("{} {shown}", method.name()));
    let reply = match reply {
        Ok(reply) => reply,
        Err(why) => {
            return Answer::unknown(Missing::Other, subject, why.clone()).evidence(evidence).obtained(Obtained::Probe);
        }
    };
    let evidence = evidence.note(format!("status {}", reply.status));
    let partly = if is_partial { ", although other paths are protected" } else { "" };
    let answer = match judge(url, method, reply) {
        Gate::Access { team, tag } => {
            let team = team.map(|team| format!(" of the team {team}")).unwrap_or_default();
            let tag = tag.map(|tag| format!(" (application {tag})")).unwrap_or_default();
            Answer::pass(subject, format!("a stranger is stopped by Access{team}{tag}"))
        }
        Gate::Gateway(how) => {
            let message = format!("the gateway is reached without Access: {how}{partly}");
            Answer::fail(Severity::Critical, subject, message)
        }
        Gate::Open(what) => Answer::fail(Severity::High, subject, format!("{what}, without Access{partly}")),
        Gate::Elsewhere(target) => {
            let message = format!("a redirect to {target}, which is no login of Access{partly}");
            Answer::fail(Severity::High, subject, message)
        }
        Gate::Tried => {
            let message = format!("Cloudflare tried to reach the gateway for a stranger, which is down{partly}");
            Answer::fail(Severity::High, subject, message)
        }
        Gate::Unclear(why) => Answer::unknown(Missing::Other, subject, why),
    };
    answer.evidence(evidence).obtained(Obtained::Probe)
}

/// A login of another team or application than the one whose assertion cloudflared verifies.
fn another(context: &Context, gates: &[Gate]) -> Option<Answer> {
    let ports: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    let wanted: Vec<(String, Vec<String>)> =
        context.tunnels().to_gateways(&ports).iter().filter_map(|service| service.access()).collect();
    let (team, tags) = wanted.first()?;
    let is_other = |gate: &&Gate| match gate {
        Gate::Access { team: told, tag } => {
            told.as_ref().is_some_and(|told| told != team) || tag.as_ref().is_some_and(|tag| !tags.contains(tag))
        }
        _ => false,
    };
    let Gate::Access { team: told, .. } = gates.iter().find(is_other)? else { return None };
    let told = told.as_deref().unwrap_or("another application");
    let message =
        format!("the login is of {told}, and cloudflared verifies assertions of {team} for other applications");
    Some(Answer::warn(Severity::Medium, "application of Access", message).obtained(Obtained::Probe))
}
