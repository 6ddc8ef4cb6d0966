//! `skillscan watch` on a real directory: what appears, changes and goes is told as it happens.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::common::{ATTACK, SKILL, Sandbox, rules_of, run_with};

/// Until a line must be there; how fast it is, is measured elsewhere.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn attack() -> String {
    format!("{SKILL}```sh\n{ATTACK}```\n")
}

/// The program, watching.
pub(super) struct Watching {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Watching {
    /// `skillscan watch --format jsonl` with more arguments, when it has begun.
    pub(super) fn start(place: &Sandbox, more: &[&str]) -> Self {
        Self::start_plain(place, &[&["--format", "jsonl"], more].concat())
    }

    fn start_plain(place: &Sandbox, arguments: &[&str]) -> Self {
        let watching = Self::spawn(place, arguments);
        watching.said("watching");
        watching
    }

    #[expect(clippy::disallowed_methods, reason = "the program itself, which is looked at while it runs")]
    fn spawn(place: &Sandbox, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skillscan"));
        command.arg("watch").args(more);
        command.current_dir(place.path()).env_clear().env("HOME", place.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout: ChildStdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        Self { child, stdout: lines(stdout), stderr: lines(stderr) }
    }

    /// The next package of this path that is told.
    pub(super) fn told(&self, path: &str) -> Value {
        loop {
            let line = self.stdout.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("`{path}` is not told"));
            let package: Value = serde_json::from_str(&line).expect("a line is JSON");
            if package["path"] == path {
                return package;
            }
        }
    }

    /// Waits for a line on standard error that holds these words.
    pub(super) fn said(&self, words: &str) -> String {
        let mut heard = Vec::new();
        loop {
            let Ok(line) = self.stderr.recv_timeout(PATIENCE) else { panic!("`{words}` is not said: {heard:?}") };
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
    }

    /// Nothing was told that was not asked for.
    fn is_silent(&self) -> bool {
        self.stdout.try_recv().is_err()
    }

    /// Ends it by a signal: its exit code.
    pub(super) fn end(mut self, signal: rustix::process::Signal) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
        let status = self.child.wait().expect("it ends");
        status.code().expect("it ends by itself")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whole at once, as an installer does it.
fn drop_in(place: &Sandbox, name: &str, text: &str) {
    let staging = place.path().join("staging");
    fs::create_dir(&staging).expect("a new directory");
    fs::write(staging.join("SKILL.md"), text).expect("a new file");
    fs::rename(&staging, place.root().join(name)).expect("it can be moved");
}

#[test]
fn new_changed_and_gone_skills_are_told() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let watching = Watching::start(&place, &["skills"]);
    assert!(watching.is_silent(), "what is there and honest is no news");
    drop_in(&place, "bad", &attack());
    let package = watching.told("bad");
    assert_eq!(package["verdict"], "malicious");
    place.write("old/deep/er/run.sh", ATTACK);
    let package = watching.told("old");
    assert!(rules_of(&package).contains(&"exec/remote-pipe"), "a file in new folders of a known skill: {package}");
    place.write("new/SKILL.md", SKILL);
    assert_eq!(watching.told("new")["verdict"], "pass");
    fs::remove_dir_all(place.root().join("bad")).expect("it can be removed");
    watching.said("skills/bad: is gone");
    fs::write(place.root().join("new/SKILL.md"), attack()).expect("it can be written");
    assert!(!rules_of(&watching.told("new")).is_empty());
    assert_eq!(watching.end(rustix::process::Signal::TERM), 1);
}

#[test]
fn ends_with_the_worst_that_was_told() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let watching = Watching::start(&place, &["skills"]);
    assert_eq!(watching.end(rustix::process::Signal::INT), 0);
    drop_in(&place, "bad", &attack());
    let watching = Watching::start(&place, &["skills"]);
    assert_eq!(watching.told("bad")["verdict"], "malicious", "what is flagged already is told at first");
    assert_eq!(watching.end(rustix::process::Signal::INT), 1);
    let missing = run_with(place.path(), &["watch", "nowhere"], &[]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

#[test]
fn places_that_appear_are_watched_too() {
    let place = Sandbox::with(&[]);
    let home = place.path();
    let workspace = home.join(".openclaw/workspace/skills");
    fs::create_dir_all(&workspace).expect("a new directory");
    let watching = Watching::start(&place, &[]);
    fs::create_dir_all(workspace.join("one")).expect("a new directory");
    fs::write(workspace.join("one/SKILL.md"), attack()).expect("a new file");
    assert_eq!(watching.told("one")["source"], "openclaw-workspace");
    let managed = home.join(".openclaw/skills/two");
    fs::create_dir_all(&managed).expect("a new directory");
    fs::write(managed.join("SKILL.md"), attack()).expect("a new file");
    assert_eq!(watching.told("two")["source"], "openclaw-managed");
    fs::remove_dir_all(home.join(".openclaw/skills")).expect("it can be removed");
    watching.said("two: is gone");
    fs::create_dir_all(&managed).expect("a new directory");
    fs::write(managed.join("SKILL.md"), attack()).expect("a new file");
    assert_eq!(watching.told("two")["verdict"], "malicious", "a place that was taken away and put back");
}

#[test]
fn many_skills_that_come_and_go_do_no_harm() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let watching = Watching::start(&place, &["skills"]);
    for round in 0..30 {
        for name in ["a", "b", "c"] {
            place.write(format!("{name}{round}/SKILL.md"), attack());
        }
        if round > 0 {
            fs::remove_dir_all(place.root().join(format!("a{}", round - 1))).expect("it can be removed");
        }
    }
    assert_eq!(watching.told("c29")["verdict"], "malicious");
    assert_eq!(watching.end(rustix::process::Signal::TERM), 1);
}

#[test]
fn links_to_everywhere_are_not_followed() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    place.link("old/all", "/");
    let elsewhere = place.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a new directory");
    fs::write(elsewhere.join("SKILL.md"), SKILL).expect("a new file");
    place.link("linked", &elsewhere);
    let watching = Watching::start(&place, &["skills"]);
    fs::write(elsewhere.join("SKILL.md"), attack()).expect("it can be written");
    assert_eq!(watching.told("linked")["verdict"], "malicious", "what a link in the root leads to is loaded");
}

#[test]
fn blocks_for_people_hold_nothing_raw() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let watching = Watching::start_plain(&place, &["skills"]);
    drop_in(&place, "x\u{1b}[31m\u{202e}y", &attack());
    let line = watching.stdout.recv_timeout(PATIENCE).expect("it is told");
    assert!(line.contains("malicious") && line.contains("x\\u{1b}[31m\\u{202e}y"), "{line:?}");
}

