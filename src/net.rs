//! The only code that speaks to a network. Nothing here is on the path of a scan.

pub mod probe;
