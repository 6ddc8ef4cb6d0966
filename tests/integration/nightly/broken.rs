//! What goes wrong with the history or under way costs history, never the scan.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::super::common::{run, skip};
use super::{ATTACK, Home, state};

/// Text without its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_changed_is_told_by_silence() {
    let home = Home::with_skill();
    let first = home.night(1, &[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stdout.contains("history starts here"), "{}", first.stdout);
    for day in 2..4 {
        let next = home.night(day, &[]);
        assert_eq!((next.stdout.as_str(), next.stderr.as_str(), next.code), ("", "", 0));
    }
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&home.folder()), mode(&home.file())), (0o700, 0o600));
}

#[test]
fn a_flagged_skill_is_one_line_and_the_exit_code_every_night() {
    let home = Home::with_skill();
    home.skill("lure", "1.0.0", ATTACK);
    let first = home.night(1, &[]);
    assert_eq!(first.code, 1);
    assert!(first.stdout.contains("malicious") && first.stdout.contains("exec/remote-pipe"), "{}", first.stdout);
    for day in 2..4 {
        let next = home.night(day, &[]);
        assert_eq!((next.stdout.as_str(), next.code), ("", 1));
        assert_eq!(next.stderr.lines().count(), 1, "{}", next.stderr);
        assert!(next.stderr.contains("still malicious") && next.stderr.contains("lure"), "{}", next.stderr);
    }
    fs::remove_dir_all(home.skills().join("lure")).expect("it is there");
    let removed = home.night(5, &[]);
    assert!(removed.stdout.contains("removed") && removed.code == 0, "{}", removed.stdout);
}

#[test]
fn the_last_skill_that_goes_is_told_of() {
    let home = Home::with_skill();
    let none = Home::new();
    assert_eq!(none.night(1, &[]).code, 2, "nothing was ever there");
    home.night(1, &[]);
    fs::remove_dir_all(home.skills().join("weather")).expect("it is there");
    let removed = home.night(2, &[]);
    assert!(removed.stdout.contains("weather: removed") && removed.code == 0, "{}{}", removed.stdout, removed.stderr);
    let next = home.night(3, &[]);
    assert_eq!((next.stdout.as_str(), next.stderr.as_str(), next.code), ("", "", 0));
    home.skill("other", "1.0.0", "");
    assert!(home.night(4, &[]).stdout.contains("other: new"));
}

#[test]
fn no_verdict_is_read_from_the_history() {
    let home = Home::with_skill();
    assert_eq!(home.night(1, &[]).code, 0);
    // The same skill is remembered as clean, and is not.
    home.skill("weather", "1.0.0", ATTACK);
    for day in 2..4 {
        assert_eq!(home.night(day, &[]).code, 1);
    }
}

