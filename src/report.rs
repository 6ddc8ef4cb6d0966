//! Reports: what one package, and what a whole scan, came to. Text of a
//! package is kept as it stands here and escaped by whatever prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::analyze::Analysis;
use crate::artifact::{Arena, Op, Span};
use crate::finding::{Confidence, Gap, Role, Severity};
use crate::package::discover::is_skill_name;
use crate::package::{Discovered, Package};
use crate::policy::{Policy, Suppressed, Verdict};
use crate::rule::{Class, RuleId};
use crate::ruleset::Ruleset;
use crate::text::{self, LineIndex};
use crate::verify::Integrity;

pub mod audit;
pub mod escape;
pub mod integrity;
pub mod json;
pub mod mask;
pub mod nightly;
pub mod placed;
pub mod terminal;
mod total;

pub use total::{Report, Tally};

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
    /// Of a file inside a file: its name and the line there, from 1.
    pub member: Option<(String, usize)>,
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
    /// What `source` is of: the file, or the text in it.
    pub shown_path: String,
    /// Whole lines around the place, for showing; not part of the data.
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

/// Something that a package installs, placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedInstall {
    /// What installs it: `npm`, `pypi`, `brew`, `download` and so on.
    pub kind: String,
    /// Its name or address, secrets masked.
    pub name: String,
    /// Range or version, if one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who says so: `front-matter`, `manifest` or `command`.
    pub from: &'static str,
    /// Path in the package.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is known of it.
    pub flags: BTreeSet<&'static str>,
    /// Ids of advisories on it.
    pub advisories: BTreeSet<String>,
}

impl fmt::Display for ReportedInstall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
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
    /// Where the root comes from: `path`, `stdin`, or OpenClaw's name of the place.
    pub source: &'static str,
    /// Rank of the place among those that skills are loaded from; 1 wins.
    pub precedence: Option<u8>,
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
    /// Whether loaders take it for a skill.
    pub is_skill: bool,
    /// Path of the skill's own document, or of its first file.
    pub document: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Capabilities with places (path, line).
    pub capabilities: BTreeMap<&'static str, Vec<(String, usize)>>,
    /// Hosts named.
    pub hosts: Vec<String>,
    /// What it installs.
    pub installs: Vec<ReportedInstall>,
    /// Findings, most severe first.
    pub findings: Vec<ReportedFinding>,
    /// Findings that the user accepted, which do not count.
    pub suppressed: Vec<Suppressed>,
    /// What no engine looked at.
    pub gaps: Vec<Gap>,
    /// What its records say.
    pub integrity: Integrity,
    /// Bytes read.
    pub bytes: u64,
    /// Files read.
    pub files: usize,
    /// SHA-256 of each file, and of what each link names, by path.
    pub contents: Vec<(String, [u8; 32])>,
}

/// Reports one analyzed package.
pub(crate) fn package(
    root: &Discovered,
    package: &Package,
    analysis: Analysis,
    rules: &Ruleset,
    policy: &Policy,
) -> PackageReport {
    let Analysis { expanded, findings, gaps, inventory } = analysis;
    let arena = &expanded.arena;
    let mut lines = Lines { arena, indices: BTreeMap::new() };
    let (name, version) = identity(arena);
    let document =
        package.files.iter().find(|f| is_skill_name(Path::new(f.path.shown()))).map(|f| f.path.shown().to_owned());
    let mut reported = Vec::new();
    let mut occurrences: BTreeMap<String, usize> = BTreeMap::new();
    for weighed in findings {
        let Some(rule) = rules.get(&weighed.finding.rule) else { continue };
        if !policy.reports(&rule.id) {
            continue;
        }
        let (judged, own) = policy.judge(weighed, rule);
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
    let installs = inventory.installs.into_iter().map(|install| {
        let place = lines.location(install.span, Role::Primary, "");
        ReportedInstall {
            kind: install.kind,
            name: mask::secrets(&install.name),
            version: install.version.as_deref().map(mask::secrets),
            from: install.from,
            path: place.path,
            line: place.line,
            flags: install.flags,
            advisories: install.advisories,
        }
    });
    let installs = installs.collect();
    let mut report = PackageReport {
        root: root.root.display().to_string(),
        source: root.source,
        precedence: root.precedence,
        path: package.path.clone(),
        name,
        version,
        is_skill: document.is_some(),
        document: document.unwrap_or_else(|| first_file(package)),
        digest: format!("sha256:{}", data_encoding::HEXLOWER.encode(&package.digest)),
        linked_to: package.linked_to.as_ref().map(|target| target.display().to_string()),
        verdict: if gaps.is_empty() { Verdict::Pass } else { Verdict::Incomplete },
        capabilities,
        hosts: inventory.hosts.into_iter().collect(),
        installs,
        findings: Vec::new(),
        suppressed: Vec::new(),
        gaps,
        integrity: Integrity::default(),
        bytes: package.files.iter().map(|file| file.bytes.len() as u64).sum(),
        files: package.files.len(),
        contents: package.contents(),
    };
    reported.into_iter().for_each(|finding| policy.settle(&mut report, finding));
    report
}

/// Reports a package that could not be analyzed.
pub(crate) fn unseen(root: &Discovered, package: &Package, gap: Gap) -> PackageReport {
    PackageReport {
        document: first_file(package),
        digest: format!("sha256:{}", data_encoding::HEXLOWER.encode(&package.digest)),
        linked_to: package.linked_to.as_ref().map(|target| target.display().to_string()),
        verdict: Verdict::Incomplete,
        gaps: package.gaps.iter().cloned().chain([gap]).collect(),
        bytes: package.files.iter().map(|file| file.bytes.len() as u64).sum(),
        files: package.files.len(),
        contents: package.contents(),
        ..PackageReport::of_nothing(root, &package.path)
    }
}

impl PackageReport {
    /// A report on a path of a root at which there is nothing.
    pub(crate) fn of_nothing(root: &Discovered, path: &str) -> Self {
        Self {
            root: root.root.display().to_string(),
            source: root.source,
            precedence: root.precedence,
            path: path.to_owned(),
            name: None,
            version: None,
            is_skill: false,
            document: ".".to_owned(),
            digest: format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(b""))),
            linked_to: None,
            verdict: Verdict::Pass,
            capabilities: BTreeMap::new(),
            hosts: Vec::new(),
            installs: Vec::new(),
            findings: Vec::new(),
            suppressed: Vec::new(),
            gaps: Vec::new(),
            integrity: Integrity::default(),
            bytes: 0,
            files: 0,
            contents: Vec::new(),
        }
    }
}

