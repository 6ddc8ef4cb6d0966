//! Runs the checks: side by side, each with a time limit, and none can take another down.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Limits, Policy, Ruleset, Scanner};

use super::baseline::Baseline;
use super::check::{Answer, CheckId, Missing};
use super::host::{Host, Listener, Process, Unread};
use super::network::Firewall;
use super::openclaw::{self, Installation, Port};
use super::os::Ssh;
use super::transport::Tunnels;
use super::{Audit, Checked, Subject, agent, application, files, identity, network, os, transport};

/// Stack of a check, which may parse what an adversary wrote.
const STACK: usize = 16 * 1024 * 1024;

/// What is asked of an audit.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only the installation of this profile; `default` is the one without a name.
    pub profile: Option<String>,
    /// The address that `--probe` names: the only one that is ever asked.
    pub probe: Option<String>,
    /// Also what takes long: second opinions by slow programs.
    pub deep: bool,
    /// Also scan all skills, with this and the choices that it has.
    pub scan: Option<Arc<Scanner>>,
    /// What to compare with.
    pub baseline: Option<Baseline>,
    /// Today, `YYYY-MM-DD`, which decides whether data is old.
    pub today: String,
    /// How long a check may take.
    pub time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: None,
            probe: None,
            deep: false,
            scan: None,
            baseline: None,
            today: String::new(),
            time: Duration::from_secs(10),
        }
    }
}

/// What checks look at, found out once for all of them.
pub struct Context {
    /// The host.
    pub host: Host,
    /// What is asked.
    pub options: Options,
    installations: OnceLock<Result<Vec<Installation>, Unread>>,
    firewall: OnceLock<Firewall>,
    tunnels: OnceLock<Tunnels>,
    ssh: OnceLock<Result<Ssh, Unread>>,
}

impl Context {
    /// Nothing is read yet.
    pub fn new(host: Host, options: Options) -> Self {
        Self {
            host,
            options,
            installations: OnceLock::new(),
            firewall: OnceLock::new(),
            tunnels: OnceLock::new(),
            ssh: OnceLock::new(),
        }
    }

    /// Installations of the audited users.
    ///
    /// # Errors
    /// If the users are not known.
    pub fn installations(&self) -> Result<&[Installation], Unread> {
        let found =
            self.installations.get_or_init(|| openclaw::installations(&self.host, self.options.profile.as_deref()));
        found.as_deref().map_err(Clone::clone)
    }

    /// Ports of all gateways, those that run and those that are configured, each once.
    pub fn gateway_ports(&self) -> Vec<Port> {
        let configured = self.installations().unwrap_or_default().iter().flat_map(Installation::ports);
        let running = self.gateway_listeners().into_iter().map(|listener| Port {
            number: listener.address.port(),
            evidence: super::Evidence::socket(listener.shown()),
        });
        let mut ports: Vec<Port> = Vec::new();
        for port in configured.chain(running) {
            if !ports.iter().any(|other| other.number == port.number) {
                ports.push(port);
            }
        }
        ports
    }

    /// Processes that are gateways.
    pub fn gateways(&self) -> Vec<&Process> {
        let processes = self.host.processes().unwrap_or_default();
        processes.iter().filter(|process| openclaw::is_gateway(process)).collect()
    }

    /// Sockets that belong to a gateway, or listen at a port that one is configured to use.
    pub fn gateway_listeners(&self) -> Vec<&Listener> {
        let installations = self.installations().unwrap_or_default();
        let configured: Vec<u16> = installations.iter().flat_map(Installation::ports).map(|port| port.number).collect();
        let is_gateways = |listener: &&Listener| {
            let port = listener.address.port();
            configured.contains(&port) || self.host.owner(listener).is_some_and(openclaw::is_gateway)
        };
        self.host.listeners().unwrap_or_default().iter().filter(is_gateways).collect()
    }

    /// A scan with the built-in rules and no choices, for what is looked at beside skills; none only if they are broken, which the tests exclude.
    pub fn scanner(&self) -> Option<&Scanner> {
        // Reading the rules costs more than all checks together, and they are the same for every host.
        static SCANNER: OnceLock<Option<Scanner>> = OnceLock::new();
        let scanner = || Some(Scanner::new(Ruleset::builtin().ok()?, Limits::default(), Policy::new(&[]).ok()?));
        SCANNER.get_or_init(scanner).as_ref()
    }

    /// The built-in rules.
    pub fn rules(&self) -> Option<&Ruleset> {
        self.scanner().map(Scanner::rules)
    }

    /// The packet filter: what files set and what the kernel has.
    pub(super) fn firewall(&self) -> &Firewall {
        self.firewall.get_or_init(|| Firewall::read(&self.host))
    }

    /// Tunnels of cloudflared.
    pub(super) fn tunnels(&self) -> &Tunnels {
        self.tunnels.get_or_init(|| Tunnels::read(self))
    }

