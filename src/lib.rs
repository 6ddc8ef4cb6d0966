//! `skillscan` decides whether an agent skill may be trusted on this machine.
//!
//! One stream, one module and one public function an arrow:
//!
//! ```text
//! directory ─ package::discover ─▶ Package ─ expand ─▶ Expanded ─ analyze ─▶
//!     Finding | Gap ─ policy ─▶ Report ─ report::{terminal,json} ─▶ bytes
//! ```
//!
//! A package is read into memory and never changes. [`expand`] parses every
//! file and cuts or decodes everything readable out of it into an arena of
//! artifacts, each with its way back to a byte range of a file. The engines in
//! [`analyze`] then run once, read-only, over that closed set; [`policy`] is
//! the only code that grades. Nothing that is scanned is ever run, and nothing
//! inside a package configures the scanner.

pub mod advisory;
pub mod analyze;
pub mod archive;
pub mod artifact;
pub mod audit;
pub mod cli;
pub mod decode;
pub mod diff;
pub mod error;
pub mod expand;
pub mod fact;
pub mod finding;
pub mod flow;
pub mod gate;
pub mod hashes;
pub mod limits;
pub mod net;
pub mod nightly;
pub mod notify;
pub mod package;
pub mod parse;
pub mod place;
pub mod policy;
pub mod private;
pub mod process;
pub mod quarantine;
pub mod report;
pub mod rule;
pub mod ruleset;
pub mod sandbox;
pub mod scan;
pub mod schedule;
pub mod state;
pub mod text;
pub mod verify;
pub mod watch;

pub use error::Error;
pub use limits::Limits;
pub use policy::{Policy, Verdict};
pub use report::Report;
pub use ruleset::Ruleset;
pub use scan::{Progress, Scanner};
