//! `skillscan.toml`: the user's choices, from the user's side only. A file that someone else may write, or that says
//! something that is not understood, is refused as a whole.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::suppress::{Basis, Note, Suppression};
use super::{Verdict, rules};
use crate::finding::Severity;
use crate::gate::policy::distrust;
use crate::place::Environment;
use crate::report::escape;
use crate::rule::{RuleError, RuleId};
use crate::ruleset::Ruleset;
use crate::verify::strict;

/// Largest configuration that is read, in bytes.
const BYTES: u64 = 1024 * 1024;
/// Name of the folder and of the file in the user's configuration directory.
const NAME: [&str; 2] = ["skillscan", "skillscan.toml"];

/// What a configuration says.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file's real path; none if there is no file.
    pub file: Option<PathBuf>,
    /// Verdict from which the exit code is 1.
    pub fail_on: Option<Verdict>,
    /// Globs of rules that are ignored.
    pub ignored: Vec<String>,
    /// Globs of the only rules that are reported; none for all.
    pub only: Vec<String>,
    /// Severities by rule or `family/*`.
    pub severities: BTreeMap<String, Severity>,
    /// Hosts that are of the class `allowed`, with all below them.
    pub hosts: Vec<String>,
    /// The only publishers whose skills the gate lets in; none for all. In lower case.
    pub publishers: Vec<String>,
    /// What is accepted.
    pub suppressions: Vec<Suppression>,
    /// The baseline's file.
    pub baseline: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Stored {
    fail_on: Option<Spanned<String>>,
    #[serde(default)]
    ignore_rules: Vec<Spanned<String>>,
    #[serde(default)]
    only_rules: Vec<Spanned<String>>,
    #[serde(default)]
    allowed_hosts: Vec<Spanned<String>>,
    #[serde(default)]
    allowed_publishers: Vec<Spanned<String>>,
    baseline: Option<Spanned<String>>,
    #[serde(default)]
    severity: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    suppress: Vec<StoredSuppression>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSuppression {
    rule: Spanned<String>,
    skill: Spanned<String>,
    fingerprint: Spanned<String>,
    reason: Spanned<String>,
    author: Option<Spanned<String>>,
    expires: Spanned<toml::Value>,
}

impl Config {
    /// Where it is looked for unless the user names a file.
    pub fn path(environment: &Environment) -> Option<PathBuf> {
        let named = environment.text("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = named.or_else(|| Some(environment.home.as_ref()?.join(".config")))?;
        Some(folder.join(NAME[0]).join(NAME[1]))
    }

    /// Reads a file; none if there is no such file.
    ///
    /// # Errors
    /// In our words and escaped, with the file, and with the line where one is wrong.
    pub fn load(path: &Path) -> Result<Option<Self>, String> {
        let Some((real, text)) = read(path, BYTES)? else { return Ok(None) };
        let shown = escape::line(&path.display().to_string());
        let mut config = Self::parse(&shown, &text).map_err(|error| error.to_string())?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        config.baseline = config.baseline.map(|file| folder.join(file));
        Ok(Some(Self { file: Some(real), ..config }))
    }

    /// Parses the text of a file, which goes by `file` in errors.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let stored: Stored = toml::from_str(text).map_err(|error| malformed(file, text, &error))?;
        let source = Source { file, text };
        let known = ["review", "warn", "malicious"];
        let fail_on = stored.fail_on.map(|word| match word.get_ref().as_str() {
            "review" => Ok(Verdict::Review),
            "warn" => Ok(Verdict::Warn),
            "malicious" => Ok(Verdict::Malicious),
            other => Err(source.wrong(&word, format!("`{other}` is none of {}", known.join(", ")))),
        });
        let mut severities = BTreeMap::new();
        for (rule, word) in stored.severity {
            source.rule(&rule)?;
            let severity = word.get_ref().as_str();
            let all = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
            let severity = all.into_iter().find(|known| known.name() == severity).ok_or_else(|| {
                source.wrong(&word, format!("`{severity}` is none of info, low, medium, high, critical"))
            })?;
            severities.insert(rule.into_inner(), severity);
        }
        let each = |words: Vec<Spanned<String>>, check: &dyn Fn(&Spanned<String>) -> Result<String, RuleError>| {
            words.iter().map(check).collect::<Result<Vec<String>, RuleError>>()
        };
        Ok(Self {
            file: None,
            fail_on: fail_on.transpose()?,
            ignored: each(stored.ignore_rules, &|word| source.glob(word))?,
            only: each(stored.only_rules, &|word| source.glob(word))?,
            severities,
            hosts: each(stored.allowed_hosts, &|word| source.host(word))?,
            publishers: each(stored.allowed_publishers, &|word| source.publisher(word))?,
            suppressions: stored.suppress.into_iter().map(|one| source.suppression(one)).collect::<Result<_, _>>()?,
            baseline: stored.baseline.map(|path| source.filled(&path).map(PathBuf::from)).transpose()?,
        })
    }

    /// What names a rule that does not exist.
    pub fn unknown(&self, ruleset: &Ruleset) -> Vec<Note> {
        let mut unknown = Vec::new();
        for glob in self.ignored.iter().chain(&self.only) {
            let is_known = |set: globset::GlobSet| ruleset.iter().any(|rule| set.is_match(rule.id.as_str()));
            if !rules(std::slice::from_ref(glob)).is_ok_and(is_known) {
                unknown.push(glob);
            }
        }
        let named = self.severities.keys().chain(self.suppressions.iter().map(|one| &one.rule));
        unknown.extend(named.filter(|name| {
            let family = name.strip_suffix("/*");
            !ruleset.iter().any(|rule| family.map_or(rule.id.as_str() == name.as_str(), |it| it == rule.id.family()))
        }));
        let text = |name: &String| format!("`{name}` in the configuration is no rule that is loaded");
        unknown.into_iter().map(|name| Note { kind: "policy/unknown-rule", text: text(name) }).collect()
    }
}

/// Reads a file that decides what counts: its real path and its text; none if there is no such file.
///
/// # Errors
/// In our words and escaped: what cannot be read, is too long or no text, or may be written by someone else.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<(PathBuf, String)>, String> {
    let shown = escape::line(&path.display().to_string());
    let real = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            // What a link leads to was meant to be there.
            let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
            return if is_link { Err(format!("{shown}: leads nowhere")) } else { Ok(None) };
        }
        Err(error) => return Err(format!("{shown}: could not be read: {}", error.kind())),
    };
    if let Some(why) = distrust(&real) {
        return Err(format!("{shown}: decides what counts, and {why}"));
    }
    let bytes = strict::read(&real, limit).map_err(|why| format!("{shown}: {why}"))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|&&byte| byte == b'\n').count() + 1;
        format!("{shown}:{line}: is not UTF-8")
    })?;
    Ok(Some((real, text)))
}

