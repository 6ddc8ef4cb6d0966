//! PDF, walked from its first byte to its last: what it shows, what it runs
//! and what it carries. Refuses to trust its tables of contents: objects are
//! found where they stand, used or not, and read once.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use crate::artifact::Op;
use crate::fact::{Fact, FactKind, Place};
use crate::finding::{GapKind, Role as Part};
use crate::limits::Limits;
use crate::parse::{Child, Kind, Parsed};

mod content;
mod filter;
mod font;
mod lex;
mod lines;
mod links;
mod object;

use content::Pen;
use filter::Trouble;
use font::CharacterMap;
use lines::Lines;
use links::Links;
use object::{Dict, Found, Role};

/// Where objects begin, and the dictionary that points at the first of them.
static MARKERS: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(["obj", "trailer"]).expect("patterns are constant"));

/// Fonts of one page or form; what a further one shows is read as Latin text.
const FONTS: usize = 1000;

/// First bytes of content that is worth a look of its own, wherever it lies.
const WORTHY: [&[u8]; 5] = [b"#!", b"MZ", b"\x7fELF", b"PK\x03\x04", b"%PDF-"];

/// A stream and its dictionary.
struct Stream {
    number: u32,
    data: Range<usize>,
    dict: Dict,
    is_whole: bool,
}

/// Parses a PDF.
pub fn parse(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut found = Found { left: limits.nodes, ..Found::default() };
    let streams = walk(bytes, &mut found);
    let numbers = streams.iter().enumerate().map(|(index, stream)| (stream.number, index)).collect();
    let mut reader = Reader {
        bytes,
        limits,
        streams: &streams,
        numbers,
        is_encrypted: found.marks.encrypted.is_some(),
        opened: 0,
        work: 0,
        troubles: Troubles::default(),
        fonts: HashMap::new(),
        maps: HashMap::new(),
        owner: None,
        pen: Pen::default(),
        text: Lines::default(),
    };
    reader.objects(&mut found);
    let links = Links::of(&mut found);
    reader.contents(&links, &mut found, &mut parsed);
    let Reader { text, mut troubles, .. } = reader;
    troubles.is_long |= found.left == 0;
    parsed.children.extend(text.child(Op::DocumentText));
    strings(&links, &mut found, &mut parsed);
    trailer(bytes, &mut parsed);
    header(bytes, &mut parsed);
    facts(&links, &found, &mut parsed);
    troubles.report(found.marks.encrypted.is_some(), limits, &mut parsed);
    parsed
}

/// Reads all objects that stand in the file itself, and returns where their streams are.
///
/// An object inside another one's string or stream may be one that a table points at. It is read, too, up to the
/// next one: so the file is read twice at most.
fn walk(bytes: &[u8], found: &mut Found) -> Vec<Stream> {
    let mut streams = Vec::new();
    let mut covered = 0_usize;
    let mut markers = MARKERS.find_iter(bytes).filter(|marker| starts_word(bytes, marker.start())).peekable();
    while let Some(marker) = markers.next() {
        let is_inside = marker.start() < covered;
        let limit = markers.peek().filter(|_| is_inside).map_or(bytes.len(), |next| next.start());
        let own = bytes.get(..limit).unwrap_or(bytes);
        let number = object::number_before(bytes, marker.start());
        let ended = object::read(own, marker.end(), number, None, found);
        let mut end = ended.at;
        if let Some(dict) = ended.stream {
            let (data, is_whole) = extent(own, ended.at, dict.length);
            end = data.end;
            streams.push(Stream { number, data, dict, is_whole });
        }
        if !is_inside {
            covered = end;
        }
        if found.left == 0 {
            break;
        }
    }
    streams
}

/// Not the end of `endobj` or of a word.
fn starts_word(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|byte| !byte.is_ascii_alphabetic())
}

