//! Programs that rewrite text: what they print for what they read, where that is known.

use super::command::Run;
use super::*;
use crate::decode;
use crate::flow::fold::{self, Fold};
use crate::flow::interpret::BYTES;

/// What compiling the pattern of `grep` counts as, in operations.
const PATTERN: usize = 200;

impl Interpreter<'_> {
    /// What a program that rewrites text prints; `None` if it does something else.
    pub(super) fn rewritten(&mut self, run: &Run<'_>) -> Option<Value> {
        let operands = run.operands();
        let is_encoding = || !decodes(run);
        Some(match run.name {
            "cat" | "tac" | "rev" | "sort" | "uniq" | "tee" | "nl" | "fold" | "fmt" | "dos2unix" | "iconv" => {
                self.lines(run, &operands)
            }
            "base64" | "base32" | "basenc" | "openssl" | "xxd" if is_encoding() => return None,
            "base64" | "basenc" => self.decoded_by(run, Fold::Base64, operands.first()),
            "base32" => self.decoded_by(run, Fold::Base32, operands.first()),
            "openssl" => {
                let file = run.args.iter().position(|arg| arg.texts().iter().any(|text| &**text == "-in"));
                let file = file.and_then(|at| run.args.get(at + 1)).cloned();
                self.decoded_by(run, Fold::Base64, file.as_ref())
            }
            "xxd" => self.decoded_by(run, Fold::Hex, operands.first()),
            "gunzip" | "zcat" | "gzcat" | "zlib-flate" | "pigz" => {
                self.decoded_by(run, Fold::Inflate, operands.first())
            }
            "gzip" if run.flag('d') => self.decoded_by(run, Fold::Inflate, operands.first()),
            "tr" => {
                let sets: Vec<String> =
                    operands.iter().filter_map(|o| o.texts().first().map(|t| t.to_string())).collect();
                let deletes = run.flag('d');
                let input = self.input(run.streams, run.site.place);
                self.map_text(&input, |text| crate::parse::shell::translate(text, &sets, deletes))
            }
            "grep" | "egrep" => self.picked(run, |this| this.filtered(run, &operands))?,
            "sed" => self.picked(run, |this| this.edited(run, &operands))?,
            "cut" | "head" | "tail" => self.picked(run, |this| this.part(run))?,
            "jq" => self.picked(run, |this| this.member_of_json(run))?,
            "dirname" => self.map_text(operands.first()?, |text| {
                Some(text.trim_end_matches('/').rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned())
            }),
            "basename" => {
                let suffix = operands.get(1).and_then(|suffix| suffix.texts().first().cloned());
                self.map_text(operands.first()?, |text| {
                    let base = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
                    Some(suffix.as_deref().and_then(|suffix| base.strip_suffix(suffix)).unwrap_or(base).to_owned())
                })
            }
            "realpath" | "readlink" => operands.first().cloned()?,
            "mktemp" => Value::text(format!("/tmp/tmp.{}", run.site.place.start)),
            "seq" => {
                let numbers: Option<Vec<i64>> = operands.iter().map(|o| o.one()?.number().map(|n| n as i64)).collect();
                let (from, to) = match *numbers?.as_slice() {
                    [to] => (1, to),
                    [from, to] => (from, to),
                    _ => return None,
                };
                let all: Vec<String> = (from..=to).take(4096).map(|number| number.to_string()).collect();
                Value::text(format!("{}\n", all.join("\n")))
            }
            "awk" | "gawk" | "mawk" => {
                let code = operands.first()?.texts().first().cloned()?;
                for command in system_calls(&code) {
                    self.run_text(&Value::text(command), Language::Shell, run);
                }
                return None;
            }
            "perl" | "ruby" | "php" | "osascript" | "lua" => {
                let code =
                    run.args.iter().filter_map(|arg| arg.texts().first().cloned()).find(|text| text.len() > 6)?;
                for command in system_calls(&code) {
                    self.run_text(&Value::text(command), Language::Shell, run);
                }
                return None;
            }
            _ => return None,
        })
    }

    /// A part of a text, which remembers who took it out.
    fn picked(&mut self, run: &Run<'_>, part: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        let part = part(self)?;
        let what = self.names.intern(&format!("cmd.{}", run.name));
        Some(self.stepped_as(&part, run.site.place, Verb::Changed, what))
    }

    /// What a program reads: files, or its input.
    pub(super) fn source_text(&mut self, run: &Run<'_>, file: Option<&Value>) -> Value {
        match file {
            Some(file) => self.content_of(file, run.site.place),
            None => self.input(run.streams, run.site.place),
        }
    }

    fn lines(&mut self, run: &Run<'_>, operands: &[Value]) -> Value {
        let place = run.site.place;
        if run.name == "tee" {
            let input = self.input(run.streams, place);
            for path in operands {
                self.write_file(path, &input, run.flag('a'), place);
            }
            return input;
        }
        let contents: Vec<Value> = operands.iter().map(|path| self.content_of(path, place)).collect();
        let all = match contents.as_slice() {
            [] => self.input(run.streams, place),
            [only] => only.clone(),
            all => self.concat(all),
        };
        match run.name {
            "rev" => self.map_text(&all, |text| {
                Some(text.split('\n').map(|line| line.chars().rev().collect::<String>()).collect::<Vec<_>>().join("\n"))
            }),
            "tac" => {
                self.map_text(&all, |text| Some(text.lines().rev().map(|line| format!("{line}\n")).collect::<String>()))
            }
            "sort" => self.map_text(&all, |text| {
                let mut lines: Vec<&str> = text.lines().collect();
                lines.sort_unstable();
                Some(lines.into_iter().map(|line| format!("{line}\n")).collect())
            }),
            _ => all,
        }
    }

    fn decoded_by(&mut self, run: &Run<'_>, op: Fold, file: Option<&Value>) -> Value {
        let packed = self.source_text(run, file);
        let read = self.map_text(&packed, |text| {
            let lit = Lit::Text(if op == Fold::Inflate { text.into() } else { text.trim().into() });
            fold::apply(op, Some(&lit), &[]).map(|lit| lit.text().to_string())
        });
        self.use_text(&read, run.site.place, FoldedRole::Plain);
        let what = self.names.intern(&format!("cmd.{}", run.name));
        self.stepped_as(&read, run.site.place, Verb::Changed, what)
    }

    /// Lines of a known text that fit a pattern, or do not.
    fn filtered(&mut self, run: &Run<'_>, operands: &[Value]) -> Option<Value> {
        let pattern = operands.first()?.one()?.text();
        // Of a basic expression other signs are special.
        let is_basic = run.name == "grep" && !run.flag('E') && !run.flag('P');
        let is_plain = !pattern.contains(['\\', '+', '?', '{', '}', '(', ')', '|']);
        let all = self.source_text(run, operands.get(1));
        let is_known = !all.texts().is_empty() && all.texts().iter().all(|text| !text.contains(UNKNOWN));
        if !is_known
            || (is_basic && !is_plain)
            || run.flag('F')
            || operands.len() > 2
            || run.flag('o')
            || run.flag('c')
            || run.flag('f')
            || run.flag('e')
        {
            return None;
        }
        let pattern = regex::RegexBuilder::new(&pattern).case_insensitive(run.flag('i')).size_limit(1 << 18).build();
        let (pattern, is_rest) = (pattern.ok()?, run.flag('v'));
        self.spend(BYTES * PATTERN);
        Some(self.map_text(&all, |text| {
            let lines = text.lines().filter(|line| pattern.is_match(line) != is_rest);
            Some(lines.map(|line| format!("{line}\n")).collect())
        }))
    }

    /// `sed` with one substitution or lines by number.
    fn edited(&mut self, run: &Run<'_>, operands: &[Value]) -> Option<Value> {
        let scripts: Vec<Value> = match run.has("-e") {
            true => {
                let after = run.args.iter().zip(run.args.iter().skip(1));
                after.filter(|(flag, _)| flag.texts().iter().any(|t| &**t == "-e")).map(|(_, s)| s.clone()).collect()
            }
            false => operands.first().cloned().into_iter().collect(),
        };
        let file = if run.has("-e") {
            operands.iter().find(|o| !scripts.iter().any(|s| s.digest() == o.digest()))
        } else {
            operands.get(1)
        };
        let script: Vec<Rc<str>> = scripts.iter().filter_map(|script| script.texts().first().cloned()).collect();
        let text = self.source_text(run, file);
        let prints_nothing = run.flag('n');
        Some(self.map_text(&text, |text| {
            let mut all = text.to_owned();
            for command in script.iter().flat_map(|script| script.split(';')) {
                all = edit(&all, command.trim(), prints_nothing)?;
            }
            Some(all)
        }))
    }

    /// A part of each line, or some of the lines or bytes.
    fn part(&mut self, run: &Run<'_>) -> Option<Value> {
        let mut count: (char, Rc<str>) = ('n', "10".into());
        let mut separator = None;
        let mut at = 0;
        let mut files = Vec::new();
        while let Some(arg) = run.args.get(at) {
            at += 1;
            let text = arg.texts().first().cloned().unwrap_or_else(|| "".into());
            let Some(option) = text.strip_prefix('-').filter(|option| !option.is_empty()) else {
                files.push(arg.clone());
                continue;
            };
            let letter = option.chars().next().unwrap_or(' ');
            let is_digit = letter.is_ascii_digit();
            let rest = if is_digit { option } else { option.get(letter.len_utf8()..).unwrap_or("") };
            if is_digit || matches!(letter, 'c' | 'n' | 'f' | 'd' | 'b') {
                let value = if rest.is_empty() {
                    at += 1;
                    run.text(at - 1).unwrap_or_else(|| "".into())
                } else {
                    rest.into()
                };
                match letter {
                    'd' => separator = value.chars().next(),
                    _ => count = (if is_digit { 'n' } else { letter }, value),
                }
            }
        }
        let text = self.source_text(run, files.first());
        let (letter, value) = count;
        let is_tail = run.name == "tail";
        let is_cut = run.name == "cut";
        Some(self.map_text(&text, |text| {
            if is_cut {
                let lines =
                    text.lines().map(|line| cut(line, letter, &value, separator)).collect::<Option<Vec<String>>>()?;
                return Some(lines.join("\n"));
            }
            some_of(text, letter, &value, is_tail)
        }))
    }

    /// `printf`, as it prints.
    pub(super) fn printf(&mut self, run: &Run<'_>) -> Value {
        let mut args = run.args;
        let mut variable = None;
        if run.text(0).as_deref() == Some("-v") {
            variable = run.args.get(1).cloned();
            args = run.args.get(2..).unwrap_or(&[]);
        }
        if args.first().is_some_and(|arg| arg.texts().iter().any(|text| &**text == "--")) {
            args = args.get(1..).unwrap_or(&[]);
        }
        let Some((format, args)) = args.split_first() else { return Value::default() };
        let printed = match format.texts().first() {
            Some(text) if !text.chars().all(|c| c == UNKNOWN) => {
                self.formatted(&text.clone(), args).with(&format.taint())
            }
            _ => args.iter().fold(Value::unknown().with(&format.taint()), |all, arg| all.with(&arg.taint())),
        };
        match variable {
            Some(name) => {
                let name = self.named(&name);
                self.put_variable(name, &printed, run.site.place);
                Value::default()
            }
            None => printed,
        }
    }

    fn formatted(&mut self, format: &str, args: &[Value]) -> Value {
        let pieces = directives(format);
        let takes = pieces.iter().filter(|piece| matches!(piece, Piece::Value(_))).count();
        let mut args = args.iter();
        let mut parts = Vec::new();
        loop {
            for piece in &pieces {
                match piece {
                    Piece::Text(text) => parts.push(Value::text(text.as_str())),
                    Piece::Value(kind) => {
                        let arg = args.next().cloned().unwrap_or_else(|| Value::text(""));
                        parts.push(self.converted(*kind, &arg));
                    }
                }
            }
            if takes == 0 || args.len() == 0 || self.bytes == 0 {
                break;
            }
        }
        match parts.as_slice() {
            [] => Value::text(""),
            [only] => only.clone(),
            _ => self.concat(&parts),
        }
    }

    fn converted(&mut self, kind: char, value: &Value) -> Value {
        let kind = |text: &str| -> Option<String> {
            let number = || -> Option<i64> {
                let text = text.trim();
                match text.strip_prefix(['\'', '"']) {
                    Some(letter) => letter.chars().next().map(|c| i64::from(u32::from(c))),
                    None => match text.strip_prefix("0x") {
                        Some(hex) => i64::from_str_radix(hex, 16).ok(),
                        None => text.parse().ok(),
                    },
                }
            };
            Some(match kind {
                's' | 'q' => text.to_owned(),
                'b' => escapes(text),
                'c' => text.chars().take(1).collect(),
                'd' | 'i' | 'u' => number()?.to_string(),
                'o' => format!("{:o}", number()?),
                'x' => format!("{:x}", number()?),
                'X' => format!("{:X}", number()?),
                _ => text.to_owned(),
            })
        };
        if value.get().lits.is_empty() { value.clone() } else { self.map_text(value, kind) }
    }
}

