//! From words to what is run: functions, files of the package, wrappers, programs.

use super::super::call::{Call, Reached};
use super::super::effect::file_key;
use super::super::taints;
use super::*;
use crate::flow::catalogue::Entry;

/// Deepest chain of commands that run commands.
const CHAIN: usize = 24;
/// Names that one command may have.
const NAMES: usize = 4;

/// A command whose program is known.
pub(super) struct Run<'w> {
    pub name: &'w str,
    pub args: &'w [Value],
    pub streams: &'w Streams,
    pub site: Site,
}

impl Run<'_> {
    /// The only text of an argument.
    pub(super) fn text(&self, at: usize) -> Option<Rc<str>> {
        self.args.get(at)?.texts().first().cloned()
    }

    /// Arguments that are no options.
    pub(super) fn operands(&self) -> Vec<Value> {
        let is_option =
            |value: &&Value| value.texts().first().is_some_and(|text| text.starts_with('-') && text.len() > 1);
        self.args.iter().filter(|arg| !is_option(arg)).cloned().collect()
    }

    /// Whether an option of one letter is among the arguments.
    pub(super) fn flag(&self, letter: char) -> bool {
        self.args.iter().any(|arg| {
            arg.texts().first().is_some_and(|text| {
                text.starts_with('-') && !text.starts_with("--") && text.len() <= 8 && text.contains(letter)
            })
        })
    }

    /// Whether a long option is among the arguments.
    pub(super) fn has(&self, option: &str) -> bool {
        self.args.iter().any(|arg| arg.texts().iter().any(|text| **text == *option))
    }
}

