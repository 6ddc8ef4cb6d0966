//! Whether the system installs security updates by itself, and whether one waits for a restart.

use std::time::SystemTime;

use crate::finding::Severity;

use super::super::check::{Answer, Evidence};
use super::super::host::{FILE_BYTES, Host, Unread};
use super::super::run::Context;

const SUBJECT: &str = "updates";
/// Directory of APT's settings.
const APT: &str = "/etc/apt/apt.conf.d";
/// Touched when lists of packages were fetched.
const STAMP: &str = "/var/lib/apt/periodic/update-success-stamp";
/// Days after which lists of packages are old.
const DAYS: i64 = 14;

/// `O.updates`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    if let Some(mark) = host.container() {
        let message = format!("this is a container ({mark}): its image is what is kept up to date");
        return vec![Answer::not_applicable(SUBJECT, message)];
    }
    if host.is_dir("/etc/apt") {
        return apt(context);
    }
    if host.is_file("/etc/dnf/automatic.conf") || host.is_dir("/etc/dnf") {
        return vec![dnf(host)];
    }
    let message = "how this system is kept up to date: it has neither APT nor DNF";
    vec![Unread::Other("no known package manager".to_owned()).answer(SUBJECT, message)]
}

fn apt(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    let settings = match settings(host) {
        Ok(settings) => settings,
        Err(why) => return vec![why.answer(SUBJECT, "the settings of APT").evidence(Evidence::path(APT))],
    };
    let value = |key: &str| settings.iter().rev().find(|(name, ..)| name.eq_ignore_ascii_case(key));
    let is_on =
        |key: &str| value(key).is_some_and(|(_, value, _)| !matches!(value.as_str(), "0" | "false" | "no" | ""));
    let lists = is_on("APT::Periodic::Update-Package-Lists");
    let upgrades = is_on("APT::Periodic::Unattended-Upgrade");
    let is_enabled = value("APT::Periodic::Enable").is_none_or(|(_, value, _)| value != "0");
    let program = ["/usr/bin/unattended-upgrade", "/usr/bin/unattended-upgrades"].iter().any(|path| host.is_file(path));
    let is_masked =
        host.link("/etc/systemd/system/apt-daily-upgrade.timer").is_ok_and(|target| target.ends_with("null"));
    let command = "sudo apt install unattended-upgrades && sudo dpkg-reconfigure -plow unattended-upgrades";
    let place = |key: &str| match value(key) {
        Some((_, _, evidence)) => evidence.clone(),
        None => Evidence::path(APT).note(format!("{key} is not set")),
    };
    let why = match () {
        () if !program => Some(("unattended-upgrades is not installed", Evidence::path("/usr/bin/unattended-upgrade"))),
        () if !is_enabled => Some(("all periodic work of APT is switched off", place("APT::Periodic::Enable"))),
        () if !upgrades => {
            Some(("security updates are not installed by themselves", place("APT::Periodic::Unattended-Upgrade")))
        }
        () if !lists => Some(("lists of packages are not fetched", place("APT::Periodic::Update-Package-Lists"))),
        () if is_masked => {
            Some(("the timer of upgrades is masked", Evidence::path("/etc/systemd/system/apt-daily-upgrade.timer")))
        }
        () => None,
    };
    if let Some((message, evidence)) = why {
        return vec![Answer::warn(Severity::Medium, SUBJECT, message).evidence(evidence).command(command)];
    }
    vec![age(context).unwrap_or_else(|| {
        Answer::pass(SUBJECT, "security updates are installed by themselves")
            .evidence(place("APT::Periodic::Unattended-Upgrade"))
    })]
}

/// Lists of packages that are too old to tell of updates.
fn age(context: &Context) -> Option<Answer> {
    let modified = context.host.stat(STAMP).ok()?.modified?;
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let then = i64::try_from(seconds).ok()? / 86_400;
    let today: jiff::civil::Date = context.options.today.parse().ok()?;
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = i64::from(today.since(epoch).ok()?.get_days()) - then;
    let message = format!("the lists of packages were fetched {days} days ago, although they should be every day");
    (days > DAYS).then(|| {
        Answer::warn(Severity::Medium, SUBJECT, message)
            .evidence(Evidence::path(STAMP))
            .command("sudo apt update && sudo apt upgrade")
    })
}

