//! Thirty nights of a home whose skills are installed, updated, tampered with and removed; what each night tells is
//! compared to the letter with `fixtures/nightly/days.txt`.

use std::fmt::Write as _;
use std::fs;

use super::super::common::{Ran, fixtures};
use super::{ATTACK, Home};

/// Where the home is in what is told.
const HOME: &str = "HOME";

/// A home as the days change it.
struct Month {
    home: Home,
    options: Vec<String>,
    now: Option<String>,
}

impl Month {
    fn new() -> Self {
        Self { home: Home::new(), options: Vec::new(), now: None }
    }

    /// Does what a line says.
    fn act(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let rest = |from: usize| words.get(from..).unwrap_or_default().join(" ");
        match words.as_slice() {
            ["skill", name, version, parts @ ..] => {
                let parts: String = parts.iter().map(|part| text(part)).collect();
                self.home.skill(name, version, &parts);
            }
            ["file", path, ..] => self.home.write(path, &format!("{}\n", rest(2))),
            ["delete", path] => fs::remove_file(self.home.skills().join(path)).expect("it is there"),
            ["remove", name] => fs::remove_dir_all(self.home.skills().join(name)).expect("it is there"),
            ["link", path, target] => {
                std::os::unix::fs::symlink(target, self.home.skills().join(path)).expect("a new link");
            }
            ["lock", name, version] => self.lock(name, version),
            ["options", ..] => self.options = words.iter().skip(1).map(|word| (*word).to_owned()).collect(),
            ["clock", time] => self.now = Some((*time).to_owned()),
            ["damage"] => fs::write(self.home.file(), "damaged").expect("it is there"),
            _ => panic!("no action: {line}"),
        }
    }

    /// A lock file that names one skill.
    fn lock(&self, name: &str, version: &str) {
        let folder = self.home.path().join(".openclaw/.clawhub");
        fs::create_dir_all(&folder).expect("a new directory");
        let text = format!(r#"{{"version":1,"skills":{{"{name}":{{"version":"{version}","installedAt":1}}}}}}"#);
        fs::write(folder.join("lock.json"), text).expect("a new file");
    }

    fn night(&mut self, day: usize) -> Ran {
        let now = self.now.take().unwrap_or_else(|| format!("2026-03-{day:02}T03:30:00Z"));
        let mut args = vec!["nightly", "--now", &now];
        args.extend(self.options.iter().map(String::as_str));
        self.home.run(&args)
    }

    /// Text without where this home happens to be.
    fn placed(&self, text: &str) -> String {
        let path = fs::canonicalize(self.home.path()).expect("a real path");
        text.replace(path.to_str().expect("it is text"), HOME)
    }
}

/// What a part of a skill is called in the table.
fn text(part: &str) -> String {
    match part {
        "attack" => ATTACK.to_owned(),
        "network" => "```sh\ncurl -fsS https://weather.example.net/now\n```\n".to_owned(),
        "install" => "```sh\nnpm install left-pad\n```\n".to_owned(),
        "hello" => "```sh\necho hello\n```\n".to_owned(),
        "notes" => "Some notes.\n".to_owned(),
        _ => panic!("no part: {part}"),
    }
}

/// The days of the table: what is done, and everything else of it.
fn days(table: &str) -> Vec<(String, Vec<String>)> {
    let blocks = table.split("\n== day ").skip(1);
    blocks
        .map(|block| {
            let (_, body) = block.split_once('\n').expect("a day has lines");
            let actions = body.lines().map_while(|line| line.strip_prefix("> ")).map(str::to_owned);
            (block.to_owned(), actions.collect())
        })
        .collect()
}

#[test]
fn thirty_days_tell_what_happened_and_nothing_else() {
    let file = fixtures().join("nightly/days.txt");
    let table = fs::read_to_string(&file).expect("the table");
    let (head, _) = table.split_once("\n== day ").expect("the first day");
    let mut month = Month::new();
    let mut told = head.to_owned();
    let days = days(&table);
    for (day, (_, actions)) in days.iter().enumerate() {
        actions.iter().for_each(|action| month.act(action));
        let ran = month.night(day + 1);
        write!(told, "\n== day {}\n", day + 1).expect("a string takes all");
        actions.iter().for_each(|action| writeln!(told, "> {action}").expect("a string takes all"));
        writeln!(told, "exit {}", ran.code).expect("a string takes all");
        for line in month.placed(&ran.stdout).lines() {
            writeln!(told, "{}", format!("| {line}").trim_end()).expect("a string takes all");
        }
        for line in month.placed(&ran.stderr).lines() {
            writeln!(told, "! {line}").expect("a string takes all");
        }
    }
    assert_eq!(days.len(), 30);
    if std::env::var_os("SKILLSCAN_REWRITE").is_some() {
        fs::write(&file, &told).expect("the table can be written");
    }
    assert!(told == table, "the table says otherwise; SKILLSCAN_REWRITE=1 writes this:\n{told}");
}
