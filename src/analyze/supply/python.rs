//! Manifests and lock files of Python and Rust.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::entry::{Ecosystem, Entry, Form, Reference, Section, Source, is_archive, source};
use super::node::owner;
use super::read::{Anchor, at, json, list, scalar, table, text, toml};
use super::{Index, Read, Use};

/// Most entries of one file.
const ENTRIES: usize = 50_000;

/// `name[extras] range`, up to a marker or comment.
static REQUIREMENT: LazyLock<Regex> = LazyLock::new(|| {
    crate::text::regex(
        r"^([A-Za-z0-9][A-Za-z0-9._-]{0,200})\s*(?:\[[^\]]{0,200}\])?\s*(?:@\s*(\S+)|\(?([^;#)]{0,300})\)?)",
    )
});

/// One requirement as pip reads it.
fn requirement(line: &str, anchor: Anchor) -> Option<Entry> {
    let found = REQUIREMENT.captures(line.trim())?;
    let name = found.get(1)?.as_str();
    let mut entry = Entry::new(name, found.get(3).map_or("", |range| range.as_str().trim()), anchor);
    if let Some(url) = found.get(2) {
        entry.digests.extend(digest_in(url.as_str()));
        entry.source = source(url.as_str());
    }
    Some(entry)
}

/// The digest that stands behind an address.
fn digest_in(url: &str) -> Option<String> {
    let (_, fragment) = url.split_once('#')?;
    fragment.split('&').find_map(|part| {
        let (kind, digest) = part.split_once('=')?;
        matches!(kind, "sha256" | "sha384" | "sha512").then(|| format!("{kind}-{digest}"))
    })
}

/// Reads `requirements.txt` and its relatives.
pub(super) fn requirements(content: &str) -> Read {
    let mut read = Read::manifest(Ecosystem::Pypi);
    let mut start = 0;
    let mut goes_on = false;
    for line in content.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let bare = line.trim().trim_end_matches('\\').trim();
        let is_rest = std::mem::replace(&mut goes_on, line.trim_end().ends_with('\\'));
        let bare = bare.split(" #").next().unwrap_or(bare).trim();
        if bare.is_empty() || bare.starts_with('#') || read.entries.len() >= ENTRIES {
            continue;
        }
        if let Some((_, digests)) = bare.split_once("--hash=").filter(|_| is_rest)
            && let Some(entry) = read.entries.last_mut()
        {
            entry.digests.extend(digests.split("--hash=").map(|digest| digest.trim().replacen(':', "-", 1)));
            continue;
        }
        read.indexes.extend(indexes(bare, &range));
        let bare = ["-e ", "--editable ", "--editable="]
            .iter()
            .find_map(|flag| bare.strip_prefix(flag))
            .unwrap_or(bare)
            .trim();
        if bare.starts_with('-') {
            continue;
        }
        let address = bare.split_whitespace().next().unwrap_or(bare);
        if let Some(found) = source(address) {
            let name = address.split_once("egg=").map_or(address, |(_, name)| name);
            let name = name.split(['&', '[']).next().unwrap_or(name).rsplit('/').next().unwrap_or(name);
            let mut entry = Entry::new(name, "", Anchor::At(range));
            entry.digests.extend(digest_in(address));
            entry.source = Some(found);
            read.entries.push(entry);
        } else if is_archive(address) || address.starts_with(['.', '/']) {
            let mut entry = Entry::new(address, "", Anchor::At(range));
            entry.is_own = true;
            entry.source = is_archive(address).then(local);
            read.entries.push(entry);
        } else if let Some(mut entry) = requirement(bare, Anchor::At(range)) {
            if let Some((_, digests)) = bare.split_once("--hash=") {
                entry.digests.extend(digests.split("--hash=").map(|digest| digest.trim().replacen(':', "-", 1)));
            }
            entry.version = entry.version.split(" --").next().unwrap_or("").trim().to_owned();
            read.entries.push(entry);
        }
    }
    read
}

/// A path as a source.
fn local() -> Source {
    Source { form: Form::File, url: String::new(), reference: Reference::Commit }
}

