//! What a shell does that other languages have no word for.

/// An operation of shell scripts; its slots stand in the pool beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellOp {
    /// Runs a command; pairs of a [`Role`] and a slot. Gives what it prints.
    Command,
    /// Words as a list; pairs of a [`Role`] and a slot.
    Words,
    /// One list after another.
    Append,
    /// The list that a variable (its name) is.
    List,
    /// Items of a list as one text.
    Joined,
    /// An item: name of the variable, key.
    Index,
    /// An item gets a value: name of the variable, key, value.
    SetIndex,
    /// An expansion: value (or name) and operand.
    Expand(Expansion),
    /// The number that a text computes.
    Arithmetic,
    /// A function gets a name: name, function.
    Define,
    /// A variable (its name) is the function's own from here on.
    Local,
    /// A variable (its name) is passed on to programs.
    Export,
    /// What a substitution printed.
    Captured,
    /// Text is printed.
    Emit,
    /// Content of a file by its path.
    ReadFile,
    /// A file gets content: path, content.
    WriteFile,
    /// More content of a file: path, content.
    AppendFile,
    /// The path of a file that holds what a substitution prints.
    FileOf,
    /// How the commands that follow hang together.
    Mark(Mark),
}

/// What a word is to its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One word.
    Word,
    /// A word that is split at blanks.
    Split,
    /// A word whose braces are expanded, and that is split at blanks.
    Braces,
    /// A list, each item a word.
    Spread,
    /// What it reads.
    Input,
    /// The file that it reads.
    From,
    /// The file that it writes.
    Output,
    /// The file that it adds to.
    Append,
    /// It prints for people only.
    Silent,
    /// Name of a variable that only it gets; the value follows.
    Variable,
}

impl Role {
    const ALL: [Self; 10] = [
        Self::Word,
        Self::Split,
        Self::Braces,
        Self::Spread,
        Self::Input,
        Self::From,
        Self::Output,
        Self::Append,
        Self::Silent,
        Self::Variable,
    ];

    /// The role of a number in a pool.
    pub fn of(number: u32) -> Self {
        Self::ALL.get(number as usize).copied().unwrap_or(Self::Word)
    }
}

/// How `${…}` changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expansion {
    /// The operand if the variable (its name) is not set.
    Default,
    /// The operand if the variable (its name) is set.
    Alternate,
    /// A part by beginning and length.
    Substring,
    /// Without a pattern at its beginning.
    Prefix,
    /// Without a pattern at its end.
    Suffix,
    /// A pattern replaced, the first time.
    ReplaceFirst,
    /// A pattern replaced, each time.
    ReplaceAll,
    /// In upper case.
    Upper,
    /// In lower case.
    Lower,
    /// Its length.
    Length,
    /// The variable that it names.
    Indirect,
    /// The keys of the list that it names.
    Keys,
    /// Quoted, or otherwise the same.
    Same,
}

/// How commands hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A pipeline begins.
    Pipeline,
    /// The next stage of a pipeline.
    Stage,
    /// A pipeline ends.
    Done,
    /// A substitution begins.
    Capture,
}
