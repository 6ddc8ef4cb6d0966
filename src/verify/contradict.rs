//! What records say about each other: malformed ones, those that contradict,
//! those that nothing stands behind, and versions that go backwards.

use std::path::Path;

use semver::Version;

use super::compare::problem;
use super::record::{FOLDERS, LockEntry, Meta, Origin, Reference, owner_handle};
use super::records::{Found, Records};
use super::{Integrity, Problem, ProblemKind, Subject, shown, strict};

/// Largest `_meta.json`, in bytes.
const META_BYTES: u64 = 64 * 1024;
/// Milliseconds by which installers write the same moment differently.
const SAME_MOMENT: f64 = 1000.0;

/// Reads the origin record of a skill, with its path; what is wrong with it is added to `found`.
pub(super) fn origin(subject: &Subject, found: &mut Integrity) -> Option<(String, Origin)> {
    let paths = FOLDERS.iter().map(|folder| subject.folder.join(folder).join("origin.json"));
    let path = paths.into_iter().find(|path| path.symlink_metadata().is_ok())?;
    let shown = shown(&path);
    match Origin::load(&subject.folder) {
        Ok(origin) => Some((shown, origin?)),
        Err(problems) => {
            found.problems.extend(problems.into_iter().map(|text| problem(ProblemKind::Malformed, &shown, text)));
            None
        }
    }
}

