//! Rules of the kernel as `nft -j list ruleset` prints them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::check::Evidence;
use super::iptables::others;
use super::rules::{Chain, Family, Hook, Match, Net, Origin, Protocol, Rule, Table, Verdict};

/// The command that prints them.
pub(super) const COMMAND: &str = "nft -j list ruleset";
/// Most rules that one map becomes.
const MAPPED: usize = 1024;

/// What `nft` printed.
pub(super) struct Printed {
    /// Its tables.
    pub(super) tables: Vec<Table>,
    /// Tables of `iptables-nft`, whose rules hold parts that `nft` does not print.
    pub(super) foreign: Vec<(Option<Family>, String)>,
}

/// Reads the tables; none if it is not what `nft` prints.
pub(super) fn parse(text: &str) -> Option<Printed> {
    let value: Value = serde_json::from_str(text).ok()?;
    let items = value.get("nftables")?.as_array()?;
    let mut tables: Vec<Table> = Vec::new();
    let mut foreign = Vec::new();
    let sets = sets(items);
    for item in items {
        let Some((kind, body)) = item.as_object().and_then(|item| item.iter().next()) else { continue };
        let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = if kind == "table" { field("name") } else { field("table") };
        let Some(family) = family(field("family")) else { continue };
        let at = tables.iter().position(|table| table.family == family && table.name == name);
        let at = at.unwrap_or_else(|| {
            let evidence = Evidence::command("nft list ruleset").note(format!("table {name}"));
            tables.push(Table { family, name: name.to_owned(), evidence, chains: BTreeMap::new() });
            tables.len() - 1
        });
        let Some(table) = tables.get_mut(at) else { continue };
        match kind.as_str() {
            "chain" => {
                table.chains.insert(field("name").to_owned(), chain(body));
            }
            "rule" => {
                let reader = Reader { sets: &sets, table: name, family };
                let rules = reader.rules(body);
                let has_more = body.get("expr").and_then(Value::as_array);
                let has_more = has_more.is_some_and(|all| all.iter().any(|part| part.get("xt").is_some()));
                if has_more && !foreign.contains(&(family, name.to_owned())) {
                    foreign.push((family, name.to_owned()));
                }
                table.chains.entry(field("chain").to_owned()).or_default().rules.extend(rules);
            }
            _ => {}
        }
    }
    Some(Printed { tables, foreign })
}

/// The family of a table; none for those that filter no packets of IP.
fn family(name: &str) -> Option<Option<Family>> {
    match name {
        "ip" => Some(Some(Family::V4)),
        "ip6" => Some(Some(Family::V6)),
        "inet" => Some(None),
        _ => None,
    }
}

fn chain(body: &Value) -> Chain {
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    let hook = field("hook").map(|hook| match hook {
        "input" => Hook::Input,
        "prerouting" => Hook::Prerouting,
        "forward" => Hook::Forward,
        _ => Hook::Other,
    });
    Chain { hook, is_nat: field("type") == Some("nat"), accepts: field("policy") != Some("drop"), rules: Vec::new() }
}

/// Elements of sets that have a name.
fn sets(items: &[Value]) -> BTreeMap<(String, String), Vec<Value>> {
    let sets = items.iter().filter_map(|item| item.get("set").or_else(|| item.get("map")));
    let named = sets.filter_map(|set| {
        let field = |name: &str| Some(set.get(name)?.as_str()?.to_owned());
        let elements = set.get("elem").and_then(Value::as_array).cloned().unwrap_or_default();
        Some(((field("table")?, field("name")?), elements))
    });
    named.collect()
}

struct Reader<'s> {
    sets: &'s BTreeMap<(String, String), Vec<Value>>,
    table: &'s str,
    family: Option<Family>,
}

