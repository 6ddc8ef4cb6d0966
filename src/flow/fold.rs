//! Operations on constants: what programs do to hide a text, undone.

use std::collections::HashMap;
use std::rc::Rc;

use regex::{NoExpand, Regex, RegexBuilder};

use super::ir::Binary;
use super::value::{Lit, UNKNOWN};
use crate::decode;
use crate::parse::binary::inflate;

mod fill;
mod path;

pub use fill::fill;

pub use path::clean_path;
use path::{address_join, path_join};

/// Longest text that is folded, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// Begins the text that stands for a regular expression: flags, `/` and the pattern follow.
pub const REGEX: char = '\u{1b}';
/// Stands between the two halves of a table of characters.
const TABLE: char = '\u{1d}';

/// An operation that catalogues name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fold {
    /// The text as it is.
    Same,
    /// The first argument as it is.
    First,
    /// Texts one after the other: the receiver's and all arguments'.
    Concat,
    /// A list's texts with the argument between them.
    Join,
    /// A text's parts between the argument.
    Split,
    /// The argument's texts, the receiver between them.
    JoinArgument,
    /// Backwards.
    Reverse,
    /// All or the first of one text by another.
    Replace,
    /// A part by beginning and end.
    Slice,
    /// A part by beginning and length.
    Substr,
    /// The character at a place.
    CharAt,
    /// The number of the character at a place.
    CodeAt,
    /// Characters of numbers.
    FromCodes,
    /// Repeated.
    Repeat,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// Without white space around it.
    Trim,
    /// A number read from text, to a base.
    ParseInt,
    /// Text of a number.
    ToText,
    /// Base64, and what reads it.
    Base64,
    /// Base32.
    Base32,
    /// Base85.
    Base85,
    /// Base85 as Adobe writes it.
    Ascii85,
    /// Pairs of hexadecimal digits.
    Hex,
    /// Bytes by an encoding that is the second argument; base64 and hexadecimal are read.
    FromEncoding,
    /// Percent signs read.
    Percent,
    /// Percent signs written.
    PercentEncode,
    /// Rotated by thirteen, or the codec that the second argument names.
    Codec,
    /// A compressed stream.
    Inflate,
    /// A path of several parts.
    PathJoin,
    /// An address, from one address and what is relative to it, in any order.
    AddressJoin,
    /// Where a path leads to.
    Directory,
    /// The last part of a path.
    BaseName,
    /// A path with another last part.
    Sibling,
    /// Placeholders filled in: `{}` or `%s`.
    Format,
    /// Placeholders filled in by name: `$name`.
    Template,
    /// Every so-many-th character, backwards if negative.
    Step,
    /// How many characters a text has, or items a list.
    Length,
    /// Where the argument stands in a text.
    IndexOf,
    /// A table of two texts of one length: a character for another.
    Table,
    /// A character for another, by a table.
    Translate,
    /// Matches of the first argument in the third by the second.
    RegexReplace,
    /// Numbers of the characters of a text, or the items of a list.
    Codes,
    /// A list of the arguments.
    List,
    /// A list of numbers.
    Range,
    /// Lists of the fields of each line, between commas.
    Rows,
    /// Paths of what lies in a folder.
    Children,
    /// Paths that a pattern stands for.
    Glob,
    /// Lists of a folder's path and two lists of names, for it and all below.
    Walk,
}

