//! Rules over flows: which source reaches which sink, and where that leads.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde::Deserialize;

mod destination;
mod own;
mod variable;

use super::Input;
use super::fact::own_hosts;
use crate::artifact::{ArtifactId, Span};
use crate::finding::{Confidence, Evidence, Finding, Role, Severity};
use crate::flow::interpret::{Hit, Outcome};
use crate::flow::value::{Extent, Label, Place, Step, UNKNOWN, Verb, is_decoder};
use crate::rule::{Meta, RuleId};
use crate::ruleset::hosts;
use crate::ruleset::lazy::Pattern;
use crate::ruleset::paths::Paths;

/// Body `<rule>.flow.toml`: for each flow the first case that fits decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowRule {
    /// Cases in order.
    #[serde(rename = "flow")]
    pub cases: Vec<FlowCase>,
}

/// What must hold of a flow; what is not given holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FlowCase {
    /// Classes of sources, one of which it comes from; none for what is constant.
    #[serde(default)]
    pub source: Vec<String>,
    /// Classes of sinks, one of which it reaches.
    pub sink: Vec<String>,
    /// Is found in the name of the source: a variable, a path, an address.
    pub name: Option<Pattern>,
    /// Is not found there.
    pub not_name: Option<Pattern>,
    /// Kinds of hosts, one of which it goes to.
    #[serde(default)]
    pub to: Vec<String>,
    /// Kinds of hosts that do not count: it goes to none of them, or to another known one as well.
    #[serde(default)]
    pub not_to: Vec<String>,
    /// Kinds of hosts, one of which it comes from.
    #[serde(default)]
    pub from: Vec<String>,
    /// Classes of paths, one of which is written or deleted.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Is found in what is sent, written or run.
    pub content: Option<Pattern>,
    /// Classes of sources that a condition around the sink asks, one of which is asked.
    #[serde(default)]
    pub gates: Vec<String>,
    /// What happens on the way: `decoded`, `written` to a file, `searched` for a part that is taken out, a part that is
    /// `picked` out of a text, a file as it is (`whole`), or that a command is what was decoded `alone`.
    #[serde(default)]
    pub through: Vec<String>,
    /// What does not happen on the way.
    #[serde(default)]
    pub not_through: Vec<String>,
    /// Instead of the rule's severity.
    pub severity: Option<Severity>,
    /// Instead of the rule's confidence.
    pub confidence: Option<Confidence>,
    /// Instead of the rule's message.
    pub message: Option<String>,
}

/// Classes that the class of a file's path adds to a source.
const FILES: [(&str, &[&str]); 6] = [
    ("secret-file", &["ssh", "cloud", "history"]),
    ("agent-state", &["agent-secrets", "agent-config"]),
    ("memory", &["agent-memory", "agent-transcript"]),
    ("browser-store", &["browser-store"]),
    ("wallet-store", &["wallet"]),
    ("keychain", &["keychain"]),
];

/// Classes that a source's name adds to those of the catalogues.
const NAMED: [&str; 3] = ["env-secret", "env-bulk", "env-unknown"];

/// Names of interfaces that find a part of a text.
const SEARCHES: [&str; 7] =
    ["re.search", "re.match", "re.findall", "re.finditer", "?.match", ".group", "BeautifulSoup"];

/// Beginnings of names of interfaces that take a file as it is.
const PACKERS: [&str; 18] = [
    "cmd.tar",
    "cmd.zip",
    "cmd.7z",
    "cmd.gzip",
    "cmd.curl",
    "cmd.wget",
    "cmd.base64",
    "cmd.openssl",
    "cmd.cp",
    "cmd.scp",
    "cmd.rsync",
    "cmd.xxd",
    "tarfile.",
    "zipfile.",
    "shutil.",
    "archiver",
    "fs.createReadStream",
    "fs.cp",
];

/// Kinds of hosts that are computed, beside the classes of `lists/hosts.csv`.
const HOSTS: [&str; 12] = [
    "vendor",
    "declared",
    "foreign",
    "service",
    "allowed",
    "unknown",
    "ip",
    "local",
    "throwaway",
    "runtime",
    "chosen",
    "unseen",
];

/// Class of a path that is computed: a script of the package itself, or its text.
const OWN_CODE: &str = "own-code";

/// What may happen on the way.
const WAYS: [&str; 6] = ["decoded", "written", "searched", "picked", "whole", "alone"];

