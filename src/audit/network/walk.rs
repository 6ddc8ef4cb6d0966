//! The walk of a new connection through chains of rules. What a condition means that is not understood is unsure, and
//! never taken for a block.

use super::rules::{Chain, Match, Opening, Origin, Query, Rule, Table, Verdict};

/// Deepest nesting of chains that is followed, as in the kernel.
const DEPTH: usize = 16;
/// Most rules that one walk looks at.
const STEPS: usize = 200_000;
/// Most pieces that the rest of a connection's origins is told apart in.
const PIECES: usize = 64;

/// A part of all origins that no rule has decided yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Piece {
    origin: Origin,
    minus: Vec<Origin>,
}

impl Piece {
    fn is_empty(&self) -> bool {
        self.minus.iter().any(|minus| minus.holds(&self.origin))
    }

    /// What of it comes from there.
    fn within(&self, origin: &Origin) -> Option<Self> {
        let origin = self.origin.both(origin)?;
        let minus = self.minus.iter().filter(|minus| minus.both(&origin).is_some()).cloned().collect();
        let piece = Self { origin, minus };
        (!piece.is_empty()).then_some(piece)
    }

    /// What of it does not come from there.
    fn without(mut self, origin: &Origin) -> Option<Self> {
        // More than can be told apart stays open.
        if self.origin.both(origin).is_some() && self.minus.len() < PIECES {
            self.minus.push(origin.clone());
        }
        (!self.is_empty()).then_some(self)
    }
}

/// The walk of a new connection through the chains of a table.
pub(super) struct Walk<'r> {
    table: &'r Table,
    query: Query,
    openings: Vec<Opening>,
    steps: usize,
}

impl<'r> Walk<'r> {
    /// What a base chain lets in.
    pub(super) fn start(table: &'r Table, chain: &'r Chain, query: Query) -> Vec<Opening> {
        let mut walk = Walk { table, query, openings: Vec::new(), steps: 0 };
        let rest = walk.rules(chain, vec![Piece::default()], 0, true);
        if chain.accepts {
            for piece in rest {
                let evidence = table.evidence.clone().note("what no rule names is let in");
                walk.openings.push(Opening { origin: piece.origin, is_sure: true, evidence });
            }
        }
        walk.openings
    }

    /// Origins that a chain which another one leads to does not keep out.
    pub(super) fn through(table: &'r Table, name: &str, query: Query) -> Vec<Origin> {
        let mut walk = Walk { table, query, openings: Vec::new(), steps: 0 };
        let rest = walk.chain(name, vec![Piece::default()], 0, true);
        let accepted = walk.openings.into_iter().map(|opening| opening.origin);
        rest.into_iter().map(|piece| piece.origin).chain(accepted).collect()
    }

    /// What is left over of these pieces at the end of a chain.
    fn chain(&mut self, name: &str, pieces: Vec<Piece>, depth: usize, is_sure: bool) -> Vec<Piece> {
        match self.table.chains.get(name) {
            Some(chain) if depth < DEPTH => self.rules(chain, pieces, depth, is_sure),
            _ => pieces,
        }
    }

    fn rules(&mut self, chain: &'r Chain, mut pieces: Vec<Piece>, depth: usize, is_sure: bool) -> Vec<Piece> {
        let mut returned = Vec::new();
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > STEPS || pieces.is_empty() {
                break;
            }
            if rule.when.applies(self.query) && rule.verdict != Verdict::Nothing {
                pieces = self.rule(rule, pieces, &mut returned, depth, is_sure);
            }
        }
        returned.extend(pieces);
        returned.dedup();
        returned.truncate(PIECES);
        returned
    }

    fn rule(
        &mut self,
        rule: &Rule,
        pieces: Vec<Piece>,
        returned: &mut Vec<Piece>,
        depth: usize,
        is_sure: bool,
    ) -> Vec<Piece> {
        let is_whole = !rule.when.is_unsure && !rule.when.is_narrow && rule.when.destination.is_none();
        let is_sure_here = is_sure && !rule.when.is_unsure;
        let mut rest = Vec::new();
        for piece in pieces {
            let (hits, left) = split(&piece, &rule.when);
            if hits.is_empty() {
                rest.push(piece);
                continue;
            }
            // What is matched only perhaps goes on as well.
            let left = if is_whole { left } else { vec![piece] };
            rest.extend(left);
            match &rule.verdict {
                Verdict::Accept => self.openings.extend(hits.into_iter().map(|hit| Opening {
                    origin: hit.origin,
                    is_sure: is_sure_here,
                    evidence: rule.evidence.clone(),
                })),
                Verdict::Return if is_whole => returned.extend(hits),
                Verdict::Jump(name) => {
                    let out = self.chain(name, hits, depth + 1, is_sure_here);
                    rest.extend(out.into_iter().filter(|_| is_whole));
                }
                Verdict::Goto(name) => {
                    let out = self.chain(name, hits, depth + 1, is_sure_here);
                    returned.extend(out.into_iter().filter(|_| is_whole));
                }
                _ => {}
            }
        }
        rest.dedup();
        rest
    }
}

/// What of a piece a rule takes, and what it leaves.
fn split(piece: &Piece, when: &Match) -> (Vec<Piece>, Vec<Piece>) {
    let mut hits = Vec::new();
    let mut left = Some(piece.clone());
    let mut more = Vec::new();
    for origin in when.origins() {
        let Some(hit) = piece.within(&origin) else { continue };
        left = left.and_then(|left| left.without(&origin));
        more.extend(when.not.iter().filter_map(|not| hit.within(not)));
        let hit = when.not.iter().try_fold(hit, Piece::without);
        hits.extend(hit);
    }
    more.extend(left);
    (hits, more)
}
