//! A test for each fixture of each rule: hits report the rule, clean cases do
//! not, and no rule is without both.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use skillscan::{Limits, Policy, Ruleset, Scanner};

#[path = "support/generated.rs"]
mod support;

fn main() {
    let arguments = Arguments::from_args();
    let rules = Ruleset::builtin().expect("built-in rules load");
    let ids: Vec<(String, bool)> = rules.iter().map(|rule| (rule.id.to_string(), rule.engines.is_empty())).collect();
    let scanner = Arc::new(Scanner::new(rules, Limits::default(), Policy::new(&[]).expect("no globs")));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
    // Binary files are generated: see tests/generated.rs, which checks them.
    let generated: Vec<String> =
        support::cases("rules").unwrap_or_default().into_iter().flat_map(|case| case.rules).collect();
    let mut trials = vec![Trial::test("every_fixture_belongs_to_a_rule", {
        let (ids, root) = (ids.clone(), root.clone());
        move || belongs(&ids, &root)
    })];
    for (id, is_native) in ids {
        for (folder, wanted) in [("hit", true), ("clean", false)] {
            let cases = entries(&root.join(&id).join(folder));
            // What a rule of the program itself asks for is more than one package: tests of the binary make it.
            if cases.is_empty() && !is_native && !generated.contains(&id) {
                let name = format!("{id}::{folder}");
                trials.push(Trial::test(name, move || Err(format!("fixtures/rules/{id}/{folder} is empty").into())));
                break;
            }
            for case in cases {
                let name = format!("{id}::{folder}::{}", case.file_name().unwrap_or_default().to_string_lossy());
                let (id, scanner) = (id.clone(), Arc::clone(&scanner));
                trials.push(Trial::test(name, move || check(&scanner, &id, &case, wanted)));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn check(scanner: &Scanner, id: &str, case: &Path, wanted: bool) -> Result<(), Failed> {
    let report = scanner.scan(case, &()).map_err(|error| error.to_string())?;
    let found: Vec<String> = report
        .packages
        .iter()
        .flat_map(|package| &package.findings)
        .map(|finding| {
            format!(
                "{} ({}) at {}:{}: {}",
                finding.rule,
                finding.effective.name(),
                finding.locations[0].path,
                finding.locations[0].line,
                finding.message
            )
        })
        .collect();
    let is_found = found.iter().any(|line| line.split(' ').next() == Some(id));
    if is_found == wanted {
        return Ok(());
    }
    let what = if wanted { "is not reported" } else { "is reported" };
    Err(format!("{id} {what} for {}; found:\n  {}", case.display(), found.join("\n  ")).into())
}

fn belongs(ids: &[(String, bool)], root: &Path) -> Result<(), Failed> {
    for family in entries(root) {
        for rule in entries(&family) {
            let id = rule.strip_prefix(root).map_err(|error| error.to_string())?.to_string_lossy().into_owned();
            if !ids.iter().any(|(known, _)| *known == id) {
                return Err(format!("fixtures/rules/{id} belongs to no rule").into());
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    found.sort();
    found
}
