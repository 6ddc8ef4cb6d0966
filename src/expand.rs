//! From files to everything that can be read in them: a worklist that parses
//! and decodes until nothing new comes out, inside the limits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crate::analyze::install::{Advised, Install};
use crate::archive::{self, Locked, Room};
use crate::artifact::{Arena, Artifact, ArtifactId, Derivation, Map, Op, Span};
use crate::decode;
use crate::fact::{Fact, FactKind};
use crate::finding::{Gap, GapKind};
use crate::flow::fold;
use crate::flow::interpret::{self, Folded, FoldedRole, Outcome, Unit};
use crate::flow::ir::{Language, Module};
use crate::flow::value::UNKNOWN;
use crate::limits::Limits;
use crate::package::{Package, SkillPath, discover};
use crate::parse::format::{Format, Group};
use crate::parse::shell::Command;
use crate::parse::{self, Body, Child, Kind, Parsed};
use crate::ruleset::Ruleset;
use crate::text;

mod followed;

/// A package with all that was derived from it: a closed set for the analyzers.
pub struct Expanded {
    /// Files and derived artifacts.
    pub arena: Arena,
    /// What the parsers saw.
    pub facts: Vec<(ArtifactId, Fact)>,
    /// The commands in it.
    pub commands: Vec<(ArtifactId, Command)>,
    /// What manifests install.
    pub installs: Vec<Install>,
    /// Entries of manifests and lock files that advisories are about.
    pub advised: Vec<(ArtifactId, Advised)>,
    /// Malformed text that was scanned all the same.
    pub malformed: Vec<(Span, String)>,
    /// Where values went, by the programs that were followed together.
    pub flows: Vec<(Vec<ArtifactId>, Outcome)>,
    /// What was not followed.
    pub gaps: Vec<Gap>,
}

#[derive(Default)]
struct Spent {
    blobs: usize,
    bytes: usize,
    is_reported: bool,
}

struct Expansion<'a> {
    limits: &'a Limits,
    out: Expanded,
    queue: Vec<ArtifactId>,
    seen: HashSet<(u64, Span, Kind)>,
    spent: HashMap<Arc<SkillPath>, Spent>,
    derived: usize,
    derived_bytes: usize,
    /// Bytes that were parsed as code.
    code: usize,
    /// Whether facts were left out.
    is_full: bool,
    /// Texts on which a parser ran into the backstop.
    timeouts: usize,
    /// Programs whose values are not followed yet.
    modules: Vec<(ArtifactId, Module)>,
    /// Members that a password would open.
    locked: Vec<(ArtifactId, Locked)>,
}

/// After so many texts that stall a parser, no further one of the package is parsed.
const TIMEOUTS: usize = 3;
/// Times that what was folded may hold programs that are followed in turn.
const FLOW_ROUNDS: usize = 4;

/// Expands a package to its closed set of artifacts.
pub fn expand(package: &Package, rules: &Ruleset, limits: &Limits) -> Expanded {
    let out = Expanded {
        arena: Arena::default(),
        facts: Vec::new(),
        commands: Vec::new(),
        installs: Vec::new(),
        advised: Vec::new(),
        malformed: Vec::new(),
        flows: Vec::new(),
        gaps: Vec::new(),
    };
    let mut expansion = Expansion {
        limits,
        out,
        queue: Vec::new(),
        seen: HashSet::new(),
        spent: HashMap::new(),
        derived: 0,
        derived_bytes: 0,
        code: 0,
        is_full: false,
        timeouts: 0,
        modules: Vec::new(),
        locked: Vec::new(),
    };
    for file in &package.files {
        let id = expansion.root(&file.path, &file.bytes, Kind::identify(&file.path, &file.bytes));
        expansion.queue.push(id);
    }
    // What is read and run first comes first, and what lies in a file right after it: budgets then go to what
    // matters, and do not depend on later files.
    expansion.queue.sort_by_key(|id| (rank(expansion.out.arena.get(*id).path.as_ref()), *id));
    expansion.queue.reverse();
    for link in &package.links {
        // A link has no bytes that were read; it is there to be pointed at.
        expansion.root(&link.path, &Arc::from([]), Kind::Binary(Format::Unknown));
    }
    if let Some(packed) = &package.packed {
        // Its members are the files of the package.
        let id = expansion.root(&packed.file.path, &packed.file.bytes, Kind::Binary(packed.format));
        expansion.out.facts.extend(packed.facts.iter().map(|fact| (id, fact.clone())));
        expansion.locked.extend(packed.locked.iter().map(|locked| (id, locked.clone())));
    }
    expansion.windows(package);
    expansion.run();
    expansion.unlock();
    for _ in 0..FLOW_ROUNDS {
        if !expansion.follow(rules) {
            break;
        }
    }
    expansion.out
}

