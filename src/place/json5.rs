//! JSON5 files that an adversary may have written, and what they include: size, nesting and number are bounded, and
//! nothing is followed out of the directory of the configuration.

use std::fs;
use std::io::{self, Read};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use serde_json::{Map, Value};

use super::{is_absent, normal};

/// Largest file, and all that one configuration includes, in bytes.
pub(crate) const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Deepest nesting of brackets; the parser follows it by recursion.
const NESTING: usize = 200;
/// Longest chain of includes, as in OpenClaw.
const INCLUDE_DEPTH: usize = 10;
/// Most files that one configuration includes.
const INCLUDES: usize = 64;

/// Where files are read from: this machine, or an image of another one.
pub(crate) trait Files {
    /// The bytes of a regular file of at most `limit` bytes.
    fn bytes(&self, file: &Path, limit: u64) -> io::Result<Vec<u8>>;
    /// The path without links.
    fn real(&self, path: &Path) -> io::Result<PathBuf>;
}

/// The files of this machine.
pub(crate) struct Here;

impl Files for Here {
    fn bytes(&self, file: &Path, limit: u64) -> io::Result<Vec<u8>> {
        read(file, limit)
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }
}

/// Follows `$include`, which stays in the directory of the configuration.
pub(crate) struct Includes<'f> {
    source: &'f dyn Files,
    roots: Vec<PathBuf>,
    shown: String,
    bytes: u64,
    files: usize,
    /// What was not read, and why. Not escaped.
    pub(crate) complaints: Vec<String>,
    /// Real paths of the files that were read beside the first.
    pub(crate) included: Vec<PathBuf>,
}

impl<'f> Includes<'f> {
    /// For the configuration `file`, which `shown` names in complaints; `roots` are further directories that it may
    /// include from.
    pub(crate) fn new(source: &'f dyn Files, file: &Path, shown: String, mut roots: Vec<PathBuf>) -> Self {
        roots.retain(|root| root.is_absolute());
        roots.extend(file.parent().map(Path::to_owned));
        let roots = roots.into_iter().filter_map(|root| source.real(&root).ok()).collect();
        let (complaints, included) = (Vec::new(), Vec::new());
        Self { source, roots, shown, bytes: FILE_BYTES, files: INCLUDES, complaints, included }
    }

    fn complain(&mut self, why: &str) {
        self.complaints.push(format!("{}: {why}", self.shown));
    }

    /// The whole configuration; none if there is no such file, or it could not be read.
    pub(crate) fn tree(&mut self, file: &Path) -> Option<Value> {
        match json5_of(self.source, file, self.bytes) {
            Ok(found) => {
                let (value, bytes) = found?;
                self.bytes = self.bytes.saturating_sub(bytes);
                Some(self.whole(value, file, 0, 0))
            }
            Err(why) => {
                self.complain(&why);
                None
            }
        }
    }

    /// A value of `file` with everything that it includes, so many includes and levels down.
    fn whole(&mut self, value: Value, file: &Path, depth: usize, level: usize) -> Value {
        match value {
            Value::Object(_) | Value::Array(_) if level > NESTING => {
                self.complain("includes are nested too deep");
                Value::Null
            }
            Value::Array(items) => {
                items.into_iter().map(|item| self.whole(item, file, depth, level + 1)).collect::<Vec<_>>().into()
            }
            Value::Object(mut map) => {
                let include = map.remove("$include");
                let own = map.into_iter().map(|(key, value)| (key, self.whole(value, file, depth, level + 1)));
                let own: Map<String, Value> = own.collect();
                match include {
                    Some(include) => self.merged(&include, own, file, (depth, level)),
                    None => Value::Object(own),
                }
            }
            plain => plain,
        }
    }

