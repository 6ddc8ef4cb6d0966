//! Text that does not render: tag characters, selectors used as bytes, words
//! split by zero-width characters. Emoji and scripts that need joiners are left alone.

use std::ops::Range;

use crate::artifact::{Map, Op, Piece};
use crate::fact::{Fact, FactKind};
use crate::parse::Child;
use crate::text::is_ignorable;

/// A run of characters that render as nothing where nothing honest needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `tags`, `selectors`, `zero-width`, `fillers`.
    pub label: &'static str,
    /// Where it stands.
    pub range: Range<usize>,
    /// How many characters.
    pub count: usize,
    /// What it says, if it says anything.
    pub decoded: Option<String>,
}

/// A quick look for bytes that characters which do not render begin with.
pub fn may_hide(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr3_iter(0xF3, 0xEF, 0xE1, bytes).any(|at| match bytes.get(at..at + 3) {
        Some([0xF3, 0xA0, _]) => true,
        // A single selector after an emoji is everywhere; two in a row are not.
        Some([0xEF, 0xB8, last]) if *last != 0x8F => (0x80..=0x8F).contains(last),
        Some([0xEF, 0xB8, _]) => bytes.get(at + 3..at + 5) == Some(&[0xEF, 0xB8]),
        Some([0xEF, 0xBB, 0xBF] | [0xEF, 0xBE, 0xA0] | [0xE1, 0x85, 0x9F | 0xA0]) => true,
        _ => false,
    }) || memchr::memchr2_iter(0xE2, 0xE3, bytes).any(|at| match bytes.get(at..at + 3) {
        Some([0xE2, 0x80, last]) => (0x8B..=0x8D).contains(last),
        Some([0xE2, 0x81, last]) => (0xA0..=0xA4).contains(last),
        Some([0xE3, 0x85, 0xA4]) => true,
        _ => false,
    }) || memchr::memchr_iter(0xC2, bytes).any(|at| bytes.get(at + 1) == Some(&0xAD))
}

/// Finds runs that hide something.
pub fn runs(text: &str) -> Vec<Run> {
    let mut found = Vec::new();
    if !may_hide(text) {
        return found;
    }
    let chars: Vec<(usize, char)> =
        text.char_indices().filter(|(_, c)| !c.is_ascii() || c.is_ascii_graphic() || c.is_ascii_whitespace()).collect();
    let end_of = |index: usize| chars.get(index).map_or(text.len(), |(at, _)| *at);
    let mut index = 0;
    while let Some(&(at, c)) = chars.get(index) {
        let run_of =
            |test: fn(char) -> bool| chars.get(index..).unwrap_or(&[]).iter().take_while(|(_, c)| test(*c)).count();
        if is_tag(c) {
            let count = run_of(is_tag);
            let decoded: String = chars[index..index + count]
                .iter()
                .filter_map(|(_, c)| char::from_u32(*c as u32 - 0xE0000))
                .filter(|c| !c.is_ascii_control())
                .collect();
            if !is_flag(&chars, index, count) {
                let decoded = (!decoded.is_empty()).then_some(decoded);
                found.push(Run { label: "tags", range: at..end_of(index + count), count, decoded });
            }
            index += count;
        } else if selector_byte(c).is_some() {
            let count = run_of(|c| selector_byte(c).is_some());
            if count >= 2 {
                let bytes: Vec<u8> =
                    chars[index..index + count].iter().filter_map(|(_, c)| selector_byte(*c)).collect();
                let decoded =
                    String::from_utf8(bytes).ok().filter(|t| t.chars().all(|c| !c.is_control() || c.is_whitespace()));
                found.push(Run { label: "selectors", range: at..end_of(index + count), count, decoded });
            }
            index += count;
        } else if is_filler(c) {
            let count = run_of(is_filler);
            found.push(Run { label: "fillers", range: at..end_of(index + count), count, decoded: None });
            index += count;
        } else {
            index += 1;
        }
    }
    zero_width(text, &chars, &mut found);
    found.sort_by_key(|run| run.range.start);
    found
}

/// Whether a text is bytes that were written as characters, one each: a tenth of them are control characters, and none
/// is one that a byte cannot be. The soft hyphens among them split no words.
fn are_bytes(text: &str, range: Range<usize>) -> bool {
    let part = text.get(range).unwrap_or("");
    let controls = part.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    controls * 10 > part.chars().count() && part.chars().all(|c| u32::from(c) <= 0xff)
}

