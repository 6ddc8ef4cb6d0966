//! XML parts of office documents, told by what they hold and not by their
//! names: text, relationships, events, fields and scripts. Refuses to follow
//! what they point at.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::xml::{Event, Reader, Tag, Text};
use crate::artifact::Op;
use crate::fact::{Fact, FactKind};
use crate::finding::GapKind;
use crate::parse::{Child, Kind, Parsed};

/// A field that asks another program for data, which may be any program. Fields are written `{ … }` here.
static DDE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i-u)(?:^|\{)\s*dde(?:auto)?\b").expect("pattern is constant"));

/// Relationships that are loaded when a document is opened, without a click.
const LOADED: [&str; 4] = ["attachedTemplate", "frame", "subDocument", "oleObject"];

/// Events of a document that nobody has to cause.
const AUTOMATIC: [&str; 11] = [
    "dom:load",
    "dom:unload",
    "office:load",
    "office:load-finished",
    "office:open",
    "office:new",
    "office:start-app",
    "office:view-created",
    "office:prepare-unload",
    "on-load",
    "onload",
];

/// Reads one part.
pub(super) fn read(source: &[u8]) -> Parsed {
    let root = Reader::new(source).find_map(|event| match event {
        Event::Open(tag, _) => Some(tag.name),
        _ => None,
    });
    match root.unwrap_or(b"") {
        b"Relationships" => relationships(source),
        b"manifest" => manifest(source),
        b"module" => module(source),
        b"document-content" | b"document-styles" | b"document-meta" | b"coreProperties" | b"Properties" => {
            Walk::of(source, true)
        }
        // Two formats call their root so: one marks all text, the other none of it.
        b"document" => {
            let parsed = Walk::of(source, false);
            let has_text = parsed.children.iter().any(|child| child.op == Op::DocumentText);
            if has_text { parsed } else { Walk::of(source, true) }
        }
        _ => Walk::of(source, false),
    }
}

/// Content from elsewhere that is loaded with the document.
fn relationships(source: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    for event in Reader::new(source) {
        let Event::Open(tag, _) = event else { continue };
        let kind = tag.attribute(b"Type").unwrap_or_default();
        let kind = kind.rsplit('/').next().unwrap_or("");
        let is_external = tag.attribute(b"TargetMode").is_some_and(|mode| mode.trim().eq_ignore_ascii_case("external"));
        if is_external && LOADED.iter().any(|loaded| loaded.eq_ignore_ascii_case(kind.trim())) {
            let note = "loads content from elsewhere when the document is opened";
            let mut fact = Fact::new(FactKind::Document, tag.range.clone(), note).label("external-template");
            fact.urls.extend(tag.attribute(b"Target"));
            parsed.facts.push(fact);
        }
    }
    parsed
}

/// Whether members of an OpenDocument package are encrypted.
fn manifest(source: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let encrypted = Reader::new(source).find_map(|event| match event {
        Event::Open(tag, _) if tag.name == b"encryption-data" => Some(tag.range),
        _ => None,
    });
    if let Some(range) = encrypted {
        let note = "parts of the document are encrypted";
        parsed.facts.push(Fact::new(FactKind::Document, range, note).label("encrypted"));
        let why = "parts of the document are encrypted and were not read".to_owned();
        parsed.skipped.push((GapKind::Encrypted, why));
    }
    parsed
}

/// A module of Basic.
fn module(source: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut code = Text::default();
    for event in Reader::new(source) {
        match event {
            Event::Text(range) => code.push(source, range),
            Event::Plain(range) => code.plain(source, range),
            Event::Open(..) | Event::Close(_) => {}
        }
    }
    script(code, &mut parsed);
    parsed
}

/// Source of a script, with what is known about it.
fn script(code: Text, parsed: &mut Parsed) {
    let labels = super::labels(code.bytes());
    let Some(child) = code.child(Op::DocumentScript) else { return };
    if !labels.is_empty() {
        let fact = Fact::new(FactKind::Document, child.range.clone(), "the document holds a macro");
        parsed.facts.push(labels.into_iter().fold(fact, Fact::label));
    }
    parsed.children.push(child.of_kind(Kind::Text));
}

/// What text stands in at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Shown,
    Field,
    Source,
    Data,
}

struct Walk<'a> {
    source: &'a [u8],
    /// Text needs no mark of its own.
    takes_all: bool,
    place: Place,
    text: Text,
    field: Text,
    fields: usize,
    code: Text,
    parsed: Parsed,
}

