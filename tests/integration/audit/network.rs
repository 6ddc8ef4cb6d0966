//! The packet filter, what goes round it, and what listens.

use skillscan::audit::{Missing, Options, Status, run};
use skillscan::finding::Severity;

use super::host::{CLAW, Machine, answers, fixture, options, status, worst};

const NFT: &str = "nft -j list ruleset";
const EMPTY: &str = r#"{"nftables": []}"#;
/// The link that starts the unit of nftables with the system.
const STARTS: &str = "/etc/systemd/system/sysinit.target.wants/nftables.service";

/// A good host with the files of ufw of a sample.
fn ufw(name: &str) -> Machine {
    let machine = Machine::sample("good");
    machine.copy(&format!("ufw/{name}/ufw.conf"), "/etc/ufw/ufw.conf");
    machine.copy(&format!("ufw/{name}/default-ufw"), "/etc/default/ufw");
    machine.copy(&format!("ufw/{name}/user.rules"), "/etc/ufw/user.rules");
    machine.copy(&format!("ufw/{name}/user6.rules"), "/etc/ufw/user6.rules");
    machine.write("/proc/net/if_inet6", "20010db8000000000000000000000001 02 40 00 80 eth0\n");
    machine
}

/// The same, with the kernel's rules as captured from it.
fn loaded(name: &str, rules: &str) -> Machine {
    let mut machine = ufw(name);
    machine.prints("iptables-save", &fixture(rules));
    machine.prints("ip6tables-save", "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n");
    machine
}

/// The file of nftables or of firewalld as it stands in a good host.
fn other(files: &[(&str, &str)]) -> Machine {
    let machine = Machine::sample("good");
    for (from, to) in files {
        machine.copy(from, to);
    }
    machine
}

#[test]
fn good_ufw_passes_everything() {
    for name in ["good", "ipv6off"] {
        let audit = ufw(name).image();
        for id in ["L1.default-deny", "L1.gateway-port", "L1.only-ssh"] {
            assert_eq!(status(&audit, id), Status::Pass, "{name} {id}: {}", worst(&audit, id).message);
        }
        assert_eq!(answers(&audit, "L1.enabled")[0].status, Status::Pass);
    }
}

#[test]
fn rules_in_the_kernel_are_compared() {
    let audit = loaded("good", "ufw/good/iptables-save.txt").audit();
    for id in ["L1.enabled", "L1.default-deny", "L1.gateway-port", "L1.only-ssh"] {
        assert_eq!(status(&audit, id), Status::Pass, "{id}: {}", worst(&audit, id).message);
    }
    let mut machine = ufw("good");
    machine.prints(NFT, EMPTY);
    let audit = machine.audit();
    let answer = worst(&audit, "L1.enabled");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High), "{}", answer.message);
    assert!(answer.message.contains("no rules of it"), "{}", answer.message);
    // Rules that came through the older interface, of which `nft` shows nothing.
    machine.write("/proc/net/ip_tables_names", "filter\n");
    machine.write("/proc/net/ip6_tables_names", "filter\n");
    assert_eq!(status(&machine.audit(), "L1.enabled"), Status::Unknown);
    machine.prints("iptables-legacy-save", &fixture("ufw/good/iptables-save.txt"));
    machine.prints("ip6tables-legacy-save", "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n");
    let audit = machine.audit();
    for id in ["L1.enabled", "L1.default-deny", "L1.gateway-port"] {
        assert_eq!(status(&audit, id), Status::Pass, "{id}: {}", worst(&audit, id).message);
    }
}

#[test]
fn rule_for_one_interface_is_no_policy() {
    let mut machine = Machine::sample("good");
    for name in ["iptables-save", "ip6tables-save"] {
        machine.prints(name, "*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth1 -j ACCEPT\nCOMMIT\n");
    }
    let audit = machine.audit();
    assert_eq!(status(&audit, "L1.default-deny"), Status::Pass, "{}", worst(&audit, "L1.default-deny").message);
    assert_eq!(status(&audit, "L1.gateway-port"), Status::Fail);
}

