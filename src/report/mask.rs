//! Secrets in what a report quotes: shape and length stay, the value goes.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Token formats that providers document, and values of secret-named keys.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        \b(?: sk-[A-Za-z0-9_-]{16,} | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,} | xox[abprs]-[A-Za-z0-9-]{10,}
          | AKIA[0-9A-Z]{16} | AIza[0-9A-Za-z_-]{30,} | glpat-[A-Za-z0-9_-]{16,} | npm_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{30,}
          | [0-9]{8,10}:[A-Za-z0-9_-]{35} | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,} )"#,
    )
    .expect("pattern is constant")
});

/// Text with each secret replaced, byte for byte, so that offsets stay true.
pub fn secrets(text: &str) -> String {
    match SECRET.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).map_or("", |m| m.as_str());
        let (shown, hidden) = whole.split_at(whole.len().min(4));
        format!("{shown}{}", "*".repeat(hidden.len()))
    }) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}
