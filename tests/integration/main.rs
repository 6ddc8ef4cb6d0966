//! Everything that is proved through the program itself, in one binary.

mod audit;
mod clawhub_cli;
mod cli;
mod common;
mod context;
mod diff;
mod evidence;
mod gate;
mod gate_install;
mod gate_server;
mod hashes;
mod hostile;
mod indicators;
mod install_policy;
mod installs;
mod mock;
mod openclaw;
mod output;
mod packages;
mod packs;
mod places;
mod records;
mod schema;
mod shadowed;
mod targets;
mod verify;
