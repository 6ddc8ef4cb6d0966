//! Opcodes of all pickle protocols and what follows each. No length that the
//! input gives is taken further than the input goes.

use std::ops::Range;

/// Ends a pickle.
pub(super) const STOP: u8 = b'.';

/// Imports the global whose module and name are on the stack.
pub(super) const STACK_GLOBAL: u8 = 0x93;

/// What follows an opcode.
enum Shape {
    Bare,
    Fixed(usize),
    Line,
    TwoLines,
    /// A length of so many bytes, and as many bytes as it says.
    Counted(usize),
}

/// The shape of an opcode of any protocol, if there is such an opcode.
fn shape(code: u8) -> Option<Shape> {
    Some(match code {
        b'(' | b')' | b'.' | b'0' | b'1' | b'2' | b'N' | b'Q' | b'R' | b']' | b'a' | b'b' | b'd' | b'e' | b'l'
        | b'o' | b's' | b't' | b'u' | b'}' => Shape::Bare,
        0x81 | 0x85..=0x89 | 0x8f..=0x94 | 0x97 | 0x98 => Shape::Bare,
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Shape::Fixed(1),
        b'M' | 0x83 => Shape::Fixed(2),
        b'J' | b'j' | b'r' | 0x84 => Shape::Fixed(4),
        b'G' | 0x95 => Shape::Fixed(8),
        b'F' | b'I' | b'L' | b'P' | b'S' | b'V' | b'g' | b'p' => Shape::Line,
        b'c' | b'i' => Shape::TwoLines,
        b'C' | b'U' | 0x8a | 0x8c => Shape::Counted(1),
        b'B' | b'T' | b'X' | 0x8b => Shape::Counted(4),
        0x8d | 0x8e | 0x96 => Shape::Counted(8),
        _ => return None,
    })
}

/// What an opcode does to the stack: whether it takes all down to the mark, how many it takes
/// besides, and how many it puts.
pub(super) fn effect(code: u8) -> (bool, usize, usize) {
    match code {
        STOP => (false, 1, 0),
        b'Q' | 0x85 | 0x98 => (false, 1, 1),
        b'R' | b'a' | b'b' | 0x81 | 0x86 => (false, 2, 1),
        b's' | 0x87 | 0x92 => (false, 3, 1),
        b't' | b'l' | b'd' | b'o' | 0x91 => (true, 0, 1),
        b'e' | b'u' | 0x90 => (true, 1, 1),
        0x80 | 0x95 => (false, 0, 0),
        _ => (false, 0, 1),
    }
}

/// Why an opcode could not be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Unknown,
    Truncated,
}

/// An opcode and what follows it.
pub(super) struct Instruction<'a> {
    pub(super) code: u8,
    pub(super) arg: &'a [u8],
    pub(super) second: &'a [u8],
    pub(super) range: Range<usize>,
}

/// The opcode at `at`, with as much of the input as its own length says and there is.
pub(super) fn read(bytes: &[u8], at: usize) -> Result<Instruction<'_>, Fault> {
    let code = *bytes.get(at).ok_or(Fault::Truncated)?;
    let rest = bytes.get(at + 1..).unwrap_or(b"");
    let (mut arg, mut second, mut used): (&[u8], &[u8], usize) = (b"", b"", 0);
    match shape(code).ok_or(Fault::Unknown)? {
        Shape::Bare => {}
        Shape::Fixed(length) => {
            arg = rest.get(..length).ok_or(Fault::Truncated)?;
            used = length;
        }
        Shape::Line => {
            arg = line(rest)?;
            used = arg.len() + 1;
        }
        Shape::TwoLines => {
            arg = line(rest)?;
            second = line(rest.get(arg.len() + 1..).unwrap_or(b""))?;
            used = arg.len() + second.len() + 2;
        }
        Shape::Counted(width) => {
            let count = little(rest.get(..width).ok_or(Fault::Truncated)?);
            used = usize::try_from(count).ok().and_then(|count| count.checked_add(width)).ok_or(Fault::Truncated)?;
            arg = rest.get(width..used).ok_or(Fault::Truncated)?;
        }
    }
    Ok(Instruction { code, arg, second, range: at..at + 1 + used })
}

fn line(bytes: &[u8]) -> Result<&[u8], Fault> {
    memchr::memchr(b'\n', bytes).and_then(|end| bytes.get(..end)).ok_or(Fault::Truncated)
}

/// A little-endian number of at most eight bytes.
pub(super) fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte))
}