impl FlowRule {
    /// Checks what the schema cannot say.
    ///
    /// # Errors
    /// Names the class that does not exist.
    pub fn check(&self, paths: &Paths, hosts: &hosts::Hosts) -> Result<(), String> {
        for case in &self.cases {
            let sources = case.source.iter().chain(&case.gates);
            for class in sources {
                let is_file = class.strip_prefix("file:").is_some_and(|class| paths.has_class(class));
                let is_known = crate::flow::catalogue::SOURCES.contains(&class.as_str())
                    || FILES.iter().any(|(name, _)| name == class)
                    || NAMED.contains(&class.as_str());
                if !is_known && !is_file {
                    return Err(format!("there is no source class `{class}`"));
                }
            }
            let sinks = &crate::flow::catalogue::SINKS;
            if let Some(class) = case.sink.iter().find(|class| !sinks.contains(&class.as_str())) {
                return Err(format!("there is no sink class `{class}`"));
            }
            if let Some(class) = case.paths.iter().find(|class| *class != OWN_CODE && !paths.has_class(class)) {
                return Err(format!("no row of lists/paths.csv has the class `{class}`"));
            }
            if let Some(way) = case.through.iter().chain(&case.not_through).find(|way| !WAYS.contains(&way.as_str())) {
                return Err(format!("nothing is known to go through `{way}`"));
            }
            let kinds = case.to.iter().chain(&case.not_to).chain(&case.from);
            for kind in kinds {
                if !HOSTS.contains(&kind.as_str()) && !hosts.has_class(kind) {
                    return Err(format!("there is no kind of host `{kind}`"));
                }
            }
        }
        Ok(())
    }

    /// Classes that it joins, sources first.
    pub fn classes(&self) -> (Vec<&str>, Vec<&str>) {
        let all = |of: fn(&FlowCase) -> &Vec<String>| {
            let set: BTreeSet<&str> = self.cases.iter().flat_map(of).map(String::as_str).collect();
            set.into_iter().collect()
        };
        (all(|case| &case.source), all(|case| &case.sink))
    }
}

/// A flow as rules see it.
struct Looked<'a> {
    hit: &'a Hit,
    label: Option<&'a Label>,
    sources: BTreeSet<String>,
    name: String,
    to: BTreeSet<String>,
    from: BTreeSet<String>,
    paths: BTreeSet<String>,
    gates: BTreeSet<String>,
    through: BTreeSet<&'static str>,
}

impl FlowCase {
    fn fits(&self, looked: &Looked<'_>) -> bool {
        let any = |wanted: &[String], found: &BTreeSet<String>| {
            wanted.is_empty() || wanted.iter().any(|class| found.contains(class))
        };
        (if self.source.is_empty() { looked.label.is_none() } else { any(&self.source, &looked.sources) })
            && self.sink.contains(&looked.hit.class)
            && any(&self.to, &looked.to)
            && !self.stays(&looked.to)
            && any(&self.from, &looked.from)
            && any(&self.paths, &looked.paths)
            && any(&self.gates, &looked.gates)
            && (self.through.is_empty() || self.through.iter().any(|step| looked.through.contains(step.as_str())))
            && !self.not_through.iter().any(|step| looked.through.contains(step.as_str()))
            && self.name.as_ref().is_none_or(|pattern| pattern.is_match(&looked.name))
            && !self.not_name.as_ref().is_some_and(|pattern| pattern.is_match(&looked.name))
            && self
                .content
                .as_ref()
                .is_none_or(|pattern| looked.hit.content.iter().any(|content| pattern.is_match(content)))
    }

    /// Whether it goes to the hosts that are excluded and to no other that is known.
    fn stays(&self, to: &BTreeSet<String>) -> bool {
        let is_excluded = |kind: &String| self.not_to.contains(kind);
        let is_known = |kind: &String| !matches!(kind.as_str(), "runtime" | "chosen" | "unseen");
        to.iter().any(is_excluded) && to.iter().filter(|kind| is_known(kind)).all(is_excluded)
    }
}

/// What the package says of itself, for judging where values go.
struct Package<'a> {
    input: &'a Input<'a>,
    own: BTreeSet<String>,
    kinds: RefCell<Kinds>,
}

/// Kinds of host that an address leads to, by it and by the name of what goes there.
type Kinds = HashMap<(Rc<str>, Option<String>), Vec<String>>;

