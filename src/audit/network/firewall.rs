//! The packet filter of a host: what files set, which counts at the next start, and what the kernel has now.

use super::super::check::Evidence;
use super::super::host::{FILE_BYTES, Host, Tool, Unread};
use super::super::reach::Reach;
use super::firewalld::Firewalld;
use super::rules::{Family, Opening, Query, Rules, Table};
use super::ufw::Ufw;
use super::{iptables, nft, nft_file};

/// Directories where a unit is linked that starts with the system.
const WANTS: [&str; 3] = [
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/sysinit.target.wants",
    "/etc/systemd/system/basic.target.wants",
];
/// Files that iptables-persistent loads.
const SAVED: [(Family, &str); 2] = [(Family::V4, "/etc/iptables/rules.v4"), (Family::V6, "/etc/iptables/rules.v6")];

/// What prints rules of iptables as they are loaded.
struct Saver {
    family: Family,
    name: &'static str,
    /// The program for rules that came through the older interface of the kernel.
    legacy: &'static str,
    /// Where the kernel names the tables of those.
    tables: &'static str,
}

const SAVERS: [Saver; 2] = [
    Saver {
        family: Family::V4,
        name: "iptables-save",
        legacy: "iptables-legacy-save",
        tables: "/proc/net/ip_tables_names",
    },
    Saver {
        family: Family::V6,
        name: "ip6tables-save",
        legacy: "ip6tables-legacy-save",
        tables: "/proc/net/ip6_tables_names",
    },
];

/// What is set and what is loaded.
pub(in crate::audit) struct Firewall {
    /// ufw, if it is installed.
    pub(super) ufw: Option<Ufw>,
    /// What sets up the filter at the next start, if anything does.
    pub(super) set: Option<Set>,
    /// The kernel's own rules.
    pub(super) loaded: Result<Rules, Unread>,
}

/// What sets up the filter.
pub(super) struct Set {
    /// Its name.
    pub(super) name: &'static str,
    /// What says that it does.
    pub(super) evidence: Evidence,
    /// Its rules, by its files.
    pub(super) rules: Result<Rules, Unread>,
}

/// Where rules were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Files.
    Set,
    /// The kernel.
    Loaded,
}

impl Firewall {
    /// Reads files, and asks the kernel if that may be asked.
    pub(in crate::audit) fn read(host: &Host) -> Self {
        let mut ufw = Ufw::read(host);
        let set =
            by_ufw(ufw.as_mut()).or_else(|| by_firewalld(host)).or_else(|| by_nftables(host)).or_else(|| saved(host));
        Self { ufw, set, loaded: loaded(host) }
    }

    /// Rules that can be judged: those of files, and the kernel's.
    pub(super) fn known(&self) -> Vec<(Source, &Rules)> {
        let set = self.set.as_ref().and_then(|set| set.rules.as_ref().ok()).map(|rules| (Source::Set, rules));
        let loaded = self.loaded.as_ref().ok().map(|rules| (Source::Loaded, rules));
        set.into_iter().chain(loaded).collect()
    }

    /// Whether anything filters, as far as is known.
    pub(super) fn filters(&self) -> bool {
        let is_loaded = |rules: &Rules| Family::ALL.iter().any(|family| rules.filters_input(*family));
        self.set.is_some() || self.loaded.as_ref().is_ok_and(is_loaded)
    }

    /// What may connect by what is set or what is loaded, whichever lets in more.
    pub(super) fn openings(&self, query: Query) -> Vec<(Source, Opening)> {
        let known = self.known().into_iter();
        known.flat_map(|(source, rules)| rules.openings(query).into_iter().map(move |one| (source, one))).collect()
    }

    /// The farthest that may connect to a TCP port; none if that is not known.
    pub(super) fn reach(&self, port: u16) -> Option<Reach> {
        if self.known().is_empty() {
            return None;
        }
        let query = |family| Query { family, protocol: super::rules::Protocol::Tcp, port };
        let openings = Family::ALL.into_iter().flat_map(|family| self.openings(query(family)));
        Some(openings.map(|(_, opening)| opening.origin.reach()).max().unwrap_or(Reach::Loopback))
    }

    /// The farthest that the kernel's own rules let in at a TCP port; none unless it filters and tells its rules.
    pub(in crate::audit) fn lets_in(&self, port: u16) -> Option<Reach> {
        self.reach(port).filter(|_| self.loaded.is_ok() && self.filters())
    }

    /// Why not everything is known of the rules, if so.
    pub(super) fn hidden(&self) -> Option<&Unread> {
        if self.loaded.is_ok() {
            return None;
        }
        match &self.set {
            Some(set) => set.rules.as_ref().err(),
            None => self.loaded.as_ref().err(),
        }
    }
}

fn by_ufw(ufw: Option<&mut Ufw>) -> Option<Set> {
    let ufw = ufw?;
    let evidence = match &ufw.enabled {
        Ok((true, evidence)) => evidence.clone(),
        _ => return None,
    };
    let rules = std::mem::replace(&mut ufw.rules, Err(Unread::Absent));
    Some(Set { name: "ufw", evidence, rules })
}