#[test]
fn drop_of_what_opens_no_connection_closes_nothing() {
    let machine = Machine::sample("good");
    let rules = "-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP\n-A INPUT -p tcp --dport 18789 -j ACCEPT\n";
    machine.write("/etc/iptables/rules.v4", format!("*filter\n:INPUT DROP [0:0]\n{rules}COMMIT\n"));
    machine.write("/etc/iptables/rules.v6", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
    assert_eq!(status(&machine.image(), "L1.gateway-port"), Status::Fail);
}

#[test]
fn ufw_itself_is_the_second_opinion() {
    let told = |text: &str| {
        let mut machine = loaded("good", "ufw/good/iptables-save.txt");
        machine.prints("ufw status", text);
        status(&run(machine.host(), Options { deep: true, ..options() }), "L1.enabled")
    };
    assert_eq!(told("Status: active\n"), Status::Pass);
    assert_eq!(told("Status: inactive\n"), Status::Warn);
}

#[test]
fn kernel_that_cannot_be_asked_is_unknown() {
    let audit = ufw("good").audit();
    let answer = worst(&audit, "L1.enabled");
    assert_eq!((answer.status, answer.missing), (Status::Unknown, Some(Missing::Other)), "{}", answer.message);
    assert_eq!(status(&audit, "L1.gateway-port"), Status::Pass);
}

#[test]
fn switched_off_is_high_whatever_rules_there_are() {
    let audit = ufw("inactive_with_rules").image();
    let answer = worst(&audit, "L1.enabled");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High));
    assert!(answer.command.as_deref().is_some_and(|command| command.contains("allow 22/tcp")), "{:?}", answer.command);
    for id in ["L1.default-deny", "L1.gateway-port", "L1.only-ssh"] {
        assert_eq!(status(&audit, id), Status::NotApplicable, "{id}");
    }
}

#[test]
fn default_allow_is_high_and_a_rule_still_closes_the_port() {
    let audit = ufw("bad_default_allow").image();
    let answer = worst(&audit, "L1.default-deny");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High));
    assert!(format!("{:?}", answer.evidence).contains("DEFAULT_INPUT_POLICY"), "{:?}", answer.evidence);
    assert_eq!(status(&audit, "L1.gateway-port"), Status::Pass);
}

#[test]
fn open_port_is_named_with_its_line_and_closed_by_the_command() {
    let audit = ufw("bad_open_port").image();
    let answer = worst(&audit, "L1.gateway-port");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::Critical), "{}", answer.message);
    assert_eq!(answer.command.as_deref(), Some("sudo ufw delete allow 18789/tcp"));
    let shown = format!("{:?}", answer.evidence);
    assert!(shown.contains("user.rules") && shown.contains("# openclaw ui"), "{shown}");
    let other = answers(&audit, "L1.only-ssh");
    assert!(other.iter().any(|answer| answer.subject == "port 443/tcp"), "{other:?}");
}

#[test]
fn port_that_no_text_shows_is_found() {
    let rules = |tuple: &str| {
        format!("*filter\n:ufw-user-input - [0:0]\n### RULES ###\n\n{tuple}\n\n### END RULES ###\nCOMMIT\n")
    };
    for (tuple, severity) in [
        ("### tuple ### allow tcp 18000:19000 0.0.0.0/0 any 0.0.0.0/0 in", Severity::Critical),
        ("### tuple ### allow tcp 80,443,18789 0.0.0.0/0 any 0.0.0.0/0 in", Severity::Critical),
        ("### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0", Severity::Critical),
        ("### tuple ### limit_log tcp 18789 0.0.0.0/0 any 0.0.0.0/0 OpenClaw - in", Severity::Critical),
        ("### tuple ### allow tcp 18789 0.0.0.0/0 53 0.0.0.0/0 in", Severity::Critical),
        ("### tuple ### allow any any 0.0.0.0/0 any 203.0.113.5 in", Severity::High),
        ("### tuple ### allow tcp 18789 0.0.0.0/0 any 198.51.100.0/24 in", Severity::High),
        ("-A ufw-user-input -p tcp --dport 18789 -j ACCEPT", Severity::Critical),
    ] {
        let machine = ufw("good");
        machine.write("/etc/ufw/user.rules", rules(tuple));
        let audit = machine.image();
        let answer = worst(&audit, "L1.gateway-port");
        assert_eq!((answer.status, answer.severity), (Status::Fail, severity), "{tuple}: {}", answer.message);
    }
    for tuple in [
        "### tuple ### allow tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in_tailscale0",
        "### tuple ### allow tcp 18789 0.0.0.0/0 any 100.64.0.0/10 in",
        "### tuple ### allow tcp 18789 0.0.0.0/0 any 10.0.0.0/8 in_eth0",
        "### tuple ### deny tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in\n### tuple ### allow tcp 18000:19000 0.0.0.0/0 any 0.0.0.0/0 in",
        "### tuple ### route:allow tcp 18789 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_docker0",
        "### tuple ### allow udp 18789 0.0.0.0/0 any 0.0.0.0/0 in",
        "### tuple ### allow tcp 18789 0.0.0.0/0 any 0.0.0.0/0 out",
    ] {
        let machine = ufw("good");
        machine.write("/etc/ufw/user.rules", rules(tuple));
        let audit = machine.image();
        assert_eq!(
            status(&audit, "L1.gateway-port"),
            Status::Pass,
            "{tuple}: {}",
            worst(&audit, "L1.gateway-port").message
        );
    }
}

