//! Clients of libraries: who makes one with a key and an address sends the key to that address, whatever the library's
//! own calls are named.

use super::*;

/// Settings of clients that name where they talk to.
const ADDRESSES: [&str; 22] = [
    "url",
    "uri",
    "baseURL",
    "baseUrl",
    "base_url",
    "baseUri",
    "rootUrl",
    "root_url",
    "apiRoot",
    "apiUrl",
    "api_url",
    "apiBase",
    "api_base",
    "basePath",
    "base_path",
    "endpoint",
    "endpointUrl",
    "endpoint_url",
    "azure_endpoint",
    "prefixUrl",
    "serverUrl",
    "server_url",
];

/// Names that the languages themselves and the libraries of tests have, which talk to nobody.
const OWN: [&str; 31] = [
    "expect",
    "assert",
    "vitest",
    "jest",
    "bun:test",
    "node:assert",
    "node:test",
    "chai",
    "pytest",
    "console",
    "JSON",
    "Object",
    "Array",
    "Promise",
    "Reflect",
    "Map",
    "Set",
    "URL",
    "URLSearchParams",
    "Error",
    "String",
    "RegExp",
    "globalThis",
    "print",
    "dict",
    "str",
    "repr",
    "logging",
    "logger",
    "json",
    "argparse",
];

/// How addresses of servers begin.
const SCHEMES: [&str; 4] = ["https://", "http://", "wss://", "ws://"];
/// Beginnings of names of functions that make a client.
const MAKERS: [&str; 5] = ["create", "connect", "init", "client", "io"];
/// Parts of names of what is made to talk to a server.
const TALKERS: [&str; 8] = ["client", "connect", "pool", "session", "engine", "_db", "driver", "api"];
/// Names of what sends a request to an address.
const REQUESTS: [&str; 6] = ["post", "put", "patch", "request", "fetch", "upload"];
/// Member that keeps where a client talks to.
pub(in crate::flow::interpret) const CLIENT: &str = "@client";

impl Interpreter<'_> {
    /// What a call of a library that nothing is known of is given goes to the address among its settings, or to that of
    /// the client that it is made on.
    pub(super) fn client(&mut self, path: &Rc<str>, call: &Call) {
        let root = path.split(['.', '(']).next().unwrap_or("");
        let is_request = path.rsplit('.').next().is_some_and(|name| REQUESTS.contains(&name));
        if OWN.contains(&root) || (path.starts_with("?.") && !is_request) {
            return;
        }
        let mut to = self.settings_addresses(call, is_maker(path, call));
        if to.is_empty() && is_request {
            // Whatever is asked so with an address sends a request there.
            let first = call.args.first().map(Value::texts).unwrap_or_default();
            to = first.into_iter().filter(|text| text.starts_with("https://") || text.starts_with("http://")).collect();
        }
        if to.is_empty() {
            let clients = self.clients_of(&call.receiver);
            to.extend(clients.into_iter().flat_map(|id| self.client_address(id)).flat_map(Value::texts));
        }
        if to.is_empty() {
            return;
        }
        let args: Vec<Value> = call.all().cloned().collect();
        let labels = self.labels_of_all(&args);
        let reached = Reached { to, paths: Vec::new(), content: Vec::new(), labels, is_chosen: false };
        self.hit("network".to_owned(), Rc::clone(path), call.place, reached);
    }

    /// What such a call gives: a client, if it was given an address, or what belongs to one.
    pub(super) fn client_made(&mut self, path: &str, call: &Call, value: Value) -> Value {
        if OWN.contains(&path) {
            return value;
        }
        let to = if is_maker(path, call) { self.settings_addresses(call, true) } else { Vec::new() };
        if to.is_empty() {
            return self.of_client(value, &call.receiver);
        }
        let inner = value.get();
        let id = inner.objs.first().copied().unwrap_or_else(|| self.site(call.site.0, call.site.1 | 0x0400_0000));
        let key = self.names.intern(CLIENT);
        if let Some(object) = self.objects.get_mut(id) {
            object.fields.insert(key, Value::lits(to.into_iter().map(Lit::Text).collect()));
        }
        Value::of(Inner { objs: vec![id], ..(**inner).clone() })
    }

    /// What belongs to a client talks to where it does.
    pub(in crate::flow::interpret) fn of_client(&self, member: Value, of: &Value) -> Value {
        let clients = self.clients_of(of);
        let inner = member.get();
        if clients.is_empty() || !inner.objs.is_empty() || !inner.fns.is_empty() {
            return member;
        }
        Value::of(Inner { objs: clients, ..(**inner).clone() })
    }

    fn clients_of(&self, value: &Value) -> Vec<ObjId> {
        value.get().objs.iter().copied().filter(|id| self.client_address(*id).is_some()).collect()
    }

    fn client_address(&self, id: ObjId) -> Option<&Value> {
        let key = self.names.find(CLIENT)?;
        self.objects.field(id, key)
    }

    /// Constant addresses among named settings; for what makes an object, also among the arguments.
    fn settings_addresses(&self, call: &Call, is_maker: bool) -> Vec<Rc<str>> {
        let is_setting = |name: &str| ADDRESSES.contains(&name);
        let named = call.named.iter().filter(|(key, _)| key.texts().iter().any(|text| is_setting(text)));
        let objects = || call.args.iter().flat_map(|arg| self.objects_of(arg));
        self.spend(objects().map(|object| object.fields.len()).sum());
        let objects = objects();
        let fields = objects.flat_map(|object| &object.fields).filter(|(key, _)| is_setting(&self.names.get(**key)));
        let given = call.args.iter().filter(|_| is_maker);
        let values = named.map(|(_, value)| value).chain(fields.map(|(_, value)| value)).chain(given);
        let texts = values.flat_map(Value::texts);
        texts.filter(|text| SCHEMES.iter().any(|by| text.starts_with(by))).take(4).collect()
    }
}

/// Whether an interface is a member of something that talks to a server, by the names of what made it: what it answers is
/// not what it logs in with.
pub(super) fn is_answer(path: &str) -> bool {
    let Some((made, _)) = path.rsplit_once("()") else { return false };
    made.split("()").filter_map(|call| call.rsplit('.').next()).any(|name| {
        let name = name.to_ascii_lowercase();
        TALKERS.iter().any(|part| name.contains(part))
    })
}

/// Whether a name is that of a request, of which the answer is not what was sent.
pub(super) fn is_fetch(name: &str) -> bool {
    name.starts_with("fetch") || matches!(name, "request" | "post")
}

/// Whether a call makes an object by its name.
fn is_maker(path: &str, call: &Call) -> bool {
    let last = path.rsplit('.').next().unwrap_or("");
    call.new || is_class(path) || MAKERS.iter().any(|by| last.starts_with(by) && !last.contains('('))
}
