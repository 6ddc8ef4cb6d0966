//! Who may really get at a file: the permissions of every directory on the way count, not only its own.

use std::path::{Path, PathBuf};

use super::{Host, Kind, Meta, Step, Unread};

/// Who, beside the owner and root, may do what to a file or directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Members of its group can read it. False where the group has nobody else.
    pub group_reads: bool,
    /// Members of its group can write it, or put something else in its place.
    pub group_writes: bool,
    /// Everyone can read it.
    pub all_read: bool,
    /// Everyone can write it, or put something else in its place.
    pub all_write: bool,
    /// Users other than root who own it or a directory on the way and are not the one it should belong to.
    pub strangers: Vec<u32>,
    /// Directories on the way, or the file itself, where an access list may say more than the permissions do.
    pub lists: Vec<PathBuf>,
    /// The directory on the way that lets others write, if it is not the file's own permissions.
    pub through: Option<PathBuf>,
}

impl Access {
    /// Whether anyone but the owner and root can read it.
    pub fn is_readable(&self) -> bool {
        self.group_reads || self.all_read
    }

    /// Whether anyone but the owner and root can write it.
    pub fn is_writable(&self) -> bool {
        self.group_writes || self.all_write || !self.strangers.is_empty()
    }
}

impl Host {
    /// Who may get at `path`, which should belong to `owner`, along the whole way there.
    ///
    /// # Errors
    /// If it is missing or the way there may not be followed.
    pub fn access(&self, path: impl AsRef<Path>, owner: u32) -> Result<Access, Unread> {
        let walk = self.walk(path)?;
        let mut access = Access::default();
        let end = Step { path: walk.real.clone(), meta: walk.meta };
        let is_shared = |meta: &Meta| !self.others_in_group(meta.gid, owner).is_empty();
        let mut group_passes = true;
        let mut all_pass = true;
        let above = walk.steps.iter().filter(|step| step.meta.kind == Kind::Dir && step.path != end.path);
        for step in above {
            let meta = &step.meta;
            group_passes &= meta.mode & 0o011 != 0;
            all_pass &= meta.mode & 0o001 != 0;
            // In a sticky directory only the owner of an entry may replace it.
            let is_sticky = meta.mode & 0o1000 != 0;
            let all = meta.mode & 0o002 != 0 && !is_sticky && all_pass;
            let group = meta.mode & 0o020 != 0 && !is_sticky && group_passes && meta.gid != 0 && is_shared(meta);
            access.all_write |= all;
            access.group_writes |= group;
            if (all || group) && access.through.is_none() {
                access.through = Some(step.path.clone());
            }
        }
        let mode = end.meta.mode;
        let is_shared = is_shared(&end.meta);
        access.group_reads = group_passes && is_shared && mode & 0o040 != 0;
        access.group_writes |= group_passes && is_shared && mode & 0o020 != 0;
        access.all_read = all_pass && mode & 0o004 != 0;
        access.all_write |= all_pass && mode & 0o002 != 0;
        for step in walk.steps.iter().filter(|step| step.meta.kind != Kind::Link).chain([&end]) {
            if step.meta.uid != 0 && step.meta.uid != owner && !access.strangers.contains(&step.meta.uid) {
                access.strangers.push(step.meta.uid);
            }
            if self.has_list(&step.path) && !access.lists.contains(&step.path) {
                access.lists.push(step.path.clone());
            }
        }
        Ok(access)
    }

    /// Whether a POSIX access list grants more than the permissions show.
    fn has_list(&self, real: &Path) -> bool {
        let mut buffer = [0_u8; 4096];
        let outside = self.outside(real);
        // The kernel keeps no list that says only what the permissions say.
        rustix::fs::lgetxattr(outside, "system.posix_acl_access", &mut buffer[..]).is_ok_and(|length| length > 0)
    }
}
