//! Compiled Python modules: the text and names that their code works with,
//! since a `.pyc` runs without its source and may say something else than it.
//! Refuses to read instructions: what a program does with its text is not told.

use std::collections::HashSet;
use std::ops::Range;

use super::trailer;
use crate::artifact::Op;
use crate::fact::{Fact, FactKind};
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::{Child, Kind, Parsed, is_text};
use crate::text;

/// Objects of one file that are read.
const OBJECTS: usize = 1_000_000;

/// Nesting that is followed; Python itself gives up at 2000 containers.
const DEPTH: usize = 8192;

/// Longest text that is looked for in data without a known structure.
const SCANNED: usize = 1 << 20;

/// Names by which a program starts others or runs text as code.
const PROCESS: &str = "system popen Popen exec eval execfile __import__ subprocess check_output check_call getoutput \
    execl execle execlp execv execve execvp execvpe spawnl spawnv spawnve posix_spawn create_subprocess_exec \
    create_subprocess_shell runpy ctypes CDLL";

/// Names by which it talks to other machines.
const NETWORK: &str = "urlopen urlretrieve urllib.request urllib2 httplib http.client requests httpx aiohttp socket \
    create_connection HTTPConnection HTTPSConnection ftplib smtplib paramiko websockets";

/// Names by which it unpacks what is not to be read.
const DECODE: &str = "b64decode b32decode b16decode b85decode a85decode decodebytes unhexlify fromhex decompress zlib \
    marshal";

/// What an object is to the code that holds it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Constant,
    Name,
    /// Where it was compiled.
    File,
    Internal,
}

/// Which fields the code objects of some versions have: 32-bit numbers, objects, another number, more objects.
struct Layout {
    numbers: usize,
    fields: [Role; 8],
    rest: u32,
}

/// Instructions, constants, names, names of three kinds of variables, file, own name.
const BEFORE_3_11: [Role; 8] =
    [Role::Internal, Role::Constant, Role::Name, Role::Name, Role::Name, Role::Name, Role::File, Role::Name];

/// Instructions, constants, names, variables' names and kinds, file, own name, qualified name.
const SINCE_3_11: [Role; 8] =
    [Role::Internal, Role::Constant, Role::Name, Role::Name, Role::Internal, Role::File, Role::Name, Role::Name];

/// Python 2.7, 3.0 to 3.7 (without positional-only arguments), 3.8 to 3.10, and 3.11 on.
static LAYOUTS: [Layout; 4] = [
    Layout { numbers: 4, fields: BEFORE_3_11, rest: 1 },
    Layout { numbers: 5, fields: BEFORE_3_11, rest: 1 },
    Layout { numbers: 6, fields: BEFORE_3_11, rest: 1 },
    Layout { numbers: 5, fields: SINCE_3_11, rest: 2 },
];

/// Length of the header and index of the layout, by the magic number.
fn version(bytes: &[u8]) -> Option<(usize, usize)> {
    let &[low, high, b'\r', b'\n', ..] = bytes else { return None };
    Some(match u16::from_le_bytes([low, high]) {
        62171..=62212 => (8, 0),
        // The size of the source came at 3210, and flags at 3392.
        3000..=3209 => (8, 1),
        3210..=3391 => (12, 1),
        3392..=3409 => (16, 1),
        3410..=3449 => (16, 2),
        3450..=3699 => (16, 3),
        _ => return None,
    })
}

/// Whether `bytes` are a compiled Python module. Its numbers have zero bytes, which no text has.
pub fn is_pyc(bytes: &[u8]) -> bool {
    let Some((header, _)) = version(bytes) else { return false };
    bytes.get(4..bytes.len().min(header + 16)).is_some_and(|head| head.contains(&0))
}

/// How reading ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    TooMany,
    Broken,
}

/// A text, as bytes of the file.
struct Text {
    range: Range<usize>,
    is_constant: bool,
    is_name: bool,
    is_file: bool,
}

