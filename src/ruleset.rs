//! All rules with their bodies, lists and lexicons, loaded and checked once.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;

use crate::advisory::Advisories;
use crate::analyze::{
    command::{self, CommandRule},
    fact::FactRule,
    flow::FlowRule,
    indicator::ListRule,
    join::JoinRule,
    prose::ProseRule,
    secret::SecretRule,
    setting::SettingRule,
};
use crate::flow::catalogue::Catalogues;
use crate::flow::ir::Language;
use crate::rule::{Rule, RuleError, RuleErrors, RuleId};

mod compiled;
pub mod concept;
pub mod hosts;
pub mod indicators;
pub mod lazy;
pub mod lexicon;
pub mod pack;
pub mod packages;
pub mod paths;
pub mod vendors;
pub(crate) mod words;
pub(crate) mod yara;

use compiled::Compiled;
use concept::Concepts;
use hosts::Hosts;
use indicators::Indicators;
use lexicon::Lexicons;
pub use pack::Pack;
use paths::Paths;

/// Names, as below `signatures/`, and texts.
pub(crate) type Files<'a> = BTreeMap<&'a str, &'a str>;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/signatures.rs"));
    pub(super) static LEXICONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lexicons"));
}

/// Endings of bodies, each read by one engine.
const YARA: &str = ".yar";
const FACT: &str = ".fact.toml";
const COMMAND: &str = ".command.toml";
const SETTING: &str = ".setting.toml";
const PROSE: &str = ".prose.toml";
const JOIN: &str = ".join.toml";
const LIST: &str = ".list.toml";
const FLOW: &str = ".flow.toml";