enum Piece {
    Text(String),
    Value(char),
}

/// A format taken apart, its escapes read.
fn directives(format: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(next)) => {
                text.push('\\');
                text.push(*next);
                chars.next();
            }
            ('%', Some('%')) => {
                text.push('%');
                chars.next();
            }
            ('%', Some(_)) => {
                let mut kind = 's';
                for next in chars.by_ref() {
                    if next.is_ascii_alphabetic() {
                        kind = next;
                        break;
                    }
                }
                pieces.push(Piece::Text(escapes(&std::mem::take(&mut text))));
                pieces.push(Piece::Value(kind));
            }
            _ => text.push(c),
        }
    }
    pieces.push(Piece::Text(escapes(&text)));
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    pieces
}

/// Backslash escapes read.
pub(super) fn escapes(text: &str) -> String {
    decode::unescape(text).map_or_else(|| text.to_owned(), |(text, _)| text)
}

/// Whether a program's options make it decode.
fn decodes(run: &Run<'_>) -> bool {
    match run.name {
        "xxd" => run.flag('r'),
        "openssl" => run.has("-d") || run.has("-D"),
        _ => run.flag('d') || run.flag('D') || run.has("--decode"),
    }
}

/// One command of `sed`: a substitution, or lines that are printed or left out.
fn edit(text: &str, command: &str, prints_nothing: bool) -> Option<String> {
    if let Some(rest) = command.strip_prefix('s') {
        let separator = rest.chars().next()?;
        let mut parts = rest.get(separator.len_utf8()..)?.split(separator);
        let (from, to, flags) = (parts.next()?, parts.next()?, parts.next().unwrap_or(""));
        let is_literal =
            !from.is_empty() && !from.contains(['\\', '[', '*', '^', '$', '.', '(']) && !to.contains(['\\', '&']);
        if !is_literal || text.len().saturating_mul(to.len().max(1)) > 16 * fold::LONGEST {
            return None;
        }
        return Some(if flags.contains('g') {
            text.replace(from, to)
        } else {
            text.split('\n').map(|line| line.replacen(from, to, 1)).collect::<Vec<_>>().join("\n")
        });
    }
    let (range, action) = command.split_at_checked(command.len().checked_sub(1)?)?;
    let (from, to) = range.split_once(',').unwrap_or((range, range));
    let count = text.lines().count();
    let from: usize = from.parse().ok()?;
    let to: usize = if to == "$" { count } else { to.parse().ok()? };
    let inside = |at: usize| (from..=to).contains(&(at + 1));
    let keeps = |at: usize| match action {
        "p" => inside(at) || !prints_nothing,
        "d" => !inside(at),
        _ => true,
    };
    Some(text.lines().enumerate().filter(|(at, _)| keeps(*at)).map(|(_, line)| format!("{line}\n")).collect())
}

