//! What in a package leads to what: which files someone is told to run, and
//! which are mentioned at all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aho_corasick::AhoCorasick;

use crate::analyze::Input;
use crate::artifact::Op;
use crate::parse::markdown::BlockKind;
use crate::parse::{Body, Kind};
use crate::text;

/// Files by how they are reached.
pub(in crate::analyze) struct Reach {
    run: HashSet<String>,
    mentioned: HashSet<String>,
    /// Whose text the agent is told to do what it says.
    followed: HashSet<String>,
    uncommented: HashSet<String>,
    fed: HashSet<String>,
}

impl Reach {
    pub(in crate::analyze) fn new(input: &Input<'_>) -> Self {
        let mut reach = Self {
            run: HashSet::new(),
            mentioned: HashSet::new(),
            followed: HashSet::new(),
            uncommented: HashSet::new(),
            fed: HashSet::new(),
        };
        let files: Vec<(String, String)> = input
            .package
            .files
            .iter()
            .map(|file| &file.path)
            .chain(input.package.links.iter().map(|link| &link.path))
            .map(|path| (path.shown().to_owned(), path.name().to_owned()))
            .filter(|(_, name)| name.len() >= 3)
            .collect();
        let Some(index) = Index::new(&files) else { return reach };
        reach.run.extend(files.iter().map(|(path, _)| path).filter(|path| is_test_setup(path)).cloned());
        let arena = &input.expanded.arena;
        for artifact in arena.iter().filter(|a| !a.kind.is_binary()) {
            let is_file = artifact.derivation.is_none();
            let source = text::view(&artifact.bytes);
            let op = artifact.derivation.as_ref().map(|d| d.op);
            let is_command = matches!(op, Some(Op::ManifestScript | Op::ProcessCall | Op::DataString))
                || (artifact.kind == Kind::Shell && matches!(op, Some(Op::CodeBlock | Op::InlineCode)));
            if !is_file && !is_command && !matches!(artifact.body, Body::Markdown(_)) {
                continue;
            }
            let named = index.named(&source);
            // What tests say of each other leads nowhere, unless something runs them.
            let is_in_test = is_test(artifact.path.shown());
            let names_data = || {
                named.iter().any(|&at| {
                    [".json", ".yaml", ".yml", ".txt", ".toml"].iter().any(|ending| files[at].1.ends_with(ending))
                })
            };
            if is_file
                && artifact.kind.is_code()
                && artifact.kind != Kind::Shell
                && names_data()
                && crate::parse::code::is_driver(artifact.kind, &source, input.limits)
            {
                reach.fed.extend(named.iter().map(|&at| files[at].0.clone()));
            }
            if is_file && !is_in_test {
                reach
                    .mentioned
                    .extend(named.iter().map(|&at| files[at].0.clone()).filter(|path| artifact.path.shown() != path));
            }
            if named.is_empty() || (is_in_test && !is_file) {
                continue;
            }
            // What sets tests up is run by whoever runs them, with the modules that it brings in.
            if is_file && is_test_setup(artifact.path.shown()) {
                let modules = named.iter().map(|&at| &files[at].0).filter(|path| path.ends_with(".py"));
                reach.run.extend(modules.cloned());
            }
            // Someone is told to run it: a command of a document, a manifest script, a hook, a process call.
            if is_command {
                for (path, name) in named.iter().map(|&at| &files[at]) {
                    if runs(&source, path, name) {
                        reach.run.insert(path.clone());
                    }
                }
            }
            if let Body::Markdown(document) = &artifact.body
                && !is_in_test
            {
                for block in document.blocks.iter().filter(|b| b.is_prose() && !matches!(b.kind, BlockKind::Heading(_)))
                {
                    for sentence in text::sentences(&block.text) {
                        let sentence = text::slice(&block.text, sentence);
                        let named: Vec<&(String, String)> =
                            index.named(sentence).into_iter().map(|at| &files[at]).collect();
                        if named.is_empty() {
                            continue;
                        }
                        let (folded, _) = text::fold(sentence);
                        let lexicons = &input.rules.lexicons;
                        if lexicons.holds("uncomment", &folded) {
                            reach.uncommented.extend(named.iter().map(|(path, _)| path.clone()));
                            // The order may name the file in one sentence and the edit in the next.
                        }
                        if lexicons.holds("follow-file", &folded) && !lexicons.holds("negation", &folded) {
                            reach.followed.extend(named.iter().map(|(path, _)| path.clone()));
                        }
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
    pub(in crate::analyze) fn is_run(&self, path: &str) -> bool {
        self.run.contains(path) && !is_main_document(path)
    }

    /// Whether the agent is told to do what the file says.
    pub(super) fn is_followed(&self, path: &str) -> bool {
        self.followed.contains(path)
    }

    /// Whether someone is told to take its comment signs away.
    pub(super) fn is_uncommented(&self, path: &str) -> bool {
        self.uncommented.contains(path)
    }

    /// Whether a program names it that starts processes with what it was given.
    pub(super) fn is_fed(&self, path: &str) -> bool {
        self.fed.contains(path)
    }

    /// Whether another file names it.
    pub(super) fn is_mentioned(&self, path: &str) -> bool {
        self.mentioned.contains(path) || self.run.contains(path)
    }
}

/// Whether a path is that of tests or their data, by the names that test runners use.
pub(super) fn is_test(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let is_test_folder = |folder: &str| {
        const FOLDERS: [&str; 17] = [
            "test",
            "tests",
            "__tests__",
            "spec",
            "specs",
            "fixture",
            "fixtures",
            "testdata",
            "test-fixtures",
            "test_fixtures",
            "samples",
            "test-data",
            "golden",
            "corpus",
            "__fixtures__",
            "evals",
            "examples",
        ];
        FOLDERS.contains(&folder)
    };
    let is_test_name = name.starts_with("test_")
        || name.starts_with("test-")
        || [".test.", ".spec.", "_test.", "-test.", "_tests."].iter().any(|part| name.contains(part));
    folders.split('/').any(is_test_folder) || is_test_name
}

/// Whether a test runner loads the file by its name; data of tests only looks like it.
fn is_test_setup(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    name == "conftest.py" && folders.split('/').all(|folder| matches!(folder, "" | "test" | "tests"))
}

/// Documents are read, not run; what they say is judged where it stands.
fn is_main_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name == "skill.md" || name == "readme.md"
}

/// File names and module stems of a package, to be found in one pass over a text.
struct Index {
    automaton: AhoCorasick,
    /// For each pattern, the files that it stands for, and whether it is a stem, which only imports name.
    patterns: Vec<(Vec<usize>, bool)>,
}

impl Index {
    fn new(files: &[(String, String)]) -> Option<Self> {
        let mut words: BTreeMap<(String, bool), Vec<usize>> = BTreeMap::new();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (_, name) in files {
            *counts.entry(name).or_default() += 1;
        }
        for (at, (path, name)) in files.iter().enumerate() {
            // A name that several files have says which one only together with its folder.
            let is_unique = counts.get(name.as_str()) == Some(&1);
            let folder = path.rsplit('/').nth(1).filter(|_| !is_unique);
            let word = folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}"));
            words.entry((word, false)).or_default().push(at);
            if !is_unique {
                continue;
            }
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            if stem == name {
                continue;
            }
            if stem.len() >= 4 {
                words.entry((stem.to_owned(), true)).or_default().push(at);
            } else {
                // Short names are words of their own, but for where something is imported.
                for import in ["./", "from ", "from .", "import "] {
                    words.entry((format!("{import}{stem}"), true)).or_default().push(at);
                }
            }
            // TypeScript names the file that it will become.
            for (source, written) in
                [(".ts", ".js"), (".tsx", ".js"), (".tsx", ".jsx"), (".mts", ".mjs"), (".cts", ".cjs")]
            {
                if let Some(stem) = name.strip_suffix(source) {
                    words.entry((format!("{stem}{written}"), false)).or_default().push(at);
                }
            }
        }
        let automaton = AhoCorasick::builder().build(words.keys().map(|(word, _)| word)).ok()?;
        Some(Self { automaton, patterns: words.into_iter().map(|((_, is_stem), files)| (files, is_stem)).collect() })
    }

    /// Files that the text names.
    fn named(&self, text: &str) -> BTreeSet<usize> {
        let imports = ["import ", "require(", "from "].iter().any(|key| text.contains(key));
        let mut named = BTreeSet::new();
        for found in self.automaton.find_overlapping_iter(text) {
            let Some((files, is_stem)) = self.patterns.get(found.pattern().as_usize()) else { continue };
            if (!is_stem || imports) && is_word(text, found.start(), found.end()) {
                named.extend(files);
            }
        }
        named
    }
}

/// Whether a command runs the file: its name stands as a word of it.
fn runs(command: &str, path: &str, name: &str) -> bool {
    const RUN: [&str; 34] = [
        ".sh", ".py", ".js", ".mjs", ".cjs", ".ts", ".bash", ".command", ".ps1", ".rb", ".pl", ".exe", ".bin", ".app",
        ".jar", ".msi", ".pkg", ".dmg", ".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst", ".7z", ".rar", ".whl",
        ".deb", ".rpm", ".iso", ".pyc", ".pkl", ".lnk",
    ];
    let is_named = (path.contains('/') && command.contains(path)) || word_in(command, name);
    let is_script = RUN.iter().any(|ending| name.ends_with(ending)) || !name.contains('.');
    is_named && (is_script || is_started(command, name))
}

/// Whether a program that starts what it is given stands right before the name, whatever the name says.
fn is_started(command: &str, name: &str) -> bool {
    const STARTERS: [&str; 14] = [
        "sh", "bash", "zsh", "python", "python3", "node", "bun", "perl", "ruby", "source", "open", "start", "+x",
        "xdg-open",
    ];
    command.match_indices(name).any(|(at, _)| {
        let before = command.get(..at).unwrap_or("").trim_end_matches(|c: char| !c.is_whitespace());
        before.split_whitespace().next_back().is_some_and(|word| STARTERS.contains(&word))
    })
}

fn word_in(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| is_word(text, at, at + word.len()))
}

fn is_word(text: &str, start: usize, end: usize) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    is_edge(text.get(..start).and_then(|t| t.chars().next_back()))
        && is_edge(text.get(end..).and_then(|t| t.chars().next()))
}
