//! What goes over the wire: answers, and every way in which a server can fail to give one.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How a path misbehaves.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// Answers this.
    Says(u16, Vec<(String, String)>, Vec<u8>),
    /// Answers this once, and as it should from then on.
    Once(u16, Vec<(String, String)>, Vec<u8>),
    /// Promises more than it sends.
    Truncated(Vec<u8>),
    /// Says nothing at all.
    Silent,
    /// Never stops.
    Endless,
    /// Never stops, and sends a byte now and then.
    Drip,
}

pub(super) fn misbehave(stream: &mut impl Write, trouble: Trouble) -> Option<()> {
    match trouble {
        Trouble::Says(status, headers, body) | Trouble::Once(status, headers, body) => {
            respond(stream, status, &headers, &body)
        }
        Trouble::Truncated(body) => {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/zip\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body[..body.len() / 2]).ok()
        }
        Trouble::Silent => {
            std::thread::sleep(Duration::from_secs(20));
            Some(())
        }
        Trouble::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[").ok()?;
            while stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
            Some(())
        }
        Trouble::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[").ok()?;
            let more = [b' '; 64 * 1024];
            while stream.write_all(&more).is_ok() {}
            Some(())
        }
    }
}

pub(super) fn respond(stream: &mut impl Write, status: u16, headers: &[(String, String)], body: &[u8]) -> Option<()> {
    let mut head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    stream.flush().ok()
}

/// Answers each connection on a thread of its own, until the process ends.
pub(crate) fn serve(listener: TcpListener, answer: impl Fn(TcpStream) -> Option<()> + Clone + Send + 'static) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
}