impl Reader<'_> {
    /// A rule becomes several where it decides by a map.
    fn rules(&self, body: &Value) -> Vec<Rule> {
        let mut when = Match { family: self.family, ..Match::default() };
        let mut verdict = Verdict::Nothing;
        let mut mapped = Vec::new();
        let parts = body.get("expr").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for part in parts {
            let Some((name, inner)) = part.as_object().and_then(|part| part.iter().next()) else { continue };
            match name.as_str() {
                "match" => self.condition(inner, &mut when),
                "vmap" => mapped = self.map(inner, &when),
                "limit" => when.is_unsure = true,
                "xt" => when.is_unsure |= inner.get("type").and_then(Value::as_str) != Some("target"),
                _ => verdict = decision(name, inner).unwrap_or(verdict),
            }
        }
        let handle = body.get("handle").and_then(Value::as_u64).unwrap_or_default();
        let chain = body.get("chain").and_then(Value::as_str).unwrap_or_default();
        let note = format!("table {}, chain {chain}, handle {handle}", self.table);
        let evidence = Evidence::command("nft -a list ruleset").note(note);
        let rule = |(when, verdict)| Rule { when, verdict, evidence: evidence.clone() };
        if mapped.is_empty() { vec![rule((when, verdict))] } else { mapped.into_iter().map(rule).collect() }
    }

    fn condition(&self, inner: &Value, when: &mut Match) {
        let operator = inner.get("op").and_then(Value::as_str).unwrap_or("==");
        let (Some(left), Some(right)) = (inner.get("left"), inner.get("right")) else {
            when.is_unsure = true;
            return;
        };
        self.compare(left, operator, right, when);
    }

    fn compare(&self, left: &Value, operator: &str, right: &Value, when: &mut Match) {
        let is_not = operator == "!=";
        let known = matches!(operator, "==" | "in" | "!=");
        let values = self.values(right);
        let text = |outer: &str, inner: &str| left.get(outer)?.get(inner)?.as_str();
        match (text("payload", "protocol"), text("payload", "field")) {
            _ if !known => when.is_unsure = true,
            (Some(protocol), Some("dport")) => ports(protocol, &values, is_not, when),
            (Some(protocol), Some("sport")) => {
                protocols(&[Value::from(protocol)], false, when);
                when.is_narrow = true;
            }
            (Some("ip" | "ip6"), Some("saddr")) => sources(&values, is_not, when),
            (Some("ip" | "ip6"), Some("daddr")) => destination(&values, is_not, when),
            (Some("ip" | "ip6"), Some("protocol" | "nexthdr")) => protocols(&values, is_not, when),
            (Some("icmp" | "icmpv6"), _) => when.is_never = true,
            _ => match (text("meta", "key"), text("ct", "key"), text("fib", "result")) {
                (Some("iif" | "iifname"), ..) => inputs(&values, is_not, when),
                (Some("l4proto"), ..) => protocols(&values, is_not, when),
                (Some("nfproto" | "protocol"), ..) => families(&values, is_not, when),
                (_, Some("state"), _) => {
                    let is_new = values.iter().any(|value| matches!(value.as_str(), Some("new" | "untracked")));
                    when.is_never |= is_new == is_not;
                }
                (_, Some("status"), _) => when.is_never |= !is_not,
                (_, _, Some("type")) => {
                    let is_local = values.iter().any(|value| value.as_str() == Some("local"));
                    when.is_never |= is_local == is_not;
                }
                _ => when.is_unsure = true,
            },
        }
    }

    /// One value, or the elements of a list or of a set with or without a name.
    fn values(&self, value: &Value) -> Vec<Value> {
        if let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) {
            let known = self.sets.get(&(self.table.to_owned(), name.to_owned()));
            return known.into_iter().flatten().map(element).collect();
        }
        let list = value.get("set").unwrap_or(value);
        list.as_array().map_or_else(|| vec![element(list)], |list| list.iter().map(element).collect())
    }

    /// What a map from ports, interfaces or states decides.
    fn map(&self, inner: &Value, when: &Match) -> Vec<(Match, Verdict)> {
        let (Some(key), Some(data)) = (inner.get("key"), inner.get("data")) else { return Vec::new() };
        let mut found = Vec::new();
        for pair in self.values(data).iter().take(MAPPED) {
            let Some([from, to]) = pair.as_array().map(Vec::as_slice) else { continue };
            let mut when = when.clone();
            self.compare(key, "==", from, &mut when);
            let decided = to.as_object().and_then(|to| to.iter().next());
            let verdict = decided.and_then(|(name, inner)| decision(name, inner)).unwrap_or(Verdict::Nothing);
            found.push((when, verdict));
        }
        found
    }
}

/// An element, without its comment or time.
fn element(value: &Value) -> Value {
    value.get("elem").and_then(|inner| inner.get("val")).unwrap_or(value).clone()
}

