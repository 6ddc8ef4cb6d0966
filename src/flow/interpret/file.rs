//! Files of the package: their content as constants, JSON in them, and programs that are run by path.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use super::call::{Call, HANDLE, Reached};
use super::effect::file_key;
use super::heap::{Object, Reads};
use super::{FoldedRole, Interpreter};
use crate::flow::catalogue::Source;
use crate::flow::fold;
use crate::flow::value::{Label, Lit, Place, Sym, Taint, UNKNOWN, Value, cut, taints};

/// Nesting of JSON that is read.
const JSON_DEPTH: usize = 16;

/// Files whose texts are kept, and bytes of such a text.
const DRAFTS: usize = 256;
const DRAFT: usize = 8192;
/// Files of a folder whose contents count as its own.
const IN_FOLDER: usize = 64;

/// What files were given, by their names.
#[derive(Default)]
pub(super) struct Written {
    all: BTreeMap<Rc<str>, Value>,
    /// Of which of them it was asked.
    read: Reads,
}

impl Written {
    /// Labels of what a file was given.
    pub(super) fn get(&self, key: &str) -> Taint {
        self.read.member(number(key));
        self.all.get(key)?.taint()
    }

    /// The same, or of what all files of a folder were.
    fn in_all(&self, key: &str) -> Taint {
        let own = self.get(key);
        let folder = format!("{}/", key.trim_end_matches('/'));
        self.read.member(number(&folder));
        if folder.len() < 3 {
            return own;
        }
        let from = (Bound::Included(folder.as_str()), Bound::Unbounded);
        let inside = self.all.range::<str, _>(from).take_while(|(name, _)| name.starts_with(&folder));
        let (mut all, mut inside) = (own, inside.map(|(_, value)| value.taint()));
        all = inside.by_ref().take(IN_FOLDER).fold(all, |all, taint| taints(&all, &taint));
        if inside.next().is_some() { taints(&all, &cut()) } else { all }
    }

    /// A file may hold this as well; whether that was news to who had asked.
    pub(super) fn add(&mut self, key: &str, value: &Value) -> bool {
        let known = self.all.entry(key.into()).or_default();
        let joined = known.join(value);
        let is_new = joined.digest() != known.digest();
        *known = joined;
        let folders = key.match_indices('/').filter_map(|(at, _)| key.get(..=at));
        is_new && folders.chain([key]).any(|name| self.read.had_member(number(name), value))
    }
}

/// A number for the name of a file; another may have the same.
fn number(name: &str) -> Sym {
    name.bytes().fold(0, |number: Sym, byte| number.wrapping_mul(31).wrapping_add(byte.into()))
}

