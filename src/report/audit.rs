//! Reports of the host audit: for people by layer, with what to do at the end; for programs as data. Texts that come
//! from the host are escaped here, and what looks like a secret is masked.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::audit::{Audit, Checked, Document, Evidence, Layer, Missing, Seen, Status};
use crate::finding::Severity;

use super::terminal::plural;
use super::{escape, mask};

pub mod json;
pub mod markdown;
pub mod sarif;

/// Most entries of the list of what to do.
const TO_DO: usize = 10;
/// Most places that are shown of one answer.
const PLACES: usize = 4;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The summary.
    Quiet,
    /// What is wrong or unknown, by layer, and the summary.
    Normal,
    /// Everything.
    Verbose,
}

/// One line of text from a host: escaped, secrets masked.
pub(crate) fn plain(text: &str) -> String {
    escape::line(&mask::secrets(text))
}

/// What to do about a check, in one sentence.
pub(crate) fn fix(checked: &Checked) -> String {
    let written = checked.answer.fix.clone();
    let usual = || Document::of(checked.id).map(|document| document.meta.fix).unwrap_or_default();
    plain(&written.unwrap_or_else(usual))
}

/// A place as people read it.
pub(crate) fn place(evidence: &Evidence) -> String {
    let mut shown = match &evidence.seen {
        Seen::Path(path) => path.display().to_string(),
        Seen::Socket(text) | Seen::Command(text) => text.clone(),
    };
    if let Some(line) = evidence.line {
        shown.push_str(&format!(":{line}"));
    }
    if let Some(key) = &evidence.key {
        shown.push_str(&format!(" {key}"));
    }
    if !evidence.note.is_empty() {
        shown.push_str(&format!(" ({})", evidence.note));
    }
    plain(&shown)
}

/// How many answers have each status, in the order in which they matter.
pub(crate) fn counts(audit: &Audit, layer: Option<Layer>) -> Vec<(Status, usize)> {
    let of = |status| audit.of(status).filter(|checked| layer.is_none_or(|layer| layer == checked.layer)).count();
    Status::ALL.into_iter().map(|status| (status, of(status))).filter(|(_, count)| *count > 0).collect()
}

fn style(status: Status, severity: Severity) -> Style {
    let color = match (status, severity) {
        (Status::Fail, _) | (_, Severity::Critical) => AnsiColor::Red,
        (Status::Warn, _) => AnsiColor::Yellow,
        (Status::Unknown, _) => AnsiColor::Magenta,
        (Status::Pass, _) => AnsiColor::Green,
        (Status::NotApplicable, _) => return Style::new().dimmed(),
    };
    Style::new().fg_color(Some(color.into())).bold()
}

/// Prints the report for people.
///
/// # Errors
/// If writing fails.
pub fn render(audit: &Audit, detail: Detail, width: usize, out: &mut dyn Write) -> io::Result<()> {
    head(audit, width, out)?;
    if detail > Detail::Quiet {
        for layer in Layer::ALL {
            by_layer(audit, layer, detail, width, out)?;
        }
    }
    to_do(audit, width, out)?;
    unchecked(audit, width, out)?;
    summary(audit, out)
}

fn head(audit: &Audit, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let subject = &audit.subject;
    let host = if subject.name.is_empty() { "this host" } else { &subject.name };
    let how = match (subject.is_live, subject.is_root) {
        (true, true) => "running, as root".to_owned(),
        (true, false) => "running, without root".to_owned(),
        (false, _) => format!("an image below {}", subject.root),
    };
    writeln!(out, "{}", escape::wrapped(&plain(&format!("{host}: {how}")), width))?;
    for (state, version) in &subject.installations {
        let version = version.as_deref().unwrap_or("of unknown version");
        writeln!(out, "{}", escape::wrapped(&plain(&format!("OpenClaw {version} in {state}")), width))?;
    }
    if subject.installations.is_empty() {
        writeln!(out, "no OpenClaw installation was found")?;
    }
    writeln!(out)
}

fn by_layer(audit: &Audit, layer: Layer, detail: Detail, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let counts = counts(audit, Some(layer));
    if counts.is_empty() {
        return Ok(());
    }
    let bold = Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}: {}", layer.name(), counted(&counts))?;
    for checked in audit.checks.iter().filter(|checked| checked.layer == layer) {
        let is_shown = match checked.answer.status {
            Status::Fail | Status::Warn => true,
            // What root, the network or a running host would answer has a list of its own.
            Status::Unknown => detail == Detail::Verbose || checked.answer.missing == Some(Missing::Other),
            Status::Pass | Status::NotApplicable => detail == Detail::Verbose,
        };
        if is_shown {
            answer(checked, detail, width, out)?;
        }
    }
    writeln!(out)
}

