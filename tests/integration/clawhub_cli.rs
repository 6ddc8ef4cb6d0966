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
