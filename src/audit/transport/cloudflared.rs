//! cloudflared on a host: its processes, units, configurations and, where asking this machine is allowed, its own
//! answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::net::probe::{Client, Method, Reply};

use super::super::check::Evidence;
use super::super::host::{Entry, FILE_BYTES, Host, Process, Unread};
use super::super::openclaw::Unit;
use super::super::run::Context;

/// Directories of configurations, below a home directory.
const HOME: [&str; 3] = [".cloudflared", ".cloudflare-warp", "cloudflare-warp"];
/// The same, of the system.
const SYSTEM: [&str; 2] = ["/etc/cloudflared", "/usr/local/etc/cloudflared"];
/// Ports at which it tells about itself, unless it is told another.
const METRICS: std::ops::RangeInclusive<u16> = 20_241..=20_245;
/// How long it may take to do so.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most configurations.
const CONFIGS: usize = 32;

/// One line of a configuration that says where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) struct Service {
    /// The name that is asked for; empty is every name.
    pub(in crate::audit) hostname: String,
    /// An expression for the path; empty is every path.
    pub(in crate::audit) path: String,
    /// Where it goes, such as `http://localhost:18789`.
    pub(in crate::audit) target: String,
    /// Settings of the way there, those of the whole configuration included.
    pub(in crate::audit) origin: Value,
    /// Where it stands.
    pub(in crate::audit) evidence: Evidence,
}

impl Service {
    /// Host and port that it goes to, if it is an address.
    pub(in crate::audit) fn address(&self) -> Option<(String, u16)> {
        let url = Url::parse(&self.target).ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        let default = if matches!(url.scheme(), "https" | "wss") { 443 } else { 80 };
        Some((host, url.port().unwrap_or(default)))
    }

    /// Whether it goes to this machine itself.
    pub(in crate::audit) fn is_local(&self) -> bool {
        self.address().is_some_and(|(host, _)| is_local(&host))
    }

    /// Whether it leads to one of these ports, which are those of gateways.
    pub(in crate::audit) fn is_to(&self, ports: &[u16]) -> bool {
        self.address().is_some_and(|(_, port)| ports.contains(&port))
    }

    /// Whether cloudflared itself asks for the assertion of Access: team and tags, if so.
    pub(in crate::audit) fn access(&self) -> Option<(String, Vec<String>)> {
        let access = self.origin.get("access")?;
        let is_required = access.get("required").and_then(Value::as_bool) == Some(true);
        let team = access.get("teamName").and_then(Value::as_str).unwrap_or_default().trim();
        let tags = access.get("audTag").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let tags: Vec<String> = tags.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        (is_required && !team.is_empty() && !tags.is_empty()).then(|| (team.to_owned(), tags))
    }
}

