//! Ports of containers: published ones go round the packet filter, since they are forwarded and never come in.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained};
use super::super::host::{FILE_BYTES, Host, Process, Unread};
use super::super::openclaw::{Known, Version};
use super::super::reach::Reach;
use super::super::run::Context;
use super::rules::{Family, Net, Protocol, Query, Rules, Verdict};

/// Where Docker keeps what it knows of containers.
const CONTAINERS: &str = "/var/lib/docker/containers";
/// Most containers that are looked at.
const COUNT: usize = 500;
/// Names of files that describe containers to start together.
const COMPOSE: [&str; 5] =
    ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml", "docker-compose.override.yml"];
/// Directories below home where a checkout with such a file lies.
const FOLDERS: [&str; 6] = ["", "openclaw", "clawdbot", "moltbot", ".openclaw", "docker/openclaw"];

/// A port that a container is reached at.
struct Published {
    /// The address on the host; every one if it is unspecified.
    address: IpAddr,
    /// The port on the host; none if Docker chooses one.
    port: Option<u16>,
    /// The port in the container.
    inner: Option<u16>,
    /// Whether the container is one of OpenClaw.
    is_openclaw: bool,
    evidence: Evidence,
    obtained: Obtained,
}

/// `L1.docker-bypass`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let subject = "published ports";
    let mut found = by_processes(context);
    found.extend(by_compose(context));
    if let Ok(rules) = &context.firewall().loaded {
        found.extend(by_rules(rules));
    }
    let hidden = match by_records(&context.host) {
        Ok(more) => {
            found.extend(more);
            None
        }
        Err(Unread::Absent) => None,
        Err(why) => Some(why),
    };
    let gateways: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    let mut answers: Vec<Answer> = Vec::new();
    let is_open = |one: &&Published| Reach::of(one.address) > Reach::Overlay || one.address.is_unspecified();
    for one in found.iter().filter(is_open) {
        let answer = published(context, one, &gateways);
        let known = answers.iter_mut().find(|other| other.subject == answer.subject);
        match known {
            Some(other) => other.evidence.extend(answer.evidence),
            None => answers.push(answer),
        }
    }
    if !answers.is_empty() {
        return answers;
    }
    if let Some(why) = hidden {
        return vec![why.answer(subject, "which ports containers publish").evidence(Evidence::path(CONTAINERS))];
    }
    if found.is_empty() {
        return vec![Answer::not_applicable(subject, "no container publishes a port")];
    }
    let places = found.into_iter().map(|one| one.evidence);
    let message = "containers publish ports on addresses that only this machine or the overlay network reaches";
    vec![Answer::pass(subject, message).all_evidence(places)]
}

fn published(context: &Context, one: &Published, gateways: &[u16]) -> Answer {
    let is_gateways = one.is_openclaw
        || one.port.is_some_and(|port| gateways.contains(&port))
        || one.inner.is_some_and(|port| gateways.contains(&port));
    let port = one.port.map_or_else(|| "a port that Docker chooses".to_owned(), |port| format!("port {port}"));
    let subject = format!("published {port}");
    let address = if one.address.is_unspecified() { "every address".to_owned() } else { one.address.to_string() };
    let what = if is_gateways { "the gateway in a container" } else { "a container" };
    let message = format!("{what} is published on {address}, which goes round ufw and any rule for what comes in");
    // What that chain sees was sent on to the container's port already.
    let is_closed = one.inner.or(one.port).is_some_and(|port| is_closed(&context.firewall().loaded, port));
    let answer = match (is_closed, is_gateways) {
        (true, _) => Answer::warn(Severity::Low, subject, format!("{message}; the chain DOCKER-USER keeps it closed")),
        (false, true) => Answer::fail(Severity::Critical, subject, message),
        (false, false) => Answer::warn(Severity::Medium, subject, message),
    };
    let inner = one.inner.or(one.port).unwrap_or(18789);
    let fix = format!(
        "publish it as `127.0.0.1:{}:{inner}` in the compose file or the `docker run` line",
        one.port.unwrap_or(inner)
    );
    answer.evidence(one.evidence.clone()).obtained(one.obtained).fix(fix)
}

/// Whether the chain that Docker leaves to the administrator keeps everyone out.
fn is_closed(loaded: &Result<Rules, Unread>, port: u16) -> bool {
    let Ok(rules) = loaded else { return false };
    let query = Query { family: Family::V4, protocol: Protocol::Tcp, port };
    let through = rules.through("DOCKER-USER", query);
    through.is_some_and(|origins| origins.iter().all(|origin| origin.reach() < Reach::Public))
}

/// Docker's own proxies: their arguments say what they publish, to every user.
fn by_processes(context: &Context) -> Vec<Published> {
    let proxies = context.host.processes().unwrap_or_default().iter();
    proxies
        .filter(|process| process.name == "docker-proxy" || process.name == "rootlessport")
        .filter_map(proxy)
        .collect()
}

