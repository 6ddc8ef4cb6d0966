//! One object of a PDF, read once from its first token to its last: the names
//! that matter, its strings, whom it refers to, and where its stream begins.
//! Refuses to build a tree: dictionaries are a stack of the keys that are open.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::filter::{Filter, Predictor};
use super::lex::{self, Lexer, Token};
use super::lines::Lines;
use super::links::{self, Link};

/// Nesting that is told apart; deeper values belong to the innermost that is.
const DEPTH: usize = 256;

/// Filters of one stream.
const CHAIN: usize = 8;

/// Shortest string that is worth reading as text.
const TEXT: usize = 4;

/// First places of what a document does.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// JavaScript.
    pub(super) script: Option<Range<usize>>,
    /// Something happens on its own.
    pub(super) automatic: Option<Range<usize>>,
    /// A program or file is opened.
    pub(super) launch: Option<Range<usize>>,
    /// Strings and streams are enciphered.
    pub(super) encrypted: Option<Range<usize>>,
    /// Fields of a form are sent.
    pub(super) submit: Option<Range<usize>>,
    /// Another document is opened.
    pub(super) remote: Option<Range<usize>>,
}

/// What all objects together hold.
#[derive(Default)]
pub(super) struct Found {
    /// First places.
    pub(super) marks: Marks,
    /// Who refers to whom, under which key.
    pub(super) links: Vec<Link>,
    /// Strings that people read: title, addresses, values of fields.
    pub(super) texts: Lines,
    /// Scripts that stand in strings.
    pub(super) scripts: Vec<(Range<usize>, Vec<u8>)>,
    /// What is launched, with its arguments.
    pub(super) launches: Vec<(Range<usize>, Vec<u8>)>,
    /// Objects that are a string and nothing else.
    pub(super) strings: HashMap<u32, (Range<usize>, Vec<u8>)>,
    /// Objects that are files, by what their file is called.
    pub(super) files: HashMap<u32, Vec<u8>>,
    /// Whether an object is a list in all its versions: then it is a place to go to, no action.
    pub(super) lists: HashMap<u32, bool>,
    /// Tokens that may still be read.
    pub(super) left: usize,
}

/// What a stream is, as its dictionary has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Content, scripts and whatever else has no type.
    #[default]
    Content,
    /// Other objects.
    Objects,
    /// An embedded file.
    File,
    /// XMP.
    Metadata,
    /// A picture.
    Picture,
}

/// What a dictionary says about the stream behind it.
#[derive(Debug, Clone, Default)]
pub(super) struct Dict {
    /// What it is.
    pub(super) role: Role,
    /// How it is stored.
    pub(super) filters: Vec<Filter>,
    /// How its rows were prepared.
    pub(super) predictor: Predictor,
    /// Its length, as claimed.
    pub(super) length: Option<usize>,
    /// Where the first object of an object stream begins.
    pub(super) first: usize,
}

/// How the reading of an object ended.
pub(super) struct Ended {
    /// Where.
    pub(super) at: usize,
    /// The dictionary, if a stream begins there.
    pub(super) stream: Option<Dict>,
}

struct Frame<'a> {
    is_list: bool,
    /// Key that waits for its value; of a list, the key that it stands under.
    key: Option<Cow<'a, [u8]>>,
    /// Key that the whole stands under.
    under: Cow<'a, [u8]>,
}

enum Value<'v> {
    Name(&'v [u8]),
    Text(Vec<u8>),
    Reference(u32),
    Number(f64),
    Dict,
    List,
    Other,
}

struct Reading<'a, 'f> {
    found: &'f mut Found,
    number: u32,
    /// Where it stands in the file, if it came out of a compressed stream.
    place: Option<Range<usize>>,
    frames: Vec<Frame<'a>>,
    /// Containers that are open beyond [`DEPTH`].
    over: usize,
    /// Numbers that wait for an `R`.
    held: Vec<f64>,
    dict: Dict,
    launch: Option<Range<usize>>,
    has_target: bool,
    targets: Vec<Vec<u8>>,
    files: Vec<u32>,
    file_name: Vec<u8>,
}

