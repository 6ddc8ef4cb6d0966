//! What calls give and hand on: labels of sources, and callbacks.

use std::sync::LazyLock;

use regex::Regex;

use super::client::{is_answer, is_fetch};
use super::*;
use crate::flow::value::is_pick;
use crate::text;

/// A regular expression that leaves nothing out, and so only cuts a text into pieces.
static EVERYTHING: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"^(?:\x1b[a-z]*/)?\(?(?:\?s\))?(?:\[\\s\\S\]|\[\\S\\s\]|\[\^\]|\[\\w\\W\]|\.)(?:\{\d*,?\d*\}|[+*])\)?$",
    )
});

/// What gives the parts of an address.
const ADDRESSES: [&str; 4] = ["urllib.parse.urlparse().", "urllib.parse.urlsplit().", "URL().", "url.parse()."];

/// What an address keeps encoded, in an object of which nothing else is known.
const PARTS: [&str; 5] = ["?.pathname", "?.search", "?.hash", "?.username", "?.password"];

impl Interpreter<'_> {
    pub(in crate::flow::interpret) fn through(&mut self, call: &Call) -> Taint {
        self.through_without(call, None, "")
    }

    /// What an unknown call may give: of what it is given, all but the environment of a process that it starts.
    pub(in crate::flow::interpret) fn through_unknown(&mut self, call: &Call, path: &str) -> Taint {
        const STARTS: [&str; 6] = ["launch", "spawn", "start", "fork", "exec", "run"];
        let name = path.rsplit('.').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        let env = STARTS.iter().any(|start| lower.starts_with(start)).then(|| self.names.intern("env"));
        let all = self.through_without(call, env, path);
        match variable_named(name) {
            Some(variable) => {
                let variable = self.names.intern(&variable);
                self.entry_of(Value::unknown().with(&all), variable).taint()
            }
            None => all,
        }
    }

    /// Labels of what a call is given, without members of one name; of an answer, without what the request was made with.
    fn through_without(&mut self, call: &Call, without: Option<Sym>, path: &str) -> Taint {
        let env = self.names.intern("env");
        let unless = |drops: bool, taint: Taint| -> Taint {
            let Some(labels) = taint.as_ref().filter(|_| drops) else { return taint };
            let kept: Vec<Label> = labels.iter().filter(|label| label.class != env).cloned().collect();
            (!kept.is_empty()).then(|| Rc::new(kept))
        };
        let is_fetch = is_fetch(path.rsplit('.').next().unwrap_or(path));
        let all = call.all().fold(None, |all, arg| taints(&all, &self.deep_without(arg, 6, without)));
        let receiver = if self.is_in_table(call) { None } else { self.deep(&call.receiver, 3) };
        // What an object of the package was set up with is not what a method gives of which nothing is known.
        let is_own = path.starts_with("?.") && self.objects_of(&call.receiver).any(|object| !object.bases.is_empty());
        let receiver = taints(&call.receiver.taint(), &unless(is_own, receiver));
        let all = taints(&unless(is_fetch, all), &unless(is_fetch || is_answer(path), receiver));
        let value = Value::unknown().with(&all);
        let Some(mut what) = call.callee.get().apis.first().copied() else { return all };
        let takes_all = |arg: &Value| arg.texts().iter().any(|text| EVERYTHING.is_match(text));
        if is_pick(&self.names.get(what)) && call.all().any(takes_all) {
            // All of the text in pieces is no part of it.
            what = self.names.intern("pieces");
        }
        self.stepped_as(&value, call.place, Verb::Changed, what).taint()
    }

    /// Whether the callee is kept in a field of the receiver: a function that somebody put beside others sees none of
    /// them.
    fn is_in_table(&self, call: &Call) -> bool {
        let callee = call.callee.get();
        let names: Vec<Rc<str>> = callee.apis.iter().map(|api| self.names.get(*api)).collect();
        let is_named = |key: Sym| {
            let key = self.names.get(key);
            names.iter().any(|name| name.strip_prefix("?.").is_some_and(|name| *name == *key))
        };
        let receiver = call.receiver.get();
        let mut objects = receiver.objs.iter().filter_map(|id| self.objects.shape(*id));
        objects.any(|object| object.fields.keys().any(|key| is_named(*key)))
    }

    /// Functions among the arguments are called with what the call gives.
    pub(in crate::flow::interpret) fn call_back(&mut self, call: &Call, value: &Value) {
        for arg in call.args.iter().chain(call.named.iter().map(|(_, value)| value)) {
            let inner = arg.get();
            // A method that is handed on stays tied to its object in Python.
            let is_tied = self.module(call.place.module).language == Language::Python;
            let receiver = inner.of.clone().filter(|_| is_tied).unwrap_or_default();
            let args = self.later(call).unwrap_or_else(|| vec![value.clone(), value.clone()]);
            for function in &inner.fns {
                self.invoke(*function, &args, &[], &receiver, Some(call.place));
            }
            for id in &inner.objs {
                if let Some(bound) = self.objects.shape(*id).and_then(|object| object.bound.clone()) {
                    self.call_bound(*id, &bound, &Call { args: args.clone(), named: Vec::new(), ..copy(call) });
                }
            }
        }
    }

    /// What a function is called with later on, by a call that says so behind it.
    fn later(&self, call: &Call) -> Option<Vec<Value>> {
        const TIMERS: [(&str, usize); 4] =
            [("setTimeout", 2), ("setInterval", 2), ("setImmediate", 1), ("process.nextTick", 1)];
        let api = self.names.get(*call.callee.get().apis.first()?);
        let (_, from) = TIMERS.iter().find(|(name, _)| *name == &*api)?;
        call.args.get(*from..).filter(|args| !args.is_empty()).map(<[Value]>::to_vec)
    }

    pub(in crate::flow::interpret) fn source(&mut self, source: &Source, path: &Rc<str>, call: &Call) -> Taint {
        if source.read || (source.members && source.name.is_none()) {
            return None;
        }
        let names: Vec<Rc<str>> = match &source.name {
            Some(which) => {
                let arg = call.arg(which).unwrap_or_default();
                // A path has no base but the folder that the program is in.
                let base = if source.class == "file" { Value::default() } else { call.receiver.clone() };
                let mut texts = self.addresses(&arg, &base);
                if texts.is_empty() {
                    texts.push("?".into());
                }
                texts
            }
            None => vec![Rc::clone(path)],
        };
        let mut all = None;
        for name in names {
            self.spend(2 * name.len());
            let is_of_shell = source.class == "file" && self.is_shell(call.place.module);
            let name = if is_of_shell { self.path_here(&name).into() } else { name };
            let taint = self.label(&source.class, &name, call.place, path);
            if source.class == "file" {
                if let Some(label) = taint.as_ref().and_then(|labels| labels.first()) {
                    self.out.reads.push(label.clone());
                }
                all = taints(&all, &self.written_to(&name));
            }
            all = taints(&all, &taint);
        }
        if source.class == "argument" {
            all = taints(&all, &self.started_with(call.place.module));
        }
        all
    }

    pub(in crate::flow::interpret) fn decoded(&mut self, value: &Value, path: &Rc<str>, call: &Call) -> Taint {
        if self.hides_nothing(call, path) {
            return None;
        }
        let text = value.texts().first().cloned().unwrap_or_else(|| "?".into());
        self.spend(text.len().min(40));
        let name: String = text.chars().take(40).collect();
        self.use_text(value, call.place, FoldedRole::Plain);
        self.label("decoded", &name, call.place, path)
    }

    /// Whether nothing that is to be decoded was hidden by whoever wrote it: the program itself encodes it, as in
    /// `unescape(encodeURIComponent(text))`, which gives the bytes of a text, or it is a part of an address that
    /// somebody gives, which are always encoded, or the texts that it is known to be have no percent sign and are read
    /// nowhere.
    fn hides_nothing(&self, call: &Call, decoder: &str) -> bool {
        let subject = call.args.first().unwrap_or(&call.receiver).get();
        let catalogue = self.catalogue(call.place.module);
        let encodes =
            |name: &str| catalogue.get(name).is_some_and(|entry| entry.fold == Some((Fold::PercentEncode, false)));
        let is_encoder = |name: &str| name.strip_suffix("()").is_some_and(encodes);
        let is_percent = catalogue.get(decoder).is_some_and(|entry| entry.fold == Some((Fold::Percent, true)));
        let is_in_address = |name: &str| ADDRESSES.iter().any(|address| name.starts_with(address));
        let is_part_of_address = |name: &str| is_percent && (is_in_address(name) || PARTS.contains(&name));
        let is_encoded = |api: &Sym| is_encoder(&self.names.get(*api)) || is_part_of_address(&self.names.get(*api));
        let is_plain = |lit: &Lit| is_percent && !lit.text().contains('%');
        let is_read = |api: &Sym| {
            let name = self.names.get(*api);
            let entry = name.split_once("()").and_then(|(made, _)| catalogue.get(made));
            entry.is_some_and(|entry| !entry.sources.is_empty())
        };
        let are_plain =
            !subject.lits.is_empty() && subject.lits.iter().all(is_plain) && !subject.apis.iter().any(is_read);
        let are_encoded = subject.lits.is_empty() && !subject.apis.is_empty() && subject.apis.iter().all(is_encoded);
        are_plain || are_encoded
    }

    /// What a function that is called in too many ways gives here: nothing of what it got elsewhere.
    pub(super) fn given_these(&self, result: &Value, all: Arguments, given: Arguments) -> Value {
        let Some(labels) = result.taint() else { return result.clone() };
        let of = |(args, named): Arguments| {
            let values = args.iter().chain(named.iter().map(|(_, value)| value));
            values.fold(None, |taint, value| taints(&taint, &self.deep(value, 2)))
        };
        let (everywhere, here) = (of(all), of(given));
        let is_in = |taint: &Taint, label: &Label| {
            let mut known = taint.iter().flat_map(|labels| labels.iter());
            known.any(|other| (other.class, other.name) == (label.class, label.name))
        };
        let own = labels.iter().filter(|label| is_in(&here, label) || !is_in(&everywhere, label));
        let own: Vec<Label> = own.cloned().collect();
        result.relabelled((!own.is_empty()).then(|| Rc::new(own)))
    }
}

/// What the variable may be called that a function of this name takes from an environment: `loadApiKey` gives `API_KEY`.
fn variable_named(function: &str) -> Option<String> {
    const VERBS: [&str; 9] = ["load", "parse", "get", "read", "resolve", "find", "choose", "select", "detect"];
    const THINGS: [&str; 6] = ["url", "host", "config", "settings", "options", "credentials"];
    let lower = function.to_ascii_lowercase();
    let verb = VERBS.iter().find(|verb| lower.starts_with(**verb)).map_or(0, |verb| verb.len());
    if verb == 0 && !THINGS.iter().any(|thing| lower.ends_with(thing)) {
        return None;
    }
    let mut name = String::new();
    for c in function.get(verb..)?.trim_start_matches('_').chars() {
        if c.is_ascii_uppercase() && name.ends_with(|last: char| last.is_ascii_lowercase()) {
            name.push('_');
        }
        name.push(c);
    }
    // What reads the environment gives all of it.
    let name = name.to_ascii_uppercase();
    let is_all = matches!(&*name, "" | "ENV" | "ENVIRONMENT" | "ENVS" | "VARS" | "VARIABLES" | "ENV_VARS" | "ALL");
    (!is_all).then_some(name)
}
