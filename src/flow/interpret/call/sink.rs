//! What a value reaches: requests, shells, evaluators and files.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::effect::STREAMS;
use super::super::object::OPENED;
use super::super::outcome::TEXT_WRITE;
use super::*;
use crate::text;

/// Sinks that tell something also of what is constant.
const PLAIN: [&str; 8] =
    ["file-write", "code", "process", "delete", "clipboard-write", "deserialize", "transfer", TEXT_WRITE];

/// An account of a chain, or an address of mail.
static RECIPIENT: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r"^(?:0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{32,44}|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)$",
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
            content = self.command_line(&args, content);
            self.environment_of(call);
            labels.extend(self.fed(call, &mut content));
            if content.is_empty() {
                content.push(UNKNOWN.to_string().into());
            }
            self.piped(path, call, &mut content);
            labels.extend(self.tied(&mut content));
            labels.extend(self.started_files(&content));
            self.pictured(&content, call.place);
            let mut sent = labels.clone();
            sent.extend(self.files_in(&content));
            self.sent_by_command(&content, &sent, path, call.place);
            self.started(call, &content);
            given = self.clipboard_by_command(&content, path, call);
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
        if matches!(sink.class.as_str(), "transfer" | "messaging") {
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
        let text = self.units[place.module as usize].text;
        let words = content.iter().flat_map(|text| text.split([',', ' ', '\n']));
        // A few: a long text may name very many.
        let recipients = words.filter(|word| RECIPIENT.is_match(word)).take(8);
        let hidden: Vec<Rc<str>> = recipients.filter(|word| !text.contains(word)).map(Rc::from).collect();
        self.spend(content.iter().map(|text| text.len()).sum::<usize>() + text.len() / 8);
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
        labels.retain(|label| {
            let to: String = to.iter().map(|to| &**to).collect();
            self.seen.insert((label.class, label.name, place, format!("{class}{to}")))
        });
        let constant = self.names.intern("");
        let plain = PLAIN.contains(&class.as_str()) && {
            let what: String = paths.iter().chain(&content).map(|text| &**text).collect();
            self.seen.insert((constant, constant, place, format!("{class}{what}")))
        };
        if (labels.is_empty() && !plain) || self.out.hits.len() > 10_000 {
            return;
        }
        let gates = self.gates.clone();
        self.out.hits.push(Hit { class, api, place, to, is_chosen, paths, content, labels, gates });
    }

    /// Texts of a value, or of the lists of words that it is; what is not known of them may be anything.
    fn commands_of(&mut self, value: &Value, role: FoldedRole) -> Vec<Rc<str>> {
        let joined = |words: Vec<String>| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        if role != FoldedRole::Command {
            return value.texts();
        }
        if let Some(words) = self.list(value) {
            return vec![joined(words.iter().map(|word| word.text().to_string()).collect()).into()];
        }
        let lists = self.objects_of(value).filter(|object| object.is_list && !object.items.is_empty()).take(4);
        let lists = lists.map(|list| {
            let known =
                |item: &Value| item.texts().first().map_or_else(|| UNKNOWN.to_string(), |text| text.to_string());
            let mut words: Vec<String> = list.items.iter().map(known).collect();
            words.extend((!list.rest.is_unset()).then(|| UNKNOWN.to_string()));
            joined(words).into()
        });
        let lists: Vec<Rc<str>> = lists.collect();
        if lists.is_empty() { value.texts() } else { lists }
    }

    /// Program and arguments of a call of `os` that puts a program in place of another, or starts it so: the name that
    /// the program is to see stands before its arguments.
    fn replacing(&mut self, path: &str, call: &Call) -> Option<Vec<Value>> {
        let name = path.strip_prefix("os.")?;
        let from = match name {
            _ if name.starts_with("exec") => 0,
            _ if name.starts_with("spawn") => 1,
            _ => return None,
        };
        let is_list = name.trim_start_matches("exec").trim_start_matches("spawn").starts_with('v');
        let program = call.args.get(from)?.clone();
        let words: Vec<Value> = match is_list {
            true => self.list(call.args.get(from + 1)?)?.into_iter().skip(1).map(Value::lit).collect(),
            false => call.args.get(from + 2..)?.to_vec(),
        };
        let taint = call.all().fold(None, |all, arg| taints(&all, &self.deep(arg, 2)));
        let words = self.new_list(call.site.0, call.site.1 | 0x1000_0000, words, Value::default());
        Some(vec![program, words.with(&taint)])
    }

    /// Program and arguments as one line, where a call takes them apart.
    fn command_line(&self, args: &[Value], content: Vec<Rc<str>>) -> Vec<Rc<str>> {
        let [program, args, ..] = args else { return content };
        let words = match self.list(args) {
            Some(words) => words.iter().map(|word| quoted(&word.text())).collect(),
            // A list of which not all is known.
            None if self.objects_of(args).any(|object| object.is_list) => vec![UNKNOWN.to_string()],
            None => return content,
        };
        let mut programs = program.texts();
        if programs.is_empty() {
            programs.push(UNKNOWN.to_string().into());
        }
        programs.iter().map(|program| format!("{program} {}", words.join(" ")).trim_end().into()).collect()
    }

    /// What of an argument is a part of the command that is started: of a table of settings only what names the command
    /// and its arguments, and nothing of a function that is called at the end.
    fn parts_of_command(&self, arg: &Value) -> Vec<Value> {
        const PARTS: [&str; 5] = ["command", "cmd", "file", "args", "argv"];
        let inner = arg.get();
        let is_table = inner.apis.is_empty() && self.objects_of(arg).any(|one| !one.is_list && !one.fields.is_empty());
        if !inner.lits.is_empty() || (inner.fns.is_empty() && !is_table) {
            return vec![arg.clone()];
        }
        let fields: Vec<_> = self.objects_of(arg).flat_map(|object| &object.fields).collect();
        let named = |part: &&str| fields.iter().find(|(name, _)| &*self.names.get(**name) == *part);
        PARTS.iter().filter_map(named).map(|(_, value)| (*value).clone()).collect()
    }

    pub(super) fn objects_of(&self, value: &Value) -> impl Iterator<Item = &Object> {
        value.get().objs.clone().into_iter().filter_map(|id| self.objects.get(id))
    }

    /// What a command is fed comes before it, as in a pipe; its labels.
    fn fed(&self, call: &Call, lines: &mut [Rc<str>]) -> Vec<Label> {
        if lines.is_empty() {
            return Vec::new();
        }
        let inputs = self.inputs_of(call);
        let labels: Vec<Label> = inputs.iter().filter_map(Value::taint).flat_map(|labels| labels.to_vec()).collect();
        let known = inputs.iter().find_map(|input| input.texts().into_iter().next());
        if let Some(input) = known.or_else(|| (!labels.is_empty()).then(|| UNKNOWN.to_string().into())) {
            for line in lines {
                *line = fed_by(&input, line);
            }
        }
        labels
    }

    /// What a command is fed.
    fn inputs_of(&self, call: &Call) -> Vec<Value> {
        const KEYS: [&str; 2] = ["input", "stdin"];
        let named = call.named.iter().filter(|(key, _)| key.texts().iter().any(|text| KEYS.contains(&&**text)));
        let mut inputs: Vec<Value> = named.map(|(_, value)| value.clone()).collect();
        for object in call.args.iter().flat_map(|arg| arg.get().objs.clone()) {
            let fields = self.objects.get(object).map(|object| &object.fields);
            let fields = fields.into_iter().flatten().filter(|(key, _)| KEYS.contains(&&*self.names.get(**key)));
            inputs.extend(fields.map(|(_, value)| value.clone()));
        }
        inputs
    }

    /// A process gets the variables that it is started with.
    fn environment_of(&mut self, call: &Call) {
        let key = self.names.intern("env");
        let is_named = |name: &Value| name.texts().iter().any(|text| &**text == "env");
        let named = call.named.iter().filter(|(name, _)| is_named(name)).map(|(_, value)| value.clone());
        let settings = call.args.iter().flat_map(|arg| arg.get().objs.clone());
        let fields = settings.filter_map(|id| self.objects.get(id)?.fields.get(&key).cloned());
        let tables: Vec<Value> = named.chain(fields).collect();
        for id in tables.iter().flat_map(|table| table.get().objs.clone()) {
            let variables = self.objects.get(id).map(|object| object.fields.clone()).unwrap_or_default();
            self.spend(16 * variables.len());
            for (name, value) in variables {
                self.pass_on(name, &value, call.place);
            }
        }
    }

    /// Commands that read the clipboard give it, others get what they are fed.
    fn clipboard_by_command(&mut self, lines: &[Rc<str>], path: &Rc<str>, call: &Call) -> Taint {
        const READERS: [&str; 3] = ["pbpaste", "wl-paste", "get-clipboard"];
        const WRITERS: [&str; 6] = ["pbcopy", "wl-copy", "set-clipboard", "clip", "xclip", "xsel"];
        let mut given = None;
        for command in lines.iter().flat_map(|line| line.split(['|', ';', '&'])) {
            let mut words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_ascii_lowercase());
            let names = |names: &[&str], word: &str| {
                names.contains(&word.rsplit('/').next().unwrap_or(word).trim_end_matches(".exe"))
            };
            let Some(name) = words.find(|word| names(&READERS, word) || names(&WRITERS, word)) else { continue };
            if names(&READERS, &name) || words.any(|word| matches!(&*word, "-o" | "-out" | "--output")) {
                given = taints(&given, &self.label("clipboard", &name, call.place, path));
            } else {
                let content = self.inputs_of(call).iter().find_map(|input| input.texts().into_iter().next());
                let content = content.into_iter().collect();
                let reached =
                    Reached { to: Vec::new(), paths: Vec::new(), content, labels: Vec::new(), is_chosen: false };
                self.hit("clipboard-write".to_owned(), Rc::clone(path), call.place, reached);
            }
        }
        given
    }

    /// What a command that fetches or sends is given goes to its address.
    pub(in crate::flow::interpret) fn sent_by_command(
        &mut self,
        lines: &[Rc<str>],
        labels: &[Label],
        path: &Rc<str>,
        place: Place,
    ) {
        const SENDERS: [&str; 22] = [
            "curl", "wget", "nc", "ncat", "http", "xh", "ping", "dig", "nslookup", "host", "telnet", "socat", "gh",
            "glab", "scp", "sftp", "ftp", "rsync", "rclone", "aws", "gsutil", "mail",
        ];
        for line in lines {
            let mut words = line.split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '|' | ';'));
            if labels.is_empty() || !words.any(|word| SENDERS.contains(&word.rsplit('/').next().unwrap_or(word))) {
                continue;
            }
            let to = words.filter(|word| word.contains("://")).map(Rc::from).take(4).collect();
            let reached = Reached {
                to,
                paths: Vec::new(),
                content: vec![Rc::clone(line)],
                labels: labels.to_vec(),
                is_chosen: false,
            };
            self.hit("network".to_owned(), Rc::clone(path), place, reached);
        }
    }

    /// What is written to a process goes into its command.
    fn piped(&self, path: &Rc<str>, call: &Call, content: &mut Vec<Rc<str>>) {
        if !path.contains(".stdin.") {
            return;
        }
        let handles = call.receiver.get();
        let commands: Vec<Rc<str>> = handles.objs.iter().filter_map(|id| self.address_of(*id)).flatten().collect();
        let input = content.first().cloned().unwrap_or_else(|| UNKNOWN.to_string().into());
        if !commands.is_empty() {
            *content = commands.iter().map(|command| fed_by(&input, command)).collect();
        }
    }

    /// Labels of what the streams of all processes are tied to.
    fn tied(&self, lines: &mut [Rc<str>]) -> Vec<Label> {
        let labels = self.files.get(STREAMS);
        let Some(labels) = labels else { return Vec::new() };
        for line in lines {
            *line = fed_by(&UNKNOWN.to_string(), line);
        }
        labels.to_vec()
    }

    /// Remembers what the process that a call gives was started with.
    fn started(&mut self, call: &Call, lines: &[Rc<str>]) {
        let id = self.site(call.site.0, call.site.1 | HANDLE);
        let [handle, input] = [OPENED, "stdin"].map(|name| self.names.intern(name));
        if let Some(object) = self.objects.get_mut(id) {
            object.fields.insert(handle, Value::lits(lines.iter().map(|line| Lit::Text(Rc::clone(line))).collect()));
            object.fields.insert(input, Value::object(id));
        }
    }

    /// Labels of files that a command line names and this package wrote.
    fn files_in(&self, lines: &[Rc<str>]) -> Vec<Label> {
        let words = lines.iter().flat_map(|line| line.split(|c: char| c.is_whitespace() || "'\"|;@=".contains(c)));
        words.filter(|word| word.contains(['/', '.'])).flat_map(|word| self.labels_of_file(word)).collect()
    }

    /// Programs that take a picture of the screen write it to the file that they are given last.
    fn pictured(&mut self, lines: &[Rc<str>], place: Place) {
        const CAMERAS: [&str; 8] =
            ["screencapture", "grim", "scrot", "maim", "gnome-screenshot", "spectacle", "flameshot", "xwd"];
        for line in lines {
            let mut words = line.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
            let program = words.next().and_then(|word| word.rsplit('/').next()).unwrap_or("");
            if let (true, Some(file)) = (CAMERAS.contains(&program), words.next_back()) {
                let taint = self.label("screen", program, place, program);
                self.wrote(&[file.into()], &[Value::unknown().with(&taint)], place);
            }
        }
    }

    /// Labels of files that a command line starts and this package wrote.
    fn started_files(&self, lines: &[Rc<str>]) -> Vec<Label> {
        let words = lines.iter().flat_map(|line| programs(line));
        words.flat_map(|word| self.labels_of_file(word)).collect()
    }
}

