//! The report for people: a line a package with the reasons that decided,
//! then the places, what they mean and what to do. The worst stands last,
//! where the eye is when the scan ends.

use std::collections::BTreeMap;
use std::io::{self, Write};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Location, PackageReport, Report, ReportedFinding, Tally, escape};
use crate::finding::Role;
use crate::place::{Place, Places};
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

impl Detail {
    /// Whether packages of this verdict are listed.
    pub fn shows(self, verdict: Verdict) -> bool {
        match self {
            Self::Quiet => verdict >= Verdict::Incomplete,
            Self::Normal => verdict >= Verdict::Review,
            Self::Verbose => true,
        }
    }

    /// Counts a package and keeps what is shown of it, no more: all that are shown wait for the last one.
    pub fn keep(self, report: &mut Report, package: PackageReport) {
        report.count(&package);
        if !self.shows(package.verdict) {
            return;
        }
        let mut package = PackageReport {
            capabilities: BTreeMap::new(),
            hosts: Vec::new(),
            installs: Vec::new(),
            contents: Vec::new(),
            ..package
        };
        if self < Self::Verbose {
            package.suppressed = Vec::new();
            package.findings.retain(|finding| finding.verdict >= Verdict::Review);
            package.findings.shrink_to_fit();
            let named = package.findings.iter_mut().filter(|finding| finding.verdict < Verdict::Warn);
            named.for_each(|finding| finding.locations = Vec::new());
        }
        report.packages.push(package);
    }
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

pub(crate) fn style(verdict: Verdict) -> Style {
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
    packages(report, options, out)?;
    summary(report, options, out)
}

/// Writes what each package came to, without what all came to together.
///
/// # Errors
/// If writing fails.
pub fn packages(report: &Report, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let mut packages: Vec<&PackageReport> = report.packages.iter().collect();
    packages.sort_by_key(|package| package.verdict);
    let has_one_root = packages.windows(2).all(|pair| pair[0].root == pair[1].root);
    // Whether a blank line stands above what comes next.
    let mut ends_blank = true;
    for package in packages {
        if !options.detail.shows(package.verdict) {
            continue;
        }
        headline(package, has_one_root, options.width, out)?;
        let has_places = match options.detail {
            Detail::Quiet => false,
            Detail::Normal => package.verdict >= Verdict::Incomplete,
            Detail::Verbose => true,
        };
        if has_places {
            evidence(package, options, out)?;
        }
        ends_blank = has_places;
    }
    if !ends_blank {
        writeln!(out)?;
    }
    Ok(())
}

/// Writes where skills were looked for, in the order in which one hides another.
///
/// # Errors
/// If writing fails.
pub fn places(places: &Places, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let named = |place: &Place| {
        let agent = place.agent.as_ref().map(|agent| format!(", agent {agent}")).unwrap_or_default();
        escape::line(&format!("{}. {}{agent}", place.precedence, place.source.tag()))
    };
    let columns = places.found.iter().map(|place| named(place).width()).max().unwrap_or(0).min(width / 2);
    for place in &places.found {
        let root = escape::line(&place.root.display().to_string());
        writeln!(out, "{}", escape::fitted(&format!("{:<columns$}  {root}", named(place)), width))?;
    }
    for complaint in &places.complaints {
        writeln!(out, "{}", escape::wrapped(&format!("note: {}", escape::line(complaint)), width))?;
    }
    writeln!(out)
}

/// Writes one line on a package.
///
/// # Errors
/// If writing fails.
pub fn headline(package: &PackageReport, has_one_root: bool, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let style = style(package.verdict);
    let name = match package.path.as_str() {
        "." => package.root.clone(),
        path if has_one_root => path.to_owned(),
        path => format!("{}/{path}", package.root.trim_end_matches('/')),
    };
    let name = escape::line(&name);
    let mut rules: Vec<&str> = Vec::new();
    for finding in package
        .findings
        .iter()
        .filter(|f| f.verdict >= Verdict::Review && f.verdict == package.verdict || f.verdict >= Verdict::Warn)
    {
        if !rules.contains(&finding.rule.as_str()) {
            rules.push(finding.rule.as_str());
        }
    }
    let mut reasons = rules.join(", ");
    if package.verdict == Verdict::Incomplete {
        reasons = package
            .gaps
            .first()
            .map(|gap| format!("not all was looked at: {}", escape::line(&gap.why)))
            .unwrap_or_default();
    }
    let verdict = format!("{:>10}", package.verdict.name());
    let line = if reasons.is_empty() { name } else { format!("{name}  {reasons}") };
    writeln!(out, "{style}{verdict}{style:#}  {}", escape::fitted(&line, width.saturating_sub(12)))
}

fn evidence(package: &PackageReport, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let least = if options.detail == Detail::Verbose { Verdict::Pass } else { Verdict::Warn };
    let worth: Vec<&ReportedFinding> = package.findings.iter().filter(|finding| finding.verdict >= least).collect();
    let limit = if options.detail == Detail::Verbose { worth.len() } else { SHOWN };
    writeln!(out)?;
    for finding in worth.iter().take(limit) {
        writeln!(out, "{}\n", annotated(finding, options.width))?;
    }
    if worth.len() > limit {
        let more = worth.len() - limit;
        writeln!(out, "  and {more} more {}; -v shows them\n", plural(more, "finding"))?;
    }
    let suppressed = package.suppressed.iter().filter(|_| options.detail == Detail::Verbose);
    let mut ends_blank = true;
    for one in suppressed {
        let suppression = &one.suppression;
        let until = suppression.expires.map(|day| format!(", until {day}")).unwrap_or_default();
        let text = format!("suppressed: {}: {}{until}", one.finding.rule, escape::line(&suppression.reason));
        for line in escape::wrapped(&text, options.width - 4).lines() {
            writeln!(out, "  {line}")?;
        }
        ends_blank = false;
    }
    if !ends_blank {
        writeln!(out)?;
    }
    for gap in &package.gaps {
        let text =
            format!("not looked at: {}: {} ({})", escape::line(&gap.path), escape::line(&gap.why), gap.kind.name());
        for line in escape::wrapped(&text, options.width - 4).lines() {
            writeln!(out, "  {line}")?;
        }
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
    // The renderer prints `level[rule]: ` before the title and indents what follows it.
    let title_width = width.saturating_sub(finding.rule.as_str().len() + 12).max(30);
    let title = escape::wrapped(&finding.message, title_width);
    let mut group = Group::with_title(level.primary_title(title).id(finding.rule.as_str()));
    /// Places of one finding that are shown: all steps of a flow.
    const PLACES: usize = 18;
    let mut notes: Vec<String> = Vec::new();
    let mut columns: Vec<(String, String)> = Vec::new();
    let mut shown = vec![&finding.locations[0]];
    shown.extend(finding.locations.iter().skip(1).filter(|place| place.role != Role::Primary).take(PLACES));
    // Numbers of lines are as wide as the widest; what spans lines moves all of them.
    let digits = shown.iter().map(|place| place.end_line.to_string().len()).max().unwrap_or(1);
    let gutter = digits + 5;
    for (index, place) in shown.into_iter().enumerate() {
        let window = Window::new(place, width.saturating_sub(gutter));
        let first = &finding.locations[0];
        if index > 0
            && place.path == first.path
            && (first.line..=first.end_line.min(first.line + 7)).contains(&place.line)
        {
            // Its line is on the screen already.
            notes.push(format!("column {}: {note}", place.column, note = escape::line(&place.note)));
            continue;
        }
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let mut annotation = kind.span(window.range.clone());
        let note = escape::line(&place.note);
        if window.end_column + note.width() < width.saturating_sub(gutter) {
            annotation = annotation.label(note);
        } else if !note.is_empty() {
            notes.push(note);
        }
        let path = escape::fitted(&escape::line(&place.shown_path), width.saturating_sub(24));
        let column =
            window.text.get(..window.range.start).map_or(0, |t| t.rsplit('\n').next().unwrap_or("").chars().count())
                + 1;
        if column != place.column {
            columns
                .push((format!("{path}:{}:{column}", place.line), format!("{path}:{}:{}", place.line, place.column)));
        }
        group =
            group.element(Snippet::source(window.text).line_start(place.source_line).path(path).annotation(annotation));
    }
    let primary = &finding.locations[0];
    let decoded: Vec<&str> = primary
        .trail
        .iter()
        .map(|layer| layer.op)
        .filter(|op| !matches!(*op, "code-block" | "inline-code" | "prose"))
        .collect();
    if !decoded.is_empty() {
        let text = escape::fitted(&escape::defanged(&escape::line(primary.snippet.trim())), 2 * width);
        notes.push(format!("through {}: {text}", decoded.join(", ")));
    }
    notes.push(format!(
        "severity {}, confidence {}{}",
        finding.effective.name(),
        finding.confidence.name(),
        lowered(finding)
    ));
    for note in notes {
        group = group.element(Level::NOTE.message(escape::wrapped(&note, width.saturating_sub(16))));
    }
    group = group.element(Level::HELP.message(escape::wrapped(&finding.fix, width.saturating_sub(16))));
    let mut rendered = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(4 * width).render(&[group]);
    // The renderer counts columns of what it shows; people want those of the file.
    for (shown, real) in columns {
        rendered = rendered.replacen(&shown, &real, 1);
    }
    rendered.lines().map(without_colons).collect::<Vec<_>>().join("\n")
}

/// The renderer leads to further places with `:::`, which CI systems could take for a command of theirs.
fn without_colons(line: &str) -> String {
    match line.split_once("::: ") {
        Some((before, after))
            if before.chars().all(|c| c.is_whitespace() || c.is_ascii_digit() || "\u{1b}[;m".contains(c)) =>
        {
            format!("{before}--> {after}")
        }
        _ => line.to_owned(),
    }
}

/// The lines around a place, cut to the columns there are.
struct Window {
    text: String,
    range: std::ops::Range<usize>,
    end_column: usize,
}

/// Columns kept before a place that lies far to the right.
const LEAD: usize = 16;

impl Window {
    fn new(place: &Location, columns: usize) -> Self {
        let (source, to) = escape::source(&place.source);
        // As long as before, so that offsets stay.
        let source = escape::defanged(&source);
        let at = |offset: usize| to.get(offset).copied().unwrap_or(source.len());
        let (start, end) = (at(place.source_range.start), at(place.source_range.end));
        let mut window = Self { text: String::new(), range: 0..0, end_column: 0 };
        let mut line_start = 0;
        for line in source.split_inclusive('\n') {
            let content = line.trim_end_matches('\n');
            let inside = |offset: usize| offset.saturating_sub(line_start).min(content.len());
            let (from, until) = (inside(start), inside(end));
            let skip = if content.width() <= columns {
                0
            } else {
                column_to_offset(content, content.get(..from).map_or(0, |t| t.width()).saturating_sub(LEAD))
            };
            let lead = if skip > 0 { "…" } else { "" };
            let rest = content.get(skip..).unwrap_or("");
            let cut = escape::fitted(rest, columns.saturating_sub(lead.width()));
            let base = window.text.len() + lead.len();
            let place_in = |offset: usize| base + offset.saturating_sub(skip).min(cut.len());
            if (line_start..=line_start + content.len()).contains(&start) {
                window.range.start = place_in(from);
            }
            if end > line_start {
                window.range.end = place_in(until);
                window.end_column =
                    lead.width() + cut.get(..until.saturating_sub(skip).min(cut.len())).map_or(columns, |t| t.width());
            }
            window.text.push_str(lead);
            window.text.push_str(&cut);
            window.text.push('\n');
            line_start += line.len();
        }
        while !window.text.is_char_boundary(window.range.end) {
            window.range.end += 1;
        }
        window.range.end = window.range.end.max(window.range.start);
        window
    }
}

/// Byte offset of a column.
fn column_to_offset(text: &str, column: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        if used >= column {
            return at;
        }
        used += c.width().unwrap_or(0);
    }
    text.len()
}

fn lowered(finding: &ReportedFinding) -> String {
    if finding.context.is_empty() {
        return String::new();
    }
    let why: Vec<String> = finding.context.iter().map(|context| escape::line(&context.why)).collect();
    format!(" (lowered from {}: {})", finding.severity.name(), why.join("; "))
}

fn summary(report: &Report, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let Tally { verdicts, packages, files, gaps, suppressed, complaints: _ } = report.tally.clone();
    let parts: Vec<String> = [Verdict::Malicious, Verdict::Warn, Verdict::Incomplete, Verdict::Review, Verdict::Pass]
        .into_iter()
        .filter_map(|verdict| {
            let count = verdicts.get(&verdict)?;
            let style = style(verdict);
            Some(format!("{style}{count} {}{style:#}", verdict.name()))
        })
        .collect();
    writeln!(
        out,
        "{packages} {}, {files} {}: {}",
        plural(packages, "package"),
        plural(files, "file"),
        parts.join(", ")
    )?;
    if gaps > 0 {
        writeln!(
            out,
            "{gaps} {} not looked at; see above or --format json",
            if gaps == 1 { "part was" } else { "parts were" }
        )?;
    }
    if suppressed > 0 {
        let are = if suppressed == 1 { "finding is" } else { "findings are" };
        writeln!(out, "{suppressed} {are} suppressed by your choices; -v or --format json shows them")?;
    }
    writeln!(out, "{} rules, indicators of {}", report.rules, report.data_date)?;
    if let Some(advice) = advice(report, options) {
        writeln!(out, "{advice}")?;
    }
    Ok(())
}

/// What to do next.
fn advice(report: &Report, options: Options) -> Option<&'static str> {
    let worst = *report.tally.verdicts.keys().next_back()?;
    Some(match worst {
        Verdict::Malicious => "Remove the malicious skills. If one ran, change every key this machine holds.",
        Verdict::Warn => "Do not use what is marked `warn` before you have read it.",
        Verdict::Incomplete => "What is marked `incomplete` was not seen whole: do not take it for clean.",
        Verdict::Review if options.detail < Detail::Verbose => "Nothing is flagged. -v shows what is worth reading.",
        Verdict::Review | Verdict::Pass => {
            "Nothing is flagged: no listed mechanism was found, which is not proof of safety."
        }
    })
}

pub(crate) fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
