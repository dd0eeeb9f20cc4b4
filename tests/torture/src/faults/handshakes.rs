//! More handshakes than a listener has under way, none of which goes on.

use polywire::network::Transport;

use super::client::Client;

pub(super) fn run(client: &mut Client<'_>) {
    let mut peers = Vec::new();
    for _ in 0..client.random.range(60, 150) {
        peers.extend(client.open(Transport::Ws));
    }
    client.pause(100, 800);
}
