//! Rules over single values of data files: what is set to what, and where.

use std::collections::HashMap;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::Input;
use crate::artifact::{Artifact, Op, Span};
use crate::finding::{Confidence, Finding, Severity};
use crate::package::discover::is_skill_name;
use crate::parse::Body;
use crate::parse::data::{self, Data, DataString};
use crate::report::mask;
use crate::rule::{Meta, RuleId};
use crate::ruleset::hosts::Hosts;
use crate::ruleset::lazy::Pattern;
use crate::text;

/// Body `<rule>.setting.toml`: for each value the first case that fits decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingRule {
    /// Files whose values it is about; all, if it names none.
    #[serde(default, deserialize_with = "files")]
    pub files: Files,
    /// Cases in order.
    #[serde(rename = "case")]
    pub cases: Vec<SettingCase>,
}

/// Which data a rule is about.
#[derive(Debug, Clone)]
pub struct Files {
    /// Whatever it stands in.
    is_any: bool,
    /// Files with such paths, in lower case.
    paths: GlobSet,
    /// The header of a skill.
    front_matter: bool,
    /// Code blocks of documents.
    block: bool,
}

impl Default for Files {
    fn default() -> Self {
        Self { is_any: true, paths: GlobSet::empty(), front_matter: false, block: false }
    }
}

/// What must hold of a value; what is not given holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SettingCase {
    /// Its key path is one of these.
    #[serde(default, deserialize_with = "keys")]
    pub keys: Option<Pattern>,
    /// One of these is found in it.
    #[serde(default)]
    pub values: Vec<Pattern>,
    /// None of these is.
    #[serde(default)]
    pub not_values: Vec<Pattern>,
    /// Host classes, or `throwaway`, one of which it names an address of.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Host classes, or `throwaway` or `provider`, none of which it names an address of.
    #[serde(default)]
    pub not_hosts: Vec<String>,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// Instead of the rule's message.
    pub message: Option<String>,
}

impl SettingRule {
    /// Compiles all regular expressions.
    ///
    /// # Errors
    /// Names one that cannot be.
    pub fn compile(&self) -> Result<(), String> {
        self.cases.iter().try_for_each(|case| {
            case.keys.iter().chain(&case.values).chain(&case.not_values).try_for_each(Pattern::compile)
        })
    }

    /// Checks what the schema cannot say.
    ///
    /// # Errors
    /// Names the case that asks for nothing.
    pub fn check(&self) -> Result<(), String> {
        match self.cases.iter().position(|case| case.keys.is_none() && case.values.is_empty() && case.hosts.is_empty())
        {
            Some(index) => Err(format!("case {} needs `keys`, `values` or `hosts`", index + 1)),
            None => Ok(()),
        }
    }
}

fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Files, D::Error> {
    let mut files = Files { is_any: false, ..Files::default() };
    let mut paths = GlobSetBuilder::new();
    for glob in Vec::<String>::deserialize(deserializer)? {
        match glob.as_str() {
            "front-matter" => files.front_matter = true,
            "block" => files.block = true,
            _ => {
                let glob = GlobBuilder::new(&glob.to_ascii_lowercase()).literal_separator(true).build();
                paths.add(glob.map_err(D::Error::custom)?);
            }
        }
    }
    files.paths = paths.build().map_err(D::Error::custom)?;
    Ok(files)
}

fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pattern>, D::Error> {
    let globs = Vec::<String>::deserialize(deserializer)?;
    if globs.is_empty() {
        return Ok(None);
    }
    let patterns: Vec<String> = globs.iter().map(|glob| key_pattern(glob)).collect();
    Pattern::whole(format!("(?is){}", patterns.join("|"))).map(Some).map_err(D::Error::custom)
}

/// A glob over a key path as a regular expression: `*` stays within a key, `**` does not, `{a,b}` is either, and
/// `[]` stands for itself.
fn key_pattern(glob: &str) -> String {
    let mut pattern = String::new();
    let mut depth = 0_usize;
    let segments: Vec<&str> = glob.split('.').collect();
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        if *segment == "**" {
            pattern.push_str(if is_last { ".*" } else { r"(?:.*\.)?" });
            continue;
        }
        let mut rest = segment.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' if rest.next_if_eq(&'*').is_some() => pattern.push_str(".*"),
                '*' => pattern.push_str(r"[^.]*"),
                '?' => pattern.push_str(r"[^.]"),
                '{' => {
                    depth += 1;
                    pattern.push_str("(?:");
                }
                ',' if depth > 0 => pattern.push('|'),
                '}' if depth > 0 => {
                    depth -= 1;
                    pattern.push(')');
                }
                c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        if !is_last {
            pattern.push_str(r"\.");
        }
    }
    pattern
}

/// What values stand in, as rules name it.
enum Home {
    /// A file with this path, in lower case.
    File(String),
    /// The header of a document with this path.
    Header { path: String, is_skill: bool },
    /// A code block.
    Block,
    /// What was decoded, or is a string of something else.
    Part,
}