/// Applies `op` to a text and further texts; `None` if that gives nothing known.
pub fn apply(op: Fold, receiver: Option<&Lit>, args: &[Lit]) -> Option<Lit> {
    let subject = || receiver.or_else(|| args.first()).map(Lit::text);
    let rest = if receiver.is_some() { args } else { args.get(1..).unwrap_or(&[]) };
    let text = |lit: &Lit| lit.text();
    let number = |at: usize| rest.get(at).and_then(Lit::number);
    let result: String = match op {
        Fold::Same => return receiver.cloned(),
        Fold::First => return receiver.or_else(|| args.first()).cloned(),
        Fold::Concat => receiver.into_iter().chain(args).map(|lit| lit.text().to_string()).collect(),
        Fold::Reverse => subject()?.chars().rev().collect(),
        Fold::Replace if rest.first().map(text).is_some_and(|pattern| pattern.starts_with(REGEX)) => {
            replace_all(&subject()?, &text(rest.first()?), &text(rest.get(1)?))?
        }
        Fold::RegexReplace => {
            let pattern = format!("{REGEX}g/{}", subject()?);
            replace_all(&text(rest.get(1)?), &pattern, &text(rest.first()?))?
        }
        Fold::Length => return Some(Lit::Number(known(subject()?)?.chars().count() as f64)),
        Fold::Step => step(&subject()?, number(0)?),
        Fold::IndexOf => {
            let all = subject()?;
            let at = all.find(&*text(rest.first()?)).and_then(|at| all.get(..at)).map(|head| head.chars().count());
            return Some(Lit::Number(at.map_or(-1.0, |at| at as f64)));
        }
        Fold::Table => format!("{}{TABLE}{}", subject()?, text(rest.first()?)),
        Fold::Translate => translate(&subject()?, &text(rest.first()?))?,
        Fold::Replace => replace(&subject()?, &text(rest.first()?), &text(rest.get(1)?)),
        Fold::Slice => slice(&subject()?, number(0).unwrap_or(0.0), number(1)),
        Fold::Substr => {
            let all = subject()?;
            let start = index(number(0).unwrap_or(0.0), all.chars().count());
            let length = number(1).map_or(usize::MAX, |length| length.max(0.0) as usize);
            all.chars().skip(start).take(length).collect()
        }
        Fold::CharAt => {
            let all = subject()?;
            all.chars().nth(index(number(0).unwrap_or(0.0), all.chars().count()))?.to_string()
        }
        Fold::CodeAt => {
            let all = subject()?;
            let c = all.chars().nth(index(number(0).unwrap_or(0.0), all.chars().count()))?;
            return (c != UNKNOWN).then(|| Lit::Number(f64::from(u32::from(c))));
        }
        Fold::FromCodes => args.iter().map(|lit| char::from_u32(lit.number()? as u32)).collect::<Option<String>>()?,
        Fold::Repeat => {
            let (all, times) = (subject()?, number(0)?.max(0.0) as usize);
            if all.len().saturating_mul(times) > LONGEST {
                return None;
            }
            all.repeat(times)
        }
        Fold::Lower => subject()?.to_lowercase(),
        Fold::Upper => subject()?.to_uppercase(),
        Fold::Trim => subject()?.trim().to_owned(),
        Fold::ParseInt => {
            let base = rest.first().and_then(Lit::number).map_or(10, |base| base as u32);
            let all = subject()?;
            let all = all.trim().trim_start_matches("0x").to_owned();
            if !(2..=36).contains(&base) {
                return None;
            }
            let hex = if receiver.or(args.first()).map(text)?.starts_with("0x") { 16 } else { base };
            return i64::from_str_radix(&all, hex).ok().map(|number| Lit::Number(number as f64));
        }
        Fold::ToText => return Some(Lit::Text(subject()?)),
        Fold::Base64 => bytes_text(decode::base64_bytes(&known(subject()?)?)?),
        Fold::Base32 => bytes_text(decode::base32_bytes(&known(subject()?)?)?),
        Fold::Base85 => bytes_text(base85(&known(subject()?)?, |c| DIGITS.iter().position(|digit| *digit == c))?),
        Fold::Ascii85 => {
            bytes_text(base85(&known(subject()?)?, |c| usize::from(c).checked_sub(33).filter(|at| *at < 85))?)
        }
        Fold::Hex => bytes_text(decode::hex_bytes(&known(subject()?)?)?),
        Fold::FromEncoding => match rest.first().map(text).as_deref() {
            Some("base64" | "base64url") => bytes_text(decode::base64_bytes(&known(subject()?)?)?),
            Some("hex") => bytes_text(decode::hex_bytes(&known(subject()?)?)?),
            _ => subject()?.to_string(),
        },
        Fold::Percent => percent(&subject()?),
        Fold::PercentEncode => percent_encoded(&known(subject()?)?),
        Fold::Codec => match rest.first().map(text).as_deref() {
            Some("rot13" | "rot_13") => rot13(&subject()?),
            Some("base64") => bytes_text(decode::base64_bytes(&known(subject()?)?)?),
            Some("hex" | "hex_codec") => bytes_text(decode::hex_bytes(&known(subject()?)?)?),
            Some("unicode_escape" | "unicode-escape") => {
                let all = subject()?;
                decode::unescape(&all).map_or_else(|| all.to_string(), |(text, _)| text)
            }
            _ => subject()?.to_string(),
        },
        Fold::Inflate => bytes_text(inflated(&text_bytes(&known(subject()?)?))?),
        Fold::PathJoin => path_join(args.iter().map(text)),
        Fold::AddressJoin => address_join(args.iter().map(text)),
        Fold::Directory => subject()?.rsplit_once('/').map_or(".".to_owned(), |(directory, _)| directory.to_owned()),
        Fold::Sibling => {
            let all = subject()?;
            let directory = all.rsplit_once('/').map_or("", |(directory, _)| directory);
            path_join([Rc::from(directory), text(rest.first()?)].into_iter())
        }
        Fold::BaseName => subject()?.rsplit('/').next().unwrap_or("").to_owned(),
        Fold::Format => fill::format(&subject()?, rest),
        Fold::Join
        | Fold::Template
        | Fold::JoinArgument
        | Fold::Split
        | Fold::Codes
        | Fold::List
        | Fold::Range
        | Fold::Rows
        | Fold::Children
        | Fold::Glob
        | Fold::Walk => {
            return None;
        }
    };
    (result.len() <= LONGEST).then(|| Lit::Text(result.into()))
}

