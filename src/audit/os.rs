//! The operating system below the gateway: how one logs in, whether it is kept up to date, and what kind of machine it is.

use super::run::Check;

mod platform;
mod ssh;
mod sshd;
mod updates;

pub(super) use sshd::Ssh;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "O.platform", run: platform::check },
    Check { id: "O.reboot", run: updates::reboot },
    Check { id: "O.ssh", run: ssh::check },
    Check { id: "O.updates", run: updates::check },
];