impl Expansion<'_> {
    fn root(&mut self, path: &Arc<SkillPath>, bytes: &Arc<[u8]>, kind: Kind) -> ArtifactId {
        self.out.arena.push(|id| Artifact {
            id,
            path: Arc::clone(path),
            member: None,
            bytes: Arc::clone(bytes),
            kind,
            depth: 0,
            derivation: None,
            body: Body::None,
        })
    }

    /// Parts of files that are too large to be held whole; they stand at the end of what was read of the file.
    fn windows(&mut self, package: &Package) {
        for (index, file) in package.files.iter().enumerate() {
            let parent = ArtifactId(index as u32);
            for window in &file.windows {
                let end = file.bytes.len();
                let child = Child::made(Op::Window, end..end, window.to_vec());
                self.add(parent, &file.path, child);
            }
        }
    }

    fn run(&mut self) {
        while let Some(id) = self.queue.pop() {
            self.open(id);
        }
    }

    /// Tries the passwords that the package names on its encrypted members.
    fn unlock(&mut self) {
        let mut candidates: Option<Vec<String>> = None;
        let mut tries = 0;
        while let Some((id, locked)) = self.locked.pop() {
            let candidates = candidates.get_or_insert_with(|| self.passwords());
            let artifact = self.out.arena.get(id);
            let (path, bytes) = (Arc::clone(&artifact.path), Arc::clone(&artifact.bytes));
            let open =
                candidates.iter().filter(|_| locked.method.is_some()).take(self.limits.passwords).find_map(|word| {
                    tries += locked.range.len() / 1024 + 1;
                    if tries > PASSWORD_WORK {
                        return None;
                    }
                    archive::zip::unlock(&bytes, &locked, word, Room::inside(self.limits))
                });
            let name = SkillPath::from_bytes(&locked.name);
            let Some(content) = open else {
                let why = format!("`{}` is encrypted", name.shown());
                self.out.gaps.push(Gap::new(GapKind::Encrypted, path.shown(), why));
                continue;
            };
            let note = format!("`{}` opens with a password that the package names", name.shown());
            self.out.facts.push((id, Fact::new(FactKind::Archive, locked.range.clone(), note).label("password-named")));
            self.add(id, &path, Child::made(Op::ArchiveMember, locked.range, content).named(&locked.name));
            self.run();
        }
    }

    fn passwords(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        for artifact in self.out.arena.iter().filter(|a| a.is_file() && !a.kind.is_binary()) {
            found.extend(archive::passwords(&text::view(&artifact.bytes)));
        }
        found.into_iter().collect()
    }

    fn open(&mut self, id: ArtifactId) {
        let artifact = self.out.arena.get(id);
        let (path, bytes, kind) = (Arc::clone(&artifact.path), Arc::clone(&artifact.bytes), artifact.kind);
        let named = artifact.member.clone().unwrap_or_else(|| Arc::clone(&path));
        let op = artifact.derivation.as_ref().map(|d| d.op);
        let (is_slice, is_file, depth) = (artifact.is_slice(), artifact.is_file(), artifact.depth);
        let limits = &Limits { code_bytes: self.limits.code_bytes.saturating_sub(self.code), ..self.limits.clone() };
        if self.timeouts >= TIMEOUTS && kind.is_code() {
            let why = "other files of the package stalled the parsers; patterns scanned this one";
            self.out.gaps.push(Gap::new(GapKind::Timeout, path.shown(), why));
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut parsed = parse::parse(&named, kind, op, &bytes, limits);
            if is_file && !holds_files(kind) && archive::zip::ends_in_directory(&bytes) {
                // Unpackers look for the directory at the end and do not mind what comes first.
                let whole =
                    Child { kind: Kind::Binary(Format::Zip), ..Child::cut(Op::Trailer, &bytes, 0..bytes.len()) };
                parsed.children.push(whole);
            }
            let is_readable = matches!(kind, Kind::Binary(Format::Unknown)) || !kind.is_binary();
            if is_file && is_readable && bytes.len() <= limits.parse_bytes {
                transcode(&named, &bytes, &mut parsed);
            }
            if !kind.is_binary() && !is_slice {
                let text = text::view(&bytes);
                parsed.facts.extend(decode::unicode::facts(&text));
                if is_file || op == Some(Op::Transcoded) {
                    parsed.facts.extend(decode::layout::facts(&text, kind));
                }
                if depth < limits.decode_depth {
                    parsed.children.extend(decode::layers(&text, kind));
                }
            }
            parsed
        }));
        match result {
            Ok(parsed) => self.take(id, &path, parsed),
            Err(_) => self.out.gaps.push(Gap::new(
                GapKind::Panicked,
                path.shown(),
                format!("the {} parser failed on it", kind.name()),
            )),
        }
    }

    fn take(&mut self, id: ArtifactId, path: &Arc<SkillPath>, parsed: Parsed) {
        self.code += parsed.code;
        self.modules.extend(parsed.module.map(|module| (id, *module)));
        self.out.arena.get_mut(id).body = parsed.body;
        let room = self.limits.facts.saturating_sub(self.out.facts.len());
        if parsed.facts.len() > room && !std::mem::replace(&mut self.is_full, true) {
            let why = format!("more than {} commands and the like in one package", self.limits.facts);
            self.out.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
        }
        self.out.facts.extend(parsed.facts.into_iter().take(room).map(|fact| (id, fact)));
        let room = self.limits.facts.saturating_sub(self.out.commands.len());
        if parsed.commands.len() > room && !std::mem::replace(&mut self.is_full, true) {
            let why = format!("more than {} commands and the like in one package", self.limits.facts);
            self.out.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
        }
        self.out.commands.extend(parsed.commands.into_iter().take(room).map(|command| (id, command)));
        self.out.malformed.extend(parsed.malformed.into_iter().map(|(range, why)| (Span::new(id, range), why)));
        self.locked.extend(parsed.locked.into_iter().map(|locked| (id, locked)));
        self.timeouts += parsed.skipped.iter().filter(|(kind, _)| *kind == GapKind::Timeout).count();
        self.out.gaps.extend(parsed.skipped.into_iter().map(|(kind, why)| Gap::new(kind, path.shown(), why)));
        let first = self.queue.len();
        for child in parsed.children {
            self.add(id, path, child);
        }
        if let Some(added) = self.queue.get_mut(first..) {
            added.reverse();
        }
    }

    /// Follows the values of the programs at hand and reads what that folds; whether there was anything.
    fn follow(&mut self, rules: &Ruleset) -> bool {
        let mut modules = std::mem::take(&mut self.modules);
        if modules.is_empty() {
            return false;
        }
        if modules.len() > interpret::MODULES {
            modules.truncate(interpret::MODULES);
            let why = format!("values are followed through {} programs only", interpret::MODULES);
            self.out.gaps.push(Gap::new(GapKind::OverLimit, ".", why));
        }
        let texts: Vec<_> = modules.iter().map(|(id, _)| Arc::clone(&self.out.arena.get(*id).bytes)).collect();
        let views: Vec<_> = texts.iter().map(|bytes| text::lines(text::view(bytes))).collect();
        let artifacts: Vec<ArtifactId> = modules.iter().map(|(id, _)| *id).collect();
        let units: Vec<Unit<'_>> = modules
            .iter()
            .zip(&views)
            .map(|((id, module), text)| {
                let artifact = self.out.arena.get(*id);
                let path = if artifact.is_file() { artifact.named().shown().to_owned() } else { String::new() };
                Unit { module, text, path, catalogue: rules.catalogues.get(module.language) }
            })
            .collect();
        let steps = self.limits.flow_steps;
        let files = self.files();
        let package = |path: &str| files.get(path).and_then(|id| constant(self.out.arena.get(*id)));
        let Ok(outcome) =
            catch_unwind(AssertUnwindSafe(|| interpret::run(&units, &package, self.paths(&units), steps)))
        else {
            self.out.gaps.push(Gap::new(GapKind::Panicked, ".", "following values failed on this package"));
            return false;
        };
        let languages: Vec<Language> = units.iter().map(|unit| unit.module.language).collect();
        // Under their names first: the same text without one is the same text.
        for (id, child) in self.for_agents(&artifacts, &outcome.hits, rules) {
            let path = Arc::clone(&self.out.arena.get(id).path);
            self.add(id, &path, child);
        }
        for folded in &outcome.folded {
            let (Some(id), Some(language)) =
                (artifacts.get(folded.place.module as usize), languages.get(folded.place.module as usize))
            else {
                continue;
            };
            let path = Arc::clone(&self.out.arena.get(*id).path);
            if let Some(child) = folded_child(folded, *language) {
                self.add(*id, &path, child);
            }
        }
        for (id, child) in self.scripts(&artifacts, &outcome.traces) {
            let path = Arc::clone(&self.out.arena.get(id).path);
            self.add(id, &path, child);
        }
        if let Some(first) = artifacts.first().filter(|_| outcome.is_cut) {
            let path = self.out.arena.get(*first).path.shown().to_owned();
            let why = "values are followed through a part of the programs only (limit flow_steps)";
            self.out.gaps.push(Gap::new(GapKind::OverLimit, &path, why));
        }
        self.out.flows.push((artifacts, outcome));
        self.run();
        true
    }

    /// Files of the package by path.
    fn files(&self) -> HashMap<String, ArtifactId> {
        let files = self.out.arena.iter().filter(|artifact| artifact.is_file());
        files.map(|artifact| (artifact.named().shown().to_owned(), artifact.id)).collect()
    }

    fn add(&mut self, parent: ArtifactId, path: &Arc<SkillPath>, child: Child) {
        let input = Span::new(parent, child.range);
        let mut hasher = DefaultHasher::new();
        child.bytes.hash(&mut hasher);
        let (located, layers) = self.out.arena.locate(input);
        let outer = self.out.arena.get(parent);
        let is_decoding = child.op.is_decoding();
        let depth = outer.depth + u8::from(is_decoding);
        let (member, kind) = match child.name {
            Some(name) => (Some(Arc::new(name)), child.kind),
            // A compressed file is named after what it holds.
            None if child.op == Op::Inflated => match outer.named().shown().rsplit_once('.') {
                Some((stem, _)) => {
                    let name = SkillPath::from_bytes(stem.as_bytes());
                    let kind = Kind::identify(&name, &child.bytes);
                    (Some(Arc::new(name)), kind)
                }
                None => (outer.member.clone(), child.kind),
            },
            None => (outer.member.clone(), child.kind),
        };
        // The same bytes out of the same place, read in the same way, are one artifact, whichever way they came.
        if !self.seen.insert((hasher.finish(), located, kind)) {
            return;
        }
        let opened = |op: Op| layers.iter().filter(|layer| layer.op == op).count();
        let is_nested =
            [Op::ArchiveMember, Op::Inflated].iter().any(|op| child.op == *op && opened(*op) >= self.limits.nesting);
        self.derived += 1;
        self.derived_bytes += child.bytes.len();
        let spent = self.spent.entry(Arc::clone(path)).or_default();
        if is_decoding {
            spent.blobs += 1;
            spent.bytes += child.bytes.len();
        }
        let why = if self.derived > self.limits.derived_artifacts {
            format!("more than {} parts in one package", self.limits.derived_artifacts)
        } else if self.derived_bytes > self.limits.derived_bytes {
            format!("more than {} bytes of parts in one package", self.limits.derived_bytes)
        } else if is_nested {
            format!("archives nested deeper than {} levels were not opened", self.limits.nesting)
        } else if layers.len() >= self.limits.derivation_depth {
            format!("parts nested deeper than {} levels were not opened", self.limits.derivation_depth)
        } else if spent.blobs > self.limits.decode_blobs {
            format!("more than {} encoded parts; the rest was not decoded", self.limits.decode_blobs)
        } else if spent.bytes > self.limits.decode_bytes {
            format!("more than {} bytes of encoded parts; the rest was not decoded", self.limits.decode_bytes)
        } else {
            self.out.arena.push(|id| {
                self.queue.push(id);
                Artifact {
                    id,
                    path: Arc::clone(path),
                    member,
                    bytes: child.bytes.into(),
                    kind,
                    depth,
                    derivation: Some(Derivation { op: child.op, inputs: vec![input], map: child.map }),
                    body: Body::None,
                }
            });
            return;
        };
        if !std::mem::replace(&mut spent.is_reported, true) {
            self.out.gaps.push(Gap::new(GapKind::OverLimit, path.shown(), why));
        }
    }
}

