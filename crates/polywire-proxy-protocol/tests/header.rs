//! Headers as bytes: what is understood, what is refused, and that no byte too many is asked for.

use std::net::SocketAddr;

use polywire_proxy_protocol::{
    Parsed, ProxyAddr, ProxyHeader, ProxyHeaderError, ProxyTransport, ProxyVersion, tlv,
};
use proptest::prelude::*;

const MAX: usize = 1 << 17;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A header of version 2 as its parts.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &len, body].concat()
}

#[track_caller]
fn whole(bytes: &[u8]) -> (ProxyHeader, ProxyVersion, usize) {
    match ProxyHeader::parse(bytes, MAX) {
        Ok(Parsed::Whole { header, version, len }) => (header, version, len),
        other => panic!("not whole: {other:?}"),
    }
}

#[track_caller]
fn ends(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let header = whole(bytes).0;
    Some((header.source()?.socket_addr()?, header.destination()?.socket_addr()?))
}

#[track_caller]
fn malformed(bytes: &[u8]) {
    let result = ProxyHeader::parse(bytes, MAX);
    assert!(matches!(result, Err(ProxyHeaderError::Malformed(_))), "{result:?}");
}

/// Reads as a layer does: never more than is needed. What is left behind the header.
fn read_frugally(bytes: &[u8]) -> Result<(ProxyHeader, usize), ProxyHeaderError> {
    let mut len = 0;
    loop {
        match ProxyHeader::parse(&bytes[..len], MAX)? {
            Parsed::Incomplete { needed } => {
                assert!(needed > len, "it asks for something");
                assert!(needed <= bytes.len(), "{needed} of {}", bytes.len());
                len = needed;
            }
            Parsed::Whole { header, len: used, .. } => {
                assert_eq!(used, len, "it has read what is the header's, and no more");
                return Ok((header, used));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn lines_of_text_are_understood() {
    let line = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n\r\n";
    let (_, version, len) = whole(line);
    assert_eq!((version, len), (ProxyVersion::V1, line.len() - 18));
    assert_eq!(ends(line), Some((addr("192.168.0.1:56324"), addr("192.168.0.11:443"))));

    let longest = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                    ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 0\r\n";
    let ends = ends(longest).unwrap();
    assert_eq!(ends.0, addr("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"));
    assert_eq!(ends.1.port(), 0);
}

#[test]
fn an_unknown_client_has_no_address_whatever_else_the_line_says() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!(longest.len(), 107);
    for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ::1 \r x\r\r\n", &longest] {
        let (header, _, len) = whole(line.as_bytes());
        assert_eq!((header, len), (ProxyHeader::unknown(), line.len()));
        assert!(read_frugally(line.as_bytes()).is_ok());
    }
}

#[test]
fn lines_that_break_a_rule_are_malformed() {
    for line in [
        "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n",
        "PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1  1\r\n",
        "PROXY TCP4 ::1 ::1 1 1\r\n",
        "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
        "PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n\r\n",
    ] {
        malformed(line.as_bytes());
    }
    malformed(b"PROXY TCP4 1.1.1.1 1.1.1.\xff 1 1\r\n");
    malformed(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93]].concat());
}

#[test]
fn what_begins_otherwise_is_no_header() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"PROXYING", b"\r\n\r\n\0\r\nQUIX"] {
        assert_eq!(ProxyHeader::parse(bytes, MAX), Err(ProxyHeaderError::Missing));
    }
    assert_eq!(ProxyHeader::parse(b"x", MAX), Err(ProxyHeaderError::Missing));
}

#[test]
fn binary_addresses_of_all_families_are_understood() {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];
    let both = Some((addr("192.0.2.1:56324"), addr("198.51.100.1:443")));
    assert_eq!(ends(&v2(0x21, 0x11, &v4)), both);
    assert_eq!(ends(&v2(0x21, 0x12, &v4)), both);
    assert_eq!(whole(&v2(0x21, 0x12, &v4)).0.transport(), ProxyTransport::Datagram);

    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
    assert_eq!(ends(&v2(0x21, 0x21, &v6)), Some((addr("[::1]:3"), addr("[::2]:4"))));

    let mut unix = [0; 216];
    unix[..9].copy_from_slice(b"/run/sock");
    unix[108..113].copy_from_slice(b"\0name");
    let header = whole(&v2(0x21, 0x31, &unix)).0;
    assert_eq!(header, ProxyHeader::unix("/run/sock", "\0name"));
    assert_eq!(header.source().unwrap().to_string(), "unix:/run/sock");

    assert_eq!(whole(&v2(0x21, 0x00, b"")).0, ProxyHeader::unknown());
}

