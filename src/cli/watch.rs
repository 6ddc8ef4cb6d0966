//! `skillscan watch`: scan what appears or changes where skills are loaded from, as it happens.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Exit;
use super::policy::{self, Choices, shown};
use super::scan::{self, Look};
use crate::package::Discovered;
use crate::place::{self, Environment, Places};
use crate::policy::Ledger;
use crate::quarantine::Store;
use crate::report::terminal::{self, Detail, plural};
use crate::report::{PackageReport, escape, json, placed};
use crate::watch::{Eyes, Happening, Memory, Root};
use crate::{Report, Scanner, Verdict, sandbox};

/// How often it is asked where skills are loaded from, beside what the kernel tells.
const PLACES: Duration = Duration::from_secs(15);
/// How often everything is compared with what it was, whether or not the kernel told of a change.
const SWEEP: Duration = Duration::from_secs(120);
/// The same where not everything can be watched.
const SHORT: Duration = Duration::from_secs(5);

pub(super) const EXIT_CODES: &str = "\
Ends on SIGINT and SIGTERM. Exit codes, by the worst that was reported:
  0  nothing at or above --fail-on (default: warn)
  1  something at or above --fail-on
  2  usage error, internal error
  3  parts were not looked at, and nothing is flagged";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directories of skills, or skills; without any, every place that OpenClaw loads skills from
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Move what is malicious out of the place that it is loaded from; `skillscan quarantine` gives it back
    #[arg(long)]
    quarantine: bool,
    #[command(flatten)]
    look: Look,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object a line and package
    Jsonl,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let environment = Environment::of_process();
    let (scanner, choices, notes) = args.look.scanner(&environment)?;
    policy::tell(&notes);
    let (sender, receiver) = mpsc::channel();
    stop_on_signals(sender.clone())?;
    let eyes = Eyes::new(sender).map_err(|error| anyhow!("changes cannot be watched here: {error}"))?;
    let store = args.quarantine.then(|| Store::of(&environment)).transpose().map_err(|why| anyhow!(why))?;
    for path in &args.paths {
        path.symlink_metadata().with_context(|| shown(path))?;
    }
    let mut session = Session {
        args,
        environment: &environment,
        scanner: &scanner,
        choices: &choices,
        store,
        eyes,
        memory: Memory::default(),
        roots: Vec::new(),
        places: Places::default(),
        report: Report::new(scanner.rules()),
        complaints: BTreeSet::new(),
    };
    session.find_roots();
    session.watch();
    let mut ledger = Ledger::default();
    session.look(None, Some(&mut ledger))?;
    policy::tell(&ledger.notes(choices.policy.suppressions()));
    let (packages, roots) = (session.memory.len(), session.roots.iter().filter(|root| root.path.exists()).count());
    if session.roots.is_empty() {
        bail!("no PATH given, and no place known that OpenClaw loads skills from; see --help");
    }
    anstream::eprintln!(
        "skillscan: watching {packages} {} in {roots} {}",
        plural(packages, "package"),
        plural(roots, "place")
    );
    session.attend(&receiver)?;
    Ok(scan::exit(&session.report.tally, args.look.threshold(&choices)))
}

/// The first signal ends it when what is under way is done, the second one at once.
fn stop_on_signals(sender: Sender<Happening>) -> anyhow::Result<()> {
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Failed as i32, Arc::clone(&is_second))?;
        signal_hook::flag::register(signal, Arc::clone(&is_second))?;
    }
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            // Nobody listens only when the end has begun.
            let _ = sender.send(Happening::Stop);
        }
    });
    Ok(())
}

struct Session<'s> {
    args: &'s Args,
    environment: &'s Environment,
    scanner: &'s Scanner,
    choices: &'s Choices,
    store: Option<Store>,
    eyes: Eyes,
    memory: Memory,
    roots: Vec<Root>,
    places: Places,
    /// What was reported so far; holds numbers only.
    report: Report,
    /// What was complained about already.
    complaints: BTreeSet<String>,
}

