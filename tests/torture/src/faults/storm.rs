//! Connects many times at once and leaves at once, in one way or the other.

use super::client::Client;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let mut peers = Vec::new();
    for _ in 0..client.random.range(10, 60) {
        peers.extend(client.open(transport));
        if client.random.one_in(3) {
            if let Some(peer) = peers.pop() {
                peer.reset();
            }
        }
    }
    for mut peer in peers.drain(..) {
        match client.random.range(0, 2) {
            0 => peer.reset(),
            1 => drop(peer),
            _ => {
                peer.send_message(b"hello");
            }
        }
    }
}