fn answer(checked: &Checked, detail: Detail, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let answer = &checked.answer;
    let style = style(answer.status, answer.severity);
    let severity = match answer.status {
        Status::Fail | Status::Warn => format!(" {}", answer.severity.name()),
        _ => String::new(),
    };
    let subject = plain(&answer.subject);
    writeln!(out, "  {style}{:<7}{style:#} {}{severity}  {subject}", answer.status.name(), checked.id)?;
    indented(&plain(&answer.message), 10, width, out)?;
    let shown = if detail == Detail::Verbose { usize::MAX } else { PLACES };
    for evidence in answer.evidence.iter().take(shown) {
        indented(&format!("at {}", place(evidence)), 10, width, out)?;
    }
    if answer.evidence.len() > shown {
        let more = answer.evidence.len() - shown;
        indented(&format!("and {more} more {}; see -v", plural(more, "place")), 10, width, out)?;
    }
    // What mends a problem stands in the list of what to do.
    match answer.command.as_deref().filter(|_| answer.status == Status::Unknown) {
        Some(command) => writeln!(out, "{:10}$ {}", "", plain(command)),
        None => Ok(()),
    }
}

fn indented(text: &str, columns: usize, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for line in escape::wrapped(text, width.saturating_sub(columns)).lines() {
        writeln!(out, "{:columns$}{line}", "")?;
    }
    Ok(())
}

/// What to do, the most serious first; what one step mends is listed once.
fn to_do(audit: &Audit, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let problems = audit.problems();
    if problems.is_empty() {
        return Ok(());
    }
    let bold = Style::new().bold();
    writeln!(out, "{bold}What to do, the most serious first{bold:#}")?;
    let mut steps: Vec<(String, Option<String>, Vec<&Checked>)> = Vec::new();
    for checked in problems {
        let step = (fix(checked), checked.answer.command.as_deref().map(plain));
        match steps.iter_mut().find(|(fix, command, _)| (fix, command) == (&step.0, &step.1)) {
            Some((.., all)) => all.push(checked),
            None => steps.push((step.0, step.1, vec![checked])),
        }
    }
    for (index, (fix, command, all)) in steps.iter().take(TO_DO).enumerate() {
        let Some(first) = all.first() else { continue };
        let style = style(first.answer.status, first.answer.severity);
        let mut ids: Vec<&str> = all.iter().map(|checked| checked.id.as_str()).collect();
        ids.dedup();
        let severity = first.answer.severity.name();
        writeln!(out, "{:>2}. {style}{severity}{style:#} {}", index + 1, ids.join(", "))?;
        indented(fix, 4, width, out)?;
        if let Some(command) = command {
            // Not wrapped: it is there to be copied.
            writeln!(out, "    $ {command}")?;
        }
    }
    if steps.len() > TO_DO {
        writeln!(out, "    and {} more; see above", steps.len() - TO_DO)?;
    }
    writeln!(out)
}

fn unchecked(audit: &Audit, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut found: Vec<&Checked> = audit.unchecked().collect();
    if found.is_empty() {
        return Ok(());
    }
    found.sort_by_key(|checked| checked.answer.missing.map(Missing::name));
    let bold = Style::new().bold();
    writeln!(out, "{bold}Not checked{bold:#}")?;
    for same in found.chunk_by(|one, other| {
        (one.answer.missing, &one.answer.command) == (other.answer.missing, &other.answer.command)
    }) {
        let Some(first) = same.first() else { continue };
        let why = match first.answer.missing {
            Some(Missing::Root) => "needs root",
            Some(Missing::Probe) => "asks the network",
            Some(Missing::Asked) => "only when asked for",
            _ => "needs the running host",
        };
        let mut ids: Vec<&str> = same.iter().map(|checked| checked.id.as_str()).collect();
        ids.dedup();
        indented(&format!("{why}: {}", ids.join(", ")), 4, width, out)?;
        if let Some(command) = &first.answer.command {
            writeln!(out, "    $ {}", plain(command))?;
        }
    }
    writeln!(out)
}

fn counted(counts: &[(Status, usize)]) -> String {
    let parts = counts.iter().map(|(status, count)| {
        let style = style(*status, Severity::Info);
        format!("{style}{count} {}{style:#}", status.name())
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn summary(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} {}: {}",
        audit.checks.len(),
        plural(audit.checks.len(), "answer"),
        counted(&counts(audit, None))
    )?;
    if !audit.data_date.is_empty() {
        writeln!(out, "advisories of {}", audit.data_date)?;
    }
    let advice = match audit.worst() {
        Some(Severity::Critical) => "Close what is critical before you do anything else on this host.",
        Some(_) => "`skillscan rules explain ID` says what a check is about.",
        None if audit.unknown().next().is_some() => "What is unknown was not looked at: do not take it for safe.",
        None => "Nothing that was looked at is wrong, which is not proof of safety.",
    };
    writeln!(out, "{advice}")
}
