//! Runs modules on abstract values: constants are folded and labels followed
//! by one and the same machine.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::catalogue::{Catalogue, Entry};
use super::fast::{FastMap, FastSet};
use super::fold;
use super::ir::{Binary, Function, Language, Module, Op, OpKind, Shape, Slot};
use super::value::{
    FnRef, Inner, Label, Lit, Names, ObjId, Place, STEPS, Step, Sym, Taint, UNKNOWN, Value, Verb, taints,
};

mod call;
mod effect;
mod file;
mod frame;
mod object;
mod shell;

use frame::Frame;
use object::Object;
pub use shell::Trace;

/// A module of the package at hand.
pub struct Unit<'a> {
    /// Lowered.
    pub module: &'a Module,
    /// Its text.
    pub text: &'a str,
    /// Path of its file in the package; empty if nothing can name it.
    pub path: String,
    /// What interfaces do in its language.
    pub catalogue: &'a Catalogue,
}

/// What a value with a label reached, or what was done with a known one.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Class of the sink.
    pub class: String,
    /// The interface.
    pub api: Rc<str>,
    /// Where.
    pub place: Place,
    /// Hosts or addresses that it goes to, as far as known.
    pub to: Vec<Rc<str>>,
    /// Whether the user chose the host: by a setting or an argument.
    pub is_chosen: bool,
    /// Path that is written, as far as known.
    pub paths: Vec<Rc<str>>,
    /// What is written, sent or run, as far as known.
    pub content: Vec<Rc<str>>,
    /// Labels that reached it.
    pub labels: Vec<Label>,
    /// Labels of the conditions that it depends on.
    pub gates: Vec<Label>,
}

/// A text that stands nowhere in the program as it is.
#[derive(Debug, Clone)]
pub struct Folded {
    /// Where it came about.
    pub place: Place,
    /// The text.
    pub text: Rc<str>,
    /// What it is for.
    pub role: FoldedRole,
}

/// What a folded text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoldedRole {
    /// A process is started with it.
    Command,
    /// It is run as code.
    Code,
    /// It is run as a program of another language.
    Program(Language),
    /// Anything else.
    Plain,
}

/// What running a package's modules gave.
#[derive(Default)]
pub struct Outcome {
    /// Values that got somewhere.
    pub hits: Vec<Hit>,
    /// Files that are read, with their labels.
    pub reads: Vec<Label>,
    /// Texts that were folded.
    pub folded: Vec<Folded>,
    /// Commands of scripts as they run.
    pub traces: Vec<Trace>,
    /// Names that labels and steps use.
    pub names: Names,
    /// Whether a budget ran out, so that parts were not followed.
    pub is_cut: bool,
}

/// Classes of sources that say something of time, place or watchers.
const GATES: [&str; 5] = ["date", "locale", "sandbox", "host-facts", "clipboard"];
/// Rounds of an open loop, and of all modules.
const ROUNDS: usize = 3;
/// Deepest chain of calls.
const CALLS: usize = 40;
/// Rounds of a loop that is run exactly.
const EXACT: usize = 4096;
/// Operations inside of loops that are run exactly.
const EXACT_STEPS: usize = 200_000;
/// Rounds that an exact loop may go without a text or list that grows or shrinks: others decode nothing.
const IDLE: usize = 8;

#[derive(Default)]
struct Known {
    contexts: Vec<(u64, Value)>,
    joined: Vec<Value>,
    result: Value,
    is_active: bool,
    is_done: bool,
}

