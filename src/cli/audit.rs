//! `skillscan audit`: whether this host is fit to run an agent gateway.

use std::io::Write;
use std::path::PathBuf;

#[cfg(not(target_os = "linux"))]
use anyhow::bail;
use clap::ValueEnum;

use super::Exit;
use crate::audit::{Audit, Layer, Status};
use crate::report::audit::{self as report, Detail};

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  nothing at or above --fail-on (default: fail); what was not checked is listed
  1  something at or above --fail-on
  2  usage error, internal error, or no OpenClaw installation found
  3  something could not be looked at, and nothing is flagged; with --strict also what needs root or --probe";

#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Look only at what belongs to this user; without it root looks at all users who have an installation
    #[arg(long, value_name = "NAME", help_heading = "What to look at")]
    user: Option<String>,
    /// Look only at the installation of this profile; `default` is the one without a name
    #[arg(long, value_name = "NAME", help_heading = "What to look at")]
    profile: Option<String>,
    /// Look at a mounted image or a backup below this directory: files only, nothing that runs
    #[arg(long, value_name = "DIR", help_heading = "What to look at", conflicts_with_all = ["probe"])]
    root: Option<PathBuf>,
    /// Ask this address from outside whether Access stands before the gateway: the only use of the network
    #[arg(long, value_name = "URL", help_heading = "What to look at")]
    probe: Option<String>,
    /// Also ask what runs here, on the loopback address: the gateway for its version, cloudflared for where it leads; and
    /// for a second opinion the slow `ufw status` and `sshd -T`; and look through large logs
    #[arg(long, help_heading = "What to look at")]
    deep: bool,
    /// Also scan the skills of every place that OpenClaw loads them from, with your file of choices
    #[arg(long, help_heading = "What to look at")]
    scan: bool,
    /// Compare with this saved baseline; by default with the one that --save-baseline made
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    baseline: Option<PathBuf>,
    /// Save what should rarely change, to compare with later; to --baseline FILE, or below ~/.local/state/skillscan
    #[arg(long, help_heading = "What to look at")]
    save_baseline: bool,
    /// Take permissions away from others and give files back to their owner; settings and firewalls are only spoken of
    #[arg(long, help_heading = "Repair", conflicts_with_all = ["root", "save_baseline"])]
    fix: bool,
    /// With --fix: show what would be changed, and change nothing
    #[arg(long, help_heading = "Repair", requires = "fix")]
    dry_run: bool,
    /// Take back what a --fix did, by the record that it left
    #[arg(long, value_name = "FILE", help_heading = "Repair", conflicts_with_all = ["fix", "root", "save_baseline"])]
    undo: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
    /// The summary only
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// Everything that was looked at, passes included
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
    /// Status from which the exit code is 1
    #[arg(long, value_enum, default_value_t = FailOn::Fail, help_heading = "Policy")]
    fail_on: FailOn,
    /// Exit with 3 also if something was not checked for want of root or of --probe
    #[arg(long, help_heading = "Policy")]
    strict: bool,
    /// The date that decides whether data is old, instead of today
    #[arg(long, value_name = "YYYY-MM-DD", hide = true)]
    today: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One document
    Json,
    /// One answer a line
    Jsonl,
    /// For programs that collect findings
    Sarif,
    /// To paste into a ticket
    Markdown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Warn,
    #[default]
    Fail,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    #[cfg(target_os = "linux")]
    match (&args.undo, args.save_baseline, args.fix) {
        (Some(file), ..) => return linux::undo(file),
        (_, true, _) => return linux::save_baseline(args),
        (_, _, true) => linux::fix(args)?,
        _ => {}
    }
    let audit = audit(args)?;
    let mut out = super::stdout();
    match args.format {
        Format::Text => report::render(&audit, args.detail(), super::width(), &mut out)?,
        Format::Json => report::json::document(&audit, &mut out)?,
        Format::Jsonl => report::json::lines(&audit, &mut out)?,
        Format::Sarif => report::sarif::document(&audit, &mut out)?,
        Format::Markdown => report::markdown::document(&audit, &mut out)?,
    }
    out.flush()?;
    Ok(args.exit(&audit))
}

