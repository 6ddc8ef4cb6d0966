//! The history as a run uses it: whatever is wrong with it costs history, never the scan.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;

use super::Exit;
use crate::nightly::Night;
use crate::report::nightly as report;
use crate::state::{History, Problem, State, System, Update};

/// What earlier runs saw, as far as it can be used.
pub(super) struct Memory {
    state: Option<State>,
    /// What earlier runs saw; empty if it cannot be used.
    pub(super) history: History,
    /// What is to be told of it.
    notes: Vec<String>,
    /// Whether this run is to be written.
    is_kept: bool,
}

impl Memory {
    /// Reads it.
    ///
    /// # Errors
    /// Only if another run is under way.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut memory = Self { state: None, history: History::default(), notes: Vec::new(), is_kept: false };
        let loaded = State::open(folder, Box::new(System), Duration::ZERO).and_then(|mut state| {
            let history = state.load();
            memory.state = Some(state);
            history
        });
        match loaded {
            Ok(history) => (memory.history, memory.is_kept) = (history, true),
            Err(problem @ Problem::Busy(_)) => bail!("{problem}"),
            Err(problem @ Problem::Damaged(..)) => {
                let aside = memory.state.as_mut().map(State::put_aside);
                let what = match aside {
                    Some(Ok(aside)) => {
                        memory.is_kept = true;
                        format!("it is {aside} now, and history starts anew")
                    }
                    Some(Err(why)) => format!("it cannot be put aside ({why}), so no history is kept"),
                    None => "no history is kept".to_owned(),
                };
                memory.notes.push(format!("{problem}; {what}"));
            }
            Err(problem) => memory.notes.push(problem.to_string()),
        }
        memory.notes.iter().for_each(|note| anstream::eprintln!("skillscan: {note}"));
        Ok(memory)
    }

    /// Says if the clock is behind the last run: its dates mean little then, its order holds.
    pub(super) fn note_clock(&self, at: &str) {
        if let Some(last) = self.history.runs.values().next_back().filter(|last| last.at.as_str() > at) {
            let (number, then) = (last.number, report::when(&last.at));
            anstream::eprintln!("skillscan: the clock went back: run {number} was at {then}; the order of runs holds");
        }
    }

    /// Adds what is to be told of the history itself.
    pub(super) fn tell(&mut self, night: &mut Night) {
        night.notes.append(&mut self.notes);
        if !self.is_kept {
            night.run.number = 0;
        }
    }

    /// Those of these channels that missed a message and took none since, each with the first run that it missed.
    pub(super) fn owed(&self, channels: &[String]) -> Vec<(u64, String)> {
        let since = |name: &String| {
            let open = self.history.runs.values().rev().take_while(|run| !run.delivered.contains(name));
            open.filter(|run| run.undelivered.contains(name)).last().map(|run| (run.number, name.clone()))
        };
        channels.iter().filter_map(since).collect()
    }

    /// Writes what was seen.
    pub(super) fn keep(&mut self, update: &Update, exit: Exit) -> Exit {
        let failed = match self.state.as_mut().filter(|_| self.is_kept).map(|state| state.commit(update)) {
            Some(Ok(())) => return exit,
            Some(Err(problem)) => {
                anstream::eprintln!("skillscan: {problem}; this run is not remembered, earlier ones are");
                Exit::Failed
            }
            None => Exit::Failed,
        };
        if exit == Exit::Clean { failed } else { exit }
    }
}
