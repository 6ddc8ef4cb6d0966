//! What an author would hide behind something else is found behind it, or is said to be unseen.

use serde_json::Value;

use super::common::{ATTACK, SKILL, Sandbox};

/// Kinds of gaps and ids of rules that are told of the one package, and its verdict.
fn told(sandbox: &Sandbox) -> (String, Vec<String>) {
    let ran = sandbox.report();
    let package = ran.package("one");
    let names = |list: &str, key: &str| -> Vec<String> {
        let all = package[list].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(|one: &Value| one[key].as_str().map(str::to_owned)).collect()
    };
    let verdict = package["verdict"].as_str().expect("a verdict").to_owned();
    (verdict, [names("gaps", "kind"), names("findings", "rule")].concat())
}

#[test]
fn quotations_in_front_do_not_hide_what_is_none() {
    let quoted = format!("Never run this:\n\n```sh\n# wrong\n{ATTACK}```\n\n");
    let text = format!("{SKILL}{}## Set-up\n\nRun this first:\n\n```sh\n{ATTACK}```\n", quoted.repeat(120));
    let (verdict, _) = told(&Sandbox::with(&[("one/SKILL.md", &text)]));
    assert_eq!(verdict, "malicious");
}

#[test]
fn a_comment_with_the_same_string_does_not_hide_the_call() {
    let call = "fs.copyFileSync(home + '/Library/Application Support/Google/Chrome/Default/Login Data', 'a');\n";
    let live = format!("const fs = require('fs');\n{call}");
    let hidden = format!("// {call}{live}");
    let verdicts = [live, hidden].map(|program| {
        let text = format!("{SKILL}Run `node a.js`.\n");
        told(&Sandbox::with(&[("one/SKILL.md", &text), ("one/a.js", &program)])).0
    });
    assert_eq!(verdicts, ["warn", "warn"]);
}

#[test]
fn every_frame_of_a_packed_file_is_read() {
    let pack = |text: &str| {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(text.as_bytes(), level)
    };
    let skipped = [&0x184d_2a53_u32.to_le_bytes()[..], &4_u32.to_le_bytes(), b"note"].concat();
    let frames = [skipped, pack("Nothing to see.\n"), pack(ATTACK)].concat();
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL)]);
    sandbox.write("one/a.sh.zst", &frames);
    let (_, names) = told(&sandbox);
    assert!(names.iter().any(|name| name == "exec/remote-pipe"), "{names:?}");
    sandbox.write("one/a.sh.zst", [&frames[..], b"and more"].concat());
    let (_, names) = told(&sandbox);
    assert!(names.iter().any(|name| name == "exec/remote-pipe"), "{names:?}");
}

#[test]
fn packed_formats_that_are_not_opened_are_gaps() {
    for head in
        [&b"!<arch>\n"[..], b"070701", b"\xed\xab\xee\xdb", b"\x04\x22\x4d\x18", b"\x1f\x9d\x90", b"LZIP\x01", b"hsqs"]
    {
        let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL)]);
        sandbox.write("one/data", [head, &[0; 64]].concat());
        assert_eq!(told(&sandbox), ("incomplete".to_owned(), vec!["meta/unopened".to_owned()]), "{head:?}");
    }
}

#[test]
fn a_link_to_a_folder_around_the_scanned_one_is_a_gap() {
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL)]);
    std::os::unix::fs::symlink("..", sandbox.path().join("skills/up")).expect("a link");
    let ran = sandbox.report();
    assert_eq!((ran.code, ran.stdout.contains("a link that leads to a folder around the scanned one")), (3, true));
}

#[test]
fn records_that_lead_nowhere_are_counted() {
    let record = [&b"PK\x01\x02"[..], &[0; 24], &[1, 0], &[0; 12], &0x7fff_ffff_u32.to_le_bytes(), b"a"].concat();
    let directory = record.repeat(40_000);
    let size = u32::try_from(directory.len()).expect("it is small").to_le_bytes();
    let end = [&b"PK\x05\x06"[..], &[0; 8], &size, &[0; 4], &[0; 2]].concat();
    let sandbox = Sandbox::with(&[("one/SKILL.md", SKILL)]);
    sandbox.write("one/a.zip", [b"PK\x03\x04", &[0; 26][..], &directory, &end.repeat(2_000)].concat());
    let (verdict, names) = told(&sandbox);
    assert!(verdict != "pass" && names.iter().any(|name| name == "meta/over-limit"), "{verdict} {names:?}");
}

#[test]
fn code_that_is_nested_too_deeply_to_follow_is_a_gap() {
    let depth = 400;
    let opened: String = (0..depth).map(|at| format!("{}if x:\n", " ".repeat(at))).collect();
    let body = format!("{}import os\n{}os.system(input())\n", " ".repeat(depth), " ".repeat(depth));
    let (_, names) = told(&Sandbox::with(&[("one/SKILL.md", SKILL), ("one/a.py", &format!("{opened}{body}"))]));
    assert!(names.iter().any(|name| name == "meta/over-limit"), "{names:?}");
}
