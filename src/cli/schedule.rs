//! `skillscan schedule`: have `nightly` run every night, or keep a gateway from starting on a failed audit.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args as _, FromArgMatches, Subcommand};

use super::{Exit, nightly};
use crate::notify::Channel;
use crate::place::Environment;
use crate::process::{self, Caps, Given};
use crate::report::escape;
use crate::schedule::systemd::{self, Service};
use crate::schedule::{Found, Wanted, cron};

/// How long `systemctl` and `crontab` may take.
const CAPS: Caps = Caps { time: Duration::from_secs(30), bytes: 1024 * 1024 };

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run `nightly` every night: a timer of systemd, or a line of cron where there is no systemd
    Install(Install),
    /// Take away what install wrote
    Remove(Target),
    /// Say what is installed
    Status(Target),
}

#[derive(Debug, clap::Args)]
struct Install {
    #[command(flatten)]
    target: Target,
    /// Hour and minute
    #[arg(long, value_name = "HH:MM", default_value = "03:30")]
    at: String,
    /// With --system: run as this user, who reads everything and writes only what it remembers; must not be the
    /// agent's user
    #[arg(long, value_name = "NAME", requires = "system")]
    user: Option<String>,
    /// With --gateway-guard: also if something could not be found out
    #[arg(long, requires = "gateway_guard")]
    strict: bool,
    /// Show what would be written and started, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Arguments of `nightly`, after --
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Target {
    /// For the whole system rather than for your user
    #[arg(long)]
    system: bool,
    /// Not the timer, but a drop-in for the gateway's unit that keeps it from starting while `audit` fails
    #[arg(long)]
    gateway_guard: bool,
    /// With --gateway-guard: the gateway's unit
    #[arg(long, value_name = "NAME", default_value = systemd::GATEWAY, requires = "gateway_guard")]
    unit: String,
    /// Use cron even where there is systemd
    #[arg(long, conflicts_with_all = ["system", "gateway_guard"])]
    cron: bool,
    /// Write below this directory, such as that of an image, and start nothing
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut out = super::stdout();
    let exit = match &args.action {
        Action::Install(install) if install.target.gateway_guard => guard(install, &mut out)?,
        Action::Install(install) if install.target.is_cron() => crontab(install, &mut out)?,
        Action::Install(install) => timer(install, &mut out)?,
        Action::Remove(target) => remove(target, &mut out)?,
        Action::Status(target) => status(target, &mut out)?,
    };
    out.flush()?;
    Ok(exit)
}

impl Target {
    /// Whether systemd is not what starts things here.
    fn is_cron(&self) -> bool {
        self.cron
            || (!self.system
                && self.root.is_none()
                && !self.gateway_guard
                && !Path::new("/run/systemd/system").is_dir())
    }

    /// Where units lie.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        let folder = if self.system { PathBuf::from("/etc/systemd/system") } else { user_units()? };
        Ok(match &self.root {
            Some(root) => root.join(folder.strip_prefix("/").unwrap_or(&folder)),
            None => folder,
        })
    }

    /// What this is about, as files; what they hold counts only where they are written.
    fn files(&self) -> anyhow::Result<Vec<Wanted>> {
        let folder = self.folder()?;
        if self.gateway_guard {
            return Ok(vec![systemd::guard("", self.unit()?, &folder, false)]);
        }
        Ok(Service::default().files(&folder).into())
    }

    fn unit(&self) -> anyhow::Result<&str> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.@:".contains(c);
        if !self.unit.ends_with(".service") || !self.unit.chars().all(is_name) || self.unit.starts_with(['.', '-']) {
            bail!("--unit {}: is no name of a service, such as {}", escape::line(&self.unit), systemd::GATEWAY);
        }
        Ok(&self.unit)
    }

    /// Starts or stops something, unless only files are to be written.
    fn systemctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        if self.root.is_some() {
            return Ok(String::new());
        }
        let (program, mut given) = (process::find("systemctl")?, Given::default());
        let mut words = arguments.to_vec();
        if !self.system {
            words.insert(0, "--user");
            let me = rustix::process::geteuid().as_raw();
            given.variables.push(("XDG_RUNTIME_DIR", format!("/run/user/{me}")));
        }
        let output = process::run_with(&program, &words, &given, CAPS)?;
        if output.code != Some(0) {
            let said = output.stderr.lines().next().unwrap_or("no reason given");
            bail!("systemctl {}: {}", words.join(" "), escape::line(said));
        }
        Ok(output.stdout)
    }
}

