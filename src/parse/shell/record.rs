//! Commands as rules ask about them: a program, its words, what it reads and writes.

use std::ops::Range;

use super::Run;
use super::command::Words;
use super::value::{UNKNOWN, Value};

/// Longest text that is kept of what a command writes or is fed, in bytes.
const CONTENT: usize = 8 * 1024;
/// Most commands that are kept of one text.
const COMMANDS: usize = 4096;

/// One command of a shell text; parts that are not known read [`UNKNOWN`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Where it stands.
    pub range: Range<usize>,
    /// Base name of the program in lower case, without wrappers such as `sudo`.
    pub name: String,
    /// Its words after the name, quotes and variables evaluated.
    pub args: Vec<String>,
    /// Files that it is fed from by redirection.
    pub inputs: Vec<String>,
    /// Files that its output is written to by redirection.
    pub outputs: Vec<String>,
    /// What it is fed, and what it writes to a file, as far as known.
    pub content: String,
    /// Programs that its output goes to, directly or through others.
    pub to: Vec<String>,
    /// Programs that its input comes from, directly or through others.
    pub from: Vec<String>,
}

impl Command {
    /// A command of literal words, the first of which is its program.
    pub(super) fn of_words(words: Vec<String>, range: Range<usize>) -> Option<Self> {
        let values: Vec<Value> = words.into_iter().map(|word| Value::literal(word, range.clone())).collect();
        let words = super::command::unwrapped(values, &Value::default(), range)?;
        Some(Self::of(&words))
    }

    fn of(words: &Words) -> Self {
        Self {
            range: words.range.clone(),
            name: words.name.trim_end_matches(".exe").trim_end_matches(".cmd").to_owned(),
            args: words.args.iter().map(|arg| arg.shape().to_owned()).collect(),
            ..Self::default()
        }
    }

    pub(super) fn add_content(&mut self, text: &str) {
        if text.chars().all(|c| c == UNKNOWN || c.is_whitespace()) || self.content.len() > CONTENT {
            return;
        }
        if !self.content.is_empty() {
            self.content.push('\n');
        }
        let mut end = text.len().min(CONTENT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.content.push_str(text.get(..end).unwrap_or(""));
    }
}

/// Says of the commands of each stage what comes before and after.
pub(super) fn connect(stages: &mut [&mut [Command]]) {
    let names: Vec<Vec<String>> =
        stages.iter().map(|stage| stage.iter().map(|command| command.name.clone()).collect()).collect();
    for (index, stage) in stages.iter_mut().enumerate() {
        for command in stage.iter_mut() {
            command.from.extend(names.iter().take(index).flatten().cloned());
            command.to.extend(names.iter().skip(index + 1).flatten().cloned());
        }
    }
}

/// Name of a program without its version: `python` for `python3.12`.
pub(crate) fn unversioned(name: &str) -> &str {
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if short.len() < 2 { name } else { short }
}

impl Run<'_> {
    /// Keeps a command; what was recorded since `first` stands in its words, so its output goes there.
    pub(super) fn record(&mut self, words: &Words, input: &Value, first: usize) {
        if self.commands.len() >= COMMANDS {
            // Said as a part that was not followed.
            self.gave_up = true;
            return;
        }
        let mut command = Command::of(words);
        command.add_content(input.shape());
        command.inputs.append(&mut self.input_files);
        for inner in self.commands.get_mut(first..).unwrap_or_default() {
            inner.to.push(command.name.clone());
            command.from.push(inner.name.clone());
        }
        self.commands.push(command);
    }

    /// Keeps a redirection that stands without a program: it empties or fills a file all the same.
    pub(super) fn record_alone(&mut self, range: Range<usize>) {
        if self.commands.len() >= COMMANDS {
            self.gave_up = true;
            return;
        }
        self.commands.push(Command { range, ..Command::default() });
    }

    /// Says that what was recorded last writes to a file.
    pub(super) fn record_output(&mut self, file: &Value, content: &Value, first: usize) {
        if let Some(command) = self.commands.get_mut(first..).and_then(<[Command]>::last_mut) {
            if !command.outputs.iter().any(|known| known == file.shape()) {
                command.outputs.push(file.shape().to_owned());
            }
            command.add_content(content.shape());
        }
    }
}
