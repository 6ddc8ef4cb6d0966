//! One run of one function: its slots, its branches and loops.

use std::rc::Rc;

use super::shell::{Ends, Store};
use super::{EXACT, IDLE, Interpreter, ROUNDS};
use crate::flow::fast::{FastMap, FastSet};
use crate::flow::ir::{Op, OpKind, Slot};
use crate::flow::value::{FnRef, Lit, Place, UNKNOWN, Value};

/// Slots before a condition among which the path is that is made of the name it asks for.
const NEAR: Slot = 256;
/// Rounds of a loop that has none left.
const LAST: usize = usize::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    If,
    Else,
    Loop,
    Try,
}

struct Region {
    kind: Kind,
    /// First operation inside.
    start: usize,
    /// Variables that changed, with what they were before.
    log: Vec<(Slot, Value)>,
    /// Which these are.
    changed: FastSet<Slot>,
    /// What the first branch left in them.
    then: FastMap<Slot, Value>,
    /// Whether that branch left the function.
    is_then_dead: bool,
    is_dead: bool,
    /// The one branch that is taken, where the condition is known.
    only: Option<bool>,
    rounds: usize,
    /// Whether the loop is run exactly.
    is_exact: bool,
    /// Items that an exact loop went through.
    items: usize,
    /// Whether this round of an exact loop changed a variable.
    rewrote: bool,
    /// The interpreter's count of growth when this round began.
    growth: u64,
    /// Rounds in a row without growth.
    idle: usize,
    gates: usize,
}

impl Region {
    /// Remembers what a variable was when the region began.
    fn keep(&mut self, slot: Slot, old: impl FnOnce() -> Value) {
        if self.changed.insert(slot) {
            self.log.push((slot, old()));
        }
    }
}

/// What is known of the runs of a function in this round.
#[derive(Default)]
pub(super) struct Known {
    pub contexts: Vec<(u64, Value)>,
    pub joined: Vec<Joined>,
    pub result: Value,
    /// Which of the contexts it runs in.
    pub context: u32,
    pub is_active: bool,
    /// Whether it was called while it ran, and gave what was known of its result.
    pub is_asked: bool,
    pub is_done: bool,
}

/// What a function got that is called in too many ways, by the place of the call.
#[derive(Default)]
pub(super) struct Joined {
    pub place: Option<Place>,
    pub args: Vec<Value>,
    pub named: Vec<(Value, Value)>,
    pub this: Value,
    pub result: Value,
    /// Whether it ran with these in this round.
    pub is_done: bool,
}

/// A function's run.
pub(super) struct Frame {
    pub function: FnRef,
    slots: Vec<Value>,
    shared: Vec<(Slot, u32)>,
    variables: Vec<bool>,
    regions: Vec<Region>,
    pub result: Value,
    /// What it gives one by one.
    pub given: Value,
    is_dead: bool,
    gates: usize,
}

impl Frame {
    pub(super) fn new(function: FnRef, slots: u32, shared: &[(Slot, u32)], ops: &[Op], gates: usize) -> Self {
        let mut variables = vec![false; slots as usize];
        for op in ops {
            if let (OpKind::Bind(_), Some(variable)) = (op.kind, variables.get_mut(op.dst as usize)) {
                *variable = true;
            }
        }
        Self {
            function,
            slots: vec![Value::default(); slots as usize],
            shared: shared.to_vec(),
            variables,
            regions: Vec::new(),
            result: Value::default(),
            given: Value::default(),
            is_dead: false,
            gates,
        }
    }

    pub(super) fn read(&self, slot: Slot) -> Value {
        self.slots.get(slot as usize).cloned().unwrap_or_default()
    }

    pub(super) fn shared(&self, slot: Slot) -> Option<u32> {
        self.shared.iter().find(|(known, _)| *known == slot).map(|(_, cell)| *cell)
    }

    pub(super) fn is_variable(&self, slot: Slot) -> bool {
        self.variables.get(slot as usize).copied().unwrap_or(false)
    }

