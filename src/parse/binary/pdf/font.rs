//! Character maps of fonts: which text the codes in a content stream stand
//! for. Refuses maps of one code to long texts.

use super::lex::{self, Lexer, Token};

/// UTF-16 units that one code may stand for; ligatures need four.
const UNITS: usize = 16;

/// The text of codes, as `ToUnicode` has it.
#[derive(Debug)]
pub(super) struct CharacterMap {
    /// Bytes of a code.
    width: usize,
    /// Bytes of the longest code that has a text, for maps that do not say how long codes are.
    longest: usize,
    /// Sorted by the first code.
    ranges: Vec<Codes>,
}

/// Codes from `low` to `high`: the first stands for `text`, the next for what follows its last character.
#[derive(Debug)]
struct Codes {
    low: u32,
    high: u32,
    text: String,
}

/// What the strings in a map mean where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Space,
    Chars,
    Ranges,
}

impl CharacterMap {
    /// Reads a decoded map.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut map = Self { width: 0, longest: 0, ranges: Vec::new() };
        let mut lexer = Lexer::new(bytes, 0);
        let mut section = Section::None;
        let mut held: Vec<Vec<u8>> = Vec::new();
        let mut in_list = false;
        while let Some((_, token)) = lexer.next() {
            match &token {
                Token::Word(b"begincodespacerange") => (section, in_list) = (Section::Space, false),
                Token::Word(b"beginbfchar") => (section, in_list) = (Section::Chars, false),
                Token::Word(b"beginbfrange") => (section, in_list) = (Section::Ranges, false),
                Token::Word(_) => section = Section::None,
                Token::ListOpen => in_list = true,
                Token::ListClose => {
                    in_list = false;
                    held.clear();
                }
                Token::Hex(_) if section != Section::None => {
                    held.push(lex::string(bytes, &token).unwrap_or_default());
                    map.take(section, in_list, &mut held);
                    continue;
                }
                _ => {}
            }
            if section == Section::None || matches!(token, Token::Word(_)) {
                held.clear();
            }
        }
        map.ranges.sort_by_key(|codes| codes.low);
        let width = if map.width == 0 { map.longest } else { map.width };
        map.width = width.clamp(1, 4);
        map
    }

    fn take(&mut self, section: Section, in_list: bool, held: &mut Vec<Vec<u8>>) {
        if let (Section::Chars | Section::Ranges, [code]) = (section, held.as_slice()) {
            self.longest = self.longest.max(code.len());
            return;
        }
        match (section, in_list, held.as_slice()) {
            (Section::Space, _, [_, high]) => self.width = self.width.max(high.len()),
            (Section::Chars, _, [code, to]) => {
                let code = number(code);
                self.ranges.push(Codes { low: code, high: code, text: utf16(to) });
            }
            (Section::Ranges, false, [low, high, to]) => {
                self.ranges.push(Codes { low: number(low), high: number(high), text: utf16(to) });
            }
            (Section::Ranges, true, [low, high, to]) => {
                // Each string of a list is for one code; the next one is for the code after it.
                let code = number(low);
                self.ranges.push(Codes { low: code, high: code, text: utf16(to) });
                let next = code.saturating_add(1).to_be_bytes().to_vec();
                *held = vec![next, high.clone()];
                return;
            }
            _ => return,
        }
        held.clear();
    }

    /// Adds the text of a string, until there are more than `most` bytes.
    pub(super) fn show(&self, string: &[u8], most: usize, out: &mut String) {
        for code in string.chunks(self.width) {
            if out.len() > most {
                return;
            }
            let code = number(code);
            let end = self.ranges.partition_point(|codes| codes.low <= code);
            let codes = end.checked_sub(1).and_then(|at| self.ranges.get(at)).filter(|codes| code <= codes.high);
            match codes {
                Some(codes) => codes.show(code, out),
                None if self.width == 1 => out.extend(u8::try_from(code).ok().filter(u8::is_ascii).map(char::from)),
                None => {}
            }
        }
    }
}

impl Codes {
    fn show(&self, code: u32, out: &mut String) {
        let mut chars = self.text.chars();
        let Some(last) = chars.next_back() else { return };
        out.push_str(chars.as_str());
        out.extend((last as u32).checked_add(code.saturating_sub(self.low)).and_then(char::from_u32));
    }
}

/// The last four bytes as a number.
fn number(code: &[u8]) -> u32 {
    code.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    if let [single] = bytes {
        return char::from(*single).to_string();
    }
    let units = bytes.chunks_exact(2).take(UNITS).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    });
    char::decode_utf16(units).filter_map(Result::ok).collect()
}