impl Interpreter<'_> {
    /// A command with its redirections.
    pub(super) fn line(&mut self, words: Vec<Value>, streams: Streams, site: Site) -> Value {
        self.steps = self.steps.saturating_sub(words.len() / 16);
        if words.is_empty() {
            let content = streams.input.clone().unwrap_or_else(|| Value::text(""));
            self.redirect(&streams, &content, site.place);
            return Value::default();
        }
        let mut kept = Vec::new();
        for (name, value) in &streams.variables {
            kept.push((*name, self.shell.store.get(*name)));
            self.put_variable(*name, value, site.place);
            self.pass_on(*name, value, site.place);
        }
        let printed = self.command(&words, &streams, site);
        for (name, old) in kept {
            self.shell.store.set(name, old);
        }
        if streams.outputs.is_empty() && !streams.is_silent {
            self.print(&printed);
        }
        self.redirect(&streams, &printed, site.place);
        printed
    }

    fn redirect(&mut self, streams: &Streams, content: &Value, place: Place) {
        for (path, is_added) in &streams.outputs {
            self.write_file(path, content, *is_added, place);
        }
    }

    /// Runs words as a command; what it prints.
    pub(super) fn command(&mut self, words: &[Value], streams: &Streams, site: Site) -> Value {
        let Some(first) = words.first() else { return Value::default() };
        if self.shell.depth >= CHAIN || self.steps == 0 {
            return words.iter().fold(Value::unknown(), |all, word| all.with(&word.taint()));
        }
        self.shell.depth += 1;
        let names = first.texts();
        let mut printed = Value::default();
        if names.iter().all(|name| name.chars().all(|c| c == UNKNOWN)) {
            self.shell.tracer.line(&self.names, site.place, words, streams, false);
            printed = self.passing(words, streams, site.place);
        } else {
            for name in names.iter().take(NAMES) {
                let result = self.by_name(name, words, streams, site);
                printed = printed.join(&result);
            }
        }
        self.shell.depth -= 1;
        printed
    }

    /// What goes into something unknown may come out of it.
    fn passing(&mut self, words: &[Value], streams: &Streams, place: Place) -> Value {
        let input = self.input(streams, place);
        let all = words.iter().fold(input.taint(), |all, word| taints(&all, &self.deep(word, 2)));
        Value::unknown().with(&all)
    }

    /// What a command reads.
    pub(super) fn input(&mut self, streams: &Streams, place: Place) -> Value {
        if let Some(input) = &streams.input {
            return input.clone();
        }
        if let Some(path) = streams.from.last() {
            return self.content_of(&path.clone(), place);
        }
        let input = self.names.intern("@in");
        self.shell.store.get(input)
    }

    fn by_name(&mut self, name: &str, words: &[Value], streams: &Streams, site: Site) -> Value {
        let args = words.get(1..).unwrap_or(&[]);
        let alias = self.names.intern(&format!("@alias:{name}"));
        let alias = self.shell.store.get(alias);
        if let Some(text) = alias.texts().first().filter(|text| text.split_whitespace().next() != Some(name)) {
            let mut again: Vec<Value> = text.split_whitespace().map(Value::text).collect();
            again.extend(args.iter().cloned());
            return self.command(&again, streams, site);
        }
        let function = self.names.intern(&format!("(){name}"));
        let function = self.shell.store.get(function);
        if let Some(function) = function.get().fns.last() {
            return self.call_function(*function, args, streams, site);
        }
        let target = self.names.intern(&format!("@link:{name}"));
        if let Some(target) = self.shell.store.get(target).texts().first() {
            let mut again = words.to_vec();
            if let Some(first) = again.first_mut() {
                *first = Value::text(Rc::clone(target));
            }
            return self.command(&again, streams, site);
        }
        if pattern::is_pattern(name) && name.len() > 1 && name != "[" && name != "[[" {
            return self.by_pattern(name, words, streams, site);
        }
        if let Some(target) = self.own_file(name, site.place.module) {
            self.shell.tracer.line(&self.names, site.place, words, streams, false);
            return self.start_script(&target, args, streams, site);
        }
        self.program_of(name, words, streams, site)
    }

    /// The program of a name, whatever function has the same one.
    pub(super) fn program_of(&mut self, name: &str, words: &[Value], streams: &Streams, site: Site) -> Value {
        let args = words.get(1..).unwrap_or(&[]);
        let base = name.rsplit('/').next().unwrap_or(name);
        let base = if base.is_empty() { name } else { base };
        self.program(&Run { name: base, args, streams, site }, words)
    }

    /// Programs whose path fits a pattern.
    fn by_pattern(&mut self, wanted: &str, words: &[Value], streams: &Streams, site: Site) -> Value {
        let (folder, last) = wanted.rsplit_once('/').unwrap_or(("", wanted));
        let is_program_folder = folder.is_empty()
            || ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin"]
                .iter()
                .any(|known| pattern::matches(folder, known));
        let catalogue = self.catalogue(site.place.module);
        let mut names: Vec<&str> = catalogue.programs().filter(|name| pattern::matches(last, name)).collect();
        names.sort_unstable();
        names.truncate(8);
        let mut printed = Value::default();
        for name in names.into_iter().filter(|_| is_program_folder) {
            let mut again = words.to_vec();
            if let Some(first) = again.first_mut() {
                *first = Value::text(name);
            }
            printed = printed.join(&self.command(&again, streams, site));
        }
        if printed.is_unset() { self.passing(words, streams, site.place) } else { printed }
    }

    /// A function of the script.
    pub(super) fn call_function(&mut self, function: FnRef, args: &[Value], streams: &Streams, site: Site) -> Value {
        let runs = self.shell.runs.entry(function).or_default();
        *runs += 1;
        let is_over = *runs > RUNS;
        if self.shell.active.contains(&function) || self.depth >= super::super::CALLS || is_over {
            self.out.is_cut |= is_over;
            return args.iter().fold(Value::unknown(), |all, arg| all.with(&arg.taint()));
        }
        let Some(code) = self.function(function) else { return Value::unknown() };
        let name = self.sym(function.0, code.name);
        let args: Vec<Value> = args.iter().map(|arg| self.stepped_as(arg, site.place, Verb::Passed, name)).collect();
        let known = self.known.entry(function).or_default();
        known.is_done = true;
        let list = self.new_list(function, 0x0400_0000, args, Value::default());
        let [all, out, input] = ["@args", "@out", "@in"].map(|name| self.names.intern(name));
        let before = [all, out, input].map(|name| (name, self.shell.store.get(name)));
        let fed = self.input(streams, site.place);
        self.shell.store.set(all, list);
        self.shell.store.set(out, Value::text(""));
        self.shell.store.set(input, fed);
        self.shell.store.enter();
        self.shell.active.push(function);
        if !streams.outputs.is_empty() {
            self.shell.tracer.redirect(&streams.outputs);
        }
        self.run_code(function);
        if !streams.outputs.is_empty() {
            self.shell.tracer.restore();
        }
        self.shell.active.pop();
        self.shell.store.exit();
        let printed = self.shell.store.get(out);
        for (name, value) in before {
            self.shell.store.set(name, value);
        }
        printed
    }

    fn run_code(&mut self, function: FnRef) {
        let Some(code) = self.function(function) else { return };
        let mut frame = Frame::new(function, code.slots, &[], &[], self.gates.len());
        self.depth += 1;
        let regions = self.shell.store.depth();
        frame.run(self, &code.ops);
        self.shell.store.truncate(regions);
        self.depth -= 1;
    }

    /// The top level of a script, or a function of it that nothing calls.
    pub(in crate::flow::interpret) fn run_script(&mut self, function: FnRef) {
        let module = function.0;
        if self.shell.is_running && function.1 == 0 {
            // Another script brings it in.
            self.run_code(function);
            return;
        }
        if function.1 == 0 {
            self.shell.ended.insert(module, Store::default());
            self.shell.tracer.begin(module);
        }
        self.shell.tracer.switch(module);
        let mine = self.shell.ended.remove(&module).unwrap_or_default();
        let outer = (std::mem::replace(&mut self.shell.store, mine), self.shell.is_running);
        self.shell.is_running = true;
        self.shell.runs.clear();
        let known = self.known.entry(function).or_default();
        known.is_done = true;
        if function.1 == 0 {
            if let Some(given) = self.shell.given.get(&module).cloned() {
                let args = self.names.intern("@args");
                let list = self.new_list(function, 0x0400_0000, given, Value::default());
                self.shell.store.set(args, list);
            }
            self.run_code(function);
        } else {
            let args = self.names.intern("@args");
            let before = self.shell.store.get(args);
            self.shell.store.set(args, Value::default());
            self.shell.store.enter();
            self.run_code(function);
            self.shell.store.exit();
            self.shell.store.set(args, before);
        }
        let mine = std::mem::replace(&mut self.shell.store, outer.0);
        self.shell.is_running = outer.1;
        self.shell.ended.insert(module, mine);
    }

    /// A program of the catalogue, or one of which nothing is known.
    pub(super) fn catalogued(&mut self, run: &Run<'_>) -> Value {
        let place = run.site.place;
        let resolved = self.program_name(run);
        let path = self.names.get(resolved);
        let input = self.input(run.streams, place);
        let Some(entry) = self.entry(place.module, resolved) else {
            let args = run.args.iter().fold(input.taint(), |all, arg| taints(&all, &self.deep(arg, 2)));
            return self.changed_by(&Value::unknown().with(&args), resolved, place);
        };
        let call = self.as_call(entry, run, &input, place);
        for sink in &entry.sinks {
            let mut labels = Vec::new();
            let mut content = Vec::new();
            for arg in sink.args.iter().filter_map(|which| call.arg(which)) {
                content.extend(arg.texts());
                for label in self.labels(&arg) {
                    if !labels
                        .iter()
                        .any(|l: &crate::flow::value::Label| (l.class, l.name) == (label.class, label.name))
                    {
                        labels.push(label);
                    }
                }
            }
            let host = sink.host.as_ref().and_then(|which| call.arg(which)).unwrap_or_default();
            let is_chosen = self.is_chosen(&host);
            let to = host.texts();
            let copies = entry.reads(EARLIER).is_some() && sink.host.is_some();
            let is_there = |text: &&Rc<str>| if copies { is_remote(text) } else { is_host(text) };
            let to: Vec<Rc<str>> = to.iter().filter(is_there).map(|text| address(text).into()).collect();
            if copies && to.is_empty() {
                // A copy on this machine, or on one that only the user's settings know.
                continue;
            }
            let paths = sink.path.as_ref().and_then(|which| call.arg(which)).map(|p| p.texts()).unwrap_or_default();
            content.truncate(8);
            self.hit(sink.class.clone(), Rc::clone(&path), place, Reached { to, paths, content, labels, is_chosen });
        }
        let mut taint = None;
        for source in &entry.sources {
            let label = match (source.class.as_str(), call.args.first()) {
                ("env", None) => self.label("env", "*", place, run.name),
                // Which entry it is stands in words of any order.
                ("keychain", _) => {
                    let words: Vec<Rc<str>> = run.args.iter().flat_map(Value::texts).take(16).collect();
                    self.label("keychain", &words.join(" "), place, run.name)
                }
                _ => self.source(source, &path, &call),
            };
            taint = taints(&taint, &label);
        }
        if entry.sanitizes {
            return Value::unknown().with(&taint);
        }
        // What reads files reads its input as well, and what the script wrote into them.
        if entry.sources.iter().any(|source| source.class == "file") {
            let written = call.args.iter().flat_map(Value::texts);
            let written = written.filter_map(|path| self.shell.contents.get(file_key(&path)));
            taint = written.fold(taints(&taint, &input.taint()), |all, content| taints(&all, &content.taint()));
        }
        if entry.sources.is_empty() && entry.sinks.is_empty() {
            let args = run.args.iter().fold(input.taint(), |all, arg| taints(&all, &self.deep(arg, 2)));
            taint = taints(&taint, &args);
        }
        let printed = self.changed_by(&Value::unknown().with(&taint), resolved, place);
        self.saved(entry, run, &call, &printed)
    }

    fn changed_by(&mut self, value: &Value, api: Sym, place: Place) -> Value {
        self.stepped_as(value, place, Verb::Changed, api)
    }

    /// The name that a catalogue has for a program, or for what its first operand makes it do.
    fn program_name(&mut self, run: &Run<'_>) -> Sym {
        let catalogue = self.catalogue(run.site.place.module);
        let name = format!("cmd.{}", run.name);
        let name = catalogue.resolve(&name).to_owned();
        let operand =
            run.args.iter().filter_map(|arg| arg.texts().first().cloned()).find(|text| !text.starts_with('-'));
        let inner = operand.filter(|text| text.len() < 64).map(|text| format!("{name} {text}"));
        let inner = inner.filter(|inner| catalogue.get(inner).is_some());
        self.names.intern(&inner.unwrap_or(name))
    }

    /// Options and operands as arguments by name: `-d`, `operands`, `operand`, `stdin`, `all`.
    fn as_call(&mut self, entry: &Entry, run: &Run<'_>, input: &Value, place: Place) -> Call {
        let mut named: Vec<(Rc<str>, Value)> = Vec::new();
        let mut add = |name: &str, value: Value| match named.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = known.join(&value),
            None => named.push((name.into(), value)),
        };
        let mut args: Vec<Value> = Vec::new();
        let mut at = 0;
        while let Some(arg) = run.args.get(at) {
            at += 1;
            let mut text = arg.texts().first().cloned().unwrap_or_else(|| "".into());
            if at == 1 && run.name == "tar" && !text.starts_with('-') {
                text = format!("-{text}").into();
            }
            let Some((name, value)) = option(entry, &text) else {
                args.push(arg.clone());
                continue;
            };
            let value = match value {
                Some(value) => Value::text(value).with(&arg.taint()),
                None if entry.takes_value(&name) => {
                    at += 1;
                    run.args.get(at - 1).cloned().unwrap_or_default()
                }
                None => Value::text(""),
            };
            let read = self.read_by(entry, &name, &value, input, place);
            add(&name, value.with(&read));
        }
        for (index, arg) in args.iter().enumerate() {
            let what = if index + 1 < args.len() { EARLIER } else { LAST };
            let read = self.read_by(entry, what, arg, input, place);
            add("operands", arg.with(&read));
        }
        if let Some(first) = args.first() {
            add("operand", first.clone());
        }
        add("stdin", input.clone());
        let named = named.into_iter().map(|(name, value)| (Value::text(name), value)).collect();
        let site = (run.site.function, run.site.at);
        Call { place, site, callee: Value::default(), receiver: Value::default(), args, named, new: false }
    }

    /// Labels of the file that an option's value names.
    fn read_by(&mut self, entry: &Entry, option: &str, value: &Value, input: &Value, place: Place) -> Taint {
        let mut all = None;
        for text in value.texts() {
            let path = match entry.reads(option) {
                Some(true) => text.split_once('@').filter(|(head, _)| head.is_empty() || head.ends_with('=')),
                // On another machine it is not read here.
                Some(false) => {
                    Some(("", &*text)).filter(|(_, path)| !path.split('/').next().unwrap_or("").contains(':'))
                }
                None => None,
            };
            let Some((_, path)) = path else { continue };
            let path = path.split(';').next().unwrap_or(path).trim_matches('"');
            let read = match path {
                "-" | "/dev/stdin" => input.taint(),
                _ => self.content_of(&Value::text(path), place).taint(),
            };
            all = taints(&all, &read);
        }
        all
    }

    /// The file that a program writes instead of printing.
    fn saved(&mut self, entry: &Entry, run: &Run<'_>, call: &Call, printed: &Value) -> Value {
        for option in &entry.writes {
            let file = call.arg(&crate::flow::catalogue::Arg::Name(option.clone()));
            let Some(file) = file.filter(|file| !file.is_unset()) else { continue };
            let file = match (file.texts().first().map(|text| text.is_empty()), run.operands().last()) {
                // By the last part of the address.
                (Some(true), Some(address)) => {
                    let text = address.texts().first().cloned().unwrap_or_else(|| "".into());
                    Value::text(text.rsplit('/').next().unwrap_or(&text).split(['?', '#']).next().unwrap_or(""))
                }
                _ => file,
            };
            if file.texts().iter().any(|text| &**text == "-") {
                continue;
            }
            self.write_file(&file, printed, false, run.site.place);
            return Value::text("");
        }
        printed.clone()
    }
}

