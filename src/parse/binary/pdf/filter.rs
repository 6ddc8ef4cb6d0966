//! Filters of PDF streams: bytes as they are stored to bytes as they are
//! meant. Refuses pictures, and to give more than it is asked for.

use std::borrow::Cow;

use super::lex;
use crate::parse::binary::inflate::{self, End};

/// One step of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// zlib.
    Flate,
    /// Hexadecimal digits.
    Hex,
    /// Base 85.
    Ascii85,
    /// The compression of old producers.
    Lzw,
    /// Runs of equal bytes.
    RunLength,
    /// A codec of pictures; nothing to read.
    Picture,
    /// Stands elsewhere in the file: told by the bytes.
    Guess,
    /// Not known here.
    Other,
}

impl Filter {
    /// The filter of this name, abbreviations included.
    pub(super) fn named(name: &[u8]) -> Self {
        match name {
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"ASCIIHexDecode" | b"AHx" => Self::Hex,
            b"ASCII85Decode" | b"A85" => Self::Ascii85,
            b"LZWDecode" | b"LZW" => Self::Lzw,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"DCTDecode" | b"DCT" | b"JPXDecode" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" => Self::Picture,
            _ => Self::Other,
        }
    }
}

/// How rows were prepared before they were compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Predictor {
    /// 10 and above: as in PNG; anything else is left alone.
    pub(super) kind: usize,
    /// Samples in a row.
    pub(super) columns: usize,
    /// Components of a sample.
    pub(super) colors: usize,
    /// Bits of a component.
    pub(super) bits: usize,
}

impl Default for Predictor {
    fn default() -> Self {
        Self { kind: 1, columns: 1, colors: 1, bits: 8 }
    }
}

/// Why a stream was not read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It breaks before its end.
    Corrupt,
    /// More would come out than was asked for.
    TooLong,
    /// A filter is not known.
    Unknown,
    /// It is a picture.
    Picture,
}

/// A stream after its filters.
pub(super) struct Decoded<'a> {
    /// What came out.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Bytes that all filters gave together.
    pub(super) work: usize,
    /// What went wrong first.
    pub(super) trouble: Option<Trouble>,
}

/// Runs a chain of filters, each giving at most `most` bytes.
pub(super) fn decode<'a>(raw: &'a [u8], filters: &[Filter], predictor: Predictor, most: usize) -> Decoded<'a> {
    let mut decoded = Decoded { bytes: Cow::Borrowed(raw), work: 0, trouble: None };
    for &filter in filters {
        let Some((mut bytes, end)) = step(&decoded.bytes, filter, most) else {
            let trouble = if filter == Filter::Picture { Trouble::Picture } else { Trouble::Unknown };
            decoded.trouble.get_or_insert(trouble);
            return decoded;
        };
        if predictor.kind >= 10 && matches!(filter, Filter::Flate | Filter::Lzw) {
            bytes = unpredict(&bytes, predictor);
        }
        decoded.work = decoded.work.saturating_add(bytes.len());
        decoded.bytes = Cow::Owned(bytes);
        match end {
            End::Whole => {}
            End::Truncated => _ = decoded.trouble.get_or_insert(Trouble::Corrupt),
            End::TooLong => _ = decoded.trouble.get_or_insert(Trouble::TooLong),
        }
    }
    decoded
}

fn step(bytes: &[u8], filter: Filter, most: usize) -> Option<(Vec<u8>, End)> {
    match filter {
        Filter::Flate => Some(flate(bytes, most)),
        Filter::Hex => {
            let digits = memchr::memchr(b'>', bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes);
            Some(bounded(lex::hex(digits), most))
        }
        Filter::Ascii85 => Some(ascii85(bytes, most)),
        Filter::Lzw => Some(lzw(bytes, most)),
        Filter::RunLength => Some(run_length(bytes, most)),
        Filter::Guess => {
            let inflated = inflate::zlib(bytes, most);
            let is_plain = inflated.bytes.is_empty();
            Some(if is_plain { bounded(bytes.to_vec(), most) } else { (inflated.bytes, inflated.end) })
        }
        Filter::Picture | Filter::Other => None,
    }
}

fn bounded(mut bytes: Vec<u8>, most: usize) -> (Vec<u8>, End) {
    let end = if bytes.len() > most { End::TooLong } else { End::Whole };
    bytes.truncate(most);
    (bytes, end)
}

/// Viewers pass over a header or a checksum that is wrong, so this does too.
fn flate(bytes: &[u8], most: usize) -> (Vec<u8>, End) {
    let inflated = inflate::zlib(bytes, most);
    if !inflated.bytes.is_empty() || inflated.end == End::Whole {
        return (inflated.bytes, inflated.end);
    }
    let inflated = inflate::deflate(bytes.get(2..).unwrap_or(b""), most);
    (inflated.bytes, inflated.end)
}