/// What is still to be read, innermost last.
enum Task {
    /// So many objects.
    Objects(u32, Role),
    /// Objects up to a null.
    UntilNull(Role),
    /// The fields of a code object from this one on.
    Fields(usize),
}

/// Reader of marshalled objects.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    texts: Vec<Text>,
    blobs: Vec<Range<usize>>,
    /// What each object that may be referred to is: a text, by its index, or something else.
    refs: Vec<Option<usize>>,
    /// The same for interned text of Python 2.
    interned: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, texts: Vec::new(), blobs: Vec::new(), refs: Vec::new(), interned: Vec::new() }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_le_bytes)
    }

    fn count(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// Reads one object with all that is inside it.
    fn walk(&mut self, layout: &Layout) -> End {
        let mut tasks = vec![Task::Objects(1, Role::Internal)];
        let mut objects = 0_usize;
        while let Some(task) = tasks.pop() {
            if objects >= OBJECTS {
                return End::TooMany;
            }
            objects += 1;
            if tasks.len() > DEPTH || self.advance(task, layout, &mut tasks).is_none() {
                return End::Broken;
            }
        }
        End::Whole
    }

    fn advance(&mut self, task: Task, layout: &Layout, tasks: &mut Vec<Task>) -> Option<()> {
        match task {
            Task::Objects(0, _) => {}
            Task::Objects(count, role) => {
                if count > 1 {
                    tasks.push(Task::Objects(count - 1, role));
                }
                self.object(role, layout, tasks)?;
            }
            Task::UntilNull(role) => {
                tasks.push(Task::UntilNull(role));
                if self.object(role, layout, tasks)? == b'0' {
                    tasks.pop();
                }
            }
            Task::Fields(index) => match layout.fields.get(index) {
                Some(role) => tasks.extend([Task::Fields(index + 1), Task::Objects(1, *role)]),
                None => {
                    self.number()?;
                    tasks.push(Task::Objects(layout.rest, Role::Internal));
                }
            },
        }
        Some(())
    }

    /// Reads an object, or its beginning if it has others inside; its type comes back.
    fn object(&mut self, role: Role, layout: &Layout, tasks: &mut Vec<Task>) -> Option<u8> {
        let byte = self.byte()?;
        let code = byte & 0x7f;
        // Values that there is one of are never referred to, whatever their flag says.
        if byte & 0x80 != 0 && !b"0NFTS.rR".contains(&code) {
            self.refs.push(None);
        }
        let slot = if byte & 0x80 != 0 { self.refs.len().checked_sub(1) } else { None };
        match code {
            b'0' | b'N' | b'F' | b'T' | b'S' | b'.' => {}
            b'i' => self.skip(4)?,
            b'I' | b'g' => self.skip(8)?,
            b'y' => self.skip(16)?,
            b'f' => self.short()?,
            b'x' => {
                self.short()?;
                self.short()?;
            }
            b'l' => {
                let digits = self.number()?.unsigned_abs();
                self.skip(usize::try_from(digits).ok()?.checked_mul(2)?)?;
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = self.count()?;
                self.text(code, usize::try_from(length).ok()?, role, slot)?;
            }
            b'z' | b'Z' => {
                let length = self.byte()?;
                self.text(code, usize::from(length), role, slot)?;
            }
            b'r' | b'R' => {
                let index = usize::try_from(self.count()?).ok()?;
                let text =
                    if code == b'r' { self.refs.get(index).copied()? } else { self.interned.get(index).copied() };
                self.refer(text, role);
            }
            b')' => tasks.push(Task::Objects(u32::from(self.byte()?), role)),
            b'(' | b'[' | b'<' | b'>' => tasks.push(Task::Objects(self.count()?, role)),
            b':' => tasks.push(Task::Objects(3, role)),
            b'{' | b'}' => tasks.push(Task::UntilNull(role)),
            b'c' => {
                self.skip(layout.numbers * 4)?;
                tasks.push(Task::Fields(0));
            }
            _ => return None,
        }
        Some(code)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(|_| ())
    }

    /// Skips a number that is written out.
    fn short(&mut self) -> Option<()> {
        let length = self.byte()?;
        self.skip(usize::from(length))
    }

    fn text(&mut self, code: u8, length: usize, role: Role, slot: Option<usize>) -> Option<()> {
        let start = self.at;
        let own = self.take(length)?;
        let index = self.texts.len();
        if code == b't' {
            self.interned.push(index);
        }
        // `s` is text in Python 2, and any bytes, instructions too, in Python 3.
        let reads = code != b's' || (std::str::from_utf8(own).is_ok() && is_text(own));
        if !reads {
            // What no text can be may still be a program.
            self.blobs.extend((role == Role::Constant).then_some(start..self.at));
            return Some(());
        }
        self.texts.push(Text { range: start..self.at, is_constant: false, is_name: false, is_file: false });
        if let Some(known) = slot.and_then(|slot| self.refs.get_mut(slot)) {
            *known = Some(index);
        }
        self.refer(Some(index), role);
        Some(())
    }

    /// Something of this role uses a text, or something else.
    fn refer(&mut self, text: Option<usize>, role: Role) {
        if let Some(text) = text.and_then(|index| self.texts.get_mut(index)) {
            text.is_constant |= role == Role::Constant;
            text.is_name |= role == Role::Name;
            text.is_file |= role == Role::File;
        }
    }

    /// Takes whatever looks like a marshalled text; any byte may be the first of one.
    fn scan(&mut self) {
        while self.at < self.bytes.len() && self.texts.len() < OBJECTS {
            let start = self.at;
            let found = self.record();
            self.at = found.as_ref().map_or(start + 1, |range| range.end);
            self.texts.extend(found.map(|range| Text { range, is_constant: true, is_name: true, is_file: false }));
        }
    }

    fn record(&mut self) -> Option<Range<usize>> {
        let length = match self.byte()? & 0x7f {
            b'z' | b'Z' => usize::from(self.byte()?),
            b's' | b't' | b'u' | b'a' | b'A' => usize::try_from(self.count()?).ok()?,
            _ => return None,
        };
        let start = self.at;
        let own =
            self.take(length.min(SCANNED.saturating_add(1))).filter(|own| !own.is_empty() && own.len() <= SCANNED)?;
        let printable = own.iter().all(|b| !b.is_ascii_control() || matches!(b, b'\t' | b'\n' | b'\r'));
        (printable && std::str::from_utf8(own).is_ok()).then_some(start..self.at)
    }

    /// The texts that are wanted, in the order of the file.
    fn lines(&self, wanted: impl Fn(&Text) -> bool) -> Vec<String> {
        let own = |text: &Text| text::view(self.bytes.get(text.range.clone()).unwrap_or(b"")).into_owned();
        self.texts.iter().filter(|text| wanted(text) && !text.range.is_empty()).map(own).collect()
    }
}

