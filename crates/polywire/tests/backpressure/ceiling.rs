//! What a node holds for all its peers together stays below its ceiling.

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polywire::{NodeLimits, WhenFull};

use crate::common::*;
use crate::peers::{MESSAGE, NonReader, limits};
use crate::support::Node;

const MIB: usize = 1 << 20;
const CEILING: usize = 32 * MIB;

fn bounded(node: &Node, bytes: usize) {
    node.network().set_limits(&NodeLimits::default().with_max_buffered(bytes));
}

/// Notifies 16 MiB and sends 15.
fn half_a_message(transport: Transport, addr: SocketAddr) -> RawPeer {
    let mut peer = RawPeer::connect(transport, addr);
    // One that is ended meanwhile can't write all.
    let _ = peer.stream.write_all(&frame(transport, &vec![7; 16 * MIB])[..15 * MIB]);
    peer
}

over_transports! {
    [framed_tcp ws | framed_tcp_tls wss]
    fn who_holds_most_ends_and_not_who_asks(transport) {
        let node = Node::new();
        bounded(&node, 40 * MIB);
        let (_, addr) = node.listen(transport);
        let held = || node.network().stats().half_received_bytes;
        // Twice, for what the first round held must be free again.
        for _ in 0..2 {
            let holders: Vec<_> = (0..2).map(|_| half_a_message(transport, addr)).collect();
            let accepted = [node.accepted(), node.accepted()];
            eventually("both halves are there", || held() >= 2 * 15 * MIB);
            node.assert_silent();
            let before = node.network().stats().ended.by_limit;
            // Together more than there is, each a fraction of a holder, and cut by the network.
            let message = vec![7; MIB];
            let whole = frame(transport, &message);
            let (front, back) = whole.split_at(MIB / 2);
            let mut innocents: Vec<_> = (0..30).map(|_| RawPeer::connect(transport, addr)).collect();
            let endpoints: Vec<_> = innocents.iter().map(|_| node.accepted()).collect();
            for peer in &mut innocents {
                peer.stream.write_all(front).unwrap();
            }
            eventually("somebody ends", || node.network().stats().ended.by_limit > before);
            for peer in &mut innocents {
                peer.stream.write_all(back).unwrap();
            }
            let mut served = HashSet::new();
            while served.len() < endpoints.len() {
                match node.next() {
                    StoredNetEvent::Disconnected(endpoint) => {
                        assert!(accepted.contains(&endpoint));
                        let reason = node.network().close_reason(endpoint);
                        assert_eq!(reason, Some(CloseReason::NodeMemory));
                    }
                    StoredNetEvent::Message(endpoint, got) => {
                        assert!(got == message && endpoints.contains(&endpoint));
                        served.insert(endpoint);
                    }
                    other => panic!("{other:?}"),
                }
            }
            for endpoint in accepted.iter().chain(&endpoints) {
                node.network().remove(endpoint.resource_id());
            }
            drop((holders, innocents));
            eventually("all are forgotten", || held() == 0);
        }
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn the_accepted_one_that_goes_over_it_with_its_outbox_ends(transport) {
        let (handler, listener) = split();
        let network = handler.network();
        network.set_limits(&NodeLimits::default().with_max_buffered(CEILING / 4));
        let limits = limits(WhenFull::Disconnect).with_outbox_hard_limit(CEILING);
        let (_, addr) = network.listen(&*listening(transport, limits), LOCALHOST).unwrap();
        let mut non_readers: Vec<_> = (0..4).map(|_| NonReader::client(transport, addr)).collect();
        let (mut endpoints, mut reasons) = (Vec::new(), Vec::new());
        run(&handler, listener, "an end for want of memory", |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => {
                endpoints.push(endpoint);
                while endpoints.len() == 4 {
                    let sent = |peer: &Endpoint| {
                        let status = network.send(*peer, &[7; MESSAGE]);
                        assert!(network.stats().queued_bytes <= CEILING / 4);
                        status == SendStatus::Sent
                    };
                    endpoints.retain(sent);
                }
            }
            NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
                reasons.push(network.close_reason(endpoint).unwrap());
                for other in &endpoints {
                    network.remove(other.resource_id());
                }
                non_readers.clear(); // Or the node lingers for them.
                handler.stop();
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(reasons, [CloseReason::NodeMemory]);
        assert_eq!(network.stats().queued_bytes, 0);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn long_messages_to_empty_outboxes_do_not_pass_it_either(transport) {
        let node = Node::new();
        bounded(&node, CEILING);
        let limits = limits(WhenFull::Disconnect).with_linger(Duration::ZERO);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let peers: Vec<_> = (0..6).map(|_| RawPeer::connect(transport, addr)).collect();
        let endpoints: Vec<_> = peers.iter().map(|_| node.accepted()).collect();
        let message = vec![7; 16 * MIB];
        for endpoint in &endpoints {
            node.network().send(*endpoint, &message);
            let queued = node.network().stats().queued_bytes;
            assert!(queued <= CEILING, "{queued} bytes are queued");
        }
        node.settle();
        assert!(node.network().stats().ended.by_limit > 0);
        for endpoint in endpoints {
            node.network().remove(endpoint.resource_id());
        }
        eventually("the end of all", || node.network().stats().queued_bytes == 0);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_thread_waits_for_the_room_that_others_take(transport) {
        let node = Node::new();
        bounded(&node, MIB);
        let limits = limits(WhenFull::Disconnect)
            .with_outbox_soft_mark(CEILING)
            .with_outbox_hard_limit(CEILING)
            .with_linger(Duration::ZERO);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let peers: Vec<_> = (0..2).map(|_| RawPeer::connect(transport, addr)).collect();
        let (greedy, waiting) = (node.accepted(), node.accepted());
        let network = node.network();
        // One connection fills the node, another one its kernel's buffers. Those take more for a
        // while, as the loop comes to it.
        let fill_up = |endpoint, is_full: &dyn Fn() -> bool| {
            loop {
                while !is_full() && network.try_send(endpoint, &[7; 16 << 10]) == SendStatus::Sent {}
                thread::sleep(Duration::from_millis(50));
                network.flush(endpoint);
                if is_full() {
                    return;
                }
            }
        };
        fill_up(waiting, &|| network.stats().queued_bytes >= 100_000);
        fill_up(greedy, &|| network.stats().queued_bytes > MIB - (32 << 10));
        assert!(network.stats().queued_bytes <= MIB);
        let (tell, told) = mpsc::channel();
        let handler = node.handler.clone();
        // More than the system takes of the one that waits, by and by.
        thread::spawn(move || tell.send(handler.network().send(waiting, &[7; 256 << 10])));
        assert!(told.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
        network.remove(greedy.resource_id());
        assert_eq!(told.recv_timeout(DEADLINE), Ok(SendStatus::Sent));
        drop(peers);
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn what_was_kept_while_paused_is_given_back_once_it_is_delivered(transport) {
        const ROOM: usize = 300_000; // Memory set aside counts, which may be twice what came.
        let node = Node::with(|handler, event| {
            if let NetEvent::Message(endpoint, b"pause") = event {
                handler.network().pause(endpoint.resource_id());
            }
        });
        bounded(&node, ROOM);
        let (_, addr) = node.listen(transport);
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        let rest = frame(transport, &[7; 1000]).repeat(100);
        peer.stream.write_all(&[frame(transport, b"pause"), rest].concat()).unwrap();
        assert_eq!(node.message(), (endpoint, b"pause".to_vec()));
        node.assert_silent();
        node.network().resume(endpoint.resource_id());
        for _ in 0..100 {
            assert_eq!(node.message(), (endpoint, vec![7; 1000]));
        }
        let mut other = RawPeer::connect(transport, addr);
        let accepted = node.accepted();
        // A record of TLS that has come in part counts beside the message that it belongs to.
        let message = vec![7; ROOM - (40 << 10)];
        let frame = frame(transport, &message);
        let (most, last) = frame.split_at(frame.len() - 1);
        other.stream.write_all(most).unwrap();
        node.settle();
        other.stream.write_all(last).unwrap();
        assert_eq!(node.message(), (accepted, message));
    }
}
