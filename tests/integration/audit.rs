//! The host audit, through the program and through the library, on hosts that the tests make.

mod application;
mod bind;
mod host;
mod network;
mod real;
mod registry;
mod system;
mod tunnel;
