//! Rules of nftables as files hold them, such as `/etc/nftables.conf`: brought into the form in which `nft -j` prints
//! them. Words that are not known make a rule unsure, and take nothing else with them.

use serde_json::{Value, json};

use super::super::host::{FILE_BYTES, Host, Unread};

/// The file that the system loads at start.
pub(super) const CONF: &str = "/etc/nftables.conf";
/// Deepest nesting of included files.
const DEPTH: usize = 8;
/// Most files in all.
const FILES: usize = 256;
/// Most words of all files.
const WORDS: usize = 500_000;

/// The rules of a file and what it includes, as `nft -j` would print them.
///
/// # Errors
/// If one of the files cannot be read.
pub(super) fn read(host: &Host, path: &str) -> Result<String, Unread> {
    let mut words = Vec::new();
    collect(host, path, 0, &mut 0, &mut words)?;
    let mut parser = Parser { words: substituted(words), at: 0, items: Vec::new() };
    parser.tables();
    Ok(json!({ "nftables": parser.items }).to_string())
}

fn collect(host: &Host, path: &str, depth: usize, files: &mut usize, out: &mut Vec<String>) -> Result<(), Unread> {
    *files += 1;
    if *files > FILES || depth > DEPTH {
        return Err(Unread::Other(format!("{path}: includes too many files")));
    }
    let text = host.text(path, FILE_BYTES)?;
    for line in text.lines() {
        let mut found = words(line);
        let goes_on = found.pop_if(|word| word == "\\").is_some();
        let included = match found.as_slice() {
            [first, path, ..] if first == "include" => Some(path.trim_matches('"').to_owned()),
            _ => None,
        };
        if let Some(pattern) = included.filter(|pattern| pattern.starts_with('/')) {
            for path in matching(host, &pattern) {
                collect(host, &path, depth + 1, files, out)?;
            }
        } else if out.len() < WORDS {
            out.extend(found);
            out.extend((!goes_on).then(|| "\n".to_owned()));
        }
    }
    Ok(())
}

/// Files of a pattern with a star in its last part.
fn matching(host: &Host, pattern: &str) -> Vec<String> {
    let Some((folder, name)) = pattern.rsplit_once('/') else { return Vec::new() };
    let Some((start, end)) = name.split_once('*') else { return vec![pattern.to_owned()] };
    let wanted = |name: &str| name.starts_with(start) && name.ends_with(end) && !name.starts_with('.');
    let found = host.list_if(folder, wanted).unwrap_or_default();
    found.iter().take(FILES).map(|entry| format!("{folder}/{}", entry.text())).collect()
}

/// Words of a line; a comment ends it, a backslash at its end is a word of its own and does not.
fn words(line: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            '"' => {
                let inner: String = chars.by_ref().take_while(|c| *c != '"').collect();
                word.push_str(&format!("\"{inner}\""));
            }
            '{' | '}' | ';' | ',' | '\\' => {
                out.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                out.push(c.to_string());
            }
            c if c.is_whitespace() => out.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    out.extend((!word.is_empty()).then_some(word));
    out
}

/// With `$NAME` replaced by what `define NAME = …` says.
fn substituted(words: Vec<String>) -> Vec<String> {
    let mut known: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    let mut out = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == "define" {
            let name = words.next().unwrap_or_default();
            let mut depth = 0_usize;
            let mut value = Vec::new();
            for word in words.by_ref() {
                match word.as_str() {
                    "{" => depth += 1,
                    "}" => depth = depth.saturating_sub(1),
                    "\n" if depth == 0 => break,
                    "=" | "\n" => continue,
                    _ => {}
                }
                value.push(word);
            }
            known.insert(name, value);
        } else if let Some(value) = word.strip_prefix('$').and_then(|name| known.get(name)) {
            if out.len() < WORDS {
                out.extend(value.iter().cloned());
            }
        } else {
            out.push(word);
        }
    }
    out
}

struct Parser {
    words: Vec<String>,
    at: usize,
    items: Vec<Value>,
}

