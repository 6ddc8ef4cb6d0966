//! Texts that programs make of their objects.

use std::fmt::Write as _;
use std::rc::Rc;

use super::Interpreter;
use crate::flow::value::{Lit, UNKNOWN, Value};

/// Bytes, and objects in objects, of which such a text is made.
const BYTES: usize = 4096;
const DEPTH: usize = 6;

impl Interpreter<'_> {
    /// JSON of an object, with `null` for what is not known; none if nothing in it is.
    pub(super) fn as_json(&self, value: &Value) -> Option<Rc<str>> {
        if value.get().objs.is_empty() {
            return None;
        }
        let mut out = String::new();
        let is_known = self.write_json(value, DEPTH, &mut out);
        self.spend(out.len());
        is_known.then(|| out.into())
    }

    /// Whether anything of it is known.
    fn write_json(&self, value: &Value, depth: usize, out: &mut String) -> bool {
        let inner = value.get();
        let object = inner.objs.first().and_then(|id| self.objects.get(*id));
        let Some(object) = object.filter(|_| depth > 0 && out.len() < BYTES) else {
            let Some(lit) = inner.lits.first() else {
                out.push_str("null");
                return false;
            };
            let text = lit.text();
            let _ = match lit {
                Lit::Text(_) => {
                    write!(out, "{}", serde_json::Value::from(text.get(..BYTES.min(text.len())).unwrap_or("")))
                }
                _ => write!(out, "{text}"),
            };
            return true;
        };
        let mut is_known = false;
        out.push(if object.is_list { '[' } else { '{' });
        let rest = Some(&object.rest).filter(|rest| !rest.is_unset());
        let mut is_first = true;
        let mut separate = |out: &mut String| {
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
        };
        for item in &object.items {
            if out.len() >= BYTES {
                break;
            }
            separate(out);
            is_known |= self.write_json(item, depth - 1, out);
        }
        for (key, field) in &object.fields {
            let name = self.names.get(*key);
            if out.len() >= BYTES {
                break;
            }
            if name.starts_with('@') || name.starts_with(UNKNOWN) {
                continue;
            }
            separate(out);
            let _ = write!(out, "{}:", serde_json::Value::from(&*name));
            is_known |= self.write_json(field, depth - 1, out);
        }
        if let Some(rest) = rest {
            separate(out);
            is_known |= self.write_json(rest, depth - 1, out);
        }
        out.push(if object.is_list { ']' } else { '}' });
        is_known
    }
}
