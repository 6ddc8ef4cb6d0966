//! Where the gateway listens: what is set, what runs, and whether both agree.

use skillscan::audit::{Missing, Status};
use skillscan::finding::Severity;

use super::host::{CLAW, Machine, answers, sample, status, worst};

const UNIT: &str = "/home/claw/.config/systemd/user/openclaw-gateway.service";

/// A gateway that listens as captured, with a configuration that says loopback.
fn running(sockets: &str, inodes: &[u64]) -> Machine {
    let machine = Machine::sample("good");
    machine.sockets(sockets);
    machine.process(692, CLAW, &["openclaw-gateway", "   "], inodes);
    machine
}

#[test]
fn loopback_and_tailnet_pass() {
    for name in ["good", "x_tailnet", "x_auto", "x_serve", "x_defaultexec"] {
        assert_eq!(status(&Machine::sample(name).audit(), "L4.bind-config"), Status::Pass, "{name}");
    }
}

#[test]
fn every_network_fails_and_is_critical_without_a_login() {
    for (name, severity) in [
        ("bad_open", Severity::Critical),
        ("bad_custom", Severity::High),
        ("bad_suppressed", Severity::Critical),
        ("bad_bind_literal", Severity::High),
    ] {
        let audit = Machine::sample(name).audit();
        let answer = worst(&audit, "L4.bind-config");
        assert_eq!((answer.status, answer.severity), (Status::Fail, severity), "{name}: {}", answer.message);
    }
}

#[test]
fn included_file_is_read_and_named() {
    let machine = Machine::sample("bad_include");
    machine.copy("config/bad_include.gw.json5", "/home/claw/.openclaw/gw.json5");
    machine.copy("config/bad_include.ch1.json5", "/home/claw/.openclaw/ch1.json5");
    let audit = machine.audit();
    let answer = worst(&audit, "L4.bind-config");
    assert_eq!(answer.status, Status::Fail);
    let shown = format!("{:?}", answer.evidence);
    assert!(shown.contains("gw.json5") && shown.contains("line: Some(1)"), "{shown}");
}

#[test]
fn broken_configuration_is_unknown_and_says_why() {
    for text in ["{ gateway: { bind: ", "[]", "\"text\"", ""] {
        let audit = Machine::with_config(text).audit();
        let answer = worst(&audit, "L4.bind-config");
        assert_eq!((answer.status, answer.missing), (Status::Unknown, Some(Missing::Other)), "{text}");
        assert!(answer.message.len() > 40, "{}", answer.message);
    }
}

#[test]
fn container_is_judged_by_its_published_address() {
    let machine = Machine::sample("bad_open");
    machine.write("/.dockerenv", "");
    assert_eq!(status(&machine.audit(), "L4.bind-config"), Status::NotApplicable);
}

#[test]
fn sockets_are_told_apart() {
    let loopback = running("loopback", &[127_893, 127_894]).audit();
    assert_eq!(answers(&loopback, "L4.bind-live").len(), 2);
    assert_eq!(status(&loopback, "L4.bind-live"), Status::Pass);
    let open = running("all-interfaces", &[131_767]).audit();
    let answer = worst(&open, "L4.bind-live");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::Critical));
    assert!(answer.message.contains("openclaw-gatewa"), "{}", answer.message);
}

#[test]
fn gateway_at_an_unexpected_port_is_found_by_its_process() {
    let machine = Machine::with_config(&sample("good").replace("18789", "18700"));
    machine.sockets("all-interfaces");
    assert_eq!(status(&machine.audit(), "L4.bind-live"), Status::NotApplicable);
    machine.process(77, CLAW, &["/usr/bin/node", "/usr/lib/node_modules/openclaw/openclaw.mjs", "gateway"], &[131_767]);
    assert_eq!(status(&machine.audit(), "L4.bind-live"), Status::Fail);
}

#[test]
fn image_has_no_sockets() {
    let audit = Machine::sample("good").image();
    assert_eq!(worst(&audit, "L4.bind-live").missing, Some(Missing::Live));
    assert_eq!(status(&audit, "L4.bind-config"), Status::Pass);
}

#[test]
fn missing_proc_is_unknown() {
    let audit = Machine::sample("good").audit();
    let answer = worst(&audit, "L4.bind-live");
    assert_eq!((answer.status, answer.missing), (Status::Unknown, Some(Missing::Other)), "{}", answer.message);
}

#[test]
fn running_gateway_that_is_open_against_its_settings_drifts() {
    assert_eq!(status(&running("loopback", &[127_893, 127_894]).audit(), "L4.bind-drift"), Status::Pass);
    let audit = running("all-interfaces", &[131_767]).audit();
    assert_eq!(worst(&audit, "L4.bind-drift").severity, Severity::High);
}

#[test]
fn unit_that_overrides_the_configuration_counts() {
    let machine = Machine::sample("good");
    machine.copy("systemd/openclaw-gateway.user.service", UNIT);
    assert_eq!(status(&machine.audit(), "L4.bind-drift"), Status::Pass);
    machine.copy("systemd/openclaw-gateway.bad-override.service", UNIT);
    let audit = machine.audit();
    assert_eq!(worst(&audit, "L4.bind-drift").severity, Severity::High);
    let next = worst(&audit, "L4.bind-config");
    assert_eq!(next.status, Status::Fail);
    assert!(format!("{:?}", next.evidence).contains("line: Some(9)"), "{:?}", next.evidence);
}

#[test]
fn drop_in_counts_over_the_unit() {
    let machine = Machine::sample("good");
    machine.copy("systemd/openclaw-gateway.user.service", UNIT);
    machine.write(
        "/home/claw/.config/systemd/user/openclaw-gateway.service.d/10.conf",
        "[Service]\nExecStart=\nExecStart=/usr/bin/node /opt/openclaw/openclaw.mjs gateway --bind=lan\n",
    );
    assert_eq!(status(&machine.audit(), "L4.bind-drift"), Status::Fail);
}

#[test]
fn image_and_recorded_commands_are_no_part_of_the_host() {
    let mut machine = Machine::sample("good");
    machine.prints("ufw status", "Status: inactive\n");
    let tool = skillscan::audit::host::Tool { name: "ufw", arguments: &["status"] };
    assert_eq!(machine.host().command(tool).map(|output| output.stdout), Ok("Status: inactive\n".to_owned()));
    assert!(skillscan::audit::host::Host::image(machine.root()).command(tool).is_err());
}

#[test]
fn packet_filter_that_keeps_strangers_out_leaves_one_hole_of_two() {
    let mut machine = running("all-interfaces", &[131_767]);
    machine.fit();
    assert_eq!(worst(&machine.audit(), "L4.bind-live").severity, Severity::Critical, "what is set is not yet in force");
    machine.prints("iptables-save", &super::host::fixture("ufw/good/iptables-save.txt"));
    machine.prints("ip6tables-save", "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n");
    let audit = machine.audit();
    let answer = worst(&audit, "L4.bind-live");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High));
    assert!(answer.message.contains("but for the packet filter"), "{}", answer.message);
    // A rule that lets them in takes that back.
    machine.prints("iptables-save", "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 18789 -j ACCEPT\nCOMMIT\n");
    assert_eq!(worst(&machine.audit(), "L4.bind-live").severity, Severity::Critical);
}
