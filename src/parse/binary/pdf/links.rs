//! References between objects, flat and by the key that they stand under:
//! enough to find the page, the font and the character map of a text. Refuses
//! to walk further than a page tree is high.

use std::collections::HashMap;

use super::object::Found;

/// Versions of one reference that are looked at, the newest first.
const VERSIONS: usize = 8;

/// Page tree nodes above a page.
const HEIGHT: usize = 8;

/// Key of the content of a page.
pub(super) const CONTENTS: u64 = key(b"Contents");
/// Key of a script.
pub(super) const SCRIPT: u64 = key(b"JS");
/// Key of what happens when the document is opened.
pub(super) const OPEN: u64 = key(b"OpenAction");
const RESOURCES: u64 = key(b"Resources");
const FONT: u64 = key(b"Font");
const PARENT: u64 = key(b"Parent");
const TO_UNICODE: u64 = key(b"ToUnicode");

/// One reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// Number of the object that refers.
    pub(super) from: u32,
    /// Key that it stands under.
    pub(super) name: u64,
    /// Number of the object that is meant.
    pub(super) to: u32,
}

/// A name as a number (FNV-1a), so that a link has a fixed size. Names that collide cost a wrong font, nothing else.
pub(super) const fn key(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        hash = (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// All references of a document.
pub(super) struct Links {
    sorted: Vec<Link>,
    pages: HashMap<u32, u32>,
}

impl Links {
    /// Takes the references out of what was found.
    pub(super) fn of(found: &mut Found) -> Self {
        let mut sorted = std::mem::take(&mut found.links);
        let mut pages = HashMap::new();
        for link in sorted.iter().filter(|link| link.name == CONTENTS) {
            pages.entry(link.to).or_insert(link.from);
        }
        sorted.sort_by_key(|link| (link.from, link.name));
        Self { sorted, pages }
    }

    /// The page that shows this stream, else the stream itself: a form has resources of its own.
    pub(super) fn owner(&self, stream: u32) -> u32 {
        self.pages.get(&stream).copied().unwrap_or(stream)
    }

    /// Whether a page shows this stream.
    pub(super) fn is_shown(&self, stream: u32) -> bool {
        self.pages.contains_key(&stream)
    }

    /// All objects that any object refers to under this key.
    pub(super) fn all(&self, name: u64) -> impl Iterator<Item = u32> {
        self.sorted.iter().filter(move |link| link.name == name).map(|link| link.to)
    }

    /// Object of the character map of the font that `owner` calls `name`.
    pub(super) fn character_map(&self, owner: u32, name: &[u8]) -> Option<u32> {
        let mut place = owner;
        for _ in 0..HEIGHT {
            let resources = self.newest(place, RESOURCES);
            let holders = [Some(place), resources];
            let fonts = holders.map(|holder| self.newest(holder?, FONT));
            for holder in holders.into_iter().chain(fonts).flatten() {
                let mut maps = self.targets(holder, key(name)).filter_map(|font| self.newest(font, TO_UNICODE));
                if let Some(map) = maps.next() {
                    return Some(map);
                }
            }
            place = self.newest(place, PARENT)?;
        }
        None
    }

    fn newest(&self, from: u32, name: u64) -> Option<u32> {
        self.targets(from, name).next()
    }

    fn targets(&self, from: u32, name: u64) -> impl Iterator<Item = u32> {
        let start = self.sorted.partition_point(|link| (link.from, link.name) < (from, name));
        let end = self.sorted.partition_point(|link| (link.from, link.name) <= (from, name));
        self.sorted.get(start..end).unwrap_or(&[]).iter().rev().take(VERSIONS).map(|link| link.to)
    }
}
