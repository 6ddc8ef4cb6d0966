//! How a comparison with records is shown: as JSON, in every report, and as
//! text for `skillscan verify`.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::escape;
use super::terminal::plural;
use crate::verify::{Change, Integrity, Outcome, Part, Source, Status};

/// Inert entries that are listed of one skill, unless all are asked for.
const LISTED: usize = 5;

/// The comparison as it stands in the machine-readable report.
pub fn value(integrity: &Integrity) -> Value {
    let mut value = json!({ "status": integrity.status });
    let mut add = |key: &str, of: Value| value[key] = of;
    if let Some(key) = &integrity.key {
        add("key", json!(key));
    }
    if let Some(version) = &integrity.version {
        add("version", json!(version));
    }
    if let Some(strength) = integrity.strength() {
        add("strength", json!(strength));
    }
    if !integrity.records.is_empty() {
        add("records", json!(integrity.records));
    }
    if !integrity.checks.is_empty() {
        add("checks", integrity.checks.iter().map(check).collect());
    }
    if !integrity.differences.is_empty() {
        add("differences", json!(integrity.differences));
    }
    if !integrity.problems.is_empty() {
        add("problems", json!(integrity.problems));
    }
    if !integrity.unread.is_empty() {
        add("unread", json!(integrity.unread));
    }
    value
}

fn check(check: &crate::verify::Check) -> Value {
    let (outcome, why) = match &check.outcome {
        Outcome::Same => ("same", None),
        Outcome::Different => ("different", None),
        Outcome::Unknown(why) => ("unknown", Some(why)),
    };
    let mut value = json!({"hash": check.kind, "source": check.source, "record": check.record, "outcome": outcome});
    if let Some(expected) = check.expected {
        value["expected"] = json!(expected.to_string());
    }
    if let Some(why) = why {
        value["why"] = json!(why);
    }
    value
}

/// One compared skill, for people.
pub struct Shown<'a> {
    /// Its path, as the user would write it.
    pub path: String,
    /// What it came to.
    pub integrity: &'a Integrity,
    /// What hides it from the agent, if anything does.
    pub shadowed_by: Option<String>,
}

fn style(status: Status) -> Style {
    let colour = match status {
        Status::Matches => AnsiColor::Green,
        Status::NoRecord | Status::Unknown | Status::BadRecord => AnsiColor::Magenta,
        Status::Unattested | Status::Conflict | Status::Missing => AnsiColor::Yellow,
        Status::Modified => AnsiColor::Red,
    };
    colour.on_default().bold()
}

/// What a status means for whoever reads it.
fn meaning(integrity: &Integrity) -> String {
    let words = match (integrity.status, integrity.strength()) {
        (Status::Matches, Some(Source::Skill)) => {
            "as the record inside the skill says, which whoever changes it can change"
        }
        (Status::Matches, Some(Source::Lock)) => "as the lock file says",
        (Status::Matches, Some(Source::SkillsLock)) => {
            "as the lock file of skills.sh says, whose hash shows drift and proves little"
        }
        (Status::Matches, Some(Source::Pin)) => "as it was pinned",
        (Status::Matches, Some(Source::Registry)) => "as the registry lists it",
        (Status::Matches, None) => "",
        (Status::NoRecord, _) => "no record speaks about it; `--pin` makes one",
        (Status::Unknown, _) if !integrity.unread.is_empty() => "it could not be read whole",
        (Status::Unknown, _) => "its records hold no hash to compare with; `--pin` makes one",
        (Status::BadRecord, _) => "its record is malformed",
        (Status::Unattested, _) => "its records do not cover all that could do harm in it",
        (Status::Conflict, _) => "its records contradict each other",
        (Status::Missing, _) => "its record names it, and it is not there",
        (Status::Modified, _) if integrity.differences.iter().all(|d| d.change == Change::Unattested) => {
            "its files are not those of its record; which of them, the record does not say"
        }
        (Status::Modified, _) => "its files are not those of its record",
    };
    words.to_owned()
}

/// Writes one skill: a line, and below it what differs and what is wrong.
///
/// # Errors
/// If writing fails.
pub fn text(shown: &Shown<'_>, is_verbose: bool, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let integrity = shown.integrity;
    let style = style(integrity.status);
    let name = integrity.status.name();
    let version = integrity.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let line = escape::line(&format!("{}{version}", shown.path));
    writeln!(out, "{style}{name:>10}{style:#}  {}", escape::fitted(&line, width.saturating_sub(12)))?;
    let mut notes: Vec<String> = Some(meaning(integrity)).filter(|words| !words.is_empty()).into_iter().collect();
    let (inert, rest): (Vec<_>, Vec<_>) =
        integrity.differences.iter().partition(|d| d.change == Change::Unattested && d.part == Part::Inert);
    notes.extend(rest.iter().map(|d| format!("{}: {} ({})", d.change.name(), d.path, d.part.name())));
    let listed = if is_verbose { inert.len() } else { LISTED };
    notes.extend(inert.iter().take(listed).map(|d| format!("{}: {}", d.change.name(), d.path)));
    if inert.len() > listed {
        let more = inert.len() - listed;
        notes.push(format!("and {more} more {} that no record covers", plural(more, "file")));
    }
    notes.extend(integrity.problems.iter().map(|problem| format!("{} {}", problem.record, problem.text)));
    notes.extend(integrity.unread.iter().map(|unread| format!("not read: {unread}")));
    notes.extend(shown.shadowed_by.iter().map(|by| format!("hidden from the agent by {by}")));
    for check in &integrity.checks {
        if let Outcome::Unknown(why) = &check.outcome {
            notes.push(format!("not compared with {}: {why}", check.record));
        }
    }
    for note in notes {
        for line in escape::wrapped(&escape::line(&note), width.saturating_sub(12)).lines() {
            writeln!(out, "            {line}")?;
        }
    }
    Ok(())
}
