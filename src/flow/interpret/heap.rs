//! What a program made, and which of it was read: what changes after it was read is seen by another round only.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::flow::value::{FnRef, ObjId, Sym, Taint, Value, taints};

/// What a place of the program made.
#[derive(Debug, Clone, Default)]
pub(super) struct Object {
    pub fields: BTreeMap<Sym, Value>,
    pub items: Vec<Value>,
    /// What may stand under any key.
    pub rest: Value,
    /// Where members are looked for that are not found here.
    pub bases: Vec<ObjId>,
    /// What calling it does.
    pub bound: Option<Rc<Bound>>,
    /// How often it was made anew with other content.
    pub version: u32,
    pub is_list: bool,
    pub is_class: bool,
    /// Whether it stands for the arguments of a call.
    pub is_splat: bool,
    pub read: Reads,
    /// Found when it is asked for, and again after a change.
    pub content: OnceCell<Content>,
}

/// What the members of an object are, one with the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// Where they came from.
    pub taint: Taint,
    /// Objects among them, each once.
    pub objects: Vec<ObjId>,
}

impl Content {
    fn of<'a>(members: impl Iterator<Item = &'a Value>) -> Self {
        let mut found = Self::default();
        for member in members.filter(|member| !member.is_plain()) {
            let inner = member.get();
            found.taint = taints(&found.taint, &member.whole_taint());
            found.objects.extend(&inner.objs);
        }
        found.objects.sort_unstable();
        found.objects.dedup();
        found
    }
}

impl Object {
    /// All that stands under any key, in order or under a name.
    pub(super) fn members(&self) -> impl Iterator<Item = &Value> {
        [&self.rest].into_iter().chain(&self.items).chain(self.fields.values())
    }

    /// What is in it, and how many members were looked at to say so.
    pub(super) fn content(&self) -> (&Content, usize) {
        let is_known = self.content.get().is_some();
        let looked_at = if is_known { 1 } else { self.fields.len() + self.items.len() + 1 };
        (self.content.get_or_init(|| Content::of(self.members())), looked_at)
    }

    /// What is in it but for a member of this name.
    pub(super) fn content_without(&self, name: Sym) -> Content {
        let fields = self.fields.iter().filter(|(key, _)| **key != name).map(|(_, value)| value);
        Content::of(fields.chain(&self.items).chain([&self.rest]))
    }
}

/// A function that was made of another one.
#[derive(Debug)]
pub(super) enum Bound {
    /// Some of its arguments are given.
    Partial { callee: Value, receiver: Value, args: Vec<Value>, named: Vec<(Value, Value)> },
    /// Keeps its argument in an object.
    Keep(ObjId),
    /// Gives a member of its argument.
    Member(Value),
    /// Calls a method of its argument.
    Method { name: Value, args: Vec<Value>, named: Vec<(Value, Value)> },
}

/// Which members were read, by a bit of their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads(Cell<u64>);

/// Items of a list, and what may stand under any key.
const ITEMS: u64 = 1 << 63;
/// Labels of all that is in it.
const LABELS: u64 = 1 << 62;
const NAMES: u32 = 62;

impl Reads {
    /// A member is read.
    pub(super) fn member(&self, key: Sym) {
        self.0.set(self.0.get() | 1 << (key % NAMES));
    }

    /// Items are read.
    pub(super) fn items(&self) {
        self.0.set(self.0.get() | ITEMS);
    }

    /// It is asked where all that is in it came from.
    pub(super) fn labels(&self) {
        self.0.set(self.0.get() | LABELS);
    }

    /// All is read.
    pub(super) fn all(&self) {
        self.0.set(u64::MAX);
    }

    /// Whether a member may have been read that has this value now.
    pub(super) fn had_member(&self, key: Sym, value: &Value) -> bool {
        self.0.get() >> (key % NAMES) & 1 == 1 || self.had_labels(value)
    }

    /// Whether items may have been read of which this is one now.
    pub(super) fn had_items(&self, value: &Value) -> bool {
        self.0.get() & ITEMS != 0 || self.had_labels(value)
    }

    /// Whether labels may have been read, where the value has any.
    fn had_labels(&self, value: &Value) -> bool {
        let inner = value.get();
        self.0.get() & LABELS != 0 && (inner.taint.is_some() || !inner.objs.is_empty())
    }

    /// Whether anything was read.
    pub(super) fn had_any(&self) -> bool {
        self.0.get() != 0
    }
}

/// All objects of a run.
#[derive(Debug, Default)]
pub(super) struct Heap(Vec<Object>);

impl Heap {
    pub(super) fn push(&mut self, mut object: Object) -> ObjId {
        object.content.take();
        self.0.push(object);
        self.0.len() as ObjId - 1
    }

    /// An object of which anything may be read.
    pub(super) fn get(&self, id: ObjId) -> Option<&Object> {
        self.shape(id).inspect(|object| object.read.all())
    }

    /// What kind of object it is; whoever reads a member says so.
    pub(super) fn shape(&self, id: ObjId) -> Option<&Object> {
        self.0.get(id as usize)
    }

    /// A member of the object itself.
    pub(super) fn field(&self, id: ObjId, key: Sym) -> Option<&Value> {
        self.shape(id).inspect(|object| object.read.member(key))?.fields.get(&key)
    }

    pub(super) fn get_mut(&mut self, id: ObjId) -> Option<&mut Object> {
        let object = self.0.get_mut(id as usize)?;
        object.content.take();
        Some(object)
    }
}

/// A place of a function, in one of the ways that it is called.
pub(super) type Allocation = (FnRef, u32, u32);
