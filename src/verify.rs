//! Whether an installed skill is what its records say: the files on disk
//! against lock files, origin records and pins. Offline, and read-only but for
//! pins; a record proves no more than whoever could write it.

pub mod record;
pub(crate) mod strict;
