//! How the places of a program are meant: tables of patterns, regular
//! expressions, comments, arguments of process calls.

use std::ops::Range;

use tree_sitter::Node;

use super::{callee, is_process_call, last_name};
use crate::parse::{Kind, syntax};

/// Places in a program that say how a string in it is meant.
#[derive(Debug, Default)]
pub struct Structure {
    /// Lists of several literals, and values under keys that name patterns; innermost last.
    pub tables: Vec<Range<usize>>,
    /// String literals.
    pub strings: Vec<Range<usize>>,
    /// Regular expressions, as literals or as arguments of their constructors.
    pub regexes: Vec<Range<usize>>,
    /// Comments and documentation strings.
    pub comments: Vec<Range<usize>>,
    /// Arguments of calls that start a process.
    pub process_calls: Vec<Range<usize>>,
}

/// Of larger programs every place counts in full.
const LARGE: usize = 4 * 1024 * 1024;

/// How the places of a program are meant; for weighing what was found in it.
pub fn structure(kind: Kind, text: &str) -> Structure {
    let mut found = Structure::default();
    if text.len() > LARGE {
        return found;
    }
    let Ok(tree) = syntax::tree(kind, text) else { return found };
    syntax::walk(&tree, |node| {
        let range = node.byte_range();
        match node.kind() {
            "comment" | "html_comment" => found.comments.push(range),
            "regex" => found.regexes.push(range),
            "string" | "template_string" | "concatenated_string" => found.strings.push(range),
            "array" | "list" | "tuple" | "set" if is_table(node, text) && !is_joined(node, text) => {
                found.tables.push(range)
            }
            "dictionary" | "object" if is_dictionary_of_texts(node, text) => found.tables.push(range),
            "pair" => {
                let key = node.child_by_field_name("key").and_then(|key| text.get(key.byte_range())).unwrap_or("");
                if is_pattern_key(key.trim_matches(['"', '\''])) {
                    found.tables.push(range);
                }
            }
            "call" | "call_expression" | "new_expression" => {
                if let (Some(callee), Some(arguments)) = (callee(node, text), node.child_by_field_name("arguments")) {
                    if is_process_call(callee) {
                        found.process_calls.push(arguments.byte_range());
                    } else if matches!(
                        last_name(callee),
                        "compile" | "RegExp" | "search" | "match" | "fullmatch" | "findall" | "finditer" | "test"
                    ) {
                        found.regexes.push(arguments.byte_range());
                    }
                }
            }
            "expression_statement"
                if kind == Kind::Python && syntax::named(node).first().is_some_and(|n| n.kind() == "string") =>
            {
                found.comments.push(range);
            }
            _ => {}
        }
        true
    });
    found
}

/// Whether the items of a list become one text where it stands: its lines, not things to look for.
fn is_joined(list: Node<'_>, text: &str) -> bool {
    let Some(parent) = list.parent() else { return false };
    let method = match parent.kind() {
        "member_expression" => parent.child_by_field_name("property"),
        "argument_list" => {
            let function = parent.parent().and_then(|call| call.child_by_field_name("function"));
            function.and_then(|function| function.child_by_field_name("attribute"))
        }
        _ => None,
    };
    method.and_then(|method| text.get(method.byte_range())) == Some("join")
}

/// Whether a list holds texts to compare with, rather than a command in words.
fn is_table(list: Node<'_>, text: &str) -> bool {
    let items = syntax::named(list);
    let first = items.first().and_then(|item| text.get(item.byte_range())).unwrap_or("").trim_matches(['"', '\'', '`']);
    let is_command = [
        "sh",
        "bash",
        "zsh",
        "/bin/sh",
        "/bin/bash",
        "-c",
        "-lc",
        "/c",
        "cmd",
        "powershell",
        "python",
        "python3",
        "node",
        "curl",
        "wget",
        "sudo",
    ]
    .contains(&first);
    // A program's own words and options, and paths that are put together.
    let begins = |item: &Node<'_>, with| {
        text.get(item.byte_range()).is_some_and(|item| item.trim_start_matches(['"', '\'', '`']).starts_with(with))
    };
    let has_options = !first.starts_with('-')
        && first.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && items.get(1).is_some_and(|item| begins(item, '-'));
    let is_made = items.iter().all(|item| matches!(item.kind(), "binary_operator" | "binary_expression"));
    items.len() >= 2 && !is_command && !has_options && !is_made
}

/// Whether a dictionary has a text under each of its names, and none of them says that it is run.
fn is_dictionary_of_texts(dictionary: Node<'_>, text: &str) -> bool {
    let pairs = syntax::named(dictionary);
    pairs.len() >= 3
        && pairs.iter().all(|pair| {
            let of = |field| pair.child_by_field_name(field);
            let key = of("key").and_then(|key| text.get(key.byte_range())).unwrap_or("").trim_matches(['"', '\'']);
            pair.kind() == "pair" && of("value").is_some_and(|value| value.kind() == "string") && !is_command_word(key)
        })
}

/// Keys under which data keeps what something runs, or what the agent reads.
pub(crate) fn is_command_key(key: &str) -> bool {
    key.split(|c: char| !c.is_ascii_alphanumeric()).any(is_command_word)
}

fn is_command_word(word: &str) -> bool {
    const WORDS: [&str; 20] = [
        "command",
        "commands",
        "cmd",
        "run",
        "exec",
        "script",
        "scripts",
        "hooks",
        "hook",
        "args",
        "install",
        "setup",
        "start",
        "postinstall",
        "preinstall",
        "shell",
        "entrypoint",
        "description",
        "instructions",
        "postcreatecommand",
    ];
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Keys under which detectors keep what they look for, and tests what they try.
pub(crate) fn is_pattern_key(key: &str) -> bool {
    const WORDS: [&str; 38] = [
        "pattern",
        "regex",
        "regexp",
        "match",
        "signature",
        "rule",
        "detect",
        "detection",
        "indicator",
        "blocklist",
        "denylist",
        "blacklist",
        "blocked",
        "deny",
        "block",
        "hit",
        "ioc",
        "yara",
        "sample",
        "payload",
        "input",
        "evidence",
        "snippet",
        "example",
        "test",
        "case",
        "finding",
        "contains",
        "exact",
        "phrase",
        "literal",
        "bad",
        "malicious",
        "suspicious",
        "attack",
        "trigger",
        "miss",
        "expect",
    ];
    let key = key.to_ascii_lowercase();
    key.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| {
        WORDS
            .iter()
            .any(|word| part == *word || part.strip_suffix('s') == Some(word) || part.strip_suffix("es") == Some(word))
    })
}
