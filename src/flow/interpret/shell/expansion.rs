//! What `${…}` and braces do to values, and arithmetic on them.

use super::arithmetic::{self, Numbers};
use super::pattern;
use super::*;
use crate::flow::fold::LONGEST;
use crate::flow::ir::Expansion;

/// Most words that braces become.
const BRACES: usize = 512;

impl Interpreter<'_> {
    /// The keys of the list that a variable is.
    fn keys_of_list(&mut self, name: &Value, site: Site) -> Value {
        let name = self.named(name);
        let list = self.shell.store.get(name);
        let Some(object) = self.list_items(&list) else { return Value::unknown().with(&list.taint()) };
        let numbers = (0..object.items.len()).map(|at| Value::text(at.to_string()));
        let keys = numbers.chain(object.fields.keys().map(|key| Value::text(self.names.get(*key))));
        let keys: Vec<Value> = keys.take(WORDS).collect();
        let rest = if object.rest.is_unset() { Value::default() } else { Value::unknown() };
        self.new_list(site.function, site.at, keys, rest)
    }

    pub(super) fn expand(
        &mut self,
        how: Expansion,
        subject: &Value,
        operand: &Value,
        base: &Value,
        site: Site,
    ) -> Value {
        match how {
            Expansion::Default | Expansion::Alternate => {
                let name = self.named(subject);
                let is_set = !self.shell.store.get(name).is_unset() || self.is_given(name);
                return match (how, is_set) {
                    (Expansion::Default, false) => {
                        let taint = if base.get().lits.is_empty() { base.taint() } else { None };
                        operand.with(&taint)
                    }
                    (Expansion::Default, true) => {
                        let is_empty = base.one().is_some_and(|lit| lit.text().is_empty());
                        if is_empty { operand.clone() } else { base.clone() }
                    }
                    (_, true) => operand.clone(),
                    (_, false) => operand.join(&Value::text("")),
                };
            }
            Expansion::Indirect => {
                let names: Vec<Sym> = subject.texts().iter().map(|name| self.names.intern(name)).collect();
                let all =
                    names.into_iter().fold(Value::default(), |all, name| all.join(&self.lookup(name, site.place)));
                return if all.is_unset() { Value::unknown().with(&subject.taint()) } else { all };
            }
            Expansion::Keys => return self.keys_of_list(subject, site),
            Expansion::Length if !subject.get().objs.is_empty() => {
                return Value::lit(Lit::Number(self.items_of(subject).len() as f64));
            }
            Expansion::Same => return subject.clone(),
            _ => {}
        }
        let operands = operand.texts();
        let operand = operands.first().map_or("", |text| text);
        if !subject.get().objs.is_empty() {
            return self.expand_list(how, subject, operand, site);
        }
        if pattern::is_pattern(operand) {
            let length: usize = subject.texts().iter().map(|text| text.len().min(1024)).sum();
            self.steps = self.steps.saturating_sub(length * length / 64);
        }
        let bounds = if how == Expansion::Substring { self.bounds(operand) } else { None };
        self.map_text(subject, |text| changed(how, text, operand, bounds))
    }

    fn is_given(&mut self, name: Sym) -> bool {
        let args = self.names.intern("@args");
        let at = self.names.get(name).parse::<usize>().ok();
        let args = self.shell.store.get(args);
        at.is_some_and(|at| self.list_items(&args).is_some_and(|list| (1..=list.items.len()).contains(&at)))
    }

    fn expand_list(&mut self, how: Expansion, list: &Value, operand: &str, site: Site) -> Value {
        let mut items = self.items_of(list);
        if how == Expansion::Substring {
            let (from, length) = self.bounds(operand).unwrap_or((0, None));
            // Positional parameters count from one.
            let args = self.names.intern("@args");
            let is_args = self.shell.store.get(args).digest() == list.digest();
            let from = usize::try_from(from).unwrap_or(0).saturating_sub(usize::from(is_args));
            items = items.into_iter().skip(from).take(length.map_or(WORDS, |l| l.max(0) as usize)).collect();
        } else {
            items = items.iter().map(|item| self.map_text(item, |text| changed(how, text, operand, None))).collect();
        }
        self.new_list(site.function, site.at, items, Value::default())
    }

    /// `from:length`, computed.
    fn bounds(&mut self, operand: &str) -> Option<(i64, Option<i64>)> {
        let (from, length) = operand.split_once(':').map_or((operand, None), |(from, length)| (from, Some(length)));
        let from = if from.trim().is_empty() { 0 } else { self.number(from)? };
        Some((from, length.map(|length| self.number(length)).map_or(Some(None), |length| length.map(Some))?))
    }

    fn number(&mut self, text: &str) -> Option<i64> {
        arithmetic::evaluate(text, &mut Variables { interpreter: self, taint: None })
    }

    /// A value with each known text changed.
    pub(super) fn map_text(&mut self, value: &Value, change: impl Fn(&str) -> Option<String>) -> Value {
        let inner = value.get();
        let size = value.size();
        self.spend(size);
        self.bytes = self.bytes.saturating_sub(size);
        if self.bytes == 0 {
            return Value::unknown().with(&inner.taint);
        }
        let lits: Vec<Lit> =
            inner.lits.iter().filter_map(|lit| change(&lit.text())).map(|text| Lit::Text(text.into())).collect();
        if lits.is_empty() {
            return Value::unknown().with(&inner.taint);
        }
        let made = self.made(lits);
        let is_open = inner.is_open || made.get().is_open;
        Value::of(Inner { is_open, taint: inner.taint.clone(), ..(*made.get()).clone() })
    }

    pub(super) fn arithmetic(&mut self, text: &Value) -> Value {
        let Some(text) = text.one().map(|lit| lit.text()) else { return Value::unknown().with(&text.taint()) };
        if text.len() > 4096 {
            return Value::unknown();
        }
        let mut variables = Variables { interpreter: self, taint: None };
        let number = arithmetic::evaluate(&text, &mut variables);
        let taint = variables.taint;
        match number {
            Some(number) => Value::lit(Lit::Number(number as f64)).with(&taint),
            None => Value::unknown().with(&taint),
        }
    }
}

