//! Listeners behind a proxy that these tests play by hand.

mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use polywire_core::address::RemoteAddr;
use polywire_core::node::StoredNetEvent;
use polywire_core::{Endpoint, Limits};
use polywire_proxy_protocol::{IpNet, ProxyHeader, ProxyInfo, ProxyListenConfig, ProxyVersion};

use support::{KINDS, Kind, Node, Over, eventually, localhost};

const CLIENT: &str = "192.0.2.1:56324";

fn client() -> SocketAddr {
    CLIENT.parse().unwrap()
}

fn header() -> ProxyHeader {
    ProxyHeader::new(client(), "198.51.100.1:443".parse().unwrap())
}

fn bytes(header: &ProxyHeader, version: ProxyVersion) -> Vec<u8> {
    header.encode(version).unwrap()
}

fn proxy_to(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What a client of that kind says first, with one message in it.
fn first_words(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Tcp => b"hello".to_vec(),
        Kind::Framed => b"\x05hello".to_vec(),
        Kind::Ws => {
            let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                           Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            [request.as_bytes(), b"\x82\x85\0\0\0\0hello"].concat()
        }
    }
}

#[track_caller]
fn info(server: &Node, endpoint: Endpoint) -> ProxyInfo {
    (*server.network().info::<ProxyInfo>(endpoint).expect("the layer knows")).clone()
}

#[track_caller]
fn assert_is_the_client(server: &Node, endpoint: Endpoint) {
    assert_eq!(endpoint.addr(), client());
    assert_eq!(server.network().remote_addr(endpoint), Some(RemoteAddr::Socket(client())));
}

/// The server ends the connection, and tells nobody of it.
#[track_caller]
fn assert_refused(server: &Node, mut proxy: &TcpStream, count: u64) {
    let _ = proxy.read_to_end(&mut Vec::new());
    server.assert_silent();
    let stats = server.network().stats();
    assert_eq!((stats.refused, stats.turned_away), (count, 0));
}

#[test]
fn header_and_first_message_may_come_in_one_segment() {
    for kind in KINDS {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let server = Node::new();
            let addr = server.listen(Over::new(kind, localhost()));
            let mut proxy = proxy_to(addr);
            proxy.write_all(&[bytes(&header(), version), first_words(kind)].concat()).unwrap();
            let endpoint = server.accepted();
            assert_is_the_client(&server, endpoint);
            assert_eq!(server.message(), b"hello");
            let info = info(&server, endpoint);
            assert_eq!((info.header(), info.version()), (&header(), version));
            assert_eq!(info.proxy_addr(), Some(proxy.local_addr().unwrap()));
        }
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    for kind in KINDS {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let server = Node::new();
            let addr = server.listen(Over::new(kind, localhost()));
            let mut proxy = proxy_to(addr);
            for byte in bytes(&header(), version) {
                server.assert_silent();
                proxy.write_all(&[byte]).unwrap();
            }
            proxy.write_all(&first_words(kind)).unwrap();
            assert_is_the_client(&server, server.accepted());
            assert_eq!(server.message(), b"hello");
        }
    }
}

#[test]
fn answers_pass_through() {
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Tcp, localhost()));
    let mut proxy = proxy_to(addr);
    proxy.write_all(&bytes(&header(), ProxyVersion::V2)).unwrap();
    let endpoint = server.accepted();
    server.network().send(endpoint, b"welcome");
    let mut answer = [0; 7];
    proxy.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"welcome");
    let long = vec![7; 4 << 20];
    std::thread::scope(|scope| {
        scope.spawn(|| proxy.write_all(&long).unwrap());
        let mut received = 0;
        while received < long.len() {
            received += server.message().len();
        }
    });
}

#[test]
fn the_values_of_the_header_can_be_asked_for() {
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Tcp, localhost()));
    let mut proxy = proxy_to(addr);
    let header = header().with_alpn("h2").with_authority("example.org").with_unique_id("id");
    let header = header.with_tlv(0xe0, "own").with_checksum(true);
    proxy.write_all(&bytes(&header, ProxyVersion::V2)).unwrap();
    let info = info(&server, server.accepted());
    assert_eq!(info.header(), &header);
    assert_eq!(info.header().destination().unwrap().to_string(), "198.51.100.1:443");
    assert_eq!(info.header().authority(), Some("example.org"));
}

#[test]
fn a_proxy_that_speaks_for_itself_or_for_a_unix_socket_keeps_its_own_address() {
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Framed, localhost()));
    for (header, version) in [
        (ProxyHeader::local(), ProxyVersion::V2),
        (ProxyHeader::unknown(), ProxyVersion::V2),
        (ProxyHeader::unknown(), ProxyVersion::V1),
        (ProxyHeader::unix("/run/a", "/run/b"), ProxyVersion::V2),
    ] {
        let mut proxy = proxy_to(addr);
        proxy.write_all(&bytes(&header, version)).unwrap();
        let endpoint = server.accepted();
        assert_eq!(endpoint.addr(), proxy.local_addr().unwrap());
        assert_eq!(info(&server, endpoint).header(), &header);
        drop(proxy);
        server.next();
    }
}

#[test]
fn who_is_not_an_allowed_proxy_is_refused_whatever_it_sends() {
    for kind in KINDS {
        let server = Node::new();
        let others: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "::/0".parse().unwrap()];
        let addr = server.listen(Over::new(kind, ProxyListenConfig::new(others)));
        assert_refused(&server, &proxy_to(addr), 1); // It need not even speak.
        let mut proxy = proxy_to(addr);
        proxy.write_all(&bytes(&header(), ProxyVersion::V2)).unwrap();
        assert_refused(&server, &proxy, 2);
    }
}

