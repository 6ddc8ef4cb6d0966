//! OpenClaw on a host: its installations and profiles, what each is configured to do, what starts it, and which
//! version it is.

use std::path::{Path, PathBuf};

use crate::place::{CONFIG_NAMES, LEGACY_STATES, agent_id, normal, tilde};

use super::check::Evidence;
use super::host::{Host, Process, Unread, User};
use super::sqlite::{Cell, Database};

pub mod advisory;
pub mod config;
pub mod package;
pub mod unit;
pub mod version;

pub use config::{Config, Loaded, Secret};
pub use package::Package;
pub use unit::{Assigned, Unit};
pub use version::Version;

/// Port of a gateway that nobody gave another.
pub const PORT: u16 = 18789;
/// Port of a gateway that was started with `--dev`.
const DEV_PORT: u16 = 19001;

/// A port that a gateway uses, or will use when it is started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The number.
    pub number: u16,
    /// What says so.
    pub evidence: Evidence,
}

/// A version with what tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The version, as it is written there.
    pub text: String,
    /// The place.
    pub evidence: Evidence,
    /// Whether it is proof; otherwise a hint, such as the version that last wrote the configuration.
    pub is_proof: bool,
}

impl Known {
    /// The version in OpenClaw's order; none if it is written in no known way.
    pub fn version(&self) -> Option<Version> {
        Version::parse(&self.text)
    }
}

/// One state directory with all that belongs to it.
#[derive(Debug)]
pub struct Installation {
    /// Whose it is.
    pub user: User,
    /// The state directory, as the host names it.
    pub state: PathBuf,
    /// The profile, if it has a name.
    pub profile: Option<String>,
    /// The configuration that counts, or where it would be.
    pub file: PathBuf,
    /// What became of it.
    pub config: Loaded,
    /// Units that start its gateway.
    pub units: Vec<Unit>,
    /// The versions that are known, the best proof first.
    pub versions: Vec<Known>,
}

/// Whether an entry of a home directory is a state directory, by its name.
pub fn is_state_name(name: &str) -> bool {
    name == ".openclaw" || name.starts_with(".openclaw-") || LEGACY_STATES.contains(&name)
}

/// Every installation of every audited user, or that of one profile.
///
/// # Errors
/// If the users are not known.
pub fn installations(host: &Host, profile: Option<&str>) -> Result<Vec<Installation>, Unread> {
    let mut found: Vec<Installation> = Vec::new();
    for user in host.audited()? {
        let units = unit::gateway_units(host, &user);
        for state in states(host, &user, &units) {
            let name = profile_of(&state);
            let is_wanted = profile.is_none_or(|wanted| name.as_deref().unwrap_or("default") == wanted);
            if is_wanted && host.is_dir(&state) {
                found.push(Installation::read(host, &user, state, name, &units));
            }
        }
    }
    Ok(found)
}

/// State directories of a user, each once: in the home directory, and those that a variable or a unit names.
fn states(host: &Host, user: &User, units: &[Unit]) -> Vec<PathBuf> {
    let is_mine = host.uid() == user.uid;
    let variable = |name: &str| host.variable(name).filter(|_| is_mine).map(|text| expand(text, &user.home));
    let home = variable("OPENCLAW_HOME").unwrap_or_else(|| user.home.clone());
    let mut found: Vec<PathBuf> = variable("OPENCLAW_STATE_DIR").into_iter().collect();
    let named = units.iter().filter_map(|unit| unit.variable("OPENCLAW_STATE_DIR"));
    found.extend(named.map(|set| expand(&set.value, &user.home)));
    for home in [&home, &user.home] {
        let entries = host.list_if(home, is_state_name).unwrap_or_default();
        found.extend(entries.into_iter().map(|entry| entry.path));
    }
    let mut seen = Vec::new();
    found.retain(|state| {
        let real = host.walk(state).map_or_else(|_| state.clone(), |walk| walk.real);
        let is_new = !seen.contains(&real);
        seen.push(real);
        is_new
    });
    found
}

/// A path of the configuration or of a variable: `~` is home.
fn expand(text: &str, home: &Path) -> PathBuf {
    normal(&home.join(tilde(text.trim(), Some(home))))
}

fn profile_of(state: &Path) -> Option<String> {
    let name = state.file_name()?.to_str()?;
    name.strip_prefix(".openclaw-").map(str::to_owned)
}

