//! Sample configurations on which OpenClaw's own audit was run: what it missed is found, and where it cried wolf,
//! nothing is said.

use std::collections::BTreeMap;

use skillscan::audit::{Audit, Status};

use super::host::{CLAW, Machine, sample, status};

/// Checks of the gateway that do not come out as `pass` or `n/a` on a sample, for an installed 2026.9.6.
fn found(name: &str) -> BTreeMap<&'static str, Status> {
    let machine = Machine::sample(name);
    if name == "bad_include" {
        machine.copy("config/bad_include.gw.json5", "/home/claw/.openclaw/gw.json5");
        machine.copy("config/bad_include.ch1.json5", "/home/claw/.openclaw/ch1.json5");
    }
    machine.package("/usr/lib/node_modules/openclaw", "openclaw", "2026.9.6");
    machine.write("/proc/net/tcp", "  sl  local_address rem_address   st\n");
    wrong(&machine.audit())
}

fn wrong(audit: &Audit) -> BTreeMap<&'static str, Status> {
    let mut found = BTreeMap::new();
    for checked in audit.checks.iter().filter(|checked| checked.id.as_str().starts_with("L4.")) {
        let status = found.entry(checked.id.as_str()).or_insert(checked.answer.status);
        *status = (*status).max(checked.answer.status);
    }
    found.retain(|_, status| !matches!(status, Status::Pass | Status::NotApplicable));
    found
}

#[test]
fn each_sample_gives_what_it_should() {
    use Status::{Fail, Unknown, Warn};
    let cases: &[(&str, &[(&str, Status)])] = &[
        ("good", &[]),
        ("good_access", &[]),
        ("x_auto", &[("L4.auth", Warn)]),
        ("x_envtoken", &[]),
        ("x_secretref", &[]),
        ("x_serve", &[]),
        ("x_tailnet", &[]),
        ("x_noauth", &[("L4.auth", Warn)]),
        ("x_defaultexec", &[("L4.exec", Fail), ("L4.pairing", Fail)]),
        ("miss_open_dm", &[("L4.pairing", Fail)]),
        ("bad_bind_literal", &[("L4.bind-config", Fail)]),
        ("bad_custom", &[("L4.auth", Fail), ("L4.bind-config", Fail), ("L4.dangerous-flags", Fail)]),
        ("bad_funnel", &[("L4.auth", Fail)]),
        ("bad_include", &[("L4.bind-config", Fail), ("L4.exec", Warn)]),
        ("bad_suppressed", &[("L4.auth", Fail), ("L4.bind-config", Fail), ("L4.dangerous-flags", Warn)]),
        (
            "bad_open",
            &[
                ("L4.auth", Fail),
                ("L4.bind-config", Fail),
                ("L4.dangerous-flags", Fail),
                ("L4.exec", Fail),
                ("L4.pairing", Fail),
            ],
        ),
        (
            "bad_syntax",
            &[
                ("L4.auth", Unknown),
                ("L4.bind-config", Unknown),
                ("L4.bind-drift", Unknown),
                ("L4.dangerous-flags", Unknown),
                ("L4.exec", Unknown),
                ("L4.pairing", Unknown),
            ],
        ),
    ];
    for (name, wanted) in cases {
        let wanted: BTreeMap<&str, Status> = wanted.iter().copied().collect();
        assert_eq!(found(name), wanted, "{name}");
    }
}

#[test]
fn gateway_that_listens_everywhere_against_its_configuration_is_found() {
    let machine = Machine::sample("good");
    machine.sockets("all-interfaces");
    machine.process(3677, CLAW, &["openclaw-gateway"], &[131_767]);
    let found = wrong(&machine.audit());
    assert_eq!(found.get("L4.bind-live"), Some(&Status::Fail));
    assert_eq!(found.get("L4.bind-drift"), Some(&Status::Fail));
}

#[test]
fn file_of_an_earlier_release_keeps_nothing_from_being_audited() {
    let machine = Machine::sample("bad_open");
    machine.write("/home/claw/.openclaw/exec-approvals.json", "{\"version\": 1}");
    assert_eq!(status(&machine.audit(), "L4.bind-config"), Status::Fail);
}

#[test]
fn order_of_the_audited_file_to_leave_findings_out_is_not_followed() {
    let open = sample("bad_suppressed").replace("gateway.bind_no_auth", "L4.*");
    assert_eq!(status(&Machine::with_config(&open).audit(), "L4.auth"), Status::Fail);
}

#[test]
fn default_installation_without_a_file_raises_no_alarm_but_for_what_runs_unasked() {
    let machine = Machine::empty();
    machine.folder("/home/claw/.openclaw", 0o700);
    machine.package("/usr/lib/node_modules/openclaw", "openclaw", "2026.9.6");
    machine.write("/proc/net/tcp", "  sl  local_address rem_address   st\n");
    let wanted = [("L4.auth", Status::Warn), ("L4.exec", Status::Warn)];
    assert_eq!(wrong(&machine.audit()), wanted.into_iter().collect());
}