struct Variables<'i, 'a> {
    interpreter: &'i mut Interpreter<'a>,
    taint: Taint,
}

impl Numbers for Variables<'_, '_> {
    fn number(&mut self, name: &str, index: Option<i64>) -> Option<i64> {
        let sym = self.interpreter.names.intern(name);
        let value = match index {
            Some(index) => self.interpreter.index(&Value::text(name), &Value::text(index.to_string())),
            None if name.starts_with(|c: char| c.is_ascii_digit()) => {
                let place = Place { module: 0, start: 0, end: 0 };
                self.interpreter.lookup(sym, place)
            }
            None => self.interpreter.shell.store.get(sym),
        };
        self.taint = super::super::taints(&self.taint, &value.taint());
        if value.is_unset() {
            return None;
        }
        let text = value.one()?.text();
        if text.trim().is_empty() { Some(0) } else { text.trim().parse().ok() }
    }

    fn assign(&mut self, name: &str, value: Option<i64>) {
        let sym = self.interpreter.names.intern(name);
        let value = value.map_or_else(Value::unknown, |value| Value::lit(Lit::Number(value as f64)));
        self.interpreter.shell.store.set(sym, value.with(&self.taint));
    }
}

/// A text as an expansion changes it.
fn changed(how: Expansion, text: &str, operand: &str, bounds: Option<(i64, Option<i64>)>) -> Option<String> {
    Some(match how {
        Expansion::Substring => {
            let (from, length) = bounds?;
            let count = text.chars().count() as i64;
            let from = if from < 0 { (count + from).max(0) } else { from };
            let length = match length {
                Some(length) if length < 0 => (count + length - from).max(0),
                Some(length) => length,
                None => count,
            };
            text.chars().skip(from as usize).take(length as usize).collect()
        }
        Expansion::Upper => text.to_uppercase(),
        Expansion::Lower => text.to_lowercase(),
        Expansion::Length => text.chars().count().to_string(),
        Expansion::Prefix => without(text, operand, true),
        Expansion::Suffix => without(text, operand, false),
        Expansion::ReplaceFirst | Expansion::ReplaceAll => {
            let (from, to) = operand.split_once('/').unwrap_or((operand, ""));
            replaced(text, from, to, how == Expansion::ReplaceAll)
        }
        _ => text.to_owned(),
    })
}

