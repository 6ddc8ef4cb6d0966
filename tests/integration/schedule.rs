//! Timers, crontabs and the guard of the gateway: what is written, that systemd takes it, and that nothing of the
//! user's is touched.

use std::fs;
use std::path::Path;
use std::process::Output;

use skillscan::schedule::systemd::{self, Service};
use skillscan::schedule::{MARK, cron};

use super::common::{Ran, Sandbox, run_with, skip};

fn schedule(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let home = sandbox.path().to_str().expect("a temporary path is text");
    let mut all = vec!["schedule"];
    all.extend(args);
    run_with(sandbox.path(), &all, &[("HOME", home)])
}

/// `systemd-analyze verify` on units that lie in a folder.
fn verified(files: &[&Path]) -> Option<Output> {
    let mut command = assert_cmd::Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--generators=no"]).args(files);
    let Ok(output) = command.output() else {
        skip("systemd-analyze");
        return None;
    };
    Some(output)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Words that need quoting in a unit and in a crontab.
const HARD: &str = "/tmp/a b%c$d\"e'f\\g";

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let program = "/bin/true".to_owned();
    let user = Service { program, arguments: vec![HARD.to_owned()], at: "03:30".to_owned(), ..Service::default() };
    let system = Service { is_system: true, user: Some("root".to_owned()), ..user.clone() };
    let audit = Service { has_audit: true, has_command: true, ..system.clone() };
    for service in [user, system, audit] {
        let files = service.files(folder.path());
        for file in &files {
            file.write().expect("a new file");
            assert!(file.text.starts_with(MARK));
        }
        let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        let Some(output) = verified(&paths) else { return };
        let said = said(&output);
        assert!(output.status.success() && !said.contains("skillscan"), "{}\n{said}", files[0].text);
    }
    // A drop-in for a unit that is there.
    let unit = folder.path().join(systemd::GATEWAY);
    fs::write(&unit, "[Unit]\nDescription=Gateway\n[Service]\nExecStart=/bin/true\n").expect("a new file");
    for is_strict in [false, true] {
        let guard = systemd::guard("/bin/true", systemd::GATEWAY, folder.path(), is_strict);
        guard.write().expect("a new file");
        let Some(output) = verified(&[&unit]) else { return };
        let said = said(&output);
        assert!(output.status.success() && !said.contains("50-skillscan"), "{}\n{said}", guard.text);
    }
    let broken = folder.path().join("broken.service");
    fs::write(&broken, "[Service]\nExecStart=relative \"\n").expect("a new file");
    let Some(output) = verified(&[&broken]) else { return };
    assert!(!output.status.success(), "it takes anything");
}

#[test]
fn install_remove_and_status_agree() {
    let sandbox = Sandbox::new();
    let root = sandbox.path().join("image");
    let image = root.to_str().expect("it is text");
    for (more, folder) in
        [(&[][..], sandbox.path().join(".config/systemd/user")), (&["--system"][..], "/etc/systemd/system".into())]
    {
        let folder = root.join(folder.strip_prefix("/").expect("it is absolute"));
        let run = |action: &str, last: &[&str]| schedule(&sandbox, &[&[action, "--root", image], more, last].concat());
        let arguments = ["--", "--home", "/home/agent", "--audit"];
        let dry = run("install", &[&["--dry-run"][..], &arguments].concat());
        assert!(dry.code == 0 && dry.stdout.contains("OnCalendar"), "{}{}", dry.stdout, dry.stderr);
        assert!(!folder.exists());
        let installed = run("install", &arguments);
        assert_eq!(installed.code, 0, "{}", installed.stderr);
        let service = fs::read_to_string(folder.join("skillscan-nightly.service")).expect("it is written");
        assert!(service.contains("nightly \"--home\" \"/home/agent\" \"--audit\""), "{service}");
        assert_eq!(service.contains("--state"), !more.is_empty(), "{service}");
        assert_eq!(run("status", &[]).stdout.matches("installed  ").count(), 2);
        // Once more is no harm, and what others wrote stays.
        assert_eq!(run("install", &arguments).code, 0);
        let own = folder.join("own.timer");
        fs::write(&own, "mine").expect("a new file");
        fs::write(folder.join("skillscan-nightly.timer"), "mine").expect("it is there");
        let refused = run("install", &arguments);
        assert!(refused.code == 2 && refused.stderr.contains("left as it is"), "{}", refused.stderr);
        let removed = run("remove", &[]);
        assert!(removed.code == 0 && removed.stdout.contains("left alone"), "{}", removed.stdout);
        assert!(own.exists() && !folder.join("skillscan-nightly.service").exists());
        assert!(run("status", &[]).stdout.contains("not written by skillscan"));
    }
}

