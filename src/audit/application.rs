//! The gateway itself: where it listens, who may log in, who may write to it, what it may run, and which version it is.

use super::openclaw::advisory::Advisories;
use super::run::Check;

mod bind;
mod exec;
mod flags;
mod login;
mod pairing;
mod release;
mod service;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "L4.auth", run: login::check },
    Check { id: "L4.bind-config", run: bind::configured },
    Check { id: "L4.bind-drift", run: bind::drift },
    Check { id: "L4.bind-live", run: bind::live },
    Check { id: "L4.dangerous-flags", run: flags::check },
    Check { id: "L4.exec", run: exec::check },
    Check { id: "L4.packages", run: release::packages },
    Check { id: "L4.pairing", run: pairing::check },
    Check { id: "L4.service-user", run: service::check },
    Check { id: "L4.version", run: release::version },
];

/// Date of the advisory data.
pub(super) fn data_date() -> String {
    Advisories::built_in().provenance.as_ref().map(|provenance| provenance.generated.clone()).unwrap_or_default()
}
