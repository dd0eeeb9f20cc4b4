//! Opens more connections than the server has descriptors, or than one of its listeners takes from
//! one address, and keeps them for a while.

use super::client::Client;

pub(super) fn run(client: &mut Client<'_>) {
    let sole = client.random.one_in(3).then(|| client.any_stream());
    let mut peers = Vec::new();
    for _ in 0..client.random.range(150, 230) {
        let transport = sole.unwrap_or_else(|| client.any_stream());
        peers.extend(client.open(transport));
    }
    client.pause(200, 800);
    for peer in peers {
        if client.random.one_in(2) {
            peer.reset();
        }
    }
}