/// An audit without options, and what it would exit with.
pub(super) fn plain(today: String) -> anyhow::Result<(Audit, Exit)> {
    let args = Args { today: Some(today), ..Args::default() };
    let audit = audit(&args)?;
    let exit = args.exit(&audit);
    Ok((audit, exit))
}

#[cfg(target_os = "linux")]
use linux::audit;

/// Elsewhere nothing of the host is known, and every check says so.
#[cfg(not(target_os = "linux"))]
fn audit(_: &Args) -> anyhow::Result<Audit> {
    use crate::audit::{Answer, Checked, Document, Missing, Subject};

    let documents = Document::all().map_err(anyhow::Error::msg)?;
    if documents.is_empty() {
        bail!("no checks are built in");
    }
    let checks = documents.into_iter().map(|document| Checked {
        id: document.id,
        layer: document.meta.layer,
        answer: Answer::unknown(Missing::Other, "host", "not implemented on this system"),
    });
    Ok(Audit { subject: Subject::default(), data_date: String::new(), checks: checks.collect() })
}

impl Args {
    fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Normal,
        }
    }

    /// Flagged beats nothing found beats unknown beats clean.
    fn exit(&self, audit: &Audit) -> Exit {
        let is_flagged = audit.of(Status::Fail).next().is_some()
            || (self.fail_on == FailOn::Warn && audit.of(Status::Warn).next().is_some());
        let is_unknown = audit.unknown().next().is_some() || (self.strict && audit.unchecked().next().is_some());
        // A host without a gateway is nothing to audit, whatever its packet filter does.
        let is_gateways = |checked: &crate::audit::Checked| matches!(checked.layer, Layer::Application | Layer::Agent);
        let has_gateway = !audit.subject.installations.is_empty()
            || audit.of(Status::Fail).any(is_gateways)
            || cfg!(not(target_os = "linux"));
        match () {
            () if is_flagged && has_gateway => Exit::Flagged,
            () if audit.subject.installations.is_empty() && cfg!(target_os = "linux") => Exit::Failed,
            () if is_unknown => Exit::Incomplete,
            () => Exit::Clean,
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use anyhow::{Context as _, bail};

    use super::super::{Exit, policy, rules, stdout};
    use super::Args;
    use crate::audit::baseline::Baseline;
    use crate::audit::fix::{Plan, Record};
    use crate::audit::host::Host;
    use crate::audit::{self, Audit, Context, Options};
    use crate::place::Environment;
    use crate::report::escape;
    use crate::{Limits, Scanner};

    pub(super) fn audit(args: &Args) -> anyhow::Result<Audit> {
        let host = host(args)?;
        let options = options(args, &host)?;
        Ok(audit::run(host, options))
    }

    pub(super) fn save_baseline(args: &Args) -> anyhow::Result<Exit> {
        let host = host(args)?;
        let file = baseline_file(args)?;
        let context = Context::new(host, options(args, &Host::image("/"))?);
        let installations =
            context.installations().map_err(|why| anyhow::anyhow!("{}", escape::line(&why.to_string())))?;
        if installations.is_empty() {
            bail!("no OpenClaw installation found, so there is nothing to save");
        }
        if installations.iter().any(|installation| file.starts_with(&installation.state)) {
            bail!("--baseline {}: lies where the agent may write", shown(&file));
        }
        let baseline = Baseline::capture(&context, &Baseline::salt()?);
        let baseline = baseline.map_err(|why| anyhow::anyhow!("{}", escape::line(&why.to_string())))?;
        let digest = baseline.save(&file).with_context(|| shown(&file))?;
        let mut out = stdout();
        writeln!(out, "{} things saved in {}", baseline.items.len(), shown(&file))?;
        writeln!(out, "sha256 {digest}")?;
        writeln!(out, "Note the digest elsewhere: whoever can write your files can write this one.")?;
        out.flush()?;
        Ok(Exit::Clean)
    }

    /// Repairs what can be, and says so on standard error: the report that follows is that of the repaired host.
    pub(super) fn fix(args: &Args) -> anyhow::Result<()> {
        let audit = audit(args)?;
        let host = host(args)?;
        let plan = Plan::of(&host, &audit);
        for (path, why) in &plan.refused {
            anstream::eprintln!("left alone  {}: {}", shown(path), escape::line(why));
        }
        if plan.changes.is_empty() {
            anstream::eprintln!("there is nothing that --fix may change");
            return Ok(());
        }
        let mut record = Record::new(&today(args));
        for change in &plan.changes {
            let (before, after) = (change.before.shown(), change.after.shown());
            let said = match if args.dry_run { Ok(()) } else { change.apply(host.root()) } {
                Ok(()) if args.dry_run => "would change",
                Ok(()) => {
                    record.changes.push(change.clone());
                    "changed"
                }
                Err(error) => {
                    anstream::eprintln!("left alone  {}: {error}", shown(&change.path));
                    continue;
                }
            };
            anstream::eprintln!("{said}  {}: {before} -> {after}", shown(&change.path));
        }
        if !record.changes.is_empty() {
            let file = record.save(&state_folder()?)?;
            anstream::eprintln!("to take it back: skillscan audit --undo {}", shown(&file));
        }
        Ok(())
    }

    /// Takes back what a repair did.
    pub(super) fn undo(file: &Path) -> anyhow::Result<Exit> {
        let record = Record::read(file).with_context(|| format!("--undo {}", shown(file)))?;
        let mut out = stdout();
        let mut is_done = true;
        for change in record.changes.iter().rev() {
            match change.undo(Path::new("/")) {
                Ok(()) => writeln!(out, "restored  {}: {}", shown(&change.path), change.before.shown())?,
                Err(error) => {
                    is_done = false;
                    writeln!(out, "left alone  {}: {error}", shown(&change.path))?;
                }
            }
        }
        out.flush()?;
        Ok(if is_done { Exit::Clean } else { Exit::Failed })
    }

    fn shown(path: &Path) -> String {
        escape::line(&path.display().to_string())
    }

    fn host(args: &Args) -> anyhow::Result<Host> {
        let host = match &args.root {
            None => Host::live(),
            Some(root) if root.is_dir() => Host::image(std::fs::canonicalize(root)?),
            Some(root) => bail!("--root {}: is no directory", shown(root)),
        };
        let host = host.of_user(args.user.clone());
        if let (Some(name), Err(why)) = (&args.user, host.audited()) {
            bail!("--user {}: {}", escape::line(name), escape::line(&why.to_string()));
        }
        Ok(host)
    }

    fn options(args: &Args, host: &Host) -> anyhow::Result<Options> {
        let baseline = match (&args.baseline, args.save_baseline) {
            (_, true) => None,
            (Some(file), _) => Some(Baseline::read(file).with_context(|| format!("--baseline {}", shown(file)))?),
            // One that is there and cannot be used must not look like none.
            (None, _) if host.is_live() => match baseline_file(args) {
                Ok(file) if file.exists() => Some(Baseline::read(&file).with_context(|| shown(&file))?),
                _ => None,
            },
            (None, _) => None,
        };
        Ok(Options {
            profile: args.profile.clone(),
            probe: args.probe.clone(),
            deep: args.deep,
            scan: args.scan.then(scanner).transpose()?,
            baseline,
            today: today(args),
            ..Options::default()
        })
    }

    /// What judges skills as `scan` does: with the choices of whoever asks.
    fn scanner() -> anyhow::Result<Arc<Scanner>> {
        let choices = policy::Args::default().load(&Environment::of_process())?;
        let mut rules = rules::load(&[])?;
        policy::tell(&choices.apply(&mut rules));
        Ok(Arc::new(Scanner::new(rules, Limits::default(), choices.policy)))
    }

    fn today(args: &Args) -> String {
        args.today.clone().unwrap_or_else(|| jiff::ZonedDateTime::now().date().to_string())
    }

    fn baseline_file(args: &Args) -> anyhow::Result<PathBuf> {
        match &args.baseline {
            Some(file) => Ok(std::path::absolute(file)?),
            None => Ok(state_folder()?.join("baseline.json")),
        }
    }

    /// Where records are kept: where systemd tells a service to, or for root where the gateway's user does not write.
    fn state_folder() -> anyhow::Result<PathBuf> {
        let given = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from).filter(|folder| folder.is_absolute());
        if let Some(folder) = given {
            return Ok(folder);
        }
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/skillscan"));
        }
        let folder = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".local/state")));
        Ok(folder.context("there is no home directory; name a file with --baseline")?.join("skillscan"))
    }
}
