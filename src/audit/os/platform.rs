//! On what kind of machine the gateway runs, and what is not seen from it.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::host::Unread;
use super::super::run::Context;

/// Tells the kernel's name.
const KERNEL: &str = "/proc/sys/kernel/osrelease";

/// `O.platform`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    let subject = "machine";
    let kernel = match host.text(KERNEL, 1024) {
        Ok(text) => text.to_lowercase(),
        // An image has no kernel, and none that runs is without a name.
        Err(Unread::Absent) if !host.is_live() => String::new(),
        Err(why) => return vec![why.answer(subject, "the kernel's name").evidence(Evidence::path(KERNEL))],
    };
    if kernel.contains("microsoft") || host.lstat("/proc/sys/fs/binfmt_misc/WSLInterop").is_ok() {
        let message = "this is WSL: Windows programs run from here, Windows reads these files, and its firewall decides \
            what is reached; what this audit says of the network is only half of it";
        let evidence = Evidence::path(KERNEL).note(kernel.trim());
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
