//! Permissions as they count: a file of mode 0644 in a directory of mode 0700 is untidy, and one of mode 0600 in a
//! directory that others may write is open.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Repair, Status};
use super::super::host::{Access, Host, Kind, Meta, Unread, User, quoted};
use super::super::openclaw::Installation;
use super::super::run::Context;
use super::super::transport::folders;

/// Files of the state directory that hold secrets; a star stands for every name.
const SECRETS: [&str; 17] = [
    ".env",
    "secrets.json",
    "exec-approvals.json",
    "config-journal-fingerprint.key",
    "credentials",
    "credentials/*",
    "credentials/*/*",
    "credentials/*/*/*",
    "agents/*/agent/*",
    "agents/*/sessions",
    "devices/*",
    "identity/*",
    "cron/jobs.json",
    "state",
    "state/*",
    "gateway/tls/*",
    "sandboxes",
];
/// Directories of the state directory whose content is run.
const CODE: [&str; 4] = ["hooks", "extensions", "skills", "plugin-skills"];
/// Files that every prompt holds.
const PROMPT: [&str; 9] = [
    "AGENTS.md",
    "SOUL.md",
    "IDENTITY.md",
    "USER.md",
    "TOOLS.md",
    "HEARTBEAT.md",
    "MEMORY.md",
    "BOOT.md",
    "BOOTSTRAP.md",
];
/// Most files of one pattern.
const FILES: usize = 500;

/// What something holds, which decides how bad it is if others get at it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Secrets,
    Folder,
    Prompts,
}

/// `F.config-mode`.
pub(super) fn config(context: &Context) -> Vec<Answer> {
    context.each("who may read the configuration", |installation| {
        let included = installation.config().map(|config| config.included.clone()).unwrap_or_default();
        let files = std::iter::once(installation.file.clone()).chain(included);
        let mut answers: Vec<Answer> =
            files.filter_map(|file| judged(&context.host, &file, &installation.user, Holds::Secrets)).collect();
        answers.extend(linked(&context.host, &installation.file, "the configuration"));
        passed(answers, installation.file.display().to_string(), "the configuration is its owner's alone")
    })
}

/// `F.state-mode`.
pub(super) fn state(context: &Context) -> Vec<Answer> {
    context.each("who may get into the state directory", |installation| {
        let code = CODE.iter().map(|name| installation.state.join(name));
        let mut answers: Vec<Answer> =
            judged(&context.host, &installation.state, &installation.user, Holds::Folder).into_iter().collect();
        // Whoever writes what is run, runs it.
        let open = code.filter_map(|path| judged(&context.host, &path, &installation.user, Holds::Prompts));
        answers.extend(open.filter(|answer| answer.severity >= Severity::High || answer.status == Status::Unknown));
        answers.extend(linked(&context.host, &installation.state, "the state directory"));
        passed(answers, installation.subject(), "the state directory is its owner's alone")
    })
}

/// `F.secrets-mode`.
pub(super) fn secrets(context: &Context) -> Vec<Answer> {
    context.each("who may read secrets", |installation| {
        let host = &context.host;
        let (mut files, mut unread) = (Vec::new(), Vec::new());
        for pattern in SECRETS {
            let (more, closed) = matching(host, &installation.state, pattern);
            files.extend(more);
            unread.extend(closed);
        }
        files.push(installation.user.home.join(".config/openclaw/gateway.env"));
        if let Some(config) = installation.config() {
            let providers = config.entries("secrets.providers");
            let paths = providers.filter_map(|(_, value)| value.get("path").and_then(Value::as_str));
            files.extend(paths.map(|path| installation.user.home.join(path.trim_start_matches("~/"))));
        }
        files.sort();
        files.dedup();
        let mut answers: Vec<Answer> =
            files.iter().filter_map(|file| judged(host, file, &installation.user, Holds::Secrets)).collect();
        for (path, why) in unread {
            let subject = path.display().to_string();
            if !answers.iter().any(|answer| answer.subject == subject) {
                answers.push(why.answer(subject, "which secrets lie in it").evidence(Evidence::path(path)));
            }
        }
        passed(answers, installation.subject(), "files with secrets are their owner's alone")
    })
}

