//! The host audit, through the program and through the library, on hosts that the tests make.

mod bind;
mod host;
mod registry;
