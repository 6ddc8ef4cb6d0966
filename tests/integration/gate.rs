//! The gate against a registry that behaves: what is admitted, what is
//! stopped, and what is written.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::common::{ATTACK, Ran, SKILL, fixtures, list, run_with};
use super::mock::{Lie, Registry, directory_elsewhere, lying_zip, two_directories, zip};

/// A place to run the gate in.
pub(super) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The gate, asking this registry, with nothing of the user's in its environment.
    pub(super) fn gate(&self, registry: &Registry, args: &[&str]) -> Ran {
        let mut all = vec!["gate"];
        let separator = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
        let (before, after) = args.split_at(separator);
        let url = registry.url();
        all.extend(before);
        all.extend(["--registry", &url, "--workdir", ".", "--timeout", "2"]);
        all.extend(after);
        self.run(&all, &[])
    }

    pub(super) fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let home = self.path().join("home");
        fs::create_dir_all(&home).expect("a new directory");
        let home = home.display().to_string();
        let mut all = vec![("HOME", home.as_str())];
        all.extend(variables);
        run_with(self.path(), args, &all)
    }

    /// The gate's document.
    pub(super) fn document(&self, registry: &Registry, args: &[&str]) -> (Value, i32) {
        let mut all = vec!["--format", "json"];
        all.splice(0..0, args.iter().copied());
        let ran = self.gate(registry, &all);
        let document = serde_json::from_str(&ran.stdout);
        (document.unwrap_or_else(|error| panic!("{error} in:\n{}\n{}", ran.stdout, ran.stderr)), ran.code)
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path().join(path)).ok()
    }

    /// Everything below the directory of skills, as paths.
    pub(super) fn skills(&self) -> Vec<String> {
        let root = self.path().join("skills");
        let mut found: Vec<String> = walkdir::WalkDir::new(&root)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&root).expect("it is below").display().to_string())
            .collect();
        found.sort();
        found
    }
}

const HONEST: [(&str, &str); 2] = [("SKILL.md", SKILL), ("scripts/run.sh", "#!/bin/sh\necho hello\n")];
const HOSTILE: [(&str, &str); 2] = [("SKILL.md", SKILL), ("scripts/run.sh", ATTACK)];
const DEMO: &str = "@alice/demo@1.0.0";

/// The text without the line breaks that are for narrow terminals.
pub(super) fn unwrapped(text: &str) -> String {
    text.replace("\n          ", " ")
}

fn codes(document: &Value) -> Vec<&str> {
    list(document, "reasons").iter().filter_map(|reason| reason["code"].as_str()).collect()
}

#[test]
fn honest_skill_is_admitted() {
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    let ran = place.gate(&registry, &[DEMO]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    for text in [
        &*registry.url(),
        "--registry",
        "@alice/demo 1.0.0, published 2026-02-02",
        "admitted: @alice/demo@1.0.0 (pass)",
    ] {
        assert!(ran.stdout.contains(text), "`{text}` is missing in:\n{}", ran.stdout);
    }
    let (document, code) = place.document(&registry, &[DEMO]);
    assert_eq!((document["decision"].as_str(), document["verdict"].as_str(), code), (Some("admit"), Some("pass"), 0));
    assert_eq!(list(&document, "files").len(), 3);
    assert_eq!(document["packages"][0]["source"], "registry");
    assert!(registry.requests().contains(&"GET /api/v1/download?slug=demo&ownerHandle=alice&version=1.0.0".to_owned()));
    assert_eq!(place.skills(), Vec::<String>::new());
}

#[test]
fn hostile_skill_is_stopped_and_nothing_is_written() {
    let (place, registry) = (Place::new(), Registry::with(&HOSTILE));
    let (document, code) = place.document(&registry, &[DEMO, "--install", "--yes"]);
    assert_eq!((document["decision"].as_str(), document["verdict"].as_str(), code), (Some("stop"), Some("warn"), 1));
    assert_eq!(document["packages"][0]["findings"][0]["locations"][0]["path"], "scripts/run.sh");
    assert!(!place.path().join("skills").exists() && !place.path().join(".clawhub").exists());
    let (document, code) = place.document(&registry, &[DEMO, "--install", "--allow", "warn"]);
    assert_eq!((document["decision"].as_str(), code), (Some("admit"), 0));
    assert!(place.path().join("skills/@alice/demo/scripts/run.sh").is_file());
}

#[test]
fn every_malicious_sample_is_stopped() {
    let (place, registry) = (Place::new(), Registry::start());
    for sample in super::common::entries(&fixtures().join("skills/malicious")) {
        let files: Vec<(String, Vec<u8>)> = walkdir::WalkDir::new(&sample)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let path = entry.path().strip_prefix(&sample).expect("it is below").display().to_string();
                (path, fs::read(entry.path()).expect("a fixture is readable"))
            })
            .collect();
        registry.publish("alice", "demo", "1.0.0", &[]);
        registry.demo("1.0.0", |version| version.files = files);
        let (document, code) = place.document(&registry, &[DEMO, "--install"]);
        assert_eq!((document["decision"].as_str(), code), (Some("stop"), 1), "{}", sample.display());
        assert_eq!(place.skills(), Vec::<String>::new());
    }
}

