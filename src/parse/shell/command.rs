//! What a command does to the values it is given, by the kind of command.

use std::ops::Range;

use tree_sitter::Node;

use super::exec::Via;
use super::fetch::{FETCHERS, RESOLVERS};
use super::filter::{program_output, translate};
use super::value::Value;
use super::{Run, syntax};
use crate::fact::{Fact, FactKind};
use crate::parse::Kind;

/// Commands that run the command in their arguments.
const WRAPPERS: [&str; 16] = [
    "sudo",
    "doas",
    "env",
    "command",
    "exec",
    "builtin",
    "nohup",
    "time",
    "nice",
    "ionice",
    "stdbuf",
    "setsid",
    "timeout",
    "busybox",
    "xargs",
    "caffeinate",
];
/// Programs that run text given to them.
const INTERPRETERS: [&str; 25] = [
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "ash",
    "fish",
    "csh",
    "tcsh",
    "rbash",
    "pwsh",
    "powershell",
    "cmd",
    "python",
    "pypy",
    "node",
    "nodejs",
    "bun",
    "deno",
    "perl",
    "ruby",
    "php",
    "lua",
    "osascript",
    "tclsh",
];
/// Programs that change a stream without hiding what it is.
const FILTERS: [&str; 18] = [
    "tee",
    "cat",
    "head",
    "tail",
    "sed",
    "awk",
    "grep",
    "egrep",
    "sort",
    "uniq",
    "cut",
    "tac",
    "dos2unix",
    "pv",
    "sponge",
    "iconv",
    "envsubst",
    "out-string",
];

/// A command's words after wrappers and assignments were taken off.
pub(super) struct Words {
    pub name: String,
    /// The command's word as it was written, with its directory.
    pub path: String,
    pub args: Vec<Value>,
    pub range: Range<usize>,
    pub is_root: bool,
}

impl Words {
    /// First argument that is not an option.
    pub(super) fn operand(&self) -> Option<&Value> {
        self.operands().next()
    }

    /// Arguments that are not options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &Value> {
        self.args.iter().filter(|arg| !arg.shape().starts_with('-') || arg.shape() == "-")
    }

    /// Value of an option: `-x VALUE`, `-xVALUE`, `-abx VALUE`, `--long VALUE`, `--long=VALUE`.
    pub(super) fn option(&self, short: Option<char>, long: &[&str]) -> Option<Value> {
        for (index, arg) in self.args.iter().enumerate() {
            let shape = arg.shape();
            if let Some(name) = shape
                .strip_prefix("--")
                .or_else(|| shape.strip_prefix('-').filter(|n| long.contains(&n.to_ascii_lowercase().as_str())))
            {
                let (name, value) = name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v)));
                if long.contains(&name.to_ascii_lowercase().as_str()) {
                    return value.map(|v| arg.with_text(v)).or_else(|| self.args.get(index + 1).cloned());
                }
            } else if let (Some(flags), Some(short)) = (shape.strip_prefix('-'), short)
                && let Some(at) = flags.find(short)
                && flags.get(..at).is_some_and(|before| before.bytes().all(|b| b.is_ascii_alphabetic()))
            {
                let rest = flags.get(at + short.len_utf8()..).unwrap_or("");
                return if rest.is_empty() { self.args.get(index + 1).cloned() } else { Some(arg.with_text(rest)) };
            }
        }
        None
    }

    pub(super) fn flag(&self, short: char, long: &[&str]) -> bool {
        self.args.iter().any(|arg| match (arg.shape().strip_prefix("--"), arg.shape().strip_prefix('-')) {
            (Some(name), _) => long.contains(&name),
            (None, Some(flags)) => flags.len() <= 8 && flags.contains(short),
            _ => false,
        })
    }
}

