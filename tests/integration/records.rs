//! Records of installations: read as the registry's client and OpenClaw read them, written as they write them.

use skillscan::hashes::Sha256;
use skillscan::verify::record::{Lock, LockEntry, Meta, Origin, Reference, SkillsLock};

const LOCK: &str = r#"{
  "version": 1,
  "skills": {
    "@alice/demo": {
      "version": "1.0.0",
      "installedAt": 1795340067721,
      "pinned": true,
      "pinReason": "reviewed 2026-08-01",
      "ownerHandle": "alice"
    },
    "skills-sh:acme/tools/fmt": {
      "version": "0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c",
      "installedAt": 1795340067999,
      "clawhubScan": "unscanned",
      "sourceKind": "skills-sh",
      "sourceRef": "skills-sh:acme/tools/fmt"
    }
  },
  "later": {
    "unknown": [
      1
    ]
  }
}
"#;

const ORIGIN: &str = r#"{
  "version": 1,
  "registry": "http://127.0.0.1:4000",
  "slug": "demo",
  "ownerHandle": "alice",
  "installedVersion": "1.0.0",
  "installedAt": 1795340067721,
  "fingerprint": "b42e51f8600479f59bf1e5a473c6279072101ac231d45bce4bfafeceaa9c59f7"
}
"#;

#[test]
fn lock_file_is_written_as_it_was_read() {
    let lock = Lock::parse(LOCK.as_bytes());
    assert_eq!(lock.problems, Vec::<String>::new());
    assert_eq!(lock.to_text(), LOCK);
    assert!(lock.skills["@alice/demo"].is_pinned());
}

#[test]
fn new_entry_keeps_what_the_client_keeps() {
    let mut lock = Lock::parse(LOCK.as_bytes());
    let key = lock.key_of(Some("@Alice"), "demo");
    let entry = LockEntry::new("1.1.0", 1_795_340_070_000, Some("alice")).keeping(lock.skills.get(&key));
    lock.skills.insert(key, entry);
    let written = lock.to_text();
    let expected = LOCK.replace("1.0.0", "1.1.0").replace("1795340067721", "1795340070000");
    assert_eq!(written, expected);
}

#[test]
fn entry_under_a_bare_name_is_reused_for_its_owner_only() {
    let lock = br#"{"version":1,"skills":{"demo":{"version":"1.0.0","installedAt":1,"ownerHandle":"Alice"}}}"#;
    let lock = Lock::parse(lock);
    assert_eq!(lock.key_of(Some("alice"), "demo"), "demo");
    assert_eq!(lock.key_of(Some("bob"), "demo"), "@bob/demo");
    assert_eq!(lock.key_of(None, "demo"), "demo");
}

#[test]
fn origin_record_is_written_as_the_client_writes_it() {
    let fingerprint: Sha256 =
        "b42e51f8600479f59bf1e5a473c6279072101ac231d45bce4bfafeceaa9c59f7".parse().expect("a hash");
    let origin = Origin::new("http://127.0.0.1:4000", "demo", Some("alice"), "1.0.0", 1_795_340_067_721, fingerprint);
    assert_eq!(origin.to_text(), ORIGIN);
    assert_eq!(Origin::parse(ORIGIN.as_bytes()).as_ref(), Ok(&origin));
}

#[test]
fn old_origin_records_hold_no_hash() {
    let old = br#"{"version":1,"registry":"https://clawdhub.com","slug":"a","installedVersion":"1.0.1","installedAt":1769786868005}"#;
    let origin = Origin::parse(old).expect("it is well-formed");
    assert!(origin.claims.is_empty());
}

#[test]
fn openclaw_records_claim_what_can_be_checked() {
    let tree = "1e4fb36abe7a5e8074fe0860a750d040bfa5d60a20782c20cc4e4a9a8b27611c";
    let entry = format!(
        r#"{{"version":1,"skills":{{"demo":{{"version":"1.0.0","installedAt":1,"registry":"https://clawhub.ai",
        "artifact":{{"kind":"archive","sha256":"00","integrity":"sha256-x"}},
        "skillFile":{{"path":"SKILL.md","sha256":"{tree}"}},"fileTreeSha256":"sha256:{tree}"}}}}}}"#
    );
    let lock = Lock::parse(entry.as_bytes());
    assert_eq!(lock.problems, Vec::<String>::new());
    let claims = &lock.skills["demo"].claims;
    assert_eq!(claims.tree, tree.parse().ok());
    assert_eq!(claims.skill_file, tree.parse().ok().map(|hash| ("SKILL.md".to_owned(), hash)));
}

