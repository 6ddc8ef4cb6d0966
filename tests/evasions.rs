//! A test for each attack in each of its disguises: what the table claims is
//! flagged, what it lists as a known miss is not, so that the table stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use skillscan::{Limits, Policy, Ruleset, Scanner, Verdict};

#[path = "support/generated.rs"]
mod support;

/// What the suite must at least hold: attacks, and cases in all.
const ATTACKS: usize = 10;
const CASES: usize = 3_000;

/// At least so many of a hundred cases are claimed.
const CLAIMED: usize = 99;
/// And so many of a hundred compositions of two disguises are flagged.
const COMPOSED: usize = 98;

/// Operations that values are followed through.
const FLOW_STEPS: usize = 3_000_000;

/// Compositions of two disguises of a claimed case.
const PAIRS: &str = "400";

/// Attack, disguise, language.
type Key = (String, String, String);

/// One row of the table.
struct Row {
    is_claimed: bool,
    reason: String,
}

fn main() {
    let arguments = Arguments::from_args();
    let single = support::write("evade", "evasions", &[]);
    let pairs = support::write("evade", "evasion-pairs", &["--pairs", PAIRS]);
    let (Some(single), Some(pairs)) = (single, pairs) else {
        let trials = vec![Trial::test("needs python3", || Ok(())).with_ignored_flag(true)];
        libtest_mimic::run(&arguments, trials).exit();
    };
    let (single, pairs) = (keyed(single), keyed(pairs));
    let table = Arc::new(table());
    let rules = Ruleset::builtin().expect("built-in rules load");
    let limits = Limits { flow_steps: FLOW_STEPS, ..Limits::default() };
    let scanner = Arc::new(Scanner::new(rules, limits, Policy::new(&["ioc/*".to_owned()]).expect("a glob")));
    let mut trials = vec![Trial::test("table_is_complete", {
        let (table, written) = (Arc::clone(&table), single.keys().cloned().collect());
        move || is_complete(&table, &written)
    })];
    for (key, folder) in single {
        let is_claimed = table.get(&key).is_none_or(|row| row.is_claimed);
        let side = if is_claimed { "claimed" } else { "known_miss" };
        let scanner = Arc::clone(&scanner);
        trials.push(Trial::test(named(side, &key), move || check(&scanner, &folder, is_claimed)));
    }
    trials.push(Trial::test("compositions_stay_flagged", move || composed(&scanner, &pairs)));
    libtest_mimic::run(&arguments, trials).exit();
}

fn named(side: &str, (attack, disguise, language): &Key) -> String {
    format!("{side}::{attack}::{disguise}::{language}")
}

fn check(scanner: &Scanner, folder: &Path, is_claimed: bool) -> Result<(), Failed> {
    let report = scanner.scan(folder, &()).map_err(|error| error.to_string())?;
    let worst = report.packages.iter().map(|package| package.verdict).max().ok_or("no package")?;
    // Bytes that were not looked at are no answer: `incomplete` is neither.
    let is_flagged = worst >= Verdict::Warn;
    if is_flagged == is_claimed {
        return Ok(());
    }
    let found: Vec<String> = report
        .packages
        .iter()
        .flat_map(|package| &package.findings)
        .map(|finding| format!("{} ({})", finding.rule, finding.effective.name()))
        .collect();
    let what = if is_claimed { "is claimed, and" } else { "is found now: move it to the claimed ones;" };
    Err(format!("{what} the verdict is {}: {found:?}", worst.name()).into())
}

/// Most compositions of two disguises are seen through as well.
fn composed(scanner: &Scanner, pairs: &BTreeMap<Key, PathBuf>) -> Result<(), Failed> {
    let missed: Vec<&Key> =
        pairs.iter().filter(|(_, folder)| check(scanner, folder, true).is_err()).map(|(key, _)| key).collect();
    let flagged = pairs.len() - missed.len();
    if flagged * 100 < pairs.len() * COMPOSED {
        return Err(format!("only {flagged} of {} are flagged; not {missed:?}", pairs.len()).into());
    }
    Ok(())
}

/// Folders of the written cases by what they are.
fn keyed((out, index): (PathBuf, Vec<Value>)) -> BTreeMap<Key, PathBuf> {
    let text = |case: &Value, key: &str| case[key].as_str().expect("a text").to_owned();
    let key = |case: &Value| (text(case, "base"), text(case, "transformation"), text(case, "language"));
    index.iter().map(|case| (key(case), out.join(text(case, "folder")))).collect()
}

/// The table of expectations, which a person edits.
fn table() -> BTreeMap<Key, Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/evade/expected.csv");
    let mut rows = csv::Reader::from_path(path).expect("the table is there");
    let mut table = BTreeMap::new();
    for row in rows.deserialize::<(String, String, String, String, String)>() {
        let (attack, disguise, language, expected, reason) = row.expect("a row of five");
        assert!(["flagged", "known-miss"].contains(&expected.as_str()), "`{expected}` is no expectation");
        let row = Row { is_claimed: expected == "flagged", reason };
        let key = (attack, disguise, language);
        assert!(table.insert(key.clone(), row).is_none(), "{key:?} is listed twice");
    }
    table
}

fn is_complete(table: &BTreeMap<Key, Row>, written: &BTreeSet<Key>) -> Result<(), Failed> {
    let listed: BTreeSet<Key> = table.keys().cloned().collect();
    let differ: Vec<&Key> = listed.symmetric_difference(written).collect();
    if !differ.is_empty() {
        return Err(format!("table and suite differ in {differ:?}; `python3 fixtures/evade --table` renews it").into());
    }
    let attacks: BTreeSet<&String> = table.keys().map(|(attack, ..)| attack).collect();
    if attacks.len() < ATTACKS || table.len() < CASES {
        return Err(format!("only {} attacks and {} cases", attacks.len(), table.len()).into());
    }
    if let Some((key, _)) = table.iter().find(|(_, row)| row.is_claimed != row.reason.is_empty()) {
        return Err(format!("{key:?}: a known miss has a reason, and nothing else has one").into());
    }
    let claimed = table.values().filter(|row| row.is_claimed).count();
    if claimed * 100 < table.len() * CLAIMED {
        return Err(format!("only {claimed} of {} cases are claimed", table.len()).into());
    }
    Ok(())
}
