//! Hashes of skills against values that the registry's own programs gave, and the order of paths against
//! pairs that Node ordered.

use std::cmp::Ordering;
use std::convert::Infallible;

use sha2::Digest;
use skillscan::hashes::{self, Cover, FileHash, Lines, Sha256, collation};

use super::common::fixtures;

/// The two files of the first vector.
const TWO: [(&str, &str); 2] = [
    ("SKILL.md", "---\nname: demo\ndescription: Two-file demo skill.\n---\n\n# Demo\n"),
    ("scripts/run.sh", "#!/bin/sh\necho hello\n"),
];

/// What the registry puts into a download.
fn meta(owner: &str) -> String {
    format!(
        "{{\n  \"ownerId\": \"{owner}\",\n  \"slug\": \"demo\",\n  \"version\": \"1.0.0\",\n  \"publishedAt\": 1770000000000\n}}"
    )
}

fn hashed(files: &[(&str, &str)]) -> Vec<FileHash> {
    files.iter().map(|(path, text)| FileHash::of(*path, text.as_bytes())).collect()
}

fn computed(files: &[(&str, &str)]) -> Sha256 {
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    let content = |path: &str, hasher: &mut sha2::Sha256| {
        let (_, text) = files.iter().find(|(of, _)| *of == path).expect("only given paths are asked for");
        hasher.update(text.as_bytes());
        Ok::<_, Infallible>(())
    };
    hashes::computed_hash(&paths, content).expect("nothing fails")
}

#[test]
fn two_files_have_the_recorded_hashes() {
    let files = hashed(&TWO);
    assert_eq!(files[0].sha256.to_string(), "e82ba95573d94af62e0e7382eba00240bb55d1238a8bdc0272669a9bd992edf5");
    assert_eq!(files[1].sha256.to_string(), "bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b");
    assert_eq!(
        hashes::fingerprint(&files).to_string(),
        "809068490fdceb8ab1a2a6ffe6f4b31e1de379abe38df7c366f8ed818a21eb7a"
    );
    assert_eq!(
        hashes::content_hash(&files).to_string(),
        "071a33486dfb7bf6d39ec67f4f52b62ba38024e8d9a826da98ae409dbdd752ff"
    );
    assert_eq!(
        hashes::tree_sha256(&files, &[]).to_string(),
        "1e4fb36abe7a5e8074fe0860a750d040bfa5d60a20782c20cc4e4a9a8b27611c"
    );
    assert_eq!(computed(&TWO).to_string(), "098b1ed53406b9780559bedb39f02ee9a80c749731b6d8a3e3383297fb0eba2e");
}

#[test]
fn file_that_the_registry_adds_is_part_of_a_fresh_installation() {
    let meta = meta("kn70aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_eq!(meta.len(), 123);
    let files = hashed(&[TWO[0], TWO[1], ("_meta.json", &meta)]);
    assert_eq!(files[2].sha256.to_string(), "fa064a70ee9150c960935bcfa6a5eb4f300f5bfd84605df1a75a49133ff7c489");
    assert_eq!(
        hashes::fingerprint(&files).to_string(),
        "6a591351c1cf821e48a33e67c91dcfc792a5e42c7dba1540a6b48298aa4d877b"
    );
    assert_eq!(
        hashes::tree_sha256(&files, &["scripts".to_owned()]).to_string(),
        "e669111583c7d674a9dc23058667ad2275eda54310cf9f068c090195c054746f"
    );
}

#[test]
fn fingerprint_is_sorted_as_javascript_sorts() {
    let paths = "_meta.json 10.md 9.md a_b.md a-b.md a.b a/b aab ab aB Ab chb.md cz.md d.md i llama lz README.md \
                 skill.md SKILL.md y z zz";
    let mut files: Vec<FileHash> = paths.split(' ').map(|path| FileHash::of(path, path.as_bytes())).collect();
    let expected = "f9cfec575e232b0a7978cc2e1c7e5d6f93f3217c3af5ac4ca23438591daf5044";
    assert_eq!(hashes::fingerprint(&files).to_string(), expected);
    files.reverse();
    assert_eq!(hashes::fingerprint(&files).to_string(), expected, "the order of what is given does not matter");
}

#[test]
fn fingerprint_of_a_real_installation_covers_what_the_client_covers() {
    let (meta, skipped) = (meta("u1"), "anything\n");
    assert_eq!(meta.len(), 93);
    let all = [
        TWO[0],
        TWO[1],
        ("abs.txt", "y"),
        ("_meta.json", &meta),
        (".gitignore", "ignored.sh\n"),
        ("ignored.sh", skipped),
        (".hidden/evil.sh", skipped),
        ("node_modules/x/index.js", skipped),
        (".clawhub/origin.json", skipped),
    ];
    let cover = Cover::new([b"ignored.sh\n".as_slice()]).expect("a short file");
    let covered: Vec<FileHash> = hashed(&all).into_iter().filter(|file| is_covered(&cover, &file.path)).collect();
    assert_eq!(covered.len(), 4);
    assert_eq!(
        hashes::fingerprint(&covered).to_string(),
        "b42e51f8600479f59bf1e5a473c6279072101ac231d45bce4bfafeceaa9c59f7"
    );
}

#[test]
fn nothing_at_all_has_the_hash_of_nothing() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hashes::fingerprint(&[]).to_string(), empty);
}

