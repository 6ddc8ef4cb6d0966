//! What interfaces give and take: sources, sinks, and what happens to values
//! in between, from `signatures/flows/<language>.toml`.
//!
//! An interface is named by its path: the module, then members, with `()` for
//! what a call gives (`http.request().write`). `?.name` is a member of anything.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::fold::Fold;
use super::ir::Language;

/// Which argument.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Arg {
    /// By its position, counted from 0.
    Position(usize),
    /// By its name; `receiver` is what the call is made on, `all` is every argument.
    Name(String),
}

/// What gives a value that matters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its path.
    pub api: String,
    /// What is given.
    pub class: String,
    /// The argument that says which one: a variable's name, a path, an address.
    pub name: Option<Arg>,
    /// Its members are what is given; they are the names.
    #[serde(default)]
    pub members: bool,
    /// Given without a call.
    #[serde(default)]
    pub read: bool,
}

/// What takes a value to where it matters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// Its path.
    pub api: String,
    /// Where the value goes.
    pub class: String,
    /// The arguments that go there.
    pub args: Vec<Arg>,
    /// The argument that names the host.
    pub host: Option<Arg>,
    /// Whose service it is, where no argument names a host: its address.
    pub at: Option<String>,
    /// The argument that names the file: that which is written, or sent.
    pub path: Option<Arg>,
}

impl Sink {
    /// Whether it gives a file that is there another name, or copies it.
    pub fn copies(&self) -> bool {
        match (self.args.as_slice(), &self.path) {
            ([Arg::Position(0)], Some(Arg::Position(1))) => true,
            ([Arg::Name(from)], Some(Arg::Position(0))) => from == "receiver",
            _ => false,
        }
    }
}

/// Another name of the same interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The path.
    pub api: String,
    /// The path that it is.
    pub is: String,
}

/// A value that is known without running anything.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The path.
    pub api: String,
    /// The text.
    pub text: String,
}

/// An operation on constants.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folding {
    /// The path.
    pub api: String,
    /// What it does.
    pub op: Fold,
    /// Whether its result was written to be read by no one.
    #[serde(default)]
    pub decodes: bool,
    /// Done without a call.
    #[serde(default)]
    pub read: bool,
}

/// What a call does beyond constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Gives the member of the first argument that the second names.
    GetMember,
    /// Sets the member of the first argument that the second names.
    SetMember,
    /// Gives the member of the receiver that the first argument names; it is the second one where there is none.
    DefaultMember,
    /// Gives the member of the receiver that the first argument names, if that is a table; the second one where there is
    /// none.
    KeyedMember,
    /// Calls the receiver; the first argument is its receiver.
    Call,
    /// Calls the receiver with a list of arguments.
    Apply,
    /// Calls the first argument with the last one, a list of arguments; what stands between them is the receiver.
    ReflectApply,
    /// Gives the receiver, to be called later on the first argument with the others.
    Bind,
    /// Gives the first argument, to be called later with the others.
    Partial,
    /// Gives a function that gives the member of its argument that the first one names.
    MemberGetter,
    /// Gives a function that calls the method of its argument that the first one names.
    MethodCaller,
    /// Gives the member of the receiver that the first argument names.
    OwnMember,
    /// Takes the first item out of the receiver, or the first argument, and gives it.
    Shift,
    /// Takes the last item out of the receiver, or the first argument, and gives it.
    Pop,
    /// Pairs of numbers and items.
    Enumerate,
    /// Calls the first argument with functions that keep what they get; that is the result.
    Promise,
    /// Reads JSON.
    Json,
    /// Writes what it is given as a literal.
    Quote,
    /// Runs the file that the first argument names.
    RunFile,
    /// Gives the module that the first argument names.
    Import,
    /// Gives the first argument, its functions called.
    Resolve,
    /// Functions among the arguments get the receiver; their results are the result.
    Then,
    /// The receiver, or what functions among the arguments give instead.
    Otherwise,
    /// Functions among the arguments get each item; their results are a list.
    Map,
    /// The first argument gets each item of the second; its results are a list.
    MapFunction,
    /// Functions among the arguments get each item; the receiver is the result.
    Filter,
    /// Functions among the arguments get each item; one of them is the result.
    Find,
    /// Functions among the arguments get what was gathered and each item.
    Reduce,
    /// All arguments become part of the receiver, and so does what is read.
    Push,
    /// Adds the arguments in front of the first item of the receiver.
    Prepend,
    /// Adds the other arguments to the receiver, where the first one says.
    Insert,
    /// Functions among the arguments are called when the event is told that the first one names.
    Listen,
    /// Tells of the event that the first argument names.
    Emit,
    /// What is put into the result is put into its argument.
    Wrap,
    /// A pair of a handle and a path, of a file that has no other name.
    TemporaryFile,
    /// Gives a table of which any member is what the first argument makes.
    Factory,
    /// The receiver.
    Itself,
    /// The items of all arguments become part of the receiver.
    Extend,
    /// The content of all arguments becomes part of the first.
    Assign,
    /// The first argument is given what the receiver holds.
    Pipe,
    /// The second argument is given what the first holds.
    Copy,
    /// Keys.
    Keys,
    /// Values.
    Values,
    /// Pairs of keys and values.
    Entries,
    /// The members of the first argument, or all names that the program has.
    Globals,
    /// Calls the first argument with the others.
    Invoke,
    /// Calls the function among the arguments with a list of arguments: that which follows it, or is named `args`.
    Start,
    /// Standard input and output of processes are the first argument from here on.
    Tie,
    /// Keeps what the address in the first argument gives in the file that the second names.
    Download,
    /// The first argument, of which nothing else is known.
    Opaque,
}

