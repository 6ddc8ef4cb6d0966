//! What a skill installs, wherever it says so, and advisories of the user's on it.

use serde_json::{Value, json};

use super::common::{Sandbox, list, rules_of, run};
use super::mock::zip::zip;

const SKILL: &str = "---\nname: sample\ndescription: A sample.\nmetadata:\n  openclaw:\n    install:\n      - kind: brew\n        formula: jq\n      - kind: node\n        package: left-pad\n      - kind: download\n        url: https://example.com/tool.tar.gz\n---\n\n# Sample\n\n```sh\nnpm install -g --registry https://registry.npmjs.org chalk@5.3.0 ora\npython3 -m pip install -r requirements.txt 'httpx==0.27.0'\nuv tool install ruff\nnpx -y cowsay hello\n```\n";

/// `kind name` and flags of all that the skill `one` installs.
fn installs(sandbox: &Sandbox) -> Vec<(String, Vec<String>)> {
    let package = sandbox.report().package("one");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    list(&package, "installs")
        .iter()
        .map(|install| {
            let flags = list(install, "flags").iter().map(text).collect();
            (format!("{} {}", text(&install["kind"]), text(&install["name"])), flags)
        })
        .collect()
}

#[test]
fn front_matter_and_commands_are_listed_with_what_is_known() {
    let found = installs(&Sandbox::with(&[("one/SKILL.md", SKILL)]));
    let found: Vec<(&str, Vec<&str>)> =
        found.iter().map(|(name, flags)| (name.as_str(), flags.iter().map(String::as_str).collect())).collect();
    let expected = [
        ("brew jq", vec![]),
        ("npm left-pad", vec!["unpinned"]),
        ("download https://example.com/tool.tar.gz", vec!["unchecked", "url"]),
        ("npm chalk", vec![]),
        ("npm ora", vec!["unpinned"]),
        ("pypi httpx", vec![]),
        ("pypi ruff", vec!["unpinned"]),
        ("npm cowsay", vec!["unpinned"]),
    ];
    assert_eq!(found, expected);
}

const MANIFEST: &str = r#"{"name": "x", "version": "1.0.0", "dependencies": {"sharp": "^0.33.0", "chalk": "^5.0.0",
    "own": "git+https://git.example/own.git#main"}}"#;
const LOCK: &str = r#"{"name": "x", "lockfileVersion": 3, "packages": {"": {"dependencies": {"sharp": "^0.33.0"}},
    "node_modules/sharp": {"version": "0.33.5", "hasInstallScript": true, "integrity": "sha512-c2hhcnA=",
        "resolved": "https://registry.npmjs.org/sharp/-/sharp-0.33.5.tgz"}}}"#;

#[test]
fn manifests_are_listed_with_what_the_lock_file_says() {
    let sandbox =
        Sandbox::with(&[("one/SKILL.md", "# One\n"), ("one/package.json", MANIFEST), ("one/package-lock.json", LOCK)]);
    let found = installs(&sandbox);
    assert!(found.contains(&("npm sharp".to_owned(), vec!["install-script".to_owned()])), "{found:?}");
    assert!(found.contains(&("npm chalk".to_owned(), vec!["unpinned".to_owned()])), "{found:?}");
    assert!(found.iter().any(|(name, flags)| name.contains("git.example") && flags.contains(&"url".to_owned())));
    let package = sandbox.report().package("one");
    let sharp = list(&package, "installs").iter().find(|install| install["name"] == "sharp").expect("it is listed");
    assert_eq!(
        (&sharp["version"], &sharp["from"], &sharp["path"]),
        (&json!("0.33.5"), &json!("manifest"), &json!("package.json"))
    );
}

/// A database of advisories as OSV publishes them.
fn database(sandbox: &Sandbox, documents: &[Value]) -> String {
    let path = sandbox.path().join("osv.zip");
    let named = documents.iter().enumerate();
    let files: Vec<_> =
        named.map(|(number, document)| (format!("{number}.json"), document.to_string().into())).collect();
    std::fs::write(&path, zip(&files)).expect("it can be written");
    path.to_str().expect("a temporary path is text").to_owned()
}

