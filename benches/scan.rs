//! What the stages of a scan cost, on the sample skills and on a directory of
//! real ones that the variable `SKILLSCAN_ARCHIVE` names.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use criterion::{Criterion, criterion_group, criterion_main};
use skillscan::expand::expand;
use skillscan::package::{Package, discover};
use skillscan::{Limits, Policy, Ruleset, Scanner};

fn skills() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/skills")
}

fn scanner() -> Scanner {
    let rules = Ruleset::builtin().expect("built-in rules load");
    Scanner::new(rules, Limits::default(), Policy::new(&[]).expect("no globs"))
}

fn packages(root: &Path, limits: &Limits) -> Vec<Package> {
    let found = discover(root, limits).expect("the directory can be listed");
    found.packages.iter().map(|package| Package::read(package, limits)).collect()
}

fn stages(criterion: &mut Criterion) {
    let (root, limits) = (skills(), Limits::default());
    criterion.bench_function("load the rules", |bench| bench.iter(Ruleset::builtin));
    criterion.bench_function("discover and read", |bench| bench.iter(|| packages(&root, &limits)));
    let packages = packages(&root, &limits);
    criterion.bench_function("expand", |bench| {
        bench.iter(|| {
            for package in &packages {
                black_box(expand(package, &limits));
            }
        });
    });
    let scanner = scanner();
    criterion.bench_function("scan the sample skills", |bench| bench.iter(|| scanner.scan(&root, &())));
}

#[expect(clippy::disallowed_methods, reason = "measures the program as a shell starts it")]
fn process(criterion: &mut Criterion) {
    let skill = skills().join("benign/sky-forecast-curl");
    criterion.bench_function("whole process, one skill", |bench| {
        bench.iter(|| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_skillscan"));
            let status = command.arg("scan").arg(&skill).stdout(Stdio::null()).status().expect("the program starts");
            assert!(status.success(), "an honest skill is flagged");
        });
    });
}

fn archive(criterion: &mut Criterion) {
    let Some(root) = std::env::var_os("SKILLSCAN_ARCHIVE").map(PathBuf::from) else { return };
    let scanner = scanner();
    let mut group = criterion.benchmark_group("archive");
    group.sample_size(10);
    group.bench_function("scan", |bench| bench.iter(|| scanner.scan(&root, &())));
    group.finish();
}

criterion_group!(benches, stages, process, archive);
criterion_main!(benches);
