//! What a nightly run tells: for people, as data, as Markdown, and as the message that is sent. The worst stands last
//! on a terminal, where the eye is, and first in a message, which may be cut.

use std::io::{self, Write};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::audit::markdown::cell;
use super::terminal::plural;
use super::{escape, json as printed};
use crate::nightly::{Night, Standing, Turned};
use crate::notify::Message;
use crate::policy::Verdict;
use crate::state::{Answer, Event, Run};

/// Columns before the text of an entry.
const INDENT: usize = 12;

/// One thing that happened, as it is shown: escaped.
struct Entry {
    verdict: Option<Verdict>,
    word: String,
    /// Which skill or check.
    place: String,
    /// What happened to it.
    what: String,
    lines: Vec<String>,
}

impl Entry {
    fn of(event: &Event) -> Self {
        let mut lines = Vec::new();
        if let (Some(was), Some(is)) = &event.verdicts
            && was != is
        {
            lines.push(format!("{was} -> {is}"));
        }
        let files = event.files.told();
        lines.extend((!files.is_empty()).then(|| escape::line(&format!("files: {files}"))));
        lines.extend(event.lines.iter().cloned());
        let is_there = event.verdicts.1.is_some();
        let verdict = event.verdict();
        Self {
            verdict: is_there.then_some(verdict),
            word: if is_there { verdict.name().to_owned() } else { "gone".to_owned() },
            place: escape::line(&event.place()),
            what: escape::line(&event.what),
            lines,
        }
    }

    fn of_check(turned: &Turned) -> Self {
        let Answer { check, subject, status, message, .. } = &turned.answer;
        let before = turned.before.as_deref().unwrap_or("not seen before");
        let place = escape::line(&format!("{check} ({subject})"));
        if turned.is_gone {
            let what = escape::line(&format!("was {before}, and is not there any more"));
            return Self { verdict: None, word: "gone".to_owned(), place, what, lines: Vec::new() };
        }
        let what = escape::line(&match &turned.before {
            Some(_) => format!("{message} (was {before})"),
            None => message.clone(),
        });
        let verdict = if status == "fail" { Some(Verdict::Warn) } else { None };
        Self { verdict, word: status.clone(), place, what, lines: Vec::new() }
    }
}

fn entries(night: &Night) -> Vec<Entry> {
    let events = night.events.iter().map(Entry::of);
    let mut entries: Vec<Entry> = events.chain(night.turned.iter().map(Entry::of_check)).collect();
    entries.sort_by_key(|entry| entry.verdict);
    entries
}

/// `2026-11-28 03:30 UTC` of a time as it is kept.
pub fn when(at: &str) -> String {
    let minute = at.get(..16).unwrap_or(at).replace('T', " ");
    format!("{} UTC", escape::line(&minute))
}

/// How many skills there are, and of which verdict, the worst first.
pub fn counts(run: &Run) -> String {
    let order = [Verdict::Malicious, Verdict::Warn, Verdict::Incomplete, Verdict::Review, Verdict::Pass];
    let counted = order.iter().filter_map(|verdict| Some((verdict.name(), *run.verdicts.get(verdict.name())?)));
    let parts: Vec<String> = counted.map(|(name, count)| format!("{count} {name}")).collect();
    let skills = format!("{} {}", run.skills, plural(run.skills, "skill"));
    if parts.is_empty() { skills } else { format!("{skills}: {}", parts.join(", ")) }
}

fn headline(night: &Night) -> String {
    let run = &night.run;
    if run.number == 0 {
        return format!("Run of {}: without history", when(&run.at));
    }
    let compared = match &night.last {
        Some((number, at)) => format!("compared with run {number} of {}", when(at)),
        None => "history starts here".to_owned(),
    };
    format!("Run {} of {}: {compared}", run.number, when(&run.at))
}

fn summary(night: &Night) -> String {
    let mut line = counts(&night.run);
    if night.last.is_some() {
        let changed = night.events.len();
        line.push_str(&format!("; {changed} {} to tell", plural(changed, "change")));
    }
    line
}

