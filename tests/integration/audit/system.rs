//! Files, and the operating system.

use skillscan::audit::{Missing, Options, Status, run};
use skillscan::finding::Severity;

use super::super::common::skip;
use super::host::{Machine, answers, fixture, options, status, worst};

const CONFIG: &str = "/home/claw/.openclaw/openclaw.json";
const STATE: &str = "/home/claw/.openclaw";

/// A good host into which others can look as far as its state directory.
fn open() -> Machine {
    let machine = Machine::sample("x_secretref");
    for folder in ["/", "/home", "/home/claw", STATE] {
        machine.folder(folder, 0o755);
    }
    machine
}

#[test]
fn private_files_pass() {
    let machine = Machine::sample("x_secretref");
    machine.folder("/home/claw/.openclaw/workspace", 0o700);
    machine.write("/home/claw/.openclaw/workspace/SOUL.md", "Be kind.\n");
    let audit = machine.audit();
    for id in ["F.config-mode", "F.state-mode", "F.secrets-mode", "F.workspace-mode", "F.backups", "F.synced", "F.logs"]
    {
        assert_eq!(status(&audit, id), Status::Pass, "{id}: {}", worst(&audit, id).message);
    }
    assert_eq!(status(&audit, "F.cloudflared-mode"), Status::NotApplicable);
}

#[test]
fn every_directory_on_the_way_counts() {
    let machine = Machine::sample("x_secretref");
    machine.mode(CONFIG, 0o644);
    let audit = machine.audit();
    assert_eq!(worst(&audit, "F.config-mode").severity, Severity::Low);
    let machine = open();
    machine.mode(CONFIG, 0o644);
    let audit = machine.audit();
    let answer = worst(&audit, "F.config-mode");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High), "{}", answer.message);
    assert!(
        !answer.repairs.is_empty()
            && answer.command.as_deref() == Some("chmod go-rwx /home/claw/.openclaw/openclaw.json")
    );
    machine.mode(CONFIG, 0o666);
    assert_eq!(worst(&machine.audit(), "F.config-mode").severity, Severity::Critical);
    machine.mode(CONFIG, 0o600);
    machine.mode(STATE, 0o777);
    let audit = machine.audit();
    assert_eq!(worst(&audit, "F.config-mode").severity, Severity::Critical, "{:?}", worst(&audit, "F.config-mode"));
    assert_eq!(worst(&audit, "F.state-mode").severity, Severity::Critical);
}

#[test]
fn link_is_told_and_its_target_is_judged() {
    let machine = open();
    std::fs::remove_file(machine.path(CONFIG)).expect("the file is there");
    machine.write("/srv/openclaw.json", super::host::sample("x_secretref"));
    machine.folder("/srv", 0o755);
    machine.mode("/srv/openclaw.json", 0o644);
    machine.link(CONFIG, "/srv/openclaw.json");
    let audit = machine.audit();
    assert_eq!(worst(&audit, "F.config-mode").severity, Severity::High);
    assert!(
        answers(&audit, "F.config-mode")
            .iter()
            .any(|answer| answer.message.contains("is a link to /srv/openclaw.json"))
    );
}

#[test]
fn each_place_of_secrets_is_judged() {
    for file in [
        ".env",
        "credentials/whatsapp/main/creds.json",
        "agents/main/agent/auth-profiles.json",
        "agents/main/agent/openclaw-agent.sqlite",
        "state/openclaw.sqlite",
        "devices/paired.json",
        "identity/device.json",
        "exec-approvals.json",
        "gateway/tls/gateway-key.pem",
    ] {
        let machine = open();
        let path = format!("{STATE}/{file}");
        machine.write(&path, "secret");
        let mut folder = std::path::Path::new(&path).parent();
        while let Some(one) = folder.filter(|one| one.starts_with(STATE)) {
            machine.mode(&one.display().to_string(), 0o755);
            folder = one.parent();
        }
        machine.mode(&path, 0o644);
        let audit = machine.audit();
        assert!(
            answers(&audit, "F.secrets-mode")
                .iter()
                .any(|answer| answer.severity == Severity::High && answer.subject == path),
            "{file}"
        );
    }
}