fn advisory(id: &str, ecosystem: &str, name: &str, events: Value) -> Value {
    json!({"id": id, "affected": [{"package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": "SEMVER", "events": events}]}]})
}

#[test]
fn advisories_of_the_user_are_searched() {
    let sandbox = Sandbox::with(&[
        ("one/SKILL.md", "# One\n"),
        ("one/package.json", MANIFEST),
        ("one/package-lock.json", LOCK),
        ("one/requirements.txt", "Flask_Thing==1.0.0\nhttpx==0.27.0\n"),
    ]);
    let file = database(
        &sandbox,
        &[
            advisory("GHSA-hit", "npm", "sharp", json!([{"introduced": "0.30.0"}, {"fixed": "0.33.6"}])),
            advisory("GHSA-repaired", "npm", "sharp", json!([{"introduced": "0"}, {"fixed": "0.33.5"}])),
            advisory("GHSA-range", "npm", "chalk", json!([{"introduced": "5.0.0"}, {"last_affected": "5.1.0"}])),
            advisory("MAL-python", "PyPI", "flask-thing", json!([{"introduced": "0"}])),
            json!({"id": "GHSA-listed", "affected": [{"package": {"ecosystem": "PyPI", "name": "httpx"}, "versions": ["0.27.0"]}],
                "database_specific": {"severity": "LOW"}}),
            json!({"id": "GHSA-withdrawn", "withdrawn": "2026-01-01T00:00:00Z", "affected": [
                {"package": {"ecosystem": "npm", "name": "sharp"}, "versions": ["0.33.5"]}]}),
        ],
    );
    let ran = sandbox.scan(&["--format", "jsonl", "--osv", &file]);
    let package = ran.package("one");
    let notes: Vec<(&str, &str)> = list(&package, "findings")
        .iter()
        .filter(|finding| finding["rule"] == "supply/advisory")
        .map(|finding| {
            (finding["severity"].as_str().expect("a text"), finding["locations"][0]["note"].as_str().expect("a text"))
        })
        .collect();
    assert_eq!(
        notes,
        [
            ("critical", "`flask-thing@1.0.0` is an attack by MAL-python"),
            ("medium", "`sharp@0.33.5` is affected by GHSA-hit"),
            ("low", "`httpx@0.27.0` is affected by GHSA-listed"),
        ]
    );
    assert_eq!((package["verdict"].as_str(), ran.code), (Some("malicious"), 1));
    let sharp = list(&package, "installs").iter().find(|install| install["name"] == "sharp").expect("it is listed");
    assert_eq!(sharp["advisories"], json!(["GHSA-hit"]));
    assert!(!rules_of(&sandbox.report().package("one")).contains(&"supply/advisory"));
}

#[test]
fn database_that_is_none_is_an_error() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", "# One\n")]);
    let file = database(&sandbox, &[json!({"id": 7})]);
    let ran = sandbox.scan(&["--osv", &file]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("document 1"), "{}", ran.stderr);
    sandbox.write("one/osv.zip", "no archive");
    for (path, why) in [("skills/one/SKILL.md", "is no ZIP archive"), ("nowhere.zip", "cannot be read")] {
        let ran = run(sandbox.path(), &["scan", "skills", "--osv", path]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(why), "{path}: {}", ran.stderr);
    }
}

#[test]
fn database_out_of_what_is_scanned_is_refused() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", "# One\n")]);
    let file = database(&sandbox, &[advisory("GHSA-a", "npm", "a", json!([{"introduced": "0"}]))]);
    std::fs::rename(&file, sandbox.root().join("one/osv.zip")).expect("it can be moved");
    let ran = run(sandbox.path(), &["scan", "skills", "--osv", "skills/one/osv.zip"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("which is scanned"), "{}", ran.stderr);
}