/// Places of packages that the options of a line name.
fn indexes(line: &str, range: &Range<usize>) -> Vec<Index> {
    const OPTIONS: [(&str, Use); 7] = [
        ("--index-url", Use::Main),
        ("-i", Use::Main),
        ("--extra-index-url", Use::Extra),
        ("--find-links", Use::Extra),
        ("-f", Use::Extra),
        ("--trusted-host", Use::Unverified),
        ("--pypi-url", Use::Main),
    ];
    let mut found = Vec::new();
    let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let Some((_, what)) = OPTIONS.iter().find(|(option, _)| *option == word) else { continue };
        if let Some(value) = words.next() {
            let url = value.trim_matches(['"', '\'']).to_owned();
            // A folder of files is no place in the network.
            if url.contains("://") || *what == Use::Unverified {
                found.push(Index { url, what: *what, anchor: Anchor::At(range.clone()) });
            }
        }
    }
    found
}

/// Reads `pip.conf`, `pip.ini` and `uv.toml`.
pub(super) fn settings(content: &str) -> Read {
    let mut read = Read::manifest(Ecosystem::Pypi);
    let mut start = 0;
    for line in content.split_inclusive('\n').take(2000) {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        let what = match key.trim().replace('_', "-").as_str() {
            "index-url" | "index" | "url" | "default-index" => Use::Main,
            "extra-index-url" | "find-links" => Use::Extra,
            "trusted-host" | "allow-insecure-host" => Use::Unverified,
            _ => continue,
        };
        for url in value.split([' ', ',', '[', ']', '"', '\'', '\t', '\r', '\n']).filter(|url| !url.is_empty()).take(20)
        {
            read.indexes.push(Index { url: url.to_owned(), what, anchor: Anchor::At(range.clone()) });
        }
    }
    read
}

/// Reads `pyproject.toml`.
pub(super) fn pyproject(content: &str) -> Option<Read> {
    let root = toml(content)?;
    let mut read = Read::manifest(Ecosystem::Pypi);
    add(&mut read, list(&root, &["project", "dependencies"]), Section::Main);
    add(&mut read, list(&root, &["build-system", "requires"]), Section::Build);
    for (_, group) in table(&root, &["project", "optional-dependencies"]) {
        add(&mut read, list(group, &[]), Section::Optional);
    }
    for (_, group) in table(&root, &["dependency-groups"]) {
        add(&mut read, list(group, &[]), Section::Dev);
    }
    read.owner = table(&root, &["project", "urls"]).find_map(|(_, url)| owner(url.as_str()?));
    // A build backend out of the package itself is code that an installation runs.
    let backend = at(&root, &["build-system", "build-backend"]).and_then(Value::as_str).unwrap_or("");
    let module = backend.split(':').next().unwrap_or("").replace('.', "/");
    for folder in list(&root, &["build-system", "backend-path"]).filter_map(Value::as_str).take(10) {
        read.places.push(("build-backend".to_owned(), format!("{folder}/{module}.py")));
    }
    let poetry = at(&root, &["tool", "poetry"]).unwrap_or(&Value::Null);
    tables(&mut read, table(poetry, &["dependencies"]), Section::Main);
    tables(&mut read, table(poetry, &["dev-dependencies"]), Section::Dev);
    for (_, group) in table(poetry, &["group"]) {
        tables(&mut read, table(group, &["dependencies"]), Section::Dev);
    }
    tables(&mut read, table(&root, &["tool", "uv", "sources"]), Section::Override);
    for path in [&["tool", "uv", "index"][..], &["tool", "poetry", "source"], &["tool", "pdm", "source"]] {
        read.indexes.extend(list(&root, path).filter_map(|source| index(source, "default")));
    }
    for host in list(&root, &["tool", "uv", "allow-insecure-host"]).filter_map(Value::as_str).take(ENTRIES) {
        let at_host = |index: &&mut Index| index.url.contains(host);
        read.indexes.iter_mut().filter(at_host).for_each(|index| index.what = Use::Unverified);
    }
    Some(read)
}

/// Where a script says what its own requirements are (PEP 723): comment lines between `# /// script` and `# ///`.
pub(super) fn own_requirements(content: &str) -> Option<Range<usize>> {
    let mark = content.find("# /// script")?;
    let start = mark + content.get(mark..)?.find('\n')? + 1;
    let length = content.get(start..)?.find("\n# ///")?;
    Some(start..start + length)
}

/// Reads a script that has requirements of its own.
pub(super) fn script(content: &str) -> Option<Read> {
    let lines = content.get(own_requirements(content)?)?.lines();
    let bare = |line: &str| line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).map(str::to_owned);
    let own = lines.map(bare).collect::<Option<Vec<String>>>()?.join("\n");
    let mut read = pyproject(&own)?;
    add(&mut read, list(&toml(&own)?, &["dependencies"]), Section::Main);
    Some(read)
}

