//! Where a flow leads: to the vendor of what is sent, to a host that the package names, to somebody else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use super::Package;
use crate::flow::interpret::{Hit, Outcome};
use crate::flow::value::UNKNOWN;
use crate::parse::Body;
use crate::ruleset::hosts;
use crate::ruleset::vendors::{domain, is_lengthened};

impl Package<'_> {
    /// Kinds of hosts that these addresses lead to; `credential` is the name of what goes there.
    pub(super) fn hosts(&self, addresses: &[Rc<str>], credential: Option<&String>) -> BTreeSet<String> {
        if addresses.is_empty() {
            return BTreeSet::from(["unseen".to_owned()]);
        }
        let mut known = self.kinds.borrow_mut();
        let kinds = addresses.iter().flat_map(|address| {
            let key = (Rc::clone(address), credential.cloned());
            known.entry(key).or_insert_with(|| self.kinds_of(address, credential)).clone()
        });
        kinds.collect()
    }

    /// Kinds of the one host that an address leads to.
    fn kinds_of(&self, address: &str, credential: Option<&String>) -> Vec<String> {
        let host_part = address.split_once("://").map_or(address, |(_, rest)| rest);
        let host_part = host_part.split(['/', '?', '#']).next().unwrap_or("");
        let is_host = |name: &str| {
            let is_reserved = [".example", ".test", ".invalid"].iter().any(|end| name.ends_with(end));
            is_reserved || hosts::registrable(name).is_some() || name.parse::<IpAddr>().is_ok()
        };
        if !address.contains("://") && !is_host(&host_name(host_part).replace(UNKNOWN, "1")) {
            return vec![if host_part == "localhost" { "local" } else { "unseen" }.to_owned()];
        }
        let name = host_name(host_part);
        if name.ends_with(UNKNOWN) || (name.starts_with(UNKNOWN) && !name.contains('.')) {
            return vec!["runtime".to_owned()];
        }
        // Any digit will do where a port or a part of a name is not known.
        let readable = address.replace(UNKNOWN, "1");
        let Some(place) = self.input.rules.hosts.place(&readable) else { return vec!["runtime".to_owned()] };
        let mut kinds = Vec::new();
        if place.is_throwaway() {
            kinds.push("throwaway".to_owned());
        }
        let (vendors, paths) = (&self.input.rules.vendors, &self.input.rules.paths);
        // A file that is known for nothing is the package's own.
        let is_file = |name: &str| name.contains(['/', '.']);
        let is_plain = |name: &str| is_file(name) && paths.classes(name).is_empty();
        // A file that holds the keys of many services is not the one key of anyone.
        let is_anyones = |name: &str| vendors.is_anyones(name) && (!is_file(name) || is_plain(name));
        // One of several names: which is looked up with the host.
        // What a program keeps of its user is for its own service, not for whoever put up a mailbox there.
        let is_store = |name: &str| is_file(name) && paths.classes(name).contains(&"browser-store");
        let is_service = |name: &str| place.class != "messenger" && vendors.of(name).contains(domain(&place.host));
        let is_own = |names: &String| {
            names.lines().any(|name| {
                (vendors.belongs(name, &place.host) && (!is_store(name) || is_service(name)))
                    || (is_anyones(name) && vendors.knows(&place.host))
                    || ((is_anyones(name) || is_plain(name)) && self.is_like(&place.host))
            })
        };
        // What the user trusts may have it.
        if place.class == "allowed" || credential.is_some_and(is_own) {
            kinds.push("vendor".to_owned());
        } else if place.class == "unknown" && self.declares(&place.host) {
            kinds.push("declared".to_owned());
        } else if place.class == "unknown" && vendors.knows(&place.host) {
            kinds.push("service".to_owned());
        } else {
            kinds.push(place.class);
        }
        kinds
    }

    /// Whether keys of several vendors go to hosts of which none is of any of them: that the package names a host does not
    /// make it the one that all those are for.
    pub(super) fn is_foreign(&self, outcome: &Outcome, hit: &Hit) -> bool {
        let vendors = &self.input.rules.vendors;
        let keys = hit.labels.iter().filter(|label| &*outcome.names.get(label.class) == "env");
        let names: Vec<String> = keys.map(|label| outcome.names.get(label.name).to_string()).collect();
        let owners: Vec<BTreeSet<&str>> = names.iter().map(|name| vendors.of(name)).collect();
        let owners = owners.into_iter().filter(|owners| !owners.is_empty()).collect::<Vec<_>>();
        owners.first().is_some_and(|first| owners.iter().any(|other| other.is_disjoint(first)))
            && !names.iter().any(|name| self.hosts(&hit.to, Some(name)).contains("vendor"))
    }

    /// Whether a host goes by the package's own name.
    fn is_like(&self, host: &str) -> bool {
        let mut name = self.input.package.path.to_ascii_lowercase();
        let fronts = self.input.expanded.arena.iter().filter_map(|artifact| match &artifact.body {
            Body::Markdown(document) if artifact.derivation.is_none() => document.front.as_ref(),
            _ => None,
        });
        for string in fronts.flat_map(|data| &data.strings).filter(|string| string.key == "name") {
            name.push(' ');
            name.push_str(&string.text.to_ascii_lowercase());
        }
        let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() >= 4).collect();
        let domain = hosts::registrable(host).unwrap_or(host);
        words.iter().any(|word| domain.contains(word)) && !is_lengthened(domain, &words)
    }

    /// Whether the package names a host as its own, or in its documents.
    fn declares(&self, host: &str) -> bool {
        let domain = hosts::registrable(host).unwrap_or(host);
        self.own.contains(domain)
            || self.input.expanded.arena.iter().any(|artifact| {
                matches!(artifact.body, Body::Markdown(_))
                    && artifact.derivation.is_none()
                    && memchr::memmem::find(&artifact.bytes, domain.as_bytes()).is_some()
            })
    }
}

/// The host of an address without what says who and which port.
fn host_name(part: &str) -> &str {
    part.rsplit('@').next().unwrap_or("").split(':').next().unwrap_or("")
}
