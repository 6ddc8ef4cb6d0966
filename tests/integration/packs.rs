//! Rules of one's own: loaded beside the built-in ones, never out of what is scanned, and told precisely what is wrong.

use super::common::{ATTACK, Ran, SKILL, Sandbox, rules_of, run};

const RULE: &str = r#"+++
title = "the house style is broken"
class = "threat"
severity = "medium"
confidence = "high"
message = "does what this house does not do"
fix = "ask the author"
since = "1.0.0"
+++

## What it finds
Something.
## Why it is bad
It is.
## When it is fine
Never.
## What to do
Ask.
## References
None.
"#;
const COMMAND: &str = "[[case]]\nprogram = [\"housetool\"]\nargs = [\"--all\"]\n";

/// A skill that calls a program of the house, and a pack with a rule about it.
fn sandbox(files: &[(&str, &str)]) -> Sandbox {
    let skill = format!("{SKILL}```sh\nhousetool --all /srv\n```\n");
    let mut all = vec![("one/SKILL.md", skill.as_str()), ("../pack/rules/house/style.md", RULE)];
    all.extend(files);
    Sandbox::with(&all)
}

fn checked(files: &[(&str, &str)]) -> Ran {
    run(sandbox(files).path(), &["rules", "check", "pack"])
}

/// The pack is refused, and standard output says so with all of these.
fn assert_wrong(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    for part in parts {
        assert!(ran.stdout.contains(part), "`{part}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn rule_of_a_pack_is_reported() {
    let sandbox = sandbox(&[("../pack/rules/house/style.command.toml", COMMAND)]);
    let ran = run(sandbox.path(), &["skills", "--rules", "pack", "--format", "jsonl"]);
    assert_eq!(rules_of(&ran.package("one")), ["house/style"]);
    let without = run(sandbox.path(), &["skills", "--format", "jsonl"]);
    assert!(rules_of(&without.package("one")).is_empty());
}

#[test]
fn patterns_of_a_pack_do_not_replace_the_built_in_ones() {
    let yara = "rule house { strings: $a = \"housetool --all\" condition: $a }\n";
    let attack = format!("{SKILL}```sh\n{ATTACK}```\n");
    let sandbox = sandbox(&[("../pack/rules/house/style.yar", yara), ("two/SKILL.md", attack.as_str())]);
    let ran = run(sandbox.path(), &["skills", "--rules", "pack", "--format", "jsonl"]);
    assert_eq!(rules_of(&ran.package("one")), ["house/style"]);
    assert_eq!(rules_of(&ran.package("two")), ["exec/remote-pipe"]);
}

#[test]
fn lists_of_a_pack_are_added() {
    let command = "[[case]]\nprogram = [\"cat\"]\nreads = [\"house-files\"]\n";
    let skill = format!("{SKILL}```sh\ncat $HOME/.house/key\n```\n");
    let sandbox = sandbox(&[
        ("../pack/rules/house/style.command.toml", command),
        ("../pack/lists/paths.csv", "pattern,class\n~/.house/**,house-files\n"),
        ("two/SKILL.md", skill.as_str()),
    ]);
    let ran = run(sandbox.path(), &["skills", "--rules", "pack", "--format", "jsonl"]);
    assert_eq!(rules_of(&ran.package("two")), ["house/style"]);
}

#[test]
fn rules_are_never_read_from_what_is_scanned() {
    let sandbox = sandbox(&[("../pack/rules/house/style.command.toml", COMMAND)]);
    for (scanned, pack) in [("pack", "pack"), (".", "pack"), (".", "skills/../pack")] {
        let ran = run(sandbox.path(), &[scanned, "--rules", pack]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("which is scanned"), "{}", ran.stderr);
    }
}

#[test]
fn sound_pack_is_said_to_be_sound() {
    let ran = checked(&[("../pack/rules/house/style.command.toml", COMMAND)]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ran.stdout.trim_end(), @"1 rule, nothing wrong");
}

#[test]
fn broken_pack_is_told_file_line_and_caret() {
    let ran = checked(&[(
        "../pack/rules/house/style.command.toml",
        "[[case]]\nprogram = [\"housetool\"]\nargs = [\"(--all\"]\n",
    )]);
    assert_wrong(
        &ran,
        &["rules/house/style.command.toml", "line 3", "3 | args = [\"(--all\"]", "^^^", "unclosed group"],
    );
}

#[test]
fn unknown_key_is_told() {
    let ran = checked(&[("../pack/rules/house/style.command.toml", "[[case]]\nprograms = [\"housetool\"]\n")]);
    assert_wrong(&ran, &["line 2", "^^^^^^^^", "unknown field `programs`"]);
}

#[test]
fn front_matter_is_told_by_its_line_in_the_file() {
    let broken = RULE.replace("severity = \"medium\"", "severity = \"awful\"");
    let ran = checked(&[
        ("../pack/rules/house/other.md", broken.as_str()),
        ("../pack/rules/house/style.command.toml", COMMAND),
    ]);
    assert_wrong(&ran, &["rules/house/other.md", "line 4", "^^^^^^^"]);
}

#[test]
fn names_of_what_does_not_exist_are_told() {
    let ran = checked(&[
        ("../pack/rules/house/style.command.toml", "[[case]]\nwrites = [\"house-files\"]\n"),
        (
            "../pack/rules/house/style.prose.toml",
            "scope = \"block\"\n[[signal]]\nrequired = true\nphrases = \"house\"\n",
        ),
    ]);
    assert_wrong(&ran, &["style.command.toml:2:", "`house-files`", "style.prose.toml:4:", "^^^^^"]);
}

#[test]
fn every_error_is_told_at_once() {
    let ran = checked(&[
        ("../pack/rules/house/style.yar", "rule house { condition: nothing }\n"),
        ("../pack/rules/house/style.toml", ""),
        ("../pack/lexicons/conceal.txt", "do not tell the neighbours\n"),
        ("../pack/lists/extensions.csv", "extension,group\nfoo,text\n"),
    ]);
    assert_wrong(
        &ran,
        &["unknown identifier `nothing`", "no engine reads this ending", "conceal.txt", "extensions.csv"],
    );
}

#[test]
fn pack_without_rules_is_refused() {
    let sandbox = Sandbox::with(&[("../pack/README.md", "nothing\n"), ("one/SKILL.md", SKILL)]);
    for ran in [
        run(sandbox.path(), &["rules", "check", "pack"]),
        run(sandbox.path(), &["rules", "check", "nowhere"]),
        run(sandbox.path(), &["skills", "--rules", "pack"]),
    ] {
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    }
}

#[test]
fn complaints_about_a_pack_are_escaped() {
    let ran = checked(&[("../pack/rules/house/style.command.toml", "[[case]]\n\"\\u001b[31m\" = 1\n\u{202e}\n")]);
    assert_eq!(ran.code, 2);
    assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}']) && !ran.stderr.contains(['\u{1b}', '\u{202e}']));
}
