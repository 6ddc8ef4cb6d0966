//! Findings that mean more together. Runs last, over what the other engines found.

use std::collections::BTreeSet;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Input, Weighed};
use crate::analyze::fact::{Case, all_labels, own_hosts};
use crate::artifact::Span;
use crate::fact::FactKind;
use crate::finding::{Confidence, Evidence, Finding, Role, Severity};
use crate::parse::Body;
use crate::rule::Class;

/// Body `<rule>.join.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JoinRule {
    /// All of these must be there; the first gives the place.
    #[serde(rename = "part")]
    pub parts: Vec<Part>,
}

/// How close parts must stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Within {
    /// Anywhere in the package.
    #[default]
    Package,
    /// In one file.
    File,
    /// In one section of one document.
    Section,
}

/// One part, in any of several forms.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Forms, any of which will do.
    pub any: Vec<Form>,
}

/// A finding, or a fact that is no finding by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Form {
    /// How close to the first part it must stand.
    #[serde(default)]
    pub within: Within,
    /// Ids or globs of rules, any of which will do.
    #[serde(default, deserialize_with = "globs")]
    pub rules: GlobSet,
    /// Least severity of the finding, before context.
    pub severity: Option<Severity>,
    /// Least confidence of the finding.
    pub confidence: Option<Confidence>,
    /// Least effective severity in all findings: the part is there only if every threat stands in a lowering context.
    #[serde(default)]
    pub only_in_context: bool,
    /// Kind of fact.
    pub fact: Option<FactKind>,
    /// Labels of the fact.
    #[serde(default)]
    pub labels: Case,
}

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GlobSet, D::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in Vec::<String>::deserialize(deserializer)? {
        set.add(Glob::new(&glob).map_err(D::Error::custom)?);
    }
    set.build().map_err(D::Error::custom)
}

struct Candidate {
    within: Within,
    span: Span,
    note: String,
    context: Vec<super::Context>,
    section: Option<usize>,
}

/// Composite findings.
pub(super) fn findings(input: &Input<'_>, found: &[Weighed]) -> Vec<Weighed> {
    let own = own_hosts(input);
    let mut joined = Vec::new();
    for (id, rule) in &input.rules.joins {
        let Some(meta) = input.rules.get(id).map(|r| &r.meta) else { continue };
        let parts: Vec<Vec<Candidate>> = rule
            .parts
            .iter()
            .map(|part| part.any.iter().flat_map(|form| candidates(input, found, form, &own)).collect())
            .collect();
        let Some(chosen) = choose(&parts) else { continue };
        let Some((first, rest)) = chosen.split_first() else { continue };
        // A whole is as quoted as its most quoted part.
        let context =
            chosen.iter().map(|part| &part.context).max_by_key(|context| context.len()).cloned().unwrap_or_default();
        let context = if rule.parts.iter().flat_map(|part| &part.any).any(|form| form.only_in_context) {
            Vec::new()
        } else {
            context
        };
        let finding =
            Finding::new(id.clone(), meta.severity, meta.confidence, &meta.message, first.span, first.note.clone())
                .with(rest.iter().map(|part| Evidence::new(part.span, Role::Step, part.note.clone())));
        joined.push(Weighed { finding, context });
    }
    joined
}

fn candidates(input: &Input<'_>, found: &[Weighed], part: &Form, own: &BTreeSet<String>) -> Vec<Candidate> {
    let arena = &input.expanded.arena;
    let place = |span: Span| {
        let (located, _) = arena.locate(span);
        let section = match &arena.get(located.artifact).body {
            Body::Markdown(document) => document.block_at(located.start as usize).map(|at| document.blocks[at].section),
            _ => None,
        };
        (located, section)
    };
    let mut out = Vec::new();
    if part.only_in_context {
        let threats: Vec<&Weighed> = found
            .iter()
            .filter(|w| {
                // An indicator is a fact about the world, not a technique that is shown.
                w.finding.rule.family() != "ioc"
                    && w.finding.severity >= Severity::High
                    && input.rules.get(&w.finding.rule).is_some_and(|r| r.meta.class == Class::Threat)
            })
            .collect();
        if threats.iter().all(|w| !w.context.is_empty()) {
            out.extend(threats.iter().map(|w| {
                let (span, section) = place(w.finding.span());
                Candidate {
                    within: part.within,
                    span,
                    note: format!("quoted: {}", w.finding.rule),
                    context: Vec::new(),
                    section,
                }
            }));
        }
        return out;
    }
    for weighed in found {
        let finding = &weighed.finding;
        let is_strong = part.severity.is_none_or(|least| finding.severity >= least)
            && part.confidence.is_none_or(|least| finding.confidence >= least);
        if part.rules.is_match(finding.rule.as_str()) && is_strong {
            let (span, section) = place(finding.span());
            out.push(Candidate {
                within: part.within,
                span,
                note: format!("{}: {}", finding.rule, finding.message),
                context: weighed.context.clone(),
                section,
            });
        }
    }
    if let Some(kind) = part.fact {
        for (artifact, fact) in input.expanded.facts.iter().filter(|(_, fact)| fact.kind == kind) {
            if part.labels.fits(&all_labels(input, *artifact, fact, own)) {
                let (span, section) = place(Span::new(*artifact, fact.range.clone()));
                out.push(Candidate {
                    within: part.within,
                    span,
                    note: fact.note.clone(),
                    context: Vec::new(),
                    section,
                });
            }
        }
    }
    // The least quoted first: that is the one to join with.
    out.sort_by_key(|candidate| (candidate.context.len(), candidate.span));
    out
}

/// One candidate for each part such that all stand close enough.
fn choose(parts: &[Vec<Candidate>]) -> Option<Vec<&Candidate>> {
    let (first, rest) = parts.split_first()?;
    first.iter().find_map(|anchor| {
        let close = |other: &Candidate| match other.within {
            Within::Package => true,
            Within::File => other.span.artifact == anchor.span.artifact,
            Within::Section => {
                other.span.artifact == anchor.span.artifact
                    && other.section.is_some()
                    && other.section == anchor.section
            }
        };
        let mut chosen = vec![anchor];
        for part in rest {
            chosen.push(part.iter().find(|other| close(other) && other.note != anchor.note)?);
        }
        Some(chosen)
    })
}
