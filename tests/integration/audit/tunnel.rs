//! The tunnel, and who it lets through.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::thread;

use skillscan::audit::{Audit, Missing, Options, Status, run};
use skillscan::finding::Severity;

use super::super::common::skip;
use super::host::{Machine, answers, fixture, options, status, worst};

const CONFIG: &str = "/home/claw/.cloudflared/config.yml";
const UNIT: &str = "/etc/systemd/system/cloudflared.service";
const CREDENTIALS: &str = "/home/claw/.cloudflared/6ff42ae2-765d-4adf-8112-31c55c1551ef.json";

/// A host with a tunnel that runs by a configuration.
fn tunnel(sample: &str) -> Machine {
    let machine = Machine::sample("good");
    machine.copy(&format!("cloudflared/{sample}/config.yml"), CONFIG);
    machine.copy("cloudflared/good_config/credentials.json", CREDENTIALS);
    machine.process(80, 0, &["/usr/bin/cloudflared", "--no-autoupdate", "tunnel", "run"], &[]);
    machine
}

#[test]
fn good_tunnel_passes() {
    let audit = tunnel("good_config").audit();
    for id in ["L2.tunnel", "L2.ingress", "L2.secrets", "L3.jwt", "F.cloudflared-mode"] {
        assert_eq!(status(&audit, id), Status::Pass, "{id}: {}", worst(&audit, id).message);
    }
    let answer = worst(&audit, "L3.gate");
    assert_eq!((answer.status, answer.missing), (Status::Unknown, Some(Missing::Probe)));
    assert_eq!(answer.command.as_deref(), Some("skillscan audit --probe https://openclaw.example.com"));
}

#[test]
fn tunnel_that_nothing_verifies_is_told() {
    let audit = tunnel("bad_no_access").audit();
    assert_eq!(status(&audit, "L2.ingress"), Status::Pass);
    assert_eq!((worst(&audit, "L3.jwt").status, worst(&audit, "L3.jwt").severity), (Status::Warn, Severity::Medium));
    let text = fixture("cloudflared/good_config/config.yml");
    for (from, to) in [("required: true", "required: false"), ("teamName: example-team", "teamName: ''")] {
        let machine = tunnel("good_config");
        machine.write(CONFIG, text.replace(from, to));
        assert_eq!(status(&machine.audit(), "L3.jwt"), Status::Warn, "{to}");
    }
}

#[test]
fn catch_all_and_other_doors_are_told() {
    let audit = tunnel("bad_http_noaccess_bypass").audit();
    let found = answers(&audit, "L2.ingress");
    let worst = worst(&audit, "L2.ingress");
    assert_eq!((worst.status, worst.severity), (Status::Fail, Severity::High));
    let told = |text: &str| found.iter().any(|answer| answer.message.contains(text));
    assert!(told("every hostname") && told("ssh") && told("certificate"), "{found:?}");
    assert_eq!(worst.evidence[0].line, Some(12), "{:?}", worst.evidence);
}

#[test]
fn broken_configuration_is_unknown() {
    let machine = tunnel("good_config");
    machine.write(CONFIG, "ingress: [");
    let audit = machine.audit();
    for id in ["L2.ingress", "L3.jwt"] {
        assert_eq!(worst(&audit, id).missing, Some(Missing::Other), "{id}");
    }
}

#[test]
fn quick_tunnel_is_critical() {
    let machine = Machine::sample("good");
    let line = fixture("cloudflared/quick_tunnel/cmdline.txt");
    let words: Vec<&str> = line.split_whitespace().collect();
    machine.process(80, 1000, &words, &[]);
    assert_eq!(worst(&machine.audit(), "L2.tunnel").severity, Severity::Critical);
}

#[test]
fn stopped_tunnel_is_warned_about() {
    let machine = Machine::sample("good");
    machine.copy("cloudflared/good_config/cloudflared.service", UNIT);
    machine.copy("cloudflared/good_config/config.yml", "/etc/cloudflared/config.yml");
    machine.process(1, 0, &["/sbin/init"], &[]);
    assert_eq!(status(&machine.audit(), "L2.tunnel"), Status::Warn);
    assert_eq!(status(&machine.image(), "L2.tunnel"), Status::Warn);
    machine.link("/etc/systemd/system/multi-user.target.wants/cloudflared.service", UNIT);
    assert_eq!(status(&machine.image(), "L2.tunnel"), Status::Pass);
}

#[test]
fn token_in_a_unit_that_all_may_read_fails() {
    let machine = Machine::sample("good");
    machine.copy("cloudflared/good_token/cloudflared.service", UNIT);
    let audit = machine.image();
    assert_eq!(status(&audit, "L2.secrets"), Status::Warn, "{}", worst(&audit, "L2.secrets").message);
    for folder in ["/", "/etc", "/etc/systemd", "/etc/systemd/system"] {
        machine.folder(folder, 0o755);
    }
    machine.mode(UNIT, 0o644);
    let audit = machine.image();
    let answer = worst(&audit, "L2.secrets");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::High), "{}", answer.message);
    assert!(!format!("{answer:?}").contains("eyJh"), "the token is never shown");
    assert_eq!(worst(&audit, "L2.ingress").missing, Some(Missing::Probe));
    assert_eq!(worst(&audit, "L3.jwt").missing, Some(Missing::Probe));
}

