//! Takes from this process what a scan does not need: to read anything but
//! what is scanned, to write, to listen or connect. A mistake in a parser then
//! costs a wrong answer and nothing else.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rayon::ThreadPoolBuilder;

use crate::package::Discovered;

/// Stack of a worker: syntax is followed by bounded recursion, on text that an adversary wrote.
const STACK: usize = 16 * 1024 * 1024;

/// From here on this thread, and the workers of all scans that it starts, read nothing but the packages and write
/// nothing. So many workers, or one a core.
///
/// # Errors
/// If workers were started already, or cannot be.
pub fn confine_scans(roots: &[Discovered], threads: Option<usize>) -> io::Result<()> {
    let threads = count(threads);
    confine(&readable(roots));
    workers(threads).build_global().map_err(io::Error::other)
}

/// Works on threads that read nothing but the packages and write nothing; this one and all others stay free.
///
/// # Errors
/// If no threads can be had, or the work panics.
pub fn confined<T: Send>(
    roots: &[Discovered],
    threads: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let threads = count(threads);
    let done = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            confine(&readable(roots));
            Ok(workers(threads).build().map_err(io::Error::other)?.install(work))
        });
        thread.join()
    });
    done.map_err(|_| io::Error::other("the scan failed"))?
}

/// How many workers there are; the answer stands in files that are out of reach once the process is confined.
fn count(threads: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    threads.filter(|n| *n > 0).unwrap_or(cores)
}

fn workers(threads: usize) -> ThreadPoolBuilder {
    ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK)
}

/// Directories and files that a scan reads.
fn readable(roots: &[Discovered]) -> Vec<PathBuf> {
    let mut places = BTreeSet::new();
    for root in roots {
        places.extend(Some(root.root.clone()).filter(|path| path.exists()));
        // What a link in a root leads to lies elsewhere.
        let elsewhere = root.packages.iter().filter(|p| p.linked_to.is_some() || root.root.is_file());
        places.extend(elsewhere.filter_map(|p| p.place().map(Path::to_owned)));
    }
    places.into_iter().collect()
}

/// How much could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// The kernel enforces it.
    Enforced,
    /// This kernel or system has no means for it.
    Unavailable,
}

/// Confines the calling thread, and all threads that it starts from now on, to reading below `readable`.
#[cfg(target_os = "linux")]
pub fn confine(readable: &[PathBuf]) -> Confinement {
    match linux::restrict(readable) {
        Ok(status) if status.ruleset != landlock::RulesetStatus::NotEnforced => Confinement::Enforced,
        _ => Confinement::Unavailable,
    }
}

/// Confines nothing on this system.
#[cfg(not(target_os = "linux"))]
pub fn confine(_: &[PathBuf]) -> Confinement {
    Confinement::Unavailable
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetError, Scope, path_beneath_rules,
    };

    /// What the rules are written for; an older kernel enforces as much of it as it knows.
    const KNOWN: ABI = ABI::V6;

    pub(super) fn restrict(readable: &[PathBuf]) -> Result<RestrictionStatus, RulesetError> {
        let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            .add_rules(path_beneath_rules(readable, reading))?
            .restrict_self()
    }
}