/// The bytes of a stream whose keyword ends at `at`, and whether its end is there.
fn extent(bytes: &[u8], at: usize, length: Option<usize>) -> (Range<usize>, bool) {
    /// White space between the bytes and their end.
    const SLACK: usize = 4;
    let rest = bytes.get(at..).unwrap_or(b"");
    let line = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    };
    let start = at.saturating_add(line).min(bytes.len());
    let rest = bytes.get(start..).unwrap_or(b"");
    let claimed = length.and_then(|length| rest.get(length..)).is_some_and(|after| {
        let blanks = after.iter().take(SLACK).take_while(|byte| lex::is_blank(**byte)).count();
        after.get(blanks..).is_some_and(|after| after.starts_with(b"endstream"))
    });
    if let Some(length) = length.filter(|_| claimed) {
        return (start..start.saturating_add(length), true);
    }
    match memmem::find(rest, b"endstream") {
        Some(end) => (start..start.saturating_add(end), true),
        None => (start..bytes.len(), false),
    }
}

/// What could not be read, told once for the whole document.
#[derive(Default)]
struct Troubles {
    corrupt: usize,
    unknown: usize,
    is_long: bool,
    is_many: bool,
}

impl Troubles {
    fn report(&self, is_encrypted: bool, limits: &Limits, parsed: &mut Parsed) {
        let mut skip = |kind, why: String| parsed.skipped.push((kind, why));
        if is_encrypted {
            skip(GapKind::Encrypted, "the document is encrypted; its text and scripts were not read".to_owned());
        }
        if self.corrupt > 0 {
            skip(GapKind::Corrupt, format!("{} streams of the document are cut off or broken", self.corrupt));
        }
        if self.unknown > 0 {
            let why = format!("{} streams of the document are stored in a way that is not read", self.unknown);
            skip(GapKind::Unopened, why);
        }
        if self.is_long {
            let why = format!("more than {} bytes in one stream, or too much in all of them", limits.inflated_bytes);
            skip(GapKind::OverLimit, why);
        }
        if self.is_many {
            skip(GapKind::OverLimit, format!("more than {} streams in one document", limits.document_streams));
        }
    }
}

/// Opens streams, inside the limits.
struct Reader<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    streams: &'a [Stream],
    numbers: HashMap<u32, usize>,
    is_encrypted: bool,
    opened: usize,
    work: usize,
    troubles: Troubles,
    /// By the object of the map.
    maps: HashMap<u32, Option<Rc<CharacterMap>>>,
    /// By the name of the font, for the page or form that is being read.
    fonts: HashMap<Vec<u8>, Option<Rc<CharacterMap>>>,
    owner: Option<u32>,
    pen: Pen,
    text: Lines,
}

