//! Single requests, one after the other: bounded in bytes and time, repeated
//! where the server asks for it, over TLS except on this machine, and never
//! with a secret to another host than the one that it is meant for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use tokio::runtime::Runtime;
use url::{Host, Url};

use super::error::Error;

/// Attempts beyond the first.
const RETRIES: u32 = 2;
/// Longest wait that a server may ask for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// Bytes of a refusal that are read.
const REFUSAL: usize = 64 * 1024;

/// Where redirects may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// To the same host.
    Same,
    /// To any public host, over TLS and without the token: for what is checked against a hash.
    Elsewhere,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Where.
    pub url: Url,
    /// JSON to send; without, it is a GET.
    pub body: Option<String>,
    /// Media types that are wanted.
    pub accept: &'static str,
    /// Sent to the host of `url` alone.
    pub token: Option<&'a str>,
    /// Most bytes of an answer.
    pub limit: usize,
    /// Where redirects may lead.
    pub follow: Follow,
}

impl<'a> Request<'a> {
    /// A GET of JSON of at most 16 MiB.
    pub fn json(url: Url, token: Option<&'a str>) -> Self {
        let limit = 16 * 1024 * 1024;
        Self { url, body: None, accept: "application/json", token, limit, follow: Follow::Same }
    }
}

/// A whole answer with a status of 200 to 299.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Where it came from in the end.
    pub url: Url,
    /// Media type in lower case, without parameters.
    pub content_type: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// The body as a JSON object.
    ///
    /// # Errors
    /// If it is none, is nested too deeply, or has a key twice.
    pub fn object(&self) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        if self.content_type == "text/html" {
            return Err(Error::malformed(&self.url, "the server answers with a web page instead of JSON"));
        }
        match crate::verify::strict::parse(&self.bytes) {
            Ok(serde_json::Value::Object(map)) => Ok(map),
            Ok(_) => Err(Error::malformed(&self.url, "the answer is no JSON object")),
            Err(why) => Err(Error::malformed(&self.url, format!("the answer {why}"))),
        }
    }
}

/// Asks servers.
pub struct Client {
    runtime: Runtime,
    /// For this machine in the clear.
    plain: OnceLock<reqwest::Client>,
    /// For this machine over TLS.
    local: OnceLock<reqwest::Client>,
    /// For the host that the user named.
    home: OnceLock<reqwest::Client>,
    /// For hosts that a server named.
    elsewhere: OnceLock<reqwest::Client>,
    timeout: Duration,
}

