//! What is scanned when nothing is named: every directory that OpenClaw loads skills from, each
//! once and in its order, whatever the configuration holds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use assert_cmd::Command;
use skillscan::place::{Environment, Place, Places, Symlinks, places};
use tempfile::TempDir;

use super::common::Ran;

/// A machine: `home`, `here` where the program runs, and `bin` on `PATH`.
pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    /// One with a skill in each of these directories, named after it.
    pub(crate) fn with(skills: &[&str]) -> Self {
        let machine = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        for folder in ["home", "here", "bin"] {
            fs::create_dir(machine.path(folder)).expect("a new directory");
        }
        for skill in skills {
            machine.skill(skill, "");
        }
        machine
    }

    /// A path below the machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        self.path(path).to_str().expect("a temporary path is text").to_owned()
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a new directory");
        fs::write(path, text).expect("a new file");
    }

    /// A skill named after its directory, with a command to run.
    pub(crate) fn skill(&self, path: &str, command: &str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let code = if command.is_empty() { String::new() } else { format!("```sh\n{command}```\n") };
        let text = format!("---\nname: {name}\ndescription: A sample.\n---\n\n# Sample\n\n{code}");
        self.write(&format!("{path}/SKILL.md"), text);
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a link has a directory")).expect("a new directory");
        symlink(self.path(target), path).expect("a new link");
    }

    fn variables(&self, more: &[(&str, &str)]) -> BTreeMap<String, OsString> {
        let own = [("HOME", self.text("home")), ("PATH", self.text("bin"))];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), OsString::from(value)));
        own.chain(more.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)))).collect()
    }

    /// The places as the library finds them.
    pub(crate) fn places(&self, variables: &[(&str, &str)]) -> Places {
        let environment = Environment {
            variables: self.variables(variables),
            home: Some(self.path("home")),
            current_dir: self.path("here"),
        };
        places(&environment)
    }

    /// Their directories below the machine, each with its source and rank.
    fn found(&self, variables: &[(&str, &str)]) -> Vec<(String, &'static str, u8)> {
        self.places(variables)
            .found
            .iter()
            .map(|place| (self.below(place), place.source.tag(), place.precedence))
            .collect()
    }

    fn below(&self, place: &Place) -> String {
        let below = place.root.strip_prefix(self.dir.path()).expect("nothing outside is found");
        below.to_str().expect("a path is text").to_owned()
    }

    /// Runs the program without a path, with these variables and nothing else.
    pub(crate) fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skillscan"));
        command.current_dir(self.path("here")).env_clear().envs(self.variables(variables)).args(args);
        let output = command.output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Ran {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code().expect("the program ends by itself"),
        }
    }

    /// Name, source and rank of each package that the program reports.
    fn reported(&self, variables: &[(&str, &str)]) -> Vec<(String, String, u64)> {
        let ran = self.run(&["--format", "jsonl"], variables);
        assert!([0, 1, 3].contains(&ran.code), "{}{}", ran.stdout, ran.stderr);
        let mut reported: Vec<_> = ran
            .lines()
            .iter()
            .map(|package| {
                let text = |key: &str| package[key].as_str().expect("a text").to_owned();
                (text("name"), text("source"), package["origin"]["precedence"].as_u64().expect("a rank"))
            })
            .collect();
        reported.sort();
        reported
    }
}

/// Roots of places, for messages and comparison.
fn roots<'f>(found: &'f [(String, &'static str, u8)]) -> Vec<&'f str> {
    found.iter().map(|(root, _, _)| root.as_str()).collect()
}

/// The place with this directory.
pub(crate) fn place<'p>(machine: &Machine, places: &'p Places, root: &str) -> &'p Place {
    let found = places.found.iter().find(|place| machine.below(place) == root);
    found.unwrap_or_else(|| panic!("no place {root} in {:?}", places.found))
}

