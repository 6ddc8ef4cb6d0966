//! Whatever stands in a file of choices or in a baseline: nothing panics, and what is wrong is told with its place.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use skillscan::policy::Config;
use skillscan::policy::baseline::{Baseline, Entry};

/// What files of choices are made of, whole and broken.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "fail-on", "ignore-rules", "only-rules", "allowed-hosts", "allowed-publishers", "baseline", "severity", "suppress", "schema", "rule", "skill",
    "fingerprint", "reason", "expires", "author", " = ", "\"", "'", "[", "]", "[[", "]]", "{", "}", "\n", ",", ".", "*", "exec/*", "exec/remote-pipe",
    "\"warn\"", "\"*\"", "2999-01-01", "2999-13-01", "1", "\"example.com\"", "\"co.uk\"", "\"é\u{202e}\"", "\u{1b}", "\t", "#", "\\u00", "0x", "\r",
];

proptest! {
    #[test]
    fn choices_and_baselines_are_read_or_refused(parts in vec(select(PARTS), 0..40)) {
        let text = parts.concat();
        for told in [Config::parse("file", &text).err(), Baseline::parse("file", &text).err()].into_iter().flatten() {
            let told = told.to_string();
            prop_assert!(told.starts_with("file") || told.starts_with('`'), "{told:?}");
            prop_assert!(!told.contains(['\u{1b}', '\u{202e}', '\r']), "{told:?}");
        }
    }

    #[test]
    fn any_name_of_a_skill_survives_a_baseline(skill in any::<String>()) {
        let rule = "exec/remote-pipe".to_owned();
        let entry = Entry { skill, rule, fingerprint: "0123456789abcdef0123456789abcdef".to_owned() };
        let baseline = Baseline { entries: [entry].into() };
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("known.toml");
        baseline.save(&file).expect("it can be written");
        let text = std::fs::read_to_string(&file).expect("it is text");
        let read = Baseline::parse("known.toml", &text).expect("what was written is read");
        prop_assert_eq!(read.entries, baseline.entries);
    }
}
