//! Which of many literals stand in a text, in one pass over its words: two
//! words of a literal that stand together, or letters of it in scripts other
//! than Latin, are looked up, and only then is the literal compared. Costs next
//! to nothing to build, unlike an automaton.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::text;

/// Whose literal it is.
pub(crate) type Owner = u32;

/// Literals, found by their words.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Index {
    /// All literals one after the other: there are tens of thousands, and every start reads them.
    texts: String,
    parts: Vec<Part>,
    /// Keys of the anchors of parts, sorted.
    anchors: Vec<Anchor>,
    buckets: Buckets,
    /// Parts in ASCII without the beginning of a word of their own.
    loose: Wordless,
}

#[derive(Serialize, Deserialize)]
struct Part {
    /// Of the texts.
    range: Range<u32>,
    owner: Owner,
}

/// One word of a part, two that stand together, how a longer word begins, or some letters beyond ASCII.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Anchor {
    key: u64,
    part: u32,
    /// Where the anchor ends in the part.
    end: u32,
}

/// Literals that are sooner looked for one after the other than all at once.
const FEW: usize = 8;

/// Literals that are looked for byte by byte.
#[derive(Default, Serialize, Deserialize)]
struct Wordless {
    literals: Vec<(String, Owner)>,
    /// Built when it is first needed.
    #[serde(skip)]
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Wordless {
    fn find(&self, text: &str, found: &mut Vec<(Owner, usize)>) {
        if self.literals.len() <= FEW {
            for (literal, owner) in &self.literals {
                found.extend(memmem::find_iter(text.as_bytes(), literal).map(|at| (*owner, at)));
            }
            return;
        }
        let automaton =
            self.automaton.get_or_init(|| AhoCorasick::new(self.literals.iter().map(|(literal, _)| literal)).ok());
        let Some(automaton) = automaton else {
            let at = |(literal, owner): &(String, Owner)| Some((*owner, text.find(literal.as_str())?));
            return found.extend(self.literals.iter().filter_map(at));
        };
        let all = automaton.find_overlapping_iter(text);
        found.extend(all.filter_map(|hit| Some((self.literals.get(hit.pattern().as_usize())?.1, hit.start()))));
    }
}

/// Where the anchors of a key may be.
#[derive(Default, Serialize, Deserialize)]
struct Buckets {
    /// A bit for each beginning of a key that there is: most words of a text have none.
    bits: Vec<u64>,
    /// For each shorter beginning the first anchor that is not before it.
    first: Vec<u32>,
}

/// Bits for each anchor, as a power of two.
const SPARSE: u32 = 4;

/// The first so many bits of a key.
fn beginning(key: u64, bits: u32) -> usize {
    (key >> (64 - bits)) as usize
}

impl Buckets {
    /// Of anchors in order.
    fn new(anchors: &[Anchor]) -> Self {
        let length = anchors.len().next_power_of_two().ilog2().clamp(6, 24);
        let mut bits = vec![0_u64; 1 << (length + SPARSE - 6)];
        for anchor in anchors {
            let bit = beginning(anchor.key, length + SPARSE);
            bits[bit >> 6] |= 1 << (bit & 63);
        }
        let mut first = Vec::with_capacity((1 << length) + 1);
        for (at, anchor) in (0_u32..).zip(anchors) {
            first.resize(first.len().max(beginning(anchor.key, length) + 1), at);
        }
        first.resize((1 << length) + 1, anchors.len() as u32);
        Self { bits, first }
    }

    /// Where anchors of this key are, and few others.
    fn range(&self, key: u64) -> Option<Range<usize>> {
        let bits = self.bits.len().checked_ilog2()? + 6;
        let bit = beginning(key, bits);
        if self.bits.get(bit >> 6)? >> (bit & 63) & 1 == 0 {
            return None;
        }
        let bucket = beginning(key, bits - SPARSE);
        Some(*self.first.get(bucket)? as usize..*self.first.get(bucket + 1)? as usize)
    }
}

impl Index {
    /// An index of literals.
    pub(crate) fn new<'t>(literals: impl Iterator<Item = (Literal<'t>, Owner)>) -> Self {
        let mut index = Self::default();
        for (literal, owner) in literals {
            if let Some((key, end)) = literal.anchor() {
                index.anchors.push(Anchor { key, part: index.parts.len() as u32, end: end as u32 });
                let start = index.texts.len() as u32;
                index.texts.push_str(&literal.text);
                index.parts.push(Part { range: start..index.texts.len() as u32, owner });
            } else {
                index.loose.literals.push((literal.text.into_owned(), owner));
            }
        }
        index.anchors.sort_unstable();
        index.buckets = Buckets::new(&index.anchors);
        index
    }

    /// Where whose literals stand.
    pub(crate) fn find(&self, text: &str) -> Vec<(Owner, usize)> {
        let mut found = Vec::new();
        let mut before = None;
        for Word { range, hash, beginning } in words(text) {
            if let Some(beginning) = beginning {
                self.compare(beginning, range.start + BEGINNING, text, &mut found);
            }
            self.compare(hash, range.end, text, &mut found);
            if let Some(before) = before.replace(hash) {
                self.compare(pair(before, hash), range.end, text, &mut found);
            }
        }
        if !text.is_ascii() {
            for Letters { key, range, .. } in letters(text) {
                self.compare(key, range.end, text, &mut found);
            }
        }
        self.loose.find(text, &mut found);
        found
    }

    /// Adds the parts with this anchor that stand here.
    fn compare(&self, key: u64, end: usize, text: &str, found: &mut Vec<(Owner, usize)>) {
        let Some(range) = self.buckets.range(key) else { return };
        let near = self.anchors.get(range).unwrap_or(&[]).iter();
        for anchor in near.skip_while(|anchor| anchor.key < key).take_while(|anchor| anchor.key == key) {
            let Some(part) = self.parts.get(anchor.part as usize) else { continue };
            let Some(start) = end.checked_sub(anchor.end as usize) else { continue };
            let wanted = self.texts.as_bytes().get(part.range.start as usize..part.range.end as usize);
            if text.as_bytes().get(start..start + part.range.len()) == wanted {
                found.push((part.owner, start));
            }
        }
    }
}

