//! Which packages a directory holds: every file in exactly one, none skipped,
//! no link followed that a package brought along.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use skillscan::Limits;
use skillscan::package::discover;

use super::common::{ATTACK, Ran, SKILL, Sandbox, list, rules_of, run};

/// Packages with their files, as the library finds them and the program reports them.
fn packages(sandbox: &Sandbox) -> BTreeMap<String, BTreeSet<String>> {
    let found = discover(&sandbox.root(), &Limits::default()).expect("the root can be listed");
    let mut packages = BTreeMap::new();
    for package in found.packages {
        let files: BTreeSet<String> =
            package.files(&Limits::default()).iter().map(|path| path.display().to_string()).collect();
        assert!(packages.insert(package.path, files).is_none(), "two packages of one path");
    }
    let reported: BTreeMap<String, u64> = sandbox.report().lines().iter().map(path_and_files).collect();
    let counted: BTreeMap<String, u64> =
        packages.iter().map(|(path, files)| (path.clone(), files.len() as u64)).collect();
    assert_eq!(reported, counted);
    packages
}

fn path_and_files(package: &Value) -> (String, u64) {
    (package["path"].as_str().expect("a path").to_owned(), package["files"].as_u64().expect("a number"))
}

/// Fails unless the sandbox holds exactly these packages with these files.
fn assert_packages(sandbox: &Sandbox, wanted: &[(&str, &[&str])]) {
    let wanted: BTreeMap<String, BTreeSet<String>> = wanted
        .iter()
        .map(|(path, files)| ((*path).to_owned(), files.iter().map(|file| (*file).to_owned()).collect()))
        .collect();
    assert_eq!(packages(sandbox), wanted);
}

/// Paths that findings of a package stand in.
fn found_in(package: &Value) -> BTreeSet<&str> {
    list(package, "findings").iter().filter_map(|finding| finding["locations"][0]["path"].as_str()).collect()
}

/// Everything that a package's report says about `meta/symlink` and gaps, as one text.
fn told(ran: &Ran) -> String {
    let mut told = String::new();
    for package in ran.lines() {
        for finding in list(&package, "findings").iter().filter(|finding| finding["rule"] == "meta/symlink") {
            told.push_str(&finding.to_string());
        }
        for gap in list(&package, "gaps") {
            told.push_str(&gap.to_string());
        }
    }
    told
}

#[test]
fn nested_skill_belongs_to_the_outer_package() {
    let inner = format!("{SKILL}```sh\n{ATTACK}```\n");
    let sandbox = Sandbox::with(&[
        ("outer/SKILL.md", SKILL),
        ("outer/sub/inner/SKILL.md", inner.as_str()),
        ("outer/sub/a.txt", "a"),
    ]);
    assert_packages(&sandbox, &[("outer", &["SKILL.md", "sub/a.txt", "sub/inner/SKILL.md"])]);
    let package = sandbox.report().package("outer");
    assert_eq!(found_in(&package), BTreeSet::from(["sub/inner/SKILL.md"]), "a nested skill is read as one");
}

#[test]
fn skill_at_the_root_is_one_package() {
    let sandbox =
        Sandbox::with(&[("SKILL.md", SKILL), ("a/package.json", "{}"), ("b/SKILL.md", SKILL), ("c.txt", "c")]);
    assert_packages(&sandbox, &[(".", &["SKILL.md", "a/package.json", "b/SKILL.md", "c.txt"])]);
}

#[test]
fn manifest_makes_a_package_where_no_skill_is() {
    let sandbox = Sandbox::with(&[
        ("deep/er/package.json", "{}"),
        ("deep/er/lib/a.js", "1"),
        ("deep/er/lib/package.json", "{}"),
        ("deep/loose.txt", "1"),
        ("plug/openclaw.plugin.json", "{}"),
        ("plug/a.js", "1"),
    ]);
    let er: &[&str] = &["lib/a.js", "lib/package.json", "package.json"];
    assert_packages(
        &sandbox,
        &[("deep", &["loose.txt"]), ("deep/er", er), ("plug", &["a.js", "openclaw.plugin.json"])],
    );
}

