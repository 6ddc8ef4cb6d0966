//! What the evaluation knows about a piece of shell data.

use std::collections::BTreeSet;
use std::ops::Range;

/// Stands in a shape for what is not known.
pub(super) const UNKNOWN: char = '\u{1a}';

/// Longest text that is followed, in bytes.
const LONGEST: usize = 256 * 1024;

/// A word, a stream or a file's content.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    /// The text, with [`UNKNOWN`] for each part that is not known.
    shape: String,
    /// Raw bytes, where decoding gave something that is not text.
    pub binary: bool,
    /// Addresses that it was fetched from.
    pub urls: Vec<String>,
    /// Whether a fetcher produced it (the address may be unknown).
    pub is_fetched: bool,
    /// The literal that a decoder turned into it.
    pub encoded: Option<Range<usize>>,
    /// Whether any decoder was on the way.
    pub is_decoded: bool,
    /// Where the value came into the text.
    pub range: Range<usize>,
    /// What happened to it since: `via-file`, `made-executable`, `quarantine-off`, `unpacked`,
    /// `from-name-service`.
    pub marks: BTreeSet<&'static str>,
}

impl Value {
    pub(super) fn literal(text: impl Into<String>, range: Range<usize>) -> Self {
        Self { shape: text.into(), range, ..Self::default() }
    }

    pub(super) fn unknown(range: Range<usize>) -> Self {
        Self::literal(UNKNOWN.to_string(), range)
    }

    /// The text, if all of it is known.
    pub(super) fn text(&self) -> Option<&str> {
        (!self.shape.contains(UNKNOWN) && !self.binary).then_some(self.shape.as_str())
    }

    /// The text with unknown parts marked.
    pub(super) fn shape(&self) -> &str {
        &self.shape
    }

    /// Whether there is nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.shape.is_empty() && !self.is_fetched && !self.is_decoded && !self.binary
    }

    /// This value with another text, keeping where it came from.
    pub(super) fn with_text(&self, text: impl Into<String>) -> Self {
        Self { shape: text.into(), ..self.clone() }
    }

    /// This value with its text no longer known.
    pub(super) fn obscured(&self) -> Self {
        self.with_text(UNKNOWN.to_string())
    }

    /// Appends another value: text after text, origins together.
    pub(super) fn append(&mut self, other: Self) {
        if self.range.is_empty() {
            self.range = other.range.clone();
        }
        if self.shape.len() + other.shape.len() > LONGEST {
            // Words that double themselves must not fill the memory.
            self.shape = UNKNOWN.to_string();
        } else {
            self.shape.push_str(&other.shape);
        }
        self.merge(other);
    }

    /// Either of two values (after a list or branch): texts are kept in order, origins together.
    pub(super) fn join(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
        } else if !other.is_empty() {
            if !self.shape.is_empty() && !other.shape.is_empty() {
                self.shape.push('\n');
            }
            self.append(other);
        }
    }

    fn merge(&mut self, other: Self) {
        self.binary |= other.binary;
        for url in other.urls {
            if self.urls.len() < 16 && !self.urls.contains(&url) {
                self.urls.push(url);
            }
        }
        self.is_fetched |= other.is_fetched;
        self.is_decoded |= other.is_decoded;
        self.encoded = self.encoded.take().or(other.encoded);
        self.marks.extend(other.marks);
    }
}