#[test]
fn certificate_of_the_account_is_told() {
    let machine = tunnel("good_config");
    machine.write("/home/claw/.cloudflared/cert.pem", "-");
    assert_eq!(status(&machine.audit(), "L2.secrets"), Status::Warn);
}

#[test]
fn loose_credentials_fail_and_tight_ones_stay() {
    let machine = tunnel("good_config");
    machine.mode(CREDENTIALS, 0o400);
    assert_eq!(status(&machine.audit(), "F.cloudflared-mode"), Status::Pass);
    for folder in ["/", "/home", "/home/claw", "/home/claw/.cloudflared"] {
        machine.folder(folder, 0o755);
    }
    machine.mode(CREDENTIALS, 0o644);
    let audit = machine.audit();
    assert_eq!(worst(&audit, "F.cloudflared-mode").severity, Severity::High);
    assert_eq!(worst(&audit, "L2.secrets").severity, Severity::High);
}

#[test]
fn other_designs_are_accepted() {
    for name in ["x_serve", "x_tailnet"] {
        let audit = Machine::sample(name).audit();
        for id in ["L2.tunnel", "L3.gate", "L3.jwt"] {
            assert_eq!(status(&audit, id), Status::NotApplicable, "{name} {id}");
        }
    }
    let machine = Machine::sample("good");
    machine.process(60, 0, &["/usr/sbin/tailscaled"], &[]);
    assert!(worst(&machine.audit(), "L2.tunnel").message.contains("Tailscale"));
    assert_eq!(status(&Machine::sample("good").audit(), "L2.tunnel"), Status::NotApplicable);
}

