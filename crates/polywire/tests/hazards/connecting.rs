//! Sends before the connection is ready, and waiting until it is.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::network::{Limits, NetEvent, SendStatus};
use polywire::node;

use crate::support::peers::{self, Unanswering};
use crate::support::{
    ANY_PORT, DEADLINE, Handler, Node, StoredNetEvent, Transport, connecting, eventually,
};

#[test]
fn what_is_sent_while_connecting_is_queued_and_arrives() {
    for &transport in Transport::ALL {
        let server = Node::new();
        let (_, addr) = server.listen(transport);
        let client = Node::prepared(
            move |handler| {
                let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
                for message in [b"first".as_slice(), b"second"] {
                    assert_eq!(handler.network().send(endpoint, message), SendStatus::Sent);
                }
            },
            |_, _| {},
        );
        if transport.is_connection_oriented() {
            server.accepted();
        }
        let mut got = Vec::new();
        while got.len() < b"firstsecond".len() {
            got.extend(server.message().1);
        }
        assert_eq!(got, b"firstsecond", "{transport}");
        assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)), "{transport}");
    }
}

const SHORT: Duration = Duration::from_millis(300);

/// `connect_sync` by each stream transport, given up after `SHORT`.
fn connect_sync_briefly(handler: &Handler, transport: Transport, addr: SocketAddr) -> CloseReason {
    let limits = Limits::default().with_connect_timeout(SHORT).with_handshake_timeout(SHORT);
    let network = handler.network();
    let start = Instant::now();
    let result = network.connect_sync(&*connecting(transport, limits), addr);
    let error = result.expect_err("nobody answers");
    assert!(start.elapsed() < SHORT + Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    CloseReason::of(&error).expect("it carries the reason").clone()
}

/// Runs `check` where nobody runs the loop, where another thread does, and inside the callback: at the same time, for it
/// waits.
fn in_every_place(check: impl Fn(&Handler) + Clone + Send + 'static) {
    let (beside, inside) = (check.clone(), check.clone());
    thread::scope(|scope| {
        scope.spawn(move || where_nobody_runs_the_loop(check));
        scope.spawn(move || beside_the_loop(beside));
        scope.spawn(move || inside_the_callback(inside));
    });
}

fn where_nobody_runs_the_loop(check: impl Fn(&Handler)) {
    let (handler, listener) = node::split();
    check(&handler);
    handler.stop();
    drop(listener);
    assert_eq!(handler.network().stats().endpoints, 0);
}

fn beside_the_loop(check: impl Fn(&Handler)) {
    let node = Node::new();
    check(&node.handler);
    node.assert_silent();
    eventually("nothing is left", || node.network().stats().endpoints == 0);
}

fn inside_the_callback(check: impl Fn(&Handler) + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let node = Node::with(move |handler, event| {
        if let NetEvent::Connected(endpoint, _) = event {
            handler.network().remove(endpoint.resource_id());
            check(handler);
            done.send(()).unwrap();
        }
    });
    node.connect(Transport::Udp, "127.0.0.1:9".parse().unwrap());
    is_done.recv_timeout(DEADLINE).expect("the callback comes to its end");
    node.next();
    node.assert_silent();
}

#[test]
fn connect_sync_to_nobody_tells_that_it_was_refused() {
    in_every_place(|handler| {
        let (_socket, addr) = peers::refusing();
        for &transport in Transport::STREAMS {
            let reason = connect_sync_briefly(handler, transport, addr);
            assert_eq!(reason, CloseReason::Refused, "{transport}");
        }
    });
}

#[test]
fn connect_sync_without_an_answer_ends_by_the_connect_timeout() {
    let unanswering = Arc::new(Unanswering::new());
    in_every_place(move |handler| {
        for &transport in Transport::STREAMS {
            let start = Instant::now();
            let reason = connect_sync_briefly(handler, transport, unanswering.addr);
            assert_eq!(reason, CloseReason::ConnectTimeout, "{transport}");
            assert!(start.elapsed() >= SHORT, "not before its time");
        }
    });
}

#[test]
fn connect_sync_to_a_server_that_does_not_shake_hands_tells_so() {
    in_every_place(|handler| {
        let silent = TcpListener::bind(ANY_PORT).unwrap();
        let addr = silent.local_addr().unwrap();
        for &transport in Transport::STREAMS {
            if transport.has_handshake() {
                let reason = connect_sync_briefly(handler, transport, addr);
                assert_eq!(reason, CloseReason::HandshakeTimeout, "{transport}");
            }
        }

        let rude = peers::server(|mut stream| {
            peers::read_head(&mut stream);
            stream.write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
            peers::read_to_the_end(&mut stream);
        });
        let reason = connect_sync_briefly(handler, Transport::Ws, rude);
        assert!(matches!(reason, CloseReason::HandshakeRefused(_)), "{reason:?}");
    });
}

#[test]
fn connect_sync_inside_the_callback_gives_an_endpoint_that_is_ready() {
    let server = Node::new();
    let listen = |&transport: &Transport| (transport, server.listen(transport).1);
    let addrs: Vec<_> = Transport::STREAMS.iter().map(listen).collect();
    let client = Node::with(move |handler, event| {
        let NetEvent::Message(..) = event else { return };
        for &(transport, addr) in &addrs {
            let (endpoint, _) = handler.network().connect_sync(transport, addr).unwrap();
            assert_eq!(handler.network().is_ready(endpoint.resource_id()), Some(true));
            assert_eq!(handler.network().send(endpoint, b"hello"), SendStatus::Sent);
        }
    });
    let (_, addr) = client.listen(Transport::Udp);
    UdpSocket::bind(ANY_PORT).unwrap().send_to(b"go", addr).unwrap();
    client.message();
    for _ in Transport::STREAMS {
        assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)));
    }
    let mut messages = 0;
    while messages < Transport::STREAMS.len() {
        if let StoredNetEvent::Message(_, message) = server.next() {
            assert_eq!(message, b"hello");
            messages += 1;
        }
    }
}