/// Reads the module with the layout of its version, or with whichever fits: early versions of a
/// release have its number, but not its layout.
fn read(bytes: &[u8]) -> Option<(Reader<'_>, End)> {
    let (header, own) = version(bytes)?;
    let others = (0..LAYOUTS.len()).rev().filter(|index| *index != own);
    for layout in std::iter::once(own).chain(others).filter_map(|index| LAYOUTS.get(index)) {
        let mut reader = Reader::new(bytes, header);
        let end = reader.walk(layout);
        if end != End::Broken {
            return Some((reader, end));
        }
    }
    let mut reader = Reader::new(bytes, header);
    reader.scan();
    Some((reader, End::Broken))
}

/// Reads a compiled module.
pub fn parse(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let Some((reader, end)) = read(bytes) else {
        parsed.malformed.push((0..bytes.len().min(4), "no version of python has this magic number".to_owned()));
        return parsed;
    };
    match end {
        End::Whole if reader.at < bytes.len() => trailer::add(&mut parsed, bytes, reader.at),
        End::Whole => {}
        End::TooMany => {
            let why = format!("compiled module of more than {OBJECTS} objects; the rest was not read as one");
            parsed.skipped.push((GapKind::OverLimit, why));
        }
        End::Broken => {
            let why = "compiled module does not parse; it was searched for text";
            parsed.malformed.push((0..bytes.len().min(16), why.to_owned()));
        }
    }
    let lines = reader.lines(|text| text.is_constant || text.is_name || text.is_file);
    parsed.facts.push(fact(bytes, &lines));
    if !lines.is_empty() {
        let made = lines.join("\n").into_bytes();
        parsed.children.push(Child::made(Op::Bytecode, 0..bytes.len(), made).of_kind(Kind::Text));
    }
    super::strings::add_blobs(&mut parsed, bytes, &reader.blobs, Op::Bytecode, limits);
    parsed
}

