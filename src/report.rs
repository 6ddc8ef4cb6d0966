//! Reports: what one package, and what a whole scan, came to. Text of a
//! package is kept as it stands here and escaped by whatever prints it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::analyze::Analysis;
use crate::artifact::{Arena, Span};
use crate::finding::{Confidence, Gap, Role, Severity};
use crate::package::Package;
use crate::policy::{self, Policy, Verdict};
use crate::rule::{Class, RuleId};
use crate::ruleset::Ruleset;
use crate::text::{self, LineIndex};

pub mod escape;
pub mod json;
pub mod mask;
pub mod terminal;

/// Longest snippet that a report carries, in bytes.
const SNIPPET: usize = 240;

/// Bytes of a line that are kept before a place for showing; four times as many after it.
const SOURCE: usize = 400;

/// One layer between a file and what was found, outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// What was done, as in [`crate::artifact::Op::name`].
    pub op: &'static str,
    /// First byte of the input, in the file or the layer before.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// A place in a real file.
#[derive(Debug, Clone)]
pub struct Location {
    /// Which part it plays.
    pub role: Role,
    /// Path in the package.
    pub path: String,
    /// First line, from 1.
    pub line: usize,
    /// First column, in code points from 1.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// One past the last column.
    pub end_column: usize,
    /// First byte in the file.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What is there, in our words.
    pub note: String,
    /// Text of the innermost layer, secrets masked.
    pub snippet: String,
    /// Whole lines of the file around the place, for showing; not part of the data.
    pub source: String,
    /// Line that `source` starts at.
    pub source_line: usize,
    /// The place in `source`.
    pub source_range: std::ops::Range<usize>,
    /// Layers outermost first.
    pub trail: Vec<Trail>,
}

/// A reason to lower a finding's weight, placed.
#[derive(Debug, Clone)]
pub struct ReportedContext {
    /// Which kind.
    pub kind: &'static str,
    /// Where.
    pub path: String,
    /// Which line.
    pub line: usize,
    /// What it is.
    pub why: String,
}

/// A finding as reported.
#[derive(Debug, Clone)]
pub struct ReportedFinding {
    /// Which rule.
    pub rule: RuleId,
    /// Its class.
    pub class: Class,
    /// Its title.
    pub title: String,
    /// What to do.
    pub fix: String,
    /// Severity before context.
    pub severity: Severity,
    /// Severity after context.
    pub effective: Severity,
    /// Confidence.
    pub confidence: Confidence,
    /// What it calls for by itself.
    pub verdict: Verdict,
    /// What lowered it.
    pub context: Vec<ReportedContext>,
    /// What was seen.
    pub message: String,
    /// Stable identity across scans; holds no line numbers.
    pub fingerprint: String,
    /// Places, the primary one first.
    pub locations: Vec<Location>,
}

/// What one package came to.
#[derive(Debug, Clone)]
pub struct PackageReport {
    /// The scanned root.
    pub root: String,
    /// Path below it, `.` for itself.
    pub path: String,
    /// Name that the package gives itself.
    pub name: Option<String>,
    /// Version that it gives itself.
    pub version: Option<String>,
    /// `sha256:` and the digest over all files.
    pub digest: String,
    /// Target of the link that led here.
    pub linked_to: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Capabilities with places (path, line).
    pub capabilities: BTreeMap<&'static str, Vec<(String, usize)>>,
    /// Hosts named.
    pub hosts: Vec<String>,
    /// Installers declared.
    pub installs: Vec<String>,
    /// Findings, most severe first.
    pub findings: Vec<ReportedFinding>,
    /// What no engine looked at.
    pub gaps: Vec<Gap>,
    /// Bytes read.
    pub bytes: u64,
    /// Files read.
    pub files: usize,
}

/// What a scan came to.
pub struct Report {
    /// Packages in path order.
    pub packages: Vec<PackageReport>,
    /// Date of the indicator data.
    pub data_date: String,
    /// How many rules looked.
    pub rules: usize,
}

impl Report {
    /// How many packages have each verdict.
    pub fn counts(&self) -> BTreeMap<Verdict, usize> {
        let mut counts = BTreeMap::new();
        for package in &self.packages {
            *counts.entry(package.verdict).or_default() += 1;
        }
        counts
    }
}

