//! What passages read as: words in groups, weighted by how much more often they stand in passages that ask for something
//! than in others. `scripts/train-concepts` learns the weights from examples.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::rule::RuleError;
use crate::ruleset::{Files, embedded};
use crate::text;

pub(crate) mod table;

use table::{group, hash, hash_of_beginning};

/// Most words of a group.
const GROUP: usize = 3;
/// Letters of a word that are compared; what comes after them is its ending.
const STEM: usize = 5;
/// Bytes of a word that says little to a reader.
const SHORT: usize = 3;
/// Words of a passage at least, as far as its length counts: few words tell little.
const FEWEST: usize = 49;

/// Named concepts, from `concepts/*.csv`: rows of a group (`words with spac*`) and its weight in hundredths; the row
/// without words is the score of a passage that has none of them.
#[derive(Default)]
pub struct Concepts(BTreeMap<String, Concept>);

/// One of them.
pub struct Concept {
    /// Its rows.
    table: Cow<'static, [u8]>,
}

/// What tells in a sentence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// How many words it has.
    pub length: usize,
    /// Its groups of words that have a weight, once each.
    groups: Vec<(u64, i16)>,
}

impl Reading {
    /// The sum of its weights, in hundredths.
    pub fn weight(&self) -> i32 {
        self.groups.iter().map(|(_, weight)| i32::from(*weight)).sum()
    }
}

/// Sentences that are read together, as they come and go.
pub struct Passage<'c> {
    concept: &'c Concept,
    /// In how many of the sentences a group is.
    groups: HashMap<u64, u32>,
    weight: i32,
    length: usize,
}

/// A word of a text; addresses have no key, and part what stands around them.
struct Word<'t> {
    text: &'t str,
    key: Option<u64>,
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
    /// What of a sentence tells.
    pub fn read(&self, sentence: &str) -> Reading {
        let folded = text::folded(sentence);
        let words = words(&folded);
        let mut groups: Vec<_> = self.groups(&words).map(|(_, key, weight)| (key, weight)).collect();
        groups.sort_unstable();
        groups.dedup();
        Reading { length: words.len(), groups }
    }

    /// The words of a sentence that say most that it reads as this; those that tell a reader more, longer ones and several,
    /// rather than others. Nothing if none do.
    pub fn telling(&self, sentence: &str) -> String {
        let folded = text::folded(sentence);
        let words = words(&folded);
        let telling = self.groups(&words).filter(|(_, _, weight)| *weight > 0);
        let is_long = |group: &[Word<'_>]| group.iter().any(|word| word.text.len() > SHORT);
        let most = telling.max_by_key(|(group, _, weight)| (is_long(group), group.len() > 1, *weight));
        most.map_or_else(String::new, |(group, ..)| group.iter().map(|word| word.text).collect::<Vec<_>>().join(" "))
    }

    /// Sentences to be read together, none so far.
    pub fn passage(&self) -> Passage<'_> {
        Passage { concept: self, groups: HashMap::new(), weight: 0, length: 0 }
    }

    /// Groups of words that stand together and have a weight.
    fn groups<'w, 't>(&self, words: &'w [Word<'t>]) -> impl Iterator<Item = (&'w [Word<'t>], u64, i16)> {
        (0..words.len()).flat_map(move |at| {
            let mut key = Some(0);
            (1..=GROUP).filter_map(move |length| {
                let found = words.get(at..at + length)?;
                key = key.zip(found.last()?.key).map(|(before, own)| group(before, own));
                Some((found, key?, table::weight(&self.table, key?)?))
            })
        })
    }
}

impl Passage<'_> {
    /// Reads a sentence more.
    pub fn add(&mut self, reading: &Reading) {
        self.length += reading.length;
        for (key, weight) in &reading.groups {
            let count = self.groups.entry(*key).or_default();
            self.weight += if *count == 0 { i32::from(*weight) } else { 0 };
            *count += 1;
        }
    }

    /// Takes a sentence out that was added.
    pub fn remove(&mut self, reading: &Reading) {
        self.length -= reading.length;
        for (key, weight) in &reading.groups {
            let Some(count) = self.groups.get_mut(key) else { continue };
            *count -= 1;
            if *count == 0 {
                self.groups.remove(key);
                self.weight -= i32::from(*weight);
            }
        }
    }

    /// How much the sentences read as the concept: what their groups weigh for how long they are. Above nought they rather
    /// do than not.
    pub fn score(&self) -> f32 {
        let length = self.length.max(FEWEST) as f32;
        (table::bias(&self.concept.table) as f32 + self.weight as f32 / length.sqrt()) / 100.0
    }
}

impl<'t> Word<'t> {
    fn new(text: &'t str) -> Self {
        let end = text.char_indices().nth(STEM).map(|(at, _)| at).filter(|_| !text.starts_with('<'));
        let key = match end {
            Some(end) => hash_of_beginning(text.get(..end).unwrap_or(text)),
            None => hash(text),
        };
        Self { text, key: Some(key) }
    }

    fn address(text: &'t str) -> Self {
        Self { text, key: None }
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
