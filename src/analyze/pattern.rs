//! YARA-X over every artifact: raw bytes, before and beside all parsing.

use yara_x::{MetaValue, ScanError, Scanner};

use super::Input;
use crate::artifact::Span;
use crate::finding::{Confidence, Evidence, Finding, Gap, GapKind, Role, Severity};
use crate::limits::Limits;
use crate::rule::RuleId;
use crate::ruleset::Ruleset;

/// Places that one finding lists; more say nothing new.
const PLACES: usize = 8;

/// A YARA-X scanner of one thread.
pub struct Worker<'r> {
    scanner: Scanner<'r>,
}

impl<'r> Worker<'r> {
    /// A scanner over the compiled rules.
    pub fn new(rules: &'r Ruleset, limits: &Limits) -> Self {
        let mut scanner = Scanner::new(rules.yara.rules());
        scanner.set_timeout(limits.backstop);
        scanner.max_matches_per_pattern(limits.pattern_matches);
        Self { scanner }
    }

    pub(super) fn scan(&mut self, input: &Input<'_>, gaps: &mut Vec<Gap>) -> Vec<Finding> {
        let mut found = Vec::new();
        for artifact in input.expanded.arena.iter() {
            // A slice of a file that was scanned: patterns do not depend on position, so it holds nothing new.
            if artifact.bytes.is_empty() || artifact.is_slice() {
                continue;
            }
            let _ = self.scanner.set_global("kind", artifact.kind.name());
            let _ = self.scanner.set_global("derived", artifact.derivation.is_some());
            let results = match self.scanner.scan(&artifact.bytes) {
                Ok(results) => results,
                Err(error) => {
                    let kind = if matches!(error, ScanError::Timeout) { GapKind::Timeout } else { GapKind::Panicked };
                    gaps.push(Gap::new(kind, artifact.path.shown(), "the pattern engine did not finish on it"));
                    continue;
                }
            };
            for rule in results.matching_rules() {
                let (Ok(id), true) = (RuleId::new(rule.namespace()), true) else { continue };
                let Some(meta) = input.rules.get(&id).map(|r| &r.meta) else { continue };
                let (mut severity, mut confidence, mut message) =
                    (meta.severity, meta.confidence, meta.message.as_str());
                for (key, value) in rule.metadata() {
                    match (key, value) {
                        ("severity", MetaValue::String(value)) => severity = parse_severity(value).unwrap_or(severity),
                        ("confidence", MetaValue::String(value)) => {
                            confidence = parse_confidence(value).unwrap_or(confidence)
                        }
                        ("message", MetaValue::String(value)) => message = value,
                        _ => {}
                    }
                }
                let mut spans: Vec<Span> = rule
                    .patterns()
                    .flat_map(|pattern| {
                        pattern.matches().map(|m| Span::new(artifact.id, m.range())).take(PLACES).collect::<Vec<_>>()
                    })
                    .collect();
                spans.sort();
                spans.dedup();
                let first = spans.first().copied().unwrap_or(Span::new(artifact.id, 0..artifact.bytes.len().min(1)));
                let finding = Finding::new(id, severity, confidence, message, first, meta.title.clone());
                found.push(finding.with(
                    spans.into_iter().skip(1).take(PLACES).map(|span| Evidence::new(span, Role::Context, "also here")),
                ));
            }
        }
        found
    }
}

fn parse_severity(name: &str) -> Option<Severity> {
    [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|s| s.name() == name)
}

fn parse_confidence(name: &str) -> Option<Confidence> {
    [Confidence::Low, Confidence::Medium, Confidence::High].into_iter().find(|c| c.name() == name)
}
