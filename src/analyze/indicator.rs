//! Exact matches with indicator lists, in every decoded layer and in every
//! spelling of an address. The only code that reads those lists, on behalf of
//! `ioc/*` rules.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;
use serde::Deserialize;

use super::Input;
use crate::artifact::{Artifact, ArtifactId, Op, Span};
use crate::finding::{Finding, Severity};
use crate::parse::{self, Body};
use crate::ruleset::indicators::{Address, Candidate, Indicator, Indicators, Kind, ipv4, plain_ip};

/// Body `<rule>.list.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRule {
    /// Kinds of indicators that the rule reports.
    pub kinds: Vec<Kind>,
}

struct Hit<'a> {
    span: Span,
    indicator: &'a Indicator,
    /// Written so that it does not work, as reports do.
    is_defanged: bool,
}

/// Places of one indicator in one file that are told.
const PLACES: usize = 200;

/// Takes a place and what is listed there.
type Sink<'s, 'a> = &'s mut dyn FnMut(Range<usize>, &'a Indicator);

/// Findings of all list rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let indicators = &input.rules.indicators;
    if indicators.is_empty() {
        return Vec::new();
    }
    let mut hits: Vec<Hit<'_>> = Vec::new();
    let mut undone: HashMap<ArtifactId, bool> = HashMap::new();
    let mut counts: HashMap<(ArtifactId, *const Indicator), usize> = HashMap::new();
    for artifact in input.expanded.arena.iter() {
        if let Some(indicator) = digest(input, artifact).and_then(|digest| indicators.digest(&digest)) {
            // About the file as a whole: what its first byte is part of does not matter.
            hits.push(Hit { span: Span::new(artifact.id, 0..0), indicator, is_defanged: false });
        }
        let mut add = |range: Range<usize>, indicator, is_defanged: bool| {
            let count = counts.entry((artifact.id, std::ptr::from_ref::<Indicator>(indicator))).or_default();
            *count += 1;
            if *count > PLACES {
                return;
            }
            let span = Span::new(artifact.id, range);
            let is_defanged = is_defanged && !is_undone(input, span, &mut undone);
            hits.push(Hit { span, indicator, is_defanged });
        };
        let (bytes, is_binary) = (&artifact.bytes, artifact.kind.is_binary());
        let mut plain = |range: Range<usize>, indicator| {
            let is_defanged = follows_broken_scheme(bytes, range.start);
            add(range, indicator, is_defanged);
        };
        let is_shell = artifact.kind == parse::Kind::Shell;
        if artifact.is_slice() {
            // What a slice holds, its file holds as well, but for what only a command makes an address.
            if is_shell {
                numbers(indicators, bytes, true, &mut plain);
            }
            continue;
        }
        named(indicators, bytes, is_binary, &mut plain);
        if is_binary {
            continue;
        }
        numbers(indicators, bytes, is_shell, &mut plain);
        spelled(indicators, bytes, &mut plain);
        packages(indicators, artifact, &mut plain);
        identity(indicators, artifact, &mut plain);
        for (range, text) in defanged(bytes) {
            let mut inside = |_: Range<usize>, indicator| add(range.clone(), indicator, true);
            named(indicators, text.as_bytes(), false, &mut inside);
            numbers(indicators, text.as_bytes(), false, &mut inside);
        }
    }
    let mut found = Vec::new();
    for Hit { span, indicator, is_defanged } in hits {
        for (id, _) in input.rules.lists.iter().filter(|(_, rule)| rule.kinds.contains(&indicator.kind)) {
            let Some(meta) = input.rules.get(id).map(|r| &r.meta) else { continue };
            let confidence = meta.confidence.min(indicator.confidence);
            let severity = if is_defanged { Severity::Info } else { meta.severity };
            let form = if is_defanged { "written so that it does not work; " } else { "" };
            let Indicator { campaign, first_seen, source, .. } = indicator;
            let note = format!("{form}listed: campaign {campaign}, first seen {first_seen}, by {source}");
            found.push(Finding::new(id.clone(), severity, confidence, &meta.message, span, note));
        }
    }
    found
}

