//! What in a package leads to what: which files someone is told to run, and
//! which are mentioned at all.

use std::collections::HashSet;

use crate::analyze::Input;
use crate::artifact::Op;
use crate::parse::markdown::BlockKind;
use crate::parse::{Body, Kind};
use crate::text;

/// Files by how they are reached.
pub(super) struct Reach {
    run: HashSet<String>,
    mentioned: HashSet<String>,
}

impl Reach {
    pub(super) fn new(input: &Input<'_>) -> Self {
        let mut reach = Self { run: HashSet::new(), mentioned: HashSet::new() };
        let files: Vec<(String, String)> = input
            .package
            .files
            .iter()
            .map(|file| (file.path.shown().to_owned(), file.path.name().to_owned()))
            .filter(|(_, name)| name.len() >= 3)
            .collect();
        let arena = &input.expanded.arena;
        for artifact in arena.iter().filter(|a| a.kind != Kind::Binary) {
            let is_file = artifact.derivation.is_none();
            let source = text::view(&artifact.bytes);
            if is_file {
                for (path, name) in &files {
                    if artifact.path.shown() != path && !reach.mentioned.contains(path) && mentions(&source, path, name) {
                        reach.mentioned.insert(path.clone());
                    }
                }
            }
            // Someone is told to run it: a command of a document, a manifest script, a hook, a process call.
            let op = artifact.derivation.as_ref().map(|d| d.op);
            let is_command = matches!(op, Some(Op::ManifestScript | Op::ProcessCall | Op::DataString)) || (artifact.kind == Kind::Shell && matches!(op, Some(Op::CodeBlock | Op::InlineCode)));
            if is_command {
                for (path, name) in &files {
                    if runs(&source, path, name) {
                        reach.run.insert(path.clone());
                    }
                }
            }
            if let Body::Markdown(document) = &artifact.body {
                for block in document.blocks.iter().filter(|b| b.is_prose() && !matches!(b.kind, BlockKind::Heading(_))) {
                    for sentence in super::super::prose::sentences(&block.text) {
                        let sentence = text::slice(&block.text, sentence);
                        let named: Vec<&(String, String)> = files.iter().filter(|(path, name)| mentions(sentence, path, name)).collect();
                        if named.is_empty() {
                            continue;
                        }
                        let (folded, _) = text::fold(sentence);
                        let lexicons = &input.rules.lexicons;
                        if lexicons.holds("instruct", &folded) && !lexicons.holds("negation", &folded) {
                            reach.run.extend(named.into_iter().map(|(path, _)| path.clone()));
                        }
                    }
                }
            }
        }
        reach
    }

    /// Whether something tells people or programs to run the file.
    pub(super) fn is_run(&self, path: &str) -> bool {
        self.run.contains(path) && !is_main_document(path)
    }

    /// Whether another file names it.
    pub(super) fn is_mentioned(&self, path: &str) -> bool {
        self.mentioned.contains(path) || self.run.contains(path)
    }
}

/// Documents are read, not run; what they say is judged where it stands.
fn is_main_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name == "skill.md" || name == "readme.md"
}

fn mentions(text: &str, path: &str, name: &str) -> bool {
    if text.contains(path) && path.contains('/') {
        return true;
    }
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    // Modules are imported by their stem.
    word_in(text, name) || (stem.len() >= 4 && ["import ", "require(", "from "].iter().any(|key| text.contains(key)) && word_in(text, stem))
}

/// Whether a command runs the file: its name stands as a word of it.
fn runs(command: &str, path: &str, name: &str) -> bool {
    let is_script = [".sh", ".py", ".js", ".mjs", ".cjs", ".ts", ".bash", ".command", ".ps1", ".rb", ".pl"].iter().any(|ending| name.ends_with(ending)) || !name.contains('.');
    is_script && ((path.contains('/') && command.contains(path)) || word_in(command, name))
}

fn word_in(text: &str, word: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    text.match_indices(word).any(|(at, _)| is_edge(text.get(..at).and_then(|t| t.chars().next_back())) && is_edge(text.get(at + word.len()..).and_then(|t| t.chars().next())))
}
