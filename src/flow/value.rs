//! What is known of a value: the texts that it may be, the interface that it
//! is reached by, the functions and objects that it may be, and where it came from.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

/// Stands in a text for a part that is not known, as in commands of the shell.
pub const UNKNOWN: char = '\u{1a}';
/// Most texts that a value may be; of more, the first ones and that there are others.
const TEXTS: usize = 8;
/// Most functions, objects or interfaces that a value may be.
const CHOICES: usize = 6;
/// Most labels of one value.
const LABELS: usize = 16;
/// Most steps from a source on.
pub const STEPS: u8 = 16;

/// A name of an interface, a member or a label.
pub type Sym = u32;
/// An object by the place that made it.
pub type ObjId = u32;
/// A function: its module and its number there.
pub type FnRef = (u16, u32);

/// Names by number, for one run of the interpreter.
#[derive(Default)]
pub struct Names {
    all: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, Sym>,
}

impl Names {
    /// The number of a name.
    pub fn intern(&mut self, name: &str) -> Sym {
        if let Some(&sym) = self.numbers.get(name) {
            return sym;
        }
        let name: Rc<str> = name.into();
        self.all.push(Rc::clone(&name));
        self.numbers.insert(name, self.all.len() as Sym - 1);
        self.all.len() as Sym - 1
    }

    /// The number of a name, if it has one.
    pub fn find(&self, name: &str) -> Option<Sym> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub fn get(&self, sym: Sym) -> Rc<str> {
        self.all.get(sym as usize).map_or_else(|| Rc::from(""), Rc::clone)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Lit {
    /// A text, with [`UNKNOWN`] for each part that is not known.
    Text(Rc<str>),
    /// A number.
    Number(f64),
}

impl Lit {
    /// As a program prints it.
    pub fn text(&self) -> Rc<str> {
        match self {
            Self::Text(text) => Rc::clone(text),
            Self::Number(number) => number.to_string().into(),
        }
    }

    /// Bytes of it.
    pub fn size(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 1 }
    }

    /// As a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
        }
    }
}

/// Bytes of one module of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which module.
    pub module: u16,
    /// First byte.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// What happens to a value at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// It is read.
    Read,
    /// A variable gets it.
    Bound,
    /// A function gets it.
    Passed,
    /// A function gives it back.
    Returned,
    /// A member or variable of an outer function keeps it.
    Kept,
    /// It is written in another way.
    Changed,
    /// It is written to a file.
    Written,
    /// Another file of the package gets it.
    Imported,
}

impl Verb {
    /// For people; the name of what takes part follows.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Read => "read from",
            Self::Bound => "kept in",
            Self::Passed => "passed to",
            Self::Returned => "returned by",
            Self::Kept => "kept in",
            Self::Changed => "rewritten by",
            Self::Written => "written to",
            Self::Imported => "imported as",
        }
    }
}

/// Whether an interface of this name takes a part out of a text.
pub fn is_pick(name: &str) -> bool {
    const PICKS: [&str; 12] = [
        ".match",
        ".search",
        ".findall",
        ".split",
        ".partition",
        ".find",
        ".get",
        "cmd.grep",
        "cmd.sed",
        "cmd.awk",
        "cmd.cut",
        "cmd.jq",
    ];
    PICKS.iter().any(|pick| name.ends_with(pick))
}

/// Whether an interface of this name makes data of a text.
pub fn is_parser(name: &str) -> bool {
    const PARSERS: [&str; 6] = [".parse", ".load", ".loads", ".safe_load", ".dotenv_values", ".parse()"];
    PARSERS.iter().any(|parser| name.ends_with(parser))
}

/// Whether a command of this name makes a text of what nobody can read.
pub fn is_decoder(name: &str) -> bool {
    matches!(name, "cmd.openssl" | "cmd.base64" | "cmd.base32" | "cmd.xxd" | "cmd.gpg" | "cmd.rev" | "cmd.uudecode")
}

/// A step of a value on its way, and those before it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What happens.
    pub verb: Verb,
    /// What takes part.
    pub what: Sym,
    /// The step before.
    pub before: Option<Rc<Step>>,
    /// How many steps there are with this one.
    pub count: u8,
}

impl Step {
    /// All steps, the first one first.
    pub fn all(self: &Rc<Self>) -> Vec<Rc<Self>> {
        let mut steps: Vec<Rc<Self>> =
            std::iter::successors(Some(Rc::clone(self)), |step| step.before.clone()).collect();
        steps.reverse();
        steps
    }
}

