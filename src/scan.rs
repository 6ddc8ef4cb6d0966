//! The whole stream for directories: find packages, read, expand, analyze,
//! judge. Parallel over packages; the answer does not depend on how many threads.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::analyze::{self, pattern};
use crate::error::Error;
use crate::finding::{Gap, GapKind};
use crate::limits::Limits;
use crate::package::{Discovered, Package, PackageRef, discover};
use crate::policy::Policy;
use crate::report::{self, PackageReport, Report};
use crate::ruleset::Ruleset;

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
}

impl Scanner {
    /// A scanner with these rules, limits and choices.
    pub fn new(rules: Ruleset, limits: Limits, policy: Policy) -> Self {
        Self { rules, limits, policy }
    }

    /// The rules that it scans with.
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// Scans a directory, or a single file as a package of its own.
    ///
    /// # Errors
    /// If the path is missing, unreadable, no file or directory, or holds nothing to look at.
    pub fn scan(&self, root: &Path, progress: &dyn Progress) -> Result<Report, Error> {
        let discovered = self.discover(root)?;
        let total = discovered.packages.len();
        let budget = Budget::new(self.limits.in_flight_bytes);
        // Large ones first, so that none is left to a single thread at the end.
        let mut order: Vec<&PackageRef> = discovered.packages.iter().collect();
        order.sort_by_key(|package| std::cmp::Reverse(package.bytes()));
        let root_name = root.display().to_string();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // One pattern scanner a thread: it cannot move between threads, and is costly to make.
        let parts: Vec<Vec<PackageReport>> = rayon::broadcast(|_| {
            let mut worker = pattern::Worker::new(&self.rules, &self.limits);
            let mut reported = Vec::new();
            while let Some(found) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _held = budget.take(found.bytes());
                reported.push(self.package(&root_name, found, &mut worker));
                progress.done(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            }
            reported
        });
        let mut packages: Vec<PackageReport> = parts.into_iter().flatten().collect();
        packages.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        Ok(Report { packages, data_date: self.rules.data_date.clone(), rules: self.rules.iter().count() })
    }

    fn package(&self, root: &str, found: &PackageRef, worker: &mut pattern::Worker<'_>) -> PackageReport {
        let package = Package::read(found, &self.limits);
        let whole = panic::catch_unwind(AssertUnwindSafe(|| {
            let analysis = analyze::analyze(&package, &self.rules, &self.limits, &self.policy, worker);
            report::package(root, &package, analysis, &self.rules, &self.policy)
        }));
        // Whatever broke outside the engines: this package is a gap, the rest goes on.
        whole.unwrap_or_else(|_| {
            let gap = Gap::new(GapKind::Panicked, ".", "the analysis failed on this package");
            report::unseen(root, &package, gap)
        })
    }

    fn discover(&self, root: &Path) -> Result<Discovered, Error> {
        let shown = report::escape::line(&root.display().to_string());
        let meta = std::fs::metadata(root).map_err(|cause| Error::Unreadable { path: shown.clone(), cause })?;
        let discovered = if meta.is_dir() {
            discover(root, &self.limits).map_err(|cause| Error::Unreadable { path: shown.clone(), cause })?
        } else if meta.is_file() {
            // The user names this file, so a link that they name is followed.
            let file = std::fs::canonicalize(root).map_err(|cause| Error::Unreadable { path: shown.clone(), cause })?;
            Discovered::single(&file, meta.len())
        } else {
            return Err(Error::NotAFile { path: shown });
        };
        if discovered.packages.is_empty() {
            return Err(Error::Empty { path: shown });
        }
        Ok(discovered)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that all workers may hold together.
struct Budget {
    limit: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

struct Held<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Budget {
    fn new(limit: u64) -> Self {
        Self { limit, used: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until so many bytes may be held; a package larger than the budget gets all of it.
    fn take(&self, bytes: u64) -> Held<'_> {
        let bytes = bytes.min(self.limit);
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