/// A text all of which is known.
fn known(text: Rc<str>) -> Option<Rc<str>> {
    (!text.contains(UNKNOWN)).then_some(text)
}

/// Bytes as a text: UTF-8, or a character for each byte.
pub fn bytes_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

/// The bytes that [`bytes_text`] made a text of.
fn text_bytes(text: &str) -> Vec<u8> {
    let narrow: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    narrow.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// What a compressed stream of any of the usual kinds holds.
fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.starts_with(b"\x1f\x8b") {
        let (out, _) = inflate::read(&mut flate2::bufread::GzDecoder::new(bytes), LONGEST);
        return (!out.is_empty()).then_some(out);
    }
    let zlib = inflate::zlib(bytes, LONGEST).bytes;
    let out = if zlib.is_empty() { inflate::deflate(bytes, LONGEST).bytes } else { zlib };
    (!out.is_empty()).then_some(out)
}

/// Place of an index that may count from the end.
fn index(at: f64, length: usize) -> usize {
    if at < 0.0 { length.saturating_sub(-at as usize) } else { (at as usize).min(length) }
}

/// A part of a text by characters.
pub fn slice(text: &str, start: f64, end: Option<f64>) -> String {
    let length = text.chars().count();
    let start = index(start, length);
    let end = end.map_or(length, |end| index(end, length));
    text.chars().skip(start).take(end.saturating_sub(start)).collect()
}

fn replace(text: &str, from: &str, to: &str) -> String {
    if from.is_empty() || text.len().saturating_mul(to.len().max(1)) > 64 * LONGEST {
        return text.to_owned();
    }
    text.replace(from, to)
}

/// A regular expression, and whether it is for all matches.
pub fn regex(text: &str) -> Option<(Regex, bool)> {
    let (flags, pattern) = text.strip_prefix(REGEX)?.split_once('/')?;
    if pattern.len() > 256 {
        return None;
    }
    let built = RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(1 << 18)
        .build();
    Some((built.ok()?, flags.contains('g')))
}

fn replace_all(text: &str, pattern: &str, with: &str) -> Option<String> {
    let (pattern, is_global) = regex(pattern)?;
    if text.len() > 64 * 1024 || with.contains(['$', '\\']) || text.len() * (with.len() + 1) > 64 * LONGEST {
        return None;
    }
    Some(pattern.replacen(text, usize::from(!is_global), NoExpand(with)).into_owned())
}

fn step(text: &str, step: f64) -> String {
    let by = (step.abs() as usize).max(1);
    if step < 0.0 { text.chars().rev().step_by(by).collect() } else { text.chars().step_by(by).collect() }
}

