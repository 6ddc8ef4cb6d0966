//! Who may log in, who can write to the agent, what it may run, and which version it is.

use skillscan::audit::openclaw::Version;
use skillscan::audit::openclaw::advisory::Advisories;
use skillscan::audit::{Missing, Options, Status, run};
use skillscan::finding::Severity::{Critical, High, Low, Medium};

use super::host::{CLAW, Machine, answers, options, sample, status, worst};

/// A machine with this configuration and an installed release.
fn release(version: &str, config: &str) -> Machine {
    let machine = Machine::with_config(config);
    machine.package("/usr/lib/node_modules/openclaw", "openclaw", version);
    machine
}

/// The good sample with one text replaced.
fn changed(from: &str, to: &str) -> Machine {
    let good = sample("good");
    assert!(good.contains(from), "{from}");
    release("2026.9.6", &good.replace(from, to))
}

fn assert_is(machine: &Machine, id: &str, wanted: (Status, skillscan::finding::Severity)) {
    let audit = machine.audit();
    let answer = worst(&audit, id);
    assert_eq!((answer.status, answer.severity), wanted, "{id}: {}", answer.message);
}

#[test]
fn token_outside_the_file_counts_as_set() {
    for name in ["good", "x_envtoken", "x_secretref"] {
        assert_eq!(status(&Machine::sample(name).audit(), "L4.auth"), Status::Pass, "{name}");
    }
}

#[test]
fn missing_token_depends_on_the_release() {
    let config = sample("x_noauth");
    assert_is(&release("2026.9.6", &config), "L4.auth", (Status::Warn, Low));
    assert_is(&release("2026.2.26", &config), "L4.auth", (Status::Fail, Critical));
    assert_is(&Machine::with_config(&config), "L4.auth", (Status::Warn, High));
}

#[test]
fn token_in_the_unit_or_in_a_file_of_variables_is_found() {
    let machine = release("2026.2.26", &sample("x_noauth"));
    machine.write("/home/claw/.openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=short\n");
    assert_is(&machine, "L4.auth", (Status::Fail, High));
    machine.write(
        "/home/claw/.openclaw/.env",
        format!("export OPENCLAW_GATEWAY_TOKEN='{}'\n", "0123456789abcdef".repeat(2)),
    );
    assert_eq!(status(&machine.audit(), "L4.auth"), Status::Pass);
}

#[test]
fn weak_tokens_fail() {
    let token = "3f6c1d8e9a2b47c0d5e1f4a7b8c9d0e2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c";
    for weak in ["0123456789abcdef", "change-me-to-a-long-random-token", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_is(&changed(token, weak), "L4.auth", (Status::Fail, High));
    }
    let machine = changed("\"mode\": \"token\"", "\"mode\": \"password\", \"password\": \"hunter22\"");
    let audit = machine.audit();
    let answer = worst(&audit, "L4.auth");
    assert!(answer.status == Status::Fail && answer.message.contains("password has 8 characters"), "{answer:?}");
    assert_is(&changed("\"mode\": \"token\"", "\"mode\": \"password\""), "L4.auth", (Status::Fail, Critical));
}

#[test]
fn token_that_a_closed_file_may_hold_is_unknown() {
    let machine = release("2026.9.6", &sample("x_noauth"));
    machine.write(
        "/home/claw/.config/systemd/user/openclaw-gateway.service",
        "[Service]\nEnvironmentFile=/etc/claw.env\nExecStart=/usr/bin/node /usr/lib/node_modules/openclaw/openclaw.mjs gateway\n",
    );
    machine.folder("/etc/claw.env", 0o700);
    assert_eq!(worst(&machine.audit(), "L4.auth").missing, Some(Missing::Other));
    machine.write("/home/claw/.openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=short\n");
    assert_is(&machine, "L4.auth", (Status::Fail, High));
}

