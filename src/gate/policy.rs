//! OpenClaw's install policy: a request on standard input, a decision on
//! standard output. The same tree gives the same answer, whatever the
//! environment, since OpenClaw asks twice and compares.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::Verdict;
use crate::report::{PackageReport, ReportedFinding, escape};
use crate::verify::strict;

/// Version of the protocol.
const PROTOCOL: u64 = 1;
/// Longest request, in bytes.
pub const REQUEST: u64 = 256 * 1024;
/// Findings that are told; OpenClaw refuses a warning that is too long.
const TOLD: usize = 10;
/// Longest message and piece of evidence, in columns.
const MESSAGE: usize = 160;
const EVIDENCE: usize = 100;

/// What OpenClaw asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Whether the policy works at all.
    Probe,
    /// Whether this may be installed.
    Install {
        /// Directory or file.
        path: PathBuf,
        /// The installer of a dependency that is to run, if it is about one.
        installer: Option<Installer>,
    },
}

/// An installer of a dependency, as a skill declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installer {
    /// Which kind: `brew`, `node`, `download` and so on.
    pub kind: String,
    /// Address, of a download.
    pub url: Option<String>,
    /// Whether a hash of the download is given.
    pub has_hash: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    protocol_version: u64,
    /// `allow`, `warn` or `block`.
    pub decision: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Told>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    rule_id: String,
    severity: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

/// Reads a request.
///
/// # Errors
/// In our words, if it is none that we understand; whoever asks must not install then.
pub fn parse(bytes: &[u8]) -> Result<Request, String> {
    if bytes.len() as u64 > REQUEST {
        return Err(format!("the request is longer than {REQUEST} bytes"));
    }
    let value = strict::parse(bytes).map_err(|why| format!("the request {}", escape::line(&why)))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if value.get("protocolVersion").and_then(Value::as_u64) != Some(PROTOCOL) {
        return Err(format!("the request is not of protocol version {PROTOCOL}"));
    }
    let origin = value.get("origin").and_then(|origin| origin.get("type")).and_then(Value::as_str);
    // A doctor asks about nothing: with something to install beside it, it is no doctor.
    if origin == Some("doctor") && value.get("source").is_none() && value.get("skill").is_none() {
        return Ok(Request::Probe);
    }
    if !matches!(text("targetType"), Some("skill" | "plugin")) {
        return Err("the request is about neither a skill nor a plugin".to_owned());
    }
    let path = text("sourcePath").map(PathBuf::from).filter(|path| path.is_absolute());
    let path = path.ok_or("the request names no absolute `sourcePath`")?;
    let spec = value.get("skill").and_then(|skill| skill.get("installSpec")).filter(|spec| !spec.is_null());
    let installer = match spec {
        Some(spec) => Some(installer(spec).ok_or("`installSpec` has no `kind`")?),
        None => None,
    };
    Ok(Request::Install { path, installer })
}

fn installer(spec: &Value) -> Option<Installer> {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).map(str::to_owned);
    let has_hash = text("sha256").is_some_and(|hash| hash.parse::<crate::hashes::Sha256>().is_ok());
    Some(Installer { kind: text("kind")?, url: text("url"), has_hash })
}

impl Answer {
    fn new(decision: &'static str, reason: impl Into<String>, findings: Vec<Told>) -> Self {
        Self { protocol_version: PROTOCOL, decision, reason: reason.into(), findings }
    }

    /// The answer to a probe.
    pub fn ready() -> Self {
        Self::new("allow", "", Vec::new())
    }

    /// The answer where nothing could be decided.
    pub fn undecided(why: &str) -> Self {
        Self::new("block", escape::fitted(&escape::line(why), 4 * MESSAGE), Vec::new())
    }

