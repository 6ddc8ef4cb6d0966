//! The history itself: whatever stops a run after any step leaves what earlier runs wrote, and what something else
//! wrote is noticed.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition};
use skillscan::report::ReportedFinding;
use skillscan::rule::RuleId;
use skillscan::state::{Disk, Event, Files, History, Kind, Problem, RUNS, Run, Skill, State, System, Update};
use skillscan::{Limits, Policy, Ruleset, Scanner, Verdict};
use tempfile::TempDir;

use super::super::common::Sandbox;
use super::ATTACK;

fn open(folder: &Path, disk: Box<dyn Disk>) -> State {
    State::open(folder, disk, Duration::from_secs(5)).expect("nobody else holds it")
}

fn load(folder: &Path) -> Result<History, Problem> {
    open(folder, Box::new(System)).load()
}

/// What a run of this number writes: some skills that are there, one that is gone, and what it told.
fn update(number: u64) -> Update {
    let skill = |index: u64| Skill {
        root: "/home/a/skills".to_owned(),
        path: format!("skill-{index}"),
        content: format!("{number}"),
        // Large enough that pages are split.
        files: (0..40).map(|file| (format!("file-{file}"), "0".repeat(64))).collect(),
        removed: (index == 7).then_some(number),
        ..Skill::default()
    };
    let event = Event {
        run: number,
        at: String::new(),
        kind: Kind::Drift,
        root: "/home/a/skills".to_owned(),
        path: "skill-1".to_owned(),
        name: None,
        versions: (None, None),
        verdicts: (None, None),
        what: "changed".to_owned(),
        files: Files::default(),
        lines: vec!["line".to_owned()],
    };
    let run = Run { number, scope: "places".to_owned(), ..Run::default() };
    Update { run, skills: (0..20).map(skill).collect(), events: vec![event], audit: Some(Default::default()) }
}

fn commit(folder: &Path, number: u64, disk: Box<dyn Disk>) -> Result<(), Problem> {
    open(folder, disk).commit(&update(number))
}

/// What is done to the file since it was last written down to the disk, to be taken back.
enum Undo {
    Bytes(u64, Vec<u8>),
    Length(u64),
}

#[derive(Default)]
struct Steps {
    left: usize,
    taken: usize,
    /// Whether what was not written down to the disk is lost, as when the power fails.
    loses: bool,
    undo: Vec<Undo>,
    is_dead: bool,
}

/// A file system that does nothing more after so many steps.
#[derive(Clone)]
struct Killed(Arc<Mutex<Steps>>);

impl Killed {
    fn after(left: usize, loses: bool) -> Self {
        Self(Arc::new(Mutex::new(Steps { left, loses, ..Steps::default() })))
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().expect("no test panics while it holds this")
    }

    /// Whether one more step is taken.
    fn step(&self) -> io::Result<()> {
        let mut steps = self.steps();
        if steps.left == 0 {
            steps.is_dead = true;
            return Err(io::ErrorKind::Interrupted.into());
        }
        steps.left -= 1;
        steps.taken += 1;
        Ok(())
    }
}

impl Disk for Killed {
    fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        System.create_folder(path)
    }
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        self.step()?;
        Ok(Box::new(Backend { killed: self.clone(), file: System.open(path)? }))
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        System.rename(from, to)
    }
    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        System.remove_file(path)
    }
    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        System.sync_folder(path)
    }
}

