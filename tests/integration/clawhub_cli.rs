//! The registry's own client, unchanged, against the mock registry: what it
//! makes of what the gate installs. `scripts/check --real` installs it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;

use super::common::{ATTACK, Ran, SKILL, skip};
use super::gate::Place;
use super::mock::Registry;

const HONEST: [(&str, &str); 3] =
    [("SKILL.md", SKILL), ("scripts/run.sh", "#!/bin/sh\necho hello\n"), (".hidden/notes.md", "Notes\n")];

/// The client, where it is installed.
pub(super) fn client() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clawhub/node_modules/.bin/clawhub");
    if !path.exists() {
        skip("the registry's client; `npm install --prefix target/clawhub clawhub@0.23.3` installs it");
        return None;
    }
    Some(path)
}

pub(super) fn clawhub(client: &Path, place: &Place, registry: &Registry, args: &[&str]) -> Ran {
    let config = place.path().join("client.json");
    let mut command = Command::new(client);
    command.current_dir(place.path()).env_clear().env("CLAWHUB_CONFIG_PATH", config).env("HOME", place.path());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("CLAWHUB_DISABLE_TELEMETRY", "1");
    command.args(["--no-input", "--workdir", ".", "--registry", &registry.url()]).args(args);
    let output = command.output().expect("the client starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap_or(-1) }
}

#[test]
fn what_the_gate_installs_is_installed_to_the_client() {
    let Some(client) = client() else { return };
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    assert_eq!(place.gate(&registry, &["@alice/demo", "--install"]).code, 0);
    let listed = clawhub(&client, &place, &registry, &["list"]);
    assert!(listed.stdout.contains("demo") && listed.stdout.contains("1.0.0"), "{}{}", listed.stdout, listed.stderr);
    let updated = clawhub(&client, &place, &registry, &["update", "--all"]);
    let said = updated.stdout + &updated.stderr;
    assert_eq!(updated.code, 0, "{said}");
    assert!(said.contains("up to date") && !said.contains("local changes"), "{said}");
    registry.publish("alice", "demo", "1.1.0", &HONEST[..2]);
    let updated = clawhub(&client, &place, &registry, &["update", "--all"]);
    let said = updated.stdout + &updated.stderr;
    assert!(said.contains("1.1.0") && !said.contains("local changes"), "{said}");
}

#[test]
fn what_the_client_installs_is_updated_by_the_gate() {
    let Some(client) = client() else { return };
    let (place, registry) = (Place::new(), Registry::with(&HONEST[..2]));
    let installed = clawhub(&client, &place, &registry, &["install", "@alice/demo"]);
    assert_eq!(installed.code, 0, "{}{}", installed.stdout, installed.stderr);
    registry.publish("alice", "demo", "1.1.0", &HONEST);
    let ran = place.gate(&registry, &["@alice/demo", "--install"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let listed = clawhub(&client, &place, &registry, &["list"]);
    assert!(listed.stdout.contains("1.1.0"), "{}", listed.stdout);
    let inspected = clawhub(&client, &place, &registry, &["inspect", "@alice/demo", "--files", "--json"]);
    assert!(inspected.stdout.contains("scripts/run.sh"), "{}{}", inspected.stdout, inspected.stderr);
}

#[test]
fn the_client_as_installer_of_the_gate() {
    let Some(client) = client() else { return };
    let (place, registry) = (Place::new(), Registry::with(&HONEST));
    let client = client.display().to_string();
    let command = [
        "--",
        &client,
        "--no-input",
        "--workdir",
        "{workdir}",
        "--registry",
        "{registry}",
        "install",
        "{ref}",
        "--version",
        "{version}",
    ];
    let args: Vec<&str> = ["@alice/demo@1.0.0", "--exec"].into_iter().chain(command).collect();
    let ran = place.gate(&registry, &args);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(place.path().join("skills/@alice/demo/scripts/run.sh").is_file());
    registry.publish("alice", "demo", "1.1.0", &[("SKILL.md", SKILL), ("scripts/run.sh", ATTACK)]);
    let args: Vec<&str> = ["@alice/demo@1.1.0", "--exec"].into_iter().chain(command).collect();
    let ran = place.gate(&registry, &args);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(place.read("skills/@alice/demo/scripts/run.sh").as_deref(), Some("#!/bin/sh\necho hello\n"));
}

#[test]
fn what_the_client_calls_up_to_date_is_seen_to_be_changed() {
    let Some(client) = client() else { return };
    let files = [("SKILL.md", SKILL), ("scripts/run.sh", "#!/bin/sh\necho hello\n"), (".clawhubignore", "extra/\n")];
    for (path, text) in [
        (".hidden/run.sh", "#!/bin/sh\necho changed\n"),
        ("node_modules/x/index.js", "console.log('changed')\n"),
        ("extra/run.sh", "#!/bin/sh\necho changed\n"),
        ("link.sh", ""),
    ] {
        let (place, registry) = (Place::new(), Registry::with(&files));
        let installed = clawhub(&client, &place, &registry, &["install", "@alice/demo"]);
        assert_eq!(installed.code, 0, "{}{}", installed.stdout, installed.stderr);
        let file = place.path().join("skills/@alice/demo").join(path);
        std::fs::create_dir_all(file.parent().expect("it has one")).expect("a directory");
        match text {
            "" => std::os::unix::fs::symlink("/etc/passwd", &file).expect("a new link"),
            text => std::fs::write(&file, text).expect("a new file"),
        }
        let updated = clawhub(&client, &place, &registry, &["update", "--all"]);
        let said = updated.stdout + &updated.stderr;
        assert!(said.contains("up to date"), "{path}: {said}");
        let verified = place.run(&["verify", "."], &[]);
        assert_eq!(verified.code, 1, "{path}: {}", verified.stdout);
        assert!(verified.stdout.contains(path), "{path}: {}", verified.stdout);
        let online = place.run(&["verify", ".", "--online", "--registry", &registry.url()], &[]);
        assert_eq!(online.code, 1, "{path}: {}", online.stdout);
        assert!(online.stdout.contains(&format!("added: {path}")), "{path}: {}", online.stdout);
    }
}

/// Replaces the last byte but one of a file.
fn change_a_byte(path: &Path) {
    let mut bytes = std::fs::read(path).expect("it is installed");
    let at = bytes.len() - 2;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("it can be written");
}

#[test]
fn one_byte_that_the_client_does_not_notice_is_seen() {
    let Some(client) = client() else { return };
    let files = [
        ("SKILL.md", SKILL),
        ("scripts/run.sh", "#!/bin/sh\necho hello\n"),
        (".clawhubignore", "extra/\n"),
        (".hidden/run.sh", "#!/bin/sh\necho hello\n"),
        ("node_modules/x/index.js", "console.log('hello')\n"),
        ("extra/run.sh", "#!/bin/sh\necho hello\n"),
    ];
    for (path, _) in &files[3..] {
        let (place, registry) = (Place::new(), Registry::with(&files));
        let installed = clawhub(&client, &place, &registry, &["install", "@alice/demo"]);
        assert_eq!(installed.code, 0, "{}{}", installed.stdout, installed.stderr);
        change_a_byte(&place.path().join("skills/@alice/demo").join(path));
        let updated = clawhub(&client, &place, &registry, &["update", "--all"]);
        let said = updated.stdout + &updated.stderr;
        assert!(said.contains("up to date"), "{path}: {said}");
        let verified = place.run(&["verify", "."], &[]);
        assert_eq!((verified.code, verified.stdout.contains(path)), (1, true), "{path}: {}", verified.stdout);
        let online = place.run(&["verify", ".", "--online", "--registry", &registry.url()], &[]);
        assert!(online.stdout.contains(&format!("changed: {path}")), "{path}: {}", online.stdout);
    }
}

/// Of a file that its fingerprint covers, the client notices a byte when it updates and not when it lists. Whoever can
/// change the file can change the fingerprint beside it as well, and then it notices nothing.
#[test]
fn one_byte_that_the_client_could_notice_is_seen_with_and_without_its_record() {
    let Some(client) = client() else { return };
    let files = [("SKILL.md", SKILL), ("scripts/run.sh", "#!/bin/sh\necho hello\n")];
    let (place, registry) = (Place::new(), Registry::with(&files));
    assert_eq!(place.gate(&registry, &["@alice/demo", "--install"]).code, 0);
    let skill = place.path().join("skills/@alice/demo");
    change_a_byte(&skill.join("scripts/run.sh"));
    let listed = clawhub(&client, &place, &registry, &["list"]);
    assert_eq!((listed.code, listed.stdout.trim()), (0, "@alice/demo  1.0.0"), "{}", listed.stderr);
    let updated = clawhub(&client, &place, &registry, &["update", "--all"]);
    assert!((updated.stdout + &updated.stderr).contains("local changes"));
    let verified = place.run(&["verify", "."], &[]);
    assert_eq!((verified.code, verified.stdout.contains("scripts/run.sh")), (1, true), "{}", verified.stdout);

    let tree = skillscan::verify::Tree::read(&skill, &skillscan::Limits::default());
    let forged = skillscan::hashes::fingerprint(&tree.covered(&skill).expect("no ignore files")).to_string();
    let origin = skill.join(".clawhub/origin.json");
    let text = std::fs::read_to_string(&origin).expect("it is installed");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    record["fingerprint"] = forged.into();
    std::fs::write(&origin, record.to_string()).expect("it can be written");
    let updated = clawhub(&client, &place, &registry, &["update", "--all"]);
    let said = updated.stdout + &updated.stderr;
    assert!(said.contains("up to date"), "{said}");
    for args in [&["verify", "."][..], &["verify", ".", "--online", "--registry", &registry.url()]] {
        let verified = place.run(args, &[]);
        assert_eq!(verified.code, 1, "{}", verified.stdout);
        assert!(verified.stdout.contains("changed: scripts/run.sh"), "{}", verified.stdout);
    }
}