fn by_firewalld(host: &Host) -> Option<Set> {
    let firewalld = Firewalld::read(host)?;
    let is_running = host.processes().is_ok_and(|all| all.iter().any(|process| process.name == "firewalld"));
    let is_on = is_running || starts(host, "firewalld.service");
    is_on.then_some(Set { name: "firewalld", evidence: firewalld.evidence, rules: firewalld.rules })
}

/// The file of nftables, if it is loaded at start and filters what comes in.
fn by_nftables(host: &Host) -> Option<Set> {
    if !starts(host, "nftables.service") {
        return None;
    }
    let evidence = Evidence::path(nft_file::CONF);
    let printed = match nft_file::read(host, nft_file::CONF) {
        Err(Unread::Absent) => return None,
        Err(why) => return Some(Set { name: "nftables", evidence, rules: Err(why) }),
        Ok(printed) => printed,
    };
    let tables = nft::parse(&printed)?.tables;
    let rules =
        Rules { tables: tables.into_iter().map(|table| Table { evidence: evidence.clone(), ..table }).collect() };
    let filters = Family::ALL.iter().any(|family| rules.filters_input(*family));
    filters.then_some(Set { name: "nftables", evidence, rules: Ok(rules) })
}

/// Whether a unit starts with the system.
pub(in crate::audit) fn starts(host: &Host, unit: &str) -> bool {
    WANTS.iter().any(|folder| host.lstat(format!("{folder}/{unit}")).is_ok())
}

/// Rules of iptables that are loaded at start.
fn saved(host: &Host) -> Option<Set> {
    let mut rules = Rules::default();
    let mut found: Option<(Evidence, Option<Unread>)> = None;
    for (family, path) in SAVED {
        let why = match host.text(path, FILE_BYTES) {
            Ok(text) => {
                rules.tables.extend(iptables::parse(&text, family, &Evidence::path(path)));
                None
            }
            Err(Unread::Absent) => continue,
            Err(why) => Some(why),
        };
        let (_, first) = found.get_or_insert((Evidence::path(path), None));
        *first = first.take().or(why);
    }
    let (evidence, why) = found?;
    Some(Set { name: "iptables", evidence, rules: why.map_or(Ok(rules), Err) })
}

/// The kernel's rules, as `nft` prints them; those of iptables as its own program does, since `nft` leaves parts out.
fn loaded(host: &Host) -> Result<Rules, Unread> {
    if !host.is_live() {
        return Err(Unread::NotLive);
    }
    if !host.is_root() {
        return Err(Unread::Denied);
    }
    let printed = match host.command(Tool { name: "nft", arguments: &["-j", "list", "ruleset"] }) {
        Ok(output) if output.code == Some(0) => {
            let broken = || Unread::Other(format!("{} prints what is not understood", nft::COMMAND));
            Some(nft::parse(&output.stdout).ok_or_else(broken)?)
        }
        // A container may not ask, although root is asking.
        Ok(output) if output.stderr.contains("not permitted") => return Err(Unread::Denied),
        Ok(output) => return Err(Unread::Other(format!("{} fails: {}", nft::COMMAND, first_line(&output.stderr)))),
        Err(Unread::Absent) => None,
        Err(why) => return Err(why),
    };
    let mut rules = Rules::default();
    let foreign = match printed {
        Some(printed) => {
            let is_foreign = |table: &Table| printed.foreign.contains(&(table.family, table.name.clone()));
            rules.tables.extend(printed.tables.iter().filter(|table| !is_foreign(table)).cloned());
            Some(printed.foreign)
        }
        None => None,
    };
    for Saver { family, name, legacy, tables } in SAVERS {
        // Of what came through the older interface of the kernel, `nft` shows nothing.
        if foreign.is_some() && host.text(tables, FILE_BYTES).is_ok_and(|text| !text.trim().is_empty()) {
            let unknown = || Unread::Other(format!("rules of iptables-legacy are loaded, and there is no {legacy}"));
            let found = saved_by(host, legacy, family);
            rules.tables.extend(found.map_err(|why| if why == Unread::Absent { unknown() } else { why })?);
        }
        let wanted = |table: &str| foreign.as_ref().is_none_or(|all| all.contains(&(Some(family), table.to_owned())));
        if foreign.as_ref().is_some_and(|all| !all.iter().any(|(one, _)| *one == Some(family))) {
            continue;
        }
        rules.tables.extend(saved_by(host, name, family)?.into_iter().filter(|table| wanted(&table.name)));
    }
    Ok(rules)
}

/// The kernel's rules of one family, as a program in the manner of `iptables-save` prints them.
fn saved_by(host: &Host, name: &'static str, family: Family) -> Result<Vec<Table>, Unread> {
    let output = host.command(Tool { name, arguments: &[] })?;
    if output.code != Some(0) {
        let denied = output.stderr.contains("ermission denied") || output.stderr.contains("not permitted");
        let why = Unread::Other(format!("{name} fails: {}", first_line(&output.stderr)));
        return Err(if denied { Unread::Denied } else { why });
    }
    Ok(iptables::parse(&output.stdout, family, &Evidence::command(name)))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