/// The digest of a file, and of what was decoded, unpacked or is not text; none of what is merely cut out of a text.
fn digest(input: &Input<'_>, artifact: &Artifact) -> Option<[u8; 32]> {
    if !input.rules.indicators.has_digests() {
        return None;
    }
    if let Some(digest) = input.package.file_digests.get(artifact.id.0 as usize) {
        return Some(*digest);
    }
    let is_whole = match artifact.derivation.as_ref().map(|derivation| derivation.op) {
        // The archive that is scanned as a package; a link has no bytes.
        None => !artifact.bytes.is_empty(),
        Some(op) => {
            op.is_decoding()
                || artifact.is_file()
                || artifact.kind.is_binary()
                || matches!(op, Op::Inflated | Op::Trailer | Op::Transcoded | Op::DocumentScript)
        }
    };
    is_whole.then(|| <sha2::Sha256 as sha2::Digest>::digest(&artifact.bytes).into())
}

/// Listed texts, and hosts, packages and IPv6 addresses that the automaton stops at.
fn named<'a>(indicators: &'a Indicators, bytes: &[u8], is_binary: bool, sink: Sink<'_, 'a>) {
    for (candidate, range) in indicators.candidates(bytes) {
        match candidate {
            Candidate::Text(indicator) => sink(range, indicator),
            _ if is_binary => {}
            Candidate::Host => {
                let name = grown(bytes, range, is_host_byte);
                let host = lower(bytes, name.clone());
                let trimmed = host.trim_matches('.');
                let start = name.start + (host.len() - host.trim_start_matches('.').len());
                at(indicators, bytes, start..start + trimmed.len(), trimmed, sink);
            }
            Candidate::Ipv6 => {
                let place = grown(bytes, range, |b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
                let text = lower(bytes, place.clone());
                if let Ok(ip) = text.trim_end_matches('.').parse::<Ipv6Addr>() {
                    ip_at(indicators, bytes, place, plain_ip(ip.into()), sink);
                }
            }
            Candidate::Package => {
                let place = grown(bytes, range, is_package_byte);
                let text = lower(bytes, place.clone());
                let name = text.rfind('@').filter(|at| *at > 0).map_or(text.as_str(), |at| text.split_at(at).0);
                if is_installed(bytes, place.start) {
                    for kind in [Kind::Npm, Kind::Pypi, Kind::Go] {
                        if let Some(indicator) = indicators.package(kind, name.trim_end_matches('.'), "*") {
                            sink(place.clone(), indicator);
                        }
                    }
                }
            }
        }
    }
}

/// All that is listed for a host at this place, and for the address that begins there.
fn at<'a>(indicators: &'a Indicators, bytes: &[u8], place: Range<usize>, host: &str, sink: Sink<'_, 'a>) {
    for indicator in indicators.hosts(host) {
        sink(place.clone(), indicator);
    }
    if !indicators.lists_on(host) {
        return;
    }
    let after = bytes.get(place.end..).unwrap_or(b"");
    let bracket = usize::from(after.first() == Some(&b']'));
    let after = after.get(bracket..).unwrap_or(b"");
    let length = after.iter().take(2048).take_while(|b| is_url_byte(**b)).count();
    let rest = String::from_utf8_lossy(after.get(..length).unwrap_or(b"")).into_owned();
    let rest = rest.trim_end_matches(['.', ',', ';', ':', '!', '?', '*']);
    let whole = place.start..place.end + bracket + rest.len().min(length);
    let address = if host.contains(':') { format!("http://[{host}]{rest}") } else { format!("http://{host}{rest}") };
    for indicator in indicators.url(&address).into_iter().chain(indicators.account(host, rest)) {
        sink(whole.clone(), indicator);
    }
}

fn ip_at<'a>(indicators: &'a Indicators, bytes: &[u8], place: Range<usize>, ip: IpAddr, sink: Sink<'_, 'a>) {
    if let Some(indicator) = indicators.ip(ip) {
        sink(place.clone(), indicator);
    }
    at(indicators, bytes, place, &ip.to_string(), sink);
}

