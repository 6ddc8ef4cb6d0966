//! Indicators of compromise: literal known-bad values with provenance and date.
//!
//! Only `ioc/*` rules read them, so that dropping those rules equals empty lists.
//! One automaton finds names and texts, everything else is a lookup of a hash:
//! what a scan costs does not grow with the lists.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;

use crate::finding::Confidence;
use crate::rule::RuleError;

mod address;

use address::groups;
pub use address::{Address, ipv4, plain_ip};

/// What a value is, and so where it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `host/owner` on a code host.
    Account,
    /// Mail address.
    Email,
    /// `module@version`.
    Go,
    /// Host name, and all names below it.
    Host,
    /// Address without a name.
    Ip,
    /// `name@version`.
    Npm,
    /// Owner in the registry of skills.
    Publisher,
    /// `name@version`.
    Pypi,
    /// Digest of a file, or of what was decoded out of one.
    Sha256,
    /// `owner/slug`, `*/slug`, or `*/name-*` where a random ending follows.
    Slug,
    /// Any text, exactly.
    String,
    /// Host and path.
    Url,
    /// Address of a wallet, exactly.
    Wallet,
}

impl Kind {
    /// The kind of this name in a list.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "account" => Self::Account,
            "email" => Self::Email,
            "go" => Self::Go,
            "host" => Self::Host,
            "ip" => Self::Ip,
            "npm" => Self::Npm,
            "publisher" => Self::Publisher,
            "pypi" => Self::Pypi,
            "sha256" => Self::Sha256,
            "slug" => Self::Slug,
            "string" => Self::String,
            "url" => Self::Url,
            "wallet" => Self::Wallet,
            _ => return None,
        })
    }
}

/// Where one known-bad value comes from.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// What it is.
    pub kind: Kind,
    /// How sure its source is.
    pub confidence: Confidence,
    /// Campaign that it belongs to.
    pub campaign: Arc<str>,
    /// Day it was first seen, `YYYY-MM-DD`.
    pub first_seen: Arc<str>,
    /// Who reported it.
    pub source: Arc<str>,
}

/// What the automaton stops at.
enum Pattern {
    /// A listed host, or one on which a listed address or account lies.
    Host,
    /// Two groups of an IPv6 address that spell a listed IPv4 address, or a listed IPv6 address.
    Ipv6,
    /// A package of which every version is listed.
    Package,
    /// A text that is listed itself.
    Text(Box<str>, Indicator),
}

/// Something in a text that may be listed.
pub enum Candidate<'a> {
    /// A place that may be (part of) a listed host.
    Host,
    /// A place that may be part of an IPv6 address.
    Ipv6,
    /// A place that may be (part of) the name of a package.
    Package,
    /// A listed text.
    Text(&'a Indicator),
}

/// All indicators, indexed for exact lookup.
#[derive(Default)]
pub struct Indicators {
    exact: HashMap<Kind, HashMap<Box<str>, Indicator>>,
    ips: HashMap<IpAddr, Indicator>,
    digests: HashMap<[u8; 32], Indicator>,
    /// Hosts on which a listed address lies.
    url_hosts: HashSet<String>,
    /// Hosts with listed accounts.
    account_hosts: HashSet<String>,
    patterns: Vec<Pattern>,
    automaton: Option<AhoCorasick>,
    /// Registry and name of each listed package, to its versions.
    versions: HashMap<(Kind, Box<str>), Vec<Box<str>>>,
    count: usize,
}

/// One string for all rows that hold the same.
#[derive(Default)]
struct Interned(HashSet<Arc<str>>);

impl Interned {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

impl Indicators {
    pub(crate) fn parse(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let mut all = Self::default();
        let mut interned = Interned::default();
        let mut words: HashSet<String> = HashSet::new();
        let mut texts: Vec<String> = Vec::new();
        for (file, text) in files {
            // Tens of thousands of rows: read one by one, without a copy of each column.
            let broken = |why: String| RuleError::Body { file: (*file).to_owned(), why };
            let mut reader = ::csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
            let mut row = ::csv::StringRecord::new();
            while reader.read_record(&mut row).map_err(|error| broken(error.to_string()))? {
                let bad =
                    || broken(format!("row does not fit the header: {}", row.iter().collect::<Vec<_>>().join(",")));
                let column = |index: usize| row.get(index).unwrap_or("");
                let confidence = match column(2) {
                    "high" => Confidence::High,
                    "medium" => Confidence::Medium,
                    "low" => Confidence::Low,
                    _ => return Err(bad()),
                };
                let (Some(kind), value) = (Kind::named(column(0)), column(1)) else { return Err(bad()) };
                if value.is_empty() || row.len() < 5 {
                    return Err(bad());
                }
                let indicator = Indicator {
                    kind,
                    confidence,
                    campaign: interned.get(column(3)),
                    first_seen: interned.get(column(4)),
                    source: interned.get(column(5)),
                };
                all.add(value, indicator, &mut words, &mut texts).ok_or_else(bad)?;
            }
        }
        if !texts.is_empty() {
            // Overlapping, so that a text around a host does not hide the host.
            let automaton =
                AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::Standard).build(&texts);
            all.automaton = Some(automaton.map_err(|error| RuleError::Body {
                file: "lists/indicators.csv".to_owned(),
                why: error.to_string(),
            })?);
        }
        Ok(all)
    }