#[test]
fn a_damaged_history_is_put_aside_and_starts_anew() {
    let home = Home::with_skill();
    home.skill("lure", "1.0.0", ATTACK);
    home.night(1, &[]);
    for damage in ["", "damaged", &"x".repeat(100_000)] {
        fs::write(home.file(), damage).expect("it is there");
        let ran = home.night(2, &[]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(
            words(&ran.stdout).contains("history starts anew") && ran.stdout.contains("malicious"),
            "{}",
            ran.stdout
        );
        assert_eq!(fs::read(home.folder().join("history.redb.damaged")).expect("it is kept"), damage.as_bytes());
        let next = home.night(3, &[]);
        assert_eq!((next.stdout.as_str(), next.code), ("", 1), "{}", next.stderr);
    }
}

#[test]
fn a_history_from_the_future_is_left_alone() {
    let home = Home::with_skill();
    home.night(1, &[]);
    state::age(&home.file());
    let before = fs::read(home.file()).expect("it is there");
    home.skill("lure", "1.0.0", ATTACK);
    let ran = home.night(2, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("later version") && ran.stdout.contains("without history"), "{}", ran.stderr);
    assert!(ran.stdout.contains("malicious"), "{}", ran.stdout);
    fs::remove_dir_all(home.skills().join("lure")).expect("it is there");
    // Nothing is flagged, and nothing is remembered.
    assert_eq!(home.night(3, &[]).code, 2);
    let history = home.run(&["history"]);
    assert!(history.code == 2 && history.stderr.contains("later version"), "{}", history.stderr);
    assert!(fs::read(home.file()).expect("it is there") == before, "a later version's file was written to");
}

#[test]
fn a_place_that_cannot_hold_a_history_costs_history_only() {
    let home = Home::with_skill();
    home.skill("lure", "1.0.0", ATTACK);
    let file = home.path().join("file");
    fs::write(&file, "text").expect("a new file");
    let open = home.path().join("open");
    fs::create_dir(&open).expect("a new directory");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("its own directory");
    for folder in [file, open, "/proc/nothing/here".into()] {
        let folder = folder.to_str().expect("it is text");
        let ran = home.night(1, &["--state", folder]);
        assert_eq!(ran.code, 1, "{folder}: {}", ran.stderr);
        assert!(ran.stdout.contains("malicious") && ran.stderr.contains(folder), "{folder}: {}", ran.stderr);
    }
}

#[test]
fn a_history_inside_of_what_is_scanned_is_refused() {
    let home = Home::with_skill();
    let inside = home.skills().join("weather/state");
    let ran = home.night(1, &["--state", inside.to_str().expect("it is text")]);
    assert!(ran.code == 2 && ran.stderr.contains("which is scanned"), "{}", ran.stderr);
    assert!(!inside.exists());
}

#[test]
fn one_run_at_a_time() {
    let home = Home::with_skill();
    home.night(1, &[]);
    let held = fs::File::options().write(true).open(home.folder().join("lock")).expect("it is there");
    held.lock().expect("nobody else holds it");
    let ran = home.night(2, &[]);
    assert!(ran.code == 2 && ran.stderr.contains("another run is under way"), "{}", ran.stderr);
    drop(held);
    assert_eq!(home.night(2, &[]).code, 0);
}

#[test]
fn a_clock_that_goes_back_changes_no_order() {
    let home = Home::with_skill();
    home.night(10, &[]);
    home.skill("second", "1.0.0", "");
    let ran = home.night(2, &[]);
    assert!(ran.stderr.contains("the clock went back") && ran.stdout.contains("compared with run 1"), "{}", ran.stderr);
    home.skill("third", "1.0.0", "");
    let ran = home.night(11, &[]);
    assert!(ran.stdout.contains("Run 3 ") && ran.stdout.contains("compared with run 2"), "{}", ran.stdout);
    assert!(ran.stdout.contains("third") && !ran.stdout.contains("second"), "{}", ran.stdout);
}

#[test]
fn skills_that_come_and_go_while_they_are_scanned_break_nothing() {
    let home = Home::with_skill();
    for index in 0..50 {
        home.skill(&format!("steady-{index}"), "1.0.0", "");
    }
    home.night(1, &[]);
    let restless = home.skills().join("restless");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // Each may fail: the scan holds nothing open, but the other half of this loop was just here.
                let _ = fs::create_dir(&restless).and_then(|()| fs::write(restless.join("SKILL.md"), "# Restless\n"));
                let _ = fs::remove_dir_all(&restless);
            }
        });
        for day in 2..10 {
            let ran = home.night(day, &[]);
            assert!(matches!(ran.code, 0 | 3), "{}{}", ran.stdout, ran.stderr);
            assert!(!ran.stdout.contains("steady-"), "{}", ran.stdout);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let _ = fs::remove_dir_all(&restless);
    home.night(11, &[]);
    let last = home.night(12, &[]);
    assert_eq!((last.stdout.as_str(), last.code), ("", 0), "{}", last.stderr);
}

