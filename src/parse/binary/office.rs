//! Office documents: compound files, and the XML parts of those that are ZIP
//! archives. Finds macros, embedded objects, what is loaded from elsewhere and
//! the text that is shown. Refuses to run, load or decrypt any of it.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::artifact::{Map, Op};
use crate::fact::{Fact, FactKind, Place};
use crate::finding::{GapKind, Role};
use crate::limits::Limits;
use crate::parse::{Child, Kind, Parsed};

mod cfb;
mod ovba;
mod part;
mod xml;

use cfb::{Compound, Stream, u32_at};
use ovba::Source;

/// Further places that a fact shows.
const PLACES: usize = 8;

/// Parses a compound file: the old formats, and the one that macros are stored in.
pub fn ole(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let compound = cfb::read(bytes).unwrap_or_default();
    if !compound.is_whole {
        let why = "the compound file is broken; parts of it may be missing".to_owned();
        parsed.skipped.push((GapKind::Corrupt, why));
    }
    let sources = sources(bytes, &compound, limits);
    macros(&compound, sources, &mut parsed);
    for stream in &compound.streams {
        embedded(stream, &mut parsed);
    }
    if names(&compound).any(|name| name == "EncryptedPackage") {
        let note = "the document is encrypted";
        parsed.facts.push(Fact::new(FactKind::Document, 0..bytes.len(), note).label("encrypted"));
        let why = "the document is encrypted and was not read".to_owned();
        parsed.skipped.push((GapKind::Encrypted, why));
    }
    parsed
}

fn names(compound: &Compound) -> impl Iterator<Item = &str> {
    let streams = compound.streams.iter().map(|stream| stream.name.as_str());
    streams.chain(compound.others.iter().map(String::as_str))
}

/// Source of all macros: out of the streams, or wherever it lies if these hold none.
fn sources(bytes: &[u8], compound: &Compound, limits: &Limits) -> Vec<Source> {
    let mut found = Vec::new();
    let mut left = limits.inflated_bytes;
    for stream in &compound.streams {
        for source in ovba::sources(&stream.bytes, left) {
            left = left.saturating_sub(source.text.len());
            found.push(Source { range: stream.place.clone(), ..source });
        }
    }
    if found.is_empty() { ovba::sources(bytes, left) } else { found }
}

/// One fact for all modules: the one that Office calls is rarely the one that does the work.
fn macros(compound: &Compound, sources: Vec<Source>, parsed: &mut Parsed) {
    let has_project = names(compound).any(|name| name.eq_ignore_ascii_case("_VBA_PROJECT"));
    let mut fact: Option<Fact> = None;
    let mut is_whole = true;
    if sources.is_empty() && has_project {
        fact = Some(Fact::new(FactKind::Document, 0..cfb::MAGIC.len(), "the document holds macros without source"));
        is_whole = false;
    }
    for source in sources {
        is_whole &= source.is_whole;
        let labels = labels(&source.text);
        if !labels.is_empty() {
            let note = "the document holds a macro";
            let known = fact.get_or_insert_with(|| Fact::new(FactKind::Document, source.range.clone(), note));
            known.labels.extend(labels.into_iter().map(str::to_owned));
            if known.range != source.range && known.places.len() < PLACES {
                let place = Place { range: source.range.clone(), role: Role::Context, note: note.to_owned() };
                known.places.push(place);
            }
        }
        let text = match String::from_utf8(source.text) {
            Ok(text) => text,
            Err(error) => WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned(),
        };
        let child = Child::made(Op::DocumentScript, source.range, text.into_bytes());
        parsed.children.push(child.of_kind(Kind::Text));
    }
    parsed.facts.extend(fact.map(|fact| fact.label("macro")));
    if !is_whole {
        parsed.skipped.push((GapKind::Corrupt, "the source of macros could not be read as a whole".to_owned()));
    }
}

/// What the source of a module says about it; nothing if there is no code.
fn labels(source: &[u8]) -> Vec<&'static str> {
    if !ovba::has_code(source) {
        return Vec::new();
    }
    let more = [("auto-run", ovba::is_automatic(source)), ("runs-program", ovba::runs_programs(source))];
    let more = more.into_iter().filter(|(_, applies)| *applies).map(|(label, _)| label);
    std::iter::once("macro").chain(more).collect()
}

/// An object of another program, and the file in it if there is one.
fn embedded(stream: &Stream, parsed: &mut Parsed) {
    let name = stream.name.trim_start_matches(char::is_control);
    if !matches!(name, "Ole10Native" | "Equation Native" | "Package") {
        return;
    }
    let note = "an object of another program is embedded";
    parsed.facts.push(Fact::new(FactKind::Document, stream.place.clone(), note).label("embedded-object"));
    let made = |bytes: &[u8]| Child::made(Op::EmbeddedFile, stream.place.clone(), bytes.to_vec());
    match (name, native(&stream.bytes)) {
        ("Ole10Native", Some((file, bytes))) => parsed.children.push(made(bytes).named(file)),
        ("Ole10Native", None) => parsed.children.push(made(stream.bytes.get(4..).unwrap_or(b""))),
        ("Package", _) => parsed.children.push(made(&stream.bytes)),
        _ => {}
    }
}

/// Name and content of the file that a packager object carries.
fn native(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (label, rest) = terminated(bytes.get(6..)?)?;
    let (_, rest) = terminated(rest)?;
    let path = u32_at(rest, 4)? as usize;
    let rest = rest.get(path.checked_add(8)?..)?;
    let size = u32_at(rest, 0)? as usize;
    let content = rest.get(4..)?;
    let name = label.rsplit(|byte| matches!(byte, b'\\' | b'/')).next()?;
    Some((name, content.get(..size.min(content.len()))?)).filter(|(name, _)| !name.is_empty())
}

/// Bytes up to a zero, and what follows it.
fn terminated(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end.checked_add(1)?..)?))
}

/// Parses one XML member of an office document, which goes by `name` there.
pub fn member(name: &str, bytes: &[u8]) -> Parsed {
    let name = name.to_ascii_lowercase();
    let (source, is_transcoded) = utf8(bytes);
    let mut parsed = part::read(&source);
    if is_transcoded {
        whole(&mut parsed, 0..bytes.len());
    }
    if name.contains("embeddings/") && name.ends_with(".bin") {
        let note = "an object of another program is embedded";
        parsed.facts.push(Fact::new(FactKind::Document, 0..bytes.len(), note).label("embedded-object"));
    }
    parsed
}

/// XML may be UTF-16, with a mark or without.
fn utf8(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let unmarked = match bytes {
        [b'<', 0, ..] => Some((UTF_16LE, 0)),
        [0, b'<', ..] => Some((UTF_16BE, 0)),
        _ => None,
    };
    match Encoding::for_bom(bytes).or(unmarked) {
        Some((encoding, mark)) if encoding != UTF_8 => {
            let marked = bytes.get(mark..).unwrap_or(b"");
            let text = encoding.decode_without_bom_handling(marked).0.into_owned();
            (Cow::Owned(text.into_bytes()), true)
        }
        _ => (Cow::Borrowed(bytes), false),
    }
}

/// What was found in a text of another encoding stands for all of it.
fn whole(parsed: &mut Parsed, range: Range<usize>) {
    for child in &mut parsed.children {
        child.range = range.clone();
        child.map = Map::Opaque;
    }
    for fact in &mut parsed.facts {
        fact.range = range.clone();
    }
}
