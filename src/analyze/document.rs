//! Facts that need both a document and the lists: what hidden text asks for,
//! and links whose text says one thing and whose target is another.

use std::sync::LazyLock;

use regex::Regex;

use crate::artifact::{Artifact, ArtifactId, Op, Span};
use crate::expand::Expanded;
use crate::fact::{Fact, FactKind};
use crate::parse::markdown::{Container, Document, Link};
use crate::parse::{Body, shell};
use crate::ruleset::Ruleset;
use crate::ruleset::hosts::{Place, URL, registrable};
use crate::text;

/// A path below home, root or a dot directory.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"(?:~|\$HOME)/[\w.]|(?:^|[\s`'\x22(])/(?:etc|root|home|Users|tmp|var|opt)/\w|\.(?:env|ssh|aws|openclaw|clawdbot|moltbot|claude)\b|\b[\w.-]+/[\w./-]+\.(?:sh|py|js|mjs|ts|json|txt|md|env)\b|\b[\w-]+\.(?:env|json|sh)\b",
    )
});

/// Adds the facts of all Markdown documents.
pub(super) fn add_facts(expanded: &mut Expanded, rules: &Ruleset) {
    let mut facts: Vec<(ArtifactId, Fact)> = Vec::new();
    for artifact in expanded.arena.iter() {
        if artifact.kind.is_code() || artifact.derivation.as_ref().is_some_and(|d| d.op == Op::MarkupScript) {
            facts.extend(addresses(&text::view(&artifact.bytes), rules).into_iter().map(|fact| (artifact.id, fact)));
        }
        facts.extend(encoded(artifact, expanded, rules).map(|fact| (artifact.id, fact)));
        let Body::Markdown(document) = &artifact.body else { continue };
        // What a code block shows is not hidden.
        if artifact.derivation.as_ref().is_some_and(|d| d.op == Op::CodeBlock) {
            continue;
        }
        let source = text::view(&artifact.bytes);
        facts.extend(hidden(document, &source, rules).into_iter().map(|fact| (artifact.id, fact)));
        facts.extend(
            document
                .blocks
                .iter()
                .flat_map(|block| &block.links)
                .filter_map(|link| mismatch(link, rules))
                .map(|fact| (artifact.id, fact)),
        );
    }
    expanded.facts.extend(facts);
}

/// Addresses in places that rules may ask about: of no class, they are everywhere.
fn addresses(source: &str, rules: &Ruleset) -> Vec<Fact> {
    static SENDS: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r#"(?i)\bmethod\s*:\s*['"](?:POST|PUT)|requests\.(?:post|put)|httpx\.(?:post|put)|axios\.(?:post|put)|\.post\(|sendBeacon|\bdata\s*=|--data|\s-d\s|\s-F\s|\s-T\s|-X\s*POST|urlopen\("#,
        )
    });
    if !source.contains("://") {
        return Vec::new();
    }
    let mut sends = None;
    URL.find_iter(source)
        .filter(|found| {
            rules.hosts.place(found.as_str()).is_some_and(|place| {
                !matches!(
                    place.class.as_str(),
                    "unknown" | "allowed" | "local" | "installer" | "registry" | "code-host" | "reference"
                )
            })
        })
        .map(|found| {
            let mut fact = Fact::new(FactKind::Address, found.range(), "an address in code");
            fact.urls.push(found.as_str().to_owned());
            let goes_on = source.get(found.end()..).is_some_and(|rest| rest.starts_with(['<', '{', '$', '…']));
            if goes_on || PLACEHOLDERS.iter().any(|sign| found.as_str().to_ascii_lowercase().contains(sign)) {
                fact = fact.label("placeholder");
            }
            if *sends.get_or_insert_with(|| SENDS.is_match(source)) {
                fact = fact.label("sends");
            }
            fact
        })
        .collect()
}

/// Signs that an address is filled in later.
const PLACEHOLDERS: [&str; 8] = ["{", "$", "<", "...", "…", "your", "xxx", "abc123"];

fn hidden(document: &Document, source: &str, rules: &Ruleset) -> Vec<Fact> {
    let mut facts = Vec::new();
    for part in &document.hidden {
        let content = text::slice(source, part.range.clone());
        // Where a link leads is shown; its title stands behind that, and what describes a picture before.
        let content = match part.container {
            Container::Title => title_of(content),
            Container::Alt => alt_of(content),
            _ => content,
        };
        let how = format!("not shown on the page ({})", part.container.name());
        let fact = Fact::new(FactKind::Hidden, part.range.clone(), how).label(part.container.name());
        let fact = asking(fact, content, rules);
        if part.container == Container::Definition && content.split_whitespace().count() <= 3 {
            continue;
        }
        facts.push(fact);
    }
    facts
}

/// The title in a definition of a link, or the text as it is.
fn title_of(content: &str) -> &str {
    let behind = content.strip_prefix('[').and_then(|rest| rest.split_once("]:"));
    let title = behind.and_then(|(_, rest)| rest.trim_start().split_once(char::is_whitespace));
    title.map_or(content, |(_, title)| title)
}

