//! What running a package's modules gives.

use std::rc::Rc;

use super::Trace;
use crate::flow::ir::Language;
use crate::flow::value::{Label, Names, Place};

/// Class of the hit that says which text a script writes to a file; no rule asks for it.
pub const TEXT_WRITE: &str = "text-write";

/// What a value with a label reached, or what was done with a known one.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Class of the sink.
    pub class: String,
    /// The interface.
    pub api: Rc<str>,
    /// Where.
    pub place: Place,
    /// Hosts or addresses that it goes to, as far as known.
    pub to: Vec<Rc<str>>,
    /// Whether the user chose the host: by a setting or an argument.
    pub is_chosen: bool,
    /// Path that is written, as far as known.
    pub paths: Vec<Rc<str>>,
    /// What is written, sent or run, as far as known.
    pub content: Vec<Rc<str>>,
    /// Labels that reached it.
    pub labels: Vec<Label>,
    /// Labels of the conditions that it depends on.
    pub gates: Vec<Label>,
}

/// A text that stands nowhere in the program as it is.
#[derive(Debug, Clone)]
pub struct Folded {
    /// Where it came about.
    pub place: Place,
    /// The text.
    pub text: Rc<str>,
    /// What it is for.
    pub role: FoldedRole,
}

/// What a folded text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoldedRole {
    /// A process is started with it.
    Command,
    /// It is run as code.
    Code,
    /// It is run as a program of another language.
    Program(Language),
    /// Anything else.
    Plain,
}

/// What running a package's modules gave.
#[derive(Default)]
pub struct Outcome {
    /// Values that got somewhere.
    pub hits: Vec<Hit>,
    /// Files that are read, with their labels.
    pub reads: Vec<Label>,
    /// Texts that were folded.
    pub folded: Vec<Folded>,
    /// Commands of scripts as they run.
    pub traces: Vec<Trace>,
    /// Names that labels and steps use.
    pub names: Names,
    /// Whether a budget ran out, so that parts were not followed.
    pub is_cut: bool,
}
