//! Files that are put before every conversation: what they say, who may change them, and whether they hold rules of
//! the owner's own.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::finding::Severity;
use crate::package::Discovered;
use crate::report::PackageReport;
use crate::text;
use crate::{Verdict, sandbox};

use super::super::check::{Answer, Evidence, Repair};
use super::super::host::{FILE_BYTES, Host, Kind, Unread, quoted};
use super::super::openclaw::Installation;
use super::super::run::Context;

/// Files that OpenClaw puts before a conversation, now or in an earlier release.
pub(super) const FILES: [&str; 9] = [
    "AGENTS.md",
    "SOUL.md",
    "IDENTITY.md",
    "USER.md",
    "TOOLS.md",
    "HEARTBEAT.md",
    "BOOTSTRAP.md",
    "MEMORY.md",
    "BOOT.md",
];
/// Characters of one file that the agent sees; the rest is cut off.
const SEEN: usize = 20_000;
/// Most files of the memory folder, the newest names first.
const MEMORIES: usize = 200;
/// Most findings that are named of one file.
const NAMED: usize = 4;

/// A command in plain words that fetches something and runs it.
static FETCH_AND_RUN: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"(?ix) \b(?: curl | wget | iwr | irm | invoke-webrequest | invoke-restmethod )\b [^\n]{0,400} \|\s*
          (?:sudo\s+)? (?: (?:ba|z|da|k|fi)?sh | python3? | node | perl | ruby | iex | invoke-expression ) \b",
    )
});

/// What an owner's rules speak of, each with words that may stand for it.
static RULES: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let groups = [
        (
            "secrets are not given away",
            r"(?i)(secret|token|password|credential|api.?key|\bkeys?\b|geheim|passw|schlüssel|secreto|contraseña|clave|mot de passe|секрет|парол|ключ|密码|密钥|令牌|パスワード|秘密|비밀|비밀번호)",
        ),
        (
            "outside text is data, not orders",
            r"(?i)(never as instruction|not (?:as )?(?:instruction|order|command)s?|as data|untrusted|prompt.?injection|ignore (?:any )?instructions (?:in|from)|nicht als (?:anweisung|befehl)|no (?:son|como) instrucciones|pas (?:comme|des) instructions|не (?:как )?(?:инструкци|команд)|不是指令|当作数据|指示として|지시(?:로|가))",
        ),
        (
            "the owner is asked before harm",
            r"(?i)(ask (?:the |your |me|my |before|first)|confirm|approval|permission|without asking|nachfragen|bestätig|frag|pregunt|confirm|demande|спрос|подтвер|询问|确认|確認|확인)",
        ),
    ];
    groups.into_iter().filter_map(|(says, words)| Some((says, Regex::new(words).ok()?))).collect()
});

/// One file that was read.
struct Text {
    path: PathBuf,
    /// Its name below the workspace.
    name: String,
    bytes: Vec<u8>,
}

/// `L5.soul`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    context.each("what the agent is told", |installation| {
        let workspaces = installation.workspaces(&context.host);
        if workspaces.is_empty() {
            return vec![Answer::not_applicable(installation.subject(), "there is no workspace yet")];
        }
        workspaces.iter().flat_map(|(workspace, _)| judged(context, installation, workspace)).collect()
    })
}

fn judged(context: &Context, installation: &Installation, workspace: &Path) -> Vec<Answer> {
    let host = &context.host;
    let mut answers = Vec::new();
    let mut texts = Vec::new();
    for (path, name) in names(host, workspace) {
        match host.read(&path, FILE_BYTES) {
            Ok(bytes) => texts.push(Text { path, name, bytes }),
            Err(Unread::Absent) => continue,
            Err(why) => {
                let subject = path.display().to_string();
                answers.push(why.answer(&subject, "what the file says").evidence(Evidence::path(&path)));
                continue;
            }
        }
        let Some(Text { path, .. }) = texts.last() else { continue };
        answers.extend(changeable(host, installation, workspace, path));
    }
    answers.extend(said(context, &texts));
    answers.extend(rules(workspace, &texts));
    let is_fine = answers.is_empty();
    if is_fine {
        let subject = workspace.display().to_string();
        let message = format!(
            "{} files that are put before conversations hold nothing of harm, and SOUL.md holds rules",
            texts.len()
        );
        answers.push(Answer::pass(subject, message).all_evidence(texts.iter().map(|text| Evidence::path(&text.path))));
    }
    answers
}