pub(super) struct Interpreter<'a> {
    units: &'a [Unit<'a>],
    package: &'a Files<'a>,
    by_path: HashMap<&'a str, u16>,
    names: Names,
    /// Names of a module in this run's numbers.
    translated: Vec<Vec<Option<Sym>>>,
    cells: Vec<Vec<Value>>,
    objects: Vec<Object>,
    sites: FastMap<(FnRef, u32), ObjId>,
    exports: Vec<ObjId>,
    pushed: FastSet<(ObjId, FnRef, u32)>,
    known: FastMap<FnRef, Known>,
    /// What catalogues know of names, by language.
    entries: [Vec<Option<Option<&'a Entry>>>; 3],
    /// Members of interfaces by name.
    members: FastMap<(u8, Sym, Sym), Sym>,
    /// What interfaces are by themselves.
    paths: FastMap<(u8, Sym), Sym>,
    files: BTreeMap<Rc<str>, Value>,
    /// What JSON texts hold.
    json: HashMap<Rc<str>, Value>,
    folded: HashSet<Rc<str>>,
    seen: HashSet<(Sym, Sym, Place, String)>,
    out: Outcome,
    gates: Vec<Label>,
    depth: usize,
    steps: usize,
    bytes: usize,
    /// Exact loops that are being run, one in another.
    exact: usize,
    /// Operations that are left for them.
    exact_steps: usize,
    /// How often an exact loop made a known text or list longer or shorter.
    growth: u64,
    /// Whether anything shared got a new value in this round.
    changed: bool,
    started: Vec<bool>,
    shell: shell::Shell,
}

/// Content of a package's file by its path: text, or a character for each byte.
pub type Files<'a> = dyn Fn(&str) -> Option<Rc<str>> + 'a;

