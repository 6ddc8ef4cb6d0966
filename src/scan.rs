//! The whole stream for directories: find packages, read, expand, analyze,
//! judge. Parallel over packages; the answer does not depend on how many threads.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::analyze::{self, pattern};
use crate::error::Error;
use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::{Discovered, Package, PackageRef};
use crate::policy::{Policy, Verdict};
use crate::report::{self, PackageReport, Report};
use crate::ruleset::Ruleset;
use crate::verify::{Pins, judge, target};

/// One thread begins with the packages of this weight or more,
const HEAVY: u64 = 8 << 20;
/// but no more than so many: their reports are held until it is their turn.
const AHEAD: usize = 256;

/// Told as packages are done; must be cheap.
pub trait Progress: Sync {
    /// So many packages of so many are done.
    fn done(&self, done: usize, of: usize);
}

/// Says nothing.
impl Progress for () {
    fn done(&self, _: usize, _: usize) {}
}

/// Rules and limits, ready to scan any number of roots.
pub struct Scanner {
    rules: Ruleset,
    limits: Limits,
    policy: Policy,
    pins: Arc<Pins>,
}

impl fmt::Debug for Scanner {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Scanner").field("limits", &self.limits).field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Scanner {
    /// A scanner with these rules, limits and choices.
    pub fn new(rules: Ruleset, limits: Limits, policy: Policy) -> Self {
        Self { rules, limits, policy, pins: Arc::default() }
    }

    /// With the user's own records, which skills are compared with.
    #[must_use]
    pub fn with_pins(self, pins: Pins) -> Self {
        Self { pins: Arc::new(pins), ..self }
    }

    /// The rules that it scans with.
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// Scans a directory, an archive, or a single file as a package of its own.
    ///
    /// # Errors
    /// If the path is missing, unreadable, no file or directory, or holds nothing to look at.
    pub fn scan(&self, root: &Path, progress: &dyn Progress) -> Result<Report, Error> {
        let discovered = self.discover(root)?;
        let mut report = Report::new(&self.rules);
        self.run(&[discovered], progress, &mut |package| report.add(package));
        Ok(report)
    }

    /// Scans all packages of `roots` and hands each on, in order of roots and paths.
    pub fn run(&self, roots: &[Discovered], progress: &dyn Progress, each: &mut (dyn FnMut(PackageReport) + Send)) {
        let packages: Vec<(&Discovered, &PackageRef)> =
            roots.iter().flat_map(|root| root.packages.iter().map(move |package| (root, package))).collect();
        let (heavy, others) = heavy_and_others(&packages);
        let budget = Budget::new(self.limits.in_flight_bytes);
        let done = AtomicUsize::new(0);
        let in_order = InOrder { state: Mutex::new(Waiting { next: 0, ready: BTreeMap::new(), each }) };
        // One pattern scanner a thread: it cannot move between threads, and is costly to make.
        rayon::broadcast(|thread| {
            let mut worker = pattern::Worker::new(&self.rules, &self.limits);
            // One thread begins with what takes most memory, which is taken once then, and before caches have grown.
            let [first, then] = if thread.index() == 0 { [&heavy, &others] } else { [&others, &heavy] };
            while let Some(index) = first.next().or_else(|| then.next()) {
                let Some((root, found)) = packages.get(index) else { break };
                let held = budget.take(found.weight());
                let report = self.package(root, found, &mut worker);
                drop(held);
                in_order.hand_on(index, report);
                progress.done(done.fetch_add(1, Ordering::Relaxed) + 1, packages.len());
            }
        });
        let InOrder { state } = in_order;
        self.beyond(roots, state.into_inner().unwrap_or_else(PoisonError::into_inner).each);
    }