impl Home {
    fn of(artifact: &Artifact) -> Self {
        let op = artifact.derivation.as_ref().map(|d| d.op);
        if op == Some(Op::CodeBlock) && matches!(artifact.body, Body::Data(_)) {
            return Self::Block;
        }
        // A file that is packed, in another encoding, or written by a program, is the file that it is.
        let is_written = op == Some(Op::Folded) && artifact.member.is_some();
        if !artifact.is_file() && !is_written && !matches!(op, Some(Op::Inflated | Op::Transcoded)) {
            return Self::Part;
        }
        let path = artifact.named().shown().to_ascii_lowercase();
        match &artifact.body {
            Body::Markdown(_) => {
                let is_skill = is_skill_name(Path::new(artifact.named().name()));
                Self::Header { path, is_skill }
            }
            _ => Self::File(path),
        }
    }
}

impl Files {
    fn hold(&self, home: &Home) -> bool {
        self.is_any
            || match home {
                Home::File(path) => self.paths.is_match(path),
                Home::Header { path, is_skill } => (self.front_matter && *is_skill) || self.paths.is_match(path),
                Home::Block => self.block,
                Home::Part => false,
            }
    }
}

impl SettingCase {
    fn takes(&self, value: &str, hosts: &Hosts) -> bool {
        let hold = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_match(value));
        (self.values.is_empty() || hold(&self.values))
            && !hold(&self.not_values)
            && (self.hosts.is_empty() || hosts.any_in(value, &self.hosts))
            && !hosts.any_in(value, &self.not_hosts)
    }
}

type Known<'r> = (&'r RuleId, &'r SettingRule, &'r Meta);

/// Findings of all setting rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let known: Vec<Known<'_>> =
        input.rules.settings.iter().filter_map(|(id, rule)| Some((id, rule, &input.rules.get(id)?.meta))).collect();
    for artifact in input.expanded.arena.iter() {
        let data = match &artifact.body {
            Body::Data(data) => Some(data),
            Body::Markdown(document) => document.front.as_ref(),
            Body::None => None,
        };
        let Some(data) = data else { continue };
        let op = artifact.derivation.as_ref().map(|derivation| derivation.op);
        if op == Some(Op::Folded) && artifact.member.is_none() {
            // A text that a program makes is no file.
            continue;
        }
        let home = Home::of(artifact);
        let rules: Vec<Known<'_>> = known.iter().filter(|(_, rule, _)| rule.files.hold(&home)).copied().collect();
        if rules.is_empty() {
            continue;
        }
        let nested = if matches!(artifact.body, Body::Markdown(_)) { nested(data) } else { Data::default() };
        let values = [data, &nested].into_iter().flat_map(|data| data.strings.iter().chain(&data.scalars));
        judge(input, artifact, &rules, values, &mut found);
    }
    found
}

fn judge<'d>(
    input: &Input<'_>,
    artifact: &Artifact,
    rules: &[Known<'_>],
    values: impl Iterator<Item = &'d DataString>,
    found: &mut Vec<Finding>,
) {
    // A list has one key for all its items.
    let mut by_key: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    let mut counts: HashMap<(usize, usize), usize> = HashMap::new();
    for value in values {
        let fitting = by_key.entry(value.key.as_str()).or_insert_with(|| fitting(rules, &value.key));
        let mut decided = None;
        for &(at, nth) in fitting.iter() {
            let Some((id, rule, meta)) = rules.get(at) else { continue };
            let Some(case) =
                rule.cases.get(nth).filter(|case| decided != Some(at) && case.takes(&value.text, &input.rules.hosts))
            else {
                continue;
            };
            decided = Some(at);
            let count = counts.entry((at, nth)).or_default();
            *count += 1;
            if *count <= 4 * input.limits.findings_per_rule {
                found.push(report(id, meta, case, artifact, value));
            }
        }
    }
}

/// Rules and their cases that are about this key, in order.
fn fitting(rules: &[Known<'_>], key: &str) -> Vec<(usize, usize)> {
    let cases = rules
        .iter()
        .enumerate()
        .flat_map(|(at, (_, rule, _))| rule.cases.iter().enumerate().map(move |(nth, case)| ((at, nth), case)));
    cases.filter(|(_, case)| case.keys.as_ref().is_none_or(|keys| keys.is_match(key))).map(|(at, _)| at).collect()
}

fn report(id: &RuleId, meta: &Meta, case: &SettingCase, artifact: &Artifact, value: &DataString) -> Finding {
    Finding::new(
        id.clone(),
        case.severity.unwrap_or(meta.severity),
        case.confidence.unwrap_or(meta.confidence),
        case.message.as_deref().unwrap_or(&meta.message),
        Span::new(artifact.id, value.range.clone()),
        format!("`{}` = `{}`", shortened(&value.key, 80), shortened(&value.text, 60)),
    )
}

/// A text on one line, its beginning if it is longer than `most` characters; secrets masked.
fn shortened(whole: &str, most: usize) -> String {
    let head = mask::secrets(text::slice(whole, 0..1024));
    let mut line: String = head.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Values inside `metadata`, where a header has it as JSON in a string.
fn nested(front: &Data) -> Data {
    let mut nested = Data::default();
    for outer in front.strings.iter().filter(|string| string.key == "metadata") {
        let inner = data::json(&outer.text);
        let is_verbatim = outer.range.len() == outer.text.len();
        let placed = |value: DataString| DataString {
            key: format!("metadata.{}", value.key),
            range: if is_verbatim {
                outer.range.start + value.range.start..outer.range.start + value.range.end
            } else {
                outer.range.clone()
            },
            text: value.text,
        };
        nested.strings.extend(inner.strings.into_iter().map(placed));
        nested.scalars.extend(inner.scalars.into_iter().map(placed));
    }
    nested
}
