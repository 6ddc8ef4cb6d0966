//! Where the gateway listens: by its configuration and unit, which count at the next start, and by its sockets, which
//! count now.

use std::net::{IpAddr, Ipv4Addr};

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained};
use super::super::host::{Host, Listener, Unread};
use super::super::openclaw::{Installation, Loaded, Version};
use super::super::reach::Reach;
use super::super::run::Context;
use super::login::Login;

const FIX: &str = "let the gateway listen on the loopback address only, and reach it through the tunnel";
const COMMAND: &str = "openclaw config set gateway.bind loopback";

/// What `gateway.bind` comes to.
pub(super) struct Bind {
    /// The mode or address, as it is written; none if nothing says one.
    pub(super) written: Option<String>,
    /// The address that it resolves to here; none if it is no known mode.
    pub(super) address: Option<IpAddr>,
    /// What says so.
    pub(super) evidence: Evidence,
    /// Whether a unit says otherwise than the configuration.
    pub(super) is_override: bool,
}

impl Bind {
    /// What counts when the gateway of this installation is started again.
    pub(super) fn of(installation: &Installation, host: &Host) -> Self {
        let config = Self::of_config(installation, host);
        let set =
            installation.units.iter().find_map(|unit| unit.option("--bind").or(unit.variable("OPENCLAW_GATEWAY_BIND")));
        let Some(set) = set else { return config };
        let is_override = config.written.as_deref().unwrap_or("loopback") != set.value;
        let address = resolved(&set.value, installation, host);
        Self { evidence: set.evidence().note(set.value.clone()), written: Some(set.value), address, is_override }
    }

    /// What the configuration alone says.
    pub(super) fn of_config(installation: &Installation, host: &Host) -> Self {
        let key = "gateway.bind";
        let value = installation.config().and_then(|config| Some((config.get(key)?, config.evidence(key))));
        let Some((value, evidence)) = value else {
            // Unset means auto in a container.
            let mode = if host.container().is_some() { "auto" } else { "loopback" };
            let evidence = Evidence::path(&installation.file).note("gateway.bind is not set");
            return Self { written: None, address: resolved(mode, installation, host), evidence, is_override: false };
        };
        let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let address = resolved(written.trim(), installation, host);
        Self { evidence: evidence.note(written.clone()), written: Some(written), address, is_override: false }
    }
}

/// The address of a mode; that of the widest where it depends on what is free at start.
fn resolved(mode: &str, installation: &Installation, host: &Host) -> Option<IpAddr> {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    Some(match mode {
        "loopback" => Ipv4Addr::LOCALHOST.into(),
        "lan" => any,
        // Where there is no overlay network, it is the loopback address.
        "tailnet" => Ipv4Addr::new(100, 64, 0, 0).into(),
        "auto" if host.container().is_some() => any,
        "auto" => Ipv4Addr::LOCALHOST.into(),
        "custom" => {
            let written = installation.config()?.text("gateway.customBindHost");
            // Older releases fall back to every address.
            written.and_then(|text| text.trim().parse().ok()).unwrap_or(any)
        }
        literal => literal.trim_matches(['[', ']']).parse().ok()?,
    })
}

/// `L4.bind-config`.
pub(super) fn configured(context: &Context) -> Vec<Answer> {
    context.each("where the gateway will listen", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        if let Loaded::Broken(why) = &installation.config {
            let file = Evidence::path(&installation.file);
            return vec![why.answer(subject, "the configuration could not be used").evidence(file)];
        }
        vec![next_start(&context.host, installation)]
    })
}

fn next_start(host: &Host, installation: &Installation) -> Answer {
    let subject = installation.subject();
    let bind = Bind::of(installation, host);
    let written = bind.written.clone();
    let shown = written.as_deref().unwrap_or("not set");
    let source = if bind.is_override { "the unit overrides gateway.bind with" } else { "gateway.bind is" };
    let Some(address) = bind.address else {
        let message = format!("{source} `{shown}`, which no release knows; the gateway refuses to start");
        return Answer::warn(Severity::Medium, subject, message).evidence(bind.evidence).command(COMMAND);
    };
    let reach = Reach::of(address);
    if let Some(mark) = host.container().filter(|_| reach == Reach::Public) {
        let message =
            format!("{source} `{shown}`; in a container ({mark}) the published address decides, see L1.docker-bypass");
        return Answer::not_applicable(subject, message).evidence(bind.evidence);
    }
    let is_mode =
        written.as_deref().is_none_or(|text| ["loopback", "lan", "tailnet", "auto", "custom"].contains(&text));
    match reach {
        Reach::Loopback | Reach::Overlay if is_mode => {
            let older = installation.version().is_none_or(|version| version < Version::release(2026, 9, 0));
            let falls_back = if older { ", unless that address is taken when it starts" } else { "" };
            Answer::pass(subject, format!("{source} {shown}: reached from {}{falls_back}", reach.name()))
                .evidence(bind.evidence)
        }
        Reach::Loopback | Reach::Overlay => {
            let message =
                format!("{source} `{shown}`, an address where a mode belongs; recent releases refuse to start");
            Answer::warn(Severity::Low, subject, message).evidence(bind.evidence).command(COMMAND)
        }
        _ => {
            let login = Login::of(installation, host);
            let severity = if login.is_open() { Severity::Critical } else { Severity::High };
            let without = if login.is_open() { ", and nothing asks who connects" } else { "" };
            let message =
                format!("{source} `{shown}`: from the next start on, {} can reach the gateway{without}", reach.name());
            Answer::fail(severity, subject, message)
                .evidence(bind.evidence)
                .all_evidence(login.evidence())
                .fix(FIX)
                .command(COMMAND)
        }
    }
}

