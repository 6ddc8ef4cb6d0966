//! Text that a content stream shows, in the order in which it is drawn: lines
//! where the pen moves down, spaces where it moves on. Refuses to measure
//! glyphs; what is drawn with the pen instead of letters is not read.

use std::rc::Rc;

use super::font::CharacterMap;
use super::lex::{self, Lexer, Token};

/// Numbers before an operator; a matrix has six.
const OPERANDS: usize = 6;

/// Kerning in thousandths that is as wide as a space.
const SPACE: f64 = -180.0;

/// What goes on from one content stream of a page to the next.
#[derive(Default)]
pub(super) struct Pen {
    font: Option<Rc<CharacterMap>>,
    size: f64,
    leading: f64,
    /// Width and height of a unit.
    scale: (f64, f64),
    /// Where the line starts.
    at: (f64, f64),
    /// Where the line of the last text started.
    last: Option<(f64, f64)>,
    /// Characters since the pen moved.
    drawn: usize,
    /// The next text is on another line, wherever that is.
    breaks: bool,
}

/// Finds a character map by the name of its font.
pub(super) type Fonts<'f> = dyn FnMut(&[u8]) -> Option<Rc<CharacterMap>> + 'f;

/// Whether a stream draws text at all; most that do not are pictures and fonts.
pub(super) fn has_text(bytes: &[u8]) -> bool {
    let mut quotes = memchr::memchr2_iter(b'\'', b'"', bytes);
    memchr::memmem::find(bytes, b"Tj").is_some()
        || memchr::memmem::find(bytes, b"TJ").is_some()
        || (memchr::memmem::find(bytes, b"BT").is_some() && quotes.next().is_some())
}

/// The text of a stream, `most` bytes of it at most.
pub(super) fn text(bytes: &[u8], pen: &mut Pen, fonts: &mut Fonts<'_>, most: usize) -> String {
    let mut out = String::new();
    let mut lexer = Lexer::new(bytes, 0);
    let mut numbers: Vec<f64> = Vec::new();
    let mut name: Vec<u8> = Vec::new();
    let mut shown = String::new();
    let mut in_list = false;
    let mut has_pictures = true;
    while let Some((_, token)) = lexer.next() {
        match &token {
            Token::Number(number) if in_list => {
                if *number < SPACE && !shown.is_empty() && !shown.ends_with(' ') {
                    shown.push(' ');
                }
            }
            Token::Number(number) => {
                if numbers.len() == OPERANDS {
                    numbers.remove(0);
                }
                numbers.push(*number);
            }
            Token::Name(font) => name = font.to_vec(),
            Token::Literal(_) | Token::Hex(_) => {
                let string = lex::string(bytes, &token).unwrap_or_default();
                pen.letters(&string, most, &mut shown);
            }
            Token::ListOpen => in_list = true,
            Token::ListClose => in_list = false,
            Token::Word(operator) => {
                match *operator {
                    b"Tf" => {
                        pen.font = fonts(&name);
                        pen.size = numbers.last().copied().unwrap_or(0.0);
                    }
                    b"ID" if has_pictures => has_pictures = skip_picture(bytes, &mut lexer),
                    operator => pen.operate(operator, &numbers, &shown, &mut out),
                }
                numbers.clear();
                shown.clear();
                in_list = false;
            }
            Token::DictOpen | Token::DictClose | Token::Stray => {}
        }
        if out.len() > most {
            break;
        }
    }
    out
}

/// Passes over the bytes of a picture that stands in the stream itself; `false` if none ends from here on.
fn skip_picture(bytes: &[u8], lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at();
    let rest = bytes.get(start..).unwrap_or(b"");
    let is_end = |at: &usize| {
        let before = at.checked_sub(1).and_then(|at| rest.get(at)).is_none_or(|byte| lex::is_blank(*byte));
        before && rest.get(at.saturating_add(2)).is_none_or(|byte| lex::is_blank(*byte))
    };
    // Without an end it is no picture, and what follows is read as it stands.
    let Some(end) = memchr::memmem::find_iter(rest, b"EI").find(is_end) else { return false };
    lexer.skip_to(start.saturating_add(end).saturating_add(2));
    true
}

impl Pen {
    fn operate(&mut self, operator: &[u8], numbers: &[f64], shown: &str, out: &mut String) {
        match (operator, numbers) {
            (b"Tj" | b"TJ", _) => self.show(shown, out),
            (b"'" | b"\"", _) => {
                self.breaks = true;
                self.show(shown, out);
            }
            (b"Td", [.., x, y]) => self.go(*x, *y),
            (b"TD", [.., x, y]) => {
                self.leading = -y;
                self.go(*x, *y);
            }
            (b"Tm", [a, b, c, d, x, y]) => {
                self.scale = (if *a == 0.0 { *b } else { *a }, if *d == 0.0 { *c } else { *d });
                self.at = (*x, *y);
            }
            (b"T*", _) => {
                self.breaks = true;
                self.go(0.0, -self.leading);
            }
            (b"TL", [.., leading]) => self.leading = *leading,
            (b"BT", _) => {
                self.scale = (1.0, 1.0);
                self.at = (0.0, 0.0);
            }
            // Everything after it is drawn somewhere else.
            (b"cm", _) => self.breaks = true,
            _ => {}
        }
    }

    fn go(&mut self, x: f64, y: f64) {
        self.at = (x.mul_add(self.scale.0, self.at.0), y.mul_add(self.scale.1, self.at.1));
    }

    fn show(&mut self, text: &str, out: &mut String) {
        if text.is_empty() {
            return;
        }
        if self.last != Some(self.at) || self.breaks {
            let is_apart = out.is_empty() || out.ends_with(char::is_whitespace);
            out.extend(self.gap().filter(|_| !is_apart));
            self.drawn = 0;
        }
        self.last = Some(self.at);
        self.breaks = false;
        self.drawn = self.drawn.saturating_add(text.chars().count());
        out.push_str(text);
    }

    /// What stands between the last text and the next.
    fn gap(&self) -> Option<char> {
        let (x, y) = self.last?;
        let unit = (self.size * self.scale.0).abs();
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let (across, down) = (self.at.0 - x, (self.at.1 - y).abs());
        if self.breaks || down > unit * 0.3 {
            return Some('\n');
        }
        // Some producers place each letter by itself; nearly all letters are narrower than they are high.
        let is_next_letter = self.drawn <= 1 && across >= 0.0 && across < unit * 0.95;
        (!is_next_letter).then_some(' ')
    }

    /// The text of a string in the current font.
    fn letters(&self, string: &[u8], most: usize, out: &mut String) {
        if let Some(font) = &self.font {
            font.show(string, most, out);
            return;
        }
        // Two bytes a letter, and no map: the high one says nothing.
        let is_wide = string.len() > 1 && string.iter().step_by(2).all(|byte| *byte == 0);
        let narrow: Vec<u8> = if is_wide { string.iter().skip(1).step_by(2).copied().collect() } else { Vec::new() };
        let string = if is_wide { narrow.as_slice() } else { string };
        let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(string);
        out.extend(text.chars().filter(|c| !c.is_control() || c.is_whitespace()));
    }
}