fn ascii85(bytes: &[u8], most: usize) -> (Vec<u8>, End) {
    let mut out = Vec::new();
    let mut group = 0_u32;
    let mut count = 0_u32;
    let body = bytes.strip_prefix(b"<~").unwrap_or(bytes);
    for &byte in body.iter().take_while(|byte| **byte != b'~') {
        if out.len() > most {
            break;
        }
        match byte {
            b'z' if count == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
            }
            _ => {}
        }
        if count == 5 {
            out.extend(group.to_be_bytes());
            (group, count) = (0, 0);
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(group.to_be_bytes().iter().take(count as usize - 1));
    }
    bounded(out, most)
}

fn run_length(bytes: &[u8], most: usize) -> (Vec<u8>, End) {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((&length, tail)) = rest.split_first() {
        if out.len() > most {
            break;
        }
        let length = usize::from(length);
        match (length, tail.first()) {
            (128, _) => return bounded(out, most),
            (0..128, _) => {
                let (run, tail) = tail.split_at(tail.len().min(length + 1));
                out.extend(run);
                rest = tail;
            }
            (_, Some(&byte)) => {
                out.extend(std::iter::repeat_n(byte, 257 - length));
                rest = tail.get(1..).unwrap_or(b"");
            }
            (_, None) => return (bounded(out, most).0, End::Truncated),
        }
    }
    bounded(out, most)
}

/// Codes of growing width that name runs which came out before.
fn lzw(bytes: &[u8], most: usize) -> (Vec<u8>, End) {
    const CLEAR: usize = 256;
    const LAST: usize = 257;
    const FIRST: usize = 258;
    const CODES: usize = 4096;
    let mut out: Vec<u8> = Vec::new();
    let mut table: Vec<(usize, usize)> = Vec::new();
    let mut previous: Option<(usize, usize)> = None;
    let (mut bits, mut held, mut width) = (0_usize, 0_u32, 9_u32);
    for &byte in bytes {
        bits = (bits << 8) | usize::from(byte);
        held += 8;
        if held < width {
            continue;
        }
        held -= width;
        let code = bits >> held;
        bits &= (1 << held) - 1;
        if code == LAST {
            return (out, End::Whole);
        }
        if code == CLEAR {
            table.clear();
            (previous, width) = (None, 9);
            continue;
        }
        // A new run is the last one and the byte after it, which may be one that this code is about to give.
        if let Some((from, length)) = previous.filter(|_| table.len() < CODES - FIRST) {
            table.push((from, length + 1));
        }
        let start = out.len();
        if let Ok(byte) = u8::try_from(code) {
            out.push(byte);
        } else if let Some(&(from, length)) = table.get(code.saturating_sub(FIRST)) {
            for at in from..from.saturating_add(length) {
                let copied = out.get(at).copied().unwrap_or(0);
                out.push(copied);
            }
        } else {
            return (out, End::Truncated);
        }
        if out.len() > most {
            return bounded(out, most);
        }
        previous = Some((start, out.len() - start));
        // Codes grow one early, as all producers have it.
        width = match table.len() + FIRST + 1 {
            ..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
    }
    (out, End::Whole)
}

/// Undoes the row filters of PNG.
fn unpredict(bytes: &[u8], predictor: Predictor) -> Vec<u8> {
    let sample = predictor.colors.saturating_mul(predictor.bits);
    let row = predictor.columns.saturating_mul(sample).div_ceil(8).clamp(1, bytes.len().max(1));
    let back = sample.div_ceil(8).clamp(1, row);
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    for line in bytes.chunks(row.saturating_add(1)) {
        let Some((&kind, line)) = line.split_first() else { continue };
        let start = out.len();
        for (at, &byte) in line.iter().enumerate() {
            let before = |distance: usize| out.len().checked_sub(distance).and_then(|at| out.get(at)).copied();
            let left = before(back).filter(|_| at >= back).unwrap_or(0);
            let up = before(row).filter(|_| start >= row).unwrap_or(0);
            let corner = before(row.saturating_add(back)).filter(|_| at >= back && start >= row).unwrap_or(0);
            let guess = match kind {
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            out.push(byte.wrapping_add(guess));
        }
    }
    out
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |value: u8| (estimate - i16::from(value)).abs();
    if far(left) <= far(up) && far(left) <= far(corner) {
        left
    } else if far(up) <= far(corner) {
        up
    } else {
        corner
    }
}
