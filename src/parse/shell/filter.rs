//! Commands that print, decode and change text.

use super::Run;
use super::command::Words;
use super::fetch::is_address;
use super::value::Value;

impl Run<'_> {
    pub(super) fn print(&mut self, words: &Words) -> Value {
        let mut value = Value::default();
        let interprets = words.name == "printf" || words.flag('e', &[]);
        for arg in &words.args {
            if arg.shape().starts_with('-') && arg.shape().len() <= 3 && words.name == "echo" {
                continue;
            }
            if !value.shape().is_empty() {
                value.append(Value::literal(" ", arg.range.clone()));
            }
            value.append(arg.clone());
        }
        if words.name == "printf"
            && let Some((format, [one])) = words.args.split_first()
            && format.text().is_some_and(|f| f.trim_end_matches("\\n") == "%s")
        {
            value = one.clone();
        }
        if interprets
            && let Some((text, true)) = value.text().and_then(crate::decode::unescape).map(|(text, _)| (text, true))
        {
            let is_decoded =
                value.shape().contains("\\x") || value.shape().contains("\\0") || value.shape().contains("\\1");
            let encoded = is_decoded.then(|| value.range.clone());
            value = value.with_text(text);
            value.is_decoded |= is_decoded;
            value.encoded = value.encoded.or(encoded);
        }
        let urls: Vec<String> = value
            .shape()
            .split_whitespace()
            .map(|w| w.trim_matches(['"', '\'', '(', ')', ',']))
            .filter(|w| w.contains("://") || is_address(w))
            .map(str::to_owned)
            .collect();
        self.printed.push((words.range.clone(), urls));
        if let Some(first) = words.args.iter().find(|arg| !arg.shape().starts_with('-')) {
            value.range = first.range.clone();
        }
        value
    }

    pub(super) fn decoder(&mut self, words: &Words, input: Value) -> Value {
        let decodes = match words.name.as_str() {
            "xxd" => words.args.iter().any(|arg| arg.shape().starts_with('-') && arg.shape().contains('r')),
            "openssl" => words.args.iter().any(|arg| matches!(arg.shape(), "-d" | "-D")),
            "certutil" => words.args.iter().any(|arg| arg.shape().eq_ignore_ascii_case("-decode")),
            "uudecode" => true,
            _ => words.args.iter().any(|arg| {
                let arg = arg.shape();
                arg == "--decode" || (arg.starts_with('-') && !arg.starts_with("--") && arg.contains(['d', 'D']))
            }),
        };
        if !decodes {
            return input.obscured();
        }
        let file = words
            .operands()
            .find(|arg| !matches!(arg.shape(), "-" | "base64" | "enc" | "zlib"))
            .map(|arg| self.content(arg));
        let source = if input.is_empty() { file.unwrap_or_default() } else { input };
        let mut output = source.obscured();
        output.is_decoded = true;
        let Some(text) = source.text().filter(|text| !text.trim().is_empty()).map(str::to_owned) else { return output };
        output.encoded = Some(source.range.clone());
        let bytes = match words.name.as_str() {
            "xxd" => crate::decode::hex_bytes(&text),
            "base32" => crate::decode::base32_bytes(&text),
            _ => crate::decode::base64_bytes(&text),
        };
        match bytes.map(String::from_utf8) {
            Some(Ok(decoded)) => output = output.with_text(decoded),
            Some(Err(_)) => output.binary = true,
            None => {}
        }
        output
    }

    pub(super) fn transform(&mut self, input: &Value, change: impl FnOnce(&str) -> Option<String>) -> Value {
        match input.text() {
            Some(text) if !text.is_empty() => {
                let Some(changed) = change(text) else { return input.obscured() };
                let mut output = input.with_text(changed);
                output.is_decoded = true;
                output.encoded = output.encoded.or(Some(input.range.clone()));
                output
            }
            _ => input.clone(),
        }
    }
}

/// What a one-line program prints, as far as its text shows: something fetched, or a literal decoded.
pub(super) fn program_output(text: &str, code: &Value) -> Value {
    let lower = text.to_ascii_lowercase();
    let mut value = Value::default();
    if [
        "urlopen",
        "requests.get",
        "urlretrieve",
        "fetch(",
        "http.get",
        "https.get",
        "net::http",
        "lwp::",
        "file_get_contents",
    ]
    .iter()
    .any(|api| lower.contains(api))
    {
        value = code.obscured();
        value.is_fetched = true;
        value.urls = text.split(['"', '\'', '`']).filter(|part| part.contains("://")).map(str::to_owned).collect();
    } else if lower.contains("b64decode")
        || lower.contains("'base64'")
        || lower.contains("\"base64\"")
        || lower.contains("atob(")
        || lower.contains("fromhex")
        || lower.contains("decode_base64")
    {
        value = code.obscured();
        value.is_decoded = true;
        let literal = text.split(['"', '\'', '`']).filter(|part| part.len() >= 12).max_by_key(|part| part.len());
        if let Some(decoded) = literal.and_then(crate::decode::base64_bytes) {
            value.encoded = Some(code.range.clone());
            match String::from_utf8(decoded) {
                Ok(decoded) => value = value.with_text(decoded),
                Err(_) => value.binary = true,
            }
        }
    }
    value
}

/// `tr` with literal sets: ranges expanded, a shorter second set padded.
pub(crate) fn translate(text: &str, sets: &[String], deletes: bool) -> Option<String> {
    let expand = |set: &str| -> Vec<char> {
        let chars: Vec<char> =
            crate::decode::unescape(set).map_or_else(|| set.to_owned(), |(s, _)| s).chars().collect();
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            match (chars.get(at + 1), chars.get(at + 2)) {
                (Some('-'), Some(&end)) if c <= end => {
                    out.extend(c..=end);
                    at += 3;
                }
                _ => {
                    out.push(c);
                    at += 1;
                }
            }
            if out.len() > 4096 {
                break;
            }
        }
        out
    };
    let from = expand(sets.first()?);
    if deletes {
        return Some(text.chars().filter(|c| !from.contains(c)).collect());
    }
    let to = expand(sets.get(1)?);
    let last = *to.last()?;
    Some(
        text.chars()
            .map(|c| from.iter().position(|&f| f == c).map_or(c, |at| to.get(at).copied().unwrap_or(last)))
            .collect(),
    )
}