fn proxy(process: &Process) -> Option<Published> {
    let option = |name: &str| {
        let mut words = process.arguments.iter().skip_while(|word| *word != name);
        words.nth(1).cloned()
    };
    if option("-proto").is_some_and(|protocol| protocol != "tcp") {
        return None;
    }
    let port = option("-host-port")?.parse().ok()?;
    let evidence = Evidence::command(format!("docker-proxy (process {})", process.pid));
    Some(Published {
        address: option("-host-ip")?.parse().ok()?,
        port: Some(port),
        inner: option("-container-port").and_then(|port| port.parse().ok()),
        is_openclaw: false,
        evidence: evidence.note(format!("-host-ip {} -host-port {port}", option("-host-ip")?)),
        obtained: Obtained::Procfs,
    })
}

/// Rules that send what arrives on to a container.
fn by_rules(rules: &Rules) -> Vec<Published> {
    let mut found = Vec::new();
    let chains = rules.tables.iter().flat_map(|table| table.chains.iter());
    for (name, chain) in chains {
        let is_dockers = name.starts_with("DOCKER") || name.starts_with("NETAVARK") || name.starts_with("CNI");
        for rule in &chain.rules {
            let (Verdict::Translate(to), true) = (&rule.verdict, is_dockers) else { continue };
            let when = &rule.when;
            let is_tcp = when.protocols.is_empty() || when.protocols.contains(&Protocol::Tcp);
            let Some((from, _)) = when.ports.as_ref().and_then(|ports| ports.first()).filter(|_| is_tcp) else {
                continue;
            };
            let is_loopback = when.destination.is_some_and(|net| net.reach() == Reach::Loopback);
            let address = when.destination.map(Net::address);
            let any = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
            found.push(Published {
                address: if is_loopback { IpAddr::V4(std::net::Ipv4Addr::LOCALHOST) } else { address.unwrap_or(any) },
                port: Some(*from),
                inner: to.rsplit_once(':').and_then(|(_, port)| port.parse().ok()),
                is_openclaw: false,
                evidence: rule.evidence.clone(),
                obtained: Obtained::Command,
            });
        }
    }
    found
}

/// What Docker writes down of a container that runs or will be started again.
struct Record {
    folder: PathBuf,
    /// `hostconfig.json`.
    settings: Value,
    /// `config.v2.json`.
    state: Value,
}

