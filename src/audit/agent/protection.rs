//! Skills that are meant to protect the agent: there, loaded, switched on, able to run, and what the scan says of
//! themselves. None of them is more than advice to the agent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::finding::Severity;
use crate::report::PackageReport;
use crate::ruleset;
use crate::{Verdict, sandbox};

use super::super::check::{Answer, Evidence};
use super::super::host::{FILE_BYTES, Host, quoted};
use super::super::openclaw::{Installation, Loaded};
use super::super::run::Context;
use super::skills;

/// Those that the hardening guide asks for; the others are only recognised.
const WANTED: [&str; 2] = ["skillguard", "prompt-guard"];
/// How deep below a place a skill is looked for.
const DEPTH: usize = 4;
/// Most folders that are looked through in one place.
const FOLDERS: usize = 5_000;
/// Directories that hold programs.
const PROGRAMS: [&str; 4] = ["usr/bin", "usr/local/bin", "bin", "opt/homebrew/bin"];

/// A skill that is meant to protect.
#[derive(Debug, Clone, Deserialize)]
struct Known {
    name: String,
    owner: String,
    /// The version that was looked at; empty if none was.
    version: String,
    /// What it really does.
    what: String,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let text = ruleset::embedded("lists/").find(|(name, _)| *name == "protection.csv").map_or("", |(_, text)| text);
    csv::Reader::from_reader(text.as_bytes()).deserialize().filter_map(Result::ok).collect()
});

impl Known {
    /// How it is installed through the gate, at one version.
    fn command(&self) -> String {
        let version = if self.version.is_empty() { "VERSION" } else { &self.version };
        format!("skillscan gate --install @{}/{}@{version}", self.owner, self.name)
    }
}

/// `L5.skills`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    context.each("which protection skills are installed", |installation| {
        if installation.is_left_over() {
            let message = "left over from an earlier release, nothing starts it";
            return vec![Answer::not_applicable(installation.subject(), message)];
        }
        if let Loaded::Broken(why) = &installation.config {
            return vec![why.answer(installation.subject(), "which skills the configuration switches off")];
        }
        let found = installed(&context.host, installation);
        KNOWN.iter().filter_map(|known| judged(context, installation, known, &found)).collect()
    })
}

/// Folders of skills in the places that are loaded, by the names that they go by, the one that wins first.
fn installed(host: &Host, installation: &Installation) -> BTreeMap<String, Vec<PathBuf>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for root in skills::roots(host, installation) {
        let mut left = FOLDERS;
        collect(host, &root, DEPTH, &mut left, &mut found);
    }
    found
}

fn collect(host: &Host, folder: &Path, depth: usize, left: &mut usize, found: &mut BTreeMap<String, Vec<PathBuf>>) {
    for entry in host.list(folder).unwrap_or_default() {
        if *left == 0 || !host.is_dir(&entry.path) {
            continue;
        }
        *left -= 1;
        let document = entry.path.join("SKILL.md");
        if !host.is_file(&document) {
            if depth > 1 {
                collect(host, &entry.path, depth - 1, left, found);
            }
            continue;
        }
        let (head, _) = host.head(&document, 16 * 1024).unwrap_or_default();
        let name = front(&String::from_utf8_lossy(&head), "name").unwrap_or_else(|| entry.text());
        found.entry(name.to_ascii_lowercase()).or_default().push(entry.path);
    }
}

/// A plain value of the front matter.
fn front(text: &str, key: &str) -> Option<String> {
    let inside = text.trim_start_matches('\u{feff}').strip_prefix("---")?;
    let line = inside
        .lines()
        .skip(1)
        .take_while(|line| line.trim() != "---")
        .find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
    let value = line.trim().trim_matches(['"', '\'']).to_owned();
    (!value.is_empty()).then_some(value)
}

fn judged(
    context: &Context,
    installation: &Installation,
    known: &Known,
    found: &BTreeMap<String, Vec<PathBuf>>,
) -> Option<Answer> {
    let host = &context.host;
    let subject = format!("{}: {}", installation.subject(), known.name);
    let fix =
        "install it at one version through the gate, and do not count on it: real limits are exec policy and sandbox";
    let warn =
        |severity, message: String| Answer::warn(severity, subject.clone(), message).fix(fix).command(known.command());
    let Some(folder) = found.get(&known.name).and_then(|folders| folders.first()) else {
        if !WANTED.contains(&known.name.as_str()) {
            return None;
        }
        let elsewhere = elsewhere(host, installation, &known.name);
        let message = match &elsewhere {
            Some(path) => format!("lies in {}, which OpenClaw does not load from", path.display()),
            None => "is not installed".to_owned(),
        };
        return Some(warn(Severity::Low, message).all_evidence(elsewhere.map(Evidence::path)));
    };
    let evidence = Evidence::path(folder.join("SKILL.md"));
    if let Some((key, place)) = switched_off(installation, &known.name) {
        let answer = warn(Severity::Medium, format!("is installed and switched off: {key}")).evidence(evidence);
        return Some(answer.evidence(place).command(format!("openclaw config unset {}", quoted(&key))));
    }
    let text = host.text(folder.join("SKILL.md"), FILE_BYTES).unwrap_or_default();
    if let Some(missing) = broken(host, &text, folder) {
        return Some(warn(Severity::Medium, format!("is installed and cannot run: {missing}")).evidence(evidence));
    }
    if let Some((verdict, rules)) = verdict(context, folder) {
        let message = format!("is installed, advisory only, and is itself {}: {rules}", verdict.name());
        let answer = warn(Severity::Medium, message).evidence(evidence);
        let fix = "read what the scan found before you keep it: a protection skill runs with the agent's rights";
        return Some(answer.fix(fix).command(format!("skillscan -v {}", quoted(folder))));
    }
    let owner = owner(host, folder);
    let whose = match owner.as_deref() {
        Some(owner) if owner.eq_ignore_ascii_case(&known.owner) => format!(" by {owner}"),
        Some(owner) => format!(" by {owner}, not by {}, whose skill of this name was looked at", known.owner),
        None => ", by whom is not recorded".to_owned(),
    };
    let version = front(&text, "version").map(|version| format!(" {version}")).unwrap_or_default();
    let told = if is_told(host, installation, &known.name) {
        ""
    } else {
        "; neither SOUL.md nor AGENTS.md tells the agent to use it"
    };
    let message = format!("installed{version}{whose}, advisory only: it {}{told}", known.what);
    Some(Answer::pass(subject, message).evidence(evidence))
}

