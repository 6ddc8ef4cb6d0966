//! Honest skills that do what attacks are made of: read a token and send it to
//! its own service, start programs, decode, schedule, sign. None is flagged.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::common;

/// What the folder must at least hold.
const SKILLS: usize = 80;

#[test]
fn honest_lookalikes_are_not_flagged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lookalikes");
    let ran = common::run(&folder, &["scan", ".", "--format", "jsonl"]);
    let packages = ran.lines();
    let entries = fs::read_dir(&folder).expect("the folder is there").count();
    assert!(packages.len() >= SKILLS && packages.len() == entries, "{} of {entries} skills", packages.len());
    let flagged: Vec<String> = packages.iter().filter(|package| !is_let_pass(package)).map(described).collect();
    assert!(flagged.is_empty(), "flagged:\n{}", flagged.join("\n"));
    assert_eq!(ran.code, 0);
}

fn is_let_pass(package: &Value) -> bool {
    matches!(package["verdict"].as_str(), Some("pass" | "review"))
}

fn described(package: &Value) -> String {
    let findings = package["findings"].as_array().into_iter().flatten();
    let lines: Vec<String> = findings
        .filter(|finding| !matches!(finding["effective_severity"].as_str(), Some("info" | "low")))
        .map(|finding| {
            let at = &finding["locations"][0];
            let (rule, severity) = (&finding["rule"], &finding["effective_severity"]);
            format!("    {rule} {severity} at {}:{}", at["path"], at["line"])
        })
        .collect();
    format!("{} is {} {}\n{}", package["path"], package["verdict"], package["gaps"], lines.join("\n"))
}
