//! Tests the fixtures of the rules: leaves out one condition of one rule after
//! another and expects a fixture to notice. Takes minutes, so it only runs where
//! it is asked to: `scripts/mutate-rules [RULE…]`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use skillscan::finding::{Confidence, Severity};
use skillscan::{Limits, Policy, Ruleset, Scanner};
use toml::Value;

#[path = "support/generated.rs"]
mod support;

use support::Case;

/// Names and texts of signature files.
type Files = BTreeMap<String, String>;

/// One rule body without one of its conditions.
struct Mutant {
    rule: String,
    file: String,
    /// What was left out.
    what: String,
    /// What the file holds instead.
    text: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, wanted)) = arguments.split_first()
        && first == "--run"
    {
        return match run(wanted, &mut io::stdout().lock()) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                let _ = writeln!(io::stderr(), "mutate: {error}");
                ExitCode::from(2)
            }
        };
    }
    let trials = vec![
        Trial::test("every_condition_gives_a_mutant", conditions_are_found),
        Trial::test("fixtures_notice_a_rule_that_reports_nothing", silence_is_noticed),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Runs all mutants of the wanted rules; whether each was noticed.
fn run(wanted: &[String], out: &mut dyn Write) -> io::Result<bool> {
    let files = Ruleset::builtin_files();
    let is_wanted =
        |mutant: &Mutant| wanted.is_empty() || wanted.iter().any(|rule| mutant.rule.contains(rule.as_str()));
    let mutants: Vec<Mutant> = mutants(&files).into_iter().filter(is_wanted).collect();
    let generated = support::cases("mutate").unwrap_or_default();
    let mut known: BTreeMap<&str, (Files, Fixtures)> = BTreeMap::new();
    let mut survivors = Vec::new();
    for (at, mutant) in mutants.iter().enumerate() {
        if at % 25 == 0 {
            writeln!(out, "{at} of {} mutants, {} not noticed", mutants.len(), survivors.len())?;
        }
        if !known.contains_key(mutant.rule.as_str()) {
            let needed = needed(&files, &mutant.rule);
            let unchanged = scanner(Ruleset::from_files(&needed).map_err(io::Error::other)?);
            let fixtures = Fixtures::of(&mutant.rule, &unchanged, &generated);
            known.insert(&mutant.rule, (needed, fixtures));
        }
        let Some((needed, fixtures)) = known.get(mutant.rule.as_str()) else { continue };
        match without_condition(needed, mutant) {
            Ok(changed) if fixtures.notice(&changed) => {}
            Ok(_) => survivors.push(format!("{}: {}", mutant.file, mutant.what)),
            Err(error) => survivors.push(format!("{}: {}: does not load: {error}", mutant.file, mutant.what)),
        }
    }
    writeln!(out, "\n{} mutants, {} not noticed by any fixture", mutants.len(), survivors.len())?;
    for survivor in &survivors {
        writeln!(out, "  {survivor}")?;
    }
    Ok(survivors.is_empty())
}

/// The files that findings of `rule` depend on: its own, and all if it joins what other rules find.
fn needed(files: &Files, rule: &str) -> Files {
    let is_join = files.contains_key(&format!("rules/{rule}.join.toml"));
    let is_needed = |name: &str| {
        let of_rule = |path: &str| path.strip_prefix(rule).is_some_and(|ending| ending.starts_with('.'));
        is_join || name.strip_prefix("rules/").is_none_or(of_rule)
    };
    files.iter().filter(|(name, _)| is_needed(name)).map(|(name, text)| (name.clone(), text.clone())).collect()
}

/// The rules with one file replaced.
fn without_condition(files: &Files, mutant: &Mutant) -> Result<Scanner, skillscan::rule::RuleErrors> {
    let mut files = files.clone();
    files.insert(mutant.file.clone(), mutant.text.clone());
    Ruleset::from_files(&files).map(scanner)
}

fn scanner(rules: Ruleset) -> Scanner {
    Scanner::new(rules, Limits::default(), Policy::new(&[]).expect("no globs"))
}

/// The fixtures of a rule, with what the unchanged rule says of each hit.
struct Fixtures {
    rule: String,
    hits: Vec<(PathBuf, Vec<Judged>)>,
    clean: Vec<PathBuf>,
}

impl Fixtures {
    fn of(rule: &str, unchanged: &Scanner, generated: &[Case]) -> Self {
        let cases = |side: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules").join(rule).join(side);
            let mut found: Vec<PathBuf> =
                fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            // Binary files are generated; an honest one is a clean case of every rule that says nothing of it.
            let is_hit = side == "hit";
            let others = generated
                .iter()
                .filter(|case| if is_hit { case.rules.iter().any(|id| id == rule) } else { !case.is_hostile });
            found.extend(
                others
                    .map(|case| case.folder.clone())
                    .filter(|case| is_hit || judged(unchanged, rule, case).is_empty()),
            );
            found.sort();
            found
        };
        let hits = cases("hit").into_iter().map(|case| {
            let judged = judged(unchanged, rule, &case);
            (case, judged)
        });
        Self { rule: rule.to_owned(), hits: hits.collect(), clean: cases("clean") }
    }

    /// Whether a hit is judged otherwise than by the unchanged rule, or a clean case is reported.
    fn notice(&self, changed: &Scanner) -> bool {
        self.hits.iter().any(|(case, unchanged)| judged(changed, &self.rule, case) != *unchanged)
            || self.clean.iter().any(|case| !judged(changed, &self.rule, case).is_empty())
    }
}

