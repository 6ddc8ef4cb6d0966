//! Archives as an unpacker would see them, and as a hostile one would have
//! them seen: members with their bytes, and everything that two readers could
//! read in two ways. Nothing is written anywhere, and what is not read is said.

use std::collections::BTreeMap;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use crate::fact::{Fact, FactKind, Place};
use crate::finding::{GapKind, Role};
use crate::limits::Limits;
use crate::parse::format::Format;

pub mod cipher;
pub mod stream;
pub mod tar;
pub mod zip;

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A second name of another member.
    HardLink,
    /// Device, pipe or socket.
    Special,
}

/// One member of an archive.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name as it stands in the archive.
    pub name: Vec<u8>,
    /// What it is.
    pub entry: Entry,
    /// Its bytes in the archive.
    pub range: Range<usize>,
    /// Its content, or as much of it as could be read; the target of a link.
    pub bytes: Vec<u8>,
    /// Why it is encrypted and not read, if it is.
    pub locked: Option<Locked>,
}

/// What it takes to open an encrypted member.
#[derive(Debug, Clone)]
pub struct Locked {
    /// Its own name.
    pub name: Vec<u8>,
    /// Where its encrypted bytes are.
    pub range: Range<usize>,
    /// Compression method; `None` if the encryption is not supported.
    pub method: Option<u16>,
    /// The byte that tells a wrong password.
    pub check: u8,
    /// Checksum of the content.
    pub checksum: u32,
}

/// Something that no packer does.
#[derive(Debug, Clone)]
pub struct Oddity {
    /// Label that rules see.
    pub label: &'static str,
    /// Where in the archive.
    pub range: Range<usize>,
    /// What it is.
    pub note: String,
}

/// An archive as it was read.
#[derive(Default)]
pub struct Archive {
    /// Members in order of place.
    pub members: Vec<Member>,
    /// What no packer does.
    pub oddities: Vec<Oddity>,
    /// What was not read.
    pub skipped: Vec<(GapKind, String)>,
    /// Comments, as ranges of the archive.
    pub notes: Vec<Range<usize>>,
    /// Where the archive ends, if something follows it.
    pub end: Option<usize>,
}

/// What one archive may still come to.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes of all members.
    pub bytes: usize,
    /// Members.
    pub entries: usize,
    /// Bytes out of one byte in, beyond the first mebibyte.
    pub ratio: usize,
}

impl Room {
    /// Most bytes that `input` bytes of compressed data may become: beyond it they are a bomb.
    pub(crate) fn most(&self, input: usize) -> usize {
        const FREE: usize = 1024 * 1024;
        input.saturating_mul(self.ratio).max(FREE).min(self.bytes)
    }

    /// What an archive inside a package may come to.
    pub fn inside(limits: &Limits) -> Self {
        Self { bytes: limits.derived_bytes, entries: limits.derived_artifacts, ratio: limits.ratio }
    }

    /// What an archive that is a package may come to.
    pub fn of_package(limits: &Limits) -> Self {
        Self { bytes: limits.derived_bytes, entries: limits.package_entries, ratio: limits.ratio }
    }
}

/// Opens an archive of a format that has members; `None` for one that has none or is not supported.
pub fn open(format: Format, bytes: &[u8], room: Room) -> Option<Archive> {
    let mut archive = match format {
        Format::Zip => zip::read(bytes, room),
        Format::Tar => tar::read(bytes, room),
        _ => return None,
    };
    // Offsets are the archive's own claims.
    let clamp = |range: &mut Range<usize>| {
        range.end = range.end.min(bytes.len());
        range.start = range.start.min(range.end);
    };
    archive.members.iter_mut().for_each(|member| {
        clamp(&mut member.range);
        member.locked.iter_mut().for_each(|locked| clamp(&mut locked.range));
    });
    archive.oddities.iter_mut().for_each(|oddity| clamp(&mut oddity.range));
    archive.notes.iter_mut().for_each(clamp);
    archive.end = archive.end.map(|end| end.min(bytes.len()));
    archive.members.sort_by_key(|member| member.range.start);
    names(&mut archive);
    Some(archive)
}

impl Archive {
    /// The oddities as facts about the archive's bytes, one for each label.
    pub fn facts(&self) -> Vec<Fact> {
        let mut by_label: BTreeMap<&str, Vec<&Oddity>> = BTreeMap::new();
        for oddity in &self.oddities {
            by_label.entry(oddity.label).or_default().push(oddity);
        }
        by_label
            .into_iter()
            .filter_map(|(label, places)| {
                let first = places.first()?;
                let mut fact = Fact::new(FactKind::Archive, first.range.clone(), first.note.clone()).label(label);
                let place = |oddity: &&Oddity| Place {
                    range: oddity.range.clone(),
                    role: Role::Context,
                    note: oddity.note.clone(),
                };
                fact.places = places.iter().skip(1).take(4).map(place).collect();
                Some(fact)
            })
            .collect()
    }

