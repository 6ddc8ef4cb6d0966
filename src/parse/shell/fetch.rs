//! Commands that bring text from elsewhere, or carry data out.

use super::Run;
use super::command::Words;
use super::value::{UNKNOWN, Value};
use crate::fact::{Fact, FactKind};

/// Programs that bring text from elsewhere.
pub(super) const FETCHERS: [&str; 14] = [
    "curl",
    "wget",
    "wget2",
    "fetch",
    "http",
    "https",
    "xh",
    "aria2c",
    "lynx",
    "w3m",
    "iwr",
    "irm",
    "invoke-webrequest",
    "invoke-restmethod",
];

/// Programs that ask the name service, which answers with any text where it is asked for one.
pub(super) const RESOLVERS: [&str; 7] = ["dig", "host", "nslookup", "drill", "kdig", "delv", "resolvectl"];

impl Run<'_> {
    /// What the name service answers, if it is asked for text.
    pub(super) fn resolve(&mut self, words: &Words) -> Value {
        let asks = |arg: &&Value| matches!(arg.shape().to_ascii_lowercase().as_str(), "txt" | "-type=txt" | "-q=txt");
        if words.args.iter().find(asks).is_none() {
            return Value::default();
        }
        let mut value = Value::unknown(words.range.clone());
        value.urls = words.args.iter().map(Value::shape).filter(|arg| is_address(arg)).map(str::to_owned).collect();
        value.is_fetched = true;
        value.marks.insert("from-name-service");
        value
    }

    /// A fetcher: its output is what it fetched, unless it writes a file.
    pub(super) fn fetch(&mut self, words: &Words) -> Value {
        let is_wget = words.name.starts_with("wget");
        let is_curl = words.name == "curl";
        let output = if is_wget {
            words.option(Some('O'), &["output-document"])
        } else {
            words.option(is_curl.then_some('o'), &["output", "outfile", "out"])
        };
        let urls: Vec<String> =
            words.args.iter().map(Value::shape).filter(|arg| is_address(arg)).map(str::to_owned).collect();
        let sends = sends_data(&words.name, &words.args);
        let mut labels = vec![if sends { "sends" } else { "fetches" }];
        if words.args.iter().any(|arg| arg.is_fetched || arg.shape().contains(UNKNOWN)) {
            labels.push("with-value");
        }
        self.fact(words, if sends { "sends data" } else { "fetches" }, &labels, urls.clone());
        if words.operand().is_none() {
            // A bare name, as people write it when they speak of the habit.
            return Value::default();
        }
        let mut value = Value::unknown(words.range.clone());
        value.urls.clone_from(&urls);
        value.is_fetched = true;
        let remote_name = is_wget || (is_curl && words.flag('O', &["remote-name"])) || words.name == "aria2c";
        let file = match output {
            Some(file) if matches!(file.shape(), "-" | "/dev/stdout") => return value,
            Some(file) => file,
            None if remote_name => {
                let name = urls
                    .first()
                    .and_then(|url| url.split(['?', '#']).next()?.rsplit('/').next().map(str::to_owned))
                    .unwrap_or_default();
                Value::literal(name, words.range.clone())
            }
            None => return value,
        };
        let mut stored = value;
        stored.marks.insert("via-file");
        self.written(&file, stored, false, words.range.clone());
        Value::default()
    }
}

/// Facts about commands in text that runs nothing else: one a line, without parsing it.
pub(super) fn simple_facts(text: &str) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let words: Vec<Value> =
            line.split_whitespace().map(|word| Value::literal(word.trim_matches(['"', '\'']), range.clone())).collect();
        let Some(at) = words.iter().position(|word| FETCHERS.contains(&word.shape())) else { continue };
        let name = words[at].shape().to_owned();
        let args = &words[at + 1..];
        let sends = sends_data(&name, args);
        let mut fact = Fact::new(FactKind::Command, range, if sends { "sends data" } else { "fetches" })
            .label(if sends { "sends" } else { "fetches" });
        fact.urls = args.iter().map(Value::shape).filter(|arg| is_address(arg)).map(str::to_owned).collect();
        facts.push(fact);
    }
    facts
}

/// Whether a fetcher's arguments carry data out.
fn sends_data(name: &str, args: &[Value]) -> bool {
    args.iter().map(Value::shape).any(|arg| {
        (name == "curl"
            && (arg.starts_with("-d")
                || arg.starts_with("-F")
                || arg == "-T"
                || arg.starts_with("--data")
                || arg == "--form"
                || arg == "--upload-file"
                || arg.eq_ignore_ascii_case("post")))
            || arg.starts_with("--post-")
            || arg == "-Body"
            || arg.eq_ignore_ascii_case("-XPOST")
    })
}

/// Whether an argument of a fetcher is an address: has a scheme, or reads as host and path.
pub(crate) fn is_address(arg: &str) -> bool {
    if arg.contains("://") {
        return !arg.starts_with("file:");
    }
    let host = arg.split(['/', ':', '?']).next().unwrap_or("");
    if host.is_empty() || arg.starts_with(['-', '@', '/', '.', '{', '$']) || arg.contains(['=', ' ', '{', '\n']) {
        return false;
    }
    host.parse::<std::net::Ipv4Addr>().is_ok()
        || crate::ruleset::hosts::registrable(host).is_some_and(|_| {
            arg.contains('/')
                || host.matches('.').count() >= 1
                    && !host.ends_with(".sh")
                    && !host.ends_with(".py")
                    && !host.ends_with(".zip")
        })
}