#[test]
fn verdict_of_the_registry_counts() {
    let place = Place::new();
    let cases = [
        (Some("clean"), "pass", 0, 0),
        (Some("suspicious"), "warn", 1, 0),
        (Some("pending"), "incomplete", 3, 0),
        (Some("something new"), "incomplete", 3, 0),
        (None, "incomplete", 3, 0),
        (Some("malicious"), "malicious", 1, 1),
    ];
    for (status, verdict, code, allowed) in cases {
        let registry = Registry::with(&HONEST);
        registry.demo("1.0.0", |version| version.status = status.map(str::to_owned));
        let (document, got) = place.document(&registry, &[DEMO]);
        assert_eq!((document["verdict"].as_str(), got), (Some(verdict), code), "{status:?}");
        let (_, got) = place.document(&registry, &[DEMO, "--allow", "warn", "--allow", "incomplete"]);
        assert_eq!(got, allowed, "{status:?} with everything allowed");
    }
}

#[test]
fn what_is_allowed_covers_for_nothing_else() {
    let (place, registry) = (Place::new(), Registry::with(&HOSTILE));
    registry.demo("1.0.0", |version| version.status = None);
    assert_eq!(place.document(&registry, &[DEMO, "--allow", "warn"]).1, 1);
    assert_eq!(place.document(&registry, &[DEMO, "--allow", "incomplete"]).1, 1);
    assert_eq!(place.document(&registry, &[DEMO, "--allow", "warn", "--allow", "incomplete"]).1, 0);
}

#[test]
fn hidden_malware_is_told_from_what_is_not_there() {
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    registry.skill("alice", "demo", |skill| skill.is_malware = true);
    let (document, code) = place.document(&registry, &[DEMO]);
    assert_eq!((document["verdict"].as_str(), code), (Some("malicious"), 1));
    let (document, code) = place.document(&registry, &["@alice/none@1.0.0"]);
    assert_eq!((document["verdict"].as_str(), code), (None, 2));
    assert!(codes(&document).contains(&"registry/not-found"));
}

#[test]
fn names_mean_one_skill_and_one_version() {
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    registry.publish("alice", "demo", "1.1.0", &HONEST);
    registry.skill("alice", "demo", |skill| drop(skill.tags.insert("old".to_owned(), "1.0.0".to_owned())));
    for (asked, version) in
        [("@alice/demo", "1.1.0"), ("demo", "1.1.0"), ("@alice/demo@old", "1.0.0"), ("clawhub:demo@1.0.0", "1.0.0")]
    {
        let (document, code) = place.document(&registry, &[asked]);
        assert_eq!((document["version"].as_str(), code), (Some(version), 0), "{asked}");
    }
    let (document, code) = place.document(&registry, &["@alice/demo@no-such-tag"]);
    assert_eq!((codes(&document).contains(&"registry/not-found"), code), (true, 2), "an unknown tag is not the latest");
    registry.publish("mallory", "demo", "9.0.0", &HOSTILE);
    let ran = place.gate(&registry, &["demo"]);
    assert_eq!(ran.code, 2);
    assert!(unwrapped(&ran.stdout).contains("@alice/demo, @mallory/demo"), "{}", ran.stdout);
    registry.skill("alice", "former", |skill| skill.renamed = Some("demo".to_owned()));
    let (document, code) = place.document(&registry, &["@alice/former@1.0.0"]);
    assert_eq!((document["slug"].as_str(), code), (Some("demo"), 0));
    assert!(codes(&document).contains(&"registry/renamed"));
    for wrong in ["@alice/../demo", "@alice/demo@", "@/demo", "Demo!", "skills-sh:a/b/c"] {
        assert_eq!(place.gate(&registry, &[wrong]).code, 2, "{wrong}");
    }
}