/// Whether a command line, or the script of a shell, begins with this text.
fn is_alone(line: &str, text: &str) -> bool {
    let script = line.split_once(" -c ").map_or("", |(_, script)| script.trim_start_matches(['\'', '"']));
    !matches!(text, "" | "?") && (line.starts_with(text) || script.starts_with(text))
}

/// Whether a source that is no variable of the environment may be somebody's credential, and is named after whose it is:
/// what others write into a program is none, and the name of an interface says nothing.
fn is_credential(class: &str, name: &str, label: &Label) -> bool {
    let is_interface = || label.trail.all().first().is_some_and(|step| step.what == label.name);
    match class {
        "file" => !matches!(name, "0" | "/dev/stdin"),
        "keychain" | "login" | "page" => !is_interface(),
        _ => false,
    }
}

/// Names that one look-up may give, one a line.
fn alternatives(outcome: &Outcome, hit: &Hit, label: &Label) -> String {
    let origin = |label: &Label| label.trail.all().first().map(|step| step.place);
    let (class, place) = (label.class, origin(label));
    let same = hit.labels.iter().filter(|other| other.class == class && origin(other) == place);
    let names: BTreeSet<String> = same.map(|other| outcome.names.get(other.name).to_string()).collect();
    names.into_iter().collect::<Vec<_>>().join("\n")
}

/// Findings of all flow rules.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    if input.expanded.flows.is_empty() || input.rules.flows.is_empty() {
        return Vec::new();
    }
    let package = Package { input, own: own_hosts(input), kinds: RefCell::default() };
    let mut found = Vec::new();
    for (artifacts, outcome) in &input.expanded.flows {
        for hit in &outcome.hits {
            let none = [None];
            let labels = hit.labels.iter().map(Some).chain(none);
            for label in labels {
                let looked = package.look(outcome, hit, label);
                found.extend(package.judge(artifacts, outcome, &looked));
            }
        }
    }
    found
}

impl Package<'_> {
    fn look<'a>(&self, outcome: &'a Outcome, hit: &'a Hit, label: Option<&'a Label>) -> Looked<'a> {
        let name = label.map(|label| outcome.names.get(label.name).to_string()).unwrap_or_default();
        let class = label.map(|label| outcome.names.get(label.class).to_string()).unwrap_or_default();
        let is_env = class == "env";
        // What a table has for each of several services is looked up together with the host.
        let names = label.filter(|_| is_env && hit.to.len() > 1).map(|label| alternatives(outcome, hit, label));
        let names = names.unwrap_or_else(|| name.clone());
        let is_named = is_env || label.is_some_and(|label| is_credential(&class, &name, label));
        let mut to = self.hosts(&hit.to, Some(&names).filter(|_| is_named));
        if hit.is_chosen && to.remove("runtime") {
            to.insert("chosen".to_owned());
        }
        if is_env && to.contains("declared") && self.is_foreign(outcome, hit) {
            to.insert("foreign".to_owned());
        }
        let from = if class == "fetched" { self.hosts(&[name.as_str().into()], None) } else { BTreeSet::new() };
        // What takes a file away does nothing to a folder.
        let is_of_files = hit.api.ends_with("unlink") || hit.api.ends_with("unlinkSync") || &*hit.api == "os.remove";
        let named = hit.paths.iter().filter(|path| !(is_of_files && matches!(&***path, "/" | "~" | "~/")));
        let classes = named.flat_map(|path| self.input.rules.paths.classes(path)).map(str::to_owned);
        let is_own = class == "fetched" && hit.paths.iter().any(|path| own::is_own_code(self.input, path));
        let paths = classes.chain(is_own.then(|| OWN_CODE.to_owned())).collect();
        let mut gates = BTreeSet::new();
        for gate in &hit.gates {
            gates.extend(self.sources(&outcome.names.get(gate.class), &outcome.names.get(gate.name)));
        }
        let mut through = BTreeSet::new();
        let decodes = |step: &Step| step.verb == Verb::Changed && is_decoder(&outcome.names.get(step.what));
        if hit.labels.iter().any(|label| &*outcome.names.get(label.class) == "decoded")
            || label.is_some_and(|label| label.trail.all().iter().any(|step| decodes(step)))
        {
            through.insert("decoded");
        }
        if label.is_some_and(|label| label.trail.all().iter().any(|step| step.verb == Verb::Written)) {
            through.insert("written");
        }
        let searches = |step: &Step| SEARCHES.iter().any(|name| outcome.names.get(step.what).contains(name));
        if label.is_some_and(|label| label.trail.all().iter().any(|step| searches(step))) {
            through.insert("searched");
        }
        let packs = |step: &Step| PACKERS.iter().any(|name| outcome.names.get(step.what).starts_with(name));
        // Or the command that sends it reads it.
        let takes = |step: &Step| packs(step) || (step.place == hit.place && hit.api.starts_with("cmd."));
        if label.is_some_and(|label| label.trail.all().first().is_some_and(|step| takes(step))) {
            through.insert("whole");
        }
        if label.is_some_and(|label| label.extent == Extent::Part) {
            through.insert("picked");
        }
        if class == "decoded" && hit.content.iter().any(|line| is_alone(line, &name)) {
            through.insert("alone");
        }
        Looked { hit, label, sources: self.sources(&class, &name), name, to, from, paths, gates, through }
    }

    /// Classes of a source: the catalogue's, and those that its name adds.
    fn sources(&self, class: &str, name: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::from([class.to_owned()]);
        if class == "env" {
            all.extend(variable::class(name).map(str::to_owned));
        }
        if class == "file" {
            // Whatever lies in a folder is what the folder is.
            let folder = name.strip_suffix(UNKNOWN).and_then(|path| path.strip_suffix('/'));
            let paths = std::iter::once(name).chain(folder);
            for path_class in paths.flat_map(|path| self.input.rules.paths.classes(path)) {
                all.insert(format!("file:{path_class}"));
                let groups =
                    FILES.iter().filter(|_| !is_public(name)).filter(|(_, members)| members.contains(&path_class));
                all.extend(groups.map(|(group, _)| (*group).to_owned()));
            }
        }
        all
    }

    fn judge(&self, artifacts: &[ArtifactId], outcome: &Outcome, looked: &Looked<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for (id, rule) in &self.input.rules.flows {
            let Some(case) = rule.cases.iter().find(|case| case.fits(looked)) else { continue };
            let Some(rule) = self.input.rules.get(id) else { continue };
            found.extend(report(id, &rule.meta, case, artifacts, outcome, looked));
        }
        found
    }
}