impl Run<'_> {
    pub(super) fn command(&mut self, node: Node<'_>, mut input: Value, depth: usize) -> Value {
        let first = self.commands.len();
        let mut words = Vec::new();
        let mut end = node.start_byte();
        for child in syntax::named(node) {
            // Before a here-document the grammar takes the next line for more words.
            let between = self.text.get(end..child.start_byte()).unwrap_or("").replace("\\\n", "");
            if between.contains('\n') && !words.is_empty() {
                let line = std::mem::take(&mut words);
                if let Some(words) = unwrapped(line, &input, node.start_byte()..end) {
                    self.record(&words, &input, first);
                    self.apply(&words, std::mem::take(&mut input));
                }
            }
            end = child.end_byte();
            match child.kind() {
                "variable_assignment" => self.assign(child, depth),
                "herestring_redirect" => {
                    if let Some(word) = syntax::named(child).last() {
                        input = self.word(*word, depth + 1);
                    }
                }
                "file_redirect" => {
                    let mut to_files = Vec::new();
                    self.file_redirect(child, &mut input, &mut to_files, depth);
                }
                _ => words.push(self.word(child, depth + 1)),
            }
        }
        // An unquoted value that holds several words is several words.
        let start = words.first().map_or(node.start_byte(), |word| word.range.start.max(node.start_byte()));
        let Some(words) = unwrapped(words, &input, start..node.end_byte()) else { return input };
        self.record(&words, &input, first);
        self.apply(&words, input)
    }

    fn apply(&mut self, words: &Words, input: Value) -> Value {
        let name = words.name.as_str();
        let interpreter = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches(".exe");
        if FETCHERS.contains(&name) {
            return self.fetch(words);
        }
        if RESOLVERS.contains(&name) {
            return self.resolve(words);
        }
        if INTERPRETERS.contains(&interpreter) {
            return self.interpreter(interpreter, words, input);
        }
        match name {
            "eval" | "iex" | "invoke-expression" => {
                let mut value = if words.args.is_empty() { input } else { Value::default() };
                for arg in &words.args {
                    if !value.is_empty() {
                        value.append(Value::literal(" ", value.range.clone()));
                    }
                    value.append(arg.clone());
                }
                self.exec(value, Via { interpreter: name, range: words.range.clone(), is_root: words.is_root })
            }
            "source" | "." => {
                let value = words.operand().map(|arg| self.content(arg)).unwrap_or_default();
                self.exec(value, Via { interpreter: name, range: words.range.clone(), is_root: words.is_root })
            }
            "echo" | "printf" => self.print(words),
            "base64" | "base32" | "basenc" | "openssl" | "xxd" | "uudecode" | "certutil" => self.decoder(words, input),
            "rev" => self.transform(&input, |text| {
                Some(text.lines().map(|l| l.chars().rev().collect::<String>()).collect::<Vec<_>>().join("\n"))
            }),
            "tr" => {
                let sets: Vec<String> = words.operands().filter_map(|arg| arg.text().map(str::to_owned)).collect();
                let deletes = words.flag('d', &["delete"]);
                let mut output = self.transform(&input, |text| translate(text, &sets, deletes));
                // Letters that become other letters, and not their capitals.
                const LETTERS: &str = "etaoinshr";
                let swapped = translate(LETTERS, &sets, false).filter(|_| !deletes && sets.len() == 2);
                output.is_decoded |= swapped.is_some_and(|text| !text.eq_ignore_ascii_case(LETTERS));
                output
            }
            "gunzip" | "zcat" | "gzip" | "bunzip2" | "xz" | "unxz" | "zstd" => input.obscured(),
            "cat" if words.operand().is_some_and(|arg| arg.shape() != "-") => {
                let mut output = Value::default();
                for arg in words.operands() {
                    let content = self.content(arg);
                    output.join(content);
                }
                output
            }
            "tee" => {
                for arg in words.operands() {
                    self.written(arg, input.clone(), words.flag('a', &["append"]), words.range.clone());
                }
                input
            }
            "dd" => input,
            _ if FILTERS.contains(&name) => input,
            "chmod" | "xattr" | "unzip" | "tar" | "7z" | "bsdtar" | "ditto" | "mv" | "cp" | "install" | "open"
            | "start" | "start-process" | "spctl" => self.file_command(words, &input),
            "ssh" => self.remote(words, input),
            "nc" | "ncat" | "netcat" | "scp" | "rsync" if !input.is_empty() || name != "nc" => {
                let urls = words
                    .operands()
                    .map(|arg| arg.shape().to_owned())
                    .filter(|arg| arg.contains('.'))
                    .take(1)
                    .collect();
                self.fact(words, "sends data", &["sends"], urls);
                Value::default()
            }
            _ => self.maybe_file(words, input),
        }
    }

    /// A key may be put into the list of another machine.
    fn remote(&mut self, words: &Words, input: Value) -> Value {
        const LIST: &str = ".ssh/authorized_keys";
        let script = words.args.iter().map(Value::shape).find(|arg| arg.contains(LIST));
        if let Some(script) = script.filter(|_| input.text().is_some()) {
            let appends = script.contains(">>") || script.contains("tee -a");
            let list = Value::literal(LIST, words.range.clone());
            // The key may stand in the script itself.
            let is_own = input.shape().is_empty() && script.contains(" AAAA");
            let content = if is_own { Value::literal(script, words.range.clone()) } else { input.clone() };
            self.written(&list, content, appends, words.range.clone());
        }
        self.maybe_file(words, input)
    }

    pub(super) fn fact(&mut self, words: &Words, note: &str, labels: &[&str], urls: Vec<String>) {
        let mut fact = Fact::new(FactKind::Command, words.range.clone(), note);
        fact.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        fact.urls = urls;
        self.facts.push(fact);
    }

    fn interpreter(&mut self, interpreter: &str, words: &Words, input: Value) -> Value {
        let via = Via { interpreter, range: words.range.clone(), is_root: words.is_root };
        let inline = match interpreter {
            "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "fish" | "csh" | "tcsh" | "rbash" => {
                words.option(Some('c'), &[])
            }
            "python" | "pypy" => words.option(Some('c'), &[]),
            "node" | "nodejs" | "bun" | "ruby" | "perl" | "osascript" | "lua" => words
                .option(Some('e'), &["eval"])
                .or_else(|| words.option(Some('p'), &["print"]).filter(|_| interpreter == "node")),
            "php" => words.option(Some('r'), &[]),
            "powershell" | "pwsh" => words.option(None, &["c", "command", "e", "ec", "enc", "encodedcommand"]),
            "cmd" => words
                .args
                .iter()
                .position(|a| a.shape().eq_ignore_ascii_case("/c"))
                .and_then(|i| words.args.get(i + 1).cloned()),
            _ => None,
        };
        if let Some(code) = inline {
            return self.inline(interpreter, code, via);
        }
        match words.operands().next() {
            None => self.exec(input, via),
            Some(file) if matches!(file.shape(), "-" | "/dev/stdin") => self.exec(input, via),
            Some(_) if words.flag('s', &[]) && input.is_fetched => self.exec(input, via),
            Some(file) => {
                let content = self.content(file);
                if content.is_empty() { Value::default() } else { self.exec(content, via) }
            }
        }
    }

    /// Code given on the command line.
    fn inline(&mut self, interpreter: &str, code: Value, via: Via<'_>) -> Value {
        let kind = match interpreter {
            "python" | "pypy" => Kind::Python,
            "node" | "nodejs" | "bun" | "deno" => Kind::JavaScript,
            "ruby" | "perl" | "php" | "lua" | "osascript" | "tclsh" => Kind::Text,
            _ => Kind::Shell,
        };
        if kind != Kind::Shell {
            if let Some(text) = code.text() {
                let value = program_output(text, &code);
                self.child(crate::artifact::Op::ShellArgument, code.range.clone(), text.to_owned(), kind);
                return value;
            }
            // A program of literal text with data put into it is not a fetched program.
            if code.shape().chars().filter(|c| *c != super::value::UNKNOWN).count() > 20 {
                return Value::unknown(code.range);
            }
        }
        self.exec(code, via)
    }

    /// Content of the file that a word names, or the stream that a substitution stands for.
    pub(super) fn content(&self, arg: &Value) -> Value {
        if arg.is_fetched || arg.is_decoded {
            return arg.clone();
        }
        self.find_file(arg.shape()).cloned().unwrap_or_default()
    }

    pub(super) fn find_file(&self, name: &str) -> Option<&Value> {
        self.files.get(super::file_key(name))
    }
}

