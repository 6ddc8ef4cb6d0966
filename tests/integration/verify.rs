//! Installed skills against the records of their installation: what `verify` says, and that a scan says the same.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use skillscan::hashes::{self, Cover, FileHash, Sha256};
use skillscan::verify::record::{Lock, LockEntry, Origin};
use tempfile::TempDir;

use super::common::{Ran, list, rules_of, run_with};

const DOCUMENT: &str = "---\nname: demo\ndescription: Two-file demo skill.\n---\n\n# Demo\n";
const SCRIPT: &str = "#!/bin/sh\necho hello\n";
const REGISTRY: &str = "https://registry.example";
const TIME: u64 = 1_795_340_067_721;

/// A work directory with what the client leaves behind.
struct Workdir {
    dir: TempDir,
}

impl Workdir {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// One in which the client installed `@alice/demo` 1.0.0.
    fn installed() -> Self {
        let workdir = Self::new();
        workdir.install("@alice/demo", "1.0.0", &[("SKILL.md", DOCUMENT), ("scripts/run.sh", SCRIPT)]);
        workdir
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a new folder");
        fs::write(path, text).expect("a new file");
    }

    fn lock(&self) -> Lock {
        let lock = Lock::load(&self.path(".clawhub/lock.json")).expect("it can be read");
        lock.unwrap_or_else(|| Lock::parse(br#"{"version":1,"skills":{}}"#))
    }

    /// Does what the client does.
    fn install(&self, key: &str, version: &str, files: &[(&str, &str)]) {
        let (owner, slug) = key.trim_start_matches('@').split_once('/').map_or((None, key), |(o, s)| (Some(o), s));
        let skill = format!("skills/{key}");
        for (path, text) in files {
            self.write(&format!("{skill}/{path}"), text);
        }
        let meta = json!({"ownerId": "u1", "slug": slug, "version": version, "publishedAt": 1});
        self.write(&format!("{skill}/_meta.json"), meta.to_string());
        let mut all: Vec<FileHash> = files.iter().map(|(path, text)| FileHash::of(*path, text.as_bytes())).collect();
        all.push(FileHash::of("_meta.json", meta.to_string().as_bytes()));
        let ignored = files.iter().filter(|(path, _)| hashes::IGNORE_FILES.contains(path));
        let cover = Cover::new(ignored.map(|(_, text)| text.as_bytes())).expect("short files");
        let covered = cover.covered(files.iter().map(|(path, _)| *path).chain(["_meta.json"])).expect("few files");
        all.retain(|file| covered.contains(file.path.as_str()));
        let origin = Origin::new(REGISTRY, slug, owner, version, TIME, hashes::fingerprint(&all));
        self.write(&format!("{skill}/.clawhub/origin.json"), origin.to_text());
        let mut lock = self.lock();
        lock.skills.insert(key.to_owned(), LockEntry::new(version, TIME, owner));
        self.write(".clawhub/lock.json", lock.to_text());
    }

    fn run(&self, args: &[&str]) -> Ran {
        let home = self.dir.path().join("home");
        fs::create_dir_all(&home).expect("a new folder");
        let home = home.to_str().expect("a temporary path is text").to_owned();
        run_with(self.dir.path(), args, &[("HOME", &home), ("XDG_STATE_HOME", &format!("{home}/state"))])
    }

    /// The only skill as `verify` has it, and the exit code.
    fn verify(&self) -> (Value, i32) {
        let ran = self.run(&["verify", "work", "--format", "jsonl"]);
        let mut lines = ran.lines();
        assert_eq!(lines.len(), 1, "{}{}", ran.stdout, ran.stderr);
        (lines.remove(0)["integrity"].take(), ran.code)
    }

    /// The skill as a scan of the folder of skills has it.
    fn scanned(&self, path: &str) -> Value {
        self.run(&["scan", "work/skills", "--format", "jsonl"]).package(path)
    }

    /// Status, exit code, and `change path (part)` of each difference.
    fn outcome(&self) -> (String, i32, Vec<String>) {
        let (integrity, code) = self.verify();
        let text = |value: &Value, key: &str| value[key].as_str().expect("a text").to_owned();
        let differences = integrity["differences"].as_array().cloned().unwrap_or_default();
        let shown = differences
            .iter()
            .map(|d| format!("{} {} ({})", text(d, "change"), text(d, "path"), text(d, "part")))
            .collect();
        (text(&integrity, "status"), code, shown)
    }

    fn assert_outcome(&self, status: &str, code: i32, differences: &[&str]) {
        let (found, exit, shown) = self.outcome();
        assert_eq!(
            (found.as_str(), exit, shown),
            (status, code, differences.iter().map(|d| (*d).to_owned()).collect())
        );
    }

    /// The kinds of what is wrong with records.
    fn problems(&self) -> Vec<String> {
        let (integrity, _) = self.verify();
        let problems = integrity["problems"].as_array().cloned().unwrap_or_default();
        problems.iter().map(|problem| problem["kind"].as_str().expect("a kind").to_owned()).collect()
    }
}

const SKILL: &str = "skills/@alice/demo";

#[test]
fn fresh_installation_matches() {
    let workdir = Workdir::installed();
    workdir.assert_outcome("matches", 0, &[]);
    let (integrity, _) = workdir.verify();
    assert_eq!(integrity["key"], "@alice/demo");
    assert_eq!(integrity["version"], "1.0.0");
    assert_eq!(integrity["strength"], "skill");
    let scanned = workdir.scanned("@alice/demo");
    assert_eq!(scanned["integrity"], integrity);
    assert!(!rules_of(&scanned).iter().any(|rule| rule.starts_with("trust/")), "{scanned}");
}

#[test]
fn one_changed_byte_is_told() {
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/scripts/run.sh"), SCRIPT.replace("hello", "hellO"));
    workdir.assert_outcome("modified", 1, &[]);
    assert!(rules_of(&workdir.scanned("@alice/demo")).contains(&"trust/modified"));
}

#[test]
fn added_file_is_named_by_what_the_hash_was_without_it() {
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/scripts/more.sh"), "echo more\n");
    workdir.assert_outcome("modified", 1, &["added scripts/more.sh (code)"]);
    let scanned = workdir.scanned("@alice/demo");
    let finding = list(&scanned, "findings").iter().find(|finding| finding["rule"] == "trust/modified");
    assert_eq!(finding.expect("a finding")["severity"], "high");
    assert_eq!(scanned["verdict"], "warn");
}

#[test]
fn what_the_fingerprint_leaves_out_is_told() {
    let changes: [(&str, &str, &str); 5] = [
        (".hidden/evil.sh", "echo x\n", "unattested .hidden/evil.sh (code)"),
        ("node_modules/x/index.js", "x()\n", "unattested node_modules/x/index.js (code)"),
        (".claude/settings.json", "{}\n", "unattested .claude/settings.json (code)"),
        (".notes.md", "Do this.\n", "unattested .notes.md (instruction)"),
        (".clawhub/more.md", "Do this.\n", "unattested .clawhub/more.md (instruction)"),
    ];
    for (path, text, told) in changes {
        let workdir = Workdir::installed();
        workdir.write(&format!("{SKILL}/{path}"), text);
        workdir.assert_outcome("unattested", 1, &[told]);
        let scanned = workdir.scanned("@alice/demo");
        assert!(rules_of(&scanned).contains(&"trust/unattested"), "{path}");
        assert_eq!(scanned["verdict"], "review", "{path}: {scanned}");
    }
}

#[test]
fn file_behind_an_ignore_file_of_the_skill_is_told() {
    let workdir = Workdir::new();
    let files = [("SKILL.md", DOCUMENT), (".clawhubignore", "cache.sh\n"), ("cache.sh", SCRIPT)];
    workdir.install("demo", "1.0.0", &files);
    let told = ["unattested .clawhubignore (inert)", "unattested cache.sh (code)"];
    workdir.assert_outcome("unattested", 1, &told);
    workdir.write("skills/demo/cache.sh", "echo other\n");
    workdir.assert_outcome("unattested", 1, &told);
}

#[test]
fn ignore_file_that_came_later_hides_nothing() {
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/.gitignore"), "extra.sh\n");
    workdir.write(&format!("{SKILL}/extra.sh"), SCRIPT);
    workdir.assert_outcome("unattested", 1, &["unattested .gitignore (inert)", "unattested extra.sh (code)"]);
    workdir.write(&format!("{SKILL}/.gitignore"), "scripts/\n");
    workdir.assert_outcome("modified", 1, &[]);
}

#[test]
fn symbolic_link_is_told_and_not_followed() {
    let workdir = Workdir::installed();
    workdir.write("secret/file.txt", "not part of it\n");
    std::os::unix::fs::symlink(workdir.path("secret"), workdir.path(&format!("{SKILL}/data"))).expect("a new link");
    workdir.assert_outcome("unattested", 1, &["unattested data (link)"]);
    fs::remove_file(workdir.path(&format!("{SKILL}/scripts/run.sh"))).expect("it is there");
    std::os::unix::fs::symlink("/bin/sh", workdir.path(&format!("{SKILL}/scripts/run.sh"))).expect("a new link");
    assert_eq!(workdir.outcome().0, "modified");
}

#[test]
fn harmless_file_beside_is_listed_and_no_failure() {
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/.gitignore"), "*.log\n");
    workdir.assert_outcome("matches", 0, &["unattested .gitignore (inert)"]);
    let scanned = workdir.scanned("@alice/demo");
    assert!(rules_of(&scanned).contains(&"trust/unattested"));
    assert_eq!(scanned["verdict"], "pass");
}

#[test]
fn removed_document_is_told_by_both() {
    let workdir = Workdir::installed();
    fs::remove_file(workdir.path(&format!("{SKILL}/SKILL.md"))).expect("it is there");
    workdir.assert_outcome("modified", 1, &[]);
    let ran = workdir.run(&["scan", "work/skills", "--format", "jsonl"]);
    assert_eq!(ran.package("@alice/demo")["integrity"]["status"], "modified");
}

#[test]
fn recorded_skill_that_is_gone_is_missing() {
    let workdir = Workdir::installed();
    workdir.install("other", "2.0.0", &[("SKILL.md", DOCUMENT)]);
    fs::remove_dir_all(workdir.path("skills/other")).expect("it is there");
    let ran = workdir.run(&["verify", "work", "--format", "jsonl"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.package("other")["integrity"]["status"], "missing");
    assert_eq!(ran.package("@alice/demo")["integrity"]["status"], "matches");
    let scanned = workdir.run(&["scan", "work/skills", "--format", "jsonl"]);
    assert_eq!(rules_of(&scanned.package("other")), ["trust/missing"]);
    assert_eq!(scanned.code, 0);
}

#[test]
fn skill_without_a_record_has_nothing_to_compare_with() {
    let workdir = Workdir::installed();
    workdir.write("skills/own/SKILL.md", DOCUMENT.replace("demo", "own"));
    let ran = workdir.run(&["verify", "work", "--format", "jsonl"]);
    assert_eq!(ran.code, 3);
    assert_eq!(ran.package("own")["integrity"], json!({"status": "no-record"}));
    assert_eq!(rules_of(&workdir.scanned("own")), ["trust/no-record"]);
}

#[test]
fn lock_file_in_a_skill_is_content() {
    let workdir = Workdir::new();
    workdir.write("skills/own/SKILL.md", DOCUMENT);
    let lock = r#"{"version":1,"skills":{"own":{"version":"1.0.0","installedAt":1}}}"#;
    workdir.write("skills/own/.clawhub/lock.json", lock);
    workdir.write("skills/own/skills/own/SKILL.md", DOCUMENT);
    workdir.assert_outcome("no-record", 3, &[]);
    let ran = workdir.run(&["verify", "work/skills/own/skills/own", "--format", "jsonl"]);
    assert_eq!(ran.lines()[0]["integrity"]["status"], "no-record", "{}", ran.stdout);
}

#[test]
fn origin_record_alone_is_not_believed() {
    let workdir = Workdir::installed();
    fs::remove_file(workdir.path(".clawhub/lock.json")).expect("it is there");
    workdir.assert_outcome("no-record", 3, &[]);
    assert_eq!(workdir.problems(), ["stray"]);
}

#[test]
fn records_that_contradict_are_told() {
    let edit = |path: &str, from: &str, to: &str| {
        let workdir = Workdir::installed();
        let text = fs::read_to_string(workdir.path(path)).expect("it is there");
        assert!(text.contains(from), "{text}");
        workdir.write(path, text.replace(from, to));
        workdir
    };
    let cases = [
        (".clawhub/lock.json", "\"1.0.0\"", "\"0.9.0\"", "conflict"),
        (".clawhub/lock.json", "\"1.0.0\"", "\"1.1.0\"", "downgraded"),
        (".clawhub/lock.json", "\"ownerHandle\": \"alice\"", "\"ownerHandle\": \"bob\"", "conflict"),
        ("skills/@alice/demo/.clawhub/origin.json", "\"slug\": \"demo\"", "\"slug\": \"other\"", "conflict"),
    ];
    for (path, from, to, kind) in cases {
        let workdir = edit(path, from, to);
        assert!(workdir.problems().iter().any(|found| found == kind), "{to}: {:?}", workdir.problems());
        let (status, code, _) = workdir.outcome();
        assert_eq!((status.as_str(), code), ("conflict", 1), "{to}");
        let rule = if kind == "conflict" { "trust/record-conflict" } else { "trust/downgraded" };
        assert!(rules_of(&workdir.scanned("@alice/demo")).contains(&rule), "{to}");
    }
}

#[test]
fn two_lock_files_of_one_directory_are_compared() {
    let workdir = Workdir::installed();
    let lock = fs::read_to_string(workdir.path(".clawhub/lock.json")).expect("it is there");
    workdir.write(".clawdhub/lock.json", lock.replace("1.0.0", "0.9.0"));
    workdir.assert_outcome("matches", 0, &[]);
    workdir.write(".clawdhub/lock.json", lock.replace("1.0.0", "1.2.0"));
    assert_eq!(workdir.outcome().0, "conflict");
}

#[test]
fn malformed_records_are_no_empty_records() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    for text in ["", "{", "[]", deep.as_str(), r#"{"version":1,"skills":{"@alice/demo":7}}"#, "{\"version\":3}"] {
        let workdir = Workdir::installed();
        workdir.write(".clawhub/lock.json", text);
        workdir.assert_outcome("bad-record", 3, &[]);
        assert!(rules_of(&workdir.scanned("@alice/demo")).contains(&"trust/bad-record"));
    }
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/.clawhub/origin.json"), "{}");
    workdir.assert_outcome("bad-record", 3, &[]);
}

#[test]
fn lock_file_of_a_hundred_megabytes_is_told_and_not_read() {
    let workdir = Workdir::installed();
    let file = fs::File::create(workdir.path(".clawhub/lock.json")).expect("a new file");
    file.set_len(100 * 1024 * 1024).expect("a sparse file");
    workdir.assert_outcome("bad-record", 3, &[]);
}

#[test]
fn version_that_is_none_is_told() {
    let workdir = Workdir::installed();
    workdir.install("odd", "newest", &[("SKILL.md", DOCUMENT)]);
    let ran = workdir.run(&["verify", "work", "--format", "jsonl"]);
    assert_eq!(ran.package("odd")["integrity"]["problems"][0]["kind"], "version");
    assert!(rules_of(&workdir.scanned("odd")).contains(&"trust/bad-record"));
}

#[test]
fn hashes_of_openclaw_are_compared() {
    let workdir = Workdir::new();
    workdir.write("skills/demo/SKILL.md", DOCUMENT);
    workdir.write("skills/demo/scripts/run.sh", SCRIPT);
    workdir.write("skills/demo/.env.example", "KEY=\n");
    let files = [("SKILL.md", DOCUMENT), ("scripts/run.sh", SCRIPT), (".env.example", "KEY=\n")];
    let files: Vec<FileHash> = files.iter().map(|(path, text)| FileHash::of(*path, text.as_bytes())).collect();
    let tree = format!("sha256:{}", hashes::tree_sha256(&files, &[]));
    let document = Sha256::of(DOCUMENT.as_bytes()).to_string();
    let entry = json!({"version": "1.0.0", "installedAt": 1, "registry": REGISTRY, "fileTreeSha256": tree,
        "skillFile": {"path": "SKILL.md", "sha256": document}});
    workdir.write(".clawhub/lock.json", json!({"version": 1, "skills": {"demo": entry}}).to_string());
    workdir.assert_outcome("matches", 0, &[]);
    assert_eq!(workdir.verify().0["strength"], "lock");
    fs::create_dir(workdir.path("skills/demo/empty")).expect("a new folder");
    workdir.assert_outcome("modified", 1, &[]);
    fs::remove_dir(workdir.path("skills/demo/empty")).expect("it is there");
    workdir.write("skills/demo/.more.sh", SCRIPT);
    workdir.assert_outcome("modified", 1, &["added .more.sh (code)"]);
}

#[test]
fn hash_of_skills_sh_is_compared() {
    let workdir = Workdir::new();
    workdir.write(".agents/skills/demo/SKILL.md", DOCUMENT);
    workdir.write(".agents/skills/demo/scripts/run.sh", SCRIPT);
    // The value of the registry's own documentation for these two files.
    let hash = "098b1ed53406b9780559bedb39f02ee9a80c749731b6d8a3e3383297fb0eba2e";
    let entry = json!({"source": "acme/skills", "sourceType": "github", "computedHash": hash});
    workdir.write("skills-lock.json", json!({"version": 1, "skills": {"demo": entry}}).to_string());
    workdir.assert_outcome("matches", 0, &[]);
    workdir.write(".agents/skills/demo/SKILL.md", DOCUMENT.replace("Demo", "Demos"));
    workdir.assert_outcome("modified", 1, &[]);
}

#[test]
fn pinned_skill_is_compared_file_by_file() {
    let workdir = Workdir::new();
    workdir.write("skills/own/SKILL.md", DOCUMENT);
    workdir.write("skills/own/run.sh", SCRIPT);
    workdir.write("skills/own/old.txt", "old\n");
    workdir.assert_outcome("no-record", 3, &[]);
    let pinned = workdir.run(&["verify", "work", "--pin"]);
    assert!(pinned.stdout.contains("Pinned"), "{}{}", pinned.stdout, pinned.stderr);
    assert!(pinned.code == 0 && pinned.stdout.contains("matches"), "what is told holds from now on: {}", pinned.stdout);
    workdir.assert_outcome("matches", 0, &[]);
    workdir.write("skills/own/run.sh", "echo other\n");
    workdir.write("skills/own/.new.sh", SCRIPT);
    fs::remove_file(workdir.path("skills/own/old.txt")).expect("it is there");
    let told = ["added .new.sh (code)", "removed old.txt (instruction)", "changed run.sh (code)"];
    workdir.assert_outcome("modified", 1, &told);
    let scanned = workdir.scanned("own");
    assert_eq!(scanned["integrity"]["status"], "modified");
    assert_eq!(scanned["verdict"], "warn");
}

#[test]
fn pins_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let workdir = Workdir::installed();
    workdir.run(&["verify", "work", "--pin"]);
    let file = workdir.dir.path().join("home/state/skillscan/pins.json");
    let mode = fs::metadata(&file).expect("pins are written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(&file, "{\"version\": 1, \"pins\": {\"/x\": 7}}").expect("it can be written");
    let ran = workdir.run(&["verify", "work"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("pins.json is not valid"), "{}", ran.stderr);
}

#[test]
fn text_names_what_is_wrong_and_escapes_it() {
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/.\u{1b}[31mx\u{202e}.sh"), SCRIPT);
    let ran = workdir.run(&["verify", "work"]);
    assert!(ran.stdout.contains("unattested  work/skills/@alice/demo 1.0.0"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\u{202e}'), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 skill: 1 unattested"), "{}", ran.stdout);
}

#[test]
fn one_skill_a_folder_of_skills_and_a_work_directory_give_the_same_answer() {
    let workdir = Workdir::installed();
    workdir.write(&format!("{SKILL}/.hidden.sh"), SCRIPT);
    let (whole, _) = workdir.verify();
    for path in ["work/skills", "work/skills/@alice", "work/skills/@alice/demo"] {
        let ran = workdir.run(&["verify", path, "--format", "jsonl"]);
        assert_eq!(ran.lines()[0]["integrity"], whole, "{path}");
        let scanned = workdir.run(&["scan", path, "--format", "jsonl"]);
        assert_eq!(scanned.lines()[0]["integrity"], whole, "{path}");
    }
}

#[test]
fn link_in_place_of_an_installation_is_told() {
    let workdir = Workdir::installed();
    let real = workdir.path("elsewhere");
    fs::rename(workdir.path(SKILL), &real).expect("it can be moved");
    std::os::unix::fs::symlink(&real, workdir.path("skills/demo")).expect("a new link");
    let mut lock = workdir.lock();
    let entry = lock.skills.remove("@alice/demo").expect("an entry");
    lock.skills.insert("demo".to_owned(), entry);
    workdir.write(".clawhub/lock.json", lock.to_text());
    assert_eq!(workdir.outcome().0, "conflict");
}

#[test]
fn path_that_is_not_there_is_an_error() {
    let workdir = Workdir::new();
    let ran = workdir.run(&["verify", "nowhere"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("nowhere: no such file"), "{}", ran.stderr);
    assert!(!Path::new("nowhere").exists());
}