fn fact(bytes: &[u8], lines: &[String]) -> Fact {
    let mut fact = Fact::new(FactKind::Bytecode, 0..bytes.len().min(16), "compiled python module").label("pyc");
    // Python compares neither time nor content with the source if the flags say so.
    let has_flags = version(bytes).is_some_and(|(header, _)| header == 16);
    if has_flags && bytes.get(4).is_some_and(|flags| flags & 3 == 1) {
        fact = fact.label("unchecked");
    }
    for (label, names) in [("names:process", PROCESS), ("names:network", NETWORK), ("names:decode", DECODE)] {
        let names: HashSet<&str> = names.split_whitespace().collect();
        let holds = |line: &String| {
            line.len() <= 64 && (names.contains(line.as_str()) || line.split('.').any(|part| names.contains(part)))
        };
        if lines.iter().any(holds) {
            fact = fact.label(label);
        }
    }
    fact
}

/// Text constants of a compiled module, to be looked for in its source; `None` if it cannot be told
/// what is one. Names that the code has besides are left out (Python 3.3 to 3.10 keep those of
/// functions here), and names that can be none are put in: a list of names may be a constant as well.
pub fn constants(bytes: &[u8]) -> Option<Vec<String>> {
    let (reader, end) = read(bytes)?;
    if end != End::Whole {
        return None;
    }
    let names: HashSet<String> = reader.lines(|text| text.is_name).into_iter().collect();
    let is_known =
        |constant: &str| is_name(constant) && constant.rsplit('.').next().is_some_and(|last| names.contains(last));
    let mut constants = reader.lines(|text| text.is_constant);
    constants.retain(|constant| !is_known(constant));
    constants.extend(reader.lines(|text| text.is_name && !text.is_constant).into_iter().filter(|name| !is_name(name)));
    Some(constants)
}

/// Whether the compiler could have made it the name of something.
fn is_name(text: &str) -> bool {
    let text = text.replace("<generic parameters of ", "<");
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '<' | '>'))
}

/// Path of the source that a compiled module at `path` was made from.
pub fn source_name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let folder = path.strip_suffix(file)?;
    let stem = file.strip_suffix(".pyc").or_else(|| file.strip_suffix(".pyo"))?;
    let cached = folder.strip_suffix("__pycache__/").filter(|parent| parent.is_empty() || parent.ends_with('/'));
    let (folder, module) = match cached {
        None => (folder, stem),
        Some(parent) => {
            // `mod.cpython-311` or `mod.cpython-311.opt-1`.
            let (rest, last) = stem.rsplit_once('.')?;
            (parent, if last.starts_with("opt-") { rest.rsplit_once('.')?.0 } else { rest })
        }
    };
    (!module.is_empty()).then(|| format!("{folder}{module}.py"))
}
