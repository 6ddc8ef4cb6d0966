//! A registry on this machine: answers as the real one is described to, over
//! HTTP, and can be told to misbehave in every way that a server can.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use skillscan::hashes::{self, FileHash, Sha256};

// Benches use this file from elsewhere.
#[path = "mock/wire.rs"]
mod wire;
#[path = "mock/zip.rs"]
pub(crate) mod zip;

pub(crate) use wire::{Trouble, serve};
use wire::{misbehave, respond};
pub(crate) use zip::{Lie, directory_elsewhere, lying_zip, two_directories, zip};

/// When every version was published.
pub(crate) const PUBLISHED: u64 = 1_770_000_000_000;

/// Files by path, in the order in which they were published.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// Status, media type and body.
type Answer = (u16, &'static str, Vec<u8>);

/// Owner, name and skill.
type Found = (String, String, Skill);

/// One version of a skill.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) files: Files,
    /// What the registry's scan says; null for not scanned.
    pub(crate) status: Option<String>,
    /// Sent instead of the archive of `files`.
    pub(crate) archive: Option<Vec<u8>>,
}

/// One skill.
#[derive(Clone, Default)]
pub(crate) struct Skill {
    pub(crate) versions: BTreeMap<String, Version>,
    pub(crate) latest: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Blocked as malware: most routes know nothing of it then.
    pub(crate) is_malware: bool,
    /// Name that the skill has now, if it was renamed.
    pub(crate) renamed: Option<String>,
    /// Kept in a repository, in this folder of it.
    pub(crate) github: Option<(String, Files)>,
}

#[derive(Default)]
struct State {
    skills: BTreeMap<(String, String), Skill>,
    plugins: BTreeMap<String, (String, Vec<u8>, Option<String>)>,
    troubles: Vec<(String, Trouble)>,
    requests: Vec<String>,
}

/// The registry; stops answering when the process ends.
#[derive(Clone)]
pub(crate) struct Registry {
    state: Arc<Mutex<State>>,
    port: u16,
}

