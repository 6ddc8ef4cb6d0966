//! What changed since the last run: pure comparison of what is kept of skills, before and now. Nothing here decides
//! about a skill; the verdicts are those of the scan that was just made.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::diff::{Behaviour, Difference, Mark};
use crate::policy::Verdict;
use crate::report::escape;
use crate::state::{Answer, Event, Files, History, Kind, Run, Skill, Update};

/// Findings and abilities that are told of a new skill.
const SHOWN: usize = 6;
/// Places that are told of as not to be listed.
const COMPLAINTS: usize = 20;

/// What a scan saw, and how it is to be compared.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// When it began (RFC 3339).
    pub at: String,
    /// What was looked at; compared with the last run of the same scope.
    pub scope: String,
    /// Roots that were listed whole, absolute.
    pub roots: BTreeSet<String>,
    /// Roots of earlier runs that are still there and could not be listed now: of them nothing is known.
    pub unlisted: BTreeSet<String>,
    /// Version and digest of what decides about findings.
    pub rules: String,
    /// All packages.
    pub skills: Vec<Skill>,
    /// Answers of the host audit, if there was one.
    pub audit: Option<BTreeMap<(String, String), Answer>>,
    /// Verdict from which a skill counts as flagged.
    pub threshold: Option<Verdict>,
    /// What could not be listed or read, beside skills.
    pub complaints: Vec<String>,
}

/// A skill that is as it was, and flagged or not seen whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its path as a user would write it.
    pub place: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// The run that saw the last difference, and when that was.
    pub since: (u64, String),
    /// Rules that decide.
    pub rules: Vec<String>,
}

/// An answer of the audit that is another one than last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// Its status before; none if it was not asked.
    pub before: Option<String>,
    /// The answer now; of a subject that is gone, the last one.
    pub answer: Answer,
    /// Whether the subject is gone.
    pub is_gone: bool,
}

/// What a run has to tell.
#[derive(Debug, Clone, Default)]
pub struct Night {
    /// The run.
    pub run: Run,
    /// The run that it is compared with: number and time.
    pub last: Option<(u64, String)>,
    /// What happened, in order of roots and paths.
    pub events: Vec<Event>,
    /// What is flagged and told of before.
    pub standing: Vec<Standing>,
    /// What the audit answers otherwise than before.
    pub turned: Vec<Turned>,
    /// Failed checks that were told of before.
    pub failing: Vec<Answer>,
    /// What is to be said about the run itself.
    pub notes: Vec<String>,
}

impl Night {
    /// Whether there is something to tell.
    pub fn is_worth_telling(&self) -> bool {
        self.last.is_none() || !self.events.is_empty() || !self.turned.is_empty() || !self.notes.is_empty()
    }

    /// The worst verdict of what happened.
    pub fn worst(&self) -> Option<Verdict> {
        self.events.iter().filter(|event| event.verdicts.1.is_some()).map(Event::verdict).max()
    }
}

