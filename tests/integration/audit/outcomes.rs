//! Every check that there is: a host on which it passes, one on which it does not, and one on which it cannot tell.
//! Also the whole good host, on which nothing is left to say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use skillscan::audit::{Audit, Document, Missing, Options, Status, run};
use skillscan::process::{self, Caps};

use super::super::common;
use super::defects::{WORKSPACE, baseline, furnish};
use super::host::{CLAW, Machine, options, scanner, without_secrets};
use super::layers;
use super::tunnel::{recorded, server};

const STATE: &str = "/home/claw/.openclaw";
const CONFIG: &str = "/home/claw/.openclaw/openclaw.json";

/// A host on which no check has anything to say.
fn full() -> Machine {
    let machine = layers::good();
    furnish(&machine);
    machine.write(CONFIG, without_secrets());
    machine
}

/// How a host is looked at.
#[derive(Clone, Copy)]
enum Look {
    /// As it runs, by root, with a baseline and a scan of skills.
    Live,
    /// The same without a baseline and a scan.
    Plainly,
    /// As an image.
    Image,
    /// From outside too, where this recorded answer comes back.
    Probe(&'static str),
}

/// What is done to the good host, how it is looked at then, and the answer that is wanted.
struct Case {
    id: &'static str,
    status: Status,
    look: Look,
    done: Box<dyn Fn(&mut Machine)>,
}

impl Case {
    fn audit(&self) -> Audit {
        let mut machine = full();
        let saved = baseline(&machine);
        (self.done)(&mut machine);
        let all = Options { scan: scanner(), baseline: Some(saved), ..options() };
        match self.look {
            Look::Live => run(machine.host(), all),
            Look::Plainly => run(machine.host(), options()),
            Look::Image => machine.image(),
            Look::Probe(name) => {
                let url = server(recorded(name), String::new(), &[]);
                run(machine.host(), Options { probe: Some(url), ..all })
            }
        }
    }
}

fn case(id: &'static str, status: Status, look: Look, done: impl Fn(&mut Machine) + 'static) -> Case {
    Case { id, status, look, done: Box::new(done) }
}

/// Puts something that is neither a file nor a directory in a place.
fn loops(path: &'static str) -> impl Fn(&mut Machine) {
    move |machine| {
        let real = machine.path(path);
        let _ = fs::remove_file(&real).or_else(|_| fs::remove_dir_all(&real));
        machine.link(path, path);
    }
}

fn writes(path: &'static str, text: &'static str) -> impl Fn(&mut Machine) {
    move |machine| machine.write(path, text)
}

fn replaces(path: &'static str, from: &'static str, to: &'static str) -> impl Fn(&mut Machine) {
    move |machine| {
        let text = fs::read_to_string(machine.path(path)).expect("the good host has it");
        assert!(text.contains(from), "{path}: {from}");
        machine.write(path, text.replacen(from, to, 1));
    }
}

fn opens(path: &'static str, mode: u32) -> impl Fn(&mut Machine) {
    move |machine| machine.mode(path, mode)
}

/// Hosts on which checks pass, where the good host does not show it.
fn passing() -> Vec<Case> {
    let published = r#"{"PortBindings": {"18789/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18789"}]}}"#;
    vec![
        case("L1.docker-bypass", Status::Pass, Look::Live, move |machine| {
            machine.write("/var/lib/docker/containers/a/hostconfig.json", published);
        }),
        case("L3.gate", Status::Pass, Look::Probe("access-302"), |_| {}),
    ]
}

/// Hosts on which checks fail or warn.
fn failing() -> Vec<Case> {
    use Look::Live;
    use Status::{Fail, Warn};
    let rules = "/etc/ufw/user.rules";
    let tunnel = "/home/claw/.cloudflared/config.yml";
    let rule = |tuple: &str| format!("### RULES ###\n\n### tuple ### {tuple}\n");
    let (gateway, web) =
        (rule("allow tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in"), rule("allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in"));
    let with = |text: String| move |machine: &mut Machine| replaced(machine, rules, "### RULES ###\n", &text);
    vec![
        case("L1.enabled", Fail, Live, replaces("/etc/ufw/ufw.conf", "ENABLED=yes", "ENABLED=no")),
        case("L1.default-deny", Fail, Live, replaces("/etc/default/ufw", "\"DROP\"", "\"ACCEPT\"")),
        case("L1.gateway-port", Fail, Live, with(gateway)),
        case("L1.only-ssh", Warn, Live, with(web)),
        case(
            "L1.docker-bypass",
            Fail,
            Live,
            writes("/home/claw/compose.yml", "services: {x: {image: openclaw, ports: ['18789:18789']}}"),
        ),
        case("L1.listeners", Warn, Live, move |machine| {
            replaced(machine, rules, "### RULES ###\n", &rule("allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in"));
            machine.listens("00000000", 443, 4713);
            machine.process(443, 33, &["nginx"], &[4713]);
        }),
        case("L2.tunnel", Warn, Live, |machine| fs::remove_dir_all(machine.path("/proc/80")).expect("it runs")),
        case("L2.ingress", Warn, Live, replaces(tunnel, "ingress:", "warp-routing: {enabled: true}\ningress:")),
        case("L2.secrets", Warn, Live, writes("/home/claw/.cloudflared/cert.pem", "-")),
        case("L3.gate", Fail, Look::Probe("exposed-healthz-200"), |_| {}),
        case("L3.jwt", Warn, Live, replaces(tunnel, "required: true", "required: false")),
        case("L4.bind-config", Fail, Live, replaces(CONFIG, "\"loopback\"", "\"lan\"")),
        case("L4.bind-live", Fail, Live, |machine| {
            machine.sockets("all-interfaces");
            machine.process(692, CLAW, &["openclaw-gateway"], &[131_767]);
        }),
        case("L4.bind-drift", Fail, Live, |machine| {
            machine.sockets("all-interfaces");
            machine.process(692, CLAW, &["openclaw-gateway"], &[131_767]);
        }),
        case("L4.auth", Fail, Live, writes(CONFIG, "{gateway: {auth: {mode: \"none\"}}}")),
        case(
            "L4.pairing",
            Fail,
            Live,
            writes(CONFIG, "{channels: {telegram: {dmPolicy: \"open\", allowFrom: [\"*\"], botToken: \"${T}\"}}}"),
        ),
        case("L4.version", Fail, Live, |machine| {
            machine.package("/usr/lib/node_modules/openclaw", "openclaw", "2026.1.20");
            machine.copy("systemd/openclaw-gateway.user.service", "/home/claw/none.service");
        }),
        case("L4.packages", Fail, Live, |machine| machine.package("/usr/lib/node_modules/cline", "cline", "2.3.0")),
        case("L4.exec", Warn, Live, writes(CONFIG, "{gateway: {auth: {token: \"${T}\"}}}")),
        case("L4.dangerous-flags", Warn, Live, replaces(CONFIG, "{\n", "{\"browser\": {\"noSandbox\": true},\n")),
        case("L4.service-user", Fail, Live, |machine| {
            machine.process(692, 0, &["openclaw-gateway"], &[127_893, 127_894]);
        }),
        case("L5.soul", Warn, Live, |machine| machine.write(&format!("{WORKSPACE}/SOUL.md"), "Be nice.\n")),
        case("L5.drift", Warn, Live, writes("/home/claw/.bashrc", "true\n")),
        case("L5.skills", Warn, Live, |machine| {
            fs::remove_dir_all(machine.path(&format!("{WORKSPACE}/skills/skillguard"))).expect("it is there");
        }),
        case("L5.scan", Fail, Live, |machine| {
            let text = format!("{}```sh\n{}```\n", common::SKILL, common::ATTACK);
            machine.write(&format!("{WORKSPACE}/skills/new/SKILL.md"), text);
        }),
        case("F.config-mode", Warn, Live, opens(CONFIG, 0o644)),
        case("F.state-mode", Fail, Live, opens(STATE, 0o777)),
        case("F.secrets-mode", Fail, Live, |machine| {
            machine.mode(STATE, 0o755);
            machine.mode(&format!("{STATE}/.env"), 0o644);
        }),
        case("F.workspace-mode", Warn, Live, |machine| machine.mode(WORKSPACE, 0o755)),
        case("F.cloudflared-mode", Fail, Live, |machine| {
            machine.mode("/home/claw/.cloudflared/6ff42ae2-765d-4adf-8112-31c55c1551ef.json", 0o644);
        }),
        case("F.plaintext-secrets", Warn, Live, |machine| {
            machine
                .write("/home/claw/.bash_history", "curl -H 'token: abcdefghij0123456789abcdef' https://example.com\n");
        }),
        case("F.backups", Warn, Live, writes("/home/claw/.openclaw/openclaw.json.bak", "{}")),
        case("F.synced", Warn, Live, writes("/proc/mounts", "server:/x /home cifs rw 0 0\n")),
        case("F.logs", Warn, Live, |machine| {
            machine.write(&format!("{STATE}/logs/gateway.log"), "token: abcdefghij0123456789abcdef\n");
        }),
        case("O.platform", Warn, Live, writes("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n")),
        case("O.reboot", Warn, Live, writes("/run/reboot-required", "")),
        case("O.ssh", Fail, Live, replaces("/etc/ssh/sshd_config", "PermitRootLogin no", "PermitRootLogin yes")),
        case("O.updates", Warn, Live, writes("/etc/apt/apt.conf.d/99x", "APT::Periodic::Unattended-Upgrade \"0\";\n")),
    ]
}

fn replaced(machine: &Machine, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(machine.path(path)).expect("the good host has it");
    assert!(text.contains(from), "{path}: {from}");
    machine.write(path, text.replacen(from, to, 1));
}

/// Hosts on which checks cannot tell.
fn unknown() -> Vec<Case> {
    let unknown = |id, look, done: Box<dyn Fn(&mut Machine)>| Case { id, status: Status::Unknown, look, done };
    let broken = |id| unknown(id, Look::Live, Box::new(writes(CONFIG, "{")));
    let closed = |id, path| unknown(id, Look::Live, Box::new(loops(path)));
    let dead = |id, path| unknown(id, Look::Image, Box::new(loops(path)));
    vec![
        closed("L1.enabled", "/etc/ufw/ufw.conf"),
        unknown(
            "L1.default-deny",
            Look::Image,
            Box::new(|machine| {
                loops("/etc/ufw/user.rules")(machine);
                loops("/etc/default/ufw")(machine);
            }),
        ),
        dead("L1.gateway-port", "/etc/ufw/user.rules"),
        dead("L1.only-ssh", "/etc/ufw/user.rules"),
        closed("L1.docker-bypass", "/var/lib/docker/containers"),
        closed("L1.listeners", "/proc/net/tcp"),
        closed("L2.tunnel", "/proc"),
        closed("L2.ingress", "/home/claw/.cloudflared/config.yml"),
        closed("L2.secrets", "/home/claw/.cloudflared/6ff42ae2-765d-4adf-8112-31c55c1551ef.json"),
        unknown("L3.gate", Look::Live, Box::new(|_| {})),
        closed("L3.jwt", "/home/claw/.cloudflared/config.yml"),
        broken("L4.bind-config"),
        closed("L4.bind-live", "/proc/net/tcp"),
        broken("L4.bind-drift"),
        broken("L4.auth"),
        broken("L4.pairing"),
        broken("L4.exec"),
        broken("L4.dangerous-flags"),
        closed("L4.service-user", "/etc/sudoers"),
        unknown(
            "L4.version",
            Look::Live,
            Box::new(|machine| {
                let unit = "/home/claw/.config/systemd/user/openclaw-gateway.service";
                replaced(machine, unit, "Environment=OPENCLAW_SERVICE_VERSION=2026.9.6\n", "");
                machine.package("/usr/lib/node_modules/openclaw", "openclaw", "nightly");
            }),
        ),
        closed("L4.packages", "/usr/lib/node_modules/openclaw/package.json"),
        closed("L5.soul", "/home/claw/.openclaw/workspace/SOUL.md"),
        unknown("L5.drift", Look::Plainly, Box::new(|_| {})),
        broken("L5.skills"),
        unknown("L5.scan", Look::Plainly, Box::new(|_| {})),
        closed("F.config-mode", CONFIG),
        closed("F.state-mode", "/home/claw/.openclaw/hooks"),
        closed("F.secrets-mode", "/home/claw/.openclaw/credentials"),
        closed("F.workspace-mode", WORKSPACE),
        closed("F.cloudflared-mode", "/home/claw/.cloudflared"),
        closed("F.plaintext-secrets", "/home/claw/.bash_history"),
        closed("F.backups", "/etc/passwd"),
        closed("F.synced", "/proc/mounts"),
        closed("F.logs", "/home/claw/.openclaw/logs"),
        closed("O.platform", "/proc/sys/kernel/osrelease"),
        unknown("O.reboot", Look::Image, Box::new(|_| {})),
        closed("O.ssh", "/etc/ssh/sshd_config"),
        closed("O.updates", "/etc/apt/apt.conf.d"),
    ]
}

/// What is wrong with the answer of a case, if anything is.
fn wrong(case: &Case) -> Option<String> {
    let audit = case.audit();
    let of_it = || audit.checks.iter().filter(|checked| checked.id.as_str() == case.id);
    let found: Vec<String> = of_it()
        .map(|one| format!("{}: {} {}", one.answer.status.name(), one.answer.subject, one.answer.message))
        .collect();
    let is_it = |one: &&skillscan::audit::Checked| {
        one.answer.status == case.status && (case.status != Status::Unknown || one.answer.missing.is_some())
    };
    let is_there = of_it().find(is_it).is_some();
    (!is_there).then(|| format!("{} should be {}, and is {found:#?}", case.id, case.status.name()))
}

#[test]
fn every_check_passes_fails_and_admits_that_it_cannot_tell() {
    let all: BTreeSet<&str> = Document::all().expect("documents are whole").iter().map(|one| one.id.as_str()).collect();
    let ids = |cases: &[Case]| cases.iter().map(|case| case.id).collect::<BTreeSet<_>>();
    let (passing, failing, unknown) = (passing(), failing(), unknown());
    assert_eq!(ids(&failing), all, "each check has a host on which it does not pass");
    assert_eq!(ids(&unknown), all, "each check has a host on which it cannot tell");
    let good = case("", Status::Pass, Look::Live, |_| {}).audit();
    let passed = good.of(Status::Pass).map(|one| one.id.as_str()).chain(ids(&passing)).collect::<BTreeSet<_>>();
    assert_eq!(passed, all, "each check has a host on which it passes");
    let wrong: Vec<String> = passing.iter().chain(&failing).chain(&unknown).filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_host_has_nothing_to_say_but_what_only_the_network_tells() {
    let audit = case("", Status::Pass, Look::Live, |_| {}).audit();
    let said: Vec<String> = audit
        .checks
        .iter()
        .filter(|one| !matches!(one.answer.status, Status::Pass | Status::NotApplicable))
        .map(|one| format!("{} {} {:?} {}", one.id, one.answer.status.name(), one.answer.missing, one.answer.message))
        .collect();
    let wanted = "L3.gate unknown Some(Probe) whether Access stands before the gateway shows only from outside";
    assert_eq!(said, [wanted]);
    // The same host as an image, through the program: nothing is wrong, and what does not run is listed as such.
    let machine = full();
    let root = machine.root().display().to_string();
    let ran = common::run(machine.root(), &["audit", "--root", &root, "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("a document");
    let of = |wanted: &str| {
        let checks = common::list(&document, "checks").iter().filter(|one| one["status"] == wanted);
        checks.map(|one| format!("{} {}", one["id"], one["message"])).collect::<Vec<_>>()
    };
    assert_eq!((ran.code, of("fail"), of("warn")), (0, vec![], vec![]), "{}", ran.stderr);
    assert_eq!(common::run(machine.root(), &["audit", "--root", &root, "--strict"]).code, 3);
}

#[test]
fn host_without_a_list_of_users_is_not_one_without_an_installation() {
    let audit = case("", Status::Unknown, Look::Live, loops("/etc/passwd")).audit();
    let told = audit.unknown().filter(|one| one.answer.message.contains("/etc/passwd")).count();
    assert!(told > 10, "{told}");
}

#[test]
fn command_that_never_ends_leaves_what_it_would_tell_unknown() {
    let mut machine = full();
    machine.hangs("iptables-save");
    machine.hangs("ip6tables-save");
    machine.hangs("nft -j list ruleset");
    let audit = machine.audit();
    let late: Vec<&str> = audit
        .unknown()
        .filter(|one| one.answer.message.contains("did not end within"))
        .map(|one| one.id.as_str())
        .collect();
    assert!(late.contains(&"L1.enabled"), "{late:?}");
    let caps = Caps { time: Duration::from_millis(200), ..Caps::default() };
    let error = process::run(Path::new("/bin/sleep"), &["600"], caps).expect_err("it sleeps for longer");
    assert!(matches!(error, process::Error::Time(..)), "{error}");
}

#[test]
fn check_that_takes_too_long_is_unknown_and_says_so() {
    let machine = full();
    let audit = run(machine.host(), Options { time: Duration::ZERO, scan: scanner(), ..options() });
    let all: BTreeSet<&str> = Document::all().expect("documents are whole").iter().map(|one| one.id.as_str()).collect();
    assert_eq!(audit.checks.iter().map(|one| one.id.as_str()).collect::<BTreeSet<_>>(), all);
    let late = |one: &&skillscan::audit::Checked| {
        one.answer.missing == Some(Missing::Other) && one.answer.message == "the check did not end within 0 s"
    };
    assert_eq!(audit.unknown().filter(late).count(), all.len());
}
