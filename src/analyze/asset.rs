//! Facts that need the package as a whole: what files are against what their
//! names say, compiled code against its source, links against the tree, and
//! parts that were not read.

use std::collections::{BTreeMap, HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use crate::archive::link_leaves;
use crate::artifact::{Artifact, ArtifactId, Op};
use crate::expand::Expanded;
use crate::fact::{Fact, FactKind};
use crate::finding::GapKind;
use crate::package::{Package, discover};
use crate::parse::binary::bytecode;
use crate::parse::format::{Format, Group};
use crate::parse::{Kind, shell};
use crate::ruleset::Ruleset;
use crate::text;

/// Adds the facts.
pub(super) fn add_facts(expanded: &mut Expanded, package: &Package, rules: &Ruleset) {
    let mut facts: Vec<(ArtifactId, Fact)> = Vec::new();
    let files = Files::new(expanded);
    let bare = bare_repositories(expanded);
    for artifact in expanded.arena.iter() {
        let op = artifact.derivation.as_ref().map(|d| d.op);
        if artifact.is_file() || op == Some(Op::Inflated) {
            facts.extend(content(artifact, rules).map(|fact| (artifact.id, fact)));
            facts.extend(name(artifact).map(|fact| (artifact.id, fact)));
            facts.extend(repository(artifact, &bare).map(|fact| (artifact.id, fact)));
        }
        if artifact.kind == Kind::Binary(Format::Pyc) {
            facts.extend(files.compiled(artifact).map(|fact| (artifact.id, fact)));
        }
        facts.extend(trailer(artifact));
    }
    facts.extend(links(expanded, package));
    facts.extend(collisions(expanded));
    facts.extend(unread(expanded, package));
    expanded.facts.extend(facts);
}

/// What content is for, as rules see it.
fn group_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Binary(format) => match format.group() {
            Group::Archive => "archive",
            Group::Document => "document",
            Group::Media => "media",
            Group::Font => "font",
            Group::Program => "program",
            Group::Bytecode => "bytecode",
            Group::Data => "data",
        },
        Kind::Markup | Kind::Office => "markup",
        kind if kind.is_code() => "script",
        _ => "text",
    }
}

/// A file whose content is not what its name says, or a program.
fn content(artifact: &Artifact, rules: &Ruleset) -> Option<Fact> {
    let path = artifact.named();
    let extension = path.extension();
    let claims = rules.extensions.get(&extension).map(String::as_str);
    // What a name says that a script has; its interpreter line says so, whatever the name is.
    let is = if artifact.bytes.starts_with(b"#!") { "script" } else { group_of(artifact.kind) };
    if artifact.bytes.is_empty() || (is != "program" && claims.is_none_or(|claims| claims == is)) {
        return None;
    }
    // Large files that a repository keeps elsewhere leave a pointer.
    if artifact.bytes.starts_with(b"version https://git-lfs") {
        return None;
    }
    let what = artifact.kind.name();
    let note = match claims {
        Some(_) => format!("is {what} by its content and .{extension} by its name"),
        None => format!("is {what} by its content"),
    };
    let mut fact = Fact::new(FactKind::File, 0..0, note)
        .label(&format!("is:{is}"))
        .label(what)
        .label(&format!("claims:{}", claims.unwrap_or("nothing")));
    // Package managers have hidden folders of their own.
    let is_hidden = |part: &str| part.starts_with('.') && part.len() > 2 && !matches!(part, ".venv" | ".bin");
    if path.shown().split('/').any(is_hidden) {
        fact = fact.label("name:hidden");
    }
    Some(fact)
}

/// Names that show people something else than what they open.
fn name(artifact: &Artifact) -> Option<Fact> {
    /// Endings that start a program when they are opened.
    const OPENED: [&str; 17] = [
        "sh", "bash", "command", "exe", "scr", "bat", "cmd", "ps1", "vbs", "hta", "jar", "app", "dmg", "pkg", "msi",
        "lnk", "js",
    ];
    /// Endings of what people expect to be harmless.
    const SHOWN: [&str; 14] =
        ["pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "jpg", "jpeg", "png", "gif", "mp3", "mp4"];
    let name = artifact.named().name();
    let lower = name.to_ascii_lowercase();
    let bare = lower.trim_end_matches(['.', ' ', '\u{a0}']);
    let (stem, last) = bare.rsplit_once('.').unwrap_or((bare, ""));
    let is_opened = OPENED.contains(&last);
    let label = if name.contains(['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}']) {
        "name:reordered"
    } else if is_opened && bare.len() < lower.len() {
        "name:trailing"
    } else if is_opened && stem.trim_end().rsplit('.').next().is_some_and(|e| SHOWN.contains(&e)) && stem.contains('.')
    {
        "name:double-extension"
    } else {
        return None;
    };
    let note = "its name shows something else than what it is";
    Some(Fact::new(FactKind::File, 0..0, note).label(label))
}

/// Folders that are a repository without a working tree.
fn bare_repositories(expanded: &Expanded) -> HashSet<String> {
    let files = || expanded.arena.iter().filter(|a| a.is_file()).map(|a| a.named().shown());
    let heads = files().filter(|path| path.rsplit('/').next() == Some("HEAD"));
    heads
        .map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder))
        .filter(|folder| {
            let inside = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let (config, objects, refs) = (inside("config"), inside("objects/"), inside("refs/"));
            files().any(|path| path == config)
                && files().any(|path| path.starts_with(&objects) || path.starts_with(&refs) || path == inside("hooks"))
        })
        .map(str::to_owned)
        .take(16)
        .collect()
}

