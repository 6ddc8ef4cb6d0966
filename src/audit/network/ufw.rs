//! ufw by its files: whether it is switched on, what it does with what no rule names, and its rules. They are in the form
//! of `iptables-restore`; the comments beside them, from which `ufw status` is printed, are read too.

use std::path::Path;

use super::super::check::Evidence;
use super::super::host::{FILE_BYTES, Host, Unread};
use super::iptables;
use super::rules::{Chain, Family, Hook, Match, Net, Protocol, Rule, Rules, Table, Verdict};

/// Says whether it is switched on.
pub(super) const CONF: &str = "/etc/ufw/ufw.conf";
/// Says what it does with what no rule names.
pub(super) const DEFAULTS: &str = "/etc/default/ufw";

/// What ufw is set to do.
pub(super) struct Ufw {
    /// Whether it is switched on, with the place.
    pub(super) enabled: Result<(bool, Evidence), Unread>,
    /// What happens to what no rule names, in its words, with the place.
    pub(super) input: Result<(String, Evidence), Unread>,
    /// Whether it has rules for IPv6; without, nothing comes in by IPv6 at all.
    pub(super) has_v6: bool,
    /// Its rules.
    pub(super) rules: Result<Rules, Unread>,
}

impl Ufw {
    /// Reads it; none if it is not installed.
    pub(super) fn read(host: &Host) -> Option<Self> {
        let conf = host.text(CONF, FILE_BYTES);
        if conf == Err(Unread::Absent) {
            return None;
        }
        let defaults = host.text(DEFAULTS, FILE_BYTES);
        let enabled = conf.map(|text| match setting(&text, "ENABLED") {
            Some((value, line)) => {
                let evidence = Evidence::path(CONF).key("ENABLED").line(Some(line)).note(value.clone());
                (value.eq_ignore_ascii_case("yes"), evidence)
            }
            None => (false, Evidence::path(CONF).note("ENABLED is not set")),
        });
        let key = "DEFAULT_INPUT_POLICY";
        let input = defaults.as_deref().map_err(Clone::clone).map(|text| match setting(text, key) {
            Some((value, line)) => (value.clone(), Evidence::path(DEFAULTS).key(key).line(Some(line)).note(value)),
            // Its own start script takes this for granted.
            None => ("DROP".to_owned(), Evidence::path(DEFAULTS).note(format!("{key} is not set"))),
        });
        let v6 = defaults.as_deref().ok().and_then(|text| setting(text, "IPV6"));
        let has_v6 = v6.is_none_or(|(value, _)| value.eq_ignore_ascii_case("yes"));
        let accepts = input.as_ref().is_ok_and(|(policy, _)| policy.eq_ignore_ascii_case("ACCEPT"));
        let rules = rules(host, accepts, has_v6);
        Some(Self { enabled, input, has_v6, rules })
    }
}

/// A setting in the form of the shell, with its line; the last one counts.
fn setting(text: &str, key: &str) -> Option<(String, usize)> {
    let found = text.lines().enumerate().filter_map(|(index, line)| {
        let value = line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?;
        let value = value.split('#').next().unwrap_or(value).trim().trim_matches(['"', '\'']);
        Some((value.to_owned(), index + 1))
    });
    found.last()
}

fn rules(host: &Host, accepts: bool, has_v6: bool) -> Result<Rules, Unread> {
    let mut rules = Rules::default();
    for family in Family::ALL {
        if family == Family::V6 && !has_v6 {
            rules.tables.push(closed());
            continue;
        }
        rules.tables.extend(tables(host, family, accepts)?);
    }
    Ok(rules)
}

/// Without `IPV6=yes` only what comes from this machine is let in by IPv6.
fn closed() -> Table {
    let evidence = Evidence::path(DEFAULTS).key("IPV6").note("no");
    let chain = Chain { hook: Some(Hook::Input), ..Chain::default() };
    let chains = [("INPUT".to_owned(), chain)].into();
    Table { family: Some(Family::V6), name: "filter".to_owned(), evidence, chains }
}

