//! What texts are compared as: letters that look alike and letters of either case are one.

use unicode_normalization::UnicodeNormalization;

/// Characters that are not ASCII, with their places; runs of ASCII cost next to nothing.
pub fn beyond_ascii(text: &str) -> impl Iterator<Item = (usize, char)> {
    const STEP: usize = 64;
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while bytes.get(at..at + STEP).is_some_and(<[u8]>::is_ascii) {
            at += STEP;
        }
        at += bytes.get(at..)?.iter().position(|byte| !byte.is_ascii())?;
        let found = text.get(at..)?.chars().next()?;
        let place = at;
        at += found.len_utf8();
        Some((place, found))
    })
}

/// Lower case, compatibility forms and Latin look-alikes folded, white space
/// collapsed: what phrase lists are compared with.
///
/// Returns the folded text and, for each of its bytes, the offset in `text`
/// that it came from (one more entry for the end).
pub fn fold(text: &str) -> (String, Vec<u32>) {
    let mut out = String::with_capacity(text.len());
    let mut from = Vec::with_capacity(text.len() + 1);
    let push = |out: &mut String, from: &mut Vec<u32>, c: char, at: usize| {
        let before = out.len();
        out.push(c);
        from.extend(std::iter::repeat_n(at as u32, out.len() - before));
    };
    let mut spaced = true;
    for (at, c) in text.char_indices() {
        if c.is_ascii() && !c.is_ascii_whitespace() {
            push(&mut out, &mut from, c.to_ascii_lowercase(), at);
            spaced = false;
        } else if c.is_whitespace() {
            if !spaced {
                push(&mut out, &mut from, ' ', at);
            }
            spaced = true;
        } else if is_ignorable(c) {
            // Invisible: a phrase must not escape by carrying one.
        } else {
            for folded in std::iter::once(c).nfkc().flat_map(char::to_lowercase) {
                push(&mut out, &mut from, latin(folded), at);
            }
            spaced = false;
        }
    }
    from.push(text.len() as u32);
    (out, from)
}

/// What [`fold`] makes of a text, without the way back.
pub fn folded(text: &str) -> String {
    if text.is_ascii() && !text.contains("  ") && text.trim() == text {
        return text.to_ascii_lowercase();
    }
    fold(text).0
}

/// Characters that render as nothing: zero width, joiners, selectors, tags, bidi controls.
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Latin letter that a Cyrillic, Greek or Armenian look-alike stands for, the plain sign that a printer's apostrophe or
/// quotation mark stands for, else the letter itself.
///
/// Only letters that are drawn alike; applied inside words that already hold
/// Latin text by the callers that care, and harmless to phrase lists in
/// Cyrillic because those are folded the same way.
pub(crate) fn latin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'е' | 'ε' => 'e',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'с' => 'c',
        'у' => 'y',
        'х' => 'x',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'ѕ' => 's',
        'һ' => 'h',
        'ԁ' => 'd',
        'ո' => 'n',
        'ν' => 'v',
        '’' | '‘' | 'ʼ' => '\'',
        '“' | '”' | '„' => '"',
        other => other,
    }
}