/// Reads the object that starts at `start`, to the end of `bytes` at most. In an object stream,
/// `place` says where that stands, and an object ends with its first value.
pub(super) fn read(bytes: &[u8], start: usize, number: u32, place: Option<Range<usize>>, found: &mut Found) -> Ended {
    let is_bare = place.is_some();
    let mut lexer = Lexer::new(bytes, start);
    let mut reading = Reading {
        found,
        number,
        place,
        frames: Vec::new(),
        over: 0,
        held: Vec::new(),
        dict: Dict::default(),
        launch: None,
        has_target: false,
        targets: Vec::new(),
        files: Vec::new(),
        file_name: Vec::new(),
    };
    let mut is_stream = false;
    let mut end = None;
    let mut is_first = true;
    while let Some((at, token)) = lexer.next() {
        if reading.found.left == 0 {
            break;
        }
        reading.found.left -= 1;
        if std::mem::take(&mut is_first) {
            let is_list = matches!(token, Token::ListOpen);
            let known = reading.found.lists.entry(number).or_insert(is_list);
            *known &= is_list;
        }
        match token {
            Token::Word(b"stream") if !is_bare => is_stream = true,
            // The next object or trailer begins before this one was closed.
            Token::Word(b"obj" | b"trailer") if !is_bare => end = Some(at),
            Token::Word(b"endobj" | b"xref" | b"startxref") if !is_bare => end = Some(lexer.at()),
            token => reading.take(bytes, at..lexer.at(), token),
        }
        if is_stream || end.is_some() || (is_bare && reading.frames.is_empty()) {
            break;
        }
    }
    reading.finish();
    let dict = std::mem::take(&mut reading.dict);
    Ended { at: end.unwrap_or(lexer.at()), stream: is_stream.then_some(dict) }
}

