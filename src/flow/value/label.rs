//! Where values came from: labels, and the steps that they went.

use std::rc::Rc;

use super::{Place, Sym};

/// Most labels of one class that a value has.
const LABELS: usize = 48;
/// Most steps from a source on.
pub const STEPS: u8 = 16;

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
    /// Whether it says that something was left out.
    pub fn is_cut(&self) -> bool {
        self.class == MORE
    }

    /// What tells it from others of a value.
    pub(super) fn key(&self) -> (Sym, Sym, bool, Extent) {
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

/// Class and name of the label that says that something was left out, since there was too much of it: what has it may be
/// something else, and come from somewhere else, than it says.
const MORE: Sym = Sym::MAX;

thread_local! {
    static CUT: Taint = {
        let place = Place { module: 0, start: 0, end: 0 };
        let trail = Rc::new(Step { place, verb: Verb::Read, what: MORE, before: None, count: 1 });
        Some(Rc::new(vec![Label { class: MORE, name: MORE, trail, is_quoted: false, extent: Extent::Whole }]))
    };
}

/// The label of what is not known whole.
pub fn cut() -> Taint {
    CUT.with(Clone::clone)
}

/// The union of two sets of labels.
pub fn taints(a: &Taint, b: &Taint) -> Taint {
    let (Some(left), Some(right)) = (a, b) else { return a.clone().or_else(|| b.clone()) };
    // Both are in order as a rule; where one is not, it is joined anew, to the same.
    let mut known = left.iter();
    if Rc::ptr_eq(left, right) || right.iter().all(|label| known.any(|known| known.key() == label.key())) {
        return a.clone();
    }
    // Where there is no room for more of a class, one more of it changes nothing.
    let is_full = |class: Sym| left.iter().filter(|label| label.class == class).count() >= LABELS;
    let is_known = |label: &Label| left.binary_search_by_key(&label.key(), Label::key).is_ok();
    if left.iter().any(Label::is_cut) && right.iter().all(|label| is_known(label) || is_full(label.class)) {
        return a.clone();
    }
    let mut all: Vec<Label> = left.iter().chain(right.iter()).cloned().collect();
    all.sort_by_key(Label::key);
    all.dedup_by_key(|label| label.key());
    if all.len() <= LABELS {
        return Some(Rc::new(all));
    }
    let classes = all.chunk_by(|one, other| one.class == other.class);
    let is_cut = classes.clone().any(|class| class.len() > LABELS);
    let all = classes.flat_map(|class| class.iter().take(LABELS).cloned()).collect();
    let all = Some(Rc::new(all));
    if is_cut { taints(&all, &cut()) } else { all }
}
