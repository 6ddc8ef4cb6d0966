//! Operations on constants that interfaces stand for.

use std::collections::HashMap;

use super::super::BYTES;
use super::*;
use crate::flow::value::quoted;

/// What compiling a regular expression counts as, in operations.
const REGEX_STEPS: usize = 2000;
/// Matches that a function is called for.
const MATCHES: usize = 4096;
/// Lines of a table that are kept apart.
const ROWS: usize = 4096;

impl Interpreter<'_> {
    /// Constants of a call's operation.
    pub(super) fn fold(&mut self, op: Fold, call: &Call) -> Value {
        let taint = {
            // What a text is taken apart at, or is to be replaced in it, is not in what comes out; a library's function
            // is given the text itself.
            let is_result = |api: &Sym| self.names.get(*api).ends_with(')');
            let gone = match op {
                _ if !call.receiver.get().apis.iter().all(is_result) => 0,
                Fold::Split => call.args.len(),
                Fold::Replace => 1,
                _ => 0,
            };
            let all = call.all().skip(gone).fold(None, |all, arg| taints(&all, &self.deep(arg, 2)));
            let all = taints(&all, &self.deep(&call.receiver, 2));
            // A part of a literal is no literal.
            let is_whole = matches!(
                op,
                Fold::Same
                    | Fold::AddressJoin
                    | Fold::Join
                    | Fold::JoinArgument
                    | Fold::Concat
                    | Fold::Format
                    | Fold::Template
            );
            if is_whole { all } else { quoted(&all, false) }
        };
        if matches!(op, Fold::RegexReplace | Fold::Replace) {
            self.spend(BYTES * REGEX_STEPS / 10);
        }
        self.spend(call.receiver.size() + call.all().map(Value::size).sum::<usize>());
        let value = self.fold_inside(op, call).unwrap_or_else(Value::unknown);
        let what = call.callee.get().apis.first().copied();
        let value = value.with(&taint);
        match what {
            Some(what) => self.stepped_as(&value, call.place, Verb::Changed, what),
            None => value,
        }
    }

    /// Whether an operation gives what was written to be read by no one: bytes of a text in an encoding, or a text that is
    /// put together of its characters one by one, as is done with those that stand in another order.
    pub(super) fn reveals(&self, op: Fold, call: &Call) -> bool {
        const FEW: usize = 8;
        let (list, separator) = match op {
            Fold::FromEncoding => {
                let encodings = call.args.get(1).map(Value::texts).unwrap_or_default();
                return encodings.iter().any(|name| matches!(&**name, "base64" | "base64url" | "hex"));
            }
            Fold::FromCodes => {
                let is_one_by_one = call.args.len() >= FEW && call.args.iter().all(|arg| arg.one().is_some());
                let list = call.args.first().and_then(|arg| self.list(arg));
                return is_one_by_one || list.is_some_and(|codes| codes.len() >= FEW);
            }
            // Bytes that are written as numbers, or worked out one by one.
            Fold::First => {
                let list = call.args.first().and_then(|arg| self.list(arg));
                return list
                    .is_some_and(|codes| codes.len() >= FEW && codes.iter().all(|code| code.number().is_some()));
            }
            Fold::Join => (Some(&call.receiver), call.args.first()),
            Fold::JoinArgument => (call.args.first(), Some(&call.receiver)),
            _ => return false,
        };
        let is_tight = separator.is_some_and(|separator| separator.texts().iter().any(|text| text.is_empty()));
        let parts = list.filter(|_| is_tight).and_then(|list| self.list(list)).unwrap_or_default();
        parts.len() >= FEW && parts.iter().all(|part| part.text().chars().count() == 1)
    }

    fn fold_inside(&mut self, op: Fold, call: &Call) -> Option<Value> {
        let receiver = call.receiver.get();
        // What a call gave, or nobody knows, is no module that has the function.
        let is_result = |api: &Sym| self.names.get(*api).ends_with(')');
        let is_made = !call.receiver.is_unset() && receiver.apis.iter().all(is_result);
        let is_static = receiver.lits.is_empty() && receiver.objs.is_empty() && !is_made;
        // What decodes may be an object of its own.
        let is_coder = matches!(op, Fold::First | Fold::Codes) && receiver.lits.is_empty();
        let is_static = is_static || (is_coder && self.list(&call.receiver).is_none());
        match op {
            Fold::Join | Fold::JoinArgument => {
                let (list, separator) = if op == Fold::Join {
                    (call.receiver.clone(), call.args.first())
                } else {
                    (call.args.first()?.clone(), Some(&call.receiver))
                };
                let parts = match self.list(&list) {
                    Some(parts) => parts,
                    None => list.one()?.text().chars().take(20_000).map(|c| Lit::Text(c.to_string().into())).collect(),
                };
                let separator = separator.and_then(|value| value.texts().first().cloned());
                let separator = separator.unwrap_or_else(|| if op == Fold::Join { "," } else { "" }.into());
                let parts: Vec<Rc<str>> = parts.iter().map(Lit::text).collect();
                let size: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
                (size <= fold::LONGEST).then(|| self.made(vec![Lit::Text(parts.join(&*separator).into())]))
            }
            Fold::Split => {
                let text = call.receiver.one()?.text();
                let separator = call.args.first().and_then(|value| value.texts().first().cloned());
                let parts: Vec<Value> = match separator.as_deref() {
                    Some("") => text.chars().take(20_000).map(|c| Value::text(c.to_string())).collect(),
                    Some(separator) => text.split(separator).take(20_000).map(Value::text).collect(),
                    None => text.split_whitespace().take(20_000).map(Value::text).collect(),
                };
                self.bytes = self.bytes.saturating_sub(text.len() * 8);
                Some(self.new_list(call.site.0, call.site.1, parts, Value::default()))
            }
            Fold::Rows => {
                let lines = match self.list(call.args.first()?) {
                    Some(lines) => lines.iter().map(Lit::text).collect(),
                    None => vec![call.args.first()?.one()?.text()],
                };
                self.bytes = self.bytes.saturating_sub(lines.iter().map(|line| line.len() * 8).sum());
                let rows = lines.iter().flat_map(|line| line.lines()).take(ROWS).map(|line| {
                    let fields = line.split(',').map(|field| Value::text(field.trim_matches('"')));
                    self.fresh(Object { items: fields.collect(), is_list: true, ..Object::default() })
                });
                let rows = rows.collect();
                Some(self.new_list(call.site.0, call.site.1, rows, Value::default()))
            }
            Fold::Template => self.with_names(call, true),
            Fold::Format
                if !call.named.is_empty() || self.holds_tables(call.args.first().unwrap_or(&Value::default())) =>
            {
                self.with_names(call, false)
            }
            Fold::Children | Fold::Glob | Fold::Walk => self.folder(op, call, is_static),
            Fold::Codes => {
                let subject = if is_static { call.args.first()? } else { &call.receiver };
                let codes: Vec<Value> = match self.list(subject) {
                    Some(_) => return Some(subject.clone()),
                    None => {
                        let text = subject.one()?.text();
                        text.chars().take(20_000).map(|c| Value::lit(Lit::Number(f64::from(u32::from(c))))).collect()
                    }
                };
                Some(self.new_list(call.site.0, call.site.1, codes, Value::default()))
            }
            Fold::List => Some(self.new_list(call.site.0, call.site.1, call.args.clone(), Value::default())),
            Fold::Range => {
                let bounds: Vec<i64> =
                    call.args.iter().map(|arg| Some(arg.one()?.number()? as i64)).collect::<Option<_>>()?;
                let (start, end, step) = match bounds.as_slice() {
                    [end] => (0, *end, 1),
                    [start, end] => (*start, *end, 1),
                    [start, end, step] => (*start, *end, (*step).max(1)),
                    _ => return None,
                };
                let numbers = (start..end).step_by(step as usize).take(4096).map(|n| Value::lit(Lit::Number(n as f64)));
                let numbers = numbers.collect();
                Some(self.new_list(call.site.0, call.site.1, numbers, Value::default()))
            }
            Fold::Replace if call.args.get(1).is_some_and(|with| !with.get().fns.is_empty()) => self.replaced(call),
            Fold::Reverse | Fold::Slice | Fold::Step if self.list(&call.receiver).is_some() => {
                self.part_of_list(op, call)
            }
            Fold::FromCodes | Fold::PathJoin | Fold::AddressJoin | Fold::Concat => self.fold_many(op, call),
            Fold::First if self.list(call.args.first()?).is_none() => {
                let lits = call.args.first()?.get().lits.clone();
                (!lits.is_empty()).then(|| Value::lits(lits))
            }
            Fold::Length if self.list(call.args.first()?).is_some() => {
                let items = self.list(call.args.first()?)?;
                Some(Value::lit(Lit::Number(items.len() as f64)))
            }
            _ => {
                if let Some(items) = self.list(call.args.first().filter(|_| is_static).unwrap_or(&call.receiver)) {
                    // Bytes as a list of numbers.
                    let text = fold::apply(Fold::FromCodes, None, &items)?;
                    return Some(self.made(vec![text]));
                }
                let subjects: Vec<Lit> =
                    if is_static { call.args.first()?.get().lits.clone() } else { receiver.lits.clone() };
                let rest = call.args.get(usize::from(is_static)..).unwrap_or(&[]);
                let hole = || (op == Fold::Format).then(|| Lit::Text("\u{1a}".into()));
                let known = rest.iter().map_while(|arg| arg.get().lits.first().cloned().or_else(hole));
                let mut rest: Vec<Lit> = known.collect();
                if rest.is_empty() {
                    rest.extend(call.named.iter().filter_map(|(_, value)| value.get().lits.first().cloned()));
                }
                let lits =
                    subjects.iter().filter_map(|subject| fold::apply(op, Some(subject), &rest)).collect::<Vec<_>>();
                (!lits.is_empty()).then(|| self.made(lits))
            }
        }
    }

    /// The text of the receiver with its places filled in, by what the call names or the tables that it is given.
    fn with_names(&mut self, call: &Call, is_template: bool) -> Option<Value> {
        let mut named: HashMap<Rc<str>, Rc<str>> = HashMap::new();
        let text = |value: &Value| value.texts().first().cloned();
        for object in call.args.iter().flat_map(|arg| self.objects_of(arg)).filter(|object| !object.is_list) {
            self.spend(object.fields.len());
            named.extend(object.fields.iter().filter_map(|(key, value)| Some((self.names.get(*key), text(value)?))));
        }
        named.extend(call.named.iter().filter_map(|(key, value)| Some((text(key)?, text(value)?))));
        let patterns = call.receiver.texts();
        let filled = patterns.iter().map(|pattern| {
            let mut next = call.args.iter();
            let text = fold::fill(pattern, is_template, |name| match name.parse::<usize>() {
                Ok(at) => call.args.get(at).and_then(text),
                Err(_) if name.is_empty() => next.next().and_then(text),
                Err(_) => named.get(name).cloned(),
            });
            Lit::Text(text.into())
        });
        let filled: Vec<Lit> = filled.collect();
        (!filled.is_empty()).then(|| self.made(filled))
    }

    /// What lies in a folder: names of files are not known, but where they are.
    fn folder(&mut self, op: Fold, call: &Call, is_static: bool) -> Option<Value> {
        let (of, pattern) = match is_static {
            true => (call.args.first()?, None),
            false => (&call.receiver, call.args.first()),
        };
        let hole = UNKNOWN.to_string();
        let name =
            pattern.and_then(Value::one).map_or_else(|| hole.clone(), |lit| lit.text().replace(['*', '?'], &hole));
        let paths = of.texts().into_iter().map(|base| match op {
            Fold::Glob if is_static => base.replace(['*', '?'], &hole),
            Fold::Walk => base.to_string(),
            _ => format!("{}/{name}", base.trim_end_matches('/')),
        });
        let paths: Vec<Lit> = paths.map(|path| Lit::Text(path.into())).collect();
        if paths.is_empty() {
            return None;
        }
        let found = self.made(paths);
        if op != Fold::Walk {
            return Some(self.new_list(call.site.0, call.site.1, Vec::new(), found));
        }
        let names = self.new_list(call.site.0, call.site.1 | 0x1000_0000, Vec::new(), Value::unknown());
        let step =
            self.new_list(call.site.0, call.site.1 | 0x2000_0000, vec![found, names.clone(), names], Value::default());
        Some(self.new_list(call.site.0, call.site.1, Vec::new(), step))
    }

    /// Every match becomes what a function gives for it.
    fn replaced(&mut self, call: &Call) -> Option<Value> {
        self.spend(BYTES * REGEX_STEPS);
        let text = call.receiver.one()?.text();
        let (pattern, is_global) = fold::regex(&call.args.first()?.one()?.text())?;
        let function = call.args.get(1)?.clone();
        let mut out = String::new();
        let mut last = 0;
        let matches = pattern.find_iter(&text).take(if is_global { MATCHES } else { 1 });
        for found in matches {
            out.push_str(text.get(last..found.start())?);
            last = found.end();
            self.exact += 1;
            let given = self.apply_exactly(call, &function, vec![Value::text(found.as_str())]);
            self.exact -= 1;
            out.push_str(&given.one()?.text());
        }
        out.push_str(text.get(last..)?);
        Some(self.made(vec![Lit::Text(out.into())]))
    }

    fn fold_many(&mut self, op: Fold, call: &Call) -> Option<Value> {
        let mut args: Vec<Lit> = Vec::new();
        if matches!(op, Fold::Concat | Fold::PathJoin) {
            args.extend(call.receiver.get().lits.first().cloned());
        }
        for arg in &call.args {
            match self.list(arg) {
                Some(items) => args.extend(items),
                None => args.push(arg.get().lits.first().cloned().unwrap_or_else(|| Lit::Text("\u{1a}".into()))),
            }
        }
        if matches!(op, Fold::PathJoin | Fold::AddressJoin) {
            // Each way that the parts may be.
            let choices: Vec<Vec<Lit>> = call.args.iter().map(|arg| arg.get().lits.clone()).collect();
            let is_small = |at: &usize| choices[*at].len() <= 8 && args.len() == choices.len();
            if let Some(at) = choices.iter().position(|lits| lits.len() > 1).filter(is_small) {
                let all = choices[at].iter().filter_map(|lit| {
                    let mut args = args.clone();
                    args[at] = lit.clone();
                    fold::apply(op, None, &args)
                });
                let all = all.collect();
                return Some(self.made(all));
            }
        }
        fold::apply(op, None, &args).map(|lit| self.made(vec![lit]))
    }

    fn part_of_list(&mut self, op: Fold, call: &Call) -> Option<Value> {
        let inner = call.receiver.get();
        let [id] = inner.objs.as_slice() else { return None };
        let object = self.objects.get(*id)?.clone();
        let mut items = object.items;
        let step = call.args.first().and_then(Value::one).and_then(|lit| lit.number()).unwrap_or(1.0);
        if op == Fold::Reverse {
            items.reverse();
        } else if op == Fold::Step {
            if step < 0.0 {
                items.reverse();
            }
            items = items.into_iter().step_by((step.abs() as usize).max(1)).collect();
        } else {
            let bound = |at: usize| call.args.get(at).and_then(Value::one).and_then(|lit| lit.number());
            let index = |at: f64| {
                if at < 0.0 { items.len().saturating_sub(-at as usize) } else { (at as usize).min(items.len()) }
            };
            let (start, end) = (index(bound(0).unwrap_or(0.0)), bound(1).map_or(items.len(), index));
            items = items.get(start..end.max(start)).unwrap_or(&[]).to_vec();
        }
        Some(self.new_list(call.site.0, call.site.1, items, object.rest))
    }
}
