//! From bytes to structure: what an artifact is (by content first, by name
//! second), its parsed form, and the artifacts that lie inside it.

use std::ops::Range;

use crate::archive::Locked;
use crate::artifact::{Map, Op};
use crate::fact::Fact;
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::package::SkillPath;
use crate::text;

pub mod binary;
pub mod code;
pub mod data;
pub mod format;
mod header;
pub mod markdown;
pub mod markup;
pub mod shell;
pub(crate) mod syntax;

use format::Format;

/// What an artifact's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Markdown, the skill's own document included.
    Markdown,
    /// POSIX shell and its relatives.
    Shell,
    /// JavaScript, JSX included.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Python.
    Python,
    /// JSON and its relaxed forms.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
    /// Settings by lines, in sections: INI and its relatives.
    Ini,
    /// HTML, XML and SVG.
    Markup,
    /// Other text.
    Text,
    /// XML of an office document.
    Office,
    /// Not text.
    Binary(Format),
}

impl Kind {
    /// Name that rules see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Shell => "shell",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Tsx => "tsx",
            Self::Python => "python",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Ini => "ini",
            Self::Markup => "markup",
            Self::Text => "text",
            Self::Office => "office",
            Self::Binary(format) => format.name(),
        }
    }

    /// Whether it is a program in one of the languages that are parsed.
    pub fn is_code(self) -> bool {
        matches!(self, Self::JavaScript | Self::TypeScript | Self::Tsx | Self::Python | Self::Shell)
    }

    /// Whether it is not text.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// The kind that a language tag (of a code fence, say) names.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Some(match tag.to_ascii_lowercase().as_str() {
            "sh" | "bash" | "zsh" | "shell" | "console" | "shell-session" | "shellsession" | "sh-session"
            | "terminal" | "fish" | "ksh" | "dash" | "cmd" | "bat" | "batch" | "powershell" | "ps1" | "pwsh" => {
                Self::Shell
            }
            "js" | "javascript" | "jsx" | "mjs" | "cjs" | "node" => Self::JavaScript,
            "ts" | "typescript" | "mts" | "cts" => Self::TypeScript,
            "tsx" => Self::Tsx,
            "py" | "python" | "python3" => Self::Python,
            "json" | "json5" | "jsonc" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            "toml" => Self::Toml,
            "ini" | "systemd" => Self::Ini,
            "html" | "xml" | "svg" | "xhtml" => Self::Markup,
            "md" | "markdown" | "mdx" => Self::Markdown,
            _ => return None,
        })
    }

    /// Identifies the content of a file.
    pub fn identify(path: &SkillPath, bytes: &[u8]) -> Self {
        if let Some(format) = Format::of(bytes) {
            return Self::Binary(format);
        }
        let head = bytes.get(..bytes.len().min(4096)).unwrap_or(b"");
        if !is_text(head) {
            return Self::Binary(Format::Unknown);
        }
        if let Some(kind) = Self::from_shebang(head) {
            return kind;
        }
        let extension = path.extension();
        if let Some(kind) = Self::from_tag(&extension).filter(|_| extension != "node" && extension != "terminal") {
            return kind;
        }
        if is_settings(path, &extension) && Self::sniff(head) == Self::Text {
            return Self::Ini;
        }
        match extension.as_str() {
            "command" | "bashrc" | "zshrc" | "profile" | "envrc" => Self::Shell,
            "pyw" | "pyi" => Self::Python,
            "htm" | "xhtml" | "plist" => Self::Markup,
            "jsonl" | "ipynb" | "webmanifest" => Self::Json,
            "mdc" | "markdn" => Self::Markdown,
            _ => Self::sniff(head),
        }
    }

    /// Identifies content that has no name.
    pub fn sniffed(bytes: &[u8]) -> Self {
        Self::identify(&SkillPath::from_bytes(b""), bytes)
    }

    /// What reads a text that names its interpreter in the first line.
    fn from_shebang(head: &[u8]) -> Option<Self> {
        let line = text::view(head.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?).into_owned();
        let program = line
            .split_whitespace()
            .map(|word| word.rsplit('/').next().unwrap_or(""))
            .find(|word| *word != "env" && !word.starts_with('-'))?;
        let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match program {
            "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "fish" => Some(Self::Shell),
            "node" | "nodejs" | "bun" | "deno" | "zx" => Some(Self::JavaScript),
            "tsx" | "ts-node" => Some(Self::TypeScript),
            "python" | "uv" | "pypy" => Some(Self::Python),
            _ => None,
        }
    }

    fn sniff(head: &[u8]) -> Self {
        let start = head.trim_ascii_start();
        let begins = |prefix: &[u8]| start.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
        if begins(b"<svg") || begins(b"<?xml") || begins(b"<!doctype") || begins(b"<html") {
            Self::Markup
        } else if begins(b"{") || begins(b"[{") {
            Self::Json
        } else if begins(b"---\n") {
            Self::Markdown
        } else if is_unit(head) {
            Self::Ini
        } else {
            Self::Text
        }
    }
}

