//! Settings of the SSH server as it reads them: included files stand where they are included, the first value of a
//! keyword counts, and blocks under `Match` add to it for some connections.

use std::collections::BTreeMap;

use super::super::check::Evidence;
use super::super::host::{FILE_BYTES, Host, Unread};

/// The file that is read first.
pub(super) const CONF: &str = "/etc/ssh/sshd_config";
/// Deepest nesting of included files, as in sshd.
const DEPTH: usize = 16;
/// Most files in all.
const FILES: usize = 256;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its words, as written.
    pub(super) words: Vec<String>,
    /// The condition that it stands under; none if it counts for every connection.
    pub(super) under: Option<String>,
    /// Where it stands.
    pub(super) evidence: Evidence,
    /// Whether all that is read before it could be read, so that nothing else may count.
    is_sure: bool,
}

/// Settings of the SSH server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::audit) struct Ssh {
    /// All values by keyword in lower case, in the order in which they are read.
    settings: BTreeMap<String, Vec<Setting>>,
    /// Included files that could not be read: the setting may stand there.
    pub(super) unread: Vec<(String, Unread)>,
    files: usize,
}

/// Keywords of which every value counts.
const ALL: [&str; 7] = ["port", "listenaddress", "allowusers", "allowgroups", "denyusers", "denygroups", "hostkey"];

impl Ssh {
    /// Reads the settings.
    ///
    /// # Errors
    /// If there is no server, or its file cannot be read.
    pub(in crate::audit) fn read(host: &Host) -> Result<Self, Unread> {
        let mut found = Self::default();
        let text = host.text(CONF, FILE_BYTES)?;
        let mut under = None;
        found.lines(host, CONF, &text, &mut under, 0);
        Ok(found)
    }

    fn lines(&mut self, host: &Host, path: &str, text: &str, under: &mut Option<String>, depth: usize) {
        for (index, line) in text.lines().enumerate() {
            let words = words(line);
            let Some((keyword, rest)) = words.split_first() else { continue };
            let keyword = keyword.to_ascii_lowercase();
            match keyword.as_str() {
                "match" => {
                    let condition = rest.join(" ");
                    *under = Some(condition).filter(|condition| !condition.eq_ignore_ascii_case("all"));
                }
                // What is included under a condition stays under it, and a condition in it ends with it.
                "include" => {
                    for pattern in rest {
                        self.include(host, pattern, &mut under.clone(), depth);
                    }
                }
                _ => {
                    let evidence = Evidence::path(path).key(words.first().cloned().unwrap_or_default());
                    let evidence = evidence.line(Some(index + 1)).note(rest.join(" "));
                    let is_sure = self.unread.is_empty();
                    let setting = Setting { words: rest.to_vec(), under: under.clone(), evidence, is_sure };
                    self.settings.entry(keyword).or_default().push(setting);
                }
            }
        }
    }

    fn include(&mut self, host: &Host, pattern: &str, under: &mut Option<String>, depth: usize) {
        let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/ssh/{pattern}") };
        let Some((folder, name)) = pattern.rsplit_once('/') else { return };
        let glob = globset::GlobBuilder::new(name).literal_separator(true).build().map(|glob| glob.compile_matcher());
        let Ok(glob) = glob else { return };
        let entries = match host.list_if(folder, |name| !name.starts_with('.') && glob.is_match(name)) {
            Ok(entries) => entries,
            Err(why) => return self.unread.push((pattern, why)),
        };
        let before = under.clone();
        for entry in entries {
            self.files += 1;
            if depth >= DEPTH || self.files > FILES {
                return;
            }
            let path = entry.path.display().to_string();
            match host.text(&entry.path, FILE_BYTES) {
                Ok(text) => self.lines(host, &path, &text, under, depth + 1),
                Err(why) => self.unread.push((path, why)),
            }
            under.clone_from(&before);
        }
    }

    /// The value that counts for every connection.
    pub(super) fn get(&self, keyword: &str) -> Option<&Setting> {
        self.settings.get(keyword)?.iter().find(|setting| setting.under.is_none())
    }

    /// Whether what counts for every connection is known, and not set in a file that could not be read.
    pub(super) fn is_known(&self, keyword: &str) -> bool {
        self.get(keyword).map_or(self.unread.is_empty(), |setting| setting.is_sure)
    }

    /// All values that count for every connection, of a keyword that may stand more than once.
    pub(super) fn all(&self, keyword: &str) -> Vec<&Setting> {
        let found = self.settings.get(keyword).into_iter().flatten().filter(|setting| setting.under.is_none());
        if ALL.contains(&keyword) { found.collect() } else { found.take(1).collect() }
    }

    /// Values that count for some connections only.
    pub(super) fn conditional(&self, keyword: &str) -> Vec<&Setting> {
        self.settings.get(keyword).into_iter().flatten().filter(|setting| setting.under.is_some()).collect()
    }

    /// The value of a switch in lower case, or what counts without one.
    pub(super) fn value(&self, keyword: &str, default: &str) -> String {
        let written = self.get(keyword).and_then(|setting| setting.words.first());
        written.map_or_else(|| default.to_owned(), |word| word.to_ascii_lowercase())
    }

    /// Ports that it listens at.
    pub(in crate::audit) fn ports(&self) -> Vec<u16> {
        let number = |setting: &&Setting| setting.words.first()?.parse::<u16>().ok();
        let ports: Vec<u16> = self.all("port").iter().filter_map(number).collect();
        let usual = if ports.is_empty() { vec![22] } else { ports };
        // An address with a port of its own does not listen at the others.
        let mut found = Vec::new();
        let addresses = self.all("listenaddress");
        for setting in &addresses {
            let word = setting.words.first().map_or("", String::as_str);
            let own = if word.matches(':').count() == 1 || word.starts_with('[') {
                word.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok())
            } else {
                None
            };
            match own {
                Some(port) => found.push(port),
                None => found.extend(&usual),
            }
        }
        if addresses.is_empty() {
            found = usual;
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Words of a line: the keyword may be followed by an equals sign, quotes hold together, a number sign starts a comment.
fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for c in line.trim().chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '#' if !is_quoted && word.is_none() => break,
            '=' if !is_quoted && out.is_empty() => out.extend(word.take()),
            c if c.is_whitespace() && !is_quoted => out.extend(word.take()),
            // After the keyword an equals sign may stand alone.
            '=' if !is_quoted && out.len() == 1 && word.is_none() => {}
            c => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}
