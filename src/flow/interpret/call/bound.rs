//! Functions that are made of others: with some arguments given, or members and methods by name; operators that are
//! methods of what stands on their left.

use super::super::heap::Bound;
use super::*;
use crate::flow::catalogue::Effect;
use crate::flow::ir::Binary;

impl Interpreter<'_> {
    /// The function that an effect makes.
    pub(in crate::flow::interpret) fn bind(&mut self, effect: Effect, call: &Call) -> Value {
        let given = |from: usize| call.args.get(from..).unwrap_or(&[]).to_vec();
        let first = call.args.first().cloned().unwrap_or_default();
        let bound = match effect {
            Effect::Bind => Bound::Partial {
                callee: call.receiver.clone(),
                receiver: first,
                args: given(1),
                named: call.named.clone(),
            },
            Effect::Partial => {
                Bound::Partial { callee: first, receiver: Value::default(), args: given(1), named: call.named.clone() }
            }
            Effect::MemberGetter => Bound::Member(first),
            _ => Bound::Method { name: first, args: given(1), named: call.named.clone() },
        };
        let id = self.site(call.site.0, call.site.1 | 0x0200_0000);
        if let Some(object) = self.objects.get_mut(id) {
            object.bound = Some(Rc::new(bound));
        }
        Value::object(id)
    }

    /// What an operator of Python does that the program defines.
    pub(in crate::flow::interpret) fn overloaded(
        &mut self,
        site: (FnRef, u32),
        kind: Binary,
        a: &Value,
        b: &Value,
        place: Place,
    ) -> Option<Value> {
        let name = match kind {
            Binary::Add => "__add__",
            Binary::Sub => "__sub__",
            Binary::Mul => "__mul__",
            Binary::Div => "__truediv__",
            Binary::Rem => "__mod__",
            Binary::Xor => "__xor__",
            Binary::And => "__and__",
            Binary::Or => "__or__",
            Binary::Shl => "__lshift__",
            Binary::Shr => "__rshift__",
            _ => return None,
        };
        // No class of the program has it.
        let key = self.names.find(name).filter(|_| !a.get().objs.is_empty())?;
        let callee = self.get(a, key, place);
        if callee.get().fns.is_empty() {
            return None;
        }
        let (receiver, args) = (a.clone(), vec![b.clone()]);
        Some(self.perform(&Call { place, site, callee, receiver, args, named: Vec::new(), new: false }))
    }

    /// What a promise gives: that which its function hands on.
    pub(in crate::flow::interpret) fn promise(&mut self, call: &Call) -> Value {
        let [promise, keeper] = [0x0100_0000, 0x0300_0000].map(|mark| self.site(call.site.0, call.site.1 | mark));
        if let Some(object) = self.objects.get_mut(keeper) {
            object.bound = Some(Rc::new(Bound::Keep(promise)));
        }
        for function in call.args.iter().flat_map(|arg| arg.get().fns.clone()) {
            self.invoke(function, &[Value::object(keeper), Value::unknown()], &[], &Value::default(), Some(call.place));
        }
        let kept = self.objects.get(promise).map(|object| object.rest.clone()).unwrap_or_default();
        kept.join(&Value::unknown())
    }

    /// Calls what an object stands for. One that is called by what it calls ends there; what they call in turn is
    /// counted.
    pub(super) fn entered(&mut self, object: ObjId, call: &Call) -> Option<Value> {
        if self.depth >= CALLS || self.calling.contains(&object) || !self.has_step() {
            return None;
        }
        self.depth += 1;
        self.calling.push(object);
        let result = self.perform(call);
        self.calling.pop();
        self.depth -= 1;
        Some(result)
    }

    /// Calls such a function, which is kept in an object.
    pub(super) fn call_bound(&mut self, kept_in: ObjId, bound: &Bound, call: &Call) -> Value {
        let first = call.args.first().cloned().unwrap_or_default();
        let (callee, receiver, args, named) = match bound {
            Bound::Keep(object) => {
                let what = self.names.intern("a promise");
                let kept = self.stepped_as(&first, call.place, Verb::Kept, what);
                let Some(object) = self.objects.get_mut(*object) else { return Value::unknown() };
                let joined = object.rest.join(&kept);
                self.changed |= joined.digest() != object.rest.digest();
                object.rest = joined;
                return Value::unknown();
            }
            Bound::Member(name) => return self.get_at(&first, name, call.place),
            Bound::Method { name, args, named } => {
                (self.get_at(&first, name, call.place), first, args.clone(), named.clone())
            }
            Bound::Partial { callee, receiver, args, named } => {
                let args = args.iter().chain(&call.args).cloned().collect();
                let named = named.iter().chain(&call.named).cloned().collect();
                (callee.clone(), receiver.clone(), args, named)
            }
        };
        let call = Call { callee, receiver, args, named, ..copy(call) };
        self.entered(kept_in, &call).unwrap_or_else(Value::unknown)
    }
}
