//! Lengths that are lies: beyond the limit, 2^62, without an end; then silence or more bytes.

use std::time::Duration;

use polywire::network::Transport;

use super::client::Client;
use super::frames;
use crate::server::MAX_MESSAGE_SIZE;

const LENGTHS: [u64; 7] = [
    MAX_MESSAGE_SIZE as u64, // True to the limit, but nothing follows.
    MAX_MESSAGE_SIZE as u64 + 1,
    u32::MAX as u64,
    1 << 40,
    1 << 62,
    1 << 63,
    u64::MAX,
];

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.random.pick(&[Transport::FramedTcp, Transport::Ws]);
    let Some(mut peer) = client.connect(transport) else { return };
    let len = client.random.pick(&LENGTHS);
    let header = match transport {
        Transport::Ws => frames::ws_header(0x82, len),
        _ if client.random.one_in(4) => vec![0xFF; 11],
        _ => varint(len),
    };
    peer.send(&header);
    if client.random.one_in(2) {
        let more = client.random.len(1, 50_000);
        peer.send(&vec![0; more]);
    }
    peer.wait_for_end(Duration::from_secs(3));
}

/// Seven bits a byte, the lowest first; the highest bit tells that more follow.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
