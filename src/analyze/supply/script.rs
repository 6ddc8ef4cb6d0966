//! What an installation runs: scripts of a manifest with the files that they start, and files that build a package.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use regex::Regex;

use crate::artifact::Artifact;
use crate::fact::{Fact, FactKind};
use crate::parse::Kind;
use crate::text;

use super::read::Anchor;

/// Phases that a package manager runs by itself.
const PHASES: [&str; 9] = [
    "preinstall",
    "install",
    "postinstall",
    "preprepare",
    "prepare",
    "postprepare",
    "prepublish",
    "dependencies",
    "postuninstall",
];

/// Programs that run a file.
const RUNTIMES: [&str; 20] = [
    "node",
    "bun",
    "deno",
    "python",
    "python3",
    "py",
    "ruby",
    "perl",
    "php",
    "sh",
    "bash",
    "zsh",
    "dash",
    "pwsh",
    "powershell",
    "tsx",
    "ts-node",
    "osascript",
    "cscript",
    "wscript",
];

/// Bytes of a program that are looked at.
const READ: usize = 1024 * 1024;
/// Scripts that one phase may lead through.
const HOPS: usize = 8;

/// Files of a package by the archive that they lie in and their path.
pub(super) struct Files<'a> {
    by_path: HashMap<(Option<String>, String), &'a Artifact>,
    /// Whether there is source in a language that is compiled.
    pub(super) has_native_sources: bool,
}

impl<'a> Files<'a> {
    /// Indexes the files.
    pub(super) fn new(artifacts: impl Iterator<Item = &'a Artifact>) -> Self {
        let mut files = Self { by_path: HashMap::new(), has_native_sources: false };
        for artifact in artifacts {
            let extension = artifact.named().extension();
            files.has_native_sources |= matches!(
                extension.as_str(),
                "c" | "cc" | "cpp" | "cxx" | "m" | "mm" | "rs" | "f" | "f90" | "pyx" | "s"
            );
            files.by_path.insert(key(artifact, artifact.named().shown()), artifact);
        }
        files
    }

    /// The file at `path` beside `manifest`, as a runtime would find it.
    pub(super) fn find(&self, manifest: &Artifact, path: &str) -> Option<&'a Artifact> {
        let path = beside(manifest.named().shown(), path)?;
        ["", ".js", ".mjs", ".cjs", ".ts", ".sh", ".py", "/index.js", "/index.mjs", "/__init__.py"]
            .iter()
            .find_map(|ending| self.by_path.get(&key(manifest, &format!("{path}{ending}"))).copied())
    }
}

fn key(artifact: &Artifact, path: &str) -> (Option<String>, String) {
    (artifact.member.as_ref().map(|_| artifact.path.shown().to_owned()), path.to_owned())
}

/// `path` as seen from the folder of `file`; `None` if it leads out of the package.
pub(super) fn beside(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Facts about what the install phases of a manifest start.
pub(super) fn lifecycle(
    manifest: &Artifact,
    source: &str,
    scripts: &[(String, String)],
    files: &Files<'_>,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (phase, script) in scripts.iter().filter(|(name, _)| PHASES.contains(&name.as_str())) {
        for (runtime, path) in started(script, scripts) {
            let range = Anchor::keys(["scripts", phase], script).locate(source);
            let mut fact = Fact::new(FactKind::Dependency, range, format!("`{phase}` runs {path}"))
                .label("install-script")
                .label(&format!("phase:{phase}"));
            if !runtime.is_empty() {
                fact = fact.label(&format!("with:{runtime}"));
            }
            match files.find(manifest, &path) {
                Some(file) => {
                    fact = fact.label(if file.kind.is_binary() { "runs:binary" } else { "runs:file" });
                    fact.labels.extend(content(file).into_iter().map(str::to_owned));
                }
                None => fact = fact.label("runs:missing"),
            }
            facts.push(fact);
        }
    }
    facts
}