/// Writes what happened, for people.
///
/// # Errors
/// If writing fails.
pub fn text(night: &Night, width: usize, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", escape::wrapped(&headline(night), width))?;
    for note in &night.notes {
        writeln!(out, "{}", escape::wrapped(&format!("note: {}", escape::line(note)), width))?;
    }
    writeln!(out)?;
    let entries = entries(night);
    for entry in &entries {
        let style = entry.verdict.map(super::terminal::style).unwrap_or_default();
        let whole = format!("{}: {}", entry.place, entry.what);
        // What does not fit beside the path stands below it.
        let fits = whole.width() + INDENT <= width;
        let (head, below) = if fits { (&whole, None) } else { (&entry.place, Some(&entry.what)) };
        writeln!(out, "{style}{:>10}{style:#}  {}", entry.word, indented(head, width).trim_start())?;
        for line in below.into_iter().chain(&entry.lines) {
            writeln!(out, "{}", indented(line, width))?;
        }
    }
    if !entries.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(night))
}

/// A line moved to the right; what does not fit in it goes below, further to the right.
fn indented(line: &str, width: usize) -> String {
    let wrapped = escape::wrapped(line, width.saturating_sub(INDENT + 2));
    let lines = wrapped.lines().enumerate();
    let moved = lines.map(|(index, line)| format!("{:1$}{line}", "", if index == 0 { INDENT } else { INDENT + 2 }));
    moved.collect::<Vec<_>>().join("\n")
}

/// A line for each skill that was told of before and is still flagged.
pub fn standing(standing: &Standing) -> String {
    let Standing { place, verdict, since, rules } = standing;
    let because = if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) };
    let (run, at) = since;
    escape::line(&format!("still {}: {place}{because}, since run {run} of {}", verdict.name(), when(at)))
}

/// The same for a check.
pub fn failing(answer: &Answer) -> String {
    escape::line(&format!("still failing: {} ({}): {}", answer.check, answer.subject, answer.message))
}

fn event(event: &Event) -> Value {
    json!({
        "kind": event.kind, "root": event.root, "path": event.path, "name": event.name, "what": event.what,
        "version": {"before": event.versions.0, "after": event.versions.1},
        "verdict": {"before": event.verdicts.0, "after": event.verdicts.1},
        "files": event.files, "lines": event.lines,
    })
}

/// An event as it stands in the history.
pub fn past(past: &Event) -> Value {
    let mut value = event(past);
    value["run"] = json!(past.run);
    value["at"] = json!(past.at);
    value
}

fn turned(turned: &Turned) -> Value {
    let mut value = json!(turned.answer);
    value["before"] = json!(turned.before);
    value["gone"] = json!(turned.is_gone);
    value
}

/// A run as it stands in machine-readable output.
pub fn run(run: &Run) -> Value {
    json!({
        "number": run.number, "at": run.at, "roots": run.roots, "skills": run.skills, "verdicts": run.verdicts,
        "events": run.events, "exit": run.exit, "undelivered": run.undelivered,
    })
}

/// The whole run as one value; `skills` is the list of all, if it is asked for.
pub fn value(night: &Night, skills: Option<Vec<Value>>) -> Value {
    let standing = night.standing.iter().map(|one| {
        json!({"place": one.place, "verdict": one.verdict, "since_run": one.since.0, "since": one.since.1,
            "rules": one.rules})
    });
    let mut value = json!({
        "schema": printed::SCHEMA,
        "tool": {"name": "skillscan", "version": env!("CARGO_PKG_VERSION")},
        "run": run(&night.run),
        "compared_with": night.last.as_ref().map(|(number, at)| json!({"number": number, "at": at})),
        "events": night.events.iter().map(event).collect::<Vec<_>>(),
        "audit": night.turned.iter().map(turned).collect::<Vec<_>>(),
        "standing": standing.collect::<Vec<_>>(),
        "failing": night.failing,
        "notes": night.notes,
    });
    if let Some(skills) = skills {
        value["skills"] = json!(skills);
    }
    value
}

