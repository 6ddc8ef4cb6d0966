//! `skillscan nightly`: scan everything through the same code as `scan`, tell what changed since the last run, and
//! remember what was seen. What is remembered decides nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Exit, scan};
use crate::nightly::{self, Night, Seen};
use crate::notify::{Channel, Message};
use crate::package::Discovered;
use crate::place::{self, Environment, Places};
use crate::report::{Tally, escape, nightly as report, placed, terminal};
use crate::state::Skill;
use crate::{Report, Scanner, Verdict};

mod look;
mod memory;

use memory::Memory;

/// Exit codes of this command.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  nothing at or above --fail-on (default: warn), whether or not something changed
  1  something at or above --fail-on, new or standing, or with --audit a failed check
  2  usage error, internal error, nothing found to look at, now or before,
     another run under way, or nothing flagged and what was seen could not be
     remembered
  3  parts were not looked at, and nothing is flagged";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directories of skills, skills, archives, or files; without any, every place that OpenClaw loads skills from
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Look for OpenClaw's places in this home directory instead of your own
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    home: Option<PathBuf>,
    /// Also audit this host, and tell which answers changed
    #[arg(long)]
    audit: bool,
    /// Also send what is told: command:/PATH, mail:ADDRESS, webhook:SECRET, slack:SECRET, discord:SECRET or
    /// telegram:CHAT:SECRET, where SECRET, the address or the token, is file:/PATH or env:NAME; may be repeated
    #[arg(long, value_name = "CHANNEL")]
    notify: Vec<String>,
    /// Directory of what earlier runs saw, where it is not `skillscan` in your state directory
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
    /// A full report, whether or not something changed
    #[arg(long, help_heading = "Output")]
    always: bool,
    #[command(flatten)]
    look: scan::Look,
    /// The time of this run instead of now
    #[arg(long, value_name = "RFC3339", hide = true)]
    now: Option<jiff::Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people; nothing if nothing changed
    Text,
    /// One document in any case
    Json,
    /// One object a change
    Jsonl,
    /// To paste or mail; nothing if nothing changed
    Markdown,
}

impl Args {
    /// Channels as they were written.
    pub(super) fn channels(&self) -> &[String] {
        &self.notify
    }

    /// Paths that are looked at, or the home directory whose places are.
    pub(super) fn looked_at(&self) -> impl Iterator<Item = &PathBuf> {
        self.paths.iter().chain(&self.home)
    }

    /// Whether the host is audited, too.
    pub(super) fn has_audit(&self) -> bool {
        self.audit
    }

    /// Whether a directory of what earlier runs saw is named.
    pub(super) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    fn environment(&self) -> anyhow::Result<Environment> {
        let own = Environment::of_process();
        let Some(home) = &self.home else { return Ok(own) };
        if !home.is_dir() {
            bail!("--home {}: is no directory", shown(home));
        }
        let home = std::path::absolute(home)?;
        Ok(Environment { home: Some(home.clone()), ..Environment { current_dir: home, ..Environment::default() } })
    }
}

/// Where what earlier runs saw is kept.
pub(super) fn folder(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named {
        Some(folder) => Ok(std::path::absolute(folder)?),
        None => {
            let folder = Environment::of_process().state_directory();
            Ok(folder.context("there is no home directory; name a directory with --state")?.join("skillscan"))
        }
    }
}

fn shown(path: &Path) -> String {
    escape::line(&path.display().to_string())
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let channels = channels(args)?;
    let ran = look_and_tell(args, &channels);
    if let Err(error) = &ran {
        // Silence would be taken for a quiet night.
        let channels: Vec<Channel> = channels.into_iter().filter(|channel| is_own(args, channel)).collect();
        deliver(&channels, &report::failed(&format!("{error:#}"), &host()), "");
    }
    ran
}

