//! A program that does not want to read for a while: nothing comes, and nothing is lost.

use std::io::Write;
use std::net::UdpSocket;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::WhenFull;

use crate::common::*;
use crate::peers::{Bytes, MESSAGE, limits};
use crate::support::{LEEWAY, Node};

/// A node that pauses each connection as soon as it is accepted.
fn pausing() -> Node {
    Node::with(|handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            assert!(handler.network().pause(endpoint.resource_id()));
        }
    })
}

/// A node that pauses where a message says so.
fn pausing_at(text: &'static [u8]) -> Node {
    Node::with(move |handler, event| {
        if let NetEvent::Message(endpoint, message) = event {
            if *message == text {
                assert!(handler.network().pause(endpoint.resource_id()));
            }
        }
    })
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn nothing_comes_while_paused_the_peer_has_to_wait_and_all_comes_afterwards(transport) {
        let (node, peer) = (pausing(), Node::new());
        let (_, addr) = node.listen(transport);
        let limits = limits(WhenFull::Wait);
        let to_node = peer.connect_ready(&*connecting(transport, limits), addr);
        let endpoint = node.accepted();
        let (bytes, mut sent, mut full_since) = (Bytes::new(), 0, None::<Instant>);
        // Full for long: the kernel takes nothing any more.
        while full_since.is_none_or(|since| since.elapsed() < Duration::from_millis(100)) {
            match peer.network().try_send(to_node, bytes.at(sent, MESSAGE)) {
                SendStatus::Sent => (sent, full_since) = (sent + MESSAGE, None),
                SendStatus::Full => {
                    full_since.get_or_insert_with(Instant::now);
                    thread::sleep(Duration::from_millis(1));
                }
                other => panic!("{other:?}"),
            }
        }
        node.assert_silent();
        assert!(node.network().resume(endpoint.resource_id()));
        let mut received = 0;
        while received < sent {
            let (_, part) = node.message();
            assert!(part == bytes.at(received, part.len()), "other bytes from {received} on");
            received += part.len();
        }
        node.assert_silent();
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn pausing_in_the_callback_stops_in_the_middle_of_a_read(transport) {
        let node = pausing_at(b"500");
        let (_, addr) = node.listen(transport);
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        let texts: Vec<_> = (0..1000).map(|number: u32| number.to_string()).collect();
        let frames: Vec<_> =
            texts.iter().flat_map(|text| frame(transport, text.as_bytes())).collect();
        peer.stream.write_all(&frames).unwrap();
        for text in &texts[..=500] {
            assert_eq!(node.message(), (endpoint, text.clone().into_bytes()));
        }
        node.assert_silent();
        // What comes meanwhile changes nothing.
        peer.send(b"last");
        node.assert_silent();
        assert!(node.network().resume(endpoint.resource_id()));
        for text in &texts[501..] {
            assert_eq!(node.message(), (endpoint, text.clone().into_bytes()));
        }
        assert_eq!(node.message(), (endpoint, b"last".to_vec()));
        node.assert_silent();
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn the_silence_of_a_paused_connection_is_not_held_against_its_peer(transport) {
        const TIMEOUT: Duration = Duration::from_millis(100);
        let node = pausing_at(b"pause");
        let limits = Limits::default().with_message_timeout(TIMEOUT).with_idle_timeout(TIMEOUT);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        let frames = [frame(transport, b"pause"), frame(transport, b"kept")].concat();
        peer.stream.write_all(&frames).unwrap();
        assert_eq!(node.message(), (endpoint, b"pause".to_vec()));
        thread::sleep(5 * TIMEOUT);
        node.assert_silent();
        assert!(node.network().resume(endpoint.resource_id()));
        assert_eq!(node.message(), (endpoint, b"kept".to_vec()));
        // Read again, its silence counts again.
        assert_eq!(node.disconnected(endpoint), CloseReason::IdleTimeout);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn sending_goes_on_while_reading_is_paused(transport) {
        let node = pausing();
        let (_, addr) = node.listen(transport);
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        peer.send(b"unread");
        for _ in 0..10 {
            assert_eq!(node.network().send(endpoint, b"hello"), SendStatus::Sent);
            assert_eq!(peer.read_small(5), b"hello");
        }
        let long = vec![7; 8 << 20];
        let network = node.handler.clone();
        let sender = thread::spawn(move || network.network().send(endpoint, &long));
        let mut received = 0;
        while received < 8 << 20 {
            received += std::io::Read::read(&mut peer.stream, &mut [0; 1 << 16]).unwrap();
        }
        assert_eq!(sender.join().unwrap(), SendStatus::Sent);
        node.assert_silent();
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn the_end_of_a_paused_connection_is_told_behind_its_last_message(transport) {
        let node = pausing();
        let (_, addr) = node.listen(transport);
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        peer.send(b"last words");
        peer.finish();
        node.assert_silent();
        assert!(node.network().resume(endpoint.resource_id()));
        assert_eq!(node.message(), (endpoint, b"last words".to_vec()));
        node.disconnected(endpoint);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_paused_connection_can_be_removed(transport) {
        let node = pausing();
        let (_, addr) = node.listen(transport);
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        peer.send(b"unread");
        assert!(node.network().remove(endpoint.resource_id()));
        assert!(!node.network().resume(endpoint.resource_id()));
        assert!(!node.network().pause(endpoint.resource_id()));
        peer.finish();
        assert!(peer.read_to_end(100).payload.is_empty());
        node.assert_silent();
    }

    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn a_node_with_everything_paused_stops_at_once(transport) {
        let mut node = Node::new();
        let (listener, addr) = node.listen(transport);
        let endpoint = node.connect(transport, addr);
        let is_ready = || node.network().is_ready(endpoint.resource_id()) == Some(true);
        eventually("that it is connected", is_ready);
        assert!(node.network().pause(endpoint.resource_id()));
        assert!(node.network().pause(listener));
        node.network().send(endpoint, b"unread");
        node.settle();
        let start = Instant::now();
        node.stop();
        assert!(start.elapsed() < LEEWAY * Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(!node.network().resume(listener) && !node.network().pause(listener));
    }

    [tcp framed_tcp ws]
    fn a_paused_listener_lets_nobody_in(transport) {
        let node = Node::new();
        let (listener, addr) = node.listen(transport);
        assert!(node.network().pause(listener));
        let mut peer = RawPeer::connect_with(transport, addr, &frame(transport, b"hello"));
        node.assert_silent();
        assert!(node.network().resume(listener));
        let endpoint = node.accepted();
        assert_eq!(node.message(), (endpoint, b"hello".to_vec()));
        peer.finish_handshake();
        // Connections that it has are none of its business.
        assert!(node.network().pause(listener));
        peer.send(b"more");
        assert_eq!(node.message(), (endpoint, b"more".to_vec()));
    }
}

#[test]
fn a_paused_udp_listener_takes_nothing_in_and_loses_nothing() {
    in_time(|| {
        let node = pausing_at(b"pause");
        let (listener, addr) = node.listen(Transport::Udp);
        let peer = UdpSocket::bind(LOCALHOST).unwrap();
        for text in ["before", "pause", "1", "2", "3"] {
            peer.send_to(text.as_bytes(), addr).unwrap();
        }
        assert_eq!(node.message().1, b"before");
        assert_eq!(node.message().1, b"pause");
        node.assert_silent();
        peer.send_to(b"4", addr).unwrap();
        node.assert_silent();
        assert!(node.network().resume(listener));
        for text in ["1", "2", "3", "4"] {
            assert_eq!(node.message().1, text.as_bytes());
        }
    });
}

#[test]
fn a_paused_udp_connection_takes_nothing_in_and_loses_nothing() {
    in_time(|| {
        let node = pausing_at(b"pause");
        let peer = UdpSocket::bind(LOCALHOST).unwrap();
        let endpoint = node.connect_ready(Transport::Udp, peer.local_addr().unwrap());
        node.network().send(endpoint, b"here I am");
        let (_, addr) = peer.recv_from(&mut [0; 100]).unwrap();
        for text in ["pause", "1", "2"] {
            peer.send_to(text.as_bytes(), addr).unwrap();
        }
        assert_eq!(node.message().1, b"pause");
        node.assert_silent();
        assert!(node.network().resume(endpoint.resource_id()));
        assert_eq!(node.message().1, b"1");
        assert_eq!(node.message().1, b"2");
    });
}

#[test]
fn pausing_and_resuming_all_the_time_loses_and_mixes_nothing() {
    in_time(|| {
        const MESSAGES: u32 = 20_000;
        let node = Node::new();
        let (_, addr) = node.listen(Transport::FramedTcp);
        let mut peer = RawPeer::connect(Transport::FramedTcp, addr);
        let endpoint = node.accepted();
        let (stop, stopped) = mpsc::channel::<()>();
        let handler = node.handler.clone();
        let switch = thread::spawn(move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                assert!(handler.network().pause(endpoint.resource_id()));
                thread::yield_now();
                assert!(handler.network().resume(endpoint.resource_id()));
            }
        });
        let writer = thread::spawn(move || {
            for number in 0..MESSAGES {
                peer.send(&number.to_be_bytes());
            }
            peer
        });
        for number in 0..MESSAGES {
            assert_eq!(node.message(), (endpoint, number.to_be_bytes().to_vec()));
        }
        drop(stop);
        switch.join().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn what_never_was_can_not_be_paused() {
    // Of its own peer the node might hear first that it is accepted.
    let (node, peer) = (Node::new(), Node::new());
    let (listener, _) = node.listen(Transport::Tcp);
    let (_, addr) = peer.listen(Transport::Tcp);
    let endpoint = node.connect_ready(Transport::Tcp, addr).resource_id();
    assert!(node.network().remove(endpoint) && node.network().remove(listener));
    for id in [endpoint, listener, ResourceId::from(12345), ResourceId::from(usize::MAX)] {
        assert!(!node.network().pause(id) && !node.network().resume(id), "{id}");
    }
}
