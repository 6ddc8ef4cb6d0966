//! Which host a credential belongs to: by a table, and by likeness of names.

use std::collections::{BTreeSet, HashMap};

use super::hosts::registrable;
use crate::rule::RuleError;

/// Name in error messages.
const FILE: &str = "lists/vendors.csv";

/// Table of vendors, from `lists/vendors.csv`: a word of a credential's name and a domain that it is for.
#[derive(Default)]
pub struct Vendors {
    domains: HashMap<String, Vec<String>>,
}

/// Words of a credential's name that say nothing of whose it is.
const COMMON: [&str; 63] = [
    "api",
    "key",
    "keys",
    "token",
    "secret",
    "access",
    "auth",
    "bearer",
    "id",
    "client",
    "app",
    "password",
    "pass",
    "user",
    "username",
    "url",
    "base",
    "private",
    "public",
    "account",
    "service",
    "bot",
    "webhook",
    "host",
    "server",
    "env",
    "config",
    "json",
    "path",
    "the",
    "my",
    "default",
    "prod",
    "dev",
    "test",
    "apikey",
    "pat",
    "oauth",
    "refresh",
    "credentials",
    "credential",
    "home",
    "com",
    "www",
    "skill",
    "local",
    "data",
    "agent",
    "session",
    "jwt",
    "llm",
    "ai",
    "model",
    "wallet",
    "signing",
    "encryption",
    "master",
    "tokens",
    "secrets",
    "cookie",
    "cookies",
    "cache",
    "file",
];

impl Vendors {
    pub(crate) fn parse(text: &str) -> Result<Self, RuleError> {
        let mut domains: HashMap<String, Vec<String>> = HashMap::new();
        for row in super::csv(FILE, text)? {
            let [word, domain, ..] = row.as_slice() else { return Err(super::bad_row(FILE, &row)) };
            domains.entry(word.clone()).or_default().push(domain.clone());
        }
        Ok(Self { domains })
    }

    /// Whether a credential's name says nothing of whose it is.
    pub fn is_anyones(&self, name: &str) -> bool {
        // A wallet has no vendor who has to know its key.
        const WALLET: [&str; 3] = ["wallet", "mnemonic", "seed"];
        let name = name.to_ascii_lowercase();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.all(|word| (word.len() < 2 || COMMON.contains(&word)) && !WALLET.contains(&word))
    }

    /// Domains that the table has for the words of a credential's name.
    pub fn of(&self, name: &str) -> BTreeSet<&str> {
        let name = name.to_ascii_lowercase();
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.filter_map(|word| self.domains.get(word)).flatten().map(|host| domain(host)).collect()
    }

    /// Whether a host is of a vendor in the table.
    pub fn knows(&self, host: &str) -> bool {
        self.domains.values().flatten().any(|known| host == known || host.ends_with(&format!(".{known}")))
    }

    /// Whether a domain that is not in the table has the name of a vendor's domain and more in its own; `own` is what the
    /// credential is called.
    fn is_look_alike(&self, name: &str, own: &str) -> bool {
        let label = first_label(name);
        let vendors = self.domains.values().flatten().map(|known| first_label(domain(known)));
        label != own
            && vendors.into_iter().any(|vendor| vendor.len() >= 5 && label != vendor && label.contains(&vendor))
    }

    /// Whether what goes by `name` (a variable, a path) is meant for `host`.
    pub fn belongs(&self, name: &str, host: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let domain = domain(host);
        let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 2);
        let mut own: Vec<&str> = Vec::new();
        let mut is_listed = false;
        for word in words.filter(|word| !COMMON.contains(word)) {
            is_listed |= self.domains.contains_key(word);
            let listed = self.domains.get(word).into_iter().flatten();
            if listed.into_iter().any(|known| host == known || host.ends_with(&format!(".{known}"))) {
                return true;
            }
            own.push(word);
        }
        if self.is_look_alike(domain, &own.concat()) || is_lengthened(domain, &own) {
            return false;
        }
        let flat: String = domain.chars().filter(char::is_ascii_alphanumeric).collect();
        let label = first_label(domain);
        let joined: String = own.concat();
        // Who has a digit in a name has its word in that of a variable.
        let spelled: Vec<String> = own.iter().map(|word| with_digits(word)).collect();
        own.extend(spelled.iter().map(String::as_str).filter(|word| word.contains(|c: char| c.is_ascii_digit())));
        let letters = |word: &str| word.chars().filter(char::is_ascii_alphabetic).collect::<String>();
        let shared = |word: &str| word.bytes().zip(label.bytes()).take_while(|(a, b)| a == b).count();
        // A name in front of a domain is anyone's to give: it counts for vendors that are not in the table.
        let is_before = |word: &&str| word.len() >= 4 && !is_listed && host.split('.').any(|part| part == *word);
        own.iter().any(|word| is_before(word) || shared(word) >= 5)
            || own.iter().any(|word| letters(word).len() >= 4 && flat.contains(&letters(word)))
            || own.iter().any(|word| (word.len() >= 4 && flat.contains(word)) || **word == *label)
            || (joined.len() >= 4 && flat.contains(&joined))
            || (label.len() >= 4 && joined.contains(&label))
            || own.iter().any(|word| word.len() >= 3 && is_extended(&label, word))
    }
}

/// What vendors put there themselves.
const NEUTRAL: &str = "api app apps ai cloud hq io labs lab inc dev developer developers get use my the go try \
                       platform online data network tech systems software finance web";

/// Whether a domain is a name with one more word that vendors put there themselves: `zailabs`.
fn is_extended(label: &str, word: &str) -> bool {
    let rest = [label.strip_prefix(word), label.strip_suffix(word)];
    rest.into_iter().flatten().any(|rest| NEUTRAL.split(' ').any(|neutral| neutral == rest))
}

/// Whether a domain has a name of its own in front of or behind that of the credential, as `acme-status.net` has: anyone
/// can register that.
pub(crate) fn is_lengthened(domain: &str, own: &[&str]) -> bool {
    /// Ends of names that look as if the name ended there: `acme.com-login.net`.
    const ENDS: &str = "com net org co io";
    let joined = own.concat();
    let label = domain.split('.').next().unwrap_or(domain);
    let parts: Vec<&str> = label.split('-').collect();
    if parts.len() > 1 && ENDS.split(' ').any(|end| parts.first() == Some(&end)) {
        return true;
    }
    let is_own = |part: &&&str| own.contains(*part) || joined.contains(**part);
    parts.len() > 1
        && parts.iter().any(|part| is_own(&part))
        && parts.iter().any(|part| !is_own(&part) && !NEUTRAL.split(' ').any(|neutral| neutral == *part))
}

/// `zerolatency` as `0latency`.
fn with_digits(word: &str) -> String {
    const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let digit = |word: String, (digit, name): (usize, &&str)| match word.strip_prefix(name) {
        Some(rest) if rest.len() >= 3 => format!("{digit}{rest}"),
        _ => word,
    };
    DIGITS.iter().enumerate().fold(word.to_owned(), digit)
}

/// The domain that a host is in, also under a suffix that nobody knows.
pub(crate) fn domain(host: &str) -> &str {
    let two = host.rmatch_indices('.').nth(1).map_or(host, |(at, _)| host.get(at + 1..).unwrap_or(host));
    registrable(host).unwrap_or(two)
}

/// Letters and digits of the first part of a domain.
fn first_label(domain: &str) -> String {
    domain.split('.').next().unwrap_or("").chars().filter(char::is_ascii_alphanumeric).collect()
}