#[test]
fn workspace_below_a_closed_directory_is_untidy_only() {
    let machine = Machine::sample("x_secretref");
    machine.folder("/home/claw/.openclaw/workspace", 0o755);
    assert_eq!(worst(&machine.audit(), "F.workspace-mode").severity, Severity::Low);
    let machine = open();
    machine.folder("/home/claw/.openclaw/workspace", 0o755);
    assert_eq!(worst(&machine.audit(), "F.workspace-mode").severity, Severity::Medium);
    machine.write("/home/claw/.openclaw/workspace/SOUL.md", "Be kind.\n");
    machine.mode("/home/claw/.openclaw/workspace/SOUL.md", 0o666);
    assert_eq!(worst(&machine.audit(), "F.workspace-mode").severity, Severity::Critical);
}

#[test]
fn access_lists_are_told() {
    let machine = open();
    let path = machine.path(CONFIG);
    let done = assert_cmd::Command::new("setfacl").args(["-m", "u:65534:r"]).arg(&path).output();
    if !done.is_ok_and(|output| output.status.success()) {
        return skip("setfacl and a file system with access lists");
    }
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("permissions can be set");
    let audit = machine.audit();
    assert!(worst(&audit, "F.config-mode").message.contains("access list"), "{:?}", worst(&audit, "F.config-mode"));
}

#[test]
fn secrets_in_plain_text_are_counted_and_never_shown() {
    let machine = Machine::sample("good");
    let token = ["ghp", "_0123456789abcdefghijABCDEFGHIJ012345"].concat();
    machine.write("/home/claw/.bash_history", format!("ls\nexport GITHUB_TOKEN={token}\n"));
    let audit = machine.audit();
    let found = answers(&audit, "F.plaintext-secrets");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|answer| answer.evidence[0].line == Some(2)));
    assert!(!format!("{found:?}").contains(&token));
    let machine = Machine::with_config(&super::host::without_secrets());
    assert_eq!(status(&machine.audit(), "F.plaintext-secrets"), Status::Pass);
    let machine = Machine::with_config("{");
    assert_eq!(status(&machine.audit(), "F.plaintext-secrets"), Status::Unknown);
}

#[test]
fn copies_and_left_over_directories_are_told() {
    let machine = Machine::sample("x_secretref");
    machine.write("/home/claw/.openclaw/openclaw.json.bak.1", "{}");
    assert_eq!(worst(&machine.audit(), "F.backups").severity, Severity::Low);
    machine.folder("/home/claw/.clawdbot", 0o700);
    machine.write("/home/claw/.clawdbot/clawdbot.json", "{}");
    assert_eq!(worst(&machine.audit(), "F.backups").severity, Severity::Medium);
    let machine = open();
    machine.write("/home/claw/.openclaw/openclaw.json.bak", "{}");
    machine.mode("/home/claw/.openclaw/openclaw.json.bak", 0o644);
    let audit = machine.audit();
    let answer = worst(&audit, "F.backups");
    assert_eq!((answer.severity, answer.repairs.len()), (Severity::High, 1));
}

#[test]
fn folders_of_other_machines_are_told() {
    let machine = Machine::sample("x_secretref");
    machine.write("/proc/mounts", "/dev/sda1 / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n");
    let audit = machine.audit();
    assert!(worst(&audit, "F.synced").message.contains("nfs4"));
    let machine = Machine::empty();
    machine.write("/home/claw/Dropbox/state/openclaw.json", "{}");
    machine.link(STATE, "/home/claw/Dropbox/state");
    assert_eq!(status(&machine.audit(), "F.synced"), Status::Warn);
}

#[test]
fn open_logs_are_told() {
    let machine = open();
    let log = "/tmp/openclaw/openclaw-2026-11-20.log";
    machine.write(log, "started\n");
    assert_eq!(status(&machine.audit(), "F.logs"), Status::Pass);
    machine.folder("/tmp", 0o1777);
    machine.folder("/tmp/openclaw", 0o755);
    machine.mode(log, 0o644);
    assert_eq!(worst(&machine.audit(), "F.logs").severity, Severity::Medium);
    machine.mode(log, 0o600);
    machine.write(log, ["token: xoxb", "-0123456789-abcdefghij\n"].concat());
    assert_eq!(status(&machine.audit(), "F.logs"), Status::Warn);
    machine.write(log, "started\n");
    let odd = "/tmp/openclaw/a.log;reboot";
    machine.write(odd, "started\n");
    machine.mode(odd, 0o644);
    let command = worst(&machine.audit(), "F.logs").command.clone();
    assert_eq!(
        command.as_deref(),
        Some("chmod go-rwx '/tmp/openclaw/a.log;reboot'"),
        "a name is one word of a command"
    );
}