/// A folded text as an artifact, if any engine has a use for it.
fn folded_child(folded: &Folded, language: Language) -> Option<Child> {
    let range = folded.place.start as usize..folded.place.end as usize;
    // A variable that is not set stands for what is not known.
    let text = folded.text.replace(UNKNOWN, "${_}");
    let is_command = parse::shell::worth_parsing(&text);
    let made = |op: Op| Child::made(op, range.clone(), text.clone().into_bytes());
    Some(match folded.role {
        FoldedRole::Command => made(Op::ProcessCall).of_kind(Kind::Shell),
        FoldedRole::Code => made(Op::Folded).of_kind(match language {
            Language::JavaScript => Kind::JavaScript,
            Language::Python => Kind::Python,
            Language::Shell => Kind::Shell,
        }),
        FoldedRole::Program(language) => made(Op::ShellArgument).of_kind(match language {
            Language::JavaScript => Kind::JavaScript,
            Language::Python => Kind::Python,
            Language::Shell => Kind::Shell,
        }),
        FoldedRole::Plain if is_command => made(Op::Folded).of_kind(Kind::Shell),
        FoldedRole::Plain if text.contains("://") || text.len() > 40 => made(Op::Folded),
        FoldedRole::Plain => return None,
    })
}

/// A file's content as programs get it: text, or a character for each byte; `None` for one that is too long.
fn constant(artifact: &Artifact) -> Option<Rc<str>> {
    (artifact.bytes.len() <= fold::LONGEST).then(|| fold::bytes_text(artifact.bytes.to_vec()).into())
}

