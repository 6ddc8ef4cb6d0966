//! What the lists of known-bad values prove, they prove alone: without the
//! rules that read them, a scan is the same as with empty lists.

use std::collections::BTreeMap;
use std::path::Path;

use skillscan::report::PackageReport;
use skillscan::{Limits, Policy, Ruleset, Scanner};

use super::common::cases;

/// The built-in files with every list of known-bad values cut down to its header.
fn files_without_values() -> BTreeMap<String, String> {
    let mut files = Ruleset::builtin_files();
    let mut emptied = 0;
    for (name, text) in &mut files {
        if name.starts_with("lists/indicators") {
            let header = text.lines().next().expect("a list has a header");
            *text = format!("{header}\n");
            emptied += 1;
        }
    }
    assert_eq!(emptied, 2, "the real list, and that of our own values");
    files
}

fn scanner(rules: Ruleset, ignored: &[&str]) -> Scanner {
    let globs: Vec<String> = ignored.iter().map(|glob| (*glob).to_owned()).collect();
    Scanner::new(rules, Limits::default(), Policy::new(&globs).expect("globs are well-formed"))
}

fn scan(scanner: &Scanner, case: &Path) -> Vec<PackageReport> {
    scanner.scan(case, &()).unwrap_or_else(|error| panic!("{error}")).packages
}

fn holds_ioc(packages: &[PackageReport]) -> bool {
    packages.iter().flat_map(|package| &package.findings).any(|finding| finding.rule.family() == "ioc")
}

#[test]
fn ignoring_indicator_rules_equals_empty_lists() {
    let without_rules = scanner(Ruleset::builtin().expect("built-in rules load"), &["ioc/*"]);
    let without_values = scanner(Ruleset::from_files(&files_without_values()).expect("rules load without values"), &[]);
    let mut differ = Vec::new();
    for case in cases() {
        let (left, right) = (scan(&without_rules, &case), scan(&without_values, &case));
        assert!(!holds_ioc(&left) && !holds_ioc(&right), "{}", case.display());
        if format!("{left:?}") != format!("{right:?}") {
            differ.push(format!("{}\n  {}\n  {}", case.display(), summary(&left), summary(&right)));
        }
    }
    assert!(differ.is_empty(), "{} cases differ:\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn values_are_found_where_they_are_listed() {
    let all = scanner(Ruleset::builtin().expect("built-in rules load"), &[]);
    let found = cases().iter().filter(|case| holds_ioc(&scan(&all, case))).count();
    assert!(found >= 9, "only {found} fixtures hold a listed value, so the comparison shows nothing");
}

/// Verdicts and rules, for telling two reports apart.
fn summary(packages: &[PackageReport]) -> String {
    let of = |package: &PackageReport| {
        let rules: Vec<&str> = package.findings.iter().map(|finding| finding.rule.as_str()).collect();
        format!("{} {} [{}]", package.path, package.verdict.name(), rules.join(", "))
    };
    packages.iter().map(of).collect::<Vec<_>>().join("; ")
}
