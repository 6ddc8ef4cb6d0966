//! Asks a web server as a stranger would: no cookies, no credentials, no redirect followed, little read of the answer,
//! all questions at once.

use std::time::Duration;

use reqwest::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use tokio::runtime::Runtime;
use url::Url;

use super::http::is_loopback;

/// Bytes of an answer that are read.
const BODY: usize = 8 * 1024;
/// Bytes of one header that are kept.
const HEADER: usize = 4 * 1024;

/// How something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Headers only.
    Head,
    /// A page.
    Get,
    /// A WebSocket.
    Upgrade,
}

impl Method {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "HEAD",
            Self::Get => "GET",
            Self::Upgrade => "WebSocket",
        }
    }
}

/// What a server answered. Texts are not escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, lossily as text.
    pub body: String,
}

impl Reply {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks servers.
pub struct Client {
    runtime: Runtime,
    timeout: Duration,
}

impl Client {
    /// A client that gives up on an answer after `timeout`.
    ///
    /// # Errors
    /// If the system gives no means for it.
    pub fn new(timeout: Duration) -> std::io::Result<Self> {
        // Twice is no harm: the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, timeout })
    }

    /// Asks everything at once; the answers come in the order of the questions, or why there is none, not escaped.
    pub fn ask(&self, questions: &[(Method, Url)]) -> Vec<Result<Reply, String>> {
        let mut clients = Vec::new();
        for (method, url) in questions {
            clients.push(self.client(*method, url));
        }
        self.runtime.block_on(async {
            let tasks: Vec<_> = questions
                .iter()
                .zip(clients)
                .map(|((method, url), client)| {
                    let (method, url, timeout) = (*method, url.clone(), self.timeout);
                    tokio::spawn(async move {
                        let answer = tokio::time::timeout(timeout, one(client?, method, url)).await;
                        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", timeout.as_secs())))
                    })
                })
                .collect();
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(task.await.unwrap_or_else(|error| Err(error.to_string())));
            }
            answers
        })
    }

    fn client(&self, method: Method, url: &Url) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("skillscan/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.timeout);
        if method == Method::Upgrade {
            // HTTP/2 has no upgrade.
            builder = builder.http1_only();
        }
        if url.scheme() == "http" && is_loopback(url) {
            // No certificates are needed, and reading those of the system takes longer than all the rest.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        builder.build().map_err(|error| reason(&error))
    }
}

async fn one(client: reqwest::Client, method: Method, url: Url) -> Result<Reply, String> {
    let request = match method {
        Method::Head => client.head(url),
        Method::Get => client.get(url),
        Method::Upgrade => client
            .get(url)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "c2tpbGxzY2FuLXByb2JlLg=="),
    };
    let mut response = request.send().await.map_err(|error| reason(&error))?;
    let text = |name: &HeaderName, value: &reqwest::header::HeaderValue| {
        let bytes = value.as_bytes();
        let bytes = bytes.get(..bytes.len().min(HEADER)).unwrap_or(bytes);
        (name.as_str().to_owned(), String::from_utf8_lossy(bytes).into_owned())
    };
    let headers = response.headers().iter().map(|(name, value)| text(name, value)).collect();
    let status = response.status().as_u16();
    let mut body = Vec::new();
    // After a switch of protocols there is no end to wait for.
    while status != 101 && body.len() < BODY {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(BODY);
    Ok(Reply { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// What went wrong; the innermost cause tells most.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = match () {
        () if error.is_builder() => "no connection can be made on this system",
        () if error.is_connect() => "cannot be reached",
        () if error.is_timeout() => "does not answer in time",
        () => "gives no answer",
    };
    format!("{what} ({cause})")
}
