//! Classes of hosts: what kind of place an address is, for rules that weigh
//! where something comes from or goes to. Says nothing about good or bad.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;
use url::{Host, Url};

use crate::rule::RuleError;
use crate::text;

/// Addresses in code and data, as they stand there.
pub(crate) static URL: LazyLock<Regex> = LazyLock::new(|| text::regex(r#"(?i)\b(?:https?|wss?)://[^\s<>"'`\\)\]|]+"#));

/// Table of host classes, from `lists/hosts.csv`.
#[derive(Default)]
pub struct Hosts {
    /// Host to class.
    classes: HashMap<String, String>,
    /// Host to path prefixes with their classes, longest first.
    paths: HashMap<String, Vec<(String, String)>>,
    /// Hosts that serve models, with what lies below them; from `lists/providers.csv`.
    providers: HashSet<String>,
    /// Hosts that the user trusts, with what lies below them.
    allowed: HashSet<String>,
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Host in lower case, without brackets.
    pub host: String,
    /// Class of `lists/hosts.csv`, or `allowed`, `ip`, `local`, `unknown`.
    pub class: String,
    /// Whether the connection is not encrypted.
    pub plain: bool,
    /// Path, query and fragment.
    pub path: String,
}

impl Hosts {
    pub(crate) fn parse(text: &str, providers: &str) -> Result<Self, RuleError> {
        let mut classes = HashMap::new();
        let mut paths: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for row in super::csv("lists/hosts.csv", text)? {
            let [host, class, ..] = row.as_slice() else {
                return Err(super::bad_row("lists/hosts.csv", &row));
            };
            match host.split_once('/') {
                Some((host, path)) => {
                    paths.entry(host.to_owned()).or_default().push((format!("/{path}"), class.clone()))
                }
                None => {
                    classes.insert(host.clone(), class.clone());
                }
            }
        }
        let longest_first = |mut prefixes: Vec<(String, String)>| {
            prefixes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
            prefixes
        };
        let paths = paths.into_iter().map(|(host, prefixes)| (host, longest_first(prefixes))).collect();
        let providers = super::csv("lists/providers.csv", providers)?;
        let providers = providers.into_iter().filter_map(|row| row.into_iter().next()).collect();
        Ok(Self { classes, paths, providers, allowed: HashSet::new() })
    }

    /// Whether any row has this class.
    pub fn has_class(&self, class: &str) -> bool {
        self.classes.values().chain(self.paths.values().flatten().map(|(_, class)| class)).any(|known| known == class)
    }

    /// Reads a URL, or a host with a path as shell commands accept it.
    pub fn place(&self, text: &str) -> Option<Place> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'));
        let url = match text.split_once("://") {
            Some(_) => Url::parse(text).ok()?,
            None => Url::parse(&format!("http://{text}")).ok()?,
        };
        let host = match url.host()? {
            Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let mut path = url.path().to_owned();
        for (sign, part) in [('?', url.query()), ('#', url.fragment())] {
            if let Some(part) = part {
                path.push(sign);
                path.push_str(part);
            }
        }
        let plain = text.contains("://") && matches!(url.scheme(), "http" | "ftp" | "tftp" | "ws");
        let class = match self.class(&host, &path) {
            // Nobody can change what a revision holds.
            "paste" if is_revision(url.path()) => "unknown",
            // No file lies where people sign in.
            "file-drop" if is_account(&path) => "unknown",
            class => class,
        };
        let class = class.to_owned();
        Some(Place { plain: plain && class != "local", host, class, path })
    }

    /// What rules may ask of an address: its class, and `throwaway` and `provider` where they hold too; nothing if it is
    /// no address.
    pub fn classes(&self, address: &str) -> Vec<String> {
        let Some(place) = self.place(address) else { return Vec::new() };
        let more = [("throwaway", place.is_throwaway()), ("provider", is_below(&self.providers, &place.host))];
        let more = more.into_iter().filter(|(_, holds)| *holds).map(|(class, _)| class.to_owned());
        more.chain([place.class]).collect()
    }

    /// Whether an address in a text is of one of these classes.
    pub fn any_in(&self, text: &str, wanted: &[String]) -> bool {
        let mut classes = URL.find_iter(text).flat_map(|address| self.classes(address.as_str()));
        !wanted.is_empty() && classes.any(|class| wanted.contains(&class))
    }

    /// Lets a host that the user trusts, and all below it, be of the class `allowed` and of no other.
    pub fn allow(&mut self, host: &str) {
        self.allowed.insert(host.to_ascii_lowercase());
    }

    fn class(&self, host: &str, path: &str) -> &str {
        if is_below(&self.allowed, host) {
            return "allowed";
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            return if is_local(ip) { "local" } else { "ip" };
        }
        if !host.contains('.') || LOCAL.iter().any(|zone| host.ends_with(zone)) {
            return "local";
        }
        let path = path.to_ascii_lowercase();
        if let Some((_, class)) =
            self.paths.get(host).into_iter().flatten().find(|(prefix, _)| path.starts_with(prefix.as_str()))
        {
            return class;
        }
        let mut name = host;
        loop {
            if let Some(class) = self.classes.get(name) {
                return class;
            }
            match name.split_once('.') {
                Some((_, rest)) => name = rest,
                None => return "unknown",
            }
        }
    }
}

impl Place {
    /// Whether what it serves can change unseen, or be changed on the way, and no one answers for it.
    pub fn is_throwaway(&self) -> bool {
        const CLASSES: [&str; 7] = ["ip", "paste", "file-drop", "tunnel", "dyndns", "shortener", "collector"];
        self.plain || CLASSES.contains(&self.class.as_str())
    }
}

/// Whether a path names a file as it was at a commit: `…/raw/<40 hexadecimal digits>/…`.
fn is_revision(path: &str) -> bool {
    let behind = path.split_once("/raw/").map_or("", |(_, behind)| behind);
    let revision = behind.split('/').next().unwrap_or("");
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a path is of a service's own pages about accounts and keys.
fn is_account(path: &str) -> bool {
    const PAGES: [&str; 9] =
        ["account", "console", "login", "pricing", "register", "settings", "signin", "signup", "terms"];
    let first = path.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or("");
    PAGES.iter().any(|page| first.eq_ignore_ascii_case(page))
}

/// Whether a host is one of these, or below one.
fn is_below(hosts: &HashSet<String>, host: &str) -> bool {
    let mut ancestors = std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, rest)| rest));
    !hosts.is_empty() && ancestors.any(|name| hosts.contains(name))
}

/// Ends of names that no public server has (RFC 6761, 6762, 8375, and those that routers and containers give).
const LOCAL: [&str; 6] = [".localhost", ".local", ".lan", ".internal", ".home.arpa", ".localdomain"];

/// Loopback, private, shared, link-local: not a place on the internet.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            // RFC 6598, which private networks over the internet use.
            let is_shared = matches!(ip.octets(), [100, 64..=127, ..]);
            // RFC 1122 §3.2.1.3: hosts of this network, whichever it is. Small numbers taken for an address are there.
            let is_here = ip.octets()[0] == 0;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || is_shared || is_here
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

/// The part of a host that one party registers: `a.b.co.uk` gives `b.co.uk`; `None` for
/// addresses and for names under no known public suffix.
pub fn registrable(host: &str) -> Option<&str> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let domain = psl::domain(host.as_bytes())?;
    if !domain.suffix().is_known() {
        return None;
    }
    std::str::from_utf8(domain.as_bytes()).ok()
}
