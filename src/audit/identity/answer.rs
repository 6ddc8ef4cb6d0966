//! What an answer to a stranger means: whether Access stood before the gateway, or the gateway itself answered.

use serde_json::Value;
use url::Url;

use crate::net::probe::{Method, Reply};

/// Where logins of Access are.
const LOGIN: &str = "cloudflareaccess.com";
/// Path of a login of Access.
const PATH: &str = "/cdn-cgi/access/login";

/// What stood before the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// Access, with the team and the tag of the application where it tells them.
    Access { team: Option<String>, tag: Option<String> },
    /// The gateway answered: why that is known.
    Gateway(&'static str),
    /// Something answered that is not Access: what it did.
    Open(String),
    /// A redirect to what is not Access: where to.
    Elsewhere(String),
    /// Cloudflare tried to reach the gateway, which does not answer.
    Tried,
    /// It says nothing about Access: why.
    Unclear(String),
}

/// What a reply to a request for `url` means.
pub(super) fn judge(url: &Url, method: Method, reply: &Reply) -> Gate {
    if let Some(gate) = by_gateway(method, reply) {
        return gate;
    }
    if matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return redirect(url, reply);
    }
    let tag = reply.header("cf-access-aud").map(str::to_owned);
    let is_cloudflare = reply.header("server").is_some_and(|server| server.eq_ignore_ascii_case("cloudflare"));
    match reply.status {
        401 | 403 if tag.is_some() => Gate::Access { team: None, tag },
        403 | 503 if reply.header("cf-mitigated") == Some("challenge") => {
            Gate::Unclear("a challenge for bots, before it is known what comes after".to_owned())
        }
        530 => Gate::Unclear("the tunnel is down (530)".to_owned()),
        502 | 504 if is_cloudflare => Gate::Tried,
        429 => Gate::Unclear("too many requests (429)".to_owned()),
        403 => Gate::Unclear("refused (403), and not by Access".to_owned()),
        500.. => Gate::Unclear(format!("the server fails ({})", reply.status)),
        status => Gate::Open(format!("answers {status} to a stranger")),
    }
}

/// Signs that the request got as far as the gateway.
fn by_gateway(method: Method, reply: &Reply) -> Option<Gate> {
    if reply.status == 101 || reply.body.contains("connect.challenge") {
        return Some(Gate::Gateway("a WebSocket was opened"));
    }
    if reply.body.contains("data-openclaw-control-ui") {
        return Some(Gate::Gateway("the Control UI was served"));
    }
    let value: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let kind = value.pointer("/error/type").and_then(Value::as_str);
    let is_alive = value.get("ok").and_then(Value::as_bool) == Some(true) && value.get("status").is_some();
    match kind {
        Some("proxy_attribution_required") => Some(Gate::Gateway("the gateway refused the request itself")),
        Some("unauthorized") => Some(Gate::Gateway("the gateway asked for its own login")),
        _ if is_alive => Some(Gate::Gateway("the gateway told that it runs")),
        _ if method == Method::Upgrade && reply.status == 426 => Some(Gate::Gateway("a server of WebSockets answered")),
        _ => None,
    }
}

fn redirect(url: &Url, reply: &Reply) -> Gate {
    let location = reply.header("location").unwrap_or_default();
    let Ok(target) = url.join(location) else {
        return Gate::Unclear("a redirect to what is no address".to_owned());
    };
    let host = target.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let is_login = target.path() == PATH || target.path().starts_with(&format!("{PATH}/"));
    // The dot counts: `evilcloudflareaccess.com` is someone else's.
    let below = host.strip_suffix(LOGIN).and_then(|rest| rest.strip_suffix('.'));
    let has_headers = reply.header("cf-access-domain").or(reply.header("cf-access-aud")).is_some();
    let is_cloudflare = reply.header("server").is_some_and(|server| server.eq_ignore_ascii_case("cloudflare"));
    match (below, reply.status) {
        (Some(team), 302) if is_login && !team.is_empty() && target.scheme() == "https" => {
            let tag = target.query_pairs().find(|(name, _)| name == "kid").map(|(_, value)| value.into_owned());
            let tag = tag.or_else(|| reply.header("cf-access-aud").map(str::to_owned));
            let is_tag = |tag: &String| tag.len() == 64 && tag.chars().all(|c| c.is_ascii_hexdigit());
            let team = team.strip_suffix(".fed").unwrap_or(team).to_owned();
            match tag.filter(is_tag) {
                Some(tag) => Gate::Access { team: Some(team), tag: Some(tag) },
                None => Gate::Unclear("a redirect to a login of Access that names no application".to_owned()),
            }
        }
        // A hostname of one's own for the login.
        (None, 302) if is_login && Some(host.as_str()) == url.host_str() => match is_cloudflare && has_headers {
            true => Gate::Access { team: None, tag: reply.header("cf-access-aud").map(str::to_owned) },
            false => Gate::Unclear("a redirect to a login on the same host that may or may not be Access".to_owned()),
        },
        _ => Gate::Elsewhere(target.to_string()),
    }
}