fn tables(host: &Host, family: Family, accepts: bool) -> Result<Vec<Table>, Unread> {
    let (digit, prefix) = if family == Family::V4 { ("", "ufw") } else { ("6", "ufw6") };
    let evidence = Evidence::path(DEFAULTS).key("DEFAULT_INPUT_POLICY");
    let mut filter = Table { family: Some(family), name: "filter".to_owned(), evidence, chains: Default::default() };
    let mut tables = Vec::new();
    for part in ["before", "user", "after"] {
        let path = format!("/etc/ufw/{part}{digit}.rules");
        let text = match host.text(&path, FILE_BYTES) {
            // Without them ufw does not start, which the kernel's rules show.
            Err(Unread::Absent) if part != "user" => continue,
            other => other?,
        };
        let place = Evidence::path(&path);
        for table in iptables::parse(&text, family, &place) {
            if table.name == "filter" {
                merge(&mut filter, table);
            } else {
                tables.push(table);
            }
        }
        if part == "user" {
            let told = filter.chains.entry(format!("{prefix}-user-input")).or_default();
            told.rules = told_rules(&text, family, Path::new(&path), std::mem::take(&mut told.rules));
        }
    }
    let jump = |name: String| Rule {
        when: Match::default(),
        verdict: Verdict::Jump(name),
        evidence: Evidence::path(DEFAULTS),
    };
    let names = ["before-input", "user-input", "after-input"].map(|part| format!("{prefix}-{part}"));
    let rules = names.into_iter().map(jump).collect();
    filter.chains.insert("INPUT".to_owned(), Chain { hook: Some(Hook::Input), is_nat: false, accepts, rules });
    tables.push(filter);
    Ok(tables)
}

fn merge(into: &mut Table, table: Table) {
    for (name, chain) in table.chains {
        into.chains.entry(name).or_default().rules.extend(chain.rules);
    }
}

/// Rules by their comments, in the order of the file, each before the rules that the kernel gets for it.
fn told_rules(text: &str, family: Family, path: &Path, written: Vec<Rule>) -> Vec<Rule> {
    let mut told: Vec<Rule> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let tuple = line.trim().strip_prefix("### tuple ###")?;
            tuple_rule(tuple, family, Evidence::path(path).line(Some(index + 1)).note(shown(tuple)))
        })
        .collect();
    told.extend(written);
    told.sort_by_key(|rule| rule.evidence.line);
    told
}

/// The rule of a comment that is about what comes in: action, protocol, port, destination, source port, source, and
/// perhaps the names of two applications, then the direction with its interface.
fn tuple_rule(tuple: &str, family: Family, evidence: Evidence) -> Option<Rule> {
    let words: Vec<&str> = tuple.split_whitespace().filter(|word| !word.starts_with("comment=")).collect();
    let [action, protocol, port, destination, source_port, source, rest @ ..] = words.as_slice() else { return None };
    let direction = rest.last()?;
    let input = match direction.split('!').next()?.split_once('_') {
        Some(("in", input)) => Some(input.to_owned()),
        None if *direction == "in" => None,
        _ => return None,
    };
    let verdict = match action.split('_').next()? {
        "allow" | "limit" => Verdict::Accept,
        "deny" | "reject" => Verdict::Drop,
        _ => return None,
    };
    let mut when = Match { family: Some(family), inputs: input.into_iter().collect(), ..Match::default() };
    match *protocol {
        "any" => {}
        "tcp" => when.protocols.push(Protocol::Tcp),
        "udp" => when.protocols.push(Protocol::Udp),
        _ => when.is_never = true,
    }
    if *port != "any" {
        when.ports = Some(port.split(',').map(|text| iptables::range(text, ':')).collect::<Option<_>>()?);
    }
    when.is_narrow = *source_port != "any";
    when.destination = Net::parse(destination).filter(|net| !net.is_any());
    when.sources = Net::parse(source).filter(|net| !net.is_any()).into_iter().collect();
    Some(Rule { when, verdict, evidence })
}

/// A rule as people read it, with its comment in plain.
fn shown(tuple: &str) -> String {
    let words = tuple.split_whitespace().map(|word| {
        let hex = word
            .strip_prefix("comment=")
            .and_then(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
        hex.map_or_else(|| word.to_owned(), |bytes| format!("# {}", String::from_utf8_lossy(&bytes)))
    });
    words.collect::<Vec<_>>().join(" ")
}
