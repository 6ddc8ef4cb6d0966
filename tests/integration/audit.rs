//! The host audit, through the program and through the library, on hosts that the tests make.

mod application;
mod bind;
mod host;
mod registry;
