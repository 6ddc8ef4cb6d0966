//! The registry of skills as it is asked: read-only, exact versions only, and
//! read leniently as to what is unknown. What is missing is never taken for
//! good news.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::error::Error;
use super::http::{Client, Follow, Request};

pub mod choice;
pub mod wire;

pub use choice::Choice;
pub use wire::{Download, GitHub, Install, PluginRelease, Release, ScanStatus, Skill, Verdict};

/// Largest archive of a skill, in bytes; the registry takes 50 MiB unpacked.
const ARCHIVE: usize = 64 * 1024 * 1024;
/// Largest archive of a plugin or of a repository, in bytes.
const LARGE_ARCHIVE: usize = 256 * 1024 * 1024;
/// Skills that are asked about in one request.
const BATCH: usize = 100;

/// A skill by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The owner's handle, without `@`.
    pub owner: Option<String>,
    /// The skill.
    pub slug: String,
}

/// One registry.
pub struct Registry {
    client: Client,
    base: Url,
    token: Option<String>,
    /// Where archives of repositories come from.
    codeload: Url,
}

type Query<'a> = &'a [(&'a str, &'a str)];

impl Registry {
    /// The registry that was chosen.
    ///
    /// # Errors
    /// If the system gives no means to ask it.
    pub fn new(choice: Choice, timeout: Duration) -> std::io::Result<Self> {
        let Choice { base, token, codeload, .. } = choice;
        Ok(Self { client: Client::new(timeout)?, base, token, codeload })
    }