    /// What is included, later over earlier, and over it what stands beside it.
    fn merged(&mut self, include: &Value, own: Map<String, Value>, file: &Path, at: (usize, usize)) -> Value {
        let names = match include {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => name.as_str().into_iter().collect::<Vec<_>>(),
        };
        let mut merged = Value::Object(Map::new());
        for name in names {
            match self.included(name, file, at) {
                Ok(value) => merged = merge(merged, value),
                Err(why) => self.complain(&format!("`$include` of `{name}`: {why}")),
            }
        }
        if own.is_empty() { merged } else { merge(merged, Value::Object(own)) }
    }

    fn included(&mut self, name: &str, from: &Path, (depth, level): (usize, usize)) -> Result<Value, String> {
        if depth >= INCLUDE_DEPTH || self.files == 0 {
            return Err("too many includes".to_owned());
        }
        self.files -= 1;
        let file = normal(&from.parent().unwrap_or(Path::new("")).join(name));
        let real = self.source.real(&file).map_err(|error| error.kind().to_string())?;
        if !self.roots.iter().any(|root| real.starts_with(root)) {
            return Err("leads out of the directory of the configuration".to_owned());
        }
        let (value, bytes) = json5_of(self.source, &real, self.bytes)?.ok_or("no such file")?;
        self.included.push(real);
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(self.whole(value, &file, depth + 1, level))
    }
}

/// Lists are joined, objects merged, and of anything else the later wins.
fn merge(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Array(mut earlier), Value::Array(later)) => {
            earlier.extend(later);
            Value::Array(earlier)
        }
        (Value::Object(mut earlier), Value::Object(later)) => {
            for (key, value) in later {
                let value = match earlier.remove(&key) {
                    Some(before) => merge(before, value),
                    None => value,
                };
                earlier.insert(key, value);
            }
            Value::Object(earlier)
        }
        (_, later) => later,
    }
}

/// A JSON5 file of at most `limit` bytes, and its size; none if there is no such file.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn read_json5(file: &Path, limit: u64) -> Result<Option<(Value, u64)>, String> {
    json5_of(&Here, file, limit)
}

fn json5_of(source: &dyn Files, file: &Path, limit: u64) -> Result<Option<(Value, u64)>, String> {
    let bytes = match source.bytes(file, limit) {
        Ok(bytes) => bytes,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(format!("could not be read: {error}")),
    };
    let value = parse_json5(&String::from_utf8_lossy(&bytes))?;
    Ok(Some((value, bytes.len() as u64)))
}

/// JSON5 as a value.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse_json5(text: &str) -> Result<Value, String> {
    if nesting(text) > NESTING {
        return Err(format!("nested deeper than {NESTING} levels, not read"));
    }
    json5::from_str(text).map_err(|error| format!("is not JSON5: {error}"))
}

fn read(file: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let irregular = || io::Error::new(io::ErrorKind::InvalidInput, "no regular file");
    if !fs::metadata(file)?.is_file() {
        return Err(irregular());
    }
    let opened = open(file)?;
    if !opened.metadata()?.is_file() {
        return Err(irregular());
    }
    let mut bytes = Vec::new();
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Opens without blocking on a pipe that took the file's place.
#[cfg(unix)]
fn open(file: &Path) -> io::Result<fs::File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(file)
}

#[cfg(not(unix))]
fn open(file: &Path) -> io::Result<fs::File> {
    fs::File::open(file)
}

/// Deepest nesting of brackets outside strings and comments, which end where the parser ends them.
fn nesting(text: &str) -> usize {
    let mut chars = text.chars().peekable();
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => skip_string(&mut chars, c),
            '/' => skip_comment(&mut chars),
            '[' | '{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn skip_string(chars: &mut Peekable<Chars<'_>>, quote: char) {
    while let Some(c) = chars.next() {
        if c == quote {
            return;
        }
        if c == '\\' {
            chars.next();
        }
    }
}

fn skip_comment(chars: &mut Peekable<Chars<'_>>) {
    if chars.next_if_eq(&'/').is_some() {
        chars.find(|c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'));
    } else if chars.next_if_eq(&'*').is_some() {
        let mut before = ' ';
        chars.find(|&c| std::mem::replace(&mut before, c) == '*' && c == '/');
    }
}