    /// The answer for packages that were scanned; `stop_review` warns of what a careful person would want to read.
    pub fn of(reports: &[PackageReport], installer: Option<&Installer>, stop_review: bool) -> Self {
        let verdict = reports.iter().map(|report| report.verdict).max().unwrap_or(Verdict::Incomplete);
        let declared = installer.and_then(judge);
        let verdict = if declared.is_some() { verdict.max(Verdict::Warn) } else { verdict };
        let has_gap = reports.iter().any(|report| !report.gaps.is_empty()) || reports.is_empty();
        // A warning can be acknowledged; what was not seen whole cannot be known to deserve only that.
        let decision = match verdict {
            Verdict::Malicious | Verdict::Incomplete => "block",
            _ if has_gap => "block",
            Verdict::Warn => "warn",
            Verdict::Review if stop_review => "warn",
            Verdict::Pass | Verdict::Review => "allow",
        };
        let least = if stop_review { Verdict::Review } else { Verdict::Warn };
        let found = reports.iter().flat_map(|report| report.findings.iter().map(move |finding| (report, finding)));
        let mut found: Vec<_> = found.filter(|(_, finding)| finding.verdict >= least).collect();
        found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.verdict));
        let gaps = reports.iter().flat_map(|report| &report.gaps);
        let count = found.len() + usize::from(declared.is_some());
        let mut told: Vec<Told> = declared.into_iter().collect();
        told.extend(found.into_iter().map(|(report, finding)| Told::of(report, finding)));
        told.extend(gaps.map(|gap| Told {
            rule_id: gap.kind.name().to_owned(),
            severity: "warn",
            message: fitted(&format!("not looked at: {}", gap.why), MESSAGE),
            file: Some(fitted(&gap.path, MESSAGE)),
            line: None,
            evidence: None,
        }));
        told.truncate(TOLD);
        let findings = if count == 1 { "finding" } else { "findings" };
        let reason = match (decision, verdict) {
            ("allow", _) => String::new(),
            (_, Verdict::Incomplete) => "parts of it could not be looked at".to_owned(),
            _ => format!("{}: {count} {findings}, highest first", verdict.name()),
        };
        Self::new(decision, reason, told)
    }
}

impl Told {
    fn of(report: &PackageReport, finding: &ReportedFinding) -> Self {
        let place = finding.locations.first();
        let file = place.map(|place| match report.path.as_str() {
            "." => place.path.clone(),
            package => format!("{package}/{}", place.path),
        });
        let snippet = place.map(|place| escape::defanged(place.snippet.trim())).filter(|snippet| !snippet.is_empty());
        Self {
            rule_id: finding.rule.as_str().to_owned(),
            severity: if finding.verdict == Verdict::Malicious { "critical" } else { "warn" },
            message: fitted(&finding.message, MESSAGE),
            file: file.map(|file| fitted(&file, MESSAGE)),
            line: place.map(|place| place.line),
            evidence: snippet.map(|snippet| fitted(&snippet, EVIDENCE)),
        }
    }
}

fn fitted(text: &str, width: usize) -> String {
    escape::fitted(&escape::line(text), width)
}

/// What is wrong with running an installer, apart from the skill that declares it.
fn judge(installer: &Installer) -> Option<Told> {
    let told = |message: &str| Told {
        rule_id: "supply/url-dependency".to_owned(),
        severity: "warn",
        message: message.to_owned(),
        file: None,
        line: None,
        evidence: installer.url.as_deref().map(|url| fitted(&escape::defanged(url), EVIDENCE)),
    };
    if installer.kind != "download" {
        return None;
    }
    if !installer.url.as_deref().is_some_and(|url| url.starts_with("https://")) {
        return Some(told("downloads over a connection that anyone between can change"));
    }
    (!installer.has_hash).then(|| told("downloads what no hash pins: it can be another thing each time"))
}

/// The block of OpenClaw's configuration that switches the policy on, as JSON5.
pub fn config(command: &Path) -> String {
    let quoted = |path: &Path| Value::String(path.to_string_lossy().into_owned()).to_string();
    let folder = command.parent().unwrap_or(Path::new("/"));
    format!(
        "{{\n  security: {{\n    installPolicy: {{\n      enabled: true,\n      targets: [\"skill\", \"plugin\"],\n      \
         exec: {{\n        source: \"exec\",\n        command: {},\n        args: [\"install-policy\"],\n        \
         timeoutMs: 10000,\n        maxOutputBytes: 1048576,\n        trustedDirs: [{}]\n      }}\n    }}\n  }}\n}}\n",
        quoted(command),
        quoted(folder)
    )
}

/// Why OpenClaw would not run a program: it must be a file of the user or root that no one else can write to, below
/// directories of which the same holds.
#[cfg(unix)]
pub fn distrust(command: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let user = rustix::process::getuid().as_raw();
    command.ancestors().find_map(|path| {
        let shown = escape::line(&path.display().to_string());
        let Ok(meta) = path.symlink_metadata() else { return Some(format!("{shown} cannot be looked at")) };
        let is_sticky = meta.is_dir() && meta.mode() & STICKY != 0;
        if meta.is_symlink() {
            Some(format!("{shown} is a link"))
        } else if meta.mode() & 0o022 != 0 && !is_sticky {
            Some(format!("{shown} can be written to by others"))
        } else if meta.uid() != user && meta.uid() != 0 {
            Some(format!("{shown} belongs to someone else"))
        } else {
            None
        }
    })
}

/// Not told on this system.
#[cfg(not(unix))]
pub fn distrust(_: &Path) -> Option<String> {
    None
}
