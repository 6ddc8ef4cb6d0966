//! `skillscan scan`: scan what lies at paths, comes through standard input, or
//! is loaded by OpenClaw on this machine.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Read, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::Exit;
use super::policy::{self, Choices};
use crate::advisory::Advisories;
use crate::package::Discovered;
use crate::place::{self, Environment};
use crate::policy::{Ledger, Note};
use crate::report::{PackageReport, Tally, escape, json, placed, terminal};
use crate::{Limits, Policy, Progress, Report, Scanner, Verdict, sandbox};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directories of skills, skills, archives (zip, tar, tar.gz), files, or - for standard input; without
    /// any, every place that OpenClaw loads skills from
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    look: Look,
    /// Show how much of what is looked at, and stop
    #[arg(long)]
    limits: bool,
}

/// How skills are looked at, whoever asks.
#[derive(Debug, clap::Args)]
pub(super) struct Look {
    /// Verdict from which the exit code is 1; warn by default
    #[arg(long, value_enum, help_heading = "Policy")]
    fail_on: Option<FailOn>,
    #[command(flatten)]
    policy: policy::Args,
    /// Also scan with the rules of this directory; may be repeated
    #[arg(long, value_name = "DIR", help_heading = "Policy")]
    rules: Vec<PathBuf>,
    /// Search this database of advisories (a ZIP of OSV documents) for what packages install
    #[arg(long, value_name = "FILE", help_heading = "Policy")]
    osv: Option<PathBuf>,
    /// Worker threads; all cores by default
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Look {
    /// Rules, limits, choices and pins, ready to scan, and what is wrong with the choices.
    pub(super) fn scanner(&self, environment: &Environment) -> anyhow::Result<(Scanner, Choices, Vec<Note>)> {
        self.scanner_with(self.policy.load(environment)?, environment)
    }

    /// As [`Self::scanner`], with nothing accepted that a baseline lists.
    pub(super) fn scanner_without_baseline(
        &self,
        environment: &Environment,
    ) -> anyhow::Result<(Scanner, Choices, Vec<Note>)> {
        self.scanner_with(self.policy.load_without(environment, true)?, environment)
    }

    fn scanner_with(
        &self,
        choices: Choices,
        environment: &Environment,
    ) -> anyhow::Result<(Scanner, Choices, Vec<Note>)> {
        let mut rules = super::rules::load(&self.rules)?;
        let notes = choices.apply(&mut rules);
        if let Some(file) = &self.osv {
            let shown = escape::line(&file.display().to_string());
            let advisories = Advisories::load(file).map_err(|error| anyhow::anyhow!("--osv {shown}: {error}"))?;
            rules.advisories = Some(advisories);
        }
        let scanner = Scanner::new(rules, Limits::default(), choices.policy.clone());
        Ok((scanner.with_pins(super::verify::pins(environment)?), choices, notes))
    }

    /// Nothing that is scanned may say how it is scanned.
    pub(super) fn refuse_scanned(&self, choices: &Choices, roots: &[Discovered]) -> anyhow::Result<()> {
        for (option, file) in choices.files() {
            refuse_scanned(option, std::slice::from_ref(file), roots)?;
        }
        refuse_scanned("--rules", &self.rules, roots)?;
        refuse_scanned("--osv", self.osv.as_slice(), roots)
    }

    /// Verdict from which the exit code is 1.
    pub(super) fn threshold(&self, choices: &Choices) -> Verdict {
        choices.threshold(self.fail_on.map(FailOn::verdict))
    }

    /// Worker threads.
    pub(super) fn threads(&self) -> Option<usize> {
        self.threads
    }
}

#[derive(Debug, Clone, Copy, clap::Args)]
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
    if args.limits {
        return limits();
    }
    let environment = Environment::of_process();
    let (scanner, choices, notes) = args.look.scanner(&environment)?;
    // The process ends with it, and freeing all rules takes longer than a small scan.
    let scanner = ManuallyDrop::new(scanner);
    let (roots, places) = targets(&scanner, &args.paths, &environment)?;
    args.look.refuse_scanned(&choices, &roots)?;
    sandbox::confine_scans(&roots, args.look.threads)?;
    let mut out = super::stdout();
    let judging = Judging { places: places.as_ref(), policy: &choices.policy, notes };
    let tally = print(&scanner, &roots, judging, args.output, &mut out)?;
    out.flush()?;
    Ok(exit(&tally, args.look.threshold(&choices)))
}

/// Refuses what lies in a scanned root.
pub(super) fn refuse_scanned(option: &str, packs: &[PathBuf], roots: &[Discovered]) -> anyhow::Result<()> {
    let roots: Vec<&Path> = roots.iter().map(|root| root.root.as_path()).collect();
    for pack in packs {
        if let Some(root) = around(pack, &roots)? {
            let (pack, root) = (pack.display().to_string(), root.display().to_string());
            bail!("{option} {}: lies in {}, which is scanned", escape::line(&pack), escape::line(&root));
        }
    }
    Ok(())
}