/// Where something was found, and how it was judged before context.
type Judged = (String, usize, Severity, Confidence);

/// All findings of `rule` in a case.
fn judged(scanner: &Scanner, rule: &str, case: &Path) -> Vec<Judged> {
    let report = scanner.scan(case, &()).unwrap_or_else(|error| panic!("{error}"));
    let findings = report.packages.iter().flat_map(|package| &package.findings);
    let of_rule = findings.filter(|finding| finding.rule.as_str() == rule);
    let judged = of_rule.map(|finding| {
        let place = &finding.locations[0];
        (place.path.clone(), place.line, finding.severity, finding.confidence)
    });
    judged.collect()
}

/// Finds the conditions of a body.
type Places = fn(&Value) -> Vec<Place>;

/// All mutants of all bodies, in order of file.
fn mutants(files: &Files) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (file, text) in files {
        let Some(name) = file.strip_prefix("rules/") else { continue };
        let engines: [(&str, Places); 8] = [
            (".fact.toml", of_facts),
            (".command.toml", of_commands),
            (".setting.toml", of_settings),
            (".prose.toml", of_prose),
            (".join.toml", of_join),
            (".list.toml", of_list),
            (".secret.toml", of_secrets),
            (".flow.toml", of_flows),
        ];
        let mut add = |rule: &str, what: String, text: String| {
            mutants.push(Mutant { rule: rule.to_owned(), file: file.clone(), what, text });
        };
        if let Some(rule) = name.strip_suffix(".yar") {
            for (what, text) in of_patterns(text) {
                add(rule, what, text);
            }
        }
        for (ending, places) in engines {
            let Some(rule) = name.strip_suffix(ending) else { continue };
            let body = Value::Table(text.parse().unwrap_or_else(|error| panic!("{file}: {error}")));
            for place in places(&body) {
                add(rule, described(&body, &place), written(&without(&body, &place)));
            }
            for (what, body) in of_threshold(&body) {
                add(rule, what, written(&body));
            }
        }
    }
    mutants
}

/// One step on the way to a value in a body.
#[derive(Clone)]
enum Step {
    Key(&'static str),
    At(usize),
}

/// Where a value stands in a body.
type Place = Vec<Step>;

fn value<'v>(body: &'v Value, place: &[Step]) -> Option<&'v Value> {
    place.iter().try_fold(body, |value, step| match step {
        Step::Key(key) => value.get(*key),
        Step::At(index) => value.get(*index),
    })
}

/// Places of all elements of the list at `place`; none if there is no list.
fn elements(body: &Value, place: &[Step]) -> Vec<Place> {
    let length = value(body, place).and_then(Value::as_array).map_or(0, Vec::len);
    (0..length).map(|index| then(place, Step::At(index))).collect()
}

/// The place one step below `place`.
fn then(place: &[Step], step: Step) -> Place {
    place.iter().cloned().chain([step]).collect()
}

/// The place of `key` below `place`.
fn below(place: &[Step], key: &'static str) -> Place {
    then(place, Step::Key(key))
}

