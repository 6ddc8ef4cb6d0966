//! What the agent is told at the start of every conversation, whether that has changed, and what is installed to
//! protect it.

use super::run::Check;

mod drift;
mod prompt;
mod protection;
mod skills;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "L5.drift", run: drift::check },
    Check { id: "L5.scan", run: skills::check },
    Check { id: "L5.skills", run: protection::check },
    Check { id: "L5.soul", run: prompt::check },
];
