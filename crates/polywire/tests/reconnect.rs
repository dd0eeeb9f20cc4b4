//! An endpoint that outlives its connections. The schedule itself is tested with a clock of the
//! test's, in polywire-framed-tcp.

#[path = "reconnect/attempts.rs"]
mod attempts;
mod support;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::adapter::{Connect, Connection};
use polywire::network::{Endpoint, Limits, NetEvent, RemoteAddr, SendStatus};
use polywire::node::{self, NodeEvent};
use polywire::{Backoff, CloseReason, Reconnecting};

use support::peers;
use support::{
    DEADLINE, Node, StoredNetEvent, Transport, assert_free, at_once, connecting, eventually,
    in_time,
};

fn quick() -> Backoff {
    Backoff::default()
        .with_first_delay(Duration::from_millis(10))
        .with_max_delay(Duration::from_millis(50))
}

fn again(transport: Transport) -> impl Connect {
    Reconnecting::new(transport).with_backoff(quick())
}

/// A server on that address, which was listened on before.
fn restart(transport: Transport, addr: SocketAddr) -> Node {
    let server = Node::new();
    eventually("the port is free", || server.network().listen(transport, addr).is_ok());
    server
}

/// Takes the events up to `Connected(_, true)`, all of which must tell of failed attempts.
fn await_connection(client: &Node, endpoint: Endpoint) {
    loop {
        match client.next() {
            StoredNetEvent::Connected(e, true) if e == endpoint => return,
            StoredNetEvent::Connected(e, false) if e == endpoint => {}
            other => panic!("{other:?} while it connects again"),
        }
    }
}

#[test]
fn an_endpoint_outlives_ten_servers_and_each_gets_all_that_was_sent_to_it() {
    at_once(Transport::STREAMS, |&transport| {
        let mut server = Node::new();
        let (_, addr) = server.listen(transport);
        let client = Node::new();
        let endpoint = client.connect(again(transport), addr);
        for life in 0..10_u8 {
            await_connection(&client, endpoint);
            let accepted = server.accepted();
            let expected: Vec<u8> = (0..100).flat_map(|number| [life, number]).collect();
            for message in expected.chunks(2) {
                assert_eq!(client.network().send(endpoint, message), SendStatus::Sent);
            }
            let mut received = Vec::new();
            while received.len() < expected.len() {
                let (from, message) = server.message();
                assert_eq!(from, accepted);
                received.extend(message);
            }
            assert_eq!(received, expected, "{transport}, life {life}");
            server.stop();
            assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
            let status = client.network().send(endpoint, b"to nobody");
            assert_ne!(status, SendStatus::ResourceNotFound, "the endpoint lives");
            server = restart(transport, addr);
        }
        await_connection(&client, endpoint);
        assert_eq!(client.network().stats().ended.by_peer, 10, "{transport}");
        assert_eq!(client.network().is_ready(endpoint.resource_id()), Some(true));
        assert!(client.network().remove(endpoint.resource_id()));
        client.assert_silent();
    });
}

/// A client whose server is gone, with so long a delay that nothing happens any more.
fn waiting(transport: Transport) -> (Node, Endpoint) {
    let mut server = Node::new();
    let (_, addr) = server.listen(transport);
    let client = Node::new();
    let patient = Backoff::default().with_first_delay(Duration::from_secs(30));
    let adapter = Reconnecting::new(transport).with_backoff(patient);
    let endpoint = client.connect_ready(adapter, addr);
    server.accepted();
    server.stop();
    assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
    (client, endpoint)
}

#[test]
fn sending_between_two_attempts_says_that_there_is_no_connection_now() {
    for &transport in Transport::STREAMS {
        let (client, endpoint) = waiting(transport);
        let status = client.network().send(endpoint, b"hello");
        assert_eq!(status, SendStatus::ResourceNotAvailable, "{transport}");
        assert_eq!(client.network().is_ready(endpoint.resource_id()), Some(false));
    }
}

