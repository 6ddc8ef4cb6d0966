//! What each fuzz target does with its input. The same functions run as
//! property tests, on fixtures and on what was found before.

#![allow(dead_code, reason = "a target uses one of them")]

use std::sync::OnceLock;

use skillscan::archive::{self, Room, stream};
use skillscan::decode;
use skillscan::expand::expand;
use skillscan::package::{Discovered, Package, SkillPath};
use skillscan::parse::format::Format;
use skillscan::parse::{self, Kind};
use skillscan::{Limits, Policy, Ruleset, Scanner};

/// Parses the input as one kind, under each of the names that matter to it.
fn parse(kind: Kind, names: &[&str], bytes: &[u8]) {
    let limits = Limits::default();
    for name in names {
        let parsed = parse::parse(&SkillPath::from_bytes(name.as_bytes()), kind, None, bytes, &limits);
        for child in &parsed.children {
            assert!(child.range.end <= bytes.len() && child.range.start <= child.range.end, "a part lies outside");
        }
        for fact in &parsed.facts {
            assert!(fact.range.end <= bytes.len() && fact.range.start <= fact.range.end, "a fact lies outside");
        }
        for (range, _) in &parsed.malformed {
            assert!(range.end <= bytes.len() && range.start <= range.end, "a complaint lies outside");
        }
    }
}

fn binary(format: Format, bytes: &[u8]) {
    parse(Kind::Binary(format), &["file"], bytes);
}

pub(crate) fn markdown(bytes: &[u8]) {
    parse(Kind::Markdown, &["SKILL.md"], bytes);
}

pub(crate) fn shell(bytes: &[u8]) {
    parse(Kind::Shell, &["run.sh"], bytes);
}

pub(crate) fn javascript(bytes: &[u8]) {
    parse(Kind::JavaScript, &["index.js"], bytes);
}

pub(crate) fn typescript(bytes: &[u8]) {
    parse(Kind::TypeScript, &["index.ts"], bytes);
    parse(Kind::Tsx, &["index.tsx"], bytes);
}

pub(crate) fn python(bytes: &[u8]) {
    parse(Kind::Python, &["main.py"], bytes);
}

pub(crate) fn data(bytes: &[u8]) {
    parse(Kind::Json, &["package.json", "try.ipynb"], bytes);
    parse(Kind::Yaml, &["config.yaml"], bytes);
    parse(Kind::Toml, &["config.toml"], bytes);
    parse(Kind::Ini, &["setup.cfg", ".env", ".gitconfig", "try.service"], bytes);
}

pub(crate) fn markup(bytes: &[u8]) {
    parse(Kind::Markup, &["logo.svg", "agent.plist"], bytes);
}

pub(crate) fn text(bytes: &[u8]) {
    parse(Kind::Text, &["notes.txt"], bytes);
}

fn members(format: Format, bytes: &[u8]) {
    let room = Room::inside(&Limits::default());
    if let Some(archive) = archive::open(format, bytes, room) {
        let total: usize = archive.members.iter().map(|member| member.bytes.len()).sum();
        assert!(total <= room.bytes, "more was unpacked than there is room for");
        assert!(archive.members.iter().all(|member| member.range.end <= bytes.len()), "a member lies outside");
    }
    binary(format, bytes);
}

pub(crate) fn zip(bytes: &[u8]) {
    members(Format::Zip, bytes);
}

pub(crate) fn tar(bytes: &[u8]) {
    members(Format::Tar, bytes);
}

pub(crate) fn stream(bytes: &[u8]) {
    let room = Room::inside(&Limits::default());
    for format in [Format::Gzip, Format::Bzip2, Format::Xz, Format::Zstd] {
        if let Some(unpacked) = stream::read(format, bytes, room) {
            assert!(unpacked.bytes.len() <= room.bytes, "more was unpacked than there is room for");
        }
        binary(format, bytes);
    }
}

pub(crate) fn pdf(bytes: &[u8]) {
    binary(Format::Pdf, bytes);
}

pub(crate) fn office(bytes: &[u8]) {
    binary(Format::Ole, bytes);
    let names = ["word/document.xml", "word/_rels/settings.xml.rels", "content.xml", "META-INF/manifest.xml"];
    parse(Kind::Office, &names, bytes);
}

pub(crate) fn image(bytes: &[u8]) {
    let formats =
        [Format::Png, Format::Jpeg, Format::Gif, Format::Riff, Format::Bmp, Format::Ico, Format::Mp3, Format::Unknown];
    formats.into_iter().for_each(|format| binary(format, bytes));
}

pub(crate) fn font(bytes: &[u8]) {
    [Format::Sfnt, Format::Woff, Format::Woff2].into_iter().for_each(|format| binary(format, bytes));
}

pub(crate) fn program(bytes: &[u8]) {
    let formats = [Format::Elf, Format::Pe, Format::MachO, Format::Dex, Format::ShellLink, Format::Wasm];
    formats.into_iter().for_each(|format| binary(format, bytes));
}

pub(crate) fn bytecode(bytes: &[u8]) {
    binary(Format::Pyc, bytes);
    let _ = parse::binary::bytecode::constants(bytes);
}

pub(crate) fn pickle(bytes: &[u8]) {
    let _ = parse::binary::pickle::is_pickle(bytes);
    binary(Format::Pickle, bytes);
}

pub(crate) fn decode(bytes: &[u8]) {
    let text = skillscan::text::view(bytes);
    for kind in [Kind::Markdown, Kind::Markup, Kind::Python] {
        let layers = decode::layers(&text, kind);
        assert!(layers.iter().all(|child| child.range.end <= text.len()), "a layer lies outside");
        let _ = decode::layout::facts(&text, kind);
    }
    let _ = decode::unicode::facts(&text);
    let _ = decode::encoding::transcoded(bytes);
    let _ = skillscan::text::fold(&text);
}

/// The whole stream: a package of one file, whose name the first byte picks, or an archive.
pub(crate) fn scan(bytes: &[u8]) {
    const NAMES: [&str; 16] = [
        "SKILL.md",
        "run.sh",
        "index.js",
        "main.py",
        "index.ts",
        "package.json",
        "config.yaml",
        "logo.svg",
        "notes.txt",
        "data.zip",
        "data.bin",
        "guide.pdf",
        "try.ipynb",
        "logo.png",
        "README.html",
        "scripts/tool",
    ];
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| {
        let rules = Ruleset::builtin().expect("built-in rules load");
        Scanner::new(rules, Limits::default(), Policy::new(&[]).expect("no globs"))
    });
    let (name, content) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    let name = NAMES[usize::from(name) % NAMES.len()];
    let found = Discovered::given(name, content.to_vec());
    let limits = Limits::default();
    for package in &found.packages {
        let read = Package::read(package, &limits);
        let expanded = expand(&read, scanner.rules(), &limits);
        assert!(expanded.arena.len() <= limits.derived_artifacts + limits.package_entries, "too many artifacts");
    }
    let mut reports = 0;
    scanner.run(&[found], &(), &mut |_| reports += 1);
    assert_eq!(reports, 1);
}