#[test]
fn nobody_who_is_asked_is_critical() {
    assert_is(&Machine::sample("bad_open"), "L4.auth", (Status::Fail, Critical));
    assert_is(&Machine::sample("bad_funnel"), "L4.auth", (Status::Fail, Critical));
    let audit = Machine::sample("bad_funnel").audit();
    assert!(answers(&audit, "L4.auth").iter().any(|answer| answer.message.contains("Funnel")));
}

#[test]
fn webhooks_with_the_gateways_token_fail() {
    let audit = Machine::sample("bad_custom").audit();
    let found = answers(&audit, "L4.auth");
    assert!(found.iter().any(|answer| answer.subject.ends_with("hooks.token") && answer.status == Status::Fail));
    let shown = format!("{found:?}");
    assert!(!shown.contains("changeme"), "a secret is shown: {shown}");
}

#[test]
fn proxy_as_documented_for_access_passes_and_each_gap_in_it_does_not() {
    let good = sample("good_access");
    assert_eq!(status(&Machine::with_config(&good).audit(), "L4.auth"), Status::Pass);
    let cases = [
        ("\"owner@example.com\"", "", (Status::Warn, Medium)),
        ("\"cf-access-jwt-assertion\"", "", (Status::Warn, Medium)),
        ("\"127.0.0.1\"", "\"0.0.0.0/0\"", (Status::Fail, High)),
        ("\"127.0.0.1\"", "\"10.0.0.0/8\"", (Status::Fail, High)),
        ("\"userHeader\"", "\"other\"", (Status::Fail, High)),
    ];
    for (from, to, wanted) in cases {
        assert!(good.contains(from));
        assert_is(&Machine::with_config(&good.replace(from, to)), "L4.auth", wanted);
    }
}

#[test]
fn open_channels_are_judged_by_their_effect() {
    let open = "\"dmPolicy\": \"open\", \"allowFrom\": [\"*\"]";
    let cases = [
        ("\"dmPolicy\": \"pairing\"", Status::Pass),
        ("\"dmPolicy\": \"pairing\", \"allowFrom\": [\"*\"]", Status::Fail),
        ("\"allowFrom\": [\"*\"]", Status::Fail),
        ("\"dmPolicy\": \"disabled\", \"allowFrom\": [\"*\"]", Status::Pass),
        ("\"dmPolicy\": \"allowlist\", \"allowFrom\": [7]", Status::Pass),
        ("\"dmPolicy\": \"allowlist\", \"allowFrom\": [\"*\"]", Status::Fail),
        ("\"dmPolicy\": \"allowlist\", \"allowFrom\": [\"accessGroup:all\"]", Status::Fail),
        ("\"dmPolicy\": \"open\", \"allowFrom\": [\"7\"]", Status::Warn),
        (open, Status::Fail),
        ("\"dm\": {\"policy\": \"open\", \"allowFrom\": [\"*\"]}", Status::Fail),
        ("\"accounts\": {\"a\": {\"dmPolicy\": \"open\"}}, \"allowFrom\": [\"*\"]", Status::Fail),
        ("\"accounts\": {\"a\": {\"dmPolicy\": \"open\", \"enabled\": false}}", Status::Pass),
        ("\"dmPolicy\": \"everyone\"", Status::Warn),
        ("\"enabled\": false, \"dmPolicy\": \"open\", \"allowFrom\": [\"*\"]", Status::NotApplicable),
        ("\"dmPolicy\": \"pairing\", \"groupPolicy\": \"open\"", Status::Fail),
        ("\"dmPolicy\": \"pairing\", \"groups\": {\"1\": {\"groupPolicy\": \"open\"}}", Status::Fail),
        ("\"dmPolicy\": \"pairing\", \"allowFrom\": [1, 2]", Status::Warn),
    ];
    for (settings, wanted) in cases {
        let config = format!(
            "{{channels: {{telegram: {{botToken: \"${{TELEGRAM}}\", {settings}}}}}, accessGroups: {{all: {{telegram: [\"*\"]}}}}}}"
        );
        let audit = release("2026.9.6", &config).audit();
        assert_eq!(status(&audit, "L4.pairing"), wanted, "{settings}: {}", worst(&audit, "L4.pairing").message);
    }
}

