//! What a whole process takes that audits this machine, with one installation
//! on it: sockets, processes and packet filter as they are.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

#[expect(clippy::disallowed_methods, reason = "measures the program as a shell starts it")]
fn audit(criterion: &mut Criterion) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let state = home.path().join(".openclaw");
    fs::create_dir_all(state.join("workspace")).expect("a new directory");
    fs::copy(fixtures.join("config/good.json"), state.join("openclaw.json")).expect("a fixture");
    fs::copy(fixtures.join("workspace/SOUL.good.md"), state.join("workspace/SOUL.md")).expect("a fixture");
    criterion.bench_function("audit, one installation, whole process", |bench| {
        bench.iter(|| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_skillscan"));
            command.env_clear().env("HOME", home.path()).arg("audit").stdout(Stdio::null()).stderr(Stdio::null());
            let status = command.status().expect("the program starts");
            assert!(matches!(status.code(), Some(0 | 1 | 3)), "{status}");
        });
    });
}

criterion_group!(benches, audit);
criterion_main!(benches);
