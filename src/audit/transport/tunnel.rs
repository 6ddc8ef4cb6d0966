//! Whether the tunnel runs, and is no quick one, which nothing can stand before.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained};
use super::super::host::{Host, Process};
use super::super::openclaw::Unit;
use super::super::reach::Reach;
use super::super::run::Context;
use super::cloudflared::{Tunnels, option};

const SUBJECT: &str = "cloudflared";

/// `L2.tunnel`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let tunnels = context.tunnels();
    if tunnels.is_empty() {
        return vec![without(context)];
    }
    let quick = quick(tunnels);
    if !quick.is_empty() {
        return quick;
    }
    let mut answers = vec![state(context, tunnels)];
    answers.extend(open_metrics(context));
    answers
}

/// No tunnel of Cloudflare: another design, or the gateway is reached in no such way.
fn without(context: &Context) -> Answer {
    if let Some((design, evidence)) = other_design(context) {
        return Answer::not_applicable(SUBJECT, format!("not in use; {design}")).evidence(evidence);
    }
    if context.tunnels().program.is_some() {
        let message = "installed, but no tunnel is set up and none runs; the gateway is reached from this machine only";
        return Answer::not_applicable(SUBJECT, message);
    }
    let open: Vec<Evidence> = context
        .gateway_listeners()
        .into_iter()
        .filter(|listener| Reach::of(listener.address.ip()) == Reach::Public)
        .map(|listener| Evidence::socket(listener.shown()))
        .collect();
    if open.is_empty() {
        let message = "not installed; the gateway is reached from this machine only, as through an SSH tunnel";
        return Answer::not_applicable(SUBJECT, message);
    }
    let message = "the gateway listens to networks, and no tunnel stands between";
    Answer::warn(Severity::Medium, SUBJECT, message).all_evidence(open).obtained(Obtained::Procfs)
}

/// Another accepted way to the gateway, with what shows it.
pub(in crate::audit) fn other_design(context: &Context) -> Option<(&'static str, Evidence)> {
    for installation in context.installations().unwrap_or_default() {
        let Some(config) = installation.config() else { continue };
        let mode = config.text("gateway.tailscale.mode").filter(|mode| matches!(*mode, "serve" | "funnel"));
        if let Some(mode) = mode {
            return Some(("Tailscale leads to the gateway", config.evidence("gateway.tailscale.mode").note(mode)));
        }
        if config.text("gateway.bind") == Some("tailnet") {
            return Some(("the gateway listens on the tailnet", config.evidence("gateway.bind")));
        }
    }
    let host = &context.host;
    let running = |names: &[&str]| {
        let processes = host.processes().unwrap_or_default();
        let found = processes.iter().find(|process| names.contains(&process.name.as_str()));
        found.map(|process| Evidence::command(format!("{} (process {})", process.name, process.pid)))
    };
    if let Some(evidence) = running(&["tailscaled"]) {
        return Some(("Tailscale runs", evidence));
    }
    let state = "/var/lib/tailscale/tailscaled.state";
    if host.lstat(state).is_ok() {
        return Some(("Tailscale is set up", Evidence::path(state)));
    }
    let others = ["netbird", "zerotier-one", "nebula", "pangolin", "newt", "oauth2-proxy", "authelia", "teleport"];
    running(&others).map(|evidence| ("another overlay network or identity proxy runs", evidence))
}

/// Quick tunnels get a name that nobody can put a login before.
fn quick(tunnels: &Tunnels) -> Vec<Answer> {
    let is_quick = |words: &[String]| {
        let is_named =
            words.iter().any(|word| word == "run" || word.starts_with("--token") || word.starts_with("--name"));
        let has_url = option(words, "--url").is_some() || words.iter().any(|word| word == "--hello-world");
        has_url && !is_named
    };
    let running = tunnels.processes.iter().filter(|process| is_quick(&process.arguments));
    let places = running.map(|process: &Process| {
        (Evidence::command(format!("cloudflared (process {})", process.pid)).note("tunnel --url"), Obtained::Procfs)
    });
    let units = tunnels.units.iter().filter(|unit| is_quick(&unit.command()));
    let places =
        places.chain(units.filter_map(|unit: &Unit| Some((unit.get("ExecStart")?.evidence(), Obtained::File))));
    let told = tunnels.quick.iter();
    let places = places.chain(told.map(|name| (Evidence::command("/quicktunnel").note(name), Obtained::Probe)));
    let answer = |(evidence, obtained)| {
        let message =
            "a quick tunnel: whoever learns its name reaches what it leads to, and Access cannot stand before it";
        Answer::fail(Severity::Critical, SUBJECT, message)
            .evidence(evidence)
            .obtained(obtained)
            .fix("end it, and make a named tunnel with an Access application before its hostname")
            .command("cloudflared tunnel create openclaw")
    };
    places.map(answer).take(1).collect()
}

