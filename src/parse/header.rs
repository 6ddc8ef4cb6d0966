//! The header of a skill as its two readers see it: the registry, which shows
//! and checks it, and the agent's loader, which acts on it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::fact::{Fact, FactKind};
use crate::parse::data::{self, Data};

/// Blocks of `metadata` in the order in which each reader takes the first that is there.
const REGISTRY: [&str; 3] = ["clawdbot", "clawdis", "openclaw"];
const AGENT: [&str; 2] = ["openclaw", "clawdbot"];

/// Facts about a header that its readers read differently.
pub(super) fn facts(front: &Data, source: &str, range: Range<usize>, complaint: Option<&str>) -> Vec<Fact> {
    let mut facts = Vec::new();
    if complaint.is_some_and(|complaint| complaint.contains("duplicate")) {
        let note = "a key is given twice, and which one counts depends on the reader";
        facts.push(Fact::new(FactKind::Header, range.clone(), note).label("duplicate-key"));
    }
    // The registry takes JSON, with commas too many; the loader takes JSON5.
    let text = front.strings.iter().find(|string| string.key == "metadata");
    let inner = text.map(|string| data::json(&string.text));
    let blocks = blocks(inner.as_ref().unwrap_or(front), if inner.is_some() { "" } else { "metadata." }, source);
    if let Some(string) = text.filter(|string| !blocks.is_empty() && !is_json(&string.text)) {
        let note = "`metadata` is JSON5, which the registry does not read";
        let fact = Fact::new(FactKind::Header, string.range.clone(), note).label("json5-only");
        facts.push(if installs(blocks.values()) { fact.label("install-differs") } else { fact });
    }
    let first = |order: &[&'static str]| order.iter().find(|name| blocks.contains_key(**name)).copied();
    if let (Some(shown), Some(loaded)) = (first(&REGISTRY), first(&AGENT))
        && blocks.get(shown) != blocks.get(loaded)
    {
        let note = format!("the registry reads `metadata.{shown}`, the agent `metadata.{loaded}`, and they differ");
        let fact = Fact::new(FactKind::Header, range, note).label("blocks-differ");
        let of = |name: &str| blocks.get(name).map(|block| only_installs(block)).unwrap_or_default();
        facts.push(if of(shown) == of(loaded) { fact } else { fact.label("install-differs") });
    }
    facts
}

/// Keys and values of one block.
type Block<'d> = Vec<(&'d str, &'d str)>;

fn blocks<'d>(data: &'d Data, prefix: &str, source: &str) -> BTreeMap<&'d str, Block<'d>> {
    let mut blocks: BTreeMap<&str, Block<'_>> = BTreeMap::new();
    // A block without any text is a block all the same.
    let is_key = |name: &&str| {
        source.match_indices(*name).any(|(at, _)| {
            let rest = source.get(at + name.len()..).unwrap_or("").trim_start_matches(['"', '\'', '\\']);
            rest.trim_start().starts_with(':')
        })
    };
    if source.contains("metadata") {
        blocks.extend(REGISTRY.into_iter().filter(is_key).map(|name| (name, Block::new())));
    }
    for string in &data.strings {
        let Some((name, key)) = string.key.strip_prefix(prefix).and_then(|key| key.split_once('.')) else { continue };
        if REGISTRY.contains(&name) {
            blocks.entry(name).or_default().push((key, &string.text));
        }
    }
    blocks.values_mut().for_each(|block| block.sort_unstable());
    blocks
}

fn only_installs<'d>(block: &Block<'d>) -> Block<'d> {
    block.iter().filter(|(key, _)| key.starts_with("install")).copied().collect()
}

fn installs<'d>(mut blocks: impl Iterator<Item = &'d Block<'d>>) -> bool {
    blocks.any(|block| !only_installs(block).is_empty())
}

/// Whether the registry's parser takes it: JSON, after commas before a closing bracket are taken out.
fn is_json(text: &str) -> bool {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(',') {
        plain.push_str(before);
        if !after.trim_start().starts_with(['}', ']']) {
            plain.push(',');
        }
        rest = after;
    }
    plain.push_str(rest);
    serde_json::from_str::<serde::de::IgnoredAny>(&plain).is_ok()
}
