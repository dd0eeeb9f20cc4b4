//! Connects and says nothing, or half a handshake.

use std::time::Duration;

use super::client::Client;
use super::frames;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let Some(mut peer) = client.open(transport) else { return };
    if client.random.one_in(2) {
        let cut = client.random.len(1, frames::UPGRADE.len() - 1);
        peer.send(&frames::UPGRADE[..cut]);
    }
    let patience = client.random.range(100, 4000);
    peer.wait_for_end(Duration::from_millis(patience).min(client.time_left()));
}