impl Installation {
    fn read(host: &Host, user: &User, state: PathBuf, profile: Option<String>, units: &[Unit]) -> Self {
        let units: Vec<Unit> =
            units.iter().filter(|unit| starts(unit, &state, profile.as_deref(), user)).cloned().collect();
        let is_mine = host.uid() == user.uid;
        let named = units.iter().find_map(|unit| unit.variable("OPENCLAW_CONFIG_PATH")).map(|set| set.value);
        let named = named.or_else(|| host.variable("OPENCLAW_CONFIG_PATH").filter(|_| is_mine).map(str::to_owned));
        let named = named.filter(|_| profile.is_none()).map(|text| expand(&text, &user.home));
        let inside = CONFIG_NAMES.iter().map(|name| state.join(name));
        let file = named.into_iter().chain(inside).find(|file| host.lstat(file) != Err(Unread::Absent));
        let file = file.unwrap_or_else(|| state.join("openclaw.json"));
        let roots = units.iter().find_map(|unit| unit.variable("OPENCLAW_INCLUDE_ROOTS")).map(|set| set.value);
        let roots = roots.or_else(|| host.variable("OPENCLAW_INCLUDE_ROOTS").filter(|_| is_mine).map(str::to_owned));
        let roots = roots.map(|text| std::env::split_paths(&text).collect()).unwrap_or_default();
        let config = Config::load(host, &file, roots);
        let mut installation = Self { user: user.clone(), state, profile, file, config, units, versions: Vec::new() };
        installation.versions = installation.known_versions(host);
        installation
    }

    /// What reports call it.
    pub fn subject(&self) -> String {
        self.state.display().to_string()
    }

    /// The configuration, if it could be read.
    pub fn config(&self) -> Option<&Config> {
        match &self.config {
            Loaded::Read(config) => Some(config),
            _ => None,
        }
    }

    /// Whether it is left over from an earlier release: nothing starts it any more.
    pub fn is_left_over(&self) -> bool {
        let is_legacy = self.state.file_name().is_some_and(|name| LEGACY_STATES.iter().any(|legacy| *legacy == name));
        is_legacy && self.units.is_empty()
    }

    /// The version that counts; none if nothing tells it.
    pub fn version(&self) -> Option<Version> {
        self.versions.iter().find_map(Known::version)
    }

    /// Ports of its gateway: the one that a unit, a variable or the configuration sets, else the default, which
    /// depends on the version for a named profile.
    pub fn ports(&self) -> Vec<Port> {
        let number = |text: &str| text.trim().rsplit(':').next().and_then(|text| text.parse::<u16>().ok());
        for unit in &self.units {
            let set = unit.option("--port").or_else(|| unit.variable("OPENCLAW_GATEWAY_PORT"));
            if let Some((number, set)) = set.and_then(|set| Some((number(&set.value)?, set))) {
                return vec![Port { number, evidence: set.evidence() }];
            }
        }
        let key = "gateway.port";
        let set = self.config().and_then(|config| Some((config.get(key)?, config)));
        if let Some((value, config)) = set {
            let set = value.as_u64().and_then(|port| u16::try_from(port).ok()).or_else(|| number(value.as_str()?));
            if let Some(number) = set {
                return vec![Port { number, evidence: config.evidence(key) }];
            }
        }
        let default = |number| Port { number, evidence: Evidence::path(&self.file).note("no port is set") };
        match self.profile.as_deref() {
            None => vec![default(PORT)],
            Some("dev") => vec![default(DEV_PORT)],
            Some(profile) => match self.version() {
                Some(version) if version >= Version::release(2026, 9, 0) => vec![default(profile_port(profile))],
                Some(_) => vec![default(PORT)],
                None => vec![default(profile_port(profile)), default(PORT)],
            },
        }
    }

    /// Workspaces of its agents, each once, with what names it.
    pub fn workspaces(&self, host: &Host) -> Vec<(PathBuf, Evidence)> {
        let mut found: Vec<(PathBuf, Evidence)> = Vec::new();
        let default = self.config().and_then(|config| Some((config, config.text("agents.defaults.workspace")?)));
        let default =
            default.map(|(config, text)| (expand(text, &self.user.home), config.evidence("agents.defaults.workspace")));
        for (id, key, value) in self.agents() {
            let own = value.get("workspace").and_then(serde_json::Value::as_str);
            let evidence = |config: &Config| config.evidence(&format!("{key}.workspace"));
            if let (Some(text), Some(config)) = (own, self.config()) {
                found.push((expand(text, &self.user.home), evidence(config)));
            } else if id != "main" {
                let below = default.as_ref().map(|(folder, _)| folder.join(&id));
                let folder = below.unwrap_or_else(|| self.state.join(format!("workspace-{id}")));
                found.push((folder, Evidence::path(&self.file).key(key)));
            }
        }
        let variable = host.variable("OPENCLAW_WORKSPACE_DIR").filter(|_| host.uid() == self.user.uid);
        let variable = variable.map(|text| (PathBuf::from(text), Evidence::command("OPENCLAW_WORKSPACE_DIR")));
        let usual = (self.state.join("workspace"), Evidence::path(&self.state));
        found.push(default.or(variable).unwrap_or(usual));
        let entries = host.list_if(&self.state, |name| name.starts_with("workspace-")).unwrap_or_default();
        found.extend(entries.into_iter().map(|entry| (entry.path.clone(), Evidence::path(entry.path))));
        let mut seen = std::collections::BTreeSet::new();
        // One that cannot be looked at is no reason to look away.
        found.retain(|(folder, _)| host.may_be_dir(folder) && seen.insert(folder.clone()));
        found
    }