/// Adds the requirements of a list.
fn add<'a>(read: &mut Read, items: impl Iterator<Item = &'a Value>, section: Section) {
    for text in items.filter_map(Value::as_str).take(ENTRIES) {
        if let Some(entry) = requirement(text, Anchor::words([text])) {
            read.entries.push(Entry { section, ..entry });
        }
    }
}

/// A place of packages, as a table with an address names it.
fn index(value: &Value, main: &str) -> Option<Index> {
    let url = text(value, "url")?;
    let is_main = super::read::flag(value, main);
    let is_unverified = value.get("verify_ssl").and_then(Value::as_bool) == Some(false);
    let what = match (is_unverified, is_main) {
        (true, _) => Use::Unverified,
        (false, true) => Use::Main,
        (false, false) => Use::Extra,
    };
    Some(Index { url: url.to_owned(), what, anchor: Anchor::words([url]) })
}

/// Entries of a table from names to ranges or tables of settings.
fn tables<'a>(read: &mut Read, pairs: impl Iterator<Item = (&'a String, &'a Value)>, section: Section) {
    for (name, value) in pairs.filter(|(name, _)| *name != "python").take(ENTRIES) {
        let range = scalar(value).or_else(|| text(value, "version").map(str::to_owned));
        let anchor = |what: &str| Anchor::words([name.as_str(), what]);
        let mut entry = Entry::new(name, range.as_deref().unwrap_or(""), anchor(range.as_deref().unwrap_or("")));
        entry.section = section;
        entry.real = text(value, "package").map(str::to_owned);
        if let Some(url) = text(value, "git").or_else(|| text(value, "url")).or_else(|| text(value, "file")) {
            let is_git = value.get("git").is_some();
            entry.source =
                source(&if is_git && !url.starts_with("git") { format!("git+{url}") } else { url.to_owned() });
            let named = ["rev", "ref", "commit"].iter().find_map(|key| text(value, key)).or_else(|| text(value, "tag"));
            if let (Some(source), true) = (&mut entry.source, is_git) {
                source.reference = super::entry::reference(named);
            }
            entry.anchor = anchor(url);
            entry.version.clear();
        } else if ["path", "workspace", "editable", "index", "virtual"].iter().any(|key| value.get(key).is_some()) {
            entry.is_own = true;
            entry.source = text(value, "path").filter(|path| is_archive(path)).map(|_| local());
        }
        entry.digests.extend(list(value, &["hashes"]).filter_map(|d| Some(d.as_str()?.replacen(':', "-", 1))));
        read.entries.push(entry);
    }
}

/// Reads `Pipfile`.
pub(super) fn pipfile(content: &str) -> Option<Read> {
    let root = toml(content)?;
    let mut read = Read::manifest(Ecosystem::Pypi);
    tables(&mut read, table(&root, &["packages"]), Section::Main);
    tables(&mut read, table(&root, &["dev-packages"]), Section::Dev);
    read.indexes.extend(list(&root, &["source"]).filter_map(|source| index(source, "default")));
    Some(read)
}

/// Reads `Pipfile.lock`.
pub(super) fn pipfile_lock(content: &str) -> Option<Read> {
    let root = json(content)?;
    let mut read = Read::lock(Ecosystem::Pypi);
    tables(&mut read, table(&root, &["default"]), Section::Main);
    tables(&mut read, table(&root, &["develop"]), Section::Dev);
    for entry in &mut read.entries {
        entry.version = entry.version.trim_start_matches('=').to_owned();
    }
    read.indexes.extend(list(&root, &["_meta", "sources"]).filter_map(|source| index(source, "default")));
    Some(read)
}