/// A call with an effect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effecting {
    /// The path.
    pub api: String,
    /// What it does.
    pub does: Effect,
}

/// An interface whose result says nothing of what it was given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sanitizer {
    /// The path.
    pub api: String,
}

/// How a program reads its command line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    /// Its path: `cmd.` and its name.
    pub api: String,
    /// Options that take the next word as their value.
    #[serde(default)]
    pub values: Vec<String>,
    /// Options whose value is the path of a file that is read; `operands` are all operands but the last, `last` is that one.
    #[serde(default)]
    pub files: Vec<String>,
    /// Options whose value may hold `@` and the path of a file that is read.
    #[serde(default)]
    pub at_files: Vec<String>,
    /// Options whose value is the path of the file that the result goes to.
    #[serde(default)]
    pub writes: Vec<String>,
    /// Options of several letters begin with one hyphen.
    #[serde(default)]
    pub long: bool,
    /// It runs the command after so many operands.
    pub wraps: Option<usize>,
}

/// One catalogue as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    source: Vec<Source>,
    sink: Vec<Sink>,
    alias: Vec<Alias>,
    constant: Vec<Constant>,
    fold: Vec<Folding>,
    effect: Vec<Effecting>,
    sanitizer: Vec<Sanitizer>,
    program: Vec<Program>,
}

/// All that is known of one interface.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// What it gives.
    pub sources: Vec<Source>,
    /// What it takes.
    pub sinks: Vec<Sink>,
    /// Its value.
    pub constant: Option<String>,
    /// Its operation on constants.
    pub fold: Option<(Fold, bool)>,
    /// The operation on constants that reading it is.
    pub property: Option<Fold>,
    /// What else it does.
    pub effect: Option<Effect>,
    /// Whether its result says nothing of what it was given.
    pub sanitizes: bool,
    /// Options that take a value.
    pub values: Vec<String>,
    /// Options that name a file that is read, with whether the path stands behind `@`.
    pub files: Vec<(String, bool)>,
    /// Options that name the file that is written.
    pub writes: Vec<String>,
    /// Whether options of several letters begin with one hyphen.
    pub is_long: bool,
    /// After how many operands the command stands that it runs.
    pub wraps: Option<usize>,
}

impl Entry {
    /// Whether the next word belongs to an option.
    pub fn takes_value(&self, option: &str) -> bool {
        self.values.iter().any(|known| known == option)
    }

    /// Whether an option's value names a file that is read, and whether it stands behind `@` there.
    pub fn reads(&self, option: &str) -> Option<bool> {
        self.files.iter().find(|(known, _)| known == option).map(|(_, is_behind_at)| *is_behind_at)
    }
}

/// The catalogue of one language.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    entries: HashMap<String, Entry>,
    aliases: HashMap<String, String>,
}

/// Classes that sources may have.
pub const SOURCES: [&str; 20] = [
    "balance",
    "document",
    "env",
    "login",
    "page",
    "file",
    "memory",
    "keychain",
    "clipboard",
    "host-facts",
    "fetched",
    "request",
    "argument",
    "decoded",
    "date",
    "locale",
    "sandbox",
    "screen",
    "keystrokes",
    "command",
];

