//! Whom the gateway runs as, and what else that user may do.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained};
use super::super::host::{FILE_BYTES, Unread, User};
use super::super::openclaw::Installation;
use super::super::run::Context;

/// Groups whose members are root for all practical purposes.
const ROOT_GROUPS: [&str; 5] = ["docker", "lxd", "incus-admin", "disk", "podman"];
const FIX: &str = "run the gateway as a user of its own who may do nothing else";

/// `L4.service-user`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    let mut answers = Vec::new();
    for process in context.gateways() {
        let name = host.user_name(process.uid);
        // Answers are compared over time, and a process has another number after each start.
        let subject = format!("running {} of user {name}", process.name);
        let evidence = Evidence::path(format!("/proc/{}/status", process.pid)).key("Uid").note(name.clone());
        let answer = if process.uid == 0 {
            let message = "the gateway runs as root: whoever commands it commands the machine";
            Answer::fail(Severity::High, subject, message).fix(FIX)
        } else {
            Answer::pass(subject, format!("the gateway runs as {name}"))
        };
        answers.push(answer.evidence(evidence).obtained(Obtained::Procfs));
    }
    let found = context.each("whom the gateway runs as", |installation| {
        if installation.is_left_over() {
            return Vec::new();
        }
        let mut answers = vec![started(installation)];
        answers.extend(rights(context, installation));
        answers
    });
    answers.extend(found);
    answers
}

/// Whom a unit starts it as; without one, whose state it is.
fn started(installation: &Installation) -> Answer {
    let subject = installation.subject();
    let system = installation.units.iter().find(|unit| !unit.is_users);
    let (name, evidence) = match system {
        Some(unit) => match unit.get("User") {
            Some(set) => (set.value.clone(), set.evidence()),
            None => ("root".to_owned(), Evidence::path(&unit.file).note("no User= is set")),
        },
        None => (installation.user.name.clone(), Evidence::path(&installation.state)),
    };
    if name == "root" || name == "0" {
        let message = "the gateway is set up to run as root: whoever commands it commands the machine";
        return Answer::fail(Severity::High, subject, message).evidence(evidence).fix(FIX);
    }
    Answer::pass(subject, format!("the gateway is set up to run as {name}")).evidence(evidence)
}

/// Ways from the gateway's user to root.
fn rights(context: &Context, installation: &Installation) -> Vec<Answer> {
    let host = &context.host;
    let user = &installation.user;
    if user.uid == 0 {
        return Vec::new();
    }
    let subject = format!("user {}", user.name);
    let mut answers = Vec::new();
    let groups = host.groups_of(user);
    for group in groups.iter().filter(|group| ROOT_GROUPS.contains(&group.as_str())) {
        let message = format!("the gateway's user is in the group {group}, whose members can become root");
        let answer =
            Answer::warn(Severity::High, subject.clone(), message).evidence(Evidence::path("/etc/group").key(group));
        answers.push(answer.fix(FIX).command(format!("sudo gpasswd --delete {} {group}", user.name)));
    }
    match without_password(context, user, &groups) {
        Ok(Some(evidence)) => {
            let message =
                "the gateway's user becomes root with sudo without a password, and so does whoever commands the agent";
            answers.push(Answer::warn(Severity::High, subject, message).evidence(evidence).fix(FIX));
        }
        Err(why) => {
            let subject = format!("{subject}: sudo");
            answers.push(why.answer(subject, "whether the gateway's user becomes root without a password"));
        }
        Ok(None) => {}
    }
    answers
}

/// The line that lets a user, or a group of theirs, use sudo without a password.
fn without_password(context: &Context, user: &User, groups: &[String]) -> Result<Option<Evidence>, Unread> {
    let host = &context.host;
    let mut files = vec![std::path::PathBuf::from("/etc/sudoers")];
    // sudo itself leaves out names with a dot or a tilde at the end.
    let entries = host.list_if("/etc/sudoers.d", |name| !name.contains('.') && !name.ends_with('~'))?;
    files.extend(entries.into_iter().map(|entry| entry.path));
    for file in files {
        let text = match host.text(&file, FILE_BYTES) {
            Err(Unread::Absent) => continue,
            other => other?,
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let Some(who) = line.split_whitespace().next().filter(|_| line.contains("NOPASSWD")) else { continue };
            let is_his = who == user.name
                || who == "ALL"
                || who.strip_prefix('#').is_some_and(|number| number == user.uid.to_string())
                || who.strip_prefix('%').is_some_and(|group| groups.iter().any(|own| own == group));
            if is_his && !line.starts_with("# ") {
                return Ok(Some(Evidence::path(file).line(Some(index + 1)).note(who)));
            }
        }
    }
    Ok(None)
}
