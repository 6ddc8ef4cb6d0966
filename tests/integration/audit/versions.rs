//! Versions that no package on disk tells: of containers, and of gateways that run.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use skillscan::audit::{Answer, Audit, Options, Status, run};

use super::host::{CLAW, Machine, answers, options, status};

/// The answer of `L4.version` about a subject that begins so.
fn about<'a>(audit: &'a Audit, subject: &str) -> Option<&'a Answer> {
    answers(audit, "L4.version").into_iter().find(|answer| answer.subject.starts_with(subject))
}

#[test]
fn image_of_a_container_tells_its_version() {
    let of = |image: &str, label: &str| {
        let machine = Machine::sample("good");
        let folder = "/var/lib/docker/containers/a";
        machine.write(&format!("{folder}/hostconfig.json"), r#"{"RestartPolicy": {"Name": "always"}}"#);
        let labels = serde_json::json!({"org.opencontainers.image.version": label});
        let state = serde_json::json!({"State": {"Running": true}, "Config": {"Image": image, "Labels": labels}});
        machine.write(&format!("{folder}/config.v2.json"), state.to_string());
        about(&machine.audit(), "container of ").map(|answer| answer.status)
    };
    for (image, label, wanted) in [
        ("ghcr.io/openclaw/openclaw:2026.9.6", "", Some(Status::Pass)),
        ("ghcr.io/openclaw/openclaw:2026.1.20", "", Some(Status::Fail)),
        ("registry.example:5000/openclaw:v2026.1.20", "", Some(Status::Fail)),
        ("openclaw:latest", "2026.1.20", Some(Status::Fail)),
        ("openclaw:local", "", Some(Status::Unknown)),
        ("postgres:2026.1.20", "", None),
    ] {
        assert_eq!(of(image, label), wanted, "{image} {label}");
    }
}

/// The audit of a host whose gateway answers this at `/startupz`.
fn telling(body: &'static str, deep: bool) -> Audit {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    super::super::mock::serve(listener, move |mut stream| {
        let mut line = String::new();
        BufReader::new(stream.try_clone().ok()?).read_line(&mut line).ok()?;
        let status = if line.starts_with("GET /startupz ") { 200 } else { 404 };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).ok()
    });
    let machine = Machine::sample("good");
    machine.sockets("loopback");
    machine.listens("0100007F", port, 4712);
    machine.process(692, CLAW, &["openclaw-gateway"], &[4712]);
    run(machine.host(), Options { deep, ..options() })
}

#[test]
fn running_gateway_tells_its_version_under_deep() {
    let old = r#"{"ok":true,"status":"started","version":"2026.1.20"}"#;
    assert_eq!(about(&telling(old, true), "running gateway").map(|answer| answer.status), Some(Status::Fail));
    assert!(about(&telling(old, false), "running gateway").is_none(), "asked without --deep");
    let new = r#"{"ok":true,"status":"started","version":"2026.9.6"}"#;
    assert_eq!(about(&telling(new, true), "running gateway").map(|answer| answer.status), Some(Status::Pass));
    for nonsense in ["", "[", "{}", r#"{"version": 7}"#] {
        assert!(about(&telling(nonsense, true), "running gateway").is_none(), "{nonsense}");
    }
    let hostile = telling("{\"version\": \"\u{1b}]0;x\u{7}\"}", true);
    assert_eq!(status(&hostile, "L4.version"), Status::Unknown);
}