#[test]
fn manifest_around_a_skill_makes_none() {
    let sandbox = Sandbox::with(&[
        ("mono/lib/b.js", "1"),
        ("mono/package.json", "{}"),
        ("mono/skills/a/SKILL.md", SKILL),
        ("mono/skills/a/package.json", "{}"),
        ("mono/tools/package.json", "{}"),
        ("mono/tools/x.js", "1"),
    ]);
    let wanted: &[(&str, &[&str])] = &[
        ("mono", &["lib/b.js", "package.json"]),
        ("mono/skills/a", &["SKILL.md", "package.json"]),
        ("mono/tools", &["package.json", "x.js"]),
    ];
    assert_packages(&sandbox, wanted);
}

#[test]
fn loose_files_belong_to_their_top_directory() {
    let sandbox = Sandbox::with(&[
        ("docs/a/b.txt", "1"),
        ("docs/c.txt", "1"),
        ("one/SKILL.md", SKILL),
        ("readme.txt", "1"),
        (".env", "1"),
    ]);
    assert_packages(
        &sandbox,
        &[(".", &[".env", "readme.txt"]), ("docs", &["a/b.txt", "c.txt"]), ("one", &["SKILL.md"])],
    );
}

#[test]
fn every_spelling_of_a_skill_document_counts() {
    for name in ["SKILL.md", "skill.md", "Skill.MD", "skills.md", "SKILLS.MD"] {
        let path = format!("group/one/{name}");
        let sandbox = Sandbox::with(&[(path.as_str(), SKILL), ("group/two/skill.txt", "x")]);
        assert_packages(&sandbox, &[("group", &["two/skill.txt"]), ("group/one", &[name])]);
        assert_eq!(sandbox.report().package("group/one")["name"], "sample", "{name}");
    }
}

#[test]
fn single_file_is_a_package() {
    let sandbox = Sandbox::with(&[("one/a.sh", ATTACK), ("one/b.sh", ATTACK)]);
    let ran = run(sandbox.path(), &["scan", "skills/one/a.sh", "--format", "jsonl"]);
    let package = ran.package(".");
    assert_eq!((ran.code, &package["files"]), (1, &Value::from(1)), "{package}");
    assert_eq!(found_in(&package), BTreeSet::from(["a.sh"]));
}

#[test]
fn link_that_the_user_names_is_followed() {
    let sandbox = Sandbox::with(&[("one/a.sh", ATTACK)]);
    sandbox.link("to-file", "one/a.sh");
    sandbox.link("to-directory", "one");
    for path in ["skills/to-file", "skills/to-directory"] {
        let ran = run(sandbox.path(), &["scan", path]);
        assert_eq!(ran.code, 1, "{path}: {}", ran.stdout);
    }
}

#[test]
fn nothing_in_a_package_hides_a_file() {
    let hidden = [".git/hooks/post-checkout", ".hidden/x.sh", "ignored/z.sh", "node_modules/y/index.sh", "noext"];
    let sandbox = Sandbox::with(&[
        ("one/SKILL.md", SKILL),
        ("one/.gitignore", "*\n"),
        ("one/.clawhubignore", "ignored/\n"),
        ("one/.ignore", "*\n"),
    ]);
    for path in hidden {
        sandbox.write(format!("one/{path}"), format!("#!/bin/sh\n{ATTACK}"));
    }
    let ran = sandbox.report();
    let package = ran.package("one");
    assert_eq!(package["files"], 9, "{package}");
    assert!(found_in(&package).is_superset(&BTreeSet::from(hidden)), "{:?}", found_in(&package));
    assert_eq!(ran.code, 1);
}

#[test]
fn link_inside_a_package_is_reported_and_not_followed() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL), ("outside/evil.sh", ATTACK)]);
    sandbox.link("one/file", "../outside/evil.sh");
    sandbox.link("one/sub/directory", "../../outside");
    let ran = sandbox.report();
    let package = ran.package("one");
    assert_eq!(package["files"], 1, "{package}");
    assert!(!rules_of(&package).contains(&"exec/remote-pipe"), "a link was followed: {package}");
    let told = told(&ran);
    for link in ["file is a link to ../outside/evil.sh", "sub/directory is a link to ../../outside"] {
        assert!(told.contains(link), "`{link}` is not told: {told}");
    }
}

#[test]
fn skill_document_that_is_a_link_is_no_pass() {
    let sandbox = Sandbox::with(&[("outside/evil.md", ATTACK)]);
    sandbox.link("one/SKILL.md", "../outside/evil.md");
    let ran = sandbox.report();
    let package = ran.package("one");
    assert_ne!(package["verdict"], "pass", "what the agent loads was not looked at: {package}");
    assert!(told(&ran).contains("SKILL.md"), "{}", ran.stdout);
}

