//! Frames of several threads never mix.

use std::io::BufReader;
use std::thread;

use polywire::network::SendStatus;

use crate::support::peers;
use crate::support::{Node, RawStream, Transport};

const FRAMES: usize = 20_000;
const KINDS: [(u8, usize); 2] = [(b'A', 100), (b'B', 300)];

/// Has two threads send to one endpoint at once and returns what a plain peer is to read.
fn two_senders(transport: Transport) -> (Node, RawStream) {
    let node = Node::new();
    let (_, addr) = node.listen(transport);
    let peer = peers::open_any(transport, addr);
    let endpoint = node.accepted();
    for (byte, len) in KINDS {
        let handler = node.handler.clone();
        thread::spawn(move || {
            for _ in 0..FRAMES {
                let status = handler.network().send(endpoint, &vec![byte; len]);
                assert_eq!(status, SendStatus::Sent);
            }
        });
    }
    (node, peer)
}

fn concurrent_sends_arrive_as_whole_frames(transport: Transport) {
    let (_node, peer) = two_senders(transport);
    let mut peer = BufReader::new(peer);
    let mut counts = [0; 2];
    for number in 0..2 * FRAMES {
        let message = peers::read_message(transport, &mut peer);
        let kind = KINDS.iter().position(|(byte, _)| message.first() == Some(byte));
        let kind = kind.unwrap_or_else(|| panic!("foreign bytes at frame {number}"));
        let (byte, len) = KINDS[kind];
        assert_eq!(message, vec![byte; len], "frame {number}");
        counts[kind] += 1;
    }
    assert_eq!(counts, [FRAMES; 2]);
}

#[test]
fn concurrent_sends_never_interleave_framed_tcp_frames() {
    Transport::FramedTcp.each_way().for_each(concurrent_sends_arrive_as_whole_frames);
}

#[test]
fn concurrent_sends_never_interleave_ws_frames() {
    Transport::Ws.each_way().for_each(concurrent_sends_arrive_as_whole_frames);
}

#[test]
fn concurrent_sends_never_interleave_tcp_messages() {
    Transport::Tcp.each_way().for_each(concurrent_sends_arrive_as_whole_messages);
}

fn concurrent_sends_arrive_as_whole_messages(transport: Transport) {
    let (_node, mut peer) = two_senders(transport);
    let bytes = peers::read_exactly(&mut peer, FRAMES * (100 + 300));
    let mut counts = [0; 2];
    for run in bytes.chunk_by(|a, b| a == b) {
        let kind = KINDS.iter().position(|(byte, _)| *byte == run[0]).expect("no foreign byte");
        let (_, len) = KINDS[kind];
        assert_eq!(run.len() % len, 0, "a message was cut by another");
        counts[kind] += run.len() / len;
    }
    assert_eq!(counts, [FRAMES; 2]);
}

#[test]
fn concurrent_sends_of_a_client_arrive_as_whole_frames() {
    for &transport in Transport::MESSAGE_STREAMS {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        server.accepted();
        thread::scope(|scope| {
            for (byte, len) in KINDS {
                let network = client.network();
                scope.spawn(move || {
                    for _ in 0..FRAMES / 10 {
                        network.send(endpoint, &vec![byte; len]);
                    }
                });
            }
            for _ in 0..2 * FRAMES / 10 {
                let (_, message) = server.message();
                let whole = KINDS.iter().any(|&(byte, len)| message == vec![byte; len]);
                assert!(whole, "{transport}: {message:?}");
            }
        });
    }
}
