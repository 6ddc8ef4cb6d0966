//! Lets the user's own installer install, pinned to what was vetted, in a
//! place that nothing is loaded from, and looks at what it wrote there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::Candidate;
use super::contents::Unpacked;
use crate::hashes::FileHash;
use crate::report::escape;
use crate::verify::record::FOLDERS;

/// What runs if the user names nothing else.
pub const CLAWHUB: [&str; 10] = [
    "clawhub",
    "--no-input",
    "--workdir",
    "{workdir}",
    "--dir",
    "skills",
    "--registry",
    "{registry}",
    "install",
    "{ref}",
];

/// Longest file of an installer that is read, in bytes.
const FILE: u64 = 64 * 1024 * 1024;
/// Differences that are told.
const TOLD: usize = 5;

/// The command with what it is about filled in.
///
/// # Errors
/// In our words, if it does not say which version, or where: it could not be checked then.
pub fn command(
    template: &[String],
    candidate: &Candidate,
    registry: &str,
    quarantine: &Path,
) -> Result<Vec<String>, String> {
    let Some(identity) = &candidate.identity else { return Err("it comes from no registry".to_owned()) };
    let mut template = template.to_vec();
    if template.is_empty() {
        template =
            CLAWHUB.iter().map(|&part| part.to_owned()).chain(["--version".into(), "{version}".into()]).collect();
    }
    for needed in ["{version}", "{workdir}"] {
        if !template.iter().any(|part| part.contains(needed)) {
            return Err(format!("the command must hold {needed}, or what it does cannot be checked"));
        }
    }
    let owner = identity.name.owner.as_deref().filter(|_| identity.is_owner_named);
    let reference = match owner {
        Some(owner) => format!("@{owner}/{}", identity.name.slug),
        None => identity.name.slug.clone(),
    };
    let workdir = quarantine.display().to_string();
    let values = [
        ("{version}", identity.version.as_str()),
        ("{workdir}", &workdir),
        ("{registry}", registry),
        ("{ref}", &reference),
    ];
    let fill = |part: String| values.iter().fold(part, |part, (name, value)| part.replace(name, value));
    Ok(template.into_iter().map(fill).collect())
}

/// Runs the installer with the terminal of whoever asked for it.
///
/// # Errors
/// In our words and escaped, if it cannot be started or does not succeed.
#[expect(clippy::disallowed_methods, reason = "the user named this program on the command line to be run")]
pub fn run(command: &[String], config: &Path) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("no command is given".to_owned()) };
    let shown = escape::line(program);
    let mut child = std::process::Command::new(program);
    // The client writes the registry that it is told into its configuration: not into the user's.
    child.args(arguments).env("CLAWHUB_CONFIG_PATH", config).env("CLAWHUB_DISABLE_TELEMETRY", "1");
    // What an installer says is for people; standard output is for the report alone.
    child.stdin(Stdio::null()).stdout(io::stderr());
    match child.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown} did not succeed ({status})")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("{shown} is not installed here")),
        Err(error) => Err(format!("{shown} cannot be started: {}", error.kind())),
    }
}

/// The only skill that lies below a directory of skills: with or without its owner's directory.
fn landed(root: &Path) -> Option<PathBuf> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).max_depth(2).sort_by_file_name().into_iter().flatten() {
        let is_owner = entry.depth() == 1 && entry.file_name().to_string_lossy().starts_with('@');
        let is_below_owner = entry.depth() == 2
            && entry
                .path()
                .parent()
                .and_then(Path::file_name)
                .is_some_and(|name| name.to_string_lossy().starts_with('@'));
        if (entry.depth() == 1 && !is_owner) || is_below_owner {
            found.push(entry.into_path());
        }
    }
    match found.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// What the installer wrote otherwise than it was vetted, in our words; not escaped.
pub fn differences(quarantine: &Path, candidate: &Candidate) -> Vec<String> {
    let Some(skill) = landed(&quarantine.join("skills")) else {
        return vec!["the installer did not write one skill".to_owned()];
    };
    let mut expected: BTreeMap<&str, &Unpacked> =
        candidate.contents.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut differences = Vec::new();
    for entry in walkdir::WalkDir::new(&skill).min_depth(1).sort_by_file_name() {
        let Ok(entry) = entry else {
            differences.push("a part of it cannot be read".to_owned());
            continue;
        };
        let path = entry.path().strip_prefix(&skill).unwrap_or(entry.path()).to_string_lossy().into_owned();
        if entry.file_type().is_dir() {
            continue;
        }
        let known = expected.remove(path.as_str());
        // The installer's own record, which no archive decides.
        if path == format!("{}/origin.json", FOLDERS[0]) {
            continue;
        }
        let Some(known) = known.filter(|_| entry.file_type().is_file()) else {
            differences.push(format!("`{path}` was not vetted"));
            continue;
        };
        let is_same = entry.metadata().is_ok_and(|meta| meta.len() <= FILE)
            && fs::read(entry.path())
                .is_ok_and(|bytes| FileHash::of(path.as_str(), &bytes) == FileHash::of(path.as_str(), &known.bytes));
        if !is_same {
            differences.push(format!("`{path}` is not the file that was vetted"));
        }
    }
    differences.extend(expected.keys().map(|path| format!("`{path}` is missing")));
    if differences.len() > TOLD {
        let more = differences.len() - TOLD;
        differences.truncate(TOLD);
        differences.push(format!("and {more} more"));
    }
    differences
}
