//! What the gate came to, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Candidate, Decision, Settings, Weight};
use crate::Verdict;
use crate::report::{PackageReport, escape, json as report_json};

/// Version of the schema of the document.
const SCHEMA: u32 = 1;

/// What the gate came to, before anything is written.
pub struct Outcome<'a> {
    /// What was vetted.
    pub candidate: &'a Candidate,
    /// The registry's address and what chose it; escaped.
    pub registry: Option<(&'a str, &'a str)>,
    /// What the scans of it came to.
    pub reports: &'a [PackageReport],
    /// What becomes of it.
    pub decision: Decision,
    /// What the user lets through.
    pub settings: Settings,
}

/// What was written in the end.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Where the skill is now, if it was installed; not escaped.
    pub path: Option<String>,
    /// Why it was not, though it was admitted; escaped.
    pub problem: Option<String>,
    /// Where what an installer wrote otherwise is kept; not escaped.
    pub quarantine: Option<String>,
}

fn weight_name(weight: Weight) -> &'static str {
    match weight {
        Weight::Note => "note",
        Weight::Counts(verdict) => verdict.name(),
        Weight::Refused => "refused",
        Weight::Missing => "missing",
    }
}

/// Milliseconds since 1970 as a day.
fn day(milliseconds: u64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

impl Outcome<'_> {
    /// Why it is stopped, in a few words; none if it is admitted.
    fn stopped_by(&self) -> &'static str {
        if self.decision.is_missing {
            return "there is nothing to look at";
        }
        if self.candidate.reasons.iter().any(|reason| reason.weight == Weight::Refused) {
            return "what cannot be vouched for is not installed, whatever is allowed";
        }
        match self.decision.verdict {
            Verdict::Malicious => "nothing allows what is malicious",
            Verdict::Warn => "--allow warn lets it pass once you have read it",
            Verdict::Incomplete => "--allow incomplete lets it pass as it is",
            Verdict::Review | Verdict::Pass => "--fail-on review stops what is worth reading",
        }
    }

    /// Writes what was vetted and what the registry says, above the report of the scan.
    ///
    /// # Errors
    /// If writing fails.
    pub fn head(&self, width: usize, out: &mut dyn Write) -> io::Result<()> {
        if let Some((address, from)) = self.registry {
            writeln!(out, "registry  {address} ({from})")?;
        }
        if let Some(identity) = &self.candidate.identity {
            let published =
                identity.created_at.and_then(day).map(|day| format!(", published {day}")).unwrap_or_default();
            let owner = identity.name.owner.as_deref().map(|owner| format!("@{owner}/")).unwrap_or_default();
            let text = format!("{owner}{} {}{published}", identity.name.slug, identity.version);
            writeln!(out, "skill     {}", escape::line(&text))?;
        }
        for reason in &self.candidate.reasons {
            let text = format!("{}: {}", weight_name(reason.weight), escape::defanged(&escape::line(&reason.text)));
            let mut lead = "checked   ";
            for line in escape::wrapped(&text, width.saturating_sub(lead.len())).lines() {
                writeln!(out, "{lead}{line}")?;
                lead = "          ";
            }
        }
        writeln!(out)
    }

    /// Writes what becomes of it.
    ///
    /// # Errors
    /// If writing fails.
    pub fn foot(&self, out: &mut dyn Write) -> io::Result<()> {
        let shown = escape::line(&self.candidate.shown);
        let verdict = self.decision.verdict.name();
        if self.decision.is_admitted {
            writeln!(out, "admitted: {shown} ({verdict})")
        } else if self.decision.is_missing {
            writeln!(out, "stopped: {shown}: {}", self.stopped_by())
        } else {
            writeln!(out, "stopped: {shown} ({verdict}); {}", self.stopped_by())
        }
    }

    /// The whole as one JSON document.
    pub fn document(&self, written: &Written, difference: Option<Value>) -> Value {
        let identity = self.candidate.identity.as_ref();
        let reasons = self.candidate.reasons.iter();
        let reasons: Vec<Value> = reasons
            .map(|reason| json!({"weight": weight_name(reason.weight), "code": reason.code, "text": reason.text}))
            .collect();
        let mut allowed = Vec::new();
        allowed.extend(self.settings.allow_warn.then_some("warn"));
        allowed.extend(self.settings.allow_incomplete.then_some("incomplete"));
        let files = self.candidate.contents.hashes();
        let files: Vec<Value> = files
            .iter()
            .map(|file| json!({"path": file.path, "size": file.size, "sha256": file.sha256.to_string()}))
            .collect();
        json!({
            "schema": SCHEMA,
            "tool": {"name": "skillscan", "version": env!("CARGO_PKG_VERSION")},
            "reference": self.candidate.shown,
            "registry": self.registry.map(|(address, from)| json!({"url": address, "from": from})),
            "owner": identity.and_then(|identity| identity.name.owner.clone()),
            "slug": identity.map(|identity| identity.name.slug.clone()),
            "version": identity.map(|identity| identity.version.clone()),
            "published_at": identity.and_then(|identity| identity.created_at),
            "decision": if self.decision.is_admitted { "admit" } else { "stop" },
            "verdict": if self.decision.is_missing { Value::Null } else { json!(self.decision.verdict.name()) },
            "allowed": allowed,
            "reasons": reasons,
            "files": files,
            "difference": difference,
            "installed": written.path,
            "problem": written.problem,
            "quarantine": written.quarantine,
            "packages": self.reports.iter().map(report_json::value).collect::<Vec<_>>(),
        })
    }
}

/// Writes a document; control and invisible characters in it are escaped.
///
/// # Errors
/// If writing fails.
pub fn write_document(document: &Value, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", report_json::ascii(&serde_json::to_string_pretty(document)?))
}