struct Backend {
    killed: Killed,
    file: Box<dyn StorageBackend>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl Backend {
    /// Remembers how to take back what comes.
    fn note(&self, undo: Undo) {
        self.killed.steps().undo.push(undo);
    }

    fn old(&self, offset: u64, length: usize) -> io::Result<Undo> {
        let mut bytes = vec![0; length];
        self.file.read(offset, &mut bytes)?;
        Ok(Undo::Bytes(offset, bytes))
    }

    /// The power fails: what was not written down is as before.
    fn lose(&self) -> io::Result<()> {
        let undo = std::mem::take(&mut self.killed.steps().undo);
        for undo in undo.into_iter().rev() {
            match undo {
                Undo::Bytes(offset, bytes) => self.file.write(offset, &bytes)?,
                Undo::Length(length) => self.file.set_len(length)?,
            }
        }
        Ok(())
    }

    fn step(&self, half: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let was_dead = self.killed.steps().is_dead;
        let stepped = self.killed.step();
        if stepped.is_err() && !was_dead {
            half()?;
            if self.killed.steps().loses {
                self.lose()?;
            }
        }
        stepped
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(|| Ok(()))?;
        self.note(Undo::Length(self.file.len()?));
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.step(|| Ok(()))?;
        self.killed.steps().undo.clear();
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let old = self.old(offset, data.len())?;
        // Killed in the middle of it.
        self.step(|| self.file.write(offset, data.get(..data.len() / 2).unwrap_or(data)))?;
        self.note(old);
        self.file.write(offset, data)
    }
}

fn numbers(history: &History) -> Vec<u64> {
    history.runs.keys().copied().collect()
}

/// Stops the third run after every step, and looks at what is left.
fn stopped_everywhere(loses: bool) {
    let mut seen = [0, 0];
    for steps in 0.. {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let folder = dir.path().join("state");
        commit(&folder, 1, Box::new(System)).expect("the first run is written");
        commit(&folder, 2, Box::new(System)).expect("the second run is written");
        let before = load(&folder).expect("two runs are read");
        let result = commit(&folder, 3, Box::new(Killed::after(steps, loses)));
        let after = load(&folder).unwrap_or_else(|problem| panic!("after {steps} steps: {problem}"));
        let is_new = numbers(&after) == [1, 2, 3];
        assert!(is_new || after == before, "after {steps} steps: {:?}", numbers(&after));
        seen[usize::from(is_new)] += 1;
        commit(&folder, 4, Box::new(System)).unwrap_or_else(|problem| panic!("after {steps} steps: {problem}"));
        assert!(numbers(&load(&folder).expect("it is read")).ends_with(&[4]), "after {steps} steps");
        if result.is_ok() {
            break;
        }
    }
    assert!(seen[0] > 8 && seen[1] > 1, "{seen:?}");
}

#[test]
fn a_run_that_is_killed_after_any_step_loses_no_earlier_one() {
    stopped_everywhere(false);
}

#[test]
fn a_power_cut_after_any_step_loses_no_earlier_run() {
    stopped_everywhere(true);
}

#[test]
fn a_first_run_that_is_killed_after_any_step_leaves_nothing_or_itself() {
    for steps in 0.. {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let folder = dir.path().join("state");
        fs::create_dir(&folder).expect("a new directory");
        let result = commit(&folder, 1, Box::new(Killed::after(steps, false)));
        let after = load(&folder).unwrap_or_else(|problem| panic!("after {steps} steps: {problem}"));
        assert!(matches!(numbers(&after).as_slice(), [] | [1]), "after {steps} steps");
        commit(&folder, 2, Box::new(System)).unwrap_or_else(|problem| panic!("after {steps} steps: {problem}"));
        if result.is_ok() {
            break;
        }
    }
}

/// A file system on which no file grows.
struct Full;

impl Disk for Full {
    fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        System.create_folder(path)
    }
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(FullFile(System.open(path)?)))
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        System.rename(from, to)
    }
    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        System.remove_file(path)
    }
    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        System.sync_folder(path)
    }
}

#[derive(Debug)]
struct FullFile(Box<dyn StorageBackend>);

impl StorageBackend for FullFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.0.len()? { Err(io::ErrorKind::StorageFull.into()) } else { self.0.set_len(len) }
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_full_disk_is_told_and_keeps_the_old_history() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    commit(dir.path(), 1, Box::new(System)).expect("there is room");
    let before = load(dir.path()).expect("it is read");
    let problem = commit(dir.path(), 2, Box::new(Full)).expect_err("there is no room");
    assert!(problem.to_string().contains("no space is left"), "{problem}");
    assert_eq!(load(dir.path()).expect("it is read"), before);
    commit(dir.path(), 2, Box::new(System)).expect("there is room again");
}

#[test]
fn what_is_written_is_read_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(load(dir.path()).expect("an empty directory"), History::default());
    commit(dir.path(), 1, Box::new(System)).expect("it is written");
    let history = load(dir.path()).expect("it is read");
    let wanted = update(1);
    assert_eq!(history.runs[&1], wanted.run);
    assert_eq!(history.skills.values().cloned().collect::<Vec<_>>().len(), wanted.skills.len());
    assert!(wanted.skills.iter().all(|skill| history.skills[&skill.key()] == *skill));
    assert_eq!(history.events, wanted.events);
    assert_eq!((history.next(), history.last("places").map(|run| run.number)), (2, Some(1)));
    assert_eq!(history.last("elsewhere"), None);
}

#[test]
fn history_is_bounded() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for number in [1, 2, RUNS, RUNS + 1, RUNS + 5] {
        commit(dir.path(), number, Box::new(System)).expect("it is written");
    }
    let history = load(dir.path()).expect("it is read");
    assert_eq!(numbers(&history), [RUNS, RUNS + 1, RUNS + 5]);
    assert!(history.events.iter().all(|event| event.run >= RUNS));
    // What is gone for longer than the oldest run is forgotten, what is there is not.
    let mut late = update(2 * RUNS + 5);
    late.skills.clear();
    open(dir.path(), Box::new(System)).commit(&late).expect("it is written");
    let history = load(dir.path()).expect("it is read");
    assert_eq!(history.skills.len(), 19);
    assert!(history.skills.values().all(|skill| skill.removed.is_none()));
}

