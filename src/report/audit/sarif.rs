//! The audit as SARIF 2.1.0, for programs that collect findings. A pass is a result of kind `pass`.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::audit::{Audit, Checked, Document, Evidence, Seen, Status};
use crate::finding::Severity;
use crate::report::json::ascii;

use super::{fix, place, plain};

/// Writes one log with one run.
///
/// # Errors
/// If writing fails.
pub fn document(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let documents = Document::all().map_err(io::Error::other)?;
    let rules: Vec<Value> = documents.iter().map(rule).collect();
    let results: Vec<Value> = audit.checks.iter().map(result).collect();
    let value = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "skillscan", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "results": results,
            "columnKind": "unicodeCodePoints",
        }],
    });
    writeln!(out, "{}", ascii(&serde_json::to_string_pretty(&value)?))
}

fn rule(document: &Document) -> Value {
    json!({
        "id": format!("skillscan/{}", document.id),
        "shortDescription": {"text": document.meta.title},
        "help": {"text": document.doc, "markdown": document.doc},
        "defaultConfiguration": {"level": level(document.meta.severity)},
        "properties": {"tags": ["security", document.meta.layer.name()]},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn result(checked: &Checked) -> Value {
    let answer = &checked.answer;
    let kind = match answer.status {
        Status::Fail | Status::Warn => "fail",
        Status::Unknown => "open",
        Status::Pass => "pass",
        Status::NotApplicable => "notApplicable",
    };
    // The format allows a level beside "none" for failures only.
    let level = if kind == "fail" { level(answer.severity) } else { "none" };
    let mut text = format!("{}: {}", plain(&answer.subject), plain(&answer.message));
    if kind == "fail" {
        text.push_str(&format!(". {}", fix(checked)));
    }
    json!({
        "ruleId": format!("skillscan/{}", checked.id),
        "kind": kind,
        "level": level,
        "message": {"text": text},
        "locations": answer.evidence.iter().map(location).collect::<Vec<_>>(),
        "partialFingerprints": {"skillscan/v1": format!("{}:{}", checked.id, plain(&answer.subject))},
        "properties": {"severity": answer.severity.name(), "status": answer.status.name()},
    })
}

fn location(evidence: &Evidence) -> Value {
    let mut value = json!({"message": {"text": place(evidence)}});
    if let Seen::Path(path) = &evidence.seen {
        value["physicalLocation"] = json!({"artifactLocation": {"uri": uri(path)}});
        if let Some(line) = evidence.line {
            value["physicalLocation"]["region"] = json!({"startLine": line});
        }
    }
    value
}

fn uri(path: &Path) -> String {
    url::Url::from_file_path(path).map_or_else(|()| plain(&path.display().to_string()), String::from)
}
