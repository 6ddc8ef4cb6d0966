//! What becomes of a command that a program starts: its line, what it is fed, what it sends and gives.

use super::super::effect::STREAMS;
use super::super::object::OPENED;
use super::*;

impl Interpreter<'_> {
    /// A process starts: the lines that it is started with, what it is fed among them, and what it gives. Labels of
    /// all that reaches it are added.
    pub(super) fn spawn(
        &mut self,
        path: &Rc<str>,
        call: &Call,
        args: &[Value],
        content: Vec<Rc<str>>,
        labels: &mut Vec<Label>,
    ) -> (Vec<Rc<str>>, Taint) {
        let mut lines = self.command_line(args, content);
        self.environment_of(call);
        labels.extend(self.fed(call, &mut lines));
        if lines.is_empty() {
            lines.push(UNKNOWN.to_string().into());
        }
        self.piped(path, call, &mut lines);
        labels.extend(self.tied(&mut lines));
        labels.extend(self.started_files(&lines));
        self.pictured(&lines, call.place);
        let mut sent = labels.clone();
        sent.extend(self.files_in(&lines));
        self.sent_by_command(&lines, &sent, path, call.place);
        self.started(call, &lines);
        let given = self.clipboard_by_command(&lines, path, call);
        (lines, given)
    }

    /// Texts of a value, or of the lists of words that it is; what is not known of them may be anything.
    pub(super) fn commands_of(&mut self, value: &Value, role: FoldedRole) -> Vec<Rc<str>> {
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
    pub(super) fn replacing(&mut self, path: &str, call: &Call) -> Option<Vec<Value>> {
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
    pub(super) fn parts_of_command(&self, arg: &Value) -> Vec<Value> {
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

/// A word as a shell reads it as one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