/// Adds what is wrong with the records about a skill, and which there are.
pub(super) fn problems(
    subject: &Subject,
    records: &Records,
    entries: &[Found<'_>],
    origin: Option<&(String, Origin)>,
    found: &mut Integrity,
) {
    malformed(subject, records, entries, found);
    let meta = meta(&subject.folder, found);
    let Some(first) = entries.first() else {
        stray(records, subject, origin, found);
        found.version = meta.as_ref().and_then(|(_, meta)| meta.version.clone().filter(|_| meta.slug.is_some()));
        pinned(records, subject, meta.as_ref().and_then(|(_, meta)| meta.version.as_deref()), found);
        return;
    };
    found.key = Some(first.key.to_owned());
    found.version = first.entry.version().map(str::to_owned);
    found.records.extend(entries.iter().map(|entry| shown(&entry.file.path)));
    let mut problems = Vec::new();
    two_locks(entries, &mut problems);
    if let Some(version) = first.entry.version().filter(|version| !is_version(version)) {
        let text = format!("`{version}` is neither a version nor a commit");
        problems.push(problem(ProblemKind::Version, &shown(&first.file.path), text));
    }
    if subject.folder.symlink_metadata().is_ok_and(|meta| meta.is_symlink())
        || subject.place.symlink_metadata().is_ok_and(|meta| meta.is_symlink())
    {
        let text = format!("`{}` was installed here, and a link stands in its place", first.key);
        problems.push(problem(ProblemKind::Conflict, &shown(&first.file.path), text));
    }
    if let Some((path, origin)) = origin {
        found.records.push(path.clone());
        against_origin(first, path, origin, &mut problems);
    }
    if let Some((path, meta)) = &meta {
        against_meta(first, path, meta, &mut problems);
    }
    found.problems.extend(problems);
    let version = found.version.clone();
    pinned(records, subject, version.as_deref(), found);
}

/// Problems of files that speak about the skill, or may have done so.
fn malformed(subject: &Subject, records: &Records, entries: &[Found<'_>], found: &mut Integrity) {
    for (file, named) in records.governing(&subject.place) {
        let is_its = |key: &String| Reference::parse(key).is_some_and(|reference| named.is(&reference));
        let lock = &file.lock;
        // Of a file that is read, only its own entry concerns a skill.
        if (lock.broken.is_empty() && entries.is_empty() && !lock.problems.is_empty()) || lock.broken.iter().any(is_its)
        {
            let text = lock.problems.first().cloned().unwrap_or_default();
            found.problems.push(problem(ProblemKind::Malformed, &shown(&file.path), text));
        }
    }
    if let Some(file) = records.lists.iter().find(|file| subject.place.starts_with(&file.folder))
        && let Some(text) = file.list.problems.first().filter(|_| file.list.skills.is_empty())
    {
        found.problems.push(problem(ProblemKind::Malformed, &shown(&file.path), text.clone()));
    }
}

fn meta(folder: &Path, found: &mut Integrity) -> Option<(String, Meta)> {
    let path = folder.join("_meta.json");
    let shown = shown(&path);
    match strict::read(&path, META_BYTES).and_then(|bytes| bytes.map(|bytes| Meta::parse(&bytes)).transpose()) {
        Ok(meta) => Some((shown, meta?)),
        Err(text) => {
            found.problems.push(problem(ProblemKind::Note, &shown, text));
            None
        }
    }
}

/// An origin record that no lock file stands behind.
fn stray(records: &Records, subject: &Subject, origin: Option<&(String, Origin)>, found: &mut Integrity) {
    let Some((path, origin)) = origin else { return };
    found.records.push(path.clone());
    let is_governed = records.governing(&subject.place).next().is_some();
    let why = if is_governed { "the lock file does not name it" } else { "there is no lock file" };
    let text = format!("says that it is `{}` {} from a registry, and {why}", origin.slug(), origin.version());
    found.problems.push(problem(ProblemKind::Stray, path, text));
}

/// Two lock files of one work directory that name different versions or owners.
fn two_locks(entries: &[Found<'_>], problems: &mut Vec<Problem>) {
    let [first, others @ ..] = entries else { return };
    for other in others {
        let is_same = first.entry.version() == other.entry.version()
            && handle(first.entry.owner()) == handle(other.entry.owner());
        if !is_same {
            // Nobody reads the older file where there is the newer one, and updates leave it behind.
            let is_left =
                other.entry.version().zip(first.entry.version()).is_some_and(|(old, new)| is_before(old, new));
            let kind = if is_left { ProblemKind::Note } else { ProblemKind::Conflict };
            let text =
                format!("says {}, and {} says {}", said(other.entry), shown(&first.file.path), said(first.entry));
            problems.push(problem(kind, &shown(&other.file.path), text));
        }
    }
}

fn said(entry: &LockEntry) -> String {
    let owner = entry.owner().map(|owner| format!(" of @{owner}")).unwrap_or_default();
    format!("version {}{owner}", entry.version().unwrap_or("unknown"))
}

fn handle(owner: Option<&str>) -> Option<String> {
    owner.and_then(owner_handle)
}

fn against_origin(locked: &Found<'_>, path: &str, origin: &Origin, problems: &mut Vec<Problem>) {
    let entry = locked.entry;
    let mut add = |kind: ProblemKind, text: String| problems.push(problem(kind, path, text));
    let reference = Reference::parse(locked.key);
    if let Some(version) = entry.version().filter(|version| *version != origin.version()) {
        add(
            version_problem(origin.version(), version),
            format!("says version {}, the lock file {version}", origin.version()),
        );
    }
    let owner = handle(entry.owner()).or_else(|| reference.as_ref().and_then(|reference| reference.owner.clone()));
    let named = handle(origin.owner());
    if owner.is_some() && named.is_some() && owner != named {
        let text = |owner: Option<String>| owner.unwrap_or_default();
        add(ProblemKind::Conflict, format!("says owner @{}, the lock file @{}", text(named), text(owner)));
    }
    if let Some(reference) = reference.filter(|reference| reference.slug != origin.slug()) {
        // A name without its owner may be one that the skill had before.
        let is_alias = reference.owner.is_none() && !reference.is_skills_sh;
        let kind = if is_alias { ProblemKind::Note } else { ProblemKind::Conflict };
        add(kind, format!("says `{}`, the lock file `{}`", origin.slug(), reference.slug));
    }
    if let Some(registry) = entry.registry().filter(|registry| *registry != origin.registry()) {
        add(ProblemKind::Conflict, format!("says registry {}, the lock file {registry}", origin.registry()));
    }
    if let (Some(one), Some(other)) = (entry.installed_at(), origin.installed_at())
        && (one - other).abs() > SAME_MOMENT
    {
        add(ProblemKind::Note, "says another time of installation than the lock file".to_owned());
    }
    let is_other = |one: bool, what: &str| one.then(|| format!("claims another {what} than the lock file"));
    let (ours, theirs) = (&entry.claims, &origin.claims);
    let trees = ours.tree.zip(theirs.tree).is_some_and(|(one, other)| one != other);
    let files = ours.skill_file.as_ref().zip(theirs.skill_file.as_ref()).is_some_and(|(one, other)| one != other);
    let others = [is_other(trees, "`fileTreeSha256`"), is_other(files, "`skillFile`")];
    others.into_iter().flatten().for_each(|text| add(ProblemKind::Conflict, text));
}

fn against_meta(locked: &Found<'_>, path: &str, meta: &Meta, problems: &mut Vec<Problem>) {
    if let (Some(found), Some(version)) = (&meta.version, locked.entry.version())
        && found != version
        && meta.slug.is_some()
        && is_version(version)
        && Version::parse(version).is_ok()
    {
        let text = format!("says version {found}, the lock file {version}");
        problems.push(problem(version_problem(found, version), path, text));
    }
    let slug = Reference::parse(locked.key).map(|reference| reference.slug);
    if let (Some(found), Some(slug)) = (&meta.slug, slug)
        && *found != slug
        && meta.version.is_some()
    {
        let text = format!("says `{found}`, the lock file `{slug}`");
        problems.push(problem(ProblemKind::Note, path, text));
    }
}

/// A pin of a later version than the one that is there now.
fn pinned(records: &Records, subject: &Subject, version: Option<&str>, found: &mut Integrity) {
    let Some(pin) = records.pins.of(&subject.place) else { return };
    found.records.push("pin".to_owned());
    if let (Some(before), Some(now)) = (pin.version.as_deref(), version)
        && is_before(now, before)
    {
        let text = format!("version {before} was pinned, and {now} is there");
        found.problems.push(problem(ProblemKind::Downgraded, "pin", text));
    }
}

fn version_problem(found: &str, recorded: &str) -> ProblemKind {
    if is_before(found, recorded) { ProblemKind::Downgraded } else { ProblemKind::Conflict }
}

fn is_before(one: &str, other: &str) -> bool {
    match (Version::parse(one), Version::parse(other)) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

/// Whether a text is a version, or the commit of a skill out of a repository.
fn is_version(text: &str) -> bool {
    let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit || Version::parse(text).is_ok()
}