#[test]
fn open_channel_without_credentials_may_have_them_in_a_variable() {
    let machine = release("2026.9.6", "{channels: {telegram: {allowFrom: [\"*\"]}}}");
    assert_is(&machine, "L4.pairing", (Status::Warn, High));
    assert_is(&machine, "L4.exec", (Status::Fail, High));
    let closed = release("2026.9.6", "{channels: {telegram: {allowFrom: [7]}}}");
    assert_eq!(status(&closed.audit(), "L4.pairing"), Status::NotApplicable);
}

#[test]
fn name_of_a_channel_is_one_word_of_a_command() {
    let channel = "botToken: \"${T}\", dmPolicy: \"open\", allowFrom: [\"*\"], groupPolicy: \"open\"";
    let audit = release("2026.9.6", &format!("{{channels: {{\"a;reboot\": {{{channel}}}}}}}")).audit();
    let commands: Vec<_> = answers(&audit, "L4.pairing").iter().filter_map(|answer| answer.command.clone()).collect();
    let wanted = [
        "openclaw config set 'channels.a;reboot.dmPolicy' pairing && openclaw config unset 'channels.a;reboot.allowFrom'",
        "openclaw config set 'channels.a;reboot.groupPolicy' allowlist",
    ];
    assert_eq!(commands, wanted);
}

#[test]
fn open_channel_is_critical_only_where_commands_run_unasked() {
    assert_is(&release("2026.9.6", &sample("miss_open_dm")), "L4.pairing", (Status::Fail, High));
    assert_is(&release("2026.9.6", &sample("x_defaultexec")), "L4.pairing", (Status::Fail, Critical));
}

#[test]
fn senders_that_were_paired_count() {
    let machine = changed("\"dmScope\": \"per-channel-peer\"", "\"dmScope\": \"main\"");
    assert_eq!(status(&machine.audit(), "L4.pairing"), Status::Pass);
    machine.write(
        "/home/claw/.openclaw/credentials/telegram-allowFrom.json",
        "{\"version\":1,\"allowFrom\":[\"1\",\"2\"]}",
    );
    assert_is(&machine, "L4.pairing", (Status::Warn, Medium));
    machine.write("/home/claw/.openclaw/credentials/telegram-allowFrom.json", "{\"version\":1,\"allowFrom\":[\"*\"]}");
    assert_is(&machine, "L4.pairing", (Status::Fail, High));
}

#[test]
fn policy_that_is_not_set_is_that_of_the_release() {
    let config = "{channels: {telegram: {botToken: \"${TELEGRAM}\"}}}";
    assert_is(&release("2026.9.6", config), "L4.exec", (Status::Warn, Medium));
    assert_eq!(status(&release("2026.3.13", config).audit(), "L4.exec"), Status::Pass);
    assert_is(&release("2026.9.6", &sample("x_defaultexec")), "L4.exec", (Status::Fail, High));
    assert_is(&Machine::with_config(config), "L4.exec", (Status::Warn, Medium));
}

#[test]
fn any_limit_on_commands_passes() {
    let limits = [
        "tools: {exec: {security: \"allowlist\"}}",
        "tools: {exec: {ask: \"always\"}}",
        "tools: {exec: {mode: \"ask\"}}",
        "tools: {exec: {mode: \"deny\"}}",
        "tools: {deny: [\"group:runtime\"]}",
        "tools: {profile: \"messaging\"}",
        "agents: {defaults: {sandbox: {mode: \"non-main\"}}}",
        "tools: {exec: {host: \"sandbox\"}}, agents: {defaults: {sandbox: {mode: \"all\"}}}",
    ];
    for limit in limits {
        assert_eq!(status(&release("2026.9.6", &format!("{{{limit}}}")).audit(), "L4.exec"), Status::Pass, "{limit}");
    }
    for none in [
        "tools: {exec: {mode: \"full\"}}",
        "tools: {profile: \"full\"}",
        "tools: {exec: {host: \"gateway\"}}, agents: {defaults: {sandbox: {mode: \"all\"}}}",
        "tools: {profile: \"messaging\", alsoAllow: [\"exec\"]}",
    ] {
        assert_eq!(status(&release("2026.9.6", &format!("{{{none}}}")).audit(), "L4.exec"), Status::Warn, "{none}");
    }
}