fn translate(text: &str, table: &str) -> Option<String> {
    let (from, to) = table.split_once(TABLE)?;
    let pairs: HashMap<char, char> = from.chars().zip(to.chars()).collect();
    Some(text.chars().map(|c| pairs.get(&c).copied().unwrap_or(c)).collect())
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

fn percent(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    bytes_text(out)
}

fn rot13(text: &str) -> String {
    let turn = |c: char, first: u8| char::from((c as u8 - first + 13) % 26 + first);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            _ => c,
        })
        .collect()
}

/// Digits of base85 as Python and Git write it.
const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// Base85 with these digits.
fn base85(text: &str, digit: impl Fn(u8) -> Option<usize>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for chunk in text.trim().as_bytes().chunks(5) {
        let mut value: u32 = 0;
        for at in 0..5 {
            let digit = chunk.get(at).map_or(Some(84), |byte| digit(*byte))?;
            value = value.checked_mul(85)?.checked_add(u32::try_from(digit).ok()?)?;
        }
        out.extend(value.to_be_bytes().into_iter().take(chunk.len().saturating_sub(1)));
    }
    Some(out)
}

/// A binary operation on constants.
pub fn binary(op: Binary, a: &Lit, b: &Lit) -> Option<Lit> {
    if let (Binary::Add, Lit::Text(_), _) | (Binary::Add, _, Lit::Text(_)) = (op, a, b) {
        let text = format!("{}{}", a.text(), b.text());
        return (text.len() <= LONGEST).then(|| Lit::Text(text.into()));
    }
    let truth = |holds: bool| Some(Lit::Text(if holds { "true" } else { "false" }.into()));
    match (op, a, b) {
        (Binary::Equal, Lit::Text(a), Lit::Text(b)) => return truth(a == b),
        (Binary::Unequal, Lit::Text(a), Lit::Text(b)) => return truth(a != b),
        (Binary::Less, Lit::Text(a), Lit::Text(b)) => return truth(a < b),
        (Binary::AtMost, Lit::Text(a), Lit::Text(b)) => return truth(a <= b),
        (Binary::Not, Lit::Text(text), _) => {
            return truth(matches!(&**text, "" | "false" | "null" | "undefined" | "None" | "False"));
        }
        (Binary::Not, Lit::Number(number), _) => return truth(*number == 0.0),
        (Binary::Mul, Lit::Text(_), Lit::Number(times)) => {
            return apply(Fold::Repeat, Some(a), &[Lit::Number(*times)]);
        }
        (Binary::Div, Lit::Text(_), Lit::Text(_)) => {
            return Some(Lit::Text(path_join([a.text(), b.text()].into_iter()).into()));
        }
        (Binary::Rem, Lit::Text(pattern), _) => {
            return Some(Lit::Text(fill::format(pattern, std::slice::from_ref(b)).into()));
        }
        _ => {}
    }
    // Bytes of a text are numbers where they are combined bit by bit.
    let byte = |lit: &Lit| match lit {
        Lit::Text(text) if op == Binary::Xor && text.chars().count() == 1 => {
            text.chars().next().map(|c| f64::from(u32::from(c)))
        }
        _ => lit.number(),
    };
    let (x, y) = (byte(a)?, byte(b)?);
    let bits = |f: fn(i64, i64) -> i64| Some(Lit::Number(f(x as i64, y as i64) as f64));
    match op {
        Binary::Add => Some(Lit::Number(x + y)),
        Binary::Sub => Some(Lit::Number(x - y)),
        Binary::Mul => Some(Lit::Number(x * y)),
        Binary::Div => Some(Lit::Number(x / y)),
        Binary::Rem => (y != 0.0).then(|| Lit::Number(x % y)),
        Binary::Xor => bits(|x, y| x ^ y),
        Binary::And => bits(|x, y| x & y),
        Binary::Or => bits(|x, y| x | y),
        Binary::Shl => bits(|x, y| x.checked_shl(y.clamp(0, 63) as u32).unwrap_or(0)),
        Binary::Shr => bits(|x, y| x.checked_shr(y.clamp(0, 63) as u32).unwrap_or(0)),
        Binary::Less => truth(x < y),
        Binary::AtMost => truth(x <= y),
        Binary::Equal => truth(x == y),
        Binary::Unequal => truth(x != y),
        Binary::Not | Binary::Other => None,
    }
}
