//! The audit as data: schema 1, in one document or one answer a line.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::audit::{Audit, Checked, Evidence, Seen};
use crate::report::json::{SCHEMA, ascii};
use crate::report::mask;

use super::{counts, fix};

/// One answer.
pub(super) fn checked(checked: &Checked) -> Value {
    let answer = &checked.answer;
    let mut value = json!({
        "id": checked.id,
        "layer": checked.layer,
        "status": answer.status.name(),
        "severity": answer.severity.name(),
        "subject": mask::secrets(&answer.subject),
        "evidence": answer.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "obtained": answer.obtained,
        "message": mask::secrets(&answer.message),
        "fix": fix(checked),
        "command": answer.command.as_deref().map(mask::secrets),
    });
    if let Some(missing) = answer.missing {
        value["missing"] = json!(missing.name());
    }
    value
}

fn evidence(evidence: &Evidence) -> Value {
    let mut value = json!({});
    match &evidence.seen {
        Seen::Path(path) => value["path"] = json!(path.display().to_string()),
        Seen::Socket(text) => value["socket"] = json!(text),
        Seen::Command(text) => value["command"] = json!(mask::secrets(text)),
    }
    if let Some(key) = &evidence.key {
        value["key"] = json!(mask::secrets(key));
    }
    if let Some(line) = evidence.line {
        value["line"] = json!(line);
    }
    if !evidence.note.is_empty() {
        value["note"] = json!(mask::secrets(&evidence.note));
    }
    value
}

/// What was looked at.
pub(super) fn host(audit: &Audit) -> Value {
    let subject = &audit.subject;
    let installations = subject.installations.iter();
    let installations: Vec<Value> =
        installations.map(|(state, version)| json!({"state": state, "version": version})).collect();
    json!({
        "name": subject.name,
        "root": subject.root,
        "live": subject.is_live,
        "privileged": subject.is_root,
        "users": subject.users,
        "installations": installations,
    })
}

/// Writes one document.
///
/// # Errors
/// If writing fails.
pub fn document(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let summary: serde_json::Map<String, Value> =
        counts(audit, None).into_iter().map(|(status, count)| (status.name().to_owned(), json!(count))).collect();
    let value = json!({
        "schema": SCHEMA,
        "tool": {"name": "skillscan", "version": env!("CARGO_PKG_VERSION")},
        "data_date": audit.data_date,
        "hosts": [host(audit)],
        "summary": summary,
        "checks": audit.checks.iter().map(checked).collect::<Vec<_>>(),
    });
    writeln!(out, "{}", ascii(&serde_json::to_string_pretty(&value)?))
}

/// Writes one answer a line.
///
/// # Errors
/// If writing fails.
pub fn lines(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    for answer in &audit.checks {
        let mut value = checked(answer);
        value["schema"] = json!(SCHEMA);
        writeln!(out, "{}", ascii(&serde_json::to_string(&value)?))?;
    }
    Ok(())
}