#[test]
fn networks_count_for_both_forms_of_an_ipv4_address() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for network in ["10.0.0.0/8", "::ffff:10.0.0.0/104"] {
        let config = ProxyListenConfig::new([network.parse::<IpNet>().unwrap()]);
        assert!(config.is_allowed(ip("10.1.2.3")));
        assert!(config.is_allowed(ip("::ffff:10.1.2.3")));
        assert!(!config.is_allowed(ip("11.1.2.3")));
        assert!(!config.is_allowed(ip("::10.1.2.3")));
    }
    let none: [IpNet; 0] = [];
    assert!(!ProxyListenConfig::new(none).is_allowed(ip("127.0.0.1")));
}

#[test]
fn a_connection_without_a_whole_header_is_refused() {
    for kind in KINDS {
        let server = Node::new();
        let layer = localhost().with_max_header_size(100);
        let addr = server.listen(Over::new(kind, layer));
        let mut damaged = bytes(&header().with_checksum(true), ProxyVersion::V2);
        *damaged.last_mut().unwrap() ^= 1;
        let too_long = bytes(&header().with_alpn([0; 100]), ProxyVersion::V2);
        let mut count = 0;
        for bytes in
            [&first_words(kind), &damaged, &too_long, &b"PROXY TCP4 nobody 1 1 1\r\n".to_vec()]
        {
            let mut proxy = proxy_to(addr);
            proxy.write_all(bytes).unwrap();
            count += 1;
            assert_refused(&server, &proxy, count);
        }
        let mut proxy = proxy_to(addr);
        proxy.write_all(b"PROXY TCP4 192.0.2.1").unwrap();
        proxy.shutdown(Shutdown::Write).unwrap();
        assert_refused(&server, &proxy, count + 1);
    }
}

#[test]
fn silence_ends_when_the_handshake_timeout_is_over() {
    for begun in [&b""[..], b"PROXY TCP4 192.0.2.1", b"\r\n\r\n\0\r\nQUIT\n\x21\x11"] {
        let server = Node::new();
        let mut listen = Over::new(Kind::Framed, localhost());
        listen.limits = Limits::default().with_handshake_timeout(Duration::from_millis(100));
        let mut proxy = proxy_to(server.listen(listen));
        proxy.write_all(begun).unwrap();
        assert_refused(&server, &proxy, 1);
    }
}

#[test]
fn limits_for_each_address_count_the_client() {
    for kind in KINDS {
        let server = Node::new();
        let mut listen = Over::new(kind, localhost());
        listen.limits = Limits::default().with_max_connections_per_ip(2);
        let addr = server.listen(listen);
        let speak = |mut proxy: &TcpStream, client: &str| {
            let client = client.parse().unwrap();
            let header = ProxyHeader::new(client, addr);
            let header = bytes(&header, ProxyVersion::V2);
            proxy.write_all(&[header, first_words(kind)].concat()).unwrap();
        };
        let open = |client: &str| {
            let proxy = proxy_to(addr);
            speak(&proxy, client);
            let endpoint = server.accepted();
            assert_eq!(endpoint.addr().to_string(), client);
            assert_eq!(server.message(), b"hello");
            proxy
        };
        // Those that have not said for whom they come count for nobody.
        let undecided: Vec<TcpStream> = (0..10).map(|_| proxy_to(addr)).collect();
        let clients = ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "[2001:db8::1]:1"];
        let mut open: Vec<TcpStream> = clients.map(open).into();

        let mut one_too_many = &undecided[0];
        speak(one_too_many, "[::ffff:192.0.2.1]:3");
        let _ = one_too_many.read_to_end(&mut Vec::new());
        server.assert_silent();
        let stats = server.network().stats();
        assert_eq!((stats.turned_away, stats.refused), (1, 0));

        drop(open.remove(0));
        server.next();
        eventually("its place is free", || server.network().stats().endpoints < stats.endpoints);
        speak(&undecided[1], "192.0.2.1:4");
        assert_eq!(server.accepted().addr().to_string(), "192.0.2.1:4");
    }
}

#[test]
fn every_event_of_a_connection_names_the_client() {
    for kind in KINDS {
        let server = Node::new();
        let addr = server.listen(Over::new(kind, localhost()));
        let mut proxy = proxy_to(addr);
        proxy.write_all(&[bytes(&header(), ProxyVersion::V2), first_words(kind)].concat()).unwrap();
        let of_the_client = |event| match event {
            StoredNetEvent::Accepted(endpoint, _)
            | StoredNetEvent::Message(endpoint, _)
            | StoredNetEvent::Disconnected(endpoint) => assert_eq!(endpoint.addr(), client()),
            StoredNetEvent::Connected(..) => panic!("{event:?}"),
        };
        of_the_client(server.next());
        of_the_client(server.next());
        drop(proxy);
        of_the_client(server.next());
    }
}

#[test]
fn health_checks_count_for_the_proxy() {
    let server = Node::new();
    let mut listen = Over::new(Kind::Tcp, localhost());
    listen.limits = Limits::default().with_max_connections_per_ip(1);
    let addr = server.listen(listen);
    let local = bytes(&ProxyHeader::local(), ProxyVersion::V2);
    let mut first = proxy_to(addr);
    first.write_all(&local).unwrap();
    server.accepted();
    let mut second = proxy_to(addr);
    second.write_all(&local).unwrap();
    let _ = second.read_to_end(&mut Vec::new());
    server.assert_silent();
    assert_eq!(server.network().stats().turned_away, 1);
}
