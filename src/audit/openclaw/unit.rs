//! Service units that start a gateway: what they run, with which environment. Drop-ins count over the unit.

use std::path::{Path, PathBuf};

use super::super::check::Evidence;
use super::super::host::{Entry, FILE_BYTES, Host, Unread, User};

/// Most units that are looked through.
const UNITS: usize = 2_000;
/// What a program or package that is a gateway is called, or was.
pub(super) const NAMES: [&str; 4] = ["openclaw", "clawdbot", "moltbot", "moldbot"];

/// A setting with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The name before the equals sign.
    pub name: String,
    /// What follows; may be secret.
    pub value: String,
    /// The unit, or a drop-in of it.
    pub file: PathBuf,
    /// Which line of it, from 1.
    pub line: usize,
}

impl Assigned {
    /// The place, without the value.
    pub fn evidence(&self) -> Evidence {
        Evidence::path(&self.file).key(&self.name).line(Some(self.line))
    }
}

/// A systemd service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name, such as `openclaw-gateway.service`.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// Whether it is one of a user's own, for `systemctl --user`.
    pub is_users: bool,
    /// All files that say something about it, drop-ins included.
    pub files: Vec<PathBuf>,
    /// Everything in its `[Service]` sections, in order.
    settings: Vec<Assigned>,
}

impl Unit {
    /// Reads a unit with its drop-ins, which lie in `folder` beside others of its name.
    ///
    /// # Errors
    /// If the unit itself cannot be read.
    pub fn read(host: &Host, entry: &Entry, is_users: bool) -> Result<Self, Unread> {
        let name = entry.text();
        let mut unit = Self { file: entry.path.clone(), name, is_users, files: Vec::new(), settings: Vec::new() };
        unit.add(host, &entry.path)?;
        let folder = entry.path.with_file_name(format!("{}.d", unit.name));
        for drop_in in host.list_if(folder, |name| name.ends_with(".conf")).unwrap_or_default() {
            // A drop-in that cannot be read leaves the rest known.
            let _ = unit.add(host, &drop_in.path);
        }
        Ok(unit)
    }

    fn add(&mut self, host: &Host, file: &Path) -> Result<(), Unread> {
        let text = host.text(file, FILE_BYTES)?;
        self.files.push(file.to_owned());
        let mut section = String::new();
        for (line, text) in joined(&text) {
            if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else if let Some((name, value)) = text.split_once('=').filter(|_| section == "Service") {
                let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                // An empty value takes back what came before.
                if value.is_empty() {
                    self.settings.retain(|setting| setting.name != name);
                } else {
                    self.settings.push(Assigned { name, value, file: file.to_owned(), line });
                }
            }
        }
        Ok(())
    }

    /// The last setting of this name.
    pub fn get(&self, name: &str) -> Option<&Assigned> {
        self.settings.iter().rev().find(|setting| setting.name == name)
    }

    /// All settings of this name.
    pub fn all<'u>(&'u self, name: &'u str) -> impl Iterator<Item = &'u Assigned> {
        self.settings.iter().filter(move |setting| setting.name == name)
    }

    /// The words of its last command.
    pub fn command(&self) -> Vec<String> {
        let command = self.get("ExecStart").map(|setting| setting.value.trim_start_matches(['-', '@', '+', '!', ':']));
        words(command.unwrap_or_default())
    }

    /// The value of an option of its command, as in `--bind lan` or `--bind=lan`. The value may be secret.
    pub fn option(&self, name: &str) -> Option<Assigned> {
        let place = self.get("ExecStart")?;
        let words = self.command();
        let value = words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(name) {
            Some("") => words.get(index + 1).cloned(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        });
        Some(Assigned { name: name.to_owned(), value: value?, ..place.clone() })
    }

    /// A variable that it sets. The value may be secret.
    pub fn variable(&self, name: &str) -> Option<Assigned> {
        let set = self.settings.iter().rev().filter(|setting| setting.name == "Environment");
        set.into_iter().find_map(|setting| {
            let words = words(&setting.value);
            let value = words.iter().rev().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
            Some(Assigned { name: name.to_owned(), value: value.to_owned(), ..setting.clone() })
        })
    }

    /// Whether its command starts a gateway.
    pub fn is_gateway(&self) -> bool {
        let words = self.command();
        let is_program = |word: &String| NAMES.iter().any(|name| word.contains(name));
        let is_named = NAMES.iter().any(|name| self.name.starts_with(&format!("{name}-gateway")));
        is_named || (words.iter().any(is_program) && words.iter().any(|word| word == "gateway"))
    }
}

/// Units that start a gateway: those of the user, and those of the system.
pub fn gateway_units(host: &Host, user: &User) -> Vec<Unit> {
    let own = [".config/systemd/user", ".local/share/systemd/user"].map(|folder| user.home.join(folder));
    let system = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];
    let own = own.into_iter().chain([PathBuf::from("/etc/systemd/user")]).map(|folder| (folder, true));
    let all = own.chain(system.into_iter().map(|folder| (PathBuf::from(folder), false)));
    let mut found: Vec<Unit> = Vec::new();
    for (folder, is_users) in all {
        let is_packaged = folder.starts_with("/usr");
        let wanted = |name: &str| {
            let is_named = NAMES.iter().any(|own| name.contains(own));
            // Thousands of units come with a system; those that someone wrote are few.
            name.ends_with(".service") && (is_named || !is_packaged)
        };
        for entry in host.list_if(&folder, wanted).unwrap_or_default().iter().take(UNITS) {
            // A masked unit is a link to nothing, and not every file may be read.
            let Ok(unit) = Unit::read(host, entry, is_users) else { continue };
            let is_his = is_users || unit.get("User").map_or("root", |user| user.value.as_str()) == user.name;
            if is_his && unit.is_gateway() && !found.iter().any(|other| other.name == unit.name) {
                found.push(unit);
            }
        }
    }
    found
}

/// Lines that end in a backslash go on; comments and empty lines are left out. Each with its number, from 1.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(['#', ';']) || (line.is_empty() && open.is_none()) {
            continue;
        }
        let (number, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        let (content, goes_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        whole.push_str(content);
        if goes_on {
            whole.push(' ');
            open = Some((number, whole));
        } else {
            out.push((number, whole));
        }
    }
    out.extend(open);
    out
}

/// Words as systemd splits them: quotes hold together, a backslash escapes.
pub(in crate::audit) fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => out.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}
