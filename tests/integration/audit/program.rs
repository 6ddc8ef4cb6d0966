//! The program on this machine and on images: formats, exit codes, repairs, and that it changes nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use super::super::common::{ATTACK, Ran, SKILL, list, run_with};
use super::host::{Machine, TODAY, sample};

/// `skillscan audit --root MACHINE` with more arguments.
fn image(machine: &Machine, more: &[&str]) -> Ran {
    let root = machine.root().to_str().expect("a temporary path is text");
    let mut arguments = vec!["audit", "--root", root, "--today", TODAY];
    arguments.extend(more);
    run_with(machine.root(), &arguments, &[])
}

/// `skillscan audit` as the user whose home is that of the machine.
fn own(machine: &Machine, more: &[&str]) -> Ran {
    let home = machine.path("/home/claw");
    let mut arguments = vec!["audit", "--today", TODAY];
    arguments.extend(more);
    run_with(&home, &arguments, &[("HOME", home.to_str().expect("a temporary path is text"))])
}

fn good() -> Machine {
    let machine = Machine::sample("good");
    machine.fit();
    machine.package("/usr/lib/node_modules/openclaw", "openclaw", "2026.9.6");
    machine
}

/// The answer of a check in a JSON report.
fn answer(report: &Value, id: &str) -> Value {
    let found = list(report, "checks").iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {report}")).clone()
}

#[test]
fn image_is_audited_as_json() {
    let ran = image(&good(), &["--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&report["schema"], &report["hosts"][0]["live"]), (&1.into(), &false.into()));
    assert_eq!(report["hosts"][0]["installations"][0]["version"], "2026.9.6");
    let bind = answer(&report, "L4.bind-config");
    assert_eq!(
        (&bind["status"], &bind["layer"], &bind["obtained"]),
        (&"pass".into(), &"application".into(), &"file".into())
    );
    assert_eq!((&bind["evidence"][0]["key"], &bind["evidence"][0]["line"]), (&"gateway.bind".into(), &4.into()));
    let live = answer(&report, "L4.bind-live");
    assert_eq!((&live["status"], &live["missing"]), (&"unknown".into(), &"live".into()));
}

#[test]
fn exit_codes_follow_the_worst() {
    assert_eq!(image(&Machine::sample("bad_open"), &[]).code, 1);
    assert_eq!(image(&Machine::empty(), &[]).code, 2, "nothing to look at");
    let broken = good();
    broken.write("/home/claw/.openclaw/openclaw.json", "{");
    assert_eq!(image(&broken, &[]).code, 3);
    assert_eq!(image(&good(), &[]).code, 0);
    assert_eq!(image(&good(), &["--strict"]).code, 3);
    assert_eq!(image(&good(), &["--user", "nobody-of-the-name"]).code, 2);
    assert_eq!(run_with(Path::new("/"), &["audit", "--root", "/nowhere/at/all"], &[]).code, 2);
}

#[test]
fn every_format_says_the_same_and_holds_no_secret() {
    let machine = Machine::sample("bad_custom");
    let texts: Vec<String> = ["text", "json", "jsonl", "sarif", "markdown"]
        .iter()
        .map(|format| image(&machine, &["-v", "--format", format]).stdout)
        .collect();
    for text in &texts {
        assert!(text.contains("L4.bind-config"), "{text}");
        assert!(!text.contains("AAEhBOweik6ad6Ps") && !text.contains("changeme"), "a secret is shown: {text}");
    }
    for line in texts[2].lines() {
        let value: Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(value["schema"], 1);
    }
    let sarif: Value = serde_json::from_str(&texts[3]).expect("SARIF is JSON");
    let rules = list(&sarif["runs"][0]["tool"]["driver"], "rules").len();
    assert!(rules > 10 && !list(&sarif["runs"][0], "results").is_empty());
    assert!(texts[4].starts_with("# Audit of example\n"), "{}", texts[4]);
}

#[test]
fn first_screen_says_what_to_do() {
    let text = image(&Machine::sample("bad_open"), &["--quiet"]).stdout;
    let (_, to_do) = text.split_once("What to do").expect("there is something to do");
    assert!(to_do.contains("critical") && to_do.contains("$ openclaw config set gateway.bind loopback"), "{text}");
    assert!(text.lines().count() < 60, "{text}");
}

#[test]
fn hostile_names_and_values_are_escaped_everywhere() {
    let machine = Machine::with_config(
        "{gateway: {bind: \"\u{1b}[31mlan\u{202e}\"}, channels: {\"::error::x|y`<b>\": {botToken: \"${X}\", dmPolicy: \"\u{7}open\"}}}",
    );
    machine.write("/etc/hostname", "ev\u{1b}il|<host>\n");
    for format in ["text", "json", "jsonl", "sarif", "markdown"] {
        let text = image(&machine, &["-v", "--format", format]).stdout;
        let raw = text.chars().find(|&c| (c.is_control() && c != '\n') || c == '\u{202e}');
        assert_eq!(raw, None, "{format}: {text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::error")), "{format}: {text}");
        assert!(format != "markdown" || !text.contains("<b>"), "{text}");
    }
}