impl Record {
    fn image(&self) -> &str {
        self.state.pointer("/Config/Image").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Docker's own records, which root may read, of a running system or an image.
fn records(host: &Host) -> Result<Vec<Record>, Unread> {
    let mut found = Vec::new();
    for folder in host.list(CONTAINERS)?.into_iter().take(COUNT).map(|entry| entry.path) {
        let read = |name: &str| serde_json::from_slice::<Value>(&host.read(folder.join(name), FILE_BYTES).ok()?).ok();
        let Some(settings) = read("hostconfig.json") else { continue };
        let state = read("config.v2.json").unwrap_or_default();
        let is_stopped = state.pointer("/State/Running").and_then(Value::as_bool) == Some(false);
        let restarts = settings.pointer("/RestartPolicy/Name").and_then(Value::as_str);
        if !is_stopped || !matches!(restarts, None | Some("" | "no")) {
            found.push(Record { folder, settings, state });
        }
    }
    Ok(found)
}

fn by_records(host: &Host) -> Result<Vec<Published>, Unread> {
    let mut found = Vec::new();
    for record in records(host)? {
        let is_openclaw = ["openclaw", "clawdbot", "moltbot"].iter().any(|name| record.image().contains(name));
        let bindings = record.settings.get("PortBindings").and_then(Value::as_object);
        for (inner, hosts) in bindings.into_iter().flatten() {
            for binding in hosts.as_array().into_iter().flatten() {
                found.extend(binding_of(inner, binding, is_openclaw, &record.folder.join("hostconfig.json")));
            }
        }
    }
    Ok(found)
}

/// Containers of OpenClaw: the image of each, the version that it names, and where that stands.
pub(in crate::audit) fn images(host: &Host) -> Vec<(String, Known)> {
    let records = records(host).unwrap_or_default();
    let of_openclaw = records.into_iter().filter_map(|record| {
        let image = record.image().to_owned();
        let (path, tag) = image.rsplit_once('/').map_or(image.as_str(), |(_, name)| name).split_once(':')?;
        if !matches!(path, "openclaw" | "clawdbot" | "moltbot") {
            return None;
        }
        // Tags such as `latest` name no version, and labels may.
        let label = record.state.pointer("/Config/Labels/org.opencontainers.image.version").and_then(Value::as_str);
        let is_version = |text: &&str| Version::parse(text.trim_start_matches('v')).is_some();
        let text = [Some(tag), label].into_iter().flatten().find(is_version).unwrap_or(tag);
        let text = text.trim_start_matches('v').to_owned();
        let evidence = Evidence::path(record.folder.join("config.v2.json")).key("Config.Image");
        Some((image, Known { text, evidence, is_proof: true }))
    });
    of_openclaw.collect()
}

fn binding_of(inner: &str, binding: &Value, is_openclaw: bool, file: &Path) -> Option<Published> {
    let (port, protocol) = inner.split_once('/').unwrap_or((inner, "tcp"));
    if protocol != "tcp" {
        return None;
    }
    let field = |name: &str| binding.get(name).and_then(Value::as_str).unwrap_or_default();
    let address = if field("HostIp").is_empty() { "0.0.0.0" } else { field("HostIp") };
    let note = format!("{address}:{} to {port}", field("HostPort"));
    Some(Published {
        address: address.parse().ok()?,
        port: field("HostPort").parse().ok(),
        inner: port.parse().ok(),
        is_openclaw,
        evidence: Evidence::path(file).key("PortBindings").note(note),
        obtained: Obtained::File,
    })
}

/// Files that say what to start: what they publish counts at the next start.
fn by_compose(context: &Context) -> Vec<Published> {
    let users = context.host.audited().unwrap_or_default();
    let homes = users.iter().flat_map(|user| FOLDERS.iter().map(|folder| user.home.join(folder)));
    let folders: Vec<PathBuf> = homes.chain([PathBuf::from("/opt/openclaw"), PathBuf::from("/srv/openclaw")]).collect();
    let mut found = Vec::new();
    for folder in &folders {
        for name in COMPOSE {
            let file = folder.join(name);
            let Ok(text) = context.host.text(&file, FILE_BYTES) else { continue };
            found.extend(services(&text, &file));
        }
        let quadlets = folder.join(".config/containers/systemd");
        for entry in context.host.list_if(quadlets, |name| name.ends_with(".container")).unwrap_or_default() {
            let text = context.host.text(&entry.path, FILE_BYTES).unwrap_or_default();
            let is_openclaw = text.contains("openclaw");
            let lines = text.lines().enumerate();
            found.extend(lines.filter_map(|(index, line)| {
                let value = line.trim().strip_prefix("PublishPort=")?;
                short(value, is_openclaw, Evidence::path(&entry.path).key("PublishPort").line(Some(index + 1)))
            }));
        }
    }
    found
}

fn services(text: &str, file: &Path) -> Vec<Published> {
    let Ok(value) = serde_saphyr::from_str::<Value>(text) else { return Vec::new() };
    let mut found = Vec::new();
    let services = value.get("services").and_then(Value::as_object);
    for (name, service) in services.into_iter().flatten() {
        let image = service.get("image").and_then(Value::as_str).unwrap_or_default();
        let is_openclaw =
            ["openclaw", "clawdbot", "moltbot"].iter().any(|one| image.contains(one) || name.contains(one));
        for port in service.get("ports").and_then(Value::as_array).into_iter().flatten() {
            let key = format!("services.{name}.ports");
            let shown = port.as_str().map_or_else(|| port.to_string(), str::to_owned);
            let line = text.lines().position(|line| line.contains(&shown)).map(|index| index + 1);
            let evidence = Evidence::path(file).key(key).line(line);
            found.extend(match port {
                Value::Object(_) => long(port, is_openclaw, evidence),
                _ => short(&shown, is_openclaw, evidence),
            });
        }
    }
    found
}

/// `published` and `target` in words of their own.
fn long(port: &Value, is_openclaw: bool, evidence: Evidence) -> Option<Published> {
    let number = |name: &str| {
        let value = port.get(name)?;
        value.as_u64().and_then(|port| u16::try_from(port).ok()).or_else(|| value.as_str()?.parse().ok())
    };
    if port.get("protocol").and_then(Value::as_str).is_some_and(|protocol| protocol != "tcp") {
        return None;
    }
    let address = port.get("host_ip").and_then(Value::as_str).unwrap_or("0.0.0.0");
    Some(Published {
        address: address.parse().ok()?,
        port: number("published"),
        inner: number("target"),
        is_openclaw,
        evidence: evidence.note(address),
        obtained: Obtained::File,
    })
}

/// `18789`, `18789:18789` or `127.0.0.1:18789:18789`, with variables that have a default.
fn short(text: &str, is_openclaw: bool, evidence: Evidence) -> Option<Published> {
    let text = defaulted(text.trim().trim_matches(['"', '\'']));
    let (text, protocol) = text.split_once('/').map_or((text.as_str(), "tcp"), |(text, protocol)| (text, protocol));
    if protocol != "tcp" {
        return None;
    }
    let (rest, inner) = text.rsplit_once(':').map_or((None, text), |(rest, inner)| (Some(rest), inner));
    let (address, port) = match rest {
        None => ("0.0.0.0", None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((address, port)) => (address.trim_matches(['[', ']']), Some(port)),
            None => ("0.0.0.0", Some(rest)),
        },
    };
    let number = |text: &str| text.split('-').next().and_then(|text| text.parse().ok());
    Some(Published {
        address: address.parse().ok()?,
        port: port.and_then(number),
        inner: number(inner),
        is_openclaw,
        evidence: evidence.note(text),
        obtained: Obtained::File,
    })
}

/// `${NAME:-default}` as its default.
fn defaulted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let Some((name, after)) = from.split_once('}') else { break };
        out.push_str(before);
        out.push_str(name.split_once(":-").or_else(|| name.split_once('-')).map_or("", |(_, default)| default));
        rest = after;
    }
    out.push_str(rest);
    out
}