#[test]
fn a_root_that_cannot_be_listed_is_not_taken_for_empty() {
    let home = Home::with_skill();
    home.skill("second", "1.0.0", "");
    home.night(1, &[]);
    let (skills, away) = (home.skills(), home.path().join("away"));
    fs::rename(&skills, &away).expect("it can be moved");
    let other = home.path().join(".openclaw/workspace/skills/third");
    fs::create_dir_all(&other).expect("a new directory");
    fs::write(other.join("SKILL.md"), "---\nname: third\ndescription: A sample.\n---\n").expect("a new file");
    // A file where the directory was: not gone, and not to be listed.
    fs::write(&skills, "text").expect("a new file");
    let ran = home.night(2, &[]);
    assert!(ran.stdout.contains("third") && !ran.stdout.contains("removed"), "{}{}", ran.stdout, ran.stderr);
    let said = "is no directory";
    assert!(words(&ran.stdout).contains(said) && ran.stderr.contains(said), "{}{}", ran.stdout, ran.stderr);
    let again = home.night(2, &[]);
    assert_eq!((again.stdout.as_str(), again.code), ("", 3), "it is told once");
    assert!(again.stderr.contains(said), "and said every night: {}", again.stderr);
    fs::remove_file(&skills).expect("it is there");
    let ran = home.night(3, &[]);
    assert_eq!(ran.stdout.matches("removed").count(), 2, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_full_disk_costs_history_only() {
    let home = Home::with_skill();
    let small = home.path().join("small");
    fs::create_dir(&small).expect("a new directory");
    let script = "mount -t tmpfs -o size=16k,mode=700 none \"$1\" || exit 77\n\
        HOME=\"$2\" \"$3\" nightly --state \"$1\"; code=$?; ls \"$1\" >&2; exit $code";
    let text = |path: &Path| path.to_str().expect("it is text").to_owned();
    let args = ["-c", script, "sh", &text(&small), &text(home.path()), env!("CARGO_BIN_EXE_skillscan")];
    let mut command = assert_cmd::Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh"]).args(args).current_dir(home.path());
    let Ok(output) = command.output() else { return skip("unshare of util-linux") };
    if !matches!(output.status.code(), Some(0..=3)) {
        return skip("the right to mount in a namespace");
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(stdout.contains("1 skill: 1 pass") && stderr.contains("not remembered"), "{stdout}{stderr}");
}

#[test]
fn hostile_names_stay_text_wherever_they_are_told() {
    let home = Home::new();
    home.night(1, &[]);
    let name = "x\u{1b}[2J\u{202e}\n::error::y";
    home.write(
        &format!("{name}/SKILL.md"),
        &format!("---\nname: \"a\\e[31m|b\"\ndescription: A sample.\n---\n{ATTACK}"),
    );
    for more in [&[][..], &["--format", "markdown"], &["--format", "json"], &["--format", "jsonl"], &["--always"]] {
        let ran = home.night(2, &[more, &["--state", "fresh"]].concat());
        let _ = fs::remove_dir_all(home.path().join("fresh"));
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        for text in [&ran.stdout, &ran.stderr] {
            let is_raw = text.contains(['\u{1b}', '\u{202e}']) || text.lines().any(|line| line.starts_with("::"));
            assert!(!is_raw, "{more:?}: {text:?}");
        }
    }
    home.night(3, &[]);
    for args in [&["history"][..], &["history", "a\u{1b}[31m|b"], &["history", "--format", "json"]] {
        let ran = home.run(args);
        assert!(
            ran.code == 0 && !ran.stdout.contains(['\u{1b}', '\u{202e}']),
            "{args:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
}

#[test]
fn history_says_what_happened_to_a_skill() {
    let home = Home::with_skill();
    home.night(1, &[]);
    home.skill("weather", "1.0.0", ATTACK);
    home.night(2, &[]);
    fs::remove_dir_all(home.skills().join("weather")).expect("it is there");
    home.skill("other", "1.0.0", "");
    home.night(3, &[]);
    let runs = home.run(&["history"]);
    assert_eq!(runs.stdout.lines().filter(|line| line.contains(" UTC ")).count(), 3, "{}", runs.stdout);
    for wanted in ["weather", "skills/weather"] {
        let one = home.run(&["history", wanted]);
        let parts =
            ["seen since run 1", "gone since run 3", "run 2 of", "changed without a new version", "pass -> malicious"];
        for part in &parts[..4] {
            assert!(one.stdout.contains(part), "{part}:\n{}", one.stdout);
        }
    }
    let one = home.run(&["history", "weather", "--format", "json"]);
    let one: Value = serde_json::from_str(&one.stdout).expect("it is JSON");
    assert_eq!(one["skills"][0]["told"][0]["verdict"]["after"], "malicious");
    assert_eq!(home.run(&["history", "nothing"]).code, 2);
    assert_eq!(run(home.path(), &["history", "--state", "nowhere"]).code, 2);
}