/// Whether files inside it are read by its own reader.
fn holds_files(kind: Kind) -> bool {
    matches!(kind, Kind::Binary(format) if matches!(format.group(), Group::Archive | Group::Document))
}

/// In which order files are looked at: documents of the skill, what runs by itself, the rest.
fn rank(path: &SkillPath) -> u8 {
    let name = path.name().to_ascii_lowercase();
    if discover::is_skill_name(Path::new(&name)) {
        return 0;
    }
    let runs_by_itself = matches!(
        name.as_str(),
        "package.json" | "setup.py" | "conftest.py" | "sitecustomize.py" | "makefile" | "install.sh" | "setup.sh"
    );
    let is_hidden = path.shown().split('/').any(|part| part.starts_with('.') && part.len() > 1);
    if runs_by_itself || is_hidden || path.shown().contains("hooks/") { 1 } else { 2 }
}

/// KiB of encrypted data that passwords are tried on.
const PASSWORD_WORK: usize = 64 * 1024;

/// Adds the text as its author meant it, where that is not UTF-8.
fn transcode(path: &SkillPath, bytes: &[u8], parsed: &mut Parsed) {
    let Some((text, encoding)) = decode::encoding::transcoded(bytes) else { return };
    parsed.malformed.push((0..0, format!("is not UTF-8; it was read as {encoding} as well")));
    let text = text.into_bytes();
    let child = Child {
        op: Op::Transcoded,
        range: 0..bytes.len(),
        kind: Kind::identify(path, &text),
        bytes: text,
        map: Map::Opaque,
        name: None,
    };
    parsed.children.push(child);
    // What is text in another encoding has no strings to be picked out.
    parsed.children.retain(|child| child.op != Op::Strings);
}
