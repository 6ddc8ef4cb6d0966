//! Caps on what untrusted input may cost. Every limit counts work (bytes,
//! entries, nodes), never time, so a scan gives the same answer on any machine;
//! the one clock here is a backstop far above what the others allow.

use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// Declares the limits in one table: each with what it is, its type and its default.
macro_rules! limits {
    ($($(#[doc = $meaning:literal])+ $name:ident: $kind:ty = $default:expr;)+) => {
        /// Resource caps for untrusted input, passed down and never global.
        ///
        /// What lies beyond a limit becomes a gap that names it (`meta/over-limit`).
        #[derive(Debug, Clone)]
        pub struct Limits {
            $($(#[doc = $meaning])+ pub $name: $kind,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Name, value and meaning of each limit.
            pub fn rows(&self) -> Vec<(&'static str, String, String)> {
                vec![$((
                    stringify!($name),
                    Shown::shown(&self.$name),
                    [$($meaning.trim()),+].join(" ").trim_end_matches('.').to_owned(),
                ),)+]
            }
        }
    };
}

limits! {
    /// Largest file that is read whole, in bytes; of a larger one the beginning, the end and parts between.
    file_bytes: u64 = 32 * MIB;
    /// Largest package, in bytes over all its files.
    package_bytes: u64 = 256 * MIB;
    /// Most files in one package.
    package_entries: usize = 50_000;
    /// Files and directories below one scanned root.
    root_entries: usize = 2_000_000;
    /// Longest nesting of directories below the scanned root.
    directory_depth: usize = 128;
    /// Bytes of memory that all workers together may take, estimated: fifty for each of a program, ten of other files.
    in_flight_bytes: u64 = 24 * MIB;
    /// Archives in archives that are opened.
    nesting: usize = 3;
    /// Bytes out of one compressed byte, beyond the first mebibyte.
    ratio: usize = 100;
    /// Bytes of one compressed stream inside a document or picture.
    inflated_bytes: usize = 8 * MIB as usize;
    /// Streams of one document that are read.
    document_streams: usize = 20_000;
    /// Passwords that are tried on encrypted members of one package.
    passwords: usize = 64;
    /// Layers of decoding below a file.
    decode_depth: u8 = 4;
    /// Decoded blobs a file.
    decode_blobs: usize = 64;
    /// Decoded bytes a file.
    decode_bytes: usize = 4 * MIB as usize;
    /// Largest text that the Markdown, data and code parsers take, in bytes.
    parse_bytes: usize = 8 * MIB as usize;
    /// Bytes of code in one package that are parsed.
    code_bytes: usize = 4 * MIB as usize;
    /// Syntax nodes visited in one artifact.
    nodes: usize = 2_000_000;
    /// Operations of programs that values are followed through, in one package.
    flow_steps: usize = 3_000_000;
    /// Nesting of syntax (blocks, substitutions) that is followed.
    syntax_depth: usize = 200;
    /// Layers of any kind below a file: blocks in blocks, strings in strings.
    derivation_depth: usize = 16;
    /// Bytes of all artifacts derived from one package, and of all members of an archive.
    derived_bytes: usize = 64 * MIB as usize;
    /// Artifacts derived from one package.
    derived_artifacts: usize = 20_000;
    /// Things that parsers report to the rules about one package: commands, hidden parts and the like.
    facts: usize = 20_000;
    /// Matches that one pattern may report in one artifact.
    pattern_matches: usize = 1_000;
    /// Findings of one rule in one file; more are counted, not listed.
    findings_per_rule: usize = 20;
    /// Wall clock of the pattern engine on one artifact.
    backstop: Duration = Duration::from_secs(60);
}

trait Shown {
    fn shown(&self) -> String;
}

/// Round numbers of bytes as people write them.
fn number(value: u64) -> String {
    let mib = value / MIB;
    if mib > 0 && value.is_multiple_of(MIB) {
        return format!("{mib} MiB");
    }
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

impl Shown for u64 {
    fn shown(&self) -> String {
        number(*self)
    }
}

impl Shown for usize {
    fn shown(&self) -> String {
        number(*self as u64)
    }
}

impl Shown for u8 {
    fn shown(&self) -> String {
        number((*self).into())
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        format!("{} s", self.as_secs())
    }
}
