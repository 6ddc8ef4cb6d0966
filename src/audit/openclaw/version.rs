//! Versions as OpenClaw orders them, which is not as others do: a number alone after the hyphen is a correction of the
//! release, and newer than it.

use std::fmt;

/// What comes after the three numbers, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Alpha,
    Beta,
    Candidate,
    Release,
    Correction,
}

/// `YYYY.M.PATCH` with `-alpha.N`, `-beta.N`, `-rc.N` or, for a correction, `-N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: [u32; 3],
    stage: Stage,
    round: u32,
}

impl Version {
    /// Reads a version, with or without a leading `v`; none if it is written in no known way.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let text = text.split('+').next().unwrap_or(text);
        let mut parts = text.splitn(3, '.');
        let year = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        let rest = parts.next()?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (patch, rest) = rest.split_at_checked(end)?;
        let numbers = [year, month, patch.parse().ok()?];
        let rest = rest.trim_start_matches(['-', '.']).to_ascii_lowercase();
        if rest.is_empty() {
            return Some(Self { numbers, stage: Stage::Release, round: 0 });
        }
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, round) = rest.split_at_checked(end)?;
        let stage = match word {
            "" => Stage::Correction,
            "alpha" => Stage::Alpha,
            "beta" => Stage::Beta,
            "rc" => Stage::Candidate,
            _ => return None,
        };
        let round = round.trim_start_matches(['.', '-']);
        let round = if round.is_empty() && stage != Stage::Correction { 0 } else { round.parse().ok()? };
        Some(Self { numbers, stage, round })
    }

    /// The release `year.month.patch`.
    pub const fn release(year: u32, month: u32, patch: u32) -> Self {
        Self { numbers: [year, month, patch], stage: Stage::Release, round: 0 }
    }

    /// Year and month of the release line.
    pub fn line(self) -> (u32, u32) {
        let [year, month, _] = self.numbers;
        (year, month)
    }

    /// Whether it falls in a range such as `>= 2026.2.1, < 2026.2.14 || = 2026.3.1`; none if the range is written in no
    /// known way.
    pub fn is_in(self, range: &str) -> Option<bool> {
        let mut is_in = false;
        for set in range.split("||") {
            let mut fits = true;
            for part in set.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                fits &= self.compares(part)?;
            }
            is_in |= fits;
        }
        Some(is_in)
    }

    fn compares(self, part: &str) -> Option<bool> {
        if part == "*" {
            return Some(true);
        }
        let end = part.find(|c: char| !matches!(c, '<' | '>' | '=')).unwrap_or(part.len());
        let (sign, version) = part.split_at_checked(end)?;
        let order = self.cmp(&Self::parse(version)?);
        Some(match sign {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            "=" | "==" | "" => order.is_eq(),
            _ => return None,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, patch] = self.numbers;
        write!(f, "{year}.{month}.{patch}")?;
        match self.stage {
            Stage::Release => Ok(()),
            Stage::Correction => write!(f, "-{}", self.round),
            Stage::Alpha => write!(f, "-alpha.{}", self.round),
            Stage::Beta => write!(f, "-beta.{}", self.round),
            Stage::Candidate => write!(f, "-rc.{}", self.round),
        }
    }
}
