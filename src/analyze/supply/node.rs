//! Manifests and lock files of npm, pnpm, yarn and bun.

use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::entry::{Ecosystem, Entry, Form, Reference, Section, Source, is_archive, source};
use super::read::{Anchor, at, flag, json, list, scalar, table, text, yaml};
use super::{Index, Read, Use};

/// Sections of `package.json`.
const SECTIONS: [(&str, Section); 4] = [
    ("dependencies", Section::Main),
    ("optionalDependencies", Section::Optional),
    ("devDependencies", Section::Dev),
    ("peerDependencies", Section::Peer),
];

/// Most entries of one file.
const ENTRIES: usize = 50_000;

/// Reads `package.json`.
pub(super) fn manifest(content: &str) -> Option<Read> {
    let root = json(content)?;
    let mut read = Read::manifest(Ecosystem::Npm);
    read.identity = text(&root, "name").zip(text(&root, "version")).map(|(n, v)| (n.to_owned(), v.to_owned()));
    let repository = root.get("repository").map(|r| text(r, "url").or(r.as_str()).unwrap_or(""));
    read.owner =
        repository.and_then(|url| owner(&source(url).map_or_else(|| shorthand(url).unwrap_or_default(), |s| s.url)));
    for (key, section) in SECTIONS {
        for (name, value) in table(&root, &[key]).take(ENTRIES) {
            let Some(spec) = value.as_str() else { continue };
            let anchor = Anchor::keys([key, name], spec);
            read.entries.push(Entry { section, ..specified(name, spec, anchor) });
        }
    }
    let mut stack: Vec<(&Value, usize)> = [&["overrides"][..], &["resolutions"], &["pnpm", "overrides"]]
        .iter()
        .filter_map(|p| at(&root, p))
        .map(|v| (v, 0))
        .collect();
    while let Some((value, depth)) = stack.pop() {
        for (name, value) in table(value, &[]).take(ENTRIES) {
            if let Some(spec) = value.as_str() {
                let bare = after_scope_cut(name.rsplit("**/").next().unwrap_or(name));
                let entry = specified(bare, spec, Anchor::keys([name], spec));
                // `$name` and `.` refer to what is named elsewhere.
                if !spec.starts_with('$') && bare != "." {
                    read.entries.push(Entry { section: Section::Override, ..entry });
                }
            } else if depth < 8 {
                stack.push((value, depth + 1));
            }
        }
    }
    read.repeated = repeated(content);
    read.places = places(&root);
    read.phases = table(&root, &["scripts"])
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .take(500)
        .collect();
    Some(read)
}

/// Keys that the top of a manifest has twice: readers differ in which of them counts.
fn repeated(content: &str) -> Vec<String> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys: Vec<String> = Vec::new();
            while let Some(key) = map.next_key::<String>()? {
                map.next_value::<IgnoredAny>()?;
                keys.push(key);
            }
            keys.sort();
            let twice =
                keys.windows(2).filter(|pair| pair.first() == pair.last()).filter_map(|pair| pair.first().cloned());
            Ok(twice.take(20).collect())
        }
    }
    serde_json::Deserializer::from_str(content).deserialize_map(Keys).unwrap_or_default()
}

/// Files that a manifest names as its own: what it is for, and the path.
fn places(root: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for key in ["main", "module", "browser", "types", "bin"] {
        match root.get(key) {
            Some(Value::String(path)) => found.push((key.to_owned(), path.clone())),
            Some(Value::Object(map)) if key == "bin" => {
                found.extend(
                    map.iter().filter_map(|(name, path)| Some((format!("bin:{name}"), path.as_str()?.to_owned()))),
                );
            }
            _ => {}
        }
    }
    found.truncate(200);
    found
}

/// The name of an override without its range.
fn after_scope_cut(name: &str) -> &str {
    split_at_version(name).map_or(name, |(name, _)| name)
}

