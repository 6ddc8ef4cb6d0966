//! The tunnel through which the gateway is reached: that it runs, what it leads to, and what it keeps secret.

use super::run::Check;

mod cloudflared;
mod ingress;
mod secrets;
mod tunnel;

pub(super) use cloudflared::{Service, Tunnels, folders};
pub(super) use ingress::unknown_or_none;
pub(super) use tunnel::other_design;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "L2.ingress", run: ingress::check },
    Check { id: "L2.secrets", run: secrets::check },
    Check { id: "L2.tunnel", run: tunnel::check },
];
