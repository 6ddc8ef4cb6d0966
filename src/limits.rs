//! Caps on what untrusted input may cost. Every limit counts work (bytes,
//! entries, nodes), never time, so a scan gives the same answer on any machine;
//! the one clock here is a backstop far above what the others allow.

use std::time::Duration;

/// Resource caps for untrusted input, passed down and never global.
///
/// What lies beyond a limit becomes a gap that names it (`meta/over-limit`).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest file that is read whole, in bytes.
    pub file_bytes: u64,
    /// Largest package, in bytes over all its files.
    pub package_bytes: u64,
    /// Most files and directories in one package.
    pub package_entries: usize,
    /// Longest nesting of directories below the scanned root.
    pub directory_depth: usize,
    /// Bytes of files held in memory by all workers together.
    pub in_flight_bytes: u64,
    /// Layers of decoding below a file.
    pub decode_depth: u8,
    /// Decoded blobs a file.
    pub decode_blobs: usize,
    /// Decoded bytes a file.
    pub decode_bytes: usize,
    /// Largest text that the Markdown, data and code parsers take, in bytes.
    pub parse_bytes: usize,
    /// Syntax nodes visited in one artifact.
    pub nodes: usize,
    /// Nesting of syntax (blocks, substitutions) that is followed.
    pub syntax_depth: usize,
    /// Layers of any kind below a file: blocks in blocks, strings in strings.
    pub derivation_depth: usize,
    /// Bytes of all artifacts derived from one package.
    pub derived_bytes: usize,
    /// Artifacts derived from one package.
    pub derived_artifacts: usize,
    /// Matches that one pattern may report in one artifact.
    pub pattern_matches: usize,
    /// Findings of one rule in one file; more are counted, not listed.
    pub findings_per_rule: usize,
    /// Wall clock of the pattern engine on one artifact.
    pub backstop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            file_bytes: 32 * MIB,
            package_bytes: 256 * MIB,
            package_entries: 50_000,
            directory_depth: 128,
            in_flight_bytes: 128 * MIB,
            decode_depth: 4,
            decode_blobs: 64,
            decode_bytes: 4 * MIB as usize,
            parse_bytes: 8 * MIB as usize,
            nodes: 2_000_000,
            syntax_depth: 200,
            derivation_depth: 16,
            derived_bytes: 128 * MIB as usize,
            derived_artifacts: 20_000,
            pattern_matches: 1_000,
            findings_per_rule: 20,
            backstop: Duration::from_secs(60),
        }
    }
}
