//! What `jq` takes out of a text.

use super::command::Run;
use super::*;
use crate::flow::value::taints;

impl Interpreter<'_> {
    /// `jq -r .a.b`; with `// "text"` behind it that text, where there is nothing else.
    pub(super) fn member_of_json(&mut self, run: &Run<'_>) -> Option<Value> {
        let mut words = run.args.iter();
        let (mut operands, mut given) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word.texts().first().map(|text| &**text) {
                Some("--arg" | "--argjson") => given.extend(words.nth(1).cloned()),
                Some("--slurpfile" | "--rawfile") => {
                    let file = words.nth(1).cloned().unwrap_or_default();
                    given.push(self.content_of(&file, run.site.place));
                }
                Some("--indent") => drop(words.next()),
                Some(text) if text.starts_with('-') => {}
                _ => operands.push(word.clone()),
            }
        }
        let filter = operands.first()?.texts().first().cloned()?;
        let (path, other) =
            filter.split_once("//").map_or((&*filter, None), |(path, other)| (path.trim(), Some(other)));
        let text = self.source_text(run, operands.get(1));
        let other = other.and_then(|other| serde_json::from_str::<String>(other.trim()).ok());
        let other = other.filter(|other| !other.is_empty()).map(Value::text);
        let is_plain =
            path.starts_with('.') && path.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]\"'".contains(c));
        let member = self.map_text(&text, |text| {
            let value: serde_json::Value = serde_json::from_str(text).ok().filter(|_| is_plain)?;
            let pointer: String = path
                .split(['.', '[', ']'])
                .map(|part| part.trim_matches(['"', '\'']))
                .filter(|part| !part.is_empty())
                .map(|part| format!("/{part}"))
                .collect();
            match value.pointer(&pointer)? {
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        });
        let taint = given.iter().fold(None, |all, value| taints(&all, &value.taint()));
        let member = member.with(&taint);
        Some(match other {
            Some(other) => self.either(&member, &other),
            None => member,
        })
    }
}
