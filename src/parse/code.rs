//! Strings of programs that are commands: what a process call is given, what
//! a table of patterns holds, what a comment quotes.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use tree_sitter::Node;

use crate::artifact::{Map, Op, Piece};
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::{Child, Kind, Parsed, shell, syntax};

mod strings;
mod structure;

use strings::Strings;
pub use structure::{Structure, structure};
pub(crate) use structure::{is_command_key, is_pattern_key};

/// Last name of a call that starts a process or a shell.
const PROCESS_CALLS: [&str; 28] = [
    "system",
    "popen",
    "run",
    "call",
    "check_output",
    "check_call",
    "Popen",
    "getoutput",
    "getstatusoutput",
    "create_subprocess_shell",
    "create_subprocess_exec",
    "spawn",
    "spawnl",
    "spawnv",
    "execl",
    "execv",
    "execvp",
    "execlp",
    "exec",
    "execSync",
    "spawnSync",
    "execFile",
    "execFileSync",
    "doShellScript",
    "Command",
    "$",
    "sh",
    "shell",
];

/// A program is parsed if it names a command that fetches or decodes, or text that goes into a shell.
static GATE: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "curl",
            "wget",
            "base64 -",
            "openssl base64",
            "openssl enc",
            "xxd -r",
            "| sh",
            "|sh",
            "| bash",
            "|bash",
            "| zsh",
            "| sudo",
            "bash -c",
            "sh -c",
            "iex",
            "iwr ",
            "irm ",
            "invoke-",
            "powershell",
            "authorized_keys",
            "/dev/tcp",
            "chmod +x",
            "xattr",
            "certutil",
            "aria2c",
            "child_process",
            "subprocess",
            "os.system",
            "os.popen",
        ])
        .expect("patterns are constant")
});

/// Finds the strings that are commands.
pub fn parse(kind: Kind, text: &str, limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let is_gated = !GATE.is_match(text);
    let is_followed = limits.flow_steps > 0;
    if is_gated && !is_followed {
        return parsed;
    }
    if !parsed.has_room_for(text, limits) {
        return parsed;
    }
    parsed.children = commented(kind, text);
    let tree = match syntax::tree(kind, text) {
        Ok(tree) => tree,
        Err(gap) => {
            parsed.skipped.push((gap, format!("the {} parser gave up; patterns scanned the text", kind.name())));
            return parsed;
        }
    };
    if is_followed {
        parsed.follow(crate::flow::lower::lower(kind, &tree, text, limits));
    }
    if is_gated {
        return parsed;
    }
    let mut strings = Strings::new(text);
    let mut nodes = 0;
    syntax::walk(&tree, |node| {
        nodes += 1;
        nodes < limits.nodes && strings.visit(node)
    });
    if nodes >= limits.nodes {
        parsed.skipped.push((GapKind::OverLimit, format!("more than {} syntax nodes", limits.nodes)));
    }
    parsed.children.extend(strings.children());
    parsed
}

/// Whether a program starts processes with what it was given, rather than with its own literals.
pub fn is_driver(kind: Kind, text: &str, limits: &Limits) -> bool {
    const APIS: [&str; 9] =
        ["subprocess", "os.system", "popen", "child_process", "exec", "spawn", "Deno.Command", "shell", "run("];
    if !APIS.iter().any(|api| text.contains(api)) {
        return false;
    }
    let Ok(tree) = syntax::tree(kind, text) else { return true };
    let mut strings = Strings::new(text);
    let mut nodes = 0;
    syntax::walk(&tree, |node| {
        nodes += 1;
        nodes < limits.nodes && strings.visit(node)
    });
    !strings.run.is_empty()
}

/// Runs of line comments that are commands: commented out today, and an edit away from being run.
pub(super) fn commented(kind: Kind, text: &str) -> Vec<Child> {
    let mark = if matches!(kind, Kind::Python | Kind::Shell) { "#" } else { "//" };
    let mut children = Vec::new();
    let mut run = (String::new(), Vec::new());
    let mut start = 0;
    for line in text.split_inclusive('\n').chain(std::iter::once("")) {
        let trimmed = line.trim_start();
        if let Some(content) = trimmed.strip_prefix(mark).filter(|rest| !rest.starts_with('!')) {
            add(&mut run.0, &mut run.1, content, start + (line.len() - content.len())..start + line.len());
        } else {
            let (bytes, map) = std::mem::take(&mut run);
            if shell::is_command_line(&bytes) || shell::holds_command(&bytes) {
                let first = map.first().map_or(0, |piece: &Piece| piece.from as usize);
                children.push(Child {
                    op: Op::Comment,
                    range: first..start,
                    bytes: bytes.into_bytes(),
                    map: Map::Pieces(map),
                    kind: Kind::Shell,
                    name: None,
                });
            }
        }
        start += line.len();
    }
    children
}

fn add(out: &mut String, map: &mut Vec<Piece>, text: &str, from: Range<usize>) {
    // Constants that double themselves must not fill the memory.
    if out.len() + text.len() > 256 * 1024 {
        return;
    }
    map.push(Piece {
        at: out.len() as u32,
        from: from.start as u32,
        len: text.len() as u32,
        from_len: from.len() as u32,
    });
    out.push_str(text);
}

fn callee<'t>(call: Node<'_>, text: &'t str) -> Option<&'t str> {
    let function = call.child_by_field_name("function").or_else(|| call.child_by_field_name("constructor"))?;
    text.get(function.byte_range())
}

fn last_name(callee: &str) -> &str {
    callee.rsplit(['.', '?', ' ']).next().unwrap_or(callee)
}

fn is_process_call(callee: &str) -> bool {
    /// Names that other things have as well: regular expressions `exec`, functions `call`, databases `run`.
    const COMMON: [&str; 8] = ["run", "call", "exec", "spawn", "system", "shell", "Command", "sh"];
    const MODULES: [&str; 17] = [
        "subprocess",
        "sp",
        "os",
        "child_process",
        "cp",
        "childProcess",
        "proc",
        "shelljs",
        "shell",
        "Deno",
        "Bun",
        "asyncio",
        "pty",
        "commands",
        "execa",
        "zx",
        "Process",
    ];
    let name = last_name(callee);
    let object = callee.strip_suffix(name).map_or("", |object| object.trim_end_matches(['.', '?']));
    let is_module = object.is_empty()
        || MODULES.contains(&last_name(object))
        || object.contains("require(")
        || object.contains("__import__");
    PROCESS_CALLS.contains(&name) && (!COMMON.contains(&name) || is_module)
}
