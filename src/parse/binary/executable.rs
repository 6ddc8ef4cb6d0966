//! Programs by the header that a system loads them by, and the text in them.
//! Refuses to read code: that there is a program is what matters in a skill.

use super::field::Order::{self, Big, Little};
use super::strings;
use crate::fact::{Fact, FactKind};
use crate::limits::Limits;
use crate::parse::Parsed;

mod shortcut;
mod wasm;

pub use shortcut::lnk;
pub use wasm::wasm;

/// Shortest text of a program that is looked at, in characters.
const RUN: usize = 16;

/// Bytes at both ends of a program in which a packer leaves its name.
const ENDS: usize = 4096;

/// Slices that a fat binary has at most; a Java class counts higher in the same place.
const SLICES: usize = 20;

/// Whether a header is one that a system loads.
enum Header {
    Program,
    Library,
    Nonsense,
}

/// Programs of Linux and its relatives.
pub fn elf(bytes: &[u8], limits: &Limits) -> Parsed {
    program(bytes, limits, "elf", elf_header(bytes))
}

fn elf_header(bytes: &[u8]) -> Header {
    let is_wide = bytes.get(4) == Some(&2);
    let order = if bytes.get(5) == Some(&2) { Big } else { Little };
    let is_regular = matches!(bytes.get(4..7), Some([1 | 2, 1 | 2, 1]));
    // Linux looks at the type and skips class, order and version; tiny programs keep code there.
    match order.u16(bytes, 16) {
        Some(3) if is_regular && !is_position_independent(bytes, order, is_wide) => Header::Library,
        Some(1..=4) => Header::Program,
        Some(0xfe00..) if is_regular => Header::Program,
        _ => Header::Nonsense,
    }
}

/// Whether what looks like a library is a program that may lie anywhere in memory: it asks for
/// an interpreter, or says so among its flags.
fn is_position_independent(bytes: &[u8], order: Order, is_wide: bool) -> bool {
    const INTERPRETER: usize = 3;
    const DYNAMIC: usize = 2;
    let number = |at: usize| if is_wide { order.u64(bytes, at) } else { order.u32(bytes, at) };
    let (table, size, count) = if is_wide { (32, 54, 56) } else { (28, 42, 44) };
    let (Some(table), Some(size), Some(count)) =
        (number(table), order.u16(bytes, size).filter(|size| *size > 0), order.u16(bytes, count))
    else {
        return false;
    };
    let (offset, length) = if is_wide { (8, 32) } else { (4, 16) };
    (0..count).map(|index| table.saturating_add(size * index)).any(|header| match order.u32(bytes, header) {
        Some(INTERPRETER) => true,
        Some(DYNAMIC) => {
            let start = number(header.saturating_add(offset)).unwrap_or(usize::MAX);
            has_program_flag(bytes, order, is_wide, start, number(header.saturating_add(length)).unwrap_or(0))
        }
        _ => false,
    })
}

/// Whether the flags in the dynamic section at `start` call it a program.
fn has_program_flag(bytes: &[u8], order: Order, is_wide: bool, start: usize, length: usize) -> bool {
    /// Sections of this kind are short; longer ones are not read to their end.
    const LONGEST: usize = 4096;
    const FLAGS: usize = 0x6fff_fffb;
    const PROGRAM: usize = 0x0800_0000;
    let width = if is_wide { 8 } else { 4 };
    let section = bytes.get(start..start.saturating_add(length.min(LONGEST)).min(bytes.len())).unwrap_or(b"");
    let number = |entry: &[u8], at: usize| if is_wide { order.u64(entry, at) } else { order.u32(entry, at) };
    section
        .chunks_exact(2 * width)
        .any(|entry| number(entry, 0) == Some(FLAGS) && number(entry, width).is_some_and(|flags| flags & PROGRAM != 0))
}