impl<'a> Reader<'a> {
    fn open(&mut self, stream: &'a Stream) -> Option<Cow<'a, [u8]>> {
        let raw = self.bytes.get(stream.data.clone())?;
        if self.opened >= self.limits.document_streams {
            self.troubles.is_many = true;
            return None;
        }
        self.opened += 1;
        let most = self.limits.inflated_bytes.min(self.limits.derived_bytes.saturating_sub(self.work));
        let decoded = filter::decode(raw, &stream.dict.filters, stream.dict.predictor, most);
        self.work = self.work.saturating_add(decoded.work);
        if !stream.is_whole {
            self.troubles.corrupt += 1;
        }
        match decoded.trouble {
            Some(Trouble::Picture) => return None,
            Some(Trouble::TooLong) => self.troubles.is_long = true,
            // Ciphertext is not broken.
            Some(Trouble::Corrupt) if !self.is_encrypted && stream.is_whole => self.troubles.corrupt += 1,
            Some(Trouble::Unknown) if !self.is_encrypted => self.troubles.unknown += 1,
            _ => {}
        }
        Some(decoded.bytes)
    }

    /// Reads the objects inside streams.
    fn objects(&mut self, found: &mut Found) {
        for stream in self.streams.iter().filter(|stream| stream.dict.role == Role::Objects) {
            if let Some(bytes) = self.open(stream) {
                members(&bytes, stream.dict.first, &stream.data, found);
            }
        }
    }

    /// Reads all other streams.
    fn contents(&mut self, links: &Links, found: &mut Found, parsed: &mut Parsed) {
        let scripts: HashSet<u32> = links.all(links::SCRIPT).collect();
        for stream in self.streams {
            let name = found.files.get(&stream.number).map(Vec::as_slice);
            let is_script = scripts.contains(&stream.number);
            let is_file = name.is_some() || stream.dict.role == Role::File;
            let is_shown = links.is_shown(stream.number);
            if stream.dict.role == Role::Picture && !is_script && !is_file && !is_shown {
                continue;
            }
            let Some(bytes) = self.open(stream) else { continue };
            if is_script {
                found.marks.script.get_or_insert_with(|| stream.data.clone());
                let script = lex::text(&bytes).into_bytes();
                let child = Child::made(Op::DocumentScript, stream.data.clone(), script);
                parsed.children.push(child.of_kind(Kind::JavaScript));
            }
            // What a stream is called does not keep a page from showing it.
            if (is_shown || !is_file) && content::has_text(&bytes) {
                self.show(stream, &bytes, links);
            }
            if is_file {
                self.file(stream, bytes, name, parsed);
            } else if stream.dict.role == Role::Metadata {
                parsed.children.push(self.child(Op::Metadata, stream, bytes).of_kind(Kind::Markup));
            } else if !is_script && is_worthy(&bytes) {
                form_script(stream, &bytes, found);
                parsed.children.push(self.child(Op::Inflated, stream, bytes));
            }
        }
    }

    /// A stream as a part of the document: as it stands, or as it was stored.
    fn child(&self, op: Op, stream: &Stream, bytes: Cow<'_, [u8]>) -> Child {
        match bytes {
            Cow::Borrowed(_) => Child::cut(op, self.bytes, stream.data.clone()),
            Cow::Owned(made) => Child::made(op, stream.data.clone(), made),
        }
    }

    fn file(&self, stream: &Stream, bytes: Cow<'_, [u8]>, name: Option<&[u8]>, parsed: &mut Parsed) {
        let fact = Fact::new(FactKind::Document, stream.data.clone(), "a file is embedded in the document");
        parsed.facts.push(fact.label("pdf").label("embedded-file"));
        let child = self.child(Op::EmbeddedFile, stream, bytes);
        let name = name.map(lex::text).filter(|name| !name.is_empty());
        parsed.children.push(match name {
            Some(name) => child.named(name.as_bytes()),
            None => child,
        });
    }

    /// The text that a stream draws.
    fn show(&mut self, stream: &Stream, bytes: &[u8], links: &Links) {
        let owner = links.owner(stream.number);
        if self.owner != Some(owner) {
            self.owner = Some(owner);
            self.pen = Pen::default();
            self.fonts.clear();
        }
        let most = self.limits.inflated_bytes.saturating_sub(self.text.len());
        let mut pen = std::mem::take(&mut self.pen);
        let text = content::text(bytes, &mut pen, &mut |name: &[u8]| self.font(owner, name, links), most);
        self.pen = pen;
        self.troubles.is_long |= text.len() > most;
        self.text.push(&text, stream.data.clone());
    }

    /// The character map of a font of the page or form that is being read.
    fn font(&mut self, owner: u32, name: &[u8], links: &Links) -> Option<Rc<CharacterMap>> {
        if let Some(known) = self.fonts.get(name) {
            return known.clone();
        }
        if self.fonts.len() >= FONTS {
            return None;
        }
        let map = links.character_map(owner, name).and_then(|number| self.map(number));
        self.fonts.insert(name.to_vec(), map.clone());
        map
    }

    fn map(&mut self, number: u32) -> Option<Rc<CharacterMap>> {
        if let Some(known) = self.maps.get(&number) {
            return known.clone();
        }
        let streams = self.streams;
        let stream = self.numbers.get(&number).and_then(|index| streams.get(*index));
        let map = stream.and_then(|stream| self.open(stream)).map(|bytes| Rc::new(CharacterMap::read(&bytes)));
        self.maps.insert(number, map.clone());
        map
    }
}

/// Whether content is a program, a file or markup; a dictionary, which may begin a page, is none of them.
fn is_worthy(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    WORTHY.iter().any(|first| start.starts_with(first)) || matches!(start, [b'<', second, ..] if *second != b'<')
}

/// A form of the XML kind brings scripts of its own; the markup that it is written in holds them.
fn form_script(stream: &Stream, bytes: &[u8], found: &mut Found) {
    if memmem::find(bytes, b"<script").is_some() && memmem::find(bytes, b"javascript").is_some() {
        found.marks.script.get_or_insert_with(|| stream.data.clone());
    }
}

/// Reads the objects of a decoded object stream that stands at `place` of the file.
fn members(bytes: &[u8], first: usize, place: &Range<usize>, found: &mut Found) {
    let mut lexer = lex::Lexer::new(bytes.get(..first).unwrap_or(bytes), 0);
    let mut heads: Vec<(usize, u32)> = Vec::new();
    while let (Some((_, lex::Token::Number(number))), Some((_, lex::Token::Number(at)))) = (lexer.next(), lexer.next())
    {
        if found.left == 0 {
            break;
        }
        found.left -= 1;
        heads.push((first.saturating_add(at as usize), number as u32));
    }
    heads.sort_unstable();
    let mut covered = 0_usize;
    for (index, &(start, number)) in heads.iter().enumerate() {
        let is_inside = start < covered;
        let next = heads.get(index.saturating_add(1)).map_or(bytes.len(), |next| next.0);
        let limit = if is_inside { next } else { bytes.len() };
        let own = bytes.get(..limit).unwrap_or(bytes);
        let ended = object::read(own, start, number, Some(place.clone()), found);
        if !is_inside {
            covered = ended.at;
        }
    }
}

/// Scripts, commands and texts that stand in strings.
fn strings(links: &Links, found: &mut Found, parsed: &mut Parsed) {
    let mut scripts = std::mem::take(&mut found.scripts);
    let mut targets: Vec<u32> = links.all(links::SCRIPT).collect();
    targets.sort_unstable();
    targets.dedup();
    scripts.extend(targets.iter().filter_map(|target| found.strings.remove(target)));
    for (place, script) in scripts {
        let script = lex::text(&script);
        let is_cipher = found.marks.encrypted.is_some() && !lex::is_readable(&script);
        if !script.trim().is_empty() && !is_cipher {
            let child = Child::made(Op::DocumentScript, place, script.into_bytes());
            parsed.children.push(child.of_kind(Kind::JavaScript));
        }
    }
    for (place, command) in std::mem::take(&mut found.launches) {
        let child = Child::made(Op::DocumentScript, place, lex::text(&command).into_bytes());
        parsed.children.push(child.of_kind(Kind::Shell));
    }
    parsed.children.extend(std::mem::take(&mut found.texts).child(Op::Metadata));
}

/// What was put behind the end.
fn trailer(bytes: &[u8], parsed: &mut Parsed) {
    const END: &[u8] = b"%%EOF";
    let Some(end) = memmem::rfind(bytes, END).map(|at| at.saturating_add(END.len())) else { return };
    let rest = bytes.get(end..).unwrap_or(b"");
    if let Some(start) = rest.iter().position(|byte| !lex::is_blank(*byte)) {
        parsed.children.push(Child::cut(Op::Trailer, bytes, end.saturating_add(start)..bytes.len()));
    }
}

/// Viewers look for the header further on, so a file can begin as something else.
fn header(bytes: &[u8], parsed: &mut Parsed) {
    const HEADER: &[u8] = b"%PDF-";
    let Some(start) = memmem::find(bytes, HEADER).filter(|start| *start > 0) else { return };
    let note = "the document begins after other content";
    let fact = Fact::new(FactKind::Document, start..start.saturating_add(HEADER.len()), note);
    parsed.facts.push(fact.label("pdf").label("late-header"));
}

/// What the document does beside showing text.
fn facts(links: &Links, found: &Found, parsed: &mut Parsed) {
    let marks = &found.marks;
    let mut add = |place: &Option<Range<usize>>, label: &str, note: &str| {
        let fact = place.clone().map(|place| Fact::new(FactKind::Document, place, note).label("pdf").label(label));
        parsed.facts.extend(fact);
    };
    add(&marks.launch, "launch", "the document opens a program or a file");
    add(&marks.encrypted, "encrypted", "the document is encrypted");
    add(&marks.submit, "submits-form", "the document sends the fields of a form");
    add(&marks.remote, "remote-goto", "the document leads into another document");
    let Some(place) = marks.script.clone() else { return };
    let mut fact = Fact::new(FactKind::Document, place, "the document holds a script").label("pdf").label("script");
    // A place to go to is a list, and no action.
    let opens = links.all(links::OPEN).any(|target| !found.lists.get(&target).copied().unwrap_or(false));
    if let Some(place) = &marks.automatic {
        let note = "runs without being asked for".to_owned();
        fact.places.push(Place { range: place.clone(), role: Part::Context, note });
    }
    if opens || marks.automatic.is_some() {
        fact = fact.label("auto-run");
    }
    parsed.facts.push(fact);
}