/// Files that a script starts, with the program that runs them, through other scripts of the manifest.
fn started(script: &str, scripts: &[(String, String)]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut queue = vec![script.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(script) = queue.pop() {
        if seen.len() >= HOPS || !seen.insert(script.clone()) {
            continue;
        }
        for command in script.split(['&', '|', ';', '\n']).take(50) {
            let mut words =
                command.split_whitespace().map(|word| word.trim_matches(['"', '\'', '(', ')', '\\'])).skip_while(
                    |word| word.contains('=') || matches!(*word, "cross-env" | "env" | "exec" | "npx" | "dotenv"),
                );
            let Some(program) = words.next() else { continue };
            let name =
                program.rsplit(['/', '\\']).next().unwrap_or(program).trim_end_matches(".exe").to_ascii_lowercase();
            if matches!(name.as_str(), "npm" | "yarn" | "pnpm" | "bun") {
                let named =
                    words.clone().find(|word| !word.starts_with('-') && *word != "run" && *word != "run-script");
                let other = scripts.iter().find(|(key, _)| Some(key.as_str()) == named);
                queue.extend(other.map(|(_, script)| script.clone()));
                if other.is_some() || name != "bun" {
                    continue;
                }
            }
            if RUNTIMES.contains(&name.as_str()) {
                // What follows `-e` is no file.
                let is_inline = words
                    .clone()
                    .any(|word| matches!(word, "-e" | "-c" | "-p" | "-pe" | "--eval" | "--print" | "eval"));
                let file =
                    words.find(|word| !word.starts_with('-') && !matches!(*word, "run" | "install" | "add" | "x"));
                found.extend(file.filter(|_| !is_inline).map(|file| (name, file.to_owned())));
            } else if program.contains('/') && !program.contains("node_modules/") && !program.starts_with('$') {
                found.push((String::new(), program.to_owned()));
            }
        }
    }
    found.truncate(10);
    found
}

/// What the text of a program has that an installation has no use for.
struct Sign {
    label: &'static str,
    regex: LazyLock<Regex>,
}

macro_rules! signs {
    ($($label:literal: $pattern:literal,)+) => {
        [$(Sign { label: $label, regex: LazyLock::new(|| text::regex($pattern)) },)+]
    };
}

static SIGNS: [Sign; 8] = signs! {
    "fetches": r"\bfetch\s*\(|\bhttps?\.(?:get|request)\s*\(|\baxios\b|\bgot\s*\(|urlopen|urlretrieve|\b(?:requests|httpx)\.(?:get|post|request)|\bcurl\b|\bwget\b|Invoke-WebRequest|\biwr\b|Net::HTTP|open-uri|\breqwest::|\bureq::|file\s*\(\s*DOWNLOAD|FetchContent_Declare",
    "fetches-runtime": r"(?i)bun\.(?:sh|com)/install|oven-sh/bun/releases|deno\.land/(?:x/)?install|denoland/deno/releases|nodejs\.org/(?:dist|download)|mirrors/node/|python-build-standalone|\bbun-(?:linux|darwin|windows)-|npm\s+(?:i|install)\s+(?:-g|--global)\s+bun\b",
    "decodes": r#"fromCharCode|\batob\s*\(|['"]base64['"]|b64decode|a85decode|b85decode|unhexlify|bytes\.fromhex|inflateSync|gunzipSync|brotliDecompress|zlib\.decompress|marshal\.loads|Base64\.decode64|base64\s+(?:-d|--decode|-D)"#,
    "secrets": r"\.npmrc|\.pypirc|\.netrc|\.ssh/|\.ssh\b['\x22]|\.aws/|\.aws['\x22]|\bNPM_TOKEN|\bGITHUB_TOKEN|id_rsa|id_ed25519|stringify\s*\(\s*process\.env\s*[,)]|dict\s*\(\s*os\.environ|dumps\s*\(\s*(?:dict\s*\()?\s*os\.environ|(?i:trufflehog|keychain\b|wallet\.dat)|ENV\.to_h",
    "detaches": r#"detached\s*:\s*true|windowsHide\s*:\s*true|start_new_session|DETACHED_PROCESS|CREATE_NO_WINDOW|\bnohup\b|\bsetsid\b|\bdisown\b|-WindowStyle\s+Hidden"#,
    "installs-global": r"\b(?:npm|pnpm)\s+(?:i|install|add)\s+(?:-g|--global)\b|yarn\s+global\s+add|pip3?\s+install\s",
    "address": r"https?://",
    "by-platform": r"process\.platform|os\.platform\s*\(|sys\.platform|platform\.system",
};

/// Places where a program starts another, and where it runs text.
static SPAWNS: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"\b(?:execSync|execFileSync|execFile|spawnSync|spawn|check_output|check_call|Popen|subprocess\.(?:run|call)|os\.system|os\.popen|Command::new|execute_process|system|require\s*\(\s*['\x22](?:node:)?child_process['\x22]\s*\)\s*\.exec)\s*\(",
    )
});
static EVALUATES: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"(?:^|[^.\w])(?:eval|exec)\s*\(|new\s+Function\s*\(|\bvm\.(?:run\w+|Script)|\._compile\s*\(|\binstance_eval\b",
    )
});
/// Tools that honest builds ask, right behind the call.
static TOOL: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"\b(?:git|cmake|make|ninja|pkg-config|cargo|rustc|gcc|g\+\+|clang|cc|nvcc|swig|protoc|msgfmt|node-gyp|prebuild-install|husky|tsc|uname|which|xcrun|ldconfig|brew|npm\s+run|npx|playwright|chmod|mkdir|--version)\b|--version",
    )
});
/// What reads a file of the package itself.
static OWN_FILE: LazyLock<Regex> =
    LazyLock::new(|| text::regex(r"open\s*\(|\.read\s*\(|read_text|compile\s*\(\s*(?:open|f\.|fp|fh)"));

