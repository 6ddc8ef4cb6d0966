//! Commands of the shell itself, and programs that run other commands.

use super::super::call::Reached;
use super::command::Run;
use super::file::Target;
use super::*;
use crate::flow::fold::LONGEST;

/// Lines of input that a variable may be.
const LINES: usize = 8;

impl Interpreter<'_> {
    /// Runs a program; `words` are its name and arguments.
    pub(super) fn program(&mut self, run: &Run<'_>, words: &[Value]) -> Value {
        if let Some(printed) = self.wrapper(run) {
            return printed;
        }
        let modelled = self.built_in(run);
        let modelled = modelled.or_else(|| self.rewritten(run));
        let is_known = |value: &Value| value.one().is_some_and(|lit| !lit.text().contains(UNKNOWN));
        let is_pure = modelled.as_ref().is_some_and(is_known) && run.streams.outputs.is_empty();
        if !matches!(run.name, "local" | "declare" | "export" | "alias" | "shift" | "shopt" | "test" | "[" | ":") {
            self.shell.tracer.line(&self.names, run.site.place, words, run.streams, is_pure);
        }
        match modelled {
            Some(printed) => printed,
            None => self.catalogued(run),
        }
    }

    /// Programs that run the command in their arguments.
    fn wrapper(&mut self, run: &Run<'_>) -> Option<Value> {
        let place = run.site.place;
        let command = match run.name {
            "command" | "builtin" | "exec" | "xargs" | "find" | "fd" | "fdfind" => {
                if run.name == "command" && (run.has("-v") || run.has("-V")) {
                    return None;
                }
                match run.name {
                    "xargs" => self.with_input(run),
                    "find" | "fd" | "fdfind" => self.run_on_found(run)?,
                    _ => skip_options(run.args, &[], 0),
                }
            }
            name => {
                let api = self.names.intern(&format!("cmd.{name}"));
                let entry = self.entry(place.module, api)?;
                let operands = entry.wraps?;
                skip_options(run.args, &entry.values, operands)
            }
        };
        let name = command.first()?.one().map(|name| name.text());
        match name.filter(|_| run.name == "command") {
            Some(name) => Some(self.program_of(&name, &command, run.streams, run.site)),
            None => Some(self.command(&command, run.streams, run.site)),
        }
    }

    /// The command of `xargs` with the words that it reads.
    fn with_input(&mut self, run: &Run<'_>) -> Vec<Value> {
        let listed =
            run.args.iter().position(|arg| arg.texts().iter().any(|text| matches!(&**text, "-a" | "--arg-file")));
        let input = match listed.and_then(|at| run.args.get(at + 1)) {
            Some(file) => self.content_of(file, run.site.place),
            None => self.input(run.streams, run.site.place),
        };
        let marker = run.args.iter().position(|arg| arg.texts().iter().any(|text| text.starts_with("-I")));
        let marker = marker.map(|at| match run.text(at).as_deref() {
            Some("-I") => run.text(at + 1).unwrap_or_else(|| "{}".into()),
            Some(text) => text.trim_start_matches("-I").into(),
            None => "{}".into(),
        });
        let values = ["-I", "-n", "-P", "-L", "-d", "-s", "-E", "-a", "--arg-file"].map(str::to_owned);
        let mut command = skip_options(run.args, &values, 0);
        match marker {
            Some(marker) => {
                for word in &mut command {
                    let texts = word.texts();
                    if texts.iter().any(|text| text.contains(&*marker)) {
                        let text = texts.first().map_or("", |text| text);
                        let trimmed = self.map_text(&input, |text| Some(text.trim_end().to_owned()));
                        let parts: Vec<Value> = text.split(&*marker).map(Value::text).collect();
                        let mut all = Vec::new();
                        for (at, part) in parts.into_iter().enumerate() {
                            if at > 0 {
                                all.push(trimmed.clone());
                            }
                            all.push(part);
                        }
                        *word = self.concat(&all);
                    }
                }
            }
            None => command.extend(if input.is_unset() { Vec::new() } else { self.split(&input, false) }),
        }
        command
    }

    /// Commands of the shell itself.
    fn built_in(&mut self, run: &Run<'_>) -> Option<Value> {
        let place = run.site.place;
        Some(match run.name {
            ":" | "true" | "false" | "test" | "[" | "shopt" | "umask" | "wait" | "sleep" | "kill" | "chmod"
            | "mkdir" | "touch" | "rm" | "rmdir" | "unset" | "unalias" | "getopts" | "ulimit" | "bg" | "fg"
            | "disown" => Value::default(),
            "cd" | "pushd" => {
                let here = self.names.intern("@here");
                let to = run.operands().first().cloned().unwrap_or_else(|| Value::text("~"));
                self.shell.store.set(here, to);
                Value::default()
            }
            "pwd" => {
                let here = self.names.intern("PWD");
                self.lookup(here, place)
            }
            "export" | "declare" | "local" | "readonly" | "typeset" | "alias" => self.declare(run)?,
            "set" => self.set_arguments(run)?,
            "shift" => {
                let count = run.text(0).and_then(|text| text.parse().ok()).unwrap_or(1_usize);
                let args = self.names.intern("@args");
                let list = self.shell.store.get(args);
                if self.list_items(&list).is_some() {
                    let rest: Vec<Value> = self.items_of(&list).into_iter().skip(count).collect();
                    let list = self.new_list(run.site.function, run.site.at, rest, Value::default());
                    self.shell.store.set(args, list);
                }
                Value::default()
            }
            "read" | "mapfile" | "readarray" => self.read_lines(run),
            "command" | "which" | "type" | "hash" if run.name != "command" || run.has("-v") => {
                run.operands().first().cloned().unwrap_or_default()
            }
            "eval" => self.evaluate(run),
            "source" | "." => self.sourced(run),
            "trap" => {
                let code = run.operands().first().cloned().unwrap_or_default();
                let name = code.texts().first().cloned().unwrap_or_else(|| "".into());
                if name.contains([' ', ';']) {
                    self.run_text(&code, Language::Shell, run);
                } else if !name.is_empty() {
                    self.command(&[code], run.streams, run.site);
                }
                Value::default()
            }
            "ln" | "cp" | "mv" | "install" => self.copy_file(run),
            "xclip" | "xsel" | "wl-copy" | "pbcopy" => self.clipboard(run),
            "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "python" | "python2" | "python3" | "node" | "nodejs"
            | "bun" | "deno" => self.interpreter(run),
            "echo" => text_of(self, run),
            "printf" => self.printf(run),
            "find" | "fd" | "fdfind" | "rg" => self.found(run)?,
            _ => return None,
        })
    }

    fn declare(&mut self, run: &Run<'_>) -> Option<Value> {
        let mut any = false;
        for arg in run.args {
            for text in arg.texts() {
                let Some((name, value)) = text.split_once('=') else { continue };
                any = true;
                let value = Value::text(value).with(&arg.taint());
                if run.name == "alias" {
                    let name = self.names.intern(&format!("@alias:{name}"));
                    self.shell.store.set(name, value);
                    continue;
                }
                let name = self.names.intern(name);
                self.put_variable(name, &value, run.site.place);
                if run.name == "export" || run.flag('x') {
                    self.pass_on(name, &value, run.site.place);
                }
            }
        }
        let prints = !any && run.name != "alias" && (run.args.is_empty() || run.flag('p') || run.flag('x'));
        if prints { None } else { Some(Value::default()) }
    }

    fn set_arguments(&mut self, run: &Run<'_>) -> Option<Value> {
        if run.args.is_empty() {
            return None;
        }
        let start = run.args.iter().position(|arg| arg.texts().iter().any(|text| &**text == "--"));
        if let Some(start) = start {
            let list = run.args.get(start + 1..).unwrap_or(&[]).to_vec();
            let list = self.new_list(run.site.function, run.site.at, list, Value::default());
            let args = self.names.intern("@args");
            self.shell.store.set(args, list);
        }
        Some(Value::default())
    }

    /// What `read` reads: of the descriptor that it names, or its input.
    fn read_from(&mut self, run: &Run<'_>) -> Value {
        let place = run.site.place;
        let texts: Vec<Rc<str>> = run.args.iter().filter_map(|arg| arg.texts().first().cloned()).collect();
        let number =
            texts.windows(2).find(|pair| matches!(pair, [option, _] if &**option == "-u")).map(|pair| &pair[1]);
        let number = number.or_else(|| texts.iter().find(|text| text.starts_with("-u") && text.len() > 2));
        let path = number.map(|number| self.names.intern(&format!("@fd:{}", number.trim_start_matches("-u"))));
        let path = path.map(|path| self.shell.store.get(path)).filter(|path| !path.is_unset());
        match path {
            Some(path) => self.content_of(&path, place),
            None => self.input(run.streams, place),
        }
    }

    /// Variables that get lines of what is read.
    fn read_lines(&mut self, run: &Run<'_>) -> Value {
        const VALUED: [&str; 8] = ["-p", "-d", "-n", "-N", "-t", "-u", "-i", "-O"];
        let place = run.site.place;
        let input = self.read_from(run);
        let mut names = Vec::new();
        let mut is_list = run.name != "read";
        let mut at = 0;
        while let Some(arg) = run.args.get(at) {
            let text = arg.texts().first().cloned().unwrap_or_else(|| "".into());
            at += 1 + usize::from(VALUED.contains(&&*text));
            is_list |= text.starts_with('-') && text.contains('a');
            if !text.starts_with('-') {
                names.push(self.names.intern(&text));
            }
        }
        let text = input.one().map(|lit| lit.text()).filter(|text| !text.contains(UNKNOWN));
        if is_list {
            let items = match &text {
                Some(text) if run.name == "read" => text.split_whitespace().take(WORDS).map(Value::text).collect(),
                Some(text) => text.lines().take(WORDS).map(Value::text).collect(),
                None => vec![Value::unknown()],
            };
            let items = items.iter().map(|item: &Value| item.with(&input.taint())).collect();
            let list = self.new_list(run.site.function, run.site.at, items, Value::default());
            if let Some(name) = names.first() {
                self.shell.store.set(*name, list);
            }
            return Value::default();
        }
        let lines: Vec<Lit> =
            text.iter().flat_map(|text| text.lines()).take(LINES + 1).map(|l| Lit::Text(l.into())).collect();
        let line = if names.len() == 1 && !lines.is_empty() { Value::lits(lines) } else { Value::unknown() };
        for name in names {
            self.put_variable(name, &line.with(&input.taint()), place);
        }
        Value::default()
    }

    fn evaluate(&mut self, run: &Run<'_>) -> Value {
        let mut parts = Vec::new();
        for arg in run.args {
            if !parts.is_empty() {
                parts.push(Value::text(" "));
            }
            parts.push(arg.clone());
        }
        let code = match parts.as_slice() {
            [only] => only.clone(),
            _ => self.concat(&parts),
        };
        if let Some(printed) = self.run_simple(&code, run) {
            return printed;
        }
        self.run_text(&code, Language::Shell, run)
    }

    /// Text without any sign of the shell but variables is a command here and now.
    fn run_simple(&mut self, code: &Value, run: &Run<'_>) -> Option<Value> {
        let text = code.texts().first().cloned().filter(|text| text.len() < LONGEST)?;
        let (text, taint) = self.filled(&text, run.site.place);
        let code = code.with(&taint);
        let is_simple = !text.contains(['|', ';', '&', '<', '>', '$', '`', '"', '\'', '\\', '(', '{', '\n', '=']);
        if !is_simple || text.chars().all(|c| c == UNKNOWN || c.is_whitespace()) {
            return None;
        }
        let words: Vec<Value> = text
            .split_whitespace()
            .map(|word| {
                let word_value = Value::text(word);
                if word.contains(UNKNOWN) { word_value.with(&code.taint()) } else { word_value }
            })
            .collect();
        Some(self.command(&words, run.streams, run.site))
    }

    /// Text with its variables filled in.
    fn filled(&mut self, text: &str, place: Place) -> (String, Taint) {
        let (mut out, mut taint) = (String::new(), None);
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('$') {
            out.push_str(head);
            let inner = tail.strip_prefix('{').unwrap_or(tail);
            let length = inner.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let (name, after) = inner.split_at(length);
            let after = if inner.len() < tail.len() { after.strip_prefix('}') } else { Some(after) };
            let Some(after) = after.filter(|_| !name.is_empty()) else {
                out.push('$');
                rest = tail;
                continue;
            };
            let name = self.names.intern(name);
            let value = self.lookup(name, place);
            taint = super::super::taints(&taint, &value.taint());
            match value.one().map(|lit| lit.text()).filter(|text| text.len() + out.len() < LONGEST) {
                Some(text) => out.push_str(&text),
                None => out.push(UNKNOWN),
            }
            rest = after;
        }
        out.push_str(rest);
        (out, taint)
    }

    fn sourced(&mut self, run: &Run<'_>) -> Value {
        let Some(path) = run.operands().first().cloned() else { return Value::default() };
        for text in path.texts() {
            if let Some(Target::Unit(unit)) = self.own_file(&text, run.site.place.module)
                && self.is_shell(unit)
                && !self.shell.active.contains(&(unit, 0))
            {
                self.shell.active.push((unit, 0));
                self.run_script((unit, 0));
                self.shell.active.pop();
                return Value::default();
            }
        }
        let code = self.content_of(&path, run.site.place);
        self.run_text(&code, Language::Shell, run)
    }

    /// An interpreter: what `-c` or `-e` gives it, a file, or what it reads.
    fn interpreter(&mut self, run: &Run<'_>) -> Value {
        let language = match run.name {
            name if name.starts_with("python") => Language::Python,
            "node" | "nodejs" | "bun" | "deno" => Language::JavaScript,
            _ => Language::Shell,
        };
        let option = |text: &str| match language {
            Language::JavaScript => matches!(text, "-e" | "--eval" | "-p" | "--print" | "-pe" | "eval"),
            _ => text.starts_with('-') && !text.starts_with("--") && text.contains('c'),
        };
        let given = run.args.iter().position(|arg| arg.texts().first().is_some_and(|text| option(text)));
        if let Some(code) = given.and_then(|at| run.args.get(at + 1)) {
            let code = code.clone();
            if language == Language::Shell
                && let Some(printed) = self.run_simple(&code, run)
            {
                return printed;
            }
            return self.run_text(&code, language, run);
        }
        let mut operands = run.operands().into_iter().skip_while(|arg| arg.texts().iter().any(|t| &**t == "run"));
        let first = operands.next();
        let reads = run.flag('s') || first.as_ref().is_none_or(|first| first.texts().iter().any(|text| &**text == "-"));
        if reads {
            let input = self.input(run.streams, run.site.place);
            return if input.is_unset() { Value::unknown() } else { self.run_text(&input, language, run) };
        }
        let Some(path) = first else { return Value::unknown() };
        let args: Vec<Value> = operands.collect();
        for text in path.texts() {
            match self.own_file(&text, run.site.place.module) {
                Some(Target::Unit(unit)) => {
                    let after = run.args.iter().position(|arg| arg.texts().contains(&text)).map_or(0, |at| at + 1);
                    self.start_with(unit, run.args.get(after..).unwrap_or(&args), run.site.place);
                }
                _ => {
                    let code = self.content_of(&Value::text(text), run.site.place);
                    self.run_text(&code, language, run);
                }
            }
        }
        Value::unknown()
    }

    /// Copies, moves and links: the content goes by another name, and a program is called by it.
    fn copy_file(&mut self, run: &Run<'_>) -> Value {
        let operands = run.operands();
        let (Some(from), Some(to)) = (operands.first(), operands.last()) else { return Value::default() };
        let (Some(from_text), Some(to_text)) = (from.texts().first().cloned(), to.texts().first().cloned()) else {
            return Value::default();
        };
        if operands.len() < 2 {
            return Value::default();
        }
        let base = from_text.rsplit('/').next().unwrap_or(&from_text);
        if from_text.contains("bin/") {
            let link = self.names.intern(&format!("@link:{to_text}"));
            self.shell.store.set(link, Value::text(base));
            return Value::default();
        }
        if run.name == "ln" {
            return Value::default();
        }
        let content = self.content_of(from, run.site.place);
        let target = if to_text.ends_with('/') { Value::text(format!("{to_text}{base}")) } else { to.clone() };
        // What is written elsewhere is judged where it is sent.
        let name = target.texts().first().cloned().unwrap_or_else(|| "".into());
        if !content.taint().is_some_and(|labels| labels.is_empty()) {
            self.keep(&name, content);
        }
        Value::default()
    }

    fn keep(&mut self, path: &str, content: Value) {
        self.shell.contents.insert(super::super::effect::file_key(path).into(), content);
    }

    fn clipboard(&mut self, run: &Run<'_>) -> Value {
        let place = run.site.place;
        let gives = run.flag('o') || run.has("-out") || run.has("--output");
        if gives {
            let label = self.label("clipboard", run.name, place, run.name);
            return Value::unknown().with(&label);
        }
        let input = self.input(run.streams, place);
        let content = input.texts();
        let labels = self.labels(&input);
        let reached = Reached { to: Vec::new(), paths: Vec::new(), content, labels, is_chosen: false };
        self.hit("clipboard-write".to_owned(), run.name.into(), place, reached);
        Value::default()
    }
}

