//! Version 1: a line of text (section 2.1 of the specification).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::address::{ProxyAddr, in_one_family};
use crate::error::ProxyHeaderError::{self, Malformed, Unsupported};
use crate::header::{Parsed, ProxyHeader, ProxyTransport, ProxyVersion};

pub(crate) const SIGNATURE: &[u8] = b"PROXY ";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN";
const TCP4: &[u8] = b"PROXY TCP4 ";
const TCP6: &[u8] = b"PROXY TCP6 ";

/// `PROXY UNKNOWN` and the end of the line: no header of either version is shorter.
pub(crate) const MIN_LEN: usize = UNKNOWN.len() + 2;
/// The longest line, its end included.
const MAX_LEN: usize = 107;

pub(crate) fn parse(input: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let front = &input[..input.len().min(MAX_LEN)];
    if let Some(len) = front.windows(2).position(|end| end == b"\r\n") {
        let header = parse_line(&front[..len])?;
        return Ok(Parsed::Whole { header, version: ProxyVersion::V1, len: len + 2 });
    }
    if front.len() == MAX_LEN {
        return Err(Malformed("a line has at most 107 bytes"));
    }
    let needed = match front.len() {
        ..MIN_LEN => MIN_LEN,
        _ => least(front)?,
    };
    Ok(Parsed::Incomplete { needed })
}

/// How many bytes the line has at least that begins with `front`: each field that is missing has its shortest
/// form. To ask for more than that could take in what is behind the line.
fn least(front: &[u8]) -> Result<usize, ProxyHeaderError> {
    let end = if front.ends_with(b"\r") { 1 } else { 2 };
    let shortest = match front {
        _ if front.starts_with(TCP4) => [7, 7, 1, 1], // 0.0.0.0
        _ if front.starts_with(TCP6) => [2, 2, 1, 1], // ::
        _ if front.starts_with(UNKNOWN) => return Ok(front.len() + end),
        _ => return Err(Malformed("the family is TCP4, TCP6 or UNKNOWN")),
    };
    let mut fields = front[TCP4.len()..].split(|byte| *byte == b' ');
    let mut missing = 0;
    for shortest in shortest {
        missing += match fields.next() {
            // One with another behind it is whole: were it too short, the line would be none.
            Some(field) => shortest.max(field.len()) - field.len(),
            None => 1 + shortest,
        };
    }
    Ok(front.len() + missing + end)
}

fn parse_line(line: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    if let Some(rest) = line.strip_prefix(UNKNOWN) {
        // Whatever it says of addresses is to be ignored.
        return match rest.first() {
            None | Some(b' ') => Ok(ProxyHeader::unknown()),
            Some(_) => Err(Malformed("the family is TCP4, TCP6 or UNKNOWN")),
        };
    }
    let line = std::str::from_utf8(line).map_err(|_| Malformed("a line of ASCII"))?;
    let fields: Vec<&str> = line.split(' ').collect();
    let &[_, family, source, destination, source_port, destination_port] = &fields[..] else {
        return Err(Malformed("a line has six fields, with a space between each two"));
    };
    let parse_ip = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4),
        _ => text.parse::<Ipv6Addr>().map(IpAddr::V6),
    };
    if !matches!(family, "TCP4" | "TCP6") {
        return Err(Malformed("the family is TCP4, TCP6 or UNKNOWN"));
    }
    let parse_addr = |ip, port| {
        let ip = parse_ip(ip).map_err(|_| Malformed("what is no address of its family"))?;
        Ok(SocketAddr::new(ip, parse_port(port)?))
    };
    let source = parse_addr(source, source_port)?;
    Ok(ProxyHeader::new(source, parse_addr(destination, destination_port)?))
}

/// A number without sign and leading zeros.
fn parse_port(text: &str) -> Result<u16, ProxyHeaderError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_number && (text == "0" || !text.starts_with('0'));
    let port = text.parse().ok().filter(|_| is_plain);
    port.ok_or(Malformed("what is no port"))
}

pub(crate) fn encode(header: &ProxyHeader) -> Result<Vec<u8>, ProxyHeaderError> {
    if !header.tlvs.is_empty() || header.has_checksum {
        return Err(Unsupported("version 1 has no values and no checksum; use version 2"));
    }
    let (source, destination) = match &header.ends {
        Some((ProxyAddr::Inet(source), ProxyAddr::Inet(destination))) if !header.is_local => {
            in_one_family(*source, *destination)
        }
        Some(_) if !header.is_local => {
            return Err(Unsupported("version 1 has no Unix sockets; use version 2"));
        }
        _ => return Ok([UNKNOWN, b"\r\n"].concat()),
    };
    if header.transport != ProxyTransport::Stream {
        return Err(Unsupported("version 1 has no datagrams; use version 2"));
    }
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let ports = (source.port(), destination.port());
    Ok(format!("PROXY {family} {from} {to} {} {}\r\n", ports.0, ports.1).into_bytes())
}
