//! Python pickles read as the programs that they are: what loading one would
//! import and call, and the text that it carries. Refuses to load anything: a
//! name is a name here, and no value but text is ever made.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::trailer;
use crate::artifact::Op;
use crate::fact::{Fact, FactKind, Place};
use crate::finding::{GapKind, Role};
use crate::limits::Limits;
use crate::parse::{Child, Kind, Parsed, is_text};
use crate::text;

mod globals;
mod opcode;

use globals::runs_code;
use opcode::{Fault, Instruction, STACK_GLOBAL, STOP, effect, little, read};

/// Opcodes of one file that are read; long names count for more.
const WORK: usize = 1_000_000;

/// Longest name of a global that is looked at; Python's own are far shorter.
const NAME: usize = 512;

/// Longest text whose escapes are read; beyond it, it is taken as it stands.
const ESCAPED: usize = 1 << 20;

/// Further places that a fact shows.
const PLACES: usize = 8;

/// As much of a value as names and calls depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Mark,
    /// Index into the texts.
    Text(usize),
    Tuple,
    Other,
}

struct Text {
    text: String,
    /// It named a global, so it is no constant of the data.
    is_name: bool,
}

struct Import {
    /// `None` if no one but a running Python can tell.
    name: Option<String>,
    runs_code: bool,
    range: Range<usize>,
}

/// The machine that a pickle is a program for, without its values.
#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    memo: HashMap<u64, Value>,
    texts: Vec<Text>,
    blobs: Vec<Range<usize>>,
    imports: Vec<Import>,
    seen: HashSet<String>,
    /// How often something was imported, repeats included.
    imported: usize,
    unresolved: bool,
    called: bool,
    /// No Python would go on from here: arguments or values are not what the opcode needs.
    odd: bool,
    work: usize,
}

impl Machine {
    fn step(&mut self, op: &Instruction<'_>) {
        self.work = self.work.saturating_add(1);
        match op.code {
            b'(' => self.stack.push(Value::Mark),
            b'0' => self.odd |= self.stack.pop().is_none(),
            b'1' => self.take_to_mark(),
            b'2' => self.duplicate(),
            b'g' | b'h' | b'j' => self.get(op),
            b'p' | b'q' | b'r' | 0x94 => self.put(op),
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => self.text(op),
            b'B' | b'C' | 0x8e | 0x96 => self.blob(op),
            b'c' | b'i' | 0x82..=0x84 | STACK_GLOBAL => self.import(op),
            code => self.plain(code, op.arg),
        }
    }

    fn plain(&mut self, code: u8, arg: &[u8]) {
        if matches!(code, b'F' | b'I' | b'L') {
            self.odd |= !is_number(arg);
        }
        if matches!(code, b'R' | 0x81) {
            self.odd |= self.stack.last() != Some(&Value::Tuple);
        }
        let (to_mark, takes, puts) = effect(code);
        if to_mark {
            self.take_to_mark();
        }
        for _ in 0..takes {
            self.take();
        }
        if puts > 0 {
            let is_tuple = matches!(code, b't' | b')' | 0x85..=0x87);
            self.stack.push(if is_tuple { Value::Tuple } else { Value::Other });
        }
        // Setting state (`b`) calls `__setstate__` of whatever was imported.
        self.called |= self.imported > 0 && matches!(code, b'R' | b'o' | b'b' | 0x81 | 0x92);
    }

    /// The topmost value; what lies below a mark is out of reach.
    fn take(&mut self) -> Value {
        match self.stack.last().copied() {
            None | Some(Value::Mark) => {
                self.odd = true;
                Value::Other
            }
            Some(value) => {
                self.stack.pop();
                value
            }
        }
    }

    fn take_to_mark(&mut self) {
        loop {
            match self.stack.pop() {
                Some(Value::Mark) => return,
                Some(_) => {}
                None => {
                    self.odd = true;
                    return;
                }
            }
        }
    }

    fn duplicate(&mut self) {
        let value = self.take();
        self.stack.extend([value, value]);
    }

    fn get(&mut self, op: &Instruction<'_>) {
        let value = slot(op).and_then(|slot| self.memo.get(&slot)).copied();
        self.odd |= value.is_none();
        self.stack.push(value.unwrap_or(Value::Other));
    }

    fn put(&mut self, op: &Instruction<'_>) {
        let slot = if op.code == 0x94 { Some(self.memo.len() as u64) } else { slot(op) };
        let value = self.take();
        self.stack.push(value);
        match slot {
            Some(slot) => {
                self.memo.insert(slot, value);
            }
            None => self.odd = true,
        }
    }

