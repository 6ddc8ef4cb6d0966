//! Tables of a SQLite database that may be in use, read without opening it: no lock, no file beside it, no code of the
//! database's own. What its write-ahead log has committed counts. Sizes, pages and depth are bounded, so a database
//! that an adversary wrote costs a wrong answer at most.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::host::{Host, Unread};

/// Largest database, and largest log, in bytes.
const BYTES: u64 = 32 * 1024 * 1024;
/// Most rows of one table.
const ROWS: usize = 50_000;
/// Largest row, in bytes.
const ROW_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes that the rows of one table take in memory.
const TABLE_BYTES: usize = 64 * 1024 * 1024;
/// Most values of one row, as in SQLite.
const CELLS: usize = 2_000;
/// Deepest tree.
const DEPTH: usize = 24;
/// What the file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text, lossily.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Cell {
    /// As text; nothing for no value and bytes.
    pub fn text(&self) -> String {
        match self {
            Self::Null | Self::Blob(_) => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A database as it was when it was read.
pub struct Database {
    bytes: Vec<u8>,
    page_bytes: usize,
    /// Bytes of each page that hold content.
    usable: usize,
    /// Pages of the log that count over those of the file: number to offset in `log`.
    newer: BTreeMap<u32, usize>,
    log: Vec<u8>,
}

fn broken() -> Unread {
    Unread::Other("is no SQLite database that can be read".to_owned())
}

fn number(bytes: &[u8], at: usize, width: usize) -> Option<u32> {
    let found = bytes.get(at..at.checked_add(width)?)?;
    Some(found.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
}

/// A number of one to nine bytes, and how many.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for index in 0..9 {
        let byte = *bytes.get(at.checked_add(index)?)?;
        if index == 8 {
            return Some(((value << 8) | u64::from(byte), 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

impl Database {
    /// Reads a database with its log.
    ///
    /// # Errors
    /// If it is missing, unreadable, too large or no database.
    pub fn read(host: &Host, file: &Path) -> Result<Self, Unread> {
        let bytes = host.read(file, BYTES)?;
        let mut name = file.as_os_str().to_owned();
        name.push("-wal");
        let log = match host.read(Path::new(&name), BYTES) {
            Err(Unread::Absent) => Vec::new(),
            other => other?,
        };
        if !bytes.starts_with(MAGIC) {
            return Err(broken());
        }
        let page_bytes = match number(&bytes, 16, 2) {
            Some(1) => 65_536,
            Some(size) if size >= 512 && size.is_power_of_two() => size as usize,
            _ => return Err(broken()),
        };
        let reserved = bytes.get(20).copied().map_or(0, usize::from);
        let usable = page_bytes - reserved.min(page_bytes - 480);
        let newer = committed(&log, page_bytes).unwrap_or_default();
        Ok(Self { bytes, page_bytes, usable, newer, log })
    }

    fn page(&self, number: u32) -> Option<&[u8]> {
        let (bytes, start) = match self.newer.get(&number) {
            Some(offset) => (&self.log, *offset),
            None => (&self.bytes, (number.checked_sub(1)? as usize).checked_mul(self.page_bytes)?),
        };
        bytes.get(start..start.checked_add(self.page_bytes)?)
    }

    /// These columns of all rows of a table; a column that the table does not have is no value.
    ///
    /// # Errors
    /// If there is no such table, or it cannot be read whole.
    pub fn rows(&self, table: &str, columns: &[&str]) -> Result<Vec<Vec<Cell>>, Unread> {
        let schema = self.scan(1)?;
        let found = schema.iter().find(|(_, row)| {
            row.first() == Some(&Cell::Text("table".to_owned())) && row.get(1) == Some(&Cell::Text(table.to_owned()))
        });
        let (_, row) = found.ok_or(Unread::Absent)?;
        let (Some(Cell::Integer(root)), Some(Cell::Text(sql))) = (row.get(3), row.get(4)) else { return Err(broken()) };
        let names = names(sql);
        let places: Vec<Option<usize>> =
            columns.iter().map(|column| names.iter().position(|(name, _)| name == column)).collect();
        let rows = self.scan(u32::try_from(*root).map_err(|_| broken())?)?;
        let cell = |number: i64, row: &[Cell], place: Option<usize>| {
            let value = place.and_then(|at| row.get(at)).cloned().unwrap_or(Cell::Null);
            // The number of a row stands for the column that is its key.
            let is_key = place.and_then(|at| names.get(at)).is_some_and(|(_, is_key)| *is_key);
            if is_key && value == Cell::Null { Cell::Integer(number) } else { value }
        };
        Ok(rows.iter().map(|(number, row)| places.iter().map(|place| cell(*number, row, *place)).collect()).collect())
    }

    /// All rows below a page, each with its number.
    fn scan(&self, root: u32) -> Result<Vec<(i64, Vec<Cell>)>, Unread> {
        let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
        let mut left = vec![(root, 0)];
        let mut room = TABLE_BYTES;
        while let Some((number, depth)) = left.pop() {
            if depth > DEPTH || rows.len() > ROWS || !seen.insert(number) {
                return Err(Unread::Other("holds a table that is too large or goes in circles".to_owned()));
            }
            let children = self.node(number, &mut rows, &mut room).ok_or_else(broken)?;
            // The last is taken first, so that rows come in order.
            left.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
        }
        Ok(rows)
    }

    /// Adds the rows of a leaf, or returns the pages below.
    fn node(&self, page_number: u32, rows: &mut Vec<(i64, Vec<Cell>)>, room: &mut usize) -> Option<Vec<u32>> {
        let page = self.page(page_number)?;
        let head = if page_number == 1 { 100 } else { 0 };
        let kind = *page.get(head)?;
        let count = number(page, head + 3, 2)? as usize;
        let first = head + if kind == 5 { 12 } else { 8 };
        let mut children = Vec::new();
        for index in 0..count {
            let at = number(page, first + index * 2, 2)? as usize;
            match kind {
                5 => children.push(number(page, at, 4)?),
                13 => {
                    let (length, used) = varint(page, at)?;
                    let (id, more) = varint(page, at + used)?;
                    let payload = self.payload(page, at + used + more, usize::try_from(length).ok()?)?;
                    let row = record(&payload)?;
                    // Rows may share their bytes in the file.
                    *room = room.checked_sub(payload.len() + row.len() * size_of::<Cell>())?;
                    rows.push((id.cast_signed(), row));
                }
                // Tables without row numbers are laid out otherwise.
                _ => return None,
            }
        }
        if kind == 5 {
            children.push(number(page, head + 8, 4)?);
        }
        matches!(kind, 5 | 13).then_some(children)
    }

    /// The bytes of a row, which may go on in further pages.
    fn payload(&self, page: &[u8], at: usize, length: usize) -> Option<Vec<u8>> {
        if length > ROW_BYTES {
            return None;
        }
        let largest = self.usable - 35;
        let smallest = (self.usable - 12) * 32 / 255 - 23;
        let own = if length <= largest {
            length
        } else {
            let own = smallest + (length - smallest) % (self.usable - 4);
            if own <= largest { own } else { smallest }
        };
        let mut payload = page.get(at..at.checked_add(own)?)?.to_vec();
        let mut next = if own < length { number(page, at + own, 4)? } else { 0 };
        while payload.len() < length {
            let page = self.page(next)?;
            let part = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + part)?);
            next = number(page, 0, 4)?;
        }
        Some(payload)
    }
}

/// Pages that a log has committed, the last of each.
fn committed(log: &[u8], page_bytes: usize) -> Option<BTreeMap<u32, usize>> {
    if !matches!(number(log, 0, 4)?, 0x377f_0682 | 0x377f_0683) || number(log, 8, 4)? as usize != page_bytes {
        return None;
    }
    let salt = log.get(16..24)?;
    let (mut all, mut pending) = (BTreeMap::new(), BTreeMap::new());
    let mut at = 32_usize;
    while let Some(head) = log.get(at..at + 24) {
        // What follows the last transaction is left from an earlier round.
        if head.get(8..16)? != salt || log.len() < at + 24 + page_bytes {
            break;
        }
        pending.insert(number(head, 0, 4)?, at + 24);
        if number(head, 4, 4)? != 0 {
            all.append(&mut pending);
        }
        at += 24 + page_bytes;
    }
    Some(all)
}

/// The values of a row.
fn record(payload: &[u8]) -> Option<Vec<Cell>> {
    let (head, mut at) = varint(payload, 0)?;
    let head = usize::try_from(head).ok()?;
    let mut body = head;
    let mut cells = Vec::new();
    while at < head {
        if cells.len() == CELLS {
            return None;
        }
        let (kind, used) = varint(payload, at)?;
        at += used;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            kind => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
        };
        let bytes = payload.get(body..body.checked_add(length)?)?;
        body += length;
        cells.push(match kind {
            0 => Cell::Null,
            8 => Cell::Integer(0),
            9 => Cell::Integer(1),
            1..=6 => Cell::Integer(integer(bytes)),
            7 => Cell::Real(f64::from_bits(bytes.iter().fold(0, |bits, byte| (bits << 8) | u64::from(*byte)))),
            kind if kind % 2 == 0 => Cell::Blob(bytes.to_vec()),
            _ => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
        });
    }
    Some(cells)
}

/// A signed number of up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |value: i64, byte| (value << 8) | i64::from(*byte))
}

/// Columns that a `CREATE TABLE` names, each with whether the number of the row stands for it.
fn names(sql: &str) -> Vec<(String, bool)> {
    let Some((_, inside)) = sql.split_once('(') else { return Vec::new() };
    let (mut depth, mut parts, mut part) = (0_usize, Vec::new(), String::new());
    for c in inside.chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    let rules = ["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"];
    let column = |part: &String| {
        let upper = part.split_whitespace().map(str::to_ascii_uppercase).collect::<Vec<_>>().join(" ");
        let name = part.split_whitespace().next()?.trim_matches(['"', '`', '[', ']', '\'']).to_owned();
        let is_rule = rules.iter().any(|rule| upper.split([' ', '(']).next() == Some(*rule));
        (!is_rule && !name.is_empty()).then(|| (name, upper.contains("INTEGER PRIMARY KEY")))
    };
    parts.iter().filter_map(column).collect()
}