/// Writes one document.
///
/// # Errors
/// If writing fails.
pub fn document(night: &Night, skills: Option<Vec<Value>>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", printed::ascii(&serde_json::to_string_pretty(&value(night, skills))?))
}

/// Writes one object a line: what happened, each with the run.
///
/// # Errors
/// If writing fails.
pub fn lines(night: &Night, skills: Option<Vec<Value>>, out: &mut dyn Write) -> io::Result<()> {
    let told = |kind: &str, mut value: Value| {
        value["schema"] = json!(printed::SCHEMA);
        value["type"] = json!(kind);
        value["run"] = json!(night.run.number);
        value["at"] = json!(night.run.at);
        value
    };
    let events = night.events.iter().map(|one| told("event", event(one)));
    let checks = night.turned.iter().map(|one| told("audit", turned(one)));
    let skills = skills.into_iter().flatten().map(|one| told("skill", one));
    for value in events.chain(checks).chain(skills) {
        writeln!(out, "{}", printed::ascii(&value.to_string()))?;
    }
    Ok(())
}

/// Writes what happened as Markdown, in which nothing of a package is markup.
///
/// # Errors
/// If writing fails.
pub fn markdown(night: &Night, skills: Option<Vec<Value>>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}\n\n{}\n", cell(&headline(night)), cell(&summary(night)))?;
    for note in &night.notes {
        writeln!(out, "- {}", cell(note))?;
    }
    for entry in entries(night).iter().rev() {
        writeln!(out, "## {}: {}\n", entry.word, cell(&entry.place))?;
        for line in std::iter::once(&entry.what).chain(&entry.lines) {
            writeln!(out, "- {}", cell(line))?;
        }
        writeln!(out)?;
    }
    let Some(skills) = skills else { return Ok(()) };
    writeln!(out, "| verdict | skill | version |\n|---------|-------|---------|")?;
    for skill in skills {
        let text = |key: &str| cell(skill.get(key).and_then(Value::as_str).unwrap_or(""));
        writeln!(out, "| {} | {} | {} |", text("verdict"), text("place"), text("version"))?;
    }
    Ok(())
}

/// The message that is sent: the worst first. Its texts are escaped and defanged; each channel escapes its own mark-up.
pub fn message(night: &Night, host: &str) -> Message {
    let changes = night.events.len() + night.turned.len();
    let worst = night.worst().filter(|worst| *worst >= Verdict::Incomplete);
    let worst = worst.map(|worst| format!(", worst {}", worst.name())).unwrap_or_default();
    let title = match &night.last {
        None => format!("skillscan on {host}: {}", counts(&night.run)),
        Some(_) => format!("skillscan on {host}: {changes} {}{worst}", plural(changes, "change")),
    };
    let mut entries: Vec<Vec<String>> = Vec::new();
    entries.extend(night.notes.iter().map(|note| vec![escape::line(note)]));
    entries.extend(entries_of(night));
    let defanged = |lines: Vec<String>| lines.iter().map(|line| escape::defanged_hosts(line)).collect();
    Message {
        title: escape::line(&title),
        about: vec![headline(night), summary(night)],
        entries: entries.into_iter().map(defanged).collect(),
        value: value(night, None),
    }
}

/// The message about a run that failed.
pub fn failed(why: &str, host: &str) -> Message {
    let why = escape::line(&super::mask::secrets(why));
    Message {
        title: escape::line(&format!("skillscan on {host}: the run failed")),
        about: vec!["Nothing was compared or remembered.".to_owned()],
        entries: vec![vec![escape::defanged_hosts(&why)]],
        value: json!({"schema": printed::SCHEMA, "error": why}),
    }
}

fn entries_of(night: &Night) -> impl Iterator<Item = Vec<String>> {
    entries(night).into_iter().rev().map(|entry| {
        let head = format!("{}  {}: {}", entry.word, entry.place, entry.what);
        std::iter::once(head).chain(entry.lines.iter().map(|line| format!("    {line}"))).collect()
    })
}