/// Labels of the text of a program.
fn content(file: &Artifact) -> BTreeSet<&'static str> {
    let view = text::view(&file.bytes);
    let source = text::slice(&view, 0..READ);
    let mut labels: BTreeSet<&'static str> =
        SIGNS.iter().filter(|sign| sign.regex.is_match(source)).map(|sign| sign.label).collect();
    if file.kind.is_binary() {
        return labels;
    }
    let after = |at: usize, length: usize| text::slice(source, at..at + length);
    for found in SPAWNS.find_iter(source).take(100) {
        labels.insert(if TOOL.is_match(after(found.end(), 80)) { "spawns-tool" } else { "spawns" });
    }
    if file.kind == Kind::Shell {
        labels.insert("shell");
    }
    let is_python = file.kind == Kind::Python;
    for found in EVALUATES.find_iter(source).take(100).filter(|found| !OWN_FILE.is_match(after(found.end(), 40))) {
        // Elsewhere than in Python, what bears this name starts programs.
        if is_python || !found.as_str().contains("exec") {
            labels.insert("evaluates");
        } else if source.contains("child_process") {
            labels.insert(if TOOL.is_match(after(found.end(), 80)) { "spawns-tool" } else { "spawns" });
        }
    }
    if source.lines().any(|line| line.len() > 5000) {
        labels.insert("long-line");
    }
    labels
}

/// Facts about a file that an installation or a build runs.
pub(super) fn build_file(artifact: &Artifact, name: &str, files: &Files<'_>) -> Vec<Fact> {
    static OVERRIDES: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r"class\s+\w+\s*\(\s*(?:\w+\.)*_?(?:install|develop|egg_info|sdist|build_py|bdist_wheel|build|install_lib|PostInstall\w*)\s*[,)]",
        )
    });
    static SHELLS: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r"(?i)COMMAND\s+(?:curl|wget|bash|sh|python3?|node|powershell)\b|%x[({\[]|`[^`\n]{3,200}`|Command::new\s*\(\s*\x22(?:curl|wget|bash|sh|python3?|node|powershell|cmd)\x22",
        )
    });
    let view = text::view(&artifact.bytes);
    let source = text::slice(&view, 0..READ);
    // Many a skill calls a script of its own so, which no installer runs.
    if name == "setup.py" && !["setuptools", "distutils", "skbuild"].iter().any(|tool| source.contains(tool)) {
        return Vec::new();
    }
    let (kind, is_cmake) = match name {
        "setup.py" => ("setup-py", false),
        "build.rs" => ("build-rs", false),
        "extconf.rb" => ("extconf-rb", false),
        "cmakelists.txt" => ("cmake", true),
        "binding.gyp" => return gyp(source, files),
        _ => ("build-backend", false),
    };
    let mut labels = content(artifact);
    let overrides = OVERRIDES.find(source).filter(|_| kind == "setup-py");
    let shells = SHELLS.find(source).filter(|_| kind != "setup-py" && kind != "build-backend");
    if overrides.is_some() && source.contains("cmdclass") {
        labels.insert("overrides-install");
    }
    if shells.is_some() {
        labels.insert("spawns");
    }
    // `execute_process` is how CMake asks anything.
    if is_cmake && shells.is_none() {
        labels.remove("spawns");
    }
    let counts = [
        "spawns",
        "fetches",
        "evaluates",
        "decodes",
        "secrets",
        "detaches",
        "overrides-install",
        "installs-global",
        "fetches-runtime",
    ];
    if !counts.iter().any(|label| labels.contains(label)) {
        return Vec::new();
    }
    let first = SPAWNS.find(source).or_else(|| EVALUATES.find(source)).or(shells).or(overrides);
    let range = first.map_or(0..0, |found| found.range());
    let mut fact = Fact::new(FactKind::Dependency, range, "runs when the package is installed or built");
    fact = fact.label("build-script").label(kind);
    fact.labels.extend(labels.into_iter().map(str::to_owned));
    vec![fact]
}

