//! Weights by key, as bytes that are looked up where they lie: the build script makes them, so that no start has to.

/// Bytes of a slot: a key and a weight.
const SLOT: usize = 10;
/// Bytes in front of the slots: the bias.
const HEAD: usize = 4;
/// Bytes behind it for each slot: a bit for each key. Of most words there are none, and the slots are many.
const BITS: usize = 1;

/// A table of the rows of `text`: words, a comma, and a weight in hundredths; the row without words is the bias. `None`
/// if a line is no row.
pub(crate) fn make(text: &str) -> Option<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<(&str, i16)> = lines
        .map(|line| line.rsplit_once(',').and_then(|(words, weight)| Some((words, weight.parse().ok()?))))
        .collect::<Option<_>>()?;
    let slots = (rows.len() + rows.len() / 4).next_power_of_two();
    let mut table = vec![0; HEAD + slots * (BITS + SLOT)];
    for (words, weight) in rows {
        if words.is_empty() {
            table[..HEAD].copy_from_slice(&i32::from(weight).to_le_bytes());
            continue;
        }
        let key = words.split(' ').map(hash).fold(0, group);
        let free = places(&table, key).find(|at| matches!(slot(&table, *at), Some((0, _))))?;
        table[free..free + 8].copy_from_slice(&key.to_le_bytes());
        table[free + 8..free + SLOT].copy_from_slice(&weight.to_le_bytes());
        let (byte, bit) = mark(&table, key);
        table[byte] |= bit;
    }
    Some(table)
}

/// What every score begins with.
pub(crate) fn bias(table: &[u8]) -> i32 {
    table.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
}

/// The weight of a key.
pub(crate) fn weight(table: &[u8], key: u64) -> Option<i16> {
    let (byte, bit) = mark(table, key);
    if table.get(byte)? & bit == 0 {
        return None;
    }
    for at in places(table, key) {
        match slot(table, at)? {
            (0, _) => return None,
            (known, weight) if known == key => return Some(weight),
            _ => {}
        }
    }
    None
}

/// How many keys there is room for, a power of two.
fn slots(table: &[u8]) -> usize {
    table.len().saturating_sub(HEAD) / (BITS + SLOT)
}

/// Where a key may be, in this order.
fn places(table: &[u8], key: u64) -> impl Iterator<Item = usize> + use<> {
    let slots = slots(table);
    let first = key as usize & slots.wrapping_sub(1);
    (0..slots).map(move |step| HEAD + slots * BITS + ((first + step) & (slots - 1)) * SLOT)
}

/// The byte and the bit that are set if a key may be there.
fn mark(table: &[u8], key: u64) -> (usize, u8) {
    let at = (key >> 32) as usize & (slots(table) * BITS * 8).wrapping_sub(1);
    (HEAD + at / 8, 1 << (at % 8))
}

fn slot(table: &[u8], at: usize) -> Option<(u64, i16)> {
    let bytes = table.get(at..at + SLOT)?;
    Some((u64::from_le_bytes(*bytes.first_chunk()?), i16::from_le_bytes(*bytes.last_chunk()?)))
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The key of a word.
pub(crate) fn hash(word: &str) -> u64 {
    finished(word.bytes().fold(MULTIPLIER, hashed))
}

/// The key of all words that begin so, as of the row `word*`.
pub(crate) fn hash_of_beginning(word: &str) -> u64 {
    finished(word.bytes().chain(*b"*").fold(MULTIPLIER, hashed))
}

fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(MULTIPLIER)
}

fn finished(hash: u64) -> u64 {
    hash ^ hash >> 29
}

/// The key of a group that another word is added to.
pub(crate) fn group(before: u64, word: u64) -> u64 {
    let mixed = (before.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    mixed ^ mixed >> 32
}
