//! `skillscan gate`: vet what is about to be installed, and install it if asked to.

use std::io::{IsTerminal, Read, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;

use super::Exit;
use super::policy::{self, Choices};
use crate::diff::{Behaviour, Difference};
use crate::gate::contents::Contents;
use crate::gate::install::{Plan, Present, System};
use crate::gate::reference::{self, Reference};
use crate::gate::show::{self, Outcome, Written};
use crate::gate::{self, Candidate, Reason, Settings, Weight, contents, exec, fetch, install};
use crate::net::registry::{Choice, Registry, choice};
use crate::package::{Content, Discovered};
use crate::place::{self, Environment, Source};
use crate::policy::Ledger;
use crate::report::{PackageReport, Report, escape, terminal};
use crate::verify::{Pin, Pins, Tree};
use crate::{Limits, Scanner, Verdict, sandbox};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A skill of the registry (@owner/slug@version), a plugin (plugin:NAME@version), an archive or a folder
    #[arg(value_name = "REF|ZIP|DIR")]
    reference: String,
    /// Install what was vetted, if it is admitted
    #[arg(long, conflicts_with = "exec")]
    install: bool,
    /// Let the registry's own client install it (or the command after --, with {ref}, {version}, {workdir} and
    /// {registry} filled in), check what it wrote, and only then put it into place
    #[arg(long)]
    exec: bool,
    /// Let this pass as well; may be repeated. Nothing allows what is malicious
    #[arg(long, value_enum, value_name = "VERDICT", help_heading = "Policy")]
    allow: Vec<Allow>,
    /// Verdict from which it is stopped; warn by default
    #[arg(long, value_enum, help_heading = "Policy")]
    fail_on: Option<FailOn>,
    #[command(flatten)]
    policy: policy::Args,
    /// Also scan with the rules of this directory; may be repeated
    #[arg(long, value_name = "DIR", help_heading = "Policy")]
    rules: Vec<PathBuf>,
    /// Do not ask before something is replaced
    #[arg(short, long)]
    yes: bool,
    /// Address of the registry; without, what the registry's own client would ask
    #[arg(long, value_name = "URL", help_heading = "Registry")]
    registry: Option<String>,
    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600), help_heading = "Registry")]
    timeout: u64,
    /// Directory that the lock file is about; without, what the registry's own client would take
    #[arg(long, value_name = "DIR", help_heading = "Installation")]
    workdir: Option<PathBuf>,
    /// Directory of skills in it
    #[arg(long, value_name = "DIR", default_value = "skills", help_heading = "Installation")]
    dir: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
    /// Everything that was found
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
    /// Command for --exec
    #[arg(last = true, value_name = "COMMAND", requires = "exec")]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Allow {
    /// Strong signs of harm
    Warn,
    /// What was not seen whole, or the registry has not decided on
    Incomplete,
}

/// From which verdict something is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    Review,
    Warn,
}

