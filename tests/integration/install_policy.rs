//! `skillscan install-policy` as OpenClaw asks it: in an empty environment,
//! JSON in, JSON out.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

use super::common::{ATTACK, SKILL, entries, fixtures, list};

/// The answer to bytes on standard input.
fn answer(request: &[u8]) -> Value {
    answer_with(request, &[])
}

/// The same with more arguments.
fn answer_with(request: &[u8], more: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillscan"));
    let output = command.env_clear().current_dir("/").arg("install-policy").args(more).write_stdin(request).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "a decision is printed, so the code is 0");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the answer is one JSON document")
}

fn request(path: &Path) -> Value {
    json!({"protocolVersion": 1, "openclawVersion": "2026.9.6", "targetType": "skill", "targetName": "demo",
        "sourcePath": path, "sourcePathKind": "directory",
        "source": {"kind": "clawhub", "authority": "third-party", "mutable": false, "network": true},
        "origin": {"type": "clawhub", "registry": "https://registry.example", "slug": "demo", "version": "1.0.0"},
        "request": {"kind": "skill-install", "mode": "install", "requestedSpecifier": "clawhub:@alice/demo@1.0.0"},
        "skill": {"installId": "clawhub"}})
}

fn asked(path: &Path) -> Value {
    answer(request(path).to_string().as_bytes())
}

fn staged(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a new directory");
        fs::write(path, text).expect("a new file");
    }
    dir
}

#[test]
fn honest_samples_are_allowed_and_hostile_ones_are_not() {
    for sample in entries(&fixtures().join("skills/benign")) {
        assert_eq!(asked(&sample)["decision"], "allow", "{}", sample.display());
    }
    for sample in entries(&fixtures().join("skills/malicious")) {
        let answer = asked(&sample);
        assert!(matches!(answer["decision"].as_str(), Some("warn" | "block")), "{}: {answer}", sample.display());
        assert!(!answer["reason"].as_str().expect("a reason").is_empty());
        assert!(!list(&answer, "findings").is_empty());
    }
}

#[test]
fn answer_is_that_of_the_protocol_and_the_same_wherever_it_is_staged() {
    let files = [("SKILL.md", SKILL), ("scripts/run.sh", ATTACK)];
    let (one, other) = (staged(&files), staged(&files));
    let answer = asked(one.path());
    assert_eq!(answer, asked(other.path()));
    assert_eq!((answer["protocolVersion"].as_u64(), answer["decision"].as_str()), (Some(1), Some("warn")));
    let finding = &list(&answer, "findings")[0];
    assert_eq!((finding["file"].as_str(), finding["line"].as_u64()), (Some("scripts/run.sh"), Some(1)));
    assert_eq!((finding["ruleId"].as_str(), finding["severity"].as_str()), (Some("exec/remote-pipe"), Some("warn")));
    assert!(!answer.to_string().contains(&*one.path().to_string_lossy()));
}

#[test]
fn warnings_stay_within_what_openclaw_takes() {
    let scripts: Vec<(String, String)> =
        (0..200).map(|index| (format!("scripts/{index}.sh"), ATTACK.repeat(20))).collect();
    let mut files: Vec<(&str, &str)> = scripts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("SKILL.md", SKILL));
    let answer = asked(staged(&files).path());
    assert_eq!(answer["decision"], "warn");
    assert!(list(&answer, "findings").len() <= 10 && answer.to_string().len() <= 4_000, "{answer}");
    assert!(answer["reason"].as_str().expect("a reason").contains("findings"), "{answer}");
}

#[test]
fn what_is_not_seen_whole_is_blocked() {
    let dir = staged(&[("SKILL.md", SKILL)]);
    fs::write(dir.path().join("data.7z"), b"7z\xbc\xaf\x27\x1c\0\x04").expect("a new file");
    assert_eq!(asked(dir.path())["decision"], "block");
    assert_eq!(asked(Path::new("/no/such/folder"))["decision"], "block");
    assert!(!asked(Path::new("/no/such/folder")).to_string().contains("/no/such"));
    let empty = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(asked(empty.path())["decision"], "block");
}