/// Whether a value may be something else than the constants that it is.
fn is_other(value: &Value) -> bool {
    let inner = value.get();
    inner.is_open || !inner.apis.is_empty() || inner.taint.is_some()
}

/// A command whose input is this text.
fn fed_by(input: &str, command: &str) -> Rc<str> {
    format!("printf '%s' {} | {command}", quoted(input)).into()
}

/// Words of a command line that are started: programs, and what programs are told to start.
fn programs(line: &str) -> Vec<&str> {
    const STARTERS: [&str; 34] = [
        "sh",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "fish",
        "node",
        "deno",
        "bun",
        "tsx",
        "python",
        "python3",
        "perl",
        "ruby",
        "php",
        "osascript",
        "open",
        "start",
        "xdg-open",
        "powershell",
        "pwsh",
        "cmd",
        "msiexec",
        "installer",
        "dpkg",
        "rpm",
        "rundll32",
        "java",
        "wine",
        "sudo",
        "env",
        "nohup",
        "exec",
        "chmod",
    ];
    let mut found = Vec::new();
    for command in line.split([';', '|', '&', '\n', '(', ')']) {
        let mut is_started = true;
        for word in command.split([' ', '\'', '"']).filter(|word| !word.is_empty()) {
            let name = word.rsplit('/').next().unwrap_or(word);
            let is_option = word.starts_with(['-', '/', '+']) && !word.get(1..).is_some_and(|rest| rest.contains('/'));
            if is_started && !is_option && !word.contains('=') {
                found.push(word);
                is_started = STARTERS.contains(&name.trim_end_matches(".exe")) || is_mode(word);
            }
        }
    }
    found
}

/// The mode that `chmod` gives.
fn is_mode(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit()) || word.contains("+x")
}

/// Code that an address of data holds, or the text as it is.
fn in_address(text: &Rc<str>) -> Rc<str> {
    let Some((kind, data)) = text.strip_prefix("data:").and_then(|rest| rest.split_once(',')) else {
        return Rc::clone(text);
    };
    let op = if kind.ends_with(";base64") { Fold::Base64 } else { Fold::Percent };
    fold::apply(op, Some(&Lit::Text(data.into())), &[]).map_or_else(|| Rc::clone(text), |lit| lit.text())
}

/// A word as a shell reads it as one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
