//! YAML by a real parser; text that it rejects line by line.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Values, below, short};

enum Value {
    String(String),
    Number(String),
    Word(&'static str),
    List(Vec<Spanned<Value>>),
    Map(Vec<(String, Spanned<Value>)>),
}

struct ValueVisitor;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Word(if value { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Word("null"))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Word("null"))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Value::Map(pairs))
    }
}

/// Reads the values of a document.
pub(super) fn read(text: &str, offset: usize, values: &mut Values) {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 50_000, max_depth: 64, max_aliases: 200 },
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options) {
        Ok(root) => flatten(values, text, offset, &root),
        Err(error) => {
            // What the YAML parser rejects is still text that the model reads.
            values.complaint = Some(error.to_string().lines().next().unwrap_or("").to_owned());
            lines(text, offset, values);
        }
    }
}

/// Values of a parsed tree; a worklist, since nesting is the input's choice.
fn flatten(values: &mut Values, text: &str, offset: usize, root: &Spanned<Value>) {
    let mut stack = vec![(String::new(), root)];
    while let Some((key, node)) = stack.pop() {
        match &node.value {
            Value::String(value) => {
                let range = place(text, value, &node.referenced);
                values.string(key, value.clone(), range.start + offset..range.end + offset);
            }
            Value::Number(value) => {
                // As it is written: a mode or version means more so.
                let whole = written(text, &node.referenced);
                let shown = crate::text::slice(text, whole.clone()).trim();
                let shown = if shown.is_empty() || shown.len() > 64 { value.as_str() } else { shown };
                values.scalar(key, shown, whole.start + offset..whole.end + offset);
            }
            Value::Word(value) => {
                let whole = written(text, &node.referenced);
                values.scalar(key, value, whole.start + offset..whole.end + offset);
            }
            Value::List(items) => stack.extend(items.iter().rev().map(|item| (short(format!("{key}[]")), item))),
            Value::Map(pairs) => {
                stack.extend(pairs.iter().rev().map(|(name, value)| {
                    let key = if key.is_empty() { name.clone() } else { below(&key, name) };
                    (key, value)
                }));
            }
        }
    }
}

/// Byte range of a node as it is written; empty for what is not there.
fn written(text: &str, location: &Location) -> Range<usize> {
    let start = location.span().byte_offset().map_or(0, |at| at as usize).min(text.len());
    let length = location.span().byte_len().map_or(0, |len| len as usize);
    let end = (start + length).min(text.len());
    let shown = crate::text::slice(text, start..end);
    start..end.min(start + shown.trim_end().len())
}

/// Byte range of a string: exactly its content where that stands in the text unchanged.
fn place(text: &str, value: &str, location: &Location) -> Range<usize> {
    let start = location.span().byte_offset().map_or(0, |at| at as usize).min(text.len());
    let length = location.span().byte_len().map_or(0, |len| len as usize);
    let end = (start + length.max(1)).min(text.len());
    let window = crate::text::slice(text, start..(start + value.len() + 8).min(text.len()));
    match window.find(value) {
        Some(at) if !value.is_empty() => start + at..start + at + value.len(),
        _ => start..end,
    }
}

/// `key: value` lines of text that is not YAML.
fn lines(text: &str, offset: usize, values: &mut Values) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (key, value) = line.split_once(':').unwrap_or(("", line));
        let value_start = at + line.len() - value.len();
        let trimmed = value.trim();
        let start = value_start + (value.len() - value.trim_start().len());
        if !trimmed.is_empty() {
            let is_key = !key.contains(char::is_whitespace) || key.trim_start().len() == key.len();
            let key = if is_key { key.trim() } else { "" };
            values.string(key.to_owned(), trimmed.to_owned(), start + offset..start + trimmed.len() + offset);
        }
        at += line.len();
    }
}
