//! `skillscan baseline`: accept what is found now, so that only what is new counts.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;

use super::Exit;
use super::policy::{self, shown};
use super::scan::{self, Look};
use crate::place::Environment;
use crate::policy::baseline::Baseline;
use crate::report::placed;
use crate::report::terminal::plural;
use crate::sandbox;

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  written
  1  written, without findings that call a skill malicious
  2  usage error, internal error, or nothing found to look at
  3  written, and parts were not looked at";

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record all present findings in a new file
    #[command(after_help = EXIT_CODES)]
    Write(What),
    /// Record all present findings in a file that is there; what is there no longer is dropped
    #[command(after_help = EXIT_CODES)]
    Update(What),
}

#[derive(Debug, clap::Args)]
struct What {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What is scanned; without any, every place that OpenClaw loads skills from
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also accept findings that call a skill malicious
    #[arg(long)]
    accept_malicious: bool,
    #[command(flatten)]
    look: Look,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (what, is_new) = match &args.command {
        Command::Write(what) => (what, true),
        Command::Update(what) => (what, false),
    };
    let file = shown(&what.file);
    let before = Baseline::load(&what.file).map_err(|why| anyhow!(why))?;
    match (&before, is_new) {
        (Some(_), true) => bail!("{file}: is there already; `skillscan baseline update` replaces it"),
        (None, false) => bail!("{file}: no such file; `skillscan baseline write` makes one"),
        _ => {}
    }
    let environment = Environment::of_process();
    let (scanner, choices, notes) = what.look.scanner_without_baseline(&environment)?;
    policy::tell(&notes);
    let (roots, places) = scan::targets(&scanner, &what.paths, &environment)?;
    what.look.refuse_scanned(&choices, &roots)?;
    let folder = what.file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    scan::refuse_scanned("FILE", std::slice::from_ref(&folder.to_owned()), &roots).with_context(|| file.clone())?;
    let mut reports = Vec::new();
    sandbox::confined(&roots, what.look.threads(), || {
        scanner.run(&roots, &(), &mut |report| reports.push(report));
    })?;
    if let Some(places) = &places {
        placed::judge(&mut reports, places, scanner.rules(), &choices.policy);
    }
    let mut baseline = Baseline::default();
    let left_out: usize = reports.iter().map(|report| baseline.add(report, what.accept_malicious)).sum();
    baseline.save(&what.file).with_context(|| file.clone())?;
    let mut out = super::stdout();
    let count = baseline.entries.len();
    write!(out, "{file}: {count} {}", plural(count, "finding"))?;
    if let Some((_, before)) = &before {
        let new = baseline.entries.difference(&before.entries).count();
        write!(out, ", {new} new, {} gone", before.entries.difference(&baseline.entries).count())?;
    }
    writeln!(out)?;
    out.flush()?;
    if left_out > 0 {
        let findings = plural(left_out, "finding");
        anstream::eprintln!("skillscan: {left_out} {findings} left out: malicious; --accept-malicious takes them in");
        return Ok(Exit::Flagged);
    }
    let has_gaps = reports.iter().any(|report| !report.gaps.is_empty());
    Ok(if has_gaps { Exit::Incomplete } else { Exit::Clean })
}