#[test]
fn samples_of_ufw_give_what_they_are_named_for() {
    for (name, gateway, ssh) in [
        ("bad_hidden", Status::Fail, Status::Warn),
        ("tailscale_ok", Status::Pass, Status::Pass),
        ("order", Status::Pass, Status::Pass),
        ("log_and_app_profile", Status::Fail, Status::Warn),
    ] {
        let audit = ufw(name).image();
        assert_eq!(status(&audit, "L1.gateway-port"), gateway, "{name}: {}", worst(&audit, "L1.gateway-port").message);
        assert_eq!(status(&audit, "L1.only-ssh"), ssh, "{name}: {}", worst(&audit, "L1.only-ssh").message);
    }
}

#[test]
fn rules_that_only_root_may_read_are_not_checked() {
    let machine = ufw("good");
    let audit = machine.audit_by(CLAW);
    assert_eq!(answers(&audit, "L1.enabled")[0].status, Status::Pass);
    assert_eq!(worst(&audit, "L1.enabled").missing, Some(Missing::Root));
}

#[test]
fn lines_before_the_users_rules_count() {
    let machine = ufw("good");
    let text = "*filter\n:ufw-before-input - [0:0]\n-A ufw-before-input -i lo -j ACCEPT\n-A ufw-before-input -m conntrack \
        --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A ufw-before-input -p tcp --dport 18789 -j ACCEPT\nCOMMIT\n";
    machine.write("/etc/ufw/before.rules", text);
    let audit = machine.image();
    let answer = worst(&audit, "L1.gateway-port");
    assert_eq!(answer.status, Status::Fail);
    assert!(format!("{:?}", answer.evidence).contains("before.rules"), "{:?}", answer.evidence);
}

#[test]
fn nftables_is_read_from_the_kernel_and_from_its_file() {
    for (name, wanted) in [("good", Status::Pass), ("bad", Status::Fail)] {
        let mut machine = Machine::sample("good");
        machine.prints(NFT, &fixture(&format!("nftables/{name}.json")));
        let audit = machine.audit();
        assert_eq!(status(&audit, "L1.enabled"), Status::Pass, "{}", worst(&audit, "L1.enabled").message);
        assert_eq!(status(&audit, "L1.default-deny"), Status::Pass);
        assert_eq!(status(&audit, "L1.gateway-port"), wanted, "{name}: {}", worst(&audit, "L1.gateway-port").message);
        let machine = other(&[(&format!("nftables/{name}.txt"), "/etc/nftables.conf")]);
        assert_eq!(status(&machine.image(), "L1.enabled"), Status::Fail, "nothing loads it");
        machine.link(STARTS, "/usr/lib/systemd/system/nftables.service");
        let image = machine.image();
        assert_eq!(status(&image, "L1.default-deny"), Status::Pass, "{}", worst(&image, "L1.default-deny").message);
        assert_eq!(status(&image, "L1.gateway-port"), wanted, "{name}: {}", worst(&image, "L1.gateway-port").message);
    }
}

