//! `skillscan verify`: compare installed skills with what installers wrote
//! down about them, or pin them as they are.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::Exit;
use crate::package::{Discovered, PackageRef};
use crate::place::{self, Environment, Place, Places};
use crate::report::{escape, integrity, json as printed, placed};
use crate::verify::{Integrity, Pin, Pins, Status, Subject, Tree, check, target};
use crate::{Error, Limits, sandbox};

mod online;

/// Exit codes of this command.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  every skill is what its records say; files that can do no harm may lie beside
  1  a skill is modified, missing, has contradicting records, or holds code,
     links or instructions that no record covers
  2  usage error, internal error, or nothing found to look at
  3  for some skill there is nothing to compare with, or with --online no answer,
     and nothing is wrong";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Work directories, state directories, directories of skills, or skills; without any, every place that OpenClaw
    /// loads skills from
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Folder of skills in a work directory, where it is not `skills`
    #[arg(long, value_name = "DIR", requires = "paths")]
    dir: Option<PathBuf>,
    /// Record the skills as they are now, outside of them; later runs and scans compare with that as well
    #[arg(long)]
    pin: bool,
    /// File of pins, where it is not `skillscan/pins.json` in your state directory
    #[arg(long, value_name = "FILE")]
    pins: Option<PathBuf>,
    #[command(flatten)]
    online: online::Args,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
    /// Only what is wrong, and the summary
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// All files that no record covers
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
    /// One object a line and skill
    Jsonl,
}

/// One skill with what it came to.
struct Verified {
    root: String,
    path: String,
    source: &'static str,
    name: Option<String>,
    subject: Option<Subject>,
    tree: Option<Tree>,
    integrity: Integrity,
    judged: Option<online::Judged>,
    shadowed_by: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let environment = Environment::of_process();
    let file = args.pins.clone().or_else(|| Pins::path(&environment));
    let pins = load_pins(file.as_deref())?;
    let limits = Limits::default();
    let shared = Arc::new(pins.clone());
    let (roots, mut places) = targets(args, &limits, &shared, &environment)?;
    let mut skills = compared(&roots, &limits)?;
    if args.pin {
        let Some(file) = file else { bail!("--pin: no home directory to keep pins in; name a file with --pins") };
        let pins = pin(&mut skills, pins, &file, &limits)?;
        // What is told is what holds from now on.
        let (roots, found) = targets(args, &limits, &Arc::new(pins), &environment)?;
        (skills, places) = (compared(&roots, &limits)?, found);
    }
    shadow(&mut skills, &places);
    if args.online.online {
        online::ask(&args.online, &environment, &mut skills)?;
    }
    let mut out = super::stdout();
    print(args, &skills, &mut out)?;
    out.flush()?;
    Ok(exit(&skills, args.online.online))
}

/// All skills with what their records say.
fn compared(roots: &[Discovered], limits: &Limits) -> anyhow::Result<Vec<Verified>> {
    let readable: Vec<PathBuf> = roots.iter().flat_map(readable).collect();
    let read = || -> Vec<Verified> {
        sandbox::confine(&readable);
        roots.iter().flat_map(|root| verified(root, limits)).collect()
    };
    // What writes pins or asks the registry must not be what reads skills.
    let read = std::thread::scope(|scope| scope.spawn(read).join());
    let skills = read.map_err(|_| anyhow::anyhow!("the comparison failed"))?;
    if skills.is_empty() {
        bail!("no installed skills there; see --help");
    }
    Ok(skills)
}

/// The user's pins.
///
/// # Errors
/// If there are some and they cannot be read.
pub(super) fn pins(environment: &Environment) -> anyhow::Result<Pins> {
    load_pins(Pins::path(environment).as_deref())
}

fn load_pins(file: Option<&Path>) -> anyhow::Result<Pins> {
    let Some(file) = file else { return Ok(Pins::default()) };
    let shown = escape::line(&file.display().to_string());
    Pins::load(file).map_err(|problem| anyhow::anyhow!("{shown} {}", escape::line(&problem)))
}