#[test]
fn a_signal_asked_for_between_two_attempts_comes_with_the_next_connection() {
    for &transport in Transport::STREAMS {
        let mut server = Node::new();
        let (_, addr) = server.listen(transport);
        let (handler, listener) = node::split::<()>();
        let (endpoint, _) = handler.network().connect(again(transport), addr).unwrap();
        let (tell, told) = mpsc::channel();
        let inner = handler.clone();
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Connected(_, true)) => tell.send("connected").unwrap(),
            NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
                assert!(inner.send_signal_when_writable(endpoint, ()));
                tell.send("disconnected").unwrap();
            }
            NodeEvent::Signal(()) => tell.send("writable").unwrap(),
            NodeEvent::Network(_) => {}
        });
        let next = || told.recv_timeout(DEADLINE).unwrap();
        assert_eq!(next(), "connected");
        server.stop();
        assert_eq!(next(), "disconnected");
        let _server = restart(transport, addr);
        let mut rest = [next(), next()];
        rest.sort_unstable();
        assert_eq!(rest, ["connected", "writable"], "{transport}");
        assert!(handler.network().remove(endpoint.resource_id()));
        handler.stop();
        task.wait();
    }
}

#[test]
fn what_was_half_received_counts_no_more_between_two_attempts() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Node::new();
    let patient = Backoff::default().with_first_delay(Duration::from_secs(30));
    let adapter = Reconnecting::new(Transport::FramedTcp).with_backoff(patient);
    let endpoint = client.connect_ready(adapter, server.local_addr().unwrap());
    let (mut peer, _) = server.accept().unwrap();
    peer.write_all(&[0x80, 0x80, 0x40]).unwrap(); // 1 MiB follows.
    peer.write_all(&[7; 100_000]).unwrap();
    eventually("a part has come", || client.network().stats().half_received_bytes > 0);
    drop(peer);
    assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
    assert_eq!(client.network().stats().half_received_bytes, 0);
}

#[test]
fn removing_it_while_it_waits_ends_it_silently() {
    for &transport in Transport::STREAMS {
        let (client, endpoint) = waiting(transport);
        assert!(client.network().remove(endpoint.resource_id()));
        assert!(!client.network().remove(endpoint.resource_id()));
        client.assert_silent();
        assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::ResourceNotFound);
        assert_eq!(client.network().close_reason(endpoint), Some(CloseReason::Removed));
        eventually("it is forgotten", || client.network().stats().endpoints == 0);
    }
}

#[test]
fn removing_it_while_it_connects_again_ends_it_silently() {
    at_once(Transport::STREAMS, |&transport| {
        let silent = peers::Unanswering::new();
        let client = Node::new();
        let limits = Limits::default().with_connect_timeout(Duration::from_millis(100));
        let adapter = Reconnecting::new(Limited(transport, limits)).with_backoff(quick());
        let endpoint = client.connect(adapter, silent.addr);
        assert!(matches!(client.next(), StoredNetEvent::Connected(e, false) if e == endpoint));
        // It waits, or is at it again.
        for _ in 0..2 {
            assert!(matches!(client.next(), StoredNetEvent::Connected(e, false) if e == endpoint));
        }
        assert!(client.network().remove(endpoint.resource_id()));
        eventually("it is forgotten", || client.network().stats().endpoints == 0);
        client.assert_silent();
    });
}