impl Registry {
    /// Starts one that knows nothing.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let registry = Self { state: Arc::default(), port };
        let served = registry.clone();
        serve(listener, move |stream| served.serve(stream));
        registry
    }

    /// The same registry over TLS, on the port that is returned.
    pub(crate) fn secured(&self, config: Arc<rustls::ServerConfig>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let served = self.clone();
        serve(listener, move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).ok()?;
            served.serve(rustls::StreamOwned::new(connection, stream))
        });
        port
    }

    /// One that has a clean skill `@alice/demo` of these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let registry = Self::start();
        registry.publish("alice", "demo", "1.0.0", files);
        registry
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Publishes a clean version, which is the latest then.
    pub(crate) fn publish(&self, owner: &str, slug: &str, version: &str, files: &[(&str, &str)]) {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        self.skill(owner, slug, |skill| {
            let status = Some("clean".to_owned());
            skill.versions.insert(version.to_owned(), Version { files, status, archive: None });
            skill.latest = Some(version.to_owned());
            skill.tags.insert("latest".to_owned(), version.to_owned());
        });
    }

    /// Changes a skill.
    pub(crate) fn skill(&self, owner: &str, slug: &str, change: impl FnOnce(&mut Skill)) {
        change(self.state().skills.entry((owner.to_owned(), slug.to_owned())).or_default());
    }

    /// Changes a version of `@alice/demo`.
    pub(crate) fn demo(&self, version: &str, change: impl FnOnce(&mut Version)) {
        self.skill("alice", "demo", |skill| change(skill.versions.get_mut(version).expect("it is published")));
    }

    /// Publishes a plugin.
    pub(crate) fn plugin(&self, name: &str, version: &str, archive: Vec<u8>, claimed: Option<&str>) {
        let value = (version.to_owned(), archive, claimed.map(str::to_owned));
        self.state().plugins.insert(name.to_owned(), value);
    }

    /// From now on, what begins with this path misbehaves.
    pub(crate) fn trouble(&self, path: &str, trouble: Trouble) {
        self.state().troubles.push((path.to_owned(), trouble));
    }

    /// What was asked so far: method, path and query, and whether a token came with it.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    fn serve(&self, stream: impl Read + Write) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let (method, target) = line.split_once(' ').map(|(m, rest)| (m, rest.split(' ').next().unwrap_or("")))?;
        let (mut length, mut has_token) = (0, false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_lowercase();
            if header.is_empty() {
                break;
            }
            length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap_or(0));
            has_token |= header.starts_with("authorization:");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let token = if has_token { " with token" } else { "" };
        self.state().requests.push(format!("{method} {target}{token}"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let stream = reader.get_mut();
        if let Some(trouble) = self.trouble_at(path) {
            return misbehave(stream, trouble);
        }
        let query: BTreeMap<String, String> =
            url::form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let (status, kind, bytes) = self.answer(path, &query, &body);
        respond(stream, status, &[("content-type".to_owned(), kind.to_owned())], &bytes)
    }

    fn trouble_at(&self, path: &str) -> Option<Trouble> {
        let mut state = self.state();
        let index = state.troubles.iter().position(|(prefix, _)| path.starts_with(prefix.as_str()))?;
        let trouble = state.troubles[index].1.clone();
        if matches!(trouble, Trouble::Once(..)) {
            state.troubles.remove(index);
        }
        Some(trouble)
    }

    fn answer(&self, path: &str, query: &BTreeMap<String, String>, body: &[u8]) -> Answer {
        let parts: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [".well-known", "clawhub.json"] => ok(&json!({"apiBase": self.url(), "minCliVersion": "0.1.0"})),
            ["codeload", owner, name, "zip", _] => self.repository(&format!("{owner}/{name}")),
            ["api", "v1", rest @ ..] => self.api(rest, query, body),
            ["api", "cli", ..] => ok(&json!({"ok": true})),
            _ => missing(),
        }
    }

    fn api(&self, parts: &[&str], query: &BTreeMap<String, String>, body: &[u8]) -> Answer {
        let get = |key: &str| query.get(key).map(String::as_str);
        match parts {
            ["search"] => self.search(get("q").unwrap_or("")),
            ["skills", "-", "security-verdicts"] => self.verdicts(body),
            ["skills", slug, rest @ ..] => {
                let owner = get("ownerHandle").or(get("owner"));
                match self.find(owner, slug) {
                    Ok((owner, slug, skill)) => self.of_skill(&owner, &slug, &skill, rest, query),
                    Err(answer) => answer,
                }
            }
            ["download"] => match self.find(get("ownerHandle"), get("slug").unwrap_or("")) {
                Ok((_, slug, skill)) if !skill.is_malware => download(&slug, &skill, get("version").or(get("tag"))),
                Ok(_) => missing(),
                Err(answer) => answer,
            },
            ["resolve"] => match self.find(get("ownerHandle"), get("slug").unwrap_or("")) {
                Ok((_, slug, skill)) => resolve(&slug, &skill, get("hash").unwrap_or("")),
                Err(answer) => answer,
            },
            ["packages", name, rest @ ..] => self.package(name, rest),
            _ => missing(),
        }
    }

    fn find(&self, owner: Option<&str>, slug: &str) -> Result<Found, Answer> {
        let state = self.state();
        let owner = owner.map(|owner| owner.trim_start_matches('@').to_lowercase());
        let found: Vec<_> = state
            .skills
            .iter()
            .filter(|((of, name), _)| name == slug && owner.as_ref().is_none_or(|owner| owner == of))
            .collect();
        match found.as_slice() {
            [] => Err(missing()),
            [((owner, slug), skill)] => match &skill.renamed {
                Some(now) => {
                    let key = (owner.clone(), now.clone());
                    Ok((owner.clone(), now.clone(), state.skills[&key].clone()))
                }
                None => Ok((owner.clone(), slug.clone(), (*skill).clone())),
            },
            several => {
                let matches: Vec<Value> = several
                    .iter()
                    .map(|((owner, slug), _)| json!({"ownerHandle": owner, "slug": slug, "ref": format!("@{owner}/{slug}")}))
                    .collect();
                let body =
                    json!({"code": "AMBIGUOUS_SKILL_SLUG", "message": "ambiguous", "slug": slug, "matches": matches});
                Err((409, "application/json", body.to_string().into_bytes()))
            }
        }
    }

    fn search(&self, wanted: &str) -> Answer {
        let state = self.state();
        let results: Vec<Value> = state
            .skills
            .keys()
            .filter(|(_, slug)| slug == wanted)
            .map(|(owner, slug)| json!({"score": 1, "slug": slug, "ownerHandle": owner, "summary": null, "version": null}))
            .collect();
        ok(&json!({"results": results}))
    }

    fn of_skill(
        &self,
        owner: &str,
        slug: &str,
        skill: &Skill,
        rest: &[&str],
        query: &BTreeMap<String, String>,
    ) -> Answer {
        let known = |version: &str| skill.versions.get(version).map(|found| (version.to_owned(), found.clone()));
        match rest {
            ["verify"] => {
                let version = query.get("version").or(skill.latest.as_ref());
                match version.and_then(|version| known(version)) {
                    Some((version, found)) => ok(&verdict(owner, slug, skill, &version, &found)),
                    None if skill.github.is_some() => ok(&json!({"ok": true, "decision": "pass", "reasons": [],
                        "security": {"status": "clean"}})),
                    None => missing(),
                }
            }
            _ if skill.is_malware => missing(),
            [] => ok(&json!({
                "skill": {"slug": slug, "displayName": slug, "summary": null, "tags": skill.tags,
                    "stats": {"downloads": 1, "stars": 0, "installs": 0, "versions": 1, "comments": 0},
                    "createdAt": PUBLISHED, "updatedAt": PUBLISHED},
                "latestVersion": skill.latest.as_ref().map(|version| json!({"version": version, "createdAt": PUBLISHED,
                    "changelog": "", "license": "MIT-0"})),
                "metadata": null,
                "owner": {"handle": owner, "userId": "u1", "displayName": owner, "image": null},
                "moderation": null, "unknownField": {"later": true}})),
            ["versions", version] => match known(version) {
                Some((version, found)) => ok(&json!({
                    "skill": {"slug": slug, "displayName": slug},
                    "version": {"version": version, "createdAt": PUBLISHED, "changelog": "", "changelogSource": "user",
                        "license": "MIT-0", "files": listed(&found.files), "security": security(&found)}})),
                None => missing(),
            },
            ["install"] => match (&skill.github, &skill.latest) {
                (Some((path, files)), _) => ok(&json!({"ok": true, "installKind": "github", "slug": slug,
                    "github": {"repo": "acme/tools", "path": path, "commit": "0".repeat(40),
                        "contentHash": hashes::content_hash(&hashed(files)).to_string()}})),
                (None, Some(version)) => ok(&json!({"ok": true, "installKind": "archive", "slug": slug,
                    "archive": {"version": version, "downloadUrl":
                        format!("{}/api/v1/download?slug={slug}&ownerHandle={owner}&version={version}", self.url())}})),
                _ => missing(),
            },
            _ => missing(),
        }
    }

    fn verdicts(&self, body: &[u8]) -> Answer {
        let asked: Value = serde_json::from_slice(body).expect("a request is JSON");
        let mut items = Vec::new();
        for item in asked["items"].as_array().expect("a request has items") {
            let (slug, version) = (item["slug"].as_str().unwrap_or(""), item["version"].as_str().unwrap_or(""));
            let found = self.find(item["ownerHandle"].as_str(), slug);
            let mut answer = match &found {
                Ok((owner, slug, skill)) if skill.versions.contains_key(version) => {
                    verdict(owner, slug, skill, version, &skill.versions[version])
                }
                _ => json!({"ok": false, "decision": "fail", "reasons": ["version.not_found"], "version": null,
                    "security": null, "error": {"code": "version_not_found", "message": "Version not found"}}),
            };
            // The card plays no part here.
            if answer["reasons"] == json!(["card.missing"]) {
                answer["ok"] = json!(true);
                answer["decision"] = json!("pass");
                answer["reasons"] = json!([]);
            }
            // What newer servers send.
            answer["overview"] = json!("Nothing of note.");
            answer["securityAuditUrl"] = json!(format!("{}/audit", self.url()));
            answer["requestedSlug"] = item["slug"].clone();
            answer["requestedOwnerHandle"] = item["ownerHandle"].clone();
            answer["requestedVersion"] = item["version"].clone();
            items.push(answer);
        }
        // The order of the answers says nothing.
        items.reverse();
        ok(&json!({"schema": "clawhub.skill.security-verdicts.v1", "items": items}))
    }

    fn repository(&self, _name: &str) -> Answer {
        let state = self.state();
        let Some((path, files)) = state.skills.values().find_map(|skill| skill.github.clone()) else {
            return missing();
        };
        let files: Files = files.into_iter().map(|(name, bytes)| (format!("tools-0/{path}/{name}"), bytes)).collect();
        let mut members: Vec<(&str, &[u8], Lie)> =
            vec![("tools-0/README.md", b"# Tools\n", Lie::None), ("tools-0/CLAUDE.md", b"README.md", Lie::Link)];
        members.extend(files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..], Lie::None)));
        (200, "application/zip", lying_zip(&members))
    }

    fn package(&self, name: &str, rest: &[&str]) -> Answer {
        let Some((version, archive, claimed)) = self.state().plugins.get(name).cloned() else { return missing() };
        let sha256 = claimed.unwrap_or_else(|| Sha256::of(&archive).to_string());
        match rest {
            [] => ok(&json!({"package": {"name": name, "tags": {"latest": version}}})),
            ["versions", asked, "security"] if *asked == version => ok(&json!({
                "package": {"name": name, "displayName": name, "family": "code-plugin"},
                "release": {"releaseId": "r1", "version": version, "artifactKind": "npm-pack", "artifactSha256": sha256,
                    "npmIntegrity": null, "createdAt": PUBLISHED},
                "trust": {"scanStatus": "clean", "moderationState": null, "blockedFromDownload": false, "reasons": [],
                    "pending": false, "stale": false}})),
            ["versions", asked, "artifact", "download"] if *asked == version => {
                (200, "application/octet-stream", archive)
            }
            _ => missing(),
        }
    }
}