/// Those of the keys that are there.
fn present(body: &Value, place: &[Step], keys: &[&'static str]) -> Vec<Place> {
    keys.iter().map(|&key| below(place, key)).filter(|place| value(body, place).is_some()).collect()
}

/// The labels of a case or form.
fn labels(body: &Value, place: &[Step]) -> Vec<Place> {
    ["all", "any", "none"].into_iter().flat_map(|key| elements(body, &below(place, key))).collect()
}

fn of_facts(body: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for case in elements(body, &[Step::Key("case")]) {
        places.extend(labels(body, &case));
        places.push(case);
    }
    places
}

/// Elements of the lists under these keys; of the only element of a list that selects, only the whole list counts.
fn of_lists(body: &Value, case: &[Step], keys: &[&'static str]) -> Vec<Place> {
    keys.iter().flat_map(|&key| elements(body, &below(case, key))).collect()
}

fn of_commands(body: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for case in elements(body, &[Step::Key("case")]) {
        let selectors = ["program", "reads", "writes", "deletes"];
        let selecting = present(body, &case, &selectors);
        for list in &selecting {
            let elements = elements(body, list);
            // Without its only element a case selects nothing, which is an error.
            if selecting.len() > 1 || elements.len() > 1 {
                places.extend(elements);
            }
        }
        places.extend(of_lists(body, &case, &["args", "not-args", "hosts", "piped-to", "piped-from"]));
        places.extend(present(body, &case, &["content", "not-content"]));
        places.push(case);
    }
    places
}

fn of_settings(body: &Value) -> Vec<Place> {
    let mut places = present(body, &[], &["files"]);
    places.extend(elements(body, &[Step::Key("files")]).into_iter().skip(1));
    for case in elements(body, &[Step::Key("case")]) {
        let keys = elements(body, &below(&case, "keys"));
        places.extend(if keys.len() > 1 { keys } else { Vec::new() });
        places.extend(of_lists(body, &case, &["values", "not-values", "hosts"]));
        places.push(case);
    }
    places
}

fn of_secrets(body: &Value) -> Vec<Place> {
    let mut places = elements(body, &[Step::Key("placeholders")]);
    for kind in elements(body, &[Step::Key("kind")]) {
        places.extend(present(body, &kind, &["entropy"]));
        places.extend(of_lists(body, &kind, &["formats", "unless"]));
    }
    places
}

fn of_flows(body: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for case in elements(body, &[Step::Key("flow")]) {
        let sinks = elements(body, &below(&case, "sink"));
        places.extend(if sinks.len() > 1 { sinks } else { Vec::new() });
        places.extend(of_lists(body, &case, &["source", "to", "not-to", "from", "paths", "gates", "through"]));
        places.extend(present(body, &case, &["name", "not-name", "content"]));
        places.push(case);
    }
    places
}

fn of_prose(body: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for signal in elements(body, &[Step::Key("signal")]) {
        places.extend(present(body, &signal, &["required", "token", "nearby", "unless", "weak-links", "code-phrases"]));
        places.push(signal);
    }
    places.extend(elements(body, &[Step::Key("grade")]));
    places
}

/// The body with its threshold one lower and one higher.
fn of_threshold(body: &Value) -> Vec<(String, Value)> {
    let Some(threshold) = body.get("threshold").and_then(Value::as_integer) else { return Vec::new() };
    [threshold - 1, threshold + 1]
        .into_iter()
        .map(|other| {
            let mut changed = body.clone();
            changed["threshold"] = Value::Integer(other);
            (format!("threshold {other} instead of {threshold}"), changed)
        })
        .collect()
}

fn of_join(body: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for part in elements(body, &[Step::Key("part")]) {
        let forms = elements(body, &below(&part, "any"));
        for form in &forms {
            places.extend(elements(body, &below(form, "rules")));
            places.extend(labels(body, &below(form, "labels")));
            places.extend(present(body, form, &["severity", "confidence", "within"]));
        }
        // The only form of a part is the part.
        if forms.len() > 1 {
            places.extend(forms);
        }
        places.push(part);
    }
    places
}

fn of_list(body: &Value) -> Vec<Place> {
    elements(body, &[Step::Key("kinds")])
}

/// The body without the value at `place`.
fn without(body: &Value, place: &[Step]) -> Value {
    let mut changed = body.clone();
    let Some((last, way)) = place.split_last() else { return changed };
    let mut at = &mut changed;
    for step in way {
        at = match step {
            Step::Key(key) => &mut at[*key],
            Step::At(index) => &mut at[*index],
        };
    }
    match (last, at) {
        (Step::Key(key), Value::Table(table)) => drop(table.remove(*key)),
        (Step::At(index), Value::Array(list)) => drop(list.remove(*index)),
        _ => panic!("a place leads to what is not there"),
    }
    changed
}

fn described(body: &Value, place: &[Step]) -> String {
    let way: String = place
        .iter()
        .map(|step| match step {
            Step::Key(key) => format!(".{key}"),
            Step::At(index) => format!("[{index}]"),
        })
        .collect();
    let what = match value(body, place) {
        Some(Value::Table(_) | Value::Array(_)) | None => String::new(),
        Some(value) => format!(" = {value}"),
    };
    format!("without {}{what}", way.trim_start_matches('.'))
}

fn written(body: &Value) -> String {
    toml::to_string(body).expect("a body can be written")
}

/// Stands where a pattern was; no file holds it.
const NOWHERE: &str = "\"stands in no file: 5f0c2e9b7d\"";

/// Variants of a YARA file: each pattern matching nothing, each term of a conjunction taken for true.
fn of_patterns(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let with = |range: Range<usize>, line: String| {
        let before = lines.iter().take(range.start).copied();
        let after = lines.iter().skip(range.end).copied();
        before.chain([line.as_str()]).chain(after).collect::<Vec<_>>().join("\n")
    };
    let mut variants = Vec::new();
    let mut rule = "";
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if let Some(rest) = line.strip_prefix("rule ") {
            rule = rest.trim_end_matches('{').trim();
        } else if let Some((name, _)) = trimmed.split_once(" = ").filter(|(name, _)| name.starts_with('$')) {
            let nothing = with(at..at + 1, format!("        {name} = {NOWHERE}"));
            variants.push((format!("{rule}: {name} never matches"), nothing));
        } else if trimmed == "condition:" {
            let condition = lines.iter().skip(at + 1).map(|line| line.trim()).take_while(|line| *line != "}");
            let range = at + 1..at + 1 + condition.clone().count();
            let code =
                condition.map(|line| line.split("//").next().unwrap_or("").trim()).filter(|line| !line.is_empty());
            let terms = terms(&code.collect::<Vec<_>>().join(" "));
            for (index, term) in terms.iter().enumerate().filter(|_| terms.len() > 1) {
                // In place, so that no pattern is left without use, which is an error.
                let mut changed = terms.clone();
                changed[index] = format!("({term} or true)");
                let what = format!("{rule}: without `{term}`");
                variants.push((what, with(range.clone(), changed.join(" and "))));
            }
        }
    }
    variants
}

/// The terms that `and` joins, outside of parentheses; the whole where anything else joins them.
fn terms(condition: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let (mut depth, mut is_quoted) = (0_usize, false);
    for word in condition.split(' ') {
        let is_outside = depth == 0 && !is_quoted;
        if is_outside && word == "or" {
            return vec![condition.to_owned()];
        }
        if is_outside && word == "and" {
            terms.push(String::new());
            continue;
        }
        for c in word.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                '(' if !is_quoted => depth += 1,
                ')' if !is_quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if let Some(term) = terms.last_mut() {
            let gap = if term.is_empty() { "" } else { " " };
            term.push_str(&format!("{gap}{word}"));
        }
    }
    terms
}

/// No body is without mutants, and each of them loads and differs.
fn conditions_are_found() -> Result<(), Failed> {
    let files = Ruleset::builtin_files();
    let mutants = mutants(&files);
    let bodies = files.keys().filter(|file| file.starts_with("rules/") && !file.ends_with(".md"));
    for body in bodies {
        let text = &files[body];
        let own: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.file == *body).collect();
        let patterns = text.lines().filter(|line| line.trim().starts_with('$') && line.contains(" = ")).count();
        let least = if body.ends_with(".yar") { patterns } else { 0 }.max(1);
        if own.len() < least {
            return Err(format!("{body}: {} mutants, at least {least} were expected", own.len()).into());
        }
        if let Some(same) = own.iter().find(|mutant| mutant.text == *text) {
            return Err(format!("{body}: {} changes nothing", same.what).into());
        }
    }
    let seen = terms("kind == \"a and b\" and ($x or not $y) and any of ($z, $w)");
    if seen != ["kind == \"a and b\"", "($x or not $y)", "any of ($z, $w)"] {
        return Err(format!("a condition was taken apart wrongly: {seen:?}").into());
    }
    Ok(())
}

/// The harness itself: an unchanged rule is not noticed, one that reports nothing is.
fn silence_is_noticed() -> Result<(), Failed> {
    let files = Ruleset::builtin_files();
    let file = "rules/obf/invisible-unicode.fact.toml";
    let needed = needed(&files, "obf/invisible-unicode");
    let fixtures = Fixtures::of("obf/invisible-unicode", &scanner(Ruleset::from_files(&needed)?), &[]);
    if fixtures.hits.is_empty() || fixtures.clean.is_empty() {
        return Err("the rule has no fixtures".into());
    }
    for (text, is_changed) in [(files[file].clone(), false), ("fact = \"invisible\"\ncase = []\n".to_owned(), true)] {
        let (rule, what) = ("obf/invisible-unicode".to_owned(), String::new());
        let mutant = Mutant { rule, file: file.to_owned(), what, text };
        if fixtures.notice(&without_condition(&needed, &mutant)?) != is_changed {
            return Err(format!("is_changed = {is_changed} was not told apart").into());
        }
    }
    Ok(())
}
