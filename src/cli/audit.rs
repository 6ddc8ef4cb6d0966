//! `skillscan audit`: whether this host is fit to run an agent gateway.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;

use super::Exit;
use crate::audit::{Audit, Status};
use crate::report::audit::{self as report, Detail};

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  nothing at or above --fail-on (default: fail); what was not checked is listed
  1  something at or above --fail-on
  2  usage error, internal error, or no OpenClaw installation found
  3  something could not be looked at, and nothing is flagged; with --strict also what needs root or --probe";

#[derive(Debug, clap::Args)]
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
    /// Also ask slow programs for a second opinion, such as `ufw status`
    #[arg(long, help_heading = "What to look at")]
    deep: bool,
    /// Also scan the skills of every place that OpenClaw loads them from
    #[arg(long, help_heading = "What to look at")]
    scan: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Warn,
    Fail,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
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

#[cfg(target_os = "linux")]
fn audit(args: &Args) -> anyhow::Result<Audit> {
    use crate::audit::{self, Options, host::Host};

    let host = match &args.root {
        None => Host::live(),
        Some(root) if root.is_dir() => Host::image(std::fs::canonicalize(root)?),
        Some(root) => bail!("--root {}: is no directory", crate::report::escape::line(&root.display().to_string())),
    };
    let host = host.of_user(args.user.clone());
    if let (Some(name), Err(why)) = (&args.user, host.audited()) {
        bail!("--user {}: {}", crate::report::escape::line(name), crate::report::escape::line(&why.to_string()));
    }
    let options = Options {
        profile: args.profile.clone(),
        probe: args.probe.clone(),
        deep: args.deep,
        scan: args.scan,
        today: args.today.clone().unwrap_or_else(today),
        ..Options::default()
    };
    Ok(audit::run(host, options))
}

#[cfg(target_os = "linux")]
fn today() -> String {
    jiff::ZonedDateTime::now().date().to_string()
}

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
        match () {
            () if is_flagged => Exit::Flagged,
            () if audit.subject.installations.is_empty() && cfg!(target_os = "linux") => Exit::Failed,
            () if is_unknown => Exit::Incomplete,
            () => Exit::Clean,
        }
    }
}
