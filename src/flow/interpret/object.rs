//! Objects and lists, by the place that makes them; their members are updated weakly.

use std::rc::Rc;

use super::heap::{Allocation, Object};
use super::list::{ANY_VARIABLE, char_at};
use super::trail::{alone, together};
use super::{FoldedRole, Interpreter};
use crate::flow::fast::FastSet;
use crate::flow::fold;
use crate::flow::ir::Shape;
use crate::flow::value::{
    Extent, FnRef, Inner, Label, Lit, ObjId, Place, Step, Sym, Taint, UNKNOWN, Value, Verb, cut, is_parser, taints,
};

/// Items of a list that are kept apart.
pub(super) const ITEMS: usize = 20_000;
/// Under this name, which no program can use, an object keeps what it was opened by.
pub(super) const OPENED: &str = "\u{1a}opened";
/// What all of a program shares.
const GLOBALS: [&str; 4] = ["globalThis", "global", "window", "self"];
/// Objects that are looked through for labels.
const OBJECTS: usize = 4096;
/// Members that hold all that a call gave.
const CARRIERS: [&str; 14] = [
    "all",
    "body",
    "buffer",
    "content",
    "data",
    "env",
    "environment",
    "json",
    "output",
    "payload",
    "result",
    "stdout",
    "text",
    "value",
];

