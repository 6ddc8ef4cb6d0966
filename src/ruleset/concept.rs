//! What sentences read as: words in groups and in pairs, weighted by how much more often they stand in sentences that ask
//! for something than in others. `scripts/train-concepts` learns the weights from examples.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::rule::RuleError;
use crate::ruleset::{Files, embedded};
use crate::text;

pub(crate) mod table;

use table::{group, hash, hash_of_beginning, pair};

/// Most words of a group.
const GROUP: usize = 3;
/// Words that follow a word, the common ones left out, with which it makes a pair.
const REACH: usize = 6;
/// Words that are read together, and by half of which a longer text is read on: about a sentence.
const WINDOW: usize = 60;
/// Letters of a word that are compared; what comes after them is its ending.
const STEM: usize = 5;
/// Words that make no pairs.
const COMMON: [&str; 21] = [
    "the", "a", "an", "of", "to", "in", "and", "or", "is", "are", "be", "for", "with", "it", "on", "at", "as", "by",
    "this", "that", "<n>",
];

/// Letters of Chinese and Korean that join words and stand in any sentence, as those of hiragana do.
const PARTICLES: &str =
    "的了是在和与或并会可以为有中时到对个这那也就都而及其不이을를은는의에도가로와과한하고다니지서으해시기";

/// Whether a word says nothing by standing near another.
fn is_common(word: &str) -> bool {
    let is_particle = |c: char| ('\u{3041}'..='\u{309f}').contains(&c) || PARTICLES.contains(c);
    COMMON.contains(&word) || word.chars().all(is_particle)
}

/// Named concepts, from `concepts/*.csv`: rows of a group (`words with spac*`) or a pair (`a & b`) and its weight in
/// hundredths; the row without words is what all others are added to.
#[derive(Default)]
pub struct Concepts(BTreeMap<String, Concept>);

/// One of them.
pub struct Concept {
    /// Its rows.
    table: Cow<'static, [u8]>,
}

/// How much a text reads as something: above nought it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The highest score of any part of it.
    pub score: f32,
    /// The words that say so most; nothing if it does not read so.
    pub words: String,
    /// How many words it has.
    pub length: usize,
}

/// A word of a text; addresses have no key, and part what stands around them.
struct Word<'t> {
    text: &'t str,
    key: Option<u64>,
    is_common: bool,
}

impl Concepts {
    pub(crate) fn parse(files: &Files<'_>, errors: &mut Vec<RuleError>) -> Self {
        let mut all = BTreeMap::new();
        for (file, text) in files {
            let Some(name) = file.strip_prefix("concepts/").and_then(|n| n.strip_suffix(".csv")) else { continue };
            let is_builtin = embedded::FILES.iter().any(|known| known == &(*file, *text));
            let made = embedded::CONCEPTS.iter().find(|(known, _)| is_builtin && known == file);
            let table = made.map(|&(_, table)| Cow::Borrowed(table)).or_else(|| table::make(text).map(Cow::Owned));
            if let Some(table) = table {
                all.insert(name.to_owned(), Concept { table });
            } else {
                let why = "a row is words, a comma and a weight in hundredths".to_owned();
                errors.push(RuleError::Body { file: (*file).to_owned(), why });
            }
        }
        Self(all)
    }

    /// The concept called `name`.
    pub fn get(&self, name: &str) -> Option<&Concept> {
        self.0.get(name)
    }
}

impl Concept {
    /// How much a text reads as this.
    pub fn read(&self, text: &str) -> Reading {
        let folded = text::folded(text);
        let words = words(&folded);
        let mut best: Option<(i32, String)> = None;
        let mut start = 0;
        loop {
            let window = words.get(start..words.len().min(start + WINDOW)).unwrap_or(&[]);
            let (score, heaviest) = self.window(window);
            if best.as_ref().is_none_or(|(most, _)| score > *most) {
                let telling = heaviest.filter(|_| score > 0);
                best = Some((score, telling.map_or_else(String::new, |found| found.shown(window))));
            }
            start += WINDOW / 2;
            if start + WINDOW / 2 >= words.len() {
                break;
            }
        }
        let (score, telling) = best.unwrap_or_default();
        Reading { score: score as f32 / 100.0, words: telling, length: words.len() }
    }
}

