//! Scripts: what they may read of the package, and their commands as they run.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Expansion;
use crate::artifact::{ArtifactId, Map, Op, Piece};
use crate::flow::interpret::{Hit, TEXT_WRITE, Trace, Unit};
use crate::flow::ir::Language;
use crate::flow::value::UNKNOWN;
use crate::parse::shell::Command;
use crate::parse::{Child, Kind};
use crate::ruleset::Ruleset;

/// Files for agents that one package is taken to write.
const FOR_AGENTS: usize = 32;

impl Expansion<'_> {
    /// Files of the package that scripts may read, if there is a script.
    pub(super) fn paths(&self, units: &[Unit<'_>]) -> BTreeSet<String> {
        if !units.iter().any(|unit| unit.module.language == Language::Shell) {
            return BTreeSet::new();
        }
        let programs: HashSet<&str> = units.iter().map(|unit| unit.path.as_str()).collect();
        let files = self.out.arena.iter().filter(|artifact| artifact.is_file());
        files.map(|file| file.named().shown().to_owned()).filter(|path| !programs.contains(path.as_str())).collect()
    }

    /// Settings of agents that programs write, and what agents read at every start, as files of the names that they would
    /// have.
    pub(super) fn for_agents(
        &self,
        artifacts: &[ArtifactId],
        hits: &[Hit],
        rules: &Ruleset,
    ) -> Vec<(ArtifactId, Child)> {
        let mut texts = HashSet::new();
        let is_write = |hit: &&Hit| hit.class == "file-write" || hit.class == TEXT_WRITE;
        let written = hits.iter().filter(is_write).filter_map(|hit| {
            let id = *artifacts.get(hit.place.module as usize)?;
            let named = |class: &str| hit.paths.iter().find(|path| rules.paths.classes(path).contains(&class));
            let setting = || Some((named("agent-config")?, hit.content.iter().find(|text| text.starts_with('{'))?));
            let memory = || Some((named("agent-memory")?, hit.content.iter().find(|text| is_prose(text))?));
            let (kind, (path, text)) =
                memory().map(|found| (Some(Kind::Markdown), found)).or_else(|| setting().map(|found| (None, found)))?;
            let range = hit.place.start as usize..hit.place.end as usize;
            let child = Child::made(Op::Folded, range, text.as_bytes().to_vec()).named(path.as_bytes());
            let child = if let Some(kind) = kind { child.of_kind(kind) } else { child };
            texts.insert(text).then_some((id, child))
        });
        written.take(FOR_AGENTS).collect()
    }

    /// Scripts as they run.
    pub(super) fn scripts(&self, artifacts: &[ArtifactId], traces: &[Trace]) -> Vec<(ArtifactId, Child)> {
        let mut commands: HashMap<ArtifactId, Vec<&Command>> = HashMap::new();
        for (id, command) in self.out.commands.iter().filter(|_| !traces.is_empty()) {
            commands.entry(*id).or_default().push(command);
        }
        let known = |id: &ArtifactId| commands.get(id).map_or(&[][..], Vec::as_slice);
        let script = |trace: &Trace| {
            let id = artifacts.get(trace.module as usize)?;
            Some((*id, self.followed(*id, trace, known(id))?))
        };
        traces.iter().filter_map(script).collect()
    }

    /// Commands of a script as they run, if any of them does not stand there so.
    fn followed(&self, id: ArtifactId, trace: &Trace, commands: &[&Command]) -> Option<Child> {
        /// They only compute, look or go somewhere, unless they write a file.
        const QUIET: [&str; 20] = [
            "echo", "printf", "cat", "grep", "mktemp", "cd", "pwd", "mkdir", "ls", "jq", "command", "date", "wc",
            "read", "realpath", "which", "diff", "sort", "head", "tail",
        ];
        let known: HashSet<String> =
            commands.iter().map(|command| key(&command.name, &command.args, &command.outputs)).collect();
        let is_new = trace.lines.iter().filter(|line| !line.is_pure).any(|line| {
            let Some((name, args)) = line.words.split_first() else { return false };
            let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
            let is_quiet = QUIET.contains(&name.as_str()) && line.outputs.is_empty();
            !name.contains(UNKNOWN) && !is_quiet && !known.contains(&key(&name, args, &line.outputs))
        });
        let source = &self.out.arena.get(id).bytes;
        let pieces = trace.pieces.iter().flat_map(|(range, place)| {
            let piece = Piece {
                at: range.start as u32,
                from: place.start,
                len: range.len() as u32,
                from_len: place.end.saturating_sub(place.start),
            };
            let before = source.get(place.start as usize..place.end as usize);
            let is_same = before == trace.text.as_bytes().get(range.clone());
            // Of other text of the same length every part stands for the whole.
            if piece.len != piece.from_len || piece.len < 2 || is_same {
                return vec![piece];
            }
            let head = Piece { len: piece.len - 1, ..piece };
            vec![head, Piece { at: piece.at + head.len, len: 1, ..piece }]
        });
        let map = Map::Pieces(pieces.collect());
        let whole = 0..self.out.arena.get(id).bytes.len();
        is_new.then(|| Child {
            map,
            ..Child::made(Op::Followed, whole, trace.text.clone().into_bytes()).of_kind(Kind::Shell)
        })
    }
}

/// Whether a text has a sentence.
fn is_prose(text: &str) -> bool {
    text.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic)).nth(4).is_some()
        || text.chars().filter(|c| !c.is_ascii()).nth(12).is_some()
}

/// What is known of a command, without what parsers of words differ in.
fn key<T: AsRef<str>>(name: &str, args: &[T], outputs: &[T]) -> String {
    let mut all = format!("{name}\0");
    for word in args.iter().map(AsRef::as_ref) {
        // Data in braces is quoted in many ways.
        let is_data = word.contains('{');
        let is_left_out = |c: &char| c.is_whitespace() || *c == UNKNOWN || (is_data && matches!(c, '"' | '\'' | '\\'));
        all.extend(word.chars().filter(|c| !is_left_out(c)));
        if !is_data {
            all.push('\0');
        }
    }
    // Placeholders in angle brackets look like files.
    for path in
        outputs.iter().map(AsRef::as_ref).filter(|path| path.starts_with(['/', '~', '.']) && *path != "/dev/null")
    {
        all.push('>');
        all.push_str(path);
    }
    all
}