    fn package(&self, root: &Discovered, found: &PackageRef, worker: &mut pattern::Worker<'_>) -> PackageReport {
        let read = panic::catch_unwind(AssertUnwindSafe(|| Package::read(found, &self.limits)));
        let package = match read {
            Ok(package) => package,
            Err(_) => {
                let gap = Gap::new(GapKind::Panicked, ".", "reading this package failed");
                let gaps = found.gaps.iter().cloned().chain([gap]).collect();
                return PackageReport {
                    verdict: Verdict::Incomplete,
                    gaps,
                    ..PackageReport::of_nothing(root, &found.path)
                };
            }
        };
        let whole = panic::catch_unwind(AssertUnwindSafe(|| {
            let analysis = analyze::analyze(&package, &self.rules, &self.limits, &self.policy, worker);
            let mut report = report::package(root, &package, analysis, &self.rules, &self.policy);
            judge::judge(&mut report, root, found, &self.limits, &self.rules, &self.policy);
            report
        }));
        // Whatever broke outside the engines: this package is a gap, the rest goes on.
        whole.unwrap_or_else(|_| {
            let gap = Gap::new(GapKind::Panicked, ".", "the analysis failed on this package");
            report::unseen(root, &package, gap)
        })
    }

    /// Finds the packages of a directory, an archive or a file.
    ///
    /// # Errors
    /// If the path is missing, unreadable, no file or directory, or holds nothing to look at.
    pub fn discover(&self, root: &Path) -> Result<Discovered, Error> {
        target::open(root, &self.limits, &self.pins)
    }

    /// Reports on what records name beyond the packages of the roots.
    fn beyond(&self, roots: &[Discovered], each: &mut (dyn FnMut(PackageReport) + Send)) {
        for root in roots {
            judge::beyond(root, &self.limits, &self.rules, &self.policy).into_iter().for_each(&mut *each);
        }
    }
}

/// Places of the heavy packages, the heaviest first, and of the others.
fn heavy_and_others(packages: &[(&Discovered, &PackageRef)]) -> (Queue, Queue) {
    let weight = |&at: &usize| packages.get(at).map_or(0, |(_, package)| package.weight());
    let (mut heavy, mut others): (Vec<usize>, Vec<usize>) = (0..packages.len()).partition(|at| weight(at) >= HEAVY);
    heavy.sort_by_key(|at| Reverse(weight(at)));
    others.extend(heavy.split_off(heavy.len().min(AHEAD)));
    others.sort_unstable();
    (Queue::new(heavy), Queue::new(others))
}

/// Places of packages that threads take up one after the other.
struct Queue {
    places: Vec<usize>,
    next: AtomicUsize,
}

impl Queue {
    fn new(places: Vec<usize>) -> Self {
        Self { places, next: AtomicUsize::new(0) }
    }

    fn next(&self) -> Option<usize> {
        self.places.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands reports on in the order of their packages, each as soon as all before it are there.
struct InOrder<'a> {
    state: Mutex<Waiting<'a>>,
}

struct Waiting<'a> {
    next: usize,
    ready: BTreeMap<usize, PackageReport>,
    each: &'a mut (dyn FnMut(PackageReport) + Send),
}

impl InOrder<'_> {
    fn hand_on(&self, index: usize, report: PackageReport) {
        let mut waiting = lock(&self.state);
        waiting.ready.insert(index, report);
        loop {
            let next = waiting.next;
            let Some(report) = waiting.ready.remove(&next) else { break };
            waiting.next += 1;
            (waiting.each)(report);
        }
    }
}

/// Memory that all workers may take together.
struct Budget {
    limit: u64,
    /// Whoever waits keeps it, so that a heavy package is not passed by light ones until the end.
    turn: Mutex<()>,
    used: Mutex<u64>,
    freed: Condvar,
}

struct Held<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Budget {
    fn new(limit: u64) -> Self {
        Self { limit, turn: Mutex::new(()), used: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until so many bytes may be held; a package heavier than the budget gets all of it.
    fn take(&self, bytes: u64) -> Held<'_> {
        let bytes = bytes.min(self.limit);
        let _turn = lock(&self.turn);
        let mut used = lock(&self.used);
        while *used + bytes > self.limit {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        Held { budget: self, bytes }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *lock(&self.budget.used) -= self.bytes;
        self.budget.freed.notify_all();
    }
}
