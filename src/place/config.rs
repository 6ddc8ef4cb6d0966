//! OpenClaw's configuration as far as it names directories. The agent itself may have written
//! these files, so size, nesting and includes are bounded; a value that makes no sense is left
//! out and the rest is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Environment;
use super::json5::{Here, Includes};

/// Most entries of one list, and most agents.
const ENTRIES: usize = 2_000;
/// Longest path that any system takes, in bytes.
const PATH_BYTES: usize = 4096;

/// A value with the key that it stands under.
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) text: String,
}

/// What the configuration says of one agent.
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) workspace: Option<Setting>,
    /// Its own directory, if not the usual one.
    pub(super) folder: Option<Setting>,
}

/// One configuration file with what it includes.
pub(super) struct Config {
    pub(super) file: PathBuf,
    pub(super) agents: Vec<Agent>,
    /// The agent that workspaces belong to if nothing else is said.
    pub(super) default_agent: Option<String>,
    /// Workspaces of the default agent.
    pub(super) workspaces: Vec<Setting>,
    /// `skills.load.extraDirs`.
    pub(super) extra: Vec<Setting>,
    /// `skills.load.allowSymlinkTargets`.
    pub(super) permitted: Vec<Setting>,
    /// Plugins, or folders of plugins.
    pub(super) plugins: Vec<Setting>,
}

impl Config {
    /// Reads a file; none if there is none, or nothing of it could be read.
    pub(super) fn read(file: &Path, environment: &Environment, complaints: &mut Vec<String>) -> Option<Self> {
        let roots = environment.variables.get("OPENCLAW_INCLUDE_ROOTS");
        let roots = roots.map(|text| std::env::split_paths(text).collect()).unwrap_or_default();
        let mut includes = Includes::new(&Here, file, environment.shown(file), roots);
        let root = includes.tree(file);
        complaints.append(&mut includes.complaints);
        let mut tree = Tree { root: &root?, environment, complaints: BTreeSet::new() };
        let (agents, default_agent) = tree.agents();
        let config = Self {
            file: file.to_owned(),
            agents,
            default_agent,
            workspaces: ["agents.defaults.workspace", "agent.workspace"]
                .iter()
                .filter_map(|key| tree.one(key))
                .collect(),
            extra: tree.list("skills.load.extraDirs"),
            permitted: tree.list("skills.load.allowSymlinkTargets"),
            plugins: tree.list("plugins.load.paths").into_iter().chain(tree.installs()).collect(),
        };
        let shown = environment.shown(file);
        complaints.extend(tree.complaints.iter().map(|complaint| format!("{shown}: {complaint}")));
        Some(config)
    }
}

/// An agent's id as OpenClaw uses it in paths.
pub(crate) fn agent_id(text: &str) -> String {
    let lower = text.trim().to_ascii_lowercase();
    let plain: String =
        lower.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(64).collect();
    match plain.trim_matches('-') {
        "" => "main".to_owned(),
        id => id.to_owned(),
    }
}

struct Tree<'t> {
    root: &'t Value,
    environment: &'t Environment,
    complaints: BTreeSet<String>,
}

impl<'t> Tree<'t> {
    fn at(&self, key: &str) -> Option<&'t Value> {
        key.split('.').try_fold(self.root, |value, part| value.get(part))
    }

    /// The agents, and which is the default.
    fn agents(&mut self) -> (Vec<Agent>, Option<String>) {
        let entries = self.at("agents.entries").and_then(Value::as_object).into_iter().flatten();
        let entries = entries.map(|(id, value)| (agent_id(id), format!("agents.entries.{}", agent_id(id)), value));
        let list = self.at("agents.list").and_then(Value::as_array).into_iter().flatten();
        let list = list.enumerate().map(|(index, value)| {
            let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
            (agent_id(id), format!("agents.list[{index}]"), value)
        });
        let (mut agents, mut marked) = (Vec::new(), None);
        for (id, key, value) in entries.chain(list) {
            if agents.len() >= ENTRIES {
                self.complaints.insert(format!("has more than {ENTRIES} agents, the rest was left out"));
                break;
            }
            if marked.is_none() && value.get("default").and_then(Value::as_bool) == Some(true) {
                marked = Some(id.clone());
            }
            let workspace = self.setting(format!("{key}.workspace"), value.get("workspace"));
            let folder = self.setting(format!("{key}.agentDir"), value.get("agentDir"));
            agents.push(Agent { id, workspace, folder });
        }
        let default = marked.or_else(|| agents.first().map(|agent| agent.id.clone()));
        (agents, default)
    }

    /// Where older releases note that they installed plugins.
    fn installs(&mut self) -> Vec<Setting> {
        let installs = self.at("plugins.installs").and_then(Value::as_object).into_iter().flatten();
        let key = || "plugins.installs.*.installPath".to_owned();
        installs.take(ENTRIES).filter_map(|(_, install)| self.setting(key(), install.get("installPath"))).collect()
    }

    fn one(&mut self, key: &str) -> Option<Setting> {
        self.setting(key.to_owned(), self.at(key))
    }

    fn list(&mut self, key: &str) -> Vec<Setting> {
        let items = self.at(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if items.len() > ENTRIES {
            self.complaints.insert(format!("{key} has more than {ENTRIES} entries, the rest was left out"));
        }
        let items = items.iter().take(ENTRIES);
        items.filter_map(|item| self.setting(key.to_owned(), Some(item))).collect()
    }

    fn setting(&mut self, key: String, value: Option<&Value>) -> Option<Setting> {
        let text = value?.as_str()?.trim();
        if text.is_empty() || text.len() > PATH_BYTES {
            return None;
        }
        Some(Setting { key, text: self.substituted(text) })
    }

    /// `${NAME}` replaced by the variable's value; `$${NAME}` stands for itself without a dollar.
    fn substituted(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            let Some((name, after)) = from.split_once('}') else { break };
            let (before, value) = match before.strip_suffix('$') {
                Some(before) => (before, None),
                None => (before, self.variable(name)),
            };
            out.push_str(before);
            out.push_str(&value.unwrap_or_else(|| format!("${{{name}}}")));
            rest = after;
            if out.len() > PATH_BYTES {
                break;
            }
        }
        out.push_str(rest);
        out
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        let is_name = |(index, c): (usize, char)| matches!(c, 'A'..='Z' | '_') || index > 0 && c.is_ascii_digit();
        if name.is_empty() || name.len() > 128 || !name.chars().enumerate().all(is_name) {
            return None;
        }
        let own = |key: &str| self.at(key).and_then(|vars| vars.get(name)).and_then(Value::as_str);
        let value = self.environment.text(name).or_else(|| own("env.vars")).or_else(|| own("env"));
        let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
        if value.is_none() {
            self.complaints.insert(format!("names ${{{name}}}, which is not set here"));
        }
        value
    }
}
