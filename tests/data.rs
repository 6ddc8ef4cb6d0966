//! Lists, lexicons and generated pages are as they should be. What is generated
//! is rewritten by these tests where `SKILLSCAN_REWRITE` is 1.

#[path = "data/concepts.rs"]
mod concepts;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use skillscan::Ruleset;
use skillscan::rule::Rule;

/// What `lists/hosts.csv` may call a host. Rules name these classes, and `local`, `ip` and `unknown` are worked out.
const HOST_CLASSES: [&str; 14] = [
    "ai-artifact",
    "code-host",
    "collector",
    "doc-share",
    "dyndns",
    "file-drop",
    "free-host",
    "installer",
    "messenger",
    "paste",
    "reference",
    "registry",
    "shortener",
    "tunnel",
];

/// Kinds of indicators that an analyzer looks for.
const INDICATOR_KINDS: [&str; 13] =
    ["account", "email", "go", "host", "ip", "npm", "publisher", "pypi", "sha256", "slug", "string", "url", "wallet"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Rows of a list after its header.
fn rows(list: &str) -> Vec<Vec<String>> {
    let text = read(&format!("signatures/lists/{list}"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.records().map(|row| {
        let row = row.unwrap_or_else(|error| panic!("{list}: {error}"));
        row.iter().map(str::to_owned).collect()
    });
    rows.collect()
}

/// Fails unless the first `width` columns, the key, go up from row to row.
fn assert_sorted_and_unique(list: &str, width: usize) {
    let rows = rows(list);
    assert!(!rows.is_empty(), "{list} is empty");
    let wrong: Vec<String> = rows
        .windows(2)
        .filter(|pair| pair[0][..width] >= pair[1][..width])
        .map(|pair| format!("{} stands before {}", pair[0][..width].join(","), pair[1][..width].join(",")))
        .collect();
    assert!(wrong.is_empty(), "{list}:\n{}", wrong.join("\n"));
}

#[test]
fn lists_are_sorted_and_name_nothing_twice() {
    assert_sorted_and_unique("flags.csv", 1);
    assert_sorted_and_unique("protection.csv", 1);
    assert_sorted_and_unique("providers.csv", 1);
    assert_sorted_and_unique("hosts.csv", 1);
    assert_sorted_and_unique("tools.csv", 1);
    assert_sorted_and_unique("indicators.csv", 2);
    assert_sorted_and_unique("indicators-test.csv", 2);
}

#[test]
fn every_list_is_checked() {
    let folder = fs::read_dir(root().join("signatures/lists")).expect("the lists are there");
    let names: BTreeSet<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    let known = [
        "DATE",
        "extensions.csv",
        "flags.csv",
        "hosts.csv",
        "indicators-test.csv",
        "indicators.csv",
        "paths.csv",
        "popular.csv",
        "protection.csv",
        "providers.csv",
        "registries.csv",
        "tools.csv",
        "vendors.csv",
    ];
    assert_eq!(names, known.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
}

/// Regular expressions, phrase lists and globs of the built-in rules are compiled only when a scan needs them.
#[test]
fn everything_that_is_compiled_late_compiles() {
    let rules = Ruleset::with_packs(&[]).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(rules.iter().count() > 100);
}

#[test]
fn extensions_are_of_known_groups() {
    let groups = ["archive", "font", "markup", "media", "document", "office", "text"];
    let rows = rows("extensions.csv");
    assert!(rows.windows(2).all(|pair| pair[0][0] < pair[1][0]), "extensions are sorted, each once");
    for row in rows {
        assert!(groups.contains(&row[1].as_str()), "{} is of the unknown group `{}`", row[0], row[1]);
        assert_eq!(row[0], row[0].to_lowercase());
    }
}

#[test]
fn hosts_are_of_known_classes() {
    let mut seen = BTreeSet::new();
    for row in rows("hosts.csv") {
        let (host, class) = (&row[0], &row[1]);
        assert!(HOST_CLASSES.contains(&class.as_str()), "{host} is of the unknown class `{class}`");
        let (name, _) = host.split_once('/').unwrap_or((host, ""));
        assert_eq!(name, name.to_lowercase(), "hosts are compared in lower case");
        assert!(!host.contains("://") && !host.contains(char::is_whitespace), "`{host}` is no host");
        seen.insert(class.clone());
    }
    assert_eq!(seen.len(), HOST_CLASSES.len(), "a class without hosts: {seen:?}");
}

#[test]
fn host_classes_in_rules_exist() {
    let extra = ["host:ip", "host:local", "host:own", "host:unknown"];
    let mut checked = 0;
    for (name, text) in Ruleset::builtin_files() {
        for word in text.split(['"', '\'']).filter(|word| name.ends_with(".toml") && word.starts_with("host:")) {
            let is_known = word.strip_prefix("host:").is_some_and(|class| HOST_CLASSES.contains(&class));
            assert!(is_known || extra.contains(&word), "{name}: `{word}` can never be there");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} labels were looked at");
}

#[test]
fn indicators_are_of_known_kinds() {
    for list in ["indicators.csv", "indicators-test.csv"] {
        for row in rows(list) {
            assert!(INDICATOR_KINDS.contains(&row[0].as_str()), "{list}: unknown kind `{}`", row[0]);
            assert!(!row[1].is_empty() && row[1].trim() == row[1], "{list}: value `{}`", row[1]);
            assert!(["low", "medium", "high"].contains(&row[2].as_str()), "{list}: confidence `{}`", row[2]);
            let parts: Vec<usize> = row[4].split('-').map(str::len).collect();
            let is_date = parts == [4, 2, 2] || parts == [4, 2];
            assert!(is_date, "{list}: first seen `{}`", row[4]);
            assert!(!row[3].is_empty() && !row[5].is_empty(), "{list}: `{}` comes from nowhere", row[1]);
            let is_hint = row[1].contains('*') && row[0] == "slug";
            assert!(!is_hint || row[2] == "low", "{list}: `{}` is a hint", row[1]);
        }
    }
}

/// Phrases of a lexicon, without comments.
/// Where a loop of a pattern's condition stands inside another, which takes as many steps as there are pairs of matches.
fn nested_loops(condition: &str) -> Vec<usize> {
    let (mut depth, mut loops, mut nested) = (0_usize, Vec::new(), Vec::new());
    for (at, c) in condition.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            'f' if condition.get(at..).is_some_and(|rest| rest.starts_with("for any ")) => {
                loops.retain(|outer| *outer < depth);
                nested.extend((!loops.is_empty()).then_some(at));
                loops.push(depth);
            }
            _ => {}
        }
    }
    nested
}

#[test]
fn no_pattern_counts_pairs_of_matches() {
    let mut loops = 0;
    for (name, text) in Ruleset::builtin_files().iter().filter(|(name, _)| name.ends_with(".yar")) {
        for part in text.split("condition:").skip(1) {
            // Up to the end of the rule.
            let condition = part.split("\n}").next().expect("there is a first part");
            loops += condition.matches("for any ").count();
            assert_eq!(
                nested_loops(condition),
                Vec::<usize>::new(),
                "{name}: use `$pattern in (from..to)`\n{condition}"
            );
        }
    }
    assert!(loops > 10, "the loops were not found");
    let pairs = "for any i in (1..#a) : ($b and for any j in (1..#b) : (@a[i] < @b[j]))";
    assert_eq!(
        (nested_loops(pairs).len(), nested_loops("(for any i in (1..#a) : (1)) or for any i in (1..#b) : (1)").len()),
        (1, 0)
    );
}

fn phrases(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}

#[test]
fn lexicons_hold_each_phrase_once_in_lower_case() {
    let mut wrong = Vec::new();
    let mut counted = 0;
    for (name, text) in Ruleset::builtin_files().iter().filter(|(name, _)| name.starts_with("lexicons/")) {
        let mut seen = BTreeSet::new();
        for phrase in phrases(text) {
            counted += 1;
            if !seen.insert(phrase) {
                wrong.push(format!("{name}: `{phrase}` stands there twice"));
            }
            if phrase != phrase.to_lowercase() {
                wrong.push(format!("{name}: `{phrase}` is not in lower case"));
            }
        }
        assert!(!seen.is_empty(), "{name} is empty");
    }
    assert!(counted > 500, "only {counted} phrases were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_lexicon_is_used() {
    let files = Ruleset::builtin_files();
    let bodies: String =
        files.iter().filter(|(name, _)| name.ends_with(".prose.toml")).map(|(_, text)| text.as_str()).collect();
    let sources = sources(&root().join("src"));
    let phrases: String =
        files.iter().filter(|(name, _)| name.starts_with("lexicons/")).map(|(_, text)| text.as_str()).collect();
    for name in files.keys().filter_map(|name| name.strip_prefix("lexicons/")?.strip_suffix(".txt")) {
        if let Some(words) = name.strip_prefix("words/") {
            assert!(phrases.contains(&format!("{{{words}}}")), "no phrase names lexicons/{name}.txt");
            continue;
        }
        let quoted = format!("\"{name}\"");
        assert!(bodies.contains(&quoted) || sources.contains(&quoted), "nothing reads lexicons/{name}.txt");
    }
}

#[test]
fn concepts_tell_the_examples_that_they_were_learnt_from() {
    let rules = Ruleset::builtin().expect("built-in rules load");
    let files = Ruleset::builtin_files();
    let concepts = files.iter().filter_map(|(name, text)| Some((name.strip_prefix("concepts/")?, text)));
    let concepts: Vec<(&str, &str)> =
        concepts.filter_map(|(name, text)| Some((name.strip_suffix(".csv")?, text.as_str()))).collect();
    assert!(!concepts.is_empty(), "no concept is there");
    let bodies: String =
        files.iter().filter(|(name, _)| name.ends_with(".prose.toml")).map(|(_, text)| text.as_str()).collect();
    for (name, weights) in concepts {
        assert!(bodies.contains(&format!("reads = \"{name}\"")), "nothing reads concepts/{name}.csv");
        let concept = rules.concept(name).expect("it was read");
        let examples = root().join(format!("fixtures/concepts/{name}.tsv"));
        let text = fs::read_to_string(&examples).unwrap_or_else(|error| panic!("{}: {error}", examples.display()));
        let mut told = [(0, 0); 2];
        for line in text.lines() {
            let [label, about, language, sentence] =
                line.split('\t').collect::<Vec<_>>().try_into().expect("four columns");
            assert!(!about.is_empty() && language.len() == 2, "{line}");
            let (all, read) = &mut told[usize::from(label == "1")];
            *all += 1;
            let mut passage = concept.passage();
            passage.add(&concept.read(sentence));
            *read += usize::from(passage.score() > 0.0);
        }
        let [(honest, wrong), (meant, right)] = told;
        // The script that learns counts by its own reading of words: both must read the same.
        let counts = format!("# Examples that read so by themselves: {right} that are meant, {wrong} that are not.");
        assert!(weights.lines().any(|line| line == counts), "{name}: {counts}");
        // Most orders need others beside them; what is honest does not read so even alone.
        assert!(right * 10 >= meant && wrong * 50 <= honest, "{name}: {counts} Of {meant} and {honest}.");
    }
}

/// The text of all Rust files below `folder`.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source is text"));
        }
    }
    text
}

/// `signatures/RULES.md` as it follows from the rules.
fn rules_page(rules: &Ruleset) -> String {
    let mut families: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for rule in rules.iter() {
        families.entry(rule.id.family()).or_default().push(rule);
    }
    let mut page = String::from(
        "# Rules\n\n<!-- Made by tests/data.rs; `SKILLSCAN_REWRITE=1 cargo test --release --test data` rewrites it. -->\n",
    );
    let _ = write!(page, "\n{} rules. `skillscan rules explain <id>` says all about one.\n", rules.iter().count());
    for (family, rules) in families {
        let _ = write!(
            page,
            "\n## {family}\n\n| id | severity | confidence | finds |\n|----|----------|------------|-------|\n"
        );
        for rule in rules {
            let (id, meta) = (&rule.id, &rule.meta);
            let (severity, confidence) = (meta.severity.name(), meta.confidence.name());
            let _ = writeln!(page, "| [{id}](rules/{id}.md) | {severity} | {confidence} | {} |", meta.title);
        }
    }
    page
}

#[expect(clippy::disallowed_methods, reason = "asks whoever runs the tests, not whoever scans")]
fn is_rewriting() -> bool {
    std::env::var("SKILLSCAN_REWRITE").is_ok_and(|value| value == "1")
}

#[test]
fn rules_page_follows_from_the_rules() {
    let page = rules_page(&Ruleset::builtin().expect("built-in rules load"));
    if is_rewriting() {
        fs::write(root().join("signatures/RULES.md"), &page).expect("the page can be written");
    }
    let is_current = read("signatures/RULES.md") == page;
    assert!(is_current, "signatures/RULES.md is old; SKILLSCAN_REWRITE=1 rewrites it");
}

#[test]
fn titles_fit_a_table() {
    for rule in Ruleset::builtin().expect("built-in rules load").iter() {
        let title = &rule.meta.title;
        assert!(title.chars().count() < 70 && !title.contains('|') && !title.ends_with('.'), "{}: {title}", rule.id);
        let first = title.split(' ').next().unwrap_or("");
        assert!(first == first.to_lowercase() || first == first.to_uppercase(), "{}: {title}", rule.id);
    }
}

#[test]
fn readme_and_help_agree_on_exit_codes() {
    let output = Command::new(env!("CARGO_BIN_EXE_skillscan")).arg("--help").output().expect("the program starts");
    let help = String::from_utf8(output.stdout).expect("help is text");
    let (_, table) = help.split_once("Exit codes:\n").expect("help has a table of exit codes");
    let said: Vec<(String, String)> = table
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(code, means)| (code.to_owned(), means.trim().to_owned()))
        .collect();
    let readme = read("README.md").replace('`', "");
    // Commands with an answer of their own have a table of their own.
    let (_, table_of_scan) = readme.split_once("| exit code | means |\n").expect("README has a table of exit codes");
    let cells = table_of_scan.lines().take_while(|line| line.starts_with('|'));
    let cells = cells.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let written: Vec<(String, String)> = cells
        .map(|(code, means)| (code.trim().to_owned(), means.trim().to_owned()))
        .filter(|(code, _)| code.parse::<u8>().is_ok())
        .collect();
    assert_eq!(said.len(), 4, "{table}");
    assert_eq!(written, said);
}