/// Runs all modules; at most `steps` operations. `paths` are the files of the package that scripts may name.
pub fn run(units: &[Unit<'_>], package: &Files<'_>, paths: BTreeSet<String>, steps: usize) -> Outcome {
    let mut interpreter = Interpreter::new(units, package, steps);
    interpreter.shell.hold(paths);
    for _ in 0..ROUNDS {
        interpreter.changed = false;
        interpreter.round();
        if !interpreter.changed || interpreter.steps == 0 {
            break;
        }
    }
    interpreter.finish()
}

impl<'a> Interpreter<'a> {
    fn new(units: &'a [Unit<'a>], package: &'a Files<'a>, steps: usize) -> Self {
        let mut new = Self {
            units,
            package,
            by_path: HashMap::new(),
            names: Names::default(),
            translated: units.iter().map(|unit| vec![None; unit.module.names.len()]).collect(),
            cells: units.iter().map(|unit| vec![Value::default(); unit.module.cells as usize]).collect(),
            objects: Vec::new(),
            sites: FastMap::default(),
            exports: Vec::new(),
            pushed: FastSet::default(),
            known: FastMap::default(),
            entries: Default::default(),
            members: FastMap::default(),
            paths: FastMap::default(),
            files: BTreeMap::new(),
            json: HashMap::new(),
            folded: HashSet::new(),
            seen: HashSet::new(),
            out: Outcome::default(),
            gates: Vec::new(),
            depth: 0,
            steps,
            bytes: 16 * 1024 * 1024,
            exact: 0,
            exact_steps: EXACT_STEPS,
            growth: 0,
            changed: false,
            started: Vec::new(),
            shell: shell::Shell::default(),
        };
        for (at, unit) in units.iter().enumerate() {
            new.objects.push(Object::default());
            new.exports.push(at as ObjId);
            if !unit.path.is_empty() {
                new.by_path.insert(&unit.path, at as u16);
            }
        }
        new
    }

    fn round(&mut self) {
        self.known.values_mut().for_each(|known| {
            known.contexts.clear();
            known.is_done = false;
        });
        self.started = vec![false; self.units.len()];
        for at in 0..self.units.len() {
            self.start(at as u16);
        }
        // What nothing here calls may be called from outside.
        for (at, unit) in self.units.iter().enumerate() {
            for function in 1..unit.module.functions.len() {
                let function = (at as u16, function as u32);
                if !self.known.get(&function).is_some_and(|known| known.is_done) {
                    self.invoke(function, &[], &[], &Value::default(), None);
                }
            }
        }
    }

    /// Runs the top level of a module once a round.
    fn start(&mut self, module: u16) {
        if let Some(started) = self.started.get_mut(module as usize)
            && !std::mem::replace(started, true)
        {
            self.invoke((module, 0), &[], &[], &Value::default(), None);
        }
    }

    fn finish(mut self) -> Outcome {
        self.out.traces = self.shell.traces();
        self.out.is_cut |= self.steps == 0 || self.bytes == 0;
        self.out.names = std::mem::take(&mut self.names);
        self.out
    }

    fn module(&self, at: u16) -> &'a Module {
        self.units[at as usize].module
    }

    /// What the catalogue of a module's language knows of an interface.
    fn entry(&mut self, at: u16, api: Sym) -> Option<&'a Entry> {
        let language = self.module(at).language as usize;
        let known = &mut self.entries[language];
        if known.len() <= api as usize {
            known.resize(self.names.count().max(api as usize + 1), None);
        }
        match known.get(api as usize) {
            Some(Some(entry)) => *entry,
            _ => {
                let entry = self.catalogue(at).get(&self.names.get(api));
                if let Some(slot) = self.entries[language].get_mut(api as usize) {
                    *slot = Some(entry);
                }
                entry
            }
        }
    }

    fn catalogue(&self, at: u16) -> &'a Catalogue {
        self.units[at as usize].catalogue
    }

    /// A name of a module as a number of this run.
    fn sym(&mut self, module: u16, sym: super::ir::Sym) -> Sym {
        if let Some(Some(known)) = self.translated.get(module as usize).and_then(|all| all.get(sym as usize)) {
            return *known;
        }
        let number = self.names.intern(self.module(module).name(sym));
        if let Some(slot) = self.translated.get_mut(module as usize).and_then(|all| all.get_mut(sym as usize)) {
            *slot = Some(number);
        }
        number
    }

    fn function(&self, (module, function): FnRef) -> Option<&'a Function> {
        self.module(module).functions.get(function as usize)
    }

    /// A text with its cost.
    fn made(&mut self, lits: Vec<Lit>) -> Value {
        let cost: usize = lits.iter().map(|lit| if let Lit::Text(text) = lit { text.len() } else { 8 }).sum();
        self.bytes = self.bytes.saturating_sub(cost);
        if self.bytes == 0 {
            return Value::unknown();
        }
        for lit in &lits {
            if let Lit::Text(text) = lit
                && text.len() >= 4
            {
                self.folded.insert(Rc::clone(text));
            }
        }
        Value::lits(lits)
    }

    /// One operation.
    fn step(&mut self, frame: &mut Frame, at: u32, op: &Op) {
        let place = Place { module: frame.function.0, start: op.start, end: op.end };
        let module = self.module(frame.function.0);
        let value = match op.kind {
            OpKind::Text(sym) => {
                let sym = self.sym(place.module, sym);
                Value::text(self.names.get(sym))
            }
            OpKind::Number(number) => Value::lit(Lit::Number(number)),
            OpKind::Global(sym) => self.global(place, sym),
            OpKind::Bind(from) => {
                let value = self.read(frame, from);
                let what = module.labels.get(&(frame.function.1, op.dst)).copied();
                let value = match what {
                    Some(sym) => self.stepped(&value, place, Verb::Bound, sym),
                    None => value,
                };
                self.use_text(&value, place, FoldedRole::Plain);
                self.growth += u64::from(self.exact > 0 && grows(&frame.read(op.dst), &value));
                self.write_variable(frame, op.dst, value);
                return;
            }
            OpKind::Outer(cell) => self.cell(place.module, cell),
            OpKind::SetOuter(cell, from) => {
                let value = self.read(frame, from);
                self.use_text(&value, place, FoldedRole::Plain);
                self.set_cell(place.module, cell, &value);
                value
            }
            OpKind::Concat(parts) => {
                let parts: Vec<Value> = module.slots(parts).iter().map(|slot| self.read(frame, *slot)).collect();
                self.concat(&parts)
            }
            OpKind::Join(parts) => {
                let parts = module.slots(parts);
                let joined = parts.iter().fold(Value::default(), |all, slot| all.join(&self.read(frame, *slot)));
                if frame.is_variable(op.dst) {
                    self.write_variable(frame, op.dst, joined);
                    return;
                }
                joined
            }
            OpKind::Binary(kind, a, b) => {
                let (a, b) = (self.read(frame, a), self.read(frame, b));
                self.binary(kind, &a, &b)
            }
            OpKind::Call { .. } => self.call(frame, at, op, place),
            OpKind::Get(object, key) => {
                let object = self.read(frame, object);
                let key = self.sym(place.module, key);
                self.get(&object, key, place)
            }
            OpKind::GetAt(object, key) => {
                let (object, key) = (self.read(frame, object), self.read(frame, key));
                self.get_at(&object, &key, place)
            }
            OpKind::Slice(object, start, end) => {
                let object = self.read(frame, object);
                let bounds = [start, end].map(|slot| slot.map(|slot| self.read(frame, slot)));
                self.sliced(&object, &bounds)
            }
            OpKind::Set(object, key, from) => {
                let (object, value) = (self.read(frame, object), self.read(frame, from));
                let key = self.sym(place.module, key);
                self.set(&object, key, &value, place);
                value
            }
            OpKind::SetAt(object, key, from) => {
                let [object, key, value] = [object, key, from].map(|slot| self.read(frame, slot));
                self.set_at(&object, &key, &value, place);
                value
            }
            OpKind::Closure(function) => Value::function((place.module, function)),
            OpKind::New(shape, pool) => self.container(frame, at, shape, module.slots(pool)),
            OpKind::Spread(to, from) => {
                let (to, from) = (self.read(frame, to), self.read(frame, from));
                self.spread(&to, &from);
                to
            }
            OpKind::Each(of) => {
                let of = self.read(frame, of);
                let item = frame.item(self, &of);
                self.taken_from(&of, item)
            }
            OpKind::Keys(of) => {
                let of = self.read(frame, of);
                self.keys(&of)
            }
            OpKind::Class(base) => {
                let object = self.site(frame.function, at);
                let base = base.map(|slot| self.read(frame, slot)).unwrap_or_default();
                self.class(object, &base)
            }
            OpKind::Import(name) => {
                let name = self.read(frame, name);
                self.import(&name, place)
            }
            OpKind::Exports => Value::object(self.exports[place.module as usize]),
            OpKind::Coarse(parts) => {
                let parts = module.slots(parts);
                let all = parts.iter().fold(None, |all, slot| taints(&all, &self.read(frame, *slot).taint()));
                Value::unknown().with(&all)
            }
            OpKind::Return(from) => {
                let value = self.read(frame, from);
                self.use_text(&value, place, FoldedRole::Plain);
                let name = self.function(frame.function).map(|function| function.name).unwrap_or_default();
                let value = self.stepped(&value, place, Verb::Returned, name);
                frame.result = frame.result.join(&value);
                frame.leave();
                return;
            }
            OpKind::Give(from) => {
                let value = self.read(frame, from);
                self.use_text(&value, place, FoldedRole::Plain);
                frame.result = frame.result.join(&value);
                return;
            }
            OpKind::Leave => {
                frame.leave();
                return;
            }
            OpKind::Break => {
                frame.break_loop();
                return;
            }
            OpKind::Splat(from) => {
                let from = self.read(frame, from);
                self.splat((frame.function, at), &from)
            }
            OpKind::Variable(sym) => self.variable(sym, place),
            OpKind::SetVariable(sym, from) => {
                let value = self.read(frame, from);
                self.set_variable(sym, &value, place);
                frame.rewrites();
                return;
            }
            OpKind::Shell(what, pool) => {
                frame.rewrites();
                self.shell(frame, at, what, module.slots(pool), place)
            }
            OpKind::If(_) | OpKind::Else | OpKind::Loop | OpKind::While(_) | OpKind::End => return,
        };
        frame.write(op.dst, value);
    }

    fn read(&self, frame: &Frame, slot: Slot) -> Value {
        let value = frame.read(slot);
        match frame.shared(slot) {
            // Inner functions may have changed it meanwhile.
            Some(cell) => value.join(&self.cell(frame.function.0, cell)),
            None => value,
        }
    }

    fn write_variable(&mut self, frame: &mut Frame, slot: Slot, value: Value) {
        if let Some(cell) = frame.shared(slot) {
            self.set_cell(frame.function.0, cell, &value);
        }
        frame.write_logged(slot, value);
    }

    fn cell(&self, module: u16, cell: u32) -> Value {
        self.cells[module as usize].get(cell as usize).cloned().unwrap_or_default()
    }

    fn set_cell(&mut self, module: u16, cell: u32, value: &Value) {
        let Some(slot) = self.cells[module as usize].get_mut(cell as usize) else { return };
        let joined = slot.join(value);
        if joined.digest() != slot.digest() {
            *slot = joined;
            self.changed = true;
        }
    }

    fn binary(&mut self, kind: Binary, a: &Value, b: &Value) -> Value {
        let (left, right) = (a.get(), b.get());
        let mut taint = taints(&left.taint, &right.taint);
        if matches!(kind, Binary::Less | Binary::AtMost | Binary::Equal | Binary::Unequal | Binary::Not | Binary::Other)
        {
            taint = self.gating(&taint);
        }
        if kind == Binary::Add {
            // Parts that are not known leave a hole, where one side is text.
            let is_text = |inner: &Inner| inner.lits.iter().any(|lit| matches!(lit, Lit::Text(_)));
            if is_text(&left) || is_text(&right) {
                return self.concat(&[a.clone(), b.clone()]);
            }
        }
        if kind == Binary::Not && left.lits.is_empty() && !(left.objs.is_empty() && left.fns.is_empty()) {
            return Value::text("false").with(&taint);
        }
        let mut lits = Vec::new();
        for x in &left.lits {
            for y in &right.lits {
                lits.extend(fold::binary(kind, x, y).filter(|lit| !lits.contains(lit)));
            }
        }
        if kind == Binary::Div && right.lits.iter().any(|lit| matches!(lit, Lit::Text(_))) {
            // Paths are joined with `/`.
            let parts = [a.clone(), Value::text("/"), b.clone()];
            let known = [left.lits.as_slice(), right.lits.as_slice()].iter().all(|lits| !lits.is_empty());
            return if known { self.made(lits).with(&taint) } else { self.concat(&parts) };
        }
        let is_open = left.is_open || right.is_open;
        let value = if lits.is_empty() { Value::unknown() } else { self.made(lits) };
        let inner = (**value.get()).clone();
        Value::of(Inner { is_open: inner.is_open || is_open, taint, ..inner })
    }

    /// Labels that make a condition worth knowing.
    fn gating(&self, taint: &Taint) -> Taint {
        let labels = taint.as_ref()?;
        let kept: Vec<Label> = labels
            .iter()
            .filter(|label| {
                let class = self.names.get(label.class);
                let name = self.names.get(label.name);
                GATES.contains(&&*class)
                    || (&*class == "env" && matches!(&*name, "CI" | "LANG" | "LC_ALL" | "TZ" | "GITHUB_ACTIONS"))
            })
            .cloned()
            .collect();
        (!kept.is_empty()).then(|| Rc::new(kept))
    }

    /// Texts one after the other, with a hole for each that is not known.
    fn concat(&mut self, parts: &[Value]) -> Value {
        // A text of one piece stands in the program as it is.
        if let [part] = parts
            && part.one().is_some_and(|lit| matches!(lit, Lit::Text(_)))
        {
            return part.clone();
        }
        let mut all: Vec<String> = vec![String::new()];
        let mut taint = None;
        for part in parts {
            let inner = part.get();
            taint = taints(&taint, &inner.taint);
            for object in &inner.objs {
                taint = taints(&taint, &self.deep(&Value::object(*object), 2));
            }
            let mut texts: Vec<Rc<str>> = inner.lits.iter().map(Lit::text).collect();
            if texts.is_empty() || (inner.is_open && texts.len() > 1) {
                texts.truncate(2);
                texts.push(UNKNOWN.to_string().into());
            }
            if all.len() * texts.len() > 8 {
                texts = vec![UNKNOWN.to_string().into()];
            }
            let cost: usize = all.iter().map(String::len).sum::<usize>() * texts.len();
            self.bytes = self.bytes.saturating_sub(cost);
            if self.bytes == 0 || cost > 8 * fold::LONGEST {
                return Value::unknown().with(&taint);
            }
            if let [text] = texts.as_slice() {
                all.iter_mut().for_each(|known| known.push_str(text));
            } else {
                all = all.iter().flat_map(|known| texts.iter().map(move |text| format!("{known}{text}"))).collect();
            }
        }
        let nothing = |text: &String| text.chars().all(|c| c == UNKNOWN);
        if all.iter().all(nothing) {
            return Value::unknown().with(&taint);
        }
        let lits: Vec<Lit> = all.into_iter().map(|text| Lit::Text(text.into())).collect();
        self.made(lits).with(&taint)
    }

    /// A text that was put together is used here.
    fn use_text(&mut self, value: &Value, place: Place, role: FoldedRole) {
        for lit in &value.get().lits {
            let Lit::Text(text) = lit else { continue };
            let is_new = role != FoldedRole::Plain || (text.len() >= 6 && self.folded.contains(text));
            if is_new && text.len() >= 2 && self.out.folded.len() < 4096 {
                let known = self.out.folded.iter_mut().rev().take(64).find(|f| f.text == *text);
                match known {
                    Some(known) if known.role == role || role == FoldedRole::Plain => {}
                    Some(known) if known.role == FoldedRole::Plain => (known.role, known.place) = (role, place),
                    _ => self.out.folded.push(Folded { place, text: Rc::clone(text), role }),
                }
            }
        }
    }

    /// The value with one more step for each label.
    fn stepped(&mut self, value: &Value, place: Place, verb: Verb, what: super::ir::Sym) -> Value {
        if value.taint().is_none() && value.get().objs.is_empty() {
            return value.clone();
        }
        let what = self.sym(place.module, what);
        self.stepped_as(value, place, verb, what)
    }

    fn stepped_as(&mut self, value: &Value, place: Place, verb: Verb, what: Sym) -> Value {
        let value = &value.moved(place, verb, what);
        self.relabelled(value, place, verb, what)
    }

    /// What an object holds went the steps that the object went.
    fn taken_from(&self, object: &Value, member: Value) -> Value {
        let went = |member: Value, step: &(Place, Verb, Sym)| self.relabelled(&member, step.0, step.1, step.2);
        object.get().via.iter().fold(member, went)
    }

    /// The labels of a value with one more step each.
    fn relabelled(&self, value: &Value, place: Place, verb: Verb, what: Sym) -> Value {
        let Some(labels) = value.taint() else { return value.clone() };
        let text = self.units[place.module as usize].text;
        let mut any = false;
        let moved: Vec<Label> = labels
            .iter()
            .map(|label| {
                let last = &label.trail;
                let is_near = verb != Verb::Written
                    && last.place.module == place.module
                    && same_line(text, last.place.start, place.start);
                if is_near || last.count >= STEPS || (verb == Verb::Bound && last.count + 4 >= STEPS) {
                    return label.clone();
                }
                any = true;
                let step = Step { place, verb, what, before: Some(Rc::clone(last)), count: last.count + 1 };
                Label { trail: Rc::new(step), ..label.clone() }
            })
            .collect();
        if any { value.relabelled(Some(Rc::new(moved))) } else { value.clone() }
    }

    /// A new label that begins here.
    fn label(&mut self, class: &str, name: &str, place: Place, what: &str) -> Taint {
        let (class, name, what) = (self.names.intern(class), self.names.intern(name), self.names.intern(what));
        let trail = Rc::new(Step { place, verb: Verb::Read, what, before: None, count: 1 });
        Some(Rc::new(vec![Label { class, name, trail }]))
    }

    fn container(&mut self, frame: &Frame, at: u32, shape: Shape, slots: &[Slot]) -> Value {
        let object = self.site(frame.function, at);
        let values: Vec<Value> = slots.iter().map(|slot| self.read(frame, *slot)).collect();
        // The top level runs once, so its containers begin as they are written.
        let is_anew = frame.function.1 == 0 || self.exact > 0 || values.is_empty();
        self.fill(object, shape, &values, is_anew);
        Value::object(object)
    }
}

/// Whether a known text gets longer or shorter at one of its ends.
fn grows(old: &Value, new: &Value) -> bool {
    let (Some(Lit::Text(old)), Some(Lit::Text(new))) = (old.one(), new.one()) else { return false };
    let (short, long) = if old.len() < new.len() { (old, new) } else { (new, old) };
    short.len() < long.len() && (long.starts_with(&*short) || long.ends_with(&*short))
}

/// Whether two places stand in one line; far apart counts as another.
fn same_line(text: &str, a: u32, b: u32) -> bool {
    let (low, high) = (a.min(b) as usize, a.max(b) as usize);
    high - low < 240 && text.as_bytes().get(low..high).is_some_and(|between| !between.contains(&b'\n'))
}