    /// What the SSH server is set to do.
    ///
    /// # Errors
    /// If there is none, or its settings cannot be read.
    pub(super) fn ssh(&self) -> Result<&Ssh, Unread> {
        self.ssh.get_or_init(|| Ssh::read(&self.host)).as_ref().map_err(Clone::clone)
    }

    /// An answer of each installation, or why there is none.
    pub fn each(&self, what: &str, answer: impl Fn(&Installation) -> Vec<Answer>) -> Vec<Answer> {
        match self.installations() {
            Err(why) => vec![why.answer("OpenClaw", what)],
            Ok([]) => vec![Answer::not_applicable("OpenClaw", "no installation was found")],
            Ok(found) => found.iter().flat_map(answer).collect(),
        }
    }
}

/// A check: its id, which its document bears too, and what it does.
#[derive(Clone, Copy)]
pub struct Check {
    /// As in [`CheckId`].
    pub id: &'static str,
    /// Looks, and answers for each subject.
    pub run: fn(&Context) -> Vec<Answer>,
}

/// All checks, layer by layer.
pub fn checks() -> Vec<Check> {
    [
        network::CHECKS,
        transport::CHECKS,
        identity::CHECKS,
        application::CHECKS,
        agent::CHECKS,
        files::CHECKS,
        os::CHECKS,
    ]
    .concat()
}

/// Runs all checks on a host.
pub fn run(host: Host, options: Options) -> Audit {
    let time = options.time;
    let context = Arc::new(Context::new(host, options));
    let (answers, is_late) = answers(&context, &checks(), time);
    let mut checked: Vec<Checked> = Vec::new();
    for (id, answers) in answers {
        let Some((id, layer)) = CheckId::new(id).and_then(|id| Some((id, id.layer()?))) else { continue };
        checked.extend(answers.into_iter().map(|answer| Checked { id, layer, answer }));
    }
    checked.sort_by(|one, other| {
        let key = |checked: &Checked| (checked.layer, checked.id, checked.answer.subject.clone());
        key(one).cmp(&key(other)).then(other.answer.status.cmp(&one.answer.status))
    });
    Audit { subject: subject(&context, is_late), data_date: application::data_date(), checks: checked }
}

/// What each check answered in time, and whether one did not.
fn answers(context: &Arc<Context>, checks: &[Check], time: Duration) -> (BTreeMap<&'static str, Vec<Answer>>, bool) {
    let (sender, receiver) = mpsc::channel();
    let mut found = BTreeMap::new();
    let mut threads = BTreeMap::new();
    for &Check { id, run } in checks {
        let (context, sender) = (Arc::clone(context), sender.clone());
        let work = move || {
            let answers = panic::catch_unwind(AssertUnwindSafe(|| run(&context)));
            let _ = sender.send((id, answers.unwrap_or_else(|_| vec![unanswered("failed; please report it")])));
        };
        match thread::Builder::new().stack_size(STACK).spawn(work) {
            Ok(thread) => drop(threads.insert(id, thread)),
            Err(_) => drop(found.insert(id, vec![unanswered("could not be started")])),
        }
    }
    drop(sender);
    let deadline = Instant::now() + time;
    // What is left is none once the time is over, whatever arrived meanwhile: without any time every check is late.
    let left = || deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    while let Some(Ok((id, answers))) = left().map(|left| receiver.recv_timeout(left)) {
        // It is about to end. A thread that is let go at that moment takes the process with it in older versions of glibc.
        let _ = threads.remove(id).map(thread::JoinHandle::join);
        found.insert(id, answers);
    }
    threads.into_values().for_each(std::mem::forget);
    let is_late = found.len() < checks.len();
    for Check { id, .. } in checks {
        // A check that hangs is left behind; the process ends without it.
        let late = || vec![unanswered(&format!("did not end within {} s", time.as_secs()))];
        let answers = found.entry(id).or_insert_with(late);
        if answers.is_empty() {
            answers.push(Answer::not_applicable("host", "there is nothing to look at"));
        }
    }
    (found, is_late)
}

fn unanswered(why: &str) -> Answer {
    Answer::unknown(Missing::Other, "host", format!("the check {why}"))
}

/// What was looked at. Where a check hangs, nothing is asked that it may hold.
fn subject(context: &Arc<Context>, is_late: bool) -> Subject {
    let host = &context.host;
    let known = || context.installations.get().and_then(|found| found.as_deref().ok());
    let found = if is_late { known() } else { context.installations().ok() }.unwrap_or_default();
    let mut users: Vec<String> = found.iter().map(|installation| installation.user.name.clone()).collect();
    users.dedup();
    Subject {
        name: host.name(),
        root: host.root().display().to_string(),
        is_live: host.is_live(),
        is_root: host.is_root(),
        users,
        installations: found
            .iter()
            .map(|one| (one.subject(), one.versions.first().map(|known| known.text.clone())))
            .collect(),
    }
}
