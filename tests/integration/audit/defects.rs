//! A good host, and single defects in it: each changes exactly the checks that it should, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use skillscan::audit::baseline::Baseline;
use skillscan::audit::{Audit, Context, Options, Status, run};

use super::super::common::{ATTACK, SKILL};
use super::host::{CLAW, Machine, options, sample, scanner};

const CONFIG: &str = "/home/claw/.openclaw/openclaw.json";
const UNIT: &str = "/home/claw/.config/systemd/user/openclaw-gateway.service";
const PACKAGE: &str = "/usr/lib/node_modules/openclaw";
pub(super) const WORKSPACE: &str = "/home/claw/.openclaw/workspace";

/// A host on which the checks of application and agent have nothing to say.
fn good() -> Machine {
    let machine = Machine::with_config(&sample("good"));
    furnish(&machine);
    machine
}

/// What beside its configuration the gateway needs to run as it should.
pub(super) fn furnish(machine: &Machine) {
    machine.package(PACKAGE, "openclaw", "2026.9.6");
    machine.write(&format!("{PACKAGE}/openclaw.mjs"), "");
    machine.copy("systemd/openclaw-gateway.user.service", UNIT);
    machine.sockets("loopback");
    machine.process(692, CLAW, &["openclaw-gateway"], &[127_893, 127_894]);
    machine.folder(WORKSPACE, 0o700);
    machine.copy("workspace/SOUL.good.md", &format!("{WORKSPACE}/SOUL.md"));
    for name in ["skillguard", "prompt-guard"] {
        machine.write(&format!("{WORKSPACE}/skills/{name}/SKILL.md"), SKILL.replace("sample", name));
    }
}

fn audit(machine: &Machine, baseline: Option<&Baseline>) -> Audit {
    run(machine.host(), Options { scan: scanner(), baseline: baseline.cloned(), ..options() })
}

/// The worst status of each check of application and agent.
fn statuses(audit: &Audit) -> BTreeMap<&'static str, Status> {
    let mut found = BTreeMap::new();
    for checked in audit
        .checks
        .iter()
        .filter(|checked| checked.id.as_str().starts_with("L4.") || checked.id.as_str().starts_with("L5."))
    {
        let status = found.entry(checked.id.as_str()).or_insert(checked.answer.status);
        *status = (*status).max(checked.answer.status);
    }
    found
}

pub(super) fn baseline(machine: &Machine) -> Baseline {
    let context = Context::new(machine.host(), options());
    Baseline::capture(&context, "salt").expect("the users are known")
}

#[test]
fn good_host_has_nothing_to_mend() {
    let machine = good();
    let audit = audit(&machine, Some(&baseline(&machine)));
    let wrong: Vec<_> = audit
        .checks
        .iter()
        .filter(|checked| checked.id.as_str().starts_with("L4.") || checked.id.as_str().starts_with("L5."))
        .filter(|checked| !matches!(checked.answer.status, Status::Pass | Status::NotApplicable))
        .map(|checked| format!("{} {}: {}", checked.id, checked.answer.subject, checked.answer.message))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One thing that is done to the good host, and the checks whose status it changes.
struct Defect {
    name: &'static str,
    done: Box<dyn Fn(&Machine)>,
    changes: &'static [&'static str],
}

fn defect(name: &'static str, changes: &'static [&'static str], done: impl Fn(&Machine) + 'static) -> Defect {
    Defect { name, done: Box::new(done), changes }
}

/// The configuration with one text replaced.
fn setting(from: &'static str, to: &'static str, changes: &'static [&'static str]) -> Defect {
    defect(to, changes, move |machine| {
        let text = sample("good");
        assert!(text.contains(from), "{from}");
        machine.write(CONFIG, text.replacen(from, to, 1));
    })
}

