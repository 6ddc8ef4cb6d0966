//! Fetches one exact version and all that the registry says of it. Whatever
//! goes wrong is a reason to stop, never an absence of reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use data_encoding::BASE64;
use sha2::Digest;

use super::contents::{self, Contents};
use super::{Candidate, Identity, Weight};
use crate::Verdict as Grade;
use crate::hashes::{self, FileHash, Lines, Sha256};
use crate::limits::Limits;
use crate::net::Error;
use crate::net::registry::{Download, GitHub, Install, Named, Registry, Release, ScanStatus, Skill, Verdict};

/// A stop on the way; what speaks against the candidate stands in it.
struct Stopped;

type Step<T> = Result<T, Stopped>;

/// Fetches a skill: its version, or the one that a tag or `latest` names now.
pub fn skill(registry: &Registry, asked: &Named, at: Option<&str>, limits: &Limits) -> Candidate {
    let mut fetch = Fetch { registry, limits, candidate: Candidate::default() };
    fetch.candidate.shown = shown(asked, at);
    // Either way the candidate holds what there is to say.
    let _ = fetch.skill(asked, at);
    fetch.candidate
}

/// Fetches a plugin.
pub fn plugin(registry: &Registry, name: &str, version: Option<&str>, limits: &Limits) -> Candidate {
    let mut fetch = Fetch { registry, limits, candidate: Candidate::default() };
    fetch.candidate.shown = format!("plugin:{name}");
    let _ = fetch.plugin(name, version);
    fetch.candidate
}

fn shown(name: &Named, at: Option<&str>) -> String {
    let owner = name.owner.as_ref().map(|owner| format!("@{owner}/")).unwrap_or_default();
    let at = at.map(|at| format!("@{at}")).unwrap_or_default();
    format!("{owner}{}{at}", name.slug)
}

struct Fetch<'a> {
    registry: &'a Registry,
    limits: &'a Limits,
    candidate: Candidate,
}

