//! Version 2: binary (section 2.2 of the specification).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crc::{CRC_32_ISCSI, Crc};

use crate::address::{MAX_UNIX_PATH, ProxyAddr, in_one_family};
use crate::error::ProxyHeaderError::{self, Malformed, TooLong, Unsupported, WrongChecksum};
use crate::header::{Parsed, ProxyHeader, ProxyTransport, ProxyVersion};
use crate::tlv;

pub(crate) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, the command, the family and the length of the rest.
const FRONT: usize = 16;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

const UNSPECIFIED: u8 = 0x00;
const INET: u8 = 0x10;
const INET6: u8 = 0x20;
const UNIX: u8 = 0x30;
const STREAM: u8 = 0x01;
const DATAGRAM: u8 = 0x02;

const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

type Ends = Option<(ProxyAddr, ProxyAddr)>;

pub(crate) fn parse(input: &[u8], max_len: usize) -> Result<Parsed, ProxyHeaderError> {
    let command = input.get(SIGNATURE.len()).copied();
    if command.is_some_and(|command| !matches!(command, LOCAL | PROXY)) {
        return Err(Malformed("neither LOCAL nor PROXY of version 2"));
    }
    let Some((&[.., command, family, high, low], _)) = input.split_first_chunk::<FRONT>() else {
        return Ok(Parsed::Incomplete { needed: FRONT });
    };
    let is_local = command == LOCAL;
    let ends_len = match ends_len(family) {
        Some(len) => len,
        None if is_local => usize::MAX, // Its family is to be ignored.
        None => return Err(Malformed("an unknown family of addresses")),
    };
    let len = FRONT + usize::from(u16::from_be_bytes([high, low]));
    if len > max_len {
        return Err(TooLong { len, max: max_len });
    }
    if !is_local && len - FRONT < ends_len {
        return Err(Malformed("too short for its addresses"));
    }
    let Some(whole) = input.get(..len) else {
        return Ok(Parsed::Incomplete { needed: len });
    };
    let mut header = ProxyHeader { is_local, ..ProxyHeader::unknown() };
    if let Some((ends, _)) = whole[FRONT..].split_at_checked(ends_len) {
        read_tlvs(&mut header, whole, FRONT + ends_len)?;
        if !is_local {
            header.ends = read_ends(family, ends);
            header.transport = match family & 0x0f {
                DATAGRAM => ProxyTransport::Datagram,
                _ => ProxyTransport::Stream,
            };
        }
    }
    Ok(Parsed::Whole { header, version: ProxyVersion::V2, len })
}

/// The bytes of both addresses.
fn ends_len(family: u8) -> Option<usize> {
    match (family & 0xf0, family & 0x0f) {
        (UNSPECIFIED, 0) => Some(0),
        (INET, STREAM | DATAGRAM) => Some(12),
        (INET6, STREAM | DATAGRAM) => Some(36),
        (UNIX, STREAM | DATAGRAM) => Some(2 * MAX_UNIX_PATH),
        _ => None,
    }
}

/// The addresses in a block as long as those of its family.
fn read_ends(family: u8, block: &[u8]) -> Ends {
    if family & 0xf0 == UNIX {
        let (source, destination) = block.split_at_checked(MAX_UNIX_PATH)?;
        return Some((unix_addr(source), unix_addr(destination)));
    }
    let (source, destination, ports) = match family & 0xf0 {
        INET => {
            let (source, rest) = block.split_first_chunk::<4>()?;
            let (destination, ports) = rest.split_first_chunk::<4>()?;
            (IpAddr::from(*source), IpAddr::from(*destination), ports)
        }
        INET6 => {
            let (source, rest) = block.split_first_chunk::<16>()?;
            let (destination, ports) = rest.split_first_chunk::<16>()?;
            (IpAddr::from(*source), IpAddr::from(*destination), ports)
        }
        _ => return None,
    };
    let &[a, b, c, d] = ports.first_chunk()?;
    let source = SocketAddr::new(source, u16::from_be_bytes([a, b]));
    let destination = SocketAddr::new(destination, u16::from_be_bytes([c, d]));
    Some((source.into(), destination.into()))
}

