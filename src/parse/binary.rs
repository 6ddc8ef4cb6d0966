//! Binary content by its format: the text, scripts and files inside it become
//! artifacts, and what it does beside its purpose becomes a fact.

use crate::archive::{self, Entry, Room, stream};
use crate::artifact::Op;
use crate::fact::{Fact, FactKind};
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::format::Format;
use crate::parse::{Child, Kind, Parsed};

pub mod bytecode;
pub mod executable;
mod field;
pub mod font;
pub mod image;
pub mod inflate;
mod metadata;
pub mod office;
pub mod pdf;
pub mod pickle;
pub mod strings;
mod trailer;

/// Shortest printable run of unknown binary content that is taken for text.
const RUN: usize = 16;

/// Comments of one archive that are read.
const NOTES: usize = 1000;

/// Parses content of a known format.
pub fn parse(format: Format, bytes: &[u8], limits: &Limits) -> Parsed {
    match format {
        Format::Zip | Format::Tar => members(format, bytes, limits),
        Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd => compressed(format, bytes, limits),
        Format::SevenZip | Format::Rar | Format::Cab | Format::DiskImage | Format::Packed | Format::Asar => {
            let mut parsed = Parsed::default();
            let why = format!("archives of the kind {} are not opened", format.name());
            parsed.skipped.push((GapKind::Unopened, why));
            parsed
        }
        Format::Pdf => pdf::parse(bytes, limits),
        Format::Ole => office::ole(bytes, limits),
        Format::Png => image::png(bytes, limits),
        Format::Jpeg => image::jpeg(bytes, limits),
        Format::Gif => image::gif(bytes, limits),
        Format::Riff => image::riff(bytes, limits),
        Format::Bmp => image::bmp(bytes, limits),
        Format::Ico => image::ico(bytes, limits),
        Format::Mp3 => image::id3(bytes, limits),
        Format::Sfnt | Format::Woff | Format::Woff2 => font::parse(format, bytes, limits),
        Format::Elf => executable::elf(bytes, limits),
        Format::Pe => executable::pe(bytes, limits),
        Format::MachO => executable::macho(bytes, limits),
        Format::Dex => executable::dex(bytes, limits),
        Format::ShellLink => executable::lnk(bytes, limits),
        Format::Wasm => executable::wasm(bytes, limits),
        Format::Pyc => bytecode::parse(bytes, limits),
        Format::Pickle => pickle::parse(bytes, limits),
        Format::Class | Format::Unknown => text_of(bytes, limits),
    }
}

/// Printable text of content that has no reader of its own.
fn text_of(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    // An array of objects is a header and a pickle.
    if let Some(at) = array_data(bytes) {
        parsed.children.push(Child::cut(Op::EmbeddedFile, bytes, at..bytes.len()));
    }
    strings::add(&mut parsed, bytes, RUN, limits);
    parsed
}

/// Where the data of a NumPy array of objects begins.
fn array_data(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, head) = match rest.first()? {
        1 => (usize::from(u16::from_le_bytes(*rest.get(2..)?.first_chunk()?)), 10),
        _ => (u32::from_le_bytes(*rest.get(2..)?.first_chunk()?) as usize, 12),
    };
    let at = head + length;
    bytes.get(at..).filter(|data| pickle::is_pickle(data)).map(|_| at)
}

/// Members of an archive, or of a document that is one.
fn members(format: Format, bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let Some(archive) = archive::open(format, bytes, Room::inside(limits)) else { return parsed };
    parsed.facts = archive.facts();
    let is_office = archive.is_document();
    for member in archive.members {
        if is_office && is_embedded(&member.name) {
            let note = "an object of another program is embedded";
            parsed.facts.push(Fact::new(FactKind::Document, member.range.clone(), note).label("embedded-object"));
        }
        if let Some(locked) = member.locked {
            parsed.locked.push(locked);
        } else if member.entry == Entry::File && !member.bytes.is_empty() {
            let is_xml = is_office && (member.name.ends_with(b".xml") || member.name.ends_with(b".rels"));
            // A name makes no part of a document of it: it is read as what it is as well.
            if is_xml {
                let part = Child::made(Op::ArchiveMember, member.range.clone(), member.bytes.clone());
                parsed.children.push(part.named(&member.name).of_kind(Kind::Office));
            }
            parsed.children.push(Child::made(Op::ArchiveMember, member.range, member.bytes).named(&member.name));
        }
    }
    let notes: Vec<_> = archive.notes.into_iter().filter(|note| note.len() >= RUN).collect();
    let is_too_many = notes.len() > NOTES;
    parsed.children.extend(notes.into_iter().take(NOTES).map(|note| Child::cut(Op::Metadata, bytes, note)));
    if let Some(end) = archive.end {
        trailer::add(&mut parsed, bytes, end);
    }
    parsed.skipped = archive.skipped;
    if is_too_many {
        parsed.skipped.push((GapKind::OverLimit, format!("more than {NOTES} comments in one archive")));
    }
    parsed
}

/// Whether a member of an office document is an object of another program.
fn is_embedded(name: &[u8]) -> bool {
    memchr::memmem::find(name, b"embeddings/").is_some() && name.ends_with(b".bin")
}

/// The one thing that a compressed stream holds.
fn compressed(format: Format, bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let Some(unpacked) = stream::read(format, bytes, Room::inside(limits)) else { return parsed };
    parsed.skipped.extend(unpacked.skipped);
    if unpacked.is_bomb {
        let note = format!("grows more than {} times", limits.ratio);
        parsed.facts.push(Fact::new(FactKind::Archive, 0..bytes.len(), note).label("bomb"));
    }
    if let Some(label) = unpacked.name.as_ref().and_then(|name| archive::leaves(name).first().copied()) {
        let note = "the name in it leads outside the folder it is unpacked in";
        parsed.facts.push(Fact::new(FactKind::Archive, 0..bytes.len().min(64), note).label(label));
    }
    if let Some(comment) = unpacked.comment {
        parsed.children.push(Child::made(Op::Metadata, 0..bytes.len().min(64), comment));
    }
    let end = unpacked.end.unwrap_or(bytes.len());
    if !unpacked.bytes.is_empty() {
        let child = Child::made(Op::Inflated, 0..end, unpacked.bytes);
        parsed.children.push(match unpacked.name {
            Some(name) => child.named(&name),
            None => child,
        });
    }
    if unpacked.end.is_some() {
        trailer::add(&mut parsed, bytes, end);
    }
    parsed
}
