//! What a whole process takes that stands between a person and an
//! installation: the gate with a registry on this machine, and the install policy.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

#[expect(dead_code, unused_imports, reason = "the tests need all of it")]
#[path = "../tests/integration/mock.rs"]
mod mock;

const SKILL: &str = "---\nname: sample\ndescription: A sample.\n---\n\n# Sample\n\n";

#[expect(clippy::disallowed_methods, reason = "measures the program as a shell starts it")]
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillscan"));
    command.env_clear().env("HOME", folder).current_dir(folder).stdout(Stdio::null());
    command
}

fn gate(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let registry = mock::Registry::with(&[("SKILL.md", SKILL), ("scripts/run.sh", "#!/bin/sh\necho hello\n")]);
    let url = registry.url();
    criterion.bench_function("gate, a small skill, whole process", |bench| {
        bench.iter(|| {
            let mut command = program(folder.path());
            let status = command.args(["gate", "@alice/demo@1.0.0", "--registry", &url]).status();
            assert!(status.expect("the program starts").success(), "an honest skill is stopped");
        });
    });
}

fn policy(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(folder.path().join("SKILL.md"), SKILL).expect("a new file");
    let request = serde_json::json!({"protocolVersion": 1, "targetType": "skill", "targetName": "demo",
        "sourcePath": folder.path(), "sourcePathKind": "directory", "skill": {"installId": "clawhub"}})
    .to_string();
    criterion.bench_function("install-policy, a small tree, whole process", |bench| {
        bench.iter(|| {
            let mut child =
                program(folder.path()).arg("install-policy").stdin(Stdio::piped()).spawn().expect("it starts");
            let mut stdin = child.stdin.take().expect("it has an input");
            stdin.write_all(request.as_bytes()).expect("it reads");
            drop(stdin);
            assert!(child.wait().expect("it ends").success(), "no decision");
        });
    });
}

criterion_group!(benches, gate, policy);
criterion_main!(benches);
