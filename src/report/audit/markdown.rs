//! The audit as Markdown, to paste into a ticket. Text from the host cannot become markup.

use std::io::{self, Write};

use crate::audit::{Audit, Checked, Layer};

use super::{counts, fix, place, plain};

/// Writes the report.
///
/// # Errors
/// If writing fails.
pub fn document(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let subject = &audit.subject;
    let name = if subject.name.is_empty() { "this host" } else { &subject.name };
    writeln!(out, "# Audit of {}\n", cell(name))?;
    let how = if subject.is_live { "running" } else { "an image" };
    let root = if subject.is_root { "as root" } else { "without root" };
    writeln!(out, "{how}, looked at {root}; advisories of {}\n", cell(&audit.data_date))?;
    for (state, version) in &subject.installations {
        writeln!(out, "- OpenClaw {} in {}", cell(version.as_deref().unwrap_or("of unknown version")), cell(state))?;
    }
    for layer in Layer::ALL {
        let answers: Vec<&Checked> = audit.checks.iter().filter(|checked| checked.layer == layer).collect();
        if answers.is_empty() {
            continue;
        }
        let counted: Vec<String> =
            counts(audit, Some(layer)).iter().map(|(status, count)| format!("{count} {}", status.name())).collect();
        writeln!(out, "\n## {}: {}\n", layer.name(), counted.join(", "))?;
        writeln!(out, "| status | severity | check | subject | what was seen | where | what to do |")?;
        writeln!(out, "|--------|----------|-------|---------|---------------|-------|------------|")?;
        for checked in answers {
            row(checked, out)?;
        }
    }
    Ok(())
}

fn row(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let answer = &checked.answer;
    let places: Vec<String> = answer.evidence.iter().map(|evidence| cell(&place(evidence))).collect();
    let is_wrong = matches!(answer.status, crate::audit::Status::Fail | crate::audit::Status::Warn);
    let mut to_do = if is_wrong { cell(&fix(checked)) } else { String::new() };
    if let Some(command) = answer.command.as_deref().filter(|_| is_wrong || answer.missing.is_some()) {
        to_do.push_str(if to_do.is_empty() { "" } else { ": " });
        to_do.push_str(&cell(command));
    }
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {to_do} |",
        answer.status.name(),
        answer.severity.name(),
        checked.id,
        cell(&answer.subject),
        cell(&answer.message),
        places.join("; ")
    )
}

/// Text that means nothing to Markdown, on one line.
pub(crate) fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // A bare address becomes a link in many readers.
            ':' => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
    out
}