fn user_units() -> anyhow::Result<PathBuf> {
    let environment = Environment::of_process();
    let named = environment.text("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| Some(environment.home?.join(".config")));
    Ok(folder.context("there is no home directory to write units in")?.join("systemd/user"))
}

/// This program, by a path that will still be it tomorrow.
fn program(is_system: bool) -> anyhow::Result<String> {
    let path = std::env::current_exe().and_then(std::fs::canonicalize).context("the path of this program")?;
    if is_system && process::is_replaceable(&path) {
        let shown = escape::line(&path.display().to_string());
        bail!("{shown}: may be replaced by someone who is not root; install it where only root writes");
    }
    let text = path.to_str().context("the path of this program is no text")?;
    check(text)?;
    Ok(text.to_owned())
}

/// Neither units nor crontabs can hold these.
fn check(word: &str) -> anyhow::Result<()> {
    if word.chars().any(char::is_control) {
        bail!("{}: control characters cannot be scheduled", escape::line(word));
    }
    Ok(())
}

/// The arguments of `nightly`, if they can work where nobody's shell is around.
fn arguments(install: &Install) -> anyhow::Result<nightly::Args> {
    for word in &install.arguments {
        check(word)?;
    }
    let command = nightly::Args::augment_args(clap::Command::new("skillscan nightly").no_binary_name(true));
    let matches = command.try_get_matches_from(&install.arguments);
    let matches = matches.map_err(|error| {
        let text = error.to_string();
        anyhow::anyhow!("arguments of nightly: {}", escape::line(text.lines().next().unwrap_or_default()))
    })?;
    let args = nightly::Args::from_arg_matches(&matches)?;
    let named = args.looked_at().map(|path| path.display().to_string()).filter(|path| !path.starts_with('/'));
    if let Some(path) = named.chain(install.arguments.iter().filter_map(|word| relative(word))).next() {
        bail!("{}: a timer starts somewhere else; give absolute paths", escape::line(&path));
    }
    for channel in args.channels() {
        // Whoever may read units reads their arguments: a secret must not be printed, nor written down.
        let kind = escape::line(channel.split(':').next().unwrap_or_default());
        Channel::check(channel).map_err(|why| anyhow::anyhow!("--notify {kind}: {why}"))?;
    }
    if install.target.system && args.looked_at().next().is_none() {
        bail!("--system: whose skills? Add `-- --home /home/NAME`, or paths");
    }
    if install.target.system && args.has_state() {
        bail!("--system: the service keeps its history in {}; leave out --state", systemd::STATE);
    }
    Ok(args)
}

/// What of an argument is a file or directory here, and would be none elsewhere.
fn relative(word: &str) -> Option<String> {
    let value = if word.starts_with('-') { word.split_once('=')?.1 } else { word };
    let path = Path::new(value);
    (path.is_relative() && path.exists()).then(|| value.to_owned())
}

fn time(at: &str) -> anyhow::Result<String> {
    let numbers =
        at.split_once(':').and_then(|(hour, minute)| Some((hour.parse::<u8>().ok()?, minute.parse::<u8>().ok()?)));
    match numbers {
        Some((hour @ 0..24, minute @ 0..60)) => Ok(format!("{hour:02}:{minute:02}")),
        _ => bail!("--at {}: is no hour and minute, such as 03:30", escape::line(at)),
    }
}

fn timer(install: &Install, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let args = arguments(install)?;
    let target = &install.target;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some(user) =
        install.user.as_deref().filter(|user| user.is_empty() || !user.chars().all(is_name) || user.starts_with('-'))
    {
        bail!("--user {}: is no name of a user", escape::line(user));
    }
    let mut words = install.arguments.clone();
    if target.system {
        words.extend(["--state".to_owned(), systemd::STATE.to_owned()]);
    }
    let is_command = |channel: &String| channel.starts_with("command:") || channel.starts_with("mail:");
    let service = Service {
        program: program(target.system && !install.dry_run)?,
        arguments: words,
        at: time(&install.at)?,
        is_system: target.system,
        user: install.user.clone(),
        has_audit: args.has_audit(),
        has_command: args.channels().iter().any(is_command),
    };
    let files = service.files(&target.folder()?);
    let name = format!("{}.timer", systemd::NAME);
    if install.dry_run {
        return shown(&files, &["daemon-reload", &format!("enable --now {name}")], target, out);
    }
    written(&files, out)?;
    target.systemctl(&["daemon-reload"])?;
    target.systemctl(&["enable", "--now", &name])?;
    let how = if target.root.is_some() { "Enable it there with" } else { "It runs; see" };
    let what = if target.root.is_some() { "enable" } else { "list-timers" };
    let user = if target.system { "" } else { " --user" };
    writeln!(out, "{how} `systemctl{user} {what} {name}`.")?;
    if !target.system {
        writeln!(out, "A timer of yours runs while you are logged in, or always after `loginctl enable-linger`.")?;
    }
    Ok(Exit::Clean)
}

fn guard(install: &Install, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let target = &install.target;
    let program = program(target.system && !install.dry_run)?;
    let file = systemd::guard(&program, target.unit()?, &target.folder()?, install.strict);
    if install.dry_run {
        return shown(&[file], &["daemon-reload"], target, out);
    }
    written(&[file], out)?;
    target.systemctl(&["daemon-reload"])?;
    writeln!(out, "From its next start on, {} starts only if no check fails.", target.unit()?)?;
    Ok(Exit::Clean)
}

fn shown(files: &[Wanted], commands: &[&str], target: &Target, out: &mut dyn Write) -> anyhow::Result<Exit> {
    for file in files {
        writeln!(out, "would write {}:\n", escape::line(&file.path.display().to_string()))?;
        for line in file.text.lines() {
            writeln!(out, "    {}", escape::line(line))?;
        }
        writeln!(out)?;
        if file.found().is_ok_and(|found| found == Found::Foreign) {
            writeln!(out, "but that file is there and was not written by skillscan\n")?;
        }
    }
    let user = if target.system { "" } else { " --user" };
    if target.root.is_none() {
        commands.iter().try_for_each(|command| writeln!(out, "would run systemctl{user} {command}"))?;
    }
    Ok(Exit::Clean)
}

fn written(files: &[Wanted], out: &mut dyn Write) -> anyhow::Result<()> {
    for file in files {
        let shown = escape::line(&file.path.display().to_string());
        file.write().with_context(|| shown.clone())?;
        writeln!(out, "wrote {shown}")?;
    }
    Ok(())
}

fn crontab(install: &Install, out: &mut dyn Write) -> anyhow::Result<Exit> {
    arguments(install)?;
    let block = cron::block(&program(false)?, &install.arguments, &time(&install.at)?);
    if install.dry_run {
        writeln!(out, "would add to your crontab:\n")?;
        for line in block.lines() {
            writeln!(out, "    {}", escape::line(line))?;
        }
        return Ok(Exit::Clean);
    }
    let table =
        cron::with(&list()?, &block).map_err(|why| anyhow::anyhow!("your crontab {why}; it is left as it is"))?;
    replace(table)?;
    writeln!(out, "added to your crontab; cron mails what is told")?;
    Ok(Exit::Clean)
}

/// The user's crontab; empty if there is none.
fn list() -> anyhow::Result<String> {
    let program = process::find("crontab").context("there is no systemd here, and no cron")?;
    let output = process::run(&program, &["-l"], CAPS)?;
    match output.code {
        Some(0) => Ok(output.stdout),
        // There is none yet.
        _ if output.stdout.is_empty() && output.stderr.contains("no crontab") => Ok(String::new()),
        _ => bail!("crontab -l: {}", escape::line(output.stderr.lines().next().unwrap_or_default())),
    }
}

fn replace(table: String) -> anyhow::Result<()> {
    let given = Given { input: Some(table.into_bytes()), ..Given::default() };
    let output = process::run_with(&process::find("crontab")?, &["-"], &given, CAPS)?;
    if output.code != Some(0) {
        bail!("crontab: {}", escape::line(output.stderr.lines().next().unwrap_or_default()));
    }
    Ok(())
}

fn remove(target: &Target, out: &mut dyn Write) -> anyhow::Result<Exit> {
    if target.is_cron() {
        let table = list()?;
        if cron::find(&table).is_none() {
            writeln!(out, "your crontab has no line of skillscan")?;
            return Ok(Exit::Clean);
        }
        replace(cron::without(&table).map_err(|why| anyhow::anyhow!("your crontab {why}; it is left as it is"))?)?;
        writeln!(out, "taken out of your crontab")?;
        return Ok(Exit::Clean);
    }
    let files = target.files()?;
    let is_there = files.iter().any(|file| file.path.exists());
    if is_there && !target.gateway_guard {
        target.systemctl(&["disable", "--now", &format!("{}.timer", systemd::NAME)])?;
    }
    for file in &files {
        let shown = escape::line(&file.path.display().to_string());
        match file.remove().with_context(|| shown.clone())? {
            true => writeln!(out, "removed {shown}")?,
            false if file.path.exists() => writeln!(out, "left alone {shown}: not written by skillscan")?,
            false => writeln!(out, "not there {shown}")?,
        }
    }
    if is_there {
        target.systemctl(&["daemon-reload"])?;
    }
    Ok(Exit::Clean)
}

fn status(target: &Target, out: &mut dyn Write) -> anyhow::Result<Exit> {
    if target.is_cron() {
        match cron::find(&list()?) {
            Some(line) => writeln!(out, "in your crontab: {}", escape::line(line))?,
            None => writeln!(out, "your crontab has no line of skillscan")?,
        }
        return Ok(Exit::Clean);
    }
    for file in target.files()? {
        let shown = escape::line(&file.path.display().to_string());
        let word = match file.found().with_context(|| shown.clone())? {
            Found::Nothing => "not installed",
            Found::Foreign => "not written by skillscan",
            Found::Same | Found::Older => "installed",
        };
        writeln!(out, "{word}  {shown}")?;
    }
    if !target.gateway_guard && target.root.is_none() {
        let timer = format!("{}.timer", systemd::NAME);
        match target.systemctl(&["list-timers", "--all", "--no-pager", "--no-legend", &timer]) {
            Ok(said) if said.trim().is_empty() => writeln!(out, "the timer is not active")?,
            Ok(said) => said.lines().try_for_each(|line| writeln!(out, "{}", escape::line(line.trim_end())))?,
            Err(why) => writeln!(out, "whether it is active is unknown: {why}")?,
        }
    }
    Ok(Exit::Clean)
}
