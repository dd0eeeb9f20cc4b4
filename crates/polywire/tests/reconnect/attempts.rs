//! Adapters whose attempts differ from each other.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use polywire::Reconnecting;
use polywire::adapter::{Connect, Connection};
use polywire::network::{Endpoint, NetEvent, RemoteAddr, SendStatus};
use polywire::node::{self, NodeEvent};

use crate::support::{self, DEADLINE, Node, StoredNetEvent, Transport};
use crate::{await_connection, quick, restart};

/// Each second attempt panics.
#[derive(Clone)]
struct Panicking {
    attempts: Arc<AtomicUsize>,
    looks_up: bool,
}

impl Connect for Panicking {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            std::panic::resume_unwind(Box::new("quietly"));
        }
        Transport::FramedTcp.connect(addr)
    }

    fn looks_up(&self, _: &RemoteAddr) -> bool {
        self.looks_up
    }
}

#[test]
fn an_attempt_that_panics_fails_and_the_next_one_follows() {
    for looks_up in [false, true] {
        let mut server = Node::new();
        let (_, addr) = server.listen(Transport::FramedTcp);
        let client = Node::new();
        let adapter = Panicking { attempts: Arc::default(), looks_up };
        let endpoint = client.connect(Reconnecting::new(adapter).with_backoff(quick()), addr);
        await_connection(&client, endpoint);
        server.stop();
        let _server = restart(Transport::FramedTcp, addr);
        assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
        assert!(matches!(client.next(), StoredNetEvent::Connected(e, false) if e == endpoint));
        await_connection(&client, endpoint);
    }
}

/// Each attempt is made to the next of these addresses.
#[derive(Clone)]
struct Moving(Transport, Arc<Mutex<Vec<SocketAddr>>>);

impl Connect for Moving {
    fn connect(&self, _: &RemoteAddr) -> io::Result<Connection> {
        let addr = self.1.lock().unwrap().remove(0);
        self.0.connect(&RemoteAddr::Socket(addr))
    }
}

#[test]
fn the_endpoint_names_the_address_that_it_is_connected_to_again() {
    for &transport in Transport::STREAMS {
        let mut first = Node::new();
        let second = Node::new();
        let addrs = [first.listen(transport).1, second.listen(transport).1];
        let client = Node::new();
        let moving = Moving(transport, Arc::new(Mutex::new(addrs.to_vec())));
        let again = Reconnecting::new(moving).with_backoff(quick());
        let endpoint = client.connect_ready(again, addrs[0]);
        assert_eq!(endpoint.addr(), addrs[0]);
        first.stop();
        assert!(matches!(client.next(), StoredNetEvent::Disconnected(e) if e.addr() == addrs[0]));
        let StoredNetEvent::Connected(now, true) = client.next() else { panic!("{transport}") };
        assert_eq!((now, now.addr()), (endpoint, addrs[1]), "{transport}");
        let remote_addr = client.network().remote_addr(endpoint);
        assert_eq!(remote_addr, Some(RemoteAddr::Socket(addrs[1])));
        second.accepted();
        for to in [endpoint, now] {
            assert_eq!(client.network().send(to, b"hello"), SendStatus::Sent);
            assert_eq!(second.message().1, b"hello");
        }
        let elsewhere =
            Endpoint::from_listener(endpoint.resource_id(), "1.2.3.4:5".parse().unwrap());
        assert_eq!(client.network().send(elsewhere, b"?"), SendStatus::ResourceNotFound);
    }
}

#[test]
fn a_signal_asked_for_during_an_attempt_that_fails_comes_with_the_next_connection() {
    let silent = TcpListener::bind(support::ANY_PORT).unwrap();
    let server = Node::new();
    let addrs = vec![silent.local_addr().unwrap(), server.listen(Transport::Ws).1];
    let moving = Moving(Transport::Ws, Arc::new(Mutex::new(addrs.clone())));
    let (handler, listener) = node::split::<()>();
    let (tell, told) = mpsc::channel();
    let mut task = listener.for_each_async(move |event| match event {
        NodeEvent::Network(NetEvent::Connected(_, true)) => tell.send("connected").unwrap(),
        NodeEvent::Network(NetEvent::Connected(_, false)) => tell.send("failed").unwrap(),
        NodeEvent::Network(_) => {}
        NodeEvent::Signal(()) => tell.send("writable").unwrap(),
    });
    let again = Reconnecting::new(moving).with_backoff(quick());
    let (endpoint, _) = handler.network().connect(again, addrs[0]).unwrap();
    let (peer, _) = silent.accept().unwrap();
    while handler.network().try_send(endpoint, &[0; 1 << 16]) != SendStatus::Full {}
    assert!(handler.send_signal_when_writable(endpoint, ()));
    drop(peer); // It has not answered the handshake.
    let next = || told.recv_timeout(DEADLINE).unwrap();
    assert_eq!(next(), "failed");
    let mut rest = [next(), next()];
    rest.sort_unstable();
    assert_eq!(rest, ["connected", "writable"]);
    handler.stop();
    task.wait();
    assert_eq!(told.iter().count(), 0, "once");
}
