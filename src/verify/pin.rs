//! Records of our own, outside of all skills: what each file of a skill was
//! when the user said that it is right. Whoever runs as the same user can
//! change them; no installer and no skill's archive can.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::strict;
use super::tree::Tree;
use super::{Manifest, link_hash};
use crate::hashes::{FileHash, Sha256};
use crate::place::Environment;
use crate::private;

/// Largest file of pins, in bytes.
const BYTES: u64 = 128 * 1024 * 1024;
/// Version of its form.
const VERSION: u64 = 1;

/// What was pinned of one skill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pin {
    /// The version that its records named.
    pub version: Option<String>,
    /// Its files; a link is the hash of what it leads to.
    pub files: Vec<FileHash>,
}

impl Pin {
    /// A skill as it lies on disk.
    pub fn of(tree: &Tree, version: Option<String>) -> Self {
        let links = tree.links.iter().map(|(path, target)| link_hash(path, target));
        Self { version, files: tree.hashes().into_iter().chain(links).collect() }
    }

    /// The files as a manifest.
    pub fn manifest(&self) -> Manifest {
        Manifest { files: self.files.iter().map(|file| (file.path.clone(), file.clone())).collect(), is_whole: true }
    }
}

/// Pins by the place of each skill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// By the absolute path of the skill's folder.
    pub skills: BTreeMap<String, Pin>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    pins: BTreeMap<String, StoredPin>,
}

#[derive(Serialize, Deserialize)]
struct StoredPin {
    version: Option<String>,
    files: BTreeMap<String, (u64, String)>,
}

impl Pins {
    /// Where they are kept unless the user says otherwise: `skillscan/pins.json` in the user's state directory.
    pub fn path(environment: &Environment) -> Option<PathBuf> {
        Some(environment.state_directory()?.join("skillscan").join("pins.json"))
    }

    /// Reads them; none if there is no such file.
    ///
    /// # Errors
    /// In our words, if the file cannot be read or is malformed.
    pub fn load(path: &Path) -> Result<Self, String> {
        let Some(bytes) = strict::read(path, BYTES)? else { return Ok(Self::default()) };
        let value: Value = strict::parse(&bytes)?;
        let stored: Stored = serde_json::from_value(value).map_err(|error| format!("is not valid: {error}"))?;
        if stored.version != VERSION {
            return Err(format!("`version` is not {VERSION}"));
        }
        let mut pins = Self::default();
        for (place, pin) in stored.pins {
            let mut files = Vec::with_capacity(pin.files.len());
            for (path, (size, sha256)) in pin.files {
                let sha256: Sha256 = sha256.parse().map_err(|_| format!("a hash of {place} is none"))?;
                files.push(FileHash { path, size, sha256 });
            }
            pins.skills.insert(place, Pin { version: pin.version, files });
        }
        Ok(pins)
    }

    /// Writes them, for the user alone; a crash leaves the old or the new ones.
    ///
    /// # Errors
    /// If the folder or file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let pins = self.skills.iter().map(|(place, pin)| {
            let files = pin.files.iter().map(|file| (file.path.clone(), (file.size, file.sha256.to_string())));
            (place.clone(), StoredPin { version: pin.version.clone(), files: files.collect() })
        });
        let mut text = serde_json::to_string_pretty(&Stored { version: VERSION, pins: pins.collect() })?;
        text.push('\n');
        private::write(path, text.as_bytes())
    }

    /// The pin of the skill at a place.
    pub fn of(&self, place: &Path) -> Option<&Pin> {
        self.skills.get(&key(place))
    }

    /// Pins the skill at a place.
    pub fn set(&mut self, place: &Path, pin: Pin) {
        self.skills.insert(key(place), pin);
    }
}

fn key(place: &Path) -> String {
    crate::package::SkillPath::new(place).shown().to_owned()
}
