//! Shell links of Windows: a file that runs whatever command stands in it.
//! Refuses to resolve where it leads; the command is read as it stands.

use std::ops::Range;

use crate::artifact::Op;
use crate::fact::{Fact, FactKind};
use crate::limits::Limits;
use crate::parse::binary::field::Order::Little;
use crate::parse::binary::trailer;
use crate::parse::{Child, Kind, Parsed};
use crate::text;

/// Length of the header.
const HEADER: usize = 76;

/// Block that names the target by variables of the environment.
const ENVIRONMENT: usize = 0xa000_0001;

/// What a link says.
#[derive(Default)]
struct Link {
    /// Targets by the different ways to name one.
    targets: Vec<String>,
    arguments: String,
    /// Where it ends, or as far as it could be read.
    end: usize,
}

/// A shell link.
pub fn lnk(bytes: &[u8], _: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let head = 0..bytes.len().min(4);
    let fact = Fact::new(FactKind::File, head, "a shell link of Windows").label("executable").label("shell-link");
    parsed.facts.push(fact);
    let mut link = Link::default();
    let is_whole = read(bytes, &mut link).is_some();
    let command = link.command();
    if !command.is_empty() {
        let start = HEADER.min(bytes.len());
        let range = start..link.end.clamp(start, bytes.len());
        parsed.children.push(Child::made(Op::Strings, range, command.into_bytes()).of_kind(Kind::Shell));
    }
    if is_whole {
        trailer::add(&mut parsed, bytes, link.end);
    } else {
        trailer::broken(&mut parsed, bytes, link.end.max(HEADER), "the shell link is cut off");
    }
    parsed
}

impl Link {
    /// A command line for each way to name the target.
    fn command(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for target in &self.targets {
            // A shell takes a backslash for an escape, Windows for a separator.
            let path = target.trim().replace('\\', "/");
            let path = if path.contains(char::is_whitespace) { format!("\"{path}\"") } else { path };
            let line = format!("{path} {}\n", self.arguments.trim());
            if !path.is_empty() && !lines.contains(&line) {
                lines.push(line);
            }
        }
        if lines.is_empty() { self.arguments.trim().to_owned() } else { lines.concat() }
    }
}

/// Reads as far as it goes; `None` if it breaks off.
fn read(bytes: &[u8], link: &mut Link) -> Option<()> {
    let flags = Little.u32(bytes, 20)?;
    let has = |bit: usize| (flags >> bit) & 1 != 0;
    let mut at = HEADER;
    if has(0) {
        at = (at + 2).checked_add(Little.u16(bytes, at)?)?;
    }
    if has(1) {
        let size = Little.u32(bytes, at)?.max(4);
        let info = bytes.get(at..at.saturating_add(size).min(bytes.len()))?;
        link.targets.extend(local_path(info));
        at = at.checked_add(size)?;
    }
    link.end = at.min(bytes.len());
    // Description, relative path, working directory, arguments, icon.
    for bit in (2..=6).filter(|bit| has(*bit)) {
        let (string, end) = string(bytes, at, has(7))?;
        match bit {
            3 => link.targets.push(string),
            5 => link.arguments = string,
            _ => {}
        }
        at = end;
        link.end = end;
    }
    blocks(bytes, at, link)
}

/// The target as a path of the machine that made the link.
fn local_path(info: &[u8]) -> Option<String> {
    let has_path = Little.u32(info, 8)? & 1 != 0;
    let start = Little.u32(info, 16).filter(|_| has_path)?;
    let path = info.get(start..)?.split(|byte| *byte == 0).next()?;
    Some(text::view(path).into_owned())
}

/// The string at `at`, after its length in characters, and its end.
fn string(bytes: &[u8], at: usize, is_wide: bool) -> Option<(String, usize)> {
    let length = Little.u16(bytes, at)? * if is_wide { 2 } else { 1 };
    let range: Range<usize> = at + 2..at + 2 + length;
    let part = bytes.get(range.clone())?;
    let string = if is_wide { Little.text(part) } else { text::view(part).into_owned() };
    Some((string, range.end))
}

/// Goes over the blocks behind the strings, to the one that ends the link.
fn blocks(bytes: &[u8], at: usize, link: &mut Link) -> Option<()> {
    let mut at = at;
    loop {
        let size = Little.u32(bytes, at)?;
        if size < 4 {
            link.end = at + 4;
            return Some(());
        }
        if Little.u32(bytes, at + 4) == Some(ENVIRONMENT)
            && link.targets.len() < 4
            && let Some(path) = bytes.get(at + 268..at + 788)
        {
            let path = Little.text(path);
            link.targets.extend(path.split('\0').next().map(str::to_owned));
        }
        at = at.checked_add(size).filter(|at| *at <= bytes.len())?;
        link.end = at;
    }
}
