//! Where values came from: labels, and the steps that they went.

use std::rc::Rc;

use super::{GATES, Interpreter};
use crate::flow::value::{Extent, Label, Place, STEPS, Step, Sym, Taint, Value, Verb, is_decoder, is_parser, is_pick};

/// Depth to which an object that is kept with others is looked through.
const HELD: usize = 3;

impl Interpreter<'_> {
    /// Labels that make a condition worth knowing.
    pub(super) fn gating(&self, taint: &Taint) -> Taint {
        let labels = taint.as_ref()?;
        let kept: Vec<Label> = labels
            .iter()
            .filter(|label| {
                let class = self.names.get(label.class);
                let name = self.names.get(label.name);
                GATES.contains(&&*class)
                    || (&*class == "env" && matches!(&*name, "CI" | "LANG" | "LC_ALL" | "TZ" | "GITHUB_ACTIONS"))
            })
            .cloned()
            .collect();
        (!kept.is_empty()).then(|| Rc::new(kept))
    }

    /// The value with one more step for each label.
    pub(super) fn stepped(&mut self, value: &Value, place: Place, verb: Verb, what: crate::flow::ir::Sym) -> Value {
        if value.taint().is_none() && value.get().objs.is_empty() {
            return value.clone();
        }
        let what = self.sym(place.module, what);
        self.stepped_as(value, place, verb, what)
    }

    pub(super) fn stepped_as(&mut self, value: &Value, place: Place, verb: Verb, what: Sym) -> Value {
        let value = &value.moved(place, verb, what);
        self.relabelled(value, place, verb, what)
    }

    /// What an object holds went the steps that the object went.
    pub(super) fn taken_from(&self, object: &Value, member: Value) -> Value {
        let went = |member: Value, step: &(Place, Verb, Sym)| self.relabelled(&member, step.0, step.1, step.2);
        object.get().via.iter().fold(member, went)
    }

    /// The labels of a value with one more step each.
    pub(super) fn relabelled(&self, value: &Value, place: Place, verb: Verb, what: Sym) -> Value {
        let Some(labels) = value.taint() else { return value.clone() };
        let text = self.units[place.module as usize].text;
        // Whether a text is parsed or decoded, or a part taken out of it, matters wherever it stands.
        let name = self.names.get(what);
        let takes_part = verb == Verb::Changed && is_pick(&name);
        let matters = takes_part || (verb == Verb::Changed && (is_parser(&name) || is_decoder(&name)));
        let mut any = false;
        let moved: Vec<Label> = labels
            .iter()
            .map(|label| {
                let last = &label.trail;
                let is_near = !matters
                    && verb != Verb::Written
                    && last.place.module == place.module
                    && same_line(text, last.place.start, place.start);
                let extent = if takes_part { Extent::Part } else { label.extent };
                if is_near || last.count >= STEPS || (verb == Verb::Bound && last.count + 4 >= STEPS) {
                    any |= extent != label.extent;
                    return Label { extent, ..label.clone() };
                }
                any = true;
                let step = Step { place, verb, what, before: Some(Rc::clone(last)), count: last.count + 1 };
                Label { trail: Rc::new(step), extent, ..label.clone() }
            })
            .collect();
        if any { value.relabelled(Some(Rc::new(moved))) } else { value.clone() }
    }

    /// What is made of each part of a list is all of it, also where each is an object.
    pub(super) fn all_together(&self, value: &Value) -> Value {
        let inner = value.get();
        let held = if inner.objs.is_empty() { None } else { self.deep(value, HELD) };
        let parts: Vec<Label> =
            held.iter().flat_map(|all| all.iter()).filter(|label| label.extent == Extent::Part).cloned().collect();
        let value = if parts.is_empty() { value.clone() } else { value.with(&Some(Rc::new(parts))) };
        together(&value)
    }

    /// A new label that begins here.
    pub(super) fn label(&mut self, class: &str, name: &str, place: Place, what: &str) -> Taint {
        let (class, name, what) = (self.names.intern(class), self.names.intern(name), self.names.intern(what));
        let trail = Rc::new(Step { place, verb: Verb::Read, what, before: None, count: 1 });
        Some(Rc::new(vec![Label { class, name, trail, is_quoted: false, extent: Extent::Whole }]))
    }
}

/// Parts that are kept with others are all of it.
pub(super) fn together(value: &Value) -> Value {
    with_extent(value, Extent::Part, Extent::Parts)
}

/// One of them is a part again.
pub(super) fn alone(value: &Value) -> Value {
    with_extent(value, Extent::Parts, Extent::Part)
}

fn with_extent(value: &Value, from: Extent, to: Extent) -> Value {
    let taint = value.taint();
    let Some(labels) = taint.filter(|labels| labels.iter().any(|label| label.extent == from)) else {
        return value.clone();
    };
    let moved = labels
        .iter()
        .map(|label| Label { extent: if label.extent == from { to } else { label.extent }, ..label.clone() });
    value.relabelled(Some(Rc::new(moved.collect())))
}

/// Whether two places stand in one line; far apart counts as another.
fn same_line(text: &str, a: u32, b: u32) -> bool {
    let (low, high) = (a.min(b) as usize, a.max(b) as usize);
    high - low < 240 && text.as_bytes().get(low..high).is_some_and(|between| !between.contains(&b'\n'))
}