fn decoded(part: &str) -> String {
    part.replace("%40", "@").replace("%2F", "/").replace("%2f", "/")
}

fn ok(value: &Value) -> Answer {
    (200, "application/json", value.to_string().into_bytes())
}

fn missing() -> Answer {
    (404, "text/plain", b"Skill not found".to_vec())
}

fn hashed(files: &[(String, Vec<u8>)]) -> Vec<FileHash> {
    files.iter().map(|(path, bytes)| FileHash::of(path.as_str(), bytes)).collect()
}

fn listed(files: &[(String, Vec<u8>)]) -> Vec<Value> {
    hashed(files)
        .iter()
        .map(|file| json!({"path": file.path, "size": file.size, "sha256": file.sha256.to_string(), "contentType": null}))
        .collect()
}

fn security(version: &Version) -> Value {
    match &version.status {
        Some(status) => {
            json!({"status": status, "passed": status == "clean", "hasWarnings": false, "hasScanResult": true, "scanners": {"vt": null}})
        }
        None => Value::Null,
    }
}

fn verdict(owner: &str, slug: &str, skill: &Skill, version: &str, found: &Version) -> Value {
    let mut reasons = vec!["card.missing"];
    if skill.is_malware {
        reasons.push("moderation.malware_blocked");
    }
    if found.status.as_deref() != Some("clean") {
        reasons.push("security.status_not_clean");
    }
    json!({"schema": "clawhub.skill.verify.v1", "ok": false, "decision": "fail", "reasons": reasons, "slug": slug,
        "publisherHandle": owner, "version": version, "resolvedFrom": "version", "createdAt": PUBLISHED,
        "artifact": {"sourceFingerprint": hashes::fingerprint(&hashed(&found.files)).to_string(),
            "bundleFingerprints": [], "files": listed(&found.files)},
        "security": security(found), "signature": {"status": "unsigned"}})
}

