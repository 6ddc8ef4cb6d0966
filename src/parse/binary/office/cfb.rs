//! OLE2 compound files: the streams inside, put together from their sectors.
//! Refuses to read more sectors than the file has, whatever its tables say.

use std::ops::Range;

/// First bytes of a compound file.
pub(super) const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Numbers from here on are no sectors.
const RESERVED: u32 = 0xffff_fffa;
/// Sectors of the sector table that the header lists by itself.
const LISTED: usize = 109;
/// Bytes of a directory entry.
const ENTRY: usize = 128;
/// Entries that are read.
const ENTRIES: usize = 100_000;

/// A stream of a compound file.
pub(super) struct Stream {
    /// Its name.
    pub(super) name: String,
    /// Its content.
    pub(super) bytes: Vec<u8>,
    /// The part of the file that its sectors lie in.
    pub(super) place: Range<usize>,
}

/// What a compound file holds.
#[derive(Default)]
pub(super) struct Compound {
    /// Its streams.
    pub(super) streams: Vec<Stream>,
    /// Names of its folders and empty streams.
    pub(super) others: Vec<String>,
    /// Whether all sectors were where the tables say.
    pub(super) is_whole: bool,
}

/// A table of sectors: each entry is the number of the next sector of the same stream.
struct Table {
    next: Vec<u32>,
    /// Bytes of a sector.
    size: usize,
    /// Where the first sector begins.
    start: usize,
}

/// Reads a compound file; `None` if its tables cannot be found.
pub(super) fn read(bytes: &[u8]) -> Option<Compound> {
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let size = power(u16_at(bytes, 30)?, 7..=16)?;
    let small = power(u16_at(bytes, 32)?, 2..=12)?;
    let table = Table { next: sectors(bytes, size), size, start: size };
    // Each sector belongs to one stream, and there is room for tables and small streams besides.
    let mut budget = bytes.len().saturating_mul(2);
    let (directory, _, mut is_whole) = table.read(bytes, u32_at(bytes, 48)?, usize::MAX, &mut budget);
    let (table_bytes, _, _) = table.read(bytes, u32_at(bytes, 60)?, usize::MAX, &mut budget);
    let small_table = Table { next: words(&table_bytes), size: small, start: 0 };
    let cutoff = u32_at(bytes, 56).map_or(4096, |cutoff| cutoff as usize);
    let mut compound = Compound::default();
    let mut small_streams = Vec::new();
    let mut small_place = 0..0;
    let mut small_budget = 0_usize;
    is_whole &= directory.len() / ENTRY <= ENTRIES;
    for entry in directory.chunks_exact(ENTRY).take(ENTRIES) {
        let Some(entry) = Entry::read(entry) else { continue };
        if entry.kind == ROOT {
            let whole;
            (small_streams, small_place, whole) = table.read(bytes, entry.first, entry.size, &mut budget);
            small_budget = small_streams.len().saturating_mul(2);
            is_whole &= whole;
        }
        if entry.kind != STREAM || entry.size == 0 {
            compound.others.push(entry.name);
            continue;
        }
        let (content, place, whole) = if entry.size < cutoff {
            let (content, _, whole) = small_table.read(&small_streams, entry.first, entry.size, &mut small_budget);
            (content, small_place.clone(), whole)
        } else {
            table.read(bytes, entry.first, entry.size, &mut budget)
        };
        is_whole &= whole;
        compound.streams.push(Stream { name: entry.name, bytes: content, place });
    }
    compound.is_whole = is_whole && !(compound.streams.is_empty() && compound.others.is_empty());
    Some(compound)
}

const STREAM: u8 = 2;
const ROOT: u8 = 5;

struct Entry {
    name: String,
    kind: u8,
    first: u32,
    size: usize,
}

impl Entry {
    fn read(entry: &[u8]) -> Option<Self> {
        let kind = *entry.get(66)?;
        if kind == 0 {
            return None;
        }
        let length = usize::from(u16_at(entry, 64)?).min(64);
        let units =
            entry.get(..length)?.chunks_exact(2).filter_map(|unit| u16_at(unit, 0)).take_while(|unit| *unit != 0);
        let name = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Some(Self { name, kind, first: u32_at(entry, 116)?, size: u32_at(entry, 120)? as usize })
    }
}

impl Table {
    /// Follows the sectors of a stream from `first` on: its bytes, where they lie, and whether all of them are there.
    fn read(&self, bytes: &[u8], first: u32, size: usize, budget: &mut usize) -> (Vec<u8>, Range<usize>, bool) {
        let mut out = Vec::new();
        let (mut low, mut high) = (bytes.len(), 0);
        let mut sector = first;
        while sector < RESERVED && out.len() < size {
            let at = (sector as usize).saturating_mul(self.size).saturating_add(self.start);
            let end = at.saturating_add(self.size).min(bytes.len());
            let Some(own) = bytes.get(at..end).filter(|own| !own.is_empty() && *budget > 0) else {
                return (out, low.min(high)..high, false);
            };
            *budget = budget.saturating_sub(own.len());
            (low, high) = (low.min(at), high.max(end));
            out.extend(own.iter().take(size - out.len()));
            sector = self.next.get(sector as usize).copied().unwrap_or(u32::MAX);
        }
        let is_whole = size == usize::MAX || out.len() == size;
        (out, low.min(high)..high, is_whole)
    }
}

/// The sector table, whose own sectors are listed in the header and in a chain of further lists.
fn sectors(bytes: &[u8], size: usize) -> Vec<u32> {
    let count = bytes.len().div_ceil(size);
    let mut lists = words(bytes.get(76..LISTED.saturating_mul(4).saturating_add(76)).unwrap_or(b""));
    let mut further = u32_at(bytes, 68).unwrap_or(u32::MAX);
    // Each further list fills a sector, so there are fewer of them than sectors.
    for _ in 0..count {
        let Some(mut list) = sector(bytes, size, further).map(words) else { break };
        further = list.pop().unwrap_or(u32::MAX);
        lists.extend(list);
        if lists.len() > count {
            break;
        }
    }
    let mut next = Vec::new();
    for number in lists.into_iter().filter(|number| *number < RESERVED) {
        let Some(part) = sector(bytes, size, number) else { continue };
        next.extend(words(part));
        if next.len() > count {
            break;
        }
    }
    next
}

fn sector(bytes: &[u8], size: usize, number: u32) -> Option<&[u8]> {
    let at = (number as usize).checked_add(1)?.checked_mul(size)?;
    bytes.get(at..at.checked_add(size)?.min(bytes.len()))
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|word| u32_at(word, 0)).collect()
}

/// A size that is given as a power of two.
fn power(exponent: u16, allowed: std::ops::RangeInclusive<u16>) -> Option<usize> {
    allowed.contains(&exponent).then(|| 1 << exponent)
}

/// Two bytes at `at`, the least significant one first.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|field| u16::from_le_bytes(*field))
}

/// Four bytes at `at`, the least significant one first.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|field| u32::from_le_bytes(*field))
}