/// The configuration with one more setting.
fn more(text: &'static str, changes: &'static [&'static str]) -> Defect {
    setting("{\n", text, changes)
}

const TOKEN: &str = "\"3f6c1d8e9a2b47c0d5e1f4a7b8c9d0e2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c\"";

/// Settings: a change of any of them is one since the baseline too.
fn settings() -> Vec<Defect> {
    vec![
        setting("\"loopback\"", "\"lan\"", &["L4.bind-config", "L5.drift"]),
        setting("\"loopback\"", "\"0.0.0.0\"", &["L4.bind-config", "L5.drift"]),
        setting("\"loopback\"", "\"127.0.0.1\"", &["L4.bind-config", "L5.drift"]),
        setting("\"loopback\"", "\"everywhere\"", &["L4.bind-config", "L5.drift"]),
        setting("\"loopback\"", "\"custom\", \"customBindHost\": \"::\"", &["L4.bind-config", "L5.drift"]),
        setting("\"loopback\"", "\"custom\", \"customBindHost\": \"192.168.1.4\"", &["L4.bind-config", "L5.drift"]),
        setting(TOKEN, "\"short\"", &["L4.auth", "L5.drift"]),
        setting(TOKEN, "\"change-me-now\"", &["L4.auth", "L5.drift"]),
        setting(TOKEN, "7", &["L4.auth", "L5.drift"]),
        setting("\"mode\": \"token\"", "\"mode\": \"none\"", &["L4.auth", "L5.drift"]),
        setting("\"mode\": \"token\"", "\"mode\": \"trusted-proxy\"", &["L4.auth", "L5.drift"]),
        setting("\"mode\": \"token\"", "\"mode\": \"guess\"", &["L4.auth", "L5.drift"]),
        setting("\"dmPolicy\": \"pairing\"", "\"dmPolicy\": \"open\"", &["L4.pairing", "L5.drift"]),
        setting(
            "\"dmPolicy\": \"pairing\"",
            "\"dmPolicy\": \"open\", \"allowFrom\": [\"*\"]",
            &["L4.pairing", "L5.drift"],
        ),
        setting(
            "\"dmPolicy\": \"pairing\"",
            "\"dmPolicy\": \"allowlist\", \"allowFrom\": [\"*\"]",
            &["L4.pairing", "L5.drift"],
        ),
        setting("\"groupPolicy\": \"allowlist\"", "\"groupPolicy\": \"open\"", &["L4.pairing", "L5.drift"]),
        setting(
            "\"profile\": \"messaging\",\n    \"exec\": {\n      \"security\": \"deny\",\n      \"ask\": \"always\"\n    }",
            "\"profile\": \"full\"",
            &["L5.drift"],
        ),
        setting("\"https://openclaw.example.com\"", "\"*\"", &["L4.dangerous-flags", "L5.drift"]),
        setting("\"workspaceOnly\": true", "\"workspaceOnly\": false", &["L4.dangerous-flags", "L5.drift"]),
        setting("\"mode\": \"off\"", "\"mode\": \"full\"", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"commands\": {\"bash\": true},\n", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"hooks\": {\"path\": \"/\"},\n", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"update\": {\"channel\": \"dev\"},\n", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"mcp\": {\"apps\": {\"enabled\": true}},\n", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"browser\": {\"noSandbox\": true},\n", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"security\": {\"audit\": {\"suppressions\": [{}]}},\n", &["L4.dangerous-flags", "L5.drift"]),
        more("{\"skills\": {\"entries\": {\"skillguard\": {\"enabled\": false}}},\n", &["L5.skills", "L5.drift"]),
        more("{\"mcp\": {\"servers\": {\"x\": {\"command\": \"x\"}}},\n", &["L5.drift"]),
        more(
            "{\"hooks\": {\"token\": \"3f6c1d8e9a2b47c0d5e1f4a7b8c9d0e2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c\"},\n",
            &["L4.auth", "L5.drift"],
        ),
        more("{\"$include\": \"missing.json\",\n", &["L4.dangerous-flags"]),
    ]
}

/// Files, processes and packages.
fn things() -> Vec<Defect> {
    let write = |path: &'static str, text: &'static str| move |machine: &Machine| machine.write(path, text);
    let soul = "/home/claw/.openclaw/workspace/SOUL.md";
    vec![
        defect("open socket", &["L4.bind-live", "L4.bind-drift"], |machine| {
            machine.sockets("all-interfaces");
            machine.process(692, CLAW, &["openclaw-gateway"], &[131_767]);
        }),
        defect("no sockets to read", &["L4.bind-live"], |machine| {
            fs::remove_file(machine.path("/proc/net/tcp")).expect("it is there");
        }),
        defect("unit that opens", &["L4.bind-config", "L4.bind-drift", "L4.auth", "L5.drift"], |machine| {
            machine.copy("systemd/openclaw-gateway.bad-override.service", UNIT);
            let text = fs::read_to_string(machine.path(UNIT))
                .expect("text")
                .replace("3f6c1d8e9a2b47c0d5e1f4a7b8c9d0e2", "short");
            machine.write(UNIT, text);
        }),
        defect("gateway as root", &["L4.service-user"], |machine| {
            machine.process(692, 0, &["openclaw-gateway"], &[127_893, 127_894]);
        }),
        defect("user in docker", &["L4.service-user"], |machine| {
            let group = fs::read_to_string(machine.path("/etc/group")).expect("text");
            machine.write("/etc/group", format!("{group}docker:x:999:claw\n"));
        }),
        defect(
            "sudo without a password",
            &["L4.service-user"],
            write("/etc/sudoers", "claw ALL=(ALL) NOPASSWD: ALL\n"),
        ),
        defect("old release", &["L4.version"], |machine| machine.package(PACKAGE, "openclaw", "2026.5.12")),
        defect("unknown release", &["L4.version", "L5.drift"], |machine| {
            machine.package(PACKAGE, "openclaw", "nightly");
            let text = fs::read_to_string(machine.path(UNIT)).expect("text");
            machine.write(UNIT, text.replace("Environment=OPENCLAW_SERVICE_VERSION=2026.9.6\n", "# one line less\n"));
        }),
        defect("second release", &["L4.version"], |machine| {
            machine.package("/usr/local/lib/node_modules/openclaw", "openclaw", "2026.2.9")
        }),
        defect("known-bad package", &["L4.packages"], |machine| {
            machine.package("/usr/lib/node_modules/cline", "cline", "2.3.0")
        }),
        defect("no rules", &["L5.soul", "L5.drift"], write(soul, "Be nice.\n")),
        defect("no text", &["L5.soul", "L5.drift"], write(soul, "")),
        defect("poisoned memory", &["L5.soul"], |machine| {
            machine.copy("workspace/MEMORY.bad.md", &format!("{WORKSPACE}/MEMORY.md"))
        }),
        defect("poisoned day", &["L5.soul"], |machine| {
            machine.copy("workspace/MEMORY.bad.md", &format!("{WORKSPACE}/memory/2026-01-01.md"))
        }),
        defect("hidden text", &["L5.soul", "L5.drift"], |machine| {
            machine.copy("workspace/SOUL.bad-hidden-unicode.md", &format!("{WORKSPACE}/SOUL.md"))
        }),
        defect("second name", &["L5.soul"], move |machine| {
            fs::hard_link(machine.path(soul), machine.path("/home/claw/soul")).expect("a second name");
        }),
        defect("link out", &["L5.soul"], |machine| {
            machine.write("/srv/user.md", "x");
            machine.link(&format!("{WORKSPACE}/USER.md"), "/srv/user.md");
        }),
        defect("text too large", &["L5.soul"], |machine| {
            machine.write(&format!("{WORKSPACE}/USER.md"), "x ".repeat(1_500_000))
        }),
        defect("no skillguard", &["L5.skills", "L5.drift"], |machine| {
            fs::remove_dir_all(machine.path(&format!("{WORKSPACE}/skills/skillguard"))).expect("it is there");
        }),
        defect("flagged skill", &["L5.scan", "L5.drift"], |machine| {
            machine.write(&format!("{WORKSPACE}/skills/new/SKILL.md"), format!("{SKILL}```sh\n{ATTACK}```\n"));
        }),
        defect("harmless skill", &["L5.drift"], |machine| {
            machine.write(&format!("{WORKSPACE}/skills/new/SKILL.md"), SKILL)
        }),
        defect("hook", &["L5.drift"], write("/home/claw/.openclaw/hooks/x.js", "1")),
        defect("job", &["L5.drift"], write("/home/claw/.openclaw/cron/jobs.json", "[]")),
        defect("key that may log in", &["L5.drift"], write("/home/claw/.ssh/authorized_keys", "ssh-ed25519 AAAA x\n")),
        defect("start-up file", &["L5.drift"], write("/home/claw/.bashrc", "true\n")),
        defect(
            "user unit",
            &["L5.drift"],
            write("/home/claw/.config/systemd/user/x.service", "[Service]\nExecStart=/bin/true\n"),
        ),
        defect("crontab", &["L5.drift"], write("/var/spool/cron/crontabs/claw", "* * * * * true\n")),
        defect(
            "second profile",
            &["L4.bind-config", "L5.drift", "L5.skills"],
            write(
                "/home/claw/.openclaw-x/openclaw.json",
                "{gateway: {bind: \"lan\", auth: {token: \"${T}\"}}, tools: {deny: [\"exec\"]}}",
            ),
        ),
        defect(
            "broken configuration",
            &[
                "L4.auth",
                "L4.bind-config",
                "L4.bind-drift",
                "L4.dangerous-flags",
                "L4.exec",
                "L4.pairing",
                "L5.drift",
                "L5.skills",
            ],
            write(CONFIG, "{"),
        ),
        defect("nothing", &[], |_| {}),
    ]
}

#[test]
fn each_defect_changes_exactly_what_it_should() {
    let machine = good();
    let saved = baseline(&machine);
    let before = statuses(&audit(&machine, Some(&saved)));
    let defects: Vec<Defect> = settings().into_iter().chain(things()).collect();
    assert!(defects.len() >= 60, "{}", defects.len());
    let mut wrong = Vec::new();
    for Defect { name, done, changes } in defects {
        let machine = good();
        // The baseline is the same, but for where this machine lies.
        let saved = baseline(&machine);
        done(&machine);
        let after = statuses(&audit(&machine, Some(&saved)));
        let changed: BTreeSet<&str> =
            before.keys().chain(after.keys()).copied().filter(|id| before.get(id) != after.get(id)).collect();
        let wanted: BTreeSet<&str> = changes.iter().copied().collect();
        if changed != wanted {
            wrong.push(format!("{name}: {changed:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
