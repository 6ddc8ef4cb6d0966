//! How the behaviour of a skill differs between two versions: what it can do,
//! whom it talks to, what it installs and what was found. A skill that passes
//! before and after may still do what it did not do before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::policy::Verdict;
use crate::report::{PackageReport, ReportedFinding, escape};

/// Lines that a text shows of one kind of difference.
const SHOWN: usize = 20;

/// One finding as it is compared: by rule and evidence, wherever in the skill it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The rule.
    pub rule: String,
    /// Hash of the evidence without blanks, so that moved lines are the same.
    pub evidence: String,
    /// What the finding calls for by itself.
    pub verdict: String,
    /// Severity after context; its rank, `0` for info.
    pub severity: u8,
    /// What was seen.
    pub message: String,
    /// Where: path and line.
    pub place: (String, usize),
    /// The finding's stable identity.
    #[serde(default)]
    pub fingerprint: String,
    /// The rule's title.
    #[serde(default)]
    pub title: String,
}

/// What a skill does, as far as a scan sees it; small, and stable enough to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// The name that it gives itself.
    pub name: Option<String>,
    /// The version that it gives itself, or that its records name.
    pub version: Option<String>,
    /// Digest over all its files.
    pub digest: String,
    /// The verdict.
    pub verdict: String,
    /// Capabilities, each with the first place that shows it.
    pub capabilities: BTreeMap<String, (String, usize)>,
    /// Hosts that it names.
    pub hosts: BTreeSet<String>,
    /// Kind and name of what it installs.
    pub installs: BTreeSet<String>,
    /// Findings.
    pub findings: Vec<Mark>,
    /// How many parts no engine looked at.
    pub gaps: usize,
}

impl Behaviour {
    /// That of a scanned package.
    pub fn of(report: &PackageReport) -> Self {
        let place = |places: &Vec<(String, usize)>| places.first().cloned().unwrap_or_default();
        let mut findings: Vec<Mark> = report.findings.iter().map(mark).collect();
        findings.sort();
        Self {
            name: report.name.clone(),
            version: report.integrity.version.clone().or_else(|| report.version.clone()),
            digest: report.digest.clone(),
            verdict: report.verdict.name().to_owned(),
            capabilities: report.capabilities.iter().map(|(name, at)| ((*name).to_owned(), place(at))).collect(),
            hosts: report.hosts.iter().cloned().collect(),
            installs: report.installs.iter().map(ToString::to_string).collect(),
            findings,
            gaps: report.gaps.len(),
        }
    }
}

/// A finding as it is compared.
pub(crate) fn mark(finding: &ReportedFinding) -> Mark {
    let primary = finding.locations.first();
    let evidence = primary.map(|place| if place.snippet.is_empty() { &place.note } else { &place.snippet });
    let evidence: String = evidence.map(|text| text.split_whitespace().collect()).unwrap_or_default();
    Mark {
        rule: finding.rule.as_str().to_owned(),
        evidence: data_encoding::HEXLOWER.encode(&Sha256::digest(evidence)[..8]),
        verdict: finding.verdict.name().to_owned(),
        severity: finding.effective as u8,
        message: finding.message.clone(),
        place: primary.map(|place| (place.path.clone(), place.line)).unwrap_or_default(),
        fingerprint: finding.fingerprint.clone(),
        title: finding.title.clone(),
    }
}

/// What one version does and the other does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Capabilities with a place.
    pub capabilities: BTreeMap<String, (String, usize)>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Kind and name of what is installed.
    pub installs: Vec<String>,
    /// Findings.
    pub findings: Vec<Mark>,
}

impl Share {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.capabilities.is_empty() && self.hosts.is_empty() && self.installs.is_empty() && self.findings.is_empty()
    }

    /// What `one` has and `other` lacks.
    fn of(one: &Behaviour, other: &Behaviour) -> Self {
        let only = |ones: &BTreeSet<String>, others: &BTreeSet<String>| ones.difference(others).cloned().collect();
        // The same evidence twice before and three times after is one finding more.
        let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for mark in &other.findings {
            *known.entry((&mark.rule, &mark.evidence)).or_default() += 1;
        }
        let findings = one.findings.iter().filter(|mark| {
            let left = known.entry((&mark.rule, &mark.evidence)).or_default();
            let is_new = *left == 0;
            *left = left.saturating_sub(1);
            is_new
        });
        let capabilities = one.capabilities.iter().filter(|(name, _)| !other.capabilities.contains_key(*name));
        Self {
            findings: findings.cloned().collect(),
            capabilities: capabilities.map(|(name, place)| (name.clone(), place.clone())).collect(),
            hosts: only(&one.hosts, &other.hosts),
            installs: only(&one.installs, &other.installs),
        }
    }
}

/// How two versions of one skill differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The name of the later one, else of the earlier one.
    pub name: Option<String>,
    /// Versions before and after.
    pub versions: (Option<String>, Option<String>),
    /// Verdicts before and after.
    pub verdicts: (String, String),
    /// Whether the files are the same.
    pub is_same: bool,
    /// What only the later one does.
    pub gained: Share,
    /// What only the earlier one does.
    pub lost: Share,
    /// Findings that weigh more than before: what they were and what they are.
    pub raised: Vec<(Mark, Mark)>,
    /// How many more parts no engine looked at.
    pub gaps: usize,
}