#[test]
fn archive_must_be_what_the_registry_lists() {
    let place = Place::new();
    let own = |files: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    };
    let meta = super::mock::meta("demo", "1.0.0");
    let good = [HONEST[0], HONEST[1], ("_meta.json", &*meta)];
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        ("another file", vec![HONEST[0], ("scripts/run.sh", "#!/bin/sh\necho bye\n"), good[2]]),
        ("a file too many", [&good[..], &[("node_modules/x.js", "0")]].concat()),
        ("a hidden file too many", [&good[..], &[(".env", "A=1")]].concat()),
        ("a file too few", vec![HONEST[0], good[2]]),
        ("another version", vec![HONEST[0], HONEST[1], ("_meta.json", "{\"slug\": \"demo\", \"version\": \"2.0.0\"}")]),
        ("another skill", vec![HONEST[0], HONEST[1], ("_meta.json", "{\"slug\": \"other\", \"version\": \"1.0.0\"}")]),
    ];
    for (what, files) in cases {
        let registry = Registry::with(&HONEST);
        registry.demo("1.0.0", |version| version.archive = Some(zip(&own(&files))));
        let (document, code) = place.document(&registry, &[DEMO, "--install", "--allow", "incomplete"]);
        assert_eq!((document["decision"].as_str(), code), (Some("stop"), 3), "{what}");
        assert!(codes(&document).contains(&"archive/other-files"), "{what}: {:?}", codes(&document));
    }
    let registry = Registry::with(&HONEST);
    registry.demo("1.0.0", |version| {
        version.archive = Some(zip(&own(&[&good[..], &[("skill-card.md", "# Card\n")]].concat())))
    });
    assert_eq!(place.document(&registry, &[DEMO]).1, 0, "the registry's own card is no file too many");
    assert_eq!(place.skills(), Vec::<String>::new());
}

/// Archives that two programs would unpack differently, or that lie about what they hold: what each does, its bytes,
/// and what the gate says of it.
fn deceitful() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let zeros = vec![0; 64 * 1024 * 1024];
    let many: Vec<(String, Vec<u8>)> = (0..60_000).map(|index| (format!("{index}.txt"), Vec::new())).collect();
    let of = |name: &str, bytes: &[u8], lie: Lie| {
        lying_zip(&[("SKILL.md", SKILL.as_bytes(), Lie::None), (name, bytes, lie)])
    };
    let small = |name: &str, lie: Lie| of(name, b"/etc/passwd", lie);
    let both = [("SKILL.md", SKILL.as_bytes(), Lie::None), ("run.sh", ATTACK.as_bytes(), Lie::None)];
    let whole = lying_zip(&both);
    let padded = [("notes.md", "The weather is fine.\n".repeat(200).into_bytes(), Lie::None)];
    let padded: Vec<(&str, &[u8], Lie)> =
        padded.iter().map(|(name, text, lie)| (*name, &text[..], *lie)).chain(both).collect();
    vec![
        ("climbs", small("../../outside.md", Lie::None), "no name that can be written safely"),
        ("climbs from within", small("a/../../outside.md", Lie::None), "no name that can be written safely"),
        ("absolute", small("/etc/cron.d/x", Lie::None), "outside the folder"),
        ("drive letter", small("C:/x.md", Lie::None), "no name that can be written safely"),
        ("drive", small("C:x.md", Lie::None), "no name that can be written safely"),
        ("backslash", small("..\\outside.md", Lie::None), "no name that can be written safely"),
        ("zero byte", small("a\0.md", Lie::None), "no name that can be written safely"),
        ("line feed", small("a\n.md", Lie::None), "no name that can be written safely"),
        ("no name", small("", Lie::None), "no name that can be written safely"),
        ("in it twice", small("SKILL.md", Lie::None), "twice"),
        ("in it twice, as itself", small("./SKILL.md", Lie::None), "twice"),
        ("one on many systems", small("skill.MD", Lie::None), "skill.MD"),
        ("a file and a folder", small("SKILL.md/x.md", Lie::None), "a file and a folder"),
        ("link", small("link.md", Lie::Link), "a link or no file"),
        ("checksum", small("notes.md", Lie::Checksum), "checksum"),
        ("two names", small("notes.md", Lie::OtherName), "one reader calls it"),
        ("encrypted", small("notes.md", Lie::Encrypted), "is encrypted"),
        ("64-bit size", small("notes.md", Lie::WideSize), "two sizes"),
        ("64-bit offset", small("notes.md", Lie::WideOffset), "one reader calls it"),
        ("64-bit directory", two_directories(&both, 1), "not in its directory"),
        ("directory in two places", directory_elsewhere(&padded), "its directory in two places"),
        ("bomb", of("notes.md", &zeros, Lie::Packed), "grows more than"),
        ("files beyond number", zip(&many), "more than"),
        ("cut off", whole[..whole.len() - 30].to_vec(), "cut off"),
        ("more behind its end", [whole.as_slice(), b"more"].concat(), "follow the end"),
    ]
}