#[test]
fn logs_that_are_not_looked_through_whole_are_told() {
    let machine = open();
    let log = format!("{STATE}/logs/gateway.log");
    let said = |text: String| {
        machine.write(&log, text);
        let audit = machine.audit();
        let answer = worst(&audit, "F.logs");
        (answer.status, answer.message.contains("first 1048576"))
    };
    let long = format!("{}\n", "x ".repeat(500)).repeat(1_100);
    assert_eq!(said(long.clone()), (Status::Unknown, true));
    assert_eq!(worst(&machine.audit(), "F.logs").missing, Some(Missing::Asked), "a busy host is no broken one");
    let deep = run(machine.host(), Options { deep: true, ..options() });
    assert_eq!(status(&deep, "F.logs"), Status::Pass);
    assert_eq!(said(["token: xoxb", "-0123456789-abcdefghij\n", &long].concat()), (Status::Warn, true));
    assert_eq!(said("x".repeat(70_000)), (Status::Unknown, true));
    assert_eq!(said("started\n".to_owned()), (Status::Pass, false));
    for number in 0..50 {
        machine.write(&format!("{STATE}/logs/{number}.log"), "started\n");
    }
    assert_eq!(status(&machine.audit(), "F.logs"), Status::Unknown);
}

fn ssh(main: &str, more: &[(&str, &str)]) -> Machine {
    let machine = Machine::sample("good");
    machine.write("/etc/ssh/sshd_config", main);
    for (name, text) in more {
        machine.write(&format!("/etc/ssh/sshd_config.d/{name}"), text);
    }
    machine
}

#[test]
fn first_value_counts_and_included_files_stand_first() {
    let good = fixture("sshd/good.sshd_config");
    assert_eq!(status(&ssh(&good, &[]).image(), "O.ssh"), Status::Pass);
    let bad = ssh(&fixture("sshd/bad.sshd_config"), &[("50-cloud-init.conf", &fixture("sshd/bad.50-cloud-init.conf"))]);
    let audit = bad.image();
    let answer = worst(&audit, "O.ssh");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High), "{}", answer.message);
    assert!(format!("{:?}", answer.evidence).contains("50-cloud-init.conf"), "{:?}", answer.evidence);
    assert_eq!(status(&Machine::sample("good").image(), "O.ssh"), Status::NotApplicable);
}

#[test]
fn ways_to_log_in_are_told_apart() {
    let closed = "KbdInteractiveAuthentication no\nPermitRootLogin no\nPasswordAuthentication no\nUsePAM yes\n";
    let worst_of = |text: &str| {
        let audit = ssh(text, &[]).image();
        let answer = worst(&audit, "O.ssh");
        (answer.status, answer.severity)
    };
    assert_eq!(worst_of(closed).0, Status::Pass);
    assert_eq!(
        worst_of("PasswordAuthentication=no\nKbdInteractiveAuthentication \"no\"\nPermitRootLogin = no\n").0,
        Status::Pass
    );
    let kbd = closed.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes");
    assert_eq!(worst_of(&kbd), (Status::Fail, Severity::High));
    assert_eq!(worst_of(&kbd.replace("UsePAM yes", "UsePAM no")).0, Status::Pass);
    assert_eq!(worst_of(&format!("PermitRootLogin yes\n{closed}")), (Status::Fail, Severity::High));
    assert_eq!(worst_of(&format!("PermitRootLogin prohibit-password\n{closed}")), (Status::Warn, Severity::Low));
    assert_eq!(worst_of(&format!("PermitEmptyPasswords yes\n{closed}")), (Status::Fail, Severity::Critical));
    assert_eq!(
        worst_of(&format!("{closed}Match User backup\n PasswordAuthentication yes\n")),
        (Status::Warn, Severity::Medium)
    );
    assert_eq!(worst_of(&format!("{closed}Match User backup\n X11Forwarding yes\nMatch all\n")).0, Status::Pass);
    assert_eq!(worst_of(&format!("{closed}GatewayPorts yes\n")), (Status::Warn, Severity::Low));
}

