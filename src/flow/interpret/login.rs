//! What is called a login where it is put into a table: nobody saw where it came from, but what it is.

use super::frame::Frame;
use super::heap::Object;
use super::*;
use crate::flow::value::UNKNOWN;

/// Names of members that hold what somebody logs in with, in lower case and without what joins their words.
const LOGINS: [&str; 21] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "apikey",
    "xapikey",
    "apitoken",
    "secretkey",
    "apisecret",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "idtoken",
    "authorization",
    "cookie",
    "cookies",
    "privatekey",
    "seedphrase",
    "mnemonic",
    "credentials",
];

/// Lists that an exact loop makes at one place and that are told apart.
const LISTS: u32 = 64;

impl Interpreter<'_> {
    /// A list or table with what is put into it where it is made.
    pub(super) fn container(&mut self, frame: &Frame, at: u32, shape: Shape, slots: &[Slot], place: Place) -> Value {
        let object = self.site(frame.function, at);
        let mut values: Vec<Value> = slots.iter().map(|slot| self.read(frame, *slot)).collect();
        if shape == Shape::Map {
            for pair in values.chunks_exact_mut(2) {
                if let [key, value] = pair {
                    *value = self.login(key, value, place);
                }
            }
        }
        if shape == Shape::List && self.exact > 0 && self.is_another(object, &values) {
            return self.fresh(Object { is_list: true, items: values, ..Object::default() });
        }
        // The top level runs once, so its containers begin as they are written.
        let is_anew = frame.function.1 == 0 || self.exact > 0 || values.is_empty();
        self.fill(object, shape, &values, is_anew);
        Value::object(object)
    }

    /// Whether a list that is made in each round of an exact loop differs from that of the round before, which may be
    /// kept somewhere. Of very many, only the last is known.
    fn is_another(&mut self, list: ObjId, items: &[Value]) -> bool {
        let Some(object) = self.objects.get_mut(list) else { return false };
        let is_same = object.items.iter().map(Value::digest).eq(items.iter().map(Value::digest));
        if is_same || object.items.is_empty() || object.version >= LISTS {
            return false;
        }
        object.version += 1;
        true
    }

    /// A value that is a login by the name that it goes by, and of which nothing else is known.
    fn login(&mut self, key: &Value, value: &Value, place: Place) -> Value {
        let inner = value.get();
        // That somebody typed it does not say what it is.
        let typed = |label: &Label| matches!(&*self.names.get(label.name), "process.stdin" | "sys.stdin");
        let is_known = value.taint().is_some_and(|labels| !labels.iter().all(typed))
            || !inner.fns.is_empty()
            || !inner.objs.is_empty();
        let is_written = !inner.lits.is_empty() && !value.texts().iter().any(|text| text.contains(UNKNOWN));
        let Some(name) = key.one().filter(|_| !is_known && !is_written && !value.is_unset()) else {
            return value.clone();
        };
        let name = name.text();
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match LOGINS.contains(&&*plain) {
            true => value.with(&self.label("login", &name, place, &name)),
            false => value.clone(),
        }
    }
}