    fn text(&mut self, op: &Instruction<'_>) {
        let mut own = text::view(op.arg).into_owned();
        if op.code == b'S' {
            let quoted = [b'"', b'\''].iter().find_map(|quote| {
                let tail = op.arg.trim_ascii_end().strip_prefix(std::slice::from_ref(quote))?;
                tail.strip_suffix(std::slice::from_ref(quote))
            });
            self.odd |= quoted.is_none();
            own = text::view(quoted.unwrap_or(op.arg)).into_owned();
        }
        if matches!(op.code, b'S' | b'V') && own.len() <= ESCAPED {
            own = crate::decode::unescape(&own).map_or(own, |(text, _)| text);
        }
        self.stack.push(Value::Text(self.texts.len()));
        self.texts.push(Text { text: own, is_name: false });
    }

    /// Bytes are as good as text to `eval`, `exec` and `system`, but name nothing.
    fn blob(&mut self, op: &Instruction<'_>) {
        match std::str::from_utf8(op.arg) {
            Ok(text) if is_text(op.arg) => self.texts.push(Text { text: text.to_owned(), is_name: false }),
            _ => self.blobs.push(op.range.end - op.arg.len()..op.range.end),
        }
        self.stack.push(Value::Other);
    }

    fn import(&mut self, op: &Instruction<'_>) {
        let pair = match op.code {
            STACK_GLOBAL => {
                let name = self.take();
                let module = self.take();
                self.name(module).zip(self.name(name))
            }
            b'c' | b'i' => {
                if op.code == b'i' {
                    self.take_to_mark();
                }
                self.odd |= !is_dotted(op.arg) || !is_dotted(op.second);
                Some((text::view(op.arg).into_owned(), text::view(op.second).into_owned()))
            }
            // What a number in the registry of extensions stands for is not in the file.
            _ => None,
        };
        self.stack.push(Value::Other);
        self.imported += 1;
        self.called |= op.code == b'i';
        let pair = pair.filter(|(module, name)| module.len() <= NAME && name.len() <= NAME);
        let Some((module, name)) = pair else {
            // One is enough to say so.
            if !std::mem::replace(&mut self.unresolved, true) {
                self.imports.push(Import { name: None, runs_code: false, range: op.range.clone() });
            }
            return;
        };
        let full = format!("{module}.{name}");
        self.work = self.work.saturating_add(full.len() / 16);
        if self.seen.insert(full.clone()) {
            let runs_code = runs_code(&module, &name);
            self.imports.push(Import { name: Some(full), runs_code, range: op.range.clone() });
        }
    }

    /// The text of a value, which is a name from now on.
    fn name(&mut self, value: Value) -> Option<String> {
        let Value::Text(index) = value else { return None };
        let text = self.texts.get_mut(index)?;
        text.is_name = true;
        (text.text.len() <= NAME).then(|| text.text.clone())
    }

    /// A pickle ended; the next one in the file starts afresh.
    fn restart(&mut self) {
        self.stack = Vec::new();
        self.memo = HashMap::new();
    }
}

/// The memo slot that an opcode is about.
fn slot(op: &Instruction<'_>) -> Option<u64> {
    if matches!(op.code, b'g' | b'p') { text::view(op.arg).trim().parse().ok() } else { Some(little(op.arg)) }
}

/// Whether Python would read it as a number, roughly; prose never is one.
fn is_number(arg: &[u8]) -> bool {
    let arg = arg.trim_ascii();
    let names: [&[u8]; 3] = [b"inf", b"-inf", b"nan"];
    let named = names.iter().any(|name| arg.eq_ignore_ascii_case(name));
    let plain = arg.iter().all(|b| b.is_ascii_hexdigit() || b"xXoOlL+-_.".contains(b));
    named || (plain && arg.iter().any(u8::is_ascii_digit))
}

/// Whether it can be the name of a module or of something in one.
fn is_dotted(name: &[u8]) -> bool {
    let is_part = |part: &[u8]| {
        let first_fits = part.first().is_some_and(|b| !b.is_ascii_digit());
        first_fits && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii())
    };
    name.len() <= NAME && name.split(|&b| b == b'.').all(is_part)
}