/// What the parser says, at its place.
pub(super) fn malformed(file: &str, text: &str, error: &toml::de::Error) -> RuleError {
    let message = escape::line(error.message());
    match error.span() {
        Some(range) => RuleError::at(file.to_owned(), text, range, message),
        None => RuleError::Body { file: file.to_owned(), why: message },
    }
}

/// Whether something is a fingerprint as reports have it.
pub(super) fn is_fingerprint(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A configuration as it stands, to complain about.
struct Source<'s> {
    file: &'s str,
    text: &'s str,
}

impl Source<'_> {
    fn wrong<T>(&self, at: &Spanned<T>, why: String) -> RuleError {
        RuleError::at(self.file.to_owned(), self.text, at.span(), escape::line(&why))
    }

    fn filled(&self, word: &Spanned<String>) -> Result<String, RuleError> {
        let text = word.get_ref().trim();
        if text.is_empty() { Err(self.wrong(word, "is empty".to_owned())) } else { Ok(text.to_owned()) }
    }

    fn glob(&self, word: &Spanned<String>) -> Result<String, RuleError> {
        let glob = self.filled(word)?;
        match rules(std::slice::from_ref(&glob)) {
            Ok(_) => Ok(glob),
            Err(error) => Err(self.wrong(word, error.to_string())),
        }
    }

    /// A rule, or all of a family.
    fn rule(&self, word: &Spanned<String>) -> Result<(), RuleError> {
        let id = word.get_ref();
        let probe = id.strip_suffix("/*").map_or_else(|| id.clone(), |family| format!("{family}/all"));
        RuleId::new(&probe).map(drop).map_err(|_| self.wrong(word, format!("`{id}` is neither a rule nor `family/*`")))
    }

    fn host(&self, word: &Spanned<String>) -> Result<String, RuleError> {
        let host = self.filled(word)?.trim_end_matches('.').to_ascii_lowercase();
        if host.parse::<IpAddr>().is_ok() {
            return Ok(host);
        }
        let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !is_plain || host.split('.').any(str::is_empty) {
            let why =
                format!("`{host}` is no host: leave out scheme, port, path and wildcards; what lies below counts too");
            return Err(self.wrong(word, why));
        }
        let is_everyones = psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == host.as_bytes());
        if is_everyones {
            return Err(self.wrong(word, format!("anyone can register a name below `{host}`")));
        }
        Ok(host)
    }

    fn publisher(&self, word: &Spanned<String>) -> Result<String, RuleError> {
        let name = self.filled(word)?.trim_start_matches('@').to_lowercase();
        let is_plain = !name.is_empty() && !name.contains(['/', '*', ' ']);
        if is_plain { Ok(name) } else { Err(self.wrong(word, "is no publisher's handle, such as `alice`".to_owned())) }
    }

    fn suppression(&self, stored: StoredSuppression) -> Result<Suppression, RuleError> {
        self.rule(&stored.rule)?;
        let fingerprint = match stored.fingerprint.get_ref().as_str() {
            "*" => None,
            text if is_fingerprint(text) => Some(text.to_owned()),
            _ => {
                let why = "a fingerprint has 32 digits from 0 to f, as `--format json` shows them; \"*\" means any";
                return Err(self.wrong(&stored.fingerprint, why.to_owned()));
            }
        };
        let expires = match stored.expires.get_ref() {
            toml::Value::String(text) => text.clone(),
            toml::Value::Datetime(day) => day.to_string(),
            _ => String::new(),
        };
        let is_day = |text: &String| text.len() == 10;
        let expires = Some(expires).filter(is_day).and_then(|text| text.parse::<Date>().ok());
        let expires = expires.ok_or_else(|| self.wrong(&stored.expires, "is no day such as 2027-01-31".to_owned()))?;
        let line = self.text.get(..stored.rule.span().start).unwrap_or("").matches('\n').count() + 1;
        let one = Suppression {
            skill: self.filled(&stored.skill)?.trim_end_matches('/').to_owned(),
            fingerprint,
            reason: self.filled(&stored.reason)?,
            author: stored.author.map(|author| self.filled(&author)).transpose()?,
            expires: Some(expires),
            basis: Basis::Config(line),
            ..Suppression::of_baseline(stored.rule.into_inner(), String::new(), String::new())
        };
        one.with_pattern().map_err(|error| self.wrong(&stored.skill, error.to_string()))
    }
}
