//! `skillscan verify --online`: asks the registry what it lists and what it
//! judges, for each skill whose records name a version.

use std::time::Duration;

use serde_json::{Value, json};

use super::Verified;
use crate::Limits;
use crate::net::registry::{Named, Registry, ScanStatus, choice};
use crate::place::Environment;
use crate::verify::record::{Origin, Reference};
use crate::verify::{Outcome, Source, Tree, online};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Args {
    /// Also compare with the files that the registry lists, and ask for its verdicts
    #[arg(long, conflicts_with = "pin")]
    pub(super) online: bool,
    /// Address of the registry; without, what the registry's own client would ask
    #[arg(long, value_name = "URL", requires = "online")]
    registry: Option<String>,
    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "online", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// What the registry judges of an installed version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// The registry's word for it; not escaped.
    pub(super) word: String,
    /// Whether it blocks it.
    pub(super) is_malicious: bool,
    /// Whether it answered at all.
    is_known: bool,
}

impl Judged {
    /// As it stands in the document.
    pub(super) fn value(&self) -> Value {
        json!({"verdict": self.word, "is_malicious": self.is_malicious})
    }
}

/// Asks about all skills.
///
/// # Errors
/// If no registry can be chosen.
pub(super) fn ask(args: &Args, environment: &Environment, skills: &mut [Verified]) -> anyhow::Result<()> {
    let timeout = Duration::from_secs(args.timeout);
    let choice = choice::choose(environment, args.registry.as_deref(), timeout).map_err(anyhow::Error::msg)?;
    let registry = Registry::new(choice, timeout)?;
    let mut asked: Vec<(usize, Named, String)> = Vec::new();
    for (index, skill) in skills.iter_mut().enumerate() {
        let (Some(subject), Some(version)) = (&skill.subject, skill.integrity.version.clone()) else { continue };
        let origin = Origin::load(&subject.folder).ok().flatten();
        let elsewhere = origin.as_ref().map(Origin::registry).filter(|home| !is_same(home, registry.address()));
        if let Some(home) = elsewhere {
            let why = format!("it was installed from {home}");
            online::unknown(&mut skill.integrity, registry.address().to_owned(), why);
            continue;
        }
        let key = skill.integrity.key.as_deref().and_then(Reference::parse).filter(|key| !key.is_skills_sh);
        let Some(key) = key else { continue };
        let owner = key.owner.or_else(|| origin.as_ref()?.owner().map(str::to_lowercase));
        asked.push((index, Named { owner, slug: key.slug }, version));
    }
    for (index, name, version) in &asked {
        if let Some(skill) = skills.get_mut(*index) {
            compare(&registry, skill, name, version);
        }
    }
    let questions: Vec<(Named, String)> =
        asked.iter().map(|(_, name, version)| (name.clone(), version.clone())).collect();
    // Without an answer nothing is taken for clean: each skill says that it is not known.
    let verdicts = registry.verdicts(&questions).unwrap_or_default();
    let verdicts = verdicts.into_iter().chain(std::iter::repeat(None));
    for ((index, ..), verdict) in asked.iter().zip(verdicts) {
        let Some(skill) = skills.get_mut(*index) else { continue };
        let is_malicious = verdict.as_ref().is_some_and(|verdict| verdict.is_malware());
        let word = match &verdict {
            Some(_) if is_malicious => ScanStatus::Malicious.name().to_owned(),
            Some(verdict) => verdict.error.clone().unwrap_or_else(|| verdict.status.name().to_owned()),
            None => "unknown".to_owned(),
        };
        skill.judged = Some(Judged { word, is_malicious, is_known: verdict.is_some() });
    }
    Ok(())
}

/// Whether the registry's list was compared with the skill, and its verdict is known.
pub(super) fn is_answered(skill: &Verified) -> bool {
    let checks = &skill.integrity.checks;
    let is_compared = checks
        .iter()
        .any(|check| check.source == Source::Registry && matches!(check.outcome, Outcome::Same | Outcome::Different));
    is_compared && skill.judged.as_ref().is_some_and(|judged| judged.is_known)
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

fn compare(registry: &Registry, skill: &mut Verified, name: &Named, version: &str) {
    let Some(subject) = &skill.subject else { return };
    let record = registry.address().to_owned();
    match registry.release(name, version) {
        Ok(release) => {
            let tree = skill.tree.take().unwrap_or_else(|| Tree::read(&subject.folder, &Limits::default()));
            online::compare(&mut skill.integrity, &tree, release.files, record);
            skill.tree = Some(tree);
        }
        Err(error) => online::unknown(&mut skill.integrity, record, error.to_string()),
    }
}
