//! A good host behind a tunnel, and single defects in what is around the gateway: each changes exactly the checks that it
//! should.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use skillscan::audit::{Audit, Missing, Status};

use super::host::{CLAW, Machine, fixture, sample, without_secrets};

const STATE: &str = "/home/claw/.openclaw";
const TUNNEL: &str = "/home/claw/.cloudflared/config.yml";
const CREDENTIALS: &str = "/home/claw/.cloudflared/6ff42ae2-765d-4adf-8112-31c55c1551ef.json";
const UNIT: &str = "/home/claw/.config/systemd/user/openclaw-gateway.service";
const CLOSED: &str = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n";

/// A host on which the layers around the gateway have nothing to say.
pub(super) fn good() -> Machine {
    let mut machine = Machine::with_config(&without_secrets());
    machine.fit();
    machine.prints("iptables-save", &fixture("ufw/good/iptables-save.txt"));
    machine.prints("ip6tables-save", CLOSED);
    machine.write("/proc/net/if_inet6", "20010db8000000000000000000000001 02 40 00 80 eth0\n");
    for folder in ["/", "/home", "/home/claw", "/home/claw/.cloudflared"] {
        machine.folder(folder, 0o755);
    }
    machine.folder(&format!("{STATE}/workspace"), 0o700);
    machine.write(&format!("{STATE}/workspace/SOUL.md"), "Be kind.\n");
    machine.write(&format!("{STATE}/.env"), "X=1\n");
    machine.copy("cloudflared/good_config/config.yml", TUNNEL);
    machine.copy("cloudflared/good_config/credentials.json", CREDENTIALS);
    machine.sockets("loopback");
    machine.process(692, CLAW, &["openclaw-gateway"], &[127_893, 127_894]);
    machine.process(80, 0, &["/usr/bin/cloudflared", "tunnel", "run"], &[]);
    machine
}

/// The worst status of each check of these layers.
fn statuses(audit: &Audit) -> BTreeMap<&'static str, Status> {
    let mut found = BTreeMap::new();
    let ours = ["L1.", "L2.", "L3.", "F.", "O."];
    let checks = audit.checks.iter().filter(|checked| ours.iter().any(|start| checked.id.as_str().starts_with(start)));
    for checked in checks {
        let status = found.entry(checked.id.as_str()).or_insert(checked.answer.status);
        *status = (*status).max(checked.answer.status);
    }
    found
}

