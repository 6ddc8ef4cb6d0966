//! On what kind of machine the gateway runs, and what is not seen from it.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::run::Context;

/// `O.platform`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
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
