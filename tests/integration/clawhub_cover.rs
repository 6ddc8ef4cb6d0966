//! Which files the registry's own client hashes, against what we take it to
//! hash, over trees and ignore files that are made up by chance.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use skillscan::Limits;
use skillscan::verify::Tree;

use super::clawhub_cli::client;

/// Trees that are compared.
const TREES: usize = 500;

/// Prints the files that the client hashes, one line of JSON a folder, for each folder that comes in.
const LISTED: &str = r#"
import { createInterface } from "node:readline";
const { listSkillFiles } = await import(process.argv[1]);
for await (const folder of createInterface({ input: process.stdin })) {
    const files = await listSkillFiles(folder).catch(() => null);
    console.log(JSON.stringify(files && files.map((file) => file.relPath)));
}
"#;

/// Parts of paths.
const NAMES: [&str; 25] = [
    "a", "b", "a", "b", "ab", "B", "Aab", "a b", "{a,b}", "a{b", "a+b", "(a)", "[a]", "a[b", "!a", "#a", "a-b", "a^b",
    "a\\b", "a$", "é", "É", "a.b", "b.", "a?",
];
/// Parts of lines.
const PIECES: [&str; 43] = [
    "a", "b", "a", "b", "A", "B", "ab", "é", ".", ",", "+", "(", ")", "|", "^", "$", " ", "#", "!", "-", "]", "*", "*",
    "**", "**/", "/**", "*.", "?", "/", "/", "[ab]", "[!a]", "[^b]", "[A-C]", "[b-a]", "{a,b}", "{", "}", "\\a", "\\*",
    "\\{", "\\ ", "\\[",
];

/// One tree: paths, and lines of two ignore files.
type Made = (Vec<String>, Vec<String>, Vec<String>);

fn made() -> impl Strategy<Value = Made> {
    let path = vec(select(&NAMES[..]), 1..4).prop_map(|parts| parts.join("/"));
    let pattern = (select(&["", "", "", "", "!"][..]), vec(select(&PIECES[..]), 1..5), select(&["", "", "/", " "][..]));
    let pattern = pattern.prop_map(|(not, pieces, end)| format!("{not}{}{end}", pieces.concat()));
    (vec(path, 1..16), vec(pattern.clone(), 0..4), vec(pattern, 0..3))
}

/// Writes what of a tree can be: a name may stand for a file and a folder in turn.
fn write(root: &Path, (paths, first, second): &Made) {
    for path in paths {
        let path = root.join(path);
        let folder = path.parent().expect("it has one");
        if fs::create_dir_all(folder).is_ok() && !path.is_dir() {
            let _ = fs::write(&path, "x");
        }
    }
    fs::write(root.join(".gitignore"), first.join("\n")).expect("a new file");
    fs::write(root.join(".clawhubignore"), second.join("\r\n")).expect("a new file");
}

/// What the client hashes in each folder; nothing if it stumbles over an ignore file.
fn listed(client: &Path, folders: &[String]) -> Vec<Option<BTreeSet<String>>> {
    let module = client.ancestors().nth(2).expect("it lies in a folder").join("clawhub/dist/skills.js");
    let mut command = Command::new("node");
    command.args(["--input-type=module", "--eval", LISTED, "--"]).arg(module).write_stdin(folders.join("\n"));
    let output = command.output().expect("node starts");
    let text = String::from_utf8(output.stdout).expect("it is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn the_client_hashes_what_we_take_it_to_hash() {
    let Some(client) = client() else { return };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut folders = Vec::new();
    let mut trees = Vec::new();
    for index in 0..TREES {
        let tree = made().new_tree(&mut runner).expect("it can be made").current();
        let folder = dir.path().join(index.to_string());
        fs::create_dir(&folder).expect("a new folder");
        write(&folder, &tree);
        folders.push(folder.display().to_string());
        trees.push(tree);
    }
    let theirs = listed(&client, &folders);
    assert_eq!(theirs.len(), TREES);
    let mut wrong = Vec::new();
    let (mut left_out, mut failed) = (0, 0);
    for ((folder, tree), theirs) in folders.iter().zip(&trees).zip(theirs) {
        let Some(theirs) = theirs else {
            failed += 1;
            continue;
        };
        let all = Tree::read(Path::new(folder), &Limits::default());
        let covered = all.covered(Path::new(folder)).expect("short files");
        let ours: BTreeSet<String> = covered.into_iter().map(|file| file.path).collect();
        left_out += all.files.len() - ours.len();
        let difference: Vec<&String> = ours.symmetric_difference(&theirs).collect();
        if !difference.is_empty() {
            wrong.push(format!("{:?} {:?}: {difference:?}", tree.1, tree.2));
        }
    }
    assert!(left_out > TREES && failed < TREES / 20, "{left_out} files left out, {failed} trees not compared");
    assert!(wrong.is_empty(), "{} of {TREES}:\n{}", wrong.len(), wrong.join("\n"));
}
