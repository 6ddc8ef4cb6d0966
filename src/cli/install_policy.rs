//! `skillscan install-policy`: the program that OpenClaw asks before it installs.

use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use super::Exit;
use super::gate::FailOn;
use super::policy::{self as choices, Choices};
use crate::gate::policy::{self, Answer, Installer, Request};
use crate::place::Environment;
use crate::report::{PackageReport, escape};
use crate::{Limits, Ruleset, Scanner, sandbox};

/// OpenClaw gives up after ten seconds unless it is told otherwise, and says less then.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the block to paste into openclaw.json, and stop
    #[arg(long)]
    print_config: bool,
    /// Verdict from which the answer is at least a warning; warn by default
    #[arg(long, value_enum)]
    fail_on: Option<FailOn>,
    /// Read your choices from this file; no other is looked for
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut out = super::stdout();
    if args.print_config {
        let program = std::env::current_exe()?;
        let program = std::fs::canonicalize(&program).unwrap_or(program);
        if let Some(why) = policy::distrust(&program) {
            anstream::eprintln!("skillscan: OpenClaw will not run this program: {why}");
        }
        out.write_all(policy::config(&program).as_bytes())?;
        out.flush()?;
        return Ok(Exit::Clean);
    }
    let choices = choices::Args::named(args.config.clone()).load(&Environment::default());
    let answer = match choices {
        Ok(choices) => answer(FailOn::stops_review(args.fail_on, &choices), choices),
        Err(error) => Answer::undecided(&format!("{error:#}")),
    };
    serde_json::to_writer(&mut out, &answer)?;
    writeln!(out)?;
    out.flush()?;
    Ok(Exit::Clean)
}

/// Whatever goes wrong is a decision as well: not to install.
fn answer(stop_review: bool, choices: Choices) -> Answer {
    let mut request = Vec::new();
    let read = std::io::stdin().lock().take(policy::REQUEST + 1).read_to_end(&mut request);
    if let Err(error) = read {
        return Answer::undecided(&format!("the request could not be read: {}", error.kind()));
    }
    match policy::parse(&request) {
        Err(why) => Answer::undecided(&why),
        Ok(Request::Probe) => Answer::ready(),
        Ok(Request::Install { path, installer }) => {
            let (sender, receiver) = mpsc::channel();
            std::thread::spawn(move || {
                // Nobody may be waiting any more.
                let _ = sender.send(judge(&path, installer.as_ref(), stop_review, &choices));
            });
            match receiver.recv_timeout(PATIENCE) {
                Ok(answer) => answer,
                Err(mpsc::RecvTimeoutError::Timeout) => Answer::undecided("it is too large to be looked at in time"),
                Err(mpsc::RecvTimeoutError::Disconnected) => Answer::undecided("the scan failed"),
            }
        }
    }
}

fn judge(path: &Path, installer: Option<&Installer>, stop_review: bool, choices: &Choices) -> Answer {
    match scan(path, choices) {
        Ok(reports) => Answer::of(&reports, installer, stop_review),
        Err(error) => Answer::undecided(&format!("it could not be scanned: {}", without_path(&error, path))),
    }
}

/// Where it is staged differs from one time to the next.
fn without_path(error: &anyhow::Error, path: &Path) -> String {
    format!("{error:#}").replace(&escape::line(&path.display().to_string()), "it")
}

fn scan(path: &Path, choices: &Choices) -> anyhow::Result<Vec<PackageReport>> {
    let mut rules = Ruleset::builtin()?;
    choices.apply(&mut rules);
    // The process ends with it, and freeing all rules takes longer than a small scan.
    let scanner = ManuallyDrop::new(Scanner::new(rules, Limits::default(), choices.policy.clone()));
    let found = scanner.discover(path)?;
    for (option, file) in choices.files() {
        super::scan::refuse_scanned(option, std::slice::from_ref(file), std::slice::from_ref(&found))?;
    }
    sandbox::confine_scans(std::slice::from_ref(&found), None)?;
    let mut reports = Vec::new();
    scanner.run(&[found], &(), &mut |report| reports.push(report));
    Ok(reports)
}