/// `L4.bind-live`.
pub(super) fn live(context: &Context) -> Vec<Answer> {
    if let Err(why) = context.host.listeners() {
        return vec![why.answer("gateway sockets", "which sockets listen")];
    }
    let listeners = context.gateway_listeners();
    if listeners.is_empty() {
        return vec![not_running(context)];
    }
    listeners.into_iter().map(|listener| socket(context, listener)).collect()
}

fn not_running(context: &Context) -> Answer {
    let answer = if context.gateways().is_empty() {
        Answer::not_applicable("gateway sockets", "no gateway runs, and nothing listens at its port")
    } else {
        let unseen = Unread::Other("a gateway runs, but none of its sockets is seen from here".to_owned());
        unseen.answer("gateway sockets", "where the gateway listens")
    };
    answer.obtained(Obtained::Procfs)
}

fn socket(context: &Context, listener: &Listener) -> Answer {
    let host = &context.host;
    let subject = listener.shown();
    let owner = host.owner(listener);
    let who = match owner {
        Some(process) => format!("{} (process {}, user {})", process.name, process.pid, host.user_name(process.uid)),
        None => format!("a process of user {}", host.user_name(listener.uid)),
    };
    let reach = Reach::of(listener.address.ip());
    let evidence = Evidence::socket(&subject).note(&who);
    let answer = match reach {
        Reach::Loopback | Reach::Overlay => {
            Answer::pass(subject, format!("{who} can be reached from {}", reach.name()))
        }
        Reach::Private => {
            let message = format!("{who} can be reached from {}", reach.name());
            Answer::warn(Severity::High, subject, message).fix(FIX).command(COMMAND)
        }
        Reach::Public => {
            let command = format!("{COMMAND} && openclaw gateway restart");
            let kept = context.firewall().lets_in(listener.address.port()).filter(|kept| *kept < Reach::Public);
            let (severity, but) = match kept {
                // One layer of two is left.
                Some(kept) => {
                    (Severity::High, format!(", but for the packet filter, which lets in {} only", kept.name()))
                }
                None => (Severity::Critical, String::new()),
            };
            let message = format!("{who} can be reached from {}{but}", reach.name());
            Answer::fail(severity, subject, message).fix(FIX).command(command)
        }
    };
    answer.evidence(evidence).obtained(Obtained::Procfs)
}

/// `L4.bind-drift`.
pub(super) fn drift(context: &Context) -> Vec<Answer> {
    context.each("whether settings and sockets agree", |installation| {
        let subject = installation.subject();
        if installation.is_left_over() {
            return vec![Answer::not_applicable(subject, "left over from an earlier release, nothing starts it")];
        }
        if let Loaded::Broken(why) = &installation.config {
            return vec![why.answer(subject, "the configuration could not be used")];
        }
        let mut answers: Vec<Answer> = by_unit(&context.host, installation).into_iter().collect();
        answers.extend(by_socket(context, installation));
        if answers.is_empty() {
            answers.push(Answer::pass(subject, "configuration, unit and sockets agree, as far as each says something"));
        }
        answers
    })
}

/// A unit that opens what the configuration closes, or the reverse.
fn by_unit(host: &Host, installation: &Installation) -> Option<Answer> {
    let bind = Bind::of(installation, host);
    let config = Bind::of_config(installation, host);
    let (of_unit, of_config) = (Reach::of(bind.address?), Reach::of(config.address?));
    if !bind.is_override || of_unit == of_config {
        return None;
    }
    let severity = if of_unit > of_config { Severity::High } else { Severity::Medium };
    let message = format!(
        "the unit says {}, the configuration {}: the unit counts, and `openclaw config get gateway.bind` does not show it",
        bind.written.as_deref().unwrap_or("nothing"),
        config.written.as_deref().unwrap_or("nothing, which is loopback"),
    );
    let answer = if of_unit > of_config {
        Answer::fail(severity, installation.subject(), message)
    } else {
        Answer::warn(severity, installation.subject(), message)
    };
    Some(
        answer
            .evidence(bind.evidence)
            .evidence(config.evidence)
            .fix("take `--bind` out of the unit, so that one place says where the gateway listens")
            .command("openclaw gateway install --force"),
    )
}

/// A socket that is open to more than the settings say.
fn by_socket(context: &Context, installation: &Installation) -> Vec<Answer> {
    let bind = Bind::of(installation, &context.host);
    let Some(address) = bind.address else { return Vec::new() };
    let ports: Vec<u16> = installation.ports().iter().map(|port| port.number).collect();
    let wanted = Reach::of(address);
    let open = context
        .gateway_listeners()
        .into_iter()
        .filter(|listener| ports.contains(&listener.address.port()) && Reach::of(listener.address.ip()) > wanted);
    let answers = open.map(|listener| {
        let shown = listener.shown();
        let message = format!(
            "the gateway is set to {}, and {} listens: it was started with other settings",
            bind.written.as_deref().unwrap_or("loopback"),
            listener.address
        );
        Answer::fail(Severity::High, installation.subject(), message)
            .evidence(Evidence::socket(shown))
            .evidence(bind.evidence.clone())
            .obtained(Obtained::Procfs)
            .fix("restart the gateway, and find what starts it with other settings: a unit, a script, a shell history")
            .command("openclaw gateway restart")
    });
    answers.collect()
}
