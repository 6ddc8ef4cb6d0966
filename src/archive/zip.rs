//! ZIP through both of its tables: the directory at the end, which unpackers
//! follow, and the headers before each member, which stream readers follow.
//! Where they differ, two readers see two archives.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::{Archive, Entry, Locked, Member, Room, shown, stream};
use crate::finding::GapKind;
use crate::parse::binary::inflate::End;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";

/// What either table says of a member.
#[derive(Clone)]
struct Record {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    time: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    /// Offset of the local header, as the directory has it.
    offset: u64,
    mode: u32,
    /// Bytes that the record takes in its table.
    length: usize,
    /// Bytes of it that are a comment.
    comment: usize,
}

/// Reads an archive.
pub(super) fn read(bytes: &[u8], room: Room) -> Archive {
    let mut archive = Archive::default();
    let mut reader = Reader {
        bytes,
        room,
        spent: 0,
        used: BTreeMap::new(),
        heads: HashSet::new(),
        records: 0,
        is_full: false,
        input: bytes.len().saturating_mul(2),
        archive: &mut archive,
    };
    let has_directory = reader.directories();
    reader.unlisted(has_directory);
    if !has_directory {
        archive.skipped.push((GapKind::Corrupt, "the archive has no directory: it is cut off".to_owned()));
    }
    archive
}

