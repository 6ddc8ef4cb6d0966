//! What a whole scan came to.

use std::collections::BTreeMap;

use super::PackageReport;
use crate::policy::{Note, Verdict};
use crate::ruleset::Ruleset;

/// Numbers of a scan.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many packages have each verdict.
    pub verdicts: BTreeMap<Verdict, usize>,
    /// Packages.
    pub packages: usize,
    /// Files read.
    pub files: usize,
    /// Parts that no engine looked at.
    pub gaps: usize,
    /// Places that could not be listed or found out.
    pub complaints: usize,
    /// Findings that the user accepted.
    pub suppressed: usize,
}

/// What a scan came to.
pub struct Report {
    /// Packages in order of roots and paths; those that nobody asked for are only counted.
    pub packages: Vec<PackageReport>,
    /// Numbers over all packages.
    pub tally: Tally,
    /// Date of the indicator data.
    pub data_date: String,
    /// How many rules looked.
    pub rules: usize,
    /// What is wrong with what the user accepted.
    pub notes: Vec<Note>,
}

impl Report {
    /// A report on nothing yet.
    pub fn new(rules: &Ruleset) -> Self {
        let (data_date, count) = (rules.data_date.clone(), rules.iter().count());
        Self { packages: Vec::new(), tally: Tally::default(), data_date, rules: count, notes: Vec::new() }
    }

    /// Counts a package and keeps it.
    pub fn add(&mut self, package: PackageReport) {
        self.count(&package);
        self.packages.push(package);
    }

    /// Counts a package.
    pub fn count(&mut self, package: &PackageReport) {
        *self.tally.verdicts.entry(package.verdict).or_default() += 1;
        self.tally.packages += 1;
        self.tally.files += package.files;
        self.tally.gaps += package.gaps.len();
        self.tally.suppressed += package.suppressed.len();
    }
}
