//! Tar: members where they stand, past the end mark as well, since some
//! unpackers go on there.

use std::io::Cursor;

use super::{Archive, Entry, Member, Room};
use crate::finding::GapKind;

/// Whether the bytes begin with a header of the oldest kind, which has no magic: its checksum is right.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    let Some(block) = bytes.first_chunk::<512>() else { return false };
    let Some(field) = block.get(148..156) else { return false };
    let digits: String = field.iter().map(|&b| char::from(b)).filter(char::is_ascii_digit).collect();
    let Ok(wanted) = u32::from_str_radix(&digits, 8) else { return false };
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum::<u32>() - field.iter().map(|&b| u32::from(b)).sum::<u32>();
    digits.len() >= 5 && block[0] != 0 && sum + 8 * 32 == wanted
}

/// What stands where no member is: a broken one, or something else behind the archive.
fn rest(archive: &mut Archive, bytes: &[u8]) {
    let end = archive.members.iter().map(|member| member.range.end.next_multiple_of(512)).max().unwrap_or(0);
    let behind = bytes.get(end..).unwrap_or(b"");
    let start = end + behind.iter().position(|byte| *byte != 0).unwrap_or(0);
    if archive.members.is_empty() || bytes.get(start + 257..start + 262) == Some(b"ustar") {
        archive.skipped.push((GapKind::Corrupt, "the archive is cut off or broken".to_owned()));
    }
    archive.end = Some(start);
}

/// Reads an archive.
pub(super) fn read(bytes: &[u8], room: Room) -> Archive {
    let mut archive = Archive::default();
    let mut reader = tar::Archive::new(Cursor::new(bytes));
    reader.set_ignore_zeros(true);
    let Ok(entries) = reader.entries() else { return archive };
    let mut spent = 0;
    for entry in entries {
        let Ok(entry) = entry else {
            rest(&mut archive, bytes);
            break;
        };
        if archive.members.len() >= room.entries {
            let why = format!("more than {} members in one archive", room.entries);
            archive.skipped.push((GapKind::OverLimit, why));
            break;
        }
        let kind = entry.header().entry_type();
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX).min(bytes.len());
        let wanted = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let end = start.saturating_add(wanted).min(bytes.len());
        let name = entry.path_bytes().into_owned();
        let link = entry.link_name_bytes().map(|name| name.into_owned());
        let (what, content) = if kind.is_symlink() {
            (Entry::Symlink, link.unwrap_or_default())
        } else if kind.is_hard_link() {
            (Entry::HardLink, link.unwrap_or_default())
        } else if kind.is_dir() {
            (Entry::Directory, Vec::new())
        } else if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() {
            (Entry::Special, Vec::new())
        } else {
            let own = end.min(start.saturating_add(room.bytes.saturating_sub(spent)));
            if own < end {
                let why = format!("more than {} bytes in one archive", room.bytes);
                archive.skipped.push((GapKind::OverLimit, why));
            }
            (Entry::File, bytes.get(start..own).unwrap_or(b"").to_vec())
        };
        if what == Entry::File && end - start < wanted {
            let why = format!("`{}` is cut off", super::shown(&name));
            archive.skipped.push((GapKind::Corrupt, why));
        }
        spent += content.len();
        archive.members.push(Member { name, entry: what, range: start..end, bytes: content, locked: None });
    }
    archive
}