/// The words of `echo` as it prints them.
fn text_of(interpreter: &mut Interpreter<'_>, run: &Run<'_>) -> Value {
    let is_option = |value: &Value| {
        value.texts().first().is_some_and(|text| {
            text.len() > 1 && text.starts_with('-') && text.chars().skip(1).all(|c| matches!(c, 'n' | 'e' | 'E'))
        })
    };
    let options = run.args.iter().take_while(|arg| is_option(arg)).count();
    let option: String =
        run.args.iter().take(options).flat_map(|arg| arg.texts()).map(|text| text.to_string()).collect();
    let mut parts = Vec::new();
    for arg in run.args.iter().skip(options) {
        if !parts.is_empty() {
            parts.push(Value::text(" "));
        }
        parts.push(arg.clone());
    }
    if !option.contains('n') {
        parts.push(Value::text("\n"));
    }
    let all = match parts.as_slice() {
        [] => Value::text(""),
        [only] => only.clone(),
        _ => interpreter.concat(&parts),
    };
    if option.contains('e') {
        return interpreter.map_text(&all, |text| Some(text::escapes(text)));
    }
    all
}

/// Words after options, those options' values, assignments and so many operands.
fn skip_options(args: &[Value], valued: &[String], operands: usize) -> Vec<Value> {
    let mut at = 0;
    let mut left = operands;
    while let Some(arg) = args.get(at) {
        let text = arg.texts().first().cloned().unwrap_or_else(|| "".into());
        if text.starts_with('-') && text.len() > 1 {
            at += 1 + usize::from(valued.iter().any(|option| **option == *text));
        } else if is_assignment(&text) {
            at += 1;
        } else if left > 0 {
            left -= 1;
            at += 1;
        } else {
            break;
        }
    }
    args.get(at..).unwrap_or(&[]).to_vec()
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}
