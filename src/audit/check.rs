//! What a check is, and what it answers: pure data, known on every system.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::finding::Severity;
use crate::rule::HEADINGS;
use crate::ruleset;

/// Which of the layers that must each hold when the ones above have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Firewall, and what can be reached from outside.
    Network,
    /// The tunnel.
    Transport,
    /// Who is let through to the gateway.
    Identity,
    /// The gateway's own settings, version and process.
    Application,
    /// What the agent is told, and what protects it.
    Agent,
    /// Who may read and write what the agent and the gateway keep.
    Files,
    /// The operating system.
    System,
}

impl Layer {
    /// All of them, outermost first.
    pub const ALL: [Self; 7] =
        [Self::Network, Self::Transport, Self::Identity, Self::Application, Self::Agent, Self::Files, Self::System];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Transport => "transport",
            Self::Identity => "identity",
            Self::Application => "application",
            Self::Agent => "agent",
            Self::Files => "files",
            Self::System => "system",
        }
    }

    /// What the ids of its checks begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Network => "L1",
            Self::Transport => "L2",
            Self::Identity => "L3",
            Self::Application => "L4",
            Self::Agent => "L5",
            Self::Files => "F",
            Self::System => "O",
        }
    }
}

/// Stable name of a check, such as `L4.bind-config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CheckId(&'static str);

impl CheckId {
    /// The check of this id, if there is one.
    pub fn new(id: &str) -> Option<Self> {
        DOCUMENTS.get_key_value(id).map(|(id, _)| Self(id))
    }

    /// The whole id.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The part before the dot, as a layer.
    pub fn layer(self) -> Option<Layer> {
        let prefix = self.0.split('.').next()?;
        Layer::ALL.into_iter().find(|layer| layer.prefix() == prefix)
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Front matter of a check's Markdown file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// What holds if it passes; lower case, no full stop, under 70 characters.
    pub title: String,
    /// Its layer.
    pub layer: Layer,
    /// Severity of the worst that it reports.
    pub severity: Severity,
    /// What the reader should do if it fails and the answer says nothing better.
    pub fix: String,
    /// Version of the first release with this check.
    pub since: String,
}

/// A check as its Markdown file describes it.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its id, the name of the file.
    pub id: CheckId,
    /// Its front matter.
    pub meta: Meta,
    /// Its text after the front matter, with the headings of [`HEADINGS`].
    pub doc: &'static str,
}

static DOCUMENTS: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let files = ruleset::embedded("checks/");
    files.filter_map(|(name, text)| Some((name.strip_suffix(".md")?, text))).collect()
});

impl Document {
    /// The document of a check.
    ///
    /// # Errors
    /// Says what is wrong with it; the tests exclude that.
    pub fn of(id: CheckId) -> Result<Self, String> {
        let broken = |why: String| format!("checks/{id}.md: {why}");
        let text: &'static str = DOCUMENTS.get(id.0).copied().unwrap_or_default();
        let front = || broken("the file must start with TOML front matter between `+++` lines".to_owned());
        let (front, doc) = text.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n")).ok_or_else(front)?;
        let meta: Meta = toml::from_str(front).map_err(|error| broken(error.to_string()))?;
        let found: Vec<&str> = doc.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        if found != HEADINGS {
            return Err(broken(format!("expected the headings {HEADINGS:?} in this order, found {found:?}")));
        }
        if id.layer() != Some(meta.layer) {
            return Err(broken("the layer is not that of the id".to_owned()));
        }
        Ok(Self { id, meta, doc: doc.trim() })
    }

    /// All documents, by layer and id.
    ///
    /// # Errors
    /// Says what is wrong with the first that is; the tests exclude that.
    pub fn all() -> Result<Vec<Self>, String> {
        let mut all = DOCUMENTS.keys().map(|id| Self::of(CheckId(id))).collect::<Result<Vec<_>, _>>()?;
        all.sort_by_key(|document| (document.meta.layer, document.id));
        Ok(all)
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Another accepted design is in use, or there is nothing of the kind.
    NotApplicable,
    /// As it should be.
    Pass,
    /// It could not be looked at.
    Unknown,
    /// Worth mending, not a hole by itself.
    Warn,
    /// A hole.
    Fail,
}

impl Status {
    /// All of them, the worst first.
    pub const ALL: [Self; 5] = [Self::Fail, Self::Warn, Self::Unknown, Self::Pass, Self::NotApplicable];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "n/a",
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What would have to be there for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Only root may look.
    Root,
    /// It takes the network, which is asked only with `--probe`.
    Probe,
    /// An image of a host does not run.
    Live,
    /// It is done only when asked for, such as a scan of all skills.
    Asked,
    /// Something else is in the way: the message says what.
    Other,
}

impl Missing {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Probe => "probe",
            Self::Live => "live",
            Self::Asked => "asked",
            Self::Other => "other",
        }
    }
}