/// Interfaces of one language that a rule joins: its name, sources and sinks by class.
pub type Joined = (&'static str, Vec<(String, Vec<String>)>, Vec<(String, Vec<String>)>);
const SECRET: &str = ".secret.toml";

/// Rules, bodies and data, ready to scan with.
pub struct Ruleset {
    rules: BTreeMap<RuleId, Rule>,
    pub(crate) yara: Compiled,
    pub(crate) facts: Vec<(RuleId, FactRule)>,
    pub(crate) commands: Vec<(RuleId, CommandRule)>,
    pub(crate) command_index: command::Index,
    pub(crate) settings: Vec<(RuleId, SettingRule)>,
    pub(crate) prose: Vec<(RuleId, ProseRule)>,
    pub(crate) joins: Vec<(RuleId, JoinRule)>,
    pub(crate) lists: Vec<(RuleId, ListRule)>,
    pub(crate) flows: Vec<(RuleId, FlowRule)>,
    pub(crate) catalogues: Catalogues,
    pub(crate) vendors: vendors::Vendors,
    pub(crate) secrets: Vec<(RuleId, SecretRule)>,
    pub(crate) hosts: Hosts,
    pub(crate) paths: Paths,
    pub(crate) packages: packages::Packages,
    pub(crate) indicators: Indicators,
    pub(crate) lexicons: Lexicons,
    pub(crate) concepts: Concepts,
    /// Names of well-known programs, in lower case.
    pub(crate) tools: HashSet<String>,
    /// What a file's extension says that it is: extension to group of formats.
    pub(crate) extensions: HashMap<String, String>,
    /// Date of the indicator data, `YYYY-MM-DD`.
    pub data_date: String,
    /// Advisories that the user gives.
    pub advisories: Option<Advisories>,
}

impl Ruleset {
    /// The rules that are built in.
    ///
    /// # Errors
    /// Only if the embedded data is broken, which the tests exclude.
    pub fn builtin() -> Result<Self, RuleErrors> {
        // Takes about as long as all that follows, and is needed late.
        Compiled::prefetch();
        Self::checked(Self::assemble(&embedded::FILES.iter().copied().collect(), Compiled::Embedded))
    }

    /// Names and texts of the built-in signature files, as below `signatures/`.
    pub fn builtin_files() -> BTreeMap<String, String> {
        embedded::FILES.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    /// The built-in rules and those of `packs`.
    ///
    /// # Errors
    /// All that is wrong with the packs.
    pub fn with_packs(packs: &[Pack]) -> Result<Self, RuleErrors> {
        let mut files = Self::builtin_files();
        let mut errors: Vec<RuleError> = packs.iter().flat_map(|pack| pack.add_to(&mut files)).collect();
        // What is built in is compiled already.
        let yara = if packs.iter().flat_map(|pack| pack.files.keys()).any(|name| name.ends_with(YARA)) {
            compile(&files).unwrap_or_else(|error| {
                errors.push(error);
                Compiled::Embedded
            })
        } else {
            Compiled::Embedded
        };
        let files = borrowed(&files);
        let (set, more) = Self::assemble(&files, yara);
        errors.extend(more);
        errors.extend(set.uncompilable(&files));
        Self::checked((set, errors))
    }

    /// The concept called `name`, of `concepts/`.
    pub fn concept(&self, name: &str) -> Option<&concept::Concept> {
        self.concepts.get(name)
    }

    /// Loads rules from files named as below `signatures/`; for tests of the rules themselves.
    ///
    /// # Errors
    /// If a file is not what its schema says.
    pub fn from_files(files: &BTreeMap<String, String>) -> Result<Self, RuleErrors> {
        // What is built in is compiled already.
        let bodies = |(name, _): &(&str, &str)| name.ends_with(YARA);
        let given = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).filter(bodies);
        let is_builtin = given.eq(embedded::FILES.iter().copied().filter(bodies));
        let yara = if is_builtin { Compiled::Embedded } else { compile(files)? };
        Self::checked(Self::assemble(&borrowed(files), yara))
    }

    fn checked((set, errors): (Self, Vec<RuleError>)) -> Result<Self, RuleErrors> {
        if errors.is_empty() { Ok(set) } else { Err(RuleErrors(errors)) }
    }

    /// Reads all files; what is wrong with one does not keep the others from being checked.
    fn assemble(files: &Files<'_>, yara: Compiled) -> (Self, Vec<RuleError>) {
        let mut errors = Vec::new();
        let text = |name: &str| files.get(name).copied().unwrap_or("");
        let lists = ["lists/indicators.csv", "lists/indicators-test.csv"].map(|name| (name, text(name)));
        let (tools, extensions) = ("lists/tools.csv", "lists/extensions.csv");
        let mut set = Self {
            rules: BTreeMap::new(),
            advisories: None,
            yara,
            facts: Vec::new(),
            commands: Vec::new(),
            command_index: command::Index::default(),
            settings: Vec::new(),
            prose: Vec::new(),
            joins: Vec::new(),
            lists: Vec::new(),
            flows: Vec::new(),
            catalogues: Catalogues::new(|language| text(&format!("flows/{}.toml", language.name())).to_owned()),
            vendors: kept(vendors::Vendors::parse(text("lists/vendors.csv")), &mut errors),
            secrets: Vec::new(),
            hosts: kept(Hosts::parse(text("lists/hosts.csv"), text("lists/providers.csv")), &mut errors),
            paths: kept(Paths::parse(text("lists/paths.csv")), &mut errors),
            packages: kept(
                packages::Packages::parse(text("lists/popular.csv"), text("lists/registries.csv")),
                &mut errors,
            ),
            indicators: kept(Indicators::parse(&lists), &mut errors),
            lexicons: Lexicons::parse(files, &mut errors),
            concepts: Concepts::parse(files, &mut errors),
            tools: kept(csv(tools, text(tools)), &mut errors)
                .into_iter()
                .filter_map(|row| row.into_iter().next())
                .collect(),
            extensions: kept(csv(extensions, text(extensions)), &mut errors)
                .into_iter()
                .filter_map(|row| <[String; 2]>::try_from(row).ok().map(|[extension, group]| (extension, group)))
                .collect(),
            data_date: text("lists/DATE").trim().to_owned(),
        };
        for (name, text) in files {
            if let Some(id) = name.strip_prefix("rules/").and_then(|n| n.strip_suffix(".md")) {
                match Rule::parse(id, text) {
                    Ok(rule) => drop(set.rules.insert(rule.id.clone(), rule)),
                    Err(error) => errors.push(error),
                }
            }
        }
        for (name, text) in files {
            let Some(name) = name.strip_prefix("rules/") else { continue };
            errors.extend(set.add_body(name, text).err());
        }
        set.command_index = command::Index::new(&set.commands);
        errors.extend(set.inconsistent(files));
        (set, errors)
    }

    /// Regular expressions that are well formed and cannot be compiled all the same.
    fn uncompilable(&self, files: &Files<'_>) -> Vec<RuleError> {
        let commands = self.commands.iter().map(|(id, rule)| (format!("rules/{id}{COMMAND}"), rule.compile()));
        let settings = self.settings.iter().map(|(id, rule)| (format!("rules/{id}{SETTING}"), rule.compile()));
        let secrets = self.secrets.iter().map(|(id, rule)| (format!("rules/{id}{SECRET}"), rule.compile()));
        let flows = self.catalogues.check().into_iter().map(|(name, why)| (format!("flows/{name}.toml"), Err(why)));
        let paths = ("lists/paths.csv".to_owned(), self.paths.check());
        let broken = commands
            .chain(settings)
            .chain(secrets)
            .chain([paths])
            .chain(flows)
            .filter_map(|(file, result)| Some((file, result.err()?)));
        broken
            .map(|(file, why)| RuleError::body(file.clone(), files.get(file.as_str()).copied().unwrap_or(""), why))
            .collect()
    }

    /// What names something that does not exist.
    fn inconsistent(&self, files: &Files<'_>) -> Vec<RuleError> {
        let mut errors = Vec::new();
        let mut complain = |file: String, why: String| {
            let text = files.get(file.as_str()).copied().unwrap_or("");
            errors.push(RuleError::body(file, text, why));
        };
        for (id, prose) in &self.prose {
            if let Err(why) = prose.check(&self.lexicons, &self.concepts) {
                complain(format!("rules/{id}{PROSE}"), why);
            }
        }
        for (id, command) in &self.commands {
            if let Err(why) = command.check(&self.paths) {
                complain(format!("rules/{id}{COMMAND}"), why);
            }
        }
        for (id, flow) in &self.flows {
            if let Err(why) = flow.check(&self.paths, &self.hosts) {
                complain(format!("rules/{id}{FLOW}"), why);
            }
        }
        for (id, setting) in &self.settings {
            if let Err(why) = setting.check() {
                complain(format!("rules/{id}{SETTING}"), why);
            }
        }
        for rule in self.rules.values() {
            if rule.engines.is_empty() && rule.meta.engine.as_deref() != Some("native") {
                let why = "no body beside it, and not `engine = \"native\"`";
                complain(format!("rules/{}.md", rule.id), why.to_owned());
            }
        }
        errors
    }

    fn add_body(&mut self, name: &str, text: &str) -> Result<(), RuleError> {
        if name.ends_with(".md") {
            return Ok(());
        }
        let (stem, ending) = [YARA, FACT, COMMAND, SETTING, PROSE, JOIN, LIST, FLOW, SECRET]
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
            COMMAND => self.commands.push((id, toml_body(name, text)?)),
            SETTING => self.settings.push((id, toml_body(name, text)?)),
            PROSE => self.prose.push((id, toml_body(name, text)?)),
            JOIN => self.joins.push((id, toml_body(name, text)?)),
            LIST => self.lists.push((id, toml_body(name, text)?)),
            FLOW => self.flows.push((id, toml_body(name, text)?)),
            SECRET => self.secrets.push((id, toml_body(name, text)?)),
            _ => {} // YARA bodies were compiled together.
        }
        Ok(())
    }

    /// The rule with this id.
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// Interfaces that a flow rule joins: the language, then sources and sinks, each by class.
    pub fn joins_of(&self, id: &RuleId) -> Vec<Joined> {
        let Some((_, rule)) = self.flows.iter().find(|(known, _)| known == id) else { return Vec::new() };
        let (sources, sinks) = rule.classes();
        let by_class = |language: Language, classes: &[&str]| -> Vec<(String, Vec<String>)> {
            let classes: Vec<String> = classes.iter().map(|class| crate::analyze::flow::base_class(class)).collect();
            let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (class, api) in self.catalogues.get(language).members(&classes) {
                all.entry(class.to_owned()).or_default().push(api.to_owned());
            }
            all.into_iter().collect()
        };
        let languages = [Language::JavaScript, Language::Python, Language::Shell];
        let all = languages.map(|at| (at.name(), by_class(at, &sources), by_class(at, &sinks)));
        all.into_iter().filter(|(_, _, sinks)| !sinks.is_empty()).collect()
    }

    /// All rules, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }
}

/// Built-in signature files below a folder such as `checks/`, named without it, in order.
pub(crate) fn embedded(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    embedded::FILES.iter().filter_map(move |&(name, text)| Some((name.strip_prefix(folder)?, text)))
}

fn compile(files: &BTreeMap<String, String>) -> Result<Compiled, RuleError> {
    let bodies =
        files.iter().filter_map(|(name, text)| Some((name.strip_prefix("rules/")?.strip_suffix(YARA)?, text.as_str())));
    yara::compile(bodies)
        .map(|rules| Compiled::Own(Box::new(rules)))
        .map_err(|error| RuleError::Yara(error.to_string()))
}

fn borrowed(files: &BTreeMap<String, String>) -> Files<'_> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// What was read, or nothing if it was broken.
fn kept<T: Default>(read: Result<T, RuleError>, errors: &mut Vec<RuleError>) -> T {
    read.unwrap_or_else(|error| {
        errors.push(error);
        T::default()
    })
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