    /// Whether it is an office document, which is an archive only inside.
    pub fn is_document(&self) -> bool {
        self.members.iter().any(|m| matches!(m.name.as_slice(), b"[Content_Types].xml" | b"mimetype"))
    }

    fn odd(&mut self, label: &'static str, range: Range<usize>, note: String) {
        self.oddities.push(oddity(label, range, note));
    }
}

fn oddity(label: &'static str, range: Range<usize>, note: String) -> Oddity {
    Oddity { label, range, note }
}

/// A name for people.
fn shown(name: &[u8]) -> String {
    crate::package::SkillPath::from_bytes(name).shown().to_owned()
}

/// Looks at names: where members would be written, and which would overwrite which.
fn names(archive: &mut Archive) {
    let mut odd = Vec::new();
    let mut exact: BTreeMap<&[u8], &Member> = BTreeMap::new();
    let mut folded: BTreeMap<String, &Member> = BTreeMap::new();
    for member in &archive.members {
        let name = shown(&member.name);
        for label in leaves(&member.name) {
            odd.push(oddity(
                label,
                member.range.clone(),
                format!("`{name}` is written outside the folder it is unpacked in"),
            ));
        }
        match member.entry {
            Entry::Special => {
                odd.push(oddity("special", member.range.clone(), format!("`{name}` is a device, pipe or socket")));
            }
            Entry::Symlink | Entry::HardLink => {
                let target = shown(&member.bytes);
                let leads_out = match member.entry {
                    Entry::Symlink => link_leaves(&member.name, &member.bytes),
                    _ => !leaves(&member.bytes).is_empty(),
                };
                if leads_out {
                    let note = format!("`{name}` is a link to `{target}`, outside the archive");
                    odd.push(oddity("link-outside", member.range.clone(), note));
                }
            }
            Entry::Directory => continue,
            Entry::File => {}
        }
        if let Some(other) = exact.insert(&member.name, member) {
            if other.bytes != member.bytes {
                let note = format!("`{name}` is in it twice with different content");
                odd.push(oddity("duplicate", member.range.clone(), note));
            }
        } else {
            let key: String = name.nfc().flat_map(char::to_lowercase).collect();
            if let Some(other) = folded.insert(key, member) {
                let note = format!("`{name}` and `{}` are one file on many systems", shown(&other.name));
                odd.push(oddity("collision", member.range.clone(), note));
            }
        }
    }
    archive.oddities.extend(odd);
}

/// Ways in which a name leads out of the folder that it is unpacked in.
pub(crate) fn leaves(name: &[u8]) -> Vec<&'static str> {
    let mut found = Vec::new();
    if name.contains(&0) {
        found.push("nul");
    }
    if name.starts_with(b"/") || name.starts_with(b"\\") || matches!(name, [b'a'..=b'z' | b'A'..=b'Z', b':', ..]) {
        found.push("absolute");
    }
    let mut depth = 0_i64;
    for part in name.split(|b| matches!(b, b'/' | b'\\')) {
        depth += match part {
            b"" | b"." => 0,
            b".." => -1,
            _ => 1,
        };
        if depth < 0 {
            found.push("climbs");
            break;
        }
    }
    found
}

/// Whether a link at `name` leads out of the folder that both are in.
pub(crate) fn link_leaves(name: &[u8], target: &[u8]) -> bool {
    if target.starts_with(b"/") || target.starts_with(b"\\") || target.starts_with(b"~") || target.get(1) == Some(&b':')
    {
        return true;
    }
    let folder = name.iter().rposition(|b| *b == b'/').map_or(&b""[..], |at| name.get(..at).unwrap_or(b""));
    let joined = [folder, b"/", target].concat();
    leaves(joined.strip_prefix(b"/").unwrap_or(&joined)).contains(&"climbs")
}

/// Passwords that a text names: the token after a word for password, and arguments of unpackers.
pub(crate) fn passwords(text: &str) -> Vec<String> {
    use std::sync::LazyLock;

    use regex::Regex;
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)(?:pass(?:word|code|phrase|wd)?|pwd|pw|пароль|密码|密碼|解压码|パスワード|contraseña|passwort|kennwort|",
            r"mot de passe|senha|암호|비밀번호)",
            r#"[\s*_`"':：=\-–—]{0,6}(?:is|are|ist|es|est|é|to open|for the archive|:|：|=)?[\s*_`"':：=«“(]{0,6}([^\s`"'<>*,;»”)]{2,64})"#
        ))
        .expect("pattern is constant")
    });
    static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"\b(?:unzip|7z[az]?|unrar|bsdtar|tar|zip)\b[^\n|;&]*?\s(?:-P\s+|-p|--passphrase[= ])["']?([^\s"']{1,64})"#)
            .expect("pattern is constant")
    });
    let found = NAMED.captures_iter(text).chain(ARGUMENT.captures_iter(text));
    found.filter_map(|found| found.get(1)).map(|word| word.as_str().trim_end_matches(['.', ':']).to_owned()).collect()
}