/// Addresses in digits: dotted, with fewer parts, in octal or hexadecimal. A decimal number alone is one only in
/// a web address or, with `bare`, wherever it stands.
fn numbers<'a>(indicators: &'a Indicators, bytes: &[u8], bare: bool, sink: Sink<'_, 'a>) {
    if !indicators.has_ips() {
        return;
    }
    let mut next = 0;
    while let Some(offset) = bytes.get(next..).unwrap_or(b"").iter().position(u8::is_ascii_digit) {
        let start = next + offset;
        let length = bytes.get(start..).unwrap_or(b"").iter().take_while(|b| is_host_byte(**b)).count();
        next = start + length;
        let before = bytes.get(..start).unwrap_or(b"");
        let is_part = before.last().is_some_and(|b| is_host_byte(*b)) && !ends_in_escape(before);
        if is_part || !(4..=48).contains(&length) {
            continue;
        }
        let Ok(text) = std::str::from_utf8(bytes.get(start..next).unwrap_or(b"")) else { continue };
        let text = text.trim_end_matches('.');
        let is_whole = !text.contains('.') && !text.starts_with("0x") && !text.starts_with("0X");
        if is_whole && (text.len() < 8 || !(bare || before.ends_with(b"//") || before.ends_with(b"@"))) {
            continue;
        }
        for ip in ipv4(text) {
            ip_at(indicators, bytes, start..start + text.len(), ip.into(), sink);
        }
    }
}

/// Hosts in web addresses that are written with other letters: percent-encoded, full-width, with invisible characters.
fn spelled<'a>(indicators: &'a Indicators, bytes: &[u8], sink: Sink<'_, 'a>) {
    for slashes in memchr::memmem::find_iter(bytes, "//") {
        let start = slashes + 2;
        let rest = bytes.get(start..).unwrap_or(b"");
        let ends = |b: u8| b.is_ascii_whitespace() || b"/?#\\\"'`<>()|,".contains(&b);
        let authority = rest.get(..rest.iter().take(256).take_while(|b| !ends(**b)).count()).unwrap_or(b"");
        let is_odd = |b: u8| b == b'%' || !b.is_ascii();
        let Some(authority) = std::str::from_utf8(authority).ok().filter(|text| text.bytes().any(is_odd)) else {
            continue;
        };
        let host = authority.rsplit('@').next().unwrap_or("");
        let start = start + authority.len() - host.len();
        let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
        let host = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
        // Comments in other languages begin like this as well.
        if !host.bytes().any(is_odd) || !host.contains(['.', '。', '．', '｡', '%']) {
            continue;
        }
        let Some(address) = Address::read(&format!("http://{host}/")) else { continue };
        let place = start..start + host.len();
        match address.host.parse() {
            Ok(ip) => ip_at(indicators, bytes, place, ip, sink),
            Err(_) => at(indicators, bytes, place, &address.host, sink),
        }
    }
}

/// Signs that reports put into addresses to break them, and what they stand for.
const BREAKS: [(&str, &str); 13] = [
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[:]", ":"),
    ("[://]", "://"),
    ("[/]", "/"),
    ("[@]", "@"),
    ("(@)", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
];

/// Words with such signs, as they read without them.
fn defanged(bytes: &[u8]) -> impl Iterator<Item = (Range<usize>, String)> {
    static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let builder = &mut AhoCorasick::builder();
        let builder = builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
        builder.build(BREAKS.map(|(sign, _)| sign)).expect("patterns are constant")
    });
    let belongs = |b: u8| b.is_ascii_graphic() && !b"<>\"'`\\|,;".contains(&b);
    let mut next = 0;
    SIGNS.find_iter(bytes).filter_map(move |sign| {
        if sign.start() < next {
            return None;
        }
        let word = grown(bytes, sign.range(), belongs);
        let word = word.start.max(next)..word.end;
        next = word.end;
        let text = String::from_utf8_lossy(bytes.get(word.clone())?).into_owned();
        Some((word, SIGNS.replace_all(&text, &BREAKS.map(|(_, meant)| meant))))
    })
}

