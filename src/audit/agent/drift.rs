//! What has changed since a baseline was saved. A change is a question, not a verdict: agents are invited to edit some
//! of these files themselves.

use crate::finding::Severity;

use super::super::baseline::{Baseline, Group};
use super::super::check::{Answer, Evidence, Missing};
use super::super::host::Unread;
use super::super::run::Context;

/// Most changes that are named of one kind.
const NAMED: usize = 20;

/// `L5.drift`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    match context.installations() {
        Err(why) => return vec![why.answer("OpenClaw", "what has changed")],
        Ok([]) => return vec![Answer::not_applicable("OpenClaw", "no installation was found")],
        Ok(_) => {}
    }
    let Some(baseline) = &context.options.baseline else {
        let message = "no baseline was saved, so a change cannot be told";
        return vec![Answer::unknown(Missing::Asked, "baseline", message).command("skillscan audit --save-baseline")];
    };
    let now = match Baseline::capture(context, &baseline.salt) {
        Ok(now) => now,
        Err(why) => return vec![why.answer("baseline", "what has changed")],
    };
    let known = format!("the baseline of {} (sha256 {})", baseline.made, baseline.digest.get(..16).unwrap_or_default());
    let changes = baseline.changes(&now);
    let closed: Vec<&str> = baseline.uncompared(&now).collect();
    let closed = (!closed.is_empty()).then(|| {
        let what = format!("what changed in {} things", closed.len());
        let answer = Unread::Other("too large, or not readable".to_owned()).answer("baseline: not compared", &what);
        answer.all_evidence(closed.into_iter().take(NAMED).map(Evidence::path))
    });
    if changes.is_empty() {
        let pass = || Answer::pass("baseline", format!("{} things are as in {known}", now.items.len()));
        return vec![closed.unwrap_or_else(pass)];
    }
    let groups = [
        (Group::Start, Severity::High, "what runs by itself or lets someone in"),
        (Group::Code, Severity::Medium, "skills, plugins or hooks"),
        (Group::Text, Severity::Medium, "what the agent is told"),
        (Group::Setting, Severity::Medium, "settings"),
    ];
    let answers = groups.into_iter().filter_map(|(group, severity, what)| {
        let of_group: Vec<_> = changes.iter().filter(|change| change.group == group).collect();
        let count = of_group.len();
        let evidence = of_group.into_iter().take(NAMED).map(|change| {
            // A setting is named by its file and its key.
            let (path, key) = change.name.split_once(": ").map_or((change.name.as_str(), None), |(f, k)| (f, Some(k)));
            let evidence = Evidence::path(path).note(change.what.clone());
            match key {
                Some(key) => evidence.key(key),
                None => evidence,
            }
        });
        let message = format!("{what} changed in {count} places since {known}");
        (count > 0).then(|| {
            Answer::warn(severity, format!("baseline: {what}"), message).all_evidence(evidence.collect::<Vec<_>>())
        })
    });
    let fix = "look at each change; if all of them are yours, save a new baseline and note its digest elsewhere";
    answers.map(|answer| answer.fix(fix).command("skillscan audit --save-baseline")).chain(closed).collect()
}
