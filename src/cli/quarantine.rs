//! `skillscan quarantine`: what `watch --quarantine` took away, to look at, give back or delete.

use std::io::Write;

use anyhow::{Context, anyhow};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::Exit;
use super::policy::shown;
use crate::place::Environment;
use crate::quarantine::{Entry, Store};
use crate::report::{escape, json as printed};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is held, where it was, and why it was taken
    List {
        /// What to print
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Give something back to where it was; replaces nothing
    Restore {
        /// Its name, as the list shows it
        id: String,
    },
    /// Delete something for good
    Delete {
        /// Its name, as the list shows it
        id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let store = Store::of(&Environment::of_process()).map_err(|why| anyhow!(why))?;
    let mut out = super::stdout();
    let failed = |id: &str, why: String| anyhow!("{}: {}", escape::line(id), escape::line(&why));
    match &args.command {
        Command::List { format } => {
            let entries = store.list().with_context(|| shown(store.folder()))?;
            match format {
                Format::Text => list(&store, &entries, &mut out)?,
                Format::Json => document(&entries, &mut out)?,
            }
        }
        Command::Restore { id } => {
            let place = store.restore(id).map_err(|why| failed(id, why))?;
            writeln!(out, "{id} is back at {}", shown(&place))?;
        }
        Command::Delete { id } => {
            store.delete(id).map_err(|why| failed(id, why))?;
            writeln!(out, "{id} is deleted")?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn list(store: &Store, entries: &[Entry], out: &mut dyn Write) -> anyhow::Result<()> {
    if entries.is_empty() {
        writeln!(out, "nothing is held in {}", shown(store.folder()))?;
    }
    for entry in entries {
        match &entry.record {
            Ok(record) => {
                let place = escape::line(&record.origin);
                writeln!(out, "{}  {}  {place}", entry.id, escape::line(&record.verdict))?;
                let day = record.date.split('T').next().unwrap_or("");
                writeln!(out, "    taken {}, {}", escape::line(day), escape::line(&record.rules.join(", ")))?;
                if let Some(target) = &record.linked_to {
                    writeln!(out, "    a link to {}", escape::line(target))?;
                }
            }
            Err(why) => writeln!(out, "{}  {}", entry.id, escape::line(why))?,
        }
        if !entry.is_whole {
            writeln!(out, "    is not here whole; look at where it was")?;
        }
    }
    Ok(())
}

fn document(entries: &[Entry], out: &mut dyn Write) -> anyhow::Result<()> {
    let entries = entries.iter().map(|entry| match &entry.record {
        Ok(record) => json!({"id": entry.id, "is_whole": entry.is_whole, "record": record}),
        Err(why) => json!({"id": entry.id, "is_whole": entry.is_whole, "problem": why}),
    });
    let document = json!({"schema": 1, "entries": entries.collect::<Vec<_>>()});
    writeln!(out, "{}", printed::ascii(&serde_json::to_string_pretty(&document)?))?;
    Ok(())
}
