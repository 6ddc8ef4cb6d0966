//! Who may read and write what the agent and the gateway keep, along the whole way there, and what lies about that
//! someone who gets in would look for first.

use super::run::Check;

mod hoard;
mod modes;
mod plain;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "F.backups", run: hoard::backups },
    Check { id: "F.cloudflared-mode", run: modes::cloudflared },
    Check { id: "F.config-mode", run: modes::config },
    Check { id: "F.logs", run: plain::logs },
    Check { id: "F.plaintext-secrets", run: plain::check },
    Check { id: "F.secrets-mode", run: modes::secrets },
    Check { id: "F.state-mode", run: modes::state },
    Check { id: "F.synced", run: hoard::synced },
    Check { id: "F.workspace-mode", run: modes::workspace },
];
