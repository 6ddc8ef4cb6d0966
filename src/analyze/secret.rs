//! Keys and tokens in the formats that their makers document: first the
//! literals that each format needs, then the format, then whether what fits
//! looks drawn by lot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind};
use serde::Deserialize;

use super::Input;
use crate::artifact::{Artifact, Span};
use crate::finding::{Confidence, Finding, Severity};
use crate::rule::{Meta, RuleId};
use crate::text::AUTOMATON_BYTES;

/// Body `<rule>.secret.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRule {
    /// Texts of examples, in lower case: what holds one of them is no secret.
    #[serde(default)]
    pub placeholders: Vec<String>,
    /// Kinds of secrets.
    #[serde(rename = "kind")]
    pub kinds: Vec<SecretKind>,
    /// Built when a text is first looked at.
    #[serde(skip)]
    needles: OnceLock<Option<Needles>>,
}

/// Formats that mean the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretKind {
    /// What was seen.
    pub message: String,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// From this entropy on, in bits a byte, a match looks drawn by lot.
    #[serde(default)]
    pub entropy: f64,
    /// Regular expressions of the formats; each needs a literal of two bytes or more to be looked for.
    pub formats: Vec<String>,
    /// Regular expressions of which a match holds none.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Formats and exceptions, compiled when a literal of one stands in a text.
    #[serde(skip)]
    compiled: OnceLock<Compiled>,
}

#[derive(Debug, Default)]
struct Compiled {
    formats: Vec<Regex>,
    unless: Vec<Regex>,
}

/// The literals of all formats.
#[derive(Debug)]
struct Needles {
    automaton: AhoCorasick,
    /// Which kind each of them is of.
    kinds: Vec<usize>,
}

impl SecretRule {
    /// Compiles everything now.
    ///
    /// # Errors
    /// Names the format that cannot be used.
    pub fn compile(&self) -> Result<(), String> {
        for source in self.kinds.iter().flat_map(|kind| kind.formats.iter().chain(&kind.unless)) {
            regex(source).map_err(|error| format!("`{source}`: {error}"))?;
        }
        self.build().map(drop)
    }

    fn build(&self) -> Result<Needles, String> {
        let mut owners: BTreeMap<Vec<u8>, BTreeSet<usize>> = BTreeMap::new();
        for (at, kind) in self.kinds.iter().enumerate() {
            for format in &kind.formats {
                let hir = ParserBuilder::new().unicode(false).utf8(false).build().parse(format);
                let literals = hir.ok().and_then(|hir| needed(&hir));
                for literal in literals.ok_or_else(|| format!("`{format}`: holds no literal to look for"))? {
                    owners.entry(literal).or_default().insert(at);
                }
            }
        }
        let pairs: Vec<(&[u8], usize)> = owners
            .iter()
            .flat_map(|(literal, kinds)| kinds.iter().map(move |kind| (literal.as_slice(), *kind)))
            .collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(pairs.iter().map(|(literal, _)| literal))
            .map_err(|error| error.to_string())?;
        Ok(Needles { automaton, kinds: pairs.into_iter().map(|(_, kind)| kind).collect() })
    }

    /// Kinds that the bytes may hold.
    fn candidates(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let Some(needles) = self.needles.get_or_init(|| self.build().ok()) else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        for needle in needles.automaton.find_overlapping_iter(bytes) {
            found.extend(needles.kinds.get(needle.pattern().as_usize()));
        }
        found
    }
}

impl SecretKind {
    fn compiled(&self) -> &Compiled {
        let all = |sources: &[String]| sources.iter().filter_map(|source| regex(source).ok()).collect();
        self.compiled.get_or_init(|| Compiled { formats: all(&self.formats), unless: all(&self.unless) })
    }

    /// Whether a match is a secret and not what stands for one.
    fn is_secret(&self, bytes: &[u8], placeholders: &[String]) -> bool {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        entropy(bytes) >= self.entropy
            && !placeholders.iter().any(|placeholder| text.contains(placeholder))
            && !self.compiled().unless.iter().any(|example| example.is_match(bytes))
    }
}

/// Over bytes: what is secret stands in files of any kind.
fn regex(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).unicode(false).dfa_size_limit(AUTOMATON_BYTES).build()
}

/// Literals of which every match holds one: of all parts of the expression those that are rarest.
fn needed(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let literals = |hir: &Hir| -> Option<Vec<Vec<u8>>> {
        let seq = Extractor::new().extract(hir);
        let found: BTreeSet<Vec<u8>> = seq.literals()?.iter().map(|one| one.as_bytes().to_ascii_lowercase()).collect();
        found.iter().all(|literal| literal.len() >= 2).then(|| found.into_iter().collect())
    };
    let shortest = |found: &Vec<Vec<u8>>| found.iter().map(Vec::len).min().unwrap_or(0);
    let parts: Vec<Hir> = match hir.kind() {
        HirKind::Concat(parts) => {
            (0..parts.len()).map(|at| Hir::concat(parts.iter().skip(at).cloned().collect())).collect()
        }
        _ => vec![hir.clone()],
    };
    parts.iter().filter_map(literals).filter(|found| !found.is_empty()).max_by_key(shortest)
}

/// Shannon's entropy in bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum()
}

/// Findings of all rules on secrets.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for artifact in input.expanded.arena.iter() {
        // What is cut out of a file was looked at there.
        if artifact.bytes.is_empty() || artifact.is_slice() {
            continue;
        }
        for (id, rule) in &input.rules.secrets {
            let Some(meta) = input.rules.get(id).map(|rule| &rule.meta) else { continue };
            found.extend(
                rule.candidates(&artifact.bytes)
                    .into_iter()
                    .flat_map(|kind| secrets(id, meta, rule, &rule.kinds[kind], artifact)),
            );
        }
    }
    found
}

fn secrets<'a>(
    id: &'a RuleId,
    meta: &'a Meta,
    rule: &'a SecretRule,
    kind: &'a SecretKind,
    artifact: &'a Artifact,
) -> impl Iterator<Item = Finding> + 'a {
    let matches = kind.compiled().formats.iter().flat_map(|format| format.find_iter(&artifact.bytes));
    matches.filter(|found| kind.is_secret(found.as_bytes(), &rule.placeholders)).map(|found| {
        let (severity, confidence) =
            (kind.severity.unwrap_or(meta.severity), kind.confidence.unwrap_or(meta.confidence));
        let span = Span::new(artifact.id, found.range());
        Finding::new(id.clone(), severity, confidence, &kind.message, span, meta.title.clone())
    })
}