/// What the registry adds to each download.
pub(crate) fn meta(slug: &str, version: &str) -> String {
    let meta = json!({"ownerId": "kn70aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "slug": slug, "version": version,
        "publishedAt": PUBLISHED});
    serde_json::to_string_pretty(&meta).expect("it is JSON")
}

fn download(slug: &str, skill: &Skill, version: Option<&str>) -> Answer {
    // An unknown tag silently means the latest version.
    let version = version.filter(|version| skill.versions.contains_key(*version)).or(skill.latest.as_deref());
    let Some((version, found)) = version.and_then(|version| Some((version, skill.versions.get(version)?))) else {
        return missing();
    };
    if matches!(found.status.as_deref(), Some("malicious" | "error")) {
        return (403, "text/plain", b"Blocked: this version was found to be malicious".to_vec());
    }
    let archive = found.archive.clone().unwrap_or_else(|| {
        let mut files = found.files.clone();
        files.push(("_meta.json".to_owned(), meta(slug, version).into_bytes()));
        zip(&files)
    });
    (200, "application/zip", archive)
}

fn resolve(slug: &str, skill: &Skill, hash: &str) -> Answer {
    let found =
        skill.versions.iter().find(|(_, version)| hashes::fingerprint(&hashed(&version.files)).to_string() == hash);
    ok(&json!({"slug": slug, "match": found.map(|(version, _)| json!({"version": version})),
        "latestVersion": skill.latest.as_ref().map(|version| json!({"version": version}))}))
}
