//! Whatever texts packages choose: messages keep the limits of their channels, crontabs keep their other lines, and a
//! file of history that is anything is read as nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use skillscan::notify::{Message, payload};
use skillscan::schedule::cron;
use skillscan::state::{State, System};
use std::time::Duration;

fn message() -> impl Strategy<Value = Message> {
    let text = || prop_oneof![any::<String>(), "[`@*_<>|&\\[\\]()\u{1f600}]{0,300}"];
    (text(), vec(text(), 0..3), vec(vec(text(), 1..20), 0..40)).prop_map(|(title, about, entries)| Message {
        title,
        about,
        entries,
        value: Value::Null,
    })
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).expect("a text")
}

proptest! {
    #[test]
    fn messages_fit_and_hold_no_mark_up(message in message()) {
        let discord = payload::discord(&message);
        let content = text(&discord, "/content");
        prop_assert!(content.encode_utf16().count() <= 2000, "{}", content.len());
        prop_assert_eq!(content.matches('`').count(), 6);
        prop_assert!(!content.contains('@'));
        let telegram = payload::telegram(&message, "1");
        let content = text(&telegram, "/text");
        prop_assert!(content.encode_utf16().count() <= 4096);
        prop_assert!(!content.contains('@'));
        let slack = payload::slack(&message);
        prop_assert!(text(&slack, "/blocks/0/elements/1/elements/0/text").encode_utf16().count() <= 3000);
        prop_assert!(!text(&slack, "/text").contains(['<', '>', '@']));
        let mail = payload::mail(&message, "root");
        let (head, _) = mail.split_once("\n\n").expect("headers and a body");
        prop_assert_eq!(head.lines().count(), 6);
    }

    #[test]
    fn crontabs_keep_their_lines(table in "([ -~]{0,40}\n){0,5}[ -~]{0,10}", argument in "\\PC{0,20}") {
        let block = cron::block("/usr/bin/skillscan", std::slice::from_ref(&argument), "03:30");
        prop_assert_eq!(block.lines().count(), 3);
        let with = cron::with(&table, &block).expect("a whole crontab");
        prop_assert!(with.starts_with(&table));
        prop_assert_eq!(cron::with(&with, &block).expect("a whole crontab"), with.clone());
        let without = cron::without(&with).expect("a whole crontab");
        prop_assert_eq!(without.trim_end(), table.trim_end());
    }

    #[test]
    fn a_file_of_anything_is_no_history(bytes in vec(any::<u8>(), 0..5000), is_headed in any::<bool>()) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let head: &[u8] = if is_headed { b"redb\x1a\x0a\xa9\x0d\x0a" } else { b"" };
        std::fs::write(folder.path().join("history.redb"), [head, &bytes].concat()).expect("a new file");
        let mut state = State::open(folder.path(), Box::new(System), Duration::from_secs(1)).expect("nobody holds it");
        prop_assert!(state.load().is_err());
        prop_assert!(state.put_aside().is_ok());
        prop_assert!(state.load().is_ok_and(|history| history.runs.is_empty()));
    }
}
