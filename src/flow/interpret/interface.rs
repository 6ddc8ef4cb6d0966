//! Interfaces by their paths: what members of them are.

use super::Interpreter;
use crate::flow::ir::Language;
use crate::flow::value::{Inner, Place, Sym, Value};

impl Interpreter<'_> {
    /// A member of anything: known by its name alone.
    pub(super) fn method(&mut self, inner: &Inner, name: &str, place: Place) -> Value {
        // What may be an object as well, as `this` is, has a class.
        if name == "constructor" && !inner.fns.is_empty() && inner.objs.is_empty() {
            let function = self.names.intern("Function");
            return Value::api(function);
        }
        if matches!(name, "__builtins__" | "__globals__") {
            return self.world(place);
        }
        self.path(&format!("?.{name}"), place)
    }

    /// What a method of the package is called on is an object, whatever names led to it.
    pub(super) fn as_object(&self, this: &Value) -> Value {
        let inner = this.get();
        let is_method = |api: &Sym| self.names.get(*api).starts_with("?.");
        if !inner.apis.iter().any(is_method) {
            return this.clone();
        }
        let apis = inner.apis.iter().filter(|api| !is_method(api)).copied().collect();
        Value::of(Inner { apis, is_open: true, ..(**inner).clone() })
    }

    /// A member of an interface.
    pub(super) fn member(&mut self, api: Sym, name: &str, place: Place) -> Value {
        // The same under another name, or all that is built in.
        if matches!(name, "default" | "__dict__") {
            return Value::api(api);
        }
        if name == "__builtins__" {
            return self.world(place);
        }
        match &*self.names.get(api) {
            "sys.modules" if name == "__main__" => return self.offered(place.module, place),
            "sys.modules" => return self.import(&Value::text(name), place),
            "globalThis" => return self.path(name, place),
            _ => {}
        }
        // What is known by its name alone is a method.
        let is_of_function =
            |path: &str| path.starts_with("?.") || path.trim_end_matches("()").ends_with(".constructor");
        if name == "constructor" && is_of_function(&self.names.get(api)) {
            return Value::api(self.names.intern("Function"));
        }
        let language = self.module(place.module).language as u8;
        let key = self.names.intern(name);
        let full = match self.members.get(&(language, api, key)) {
            Some(full) => *full,
            None => {
                let base = self.names.get(api);
                let is_long = base.len() > 160 || base.matches('.').count() > 6;
                let full = if is_long { format!("?.{name}") } else { format!("{base}.{name}") };
                let full = self.names.intern(&full);
                self.members.insert((language, api, key), full);
                full
            }
        };
        let named = self.entry(place.module, api).and_then(|entry| entry.sources.iter().find(|source| source.members));
        match named {
            Some(source) if self.entry(place.module, full).is_none() => {
                let what = self.names.get(full);
                let taint = self.label(&source.class, name, place, &what);
                self.known_variable(name).join(&self.passed_on(name)).with(&taint)
            }
            _ => self.interned(full, place),
        }
    }

    /// Variables of the environment that are the same for everyone, or lead to the same file.
    pub(super) fn known_variable(&self, name: &str) -> Value {
        match name {
            "HOME" | "USERPROFILE" => Value::text("~"),
            "SHELL" => Value::text("/bin/sh"),
            "BASH" => Value::text("/bin/bash"),
            "APPDATA" => Value::text("~/appdata/roaming"),
            "LOCALAPPDATA" => Value::text("~/appdata/local"),
            "XDG_CONFIG_HOME" => Value::text("~/.config"),
            "XDG_DATA_HOME" => Value::text("~/.local/share"),
            "npm_config_userconfig" | "NPM_CONFIG_USERCONFIG" => Value::text("~/.npmrc"),
            "KUBECONFIG" => Value::text("~/.kube/config"),
            "AWS_SHARED_CREDENTIALS_FILE" => Value::text("~/.aws/credentials"),
            "NETRC" => Value::text("~/.netrc"),
            "DOCKER_CONFIG" => Value::text("~/.docker"),
            "GNUPGHOME" => Value::text("~/.gnupg"),
            "HISTFILE" => Value::text("~/.bash_history"),
            "CLAUDE_CONFIG_DIR" => Value::text("~/.claude"),
            "CODEX_HOME" => Value::text("~/.codex"),
            "OPENCLAW_STATE_DIR" => Value::text("~/.openclaw"),
            _ => Value::unknown(),
        }
    }

    /// All that a language has built in.
    pub(super) fn world(&mut self, place: Place) -> Value {
        let name = match self.module(place.module).language {
            Language::Python => "builtins",
            _ => "globalThis",
        };
        Value::api(self.names.intern(name))
    }

    /// The value of an interface's path.
    pub(super) fn path(&mut self, path: &str, place: Place) -> Value {
        let sym = self.names.intern(path);
        self.interned(sym, place)
    }

    /// The value of an interface's path by its number.
    pub(super) fn interned(&mut self, path: Sym, place: Place) -> Value {
        let language = self.module(place.module).language as u8;
        let sym = match self.paths.get(&(language, path)) {
            Some(sym) => *sym,
            None => {
                let name = self.names.get(path);
                let sym = self.names.intern(self.catalogue(place.module).resolve(&name));
                self.paths.insert((language, path), sym);
                sym
            }
        };
        let mut value = Value::api(sym);
        let Some(entry) = self.entry(place.module, sym) else { return value };
        let path = &*self.names.get(sym);
        if let Some(text) = &entry.constant {
            value = value.join(&Value::text(text.as_str()));
        }
        for source in entry.sources.iter().filter(|source| source.read || source.members) {
            let name = if source.members { "*" } else { path };
            value = value.with(&self.label(&source.class, name, place, path));
            if source.class == "argument" {
                value = value.with(&self.started_with(place.module));
                value = self.given_list(place.module).map_or(value.clone(), |list| value.join(&list));
            }
        }
        value
    }

    pub(super) fn global(&mut self, place: Place, sym: crate::flow::ir::Sym) -> Value {
        let sym = self.sym(place.module, sym);
        if &*self.names.get(sym) == "undefined" {
            return Value::default();
        }
        self.interned(sym, place)
    }
}
