//! Reads a discovered package into memory under the limits.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::discover::reason;
use crate::package::{File, Link, Package, PackageRef, SkillPath};

impl Package {
    /// Reads all files of `found`; what cannot be read or exceeds a limit becomes a gap.
    pub fn read(found: &PackageRef, limits: &Limits) -> Self {
        let mut package = Self {
            path: found.path.clone(),
            linked_to: found.linked_to.clone(),
            files: Vec::new(),
            links: Vec::new(),
            gaps: found.gaps.clone(),
            digest: [0; 32],
            file_digests: Vec::new(),
        };
        let mut budget = limits.package_bytes;
        for (index, (relative, _)) in found.files.iter().enumerate() {
            let path = Arc::new(SkillPath::new(relative));
            if index >= limits.package_entries {
                let why = format!("more than {} files in one package", limits.package_entries);
                package.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                break;
            }
            if budget == 0 {
                let why = format!("the package is larger than {} bytes", limits.package_bytes);
                package.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                continue;
            }
            match read_file(&found.base.join(relative), limits.file_bytes.min(budget)) {
                Ok((bytes, whole)) => {
                    budget -= bytes.len() as u64;
                    if !whole {
                        let why = format!("only the first {} bytes were read", bytes.len());
                        package.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
                    }
                    package.files.push(File { path, bytes: bytes.into() });
                }
                Err(error) => package.gaps.push(Gap::new(GapKind::Unreadable, path.shown(), reason(Some(&error)))),
            }
        }
        package.files.sort_by(|a, b| a.path.raw().cmp(b.path.raw()));
        for relative in &found.links {
            let target = fs::read_link(found.base.join(relative)).unwrap_or_default();
            package.links.push(Link { path: Arc::new(SkillPath::new(relative)), target });
        }
        let mut digest = Sha256::new();
        for file in &package.files {
            let own: [u8; 32] = Sha256::digest(&file.bytes).into();
            digest.update(file.path.raw());
            digest.update([0]);
            digest.update(data_encoding::HEXLOWER.encode(&own));
            digest.update(b"\n");
            package.file_digests.push(own);
        }
        package.digest = digest.finalize().into();
        package
    }
}

/// Up to `limit` bytes of a regular file, and whether that is all of it.
fn read_file(path: &Path, limit: u64) -> io::Result<(Vec<u8>, bool)> {
    let file = open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::with_capacity(meta.len().min(limit) as usize);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 <= limit;
    bytes.truncate(limit as usize);
    Ok((bytes, whole))
}

/// Opens without following a link and without blocking on a pipe that took the file's place.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<fs::File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}