#[test]
fn of_a_local_connection_addresses_do_not_count() {
    let garbage: &[u8] = &[0xff; 20];
    let wrong_checksum = b"\x03\0\x04\0\0\0\0";
    let cases = [
        (0, &b""[..]),
        (0x11, b""),
        (0x11, garbage),
        (0x77, garbage),
        (0, garbage),
        (0, wrong_checksum),
    ];
    for (family, body) in cases {
        let (header, _, len) = whole(&v2(0x20, family, body));
        assert_eq!((header, len), (ProxyHeader::local(), 16 + body.len()));
    }
    let named = v2(0x20, 0, b"\x05\0\x02id");
    assert_eq!(whole(&named).0.unique_id(), Some(&b"id"[..]));
}

#[test]
fn binary_headers_that_break_a_rule_are_malformed() {
    malformed(&v2(0x31, 0x11, &[0; 12])); // Version 3.
    malformed(&v2(0x22, 0x11, &[0; 12]));
    for family in [0x01, 0x10, 0x13, 0x41, 0xff] {
        malformed(&v2(0x21, family, &[0; 216]));
    }
    malformed(&v2(0x21, 0x11, &[0; 11]));
    malformed(&v2(0x21, 0x21, &[0; 35]));
    malformed(&v2(0x21, 0x31, &[0; 215]));
    malformed(&v2(0x21, 0, b"\x01\0\x03h2")); // Cut.
    malformed(&v2(0x21, 0, b"\x01\0"));
    malformed(&v2(0x21, 0, b"\x03\0\x03abc"));
}

#[test]
fn a_header_that_is_too_long_is_refused_by_its_front() {
    let bytes = v2(0x21, 0, &[4, 0, 97].into_iter().chain([0; 97]).collect::<Vec<_>>());
    assert!(matches!(ProxyHeader::parse(&bytes, 116), Ok(Parsed::Whole { len: 116, .. })));
    let too_long = ProxyHeaderError::TooLong { len: 116, max: 115 };
    assert_eq!(ProxyHeader::parse(&bytes[..16], 115), Err(too_long));
}

#[test]
fn values_are_readable() {
    let ssl =
        [&b"\x07\0\0\0\0"[..], b"\x21\0\x07TLSv1.3", b"\x22\0\x02cn", b"\x28\0\x03der"].concat();
    let header = ProxyHeader::new(addr("192.0.2.1:1"), addr("[::1]:2"))
        .with_alpn("h2")
        .with_authority("example.org")
        .with_unique_id("id")
        .with_tlv(tlv::SSL, ssl)
        .with_tlv(tlv::NETNS, "blue")
        .with_tlv(tlv::NOOP, "fills up")
        .with_tlv(0xe0, "own")
        .with_checksum(true);
    let bytes = header.encode(ProxyVersion::V2).unwrap();
    let header = whole(&bytes).0;
    assert_eq!(header.source().unwrap().to_string(), "[::ffff:192.0.2.1]:1");
    assert_eq!(header.alpn(), Some(&b"h2"[..]));
    assert_eq!(header.authority(), Some("example.org"));
    assert_eq!(header.unique_id(), Some(&b"id"[..]));
    assert_eq!(header.network_namespace(), Some("blue"));
    assert_eq!(header.tlv(0xe0), Some(&b"own"[..]));
    assert_eq!((header.tlv(tlv::NOOP), header.tlv(tlv::CRC32C)), (None, None));
    assert_eq!(header.tlvs().count(), 6);
    assert!(header.has_checksum());
    let ssl = header.ssl().unwrap();
    assert!(ssl.is_tls() && ssl.has_certificate() && ssl.had_certificate() && ssl.is_verified());
    assert_eq!((ssl.version(), ssl.common_name()), (Some("TLSv1.3"), Some("cn")));
    assert_eq!((ssl.client_certificate(), ssl.cipher()), (Some(&b"der"[..]), None));
}

#[test]
fn the_checksum_is_that_of_rfc_4960() {
    let body =
        [&[192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb][..], b"\x03\0\x04\0\0\0\0"];
    let mut bytes = v2(0x21, 0x11, &body.concat());
    let header = ProxyHeader::new(addr("192.0.2.1:56324"), addr("198.51.100.1:443"));
    let encoded = header.with_checksum(true).encode(ProxyVersion::V2).unwrap();
    let checksum = crc32c(&bytes).to_be_bytes();
    bytes[31..].copy_from_slice(&checksum);
    assert_eq!(encoded, bytes);
    for at in 16..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if !(28..31).contains(&at) {
            let result = ProxyHeader::parse(&changed, MAX);
            assert_eq!(result, Err(ProxyHeaderError::WrongChecksum), "{at}");
        }
    }
}

