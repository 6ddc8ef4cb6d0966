//! firewalld by its files: the zone that interfaces are in unless something says otherwise, and what each zone lets in.

use roxmltree::{Document, Node};

use super::super::check::Evidence;
use super::super::host::{FILE_BYTES, Host, Unread};
use super::iptables;
use super::rules::{Chain, Family, Hook, Match, Net, Origin, Protocol, Rule, Rules, Table, Verdict};

/// Its settings.
pub(super) const CONF: &str = "/etc/firewalld/firewalld.conf";
/// Where zones and services are, those of the administrator first.
const FOLDERS: [&str; 2] = ["/etc/firewalld", "/usr/lib/firewalld"];
/// Ports of services that come with it, where their files are not there.
const SERVICES: [(&str, &[(Protocol, u16)]); 8] = [
    ("ssh", &[(Protocol::Tcp, 22)]),
    ("http", &[(Protocol::Tcp, 80)]),
    ("https", &[(Protocol::Tcp, 443)]),
    ("http3", &[(Protocol::Udp, 443)]),
    ("cockpit", &[(Protocol::Tcp, 9090)]),
    ("dhcpv6-client", &[(Protocol::Udp, 546)]),
    ("mdns", &[(Protocol::Udp, 5353)]),
    ("dns", &[(Protocol::Tcp, 53), (Protocol::Udp, 53)]),
];

/// What firewalld is set to do.
pub(super) struct Firewalld {
    /// Where the zone of every interface is named that nothing else is said of.
    pub(super) evidence: Evidence,
    /// What its zones let in, as rules.
    pub(super) rules: Result<Rules, Unread>,
}

impl Firewalld {
    /// Reads it; none if it is not installed or not switched on.
    pub(super) fn read(host: &Host) -> Option<Self> {
        let text = match host.text(CONF, FILE_BYTES) {
            Err(Unread::Absent) => return None,
            other => other.unwrap_or_default(),
        };
        let found = text.lines().enumerate().find_map(|(index, line)| {
            let value = line.trim().strip_prefix("DefaultZone")?.trim_start().strip_prefix('=')?;
            Some((value.trim().to_owned(), index + 1))
        });
        let (zone, line) = found.map_or(("public".to_owned(), None), |(zone, line)| (zone, Some(line)));
        let evidence = Evidence::path(CONF).key("DefaultZone").line(line).note(zone.clone());
        let rules = rules(host, &zone);
        Some(Self { evidence, rules })
    }
}

/// The text of a zone or service, and where it is.
fn file(host: &Host, folder: &str, name: &str) -> Result<(String, String), Unread> {
    for base in FOLDERS {
        let path = format!("{base}/{folder}/{name}.xml");
        match host.text(&path, FILE_BYTES) {
            Ok(text) => return Ok((path, text)),
            Err(Unread::Absent) => {}
            Err(why) => return Err(why),
        }
    }
    Err(Unread::Absent)
}

fn rules(host: &Host, default: &str) -> Result<Rules, Unread> {
    let mut names = vec![default.to_owned()];
    for entry in host.list_if("/etc/firewalld/zones", |name| name.ends_with(".xml"))? {
        let name = entry.text().trim_end_matches(".xml").to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut chains = std::collections::BTreeMap::new();
    let mut input = Chain { hook: Some(Hook::Input), ..Chain::default() };
    // Sources and interfaces that are in another zone never get to the default one.
    for name in names.iter().skip(1).chain(names.first()) {
        let (path, text) = match file(host, "zones", name) {
            Err(Unread::Absent) if name != default => continue,
            other => other?,
        };
        let broken = |error: roxmltree::Error| Unread::Other(format!("{path}: {error}"));
        let document = Document::parse(&text).map_err(broken)?;
        let zone = Zone { host, path: &path, document: &document };
        let chain = zone.chain();
        let origins = if name == default { vec![Origin::default()] } else { zone.origins() };
        for origin in origins {
            let when = Match {
                sources: origin.source.into_iter().collect(),
                inputs: origin.input.into_iter().collect(),
                ..Match::default()
            };
            input.rules.push(Rule { when, verdict: Verdict::Goto(name.clone()), evidence: Evidence::path(&path) });
        }
        chains.insert(name.clone(), chain);
    }
    chains.insert("INPUT".to_owned(), input);
    let table = Table { family: None, name: "firewalld".to_owned(), evidence: Evidence::path(CONF), chains };
    Ok(Rules { tables: vec![table] })
}

struct Zone<'z> {
    host: &'z Host,
    path: &'z str,
    document: &'z Document<'z>,
}

