//! What programs of the system say; in tests, what they were recorded to say.

use std::collections::BTreeMap;
use std::fmt;

use crate::process::{self, Caps, Output};

use super::{Host, Unread};

/// Where answers of programs come from.
pub enum Commands {
    /// Nowhere: an image has none.
    None,
    /// From running them.
    Run(Caps),
    /// From a record: command line to output, or why there was none.
    Recorded(BTreeMap<String, Result<Output, Unread>>),
}

/// A program of the system with its arguments, none of which comes from what is audited.
#[derive(Debug, Clone, Copy)]
pub struct Tool<'a> {
    /// The program's name, without a directory.
    pub name: &'a str,
    /// Its arguments.
    pub arguments: &'a [&'a str],
}

impl fmt::Display for Tool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

impl Host {
    /// What a program says, whatever its exit code.
    ///
    /// # Errors
    /// If there is no such program, it takes too long, or the host is an image.
    pub fn command(&self, tool: Tool<'_>) -> Result<Output, Unread> {
        match &self.commands {
            Commands::None => Err(Unread::NotLive),
            Commands::Recorded(known) => known.get(&tool.to_string()).cloned().unwrap_or(Err(Unread::Absent)),
            Commands::Run(caps) => {
                let run = process::find(tool.name).and_then(|program| process::run(&program, tool.arguments, *caps));
                run.map_err(|error| match error {
                    process::Error::Missing(_) => Unread::Absent,
                    other => Unread::Other(other.to_string()),
                })
            }
        }
    }
}