/// The root that a file lies in, by its name or really. Where a link in a root leads is not asked: whoever writes there
/// may link to anything, and must not stop the scan of all else.
pub(super) fn around<'r>(file: &Path, roots: &[&'r Path]) -> std::io::Result<Option<&'r Path>> {
    let ways = [std::path::absolute(file)?, std::fs::canonicalize(file)?];
    let holds = |root: PathBuf| ways.iter().any(|file| file.starts_with(&root));
    let is_around =
        |root: &Path| std::path::absolute(root).is_ok_and(holds) || std::fs::canonicalize(root).is_ok_and(holds);
    Ok(roots.iter().copied().find(|root| is_around(root)))
}

fn limits() -> anyhow::Result<Exit> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(super::width() as u16).set_header(["limit", "value", "what it bounds"]);
    for (name, value, meaning) in Limits::default().rows() {
        table.add_row([name.to_owned(), value, meaning]);
    }
    let mut out = super::stdout();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()?;
    Ok(Exit::Clean)
}

/// What is to be scanned, and the places if nobody named a path.
pub(super) fn targets(
    scanner: &Scanner,
    paths: &[PathBuf],
    environment: &Environment,
) -> anyhow::Result<(Vec<Discovered>, Option<place::Places>)> {
    if paths.is_empty() {
        let mut places = place::places(environment);
        let roots = placed::discover(scanner, &mut places);
        if roots.is_empty() {
            bail!("no PATH given, and no skills where OpenClaw loads them from; see --help");
        }
        return Ok((roots, Some(places)));
    }
    let mut seen = BTreeSet::new();
    let mut roots = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            roots.push(standard_input()?);
            continue;
        }
        // A path that is named twice is scanned once.
        if std::fs::canonicalize(path).map_or(true, |real| seen.insert(real)) {
            roots.push(scanner.discover(path)?);
        }
    }
    Ok((roots, None))
}

fn standard_input() -> anyhow::Result<Discovered> {
    let limit = Limits::default().package_bytes;
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).context("standard input")?;
    if bytes.is_empty() {
        bail!("standard input: nothing to look at");
    }
    if bytes.len() as u64 > limit {
        bail!("standard input: longer than {limit} bytes; give a file instead");
    }
    Ok(Discovered::given("stdin", bytes))
}

/// What decides beside the packages.
struct Judging<'j> {
    /// The places, if nobody named a path.
    places: Option<&'j place::Places>,
    policy: &'j Policy,
    /// What is wrong with the user's choices.
    notes: Vec<Note>,
}

/// Scans and prints; what is not shown is only counted, so that memory does not grow with the number of packages.
fn print(
    scanner: &Scanner,
    roots: &[Discovered],
    judging: Judging<'_>,
    output: Output,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<Tally> {
    let Judging { places, policy, notes } = judging;
    let detail = output.detail();
    let mut report = Report::new(scanner.rules());
    let mut ledger = Ledger::default();
    let mut failed = None;
    let bar = Bar::new();
    let mut document = match output.format {
        Format::Json => Some(json::Document::begin(&report.data_date, out)?),
        _ => None,
    };
    let mut show = |package: PackageReport, report: &mut Report| {
        let result = match output.format {
            Format::Jsonl => json::line(&package, out),
            Format::Json => document.as_mut().map_or(Ok(()), |document| document.add(&package, out)),
            Format::Text => Ok(()),
        };
        failed = failed.take().or(result.err());
        ledger.add(policy.suppressions(), &package);
        if output.format == Format::Text { detail.keep(report, package) } else { report.count(&package) }
    };
    if let Some(places) = places {
        // Which skill hides which is known when all are.
        let mut packages = Vec::new();
        scanner.run(roots, &bar, &mut |package| packages.push(package));
        placed::judge(&mut packages, places, scanner.rules(), policy);
        packages.into_iter().for_each(|package| show(package, &mut report));
        // Where something may have been missed, not all was looked at.
        report.tally.complaints = places.complaints.len();
    } else {
        scanner.run(roots, &bar, &mut |package| show(package, &mut report));
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    report.notes = notes;
    report.notes.extend(ledger.notes(policy.suppressions()));
    if let Some(document) = document {
        document.end(&report, out)?;
    }
    policy::tell(&report.notes);
    if let Some(places) = places.filter(|_| output.format != Format::Text) {
        for complaint in &places.complaints {
            anstream::eprintln!("skillscan: {}", escape::line(complaint));
        }
    }
    if output.format == Format::Text {
        if let Some(places) = places.filter(|_| detail > terminal::Detail::Quiet) {
            terminal::places(places, super::width(), out)?;
        }
        terminal::render(&report, terminal::Options { detail, width: super::width() }, out)?;
    }
    Ok(report.tally)
}

impl Output {
    fn detail(self) -> terminal::Detail {
        match (self.quiet, self.verbose) {
            (true, _) => terminal::Detail::Quiet,
            (_, true) => terminal::Detail::Verbose,
            _ => terminal::Detail::Normal,
        }
    }
}

/// Flagged beats incomplete beats clean.
pub(super) fn exit(tally: &Tally, threshold: Verdict) -> Exit {
    if tally.verdicts.keys().any(|&verdict| verdict >= threshold && verdict != Verdict::Incomplete) {
        Exit::Flagged
    } else if tally.complaints > 0 || tally.verdicts.contains_key(&Verdict::Incomplete) {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

/// A progress bar on a terminal, from the first second on.
pub(super) struct Bar {
    started: Instant,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    pub(super) fn new() -> Self {
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
