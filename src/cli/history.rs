//! `skillscan history`: what earlier runs saw and told.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::Exit;
use crate::report::{escape, json as printed, nightly as report};
use crate::state::{Event, History, Run, Skill, State, System};

/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name, path, or end of the path of a skill; without it, all runs
    #[arg(value_name = "SKILL")]
    skill: Option<String>,
    /// Directory of what earlier runs saw, where it is not `skillscan` in your state directory
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let folder = super::nightly::folder(args.state.as_deref())?;
    let history = if folder.is_dir() {
        State::open(&folder, Box::new(System), PATIENCE).and_then(|mut state| state.load())?
    } else {
        History::default()
    };
    if history.runs.is_empty() {
        bail!(
            "{}: no run is remembered there; `skillscan nightly` makes one",
            escape::line(&folder.display().to_string())
        );
    }
    let mut out = super::stdout();
    match &args.skill {
        None => runs(&history, args.format, &mut out)?,
        Some(wanted) => {
            let found: Vec<&Skill> = history.skills.values().filter(|skill| is_named(skill, wanted)).collect();
            if found.is_empty() {
                bail!("{}: no run saw a skill of that name or path", escape::line(wanted));
            }
            skills(&history, &found, args.format, &mut out)?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

/// Whether a skill is meant: by its name, its whole path, or the last parts of it.
fn is_named(skill: &Skill, wanted: &str) -> bool {
    let wanted = wanted.trim_end_matches('/');
    let place = skill.place();
    let is_end = place.strip_suffix(wanted).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    is_end || skill.behaviour.name.as_deref() == Some(wanted)
}

fn runs(history: &History, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    if format == Format::Json {
        let runs: Vec<Value> = history
            .runs
            .values()
            .map(|run| {
                let mut value = report::run(run);
                value["told"] = of_run(history, run).map(report::past).collect();
                value
            })
            .collect();
        let document = json!({"schema": printed::SCHEMA, "runs": runs});
        writeln!(out, "{}", printed::ascii(&serde_json::to_string_pretty(&document)?))?;
        return Ok(());
    }
    for run in history.runs.values() {
        let changes = if run.events == 0 { String::new() } else { format!("; {} told", run.events) };
        writeln!(out, "{:>4}  {}  {}{changes}", run.number, report::when(&run.at), report::counts(run))?;
        if !run.undelivered.is_empty() {
            writeln!(out, "      its message did not reach {}", escape::line(&run.undelivered.join(", ")))?;
        }
        for event in of_run(history, run) {
            let line = escape::line(&format!("{}: {}", event.place(), event.what));
            for line in escape::wrapped(&line, super::width().saturating_sub(8)).lines() {
                writeln!(out, "        {line}")?;
            }
        }
    }
    Ok(())
}

fn of_run<'h>(history: &'h History, run: &Run) -> impl Iterator<Item = &'h Event> {
    let number = run.number;
    history.events.iter().filter(move |event| event.run == number)
}

fn of_skill<'h>(history: &'h History, skill: &Skill) -> impl Iterator<Item = &'h Event> {
    let (root, path) = skill.key();
    history.events.iter().filter(move |event| event.root == root && event.path == path)
}

fn skills(history: &History, skills: &[&Skill], format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    if format == Format::Json {
        let skills: Vec<Value> = skills
            .iter()
            .map(
                |skill| json!({"skill": skill, "told": of_skill(history, skill).map(report::past).collect::<Vec<_>>()}),
            )
            .collect();
        let document = json!({"schema": printed::SCHEMA, "skills": skills});
        writeln!(out, "{}", printed::ascii(&serde_json::to_string_pretty(&document)?))?;
        return Ok(());
    }
    for (index, skill) in skills.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        one(history, skill, out)?;
    }
    Ok(())
}

fn one(history: &History, skill: &Skill, out: &mut dyn Write) -> anyhow::Result<()> {
    let width = super::width();
    let of = &skill.behaviour;
    let version = of.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    writeln!(out, "{}", escape::line(&format!("{}{version}", skill.place())))?;
    let (first, first_at) = (skill.first, report::when(&skill.first_at));
    writeln!(out, "  seen since run {first} of {first_at}")?;
    match skill.removed {
        Some(run) => writeln!(out, "  gone since run {run}; was {}", escape::line(&of.verdict))?,
        None => {
            let (run, at) = (skill.changed, report::when(&skill.changed_at));
            writeln!(out, "  {}, as it is since run {run} of {at}", escape::line(&of.verdict))?;
        }
    }
    let can: Vec<String> = of.capabilities.keys().map(|name| name.replace('-', " ")).collect();
    let hosts: Vec<String> = of.hosts.iter().cloned().collect();
    for (word, names) in [("can", can), ("names the hosts", hosts)] {
        if !names.is_empty() {
            let line = escape::line(&format!("{word} {}", names.join(", ")));
            for line in escape::wrapped(&line, width.saturating_sub(2)).lines() {
                writeln!(out, "  {line}")?;
            }
        }
    }
    for event in of_skill(history, skill) {
        writeln!(out, "\n  run {} of {}: {}", event.run, report::when(&event.at), escape::line(&event.what))?;
        let files = event.files.told();
        let files = (!files.is_empty()).then(|| escape::line(&format!("files: {files}")));
        // Lines were escaped when they were written, by whoever wrote them.
        let lines = event.lines.iter().map(|line| escape::line(line));
        for line in files.into_iter().chain(lines) {
            for line in escape::wrapped(&line, width.saturating_sub(4)).lines() {
                writeln!(out, "    {line}")?;
            }
        }
    }
    Ok(())
}