/// Compares what was seen with what is kept, and says what is to be kept now.
pub fn compare(history: &History, seen: Seen) -> (Night, Update) {
    let last = history.last(&seen.scope);
    let number = history.next();
    let is_same_rules = last.is_none_or(|last| last.rules == seen.rules);
    // Whatever the threshold is, what was not seen whole is told.
    let least = seen.threshold.unwrap_or(Verdict::Warn).min(Verdict::Incomplete);
    let at = seen.at.clone();
    let comparison = Comparison { number, at, is_same_rules, is_first: last.is_none(), least };
    let mut night = Night { last: last.map(|run| (run.number, run.at.clone())), ..Night::default() };
    let mut kept = Vec::new();
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let skills = seen.skills.len();
    for mut skill in seen.skills {
        *verdicts.entry(skill.behaviour.verdict.clone()).or_default() += 1;
        found.insert(skill.key());
        let before = history.skills.get(&skill.key());
        let event = comparison.event(before, &skill);
        comparison.date(before, &mut skill, event.is_some());
        if event.is_none() && skill.verdict() >= least {
            night.standing.extend(standing(&skill, seen.threshold));
        }
        night.events.extend(event);
        if before.is_none_or(|before| !before.is_same(&skill)) {
            kept.push(skill);
        }
    }
    let mut looked_at = seen.roots.clone();
    looked_at.extend(last.iter().flat_map(|run| run.roots.iter().cloned()));
    for skill in history.skills.values() {
        let is_known = looked_at.contains(&skill.root) && !seen.unlisted.contains(&skill.root);
        if found.contains(&skill.key()) || skill.removed.is_some() || !is_known {
            continue;
        }
        if !skill.is_absent() {
            let is_elsewhere = !seen.roots.contains(&skill.root);
            let where_to = "its place is gone, or skills are not loaded from it any more".to_owned();
            night.events.push(comparison.removed(skill, is_elsewhere.then_some(where_to).into_iter().collect()));
        }
        kept.push(Skill { removed: Some(number), changed: number, changed_at: seen.at.clone(), ..skill.clone() });
    }
    night.events.sort_by(|one, other| (&one.root, &one.path).cmp(&(&other.root, &other.path)));
    if let Some(answers) = &seen.audit {
        (night.turned, night.failing) = audited(&history.audit, answers);
    }
    let complaints;
    (complaints, night.notes) = complained(last, seen.complaints);
    let roots = seen.roots.union(&seen.unlisted).cloned().collect();
    let events = night.events.len();
    let (at, scope, rules) = (seen.at, seen.scope, seen.rules);
    night.run = Run { number, at, scope, roots, rules, skills, verdicts, events, complaints, ..Run::default() };
    let update = Update { run: night.run.clone(), skills: kept, events: night.events.clone(), audit: seen.audit };
    (night, update)
}

/// A digest over what could not be listed, and what is to be told of it: all, unless the last run said the same.
fn complained(last: Option<&Run>, mut complaints: Vec<String>) -> (String, Vec<String>) {
    if complaints.is_empty() {
        return Default::default();
    }
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(complaints.join("\0"))[..8]);
    if last.is_some_and(|last| last.complaints == digest) {
        return (digest, Vec::new());
    }
    let more = complaints.len().saturating_sub(COMPLAINTS);
    complaints.truncate(COMPLAINTS);
    complaints.extend((more > 0).then(|| format!("and {more} more that could not be listed or read")));
    (digest, complaints)
}

fn standing(skill: &Skill, threshold: Option<Verdict>) -> Option<Standing> {
    let verdict = skill.verdict();
    let is_flagged = verdict == Verdict::Incomplete || verdict >= threshold.unwrap_or(Verdict::Warn);
    let since = (skill.changed, skill.changed_at.clone());
    is_flagged.then(|| Standing { place: skill.place(), verdict, since, rules: deciding(skill) })
}

/// Rules that decide about a skill, or that parts of it were not looked at.
fn deciding(skill: &Skill) -> Vec<String> {
    let decides = |mark: &&Mark| mark.verdict == skill.behaviour.verdict;
    let mut rules: Vec<String> =
        skill.behaviour.findings.iter().filter(decides).map(|mark| mark.rule.clone()).collect();
    rules.dedup();
    if rules.is_empty() {
        rules.push("not seen whole".to_owned());
    }
    rules
}

struct Comparison {
    number: u64,
    at: String,
    is_same_rules: bool,
    is_first: bool,
    /// Verdict from which a skill is told of in a first run.
    least: Verdict,
}

