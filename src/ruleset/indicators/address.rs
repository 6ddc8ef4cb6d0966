//! Addresses in the form in which they are compared, however they were spelt.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

/// A web address in one form, whatever its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host in lower case, or the address that the digits spell.
    pub host: String,
    /// Host, port and path: what is the same in all spellings.
    pub key: String,
}

impl Address {
    /// Reads an address, with or without its scheme.
    pub fn read(text: &str) -> Option<Self> {
        let url = match text.split_once("://") {
            Some(_) => Url::parse(text).ok()?,
            None => Url::parse(&format!("http://{text}")).ok()?,
        };
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp") {
            return None;
        }
        let host = match url.host()? {
            Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => plain_ip(ip.into()).to_string(),
        };
        let port = url.port().filter(|port| !matches!(port, 80 | 443)).map_or(String::new(), |port| format!(":{port}"));
        let query = url.query().map_or(String::new(), |query| format!("?{query}"));
        let path = unescaped(url.path());
        let key = format!("{host}{port}{}{query}", path.trim_end_matches('/'));
        Some(Self { host, key })
    }
}

/// A path without percent-encoding of what needs none.
fn unescaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or("");
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

/// The last two groups of an IPv6 address that holds this IPv4 address, in the ways they are written.
pub(super) fn groups(ip: Ipv4Addr) -> [String; 2] {
    let [a, b, c, d] = ip.octets().map(u16::from);
    let (high, low) = ((a << 8) | b, (c << 8) | d);
    [format!("{high:x}:{low:x}"), format!("{high:x}:{low:04x}")]
}

/// The IPv4 address that an IPv6 address stands for, if it does.
pub fn plain_ip(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = six.segments();
    let whole = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match [a, b, c, d, e, f] {
        // Mapped, translated, and by the network's translator.
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => whole(g, h),
        // Compatible, but not `::` and `::1`.
        [0, 0, 0, 0, 0, 0] if g != 0 => whole(g, h),
        [0x2002, ..] => whole(b, c),
        _ => ip,
    }
}

/// The addresses that programs read in these digits: one to four parts, each decimal, octal (`0…`) or
/// hexadecimal (`0x…`), of which the last fills what is left; and four decimal parts with zeros before them.
pub fn ipv4(text: &str) -> impl Iterator<Item = Ipv4Addr> {
    let is_quad = text.split('.').filter(|part| !part.is_empty() && part.len() <= 3).count() == 4;
    let plain = (is_quad && text.split('.').any(|part| part.len() > 1 && part.starts_with('0')))
        .then(|| joined(text, |part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?));
    joined(text, numeral).into_iter().chain(plain.flatten())
}

fn joined(text: &str, read: impl Fn(&str) -> Option<u64>) -> Option<Ipv4Addr> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut parts = [0_u64; 4];
    let mut count = 0;
    for part in text.split('.') {
        *parts.get_mut(count)? = read(part)?;
        count += 1;
    }
    let (last, first) = parts.get(..count)?.split_last()?;
    if first.iter().any(|part| *part > 255) || *last >= 1 << (8 * (4 - first.len())) {
        return None;
    }
    let high = first.iter().zip([24, 16, 8]).fold(0, |sum, (part, shift)| sum | (part << shift));
    u32::try_from(high | last).ok().map(Ipv4Addr::from)
}

fn numeral(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let is_numeral = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    is_numeral.then(|| u64::from_str_radix(digits, radix).ok())?
}
