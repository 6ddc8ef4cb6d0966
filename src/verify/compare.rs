//! The comparison itself: every hash that a record claims against the files
//! that lie there now, and what lies there without any record.

use std::collections::BTreeSet;

use sha2::Digest;

use super::record::{Claims, FOLDERS, Origin};
use super::records::{Found, Records};
use super::{
    Change, Check, Difference, HashKind, Integrity, Outcome, Part, Problem, ProblemKind, Source, Status, Subject, Tree,
    contradict, shown,
};
use crate::hashes::{self, FileHash, Lines, Sha256};
use crate::limits::Limits;
use crate::package::open_unfollowed;

/// Most files of a skill among which the one that was added is searched for.
const SEARCHED: usize = 200;

/// Compares a skill with its records. Returns what was read of it as well, if anything was.
pub fn check(subject: &Subject, records: &Records, limits: &Limits) -> (Integrity, Option<Tree>) {
    let mut found = Integrity::default();
    let entries = records.entries(&subject.place);
    let origin = contradict::origin(subject, &mut found);
    contradict::problems(subject, records, &entries, origin.as_ref(), &mut found);
    let claims = claims(records, subject, &entries, origin.as_ref());
    if claims.is_empty() {
        found.status = status(&found, !entries.is_empty());
        return (found, None);
    }
    let tree = Tree::read(&subject.folder, limits);
    let mut comparison = Comparison { subject, tree: &tree, attested: BTreeSet::new(), found };
    claims.into_iter().for_each(|claim| comparison.compare(claim, records));
    comparison.unattested();
    let mut found = comparison.found;
    found.unread.clone_from(&tree.unread);
    found.differences.sort();
    found.differences.dedup();
    found.status = status(&found, !entries.is_empty());
    (found, Some(tree))
}

/// A hash that a record claims.
struct Claim {
    kind: HashKind,
    source: Source,
    record: String,
    expected: Option<Sha256>,
    /// Of the skill's own document: its path.
    path: Option<String>,
}

fn claims(
    records: &Records,
    subject: &Subject,
    entries: &[Found<'_>],
    origin: Option<&(String, Origin)>,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut add = |of: &Claims, source: Source, record: &str| {
        let path = of.skill_file.as_ref().map(|(path, _)| path.clone());
        let hashes = [
            (HashKind::FileTree, of.tree),
            (HashKind::SkillFile, of.skill_file.as_ref().map(|(_, hash)| *hash)),
            (HashKind::Fingerprint, of.fingerprint),
            (HashKind::ContentHash, of.content_hash),
        ];
        claims.extend(hashes.into_iter().filter(|(_, hash)| hash.is_some()).map(|(kind, expected)| Claim {
            kind,
            source,
            record: record.to_owned(),
            expected,
            path: path.clone(),
        }));
    };
    // The later one of two work directories' files is only a fallback.
    if let Some(entry) = entries.first() {
        add(&entry.entry.claims, Source::Lock, &shown(&entry.file.path));
        // Without an entry, whoever wrote the skill may have written its origin record as well.
        origin.iter().for_each(|(path, origin)| add(&origin.claims, Source::Skill, path));
    }
    let claim = |kind, source, record: String, expected| Claim { kind, source, record, expected, path: None };
    if let Some((file, hash)) = records.computed(&subject.place) {
        claims.push(claim(HashKind::ComputedHash, Source::SkillsLock, shown(&file.path), Some(hash)));
    }
    if records.pins.of(&subject.place).is_some() {
        claims.push(claim(HashKind::Manifest, Source::Pin, "pin".to_owned(), None));
    }
    claims
}

/// What all of it comes to.
pub(super) fn status(found: &Integrity, is_named: bool) -> Status {
    let has = |kind: ProblemKind| found.problems.iter().any(|problem| problem.kind == kind);
    let has_outcome = |outcome: &Outcome| found.checks.iter().any(|check| check.outcome == *outcome);
    if has_outcome(&Outcome::Different) {
        return Status::Modified;
    }
    if has(ProblemKind::Conflict) || has(ProblemKind::Downgraded) {
        return Status::Conflict;
    }
    if found.changed(Change::Unattested).any(|difference| difference.part != Part::Inert) {
        return Status::Unattested;
    }
    if has_outcome(&Outcome::Same) && found.unread.is_empty() {
        return Status::Matches;
    }
    if has(ProblemKind::Malformed) {
        return Status::BadRecord;
    }
    if is_named || !found.checks.is_empty() { Status::Unknown } else { Status::NoRecord }
}

struct Comparison<'a> {
    subject: &'a Subject,
    tree: &'a Tree,
    /// Paths that a hash which is the same covers.
    attested: BTreeSet<String>,
    found: Integrity,
}

