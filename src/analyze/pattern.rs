//! YARA-X over every artifact: raw bytes, before and beside all parsing.

use std::ops::Range;

use yara_x::{MetaValue, Rule, ScanError, Scanner};

use super::Input;
use crate::artifact::{Artifact, Span};
use crate::finding::{Confidence, Evidence, Finding, Gap, GapKind, Role, Severity};
use crate::limits::Limits;
use crate::rule::{Meta, RuleId};
use crate::ruleset::Ruleset;
use crate::ruleset::hosts::{Hosts, URL};

/// Places that one finding lists; more say nothing new.
const PLACES: usize = 8;
/// How much of an address that begins in a match is read behind it.
const ADDRESS_BYTES: usize = 512;

/// A YARA-X scanner of one thread.
pub struct Worker<'r> {
    rules: &'r Ruleset,
    limits: &'r Limits,
    /// Made when it is first needed: the compiled rules may still be on their way, and it is costly.
    scanner: Option<Scanner<'r>>,
}

impl<'r> Worker<'r> {
    /// A scanner over the compiled rules.
    pub fn new(rules: &'r Ruleset, limits: &'r Limits) -> Self {
        Self { rules, limits, scanner: None }
    }

    pub(super) fn scan(&mut self, input: &Input<'_>, gaps: &mut Vec<Gap>) -> Vec<Finding> {
        let scanner = self.scanner.get_or_insert_with(|| {
            let mut scanner = Scanner::new(self.rules.yara.rules());
            scanner.set_timeout(self.limits.backstop);
            scanner.max_matches_per_pattern(self.limits.pattern_matches);
            scanner
        });
        let mut found = Vec::new();
        for artifact in input.expanded.arena.iter() {
            // A slice of a file that was scanned: patterns do not depend on position, so it holds nothing new.
            if artifact.bytes.is_empty() || artifact.is_slice() {
                continue;
            }
            let _ = scanner.set_global("kind", artifact.kind.name());
            let _ = scanner.set_global("derived", artifact.derivation.is_some());
            let results = match scanner.scan(&artifact.bytes) {
                Ok(results) => results,
                Err(error) => {
                    let kind = if matches!(error, ScanError::Timeout) { GapKind::Timeout } else { GapKind::Panicked };
                    gaps.push(Gap::new(kind, artifact.path.shown(), "the pattern engine did not finish on it"));
                    continue;
                }
            };
            for rule in results.matching_rules() {
                let Ok(id) = RuleId::new(rule.namespace()) else { continue };
                let Some(meta) = input.rules.get(&id).map(|r| &r.meta) else { continue };
                let said = Said::new(meta, &rule);
                let Some(spans) = said.places(artifact, &rule, &input.rules.hosts) else { continue };
                let whole = (Span::new(artifact.id, 0..artifact.bytes.len().min(1)), 0);
                let (first, pattern) = spans.first().copied().unwrap_or(whole);
                let Said { severity, confidence, message, .. } = said;
                let finding = Finding::new(id, severity, confidence, message, first, meta.title.clone());
                let (same, others): (Vec<_>, Vec<_>) = spans.into_iter().skip(1).partition(|(_, of)| *of == pattern);
                let same = same.into_iter().map(|(span, _)| Evidence::new(span, Role::Context, SAME));
                let others =
                    others.into_iter().take(PLACES).map(|(span, _)| Evidence::new(span, Role::Context, "also here"));
                found.push(finding.with(same.chain(others)));
            }
        }
        found
    }
}

/// Notes another place of the string that the finding is about: it may stand in other surroundings.
pub(super) const SAME: &str = "the same here";
/// Places of one string that are looked at.
const LOOKED_AT: usize = 64;

/// What a YARA rule says in its `meta`, or its page where it does not.
struct Said<'m> {
    severity: Severity,
    confidence: Confidence,
    message: &'m str,
    /// Host classes of addresses that are of no interest.
    not_hosts: Vec<String>,
}

impl<'m> Said<'m> {
    fn new(meta: &'m Meta, rule: &Rule<'_, 'm>) -> Self {
        let mut said = Self {
            severity: meta.severity,
            confidence: meta.confidence,
            message: &meta.message,
            not_hosts: Vec::new(),
        };
        for (key, value) in rule.metadata() {
            let MetaValue::String(value) = value else { continue };
            match key {
                "severity" => said.severity = parse_severity(value).unwrap_or(said.severity),
                "confidence" => said.confidence = parse_confidence(value).unwrap_or(said.confidence),
                "message" => said.message = value,
                "not_hosts" => said.not_hosts = value.split_whitespace().map(str::to_owned).collect(),
                _ => {}
            }
        }
        said
    }

    /// Where its strings stand, each with its number, but for addresses of no interest; `None` if it is about no other
    /// addresses.
    fn places(&self, artifact: &Artifact, rule: &Rule<'_, '_>, hosts: &Hosts) -> Option<Vec<(Span, usize)>> {
        let (mut spans, mut dropped, mut is_elsewhere) = (Vec::new(), 0, false);
        for (at, pattern) in rule.patterns().enumerate() {
            let mut places = Vec::new();
            for range in pattern.matches().map(|found| found.range()) {
                let address = if self.not_hosts.is_empty() { None } else { address(&artifact.bytes, range.clone()) };
                match address {
                    Some(address) if hosts.any_in(&address, &self.not_hosts) => dropped += 1,
                    found => {
                        is_elsewhere |= found.is_some();
                        places.push((Span::new(artifact.id, whole_characters(&artifact.bytes, range)), at));
                    }
                }
            }
            places.truncate(LOOKED_AT);
            spans.extend(places);
        }
        spans.sort();
        spans.dedup();
        (dropped == 0 || is_elsewhere).then_some(spans)
    }
}

/// A match without the parts of characters at its ends: patterns see bytes.
fn whole_characters(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    // A character has at most three bytes behind its first.
    let is_inside = |at: &usize| {
        let first =
            (1..=3).find(|back| at.checked_sub(*back).is_some_and(|at| bytes.get(at).is_some_and(|b| *b >= 0xc0)));
        let behind = bytes.get(at.saturating_sub(first.unwrap_or(0)) + 1..=*at);
        first.is_some() && behind.is_some_and(|behind| behind.iter().all(|byte| byte & 0xc0 == 0x80))
    };
    let start = (range.start..range.end).find(|at| !is_inside(at)).unwrap_or(range.start);
    let end = (start..=range.end).rev().find(|at| !is_inside(at)).unwrap_or(range.end);
    start..if end > start { end } else { range.end }
}

/// The address of which at least the beginning is in a match.
fn address(bytes: &[u8], range: Range<usize>) -> Option<String> {
    let end = bytes.len().min(range.end + ADDRESS_BYTES);
    let text = String::from_utf8_lossy(bytes.get(range.start..end)?);
    let found = URL.find(&text).filter(|found| found.start() < range.len())?;
    Some(found.as_str().to_owned())
}

fn parse_severity(name: &str) -> Option<Severity> {
    [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|s| s.name() == name)
}

fn parse_confidence(name: &str) -> Option<Confidence> {
    [Confidence::Low, Confidence::Medium, Confidence::High].into_iter().find(|c| c.name() == name)
}
