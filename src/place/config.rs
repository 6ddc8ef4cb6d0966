//! OpenClaw's configuration as far as it names directories. The agent itself may have written
//! these files, so size, nesting and includes are bounded; a value that makes no sense is left
//! out and the rest is read.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use serde_json::{Map, Value};

use super::{Environment, is_absent, normal};

/// Largest file, and all that one configuration includes, in bytes.
pub(super) const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Deepest nesting of brackets; the parser follows it by recursion.
const NESTING: usize = 200;
/// Longest chain of includes, as in OpenClaw.
const INCLUDE_DEPTH: usize = 10;
/// Most files that one configuration includes.
const INCLUDES: usize = 64;
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
        let mut includes = Includes::of(file, environment);
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
pub(super) fn agent_id(text: &str) -> String {
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

/// Follows `$include`, which stays in the directory of the configuration.
struct Includes {
    roots: Vec<PathBuf>,
    shown: String,
    bytes: u64,
    files: usize,
    complaints: Vec<String>,
}

impl Includes {
    fn of(file: &Path, environment: &Environment) -> Self {
        let named =
            environment.variables.get("OPENCLAW_INCLUDE_ROOTS").map(|text| std::env::split_paths(text).collect());
        let mut roots: Vec<PathBuf> = named.unwrap_or_default();
        roots.retain(|root| root.is_absolute());
        roots.extend(file.parent().map(Path::to_owned));
        let roots = roots.into_iter().filter_map(|root| fs::canonicalize(root).ok()).collect();
        Self { roots, shown: environment.shown(file), bytes: FILE_BYTES, files: INCLUDES, complaints: Vec::new() }
    }

    fn complain(&mut self, why: &str) {
        self.complaints.push(format!("{}: {why}", self.shown));
    }

    fn tree(&mut self, file: &Path) -> Option<Value> {
        match read_json5(file, self.bytes) {
            Ok(found) => {
                let (value, bytes) = found?;
                self.bytes = self.bytes.saturating_sub(bytes);
                Some(self.whole(value, file, 0, 0))
            }
            Err(why) => {
                self.complain(&why);
                None
            }
        }
    }

    /// A value of `file` with everything that it includes, so many includes and levels down.
    fn whole(&mut self, value: Value, file: &Path, depth: usize, level: usize) -> Value {
        match value {
            Value::Object(_) | Value::Array(_) if level > NESTING => {
                self.complain("includes are nested too deep");
                Value::Null
            }
            Value::Array(items) => {
                items.into_iter().map(|item| self.whole(item, file, depth, level + 1)).collect::<Vec<_>>().into()
            }
            Value::Object(mut map) => {
                let include = map.remove("$include");
                let own = map.into_iter().map(|(key, value)| (key, self.whole(value, file, depth, level + 1)));
                let own: Map<String, Value> = own.collect();
                match include {
                    Some(include) => self.merged(&include, own, file, (depth, level)),
                    None => Value::Object(own),
                }
            }
            plain => plain,
        }
    }

    /// What is included, later over earlier, and over it what stands beside it.
    fn merged(&mut self, include: &Value, own: Map<String, Value>, file: &Path, at: (usize, usize)) -> Value {
        let names = match include {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => name.as_str().into_iter().collect::<Vec<_>>(),
        };
        let mut merged = Value::Object(Map::new());
        for name in names {
            match self.included(name, file, at) {
                Ok(value) => merged = merge(merged, value),
                Err(why) => self.complain(&format!("`$include` of `{name}`: {why}")),
            }
        }
        if own.is_empty() { merged } else { merge(merged, Value::Object(own)) }
    }

    fn included(&mut self, name: &str, from: &Path, (depth, level): (usize, usize)) -> Result<Value, String> {
        if depth >= INCLUDE_DEPTH || self.files == 0 {
            return Err("too many includes".to_owned());
        }
        self.files -= 1;
        let file = normal(&from.parent().unwrap_or(Path::new("")).join(name));
        let real = fs::canonicalize(&file).map_err(|error| error.kind().to_string())?;
        if !self.roots.iter().any(|root| real.starts_with(root)) {
            return Err("leads out of the directory of the configuration".to_owned());
        }
        let (value, bytes) = read_json5(&real, self.bytes)?.ok_or("no such file")?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(self.whole(value, &file, depth + 1, level))
    }
}

/// Lists are joined, objects merged, and of anything else the later wins.
fn merge(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Array(mut earlier), Value::Array(later)) => {
            earlier.extend(later);
            Value::Array(earlier)
        }
        (Value::Object(mut earlier), Value::Object(later)) => {
            for (key, value) in later {
                let value = match earlier.remove(&key) {
                    Some(before) => merge(before, value),
                    None => value,
                };
                earlier.insert(key, value);
            }
            Value::Object(earlier)
        }
        (_, later) => later,
    }
}

/// A JSON5 file of at most `limit` bytes, and its size; none if there is no such file.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read_json5(file: &Path, limit: u64) -> Result<Option<(Value, u64)>, String> {
    let bytes = match read(file, limit) {
        Ok(bytes) => bytes,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(format!("could not be read: {error}")),
    };
    let text = String::from_utf8_lossy(&bytes);
    if nesting(&text) > NESTING {
        return Err(format!("nested deeper than {NESTING} levels, not read"));
    }
    let value = json5::from_str(&text).map_err(|error| format!("is not JSON5: {error}"))?;
    Ok(Some((value, bytes.len() as u64)))
}

fn read(file: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let irregular = || io::Error::new(io::ErrorKind::InvalidInput, "no regular file");
    if !fs::metadata(file)?.is_file() {
        return Err(irregular());
    }
    let opened = open(file)?;
    if !opened.metadata()?.is_file() {
        return Err(irregular());
    }
    let mut bytes = Vec::new();
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Opens without blocking on a pipe that took the file's place.
#[cfg(unix)]
fn open(file: &Path) -> io::Result<fs::File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(file)
}

#[cfg(not(unix))]
fn open(file: &Path) -> io::Result<fs::File> {
    fs::File::open(file)
}

/// Deepest nesting of brackets outside strings and comments, which end where the parser ends them.
fn nesting(text: &str) -> usize {
    let mut chars = text.chars().peekable();
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => skip_string(&mut chars, c),
            '/' => skip_comment(&mut chars),
            '[' | '{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn skip_string(chars: &mut Peekable<Chars<'_>>, quote: char) {
    while let Some(c) = chars.next() {
        if c == quote {
            return;
        }
        if c == '\\' {
            chars.next();
        }
    }
}

fn skip_comment(chars: &mut Peekable<Chars<'_>>) {
    if chars.next_if_eq(&'/').is_some() {
        chars.find(|c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'));
    } else if chars.next_if_eq(&'*').is_some() {
        let mut before = ' ';
        chars.find(|&c| std::mem::replace(&mut before, c) == '*' && c == '/');
    }
}
