//! Bytes without a meaning, instead of the handshake or behind it.

use std::time::Duration;

use super::client::Client;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let peer = match client.random.one_in(2) {
        true => client.open(transport),
        false => client.connect(transport),
    };
    let Some(mut peer) = peer else { return };
    for _ in 0..client.random.range(1, 30) {
        let len = client.random.len(1, 8000);
        if !peer.send(&client.random.bytes(len)) || client.is_over() {
            break;
        }
    }
    peer.wait_for_end(Duration::from_secs(1));
}
