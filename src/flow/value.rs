//! What is known of a value: the texts that it may be, the interface that it
//! is reached by, the functions and objects that it may be, and where it came from.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

mod label;

pub use label::{Extent, Label, STEPS, Step, Taint, Verb, cut, is_decoder, is_parser, is_pick, quoted, taints};

/// Stands in a text for a part that is not known, as in commands of the shell.
pub const UNKNOWN: char = '\u{1a}';
/// Most texts that a value may be; of more, the first ones and that there are others.
const TEXTS: usize = 8;
/// Most functions, interfaces and objects that a value may be.
const FUNCTIONS: usize = 64;
const INTERFACES: usize = 16;
const OBJECTS: usize = 32;

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
    /// Whether it may be an object that is not among those.
    pub lacks_objects: bool,
    /// Whether it may be a function or an interface that is not among those.
    pub lacks_code: bool,
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

    /// Whether neither it nor anything in it came from anywhere.
    pub fn is_plain(&self) -> bool {
        self.0.as_deref().is_none_or(|held| held.taint.is_none() && held.objs.is_empty())
    }

    /// What it may be.
    pub fn get(&self) -> Rc<Held> {
        self.0.clone().unwrap_or_else(|| EMPTY.with(Rc::clone))
    }

    /// The same where what the objects hold that are not known is told otherwise.
    pub fn without_lack(&self) -> Self {
        Self::of(Inner { lacks_objects: false, ..(**self.get()).clone() })
    }

    /// Where it came from, and that something was left out where it may be an object that is not known.
    pub fn whole_taint(&self) -> Taint {
        let taint = self.taint();
        if self.0.as_deref().is_some_and(|held| held.lacks_objects) { taints(&taint, &cut()) } else { taint }
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
        all.lacks_objects |= b.lacks_objects | !add(&mut all.objs, &b.objs, OBJECTS);
        let is_whole = [add(&mut all.apis, &b.apis, INTERFACES), add(&mut all.fns, &b.fns, FUNCTIONS)];
        all.lacks_code |= b.lacks_code || is_whole.contains(&false);
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
        (self.lacks_code, self.lacks_objects).hash(&mut hasher);
        for label in self.taint.iter().flat_map(|labels| labels.iter()) {
            label.key().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Whether no other constant would change it.
    fn is_full(&self) -> bool {
        self.is_open && self.lits.len() >= TEXTS
    }

    /// Whether it allows all that `other` is.
    fn holds(&self, other: &Self) -> bool {
        let labels = |taint: &Taint| taint.as_ref().map_or(0, |labels| labels.len());
        (self.is_open || !other.is_open)
            && (self.lacks_code || !other.lacks_code)
            && (self.lacks_objects || !other.lacks_objects)
            && (self.is_full() || other.lits.iter().all(|lit| self.lits.contains(lit)))
            && other.apis.iter().all(|api| self.apis.contains(api))
            && other.fns.iter().all(|function| self.fns.contains(function))
            && other.objs.iter().all(|object| self.objs.contains(object))
            && (labels(&other.taint) == 0
                || taints(&self.taint, &other.taint).map_or(0, |all| all.len()) == labels(&self.taint))
    }
}

/// Adds what is not there, up to so many; whether there was room for all.
fn add<T: Copy + PartialEq>(to: &mut Vec<T>, from: &[T], most: usize) -> bool {
    for item in from {
        if !to.contains(item) {
            if to.len() >= most {
                return false;
            }
            to.push(*item);
        }
    }
    true
}