impl<'a> Reading<'a, '_> {
    fn take(&mut self, bytes: &'a [u8], at: Range<usize>, token: Token<'a>) {
        let at = self.place.clone().unwrap_or(at);
        match token {
            Token::Number(number) => {
                if self.held.len() > 1 {
                    self.held.remove(0);
                }
                self.held.push(number);
                return;
            }
            Token::Word(b"R") => {
                if let [target, _] = *self.held.as_slice() {
                    self.held.clear();
                    self.put(&at, Value::Reference(target as u32));
                    return;
                }
            }
            _ => {}
        }
        if let Some(number) = self.held.pop() {
            self.held.clear();
            self.put(&at, Value::Number(number));
        }
        match token {
            Token::Name(name) => self.name(&at, name),
            Token::DictOpen => self.open(&at, false),
            Token::ListOpen => self.open(&at, true),
            Token::DictClose => self.close(false),
            Token::ListClose => self.close(true),
            Token::Literal(_) | Token::Hex(_) => {
                let text = lex::string(bytes, &token).unwrap_or_default();
                self.put(&at, Value::Text(text));
            }
            Token::Word(_) | Token::Number(_) | Token::Stray => self.put(&at, Value::Other),
        }
    }

    fn open(&mut self, at: &Range<usize>, is_list: bool) {
        let under = self.frames.last().and_then(|frame| frame.key.clone()).unwrap_or_default();
        self.put(at, if is_list { Value::List } else { Value::Dict });
        if self.frames.len() < DEPTH {
            self.frames.push(Frame { is_list, key: is_list.then(|| under.clone()), under });
        } else {
            self.over = self.over.saturating_add(1);
        }
    }

    fn close(&mut self, is_list: bool) {
        if self.over > 0 {
            self.over -= 1;
            return;
        }
        if is_list {
            _ = self.frames.pop_if(|frame| frame.is_list);
            return;
        }
        // A list that was never closed ends with the dictionary around it.
        while self.frames.pop().is_some_and(|frame| frame.is_list) {}
    }

    fn name(&mut self, at: &Range<usize>, name: Cow<'a, [u8]>) {
        let marks = &mut self.found.marks;
        match &*name {
            b"JavaScript" | b"JS" => _ = marks.script.get_or_insert_with(|| at.clone()),
            b"SubmitForm" => _ = marks.submit.get_or_insert_with(|| at.clone()),
            b"GoToR" | b"GoToE" => _ = marks.remote.get_or_insert_with(|| at.clone()),
            b"Launch" => _ = self.launch.get_or_insert_with(|| at.clone()),
            _ => {}
        }
        match self.frames.last_mut() {
            Some(frame) if !frame.is_list && frame.key.is_none() => frame.key = Some(name),
            _ => self.put(at, Value::Name(&name)),
        }
    }

    /// A value, under the key that waits for one.
    fn put(&mut self, at: &Range<usize>, value: Value<'_>) {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else {
            if let Value::Text(text) = value {
                self.found.strings.insert(self.number, (at.clone(), text));
            }
            return;
        };
        let is_list = frame.is_list;
        let key = if is_list { frame.key.clone() } else { frame.key.take() }.unwrap_or_default();
        let in_file = &*frame.under == b"EF";
        self.has_target |= matches!(&*key, b"F" | b"Win" | b"Unix" | b"Mac");
        match value {
            Value::Text(text) => self.text(at, &key, text),
            Value::Reference(target) => self.reference(at, &key, target, in_file),
            Value::Dict => self.act(at, &key),
            Value::Name(name) if depth == 1 || (depth == 2 && is_list) => self.describe(&key, name, is_list),
            Value::List if depth == 1 && &*key == b"Filter" => self.dict.filters.clear(),
            Value::Number(number) => self.measure(&key, number),
            Value::Name(_) | Value::List | Value::Other => {}
        }
    }

    fn text(&mut self, at: &Range<usize>, key: &[u8], text: Vec<u8>) {
        if key == b"JS" {
            self.found.scripts.push((at.clone(), text));
            return;
        }
        if text.len() >= TEXT {
            let readable = lex::text(&text);
            if lex::is_readable(&readable) {
                self.found.texts.push(&readable, at.clone());
            }
        }
        if matches!(key, b"F" | b"UF") {
            self.file_name.clone_from(&text);
        }
        if matches!(key, b"F" | b"UF" | b"P") {
            self.targets.push(text);
        }
    }

    fn reference(&mut self, at: &Range<usize>, key: &[u8], target: u32, in_file: bool) {
        if in_file {
            self.files.push(target);
        }
        if key != b"OpenAction" {
            self.act(at, key);
        }
        self.found.links.push(Link { from: self.number, name: links::key(key), to: target });
    }

    /// A dictionary, or a reference to one, under a key that means something by itself.
    fn act(&mut self, at: &Range<usize>, key: &[u8]) {
        let marks = &mut self.found.marks;
        match key {
            // Under this name, a catalog lists scripts that run when the document is opened.
            b"OpenAction" | b"AA" | b"JavaScript" => _ = marks.automatic.get_or_insert_with(|| at.clone()),
            b"Encrypt" => _ = marks.encrypted.get_or_insert_with(|| at.clone()),
            _ => {}
        }
        if key == b"Filter" {
            self.dict.filters = vec![Filter::Guess];
        }
    }

    fn describe(&mut self, key: &[u8], name: &[u8], is_list: bool) {
        let role = match (key, name) {
            (b"Filter", _) => {
                if !is_list {
                    self.dict.filters.clear();
                }
                if self.dict.filters.len() < CHAIN {
                    self.dict.filters.push(Filter::named(name));
                }
                return;
            }
            (b"Type", b"ObjStm") => Role::Objects,
            (b"Type", b"EmbeddedFile") => Role::File,
            (b"Type", b"Metadata") => Role::Metadata,
            (b"Subtype", b"Image") => Role::Picture,
            _ => return,
        };
        if role != Role::Picture || self.dict.role == Role::Content {
            self.dict.role = role;
        }
    }

    fn measure(&mut self, key: &[u8], number: f64) {
        // Negative numbers become zero, large ones the largest.
        let size = number as usize;
        match key {
            b"Length" => self.dict.length = Some(size),
            b"First" => self.dict.first = size,
            b"Predictor" => self.dict.predictor.kind = size,
            b"Columns" => self.dict.predictor.columns = size,
            b"Colors" => self.dict.predictor.colors = size,
            b"BitsPerComponent" => self.dict.predictor.bits = size,
            _ => {}
        }
    }

    fn finish(&mut self) {
        let name = std::mem::take(&mut self.file_name);
        for file in std::mem::take(&mut self.files) {
            self.found.files.insert(file, name.clone());
        }
        let Some(place) = self.launch.take().filter(|_| self.has_target) else { return };
        if !self.targets.is_empty() {
            self.found.launches.push((place.clone(), self.targets.join(&b' ')));
        }
        self.found.marks.launch.get_or_insert(place);
    }
}

/// The object number that stands before `obj` at `at`.
pub(super) fn number_before(bytes: &[u8], at: usize) -> u32 {
    /// Longest stretch of white space or digits that is looked at.
    const REACH: usize = 16;
    let mut rest = bytes.get(..at).unwrap_or(b"");
    let mut number = 0_u32;
    for _ in 0..2 {
        let blanks = rest.iter().rev().take(REACH).take_while(|byte| lex::is_blank(**byte)).count();
        rest = rest.get(..rest.len().saturating_sub(blanks)).unwrap_or(b"");
        let digits = rest.iter().rev().take(REACH).take_while(|byte| byte.is_ascii_digit()).count();
        let (head, digits) = rest.split_at(rest.len().saturating_sub(digits));
        number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        rest = head;
    }
    number
}
