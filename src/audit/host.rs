//! The one view of a host that all checks read through: a live system or an image of one below a directory. Reads are
//! bounded, links are resolved inside the root, what is no regular file is not opened, and what could not be read says
//! why. It writes nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::process;

use super::check::{Answer, Missing};

mod access;
mod command;
mod read;
mod running;
mod user;

pub use access::Access;
pub use command::{Commands, Tool};
pub use read::{Entry, Kind, Meta, Step, Walk};
pub use running::{Listener, Process};
pub use user::User;

/// Largest configuration file or prompt file that is read, in bytes.
pub const FILE_BYTES: u64 = 2 * 1024 * 1024;

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// There is nothing of that name.
    Absent,
    /// Only root, or another user, may look.
    Denied,
    /// It is a directory, pipe, socket or device where a file should be, or the reverse.
    Kind(&'static str),
    /// It is larger than what is read.
    TooLarge(u64),
    /// It takes a running system, and this is an image.
    NotLive,
    /// What the system or the program said. Not escaped.
    Other(String),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("there is nothing of that name"),
            Self::Denied => f.write_str("may not be read by this user"),
            Self::Kind(kind) => write!(f, "is {kind}"),
            Self::TooLarge(limit) => write!(f, "is larger than {limit} bytes"),
            Self::NotLive => f.write_str("an image of a host does not run"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl Unread {
    /// What would have to be there.
    pub fn missing(&self) -> Missing {
        match self {
            Self::Denied => Missing::Root,
            Self::NotLive => Missing::Live,
            _ => Missing::Other,
        }
    }

    /// The answer "unknown" about `subject`, with `what` could not be looked at; and where it helps, how to look.
    pub fn answer(&self, subject: impl Into<String>, what: &str) -> Answer {
        let answer = Answer::unknown(self.missing(), subject, format!("{what}: {self}"));
        match self {
            Self::Denied => answer.command("sudo skillscan audit"),
            Self::NotLive => answer.command("skillscan audit").fix("run the audit on the host itself"),
            _ => answer,
        }
    }
}

/// One word of a command that is there to be pasted, whatever it holds.
pub(super) fn quoted(word: impl AsRef<Path>) -> String {
    let text = word.as_ref().display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A host, and whose OpenClaw on it is looked at.
pub struct Host {
    root: PathBuf,
    is_live: bool,
    commands: Commands,
    variables: BTreeMap<String, OsString>,
    uid: u32,
    only: Option<String>,
    users: OnceLock<Vec<User>>,
    groups: OnceLock<Vec<user::Group>>,
    processes: OnceLock<Result<Vec<Process>, Unread>>,
    listeners: OnceLock<Result<Vec<Listener>, Unread>>,
    owners: OnceLock<BTreeMap<u64, u32>>,
}

impl Host {
    /// This machine, as it runs now.
    pub fn live() -> Self {
        let host = Self::new(PathBuf::from("/"), true, Commands::Run(process::Caps::default()));
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self { variables: variables.collect(), ..host }
    }

    /// A mounted image or a backup below `root`: files only.
    pub fn image(root: impl Into<PathBuf>) -> Self {
        Self::new(root.into(), false, Commands::None)
    }

    /// A host that was recorded below `root`, `proc` included, with what its commands printed, or why they did not.
    pub fn recorded(root: impl Into<PathBuf>, commands: BTreeMap<String, Result<process::Output, Unread>>) -> Self {
        Self::new(root.into(), true, Commands::Recorded(commands))
    }

    fn new(root: PathBuf, is_live: bool, commands: Commands) -> Self {
        Self {
            root,
            is_live,
            commands,
            variables: BTreeMap::new(),
            uid: rustix::process::geteuid().as_raw(),
            only: None,
            users: OnceLock::new(),
            groups: OnceLock::new(),
            processes: OnceLock::new(),
            listeners: OnceLock::new(),
            owners: OnceLock::new(),
        }
    }

    /// Looks only at what belongs to the user of this name.
    #[must_use]
    pub fn of_user(mut self, name: Option<String>) -> Self {
        self.only = name;
        self
    }

    /// Answers as if this user looked; for tests of what others see.
    #[must_use]
    pub fn seen_by(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    /// Whether the host runs, so that sockets, processes and commands answer.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Whether root looks.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// The user who looks.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The directory that holds the host, `/` for this machine.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A variable of the environment, if the host is this machine; empty ones count as none.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let text = self.variables.get(name)?.to_str()?.trim();
        (!text.is_empty() && !matches!(text, "undefined" | "null")).then_some(text)
    }

    /// The host's own name, if it says one.
    pub fn name(&self) -> String {
        let name = self.text("/etc/hostname", 1024).unwrap_or_default();
        name.lines().next().unwrap_or_default().trim().to_owned()
    }

    /// Whether this is a container, by the marks that OpenClaw goes by; what is the mark.
    pub fn container(&self) -> Option<&'static str> {
        let marks = ["/.dockerenv", "/run/.containerenv", "/var/run/.containerenv"];
        if let Some(mark) = marks.into_iter().find(|mark| self.stat(mark).is_ok()) {
            return Some(mark);
        }
        if self.variable("FLY_MACHINE_ID").is_some() && self.variable("FLY_APP_NAME").is_some() {
            return Some("FLY_MACHINE_ID");
        }
        let groups = self.text("/proc/1/cgroup", FILE_BYTES).unwrap_or_default();
        let marks = ["docker", "containerd", "kubepods", "lxc"];
        marks.iter().any(|mark| groups.contains(mark)).then_some("/proc/1/cgroup")
    }
}
