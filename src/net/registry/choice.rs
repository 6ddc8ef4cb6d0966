//! Which registry is asked. The environment and the client's configuration
//! decide it as they do for the registry's own client, so it is always shown
//! together with what named it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::place::Environment;
use crate::report::escape;
use crate::verify::strict;

/// The registry's own address.
const DEFAULT: &str = "https://clawhub.ai";
/// Addresses of the past, which the client passes over.
const LEGACY: [&str; 4] = ["auth.clawdhub.com", "auth.clawhub.com", "auth.clawhub.ai", "registry.clawhub.ai"];
/// Where the host of repositories gives archives.
const CODELOAD: &str = "https://codeload.github.com";
/// Longest configuration that is read, in bytes.
const CONFIG: u64 = 64 * 1024;

/// A registry, and what chose it.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its address.
    pub base: Url,
    /// What named it: an option, a variable, a file. Escaped.
    pub from: String,
    /// The token that the client's configuration has for it.
    pub token: Option<String>,
    /// Where archives of repositories come from.
    pub codeload: Url,
}

/// An address that may be asked.
///
/// # Errors
/// In our words, if it is none, is not secured, or holds more than a host and a path.
pub fn base(text: &str) -> Result<Url, String> {
    let shown = escape::line(text);
    let url = Url::parse(text.trim()).map_err(|_| format!("`{shown}` is no address"))?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain || url.fragment().is_some() {
        return Err(format!("`{shown}` is no address of a registry"));
    }
    if url.scheme() == "http" && !crate::net::http::is_loopback(&url) {
        return Err(format!("`{shown}` is not secured; only https is used beyond this machine"));
    }
    Ok(url)
}

/// The client's configuration: its file, the registry and the token that it holds.
struct Config {
    path: PathBuf,
    registry: Option<String>,
    token: Option<String>,
}

/// Chooses the registry: the option, the variables, what the site of the registry names, its default.
///
/// # Errors
/// In our words, if what is named is no address that may be asked, or the configuration cannot be read.
pub fn choose(environment: &Environment, named: Option<&str>, timeout: Duration) -> Result<Choice, String> {
    let config = config(environment)?;
    let (base, from) = address(environment, named, config.as_ref(), timeout)?;
    // A token is for the registry that gave it, and for no other.
    let token = config.and_then(|config| {
        let home = config.registry.as_deref().unwrap_or(DEFAULT);
        let is_home = Url::parse(home).is_ok_and(|home| home.origin() == base.origin());
        config.token.filter(|_| is_home)
    });
    let codeload = match environment.text("CLAWHUB_GITHUB_CODELOAD_BASE_URL") {
        Some(text) => self::base(text).map_err(|why| format!("CLAWHUB_GITHUB_CODELOAD_BASE_URL: {why}"))?,
        None => self::base(CODELOAD)?,
    };
    Ok(Choice { base, from, token, codeload })
}

fn address(
    environment: &Environment,
    named: Option<&str>,
    config: Option<&Config>,
    timeout: Duration,
) -> Result<(Url, String), String> {
    if let Some(text) = named {
        return Ok((base(text).map_err(|why| format!("--registry: {why}"))?, "--registry".to_owned()));
    }
    for name in ["CLAWHUB_REGISTRY", "CLAWDHUB_REGISTRY", "CLAWHUB_URL", "OPENCLAW_CLAWHUB_URL"] {
        if let Some(text) = environment.text(name) {
            return Ok((base(text).map_err(|why| format!("{name}: {why}"))?, format!("variable {name}")));
        }
    }
    let site = environment.text("CLAWHUB_SITE").or_else(|| environment.text("CLAWDHUB_SITE"));
    let url = base(site.unwrap_or(DEFAULT)).map_err(|why| format!("CLAWHUB_SITE: {why}"))?;
    if let Some(found) = super::discover(&url, timeout).map_err(|error| error.to_string())? {
        return Ok((found, escape::line(&format!("named by {}", url.as_str().trim_end_matches('/')))));
    }
    let cached = config.and_then(|config| Some((config, config.registry.as_deref()?)));
    if let Some((config, text)) = cached {
        let from = escape::line(&config.path.display().to_string());
        let url = base(text).map_err(|why| format!("{from}: {why}"))?;
        if !url.host_str().is_some_and(|host| LEGACY.contains(&host)) {
            return Ok((url, from));
        }
    }
    Ok((url, if site.is_some() { "variable CLAWHUB_SITE" } else { "default" }.to_owned()))
}

/// Where the client may keep its configuration; the first that exists counts.
fn paths(environment: &Environment) -> Vec<PathBuf> {
    if let Some(path) = environment.path("CLAWHUB_CONFIG_PATH").or_else(|| environment.path("CLAWDHUB_CONFIG_PATH")) {
        return vec![path];
    }
    let home = environment.home.as_ref();
    let folders = [
        environment.path("XDG_CONFIG_HOME"),
        home.map(|home| home.join(".config")),
        home.map(|home| home.join("Library/Application Support")),
    ];
    let folders = folders.into_iter().flatten();
    folders.flat_map(|folder| ["clawhub", "clawdhub"].map(|name| folder.join(name).join("config.json"))).collect()
}

fn config(environment: &Environment) -> Result<Option<Config>, String> {
    for path in paths(environment) {
        let problem = |why: String| format!("{}: {why}", escape::line(&path.display().to_string()));
        let Some(bytes) = strict::read(&path, CONFIG).map_err(problem)? else { continue };
        let value = strict::parse(&bytes).map_err(|why| problem(escape::line(&why)))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        return Ok(Some(Config { registry: text("registry"), token: text("token"), path }));
    }
    Ok(None)
}