/// `name@rest`, where a leading `@` belongs to the name.
fn split_at_version(text: &str) -> Option<(&str, &str)> {
    let start = usize::from(text.starts_with('@'));
    let at = start + text.get(start..)?.find('@')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// An entry out of what `package.json` says about it.
fn specified(name: &str, spec: &str, anchor: Anchor) -> Entry {
    let spec = spec.trim();
    let mut entry = Entry::new(name, spec, anchor);
    if let Some(aliased) = spec.strip_prefix("npm:") {
        let (real, version) = split_at_version(aliased).unwrap_or((aliased, "*"));
        entry.real = Some(real.to_owned());
        entry.version = version.to_owned();
    } else if ["workspace:", "link:", "portal:", "catalog:", "patch:"].iter().any(|own| spec.starts_with(own)) {
        entry.is_own = true;
        entry.version.clear();
    } else if spec.starts_with("file:") || spec.starts_with("./") || spec.starts_with("../") || spec.starts_with('/') {
        entry.is_own = true;
        entry.version.clear();
        // A folder is read like everything else.
        let packed = Source { form: Form::File, url: String::new(), reference: Reference::Commit };
        entry.source = is_archive(spec).then_some(packed);
    } else if let Some(source) = source(spec) {
        entry.source = Some(source);
        entry.version.clear();
    } else if let Some(url) = shorthand(spec) {
        entry.source = source(&format!("git+{url}"));
        entry.version.clear();
    }
    entry
}

/// `owner/repository#ref` as an address.
fn shorthand(spec: &str) -> Option<String> {
    let path = spec.split('#').next()?;
    let (owner, name) = path.split_once('/')?;
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    (is_word(owner) && is_word(name)).then(|| format!("https://github.com/{spec}"))
}

/// Who owns the repository at an address.
pub(super) fn owner(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let mut parts = rest.split('/');
    let host = parts.next()?;
    let owner = parts.next().filter(|owner| !owner.is_empty())?;
    Some(format!("{host}/{owner}").to_ascii_lowercase())
}

/// Reads `package-lock.json` and `npm-shrinkwrap.json` of any version.
pub(super) fn npm_lock(content: &str) -> Option<Read> {
    let root = json(content)?;
    let mut read = Read::lock(Ecosystem::Npm);
    for (path, value) in table(&root, &["packages"]).take(ENTRIES) {
        if path.is_empty() {
            for (key, _) in SECTIONS {
                read.roots.extend(table(value, &[key]).map(|(name, _)| name.clone()));
            }
            read.has_root = true;
            continue;
        }
        // A folder of the repository itself.
        let Some((_, name)) = path.rsplit_once("node_modules/") else {
            read.also.extend(needs(value));
            continue;
        };
        let mut entry = locked(name, value, Anchor::keys([path], ""));
        entry.real = text(value, "name").filter(|real| *real != name).map(str::to_owned);
        read.entries.push(entry);
    }
    let mut stack: Vec<&Value> = root.get("dependencies").into_iter().collect();
    while let Some(value) = stack.pop() {
        for (name, value) in table(value, &[]) {
            if read.entries.len() >= 2 * ENTRIES {
                return Some(read);
            }
            let mut entry = locked(name, value, Anchor::keys(["dependencies", name], ""));
            entry.needs.extend(table(value, &["requires"]).map(|(name, _)| name.clone()));
            read.entries.push(entry);
            stack.extend(value.get("dependencies"));
        }
    }
    read.knows_needs = read.has_root;
    Some(read)
}

/// An entry of a lock file of npm.
fn locked(name: &str, value: &Value, anchor: Anchor) -> Entry {
    let version = text(value, "version").unwrap_or("");
    let resolved = text(value, "resolved").unwrap_or("");
    let mut entry = Entry::new(name, version, anchor);
    if let Some(aliased) = version.strip_prefix("npm:") {
        let (real, version) = split_at_version(aliased).unwrap_or((aliased, ""));
        entry.real = Some(real.to_owned());
        entry.version = version.to_owned();
    }
    entry.is_own = ["link", "inBundle", "bundled", "extraneous"].iter().any(|key| flag(value, key))
        || resolved.starts_with("file:")
        || version.starts_with("file:");
    entry.runs_script = flag(value, "hasInstallScript");
    place(&mut entry, if resolved.is_empty() && version.contains(':') { version } else { resolved });
    entry.digests.extend(text(value, "integrity").into_iter().flat_map(str::split_whitespace).map(str::to_owned));
    entry.needs.extend(needs(value));
    if entry.source.is_some() && !matches!(entry.version.as_bytes().first(), Some(b'0'..=b'9')) {
        entry.version.clear();
    }
    entry
}

/// Sets where an entry comes from: a registry, if the address looks like one.
fn place(entry: &mut Entry, address: &str) {
    let Some(found) = source(address) else { return };
    let is_registry = found.form == Form::Archive && address.contains("/-/");
    let is_code =
        ["codeload.github.com", "/tarball/", "/archive/", "/tar.gz/"].iter().any(|part| address.contains(part));
    if is_registry || (matches!(found.form, Form::Archive | Form::Url) && !is_code) {
        entry.resolved = address.split('#').next().unwrap_or(address).to_owned();
        // The first yarn has the digest behind the address.
        entry.digests.extend(address.split_once('#').map(|(_, digest)| format!("sha1-{digest}")));
    } else {
        entry.source = Some(found);
    }
}

/// Names of what an entry of any lock file needs.
fn needs(value: &Value) -> Vec<String> {
    SECTIONS.iter().flat_map(|(key, _)| table(value, &[*key])).map(|(name, _)| name.clone()).collect()
}

/// Reads `pnpm-lock.yaml`.
pub(super) fn pnpm_lock(content: &str) -> Option<Read> {
    let root = yaml(content)?;
    let mut read = Read { always_digests: true, ..Read::lock(Ecosystem::Npm) };
    for (key, value) in table(&root, &["packages"]).take(ENTRIES) {
        let bare = key.trim_start_matches('/').split('(').next().unwrap_or(key);
        let (name, version) = match split_at_version(bare) {
            Some((name, version)) => (name, version),
            // Before version 6 it was `name/version_peers`.
            None => bare.rsplit_once('/').map_or((bare, ""), |(n, v)| (n, v.split('_').next().unwrap_or(v))),
        };
        let mut entry = Entry::new(
            text(value, "name").unwrap_or(name),
            text(value, "version").unwrap_or(version),
            Anchor::words([key.as_str()]),
        );
        entry.runs_script = flag(value, "requiresBuild");
        let resolution = value.get("resolution").unwrap_or(&Value::Null);
        entry
            .digests
            .extend(text(resolution, "integrity").into_iter().flat_map(str::split_whitespace).map(str::to_owned));
        entry.is_own = text(resolution, "type") == Some("directory") || version.starts_with("file:");
        match (text(resolution, "tarball"), text(resolution, "repo")) {
            (Some(tarball), _) => place(&mut entry, tarball),
            (None, Some(repo)) => {
                let commit = text(resolution, "commit").unwrap_or("");
                entry.source = source(&format!("git+{repo}#{commit}")).or_else(|| source(repo));
            }
            (None, None) => {}
        }
        entry.needs.extend(needs(value));
        read.entries.push(entry);
    }
    Some(read)
}

/// Reads `yarn.lock` of either kind.
pub(super) fn yarn_lock(content: &str) -> Option<Read> {
    if content.contains("__metadata:") { yarn_berry(content) } else { Some(yarn_classic(content)) }
}

fn yarn_berry(content: &str) -> Option<Read> {
    let root = yaml(content)?;
    let mut read = Read::lock(Ecosystem::Npm);
    for (key, value) in table(&root, &[]).filter(|(key, _)| *key != "__metadata").take(ENTRIES) {
        let resolution = text(value, "resolution").unwrap_or(key);
        let Some((real, from)) = split_at_version(resolution) else { continue };
        let name = split_at_version(key).map_or(real, |(name, _)| name);
        let version = value.get("version").and_then(scalar).unwrap_or_default();
        let mut entry = Entry::new(name, &version, Anchor::words([resolution]));
        entry.real = (name != real).then(|| real.to_owned());
        entry.is_own = ["workspace:", "link:", "portal:", "patch:", "file:"].iter().any(|own| from.starts_with(own));
        if let Some((_, query)) = from.split_once("::") {
            let url = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "__archiveUrl");
            entry.resolved = url.map(|(_, url)| url.into_owned()).unwrap_or_default();
        } else if !from.starts_with("npm:") {
            entry.source = source(from);
        }
        entry.digests.extend(value.get("checksum").and_then(scalar).map(|sum| format!("sha512-{sum}")));
        entry.needs.extend(needs(value));
        read.entries.push(entry);
    }
    Some(read)
}

