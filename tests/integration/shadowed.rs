//! Of two skills of one name, the agent sees one: which, and that the other is told.

use std::path::Path;

use serde_json::Value;

use super::common::{ATTACK, rules_of};
use super::places::{Machine, place};

/// Whether the skills in these directories have the finding, in order.
fn shadowed(machine: &Machine, skills: &[&str]) -> Vec<bool> {
    let ran = machine.run(&["--format", "jsonl"], &[]);
    let packages = ran.lines();
    let at = |skill: &&str| {
        let path = machine.path(skill);
        let is_it = |root: &str, below: &str| Path::new(root).join(below) == path;
        let text = |package: &Value, key: &str| package[key].as_str().expect("a text").to_owned();
        let package = packages.iter().find(|package| is_it(&text(package, "root"), &text(package, "path")));
        rules_of(package.unwrap_or_else(|| panic!("no package at {skill} in {}", ran.stdout)))
            .contains(&"trust/shadowed")
    };
    skills.iter().map(at).collect()
}

#[test]
fn skill_that_another_of_its_name_hides_is_told() {
    let skills = ["home/.openclaw/workspace/skills/one", "home/.openclaw/skills/one", "home/.openclaw/skills/two"];
    assert_eq!(shadowed(&Machine::with(&skills), &skills), [false, true, false]);
}

#[test]
fn hidden_skill_is_scanned_all_the_same() {
    let machine = Machine::with(&["home/.openclaw/workspace/skills/one"]);
    machine.skill("home/.openclaw/skills/one", ATTACK);
    assert_eq!(machine.run(&["scan"], &[]).code, 1);
}

#[test]
fn skills_of_different_agents_and_installations_hide_nothing() {
    let skills = [
        "home/.openclaw/workspace/skills/one",
        "home/.openclaw/agents/other/agent/workshop-skills/one",
        "home/.openclaw-work/skills/one",
    ];
    assert_eq!(shadowed(&Machine::with(&skills), &skills), [false, false, false]);
    let own = ["home/.openclaw/workspace/skills/one", "home/.openclaw/agents/main/agent/workshop-skills/one"];
    assert_eq!(shadowed(&Machine::with(&own), &own), [false, true]);
}

#[test]
fn ranks_decide_what_hides_what() {
    let machine = Machine::with(&[
        "home/.openclaw/workspace/skills/a",
        "home/.openclaw/workspace-other/skills/a",
        "home/.openclaw/skills/a",
        "home/.openclaw-work/skills/a",
        "home/.agents/skills/a",
        "home/w/skills/a",
    ]);
    let places = machine.places(&[("CLAWHUB_WORKDIR", "~/w")]);
    let hides = |one: &str, other: &str| place(&machine, &places, one).hides(place(&machine, &places, other));
    assert!(hides("home/.openclaw/workspace/skills", "home/.openclaw/skills"));
    assert!(hides("home/.openclaw/workspace-other/skills", "home/.agents/skills"));
    assert!(hides("home/.agents/skills", "home/.openclaw-work/skills"));
    assert!(!hides("home/.openclaw/skills", "home/.openclaw/workspace/skills"));
    assert!(!hides("home/.openclaw/workspace/skills", "home/.openclaw/workspace-other/skills"));
    assert!(!hides("home/.openclaw/workspace/skills", "home/.openclaw-work/skills"));
    assert!(
        !hides("home/.openclaw/workspace/skills", "home/w/skills"),
        "`clawhub` installs there, OpenClaw need not look"
    );
}
