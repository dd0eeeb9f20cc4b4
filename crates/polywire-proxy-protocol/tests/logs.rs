//! What the log says of connections that a proxy made: it names the client.

mod support;

use std::fmt::{Debug, Write as _};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use polywire_core::Limits;
use polywire_proxy_protocol::{ProxyHeader, ProxyVersion};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use support::{Kind, Node, Over, eventually, localhost};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("polywire")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            write!(line, " {}={value:?}", field.name()).unwrap();
        });
        LINES.lock().unwrap().push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[track_caller]
fn assert_logged(parts: &[&str]) {
    let lines = LINES.lock().unwrap().clone();
    let is_there = lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(is_there, "no {parts:?} in {lines:#?}");
}

#[test]
fn the_log_names_the_client() {
    tracing::subscriber::set_global_default(Collector).unwrap();
    let server = Node::new();
    let mut listen = Over::new(Kind::Framed, localhost());
    listen.limits = Limits::default().with_max_connections_per_ip(1);
    let addr = server.listen(listen);
    let ws = server.listen(Over::new(Kind::Ws, localhost()));
    let header = |client: &str| {
        ProxyHeader::new(client.parse().unwrap(), addr).encode(ProxyVersion::V2).unwrap()
    };
    let mut proxy = TcpStream::connect(addr).unwrap();
    proxy.write_all(&header("192.0.2.1:7")).unwrap();
    server.accepted();
    assert_logged(&["DEBUG", "accepted", "peer=192.0.2.1:7"]);

    let mut other = TcpStream::connect(addr).unwrap();
    other.write_all(&header("192.0.2.1:8")).unwrap();
    let _ = other.read_to_end(&mut Vec::new());
    server.assert_silent();
    assert_logged(&["WARN", "turned peers away", "peer=192.0.2.1:8"]);

    drop(proxy);
    server.next();
    assert_logged(&["DEBUG", "connection ended", "peer=192.0.2.1:7"]);

    let mut broken = TcpStream::connect(ws).unwrap();
    broken.write_all(&[header("192.0.2.1:9"), b"GET".to_vec()].concat()).unwrap();
    drop(broken);
    eventually("it is refused", || server.network().stats().refused == 1);
    server.assert_silent();
    assert_logged(&["DEBUG", "handshake failed", "peer=192.0.2.1:9"]);

    let mut stranger = TcpStream::connect(addr).unwrap();
    stranger.write_all(b"GET / HTTP/1.1").unwrap();
    let _ = stranger.read_to_end(&mut Vec::new());
    server.assert_silent();
    let peer = format!("peer={}", stranger.local_addr().unwrap());
    assert_logged(&["DEBUG", "handshake failed", &peer, "no PROXY header"]);
}
