//! Real parts: ufw, nftables and sshd of the system, in network and mount namespaces that the tests make themselves, with
//! sockets that really listen. Nothing outside the namespaces changes.

use std::collections::BTreeMap;

use assert_cmd::Command;
use serde_json::Value;

use super::super::common::skip;

/// Copies what is changed, so that the host keeps its own, and makes a network with an address of documentation.
const PROLOGUE: &str = r#"
set -eu
mount --make-rprivate /
work=$(mktemp -d); mount -t tmpfs none "$work"
for path in /etc/ufw /etc/default/ufw /etc/ssh /etc/nftables.conf; do
    test -e "$path" || continue
    cp -a "$path" "$work/$(echo "$path" | tr / _)"; mount --bind "$work/$(echo "$path" | tr / _)" "$path"
done
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 203.0.113.7/24 dev v0; ip addr add 2001:db8::7/64 dev v0 nodad; ip link set v0 up; ip link set v1 up
mkdir -p "$work/home/.openclaw"; chmod 700 "$work/home" "$work/home/.openclaw"
echo '{ gateway: { mode: "local", bind: "loopback" } }' > "$work/home/.openclaw/openclaw.json"
chmod 600 "$work/home/.openclaw/openclaw.json"
audit() { echo "== $1"; shift; HOME="$work/home" "$SKILLSCAN" audit --format json "$@" || test $? -ne 2; echo; }
listen() {
    python3 -c '
import socket, sys, time
host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((host, int(sys.argv[2]))); s.listen(); open(sys.argv[3], "w").close(); time.sleep(60)' "$1" "$2" "$work/ready" &
    child=$!
    while ! test -e "$work/ready"; do sleep 0.05; done
    rm "$work/ready"
}
"#;

/// What the audit says after each step of a script in namespaces of its own; none if they or the tools are missing.
fn audits(tools: &[&str], script: &str) -> Option<BTreeMap<String, Value>> {
    for tool in tools.iter().chain(&["unshare", "ip", "python3"]) {
        let found = Command::new("sh").args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin; command -v {tool}")]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            skip(tool);
            return None;
        }
    }
    let in_namespaces = Command::new("unshare").args(["-n", "-m", "true"]).output();
    if !in_namespaces.is_ok_and(|output| output.status.success()) {
        skip("namespaces of its own");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-n", "-m", "sh", "-c", &format!("{PROLOGUE}{script}")])
        .env("SKILLSCAN", env!("CARGO_BIN_EXE_skillscan"))
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .timeout(std::time::Duration::from_secs(120))
        .output()
        .expect("unshare is there");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let mut found = BTreeMap::new();
    for part in stdout.split("== ").skip(1) {
        let (name, rest) = part.split_once('\n').unwrap_or((part, ""));
        // Programs talk before the next step.
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next().and_then(Result::ok).unwrap_or_else(|| panic!("{name}: {rest}\n{stderr}"));
        found.insert(name.trim().to_owned(), value);
    }
    Some(found)
}

/// Status and severity of the worst answer of a check.
fn worst(audit: &Value, id: &str) -> (String, String) {
    let order = ["n/a", "pass", "unknown", "warn", "fail"];
    let severities = ["info", "low", "medium", "high", "critical"];
    let text = |check: &Value, name: &str| check.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let checks = audit.get("checks").and_then(Value::as_array).expect("an audit has checks");
    let of = checks.iter().filter(|check| text(check, "id") == id);
    let rank = |(status, severity): &(String, String)| {
        (order.iter().position(|one| one == status), severities.iter().position(|one| one == severity))
    };
    let found = of.map(|check| (text(check, "status"), text(check, "severity"))).max_by_key(rank);
    found.unwrap_or_else(|| panic!("no answer of {id}"))
}

fn status(audits: &BTreeMap<String, Value>, step: &str, id: &str) -> String {
    worst(audits.get(step).unwrap_or_else(|| panic!("no step {step}")), id).0
}

