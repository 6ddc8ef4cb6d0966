//! Calls: of functions of the package by what they give for what they get,
//! of interfaces by the catalogue.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::frame::Frame;
use super::heap::Object;
use super::{CALLS, FoldedRole, Hit, Interpreter};
use crate::flow::catalogue::{Arg, Effect, Entry, Sink, Source};
use crate::flow::fold::{self, Fold};
use crate::flow::ir::{Language, Op, OpKind, Rest, Shape};
use crate::flow::value::{FnRef, Inner, Label, Lit, ObjId, Place, Sym, Taint, UNKNOWN, Value, Verb, cut, taints};

mod bound;
pub(super) mod client;
mod command;
mod invoke;
mod operation;
mod sink;
mod source;

/// Arguments that a list stands for.
const GIVEN: usize = 256;

/// Marks the object that stands for what a call opened, among the objects of its place.
pub(super) const HANDLE: u32 = 0x0800_0000;

/// What a call gives by position, and by name.
type Arguments<'a> = (&'a [Value], &'a [(Value, Value)]);

/// A call with its values.
pub(super) struct Call {
    pub place: Place,
    pub site: (FnRef, u32),
    pub callee: Value,
    pub receiver: Value,
    pub args: Vec<Value>,
    pub named: Vec<(Value, Value)>,
    pub new: bool,
}

impl Call {
    /// An argument; `None` if it is not given.
    pub(super) fn arg(&self, which: &Arg) -> Option<Value> {
        match which {
            Arg::Position(at) => self.args.get(*at).cloned(),
            Arg::Name(name) if name == "receiver" => Some(self.receiver.clone()),
            Arg::Name(name) if name == "all" => {
                let all = self.args.iter().chain(self.named.iter().map(|(_, value)| value));
                Some(all.fold(Value::default(), |joined, value| joined.join(value)))
            }
            Arg::Name(name) => {
                let is_named = |key: &Value| key.texts().iter().any(|text| **text == **name);
                self.named.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value.clone())
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.args.iter().chain(self.named.iter().map(|(_, value)| value))
    }
}

impl Interpreter<'_> {
    pub(super) fn call(&mut self, frame: &Frame, at: u32, op: &Op, place: Place) -> Value {
        let OpKind::Call { callee, receiver, args, named, new } = op.kind else { return Value::unknown() };
        let module = self.module(place.module);
        let values =
            |this: &Self, slots: &[u32]| -> Vec<Value> { slots.iter().map(|s| this.read(frame, *s)).collect() };
        let named = values(self, module.slots(named));
        let call = Call {
            place,
            site: (frame.function, at),
            callee: self.read(frame, callee),
            receiver: receiver.map(|slot| self.read(frame, slot)).unwrap_or_default(),
            args: values(self, module.slots(args)),
            named: named.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
            new,
        };
        let call = self.unpacked(call);
        self.perform(&call)
    }

    /// The call with containers that stand for arguments taken apart.
    fn unpacked(&self, mut call: Call) -> Call {
        let splat = |value: &Value| -> Option<&Object> {
            let inner = value.get();
            let [id] = inner.objs.as_slice() else { return None };
            self.objects.shape(*id).filter(|object| object.is_splat)
        };
        if !call.args.iter().any(|arg| splat(arg).is_some()) {
            return call;
        }
        for arg in std::mem::take(&mut call.args) {
            let Some(object) = splat(&arg) else {
                call.args.push(arg);
                continue;
            };
            let taint = arg.taint();
            call.args.extend(object.items.iter().take(GIVEN).map(|item| item.with(&taint)));
            if object.items.len() > GIVEN {
                call.args.push(Value::unknown().with(&cut()));
            }
            let names = object.fields.iter();
            call.named.extend(names.map(|(key, value)| (Value::text(self.names.get(*key)), value.with(&taint))));
            if !object.rest.is_unset() {
                call.args.push(object.rest.with(&taint));
            }
        }
        call
    }

    pub(super) fn perform(&mut self, call: &Call) -> Value {
        let callee = call.callee.get();
        if let (true, Some(of)) = (call.receiver.is_unset() && !call.new, &callee.of) {
            return self.perform(&Call { receiver: of.clone(), ..copy(call) });
        }
        if callee.lacks_code && call.all().any(|arg| self.deep(arg, usize::MAX).is_some()) {
            self.out.is_cut = true;
        }
        let mut result = Value::default();
        for function in &callee.fns {
            let this = if call.new { self.instance(call) } else { call.receiver.clone() };
            let this = self.holders(&this, *function);
            let given = self.invoke(*function, &call.args, &call.named, &this, Some(call.place));
            result = result.join(&if call.new { given.join(&this) } else { given });
        }
        let classes: Vec<ObjId> = callee.objs.clone();
        for class in classes {
            result = result.join(&self.construct(class, call));
        }
        // A function that is known under its own name too: what its name stands for does not matter.
        if !callee.fns.is_empty() && callee.apis.is_empty() {
            return result;
        }
        for api in &callee.apis {
            result = result.join(&self.interface(*api, call));
        }
        if callee.apis.is_empty() && result.is_unset() {
            result = self.opaque(call, None);
        }
        result
    }

