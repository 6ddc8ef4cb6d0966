//! Whatever a server, an archive or a caller sends: nothing panics, and no
//! path leads out of where a skill is written to.

use std::path::{Component, Path};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use skillscan::Limits;
use skillscan::gate::{contents, policy, reference};

/// Parts of names that lead elsewhere, or mean something to someone.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "..", ".", "", "/", "//", "\\", "a", "B", "C:", "SKILL.md", "skill.MD", "\0", "\n", "\u{202e}", "é", "e\u{301}", ".clawhub", "origin.json",
    "node_modules", "~", "@", "@alice/", "demo", "1.0.0", "latest", "plugin:", "clawhub:", "skills-sh:", "%2e%2e", " ", "-",
];

/// What requests are made of.
#[rustfmt::skip]
const JSON: &[&str] = &[
    "{", "}", "[", "]", ":", ",", "\"protocolVersion\":1", "\"targetType\":\"skill\"", "\"sourcePath\":\"/tmp\"", "\"origin\":{\"type\":\"doctor\"}",
    "\"skill\":{\"installSpec\":{\"kind\":\"download\"}}", "null", "1e999", "\"\\ud800\"", "\u{0}", " ",
];

fn joined(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(parts), 0..12).prop_map(|parts| parts.concat())
}

/// A tar archive with members of these names.
fn tar(names: &[String]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_old();
        let field = &mut header.as_old_mut().name;
        let length = name.len().min(field.len());
        field[..length].copy_from_slice(&name.as_bytes()[..length]);
        header.set_size(1);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, &b"x"[..]).expect("memory takes all");
    }
    archive.into_inner().expect("an archive ends")
}

proptest! {
    #[test]
    fn unpacked_paths_stay_below(names in vec(joined(PARTS), 1..6)) {
        let Some(contents) = contents::unpack(&tar(&names), &Limits::default()) else { return Ok(()) };
        for file in &contents.files {
            let path = Path::new(&file.path);
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{}", file.path);
            prop_assert!(!file.path.contains(['\\', '\0', '\n']) && !file.path.is_empty(), "{:?}", file.path);
        }
    }

    #[test]
    fn any_bytes_can_be_unpacked(bytes in vec(any::<u8>(), 0..2048), head in select(vec![&b""[..], b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08"])) {
        contents::unpack(&[head, &bytes].concat(), &Limits::default());
    }

    #[test]
    fn references_name_what_they_say(text in joined(PARTS)) {
        let Ok(reference::Reference::Skill { name, at }) = reference::parse(&text, Path::new("/no/such/folder")) else {
            return Ok(());
        };
        let is_word = |text: &str| !text.is_empty() && !text.contains(['/', '\\', '\0', '\n', ' ', '@', '%', '?', '#']) && !text.contains("..");
        prop_assert!(is_word(&name.slug) && name.owner.as_deref().is_none_or(is_word), "{name:?}");
        prop_assert!(at.as_deref().is_none_or(|at| !at.is_empty() && !at.contains(['/', '?', '#', '%'])), "{at:?}");
    }

    #[test]
    fn requests_are_read_or_refused(text in joined(JSON)) {
        if let Ok(policy::Request::Install { path, .. }) = policy::parse(text.as_bytes()) {
            prop_assert!(path.is_absolute());
        }
    }
}