/// Takes wrappers off the words of a command.
pub(super) fn unwrapped(words: Vec<Value>, input: &Value, range: Range<usize>) -> Option<Words> {
    let mut words = words;
    let mut is_root = false;
    loop {
        let first = words.first()?;
        if let (Some(text), true) = (first.text(), first.shape().contains(char::is_whitespace)) {
            let split: Vec<Value> = text.split_whitespace().map(|word| first.with_text(word)).collect();
            if !split.is_empty() {
                words.splice(..1, split);
                continue;
            }
        }
        let name = base_name(words.first()?.shape());
        // Alone it is a command of its own: `env` prints what is in it.
        if !WRAPPERS.contains(&name.as_str()) || (name == "env" && words.len() == 1) {
            let args = words.split_off(1);
            let path = words.first()?.shape().to_owned();
            return Some(Words { name, path, args, range, is_root });
        }
        is_root |= matches!(name.as_str(), "sudo" | "doas");
        words.remove(0);
        while words.first().is_some_and(|word| {
            let shape = word.shape();
            shape.starts_with('-')
                || (name == "env" && shape.contains('='))
                || (name == "timeout" && shape.starts_with(|c: char| c.is_ascii_digit()))
        }) {
            let option = words.remove(0);
            let takes_value = matches!(option.shape(), "-u" | "-n" | "-I" | "-L" | "-P" | "-d" | "-g" | "-C" | "-S")
                && option.shape().len() == 2;
            if takes_value && words.len() > 1 && !(name == "env" && option.shape() == "-S") {
                words.remove(0);
            }
        }
        if name == "xargs" {
            words.push(input.clone());
        }
        if words.is_empty() {
            return None;
        }
    }
}

/// Name of a program without directory, in lower case.
fn base_name(word: &str) -> String {
    word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase()
}
