//! Checks and their documents are the same set, and the program explains both.

use std::collections::BTreeSet;

use skillscan::audit::{CheckId, Document, checks};

use super::super::common::{fixtures, run};

#[test]
fn every_check_has_a_document_and_every_document_a_check() {
    let documents = Document::all().unwrap_or_else(|why| panic!("{why}"));
    let written: BTreeSet<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    let built: Vec<&str> = checks().iter().map(|check| check.id).collect();
    assert_eq!(built.iter().copied().collect::<BTreeSet<_>>(), written);
    assert_eq!(built.len(), written.len(), "a check is listed twice");
}

#[test]
fn titles_of_checks_fit_a_table() {
    for document in Document::all().unwrap_or_else(|why| panic!("{why}")) {
        let title = &document.meta.title;
        assert!(
            title.chars().count() < 70 && !title.contains('|') && !title.ends_with('.'),
            "{}: {title}",
            document.id
        );
        assert!(!document.meta.fix.is_empty() && !document.meta.fix.ends_with('.'), "{}", document.id);
    }
}

#[test]
fn unknown_id_is_no_check() {
    assert!(CheckId::new("L4.bind-live").is_some());
    assert!(CheckId::new("L4.nothing").is_none());
}

#[test]
fn program_lists_and_explains_checks() {
    let listed = run(&fixtures(), &["rules", "list"]);
    assert!(listed.stdout.contains("L4.bind-live"), "{}", listed.stdout);
    let explained = run(&fixtures(), &["rules", "explain", "L4.bind-live"]);
    assert_eq!(explained.code, 0);
    assert!(explained.stdout.contains("layer application") && explained.stdout.contains("## What to do"));
    let near = run(&fixtures(), &["rules", "explain", "bind-live"]);
    assert!(near.code == 2 && near.stderr.contains("L4.bind-live"), "{}", near.stderr);
}

#[test]
fn page_on_the_hardening_guide_names_checks_that_exist() {
    let page = std::fs::read_to_string(fixtures().join("../signatures/HARDENING.md")).expect("the page is there");
    let documents = Document::all().unwrap_or_else(|why| panic!("{why}"));
    let layers: BTreeSet<&str> = documents.iter().map(|document| document.meta.layer.prefix()).collect();
    let mut named = 0;
    for word in page.split('`') {
        let Some((prefix, name)) = word.split_once('.') else { continue };
        let is_id = name.chars().all(|c| c.is_ascii_lowercase() || c == '-') && layers.contains(prefix);
        if is_id {
            named += 1;
            assert!(CheckId::new(word).is_some(), "there is no check {word}");
        }
    }
    assert!(named > 10, "only {named} checks are named");
}