fn unix_addr(path: &[u8]) -> ProxyAddr {
    let len = path.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    ProxyAddr::Unix(path[..len].to_vec())
}

/// The values from `at` on to the end of the header. Those of a local connection may be anything, and their checksum
/// wrong: then there are none.
fn read_tlvs(header: &mut ProxyHeader, whole: &[u8], at: usize) -> Result<(), ProxyHeaderError> {
    let received = tlv::receive(&whole[at..]).and_then(|received| match received.checksum {
        Some(offset) => check(whole, at + offset).map(|()| received),
        None => Ok(received),
    });
    let received = match received {
        Err(_) if header.is_local => return Ok(()),
        received => received?,
    };
    header.has_checksum = received.checksum.is_some();
    header.tlvs = received.tlvs;
    Ok(())
}

/// Whether the checksum, which is at `at`, is that of the header with zeros in its place.
fn check(whole: &[u8], at: usize) -> Result<(), ProxyHeaderError> {
    let (before, rest) = whole.split_at(at);
    let Some((checksum, behind)) = rest.split_first_chunk::<4>() else { return Err(WrongChecksum) };
    match checksum_of(before, behind) == u32::from_be_bytes(*checksum) {
        true => Ok(()),
        false => Err(WrongChecksum),
    }
}

fn checksum_of(before: &[u8], behind: &[u8]) -> u32 {
    let mut digest = CRC32C.digest();
    digest.update(before);
    digest.update(&[0; 4]);
    digest.update(behind);
    digest.finalize()
}

pub(crate) fn encode(header: &ProxyHeader) -> Result<Vec<u8>, ProxyHeaderError> {
    if header.unique_id().is_some_and(|id| id.len() > 128) {
        return Err(Unsupported("a unique id has at most 128 bytes"));
    }
    let mut out = SIGNATURE.to_vec();
    out.push(if header.is_local { LOCAL } else { PROXY });
    out.extend([UNSPECIFIED, 0, 0]);
    if let Some(ends) = header.ends.as_ref().filter(|_| !header.is_local) {
        let transport = match header.transport {
            ProxyTransport::Stream => STREAM,
            ProxyTransport::Datagram => DATAGRAM,
        };
        out[SIGNATURE.len() + 1] = put_ends(&mut out, ends)? | transport;
    }
    let checksum = header.has_checksum.then_some(out.len() + 3);
    if header.has_checksum {
        tlv::put(&mut out, tlv::CRC32C, &[0; 4]);
    }
    out.extend(&header.tlvs);
    let max = FRONT + usize::from(u16::MAX);
    let len = u16::try_from(out.len() - FRONT);
    let len = len.map_err(|_| TooLong { len: out.len(), max })?;
    out[FRONT - 2..FRONT].copy_from_slice(&len.to_be_bytes());
    if let Some(at) = checksum {
        let checksum = checksum_of(&out[..at], &out[at + 4..]);
        out[at..at + 4].copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(out)
}

/// Adds the addresses, and tells their family.
fn put_ends(out: &mut Vec<u8>, ends: &(ProxyAddr, ProxyAddr)) -> Result<u8, ProxyHeaderError> {
    match ends {
        (ProxyAddr::Inet(source), ProxyAddr::Inet(destination)) => {
            let (source, destination) = in_one_family(*source, *destination);
            for addr in [source, destination] {
                match addr.ip() {
                    IpAddr::V4(ip) => out.extend(Ipv4Addr::octets(&ip)),
                    IpAddr::V6(ip) => out.extend(Ipv6Addr::octets(&ip)),
                }
            }
            out.extend(source.port().to_be_bytes());
            out.extend(destination.port().to_be_bytes());
            Ok(if source.is_ipv4() { INET } else { INET6 })
        }
        (ProxyAddr::Unix(source), ProxyAddr::Unix(destination)) => {
            for path in [source, destination] {
                let missing = MAX_UNIX_PATH.checked_sub(path.len());
                let missing = missing.ok_or(Unsupported("a Unix path has at most 108 bytes"))?;
                out.extend(path);
                out.resize(out.len() + missing, 0);
            }
            Ok(UNIX)
        }
        _ => Err(Unsupported("both ends have addresses of one family")),
    }
}