fn is_local(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A configuration, or what a running tunnel says is its own.
#[derive(Debug)]
pub(in crate::audit) struct Ingress {
    /// What reports call it.
    pub(in crate::audit) subject: String,
    /// Its services in order, or why they are not known.
    pub(in crate::audit) services: Result<Vec<Service>, Unread>,
    /// The whole of it.
    pub(in crate::audit) root: Value,
    /// Where it is.
    pub(in crate::audit) evidence: Evidence,
}

/// Tunnels of a host.
#[derive(Debug, Default)]
pub(in crate::audit) struct Tunnels {
    /// Running ones.
    pub(in crate::audit) processes: Vec<Process>,
    /// Units that start one.
    pub(in crate::audit) units: Vec<Unit>,
    /// Configurations that count.
    pub(in crate::audit) ingress: Vec<Ingress>,
    /// What a running one says of its connections.
    pub(in crate::audit) ready: Option<Reply>,
    /// The name of a quick tunnel that a running one tells.
    pub(in crate::audit) quick: Option<String>,
    /// Whether a running or configured one takes its settings from Cloudflare, so that no file holds them.
    pub(in crate::audit) is_remote: bool,
    /// A container of cloudflared.
    pub(in crate::audit) container: Option<Evidence>,
    /// The program, if it is installed.
    pub(in crate::audit) program: Option<PathBuf>,
}

impl Tunnels {
    /// Looks for them.
    pub(in crate::audit) fn read(context: &Context) -> Self {
        let host = &context.host;
        let processes: Vec<Process> =
            host.processes().unwrap_or_default().iter().filter(|one| is_it(one)).cloned().collect();
        let units = units(context);
        let mut found = Self { processes, units, container: container(host), ..Self::default() };
        found.is_remote = found.commands().iter().any(|words| has_token(words))
            || found
                .units
                .iter()
                .any(|unit| ["TUNNEL_TOKEN", "TUNNEL_TOKEN_FILE"].iter().any(|name| unit.variable(name).is_some()));
        let programs = ["/usr/bin/cloudflared", "/usr/local/bin/cloudflared", "/opt/cloudflared/cloudflared"];
        found.program = programs.iter().map(PathBuf::from).find(|path| host.is_file(path));
        for file in files(context, &found) {
            found.ingress.push(Ingress::of_file(host, &file));
        }
        if context.options.deep || context.options.probe.is_some() {
            found.ask(host);
        }
        found
    }

    /// Command lines of processes and units.
    pub(in crate::audit) fn commands(&self) -> Vec<Vec<String>> {
        let running = self.processes.iter().map(|process| process.arguments.clone());
        running.chain(self.units.iter().map(Unit::command)).collect()
    }

    /// Whether there is anything of it.
    pub(in crate::audit) fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.units.is_empty() && self.ingress.is_empty() && self.container.is_none()
    }

    /// Services that lead to gateways.
    pub(in crate::audit) fn to_gateways(&self, ports: &[u16]) -> Vec<&Service> {
        let known = self.ingress.iter().filter_map(|ingress| ingress.services.as_ref().ok());
        known.flatten().filter(|service| service.is_to(ports)).collect()
    }

    /// Ports at which running ones were told to tell about themselves.
    fn metrics(&self) -> Vec<u16> {
        let commands = self.commands();
        let told = commands.iter().filter_map(|words| option(words, "--metrics"));
        let set = self.units.iter().filter_map(|unit| Some(unit.variable("TUNNEL_METRICS")?.value));
        let files = self.ingress.iter().filter_map(|ingress| ingress.root.get("metrics")?.as_str().map(str::to_owned));
        let port = |text: String| text.rsplit(':').next()?.parse().ok();
        told.chain(set).chain(files).filter_map(port).collect()
    }

    /// Asks those that run what they do; they answer to this machine alone.
    fn ask(&mut self, host: &Host) {
        let is_his = |port: u16| {
            let listeners = host.listeners().unwrap_or_default();
            let here = listeners.iter().filter(|one| one.address.port() == port && one.address.ip().is_loopback());
            let owner = |one| host.owner(one).map(is_it);
            here.map(owner).find(|owner| owner.unwrap_or(true)).is_some()
        };
        let Some(port) = self.metrics().into_iter().chain(METRICS).find(|port| is_his(*port)) else { return };
        let Ok(client) = Client::new(PATIENCE) else { return };
        let url = |path: &str| Url::parse(&format!("http://127.0.0.1:{port}{path}")).ok();
        let questions: Vec<(Method, Url)> =
            ["/ready", "/config", "/quicktunnel"].iter().filter_map(|path| Some((Method::Get, url(path)?))).collect();
        let mut answers = client.ask(&questions).into_iter().map(Result::ok);
        self.ready = answers.next().flatten();
        let config = answers.next().flatten().filter(|reply| reply.status == 200);
        let config = config.and_then(|reply| serde_json::from_str::<Value>(&reply.body).ok());
        if let Some(root) = config.as_ref().and_then(|config| config.get("config")) {
            let evidence = Evidence::command(format!("http://127.0.0.1:{port}/config"));
            let services = services(root, "", &evidence);
            let subject = "running tunnel".to_owned();
            // What runs counts, whatever files say.
            self.ingress = vec![Ingress { subject, services: Ok(services), root: root.clone(), evidence }];
            self.is_remote = false;
        }
        let quick = answers.next().flatten().and_then(|reply| serde_json::from_str::<Value>(&reply.body).ok());
        let name = quick.as_ref().and_then(|quick| quick.get("hostname")?.as_str()).unwrap_or_default();
        self.quick = (!name.is_empty()).then(|| name.to_owned());
    }
}

/// Whether a process is cloudflared.
fn is_it(process: &Process) -> bool {
    let program = process.arguments.first().map(|word| word.rsplit('/').next().unwrap_or(word));
    process.name == "cloudflared" || program == Some("cloudflared")
}

/// Whether a command line holds a token, or the file of one.
fn has_token(words: &[String]) -> bool {
    words.iter().any(|word| word.starts_with("--token"))
}

/// The value of an option of a command line.
pub(super) fn option(words: &[String], name: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(name) {
        Some("") => words.get(index + 1).cloned(),
        Some(rest) => rest.strip_prefix('=').map(str::to_owned),
        None => None,
    })
}

fn units(context: &Context) -> Vec<Unit> {
    let host = &context.host;
    let users = host.audited().unwrap_or_default();
    let own = users.iter().map(|user| (user.home.join(".config/systemd/user"), true));
    let system =
        ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
    let system = system.iter().map(|folder| (PathBuf::from(folder), false));
    let is_wanted = |name: &str| {
        name.starts_with("cloudflared") && name.ends_with(".service") && !name.starts_with("cloudflared-update")
    };
    let mut found: Vec<Unit> = Vec::new();
    for (folder, is_users) in system.chain(own) {
        for entry in host.list_if(&folder, is_wanted).unwrap_or_default() {
            let Ok(unit) = Unit::read(host, &entry, is_users) else { continue };
            if !found.iter().any(|other| other.name == unit.name) {
                found.push(unit);
            }
        }
    }
    let script = PathBuf::from("/etc/init.d/cloudflared");
    if found.is_empty() && host.is_file(&script) {
        let entry = Entry { name: "cloudflared".into(), path: script };
        found.extend(Unit::read(host, &entry, false));
    }
    found
}

