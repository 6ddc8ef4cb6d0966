//! A rule's expression for whole texts matches what the plain expression matches, whatever is looked at first.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::bytes::RegexBuilder;
use skillscan::ruleset::lazy::Pattern;

/// Parts of expressions.
const PARTS: &[&str] = &[
    "a",
    "ab",
    "K",
    "-d",
    "ß",
    "[ab]",
    "[^a]",
    ".*",
    "a?",
    "(?:ab|-d)",
    "(?:a|)",
    "b+",
    "a{0,2}",
    r"\w",
    r"\b",
    "|",
    "$",
];
const PIECES: &[&str] = &["a", "b", "A", "B", "k", "K", "\u{212a}", "-d", "ß", "ẞ", "\n", " "];

proptest! {
    #![proptest_config(super::config(2048))]

    #[test]
    fn whole_patterns_match_as_plain_ones(
        flags in select(vec!["", "(?i)", "(?s)", "(?is)", "(?m)"]),
        parts in vec(select(PARTS), 1..6),
        texts in vec(vec(select(PIECES), 0..6), 1..8),
    ) {
        let source = format!("{flags}{}", parts.concat());
        let plain = RegexBuilder::new(&format!("^(?:{source})$")).unicode(!source.is_ascii()).build();
        prop_assume!(plain.is_ok());
        let (plain, pattern) = (plain.expect("it was built"), Pattern::whole(source.clone()).expect("its syntax is sound"));
        for text in texts.iter().map(|pieces| pieces.concat()) {
            prop_assert_eq!(pattern.is_match(&text), plain.is_match(text.as_bytes()), "{} on {:?}", source, text);
        }
    }
}