/// Where a value came from, and how.
#[derive(Debug, Clone)]
pub struct Label {
    /// Class of the source.
    pub class: Sym,
    /// Which one: a variable's name, a path, an address.
    pub name: Sym,
    /// The way so far.
    pub trail: Rc<Step>,
    /// Whether it was written as a literal of the language, so that it is no code where it stands in code.
    pub is_quoted: bool,
    /// How much it is of what came from there.
    pub extent: Extent,
}

/// How much of something a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Parts that were taken out of it and put together again: all of it, as far as one can see.
    Parts,
    /// A part that was taken out of it.
    Part,
}

impl Label {
    fn key(&self) -> (Sym, Sym, bool, Extent) {
        (self.class, self.name, self.is_quoted, self.extent)
    }
}

/// Labels of what is written as a literal, or read from one.
pub fn quoted(taint: &Taint, is_quoted: bool) -> Taint {
    let labels = taint.as_ref()?;
    if labels.iter().all(|label| label.is_quoted == is_quoted) {
        return taint.clone();
    }
    Some(Rc::new(labels.iter().map(|label| Label { is_quoted, ..label.clone() }).collect()))
}

/// Labels of a value, in order of class and name.
pub type Taint = Option<Rc<Vec<Label>>>;

/// The union of two sets of labels.
pub fn taints(a: &Taint, b: &Taint) -> Taint {
    let (Some(left), Some(right)) = (a, b) else { return a.clone().or_else(|| b.clone()) };
    // Both are in order as a rule; where one is not, it is joined anew, to the same.
    let mut known = left.iter();
    if Rc::ptr_eq(left, right) || right.iter().all(|label| known.any(|known| known.key() == label.key())) {
        return a.clone();
    }
    let mut all: Vec<Label> = left.to_vec();
    for label in right.iter() {
        // Many of one class leave room for the first few of another.
        let of_class = || all.iter().filter(|known| known.class == label.class).count();
        let has_room = all.len() < LABELS || (all.len() < 2 * LABELS && of_class() < 4);
        if has_room && !all.iter().any(|known| known.key() == label.key()) {
            all.push(label.clone());
        }
    }
    all.sort_by_key(Label::key);
    Some(Rc::new(all))
}

/// What a value may be.
#[derive(Debug, Clone, Default)]
pub struct Inner {
    /// Constants.
    pub lits: Vec<Lit>,
    /// Whether it may be something else as well.
    pub is_open: bool,
    /// Interfaces.
    pub apis: Vec<Sym>,
    /// Functions of the package.
    pub fns: Vec<FnRef>,
    /// Objects.
    pub objs: Vec<ObjId>,
    /// Where it came from.
    pub taint: Taint,
    /// What it is a method of, where it was taken from an object.
    pub of: Option<Value>,
    /// Steps that an object went, and with it all that it holds.
    pub via: Vec<(Place, Verb, Sym)>,
}

/// What a value may be, and a number that equal ones share once somebody asked for it.
#[derive(Debug, Default)]
pub struct Held {
    inner: Inner,
    digest: Cell<Option<u64>>,
}

impl Deref for Held {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

/// A value; `None` where nothing was assigned yet.
#[derive(Debug, Clone, Default)]
pub struct Value(Option<Rc<Held>>);

thread_local! {
    static EMPTY: Rc<Held> = Rc::new(Held::default());
    static OPEN: Rc<Held> =
        Rc::new(Held { inner: Inner { is_open: true, ..Inner::default() }, digest: Cell::default() });
}

impl Value {
    /// Something of which nothing is known.
    pub fn unknown() -> Self {
        Self(Some(OPEN.with(Rc::clone)))
    }

    /// These possibilities.
    pub fn of(inner: Inner) -> Self {
        Self(Some(Rc::new(Held { inner, digest: Cell::default() })))
    }

    /// A constant.
    pub fn lit(lit: Lit) -> Self {
        Self::of(Inner { lits: vec![lit], ..Inner::default() })
    }

    /// A text.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::lit(Lit::Text(text.into()))
    }

    /// Constants, or anything if there is none.
    pub fn lits(mut lits: Vec<Lit>) -> Self {
        let is_open = lits.is_empty() || lits.len() > TEXTS;
        lits.truncate(TEXTS);
        Self::of(Inner { lits, is_open, ..Inner::default() })
    }

    /// An interface.
    pub fn api(api: Sym) -> Self {
        Self::of(Inner { apis: vec![api], is_open: true, ..Inner::default() })
    }

    /// A function.
    pub fn function(function: FnRef) -> Self {
        Self::of(Inner { fns: vec![function], ..Inner::default() })
    }

    /// An object.
    pub fn object(object: ObjId) -> Self {
        Self::of(Inner { objs: vec![object], ..Inner::default() })
    }

    /// Whether nothing was assigned.
    pub fn is_unset(&self) -> bool {
        self.0.is_none()
    }