fn look_and_tell(args: &Args, channels: &[Channel]) -> anyhow::Result<Exit> {
    let now = args.now.unwrap_or_else(jiff::Timestamp::now);
    let at = jiff::Timestamp::from_second(now.as_second())?.to_string();
    let environment = args.environment()?;
    // Choices and pins are those of whoever runs this, also where somebody else's skills are looked at.
    let (scanner, choices, mut notes) = args.look.scanner(&Environment::of_process())?;
    if args.paths.iter().any(|path| path == Path::new("-")) {
        bail!("standard input is another one each time; name a file");
    }
    let (roots, places) = targets(args, &scanner, &environment)?;
    let complaints = places.as_ref().map(|places| places.complaints.clone()).unwrap_or_default();
    complaints.iter().for_each(|why| anstream::eprintln!("skillscan: {}", escape::line(why)));
    args.look.refuse_scanned(&choices, &roots)?;
    let folder = folder(args.state.as_deref())?;
    refuse(args, &folder, channels, &roots)?;
    let mut memory = Memory::open(&folder)?;
    // Where the last skill went, there is something to tell.
    if roots.is_empty() && memory.history.last(&look::scope(args, &roots)).is_none() {
        bail!("no PATH given, and no skills where OpenClaw loads them from; see --help");
    }
    let audit = args.audit.then(|| super::audit::plain(at.get(..10).unwrap_or(&at).to_owned())).transpose()?;
    let mut scanned = look::look(&scanner, &roots, (places.as_ref(), &choices.policy), args)?;
    notes.append(&mut scanned.notes);
    super::policy::tell(&notes);
    let threshold = args.look.threshold(&choices);
    let mut seen = Seen {
        at: at.clone(),
        scope: look::scope(args, &roots),
        rules: look::rules(scanner.rules(), &choices, &args.look),
        skills: std::mem::take(&mut scanned.skills),
        audit: audit.as_ref().map(|(audit, _)| look::answers(audit)),
        threshold: Some(threshold),
        complaints,
        ..Seen::default()
    };
    (seen.roots, seen.unlisted) = look::listed(&roots, places.as_ref(), memory.history.last(&seen.scope));
    seen.skills.retain(|skill| {
        let is_gone = scanned.vanished.contains(&skill.key());
        if is_gone {
            anstream::eprintln!("skillscan: {}: vanished while it was scanned", escape::line(&skill.place()));
        }
        !is_gone
    });
    memory.note_clock(&at);
    let exit = exit(&scanned.report.tally, threshold, audit.as_ref().map(|(_, exit)| *exit));
    let all = args.always.then(|| seen.skills.iter().map(summary).collect::<Vec<_>>());
    let (mut night, mut update) = nightly::compare(&memory.history, seen);
    memory.tell(&mut night);
    (night.run.exit, update.run.exit) = (exit as u8, exit as u8);
    print(args, &night, &scanned.report, all)?;
    warn(&night);
    let names: Vec<String> = channels.iter().map(Channel::name).collect();
    (update.run.delivered, update.run.undelivered) = send(channels, &night, &memory.owed(&names));
    Ok(memory.keep(&update, exit))
}

/// Reads channels before anything else: a message that cannot be sent should be known now.
fn channels(args: &Args) -> anyhow::Result<Vec<Channel>> {
    let environment = Environment::of_process();
    let parse = |text: &String| {
        // What was meant as a secret must not be printed.
        let kind = escape::line(text.split(':').next().unwrap_or_default());
        Channel::parse(text, &environment).map_err(|why| anyhow::anyhow!("--notify {kind}: {why}"))
    };
    args.notify.iter().map(parse).collect()
}

/// What is looked at, which may be nothing any more, and the places if nobody named a path.
fn targets(
    args: &Args,
    scanner: &Scanner,
    environment: &Environment,
) -> anyhow::Result<(Vec<Discovered>, Option<Places>)> {
    if !args.paths.is_empty() {
        return scan::targets(scanner, &args.paths, environment);
    }
    let mut places = place::places(environment);
    Ok((placed::discover(scanner, &mut places), Some(places)))
}

/// Whether a channel is no program that lies in what is looked at, as far as that is known where a run failed.
fn is_own(args: &Args, channel: &Channel) -> bool {
    let Channel::Command(path) = channel else { return true };
    let places = args.environment().map(|environment| place::places(&environment)).unwrap_or_default();
    let roots = args.paths.iter().chain(places.found.iter().map(|place| &place.root));
    let roots: Vec<&Path> = roots.map(PathBuf::as_path).collect();
    scan::around(path, &roots).is_ok_and(|root| root.is_none())
}

