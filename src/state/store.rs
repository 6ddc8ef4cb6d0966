//! The database: its tables, how it is read whole, and how a run is written in one transaction.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::disk::{Boxed, Disk};
use super::record::{Answer, Event, Run, Skill};
use super::{RUNS, SCHEMA, told};

/// Version and digest.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Runs by number.
const RUN: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("runs");
/// Skills by root, NUL and path.
const SKILL: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("skills");
/// Events by run and place in it.
const EVENT: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");
/// Answers of the audit by check, NUL and subject.
const AUDIT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("audit");

/// Bytes of the database that are held in memory.
const CACHE: usize = 16 * 1024 * 1024;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    Future(u64),
    Damaged(String),
    Io(String),
}

/// What earlier runs wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Runs by number.
    pub runs: BTreeMap<u64, Run>,
    /// Skills by root and path, those that are gone included.
    pub skills: BTreeMap<(String, String), Skill>,
    /// Events in the order in which they were told.
    pub events: Vec<Event>,
    /// The last answers of the audit, by check and subject.
    pub audit: BTreeMap<(String, String), Answer>,
}

impl History {
    /// The last run that looked at the same.
    pub fn last(&self, scope: &str) -> Option<&Run> {
        self.runs.values().rev().find(|run| run.scope == scope)
    }

    /// The number of the next run.
    pub fn next(&self) -> u64 {
        self.runs.keys().next_back().map_or(1, |last| last.saturating_add(1))
    }
}

/// What a run writes.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// The run.
    pub run: Run,
    /// Skills that differ from what is kept.
    pub skills: Vec<Skill>,
    /// What it told.
    pub events: Vec<Event>,
    /// All answers of the audit, if there was one.
    pub audit: Option<BTreeMap<(String, String), Answer>>,
}

fn failure(error: impl Into<redb::Error>) -> Failure {
    match error.into() {
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Failure::Damaged(error.to_string())
        }
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Failure::Damaged("ends too early".to_owned())
        }
        redb::Error::Io(error) => Failure::Io(told(&error)),
        redb::Error::PreviousIo => Failure::Io("an earlier step failed".to_owned()),
        other => Failure::Damaged(other.to_string()),
    }
}

fn open(file: &Path, disk: &mut dyn Disk) -> Result<Database, Failure> {
    let backend = disk.open(file).map_err(|error| Failure::Io(told(&error)))?;
    let mut builder = Database::builder();
    // Someone may have written the file who wants this program to stumble.
    builder.set_check_integrity_on_open(true).set_cache_size(CACHE);
    builder.create_with_backend(Boxed(backend)).map_err(failure)
}

/// The version of a file, found out without writing to it; none if that takes more.
fn peek(file: &Path, disk: &mut dyn Disk) -> Option<u64> {
    let backend = disk.open(file).ok()?;
    // Without the check that a damaged file needs: it may end in a panic.
    let version = panic::catch_unwind(AssertUnwindSafe(|| {
        let database = Database::builder().set_cache_size(CACHE).open_read_only_with_backend(Boxed(backend)).ok()?;
        let meta = database.begin_read().ok()?.open_table(META).ok()?;
        let bytes = meta.get("schema").ok()??.value().to_vec();
        bytes.try_into().ok().map(u64::from_le_bytes)
    }));
    version.ok().flatten()
}

/// Reads everything.
pub(super) fn load(file: &Path, disk: &mut dyn Disk) -> Result<History, Failure> {
    // What a later version wrote is not touched; opening it for good writes to it.
    if let Some(later) = peek(file, disk).filter(|schema| *schema > SCHEMA) {
        return Err(Failure::Future(later));
    }
    let database = open(file, disk)?;
    let history = read(&database)?;
    database.close().map_err(failure)?;
    Ok(history)
}

