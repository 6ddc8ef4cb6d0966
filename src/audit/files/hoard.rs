//! Copies of secrets: backups, directories of earlier releases, and folders that are copied to other machines.

use std::path::{Path, PathBuf};

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Repair};
use super::super::host::{FILE_BYTES, Host};
use super::super::openclaw::Installation;
use super::super::run::Context;
use super::modes::is_private;

/// Parts of a path that belong to a folder which is copied to other machines.
const SYNCED: [&str; 11] = [
    "icloud",
    "mobile documents",
    "dropbox",
    "google drive",
    "googledrive",
    "my drive",
    "onedrive",
    "nextcloud",
    "owncloud",
    "syncthing",
    "pcloud",
];
/// File systems of other machines.
const NETWORK: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.rclone", "9p", "drvfs"];

/// Whether a name is that of an earlier copy of a configuration.
fn is_copy(name: &str) -> bool {
    let is_config =
        ["openclaw.json", "clawdbot.json", "moltbot.json", "moldbot.json"].iter().any(|own| name.starts_with(own));
    let is_plain = ["openclaw.json", "clawdbot.json", "moltbot.json", "moldbot.json"].contains(&name);
    let is_other = [".bak", ".migrated", ".orig", ".save", ".old", "~"].iter().any(|end| name.ends_with(end));
    (is_config && !is_plain) || is_other || name.contains(".rejected.") || name.contains(".bak.")
}

/// `F.backups`.
pub(super) fn backups(context: &Context) -> Vec<Answer> {
    context.each("which copies of secrets lie about", |installation| {
        let host = &context.host;
        let subject = installation.subject();
        if installation.is_left_over() {
            let message = "left over from an earlier release: nothing starts it any more, and its tokens still work";
            return vec![
                Answer::warn(Severity::Medium, &subject, message)
                    .evidence(Evidence::path(&installation.state))
                    .fix("make new tokens where its are still in use, then delete it"),
            ];
        }
        let copies: Vec<PathBuf> = match host.list_if(&installation.state, is_copy) {
            Ok(entries) => entries.into_iter().map(|entry| entry.path).collect(),
            Err(why) => return vec![why.answer(subject, "which copies of secrets lie about")],
        };
        vec![copied(host, installation, &copies)]
    })
}

fn copied(host: &Host, installation: &Installation, copies: &[PathBuf]) -> Answer {
    let subject = installation.subject();
    let open: Vec<&PathBuf> = copies.iter().filter(|path| !is_private(host, path, installation)).collect();
    if copies.is_empty() {
        return Answer::pass(subject, "no earlier copies of the configuration");
    }
    let (severity, message, shown) = if open.is_empty() {
        let message =
            "earlier copies of the configuration hold the secrets of their time, also those that were replaced";
        (Severity::Low, message, copies.iter().collect::<Vec<_>>())
    } else {
        (Severity::High, "others can read earlier copies of the configuration, which hold secrets", open.clone())
    };
    let answer = if open.is_empty() {
        Answer::warn(severity, subject, message)
    } else {
        Answer::fail(severity, subject, message)
    };
    let answer = answer.all_evidence(shown.iter().map(Evidence::path)).fix("delete copies that are not needed");
    open.iter().fold(answer, |answer, path| answer.repair(Repair::Mode { path: (*path).clone(), remove: 0o077 }))
}

/// `F.synced`.
pub(super) fn synced(context: &Context) -> Vec<Answer> {
    context.each("whether secrets are copied to other machines", |installation| {
        let host = &context.host;
        let workspaces = installation.workspaces(host).into_iter().map(|(folder, _)| folder);
        let folders = std::iter::once(installation.state.clone()).chain(workspaces);
        let mut answers: Vec<Answer> = folders.filter_map(|folder| elsewhere(host, &folder)).collect();
        if answers.is_empty() {
            answers.push(Answer::pass(installation.subject(), "in no folder that is copied to other machines"));
        }
        answers
    })
}

fn elsewhere(host: &Host, folder: &Path) -> Option<Answer> {
    let real = host.walk(folder).map_or_else(|_| folder.to_owned(), |walk| walk.real);
    let is_synced = |path: &Path| {
        let parts = path.components().map(|part| part.as_os_str().to_string_lossy().to_lowercase());
        parts.into_iter().any(|part| SYNCED.iter().any(|name| part.contains(name)))
    };
    let subject = folder.display().to_string();
    let fix = "keep it on a disk of this machine alone, outside folders that are synchronised";
    if is_synced(&real) || is_synced(folder) {
        let message = "lies in a folder that is copied to other machines, secrets included";
        return Some(Answer::warn(Severity::Medium, subject, message).evidence(Evidence::path(real)).fix(fix));
    }
    let mounts = match host.text("/proc/mounts", FILE_BYTES).or_else(|_| host.text("/proc/self/mounts", FILE_BYTES)) {
        Ok(mounts) => mounts,
        // Where an image is mounted says nothing about the host.
        Err(_) if !host.is_live() => return None,
        Err(why) => {
            return Some(why.answer(subject, "on which file system it lies").evidence(Evidence::path("/proc/mounts")));
        }
    };
    let mut best: Option<(&str, &str)> = None;
    for line in mounts.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(point), Some(kind)) = (words.next(), words.next()) else { continue };
        let is_longer = best.is_none_or(|(known, _)| point.len() >= known.len());
        if real.starts_with(point) && is_longer {
            best = Some((point, kind));
        }
    }
    let (point, kind) = best.filter(|(_, kind)| NETWORK.contains(kind))?;
    let message = format!("lies on a file system of another machine ({kind}), whose users may get at it");
    let evidence = Evidence::path("/proc/mounts").note(format!("{point} {kind}"));
    Some(Answer::warn(Severity::Medium, subject, message).evidence(evidence).fix(fix))
}