impl Difference {
    /// How `after` differs from `before`.
    pub fn between(before: &Behaviour, after: &Behaviour) -> Self {
        Self {
            name: after.name.clone().or_else(|| before.name.clone()),
            versions: (before.version.clone(), after.version.clone()),
            verdicts: (before.verdict.clone(), after.verdict.clone()),
            is_same: before.digest == after.digest,
            gained: Share::of(after, before),
            lost: Share::of(before, after),
            raised: raised(before, after),
            gaps: after.gaps.saturating_sub(before.gaps),
        }
    }

    /// Whether the later one does anything that the earlier one did not.
    pub fn has_grown(&self) -> bool {
        !self.gained.is_empty() || !self.raised.is_empty() || self.gaps > 0
    }

    /// Whether something is new that a careful person would want to read: a finding that calls for review or more, or a
    /// new capability or host, which pass by themselves.
    pub fn is_worth_reading(&self) -> bool {
        let pass = Verdict::Pass.name();
        let has_weight = |mark: &Mark| mark.verdict != pass;
        !self.gained.capabilities.is_empty()
            || !self.gained.hosts.is_empty()
            || !self.gained.installs.is_empty()
            || self.gaps > 0
            || self.gained.findings.iter().any(has_weight)
            || self.raised.iter().any(|(_, mark)| has_weight(mark))
    }

    /// As it stands in machine-readable output.
    pub fn value(&self) -> Value {
        let raised = self.raised.iter().map(|(was, is)| json!({"before": finding(was), "after": finding(is)}));
        json!({
            "name": self.name,
            "version": {"before": self.versions.0, "after": self.versions.1},
            "verdict": {"before": self.verdicts.0, "after": self.verdicts.1},
            "same": self.is_same,
            "gained": share(&self.gained),
            "lost": share(&self.lost),
            "raised": raised.collect::<Vec<_>>(),
            "gaps": self.gaps,
        })
    }

    /// As text for people, a line each, escaped: `+` is new, `-` is gone, `!` weighs more than before.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![escape::line(&self.headline())];
        if self.is_same {
            lines.push("  the files are the same".to_owned());
        } else if !self.has_grown() && self.lost.is_empty() {
            lines.push("  the files differ, and what was seen in them does not".to_owned());
        }
        lines.extend(section("+", &self.gained));
        let raised = self.raised.iter().take(SHOWN).map(|(_, mark)| format!("  ! {}", told(mark)));
        lines.extend(raised.map(|line| escape::line(&line)));
        if self.gaps > 0 {
            lines.push(format!("  + {} more parts that were not looked at", self.gaps));
        }
        lines.extend(section("-", &self.lost));
        lines
    }

    fn headline(&self) -> String {
        let name = self.name.as_deref().unwrap_or("the skill");
        let text = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
        let versions = match &self.versions {
            (None, None) => String::new(),
            (before, after) => format!(" {} -> {}", text(before), text(after)),
        };
        format!("{name}{versions}: {} -> {}", self.verdicts.0, self.verdicts.1)
    }
}

/// Findings that weigh more than before. The same evidence may stand in a skill several times and weigh differently, so
/// the heaviest is compared with the heaviest, and so on.
fn raised(before: &Behaviour, after: &Behaviour) -> Vec<(Mark, Mark)> {
    fn grouped(marks: &[Mark]) -> BTreeMap<(&str, &str), Vec<&Mark>> {
        let mut groups: BTreeMap<(&str, &str), Vec<&Mark>> = BTreeMap::new();
        marks.iter().for_each(|mark| groups.entry((&mark.rule, &mark.evidence)).or_default().push(mark));
        groups.values_mut().for_each(|group| group.sort_by_key(|mark| std::cmp::Reverse(mark.severity)));
        groups
    }
    let known = grouped(&before.findings);
    let pairs = grouped(&after.findings).into_iter().flat_map(|(key, marks)| {
        let was = known.get(&key).cloned().unwrap_or_default();
        was.into_iter().zip(marks).collect::<Vec<_>>()
    });
    pairs.filter(|(was, mark)| mark.severity > was.severity).map(|(was, mark)| (was.clone(), mark.clone())).collect()
}

fn finding(mark: &Mark) -> Value {
    json!({"rule": mark.rule, "verdict": mark.verdict, "message": mark.message,
        "path": mark.place.0, "line": mark.place.1})
}

fn share(share: &Share) -> Value {
    let capabilities =
        share.capabilities.iter().map(|(name, (path, line))| json!({"name": name, "path": path, "line": line}));
    json!({
        "capabilities": capabilities.collect::<Vec<_>>(),
        "hosts": share.hosts,
        "installs": share.installs,
        "findings": share.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn told(mark: &Mark) -> String {
    let (path, line) = &mark.place;
    format!("{}: {} ({path}:{line}, {})", mark.rule, mark.message, mark.verdict)
}

fn section(sign: &str, share: &Share) -> Vec<String> {
    let capabilities =
        share.capabilities.iter().map(|(name, (path, line))| format!("can {} ({path}:{line})", name.replace('-', " ")));
    let hosts = share.hosts.iter().map(|host| format!("names the host {host}"));
    let installs = share.installs.iter().map(|install| format!("installs {install}"));
    let findings = share.findings.iter().map(told);
    let kinds: [Vec<String>; 4] = [capabilities.collect(), hosts.collect(), installs.collect(), findings.collect()];
    let mut lines = Vec::new();
    for kind in kinds {
        lines.extend(kind.iter().take(SHOWN).map(|line| format!("  {sign} {}", escape::line(line))));
        if kind.len() > SHOWN {
            lines.push(format!("  {sign} and {} more", kind.len() - SHOWN));
        }
    }
    lines
}