    /// Its address, without a slash at the end.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn url(&self, path: &[&str], query: Query<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn get(&self, path: &[&str], query: Query<'_>) -> Result<(Url, Map<String, Value>), Error> {
        let reply = self.client.send(&Request::json(self.url(path, query), self.token.as_deref()))?;
        let map = reply.object()?;
        Ok((reply.url, map))
    }

    fn of<'a>(name: &'a Named, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let owner = name.owner.as_deref().map(|owner| ("ownerHandle", owner));
        owner.into_iter().chain(more.iter().copied()).collect()
    }

    /// Handles of all owners that have a skill of this name.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn owners(&self, slug: &str) -> Result<Vec<String>, Error> {
        let (_, map) = self.get(&["search"], &[("q", slug), ("mode", "exact"), ("limit", "100")])?;
        let results = map.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut owners: Vec<String> = results
            .iter()
            .filter(|result| result.get("slug").and_then(Value::as_str) == Some(slug))
            .filter_map(|result| {
                let nested = result.get("owner").and_then(|owner| owner.get("handle"));
                result.get("ownerHandle").or(nested).and_then(Value::as_str).map(str::to_lowercase)
            })
            .collect();
        owners.sort();
        owners.dedup();
        Ok(owners)
    }

    /// What it says of a skill.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn skill(&self, name: &Named) -> Result<Skill, Error> {
        let (url, map) = self.get(&["skills", &name.slug], &Self::of(name, &[]))?;
        Skill::read(&map).map_err(|why| Error::malformed(&url, why))
    }

    /// The files of one version, and what its scanners made of it.
    ///
    /// # Errors
    /// If there is no usable answer, or one about another version.
    pub fn release(&self, name: &Named, version: &str) -> Result<Release, Error> {
        let (url, map) = self.get(&["skills", &name.slug, "versions", version], &Self::of(name, &[]))?;
        let release = Release::read(&map).map_err(|why| Error::malformed(&url, why))?;
        if release.version != version {
            return Err(Error::malformed(&url, format!("the answer is about version {}", release.version)));
        }
        Ok(release)
    }

    /// Its verdict on one version; of the latest one without a version.
    ///
    /// # Errors
    /// If there is no usable answer, or one about another version.
    pub fn verdict(&self, name: &Named, version: Option<&str>) -> Result<Verdict, Error> {
        let more: Vec<(&str, &str)> = version.map(|version| ("version", version)).into_iter().collect();
        let (url, map) = self.get(&["skills", &name.slug, "verify"], &Self::of(name, &more))?;
        let verdict = Verdict::read(&map).map_err(|why| Error::malformed(&url, why))?;
        match (version, verdict.version.as_deref()) {
            (Some(asked), got) if got != Some(asked) => {
                let got = got.map_or_else(|| "no version".to_owned(), |got| format!("version {got}"));
                Err(Error::malformed(&url, format!("the answer is about {got}")))
            }
            _ => Ok(verdict),
        }
    }

    /// Its verdicts on many exact versions, in the order in which they were asked for; none where it says nothing.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn verdicts(&self, asked: &[(Named, String)]) -> Result<Vec<Option<Verdict>>, Error> {
        let mut answers = Vec::with_capacity(asked.len());
        for batch in asked.chunks(BATCH) {
            let items: Vec<Value> = batch
                .iter()
                .map(|(name, version)| match &name.owner {
                    Some(owner) => json!({"slug": name.slug, "ownerHandle": owner, "version": version}),
                    None => json!({"slug": name.slug, "version": version}),
                })
                .collect();
            let url = self.url(&["skills", "-", "security-verdicts"], &[]);
            let mut request = Request::json(url, self.token.as_deref());
            request.body = Some(json!({ "items": items }).to_string());
            let map = self.client.send(&request)?.object()?;
            let said = map.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            answers.extend(batch.iter().map(|(name, version)| wire::answer_to(name, version, &said)));
        }
        Ok(answers)
    }

    /// How a skill is installed, where it has no version of its own.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn install(&self, name: &Named) -> Result<Install, Error> {
        let (url, map) = self.get(&["skills", &name.slug, "install"], &Self::of(name, &[]))?;
        Install::read(&map).map_err(|why| Error::malformed(&url, why))
    }

    /// The archive of one exact version.
    ///
    /// # Errors
    /// If there is no usable answer, or one that is neither an archive nor names a repository.
    pub fn download(&self, name: &Named, version: &str) -> Result<Download, Error> {
        let mut query = vec![("slug", name.slug.as_str())];
        query.extend(Self::of(name, &[("version", version)]));
        let request = Request {
            url: self.url(&["download"], &query),
            body: None,
            accept: "application/zip, application/json",
            token: self.token.as_deref(),
            limit: ARCHIVE,
            follow: Follow::Same,
        };
        let reply = self.client.send(&request)?;
        match reply.content_type.as_str() {
            "application/zip" | "application/octet-stream" | "application/x-zip-compressed" => {
                Ok(Download::Zip(reply.bytes))
            }
            "application/json" => {
                let github = GitHub::read(&reply.object()?).map_err(|why| Error::malformed(&reply.url, why))?;
                Ok(Download::GitHub(github))
            }
            other => Err(Error::malformed(&reply.url, format!("the answer is `{other}`, no archive"))),
        }
    }

    /// The archive of a repository at a commit, from the host of repositories and without the token.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn repository(&self, github: &GitHub) -> Result<Vec<u8>, Error> {
        let mut url = self.codeload.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(github.repo.split('/')).push("zip").push(&github.commit);
        }
        let accept = "application/zip";
        let request = Request { url, body: None, accept, token: None, limit: LARGE_ARCHIVE, follow: Follow::Elsewhere };
        Ok(self.client.send(&request)?.bytes)
    }

    /// The latest version of a plugin.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn latest_plugin(&self, name: &str) -> Result<Option<String>, Error> {
        let (_, map) = self.get(&["packages", name], &[])?;
        Ok(wire::latest_of(&map))
    }

    /// What it says of one version of a plugin, with the hashes of its archive.
    ///
    /// # Errors
    /// If there is no usable answer, or one about another version.
    pub fn plugin(&self, name: &str, version: &str) -> Result<PluginRelease, Error> {
        let (url, map) = self.get(&["packages", name, "versions", version, "security"], &[])?;
        let release = PluginRelease::read(&map).map_err(|why| Error::malformed(&url, why))?;
        if release.version != version || release.name != name {
            let why = format!("the answer is about {} {}", release.name, release.version);
            return Err(Error::malformed(&url, why));
        }
        Ok(release)
    }

    /// The archive of one version of a plugin.
    ///
    /// # Errors
    /// If there is no usable answer.
    pub fn plugin_archive(&self, name: &str, version: &str) -> Result<Vec<u8>, Error> {
        let request = Request {
            url: self.url(&["packages", name, "versions", version, "artifact", "download"], &[]),
            body: None,
            accept: "application/octet-stream, application/zip, application/gzip",
            token: self.token.as_deref(),
            limit: LARGE_ARCHIVE,
            follow: Follow::Elsewhere,
        };
        Ok(self.client.send(&request)?.bytes)
    }
}

/// The address of the interface, as the site names it; none if it names none.
///
/// # Errors
/// If the system gives no means to ask it.
pub fn discover(site: &Url, timeout: Duration) -> std::io::Result<Option<Url>> {
    let client = Client::new(timeout)?;
    let found = ["clawhub.json", "clawdhub.json"].iter().find_map(|name| {
        let mut url = site.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend([".well-known", name]);
        let mut request = Request::json(url, None);
        request.limit = 64 * 1024;
        let map: BTreeMap<String, Value> = client.send(&request).ok()?.object().ok()?.into_iter().collect();
        let base = map.get("apiBase").or_else(|| map.get("registry"))?.as_str()?;
        choice::base(base).ok()
    });
    // A site on the network must not send anyone to a server on their own machine.
    Ok(found.filter(|base| super::http::is_loopback(site) || !super::http::is_loopback(base)))
}
