//! Runs modules on abstract values: constants are folded and labels followed
//! by one and the same machine.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::catalogue::{Catalogue, Entry};
use super::fast::{FastMap, FastSet};
use super::ir::{Function, Language, Module, Op, OpKind, Shape, Slot};
use super::value::{FnRef, Label, Lit, Names, ObjId, Place, Sym, Value, Verb, taints};

mod address;
mod call;
mod constant;
mod effect;
mod event;
mod file;
mod frame;
mod heap;
mod interface;
mod list;
mod login;
mod object;
mod outcome;
mod shell;
mod trail;
mod written;

use constant::grows;
use file::Written;
use frame::{Frame, Known};
use heap::{Allocation, Heap, Object};
pub use outcome::{Folded, FoldedRole, Hit, Outcome, TEXT_WRITE};
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

/// Classes of sources that say something of time, place or watchers.
const GATES: [&str; 5] = ["date", "locale", "sandbox", "host-facts", "clipboard"];
/// Most modules of one run.
pub const MODULES: usize = u16::MAX as usize;
/// Rounds of an open loop, and of all modules.
const ROUNDS: usize = 3;
/// Deepest chain of calls.
const CALLS: usize = 40;
/// Bytes that are looked at for the price of one operation.
const BYTES: usize = 64;
/// Clock far above what the budgets allow; what takes longer is cut.
const BACKSTOP: Duration = Duration::from_secs(10);
/// Rounds of a loop that is run exactly.
const EXACT: usize = 4096;
/// Operations inside of loops that are run exactly.
const EXACT_STEPS: usize = 200_000;
/// Rounds that an exact loop may go without a text or list that grows or shrinks: others decode nothing.
const IDLE: usize = 8;

