//! What strangers send and what callers pass by mistake: a clear error, and nobody else is harmed.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapters::ws::WsConnectConfig;
use polywire::network::{Endpoint, Transport};

use support::peers::{self, STREAMS};
use support::{Node, SLACK};

// What callers pass.

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    for &transport in Transport::ALL {
        let node = Node::new();
        let (first, addr) = node.listen(transport);
        let error = node.network().listen(transport, addr).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{transport}");
        assert!(error.to_string().contains(&addr.to_string()), "{transport}: {error}");
        assert!(node.network().remove(first));
        node.settle();
        assert!(node.network().listen(transport, addr).is_ok(), "{transport}: it is free again");
    }
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    let node = Node::new();
    for &transport in Transport::ALL {
        // TEST-NET-3 of RFC 5737.
        let error = node.network().listen(transport, "203.0.113.1:0").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{transport}");
        assert!(error.to_string().contains("203.0.113.1"), "{transport}: {error}");
    }
}

#[test]
fn an_address_without_a_port_is_told_how_to_be_written() {
    let node = Node::new();
    for &transport in Transport::ALL {
        for addr in ["example.org", "127.0.0.1", "example.org:", "example.org:99999"] {
            let error = node.network().connect(transport, addr).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{transport}: {error}");
            let text = error.to_string();
            assert!(text.contains(addr) && text.contains("host"), "{transport}: {text}");
        }
    }
}

#[test]
fn an_unknown_host_is_an_error_that_names_it() {
    let node = Node::new();
    for &transport in Transport::ALL {
        let error = node.network().connect(transport, "no-such-host.invalid:80").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{transport}: {error}");
        assert!(error.to_string().contains("no-such-host.invalid"), "{transport}: {error}");
    }
}

