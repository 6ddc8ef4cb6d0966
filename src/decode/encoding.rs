//! Text that is not UTF-8, read as its author meant it. Who reads it as UTF-8
//! sees something else, so both readings are scanned.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// Bytes that are looked at to guess an encoding.
const SAMPLE: usize = 64 * 1024;

/// The text and the name of its encoding; `None` for UTF-8 and for what is no text.
pub fn transcoded(bytes: &[u8]) -> Option<(String, &'static str)> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes).filter(|(encoding, _)| *encoding != encoding_rs::UTF_8) {
        let (text, _) = encoding.decode_without_bom_handling(bytes.get(length..)?);
        return Some((text.into_owned(), encoding.name()));
    }
    if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) {
        return None;
    }
    let sample = bytes.get(..bytes.len().min(SAMPLE))?;
    if let Some(encoding) = utf16_without_mark(sample) {
        let (text, _) = encoding.decode_without_bom_handling(bytes);
        return Some((text.into_owned(), encoding.name()));
    }
    let controls = sample.iter().filter(|b| b.is_ascii_control() && !b.is_ascii_whitespace()).count();
    if sample.contains(&0) || controls * 50 > sample.len() {
        return None;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(sample, sample.len() == bytes.len());
    let encoding = detector.guess(None, chardetng::Utf8Detection::Deny);
    let (text, _, had_errors) = encoding.decode(bytes);
    (!had_errors).then(|| (text.into_owned(), encoding.name()))
}

/// UTF-16 of mostly Latin text shows by the zero in every other byte.
fn utf16_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = sample.len() / 2;
    let zeros = |first: usize| sample.iter().skip(first).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    if pairs < 4 {
        None
    } else if odd * 10 >= pairs * 7 && even * 20 <= pairs {
        Some(UTF_16LE)
    } else if even * 10 >= pairs * 7 && odd * 20 <= pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}