#[test]
fn linked_entry_of_the_root_is_a_package() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL), ("loose.txt", "1")]);
    let elsewhere = sandbox.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("sub")).expect("a new directory");
    fs::write(elsewhere.join("SKILL.md"), format!("{SKILL}```sh\n{ATTACK}```\n")).expect("a new file");
    std::os::unix::fs::symlink("/etc", elsewhere.join("sub/inside")).expect("a new link");
    sandbox.link("two", "../elsewhere");
    let ran = sandbox.report();
    let package = ran.package("two");
    assert_eq!((&package["verdict"], &package["files"]), (&Value::from("malicious"), &Value::from(1)), "{package}");
    let target = fs::canonicalize(&elsewhere).expect("it is there");
    assert_eq!(package["origin"]["linked_to"], target.display().to_string());
    assert!(told(&ran).contains("sub/inside is a link to /etc"), "{package}");
    assert!(!told(&ran).contains("elsewhere"), "what was followed is no link of the root's own: {}", ran.stdout);
    assert_eq!(ran.package("one")["origin"], serde_json::json!({}));
}

#[test]
fn links_in_circles_end() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL)]);
    sandbox.link("one/up", "..");
    sandbox.link("one/self", ".");
    sandbox.link("self", ".");
    sandbox.link("first", "second");
    sandbox.link("second", "first");
    let ran = sandbox.report();
    let paths: Vec<String> = ran.lines().iter().map(|package| path_and_files(package).0).collect();
    assert!(paths.contains(&"one".to_owned()) && !paths.iter().any(|path| path.contains("self/self")), "{paths:?}");
    for link in ["first", "second"] {
        assert!(told(&ran).contains(link), "`{link}` leads nowhere, and nothing says so: {}", ran.stdout);
    }
}

#[test]
fn names_that_are_no_text_are_shown_byte_by_byte() {
    let sandbox = Sandbox::with(&[]);
    sandbox.write(Path::new(OsStr::from_bytes(b"s\xff/SKILL.md")), SKILL);
    sandbox.write(Path::new(OsStr::from_bytes(b"s\xff/a\xfe\x80.sh")), ATTACK);
    let package = sandbox.report().package(r"s\xff");
    assert_eq!(package["files"], 2);
    assert!(found_in(&package).contains(r"a\xfe\x80.sh"), "{package}");
    let text = sandbox.scan(&["-v"]).stdout;
    assert!(text.contains(r"  s\xff  ") && text.contains(r"--> a\xfe\x80.sh:1:1"), "{text}");
}

#[test]
fn digest_covers_names_and_contents() {
    let digest = |files: &[(&str, &str)]| Sandbox::with(files).report().package("one")["digest"].to_string();
    let first = digest(&[("one/SKILL.md", SKILL), ("one/a", "1"), ("one/b", "2")]);
    assert_eq!(first, digest(&[("one/b", "2"), ("one/a", "1"), ("one/SKILL.md", SKILL)]));
    assert_ne!(first, digest(&[("one/SKILL.md", SKILL), ("one/a", "2"), ("one/b", "1")]));
    assert_ne!(first, digest(&[("one/SKILL.md", SKILL), ("one/a", "1"), ("one/c", "2")]));
}

#[test]
fn what_cannot_be_read_is_a_gap() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL), ("one/closed.sh", ATTACK), ("one/locked/x.sh", ATTACK)]);
    let (file, folder) = (sandbox.root().join("one/closed.sh"), sandbox.root().join("one/locked"));
    for path in [&file, &folder] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("the owner may change it");
    }
    let is_root = fs::read(&file).is_ok();
    let ran = sandbox.report();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("the owner may change it");
    let package = ran.package("one");
    if is_root {
        assert_eq!(package["files"], 3, "nothing is closed to root");
        return;
    }
    let gaps: Vec<_> = list(&package, "gaps").iter().map(|gap| (gap["kind"].as_str(), gap["path"].as_str())).collect();
    assert_eq!(gaps, [(Some("meta/unreadable"), Some("closed.sh")), (Some("meta/unreadable"), Some("locked"))]);
    assert_eq!((ran.code, &package["verdict"]), (3, &Value::from("incomplete")));
}
