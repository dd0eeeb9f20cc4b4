//! What peers can make a node hold or do is bounded: connections, lengths, cheap frames.
#![cfg(target_os = "linux")]

mod alone;
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use polywire::adapter::Listen;
use polywire::adapters::framed_tcp::FramedTcp;
use polywire::adapters::tcp::TcpListenConfig;
use polywire::adapters::ws::WsListenConfig;
use polywire::network::{Limits, NetEvent};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};
use polywire::{CloseReason, NodeLimits};

use alone::{alone, forget_peak, memory, peak_memory, ran};
use support::peers;
use support::{
    ANY_PORT, LEEWAY, Node, RawStream, SLACK, Transport, eventually, for_messages, listening,
    median, secured,
};

const MAX_MESSAGE: usize = 1 << 20;

/// The peer gets back what it says.
#[track_caller]
fn is_served(transport: Transport, peer: &mut RawStream) {
    let message = peers::frame(transport, b"hello");
    peer.write_all(&message).unwrap();
    match transport.plain() {
        Transport::Tcp => assert_eq!(peers::read_exactly(peer, 5), b"hello"),
        _ => assert_eq!(peers::read_message(transport, peer), b"hello"),
    }
}

/// The peer is closed without a word, at once.
#[track_caller]
fn is_turned_away(mut peer: TcpStream) {
    let start = Instant::now();
    assert_eq!(peers::read_to_the_end(&mut peer), b"");
    let took = start.elapsed();
    assert!(took < LEEWAY * Duration::from_secs(1), "it was kept for {took:?}");
}

/// All but the listener and so many others are gone.
fn settle_to(node: &Node, connections: usize) {
    eventually("those that left are forgotten", || {
        node.network().stats().endpoints == 1 + connections
    });
}

#[test]
fn connections_over_the_limit_of_a_listener_are_turned_away_and_counted() {
    for &transport in Transport::STREAMS {
        let node = Node::echo();
        let limits = Limits::default().with_max_connections(3);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let mut clients: Vec<_> = (0..3).map(|_| peers::open_any(transport, addr)).collect();
        for _ in 0..2 {
            is_turned_away(peers::connect(addr));
        }
        assert_eq!(node.network().stats().turned_away, 2);
        clients.iter_mut().for_each(|client| is_served(transport, client));
        clients.pop();
        settle_to(&node, 2);
        let mut next = peers::open_any(transport, addr);
        is_served(transport, &mut next);
        is_turned_away(peers::connect(addr));
        assert_eq!(node.network().stats().turned_away, 3);
    }
}

#[test]
fn connections_over_the_limit_of_an_address_are_turned_away_and_others_are_not() {
    for &transport in Transport::STREAMS {
        let node = Node::echo();
        let limits = Limits::default().with_max_connections_per_ip(2);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let shake = |peer: TcpStream| peers::shake_hands(transport, peer);
        let mut clients: Vec<_> = [[127, 0, 0, 1], [127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 2]]
            .into_iter()
            .map(|source| shake(peers::connect_from(source, addr)))
            .collect();
        is_turned_away(peers::connect_from([127, 0, 0, 1], addr));
        is_turned_away(peers::connect_from([127, 0, 0, 2], addr));
        assert_eq!(node.network().stats().turned_away, 2);
        clients.iter_mut().for_each(|client| is_served(transport, client));
        clients.remove(0);
        settle_to(&node, 3);
        is_served(transport, &mut shake(peers::connect_from([127, 0, 0, 1], addr)));
    }
}

#[test]
fn a_full_node_turns_peers_away_and_opens_nothing_more() {
    for &transport in Transport::STREAMS {
        let node = Node::echo();
        node.network().set_limits(&NodeLimits::default().with_max_resources(3));
        let (_, addr) = node.listen(transport);
        let mut clients: Vec<_> = (0..2).map(|_| peers::open_any(transport, addr)).collect();
        is_turned_away(peers::connect(addr));
        assert_eq!(node.network().stats().turned_away, 1);
        assert!(node.network().connect(transport, addr).is_err());
        assert!(node.network().listen(transport, ANY_PORT).is_err());
        clients.iter_mut().for_each(|client| is_served(transport, client));
        clients.pop();
        settle_to(&node, 1);
        is_served(transport, &mut peers::open_any(transport, addr));
    }
}

#[test]
fn the_oldest_handshake_gives_way_to_a_newcomer() {
    for transport in Transport::Ws.each_way() {
        let node = Node::echo();
        let limits = Limits::default().with_max_handshakes(3);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let mut silent: Vec<_> = (0..3).map(|_| peers::connect(addr)).collect();
        // As they connected: three wait for their accept at most.
        eventually("all shake hands", || node.network().stats().endpoints == 4);
        silent.push(peers::connect(addr));
        is_turned_away(silent.remove(0));
        for peer in silent {
            is_served(transport, &mut peers::shake_hands(transport, peer));
        }
        let stats = node.network().stats();
        assert_eq!((stats.refused, stats.turned_away), (1, 0));
    }
}