#[test]
fn file_of_nftables_with_names_maps_and_sets_is_understood() {
    let open = |rule: &str| {
        let machine = Machine::sample("good");
        let text = format!(
            "#!/usr/sbin/nft -f\nflush ruleset\ndefine ports = {{ 22, 18789 }}\ntable inet filter {{\n set mine {{ type inet_service; \
            elements = {{ 22, 18000-19000 }} }}\n chain inner {{ tcp dport 18789 accept }}\n chain input {{\n type filter hook \
            input priority 0; policy drop;\n iifname lo accept\n ct state vmap {{ established : accept, invalid : drop }}\n \
            {rule}\n }}\n}}\n"
        );
        machine.write("/etc/nftables.conf", text);
        machine.link(STARTS, "/usr/lib/systemd/system/nftables.service");
        let audit = machine.image();
        let answer = worst(&audit, "L1.gateway-port");
        (answer.status, answer.severity)
    };
    let critical = (Status::Fail, Severity::Critical);
    for rule in [
        "tcp dport $ports accept",
        "tcp dport @mine accept",
        "tcp dport vmap { 22 : accept, 18789 : jump inner }",
        "iifname { eth0, eth1 } jump inner",
        "meta l4proto tcp th dport 18789 counter log prefix \"in: \" accept comment \"why not\"",
        "tcp dport != 22 accept",
        "tcp dport \\\n 18789 accept",
        "tcp dport 22 drop # \\\n accept",
        "accept",
    ] {
        assert_eq!(open(rule), critical, "{rule}");
    }
    assert_eq!(open("ip saddr 203.0.113.0/24 tcp dport 18789 accept"), (Status::Fail, Severity::High));
    assert_eq!(open("tcp dport 18789 mystery 5 accept").0, Status::Warn);
    for rule in [
        "tcp dport 22 accept",
        "tcp dport 22 \\\n accept",
        "ip saddr { 10.0.0.0/8, 192.168.0.0/16 } tcp dport 18789 accept",
        "iifname \"tailscale0\" accept",
        "tcp dport 18789 drop; tcp dport 1-65535 accept",
        "ip6 saddr fe80::/10 accept",
    ] {
        assert_eq!(open(rule).0, Status::Pass, "{rule}");
    }
}

#[test]
fn firewalld_is_read_by_zone() {
    for (name, wanted) in [("good", Status::Pass), ("bad", Status::Fail)] {
        let machine = other(&[
            ("firewalld/firewalld.conf", "/etc/firewalld/firewalld.conf"),
            (&format!("firewalld/public.{name}.xml"), "/etc/firewalld/zones/public.xml"),
        ]);
        machine.link(
            "/etc/systemd/system/multi-user.target.wants/firewalld.service",
            "/usr/lib/systemd/system/firewalld.service",
        );
        let audit = machine.image();
        assert_eq!(answers(&audit, "L1.enabled")[0].status, Status::Pass);
        assert_eq!(status(&audit, "L1.default-deny"), Status::Pass);
        assert_eq!(status(&audit, "L1.gateway-port"), wanted, "{name}");
        assert_eq!(status(&audit, "L1.only-ssh"), Status::Pass, "{}", worst(&audit, "L1.only-ssh").message);
        for rule in ["<icmp-type name=\"echo-request\"/>", "<source-port port=\"53\" protocol=\"udp\"/>"] {
            machine.write("/etc/firewalld/zones/public.xml", format!("<zone><rule>{rule}<accept/></rule></zone>"));
            assert_eq!(status(&machine.image(), "L1.gateway-port"), Status::Pass, "{rule}");
        }
        machine.write("/etc/firewalld/zones/public.xml", "<zone target=\"ACCEPT\"/>");
        assert_eq!(status(&machine.image(), "L1.default-deny"), Status::Fail);
        machine.write("/etc/firewalld/zones/public.xml", "<zone><port");
        assert_eq!(worst(&machine.image(), "L1.gateway-port").missing, Some(Missing::Other));
    }
}

#[test]
fn no_filter_at_all_fails_and_a_container_is_another_matter() {
    assert_eq!(worst(&Machine::sample("good").image(), "L1.enabled").severity, Severity::High);
    let machine = Machine::sample("good");
    machine.write("/.dockerenv", "");
    assert_eq!(status(&machine.image(), "L1.enabled"), Status::NotApplicable);
}

#[test]
fn container_that_publishes_the_gateway_is_critical() {
    let machine = loaded("good", "ufw/docker_bypass/iptables-save.txt");
    let audit = machine.audit();
    let answer = worst(&audit, "L1.docker-bypass");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::Critical), "{}", answer.message);
    assert_eq!(status(&audit, "L1.gateway-port"), Status::Pass);
}

#[test]
fn published_address_decides() {
    let compose = |port: &str| {
        let machine = Machine::sample("good");
        let text = format!(
            "services:\n  openclaw-gateway:\n    image: ghcr.io/openclaw/openclaw:2026.9.6\n    ports:\n      - {port}\n"
        );
        machine.write("/home/claw/openclaw/docker-compose.yml", text);
        let audit = machine.image();
        let answer = worst(&audit, "L1.docker-bypass");
        (answer.status, answer.evidence.first().and_then(|evidence| evidence.line))
    };
    assert_eq!(compose("\"18789:18789\""), (Status::Fail, Some(5)));
    assert_eq!(compose("\"${OPENCLAW_GATEWAY_PORT:-18789}:18789\"").0, Status::Fail);
    assert_eq!(compose("\"[::]:18789:18789\"").0, Status::Fail);
    assert_eq!(compose("{ target: 18789, published: 18789 }").0, Status::Fail);
    assert_eq!(compose("\"127.0.0.1:18789:18789\"").0, Status::Pass);
    assert_eq!(compose("{ target: 18789, published: 18789, host_ip: 127.0.0.1 }").0, Status::Pass);
}