/// Nothing that is scanned is run, and what is remembered does not lie in it.
fn refuse(args: &Args, folder: &Path, channels: &[Channel], roots: &[Discovered]) -> anyhow::Result<()> {
    let commands: Vec<PathBuf> = channels
        .iter()
        .filter_map(|channel| match channel {
            Channel::Command(path) => Some(path.clone()),
            _ => None,
        })
        .collect();
    scan::refuse_scanned("--notify command:", &commands, roots)?;
    let existing: Vec<PathBuf> =
        folder.ancestors().find(|path| path.exists()).map(Path::to_owned).into_iter().collect();
    if args.state.is_some() { scan::refuse_scanned("--state", &existing, roots) } else { Ok(()) }
}

/// A skill in a list of all.
fn summary(skill: &Skill) -> Value {
    let of = &skill.behaviour;
    json!({"place": skill.place(), "root": skill.root, "path": skill.path, "name": of.name, "version": of.version,
        "verdict": of.verdict, "digest": of.digest, "integrity": skill.integrity, "capabilities": of.capabilities.keys()
        .collect::<Vec<_>>(), "hosts": of.hosts, "installs": of.installs, "findings": of.findings})
}

fn print(args: &Args, night: &Night, report: &Report, all: Option<Vec<Value>>) -> anyhow::Result<()> {
    let mut out = super::stdout();
    let is_told = night.is_worth_telling() || args.always;
    match args.format {
        Format::Json => report::document(night, all, &mut out)?,
        Format::Jsonl => report::lines(night, all, &mut out)?,
        Format::Markdown if is_told => report::markdown(night, all, &mut out)?,
        Format::Text if is_told => {
            let width = super::width();
            report::text(night, width, &mut out)?;
            if args.always {
                writeln!(out)?;
                let options = terminal::Options { detail: terminal::Detail::Normal, width };
                terminal::render(report, options, &mut out)?;
            }
        }
        Format::Text | Format::Markdown => {}
    }
    out.flush()?;
    Ok(())
}

/// Says what stands, every night until it is mended.
fn warn(night: &Night) {
    for standing in &night.standing {
        anstream::eprintln!("skillscan: {}", report::standing(standing));
    }
    for answer in &night.failing {
        anstream::eprintln!("skillscan: {}", report::failing(answer));
    }
}

/// Sends what is told; which channels took it, and which did not.
fn send(channels: &[Channel], night: &Night, owed: &[(u64, String)]) -> (Vec<String>, Vec<String>) {
    if !night.is_worth_telling() && owed.is_empty() {
        return Default::default();
    }
    let mut message = report::message(night, &host());
    let owed = owed.iter().map(|(run, name)| format!("the message of run {run} did not reach {name}"));
    message.about.extend(owed.map(|owed| escape::line(&owed)));
    deliver(channels, &message, "; the next message will say that")
}

/// Sends a message; which channels took it, and which did not.
fn deliver(channels: &[Channel], message: &Message, or_else: &str) -> (Vec<String>, Vec<String>) {
    let (mut delivered, mut undelivered) = (Vec::new(), Vec::new());
    for channel in channels {
        match channel.send(message) {
            Ok(()) => delivered.push(channel.name()),
            Err(why) => {
                anstream::eprintln!("skillscan: --notify {}: {why}{or_else}", channel.name());
                undelivered.push(channel.name());
            }
        }
    }
    // Two channels may have one name.
    delivered.retain(|name| !undelivered.contains(name));
    (delivered, undelivered)
}

/// What this machine is called in messages.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this host".to_owned() } else { name.trim().to_owned() }
}

/// Flagged beats incomplete beats clean; an audit that found nothing to look at is incomplete.
fn exit(tally: &Tally, threshold: Verdict, audit: Option<Exit>) -> Exit {
    let audit = match audit {
        Some(Exit::Failed) => {
            anstream::eprintln!("skillscan: --audit: no OpenClaw installation found");
            Exit::Incomplete
        }
        other => other.unwrap_or(Exit::Clean),
    };
    let exits = [scan::exit(tally, threshold), audit];
    let worst = [Exit::Flagged, Exit::Incomplete].into_iter().find(|exit| exits.contains(exit));
    worst.unwrap_or(Exit::Clean)
}
