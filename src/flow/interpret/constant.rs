//! Constants: texts that are put together, compared and used.

use std::rc::Rc;

use super::{Folded, FoldedRole, Interpreter};
use crate::flow::fold;
use crate::flow::ir::Binary;
use crate::flow::value::{Inner, Lit, Place, Sym, UNKNOWN, Value, taints};

/// Texts of a run that are kept for other engines.
const FOLDED: usize = 16_384;

impl Interpreter<'_> {
    /// A text with its cost.
    pub(super) fn made(&mut self, lits: Vec<Lit>) -> Value {
        let cost: usize = lits.iter().map(|lit| if let Lit::Text(text) = lit { text.len() } else { 8 }).sum();
        self.bytes = self.bytes.saturating_sub(cost);
        if self.bytes == 0 {
            return Value::unknown();
        }
        for lit in &lits {
            if let Lit::Text(text) = lit
                && text.len() >= 4
            {
                self.folded.insert(address(text), Rc::clone(text));
            }
        }
        Value::lits(lits)
    }

    pub(super) fn binary(&mut self, kind: Binary, a: &Value, b: &Value) -> Value {
        let (left, right) = (a.get(), b.get());
        self.spend(a.size() + b.size());
        let mut taint = taints(&left.taint, &right.taint);
        if matches!(kind, Binary::Less | Binary::AtMost | Binary::Equal | Binary::Unequal | Binary::Not | Binary::Other)
        {
            taint = self.gating(&taint);
        }
        if kind == Binary::Add {
            // Parts that are not known leave a hole, where one side is text.
            let is_text = |inner: &Inner| inner.lits.iter().any(|lit| matches!(lit, Lit::Text(_)));
            if is_text(&left) || is_text(&right) {
                return self.concat(&[a.clone(), b.clone()]);
            }
        }
        if kind == Binary::Not && left.lits.is_empty() && !(left.objs.is_empty() && left.fns.is_empty()) {
            return Value::text("false").with(&taint);
        }
        let mut lits = Vec::new();
        for x in &left.lits {
            for y in &right.lits {
                lits.extend(fold::binary(kind, x, y).filter(|lit| !lits.contains(lit)));
            }
        }
        let is_path = |api: &Sym| self.names.get(*api).starts_with("pathlib");
        let is_text = |lit: &Lit| matches!(lit, Lit::Text(_));
        if kind == Binary::Div && (right.lits.iter().any(is_text) || left.apis.iter().any(is_path)) {
            // Paths are joined with `/`.
            let parts = [a.clone(), Value::text("/"), b.clone()];
            let known = [left.lits.as_slice(), right.lits.as_slice()].iter().all(|lits| !lits.is_empty());
            let joined = if known { self.made(lits).with(&taint) } else { self.concat(&parts) };
            // What is below a path is a path.
            let inner = (**joined.get()).clone();
            return Value::of(Inner { apis: left.apis.clone(), ..inner });
        }
        let is_open = left.is_open || right.is_open;
        let value = if lits.is_empty() { Value::unknown() } else { self.made(lits) };
        let inner = (**value.get()).clone();
        Value::of(Inner { is_open: inner.is_open || is_open, taint, ..inner })
    }

    /// Texts one after the other, with a hole for each that is not known.
    pub(super) fn concat(&mut self, parts: &[Value]) -> Value {
        // A text of one piece stands in the program as it is.
        if let [part] = parts
            && part.one().is_some_and(|lit| matches!(lit, Lit::Text(_)))
        {
            return part.clone();
        }
        let mut all: Vec<String> = vec![String::new()];
        let mut taint = None;
        for part in parts {
            let inner = part.get();
            taint = taints(&taint, &inner.taint);
            for object in &inner.objs {
                taint = taints(&taint, &self.deep(&Value::object(*object), 2));
            }
            let mut texts: Vec<Rc<str>> = inner.lits.iter().map(Lit::text).collect();
            if texts.is_empty() || (inner.is_open && texts.len() > 1) {
                texts.truncate(2);
                texts.push(UNKNOWN.to_string().into());
            }
            if all.len() * texts.len() > 8 {
                texts = vec![UNKNOWN.to_string().into()];
            }
            let cost: usize = all.iter().map(String::len).sum::<usize>() * texts.len();
            self.bytes = self.bytes.saturating_sub(cost);
            if self.bytes == 0 || cost > 8 * fold::LONGEST {
                return Value::unknown().with(&taint);
            }
            if let [text] = texts.as_slice() {
                all.iter_mut().for_each(|known| known.push_str(text));
            } else {
                all = all.iter().flat_map(|known| texts.iter().map(move |text| format!("{known}{text}"))).collect();
            }
        }
        let nothing = |text: &String| text.chars().all(|c| c == UNKNOWN);
        if all.iter().all(nothing) {
            return Value::unknown().with(&taint);
        }
        let lits: Vec<Lit> = all.into_iter().map(|text| Lit::Text(text.into())).collect();
        self.made(lits).with(&taint)
    }

    /// A text that was put together is used here.
    pub(super) fn use_text(&mut self, value: &Value, place: Place, role: FoldedRole) {
        for lit in &value.get().lits {
            let Lit::Text(text) = lit else { continue };
            let is_new = role != FoldedRole::Plain || (text.len() >= 6 && self.folded.contains_key(&address(text)));
            let is_form = text.starts_with(['{', '[']) && self.forms.contains(text.trim());
            if is_new && !is_form && text.len() >= 2 {
                self.spend(text.len());
                let is_full = self.out.folded.len() >= FOLDED;
                let known = self.out.folded.iter_mut().rev().take(64).find(|f| f.text == *text);
                match known {
                    Some(known) if known.role == role || role == FoldedRole::Plain => {}
                    Some(known) if known.role == FoldedRole::Plain => (known.role, known.place) = (role, place),
                    _ if is_full => self.out.is_cut = true,
                    _ => self.out.folded.push(Folded { place, text: Rc::clone(text), role }),
                }
            }
        }
    }
}

/// Where a text lies.
fn address(text: &Rc<str>) -> usize {
    text.as_ptr() as usize
}

/// Whether a known text gets longer or shorter at one of its ends.
pub(super) fn grows(old: &Value, new: &Value) -> bool {
    let (Some(Lit::Text(old)), Some(Lit::Text(new))) = (old.one(), new.one()) else { return false };
    let (short, long) = if old.len() < new.len() { (old, new) } else { (new, old) };
    short.len() < long.len() && (long.starts_with(&*short) || long.ends_with(&*short))
}