impl Comparison<'_> {
    fn compare(&mut self, claim: Claim, records: &Records) {
        let outcome = match (claim.kind, claim.expected) {
            (HashKind::Fingerprint, Some(expected)) => self.lines(expected, Lines::Fingerprint),
            (HashKind::ContentHash, Some(expected)) => self.lines(expected, Lines::ContentHash),
            (HashKind::FileTree, Some(expected)) => self.file_tree(expected),
            (HashKind::SkillFile, Some(expected)) => self.skill_file(claim.path.as_deref().unwrap_or(""), expected),
            (HashKind::ComputedHash, Some(expected)) => self.computed(expected),
            (HashKind::Manifest, _) => self.pin(records),
            (_, None) => return,
        };
        // What could not be read may be what differs, and what was read may be all there was.
        let outcome = match outcome {
            Outcome::Different if !self.tree.unread.is_empty() && claim.kind != HashKind::SkillFile => {
                Outcome::Unknown("not all of it could be read".to_owned())
            }
            outcome => outcome,
        };
        let Claim { kind, source, record, expected, .. } = claim;
        self.found.checks.push(Check { kind, source, record, expected, outcome });
    }

    fn lines(&mut self, expected: Sha256, kind: Lines) -> Outcome {
        let covered = match self.tree.covered(&self.subject.folder) {
            Ok(covered) => covered,
            Err(problem) => return Outcome::Unknown(problem),
        };
        if hashes::is_ambiguous(&covered) {
            return Outcome::Unknown(
                "a file's name holds a line feed, so that the hash may be that of others".to_owned(),
            );
        }
        if hashes::is_hash_of(expected, &covered, kind) {
            self.attest(&covered);
            return Outcome::Same;
        }
        // The registry hashes hidden files of a repository as well.
        let outside: Vec<FileHash> =
            self.tree.hashes().into_iter().filter(|file| !hashes::is_record(&file.path)).collect();
        if kind == Lines::ContentHash && hashes::is_hash_of(expected, &outside, kind) {
            self.attest(&outside);
            return Outcome::Same;
        }
        self.search_added(&covered, |files| match kind {
            Lines::Fingerprint => hashes::fingerprint(files) == expected,
            Lines::ContentHash => hashes::content_hash(files) == expected,
        });
        Outcome::Different
    }

    /// If the hash is that of all files but one, that one was added.
    fn search_added(&mut self, files: &[FileHash], is_it: impl Fn(&[FileHash]) -> bool) {
        if files.len() > SEARCHED {
            return;
        }
        for (index, added) in files.iter().enumerate() {
            let others: Vec<FileHash> =
                files.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, file)| file.clone()).collect();
            if is_it(&others) {
                let part = self.tree.file(&added.path).map_or(Part::Inert, |file| file.part);
                self.found.differences.push(Difference { path: added.path.clone(), change: Change::Added, part });
                return;
            }
        }
    }

    fn file_tree(&mut self, expected: Sha256) -> Outcome {
        let is_in = |path: &&(String, String)| !hashes::is_record(&path.0);
        let links: Vec<Difference> = self
            .tree
            .links
            .iter()
            .filter(is_in)
            .map(|(path, _)| Difference { path: path.clone(), change: Change::Added, part: Part::Link })
            .collect();
        let files = self.tree.hashes();
        if hashes::tree_sha256(&files, &self.tree.folders) == expected {
            let covered: Vec<FileHash> = files.into_iter().filter(|file| !hashes::is_record(&file.path)).collect();
            self.attest(&covered);
            if links.is_empty() {
                return Outcome::Same;
            }
        } else {
            let folders = self.tree.folders.clone();
            let outside: Vec<FileHash> = files.into_iter().filter(|file| !hashes::is_record(&file.path)).collect();
            self.search_added(&outside, |files| hashes::tree_sha256(files, &folders) == expected);
        }
        // OpenClaw installs no links, so that whatever is one came later.
        self.found.differences.extend(links);
        Outcome::Different
    }

    fn skill_file(&mut self, path: &str, expected: Sha256) -> Outcome {
        let change = match self.tree.file(path) {
            Some(file) if file.hash.sha256 == expected => {
                let covered = [file.hash.clone()];
                self.attest(&covered);
                return Outcome::Same;
            }
            Some(_) => Change::Changed,
            None => Change::Removed,
        };
        self.found.differences.push(Difference { path: path.to_owned(), change, part: Part::Instruction });
        Outcome::Different
    }

    fn computed(&mut self, expected: Sha256) -> Outcome {
        let paths: Vec<&str> = self.tree.files.iter().map(|file| file.hash.path.as_str()).collect();
        let content = |path: &str, hasher: &mut sha2::Sha256| {
            let mut file = open_unfollowed(&self.subject.folder.join(path))?;
            let mut writer = Hashing(hasher);
            std::io::copy(&mut file, &mut writer).map(drop)
        };
        match hashes::computed_hash(&paths, content) {
            Ok(found) if found == expected => {
                let covered: Vec<FileHash> =
                    self.tree.hashes().into_iter().filter(|file| hashes::is_computed(&file.path)).collect();
                self.attest(&covered);
                Outcome::Same
            }
            Ok(_) => Outcome::Different,
            Err(error) => Outcome::Unknown(format!("could not be read: {}", error.kind())),
        }
    }

    fn pin(&mut self, records: &Records) -> Outcome {
        let Some(pin) = records.pins.of(&self.subject.place) else {
            return Outcome::Unknown("there is no pin".to_owned());
        };
        let differences = pin.manifest().differences(self.tree);
        let differing: BTreeSet<&str> = differences.iter().map(|difference| difference.path.as_str()).collect();
        let same = pin.files.iter().filter(|file| !differing.contains(file.path.as_str()));
        self.attested.extend(same.map(|file| file.path.clone()));
        if differences.is_empty() {
            return Outcome::Same;
        }
        self.found.differences.extend(differences);
        Outcome::Different
    }

    fn attest(&mut self, files: &[FileHash]) {
        self.attested.extend(files.iter().map(|file| file.path.clone()));
    }

    /// What no hash covers, if any hash is the same at all.
    fn unattested(&mut self) {
        let has = |is_it: fn(&Check) -> bool| self.found.checks.iter().any(is_it);
        // Where a hash over everything differs, nothing lies outside of what is told.
        let is_all_told = has(|check| {
            check.outcome == Outcome::Different && matches!(check.kind, HashKind::FileTree | HashKind::Manifest)
        });
        if is_all_told || !has(|check| check.outcome == Outcome::Same) {
            return;
        }
        let known: BTreeSet<String> = self.found.differences.iter().map(|difference| difference.path.clone()).collect();
        // The client reads one origin record; a second one is nobody's.
        let record = FOLDERS.iter().map(|folder| format!("{folder}/origin.json"));
        let record = record.into_iter().find(|path| self.tree.file(path).is_some());
        let is_open =
            |path: &str| !self.attested.contains(path) && !known.contains(path) && record.as_deref() != Some(path);
        let files = self.tree.files.iter().map(|file| (&file.hash.path, file.part));
        let links = self.tree.links.iter().map(|(path, _)| (path, Part::Link));
        let open = files.chain(links).filter(|(path, _)| is_open(path)).map(|(path, part)| Difference {
            path: path.clone(),
            change: Change::Unattested,
            part,
        });
        let open: Vec<Difference> = open.collect();
        self.found.differences.extend(open);
    }
}

/// A hash that content is written into.
struct Hashing<'a>(&'a mut sha2::Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A problem with a record.
pub(super) fn problem(kind: ProblemKind, record: &str, text: String) -> Problem {
    Problem { kind, record: record.to_owned(), text }
}
