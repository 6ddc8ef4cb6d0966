//! An installed skill against the list of files that its registry has: the
//! only record that nobody on this machine can write.

use super::{Change, Check, Difference, HashKind, Integrity, Manifest, Outcome, Source, Tree, compare};
use crate::hashes::FileHash;

/// A file that the registry writes itself, and may list with another hash later.
const CARD: &str = "skill-card.md";

/// Compares a skill with the files that the registry lists for its version; `record` is what the list is called.
pub fn compare(integrity: &mut Integrity, tree: &Tree, files: Vec<FileHash>, record: String) {
    let manifest = Manifest::published(files);
    let differences = manifest.differences(tree);
    let outcome = match differences.is_empty() {
        true if tree.unread.is_empty() => Outcome::Same,
        true => Outcome::Unknown("not all of it could be read".to_owned()),
        false => Outcome::Different,
    };
    // One that neither list nor pin knows may say anything.
    let is_pinned = integrity.checks.iter().any(|c| c.source == Source::Pin && c.outcome == Outcome::Same);
    let card = tree.file(CARD).filter(|file| !is_pinned && manifest.files.get(CARD) != Some(&file.hash));
    // What the registry lists is no longer without a record, whatever other records leave out.
    let is_same = |path: &str| manifest.files.contains_key(path) && !differences.iter().any(|d| d.path == path);
    integrity.differences.retain(|other| {
        let is_known = other.change == Change::Unattested && is_same(&other.path);
        !is_known && !differences.iter().any(|difference| difference.path == other.path)
    });
    integrity.differences.extend(differences);
    let unattested = |part| Difference { path: CARD.to_owned(), change: Change::Unattested, part };
    integrity.differences.extend(card.map(|file| unattested(file.part)));
    integrity.differences.sort();
    integrity.differences.dedup();
    push(integrity, record, outcome);
}

/// Says why there is no list to compare with.
pub fn unknown(integrity: &mut Integrity, record: String, why: String) {
    push(integrity, record, Outcome::Unknown(why));
}

fn push(integrity: &mut Integrity, record: String, outcome: Outcome) {
    integrity.records.push(record.clone());
    integrity.checks.push(Check {
        kind: HashKind::Manifest,
        source: Source::Registry,
        record,
        expected: None,
        outcome,
    });
    integrity.status = compare::status(integrity, integrity.key.is_some());
}