/// The setting that keeps a skill from being used.
fn switched_off(installation: &Installation, name: &str) -> Option<(String, Evidence)> {
    let config = installation.config()?;
    let key = format!("skills.entries.{name}.enabled");
    if config.at(&["skills", "entries", name, "enabled"]).and_then(Value::as_bool) == Some(false) {
        let place = config.evidence(&key);
        return Some((key, place));
    }
    let excludes =
        |list: &Value| list.as_array().is_some_and(|list| !list.iter().any(|item| item.as_str() == Some(name)));
    let all = config.get("agents.defaults.skills").map(|list| ("agents.defaults".to_owned(), list));
    let own = installation.agents().into_iter().filter_map(|(_, key, agent)| Some((key, agent.get("skills")?)));
    let (key, _) = all.into_iter().chain(own).find(|(_, list)| excludes(list))?;
    let key = format!("{key}.skills");
    let place = config.evidence(&key);
    Some((key, place))
}

/// A program that it needs and that is not there, or a path in its own folder that leads nowhere.
fn broken(host: &Host, text: &str, folder: &Path) -> Option<String> {
    let bins = text.lines().take_while(|line| !line.starts_with("# ")).find_map(|line| {
        let (_, after) = line.split_once("bins")?;
        let list = after.split_once('[')?.1.split_once(']')?.0;
        Some(list.split(',').map(|bin| bin.trim().trim_matches(['"', '\'']).to_owned()).collect::<Vec<_>>())
    });
    let is_there = |bin: &String| PROGRAMS.iter().any(|folder| host.is_file(Path::new("/").join(folder).join(bin)));
    if let Some(bin) = bins.into_iter().flatten().find(|bin| !bin.is_empty() && !bin.contains('/') && !is_there(bin)) {
        return Some(format!("the program {bin} is not in the system's directories"));
    }
    let name = folder.file_name()?.to_str()?;
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | ')' | ','));
    let own = words.filter(|word| word.starts_with('/') && word.split('/').any(|part| part == name));
    let nowhere = |word: &&str| host.lstat(word.trim_end_matches(['.', ':', ';'])).is_err();
    own.take(100).find(nowhere).map(|word| format!("it calls {word}, which does not exist"))
}

/// What the scan says of it, if that is worse than worth reading.
fn verdict(context: &Context, folder: &Path) -> Option<(Verdict, String)> {
    let scanner = context.scanner()?;
    let real = context.host.walk(folder).ok()?.real;
    let discovered = scanner.discover(&context.host.outside(&real)).ok()?;
    let mut worst: Option<(Verdict, String)> = None;
    let roots = [discovered];
    let mut each = |report: PackageReport| {
        let rules: Vec<&str> = report.findings.iter().take(3).map(|finding| finding.rule.as_str()).collect();
        if worst.as_ref().is_none_or(|(verdict, _)| report.verdict > *verdict) {
            worst = Some((report.verdict, rules.join(", ")));
        }
    };
    if sandbox::confined(&roots, None, || scanner.run(&roots, &(), &mut each)).is_err() {
        return Some((Verdict::Incomplete, "the scan failed".to_owned()));
    }
    worst.filter(|(verdict, _)| *verdict >= Verdict::Incomplete)
}

/// Who published it, by the installer's record.
fn owner(host: &Host, folder: &Path) -> Option<String> {
    let records = [".clawhub/origin.json", ".clawdhub/origin.json", "_meta.json"];
    records.iter().find_map(|record| {
        let value: Value = serde_json::from_slice(&host.read(folder.join(record), FILE_BYTES).ok()?).ok()?;
        let keys = ["owner", "ownerHandle", "publisher"];
        keys.iter().find_map(|key| value.get(key)?.as_str().map(str::to_owned))
    })
}

/// Whether the agent is told of it.
fn is_told(host: &Host, installation: &Installation, name: &str) -> bool {
    installation.workspaces(host).iter().any(|(workspace, _)| {
        ["SOUL.md", "AGENTS.md"].iter().any(|file| {
            host.text(workspace.join(file), FILE_BYTES).is_ok_and(|text| text.to_ascii_lowercase().contains(name))
        })
    })
}

/// Where it lies without being loaded.
fn elsewhere(host: &Host, installation: &Installation, name: &str) -> Option<PathBuf> {
    let home = &installation.user.home;
    let workspaces = installation.workspaces(host).into_iter().map(|(workspace, _)| workspace);
    let places = [home.join("skills"), home.clone()].into_iter().chain(workspaces);
    places.map(|place| place.join(name)).find(|folder| host.is_file(folder.join("SKILL.md")))
}
