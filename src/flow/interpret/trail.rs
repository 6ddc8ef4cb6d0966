//! Where values came from: labels, and the steps that they went.

use std::rc::Rc;

use super::{GATES, Interpreter};
use crate::flow::value::{Label, Place, STEPS, Step, Sym, Taint, Value, Verb, is_decoder, is_parser, is_pick};

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
                let is_part = label.is_part || takes_part;
                if is_near || last.count >= STEPS || (verb == Verb::Bound && last.count + 4 >= STEPS) {
                    any |= is_part != label.is_part;
                    return Label { is_part, ..label.clone() };
                }
                any = true;
                let step = Step { place, verb, what, before: Some(Rc::clone(last)), count: last.count + 1 };
                Label { trail: Rc::new(step), is_part, ..label.clone() }
            })
            .collect();
        if any { value.relabelled(Some(Rc::new(moved))) } else { value.clone() }
    }

    /// A new label that begins here.
    pub(super) fn label(&mut self, class: &str, name: &str, place: Place, what: &str) -> Taint {
        let (class, name, what) = (self.names.intern(class), self.names.intern(name), self.names.intern(what));
        let trail = Rc::new(Step { place, verb: Verb::Read, what, before: None, count: 1 });
        Some(Rc::new(vec![Label { class, name, trail, is_quoted: false, is_part: false }]))
    }
}

/// Whether two places stand in one line; far apart counts as another.
fn same_line(text: &str, a: u32, b: u32) -> bool {
    let (low, high) = (a.min(b) as usize, a.max(b) as usize);
    high - low < 240 && text.as_bytes().get(low..high).is_some_and(|between| !between.contains(&b'\n'))
}
