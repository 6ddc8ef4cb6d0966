//! What the tunnel keeps secret: its credentials, a token in a unit or command line, and the certificate of the account.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained, Repair};
use super::super::host::{Host, Unread, quoted};
use super::super::openclaw::{Assigned, Secret, Unit};
use super::super::run::Context;
use super::cloudflared::{folders, option};

/// `L2.secrets`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let tunnels = context.tunnels();
    let host = &context.host;
    let mut answers: Vec<Answer> = tunnels.units.iter().flat_map(|unit| token(host, unit)).collect();
    if answers.is_empty() {
        answers.extend(in_process(context));
    }
    let folders = folders(context);
    for folder in &folders {
        answers.extend(certificate(host, &folder.join("cert.pem")));
    }
    answers.extend(credentials(context, &folders).iter().flat_map(|file| credential(context, file)));
    if answers.is_empty() {
        answers.push(if tunnels.is_empty() {
            Answer::not_applicable("cloudflared", "there is no tunnel")
        } else {
            Answer::pass("cloudflared", "no secret of the tunnel is where others can read it")
        });
    }
    answers
}

fn token(host: &Host, unit: &Unit) -> Option<Answer> {
    let set = unit.option("--token").or_else(|| unit.variable("TUNNEL_TOKEN"))?;
    if !matches!(Secret::of_text(&set.value), Secret::Plain { .. }) {
        return None;
    }
    let subject = unit.file.display().to_string();
    let evidence = Assigned::evidence(&set).note("a token in plain text");
    let is_shown = set.name == "--token";
    let reads = host.access(&set.file, 0).map(|access| access.is_readable()).unwrap_or(true);
    let fix = "put the token into a file of mode 0600 and name it with `--token-file`, then make a new token";
    let command = format!("sudo chmod 600 {}", quoted(&set.file));
    let answer = match (reads, is_shown) {
        (true, _) => {
            let message = "the token of the tunnel stands in a unit that every user of this machine can read";
            Answer::fail(Severity::High, subject, message).command(command)
        }
        (false, true) => {
            let message = "the token of the tunnel is an argument, which every user sees while cloudflared runs";
            Answer::warn(Severity::Medium, subject, message)
        }
        (false, false) => {
            let message = "the token of the tunnel stands in the unit, which only root can read";
            Answer::pass(subject, message)
        }
    };
    Some(answer.evidence(evidence).fix(fix))
}

/// A token on a command line that no unit holds.
fn in_process(context: &Context) -> Vec<Answer> {
    let with_token =
        context.tunnels().processes.iter().filter(|process| option(&process.arguments, "--token").is_some());
    let answer = |process: &super::super::host::Process| {
        let message = "the token of the tunnel is an argument, which every user of this machine sees";
        Answer::warn(Severity::Medium, "cloudflared", message)
            .evidence(Evidence::command(format!("cloudflared (process {})", process.pid)).note("--token"))
            .obtained(Obtained::Procfs)
            .fix("name the file of the token with `--token-file`")
    };
    with_token.map(answer).take(1).collect()
}

/// The certificate can make and delete tunnels and routes of the whole account.
fn certificate(host: &Host, file: &Path) -> Option<Answer> {
    host.lstat(file).ok()?;
    let message =
        "the certificate of the whole account lies on this machine: it is needed to make tunnels, not to run one";
    let answer = Answer::warn(Severity::Medium, file.display().to_string(), message);
    Some(answer.evidence(Evidence::path(file)).command(format!("rm {}", quoted(file))))
}

/// Files of credentials: those that configurations name, and those of the system.
fn credentials(context: &Context, folders: &[PathBuf]) -> Vec<PathBuf> {
    let named = context.tunnels().ingress.iter().filter_map(|ingress| {
        let name = ingress.root.get("credentials-file").and_then(Value::as_str)?;
        Some(PathBuf::from(name)).filter(|path| path.is_absolute())
    });
    let mut found: Vec<PathBuf> = named.collect();
    for folder in folders.iter().filter(|folder| folder.starts_with("/etc") || folder.starts_with("/usr")) {
        let entries = context.host.list_if(folder, |name| name.ends_with(".json")).unwrap_or_default();
        found.extend(entries.into_iter().map(|entry| entry.path));
    }
    found.sort();
    found.dedup();
    found
}

fn credential(context: &Context, file: &Path) -> Option<Answer> {
    let host = &context.host;
    let subject = file.display().to_string();
    let meta = match host.stat(file) {
        Ok(meta) => meta,
        Err(Unread::Absent) => {
            let message = "the configuration names credentials that are not there: the tunnel cannot start";
            return Some(Answer::warn(Severity::Low, subject, message).evidence(Evidence::path(file)));
        }
        Err(why) => return Some(why.answer(subject, "who can read the credentials").evidence(Evidence::path(file))),
    };
    let access = host.access(file, meta.uid).ok()?;
    if !access.is_readable() && !access.is_writable() {
        return None;
    }
    let message = "others can read the credentials with which a tunnel of this name is run";
    Some(
        Answer::fail(Severity::High, &subject, message)
            .evidence(Evidence::path(file).note(format!("mode {:04o}", meta.mode)))
            .repair(Repair::Mode { path: file.to_owned(), remove: 0o077 })
            .command(format!("chmod go-rwx {}", quoted(file))),
    )
}
