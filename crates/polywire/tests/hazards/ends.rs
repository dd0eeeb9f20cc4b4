//! Failed handshakes are counted, and ended nodes leave nothing behind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polywire::network::Limits;
use polywire::node;

use crate::support::peers;
use crate::support::{
    ANY_PORT, DEADLINE, Node, Transport, assert_free, eventually, in_time, listening,
};

#[test]
fn an_accepted_connection_whose_handshake_fails_is_counted_and_no_event() {
    for &transport in Transport::STREAMS {
        if !transport.has_handshake() {
            continue;
        }
        let node = Node::new();
        // The rude one does not answer the end.
        let limits = Limits::default().with_linger(Duration::from_millis(100));
        let (_, addr) = node.listen(&*listening(transport, limits));
        let mut rude = peers::connect(addr);
        rude.write_all(b"\x00\xFF this is neither HTTP nor TLS").unwrap();
        peers::read_to_the_end(&mut rude);
        drop(peers::connect(addr));
        peers::reset(peers::connect(addr));
        eventually("all three are counted", || node.network().stats().refused == 3);
        node.assert_silent();
        eventually("nothing but the listener is left", || node.network().stats().endpoints == 1);
    }
}

#[test]
fn connecting_and_listening_beside_stop_leaves_nothing_open() {
    for _ in 0..300 {
        let mut node = Node::new();
        let network = node.network().clone();
        let (opened, is_opened) = mpsc::channel();
        let opener = thread::spawn(move || {
            while let Ok((_, addr)) = network.listen(Transport::Udp, ANY_PORT) {
                if network.connect(Transport::Udp, addr).is_err() {
                    break;
                }
                let _ = opened.send(());
            }
        });
        is_opened.recv_timeout(DEADLINE).unwrap();
        let network = node.network().clone();
        node.stop();
        in_time(move || opener.join().unwrap());
        assert_eq!(network.stats().endpoints, 0, "everything is closed");
    }
}

#[test]
fn connecting_beside_stop_does_not_hold_it_up() {
    let server = Node::new();
    let addrs = Transport::Tcp.each_way().map(|transport| (transport, server.listen(transport).1));
    let plain = TcpListener::bind(ANY_PORT).unwrap();
    for (transport, addr) in addrs.flat_map(|addr| [addr; 30]) {
        let mut node = Node::new();
        // A peer that does not answer the end, so that the node waits for it a little.
        node.connect_ready(Transport::Tcp, plain.local_addr().unwrap());
        let _silent = plain.accept().unwrap();
        let network = node.network().clone();
        let opener = thread::spawn(move || while network.connect(transport, addr).is_ok() {});
        eventually("it connects", || node.network().stats().endpoints > 1);
        let network = node.network().clone();
        in_time(move || node.stop());
        in_time(move || opener.join().unwrap());
        assert_eq!(network.stats().endpoints, 0, "everything is closed");
    }
}

#[test]
fn dropping_the_task_after_stop_returns() {
    let (handler, listener) = node::split::<()>();
    let task = listener.for_each_async(|_| {});
    handler.stop();
    in_time(move || drop(task));
    assert!(!handler.is_running());
}

#[test]
fn dropping_what_never_ran_closes_its_sockets() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let mut peer = transport
            .is_connection_oriented()
            .then(|| peers::ready(TcpStream::connect(addr).unwrap()));
        in_time(move || drop((listener, handler)));
        if let Some(peer) = &mut peer {
            assert!(!matches!(peer.read(&mut [0]), Ok(1)), "{transport}: nobody is there");
        }
        assert_free(transport, addr);
    }
}