#[test]
fn dockers_records_and_proxies_are_read() {
    let machine = Machine::sample("good");
    let ports = r#"{"PortBindings": {"18789/tcp": [{"HostIp": "", "HostPort": "18789"}]}}"#;
    machine.write("/var/lib/docker/containers/abc/hostconfig.json", ports);
    machine.write(
        "/var/lib/docker/containers/abc/config.v2.json",
        r#"{"State": {"Running": true}, "Config": {"Image": "openclaw/openclaw:1"}}"#,
    );
    assert_eq!(worst(&machine.image(), "L1.docker-bypass").severity, Severity::Critical);
    let mut machine = Machine::sample("good");
    machine.process(
        50,
        0,
        &[
            "/usr/bin/docker-proxy",
            "-proto",
            "tcp",
            "-host-ip",
            "0.0.0.0",
            "-host-port",
            "8080",
            "-container-ip",
            "172.17.0.2",
            "-container-port",
            "80",
        ],
        &[],
    );
    let audit = machine.audit();
    let answer = worst(&audit, "L1.docker-bypass");
    assert_eq!((answer.status, answer.severity), (Status::Warn, Severity::Medium), "{}", answer.message);
    // The chain for the administrator sees the port in the container.
    for (port, wanted) in [(8080, Severity::Medium), (80, Severity::Low)] {
        let rule = format!("-A DOCKER-USER -p tcp --dport {port} -j DROP\n");
        machine.prints("iptables-save", &format!("*filter\n:INPUT DROP [0:0]\n:DOCKER-USER - [0:0]\n{rule}COMMIT\n"));
        machine.prints("ip6tables-save", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
        assert_eq!(worst(&machine.audit(), "L1.docker-bypass").severity, wanted, "{port}");
    }
    assert_eq!(status(&Machine::sample("good").image(), "L1.docker-bypass"), Status::NotApplicable);
}

#[test]
fn listeners_are_named_with_their_programs() {
    let machine = Machine::sample("good");
    let line = |address: &str, inode: u64| {
        format!(
            "   0: {address} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 100 0 0 10 0\n"
        )
    };
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let sockets =
        ["00000000:0016", "00000000:01BB", "0100007F:1F90", "0100007F:4965", "00000000:1F90", "00000000:08AE"];
    let table: String = sockets.into_iter().zip(1..).map(|(address, inode)| line(address, inode)).collect();
    machine.write("/proc/net/tcp", format!("{head}{table}"));
    machine.process(10, 0, &["/usr/sbin/sshd"], &[1]);
    machine.process(11, 0, &["/usr/sbin/nginx"], &[2]);
    machine.process(12, 0, &["/usr/bin/docker-proxy"], &[5]);
    machine.process(13, 0, &["sshd: claw"], &[6]);
    let audit = machine.audit();
    let found = answers(&audit, "L1.listeners");
    // What forwards a port is named like the SSH server itself.
    let subjects: Vec<&str> = found.iter().map(|answer| answer.subject.as_str()).collect();
    assert_eq!(subjects, ["tcp 0.0.0.0:2222", "tcp 0.0.0.0:443"]);
    assert!(found[1].message.contains("nginx") && found[1].message.contains("Access"), "{}", found[1].message);
    let mut machine = machine;
    for name in ["iptables-save", "ip6tables-save"] {
        machine.prints(name, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
    }
    let audit = machine.audit();
    let closed = answers(&audit, "L1.listeners")[1];
    assert!(closed.message.ends_with("the packet filter keeps it to this machine only"), "{}", closed.message);
    assert_eq!(worst(&Machine::sample("good").image(), "L1.listeners").missing, Some(Missing::Live));
}

#[test]
fn broken_output_and_files_are_unknown() {
    let mut machine = Machine::sample("good");
    machine.prints(NFT, "not json");
    assert_eq!(worst(&machine.audit(), "L1.enabled").status, Status::Fail);
    let machine = ufw("good");
    std::fs::remove_file(machine.path("/etc/ufw/user.rules")).expect("the file is there");
    machine.folder("/etc/ufw/user.rules", 0o755);
    let audit = machine.image();
    assert_eq!(worst(&audit, "L1.gateway-port").missing, Some(Missing::Other));
}
