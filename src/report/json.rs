//! The machine-readable report: schema 1, stable. Its own types, so that the
//! inside may change without the outside noticing.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::{Location, PackageReport, Report, ReportedFinding, ReportedInstall, integrity};
use crate::finding::Role;
use crate::policy;

/// Version of the schema.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Package<'a> {
    schema: u32,
    root: &'a str,
    path: &'a str,
    source: &'static str,
    name: &'a Option<String>,
    version: &'a Option<String>,
    digest: &'a str,
    origin: serde_json::Value,
    integrity: serde_json::Value,
    verdict: &'static str,
    capabilities: Vec<serde_json::Value>,
    hosts: &'a [String],
    installs: &'a [ReportedInstall],
    findings: Vec<Finding<'a>>,
    suppressed: Vec<Suppressed<'a>>,
    gaps: Vec<serde_json::Value>,
    bytes: u64,
    files: usize,
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    class: &'static str,
    severity: &'static str,
    confidence: &'static str,
    effective_severity: &'static str,
    context: Vec<serde_json::Value>,
    title: &'a str,
    message: &'a str,
    fix: &'a str,
    fingerprint: &'a str,
    locations: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Suppressed<'a> {
    finding: Finding<'a>,
    from: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Serialize)]
struct Place<'a> {
    role: Role,
    path: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    start: usize,
    end: usize,
    note: &'a str,
    snippet: &'a str,
    trail: Vec<serde_json::Value>,
}

fn place(location: &Location) -> Place<'_> {
    Place {
        role: location.role,
        path: &location.path,
        line: location.line,
        column: location.column,
        end_line: location.end_line,
        end_column: location.end_column,
        start: location.start,
        end: location.end,
        note: &location.note,
        snippet: &location.snippet,
        trail: location
            .trail
            .iter()
            .map(|layer| {
                let mut shown = json!({"op": layer.op, "path": location.path, "start": layer.start, "end": layer.end});
                if let Some((name, line)) = &layer.member {
                    shown["member"] = json!(name);
                    shown["line"] = json!(line);
                }
                shown
            })
            .collect(),
    }
}

fn origin(report: &PackageReport) -> serde_json::Value {
    let mut origin = json!({});
    if let Some(target) = &report.linked_to {
        origin["linked_to"] = json!(target);
    }
    if let Some(precedence) = report.precedence {
        origin["precedence"] = json!(precedence);
    }
    origin
}

fn finding(finding: &ReportedFinding) -> Finding<'_> {
    Finding {
        rule: finding.rule.as_str(),
        class: finding.class.name(),
        severity: finding.severity.name(),
        confidence: finding.confidence.name(),
        effective_severity: finding.effective.name(),
        context: finding
            .context
            .iter()
            .map(|c| json!({"kind": c.kind, "path": c.path, "line": c.line, "why": c.why}))
            .collect(),
        title: &finding.title,
        message: &finding.message,
        fix: &finding.fix,
        fingerprint: &finding.fingerprint,
        locations: finding.locations.iter().map(place).collect(),
    }
}

fn suppressed(suppressed: &policy::Suppressed) -> Suppressed<'_> {
    let suppression = &suppressed.suppression;
    Suppressed {
        finding: finding(&suppressed.finding),
        from: suppression.basis.name(),
        reason: &suppression.reason,
        author: suppression.author.as_deref(),
        expires: suppression.expires.map(|day| day.to_string()),
    }
}

fn package(report: &PackageReport) -> Package<'_> {
    let capability = |(name, places): (&&str, &Vec<(String, usize)>)| {
        let locations: Vec<_> = places.iter().map(|(path, line)| json!({"path": path, "line": line})).collect();
        json!({"name": name, "locations": locations})
    };
    Package {
        schema: SCHEMA,
        root: &report.root,
        path: &report.path,
        source: report.source,
        name: &report.name,
        version: &report.version,
        digest: &report.digest,
        origin: origin(report),
        integrity: integrity::value(&report.integrity),
        verdict: report.verdict.name(),
        capabilities: report.capabilities.iter().map(capability).collect(),
        hosts: &report.hosts,
        installs: &report.installs,
        findings: report.findings.iter().map(finding).collect(),
        suppressed: report.suppressed.iter().map(suppressed).collect(),
        gaps: report
            .gaps
            .iter()
            .map(|gap| json!({"kind": gap.kind.name(), "path": gap.path, "why": gap.why}))
            .collect(),
        bytes: report.bytes,
        files: report.files,
    }
}

/// The package as a value, to stand in another document.
pub(crate) fn value(report: &PackageReport) -> serde_json::Value {
    serde_json::to_value(package(report)).unwrap_or_default()
}

/// Writes one object on a line of its own. Control and invisible characters are escaped, so a log that
/// shows the lines is safe.
///
/// # Errors
/// If writing fails.
pub fn line(report: &PackageReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", ascii(&serde_json::to_string(&package(report))?))
}

/// Writes one document for the whole scan, package by package, so that it need not be held.
#[derive(Debug, Default)]
pub struct Document {
    packages: usize,
}

impl Document {
    /// Begins the document.
    ///
    /// # Errors
    /// If writing fails.
    pub fn begin(data_date: &str, out: &mut dyn Write) -> io::Result<Self> {
        write!(out, "{{\n  \"data_date\": {},\n  \"packages\": [", ascii(&json!(data_date).to_string()))?;
        Ok(Self::default())
    }

    /// Adds a package.
    ///
    /// # Errors
    /// If writing fails.
    pub fn add(&mut self, report: &PackageReport, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.packages == 0 { b"\n" } else { b",\n" })?;
        self.packages += 1;
        write!(out, "{}", indented(&ascii(&serde_json::to_string_pretty(&package(report))?), 4))
    }

    /// Ends the document with what `report` counted.
    ///
    /// # Errors
    /// If writing fails.
    pub fn end(self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let tally = &report.tally;
        let verdicts: serde_json::Map<_, _> =
            tally.verdicts.iter().map(|(verdict, count)| (verdict.name().to_owned(), json!(count))).collect();
        let rest = json!({
            "schema": SCHEMA,
            "summary": {
                "packages": tally.packages, "verdicts": verdicts, "gaps": tally.gaps, "suppressed": tally.suppressed,
                "notes": report.notes.iter().map(|note| json!({"kind": note.kind, "text": note.text})).collect::<Vec<_>>(),
            },
            "tool": {"name": "skillscan", "version": env!("CARGO_PKG_VERSION"), "rules": report.rules},
        });
        let rest = serde_json::to_string_pretty(&rest)?;
        let rest = rest.strip_prefix('{').unwrap_or(&rest);
        writeln!(out, "{}],{}", if self.packages == 0 { "" } else { "\n  " }, ascii(rest))
    }
}

/// Every line moved to the right.
fn indented(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{:columns$}{line}", "")).collect();
    lines.join("\n")
}

/// JSON with everything beyond printable ASCII as `\uXXXX`, and the second of two `#`, which CI systems act on.
pub(crate) fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '#' && out.ends_with('#') {
            out.push_str("\\u0023");
        } else if c == '\n' || (' '..='~').contains(&c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