/// Programs of Windows. What only begins like one is a program of DOS at most.
pub fn pe(bytes: &[u8], limits: &Limits) -> Parsed {
    let header = Little.u32(bytes, 0x3c).filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(b"PE\0\0")));
    let Some(header) = header else {
        let mut parsed = Parsed::default();
        let fact = Fact::new(FactKind::File, 0..bytes.len().min(2), "begins like a program of DOS").label("mz");
        parsed.facts.push(fact);
        strings::add(&mut parsed, bytes, RUN, limits);
        return parsed;
    };
    let is_library = Little.u16(bytes, header.saturating_add(22)).is_some_and(|flags| flags & 0x2000 != 0);
    program(bytes, limits, "pe", if is_library { Header::Library } else { Header::Program })
}

/// Programs of macOS, also for several processors in one file.
pub fn macho(bytes: &[u8], limits: &Limits) -> Parsed {
    let slices = match bytes.first_chunk::<4>() {
        Some(b"\xca\xfe\xba\xbe") => fat(bytes, 20, |at| Big.u32(bytes, at + 8)),
        Some(b"\xca\xfe\xba\xbf") => fat(bytes, 32, |at| Big.u64(bytes, at + 8)),
        _ => vec![0],
    };
    let types: Vec<usize> = slices.into_iter().filter_map(|start| file_type(bytes, start)).collect();
    let header = if types.is_empty() {
        Header::Nonsense
    } else if types.iter().all(|number| matches!(number, 6 | 8 | 9)) {
        Header::Library
    } else {
        Header::Program
    };
    program(bytes, limits, "mach-o", header)
}

/// Where the slices of a fat binary start.
fn fat(bytes: &[u8], width: usize, start: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
    let count = Big.u32(bytes, 4).filter(|count| *count < SLICES).unwrap_or(0);
    (0..count).filter_map(|index| start(8 + width * index)).collect()
}

/// The type of the Mach-O file at `start`, if it is one.
fn file_type(bytes: &[u8], start: usize) -> Option<usize> {
    let head = bytes.get(start..)?;
    let order = match head.first_chunk::<4>()? {
        b"\xfe\xed\xfa\xce" | b"\xfe\xed\xfa\xcf" => Big,
        b"\xce\xfa\xed\xfe" | b"\xcf\xfa\xed\xfe" => Little,
        _ => return None,
    };
    order.u32(head, 12).filter(|number| (1..=12).contains(number))
}

/// Programs of Android.
pub fn dex(bytes: &[u8], limits: &Limits) -> Parsed {
    program(bytes, limits, "dex", Header::Program)
}

/// What a program is, and the text in it.
fn program(bytes: &[u8], limits: &Limits, name: &str, header: Header) -> Parsed {
    let mut parsed = Parsed::default();
    let head = 0..bytes.len().min(4);
    let (note, label) = match header {
        Header::Program => (format!("a program ({name})"), Some("executable")),
        Header::Library => (format!("a library of machine code ({name})"), Some("executable")),
        Header::Nonsense => (format!("begins like a program ({name})"), None),
    };
    let mut fact = Fact::new(FactKind::File, head.clone(), note).label(name);
    if let Some(label) = label {
        fact = fact.label(label);
    } else {
        let why = format!("begins like a program ({name}), but its header is not one");
        parsed.malformed.push((head, why));
    }
    if matches!(header, Header::Library) {
        fact = fact.label("shared-library");
    }
    if is_packed(bytes) {
        fact = fact.label("packed");
    }
    parsed.facts.push(fact);
    strings::add(&mut parsed, bytes, RUN, limits);
    parsed
}

/// Whether a packer that everyone has left its name.
fn is_packed(bytes: &[u8]) -> bool {
    let first = bytes.get(..bytes.len().min(ENDS)).unwrap_or(b"");
    let last = bytes.get(bytes.len().saturating_sub(ENDS)..).unwrap_or(b"");
    let holds = |part: &[u8], name: &[u8]| memchr::memmem::find(part, name).is_some();
    holds(first, b"UPX0") || holds(first, b"UPX1") || holds(first, b"UPX!") || holds(last, b"UPX!")
}
