//! `skillscan completions` and `skillscan man`: what shells and readers of manuals want.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;

use super::{Cli, Exit, policy};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for each command into this directory, instead of the main one to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "skillscan", &mut script);
    let mut out = super::stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Clean)
}

pub fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(Cli::command(), dir).with_context(|| policy::shown(dir))?;
        return Ok(Exit::Clean);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    let mut out = super::stdout();
    out.write_all(&page)?;
    out.flush()?;
    Ok(Exit::Clean)
}
