//! The report for people: a line a package with the reasons that decided,
//! then the places, what they mean and what to do. The worst stands last,
//! where the eye is when the scan ends.

use std::io::{self, Write};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use super::{PackageReport, Report, ReportedFinding, escape};
use crate::finding::Role;
use crate::policy::Verdict;

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// A line for each package that is not passed or for review, and the summary.
    Quiet,
    /// Places for what is flagged, a line for the rest.
    Normal,
    /// Places for everything, passes listed.
    Verbose,
}

/// How to render.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How much to say.
    pub detail: Detail,
    /// Columns.
    pub width: usize,
}

/// Findings shown with their places for one package, unless verbose.
const SHOWN: usize = 5;

fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Review => AnsiColor::Cyan,
        Verdict::Incomplete => AnsiColor::Magenta,
        Verdict::Warn => AnsiColor::Yellow,
        Verdict::Malicious => AnsiColor::Red,
    };
    colour.on_default().bold()
}

/// Writes the report, styled; the stream drops styles where they do not belong.
///
/// # Errors
/// If writing fails.
pub fn render(report: &Report, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let mut packages: Vec<&PackageReport> = report.packages.iter().collect();
    packages.sort_by_key(|package| package.verdict);
    for package in packages {
        let is_shown = match options.detail {
            Detail::Quiet => package.verdict >= Verdict::Incomplete,
            Detail::Normal => package.verdict >= Verdict::Review,
            Detail::Verbose => true,
        };
        if !is_shown {
            continue;
        }
        headline(package, options.width, out)?;
        let has_places = match options.detail {
            Detail::Quiet => false,
            Detail::Normal => package.verdict >= Verdict::Incomplete,
            Detail::Verbose => true,
        };
        if has_places {
            places(package, options, out)?;
        }
    }
    summary(report, options, out)
}

fn headline(package: &PackageReport, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let style = style(package.verdict);
    let name = escape::line(&package.path);
    let mut rules: Vec<&str> = Vec::new();
    for finding in package.findings.iter().filter(|f| f.verdict >= Verdict::Review && f.verdict == package.verdict || f.verdict >= Verdict::Warn) {
        if !rules.contains(&finding.rule.as_str()) {
            rules.push(finding.rule.as_str());
        }
    }
    let mut reasons = rules.join(", ");
    if package.verdict == Verdict::Incomplete {
        reasons = package.gaps.first().map(|gap| format!("not all was looked at: {}", escape::line(&gap.why))).unwrap_or_default();
    }
    let verdict = format!("{:>10}", package.verdict.name());
    let line = if reasons.is_empty() { name } else { format!("{name}  {reasons}") };
    writeln!(out, "{style}{verdict}{style:#}  {}", escape::fitted(&line, width.saturating_sub(12)))
}