/// Files of a version control system, which runs what its configuration says.
fn repository(artifact: &Artifact, bare: &HashSet<String>) -> Option<Fact> {
    let path = artifact.named().shown();
    let parts: Vec<&str> = path.split('/').collect();
    let is_own = |part: &&str| [".git", ".hg", ".svn"].iter().any(|name| part.eq_ignore_ascii_case(name));
    // A bare repository has no folder of that name: its parts stand side by side.
    let at = parts.iter().position(is_own).or_else(|| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = folder.strip_suffix("/hooks").unwrap_or(if folder == "hooks" { "" } else { folder });
        bare.contains(folder).then(|| folder.split('/').filter(|part| !part.is_empty()).count())
    });
    // The folder itself, where its name says what it is.
    let at = match parts.iter().position(is_own) {
        Some(own) => own + 1,
        None => at?,
    };
    let mut fact = Fact::new(FactKind::File, 0..0, "belongs to a repository's own data");
    fact = fact.label("vcs");
    let inside = parts.get(at..).unwrap_or(&[]);
    if let [.., "hooks", name] = inside
        && !name.ends_with(".sample")
    {
        fact = fact.label("vcs:hook");
    }
    if matches!(inside.last(), Some(&("config" | "hgrc" | "config.worktree"))) {
        let source = text::view(&artifact.bytes).to_ascii_lowercase();
        /// Keys and sections whose values are commands or other files of settings.
        const RUNS: [&str; 18] = [
            "fsmonitor",
            "sshcommand",
            "pager",
            "hookspath",
            "textconv",
            "[filter",
            "askpass",
            "[hooks]",
            "editor",
            "helper",
            "external",
            "driver",
            "program",
            "[include",
            "[extensions]",
            "[alias]",
            "gitproxy",
            "uploadpack",
        ];
        // A setting may stand behind the name of its section.
        let is_setting = |line: &str| {
            let line = line.trim_start();
            let behind = line.split_once(']').map_or("", |(_, behind)| behind.trim_start());
            RUNS.iter().any(|key| line.starts_with(key) || behind.starts_with(key))
        };
        if source.lines().any(is_setting) {
            fact = fact.label("vcs:config-runs");
        }
    }
    // Objects and indices say nothing by themselves: the head stands for all of them.
    let counts = fact.labels.len() > 1 || matches!(inside, [] | ["HEAD"] | ["wc.db"] | ["requires"]);
    counts.then_some(fact)
}

/// What stands behind the end of a file's own data.
fn trailer(artifact: &Artifact) -> Option<(ArtifactId, Fact)> {
    let derivation = artifact.derivation.as_ref().filter(|d| d.op == Op::Trailer)?;
    let input = *derivation.inputs.first()?;
    let mut group = group_of(artifact.kind);
    let source = text::view(&artifact.bytes);
    if matches!(group, "text" | "markup") && shell::is_command_line(source.trim()) {
        group = "script";
    }
    let note = format!("{} after the end of the file's own data", artifact.kind.name());
    let mut fact = Fact::new(FactKind::File, input.range(), note).label("trailing").label(&format!("follows:{group}"));
    if artifact.bytes.len() > 1024 {
        fact = fact.label("trailing:large");
    }
    Some((input.artifact, fact))
}

/// Files by path, those in archives included.
struct Files<'a> {
    by_path: HashMap<(String, Option<String>), &'a Artifact>,
}

impl<'a> Files<'a> {
    fn new(expanded: &'a Expanded) -> Self {
        let by_path = expanded.arena.iter().filter(|a| a.is_file()).map(|a| {
            let member = a.member.as_ref().map(|member| member.shown().to_owned());
            ((a.path.shown().to_owned(), member), a)
        });
        Self { by_path: by_path.collect() }
    }

    /// Compiled Python against its source.
    fn compiled(&self, artifact: &Artifact) -> Option<Fact> {
        let fact = |note: &str, label: &str| Fact::new(FactKind::Bytecode, 0..0, note).label("pyc").label(label);
        let name = bytecode::source_name(artifact.named().shown())?;
        let key = match &artifact.member {
            Some(_) => (artifact.path.shown().to_owned(), Some(name)),
            None => (name, None),
        };
        let Some(source) = self.by_path.get(&key) else {
            return Some(fact("compiled Python without its source", "no-source"));
        };
        let Some(constants) = bytecode::constants(&artifact.bytes) else {
            return Some(fact("compiled Python that cannot be compared with its source", "unreadable"));
        };
        let source = squeezed(&text::view(&source.bytes));
        let missing =
            constants.iter().flat_map(|constant| fragments(constant)).find(|part| !source.contains(part.as_str()));
        Some(match missing {
            Some(part) => fact(&format!("holds `{}`, which its source does not", text::slice(&part, 0..60)), "differs"),
            None => fact("compiled Python beside its source", "matches"),
        })
    }
}