/// Everything below a directory, but for the time of the last reading.
fn tree(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("an entry").path();
        let meta = fs::symlink_metadata(&path).expect("metadata");
        let content = if meta.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let state = format!("{:o} {} {} {:?} {content:?}", meta.mode(), meta.uid(), meta.gid(), meta.modified().ok());
        found.insert(path.display().to_string(), state);
        if meta.is_dir() {
            tree(&path, found);
        }
    }
}

#[test]
fn audit_changes_nothing() {
    let machine = good();
    machine.write("/home/claw/.openclaw/workspace/SOUL.md", "x");
    let state = || {
        let mut found = BTreeMap::new();
        tree(machine.root(), &mut found);
        found
    };
    let before = state();
    image(&machine, &["--scan"]);
    own(&machine, &["--scan", "--deep"]);
    own(&machine, &["--fix", "--dry-run"]);
    assert_eq!(state(), before);
}

#[test]
fn skills_are_judged_by_the_choices_of_whoever_asks() {
    let machine = good();
    let skill = format!("{SKILL}```sh\n{ATTACK}```\n");
    machine.write("/home/claw/.openclaw/workspace/skills/one/SKILL.md", skill);
    let scan = || {
        let report: Value = serde_json::from_str(&own(&machine, &["--scan", "--format", "json"]).stdout).expect("JSON");
        answer(&report, "L5.scan")["status"].clone()
    };
    assert_eq!(scan(), "fail");
    let config = "/home/claw/.config/skillscan/skillscan.toml";
    machine.write(config, "ignore-rules = [\"*\"]\n");
    fs::set_permissions(machine.path(config), fs::Permissions::from_mode(0o600)).expect("the owner may change it");
    assert_eq!(scan(), "pass");
}

#[test]
fn bad_input_is_unknown_and_nothing_hangs() {
    let machine = good();
    let config = "/home/claw/.openclaw/openclaw.json";
    let deep = format!("{{a: {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(10 * 1024 * 1024));
    for text in [deep.as_str(), large.as_str(), "{\"a\":", "\u{0}\u{1}", "{$include: \"./openclaw.json\"}"] {
        machine.write(config, text);
        let ran = image(&machine, &["--format", "json"]);
        let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let flags = list(&report, "checks")
            .iter()
            .find(|check| check["id"] == "L4.dangerous-flags" && check["status"] == "unknown");
        assert!(flags.is_some_and(|flags| flags["message"].as_str().is_some_and(|text| text.len() > 20)), "{report}");
    }
    fs::remove_file(machine.path(config)).expect("the file is there");
    machine.link(config, "/home/claw/.openclaw/openclaw.json");
    assert_eq!(image(&machine, &[]).code, 3, "a link to itself");
}

#[test]
fn link_of_an_image_stays_in_the_image() {
    let machine = good();
    machine.write("/etc/shared/openclaw.json", sample("bad_open"));
    fs::remove_file(machine.path("/home/claw/.openclaw/openclaw.json")).expect("the file is there");
    machine.link("/home/claw/.openclaw/openclaw.json", "/etc/shared/openclaw.json");
    assert_eq!(image(&machine, &[]).code, 1);
    machine.link("/home/claw/.openclaw-other", "../../../../../../../../../../etc");
    assert!(image(&machine, &["--format", "json"]).stdout.contains("/home/claw/.openclaw-other"));
}

#[test]
fn script_audits_another_host_and_leaves_nothing_there() {
    let machine = Machine::sample("bad_open");
    let fake = machine.path("/fake-ssh");
    fs::write(&fake, "#!/bin/sh\nshift\nexec sh -c \"$*\"\n").expect("a new file");
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o700)).expect("permissions can be set");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/audit-over-ssh");
    let root = machine.root().to_str().expect("text");
    let output = Command::new(script)
        .args(["other", "--root", root, "--today", TODAY])
        .env("SSH", &fake)
        .env("SKILLSCAN", env!("CARGO_BIN_EXE_skillscan"))
        .output()
        .expect("the script starts");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(answer(&report, "L4.bind-config")["status"], "fail");
    let left = fs::read_dir("/tmp").expect("a directory").flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("skillscan."));
    assert_eq!(left.count(), 0, "the program is left behind");
}
