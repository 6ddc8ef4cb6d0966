//! The way of a value over functions and files: the report names each step of
//! it, from where it is read to where it leaves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::common;

/// Ways that must at least be there.
const WAYS: usize = 8;

/// What is expected of one fixture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    /// In order; one of the places of each must be named, as `path:line`.
    steps: Vec<Vec<String>>,
}

#[test]
fn every_step_of_a_flow_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flows");
    let names = names(&root);
    assert!(names.len() >= WAYS, "only {} fixtures", names.len());
    let failed: Vec<String> = names.iter().filter_map(|name| problem(&root, name)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn a_flow_names_every_file_that_the_value_goes_through() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flows");
    for name in names(&root).iter().filter(|name| name.ends_with("six-files")) {
        let way = way(&root, name);
        let files: BTreeSet<&str> = way.steps.iter().flatten().map(|place| file_of(place)).collect();
        // One file only says where the secret lies, one may only hand names on.
        assert!(files.len() >= 4, "{name} goes through {files:?}");
    }
}

/// What is wrong with the report about this fixture.
fn problem(root: &Path, name: &str) -> Option<String> {
    let way = way(root, name);
    let ran = common::run(root, &["scan", name, "--format", "jsonl"]);
    let package = ran.package(".");
    let flows: Vec<Vec<String>> =
        package["findings"].as_array().into_iter().flatten().map(places).filter(|places| places.len() > 1).collect();
    if flows.iter().any(|places| goes(&way, places)) && ran.code == 1 {
        return None;
    }
    let seen: Vec<String> = flows.iter().map(|places| format!("    {}", places.join(" → "))).collect();
    Some(format!("{name} is {} and its way is not named; found:\n{}", package["verdict"], seen.join("\n")))
}

/// Whether all steps are there, in order. More of them are fine.
fn goes(way: &Way, places: &[String]) -> bool {
    let mut rest = places.iter();
    way.steps.iter().all(|step| rest.any(|place| step.contains(place)))
}

/// Source, steps and sink of a finding, in order.
fn places(finding: &Value) -> Vec<String> {
    let locations: Vec<&Value> = finding["locations"].as_array().into_iter().flatten().collect();
    let with = |roles: &'static [&'static str]| {
        locations.iter().filter(move |place| roles.contains(&place["role"].as_str().unwrap_or_default()))
    };
    let way = with(&["source"]).chain(with(&["step"]));
    // A finding points first at where the value leaves.
    let sinks: Vec<_> =
        if with(&["sink"]).next().is_some() { with(&["sink"]).collect() } else { with(&["primary"]).collect() };
    way.chain(sinks).map(|place| format!("{}:{}", place["path"].as_str().unwrap_or_default(), place["line"])).collect()
}

fn way(root: &Path, name: &str) -> Way {
    let text = fs::read_to_string(root.join(format!("{name}.toml"))).expect("each fixture has its way beside it");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn file_of(place: &str) -> &str {
    place.rsplit_once(':').expect("a place is a path and a line").0
}

fn names(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).expect("the folder is there").flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
}