impl Interpreter<'_> {
    /// Content of a file by its name in a module: beside it, or in the package.
    pub(super) fn package_file(&self, module: u16, name: &str) -> Option<Rc<str>> {
        if name.contains(UNKNOWN) {
            return None;
        }
        let unit = &self.units[module as usize];
        let plain = file_key(name);
        let beside = unit.path.rsplit_once('/').map(|(directory, _)| format!("{directory}/{plain}"));
        beside.into_iter().chain([plain.to_owned()]).find_map(|path| (self.package)(&fold::clean_path(&path)))
    }

    /// What a call reads from the package's own files.
    pub(super) fn contents(&mut self, source: &Source, call: &Call) -> Value {
        let name = source.name.as_ref().and_then(|which| call.arg(which)).unwrap_or_default();
        let mut names = self.addresses(&name, &call.receiver);
        names.extend(call.receiver.texts());
        let found: Vec<Lit> =
            names.iter().filter_map(|name| self.package_file(call.place.module, name)).map(Lit::Text).collect();
        if found.is_empty() { Value::default() } else { Value::lits(found) }
    }

    /// What a JSON text holds; `None` if it is not known.
    pub(super) fn json(&mut self, text: &Value, call: &Call) -> Option<Value> {
        let taint = self.deep(text, 2);
        let known = text.texts().first().cloned();
        let value = known.and_then(|text| self.read_json(&text)).unwrap_or_else(|| {
            let inner = text.get();
            // What is put into it later is kept with it.
            let objs = vec![self.site(call.site.0, call.site.1 | HANDLE)];
            Value::of(crate::flow::value::Inner { lits: inner.lits.clone(), objs, is_open: true, ..Default::default() })
        });
        let value = value.with(&taint);
        Some(match call.callee.get().apis.first().copied() {
            Some(what) => self.stepped_as(&value, call.place, crate::flow::value::Verb::Changed, what),
            None => value,
        })
    }

    pub(super) fn read_json(&mut self, text: &Rc<str>) -> Option<Value> {
        if let Some(known) = self.json.get(text) {
            return Some(known.clone());
        }
        let read = serde_json::from_str(text).ok()?;
        let value = self.of_json(&read, 0);
        self.json.insert(Rc::clone(text), value.clone());
        Some(value)
    }

    fn of_json(&mut self, read: &serde_json::Value, depth: usize) -> Value {
        use serde_json::Value as Json;
        if depth > JSON_DEPTH {
            return Value::unknown();
        }
        match read {
            Json::Null | Json::Bool(_) => Value::text(read.to_string()),
            Json::Number(number) => number.as_f64().map_or_else(Value::unknown, |n| Value::lit(Lit::Number(n))),
            Json::String(text) if text.len() <= fold::LONGEST => self.made(vec![Lit::Text(text.as_str().into())]),
            Json::String(_) => Value::unknown(),
            Json::Array(items) => {
                let items = items.iter().map(|item| self.of_json(item, depth + 1)).collect();
                self.fresh(Object { items, is_list: true, ..Object::default() })
            }
            Json::Object(members) => {
                let fields = members
                    .iter()
                    .map(|(key, value)| (self.names.intern(key), self.of_json(value, depth + 1)))
                    .collect();
                self.fresh(Object { fields, ..Object::default() })
            }
        }
    }

    /// Where what was written to a file came from, or to files in a folder.
    pub(super) fn labels_of_file(&self, path: &str) -> Vec<Label> {
        self.written_to(path).map(|labels| labels.to_vec()).unwrap_or_default()
    }

    /// The same as a taint.
    pub(super) fn written_to(&self, path: &str) -> Taint {
        self.files.in_all(file_key(path))
    }

    /// What a copy of a file holds.
    pub(super) fn copy_of(&mut self, path: &str, place: Place, what: &str) -> Value {
        let label = self.label("file", path, place, what);
        Value::unknown().with(&taints(&label, &self.written_to(path)))
    }

    /// Files got these texts; another name may be given to them later.
    pub(super) fn draft(&mut self, paths: &[Rc<str>], content: &[Rc<str>]) {
        let short: Vec<Rc<str>> = content.iter().filter(|text| text.len() <= DRAFT).take(4).cloned().collect();
        for path in paths {
            if self.drafts.len() < DRAFTS {
                self.drafts.insert(file_key(path).into(), short.clone());
            }
        }
    }

    /// Texts of the files that these names are of, and the names.
    pub(super) fn drafts_of(&self, names: &[Rc<str>]) -> Vec<Rc<str>> {
        let known = names.iter().filter_map(|name| self.drafts.get(file_key(name))).flatten();
        known.chain(names).cloned().collect()
    }

    /// What a server says of which module is loaded is no code of the server's, unless the name is an address.
    pub(super) fn without_answers(&self, labels: &mut Vec<Label>, name: &Value) {
        let is_made = |api: &Sym| self.names.get(*api).contains("createObjectURL");
        let is_address = name.texts().iter().any(|text| text.contains(':')) || name.get().apis.iter().any(is_made);
        labels.retain(|label| is_address || &*self.names.get(label.class) != "fetched");
    }

    /// A file of the package is run under any name.
    pub(super) fn run_file(&mut self, call: &Call) {
        let api = call.callee.get().apis.first().map(|api| self.names.get(*api)).unwrap_or_default();
        for text in call.args.iter().flat_map(Value::texts) {
            let labels = self.labels_of_file(&text);
            if !labels.is_empty() {
                let content = vec![Rc::clone(&text)];
                let reached = Reached { to: Vec::new(), paths: Vec::new(), content, labels, is_chosen: false };
                self.hit("code".to_owned(), Rc::clone(&api), call.place, reached);
            }
            if let Some(content) = self.package_file(call.place.module, &text) {
                self.use_text(&Value::text(content), call.place, FoldedRole::Code);
            }
        }
    }
}