#[test]
fn paths_are_ordered_as_node_orders_them() {
    let text = std::fs::read_to_string(fixtures().join("collation/pairs.jsonl")).expect("pairs are recorded");
    let pairs: Vec<(String, String, i8)> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is a pair")).collect();
    assert!(pairs.len() >= 5000);
    let order = |one: &str, other: &str| match collation::compare(one, other) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    };
    let wrong: Vec<_> =
        pairs.iter().filter(|(one, other, sign)| order(one, other) != *sign || order(other, one) != -sign).collect();
    assert!(wrong.is_empty(), "{} of {}, such as {:?}", wrong.len(), pairs.len(), &wrong[..wrong.len().min(5)]);
}

#[test]
fn hash_that_was_written_in_another_language_is_recognised() {
    // Danish sorts `aa` behind `z`, Czech `ch` behind `h`.
    let files = hashed(&[("aa.md", "1"), ("b.md", "2"), ("z.md", "3")]);
    let lines = ["b.md", "z.md", "aa.md"].map(|path| {
        let file = files.iter().find(|file| file.path == path).expect("a file of this name");
        format!("{}:{}", file.path, file.sha256)
    });
    let danish = Sha256::of(lines.join("\n").as_bytes());
    assert_ne!(danish, hashes::fingerprint(&files));
    assert!(hashes::is_hash_of(danish, &files, Lines::Fingerprint));
    let other = hashed(&[("aa.md", "1"), ("b.md", "2"), ("z.md", "4")]);
    assert!(!hashes::is_hash_of(danish, &other, Lines::Fingerprint));
}

fn is_covered(cover: &Cover, path: &str) -> bool {
    cover.covered([path]).expect("a short path").contains(path)
}

#[test]
fn ignore_files_decide_what_the_client_covers() {
    let cover = Cover::new([b"*.log\nbuild/\n!keep.log\n/top.txt\r\n# c\n\n".as_slice(), b"Data/**/x\n!build/y\n"])
        .expect("short files");
    for path in ["SKILL.md", "a/top.txt", "keep.log", "a/keep.log", "data", "builder/x", "x"] {
        assert!(is_covered(&cover, path), "{path} is hashed");
    }
    let left_out = [
        "a.log",
        "A.LOG",
        "a/b.log",
        "build/x",
        "build/y",
        "a/build/keep.log",
        "top.txt",
        "data/x",
        "DATA/a/b/x",
        ".env",
        "a/.b/c",
        "node_modules/x",
        "a/node_modules/x/y",
    ];
    for path in left_out {
        assert!(!is_covered(&cover, path), "{path} is left out");
    }
}

#[test]
fn lines_mean_what_the_client_takes_them_to_mean() {
    // Each line, a path that it leaves out, and one that it does not.
    let cases = [
        ("{a,b}.txt", "{a,b}.txt", "a.txt"),
        ("b[!a].md", "bé.md", "ba.md"),
        ("É.md", "é.md", "e.md"),
        ("a\\*", "abc", "b"),
        ("a/**/", "a/x", "b/a"),
        ("a/ ", "a/x", "b/a/x"),
        ("a\\ ", "a ", "a"),
        ("\\#a", "#a", "a"),
        ("/**/b", "a/c/b", "a/c"),
        ("a/**/b", "a/b", "b"),
        ("[b-a]", "", "b"),
        ("[", "", "["),
        ("a\\", "", "a"),
    ];
    for (line, left_out, kept) in cases {
        let cover = Cover::new([line.as_bytes()]).expect("a short file");
        assert!(left_out.is_empty() || !is_covered(&cover, left_out), "`{line}` leaves out `{left_out}`");
        assert!(is_covered(&cover, kept), "`{line}` is not about `{kept}`");
    }
}

#[test]
fn ignore_files_beyond_measure_are_not_followed() {
    assert!(Cover::new(["a\n".repeat(2_000).as_bytes()]).is_none());
    assert!(Cover::new([format!("{}\n", "[!a]".repeat(100_000)).as_bytes()]).is_none());
    // Stars in many lines over many paths.
    let cover = Cover::new(["*a?b*c*\n".repeat(600).as_bytes()]).expect("it is short enough");
    let paths: Vec<String> = (0..20_000).map(|index| format!("{index}{}", "ab".repeat(100))).collect();
    assert!(cover.covered(paths.iter().map(String::as_str)).is_none());
    assert!(cover.covered(paths.iter().map(String::as_str).take(100)).is_some());
}
