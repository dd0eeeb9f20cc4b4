//! Several connections with most of a long message each, for as long as the server lets them.

use std::time::Duration;

use super::client::Client;
use super::frames;
use crate::server::MAX_MESSAGE_SIZE;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let frame = frames::frame(transport, &vec![7; MAX_MESSAGE_SIZE - 100]);
    let mut peers = Vec::new();
    for _ in 0..client.random.range(5, 40) {
        let Some(mut peer) = client.connect(transport) else { continue };
        peer.send(&frame[..frame.len() - 1000]);
        peers.push(peer);
    }
    client.pause(500, 2500);
    for mut peer in peers {
        peer.wait_for_end(Duration::from_millis(1));
    }
}
