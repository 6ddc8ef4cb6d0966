//! Lists and other containers as a whole: their items, their keys, parts of them.

use std::rc::Rc;

use super::Interpreter;
use super::call::Call;
use super::heap::Object;
use super::object::ITEMS;
use super::trail::alone;
use crate::flow::fold::{self, Fold};
use crate::flow::ir::Binary;
use crate::flow::value::{FnRef, Inner, Lit, ObjId, Place, Sym, UNKNOWN, Value, cut, taints};

/// Stands for the name of each variable of an environment.
pub(super) const ANY_VARIABLE: &str = "<each variable>";
/// Names of files that are taken from a list, and bytes of one.
const NAMES: usize = 6;
const NAME: std::ops::RangeInclusive<usize> = 3..=40;
/// Bytes of a text that is taken apart.
const LETTERS: usize = 4096;
/// Constants in a list of lists that is gone through item by item.
const NESTED: usize = 512;

/// Members that are looked at where any may be meant.
const LISTED: usize = 1 << 14;

impl Interpreter<'_> {
    pub(super) fn spread(&mut self, to: &Value, from: &Value) {
        let source = from.get();
        let mut extra = Value::default();
        if source.taint.is_some() || source.objs.is_empty() {
            extra = Value::unknown().with(&source.taint);
        }
        // A text is its letters.
        let text = from.one().filter(|_| source.objs.is_empty()).map(|lit| lit.text());
        let letters = text.filter(|text| text.len() <= LETTERS);
        let copies: Vec<Object> = source.objs.iter().filter_map(|id| self.objects.get(*id).cloned()).collect();
        for id in &to.get().objs {
            if let Some(text) = &letters {
                let Some(object) = self.objects.get_mut(*id) else { continue };
                object.is_list = true;
                object.items.extend(text.chars().map(|c| Value::text(c.to_string()).with(&source.taint)));
            } else if !extra.is_unset() {
                let Some(object) = self.objects.get_mut(*id) else { continue };
                object.rest = object.rest.join(&extra);
            }
            for copy in &copies {
                self.spend(16 * (copy.items.len() + copy.fields.len()));
                let Some(object) = self.objects.get_mut(*id) else { continue };
                object.is_list |= copy.is_list;
                object.rest = object.rest.join(&copy.rest);
                for item in &copy.items {
                    if object.items.len() < ITEMS && object.items.len() < 4 * copy.items.len().max(8) {
                        object.items.push(item.clone());
                    } else {
                        object.rest = object.rest.join(item);
                    }
                }
                for (key, value) in &copy.fields {
                    let field = object.fields.entry(*key).or_default();
                    *field = field.join(value);
                }
            }
        }
    }

    /// A container as arguments.
    pub(super) fn splat(&mut self, (function, at): (FnRef, u32), from: &Value) -> Value {
        let id = self.site(function, at);
        if let Some(object) = self.objects.get_mut(id) {
            *object = Object { is_splat: true, ..Object::default() };
        }
        let to = Value::object(id);
        self.spread(&to, from);
        to.with(&from.taint())
    }

    /// Whether a list or text is known item by item.
    pub(super) fn is_exact_list(&self, list: &Value) -> bool {
        self.exact_steps > 0
            && self.exact_item(list, 0).is_some()
            && match list.get().objs.as_slice() {
                [id] => self.objects.get(*id).is_some_and(|object| {
                    self.spend(8 * object.items.len().min(2048));
                    object.items.len() <= 2048 && object.items.iter().all(|item| self.is_plain(item))
                }),
                _ => list.one().is_some_and(|lit| lit.text().len() <= 8192),
            }
    }

    /// Whether a value is a constant, or a list of constants.
    pub(super) fn is_plain(&self, value: &Value) -> bool {
        let of = |id: &ObjId| self.objects.get(*id).map_or(&[][..], |object| &object.items);
        match value.get().objs.as_slice() {
            [] => value.one().is_some(),
            [id] => !of(id).is_empty() && of(id).len() <= NESTED && of(id).iter().all(|item| item.one().is_some()),
            _ => false,
        }
    }

    /// An item of a list or text that is known item by item.
    pub(super) fn exact_item(&self, list: &Value, at: usize) -> Option<Value> {
        let inner = list.get();
        match inner.objs.as_slice() {
            [id] => {
                // What may be something else as well is not known.
                let is_only_this = !inner.is_open && inner.apis.is_empty() && inner.lits.is_empty();
                let object = self.objects.get(*id).filter(|object| is_only_this && object.rest.is_unset())?;
                object.items.get(at).cloned()
            }
            [] => match list.one()? {
                Lit::Text(text) => {
                    self.spend(at);
                    Some(Value::text(text.chars().nth(at)?.to_string()))
                }
                Lit::Number(_) => None,
            },
            _ => None,
        }
    }

    /// What was found, or one of these.
    pub(super) fn one_of<'m>(&self, found: Value, members: impl Iterator<Item = &'m Value>) -> Value {
        let mut found = found;
        for (at, member) in members.enumerate() {
            self.spend(if member.is_plain() { 1 } else { 16 });
            if at == LISTED {
                return found.with(&cut());
            }
            let joined = found.join(member);
            // Of an object that is one too many it matters what it holds.
            let is_over = joined.get().lacks_objects && !found.get().lacks_objects && !member.get().lacks_objects;
            found = match is_over {
                true if self.deep(member, usize::MAX).is_some() => joined.without_lack().with(&cut()),
                true => joined.without_lack(),
                false => joined,
            };
        }
        found
    }

    /// Any item of a list.
    pub(super) fn items(&mut self, list: &Value) -> Value {
        let inner = list.get();
        let mut found = Value::default();
        for id in &inner.objs {
            let Some(object) = self.objects.get(*id) else { continue };
            // What an object is opened by, or calls later, is no item of it.
            let is_item = |key: &Sym| !object.is_list && !self.names.get(*key).starts_with(UNKNOWN);
            let fields = object.fields.iter().filter(|(key, _)| is_item(key)).map(|(_, field)| field);
            found = self.one_of(found, [&object.rest].into_iter().chain(&object.items).chain(fields));
        }
        if found.is_unset() {
            found = Value::unknown();
        }
        alone(&found).with(&inner.taint)
    }

    /// What comes next where an interface is read in a loop, as a connection is line by line.
    pub(super) fn next_of(&mut self, of: &Value, place: Place) -> Option<Value> {
        let api = of.get().apis.iter().find_map(|api| {
            let next = self.names.intern(&format!("{}.*", self.names.get(*api)));
            self.entry(place.module, next).is_some().then_some(next)
        })?;
        Some(self.interned(api, place).join(&Value::unknown()).with(&of.taint()))
    }

    /// The name of any variable, of an environment.
    pub(super) fn variable_names(&mut self, of: &Value, place: Place) -> Option<Value> {
        let is_environment = of.get().apis.iter().any(|api| {
            let entry = self.entry(place.module, *api);
            entry.is_some_and(|entry| entry.sources.iter().any(|source| source.members && source.class == "env"))
        });
        is_environment.then(|| Value::api(self.names.intern(ANY_VARIABLE)))
    }

    /// Whether a value is a table of keys, and nothing else.
    pub(super) fn is_table(&self, of: &Value) -> bool {
        let inner = of.get();
        let is_table = |id: &ObjId| {
            self.objects.get(*id).is_some_and(|object| {
                let is_plain = !object.is_list && !object.is_class && object.bases.is_empty() && object.rest.is_unset();
                let is_named = |key: &u32| !self.names.get(*key).starts_with(UNKNOWN);
                is_plain && !object.fields.is_empty() && object.fields.keys().all(is_named)
            })
        };
        inner.apis.is_empty() && !inner.objs.is_empty() && inner.objs.iter().all(is_table)
    }

    /// Whether a value is a table, of whatever keys.
    pub(super) fn holds_tables(&self, of: &Value) -> bool {
        let inner = of.get();
        let is_table = |id: &ObjId| {
            let object = self.objects.get(*id);
            object.is_some_and(|object| !object.is_list && !object.is_class && object.bases.is_empty())
        };
        inner.apis.is_empty() && !inner.objs.is_empty() && inner.objs.iter().all(is_table)
    }

    pub(super) fn keys(&mut self, of: &Value, place: Place) -> Value {
        if let Some(name) = self.variable_names(of, place) {
            return name;
        }
        let mut keys: Vec<Lit> = Vec::new();
        let inner = of.get();
        for id in &inner.objs {
            let Some(object) = self.objects.get(*id) else { continue };
            keys.extend(object.fields.keys().take(9).map(|key| Lit::Text(self.names.get(*key))));
        }
        // Names of what is kept, not what is kept.
        Value::lits(keys)
    }

    /// Constants of a list, in order; with a hole for what is not known.
    pub(super) fn list(&self, value: &Value) -> Option<Vec<Lit>> {
        let inner = value.get();
        let [id] = inner.objs.as_slice() else { return None };
        let object = self.objects.get(*id).filter(|object| object.is_list)?;
        self.spend(16 * object.items.len());
        let mut all: Vec<Lit> = object
            .items
            .iter()
            .map(|item| item.get().lits.first().cloned().unwrap_or_else(|| Lit::Text("\u{1a}".into())))
            .collect();
        if !object.rest.is_unset() {
            all.extend(object.rest.get().lits.iter().cloned());
            all.push(Lit::Text("\u{1a}".into()));
        }
        Some(all)
    }

    /// Names of files, or endings of such, in a list of constants.
    pub(super) fn names_in(&self, value: &Value) -> Vec<Rc<str>> {
        let all = self.list(value).unwrap_or_default();
        let names = all.iter().map(Lit::text).filter(|text| NAME.contains(&text.len()) && text.contains(['.', '_']));
        let named = |name: Rc<str>| match name.starts_with('.') && &*name != ".env" {
            true => format!("{UNKNOWN}{name}").into(),
            false => name,
        };
        names.map(named).take(NAMES).collect()
    }

    /// A new list of these values.
    pub(super) fn new_list(&mut self, function: FnRef, at: u32, items: Vec<Value>, rest: Value) -> Value {
        let id = self.site(function, at);
        if let Some(object) = self.objects.get_mut(id) {
            let digests = |items: &[Value]| items.iter().take(16).map(Value::digest).collect::<Vec<_>>();
            let is_same = object.rest.digest() == rest.digest() && digests(&object.items) == digests(&items);
            object.version += u32::from(!is_same);
            object.is_list = true;
            (object.items, object.rest) = (items, rest);
            object.items.truncate(ITEMS);
        }
        Value::object(id)
    }

    /// A list of what stands in another one, nobody knows where, if it matters where.
    pub(super) fn disordered(&mut self, list: &Value, call: &Call) -> Value {
        let is_from_somewhere = |id: &ObjId| {
            let object = self.objects.shape(*id).filter(|object| object.is_list && object.items.len() > 1);
            object.is_some_and(|object| object.content().0.taint.is_some())
        };
        let inner = list.get();
        let [id] = inner.objs.as_slice() else { return list.clone() };
        if !is_from_somewhere(id) {
            return list.clone();
        }
        let item = self.items(list);
        self.new_list(call.site.0, call.site.1, Vec::new(), item).with(&inner.taint)
    }

    /// Lists one after the other, tables and sets as one.
    pub(super) fn combined(&mut self, site: (FnRef, u32), kind: Binary, a: &Value, b: &Value) -> Option<Value> {
        let (left, right) = (a.get(), b.get());
        if (left.objs.is_empty() && right.objs.is_empty()) || !(left.lits.is_empty() && right.lits.is_empty()) {
            return None;
        }
        // A list that grows in a loop is any of its states.
        let own = self.sites.get(&self.site_now(site.0, site.1));
        let known = |inner: &Inner| match inner.objs.as_slice() {
            [id] if own != Some(id) => {
                let object = self.objects.get(*id).filter(|object| object.is_list && object.rest.is_unset())?;
                self.spend(8 * object.items.len());
                Some(object.items.clone())
            }
            _ => None,
        };
        if kind == Binary::Add
            && let (Some(mut items), Some(more)) = (known(&left), known(&right))
        {
            items.extend(more);
            // What each line of a long program keeps adds up.
            self.bytes = self.bytes.saturating_sub(8 * items.len());
            if self.bytes == 0 {
                return Some(self.either(a, b));
            }
            let taint = taints(&left.taint, &right.taint);
            return Some(self.new_list(site.0, site.1, items, Value::default()).with(&taint));
        }
        match kind {
            Binary::Add | Binary::Or | Binary::And | Binary::Xor => Some(self.either(a, b)),
            Binary::Sub => Some(a.clone()),
            _ => None,
        }
    }

    pub(super) fn sliced(&mut self, of: &Value, bounds: &[Option<Value>; 2]) -> Value {
        let bound =
            |at: usize| bounds.get(at).and_then(Option::as_ref).and_then(Value::one).and_then(|lit| lit.number());
        let inner = of.get();
        let is_known = bounds.iter().flatten().all(|bound| bound.one().is_some());
        if !is_known || inner.lits.is_empty() {
            let mut same = (**inner).clone();
            same.lits.clear();
            same.is_open = true;
            return Value::of(same);
        }
        self.spend(of.size());
        let args: Vec<Lit> = [bound(0).unwrap_or(0.0)].into_iter().chain(bound(1)).map(Lit::Number).collect();
        let lits = inner.lits.iter().filter_map(|lit| fold::apply(Fold::Slice, Some(lit), &args)).collect();
        self.made(lits).with(&inner.taint)
    }
}

pub(super) fn char_at(lit: &Lit, at: usize) -> Option<Lit> {
    Some(Lit::Text(lit.text().chars().nth(at)?.to_string().into()))
}
