//! Functions of the package: each is run for what it is given, a few ways apart, then all that came from one place as one.

use super::super::frame::Joined;
use super::*;

/// Different calls of one function that are followed apart.
const CONTEXTS: usize = 8;

impl Interpreter<'_> {
    /// What a function gives for these arguments.
    pub(in crate::flow::interpret) fn invoke(
        &mut self,
        function: FnRef,
        args: &[Value],
        named: &[(Value, Value)],
        this: &Value,
        place: Option<Place>,
    ) -> Value {
        if self.is_shell(function.0) {
            self.run_script(function);
            return Value::unknown();
        }
        let Some(code) = self.function(function) else { return Value::unknown() };
        let this = &self.as_object(this);
        if self.depth >= CALLS || self.steps == 0 {
            return args.iter().fold(Value::unknown(), |all, arg| all.with(&arg.taint()));
        }
        let name = self.sym(function.0, code.name);
        let mut values: Vec<Value> = Vec::with_capacity(args.len() + 1);
        if code.takes_self && !this.is_unset() {
            values.push(this.clone());
        }
        for arg in args {
            values.push(match place {
                Some(place) => self.stepped_as(arg, place, Verb::Passed, name),
                None => arg.clone(),
            });
        }
        let named: Vec<(Value, Value)> = match place {
            Some(place) => {
                let went = |value: &Value, this: &mut Self| this.stepped_as(value, place, Verb::Passed, name);
                named.iter().map(|(key, value)| (key.clone(), went(value, self))).collect()
            }
            None => named.to_vec(),
        };
        let mut hasher = DefaultHasher::new();
        for value in &values {
            value.digest().hash(&mut hasher);
            // A list that is made anew is another one.
            let lists = value.get().objs.clone();
            lists.iter().filter_map(|id| self.objects.shape(*id)).for_each(|list| list.version.hash(&mut hasher));
        }
        named.iter().for_each(|(key, value)| (key.digest(), value.digest()).hash(&mut hasher));
        this.digest().hash(&mut hasher);
        let digest = hasher.finish();
        let known = self.known.entry(function).or_default();
        if known.is_active {
            known.is_asked = true;
            return known.result.clone();
        }
        if let Some((_, result)) = known.contexts.iter().find(|(context, _)| *context == digest) {
            return result.clone();
        }
        if known.contexts.len() >= CONTEXTS {
            return self.invoke_joined(function, &values, &named, this, place);
        }
        let context = known.contexts.len();
        let result = self.run_in(function, context, &values, &named, this);
        self.known.entry(function).or_default().contexts.push((digest, result.clone()));
        result
    }

    /// Calls a function that is called in too many ways with all that it ever got at this place, or, where the places
    /// are many, too, at any of the others.
    fn invoke_joined(
        &mut self,
        function: FnRef,
        given: &[Value],
        named: &[(Value, Value)],
        this: &Value,
        place: Option<Place>,
    ) -> Value {
        let joined = &mut self.known.entry(function).or_default().joined;
        let at = joined.iter().position(|one| one.place == place).unwrap_or(joined.len()).min(CONTEXTS - 1);
        if at == joined.len() {
            joined.push(Joined { place, ..Joined::default() });
        }
        let one = &mut joined[at];
        one.add(given, named, this);
        let (args, all_named, this) = (one.args.clone(), one.named.clone(), &one.this.clone());
        let mut result = one.result.clone();
        if !std::mem::replace(&mut one.is_done, true) {
            result = result.join(&self.run_in(function, CONTEXTS + at, &args, &all_named, this));
            self.known.entry(function).or_default().joined[at].result = result.clone();
        }
        self.spend(all_named.len());
        self.given_these(&result, (&args, &all_named), (given, named))
    }

    /// Runs a function as one of its contexts.
    fn run_in(
        &mut self,
        function: FnRef,
        context: usize,
        args: &[Value],
        named: &[(Value, Value)],
        this: &Value,
    ) -> Value {
        let known = self.known.entry(function).or_default();
        (known.is_active, known.is_done, known.context) = (true, true, context as u32);
        let result = self.run(function, args, named, this);
        let known = self.known.entry(function).or_default();
        known.is_active = false;
        let joined = known.result.join(&result);
        self.changed |= known.is_asked && joined.digest() != known.result.digest();
        known.result = joined;
        result
    }

    fn run(&mut self, function: FnRef, args: &[Value], named: &[(Value, Value)], this: &Value) -> Value {
        let Some(code) = self.function(function) else { return Value::unknown() };
        let mut frame = Frame::new(function, code.slots, &code.shared, &code.ops, self.gates.len());
        for (at, param) in code.params.iter().enumerate() {
            let name = self.module(function.0).name(param.name);
            let value = if param.rest == Rest::Positions {
                let rest = args.get(at..).unwrap_or(&[]).to_vec();
                self.new_list(function, 0x4000_0000 + at as u32, rest, Value::default())
            } else if param.rest == Rest::Names {
                let all = self.site(function, 0x4000_0000 + at as u32);
                let pairs: Vec<Value> = named.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
                self.fill(all, Shape::Map, &pairs, true);
                Value::object(all)
            } else {
                let by_name = named.iter().find(|(key, _)| key.texts().iter().any(|text| **text == *name));
                args.get(at).cloned().or_else(|| by_name.map(|(_, value)| value.clone())).unwrap_or_default()
            };
            let value = if value.is_unset() && args.is_empty() { Value::unknown() } else { value };
            self.give(&mut frame, param.slot, value);
        }
        if let Some(slot) = code.this {
            self.give(&mut frame, slot, this.clone());
        }
        if let Some(slot) = code.arguments {
            let all = self.new_list(function, 0x4000_ffff, args.to_vec(), Value::default());
            self.give(&mut frame, slot, all);
        }
        self.depth += 1;
        frame.run(self, &code.ops);
        self.depth -= 1;
        if frame.given.is_unset() {
            return frame.result;
        }
        // To who goes through it, it is a list; to who waits for it once, what it gives.
        let all = self.new_list(function, 0x4000_fffe, Vec::new(), frame.given.clone());
        let waited_for = match self.module(function.0).language {
            Language::JavaScript => Value::default(),
            _ => frame.given.clone(),
        };
        frame.result.join(&waited_for).join(&all)
    }

    fn give(&mut self, frame: &mut Frame, slot: u32, value: Value) {
        if let Some(cell) = frame.shared(slot) {
            self.set_cell(frame.function.0, cell, &value);
        }
        frame.write(slot, value);
    }
}

impl Joined {
    /// Adds what another call gives.
    fn add(&mut self, args: &[Value], named: &[(Value, Value)], this: &Value) {
        self.is_done &= add(&mut self.this, this);
        if args.len() > self.args.len() {
            self.args.resize(args.len(), Value::default());
        }
        for (known, value) in self.args.iter_mut().zip(args) {
            self.is_done &= add(known, value);
        }
        for (key, value) in named {
            match self.named.iter_mut().find(|(known, _)| known.digest() == key.digest()) {
                Some((_, known)) => self.is_done &= add(known, value),
                None => {
                    self.named.push((key.clone(), value.clone()));
                    self.is_done = false;
                }
            }
        }
    }
}

/// Adds a value to another; whether there was nothing new in it.
fn add(known: &mut Value, value: &Value) -> bool {
    let both = known.join(value);
    let is_same = both.digest() == known.digest();
    *known = both;
    is_same
}
