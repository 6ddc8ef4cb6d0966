//! What can be reached from outside: the packet filter, what goes round it, and what listens.

use super::run::Check;

mod docker;
mod firewall;
mod firewalld;
mod iptables;
mod listeners;
mod nft;
mod nft_file;
mod port;
mod rules;
mod state;
mod ufw;
mod walk;

pub(super) use docker::images;
pub(super) use firewall::Firewall;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "L1.default-deny", run: state::default_deny },
    Check { id: "L1.docker-bypass", run: docker::check },
    Check { id: "L1.enabled", run: state::enabled },
    Check { id: "L1.gateway-port", run: port::gateway },
    Check { id: "L1.listeners", run: listeners::check },
    Check { id: "L1.only-ssh", run: port::only_ssh },
];
