//! Rules over facts: which labels together make a finding.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Input;
use crate::artifact::{ArtifactId, Op, Span};
use crate::fact::{Fact, FactKind};
use crate::finding::{Confidence, Evidence, Finding, Severity};

/// Body `<rule>.fact.toml`: the first case that fits decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactRule {
    /// Kind of fact that the rule is about.
    pub fact: FactKind,
    /// Labels that every case needs.
    #[serde(default)]
    pub all: Vec<String>,
    /// Labels that no case may have.
    #[serde(default)]
    pub none: Vec<String>,
    /// Cases in order.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

impl FactRule {
    /// The case that decides, if the rule is about such a fact at all.
    fn case(&self, labels: &BTreeSet<String>) -> Option<&Case> {
        let applies = self.all.iter().all(|label| labels.contains(label))
            && !self.none.iter().any(|label| labels.contains(label));
        self.cases.iter().find(|case| applies && case.fits(labels))
    }
}

/// Labels that must, may and must not be there, and what that means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// All of these.
    #[serde(default)]
    pub all: Vec<String>,
    /// At least one of these, if there are any.
    #[serde(default)]
    pub any: Vec<String>,
    /// None of these.
    #[serde(default)]
    pub none: Vec<String>,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// Instead of the rule's message.
    pub message: Option<String>,
}

impl Case {
    /// Whether the labels fit.
    pub fn fits(&self, labels: &BTreeSet<String>) -> bool {
        self.all.iter().all(|label| labels.contains(label))
            && (self.any.is_empty() || self.any.iter().any(|label| labels.contains(label)))
            && !self.none.iter().any(|label| labels.contains(label))
    }
}

/// Findings of all fact rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let own = own_hosts(input);
    let mut found = Vec::new();
    for (artifact, fact) in &input.expanded.facts {
        let mut labels = None;
        for (id, rule) in input.rules.facts.iter().filter(|(_, rule)| rule.fact == fact.kind) {
            let labels = labels.get_or_insert_with(|| all_labels(input, *artifact, fact, &own));
            let (Some(case), Some(meta)) = (rule.case(labels), input.rules.get(id).map(|r| &r.meta)) else {
                continue;
            };
            let finding = Finding::new(
                id.clone(),
                case.severity.unwrap_or(meta.severity),
                case.confidence.unwrap_or(meta.confidence),
                case.message.as_deref().unwrap_or(&meta.message),
                Span::new(*artifact, fact.range.clone()),
                fact.note.clone(),
            );
            let places = fact
                .places
                .iter()
                .map(|p| Evidence::new(Span::new(*artifact, p.range.clone()), p.role, p.note.clone()));
            found.push(finding.with(places));
        }
    }
    found
}

/// Labels of a fact with those that the package and the lists add: host classes, and how the text is embedded.
pub(super) fn all_labels(
    input: &Input<'_>,
    artifact: ArtifactId,
    fact: &Fact,
    own: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut labels = fact.labels.clone();
    for place in fact.urls.iter().filter_map(|url| input.rules.hosts.place(url)) {
        labels.insert(format!("host:{}", place.class));
        // What the user trusts counts as the maker of a well-known tool.
        if place.class == "allowed" {
            labels.insert("host:installer".to_owned());
        }
        if place.is_throwaway() {
            labels.insert("throwaway".to_owned());
        }
        if crate::ruleset::hosts::registrable(&place.host).is_some_and(|domain| own.contains(domain))
            && place.class == "unknown"
        {
            labels.insert("host:own".to_owned());
        }
    }
    if fact.kind.is_about_a_file() && input.reach().is_run(input.expanded.arena.get(artifact).path.shown()) {
        labels.insert("told-to-run".to_owned());
    }
    let span = Span::new(artifact, fact.range.clone());
    for (at, _) in input.expanded.arena.chain(span) {
        if let Some(derivation) = &at.derivation {
            labels.insert(format!("in:{}", derivation.op.name()));
            if derivation.op == Op::Hidden {
                labels.insert("hidden".to_owned());
            }
        }
    }
    labels
}

/// Registrable domains that the package names as its home page.
pub(super) fn own_hosts(input: &Input<'_>) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    for artifact in input.expanded.arena.iter() {
        let data = match &artifact.body {
            crate::parse::Body::Markdown(document) => document.front.as_ref(),
            crate::parse::Body::Data(data) => Some(data),
            crate::parse::Body::None => None,
        };
        for string in data.iter().flat_map(|data| &data.strings) {
            if string.key.rsplit('.').next() == Some("homepage")
                && let Some(place) = input.rules.hosts.place(&string.text).filter(|place| place.class == "unknown")
                && let Some(domain) = crate::ruleset::hosts::registrable(&place.host)
            {
                own.insert(domain.to_owned());
            }
        }
    }
    own
}
