//! Users and groups, from the host's own files.

use std::path::PathBuf;

use super::{Host, Unread};

/// Largest user or group file, in bytes.
const BYTES: u64 = 4 * 1024 * 1024;
/// Most users whose homes are looked at.
const USERS: usize = 256;

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Main group.
    pub gid: u32,
    /// Home directory, as the host names it.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
}

/// A group of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

impl Host {
    /// All users that the host's files name.
    pub fn users(&self) -> &[User] {
        self.users.get_or_init(|| {
            let text = self.text("/etc/passwd", BYTES).unwrap_or_default();
            text.lines().filter_map(user).collect()
        })
    }

    fn groups(&self) -> &[Group] {
        self.groups.get_or_init(|| {
            let text = self.text("/etc/group", BYTES).unwrap_or_default();
            text.lines().filter_map(group).collect()
        })
    }

    /// A user's name, or the number where nobody has it.
    pub fn user_name(&self, uid: u32) -> String {
        let found = self.users().iter().find(|user| user.uid == uid);
        found.map_or_else(|| uid.to_string(), |user| user.name.clone())
    }

    /// A group's name, or the number where there is none.
    pub fn group_name(&self, gid: u32) -> String {
        let found = self.groups().iter().find(|group| group.gid == gid);
        found.map_or_else(|| gid.to_string(), |group| group.name.clone())
    }

    /// Names of the groups that a user is in.
    pub fn groups_of(&self, user: &User) -> Vec<String> {
        let of = self.groups().iter().filter(|group| group.gid == user.gid || group.members.contains(&user.name));
        of.map(|group| group.name.clone()).collect()
    }

    /// Users beside `owner` who are in the group `gid`, so that its permissions reach them.
    pub fn others_in_group(&self, gid: u32, owner: u32) -> Vec<String> {
        let members = self.groups().iter().filter(|group| group.gid == gid).flat_map(|group| &group.members);
        let main = self.users().iter().filter(|user| user.gid == gid).map(|user| &user.name);
        // Root gets at everything anyway.
        let is_owner =
            |name: &str| self.users().iter().any(|user| user.name == name && (user.uid == owner || user.uid == 0));
        let mut others: Vec<String> = members.chain(main).filter(|name| !is_owner(name)).cloned().collect();
        others.sort();
        others.dedup();
        others
    }

    /// Whose OpenClaw is looked at: the user who was named; else of a live host whoever runs the audit; for root, and
    /// in an image, all whose home holds something of OpenClaw's.
    ///
    /// # Errors
    /// If nobody of the name is known.
    pub fn audited(&self) -> Result<Vec<User>, Unread> {
        if let Some(name) = &self.only {
            let found = self.users().iter().find(|user| user.name == *name);
            let unknown = || Unread::Other(format!("there is no user `{name}` in /etc/passwd"));
            return found.cloned().map(|user| vec![user]).ok_or_else(unknown);
        }
        if self.is_live && !self.is_root() {
            return Ok(vec![self.current()]);
        }
        self.read("/etc/passwd", BYTES)
            .map_err(|why| Unread::Other(format!("/etc/passwd, which names the users: {why}")))?;
        let mut found: Vec<User> = Vec::new();
        if self.is_live && self.variable("HOME").is_some() {
            found.push(self.current());
        }
        let homes = self.users().iter().filter(|user| user.home.is_absolute() && user.home.parent().is_some());
        for user in homes.take(USERS * 16) {
            let is_new = !found.iter().any(|other| other.uid == user.uid || other.home == user.home);
            if is_new && found.len() < USERS && self.has_state(&user.home) {
                found.push(user.clone());
            }
        }
        Ok(found)
    }

    /// Whoever runs the audit, where `HOME` says that they live.
    fn current(&self) -> User {
        let known = self.users().iter().find(|user| user.uid == self.uid).cloned();
        let home = self.variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let unknown = User {
            name: self.uid.to_string(),
            uid: self.uid,
            gid: self.uid,
            home: PathBuf::from("/"),
            shell: PathBuf::new(),
        };
        let user = known.unwrap_or(unknown);
        User { home: home.unwrap_or_else(|| user.home.clone()), ..user }
    }

    fn has_state(&self, home: &std::path::Path) -> bool {
        let is_state = |name: &str| super::super::openclaw::is_state_name(name);
        self.list_if(home, is_state).is_ok_and(|found| !found.is_empty())
    }
}

fn user(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, shell] = fields.as_slice() else { return None };
    Some(User {
        name: (*name).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: PathBuf::from(home),
        shell: PathBuf::from(shell),
    })
}

fn group(line: &str) -> Option<Group> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, gid, members] = fields.as_slice() else { return None };
    let members = members.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some(Group { name: (*name).to_owned(), gid: gid.parse().ok()?, members })
}
