//! `skillscan scan`: scan what lies at a path.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use super::Exit;
use crate::report::{json, terminal};
use crate::{Limits, Policy, Progress, Report, Ruleset, Scanner, Verdict};

/// Stack of a worker: syntax is followed by bounded recursion, on text that an adversary wrote.
const STACK: usize = 16 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of skills, one skill, or one file
    #[arg(required = true)]
    path: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    /// Verdict from which the exit code is 1
    #[arg(long, value_enum, default_value_t = FailOn::Warn, help_heading = "Policy")]
    fail_on: FailOn,
    /// Leave out the rules that match this glob, such as 'ioc/*'; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Policy")]
    ignore_rule: Vec<String>,
    /// Worker threads; all cores by default
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct Output {
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// One line for each package that is flagged, and the summary
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Everything that was found, passes included
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
    /// One object a line and package
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Review,
    Warn,
    Malicious,
}

impl FailOn {
    fn verdict(self) -> Verdict {
        match self {
            Self::Review => Verdict::Review,
            Self::Warn => Verdict::Warn,
            Self::Malicious => Verdict::Malicious,
        }
    }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let path = args.path.as_ref().context("no path given")?;
    let policy = Policy::new(&args.ignore_rule).context("--ignore-rule")?;
    rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0)).stack_size(STACK).build_global()?;
    let scanner = Scanner::new(Ruleset::builtin()?, Limits::default(), policy);
    let report = scanner.scan(path, &Bar::new())?;
    let mut out = super::stdout();
    match args.output.format {
        Format::Json => json::document(&report, &mut out)?,
        Format::Jsonl => json::lines(&report, &mut out)?,
        Format::Text => {
            let detail = match (args.output.quiet, args.output.verbose) {
                (true, _) => terminal::Detail::Quiet,
                (_, true) => terminal::Detail::Verbose,
                _ => terminal::Detail::Normal,
            };
            terminal::render(&report, terminal::Options { detail, width: super::width() }, &mut out)?;
        }
    }
    out.flush()?;
    Ok(exit(&report, args.fail_on.verdict()))
}

/// Flagged beats incomplete beats clean.
fn exit(report: &Report, threshold: Verdict) -> Exit {
    let flagged = |verdict: Verdict| verdict >= threshold && verdict != Verdict::Incomplete;
    if report.packages.iter().any(|package| flagged(package.verdict)) {
        Exit::Flagged
    } else if report.packages.iter().any(|package| package.verdict == Verdict::Incomplete) {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

/// A progress bar on a terminal, from the first second on.
struct Bar {
    started: Instant,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    fn new() -> Self {
        Self { started: Instant::now(), bar: Mutex::new(None) }
    }
}

impl Progress for Bar {
    fn done(&self, done: usize, of: usize) {
        if self.started.elapsed() < Duration::from_secs(1) || !std::io::stderr().is_terminal() {
            return;
        }
        let Ok(mut bar) = self.bar.lock() else { return };
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} packages")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(of as u64).with_style(style)
        });
        bar.set_position(done as u64);
        if done == of {
            bar.finish_and_clear();
        }
    }
}
