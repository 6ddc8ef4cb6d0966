//! Repairs: what is tightened, what is left alone, and that all of it can be taken back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use skillscan::audit::fix::{Plan, Record};

use super::host::{Machine, TODAY};

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
    changes.retain(|change| change.path == std::path::Path::new(SOUL));
    machine.mode(SOUL, 0o777);
    assert!(changes[0].apply(machine.root()).is_err());
    let machine = open();
    let mut changes = plan(&machine).changes;
    changes.retain(|change| change.path == std::path::Path::new(SOUL));
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