impl Interpreter<'_> {
    pub(super) fn site(&mut self, function: FnRef, at: u32) -> ObjId {
        let site = self.site_now(function, at);
        if let Some(&object) = self.sites.get(&site) {
            return object;
        }
        let object = self.objects.push(Object::default());
        self.sites.insert(site, object);
        object
    }

    /// What a function makes for one caller is nothing to the others.
    pub(super) fn site_now(&self, function: FnRef, at: u32) -> Allocation {
        (function, at, self.known.get(&function).map_or(0, |known| known.context))
    }

    /// An object of its own, wherever it is made.
    pub(super) fn fresh(&mut self, object: Object) -> Value {
        self.bytes = self.bytes.saturating_sub(64 + 32 * (object.items.len() + object.fields.len()));
        if self.bytes == 0 {
            return Value::unknown();
        }
        Value::object(self.objects.push(object))
    }

    pub(super) fn fill(&mut self, id: ObjId, shape: Shape, values: &[Value], is_anew: bool) {
        if shape == Shape::List {
            let Some(object) = self.objects.get_mut(id) else { return };
            object.is_list = true;
            if is_anew {
                (object.items, object.rest) = (Vec::new(), Value::default());
            }
            for (at, value) in values.iter().enumerate() {
                match object.items.get_mut(at) {
                    Some(item) => *item = item.join(value),
                    None if at < ITEMS => object.items.push(value.clone()),
                    None => object.rest = object.rest.join(value),
                }
            }
            return;
        }
        for pair in values.chunks_exact(2) {
            if let [key, value] = pair {
                self.put(id, key, value);
            }
        }
    }

    pub(super) fn put(&mut self, id: ObjId, key: &Value, value: &Value) {
        // A key of which not all is known is any; so no program can use the names that the interpreter keeps things under.
        let (keys, open): (Vec<Rc<str>>, Vec<Rc<str>>) =
            key.texts().into_iter().partition(|key| !key.contains(UNKNOWN));
        self.work.set(self.work.get() + value.size());
        if keys.is_empty() || !open.is_empty() {
            let Some(object) = self.objects.get_mut(id) else { return };
            let joined = object.rest.join(&together(value));
            self.changed |= object.read.had_items(&joined) && joined.digest() != object.rest.digest();
            object.rest = joined;
        }
        for key in keys {
            let key = self.names.intern(&key);
            self.keep_member(id, key, value);
        }
    }

    /// A member may be this as well from here on.
    pub(super) fn keep_member(&mut self, id: ObjId, key: Sym, value: &Value) {
        let Some(object) = self.objects.get_mut(id) else { return };
        let field = object.fields.entry(key).or_default();
        let joined = field.join(value);
        if joined.digest() != field.digest() {
            self.changed |= object.read.had_member(key, &joined);
            *field = joined;
        }
    }

    pub(super) fn class(&mut self, id: ObjId, base: &Value) -> Value {
        let inner = base.get();
        let Some(object) = self.objects.get_mut(id) else { return Value::unknown() };
        object.is_class = true;
        object.bases = inner.objs.iter().copied().filter(|base| *base != id).collect();
        Value::of(Inner { objs: vec![id], apis: inner.apis.clone(), ..Inner::default() })
    }

    /// Member of an object or of what it is based on.
    fn field(&self, id: ObjId, key: Sym) -> Value {
        let mut found = Value::default();
        let mut queue = vec![id];
        let mut seen = 0;
        while let Some(id) = queue.pop().filter(|_| seen < 16) {
            seen += 1;
            match self.objects.field(id, key) {
                Some(value) => found = found.join(value),
                None => queue.extend(self.objects.shape(id).into_iter().flat_map(|object| &object.bases)),
            }
        }
        found
    }

    /// A member by name; a method knows what it is of.
    pub(super) fn get(&mut self, of: &Value, key: Sym, place: Place) -> Value {
        let member = self.member_of(of, key, place);
        let inner = of.get();
        if inner.objs.is_empty() {
            return member;
        }
        let member = self.got(of, member, place);
        self.taken_from(of, member).of_object(of)
    }

    /// What a member gives that is called where it is read.
    fn got(&mut self, of: &Value, member: Value, place: Place) -> Value {
        let inner = member.get();
        let is_getter = |this: &Self, function: &FnRef| this.function(*function).is_some_and(|code| code.is_getter);
        if !inner.fns.iter().any(|function| is_getter(self, function)) {
            return member;
        }
        let (getters, fns): (Vec<FnRef>, Vec<FnRef>) = inner.fns.iter().partition(|function| is_getter(self, function));
        let rest = Value::of(Inner { fns, ..(**inner).clone() });
        getters.into_iter().fold(rest, |all, getter| {
            let given = self.invoke(getter, &[], &[], of, Some(place));
            all.join(&given)
        })
    }

    fn member_of(&mut self, of: &Value, key: Sym, place: Place) -> Value {
        let inner = of.get();
        let name = self.names.get(key);
        let mut found = Value::default();
        for object in &inner.objs {
            found = found.join(&self.field(*object, key));
            let Some(object) = self.objects.shape(*object) else { continue };
            if !object.is_list {
                object.read.items();
            }
            if object.is_list
                && let Ok(at) = name.parse::<isize>()
            {
                object.read.items();
                found = found.join(&alone(&item_at(object, at)));
            } else if !object.rest.is_unset() && !object.is_list {
                let rest = alone(&object.rest);
                found = found.join(&self.entry_of(rest, key));
            }
        }
        if &*name == "length" || &*name == "size" {
            return self.length(&inner);
        }
        if let (Ok(at), false) = (name.parse::<usize>(), inner.lits.is_empty()) {
            self.spend(at.min(of.size()));
            let chars: Vec<Lit> = inner.lits.iter().filter_map(|lit| char_at(lit, at)).collect();
            return found.join(&Value::lits(chars).with(&inner.taint));
        }
        let property = match inner.lits.is_empty() {
            true => None,
            false => self.catalogue(place.module).get(&format!("?.{name}")).and_then(|entry| entry.property),
        };
        if let Some(op) = property {
            let lits = inner.lits.iter().filter_map(|lit| fold::apply(op, Some(lit), &[])).collect();
            found = found.join(&self.made(lits));
        }
        for api in &inner.apis {
            found = found.join(&self.member(*api, &name, place));
            if let Some(known) = self.globals.get(&key).filter(|_| GLOBALS.contains(&&*self.names.get(*api))) {
                found = found.join(known);
            }
        }
        if !inner.apis.is_empty() {
            // All of an environment is more than one of its variables.
            let is_table = inner.apis.iter().any(|api| {
                self.entry(place.module, *api).is_some_and(|entry| entry.sources.iter().any(|source| source.members))
            });
            let found = self.of_client(found, of);
            // What anyone may know of it, as the address of an account, says nothing of the rest.
            let is_public = self.catalogue(place.module).get(&format!("?.{name}")).is_some_and(|entry| entry.sanitizes);
            return if is_table || is_public { found } else { found.with(&self.narrowed(&inner.taint, key, place)) };
        }
        if !found.is_unset() {
            return found.with(&self.narrowed(&inner.taint, key, place));
        }
        let member = self.method(&inner, &name, place);
        let entry = self.catalogue(place.module).get(&format!("?.{name}"));
        if entry.is_some_and(|entry| entry.sanitizes) {
            member
        } else {
            member.with(&self.narrowed(&inner.taint, key, place))
        }
    }

    /// Labels of what something unknown holds under a name. Of what was made of a whole environment that is one of the
    /// variables, and of a file that was parsed a part, unless the name says that it is what came out.
    fn narrowed(&mut self, taint: &Taint, key: Sym, place: Place) -> Taint {
        if taint.is_none() || CARRIERS.contains(&&*self.names.get(key)) {
            return taint.clone();
        }
        let part = self.entry_of(Value::unknown().with(taint), key);
        let file = self.names.intern("file");
        let is_parser = |step: &Rc<Step>| step.verb == Verb::Changed && is_parser(&self.names.get(step.what));
        let is_parsed = |label: &Label| {
            label.class == file && label.extent == Extent::Whole && label.trail.all().iter().any(is_parser)
        };
        if !part.taint().iter().flat_map(|labels| labels.iter()).any(is_parsed) {
            return alone(&part).taint();
        }
        let what = self.names.intern("?.get");
        self.stepped_as(&part, place, Verb::Changed, what).taint()
    }

    /// What stands under a name in a copy: of an environment it is that variable, not all of them.
    pub(super) fn entry_of(&mut self, rest: Value, name: Sym) -> Value {
        let taint = rest.taint();
        let (env, all) = (self.names.intern("env"), self.names.intern("*"));
        let is_whole = |label: &Label| label.class == env && label.name == all;
        let Some(labels) = taint.filter(|labels| labels.iter().any(is_whole)) else { return rest };
        let named = |label: &Label| Label { name: if is_whole(label) { name } else { label.name }, ..label.clone() };
        rest.relabelled(Some(Rc::new(labels.iter().map(named).collect())))
    }

    fn length(&mut self, inner: &Inner) -> Value {
        self.spend(inner.lits.iter().map(Lit::size).sum());
        let texts = inner.lits.iter().map(|lit| Lit::Number(lit.text().chars().count() as f64));
        let mut all: Vec<Lit> = if inner.is_open { Vec::new() } else { texts.collect() };
        if let ([id], true) = (inner.objs.as_slice(), all.is_empty())
            && let Some(object) = self.objects.get(*id).filter(|object| object.rest.is_unset())
        {
            all.push(Lit::Number(object.items.len() as f64));
        }
        Value::lits(all)
    }

    pub(super) fn get_at(&mut self, of: &Value, key: &Value, place: Place) -> Value {
        let keys = key.get();
        let inner = of.get();
        self.spend(key.size());
        if keys.lits.is_empty() {
            if let Some(value) = self.any_built_in(&inner, key) {
                return value;
            }
            let is_each = keys.apis.iter().any(|api| &*self.names.get(*api) == ANY_VARIABLE);
            let found = self.any_member(&inner, if is_each { "*" } else { "?" }, place);
            // Which letter of an alphabet it is says what was encoded with it.
            let is_alphabet = !inner.lits.is_empty() && inner.objs.is_empty();
            return if is_alphabet { found.with(&key.taint()) } else { found };
        }
        let is_member = inner.apis.iter().any(|_| true);
        let mut found = Value::default();
        for lit in &keys.lits {
            let name = lit.text();
            if is_member {
                self.use_text(key, place, FoldedRole::Plain);
            }
            let sym = self.names.intern(&name);
            found = found.join(&self.get(of, sym, place));
        }
        if keys.is_open && !inner.objs.is_empty() {
            found = found.join(&self.any_member(&inner, "?", place));
        }
        found
    }

    /// What is built in, under a name from the network: that may be what runs a text.
    fn any_built_in(&mut self, of: &Inner, key: &Value) -> Option<Value> {
        let is_world = |api: &Sym| matches!(&*self.names.get(*api), "builtins" | "globalThis");
        let labels = key.taint()?;
        let is_fetched = labels.iter().any(|label| &*self.names.get(label.class) == "fetched");
        (is_fetched && of.apis.iter().any(is_world)).then(|| Value::api(self.names.intern("eval")))
    }

    /// A member whose name is not known.
    fn any_member(&mut self, inner: &Inner, name: &str, place: Place) -> Value {
        let mut found = Value::default();
        for object in &inner.objs {
            let Some(object) = self.objects.get(*object) else { continue };
            found = self.one_of(found, object.members());
        }
        for api in &inner.apis {
            let named = self.entry(place.module, *api);
            let named = named.and_then(|entry| entry.sources.iter().find(|source| source.members));
            match named {
                Some(source) => {
                    let base = self.names.get(*api);
                    let taint = self.label(&source.class, name, place, &base);
                    found = found.join(&Value::unknown().with(&taint));
                }
                None => found = found.join(&Value::unknown()),
            }
        }
        if inner.apis.is_empty() {
            found = found.with(&inner.taint);
        }
        if found.is_unset() { Value::unknown() } else { found }
    }

    pub(super) fn set(&mut self, of: &Value, key: Sym, value: &Value, place: Place) {
        let name = self.names.get(key);
        self.use_text(value, place, FoldedRole::Plain);
        let value = self.stepped_as(value, place, Verb::Kept, key);
        let inner = of.get();
        for id in &self.table_of(of) {
            if &*name == "*" && self.exports.contains(id) {
                self.replace_exports(*id, &value);
                continue;
            }
            let key = Value::text(Rc::clone(&name));
            let is_item = name.parse::<usize>().is_ok();
            if is_item && self.objects.shape(*id).is_some_and(|object| object.is_list) {
                self.put_item(*id, &name, &value);
            } else {
                self.put(*id, &key, &value);
            }
        }
        for api in &inner.apis {
            let path = format!("{}.{name}", self.names.get(*api));
            if GLOBALS.contains(&&*self.names.get(*api)) {
                let known = self.globals.entry(key).or_default();
                let joined = known.join(&value);
                self.changed |= joined.digest() != known.digest();
                *known = joined;
            }
            let sources = self.entry(place.module, *api).map_or(&[][..], |entry| &entry.sources);
            if sources.iter().any(|source| source.members && source.class == "env") {
                self.pass_on(key, &value, place);
            }
            self.assigned(&path, &value, place);
        }
    }

    fn put_item(&mut self, id: ObjId, name: &str, value: &Value) {
        let is_exact = self.exact > 0;
        let (Some(object), Ok(at)) = (self.objects.get_mut(id), name.parse::<usize>()) else { return };
        let length = object.items.len();
        self.growth += u64::from(is_exact && value.one().is_some());
        match object.items.get_mut(at) {
            Some(item) if is_exact => *item = value.clone(),
            Some(item) => *item = item.join(value),
            None if at == length && at < ITEMS => object.items.push(value.clone()),
            None => object.rest = object.rest.join(value),
        }
    }

    /// `module.exports = value`: what the module offers is that value.
    fn replace_exports(&mut self, id: ObjId, value: &Value) {
        let key = Value::text("*");
        self.put(id, &key, value);
        let inner = value.get();
        if let Some(object) = self.objects.get_mut(id) {
            for base in inner.objs.iter().filter(|base| **base != id) {
                if !object.bases.contains(base) {
                    object.bases.push(*base);
                    self.changed |= object.read.had_any();
                }
            }
        }
    }

    pub(super) fn set_at(&mut self, of: &Value, key: &Value, value: &Value, place: Place) {
        let keys = key.texts();
        self.spend(key.size());
        if keys.is_empty() {
            self.use_text(value, place, FoldedRole::Plain);
            for id in &of.get().objs {
                self.put(*id, key, value);
            }
        }
        for key in keys {
            let sym = self.names.intern(&key);
            self.set(of, sym, value, place);
        }
    }

    /// Labels of a value and of all that it holds.
    pub(super) fn deep(&self, value: &Value, depth: usize) -> Taint {
        self.deep_without(value, depth, None)
    }

    /// The same, without members of one name.
    pub(super) fn deep_without(&self, value: &Value, depth: usize, without: Option<Sym>) -> Taint {
        let inner = value.get();
        let mut all = value.whole_taint();
        if inner.objs.is_empty() {
            return all;
        }
        let mut seen: FastSet<ObjId> = FastSet::default();
        let mut layer: Vec<ObjId> = inner.objs.clone();
        for _ in 0..depth {
            if layer.is_empty() {
                break;
            }
            let mut below = Vec::new();
            layer.retain(|id| seen.insert(*id));
            if seen.len() > OBJECTS {
                return taints(&all, &cut());
            }
            for object in layer.into_iter().filter_map(|id| self.objects.shape(id)) {
                object.read.labels();
                let own;
                let (content, looked_at) = match without {
                    None => object.content(),
                    Some(name) => {
                        own = object.content_without(name);
                        (&own, object.fields.len() + object.items.len())
                    }
                };
                self.spend(8 + looked_at);
                all = taints(&all, &content.taint);
                below.extend(&content.objects);
            }
            layer = below;
        }
        if inner.via.is_empty() || all.is_none() {
            return all;
        }
        // Its own labels went these steps already.
        let held = Value::unknown().with(&all);
        let moved = self.taken_from(value, held).taint();
        taints(&inner.taint, &moved)
    }

    /// Labels of all that a value holds, as a list.
    pub(super) fn labels(&self, value: &Value) -> Vec<Label> {
        self.deep(value, usize::MAX).map(|labels| labels.to_vec()).unwrap_or_default()
    }
}

/// What stands in a list at a number. One below nought counts from the end, and what was added there is in no order.
fn item_at(list: &Object, at: isize) -> Value {
    match usize::try_from(at) {
        Ok(at) => list.items.get(at).unwrap_or(&list.rest).clone(),
        Err(_) => {
            let last = list.items.len().checked_add_signed(at).and_then(|at| list.items.get(at));
            last.map_or_else(|| list.rest.clone(), |last| list.rest.join(last))
        }
    }
}
