//! Rules as `iptables-save` prints and `iptables-restore` reads them, which is also the form of ufw's own files.

use super::super::check::Evidence;
use super::rules::{Chain, Family, Hook, Match, Net, Origin, Protocol, Rule, Table, Verdict};

/// Services that rules may name instead of numbers.
const NAMES: [(&str, u16); 8] = [
    ("ssh", 22),
    ("http", 80),
    ("https", 443),
    ("domain", 53),
    ("smtp", 25),
    ("mysql", 3306),
    ("postgresql", 5432),
    ("ftp", 21),
];

/// Reads all tables. `evidence` is where the text comes from; lines are counted from 1.
pub(super) fn parse(text: &str, family: Family, evidence: &Evidence) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('*') {
            add_table(&mut tables, name.trim(), family, evidence);
            continue;
        }
        let Some(table) = tables.last_mut() else { continue };
        if let Some(rest) = line.strip_prefix(':') {
            let mut words = rest.split_whitespace();
            let (Some(name), policy) = (words.next(), words.next().unwrap_or("-")) else { continue };
            declare(table, name, policy);
        } else if line.starts_with("-A ") || line.starts_with("-I ") {
            let evidence = evidence.clone().line(Some(index + 1)).note(line);
            if let Some((chain, rule)) = rule(line, family, evidence) {
                let rules = &mut table.chains.entry(chain).or_default().rules;
                if line.starts_with("-I ") { rules.insert(0, rule) } else { rules.push(rule) }
            }
        }
    }
    tables
}

fn add_table(tables: &mut Vec<Table>, name: &str, family: Family, evidence: &Evidence) {
    let table =
        Table { family: Some(family), name: name.to_owned(), evidence: evidence.clone(), chains: Default::default() };
    tables.push(table);
}

fn declare(table: &mut Table, name: &str, policy: &str) {
    let is_nat = table.name == "nat";
    let chain = table.chains.entry(name.to_owned()).or_default();
    let is_base = policy != "-";
    *chain = Chain { is_nat, accepts: policy == "ACCEPT", ..std::mem::take(chain) };
    chain.hook = match name {
        _ if !is_base => None,
        "INPUT" => Some(Hook::Input),
        "PREROUTING" => Some(Hook::Prerouting),
        "FORWARD" => Some(Hook::Forward),
        _ => Some(Hook::Other),
    };
}

/// One line with its chain.
pub(super) fn rule(line: &str, family: Family, evidence: Evidence) -> Option<(String, Rule)> {
    let words = words(line);
    let mut reader = Reader { words: &words, at: 2, when: Match::default(), target: None, has_target: false };
    let chain = words.get(1)?.clone();
    reader.when.family = Some(family);
    reader.read(family);
    let verdict = match reader.target {
        None => Verdict::Nothing,
        Some(target) => target,
    };
    Some((chain, Rule { when: reader.when, verdict, evidence }))
}

