//! Everything that is proved through the program itself, in one binary.

mod cli;
mod common;
mod context;
mod evidence;
mod flows;
mod hostile;
mod indicators;
mod lookalikes;
mod output;
mod packages;
mod packs;
mod places;
mod schema;
mod shadowed;
mod targets;