/// Fields or characters of a line.
fn cut(line: &str, letter: char, value: &str, separator: Option<char>) -> Option<String> {
    let (from, to) = match value.split_once('-') {
        Some((from, to)) => (from.parse().unwrap_or(1), to.parse().unwrap_or(usize::MAX)),
        None => (value.parse().ok()?, value.parse().ok()?),
    };
    let from: usize = std::cmp::max(from, 1);
    let take = to.saturating_sub(from).saturating_add(1);
    if letter == 'f' {
        let separator = separator.unwrap_or('\t');
        let fields: Vec<&str> = line.split(separator).skip(from - 1).take(take).collect();
        return Some(fields.join(&separator.to_string()));
    }
    Some(line.chars().skip(from - 1).take(take).collect())
}

/// First or last lines or characters.
fn some_of(text: &str, letter: char, value: &str, is_tail: bool) -> Option<String> {
    let starts = value.strip_prefix('+').and_then(|value| value.parse::<usize>().ok());
    let count: usize = value.trim_start_matches(['+', '-']).parse().ok()?;
    if letter == 'c' {
        let total = text.chars().count();
        return Some(match (is_tail, starts) {
            (true, Some(start)) => text.chars().skip(start.saturating_sub(1)).collect(),
            (true, None) => text.chars().skip(total.saturating_sub(count)).collect(),
            (false, _) => text.chars().take(count).collect(),
        });
    }
    let lines: Vec<&str> = text.lines().collect();
    let part = match (is_tail, starts) {
        (true, Some(start)) => lines.get(start.saturating_sub(1)..),
        (true, None) => lines.get(lines.len().saturating_sub(count)..),
        (false, _) => lines.get(..count.min(lines.len())),
    };
    Some(part.unwrap_or(&[]).iter().map(|line| format!("{line}\n")).collect())
}

/// Commands in `system("…")` and backticks of a one-line program.
fn system_calls(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, _) in code.match_indices("system").take(16) {
        let rest = code.get(at + 6..).unwrap_or("").trim_start_matches([' ', '(']);
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let inner = rest.get(1..).unwrap_or("");
        let mut end = None;
        let mut is_escaped = false;
        for (at, c) in inner.char_indices() {
            if c == quote && !is_escaped {
                end = Some(at);
                break;
            }
            is_escaped = c == '\\' && !is_escaped;
        }
        if let Some(text) = end.and_then(|end| inner.get(..end)) {
            all.push(escapes(text));
        }
    }
    all
}