impl<'a> Walk<'a> {
    fn of(source: &'a [u8], takes_all: bool) -> Parsed {
        let mut walk = Self {
            source,
            takes_all,
            place: Place::Outside,
            text: Text::default(),
            field: Text::default(),
            fields: 0,
            code: Text::default(),
            parsed: Parsed::default(),
        };
        for event in Reader::new(source) {
            match event {
                Event::Open(tag, is_closed) => walk.open(&tag, is_closed),
                Event::Close(name) => walk.close(name),
                Event::Text(range) => walk.add(range, Text::push),
                Event::Plain(range) => walk.add(range, Text::plain),
            }
        }
        walk.end_field();
        let Self { text, code, mut parsed, .. } = walk;
        parsed.children.extend(text.child(Op::DocumentText));
        script(code, &mut parsed);
        parsed
    }

    fn add(&mut self, range: Range<usize>, push: fn(&mut Text, &[u8], Range<usize>)) {
        match self.place {
            Place::Source => push(&mut self.code, self.source, range),
            Place::Field => push(&mut self.field, self.source, range),
            Place::Shown => push(&mut self.text, self.source, range),
            Place::Outside if self.takes_all => {
                let text = self.source.get(range.clone()).unwrap_or(b"");
                // Line breaks between tags are the layout of the XML.
                let is_layout = text.trim_ascii().is_empty() && text.contains(&b'\n');
                if !is_layout {
                    push(&mut self.text, self.source, range);
                }
            }
            Place::Outside | Place::Data => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>, is_closed: bool) {
        let place = match tag.name {
            b"t" | b"delText" if !self.takes_all => Some(Place::Shown),
            b"instrText" | b"delInstrText" => Some(Place::Field),
            b"source-code" => Some(Place::Source),
            b"binary-data" => Some(Place::Data),
            _ => None,
        };
        if let Some(place) = place.filter(|_| !is_closed) {
            self.place = place;
        }
        match tag.name {
            b"tab" => self.text.add(b"\t", tag.range.clone()),
            b"s" if self.takes_all => self.text.add(b" ", tag.range.clone()),
            b"br" | b"cr" | b"line-break" => self.text.line(tag.range.start),
            b"fldChar" => self.field_mark(tag),
            b"fldSimple" => self.simple_field(tag),
            b"ddeLink" | b"dde-source" | b"dde-connection-decl" => self.dde(tag.range.clone()),
            b"event-listener" => self.listener(tag),
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"t" | b"delText" | b"instrText" | b"delInstrText" | b"source-code" | b"binary-data" => {
                self.place = Place::Outside;
            }
            b"p" | b"h" | b"si" | b"tr" | b"list-item" => {
                let at = self.text.end();
                self.text.line(at);
            }
            // Of a list of properties, each stands for itself.
            _ if self.takes_all && !matches!(name, b"span" | b"a") => {
                let at = self.text.end();
                self.text.line(at);
            }
            _ => {}
        }
    }

    /// Fields may hold fields, and each may be split into any number of runs.
    fn field_mark(&mut self, tag: &Tag<'_>) {
        match tag.attribute(b"fldCharType").as_deref() {
            Some("begin") => {
                self.fields = self.fields.saturating_add(1);
                self.field.add(b"{", tag.range.clone());
            }
            Some("end") => {
                self.fields = self.fields.saturating_sub(1);
                self.field.add(b"}", tag.range.clone());
                if self.fields == 0 {
                    self.end_field();
                }
            }
            _ => {}
        }
    }

    fn end_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        if !DDE.is_match(field.bytes()) {
            return;
        }
        if let Some(child) = field.child(Op::DocumentScript) {
            self.dde(child.range.clone());
            self.parsed.children.push(child.of_kind(Kind::Text));
        }
    }

    fn simple_field(&mut self, tag: &Tag<'_>) {
        let field = tag.attribute(b"instr").unwrap_or_default();
        if DDE.is_match(field.as_bytes()) {
            self.dde(tag.range.clone());
            let child = Child::made(Op::DocumentScript, tag.range.clone(), field.into_bytes());
            self.parsed.children.push(child.of_kind(Kind::Text));
        }
    }

    fn dde(&mut self, range: Range<usize>) {
        let note = "the document asks another program for data";
        self.parsed.facts.push(Fact::new(FactKind::Document, range, note).label("dde"));
    }

    fn listener(&mut self, tag: &Tag<'_>) {
        let event = tag.attribute(b"event-name").unwrap_or_default().to_ascii_lowercase();
        let mut fact = Fact::new(FactKind::Document, tag.range.clone(), "an event of the document calls a macro");
        fact = fact.label("macro");
        if AUTOMATIC.contains(&event.trim()) {
            fact = fact.label("auto-run");
        }
        self.parsed.facts.push(fact);
    }
}