#[test]
fn agent_with_settings_of_its_own_is_judged_by_them() {
    for agents in [
        "list: [{id: \"work\", tools: {exec: {security: \"full\", ask: \"off\"}}}]",
        "entries: {work: {tools: {exec: {security: \"full\", ask: \"off\"}}}}",
    ] {
        let config = format!("{{tools: {{exec: {{security: \"deny\"}}}}, agents: {{{agents}}}}}");
        let audit = release("2026.9.6", &config).audit();
        let answer = worst(&audit, "L4.exec");
        assert!(answer.status == Status::Warn && answer.subject.ends_with("agent work"), "{answer:?}");
    }
}

#[test]
fn dangerous_settings_are_found_each() {
    let cases = [
        ("gateway: {controlUi: {allowedOrigins: [\"*\"]}}", Status::Fail),
        ("gateway: {allowRealIpFallback: true}", Status::Warn),
        ("commands: {ownerAllowFrom: [\"*\"]}", Status::Fail),
        ("tools: {elevated: {allowFrom: {telegram: [\"*\"]}}}", Status::Fail),
        ("hooks: {mappings: [{allowUnsafeExternalContent: true}]}", Status::Fail),
        ("hooks: {path: \"/\"}", Status::Fail),
        ("hooks: {enabled: true}", Status::Warn),
        ("security: {audit: {suppressions: [{checkId: \"x\"}]}}", Status::Warn),
        ("agents: {entries: {a: {sandbox: {docker: {dangerouslyAllowX: true}}}}}", Status::Warn),
        ("agents: {list: [{sandbox: {docker: {network: \"host\"}}}]}", Status::Fail),
        ("channels: {discord: {accounts: {a: {dangerouslyAllowNameMatching: true}}}}", Status::Warn),
        ("agents: {defaults: {sandbox: {docker: {readOnlyRoot: true}}}}", Status::Pass),
        ("gateway: {controlUi: {allowedOrigins: [\"https://openclaw.example.com\"]}}", Status::Pass),
        ("gateway: {controlUi: {dangerouslyDisableDeviceAuth: true}}", Status::Pass),
        ("$include: \"./missing.json5\"", Status::Unknown),
    ];
    for (config, wanted) in cases {
        let audit = release("2026.9.6", &format!("{{{config}}}")).audit();
        assert_eq!(
            status(&audit, "L4.dangerous-flags"),
            wanted,
            "{config}: {}",
            worst(&audit, "L4.dangerous-flags").message
        );
    }
    let older = "{gateway: {controlUi: {dangerouslyDisableDeviceAuth: true}}}";
    assert_is(&release("2026.2.26", older), "L4.dangerous-flags", (Status::Fail, Critical));
}

#[test]
fn root_and_ways_to_it_are_told() {
    let machine = Machine::sample("good");
    assert_eq!(status(&machine.audit(), "L4.service-user"), Status::Pass);
    machine.process(692, CLAW, &["openclaw-gateway"], &[]);
    assert_eq!(status(&machine.audit(), "L4.service-user"), Status::Pass);
    machine.process(692, 0, &["openclaw-gateway"], &[]);
    assert_is(&machine, "L4.service-user", (Status::Fail, High));
    let subject = worst(&machine.audit(), "L4.service-user").subject.clone();
    assert!(!subject.contains("692"), "{subject} is another after each start");
    let machine = Machine::sample("good");
    machine.write(
        "/etc/systemd/system/openclaw.service",
        "[Service]\nExecStart=/usr/bin/node /opt/openclaw/openclaw.mjs gateway\n",
    );
    assert_eq!(status(&machine.audit(), "L4.service-user"), Status::Pass, "a unit of root's is not claw's");
    machine.write(
        "/etc/systemd/system/openclaw.service",
        "[Service]\nUser=claw\nExecStart=/usr/bin/node /opt/openclaw/openclaw.mjs gateway --bind lan\n",
    );
    assert_eq!(status(&machine.audit(), "L4.bind-config"), Status::Fail);
    machine.write("/etc/sudoers.d/90-cloud-init-users", "claw ALL=(ALL) NOPASSWD:ALL\n");
    assert_is(&machine, "L4.service-user", (Status::Warn, High));
}

