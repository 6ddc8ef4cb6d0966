//! Files: of the package, written by scripts, and those of the machine.

use super::super::call::Reached;
use super::super::effect::file_key;
use super::super::outcome::TEXT_WRITE;
use super::super::taints;
use super::command::Run;
use super::pattern;
use super::*;
use crate::flow::{fold, link};

/// What a path of the package leads to.
pub(super) enum Target {
    /// A program.
    Unit(u16),
    /// Other text.
    Data(Rc<str>),
}

impl Interpreter<'_> {
    /// What a file holds.
    pub(super) fn content_of(&mut self, path: &Value, place: Place) -> Value {
        let mut all = Value::default();
        for text in path.texts() {
            let content = self.content(&text, place);
            all = all.join(&content);
        }
        if all.is_unset() { Value::unknown().with(&path.taint()) } else { all }
    }

    fn content(&mut self, path: &str, place: Place) -> Value {
        if matches!(path, "-" | "/dev/stdin" | "/dev/fd/0") {
            let input = self.names.intern("@in");
            return self.shell.store.get(input);
        }
        if let Some(address) = path.strip_prefix("/dev/tcp/").or(path.strip_prefix("/dev/udp/")) {
            let label = self.label("fetched", &address.replace('/', ":"), place, path);
            return Value::unknown().with(&label);
        }
        if let Some(content) = self.shell.contents.get(file_key(path)) {
            return content.clone();
        }
        if let Some(text) = self.data(path, place.module) {
            return self.made(vec![Lit::Text(text)]);
        }
        if path.starts_with("/dev/") {
            return Value::unknown();
        }
        let label = self.label("file", &self.path_here(path), place, path);
        if let Some(label) = label.as_ref().and_then(|labels| labels.first()) {
            self.out.reads.push(label.clone());
        }
        Value::unknown().with(&taints(&label, &self.written_to(path)))
    }

    /// A path from the folder that the script went to.
    pub(in crate::flow::interpret) fn path_here(&self, path: &str) -> String {
        let here = self.names.find("@here").map(|here| self.shell.store.get(here)).and_then(|here| here.one());
        let is_below = !path.starts_with(['/', '~', UNKNOWN]);
        match here.map(|here| here.text()).filter(|here| is_below && here.starts_with(['/', '~'])) {
            Some(here) => format!("{}/{}", here.trim_end_matches('/'), path.trim_start_matches("./")),
            None => path.to_owned(),
        }
    }

    /// Text of files of the package, one after the other if the path is a pattern.
    fn data(&mut self, path: &str, module: u16) -> Option<Rc<str>> {
        if pattern::is_pattern(path) {
            let names = self.fitting(path);
            let all: String =
                names.iter().filter_map(|name| (self.package)(name)).map(|text| text.to_string()).collect();
            return (!all.is_empty() && all.len() <= fold::LONGEST).then(|| all.into());
        }
        match self.own_file(path, module)? {
            Target::Data(text) => Some(text),
            Target::Unit(unit) => Some(self.units[unit as usize].text.into()),
        }
    }

    /// Files of the package that fit a pattern.
    pub(super) fn fitting(&mut self, wanted: &str) -> Vec<String> {
        self.steps = self.steps.saturating_sub(self.shell.paths.len());
        let wanted: Vec<char> = file_key(wanted).chars().collect();
        let is_fit = |name: &&String| pattern::fits(&wanted, &name.chars().collect::<Vec<char>>());
        self.shell.paths.iter().filter(is_fit).take(64).cloned().collect()
    }

    /// The file of the package that a path leads to.
    pub(super) fn own_file(&mut self, path: &str, module: u16) -> Option<Target> {
        let tail = path.rsplit(UNKNOWN).next().unwrap_or(path);
        let is_open = tail.len() < path.len();
        let tail = tail.trim_start_matches(['/', '.', '}']);
        if tail.is_empty() || (!path.contains('/') && !tail.contains('.')) {
            return None;
        }
        if !is_open && path.starts_with(['/', '~']) {
            return None;
        }
        let own = &self.units[module as usize].path;
        let plain = path.trim_start_matches("{baseDir}/").trim_start_matches("./");
        let mut names = vec![plain.to_owned()];
        names.extend(link::candidates(Language::Shell, own, plain));
        for name in names.iter().filter(|_| !is_open) {
            if let Some(found) = self.file_at(name) {
                return Some(found);
            }
        }
        // The beginning is computed: the one file whose path ends so.
        self.steps = self.steps.saturating_sub((self.units.len() + self.shell.paths.len()) / 16);
        let ending = format!("/{tail}");
        let fits = |name: &str| name == tail || name.ends_with(&ending);
        let units = self.units.iter().map(|unit| unit.path.as_str());
        let data = self.shell.paths.iter().map(String::as_str);
        let mut found = units.chain(data).filter(|name| is_open && fits(name));
        let only = found.next()?;
        if found.next().is_some() { None } else { self.file_at(only) }
    }

    fn file_at(&self, name: &str) -> Option<Target> {
        match self.by_path.get(name) {
            Some(unit) => Some(Target::Unit(*unit)),
            None => self.shell.paths.get(name).and_then(|path| (self.package)(path)).map(Target::Data),
        }
    }

    /// A file gets content.
    pub(super) fn write_file(&mut self, path: &Value, content: &Value, is_added: bool, place: Place) {
        let labels = self.labels(content);
        for text in path.texts() {
            if let Some(address) = text.strip_prefix("/dev/tcp/").or(text.strip_prefix("/dev/udp/")) {
                let to = vec![address.replace('/', ":").into()];
                let reached = Reached {
                    to,
                    paths: Vec::new(),
                    content: content.texts(),
                    labels: labels.clone(),
                    is_chosen: false,
                };
                self.hit("network".to_owned(), Rc::clone(&text), place, reached);
                continue;
            }
            if text.starts_with("/dev/") || text.chars().all(|c| c == UNKNOWN) {
                continue;
            }
            self.keep_content(&text, content, is_added, place);
            let texts: Vec<Rc<str>> = content.texts().into_iter().filter(|text| text.contains(' ')).take(4).collect();
            if !texts.is_empty() {
                let (to, paths) = (Vec::new(), vec![Rc::clone(&text)]);
                let reached = Reached { to, paths, content: texts, labels: Vec::new(), is_chosen: false };
                self.hit(TEXT_WRITE.to_owned(), ">".into(), place, reached);
            }
            let fetched = self.names.intern("fetched");
            if labels.iter().any(|label| label.class == fetched) {
                let paths = vec![Rc::clone(&text)];
                let reached = Reached {
                    to: Vec::new(),
                    paths,
                    content: content.texts(),
                    labels: labels.clone(),
                    is_chosen: false,
                };
                self.hit("file-write".to_owned(), ">".into(), place, reached);
            }
        }
        if !labels.is_empty() {
            self.wrote(&path.texts(), std::slice::from_ref(content), place);
        }
    }

    fn keep_content(&mut self, path: &Rc<str>, content: &Value, is_added: bool, place: Place) {
        let what = self.names.intern(path);
        let content = if content.is_unset() { Value::text("") } else { content.clone() };
        let content = self.stepped_as(&content, place, Verb::Written, what);
        let key: Rc<str> = file_key(path).into();
        let known = self.shell.contents.get(&key).cloned().unwrap_or_default();
        let constant = self.names.intern(path);
        // Rounds run the same line again.
        let is_again = !self.seen.insert((constant, constant, place, format!(">{}", content.digest())));
        let new = match (is_added, known.is_unset()) {
            (_, true) => content,
            (true, false) if is_again => return,
            (true, false) => self.concat(&[known, content]),
            (false, false) if self.shell.store.depth() > 0 => known.join(&content),
            (false, false) => content,
        };
        self.shell.contents.insert(key, new);
    }

    /// A program of the package is started.
    pub(super) fn start_script(&mut self, target: &Target, args: &[Value], streams: &Streams, site: Site) -> Value {
        match target {
            Target::Unit(unit) => {
                self.start_with(*unit, args, site.place);
                Value::unknown()
            }
            Target::Data(text) => {
                let text = Value::text(Rc::clone(text));
                self.run_text(&text, Language::Shell, &Run { name: "sh", args, streams, site })
            }
        }
    }

    /// A program of the package gets arguments.
    pub(super) fn start_with(&mut self, unit: u16, args: &[Value], place: Place) {
        let name = self.names.intern(&self.units[unit as usize].path);
        let args: Vec<Value> =
            args.iter().take(64).map(|arg| self.stepped_as(arg, place, Verb::Passed, name)).collect();
        let given = self.shell.given.entry(unit).or_default();
        if given.len() < args.len() {
            given.resize(args.len(), Value::default());
        }
        for (known, new) in given.iter_mut().zip(&args) {
            let joined = known.join(new);
            self.changed |= joined.digest() != known.digest();
            *known = joined;
        }
    }

    /// Text that is run as a program.
    pub(super) fn run_text(&mut self, text: &Value, language: Language, run: &Run<'_>) -> Value {
        let place = run.site.place;
        let labels = self.labels(text);
        let texts = text.texts();
        for code in &texts {
            if code.chars().all(|c| c == UNKNOWN || c.is_whitespace()) {
                continue;
            }
            // Where it stands in the script word for word, it was found there.
            let is_seen = self.units[place.module as usize].text.contains(&**code)
                && language == Language::Shell
                && crate::parse::shell::worth_parsing(code);
            if !is_seen {
                let role =
                    if language == Language::Shell { FoldedRole::Command } else { FoldedRole::Program(language) };
                let code = Value::text(Rc::clone(code));
                self.use_text(&code, place, role);
            }
        }
        if language == Language::Shell {
            self.sent_by_command(&texts, &labels, &Rc::from(run.name), place);
            let reached = Reached { to: Vec::new(), paths: Vec::new(), content: texts, labels, is_chosen: false };
            self.hit("script".to_owned(), Rc::from(run.name), place, reached);
        }
        Value::unknown().with(&text.taint())
    }
}