#[test]
fn silent_connections_of_one_address_shut_out_nobody_but_themselves() {
    for transport in Transport::Ws.each_way() {
        let node = Node::echo();
        let (_, addr) = node.listen(transport);
        let silent: Vec<_> = (0..1024).map(|_| peers::connect_from([127, 0, 0, 2], addr)).collect();
        eventually("all shake hands", || node.network().stats().endpoints == 1025);
        let mut honest: Vec<_> = (0..60).map(|_| peers::open_any(transport, addr)).collect();
        honest.iter_mut().for_each(|peer| is_served(transport, peer));
        // From the same address, too.
        for _ in 0..60 {
            let peer = peers::connect_from([127, 0, 0, 2], addr);
            is_served(transport, &mut peers::shake_hands(transport, peer));
        }
        assert_eq!(node.network().stats().turned_away, 0);
        drop(silent);
    }
}

/// The header of a message of so many bytes, however many they are.
fn notify(transport: Transport, size: u64) -> Vec<u8> {
    match transport.plain() {
        Transport::FramedTcp => peers::varint(size),
        _ => [&[peers::BINARY, 0x80 | 127][..], &size.to_be_bytes(), &[1, 2, 3, 4]].concat(),
    }
}

#[test]
fn a_length_above_the_maximum_ends_the_connection_at_once_with_its_reason() {
    for &transport in Transport::MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(&*for_messages(transport, MAX_MESSAGE));
        let longest = if transport.plain() == Transport::Ws { 1 << 62 } else { u64::MAX };
        for size in [MAX_MESSAGE as u64 + 1, 4 << 30, 1 << 40, longest] {
            let times = (0..5).map(|_| {
                let mut peer = peers::open_any(transport, addr);
                let endpoint = node.accepted();
                let start = Instant::now();
                peer.write_all(&notify(transport, size)).unwrap();
                let said = peers::read_to_the_end(&mut peer);
                let took = start.elapsed();
                if transport.plain() == Transport::Ws {
                    let (first, payload) = peers::read_ws_frame(&mut &said[..]);
                    assert_eq!((first, &payload[..2]), (peers::CLOSE, &1009_u16.to_be_bytes()[..]));
                }
                let reason = CloseReason::MessageTooLarge { size, max: MAX_MESSAGE as u64 };
                // The frame's own limit tells the same.
                let told = node.disconnected(endpoint);
                assert!(
                    told == reason || matches!(told, CloseReason::MessageTooLarge { .. }),
                    "{told}"
                );
                took
            });
            let took = median(times.collect());
            assert!(took < Duration::from_millis(100) * SLACK, "{transport} {size}: {took:?}");
        }
    }
}

#[test]
fn nothing_is_set_aside_for_what_was_announced() {
    alone("nothing_is_set_aside_for_what_was_announced", || {
        const PEERS: usize = 500;
        for &transport in Transport::MESSAGE_STREAMS {
            let node = Node::echo();
            let (_, addr) = node.listen(&*for_messages(transport, 16 << 20));
            let mut peers: Vec<_> = (0..PEERS).map(|_| peers::open_any(transport, addr)).collect();
            peers.iter_mut().for_each(|peer| is_served(transport, peer));
            let before = memory();
            for peer in &mut peers {
                let header = notify(transport, 16 << 20);
                peer.write_all(&[&header[..], &[1]].concat()).unwrap();
            }
            // Whoever comes last is served after those.
            is_served(transport, &mut peers::open_any(transport, addr));
            node.settle();
            let grown = memory().saturating_sub(before);
            assert!(grown <= PEERS * 4096, "{transport}: {} bytes a peer", grown / PEERS);
        }
    });
}

/// A node that does nothing but count messages, so that nothing of the test's is measured.
struct Counting {
    handler: NodeHandler<()>,
    messages: Arc<AtomicU64>,
    /// The directory of its thread under /proc.
    thread: String,
    addr: SocketAddr,
    _task: NodeTask,
}

impl Counting {
    fn listen(adapter: impl Listen) -> Self {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(adapter, ANY_PORT).unwrap();
        let messages = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&messages);
        let (sender, thread) = mpsc::channel();
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Message(..)) => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            NodeEvent::Signal(()) => sender.send(support::system::this_thread()).unwrap(),
            _ => {}
        });
        handler.signals().send(());
        let thread = thread.recv().unwrap();
        Self { handler, messages, thread, addr, _task: task }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// Floods the node with a million of `cheap` frames, ended by a message, and checks what they cost.
