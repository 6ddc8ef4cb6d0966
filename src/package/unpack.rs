//! An archive as a package: its members are the files, under the names that
//! an unpacker would give them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::{self, Archive, Entry, Room, stream};
use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::{File, Link, Package, Packed, SkillPath};
use crate::parse::format::Format;

/// Adds the members of `file` to the package, or `file` itself if it is no archive.
pub(super) fn into(package: &mut Package, file: File, limits: &Limits) {
    let room = Room::of_package(limits);
    let Some(mut format) = Format::of(&file.bytes).filter(|_| file.windows.is_empty()) else {
        package.files.push(file);
        return;
    };
    let mut bytes = Arc::clone(&file.bytes);
    // A compressed archive; a compressed file of another kind is a file, which is unpacked where all are.
    let unpacked = stream::read(format, &file.bytes, room);
    if let Some(unpacked) = unpacked.filter(|unpacked| Format::of(&unpacked.bytes) == Some(Format::Tar)) {
        format = Format::Tar;
        let gap = |(kind, why)| Gap::new(kind, file.path.shown(), why);
        package.gaps.extend(unpacked.skipped.map(gap));
        if unpacked.end.is_some() {
            package.gaps.push(gap((GapKind::Unopened, "what follows the compressed archive".to_owned())));
        }
        bytes = unpacked.bytes.into();
    }
    // Documents and modules are archives as well; the package is what the user names.
    match archive::open(format, &bytes, room).filter(|archive| !archive.is_document()) {
        Some(archive) => members(package, File { bytes, ..file }, format, archive, limits),
        None => package.files.push(file),
    }
}

fn members(package: &mut Package, file: File, format: Format, archive: Archive, limits: &Limits) {
    let facts = archive.facts();
    let mut locked = Vec::new();
    for member in archive.members {
        let path = Arc::new(SkillPath::from_bytes(&member.name));
        match member.entry {
            Entry::Symlink | Entry::HardLink => {
                let target = PathBuf::from(String::from_utf8_lossy(&member.bytes).into_owned());
                package.links.push(Link { path, target });
            }
            Entry::File if member.locked.is_some() => locked.extend(member.locked),
            Entry::File if member.bytes.len() as u64 > limits.file_bytes => {
                let keep = limits.file_bytes as usize / 2;
                let (head, rest) = member.bytes.split_at(keep);
                let tail = rest.get(rest.len().saturating_sub(keep)..).unwrap_or(rest);
                let why = format!(
                    "of {} bytes only the first and the last {keep} were looked at (limit {})",
                    member.bytes.len(),
                    limits.file_bytes
                );
                package.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                package.files.push(File { path, bytes: head.into(), windows: vec![tail.into()] });
            }
            Entry::File => package.files.push(File { path, bytes: member.bytes.into(), windows: Vec::new() }),
            Entry::Directory | Entry::Special => {}
        }
    }
    if archive.end.is_some() {
        package.gaps.push(Gap::new(GapKind::Unopened, file.path.shown(), "what follows the archive"));
    }
    package.gaps.extend(archive.skipped.into_iter().map(|(kind, why)| Gap::new(kind, file.path.shown(), why)));
    package.packed = Some(Packed { file, format, facts, locked });
}
