//! Quick tests of text, so that what cannot matter is not parsed.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::artifact::{Map, Op, Piece};
use crate::parse::{Child, Kind};

/// Whatever can run text or start a file: without one of these, nothing that is fetched or decoded is run.
static RUNNERS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "| sh",
            "|sh",
            "bash",
            "zsh",
            "dash",
            "ksh",
            "fish",
            "csh",
            "eval",
            "source ",
            ". <",
            "<(",
            "$(",
            "`",
            "chmod",
            "xattr",
            "./",
            "/tmp/",
            "python",
            "node ",
            "bun ",
            "deno ",
            "perl",
            "ruby",
            "php",
            "osascript",
            "powershell",
            "pwsh",
            "iex",
            "invoke-expression",
            "open ",
            "start ",
            "start-",
            "/sh",
            "sudo",
            "xargs",
            "sh -c",
            "sh <",
            "cmd ",
            "~/",
            "authorized_keys",
        ])
        .expect("patterns are constant")
});

/// Signs of a name that is built: quotes or backslashes inside words, variables side by side, parts of variables, globs.
static BUILT: LazyLock<regex::bytes::Regex> = LazyLock::new(|| {
    regex::bytes::Regex::new(r#"(?-u)[A-Za-z](?:''|""|\\)[A-Za-z]|\$'\\|\$\{?\w+(?:\[[^\]\s]{1,32}\])?\}?\$\{?\w|\$\{\w+:\d|\$\{?IFS|/\?|\?\?\?|\['"][A-Za-z]{1,3}['"]['"]?[A-Za-z]"#).expect("pattern is constant")
});

/// Commands that fetch or decode: where else would hidden text come from.
static SOURCES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "curl",
            "wget",
            "dig ",
            "nslookup",
            "host ",
            "drill ",
            "fetch ",
            "base64",
            "base32",
            "basenc",
            "openssl",
            "xxd",
            "iwr",
            "irm ",
            "invoke-",
            "webclient",
            "/dev/tcp",
            "nc ",
            "ncat",
            "aria2",
            "lynx",
            "w3m",
            "http ",
            "https ",
            "xh ",
            "printf",
            "echo -",
            "rev",
            "tr ",
            "gunzip",
            "zcat",
            "certutil",
            "uudecode",
            "urlopen",
            "requests.",
            "b64decode",
            "fromhex",
            "atob(",
            "fromcharcode",
            "lwp",
            "net::http",
            "-enc",
        ])
        .expect("patterns are constant")
});

/// Whether shell text could hold anything that the evaluation reports: something that is fetched, decoded or built,
/// and something that runs it. A quick test, so that ordinary text is not parsed as shell.
pub fn worth_parsing(text: &str) -> bool {
    let may_run = RUNNERS.is_match(text) && (SOURCES.is_match(text) || BUILT.is_match(text.as_bytes()));
    may_run || text.contains("authorized_keys")
}

/// Programs that send, fetch, or reach the clipboard, and what runs text: without one of them, values of a script
/// get nowhere. A sink of `signatures/flows/shell.toml` that is missing here fails in `tests/interfaces.rs`.
static SINKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new([
        "curl", "wget", "nc ", "ncat", "netcat", "socat", "/dev/tcp", "/dev/udp", "dig ", "nslookup", "host ",
        "drill ", "ping ", "getent ", "s_client", "mail", "mutt", "msmtp", "swaks", "nail ", "telnet", "ssh ", "scp ",
        "sftp", "rsync", "ftp ", "http ", "https ", "xh ", "eval", "source ", "python", "node ", "bun ", "deno ",
        "xclip", "xsel", "pbcopy", "wl-copy", "sh -c", "| sh", "bash", "aws ", "gh ", "rclone ", "export ", "alias ",
        "ln -s",
    ])
    .expect("patterns are constant")
});

/// Whether values of a script may get somewhere: something moves them or a file of the machine is named, and there is
/// somewhere to go, or a name is built.
pub fn may_flow(text: &str) -> bool {
    let moves = text.contains(['$', '`', '|', '<', '>', '@', '~'])
        || ["/root/", "/home/", "/etc/"].iter().any(|path| text.contains(path));
    moves && SINKS.is_match(text) || BUILT.is_match(text.as_bytes()) || is_broken(text)
}

/// Whether a word goes on in the next line.
fn is_broken(text: &str) -> bool {
    broken(text).next().is_some()
}

/// Where words go on in the next line.
fn broken(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memmem::find_iter(bytes, b"\\\n").filter(move |at| {
        let around = [at.checked_sub(1).and_then(|before| bytes.get(before)), bytes.get(at + 2)];
        around.into_iter().all(|byte| byte.is_some_and(|byte| !byte.is_ascii_whitespace() && *byte != b'\\'))
    })
}

/// The text with words that go on in the next line made whole; `None` if there is none.
pub(super) fn joined(text: &str) -> Option<Child> {
    let mut whole = String::new();
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in broken(text).chain([text.len()]) {
        let part = text.get(from..at)?;
        let len = part.len() as u32;
        pieces.push(Piece { at: whole.len() as u32, from: from as u32, len, from_len: len });
        whole.push_str(part);
        from = at + 2;
    }
    let map = Map::Pieces(pieces);
    let child = Child::made(Op::Folded, 0..text.len(), whole.into_bytes()).of_kind(Kind::Shell);
    is_broken(text).then_some(Child { map, ..child })
}

/// Whether inline code is a command at all: it has something to evaluate, or calls a program that fetches, or a script.
pub fn names_command(text: &str) -> bool {
    worth_parsing(text) || text.contains("curl ") || text.contains("wget ") || RUNNERS.is_match(text)
}

/// Whether a block of prose is itself a command with a pipe or substitution into an interpreter.
pub fn is_command_line(text: &str) -> bool {
    // Of bytes and without counting: it is compiled for every scan of a single skill.
    static INTO: LazyLock<regex::bytes::Regex> = LazyLock::new(|| {
        regex::bytes::Regex::new(
            r"(?i-u)(?:curl|wget|base64|iwr|irm)\b[^\n]*(?:\||<\()|(?:sh|eval|source)\b[^|]{0,40}(?:\$\(|<\(|`)",
        )
        .expect("pattern is constant")
    });
    worth_parsing(text) && INTO.is_match(text.as_bytes())
}

/// Whether a line of text starts with a command that fetches, decodes or interprets.
pub fn holds_command(text: &str) -> bool {
    const COMMANDS: [&str; 9] = ["curl", "wget", "bash", "sh", "eval", "base64", "iwr", "iex", "source"];
    text.lines()
        .any(|line| line.split_whitespace().find(|word| *word != "sudo").is_some_and(|word| COMMANDS.contains(&word)))
}