impl FailOn {
    /// Whether what a careful person would want to read is stopped: by this, or else by what the user's file says.
    pub(super) fn stops_review(named: Option<Self>, choices: &Choices) -> bool {
        named.map_or(choices.config.fail_on == Some(Verdict::Review), |named| named == Self::Review)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
}

/// What is being vetted, and where from.
struct Vetted {
    candidate: Candidate,
    registry: Option<(Registry, Choice)>,
    /// What is scanned.
    views: Vec<Discovered>,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let environment = Environment::of_process();
    let reference = reference::parse(&args.reference, &environment.current_dir);
    let reference = reference.map_err(|why| anyhow!(escape::line(&why)))?;
    let writes = args.install || args.exec;
    if writes && !matches!(reference, Reference::Skill { .. }) {
        bail!("only skills of the registry are installed; see --help");
    }
    let choices = args.policy.load(&environment)?;
    let pins = Arc::new(super::verify::pins(&environment)?);
    let mut rules = super::rules::load(&args.rules)?;
    let mut notes = choices.apply(&mut rules);
    // The process ends with it, and freeing all rules takes longer than a small scan.
    let scanner = ManuallyDrop::new(Scanner::new(rules, Limits::default(), choices.policy.clone()));
    let mut vetted = vet(args, &reference, &environment, &scanner)?;
    for (option, file) in choices.files() {
        super::scan::refuse_scanned(option, std::slice::from_ref(file), &vetted.views)?;
    }
    if vetted.registry.is_some() {
        vetted.candidate.restrict_publisher(&choices.config.publishers);
    }
    let workdir = workdir(args, &environment);
    let plan = plan(args, &vetted, &workdir, &pins);
    let before = plan.as_ref().and_then(|plan| plan.as_ref().ok()).and_then(|plan| installed(&scanner, plan));
    let (reports, before) = scan(&scanner, std::mem::take(&mut vetted.views), before)?;
    let settings = settings(args, &choices);
    let mut ledger = Ledger::default();
    reports.iter().for_each(|report| ledger.add(choices.policy.suppressions(), report));
    notes.extend(ledger.notes(choices.policy.suppressions()));
    policy::tell(&notes);
    let decision = gate::decide(&reports, &vetted.candidate.reasons, settings);
    let registry = vetted.registry.as_ref();
    let shown = registry.map(|(registry, choice)| (escape::line(registry.address()), choice.from.clone()));
    let registry_shown = shown.as_ref().map(|(address, from)| (address.as_str(), from.as_str()));
    let candidate = &vetted.candidate;
    let outcome = Outcome { candidate, registry: registry_shown, reports: &reports, decision, settings };
    let mut out = super::stdout();
    let difference = difference(before.as_ref(), &reports, candidate);
    if args.format == Format::Text {
        outcome.head(super::width(), &mut out)?;
        print(args, &scanner, &reports, &mut out)?;
        print_difference(difference.as_ref(), &mut out)?;
        outcome.foot(&mut out)?;
        out.flush()?;
    }
    let mut written = Written::default();
    if let (true, Some(plan), Some((registry, choice))) = (writes && decision.is_admitted, plan, registry) {
        let put = plan.and_then(|plan| put(args, plan, candidate, registry, choice, difference.as_ref()));
        written = put.unwrap_or_else(|problem| Written { problem: Some(problem), ..Written::default() });
        pin(&environment, candidate, &written);
    }
    match args.format {
        Format::Json => {
            show::write_document(&outcome.document(&written, difference.as_ref().map(Difference::value)), &mut out)?
        }
        Format::Text => tell(&written, &mut out)?,
    }
    out.flush()?;
    Ok(exit(&outcome, &written))
}

fn settings(args: &Args, choices: &Choices) -> Settings {
    Settings {
        allow_warn: args.allow.contains(&Allow::Warn),
        allow_incomplete: args.allow.contains(&Allow::Incomplete),
        stop_review: FailOn::stops_review(args.fail_on, choices),
    }
}

/// Flagged beats incomplete beats clean.
fn exit(outcome: &Outcome<'_>, written: &Written) -> Exit {
    let decision = outcome.decision;
    if decision.is_missing {
        return Exit::Failed;
    }
    if written.quarantine.is_some() {
        return Exit::Flagged;
    }
    if written.problem.is_some() {
        return Exit::Failed;
    }
    match decision.verdict {
        _ if decision.is_admitted => Exit::Clean,
        Verdict::Incomplete => Exit::Incomplete,
        Verdict::Malicious | Verdict::Warn => Exit::Flagged,
        // Refused though nothing is flagged, or stopped by choice.
        Verdict::Review | Verdict::Pass => Exit::Flagged,
    }
}

/// Fetches or reads what is to be vetted.
fn vet(args: &Args, reference: &Reference, environment: &Environment, scanner: &Scanner) -> anyhow::Result<Vetted> {
    let timeout = Duration::from_secs(args.timeout);
    let limits = Limits::default();
    let ask = || -> anyhow::Result<(Registry, Choice)> {
        let choice = choice::choose(environment, args.registry.as_deref(), timeout).map_err(anyhow::Error::msg)?;
        Ok((Registry::new(choice.clone(), timeout)?, choice))
    };
    let (candidate, registry) = match reference {
        Reference::Path(path) => return local(path, scanner, &limits),
        Reference::Skill { name, at } => {
            let (registry, choice) = ask()?;
            (fetch::skill(&registry, name, at.as_deref(), &limits), (registry, choice))
        }
        Reference::Plugin { name, version } => {
            let (registry, choice) = ask()?;
            (fetch::plugin(&registry, name, version.as_deref(), &limits), (registry, choice))
        }
    };
    let views = candidate.views("registry");
    Ok(Vetted { candidate, registry: Some(registry), views })
}

/// An archive is looked at as it is and as it would be unpacked; everything else as it is.
fn local(path: &Path, scanner: &Scanner, limits: &Limits) -> anyhow::Result<Vetted> {
    let shown = path.display().to_string();
    let mut candidate = Candidate { shown: shown.clone(), ..Candidate::default() };
    let found = scanner.discover(path)?;
    let is_file = std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
    let mut views = vec![found];
    if is_file {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).with_context(|| escape::line(&shown))?;
        file.take(limits.package_bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limits.package_bytes {
            let text = format!("it is longer than {} bytes", limits.package_bytes);
            candidate.reasons.push(Reason::new(Weight::Refused, "archive/too-large", text));
        } else if let Some(Contents { problems, files, is_changed }) = contents::unpack(&bytes, limits) {
            let told = problems.iter().take(10);
            let told = told.map(|problem| Reason::new(Weight::Refused, "archive/unsafe", problem.clone()));
            candidate.reasons.extend(told);
            candidate.contents = Contents { problems, files, is_changed };
            // What was looked at is what was read here, whatever becomes of the file.
            candidate.packed = Some(Arc::from(bytes));
            views = candidate.views("path");
        }
    }
    Ok(Vetted { candidate, registry: None, views })
}

/// The directory that the registry's client would take.
fn workdir(args: &Args, environment: &Environment) -> PathBuf {
    let here = &environment.current_dir;
    let named = args.workdir.as_ref().map(|path| here.join(path));
    let named = named.or_else(|| environment.path("CLAWHUB_WORKDIR")).or_else(|| environment.path("CLAWDHUB_WORKDIR"));
    if let Some(path) = named {
        return path;
    }
    if [".clawhub", ".clawdhub"].iter().any(|folder| here.join(folder).is_dir()) {
        return here.clone();
    }
    let places = place::places(environment);
    let workspace = places.found.iter().chain(&places.missing).find(|place| place.source == Source::Workspace);
    workspace.and_then(|place| place.root.parent()).map_or_else(|| here.clone(), Path::to_owned)
}

/// Where the skill would go; none if it is none of the registry.
fn plan(args: &Args, vetted: &Vetted, workdir: &Path, pins: &Arc<Pins>) -> Option<Result<Plan, String>> {
    let identity = vetted.candidate.identity.as_ref()?;
    Some(install::plan(workdir, &workdir.join(&args.dir), identity, pins))
}

/// The version that is installed now, without the record that its installer wrote into it.
fn installed(scanner: &Scanner, plan: &Plan) -> Option<Discovered> {
    if plan.present == Present::Nothing {
        return None;
    }
    let mut found = scanner.discover(&plan.target).ok()?;
    for package in &mut found.packages {
        if let Content::Tree(tree) = &mut package.content {
            tree.without.insert(PathBuf::from(".clawhub/origin.json"));
        }
    }
    Some(found)
}

/// Scans on a thread that may do nothing else: what is fetched is hostile until it is known not to be.
fn scan(
    scanner: &Scanner,
    mut views: Vec<Discovered>,
    before: Option<Discovered>,
) -> anyhow::Result<(Vec<PackageReport>, Option<PackageReport>)> {
    let count: usize = views.iter().map(|view| view.packages.len()).sum();
    views.extend(before);
    let mut reports = Vec::new();
    let work = || -> anyhow::Result<()> {
        sandbox::confine_scans(&views, None)?;
        scanner.run(&views, &(), &mut |report| reports.push(report));
        Ok(())
    };
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.map_err(|_| anyhow!("the scan failed"))??;
    let before = reports.split_off(count.min(reports.len()));
    Ok((reports, before.into_iter().next()))
}

fn print(args: &Args, scanner: &Scanner, reports: &[PackageReport], out: &mut dyn Write) -> anyhow::Result<()> {
    if reports.is_empty() {
        return Ok(());
    }
    let mut report = Report::new(scanner.rules());
    reports.iter().for_each(|package| report.add(package.clone()));
    let detail = if args.verbose { terminal::Detail::Verbose } else { terminal::Detail::Normal };
    Ok(terminal::packages(&report, terminal::Options { detail, width: super::width() }, out)?)
}

/// How what is vetted differs from what is installed, if anything is.
fn difference(before: Option<&PackageReport>, reports: &[PackageReport], candidate: &Candidate) -> Option<Difference> {
    let mut before = Behaviour::of(before?);
    let mut after = Behaviour::of(reports.last()?);
    // Whether it has records is nothing that it does.
    before.findings.retain(|mark| !mark.rule.starts_with("trust/"));
    after.version = candidate.identity.as_ref().map(|identity| identity.version.clone());
    Some(Difference::between(&before, &after))
}

fn print_difference(difference: Option<&Difference>, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(difference) = difference else { return Ok(()) };
    writeln!(out, "compared with what is installed:")?;
    for line in difference.lines() {
        writeln!(out, "{}", escape::fitted(&escape::defanged(&line), super::width()))?;
    }
    writeln!(out)?;
    Ok(())
}

/// Puts what was vetted into place, after asking where something of the user's is replaced.
fn put(
    args: &Args,
    plan: Plan,
    candidate: &Candidate,
    registry: &Registry,
    choice: &Choice,
    difference: Option<&Difference>,
) -> Result<Written, String> {
    let mut questions = Vec::new();
    if difference.is_some_and(Difference::is_worth_reading) {
        questions.push("it does what the installed version does not; see above".to_owned());
    }
    match plan.present {
        Present::Changed => questions.push("it was changed since it was installed".to_owned()),
        Present::Unproven => questions.push("its records do not tell whether it was changed".to_owned()),
        Present::Unrecorded => questions.push("a folder that no record tells of is there".to_owned()),
        Present::Nothing | Present::Untouched => {}
    }
    if let (Some(old), Some(identity)) = (&plan.recorded, &candidate.identity) {
        let versions = (semver::Version::parse(old), semver::Version::parse(&identity.version));
        if matches!(versions, (Ok(old), Ok(new)) if new < old) {
            questions.push(format!("version {} is installed, which is newer", escape::line(old)));
        }
    }
    let owner = candidate.identity.as_ref().and_then(|identity| identity.name.owner.as_deref());
    if let (Some(old), Some(new)) = (plan.owner.as_deref(), owner)
        && old != new
    {
        let (old, new) = (escape::line(old), escape::line(new));
        questions.push(format!("what is installed is of @{old}, and this of @{new}"));
    }
    confirm(args, &plan.target, &questions)?;
    if args.exec {
        let quarantine = installer(args, candidate, registry, choice, &plan.workdir)?;
        if quarantine.is_some() {
            let problem = Some("the installer wrote something else than what was vetted".to_owned());
            return Ok(Written { problem, quarantine, path: None });
        }
    }
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    let path = install::install(plan, candidate, registry.address(), now, &mut System)?;
    Ok(Written { path: Some(path.display().to_string()), ..Written::default() })
}

/// Keeps what was vetted, outside of the skill, so that `verify` and every scan can tell each file that changes.
fn pin(environment: &Environment, candidate: &Candidate, written: &Written) {
    let (Some(path), Some(file)) = (&written.path, Pins::path(environment)) else { return };
    let kept = std::fs::canonicalize(path).map_err(|error| error.to_string()).and_then(|place| {
        let mut pins = Pins::load(&file)?;
        let version = candidate.identity.as_ref().map(|identity| identity.version.clone());
        // What was vetted, whatever became of it since; only the record was made here.
        const RECORD: &str = ".clawhub/origin.json";
        let record = Tree::read(&place, &Limits::default()).file(RECORD).map(|file| file.hash.clone());
        let mut files = candidate.contents.hashes();
        files.retain(|file| file.path != RECORD);
        files.extend(record);
        pins.set(&place, Pin { version, files });
        pins.save(&file).map_err(|error| error.to_string())
    });
    if let Err(why) = kept {
        let file = escape::line(&file.display().to_string());
        anstream::eprintln!("skillscan: {file}: {}; its files are not pinned", escape::line(&why));
    }
}

fn confirm(args: &Args, target: &Path, questions: &[String]) -> Result<(), String> {
    if questions.is_empty() || args.yes {
        return Ok(());
    }
    let target = escape::line(&target.display().to_string());
    let why = questions.join("; ");
    if args.format == Format::Json || !std::io::stdin().is_terminal() {
        return Err(format!("{target}: {why}; --yes replaces it all the same"));
    }
    anstream::eprint!("{target}: {why}.\nReplace it? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| error.to_string())?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err("left as it was".to_owned()),
    }
}

/// Lets the user's installer write into a directory that nothing is loaded from. What it wrote otherwise than it was
/// vetted stays there, and its place is given.
fn installer(
    args: &Args,
    candidate: &Candidate,
    registry: &Registry,
    choice: &Choice,
    workdir: &Path,
) -> Result<Option<String>, String> {
    let failed = |error: std::io::Error| format!("quarantine: {}", error.kind());
    std::fs::create_dir_all(workdir).map_err(failed)?;
    let quarantine = tempfile::Builder::new().prefix(".skillscan-quarantine-").tempdir_in(workdir).map_err(failed)?;
    let private = tempfile::tempdir().map_err(failed)?;
    let config = private.path().join("config.json");
    let settings = serde_json::json!({"registry": registry.address(), "token": choice.token});
    std::fs::write(&config, settings.to_string()).map_err(failed)?;
    let command = exec::command(&args.command, candidate, registry.address(), quarantine.path())?;
    exec::run(&command, &config)?;
    let differences = exec::differences(quarantine.path(), candidate);
    if differences.is_empty() {
        return Ok(None);
    }
    for difference in &differences {
        anstream::eprintln!("skillscan: {}", escape::line(difference));
    }
    Ok(Some(quarantine.keep().display().to_string()))
}

fn tell(written: &Written, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(path) = &written.path {
        writeln!(out, "installed: {}", escape::line(path))?;
    }
    if let Some(problem) = &written.problem {
        out.flush()?;
        anstream::eprintln!("skillscan: not installed: {problem}");
    }
    if let Some(path) = &written.quarantine {
        anstream::eprintln!("skillscan: what it wrote is kept in {}", escape::line(path));
    }
    Ok(())
}
