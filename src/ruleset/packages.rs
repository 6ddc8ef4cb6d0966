//! Names of packages that everyone uses, and where packages come from.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::rule::RuleError;

/// What a host of packages is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Where a package manager goes by itself.
    Default,
    /// A public copy of it that many use.
    Mirror,
}

/// Tables of packages, from `lists/popular.csv` and `lists/registries.csv`.
#[derive(Default)]
pub struct Packages {
    /// Ecosystem to names.
    popular: BTreeMap<String, Names>,
    /// Host to role.
    registries: HashMap<String, Role>,
}

#[derive(Default)]
struct Names {
    all: HashSet<String>,
    /// Names by what is left of them without the signs between words.
    bare: HashMap<String, String>,
    /// Names by what they look like.
    seen: HashMap<String, String>,
    /// Names by each text that they become without one letter, for finding neighbours.
    shorter: HashMap<String, Vec<String>>,
}

/// Shortest name whose neighbours are looked at: short names are all neighbours.
const SHORTEST: usize = 5;

impl Packages {
    pub(crate) fn parse(popular: &str, registries: &str) -> Result<Self, RuleError> {
        let mut packages = Self::default();
        for row in super::csv("lists/popular.csv", popular)? {
            let [ecosystem, name, role, ..] = row.as_slice() else {
                return Err(super::bad_row("lists/popular.csv", &row));
            };
            let names = packages.popular.entry(ecosystem.clone()).or_default();
            match role.as_str() {
                "popular" => names.add(name),
                // An honest name that happens to be near one.
                "near" => {
                    names.all.insert(name.clone());
                }
                _ => return Err(super::bad_row("lists/popular.csv", &row)),
            }
        }
        for row in super::csv("lists/registries.csv", registries)? {
            let role = match row.as_slice() {
                [_, role, ..] if role == "default" => Role::Default,
                [_, role, ..] if role == "mirror" => Role::Mirror,
                _ => return Err(super::bad_row("lists/registries.csv", &row)),
            };
            packages.registries.extend(row.into_iter().next().map(|host| (host, role)));
        }
        Ok(packages)
    }

    /// What a host is to package managers, if they know it.
    pub fn role(&self, host: &str) -> Option<Role> {
        self.registries.get(host).copied()
    }

    /// The popular name that this one is nearly, and how; `None` if it is one itself.
    pub fn near(&self, ecosystem: &str, name: &str) -> Option<(&str, &'static str)> {
        let names = self.popular.get(ecosystem)?;
        if names.all.contains(name) || name.len() > 100 {
            return None;
        }
        let found =
            |map: &'_ HashMap<String, String>, key: &str| map.get(key).filter(|other| other.as_str() != name).cloned();
        let how = if let Some(other) = found(&names.seen, &looks(name)) {
            Some((other, "near:look-alike"))
        } else if let Some(other) = found(&names.bare, &bare(name)) {
            Some((other, "near:separator"))
        } else {
            names.neighbour(name).map(|other| (other, "near:letter"))
        };
        let (other, how) = how?;
        names.all.get(&other).map(|other| (other.as_str(), how))
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        self.all.insert(name.to_owned());
        self.bare.insert(bare(name), name.to_owned());
        self.seen.insert(looks(name), name.to_owned());
        if name.len() >= SHORTEST {
            for key in shortened(name).chain(std::iter::once(name.to_owned())) {
                self.shorter.entry(key).or_default().push(name.to_owned());
            }
        }
    }

    /// A name with one letter more, less, another, or two swapped.
    fn neighbour(&self, name: &str) -> Option<String> {
        if name.len() < SHORTEST {
            return None;
        }
        shortened(name)
            .chain(std::iter::once(name.to_owned()))
            .filter_map(|key| self.shorter.get(&key))
            .flatten()
            .find(|other| is_one_apart(name, other))
            .cloned()
    }
}

/// All texts that a name becomes without one of its characters.
fn shortened(name: &str) -> impl Iterator<Item = String> {
    name.char_indices().map(|(at, c)| {
        let (before, rest) = name.split_at_checked(at).unwrap_or((name, ""));
        format!("{before}{}", rest.get(c.len_utf8()..).unwrap_or(""))
    })
}

/// Whether two names are one letter apart, or two neighbouring ones swapped; what differs must be a letter.
fn is_one_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (a, b) = (one.get(same..).unwrap_or(&[]), other.get(same..).unwrap_or(&[]));
    let is_letter = |c: Option<&char>| c.is_some_and(|c| c.is_alphabetic());
    let rest = |of: &'_ [char], from: usize| of.get(from..).map(<[char]>::to_vec).unwrap_or_default();
    match one.len() as i64 - other.len() as i64 {
        // Another number is another major version: `lib2`, `lib3`.
        0 => {
            let is_swap = a.len() >= 2 && a.first() == b.get(1) && a.get(1) == b.first() && rest(a, 2) == rest(b, 2);
            is_swap || (is_letter(a.first()) && is_letter(b.first()) && rest(a, 1) == rest(b, 1))
        }
        1 => is_letter(a.first()) && rest(a, 1) == b,
        -1 => is_letter(b.first()) && rest(b, 1) == a,
        _ => false,
    }
}

/// A name without the signs between its words.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// A name as it looks at a glance.
fn looks(name: &str) -> String {
    let folded: String = crate::text::fold(name).0;
    folded.replace("rn", "m").replace("vv", "w").replace('0', "o").replace(['1', 'i'], "l")
}
