//! WebAssembly: what a module asks its host for, and what follows its last
//! section. Refuses to call it a program: it does nothing that it is not given.

use std::ops::Range;

use crate::artifact::Op;
use crate::fact::{Fact, FactKind};
use crate::limits::Limits;
use crate::parse::binary::metadata::Metadata;
use crate::parse::binary::trailer;
use crate::parse::{Child, Kind, Parsed};

/// Sections in the order that modules must keep; custom ones may stand anywhere.
const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/// Section of imports.
const IMPORTS: u8 = 2;

/// Last section number of a component, whose sections come in any order.
const COMPONENT: u8 = 11;

/// A module or component of WebAssembly.
pub fn wasm(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let fact = Fact::new(FactKind::File, 0..bytes.len().min(4), "a WebAssembly module").label("wasm");
    parsed.facts.push(fact);
    let mut found = Metadata::new(bytes, limits);
    let is_component = bytes.get(6..8).is_some_and(|layer| layer != b"\0\0");
    let mut place = 0;
    let mut at = 8;
    while let Some((id, data)) = section(bytes, at) {
        let next = if is_component { (id <= COMPONENT).then_some(0) } else { follows(id, place) };
        let Some(next) = next.filter(|_| data.end <= bytes.len()) else { break };
        place = next;
        at = data.end;
        if id == IMPORTS && !is_component {
            let mut names = imports(bytes.get(data.clone()).unwrap_or(b""));
            names.truncate(limits.inflated_bytes);
            if !names.is_empty() {
                parsed.children.push(Child::made(Op::Strings, data, names).of_kind(Kind::Text));
            }
        } else if id == 0 {
            found.unknown(custom(bytes, data));
        }
    }
    match section(bytes, at) {
        // The number of a section and a length beyond the end: cut off rather than added to.
        Some((id, data)) if data.end > bytes.len() && id <= 13 => {
            trailer::broken(&mut parsed, bytes, at, "a section is longer than the file");
        }
        _ => trailer::add(&mut parsed, bytes, at),
    }
    found.finish(&mut parsed);
    parsed
}

/// Number and content of the section at `at`; the content may reach beyond the end.
fn section(bytes: &[u8], at: usize) -> Option<(u8, Range<usize>)> {
    let id = *bytes.get(at)?;
    let mut start = at + 1;
    let length = number(bytes, &mut start)?;
    Some((id, start..start.saturating_add(length)))
}

/// The place after section `id`, if it may come after `place`.
fn follows(id: u8, place: usize) -> Option<usize> {
    if id == 0 {
        return Some(place);
    }
    ORDER.iter().position(|known| *known == id).filter(|found| *found >= place).map(|found| found + 1)
}

/// Content of a custom section behind its name.
fn custom(bytes: &[u8], data: Range<usize>) -> Range<usize> {
    let mut start = data.start;
    let length = number(bytes, &mut start).unwrap_or(0);
    start.saturating_add(length).min(data.end)..data.end
}

/// Names of everything that is imported, one `module.name` a line.
fn imports(section: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut at = 0;
    let count = number(section, &mut at).unwrap_or(0);
    for _ in 0..count {
        if import(section, &mut at, &mut lines).is_none() {
            break;
        }
    }
    lines
}

/// Adds the import at `at` and goes behind it.
fn import(section: &[u8], at: &mut usize, lines: &mut Vec<u8>) -> Option<()> {
    let module = name(section, at)?;
    let field = name(section, at)?;
    lines.extend_from_slice(module);
    lines.push(b'.');
    lines.extend_from_slice(field);
    lines.push(b'\n');
    match byte(section, at)? {
        // Function.
        0 => number(section, at).map(drop),
        // Table.
        1 => {
            value_type(section, at)?;
            size(section, at)
        }
        // Memory.
        2 => size(section, at),
        // Variable, and whether it can change.
        3 => {
            value_type(section, at)?;
            byte(section, at).map(drop)
        }
        // Tag.
        4 => {
            byte(section, at)?;
            number(section, at).map(drop)
        }
        _ => None,
    }
}

fn name<'a>(section: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = number(section, at)?;
    let name = section.get(*at..at.checked_add(length)?)?;
    *at += length;
    Some(name)
}

fn byte(section: &[u8], at: &mut usize) -> Option<u8> {
    let byte = *section.get(*at)?;
    *at += 1;
    Some(byte)
}

/// A type; references to other types are followed by a number.
fn value_type(section: &[u8], at: &mut usize) -> Option<()> {
    if matches!(byte(section, at)?, 0x63 | 0x64) {
        number(section, at)?;
    }
    Some(())
}

/// Least and, if the flags say so, largest size.
fn size(section: &[u8], at: &mut usize) -> Option<()> {
    let flags = byte(section, at)?;
    number(section, at)?;
    if flags & 1 != 0 {
        number(section, at)?;
    }
    Some(())
}

/// A number of which each byte gives seven bits, the lowest ones first.
fn number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = byte(bytes, at)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}
