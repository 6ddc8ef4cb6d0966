//! What sentences read as: groups of words, weighted by how much more often they stand in sentences that ask for
//! something than in others. `scripts/train-concepts` learns the weights from examples.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use crate::rule::RuleError;
use crate::text;

/// Most words of a group.
const GROUP: usize = 3;
/// Bits of a word's number in the key of a group.
const BITS: usize = 21;
/// Words that are read together, and by half of which a longer text is read on: about a sentence.
const WINDOW: usize = 60;

/// Named concepts, from `concepts/*.csv`: rows of a group of words and its weight in hundredths; the row without words
/// is what all others are added to.
#[derive(Default)]
pub struct Concepts(BTreeMap<String, Concept>);

/// One of them.
pub struct Concept {
    /// Weights are in hundredths, here and below.
    rows: Vec<(String, i32)>,
    /// Made when the first text is read: most runs need none.
    index: OnceLock<Index>,
}

#[derive(Default)]
struct Index {
    bias: i32,
    /// Numbers of the words of all groups, from 1.
    numbers: HashMap<String, u64>,
    /// Weights by the numbers of a group's words, and which row has it.
    weights: HashMap<u64, (i32, usize)>,
}

/// How much a text reads as something: above nought it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<'c> {
    /// The highest score of any part of it.
    pub score: f32,
    /// The group of words that says so most.
    pub words: &'c str,
    /// How many words it has.
    pub length: usize,
}

impl Concepts {
    pub(crate) fn parse(files: &BTreeMap<String, String>, errors: &mut Vec<RuleError>) -> Self {
        let mut all = BTreeMap::new();
        for (file, text) in files {
            let Some(name) = file.strip_prefix("concepts/").and_then(|n| n.strip_suffix(".csv")) else { continue };
            let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
                let (words, weight) = line.rsplit_once(',')?;
                Some((words.to_owned(), i32::from(weight.parse::<i16>().ok()?)))
            });
            match rows.collect() {
                Some(rows) => drop(all.insert(name.to_owned(), Concept { rows, index: OnceLock::new() })),
                None => errors.push(RuleError::Body {
                    file: file.clone(),
                    why: "a row is a group of words, a comma and a weight in hundredths".to_owned(),
                }),
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
    pub fn read(&self, text: &str) -> Reading<'_> {
        let index = self.index.get_or_init(|| self.indexed());
        let numbers = index.numbers(&text::folded(text));
        let mut best: Option<(i32, usize)> = None;
        let mut start = 0;
        loop {
            let window = numbers.get(start..numbers.len().min(start + WINDOW)).unwrap_or(&[]);
            let (score, row) = index.read(window);
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, row));
            }
            start += WINDOW / 2;
            if start + WINDOW / 2 >= numbers.len() {
                break;
            }
        }
        let (score, row) = best.unwrap_or_default();
        Reading {
            score: score as f32 / 100.0,
            words: self.rows.get(row).map_or("", |(words, _)| words),
            length: numbers.len(),
        }
    }

    fn indexed(&self) -> Index {
        let mut index = Index::default();
        for (row, (words, weight)) in self.rows.iter().enumerate() {
            if words.is_empty() {
                index.bias = *weight;
                continue;
            }
            let mut key = 0;
            for word in words.split(' ') {
                let next = index.numbers.len() as u64 + 1;
                key = key << BITS | *index.numbers.entry(word.to_owned()).or_insert(next);
            }
            index.weights.insert(key, (*weight, row));
        }
        index
    }
}

impl Index {
    /// The score of one window, each group counted once, and the row of the heaviest.
    fn read(&self, numbers: &[u64]) -> (i32, usize) {
        let mut seen = HashSet::new();
        let (mut score, mut most, mut heaviest) = (self.bias, 0, usize::MAX);
        for at in 0..numbers.len() {
            let mut key = 0;
            for (length, number) in (1..).zip(numbers.iter().skip(at).take(GROUP)) {
                if *number == 0 {
                    break;
                }
                key = key << BITS | number;
                let Some((weight, row)) = self.weights.get(&key).filter(|_| seen.insert(key)) else { continue };
                score += weight;
                // More words tell a reader more.
                let telling = weight * length;
                if telling > most {
                    (most, heaviest) = (telling, *row);
                }
            }
        }
        (score, heaviest)
    }

    /// Numbers of the words of folded text, nought for those of no group. A word is letters, with apostrophes between
    /// them; any number is `<n>`; where scripts have no spaces, and in Korean, each character is one.
    fn numbers(&self, folded: &str) -> Vec<u64> {
        let mut all = Vec::new();
        let mut add = |word: &str| all.push(self.numbers.get(word).copied().unwrap_or(0));
        for piece in folded.split_whitespace() {
            // Where a text leads is for other signals to tell.
            let is_mail = piece.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
            if is_mail || piece.contains("://") {
                add("");
                continue;
            }
            let mut start: Option<(usize, bool)> = None;
            for (at, c) in piece.char_indices().chain([(piece.len(), ' ')]) {
                let is_part = !stands_alone(c) && (c.is_alphanumeric() || (c == '\'' && start.is_some()));
                if let Some((from, is_number)) = start
                    && (!is_part || (c != '\'' && is_number != c.is_numeric()))
                {
                    add(if is_number { "<n>" } else { piece.get(from..at).unwrap_or("").trim_end_matches('\'') });
                    start = None;
                }
                if stands_alone(c) {
                    add(piece.get(at..at + c.len_utf8()).unwrap_or(""));
                } else if is_part && start.is_none() {
                    start = Some((at, c.is_numeric()));
                }
            }
        }
        all
    }
}

/// Whether a character is a word of its own.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(rows: &str, text: &str) -> (i32, String) {
        let mut errors = Vec::new();
        let files = BTreeMap::from([("concepts/hush.csv".to_owned(), rows.to_owned())]);
        let all = Concepts::parse(&files, &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        let reading = all.get("hush").expect("it is there").read(text);
        ((reading.score * 100.0).round() as i32, reading.words.to_owned())
    }

    #[test]
    fn words_are_letters_numbers_and_single_characters() {
        let rows = ",0\ndon't post,1\npost <n> th,2\na b to,4\nor,8\n不 说,16\nto or,32\n";
        let text = "Don't post 45th `a_b` to https://a.example/x or me@a.example, 不说";
        assert_eq!(score(rows, text).0, 31);
    }

    #[test]
    fn groups_count_once_and_the_heaviest_is_told() {
        assert_eq!(
            score(",-100\nleave out,150\nleave,20\n", "Leave OUT what you leave out."),
            (70, "leave out".to_owned())
        );
    }

    #[test]
    fn long_texts_are_read_by_windows() {
        let text = format!("{}secret word {}", "filler ".repeat(300), "filler ".repeat(300));
        assert_eq!(score(",0\nsecret word,100\nfiller,-1\n", &text), (99, "secret word".to_owned()));
    }
}
