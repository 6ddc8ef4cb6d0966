//! What a packet filter lets in: chains of rules in one form, whoever wrote them, and the walk of a new connection through
//! them. What a condition means that is not understood, is said to be unsure, and never taken for a block.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::super::check::Evidence;
use super::super::reach::Reach;
use super::walk::Walk;

/// A network, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Net {
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// Reads an address, with or without a prefix length or mask.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        let address: IpAddr = address.trim().parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match mask {
            None => longest,
            Some(mask) => mask.parse::<u8>().ok().or_else(|| {
                let bits = u32::from(mask.parse::<Ipv4Addr>().ok()?);
                (bits.leading_ones() + bits.trailing_zeros() == 32 || bits == 0)
                    .then(|| u8::try_from(bits.leading_ones()).unwrap_or(32))
            })?,
        };
        (prefix <= longest).then_some(Self { address, prefix })
    }

    /// Whether it is every address.
    pub(super) fn is_any(self) -> bool {
        self.prefix == 0
    }

    /// Its address, without the length of the prefix.
    pub(super) fn address(self) -> IpAddr {
        self.address
    }

    /// Whether it is one of IPv4.
    pub(super) fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether all of `other` lies in it.
    pub(super) fn holds(self, other: Self) -> bool {
        if self.prefix > other.prefix || self.is_v4() != other.is_v4() {
            return false;
        }
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => u128::from(address),
        };
        let shift = 128 - u32::from(self.prefix);
        let head = |address| bits(address).checked_shr(shift).unwrap_or(0);
        head(self.address) == head(other.address)
    }

    /// Who has an address in it.
    pub(super) fn reach(self) -> Reach {
        let inner = |text: &str| Self::parse(text).is_some_and(|net| net.holds(self));
        match () {
            () if inner("127.0.0.0/8") || inner("::1/128") => Reach::Loopback,
            () if inner("100.64.0.0/10") || inner("fd7a:115c:a1e0::/48") => Reach::Overlay,
            () if ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"]
                .into_iter()
                .any(inner) =>
            {
                Reach::Private
            }
            () => Reach::Public,
        }
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Whether packets of IPv4 or of IPv6 are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Name in rules and reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Where connections come from: one network and one interface, each of which may be any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Origin {
    /// Addresses; none is any.
    pub(super) source: Option<Net>,
    /// Interface, which may end in `+` or `*`; none is any.
    pub(super) input: Option<String>,
}

impl Origin {
    pub(super) fn both(&self, other: &Self) -> Option<Self> {
        let source = match (self.source, other.source) {
            (Some(one), Some(two)) if one.holds(two) => Some(two),
            (Some(one), Some(two)) if two.holds(one) => Some(one),
            (Some(_), Some(_)) => return None,
            (one, two) => one.or(two),
        };
        let input = match (&self.input, &other.input) {
            (Some(one), Some(two)) if is_input(one, two) => Some(two.clone()),
            (Some(one), Some(two)) if is_input(two, one) => Some(one.clone()),
            (Some(_), Some(_)) => return None,
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        Some(Self { source, input })
    }

    pub(super) fn holds(&self, other: &Self) -> bool {
        self.both(other).is_some_and(|both| both == *other)
    }

    /// Who may connect from there.
    pub(super) fn reach(&self) -> Reach {
        let source = self.source.map_or(Reach::Public, Net::reach);
        source.min(self.input.as_deref().map_or(Reach::Public, input_reach))
    }

    /// In words.
    pub(super) fn shown(&self) -> String {
        let source = self.source.map_or_else(|| "anywhere".to_owned(), |net| net.to_string());
        match &self.input {
            Some(input) => format!("{source} on {input}"),
            None => source,
        }
    }
}

/// Whether a pattern of interfaces takes in a name or a narrower pattern.
fn is_input(pattern: &str, name: &str) -> bool {
    let stem = pattern.strip_suffix(['+', '*']);
    stem.map_or(pattern == name, |stem| name.starts_with(stem))
}

/// Who is on the other side of an interface, by its name.
fn input_reach(name: &str) -> Reach {
    let starts = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    match () {
        () if name == "lo" => Reach::Loopback,
        () if starts(&["tailscale", "wg", "zt", "wt", "nebula", "netbird", "tun"]) => Reach::Overlay,
        // Networks of this machine's own containers and virtual machines.
        () if starts(&["docker", "br-", "virbr", "veth", "lxdbr", "lxcbr", "podman", "cni", "incusbr"]) => {
            Reach::Overlay
        }
        () => Reach::Public,
    }
}

/// What a rule asks of a new connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Match {
    /// Only this family; none is both.
    pub(super) family: Option<Family>,
    /// Only these; empty is every protocol.
    pub(super) protocols: Vec<Protocol>,
    /// Only these ports of this machine; none is every port.
    pub(super) ports: Option<Vec<(u16, u16)>>,
    /// Only from one of these; empty is any.
    pub(super) sources: Vec<Net>,
    /// Only on one of these; empty is any.
    pub(super) inputs: Vec<String>,
    /// From none of these.
    pub(super) not: Vec<Origin>,
    /// Only to this address.
    pub(super) destination: Option<Net>,
    /// It can never be a new connection to this machine.
    pub(super) is_never: bool,
    /// It asks more, which whoever connects may choose, such as the port of the other side.
    pub(super) is_narrow: bool,
    /// It asks more that is not understood.
    pub(super) is_unsure: bool,
}

impl Match {
    pub(super) fn origins(&self) -> Vec<Origin> {
        let sources: Vec<Option<Net>> =
            if self.sources.is_empty() { vec![None] } else { self.sources.iter().copied().map(Some).collect() };
        let inputs: Vec<Option<String>> =
            if self.inputs.is_empty() { vec![None] } else { self.inputs.iter().cloned().map(Some).collect() };
        let pairs = sources.iter().flat_map(|source| inputs.iter().map(move |input| (*source, input.clone())));
        pairs.map(|(source, input)| Origin { source, input }).collect()
    }

    pub(super) fn applies(&self, query: Query) -> bool {
        let is_port = |ports: &Vec<(u16, u16)>| ports.iter().any(|(from, to)| (*from..=*to).contains(&query.port));
        let is_family = |net: &Net| net.is_v4() == (query.family == Family::V4);
        !self.is_never
            && self.family.is_none_or(|family| family == query.family)
            && (self.protocols.is_empty() || self.protocols.contains(&query.protocol))
            && self.ports.as_ref().is_none_or(is_port)
            && (self.sources.is_empty() || self.sources.iter().any(is_family))
            && self.destination.as_ref().is_none_or(|net| is_family(net) && net.reach() != Reach::Loopback)
    }
}

/// What a rule does with what it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Lets it in.
    Accept,
    /// Keeps it out.
    Drop,
    /// Goes on in another chain, and comes back.
    Jump(String),
    /// Goes on in another chain, and does not come back here.
    Goto(String),
    /// Goes back to where it came from.
    Return,
    /// Sends it to another address and port.
    Translate(String),
    /// Counts, logs or marks it.
    Nothing,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// What it asks.
    pub(super) when: Match,
    /// What it does.
    pub(super) verdict: Verdict,
    /// Where it stands.
    pub(super) evidence: Evidence,
}