#[test]
fn rules_of_real_ufw_are_judged_as_they_filter() {
    let script = r#"
        ufw default deny incoming >&2; ufw allow OpenSSH >&2; ufw --force enable >&2; audit good
        ufw allow 18000:19000/tcp >&2; audit range
        ufw insert 1 deny 18789/tcp >&2; audit denied
        ufw delete deny 18789/tcp >&2; ufw delete allow 18000:19000/tcp >&2; audit again
        ufw allow in on v0 >&2; audit interface
        ufw delete allow in on v0 >&2; ufw allow from 100.64.0.0/10 to any port 18789 proto tcp >&2; audit tailnet
        ufw limit 18789/tcp >&2; audit limit
        ufw delete limit 18789/tcp >&2; ufw allow 443/tcp >&2; audit web
        ufw delete allow 443/tcp >&2; ufw default allow incoming >&2; audit open
        ufw default deny incoming >&2; iptables -P INPUT ACCEPT; iptables -F; ip6tables -P INPUT ACCEPT; ip6tables -F; audit flushed
        ufw reload >&2; iptables -I INPUT -p tcp --dport 18789 -j ACCEPT; audit behind
        ufw --force disable >&2; audit off
    "#;
    let Some(all) = audits(&["ufw", "iptables-save"], script) else { return };
    for (step, id, wanted) in [
        ("good", "L1.enabled", "pass"),
        ("good", "L1.default-deny", "pass"),
        ("good", "L1.gateway-port", "pass"),
        ("good", "L1.only-ssh", "pass"),
        ("range", "L1.gateway-port", "fail"),
        ("denied", "L1.gateway-port", "pass"),
        ("again", "L1.gateway-port", "pass"),
        ("interface", "L1.gateway-port", "fail"),
        ("interface", "L1.default-deny", "pass"),
        ("tailnet", "L1.gateway-port", "pass"),
        ("limit", "L1.gateway-port", "fail"),
        ("web", "L1.only-ssh", "warn"),
        ("web", "L1.gateway-port", "pass"),
        ("open", "L1.default-deny", "fail"),
        ("flushed", "L1.default-deny", "fail"),
        ("behind", "L1.gateway-port", "fail"),
        ("off", "L1.enabled", "fail"),
    ] {
        assert_eq!(status(&all, step, id), wanted, "{step} {id}");
    }
}

#[test]
fn rules_of_real_nftables_are_judged_as_they_filter() {
    let script = r#"
        mount -t tmpfs none /etc/ufw
        rm -f "$work/none"; : > "$work/empty"; test ! -e /etc/nftables.conf || mount --bind "$work/empty" /etc/nftables.conf
        audit none
        base='table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established,related accept; tcp dport 22 accept; }; }'
        nft "$base"; audit good
        nft add rule inet f i tcp dport '{ 80, 18000-19000 }' accept; audit set
        nft flush ruleset; nft "$base"; nft add rule inet f i iifname v0 jump inner 2>/dev/null || true
        nft add chain inet f inner; nft add rule inet f inner ip saddr 10.0.0.0/8 tcp dport 18789 accept
        nft add rule inet f i jump inner; audit private
        nft add rule inet f inner meta nfproto ipv6 tcp dport 18789 accept; audit v6
        nft flush ruleset; nft "$base"; nft add rule inet f i tcp dport vmap '{ 443 : accept, 18789 : accept }'; audit map
        nft add table ip g; nft 'add chain ip g i { type filter hook input priority 10; policy accept; }'
        nft add rule ip g i tcp dport 18789 drop; nft 'add table ip6 g; add chain ip6 g i { type filter hook input priority 10; policy accept; }; add rule ip6 g i tcp dport 18789 drop'
        audit second
    "#;
    let Some(all) = audits(&["nft"], script) else { return };
    for (step, id, wanted) in [
        ("good", "L1.enabled", "pass"),
        ("good", "L1.default-deny", "pass"),
        ("good", "L1.gateway-port", "pass"),
        ("good", "L1.only-ssh", "pass"),
        ("set", "L1.gateway-port", "fail"),
        ("set", "L1.only-ssh", "warn"),
        ("private", "L1.gateway-port", "pass"),
        ("v6", "L1.gateway-port", "fail"),
        ("map", "L1.gateway-port", "fail"),
        ("second", "L1.gateway-port", "pass"),
    ] {
        assert_eq!(status(&all, step, id), wanted, "{step} {id}");
    }
    assert_ne!(status(&all, "none", "L1.enabled"), "pass");
}