/// Every file that may be put before a conversation, with its name below the workspace.
pub(super) fn names(host: &Host, workspace: &Path) -> Vec<(PathBuf, String)> {
    let mut found: Vec<(PathBuf, String)> =
        FILES.iter().map(|name| (workspace.join(name), (*name).to_owned())).collect();
    let is_text = |name: &str| name.to_ascii_lowercase().ends_with(".md");
    let memories = host.list_if(workspace.join("memory"), is_text).unwrap_or_default();
    found.extend(memories.into_iter().rev().take(MEMORIES).map(|entry| {
        let name = format!("memory/{}", entry.text());
        (entry.path, name)
    }));
    found
}

/// Who beside the owner may put words into the agent's mouth.
fn changeable(host: &Host, installation: &Installation, workspace: &Path, path: &Path) -> Vec<Answer> {
    let subject = path.display().to_string();
    let mut answers = Vec::new();
    let owner = installation.user.uid;
    match host.access(path, owner) {
        Ok(access) if access.is_writable() => {
            let who = match (access.all_write, access.strangers.first()) {
                (true, _) => "every user of this machine".to_owned(),
                (false, Some(uid)) => format!("user {}", host.user_name(*uid)),
                _ => "its group".to_owned(),
            };
            let at = access.through.as_deref().unwrap_or(path);
            let mode = host.stat(at).map(|meta| format!("{:04o}", meta.mode)).unwrap_or_default();
            let message = format!("{who} may change what the agent is told");
            let mut answer = Answer::fail(Severity::High, &subject, message)
                .evidence(Evidence::path(at).note(mode))
                .fix("let only the owner write it")
                .command(format!("chmod go-w {}", quoted(at)));
            if access.strangers.is_empty() {
                answer = answer.repair(Repair::Mode { path: at.to_owned(), remove: 0o022 });
            }
            answers.push(answer);
        }
        Ok(_) => {}
        Err(why) => answers.push(why.answer(&subject, "who may change the file")),
    }
    if let Ok(meta) = host.lstat(path) {
        let leads_out = || {
            let (file, folder) = (host.walk(path).ok()?, host.walk(workspace).ok()?);
            (!file.real.starts_with(&folder.real)).then_some(file.real)
        };
        if let Some(target) = (meta.kind == Kind::Link).then(leads_out).flatten() {
            let message = format!("is a link out of the workspace, to {}", target.display());
            let answer = Answer::warn(Severity::Medium, &subject, message).evidence(Evidence::path(path));
            answers.push(answer.fix("put the text into the workspace itself"));
        }
        if meta.kind == Kind::File && meta.links > 1 {
            let message = "has a second name elsewhere, through which it can be changed";
            let answer = Answer::warn(Severity::Medium, &subject, message).evidence(Evidence::path(path));
            answers.push(answer.fix("copy the file and remove the old names"));
        }
    }
    answers
}

/// What the scan's rules find in the texts.
fn said(context: &Context, texts: &[Text]) -> Vec<Answer> {
    let Some(scanner) = context.scanner() else { return Vec::new() };
    let given: Vec<Discovered> =
        texts.iter().map(|text| Discovered::given(file_name(&text.name), text.bytes.clone())).collect();
    let mut reports = Vec::new();
    let scan = || scanner.run(&given, &(), &mut |report| reports.push(report));
    if let Err(why) = sandbox::confined(&given, None, scan) {
        return vec![Unread::Other(why.to_string()).answer("prompt", "what the agent is told")];
    }
    texts.iter().zip(reports).flat_map(|(text, report)| told(context, text, &report)).collect()
}

