//! Scores prose by what it asks for: links of a kind, phrases of a list,
//! how they stand together. A keyword alone decides nothing.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;

use super::Input;
use crate::artifact::{Artifact, Op, Span};
use crate::finding::{Confidence, Evidence, Finding, Role, Severity};
use crate::parse::markdown::{self, Document};
use crate::parse::{Body, Kind};
use crate::rule::Meta;
use crate::ruleset::concept::Concepts;
use crate::ruleset::lexicon::Lexicons;
use crate::text;

mod judge;
mod target;
mod unit;

use judge::Judge;

/// Body `<rule>.prose.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProseRule {
    /// How much text is judged together.
    pub scope: Scope,
    /// Score from which the rule reports; what is required needs none.
    #[serde(default)]
    pub threshold: u32,
    /// What is scored.
    #[serde(rename = "signal")]
    pub signals: Vec<Signal>,
    /// Other grades for higher scores; the first that is reached decides.
    #[serde(default, rename = "grade")]
    pub grades: Vec<Grade>,
}

/// What a score means, where that is not what the rule says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// From this score on.
    pub score: u32,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// Instead of the rule's message.
    pub message: Option<String>,
}

/// How much text is judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// A sentence and its neighbours in the block.
    Sentence,
    /// A block and what follows it within 240 characters.
    Block,
    /// A heading and the blocks right below it, as far as they are read together.
    Section,
}

/// One thing that is scored; exactly one of the conditions is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Signal {
    /// Points.
    #[serde(default)]
    pub score: u32,
    /// Without it the rule does not report, whatever the score.
    #[serde(default)]
    pub required: bool,
    /// A link whose target is of one of these classes (see [`target_classes`]).
    pub links: Option<Vec<String>>,
    /// Or a link to one of these, if its block holds a phrase of the lexicon `weak-phrases`.
    #[serde(default)]
    pub weak_links: Vec<String>,
    /// What makes a weak link count.
    pub weak_phrases: Option<String>,
    /// A phrase of this lexicon.
    pub phrases: Option<String>,
    /// Or a phrase of one of these.
    #[serde(default)]
    pub or_phrases: Vec<String>,
    /// Or a phrase of this lexicon in a code block.
    pub code_phrases: Option<String>,
    /// The phrase must be followed by a literal token (a password, say).
    #[serde(default)]
    pub token: bool,
    /// The phrase may also stand in the sentences around the one that is judged.
    #[serde(default)]
    pub nearby: bool,
    /// The text must hold no phrase of this lexicon in the same sentence.
    pub unless: Option<String>,
    /// A link to a helper whose name is no well-known tool and nothing that the package declares.
    #[serde(default)]
    pub unknown_helper: bool,
    /// A passage that reads as this concept.
    pub reads: Option<String>,
    /// What its score comes to at least.
    #[serde(default)]
    pub at_least: f32,
    /// An address in prose or in a code block that leads to one of these classes.
    pub addresses: Option<Vec<String>>,
    /// An e-mail address of somebody in particular.
    #[serde(default)]
    pub email: bool,
    /// The package is a skill, whose text an agent takes for orders.
    #[serde(default)]
    pub in_skill: bool,
    /// Two or more operating systems are sent to different places.
    #[serde(default)]
    pub per_os: bool,
    /// The same targets stand in another section as well.
    #[serde(default)]
    pub repeated: bool,
    /// The text is the description in the front matter.
    #[serde(default)]
    pub in_description: bool,
}

impl ProseRule {
    /// Checks that the lexicons and concepts exist.
    ///
    /// # Errors
    /// Names the one that does not.
    pub fn check(&self, lexicons: &Lexicons, concepts: &Concepts) -> Result<(), String> {
        for name in self.signals.iter().filter_map(|signal| signal.reads.as_ref()) {
            if concepts.get(name).is_none() {
                return Err(format!("there is no concept `{name}` in concepts/"));
            }
        }
        for name in self.signals.iter().flat_map(|signal| {
            let others = signal.unless.iter().chain(&signal.code_phrases).chain(&signal.weak_phrases);
            signal.phrases.iter().chain(&signal.or_phrases).chain(others)
        }) {
            if lexicons.get(name).is_none() {
                return Err(format!("there is no phrase list `{name}` in lexicons/"));
            }
        }
        Ok(())
    }
}

/// A place that a signal was seen at, as a document range.
type Seen = (Range<usize>, String);