pub(super) struct Interpreter<'a> {
    units: &'a [Unit<'a>],
    package: &'a Files<'a>,
    by_path: HashMap<&'a str, u16>,
    names: Names,
    /// Names of a module in this run's numbers.
    translated: Vec<Vec<Option<Sym>>>,
    /// Variables that several functions share, with whether they were read.
    cells: Vec<Vec<(Value, Cell<bool>)>>,
    objects: Heap,
    sites: FastMap<Allocation, ObjId>,
    exports: Vec<ObjId>,
    pushed: FastSet<(ObjId, FnRef, u32)>,
    known: FastMap<FnRef, Known>,
    /// What catalogues know of names, by language.
    entries: [Vec<Option<Option<&'a Entry>>>; 3],
    /// Members of interfaces by name.
    members: FastMap<(u8, Sym, Sym), Sym>,
    /// What interfaces are by themselves.
    paths: FastMap<(u8, Sym), Sym>,
    files: Written,
    /// Objects that are being called: functions made of others, and modules.
    calling: Vec<ObjId>,
    /// Members of the global object.
    globals: BTreeMap<Sym, Value>,
    /// JSON that was made of objects: what it holds was there before.
    forms: HashSet<Rc<str>>,
    /// Texts that files were given, where they are not long.
    drafts: BTreeMap<Rc<str>, Vec<Rc<str>>>,
    /// What JSON texts hold.
    json: HashMap<Rc<str>, Value>,
    /// Texts that were folded, by where they lie: their content may be long, and is asked for often.
    folded: FastMap<usize, Rc<str>>,
    seen: HashSet<(Sym, Sym, Place, String)>,
    out: Outcome,
    gates: Vec<Label>,
    depth: usize,
    steps: usize,
    /// Work that operations did beside being one, in bytes looked at; counts as steps soon.
    work: Cell<usize>,
    /// Operations so far.
    ticks: usize,
    /// When this began.
    began: Instant,
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
            cells: units.iter().map(|unit| vec![<_>::default(); unit.module.cells as usize]).collect(),
            objects: Heap::default(),
            sites: FastMap::default(),
            exports: Vec::new(),
            pushed: FastSet::default(),
            known: FastMap::default(),
            entries: Default::default(),
            members: FastMap::default(),
            paths: FastMap::default(),
            files: Written::default(),
            calling: Vec::new(),
            globals: BTreeMap::new(),
            forms: HashSet::new(),
            drafts: BTreeMap::new(),
            json: HashMap::new(),
            folded: FastMap::default(),
            seen: HashSet::new(),
            out: Outcome::default(),
            gates: Vec::new(),
            depth: 0,
            steps,
            work: Cell::default(),
            ticks: 0,
            began: Instant::now(),
            bytes: 16 * 1024 * 1024,
            exact: 0,
            exact_steps: EXACT_STEPS,
            growth: 0,
            changed: false,
            started: Vec::new(),
            shell: shell::Shell::default(),
        };
        for (at, unit) in units.iter().enumerate() {
            let exports = new.objects.push(Object::default());
            new.exports.push(exports);
            if !unit.path.is_empty() {
                new.by_path.insert(&unit.path, at as u16);
            }
        }
        new
    }

    fn round(&mut self) {
        self.known.values_mut().for_each(|known| {
            known.contexts.clear();
            known.joined.iter_mut().for_each(|joined| joined.is_done = false);
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

    /// Counts bytes or members that were looked at.
    fn spend(&self, bytes: usize) {
        self.work.set(self.work.get().saturating_add(bytes));
    }

    /// Takes a step and what was spent since the last one; whether there is one left.
    fn has_step(&mut self) -> bool {
        let spent = self.work.take();
        self.work.set(spent % BYTES);
        self.steps = self.steps.saturating_sub(1 + spent / BYTES);
        self.ticks += 1;
        if self.ticks.is_multiple_of(1024) && self.began.elapsed() > BACKSTOP {
            self.steps = 0;
        }
        self.steps > 0
    }

    /// Either of two values.
    fn either(&self, a: &Value, b: &Value) -> Value {
        self.spend(a.size().saturating_add(b.size()) / 4);
        a.join(b)
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
                let joined =
                    parts.iter().fold(Value::default(), |all, slot| self.either(&all, &self.read(frame, *slot)));
                if frame.is_variable(op.dst) || frame.shared(op.dst).is_some() {
                    self.write_variable(frame, op.dst, joined);
                    return;
                }
                joined
            }
            OpKind::Binary(kind, a, b) => {
                let (a, b) = (self.read(frame, a), self.read(frame, b));
                let site = (frame.function, at);
                let whole = match module.language {
                    Language::Python => {
                        self.overloaded(site, kind, &a, &b, place).or_else(|| self.combined(site, kind, &a, &b))
                    }
                    _ => None,
                };
                whole.unwrap_or_else(|| self.binary(kind, &a, &b))
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
            OpKind::New(shape, pool) => self.container(frame, at, shape, module.slots(pool), place),
            OpKind::Spread(to, from) => {
                let (to, from) = (self.read(frame, to), self.read(frame, from));
                self.spread(&to, &from);
                to
            }
            OpKind::Each(of) => {
                let of = self.read(frame, of);
                if let Some(name) = self.variable_names(&of, place) {
                    name
                } else if let Some(next) = self.next_of(&of, place) {
                    next
                } else if module.language == Language::Python && self.is_table(&of) {
                    self.keys(&of, place)
                } else {
                    let item = frame.item(self, &of);
                    self.taken_from(&of, item)
                }
            }
            OpKind::Keys(of) => {
                let of = self.read(frame, of);
                self.keys(&of, place)
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
                frame.given = frame.given.join(&value);
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
            OpKind::Named(names, of) => {
                let of = module.slots(of);
                let mut all: Vec<_> = module.slots(names).iter().flat_map(|slot| frame.read(*slot).texts()).collect();
                all.extend(of.iter().flat_map(|slot| self.names_in(&frame.read(*slot))));
                frame.narrow(&all, of, op.dst);
                return;
            }
            OpKind::If(_) | OpKind::Else | OpKind::Loop | OpKind::Try | OpKind::While(_) | OpKind::End => return,
        };
        frame.write(op.dst, value);
    }

    fn read(&self, frame: &Frame, slot: Slot) -> Value {
        let value = frame.read(slot);
        match frame.shared(slot) {
            // Inner functions may have changed it meanwhile.
            Some(cell) => self.either(&value, &self.cell(frame.function.0, cell)),
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
        let Some((value, is_read)) = self.cells[module as usize].get(cell as usize) else { return Value::default() };
        is_read.set(true);
        value.clone()
    }

    fn set_cell(&mut self, module: u16, cell: u32, value: &Value) {
        let Some((slot, is_read)) = self.cells[module as usize].get_mut(cell as usize) else { return };
        self.work.set(self.work.get() + (slot.size() + value.size()) / 4);
        let joined = slot.join(value);
        if joined.digest() != slot.digest() {
            *slot = joined;
            self.changed |= is_read.get();
        }
    }
}
