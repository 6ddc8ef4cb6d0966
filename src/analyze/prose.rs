//! Scores prose by what it asks for: links of a kind, phrases of a list,
//! how they stand together. A keyword alone decides nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;

use super::Input;
use crate::artifact::{Artifact, Op, Span};
use crate::finding::{Confidence, Evidence, Finding, Role, Severity};
use crate::parse::markdown::{self, Block, BlockKind, Document, Link};
use crate::parse::{Body, Kind};
use crate::rule::Meta;
use crate::ruleset::lexicon::Lexicons;
use crate::text;

/// Body `<rule>.prose.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProseRule {
    /// How much text is judged together.
    pub scope: Scope,
    /// Score from which the rule reports.
    pub threshold: u32,
    /// What is scored.
    #[serde(rename = "signal")]
    pub signals: Vec<Signal>,
}

/// How much text is judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// A sentence and its neighbours in the block.
    Sentence,
    /// A block and what follows it within 240 characters.
    Block,
    /// A heading and all blocks right below it.
    Section,
}

/// One thing that is scored; exactly one of the conditions is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Signal {
    /// Points.
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
    /// Checks that the lexicons exist.
    ///
    /// # Errors
    /// Names the one that does not.
    pub fn check(&self, lexicons: &Lexicons) -> Result<(), String> {
        for name in self
            .signals
            .iter()
            .flat_map(|signal| signal.phrases.iter().chain(&signal.unless).chain(&signal.code_phrases))
        {
            if lexicons.get(name).is_none() {
                return Err(format!("there is no lexicons/{name}.txt"));
            }
        }
        Ok(())
    }
}

/// Text that is judged together.
struct Unit<'d> {
    blocks: Vec<&'d Block>,
    /// For a sentence: its range in the text of the only block.
    sentence: Option<Range<usize>>,
}

/// A place that a signal was seen at, as a document range.
type Seen = (Range<usize>, String);

/// Findings of all prose rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for artifact in input.expanded.arena.iter() {
        let Some(document) = document_of(artifact) else { continue };
        let judge = Judge { input, document: &document };
        let mut folded = None;
        for (id, rule) in &input.rules.prose {
            let Some(meta) = input.rules.get(id).map(|r| &r.meta) else { continue };
            // A program has no sections: its text is one only by accident.
            if rule.scope == Scope::Section && artifact.kind.is_code() {
                continue;
            }
            if !judge.may_hold(rule, &mut folded) {
                continue;
            }
            let mut last_end = 0;
            for unit in judge.units(rule) {
                let Some(finding) = judge.unit(rule, &unit).map(|seen| report(id, meta, artifact, seen)) else {
                    continue;
                };
                // Overlapping units of one passage are one finding.
                if finding.span().start as usize >= last_end {
                    last_end = finding.span().end as usize;
                    found.push(finding);
                }
            }
        }
    }
    found
}

/// An artifact as a document: Markdown and markup as parsed, strings of data, other text by paragraphs.
/// What lies in a document already (a code block, say) is judged there.
fn document_of(artifact: &Artifact) -> Option<Cow<'_, Document>> {
    let op = artifact.derivation.as_ref().map(|d| d.op);
    match &artifact.body {
        Body::Markdown(document) => Some(Cow::Borrowed(document)),
        Body::Data(data) => Some(Cow::Owned(markdown::of_strings(data))),
        Body::None if artifact.kind == Kind::Binary => None,
        Body::None if op.is_none_or(|op| op.is_decoding() || op == Op::Utf16) => {
            Some(Cow::Owned(markdown::plain(&text::view(&artifact.bytes))))
        }
        Body::None => None,
    }
}

fn report(id: &crate::rule::RuleId, meta: &Meta, artifact: &Artifact, seen: Vec<Seen>) -> Finding {
    let (severity, confidence): (Severity, Confidence) = (meta.severity, meta.confidence);
    let mut seen = seen.into_iter();
    let (range, note) = seen.next().unwrap_or((0..0, String::new()));
    let finding = Finding::new(id.clone(), severity, confidence, &meta.message, Span::new(artifact.id, range), note);
    finding.with(seen.map(|(range, note)| Evidence::new(Span::new(artifact.id, range), Role::Context, note)))
}

struct Judge<'a> {
    input: &'a Input<'a>,
    document: &'a Document,
}