/// Findings of all prose rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for artifact in input.expanded.arena.iter() {
        let Some(document) = document_of(artifact) else { continue };
        judge(input, artifact, &document, &mut found);
        if !document.hidden.is_empty() {
            // What the page does not show, the agent reads all the same.
            judge(input, artifact, &document.of_hidden(&text::view(&artifact.bytes)), &mut found);
        }
    }
    found
}

/// What belongs together in a line of a program stands within so many bytes.
const PASSAGE: usize = 2000;

/// Whether places are far apart: in a table, in a list of options without end, or in lines that nobody writes, as those
/// of a bundle, which hold everything somewhere.
fn is_scattered(artifact: &Artifact, document: &Document, seen: &[Seen]) -> bool {
    let bytes = &artifact.bytes;
    let start = seen.iter().map(|(range, _)| range.start).min().unwrap_or(0);
    let end = seen.iter().map(|(range, _)| range.end).max().unwrap_or(0);
    // How far the blocks of a page reach is told when they are put together.
    if matches!(artifact.kind, Kind::Markdown | Kind::Markup)
        && document.block_at(start) != document.block_at(end.saturating_sub(1))
    {
        return false;
    }
    if !artifact.kind.is_code() {
        return end - start > PASSAGE;
    }
    let lines = memchr::memchr_iter(b'\n', bytes.get(start..end).unwrap_or(b"")).count() + 1;
    end - start > PASSAGE && (end - start) / lines > PASSAGE
}

fn judge(input: &Input<'_>, artifact: &Artifact, document: &Document, found: &mut Vec<Finding>) {
    let judge = Judge::new(input, artifact.id, document);
    for (id, rule) in &input.rules.prose {
        let Some(meta) = input.rules.get(id).map(|r| &r.meta) else { continue };
        // A program has no sections: its text is one only by accident.
        if rule.scope == Scope::Section && artifact.kind.is_code() {
            continue;
        }
        if !judge.may_hold(rule) {
            continue;
        }
        for unit in judge.units(rule.scope) {
            let Some((score, seen)) = judge.unit(rule, unit) else { continue };
            if is_scattered(artifact, document, &seen) {
                continue;
            }
            let grade = rule.grades.iter().find(|grade| score >= grade.score);
            found.push(report(id, meta, grade, artifact, seen));
        }
    }
}

/// An artifact as a document: Markdown and markup as parsed, strings of data, other text by paragraphs.
/// What lies in a document already (a code block, say) is judged there.
fn document_of(artifact: &Artifact) -> Option<Cow<'_, Document>> {
    let op = artifact.derivation.as_ref().map(|d| d.op);
    match &artifact.body {
        Body::Markdown(document) => Some(Cow::Borrowed(document)),
        Body::Data(data) => Some(Cow::Owned(markdown::of_strings(data))),
        Body::None if artifact.kind.is_binary() => None,
        // A block without a tag may be taken for a command and be an order all the same.
        Body::None if op == Some(Op::CodeBlock) && artifact.kind == Kind::Shell => {
            Some(Cow::Owned(markdown::plain(&text::view(&artifact.bytes))))
        }
        Body::None if artifact.is_file() || op.is_some_and(is_text_of_its_own) => {
            Some(Cow::Owned(markdown::plain(&text::view(&artifact.bytes))))
        }
        Body::None => None,
    }
}

/// Whether what came out is a text that stands in no document.
fn is_text_of_its_own(op: Op) -> bool {
    op.is_decoding()
        || matches!(
            op,
            Op::Transcoded
                | Op::Inflated
                | Op::Trailer
                | Op::Metadata
                | Op::DocumentText
                | Op::DocumentScript
                | Op::NotebookCell
                | Op::Window
        )
}

fn report(
    id: &crate::rule::RuleId,
    meta: &Meta,
    grade: Option<&Grade>,
    artifact: &Artifact,
    seen: Vec<Seen>,
) -> Finding {
    let severity = grade.and_then(|grade| grade.severity).unwrap_or(meta.severity);
    let confidence = grade.and_then(|grade| grade.confidence).unwrap_or(meta.confidence);
    let message = grade.and_then(|grade| grade.message.as_ref()).unwrap_or(&meta.message);
    let mut seen = seen.into_iter();
    let (range, note) = seen.next().unwrap_or((0..0, String::new()));
    let finding = Finding::new(id.clone(), severity, confidence, message, Span::new(artifact.id, range), note);
    finding.with(seen.map(|(range, note)| Evidence::new(Span::new(artifact.id, range), Role::Context, note)))
}
