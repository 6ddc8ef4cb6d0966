//! Embeds the signatures: rule texts and lists as they stand; YARA rules, phrase lists and concepts compiled.
//!
//! Compiling here keeps start-up to a deserialisation, and makes a broken YARA
//! rule a build error with file and line.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ruleset::lexicon::table::Table;
use ruleset::{concept, yara};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=signatures");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("signatures");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut texts = BTreeMap::new();
    let mut code = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    for folder in ["rules", "lexicons", "concepts", "lists", "checks", "advisories", "flows"] {
        for path in files(&root.join(folder))? {
            let name = path.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
            writeln!(code, "    ({name:?}, include_str!({:?})),", path.display().to_string())?;
            texts.insert(name, fs::read_to_string(&path)?);
        }
    }
    code.push_str("];\n");
    let texts = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));

    code.push_str("pub(super) static CONCEPTS: &[(&str, &[u8])] = &[\n");
    for (name, text) in texts.clone().filter(|(name, _)| name.starts_with("concepts/")) {
        let rows = concept::table::make(text).ok_or_else(|| format!("{name}: a line is no row"))?;
        let made = out.join(name.replace('/', "-"));
        fs::write(&made, rows)?;
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", made.display().to_string())?;
    }
    code.push_str("];\n");

    let (phrases, wrong) = Table::make(texts.clone().filter(|(name, _)| name.starts_with("lexicons/")));
    if let Some((file, why)) = wrong.first() {
        return Err(format!("{file}: {why}").into());
    }
    fs::write(out.join("lexicons"), postcard::to_stdvec(&phrases)?)?;

    let bodies = texts.filter_map(|(name, text)| Some((name.strip_prefix("rules/")?.strip_suffix(".yar")?, text)));
    fs::write(out.join("rules.yarac"), yara::compile(bodies)?.serialize()?)?;
    fs::write(out.join("signatures.rs"), code)?;
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

/// What the scanner and this script share.
#[path = "src/ruleset"]
#[expect(dead_code, unreachable_pub, reason = "the scanner looks up what is made here")]
mod ruleset {
    pub(crate) mod concept {
        pub(crate) mod table;
    }
    pub(crate) mod lexicon {
        pub(crate) mod table;
    }
    pub(crate) mod words;
    pub(crate) mod yara;
}

#[path = "src/text"]
#[expect(unreachable_pub, reason = "a script has no interface")]
mod text {
    mod folding;
    pub(crate) use folding::{beyond_ascii, folded};
}