fn decision(name: &str, inner: &Value) -> Option<Verdict> {
    let target = || inner.get("target").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match name {
        "accept" => Verdict::Accept,
        "drop" | "reject" => Verdict::Drop,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(target()),
        "goto" => Verdict::Goto(target()),
        "dnat" | "redirect" => {
            let address = inner.get("addr").and_then(Value::as_str).unwrap_or_default();
            let port = inner.get("port").and_then(Value::as_u64).map(|port| format!(":{port}")).unwrap_or_default();
            Verdict::Translate(format!("{address}{port}"))
        }
        _ => return None,
    })
}

fn ports(protocol: &str, values: &[Value], is_not: bool, when: &mut Match) {
    if protocol != "th" {
        protocols(&[Value::from(protocol)], false, when);
    }
    let one = |value: &Value| match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([from, to]) => Some((port(from)?, port(to)?)),
        _ => port(value).map(|port| (port, port)),
    };
    match values.iter().map(one).collect::<Option<Vec<_>>>() {
        Some(ports) if is_not => when.ports = Some(others(&ports)),
        Some(ports) => when.ports = Some(ports),
        None => when.is_unsure = true,
    }
}

fn port(value: &Value) -> Option<u16> {
    let number = value.as_u64().and_then(|port| u16::try_from(port).ok());
    number.or_else(|| super::iptables::range(value.as_str()?, '-').map(|(from, _)| from))
}

fn protocols(values: &[Value], is_not: bool, when: &mut Match) {
    let is = |name: &str, number: u64| values.iter().any(|value| value == name || value.as_u64() == Some(number));
    let all = [(Protocol::Tcp, is("tcp", 6)), (Protocol::Udp, is("udp", 17))];
    let wanted: Vec<Protocol> = all.iter().filter(|(_, is)| *is != is_not).map(|(protocol, _)| *protocol).collect();
    when.is_never |= wanted.is_empty();
    let meets = |protocol: &Protocol| when.protocols.is_empty() || when.protocols.contains(protocol);
    let both: Vec<Protocol> = wanted.into_iter().filter(meets).collect();
    when.is_never |= both.is_empty();
    when.protocols = both;
}

fn net(value: &Value) -> Option<Net> {
    if let Some(prefix) = value.get("prefix") {
        let length = prefix.get("len")?.as_u64()?;
        return Net::parse(&format!("{}/{length}", prefix.get("addr")?.as_str()?));
    }
    Net::parse(value.as_str()?)
}

fn sources(values: &[Value], is_not: bool, when: &mut Match) {
    let nets: Option<Vec<Net>> = values.iter().map(net).collect();
    match nets {
        None => when.is_unsure = true,
        Some(nets) if is_not => {
            when.not.extend(nets.into_iter().map(|net| Origin { source: Some(net), input: None }));
        }
        // An empty set takes nothing.
        Some(nets) if nets.is_empty() => when.is_never = true,
        Some(nets) => when.sources = nets,
    }
}

fn destination(values: &[Value], is_not: bool, when: &mut Match) {
    let nets: Option<Vec<Net>> = values.iter().map(net).collect();
    match nets.as_deref() {
        Some([net]) if !is_not && net.is_any() => {}
        Some([net]) if !is_not => {
            let multicast = ["224.0.0.0/4", "ff00::/8"].into_iter().filter_map(Net::parse);
            when.is_never |= multicast.into_iter().any(|multicast| multicast.holds(*net));
            when.destination = Some(*net);
        }
        _ => when.is_unsure = true,
    }
}

fn inputs(values: &[Value], is_not: bool, when: &mut Match) {
    let names: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    match names {
        None => when.is_unsure = true,
        Some(names) if is_not => {
            when.not.extend(names.into_iter().map(|name| Origin { source: None, input: Some(name) }));
        }
        Some(names) if names.is_empty() => when.is_never = true,
        Some(names) => when.inputs = names,
    }
}

fn families(values: &[Value], is_not: bool, when: &mut Match) {
    let is = |names: [&str; 2]| values.iter().any(|value| names.iter().any(|name| value == name));
    let (v4, v6) = (is(["ipv4", "ip"]) != is_not, is(["ipv6", "ip6"]) != is_not);
    let wanted = match (v4, v6) {
        (true, true) => None,
        (true, false) => Some(Family::V4),
        (false, true) => Some(Family::V6),
        (false, false) => {
            when.is_never = true;
            None
        }
    };
    match (when.family, wanted) {
        (Some(one), Some(other)) if one != other => when.is_never = true,
        (None, wanted) => when.family = wanted,
        _ => {}
    }
}
