//! Skills that the installations load: where they lie, and with `--scan` what they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::finding::Severity;
use crate::place::{self, Environment};
use crate::report::PackageReport;
use crate::{Verdict, sandbox};

use super::super::check::{Answer, Evidence, Missing};
use super::super::host::{Host, Unread, quoted};
use super::super::openclaw::Installation;
use super::super::run::Context;

/// Places that skills of an installation are loaded from, as the host names them, the one that wins first.
pub(super) fn roots(host: &Host, installation: &Installation) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (workspace, _) in installation.workspaces(host) {
        found.extend([workspace.join("skills"), workspace.join(".agents/skills")]);
    }
    found.extend([installation.user.home.join(".agents/skills"), installation.state.join("skills")]);
    let agents = host.list(installation.state.join("agents")).unwrap_or_default();
    found.extend(agents.into_iter().map(|agent| agent.path.join("agent/workshop-skills")));
    if let Some(config) = installation.config() {
        let extra = config.items("skills.load.extraDirs").iter().filter_map(|item| item.as_str());
        let home = Some(installation.user.home.as_path());
        found.extend(extra.map(|text| place::normal(&installation.state.join(place::tilde(text, home)))));
    }
    let mut seen = BTreeSet::new();
    found.retain(|root| host.walk(root).is_ok_and(|walk| seen.insert(walk.real)) && host.is_dir(root));
    found
}

/// Every place, with those of plugins and of OpenClaw itself where this machine is looked at.
fn all(context: &Context, installations: &[Installation]) -> (Vec<PathBuf>, Vec<String>) {
    let host = &context.host;
    let mut found: Vec<PathBuf> = installations.iter().flat_map(|installation| roots(host, installation)).collect();
    let mut complaints = Vec::new();
    let is_here = host.is_live() && host.root() == Path::new("/");
    for installation in installations.iter().filter(|_| is_here) {
        let mut environment = Environment::of_process();
        if installation.user.uid != host.uid() {
            environment.variables.clear();
        }
        environment.home = Some(installation.user.home.clone());
        environment.current_dir.clone_from(&installation.user.home);
        let places = place::places(&environment);
        complaints.extend(places.complaints);
        found.extend(places.found.into_iter().map(|place| place.root));
    }
    let mut seen = BTreeSet::new();
    found.retain(|root| host.walk(root).is_ok_and(|walk| seen.insert(walk.real)));
    complaints.sort();
    complaints.dedup();
    (found, complaints)
}

/// `L5.scan`.
pub(super) fn check(context: &Context) -> Vec<Answer> {
    let installations = match context.installations() {
        Ok(found) => found,
        Err(why) => return vec![why.answer("skills", "where skills are loaded from")],
    };
    let (roots, complaints) = all(context, installations);
    if roots.is_empty() && complaints.is_empty() {
        return vec![Answer::not_applicable("skills", "there is no place that skills are loaded from")];
    }
    let Some(scanner) = &context.options.scan else {
        let message = format!("skills in {} places were not scanned", roots.len());
        return vec![Answer::unknown(Missing::Asked, "skills", message).command("skillscan audit --scan")];
    };
    let mut answers: Vec<Answer> = complaints
        .into_iter()
        .map(|why| Unread::Other(why).answer("skills", "a place that skills are loaded from"))
        .collect();
    let mut scanned = 0;
    for root in roots {
        let Ok(real) = context.host.walk(&root).map(|walk| walk.real) else { continue };
        match scanner.discover(&context.host.outside(&real)) {
            Ok(discovered) => {
                let roots = [discovered];
                let mut each = |report: PackageReport| {
                    scanned += 1;
                    answers.extend(skill(&root, &report));
                };
                if let Err(why) = sandbox::confined(&roots, None, || scanner.run(&roots, &(), &mut each)) {
                    answers.push(Unread::Other(why.to_string()).answer(root.display().to_string(), "the skills in it"));
                }
            }
            // A place without a file holds no skill.
            Err(crate::Error::Empty { .. }) => {}
            Err(why) => {
                let unread = Unread::Other(why.to_string());
                answers.push(unread.answer(root.display().to_string(), "the skills in it"));
            }
        }
    }
    if answers.is_empty() {
        answers.push(Answer::pass("skills", format!("{scanned} skills were scanned, and none is flagged")));
    }
    answers
}

fn skill(root: &Path, report: &PackageReport) -> Option<Answer> {
    let path = if report.path == "." { root.to_owned() } else { root.join(&report.path) };
    let subject = path.display().to_string();
    let rules: Vec<&str> = report.findings.iter().take(4).map(|finding| finding.rule.as_str()).collect();
    let message = format!("the skill is {}: {}", report.verdict.name(), rules.join(", "));
    let answer = match report.verdict {
        Verdict::Malicious => Answer::fail(Severity::Critical, subject, message),
        Verdict::Warn => Answer::fail(Severity::High, subject, message),
        Verdict::Incomplete => {
            Unread::Other("parts of it could not be read".to_owned()).answer(subject, "the whole skill")
        }
        Verdict::Pass | Verdict::Review => return None,
    };
    let places = report.findings.iter().take(4).filter_map(|finding| Some((finding, finding.locations.first()?)));
    let evidence = places.map(|(finding, place)| {
        Evidence::path(path.join(&place.path)).line(Some(place.line)).note(finding.rule.as_str())
    });
    let answer = answer.all_evidence(evidence.collect::<Vec<_>>());
    let command = format!("skillscan -v {}", quoted(&path));
    Some(answer.fix("remove the skill; if it ran, change every key that this machine holds").command(command))
}