#[test]
fn archives_that_can_be_read_in_two_ways_are_refused() {
    for (what, archive, why) in deceitful() {
        let place = Place::new();
        let registry = Registry::with(&[("SKILL.md", SKILL)]);
        registry.demo("1.0.0", |version| version.archive = Some(archive.clone()));
        let allowed = ["--allow", "incomplete", "--allow", "warn", "--yes"];
        let ran = place.gate(&registry, &[&[DEMO, "--install"], &allowed[..]].concat());
        assert!(matches!(ran.code, 1 | 3), "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(unwrapped(&ran.stdout).contains(why), "{what}: `{why}` is missing in:\n{}", ran.stdout);
        fs::write(place.path().join("local.zip"), &archive).expect("a new file");
        let ran = place.run(&[&["gate", "./local.zip"], &allowed[..]].concat(), &[]);
        assert!(matches!(ran.code, 1 | 3), "{what}, from a file: {}{}", ran.stdout, ran.stderr);
        assert!(unwrapped(&ran.stdout).contains(why), "{what}, from a file: `{why}` is missing in:\n{}", ran.stdout);
        let left = super::common::entries(place.path());
        assert_eq!(left, ["home", "local.zip"].map(|name| place.path().join(name)), "{what}");
        assert!(super::common::entries(&place.path().join("home")).is_empty(), "{what}");
    }
}

#[test]
fn archives_and_folders_here_are_vetted_without_a_registry() {
    let place = Place::new();
    for (name, files, code) in [("good", HONEST, 0), ("bad", HOSTILE, 1)] {
        let members: Vec<(String, Vec<u8>)> =
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        fs::write(place.path().join(format!("{name}.zip")), zip(&members)).expect("a new file");
        for (path, bytes) in &members {
            let path = place.path().join(name).join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a new directory");
            fs::write(path, bytes).expect("a new file");
        }
        for target in [format!("{name}.zip"), format!("./{name}")] {
            let ran = place.run(&["gate", &target], &[]);
            assert_eq!(ran.code, code, "{target}: {}{}", ran.stdout, ran.stderr);
        }
    }
    assert_eq!(place.run(&["gate", "good"], &[]).code, 2, "it could be a folder or a skill of the registry");
    assert_eq!(place.run(&["gate", "./good", "--install"], &[]).code, 2);
    assert_eq!(place.run(&["gate", "./none.zip"], &[]).code, 2);
}

/// Streams one after the other, and what follows the last: an unpacker goes on where a reader might stop.
#[test]
fn nothing_behind_a_compressed_archive_is_passed_over() {
    let place = Place::new();
    let tar = |name: &str, text: &str| {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, text.as_bytes()).expect("a member fits");
        let mut bytes = archive.into_inner().expect("an archive");
        // Without the blocks that end it.
        bytes.truncate(bytes.len() - 1024);
        bytes
    };
    let packed = |bytes: &[u8]| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut writer, bytes).expect("memory can be written");
        writer.finish().expect("memory can be written")
    };
    let (good, bad) = (tar("SKILL.md", SKILL), tar("run.sh", ATTACK));
    let empty = packed(b"").repeat(10_001);
    let many = [packed(&good), empty, packed(&[&bad[..], &[0; 1024]].concat())].concat();
    let behind = [packed(&[&good[..], &[0; 1024]].concat()), ATTACK.as_bytes().to_vec()].concat();
    for (name, bytes) in [("many.tgz", many), ("behind.tgz", behind)] {
        fs::write(place.path().join(name), bytes).expect("a new file");
        for args in [["gate", name], ["scan", name]] {
            let ran = place.run(&args, &[]);
            assert!(matches!(ran.code, 1 | 3), "{args:?}: {}{}", ran.stdout, ran.stderr);
        }
    }
}