#[test]
fn the_guard_stands_before_the_gateway() {
    let sandbox = Sandbox::new();
    let root = sandbox.path().join("image");
    let image = root.to_str().expect("it is text");
    let run = |words: &[&str]| schedule(&sandbox, &[words, &["--gateway-guard", "--root", image]].concat());
    assert_eq!(run(&["install"]).code, 0);
    let units = sandbox.path().join(".config/systemd/user");
    let file = root
        .join(units.strip_prefix("/").expect("it is absolute"))
        .join("openclaw-gateway.service.d/50-skillscan.conf");
    let text = fs::read_to_string(&file).expect("it is written");
    assert!(
        text.contains("ExecStartPre=/bin/sh -c \"'/") && text.contains("audit --quiet; test $$? -ne 1\""),
        "{text}"
    );
    assert!(run(&["status"]).stdout.starts_with("installed"));
    assert_eq!(run(&["install", "--strict"]).code, 0);
    assert!(!fs::read_to_string(&file).expect("it is written").contains("/bin/sh"));
    assert_eq!(run(&["remove"]).code, 0);
    assert!(!file.exists());
    assert_eq!(run(&["install", "--unit", "../x.service"]).code, 2);
}

#[test]
fn what_a_timer_could_not_do_is_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("here")).expect("a new directory");
    for (arguments, why) in [
        (&["--", "skills"][..], "absolute"),
        (&["--", "--rules", "here"], "absolute"),
        (&["--", "--rules=here"], "absolute"),
        (&["--", "--notify", "slack:env:HOOK"], "none of your variables"),
        (&["--", "--notify", "slack:https://hooks.example.com/secretpath"], "expected command:"),
        (&["--", "--notify", "telegram:1:2:secretpath"], "expected command:"),
        (&["--", "--notify", "telegram:1:env:TOKEN"], "none of your variables"),
        (&["--", "--notify", "webhook:file:secretpath"], "expected command:"),
        (&["--", "--notify", "mail:-oQ/tmp"], "expected command:"),
        (&["--", "--no-such-option"], "arguments of nightly"),
        (&["--", "--state", "/a\nb"], "control characters"),
        (&["--at", "25:00"], "no hour"),
        (&["--system"], "whose skills"),
        (&["--system", "--", "--home", "/home/a", "--state", "/srv/x"], "leave out --state"),
        (&["--system", "--user", "a b", "--", "--home", "/home/a"], "no name of a user"),
        (&["--user", "name"], "--system"),
    ] {
        let ran = schedule(&sandbox, &[&["install", "--dry-run", "--root", "/nowhere"], arguments].concat());
        assert!(ran.code == 2 && ran.stderr.contains(why), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("secretpath"), "{}", ran.stderr);
    }
    for channel in ["slack:file:/a", "telegram:-1:file:/a", "mail:root@example.com", "command:/bin/true"] {
        let arguments = ["install", "--dry-run", "--root", "/nowhere", "--", "--notify", channel];
        let ran = schedule(&sandbox, &arguments);
        assert_eq!(ran.code, 0, "{channel}: {}", ran.stderr);
    }
}

#[test]
fn a_crontab_keeps_its_other_lines() {
    let arguments = ["--state".to_owned(), HARD.to_owned()];
    let block = cron::block("/usr/bin/skillscan", &arguments, "03:05");
    assert!(block.contains("\n5 3 * * * /usr/bin/skillscan nightly --state '/tmp/a b\\%c$d\"e'\\''f\\g'\n"), "{block}");
    for table in ["", "MAILTO=me\n0 1 * * * own\n", "0 1 * * * no end of line"] {
        let with = cron::with(table, &block).expect("a whole crontab");
        assert!(with.starts_with(table) && with.ends_with(&block), "{with}");
        assert_eq!(cron::with(&with, &block).as_deref(), Ok(&*with), "twice is once");
        assert!(cron::find(&with).is_some_and(|line| line.starts_with("5 3 ")));
        assert_eq!(cron::without(&with).expect("a whole crontab").trim_end(), table.trim_end());
    }
    let (begin, _) = block.split_once('\n').expect("lines");
    for broken in
        [format!("{begin}\n0 1 * * * own\n"), "# END skillscan nightly\n".to_owned(), format!("{begin}\n{begin}\n")]
    {
        assert!(cron::with(&broken, &block).is_err() && cron::without(&broken).is_err());
    }
    let sandbox = Sandbox::new();
    let dry = schedule(&sandbox, &["install", "--cron", "--dry-run", "--at", "4:05", "--", "--audit"]);
    assert!(dry.code == 0 && dry.stdout.contains("5 4 * * * /"), "{}{}", dry.stdout, dry.stderr);
}