fn state(context: &Context, tunnels: &Tunnels) -> Answer {
    let host = &context.host;
    let units: Vec<Evidence> = tunnels.units.iter().map(|unit| Evidence::path(&unit.file)).collect();
    if let Some(reply) = &tunnels.ready {
        let value: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
        let count = value.get("readyConnections").and_then(serde_json::Value::as_u64).unwrap_or_default();
        let evidence = Evidence::command("/ready").note(format!("{count} connections"));
        let answer = if reply.status == 200 && count > 0 {
            Answer::pass(SUBJECT, format!("runs, with {count} connections to Cloudflare"))
        } else {
            let message = "runs, and has no connection to Cloudflare: the gateway is not reached through it";
            Answer::warn(Severity::Medium, SUBJECT, message).command("journalctl -u cloudflared -n 50")
        };
        return answer.evidence(evidence).obtained(Obtained::Probe);
    }
    if let Some(process) = tunnels.processes.first() {
        let evidence = Evidence::command(format!("cloudflared (process {})", process.pid));
        return Answer::pass(SUBJECT, "a named tunnel runs")
            .evidence(evidence)
            .all_evidence(units)
            .obtained(Obtained::Procfs);
    }
    if let Some(evidence) = &tunnels.container {
        return Answer::pass(SUBJECT, "a container of cloudflared runs").evidence(evidence.clone());
    }
    let is_enabled = tunnels.units.iter().any(|unit| is_enabled(host, unit));
    let live = host.processes();
    match (live, units.is_empty()) {
        (Ok(_), _) => {
            let message =
                "set up, and does not run: the gateway is not reached through it, and what is may go another way";
            let places = if units.is_empty() { configs(tunnels) } else { units };
            Answer::warn(Severity::Medium, SUBJECT, message)
                .all_evidence(places)
                .obtained(Obtained::Procfs)
                .command("sudo systemctl enable --now cloudflared")
        }
        (Err(_), false) if is_enabled => Answer::pass(SUBJECT, "a unit starts it with the system").all_evidence(units),
        (Err(_), false) => Answer::warn(Severity::Low, SUBJECT, "a unit is there, and does not start with the system")
            .all_evidence(units)
            .command("sudo systemctl enable --now cloudflared"),
        (Err(why), true) => {
            why.answer(SUBJECT, "whether it runs, since no unit starts it").all_evidence(configs(tunnels))
        }
    }
}

fn configs(tunnels: &Tunnels) -> Vec<Evidence> {
    tunnels.ingress.iter().map(|ingress| ingress.evidence.clone()).collect()
}

/// Whether a unit starts with the system.
fn is_enabled(host: &Host, unit: &Unit) -> bool {
    let folders = ["multi-user.target.wants", "default.target.wants", "network-online.target.wants"];
    let base = unit.file.parent().unwrap_or(&unit.file).to_owned();
    let bases = [base, "/etc/systemd/system".into()];
    bases.iter().any(|base| folders.iter().any(|folder| host.lstat(base.join(folder).join(&unit.name)).is_ok()))
}

/// It should listen to this machine alone.
fn open_metrics(context: &Context) -> Vec<Answer> {
    let listeners = context.host.listeners().unwrap_or_default();
    let is_his = |inode| context.host.owner(inode).is_some_and(|process| process.name == "cloudflared");
    let open = listeners.iter().filter(|one| is_his(one) && Reach::of(one.address.ip()) > Reach::Overlay);
    let answer = |listener: &super::super::host::Listener| {
        let message = "cloudflared tells networks about itself: its configuration, hostnames and connections";
        Answer::warn(Severity::Medium, listener.shown(), message)
            .evidence(Evidence::socket(listener.shown()))
            .obtained(Obtained::Procfs)
            .fix("set `metrics: 127.0.0.1:20241` in its configuration")
    };
    open.map(answer).collect()
}
