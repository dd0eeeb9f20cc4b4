//! Bad addresses, schemes and ids are errors: no panic, and no byte in clear text.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use polywire::network::{Endpoint, RemoteAddr, SendStatus, ToRemoteAddr, Transport};

use crate::support::peers::STREAMS;
use crate::support::{ANY_PORT, Node, StoredNetEvent};

#[test]
fn a_secure_or_foreign_scheme_is_refused_before_any_byte_leaves() {
    let plain = TcpListener::bind(ANY_PORT).unwrap();
    let addr = plain.local_addr().unwrap();
    let node = Node::new();
    for scheme in ["wss", "WSS", "https", "http", "ftp"] {
        for &transport in Transport::ALL.iter().chain(Transport::SECURE) {
            let is_wanted =
                scheme.eq_ignore_ascii_case("wss") && transport.plain() == Transport::Ws;
            if is_wanted && cfg!(feature = "__tls") {
                continue;
            }
            let url = format!("{scheme}://{addr}/secret?token=abc");
            let error = node.network().connect(transport, &url).unwrap_err();
            let named = format!("{scheme}://{addr}").to_lowercase();
            assert!(error.to_string().to_lowercase().contains(&named), "{error}");
            assert!(!error.to_string().contains("token"), "{error}");
            node.network().connect_sync(transport, &url).unwrap_err();
        }
    }
    node.assert_silent();
    assert_eq!(node.network().stats().endpoints, 0);
    let mark = TcpStream::connect(addr).unwrap();
    let (_, first) = plain.accept().unwrap();
    assert_eq!(first, mark.local_addr().unwrap(), "nobody connected before");
}

#[test]
fn bad_addresses_are_errors_and_no_panics() {
    let node = Node::new();
    let network = node.network();
    for &transport in Transport::ALL {
        for addr in ["", "localhost", ":80", "localhost:70000", "not a url", "\0:80"] {
            assert!(network.connect(transport, addr).is_err(), "{transport} to '{addr}'");
            assert!(network.connect_sync(transport, addr).is_err(), "{transport} to '{addr}'");
            if cfg!(windows) && addr == ":80" {
                continue; // The machine's own addresses.
            }
            assert!(network.listen(transport, addr).is_err(), "{transport} on '{addr}'");
        }
        assert!(network.connect(transport, ("no-such-host.invalid", 80)).is_err());
        assert!(network.listen(transport, ("no-such-host.invalid", 80)).is_err());
    }
    assert!(network.connect(Transport::Ws, "ws://no-such-host.invalid/").is_err());
    node.assert_silent();
    assert_eq!(network.stats().endpoints, 0);
}

#[test]
fn host_names_are_addresses() {
    for transport in STREAMS {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let host = format!("localhost:{}", addr.port());
        let (endpoint, _) = client.network().connect(transport, &host).unwrap();
        assert!(matches!(client.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
        server.accepted();
    }
}

#[test]
fn ids_and_times_that_mean_nothing_are_no_panics() {
    let node = Node::new();
    let (listener, addr) = node.listen(Transport::FramedTcp);
    let nobody = [
        Endpoint::from_listener(0_usize.into(), addr),
        Endpoint::from_listener(usize::MAX.into(), addr),
        Endpoint::from_listener(listener, addr),
    ];
    for endpoint in nobody {
        assert_eq!(node.network().send(endpoint, b"x"), SendStatus::ResourceNotFound);
        assert_eq!(node.network().try_send(endpoint, b"x"), SendStatus::ResourceNotFound);
        node.network().flush(endpoint);
        assert_eq!(node.network().close_reason(endpoint), None);
    }
    assert!(!node.network().remove(usize::MAX.into()));
    assert_eq!(node.network().is_ready(usize::MAX.into()), None);
    let (sender, receiver) = mpsc::channel();
    let timer = node.handler.signals().send_with_timer(sender, Duration::MAX);
    node.settle();
    assert!(receiver.try_recv().is_err(), "it is not its time yet");
    node.handler.signals().cancel_timer(timer);
    node.handler.signals().cancel_timer(timer);
}

#[test]
fn a_remote_address_knows_whether_it_is_text() {
    let text = "ws://example.org/".to_remote_addr().unwrap();
    assert!(text.is_string() && !text.is_socket_addr());
    assert_eq!(text.string(), "ws://example.org/");
    let socket: RemoteAddr = "[::1]:80".to_remote_addr().unwrap();
    assert!(socket.is_socket_addr() && !socket.is_string());
    assert_eq!(socket.string(), "");
}