impl<'a> Judge<'a> {
    /// Whether the document holds what the rule requires at all: most do not, which one look at the whole tells.
    fn may_hold(&self, rule: &ProseRule, folded: &mut Option<String>) -> bool {
        rule.signals.iter().filter(|signal| signal.required).all(|signal| {
            if let Some(classes) = &signal.links {
                return self.document.blocks.iter().flat_map(|b| &b.links).any(|link| {
                    let own = target_classes(self.input, &link.target);
                    classes.iter().chain(&signal.weak_links).any(|class| own.contains(class.as_str()))
                });
            }
            let Some(name) = signal.phrases.as_ref().filter(|_| signal.code_phrases.is_none()) else { return true };
            let folded = folded.get_or_insert_with(|| {
                let texts: Vec<&str> = self.document.blocks.iter().map(|block| block.text.as_str()).collect();
                text::fold(&texts.join("\n")).0
            });
            self.input.rules.lexicons.holds(name, folded)
        })
    }

    /// Units that hold the rule's required links or phrases; the others cannot report.
    fn units(&self, rule: &ProseRule) -> Vec<Unit<'a>> {
        let blocks = &self.document.blocks;
        let prose = |block: &&Block| block.is_prose();
        match rule.scope {
            Scope::Sentence => blocks
                .iter()
                .filter(prose)
                .flat_map(|block| {
                    sentences(&block.text)
                        .into_iter()
                        .map(move |sentence| Unit { blocks: vec![block], sentence: Some(sentence) })
                })
                .collect(),
            Scope::Block => (0..blocks.len())
                .filter(|&at| blocks[at].is_prose())
                .map(|at| {
                    if blocks[at].kind == BlockKind::Cell {
                        return Unit { blocks: row_of(blocks, at), sentence: None };
                    }
                    let mut unit = vec![&blocks[at]];
                    let end = blocks[at].range.end;
                    let near = blocks
                        .iter()
                        .skip(at + 1)
                        .take_while(|next| next.range.start <= end + 240 && next.section == blocks[at].section);
                    unit.extend(near.take(3));
                    Unit { blocks: unit, sentence: None }
                })
                .collect(),
            Scope::Section => {
                let mut units: Vec<Unit<'a>> = Vec::new();
                for block in blocks {
                    let own = matches!(block.kind, BlockKind::FrontMatter(_));
                    match units.last_mut().filter(|unit| {
                        !own && unit
                            .blocks
                            .last()
                            .is_some_and(|b| b.section == block.section && !matches!(b.kind, BlockKind::FrontMatter(_)))
                    }) {
                        Some(unit) => unit.blocks.push(block),
                        None => units.push(Unit { blocks: vec![block], sentence: None }),
                    }
                }
                units
            }
        }
    }

    fn unit(&self, rule: &ProseRule, unit: &Unit<'a>) -> Option<Vec<Seen>> {
        let mut score = 0;
        let mut places = Vec::new();
        // Required signals first: most text fails there, at little cost.
        let (required, optional): (Vec<&Signal>, Vec<&Signal>) =
            rule.signals.iter().partition(|signal| signal.required);
        for signal in required {
            places.push(self.signal(signal, unit)?);
            score += signal.score;
        }
        for signal in optional {
            if let Some(seen) = self.signal(signal, unit) {
                score += signal.score;
                places.push(seen);
            }
        }
        (score >= rule.threshold).then_some(places)
    }

    fn signal(&self, signal: &Signal, unit: &Unit<'a>) -> Option<Seen> {
        if let Some(classes) = &signal.links {
            let strong = self.linked(unit.blocks.iter(), unit, classes);
            return strong.or_else(|| {
                let lexicon = signal.weak_phrases.as_ref()?;
                let asks = unit.blocks.iter().filter(|block| {
                    block.is_prose() && self.input.rules.lexicons.holds(lexicon, &text::fold(&block.text).0)
                });
                self.linked(asks, unit, &signal.weak_links)
            });
        }
        if let Some(name) = &signal.phrases {
            return self.phrase(signal, name, unit);
        }
        if signal.unknown_helper {
            return self.unknown_helper(unit);
        }
        if signal.per_os {
            return self.per_os(unit);
        }
        if signal.repeated {
            return self.repeated(unit);
        }
        if signal.in_description {
            let block =
                unit.blocks.first().filter(|block| block.kind == BlockKind::FrontMatter("description".to_owned()))?;
            return Some((
                block.range.clone(),
                "in the description, which is always in the agent's context".to_owned(),
            ));
        }
        None
    }

    fn linked<'u>(
        &self,
        blocks: impl Iterator<Item = &'u &'a Block>,
        unit: &Unit<'a>,
        classes: &[String],
    ) -> Option<Seen>
    where
        'a: 'u,
    {
        blocks.flat_map(|block| links_in(block, unit)).find_map(|link| {
            let own = target_classes(self.input, &link.target);
            let class = classes.iter().find(|class| own.contains(class.as_str()))?;
            Some((link.range.clone(), format!("leads to: {class}")))
        })
    }

    fn links<'u>(&self, unit: &'u Unit<'a>) -> Vec<&'u Link> {
        unit.blocks.iter().flat_map(|block| links_in(block, unit)).collect()
    }

    fn phrase(&self, signal: &Signal, name: &str, unit: &Unit<'_>) -> Option<Seen> {
        let lexicons = &self.input.rules.lexicons;
        let lexicon = lexicons.get(name)?;
        for block in &unit.blocks {
            if !block.is_prose() {
                if let Some(seen) = signal.code_phrases.as_ref().and_then(|name| self.code_phrase(name, block)) {
                    return Some(seen);
                }
                continue;
            }
            let range = match &unit.sentence {
                Some(sentence) if signal.nearby => around(&block.text, sentence),
                Some(sentence) => sentence.clone(),
                None => 0..block.text.len(),
            };
            let part = text::slice(&block.text, range.clone());
            let (folded, from) = text::fold(part);
            for found in lexicon.find_all(&folded) {
                let at = |folded_at: usize| range.start + from.get(folded_at).map_or(part.len(), |&at| at as usize);
                let (start, end) = (at(found.start), at(found.end));
                let is_head = block.kind == BlockKind::Cell && block.row == 0;
                if signal.token
                    && !is_head
                    && !is_token_after(text::slice(&block.text, end..block.text.len()), block, end)
                {
                    continue;
                }
                if let Some(unless) = &signal.unless {
                    let sentence =
                        sentences(&block.text).into_iter().find(|s| s.contains(&start)).unwrap_or(0..block.text.len());
                    if lexicons.holds(unless, &text::fold(text::slice(&block.text, sentence)).0) {
                        continue;
                    }
                }
                return Some((block.source(start..end), format!("phrase: {}", name.replace('-', " "))));
            }
        }
        None
    }

    fn code_phrase(&self, name: &str, block: &Block) -> Option<Seen> {
        let (folded, from) = text::fold(&block.text);
        let found = self.input.rules.lexicons.get(name)?.find(&folded)?;
        let at = |folded_at: usize| from.get(folded_at).map_or(block.text.len(), |&at| at as usize);
        let next =
            text::slice(&block.text, at(found.end)..block.text.len()).trim_start_matches([' ', '"', '\'', ':', '=']);
        if is_placeholder(next) {
            return None;
        }
        Some((block.source(at(found.start)..at(found.end)), format!("phrase: {}", name.replace('-', " "))))
    }

    /// A file to download whose name no one knows.
    fn unknown_helper(&self, unit: &Unit<'_>) -> Option<Seen> {
        let declared = declared_names(self.document);
        self.links(unit).into_iter().find_map(|link| {
            let name = helper_name(&link.target).or_else(|| helper_name(&link.text))?;
            let known = self.input.rules.tools.contains(&name)
                || declared.contains(&name)
                || name.split(['-', '_', '.']).any(|part| {
                    part.len() >= 3 && self.input.rules.tools.contains(part) && part != "agent" && part != "cli"
                });
            (!known).then(|| {
                (link.range.clone(), format!("downloads `{name}`, which is no well-known tool and is declared nowhere"))
            })
        })
    }

    fn per_os(&self, unit: &Unit<'_>) -> Option<Seen> {
        let mut seen: Vec<(&str, BTreeSet<String>, Range<usize>)> = Vec::new();
        let mut current: Option<usize> = None;
        for block in &unit.blocks {
            if block.is_prose() {
                let (folded, _) = text::fold(text::slice(&block.text, 0..block.text.len().min(120)));
                for (os, words) in [
                    ("windows", &["windows"][..]),
                    ("macos", &["macos", "mac os", "mac users", "for mac"][..]),
                    ("linux", &["linux"][..]),
                ] {
                    if words.iter().any(|word| folded.contains(word)) {
                        current = Some(seen.iter().position(|(name, ..)| *name == os).unwrap_or_else(|| {
                            seen.push((os, BTreeSet::new(), block.range.clone()));
                            seen.len() - 1
                        }));
                    }
                }
            }
            let Some((_, origins, _)) = current.and_then(|at| seen.get_mut(at)) else { continue };
            origins
                .extend(block.links.iter().filter_map(|link| Some(self.input.rules.hosts.place(&link.target)?.host)));
            if matches!(block.kind, BlockKind::Code(_)) {
                origins.insert("a command".to_owned());
            }
        }
        let with_origin: Vec<_> = seen.iter().filter(|(_, origins, _)| !origins.is_empty()).collect();
        let differ = with_origin.windows(2).any(|pair| pair[0].1.is_disjoint(&pair[1].1));
        let (_, _, range) = with_origin.first()?;
        (with_origin.len() >= 2 && differ)
            .then(|| (range.clone(), "each system is sent to a different place".to_owned()))
    }

    fn repeated(&self, unit: &Unit<'_>) -> Option<Seen> {
        let section = unit.blocks.first()?.section;
        let in_front = |block: &Block| matches!(block.kind, BlockKind::FrontMatter(_));
        let targets: BTreeSet<&str> = self.links(unit).into_iter().map(|link| link.target.as_str()).collect();
        let here = in_front(unit.blocks.first()?);
        self.document
            .blocks
            .iter()
            .filter(|block| block.section != section || in_front(block) != here)
            .flat_map(|block| &block.links)
            .find(|link| targets.contains(link.target.as_str()) && is_download(self.input, &link.target))
            .map(|link| (link.range.clone(), "and again in another section".to_owned()))
    }
}

