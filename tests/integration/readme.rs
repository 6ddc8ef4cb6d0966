//! Every command that README shows is run as it stands there, in a shell, on a machine that is made for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::common::{ATTACK, SKILL, fixtures};
use super::mock::{Registry, zip};

/// Commands of README and the exit codes that they may end with here. Where a code depends on the machine that the
/// test runs on, all that a command may say about a host are allowed; a usage error never is.
const COMMANDS: &[(&str, &[i32])] = &[
    ("skillscan", &[0]),
    ("skillscan -v ./some-skill", &[1]),
    ("skillscan some-skill.zip other.tar.gz", &[1]),
    ("curl -fsSL https://example.com/s.zip | skillscan -", &[1]),
    ("skillscan verify ~/.openclaw", &[3]),
    ("skillscan rules explain exec/remote-pipe", &[0]),
    ("skillscan rules check my-rules", &[0]),
    ("skillscan gate @owner/slug@1.2.3", &[0]),
    ("skillscan gate @owner/slug --install", &[0]),
    ("skillscan gate @owner/slug --exec", &[0]),
    ("skillscan gate some-skill.zip", &[1]),
    ("skillscan gate plugin:@scope/name@1.0.0", &[0, 3]),
    ("skillscan install-policy --print-config", &[0]),
    ("skillscan nightly", &[0]),
    ("skillscan nightly --audit --notify slack:file:/etc/skillscan/slack", HOST),
    ("skillscan nightly --always", &[0]),
    ("skillscan history", &[0]),
    ("skillscan history weather", &[0]),
    ("skillscan schedule install -- --audit", &[0]),
    ("sudo skillscan schedule install --system --user skillscan -- --home /home/agent", &[0]),
    ("skillscan schedule install --gateway-guard", &[0]),
    ("skillscan schedule status", &[0]),
    ("skillscan audit", HOST),
    ("skillscan audit --probe https://openclaw.example.com", HOST),
    ("skillscan audit --save-baseline", HOST),
    ("skillscan audit --fix --dry-run", HOST),
    ("skillscan audit --root /mnt/image", HOST),
    ("skillscan quarantine list", &[0]),
    ("skillscan completions bash > ~/.local/share/bash-completion/completions/skillscan", &[0]),
    ("skillscan man --dir ~/.local/share/man/man1", &[0]),
    ("skillscan --format jsonl ~/.openclaw/skills | jq -r 'select(.verdict == \"malicious\").path'", &[0]),
];

/// Whatever an audit may say about the host that the test runs on.
const HOST: &[i32] = &[0, 1, 2, 3];

/// Commands that build or test the program itself, take another machine or do not end by themselves; they have tests
/// of their own.
const ELSEWHERE: &[&str] = &[
    "scripts/try",
    "cargo test --release --locked",
    "scripts/audit-over-ssh my-vps > report.json",
    "skillscan watch",
    "skillscan watch --quarantine",
    "skillscan watch --format jsonl ~/skills",
    "skillscan quarantine restore 1a2b3c4d-XyZ0",
    "skillscan quarantine delete 1a2b3c4d-XyZ0",
];

/// Lines of the blocks of commands, without what is said about them.
fn shown() -> Vec<String> {
    let readme = fixtures().parent().expect("the project").join("README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    let mut commands = Vec::new();
    for block in readme.split("```sh\n").skip(1) {
        let (block, _) = block.split_once("```").expect("the end of a block");
        let lines = block.lines().map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned());
        commands.extend(lines.filter(|line| !line.is_empty()));
    }
    commands
}

/// A machine on which all of them can work.
struct Machine {
    dir: tempfile::TempDir,
    registry: Registry,
}

