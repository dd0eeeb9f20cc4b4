//! WebSocket frames that RFC 6455 forbids, or allows and nobody wants.

use std::time::Duration;

use polywire::network::Transport;

use super::client::{Client, Peer};
use super::frames::ws_frame;

pub(super) fn run(client: &mut Client<'_>) {
    let Some(mut peer) = client.connect(Transport::Ws) else { return };
    if client.random.one_in(2) {
        peer.send_message(b"a good one first");
    }
    match client.random.range(0, 12) {
        0 => peer.send(&[0x82, 5, 1, 2, 3, 4, 5]), // Without a mask.
        1 => peer.send(&ws_frame(0xF2, b"reserved bits")),
        2 => peer.send(&ws_frame(0x83, b"an opcode that is none")),
        3 => peer.send(&ws_frame(0x09, b"a ping in pieces")),
        4 => peer.send(&ws_frame(0x89, &[7; 126])), // Longer than a ping may be.
        5 => peer.send(&ws_frame(0x88, &[3])),      // Half a close code.
        6 => peer.send(&ws_frame(0x88, &[0x03, 0xED])), // 1005, which is never sent.
        7 => peer.send(&ws_frame(0x81, &[0xC3, 0x28])), // No UTF-8.
        8 => peer.send(&ws_frame(0x80, b"goes on with nothing")),
        9 => peer.send(&[ws_frame(0x02, b"a"), ws_frame(0x82, b"b")].concat()),
        10 => repeat(client, &mut peer, &ws_frame(0x89, b"ping")),
        11 => {
            peer.send(&ws_frame(0x02, b""));
            let len = client.random.len(0, 2);
            repeat(client, &mut peer, &ws_frame(0x00, &vec![7; len]))
        }
        _ => {
            // A close, and then as if nothing had been.
            peer.send(&ws_frame(0x88, &[0x03, 0xE8]));
            repeat(client, &mut peer, &ws_frame(0x82, b"still here"))
        }
    };
    peer.wait_for_end(Duration::from_secs(1));
}

/// Sends a frame hundreds of times; whether all of that went well.
fn repeat(client: &mut Client<'_>, peer: &mut Peer<'_>, frame: &[u8]) -> bool {
    let batch = frame.repeat(50);
    (0..client.random.range(1, 100)).all(|_| !client.is_over() && peer.send(&batch))
}