#[test]
fn a_bad_url_is_an_error_that_says_how_to_write_one() {
    let node = Node::new();
    for url in
        ["ws://", "ws://:80/", "ws:/x", "ws://h/a b", "ws://h/\r\nX: y", "ws://u@h/", "x://h"]
    {
        let error = node.network().connect(Transport::Ws, url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
        assert!(error.to_string().contains("ws://host"), "{error}");
    }
}

#[test]
fn a_header_that_would_forge_the_request_is_an_error() {
    let node = Node::new();
    let config = WsConnectConfig::default().with_header("X", "y\r\nZ: w");
    let error = node.network().connect(config, "ws://127.0.0.1:9/").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

// Servers of something else.

#[test]
fn a_server_that_speaks_something_else_fails_that_connection_only() {
    let (node, server) = (Node::new(), Node::echo());
    let (_, addr) = server.listen(Transport::Ws);
    let healthy = node.connect_ready(Transport::Ws, addr);
    for answer in [b"SSH-2.0-OpenSSH_9.2\r\n".as_slice(), b"\0\xff\0\xff", &[b'x'; 100_000]] {
        let other = peers::server(move |mut stream| {
            let _ = stream.write_all(answer);
            peers::read_to_the_end(&mut stream);
        });
        let endpoint = node.connect(Transport::Ws, other);
        let reason = node.not_connected(endpoint);
        let CloseReason::HandshakeRefused(refusal) = &reason else { panic!("{reason:?}") };
        assert!(refusal.text().contains("HTTP"), "{refusal}");
    }
    node.network().send(healthy, b"still there?");
    assert_eq!(node.message(), (healthy, b"still there?".into()));
}

// Clients of something else.

#[test]
fn an_http_request_that_is_no_upgrade_gets_an_http_error() {
    let requests: [(&str, &[u8]); 6] = [
        ("400", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("405", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
        (
            "426",
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
        ),
        ("400", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("400", b"get / http/1.1\r\n\r\n"),
        ("400", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"),
    ];
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    for (status, request) in requests {
        let mut peer = peers::connect(addr);
        peer.write_all(request).unwrap();
        let answer = String::from_utf8(peers::read_to_the_end(&mut peer)).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let head = answer.to_ascii_lowercase();
        let options = if status == "426" { "close, upgrade" } else { "close" }; // RFC 9110 section 7.8.
        assert!(head.contains(&format!("\r\nconnection: {options}\r\n")), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{answer}");
    }
    node.assert_silent();
    assert_eq!(node.network().stats().refused, requests.len() as u64);
}

#[test]
fn a_request_without_end_is_cut_off() {
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    let mut peer = peers::connect(addr);
    peer.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    // The server may hang up while this is still being written.
    let _ = peer.write_all(&[b'x'; 64 << 10]);
    let mut start = [0; 13];
    peer.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 431 ");
    node.assert_silent();
}

// Hostile lengths.

/// A length that no peer of good will sends, and why it is refused.
struct Hostile {
    transport: Transport,
    what: &'static str,
    bytes: Vec<u8>,
    is_right: fn(&CloseReason) -> bool,
}

fn hostile() -> Vec<Hostile> {
    fn is_violation(reason: &CloseReason) -> bool {
        matches!(reason, CloseReason::ProtocolViolation(text) if !text.is_empty())
    }
    fn is_too_large(reason: &CloseReason) -> bool {
        matches!(reason, CloseReason::MessageTooLarge { size, max } if size > max)
    }
    let framed = |what, bytes: &[u8], is_right| Hostile {
        transport: Transport::FramedTcp,
        what,
        bytes: bytes.into(),
        is_right,
    };
    let ws = |what, len: u64, is_right| Hostile {
        transport: Transport::Ws,
        what,
        bytes: [&[0x82, 0xFF][..], &len.to_be_bytes(), b"mask"].concat(),
        is_right,
    };
    vec![
        framed("11 times 0xFF", &[0xFF; 11], is_violation),
        framed("0x80 and zeros", &[&[0x80][..], &[0; 9]].concat(), is_violation),
        framed("one byte too many", &[0x85, 0x00], is_violation),
        framed("1 TiB", &peers::varint(1 << 40), is_too_large),
        framed("the most there is", &peers::varint(u64::MAX), is_too_large),
        ws("1 TiB", 1 << 40, is_too_large),
        ws("2^62", 1 << 62, is_too_large),
        ws("the top bit", 1 << 63, is_violation),
        ws("a needlessly long length", 5, is_violation),
    ]
}

/// A connection to the node, ready.
fn client(node: &Node, transport: Transport, addr: std::net::SocketAddr) -> (Endpoint, TcpStream) {
    let peer = peers::open(transport, addr);
    (node.accepted(), peer)
}

fn assert_served(node: &Node, transport: Transport, (endpoint, peer): &mut (Endpoint, TcpStream)) {
    peer.write_all(&peers::frame(transport, b"still there?")).unwrap();
    assert_eq!(node.message(), (*endpoint, b"still there?".into()));
    assert_eq!(peers::read_message(transport, peer), b"still there?");
}

#[test]
fn hostile_lengths_are_refused_at_once_and_others_are_served() {
    for Hostile { transport, what, bytes, is_right } in hostile() {
        let node = Node::echo();
        let (_, addr) = node.listen(transport);
        let mut healthy = client(&node, transport, addr);
        let (endpoint, mut peer) = client(&node, transport, addr);
        let start = Instant::now();
        peer.write_all(&bytes).unwrap();
        let reason = node.disconnected(endpoint);
        let took = start.elapsed();
        assert!(took < SLACK * Duration::from_millis(100), "{transport}, {what}: {took:?}");
        assert!(is_right(&reason), "{transport}, {what}: {reason:?}");
        peers::read_to_the_end(&mut peer);
        assert_served(&node, transport, &mut healthy);
        assert_served(&node, transport, &mut client(&node, transport, addr));
    }
}

#[test]
fn hostile_lengths_that_arrive_byte_by_byte_are_refused_too() {
    for Hostile { transport, what, bytes, is_right } in hostile() {
        let node = Node::echo();
        let (_, addr) = node.listen(transport);
        let (endpoint, mut peer) = client(&node, transport, addr);
        for byte in bytes {
            // The node may have hung up at an earlier byte.
            if peer.write_all(&[byte]).is_err() {
                break;
            }
            node.settle();
        }
        let reason = node.disconnected(endpoint);
        assert!(is_right(&reason), "{transport}, {what}: {reason:?}");
    }
}

/// What peers may send and what not, and whether it holds a message.
fn good_and_bad() -> Vec<(Transport, Vec<u8>, bool)> {
    let bad = hostile().into_iter().map(|hostile| (hostile.transport, hostile.bytes, false));
    let good = peers::MESSAGE_STREAMS.into_iter().flat_map(|transport| {
        [0, 5, 200].map(|len| (transport, peers::frame(transport, &vec![7; len]), true))
    });
    bad.chain(good).collect()
}

#[test]
fn bytes_cut_anywhere_come_to_a_message_or_an_end_at_once() {
    let mut longest = Duration::ZERO;
    for (transport, bytes, is_good) in good_and_bad() {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        // Behind the first bytes all come that a header may have, then some.
        for cut in (0..bytes.len()).filter(|cut| *cut < 20 || cut % 20 == 0) {
            for goes_on in [true, false] {
                let (endpoint, mut peer) = client(&node, transport, addr);
                peer.write_all(&bytes[..cut]).unwrap();
                node.settle(); // So that a read ends here.
                let start = Instant::now();
                if goes_on {
                    let _ = peer.write_all(&bytes[cut..]);
                } else {
                    let _ = peer.shutdown(std::net::Shutdown::Write);
                }
                if goes_on && is_good {
                    assert_eq!(node.message().0, endpoint);
                } else {
                    node.disconnected(endpoint);
                }
                longest = longest.max(start.elapsed());
                drop(peer);
                if goes_on && is_good {
                    node.disconnected(endpoint);
                }
            }
        }
    }
    println!("measured: {longest:?} at most until a message or the end");
    assert!(longest < SLACK * Duration::from_millis(100), "{longest:?}");
}

#[test]
fn a_peer_that_sends_garbage_is_disconnected_and_others_lose_nothing() {
    // Neither a length nor a frame that anybody may send.
    let garbage = [0xFF; 100_000];
    for transport in peers::MESSAGE_STREAMS {
        let node = Node::echo();
        let (_, addr) = node.listen(transport);
        let mut healthy = client(&node, transport, addr);
        for _ in 0..20 {
            let (endpoint, mut peer) = client(&node, transport, addr);
            // Half a message of the healthy one stands in between.
            let frame = peers::frame(transport, b"in two parts");
            healthy.1.write_all(&frame[..5]).unwrap();
            let _ = peer.write_all(&garbage);
            let reason = node.disconnected(endpoint);
            assert!(matches!(reason, CloseReason::ProtocolViolation(_)), "{reason:?}");
            healthy.1.write_all(&frame[5..]).unwrap();
            assert_eq!(node.message(), (healthy.0, b"in two parts".into()));
            let echo = peers::read_message(transport, &mut healthy.1);
            assert_eq!(echo, b"in two parts");
        }
        node.assert_silent();
    }
}

#[test]
fn messages_before_garbage_are_delivered() {
    for transport in peers::MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let (endpoint, mut peer) = client(&node, transport, addr);
        let good = peers::frame(transport, b"good");
        peer.write_all(&[&good[..], &good, &[0xFF; 20]].concat()).unwrap();
        assert_eq!(node.message(), (endpoint, b"good".into()));
        assert_eq!(node.message(), (endpoint, b"good".into()));
        let reason = node.disconnected(endpoint);
        assert!(matches!(reason, CloseReason::ProtocolViolation(_)), "{reason:?}");
    }
}

#[test]
fn peers_that_go_at_once_harm_nobody() {
    for transport in STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        for round in 0..100 {
            let peer = peers::connect(addr);
            if round % 2 == 0 { peers::reset(peer) } else { drop(peer) }
        }
        let mut last = peers::open(transport, addr);
        last.write_all(&peers::frame(transport, b"hello")).unwrap();
        loop {
            if let support::StoredNetEvent::Message(_, message) = node.next() {
                break assert_eq!(message, b"hello");
            }
        }
    }
}
