//! Databases as SQLite itself writes them, with and without a log, and broken ones.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use skillscan::audit::Status;
use skillscan::audit::host::Unread;
use skillscan::audit::sqlite::{Cell, Database};

use super::super::common::skip;
use super::host::{Machine, answers, sample, worst};

const STATE: &str = "/home/claw/.openclaw/state/openclaw.sqlite";

/// Lets Python's SQLite run this; false where there is none.
fn sqlite(machine: &Machine, script: &str) -> bool {
    let file = machine.path(STATE);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a new directory");
    // The connection is left open where a log is wanted, so that it is not written back.
    let code =
        format!("import sqlite3, os, sys\ndb = sqlite3.connect(sys.argv[1])\n{script}\ndb.commit()\nos._exit(0)\n");
    let Ok(output) = Command::new("python3").arg("-c").arg(code).arg(file).output() else {
        skip("python3");
        return false;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

fn entries(machine: &Machine) -> Result<Vec<String>, Unread> {
    let rows = Database::read(&machine.host(), Path::new(STATE))?.rows("channel_pairing_allow_entries", &["entry"])?;
    Ok(rows.into_iter().map(|row| row[0].text()).collect())
}

const TABLE: &str = "db.execute('CREATE TABLE channel_pairing_allow_entries (channel_key TEXT NOT NULL, account_id TEXT, \
                     entry TEXT, sort_order INTEGER, updated_at INTEGER, PRIMARY KEY (channel_key, account_id, entry))')\n";

#[test]
fn many_rows_and_long_ones_are_read_in_order() {
    let machine = Machine::sample("good");
    let script = format!(
        "{TABLE}db.executemany('INSERT INTO channel_pairing_allow_entries VALUES (?, ?, ?, 0, 0)', [('telegram', 'default', str(n)) for n in range(5000)])\n\
         db.execute('INSERT INTO channel_pairing_allow_entries VALUES (?, ?, ?, -7, 1.5)', ('telegram', 'default', 'x' * 100000))"
    );
    if !sqlite(&machine, &script) {
        return;
    }
    let found = entries(&machine).expect("it can be read");
    assert_eq!(found.len(), 5001);
    assert!(found[..5000].iter().enumerate().all(|(index, text)| *text == index.to_string()));
    assert_eq!(found[5000], "x".repeat(100_000));
    let database = Database::read(&machine.host(), Path::new(STATE)).expect("it can be read");
    let last = database.rows("channel_pairing_allow_entries", &["sort_order", "updated_at", "nothing"]).expect("rows");
    assert_eq!(last[5000], [Cell::Integer(-7), Cell::Real(1.5), Cell::Null]);
    assert_eq!(database.rows("nothing", &["a"]), Err(Unread::Absent));
}

#[test]
fn log_that_was_not_written_back_counts() {
    let machine = Machine::sample("good");
    let script = format!(
        "db.execute('PRAGMA journal_mode=WAL')\ndb.execute('PRAGMA wal_autocheckpoint=0')\n{TABLE}\
         db.execute(\"INSERT INTO channel_pairing_allow_entries VALUES ('telegram', 'default', '1', 0, 0)\")\ndb.commit()\n\
         db.execute(\"INSERT INTO channel_pairing_allow_entries VALUES ('telegram', 'default', '2', 0, 0)\")"
    );
    if !sqlite(&machine, &script) {
        return;
    }
    assert!(machine.path(&format!("{STATE}-wal")).exists(), "the log is there");
    assert_eq!(entries(&machine), Ok(vec!["1".to_owned(), "2".to_owned()]));
}

#[test]
fn paired_senders_of_the_database_count() {
    let machine = Machine::with_config(&sample("good").replace("per-channel-peer", "main"));
    let script = format!(
        "{TABLE}db.executemany('INSERT INTO channel_pairing_allow_entries VALUES (?, ?, ?, 0, 0)', [('telegram', 'default', '1'), ('telegram', 'default', '2'), ('signal', 'default', '3')])"
    );
    if !sqlite(&machine, &script) {
        return;
    }
    let audit = machine.audit();
    let answer = worst(&audit, "L4.pairing");
    assert!(answer.status == Status::Warn && answer.message.starts_with("2 senders"), "{}", answer.message);
}

#[test]
fn last_gateway_that_opened_the_database_hints_at_the_version() {
    let machine = Machine::sample("good");
    let script = "db.execute('CREATE TABLE schema_meta (meta_key TEXT PRIMARY KEY, role TEXT, schema_version INTEGER, agent_id TEXT, app_version TEXT)')\n\
                  db.execute(\"INSERT INTO schema_meta VALUES ('state', 'state', 18, NULL, '2026.2.9')\")";
    if sqlite(&machine, script) {
        let audit = machine.audit();
        assert!(answers(&audit, "L4.version").iter().any(|answer| answer.message.starts_with("2026.2.9")));
    }
}

#[test]
fn broken_database_is_unknown_and_no_crash() {
    let machine = Machine::sample("good");
    let script = format!(
        "{TABLE}db.executemany('INSERT INTO channel_pairing_allow_entries VALUES (?, ?, ?, 0, 0)', [('a', 'b', str(n)) for n in range(500)])"
    );
    if !sqlite(&machine, &script) {
        return;
    }
    let whole = fs::read(machine.path(STATE)).expect("it is there");
    for at in (0..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        machine.write(STATE, &bytes);
        let _ = entries(&machine);
        machine.write(STATE, &whole[..at]);
        let _ = entries(&machine);
    }
    machine.write(STATE, "no database");
    let audit = machine.audit();
    assert!(answers(&audit, "L4.pairing").iter().any(|answer| answer.status == Status::Unknown));
}

#[test]
fn rows_that_share_their_bytes_take_no_more_memory_than_a_table_may() {
    let machine = Machine::sample("good");
    let script = format!(
        "db.execute('PRAGMA page_size=65536')\n{TABLE}\
         db.execute('INSERT INTO channel_pairing_allow_entries VALUES (?, ?, ?, 0, 0)', ('a', 'b', 'x' * 5000))"
    );
    if !sqlite(&machine, &script) {
        return;
    }
    let mut bytes = fs::read(machine.path(STATE)).expect("it is there");
    // The second page is the leaf with the row: its kind, the number of its rows, and where each is.
    let leaf = &mut bytes[65_536..];
    assert_eq!((leaf[0], &leaf[3..5]), (13, &[0, 1][..]));
    let (pointer, count) = ([leaf[8], leaf[9]], 30_000_u16);
    leaf[3..5].copy_from_slice(&count.to_be_bytes());
    leaf[8..8 + 2 * usize::from(count)].chunks_mut(2).for_each(|place| place.copy_from_slice(&pointer));
    machine.write(STATE, &bytes);
    assert!(entries(&machine).is_err());
}