fn links_in<'b>(block: &'b Block, unit: &Unit<'_>) -> impl Iterator<Item = &'b Link> {
    let within = unit.sentence.clone().map(|sentence| block.source(sentence));
    block.links.iter().filter(move |link| {
        within.as_ref().is_none_or(|range| link.range.start < range.end && range.start < link.range.end)
    })
}

fn is_download(input: &Input<'_>, target: &str) -> bool {
    let classes = target_classes(input, target);
    ["archive", "executable", "paste", "file-drop", "landing"].iter().any(|class| classes.contains(*class))
}

/// What a link leads to: `archive`, `executable`, `landing` (a page on a host of no name), or the
/// class of its host.
pub(super) fn target_classes(input: &Input<'_>, target: &str) -> BTreeSet<String> {
    let mut classes = BTreeSet::new();
    if !target.contains("://") {
        return classes;
    }
    let Some(place) = input.rules.hosts.place(target) else { return classes };
    if matches!(place.class.as_str(), "installer" | "registry" | "local") {
        classes.insert(place.class);
        return classes;
    }
    let file = place.path.split(['?', '#']).next().unwrap_or("").to_ascii_lowercase();
    if ARCHIVES.iter().any(|ending| file.ends_with(ending)) {
        classes.insert("archive".to_owned());
    }
    if EXECUTABLES.iter().any(|ending| file.ends_with(ending)) {
        classes.insert("executable".to_owned());
    }
    if matches!(
        place.class.as_str(),
        "free-host" | "ip" | "tunnel" | "dyndns" | "shortener" | "doc-share" | "ai-artifact"
    ) {
        classes.insert("landing".to_owned());
    }
    classes.insert(place.class);
    classes
}