#[test]
fn files_are_vetted_as_they_are_written_even_of_what_looks_like_a_document() {
    let skill = format!("{SKILL}\nRun `sh setup.xml` first.\n");
    let files = [("SKILL.md", skill.as_str()), ("mimetype", "x"), ("setup.xml", ATTACK)];
    let (place, registry) = (Place::new(), Registry::with(&files));
    let ran = place.gate(&registry, &[DEMO, "--install"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let members: Vec<(String, Vec<u8>)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    fs::write(place.path().join("local.zip"), zip(&members)).expect("a new file");
    for command in ["gate", "scan"] {
        assert_eq!(place.run(&[command, "./local.zip"], &[]).code, 1, "{command}");
    }
}

#[test]
fn skills_in_repositories_are_taken_from_one_commit() {
    let (place, registry) = (Place::new(), Registry::start());
    let files: Vec<(String, Vec<u8>)> = HONEST.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect();
    registry.skill("acme", "fmt", |skill| skill.github = Some(("skills/fmt".to_owned(), files)));
    let codeload = format!("{}/codeload", registry.url());
    let url = registry.url();
    let args = ["gate", "@acme/fmt", "--registry", &url, "--format", "json"];
    let ran = place.run(&args, &[("CLAWHUB_GITHUB_CODELOAD_BASE_URL", &codeload)]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
    assert_eq!((document["version"].as_str(), ran.code), (Some(&*"0".repeat(40)), 0), "{}", ran.stdout);
    assert_eq!(list(&document, "files").len(), 2);
}

#[test]
fn plugins_are_checked_against_the_hash_of_their_archive() {
    let (place, registry) = (Place::new(), Registry::start());
    let archive =
        zip(&[("package/package.json".to_owned(), b"{\"name\": \"@acme/tool\", \"version\": \"1.0.0\"}".to_vec())]);
    registry.plugin("@acme/tool", "1.0.0", archive.clone(), None);
    let (document, code) = place.document(&registry, &["plugin:@acme/tool@1.0.0"]);
    assert_eq!((document["decision"].as_str(), code), (Some("admit"), 0), "{document}");
    registry.plugin("@acme/tool", "1.0.0", archive, Some(&"0".repeat(64)));
    let (document, code) = place.document(&registry, &["plugin:@acme/tool"]);
    assert_eq!((document["decision"].as_str(), code), (Some("stop"), 3));
    assert!(codes(&document).contains(&"archive/other-bytes"));
}

#[test]
fn token_goes_to_its_own_registry_and_to_no_other() {
    let (place, registry, other) = (Place::new(), Registry::with(&HONEST), Registry::with(&HONEST));
    let config = place.path().join("config.json");
    let text = serde_json::json!({"registry": registry.url(), "token": "clh_example"});
    fs::write(&config, text.to_string()).expect("a new file");
    let config = config.display().to_string();
    for (asked, has_token) in [(&registry, true), (&other, false)] {
        let url = asked.url();
        let ran = place.run(&["gate", DEMO, "--registry", &url], &[("CLAWHUB_CONFIG_PATH", &config)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains("clh_example"));
        assert!(asked.requests().iter().all(|request| request.ends_with(" with token") == has_token));
    }
}

#[test]
fn environment_chooses_the_registry_and_the_report_says_so() {
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    let url = registry.url();
    let ran = place.run(&["gate", DEMO], &[("CLAWHUB_REGISTRY", &url)]);
    assert!(ran.stdout.contains(&format!("{url} (variable CLAWHUB_REGISTRY)")), "{}", ran.stdout);
    let ran = place.run(&["gate", DEMO], &[("CLAWHUB_SITE", &url)]);
    assert!(ran.stdout.contains(&format!("{url} (named by {url})")), "{}{}", ran.stdout, ran.stderr);
    for wrong in ["http://registry.example", "ftp://127.0.0.1", "https://user:secret@registry.example", "nonsense"] {
        let ran = place.run(&["gate", DEMO, "--registry", wrong], &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong}");
    }
}

/// The script that stands in for the registry's client, with the program and a real client on its path.
fn wrapper(place: &Place, args: &[&str]) -> Ran {
    let bin = place.path().join("bin");
    fs::create_dir_all(&bin).expect("a new directory");
    let link = |name: &str, target: &Path| {
        let _ = std::os::unix::fs::symlink(target, bin.join(name));
    };
    link("skillscan", Path::new(env!("CARGO_BIN_EXE_skillscan")));
    let real = place.path().join("real");
    fs::create_dir_all(&real).expect("a new directory");
    fs::write(real.join("clawhub"), "#!/bin/sh\necho real \"$@\"\n").expect("a new file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(real.join("clawhub"), mode).expect("its own file");
    link("clawhub", &Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/clawhub"));
    let path = format!("{}:{}:/usr/bin:/bin", bin.display(), real.display());
    let mut command = assert_cmd::Command::new(bin.join("clawhub"));
    command.current_dir(place.path()).env_clear().env("PATH", path).env("HOME", place.path()).args(args);
    let output = command.output().expect("the script starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap_or(-1) }
}

#[test]
fn stand_in_for_the_client_lets_nothing_in_unvetted() {
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    let url = registry.url();
    let own = ["--registry", &url, "--workdir", "."];
    let with = |args: &[&'static str]| wrapper(&place, &[&own[..], args].concat());
    let ran = with(&["install", "@alice/demo", "--version", "1.0.0", "--force"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(place.path().join("skills/@alice/demo/SKILL.md").is_file());
    registry.publish("alice", "demo", "1.1.0", &HOSTILE);
    for args in [
        &["update", "@alice/demo"][..],
        &["install", "--force", "@alice/demo"],
        &["update", "@alice/demo", "--version=1.1.0"],
    ] {
        assert_eq!(with(args).code, 1, "{args:?}");
        assert_eq!(place.read("skills/@alice/demo/scripts/run.sh").as_deref(), Some(HONEST[1].1), "{args:?}");
    }
    assert_eq!(with(&["update", "--all"]).code, 1);
    let asked = registry.requests().len();
    wrapper(&place, &["--site", &url, "--workdir", ".", "update", "@alice/demo"]);
    assert!(registry.requests().len() > asked, "the site that the client would ask is asked");
    let ran = with(&["search", "two words"]);
    assert_eq!((ran.stdout.as_str(), ran.code), (&*format!("real --registry {url} --workdir . search two words\n"), 0));
}

#[test]
fn publishers_that_are_not_allowed_are_stopped() {
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    let cases = [("\"alice\"", 0, 0), ("\"@Alice\", \"bob\"", 0, 0), ("\"bob\"", 1, 0), ("", 0, 0)];
    for (allowed, code, overruled) in cases {
        fs::write(place.path().join("own.toml"), format!("allowed-publishers = [{allowed}]\n")).expect("a new file");
        let (document, got) = place.document(&registry, &[DEMO, "--config", "own.toml"]);
        assert_eq!((codes(&document).contains(&"policy/publisher"), got), (code == 1, code), "{allowed}");
        let (_, got) = place.document(&registry, &[DEMO, "--config", "own.toml", "--allow", "warn"]);
        assert_eq!(got, overruled, "{allowed}");
    }
}

#[test]
fn suppressions_name_a_skill_of_the_registry_without_its_version() {
    let (place, registry) = (Place::new(), Registry::with(&HOSTILE));
    let (document, code) = place.document(&registry, &[DEMO]);
    assert_eq!(code, 1);
    let packages = document["packages"].as_array().expect("packages").iter();
    let findings = packages.flat_map(|package| package["findings"].as_array().expect("findings"));
    let text: String = findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().expect("text").to_owned();
            let (rule, fingerprint) = (text("rule"), text("fingerprint"));
            format!("[[suppress]]\nrule = \"{rule}\"\nskill = \"@alice/demo\"\nfingerprint = \"{fingerprint}\"\nreason = \"read\"\nexpires = 2999-01-01\n")
        })
        .collect();
    fs::write(place.path().join("own.toml"), text).expect("a new file");
    let (document, code) = place.document(&registry, &[DEMO, "--config", "own.toml"]);
    assert_eq!((document["verdict"].as_str(), code), (Some("pass"), 0), "{document}");
}