    pub(super) fn write(&mut self, slot: Slot, value: Value) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = value;
        }
    }

    /// Gives a variable a value, so that branches can be joined.
    pub(super) fn write_logged(&mut self, slot: Slot, value: Value) {
        if let Some(region) = self.regions.last_mut() {
            region.rewrote |= region.is_exact;
            region.keep(slot, || self.slots.get(slot as usize).cloned().unwrap_or_default());
        }
        self.write(slot, value);
    }

    /// Files are named like one of these from here on, and so is what these variables hold.
    pub(super) fn narrow(&mut self, names: &[Rc<str>], of: &[Slot], at: Slot) {
        if names.is_empty() {
            return;
        }
        for slot in (at.saturating_sub(NEAR)..at).chain(of.iter().copied().filter(|slot| *slot + NEAR < at)) {
            let is_asked = of.contains(&slot);
            if !is_asked && !self.is_variable(slot) {
                continue;
            }
            let value = self.read(slot);
            let inner = value.get();
            let is_unknown = inner.lits.is_empty() && inner.objs.is_empty() && inner.fns.is_empty();
            let folders: Vec<String> = if is_unknown && is_asked {
                vec![String::new()]
            } else {
                let texts = value.texts().into_iter().filter(|text| text.ends_with(UNKNOWN));
                let folders = texts.map(|text| text.trim_end_matches(UNKNOWN).to_owned());
                folders.filter(|folder| folder.ends_with(['/', '\\'])).collect()
            };
            let paths = folders.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}{name}")));
            let paths: Vec<Lit> = paths.map(|path| Lit::Text(path.into())).collect();
            if !paths.is_empty() {
                self.write_logged(slot, value.join(&Value::lits(paths)));
            }
        }
    }

    /// A variable may have changed that is none of the function's own.
    pub(super) fn rewrites(&mut self) {
        if let Some(region) = self.regions.last_mut() {
            region.rewrote |= region.is_exact;
        }
    }

    /// What follows in this branch is not reached.
    pub(super) fn leave(&mut self) {
        match self.regions.last_mut() {
            Some(region) => region.is_dead = true,
            None => self.is_dead = true,
        }
    }

    /// Leaves the innermost loop, where it is certain that this point is reached.
    pub(super) fn break_loop(&mut self) {
        let Some(at) = self.regions.iter().rposition(|region| region.kind == Kind::Loop) else { return };
        let inside = self.regions.get_mut(at..).unwrap_or(&mut []);
        let is_certain = inside.iter().skip(1).all(|region| region.only.is_some());
        if is_certain && inside.first().is_some_and(|region| region.is_exact) {
            inside.iter_mut().for_each(|region| region.is_dead = true);
            inside.iter_mut().take(1).for_each(|region| region.rounds = LAST);
        }
    }

    /// Item of a list in a loop: the next one of an exact loop, any one of another.
    pub(super) fn item(&mut self, interpreter: &mut Interpreter<'_>, list: &Value) -> Value {
        if let Some(region) = self.regions.last_mut().filter(|region| region.kind == Kind::Loop && region.is_exact)
            && let Some(item) = interpreter.exact_item(list, region.items)
        {
            region.items += 1;
            return item;
        }
        interpreter.items(list)
    }

    /// Runs all operations.
    pub(super) fn run(&mut self, interpreter: &mut Interpreter<'_>, ops: &[Op]) {
        let mut at = 0;
        while let Some(op) = ops.get(at) {
            if !interpreter.has_step() {
                break;
            }
            if interpreter.exact > 0 {
                interpreter.exact_steps = interpreter.exact_steps.saturating_sub(1);
            }
            let is_dead = self.regions.last().map_or(self.is_dead, |region| region.is_dead);
            at = match op.kind {
                _ if is_dead && self.regions.is_empty() => break,
                OpKind::Else | OpKind::End => self.mark(interpreter, ops, at),
                _ if is_dead => skip(ops, at),
                OpKind::If(_) | OpKind::Loop | OpKind::Try | OpKind::While(_) => self.mark(interpreter, ops, at),
                _ => {
                    interpreter.step(self, at as u32, op);
                    at + 1
                }
            };
        }
        interpreter.gates.truncate(self.gates);
    }

    fn region(&self, kind: Kind, start: usize, gates: usize) -> Region {
        Region {
            kind,
            start,
            log: Vec::new(),
            changed: FastSet::default(),
            then: FastMap::default(),
            is_then_dead: false,
            is_dead: false,
            only: None,
            rounds: 0,
            is_exact: false,
            items: 0,
            rewrote: false,
            growth: 0,
            idle: 0,
            gates,
        }
    }

    fn mark(&mut self, interpreter: &mut Interpreter<'_>, ops: &[Op], at: usize) -> usize {
        match ops.get(at).map(|op| op.kind) {
            Some(OpKind::If(condition)) => self.branch(interpreter, ops, at, condition),
            Some(OpKind::Else) => self.otherwise(interpreter, ops, at),
            Some(OpKind::Try) => {
                // It is entered for certain.
                let region = self.region(Kind::Try, at + 1, interpreter.gates.len());
                interpreter.variables(Store::open);
                self.regions.push(Region { only: Some(true), ..region });
                at + 1
            }
            Some(OpKind::Loop) => {
                let mut region = self.region(Kind::Loop, at + 1, interpreter.gates.len());
                region.is_exact = match ops.get(at + 1).map(|op| op.kind) {
                    Some(OpKind::Each(list)) => {
                        let list = interpreter.read(self, list);
                        interpreter.is_exact_list(&list)
                    }
                    // Seen at its condition.
                    _ => interpreter.exact_steps > 0,
                };
                region.growth = interpreter.growth;
                interpreter.exact += usize::from(region.is_exact);
                interpreter.variables(Store::open);
                self.regions.push(region);
                at + 1
            }
            Some(OpKind::While(condition)) => {
                let condition = interpreter.read(self, condition).one().map(|lit| lit.text());
                let Some(region) = self.regions.last_mut().filter(|region| region.kind == Kind::Loop) else {
                    return at + 1;
                };
                match condition.as_deref() {
                    Some("false") if region.is_exact => {
                        region.rounds = LAST;
                        skip(ops, at + 1)
                    }
                    Some("true") if region.is_exact => {
                        region.items = region.items.max(1);
                        at + 1
                    }
                    _ => {
                        interpreter.exact -= usize::from(std::mem::replace(&mut region.is_exact, false));
                        at + 1
                    }
                }
            }
            Some(OpKind::End) => self.end(interpreter, ops, at),
            _ => at + 1,
        }
    }

    fn branch(&mut self, interpreter: &mut Interpreter<'_>, ops: &[Op], at: usize, condition: Slot) -> usize {
        let value = interpreter.read(self, condition);
        let mut region = self.region(Kind::If, at + 1, interpreter.gates.len());
        if interpreter.exact > 0 {
            region.only = value.one().and_then(|lit| match lit {
                Lit::Text(text) if &*text == "true" => Some(true),
                Lit::Text(text) if &*text == "false" => Some(false),
                _ => None,
            });
        }
        let gates = interpreter.gating(&value.taint());
        interpreter.gates.extend(gates.iter().flat_map(|labels| labels.iter().cloned()));
        let is_skipped = region.only == Some(false);
        interpreter.variables(Store::open);
        self.regions.push(region);
        if is_skipped { skip(ops, at + 1) } else { at + 1 }
    }

    fn otherwise(&mut self, interpreter: &mut Interpreter<'_>, ops: &[Op], at: usize) -> usize {
        let Some(region) = self.regions.last_mut() else { return at + 1 };
        region.kind = Kind::Else;
        if region.only == Some(true) {
            return skip(ops, at + 1);
        }
        region.is_then_dead = std::mem::take(&mut region.is_dead);
        if region.only.is_none() {
            interpreter.variables(Store::turn);
            for (slot, old) in region.log.iter().rev() {
                if let Some(place) = self.slots.get_mut(*slot as usize) {
                    let new = std::mem::replace(place, old.clone());
                    region.then.entry(*slot).or_insert(new);
                }
            }
        }
        at + 1
    }

    fn end(&mut self, interpreter: &mut Interpreter<'_>, ops: &[Op], at: usize) -> usize {
        let Some(mut region) = self.regions.pop() else { return at + 1 };
        if region.kind == Kind::Loop {
            let goes_on = self.loop_end(interpreter, &mut region, ops);
            if goes_on {
                let start = region.start;
                self.regions.push(region);
                return start;
            }
            interpreter.exact -= usize::from(region.is_exact);
        } else {
            self.join(interpreter, &region);
            let (is_then_dead, is_dead, is_only) = (region.is_then_dead, region.is_dead, region.only.is_some());
            interpreter.variables(|store| store.join(&Ends { is_then_dead, is_dead, is_only }));
        }
        interpreter.variables(Store::pop);
        let dead_then = if region.kind == Kind::Else { region.is_then_dead } else { region.is_dead };
        let dead_else = region.kind == Kind::Else && region.is_dead;
        // What comes after a branch that leaves is under the condition too.
        if region.kind != Kind::Try && (!(dead_then ^ dead_else) || region.kind == Kind::Loop) {
            interpreter.gates.truncate(region.gates);
        }
        if let Some(outer) = self.regions.last_mut() {
            outer.rewrote |= outer.is_exact && !region.log.is_empty();
            for (slot, old) in region.log {
                outer.keep(slot, || old);
            }
        }
        let is_over = (dead_then && dead_else) || (region.only.is_some() && region.is_dead);
        // What leaves a block that is tried may throw before; what is done at last is done in any case.
        if is_over && !matches!(region.kind, Kind::Loop | Kind::Try) {
            match self.regions.last_mut() {
                Some(outer) => outer.is_dead = true,
                None => self.is_dead = true,
            }
        }
        at + 1
    }

    fn join(&mut self, interpreter: &Interpreter<'_>, region: &Region) {
        if region.only.is_some() {
            return;
        }
        for (slot, old) in &region.log {
            let now = self.read(*slot);
            let joined = if region.kind == Kind::Else {
                let then = region.then.get(slot).unwrap_or(old);
                match (region.is_then_dead, region.is_dead) {
                    (true, false) => now,
                    (false, true) => then.clone(),
                    _ => interpreter.either(then, &now),
                }
            } else if region.is_dead {
                old.clone()
            } else {
                interpreter.either(&now, old)
            };
            self.write(*slot, joined);
        }
    }

    /// Whether the loop has another round.
    fn loop_end(&mut self, interpreter: &mut Interpreter<'_>, region: &mut Region, ops: &[Op]) -> bool {
        if region.rounds == LAST {
            region.is_dead = false;
            return false;
        }
        region.rounds += 1;
        region.is_dead = false;
        if region.is_exact {
            let more = match ops.get(region.start).map(|op| op.kind) {
                Some(OpKind::Each(list)) => {
                    let list = interpreter.read(self, list);
                    interpreter.exact_item(&list, region.items).is_some()
                }
                // A loop without a condition that was seen is not exact, nor is one in which nothing changes.
                _ => region.items > 0 && std::mem::take(&mut region.rewrote),
            };
            let has_grown = std::mem::replace(&mut region.growth, interpreter.growth) != interpreter.growth;
            region.idle = if has_grown { 0 } else { region.idle + 1 };
            if more && region.rounds < EXACT && region.idle < IDLE && interpreter.exact_steps > 0 {
                return true;
            }
            if more || region.items == 0 {
                interpreter.exact -= 1;
                region.is_exact = false;
                region.rounds = 1;
            } else {
                return false;
            }
        }
        let mut is_new = false;
        interpreter.variables(|store| is_new = store.again());
        for (slot, old) in &mut region.log {
            let now = self.read(*slot);
            let joined = interpreter.either(old, &now);
            is_new |= joined.digest() != old.digest();
            *old = joined.clone();
            self.write(*slot, joined);
        }
        is_new && region.rounds < ROUNDS
    }
}

/// The mark that ends the branch or loop that `at` stands in.
fn skip(ops: &[Op], at: usize) -> usize {
    let mut inside = 0usize;
    for (index, op) in ops.iter().enumerate().skip(at) {
        match op.kind {
            OpKind::If(_) | OpKind::Loop | OpKind::Try => inside += 1,
            OpKind::End if inside == 0 => return index,
            OpKind::Else if inside == 0 => return index,
            OpKind::End => inside -= 1,
            _ => {}
        }
    }
    ops.len()
}
