//! Makes hosts to audit: a directory that holds what a real one would, its sockets and processes included.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use skillscan::audit::host::{Host, Unread};
use skillscan::audit::{Answer, Audit, Options, Status, run};
use skillscan::process::Output;
use skillscan::{Limits, Policy, Ruleset, Scanner};
use tempfile::TempDir;

use super::super::common::fixtures;

/// Number of the user `claw`, who runs the gateway; files belong to whoever runs the tests.
pub(crate) const CLAW: u32 = 1000;

/// A day on which the data of the fixtures is fresh.
pub(crate) const TODAY: &str = "2026-11-25";

/// A host below a directory of its own.
pub(crate) struct Machine {
    dir: TempDir,
    commands: BTreeMap<String, Result<Output, Unread>>,
}

impl Machine {
    /// One without anything but users.
    pub(crate) fn empty() -> Self {
        let machine = Self { dir: tempfile::tempdir().expect("a temporary directory"), commands: BTreeMap::new() };
        let me = fs::metadata(machine.dir.path()).map(|meta| std::os::unix::fs::MetadataExt::uid(&meta));
        let me = me.expect("the directory is there");
        // Who runs the tests owns the files, so they are `claw` unless they are root, who may own anything.
        let claw = if me == 0 { CLAW } else { me };
        machine
            .write("/etc/passwd", format!("root:x:0:0:root:/root:/bin/sh\nclaw:x:{claw}:{claw}::/home/claw:/bin/sh\n"));
        machine.write("/etc/group", format!("root:x:0:\nclaw:x:{claw}:\n"));
        machine.write("/etc/hostname", "example\n");
        machine.write("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\n");
        machine.write("/proc/sys/kernel/osrelease", "6.12.41-amd64\n");
        machine.folder("/home/claw", 0o700);
        machine
    }

    /// One with the user's configuration, private as it should be.
    pub(crate) fn with_config(text: &str) -> Self {
        let machine = Self::empty();
        machine.folder("/home/claw/.openclaw", 0o700);
        machine.write("/home/claw/.openclaw/openclaw.json", text);
        machine
    }