/// Endings of archives that people unpack by hand.
const ARCHIVES: [&str; 11] =
    [".zip", ".rar", ".7z", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".iso", ".img", ".gz"];
/// Endings of programs and installers.
pub(super) const EXECUTABLES: [&str; 18] = [
    ".exe",
    ".msi",
    ".dmg",
    ".pkg",
    ".deb",
    ".rpm",
    ".appimage",
    ".apk",
    ".bat",
    ".cmd",
    ".ps1",
    ".scr",
    ".jar",
    ".vbs",
    ".app",
    ".command",
    ".run",
    ".bin",
];

/// Name of the program in an archive or installer: the file name without version, system and ending.
fn helper_name(target: &str) -> Option<String> {
    let file = target.split(['?', '#']).next()?.rsplit('/').next()?.to_ascii_lowercase();
    let stem = ARCHIVES.iter().chain(&EXECUTABLES).find_map(|ending| file.strip_suffix(ending))?;
    let name = stem
        .split(['-', '_', '.', ' '])
        .take_while(|part| {
            !part.starts_with(|c: char| c.is_ascii_digit())
                && !matches!(
                    *part,
                    "win"
                        | "windows"
                        | "win32"
                        | "win64"
                        | "mac"
                        | "macos"
                        | "darwin"
                        | "linux"
                        | "x64"
                        | "x86"
                        | "arm64"
                        | "amd64"
                        | "setup"
                        | "installer"
                        | "latest"
                )
        })
        .collect::<Vec<_>>()
        .join("-");
    let says_nothing = [
        "",
        "install",
        "setup",
        "installer",
        "main",
        "master",
        "archive",
        "source",
        "release",
        "download",
        "latest",
        "package",
        "file",
        "data",
    ];
    (!says_nothing.contains(&name.as_str())).then_some(name)
}