impl Machine {
    fn new() -> Self {
        let registry = Registry::with(&[("SKILL.md", SKILL)]);
        registry.publish("owner", "slug", "1.2.3", &[("SKILL.md", SKILL)]);
        let plugin = vec![("package/package.json".to_owned(), br#"{"name":"@scope/name","version":"1.0.0"}"#.to_vec())];
        registry.plugin("@scope/name", "1.0.0", zip(&plugin), None);
        let machine = Self { dir: tempfile::tempdir().expect("a temporary directory"), registry };
        let bad = format!("{SKILL}```sh\n{ATTACK}```\n");
        machine.write("home/.openclaw/skills/weather/SKILL.md", &SKILL.replace("sample", "weather"));
        machine.write("some-skill/SKILL.md", &bad);
        machine.write("my-rules/lists/indicators.csv", &Self::no_indicators());
        machine.write("image/etc/hostname", "image\n");
        machine.write("slack", "http://127.0.0.1:9/hook");
        fs::set_permissions(machine.path("slack"), fs::Permissions::from_mode(0o600)).expect("its own file");
        let members = [("SKILL.md".to_owned(), bad.into_bytes())];
        fs::write(machine.path("some-skill.zip"), zip(&members)).expect("a new file");
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        archive.append_path_with_name(machine.path("some-skill/SKILL.md"), "SKILL.md").expect("a member");
        let archive = archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive");
        fs::write(machine.path("other.tar.gz"), archive).expect("a new file");
        fs::create_dir(machine.path("bin")).expect("a new directory");
        for folder in ["bash-completion/completions", "man/man1"] {
            fs::create_dir_all(machine.path("home/.local/share").join(folder)).expect("a new directory");
        }
        symlink(env!("CARGO_BIN_EXE_skillscan"), machine.path("bin/skillscan")).expect("a new link");
        machine.program("curl", "cat \"$HOME/../some-skill.zip\"");
        machine.program("sudo", "exec \"$@\"");
        machine.program("jq", "cat > /dev/null");
        // What the registry's client would do, as far as the gate asks it to.
        machine.program("clawhub", &machine.client());
        machine
    }

    /// The list of indicators with nothing in it.
    fn no_indicators() -> String {
        let list = fixtures().with_file_name("signatures").join("lists/indicators.csv");
        let list = fs::read_to_string(list).expect("the list");
        format!("{}\n", list.lines().next().expect("a header"))
    }

    /// A client that installs the one skill of the registry into the work directory that it is given.
    fn client(&self) -> String {
        self.write("published.md", SKILL);
        self.write("meta.json", &super::mock::meta("slug", "1.2.3"));
        "while [ $# -gt 0 ]; do [ \"$1\" = --workdir ] && d=$2/skills/slug; shift; done\n\
            mkdir -p \"$d/.clawhub\"; cp \"$HOME/../published.md\" \"$d/SKILL.md\"\n\
            cp \"$HOME/../meta.json\" \"$d/_meta.json\"; echo '{}' > \"$d/.clawhub/origin.json\""
            .to_owned()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a new directory");
        fs::write(path, text).expect("a new file");
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a new file");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its own file");
    }

    /// Runs a command in a shell, places of other machines replaced by those of this one.
    fn run(&self, command: &str) -> (i32, String) {
        let text = |path: &Path| path.to_str().expect("a temporary path is text").to_owned();
        let image = text(&self.path("image"));
        let command = command
            .replace("/etc/skillscan/slack", &text(&self.path("slack")))
            .replace("/mnt/image", &image)
            .replace("/home/agent", &text(&self.path("home")))
            .replace("https://openclaw.example.com", "http://127.0.0.1:9");
        // Timers of this machine stay as they are.
        let command = ["install", "status"].iter().fold(command, |command, action| {
            command.replace(&format!("schedule {action}"), &format!("schedule {action} --root {image}"))
        });
        let mut shell = assert_cmd::Command::new("/bin/sh");
        let path = format!("{}:/usr/bin:/bin", text(&self.path("bin")));
        shell.args(["-c", &command]).current_dir(self.dir.path()).env_clear().env("PATH", path);
        shell.env("HOME", self.path("home")).env("XDG_STATE_HOME", self.path("home/.local/state"));
        // As a service has it, or the tests of root would write where root's audits do.
        shell.env("STATE_DIRECTORY", self.path("home/.local/state/skillscan"));
        shell.env("CLAWHUB_REGISTRY", self.registry.url()).env("CLAWHUB_WORKDIR", self.path("work"));
        let output = shell.output().expect("a shell");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().expect("it ends by itself"), said)
    }
}

#[test]
fn every_command_of_the_readme_works() {
    let shown = shown();
    let known: BTreeSet<&str> = COMMANDS.iter().map(|(command, _)| *command).chain(ELSEWHERE.iter().copied()).collect();
    let unknown: Vec<&String> = shown.iter().filter(|command| !known.contains(command.as_str())).collect();
    assert!(unknown.is_empty(), "no test runs these: {unknown:#?}");
    let machine = Machine::new();
    for (command, codes) in COMMANDS {
        assert!(shown.iter().any(|line| line == command), "README does not show `{command}`");
        let (code, said) = machine.run(command);
        assert!(codes.contains(&code), "{command}: {code}\n{said}");
        assert!(!said.contains("Usage:") && !said.contains("internal error"), "{command}: {said}");
    }
}

#[test]
fn the_four_jobs_fit_on_one_screen_each() {
    let readme = fixtures().parent().expect("the project").join("README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    for job in ["Every day", "Before you install", "Every night", "Is this machine fit to run an agent?"] {
        let (_, section) = readme.split_once(&format!("\n## {job}\n")).expect("the job");
        let lines = section.lines().take_while(|line| !line.starts_with("## ")).count();
        assert!(lines <= 62, "{job}: {lines} lines");
    }
}