#[test]
fn included_file_that_cannot_be_read_is_unknown() {
    let machine = ssh(&fixture("sshd/good.sshd_config"), &[]);
    machine.folder("/etc/ssh/sshd_config.d/10-dir.conf", 0o700);
    assert_eq!(worst(&machine.image(), "O.ssh").missing, Some(Missing::Other));
    // What stands there may be the first value, and what is set before it is.
    let include = "Include /etc/ssh/sshd_config.d/*.conf\n";
    machine.write(
        "/etc/ssh/sshd_config",
        format!("{include}PasswordAuthentication yes\nPermitRootLogin yes\nUsePAM yes\n"),
    );
    assert_eq!(worst(&machine.image(), "O.ssh").missing, Some(Missing::Other));
    machine.write("/etc/ssh/sshd_config", format!("PermitRootLogin yes\n{include}"));
    assert_eq!(status(&machine.image(), "O.ssh"), Status::Fail);
}

#[test]
fn sshd_itself_is_the_second_opinion() {
    let mut machine = ssh(&fixture("sshd/good.sshd_config"), &[]);
    machine.prints("sshd -T", &fixture("sshd/bad.sshd-T.txt"));
    let deep = |machine: &Machine| run(machine.host(), Options { deep: true, ..options() });
    assert_eq!(status(&deep(&machine), "O.ssh"), Status::Warn);
    machine.prints("sshd -T", &fixture("sshd/good.sshd-T.txt"));
    assert_eq!(status(&deep(&machine), "O.ssh"), Status::Pass);
}

/// A host that keeps itself up to date.
fn apt() -> Machine {
    let machine = Machine::sample("good");
    machine.write(
        "/etc/apt/apt.conf.d/20auto-upgrades",
        "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
    );
    machine.write("/usr/bin/unattended-upgrade", "");
    machine
}

#[test]
fn updates_are_installed_or_not() {
    assert_eq!(status(&apt().image(), "O.updates"), Status::Pass);
    for (name, text) in [
        ("20auto-upgrades", "APT::Periodic::Update-Package-Lists \"1\";\n"),
        ("99off", "APT { Periodic { Unattended-Upgrade \"0\"; }; };\n"),
        ("10periodic", "/* all */ APT::Periodic::Enable \"0\"; // off\n"),
    ] {
        let machine = apt();
        machine.write(&format!("/etc/apt/apt.conf.d/{name}"), text);
        assert_eq!(status(&machine.image(), "O.updates"), Status::Warn, "{name}");
    }
    let machine = apt();
    machine.write("/etc/apt/apt.conf.d/00first", "APT::Periodic::Unattended-Upgrade \"0\";\n");
    assert_eq!(status(&machine.image(), "O.updates"), Status::Pass, "the last value counts");
    machine.link("/etc/systemd/system/apt-daily-upgrade.timer", "/dev/null");
    assert_eq!(status(&machine.image(), "O.updates"), Status::Warn);
    assert_eq!(worst(&Machine::sample("good").image(), "O.updates").missing, Some(Missing::Other));
}

#[test]
fn restart_that_waits_is_told() {
    let machine = Machine::sample("good");
    assert_eq!(status(&machine.audit(), "O.reboot"), Status::Pass);
    machine.write("/run/reboot-required", "");
    machine.write("/run/reboot-required.pkgs", "linux-image\nlibc6\n");
    assert!(worst(&machine.audit(), "O.reboot").message.contains("linux-image, libc6"));
}

#[test]
fn kind_of_machine_is_told() {
    let machine = Machine::sample("good");
    assert_eq!(status(&machine.audit(), "O.platform"), Status::Pass);
    machine.write("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n");
    assert_eq!(status(&machine.audit(), "O.platform"), Status::Warn);
    let machine = Machine::sample("good");
    machine.write("/.dockerenv", "");
    machine.write("/var/run/docker.sock", "");
    assert_eq!(worst(&machine.audit(), "O.platform").severity, Severity::High);
}
