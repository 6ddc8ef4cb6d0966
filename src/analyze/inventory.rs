//! What a package can do and whom it talks to: inventory, never a verdict.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Input;
use super::install::{self, Install};
use crate::artifact::Span;
use crate::fact::FactKind;
use crate::ruleset::hosts::URL;
use crate::text;

/// Places kept for one capability.
const PLACES: usize = 5;

/// Capabilities, hosts and installers of one package.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Capability to the first places that show it.
    pub capabilities: BTreeMap<&'static str, Vec<Span>>,
    /// Hosts in addresses, sorted.
    pub hosts: BTreeSet<String>,
    /// What it installs.
    pub installs: Vec<Install>,
}

impl Inventory {
    /// Collects the inventory.
    pub(super) fn take(input: &Input<'_>) -> Self {
        let mut inventory = Self::default();
        for (artifact, fact) in &input.expanded.facts {
            let span = Span::new(*artifact, fact.range.clone());
            let capability = match fact.kind {
                FactKind::Exec => "runs-fetched-or-decoded-text",
                FactKind::Command if fact.labels.contains("sends") => "network-send",
                FactKind::Command if fact.labels.contains("fetches") => "network-fetch",
                _ => continue,
            };
            let places = inventory.capabilities.entry(capability).or_default();
            if places.len() < PLACES {
                places.push(input.expanded.arena.locate(span).0);
            }
        }
        for artifact in input.expanded.arena.iter().filter(|a| !a.kind.is_binary() && !a.is_slice()) {
            let source = text::view(&artifact.bytes);
            if !source.contains("://") {
                continue;
            }
            let mut seen = HashSet::new();
            for found in URL.find_iter(&source).filter(|found| seen.insert(found.as_str())) {
                let host = input.rules.hosts.place(found.as_str()).map(|place| place.host);
                inventory.hosts.extend(host.filter(|host| host.contains('.') && host.len() <= 253));
            }
        }
        inventory.installs = install::all(input);
        inventory
    }
}
