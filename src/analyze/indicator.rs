//! Exact matches with indicator lists, in every decoded layer. The only code
//! that reads those lists, on behalf of `ioc/*` rules.

use std::ops::Range;

use serde::Deserialize;

use super::Input;
use crate::artifact::{Artifact, Span};
use crate::finding::Finding;
use crate::parse::{Body, Kind};
use crate::ruleset::indicators::Indicator;

/// Body `<rule>.list.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRule {
    /// Kinds of indicators that the rule reports.
    pub kinds: Vec<String>,
}

/// Findings of all list rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut hits: Vec<(Span, &Indicator)> = Vec::new();
    for artifact in input.expanded.arena.iter() {
        let whole = artifact.span();
        let digest = match input.package.file_digests.get(artifact.id.0 as usize) {
            Some(digest) => Some(*digest),
            None if artifact.depth > 0 => Some(<sha2::Sha256 as sha2::Digest>::digest(&artifact.bytes).into()),
            None => None,
        };
        if let Some(digest) = digest.map(|digest: [u8; 32]| data_encoding::HEXLOWER.encode(&digest)) {
            hits.extend(
                input.rules.indicators.get("sha256", &digest).map(|i| (Span { end: whole.end.min(1), ..whole }, i)),
            );
        }
        // What a slice holds, its file holds as well.
        if artifact.is_slice() {
            continue;
        }
        hits.extend(input.rules.indicators.find(&artifact.bytes).map(|(i, range)| (Span::new(artifact.id, range), i)));
        if !artifact.kind.is_binary() {
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
    let indicators = &input.rules.indicators;
    let bytes = &artifact.bytes;
    let mut check = |host: &str, span: Span| {
        hits.extend(indicators.get("ip", host).map(|i| (span, i)));
        let mut name = host;
        loop {
            hits.extend(indicators.get("host", name).map(|i| (span, i)));
            match name.split_once('.') {
                Some((_, rest)) if rest.contains('.') => name = rest,
                _ => break,
            }
        }
    };
    for candidate in indicators.host_candidates(bytes) {
        let range = grown(bytes, candidate.clone(), |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let host = String::from_utf8_lossy(artifact.get(range.clone())).trim_matches('.').to_ascii_lowercase();
        check(&host, Span::new(artifact.id, candidate));
    }
    for candidate in indicators.host_candidates(bytes) {
        let range = grown(bytes, candidate, |b| {
            b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\'' | b'`' | b'\\' | b')' | b'(' | b']' | b'|')
        });
        let text = String::from_utf8_lossy(artifact.get(range.clone())).into_owned();
        let raw =
            text.get(text.find("http").unwrap_or(0)..).unwrap_or("").trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let canonical = url::Url::parse(raw).map(|url| url.to_string()).unwrap_or_default();
        let listed = indicators.get("url", raw).or_else(|| indicators.get("url", canonical.trim_end_matches('/')));
        hits.extend(listed.map(|i| (Span::new(artifact.id, range), i)));
    }
    numeric_addresses(input, artifact, hits);
}

/// Addresses written as one number, or in octal or hexadecimal parts, which browsers accept all the same.
fn numeric_addresses<'a>(input: &'a Input<'_>, artifact: &Artifact, hits: &mut Vec<(Span, &'a Indicator)>) {
    for at in memchr::memmem::find_iter(&artifact.bytes, "://") {
        let rest = artifact.get(at + 3..(at + 64).min(artifact.bytes.len()));
        let length = rest.iter().take_while(|b| b.is_ascii_hexdigit() || matches!(b, b'x' | b'X' | b'.')).count();
        let Ok(host) = std::str::from_utf8(rest.get(..length).unwrap_or(b"")) else { continue };
        if !host.starts_with(|c: char| c.is_ascii_digit()) || host.parse::<std::net::Ipv4Addr>().is_ok() {
            continue;
        }
        if let Some(place) = input.rules.hosts.place(&format!("http://{host}/")) {
            let span = Span::new(artifact.id, at + 3..at + 3 + length);
            hits.extend(input.rules.indicators.get("ip", &place.host).map(|i| (span, i)));
        }
    }
}

/// `range` with all neighbours that `belongs` accepts.
fn grown(bytes: &[u8], range: Range<usize>, belongs: fn(u8) -> bool) -> Range<usize> {
    let before = bytes.get(..range.start).unwrap_or(b"").iter().rev().take(512).take_while(|b| belongs(**b)).count();
    let after = bytes.get(range.end..).unwrap_or(b"").iter().take(512).take_while(|b| belongs(**b)).count();
    range.start - before..range.end + after
}

fn packages<'a>(input: &'a Input<'_>, artifact: &Artifact, hits: &mut Vec<(Span, &'a Indicator)>) {
    let mut check = |name: &str, version: &str, span: Span| {
        for value in [format!("{name}@{version}"), format!("{name}@*")] {
            let value = value.to_ascii_lowercase();
            hits.extend(
                ["npm", "pypi"].iter().filter_map(|kind| input.rules.indicators.get(kind, &value)).map(|i| (span, i)),
            );
        }
    };
    // `name@version` and `name==version`, as package managers take them.
    let bytes = &artifact.bytes;
    for at in memchr::memchr2_iter(b'@', b'=', bytes) {
        let sign = if bytes[at] == b'@' { 1 } else { 2 };
        if !bytes.get(at + sign).is_some_and(u8::is_ascii_digit) || (sign == 2 && bytes.get(at + 1) != Some(&b'=')) {
            continue;
        }
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'@');
        let is_version = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        let before = bytes[..at].iter().rev().take(214).take_while(|b| is_name(b)).count();
        let after = bytes[at + sign..].iter().take(64).take_while(|b| is_version(b)).count();
        let (Ok(name), Ok(version)) =
            (std::str::from_utf8(&bytes[at - before..at]), std::str::from_utf8(&bytes[at + sign..at + sign + after]))
        else {
            continue;
        };
        check(name, version.trim_end_matches('.'), Span::new(artifact.id, at - before..at + sign + after));
    }
    let Body::Data(data) = &artifact.body else { return };
    // Tables of that name in TOML are those of another registry.
    for string in data.strings.iter().filter(|_| artifact.kind != Kind::Toml) {
        let Some((table, name)) = string.key.split_once("ependencies.") else { continue };
        if !table.contains('.') {
            check(
                name,
                string.text.trim_start_matches(['^', '~', '=', 'v']),
                Span::new(artifact.id, string.range.clone()),
            );
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
        hits.extend(
            input.rules.indicators.get("slug", &value).map(|i| (Span::new(artifact.id, slug.range.clone()), i)),
        );
    }
}
