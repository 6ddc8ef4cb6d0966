//! The search itself: state directories, what belongs to each, and what belongs to all.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::config::{Agent, Config, Setting, agent_id};
use super::{Environment, Place, Places, Source, Symlinks, distinct, is_absent, normal};

/// State directories of older releases.
pub(crate) const LEGACY_STATES: [&str; 3] = [".clawdbot", ".moltbot", ".moldbot"];
/// Names that the configuration has, or had.
pub(crate) const CONFIG_NAMES: [&str; 4] = ["openclaw.json", "clawdbot.json", "moltbot.json", "moldbot.json"];
/// Folders of a workspace that hold its plugins.
const WORKSPACE_META: [&str; 2] = [".openclaw", ".clawdbot"];
/// The agent of an installation that names none.
const MAIN_AGENT: &str = "main";
/// Most entries of one directory.
const ENTRIES: usize = 10_000;
/// Most places, those that are missing included.
const PLACES: usize = 10_000;
/// Most complaints.
const COMPLAINTS: usize = 1_000;
/// Most directories that links may lead into.
const PERMITTED: usize = 256;

/// Whom a place belongs to.
#[derive(Debug, Clone, Default)]
pub(super) struct Owner {
    pub(super) installation: Option<PathBuf>,
    pub(super) agent: Option<String>,
    pub(super) permitted: Vec<PathBuf>,
}

impl Owner {
    fn agent(&self, id: &str) -> Self {
        Self { agent: Some(id.to_owned()), ..self.clone() }
    }
}

pub(super) struct Search<'e> {
    pub(super) environment: &'e Environment,
    /// Real paths of plugins and of OpenClaw's own package.
    pub(super) plugins: BTreeSet<PathBuf>,
    /// Folders of plugins that were looked through.
    pub(super) visited: BTreeSet<PathBuf>,
    candidates: Vec<Place>,
    complaints: Vec<String>,
}

impl<'e> Search<'e> {
    pub(super) fn new(environment: &'e Environment) -> Self {
        Self {
            environment,
            plugins: BTreeSet::new(),
            visited: BTreeSet::new(),
            candidates: Vec::new(),
            complaints: Vec::new(),
        }
    }

    pub(super) fn complain(&mut self, complaint: String) {
        if !self.complaints.contains(&complaint) && self.complaints.len() < COMPLAINTS {
            self.complaints.push(complaint);
        }
    }

    pub(super) fn push(&mut self, root: PathBuf, source: Source, reason: String, owner: &Owner) {
        if self.candidates.len() >= PLACES {
            return self.complain(format!("more than {PLACES} places, the rest was left out"));
        }
        self.candidates.push(Place {
            root,
            source,
            precedence: source.precedence(),
            agent: owner.agent.clone(),
            installation: owner.installation.clone(),
            reason,
            symlinks: source.symlinks(),
            permitted: owner.permitted.clone(),
        });
    }

