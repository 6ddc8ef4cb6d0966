//! What a value reaches: requests, evaluators, files and money; commands are told of in `command`.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::outcome::TEXT_WRITE;
use super::*;
use crate::text;

/// Values that got somewhere, of one run.
const HITS: usize = 10_000;
/// Sinks that tell something also of what is constant.
const PLAIN: [&str; 8] =
    ["file-write", "code", "process", "delete", "clipboard-write", "deserialize", "transfer", TEXT_WRITE];

/// An account of a chain, or an address of mail.
static RECIPIENT: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"^(?:0x[0-9a-fA-F]{40}|bc1[0-9a-z]{20,60}|[1-9A-HJ-NP-Za-km-z]{32,44}|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)$",
    )
});

impl Interpreter<'_> {
    /// Something gets to a sink; what a command that is started there gives.
    pub(super) fn reach(&mut self, sink: &Sink, path: &Rc<str>, call: &Call) -> Taint {
        let mut args: Vec<Value> = sink.args.iter().filter_map(|which| call.arg(which)).collect();
        if sink.class == "process" {
            args = match self.replacing(path, call) {
                Some(command) => command,
                None => args.iter().flat_map(|arg| self.parts_of_command(arg)).collect(),
            };
        }
        if sink.class == "transfer" {
            args = args.iter().map(|arg| self.recipient(arg, call.place)).collect();
        }
        if sink.class == "network" && !call.receiver.get().objs.is_empty() {
            // What the client sends along.
            args.push(Value::unknown().with(&self.deep(&call.receiver, 2)));
        }
        let mut labels = self.labels_of_all(&args);
        if sink.class == "transfer" {
            let all: Vec<Value> = call.all().map(|arg| Value::unknown().with(&self.deep(arg, 2))).collect();
            labels.extend(self.labels_of_all(&all));
        }
        self.spend(4 * args.iter().map(Value::size).sum::<usize>());
        let role = match sink.class.as_str() {
            "process" => FoldedRole::Command,
            "code" | "page-script" => FoldedRole::Code,
            _ => FoldedRole::Plain,
        };
        // What a timer is given is a function, unless it is known to be a text.
        if sink.class == "code" {
            labels.retain(|label| !label.is_quoted && !path.starts_with("set"));
            if matches!(&**path, "require" | "import" | "__import__") {
                args.iter().for_each(|name| self.without_answers(&mut labels, name));
            }
        }
        let mut given = None;
        let mut content: Vec<Rc<str>> = args.iter().flat_map(|arg| self.commands_of(arg, role)).collect();
        if role == FoldedRole::Command {
            (content, given) = self.spawn(path, call, &args, content, &mut labels);
        }
        if sink.class == "transfer" {
            // As documents write an address that is nobody's.
            content.retain(|text| text.bytes().collect::<HashSet<u8>>().len() > 5);
        }
        if sink.class == "transfer" && args.iter().any(is_other) {
            content.iter_mut().for_each(|text| *text = format!("{text}{UNKNOWN}").into());
        }
        if role == FoldedRole::Code {
            content.iter_mut().for_each(|text| *text = in_address(text));
        }
        for text in &content {
            let value = Value::text(Rc::clone(text));
            self.use_text(&value, call.place, role);
        }
        let by_name =
            || ["url", "host", "hostname", "address"].iter().find_map(|name| call.arg(&Arg::Name((*name).into())));
        let host = sink.host.as_ref().and_then(|which| call.arg(which).or_else(by_name));
        let is_chosen = host.as_ref().is_some_and(|host| self.is_chosen(host));
        // What was done to hide an address is told by where it is used.
        let hidden = host.iter().flat_map(|host| self.labels(host));
        labels.extend(hidden.filter(|label| &*self.names.get(label.class) == "decoded"));
        let mut to = host.map(|host| self.addresses(&host, &call.receiver)).unwrap_or_default();
        if let Some(at) = sink.at.as_deref().filter(|_| !to.iter().any(|address| address.contains("://"))) {
            to = vec![at.into()];
        }
        let file = sink.path.as_ref().and_then(|which| call.arg(which));
        let mut paths = file.map(|file| self.addresses(&file, &Value::default())).unwrap_or_default();
        if sink.class == "network" {
            // The file is what is sent.
            let sent = std::mem::take(&mut paths);
            let sent: Vec<Value> = sent.iter().map(|file| self.copy_of(file, call.place, path)).collect();
            labels.extend(self.labels_of_all(&sent));
        }
        if sink.class == "file-write" {
            if sink.copies() && !content.is_empty() {
                args = content.iter().map(|from| self.copy_of(from, call.place, path)).collect();
                content = self.drafts_of(&content);
            }
            self.wrote(&paths, &args, call.place);
            self.draft(&paths, &content);
        }
        content.truncate(8);
        if matches!(sink.class.as_str(), "transfer" | "messaging" | "clipboard-write") {
            labels.extend(self.put_together(&content, call.place, path));
        }
        let reached = Reached { to, paths, content, labels, is_chosen };
        self.hit(sink.class.clone(), Rc::clone(path), call.place, reached);
        given
    }

    /// Whom money goes to: a member of what describes the transfer, or the value itself.
    fn recipient(&mut self, transfer: &Value, place: Place) -> Value {
        for name in ["to", "toPubkey", "to_pubkey", "recipient", "destination"] {
            let key = self.names.intern(name);
            if self.objects_of(transfer).any(|object| object.fields.contains_key(&key)) {
                return self.get(transfer, key, place);
            }
        }
        transfer.clone()
    }

    /// Labels of recipients that stand nowhere in the program as they are: who reads it does not read them.
    fn put_together(&mut self, content: &[Rc<str>], place: Place, path: &str) -> Vec<Label> {
        let words = content.iter().flat_map(|text| text.split([',', ' ', '\n']));
        // A few: a long text may name very many.
        let recipients: Vec<&str> = words.filter(|word| RECIPIENT.is_match(word)).take(8).collect();
        if recipients.is_empty() {
            return Vec::new();
        }
        let text = self.units[place.module as usize].text.to_ascii_lowercase();
        self.spend(content.iter().map(|text| text.len()).sum::<usize>() + text.len() / 4);
        // Capital letters and what stands in front of a number are a matter of form.
        let is_read = |word: &str| {
            let word = word.to_ascii_lowercase();
            text.contains(word.strip_prefix("0x").unwrap_or(&word))
        };
        let hidden: Vec<Rc<str>> = recipients.into_iter().filter(|word| !is_read(word)).map(Rc::from).collect();
        hidden.iter().filter_map(|name| self.label("decoded", name, place, path)).flat_map(|all| all.to_vec()).collect()
    }

    /// Labels of several values, each once.
    pub(super) fn labels_of_all(&self, values: &[Value]) -> Vec<Label> {
        let mut all: Vec<Label> = Vec::new();
        for label in values.iter().flat_map(|value| self.labels(value)) {
            let same = |known: &&mut Label| (known.class, known.name) == (label.class, label.name);
            match all.iter_mut().find(same) {
                // All of it is more than a part.
                Some(known) if known.extent > label.extent => *known = label,
                Some(_) => {}
                None => all.push(label),
            }
        }
        all
    }

    /// Whether a value comes from a setting or an argument.
    pub(in crate::flow::interpret) fn is_chosen(&self, value: &Value) -> bool {
        const CHOICES: [&str; 3] = ["env", "argument", "file"];
        self.labels(value).iter().any(|label| CHOICES.contains(&&*self.names.get(label.class)))
    }

    /// Records what was reached, once.
    pub(in crate::flow::interpret) fn hit(&mut self, class: String, api: Rc<str>, place: Place, reached: Reached) {
        let Reached { to, paths, content, mut labels, is_chosen } = reached;
        self.spend(to.iter().chain(&paths).chain(&content).map(|text| text.len()).sum::<usize>() * (1 + labels.len()));
        self.out.is_cut |= labels.iter().any(Label::is_cut) || self.out.hits.len() >= HITS;
        labels.retain(|label| {
            let to: String = to.iter().map(|to| &**to).collect();
            !label.is_cut() && self.seen.insert((label.class, label.name, place, format!("{class}{to}")))
        });
        let constant = self.names.intern("");
        let plain = PLAIN.contains(&class.as_str()) && {
            let what: String = paths.iter().chain(&content).map(|text| &**text).collect();
            self.seen.insert((constant, constant, place, format!("{class}{what}")))
        };
        if (labels.is_empty() && !plain) || self.out.hits.len() >= HITS {
            return;
        }
        // A loop that sends one thing after the other gets somewhere.
        self.growth += u64::from(self.exact > 0);
        let gates = self.gates.clone();
        self.out.hits.push(Hit { class, api, place, to, is_chosen, paths, content, labels, gates });
    }

    pub(super) fn objects_of(&self, value: &Value) -> impl Iterator<Item = &Object> {
        value.get().objs.clone().into_iter().filter_map(|id| self.objects.get(id))
    }
}

/// Whether a value may be something else than the constants that it is.
fn is_other(value: &Value) -> bool {
    let inner = value.get();
    inner.is_open || !inner.apis.is_empty() || inner.taint.is_some()
}

/// Code that an address of data holds, or the text as it is.
fn in_address(text: &Rc<str>) -> Rc<str> {
    let Some((kind, data)) = text.strip_prefix("data:").and_then(|rest| rest.split_once(',')) else {
        return Rc::clone(text);
    };
    let op = if kind.ends_with(";base64") { Fold::Base64 } else { Fold::Percent };
    fold::apply(op, Some(&Lit::Text(data.into())), &[]).map_or_else(|| Rc::clone(text), |lit| lit.text())
}
