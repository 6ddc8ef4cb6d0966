//! Why a server gave no answer that can be used. Texts are escaped: parts of
//! them come from the server.

use url::Url;

use crate::report::escape;

/// Longest text of a server that is passed on, in columns.
const TEXT: usize = 200;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection, or one that broke off.
    #[error("{url}: {why}")]
    Unreachable {
        /// What was asked, escaped.
        url: String,
        /// In our words.
        why: String,
    },
    /// The server refuses, or cannot.
    #[error("{url}: the server answers {status}{}", after_colon(text))]
    Status {
        /// What was asked, escaped.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the server says, escaped and cut.
        text: String,
        /// The whole body of an error that is JSON.
        body: Option<Box<serde_json::Value>>,
    },
    /// An answer that is not what was asked for.
    #[error("{url}: {why}")]
    Malformed {
        /// What was asked, escaped.
        url: String,
        /// In our words, escaped.
        why: String,
    },
    /// Something that is not done.
    #[error("{url}: {why}")]
    Refused {
        /// What was asked, escaped.
        url: String,
        /// In our words, escaped.
        why: String,
    },
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// An address for people, without what could be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Neither fails for an address with a host, and one without has neither.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    escape::line(url.as_str())
}

impl Error {
    /// No connection, or one that broke off.
    pub fn unreachable(url: &Url, why: impl Into<String>) -> Self {
        Self::Unreachable { url: shown(url), why: why.into() }
    }

    /// An answer that is not what was asked for.
    pub fn malformed(url: &Url, why: impl AsRef<str>) -> Self {
        Self::Malformed { url: shown(url), why: escape::line(why.as_ref()) }
    }

    /// Something that is not done.
    pub fn refused(url: &Url, why: impl AsRef<str>) -> Self {
        Self::Refused { url: shown(url), why: escape::line(why.as_ref()) }
    }

    /// The server's refusal, with the body of its answer.
    pub fn status(url: &Url, status: u16, body: &[u8]) -> Self {
        let json = crate::verify::strict::parse(body).ok().filter(serde_json::Value::is_object);
        let text = String::from_utf8_lossy(body.get(..body.len().min(2048)).unwrap_or(body)).into_owned();
        let is_page = text.trim_start().starts_with('<');
        let said = match &json {
            Some(json) => json.get("message").and_then(serde_json::Value::as_str).unwrap_or(""),
            None if is_page => "",
            None => text.trim(),
        };
        Self::Status {
            url: shown(url),
            status,
            text: escape::fitted(&escape::line(said), TEXT),
            body: json.map(Box::new),
        }
    }

    /// What went wrong without what was asked: addresses may be secret.
    pub fn without_address(&self) -> String {
        match self {
            Self::Unreachable { why, .. } | Self::Malformed { why, .. } => why.clone(),
            Self::Status { status, text, .. } => format!("the server answers {status}{}", after_colon(text)),
            // These may name where a redirect leads.
            Self::Refused { why, .. } => why.split(" http").next().unwrap_or_default().to_owned(),
        }
    }

    /// The HTTP status, if that is what came back.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}