/// `F.workspace-mode`.
pub(super) fn workspace(context: &Context) -> Vec<Answer> {
    context.each("who may write what the agent is told", |installation| {
        let mut answers = Vec::new();
        for (folder, _) in installation.workspaces(&context.host) {
            let files = PROMPT.iter().map(|name| folder.join(name));
            let all =
                std::iter::once(folder.clone()).chain(files).chain([folder.join("memory"), folder.join("skills")]);
            let found: Vec<Answer> =
                all.filter_map(|path| judged(&context.host, &path, &installation.user, Holds::Prompts)).collect();
            // One untidy mode in a directory that nobody gets into is one thing to tell.
            let is_untidy = |answer: &&Answer| answer.severity <= Severity::Low;
            let (untidy, open): (Vec<&Answer>, Vec<&Answer>) = found.iter().partition(is_untidy);
            answers.extend(open.into_iter().cloned());
            answers.extend(untidy.into_iter().filter(|answer| answer.subject == folder.display().to_string()).cloned());
            answers.extend(escaping(&context.host, &folder));
        }
        passed(answers, installation.subject(), "workspaces are their owner's alone")
    })
}

/// `F.cloudflared-mode`.
pub(super) fn cloudflared(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    let mut answers = Vec::new();
    let mut files = 0;
    for folder in folders(context) {
        let owner = host.users().iter().find(|user| folder.starts_with(&user.home) && user.home.parent().is_some());
        let root = User { name: "root".into(), uid: 0, gid: 0, home: "/root".into(), shell: PathBuf::new() };
        // Of what lies outside of homes, the service is the owner that reads it.
        let named = context.tunnels().units.iter().filter(|unit| !unit.is_users).find_map(|unit| unit.get("User"));
        let service = named.and_then(|set| host.users().iter().find(|user| user.name == set.value));
        let owner = owner.or(service).cloned().unwrap_or(root);
        let wanted = |name: &str| name.ends_with(".json") || name == "cert.pem";
        match host.list_if(&folder, wanted) {
            Ok(entries) => {
                files += entries.len();
                answers.extend(entries.iter().filter_map(|entry| judged(host, &entry.path, &owner, Holds::Secrets)));
            }
            Err(why) => {
                let shown = folder.display().to_string();
                answers
                    .push(why.answer(shown, "who may read credentials of tunnels").evidence(Evidence::path(&folder)));
            }
        }
    }
    if answers.is_empty() && files == 0 {
        return vec![Answer::not_applicable("cloudflared", "there are no credentials of tunnels")];
    }
    passed(answers, "cloudflared".to_owned(), "credentials of tunnels are their owner's alone")
}

fn passed(answers: Vec<Answer>, subject: String, message: &str) -> Vec<Answer> {
    if answers.is_empty() { vec![Answer::pass(subject, message)] } else { answers }
}

/// Files that a pattern with stars finds below a directory, and directories that could not be looked into.
fn matching(host: &Host, base: &Path, pattern: &str) -> (Vec<PathBuf>, Vec<(PathBuf, Unread)>) {
    let mut found = vec![base.to_owned()];
    let mut unread = Vec::new();
    for part in pattern.split('/') {
        if part != "*" {
            found.iter_mut().for_each(|folder| folder.push(part));
            continue;
        }
        let mut below = Vec::new();
        for folder in found {
            match host.list_if(&folder, |_| true) {
                Ok(entries) => below.extend(entries.into_iter().map(|entry| entry.path)),
                // A file on the way is judged by another pattern.
                Err(_) if host.is_file(&folder) => {}
                Err(why) => unread.push((folder, why)),
            }
        }
        if below.len() > FILES {
            below.truncate(FILES);
            unread.push((base.join(pattern), Unread::Other(format!("are more than {FILES} files"))));
        }
        found = below;
    }
    (found, unread)
}

