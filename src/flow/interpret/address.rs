//! What stands for a file, a host or a table of settings, and where it leads.

use std::rc::Rc;

use super::Interpreter;
use super::call::client::CLIENT;
use super::call::{Call, HANDLE, copy};
use super::object::OPENED;
use crate::flow::catalogue::Entry;
use crate::flow::value::{Inner, Lit, ObjId, UNKNOWN, Value};

/// Members of clients that go along with each request.
const ALONG: [&str; 4] = ["headers", "cookies", "params", "auth"];

impl Interpreter<'_> {
    /// What a call gives stands for the file or host that it was given.
    pub(super) fn handle(&mut self, entry: &Entry, call: &Call, made: Value) -> Value {
        if entry.sinks.iter().any(|sink| sink.class == "process") {
            let id = self.site(call.site.0, call.site.1 | HANDLE);
            return Value::of(Inner { objs: vec![id], ..(**made.get()).clone() });
        }
        let sinks = entry.sinks.iter().flat_map(|sink| sink.host.iter().chain(&sink.path));
        let named =
            entry.sources.iter().filter(|source| source.class == "file").filter_map(|source| source.name.as_ref());
        let Some(of) = sinks.chain(named).find_map(|which| call.arg(which)) else { return made };
        let inner = made.get();
        let to = self.addresses(&of, &Value::default());
        if to.is_empty() || !inner.objs.is_empty() {
            return made;
        }
        let id = self.opened(call, Value::lits(to.into_iter().map(Lit::Text).collect()));
        Value::of(Inner { objs: vec![id], ..(**inner).clone() })
    }

    /// What stands for a file or host of this name.
    pub(super) fn opened(&mut self, call: &Call, named: Value) -> ObjId {
        let id = self.site(call.site.0, call.site.1 | HANDLE);
        let key = self.names.intern(OPENED);
        if let Some(object) = self.objects.get_mut(id).filter(|_| !named.texts().is_empty()) {
            object.fields.insert(key, named.relabelled(None));
        }
        id
    }

    /// A file that nobody named: a descriptor with its path, or what stands for it.
    pub(super) fn temporary_file(&mut self, call: &Call) -> Value {
        let path = Value::text(format!("/tmp/{UNKNOWN}.{}.{}", call.place.module, call.place.start));
        let api = call.callee.get().apis.first().map(|api| self.names.get(*api));
        if !api.is_some_and(|api| api.ends_with("File")) {
            return self.new_list(call.site.0, call.site.1, vec![path.clone(), path], Value::default());
        }
        let id = self.opened(call, path.clone());
        let name = self.names.intern("name");
        if let Some(object) = self.objects.get_mut(id) {
            object.fields.insert(name, path);
        }
        let made = self.opaque_of(call);
        Value::of(Inner { objs: vec![id], ..(**made.get()).clone() })
    }

    /// A table of which any member is what the function makes that is given.
    pub(super) fn factory(&mut self, call: &Call) -> Value {
        let maker = call.args.first().cloned().unwrap_or_default();
        let made = self.perform(&Call { callee: maker, args: Vec::new(), named: Vec::new(), ..copy(call) });
        // What keeps things in order is a list.
        let is_list = made.get().objs.is_empty();
        let made = if is_list { self.new_list(call.site.0, call.site.1, Vec::new(), Value::default()) } else { made };
        let id = self.site(call.site.0, call.site.1 | HANDLE);
        if let Some(object) = self.objects.get_mut(id) {
            object.rest = made;
        }
        Value::object(id)
    }

    /// What is no function among the arguments of a class that has no function for them is kept in its fields.
    pub(super) fn keep_arguments(&mut self, instance: &Value, call: &Call) {
        let is_kept = |value: &Value| {
            let inner = value.get();
            inner.fns.is_empty() && inner.apis.is_empty() && inner.objs.is_empty()
        };
        for (name, value) in call.named.iter().filter(|(_, value)| is_kept(value)) {
            self.set_at(instance, name, value, call.place);
        }
        for arg in call.args.iter().filter(|arg| is_kept(arg)) {
            self.set_at(instance, &Value::unknown(), arg, call.place);
        }
    }

    /// Objects that a value stands for; the client's, if it is a table that goes along with what the client sends.
    pub(super) fn table_of(&self, value: &Value) -> Vec<ObjId> {
        let inner = value.get();
        let is_along = |api: &crate::flow::value::Sym| {
            let path = self.names.get(*api);
            path.rsplit_once('.').is_some_and(|(_, name)| ALONG.contains(&name))
        };
        match &inner.of {
            Some(client) if inner.objs.is_empty() && inner.apis.iter().any(is_along) => client.get().objs.clone(),
            _ => inner.objs.clone(),
        }
    }

    /// Address in an object of settings.
    pub(super) fn address_of(&self, id: ObjId) -> Option<Vec<Rc<str>>> {
        const KEYS: [&str; 11] =
            [OPENED, CLIENT, "url", "uri", "href", "hostname", "host", "baseURL", "base_url", "baseUrl", "prefixUrl"];
        let object = self.objects.get(id)?;
        for (key, value) in &object.fields {
            if KEYS.contains(&&*self.names.get(*key)) && !value.texts().is_empty() {
                return Some(value.texts());
            }
        }
        // Host and port.
        let [host, _port] = object.items.as_slice() else { return None };
        let is_host = |text: &Rc<str>| {
            text.contains('.') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        let hosts: Vec<Rc<str>> = host.texts().into_iter().filter(is_host).collect();
        (!hosts.is_empty()).then_some(hosts)
    }

    /// Addresses that a value may be: texts, or what an object of settings names.
    pub(super) fn addresses(&self, value: &Value, receiver: &Value) -> Vec<Rc<str>> {
        let inner = value.get();
        let mut all: Vec<Rc<str>> = value.texts();
        all.extend(inner.objs.iter().filter_map(|id| self.address_of(*id)).flatten());
        let is_relative = all.is_empty() || all.iter().all(|text| !text.contains("://"));
        if is_relative {
            let bases: Vec<Rc<str>> =
                receiver.get().objs.iter().filter_map(|id| self.address_of(*id)).flatten().collect();
            if !bases.is_empty() {
                all = bases;
            }
        }
        all
    }
}
