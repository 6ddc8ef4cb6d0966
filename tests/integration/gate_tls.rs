//! The gate over TLS: who a registry is, is proved by its certificate, directly
//! and through a proxy, and nothing goes on without that proof.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use assert_cmd::Command;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::common::{Ran, SKILL, skip};
use super::gate::{Place, unwrapped};
use super::mock::{Registry, serve};

/// Makes an authority of its own, and with it a certificate for some names.
const MAKE: &str = r#"
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem \
    -subj "/CN=authority.example" -addext basicConstraints=critical,CA:TRUE
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj "/CN=x.example"
printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$1" > names
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem
"#;

/// A server's proof of who it is, and the authority that gave it.
struct Proof {
    dir: tempfile::TempDir,
}

impl Proof {
    /// For names as a certificate has them; nothing where they cannot be made.
    fn of(names: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let made = Command::new("sh").args(["-c", MAKE, "sh", names]).current_dir(dir.path()).output();
        let made = made.expect("a shell starts");
        if !made.status.success() {
            skip(&format!("openssl: {}", String::from_utf8_lossy(&made.stderr)));
            return None;
        }
        Some(Self { dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The authority, as a variable names it.
    fn authority(&self) -> String {
        self.path("ca.pem").display().to_string()
    }

    fn config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_file(self.path("cert.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.path("key.pem")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions of TLS").with_no_client_auth();
        Arc::new(builder.with_single_cert(vec![certificate], key).expect("they belong together"))
    }
}

fn gate(place: &Place, url: &str, variables: &[(&str, &str)]) -> Ran {
    let args = ["gate", "@alice/demo@1.0.0", "--install", "--workdir", ".", "--timeout", "5", "--registry", url];
    place.run(&args, variables)
}

fn is_installed(place: &Place) -> bool {
    place.path().join("skills").exists()
}

/// A proxy that leads everyone to one port here, and what it was asked for.
fn proxy(to: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    serve(listener, move |mut client| {
        let mut reader = BufReader::new(client.try_clone().ok()?);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        seen.lock().expect("no test panics with it").push(lines.join("\n"));
        let mut server = TcpStream::connect(("127.0.0.1", to)).ok()?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
        let (mut from, mut back) = (server.try_clone().ok()?, client.try_clone().ok()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut back);
            back.shutdown(std::net::Shutdown::Both)
        });
        io::copy(&mut reader, &mut server).ok().map(drop)
    });
    (port, asked)
}

#[test]
fn registry_is_who_its_certificate_says() {
    let names = "DNS:localhost,IP:127.0.0.1";
    let (Some(own), Some(other)) = (Proof::of(names), Proof::of(names)) else { return };
    let Some(elsewhere) = Proof::of("DNS:registry.example") else { return };
    let registry = Registry::with(&[("SKILL.md", SKILL)]);
    let (port, wrong) = (registry.secured(own.config()), registry.secured(elsewhere.config()));
    for (what, url, authority, why) in [
        ("an unknown authority", format!("https://localhost:{port}"), other.authority(), "invalid peer certificate"),
        (
            "another host's certificate",
            format!("https://localhost:{wrong}"),
            elsewhere.authority(),
            "not valid for name",
        ),
        ("TLS asked in the clear", format!("http://localhost:{port}"), own.authority(), "localhost"),
        ("no TLS where it is asked for", registry.url().replace("http", "https"), own.authority(), "127.0.0.1"),
    ] {
        let place = Place::new();
        let ran = gate(&place, &url, &[("SSL_CERT_FILE", &authority)]);
        assert_eq!((ran.code, is_installed(&place)), (3, false), "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(unwrapped(&ran.stdout).contains(why), "{what}: {}{}", ran.stdout, ran.stderr);
    }
    assert!(registry.requests().is_empty(), "asked before it was known: {:?}", registry.requests());
    for url in [format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}")] {
        let place = Place::new();
        let ran = gate(&place, &url, &[("SSL_CERT_FILE", &own.authority())]);
        assert_eq!((ran.code, is_installed(&place)), (0, true), "{url}: {}{}", ran.stdout, ran.stderr);
    }
    let place = Place::new();
    let ran = gate(&place, "http://registry.example", &[("SSL_CERT_FILE", &own.authority())]);
    assert_eq!((ran.code, is_installed(&place)), (2, false), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("not secured"), "{}", ran.stderr);
}

#[test]
fn proxy_of_the_environment_carries_what_it_cannot_read() {
    let Some(proof) = Proof::of("DNS:registry.example") else { return };
    let registry = Registry::with(&[("SKILL.md", SKILL)]);
    let (proxy, asked) = proxy(registry.secured(proof.config()));
    let proxy = format!("http://127.0.0.1:{proxy}");
    let (place, authority) = (Place::new(), proof.authority());
    let config = place.path().join("client.json");
    let text = serde_json::json!({"registry": "https://registry.example", "token": "clh_example"}).to_string();
    std::fs::write(&config, text).expect("a new file");
    let config = config.display().to_string();
    let variables = [("HTTPS_PROXY", &*proxy), ("SSL_CERT_FILE", &*authority), ("CLAWHUB_CONFIG_PATH", &*config)];
    let ran = gate(&place, "https://registry.example", &variables);
    assert_eq!((ran.code, is_installed(&place)), (0, true), "{}{}", ran.stdout, ran.stderr);
    let asked = std::mem::take(&mut *asked.lock().expect("no other test has it"));
    assert!(
        !asked.is_empty() && asked.iter().all(|head| head.starts_with("CONNECT registry.example:443 ")),
        "{asked:?}"
    );
    assert!(!asked.concat().contains("clh_example"), "{asked:?}");
    let requests = registry.requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.ends_with(" with token")), "{requests:?}");
}

#[test]
fn this_machine_is_asked_past_the_proxy() {
    let registry = Registry::with(&[("SKILL.md", SKILL)]);
    let nobody = "http://127.0.0.1:9";
    let place = Place::new();
    let ran = gate(&place, &registry.url(), &[("HTTPS_PROXY", nobody), ("HTTP_PROXY", nobody), ("ALL_PROXY", nobody)]);
    assert_eq!((ran.code, is_installed(&place)), (0, true), "{}{}", ran.stdout, ran.stderr);
}
