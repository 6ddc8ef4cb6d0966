//! Messages: in the form of each channel, with nothing of a package raw in them, and never in the way of the scan.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use skillscan::notify::{Message, payload};

use super::{ATTACK, Home};

/// A server on this machine that answers with one status after the other, the last one for good; none is silence.
struct Server {
    port: u16,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn start(answers: &[Option<u16>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let server = Self { port, got: Arc::default() };
        let (got, answers) = (Arc::clone(&server.got), answers.to_vec());
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for (index, stream) in listener.incoming().flatten().enumerate() {
                let mut reader = BufReader::new(stream);
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).expect("a request");
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a header");
                    let line = line.trim().to_ascii_lowercase();
                    if let Some(text) = line.strip_prefix("content-length:") {
                        length = text.trim().parse().expect("a number");
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                let body = serde_json::from_slice(&body).expect("it is JSON");
                got.lock().expect("no test panics while it holds this").push((first.trim().to_owned(), body));
                let answer = answers.get(index).or(answers.last()).copied().flatten();
                let mut stream = reader.into_inner();
                match answer {
                    Some(status) => {
                        let text = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                        stream.write_all(text.as_bytes()).expect("an answer");
                    }
                    None => silent.push(stream),
                }
            }
        });
        server
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.got.lock().expect("no test panics while it holds this").clone()
    }

    /// A file with an address of this server that nobody else may read.
    fn secret(&self, home: &Home, path: &str) -> String {
        let file = home.path().join("secret");
        fs::write(&file, format!("http://127.0.0.1:{}{path}\n", self.port)).expect("a new file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its own file");
        format!("file:{}", file.display())
    }
}

/// A name that would be a mention, a link and the end of a block of code wherever it is not text.
const HOSTILE: &str = "@everyone <!channel> ``` [x](evil.example) <b>&";

fn hostile() -> Home {
    let home = Home::with_skill();
    home.night(1, &[]);
    home.write(&format!("{HOSTILE}/SKILL.md"), &format!("---\nname: x\ndescription: A.\n---\n{ATTACK}"));
    home
}

#[test]
fn every_channel_gets_text_and_nothing_else() {
    for kind in ["webhook", "slack", "discord", "telegram:-100200"] {
        let (home, server) = (hostile(), Server::start(&[Some(200)]));
        let channel = format!("{kind}:{}", server.secret(&home, "/hooks/T0/secretpath"));
        let ran = home.night(2, &["--notify", &channel]);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{kind}");
        let got = server.got();
        assert_eq!(got.len(), 1, "{kind}");
        let (request, body) = &got[0];
        let path =
            if kind.starts_with("telegram") { "/hooks/T0/secretpath/sendMessage" } else { "/hooks/T0/secretpath" };
        assert_eq!(request, &format!("POST {path} HTTP/1.1"));
        let text = body.to_string();
        assert!(text.contains("malicious") && text.contains("exec/remote-pipe"), "{kind}: {text}");
        match kind {
            "webhook" => {
                assert_eq!(body["report"]["events"][0]["kind"], "new");
                assert!(!body["text"].as_str().expect("a text").contains("evil.example"), "{text}");
            }
            "slack" => {
                assert!(!text.contains("@everyone") && !text.contains("```"), "{text}");
                assert_eq!(body["blocks"][0]["elements"][1]["type"], "rich_text_preformatted");
                assert!(!body["text"].as_str().expect("a text").contains('<'), "{text}");
            }
            "discord" => {
                let content = body["content"].as_str().expect("a text");
                assert!(content.matches("```").count() == 2 && !content.contains("@everyone"), "{content}");
                assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));
                assert!(content.chars().count() <= 2000);
            }
            _ => {
                let content = body["text"].as_str().expect("a text");
                assert_eq!(body["chat_id"], "-100200");
                assert_eq!(body["entities"][0]["length"], content.encode_utf16().count());
                assert!(!content.contains("@everyone"), "{content}");
            }
        }
        // What did not change is not told again.
        home.night(3, &["--notify", &channel]);
        assert_eq!(server.got().len(), 1, "{kind}");
    }
}

#[test]
fn a_server_that_hangs_or_fails_costs_its_message_only() {
    for (answers, calls) in [(&[None][..], 1), (&[Some(500)], 3), (&[Some(404)], 1)] {
        let (home, server) = (hostile(), Server::start(answers));
        let channel = format!("slack:{}", server.secret(&home, "/hooks/T0/secretpath"));
        let ran = home.night(2, &["--notify", &channel]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains("malicious"), "{}", ran.stdout);
        assert!(ran.stderr.contains("--notify slack: "), "{}", ran.stderr);
        assert!(!ran.stderr.contains("secretpath"), "{}", ran.stderr);
        assert_eq!(server.got().len(), calls, "{answers:?}");
        // The run is remembered, and the next message says what was missed, whatever runs came between.
        assert_eq!(home.night(3, &[]).code, 1);
        let after = Server::start(&[Some(200)]);
        let channel = format!("slack:{}", after.secret(&home, "/x"));
        let ran = home.night(4, &["--notify", &channel]);
        assert_eq!(ran.stdout, "");
        assert!(after.got()[0].1.to_string().contains("the message of run 2 did not reach slack"));
        home.night(5, &["--notify", &channel]);
        assert_eq!(after.got().len(), 1, "and it says so once");
    }
}