impl Parser {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let word = self.peek().to_owned();
        self.at += 1;
        word
    }

    fn is_done(&self) -> bool {
        self.at >= self.words.len()
    }

    /// Goes past a block whose first brace was read.
    fn skip(&mut self) {
        let mut depth = 1;
        while depth > 0 && !self.is_done() {
            match self.next().as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
        }
    }

    fn tables(&mut self) {
        while !self.is_done() {
            if self.next() != "table" {
                continue;
            }
            let mut names = Vec::new();
            while !self.is_done() && self.peek() != "{" && self.peek() != "\n" {
                names.push(self.next());
            }
            if self.next() != "{" {
                continue;
            }
            let (family, name) = match names.as_slice() {
                [name] => ("ip".to_owned(), name.clone()),
                [family, name, ..] => (family.clone(), name.clone()),
                [] => continue,
            };
            self.items.push(json!({ "table": { "family": family, "name": name } }));
            self.table(&family, &name);
        }
    }

    fn table(&mut self, family: &str, table: &str) {
        while !self.is_done() {
            match self.next().as_str() {
                "}" => return,
                kind @ ("chain" | "set" | "map") => {
                    let name = self.next();
                    if self.next() != "{" {
                        continue;
                    }
                    if kind == "chain" {
                        self.chain(family, table, &name);
                    } else {
                        self.set(family, table, &name);
                    }
                }
                "{" => self.skip(),
                _ => {}
            }
        }
    }

    fn set(&mut self, family: &str, table: &str, name: &str) {
        let mut elements = Value::Array(Vec::new());
        while !self.is_done() {
            match self.next().as_str() {
                "}" => break,
                "elements" => {
                    self.next();
                    elements = self.value().get("set").cloned().unwrap_or(elements);
                }
                "{" => self.skip(),
                _ => {}
            }
        }
        self.items.push(json!({ "set": { "family": family, "table": table, "name": name, "elem": elements } }));
    }

    fn chain(&mut self, family: &str, table: &str, name: &str) {
        let mut chain = json!({ "family": family, "table": table, "name": name });
        let mut rules = Vec::new();
        while !self.is_done() {
            match self.peek() {
                "}" => break,
                "\n" | ";" => self.at += 1,
                "type" | "policy" | "hook" => {
                    let key = self.next();
                    let value = self.next();
                    if let Some(map) = chain.as_object_mut() {
                        map.insert(key, Value::from(value));
                    }
                }
                "priority" | "device" | "comment" | "flags" => {
                    while !self.is_done() && !matches!(self.peek(), ";" | "\n" | "}") {
                        self.at += 1;
                    }
                }
                _ => {
                    let expr = self.rule();
                    rules.push(json!({ "rule": { "family": family, "table": table, "chain": name, "expr": expr } }));
                }
            }
        }
        self.at += 1;
        self.items.push(json!({ "chain": chain }));
        self.items.extend(rules);
    }

    fn rule(&mut self) -> Vec<Value> {
        let mut expr = Vec::new();
        while !self.is_done() && !matches!(self.peek(), "\n" | ";" | "}") {
            let word = self.next();
            let part = self.part(&word);
            expr.extend(part);
        }
        expr
    }

    /// One condition or decision.
    fn part(&mut self, word: &str) -> Option<Value> {
        Some(match word {
            "accept" | "drop" | "return" => json!({ word: null }),
            "reject" => {
                self.rest();
                json!({ "reject": null })
            }
            "jump" | "goto" => json!({ word: { "target": self.next() } }),
            "tcp" | "udp" | "th" | "ip" | "ip6" | "icmp" | "icmpv6" | "sctp" => {
                let field = self.next();
                self.compared(json!({ "payload": { "protocol": word, "field": field } }))
            }
            "meta" => {
                let key = self.next();
                self.compared(json!({ "meta": { "key": key } }))
            }
            "iif" | "iifname" => self.compared(json!({ "meta": { "key": word } })),
            "ct" => {
                let key = self.next();
                self.compared(json!({ "ct": { "key": key } }))
            }
            "fib" => {
                while !self.is_done() && !matches!(self.peek(), "type" | "oif" | "oifname" | "\n" | ";" | "}") {
                    self.at += 1;
                }
                let result = self.next();
                self.compared(json!({ "fib": { "result": result } }))
            }
            "limit" => {
                self.settings();
                json!({ "limit": {} })
            }
            "log" | "counter" => {
                self.settings();
                return None;
            }
            "comment" => {
                self.at += 1;
                return None;
            }
            "dnat" | "redirect" => {
                let to = self.rest();
                json!({ "dnat": { "addr": to } })
            }
            // Not known: the rule is unsure.
            _ => json!({ "match": { "op": "unknown", "left": {}, "right": word } }),
        })
    }

    /// What is left of a rule.
    fn rest(&mut self) -> String {
        let from = self.at;
        while !self.is_done() && !matches!(self.peek(), "\n" | ";" | "}") {
            self.at += 1;
        }
        self.words.get(from..self.at).unwrap_or_default().join(" ")
    }

    /// Goes past what belongs to `log`, `counter` or `limit`.
    fn settings(&mut self) {
        let own = |word: &str| {
            let is_own = ["packets", "bytes", "prefix", "level", "flags", "all", "group", "rate", "over", "burst"];
            is_own.contains(&word) || word.starts_with('"') || word.starts_with(|c: char| c.is_ascii_digit())
        };
        let levels = ["info", "warn", "debug", "notice", "err", "crit", "alert", "emerg", "audit"];
        while own(self.peek()) || levels.contains(&self.peek()) {
            self.at += 1;
        }
    }

    fn compared(&mut self, left: Value) -> Value {
        let operator = match self.peek() {
            operator @ ("==" | "!=" | "<" | ">" | "<=" | ">=") => operator.to_owned(),
            "vmap" => {
                self.at += 1;
                let data = self.value();
                return json!({ "vmap": { "key": left, "data": data } });
            }
            _ => String::new(),
        };
        if !operator.is_empty() {
            self.at += 1;
        }
        let operator = if operator.is_empty() { "==".to_owned() } else { operator };
        let right = self.value();
        json!({ "match": { "op": operator, "left": left, "right": right } })
    }

    /// One value, a list of them between commas, or a set in braces.
    fn value(&mut self) -> Value {
        if self.peek() != "{" {
            let mut all = vec![single(&self.next())];
            while self.peek() == "," {
                self.at += 1;
                all.push(single(&self.next()));
            }
            return if all.len() == 1 { all.remove(0) } else { Value::from(all) };
        }
        self.at += 1;
        let mut elements = Vec::new();
        let mut words: Vec<String> = Vec::new();
        while !self.is_done() {
            match self.next().as_str() {
                end @ ("," | "}") => {
                    elements.extend(element(&std::mem::take(&mut words)));
                    if end == "}" {
                        break;
                    }
                }
                "\n" => {}
                word => words.push(word.to_owned()),
            }
        }
        json!({ "set": elements })
    }
}

/// An element of a set, or a pair of a map.
fn element(words: &[String]) -> Option<Value> {
    let text = words.join(" ");
    if let Some((key, to)) = text.split_once(" : ").or_else(|| text.split_once(": ")) {
        let mut to = to.split_whitespace();
        let decision = match (to.next()?, to.next()) {
            (verb @ ("jump" | "goto"), Some(target)) => json!({ verb: { "target": target } }),
            (verb, _) => json!({ verb: null }),
        };
        return Some(json!([single(key), decision]));
    }
    words.first().map(|word| single(word))
}

fn single(word: &str) -> Value {
    let word = word.trim_matches('"');
    if let Ok(number) = word.parse::<u64>() {
        return Value::from(number);
    }
    if let Some((address, length)) = word.split_once('/').and_then(|(a, l)| Some((a, l.parse::<u64>().ok()?))) {
        return json!({ "prefix": { "addr": address, "len": length } });
    }
    match word.split_once('-') {
        Some((from, to)) if from.parse::<u16>().is_ok() && to.parse::<u16>().is_ok() => {
            json!({ "range": [single(from), single(to)] })
        }
        _ => Value::from(word),
    }
}
