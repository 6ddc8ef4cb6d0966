//! What a new version of a skill does that the installed one does not: each
//! side may pass, and the step from one to the other still tells.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::{PackageReport, escape};
use crate::rule::Class;

/// What came with a new version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Version that is installed; none if nothing is.
    pub from: Option<String>,
    /// Abilities that are new.
    pub capabilities: Vec<String>,
    /// Hosts that are new.
    pub hosts: Vec<String>,
    /// Installers that are new.
    pub installs: Vec<String>,
    /// Rules that find something now and found nothing before, or less.
    pub findings: Vec<String>,
}

fn new(before: &[String], after: &[String]) -> Vec<String> {
    let before: BTreeSet<&String> = before.iter().collect();
    let after: BTreeSet<&String> = after.iter().filter(|item| !before.contains(item)).collect();
    after.into_iter().cloned().collect()
}

fn capabilities(reports: &[PackageReport]) -> Vec<String> {
    reports.iter().flat_map(|report| report.capabilities.keys().map(|name| (*name).to_owned())).collect()
}

/// Findings by what they are, whatever skill and line they stand in.
fn findings(reports: &[PackageReport]) -> Vec<String> {
    let found = reports.iter().flat_map(|report| &report.findings);
    // Whether it is installed, and from where, is no behaviour.
    let found =
        found.filter(|finding| finding.class != Class::Capability && !finding.rule.as_str().starts_with("trust/"));
    found.map(|finding| format!("{}: {}", finding.rule.as_str(), finding.message)).collect()
}

impl Changes {
    /// From what is installed, if anything is, to what is vetted.
    pub fn between(before: Option<&PackageReport>, version: Option<&str>, after: &[PackageReport]) -> Self {
        let Some(before) = before else { return Self::default() };
        let old = std::slice::from_ref(before);
        let all = |list: fn(&PackageReport) -> &Vec<String>| -> Vec<String> {
            after.iter().flat_map(|report| list(report).iter().cloned()).collect()
        };
        Self {
            from: Some(version.unwrap_or("unknown").to_owned()),
            capabilities: new(&capabilities(old), &capabilities(after)),
            hosts: new(&before.hosts, &all(|report| &report.hosts)),
            installs: new(&before.installs, &all(|report| &report.installs)),
            findings: new(&findings(old), &findings(after)),
        }
    }

    fn lists(&self) -> [(&'static str, &Vec<String>); 4] {
        [
            ("new ability", &self.capabilities),
            ("new host", &self.hosts),
            ("new installer", &self.installs),
            ("new finding", &self.findings),
        ]
    }

    /// Whether the new version does nothing that the installed one did not.
    pub fn is_empty(&self) -> bool {
        self.lists().iter().all(|(_, list)| list.is_empty())
    }

    /// Writes them, if anything is installed.
    ///
    /// # Errors
    /// If writing fails.
    pub fn print(&self, width: usize, out: &mut dyn Write) -> io::Result<()> {
        let Some(from) = &self.from else { return Ok(()) };
        let from = escape::line(from);
        if self.is_empty() {
            return writeln!(out, "does nothing that the installed version {from} does not\n");
        }
        writeln!(out, "compared with the installed version {from}:")?;
        for (what, list) in self.lists() {
            for item in list {
                let text = format!("  {what}: {}", escape::defanged(&escape::line(item)));
                writeln!(out, "{}", escape::fitted(&text, width))?;
            }
        }
        writeln!(out)
    }

    /// What to ask about before the installed version is replaced.
    pub fn question(&self) -> Option<String> {
        let counted = self.lists().into_iter().filter(|(_, list)| !list.is_empty());
        let words: Vec<String> = counted.map(|(what, list)| format!("{what}: {}", list.len())).collect();
        let from = escape::line(self.from.as_deref()?);
        (!words.is_empty()).then(|| format!("it does more than the installed version {from} ({})", words.join(", ")))
    }

    /// As it stands in the document.
    pub fn value(&self) -> Option<Value> {
        let from = self.from.as_ref()?;
        Some(json!({"from": from, "capabilities": self.capabilities, "hosts": self.hosts, "installs": self.installs,
            "findings": self.findings}))
    }
}