/// A finding that prints the source, each step and the sink.
fn report(
    id: &RuleId,
    meta: &Meta,
    case: &FlowCase,
    artifacts: &[ArtifactId],
    outcome: &Outcome,
    looked: &Looked<'_>,
) -> Option<Finding> {
    let span = |place: Place| {
        let artifact = artifacts.get(place.module as usize)?;
        Some(Span::new(*artifact, place.start as usize..place.end as usize))
    };
    let to = looked.hit.to.iter().chain(&looked.hit.paths).take(3);
    let to: Vec<String> = to.map(|to| format!("`{}`", to.replace(UNKNOWN, "…"))).collect();
    let note = format!("`{}`{}{}", looked.hit.api, if to.is_empty() { "" } else { " to " }, to.join(" or "));
    let mut finding = Finding::new(
        id.clone(),
        case.severity.unwrap_or(meta.severity),
        case.confidence.unwrap_or(meta.confidence),
        case.message.as_deref().unwrap_or(&meta.message),
        span(looked.hit.place)?,
        note.clone(),
    );
    let Some(label) = looked.label else { return Some(finding) };
    for (at, step) in label.trail.all().iter().enumerate() {
        let what = outcome.names.get(step.what);
        let (role, note) = if at == 0 {
            let name = looked.name.replace(UNKNOWN, "…");
            (Role::Source, if *name == *what { format!("`{what}`") } else { format!("`{name}` from `{what}`") })
        } else {
            let what = if what.is_empty() { "a function".to_owned() } else { format!("`{what}`") };
            (Role::Step, format!("{} {what}", step.verb.phrase()))
        };
        finding = finding.with(span(step.place).map(|span| Evidence::new(span, role, note)));
    }
    Some(finding.with(span(looked.hit.place).map(|span| Evidence::new(span, Role::Sink, note))))
}

/// Files beside keys that are no secret.
fn is_public(path: &str) -> bool {
    [".pub", "/known_hosts", "/.ssh/config"].iter().any(|ending| path.ends_with(ending))
}

/// The class of the catalogues that a rule's class is part of.
pub(crate) fn base_class(class: &str) -> String {
    let is_file = class.starts_with("file:") || FILES.iter().any(|(name, _)| *name == class && class != "keychain");
    if is_file {
        "file".to_owned()
    } else if NAMED.contains(&class) {
        "env".to_owned()
    } else {
        class.to_owned()
    }
}