fn targets(
    args: &Args,
    limits: &Limits,
    pins: &Arc<Pins>,
    environment: &Environment,
) -> anyhow::Result<(Vec<Discovered>, Places)> {
    let open = |root: &Path| target::open(root, limits, pins);
    if args.paths.is_empty() {
        let mut places = place::places(environment);
        let roots = placed::discover_with(&mut places, open);
        if roots.is_empty() {
            bail!("no PATH given, and no skills where OpenClaw loads them from; see --help");
        }
        return Ok((roots, places));
    }
    let mut roots = Vec::new();
    for path in &args.paths {
        if !path.exists() {
            // The reason is told as for every other path.
            open(path)?;
        }
        for root in target::roots(path, args.dir.as_deref()) {
            match open(&root) {
                Ok(found) => roots.push(found),
                // A folder of skills may be empty.
                Err(Error::Empty { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok((roots, Places::default()))
}

/// Directories that are read once all records are.
fn readable(root: &Discovered) -> Vec<PathBuf> {
    let linked = root.packages.iter().filter(|package| package.linked_to.is_some());
    let linked = linked.filter_map(|package| package.place().map(Path::to_owned));
    let hollow = root.recorded.hollow.iter().map(|subject| subject.folder.clone());
    std::iter::once(root.root.clone()).chain(linked).chain(hollow).collect()
}

fn verified(root: &Discovered, limits: &Limits) -> Vec<Verified> {
    let recorded = &root.recorded;
    let shown = root.root.display().to_string();
    let make = |path: String, subject: Option<Subject>, name: Option<String>| {
        let (integrity, tree) = match &subject {
            Some(subject) => check(subject, &recorded.records, limits),
            None => (Integrity::default(), None),
        };
        Verified {
            root: shown.clone(),
            path,
            source: root.source,
            name,
            subject,
            tree,
            integrity,
            judged: None,
            shadowed_by: None,
        }
    };
    let is_wanted = |package: &&PackageRef| target::is_skill(package);
    let mut found: Vec<Verified> = root
        .packages
        .iter()
        .filter(is_wanted)
        .map(|package| {
            let subject = recorded.subject(&root.root, package);
            make(package.path.clone(), subject, target::loaded_name(package, limits))
        })
        .collect();
    let below = |place: &Path| {
        let below = place.strip_prefix(&recorded.real_root).unwrap_or(place);
        if below.as_os_str().is_empty() { ".".to_owned() } else { below.display().to_string() }
    };
    found.extend(recorded.hollow.iter().map(|subject| make(below(&subject.place), Some(subject.clone()), None)));
    found.extend(recorded.missing.iter().map(|missing| Verified {
        integrity: Integrity::of_missing(missing),
        ..make(below(&missing.place), None, None)
    }));
    found
}

/// Says of each skill that another one of its name hides which one that is.
fn shadow(skills: &mut [Verified], places: &Places) {
    let by_root: BTreeMap<String, &Place> =
        places.found.iter().map(|place| (place.root.display().to_string(), place)).collect();
    let hidden: Vec<Option<String>> = skills
        .iter()
        .map(|skill| {
            let (own, name) = (by_root.get(&skill.root)?, skill.name.as_ref()?);
            let above = skills.iter().find(|other| {
                other.name.as_ref() == Some(name) && by_root.get(&other.root).is_some_and(|place| place.hides(own))
            })?;
            Some(format!("{} in {}", above.path, above.root))
        })
        .collect();
    skills.iter_mut().zip(hidden).for_each(|(skill, by)| skill.shadowed_by = by);
}

/// Records every skill that could be read whole; all pins then.
fn pin(skills: &mut [Verified], mut pins: Pins, file: &Path, limits: &Limits) -> anyhow::Result<Pins> {
    for skill in skills.iter_mut() {
        let Some(subject) = &skill.subject else { continue };
        let tree = skill.tree.take().unwrap_or_else(|| Tree::read(&subject.folder, limits));
        if let Some(unread) = tree.unread.first() {
            bail!("--pin: {}: not read whole: {}", escape::line(&skill.path), escape::line(unread));
        }
        pins.set(&subject.place, Pin::of(&tree, skill.integrity.version.clone()));
    }
    let shown = escape::line(&file.display().to_string());
    pins.save(file).with_context(|| shown)?;
    Ok(pins)
}

fn exit(skills: &[Verified], is_online: bool) -> Exit {
    let mut statuses = skills.iter().map(|skill| skill.integrity.status);
    let is_malicious = skills.iter().filter_map(|skill| skill.judged.as_ref()).any(|judged| judged.is_malicious);
    if is_malicious || statuses.clone().any(Status::is_failure) {
        Exit::Flagged
    } else if statuses.any(Status::is_undecided) || is_online && !skills.iter().all(online::is_answered) {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

fn print(args: &Args, skills: &[Verified], out: &mut dyn Write) -> anyhow::Result<()> {
    match args.format {
        Format::Jsonl => {
            for skill in skills {
                writeln!(out, "{}", printed::ascii(&value(skill).to_string()))?;
            }
        }
        Format::Json => {
            let document = json!({"schema": printed::SCHEMA, "summary": counts(skills),
                "skills": skills.iter().map(value).collect::<Vec<_>>(),
                "tool": {"name": "skillscan", "version": env!("CARGO_PKG_VERSION")}});
            writeln!(out, "{}", printed::ascii(&serde_json::to_string_pretty(&document)?))?;
        }
        Format::Text => text(args, skills, out)?,
    }
    Ok(())
}

fn value(skill: &Verified) -> Value {
    let mut value = json!({"schema": printed::SCHEMA, "root": skill.root, "path": skill.path, "source": skill.source,
        "name": skill.name, "integrity": integrity::value(&skill.integrity)});
    if let Some(by) = &skill.shadowed_by {
        value["shadowed_by"] = json!(by);
    }
    if let Some(judged) = &skill.judged {
        value["registry"] = judged.value();
    }
    value
}

fn counts(skills: &[Verified]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    skills.iter().for_each(|skill| *counts.entry(skill.integrity.status.name()).or_default() += 1);
    counts
}

fn text(args: &Args, skills: &[Verified], out: &mut dyn Write) -> anyhow::Result<()> {
    let width = super::width();
    for skill in skills {
        let is_malicious = skill.judged.as_ref().is_some_and(|judged| judged.is_malicious);
        if args.quiet && skill.integrity.status == Status::Matches && !is_malicious {
            continue;
        }
        let path = if skill.path == "." {
            skill.root.clone()
        } else {
            Path::new(&skill.root).join(&skill.path).display().to_string()
        };
        let shown = integrity::Shown { path, integrity: &skill.integrity, shadowed_by: skill.shadowed_by.clone() };
        integrity::text(&shown, args.verbose, width, out)?;
        if let Some(judged) = &skill.judged {
            writeln!(out, "            the registry's verdict: {}", escape::line(&judged.word))?;
        }
    }
    let parts: Vec<String> = counts(skills).into_iter().map(|(status, count)| format!("{count} {status}")).collect();
    let word = if skills.len() == 1 { "skill" } else { "skills" };
    writeln!(out, "\n{} {word}: {}", skills.len(), parts.join(", "))?;
    if args.pin {
        writeln!(out, "Pinned as they are now. A pin says what was there, not that it was right.")?;
    }
    Ok(())
}