impl Comparison {
    /// What happened to a skill that was looked at.
    fn event(&self, before: Option<&Skill>, after: &Skill) -> Option<Event> {
        let before_there = before.filter(|before| !before.is_absent());
        let Some(was) = before_there else {
            if after.is_absent() {
                // A record names what is not there: news only if nobody knew.
                let is_news = before.is_none() && !self.is_first;
                return is_news.then(|| self.made(Kind::New, None, after, "is recorded and not there".to_owned()));
            }
            let is_news = !self.is_first || after.verdict() >= self.least;
            return is_news.then(|| self.appeared(before, after));
        };
        if after.is_absent() {
            return Some(self.removed(was, vec!["a record still names it".to_owned()]));
        }
        let difference = Difference::between(&was.behaviour, &after.behaviour);
        if was.content == after.content {
            return self.same_files(was, after, &difference);
        }
        let (old, new) = (&was.behaviour.version, &after.behaviour.version);
        let shown = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
        let (kind, what) = match () {
            () if old != new && after.is_version_recorded => {
                (Kind::Update, format!("updated, version {} -> {}", shown(old), shown(new)))
            }
            () if old != new => {
                let words = format!("changed, version {} -> {} by its own word", shown(old), shown(new));
                (Kind::Update, words)
            }
            () => (Kind::Drift, "changed without a new version".to_owned()),
        };
        let mut event = self.made(kind, Some(was), after, what);
        event.files = Files::between(was, after);
        event.lines = lines(&difference);
        Some(event)
    }

    /// Of many in a first run, only what decides about each is told.
    fn appeared(&self, before: Option<&Skill>, after: &Skill) -> Event {
        let mut what = "new".to_owned();
        let mut lines = introduced(&after.behaviour);
        if self.is_first && before.is_none() {
            what = deciding(after).join(", ");
            lines.clear();
        }
        if let Some((was, run)) = before.and_then(|was| Some((was, was.removed?))) {
            let how = if was.content == after.content { "as it was" } else { "with other files" };
            what = format!("back {how}, was gone since run {run}");
            if was.content != after.content {
                lines = self::lines(&Difference::between(&was.behaviour, &after.behaviour));
            }
        }
        Event { lines, ..self.made(Kind::New, None, after, what) }
    }

    fn removed(&self, was: &Skill, lines: Vec<String>) -> Event {
        let event = self.made(Kind::Removed, Some(was), was, "removed".to_owned());
        let verdicts = (event.verdicts.0, None);
        Event { verdicts, versions: (event.versions.0, None), lines, ..event }
    }

    /// What changed about a skill whose files did not.
    fn same_files(&self, was: &Skill, after: &Skill, difference: &Difference) -> Option<Event> {
        let weighs = |mark: &Mark| mark.verdict != Verdict::Pass.name();
        let (old, new) = (was.verdict(), after.verdict());
        let is_more = new > old
            || difference.gaps > 0
            || difference.gained.findings.iter().any(weighs)
            || difference.raised.iter().any(|(_, mark)| weighs(mark));
        let is_less = new < old || difference.lost.findings.iter().any(weighs);
        let why = if self.is_same_rules { "its records or its place changed" } else { "rules or choices changed" };
        let (kind, what) = match (is_more, is_less) {
            (true, _) => (Kind::Found, format!("same files, more found: {why}")),
            (false, true) => (Kind::Resolved, format!("same files, less found: {why}")),
            (false, false) => return None,
        };
        let mut told = difference.clone();
        // Abilities and hosts that other rules see in the same files are no news.
        for share in [&mut told.gained, &mut told.lost] {
            share.findings.retain(weighs);
            *share = crate::diff::Share { findings: std::mem::take(&mut share.findings), ..Default::default() };
        }
        Some(Event { lines: lines(&told), ..self.made(kind, Some(was), after, what) })
    }

    fn made(&self, kind: Kind, before: Option<&Skill>, after: &Skill, what: String) -> Event {
        let (old, new) = (before.map(|was| &was.behaviour), &after.behaviour);
        Event {
            run: self.number,
            at: self.at.clone(),
            kind,
            root: after.root.clone(),
            path: after.path.clone(),
            name: new.name.clone(),
            versions: (old.and_then(|old| old.version.clone()), new.version.clone()),
            verdicts: (old.map(|old| old.verdict.clone()), Some(new.verdict.clone())),
            what,
            files: Files::default(),
            lines: Vec::new(),
        }
    }