#[test]
fn real_sockets_are_told_apart() {
    let script = r#"
        for address in 127.0.0.1 0.0.0.0 :: ::1 203.0.113.7 2001:db8::7; do
            listen "$address" 18789; audit "$address"; kill "$child"; wait "$child" 2>/dev/null || true
        done
        listen 203.0.113.7 8080; audit other; kill "$child"
    "#;
    let Some(all) = audits(&[], script) else { return };
    for address in ["127.0.0.1", "::1"] {
        assert_eq!(status(&all, address, "L4.bind-live"), "pass", "{address}");
    }
    for address in ["0.0.0.0", "::", "203.0.113.7", "2001:db8::7"] {
        assert_eq!(worst(&all[address], "L4.bind-live"), ("fail".to_owned(), "critical".to_owned()), "{address}");
    }
    assert_eq!(status(&all, "other", "L1.listeners"), "warn");
    assert_eq!(status(&all, "127.0.0.1", "L1.listeners"), "pass");
}

#[test]
fn real_sshd_says_the_same() {
    // With `--deep` a disagreement with `sshd -T` is an answer of its own.
    let script = r#"
        mkdir -p /run/sshd; ssh-keygen -A >&2
        set_to() { rm -rf /etc/ssh/sshd_config.d; mkdir /etc/ssh/sshd_config.d; cat > /etc/ssh/sshd_config; }
        told() { /usr/sbin/sshd -T >/dev/null; audit "$1" --deep; }
        printf 'Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n' | set_to; told closed
        echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/50-cloud-init.conf; told first
        echo 'PasswordAuthentication no' > /etc/ssh/sshd_config.d/00-hardening.conf; told before
        printf 'PasswordAuthentication=no\nKbdInteractiveAuthentication "no"\n  permitrootlogin = no # not by root\n' | set_to; told spelled
        printf 'Match User nobody\n  PasswordAuthentication no\nMatch all\nKbdInteractiveAuthentication no\nPermitRootLogin no\n' | set_to; told block
        printf '' | set_to; told defaults
        printf 'Port 2222\nPort 22\nListenAddress 127.0.0.1:2022\nListenAddress ::1\nPermitRootLogin without-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n' | set_to; told ports
    "#;
    let Some(all) = audits(&["/usr/sbin/sshd", "ssh-keygen"], script) else { return };
    for (step, wanted) in [
        ("closed", "pass"),
        ("first", "fail"),
        ("before", "pass"),
        ("spelled", "pass"),
        ("block", "fail"),
        ("defaults", "fail"),
        ("ports", "warn"),
    ] {
        assert_eq!(status(&all, step, "O.ssh"), wanted, "{step}");
        assert!(!all[step].to_string().contains("its files say"), "{step} differs from sshd -T");
    }
}

/// As a new user would: the commands of the first report, typed as they stand there, and the report after that.
#[test]
fn doing_what_the_report_says_mends_it() {
    let script = r#"
        mkdir -p /var/lib/skillscan; mount -t tmpfs none /var/lib/skillscan
        ufw --force disable >&2; rm -rf /etc/ssh/sshd_config.d; mkdir /etc/ssh/sshd_config.d
        printf 'Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n' > /etc/ssh/sshd_config
        mkdir "$work/home/.openclaw/workspace"; cp "$SAMPLE" "$work/home/.openclaw/openclaw.json"
        chmod 755 "$work/home/.openclaw" "$work/home/.openclaw/workspace"; chmod 644 "$work/home/.openclaw/openclaw.json"
        HOME="$work/home" COLUMNS=80 "$SKILLSCAN" audit --quiet > "$work/screen" || true
        audit before
        # What answers questions and what restarts services stay outside of this little world.
        sudo() { "$@"; }; systemctl() { :; }; ufw() { echo y | command ufw "$@" >&2; }
        sed -n 's/^ *\$ \(sudo .*\|chmod .*\|printf .*\)$/\1/p' "$work/screen" > "$work/commands"
        cat "$work/screen" "$work/commands" >&2
        . "$work/commands" >&2
        audit after
    "#;
    let script =
        format!("SAMPLE={}\n{script}", super::super::common::fixtures().join("hosts/config/good.json").display());
    let Some(all) = audits(&["ufw", "/usr/sbin/sshd"], &script) else { return };
    for (id, before) in [("L1.enabled", "fail"), ("O.ssh", "fail"), ("F.config-mode", "warn")] {
        assert_eq!((status(&all, "before", id), status(&all, "after", id)), (before.into(), "pass".into()), "{id}");
    }
    for id in ["L1.gateway-port", "L1.default-deny", "L1.only-ssh", "F.state-mode", "F.workspace-mode"] {
        assert_eq!(status(&all, "after", id), "pass", "{id}");
    }
}
