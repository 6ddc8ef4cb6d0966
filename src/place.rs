//! Where OpenClaw loads skills from on this machine: asked of the environment, of the
//! configuration and of the directories themselves. Lists directories and reads configuration
//! and plugin manifests, all bounded; opens no skill, writes nothing, runs nothing.
//!
//! One place too many costs a moment, one too few a skill that nobody looked at: all
//! installations, profiles and agents count, whichever of them runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

mod config;
pub(crate) mod json5;
mod plugin;
mod search;

pub(crate) use config::agent_id;
use search::Search;
pub(crate) use search::{CONFIG_NAMES, LEGACY_STATES};

/// What the environment says; taken apart so that tests can make one.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Variables whose name is text.
    pub variables: BTreeMap<String, OsString>,
    /// The user's home directory, as the system has it.
    pub home: Option<PathBuf>,
    /// Where the program was started.
    pub current_dir: PathBuf,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .collect(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            current_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        }
    }

    /// A variable as text without the space around it; an empty one counts as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// A variable that names a directory or file: `~` is home, and what is relative is so to the
    /// current directory.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let path = match self.text(name) {
            Some(text) => self.expand(text),
            // A name that is not text has no space to trim.
            None => self.variables.get(name).filter(|value| value.to_str().is_none()).map(PathBuf::from)?,
        };
        Some(normal(&self.current_dir.join(path)))
    }

    /// Home directories, OpenClaw's own first.
    fn homes(&self) -> Vec<PathBuf> {
        let named =
            self.text("OPENCLAW_HOME").map(|text| normal(&self.current_dir.join(tilde(text, self.home.as_deref()))));
        let mut homes: Vec<PathBuf> = named.into_iter().collect();
        homes.extend(self.home.clone().filter(|home| !homes.contains(home)));
        homes
    }

    /// Where programs of this user keep what they must remember.
    pub(crate) fn state_directory(&self) -> Option<PathBuf> {
        let named = self.text("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        named.or_else(|| Some(self.home.as_ref()?.join(".local/state")))
    }

    /// A path as OpenClaw reads it; what is relative stays so.
    fn expand(&self, text: &str) -> PathBuf {
        let text = text.replace('\0', "");
        tilde(text.trim(), self.homes().first().map(PathBuf::as_path))
    }

    /// A path for people: `~` for the home directory.
    fn shown(&self, path: &Path) -> String {
        match self.home.as_deref().and_then(|home| path.strip_prefix(home).ok()) {
            Some(below) if below.as_os_str().is_empty() => "~".to_owned(),
            Some(below) => format!("~/{}", below.display()),
            None => path.display().to_string(),
        }
    }
}

/// `~` and `~/…` below `home`, everything else as it stands: OpenClaw knows no `~user`.
pub(crate) fn tilde(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(text),
    }
}

/// The path without `.` and `..`, by its text alone, as OpenClaw does it.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

/// Whether there simply is nothing of that name.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Where a place's skills come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `skills` of an agent's workspace.
    Workspace,
    /// `.agents/skills` of an agent's workspace.
    Project,
    /// `.agents/skills` of the home directory.
    Personal,
    /// `skills` of the state directory, shared by all agents.
    Managed,
    /// What an agent wrote and the user accepted.
    Workshop,
    /// What OpenClaw itself brings.
    Bundled,
    /// What OpenClaw brings for its custodian.
    Custodian,
    /// `skills.load.extraDirs` and plugins.
    Extra,
    /// A revision in the personal library.
    Library,
    /// Where the `clawhub` program installs to, which OpenClaw need not load.
    Workdir,
}

impl Source {
    /// The name as OpenClaw has it; for a work directory of `clawhub`, ours.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Workspace => "openclaw-workspace",
            Self::Project => "agents-skills-project",
            Self::Personal => "agents-skills-personal",
            Self::Managed => "openclaw-managed",
            Self::Workshop => "openclaw-workshop",
            Self::Bundled => "openclaw-bundled",
            Self::Custodian => "openclaw-custodian",
            Self::Extra => "openclaw-extra",
            Self::Library => "openclaw-library",
            Self::Workdir => "clawhub-workdir",
        }
    }

    /// Its rank among skills of one name; 1 wins.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Workspace => 1,
            Self::Project => 2,
            Self::Personal => 3,
            Self::Managed => 4,
            Self::Workshop => 5,
            Self::Bundled | Self::Custodian => 6,
            Self::Extra => 7,
            Self::Library | Self::Workdir => 8,
        }
    }

    /// Whether OpenClaw picks among its skills by name. Libraries are picked from by id.
    fn is_ranked(self) -> bool {
        !matches!(self, Self::Library | Self::Workdir)
    }

    fn symlinks(self) -> Symlinks {
        match self {
            Self::Personal | Self::Managed => Symlinks::Followed,
            _ => Symlinks::Confined,
        }
    }
}

/// What OpenClaw makes of a skill folder that is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symlinks {
    /// It is followed wherever it leads.
    Followed,
    /// Its real path must lie in the root or in one of the permitted directories.
    Confined,
    /// Every entry is a link that OpenClaw made, into one of the permitted directories.
    Generated,
}

/// A directory that OpenClaw loads skills from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory, as whatever names it has it: not its real path.
    pub root: PathBuf,
    /// Where its skills come from.
    pub source: Source,
    /// Its rank among skills of one name; 1 wins.
    pub precedence: u8,
    /// The agent that it belongs to; none if to all.
    pub agent: Option<String>,
    /// The state directory of the installation that it belongs to; none if to all.
    pub installation: Option<PathBuf>,
    /// What names it, such as `~/.openclaw/openclaw.json: skills.load.extraDirs`. Not escaped.
    pub reason: String,
    /// What becomes of a skill folder in it that is a link.
    pub symlinks: Symlinks,
    /// Real paths, beside the root's own, that such a link may lead into.
    pub permitted: Vec<PathBuf>,
}

impl Place {
    /// Whether a skill here keeps the agent from seeing one of the same name in `other`.
    pub fn hides(&self, other: &Self) -> bool {
        fn meet<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        self.source.is_ranked()
            && other.source.is_ranked()
            && self.precedence < other.precedence
            && meet(self.agent.as_ref(), other.agent.as_ref())
            && meet(self.installation.as_ref(), other.installation.as_ref())
    }
}

/// All places, each directory once, in order of precedence and then of path.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Those that exist.
    pub found: Vec<Place>,
    /// Those that something names and that do not exist, which is no error.
    pub missing: Vec<Place>,
    /// What could not be read or was not followed, so that places may lack. Not escaped.
    pub complaints: Vec<String>,
}

/// Every place that OpenClaw loads skills from in this environment.
pub fn places(environment: &Environment) -> Places {
    let mut search = Search::new(environment);
    let states = search.states();
    let active = search.active(&states);
    for state in &states {
        search.installation(state, active == Some(state));
    }
    search.shared();
    search.finish()
}

/// Keeps the first of each directory.
fn distinct(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let real = |path: &PathBuf| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    paths.into_iter().filter(|path| seen.insert(real(path))).collect()
}