/// What describes a picture, without the picture's own address, or the text as it is.
fn alt_of(content: &str) -> &str {
    let described = content.strip_prefix("![").and_then(|rest| rest.rsplit_once("]("));
    described.map_or(content, |(alt, _)| alt)
}

/// Words from which on a text in an encoding is more than a sample of it.
const PASSAGE: usize = 16;

/// A text that a document holds in an encoding, which its readers do not read.
fn encoded(artifact: &Artifact, expanded: &Expanded, rules: &Ruleset) -> Option<Fact> {
    let op = artifact.derivation.as_ref().map(|derivation| derivation.op)?;
    let content = std::str::from_utf8(&artifact.bytes).ok()?;
    if !op.is_decoding() || content.split_whitespace().count() < PASSAGE {
        return None;
    }
    let whole = Span::new(artifact.id, 0..content.len());
    // What a program or data holds is not there for readers.
    let (file, _) = expanded.arena.locate(whole);
    let is_of_document = matches!(expanded.arena.get(file.artifact).body, Body::Markdown(_));
    let fact = Fact::new(FactKind::Hidden, 0..content.len(), "stands there in an encoding").label("encoded");
    is_of_document.then(|| asking(fact, content, rules))
}

/// The fact with what its text asks for.
fn asking(mut fact: Fact, content: &str, rules: &Ruleset) -> Fact {
    let (folded, _) = text::fold(content);
    if content.contains("://") {
        fact = fact.label("url");
    }
    if PATH.is_match(content) {
        fact = fact.label("path");
    }
    if shell::is_command_line(content)
        || (shell::worth_parsing(content) && rules.lexicons.holds("shell-command", &folded))
    {
        fact = fact.label("command");
    }
    for (lexicon, label) in [
        ("agent-imperative", "imperative"),
        ("agent-verb", "verb"),
        ("agent-address", "addresses-agent"),
        ("routine-comment", "routine"),
        ("commented-out", "commented-out"),
        ("conceal", "conceals"),
        ("hidden-private", "private"),
        ("hidden-request", "requests"),
    ] {
        if rules.lexicons.holds(lexicon, &folded) {
            fact = fact.label(label);
        }
    }
    let words = folded.split_whitespace().count();
    // Some scripts put no spaces between words.
    if words >= 4 || folded.chars().filter(|c| !c.is_ascii()).count() >= 12 {
        fact = fact.label("sentence");
    }
    fact
}

/// Whether an address is one that the shown place gives itself: its own shortener, or the pages of the same account.
fn is_of_same_maker(shown: &Place, shown_domain: &str, target: &Place) -> bool {
    let owner = shown.path.trim_start_matches('/').split('/').next().unwrap_or("");
    let pages = target.host.strip_suffix(".github.io");
    match shown_domain {
        "twitter.com" | "x.com" => target.host == "t.co",
        "github.com" => pages.is_some_and(|account| account.eq_ignore_ascii_case(owner)),
        _ => false,
    }
}

/// Extensions that people open or run.
const RISKY: [&str; 12] = ["zip", "exe", "dmg", "pkg", "msi", "rar", "7z", "bat", "ps1", "scr", "jar", "apk"];

fn mismatch(link: &Link, rules: &Ruleset) -> Option<Fact> {
    if link.is_bare || link.is_image || !link.target.contains("://") {
        return None;
    }
    let shown = link.text.trim().trim_matches(['`', '*', '_', '<', '>']);
    if shown.is_empty() || shown.contains(char::is_whitespace) || shown.len() > 200 {
        return None;
    }
    let target = rules.hosts.place(&link.target)?;
    let mut fact = Fact::new(FactKind::Link, link.range.clone(), "the text names another target");
    fact.urls.push(link.target.clone());
    let extension = shown.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    if RISKY.contains(&extension.as_str()) {
        let name = |path: &str| {
            path.split(['?', '#']).next().unwrap_or("").rsplit('/').next().unwrap_or("").to_ascii_lowercase()
        };
        if name(shown) == name(&target.path) {
            return None;
        }
        let target_is_page = !RISKY.contains(&name(&target.path).rsplit_once('.').map_or("", |(_, e)| e));
        fact = fact.label("shows-file").label(if target_is_page { "leads-to-page" } else { "leads-to-other-file" });
        return Some(fact);
    }
    let is_host_like =
        shown.contains("://") || shown.starts_with("www.") || (shown.contains('/') && shown.contains('.'));
    let shown_place = rules.hosts.place(shown)?;
    let shown_domain = registrable(&shown_place.host)?;
    // A word with a dot is a host only if nothing else makes sense of it: file names end like countries.
    if !is_host_like
        && !matches!(shown_place.host.rsplit('.').next(), Some("com" | "org" | "net" | "io" | "dev" | "ai" | "app"))
    {
        return None;
    }
    let target_domain = registrable(&target.host);
    if target_domain == Some(shown_domain) || is_of_same_maker(&shown_place, shown_domain, &target) {
        return None;
    }
    fact = fact.label(if is_host_like { "shows-address" } else { "shows-host" });
    if target_domain.is_none() {
        fact = fact.label("leads-to-address");
    }
    Some(fact)
}
