//! All rules with their bodies, lists and lexicons, loaded and checked once.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;

use crate::analyze::{fact::FactRule, indicator::ListRule, join::JoinRule, prose::ProseRule};
use crate::rule::{Rule, RuleError, RuleId};

pub mod hosts;
pub mod indicators;
pub mod lexicon;
pub(crate) mod yara;

use hosts::Hosts;
use indicators::Indicators;
use lexicon::Lexicons;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/signatures.rs"));
    pub(super) static YARA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.yarac"));
}

/// Endings of bodies, each read by one engine.
const YARA: &str = ".yar";
const FACT: &str = ".fact.toml";
const PROSE: &str = ".prose.toml";
const JOIN: &str = ".join.toml";
const LIST: &str = ".list.toml";

/// Rules, bodies and data, ready to scan with.
pub struct Ruleset {
    rules: BTreeMap<RuleId, Rule>,
    pub(crate) yara: yara_x::Rules,
    pub(crate) facts: Vec<(RuleId, FactRule)>,
    pub(crate) prose: Vec<(RuleId, ProseRule)>,
    pub(crate) joins: Vec<(RuleId, JoinRule)>,
    pub(crate) lists: Vec<(RuleId, ListRule)>,
    pub(crate) hosts: Hosts,
    pub(crate) indicators: Indicators,
    pub(crate) lexicons: Lexicons,
    /// Names of well-known programs, in lower case.
    pub(crate) tools: HashSet<String>,
    /// What a file's extension says that it is: extension to group of formats.
    pub(crate) extensions: HashMap<String, String>,
    /// Date of the indicator data, `YYYY-MM-DD`.
    pub data_date: String,
}

impl Ruleset {
    /// The rules that are built in.
    ///
    /// # Errors
    /// Only if the embedded data is broken, which the tests exclude.
    pub fn builtin() -> Result<Self, RuleError> {
        let yara = yara_x::Rules::deserialize(embedded::YARA).map_err(|error| RuleError::Yara(error.to_string()))?;
        Self::assemble(&Self::builtin_files(), yara)
    }

    /// Names and texts of the built-in signature files, as below `signatures/`.
    pub fn builtin_files() -> BTreeMap<String, String> {
        embedded::FILES.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    /// Loads rules from files named as below `signatures/`; for tests of the rules themselves.
    ///
    /// # Errors
    /// If a file is not what its schema says.
    pub fn from_files(files: &BTreeMap<String, String>) -> Result<Self, RuleError> {
        let bodies = files
            .iter()
            .filter_map(|(name, text)| Some((name.strip_prefix("rules/")?.strip_suffix(YARA)?, text.as_str())));
        let yara = yara::compile(bodies).map_err(|error| RuleError::Yara(error.to_string()))?;
        Self::assemble(files, yara)
    }

    fn assemble(files: &BTreeMap<String, String>, yara: yara_x::Rules) -> Result<Self, RuleError> {
        let text = |name: &str| files.get(name).map_or("", String::as_str);
        let mut set = Self {
            rules: BTreeMap::new(),
            yara,
            facts: Vec::new(),
            prose: Vec::new(),
            joins: Vec::new(),
            lists: Vec::new(),
            hosts: Hosts::parse(text("lists/hosts.csv"))?,
            indicators: Indicators::parse(
                &["lists/indicators.csv", "lists/indicators-test.csv"].map(|name| (name, text(name))),
            )?,
            lexicons: Lexicons::parse(files)?,
            tools: csv("lists/tools.csv", text("lists/tools.csv"))?
                .into_iter()
                .filter_map(|row| row.into_iter().next())
                .collect(),
            extensions: csv("lists/extensions.csv", text("lists/extensions.csv"))?
                .into_iter()
                .filter_map(|row| <[String; 2]>::try_from(row).ok().map(|[extension, group]| (extension, group)))
                .collect(),
            data_date: text("lists/DATE").trim().to_owned(),
        };
        for (name, text) in files {
            if let Some(id) = name.strip_prefix("rules/").and_then(|n| n.strip_suffix(".md")) {
                let rule = Rule::parse(id, text)?;
                set.rules.insert(rule.id.clone(), rule);
            }
        }
        for (name, text) in files {
            let Some(name) = name.strip_prefix("rules/") else { continue };
            set.add_body(name, text)?;
        }
        for (id, prose) in &set.prose {
            prose.check(&set.lexicons).map_err(|why| RuleError::Body { file: format!("rules/{id}{PROSE}"), why })?;
        }
        for rule in set.rules.values() {
            if rule.engines.is_empty() && rule.meta.engine.as_deref() != Some("native") {
                return Err(RuleError::Body {
                    file: format!("rules/{}.md", rule.id),
                    why: "no body beside it, and not `engine = \"native\"`".to_owned(),
                });
            }
        }
        Ok(set)
    }

    fn add_body(&mut self, name: &str, text: &str) -> Result<(), RuleError> {
        if name.ends_with(".md") {
            return Ok(());
        }
        let (stem, ending) = [YARA, FACT, PROSE, JOIN, LIST]
            .into_iter()
            .find_map(|ending| Some((name.strip_suffix(ending)?, ending)))
            .ok_or_else(|| RuleError::Body {
                file: format!("rules/{name}"),
                why: "no engine reads this ending".to_owned(),
            })?;
        let id = RuleId::new(stem)?;
        let Some(rule) = self.rules.get_mut(&id) else {
            return Err(RuleError::Body { file: format!("rules/{name}"), why: format!("there is no rules/{stem}.md") });
        };
        rule.engines.push(ending.trim_start_matches('.').trim_end_matches(".toml"));
        match ending {
            FACT => self.facts.push((id, toml_body(name, text)?)),
            PROSE => self.prose.push((id, toml_body(name, text)?)),
            JOIN => self.joins.push((id, toml_body(name, text)?)),
            LIST => self.lists.push((id, toml_body(name, text)?)),
            _ => {} // YARA bodies were compiled together.
        }
        Ok(())
    }

    /// The rule with this id.
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// All rules, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }
}

fn toml_body<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, RuleError> {
    toml::from_str(text).map_err(|source| RuleError::Toml { file: format!("rules/{name}"), source: Box::new(source) })
}

/// Rows of a CSV file after its header.
fn csv(file: &str, text: &str) -> Result<Vec<Vec<String>>, RuleError> {
    let mut reader = ::csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    reader
        .records()
        .map(|row| row.map(|row| row.iter().map(str::to_owned).collect()))
        .collect::<Result<_, _>>()
        .map_err(|error| RuleError::Body { file: file.to_owned(), why: error.to_string() })
}

fn bad_row(file: &str, row: &[String]) -> RuleError {
    RuleError::Body { file: file.to_owned(), why: format!("row does not fit the header: {}", row.join(",")) }
}
