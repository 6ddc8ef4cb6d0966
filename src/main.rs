//! The `skillscan` program: parse arguments, run, map the answer to an exit code.

use std::panic;
use std::process::ExitCode;

use clap::Parser;
use skillscan::cli::{self, Cli, Exit};

/// Also that of the parsers in C. A scan makes and drops millions of small values in several threads: this is as
/// fast as mimalloc and keeps a tenth less of one archive, a fifth less of ten. `.cargo/config.toml` sets how soon it gives
/// back what was freed.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // A panic of a parser on hostile input is caught and becomes a gap; its trace is no news to the user.
    panic::set_hook(Box::new(|_| {}));
    let exit = match panic::catch_unwind(|| cli::run(Cli::parse())) {
        Ok(Ok(exit)) => exit,
        // Whoever read the output has seen enough; what was not printed was not answered either.
        Ok(Err(error)) if is_broken_pipe(&error) => Exit::Failed,
        Err(_) => {
            anstream::eprintln!("skillscan: internal error; please report it");
            Exit::Failed
        }
        Ok(Err(error)) => {
            anstream::eprintln!("skillscan: {error:#}");
            Exit::Failed
        }
    };
    ExitCode::from(exit as u8)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}
