//! Everything that is proved through the program itself, in one binary.

mod cli;
mod common;
mod context;
mod diff;
mod evidence;
mod hashes;
mod hostile;
mod indicators;
mod installs;
mod output;
mod packages;
mod packs;
mod places;
mod records;
mod schema;
mod shadowed;
mod targets;
mod verify;
