//! Tells someone what a run found: a command of the user's, mail, or a server. Addresses that are secret, as those of
//! webhooks are, come from a file or from a variable, never from the command line, which others can read.
//!
//! What cannot be delivered is an error of its own and changes no verdict.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use url::Url;

pub mod payload;

use crate::net::http::{self, Client, Request};
use crate::place::Environment;
use crate::process::{self, Caps, Given};
use crate::report::{escape, mask};

/// How long a server may take for one attempt, and a program in all.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;
/// Largest file with an address or a token, in bytes.
const SECRET: u64 = 4096;
/// Where Telegram answers, unless the file names another server.
const TELEGRAM: &str = "https://api.telegram.org/bot";

/// What is sent. All texts are escaped for a terminal and defanged; mark-up is each channel's own matter.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// One line in our own words.
    pub title: String,
    /// What it is about, a line each.
    pub about: Vec<String>,
    /// What happened, the worst first, each a headline and lines below it.
    pub entries: Vec<Vec<String>>,
    /// The same as data.
    pub value: Value,
}

/// What a server expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The run as data.
    Generic,
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// A bot of Telegram, and the chat that it writes to.
    Telegram(String),
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Channel {
    /// A program of the user's, which gets the message as its standard input.
    Command(PathBuf),
    /// An address that the system's `sendmail` delivers to.
    Mail(String),
    /// A server. The address is secret.
    Server(Form, Url),
}

/// How channels are written, for `--help` and errors.
pub const FORMS: &str = "command:/PATH, mail:ADDRESS, webhook:SECRET, slack:SECRET, discord:SECRET or \
    telegram:CHAT:SECRET, where SECRET is file:/PATH or env:NAME";

impl Channel {
    /// Reads a channel as it stands on the command line.
    ///
    /// # Errors
    /// In our words, if it is none, or its secret cannot be had or may be read by others. Never says the secret.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, String> {
        let wrong = || format!("expected {FORMS}");
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let server = |form: Form, secret: &str| Ok(Self::Server(form, address(&read(secret, environment)?)?));
        match kind {
            "command" => process::own(Path::new(rest)).map(Self::Command).map_err(|error| error.to_string()),
            "mail" if is_address(rest) => Ok(Self::Mail(rest.to_owned())),
            "mail" => Err("is no address of one person".to_owned()),
            "webhook" => server(Form::Generic, rest),
            "slack" => server(Form::Slack, rest),
            "discord" => server(Form::Discord, rest),
            "telegram" => {
                let (chat, secret) = rest.split_once(':').ok_or_else(wrong)?;
                let is_chat = !chat.is_empty() && chat.chars().all(|c| c.is_ascii_alphanumeric() || "-_@".contains(c));
                if !is_chat {
                    return Err("telegram: the chat is a number, or @ and a name".to_owned());
                }
                let token = read(secret, environment)?;
                let base = if token.contains("://") { token } else { format!("{TELEGRAM}{token}") };
                let url = address(&format!("{}/sendMessage", base.trim_end_matches('/')))?;
                Ok(Self::Server(Form::Telegram(chat.to_owned()), url))
            }
            _ => Err(wrong()),
        }
    }

    /// Checks a channel that is to be used where none of the user's variables are, as by a timer. Reads nothing.
    ///
    /// # Errors
    /// In our words, if it is none that could work there. Never says the secret.
    pub fn check(text: &str) -> Result<(), String> {
        let wrong = || format!("expected {FORMS}");
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let secret = match kind {
            "command" if rest.starts_with('/') => return Ok(()),
            "mail" if is_address(rest) => return Ok(()),
            "webhook" | "slack" | "discord" => rest,
            "telegram" => rest.split_once(':').ok_or_else(wrong)?.1,
            _ => return Err(wrong()),
        };
        match secret.split_once(':') {
            Some(("file", path)) if path.starts_with('/') => Ok(()),
            Some(("env", _)) => Err("a timer has none of your variables; name a file with file:/PATH".to_owned()),
            _ => Err(wrong()),
        }
    }

    /// What it is called in messages; says nothing secret.
    pub fn name(&self) -> String {
        match self {
            Self::Command(path) => escape::line(&format!("command:{}", path.display())),
            Self::Mail(address) => format!("mail:{address}"),
            Self::Server(Form::Generic, _) => "webhook".to_owned(),
            Self::Server(Form::Slack, _) => "slack".to_owned(),
            Self::Server(Form::Discord, _) => "discord".to_owned(),
            Self::Server(Form::Telegram(chat), _) => format!("telegram:{chat}"),
        }
    }

    /// Delivers a message, and waits for it.
    ///
    /// # Errors
    /// In our words and escaped, without anything secret.
    pub fn send(&self, message: &Message) -> Result<(), String> {
        let plain = |why: String| escape::line(&mask::secrets(&why));
        match self {
            Self::Command(path) => run(path, &[], payload::text(message)).map_err(plain),
            Self::Mail(to) => {
                let sendmail = process::find("sendmail").map_err(|error| error.to_string())?;
                run(&sendmail, &["-i", "--", to], payload::mail(message, to)).map_err(plain)
            }
            Self::Server(form, url) => post(form, url, message).map_err(plain),
        }
    }
}

