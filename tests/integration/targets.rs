//! What may be scanned: paths, archives, standard input; and what a scan does
//! not touch while it does so.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use assert_cmd::Command;
use skillscan::sandbox::{Confinement, confine};

use super::common::{ATTACK, Ran, SKILL, Sandbox, list, rules_of, run, skip};

/// A skill with an attack in it, as a tar archive.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, text.as_bytes()).expect("a member fits");
    }
    archive.into_inner().expect("an archive ends")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("a stream ends")
}

const FILES: [(&str, &str); 2] = [("SKILL.md", SKILL), ("scripts/run.sh", ATTACK)];

/// The program with this on its standard input.
fn fed(bytes: &[u8], arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillscan"));
    let output = command.env_clear().args(arguments).write_stdin(bytes).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().expect("an exit code") }
}

#[test]
fn archive_is_a_package_of_its_members() {
    let sandbox = Sandbox::with(&FILES);
    let folder = sandbox.report().package(".");
    let packed = tar(&FILES);
    for (name, bytes) in [("skill.tar", packed.clone()), ("skill.tgz", gzip(&packed)), ("without-an-ending", packed)] {
        fs::write(sandbox.path().join(name), bytes).expect("a new file");
        let package = run(sandbox.path(), &["scan", name, "--format", "jsonl"]).package(".");
        for key in ["verdict", "name", "digest", "findings", "files", "bytes"] {
            assert_eq!(package[key], folder[key], "{name}: {key} is not that of the folder");
        }
        assert_eq!(package["source"], "path");
    }
}

#[test]
fn standard_input_is_an_archive_or_a_file() {
    let package = fed(&gzip(&tar(&FILES)), &["scan", "-", "--format", "jsonl"]).package(".");
    assert_eq!((package["source"].as_str(), package["verdict"].as_str()), (Some("stdin"), Some("warn")));
    assert_eq!(list(&package, "findings")[0]["locations"][0]["path"], "scripts/run.sh");
    let ran = fed(format!("#!/bin/sh\n{ATTACK}").as_bytes(), &["-", "--format", "jsonl"]);
    assert!(rules_of(&ran.package(".")).contains(&"exec/remote-pipe"));
    let empty = fed(b"", &["scan", "-"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (2, ""));
}

#[test]
fn several_paths_are_scanned_in_their_order_and_once() {
    let sandbox = Sandbox::with(&[("b/SKILL.md", SKILL), ("a/SKILL.md", SKILL), ("a/run.sh", ATTACK)]);
    let ran = run(sandbox.path(), &["scan", "skills/b", "skills/a", "skills/./b", "--format", "jsonl"]);
    let roots: Vec<String> = ran.lines().iter().map(|package| package["root"].to_string()).collect();
    assert_eq!(roots, ["\"skills/b\"", "\"skills/a\""]);
    assert_eq!(ran.code, 1);
    let missing = run(sandbox.path(), &["scan", "skills/b", "skills/none"]);
    assert_eq!(missing.code, 2);
}

#[test]
fn limits_are_shown() {
    let ran = run(Path::new("/"), &["--limits"]);
    assert_eq!(ran.code, 0);
    for limit in ["file_bytes", "32 MiB", "package_bytes", "256 MiB", "nesting", "ratio", "in_flight_bytes", "24 MiB"] {
        assert!(ran.stdout.contains(limit), "`{limit}` is missing in:\n{}", ran.stdout);
    }
}

/// Runs `work` on a thread of its own, which stays confined.
fn confined<T: Send + 'static>(readable: &Path, work: impl FnOnce(Confinement) -> T + Send + 'static) -> T {
    let readable = vec![readable.to_owned()];
    std::thread::spawn(move || work(confine(&readable))).join().expect("the work ends")
}

#[test]
fn confinement_leaves_reading_of_the_scanned_and_nothing_else() {
    let sandbox = Sandbox::with(&FILES);
    let outside = sandbox.path().join("secret");
    fs::write(&outside, "a key").expect("a new file");
    let root = sandbox.root();
    let (inside, new) = (root.join("SKILL.md"), root.join("new"));
    let seen = confined(&root, move |status| {
        (status, fs::read(inside).is_ok(), fs::read(&outside).is_ok(), fs::write(&new, "x").is_ok())
    });
    match seen {
        (Confinement::Enforced, may_read, reads_outside, writes) => {
            assert_eq!((may_read, reads_outside, writes), (true, false, false));
        }
        (Confinement::Unavailable, ..) => skip("a kernel with Landlock"),
    }
}