    /// Directories in `folder` of a name that is wanted, in order; links to directories count.
    pub(super) fn list(&mut self, folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Vec::new(),
            Err(error) => {
                self.complain(format!("{}: could not be listed: {}", self.environment.shown(folder), error.kind()));
                return Vec::new();
            }
        };
        let wanted = |entry: &fs::DirEntry| wanted(&entry.file_name().to_string_lossy());
        let mut entries = entries.filter_map(Result::ok).filter(wanted).map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = entries.by_ref().take(ENTRIES).collect();
        if entries.next().is_some() {
            let shown = self.environment.shown(folder);
            self.complain(format!("{shown}: more than {ENTRIES} entries, the rest was left out"));
        }
        folders.retain(|path| path.is_dir());
        folders.sort();
        folders
    }

    /// State directories: those that variables name, and all that lie in the home directory.
    pub(super) fn states(&mut self) -> Vec<PathBuf> {
        let mut states = self.named_states();
        for home in self.environment.homes() {
            states.push(home.join(".openclaw"));
            states.extend(self.list(&home, |name| name.starts_with(".openclaw-")));
            states.extend(LEGACY_STATES.iter().map(|name| home.join(name)).filter(|state| state.is_dir()));
        }
        distinct(states)
    }

    fn named_states(&self) -> Vec<PathBuf> {
        let variables = ["OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR"];
        let mut states: Vec<PathBuf> = variables.iter().filter_map(|name| self.environment.path(name)).collect();
        let is_profile =
            |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) && *name != "default";
        if let Some(profile) = self.environment.text("OPENCLAW_PROFILE").filter(is_profile) {
            states.extend(self.environment.homes().first().map(|home| home.join(format!(".openclaw-{profile}"))));
        }
        states
    }

    /// The state directory that OpenClaw would use if it were started here.
    pub(super) fn active<'s>(&self, states: &'s [PathBuf]) -> Option<&'s PathBuf> {
        let named = states.first().filter(|_| !self.named_states().is_empty());
        named.or_else(|| states.iter().find(|state| state.is_dir())).or(states.first())
    }

    /// All that belongs to one state directory.
    pub(super) fn installation(&mut self, state: &Path, active: bool) {
        let configs = self.configs(state, active);
        let permitted = self.permitted(&configs, state);
        let owner = Owner { installation: Some(state.to_owned()), agent: None, permitted };
        let default = configs.iter().find_map(|config| config.default_agent.as_deref()).unwrap_or(MAIN_AGENT);
        for config in &configs {
            self.configured_workspaces(config, state, default, &owner);
            for setting in &config.extra {
                self.extra(config, setting, state, &owner);
            }
            for setting in &config.plugins {
                self.resolve(&setting.text, state).iter().for_each(|path| self.plugins_at(path, &owner));
            }
        }
        let variable = "OPENCLAW_WORKSPACE_DIR";
        if let Some(workspace) = self.environment.path(variable).filter(|_| active) {
            self.workspace(&workspace, variable, &owner.agent(default));
        }
        self.state(state, default, &owner);
        if active && self.environment.path("OPENCLAW_STATE_DIR").is_none() {
            let named = self.named_configs();
            for folder in named.iter().filter_map(|config| config.parent()).filter(|folder| *folder != state) {
                self.config_folder(folder, &owner);
            }
        }
    }

    fn named_configs(&self) -> Vec<PathBuf> {
        let variables = ["OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH"];
        variables.iter().filter_map(|name| self.environment.path(name)).collect()
    }

    fn configs(&mut self, state: &Path, active: bool) -> Vec<Config> {
        let mut files = if active { self.named_configs() } else { Vec::new() };
        files.extend(CONFIG_NAMES.iter().map(|name| state.join(name)));
        let mut complaints = Vec::new();
        let configs =
            distinct(files).iter().filter_map(|file| Config::read(file, self.environment, &mut complaints)).collect();
        complaints.into_iter().for_each(|complaint| self.complain(complaint));
        configs
    }

    fn permitted(&self, configs: &[Config], state: &Path) -> Vec<PathBuf> {
        let settings = configs.iter().flat_map(|config| &config.permitted);
        let paths = settings.flat_map(|setting| self.resolve(&setting.text, state));
        let mut permitted: Vec<PathBuf> =
            paths.filter_map(|path| fs::canonicalize(path).ok()).take(PERMITTED).collect();
        permitted.sort();
        permitted.dedup();
        permitted
    }

    /// What a setting may mean. OpenClaw takes a relative path from wherever it was started: here,
    /// or as a service in the home or state directory.
    fn resolve(&self, text: &str, state: &Path) -> Vec<PathBuf> {
        let path = self.environment.expand(text);
        if path.is_absolute() {
            return vec![normal(&path)];
        }
        let homes = self.environment.homes();
        let bases = [Some(self.environment.current_dir.as_path()), homes.first().map(PathBuf::as_path), Some(state)];
        bases.into_iter().flatten().map(|base| normal(&base.join(&path))).collect()
    }

    fn reason(&self, config: &Config, setting: &Setting) -> String {
        format!("{}: {}", self.environment.shown(&config.file), setting.key)
    }

    fn extra(&mut self, config: &Config, setting: &Setting, state: &Path, owner: &Owner) {
        let reason = self.reason(config, setting);
        for root in self.resolve(&setting.text, state) {
            self.push(root, Source::Extra, reason.clone(), owner);
        }
    }

    fn configured_workspaces(&mut self, config: &Config, state: &Path, default: &str, owner: &Owner) {
        for agent in &config.agents {
            self.agent(config, agent, state, owner);
        }
        let others: Vec<&Agent> =
            config.agents.iter().filter(|agent| agent.workspace.is_none() && agent.id != default).collect();
        for setting in &config.workspaces {
            let reason = self.reason(config, setting);
            for workspace in self.resolve(&setting.text, state) {
                self.workspace(&workspace, &reason, &owner.agent(default));
                for agent in &others {
                    self.workspace(&workspace.join(&agent.id), &reason, &owner.agent(&agent.id));
                }
            }
        }
    }

    fn agent(&mut self, config: &Config, agent: &Agent, state: &Path, owner: &Owner) {
        let owner = owner.agent(&agent.id);
        if let Some(setting) = &agent.workspace {
            let reason = self.reason(config, setting);
            for workspace in self.resolve(&setting.text, state) {
                self.workspace(&workspace, &reason, &owner);
            }
        }
        if let Some(setting) = &agent.folder {
            let reason = self.reason(config, setting);
            for folder in self.resolve(&setting.text, state) {
                self.push(folder.join("workshop-skills"), Source::Workshop, reason.clone(), &owner);
            }
        }
    }

    fn workspace(&mut self, workspace: &Path, reason: &str, owner: &Owner) {
        self.push(workspace.join("skills"), Source::Workspace, reason.to_owned(), owner);
        self.push(workspace.join(".agents/skills"), Source::Project, reason.to_owned(), owner);
        for meta in WORKSPACE_META {
            self.plugins_in(&workspace.join(meta).join("extensions"), owner);
        }
    }

    /// What lies in a state directory whatever the configuration says.
    fn state(&mut self, state: &Path, default: &str, owner: &Owner) {
        let reason = self.environment.shown(state);
        self.workspace(&state.join("workspace"), &reason, &owner.agent(default));
        for workspace in self.list(state, |name| name.starts_with("workspace-")) {
            let name = workspace.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let id = agent_id(name.strip_prefix("workspace-").unwrap_or(&name));
            self.workspace(&workspace, &reason, &owner.agent(&id));
        }
        for agent in self.list(&state.join("agents"), |_| true) {
            let id = agent_id(&agent.file_name().unwrap_or_default().to_string_lossy());
            let skills = agent.join("agent/workshop-skills");
            if skills.is_dir() {
                self.push(skills, Source::Workshop, reason.clone(), &owner.agent(&id));
            }
        }
        for skill in self.list(&state.join("skill-library"), |_| true) {
            for revision in self.list(&skill.join("revisions"), |_| true) {
                self.push(revision, Source::Library, reason.clone(), owner);
            }
        }
        self.config_folder(state, owner);
    }

    /// What lies beside the configuration.
    fn config_folder(&mut self, folder: &Path, owner: &Owner) {
        let reason = self.environment.shown(folder);
        self.push(folder.join("skills"), Source::Managed, reason.clone(), owner);
        self.plugins_in(&folder.join("extensions"), owner);
        let links = folder.join("plugin-skills");
        if links.is_dir() {
            self.push(links, Source::Extra, reason, owner);
            if let Some(place) = self.candidates.last_mut() {
                place.symlinks = Symlinks::Generated;
            }
            // Plugins that a package manager or git brought.
            let brought = ["npm", "git"].iter().filter_map(|name| fs::canonicalize(folder.join(name)).ok());
            self.plugins.extend(brought);
        }
    }

    /// What belongs to the user and to no state directory.
    pub(super) fn shared(&mut self) {
        for home in self.environment.homes() {
            let reason = self.environment.shown(&home);
            self.push(home.join(".agents/skills"), Source::Personal, reason, &Owner::default());
        }
        self.bundled();
        for name in ["CLAWHUB_WORKDIR", "CLAWDHUB_WORKDIR"] {
            if let Some(folder) = self.environment.path(name) {
                self.push(folder.join("skills"), Source::Workdir, name.to_owned(), &Owner::default());
            }
        }
        let here = &self.environment.current_dir;
        if [".clawhub", ".clawdhub"].iter().any(|name| here.join(name).is_dir()) {
            self.push(here.join("skills"), Source::Workdir, "current directory".to_owned(), &Owner::default());
        }
    }

    /// Each directory once, the highest precedence first; of equals the one that was met first.
    pub(super) fn finish(mut self) -> Places {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_by_key(|place| place.precedence);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for mut place in candidates {
            if place.symlinks == Symlinks::Generated {
                place.permitted = self.plugins.iter().cloned().collect();
            }
            match real_folder(&place.root) {
                Ok(Some(real)) if seen.insert(real.clone()) => found.push(place),
                Ok(Some(_)) => {}
                Ok(None) if seen.insert(place.root.clone()) => missing.push(place),
                Err(error) if seen.insert(place.root.clone()) => {
                    self.complain(format!("{}: {error}", self.environment.shown(&place.root)));
                    missing.push(place);
                }
                Ok(None) | Err(_) => {}
            }
        }
        for places in [&mut found, &mut missing] {
            places.sort_by(|a, b| (a.precedence, &a.root).cmp(&(b.precedence, &b.root)));
        }
        Places { found, missing, complaints: self.complaints }
    }
}

/// The real path of a directory; none if there is nothing.
fn real_folder(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::canonicalize(path) {
        Ok(real) if real.is_dir() => Ok(Some(real)),
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, "is no directory")),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