fn run(program: &Path, arguments: &[&str], input: String) -> Result<(), String> {
    let given = Given { input: Some(input.into_bytes()), ..Given::default() };
    let caps = Caps { time: TIME, bytes: ANSWER as u64 };
    let output = process::run_with(program, arguments, &given, caps).map_err(|error| error.to_string())?;
    let said = output.stderr.lines().next().unwrap_or_default();
    match output.code {
        Some(0) => Ok(()),
        Some(code) => Err(format!("ended with {code}: {}", escape::fitted(said, 200))),
        None => Err("was ended by a signal".to_owned()),
    }
}

fn post(form: &Form, url: &Url, message: &Message) -> Result<(), String> {
    let body = match form {
        Form::Generic => payload::generic(message),
        Form::Slack => payload::slack(message),
        Form::Discord => payload::discord(message),
        Form::Telegram(chat) => payload::telegram(message, chat),
    };
    let request = Request {
        url: url.clone(),
        body: Some(body.to_string()),
        accept: "*/*",
        token: None,
        limit: ANSWER,
        follow: http::Follow::Same,
    };
    let client = Client::new(TIME).map_err(|error| error.to_string())?;
    client.send(&request).map(drop).map_err(|error| error.without_address())
}

/// A secret, from where the command line says.
fn read(source: &str, environment: &Environment) -> Result<String, String> {
    let text = match source.split_once(':') {
        Some(("env", name)) => {
            let value = environment.text(name).map(str::to_owned);
            value.ok_or_else(|| format!("the variable {} is not set", escape::line(name)))?
        }
        Some(("file", path)) => file(Path::new(path)).map_err(|why| format!("{} {why}", escape::line(path)))?,
        _ => {
            return Err(
                "the address is secret and must not stand on the command line; name file:/PATH or env:NAME".to_owned()
            );
        }
    };
    let text = text.trim();
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if is_plain { Ok(text.to_owned()) } else { Err("holds no address or token, or more than one".to_owned()) }
}

fn file(path: &Path) -> Result<String, String> {
    if !path.is_absolute() {
        return Err("is no absolute path".to_owned());
    }
    let meta = std::fs::metadata(path).map_err(|error| format!("cannot be read: {}", error.kind()))?;
    if !meta.is_file() || meta.len() > SECRET {
        return Err("is no file of a sensible size".to_owned());
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&meta) & 0o077 != 0 {
        return Err("may be read or written by others: chmod 600".to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {}", error.kind()))
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "holds no address of a server".to_owned())?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if http::is_loopback(&url) => Ok(url),
        _ => Err("names an address that is not secured; only https is used beyond this machine".to_owned()),
    }
}

/// Whether it is one address, and nothing that `sendmail` takes for anything else.
fn is_address(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._%+-@".contains(c);
    text.len() <= 254
        && text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric())
        && text.chars().all(is_fine)
        && text.matches('@').count() <= 1
}