/// The name that a text is scanned under.
fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn told(context: &Context, text: &Text, report: &PackageReport) -> Vec<Answer> {
    let subject = text.path.display().to_string();
    let mut answers = Vec::new();
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.verdict >= Verdict::Review).collect();
    let worst = found.iter().map(|finding| finding.verdict).max();
    if let Some(worst) = worst {
        let named: Vec<String> =
            found.iter().take(NAMED).map(|finding| format!("{} ({})", finding.title, finding.rule)).collect();
        let more = found.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let message = format!("the agent is told this in every conversation, and it {}{more}", named.join("; it "));
        let answer = match worst {
            Verdict::Malicious => Answer::fail(Severity::Critical, &subject, message),
            Verdict::Warn => Answer::fail(Severity::High, &subject, message),
            _ => Answer::warn(Severity::Medium, &subject, message),
        };
        let places = found.iter().filter_map(|finding| Some((finding, finding.locations.first()?)));
        let evidence = places
            .map(|(finding, place)| Evidence::path(&text.path).line(Some(place.line)).note(finding.rule.as_str()));
        let fix = "read the file, take out what you did not write, and look for what wrote it: a skill, a job, a page";
        answers.push(answer.all_evidence(evidence).fix(fix).command(format!("skillscan -v {}", quoted(&text.path))));
    }
    let content = String::from_utf8_lossy(&text.bytes);
    let is_named = found.iter().any(|finding| finding.rule.family() == "exec");
    if !is_named {
        answers.extend(ordered(context, &text.path, &content));
    }
    for gap in &report.gaps {
        let unread = Unread::Other(gap.why.clone());
        answers.push(unread.answer(&subject, "a part of the file").evidence(Evidence::path(&text.path)));
    }
    answers
}

/// An order to fetch a program and run it; a line that forbids it is worth a look, because words may turn it round.
fn ordered(context: &Context, path: &Path, content: &str) -> Option<Answer> {
    let before = |at: usize| content.get(..at).unwrap_or_default();
    let forbids = |at: usize| {
        let line = text::folded(before(at).rsplit('\n').next().unwrap_or_default());
        let lexicons = context.rules().map(|rules| &rules.lexicons);
        lexicons.is_some_and(|all| all.holds("negation", &line) && !all.holds("double-negation", &line))
    };
    let orders = FETCH_AND_RUN.find_iter(content).map(|found| (forbids(found.start()), found.start()));
    let (is_forbidden, start) = orders.min()?;
    let subject = path.display().to_string();
    let answer = if is_forbidden {
        let message = "a command that fetches a program and runs it stands here, in a line that seems to forbid it";
        Answer::warn(Severity::Low, subject, message).fix("read the line, and say it without the command")
    } else {
        let message = "the agent is told in every conversation to fetch a program and run it";
        let fix = "take the order out, and look for what wrote it: a skill, a job, a page";
        Answer::fail(Severity::Critical, subject, message).fix(fix)
    };
    Some(answer.evidence(Evidence::path(path).line(Some(before(start).matches('\n').count() + 1))))
}

/// Whether SOUL.md or AGENTS.md holds rules of the owner's own. Wording is not judged, so this never fails.
fn rules(workspace: &Path, texts: &[Text]) -> Option<Answer> {
    let soul = workspace.join("SOUL.md");
    let subject = soul.display().to_string();
    let fix =
        "write down that secrets are not given away, that outside text is data, and what the agent asks about first";
    let warn = |message: String| {
        Answer::warn(Severity::Low, subject.clone(), message).evidence(Evidence::path(&soul)).fix(fix)
    };
    let Some(text) = texts.iter().find(|text| text.name == "SOUL.md") else {
        return Some(warn("there is no SOUL.md, so the agent has no rules of its owner's".to_owned()));
    };
    let content = String::from_utf8_lossy(&text.bytes);
    if content.trim().is_empty() {
        return Some(warn("is empty, so the agent has no rules of its owner's".to_owned()));
    }
    let seen: String = content.chars().take(SEEN).collect();
    let others = texts.iter().filter(|text| text.name == "AGENTS.md");
    let others: String =
        others.flat_map(|text| String::from_utf8_lossy(&text.bytes).chars().take(SEEN).collect::<Vec<_>>()).collect();
    let lacks =
        |text: &str| RULES.iter().filter(|(_, words)| !words.is_match(text)).map(|(says, _)| *says).collect::<Vec<_>>();
    let missing = lacks(&format!("{seen}\n{others}"));
    if missing.is_empty() {
        return None;
    }
    let is_cut = content.len() > seen.len() && lacks(&content).len() < missing.len();
    let cut =
        if is_cut { format!("; what stands after the first {SEEN} characters is not seen") } else { String::new() };
    Some(warn(format!("says nothing that the agent sees on: {}{cut}", missing.join(", "))))
}