/// Classes that sinks may have.
pub const SINKS: [&str; 12] = [
    "network",
    "page-script",
    "dns",
    "messaging",
    "process",
    "code",
    "deserialize",
    "file-write",
    "delete",
    "clipboard-write",
    "script",
    "transfer",
];

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut all = Self::default();
        let mut seen = HashSet::new();
        let mut once = |table: &str, api: &str, class: &str| match seen.insert(format!("{table} {api} {class}")) {
            true => Ok(()),
            false => Err(format!("`{api}` stands twice among [[{table}]]")),
        };
        for source in file.source {
            known(&SOURCES, &source.class)?;
            once("source", &source.api, &source.class)?;
            all.entry(&source.api).sources.push(source);
        }
        for sink in file.sink {
            known(&SINKS, &sink.class)?;
            once("sink", &sink.api, &sink.class)?;
            all.entry(&sink.api).sinks.push(sink);
        }
        for constant in file.constant {
            once("constant", &constant.api, "")?;
            all.entry(&constant.api).constant = Some(constant.text);
        }
        for fold in file.fold {
            once("fold", &fold.api, "")?;
            let entry = all.entry(&fold.api);
            if fold.read {
                entry.property = Some(fold.op);
            } else {
                entry.fold = Some((fold.op, fold.decodes));
            }
        }
        for effect in file.effect {
            once("effect", &effect.api, "")?;
            all.entry(&effect.api).effect = Some(effect.does);
        }
        for sanitizer in file.sanitizer {
            once("sanitizer", &sanitizer.api, "")?;
            all.entry(&sanitizer.api).sanitizes = true;
        }
        for program in file.program {
            once("program", &program.api, "")?;
            let entry = all.entry(&program.api);
            let files = program.files.iter().map(|option| (option.clone(), false));
            entry.files = files.chain(program.at_files.iter().map(|option| (option.clone(), true))).collect();
            entry.values = program.values;
            entry.values.extend(entry.files.iter().map(|(option, _)| option.clone()).chain(program.writes.clone()));
            (entry.writes, entry.is_long, entry.wraps) = (program.writes, program.long, program.wraps);
        }
        for alias in file.alias {
            once("alias", &alias.api, "")?;
            all.aliases.insert(alias.api, alias.is);
        }
        Ok(all)
    }

    fn entry(&mut self, api: &str) -> &mut Entry {
        self.entries.entry(api.to_owned()).or_default()
    }

    /// What is known of a path, or of its last member on anything.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path).or_else(|| {
            let (_, last) = path.rsplit_once('.')?;
            self.entries.get(&format!("?.{last}"))
        })
    }

    /// Names of programs, in no order.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().filter_map(|api| api.strip_prefix("cmd.")).filter(|name| !name.contains(' '))
    }

    /// The path that a path is another name of, or itself.
    pub fn resolve<'p>(&'p self, path: &'p str) -> &'p str {
        self.aliases.get(path).map_or(path, String::as_str)
    }

    /// Sources and sinks of these classes, for people.
    pub fn members<'c>(&'c self, classes: &'c [String]) -> Vec<(&'c str, &'c str)> {
        let mut all: Vec<(&str, &str)> = self
            .entries
            .iter()
            .flat_map(|(api, entry)| {
                let sources = entry.sources.iter().map(|source| source.class.as_str());
                let sinks = entry.sinks.iter().map(|sink| sink.class.as_str());
                sources.chain(sinks).map(move |class| (class, api.as_str()))
            })
            .filter(|(class, _)| classes.iter().any(|wanted| wanted == class))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn known(classes: &[&str], class: &str) -> Result<(), String> {
    if classes.contains(&class) { Ok(()) } else { Err(format!("there is no class `{class}`: {}", classes.join(", "))) }
}

/// The catalogues, each read when a program first needs it.
#[derive(Default)]
pub struct Catalogues {
    texts: HashMap<&'static str, String>,
    read: [std::sync::OnceLock<Catalogue>; 3],
}

impl Catalogues {
    /// The catalogues of these texts.
    pub fn new(text: impl Fn(Language) -> String) -> Self {
        let all = [Language::JavaScript, Language::Python, Language::Shell];
        Self { texts: all.into_iter().map(|language| (language.name(), text(language))).collect(), ..Self::default() }
    }

    /// The catalogue of a language; empty if it is broken, which [`Self::check`] says.
    pub fn get(&self, language: Language) -> &Catalogue {
        self.read[language as usize].get_or_init(|| {
            let text = self.texts.get(language.name()).map_or("", String::as_str);
            Catalogue::parse(text).unwrap_or_default()
        })
    }

    /// What is wrong with each.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut broken: Vec<_> =
            self.texts.iter().filter_map(|(name, text)| Some((*name, Catalogue::parse(text).err()?))).collect();
        broken.sort();
        broken
    }
}