#[test]
fn malformed_lock_files_say_what_is_wrong() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        ("", "not valid"),
        ("null", "no object"),
        ("[]", "no object"),
        (deep.as_str(), "recursion limit"),
        (r#"{"version":2,"skills":{}}"#, "`version` is not 1"),
        (r#"{"version":1}"#, "`skills` is no object"),
        (r#"{"version":1,"skills":[]}"#, "`skills` is no object"),
        (r#"{"version":1,"skills":{}} x"#, "not valid"),
        (
            r#"{"version":1,"skills":{"a":{"version":"1","installedAt":1},"a":{"version":"2","installedAt":1}}}"#,
            "twice",
        ),
        (r#"{"version":1,"skills":{"a":7}}"#, "`a`: is no object"),
        (r#"{"version":1,"skills":{"a":{"version":7,"installedAt":1}}}"#, "`version` is no text"),
        (r#"{"version":1,"skills":{"a":{"version":"1.0.0","installedAt":"1"}}}"#, "`installedAt` is no number"),
        (r#"{"version":1,"skills":{"../../a":{"version":"1.0.0","installedAt":1}}}"#, "names no skill"),
        (r#"{"version":1,"skills":{"a":{"version":"1.0.0","installedAt":1,"fileTreeSha256":"x"}}}"#, "no SHA-256"),
    ];
    for (text, wrong) in cases {
        let lock = Lock::parse(text.as_bytes());
        assert!(lock.skills.is_empty(), "{text}");
        assert!(lock.problems.iter().any(|problem| problem.contains(wrong)), "{text}: {:?}", lock.problems);
    }
}

#[test]
fn one_malformed_entry_does_not_hide_the_others() {
    let lock = Lock::parse(br#"{"version":1,"skills":{"a":{"version":null,"installedAt":1},"b":{}}}"#);
    assert_eq!(lock.skills.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(lock.broken, ["b"]);
}

#[test]
fn keys_name_one_folder_or_nothing() {
    let folder = |key: &str| Reference::parse(key).map(|reference| reference.folder());
    assert_eq!(folder("demo").as_deref(), Some("demo"));
    assert_eq!(folder("@Alice/demo").as_deref(), Some("@alice/demo"));
    assert_eq!(folder("skills-sh:acme/tools/fmt").as_deref(), Some("fmt"));
    for key in ["", ".", "..", "a/b/c", "@alice/..", "../a", "a\\b", "skills-sh:a/b", "skills-sh:a/../b", "@/a", "a\0"]
    {
        assert_eq!(folder(key), None, "{key:?}");
    }
}

#[test]
fn file_of_the_public_archive_is_not_taken_for_metadata_of_a_download() {
    let archive = br#"{"owner":"a","slug":"b","latest":{"version":"1.0.0"}}"#;
    assert_eq!(Meta::parse(archive), Ok(Meta::default()));
    let meta =
        Meta::parse(br#"{"ownerId":"u1","slug":"demo","version":"1.0.0","publishedAt":1}"#).expect("well-formed");
    assert_eq!((meta.slug.as_deref(), meta.version.as_deref()), (Some("demo"), Some("1.0.0")));
}

#[test]
fn lock_file_of_skills_sh_is_read() {
    let hash = "36bedcba5ce07ea8192e75eee422ebbd0e96d37a02fb5c45d456b0aacce88194";
    let text = format!(
        r#"{{"version":1,"skills":{{"axiom-sre":{{"source":"axiomhq/skills","sourceType":"github",
        "skillPath":"skills/sre/SKILL.md","computedHash":"{hash}"}},"x":{{}}}}}}"#
    );
    let lock = SkillsLock::parse(text.as_bytes());
    assert_eq!(lock.skills.get("axiom-sre").map(ToString::to_string).as_deref(), Some(hash));
    assert_eq!(lock.problems, ["`x`: has no `computedHash`"]);
}
