//! Exact matches with indicator lists, in every decoded layer. The only code
//! that reads those lists, on behalf of `ioc/*` rules.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::Input;
use crate::artifact::{Artifact, Span};
use crate::finding::Finding;
use crate::parse::{Body, Kind};
use crate::ruleset::indicators::Indicator;
use crate::text;

/// Body `<rule>.list.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRule {
    /// Kinds of indicators that the rule reports.
    pub kinds: Vec<String>,
}

/// Addresses with a scheme, host names, and IPv4 addresses.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\bhttps?://[^\s<>"'`\\)\]|]+|\b(?:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.)+(?:[a-z]{2,24}|\d{1,3})\b"#).expect("pattern is constant")
});

/// `name@version` as package managers take it.
static PACKAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(@?[a-z0-9][\w.-]*(?:/[a-z0-9][\w.-]*)?)(?:@|==)(\d+\.[\w.+-]*)").expect("pattern is constant"));

/// Findings of all list rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut hits: Vec<(Span, &Indicator)> = Vec::new();
    for artifact in input.expanded.arena.iter() {
        let whole = artifact.span();
        if artifact.derivation.is_none() || artifact.depth > 0 {
            let digest = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&artifact.bytes));
            hits.extend(input.rules.indicators.get("sha256", &digest).map(|i| (Span { end: whole.end.min(1), ..whole }, i)));
        }
        // What a slice holds, its file holds as well.
        if artifact.is_slice() {
            continue;
        }
        hits.extend(input.rules.indicators.find(&artifact.bytes).map(|(i, range)| (Span::new(artifact.id, range), i)));
        if artifact.kind != Kind::Binary {
            addresses(input, artifact, &mut hits);
            packages(input, artifact, &mut hits);
            identity(input, artifact, &mut hits);
        }
    }
    let mut found = Vec::new();
    for (span, indicator) in hits {
        for (id, _) in input.rules.lists.iter().filter(|(_, rule)| rule.kinds.contains(&indicator.kind)) {
            let Some(meta) = input.rules.get(id).map(|r| &r.meta) else { continue };
            let confidence = meta.confidence.min(indicator.confidence);
            let note = format!("listed: campaign {}, first seen {}", indicator.campaign, indicator.first_seen);
            found.push(Finding::new(id.clone(), meta.severity, confidence, &meta.message, span, note));
        }
    }
    found
}

fn addresses<'a>(input: &'a Input<'_>, artifact: &Artifact, hits: &mut Vec<(Span, &'a Indicator)>) {
    let source = text::view(&artifact.bytes);
    for found in ADDRESS.find_iter(&source) {
        let raw = found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let span = Span::new(artifact.id, found.start()..found.start() + raw.len());
        let indicators = &input.rules.indicators;
        if raw.contains("://") {
            let canonical = url::Url::parse(raw).map(|url| url.to_string()).unwrap_or_default();
            hits.extend(indicators.get("url", raw).or_else(|| indicators.get("url", canonical.trim_end_matches('/'))).map(|i| (span, i)));
        }
        let Some(place) = input.rules.hosts.place(raw) else { continue };
        hits.extend(indicators.get("ip", &place.host).map(|i| (span, i)));
        let mut name = place.host.as_str();
        loop {
            hits.extend(indicators.get("host", name).map(|i| (span, i)));
            match name.split_once('.') {
                Some((_, rest)) if rest.contains('.') => name = rest,
                _ => break,
            }
        }
    }
}

fn packages<'a>(input: &'a Input<'_>, artifact: &Artifact, hits: &mut Vec<(Span, &'a Indicator)>) {
    let mut check = |name: &str, version: &str, span: Span| {
        for kind in ["npm", "pypi"] {
            for value in [format!("{name}@{version}"), format!("{name}@*")] {
                hits.extend(input.rules.indicators.get(kind, &value.to_ascii_lowercase()).map(|i| (span, i)));
            }
        }
    };
    let source = text::view(&artifact.bytes);
    for found in PACKAGE.captures_iter(&source) {
        if let (Some(whole), Some(name), Some(version)) = (found.get(0), found.get(1), found.get(2)) {
            check(name.as_str(), version.as_str(), Span::new(artifact.id, whole.range()));
        }
    }
    let Body::Data(data) = &artifact.body else { return };
    for string in &data.strings {
        let Some((table, name)) = string.key.split_once("ependencies.") else { continue };
        if !table.contains('.') {
            check(name, string.text.trim_start_matches(['^', '~', '=', 'v']), Span::new(artifact.id, string.range.clone()));
        }
    }
}

/// Owner and slug that the registry's own files name.
fn identity<'a>(input: &'a Input<'_>, artifact: &Artifact, hits: &mut Vec<(Span, &'a Indicator)>) {
    let Body::Data(data) = &artifact.body else { return };
    if !matches!(artifact.path.name(), "_meta.json" | "origin.json") {
        return;
    }
    let of = |key: &str| data.strings.iter().find(|string| string.key == key);
    let Some(owner) = of("owner").or_else(|| of("ownerHandle")) else { return };
    let span = Span::new(artifact.id, owner.range.clone());
    let handle = owner.text.to_ascii_lowercase();
    hits.extend(input.rules.indicators.get("publisher", &handle).map(|i| (span, i)));
    if let Some(slug) = of("slug") {
        let value = format!("{handle}/{}", slug.text.to_ascii_lowercase());
        hits.extend(input.rules.indicators.get("slug", &value).map(|i| (Span::new(artifact.id, slug.range.clone()), i)));
    }
}