#[test]
fn a_node_stops_whether_it_waits_or_connects_again() {
    for transport in Transport::FramedTcp.each_way() {
        let (mut client, _) = waiting(transport);
        let start = Instant::now();
        client.stop();
        assert!(start.elapsed() < Duration::from_secs(2));

        let silent = peers::Unanswering::new();
        let mut client = Node::new();
        client.connect(again(transport), silent.addr);
        client.settle();
        let start = Instant::now();
        client.stop();
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn enough_failures_end_it_for_good() {
    at_once(Transport::STREAMS, |&transport| {
        let mut server = Node::new();
        let (_, addr) = server.listen(transport);
        let client = Node::new();
        let adapter = Reconnecting::new(transport).with_backoff(quick().with_max_failures(3));
        let endpoint = client.connect_ready(adapter, addr);
        server.accepted();
        server.stop();
        assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
        // The connection that ended so soon is the first of the three.
        for _ in 0..2 {
            assert_eq!(client.not_connected(endpoint), CloseReason::Refused);
        }
        assert_eq!(client.network().is_ready(endpoint.resource_id()), None);
        assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::ResourceNotFound);
        eventually("it is forgotten", || client.network().stats().endpoints == 0);
        thread::sleep(Duration::from_millis(100)); // Longer than any delay.
        client.assert_silent();
    });
}

#[test]
fn a_thread_that_waits_for_room_is_released_when_the_connection_ends() {
    let listener = TcpListener::bind(support::ANY_PORT).unwrap();
    let client = Node::new();
    let addr = listener.local_addr().unwrap();
    let patient = Backoff::default().with_first_delay(Duration::from_secs(30));
    let adapter = Reconnecting::new(Transport::FramedTcp).with_backoff(patient);
    let endpoint = client.connect_ready(adapter, addr);
    let (mut peer, _) = listener.accept().unwrap();
    let (sender, status) = mpsc::channel();
    let handler = client.handler.clone();
    thread::spawn(move || {
        loop {
            let status = handler.network().send(endpoint, &[0; 1 << 20]);
            if status != SendStatus::Sent {
                return sender.send(status).unwrap();
            }
        }
    });
    eventually("it waits", || client.network().stats().queued_bytes > 1 << 20);
    // An end that no write fails by.
    peer.write_all(&peers::varint(u64::MAX)).unwrap();
    let status = status.recv_timeout(DEADLINE).expect("the sender waits no longer");
    assert_eq!(status, SendStatus::ResourceNotAvailable);
    assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
    assert_eq!(client.network().stats().queued_bytes, 0);
}

#[test]
fn a_first_attempt_that_somebody_waits_for_is_the_only_one_if_it_fails() {
    let (_socket, addr) = peers::refusing();
    for &transport in Transport::STREAMS {
        let result = in_time(move || {
            let client = Node::new();
            let error = client.network().connect_sync(again(transport), addr).unwrap_err();
            client.assert_silent();
            eventually("it is forgotten", || client.network().stats().endpoints == 0);
            CloseReason::of(&error).cloned()
        });
        assert_eq!(result, Some(CloseReason::Refused));
    }
}

#[test]
fn a_connection_made_by_waiting_for_it_is_opened_again_as_well() {
    for &transport in Transport::STREAMS {
        let mut server = Node::new();
        let (_, addr) = server.listen(transport);
        let client = Node::new();
        let (endpoint, _) = client.network().connect_sync(again(transport), addr).unwrap();
        await_connection(&client, endpoint);
        server.accepted();
        server.stop();
        assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
        let server = restart(transport, addr);
        await_connection(&client, endpoint);
        server.accepted();
        drop(client);
        drop(server);
    }
}

#[test]
fn a_host_name_is_looked_up_again_without_holding_the_node_up() {
    for transport in Transport::FramedTcp.each_way() {
        let mut server = Node::new();
        let (_, addr) = server.listen(transport);
        let client = Node::new();
        let name = format!("localhost:{}", addr.port());
        let (endpoint, _) = client.network().connect(again(transport), &*name).unwrap();
        await_connection(&client, endpoint);
        server.accepted();
        server.stop();
        assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
        assert_free(transport, addr);
        let server = restart(transport, addr);
        await_connection(&client, endpoint);
        server.accepted();
    }
}

/// A transport with limits.
#[derive(Clone)]
struct Limited(Transport, Limits);

impl Connect for Limited {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connecting(self.0, self.1.clone()).connect(addr)
    }
}

#[test]
fn a_peer_that_takes_nothing_ends_and_is_connected_to_again() {
    at_once(Transport::STREAMS, |&transport| {
        let server = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                handler.network().pause(endpoint.resource_id());
            }
        });
        let (_, addr) = server.listen(transport);
        let limits = Limits::default()
            .with_stall_timeout(Duration::from_millis(200))
            .with_linger(Duration::from_millis(200));
        let client = Node::with(|handler, event| {
            if let NetEvent::Connected(endpoint, true) = event {
                handler.network().send(*endpoint, &vec![7; 16 << 20]);
            }
        });
        let again = Reconnecting::new(Limited(transport, limits)).with_backoff(quick());
        let endpoint = client.connect(again, addr);
        await_connection(&client, endpoint);
        assert_eq!(client.disconnected(endpoint), CloseReason::Stalled, "{transport}");
        await_connection(&client, endpoint);
    });
}