#[test]
fn versions_match_as_many_advisories_as_were_counted() {
    let counted = [
        ("2026.1.29", 558),
        ("2026.2.9", 544),
        ("2026.2.26", 361),
        ("2026.3.13", 299),
        ("2026.3.28", 215),
        ("2026.4.15", 92),
        ("2026.5.12", 21),
        ("2026.6.1", 2),
        ("2026.6.11", 0),
    ];
    for (version, wanted) in counted {
        let version = Version::parse(version).expect("a version");
        assert_eq!(Advisories::built_in().matching(version).len(), wanted, "{version}");
    }
}

#[test]
fn ranges_of_all_advisories_can_be_read() {
    let table = Advisories::built_in();
    assert_eq!(table.all.len(), 596);
    let any = Version::release(2026, 1, 1);
    for entry in &table.all {
        assert!(any.is_in(&entry.affected).is_some(), "{}: {}", entry.id, entry.affected);
    }
    assert!(table.provenance.is_some());
}

#[test]
fn correction_is_newer_than_its_release() {
    let order = [
        "2.0.0-beta3",
        "2026.1.29-beta.1",
        "2026.3.13-alpha.2",
        "2026.3.13-beta.1",
        "2026.3.13",
        "2026.3.13-1",
        "2026.3.13-2",
        "2026.3.14",
    ];
    let parsed: Vec<Version> = order.iter().map(|text| Version::parse(text).expect("a version")).collect();
    assert!(parsed.is_sorted() && parsed.windows(2).all(|pair| pair[0] != pair[1]), "{parsed:?}");
    let fixed = Version::parse("2026.3.13-1").expect("a version");
    assert_eq!(fixed.is_in("< 2026.3.13"), Some(false));
    assert_eq!(fixed.is_in("<= 2026.3.13-1"), Some(true));
    assert_eq!(fixed.is_in("< 2026.1.1 || >= 2026.3.13, < 2026.4.1"), Some(true));
    for strange in ["", "latest", "2026.3", "2026.3.13-nightly", "x.y.z", "2026.3.99999999999"] {
        assert_eq!(Version::parse(strange), None, "{strange}");
    }
}

#[test]
fn affected_release_fails_and_says_what_clears_it() {
    let audit = release("2026.2.9", &sample("good")).audit();
    let answer = worst(&audit, "L4.version");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Critical));
    assert!(answer.message.contains("544 published advisories"), "{}", answer.message);
    let fix = answer.fix.clone().unwrap_or_default();
    assert!(fix.contains("2026."), "{fix}");
}

#[test]
fn release_that_nothing_affects_passes_and_the_limit_of_the_data_is_said() {
    let audit = release("2026.9.6", &sample("good")).audit();
    let found = answers(&audit, "L4.version");
    assert!(found.iter().all(|answer| answer.status == Status::Pass), "{found:?}");
    assert!(found.iter().any(|answer| answer.message.contains("not proof")), "{found:?}");
}

#[test]
fn old_data_does_not_know_what_is_up_to_date() {
    let host = release("2026.9.6", &sample("good")).host();
    let machine = release("2026.9.6", &sample("good"));
    let fresh = run(machine.host(), Options { today: "2026-12-22".to_owned(), ..options() });
    assert_eq!(status(&fresh, "L4.version"), Status::Pass);
    let old = run(machine.host(), Options { today: "2026-12-23".to_owned(), ..options() });
    let answer = worst(&old, "L4.version");
    assert_eq!((answer.status, answer.missing), (Status::Unknown, Some(Missing::Other)), "{}", answer.message);
    drop(host);
}

