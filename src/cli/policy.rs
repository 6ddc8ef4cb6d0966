//! Options of all commands that judge: the user's choices, from a file and from the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use crate::place::Environment;
use crate::policy::baseline::Baseline;
use crate::policy::{Config, Note};
use crate::report::escape;
use crate::{Policy, Ruleset, Verdict};

#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Policy")]
pub(super) struct Args {
    /// Read your choices from this file; without, from skillscan/skillscan.toml in your configuration directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read no file of choices
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// Leave out findings that this file lists; `skillscan baseline` writes it
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Leave out the rules that match this glob, such as 'ioc/*'; may be repeated
    #[arg(long, value_name = "GLOB")]
    ignore_rule: Vec<String>,
}

/// What the user chose.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    /// What counts.
    pub(super) policy: Policy,
    /// What the file says.
    pub(super) config: Config,
    /// Files that it comes from; none of them may be scanned.
    files: Vec<(&'static str, PathBuf)>,
}

impl Args {
    /// Only what a file says that the user names: nothing is looked for.
    pub(super) fn named(config: Option<PathBuf>) -> Self {
        Self { no_config: config.is_none(), config, ..Self::default() }
    }

    /// Reads all files.
    pub(super) fn load(&self, environment: &Environment) -> anyhow::Result<Choices> {
        self.load_without(environment, false)
    }

    /// Reads all files, but for the baseline where a new one is about to be written.
    pub(super) fn load_without(&self, environment: &Environment, baseline: bool) -> anyhow::Result<Choices> {
        let mut files = Vec::new();
        let config = self.config(environment)?;
        // A link to a file may lie in what is scanned, and so may what it leads to.
        files.extend(self.config.iter().chain(&config.file).map(|file| ("--config", file.clone())));
        let mut known = Vec::new();
        let wanted = self.baseline.as_ref().or(config.baseline.as_ref()).filter(|_| !baseline);
        if let Some(file) = wanted {
            let found = Baseline::load(file).map_err(|why| anyhow!(why))?;
            // Without it, all that was accepted would count at once; someone should know why.
            let (real, baseline) = found.with_context(|| format!("--baseline {}: no such file", shown(file)))?;
            files.extend([("--baseline", file.clone()), ("--baseline", real)]);
            known = baseline.suppressions();
        }
        let today = jiff::ZonedDateTime::now().date();
        let policy = Policy::with(&config, &self.ignore_rule, known, today).context("--ignore-rule")?;
        Ok(Choices { policy, config, files })
    }

    fn config(&self, environment: &Environment) -> anyhow::Result<Config> {
        let named = self.config.clone();
        let usual = || Config::path(environment).filter(|_| !self.no_config);
        let Some(file) = named.clone().or_else(usual) else { return Ok(Config::default()) };
        match Config::load(&file).map_err(|why| anyhow!(why))? {
            None if named.is_some() => bail!("--config {}: no such file", shown(&file)),
            found => Ok(found.unwrap_or_default()),
        }
    }
}

impl Choices {
    /// Lets rules know the hosts that the user trusts; what the file names and no rule is.
    pub(super) fn apply(&self, rules: &mut Ruleset) -> Vec<Note> {
        self.config.hosts.iter().for_each(|host| rules.hosts.allow(host));
        self.config.unknown(rules)
    }

    /// Files that may not be scanned, with the option that each belongs to.
    pub(super) fn files(&self) -> &[(&'static str, PathBuf)] {
        &self.files
    }

    /// The file's verdict from which the exit code is 1, if the command line names none.
    pub(super) fn threshold(&self, named: Option<Verdict>) -> Verdict {
        named.or(self.config.fail_on).unwrap_or(Verdict::Warn)
    }
}

/// Tells what is wrong with the user's choices.
pub(super) fn tell(notes: &[Note]) {
    for note in notes {
        anstream::eprintln!("skillscan: {}: {}", note.kind, escape::line(&note.text));
    }
}

pub(super) fn shown(path: &Path) -> String {
    escape::line(&path.display().to_string())
}
