//! A peer that has said all it has to say and ends its side hears every answer before the
//! end of the other.

mod common;
mod support;

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use common::{CloseReason, RawPeer, StoredNetEvent, Transport, frame, noise, over_transports};
use support::Node;

const MIB: usize = 1 << 20;
const TIMES: usize = 100;
/// Of each of the messages that make up the MiB.
const LENGTHS: [usize; 4] = [1, 1000, 60_000, 300_000];

/// Messages of 1 MiB together.
fn messages() -> Vec<Vec<u8>> {
    let (mut left, mut messages) = (MIB, Vec::new());
    for (number, len) in LENGTHS.into_iter().cycle().enumerate() {
        messages.push(noise(number as u64 + 1, len.min(left)));
        left -= messages[number].len();
        if left == 0 {
            break;
        }
    }
    messages
}

/// Takes the node's events up to the end of its connection, and tells how many bytes were heard.
fn heard_until_the_end(node: &Node) -> usize {
    let endpoint = node.accepted();
    let mut heard = 0;
    loop {
        match node.next() {
            StoredNetEvent::Message(from, message) if from == endpoint => heard += message.len(),
            StoredNetEvent::Disconnected(from) if from == endpoint => break,
            other => panic!("{other:?}"),
        }
    }
    let reason = node.network().close_reason(endpoint);
    let is_end = matches!(reason, Some(CloseReason::PeerClosed | CloseReason::AbnormalClosure));
    assert!(is_end, "{reason:?}");
    heard
}

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_peer_that_ends_its_side_hears_every_answer(transport) {
        let node = Node::echo();
        let (_, addr) = node.listen(transport);
        let messages = messages();
        let said: Vec<_> = messages.iter().flat_map(|text| frame(transport, text)).collect();
        let expected = messages.concat();
        for round in 0..TIMES {
            let mut peer = RawPeer::connect(transport, addr);
            let end = if round % 2 == 0 || transport.is_secure() {
                // Not an answer is read before all is said and the side is ended.
                peer.stream.write_all(&said).unwrap();
                peer.finish();
                peer.read_to_end(MIB)
            } else {
                let mut writer = peer.stream.try_clone().unwrap();
                thread::scope(|scope| {
                    let reading = scope.spawn(move || peer.read_to_end(MIB));
                    writer.write_all(&said).unwrap();
                    writer.shutdown(Shutdown::Write).unwrap();
                    reading.join().unwrap()
                })
            };
            assert!(end.payload == expected, "{transport}: {} bytes answered", end.payload.len());
            assert_eq!(heard_until_the_end(&node), MIB);
        }
        node.assert_silent();
    }
}
