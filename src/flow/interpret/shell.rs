//! Shell scripts: variables by name, words, substitutions, and what commands do.
//!
//! Commands of the shell itself and those that only rewrite text are computed
//! ([`program`], [`text`]); all others do what the catalogue says (`cmd.<name>`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::frame::Frame;
use super::heap::Object;
use super::{FoldedRole, Interpreter};
use crate::flow::fast::FastMap;
use crate::flow::ir::{Language, Role, ShellOp, Slot};
use crate::flow::value::{FnRef, Inner, Lit, Place, Sym, Taint, UNKNOWN, Value, Verb};

mod arithmetic;
mod command;
mod expansion;
mod file;
mod finder;
mod json;
mod pattern;
mod program;
mod store;
mod text;
mod trace;

pub(super) use store::{Ends, Store};
pub use trace::Trace;
use trace::Tracer;

/// Runs of one function in a round; more are not followed apart.
const RUNS: u32 = 4096;
/// Items of one list of words.
const WORDS: usize = 20_000;

/// All that scripts share.
#[derive(Default)]
pub(super) struct Shell {
    /// Variables of the script that runs.
    pub store: Store,
    /// Whether a script runs.
    pub is_running: bool,
    /// Variables of scripts that ended, by module.
    ended: BTreeMap<u16, Store>,
    /// Files of the package that are no programs.
    paths: BTreeSet<String>,
    /// Content of files that scripts write.
    contents: BTreeMap<Rc<str>, Value>,
    /// Arguments that programs of the package are started with.
    given: BTreeMap<u16, Vec<Value>>,
    /// Variables that programs of the package are started with.
    environment: BTreeMap<Rc<str>, Value>,
    runs: FastMap<FnRef, u32>,
    active: Vec<FnRef>,
    tracer: Tracer,
    /// Chain of commands that run commands.
    depth: usize,
}

/// What a command is given besides its words.
#[derive(Default, Clone)]
struct Streams {
    input: Option<Value>,
    from: Vec<Value>,
    /// Files that it writes, with whether it adds to them.
    outputs: Vec<(Value, bool)>,
    is_silent: bool,
    variables: Vec<(Sym, Value)>,
}

/// Where a command stands.
#[derive(Clone, Copy)]
struct Site {
    function: FnRef,
    at: u32,
    place: Place,
}

impl Shell {
    /// Files of the package that are no programs.
    pub(super) fn hold(&mut self, paths: BTreeSet<String>) {
        self.paths = paths;
    }

    /// Commands of all scripts.
    pub(super) fn traces(&mut self) -> Vec<Trace> {
        self.tracer.finish()
    }
}