    /// Agents that the configuration names: id, key path and settings, in both spellings of the list.
    pub fn agents(&self) -> Vec<(String, String, &serde_json::Value)> {
        let Some(config) = self.config() else { return Vec::new() };
        let entries = config.entries("agents.entries");
        let mut found: Vec<_> =
            entries.map(|(id, value)| (agent_id(id), format!("agents.entries.{id}"), value)).collect();
        for (index, value) in config.items("agents.list").iter().enumerate() {
            let id = value.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
            found.push((agent_id(id), format!("agents.list[{index}]"), value));
        }
        found
    }

    /// The database of recent releases.
    pub fn database(&self) -> PathBuf {
        self.state.join("state/openclaw.sqlite")
    }

    /// Rows of a table of its database.
    ///
    /// # Errors
    /// If there is no such database or table, or it cannot be read.
    pub fn stored(&self, host: &Host, table: &str, columns: &[&str]) -> Result<Vec<Vec<Cell>>, Unread> {
        Database::read(host, &self.database())?.rows(table, columns)
    }

    /// Everything that tells its version, the best proof first.
    fn known_versions(&self, host: &Host) -> Vec<Known> {
        let mut found = Vec::new();
        for unit in &self.units {
            let program = unit.command().into_iter().find(|word| is_program(word));
            let package = program.and_then(|program| package::of_program(host, Path::new(&program)));
            found.extend(package.map(|package| Known {
                text: package.version.clone(),
                evidence: Evidence::path(package.manifest).key("version"),
                is_proof: true,
            }));
            let set = unit.variable("OPENCLAW_SERVICE_VERSION");
            found.extend(set.map(|set| Known { text: set.value.clone(), evidence: set.evidence(), is_proof: true }));
        }
        let packages = package::installed(host, &self.user).found.into_iter().filter(Package::is_openclaw);
        found.extend(packages.map(|package| Known {
            text: package.version.clone(),
            evidence: Evidence::path(&package.manifest).key("version"),
            is_proof: true,
        }));
        let opened = self.stored(host, "schema_meta", &["app_version"]).unwrap_or_default();
        let opened = opened.iter().flatten().map(Cell::text).find(|text| !text.is_empty());
        found.extend(opened.map(|text| {
            let evidence = Evidence::path(self.database()).key("schema_meta.app_version");
            Known { text, evidence, is_proof: false }
        }));
        let key = "meta.lastTouchedVersion";
        let hint = self.config().and_then(|config| Some((config.text(key)?, config.evidence(key))));
        found.extend(hint.map(|(text, evidence)| Known { text: text.to_owned(), evidence, is_proof: false }));
        found
    }
}

/// Whether a word of a command is OpenClaw's own file, not the interpreter.
fn is_program(word: &str) -> bool {
    word.starts_with('/') && unit::NAMES.iter().any(|name| word.contains(name))
}

/// Whether a unit starts the gateway of this state directory.
fn starts(unit: &Unit, state: &Path, profile: Option<&str>, user: &User) -> bool {
    if let Some(set) = unit.variable("OPENCLAW_STATE_DIR") {
        return expand(&set.value, &user.home) == state;
    }
    let named = unit.option("--profile").or_else(|| unit.variable("OPENCLAW_PROFILE")).map(|set| set.value);
    let stem = unit.name.trim_end_matches(".service");
    let suffix = unit::NAMES.iter().find_map(|name| stem.strip_prefix(&format!("{name}-gateway-")));
    let named = named.or_else(|| suffix.map(str::to_owned)).filter(|name| name != "default");
    if named.as_deref() != profile {
        return false;
    }
    // Of what carries no profile, an old name starts an old directory.
    let folder = state.file_name().and_then(|name| name.to_str()).unwrap_or_default().trim_start_matches('.');
    let is_old = |name: &str| LEGACY_STATES.iter().any(|legacy| legacy.trim_start_matches('.') == name);
    let old = unit::NAMES.iter().find(|name| unit.name.starts_with(**name) && is_old(name));
    profile.is_some() || old.map_or(!is_old(folder), |name| folder == *name || folder == "openclaw")
}

/// Port of a named profile since 2026.9: FNV-1a over its name.
fn profile_port(profile: &str) -> u16 {
    let hash = profile.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    u16::try_from(20_000 + hash % 40_000).unwrap_or(PORT)
}

/// Whether a process is a gateway, by its name or its arguments.
pub fn is_gateway(process: &Process) -> bool {
    let is_named = ["openclaw-gatewa", "clawdbot-gatewa", "moltbot-gateway"];
    if is_named.iter().any(|name| process.name.starts_with(name)) {
        return true;
    }
    let first = process.arguments.first().map_or("", String::as_str);
    if unit::NAMES.iter().any(|name| first.starts_with(&format!("{name}-gateway"))) {
        return true;
    }
    let is_node = process.name == "node" || process.name == "MainThread" || first.ends_with("node");
    let is_program = |word: &String| unit::NAMES.iter().any(|name| word.contains(name));
    is_node && process.arguments.iter().any(is_program) && process.arguments.iter().any(|word| word == "gateway")
}