type Settings = Vec<(String, String, Evidence)>;

/// All settings, in the order in which APT reads its files; the last value counts.
fn settings(host: &Host) -> Result<Settings, Unread> {
    let mut files: Vec<std::path::PathBuf> = host
        .list_if(APT, |name| !name.contains('.') || name.ends_with(".conf"))?
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    files.push("/etc/apt/apt.conf".into());
    let mut found = Vec::new();
    for file in files {
        match host.text(&file, FILE_BYTES) {
            Ok(text) => found.extend(values(&text).into_iter().map(|(key, value, line)| {
                let evidence = Evidence::path(&file).key(key.clone()).line(Some(line)).note(value.clone());
                (key, value, evidence)
            })),
            Err(Unread::Absent) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(found)
}

/// `A::B "value";` and `A { B "value"; };`, with comments of both kinds.
fn values(text: &str) -> Vec<(String, String, usize)> {
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut is_comment = false;
    for (index, line) in text.lines().enumerate() {
        let mut chars = line.chars().peekable();
        let mut word = String::new();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            match c {
                '*' if is_comment && next == Some('/') => {
                    chars.next();
                    is_comment = false;
                }
                _ if is_comment => {}
                '/' if next == Some('*') => is_comment = true,
                '/' if next == Some('/') && word.is_empty() => break,
                '#' if word.is_empty() => break,
                '"' => words.push(chars.by_ref().take_while(|c| *c != '"').collect()),
                '{' => {
                    words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                    path.push(std::mem::take(&mut words).join(" "));
                }
                '}' => {
                    path.pop();
                    words.clear();
                }
                ';' => {
                    words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                    if let [key, value] = words.as_slice() {
                        let key = path.iter().chain([key]).cloned().collect::<Vec<_>>().join("::");
                        found.push((key, value.clone(), index + 1));
                    }
                    words.clear();
                }
                c if c.is_whitespace() => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
                c => word.push(c),
            }
        }
        words.extend((!word.is_empty()).then_some(word));
    }
    found
}

fn dnf(host: &Host) -> Answer {
    let file = "/etc/dnf/automatic.conf";
    let text = match host.text(file, FILE_BYTES) {
        Ok(text) => text,
        Err(Unread::Absent) => String::new(),
        Err(why) => return why.answer(SUBJECT, "the settings of DNF").evidence(Evidence::path(file)),
    };
    let applies = text.lines().any(|line| line.replace(' ', "").eq_ignore_ascii_case("apply_updates=yes"));
    let timers = ["dnf-automatic.timer", "dnf-automatic-install.timer"];
    let has_timer =
        timers.iter().any(|timer| host.lstat(format!("/etc/systemd/system/timers.target.wants/{timer}")).is_ok());
    if applies && has_timer {
        return Answer::pass(SUBJECT, "updates are installed by themselves").evidence(Evidence::path(file));
    }
    Answer::warn(Severity::Medium, SUBJECT, "updates are not installed by themselves")
        .evidence(Evidence::path(file))
        .command("sudo dnf install dnf-automatic && sudo systemctl enable --now dnf-automatic-install.timer")
}

/// `O.reboot`.
pub(super) fn reboot(context: &Context) -> Vec<Answer> {
    let host = &context.host;
    let subject = "restart";
    let marks = ["/run/reboot-required", "/var/run/reboot-required"];
    for mark in marks {
        match host.lstat(mark) {
            Ok(_) => {
                let packages = host.text(format!("{mark}.pkgs"), FILE_BYTES).unwrap_or_default();
                let mut names: Vec<&str> = packages.lines().filter(|line| !line.trim().is_empty()).collect();
                names.dedup();
                let of = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
                let message = format!("an update waits for a restart{of}");
                let answer = Answer::warn(Severity::Medium, subject, message).evidence(Evidence::path(mark));
                return vec![answer.command("sudo reboot")];
            }
            Err(Unread::Absent) => {}
            Err(why) => return vec![why.answer(subject, "whether an update waits for a restart")],
        }
    }
    if !host.is_live() {
        return vec![Unread::NotLive.answer(subject, "whether an update waits for a restart")];
    }
    vec![Answer::pass(subject, "no update says that it waits for a restart")]
}
