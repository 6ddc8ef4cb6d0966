//! A test for each generated package: what is hostile is found or said not to
//! have been read, what is honest stays below a warning, and all of it ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use skillscan::{Limits, Policy, Ruleset, Scanner};

#[path = "support/generated.rs"]
mod support;

use support::Case;

/// What the suite must at least hold.
const HOSTILE: usize = 100;
const HONEST: usize = 40;

/// Text of a resource attack must not make the report long either.
const MOST_FINDINGS: usize = 2_000;

fn main() {
    let arguments = Arguments::from_args();
    let Some(cases) = support::cases("generated") else {
        let why = "needs python3";
        let trials = vec![Trial::test(why, || Ok(())).with_ignored_flag(true)];
        libtest_mimic::run(&arguments, trials).exit();
    };
    let rules = Ruleset::builtin().expect("built-in rules load");
    let ids: BTreeSet<String> = rules.iter().map(|rule| rule.id.to_string()).collect();
    let scanner = Arc::new(Scanner::new(rules, Limits::default(), Policy::new(&[]).expect("no globs")));
    let mut trials = vec![Trial::test("suite_is_complete", {
        let cases = cases.clone();
        move || is_complete(&cases, &ids)
    })];
    for case in cases {
        let scanner = Arc::clone(&scanner);
        let side = if case.is_hostile { "hostile" } else { "honest" };
        trials.push(Trial::test(format!("{side}::{}", case.name), move || check(&scanner, &case)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn is_complete(cases: &[Case], ids: &BTreeSet<String>) -> Result<(), Failed> {
    let hostile = cases.iter().filter(|case| case.is_hostile).count();
    let honest = cases.len() - hostile;
    if hostile < HOSTILE || honest < HONEST {
        return Err(format!("only {hostile} hostile and {honest} honest cases").into());
    }
    match cases.iter().flat_map(|case| &case.rules).find(|rule| !ids.contains(*rule)) {
        Some(rule) => Err(format!("there is no rule {rule}").into()),
        None => Ok(()),
    }
}

fn check(scanner: &Scanner, case: &Case) -> Result<(), Failed> {
    let report = scanner.scan(&case.folder, &()).map_err(|error| error.to_string())?;
    let found: BTreeSet<&str> =
        report.packages.iter().flat_map(|package| &package.findings).map(|finding| finding.rule.as_str()).collect();
    let gaps: BTreeSet<&str> =
        report.packages.iter().flat_map(|package| &package.gaps).map(|gap| gap.kind.name()).collect();
    let missing: Vec<&String> = case.rules.iter().filter(|rule| !found.contains(rule.as_str())).collect();
    let unsaid: Vec<&String> = case.gaps.iter().filter(|gap| !gaps.contains(gap.as_str())).collect();
    if !missing.is_empty() || !unsaid.is_empty() {
        return Err(format!("lacks {missing:?} {unsaid:?}; has {found:?} {gaps:?}").into());
    }
    // Whatever broke inside is a gap of its own kind, which no case asks for.
    if gaps.contains("meta/panicked") || gaps.contains("meta/timeout") {
        return Err(format!("the scan did not go well: {gaps:?}").into());
    }
    if report.packages.iter().any(|package| package.findings.len() > MOST_FINDINGS) {
        return Err("more findings than anyone reads".into());
    }
    let worst = report.packages.iter().map(|package| package.verdict).max();
    if let (Some(least), Some(worst)) = (&case.least, worst)
        && worst < verdict(least)
    {
        return Err(format!("is {} instead of {least} at least: {found:?}", worst.name()).into());
    }
    match (&case.most, worst) {
        (Some(most), Some(worst)) if worst > verdict(most) => {
            Err(format!("is {} instead of {most} at most: {found:?} {gaps:?}", worst.name()).into())
        }
        _ => Ok(()),
    }
}

fn verdict(name: &str) -> skillscan::Verdict {
    use skillscan::Verdict::{Incomplete, Malicious, Pass, Review, Warn};
    [Pass, Review, Incomplete, Warn, Malicious].into_iter().find(|v| v.name() == name).expect("a verdict")
}