/// Whether the bytes end in the directory of an archive, whatever they begin with.
pub(crate) fn ends_in_directory(bytes: &[u8]) -> bool {
    // The comment behind the end record is at most this long.
    let tail = bytes.get(bytes.len().saturating_sub(65_557)..).unwrap_or(b"");
    memchr::memmem::rfind(tail, END).is_some_and(|at| {
        let at = bytes.len() - tail.len() + at;
        end_record(bytes, at).is_some_and(|(start, size, _)| size > 0 && central(bytes, start).is_some())
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    room: Room,
    spent: usize,
    /// Data ranges of members, by their start.
    used: BTreeMap<usize, usize>,
    /// Local headers that a directory names.
    heads: HashSet<usize>,
    /// Records of directories that were read, and whether that is all that are read.
    records: usize,
    is_full: bool,
    /// Bytes that may still be unpacked: members that share their data are unpacked again and again.
    input: usize,
    archive: &'a mut Archive,
}

impl Reader<'_> {
    /// Reads what all directories list, the last one first: another that lies in the data of a member is that
    /// member's own. Says whether there is any.
    fn directories(&mut self) -> bool {
        let ends: Vec<usize> = memchr::memmem::find_iter(self.bytes, END).collect();
        let mut is_last = true;
        let mut found = false;
        for at in ends.into_iter().rev() {
            if self.is_full {
                break;
            }
            if self.is_in_a_member(at) {
                continue;
            }
            let Some((start, size, offset)) = end_record(self.bytes, at) else { continue };
            found = true;
            self.behind(at, is_last);
            is_last = false;
            // Data before the archive (a program that unpacks itself, say) shifts every offset.
            let declared = usize::try_from(offset).unwrap_or(usize::MAX);
            if declared != start && self.bytes.get(declared..).is_some_and(|rest| rest.starts_with(CENTRAL)) {
                let note = "two readers find its directory in two places".to_owned();
                self.archive.odd("header-mismatch", at..at + 22, note);
            }
            let shift = start.saturating_sub(declared);
            self.directory(start..start.saturating_add(size), shift);
        }
        found
    }

    fn is_in_a_member(&self, at: usize) -> bool {
        self.used.range(..=at).next_back().is_some_and(|(_, end)| *end > at)
    }

    /// The comment of the whole archive, and what follows it.
    fn behind(&mut self, at: usize, is_last: bool) {
        let length = u16_at(self.bytes, at + 20).map_or(0, usize::from);
        let end = (at + 22 + length).min(self.bytes.len());
        self.archive.notes.push((at + 22).min(end)..end);
        if is_last && end < self.bytes.len() {
            self.archive.end = Some(end);
        }
    }

    fn directory(&mut self, range: Range<usize>, shift: usize) {
        let mut here = range.start;
        while here < range.end && !self.is_full {
            // A record that leads nowhere is work as well.
            if self.records >= self.room.entries {
                self.is_full = true;
                let why = format!("more than {} members in one archive", self.room.entries);
                self.archive.skipped.push((GapKind::OverLimit, why));
                return;
            }
            self.records += 1;
            let Some(record) = central(self.bytes, here) else { return };
            here += record.length;
            self.archive.notes.push(here - record.comment..here);
            let local = usize::try_from(record.offset).unwrap_or(usize::MAX).saturating_add(shift);
            self.heads.insert(local);
            self.listed(local, &record);
        }
    }

    /// Reads a member that a directory lists.
    fn listed(&mut self, at: usize, record: &Record) {
        let name = shown(&record.name);
        let Some(local) = local(self.bytes, at) else {
            let why = format!("`{name}` is listed, and nothing is where it should be");
            self.archive.skipped.push((GapKind::Corrupt, why));
            return;
        };
        let start = at + local.length;
        if local.name != record.name {
            let note = format!("one reader calls it `{name}`, another `{}`", shown(&local.name));
            self.archive.odd("header-mismatch", at..start, note);
        }
        let streams = local.flags & 8 != 0 && local.packed == 0;
        if !streams && local.packed != 0xffff_ffff && local.packed != record.packed {
            let note = format!("two sizes for `{name}`: {} and {} bytes", local.packed, record.packed);
            self.archive.odd("size-lie", at..start, note);
        }
        if local.method != record.method {
            self.archive.odd("header-mismatch", at..start, format!("two ways to unpack `{name}`"));
        }
        let mut record = record.clone();
        record.flags |= local.flags;
        self.member(&record, at, start);
    }

    /// Reads members that stand in the file and in no directory: stream readers unpack them.
    fn unlisted(&mut self, has_directory: bool) {
        let mut covered = 0;
        let kinds = [&b"PK\x07\x08"[..], LOCAL, CENTRAL];
        let mut marks: Vec<usize> = kinds.iter().flat_map(|kind| memchr::memmem::find_iter(self.bytes, kind)).collect();
        marks.sort_unstable();
        for at in memchr::memmem::find_iter(self.bytes, LOCAL) {
            if at < covered || self.is_in_a_member(at) || self.heads.contains(&at) {
                continue;
            }
            let Some(record) = local(self.bytes, at).filter(|r| !r.name.is_empty() && r.name.len() < 4096) else {
                continue;
            };
            if self.archive.members.len() >= self.room.entries {
                if !self.is_full {
                    let why = format!("more than {} members in one archive", self.room.entries);
                    self.archive.skipped.push((GapKind::OverLimit, why));
                }
                return;
            }
            let note = format!("`{}` is in the archive and not in its directory", shown(&record.name));
            let start = at + record.length;
            let mut record = record;
            if record.flags & 8 != 0 && record.packed == 0 {
                // The size stands behind the data: as far as the next record of any kind.
                let next = marks.partition_point(|mark| *mark < start);
                record.packed = (marks.get(next).copied().unwrap_or(self.bytes.len()).saturating_sub(start)) as u64;
            }
            if has_directory {
                self.archive.odd("unlisted", at..start, note);
            }
            covered = start.saturating_add(usize::try_from(record.packed).unwrap_or(0));
            self.member(&record, at, start);
        }
    }

    fn member(&mut self, record: &Record, head: usize, start: usize) {
        let name = shown(&record.name);
        let end = start.saturating_add(usize::try_from(record.packed).unwrap_or(usize::MAX));
        let Some(data) = self.bytes.get(start..end) else {
            let why = format!("`{name}` is cut off");
            self.archive.skipped.push((GapKind::Corrupt, why));
            let rest = self.bytes.get(start..).unwrap_or(b"");
            // No more than others may: very many may be cut off at the same place.
            let input = self.input.checked_sub(rest.len());
            self.input = input.unwrap_or(self.input);
            let rest_read = input.and_then(|_| stream::method(record.method, rest, self.left(rest.len())));
            let (bytes, _) = rest_read.unwrap_or((Vec::new(), End::Truncated));
            self.push(record, start..self.bytes.len(), bytes, None);
            return;
        };
        self.overlaps(&name, start, end, head);
        if record.flags & 1 != 0 {
            let check = if record.flags & 8 != 0 { record.time >> 8 } else { (record.checksum >> 24) as u16 } as u8;
            let is_known = record.method != 99 && record.flags & 0x40 == 0;
            let locked = Locked {
                name: record.name.clone(),
                range: start..end,
                method: is_known.then_some(record.method),
                check,
                checksum: record.checksum,
            };
            self.push(record, start..end, Vec::new(), Some(locked));
            return;
        }
        let Some(input) = self.input.checked_sub(data.len()) else {
            let why = format!("`{name}` shares its data with others and was not unpacked again");
            self.archive.skipped.push((GapKind::OverLimit, why));
            self.push(record, start..end, Vec::new(), None);
            return;
        };
        self.input = input;
        let most = self.left(data.len());
        let Some((bytes, ended)) = stream::method(record.method, data, most) else {
            let why = format!("`{name}` is packed by method {}, which is not supported", record.method);
            self.archive.skipped.push((GapKind::Unopened, why));
            self.push(record, start..end, Vec::new(), None);
            return;
        };
        match ended {
            End::TooLong => self.too_long(&name, start..end, data.len()),
            End::Truncated => {
                self.archive.skipped.push((GapKind::Corrupt, format!("the data of `{name}` is broken")));
            }
            End::Whole => self.verify(record, &name, start..end, &bytes),
        }
        self.push(record, start..end, bytes, None);
    }

    fn too_long(&mut self, name: &str, range: Range<usize>, packed: usize) {
        let why = format!("`{name}` unpacks to more than {} bytes", self.left(packed));
        if self.left(packed) < self.room.bytes.saturating_sub(self.spent) {
            self.archive.odd("bomb", range, format!("`{name}` grows more than {} times", self.room.ratio));
        }
        self.archive.skipped.push((GapKind::OverLimit, why));
    }

    /// Bytes that the next member may unpack to.
    fn left(&self, packed: usize) -> usize {
        self.room.most(packed).min(self.room.bytes.saturating_sub(self.spent))
    }

    fn overlaps(&mut self, name: &str, start: usize, end: usize, head: usize) {
        let before = self.used.range(..end.max(start + 1)).next_back().map(|(at, end)| (*at, *end));
        if start < end && before.is_some_and(|(_, other)| other > head) {
            self.archive.odd("overlap", head..end, format!("`{name}` shares its data with another member"));
        }
        let kept = self.used.entry(start).or_insert(end);
        *kept = (*kept).max(end);
    }

    fn verify(&mut self, record: &Record, name: &str, range: Range<usize>, bytes: &[u8]) {
        let is_wide = record.size == 0xffff_ffff;
        if record.size != bytes.len() as u64 && !is_wide && record.flags & 8 == 0 {
            let note = format!("`{name}` says {} bytes and holds {}", record.size, bytes.len());
            self.archive.odd("size-lie", range, note);
        } else if record.checksum != crc32(bytes) && (record.checksum != 0 || record.flags & 8 == 0) {
            self.archive.odd("checksum", range, format!("the checksum of `{name}` is wrong"));
        }
    }

    fn push(&mut self, record: &Record, range: Range<usize>, bytes: Vec<u8>, locked: Option<Locked>) {
        self.spent += bytes.len();
        let entry = match record.mode & 0o170_000 {
            0o120_000 => Entry::Symlink,
            0o020_000 | 0o060_000 | 0o010_000 | 0o140_000 => Entry::Special,
            _ if record.name.ends_with(b"/") && bytes.is_empty() => Entry::Directory,
            _ => Entry::File,
        };
        self.archive.members.push(Member { name: record.name.clone(), entry, range, bytes, locked });
    }
}

/// Opens an encrypted member with a password; `None` if it is not the right one.
pub(crate) fn unlock(bytes: &[u8], locked: &Locked, password: &str, room: Room) -> Option<Vec<u8>> {
    let data = bytes.get(locked.range.clone())?;
    let plain = super::cipher::decrypt(data, password.as_bytes(), locked.check)?;
    let (content, end) = stream::method(locked.method?, &plain, room.most(plain.len()))?;
    // One byte of check lets one wrong password in 256 pass.
    (end == End::TooLong || crc32(&content) == locked.checksum).then_some(content)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Place, size and declared offset of the directory that the end record at `at` closes.
fn end_record(bytes: &[u8], at: usize) -> Option<(usize, usize, u64)> {
    let (mut size, mut offset) = (u64::from(u32_at(bytes, at + 12)?), u64::from(u32_at(bytes, at + 16)?));
    let mut close = at;
    if size == 0xffff_ffff || offset == 0xffff_ffff || u16_at(bytes, at + 10)? == 0xffff {
        let before = bytes.get(at.saturating_sub(256)..at)?;
        let wide = at.saturating_sub(256) + memchr::memmem::rfind(before, END64)?;
        (size, offset) = (u64_at(bytes, wide + 40)?, u64_at(bytes, wide + 48)?);
        close = wide;
    }
    let size = usize::try_from(size).ok()?;
    let start = close.checked_sub(size)?;
    let is_directory = |at: usize| bytes.get(at..at + 4) == Some(CENTRAL);
    if size == 0 || is_directory(start) {
        return Some((start, size, offset));
    }
    // Something lies between the directory and its end record.
    let start = usize::try_from(offset).ok().filter(|&start| is_directory(start) && start < close)?;
    Some((start, close - start, offset))
}

/// The local header at `at`.
fn local(bytes: &[u8], at: usize) -> Option<Record> {
    if bytes.get(at..at.checked_add(4)?)? != LOCAL {
        return None;
    }
    let (name_length, extra_length) = (u16_at(bytes, at + 26)? as usize, u16_at(bytes, at + 28)? as usize);
    let name = bytes.get(at + 30..at + 30 + name_length)?.to_vec();
    let extra = bytes.get(at + 30 + name_length..at + 30 + name_length + extra_length).unwrap_or(b"");
    let mut record = Record {
        name,
        flags: u16_at(bytes, at + 6)?,
        method: u16_at(bytes, at + 8)?,
        time: u16_at(bytes, at + 10)?,
        checksum: u32_at(bytes, at + 14)?,
        packed: u32_at(bytes, at + 18)?.into(),
        size: u32_at(bytes, at + 22)?.into(),
        offset: 0,
        mode: 0,
        length: 30 + name_length + extra_length,
        comment: 0,
    };
    widen(&mut record, extra);
    Some(record)
}

/// The directory record at `at`.
fn central(bytes: &[u8], at: usize) -> Option<Record> {
    if bytes.get(at..at.checked_add(4)?)? != CENTRAL {
        return None;
    }
    let length = |offset: usize| u16_at(bytes, at + offset).map(usize::from);
    let (name_length, extra_length, comment_length) = (length(28)?, length(30)?, length(32)?);
    let name = bytes.get(at + 46..at + 46 + name_length)?.to_vec();
    let extra = bytes.get(at + 46 + name_length..at + 46 + name_length + extra_length).unwrap_or(b"");
    let mut record = Record {
        name,
        flags: u16_at(bytes, at + 8)?,
        method: u16_at(bytes, at + 10)?,
        time: u16_at(bytes, at + 12)?,
        checksum: u32_at(bytes, at + 16)?,
        packed: u32_at(bytes, at + 20)?.into(),
        size: u32_at(bytes, at + 24)?.into(),
        offset: u32_at(bytes, at + 42)?.into(),
        mode: u32_at(bytes, at + 38)? >> 16,
        length: 46 + name_length + extra_length + comment_length,
        comment: comment_length,
    };
    widen(&mut record, extra);
    Some(record)
}

/// Takes 64-bit values from the extra field where the record has no room for them.
fn widen(record: &mut Record, mut extra: &[u8]) {
    while let (Some(tag), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let body = extra.get(4..4 + usize::from(length)).unwrap_or(b"");
        if tag == 1 {
            let mut at = 0;
            for value in [&mut record.size, &mut record.packed, &mut record.offset] {
                if *value == 0xffff_ffff
                    && let Some(wide) = u64_at(body, at)
                {
                    *value = wide;
                    at += 8;
                }
            }
        }
        extra = extra.get(4 + usize::from(length)..).unwrap_or(b"");
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