fn yarn_classic(content: &str) -> Read {
    let mut read = Read::lock(Ecosystem::Npm);
    let mut start = 0;
    let mut in_needs = false;
    for line in content.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            if read.entries.len() >= ENTRIES {
                break;
            }
            let key = bare.trim_end_matches(':').split(", ").next().unwrap_or(bare).trim_matches('"');
            let (name, range_text) = split_at_version(key).unwrap_or((key, ""));
            let mut entry = Entry::new(name, "", Anchor::At(range));
            let aliased = range_text.strip_prefix("npm:").and_then(split_at_version);
            entry.real = aliased.map(|(real, _)| real.to_owned());
            entry.is_own = range_text.starts_with("file:") || range_text.starts_with("link:");
            read.entries.push(entry);
            in_needs = false;
            continue;
        }
        let Some(entry) = read.entries.last_mut() else { continue };
        let (key, value) = bare.split_once(' ').unwrap_or((bare, ""));
        let value = value.trim().trim_matches('"');
        match key {
            "dependencies:" | "optionalDependencies:" => in_needs = true,
            _ if in_needs && line.starts_with("    ") => entry.needs.push(key.trim_matches('"').to_owned()),
            "version" => entry.version = value.to_owned(),
            "resolved" => {
                entry.anchor = Anchor::At(range);
                place(entry, value);
            }
            // The digest behind the address is the older one.
            "integrity" => entry.digests = value.split_whitespace().map(str::to_owned).collect(),
            _ => {}
        }
    }
    read
}

