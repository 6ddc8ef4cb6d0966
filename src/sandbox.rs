//! Takes from this process what a scan does not need: to read anything but
//! what is scanned, to write, to listen or connect. A mistake in a parser then
//! costs a wrong answer and nothing else.

use std::path::PathBuf;

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
