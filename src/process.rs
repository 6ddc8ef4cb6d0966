//! The only place that starts another program: one of the system's own, by its absolute path, with an empty
//! environment, for a limited time and a limited output; or one that the user named. Never a program or an argument
//! that comes from a package.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Directories that hold the system's programs, in the order in which they are looked through.
pub const FOLDERS: [&str; 6] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

/// How much a program may take.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Until it is ended.
    pub time: Duration,
    /// Bytes that it may write to each of its outputs.
    pub bytes: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), bytes: 8 * 1024 * 1024 }
    }
}

/// What a program said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output, lossily as text. Not escaped.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program.
    #[error("{0} is not installed")]
    Missing(String),
    /// Someone but root could have put another program in its place.
    #[error("{0} may be replaced by someone who is not root, so it was not run")]
    Replaceable(PathBuf),
    /// It is none, or not what the user may trust.
    #[error("{0} {1}, so it was not run")]
    Unfit(PathBuf, &'static str),
    /// The system did not start it.
    #[error("{0} could not be started: {1}")]
    Start(PathBuf, io::Error),
    /// It ran for too long.
    #[error("{0} did not end within {1:?}")]
    Time(PathBuf, Duration),
    /// It wrote too much.
    #[error("{0} wrote more than {1} bytes")]
    Size(PathBuf, u64),
}

/// The path of a program of the system, such as `nft`.
///
/// # Errors
/// If none of [`FOLDERS`] holds it, or someone but root may change what they hold.
pub fn find(name: &str) -> Result<PathBuf, Error> {
    let found = FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    let path = found.ok_or_else(|| Error::Missing(name.to_owned()))?;
    if is_replaceable(&path) { Err(Error::Replaceable(path)) } else { Ok(path) }
}

/// Checks a program that the user named: by its absolute path, one that nobody else may write.
///
/// # Errors
/// Says what is wrong with it.
pub fn own(path: &Path) -> Result<PathBuf, Error> {
    let unfit = |why| Error::Unfit(path.to_owned(), why);
    if !path.is_absolute() {
        return Err(unfit("is no absolute path"));
    }
    let meta = std::fs::metadata(path).map_err(|_| Error::Missing(path.display().to_string()))?;
    if !meta.is_file() {
        return Err(unfit("is no file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let me = rustix::process::geteuid().as_raw();
        if (meta.uid() != me && meta.uid() != 0) || meta.mode() & 0o022 != 0 {
            return Err(unfit("may be written by someone else"));
        }
    }
    Ok(path.to_owned())
}

/// Whether someone who is not root may put something else in the place of a program.
#[cfg(unix)]
pub(crate) fn is_replaceable(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(real) = std::fs::canonicalize(path) else { return true };
    let is_open = |path: &Path| {
        std::fs::symlink_metadata(path).map_or(true, |meta| {
            let is_sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
            meta.uid() != 0 || (meta.mode() & 0o022 != 0 && !meta.is_symlink() && !is_sticky)
        })
    };
    path.ancestors().chain(real.ancestors()).any(is_open)
}

#[cfg(not(unix))]
pub(crate) fn is_replaceable(_: &Path) -> bool {
    true
}

/// Runs a program that [`find`] found, and waits for it.
///
/// # Errors
/// If it cannot be started, or takes more than it may; it is then ended.
pub fn run(program: &Path, arguments: &[&str], caps: Caps) -> Result<Output, Error> {
    run_with(program, arguments, &Given::default(), caps)
}

/// What a program is given beside its arguments.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Its standard input; empty, if none.
    pub input: Option<Vec<u8>>,
    /// Variables beside `PATH` and `LC_ALL`.
    pub variables: Vec<(&'static str, String)>,
}

/// As [`run`], with an input and variables.
///
/// # Errors
/// As [`run`].
pub fn run_with(program: &Path, arguments: &[&str], given: &Given, caps: Caps) -> Result<Output, Error> {
    let mut child = start(program, arguments, given).map_err(|error| Error::Start(program.to_owned(), error))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), given.input.clone()) {
        // A program need not read all of it.
        thread::spawn(move || pipe.write_all(&input).is_ok());
    }
    let deadline = Instant::now() + caps.time;
    let late = || Error::Time(program.to_owned(), caps.time);
    let (sender, receiver) = mpsc::channel();
    let outputs: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|pipe| Box::new(pipe) as _), child.stderr.take().map(|pipe| Box::new(pipe) as _)];
    for (index, pipe) in outputs.into_iter().enumerate() {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // Whatever came before an error is what it said.
            let _ = pipe.map(|pipe| pipe.take(caps.bytes + 1).read_to_end(&mut bytes));
            let _ = sender.send((index, bytes));
        });
    }
    let mut texts = [String::new(), String::new()];
    for _ in 0..texts.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((index, bytes)) = receiver.recv_timeout(left) else {
            end(&mut child);
            return Err(late());
        };
        if bytes.len() as u64 > caps.bytes {
            end(&mut child);
            return Err(Error::Size(program.to_owned(), caps.bytes));
        }
        if let Some(text) = texts.get_mut(index) {
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let [stdout, stderr] = texts;
                return Ok(Output { code: status.code(), stdout, stderr });
            }
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            _ => {
                end(&mut child);
                return Err(late());
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts programs, none of which is scanned")]
fn start(program: &Path, arguments: &[&str], given: &Given) -> io::Result<Child> {
    let mut command = std::process::Command::new(program);
    command.args(arguments).env_clear().env("LC_ALL", "C").env("PATH", FOLDERS.join(":")).current_dir("/");
    command.envs(given.variables.iter().map(|(name, value)| (*name, value)));
    command.stdin(if given.input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// Ends a program and what it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL);
    let _ = child.kill();
    let _ = child.wait();
}