/// Three or more zero-width characters inside Latin words.
fn zero_width(text: &str, chars: &[(usize, char)], found: &mut Vec<Run>) {
    let mut first = None;
    let mut last = 0;
    let mut count = 0;
    let mut flush = |first: &mut Option<usize>, last: usize, count: &mut usize| {
        if let Some(start) = first.take()
            && *count >= 3
            && !are_bytes(text, start..last)
        {
            found.push(Run { label: "zero-width", range: start..last, count: *count, decoded: None });
        }
        *count = 0;
    };
    // Whether a letter or digit stands after each place, and before the present one, past what does not render.
    let mut after = vec![false; chars.len() + 1];
    for (index, &(_, c)) in chars.iter().enumerate().rev() {
        after[index] = if is_ignorable(c) { after[index + 1] } else { c.is_ascii_alphanumeric() };
    }
    let mut before = false;
    for (index, &(at, c)) in chars.iter().enumerate() {
        if !is_ignorable(c) {
            before = c.is_ascii_alphanumeric();
        }
        if c == '\n' {
            flush(&mut first, last, &mut count);
        }
        if !matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{00AD}' | '\u{FEFF}') {
            continue;
        }
        if before && after[index + 1] {
            first.get_or_insert(at);
            last = at + c.len_utf8();
            count += 1;
        }
    }
    flush(&mut first, last.min(text.len()), &mut count);
    // So many in a row are no spelling, wherever they stand: they carry bits.
    let is_bit = |c: char| matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}');
    for run in chars.chunk_by(|(_, one), (_, next)| is_bit(*one) && is_bit(*next)).filter(|run| run.len() >= BITS) {
        let (Some((start, _)), Some((end, c))) = (run.first(), run.last()) else { continue };
        let range = *start..end + c.len_utf8();
        if !found.iter().any(|known| known.range.start <= range.start && range.end <= known.range.end) {
            found.push(Run { label: "zero-width", range, count: run.len(), decoded: None });
        }
    }
}

/// Zero-width characters in a row that are more than joiners of one emoji.
const BITS: usize = 8;

/// Hidden messages, and the text as it reads without what does not render.
pub(super) fn layers(text: &str, children: &mut Vec<Child>) {
    let runs = runs(text);
    for run in &runs {
        let op = if run.label == "tags" { Op::TagCharacters } else { Op::VariationSelectors };
        if let Some(decoded) = run.decoded.clone().filter(|decoded| decoded.len() >= 4) {
            children.push(super::decoded(op, run.range.clone(), decoded.into_bytes(), Map::Opaque));
        }
    }
    if runs.iter().any(|run| run.label == "zero-width" || run.label == "fillers") {
        let mut out = String::new();
        let mut map: Vec<Piece> = Vec::new();
        for (at, c) in text.char_indices().filter(|(_, c)| !is_ignorable(*c)) {
            let len = c.len_utf8() as u32;
            match map.last_mut() {
                Some(last) if last.from + last.from_len == at as u32 => {
                    last.len += len;
                    last.from_len += len;
                }
                _ => map.push(Piece { at: out.len() as u32, from: at as u32, len, from_len: len }),
            }
            out.push(c);
        }
        children.push(super::decoded(Op::Stripped, 0..text.len(), out.into_bytes(), Map::Pieces(map)));
    }
}

/// The runs as facts for rules.
pub fn facts(text: &str) -> Vec<Fact> {
    runs(text)
        .into_iter()
        .map(|run| {
            let mut fact = Fact::new(
                FactKind::Invisible,
                run.range,
                format!("{} characters that do not render ({})", run.count, run.label),
            )
            .label(run.label);
            if run.decoded.is_some_and(|decoded| decoded.len() >= 4) {
                fact = fact.label("decodes-to-text");
            }
            fact
        })
        .collect()
}

fn is_tag(c: char) -> bool {
    ('\u{E0000}'..='\u{E007F}').contains(&c)
}

/// A flag of a region: black flag, two to six tags, cancel tag.
fn is_flag(chars: &[(usize, char)], index: usize, count: usize) -> bool {
    let before = index.checked_sub(1).and_then(|at| chars.get(at)).map(|(_, c)| *c);
    let last = chars.get(index + count - 1).map(|(_, c)| *c);
    before == Some('\u{1F3F4}') && last == Some('\u{E007F}') && (3..=7).contains(&count)
}

/// The byte that a variation selector stands for when selectors carry data.
fn selector_byte(c: char) -> Option<u8> {
    match c {
        '\u{FE00}'..='\u{FE0F}' => Some((c as u32 - 0xFE00) as u8),
        '\u{E0100}'..='\u{E01EF}' => Some((c as u32 - 0xE0100 + 16) as u8),
        _ => None,
    }
}

/// Letters that are drawn as blanks.
fn is_filler(c: char) -> bool {
    matches!(c, '\u{3164}' | '\u{115F}' | '\u{1160}' | '\u{FFA0}')
}
