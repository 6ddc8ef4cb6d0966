//! The gateway itself: where it listens, who may log in, who may write to it, what it may run, and which version it is.

use super::run::Check;

mod bind;
mod login;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "L4.bind-config", run: bind::configured },
    Check { id: "L4.bind-live", run: bind::live },
    Check { id: "L4.bind-drift", run: bind::drift },
];

/// Date of the advisory data.
pub(super) fn data_date() -> String {
    String::new()
}
