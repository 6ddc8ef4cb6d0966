//! Variables of a running script. Branches and loops may be anywhere in the chain of calls, so what a region
//! changes is kept in one log for all of them.

use crate::flow::fast::FastMap;
use crate::flow::value::{Sym, Value};

/// A branch or loop that has begun.
#[derive(Default)]
struct Region {
    /// Length of the log when it began.
    mark: usize,
    /// What the first branch left.
    then: Option<FastMap<Sym, Value>>,
}

#[derive(Default)]
struct Kept {
    value: Value,
    /// Length of the log after the value was last put there.
    logged: usize,
}

/// Which branches were left early.
pub(in crate::flow::interpret) struct Ends {
    pub is_then_dead: bool,
    pub is_dead: bool,
    /// Only one branch was taken.
    pub is_only: bool,
}

/// Variables by name; names that begin with `@` or `(` are the shell's own.
#[derive(Default)]
pub(in crate::flow::interpret) struct Store {
    values: FastMap<Sym, Kept>,
    log: Vec<(Sym, Value)>,
    regions: Vec<Region>,
    /// Variables that functions have made their own, with what they were.
    pub(super) locals: Vec<Vec<(Sym, Value)>>,
}

impl Store {
    pub(super) fn get(&self, name: Sym) -> Value {
        self.values.get(&name).map(|kept| kept.value.clone()).unwrap_or_default()
    }

    pub(super) fn set(&mut self, name: Sym, value: Value) {
        let kept = self.values.entry(name).or_default();
        let old = std::mem::replace(&mut kept.value, value);
        if let Some(region) = self.regions.last()
            && kept.logged <= region.mark
        {
            self.log.push((name, old));
            kept.logged = self.log.len();
        }
    }

    pub(in crate::flow::interpret) fn depth(&self) -> usize {
        self.regions.len()
    }

    /// Leaves regions that were not ended.
    pub(in crate::flow::interpret) fn truncate(&mut self, depth: usize) {
        while self.regions.len() > depth {
            self.pop();
        }
    }

    /// A branch or loop begins.
    pub(in crate::flow::interpret) fn open(&mut self) {
        self.regions.push(Region { mark: self.log.len(), then: None });
    }

    /// The other branch begins: all is as it was.
    pub(in crate::flow::interpret) fn turn(&mut self) {
        let Some(region) = self.regions.last_mut() else { return };
        let mut then = FastMap::default();
        for (name, old) in self.log.get(region.mark..).unwrap_or(&[]).iter().rev() {
            if let Some(kept) = self.values.get_mut(name) {
                let new = std::mem::replace(&mut kept.value, old.clone());
                then.entry(*name).or_insert(new);
            }
        }
        region.then = Some(then);
    }

    /// A branch ends: variables are what either branch left.
    pub(in crate::flow::interpret) fn join(&mut self, ends: &Ends) {
        let Some(region) = self.regions.last().filter(|_| !ends.is_only) else { return };
        let mut first: FastMap<Sym, usize> = FastMap::default();
        for (at, (name, old)) in self.log.iter().enumerate().skip(region.mark) {
            if first.insert(*name, at).is_some() {
                continue;
            }
            let Some(kept) = self.values.get_mut(name) else { continue };
            let now = kept.value.clone();
            kept.value = match &region.then {
                Some(then) => {
                    let then = then.get(name).unwrap_or(old);
                    match (ends.is_then_dead, ends.is_dead) {
                        (true, false) => now,
                        (false, true) => then.clone(),
                        _ => then.join(&now),
                    }
                }
                None if ends.is_dead => old.clone(),
                None => now.join(old),
            };
        }
    }

    /// A round of a loop ends; whether another one could change something.
    pub(in crate::flow::interpret) fn again(&mut self) -> bool {
        let Some(region) = self.regions.last() else { return false };
        let mut is_new = false;
        let mut seen: FastMap<Sym, ()> = FastMap::default();
        for (name, old) in self.log.iter_mut().skip(region.mark) {
            if seen.insert(*name, ()).is_some() {
                continue;
            }
            let Some(kept) = self.values.get_mut(name) else { continue };
            let joined = old.join(&kept.value);
            is_new |= joined.digest() != old.digest();
            *old = joined.clone();
            kept.value = joined;
        }
        is_new
    }

    /// A branch or loop is over.
    pub(in crate::flow::interpret) fn pop(&mut self) {
        self.regions.pop();
        if self.regions.is_empty() {
            for (name, _) in std::mem::take(&mut self.log) {
                if let Some(kept) = self.values.get_mut(&name) {
                    kept.logged = 0;
                }
            }
        }
    }

    /// A function begins.
    pub(super) fn enter(&mut self) {
        self.locals.push(Vec::new());
    }

    /// A variable is the function's own from here on.
    pub(super) fn localize(&mut self, name: Sym) {
        let old = self.get(name);
        if let Some(own) = self.locals.last_mut() {
            own.push((name, old));
        }
    }

    /// A function ends.
    pub(super) fn exit(&mut self) {
        for (name, old) in self.locals.pop().into_iter().flatten().rev() {
            self.set(name, old);
        }
    }
}