fn first_file(package: &Package) -> String {
    package.files.first().map_or(".", |file| file.path.shown()).to_owned()
}

/// Name and version in the front matter of the outermost skill document.
fn identity(arena: &Arena) -> (Option<String>, Option<String>) {
    let front = arena.iter().filter(|a| a.derivation.is_none()).find_map(|artifact| match &artifact.body {
        crate::parse::Body::Markdown(document) if is_skill_name(Path::new(artifact.path.shown())) => {
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
    fn line_column(&mut self, span: Span) -> ((usize, usize), (usize, usize)) {
        let bytes = &self.arena.get(span.artifact).bytes;
        let index = self.indices.entry(span.artifact).or_insert_with(|| LineIndex::new(bytes));
        let range = span.range();
        (index.line_column(bytes, range.start), index.line_column(bytes, range.end))
    }

    fn location(&mut self, span: Span, role: Role, note: &str) -> Location {
        let (mut place, layers) = self.arena.locate(span);
        let artifact = self.arena.get(place.artifact);
        if !artifact.kind.is_binary() {
            let (start, end) = boundaries(&artifact.bytes, place.start as usize, place.end as usize);
            place = Span::new(place.artifact, start..end);
        }
        let range = place.range();
        let ((line, column), (end_line, end_column)) = self.line_column(place);
        let inner = self.arena.bytes(span);
        // Masked before it is cut: half a secret no longer looks like one.
        let masked = mask::secrets(&text::view(inner.get(..inner.len().min(4 * SNIPPET)).unwrap_or(b"")));
        let snippet = text::slice(&masked, 0..SNIPPET).to_owned();
        let mut trail = Vec::with_capacity(layers.len());
        for layer in &layers {
            let of = self.arena.get(layer.output.artifact);
            let member = (of.is_file() || layer.op == Op::Inflated)
                .then(|| (of.named().shown().to_owned(), self.line_column(layer.output).0.0));
            let (start, end) = (layer.input.start as usize, layer.input.end as usize);
            trail.push(Trail { op: layer.op.name(), start, end, member });
        }
        // Of binary content the text inside it is shown, if there is any.
        let shown = std::iter::once(place)
            .chain(layers.iter().map(|layer| layer.output))
            .find(|span| !self.arena.get(span.artifact).kind.is_binary());
        let mut shown_path = artifact.path.shown().to_owned();
        for (name, _) in trail.iter().filter_map(|layer| layer.member.as_ref()) {
            shown_path.push_str(" > ");
            shown_path.push_str(name);
        }
        let (source, source_line, source_range) = match shown {
            Some(span) => self.source(span),
            None => (String::new(), line, 0..0),
        };
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
            shown_path,
            source,
            source_line,
            source_range,
            trail,
        }
    }

    /// Whole lines around a place, the line that they begin at, and the place in them; of a line without end
    /// only what lies around the place.
    fn source(&mut self, span: Span) -> (String, usize, std::ops::Range<usize>) {
        let ((line, _), (end_line, _)) = self.line_column(span);
        let artifact = self.arena.get(span.artifact);
        let bytes = &artifact.bytes;
        let Some(index) = self.indices.get(&span.artifact) else { return (String::new(), line, 0..0) };
        let range = span.range();
        let shown_end = end_line.min(line + 7);
        let start = index.range(bytes, line).start.max(range.start.saturating_sub(SOURCE));
        let end = index.range(bytes, shown_end).end.min(range.start + 4 * SOURCE);
        let (start, end) = boundaries(bytes, start, end);
        let source = text::view(artifact.get(start..end)).into_owned();
        (mask::secrets(&source), line, range.start - start..range.end.min(end).max(range.start) - start)
    }
}