/// What is looked for.
#[derive(Clone)]
pub(crate) struct Literal<'t> {
    pub(crate) text: Cow<'t, str>,
    /// Whether its first and its last word may be parts of longer ones.
    pub(crate) is_open: [bool; 2],
}

impl Literal<'_> {
    /// Whether it has something that can be looked up.
    pub(crate) fn is_looked_up(&self) -> bool {
        self.anchor().is_some()
    }

    /// The key of its longest pair of whole words, of its only whole word, of its letters beyond ASCII, or of how its last
    /// word begins, and where that ends.
    fn anchor(&self) -> Option<(u64, usize)> {
        let [open_start, open_end] = self.is_open;
        let is_whole =
            |range: &Range<usize>| !(open_start && range.start == 0 || open_end && range.end == self.text.len());
        // Of several that are as long the last one.
        let mut longest_pair: Option<(usize, usize, u64, usize)> = None;
        let mut longest_word: Option<(usize, u64, usize)> = None;
        let mut before: Option<(Range<usize>, u64)> = None;
        for Word { range, hash, .. } in words(&self.text).filter(|word| is_whole(&word.range)) {
            if let Some((first, first_hash)) = before {
                let reach = range.end - first.start;
                if longest_pair.is_none_or(|(most, ..)| reach >= most) {
                    longest_pair = Some((reach, first.len() + range.len(), pair(first_hash, hash), range.end));
                }
            }
            if longest_word.is_none_or(|(most, ..)| range.len() >= most) {
                longest_word = Some((range.len(), hash, range.end));
            }
            before = Some((range, hash));
        }
        let pairs = longest_pair.map(|(_, length, key, end)| (length, key, end));
        // Letters between others are no words, and stand everywhere.
        let whole = pairs.or(longest_word).filter(|(length, ..)| *length >= 4 || self.text.is_ascii());
        if let Some((_, key, end)) = whole {
            return Some((key, end));
        }
        // Of most letters that stand together; signs stand everywhere.
        let telling = letters(&self.text).max_by_key(|found| (found.count, !found.is_sign));
        if let Some(Letters { key, range, .. }) = telling {
            return Some((key, range.end));
        }
        let last = words(&self.text).last().filter(|last| last.range.end == self.text.len())?;
        let is_beginning = !(open_start && last.range.start == 0);
        Some((last.beginning.filter(|_| is_beginning)?, last.range.start + BEGINNING))
    }
}

/// Letters of a word that tell how it begins.
const BEGINNING: usize = 4;

fn pair(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(MULTIPLIER)
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A word of letters, digits and underscores in ASCII.
struct Word {
    range: Range<usize>,
    hash: u64,
    /// Hash of how it begins, if it is as long as that.
    beginning: Option<u64>,
}

fn words(text: &str) -> impl Iterator<Item = Word> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|byte| is_word(*byte))?;
        let mut hash = MULTIPLIER;
        let mut beginning = None;
        at = start;
        while let Some(byte) = bytes.get(at).filter(|byte| is_word(**byte)) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(MULTIPLIER);
            at += 1;
            if at - start == BEGINNING {
                beginning = Some(pair(hash, MULTIPLIER));
            }
        }
        Some(Word { range: start..at, hash: hash ^ hash >> 29, beginning })
    })
}

/// Letters beyond ASCII that stand together.
struct Letters {
    range: Range<usize>,
    /// How many, one of [`TOGETHER`].
    count: usize,
    key: u64,
    is_sign: bool,
}

/// How many letters beyond ASCII are looked up together.
const TOGETHER: [usize; 4] = [1, 2, 4, 8];

/// For each character beyond ASCII, those that it begins.
fn letters(text: &str) -> impl Iterator<Item = Letters> {
    text::beyond_ascii(text).flat_map(move |(start, first)| {
        let rest = text.get(start..).unwrap_or("");
        let mut together = rest.char_indices().take_while(|(_, c)| !c.is_ascii());
        let mut key = MULTIPLIER;
        let (mut count, mut end) = (0, start);
        TOGETHER.into_iter().map_while(move |wanted| {
            while count < wanted {
                let (at, c) = together.next()?;
                key = pair(key, u64::from(c));
                (count, end) = (count + 1, start + at + c.len_utf8());
            }
            Some(Letters { range: start..end, count, key: key ^ key >> 29, is_sign: !first.is_alphabetic() })
        })
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