fn places(package: &PackageReport, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let least = if options.detail == Detail::Verbose { Verdict::Pass } else { Verdict::Warn };
    let worth: Vec<&ReportedFinding> = package.findings.iter().filter(|finding| finding.verdict >= least).collect();
    let limit = if options.detail == Detail::Verbose { worth.len() } else { SHOWN };
    writeln!(out)?;
    for finding in worth.iter().take(limit) {
        writeln!(out, "{}\n", annotated(finding, options.width))?;
    }
    if worth.len() > limit {
        writeln!(out, "  and {} more findings; -v shows them\n", worth.len() - limit)?;
    }
    for gap in &package.gaps {
        wrapped("not looked at: ", &format!("{}: {} ({})", escape::line(&gap.path), escape::line(&gap.why), gap.kind.name()), options.width, out)?;
    }
    if !package.gaps.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

/// A finding as an annotated piece of the file.
fn annotated(finding: &ReportedFinding, width: usize) -> String {
    let level = match finding.verdict {
        Verdict::Malicious => Level::ERROR,
        Verdict::Warn => Level::WARNING,
        Verdict::Review => Level::NOTE.with_name("review"),
        Verdict::Pass | Verdict::Incomplete => Level::NOTE,
    };
    let primary = &finding.locations[0];
    let mut group = Group::with_title(level.primary_title(finding.message.as_str()).id(finding.rule.as_str()));
    let mut notes: Vec<String> = Vec::new();
    let mut shown = vec![primary];
    shown.extend(finding.locations.iter().skip(1).filter(|place| place.role != Role::Primary).take(3));
    for (index, place) in shown.iter().enumerate() {
        let (source, to) = escape::source(&place.source);
        let at = |offset: usize| to.get(offset).copied().unwrap_or(source.len());
        let (start, end) = (at(place.source_range.start), at(place.source_range.end));
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let snippet = Snippet::source(source)
            .line_start(place.source_line)
            .path(escape::line(&place.path))
            .annotation(kind.span(start..end.max(start)).label(escape::line(&place.note)));
        group = group.element(snippet);
    }
    let decoded: Vec<&str> = primary.trail.iter().map(|layer| layer.op).filter(|op| !matches!(*op, "code-block" | "inline-code" | "prose")).collect();
    if !decoded.is_empty() {
        let text = escape::fitted(&escape::defanged(&escape::line(primary.snippet.trim())), width.saturating_sub(20));
        notes.push(format!("through {}: {text}", decoded.join(", ")));
    }
    notes.push(format!("severity {}, confidence {}{}", finding.effective.name(), finding.confidence.name(), lowered(finding)));
    for note in notes {
        group = group.element(Level::NOTE.message(note));
    }
    group = group.element(Level::HELP.message(finding.fix.as_str()));
    Renderer::styled().decor_style(DecorStyle::Ascii).term_width(width).render(&[group])
}

fn lowered(finding: &ReportedFinding) -> String {
    if finding.context.is_empty() {
        return String::new();
    }
    let why: Vec<String> = finding.context.iter().map(|context| context.why.clone()).collect();
    format!(" (lowered from {}: {})", finding.severity.name(), why.join("; "))
}

fn summary(report: &Report, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let counts = report.counts();
    let files: usize = report.packages.iter().map(|package| package.files).sum();
    let gaps: usize = report.packages.iter().map(|package| package.gaps.len()).sum();
    let parts: Vec<String> = [Verdict::Malicious, Verdict::Warn, Verdict::Incomplete, Verdict::Review, Verdict::Pass]
        .into_iter()
        .filter_map(|verdict| {
            let count = counts.get(&verdict)?;
            let style = style(verdict);
            Some(format!("{style}{count} {}{style:#}", verdict.name()))
        })
        .collect();
    let packages = report.packages.len();
    writeln!(out, "\n{packages} {}, {files} {}: {}", plural(packages, "package"), plural(files, "file"), parts.join(", "))?;
    if gaps > 0 {
        writeln!(out, "{gaps} {} not looked at; see above or --format json", if gaps == 1 { "part was" } else { "parts were" })?;
    }
    writeln!(out, "{} rules, indicators of {}", report.rules, report.data_date)?;
    if let Some(advice) = advice(report, options) {
        writeln!(out, "{advice}")?;
    }
    Ok(())
}

/// What to do next.
fn advice(report: &Report, options: Options) -> Option<&'static str> {
    let worst = report.packages.iter().map(|package| package.verdict).max()?;
    Some(match worst {
        Verdict::Malicious => "Remove the malicious skills. If one ran, change every key this machine holds.",
        Verdict::Warn => "Do not use what is marked `warn` before you have read it.",
        Verdict::Incomplete => "What is marked `incomplete` was not seen whole: do not take it for clean.",
        Verdict::Review if options.detail < Detail::Verbose => "Nothing is flagged. -v shows what is worth reading.",
        Verdict::Review | Verdict::Pass => "Nothing is flagged. That means no listed mechanism was found, not that it is safe.",
    })
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn wrapped(lead: &str, text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut line = format!("  {lead}");
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() >= width && !line.trim().is_empty() {
            writeln!(out, "{}", line.trim_end())?;
            line = " ".repeat(4);
        }
        line.push_str(word);
        line.push(' ');
    }
    writeln!(out, "{}", line.trim_end())
}