/// Whether a text begins as what systemd or a desktop starts programs by.
fn is_unit(head: &[u8]) -> bool {
    let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b";"));
    first.is_some_and(|line| [&b"[Unit]"[..], b"[Service]", b"[Timer]", b"[Desktop Entry]"].contains(&line))
}

/// Whether a file of this name is read as settings by lines.
fn is_settings(path: &SkillPath, extension: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "cfg",
        "cnf",
        "conf",
        "desktop",
        "env",
        "gitconfig",
        "path",
        "properties",
        "service",
        "socket",
        "timer",
        "npmrc",
    ];
    const NAMES: [&str; 10] = [
        ".editorconfig",
        ".env",
        ".gitconfig",
        ".gitmodules",
        ".hgrc",
        ".npmrc",
        ".pypirc",
        "gitconfig",
        "hgrc",
        "npmrc",
    ];
    let name = path.name().to_ascii_lowercase();
    ENDINGS.contains(&extension)
        || NAMES.contains(&name.as_str())
        || name.contains(".env.")
        || (name == "config" && path.shown().split('/').any(|part| part.eq_ignore_ascii_case(".git")))
}

pub(crate) fn is_text(head: &[u8]) -> bool {
    if head.contains(&0) {
        return false;
    }
    let odd = head
        .iter()
        .filter(|b| b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r' | 0x1b | 0x0c | 0x08))
        .count();
    if odd * 20 > head.len() {
        return false;
    }
    let invalid: usize = head.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    invalid * 3 <= head.len()
}

/// Parsed form of an artifact.
#[derive(Default)]
pub enum Body {
    /// Nothing beyond the bytes.
    #[default]
    None,
    /// A Markdown document.
    Markdown(Box<markdown::Document>),
    /// Values of a data file or front matter.
    Data(data::Data),
}

/// Something inside an artifact that becomes an artifact of its own.
pub struct Child {
    /// How it comes out.
    pub op: Op,
    /// Which bytes of the parent it stands for.
    pub range: Range<usize>,
    /// Its own bytes.
    pub bytes: Vec<u8>,
    /// How its offsets relate to the parent's.
    pub map: Map,
    /// What it is.
    pub kind: Kind,
    /// Its path in the archive that it lies in.
    pub name: Option<SkillPath>,
}

impl Child {
    /// `range` of the parent as it stands; its kind is told by its content.
    pub fn cut(op: Op, bytes: &[u8], range: Range<usize>) -> Self {
        let own = bytes.get(range.clone()).unwrap_or(b"").to_vec();
        Self { map: Map::slice(range.clone()), kind: Kind::sniffed(&own), op, range, bytes: own, name: None }
    }

    /// What was decoded out of `range`; its kind is told by its content.
    pub fn made(op: Op, range: Range<usize>, made: Vec<u8>) -> Self {
        Self { map: Map::Opaque, kind: Kind::sniffed(&made), op, range, bytes: made, name: None }
    }

    /// It goes by this path, and what it is depends on it too.
    pub fn named(self, name: &[u8]) -> Self {
        let name = SkillPath::from_bytes(name);
        Self { kind: Kind::identify(&name, &self.bytes), name: Some(name), ..self }
    }

    /// Its kind is known.
    pub fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// What parsing one artifact gave.
#[derive(Default)]
pub struct Parsed {
    /// Its form.
    pub body: Body,
    /// What lies inside it.
    pub children: Vec<Child>,
    /// What a parser saw that rules may ask about.
    pub facts: Vec<Fact>,
    /// Commands that stand in it.
    pub commands: Vec<shell::Command>,
    /// Parts that were not followed, and why.
    pub skipped: Vec<(GapKind, String)>,
    /// Members of an archive that a password opens.
    pub locked: Vec<Locked>,
    /// Bytes that were parsed as code.
    pub code: usize,
    /// The program in the form that values are followed in.
    pub module: Option<Box<crate::flow::ir::Module>>,
    /// Complaints about malformed text that was scanned all the same.
    pub malformed: Vec<(Range<usize>, String)>,
}

impl Parsed {
    /// Keeps a program to follow values in; what of it lies too deep for that is a gap.
    fn follow(&mut self, module: Option<crate::flow::ir::Module>) {
        if module.as_ref().is_some_and(|module| module.coarse) {
            let why = "nested too deeply, or too large, to follow values in all of it".to_owned();
            self.skipped.push((GapKind::OverLimit, why));
        }
        self.module = module.map(Box::new);
    }

    /// Takes `text` from the room there is for code; whether there was enough.
    fn has_room_for(&mut self, text: &str, limits: &Limits) -> bool {
        let fits = text.len() <= limits.code_bytes;
        if fits {
            self.code = text.len();
        } else {
            let why = "more code than is parsed (limit code_bytes); patterns scanned the rest".to_owned();
            self.skipped.push((GapKind::OverLimit, why));
        }
        fits
    }
}

/// Parses `bytes` as `kind`. `op` says how a derived artifact came about.
pub fn parse(path: &SkillPath, kind: Kind, op: Option<Op>, bytes: &[u8], limits: &Limits) -> Parsed {
    if let Kind::Binary(format) = kind {
        return binary::parse(format, bytes, limits);
    }
    if bytes.len() > limits.parse_bytes {
        return windows(kind, bytes, limits);
    }
    let text = text::lines(text::view(bytes));
    match kind {
        Kind::Markdown => markdown::parse(&text, limits),
        // What following values gave is not followed again.
        Kind::Shell if op == Some(Op::Followed) => shell::parse(&text, &Limits { flow_steps: 0, ..limits.clone() }),
        Kind::Shell => shell::parse(&text, limits),
        Kind::JavaScript | Kind::TypeScript | Kind::Tsx | Kind::Python => code::parse(kind, &text, limits),
        Kind::Json | Kind::Yaml | Kind::Toml | Kind::Ini => data::parse(path, kind, &text, limits),
        Kind::Markup => data::plist::parse(path, &text, markup::parse(&text)),
        // What was decoded may be a command; a file of plain text rarely is.
        Kind::Text if op.is_some_and(|op| op.is_decoding() || op == Op::DataString) => shell::parse(&text, limits),
        Kind::Office => binary::office::member(path.shown(), bytes),
        Kind::Text if op == Some(Op::DocumentScript) => macro_strings(&text, markdown::text(&text, limits)),
        Kind::Text => {
            let mut parsed = markdown::text(&text, limits);
            if op == Some(Op::CodeBlock) {
                // A block without a tag is a command as often as not.
                parsed.commands = shell::commands(&text);
            }
            parsed
        }
        Kind::Binary(_) => Parsed::default(),
    }
}

/// Adds the strings of a macro that are commands: a language of its own, in which strings are what matters.
fn macro_strings(text: &str, mut parsed: Parsed) -> Parsed {
    for line in text.lines().filter(|line| shell::worth_parsing(line)) {
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        let mut at = start;
        for (index, part) in line.split('"').enumerate() {
            let range = at..at + part.len();
            at = range.end + 1;
            if index % 2 == 1 && shell::worth_parsing(part) {
                parsed.children.push(Child::cut(Op::ProcessCall, text.as_bytes(), range).of_kind(Kind::Shell));
            }
        }
    }
    parsed
}

/// Text that is too large to be parsed at once, in parts that overlap: paragraphs and strings are then seen,
/// structure is not.
fn windows(kind: Kind, bytes: &[u8], limits: &Limits) -> Parsed {
    /// Longer than any command or sentence.
    const OVERLAP: usize = 4096;
    let mut parsed = Parsed::default();
    if !matches!(kind, Kind::Text | Kind::Json | Kind::Toml | Kind::Ini) {
        let why = format!("{} larger than {} bytes was read as plain text only", kind.name(), limits.parse_bytes);
        parsed.skipped.push((GapKind::OverLimit, why));
    }
    let size = limits.parse_bytes.max(2 * OVERLAP);
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes.len().min(start + size);
        // Cut between characters.
        let is_inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
        let first = (start..(start + 4).min(end)).find(|at| !is_inside(at)).unwrap_or(start);
        parsed.children.push(Child::cut(Op::Window, bytes, first..end).of_kind(Kind::Text));
        start = if end == bytes.len() { end } else { end - OVERLAP };
    }
    parsed
}