impl Session<'_> {
    /// Waits and looks until the user has seen enough.
    fn attend(&mut self, receiver: &Receiver<Happening>) -> anyhow::Result<()> {
        let (mut asked, mut swept) = (Instant::now(), Instant::now());
        loop {
            let first = match receiver.recv_timeout(PLACES.min(if self.eyes.is_short() { SHORT } else { PLACES })) {
                Ok(happening) => Some(happening),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let mut paths = Vec::new();
            let mut is_lost = false;
            for happening in first.into_iter().chain(receiver.try_iter()) {
                match happening {
                    Happening::Stop => return Ok(()),
                    Happening::Lost => is_lost = true,
                    Happening::Changed(more) => paths.extend(more),
                }
            }
            if is_lost {
                anstream::eprintln!("skillscan: more changed than could be told; everything is scanned again");
                self.memory.doubt();
            }
            let may_move = paths.iter().any(|path| self.may_be_a_new_root(path));
            let mut dirty = self.dirty(&paths);
            if is_lost || may_move || asked.elapsed() >= PLACES {
                let before = std::mem::take(&mut self.roots);
                self.find_roots();
                dirty.extend(
                    self.roots.iter().filter(|root| may_move || !before.contains(root)).map(|r| r.path.clone()),
                );
                asked = Instant::now();
            }
            self.watch();
            let is_due = swept.elapsed() >= if self.eyes.is_short() { SHORT } else { SWEEP };
            if is_lost || is_due {
                self.look(None, None)?;
                swept = Instant::now();
            } else if !dirty.is_empty() {
                self.look(Some(&dirty), None)?;
            }
        }
    }

    /// Asks where skills are loaded from, unless the user said so.
    fn find_roots(&mut self) {
        if !self.args.paths.is_empty() {
            self.roots = self.args.paths.iter().cloned().map(Root::named).collect();
            return;
        }
        self.places = place::places(self.environment);
        let complaints = std::mem::take(&mut self.places.complaints);
        complaints.into_iter().for_each(|complaint| self.complain(complaint));
        self.roots = self.places.found.iter().chain(&self.places.missing).map(Root::placed).collect();
    }

    fn complain(&mut self, complaint: String) {
        if self.complaints.insert(complaint.clone()) {
            anstream::eprintln!("skillscan: {}", escape::line(&complaint));
        }
        self.report.tally.complaints = self.complaints.len();
    }

    /// Asks the kernel to tell of all roots, of what links in them lead to, and of where missing ones would appear.
    fn watch(&mut self) {
        let there = self.roots.iter().filter(|root| root.path.exists());
        let linked = self.roots.iter().flat_map(|root| self.memory.linked(&root.path).cloned());
        let trees: BTreeSet<PathBuf> = there.map(|root| absolute(&root.path)).chain(linked).collect();
        // A root that is there may be taken away and put back.
        let anchors: BTreeSet<PathBuf> = self.roots.iter().filter_map(Root::anchor).collect();
        let is_inside = |anchor: &PathBuf| trees.iter().any(|tree| anchor.starts_with(tree));
        let anchors = anchors.into_iter().filter(|anchor| !is_inside(anchor)).collect();
        self.eyes.look_at(&trees, &anchors);
        if self.eyes.is_short() {
            self.complain("not everything can be watched; it is compared every few seconds instead".to_owned());
        }
    }

    /// Whether something happened to a root itself or above it.
    fn may_be_a_new_root(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| absolute(&root.path).starts_with(path))
    }

    /// Roots that something happened in.
    fn dirty(&self, paths: &[PathBuf]) -> BTreeSet<PathBuf> {
        let mut dirty = BTreeSet::new();
        for root in &self.roots {
            let own = absolute(&root.path);
            let places = || std::iter::once(&own).chain(self.memory.linked(&root.path));
            if paths.iter().any(|path| places().any(|place| path.starts_with(place))) {
                dirty.insert(root.path.clone());
            }
        }
        dirty
    }

    /// Scans what is new or changed in these roots, or in all, and reports it; at first only what is flagged.
    fn look(&mut self, roots: Option<&BTreeSet<PathBuf>>, first: Option<&mut Ledger>) -> anyhow::Result<()> {
        let mut found: Vec<Discovered> = Vec::new();
        for root in self.roots.clone() {
            if roots.is_some_and(|roots| !roots.contains(&root.path)) {
                continue;
            }
            match self.memory.look(&root, self.scanner) {
                Ok(look) => {
                    found.extend(look.changed);
                    look.gone.iter().for_each(|path| tell_gone(&root.path, path));
                }
                Err(error) => self.complain(error.to_string()),
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        // Choices are read: what appears later can neither change them nor end the watch.
        if first.is_some() {
            self.args.look.refuse_scanned(self.choices, &found)?;
        }
        let count = found.iter().map(|root| root.packages.len()).sum();
        let mut reports: Vec<PackageReport> = Vec::new();
        sandbox::confined(&found, self.args.look.threads(), || {
            self.scanner.run(&found, &(), &mut |report| reports.push(report));
        })?;
        // What records name beyond the packages is no change of a skill.
        reports.truncate(count);
        placed::judge(&mut reports, &self.places, self.scanner.rules(), &self.choices.policy);
        // Links in them are known now.
        self.watch();
        let places = found.iter().flat_map(|root| {
            root.packages.iter().map(|package| (root.root.clone(), package.place().map(Path::to_owned)))
        });
        let is_first = first.is_some();
        if let Some(ledger) = first {
            reports.iter().for_each(|report| ledger.add(self.choices.policy.suppressions(), report));
        }
        for (report, (root, place)) in reports.into_iter().zip(places) {
            // It went while it was scanned: nothing is there to tell of.
            if place.as_ref().is_some_and(|place| place.symlink_metadata().is_err()) {
                continue;
            }
            let is_news = self.memory.is_news(&root, &report.path, &report.digest, report.verdict);
            if is_news && (!is_first || report.verdict >= Verdict::Incomplete) {
                self.print(&report)?;
                self.report.count(&report);
            }
            // What was told of and could not be taken away is still to be.
            if report.verdict == Verdict::Malicious {
                self.take(&report, &root, place.as_deref());
            }
        }
        Ok(())
    }

    /// A block, or an object, that is there at once for whoever reads.
    fn print(&self, report: &PackageReport) -> anyhow::Result<()> {
        let mut out = super::stdout();
        match self.args.format {
            Format::Jsonl => json::line(report, &mut out)?,
            Format::Text => {
                let mut one = Report::new(self.scanner.rules());
                one.add(report.clone());
                let options = terminal::Options { detail: Detail::Normal, width: super::width() };
                if options.detail.shows(report.verdict) {
                    terminal::packages(&one, options, &mut out)?;
                } else {
                    terminal::headline(report, false, options.width, &mut out)?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }

    /// Takes a skill away, if that is asked for, and says where it is now.
    fn take(&mut self, report: &PackageReport, root: &Path, at: Option<&Path>) {
        let Some(store) = &self.store else { return };
        let place = if report.path == "." { root.to_owned() } else { root.join(&report.path) };
        let place = shown(&place);
        let date = jiff::Timestamp::now().to_string();
        match below(report, root, at, self.memory.packages(root)) {
            Ok((folder, below)) => match store.hold(&folder, &below, report, &date) {
                Ok(id) => {
                    self.memory.forget(root, &report.path);
                    anstream::eprintln!(
                        "skillscan: {place}: taken away; `skillscan quarantine restore {id}` gives it back"
                    );
                }
                Err(why) => {
                    self.memory.retry(root, &report.path);
                    anstream::eprintln!("skillscan: {place}: not taken away: {}", escape::line(&why));
                }
            },
            Err(why) => anstream::eprintln!("skillscan: {place}: not taken away: {why}"),
        }
    }
}

/// As the kernel tells of it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folder that a package lies in, and its path there; of a link in the root, the link.
fn below(
    report: &PackageReport,
    root: &Path,
    place: Option<&Path>,
    packages: usize,
) -> Result<(PathBuf, PathBuf), &'static str> {
    if let Some(target) = &report.linked_to {
        let entries = std::fs::read_dir(root).map_err(|_| "its folder cannot be listed")?;
        let leads_there = |link: &PathBuf| {
            link.is_symlink() && std::fs::canonicalize(link).is_ok_and(|real| real.display().to_string() == *target)
        };
        let link = entries.flatten().map(|entry| entry.path()).find(leads_there);
        let name = link.and_then(|link| link.file_name().map(PathBuf::from));
        return Ok((root.to_owned(), name.ok_or("the link that leads to it is gone")?));
    }
    // The path in the report is for people: a name need not be text.
    let path = place.and_then(|place| place.strip_prefix(root).ok()).filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = path {
        return Ok((root.to_owned(), path.to_owned()));
    }
    if packages != 1 || (root.is_dir() && !report.is_skill) {
        return Err("its files lie in a folder with others");
    }
    let place = absolute(root);
    match (place.parent(), place.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), PathBuf::from(name))),
        _ => Err("it is the whole file system"),
    }
}

fn tell_gone(root: &Path, path: &str) {
    let place = if path == "." { root.to_owned() } else { root.join(path) };
    anstream::eprintln!("skillscan: {}: is gone", shown(&place));
}