/// Words of a window that stand together, or two that stand near each other.
enum Found {
    Group(usize, usize),
    Pair(usize, usize),
}

impl Found {
    fn shown(&self, window: &[Word<'_>]) -> String {
        let text = |at: usize| window.get(at).map_or("", |word| word.text);
        match *self {
            Self::Group(at, length) => (at..at + length).map(text).collect::<Vec<_>>().join(" "),
            Self::Pair(first, second) => format!("{} … {}", text(first), text(second)),
        }
    }
}

impl Concept {
    /// The score of one window, each group and pair counted once, and the heaviest of them.
    fn window(&self, window: &[Word<'_>]) -> (i32, Option<Found>) {
        let mut seen: Vec<u64> = Vec::new();
        let (mut score, mut most, mut heaviest) = (table::bias(&self.table), 0, None);
        let mut weigh = |key: u64, found: Found| {
            let Some(weight) = table::weight(&self.table, key).filter(|_| !seen.contains(&key)) else { return };
            seen.push(key);
            score += i32::from(weight);
            // More words tell a reader more.
            let telling = i32::from(weight)
                * match found {
                    Found::Group(_, length) => length as i32,
                    Found::Pair(..) => 2,
                };
            if telling > most {
                (most, heaviest) = (telling, Some(found));
            }
        };
        for at in 0..window.len() {
            let mut key = 0;
            for (length, word) in (1..).zip(window.iter().skip(at).take(GROUP)) {
                let Some(own) = word.key else { break };
                key = group(key, own);
                weigh(key, Found::Group(at, length));
            }
        }
        let telling: Vec<(usize, &Word<'_>)> = window.iter().enumerate().filter(|(_, word)| !word.is_common).collect();
        for (index, (first, word)) in telling.iter().enumerate() {
            for (second, other) in telling.iter().skip(index + 1).take(REACH) {
                if let (Some(own), Some(others)) = (word.key, other.key) {
                    weigh(pair(own, others), Found::Pair(*first, *second));
                }
            }
        }
        (score, heaviest)
    }
}

impl<'t> Word<'t> {
    fn new(text: &'t str) -> Self {
        let end = text.char_indices().nth(STEM).map(|(at, _)| at).filter(|_| !text.starts_with('<'));
        let key = match end {
            Some(end) => hash_of_beginning(text.get(..end).unwrap_or(text)),
            None => hash(text),
        };
        Self { text, key: Some(key), is_common: is_common(text) }
    }

    fn address(text: &'t str) -> Self {
        Self { text, key: None, is_common: false }
    }
}

/// Words of folded text. A word is letters, with apostrophes between them; any number is `<n>`; where scripts have no
/// spaces, and in Korean, each character is one.
fn words(folded: &str) -> Vec<Word<'_>> {
    let mut all = Vec::new();
    for piece in folded.split_whitespace() {
        // Where a text leads is for other signals to tell.
        let is_mail = piece.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        if is_mail || piece.contains("://") {
            all.push(Word::address(piece));
            continue;
        }
        let mut start: Option<(usize, bool)> = None;
        for (at, c) in piece.char_indices().chain([(piece.len(), ' ')]) {
            let is_part = !stands_alone(c) && (c.is_alphanumeric() || (c == '\'' && start.is_some()));
            if let Some((from, is_number)) = start
                && (!is_part || (c != '\'' && is_number != c.is_numeric()))
            {
                let word = piece.get(from..at).unwrap_or("").trim_end_matches('\'');
                all.push(Word::new(if is_number { "<n>" } else { word }));
                start = None;
            }
            if stands_alone(c) {
                all.push(Word::new(piece.get(at..at + c.len_utf8()).unwrap_or("")));
            } else if is_part && start.is_none() {
                start = Some((at, c.is_numeric()));
            }
        }
    }
    all
}

/// Whether a character is a word of its own.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}
