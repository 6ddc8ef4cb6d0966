//! Whether one can log in over SSH with a password, or as root.

use crate::finding::Severity;

use super::super::check::{Answer, Evidence, Obtained};
use super::super::host::{Tool, Unread};
use super::super::run::Context;
use super::sshd::{CONF, Setting, Ssh};

const SUBJECT: &str = "sshd";
/// A file that is read before those of the distribution and of cloud images.
const COMMAND: &str = r"printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n' | sudo tee /etc/ssh/sshd_config.d/00-hardening.conf && sudo systemctl reload ssh";

/// `O.ssh`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let ssh = match context.ssh() {
        Ok(ssh) => ssh,
        Err(Unread::Absent) => return vec![Answer::not_applicable(SUBJECT, "no SSH server is set up")],
        Err(why) => return vec![why.answer(SUBJECT, "the settings of sshd").evidence(Evidence::path(CONF))],
    };
    let mut answers: Vec<Answer> = [password(ssh), root(ssh), empty(ssh)].into_iter().flatten().collect();
    answers.extend(conditional(ssh));
    answers.extend(smaller(ssh));
    answers.extend(second_opinion(context, ssh));
    let unread = ssh.unread.iter().map(|(path, why)| {
        why.answer(SUBJECT, "a file that sshd includes, whose values come first").evidence(Evidence::path(path))
    });
    let unread: Vec<Answer> = unread.collect();
    if answers.is_empty() && unread.is_empty() {
        let users = ssh
            .all("allowusers")
            .iter()
            .chain(&ssh.all("allowgroups"))
            .map(|one| one.evidence.clone())
            .collect::<Vec<_>>();
        answers.push(
            Answer::pass(SUBJECT, "keys alone are accepted, and not for root")
                .evidence(place(ssh.get("passwordauthentication")))
                .evidence(place(ssh.get("permitrootlogin")))
                .all_evidence(users),
        );
    }
    answers.extend(unread);
    answers
}

fn place(setting: Option<&Setting>) -> Evidence {
    setting.map_or_else(|| Evidence::path(CONF).note("not set"), |setting| setting.evidence.clone())
}

/// Passwords are asked for in two ways, and the second one depends on PAM.
fn password(ssh: &Ssh) -> Option<Answer> {
    let plain = ssh.value("passwordauthentication", "yes") == "yes" && ssh.is_known("passwordauthentication");
    // The older name means the same.
    let asked = ssh.get("kbdinteractiveauthentication").or(ssh.get("challengeresponseauthentication"));
    let is_asked = asked.and_then(|setting| setting.words.first()).is_none_or(|word| word.eq_ignore_ascii_case("yes"));
    let is_asked = is_asked && ssh.is_known("kbdinteractiveauthentication");
    let has_pam = ssh.value("usepam", "no") == "yes";
    let message = match (plain, is_asked && has_pam) {
        (false, false) => return None,
        (true, _) => "passwords are accepted: whoever guesses one is in",
        (false, true) => {
            "passwords are accepted by keyboard-interactive login through PAM, although `PasswordAuthentication` is no"
        }
    };
    let evidence = if plain { place(ssh.get("passwordauthentication")) } else { place(asked) };
    Some(
        Answer::fail(Severity::High, SUBJECT, message)
            .evidence(evidence)
            .fix("accept keys alone, in a file that is read before the others; keep a session open while you try it")
            .command(COMMAND),
    )
}

fn root(ssh: &Ssh) -> Option<Answer> {
    let value = ssh.value("permitrootlogin", "prohibit-password");
    if !ssh.is_known("permitrootlogin") {
        return None;
    }
    let evidence = place(ssh.get("permitrootlogin"));
    let (severity, message) = match value.as_str() {
        "yes" => (Severity::High, "root may log in, with a password too where passwords are accepted"),
        "prohibit-password" | "without-password" => (Severity::Low, "root may log in with a key"),
        _ => return None,
    };
    let answer = if value == "yes" {
        Answer::fail(severity, SUBJECT, message)
    } else {
        Answer::warn(severity, SUBJECT, message)
    };
    Some(answer.evidence(evidence).fix("set `PermitRootLogin no`, and use sudo").command(COMMAND))
}

fn empty(ssh: &Ssh) -> Option<Answer> {
    let is_open = ssh.value("permitemptypasswords", "no") == "yes";
    let answer = Answer::fail(Severity::Critical, SUBJECT, "accounts without a password may log in");
    is_open.then(|| answer.evidence(place(ssh.get("permitemptypasswords"))).fix("set `PermitEmptyPasswords no`"))
}

/// A block that opens for some what is closed for all.
fn conditional(ssh: &Ssh) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (keyword, closed) in
        [("passwordauthentication", "no"), ("kbdinteractiveauthentication", "no"), ("permitrootlogin", "no")]
    {
        let default = if keyword == "permitrootlogin" { "prohibit-password" } else { "yes" };
        if ssh.value(keyword, default) != closed {
            continue;
        }
        for setting in ssh.conditional(keyword) {
            let opens = setting.words.first().is_some_and(|word| !word.eq_ignore_ascii_case("no"));
            if opens {
                let under = setting.under.clone().unwrap_or_default();
                let message = format!("a block opens for `Match {under}` what is closed for everyone else");
                answers.push(Answer::warn(Severity::Medium, SUBJECT, message).evidence(setting.evidence.clone()));
            }
        }
    }
    answers
}

/// Smaller doors.
fn smaller(ssh: &Ssh) -> Vec<Answer> {
    let all = [
        ("x11forwarding", "no", "X11 forwarding is on, which lets the server reach the screen of who logs in"),
        (
            "gatewayports",
            "no",
            "forwarded ports may listen to networks, so that a login can open what the firewall closes",
        ),
        (
            "permituserenvironment",
            "no",
            "users may set variables for their login, which can get round a forced command",
        ),
        ("hostbasedauthentication", "no", "other hosts may vouch for users"),
    ];
    let open = all.into_iter().filter(|(keyword, default, _)| ssh.value(keyword, default) != "no");
    let answer = |(keyword, _, message): (&str, &str, &str)| {
        Answer::warn(Severity::Low, SUBJECT, message).evidence(place(ssh.get(keyword)))
    };
    open.map(answer).collect()
}

/// With `--deep`, what sshd itself says, if it says otherwise.
fn second_opinion(context: &Context, ssh: &Ssh) -> Option<Answer> {
    if !context.options.deep || !context.host.is_root() {
        return None;
    }
    let output =
        context.host.command(Tool { name: "sshd", arguments: &["-T"] }).ok().filter(|one| one.code == Some(0))?;
    let told = |keyword: &str| {
        output.stdout.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' ').map(str::to_owned))
    };
    let same = |one: &str, other: &str| {
        let plain = |text: &str| text.replace("without-password", "prohibit-password");
        plain(one) == plain(other)
    };
    let keywords =
        [("passwordauthentication", "yes"), ("permitrootlogin", "prohibit-password"), ("permitemptypasswords", "no")];
    let differs = keywords.into_iter().find_map(|(keyword, default)| {
        let (ours, theirs) = (ssh.value(keyword, default), told(keyword)?);
        (!same(&ours, &theirs)).then_some((keyword, ours, theirs))
    });
    let (keyword, ours, theirs) = differs?;
    let message = format!("sshd says `{keyword} {theirs}`, its files say `{ours}`");
    let evidence = Evidence::command("sshd -T").note(format!("{keyword} {theirs}"));
    Some(Answer::warn(Severity::Medium, SUBJECT, message).evidence(evidence).obtained(Obtained::Command))
}
