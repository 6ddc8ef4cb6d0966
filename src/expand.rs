//! From files to everything that can be read in them: a worklist that parses
//! and decodes until nothing new comes out, inside the limits.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::artifact::{Arena, Artifact, ArtifactId, Derivation, Map, Op, Span};
use crate::decode;
use crate::fact::Fact;
use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::{Package, SkillPath};
use crate::parse::{self, Body, Child, Kind, Parsed};
use crate::text;

/// A package with all that was derived from it: a closed set for the analyzers.
pub struct Expanded {
    /// Files and derived artifacts.
    pub arena: Arena,
    /// What the parsers saw.
    pub facts: Vec<(ArtifactId, Fact)>,
    /// Malformed text that was scanned all the same.
    pub malformed: Vec<(Span, String)>,
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
    seen: HashSet<(u64, Span)>,
    spent: HashMap<Arc<SkillPath>, Spent>,
    derived: usize,
    derived_bytes: usize,
    /// Texts on which a parser ran into the backstop.
    timeouts: usize,
}

/// After so many texts that stall a parser, no further one of the package is parsed.
const TIMEOUTS: usize = 3;

/// Expands a package to its closed set of artifacts.
pub fn expand(package: &Package, limits: &Limits) -> Expanded {
    let out = Expanded { arena: Arena::default(), facts: Vec::new(), malformed: Vec::new(), gaps: Vec::new() };
    let mut expansion = Expansion {
        limits,
        out,
        queue: Vec::new(),
        seen: HashSet::new(),
        spent: HashMap::new(),
        derived: 0,
        derived_bytes: 0,
        timeouts: 0,
    };
    for file in &package.files {
        let id = expansion.out.arena.push(|id| Artifact {
            id,
            path: Arc::clone(&file.path),
            bytes: Arc::clone(&file.bytes),
            kind: Kind::identify(&file.path, &file.bytes),
            depth: 0,
            derivation: None,
            body: Body::None,
        });
        expansion.queue.push(id);
    }
    // Files in order, and what lies in a file right after it: budgets then do not depend on later files.
    for link in &package.links {
        // A link has no bytes that were read; it is there to be pointed at.
        expansion.out.arena.push(|id| Artifact {
            id,
            path: Arc::clone(&link.path),
            bytes: Arc::from([]),
            kind: Kind::Binary,
            depth: 0,
            derivation: None,
            body: Body::None,
        });
    }
    expansion.queue.reverse();
    while let Some(id) = expansion.queue.pop() {
        expansion.open(id);
    }
    expansion.out
}

impl Expansion<'_> {
    fn open(&mut self, id: ArtifactId) {
        let artifact = self.out.arena.get(id);
        let (path, bytes, kind) = (Arc::clone(&artifact.path), Arc::clone(&artifact.bytes), artifact.kind);
        let op = artifact.derivation.as_ref().map(|d| d.op);
        let (is_slice, depth) = (artifact.is_slice(), artifact.depth);
        let limits = self.limits;
        if self.timeouts >= TIMEOUTS && kind.is_code() {
            let why = "other files of the package stalled the parsers; patterns scanned this one";
            self.out.gaps.push(Gap::new(GapKind::Timeout, path.shown(), why));
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut parsed = parse::parse(&path, kind, op, &bytes, limits);
            if kind == Kind::Binary {
                if let Some(text) = decode::utf16(&bytes) {
                    let child = Child {
                        op: Op::Utf16,
                        range: 0..bytes.len(),
                        kind: Kind::identify(&path, text.as_bytes()),
                        bytes: text.into_bytes(),
                        map: Map::Opaque,
                    };
                    parsed.children.push(child);
                }
            } else if !is_slice {
                let text = text::view(&bytes);
                parsed.facts.extend(decode::unicode::facts(&text));
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
        self.out.arena.get_mut(id).body = parsed.body;
        self.out.facts.extend(parsed.facts.into_iter().map(|fact| (id, fact)));
        self.out.malformed.extend(parsed.malformed.into_iter().map(|(range, why)| (Span::new(id, range), why)));
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

    fn add(&mut self, parent: ArtifactId, path: &Arc<SkillPath>, child: Child) {
        let input = Span::new(parent, child.range);
        let mut hasher = DefaultHasher::new();
        child.bytes.hash(&mut hasher);
        let (located, layers) = self.out.arena.locate(input);
        // The same bytes out of the same place are one artifact, whichever way they came.
        if !self.seen.insert((hasher.finish(), located)) {
            return;
        }
        let is_decoding = child.op.is_decoding();
        let depth = self.out.arena.get(parent).depth + u8::from(is_decoding);
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
                    bytes: child.bytes.into(),
                    kind: child.kind,
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