/// Without the part at one end that fits a pattern: the shortest one, or the longest if the mark is doubled.
fn without(text: &str, pattern: &str, is_prefix: bool) -> String {
    let doubled = pattern.strip_prefix(if is_prefix { '#' } else { '%' });
    let (longest, pattern) = (doubled.is_some(), doubled.unwrap_or(pattern));
    let chars: Vec<char> = text.chars().collect();
    let wanted: Vec<char> = pattern.chars().collect();
    if !pattern::is_pattern(pattern) {
        let cut = if is_prefix { text.strip_prefix(pattern) } else { text.strip_suffix(pattern) };
        return cut.unwrap_or(text).to_owned();
    }
    if chars.len() > 1024 {
        return text.to_owned();
    }
    let mut lengths: Vec<usize> = (0..=chars.len()).collect();
    if longest {
        lengths.reverse();
    }
    for length in lengths {
        let (part, rest) = if is_prefix {
            (chars.get(..length), chars.get(length..))
        } else {
            (chars.get(chars.len() - length..), chars.get(..chars.len() - length))
        };
        if pattern::fits(&wanted, part.unwrap_or(&[])) {
            return rest.unwrap_or(&[]).iter().collect();
        }
    }
    text.to_owned()
}

fn replaced(text: &str, from: &str, to: &str, all: bool) -> String {
    if from.is_empty() || text.len().saturating_mul(to.len().max(1)) > 16 * LONGEST {
        return text.to_owned();
    }
    if !pattern::is_pattern(from) {
        return if all { text.replace(from, to) } else { text.replacen(from, to, 1) };
    }
    let chars: Vec<char> = text.chars().collect();
    let wanted: Vec<char> = from.chars().collect();
    if chars.len() > 512 {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut at = 0;
    let mut done = false;
    while at < chars.len() {
        let length = (1..=chars.len() - at)
            .rev()
            .find(|length| !done && chars.get(at..at + length).is_some_and(|part| pattern::fits(&wanted, part)));
        match length {
            Some(length) => {
                out.push_str(to);
                at += length;
                done = !all;
            }
            None => {
                out.extend(chars.get(at));
                at += 1;
            }
        }
    }
    out
}

/// The words that `a{b,c}d` and `{1..5}` stand for.
pub(super) fn braces(text: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        let expanded = if done.len() + open.len() < BRACES { one_brace(&text) } else { None };
        match expanded {
            Some(parts) => open.extend(parts.into_iter().rev()),
            None => done.push(text),
        }
    }
    done
}

/// The first brace expansion in a text.
fn one_brace(text: &str) -> Option<Vec<String>> {
    if text.len() > 64 * 1024 {
        return None;
    }
    let start = text.find('{').filter(|start| !text.get(..*start).is_some_and(|head| head.ends_with('$')))?;
    let (head, rest) = (text.get(..start)?, text.get(start + 1..)?);
    let mut level = 0;
    let mut parts = vec![String::new()];
    let mut close = None;
    for (at, c) in rest.char_indices() {
        match c {
            '}' if level == 0 => {
                close = Some(at);
                break;
            }
            ',' if level == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => level += 1,
            '}' => level -= 1,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    let tail = rest.get(close? + 1..)?;
    if let [only] = parts.as_slice() {
        let (from, to) = only.split_once("..")?;
        let numbers: Option<(i64, i64)> = from.parse().ok().zip(to.parse().ok());
        parts = match numbers {
            Some((from, to)) => (from..=to).take(BRACES).map(|number| number.to_string()).collect(),
            None => {
                let (from, to) = (single(from)?, single(to)?);
                (from..=to).take(BRACES).map(String::from).collect()
            }
        };
    }
    (parts.len() <= BRACES && parts.len().saturating_mul(text.len()) < 4 * LONGEST)
        .then(|| parts.into_iter().map(|part| format!("{head}{part}{tail}")).collect())
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}