#[test]
fn version_that_nothing_tells_is_unknown() {
    let audit = Machine::sample("good").audit();
    assert_eq!(status(&audit, "L4.version"), Status::Unknown);
    let audit = release("nightly", &sample("good")).audit();
    assert_eq!(status(&audit, "L4.version"), Status::Unknown);
}

#[test]
fn version_is_that_of_the_package_that_the_unit_starts() {
    let machine = release("2026.9.6", &sample("good"));
    machine.package("/opt/claw/lib/node_modules/openclaw", "openclaw", "2026.2.9");
    machine.write(
        "/home/claw/.config/systemd/user/openclaw-gateway.service",
        "[Service]\nExecStart=/usr/bin/node /opt/claw/lib/node_modules/openclaw/dist/index.js gateway\n",
    );
    machine.write("/opt/claw/lib/node_modules/openclaw/dist/index.js", "");
    let audit = machine.audit();
    assert_eq!(status(&audit, "L4.version"), Status::Fail);
    assert!(answers(&audit, "L4.version").iter().any(|answer| answer.message.contains("several versions")));
}

#[test]
fn known_bad_package_is_found_in_every_store() {
    let stores = [
        "/usr/lib/node_modules",
        "/usr/local/lib/node_modules",
        "/home/claw/.npm-global/lib/node_modules",
        "/home/claw/.nvm/versions/node/v24.1.0/lib/node_modules",
        "/home/claw/.local/share/pnpm/global/5/node_modules",
        "/home/claw/.config/yarn/global/node_modules",
        "/home/claw/.bun/install/global/node_modules",
    ];
    for store in stores {
        let machine = Machine::sample("good");
        assert_eq!(status(&machine.audit(), "L4.packages"), Status::NotApplicable);
        machine.package(&format!("{store}/cline"), "cline", "2.2.9");
        assert_eq!(status(&machine.audit(), "L4.packages"), Status::Pass, "{store}");
        machine.package(&format!("{store}/cline"), "cline", "2.3.0");
        assert_is(&machine, "L4.packages", (Status::Fail, Critical));
    }
}

#[test]
fn left_over_state_of_an_earlier_release_is_not_a_gateway() {
    let machine = Machine::sample("good");
    machine.write("/home/claw/.clawdbot/clawdbot.json", "{gateway: {bind: \"lan\"}}");
    let audit = machine.audit();
    assert_eq!(status(&audit, "L4.bind-config"), Status::Pass);
    machine.write(
        "/home/claw/.config/systemd/user/clawdbot-gateway.service",
        "[Service]\nExecStart=/usr/bin/node /x/clawdbot/dist/index.js gateway\n",
    );
    assert_eq!(status(&machine.audit(), "L4.bind-config"), Status::Fail);
}

#[test]
fn profiles_are_installations_of_their_own() {
    let machine = Machine::sample("good");
    machine.write("/home/claw/.openclaw-rescue/openclaw.json", "{gateway: {bind: \"lan\"}}");
    machine.package("/usr/lib/node_modules/openclaw", "openclaw", "2026.9.6");
    let audit = machine.audit();
    assert_eq!(audit.subject.installations.len(), 2);
    assert_eq!(status(&audit, "L4.bind-config"), Status::Fail);
    let one = run(machine.host(), Options { profile: Some("default".to_owned()), ..options() });
    assert_eq!(status(&one, "L4.bind-config"), Status::Pass);
    let context = skillscan::audit::Context::new(machine.host(), options());
    let ports: Vec<u16> = context.gateway_ports().iter().map(|port| port.number).collect();
    assert_eq!(ports, [18789, 23532], "the port of a named profile follows from its name");
}