/// What the program asks of the system as it finds an attack, a line a call; nothing where that cannot be told.
fn traced(sandbox: &Sandbox, arguments: &[&str]) -> Option<String> {
    let trace = sandbox.path().join("trace");
    let mut command = Command::new("strace");
    command.current_dir(sandbox.path()).env("HOME", sandbox.root()).args(["-f", "-s", "300", "-o"]).arg(&trace);
    command.args(["-e", "trace=%file,landlock_restrict_self,openat2,clone3,clone"]);
    let output = command.arg(env!("CARGO_BIN_EXE_skillscan")).args(arguments).output().ok()?;
    assert_eq!(output.status.code(), Some(1), "the traced program finds the attack");
    Some(fs::read_to_string(&trace).expect("a trace"))
}

/// Paths that the traced program opened after it was confined, and whether it ever opened one to write.
fn opened(trace: &str) -> (Vec<String>, bool) {
    let after = trace.split_once("landlock_restrict_self").map_or(trace, |(_, after)| after);
    let opens = || after.lines().filter(|line| line.contains("open"));
    let is_write = |line: &str| ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag));
    let path = |line: &str| line.split('"').nth(1).map(str::to_owned);
    (opens().filter_map(path).collect(), trace.lines().any(is_write))
}

#[test]
fn scan_opens_nothing_outside_the_root_and_writes_nothing() {
    let sandbox = Sandbox::with(&FILES);
    sandbox.link("notes", "/etc/passwd");
    sandbox.write("data.tar", tar(&FILES));
    let Some(trace) = traced(&sandbox, &["scan", "skills", "--format", "jsonl"]) else { return skip("strace") };
    assert!(trace.contains("landlock_restrict_self"), "the program is not confined");
    let (paths, writes) = opened(&trace);
    assert!(!writes, "something was opened to write");
    assert!(paths.iter().any(|path| path.contains("SKILL.md")), "the trace shows no reading at all: {paths:?}");
    // What the system asks of every process is no file of anyone.
    let is_own = |path: &str| path.contains("skills") || path.starts_with("/proc/") || path.starts_with("/sys/");
    let outside: Vec<&String> = paths.iter().filter(|path| !is_own(path)).collect();
    assert!(outside.is_empty(), "opened outside the root: {outside:?}");
}

/// Threads that the traced program confined, and those that they started.
fn confined_threads(trace: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    // A call that is interrupted is told of when it is over: a thread may be seen before its start is.
    for line in trace.lines().chain(trace.lines()) {
        let thread = line.split(' ').next().unwrap_or_default();
        if line.contains("landlock_restrict_self") {
            found.insert(thread);
        }
        if line.contains("clone") && found.contains(thread) {
            found.extend(line.rsplit_once(") = ").map(|(_, started)| started));
        }
    }
    found
}

#[test]
fn audit_reads_a_skill_on_confined_threads_only() {
    let sandbox = Sandbox::with(&[]);
    for (path, text) in [("openclaw.json", "{}"), ("workspace/SOUL.md", "Be kind."), ("skills/one/SKILL.md", SKILL)] {
        sandbox.write(format!(".openclaw/{path}"), text);
    }
    sandbox.write(".openclaw/skills/one/run.sh", ATTACK);
    let Some(trace) = traced(&sandbox, &["audit", "--scan"]) else { return skip("strace") };
    // One for the prompt and one for the skills.
    assert!(trace.matches("landlock_restrict_self(").count() > 1, "the scans are not confined");
    let confined = confined_threads(&trace);
    let readers: Vec<&str> =
        trace.lines().filter(|line| line.contains(" openat") && line.contains("run.sh\"")).collect();
    assert!(!readers.is_empty(), "the trace shows no reading at all");
    let free: Vec<&&str> =
        readers.iter().filter(|line| !confined.contains(line.split(' ').next().unwrap_or_default())).collect();
    assert!(free.is_empty(), "read by threads that are free to read all: {free:?}");
}