/// A server that answers every request alike; other paths than these get the second answer.
pub(super) fn server(first: String, second: String, paths: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let (first, second) = (first.clone(), second.clone());
            thread::spawn(move || {
                let mut request = Vec::new();
                let mut buffer = [0; 1024];
                while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => return,
                        Ok(count) => request.extend_from_slice(&buffer[..count]),
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let path = text.split_whitespace().nth(1).unwrap_or_default();
                let answer = if paths.contains(&path) { second } else { first };
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    format!("http://{address}/")
}

/// A recorded answer as a server of HTTP/1.1 sends it.
pub(super) fn recorded(name: &str) -> String {
    let text = fixture(&format!("http/{name}.txt")).replace("HTTP/2 ", "HTTP/1.1 ");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines().map(str::trim_end);
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.filter(|line| !line.starts_with("content-length")).collect();
    format!("{first} X\r\n{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", rest.join("\r\n"), body.len())
}

fn probed(url: String) -> Audit {
    run(tunnel("good_config").host(), Options { probe: Some(url), ..options() })
}

#[test]
fn answers_to_strangers_are_told_apart() {
    for (name, wanted, severity) in [
        ("access-302", Status::Pass, Severity::Info),
        ("access-403-service-auth", Status::Pass, Severity::Info),
        ("other-302-lookalike", Status::Fail, Severity::High),
        ("other-302-not-access", Status::Fail, Severity::High),
        ("exposed-control-ui-200", Status::Fail, Severity::Critical),
        ("exposed-healthz-200", Status::Fail, Severity::Critical),
        ("tunnel-down-530", Status::Unknown, Severity::Info),
        ("origin-down-502", Status::Fail, Severity::High),
    ] {
        let audit = probed(server(recorded(name), String::new(), &[]));
        let answer = worst(&audit, "L3.gate");
        assert_eq!((answer.status, answer.severity), (wanted, severity), "{name}: {}", answer.message);
    }
    // The gateway's own refusal: the request got as far as that.
    let file = fixture("http/gateway-proxy-attribution-403.txt");
    let body = file.lines().last().expect("it holds an answer");
    let head = format!("HTTP/1.1 403 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let audit = probed(server(head + body, String::new(), &[]));
    let answer = worst(&audit, "L3.gate");
    assert_eq!((answer.status, answer.severity), (Status::Fail, Severity::Critical), "{}", answer.message);
}

/// The audit under `--deep` of a host whose cloudflared answers these at `/ready`, `/config` and `/quicktunnel`.
fn asked(answers: [(&'static str, u16, &'static str); 3]) -> Audit {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    super::super::mock::serve(listener, move |mut stream| {
        let mut line = String::new();
        BufReader::new(stream.try_clone().ok()?).read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?;
        let (_, status, body) = answers.iter().find(|(known, ..)| *known == path)?;
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).ok()
    });
    let machine = tunnel("good_config");
    machine.sockets("loopback");
    machine.listens("0100007F", port, 4711);
    let metrics = format!("127.0.0.1:{port}");
    machine.process(80, 0, &["/usr/bin/cloudflared", "tunnel", "--metrics", &metrics, "run"], &[4711]);
    run(machine.host(), Options { deep: true, ..options() })
}

#[test]
fn running_tunnel_tells_what_it_does() {
    const READY: (&str, u16, &str) = ("/ready", 200, r#"{"status":200,"readyConnections":4,"connectorId":"x"}"#);
    const NONE: (&str, u16, &str) = ("/config", 404, "");
    const NAMED: (&str, u16, &str) = ("/quicktunnel", 200, r#"{"hostname":""}"#);
    let audit = asked([READY, NONE, NAMED]);
    let answer = worst(&audit, "L2.tunnel");
    assert_eq!((answer.status, answer.message.contains("4 connections")), (Status::Pass, true), "{}", answer.message);
    assert_eq!(status(&audit, "L3.jwt"), Status::Pass);
    let lost = ("/ready", 503, r#"{"status":503,"readyConnections":0,"connectorId":"x"}"#);
    assert_eq!(status(&asked([lost, NONE, NAMED]), "L2.tunnel"), Status::Warn);
    let quick = ("/quicktunnel", 200, r#"{"hostname":"a-b-c.trycloudflare.com"}"#);
    let audit = asked([READY, NONE, quick]);
    assert_eq!(worst(&audit, "L2.tunnel").severity, Severity::Critical);
    // What runs counts, and it verifies nothing.
    let config = (
        "/config",
        200,
        r#"{"version":3,"config":{"ingress":[{"hostname":"openclaw.example.com","service":"http://localhost:18789"},{"service":"http_status:404"}]}}"#,
    );
    let audit = asked([READY, config, NAMED]);
    assert_eq!((status(&audit, "L2.ingress"), status(&audit, "L3.jwt")), (Status::Pass, Status::Warn));
    for nonsense in ["", "[", "[]", "null", "{\"config\": 7}", "{\"config\": {\"ingress\": [7, {}, []]}}"] {
        let answers = [("/ready", 200, nonsense), ("/config", 200, nonsense), ("/quicktunnel", 200, nonsense)];
        assert_eq!(status(&asked(answers), "L2.tunnel"), Status::Warn, "{nonsense}");
    }
}

#[test]
fn one_path_that_leaks_is_critical() {
    let audit = probed(server(recorded("access-302"), recorded("exposed-healthz-200"), &["/healthz"]));
    let answer = worst(&audit, "L3.gate");
    assert_eq!(answer.severity, Severity::Critical);
    assert!(answer.subject.ends_with("/healthz") && answer.message.contains("other paths"), "{answer:?}");
}

#[test]
fn look_alikes_of_the_login_do_not_pass() {
    let answer = |location: &str| {
        let head = format!("HTTP/1.1 302 X\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let audit = probed(server(head, String::new(), &[]));
        status(&audit, "L3.gate")
    };
    let tag = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2";
    let path = format!("cdn-cgi/access/login/openclaw.example.com?kid={tag}");
    assert_eq!(answer(&format!("https://example-team.cloudflareaccess.com/{path}")), Status::Pass);
    for host in [
        "evilcloudflareaccess.com",
        "cloudflareaccess.com.evil.example",
        "cloudflareaccess.com",
        "x.example#.cloudflareaccess.com",
    ] {
        assert_ne!(answer(&format!("https://{host}/{path}")), Status::Pass, "{host}");
    }
    assert_ne!(answer("https://example-team.cloudflareaccess.com/other"), Status::Pass);
    assert_ne!(answer(&format!("/{path}")), Status::Pass);
    assert_eq!(answer(&format!("https://other-team.cloudflareaccess.com/{path}")), Status::Warn);
}

#[test]
fn server_that_never_answers_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let audit = probed(format!("http://{address}/"));
    assert_eq!(worst(&audit, "L3.gate").missing, Some(Missing::Other));
    drop(listener);
    assert_eq!(worst(&probed("https://".to_owned()), "L3.gate").missing, Some(Missing::Other));
}

#[test]
fn credentials_are_those_of_the_user_whom_the_service_runs_as() {
    let machine = Machine::sample("good");
    let users = fs::read_to_string(machine.path("/etc/passwd")).expect("there are users");
    machine.write("/etc/passwd", users + "cloudflared:x:997:997::/nonexistent:/usr/sbin/nologin\n");
    let unit = fixture("cloudflared/good_config/cloudflared.service");
    machine.write(UNIT, unit.replace("[Service]\n", "[Service]\nUser=cloudflared\n"));
    let file = "/etc/cloudflared/6ff42ae2-765d-4adf-8112-31c55c1551ef.json";
    machine.copy("cloudflared/good_config/credentials.json", file);
    for (uid, wanted) in [(997, Status::Pass), (998, Status::Fail)] {
        if chown(machine.path(file), Some(uid), Some(uid)).is_err() {
            return skip("root");
        }
        assert_eq!(status(&machine.image(), "F.cloudflared-mode"), wanted, "{uid}");
    }
}
