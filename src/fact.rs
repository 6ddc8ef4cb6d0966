//! Facts: what parsers saw, in terms that rules can ask about. A fact is not a
//! finding; a rule's `.fact.toml` says which labels together make one.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::finding::Role;

/// Kinds of facts. The names are those of `fact = "…"` in rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactKind {
    /// A value reaches an interpreter.
    Exec,
    /// A command does something worth knowing.
    Command,
    /// Part of a document that is not shown.
    Hidden,
    /// Characters that do not render.
    Invisible,
    /// A link whose text says something about its target.
    Link,
    /// An address in a program or a command, in a place of a class of its own.
    Address,
    /// What the bytes of a file are, beside what its name says.
    File,
    /// An archive that does what no packer does.
    Archive,
    /// What a document does beyond showing text.
    Document,
    /// Code that a pickle runs when it is loaded.
    Pickle,
    /// Compiled code.
    Bytecode,
    /// A link in the file system.
    Symlink,
    /// Names of files that are one name elsewhere.
    Name,
    /// Blank space that pushes text out of sight.
    Padding,
    /// Letters of several scripts in one word, or controls that reorder text.
    Script,
    /// The header of a skill, as its two readers see it.
    Header,
    /// A package that the skill pulls in, or what installs it.
    Dependency,
    /// A part that was not looked at.
    Unread,
}

impl FactKind {
    /// Whether it is about a file as a whole, which someone may be told to run or open.
    pub fn is_about_a_file(self) -> bool {
        matches!(
            self,
            Self::File | Self::Archive | Self::Document | Self::Pickle | Self::Bytecode | Self::Symlink | Self::Unread
        )
    }
}

/// A place beside the main one, in the same artifact.
#[derive(Debug, Clone)]
pub struct Place {
    /// Which bytes.
    pub range: Range<usize>,
    /// Which part it plays.
    pub role: Role,
    /// What is there.
    pub note: String,
}

/// Something a parser saw in one artifact.
#[derive(Debug, Clone)]
pub struct Fact {
    /// What kind of thing.
    pub kind: FactKind,
    /// Properties that rules ask for.
    pub labels: BTreeSet<String>,
    /// Addresses involved; rules see their host classes as `host:<class>` and `plain-http`.
    pub urls: Vec<String>,
    /// Where.
    pub range: Range<usize>,
    /// What is there.
    pub note: String,
    /// Further places.
    pub places: Vec<Place>,
}

impl Fact {
    /// A fact about `range`.
    pub fn new(kind: FactKind, range: Range<usize>, note: impl Into<String>) -> Self {
        Self { kind, labels: BTreeSet::new(), urls: Vec::new(), range, note: note.into(), places: Vec::new() }
    }

    /// Adds a label.
    pub fn label(mut self, label: &str) -> Self {
        self.labels.insert(label.to_owned());
        self
    }
}
