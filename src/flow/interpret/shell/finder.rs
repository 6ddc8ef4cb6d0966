//! Programs that name files: what they print is a path below where they look, of which the name is known as far as the
//! pattern says it.

use super::super::taints;
use super::command::Run;
use super::*;

/// Paths that one search stands for.
const PATHS: usize = 32;

/// How a program that looks for files is told what for.
struct Finder {
    /// Options whose value is a pattern of names,
    names: &'static [&'static str],
    /// or the ending of names.
    endings: &'static [&'static str],
    /// Other options that take the next word.
    values: &'static [&'static str],
    /// The first operand is a pattern.
    takes_pattern: bool,
}

const FIND: Finder = Finder {
    names: &["-name", "-iname", "-path", "-ipath", "-wholename"],
    endings: &[],
    values: &["-type", "-maxdepth", "-mindepth", "-mtime", "-mmin", "-newer", "-size", "-user", "-printf"],
    takes_pattern: false,
};
const FD: Finder = Finder {
    names: &[],
    endings: &["-e", "--extension"],
    values: &["-t", "--type", "-d", "--max-depth", "-E", "--exclude", "-x", "-X"],
    takes_pattern: true,
};
const RG: Finder = Finder {
    names: &["-g", "--glob", "--iglob"],
    endings: &["-t", "--type"],
    values: &["-e", "--max-depth", "-m", "-f", "-j"],
    takes_pattern: false,
};

impl Interpreter<'_> {
    /// Paths that a search prints.
    pub(super) fn found(&mut self, run: &Run<'_>) -> Option<Value> {
        let finder = match run.name {
            "find" => &FIND,
            "fd" | "fdfind" => &FD,
            "rg" if run.has("--files") => &RG,
            _ => return None,
        };
        let mut places: Vec<Rc<str>> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut args = run.args.iter();
        let mut taint = None;
        while let Some(arg) = args.next() {
            taint = taints(&taint, &arg.taint());
            let text = arg.texts().first().cloned().unwrap_or_else(|| UNKNOWN.to_string().into());
            let is = |options: &[&str]| options.contains(&&*text);
            let mut next = || args.next().and_then(|arg| arg.texts().first().cloned());
            if is(finder.names) {
                names.extend(next().filter(|name| !name.starts_with('!')).map(|name| name.to_string()));
            } else if is(finder.endings) {
                names.extend(next().map(|ending| format!("*.{ending}")));
            } else if is(finder.values) {
                next();
            } else if finder.takes_pattern && names.is_empty() && places.is_empty() && !text.starts_with('-') {
                names.push(format!("*{text}*"));
            } else if !text.starts_with(['-', '(', ')', '!', ';', '+', '{']) {
                places.push(text);
            }
        }
        if places.is_empty() {
            places.push(".".into());
        }
        if names.is_empty() {
            names.push("*".to_owned());
        }
        let hole = UNKNOWN.to_string();
        let path = |place: &Rc<str>, name: &String| {
            let name = name.trim_start_matches("**/").trim_end_matches('*');
            let between = if name.starts_with('*') { "/" } else { "/\u{1a}/" };
            let name = name.replace(['*', '?', '\\', '^', '$'], &hole);
            Lit::Text(format!("{}{between}{name}", place.trim_end_matches('/')).into())
        };
        let all = places.iter().flat_map(|place| names.iter().map(move |name| path(place, name)));
        let all: Vec<Lit> = all.take(PATHS).collect();
        Some(self.made(all).with(&taint))
    }

    /// The command that a search runs on what it finds.
    pub(super) fn run_on_found(&mut self, run: &Run<'_>) -> Option<Vec<Value>> {
        const RUNS: [&str; 8] = ["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"];
        let is_run = |arg: &Value| arg.texts().iter().any(|text| RUNS.contains(&&**text));
        let at = run.args.iter().position(is_run)?;
        let looks = Run { args: run.args.get(..at)?, ..*run };
        let place = self.found(&looks)?;
        let words = run.args.get(at + 1..)?;
        let end = words.iter().position(|word| word.texts().iter().any(|text| matches!(&**text, ";" | "+")));
        let words = words.get(..end.unwrap_or(words.len()))?;
        let is_hole = |word: &Value| word.texts().iter().any(|text| &**text == "{}");
        let mut command: Vec<Value> =
            words.iter().map(|word| if is_hole(word) { place.clone() } else { word.clone() }).collect();
        if !words.iter().any(is_hole) {
            command.push(place);
        }
        Some(command)
    }
}