/// Reads the lists of packages that uv, poetry and cargo lock.
pub(super) fn package_list(content: &str, ecosystem: Ecosystem) -> Option<Read> {
    let root = toml(content)?;
    let mut read = Read::lock(ecosystem);
    for value in list(&root, &["package"]).take(ENTRIES) {
        let Some(name) = text(value, "name") else { continue };
        let version = text(value, "version").unwrap_or("");
        let named = format!("name = \"{name}\"");
        let mut entry = Entry::new(name, version, Anchor::words([named.as_str()]));
        let from = value.get("source").unwrap_or(&Value::Null);
        entry.digests.extend(text(value, "checksum").map(|digest| format!("sha256-{digest}")));
        let files = list(value, &["wheels"]).chain(value.get("sdist")).chain(list(value, &["files"]));
        let old = list(&root, &["metadata", "files", name]);
        for file in files.chain(old).take(500) {
            let digest = text(file, "hash").map(|digest| digest.replacen(':', "-", 1));
            match text(file, "url").filter(|url| url.contains("://")) {
                Some(url) if entry.resolved.is_empty() => entry.resolved = url.to_owned(),
                // One file from another place than the others is what counts.
                Some(url) if host(url) != host(&entry.resolved) => {
                    read.strays.push((url.to_owned(), Anchor::words([named.as_str(), url])))
                }
                _ => {}
            }
            entry.digests.extend(digest);
        }
        let address = from.as_str().or_else(|| text(from, "git")).or_else(|| text(from, "url"));
        let is_git = text(from, "git").is_some() || text(from, "type") == Some("git");
        let registry = text(from, "registry").or_else(|| {
            let text = from.as_str()?;
            text.strip_prefix("registry+").or_else(|| text.strip_prefix("sparse+")).map(crates)
        });
        if let Some(registry) = registry {
            if entry.resolved.is_empty() {
                entry.resolved = registry.to_owned();
            }
            if host(registry) != host(&entry.resolved) {
                read.strays.push((registry.to_owned(), Anchor::words([named.as_str(), registry])));
            }
        } else if let Some(address) = address.filter(|_| text(from, "type") != Some("legacy")) {
            let address =
                if is_git && !address.starts_with("git") { format!("git+{address}") } else { address.to_owned() };
            entry.source = source(&address);
            if let (Some(source), Some(commit)) = (&mut entry.source, text(from, "resolved_reference")) {
                source.reference = super::entry::reference(Some(commit));
            }
            entry.resolved.clear();
        } else if let Some(url) = address {
            entry.resolved = url.to_owned();
        }
        entry.is_own = (from.is_null() && ecosystem == Ecosystem::Cargo)
            || ["path", "editable", "virtual", "directory", "workspace"].iter().any(|key| from.get(key).is_some())
            || matches!(text(from, "type"), Some("directory" | "file"));
        read.entries.push(entry);
    }
    read.strays.sort_by(|one, other| one.0.cmp(&other.0));
    read.strays.dedup_by(|one, other| one.0 == other.0);
    read.strays.truncate(500);
    Some(read)
}

/// The index of crates under its old address, which is on a host where anyone has something.
fn crates(url: &str) -> &str {
    if url == "https://github.com/rust-lang/crates.io-index" { "https://index.crates.io/" } else { url }
}

/// The host of an address.
fn host(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()).unwrap_or("")
}

/// Reads `Cargo.toml`.
pub(super) fn cargo(content: &str) -> Option<Read> {
    let root = toml(content)?;
    let mut read = Read::manifest(Ecosystem::Cargo);
    read.owner = at(&root, &["package", "repository"]).and_then(|url| owner(url.as_str()?));
    let targets = table(&root, &["target"]).map(|(_, target)| target).take(50);
    for place in std::iter::once(&root).chain(root.get("workspace")).chain(targets) {
        for (key, section) in [
            ("dependencies", Section::Main),
            ("dev-dependencies", Section::Dev),
            ("build-dependencies", Section::Build),
        ] {
            tables(&mut read, table(place, &[key]), section);
        }
    }
    for (_, patches) in table(&root, &["patch"]).take(50) {
        tables(&mut read, table(patches, &[]), Section::Override);
    }
    Some(read)
}

/// Reads the settings of cargo that say where crates come from.
pub(super) fn cargo_settings(content: &str) -> Option<Read> {
    let root = toml(content)?;
    let mut read = Read::manifest(Ecosystem::Cargo);
    for (name, value) in table(&root, &["source"]).chain(table(&root, &["registries"])).take(200) {
        let Some(url) = text(value, "registry").or_else(|| text(value, "index")) else { continue };
        let url = url.trim_start_matches("sparse+").to_owned();
        let replaces = at(&root, &["source", "crates-io", "replace-with"]).and_then(Value::as_str);
        let what = if replaces == Some(name.as_str()) || name == "crates-io" { Use::Main } else { Use::Scope };
        read.indexes.push(Index { anchor: Anchor::words([url.as_str()]), url, what });
    }
    Some(read)
}
