//! What the user who runs the gateway may do on the machine, and on what kind of machine it runs.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::host::{FILE_BYTES, Host, Unread, User};
use super::super::run::Context;

/// Groups whose members are as good as root.
const GROUPS: [(&str, &str); 6] = [
    ("docker", "can start a container that holds the whole disk"),
    ("lxd", "can start a container that holds the whole disk"),
    ("incus-admin", "can start a container that holds the whole disk"),
    ("libvirt", "can start a virtual machine that holds the whole disk"),
    ("disk", "can read and write the disk below the file system"),
    ("shadow", "can read the hashes of passwords"),
];
/// Where rules of sudo stand.
const SUDO: [&str; 2] = ["/etc/sudoers", "/etc/sudoers.d"];

/// `O.account`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let installations = match context.installations() {
        Ok(found) => found,
        Err(why) => return vec![why.answer("user of the gateway", "who runs it")],
    };
    let mut users: Vec<&User> = installations.iter().map(|one| &one.user).collect();
    users.dedup_by_key(|user| user.uid);
    let mut answers: Vec<Answer> = users.into_iter().flat_map(|user| of_user(&context.host, user)).collect();
    if answers.is_empty() {
        answers.push(Answer::not_applicable("user of the gateway", "no installation was found"));
    }
    answers
}

fn of_user(host: &Host, user: &User) -> Vec<Answer> {
    let subject = format!("user {}", user.name);
    if user.uid == 0 {
        return vec![Answer::not_applicable(subject, "is root, see L4.service-user")];
    }
    let groups = host.groups_of(user);
    let powers = GROUPS.iter().filter(|(name, _)| groups.iter().any(|group| group == name));
    let mut answers: Vec<Answer> = powers
        .map(|(name, power)| {
            let message = format!("is in the group {name}, and so {power}: whoever steers the agent is root");
            Answer::fail(Severity::High, &subject, message)
                .evidence(Evidence::path("/etc/group").note(*name))
                .command(format!("sudo gpasswd -d {} {name}", user.name))
        })
        .collect();
    match passwordless(host, user, &groups) {
        Ok(found) => answers.extend(found.map(|evidence| {
            let message = "may become root by sudo without a password: whoever steers the agent is root";
            Answer::fail(Severity::High, &subject, message)
                .evidence(evidence)
                .fix("take `NOPASSWD` out of the rule, or give the gateway a user of its own")
                .command("sudo visudo")
        })),
        // What is wrong is known without that.
        Err(_) if !answers.is_empty() => {}
        Err(why) => {
            let answer = why.answer(&subject, "what sudo lets it do");
            answers.push(answer.evidence(Evidence::path("/etc/sudoers")));
        }
    }
    if answers.is_empty() {
        answers.push(Answer::pass(subject, "is in no group that is as good as root, and needs a password for sudo"));
    }
    answers
}

/// A rule of sudo that asks the user for no password.
fn passwordless(host: &Host, user: &User, groups: &[String]) -> Result<Option<Evidence>, Unread> {
    let [main, folder] = SUDO;
    let mut files = vec![std::path::PathBuf::from(main)];
    // sudo leaves out names with a dot, and copies of editors.
    let more = host.list_if(folder, |name| !name.contains('.') && !name.ends_with('~'))?;
    files.extend(more.into_iter().map(|entry| entry.path));
    for file in files {
        let text = match host.text(&file, FILE_BYTES) {
            Err(Unread::Absent) => continue,
            other => other?,
        };
        let is_it = |line: &str| {
            let line = line.trim();
            let who = line.split_whitespace().next().unwrap_or_default();
            let is_user = who == user.name || who == "ALL" || who == format!("#{}", user.uid);
            let is_group = who.strip_prefix('%').is_some_and(|name| groups.iter().any(|group| group == name));
            (is_user || is_group) && line.contains("NOPASSWD")
                || (line.starts_with("Defaults") && line.contains("!authenticate"))
        };
        if let Some(index) = text.lines().position(is_it) {
            return Ok(Some(Evidence::path(file).line(Some(index + 1)).note("NOPASSWD")));
        }
    }
    Ok(None)
}

/// `O.platform`.
pub(super) fn platform(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    let subject = "machine";
    let kernel = host.text("/proc/sys/kernel/osrelease", 1024).unwrap_or_default().to_lowercase();
    if kernel.contains("microsoft") || host.lstat("/proc/sys/fs/binfmt_misc/WSLInterop").is_ok() {
        let message = "this is WSL: Windows programs run from here, Windows reads these files, and its firewall decides \
            what is reached; what this audit says of the network is only half of it";
        let evidence = Evidence::path("/proc/sys/kernel/osrelease").note(kernel.trim());
        return vec![Answer::warn(Severity::Low, subject, message).evidence(evidence).fix(
            "audit Windows too: its firewall, `netsh interface portproxy show all`, and the mirrored network mode of WSL",
        )];
    }
    if let Some(mark) = host.container() {
        let mut answers = vec![Answer::pass(
            subject,
            format!("this is a container ({mark}): the host below it is not seen from here"),
        )];
        let socket = "/var/run/docker.sock";
        if host.lstat(socket).is_ok() {
            let message = "the socket of Docker is inside the container: whoever steers the agent is root on the host";
            let answer = Answer::fail(Severity::High, subject, message).evidence(Evidence::path(socket));
            answers.push(answer.fix("start the container without a mount of docker.sock"));
        }
        return answers;
    }
    vec![Answer::pass(subject, "no container, and not WSL")]
}