/// Reads `bun.lock`.
pub(super) fn bun_lock(content: &str) -> Option<Read> {
    let root = json(content)?;
    let mut read = Read { always_digests: true, ..Read::lock(Ecosystem::Npm) };
    for (key, value) in table(&root, &["packages"]).take(ENTRIES) {
        let parts: Vec<&Value> = list(value, &[]).collect();
        let Some((real, from)) = parts.first().and_then(|id| split_at_version(id.as_str()?)) else { continue };
        // Keys of nested packages are paths, `parent/name`.
        let name = if key.ends_with(real) { real } else { key.as_str() };
        let mut entry = Entry::new(name, from, Anchor::keys(["packages", key], ""));
        entry.real = (name != real).then(|| real.to_owned());
        entry.is_own = ["workspace:", "link:", "file:", "root:"].iter().any(|own| from.starts_with(own));
        let address = parts.get(1).and_then(|value| value.as_str()).unwrap_or("");
        if from.contains(':') {
            entry.version.clear();
            place(&mut entry, from);
        } else if address.starts_with("http") {
            entry.resolved = address.to_owned();
        }
        let digest = parts.last().and_then(|value| value.as_str()).filter(|text| text.starts_with("sha"));
        entry.digests.extend(digest.map(str::to_owned));
        entry.needs.extend(parts.iter().flat_map(|value| needs(value)));
        read.entries.push(entry);
    }
    Some(read)
}

/// Reads the settings of npm, yarn, pnpm and bun that say where packages come from.
pub(super) fn settings(content: &str) -> Read {
    let mut read = Read::manifest(Ecosystem::Npm);
    let mut start = 0;
    let mut in_scopes = false;
    for line in content.split_inclusive('\n').take(2000) {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let bare = line.trim();
        if bare.starts_with(['#', ';', '/']) {
            continue;
        }
        in_scopes =
            if line.starts_with(|c: char| !c.is_whitespace()) { bare.starts_with("npmScopes") } else { in_scopes };
        let Some((key, value)) = bare.split_once(['=', ' ', ':']).map(|(key, value)| (key.trim(), value)) else {
            continue;
        };
        // A scope stands before the colon in `.npmrc`.
        let (key, value) = match value.split_once('=') {
            Some((rest, value)) if key.starts_with('@') => (rest, value),
            _ => (key, value),
        };
        let value = value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | '"' | '\'' | ',')).trim();
        // bun writes a table with the address in it.
        let value =
            value.find("http").filter(|_| value.starts_with('{')).and_then(|at| value.get(at..)).unwrap_or(value);
        let value = value.split(['"', '\'']).next().unwrap_or(value);
        let what = match key.trim().trim_matches('"').to_ascii_lowercase().as_str() {
            "registry" if bare.starts_with('@') => Use::Scope,
            "registry" => Use::Main,
            "npmregistryserver" if in_scopes => Use::Scope,
            "npmregistryserver" => Use::Main,
            "strict-ssl" | "enablestrictssl" if value.eq_ignore_ascii_case("false") => Use::Unverified,
            "node_tls_reject_unauthorized" if value == "0" => Use::Unverified,
            _ => continue,
        };
        read.indexes.push(Index { url: value.to_owned(), what, anchor: Anchor::At(range) });
    }
    read
}