/// Reports one analyzed package.
pub(crate) fn package(
    root: &str,
    package: &Package,
    analysis: Analysis,
    rules: &Ruleset,
    policy: &Policy,
) -> PackageReport {
    let Analysis { expanded, findings, gaps, inventory } = analysis;
    let arena = &expanded.arena;
    let mut lines = Lines { arena, indices: BTreeMap::new() };
    let (name, version) = identity(arena);
    let mut verdict = if gaps.is_empty() { Verdict::Pass } else { Verdict::Incomplete };
    let mut reported = Vec::new();
    let mut occurrences: BTreeMap<String, usize> = BTreeMap::new();
    for weighed in findings {
        let Some(rule) = rules.get(&weighed.finding.rule) else { continue };
        if policy.ignores(&rule.id) {
            continue;
        }
        let (judged, own) = policy::judge(weighed, rule.meta.class);
        verdict = verdict.max(own);
        let finding = &judged.weighed.finding;
        let locations: Vec<Location> =
            finding.evidence().iter().map(|e| lines.location(e.span, e.role, &e.note)).collect();
        let identity = format!(
            "{}\0{}\0{}\0{}",
            rule.id,
            name.as_deref().unwrap_or(&package.path),
            locations[0].path,
            normalised(&locations[0].snippet)
        );
        let occurrence = occurrences.entry(identity.clone()).or_default();
        let digest = Sha256::digest(format!("{identity}\0{occurrence}"));
        *occurrence += 1;
        let context = judged.weighed.context.iter().map(|context| {
            let place = lines.location(context.span, Role::Context, "");
            ReportedContext { kind: context.kind.name(), path: place.path, line: place.line, why: context.why.clone() }
        });
        reported.push(ReportedFinding {
            rule: rule.id.clone(),
            class: rule.meta.class,
            title: rule.meta.title.clone(),
            fix: rule.meta.fix.clone(),
            severity: finding.severity,
            effective: judged.effective,
            confidence: finding.confidence,
            verdict: own,
            context: context.collect(),
            message: finding.message.clone(),
            fingerprint: data_encoding::HEXLOWER.encode(&digest[..16]),
            locations,
        });
    }
    reported.sort_by(|a, b| {
        b.verdict.cmp(&a.verdict).then(b.effective.cmp(&a.effective)).then(b.confidence.cmp(&a.confidence)).then_with(
            || {
                let key = |f: &ReportedFinding| (f.locations[0].path.clone(), f.locations[0].start, f.rule.clone());
                key(a).cmp(&key(b))
            },
        )
    });
    let capabilities = inventory
        .capabilities
        .iter()
        .map(|(name, spans)| {
            let places = spans.iter().map(|&span| lines.location(span, Role::Primary, "")).map(|l| (l.path, l.line));
            (*name, places.collect())
        })
        .collect();
    PackageReport {
        root: root.to_owned(),
        path: package.path.clone(),
        name,
        version,
        digest: format!("sha256:{}", data_encoding::HEXLOWER.encode(&package.digest)),
        linked_to: package.linked_to.as_ref().map(|target| target.display().to_string()),
        verdict,
        capabilities,
        hosts: inventory.hosts.into_iter().collect(),
        installs: inventory.installs.iter().map(|install| mask::secrets(install)).collect(),
        findings: reported,
        gaps,
        bytes: package.files.iter().map(|file| file.bytes.len() as u64).sum(),
        files: package.files.len(),
    }
}

/// Reports a package that could not be analyzed.
pub(crate) fn unseen(root: &str, package: &Package, gap: Gap) -> PackageReport {
    PackageReport {
        root: root.to_owned(),
        path: package.path.clone(),
        name: None,
        version: None,
        digest: format!("sha256:{}", data_encoding::HEXLOWER.encode(&package.digest)),
        linked_to: package.linked_to.as_ref().map(|target| target.display().to_string()),
        verdict: Verdict::Incomplete,
        capabilities: BTreeMap::new(),
        hosts: Vec::new(),
        installs: Vec::new(),
        findings: Vec::new(),
        gaps: package.gaps.iter().cloned().chain([gap]).collect(),
        bytes: package.files.iter().map(|file| file.bytes.len() as u64).sum(),
        files: package.files.len(),
    }
}

/// Name and version in the front matter of the outermost skill document.
fn identity(arena: &Arena) -> (Option<String>, Option<String>) {
    let front = arena.iter().filter(|a| a.derivation.is_none()).find_map(|artifact| match &artifact.body {
        crate::parse::Body::Markdown(document)
            if crate::package::discover::is_skill_name(std::path::Path::new(artifact.path.shown())) =>
        {
            document.front.as_ref()
        }
        _ => None,
    });
    let get = |key: &str| front.and_then(|front| front.get(key)).map(mask::secrets);
    (get("name"), get("version"))
}

/// Evidence without what changes when lines move.
fn normalised(snippet: &str) -> String {
    snippet.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Moves both ends to where characters begin.
fn boundaries(bytes: &[u8], start: usize, end: usize) -> (usize, usize) {
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let start = (start.saturating_sub(3)..=start).rev().find(|&at| !is_inside(at)).unwrap_or(start);
    let end = (end..=end + 3).find(|&at| !is_inside(at)).unwrap_or(end);
    (start, end.min(bytes.len()).max(start))
}

struct Lines<'a> {
    arena: &'a Arena,
    indices: BTreeMap<crate::artifact::ArtifactId, LineIndex>,
}

impl Lines<'_> {
    fn location(&mut self, span: Span, role: Role, note: &str) -> Location {
        let (place, layers) = self.arena.locate(span);
        let artifact = self.arena.get(place.artifact);
        let bytes = &artifact.bytes;
        let index = self.indices.entry(place.artifact).or_insert_with(|| LineIndex::new(bytes));
        let range = place.range();
        let (line, column) = index.line_column(bytes, range.start);
        let (end_line, end_column) = index.line_column(bytes, range.end);
        let shown_end = end_line.min(line + 7);
        // Whole lines, but of a line without end only what lies around the place.
        let source_start = index.range(bytes, line).start.max(range.start.saturating_sub(SOURCE));
        let source_end = index.range(bytes, shown_end).end.min(range.start + 4 * SOURCE);
        let (source_start, source_end) = boundaries(bytes, source_start, source_end);
        let source = text::view(artifact.get(source_start..source_end)).into_owned();
        let source_range = range.start - source_start..(range.end.min(source_end)).max(range.start) - source_start;
        let inner = self.arena.bytes(span);
        // Masked before it is cut: half a secret no longer looks like one.
        let masked = mask::secrets(&text::view(inner.get(..inner.len().min(4 * SNIPPET)).unwrap_or(b"")));
        let snippet = text::slice(&masked, 0..SNIPPET).to_owned();
        Location {
            role,
            path: artifact.path.shown().to_owned(),
            line,
            column,
            end_line,
            end_column,
            start: range.start,
            end: range.end,
            note: note.to_owned(),
            snippet,
            source: mask::secrets(&source),
            source_line: line,
            source_range,
            trail: layers
                .iter()
                .map(|layer| Trail {
                    op: layer.op.name(),
                    start: layer.input.start as usize,
                    end: layer.input.end as usize,
                })
                .collect(),
        }
    }
}
