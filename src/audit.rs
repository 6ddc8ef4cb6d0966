//! Whether this host is fit to run an agent gateway. Every check is one small function with one document; all of them
//! read the host through [`Host`], change nothing on it, and ask the network only where `--probe` names an address.

pub mod check;
#[cfg(target_os = "linux")]
pub mod fix;
#[cfg(target_os = "linux")]
pub mod host;
#[cfg(target_os = "linux")]
pub mod openclaw;
pub mod reach;
#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
mod agent;
#[cfg(target_os = "linux")]
mod application;
#[cfg(target_os = "linux")]
pub mod baseline;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod identity;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod os;
#[cfg(target_os = "linux")]
mod transport;

#[cfg(target_os = "linux")]
pub mod sqlite;

pub use check::{Answer, CheckId, Document, Evidence, Layer, Missing, Obtained, Repair, Seen, Status};
pub use reach::Reach;
#[cfg(target_os = "linux")]
pub use run::{Check, Context, Options, checks, run};

use crate::finding::Severity;

/// An answer with the check that gave it.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Which check.
    pub id: CheckId,
    /// Its layer.
    pub layer: Layer,
    /// Its answer.
    pub answer: Answer,
}

/// What an audit looked at.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// The host's own name.
    pub name: String,
    /// The directory that holds it, `/` for this machine.
    pub root: String,
    /// Whether it was running.
    pub is_live: bool,
    /// Whether root looked.
    pub is_root: bool,
    /// Whose OpenClaw was looked at.
    pub users: Vec<String>,
    /// State directories with the version, if it is known.
    pub installations: Vec<(String, Option<String>)>,
}

/// What an audit came to.
#[derive(Debug, Clone)]
pub struct Audit {
    /// What it looked at.
    pub subject: Subject,
    /// Date of the advisory data, `YYYY-MM-DD`.
    pub data_date: String,
    /// All answers, by layer and check.
    pub checks: Vec<Checked>,
}

impl Audit {
    /// Answers of this status.
    pub fn of(&self, status: Status) -> impl Iterator<Item = &Checked> {
        self.checks.iter().filter(move |checked| checked.answer.status == status)
    }

    /// What is wrong, the worst first.
    pub fn problems(&self) -> Vec<&Checked> {
        let mut found: Vec<&Checked> = self.of(Status::Fail).chain(self.of(Status::Warn)).collect();
        found.sort_by(|one, other| {
            let key = |checked: &Checked| (checked.answer.status, checked.answer.severity);
            key(other).cmp(&key(one)).then((one.layer, one.id).cmp(&(other.layer, other.id)))
        });
        found
    }

    /// What was not looked at for want of root, of the network or of a running host; how to look is said.
    pub fn unchecked(&self) -> impl Iterator<Item = &Checked> {
        self.of(Status::Unknown).filter(|checked| checked.answer.missing != Some(Missing::Other))
    }

    /// What could not be looked at for any other reason.
    pub fn unknown(&self) -> impl Iterator<Item = &Checked> {
        self.of(Status::Unknown).filter(|checked| checked.answer.missing == Some(Missing::Other))
    }

    /// The worst severity of what is wrong.
    pub fn worst(&self) -> Option<Severity> {
        self.of(Status::Fail).chain(self.of(Status::Warn)).map(|checked| checked.answer.severity).max()
    }
}
