//! Who may log in to the gateway: tokens, passwords, or a proxy that says who someone is.

use serde_json::Value;

use super::super::check::Evidence;
use super::super::host::{FILE_BYTES, Host};
use super::super::openclaw::{Installation, Secret};

/// How the gateway asks who connects.
pub(super) struct Login {
    /// The mode, as it is written or as OpenClaw infers it.
    pub(super) mode: String,
    /// What sets the mode; none if nothing does.
    pub(super) set: Option<Evidence>,
    /// Tokens and passwords that are set, the one that counts first.
    pub(super) secrets: Vec<(Secret, Evidence)>,
}

impl Login {
    /// That of an installation, as it will be at the next start.
    pub(super) fn of(installation: &Installation, host: &Host) -> Self {
        let secrets = secrets(installation, host);
        let key = "gateway.auth.mode";
        let unit = installation.units.iter().find_map(|unit| unit.option("--auth"));
        let config = installation.config();
        let (mode, set) = match (unit, config.and_then(|config| Some((config.text(key)?, config.evidence(key))))) {
            (Some(set), _) => (set.value.clone(), Some(set.evidence())),
            (None, Some((mode, evidence))) => (mode.to_owned(), Some(evidence)),
            (None, None) => {
                let has_password = config.is_some_and(|config| config.get("gateway.auth.password").is_some());
                ((if has_password { "password" } else { "token" }).to_owned(), None)
            }
        };
        Self { mode, set, secrets }
    }

    /// Whether nothing asks who connects.
    pub(super) fn is_open(&self) -> bool {
        self.mode == "none" || (self.mode != "trusted-proxy" && !self.secrets.iter().any(|(secret, _)| secret.is_set()))
    }

    /// What says so.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let secrets = self.secrets.iter().map(|(secret, evidence)| evidence.clone().note(secret.shown()));
        self.set.iter().map(|evidence| evidence.clone().note(&self.mode)).chain(secrets).collect()
    }
}

/// Every place that a token or password may be set in, in the order in which they count.
fn secrets(installation: &Installation, host: &Host) -> Vec<(Secret, Evidence)> {
    let variables = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];
    let mut found = Vec::new();
    for unit in &installation.units {
        let options = ["--token", "--password"].into_iter().filter_map(|name| unit.option(name));
        let set = options.chain(variables.into_iter().filter_map(|name| unit.variable(name)));
        found.extend(set.map(|set| (Secret::of_text(&set.value), set.evidence())));
    }
    if let Some(config) = installation.config() {
        for key in ["gateway.auth.token", "gateway.auth.password"] {
            let value: Option<&Value> = config.get(key);
            found.extend(value.map(|value| (Secret::of_value(Some(value)), config.evidence(key))));
        }
    }
    let files = [installation.state.join(".env"), installation.user.home.join(".config/openclaw/gateway.env")];
    let named = installation.units.iter().flat_map(|unit| unit.all("EnvironmentFile"));
    let named =
        named.map(|set| set.value.trim_start_matches('-').replace("%h", &installation.user.home.to_string_lossy()));
    for file in files.into_iter().chain(named.map(Into::into)) {
        let Ok(text) = host.text(&file, FILE_BYTES) else { continue };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim().trim_start_matches("export ");
            let Some((name, value)) = line.split_once('=').filter(|(name, _)| variables.contains(&name.trim())) else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            found.push((Secret::of_text(value), Evidence::path(&file).key(name.trim()).line(Some(index + 1))));
        }
    }
    found
}