/// Where the kernel starts a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// Before it is known whether a packet is for this machine.
    Prerouting,
    /// What is for this machine.
    Input,
    /// What goes on to another one, or into a container.
    Forward,
    /// Anything else.
    Other,
}

/// A chain of rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// Where the kernel starts it; none if rules alone lead there.
    pub(super) hook: Option<Hook>,
    /// Whether it translates addresses instead of filtering.
    pub(super) is_nat: bool,
    /// Whether what no rule decides is let in.
    pub(super) accepts: bool,
    /// Its rules, in order.
    pub(super) rules: Vec<Rule>,
}

/// Chains that can lead to one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The family of its packets; none is both.
    pub(super) family: Option<Family>,
    /// Its name, such as `filter`.
    pub(super) name: String,
    /// Where it was read.
    pub(super) evidence: Evidence,
    /// Chains by name.
    pub(super) chains: BTreeMap<String, Chain>,
}

/// All rules of one place: the kernel's, or those of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rules {
    /// Tables, in the order in which they were read.
    pub(super) tables: Vec<Table>,
}

/// One question: may this be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Query {
    /// By packets of this family.
    pub(super) family: Family,
    /// With this protocol.
    pub(super) protocol: Protocol,
    /// At this port.
    pub(super) port: u16,
}

/// Connections that are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    /// From where.
    pub(super) origin: Origin,
    /// Whether nothing else is asked that was not understood.
    pub(super) is_sure: bool,
    /// What lets them in.
    pub(super) evidence: Evidence,
}