    /// What it may be.
    pub fn get(&self) -> Rc<Held> {
        self.0.clone().unwrap_or_else(|| EMPTY.with(Rc::clone))
    }

    /// Where it came from.
    pub fn taint(&self) -> Taint {
        self.0.as_ref().and_then(|inner| inner.taint.clone())
    }

    /// The same with these labels as well.
    pub fn with(&self, taint: &Taint) -> Self {
        if taint.is_none() {
            return self.clone();
        }
        let inner = self.get();
        let both = taints(&inner.taint, taint);
        Self::of(Inner { taint: both, ..(**inner).clone() })
    }

    /// The same with other labels.
    pub fn relabelled(&self, taint: Taint) -> Self {
        Self::of(Inner { taint, ..(**self.get()).clone() })
    }

    /// The same as a method of this.
    pub fn of_object(&self, object: &Self) -> Self {
        let inner = self.get();
        if inner.apis.is_empty() && inner.fns.is_empty() {
            return self.clone();
        }
        let object = Self::of(Inner { of: None, ..(**object.get()).clone() });
        Self::of(Inner { of: Some(object), ..(**inner).clone() })
    }

    /// The same object after one more step.
    pub fn moved(&self, place: Place, verb: Verb, what: Sym) -> Self {
        let inner = self.get();
        if inner.objs.is_empty() || inner.via.len() >= STEPS as usize || inner.via.iter().any(|step| step.0 == place) {
            return self.clone();
        }
        let mut all = (**inner).clone();
        all.via.push((place, verb, what));
        Self::of(all)
    }

    /// The only constant, if it is known to be one.
    pub fn one(&self) -> Option<Lit> {
        match self.0.as_deref() {
            Some(held) if !held.is_open && held.lits.len() == 1 => held.lits.first().cloned(),
            _ => None,
        }
    }

    /// Texts that it may be.
    pub fn texts(&self) -> Vec<Rc<str>> {
        self.0.as_ref().map(|inner| inner.lits.iter().map(Lit::text).collect()).unwrap_or_default()
    }

    /// Either.
    pub fn join(&self, other: &Self) -> Self {
        let (Some(a), Some(b)) = (&self.0, &other.0) else {
            return if self.0.is_some() { self.clone() } else { other.clone() };
        };
        if Rc::ptr_eq(a, b) || a.holds(b) {
            return self.clone();
        }
        let mut all = Inner { taint: taints(&a.taint, &b.taint), ..a.inner.clone() };
        all.is_open |= b.is_open;
        all.of = a.of.clone().or_else(|| b.of.clone());
        for lit in &b.lits {
            if !all.lits.contains(lit) {
                if all.lits.len() < TEXTS {
                    all.lits.push(lit.clone());
                } else {
                    all.is_open = true;
                }
            }
        }
        add(&mut all.apis, &b.apis);
        add(&mut all.fns, &b.fns);
        add(&mut all.objs, &b.objs);
        Self::of(all)
    }

    /// Bytes of its constants.
    pub fn size(&self) -> usize {
        let texts = self.0.iter().flat_map(|held| &held.lits);
        texts.map(Lit::size).sum()
    }

    /// A number that equal values share.
    pub fn digest(&self) -> u64 {
        let Some(held) = &self.0 else { return 0 };
        if let Some(known) = held.digest.get() {
            return known;
        }
        let digest = held.inner.digest();
        held.digest.set(Some(digest));
        digest
    }
}

impl Inner {
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for lit in &self.lits {
            match lit {
                Lit::Text(text) => text.hash(&mut hasher),
                Lit::Number(number) => number.to_bits().hash(&mut hasher),
            }
        }
        let of = self.of.as_ref().map(|of| of.get());
        (self.is_open, &self.apis, &self.fns, &self.objs, of.as_ref().map(|of| &of.objs)).hash(&mut hasher);
        for label in self.taint.iter().flat_map(|labels| labels.iter()) {
            label.key().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Whether it allows all that `other` is.
    fn holds(&self, other: &Self) -> bool {
        let labels = |taint: &Taint| taint.as_ref().map_or(0, |labels| labels.len());
        (self.is_open || !other.is_open)
            && other.lits.iter().all(|lit| self.lits.contains(lit))
            && other.apis.iter().all(|api| self.apis.contains(api))
            && other.fns.iter().all(|function| self.fns.contains(function))
            && other.objs.iter().all(|object| self.objs.contains(object))
            && (labels(&other.taint) == 0
                || taints(&self.taint, &other.taint).map_or(0, |all| all.len()) == labels(&self.taint))
    }
}

fn add<T: Copy + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for item in from {
        if to.len() < CHOICES && !to.contains(item) {
            to.push(*item);
        }
    }
}
