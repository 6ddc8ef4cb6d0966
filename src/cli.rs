//! The command line: what can be asked for, and the code that each answer exits with.

use std::io::{self, Write};

use clap::{Parser, Subcommand};

pub mod audit;
pub mod baseline;
pub mod completions;
pub mod gate;
pub mod history;
pub mod install_policy;
pub mod nightly;
mod policy;
pub mod quarantine;
pub mod rules;
pub mod scan;
pub mod schedule;
pub mod verify;
pub mod watch;

/// Exit codes, in the order in which they win.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing at or above `--fail-on`.
    Clean = 0,
    /// Something at or above `--fail-on`.
    Flagged = 1,
    /// Usage, internal error, or nothing found to look at.
    Failed = 2,
    /// Bytes that no engine saw, nothing flagged.
    Incomplete = 3,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing at or above --fail-on (default: warn)
  1  something at or above --fail-on
  2  usage error, internal error, or nothing found to look at
  3  parts were not looked at, and nothing is flagged";

const GATE_CODES: &str = "\
Exit codes:
  0  admitted: pass or review, and what --allow lets through
  1  stopped: warn or malicious, or review with --fail-on review; what an installer wrote is not what was vetted
  2  usage error, internal error, nothing found to look at, or not installed
  3  stopped: not seen whole, or the registry is out of reach, undecided or in contradiction with itself";

/// Decides whether an AI agent skill may be trusted on this machine.
///
/// Reads everything, runs nothing that it scans. The network is asked by `gate`, and elsewhere only where an option
/// says so. `skillscan PATH` is short for `skillscan scan PATH`.
#[derive(Debug, Parser)]
#[command(name = "skillscan", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    scan: scan::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Scan a directory of skills, one skill, or one file
    #[command(after_help = EXIT_CODES)]
    Scan(scan::Args),
    /// Vet a skill, plugin, archive or folder before it is installed
    #[command(after_help = GATE_CODES)]
    Gate(gate::Args),
    /// Answer OpenClaw's question whether something may be installed, through its install policy
    InstallPolicy(install_policy::Args),
    /// Compare installed skills with what installers recorded, or pin them
    #[command(after_help = verify::EXIT_CODES)]
    Verify(verify::Args),
    /// Scan everything and tell what changed since the last run
    #[command(after_help = nightly::EXIT_CODES)]
    Nightly(nightly::Args),
    /// Show earlier runs, or what happened to a skill
    History(history::Args),
    /// Run nightly by a timer, or keep the gateway from starting on a failed audit
    Schedule(schedule::Args),
    /// Audit this host: firewall, tunnel, access, gateway, agent, files
    #[command(after_help = audit::EXIT_CODES)]
    Audit(audit::Args),
    /// Scan what appears or changes where skills are loaded from, as it happens
    #[command(after_help = watch::EXIT_CODES)]
    Watch(watch::Args),
    /// Look at, give back or delete what `watch --quarantine` took away
    Quarantine(quarantine::Args),
    /// Accept what is found now, so that only what is new counts
    Baseline(baseline::Args),
    /// List and explain the rules and checks
    Rules(rules::Args),
    /// Print a script that completes commands and options in a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(completions::ManArgs),
}

/// Runs what was asked for.
///
/// # Errors
/// Whatever keeps it from being done; rendered by the caller.
pub fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Some(Command::Scan(args)) => scan::run(&args),
        Some(Command::Audit(args)) => audit::run(&args),
        Some(Command::Gate(args)) => gate::run(&args),
        Some(Command::InstallPolicy(args)) => install_policy::run(&args),
        Some(Command::Verify(args)) => verify::run(&args),
        Some(Command::Baseline(args)) => baseline::run(&args),
        Some(Command::Watch(args)) => watch::run(&args),
        Some(Command::Quarantine(args)) => quarantine::run(&args),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Man(args)) => completions::man(&args),
        Some(Command::Nightly(args)) => nightly::run(&args),
        Some(Command::History(args)) => history::run(&args),
        Some(Command::Schedule(args)) => schedule::run(&args),
        Some(Command::Rules(args)) => rules::run(&args),
        None => scan::run(&cli.scan),
    }
}

/// Standard output, styled only where it is a terminal that wants it.
fn stdout() -> impl Write + Send {
    io::BufWriter::new(anstream::AutoStream::auto(io::stdout()))
}

/// Columns of the terminal, 80 where there is none.
fn width() -> usize {
    #[cfg(unix)]
    let columns = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col as usize);
    #[cfg(not(unix))]
    let columns = 0;
    if columns == 0 { 80 } else { columns.clamp(40, 120) }
}