fn read(database: &Database) -> Result<History, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Err(Failure::Damaged("holds nothing".to_owned())),
        Err(error) => return Err(failure(error)),
    };
    let get = |key: &str| -> Result<Vec<u8>, Failure> {
        let value = meta.get(key).map_err(failure)?;
        Ok(value.map(|value| value.value().to_vec()).unwrap_or_default())
    };
    let schema = <[u8; 8]>::try_from(get("schema")?).map(u64::from_le_bytes);
    match schema.map_err(|_| Failure::Damaged("has no version".to_owned()))? {
        SCHEMA => {}
        later if later > SCHEMA => return Err(Failure::Future(later)),
        other => return Err(Failure::Damaged(format!("is of schema {other}, which never was"))),
    }
    let runs = transaction.open_table(RUN).map_err(failure)?;
    let skills = transaction.open_table(SKILL).map_err(failure)?;
    let events = transaction.open_table(EVENT).map_err(failure)?;
    let audit = transaction.open_table(AUDIT).map_err(failure)?;
    if digest(&runs, &skills, &events, &audit)? != get("digest")? {
        return Err(Failure::Damaged("was changed by something else than skillscan".to_owned()));
    }
    let mut history = History::default();
    for entry in runs.iter().map_err(failure)? {
        let run: Run = parsed(entry.map_err(failure)?.1.value())?;
        history.runs.insert(run.number, run);
    }
    for entry in skills.iter().map_err(failure)? {
        let skill: Skill = parsed(entry.map_err(failure)?.1.value())?;
        history.skills.insert(skill.key(), skill);
    }
    for entry in events.iter().map_err(failure)? {
        history.events.push(parsed(entry.map_err(failure)?.1.value())?);
    }
    for entry in audit.iter().map_err(failure)? {
        let answer: Answer = parsed(entry.map_err(failure)?.1.value())?;
        history.audit.insert((answer.check.clone(), answer.subject.clone()), answer);
    }
    Ok(history)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Damaged(format!("holds a record that is none: {error}")))
}

fn written(record: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(record).map_err(|error| Failure::Damaged(error.to_string()))
}

/// SHA-256 over all records in order.
fn digest(
    runs: &impl ReadableTable<u64, &'static [u8]>,
    skills: &impl ReadableTable<&'static str, &'static [u8]>,
    events: &impl ReadableTable<(u64, u64), &'static [u8]>,
    audit: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<u8>, Failure> {
    let mut hasher = Sha256::new();
    let mut add = |key: &[u8], value: &[u8]| {
        for part in [key, value] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    };
    for entry in runs.iter().map_err(failure)? {
        let (key, value) = entry.map_err(failure)?;
        add(format!("run {}", key.value()).as_bytes(), value.value());
    }
    for entry in skills.iter().map_err(failure)? {
        let (key, value) = entry.map_err(failure)?;
        add(format!("skill {}", key.value()).as_bytes(), value.value());
    }
    for entry in events.iter().map_err(failure)? {
        let (key, value) = entry.map_err(failure)?;
        add(format!("event {:?}", key.value()).as_bytes(), value.value());
    }
    for entry in audit.iter().map_err(failure)? {
        let (key, value) = entry.map_err(failure)?;
        add(format!("audit {}", key.value()).as_bytes(), value.value());
    }
    Ok(hasher.finalize().to_vec())
}

/// Writes a run in one transaction.
pub(super) fn commit(file: &Path, update: &Update, disk: &mut dyn Disk) -> Result<(), Failure> {
    let database = open(file, disk)?;
    let mut transaction = database.begin_write().map_err(failure)?;
    // The old state stays until the new one is on the disk, whatever lies in the file.
    transaction.set_two_phase_commit(true);
    {
        let mut meta = transaction.open_table(META).map_err(failure)?;
        let mut runs = transaction.open_table(RUN).map_err(failure)?;
        let mut skills = transaction.open_table(SKILL).map_err(failure)?;
        let mut events = transaction.open_table(EVENT).map_err(failure)?;
        let mut audit = transaction.open_table(AUDIT).map_err(failure)?;
        let number = update.run.number;
        runs.insert(number, &*written(&update.run)?).map_err(failure)?;
        for skill in &update.skills {
            skills.insert(&*key(&skill.root, &skill.path), &*written(skill)?).map_err(failure)?;
        }
        for (index, event) in update.events.iter().enumerate() {
            events.insert((number, index as u64), &*written(event)?).map_err(failure)?;
        }
        if let Some(answers) = &update.audit {
            audit.retain(|_, _| false).map_err(failure)?;
            for answer in answers.values() {
                audit.insert(&*key(&answer.check, &answer.subject), &*written(answer)?).map_err(failure)?;
            }
        }
        // What is older than the oldest run that is kept goes with it.
        let oldest = number.saturating_sub(RUNS) + 1;
        runs.retain_in(..oldest, |_, _| false).map_err(failure)?;
        events.retain_in(..(oldest, 0), |_, _| false).map_err(failure)?;
        let is_long_gone =
            |bytes: &[u8]| parsed::<Skill>(bytes).is_ok_and(|skill| skill.removed.is_some_and(|run| run < oldest));
        if oldest > 1 {
            skills.retain(|_, bytes| !is_long_gone(bytes)).map_err(failure)?;
        }
        let digest = digest(&runs, &skills, &events, &audit)?;
        meta.insert("schema", &SCHEMA.to_le_bytes()[..]).map_err(failure)?;
        meta.insert("digest", &*digest).map_err(failure)?;
    }
    transaction.commit().map_err(failure)?;
    database.close().map_err(failure)
}

fn key(one: &str, other: &str) -> String {
    format!("{one}\0{other}")
}
