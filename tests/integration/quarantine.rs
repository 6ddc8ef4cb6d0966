//! What was taken away is kept for the user alone, and comes back where it was and nowhere else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::Value;
use skillscan::place::Environment;
use skillscan::quarantine::Store;
use skillscan::report::PackageReport;
use skillscan::{Limits, Policy, Ruleset, Scanner};

use super::common::{Ran, SKILL, Sandbox, list, run_with};
use super::watch::attack;

fn run(place: &Sandbox, args: &[&str]) -> Ran {
    let home = place.path().display().to_string();
    run_with(place.path(), &[&["quarantine"], args].concat(), &[("HOME", &home)])
}

fn store(place: &Sandbox) -> Store {
    let environment = Environment { home: Some(place.path().to_owned()), ..Environment::default() };
    Store::of(&environment).expect("there is a home")
}

fn report(place: &Sandbox, path: &str) -> PackageReport {
    let policy = Policy::new(&[]).expect("no glob is malformed");
    let scanner = Scanner::new(Ruleset::builtin().expect("built-in rules load"), Limits::default(), policy);
    let report = scanner.scan(&place.root(), &()).expect("it can be scanned");
    report.packages.into_iter().find(|package| package.path == path).expect("it is there")
}

/// A malicious skill with a script, a link and odd permissions.
fn sandbox() -> Sandbox {
    let place =
        Sandbox::with(&[("bad/SKILL.md", attack().as_str()), ("bad/deep/run.sh", "true\n"), ("good/SKILL.md", SKILL)]);
    place.link("bad/link", "/etc/hostname");
    fs::set_permissions(place.root().join("bad/deep/run.sh"), fs::Permissions::from_mode(0o750)).expect("may change");
    place
}

fn hold(place: &Sandbox) -> String {
    let report = report(place, "bad");
    store(place).hold(&place.root(), "bad".as_ref(), &report, "2026-11-28T10:00:00Z").expect("it can be moved")
}

