//! Repairs: what is tightened, what is left alone, and that all of it can be taken back.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;

use skillscan::audit::fix::{Plan, Record};

use super::super::common::skip;
use super::host::{CLAW, Machine, TODAY};

const SOUL: &str = "/home/claw/.openclaw/workspace/SOUL.md";

/// A machine on which everyone may change what the agent is told.
fn open() -> Machine {
    let machine = Machine::sample("good");
    machine.write(SOUL, "x");
    for folder in ["", "/home", "/home/claw", "/home/claw/.openclaw", "/home/claw/.openclaw/workspace"] {
        machine.mode(folder, 0o755);
    }
    machine.mode(SOUL, 0o666);
    machine
}

fn plan(machine: &Machine) -> Plan {
    Plan::of(&machine.host(), &machine.audit())
}

fn mode(machine: &Machine, path: &str) -> u32 {
    fs::metadata(machine.path(path)).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn repair_tightens_and_can_be_taken_back() {
    let machine = open();
    let plan = plan(&machine);
    // The file, its workspace and the state directory.
    assert_eq!((plan.changes.len(), plan.refused.len()), (3, 0), "{plan:?}");
    let mut record = Record::new(TODAY);
    for change in plan.changes {
        assert_eq!(change.after.mode & !change.before.mode, 0, "a repair loosens nothing");
        change.apply(machine.root()).expect("it is ours");
        record.changes.push(change);
    }
    assert_eq!(mode(&machine, SOUL), 0o600);
    assert_eq!(self::plan(&machine), Plan::default(), "there is nothing left to do");
    let file = record.save(&machine.path("/records")).expect("it can be saved");
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o077, 0);
    let read = Record::read(&file).expect("it can be read");
    assert_eq!(read, record);
    for change in &read.changes {
        change.undo(machine.root()).expect("nothing changed since");
    }
    assert_eq!(mode(&machine, SOUL), 0o666);
    assert!(read.changes[0].undo(machine.root()).is_err(), "it was taken back already");
}

#[test]
fn what_changed_since_the_plan_is_left_alone() {
    let machine = open();
    let mut changes = plan(&machine).changes;
    changes.retain(|change| change.path == Path::new(SOUL));
    machine.mode(SOUL, 0o777);
    assert!(changes[0].apply(machine.root()).is_err());
    let machine = open();
    let mut changes = plan(&machine).changes;
    changes.retain(|change| change.path == Path::new(SOUL));
    fs::remove_file(machine.path(SOUL)).expect("the file is there");
    machine.write("/home/claw/secret", "x");
    machine.mode("/home/claw/secret", 0o666);
    machine.link(SOUL, "/home/claw/secret");
    assert!(changes[0].apply(machine.root()).is_err(), "a link is not followed");
    assert_eq!(mode(&machine, "/home/claw/secret"), 0o666);
}

#[test]
fn file_with_another_name_is_left_alone() {
    let machine = open();
    fs::hard_link(machine.path(SOUL), machine.path("/home/claw/other")).expect("a second name");
    let plan = plan(&machine);
    assert_eq!((plan.changes.len(), plan.refused.len()), (2, 1), "{plan:?}");
}

#[test]
fn record_that_someone_else_may_write_is_not_used() {
    let machine = open();
    let file = Record::new(TODAY).save(&machine.path("/records")).expect("it can be saved");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions can be set");
    assert!(Record::read(&file).is_err());
}

/// Gives a folder with all that is in it to a user.
fn give(path: &Path, uid: u32) -> std::io::Result<()> {
    lchown(path, Some(uid), Some(uid))?;
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid)?;
        }
    }
    Ok(())
}

#[test]
fn link_to_the_file_of_another_user_gives_nobody_that_file() {
    let machine = open();
    let (user, bob) = (|name: &str, uid: u32| format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n"), 1001);
    machine.write("/etc/passwd", format!("root:x:0:0:root:/root:/bin/sh\n{}{}", user("claw", CLAW), user("bob", bob)));
    machine.write("/home/bob/.openclaw/openclaw.json", "{}");
    machine.write("/home/bob/.bashrc", "true\n");
    machine.mode("/home/bob/.bashrc", 0o644);
    machine.mode("/home/bob", 0o755);
    let link = "/home/claw/.openclaw/.env";
    machine.link(link, "/home/bob/.bashrc");
    let given = [("/home/claw", CLAW), ("/home/bob", bob)].map(|(folder, uid)| give(&machine.path(folder), uid));
    if given.iter().any(Result::is_err) {
        return skip("root");
    }
    let plan = plan(&machine);
    assert!(plan.changes.iter().any(|change| change.path == Path::new(SOUL)), "{plan:?}");
    assert!(!plan.changes.iter().any(|change| change.path.ends_with(".bashrc")), "{plan:?}");
    assert!(plan.refused.iter().any(|(path, _)| path == Path::new(link)), "{plan:?}");
}