impl Interpreter<'_> {
    /// Does something to the variables of the script that runs, if one does.
    pub(super) fn variables(&mut self, change: impl FnOnce(&mut Store)) {
        if self.shell.is_running {
            change(&mut self.shell.store);
        }
    }

    pub(super) fn is_shell(&self, module: u16) -> bool {
        self.module(module).language == Language::Shell
    }

    pub(super) fn shell(&mut self, frame: &Frame, at: u32, op: ShellOp, slots: &[Slot], place: Place) -> Value {
        let site = Site { function: frame.function, at, place };
        let value = |this: &Self, at: usize| slots.get(at).map(|slot| this.read(frame, *slot)).unwrap_or_default();
        match op {
            ShellOp::Command => {
                let (words, streams) = self.words(frame, slots);
                self.line(words, streams, site)
            }
            ShellOp::Words => {
                let (words, _) = self.words(frame, slots);
                let (entries, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| keyed(word).is_some());
                let words = self.file_names(words);
                let list = self.new_list(site.function, at, words, Value::default());
                for (key, value) in entries.iter().filter_map(keyed) {
                    list.get().objs.iter().for_each(|id| self.put(*id, &Value::text(Rc::clone(&key)), &value));
                }
                list
            }
            ShellOp::Append => {
                let mut items = self.items_of(&value(self, 0));
                items.extend(self.items_of(&value(self, 1)));
                self.new_list(site.function, at, items, Value::default())
            }
            ShellOp::List => {
                let name = self.named(&value(self, 0));
                let name = if matches!(&*self.names.get(name), "@" | "*") { self.names.intern("@args") } else { name };
                self.shell.store.get(name)
            }
            ShellOp::Joined => self.joined(&value(self, 0)),
            ShellOp::Index => self.index(&value(self, 0), &value(self, 1)),
            ShellOp::SetIndex => {
                self.set_index(&value(self, 0), &value(self, 1), &value(self, 2), site);
                Value::default()
            }
            ShellOp::Expand(how) => self.expand(how, &value(self, 0), &value(self, 1), &value(self, 2), site),
            ShellOp::Arithmetic => self.arithmetic(&value(self, 0)),
            ShellOp::Define => {
                let name = value(self, 0).texts().first().cloned().unwrap_or_else(|| "".into());
                let name = self.names.intern(&format!("(){name}"));
                self.shell.store.set(name, value(self, 1));
                Value::default()
            }
            ShellOp::Local => {
                let name = self.named(&value(self, 0));
                self.shell.store.localize(name);
                Value::default()
            }
            ShellOp::Export => {
                let name = self.named(&value(self, 0));
                let exported = self.shell.store.get(name);
                self.pass_on(name, &exported, place);
                Value::default()
            }
            ShellOp::Captured => self.captured(&value(self, 0)),
            ShellOp::Emit => {
                self.print(&value(self, 0));
                Value::default()
            }
            ShellOp::ReadFile => match value(self, 0) {
                // A descriptor that nothing was opened on, as far as is known.
                path if path.is_unset() => {
                    let input = self.names.intern("@in");
                    self.shell.store.get(input)
                }
                path => self.content_of(&path, place),
            },
            ShellOp::WriteFile | ShellOp::AppendFile if value(self, 0).is_unset() => {
                self.print(&value(self, 1));
                Value::default()
            }
            ShellOp::WriteFile | ShellOp::AppendFile => {
                self.write_file(&value(self, 0), &value(self, 1), op == ShellOp::AppendFile, place);
                Value::default()
            }
            ShellOp::FileOf => {
                let path: Rc<str> = format!("/dev/fd/{}", place.start).into();
                self.shell.contents.insert(Rc::clone(&path), value(self, 0));
                Value::text(path)
            }
            ShellOp::Mark(mark) => {
                self.shell.tracer.mark(mark);
                Value::default()
            }
        }
    }

    fn named(&mut self, value: &Value) -> Sym {
        let name = value.texts().first().cloned().unwrap_or_else(|| "".into());
        self.names.intern(&name)
    }

    /// The value of a variable of the script, or of its environment.
    pub(super) fn variable(&mut self, sym: crate::flow::ir::Sym, place: Place) -> Value {
        let sym = self.sym(place.module, sym);
        self.lookup(sym, place)
    }

    fn lookup(&mut self, sym: Sym, place: Place) -> Value {
        let kept = self.shell.store.get(sym);
        let name = self.names.get(sym);
        if !kept.is_unset() || name.starts_with(['@', '(']) && name.len() > 1 {
            // A list by its name is its first item.
            let is_list = self.list_items(&kept).is_some() && !name.starts_with('@');
            return if is_list { self.items_of(&kept).first().cloned().unwrap_or_default() } else { kept };
        }
        let args = self.names.intern("@args");
        let args = self.shell.store.get(args);
        match &*name {
            "@" | "*" => self.joined(&args),
            "#" => match self.list_items(&args) {
                Some(list) => Value::lit(Lit::Number(list.items.len() as f64)),
                None => Value::unknown(),
            },
            "0" | "BASH_SOURCE" => {
                let path = self.units[place.module as usize].path.clone();
                if path.is_empty() { Value::unknown() } else { Value::text(path) }
            }
            "IFS" => Value::text(" "),
            "HOME" => Value::text("~"),
            "PWD" | "OLDPWD" => {
                let here = self.names.intern("@here");
                let here = self.shell.store.get(here);
                if here.is_unset() { Value::text(".") } else { here }
            }
            "?" | "$" | "!" | "-" | "_" | "RANDOM" | "SECONDS" | "LINENO" | "UID" | "EUID" | "PPID" | "OSTYPE"
            | "COLUMNS" | "LINES" | "OPTARG" | "OPTIND" | "REPLY" | "PIPESTATUS" | "FUNCNAME" => Value::unknown(),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                let at = digits.parse::<usize>().unwrap_or(1);
                match self.list_items(&args) {
                    Some(list) => list.items.get(at.saturating_sub(1)).cloned().unwrap_or_else(|| Value::text("")),
                    None => {
                        let label = self.label("argument", &format!("${digits}"), place, &format!("${digits}"));
                        Value::unknown().with(&label)
                    }
                }
            }
            name => {
                let label = self.label("env", name, place, name);
                self.known_variable(name).join(&self.passed_on(name)).with(&label)
            }
        }
    }

    /// Gives a variable a value.
    pub(super) fn set_variable(&mut self, sym: crate::flow::ir::Sym, value: &Value, place: Place) {
        let sym = self.sym(place.module, sym);
        self.put_variable(sym, value, place);
    }

    fn put_variable(&mut self, sym: Sym, value: &Value, place: Place) {
        let is_own = self.names.get(sym).starts_with('@');
        if is_own {
            self.shell.store.set(sym, value.clone());
            return;
        }
        let value = self.stepped_as(value, place, Verb::Bound, sym);
        let value = if value.is_unset() { Value::text("") } else { value };
        self.shell.store.set(sym, value);
    }

    /// What a variable was given for programs that are started.
    pub(super) fn passed_on(&self, name: &str) -> Value {
        self.shell.environment.get(name).cloned().unwrap_or_else(Value::unknown)
    }

    /// Programs that are started from here on get a variable.
    pub(super) fn pass_on(&mut self, name: Sym, value: &Value, place: Place) {
        if value.is_unset() {
            return;
        }
        let value = self.stepped_as(value, place, Verb::Passed, name);
        let known = self.shell.environment.entry(self.names.get(name)).or_default();
        let joined = known.join(&value);
        if joined.digest() != known.digest() {
            *known = joined;
            self.changed = true;
        }
    }

    /// Labels of the arguments that a program of the package is started with.
    pub(super) fn started_with(&self, module: u16) -> Taint {
        let given = self.shell.given.get(&module)?;
        given.iter().fold(None, |all, value| super::taints(&all, &self.deep(value, 2)))
    }

    /// The arguments that a program of the package is started with, as a list.
    pub(super) fn given_list(&mut self, module: u16) -> Option<Value> {
        let given = self.shell.given.get(&module).cloned()?;
        let mut items = vec![Value::unknown()];
        items.extend(given);
        Some(self.new_list((module, 0), 0x0200_0000, items, Value::default()))
    }

    /// Something is printed.
    fn print(&mut self, value: &Value) {
        let out = self.names.intern("@out");
        let before = self.shell.store.get(out);
        if before.is_unset() || value.is_unset() {
            return;
        }
        let is_empty = before.one().is_some_and(|lit| lit.text().is_empty()) && before.taint().is_none();
        let all = if is_empty { value.clone() } else { self.concat(&[before, value.clone()]) };
        self.growth += u64::from(self.exact > 0);
        self.shell.store.set(out, all);
    }

    /// What a substitution gives.
    fn captured(&mut self, printed: &Value) -> Value {
        let inner = printed.get();
        let lits: Vec<Lit> = inner.lits.iter().map(|lit| Lit::Text(lit.text().trim_end_matches('\n').into())).collect();
        let value = if printed.is_unset() {
            Value::text("")
        } else if lits.is_empty() {
            printed.clone()
        } else {
            Value::of(Inner { lits, ..(*inner).clone() })
        };
        let is_known = value.one().is_some_and(|lit| !lit.text().contains(UNKNOWN)) && value.taint().is_none();
        self.shell.tracer.captured(is_known);
        value
    }

    /// Items of a list.
    fn list_items(&self, value: &Value) -> Option<&Object> {
        let inner = value.get();
        let [id] = inner.objs.as_slice() else { return None };
        self.objects.get(*id)
    }

    /// Words that a list stands for.
    fn items_of(&mut self, value: &Value) -> Vec<Value> {
        let inner = value.get();
        if inner.objs.is_empty() {
            return if value.is_unset() { Vec::new() } else { vec![value.clone()] };
        }
        let mut all = Vec::new();
        for object in inner.objs.iter().filter_map(|id| self.objects.get(*id)) {
            all.extend(object.items.iter().cloned());
            all.extend(object.fields.values().cloned());
            if !object.rest.is_unset() {
                all.push(object.rest.clone());
            }
        }
        all.truncate(WORDS);
        all.iter().map(|item| item.with(&inner.taint)).collect()
    }

    /// A list as one text.
    fn joined(&mut self, list: &Value) -> Value {
        let separator = self.names.intern("IFS");
        let separator = self.shell.store.get(separator);
        let separator: String = match separator.texts().first() {
            Some(text) => text.chars().take(1).collect(),
            None => " ".to_owned(),
        };
        let mut parts = Vec::new();
        for item in self.items_of(list) {
            if !parts.is_empty() && !separator.is_empty() {
                parts.push(Value::text(separator.as_str()));
            }
            parts.push(item);
        }
        match parts.as_slice() {
            [] => Value::text(""),
            [only] => only.clone(),
            _ => self.concat(&parts),
        }
    }

    fn index(&mut self, name: &Value, key: &Value) -> Value {
        let name = self.named(name);
        let list = self.shell.store.get(name);
        let inner = list.get();
        if inner.objs.is_empty() {
            return if list.is_unset() { Value::text("") } else { list };
        }
        let mut found = Value::default();
        for key in key.texts() {
            let number = self.arithmetic(&Value::text(Rc::clone(&key))).one().and_then(|lit| lit.number());
            let sym = self.names.intern(&key);
            for object in inner.objs.iter().filter_map(|id| self.objects.get(*id)) {
                let field = object.fields.get(&sym);
                let item = number.and_then(|at| {
                    let at = if at < 0.0 { object.items.len() as f64 + at } else { at };
                    object.items.get(at as usize)
                });
                found = found.join(field.or(item).unwrap_or(&object.rest));
            }
        }
        if key.texts().is_empty() || found.is_unset() {
            let items = self.items_of(&list);
            return items.iter().fold(Value::unknown(), |all, item| all.with(&item.taint()));
        }
        found.with(&inner.taint)
    }

    fn set_index(&mut self, name: &Value, key: &Value, value: &Value, site: Site) {
        let name = self.named(name);
        let mut list = self.shell.store.get(name);
        if list.get().objs.is_empty() {
            list = self.new_list(site.function, 0x0100_0000 + name, Vec::new(), Value::default());
            self.shell.store.set(name, list.clone());
        }
        let value = self.stepped_as(value, site.place, Verb::Kept, name);
        let number = self.arithmetic(key).one().and_then(|lit| lit.number()).map(|at| at as usize);
        let keys: Vec<Sym> = key.texts().iter().map(|key| self.names.intern(key)).collect();
        for id in &list.get().objs {
            let Some(object) = self.objects.get_mut(*id) else { continue };
            match (number, keys.as_slice()) {
                (Some(at), _) if at < object.items.len() => {
                    if let Some(item) = object.items.get_mut(at) {
                        *item = value.clone();
                    }
                }
                (Some(at), _) if at == object.items.len() && at < WORDS => object.items.push(value.clone()),
                (_, [key]) => {
                    object.fields.insert(*key, value.clone());
                }
                _ => object.rest = object.rest.join(&value),
            }
        }
    }

    /// Words of a command or list, and what else stands with them.
    fn words(&mut self, frame: &Frame, slots: &[Slot]) -> (Vec<Value>, Streams) {
        let (mut words, mut streams) = (Vec::new(), Streams::default());
        let mut variable = None;
        for pair in slots.chunks_exact(2) {
            let &[role, slot] = pair else { continue };
            let value = self.read(frame, slot);
            if let Some(name) = variable.take() {
                streams.variables.push((name, value));
                continue;
            }
            match Role::of(role) {
                // A descriptor that nothing was opened on.
                Role::From | Role::Output | Role::Append if value.is_unset() => {}
                Role::Word => words.push(value),
                Role::Split => words.extend(self.split(&value, false)),
                Role::Braces => words.extend(self.split(&value, true)),
                Role::Spread => words.extend(self.items_of(&value)),
                Role::Input => streams.input = Some(value),
                Role::From => streams.from.push(value),
                Role::Output => streams.outputs.push((value, false)),
                Role::Append => streams.outputs.push((value, true)),
                Role::Silent => streams.is_silent = true,
                Role::Variable => variable = Some(self.named(&value)),
            }
        }
        words.truncate(WORDS);
        (words, streams)
    }

    /// Patterns of file names as the names that fit, or as names of which nothing else is known.
    fn file_names(&mut self, words: Vec<Value>) -> Vec<Value> {
        let mut all = Vec::with_capacity(words.len());
        for word in words {
            let text = word.one().map(|lit| lit.text()).filter(|text| pattern::is_pattern(text) && text.contains('/'));
            let Some(text) = text else {
                all.push(word);
                continue;
            };
            let names: Vec<Value> = self.fitting(&text).into_iter().map(Value::text).collect();
            if names.is_empty() {
                all.push(Value::text(text.replace(['*', '?', '['], &UNKNOWN.to_string())));
            }
            all.extend(names);
        }
        all
    }

    /// A word that is not quoted, as the words that it becomes.
    fn split(&mut self, value: &Value, has_braces: bool) -> Vec<Value> {
        let inner = value.get();
        let text = match inner.lits.as_slice() {
            [only] if inner.objs.is_empty() && !inner.is_open => only.text(),
            _ => return vec![value.clone()],
        };
        let mut all = Vec::new();
        let expanded = if has_braces { expansion::braces(&text) } else { vec![text.to_string()] };
        for word in expanded {
            all.extend(word.split_whitespace().map(|part| Value::text(part).with(&inner.taint)));
        }
        self.bytes = self.bytes.saturating_sub(text.len());
        all
    }
}

/// Key and value of an entry of a table, written `[key]=value`.
fn keyed(word: &Value) -> Option<(Rc<str>, Value)> {
    let text = word.texts().into_iter().next()?;
    let (key, value) = text.strip_prefix('[')?.split_once("]=")?;
    (!key.contains(UNKNOWN)).then(|| (key.into(), Value::text(value).with(&word.taint())))
}
