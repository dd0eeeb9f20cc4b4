//! No argument of the caller panics, spins or blocks: what is bad comes back as an error or a
//! status.
//!
//! This is E10 of `docs/contracts.md`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::common::*;

/// Addresses that no transport can connect to.
fn bad_addresses() -> Vec<String> {
    let mut addresses: Vec<_> = [
        "",
        " ",
        ":",
        ":80",
        "localhost",
        "localhost:",
        "localhost:70000",
        "localhost:-1",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:80:80",
        "[::1",
        "[::1]",
        "::1:::80",
        "no-such-host.invalid:80",
        "not an address",
        "not a url\0:80",
        "ws://",
        "ws:///path",
        "ws://no-such-host.invalid/",
        "ws://127.0.0.1:99999/",
        "ws://user@127.0.0.1:1/",
        "ws://127.0.0.1:1/#fragment",
        "http://127.0.0.1:1/",
        "ftp://127.0.0.1:1/",
        "://127.0.0.1:1",
        "ws//127.0.0.1:1",
        "127.0.0.1:1\r\nInjected: header",
    ]
    .map(String::from)
    .into();
    addresses.push(format!("{}:80", "a".repeat(100_000)));
    addresses.push(format!("ws://{}/", "é".repeat(1000)));
    addresses
}

fn assert_told<T>(result: io::Result<T>, what: &str) -> io::Error {
    let Err(error) = result else { panic!("{what:?} succeeded") };
    assert!(!error.to_string().is_empty(), "{what:?} fails without a word");
    error
}

fn connecting_from(transport: Transport, source: SocketAddr) -> Box<dyn Connect> {
    match transport {
        Transport::Udp => Box::new(UdpConnectConfig::default().with_source_address(source)),
        _ => connecting_with(transport, TcpConnectConfig::default().with_source_address(source)),
    }
}

over_transports! {
    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn addresses_that_make_no_sense_are_errors_of_connect(transport) {
        let node = Watched::start();
        let network = node.handler.network();
        for address in bad_addresses() {
            let what: String = address.chars().take(50).collect();
            assert_told(network.connect(transport, &*address), &what);
            assert_told(network.connect_sync(transport, address), &what);
        }
        let error = assert_told(network.connect(transport, ("no-such-host.invalid", 80)), "host");
        assert!(matches!(CloseReason::of(&error), Some(CloseReason::Unresolved(_))), "{error}");
        assert_eq!(network.stats().endpoints, 0);
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn addresses_that_make_no_sense_are_errors_of_listen(transport) {
        let (handler, _listener) = split();
        let network = handler.network();
        for address in ["", "localhost", "127.0.0.1", ":", "no-such-host.invalid:0", "[::1", "a\0:1"] {
            assert_told(network.listen(transport, address), address);
        }
        let nowhere: [SocketAddr; 0] = [];
        assert_told(network.listen(transport, &nowhere[..]), "no address");
        let error = assert_told(network.listen(transport, "192.0.2.1:0"), "a foreign address");
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable, "{error}");
        assert_eq!(network.stats().endpoints, 0);
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn a_source_address_that_cannot_reach_the_peer_is_an_error_of_connect(transport) {
        let (handler, _listener) = split();
        let peer = "127.0.0.1:9";
        for source in ["[::1]:0", "192.0.2.1:0"] {
            let adapter = connecting_from(transport, source.parse().unwrap());
            assert_told(handler.network().connect(&*adapter, peer), source);
            assert_told(handler.network().connect_sync(&*adapter, peer), source);
        }
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn ids_that_name_nothing_are_answered_with_a_status(transport) {
        let node = Watched::start();
        let network = node.handler.network();
        let (listener, addr) = node.listen(transport);
        for raw in [0, 1, 127, 128, 130, usize::MAX, 1 << 31, listener.raw() ^ 1 << 30] {
            let id = ResourceId::from(raw);
            let endpoint = Endpoint::from_listener(id, addr);
            assert_eq!(network.send(endpoint, b"to nobody"), SendStatus::ResourceNotFound);
            assert_eq!(network.try_send(endpoint, b"to nobody"), SendStatus::ResourceNotFound);
            network.flush(endpoint);
            assert!(!network.remove(id));
            assert_eq!(network.is_ready(id), None);
            assert_eq!(network.close_reason(endpoint), None);
            assert_eq!(network.limits(endpoint), None);
        }
    }
}

#[test]
fn timers_beyond_all_time_never_fire_and_do_no_harm() {
    let (handler, listener) = split();
    let signals = handler.signals();
    let never = [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 62)];
    let timers = never.map(|time| signals.send_with_timer(Signal::Step(1), time));
    signals.cancel_timer(timers[0]);
    signals.send_with_timer(Signal::Step(0), Duration::ZERO);
    run(&handler, listener, "the timer of now", |event| {
        assert_eq!(event.signal(), Signal::Step(0));
        handler.stop();
    });
    signals.cancel_timer(timers[1]);
}
