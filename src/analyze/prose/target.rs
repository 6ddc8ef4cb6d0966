//! What a link leads to.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::analyze::Input;
use crate::parse::markdown::{Block, Link};

pub(super) fn is_download(input: &Input<'_>, target: &str) -> bool {
    let classes = target_classes(input, target);
    ["archive", "executable", "paste", "file-drop", "landing"].iter().any(|class| classes.contains(*class))
}

/// What a link leads to: `archive`, `executable`, `instructions` (a text that agents obey), `landing` (a page on a host of
/// no name), or the class of its host.
pub(super) fn target_classes(input: &Input<'_>, target: &str) -> BTreeSet<String> {
    let mut classes = BTreeSet::new();
    if !target.contains("://") {
        return classes;
    }
    let Some(place) = input.rules.hosts.place(target) else { return classes };
    if matches!(place.class.as_str(), "installer" | "registry" | "local" | "allowed") {
        classes.insert(place.class);
        return classes;
    }
    let file = place.path.split(['?', '#']).next().unwrap_or("").to_ascii_lowercase();
    if ARCHIVES.iter().any(|ending| file.ends_with(ending)) {
        classes.insert("archive".to_owned());
    }
    if EXECUTABLES.iter().any(|ending| file.ends_with(ending)) {
        classes.insert("executable".to_owned());
    }
    if INSTRUCTIONS.iter().any(|name| file.rsplit('/').next() == Some(name)) {
        classes.insert("instructions".to_owned());
    }
    if matches!(
        place.class.as_str(),
        "free-host" | "ip" | "tunnel" | "dyndns" | "shortener" | "doc-share" | "ai-artifact"
    ) {
        classes.insert("landing".to_owned());
    }
    classes.insert(place.class);
    classes
}

/// As [`target_classes`]; a page of nobody in particular, beside which a file is named that people unpack or start, is
/// where that file is to be had.
pub(super) fn link_classes(input: &Input<'_>, block: &Block, link: &Link) -> BTreeSet<String> {
    let mut classes = target_classes(input, &link.target);
    if classes.contains("unknown") {
        classes.extend(files_named(block).map(|file| {
            let is_archive = ARCHIVES.iter().any(|ending| file.to_ascii_lowercase().ends_with(ending));
            if is_archive { "archive" } else { "executable" }.to_owned()
        }));
    }
    classes
}

/// Archives and programs that a block names as code.
pub(super) fn files_named(block: &Block) -> impl Iterator<Item = &str> {
    let named = block.code.iter().filter_map(|code| block.text.get(code.at.clone()));
    // Members of a program's objects end so as well.
    let is_member = |text: &str| [".run", ".app", ".command"].iter().any(|ending| text.ends_with(ending));
    let is_name =
        move |text: &&str| !text.contains(['/', '\\', ' ', '*', '$', '<']) && text.len() < 100 && !is_member(text);
    named.filter(is_name).filter(|text| helper_name(text).is_some())
}

/// Files that an agent takes its orders from.
const INSTRUCTIONS: [&str; 10] = [
    "skill.md",
    "heartbeat.md",
    "agents.md",
    "claude.md",
    "soul.md",
    "memory.md",
    "instructions.md",
    "instructions.txt",
    "prompt.md",
    "prompt.txt",
];
/// Endings of archives that people unpack by hand.
const ARCHIVES: [&str; 11] =
    [".zip", ".rar", ".7z", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".iso", ".img", ".gz"];
/// Endings of programs and installers.
const EXECUTABLES: [&str; 17] = [
    ".exe",
    ".msi",
    ".dmg",
    ".pkg",
    ".deb",
    ".rpm",
    ".appimage",
    ".apk",
    ".bat",
    ".cmd",
    ".ps1",
    ".scr",
    ".jar",
    ".vbs",
    ".app",
    ".command",
    ".run",
];

/// Words in names of archives that hold no program.
const DATA: [&str; 8] = ["model", "models", "weights", "dataset", "datasets", "checkpoint", "voices", "fonts"];

/// Name of the program in an archive or installer: the file name without version, system and ending.
pub(super) fn helper_name(target: &str) -> Option<String> {
    let file = target.split(['?', '#']).next()?.rsplit('/').next()?.to_ascii_lowercase();
    let stem = ARCHIVES.iter().chain(&EXECUTABLES).find_map(|ending| file.strip_suffix(ending))?;
    let name = stem
        .split(['-', '_', '.', ' '])
        .take_while(|part| {
            !part.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '$' | '{' | '<' | '%'))
                && !matches!(
                    *part,
                    "win"
                        | "windows"
                        | "win32"
                        | "win64"
                        | "mac"
                        | "macos"
                        | "darwin"
                        | "linux"
                        | "x64"
                        | "x86"
                        | "arm64"
                        | "armv7"
                        | "aarch64"
                        | "amd64"
                        | "i686"
                        | "apple"
                        | "osx"
                        | "universal"
                        | "setup"
                        | "installer"
                        | "latest"
                )
        })
        .collect::<Vec<_>>()
        .join("-");
    let says_nothing = [
        "",
        "install",
        "setup",
        "installer",
        "main",
        "master",
        "archive",
        "source",
        "release",
        "download",
        "latest",
        "package",
        "file",
        "data",
    ];
    let is_archive = ARCHIVES.iter().any(|ending| file.ends_with(ending));
    let is_data = is_archive && name.split('-').any(|part| DATA.contains(&part));
    (!is_data && !says_nothing.contains(&name.as_str())).then_some(name)
}

/// Where the first e-mail address of somebody in particular stands: one for documentation, or the reader's, is none.
pub(super) fn email_address(text: &str) -> Option<Range<usize>> {
    const NOBODY: [&str; 12] =
        ["git", "you", "your", "user", "name", "me", "someone", "email", "noreply", "no-reply", "username", "example"];
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    memchr::memchr_iter(b'@', text.as_bytes()).find_map(|at| {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let local = before.rsplit(|c| !is_part(c)).next().filter(|local| !local.is_empty())?;
        let domain = after.split(|c| !is_part(c)).next()?.trim_end_matches(['.', '-']);
        let (_, ending) = domain.rsplit_once('.')?;
        let is_ending = ending.len() >= 2 && ending.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_nobody = NOBODY.contains(&local.to_ascii_lowercase().as_str()) || domain.starts_with("example.");
        (is_ending && !is_nobody).then(|| at - local.len()..at + 1 + domain.len())
    })
}

/// Characters of an address that is read.
const ADDRESS: usize = 2048;

/// Web addresses in a text, with where they stand.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '|' | '\\');
    memchr::memmem::find_iter(text.as_bytes(), "://").filter_map(move |at| {
        let scheme = text.get(..at)?.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        let start = at - scheme;
        let rest = text.get(start..)?;
        // No longer than any that is read: a text may be one without end.
        let end = rest.char_indices().take(ADDRESS).find(|(_, c)| is_end(*c));
        let end = end.or_else(|| rest.char_indices().nth(ADDRESS)).map_or(rest.len(), |(at, _)| at);
        let target = rest.get(..end)?.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        (scheme > 0 && target.len() > scheme + 3).then(|| (start..start + target.len(), target))
    })
}
