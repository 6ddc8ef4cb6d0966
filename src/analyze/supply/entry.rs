//! One line of a manifest or lock file: which package, where from, checked by what.

use super::read::Anchor;

/// Whose packages they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ecosystem {
    /// npm and its relatives.
    Npm,
    /// Python.
    Pypi,
    /// Rust.
    Cargo,
}

impl Ecosystem {
    /// That of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Npm, Self::Pypi, Self::Cargo].into_iter().find(|ecosystem| ecosystem.name() == name)
    }

    /// Name in lists and labels.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Cargo => "cargo",
        }
    }

    /// A package's name as it is compared.
    pub(super) fn fold(self, name: &str) -> String {
        let name = name.trim().to_ascii_lowercase();
        if self != Self::Pypi {
            return name;
        }
        let mut folded = String::with_capacity(name.len());
        for c in name.chars() {
            match c {
                '-' | '_' | '.' if folded.ends_with('-') => {}
                '-' | '_' | '.' => folded.push('-'),
                c => folded.push(c),
            }
        }
        folded
    }
}

/// Which part of a manifest an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What the package needs.
    Main,
    /// What its developers need.
    Dev,
    /// What may fail to install unseen.
    Optional,
    /// What whoever uses it has to bring.
    Peer,
    /// What other entries are replaced by.
    Override,
    /// What builds it.
    Build,
}

impl Section {
    /// Its label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Main => "section:main",
            Self::Dev => "section:dev",
            Self::Optional => "section:optional",
            Self::Peer => "section:peer",
            Self::Override => "section:override",
            Self::Build => "section:build",
        }
    }
}

/// How a source that is no registry is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A repository.
    Git,
    /// An archive.
    Archive,
    /// Another address.
    Url,
    /// A path.
    File,
}

/// What of a repository is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// Whatever is newest.
    Branch,
    /// A name that can be moved.
    Tag,
    /// One state, which cannot change.
    Commit,
}

/// A source that is no registry.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// How it is given.
    pub(super) form: Form,
    /// The address, with a scheme that hosts are known by; empty for a path.
    pub(super) url: String,
    /// What of it is taken.
    pub(super) reference: Reference,
}

/// Endings of archives that package managers install.
const ARCHIVES: [&str; 8] = [".tgz", ".tar.gz", ".whl", ".zip", ".tar.bz2", ".tar.xz", ".egg", ".tar"];

/// Whether a name is that of an archive.
pub(super) fn is_archive(name: &str) -> bool {
    let name = name.split(['?', '#']).next().unwrap_or("").to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| name.ends_with(ending))
        || ["/tarball/", "/zipball/", "/archive/", "/tar.gz/", "/zip/"].iter().any(|part| name.contains(part))
}

/// What kind of reference a text is.
pub(super) fn reference(text: Option<&str>) -> Reference {
    let Some(text) = text else { return Reference::Branch };
    let text = text.rsplit(['=', '/']).next().unwrap_or(text);
    if (7..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_hexdigit())
        && (text.len() == 40 || text.bytes().any(|b| b.is_ascii_digit()))
    {
        return Reference::Commit;
    }
    let text = text.trim_start_matches("semver:").trim_start_matches(['v', '^', '~', '=']);
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.') {
        return Reference::Tag;
    }
    Reference::Branch
}

/// Reads an address of a repository, an archive or anything else that is fetched.
pub(super) fn source(text: &str) -> Option<Source> {
    let text = text.trim();
    let is_git = text.starts_with("git");
    let bare = text.strip_prefix("git+").unwrap_or(text);
    let hosts = [
        ("github:", "https://github.com/"),
        ("gitlab:", "https://gitlab.com/"),
        ("bitbucket:", "https://bitbucket.org/"),
        ("gist:", "https://gist.github.com/"),
    ];
    let (url, is_git) = if let Some((short, host)) = hosts.iter().find(|(short, _)| text.starts_with(short)) {
        (format!("{host}{}", text.get(short.len()..).unwrap_or("")), true)
    } else if let Some((scheme, rest)) = bare.split_once("://") {
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => (bare.to_owned(), is_git),
            // Not encrypted, though no one calls it that.
            "git" => (format!("http://{rest}"), true),
            "ssh" => (format!("https://{}", after_user(rest).replacen(':', "/", 1)), true),
            "file" => return Some(Source { form: Form::File, url: String::new(), reference: Reference::Commit }),
            _ => return None,
        }
    } else if let Some((_, rest)) = bare.split_once('@').filter(|(user, rest)| *user == "git" && rest.contains(':')) {
        (format!("https://{}", rest.replacen(':', "/", 1)), true)
    } else {
        return None;
    };
    let (address, fragment) = url.split_once('#').map_or((url.as_str(), None), |(a, f)| (a, Some(f)));
    let path = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = path.split('?').next().unwrap_or(path);
    let is_git = is_git || path.ends_with(".git");
    let form = if is_git {
        Form::Git
    } else if is_archive(path) {
        Form::Archive
    } else {
        Form::Url
    };
    // pip writes `…@ref`, npm `…#ref`, archives have it in their path.
    let named = match form {
        Form::Git => {
            let in_path = path.split_once('/').and_then(|(_, path)| path.rsplit_once('@')).map(|(_, name)| name);
            let in_query = address.split_once('?').map(|(_, query)| query).and_then(|query| {
                query
                    .split('&')
                    .find_map(|pair| ["rev=", "tag=", "branch="].iter().find_map(|key| pair.strip_prefix(key)))
            });
            fragment.filter(|text| !text.starts_with("egg=")).or(in_path).or(in_query)
        }
        _ => path
            .split('/')
            .map(|part| part.split('.').next().unwrap_or(part))
            .find(|part| part.len() >= 40 && reference(Some(part)) == Reference::Commit),
    };
    Some(Source { form, reference: reference(named), url: url.clone() })
}

/// What follows the user of an address.
fn after_user(text: &str) -> &str {
    let host_end = text.find('/').unwrap_or(text.len());
    match text.get(..host_end).and_then(|host| host.rfind('@')) {
        Some(at) => text.get(at + 1..).unwrap_or(text),
        None => text,
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Name under which it is used.
    pub(super) name: String,
    /// Name of the package that is taken, where that is another one.
    pub(super) real: Option<String>,
    /// Range in a manifest, version in a lock file; empty if there is none.
    pub(super) version: String,
    /// Where it stands in a manifest.
    pub(super) section: Section,
    /// A source that is no registry.
    pub(super) source: Option<Source>,
    /// The address in a registry that a lock file names.
    pub(super) resolved: String,
    /// Digests that a lock file names.
    pub(super) digests: Vec<String>,
    /// Whether it comes with something else, or out of this repository, so that no digest is due.
    pub(super) is_own: bool,
    /// Whether a lock file says that it runs a script when it is installed.
    pub(super) runs_script: bool,
    /// Names of what it needs.
    pub(super) needs: Vec<String>,
    /// Where it stands.
    pub(super) anchor: Anchor,
}

impl Entry {
    /// An entry with a name and a version or range.
    pub(super) fn new(name: &str, version: &str, anchor: Anchor) -> Self {
        Self {
            name: name.to_owned(),
            real: None,
            version: version.to_owned(),
            section: Section::Main,
            source: None,
            resolved: String::new(),
            digests: Vec::new(),
            is_own: false,
            runs_script: false,
            needs: Vec::new(),
            anchor,
        }
    }

    /// The package that is taken.
    pub(super) fn package(&self) -> &str {
        self.real.as_deref().unwrap_or(&self.name)
    }
}
