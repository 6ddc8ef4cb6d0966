//! The only code that speaks to a network: HTTP with caps on everything, and
//! the registry on top of it. Nothing here is on the path of a scan.

pub mod error;
pub mod http;
pub mod probe;
pub mod registry;

pub use error::Error;
pub use http::Client;