#[test]
fn good_host_leaves_only_what_the_network_would_tell() {
    let audit = good().audit();
    let wrong: Vec<String> = audit
        .checks
        .iter()
        .filter(|checked| !checked.id.as_str().starts_with("L4.") && !checked.id.as_str().starts_with("L5."))
        .filter(|checked| !matches!(checked.answer.status, Status::Pass | Status::NotApplicable))
        .filter(|checked| checked.answer.missing != Some(Missing::Probe))
        .map(|checked| format!("{} {}: {}", checked.id, checked.answer.subject, checked.answer.message))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

type Defect = (&'static str, &'static [&'static str], Box<dyn Fn(&mut Machine)>);

fn written(path: &'static str, text: &'static str, changes: &'static [&'static str]) -> Defect {
    (text, changes, Box::new(move |machine| machine.write(path, text)))
}

/// A rule of ufw beside the one that lets in SSH.
fn rule(tuple: &'static str, changes: &'static [&'static str]) -> Defect {
    let done = move |machine: &mut Machine| {
        let name = if tuple.contains("::/0") { "user6.rules" } else { "user.rules" };
        let text = fixture(&format!("ufw/good/{name}"));
        let more = format!("### RULES ###\n\n### tuple ### {tuple}\n");
        machine.write(&format!("/etc/ufw/{name}"), text.replace("### RULES ###\n", &more));
    };
    (tuple, changes, Box::new(done))
}

/// A file of the good host with one text replaced.
fn changed(path: &'static str, from: &'static str, to: &'static str, changes: &'static [&'static str]) -> Defect {
    let done = move |machine: &mut Machine| {
        let text = fs::read_to_string(machine.path(path)).expect("the good host has it");
        assert!(text.contains(from), "{path}: {from}");
        machine.write(path, text.replacen(from, to, 1));
    };
    (to, changes, Box::new(done))
}

fn mode(path: &'static str, mode: u32, changes: &'static [&'static str]) -> Defect {
    (path, changes, Box::new(move |machine| machine.mode(path, mode)))
}

fn network() -> Vec<Defect> {
    vec![
        changed("/etc/ufw/ufw.conf", "ENABLED=yes", "ENABLED=no", &["L1.enabled"]),
        changed(
            "/etc/default/ufw",
            "INPUT_POLICY=\"DROP\"",
            "INPUT_POLICY=\"ACCEPT\"",
            &["L1.default-deny", "L1.gateway-port"],
        ),
        rule("allow tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in", &["L1.gateway-port"]),
        rule("limit tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in", &["L1.gateway-port"]),
        rule("allow tcp 18789 0.0.0.0/0 53 0.0.0.0/0 in", &["L1.gateway-port"]),
        rule("allow_log tcp 18789 0.0.0.0/0 any 0.0.0.0/0 OpenClaw - in", &["L1.gateway-port"]),
        rule("allow tcp 18789 0.0.0.0/0 any 198.51.100.0/24 in", &["L1.gateway-port"]),
        rule("allow tcp 18789 ::/0 any ::/0 in", &["L1.gateway-port"]),
        rule("allow tcp 18789 ::/0 any 2001:db8::/32 in", &["L1.gateway-port"]),
        rule("allow tcp 18000:19000 0.0.0.0/0 any 0.0.0.0/0 in", &["L1.gateway-port", "L1.only-ssh"]),
        rule("allow tcp 80,443,18789 0.0.0.0/0 any 0.0.0.0/0 in", &["L1.gateway-port", "L1.only-ssh"]),
        rule("allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0", &["L1.gateway-port", "L1.only-ssh"]),
        rule("allow any any 0.0.0.0/0 any 203.0.113.5 in", &["L1.gateway-port", "L1.only-ssh"]),
        rule("allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in", &["L1.only-ssh"]),
        rule("allow udp 1194 0.0.0.0/0 any 0.0.0.0/0 in", &["L1.only-ssh"]),
        rule("allow udp 41641 0.0.0.0/0 any 0.0.0.0/0 in", &[]),
        rule("allow tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in_tailscale0", &[]),
        rule("allow tcp 18789 0.0.0.0/0 any 192.168.0.0/16 in", &[]),
        rule("deny tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in", &[]),
        written(
            "/etc/ufw/before.rules",
            "*filter\n-A ufw-before-input -p tcp --dport 18789 -j ACCEPT\nCOMMIT\n",
            &["L1.gateway-port"],
        ),
        (
            "flushed",
            &["L1.enabled", "L1.default-deny", "L1.gateway-port"],
            Box::new(move |machine| {
                machine.prints("iptables-save", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n");
                machine.prints("ip6tables-save", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n");
            }),
        ),
        (
            "opened behind ufw",
            &["L1.gateway-port"],
            Box::new(move |machine| {
                let text = fixture("ufw/good/iptables-save.txt");
                machine.prints(
                    "iptables-save",
                    &text.replacen("-A INPUT", "-A INPUT -p tcp --dport 18789 -j ACCEPT\n-A INPUT", 1),
                );
            }),
        ),
        written(
            "/home/claw/openclaw/docker-compose.yml",
            "services: {openclaw: {image: openclaw, ports: ['18789:18789']}}",
            &["L1.docker-bypass"],
        ),
        written(
            "/home/claw/compose.yml",
            "services: {db: {image: postgres, ports: ['5432:5432']}}",
            &["L1.docker-bypass"],
        ),
        written(
            "/var/lib/docker/containers/a/hostconfig.json",
            r#"{"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}"#,
            &["L1.docker-bypass"],
        ),
    ]
}

fn tunnel() -> Vec<Defect> {
    let gateway = "service: http://localhost:18789";
    vec![
        ("stopped", &["L2.tunnel"], Box::new(|machine| fs::remove_dir_all(machine.path("/proc/80")).expect("it runs"))),
        (
            "quick",
            &["L2.tunnel"],
            Box::new(|machine| {
                machine.process(81, CLAW, &["cloudflared", "tunnel", "--url", "http://localhost:18789"], &[]);
            }),
        ),
        changed(TUNNEL, "- hostname: openclaw.example.com\n    ", "- ", &["L2.ingress"]),
        changed(TUNNEL, "openclaw.example.com", "'*.example.com'", &["L2.ingress"]),
        changed(TUNNEL, "http_status:404", "http://localhost:18789", &["L2.ingress", "L3.jwt"]),
        changed(TUNNEL, "  - service: http_status:404", "", &["L2.ingress"]),
        changed(
            TUNNEL,
            "  - service: http_status",
            "  - hostname: ssh.example.com\n    service: ssh://localhost:22\n  - service: http_status",
            &["L2.ingress"],
        ),
        changed(TUNNEL, gateway, "service: http://192.168.1.4:18789", &["L2.ingress"]),
        changed(TUNNEL, "      access:", "      noTLSVerify: true\n      access:", &["L2.ingress"]),
        changed(TUNNEL, "ingress:", "warp-routing: {enabled: true}\ningress:", &["L2.ingress"]),
        changed(TUNNEL, gateway, "service: http://localhost:8080", &["L2.ingress", "L3.jwt"]),
        changed(TUNNEL, "required: true", "required: false", &["L3.jwt"]),
        changed(TUNNEL, "teamName: example-team", "teamName: ''", &["L3.jwt"]),
        changed(TUNNEL, "access:", "other:", &["L3.jwt"]),
        changed(TUNNEL, "ingress:", "ingress: [", &["L2.ingress", "L3.jwt"]),
        written("/home/claw/.cloudflared/cert.pem", "-", &["L2.secrets"]),
        mode(CREDENTIALS, 0o644, &["L2.secrets", "F.cloudflared-mode"]),
        (
            "no credentials",
            &["L2.secrets", "F.cloudflared-mode"],
            Box::new(|machine| {
                fs::remove_file(machine.path(CREDENTIALS)).expect("they are there");
            }),
        ),
        (
            "token",
            &["L2.secrets", "L2.ingress", "L3.jwt"],
            Box::new(|machine| {
                machine.copy("cloudflared/good_token/cloudflared.service", "/etc/systemd/system/cloudflared.service");
            }),
        ),
    ]
}

fn files() -> Vec<Defect> {
    vec![
        mode("/home/claw/.openclaw/openclaw.json", 0o644, &["F.config-mode"]),
        mode("/home/claw/.openclaw/.env", 0o640, &["F.secrets-mode"]),
        mode("/home/claw/.openclaw/workspace", 0o755, &["F.workspace-mode"]),
        mode(STATE, 0o755, &["F.state-mode"]),
        mode(STATE, 0o777, &["F.state-mode", "F.config-mode", "F.secrets-mode", "F.workspace-mode"]),
        mode(CREDENTIALS, 0o400, &[]),
        written("/home/claw/.openclaw/openclaw.json.bak", "{}", &["F.backups"]),
        written("/home/claw/.openclaw/openclaw.json.rejected.1", "{}", &["F.backups"]),
        (
            "left over",
            &["F.backups"],
            Box::new(|machine| {
                machine.folder("/home/claw/.moltbot", 0o700);
                machine.write("/home/claw/.moltbot/moltbot.json", "{}");
            }),
        ),
        written(
            "/home/claw/.bash_history",
            "curl -H 'token: abcdefghij0123456789abcdef' https://example.com\n",
            &["F.plaintext-secrets"],
        ),
        written(
            "/home/claw/.openclaw/workspace/USER.md",
            "api_key = abcdefghij0123456789abcdef\n",
            &["F.plaintext-secrets"],
        ),
        (
            "plain token",
            &["F.plaintext-secrets"],
            Box::new(|machine| machine.write("/home/claw/.openclaw/openclaw.json", sample("good"))),
        ),
        (
            "token in a unit",
            &["F.plaintext-secrets"],
            Box::new(|machine| {
                machine.copy("systemd/openclaw-gateway.bad-override.service", UNIT);
            }),
        ),
        written("/proc/mounts", "server:/x /home cifs rw 0 0\n", &["F.synced"]),
        written("/home/claw/.openclaw/logs/gateway.log", "token: abcdefghij0123456789abcdef\n", &["F.logs"]),
        (
            "open log",
            &["F.logs"],
            Box::new(|machine| {
                machine.write("/tmp/openclaw/openclaw-2026-11-20.log", "started\n");
                machine.folder("/tmp", 0o1777);
                machine.folder("/tmp/openclaw", 0o755);
                machine.mode("/tmp/openclaw/openclaw-2026-11-20.log", 0o644);
            }),
        ),
    ]
}

fn system() -> Vec<Defect> {
    let ssh = "/etc/ssh/sshd_config";
    let apt = "/etc/apt/apt.conf.d/99more";
    vec![
        changed(ssh, "\nPasswordAuthentication no", "\nPasswordAuthentication yes", &["O.ssh"]),
        changed(ssh, "\nKbdInteractiveAuthentication no", "", &["O.ssh"]),
        changed(ssh, "PermitRootLogin no", "PermitRootLogin yes", &["O.ssh"]),
        changed(ssh, "PermitRootLogin no", "PermitEmptyPasswords yes\nPermitRootLogin no", &["O.ssh"]),
        changed(ssh, "X11Forwarding no", "X11Forwarding yes", &["O.ssh"]),
        changed(ssh, "Port 22", "Port 2222", &["L1.only-ssh"]),
        written("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n", &["O.ssh"]),
        written("/etc/ssh/sshd_config.d/10.conf", "Match User x\nPermitRootLogin yes\n", &["O.ssh"]),
        written(apt, "APT::Periodic::Unattended-Upgrade \"0\";\n", &["O.updates"]),
        written(apt, "APT::Periodic { Enable \"0\"; };\n", &["O.updates"]),
        (
            "not installed",
            &["O.updates"],
            Box::new(|machine| {
                fs::remove_file(machine.path("/usr/bin/unattended-upgrade")).expect("it is there");
            }),
        ),
        (
            "masked",
            &["O.updates"],
            Box::new(|machine| machine.link("/etc/systemd/system/apt-daily-upgrade.timer", "/dev/null")),
        ),
        written("/run/reboot-required", "", &["O.reboot"]),
        written("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n", &["O.platform"]),
        written("/.dockerenv", "", &["O.updates"]),
        ("nothing", &[], Box::new(|_| {})),
    ]
}

#[test]
fn each_defect_around_the_gateway_changes_exactly_what_it_should() {
    let before = statuses(&good().audit());
    let defects: Vec<Defect> = network().into_iter().chain(tunnel()).chain(files()).chain(system()).collect();
    assert!(defects.len() >= 60, "{}", defects.len());
    let mut wrong = Vec::new();
    for (name, changes, done) in defects {
        let mut machine = good();
        done(&mut machine);
        let after = statuses(&machine.audit());
        let changed: BTreeSet<&str> =
            before.keys().chain(after.keys()).copied().filter(|id| before.get(id) != after.get(id)).collect();
        let wanted: BTreeSet<&str> = changes.iter().copied().collect();
        if changed != wanted {
            wrong.push(format!("{name}: {changed:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
