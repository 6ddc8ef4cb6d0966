//! The `skillscan` program: parse arguments, run, map the answer to an exit code.

use std::process::ExitCode;

use clap::Parser;
use skillscan::cli::{self, Cli, Exit};

fn main() -> ExitCode {
    // A panic of a parser on hostile input is caught and becomes a gap; its trace is no news to the user.
    std::panic::set_hook(Box::new(|_| {}));
    let exit = match cli::run(Cli::parse()) {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Clean,
        Err(error) => {
            anstream::eprintln!("skillscan: {error:#}");
            Exit::Failed
        }
    };
    ExitCode::from(exit as u8)
}

/// Whoever read the output has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}