    /// Of several receivers those that have this function as a member.
    fn holders(&self, this: &Value, function: FnRef) -> Value {
        let inner = this.get();
        if inner.objs.len() < 2 {
            return this.clone();
        }
        let holds = |id: &ObjId| {
            let mut queue = vec![*id];
            let mut seen = 0;
            while let Some(object) = queue.pop().and_then(|id| self.objects.get(id)).filter(|_| seen < 8) {
                seen += 1;
                if object.fields.values().any(|field| field.get().fns.contains(&function)) {
                    return true;
                }
                queue.extend(&object.bases);
            }
            false
        };
        let objs: Vec<ObjId> = inner.objs.iter().copied().filter(holds).collect();
        if objs.is_empty() { this.clone() } else { Value::of(Inner { objs, ..(**inner).clone() }) }
    }

    fn instance(&mut self, call: &Call) -> Value {
        Value::object(self.site(call.site.0, call.site.1 | 0x8000_0000))
    }

    /// Makes an object of a class, or calls what an object is called through.
    fn construct(&mut self, class: ObjId, call: &Call) -> Value {
        let Some(object) = self.objects.shape(class) else { return Value::unknown() };
        if let Some(bound) = object.bound.clone() {
            return self.call_bound(class, &bound, call);
        }
        if !object.is_class {
            // The value that a module offers as a whole may be called.
            let whole = self.names.intern("*");
            let target = self.objects.field(class, whole).cloned();
            let called = target.and_then(|callee| self.entered(class, &Call { callee, ..copy(call) }));
            return called.unwrap_or_default();
        }
        let instance = self.instance(call);
        for id in &instance.get().objs {
            if let Some(object) = self.objects.get_mut(*id)
                && !object.bases.contains(&class)
            {
                object.bases.push(class);
            }
        }
        let new = self.names.intern("@new");
        let constructor = self.get(&Value::object(class), new, call.place);
        for function in &constructor.get().fns {
            self.invoke(*function, &call.args, &call.named, &instance, Some(call.place));
        }
        if constructor.get().fns.is_empty() {
            self.keep_arguments(&instance, call);
        }
        instance
    }

    /// What calling an interface gives.
    fn interface(&mut self, api: Sym, call: &Call) -> Value {
        let path = self.names.get(api);
        let Some(entry) = self.entry(call.place.module, api) else {
            self.client(&path, call);
            return self.opaque(call, Some(&path));
        };
        let mut result = Value::default();
        let mut taint = None;
        for sink in &entry.sinks {
            taint = taints(&taint, &self.reach(sink, &path, call));
        }
        for source in &entry.sources {
            taint = taints(&taint, &self.source(source, &path, call));
            if source.class == "file" {
                result = result.join(&self.contents(source, call));
            }
            if source.class == "env" && source.name.is_some() {
                let names = source.name.as_ref().and_then(|which| call.arg(which)).map(|name| name.texts());
                for name in names.into_iter().flatten() {
                    result = result.join(&self.known_variable(&name));
                }
                // What it is where it is not set.
                result = result.join(&call.args.get(1).cloned().unwrap_or_default());
            }
        }
        if !result.is_unset() && !path.ends_with("open") {
            return result.with(&taint);
        }
        if matches!(entry.effect, Some(Effect::Push | Effect::Prepend | Effect::Insert)) && taint.is_some() {
            self.packed(call, &taint);
        }
        if let Some(effect) = entry.effect
            && let Some(value) = self.effect(effect, call)
        {
            result = result.join(&value);
        }
        if entry.fold.is_some_and(|(op, _)| op == Fold::First) && call.args.is_empty() {
            return self.opaque(call, Some(&path));
        }
        if let Some((op, decodes)) = entry.fold {
            let folded = self.fold(op, call);
            let folded = if entry.sanitizes { folded.relabelled(None) } else { folded };
            // Who encoded a text is remembered with it: to decode it again reveals nothing.
            let is_encoded = op == Fold::PercentEncode;
            let folded = if is_encoded { folded.join(&self.result_path(&path, call)) } else { folded };
            let reveals = decodes || self.reveals(op, call);
            let label = if reveals { self.decoded(&folded, &path, call) } else { None };
            result = result.join(&folded.with(&label));
        }
        if let Some(text) = &entry.constant {
            result = result.join(&Value::text(text.as_str()));
        }
        if entry.sources.is_empty() && (entry.effect.is_some() || entry.fold.is_some()) {
            if path.starts_with("pathlib") {
                result = result.join(&self.result_path(&path, call));
            }
            return result.with(&taint);
        }
        self.given(&path, entry, call, result, taint)
    }