    /// Says since when a skill is there, and is as it is.
    fn date(&self, before: Option<&Skill>, skill: &mut Skill, is_told: bool) {
        let before = before.filter(|before| before.removed.is_none());
        let (first, first_at) = before.map_or((self.number, self.at.clone()), |was| (was.first, was.first_at.clone()));
        (skill.first, skill.first_at) = (first, first_at);
        (skill.changed, skill.changed_at) = match before {
            Some(was) if !is_told => (was.changed, was.changed_at.clone()),
            _ => (self.number, self.at.clone()),
        };
    }
}

/// How a skill differs, without the headline and what the event says itself.
fn lines(difference: &Difference) -> Vec<String> {
    let is_told = |line: &&String| !line.starts_with("  the files");
    difference.lines().iter().skip(1).filter(is_told).map(|line| line.trim_start().to_owned()).collect()
}

/// What a skill is that nobody saw before.
fn introduced(behaviour: &Behaviour) -> Vec<String> {
    let weighs = |mark: &&Mark| mark.verdict != Verdict::Pass.name();
    let mut marks: Vec<&Mark> = behaviour.findings.iter().filter(weighs).collect();
    marks.sort_by_key(|mark| (std::cmp::Reverse(crate::state::record::verdict(&mark.verdict)), mark.place.clone()));
    let told = |mark: &&Mark| {
        let (path, line) = &mark.place;
        escape::line(&format!("+ {}: {} ({path}:{line}, {})", mark.rule, mark.message, mark.verdict))
    };
    let mut lines: Vec<String> = marks.iter().take(SHOWN).map(told).collect();
    if marks.len() > SHOWN {
        lines.push(format!("+ and {} more findings", marks.len() - SHOWN));
    }
    let mut listed = |word: &str, names: Vec<String>| {
        let more = names.len().saturating_sub(SHOWN);
        let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.extend((!shown.is_empty()).then(|| escape::line(&format!("+ {word} {shown}{more}"))));
    };
    listed("can", behaviour.capabilities.keys().map(|name| name.replace('-', " ")).collect());
    listed("names the hosts", behaviour.hosts.iter().cloned().collect());
    listed("installs", behaviour.installs.iter().cloned().collect());
    if behaviour.gaps > 0 {
        lines.push(format!("+ {} parts were not looked at", behaviour.gaps));
    }
    lines
}

/// Which answers turned, and which failed checks are known.
fn audited(
    before: &BTreeMap<(String, String), Answer>,
    now: &BTreeMap<(String, String), Answer>,
) -> (Vec<Turned>, Vec<Answer>) {
    let is_fine = |status: &str| matches!(status, "pass" | "n/a");
    let (mut turned, mut failing) = (Vec::new(), Vec::new());
    for (key, answer) in now {
        let was = before.get(key).map(|was| was.status.clone());
        match &was {
            Some(was) if *was == answer.status => {
                failing.extend((answer.status == "fail").then(|| answer.clone()));
            }
            // What passes and was never asked is no news, nor is what could not be looked at.
            None if is_fine(&answer.status) || answer.status == "unknown" => {}
            Some(was) if is_fine(was) && is_fine(&answer.status) => {}
            _ => turned.push(Turned { before: was, answer: answer.clone(), is_gone: false }),
        }
    }
    let gone = before.iter().filter(|(key, was)| !now.contains_key(*key) && matches!(&*was.status, "fail" | "warn"));
    turned.extend(gone.map(|(_, was)| Turned { before: Some(was.status.clone()), answer: was.clone(), is_gone: true }));
    (turned, failing)
}