#[test]
fn every_source_has_its_name_and_rank() {
    let machine = Machine::with(&[
        "home/.openclaw/workspace/skills/a-workspace",
        "home/.openclaw/workspace/.agents/skills/b-project",
        "home/.agents/skills/c-personal",
        "home/.openclaw/skills/d-managed",
        "home/.openclaw/agents/main/agent/workshop-skills/e-workshop",
        "bundled/f-bundled",
        "custodian-skills/g-custodian",
        "more/h-extra",
        "home/.openclaw/skill-library/i-library/revisions/0a",
        "work/skills/j-workdir",
    ]);
    machine.write(
        "home/.openclaw/openclaw.json",
        format!(r#"{{skills: {{load: {{extraDirs: ["{}"]}}}}}}"#, machine.text("more")),
    );
    let (bundled, work) = (machine.text("bundled"), machine.text("work"));
    let variables = [("OPENCLAW_BUNDLED_SKILLS_DIR", bundled.as_str()), ("CLAWHUB_WORKDIR", work.as_str())];
    let wanted = [
        ("0a", "openclaw-library", 8),
        ("a-workspace", "openclaw-workspace", 1),
        ("b-project", "agents-skills-project", 2),
        ("c-personal", "agents-skills-personal", 3),
        ("d-managed", "openclaw-managed", 4),
        ("e-workshop", "openclaw-workshop", 5),
        ("f-bundled", "openclaw-bundled", 6),
        ("g-custodian", "openclaw-custodian", 6),
        ("h-extra", "openclaw-extra", 7),
        ("j-workdir", "clawhub-workdir", 8),
    ];
    let wanted: Vec<_> =
        wanted.iter().map(|(name, tag, rank)| ((*name).to_owned(), (*tag).to_owned(), *rank)).collect();
    assert_eq!(machine.reported(&variables), wanted);
    let ranks: Vec<u8> = machine.found(&variables).iter().map(|(_, _, rank)| *rank).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
}

#[test]
fn no_place_at_all_is_refused() {
    let ran = Machine::with(&[]).run(&["scan"], &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("skillscan: ") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

#[test]
fn missing_place_is_no_error() {
    let machine = Machine::with(&["home/.openclaw/skills/one"]);
    let config = r#"{agents: {defaults: {workspace: "~/gone"}}, skills: {load: {extraDirs: ["/nowhere/skills"]}}}"#;
    machine.write("home/.openclaw/openclaw.json", config);
    let ran = machine.run(&["--format", "jsonl"], &[]);
    assert_eq!((ran.code, ran.stderr.as_str(), ran.lines().len()), (0, "", 1), "{}", ran.stdout);
    let places = machine.places(&[]);
    assert_eq!(places.complaints, Vec::<String>::new());
    let missing: Vec<(PathBuf, &str)> =
        places.missing.iter().map(|place| (place.root.clone(), place.reason.as_str())).collect();
    let gone = (machine.path("home/gone/skills"), "~/.openclaw/openclaw.json: agents.defaults.workspace");
    assert!(missing.contains(&gone), "{missing:?}");
    let nowhere = (PathBuf::from("/nowhere/skills"), "~/.openclaw/openclaw.json: skills.load.extraDirs");
    assert!(missing.contains(&nowhere), "{missing:?}");
}

#[test]
fn every_installation_in_the_home_directory_counts() {
    let machine = Machine::with(&[
        "home/.openclaw/skills/a",
        "home/.openclaw-work/workspace/skills/b",
        "home/.clawdbot/skills/c",
        "home/.moltbot/skills/d",
        "home/.moldbot/workspace-x/skills/e",
        "home/.other/skills/f",
    ]);
    let found = machine.found(&[]);
    assert_eq!(
        roots(&found),
        [
            "home/.moldbot/workspace-x/skills",
            "home/.openclaw-work/workspace/skills",
            "home/.clawdbot/skills",
            "home/.moltbot/skills",
            "home/.openclaw/skills",
        ]
    );
}

#[test]
fn variables_name_more_installations() {
    let machine =
        Machine::with(&["home/state/skills/a", "old/skills/b", "other/.openclaw/skills/c", "here/near/skills/d"]);
    let (old, other) = (machine.text("old"), machine.text("other"));
    let (old, other) = (old.as_str(), other.as_str());
    let found = |variables: &[(&str, &str)]| roots(&machine.found(variables)).join(" ");
    assert_eq!(found(&[("OPENCLAW_STATE_DIR", "~/state")]), "home/state/skills");
    assert_eq!(found(&[("OPENCLAW_STATE_DIR", " near ")]), "here/near/skills");
    assert_eq!(found(&[("CLAWDBOT_STATE_DIR", old)]), "old/skills");
    assert_eq!(
        found(&[("OPENCLAW_STATE_DIR", "~/state"), ("CLAWDBOT_STATE_DIR", old)]),
        "home/state/skills old/skills"
    );
    assert_eq!(found(&[("OPENCLAW_HOME", other)]), "other/.openclaw/skills");
    assert_eq!(found(&[("OPENCLAW_HOME", other), ("OPENCLAW_STATE_DIR", "~/.openclaw")]), "other/.openclaw/skills");
    assert_eq!(found(&[("OPENCLAW_STATE_DIR", "")]), "");
}

#[test]
fn program_asks_its_own_environment() {
    let machine = Machine::with(&["home/state/skills/one", "home/.openclaw/skills/two"]);
    let wanted = [("one", "openclaw-managed", 4), ("two", "openclaw-managed", 4)];
    let wanted: Vec<_> =
        wanted.iter().map(|(name, tag, rank)| ((*name).to_owned(), (*tag).to_owned(), *rank)).collect();
    assert_eq!(machine.reported(&[("OPENCLAW_STATE_DIR", "~/state")]), wanted);
}

#[test]
fn profile_names_an_installation() {
    let machine = Machine::with(&["home/.openclaw/skills/a"]);
    let missing = |profile: &str| {
        let places = machine.places(&[("OPENCLAW_PROFILE", profile)]);
        places.missing.iter().any(|place| place.root.starts_with(machine.path(&format!("home/.openclaw-{profile}"))))
    };
    assert!(missing("work"));
    assert!(!missing("default"));
    assert!(!missing("../work"));
}

#[test]
fn workspaces_come_from_every_key_and_variable() {
    let machine = Machine::with(&[
        "home/w1/skills/a",
        "home/w2/skills/a",
        "home/w3/skills/a",
        "home/w4/skills/a",
        "home/w4/second/skills/a",
        "here/w5/.agents/skills/a",
    ]);
    let config = "// by hand\n{agents: {entries: {First: {workspace: '~/w1'}}, list: [{id: 'second'}, {id: 'third', \
                  workspace: '~/w2', default: true},], defaults: {workspace: '~/w4'}}, agent: {workspace: \"~/w3\"}}";
    machine.write("home/.openclaw/openclaw.json", config);
    let places = machine.places(&[("OPENCLAW_WORKSPACE_DIR", "w5")]);
    let agents: Vec<(String, Option<&str>)> =
        places.found.iter().map(|place| (machine.below(place), place.agent.as_deref())).collect();
    let wanted = [
        ("home/w1/skills", "first"),
        ("home/w2/skills", "third"),
        ("home/w3/skills", "third"),
        ("home/w4/second/skills", "second"),
        ("home/w4/skills", "third"),
        ("here/w5/.agents/skills", "third"),
    ];
    let wanted: Vec<_> = wanted.iter().map(|(root, agent)| ((*root).to_owned(), Some(*agent))).collect();
    assert_eq!(agents, wanted);
    let first = place(&machine, &places, "home/w1/skills");
    assert_eq!(first.reason, "~/.openclaw/openclaw.json: agents.entries.first.workspace");
}

#[test]
fn every_name_of_the_configuration_is_read() {
    for name in ["openclaw.json", "clawdbot.json", "moltbot.json", "moldbot.json"] {
        let machine = Machine::with(&["home/w/skills/a"]);
        machine.write(&format!("home/.clawdbot/{name}"), "{agent: {workspace: '~/w'}}");
        assert_eq!(roots(&machine.found(&[])), ["home/w/skills"], "{name}");
    }
}

#[test]
fn configuration_that_a_variable_names_brings_its_directory() {
    for variable in ["OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH"] {
        let machine = Machine::with(&["home/w/skills/a", "home/etc/skills/b", "home/etc/workspace/skills/c"]);
        machine.write("home/etc/my.json5", "{agent: {workspace: '~/w'}}");
        let found = machine.found(&[(variable, "~/etc/my.json5")]);
        assert_eq!(
            found,
            [
                ("home/w/skills".to_owned(), "openclaw-workspace", 1),
                ("home/etc/skills".to_owned(), "openclaw-managed", 4),
            ]
        );
    }
}

#[test]
fn included_files_and_variables_count() {
    let machine = Machine::with(&["home/w/skills/a", "home/x/b", "home/y/c", "home/out/d"]);
    machine.write("out.json", "{skills: {load: {extraDirs: ['~/out']}}}");
    let config =
        "{$include: ['a.json5', '../../out.json'], skills: {$include: './sub/b.json5', load: {extraDirs: ['${X}']}}}";
    machine.write("home/.openclaw/openclaw.json", config);
    machine.write("home/.openclaw/a.json5", "{$include: 'openclaw.json', agent: {workspace: '~/${W}'}}");
    machine.write("home/.openclaw/sub/b.json5", "{load: {extraDirs: ['~/y', '~/$${W}', '~/${UNSET}']}}");
    let x = machine.text("home/x");
    let variables = [("W", "w"), ("X", x.as_str())];
    assert_eq!(roots(&machine.found(&variables)), ["home/w/skills", "home/x", "home/y"]);
    let places = machine.places(&variables);
    let complains = |of: &str| places.complaints.iter().any(|complaint| complaint.contains(of));
    assert!(
        complains("out.json") && complains("${UNSET}") && complains("too many includes"),
        "{:?}",
        places.complaints
    );
    assert!(places.missing.iter().any(|place| place.root == machine.path("home/${W}")));
}

#[test]
fn relative_paths_are_looked_for_where_openclaw_may_have_started() {
    let machine = Machine::with(&["here/more/a", "home/more/b", "home/.openclaw/more/c"]);
    machine.write("home/.openclaw/openclaw.json", "{skills: {load: {extraDirs: ['./x/../more']}}}");
    assert_eq!(roots(&machine.found(&[])), ["here/more", "home/.openclaw/more", "home/more"]);
}

#[test]
fn plugins_bring_what_their_manifests_name() {
    let machine = Machine::with(&[
        "home/.openclaw/extensions/one/skills/a",
        "home/.openclaw/extensions/two/lib/mine/b",
        "home/.openclaw/workspace/.openclaw/extensions/three/skills/c",
        "home/plugins/four/skills/d",
        "home/five/skills/e",
        "home/.openclaw/extensions/six/commands/f",
        "home/.openclaw/extensions/seven/commands/g",
        "home/outside/h",
    ]);
    machine.write(
        "home/.openclaw/extensions/two/openclaw.plugin.json",
        "{id: 'two', skills: ['./lib/mine', '../../../outside']}",
    );
    machine.write("home/.openclaw/extensions/six/.claude-plugin/plugin.json", "{}");
    machine.write("home/five/openclaw.plugin.json", "{}");
    machine.write("home/five/index.js", "");
    machine
        .write("home/.openclaw/openclaw.json", "{plugins: {load: {paths: ['~/plugins', '~/five/index.js', '~/six']}}}");
    let found = machine.found(&[]);
    assert_eq!(
        roots(&found),
        [
            "home/.openclaw/extensions/one/skills",
            "home/.openclaw/extensions/six/commands",
            "home/.openclaw/extensions/two/lib/mine",
            "home/.openclaw/workspace/.openclaw/extensions/three/skills",
            "home/five/skills",
            "home/plugins/four/skills",
        ]
    );
    assert!(found.iter().all(|(_, tag, rank)| (*tag, *rank) == ("openclaw-extra", 7)));
    let complaints = machine.places(&[]).complaints;
    assert!(matches!(complaints.as_slice(), [one] if one.contains("two/openclaw.plugin.json")), "{complaints:?}");
}

#[test]
fn bundled_skills_are_found_by_the_program() {
    let machine = Machine::with(&["lib/openclaw/skills/a", "lib/skills/b", "skills/c"]);
    machine.write("lib/openclaw/package.json", r#"{"name": "openclaw"}"#);
    machine.write("lib/openclaw/dist/bin/entry.js", "");
    machine.write("package.json", r#"{"name": "mine"}"#);
    machine.link("bin/openclaw", "lib/openclaw/dist/bin/entry.js");
    assert_eq!(machine.found(&[]), [("lib/openclaw/skills".to_owned(), "openclaw-bundled", 6)]);
    let beside = Machine::with(&["bin/skills/a"]);
    beside.write("bin/openclaw", "");
    assert_eq!(roots(&beside.found(&[])), ["bin/skills"]);
}

#[test]
fn work_directory_of_clawhub_counts() {
    for marker in [".clawhub", ".clawdhub"] {
        let machine = Machine::with(&["here/skills/a"]);
        assert_eq!(roots(&machine.found(&[])), Vec::<&str>::new(), "any directory may hold `skills`");
        fs::create_dir(machine.path("here").join(marker)).expect("a new directory");
        assert_eq!(machine.found(&[]), [("here/skills".to_owned(), "clawhub-workdir", 8)]);
    }
    let machine = Machine::with(&["home/a/skills/one", "home/b/skills/two"]);
    let found = machine.found(&[("CLAWHUB_WORKDIR", "~/a"), ("CLAWDHUB_WORKDIR", "~/b")]);
    assert_eq!(roots(&found), ["home/a/skills", "home/b/skills"]);
}

#[test]
fn each_directory_counts_once_at_its_highest_rank() {
    let machine = Machine::with(&["home/.openclaw/workspace/skills/a"]);
    machine.link("home/.clawdbot", "home/.openclaw");
    machine.link("home/alias", "home/.openclaw/workspace/skills");
    fs::create_dir(machine.path("home/.openclaw/workspace/.clawhub")).expect("a new directory");
    let config = "{agents: {defaults: {workspace: '~/.openclaw/workspace/'}}, skills: {load: {extraDirs: ['~/alias', '~/alias']}}}";
    machine.write("home/.openclaw/openclaw.json", config);
    let workspace = machine.text("home/.openclaw/workspace");
    let found = machine.found(&[("CLAWHUB_WORKDIR", &workspace)]);
    assert_eq!(found, [("home/.openclaw/workspace/skills".to_owned(), "openclaw-workspace", 1)]);
}

#[test]
fn links_are_judged_as_openclaw_does() {
    let machine = Machine::with(&[
        "home/.openclaw/skills/a",
        "home/.openclaw/workspace/skills/b",
        "home/.openclaw/extensions/one/skills/c",
        "home/shared/d",
        "bundled/e",
    ]);
    machine.link("home/.openclaw/plugin-skills/c", "home/.openclaw/extensions/one/skills/c");
    machine.write("home/.openclaw/openclaw.json", "{skills: {load: {allowSymlinkTargets: ['~/shared', '~/none']}}}");
    let bundled = machine.text("bundled");
    let places = machine.places(&[("OPENCLAW_BUNDLED_SKILLS_DIR", &bundled)]);
    let links = |root: &str| {
        let place = place(&machine, &places, root);
        (place.symlinks, place.permitted.clone())
    };
    let real = |path: &str| fs::canonicalize(machine.path(path)).expect("a real path");
    let shared = vec![real("home/shared")];
    assert_eq!(links("home/.openclaw/skills"), (Symlinks::Followed, shared.clone()));
    assert_eq!(links("home/.openclaw/workspace/skills"), (Symlinks::Confined, shared));
    assert_eq!(links("bundled"), (Symlinks::Confined, Vec::new()));
    let plugins = vec![real("home/.openclaw/extensions/one")];
    assert_eq!(links("home/.openclaw/plugin-skills"), (Symlinks::Generated, plugins));
}

#[test]
fn broken_configuration_hides_no_place() {
    let deep = "[".repeat(100_000);
    let tricky = format!("// \u{2028} '\\'' /* ' */ {deep}");
    let large = format!("{{a: '{}'}}", "x".repeat(5 * 1024 * 1024));
    for text in ["{", "{'a': 1,,}", "\u{0}", deep.as_str(), tricky.as_str(), large.as_str()] {
        let machine = Machine::with(&["home/.openclaw/skills/one"]);
        machine.write("home/.openclaw/openclaw.json", text);
        let places = machine.places(&[]);
        assert_eq!(places.found.len(), 1);
        let [complaint] = places.complaints.as_slice() else { panic!("{:?}", places.complaints) };
        assert!(complaint.starts_with("~/.openclaw/openclaw.json: "), "{complaint}");
        let ran = machine.run(&["--format", "jsonl"], &[]);
        assert_eq!(ran.package("one")["name"], "one");
        assert_ne!(ran.code, 2, "{}", ran.stderr);
    }
}

#[test]
fn values_of_the_wrong_kind_are_left_out() {
    let machine = Machine::with(&["home/w/skills/a"]);
    let config = "{agents: {entries: [1], list: {a: 1}, defaults: {workspace: ['~/w']}}, agent: {workspace: '~/w'}, \
                  skills: {load: {extraDirs: [null, 1, '', {}]}}, plugins: {load: {paths: 7}}, n: 0xFF, big: 1e400, \
                  long: 123456789012345678901234567890, less: -Infinity, nan: NaN}";
    machine.write("home/.openclaw/openclaw.json", config);
    let places = machine.places(&[]);
    assert_eq!((places.found.len(), places.complaints.len()), (1, 0), "{places:?}");
}

#[test]
fn entries_that_cannot_be_looked_into_are_told() {
    let machine = Machine::with(&["home/.openclaw/skills/one"]);
    machine.write("home/file", "");
    machine.link("home/loop", "home/loop");
    machine.write("home/.openclaw/openclaw.json", "{skills: {load: {extraDirs: ['~/file', '~/loop']}}}");
    let places = machine.places(&[]);
    assert_eq!((places.found.len(), places.complaints.len()), (1, 2), "{places:?}");
}

#[test]
fn same_machine_gives_the_same_bytes() {
    let machine = Machine::with(&["home/.openclaw/skills/b", "home/.openclaw/skills/a", "home/.agents/skills/c"]);
    let runs: Vec<String> = (0..3).map(|_| machine.run(&["--format", "json"], &[]).stdout).collect();
    assert!(runs.iter().all(|run| *run == runs[0]) && !runs[0].is_empty());
}