/// Names that the package itself declares: its own, required programs, installers.
fn declared_names(document: &Document) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for string in document.front.iter().flat_map(|front| &front.strings) {
        let key = string.key.as_str();
        if key == "name" || key.contains("bins") || key.contains("install") {
            names.insert(string.text.to_ascii_lowercase());
        }
    }
    names
}

/// Whether a value is to be filled in by the reader or a variable.
fn is_placeholder(text: &str) -> bool {
    text.is_empty() || text.starts_with(['<', '$', '{', '%', '['])
}

/// Whether a literal token follows: in quotes or code, or one odd word after a colon.
fn is_token_after(rest: &str, block: &Block, end: usize) -> bool {
    let near = text::slice(rest, 0..rest.len().min(48));
    let source = block.source(end..end + near.len().max(1));
    if let Some(code) = block.code.iter().find(|code| source.start <= code.range.start && code.range.start < source.end)
    {
        return !is_placeholder(block.text.get(code.at.clone()).unwrap_or(""));
    }
    let trimmed = near
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | '=' | '*' | '_' | '-' | '–' | '—'));
    let after_sign = near.len() - trimmed.len() > 0 && near.trim_start().starts_with([':', '：', '=', '-', '–', '—']);
    let quoted =
        trimmed.starts_with(['"', '\'', '“', '‘', '「', '«', '`', '(']) || near.trim_start().starts_with("is ");
    let word: String = trimmed
        .trim_start_matches("is ")
        .trim_start_matches(['"', '\'', '“', '‘', '「', '«', '`', '(', '*'])
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '!' | '@' | '#' | '$'))
        .collect();
    let is_odd = word.chars().any(|c| c.is_ascii_digit()) || word.chars().count() <= 16;
    !word.is_empty() && is_odd && (after_sign || quoted || word.chars().any(|c| c.is_ascii_digit()))
}

/// The cells of a table's row with those of its head.
fn row_of(blocks: &[Block], at: usize) -> Vec<&Block> {
    let is_cell = |block: &&Block| block.kind == BlockKind::Cell;
    let start = blocks
        .get(..at)
        .unwrap_or(&[])
        .iter()
        .rposition(|block| block.kind != BlockKind::Cell)
        .map_or(0, |before| before + 1);
    let table = blocks.get(start..).unwrap_or(&[]).iter().take_while(is_cell);
    table.filter(|cell| cell.row == blocks[at].row || cell.row == 0).collect()
}

/// Sentences of a text, as ranges.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = matches!(c, '。' | '！' | '？' | '\n') || (matches!(c, '.' | '!' | '?') && next_is_space);
        if ends {
            let end = at + c.len_utf8();
            if !text.get(start..end).unwrap_or("").trim().is_empty() {
                found.push(start..end);
            }
            start = end;
        }
    }
    if !text.get(start..).unwrap_or("").trim().is_empty() {
        found.push(start..text.len());
    }
    found
}

/// A sentence with the ones before and after it.
fn around(text: &str, sentence: &Range<usize>) -> Range<usize> {
    let all = sentences(text);
    let at = all.iter().position(|s| s == sentence).unwrap_or(0);
    let first = all.get(at.saturating_sub(1)).map_or(sentence.start, |s| s.start);
    let last = all.get(at + 1).map_or(sentence.end, |s| s.end);
    first..last
}
