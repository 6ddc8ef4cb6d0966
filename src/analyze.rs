//! Runs the engines over one expanded package and joins what they found.
//! Pure: no disk, network, clock or environment.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::artifact::Span;
use crate::expand::{Expanded, expand};
use crate::finding::{Finding, Gap, GapKind, Severity};
use crate::limits::Limits;
use crate::package::Package;
use crate::policy::Policy;
use crate::rule::RuleId;
use crate::ruleset::Ruleset;

mod asset;
pub mod command;
pub mod context;
pub mod document;
pub mod fact;
pub mod flow;
pub mod indicator;
pub mod install;
pub mod inventory;
pub mod join;
pub mod meta;
pub mod pattern;
pub mod prose;
pub mod secret;
pub mod setting;
mod supply;

pub use context::{Context, ContextKind};
pub use inventory::Inventory;
pub(crate) use supply::compare_versions;

/// A finding with the structure that it stands in.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// What was found.
    pub finding: Finding,
    /// What speaks for a lower weight; empty where something tells people to run it.
    pub context: Vec<Context>,
}

/// All that analysis says about one package.
pub struct Analysis {
    /// The package's artifacts, to show findings in.
    pub expanded: Expanded,
    /// Findings in order of place.
    pub findings: Vec<Weighed>,
    /// What no engine looked at.
    pub gaps: Vec<Gap>,
    /// Capabilities, hosts and installers.
    pub inventory: Inventory,
}

/// What the engines look at and with.
pub(crate) struct Input<'a> {
    pub package: &'a Package,
    pub expanded: &'a Expanded,
    pub rules: &'a Ruleset,
    pub limits: &'a Limits,
    /// What leads to what; costly, so only where something asks.
    reach: OnceCell<context::Reach>,
}

impl Input<'_> {
    /// What in the package leads to what.
    fn reach(&self) -> &context::Reach {
        self.reach.get_or_init(|| context::Reach::new(self))
    }
}

type Engine<'e> = (&'static str, &'e mut dyn FnMut() -> Vec<Finding>);

/// Analyzes one package.
pub(crate) fn analyze(
    package: &Package,
    rules: &Ruleset,
    limits: &Limits,
    policy: &Policy,
    patterns: &mut pattern::Worker<'_>,
) -> Analysis {
    let mut expanded = expand(package, rules, limits);
    document::add_facts(&mut expanded, rules);
    asset::add_facts(&mut expanded, package, rules);
    supply::add_facts(&mut expanded, rules);
    let input = Input { package, expanded: &expanded, rules, limits, reach: OnceCell::new() };
    let mut gaps = package.gaps.clone();
    let mut pattern_gaps = Vec::new();
    let mut found = Vec::new();
    let engines: [Engine<'_>; 10] = [
        ("fact", &mut || fact::findings(&input)),
        ("command", &mut || command::findings(&input)),
        ("flow", &mut || flow::findings(&input)),
        ("setting", &mut || setting::findings(&input)),
        ("prose", &mut || prose::findings(&input)),
        ("secret", &mut || secret::findings(&input)),
        ("indicator", &mut || indicator::findings(&input)),
        ("advisory", &mut || install::advisories(&input)),
        ("meta", &mut || meta::findings(&input)),
        // Last: its rules are still being read when the first package is looked at.
        ("pattern", &mut || patterns.scan(&input, &mut pattern_gaps)),
    ];
    for (name, run) in engines {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(findings) => found.extend(findings),
            Err(_) => gaps.push(Gap::new(GapKind::Panicked, ".", format!("the {name} engine failed on this package"))),
        }
    }
    gaps.extend(pattern_gaps);
    // What the user leaves out takes no part in what is joined either.
    found.retain(|finding| !policy.ignores(&finding.rule));
    let found = distinct(&expanded, found, &mut gaps);
    let reader = context::Reader::new(&input);
    let findings = found.into_iter().map(|finding| reader.weigh(finding)).collect();
    let mut findings = listed(&expanded, findings, limits);
    let joined = join::findings(&input, &findings);
    findings.extend(joined);
    let mut inventory = Inventory::take(&input);
    // Without the rule that reads it, the list of bad versions is as if it were empty.
    if RuleId::new("ioc/package-version").is_ok_and(|rule| policy.ignores(&rule)) {
        inventory.installs.iter_mut().for_each(|install| {
            install.flags.remove("known-bad");
        });
    }
    gaps.extend(expanded.gaps.iter().cloned());
    gaps.sort();
    gaps.dedup();
    Analysis { expanded, findings, gaps, inventory }
}

/// Findings of one rule in one file that are weighed.
const WEIGHED: usize = 1000;

/// One finding a rule and place: the same bytes seen by two engines, or in two layers, are one finding.
fn distinct(expanded: &Expanded, found: Vec<Finding>, gaps: &mut Vec<Gap>) -> Vec<Finding> {
    let mut placed: Vec<(Span, Finding)> = found.into_iter().map(|f| (expanded.arena.locate(f.span()).0, f)).collect();
    // Strongest first, then innermost: what was decoded says more than its wrapping.
    placed.sort_by(|(a_span, a), (b_span, b)| {
        (&a.rule, a_span.artifact)
            .cmp(&(&b.rule, b_span.artifact))
            .then(b.severity.cmp(&a.severity))
            .then(b.confidence.cmp(&a.confidence))
            .then(a_span.cmp(b_span))
            .then(a.span().cmp(&b.span()))
    });
    let mut kept: Vec<(Span, Finding)> = Vec::new();
    let mut counts: HashMap<(RuleId, crate::artifact::ArtifactId), usize> = HashMap::new();
    for (span, finding) in placed {
        let repeats = kept
            .iter()
            .rev()
            .take_while(|(at, f)| f.rule == finding.rule && at.artifact == span.artifact)
            .any(|(at, _)| at.overlaps(span));
        let count = counts.entry((finding.rule.clone(), span.artifact)).or_default();
        if repeats {
            continue;
        }
        *count += 1;
        if *count > WEIGHED {
            if *count == WEIGHED + 1 {
                let why = format!("`{}` fires more than {WEIGHED} times; the rest was not weighed", finding.rule);
                gaps.push(Gap::new(GapKind::OverLimit, expanded.arena.get(span.artifact).path.shown(), why));
            }
            continue;
        }
        kept.push((span, finding));
    }
    kept.sort_by(|(a_span, a), (b_span, b)| (a_span, &a.rule).cmp(&(b_span, &b.rule)));
    kept.into_iter().map(|(_, finding)| finding).collect()
}

/// Those that are listed of each rule and file. What stands as it is and what is quoted count apart, so that no pile of
/// quotations hides what is none.
fn listed(expanded: &Expanded, findings: Vec<Weighed>, limits: &Limits) -> Vec<Weighed> {
    let mut counts: HashMap<(RuleId, crate::artifact::ArtifactId, usize), usize> = HashMap::new();
    let key = |weighed: &Weighed| {
        let (finding, steps) = (&weighed.finding, weighed.context.len().min(2));
        (finding.rule.clone(), expanded.arena.locate(finding.span()).0.artifact, steps)
    };
    let mut is_listed = |weighed: &Weighed| {
        let count = counts.entry(key(weighed)).or_default();
        *count += 1;
        let most = if weighed.finding.severity < Severity::High { 1 } else { 4 } * limits.findings_per_rule;
        *count <= most
    };
    findings.into_iter().filter(|weighed| is_listed(weighed)).collect()
}