impl Client {
    /// A client that gives up on an attempt after `timeout`.
    ///
    /// # Errors
    /// If the system gives no means for it.
    pub fn new(timeout: Duration) -> std::io::Result<Self> {
        // Twice is no harm: the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let [plain, local, home, elsewhere] = std::array::from_fn(|_| OnceLock::new());
        Ok(Self { runtime, plain, local, home, elsewhere, timeout })
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// If there is none, or none that may be used.
    pub fn send(&self, request: &Request<'_>) -> Result<Reply, Error> {
        self.runtime.block_on(self.repeat(request))
    }

    async fn repeat(&self, request: &Request<'_>) -> Result<Reply, Error> {
        let mut attempt = 0;
        loop {
            let (error, wait) = match self.follow(request).await {
                Ok(reply) => return Ok(reply),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Passing(error, wait)) => (error, wait),
            };
            let pause = wait.unwrap_or(Duration::from_millis(300 << attempt));
            if attempt == RETRIES || pause > PATIENCE {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// One attempt, redirects included.
    async fn follow(&self, request: &Request<'_>) -> Result<Reply, Failed> {
        let mut url = request.url.clone();
        for _ in 0..=REDIRECTS {
            let is_home = url.origin() == request.url.origin();
            secure(&url)?;
            let attempt = self.once(request, &url, is_home);
            let answer = tokio::time::timeout(self.timeout, attempt).await;
            let seconds = self.timeout.as_secs();
            let slow = || Error::unreachable(&url, format!("no whole answer within {seconds} seconds"));
            match answer.map_err(|_| Failed::Final(slow()))?? {
                Answer::Whole(reply) => return Ok(reply),
                Answer::Moved(to) => url = moved(request, &url, &to)?,
            }
        }
        Err(Error::refused(&request.url, format!("more than {REDIRECTS} redirects")).into())
    }

    async fn once(&self, request: &Request<'_>, url: &Url, is_home: bool) -> Result<Answer, Failed> {
        let client = self.client(url, is_home)?;
        let mut builder = match &request.body {
            Some(body) => client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.clone()),
            None => client.get(url.clone()),
        };
        builder = builder.header(ACCEPT, request.accept);
        if let Some(token) = request.token.filter(|_| is_home) {
            builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let broken = |error: reqwest::Error| Failed::Passing(Error::unreachable(url, reason(&error)), None);
        let mut response = builder.send().await.map_err(broken)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status().as_u16();
        if let (301 | 302 | 303 | 307 | 308, Some(to)) = (status, header(LOCATION)) {
            return Ok(Answer::Moved(to.to_owned()));
        }
        let wait = header(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let content_type = header(CONTENT_TYPE).and_then(|text| text.split(';').next()).unwrap_or("");
        let content_type = content_type.trim().to_ascii_lowercase();
        let is_fine = (200..300).contains(&status);
        let limit = if is_fine { request.limit } else { REFUSAL };
        let length = response.content_length().unwrap_or(0);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).min(limit));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if bytes.len() + chunk.len() > limit {
                if is_fine {
                    return Err(Error::refused(url, format!("the answer is longer than {limit} bytes")).into());
                }
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        match status {
            _ if is_fine => Ok(Answer::Whole(Reply { url: url.clone(), content_type, bytes })),
            429 | 500 | 502 | 503 | 504 => Err(Failed::Passing(Error::status(url, status, &bytes), wait)),
            _ => Err(Error::status(url, status, &bytes).into()),
        }
    }

    /// This machine is asked directly, everyone else through the proxy that the environment names, if it does.
    fn client(&self, url: &Url, is_home: bool) -> Result<&reqwest::Client, Error> {
        let (is_local, is_plain) = (is_loopback(url), url.scheme() == "http");
        let cell = match (is_local, is_home) {
            (true, _) if is_plain => &self.plain,
            (true, _) => &self.local,
            (false, true) => &self.home,
            (false, false) => &self.elsewhere,
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("skillscan/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.timeout);
        if is_local {
            builder = builder.no_proxy();
            if is_plain {
                // No certificates are needed, and reading those of the system takes longer than all the rest.
                builder = builder.tls_certs_only([]);
            }
        } else if !is_home && !has_proxy() {
            builder = builder.dns_resolver(Arc::new(Public));
        }
        let client = builder.build().map_err(|error| Error::unreachable(url, reason(&error)))?;
        Ok(cell.get_or_init(|| client))
    }
}

/// Whether a proxy is in use: it looks up names itself, and its own may be private.
fn has_proxy() -> bool {
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

enum Answer {
    Whole(Reply),
    Moved(String),
}

/// What to do about a failure.
enum Failed {
    Final(Error),
    /// Another attempt may succeed, after so long.
    Passing(Error, Option<Duration>),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Where a redirect leads, if it may.
fn moved(request: &Request<'_>, from: &Url, to: &str) -> Result<Url, Error> {
    let target = from.join(to).map_err(|_| Error::malformed(from, "a redirect to what is no address"))?;
    if target.origin() == request.url.origin() {
        return Ok(target);
    }
    let refused = |why: &str| Error::refused(from, format!("a redirect to {target}, {why}"));
    if request.follow == Follow::Same || request.body.is_some() {
        return Err(refused("another host, is not followed"));
    }
    if target.scheme() != "https" {
        return Err(refused("which is not secured, is not followed"));
    }
    let address = match target.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    if is_loopback(&target) || address.is_some_and(|address| !is_public(address)) {
        return Err(refused("an address of a private network, is not followed"));
    }
    Ok(target)
}

/// Nothing travels in the clear beyond this machine.
fn secure(url: &Url) -> Result<(), Error> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err(Error::refused(url, "is not secured; only https is used beyond this machine")),
        _ => Err(Error::refused(url, "is neither https nor http")),
    }
}

/// Whether an address is this machine by its text.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether an address is one of the public network.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_benchmark = a == 198 && (18..20).contains(&b);
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || is_shared
        || is_benchmark)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    // Global unicast, without what leads back into IPv4 networks.
    first & 0xe000 == 0x2000 && first != 0x2002 && !(first == 0x2001 && second == 0)
}

/// A server must not send us into the private network that we are in.
struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(format!("{name} is a name for a private network").into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// What went wrong, in our words; the innermost cause tells most.
fn reason(error: &reqwest::Error) -> String {
    if error.is_builder() {
        return "no connection can be made on this system".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = match () {
        () if error.is_connect() => "cannot be reached",
        () if error.is_timeout() => "does not answer in time",
        () if error.is_body() || error.is_decode() => "the answer broke off",
        () => "no answer",
    };
    format!("{what} ({})", crate::report::escape::line(&cause.to_string()))
}
