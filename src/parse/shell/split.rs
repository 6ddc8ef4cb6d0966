//! Shell text that runs nothing it fetched or built, taken apart into commands without a grammar: quotes, pipes,
//! redirections and here-documents, no expansion.

use std::collections::HashMap;
use std::ops::Range;

use super::record::{Command, connect};
use super::value::UNKNOWN;

/// Commands of `text`.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    nested(text, 0, &HashMap::new())
}

fn nested(text: &str, depth: usize, known: &HashMap<String, String>) -> Vec<Command> {
    let mut splitter = Splitter {
        text,
        depth,
        variables: known.clone(),
        inner: Vec::new(),
        found: Vec::new(),
        pipeline: Vec::new(),
        at: 0,
    };
    while splitter.at < text.len() {
        splitter.statement();
    }
    splitter.end_pipeline();
    splitter.found
}

/// Substitutions inside substitutions are followed this deep.
const NESTING: usize = 4;
/// Variables that are kept, and the longest value of one.
const VARIABLES: (usize, usize) = (256, 1024);

struct Splitter<'t> {
    text: &'t str,
    depth: usize,
    /// Variables that were given a value.
    variables: HashMap<String, String>,
    /// Commands whose output stands in the words of the one that is read.
    inner: Vec<Command>,
    found: Vec<Command>,
    /// Commands that are joined by pipes so far.
    pipeline: Vec<Command>,
    at: usize,
}

/// What a word is to its command.
enum Role {
    Word,
    Input,
    Output,
    HereString,
    /// The word after which a here-document ends.
    HereDocument,
}