    /// One whose configuration is a sample below `fixtures/hosts/config`.
    pub(crate) fn sample(name: &str) -> Self {
        Self::with_config(&sample(name))
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The path on this machine of one of the host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a new directory");
        fs::write(&path, text).expect("a new file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("permissions can be set");
    }

    /// Makes a directory with these permissions.
    pub(crate) fn folder(&self, path: &str, mode: u32) {
        fs::create_dir_all(self.path(path)).expect("a new directory");
        self.mode(path, mode);
    }

    /// Changes permissions.
    pub(crate) fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode)).expect("permissions can be set");
    }

    /// Makes a link.
    pub(crate) fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a link has a directory")).expect("a new directory");
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(target, path).expect("a new link");
    }

    /// Copies a file of `fixtures/hosts`.
    pub(crate) fn copy(&self, fixture: &str, path: &str) {
        self.write(path, fs::read(fixtures().join("hosts").join(fixture)).unwrap_or_else(|_| panic!("{fixture}")));
    }

    /// The manifest of an installed npm package.
    pub(crate) fn package(&self, folder: &str, name: &str, version: &str) {
        self.write(&format!("{folder}/package.json"), format!("{{\"name\": \"{name}\", \"version\": \"{version}\"}}"));
    }

    /// Makes it fit, as far as files tell: packet filter, SSH and updates.
    pub(crate) fn fit(&self) {
        for (name, path) in [
            ("ufw.conf", "/etc/ufw/ufw.conf"),
            ("default-ufw", "/etc/default/ufw"),
            ("user.rules", "/etc/ufw/user.rules"),
            ("user6.rules", "/etc/ufw/user6.rules"),
        ] {
            self.copy(&format!("ufw/good/{name}"), path);
        }
        self.copy("sshd/good.sshd_config", "/etc/ssh/sshd_config");
        let settings = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";
        self.write("/etc/apt/apt.conf.d/20auto-upgrades", settings);
        self.write("/usr/bin/unattended-upgrade", "");
    }

    /// What a command prints.
    pub(crate) fn prints(&mut self, command: &str, stdout: &str) {
        let output = Output { code: Some(0), stdout: stdout.to_owned(), stderr: String::new() };
        self.commands.insert(command.to_owned(), Ok(output));
    }

    /// A command that does not end in time.
    pub(crate) fn hangs(&mut self, command: &str) {
        let why = Unread::Other(format!("{command} did not end within 5s"));
        self.commands.insert(command.to_owned(), Err(why));
    }

    /// One more socket that listens at an address, written as the kernel writes it.
    pub(crate) fn listens(&self, address: &str, port: u16, socket: u64) {
        let table = fs::read_to_string(self.path("/proc/net/tcp")).expect("there is a table");
        let rest = "00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0";
        let line = format!("   9: {address}:{port:04X} {rest} {socket} 1 0000000000000000 100 0 0 10 0\n");
        self.write("/proc/net/tcp", table + &line);
    }

    /// Sockets that listen: lines of `/proc/net/tcp` and `tcp6` as captured below `fixtures/hosts/proc-net`.
    pub(crate) fn sockets(&self, name: &str) {
        self.copy(&format!("proc-net/{name}.tcp"), "/proc/net/tcp");
        self.copy(&format!("proc-net/{name}.tcp6"), "/proc/net/tcp6");
    }

    /// A running process with its sockets' numbers.
    pub(crate) fn process(&self, pid: u32, uid: u32, arguments: &[&str], sockets: &[u64]) {
        let folder = format!("/proc/{pid}");
        let name: String = arguments[0].rsplit('/').next().unwrap_or_default().chars().take(15).collect();
        self.write(&format!("{folder}/comm"), format!("{name}\n"));
        self.write(&format!("{folder}/cmdline"), arguments.join("\0") + "\0");
        self.write(&format!("{folder}/status"), format!("Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n"));
        for (number, socket) in sockets.iter().enumerate() {
            self.link(&format!("{folder}/fd/{}", number + 10), &format!("socket:[{socket}]"));
        }
    }

    /// The host as it runs, seen by root.
    pub(crate) fn host(&self) -> Host {
        Host::recorded(self.root(), self.commands.clone()).seen_by(0)
    }

    /// Its audit, seen by root.
    pub(crate) fn audit(&self) -> Audit {
        self.audit_by(0)
    }

    /// Its audit, seen by a user.
    pub(crate) fn audit_by(&self, uid: u32) -> Audit {
        run(self.host().seen_by(uid), options())
    }

    /// Its audit as an image.
    pub(crate) fn image(&self) -> Audit {
        run(Host::image(self.root()), options())
    }
}

/// A sample configuration.
pub(crate) fn sample(name: &str) -> String {
    let path = fixtures().join(format!("hosts/config/{name}.json"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A sample configuration in which every secret is a reference.
pub(crate) fn without_secrets() -> String {
    let text = sample("x_secretref");
    let line = text.lines().find(|line| line.contains("botToken")).expect("the sample has one").to_owned();
    text.replace(&line, "      \"botToken\": \"${TELEGRAM_TOKEN}\",")
}

/// A file below `fixtures/hosts`.
pub(crate) fn fixture(name: &str) -> String {
    let path = fixtures().join("hosts").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What tests ask.
pub(crate) fn options() -> Options {
    Options { today: TODAY.to_owned(), ..Options::default() }
}

/// What scans the skills of a host, with the built-in rules and no choices.
pub(crate) fn scanner() -> Option<Arc<Scanner>> {
    // Reading the rules takes longer than an audit.
    static SCANNER: LazyLock<Arc<Scanner>> = LazyLock::new(|| {
        let rules = Ruleset::builtin().expect("the built-in rules compile");
        Arc::new(Scanner::new(rules, Limits::default(), Policy::new(&[]).expect("no glob is wrong")))
    });
    Some(Arc::clone(&SCANNER))
}

/// The answers of a check.
pub(crate) fn answers<'a>(audit: &'a Audit, id: &str) -> Vec<&'a Answer> {
    let found: Vec<&Answer> =
        audit.checks.iter().filter(|checked| checked.id.as_str() == id).map(|checked| &checked.answer).collect();
    assert!(!found.is_empty(), "no answer of {id}");
    found
}

/// The worst answer of a check.
pub(crate) fn worst<'a>(audit: &'a Audit, id: &str) -> &'a Answer {
    let found = answers(audit, id).into_iter().max_by_key(|answer| (answer.status, answer.severity));
    found.expect("a check answers")
}

/// The status of the worst answer of a check.
pub(crate) fn status(audit: &Audit, id: &str) -> Status {
    worst(audit, id).status
}
