//! Indicators of compromise: literal known-bad values with provenance and date.
//!
//! Only `ioc/*` rules read them, so that dropping those rules equals empty lists.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::finding::Confidence;
use crate::rule::RuleError;

/// One known-bad value.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// `host`, `ip`, `url`, `sha256`, `npm`, `pypi`, `publisher`, `slug`, `string`, `wallet`, `email`.
    pub kind: String,
    /// The value, normalised as its kind is compared.
    pub value: String,
    /// How sure its source is.
    pub confidence: Confidence,
    /// Campaign that it belongs to.
    pub campaign: String,
    /// Day it was first seen, `YYYY-MM-DD`.
    pub first_seen: String,
}

/// All indicators, indexed for exact lookup.
#[derive(Default)]
pub struct Indicators {
    exact: HashMap<String, HashMap<String, Indicator>>,
    /// Hosts, addresses and the hosts of listed URLs, for finding candidates in one pass.
    hosts: Option<AhoCorasick>,
    strings: Vec<Indicator>,
    automaton: Option<AhoCorasick>,
}

/// Kinds whose values are looked for as plain text anywhere.
const TEXT_KINDS: [&str; 3] = ["string", "wallet", "email"];

impl Indicators {
    pub(crate) fn parse(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let mut exact = HashMap::new();
        let mut strings = Vec::new();
        let mut rows = Vec::new();
        for (file, text) in files {
            rows.extend(super::csv(file, text)?.into_iter().map(|row| (*file, row)));
        }
        for (file, row) in rows {
            let [kind, value, confidence, campaign, first_seen, ..] = row.as_slice() else {
                return Err(super::bad_row(file, &row));
            };
            let confidence = match confidence.as_str() {
                "high" => Confidence::High,
                "medium" => Confidence::Medium,
                "low" => Confidence::Low,
                _ => return Err(super::bad_row(file, &row)),
            };
            let indicator = Indicator {
                kind: kind.clone(),
                value: value.clone(),
                confidence,
                campaign: campaign.clone(),
                first_seen: first_seen.clone(),
            };
            if TEXT_KINDS.contains(&kind.as_str()) {
                strings.push(indicator);
            } else {
                let of_kind: &mut HashMap<String, Indicator> = exact.entry(kind.clone()).or_default();
                of_kind.insert(value.clone(), indicator);
            }
        }
        let host_of = |url: &String| url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let of = |kind: &str| exact.get(kind).into_iter().flat_map(HashMap::keys);
        let mut names: Vec<String> = of("host").chain(of("ip")).cloned().chain(of("url").filter_map(host_of)).collect();
        names.sort();
        names.dedup();
        let broken = |error: aho_corasick::BuildError| RuleError::Body {
            file: "lists/indicators.csv".to_owned(),
            why: error.to_string(),
        };
        let hosts = (!names.is_empty()).then(|| {
            AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest).build(&names)
        });
        let hosts = hosts.transpose().map_err(broken)?;
        let automaton = (!strings.is_empty())
            .then(|| {
                AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(strings.iter().map(|i| &i.value))
            })
            .transpose()
            .map_err(broken)?;
        Ok(Self { exact, hosts, strings, automaton })
    }

    /// The indicator of this kind with exactly this value.
    pub fn get(&self, kind: &str, value: &str) -> Option<&Indicator> {
        self.exact.get(kind)?.get(value)
    }

    /// Places in `bytes` that may be (part of) a listed host or address.
    pub fn host_candidates<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.hosts.iter().flat_map(move |hosts| hosts.find_iter(bytes)).map(|found| found.range())
    }

    /// Text indicators in `bytes`, with their places.
    pub fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (&'a Indicator, std::ops::Range<usize>)> {
        self.automaton
            .iter()
            .flat_map(move |automaton| automaton.find_iter(bytes))
            .filter_map(|found| Some((self.strings.get(found.pattern().as_usize())?, found.range())))
            .filter(|(indicator, range)| {
                let is_word =
                    |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|b| b.is_ascii_alphanumeric());
                indicator.kind == "string" || !(is_word(range.start.checked_sub(1)) || is_word(Some(range.end)))
            })
    }

    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.exact.values().map(HashMap::len).sum::<usize>() + self.strings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