/// Bit by bit, by the polynomial 0x1EDC6F41 in reverse.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn the_checksum_of_these_tests_is_right() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn what_a_version_cannot_say_is_an_error() {
    let plain = ProxyHeader::new(addr("192.0.2.1:1"), addr("192.0.2.2:2"));
    let unsupported = |header: &ProxyHeader, version| {
        matches!(header.encode(version), Err(ProxyHeaderError::Unsupported(_)))
    };
    assert!(unsupported(&plain.clone().with_alpn("h2"), ProxyVersion::V1));
    assert!(unsupported(&plain.clone().with_checksum(true), ProxyVersion::V1));
    assert!(unsupported(&plain.clone().with_transport(ProxyTransport::Datagram), ProxyVersion::V1));
    assert!(unsupported(&ProxyHeader::unix("a", "b"), ProxyVersion::V1));
    assert!(unsupported(&ProxyHeader::unix(vec![b'a'; 109], "b"), ProxyVersion::V2));
    assert!(unsupported(&plain.clone().with_unique_id([0; 129]), ProxyVersion::V2));
    for value in [vec![0; 65_535], vec![0; 65_536], vec![0; 200_000]] {
        let result = plain.clone().with_tlv(0xe0, value).encode(ProxyVersion::V2);
        assert!(matches!(result, Err(ProxyHeaderError::TooLong { max: 65_551, .. })), "{result:?}");
    }
    let largest = plain.with_tlv(0xe0, vec![0; 65_535 - 12 - 3]);
    assert_eq!(whole(&largest.encode(ProxyVersion::V2).unwrap()).2, 65_551);
}

fn any_addr() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        any::<([u8; 16], u16)>().prop_map(SocketAddr::from),
        (0..=1_u16).prop_map(|port| SocketAddr::from(([0_u16; 8], port))),
        Just(SocketAddr::from(([0; 4], 0))),
    ]
}

fn any_header() -> impl Strategy<Value = (ProxyHeader, ProxyVersion)> {
    let plain = prop_oneof![
        4 => (any_addr(), any_addr()).prop_map(|(one, other)| ProxyHeader::new(one, other)),
        1 => Just(ProxyHeader::unknown()),
        1 => Just(ProxyHeader::local()),
    ];
    let path = || prop::collection::vec(1..=u8::MAX, 0..=108);
    let with_more = (
        prop_oneof![3 => plain.clone(), 1 => (path(), path()).prop_map(|(a, b)| ProxyHeader::unix(a, b))],
        prop::collection::vec((5..=u8::MAX, prop::collection::vec(any::<u8>(), 0..100)), 0..5),
        any::<bool>(),
    );
    let with_more = with_more.prop_map(|(header, tlvs, has_checksum)| {
        let add = |header: ProxyHeader, (kind, value): (u8, Vec<u8>)| header.with_tlv(kind, value);
        tlvs.into_iter().fold(header, add).with_checksum(has_checksum)
    });
    prop_oneof![
        plain.prop_map(|header| (header, ProxyVersion::V1)),
        with_more.prop_map(|header| (header, ProxyVersion::V2)),
    ]
}

/// Bytes that go wrong late.
fn almost_a_header() -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let damaged = (any_header(), damage, prop::collection::vec(any::<u8>(), 0..20));
    let damaged = damaged.prop_map(|((header, version), damage, more)| {
        let mut bytes = header.encode(version).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        [bytes, more].concat()
    });
    let text = "PROXY (TCP4|TCP6|UNKNOWN) [0-9a-f:. \r\n]{0,110}(\r\n)?.{0,5}"
        .prop_map(String::into_bytes);
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), damaged, text]
}

proptest! {
    #[test]
    fn what_was_encoded_is_parsed_without_reading_a_byte_too_many((header, version) in any_header()) {
        let bytes = header.encode(version).unwrap();
        let (parsed, len) = read_frugally(&bytes).unwrap();
        prop_assert_eq!(len, bytes.len());
        prop_assert_eq!(parsed.encode(version).unwrap(), &bytes[..]);
        let followed = [&bytes[..], b"\r\n more"].concat();
        prop_assert_eq!(whole(&followed), (parsed.clone(), version, len));
        if let (Some(ProxyAddr::Inet(sent)), Some(ProxyAddr::Inet(received))) = (header.source(), parsed.source()) {
            prop_assert_eq!(sent.ip().to_canonical(), received.ip().to_canonical());
            prop_assert_eq!(sent.port(), received.port());
        }
    }

    #[test]
    fn bytes_mean_the_same_however_they_come(bytes in almost_a_header(), max in prop_oneof![Just(MAX), 0..300_usize]) {
        let at_once = ProxyHeader::parse(&bytes, max);
        let is_whole = !matches!(at_once, Ok(Parsed::Incomplete { .. }));
        for len in 0..bytes.len() {
            match ProxyHeader::parse(&bytes[..len], max) {
                Ok(Parsed::Incomplete { needed }) => prop_assert!(needed > len),
                decided => {
                    prop_assert!(is_whole, "{:?} and then {:?}", decided, at_once);
                    match (&decided, &at_once) {
                        (Err(_), Err(_)) => {}
                        _ => prop_assert_eq!(&decided, &at_once),
                    }
                    return Ok(());
                }
            }
        }
    }
}
