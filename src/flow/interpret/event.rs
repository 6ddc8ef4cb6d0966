//! Objects that call functions later: those that listen to events, and those that write themselves.

use std::collections::BTreeSet;

use super::Interpreter;
use super::call::{Call, copy};
use crate::flow::value::{Inner, ObjId, Sym, Taint, Value, taints};

/// Begins the name under which an object keeps what listens to an event.
const EVENT: &str = "\u{1a}on ";
/// Listeners of events that are called for one.
const LISTENERS: usize = 64;
/// Objects that are asked how they are to be written.
const WRITTEN: usize = 64;

impl Interpreter<'_> {
    /// Functions among the arguments are called when the receiver has the event that the first one names.
    pub(super) fn listen(&mut self, call: &Call) {
        let listeners = call.args.iter().skip(1).filter(|arg| self.is_callable(arg));
        let Some(listener) = listeners.cloned().reduce(|all, one| all.join(&one)) else { return };
        for key in self.events(call) {
            for id in call.receiver.get().objs.clone() {
                self.keep_member(id, key, &listener);
            }
        }
    }

    /// Names of an event's listeners.
    fn events(&mut self, call: &Call) -> Vec<Sym> {
        let texts = call.args.first().map(Value::texts).unwrap_or_default();
        if texts.is_empty() {
            return vec![self.names.intern(EVENT)];
        }
        texts.iter().map(|text| self.names.intern(&format!("{EVENT}{text}"))).collect()
    }

    /// What listens to the event gets the arguments behind its name.
    pub(super) fn emit_event(&mut self, call: &Call) {
        let mut named = self.events(call);
        let any = self.names.intern(EVENT);
        let is_any = named.contains(&any);
        named.push(any);
        let objects = call.receiver.get().objs.clone();
        let objects = objects.iter().filter_map(|id| self.objects.get(*id));
        let listens = |key: &Sym| if is_any { self.names.get(*key).starts_with(EVENT) } else { named.contains(key) };
        let fields = objects.flat_map(|object| &object.fields).filter(|(key, _)| listens(key));
        let listeners: Vec<Value> = fields.map(|(_, value)| value.clone()).take(LISTENERS).collect();
        let args = call.args.get(1..).unwrap_or(&[]);
        for callee in listeners {
            self.perform(&Call { callee, args: args.to_vec(), named: Vec::new(), ..copy(call) });
        }
    }

    /// Whether a value is a function, or one that is made of others.
    fn is_callable(&self, value: &Value) -> bool {
        let inner = value.get();
        let is_bound = |id: &ObjId| self.objects.shape(*id).is_some_and(|object| object.bound.is_some());
        !inner.fns.is_empty() || inner.objs.iter().any(is_bound)
    }

    /// Labels of what objects say that they are to be written as: the argument, and whatever is in it.
    pub(super) fn own_form(&mut self, call: &Call) -> Taint {
        let key = self.names.intern("toJSON");
        let mut queue = vec![call.args.first().cloned().unwrap_or_default()];
        let mut seen = BTreeSet::new();
        let mut all = None;
        while let Some(value) = queue.pop() {
            for id in value.get().objs.clone() {
                if seen.len() >= WRITTEN || !seen.insert(id) {
                    continue;
                }
                let object = Value::object(id);
                for function in self.get(&object, key, call.place).get().fns.clone() {
                    let given = self.invoke(function, &[], &[], &object, Some(call.place));
                    all = taints(&all, &self.deep(&given, usize::MAX));
                    queue.push(given);
                }
                if let Some(object) = self.objects.get(id) {
                    let members = object.items.iter().chain(object.fields.values()).chain([&object.rest]);
                    queue.extend(members.take(WRITTEN).cloned());
                }
            }
        }
        all
    }

    /// What writes into its argument: a packer of a file in memory.
    pub(super) fn wrapped(&mut self, call: &Call) -> Value {
        let made = self.opaque_of(call);
        let given = call.args.iter().chain(call.named.iter().map(|(_, value)| value));
        let within: Vec<_> = given.flat_map(|arg| arg.get().objs.clone()).take(2).collect();
        let named = call.args.first().cloned().unwrap_or_default();
        let objs = if within.is_empty() { vec![self.opened(call, named)] } else { within };
        Value::of(Inner { objs, ..(**made.get()).clone() })
    }

    /// A file becomes part of the receiver, and of the file that it writes.
    pub(super) fn packed(&mut self, call: &Call, taint: &Taint) {
        let content = Value::unknown().with(taint);
        self.push(call, std::slice::from_ref(&content));
        self.packed_into_file(call, content);
    }

    /// What is put into an open file becomes part of the file.
    pub(super) fn packed_into_file(&mut self, call: &Call, content: Value) {
        let paths = self.addresses(&Value::default(), &call.receiver);
        self.wrote(&paths, std::slice::from_ref(&content), call.place);
    }

    /// What the call gives as one of which nothing more is known.
    pub(super) fn opaque_of(&mut self, call: &Call) -> Value {
        let api = call.callee.get().apis.first().copied();
        let path = api.map(|api| self.names.get(api));
        self.opaque(call, path.as_ref())
    }
}
