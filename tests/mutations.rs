//! The bodies of the fuzz targets as property tests: on what fuzzing found, on
//! generated files, and on these with random damage.

use std::fs;
use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

#[path = "../fuzz/bodies.rs"]
mod bodies;
#[path = "support/generated.rs"]
mod support;

type Body = fn(&[u8]);

/// Every target, and what the files that seed it begin or end with.
const TARGETS: &[(&str, Body, &[&str])] = &[
    ("markdown", bodies::markdown, &[".md"]),
    ("shell", bodies::shell, &[".sh"]),
    ("javascript", bodies::javascript, &[".js"]),
    ("typescript", bodies::typescript, &[".ts", ".js"]),
    ("python", bodies::python, &[".py"]),
    ("data", bodies::data, &[".json", ".yaml", ".ipynb", ".toml", ".ini", ".service"]),
    ("markup", bodies::markup, &[".svg", ".html", ".xml", ".plist"]),
    ("text", bodies::text, &[".txt", ".csv"]),
    ("zip", bodies::zip, &[".zip", ".docx", ".odt", ".jar"]),
    ("tar", bodies::tar, &[".tar"]),
    ("stream", bodies::stream, &[".gz", ".tgz", ".bz2", ".xz"]),
    ("pdf", bodies::pdf, &[".pdf"]),
    ("office", bodies::office, &[".doc", ".bin", ".xml"]),
    ("image", bodies::image, &[".png", ".jpg", ".gif", ".wav", ".webp", ".mp3", ".ico", ".bmp"]),
    ("font", bodies::font, &[".ttf", ".otf", ".woff", ".woff2"]),
    ("program", bodies::program, &[".exe", ".wasm", ".lnk", ".so", ".dex", ".node"]),
    ("bytecode", bodies::bytecode, &[".pyc"]),
    ("pickle", bodies::pickle, &[".pkl", ".pickle", ".pt"]),
    ("decode", bodies::decode, &[".md", ".txt", ".py"]),
    ("scan", bodies::scan, &[".md", ".zip", ".pdf", ".png", ".sh"]),
];

/// Longest seed; structure shows in small files.
const LONGEST: u64 = 16 * 1024;
const CASES: u32 = 512;

/// Parsers follow nesting by bounded recursion, on stacks of this size.
const STACK: usize = 16 * 1024 * 1024;

fn main() {
    let arguments = Arguments::from_args();
    rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(STACK).build_global().expect("no pool yet");
    let cases = support::cases("mutations").unwrap_or_default();
    let mut trials = Vec::new();
    for &(name, body, endings) in TARGETS {
        let mut seeds = vec![Vec::new()];
        for case in &cases {
            collect(&case.folder, endings, &mut seeds);
        }
        seeds.truncate(400);
        trials.push(Trial::test(format!("damaged::{name}"), move || on_big_stack(move || damaged(body, seeds))));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/found").join(name);
        for found in fs::read_dir(folder).into_iter().flatten().flatten() {
            let test = format!("found::{name}::{}", found.file_name().to_string_lossy());
            let bytes = fs::read(found.path()).unwrap_or_default();
            trials.push(Trial::test(test, move || {
                on_big_stack(move || {
                    body(&bytes);
                    Ok(())
                })
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn on_big_stack(work: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Result<(), Failed> {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work)?;
    thread.join().unwrap_or_else(|_| Err("panicked".into()))
}

/// Small files below a folder whose names end so.
fn collect(folder: &Path, endings: &[&str], seeds: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if kind.is_dir() {
            collect(&entry.path(), endings, seeds);
        } else if kind.is_file()
            && endings.iter().any(|ending| name.ends_with(ending))
            && entry.metadata().is_ok_and(|meta| meta.len() <= LONGEST)
        {
            seeds.extend(fs::read(entry.path()));
        }
    }
}

/// One way to damage bytes.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    // Numbers at which lengths and offsets go wrong.
    let numbers: Vec<Vec<u8>> = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff_u32]
        .iter()
        .flat_map(|n| [n.to_le_bytes().to_vec(), n.to_be_bytes().to_vec()])
        .collect();
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), 1..64usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => (any::<Index>(), 1..512usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        2 => (any::<Index>(), select(numbers)).prop_map(|(at, number)| Damage::Insert(at, number)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..32)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let place = |at: &Index| at.index(bytes.len().max(1)).min(bytes.len());
    match damage {
        Damage::Set(at, byte) => {
            let at = place(at);
            if let Some(old) = bytes.get_mut(at) {
                *old = *byte;
            }
        }
        Damage::Cut(at) => bytes.truncate(place(at)),
        Damage::Remove(at, length) => {
            let at = place(at);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Damage::Repeat(at, length) => {
            let at = place(at);
            let part = bytes[at..bytes.len().min(at + length)].to_vec();
            bytes.splice(at..at, part);
        }
        Damage::Insert(at, new) => {
            let at = place(at);
            bytes.splice(at..at, new.iter().copied());
        }
    }
}

fn damaged(body: Body, seeds: Vec<Vec<u8>>) -> Result<(), Failed> {
    let mut runner =
        TestRunner::new(Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() });
    let strategy = (select(seeds), vec(damage(), 0..8));
    let result = runner.run(&strategy, |(mut bytes, damages)| {
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        body(&bytes);
        Ok(())
    });
    result.map_err(|error| Failed::from(error.to_string()))
}