/// Text without all that a compiler leaves out or puts together: quotes, blanks, escapes, signs.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Runs of a constant that must stand in the source as they are.
fn fragments(constant: &str) -> Vec<String> {
    constant
        .split(|c: char| c.is_control() || !c.is_ascii() || matches!(c, '\\' | '"' | '\'' | '{' | '}'))
        .map(squeezed)
        // What a compiler repeats ("-" * 40) stands in the source once.
        .filter(|part| part.len() >= 8 && part.bytes().any(|byte| Some(byte) != part.bytes().next()))
        .collect()
}

/// Links out of the package, and those inside it.
fn links(expanded: &Expanded, package: &Package) -> Vec<(ArtifactId, Fact)> {
    /// Parts of paths that lead to secrets or to what the agent is told.
    const SECRETS: [&str; 14] = [
        ".ssh",
        ".aws",
        ".gnupg",
        ".kube",
        ".docker",
        ".config",
        ".netrc",
        ".env",
        "id_rsa",
        "id_ed25519",
        ".openclaw",
        ".clawdbot",
        "shadow",
        "Keychains",
    ];
    let mut paths = package.files.iter().map(|file| &file.path).chain(package.links.iter().map(|link| &link.path));
    let holds_skill = paths.any(|path| discover::is_skill_name(std::path::Path::new(path.shown())));
    let mut facts = Vec::new();
    for link in &package.links {
        let Some(artifact) = expanded.arena.iter().find(|a| a.path == link.path) else { continue };
        let target = link.target.to_string_lossy();
        let mut fact =
            Fact::new(FactKind::Symlink, 0..0, format!("{} is a link to {}", link.path.shown(), link.target.display()));
        // An entry of a folder of skills is no part of a skill: whether it is loaded is told elsewhere.
        let is_entry = package.path == "." && !link.path.raw().contains(&b'/') && !holds_skill;
        if !is_entry && link_leaves(link.path.raw(), target.as_bytes()) {
            fact = fact.label("outside");
            if link.target.is_absolute() || target.starts_with('~') {
                fact = fact.label("absolute");
            }
        }
        if target.split('/').any(|part| SECRETS.contains(&part)) || target.starts_with("/proc/") {
            fact = fact.label("secret");
        }
        facts.push((artifact.id, fact));
    }
    if package.is_shared
        && let Some(document) =
            expanded.arena.iter().find(|a| discover::is_skill_name(std::path::Path::new(a.path.shown())))
    {
        let note = "the skill's own document has a second name somewhere";
        facts.push((document.id, Fact::new(FactKind::Symlink, 0..0, note).label("hard-link")));
    }
    facts
}

/// Names that are one name where case or the form of letters does not count.
fn collisions(expanded: &Expanded) -> Vec<(ArtifactId, Fact)> {
    let mut seen: BTreeMap<String, &Artifact> = BTreeMap::new();
    let mut facts = Vec::new();
    for artifact in expanded.arena.iter().filter(|a| a.derivation.is_none()) {
        let name = artifact.path.shown();
        let key: String =
            if name.is_ascii() { name.to_ascii_lowercase() } else { name.nfc().flat_map(char::to_lowercase).collect() };
        let Some(other) = seen.insert(key, artifact).filter(|other| other.path != artifact.path) else { continue };
        let is_case = other.path.shown().to_lowercase() == name.to_lowercase();
        let note = format!("is one file with `{}` on many systems", other.path.shown());
        let fact = Fact::new(FactKind::Name, 0..0, note);
        let fact = fact.label(if is_case { "case" } else { "normalisation" });
        let is_same = other.bytes == artifact.bytes;
        facts.push((artifact.id, if is_same { fact.label("same-content") } else { fact }));
    }
    facts
}

/// Parts that were not read, as facts about their files.
fn unread(expanded: &Expanded, package: &Package) -> Vec<(ArtifactId, Fact)> {
    let gaps = expanded.gaps.iter().chain(&package.gaps);
    let held_back = gaps.filter(|gap| {
        matches!(gap.kind, GapKind::Encrypted | GapKind::Unopened | GapKind::Corrupt | GapKind::LinkNotFollowed)
    });
    held_back
        .filter_map(|gap| {
            let artifact = expanded.arena.iter().find(|a| a.path.shown() == gap.path)?;
            let fact = Fact::new(FactKind::Unread, 0..0, gap.why.clone());
            Some((artifact.id, fact.label(gap.kind.name().trim_start_matches("meta/"))))
        })
        .collect()
}