impl Splitter<'_> {
    /// One command up to its separator.
    fn statement(&mut self) {
        let start = self.at;
        let mut words = Vec::new();
        let mut command = Command::default();
        let mut until = None;
        let mut role = Role::Word;
        let mut is_piped = false;
        loop {
            let rest = self.text.get(self.at..).unwrap_or("");
            let Some(c) = rest.chars().next() else { break };
            match c {
                c if c.is_whitespace() && c != '\n' => self.at += c.len_utf8(),
                '\\' if rest.starts_with("\\\n") => self.at += 2,
                '#' if self.at == start
                    || self.text.as_bytes().get(self.at - 1).is_some_and(u8::is_ascii_whitespace) =>
                {
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                '\n' | ';' | '(' | ')' | '`' => {
                    self.at += 1;
                    break;
                }
                '|' => {
                    self.at += 1;
                    is_piped = !rest.starts_with("||");
                    self.at += usize::from(!is_piped);
                    break;
                }
                '&' if rest.starts_with("&>") => {
                    self.at += 2;
                    role = Role::Output;
                }
                '&' => {
                    self.at += 1 + usize::from(rest.starts_with("&&"));
                    break;
                }
                '<' => {
                    (role, self.at) = if rest.starts_with("<<<") {
                        (Role::HereString, self.at + 3)
                    } else if rest.starts_with("<<") {
                        (Role::HereDocument, self.at + 2 + usize::from(rest.starts_with("<<-")))
                    } else {
                        (Role::Input, self.at + 1)
                    };
                }
                '>' => {
                    self.at += 1 + usize::from(rest.starts_with(">>"));
                    if let Some(fd) = self.text.get(self.at..).filter(|rest| rest.starts_with('&')) {
                        self.at += fd.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(fd.len());
                    } else {
                        role = Role::Output;
                    }
                }
                _ => {
                    let begin = self.at;
                    let word = self.word();
                    if self.at == begin {
                        // Nothing can be taken for a word here; it must go on all the same.
                        self.at += c.len_utf8();
                        continue;
                    }
                    match std::mem::replace(&mut role, Role::Word) {
                        // The number of a stream belongs to the redirection that follows.
                        Role::Word
                            if is_stream(&word) && self.text.get(self.at..).is_some_and(|r| r.starts_with('>')) => {}
                        Role::Word => words.push(word),
                        Role::Input => command.inputs.push(word),
                        Role::Output => command.outputs.push(word),
                        Role::HereString => command.add_content(&word),
                        Role::HereDocument => until = Some(word),
                    }
                }
            }
        }
        let range = start + (self.text.get(start..self.at).map_or(0, |s| s.len() - s.trim_start().len()))..self.at;
        self.finish(words, command, range.start..range.end.max(range.start));
        if let Some(until) = until {
            self.here_document(&until);
        }
        if !is_piped {
            self.end_pipeline();
        }
    }

    fn finish(&mut self, words: Vec<String>, command: Command, range: Range<usize>) {
        const KEYWORDS: [&str; 9] = ["if", "then", "else", "elif", "do", "while", "until", "!", "{"];
        let is_assignment = |word: &String| {
            word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            })
        };
        for word in words.iter().take_while(|word| is_assignment(word)) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if self.variables.len() < VARIABLES.0 && value.len() <= VARIABLES.1 {
                self.variables.insert(name.to_owned(), value.to_owned());
            }
        }
        let inner = std::mem::take(&mut self.inner);
        let is_prompt = |word: &String| matches!(word.as_str(), "$" | "%" | ">");
        let words: Vec<String> = words
            .into_iter()
            .skip_while(|word| is_assignment(word) || is_prompt(word) || KEYWORDS.contains(&word.as_str()))
            .collect();
        let has_written = !command.outputs.is_empty();
        let alone = || Command { range: range.clone(), ..Command::default() };
        let Some(mut known) = Command::of_words(words, range.clone()).or_else(|| has_written.then(alone)) else {
            self.found.extend(inner);
            return;
        };
        for mut inner in inner {
            inner.to.push(known.name.clone());
            known.from.push(inner.name.clone());
            self.found.push(inner);
        }
        known.inputs = command.inputs;
        known.outputs = command.outputs;
        known.content = command.content;
        if has_written && matches!(known.name.as_str(), "echo" | "printf") {
            let text = known.args.join(" ");
            known.add_content(&text);
        }
        if let Some(before) = self.pipeline.last()
            && matches!(before.name.as_str(), "echo" | "printf")
        {
            let text = before.args.join(" ");
            known.add_content(&text);
        }
        self.pipeline.push(known);
    }

    fn end_pipeline(&mut self) {
        let mut stages: Vec<&mut [Command]> = self.pipeline.iter_mut().map(std::slice::from_mut).collect();
        connect(&mut stages);
        self.found.append(&mut self.pipeline);
    }

    /// Takes the lines up to the one that is `until`, which the command is fed.
    fn here_document(&mut self, until: &str) {
        let start = self.at;
        let mut end = start;
        for line in self.text.get(start..).unwrap_or("").split_inclusive('\n') {
            self.at += line.len();
            if line.trim() == until {
                break;
            }
            end = self.at;
        }
        if let (Some(command), Some(body)) = (self.pipeline.last_mut(), self.text.get(start..end)) {
            command.add_content(body);
        }
    }

    /// One word, without its quotes; expansions read as unknown.
    fn word(&mut self) -> String {
        let mut out = String::new();
        let mut quote = None;
        while let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            let next = self.at + c.len_utf8();
            match (c, quote) {
                ('\'', Some('\'')) | ('"', Some('"')) => quote = None,
                (c, Some('\'')) => out.push(c),
                ('\'' | '"', None) => quote = Some(c),
                ('\\', Some('"'))
                    if !self.text.get(next..).is_some_and(|r| r.starts_with(['"', '\\', '$', '`', '\n'])) =>
                {
                    out.push(c);
                }
                ('\\', _) => {
                    let escaped = self.text.get(next..).and_then(|rest| rest.chars().next());
                    self.at = next + escaped.map_or(0, char::len_utf8);
                    out.extend(escaped.filter(|c| *c != '\n'));
                    continue;
                }
                ('$', _) => {
                    let rest = self.text.get(next..).unwrap_or("");
                    if let Some(name) = ["{HOME}", "HOME"].iter().find(|name| rest.starts_with(**name)) {
                        out.push('~');
                        self.at = next + name.len();
                    } else if rest.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("env:")) {
                        // As PowerShell spells it; places are told by that name.
                        out.push(c);
                        self.at = next;
                    } else {
                        let length = expansion(rest);
                        let whole = rest.get(..length).unwrap_or("");
                        match self.variables.get(whole.trim_matches(['{', '}'])) {
                            Some(value) if out.len() < 64 * 1024 => out.push_str(value),
                            _ => {
                                self.substitution(next, whole);
                                out.push(UNKNOWN);
                            }
                        }
                        self.at = next + length;
                    }
                    continue;
                }
                (c, None) if c.is_whitespace() || matches!(c, '|' | ';' | '&' | '<' | '>' | '(' | ')' | '`') => break,
                ('\n', Some(_)) if self.text.len() - self.at > 64 * 1024 => break,
                (c, _) => out.push(c),
            }
            self.at = next;
        }
        out
    }
}

impl Splitter<'_> {
    /// Keeps the commands in a `(…)` whose output becomes part of a word.
    fn substitution(&mut self, at: usize, whole: &str) {
        let Some(inner) = whole.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return };
        if self.depth >= NESTING || inner.starts_with('(') {
            return;
        }
        let start = at + 1;
        self.inner.extend(
            nested(inner, self.depth + 1, &self.variables)
                .into_iter()
                .map(|command| Command { range: start + command.range.start..start + command.range.end, ..command }),
        );
    }
}

/// Length of the expansion after a `$`.
fn expansion(rest: &str) -> usize {
    let closing = match rest.bytes().next() {
        Some(b'{') => rest.find('}').map(|at| at + 1),
        Some(b'(') => closed(rest),
        _ => Some(rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count()),
    };
    closing.unwrap_or(rest.len())
}

/// Length of a parenthesis with all that is in it.
fn closed(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn is_stream(word: &str) -> bool {
    word.len() == 1 && word.bytes().all(|b| b.is_ascii_digit())
}
