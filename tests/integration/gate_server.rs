//! The gate against servers that do not behave: nothing is installed, and the
//! reason names what and where.

use super::common::SKILL;
use super::gate::{Place, unwrapped};
use super::mock::{Registry, Trouble};

const DEMO: &str = "@alice/demo@1.0.0";

fn says(status: u16, headers: &[(&str, &str)], body: &str) -> Trouble {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Trouble::Says(status, headers, body.as_bytes().to_vec())
}

/// What the gate makes of a registry with one trouble: its code, and all that it printed.
fn with(path: &str, trouble: Trouble) -> (i32, String) {
    let (place, registry) = (Place::new(), Registry::with(&[("SKILL.md", SKILL)]));
    registry.trouble(path, trouble);
    let ran = place.gate(&registry, &[DEMO, "--install", "--yes", "--allow", "incomplete", "--allow", "warn"]);
    assert!(place.skills().is_empty() || ran.code == 0, "something was installed: {}", ran.stdout);
    (ran.code, unwrapped(&ran.stdout) + &ran.stderr)
}

#[test]
fn what_is_no_answer_is_no_admission() {
    const SKILL_ROUTE: &str = "/api/v1/skills/demo";
    const DOWNLOAD: &str = "/api/v1/download";
    let html = says(200, &[("content-type", "text/html")], "<!doctype html><p>Sign in");
    let other = r#"{"version": {"version": "9.9.9", "files": []}, "skill": {"slug": "demo"}}"#;
    let twice = r#"{"skill": {"slug": "demo"}, "skill": {"slug": "other"}}"#;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = [("content-type", "application/json")];
    let cases = [
        ("a page", SKILL_ROUTE, html.clone(), "web page"),
        ("a page for an archive", DOWNLOAD, html, "no archive"),
        ("no JSON", SKILL_ROUTE, says(200, &json, "{"), "not valid"),
        ("a list", SKILL_ROUTE, says(200, &json, "[]"), "no JSON object"),
        ("deep JSON", SKILL_ROUTE, says(200, &json, &deep), "not valid"),
        ("a key twice", SKILL_ROUTE, says(200, &json, twice), "twice"),
        ("another version", "/api/v1/skills/demo/versions", says(200, &json, other), "9.9.9"),
        (
            "no files",
            "/api/v1/skills/demo/versions",
            says(200, &json, r#"{"version": {"version": "1.0.0"}}"#),
            "no files",
        ),
        ("a broken archive", DOWNLOAD, says(200, &[("content-type", "application/zip")], "PK"), "no archive"),
        ("half an archive", DOWNLOAD, Trouble::Truncated(vec![0; 4096]), "broke off"),
        ("silence", SKILL_ROUTE, Trouble::Silent, "within 2 seconds"),
        ("no end", SKILL_ROUTE, Trouble::Endless, "longer than"),
        ("no end in sight", SKILL_ROUTE, Trouble::Drip, "within 2 seconds"),
        ("too often", SKILL_ROUTE, says(429, &[("retry-after", "3600")], "Rate limit"), "429: Rate limit"),
        ("not allowed", DOWNLOAD, says(403, &[], "quarantined"), "quarantined"),
        ("pending", DOWNLOAD, says(423, &[], "scan pending"), "423"),
    ];
    for (what, path, trouble, text) in cases {
        let (code, output) = with(path, trouble);
        assert_eq!(code, 3, "{what}: {output}");
        assert!(output.contains(text), "{what}: `{text}` is missing in:\n{output}");
    }
    let (code, output) = with(DOWNLOAD, says(410, &[], "withdrawn"));
    assert_eq!(code, 2, "{output}");
}

#[test]
fn passing_troubles_pass() {
    let retry = vec![("retry-after".to_owned(), "0".to_owned())];
    for status in [429, 503] {
        let (code, output) = with("/api/v1/skills/demo", Trouble::Once(status, retry.clone(), Vec::new()));
        assert_eq!(code, 0, "{status}: {output}");
    }
    let (code, output) = with("/api/v1/skills/demo", says(503, &[("retry-after", "0")], "down"));
    assert_eq!(code, 3, "{output}");
}

#[test]
fn without_its_verdict_nothing_is_clean() {
    let (place, registry) = (Place::new(), Registry::with(&[("SKILL.md", SKILL)]));
    registry.trouble("/api/v1/skills/demo/verify", says(500, &[("retry-after", "0")], ""));
    assert_eq!(place.document(&registry, &[DEMO]).1, 3);
    assert_eq!(place.document(&registry, &[DEMO, "--allow", "incomplete"]).1, 0);
}

#[test]
fn redirects_stay_where_they_began() {
    for to in ["http://127.0.0.2:9/x", "https://169.254.169.254/latest", "https://evil.example/x", "file:///etc/passwd"]
    {
        for path in ["/api/v1/skills/demo", "/api/v1/download"] {
            let (code, output) = with(path, says(302, &[("location", to)], ""));
            assert_eq!(code, 3, "{to}: {output}");
            assert!(output.contains("is not followed"), "{to}: {output}");
        }
    }
    let (code, output) = with("/api/v1/skills/demo", says(302, &[("location", "/api/v1/skills/demo")], ""));
    assert_eq!((code, output.contains("redirects")), (3, true), "{output}");
    let (place, registry) = (Place::new(), Registry::with(&[("SKILL.md", SKILL)]));
    registry.trouble("/api/v1/skills/old", says(307, &[("location", "/api/v1/skills/demo?ownerHandle=alice")], ""));
    assert_eq!(place.document(&registry, &["@alice/old"]).1, 0, "a renamed skill is found");
}

#[test]
fn archive_of_a_plugin_may_lie_elsewhere_but_not_in_a_private_network() {
    let (place, registry) = (Place::new(), Registry::start());
    registry.plugin("tool", "1.0.0", Vec::new(), None);
    for to in [
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "http://files.example/x",
        "https://localhost/x",
    ] {
        registry.trouble("/api/v1/packages/tool/versions/1.0.0/artifact", says(302, &[("location", to)], ""));
        let ran = place.gate(&registry, &["plugin:tool@1.0.0"]);
        assert_eq!(ran.code, 3, "{to}: {}", ran.stdout);
        assert!(unwrapped(&ran.stdout).contains("is not followed"), "{to}: {}", ran.stdout);
    }
}

#[test]
fn nobody_there_is_said() {
    let place = Place::new();
    let ran = place.run(&["gate", DEMO, "--registry", "http://127.0.0.1:9", "--format", "json"], &[]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("a document");
    assert_eq!(
        (document["decision"].as_str(), document["verdict"].as_str(), ran.code),
        (Some("stop"), Some("incomplete"), 3)
    );
    assert!(ran.stdout.contains("127.0.0.1:9") && ran.stdout.contains("cannot be reached"), "{}", ran.stdout);
}

#[test]
fn text_of_a_server_reaches_no_terminal_raw() {
    let text = "\u{1b}]0;owned\u{7}\u{202e}\n::error::x\nhttps://evil.example/";
    let (code, output) = with("/api/v1/skills/demo", says(400, &[("content-type", "text/plain")], text));
    assert_eq!(code, 3, "{output}");
    assert!(!output.contains('\u{1b}') && !output.contains('\u{202e}') && !output.contains("\n::error"), "{output}");
    assert!(!output.contains("https://evil.example"), "{output}");
}

#[test]
fn words_of_a_verdict_that_are_not_known_are_no_pass() {
    for (decision, reasons, code) in [
        ("pass", "[]", 0),
        ("fail", r#"["card.missing"]"#, 0),
        ("fail", "[]", 3),
        ("later", "[]", 3),
        ("pass", r#"["something.new"]"#, 3),
        ("blocked", "[]", 1),
        ("fail", r#"["scan.malicious_new"]"#, 1),
    ] {
        let (place, registry) = (Place::new(), Registry::with(&[("SKILL.md", SKILL)]));
        let body = format!(
            r#"{{"decision": "{decision}", "reasons": {reasons}, "version": "1.0.0", "security": {{"status": "clean"}}}}"#
        );
        registry.trouble("/api/v1/skills/demo/verify", says(200, &[("content-type", "application/json")], &body));
        assert_eq!(place.document(&registry, &[DEMO]).1, code, "{body}");
    }
}