#[test]
fn requests_that_are_not_understood_are_blocked() {
    let dir = staged(&[("SKILL.md", SKILL)]);
    let good = request(dir.path());
    let with = |key: &str, value: Value| {
        let mut request = good.clone();
        request[key] = value;
        request.to_string().into_bytes()
    };
    let cases = [
        ("nothing", Vec::new()),
        ("no JSON", b"{".to_vec()),
        ("two documents", [good.to_string(), good.to_string()].concat().into_bytes()),
        ("another version", with("protocolVersion", json!(2))),
        ("no version", with("protocolVersion", Value::Null)),
        ("another kind of target", with("targetType", json!("theme"))),
        ("a relative path", with("sourcePath", json!("skills/demo"))),
        ("no path", with("sourcePath", Value::Null)),
        ("too long", with("targetName", json!("x".repeat(300_000)))),
        ("a key twice", good.to_string().replacen('{', "{\"sourcePath\":\"/\",", 1).into_bytes()),
        ("a doctor with something to install", with("origin", json!({"type": "doctor"}))),
    ];
    for (what, bytes) in cases {
        let answer = answer(&bytes);
        let expected = if what == "a doctor with something to install" { "allow" } else { "block" };
        assert_eq!(answer["decision"], expected, "{what}: {answer}");
    }
}

#[test]
fn doctor_gets_its_answer_and_no_way_around_it() {
    let probe = json!({"protocolVersion": 1, "targetType": "skill", "targetName": "doctor-install-policy-probe",
        "sourcePath": "/tmp", "origin": {"type": "doctor"}, "request": {"kind": "skill-install", "mode": "install"}});
    assert_eq!(answer(probe.to_string().as_bytes())["decision"], "allow");
    let dir = staged(&[("SKILL.md", SKILL), ("run.sh", ATTACK)]);
    let mut request = request(dir.path());
    request["targetName"] = json!("doctor-install-policy-probe");
    request["origin"] = json!({"type": "doctor"});
    assert_eq!(answer(request.to_string().as_bytes())["decision"], "warn", "it names something to install");
}

#[test]
fn installers_of_dependencies_are_judged() {
    let dir = staged(&[("SKILL.md", SKILL)]);
    let hash = "0".repeat(64);
    for (spec, decision) in [
        (json!({"kind": "brew", "formula": "jq"}), "allow"),
        (json!({"kind": "download", "url": "https://example.com/x.tar.gz", "sha256": hash}), "allow"),
        (json!({"kind": "download", "url": "https://example.com/x.tar.gz"}), "warn"),
        (json!({"kind": "download", "url": "http://example.com/x.tar.gz", "sha256": hash}), "warn"),
        (json!({"id": "x"}), "block"),
    ] {
        let mut request = request(dir.path());
        request["skill"] = json!({"installId": "x", "installSpec": spec});
        assert_eq!(answer(request.to_string().as_bytes())["decision"], decision, "{spec}");
    }
}

#[test]
fn configuration_to_paste_is_whole() {
    let output = Command::new(env!("CARGO_BIN_EXE_skillscan")).args(["install-policy", "--print-config"]).output();
    let text = String::from_utf8(output.expect("the program starts").stdout).expect("text");
    let config: Value = json5::from_str(&text).expect("it is JSON5");
    let exec = &config["security"]["installPolicy"]["exec"];
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_skillscan")).expect("it is there");
    assert_eq!(exec["command"].as_str(), program.to_str());
    assert_eq!((exec["source"].as_str(), &exec["args"]), (Some("exec"), &json!(["install-policy"])));
}

#[test]
fn choices_are_those_of_the_file_that_is_named() {
    let place = staged(&[("skill/SKILL.md", SKILL), ("skill/run.sh", ATTACK), ("skill/own.toml", "")]);
    let skill = place.path().join("skill");
    let own = place.path().join("own.toml");
    let decided = |file: &Path, text: &str| {
        fs::write(file, text).expect("a new file");
        let request = request(&skill).to_string();
        answer_with(request.as_bytes(), &["--config", &file.display().to_string()])["decision"].clone()
    };
    let all = "ignore-rules = [\"exec/*\", \"composite/*\"]\n";
    assert_ne!(asked(&skill)["decision"], "allow");
    assert_eq!(decided(&own, all), "allow");
    assert_eq!(decided(&own, "fial-on = 1\n"), "block", "what is not understood lets nothing in");
    assert_eq!(decided(&skill.join("own.toml"), all), "block", "what is installed chooses nothing");
    let gone = place.path().join("gone.toml").display().to_string();
    let request = request(&skill).to_string();
    assert_eq!(answer_with(request.as_bytes(), &["--config", &gone])["decision"], "block");
}