/// Whether a scheme stands before this place that no program knows, such as `hxxp://`.
fn follows_broken_scheme(bytes: &[u8], at: usize) -> bool {
    const BROKEN: [&[u8]; 9] = [b"hxxp", b"hxxps", b"hxtp", b"hxtps", b"htxp", b"htxps", b"h**p", b"h**ps", b"fxp"];
    let before = bytes.get(at.saturating_sub(16)..at).unwrap_or(b"");
    if [&b"[:]//"[..], b"[://]", b"[:]/"].iter().any(|sign| before.ends_with(sign)) {
        return true;
    }
    let Some(before) = before.strip_suffix(b"://") else { return false };
    let length = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'*').count();
    let scheme = before.get(before.len() - length..).unwrap_or(b"").to_ascii_lowercase();
    BROKEN.contains(&scheme.as_slice())
}

/// Whether the file says to make the address whole again, or does it: then it is there to be used.
fn is_undone(input: &Input<'_>, span: Span, known: &mut HashMap<ArtifactId, bool>) -> bool {
    static UNDO: LazyLock<Regex> = LazyLock::new(|| {
        let act = r"(?:replac\w*|chang\w*|swap|turn|convert\w*|substitut\w*|remov\w*|strip|sed|sub\(|\bs[/|#,])";
        let scheme = r"hxxps?[^\n:]{1,40}\bhttps?\b";
        let dot = r#"(?:\\?[\[({]\\?\.\\?[\])}]|[\[({]dot[\])}])[^\n]{0,16}(?:['"/ |#,]\.['"/ |#,]|\bdots?\b)"#;
        let brackets =
            r"(?:square |the )*brackets (?:from|out of|in|around) (?:the |that |this )*(?:address|url|link|host)";
        Regex::new(&format!(r"(?i-u){act}[^\n]{{0,24}}(?:{scheme}|{dot}|{brackets})|/hxxps?/https?\b"))
            .expect("pattern is constant")
    });
    let (located, _) = input.expanded.arena.locate(span);
    let file = input.expanded.arena.get(located.artifact);
    *known.entry(file.id).or_insert_with(|| UNDO.is_match(&file.bytes))
}

/// `range` with all neighbours that `belongs` accepts, but for the letter of an escape such as `\n` before it.
fn grown(bytes: &[u8], range: Range<usize>, belongs: impl Fn(u8) -> bool) -> Range<usize> {
    let head = bytes.get(..range.start).unwrap_or(b"");
    let before = head.iter().rev().take(512).take_while(|b| belongs(**b)).count();
    let after = bytes.get(range.end..).unwrap_or(b"").iter().take(512).take_while(|b| belongs(**b)).count();
    let start = range.start - before;
    let escape = usize::from(before > 0 && ends_in_escape(bytes.get(..start + 1).unwrap_or(b"")));
    start + escape..range.end + after
}

/// Whether the last byte is the letter of an escape for white space.
fn ends_in_escape(before: &[u8]) -> bool {
    matches!(before, [.., b'\\', b'n' | b'r' | b't'])
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn is_package_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'@')
}

fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"<>\"'`\\()]|".contains(&byte)
}

fn lower(bytes: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(bytes.get(range).unwrap_or(b"")).to_ascii_lowercase()
}

/// Whether the line says before this place that something is installed or imported.
fn is_installed(bytes: &[u8], at: usize) -> bool {
    const WORDS: [&str; 16] = [
        "npm", "npx", "pnpm", "pnpx", "yarn", "bun", "bunx", "deno", "pip", "pip3", "pipx", "uv", "uvx", "require",
        "import", "from",
    ];
    let before = bytes.get(at.saturating_sub(240)..at).unwrap_or(b"");
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or(b"");
    line.split(|b| !b.is_ascii_alphanumeric()).any(|word| WORDS.iter().any(|known| known.as_bytes() == word))
}