impl Fetch<'_> {
    fn stop<T>(&mut self, weight: Weight, code: &'static str, text: impl Into<String>) -> Step<T> {
        self.candidate.because(weight, code, text);
        Err(Stopped)
    }

    fn note(&mut self, code: &'static str, text: impl Into<String>) {
        self.candidate.because(Weight::Note, code, text);
    }

    /// Stops on an error. Texts of errors are escaped already, and to escape them again changes nothing.
    fn ok<T>(&mut self, result: Result<T, Error>) -> Step<T> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let (weight, code) = match error.code() {
            Some(404) => (Weight::Missing, "registry/not-found"),
            Some(409) => (Weight::Missing, "registry/ambiguous"),
            Some(410) => (Weight::Missing, "registry/withdrawn"),
            Some(403) => (Weight::Refused, "registry/blocked"),
            Some(423) => (Weight::Refused, "registry/pending"),
            _ => (Weight::Refused, "registry/undecided"),
        };
        let mut text = error.to_string();
        if let Error::Status { body: Some(body), .. } = &error {
            let matches = body.get("matches").and_then(serde_json::Value::as_array);
            let refs = matches.into_iter().flatten().filter_map(|found| found.get("ref")?.as_str());
            let refs: Vec<&str> = refs.take(10).collect();
            if !refs.is_empty() {
                text.push_str(&format!("; name one of {}", refs.join(", ")));
            }
        }
        self.stop(weight, code, text)
    }

    /// As [`Self::ok`], and where the registry hides something, asks for the one answer that tells known malware.
    fn visible<T>(&mut self, result: Result<T, Error>, name: &Named, version: Option<&str>) -> Step<T> {
        if let Err(Error::Status { status: 403 | 404 | 410 | 423, .. }) = &result {
            let verdict = self.registry.verdict(name, version).or_else(|_| self.registry.verdict(name, None));
            if verdict.is_ok_and(|verdict| verdict.is_malware()) {
                let text = format!("the registry blocks {} as malware", shown(name, None));
                return self.stop(Weight::Counts(Grade::Malicious), "registry/malware", text);
            }
        }
        self.ok(result)
    }

    fn skill(&mut self, asked: &Named, at: Option<&str>) -> Step<()> {
        let mut name = asked.clone();
        if name.owner.is_none() {
            name.owner = self.only_owner(&name.slug)?;
        }
        let result = self.registry.skill(&name);
        let skill = self.visible(result, &name, at.filter(|at| is_exact(at)))?;
        self.same_skill(&mut name, &skill)?;
        if skill.is_malware {
            let text = format!("the registry blocks {} as malware", shown(&name, None));
            return self.stop(Weight::Counts(Grade::Malicious), "registry/malware", text);
        }
        let is_owner_named = asked.owner.is_some();
        let Some(version) = self.version(&skill, at)? else {
            return self.kept_elsewhere(name, is_owner_named, at);
        };
        self.candidate.shown = shown(&name, Some(&version));
        let result = self.registry.release(&name, &version);
        let release = self.visible(result, &name, Some(&version))?;
        let created_at = release.created_at;
        self.candidate.identity = Some(Identity { name: name.clone(), is_owner_named, version, created_at });
        self.judged(&name, &release)?;
        let result = self.registry.download(&name, &release.version);
        let bytes = match self.visible(result, &name, Some(&release.version))? {
            Download::Zip(bytes) => bytes,
            Download::GitHub(github) => return self.repository(&github),
        };
        self.unpack(bytes)?;
        let problems = contents::against(&self.candidate.contents, &release, &name.slug);
        for problem in problems {
            self.candidate.because(Weight::Refused, "archive/other-files", problem);
        }
        self.strays();
        Ok(())
    }

    /// A name without an owner means the only skill that has it.
    fn only_owner(&mut self, slug: &str) -> Step<Option<String>> {
        // Where nothing is found, the skill itself says whose it is.
        let owners = self.registry.owners(slug).unwrap_or_default();
        match owners.as_slice() {
            [] => Ok(None),
            [owner] => Ok(Some(owner.clone())),
            several => {
                let refs: Vec<String> = several.iter().take(10).map(|owner| format!("@{owner}/{slug}")).collect();
                let text = format!("several skills are called `{slug}`: name one of {}", refs.join(", "));
                self.stop(Weight::Missing, "registry/ambiguous", text)
            }
        }
    }

    /// Renamed skills answer to their old names; what has another owner now is another skill.
    fn same_skill(&mut self, name: &mut Named, skill: &Skill) -> Step<()> {
        let now = Named { owner: skill.owner.clone(), slug: skill.slug.clone() };
        if name.owner.is_some() && skill.owner.is_some() && name.owner != skill.owner {
            let text = format!("{} is {} now; name it so if you mean that one", shown(name, None), shown(&now, None));
            return self.stop(Weight::Missing, "registry/moved", text);
        }
        if crate::gate::reference::parse(&format!("clawhub:{}", shown(&now, None)), "".as_ref()).is_err() {
            return self.stop(Weight::Refused, "registry/undecided", "the registry answers with a name that is none");
        }
        if name.slug != skill.slug {
            self.note("registry/renamed", format!("{} is called {} now", shown(name, None), shown(&now, None)));
        }
        let owner = skill.owner.clone().or_else(|| name.owner.clone());
        *name = Named { owner, slug: skill.slug.clone() };
        Ok(())
    }

    /// The exact version that is meant; none if the skill has no versions of its own.
    fn version(&mut self, skill: &Skill, at: Option<&str>) -> Step<Option<String>> {
        let wanted = match at {
            None | Some("latest") => skill.latest.clone(),
            Some(at) if is_exact(at) => Some(at.to_owned()).filter(|_| skill.latest.is_some()),
            Some(tag) => match skill.tags.get(tag) {
                Some(version) => Some(version.clone()),
                None => {
                    let text = format!("`{tag}` is neither a version nor a tag of it");
                    return self.stop(Weight::Missing, "registry/not-found", text);
                }
            },
        };
        let is_odd = wanted.as_deref().is_some_and(|version| semver::Version::parse(version).is_err());
        if is_odd {
            return self.stop(Weight::Refused, "registry/undecided", "the registry names a version that is none");
        }
        Ok(wanted)
    }

    /// Takes what the registry says of one version.
    fn judged(&mut self, name: &Named, release: &Release) -> Step<()> {
        let result = self.registry.verdict(name, Some(&release.version));
        let verdict = match result {
            Ok(verdict) => verdict,
            Err(error) => {
                let text = format!("no verdict of the registry: {error}");
                self.candidate.because(Weight::Counts(Grade::Incomplete), "registry/undecided", text);
                self.status(&release.status);
                return Ok(());
            }
        };
        if verdict.is_malware() || release.status == ScanStatus::Malicious {
            let text = format!("the registry judges {} malicious", shown(name, Some(&release.version)));
            self.candidate.because(Weight::Counts(Grade::Malicious), "registry/malware", text);
            return Ok(());
        }
        if verdict.status == release.status || release.status == ScanStatus::Unscanned {
            self.status(&verdict.status);
        } else {
            self.status(&verdict.status);
            self.status(&release.status);
        }
        for reason in &verdict.reasons {
            let weight = match reason.as_str() {
                "security.status_not_clean" if verdict.status == ScanStatus::Suspicious => Weight::Note,
                _ => Weight::Counts(Grade::Incomplete),
            };
            self.candidate.because(weight, "registry/reason", format!("the registry says `{reason}`"));
        }
        self.same_files(&verdict, release)
    }

    /// The registry tells the files of a version in two places, and a hash over them.
    fn same_files(&mut self, verdict: &Verdict, release: &Release) -> Step<()> {
        if verdict.files.is_empty() {
            return Ok(());
        }
        let listed: BTreeMap<&str, &FileHash> = release.files.iter().map(|file| (file.path.as_str(), file)).collect();
        let told: BTreeSet<&str> = verdict.files.iter().map(|file| file.path.as_str()).collect();
        let is_same = verdict.files.iter().all(|file| listed.get(file.path.as_str()) == Some(&file))
            && listed.keys().all(|path| *path == contents::CARD || told.contains(path));
        let is_hash = |hash: Sha256| hashes::is_hash_of(hash, &verdict.files, Lines::Fingerprint);
        if !is_same || !verdict.fingerprint.is_none_or(is_hash) {
            let text = "the registry contradicts itself about the files of this version";
            self.candidate.because(Weight::Refused, "registry/contradiction", text);
        }
        Ok(())
    }

    fn status(&mut self, status: &ScanStatus) {
        let (weight, code) = match status {
            ScanStatus::Clean => (Weight::Note, "registry/clean"),
            ScanStatus::Suspicious => (Weight::Counts(Grade::Warn), "registry/suspicious"),
            ScanStatus::Malicious => (Weight::Counts(Grade::Malicious), "registry/malware"),
            _ => (Weight::Counts(Grade::Incomplete), "registry/undecided"),
        };
        self.candidate.because(weight, code, format!("the registry's scan of it: {}", status.name()));
    }

    fn unpack(&mut self, bytes: Vec<u8>) -> Step<()> {
        let Some(contents) = contents::unpack(&bytes, self.limits) else {
            return self.stop(Weight::Refused, "archive/unreadable", "what was downloaded is no archive");
        };
        self.candidate.packed = Some(Arc::from(bytes));
        self.take(contents)
    }

    fn take(&mut self, contents: Contents) -> Step<()> {
        for problem in contents.problems.iter().take(10) {
            self.candidate.because(Weight::Refused, "archive/unsafe", problem.clone());
        }
        let is_empty = contents.files.is_empty();
        self.candidate.contents = contents;
        if is_empty {
            return self.stop(Weight::Refused, "archive/empty", "the archive holds no file that can be installed");
        }
        Ok(())
    }

    fn strays(&mut self) {
        let strays: Vec<String> = contents::strays(&self.candidate.contents).iter().map(|&p| p.to_owned()).collect();
        if let Some(first) = strays.first() {
            let more = match strays.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let text = format!("holds `{first}`{more}, which the registry's client does not look at again");
            self.note("archive/uncovered", text);
        }
    }

    /// A skill that the registry keeps no archive of.
    fn kept_elsewhere(&mut self, name: Named, is_owner_named: bool, at: Option<&str>) -> Step<()> {
        let result = self.registry.install(&name);
        let github = match self.visible(result, &name, None)? {
            Install::GitHub(github) => github,
            Install::Archive(version) => {
                let text = format!("it has no latest version; name one, such as {version}");
                return self.stop(Weight::Missing, "registry/not-found", text);
            }
            Install::Blocked(reason) => {
                return self.stop(Weight::Refused, "registry/blocked", format!("the registry says `{reason}`"));
            }
        };
        if at.is_some_and(|at| at != "latest" && !at.eq_ignore_ascii_case(&github.commit)) {
            let text = format!("the registry offers commit {} only", github.commit);
            return self.stop(Weight::Missing, "registry/not-found", text);
        }
        let version = github.commit.clone();
        self.candidate.shown = shown(&name, Some(&version));
        let verdict = self.registry.verdict(&name, None);
        self.candidate.identity = Some(Identity { name, is_owner_named, version, created_at: None });
        match verdict {
            Ok(verdict) if verdict.is_malware() => self.status(&ScanStatus::Malicious),
            Ok(verdict) => self.status(&verdict.status),
            Err(error) => {
                let text = format!("no verdict of the registry: {error}");
                self.candidate.because(Weight::Counts(Grade::Incomplete), "registry/undecided", text);
            }
        }
        self.repository(&github)
    }

    fn repository(&mut self, github: &GitHub) -> Step<()> {
        let result = self.registry.repository(github);
        let bytes = self.ok(result)?;
        // The archive of a commit has one folder at its top.
        let path = if github.path == "." { "" } else { github.path.as_str() };
        let Some(mut contents) = contents::unpack_folder(&bytes, self.limits, path) else {
            return self.stop(Weight::Refused, "archive/unreadable", "what was downloaded is no archive");
        };
        if path.is_empty() {
            // Of a repository that is a skill itself the registry hashes what lies at its top.
            contents.files.retain(|file| !file.path.contains('/'));
        }
        if !hashes::is_hash_of(github.content_hash, &contents.hashes(), Lines::ContentHash) {
            let text = format!("the files of commit {} are not those that the registry looked at", github.commit);
            self.candidate.because(Weight::Refused, "archive/other-files", text);
        }
        self.take(contents)?;
        self.strays();
        Ok(())
    }

    fn plugin(&mut self, name: &str, version: Option<&str>) -> Step<()> {
        let version = match version {
            Some(version) => version.to_owned(),
            None => {
                let result = self.registry.latest_plugin(name);
                match self.ok(result)?.filter(|version| semver::Version::parse(version).is_ok()) {
                    Some(version) => version,
                    None => return self.stop(Weight::Missing, "registry/not-found", "it has no latest version"),
                }
            }
        };
        self.candidate.shown = format!("plugin:{name}@{version}");
        let result = self.registry.plugin(name, &version);
        let release = self.ok(result)?;
        self.status(&release.status);
        for reason in &release.reasons {
            self.note("registry/reason", format!("the registry says `{reason}`"));
        }
        if release.is_blocked {
            let text = "the registry gives this version to no one";
            return self.stop(Weight::Counts(Grade::Malicious), "registry/blocked", text);
        }
        let result = self.registry.plugin_archive(name, &version);
        let bytes = self.ok(result)?;
        if !is_artifact(&bytes, release.sha256, release.integrity.as_deref()) {
            let text = "the archive is not the one whose hash the registry tells";
            self.candidate.because(Weight::Refused, "archive/other-bytes", text);
        }
        self.unpack(bytes)
    }
}

/// Whether these are the bytes of at least one hash that is told, and of none other.
fn is_artifact(bytes: &[u8], sha256: Option<Sha256>, integrity: Option<&str>) -> bool {
    let digest = integrity.and_then(|text| text.strip_prefix("sha512-")).map(|text| text.trim().to_owned());
    let is_sha256 = sha256.map(|hash| hash == Sha256::of(bytes));
    let is_sha512 = digest.map(|digest| digest == BASE64.encode(&sha2::Sha512::digest(bytes)));
    (is_sha256.is_some() || is_sha512.is_some()) && is_sha256 != Some(false) && is_sha512 != Some(false)
}

/// Whether a text is a version, or a commit, and no tag.
fn is_exact(at: &str) -> bool {
    semver::Version::parse(at).is_ok() || at.len() == 40 && at.chars().all(|c| c.is_ascii_hexdigit())
}