    /// Listed versions of a package of the registry `kind`; `*` stands for all of them.
    pub fn versions<'a>(&'a self, kind: &str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let known = Kind::named(kind).and_then(|kind| self.versions.get(&(kind, name.into())));
        known.into_iter().flatten().map(|version| &**version)
    }

    /// Adds a value in the form in which it is compared; `None` if it is none of its kind.
    fn add(
        &mut self,
        value: &str,
        indicator: Indicator,
        words: &mut HashSet<String>,
        texts: &mut Vec<String>,
    ) -> Option<()> {
        let kind = indicator.kind;
        let mut look_for = |patterns: &mut Vec<Pattern>, text: &str, pattern: Pattern| {
            if matches!(pattern, Pattern::Text(..) | Pattern::Package) || words.insert(text.to_owned()) {
                texts.push(text.to_owned());
                patterns.push(pattern);
            }
        };
        let patterns = &mut self.patterns;
        let key = match kind {
            Kind::Ip => {
                let ip = plain_ip(value.parse().ok()?);
                match ip {
                    IpAddr::V4(ip) => {
                        for pair in groups(ip) {
                            look_for(patterns, &pair, Pattern::Ipv6);
                        }
                    }
                    IpAddr::V6(ip) => look_for(patterns, &ip.to_string(), Pattern::Ipv6),
                }
                self.count += usize::from(self.ips.insert(ip, indicator).is_none());
                return Some(());
            }
            Kind::Sha256 => {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(value.as_bytes()).ok()?;
                self.count += usize::from(self.digests.insert(bytes.try_into().ok()?, indicator).is_none());
                return Some(());
            }
            Kind::String | Kind::Wallet | Kind::Email => {
                look_for(patterns, value, Pattern::Text(value.into(), indicator));
                self.count += 1;
                return Some(());
            }
            Kind::Host => {
                let host = value.trim_matches('.').to_ascii_lowercase();
                look_for(patterns, &host, Pattern::Host);
                host
            }
            Kind::Url => {
                let address = Address::read(value)?;
                match address.host.parse() {
                    Ok(IpAddr::V4(ip)) => {
                        for pair in groups(ip) {
                            look_for(patterns, &pair, Pattern::Ipv6);
                        }
                    }
                    Ok(IpAddr::V6(ip)) => look_for(patterns, &ip.to_string(), Pattern::Ipv6),
                    Err(_) => look_for(patterns, &address.host, Pattern::Host),
                }
                self.url_hosts.insert(address.host);
                address.key
            }
            Kind::Account => {
                let (host, owner) = value.split_once('/')?;
                let host = host.to_ascii_lowercase();
                look_for(patterns, &host, Pattern::Host);
                for (alias, _) in ALIASES.iter().filter(|(_, meant)| *meant == host) {
                    look_for(patterns, alias, Pattern::Host);
                }
                let key = format!("{host}/{}", owner.to_ascii_lowercase());
                self.account_hosts.insert(host);
                key
            }
            Kind::Npm | Kind::Pypi | Kind::Go => {
                let (name, version) = value.rsplit_once('@').filter(|(name, _)| !name.is_empty())?;
                self.versions.entry((kind, name.into())).or_default().push(version.into());
                let name = package_name(kind, name);
                if version == "*" {
                    look_for(patterns, &name, Pattern::Package);
                }
                format!("{name}@{}", version.to_ascii_lowercase())
            }
            Kind::Publisher | Kind::Slug => value.to_ascii_lowercase(),
        };
        self.count += usize::from(self.exact.entry(kind).or_default().insert(key.into(), indicator).is_none());
        Some(())
    }

    /// The indicator of this kind with exactly this value.
    pub fn get(&self, kind: Kind, value: &str) -> Option<&Indicator> {
        self.exact.get(&kind)?.get(value)
    }

    /// The indicator for this address, in whichever of its forms.
    pub fn ip(&self, ip: IpAddr) -> Option<&Indicator> {
        self.ips.get(&plain_ip(ip))
    }

    /// The indicator for content with this SHA-256 digest.
    pub fn digest(&self, digest: &[u8; 32]) -> Option<&Indicator> {
        self.digests.get(digest)
    }

    /// Whether any digest is listed.
    pub fn has_digests(&self) -> bool {
        !self.digests.is_empty()
    }

    /// Whether any address without a name is listed, by itself or in a URL.
    pub fn has_ips(&self) -> bool {
        !self.ips.is_empty() || !self.url_hosts.is_empty()
    }

    /// Indicators for a host and all names that it lies below, the longest first.
    pub fn hosts<'h>(&self, host: &'h str) -> impl Iterator<Item = &Indicator> {
        let below = |name: &&'h str| -> Option<&'h str> {
            name.split_once('.').map(|(_, rest)| rest).filter(|rest| rest.contains('.'))
        };
        std::iter::successors(Some(host), below).filter_map(move |name| self.get(Kind::Host, name))
    }

    /// Whether anything on this host is listed beside the host itself.
    pub fn lists_on(&self, host: &str) -> bool {
        self.url_hosts.contains(host) || self.account_hosts.contains(code_host(host))
    }

    /// The indicator for a whole address.
    pub fn url(&self, text: &str) -> Option<&Indicator> {
        self.get(Kind::Url, &Address::read(text)?.key)
    }

    /// The indicator for the account under which something lies on a code host; `rest` follows the host.
    pub fn account(&self, host: &str, rest: &str) -> Option<&Indicator> {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let owner = rest.strip_prefix(['/', ':'])?.split(ends).next()?;
        self.get(Kind::Account, &format!("{}/{}", code_host(host), owner.to_ascii_lowercase()))
    }

    /// The indicator for a version of a package, or for all of its versions.
    pub fn package(&self, kind: Kind, name: &str, version: &str) -> Option<&Indicator> {
        let of_kind = self.exact.get(&kind)?;
        let name = package_name(kind, name);
        let version = version.trim_start_matches(['v', 'V']).to_ascii_lowercase();
        let sign = if kind == Kind::Go { "v" } else { "" };
        of_kind.get(format!("{name}@{sign}{version}").as_str()).or_else(|| of_kind.get(format!("{name}@*").as_str()))
    }

    /// The indicator for a skill; a name that is listed without its owner, or with a random ending, is a hint only.
    pub fn slug(&self, owner: Option<&str>, slug: &str) -> Option<&Indicator> {
        let slugs = self.exact.get(&Kind::Slug)?;
        let slug = slug.to_ascii_lowercase();
        let owned = owner.and_then(|owner| slugs.get(format!("{}/{slug}", owner.to_ascii_lowercase()).as_str()));
        owned.or_else(|| slugs.get(format!("*/{slug}").as_str())).or_else(|| {
            let (name, _) = slug.rsplit_once('-').filter(|(_, ending)| is_random(ending))?;
            slugs.get(format!("*/{name}-*").as_str())
        })
    }

    /// What the automaton finds in `bytes`; texts are compared exactly.
    pub fn candidates<'a>(&'a self, bytes: &[u8]) -> impl Iterator<Item = (Candidate<'a>, Range<usize>)> {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_overlapping_iter(bytes));
        found.filter_map(move |found| {
            let range = found.range();
            let candidate = match self.patterns.get(found.pattern().as_usize())? {
                Pattern::Host => Candidate::Host,
                Pattern::Ipv6 => Candidate::Ipv6,
                Pattern::Package => Candidate::Package,
                Pattern::Text(value, indicator) => {
                    let is_word =
                        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|b| b.is_ascii_alphanumeric());
                    let is_part = is_word(range.start.checked_sub(1)) || is_word(Some(range.end));
                    let is_same = indicator.kind == Kind::Email || bytes.get(range.clone()) == Some(value.as_bytes());
                    if !is_same || (is_part && indicator.kind != Kind::String) {
                        return None;
                    }
                    Candidate::Text(indicator)
                }
            };
            Some((candidate, range))
        })
    }

    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Hosts that serve what lies under an account of another.
const ALIASES: [(&str, &str); 6] = [
    ("codeload.github.com", "github.com"),
    ("gist.github.com", "github.com"),
    ("gist.githubusercontent.com", "github.com"),
    ("raw.githubusercontent.com", "github.com"),
    ("ssh.github.com", "github.com"),
    ("www.github.com", "github.com"),
];

/// The host that an account is known by.
fn code_host(host: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == host).map_or(host, |(_, meant)| *meant)
}

/// A package's name as its registry compares it.
fn package_name(kind: Kind, name: &str) -> String {
    let name = name.to_ascii_lowercase();
    if kind != Kind::Pypi {
        return name;
    }
    let words: Vec<&str> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// Whether a name ends in five random characters: words are not like that, but may look so, and so this proves nothing.
fn is_random(ending: &str) -> bool {
    ending.len() == 5
        && ending.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && (ending.bytes().any(|b| b.is_ascii_digit()) || !ending.contains(['a', 'e', 'i', 'o', 'u']))
        && !ending.bytes().all(|b| b.is_ascii_digit())
}
