//! Who is let through to the gateway: Access before its hostname, and what cloudflared verifies of what Access says.

use super::run::Check;

mod answer;
mod gate;
mod jwt;

pub(super) const CHECKS: &[Check] =
    &[Check { id: "L3.gate", run: gate::check }, Check { id: "L3.jwt", run: jwt::check }];
