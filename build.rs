//! Embeds the signatures: rule texts and lists as they stand, YARA rules compiled.
//!
//! Compiling here keeps start-up to a deserialisation, and makes a broken YARA
//! rule a build error with file and line.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=signatures");
    println!("cargo::rerun-if-changed=src/ruleset/yara.rs");
    println!("cargo::rerun-if-changed=src/ruleset/concept/table.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("signatures");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut table = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    let mut yara = Vec::new();
    for folder in ["rules", "lexicons", "concepts", "lists", "checks", "advisories", "flows"] {
        for path in files(&root.join(folder))? {
            let name = path.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
            writeln!(table, "    ({name:?}, include_str!({:?})),", path.display().to_string())?;
            if let Some(id) = name.strip_prefix("rules/").and_then(|n| n.strip_suffix(".yar")) {
                yara.push((id.to_owned(), fs::read_to_string(&path)?));
            }
        }
    }
    table.push_str("];\n");
    table.push_str("pub(super) static CONCEPTS: &[(&str, &[u8])] = &[\n");
    for path in files(&root.join("concepts"))? {
        let name = path.file_stem().ok_or("a concept has a name")?.to_string_lossy();
        let rows = concept::make(&fs::read_to_string(&path)?).ok_or_else(|| format!("{name}: a line is no row"))?;
        let made = out.join(format!("{name}.concept"));
        fs::write(&made, rows)?;
        writeln!(table, "    (\"concepts/{name}.csv\", include_bytes!({:?})),", made.display().to_string())?;
    }
    table.push_str("];\n");
    fs::write(out.join("signatures.rs"), table)?;
    let rules = yara::compile(yara.iter().map(|(id, text)| (id.as_str(), text.as_str())))?;
    fs::write(out.join("rules.yarac"), rules.serialize()?)?;
    Ok(())
}

/// All files below `folder`, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[path = "src/ruleset/concept/table.rs"]
#[expect(dead_code, reason = "the scanner looks weights up")]
mod concept;
#[path = "src/ruleset/yara.rs"]
mod yara;
