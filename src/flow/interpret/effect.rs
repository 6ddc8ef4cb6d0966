//! What calls do beyond constants: reflection, collections, promises, modules, files.

use std::rc::Rc;

use super::call::{Call, Reached, copy};
use super::heap::Object;
use super::trail::together;
use super::{FoldedRole, Interpreter};
use crate::flow::catalogue::{Arg, Effect};
use crate::flow::value::{Inner, Lit, ObjId, Place, UNKNOWN, Value, Verb, quoted, taints};

/// Deepest chain of redirected calls.
const REDIRECTS: usize = 24;
/// Name under which standard input and output of processes are kept among the files.
pub(super) const STREAMS: &str = "<streams>";
/// Items that functions are called with one by one.
const ONE_BY_ONE: usize = 4096;

impl Interpreter<'_> {
    /// What an effect gives; `None` if it says nothing of the result.
    pub(super) fn effect(&mut self, effect: Effect, call: &Call) -> Option<Value> {
        let arg = |at: usize| call.args.get(at).cloned().unwrap_or_default();
        let subject = || {
            let inner = call.receiver.get();
            let is_static = inner.objs.is_empty() && inner.lits.is_empty() && inner.taint.is_none();
            if is_static && !call.args.is_empty() { arg(0) } else { call.receiver.clone() }
        };
        Some(match effect {
            Effect::GetMember => self.get_at(&arg(0), &arg(1), call.place),
            Effect::SetMember => {
                self.set_at(&arg(0), &arg(1), &arg(2), call.place);
                arg(2)
            }
            Effect::DefaultMember => {
                self.set_at(&call.receiver, &arg(0), &arg(1), call.place);
                self.get_at(&call.receiver, &arg(0), call.place).join(&arg(1))
            }
            Effect::KeyedMember => {
                if !self.holds_tables(&call.receiver) {
                    return Some(self.opaque_of(call));
                }
                self.get_at(&call.receiver, &arg(0), call.place).join(&arg(1))
            }
            Effect::Call => {
                self.again(call, call.receiver.clone(), arg(0), call.args.iter().skip(1).cloned().collect())
            }
            Effect::Apply => {
                let args = self.spread_out(&arg(1));
                self.again(call, call.receiver.clone(), arg(0), args)
            }
            Effect::ReflectApply => {
                let args = self.spread_out(call.args.get(1..).and_then(<[Value]>::last)?);
                let receiver = if call.args.len() > 2 { arg(1) } else { Value::default() };
                self.again(call, arg(0), receiver, args)
            }
            Effect::Bind | Effect::Partial | Effect::MemberGetter | Effect::MethodCaller => self.bind(effect, call),
            Effect::OwnMember => self.get_at(&call.receiver, &arg(0), call.place),
            Effect::Shift | Effect::Pop => self.taken(effect == Effect::Shift, &subject()),
            Effect::Promise => self.promise(call),
            Effect::Enumerate => self.enumerated(&arg(0), call),
            Effect::Json => {
                let value = self.json(&subject(), call)?;
                let value = value.relabelled(quoted(&value.taint(), false));
                match call.callee.get().apis.first() {
                    Some(what) => self.stepped_as(&value, call.place, Verb::Changed, *what),
                    None => value,
                }
            }
            Effect::Quote => {
                let own = self.own_form(call);
                let form = self.as_json(&arg(0)).map_or_else(Value::unknown, |text| {
                    self.forms.insert(Rc::clone(&text));
                    Value::text(text)
                });
                form.with(&quoted(&taints(&self.through(call), &own), true))
            }
            Effect::Listen => {
                self.listen(call);
                self.opaque_of(call)
            }
            Effect::Emit => {
                self.emit_event(call);
                self.opaque_of(call)
            }
            Effect::Wrap => self.wrapped(call),
            Effect::TemporaryFile => self.temporary_file(call),
            Effect::Factory => self.factory(call),
            Effect::Itself => call.receiver.clone(),
            Effect::RunFile => {
                self.run_file(call);
                return None;
            }
            Effect::Start => self.started_function(call),
            Effect::Invoke => self.again(call, arg(0), Value::default(), call.args.iter().skip(1).cloned().collect()),
            Effect::Import => self.import(&arg(0), call.place),
            Effect::Resolve => {
                let value = arg(0);
                self.call_back(call, &value);
                value
            }
            Effect::Then => self.then(call),
            Effect::Otherwise => call.receiver.join(&self.then(call)),
            Effect::Map => self.map(call, &subject(), true),
            Effect::MapFunction => self.map(call, &arg(1), false),
            Effect::Filter | Effect::Find => {
                // Of a function and what it is asked about, the latter.
                let is_first = !arg(0).get().objs.is_empty() || !call.receiver.get().objs.is_empty();
                let all = if is_first || call.args.len() < 2 { subject() } else { arg(1) };
                let item = self.items(&all);
                self.call_back(call, &item);
                // What is no list (a document that is searched, say) stays what it is.
                if effect == Effect::Find && !all.get().objs.is_empty() { item } else { self.disordered(&all, call) }
            }
            Effect::Reduce => self.reduce(call, &subject()),
            Effect::Push | Effect::Prepend | Effect::Insert => {
                let (place, items) = match (effect, call.args.as_slice()) {
                    (Effect::Insert, [place, items @ ..]) if !items.is_empty() => {
                        (place.one().and_then(|lit| lit.number()).map(|place| place as usize), items)
                    }
                    (Effect::Prepend, items) => (Some(0), items),
                    (_, items) => (None, items),
                };
                self.push_at(call, items, place);
                for (name, value) in &call.named {
                    self.set_at(&call.receiver, name, value, call.place);
                }
                if !call.receiver.get().objs.is_empty() {
                    let all = self.through(call);
                    self.packed_into_file(call, Value::unknown().with(&all));
                }
                call.receiver.clone()
            }
            Effect::Extend => {
                let of = |arg: &Value| if arg.get().objs.is_empty() { vec![arg.clone()] } else { self.spread_out(arg) };
                let items: Vec<Value> = call.args.iter().flat_map(of).collect();
                self.push(call, &items);
                call.receiver.clone()
            }
            Effect::Assign => {
                for from in call.args.iter().skip(1) {
                    self.spread(&arg(0), from);
                }
                arg(0)
            }
            Effect::Pipe | Effect::Copy => {
                let (from, to) =
                    if effect == Effect::Copy { (arg(0), arg(1)) } else { (call.receiver.clone(), arg(0)) };
                let write = self.names.intern("write");
                let callee = self.get(&to, write, call.place);
                self.again(call, callee, to, vec![from]);
                arg(0)
            }
            Effect::Keys => {
                // Any of them at any place: what is done with each is not worth following for each.
                let keys = self.keys(&subject(), call.place);
                self.new_list(call.site.0, call.site.1, Vec::new(), keys)
            }
            Effect::Values => {
                let item = self.items(&subject());
                self.new_list(call.site.0, call.site.1, Vec::new(), item)
            }
            Effect::Entries => {
                let (key, item) = (self.keys(&subject(), call.place), self.items(&subject()));
                let pair = self.new_list(call.site.0, call.site.1 | 0x2000_0000, vec![key, item], Value::default());
                self.new_list(call.site.0, call.site.1, Vec::new(), pair)
            }
            Effect::Globals if !call.args.is_empty() => arg(0),
            Effect::Globals => {
                let own = self.offered(call.place.module, call.place);
                self.world(call.place).join(&own)
            }
            Effect::Tie => {
                let from = arg(0);
                self.keep_file(STREAMS, &from);
                return None;
            }
            Effect::Download => {
                self.download(call);
                return None;
            }
            Effect::Opaque => Value::unknown().with(&arg(0).taint()),
        })
    }

    /// The file that the second argument names, or one that is named so, gets what the first leads to.
    fn download(&mut self, call: &Call) {
        let [from, file] = [Arg::Position(0), Arg::Position(1)].map(|which| call.arg(&which).unwrap_or_default());
        let paths = self.addresses(&file, &Value::default());
        let Some(path) = call.callee.get().apis.first().map(|api| self.names.get(*api)) else { return };
        let from = self.addresses(&from, &Value::default()).into_iter().next().unwrap_or_else(|| "?".into());
        let content = Value::unknown().with(&self.label("fetched", &from, call.place, &path));
        self.wrote(&paths, std::slice::from_ref(&content), call.place);
        let (labels, content) = (self.labels(&content), vec![UNKNOWN.to_string().into()]);
        let reached = Reached { to: Vec::new(), paths, content, labels, is_chosen: false };
        self.hit("file-write".to_owned(), path, call.place, reached);
    }

    /// What runs later, or beside, runs.
    fn started_function(&mut self, call: &Call) -> Value {
        let can_run = |value: &Value| !value.get().fns.is_empty() || !value.get().apis.is_empty();
        let at = call.args.iter().position(can_run);
        let target = at.and_then(|at| call.args.get(at).cloned()).or_else(|| call.arg(&Arg::Name("target".into())));
        let list = call.arg(&Arg::Name("args".into())).or_else(|| call.args.get(at? + 1).cloned());
        let args = self.spread_out(&list.unwrap_or_default());
        self.again(call, target.unwrap_or_default(), Value::default(), args);
        Value::unknown()
    }

    fn again(&mut self, call: &Call, callee: Value, receiver: Value, args: Vec<Value>) -> Value {
        if self.depth > REDIRECTS {
            return Value::unknown();
        }
        self.depth += 1;
        let result = self.perform(&Call { callee, receiver, args, new: false, ..copy(call) });
        self.depth -= 1;
        result
    }

    /// The items of a list as arguments.
    fn spread_out(&self, list: &Value) -> Vec<Value> {
        let inner = list.get();
        let objects = inner.objs.iter().filter_map(|id| self.objects.get(*id));
        let mut all: Vec<Value> = objects.clone().flat_map(|object| object.items.iter().cloned()).collect();
        for rest in objects.map(|object| &object.rest).filter(|rest| !rest.is_unset()) {
            all.push(rest.clone());
        }
        all.iter().map(|item| item.with(&inner.taint)).collect()
    }

    fn then(&mut self, call: &Call) -> Value {
        let mut result = Value::default();
        let mut any = false;
        for arg in &call.args {
            for function in &arg.get().fns {
                any = true;
                let args = [call.receiver.clone()];
                result = result.join(&self.invoke(*function, &args, &[], &Value::default(), Some(call.place)));
            }
            for _ in &arg.get().apis {
                any = true;
                let callee = arg.clone();
                result = result.join(&self.again(call, callee, Value::default(), vec![call.receiver.clone()]));
            }
        }
        if any { result } else { call.receiver.clone() }
    }

    /// One function called with each item.
    fn map(&mut self, call: &Call, list: &Value, counts: bool) -> Value {
        let function = call.args.iter().find(|arg| !arg.get().fns.is_empty() || !arg.get().apis.is_empty());
        let Some(function) = function.cloned() else { return list.clone() };
        let exact = self.is_exact_list(list);
        let mut items = Vec::new();
        let mut rest = Value::default();
        if exact {
            let mut at = 0;
            while let Some(item) = self.exact_item(list, at).filter(|_| at < ONE_BY_ONE) {
                let index = counts.then(|| Value::lit(Lit::Number(at as f64)));
                let args = std::iter::once(item).chain(index).collect();
                items.push(self.apply_exactly(call, &function, args));
                at += 1;
            }
        } else {
            let item = self.items(list);
            let more = if counts { vec![Value::unknown(), list.clone()] } else { Vec::new() };
            let args = std::iter::once(item).chain(more).collect();
            rest = self.again(call, function, Value::default(), args);
            rest = self.all_together(&rest);
        }
        self.new_list(call.site.0, call.site.1 | 0x1000_0000, items, rest)
    }

    /// Calls a function as part of an exact loop: apart from its other calls.
    pub(super) fn apply_exactly(&mut self, call: &Call, function: &Value, args: Vec<Value>) -> Value {
        let inner = function.get();
        let &[single] = inner.fns.as_slice() else {
            return self.again(call, function.clone(), Value::default(), args);
        };
        let contexts = self.known.entry(single).or_default().contexts.len();
        let value = self.invoke(single, &args, &[], &Value::default(), Some(call.place));
        if let Some(known) = self.known.get_mut(&single) {
            known.contexts.truncate(contexts);
        }
        value
    }

    fn reduce(&mut self, call: &Call, list: &Value) -> Value {
        let Some(function) = call.args.iter().find(|arg| !arg.get().fns.is_empty()).cloned() else {
            return Value::unknown();
        };
        let first = call.args.iter().find(|arg| arg.get().fns.is_empty()).cloned();
        let mut gathered = first.clone();
        if self.is_exact_list(list) {
            let mut at = 0;
            while let Some(item) = self.exact_item(list, at).filter(|_| at < ONE_BY_ONE) {
                gathered = Some(match gathered {
                    Some(so_far) => self.apply_exactly(call, &function, vec![so_far, item]),
                    None => item,
                });
                at += 1;
            }
            return gathered.unwrap_or_default();
        }
        let item = self.items(list);
        let start = first.unwrap_or_default().join(&item);
        let result = self.again(call, function, Value::default(), vec![start.clone(), item]);
        start.join(&result)
    }

    pub(super) fn push(&mut self, call: &Call, items: &[Value]) {
        self.push_at(call, items, None);
    }

    /// Puts values into a list, at the end if no place is known.
    fn push_at(&mut self, call: &Call, items: &[Value], place: Option<usize>) {
        let inner = call.receiver.get();
        let what = self.names.intern("a list");
        self.spend(16 * items.len());
        let kept = |arg: &Value| together(&self.stepped_as(arg, call.place, Verb::Kept, what));
        let args: Vec<Value> = items.iter().map(kept).collect();
        for id in &self.table_of(&call.receiver) {
            for (at, arg) in args.iter().enumerate() {
                let key = (*id, call.site.0, call.site.1.wrapping_add((at as u32) << 24));
                let is_new = self.pushed.insert(key);
                let is_first = self.exact > 0 || is_new;
                let Some(object) = self.objects.get_mut(*id) else { continue };
                object.is_list = true;
                self.growth += u64::from(self.exact > 0 && arg.one().is_some());
                if is_first && object.rest.is_unset() {
                    let end = object.items.len();
                    object.items.insert(place.map_or(end, |place| end.min(place.saturating_add(at))), arg.clone());
                    self.changed |= is_new && object.read.had_items(arg);
                } else if !object.items.iter().rev().take(8).any(|item| item.digest() == arg.digest()) {
                    let joined = object.rest.join(arg);
                    self.changed |= is_new && object.read.had_items(arg);
                    object.rest = joined;
                }
            }
        }
        if !inner.apis.is_empty() {
            self.call_back(call, &Value::unknown());
        }
    }

    /// An item that is taken out of a list: where a loop is run exactly, it is gone then.
    fn taken(&mut self, is_first: bool, list: &Value) -> Value {
        let inner = list.get();
        if let ([id], true) = (inner.objs.as_slice(), self.exact > 0)
            && let Some(object) = self.objects.get_mut(*id).filter(|object| object.rest.is_unset())
            && !object.items.is_empty()
        {
            let item = if is_first { object.items.remove(0) } else { object.items.pop().unwrap_or_default() };
            return item.with(&inner.taint);
        }
        // What a generator gives is not kept as a list.
        let is_list = |id: &ObjId| self.objects.shape(*id).is_some_and(|object| object.is_list);
        if inner.objs.iter().any(is_list) { self.items(list) } else { list.clone() }
    }

    /// Pairs of numbers and items.
    fn enumerated(&mut self, list: &Value, call: &Call) -> Value {
        let mut pairs = Vec::new();
        if self.is_exact_list(list) {
            while let Some(item) = self.exact_item(list, pairs.len()).filter(|_| pairs.len() < ONE_BY_ONE) {
                let at = pairs.len();
                let pair = vec![Value::lit(Lit::Number(at as f64)), item];
                pairs.push(self.fresh(Object { items: pair, is_list: true, ..Object::default() }));
            }
            return self.new_list(call.site.0, call.site.1, pairs, Value::default());
        }
        let item = self.items(list);
        let pair =
            self.new_list(call.site.0, call.site.1 | 0x2000_0000, vec![Value::unknown(), item], Value::default());
        self.new_list(call.site.0, call.site.1, Vec::new(), pair)
    }

    /// The module of a name: one of the package, or what the language offers.
    pub(super) fn import(&mut self, name: &Value, place: Place) -> Value {
        let mut found = Value::default();
        self.use_text(name, place, FoldedRole::Plain);
        for text in name.texts() {
            match self.target(place.module, &text) {
                Some(module) => {
                    if module != place.module {
                        self.start(module);
                    }
                    found = found.join(&self.offered(module, place));
                }
                None if text.ends_with(".json") => {
                    let content = self.package_file(place.module, &text);
                    found = found.join(&content.and_then(|content| self.read_json(&content)).unwrap_or_default());
                }
                None => {
                    let text = text.trim_start_matches("node:");
                    if text.starts_with("data:") {
                        self.loaded(text, name, place);
                    }
                    let path = self.catalogue(place.module).resolve(text).to_owned();
                    found = found.join(&self.path(&path, place));
                }
            }
        }
        let mut labels = self.labels(name);
        self.without_answers(&mut labels, name);
        let texts = name.texts();
        let written = texts.iter().filter(|text| !text.ends_with(".json"));
        labels.extend(written.filter_map(|path| self.files.get(file_key(path))).flat_map(|own| own.to_vec()));
        if !labels.is_empty() {
            let reached =
                Reached { to: Vec::new(), paths: Vec::new(), content: name.texts(), labels, is_chosen: false };
            self.hit("code".to_owned(), "import".into(), place, reached);
        }
        if found.is_unset() { Value::unknown() } else { found }
    }

    /// Code that stands in an address.
    fn loaded(&mut self, address: &str, name: &Value, place: Place) {
        // What is no base64 stands in plain sight: the program itself writes and encodes it.
        let is_digit = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "+/-_=%".contains(c) || c == UNKNOWN;
        let is_plain = |code: &str| !code.chars().all(is_digit) || code.trim_matches(UNKNOWN).is_empty();
        if address.split_once(";base64,").is_some_and(|(_, code)| is_plain(code)) {
            return;
        }
        let short: String = address.chars().take(200).collect();
        let label = self.label("decoded", &short, place, "import");
        let labels = self.labels(&name.with(&label));
        let reached = Reached { to: Vec::new(), paths: Vec::new(), content: name.texts(), labels, is_chosen: false };
        self.hit("code".to_owned(), "import".into(), place, reached);
    }

    pub(super) fn offered(&mut self, module: u16, place: Place) -> Value {
        let id: ObjId = self.exports[module as usize];
        let whole = self.names.intern("*");
        let value = self.objects.field(id, whole).cloned();
        let value = value.unwrap_or_default();
        let inner = value.get();
        let mut objs = vec![id];
        objs.extend(inner.objs.iter().copied().filter(|other| *other != id));
        let name = self.names.intern(&self.units[module as usize].path);
        self.stepped_as(&Value::of(Inner { objs, ..(**inner).clone() }), place, Verb::Imported, name)
    }

    /// The module of the package that a name leads to.
    fn target(&self, from: u16, name: &str) -> Option<u16> {
        let own = &self.units[from as usize].path;
        super::super::link::candidates(self.units[from as usize].module.language, own, name)
            .iter()
            .find_map(|path| self.by_path.get(path.as_str()).copied())
    }

    /// A file of the package's own got content.
    pub(super) fn wrote(&mut self, paths: &[Rc<str>], content: &[Value], place: Place) {
        for path in paths {
            let key = file_key(path);
            // A name of which no letter is known is that of any file.
            if !key.chars().any(char::is_alphanumeric) {
                continue;
            }
            let what = self.names.intern(path);
            for value in content {
                let value = self.stepped_as(value, place, Verb::Written, what);
                self.keep_file(key, &value);
            }
        }
    }

    /// A file may hold this as well from here on.
    fn keep_file(&mut self, key: &str, value: &Value) {
        let value = Value::unknown().with(&self.deep(value, 3));
        self.changed |= self.files.add(key, &value);
    }

    /// Something is assigned to a member of an interface.
    pub(super) fn assigned(&mut self, path: &str, value: &Value, place: Place) {
        let catalogue = self.catalogue(place.module);
        let Some(entry) = catalogue.get(catalogue.resolve(path)) else { return };
        for sink in &entry.sinks {
            let reached = Reached {
                to: value.texts(),
                paths: Vec::new(),
                content: value.texts(),
                labels: self.labels(value),
                is_chosen: false,
            };
            self.hit(sink.class.clone(), path.into(), place, reached);
        }
    }
}

/// The name that a file goes by within a package.
pub(super) fn file_key(path: &str) -> &str {
    path.trim_start_matches("./")
}
