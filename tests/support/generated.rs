//! The suite that `fixtures/generate` writes: hostile and honest packages, each
//! with what is expected of it.

#![allow(dead_code, reason = "a test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// One generated package.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its name, which says what is special about it.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) folder: PathBuf,
    /// Whether it is made to do harm or to bring the scanner down.
    pub(crate) is_hostile: bool,
    /// Rules that must be found.
    pub(crate) rules: Vec<String>,
    /// Gaps that must be reported.
    pub(crate) gaps: Vec<String>,
    /// The worst verdict that an honest one may get.
    pub(crate) most: Option<String>,
    /// The best verdict that a hostile one may get.
    pub(crate) least: Option<String>,
}

/// Generates the suite in a directory of this test; `None` without a Python to run the script with.
pub(crate) fn cases(test: &str) -> Option<Vec<Case>> {
    let (out, index) = write("generate", test, &[])?;
    Some(index.iter().map(|case| of(case, &out)).collect())
}

/// Has `fixtures/<script>` write into a directory of this test, and gives that and the index that it wrote there.
pub(crate) fn write(script: &str, test: &str, more: &[&str]) -> Option<(PathBuf, Vec<Value>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let mut command = Command::new("python3");
    let Ok(ran) = command.arg("-B").arg(root.join("fixtures").join(script)).arg(&out).args(more).output() else {
        assert!(std::env::var_os("SKILLSCAN_REAL").is_none(), "these tests need python3");
        return None;
    };
    assert!(ran.status.success(), "fixtures/{script} failed:\n{}", String::from_utf8_lossy(&ran.stderr));
    let index = fs::read_to_string(out.join("cases.json")).expect("the script writes an index");
    Some((out, serde_json::from_str(&index).expect("the index is JSON")))
}

fn of(case: &Value, out: &Path) -> Case {
    let text = |key: &str| case[key].as_str().map(str::to_owned);
    let list = |key: &str| {
        let items = case[key].as_array().expect("a list").iter();
        items.map(|item| item.as_str().expect("a name").to_owned()).collect()
    };
    let name = text("name").expect("a case has a name");
    Case {
        folder: out.join(&name),
        name,
        is_hostile: case["side"] == "hostile",
        rules: list("rules"),
        gaps: list("gaps"),
        most: text("most"),
        least: text("least"),
    }
}