impl Rules {
    /// Everything that may connect. Several chains of one hook must all let it in: the strictest counts.
    pub(super) fn openings(&self, query: Query) -> Vec<Opening> {
        let mut strictest: Option<Vec<Opening>> = None;
        for (table, chain) in self.filters(query.family, &[Hook::Prerouting, Hook::Input]) {
            let found = Walk::start(table, chain, query);
            let widest = |openings: &[Opening]| openings.iter().map(|opening| opening.origin.reach()).max();
            if strictest.as_ref().is_none_or(|strictest| widest(&found) < widest(strictest)) {
                strictest = Some(found);
            }
        }
        strictest.unwrap_or_else(|| {
            let evidence = Evidence::command("nft list ruleset").note("no chain filters what comes in");
            vec![Opening { origin: Origin::default(), is_sure: true, evidence }]
        })
    }

    /// Base chains that filter at these hooks.
    pub(super) fn filters<'r>(
        &'r self,
        family: Family,
        hooks: &'r [Hook],
    ) -> impl Iterator<Item = (&'r Table, &'r Chain)> {
        let tables = self.tables.iter().filter(move |table| table.family.is_none_or(|one| one == family));
        let chains = tables.flat_map(|table| table.chains.values().map(move |chain| (table, chain)));
        chains.filter(|(_, chain)| !chain.is_nat && chain.hook.is_some_and(|hook| hooks.contains(&hook)))
    }

    /// Whether there is a chain of this name.
    pub(super) fn has_chain(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.chains.contains_key(name))
    }

    /// Whether something of this family is kept out at all.
    pub(super) fn filters_input(&self, family: Family) -> bool {
        self.filters(family, &[Hook::Input]).any(|(table, chain)| !chain.accepts || drops(table, chain))
    }

    /// A port that no rule names, so that it shows what happens to whatever nobody thought of.
    pub(super) fn unnamed_port(&self) -> u16 {
        let rules = self.tables.iter().flat_map(|table| table.chains.values()).flat_map(|chain| &chain.rules);
        // Ranges that take in nearly everything stand for everything.
        let named: Vec<(u16, u16)> = rules
            .filter_map(|rule| rule.when.ports.clone())
            .flatten()
            .filter(|(from, to)| to - from < 60_000)
            .collect();
        let is_named = |port: &u16| named.iter().any(|(from, to)| (*from..=*to).contains(port));
        (1..=u16::MAX).rev().find(|port| !is_named(port)).unwrap_or(u16::MAX)
    }

    /// Ranges of ports that rules which accept name, each once.
    pub(super) fn named_ports(&self) -> Vec<(Protocol, (u16, u16))> {
        let mut found = Vec::new();
        let rules = self.tables.iter().flat_map(|table| table.chains.values()).flat_map(|chain| &chain.rules);
        for rule in rules.filter(|rule| matches!(rule.verdict, Verdict::Accept | Verdict::Jump(_) | Verdict::Goto(_))) {
            let all = [Protocol::Tcp, Protocol::Udp];
            let protocols = if rule.when.protocols.is_empty() { &all } else { rule.when.protocols.as_slice() };
            let ports = rule.when.ports.iter().flatten();
            found.extend(ports.flat_map(|ports| protocols.iter().map(|protocol| (*protocol, *ports))));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What a chain lets through that does not filter by itself, such as `DOCKER-USER`.
    pub(super) fn through(&self, name: &str, query: Query) -> Option<Vec<Origin>> {
        let mut tables = self.tables.iter().filter(|table| table.family.is_none_or(|family| family == query.family));
        let table = tables.find(|table| table.name == "filter" && table.chains.contains_key(name))?;
        Some(Walk::through(table, name, query))
    }
}

/// Whether a chain, or one that it leads to, keeps something out.
fn drops<'t>(table: &'t Table, chain: &'t Chain) -> bool {
    let mut work = vec![chain];
    let mut seen: Vec<&str> = Vec::new();
    while let Some(chain) = work.pop() {
        for rule in &chain.rules {
            match &rule.verdict {
                Verdict::Drop => return true,
                Verdict::Jump(name) | Verdict::Goto(name) if !seen.contains(&name.as_str()) => {
                    seen.push(name);
                    work.extend(table.chains.get(name));
                }
                _ => {}
            }
        }
    }
    false
}