/// Commands that `binding.gyp` runs while it is read.
fn gyp(source: &str, files: &Files<'_>) -> Vec<Fact> {
    static LOOKUP: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r#"^(?:node(?:\.exe)?\s+(?:-p|-e|-pe|--print)\s+["'\\]*\s*(?:console\.log\()?\s*(?:require\(["'\\]*[@a-z][\w/@.-]*["'\\]*\)|process)(?:\.\w+|\[[^\]()]*\]|\(\))*\s*\)?;?\s*["'\\]*|(?:pkg-config|uname|nproc|echo|ls|xcrun|llvm-config|[\w-]+-config)\s[^;&|<>`$()]*|python3?\s+-c\s+["'\\]*import\s+(?:sysconfig|sys|numpy)\b[^&|<>`]*)$"#,
        )
    });
    static RUNS: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r"(?:^|[\s;&|])(?:(?:node|bun|deno|python3?|sh|bash|perl|ruby)\s+[\w@./][\w@./-]*|\.{1,2}/[\w./-]+)",
        )
    });
    static FETCHES: LazyLock<Regex> =
        LazyLock::new(|| text::regex(r"\b(?:curl|wget|iwr|https?)\b|fetch\(|child_process"));
    static INLINE: LazyLock<Regex> =
        LazyLock::new(|| text::regex(r"\b(?:node|bun|python3?|perl|ruby)\s+-(?:e|p|pe|c)\b"));
    let mut facts = Vec::new();
    let mut from = 0;
    while let Some((start, end)) = source.get(from..).and_then(expansion) {
        let (start, end) = (from + start, from + end);
        from = end.max(start + 1);
        let command = text::slice(source, start..end).trim();
        let mut fact = Fact::new(FactKind::Dependency, start..end, "binding.gyp runs this command while it is read");
        fact = fact.label("build-script").label("gyp");
        for (label, is_so) in [
            ("lookup", LOOKUP.is_match(command)),
            ("runs-file", RUNS.is_match(command)),
            ("fetches", FETCHES.is_match(command)),
            ("inline-code", INLINE.is_match(command)),
            (
                "output-hidden",
                command.contains("/dev/null")
                    || command.to_ascii_lowercase().contains(">nul")
                    || command.contains("> NUL"),
            ),
            ("chain", command.contains("&&") || command.contains(';') || command.contains('|')),
            ("no-native-sources", !files.has_native_sources),
        ] {
            if is_so {
                fact = fact.label(label);
            }
        }
        facts.push(fact);
        if facts.len() >= 50 {
            break;
        }
    }
    facts
}

/// The first command expansion in a text: the bytes between its parentheses.
fn expansion(text: &str) -> Option<(usize, usize)> {
    static OPEN: LazyLock<Regex> = LazyLock::new(|| text::regex(r"[<>^]!@?\("));
    let start = OPEN.find(text)?.end();
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate().skip(start).take(4000) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\n' => return Some((start, at)),
            _ => {}
        }
        if depth == 0 {
            return Some((start, at));
        }
    }
    Some((start, text.len().min(start + 4000)))
}
