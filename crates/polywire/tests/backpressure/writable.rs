//! The program's own signal once there is room again.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use polywire::{NodeLimits, WhenFull};

use crate::common::*;
use crate::peers::{MESSAGE, SOFT_MARK, limits};
use crate::support::Node;

/// A node and its endpoint, to which no more can be sent, with the peer that does not read.
fn full(transport: Transport) -> (Node, Endpoint, RawPeer) {
    let node = Node::new();
    let (_, addr) = node.listen(&*listening(transport, limits(WhenFull::Disconnect)));
    let peer = RawPeer::connect(transport, addr);
    let endpoint = node.accepted();
    fill(&node, endpoint);
    (node, endpoint, peer)
}

/// Sends until there is no room, and the kernel takes nothing any more either.
fn fill(node: &Node, endpoint: Endpoint) {
    let message = [7; MESSAGE];
    let network = node.network();
    let mut queued_before = None;
    loop {
        match network.try_send(endpoint, &message) {
            SendStatus::Sent => queued_before = None,
            SendStatus::Full => {
                let queued = network.stats().queued_bytes;
                if queued_before == Some(queued) {
                    return;
                }
                queued_before = Some(queued);
                node.settle();
                std::thread::sleep(Duration::from_millis(20));
            }
            other => panic!("{other:?}"),
        }
    }
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn the_signal_comes_once_and_not_before_there_is_room(transport) {
        let (node, endpoint, peer) = full(transport);
        let (sender, signals) = mpsc::channel();
        assert!(node.handler.send_signal_when_writable(endpoint, sender));
        node.settle();
        assert!(signals.try_recv().is_err(), "a signal though there is no room");
        assert_eq!(node.network().try_send(endpoint, b"more"), SendStatus::Full);

        let reader = std::thread::spawn(move || peer.read_to_end(MESSAGE));
        signals.recv_timeout(DEADLINE).expect("a signal once there is room");
        assert!(node.network().stats().queued_bytes <= SOFT_MARK);
        assert_eq!(node.network().try_send(endpoint, b"more"), SendStatus::Sent);
        eventually("everything written", || node.network().stats().queued_bytes == 0);
        node.settle();
        assert!(signals.try_recv().is_err(), "a second signal");
        node.network().remove(endpoint.resource_id());
        assert!(reader.join().unwrap().payload.ends_with(b"more"));
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn every_request_gets_its_signal(transport) {
        let (node, endpoint, peer) = full(transport);
        let (sender, signals) = mpsc::channel();
        for _ in 0..10 {
            assert!(node.handler.send_signal_when_writable(endpoint, sender.clone()));
        }
        std::thread::spawn(move || peer.read_to_end(MESSAGE));
        for _ in 0..10 {
            signals.recv_timeout(DEADLINE).expect("a signal for each");
        }
        node.settle();
        assert!(signals.try_recv().is_err(), "a signal nobody asked for");
    }

    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn the_signal_comes_at_once_where_there_is_room(transport) {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let endpoint = node.connect(transport, addr);
        let (sender, signals) = mpsc::channel();
        assert!(node.handler.send_signal_when_writable(endpoint, sender));
        signals.recv_timeout(DEADLINE).expect("the signal");
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn no_signal_comes_after_the_peer_has_gone(transport) {
        let (node, endpoint, peer) = full(transport);
        let (sender, signals) = mpsc::channel();
        assert!(node.handler.send_signal_when_writable(endpoint, sender.clone()));
        peer.reset();
        assert_eq!(node.disconnected(endpoint), CloseReason::Reset);
        assert!(!node.handler.send_signal_when_writable(endpoint, sender));
        node.settle();
        assert!(signals.try_recv().is_err(), "a signal of an endpoint that has ended");
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn no_signal_comes_after_remove_though_what_waited_still_goes_out(transport) {
        let (node, endpoint, peer) = full(transport);
        let (sender, signals) = mpsc::channel();
        assert!(node.handler.send_signal_when_writable(endpoint, sender.clone()));
        assert!(node.network().remove(endpoint.resource_id()));
        assert!(!node.handler.send_signal_when_writable(endpoint, sender));
        assert!(peer.read_to_end(MESSAGE).payload.len() > SOFT_MARK);
        node.assert_silent();
        assert!(signals.try_recv().is_err(), "a signal of an endpoint that was removed");
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn signals_are_no_busy_loop_while_the_node_as_a_whole_is_full(transport) {
        let node = Node::new();
        node.network().set_limits(&NodeLimits::default().with_max_buffered(2 << 20));
        let limits = limits(WhenFull::Disconnect).with_outbox_soft_mark(4 << 20);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let _non_reader = RawPeer::connect(transport, addr);
        fill(&node, node.accepted());
        let _other = RawPeer::connect(transport, addr);
        let other = node.accepted();
        let (sender, signals) = mpsc::channel();
        let start = Instant::now();
        for _ in 0..5 {
            assert!(node.handler.send_signal_when_writable(other, sender.clone()));
            signals.recv_timeout(DEADLINE).expect("a signal to try again");
        }
        assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    }
}