#[test]
fn a_run_that_fails_is_no_quiet_night() {
    let (home, server) = (Home::with_skill(), Server::start(&[Some(200)]));
    home.night(1, &[]);
    let channel = format!("webhook:{}", server.secret(&home, "/x"));
    let held = fs::File::options().write(true).open(home.folder().join("lock")).expect("it is there");
    held.lock().expect("nobody else holds it");
    assert_eq!(home.night(2, &["--notify", &channel]).code, 2);
    drop(held);
    let got = server.got();
    let text = got[0].1.to_string();
    assert!(got.len() == 1 && text.contains("the run failed") && text.contains("another run is under way"), "{text}");
    let ran = home.night(2, &["--notify", &channel, "/nowhere/at.example.com"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let text = server.got()[1].1["text"].to_string();
    assert!(text.contains("/nowhere") && !text.contains("at.example.com"), "{text}");
}

#[test]
fn a_passing_failure_is_tried_again() {
    let (home, server) = (hostile(), Server::start(&[Some(503), Some(200)]));
    let channel = format!("webhook:{}", server.secret(&home, "/x"));
    let ran = home.night(2, &["--notify", &channel]);
    assert_eq!((ran.stderr.as_str(), server.got().len()), ("", 2));
}

#[test]
fn secrets_stand_in_files_and_variables_and_nowhere_else() {
    let home = Home::with_skill();
    let server = Server::start(&[Some(200)]);
    let url = format!("http://127.0.0.1:{}/T0/secretpath", server.port);
    let open = home.path().join("open");
    fs::write(&open, &url).expect("a new file");
    let refused = [
        (format!("slack:{url}"), "must not stand on the command line"),
        (format!("slack:file:{}", open.display()), "chmod 600"),
        ("slack:env:NOT_SET".to_owned(), "is not set"),
        ("slack:env:PLAIN".to_owned(), "not secured"),
        ("mail:-oQ/tmp x".to_owned(), "no address"),
        ("command:relative".to_owned(), "no absolute path"),
        ("carrier-pigeon".to_owned(), "expected command:"),
    ];
    for (channel, why) in refused {
        let plain = [("PLAIN", "http://hooks.example.com/secretpath")];
        let ran = home.run_with(&["nightly", "--notify", &channel], &plain);
        assert!(ran.code == 2 && ran.stderr.contains(why), "{channel}: {}", ran.stderr);
        assert!(!ran.stderr.contains("secretpath"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "", "{channel}: nothing is scanned before the channel is known to be one");
    }
    let ran = home.run_with(&["nightly", "--notify", "slack:env:HOOK"], &[("HOOK", &url)]);
    assert_eq!((ran.code, server.got().len()), (0, 1), "{}", ran.stderr);
}

#[test]
fn a_command_gets_the_message_on_its_standard_input() {
    let home = hostile();
    let script = home.path().join("tell.sh");
    let got = home.path().join("got");
    fs::write(&script, format!("#!/bin/sh\ncat > {}\nenv >&2\n", got.display())).expect("a new file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its own file");
    let ran = home.night(2, &["--notify", &format!("command:{}", script.display())]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let text = fs::read_to_string(&got).expect("it got something");
    assert!(text.starts_with("skillscan on ") && text.contains("exec/remote-pipe"), "{text}");
    // Inside a skill it is no program of the user's.
    let inside = home.skills().join("weather/tell.sh");
    fs::copy(&script, &inside).expect("a copy");
    fs::remove_file(&got).expect("it is there");
    let ran = home.night(3, &["--notify", &format!("command:{}", inside.display())]);
    assert!(ran.code == 2 && ran.stderr.contains("which is scanned"), "{}", ran.stderr);
    let ran = home.night(3, &["--notify", &format!("command:{}", inside.display()), "/nowhere"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(!got.exists(), "nor is it when the run fails");
    let ran = home.night(3, &["--notify", &format!("command:{}", script.display()), "/nowhere"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(fs::read_to_string(&got).expect("it got something").contains("the run failed"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o777)).expect("its own file");
    let ran = home.night(3, &["--notify", &format!("command:{}", script.display())]);
    assert!(ran.code == 2 && ran.stderr.contains("someone else"), "{}", ran.stderr);
}

#[test]
fn a_thousand_changes_are_one_message_with_a_count() {
    let (home, server) = (Home::with_skill(), Server::start(&[Some(200)]));
    home.night(1, &[]);
    for index in 0..1000 {
        home.skill(&format!("skill-{index:04}"), "1.0.0", "");
    }
    home.skill("lure", "1.0.0", ATTACK);
    let ran = home.night(2, &["--notify", &format!("discord:{}", server.secret(&home, "/x"))]);
    assert_eq!(ran.stdout.matches(": new").count(), 1001);
    let content = server.got()[0].1["content"].as_str().expect("a text").to_owned();
    assert!(content.chars().count() <= 2000 && content.contains("1001 changes"), "{content}");
    // The worst comes first, so that it is not what is cut.
    assert!(content.contains("lure") && content.contains(" more;"), "{content}");
}

#[test]
fn mail_is_one_message_to_one_person() {
    let message = Message {
        title: "skillscan on host\u{fc}: 1 change".to_owned(),
        about: vec!["Run 2".to_owned()],
        entries: vec![vec!["x".repeat(5000)]],
        value: Value::Null,
    };
    let text = payload::mail(&message, "root@example.com");
    let (head, body) = text.split_once("\n\n").expect("headers and a body");
    assert!(head.starts_with("To: root@example.com\nSubject: skillscan on host?: 1 change\n"), "{head}");
    assert!(head.is_ascii() && body.lines().all(|line| line.len() < 998));
}
