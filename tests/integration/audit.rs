//! The host audit, through the program and through the library, on hosts that the tests make.

mod agent;
mod application;
mod bind;
mod defects;
mod fix;
mod host;
mod layers;
mod network;
mod outcomes;
mod program;
mod real;
mod registry;
mod samples;
mod sqlite;
mod system;
mod tunnel;
mod versions;