fn cost(transport: Transport, node: &Counting, (first, cheap, last): (&[u8], &[u8], &[u8])) {
    const COUNT: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    const BATCH: usize = 1000;
    let mut peer = peers::open_any(transport, node.addr);
    let mut reader = peer.try_clone().unwrap();
    let reader =
        thread::spawn(move || while reader.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {});
    let batch = cheap.repeat(BATCH);
    peer.write_all(first).unwrap();
    peer.write_all(&batch).unwrap();
    thread::sleep(Duration::from_millis(50)); // What is set aside once for all is not counted.
    forget_peak();
    let (memory, ran_before) = (memory(), ran(&node.thread));
    for _ in 1..COUNT / BATCH {
        peer.write_all(&batch).unwrap();
    }
    let served = node.messages.load(Ordering::Relaxed);
    peer.write_all(last).unwrap();
    eventually("the last message came", || node.messages.load(Ordering::Relaxed) > served);
    // An empty message is cheap itself: all of them are to be counted.
    if cheap.len() == 1 {
        let expected = COUNT as u64 + 1;
        eventually("all came", || node.messages.load(Ordering::Relaxed) == expected);
    }
    let per_frame = (ran(&node.thread) - ran_before) / COUNT as u64;
    let grown = peak_memory().saturating_sub(memory);
    assert!(grown < 1 << 20, "{transport}: {grown} bytes");
    assert!(per_frame <= 2000 * u64::from(SLACK), "{transport}: {per_frame} ns a frame");
    peer.shutdown(std::net::Shutdown::Both).unwrap();
    reader.join().unwrap();
}

#[test]
fn a_million_empty_messages_cost_little() {
    alone("a_million_empty_messages_cost_little", || {
        let node = Counting::listen(FramedTcp);
        cost(Transport::FramedTcp, &node, (b"", &[0], &[1, 1]));
    });
}

#[test]
fn a_million_pings_cost_little() {
    alone("a_million_pings_cost_little", || {
        let node = Counting::listen(WsListenConfig::default());
        let (ping, message) = (peers::ws_frame(0x89, b""), peers::ws_frame(peers::BINARY, b"x"));
        cost(Transport::Ws, &node, (b"", &ping, &message));
    });
}

#[test]
fn a_million_fragments_cost_little() {
    alone("a_million_fragments_cost_little", || {
        let node = Counting::listen(WsListenConfig::default().with_max_fragments(usize::MAX));
        for payload in [&b""[..], b"x"] {
            let [first, cheap, last] =
                [0x02, 0x00, 0x80].map(|head| peers::ws_frame(head, payload));
            if payload.is_empty() {
                cost(Transport::Ws, &node, (&first, &cheap, &last));
            } else {
                // The message itself, and as much again for its growth.
                forget_peak();
                let before = memory();
                let mut peer = peers::open_any(Transport::Ws, node.addr);
                peer.write_all(&first).unwrap();
                let batch = cheap.repeat(1000);
                (0..100).for_each(|_| peer.write_all(&batch).unwrap());
                let served = node.messages.load(Ordering::Relaxed);
                peer.write_all(&last).unwrap();
                eventually("it came", || node.messages.load(Ordering::Relaxed) > served);
                assert!(peak_memory().saturating_sub(before) < 1 << 20);
            }
        }
    });
}

#[test]
fn endless_fragments_are_cut_by_their_number_and_by_their_bytes() {
    for transport in Transport::Ws.each_way() {
        let node = Node::new();
        // The peers go on writing, whatever they are told: no use in waiting for their end.
        let limits = Limits::default().with_linger(Duration::from_millis(100));
        let tcp = TcpListenConfig::default().with_limits(limits);
        let config = WsListenConfig::default()
            .with_max_message_size(MAX_MESSAGE)
            .with_max_fragments(100)
            .with_tcp(secured(transport, tcp));
        let (_, addr) = node.listen(config);
        for payload in [0, 1, 60_000] {
            let mut peer = peers::open_any(transport, addr);
            let endpoint = node.accepted();
            let payload = vec![0; payload];
            let mut frame = peers::ws_frame(0x02, &payload);
            let writer = thread::spawn(move || {
                while peer.write_all(&frame).is_ok() {
                    frame[0] = 0x00;
                }
            });
            match node.disconnected(endpoint) {
                CloseReason::MessageTooLarge { .. } => assert_eq!(payload.len(), 60_000),
                CloseReason::ProtocolViolation(_) => assert!(payload.len() < 2),
                other => panic!("{other}"),
            }
            writer.join().unwrap();
        }
    }
}

#[test]
fn pings_of_a_peer_that_never_reads_cost_no_memory() {
    for transport in Transport::Ws.each_way() {
        let node = Node::echo();
        let tcp = TcpListenConfig::default().with_send_buffer_size(16 << 10);
        let (_, addr) = node.listen(WsListenConfig::default().with_tcp(secured(transport, tcp)));
        let mut peer = peers::open_any(transport, addr);
        let batch = peers::ws_frame(0x89, &[7; 125]).repeat(100);
        for _ in 0..3000 {
            peer.write_all(&batch).unwrap();
        }
        let queued = node.network().stats().queued_bytes;
        assert!(queued <= 8192, "{queued} bytes of pongs");
        // What is left is whole frames.
        peer.write_all(&peers::frame(transport, b"last")).unwrap();
        while peers::read_ws_frame(&mut peer) != (peers::BINARY, b"last".to_vec()) {}
    }
}