struct Reader<'w> {
    words: &'w [String],
    at: usize,
    when: Match,
    target: Option<Verdict>,
    has_target: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> String {
        let word = self.words.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        word
    }

    fn read(&mut self, family: Family) {
        let mut is_not = false;
        while self.at < self.words.len() {
            let word = self.next();
            if word == "!" {
                is_not = true;
                continue;
            }
            self.option(&word, is_not, family);
            is_not = false;
        }
    }

    fn option(&mut self, word: &str, is_not: bool, family: Family) {
        match word {
            "-p" | "--protocol" => self.protocol(is_not),
            "-s" | "--source" | "--src" => self.source(is_not),
            "-d" | "--destination" | "--dst" => self.destination(is_not, family),
            "-i" | "--in-interface" => self.input(is_not),
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" | "--ports" => self.ports(is_not),
            "--sport" | "--source-port" | "--sports" | "--source-ports" => {
                self.next();
                self.when.is_narrow = true;
            }
            "--ctstate" | "--state" => {
                let is_new = self.next().split(',').any(|state| matches!(state, "NEW" | "UNTRACKED"));
                self.when.is_never |= is_new == is_not;
            }
            "--dst-type" => {
                let is_local = self.next().split(',').any(|kind| kind == "LOCAL");
                self.when.is_never |= is_local == is_not;
            }
            "--icmp-type" | "--icmpv6-type" => {
                self.next();
                self.when.is_never = true;
            }
            "-m" | "--match" | "--comment" => {
                self.next();
            }
            "-j" | "--jump" => self.target(false),
            "-g" | "--goto" => self.target(true),
            "--to-destination" | "--to-ports" => {
                let to = self.next();
                self.target = Some(Verdict::Translate(to));
            }
            // What opens a connection is what this leaves out.
            "--syn" if is_not => self.when.is_never = true,
            "--syn" | "--set" | "--rsource" | "--log-prefix" | "--name" | "--mask" | "--hitcount" => {}
            // Options of a target say nothing about what it is done to, but those of a later `-m` do.
            _ if word.starts_with("--limit") || word == "--update" || word == "--rcheck" => self.when.is_unsure = true,
            _ if word.starts_with('-') && !self.has_target => self.when.is_unsure = true,
            _ => {}
        }
    }

    fn protocol(&mut self, is_not: bool) {
        let protocol = self.next();
        match (protocol.as_str(), is_not) {
            ("all" | "0", false) => {}
            ("tcp" | "6", false) => self.when.protocols.push(Protocol::Tcp),
            ("udp" | "17", false) => self.when.protocols.push(Protocol::Udp),
            (_, false) => self.when.is_never = true,
            ("tcp" | "6", true) => self.when.protocols.push(Protocol::Udp),
            ("udp" | "17", true) => self.when.protocols.push(Protocol::Tcp),
            (_, true) => {}
        }
    }

    fn source(&mut self, is_not: bool) {
        let text = self.next();
        let nets: Vec<Net> = text.split(',').filter_map(Net::parse).collect();
        match (nets.is_empty(), is_not) {
            // A host's name, which is not asked for.
            (true, _) => self.when.is_unsure = true,
            (false, true) => {
                self.when.not.extend(nets.into_iter().map(|net| Origin { source: Some(net), input: None }));
            }
            (false, false) if nets.iter().any(|net| net.is_any()) => {}
            (false, false) => self.when.sources = nets,
        }
    }

    fn destination(&mut self, is_not: bool, family: Family) {
        let text = self.next();
        match (Net::parse(&text), is_not) {
            (Some(net), false) if net.is_any() => {}
            (Some(net), false) => {
                let is_multicast = Net::parse(if family == Family::V4 { "224.0.0.0/4" } else { "ff00::/8" });
                self.when.is_never |= is_multicast.is_some_and(|multicast| multicast.holds(net));
                self.when.destination = Some(net);
            }
            _ => self.when.is_unsure = true,
        }
    }

    fn input(&mut self, is_not: bool) {
        let name = self.next();
        match (is_not, name.as_str()) {
            (true, _) => self.when.not.push(Origin { source: None, input: Some(name) }),
            (false, "+") => {}
            (false, _) => self.when.inputs.push(name),
        }
    }

    fn ports(&mut self, is_not: bool) {
        let found: Option<Vec<(u16, u16)>> = self.next().split(',').map(|text| range(text, ':')).collect();
        match found {
            Some(ports) if is_not => self.when.ports = Some(others(&ports)),
            Some(ports) => self.when.ports = Some(ports),
            None => self.when.is_unsure = true,
        }
    }

    fn target(&mut self, is_goto: bool) {
        let name = self.next();
        self.has_target = true;
        let verdict = match name.as_str() {
            "ACCEPT" => Verdict::Accept,
            "DROP" | "REJECT" | "TARPIT" => Verdict::Drop,
            "RETURN" => Verdict::Return,
            "LOG" | "NFLOG" | "ULOG" | "MARK" | "CONNMARK" | "AUDIT" | "CT" | "NOTRACK" | "SET" | "TRACE" | "DNAT"
            | "REDIRECT" | "SNAT" | "MASQUERADE" | "TCPMSS" | "DSCP" | "NFQUEUE" => Verdict::Nothing,
            _ if is_goto => Verdict::Goto(name),
            _ => Verdict::Jump(name),
        };
        self.target = Some(verdict);
    }
}

/// A port, or two with `between` in the middle; a service's name stands for its port.
pub(super) fn range(text: &str, between: char) -> Option<(u16, u16)> {
    let text = text.trim();
    let one = |text: &str| {
        let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, port)| *port);
        text.parse().ok().or(named)
    };
    match text.split_once(between) {
        Some((from, to)) => {
            let from = if from.is_empty() { 0 } else { one(from)? };
            let to = if to.is_empty() { u16::MAX } else { one(to)? };
            (from <= to).then_some((from, to))
        }
        None => one(text).map(|port| (port, port)),
    }
}

/// All ports but these.
pub(super) fn others(ports: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    let mut found = Vec::new();
    let mut next: u32 = 0;
    for (from, to) in ports {
        if u32::from(from) > next {
            found.push((u16::try_from(next).unwrap_or(u16::MAX), from - 1));
        }
        next = next.max(u32::from(to) + 1);
    }
    if let Ok(next) = u16::try_from(next) {
        found.push((next, u16::MAX));
    }
    found
}

/// Words of a line; quotes hold together, a backslash escapes.
fn words(line: &str) -> Vec<String> {
    super::super::openclaw::unit::words(line)
}