#[test]
fn quarantine_is_where_nothing_is_loaded_from() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let watching = Watching::start(&place, &["skills", "--quarantine"]);
    drop_in(&place, "bad", &attack());
    assert_eq!(watching.told("bad")["verdict"], "malicious");
    watching.said("taken away");
    assert!(!place.root().join("bad").exists());
    assert!(place.root().join("old").exists(), "what is honest stays");
    let held: &Path = &place.path().join(".local/state/skillscan/quarantine");
    assert_eq!(fs::read_dir(held).expect("it is there").count(), 1);
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff\x1b");
    fs::create_dir(place.path().join("staging")).expect("a new directory");
    fs::write(place.path().join("staging/SKILL.md"), attack()).expect("a new file");
    fs::rename(place.path().join("staging"), place.root().join(odd)).expect("it can be moved");
    assert!(!watching.said("taken away").contains('\u{1b}'));
    assert!(!place.root().join(odd).exists(), "a name that is no text keeps nothing where it is");
    let elsewhere = place.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a new directory");
    fs::write(elsewhere.join("SKILL.md"), attack()).expect("a new file");
    place.link("linked", &elsewhere);
    watching.said("taken away");
    assert!(elsewhere.exists() && place.root().join("linked").symlink_metadata().is_err(), "the link alone is moved");
    assert_eq!(watching.end(rustix::process::Signal::TERM), 1);
}

#[test]
fn what_could_not_be_taken_away_is_tried_again() {
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let held = place.path().join(".local/state/skillscan/quarantine");
    fs::create_dir_all(held.parent().expect("it lies in a folder")).expect("a new directory");
    fs::write(&held, "no folder").expect("a new file");
    let watching = Watching::start(&place, &["skills", "--quarantine"]);
    drop_in(&place, "bad", &attack());
    assert_eq!(watching.told("bad")["verdict"], "malicious");
    watching.said("not taken away");
    fs::remove_file(&held).expect("it is there");
    drop_in(&place, "other", SKILL);
    watching.said("skills/bad: taken away");
    assert!(!place.root().join("bad").exists());
    assert_eq!(watching.told("other")["verdict"], "pass", "and nothing is told twice");
}

#[test]
fn a_root_that_leads_to_the_users_choices_does_not_end_it() {
    let place = Sandbox::new();
    for folder in ["first/old", "own/bad"] {
        fs::create_dir_all(place.path().join(folder)).expect("a new directory");
    }
    fs::write(place.path().join("first/old/SKILL.md"), SKILL).expect("a new file");
    fs::write(place.path().join("own/bad/SKILL.md"), attack()).expect("a new file");
    fs::write(place.path().join("own/skillscan.toml"), "").expect("a new file");
    std::os::unix::fs::symlink("first", place.root()).expect("a new link");
    let watching = Watching::start(&place, &["skills", "--config", "own/skillscan.toml"]);
    std::os::unix::fs::symlink("own", place.path().join("next")).expect("a new link");
    fs::rename(place.path().join("next"), place.root()).expect("it replaces the other link");
    assert_eq!(watching.told("bad")["verdict"], "malicious");
    assert_eq!(watching.end(rustix::process::Signal::TERM), 1);
}

#[test]
fn what_is_lost_in_an_overflow_is_found_all_the_same() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap_or_default();
    let Some(limit) = limit.trim().parse::<usize>().ok().filter(|limit| *limit <= 65_536) else {
        return super::common::skip("a queue of events that can be filled");
    };
    let place = Sandbox::with(&[("old/SKILL.md", SKILL)]);
    let watching = Watching::start(&place, &["skills"]);
    let pid = rustix::process::Pid::from_child(&watching.child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it runs");
    // Each file is made, written, closed and removed.
    for number in 0..limit / 2 {
        let file = place.root().join(format!("old/{number}"));
        fs::write(&file, "x").expect("a new file");
        fs::remove_file(&file).expect("it can be removed");
    }
    drop_in(&place, "bad", &attack());
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("it waits");
    watching.said("everything is scanned again");
    assert_eq!(watching.told("bad")["verdict"], "malicious");
}