impl Zone<'_> {
    fn place(&self, node: Node<'_, '_>) -> Evidence {
        let row = self.document.text_pos_at(node.range().start).row;
        let written = self.document.input_text().get(node.range()).unwrap_or_default();
        let note = written.lines().next().unwrap_or_default().trim().to_owned();
        Evidence::path(self.path).line(usize::try_from(row).ok()).note(note)
    }

    fn children(&self) -> impl Iterator<Item = Node<'_, '_>> {
        self.document.root_element().children().filter(Node::is_element)
    }

    /// What is in this zone.
    fn origins(&self) -> Vec<Origin> {
        let found = self.children().filter_map(|node| match node.tag_name().name() {
            "source" => Some(Origin { source: Some(Net::parse(node.attribute("address")?)?), input: None }),
            "interface" => Some(Origin { source: None, input: Some(node.attribute("name")?.to_owned()) }),
            _ => None,
        });
        found.collect()
    }

    fn chain(&self) -> Chain {
        let mut early = Vec::new();
        let mut rules = Vec::new();
        for node in self.children() {
            match node.tag_name().name() {
                // Rules that keep out are asked before those that let in.
                "rule" => match self.rich(node) {
                    found if found.first().is_some_and(|rule| rule.verdict == Verdict::Drop) => early.extend(found),
                    found => rules.extend(found),
                },
                _ => rules.extend(self.plain(node, &Match::default(), &Verdict::Accept)),
            }
        }
        early.extend(rules);
        let target = self.document.root_element().attribute("target");
        let accepts = target == Some("ACCEPT");
        let verdict = if accepts { Verdict::Accept } else { Verdict::Drop };
        let evidence = self.place(self.document.root_element());
        early.push(Rule { when: Match::default(), verdict, evidence });
        Chain { accepts, rules: early, ..Chain::default() }
    }

    /// A port or service, with what is asked beside it.
    fn plain(&self, node: Node<'_, '_>, when: &Match, verdict: &Verdict) -> Vec<Rule> {
        let ports: Vec<(Protocol, Option<(u16, u16)>)> = match node.tag_name().name() {
            "port" => port(node).into_iter().map(|(protocol, range)| (protocol, Some(range))).collect(),
            "service" => {
                let found = node.attribute("name").map(|name| service(self.host, name)).unwrap_or_default();
                found.into_iter().map(|(protocol, range)| (protocol, Some(range))).collect()
            }
            "protocol" => match node.attribute("value") {
                Some("tcp") => vec![(Protocol::Tcp, None)],
                Some("udp") => vec![(Protocol::Udp, None)],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let rule = |(protocol, range): (Protocol, Option<(u16, u16)>)| Rule {
            when: Match { protocols: vec![protocol], ports: range.map(|range| vec![range]), ..when.clone() },
            verdict: verdict.clone(),
            evidence: self.place(node),
        };
        ports.into_iter().map(rule).collect()
    }

    /// A rule with conditions of its own.
    fn rich(&self, node: Node<'_, '_>) -> Vec<Rule> {
        let family = match node.attribute("family") {
            Some("ipv4") => Some(Family::V4),
            Some("ipv6") => Some(Family::V6),
            _ => None,
        };
        let mut when = Match { family, ..Match::default() };
        let mut verdict = Verdict::Nothing;
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "source" => {
                    let net = child.attribute("address").and_then(Net::parse);
                    let is_not = matches!(child.attribute("invert"), Some("true" | "yes" | "True"));
                    match net {
                        Some(net) if is_not => when.not.push(Origin { source: Some(net), input: None }),
                        Some(net) => when.sources.push(net),
                        None => when.is_unsure = true,
                    }
                }
                "destination" => when.destination = child.attribute("address").and_then(Net::parse),
                "icmp-type" => when.is_never = true,
                "source-port" => {
                    when.is_narrow = true;
                    when.is_never |= protocol(child).is_none();
                    when.protocols.extend(protocol(child));
                }
                "accept" => verdict = Verdict::Accept,
                "reject" | "drop" => verdict = Verdict::Drop,
                _ => {}
            }
        }
        let named = ["port", "service", "protocol"];
        let mut about = node.children().filter(|child| named.contains(&child.tag_name().name())).peekable();
        if about.peek().is_none() {
            return vec![Rule { when, verdict, evidence: self.place(node) }];
        }
        about.flat_map(|child| self.plain(child, &when, &verdict)).collect()
    }
}

fn protocol(node: Node<'_, '_>) -> Option<Protocol> {
    match node.attribute("protocol")? {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    }
}

fn port(node: Node<'_, '_>) -> Option<(Protocol, (u16, u16))> {
    Some((protocol(node)?, iptables::range(node.attribute("port")?, '-')?))
}

/// Ports of a service.
fn service(host: &Host, name: &str) -> Vec<(Protocol, (u16, u16))> {
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'));
    let text = if is_name { file(host, "services", name).ok().map(|(_, text)| text) } else { None };
    if let Some(document) = text.as_deref().and_then(|text| Document::parse(text).ok()) {
        let nodes = document.root_element().children().filter(|node| node.has_tag_name("port"));
        return nodes.filter_map(port).collect();
    }
    let known = SERVICES.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, ports)| *ports);
    known.iter().map(|(protocol, port)| (*protocol, (*port, *port))).collect()
}