/// What stands for operands among the options that name files: all but the last one,
const EARLIER: &str = "operands";
/// and the last one, which is where things go for programs that copy.
const LAST: &str = "last";

/// An option and the value that it carries.
fn option(entry: &Entry, text: &str) -> Option<(String, Option<String>)> {
    if !text.starts_with('-') || text.len() < 2 {
        return None;
    }
    if text.starts_with("--") || entry.is_long {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
        return Some((name.to_owned(), value));
    }
    // Letters one after the other, the first that takes a value with all that follows.
    let mut last = '-';
    for (at, letter) in text.char_indices().skip(1) {
        last = letter;
        let rest = text.get(at + letter.len_utf8()..).unwrap_or("");
        if entry.takes_value(&format!("-{letter}")) {
            return Some((format!("-{letter}"), (!rest.is_empty()).then(|| rest.to_owned())));
        }
    }
    Some((format!("-{last}"), None))
}

/// The address in an operand that holds one among other settings, as `:webdav,url='https://…',vendor=other:`.
fn address(text: &str) -> &str {
    let Some(at) = text.find("://") else { return text };
    let scheme = text.get(..at).unwrap_or("").bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
    let whole = text.get(at - scheme..).unwrap_or(text);
    let end = if at == scheme { None } else { whole.find(['\'', '"', ',', ' ']) };
    whole.get(..end.unwrap_or(whole.len())).unwrap_or(whole)
}

/// Whether an operand of a program that copies is a place on a machine that it names in full.
fn is_remote(text: &str) -> bool {
    let place = text.split('/').next().unwrap_or("").split_once(':').map_or("", |(host, _)| host);
    text.contains("://") || place.contains('.')
}

/// Whether an operand may say where something goes.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':', UNKNOWN]) || text == "localhost"
}