/// Directories that may hold its configuration and secrets, each once.
pub(in crate::audit) fn folders(context: &Context) -> Vec<PathBuf> {
    let users = context.host.audited().unwrap_or_default();
    let homes = users.iter().map(|user| user.home.clone()).chain([PathBuf::from("/root")]);
    let mut found: Vec<PathBuf> = homes.flat_map(|home| HOME.map(|name| home.join(name))).collect();
    found.extend(SYSTEM.iter().map(PathBuf::from));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|folder| context.host.may_be_dir(folder) && seen.insert(folder.clone()));
    found
}

/// Configurations that count: those that a command names; without, those in the places that it looks at.
fn files(context: &Context, tunnels: &Tunnels) -> Vec<PathBuf> {
    let named: Vec<PathBuf> = tunnels
        .commands()
        .iter()
        .filter_map(|words| option(words, "--config"))
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .collect();
    let mut found = named;
    if found.is_empty() && !tunnels.is_remote {
        let places = folders(context);
        let names = ["config.yml", "config.yaml"];
        let usual = places.iter().flat_map(|folder| names.map(|name| folder.join(name)));
        found = usual.filter(|file| context.host.lstat(file).is_ok()).collect();
        // After `cloudflared service install` the copy of the system counts, not the one in a home directory.
        let is_service = tunnels.units.iter().any(|unit| !unit.is_users);
        let is_systems = |file: &PathBuf| SYSTEM.iter().any(|folder| file.starts_with(folder));
        if is_service && found.iter().any(is_systems) {
            found.retain(is_systems);
        }
    }
    found.sort();
    found.dedup();
    found.truncate(CONFIGS);
    found
}

impl Ingress {
    fn of_file(host: &Host, file: &Path) -> Self {
        let evidence = Evidence::path(file);
        let subject = file.display().to_string();
        let read = host.text(file, FILE_BYTES).and_then(|text| {
            let options = serde_saphyr::options! {
                budget: serde_saphyr::budget! { max_nodes: 50_000, max_depth: 64, max_aliases: 200 },
            };
            let root = serde_saphyr::from_str_with_options::<Value>(&text, options);
            let first = |error: String| error.lines().next().unwrap_or_default().to_owned();
            root.map(|root| (text, root)).map_err(|error| Unread::Other(first(error.to_string())))
        });
        match read {
            Err(why) => Self { subject, services: Err(why), root: Value::Null, evidence },
            Ok((text, root)) => {
                let services = services(&root, &text, &evidence);
                Self { subject, services: Ok(services), root, evidence }
            }
        }
    }
}

/// Services of a configuration, with the lines of the text that they were read from.
fn services(root: &Value, text: &str, place: &Evidence) -> Vec<Service> {
    let shared = root.get("originRequest").cloned().unwrap_or_default();
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut from = 0;
    let mut line = |target: &str| {
        let found =
            text.lines().enumerate().skip(from).find(|(_, line)| line.contains(target)).map(|(index, _)| index + 1);
        from = found.unwrap_or(from);
        found
    };
    let mut found = Vec::new();
    for rule in root.get("ingress").and_then(Value::as_array).into_iter().flatten() {
        let target = field(rule, "service");
        let mut origin = shared.clone();
        if let Some(own) = rule.get("originRequest").and_then(Value::as_object).filter(|own| !own.is_empty()) {
            match origin.as_object_mut() {
                Some(map) => map.extend(own.clone()),
                None => origin = Value::from(own.clone()),
            }
        }
        let evidence = place.clone().key("ingress").line(line(&target)).note(target.clone());
        let (hostname, path) = (field(rule, "hostname"), field(rule, "path"));
        found.push(Service { hostname, path, target, origin, evidence });
    }
    let single = field(root, "url");
    if found.is_empty() && !single.is_empty() {
        let evidence = place.clone().key("url").line(line(&single)).note(single.clone());
        found.push(Service { hostname: String::new(), path: String::new(), target: single, origin: shared, evidence });
    }
    found
}

/// A container of cloudflared, as Docker records it.
fn container(host: &Host) -> Option<Evidence> {
    let folders = host.list("/var/lib/docker/containers").unwrap_or_default();
    folders.iter().take(500).find_map(|folder| {
        let file = folder.path.join("config.v2.json");
        let value: Value = serde_json::from_slice(&host.read(&file, FILE_BYTES).ok()?).ok()?;
        let image = value.pointer("/Config/Image")?.as_str()?;
        let is_running = value.pointer("/State/Running").and_then(Value::as_bool) != Some(false);
        (image.contains("cloudflare/cloudflared") && is_running)
            .then(|| Evidence::path(&file).key("Config.Image").note(image))
    })
}