/// Whether loading `bytes` as a pickle would get anywhere. What reads as text besides must import
/// and call something to count as one: otherwise it does nothing, and is better read as text.
pub fn is_pickle(bytes: &[u8]) -> bool {
    let has_header = matches!(bytes, [0x80, 0..=5, ..]);
    let is_prose = !has_header && is_text(bytes.get(..bytes.len().min(4096)).unwrap_or(b""));
    let (mut machine, mut at, mut count, mut after_call) = (Machine::default(), 0, 0, 0);
    while machine.work < WORK {
        // What was run before it broke was run.
        let ran = after_call > 0 && !is_prose;
        let op = match read(bytes, at) {
            Ok(op) => op,
            Err(fault) => return ran || (fault == Fault::Truncated && has_header && count >= 3),
        };
        machine.step(&op);
        if machine.odd {
            return ran;
        }
        at = op.range.end;
        count += 1;
        // A list of words may read as imports, and even as a call; seldom as three more opcodes.
        after_call += usize::from(machine.called);
        let last = at >= bytes.len() || after_call > 3;
        if machine.called && (last || op.code == STOP || machine.imports.iter().any(|import| import.runs_code)) {
            return true;
        }
        if op.code == STOP && !is_prose {
            return count >= 2 && machine.stack.is_empty();
        }
        if op.code == STOP {
            machine.restart();
        }
        if has_header && count > 8 {
            return true;
        }
    }
    !is_prose
}

/// Reads the pickles that `bytes` hold one after another.
pub fn parse(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut machine = Machine::default();
    let mut at = 0;
    // Where the last pickle ended, and the state of the machine there.
    let mut done = (0, 0, 0, 0, false);
    let mut fault = None;
    while at < bytes.len() && fault.is_none() {
        if machine.work >= WORK {
            let why = format!("pickle of more than {WORK} opcodes; the rest was not read as one");
            parsed.skipped.push((GapKind::OverLimit, why));
            done.0 = bytes.len();
            break;
        }
        match read(bytes, at) {
            Ok(op) => {
                machine.step(&op);
                at = op.range.end;
                if op.code == STOP {
                    machine.restart();
                    done = (at, machine.imported, machine.texts.len(), machine.blobs.len(), machine.called);
                }
            }
            Err(why) => fault = Some(why),
        }
    }
    if done.0 < bytes.len() {
        let (end, imported, texts, blobs, called) = done;
        if end > 0 && machine.imported == imported {
            // No pickle follows that could do anything.
            machine.texts.truncate(texts);
            machine.blobs.truncate(blobs);
            machine.called = called;
            trailer::carried(&mut parsed, bytes, end);
        } else {
            let what = if fault == Some(Fault::Unknown) { "holds an unknown opcode" } else { "is cut off" };
            parsed.malformed.push((at.min(bytes.len() - 1)..bytes.len().min(at + 1), format!("pickle {what}")));
        }
    }
    parsed.facts.push(fact(&machine, bytes.len()));
    children(&mut parsed, &machine, bytes, limits);
    parsed
}

fn fact(machine: &Machine, length: usize) -> Fact {
    let risky: Vec<&Import> = machine.imports.iter().filter(|import| import.runs_code).take(PLACES + 1).collect();
    let shown = |import: &Import| -> String {
        let name = import.name.as_deref().unwrap_or("something that only Python can name");
        name.chars().take(80).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
    };
    let first = risky.first().copied().or(machine.imports.first());
    let verb = if machine.called { "imports and calls" } else { "imports" };
    let note = first.map_or("pickle of plain data".to_owned(), |import| format!("pickle {verb} {}", shown(import)));
    let range = first.map_or(0..length.min(2), |import| import.range.clone());
    let mut fact = Fact::new(FactKind::Pickle, range, note);
    let labels = [
        ("imports", first.is_some()),
        ("calls", machine.called),
        ("runs-code", !risky.is_empty()),
        ("unresolved-import", machine.unresolved),
    ];
    for (label, _) in labels.iter().filter(|(_, holds)| *holds) {
        fact = fact.label(label);
    }
    fact.places.extend(risky.iter().skip(1).map(|import| Place {
        range: import.range.clone(),
        role: Role::Context,
        note: format!("also {verb} {}", shown(import)),
    }));
    fact
}

fn children(parsed: &mut Parsed, machine: &Machine, bytes: &[u8], limits: &Limits) {
    let runs_code = machine.imports.iter().any(|import| import.runs_code);
    let kind = if runs_code { Kind::Shell } else { Kind::Text };
    let texts = machine.texts.iter().filter(|text| !text.is_name && !text.text.is_empty());
    let lines: Vec<&str> = texts.map(|text| text.text.as_str()).collect();
    let whole = 0..bytes.len();
    if !lines.is_empty() {
        parsed.children.push(Child::made(Op::Pickle, whole.clone(), lines.join("\n").into_bytes()).of_kind(kind));
    }
    // A shell skips what it does not understand, so a pickle that reads as text may be a script too.
    if is_text(bytes.get(..bytes.len().min(4096)).unwrap_or(b"")) {
        parsed.children.push(Child::cut(Op::Pickle, bytes, whole).of_kind(Kind::Shell));
    }
    super::strings::add_blobs(parsed, bytes, &machine.blobs, Op::Pickle, limits);
}