#[test]
fn what_is_kept_of_one_skill_is_bounded_and_the_worst_of_it_stays() {
    let place = Sandbox::with(&[("bad/SKILL.md", &format!("---\nname: bad\n---\n{ATTACK}"))]);
    let policy = Policy::new(&[]).expect("no glob is malformed");
    let scanner = Scanner::new(Ruleset::builtin().expect("built-in rules load"), Limits::default(), policy);
    let mut report = scanner.scan(&place.root(), &()).expect("it can be scanned").packages.remove(0);
    report.findings.retain(|finding| finding.verdict == Verdict::Malicious);
    let worst = report.findings[0].clone();
    let earlier = RuleId::new("asset/archive").expect("a rule");
    assert!(earlier < worst.rule, "the worst would be the last by name");
    let weak = ReportedFinding { rule: earlier, verdict: Verdict::Pass, ..worst.clone() };
    report.findings = [vec![weak; 1_000], vec![worst.clone()]].concat();
    report.hosts = (0..50_000).map(|number| format!("{number}.example.com")).collect();
    report.name = Some("n".repeat(5_000_000));
    let names = |count: usize, length: usize| -> Vec<(String, [u8; 32])> {
        (0..count).map(|number| (format!("{number:04}{}", "\u{1}".repeat(length)), [0; 32])).collect()
    };
    report.contents = names(5_000, 4_000);
    let skill = Skill::of("/home/a/skills", &report);
    assert_eq!(skill.behaviour.findings.len(), 1_000);
    assert!(skill.behaviour.findings.iter().any(|mark| mark.rule == worst.rule.as_str()), "the worst is lost");
    let written = serde_json::to_string(&skill).expect("it is written").len();
    assert!(written < 4 * 1024 * 1024, "{written} bytes");
    // More of it still makes a difference.
    report.contents[0].1 = [1; 32];
    assert_ne!(Skill::of("/home/a/skills", &report).content, skill.content);
    report.contents = names(5_000, 40);
    assert_eq!(Skill::of("/home/a/skills", &report).files.len(), 5_000, "names of an honest length are kept");
}

#[test]
fn whatever_byte_is_damaged_is_noticed_or_means_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let folder = dir.path().join("whole");
    commit(&folder, 1, Box::new(System)).expect("it is written");
    commit(&folder, 2, Box::new(System)).expect("it is written");
    let whole = load(&folder).expect("it is read");
    let bytes = fs::read(folder.join("history.redb")).expect("it is there");
    let mut noticed = 0;
    let other = dir.path().join("other");
    fs::create_dir(&other).expect("a new directory");
    let check = |what: String, bytes: &[u8]| {
        fs::write(other.join("history.redb"), bytes).expect("a new file");
        match load(&other) {
            Ok(history) => assert!(history == whole, "{what} changes what is read"),
            Err(Problem::Damaged(..) | Problem::Future(..) | Problem::Unusable(..)) => return 1,
            Err(problem) => panic!("{what}: {problem}"),
        }
        0
    };
    // Every byte of the header, and some of every page.
    let places = (0..320).chain((320..bytes.len()).step_by(211));
    for at in places {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        noticed += check(format!("byte {at}"), &damaged);
    }
    assert!(noticed > 20, "{noticed}");
    for length in [1, 100, 4096, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(check(format!("{length} bytes"), bytes.get(..length).unwrap_or(&bytes)), 1, "{length} bytes");
    }
}

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const SKILL: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("skills");

/// Changes the file as a program would that knows the database.
pub(super) fn edit(file: &Path, table: TableDefinition<'_, &str, &'static [u8]>, key: Option<&str>, value: &[u8]) {
    let database = Database::open(file).expect("it is a database");
    let first = {
        let read = database.begin_read().expect("it is read");
        let table = read.open_table(table).expect("a table");
        redb::ReadableTable::first(&table).expect("it is read").map(|(key, _)| key.value().to_owned())
    };
    let key = key.map(str::to_owned).or(first).expect("something is there");
    let write = database.begin_write().expect("it is written");
    write.open_table(table).expect("a table").insert(&*key, value).expect("it is written");
    write.commit().expect("it is written");
}

/// Makes a history one of a later version.
pub(super) fn age(file: &Path) {
    edit(file, META, Some("schema"), &9_u64.to_le_bytes());
}

#[test]
fn edits_and_later_versions_are_noticed() {
    let dir: TempDir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("history.redb");
    commit(dir.path(), 1, Box::new(System)).expect("it is written");
    edit(&file, SKILL, None, b"{}");
    let problem = load(dir.path()).expect_err("it was edited");
    assert!(matches!(problem, Problem::Damaged(..)), "{problem}");
    assert!(problem.to_string().contains("something else than skillscan"), "{problem}");
    age(&file);
    assert!(matches!(load(dir.path()), Err(Problem::Future(_, 9))));
}