fn packages<'a>(indicators: &'a Indicators, artifact: &Artifact, sink: Sink<'_, 'a>) {
    let mut check = |kinds: &[Kind], name: &str, version: &str, place: Range<usize>| {
        for indicator in kinds.iter().filter_map(|kind| indicators.package(*kind, name, version)) {
            sink(place.clone(), indicator);
        }
    };
    const ALL: [Kind; 3] = [Kind::Npm, Kind::Pypi, Kind::Go];
    // `name@version` and `name==version`, as package managers take them.
    let bytes = &artifact.bytes;
    for at in memchr::memchr2_iter(b'@', b'=', bytes) {
        let sign = if bytes[at] == b'@' { 1 } else { 2 };
        let version = bytes.get(at + sign..).unwrap_or(b"");
        let is_version = matches!(version, [b'0'..=b'9', ..] | [b'v', b'0'..=b'9', ..]);
        if !is_version || (sign == 2 && bytes.get(at + 1) != Some(&b'=')) {
            continue;
        }
        let is_version_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        let before = bytes[..at].iter().rev().take(214).take_while(|b| is_package_byte(**b)).count();
        let after = version.iter().take(96).take_while(|b| is_version_byte(**b)).count();
        let (Ok(name), Ok(version)) =
            (std::str::from_utf8(&bytes[at - before..at]), std::str::from_utf8(&version[..after]))
        else {
            continue;
        };
        check(&ALL, name, version.trim_end_matches('.'), at - before..at + sign + after);
    }
    if matches!(artifact.named().name(), "go.mod" | "go.sum") {
        let mut start = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let place = start..start + line.trim_ascii_end().len();
            start += line.len();
            let Ok(line) = std::str::from_utf8(line) else { continue };
            // Of what is replaced, and of what takes its place.
            for side in line.split("=>") {
                let mut words = side.split_whitespace().skip_while(|word| matches!(*word, "require" | "replace" | "("));
                if let (Some(name), Some(version)) = (words.next(), words.next()) {
                    check(&[Kind::Go], name, version.trim_end_matches("/go.mod"), place.clone());
                }
            }
        }
    }
    let Body::Data(data) = &artifact.body else { return };
    for string in &data.strings {
        let version = string.text.trim_start_matches(['^', '~', '=', 'v']);
        // Of a manifest, and of the lock file of npm in both of its forms.
        let key = string.key.strip_suffix(".version");
        let locked = key.and_then(|key| key.rsplit_once("node_modules/").or_else(|| key.rsplit_once("ependencies.")));
        let listed = string.key.split_once("ependencies.").filter(|(table, _)| !table.contains('.'));
        for (_, name) in [locked, listed].into_iter().flatten() {
            check(&[Kind::Npm, Kind::Pypi], name, version, string.range.clone());
        }
    }
}

/// Owner and slug that the registry's own files name. The places are empty: a record is about the whole package,
/// and no quotation.
fn identity<'a>(indicators: &'a Indicators, artifact: &Artifact, sink: Sink<'_, 'a>) {
    let Body::Data(data) = &artifact.body else { return };
    if !matches!(artifact.path.name(), "_meta.json" | "origin.json") {
        return;
    }
    let of = |key: &str| data.strings.iter().find(|string| string.key == key);
    let asked =
        of("requestedReference").and_then(|string| Some((string, string.text.strip_prefix('@')?.split_once('/')?.0)));
    let owner = of("owner").or_else(|| of("ownerHandle")).map(|string| (string, string.text.as_str())).or(asked);
    if let Some((string, owner)) = owner
        && let Some(indicator) = indicators.get(Kind::Publisher, &owner.to_ascii_lowercase())
    {
        sink(string.range.start..string.range.start, indicator);
    }
    // Records of old installers have no owner; a name that is listed for any owner is known all the same.
    if let Some(slug) = of("slug")
        && let Some(indicator) = indicators.slug(owner.map(|(_, owner)| owner), &slug.text)
    {
        sink(slug.range.start..slug.range.start, indicator);
    }
}
