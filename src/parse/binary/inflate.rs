//! Deflate with a bound on what comes out, and without an opinion on what was
//! cut off: whatever could be read is given.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, ZlibDecoder};

/// How a compressed stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Whole,
    /// The input ends or breaks before it does.
    Truncated,
    /// More would come out than was asked for.
    TooLong,
}

/// What came out of a compressed stream.
pub struct Inflated {
    /// Everything up to the end or the bound.
    pub bytes: Vec<u8>,
    /// How much of the input was read.
    pub used: usize,
    /// How it ended.
    pub end: End,
}

/// Inflates a zlib stream to at most `most` bytes.
pub fn zlib(input: &[u8], most: usize) -> Inflated {
    let mut decoder = ZlibDecoder::new(input);
    let (bytes, end) = read(&mut decoder, most);
    Inflated { bytes, used: decoder.total_in() as usize, end }
}

/// Inflates a raw deflate stream to at most `most` bytes.
pub fn deflate(input: &[u8], most: usize) -> Inflated {
    let mut decoder = DeflateDecoder::new(input);
    let (bytes, end) = read(&mut decoder, most);
    Inflated { bytes, used: decoder.total_in() as usize, end }
}

/// Reads to the end, to the first error, or to one byte more than `most`.
pub(crate) fn read(source: &mut dyn Read, most: usize) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    // Decoders give what they have before they fail.
    let result = source.take(most as u64 + 1).read_to_end(&mut bytes);
    let end = match result {
        _ if bytes.len() > most => End::TooLong,
        Ok(_) => End::Whole,
        Err(_) => End::Truncated,
    };
    bytes.truncate(most);
    (bytes, end)
}