#[test]
fn what_is_held_is_listed_and_comes_back_as_it_was() {
    let place = sandbox();
    let id = hold(&place);
    assert!(!place.root().join("bad").exists());
    let folder = place.path().join(".local/state/skillscan/quarantine");
    for path in [folder.clone(), folder.join(&id)] {
        assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o700, "{}", path.display());
    }
    let listed = run(&place, &["list"]);
    let real = fs::canonicalize(place.root()).expect("it is there").join("bad").display().to_string();
    for words in [id.as_str(), "malicious", "2026-11-28", real.as_str(), "exec/"] {
        assert!(listed.stdout.contains(words), "`{words}` is not listed:\n{}", listed.stdout);
    }
    let document: Value = serde_json::from_str(&run(&place, &["list", "--format", "json"]).stdout).expect("JSON");
    assert_eq!(list(&document, "entries").len(), 1);
    assert!(document["entries"][0]["record"]["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));
    let restored = run(&place, &["restore", &id]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    assert!(restored.stdout.contains(&real), "it is not said where it is: {}", restored.stdout);
    assert_eq!(fs::metadata(place.root().join("bad/deep/run.sh")).expect("it is there").mode() & 0o777, 0o750);
    assert_eq!(fs::read_link(place.root().join("bad/link")).expect("a link"), PathBuf::from("/etc/hostname"));
    assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 0);
    assert!(run(&place, &["list"]).stdout.contains("nothing is held"));
}

#[test]
fn restoring_replaces_nothing() {
    let place = sandbox();
    let id = hold(&place);
    place.write("bad/SKILL.md", SKILL);
    let ran = run(&place, &["restore", &id]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("where something is"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(place.root().join("bad/SKILL.md")).expect("it is there"), SKILL);
    fs::remove_dir_all(place.root().join("bad")).expect("it can be removed");
    symlink("/nowhere/at/all", place.root().join("bad")).expect("a new link");
    assert_eq!(run(&place, &["restore", &id]).code, 2, "a link that leads nowhere is something too");
    fs::remove_file(place.root().join("bad")).expect("it can be removed");
    fs::rename(place.root(), place.path().join("moved")).expect("it can be moved");
    assert_eq!(run(&place, &["restore", &id]).code, 2, "the folder is not there");
    symlink("moved", place.root()).expect("a new link");
    let ran = run(&place, &["restore", &id]);
    assert!(ran.code == 2 && ran.stderr.contains("a link stands on the way"), "{}", ran.stderr);
    fs::remove_file(place.root()).expect("it can be removed");
    fs::rename(place.path().join("moved"), place.root()).expect("it can be moved");
    assert_eq!(run(&place, &["restore", &id]).code, 0);
}

#[test]
fn deleting_is_for_good_and_of_one_entry() {
    let place = sandbox();
    let id = hold(&place);
    fs::set_permissions(
        place.path().join(".local/state/skillscan/quarantine").join(&id).join("held/deep"),
        fs::Permissions::from_mode(0o500),
    )
    .expect("the owner may change it");
    for wrong in ["..", "../..", "no-such-entry", "", "\u{1b}[31m", "/etc"] {
        for command in ["delete", "restore"] {
            let ran = run(&place, &[command, wrong]);
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong:?}");
            assert!(!ran.stderr.contains('\u{1b}'));
        }
    }
    assert_eq!(run(&place, &["delete", &id]).code, 0);
    assert_eq!(run(&place, &["delete", &id]).code, 2);
    assert!(place.root().join("good").exists());
}

#[test]
fn links_on_the_way_are_not_followed() {
    let place = sandbox();
    let report = report(&place, "bad");
    let other = place.path().join("other");
    fs::create_dir_all(other.join("precious")).expect("a new directory");
    place.link("owner", &other);
    let held = store(&place).hold(&place.root(), "owner/precious".as_ref(), &report, "2026-11-28T10:00:00Z");
    assert!(held.is_err_and(|why| why.contains("link")));
    assert!(other.join("precious").exists());
    let id =
        store(&place).hold(&place.root(), "owner".as_ref(), &report, "2026-11-28T10:00:00Z").expect("the link itself");
    assert!(other.join("precious").exists() && place.root().join("owner").symlink_metadata().is_err());
    assert_eq!(run(&place, &["restore", &id]).code, 0);
    assert_eq!(fs::read_link(place.root().join("owner")).expect("a link"), other);
}

#[test]
fn records_that_were_changed_lead_nowhere() {
    let place = sandbox();
    let id = hold(&place);
    let file = place.path().join(".local/state/skillscan/quarantine").join(&id).join("record.json");
    let record = fs::read_to_string(&file).expect("it is there");
    let value: Value = serde_json::from_str(&record).expect("it is JSON");
    let mut changed = value.clone();
    changed["origin"] = "/somewhere/else\u{1b}[31m".into();
    let schema = record.replace("\"schema\": 1", "\"schema\": 7");
    for text in [changed.to_string(), schema, "{}".to_owned(), "x".repeat(2 << 20), String::new()] {
        fs::write(&file, text).expect("it can be written");
        assert_eq!(run(&place, &["restore", &id]).code, 2);
        let listed = run(&place, &["list"]);
        assert!(
            listed.code == 0 && listed.stdout.contains(&id) && !listed.stdout.contains('\u{1b}'),
            "{:?}",
            listed.stdout
        );
    }
    fs::write(&file, record).expect("it can be written");
    assert_eq!(run(&place, &["restore", &id]).code, 0);
}

#[test]
fn other_file_systems_are_reached_by_a_copy() {
    let place = sandbox();
    let shared = std::path::Path::new("/dev/shm");
    let device = |path: &std::path::Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    if device(shared).is_none() || device(shared) == device(place.path()) {
        return super::common::skip("a second file system at /dev/shm");
    }
    let far = tempfile::tempdir_in(shared).expect("a directory there");
    let state = far.path().display().to_string();
    let environment = Environment {
        variables: [("XDG_STATE_HOME".to_owned(), state.clone().into())].into(),
        home: Some(place.path().to_owned()),
        ..Environment::default()
    };
    let store = Store::of(&environment).expect("there is a state directory");
    let report = report(&place, "bad");
    let id = store.hold(&place.root(), "bad".as_ref(), &report, "2026-11-28T10:00:00Z").expect("it can be copied");
    assert!(!place.root().join("bad").exists());
    let held = store.folder().join(&id).join("held");
    assert_eq!(fs::metadata(held.join("deep/run.sh")).expect("it is there").mode() & 0o777, 0o750);
    let ran = run_with(place.path(), &["quarantine", "restore", &id], &[("XDG_STATE_HOME", &state)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(place.root().join("bad/deep/run.sh").exists() && place.root().join("bad/link").symlink_metadata().is_ok());
    assert_eq!(store.list().expect("it can be listed").len(), 0);
}