/// What is wrong with the permissions of something, if anything is; nothing where there is nothing.
fn judged(host: &Host, path: &Path, user: &User, holds: Holds) -> Option<Answer> {
    let subject = path.display().to_string();
    let (meta, access) = match host.stat(path).and_then(|meta| Ok((meta, host.access(path, user.uid)?))) {
        Ok(found) => found,
        Err(Unread::Absent) => return None,
        Err(why) => return Some(why.answer(subject, "its permissions").evidence(Evidence::path(path))),
    };
    let (severity, message) = verdict(host, &meta, &access, holds)?;
    let answer = match severity {
        Severity::High | Severity::Critical => Answer::fail(severity, &subject, message),
        _ => Answer::warn(severity, &subject, message),
    };
    let owner = host.user_name(meta.uid);
    let note = format!("mode {:04o}, owner {owner}, group {}", meta.mode, host.group_name(meta.gid));
    let mut answer = answer.evidence(Evidence::path(path).note(note));
    answer = answer.all_evidence(access.through.iter().map(|folder| Evidence::path(folder).note("lets others write")));
    answer = answer.all_evidence(access.lists.iter().map(|folder| Evidence::path(folder).note("has an access list")));
    let remove = meta.mode & 0o077;
    if remove != 0 {
        answer = answer
            .repair(Repair::Mode { path: path.to_owned(), remove })
            .command(format!("chmod go-rwx {}", quoted(&subject)));
    } else if !access.lists.is_empty() {
        answer = answer.command(format!("setfacl -b {}", quoted(&subject)));
    }
    if meta.uid != user.uid && meta.uid != 0 {
        let repair = Repair::Owner { path: path.to_owned(), uid: user.uid, gid: user.gid };
        answer = answer.repair(repair).command(format!("sudo chown {}: {}", user.name, quoted(&subject)));
    } else if let Some(folder) = &access.through {
        answer = answer.command(format!("chmod go-w {}", quoted(folder)));
    }
    Some(answer)
}

fn verdict(host: &Host, meta: &Meta, access: &Access, holds: Holds) -> Option<(Severity, String)> {
    let what = if meta.kind == Kind::Dir { "this directory" } else { "this file" };
    if let Some(stranger) = access.strangers.first() {
        let name = host.user_name(*stranger);
        return Some((
            Severity::High,
            format!("the user {name}, whose it is not, owns {what} or a directory on the way"),
        ));
    }
    if access.all_write {
        return Some((Severity::Critical, format!("every user can write {what}, and so decide what the gateway does")));
    }
    if access.group_writes {
        return Some((Severity::High, format!("members of its group can write {what}")));
    }
    match (holds, access.all_read, access.group_reads) {
        (Holds::Secrets, true, _) if meta.kind != Kind::Dir => {
            return Some((Severity::High, format!("every user can read {what}, which holds secrets")));
        }
        (_, true, _) => return Some((Severity::Medium, format!("every user can look into {what}"))),
        (Holds::Secrets, _, true) => {
            return Some((Severity::Medium, format!("members of its group can read {what}, which holds secrets")));
        }
        (_, _, true) => return Some((Severity::Low, format!("members of its group can look into {what}"))),
        _ => {}
    }
    if !access.lists.is_empty() {
        let message = format!("an access list may let more users get at {what} than its mode shows");
        return Some((Severity::Medium, message));
    }
    // A link's own mode says nothing, and the way there keeps others out.
    (meta.mode & 0o077 != 0).then(|| {
        let message = format!(
            "the mode of {what} gives others more than they need; only the directories on the way keep them out"
        );
        (Severity::Low, message)
    })
}

/// Something that is a link: OpenClaw replaces it when it writes.
fn linked(host: &Host, path: &Path, what: &str) -> Option<Answer> {
    let meta = host.lstat(path).ok().filter(|meta| meta.kind == Kind::Link)?;
    let target = host.link(path).map(|target| target.display().to_string()).unwrap_or_default();
    let message = format!("{what} is a link to {target}, whose permissions are what counts");
    let evidence = Evidence::path(path).note(format!("link of {}", host.user_name(meta.uid)));
    Some(Answer::warn(Severity::Low, path.display().to_string(), message).evidence(evidence))
}

/// Files of a workspace that are another one elsewhere, so that writing them writes that.
fn escaping(host: &Host, folder: &Path) -> Vec<Answer> {
    let mut answers = Vec::new();
    for name in PROMPT {
        let path = folder.join(name);
        let Ok(meta) = host.lstat(&path) else { continue };
        let is_out =
            host.walk(&path).is_ok_and(|walk| host.walk(folder).is_ok_and(|base| !walk.real.starts_with(&base.real)));
        let message = match (meta.kind, meta.links > 1) {
            (Kind::Link, _) if is_out => "is a link to a file outside the workspace",
            (Kind::File, true) => "has a second name somewhere, through which it can be changed",
            _ => continue,
        };
        answers
            .push(Answer::warn(Severity::Medium, path.display().to_string(), message).evidence(Evidence::path(&path)));
    }
    answers
}

/// Whether a check has nothing to say against something.
pub(super) fn is_private(host: &Host, path: &Path, installation: &Installation) -> bool {
    judged(host, path, &installation.user, Holds::Secrets).is_none_or(|answer| {
        answer.status != Status::Fail && answer.severity <= Severity::Low && answer.missing.is_none()
    })
}
