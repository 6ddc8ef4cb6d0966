//! `skillscan rules`: what the tool looks for.

use std::io::Write;

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use super::Exit;
use crate::Ruleset;
use crate::audit::{CheckId, Document};
use crate::report::{escape, terminal::plural};
use crate::rule::RuleId;
use crate::ruleset::Pack;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Also show the rules of this directory; may be repeated
    #[arg(long, value_name = "DIR", global = true)]
    rules: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One line for each rule and check
    List,
    /// Everything about one rule or check
    Explain {
        /// Such as exec/encoded-shell or L4.bind-live
        id: String,
    },
    /// Check a directory of your own rules, and say what is wrong where
    Check {
        /// The directory, laid out like the built-in rules: rules/, lexicons/, lists/
        dir: PathBuf,
    },
}

/// The built-in rules with those of these directories.
pub fn load(packs: &[PathBuf]) -> anyhow::Result<Ruleset> {
    if packs.is_empty() {
        return Ok(Ruleset::builtin()?);
    }
    let packs = packs.iter().map(|dir| Pack::read(dir)).collect::<Result<Vec<_>, _>>()?;
    Ok(Ruleset::with_packs(&packs)?)
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let rules = load(&args.rules)?;
    let mut out = super::stdout();
    match &args.command {
        Command::List => {
            let mut table = Table::new();
            table
                .load_style(presets::NOTHING)
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(super::width() as u16);
            table.set_header(["rule", "severity", "confidence", "finds"]);
            if let Some(id) = table.column_mut(0) {
                id.set_constraint(ColumnConstraint::ContentWidth);
            }
            for rule in rules.iter() {
                table.add_row([
                    rule.id.as_str(),
                    rule.meta.severity.name(),
                    rule.meta.confidence.name(),
                    &rule.meta.title,
                ]);
            }
            for document in Document::all().map_err(anyhow::Error::msg)? {
                let meta = &document.meta;
                table.add_row([document.id.as_str(), meta.severity.name(), meta.layer.name(), &meta.title]);
            }
            for line in table.lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        Command::Check { dir } => {
            let pack = Pack::read(dir)?;
            let count = pack.rules().count();
            if let Err(errors) = Ruleset::with_packs(std::slice::from_ref(&pack)) {
                for error in &errors.0 {
                    writeln!(out, "{}\n", escape::source(&error.to_string()).0)?;
                }
                out.flush()?;
                let (count, dir) = (errors.0.len(), escape::line(&dir.display().to_string()));
                bail!("{count} {} in {dir}: see above", plural(count, "error"));
            }
            writeln!(out, "{count} {}, nothing wrong", plural(count, "rule"))?;
        }
        Command::Explain { id } if CheckId::new(id).is_some() => explain_check(id, &mut out)?,
        Command::Explain { id } => {
            let Some(rule) = RuleId::new(id).ok().and_then(|id| rules.get(&id)) else {
                let checks = Document::all().map_err(anyhow::Error::msg)?;
                let checks = checks.iter().map(|document| document.id.as_str());
                let near = rules
                    .iter()
                    .map(|rule| rule.id.as_str())
                    .chain(checks)
                    .filter(|known| known.contains(id.trim_matches('/')))
                    .collect::<Vec<_>>();
                let hint = if near.is_empty() {
                    "`skillscan rules list` shows them all".to_owned()
                } else {
                    format!("did you mean {}?", near.join(", "))
                };
                bail!("there is no rule or check `{}`; {hint}", escape::line(id));
            };
            let meta = &rule.meta;
            writeln!(out, "{}: {}\n", rule.id, meta.title)?;
            writeln!(
                out,
                "class {}, severity {}, confidence {}, since {}",
                meta.class.name(),
                meta.severity.name(),
                meta.confidence.name(),
                meta.since
            )?;
            let references: Vec<&str> = meta.attack.iter().chain(&meta.owasp).map(String::as_str).collect();
            if !references.is_empty() {
                writeln!(out, "{}", references.join(", "))?;
            }
            writeln!(out, "\n{}", rule.doc)?;
            joined(&rules, rule, &mut out)?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

/// What a flow rule joins, by language.
fn joined(rules: &Ruleset, rule: &crate::rule::Rule, out: &mut impl Write) -> std::io::Result<()> {
    for (language, sources, sinks) in rules.joins_of(&rule.id) {
        writeln!(out, "\nJoins in {language}:")?;
        for (what, members) in [("from", sources), ("to", sinks)] {
            for (class, apis) in members {
                writeln!(out, "  {what} {class}: {}", apis.join(", "))?;
            }
        }
    }
    Ok(())
}

fn explain_check(id: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(id) = CheckId::new(id) else { return Ok(()) };
    let document = Document::of(id).map_err(anyhow::Error::msg)?;
    let meta = &document.meta;
    writeln!(out, "{id}: {}\n", meta.title)?;
    writeln!(out, "layer {}, severity up to {}, since {}\n", meta.layer.name(), meta.severity.name(), meta.since)?;
    writeln!(out, "{}", document.doc)?;
    Ok(())
}
