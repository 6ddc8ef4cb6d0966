//! What is to be vetted: a skill or plugin of the registry, or something on this machine.

use std::path::{Path, PathBuf};

use crate::net::registry::Named;
use crate::verify::record;

/// Longest name of a skill.
const SLUG: usize = 96;

/// What is to be vetted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A skill, and its version or tag.
    Skill {
        /// Its name, with the owner if one was given.
        name: Named,
        /// Version or tag; the latest version without.
        at: Option<String>,
    },
    /// A plugin, and its version.
    Plugin {
        /// Its name, with its scope.
        name: String,
        /// Its version; the latest without.
        version: Option<String>,
    },
    /// An archive or a directory.
    Path(PathBuf),
}

/// Reads `@owner/slug@version`, `slug`, `plugin:@scope/name@version` or a path, as seen from `current_dir`.
///
/// # Errors
/// In our words, if it is none of them, or could be two; the text is not escaped.
pub fn parse(text: &str, current_dir: &Path) -> Result<Reference, String> {
    if let Some(plugin) = text.strip_prefix("plugin:") {
        return self::plugin(plugin);
    }
    if text.starts_with("skills-sh:") {
        return Err("skills of skills.sh cannot be vetted by name; give a folder or archive".to_owned());
    }
    let named = text.strip_prefix("clawhub:").unwrap_or(text);
    if !text.starts_with("clawhub:") && looks_like_path(text) {
        return Ok(Reference::Path(PathBuf::from(text)));
    }
    if named == text && current_dir.join(text).symlink_metadata().is_ok() {
        return Err(format!("`{text}` is here as well; write ./{text} for that, or clawhub:{text} for the registry"));
    }
    skill(named)
}

/// A path has a separator, begins with a dot or ends as an archive does; names with an owner begin with `@`.
fn looks_like_path(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_archive = [".zip", ".tar", ".tgz", ".tar.gz", ".skill"].iter().any(|ending| lower.ends_with(ending));
    !text.starts_with('@') && (text.contains('/') || text.starts_with('.') || text == "~" || is_archive)
}

fn skill(text: &str) -> Result<Reference, String> {
    let (name, at) = split(text);
    let (owner, slug) = match name.strip_prefix('@').and_then(|name| name.split_once('/')) {
        Some((owner, slug)) => (Some(owner), slug),
        None => (None, name),
    };
    let owner = match owner {
        Some(owner) => Some(record::owner_handle(owner).filter(|owner| is_word(owner)).ok_or_else(|| none(text))?),
        None => None,
    };
    let is_slug = is_word(slug) && slug.len() <= SLUG && !slug.chars().any(|c| c.is_ascii_uppercase());
    if !is_slug || at.is_some_and(|at| !is_version(at)) {
        return Err(none(text));
    }
    Ok(Reference::Skill { name: Named { owner, slug: slug.to_owned() }, at: at.map(str::to_owned) })
}

fn plugin(text: &str) -> Result<Reference, String> {
    let (name, version) = split(text);
    let parts: Vec<&str> = name.strip_prefix('@').unwrap_or(name).split('/').collect();
    let is_name = parts.len() == if name.starts_with('@') { 2 } else { 1 } && parts.iter().all(|part| is_word(part));
    if !is_name || version.is_some_and(|version| semver::Version::parse(version).is_err()) {
        return Err(none(text));
    }
    Ok(Reference::Plugin { name: name.to_owned(), version: version.map(str::to_owned) })
}

/// Name and version: the version follows an `@` that is not the first character.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((name, at)) if !name.is_empty() => (name, Some(at)),
        _ => (text, None),
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !text.contains("..")
}

fn is_version(text: &str) -> bool {
    let may = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    !text.is_empty() && text.len() <= 128 && text.chars().all(may)
}

fn none(text: &str) -> String {
    format!("`{text}` names no skill; write @owner/slug@version, or the path of a folder or archive")
}