/// How an answer was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Obtained {
    /// Read from a file.
    File,
    /// Read from what the kernel shows of running processes and sockets.
    Procfs,
    /// Printed by a program of the system.
    Command,
    /// Answered over the network.
    Probe,
}

/// Where something was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A file or directory, as the host names it.
    Path(PathBuf),
    /// A socket, such as `tcp 0.0.0.0:18789`.
    Socket(String),
    /// A command line.
    Command(String),
}

/// A place, and what is there. Texts are not escaped, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where.
    pub seen: Seen,
    /// Which key of the file.
    pub key: Option<String>,
    /// Which line of the file or output, from 1.
    pub line: Option<usize>,
    /// What is there, in our words or its own.
    pub note: String,
}

impl Evidence {
    /// A file or directory.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::at(Seen::Path(path.into()))
    }

    /// A socket.
    pub fn socket(socket: impl Into<String>) -> Self {
        Self::at(Seen::Socket(socket.into()))
    }

    /// A command.
    pub fn command(line: impl Into<String>) -> Self {
        Self::at(Seen::Command(line.into()))
    }

    fn at(seen: Seen) -> Self {
        Self { seen, key: None, line: None, note: String::new() }
    }

    /// With the key that it stands under.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With its line, from 1.
    #[must_use]
    pub fn line(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    /// With what is there.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// A change that is safe, can be undone, and tightens: what `--fix` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Permissions lose the bits `remove`, as in `0o077`.
    Mode {
        /// Which file or directory.
        path: PathBuf,
        /// Bits to take away.
        remove: u32,
    },
    /// The owner becomes the user `uid` with group `gid`; root alone can do it.
    Owner {
        /// Which file or directory.
        path: PathBuf,
        /// The user.
        uid: u32,
        /// Their group.
        gid: u32,
    },
}

impl Repair {
    /// What it changes.
    pub fn path(&self) -> &Path {
        match self {
            Self::Mode { path, .. } | Self::Owner { path, .. } => path,
        }
    }
}

/// One answer of a check, about one subject. Texts are not escaped, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// What it is about: a file, a socket, an installation.
    pub subject: String,
    /// The answer.
    pub status: Status,
    /// Harm if it is left so; info unless warn or fail.
    pub severity: Severity,
    /// What was seen and what it means; lower case, no full stop.
    pub message: String,
    /// Where.
    pub evidence: Vec<Evidence>,
    /// How.
    pub obtained: Obtained,
    /// What to do, if the document's text does not fit.
    pub fix: Option<String>,
    /// The command that mends it, or that answers what is unknown.
    pub command: Option<String>,
    /// Why it is unknown.
    pub missing: Option<Missing>,
    /// What `--fix` may do about it.
    pub repairs: Vec<Repair>,
}

impl Answer {
    fn new(status: Status, severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            status,
            severity,
            message: message.into(),
            evidence: Vec::new(),
            obtained: Obtained::File,
            fix: None,
            command: None,
            missing: None,
            repairs: Vec::new(),
        }
    }

    /// As it should be.
    pub fn pass(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Status::Pass, Severity::Info, subject, message)
    }

    /// A hole.
    pub fn fail(severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Status::Fail, severity, subject, message)
    }

    /// Worth mending.
    pub fn warn(severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Status::Warn, severity, subject, message)
    }

    /// Nothing to look at, or another accepted design.
    pub fn not_applicable(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Status::NotApplicable, Severity::Info, subject, message)
    }

    /// It could not be looked at.
    pub fn unknown(missing: Missing, subject: impl Into<String>, message: impl Into<String>) -> Self {
        let answer = Self::new(Status::Unknown, Severity::Info, subject, message);
        Self { missing: Some(missing), ..answer }
    }

    /// With a place.
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// With places.
    pub fn all_evidence(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// With how it was obtained, a file unless said.
    pub fn obtained(mut self, obtained: Obtained) -> Self {
        self.obtained = obtained;
        self
    }

    /// With what to do, in one sentence.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// With the command that mends it or answers it.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// With a change that `--fix` may make.
    pub fn repair(mut self, repair: Repair) -> Self {
        self.repairs.push(repair);
        self
    }
}