    /// The result of an interface with what its functions among the arguments get.
    fn given(&mut self, path: &Rc<str>, entry: &Entry, call: &Call, result: Value, taint: Taint) -> Value {
        let passes = entry.sources.is_empty() && entry.sinks.is_empty() && !entry.sanitizes;
        let through = if passes { self.through(call) } else { None };
        // A test says nothing of what it was given, but that it was asked.
        let asked = if entry.sanitizes { self.through(call) } else { None };
        let through = taints(&through, &self.gating(&asked));
        let made = self.result_path(path, call);
        let made = self.handle(entry, call, made);
        let value = result.join(&made).with(&taint).with(&through);
        self.call_back(call, &value);
        value
    }

    /// The interface of what a call gives.
    fn result_path(&mut self, path: &str, call: &Call) -> Value {
        let full = if path.len() > 160 { "?()".to_owned() } else { format!("{path}()") };
        let value = self.path(&full, call.place);
        // Settings of a client (a base address, say) stay with it.
        let settings: Vec<ObjId> = call.all().flat_map(|arg| arg.get().objs.clone()).take(2).collect();
        match settings.is_empty() {
            true => value,
            false => {
                let inner = value.get();
                let holds_address = settings.iter().any(|id| self.address_of(*id).is_some());
                let objs = if holds_address { settings } else { Vec::new() };
                Value::of(Inner { objs, ..(**inner).clone() })
            }
        }
    }

    /// A call of which nothing is known: what goes in may come out.
    pub(super) fn opaque(&mut self, call: &Call, path: Option<&Rc<str>>) -> Value {
        let through = self.through_unknown(call, path.map_or("", |path| path));
        let value = match path {
            Some(path) => self.result_path(path, call),
            None => Value::unknown(),
        };
        let inner = value.get();
        let value = if (call.new || path.is_some_and(|path| is_class(path))) && inner.objs.is_empty() {
            // What is put into it later is kept with it.
            let id = self.site(call.site.0, call.site.1 | 0x0400_0000);
            Value::of(Inner { objs: vec![id], ..(**inner).clone() })
        } else {
            value.join(&self.files_given(call))
        };
        let value = self.client_made(path.map_or("", |path| path), call, value.with(&through));
        self.call_back(call, &value);
        value
    }

    /// Files of the user that a call is given, one by one or in lists: what it gives may be any of them.
    fn files_given(&self, call: &Call) -> Value {
        let is_file = |lit: &&Lit| matches!(lit, Lit::Text(text) if text.starts_with("~/"));
        let holds_file = |id: &&ObjId| {
            let Some(list) = self.objects.get(**id).filter(|object| object.is_list) else { return false };
            self.spend(list.items.len());
            list.members().any(|member| member.get().lits.iter().any(|lit| is_file(&lit)))
        };
        let (mut lits, mut objs) = (Vec::new(), Vec::new());
        for arg in call.all() {
            let inner = arg.get();
            lits.extend(inner.lits.iter().filter(is_file).cloned());
            objs.extend(inner.objs.iter().filter(holds_file));
        }
        let is_none = lits.is_empty() && objs.is_empty();
        if is_none {
            Value::default()
        } else {
            Value::lits(lits).join(&Value::of(Inner { objs, is_open: true, ..Inner::default() }))
        }
    }
}

/// Whether this is by its name a class, which makes objects.
fn is_class(path: &str) -> bool {
    path.rsplit('.')
        .next()
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains('('))
}

/// What a sink got.
pub(super) struct Reached {
    pub to: Vec<Rc<str>>,
    pub paths: Vec<Rc<str>>,
    pub content: Vec<Rc<str>>,
    pub labels: Vec<Label>,
    /// Whether the user chose the host: by a setting or an argument.
    pub is_chosen: bool,
}

/// The same call, to be done in another way.
pub(super) fn copy(call: &Call) -> Call {
    Call {
        place: call.place,
        site: call.site,
        callee: call.callee.clone(),
        receiver: call.receiver.clone(),
        args: call.args.clone(),
        named: call.named.clone(),
        new: call.new,
    }
}
