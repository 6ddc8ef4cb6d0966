//! What keeps a scan from happening at all. Findings are never errors.

use std::io;

/// Why nothing could be scanned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path cannot be looked at.
    #[error("{path}: {}", reason(cause))]
    Unreadable {
        /// Escaped for a terminal.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
    /// Device, socket or pipe.
    #[error("{path}: neither a file nor a directory")]
    NotAFile {
        /// Escaped for a terminal.
        path: String,
    },
    /// No file anywhere.
    #[error("{path}: nothing to look at")]
    Empty {
        /// Escaped for a terminal.
        path: String,
    },
}

fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory",
        io::ErrorKind::PermissionDenied => "may not be read",
        _ => "cannot be read",
    }
}
