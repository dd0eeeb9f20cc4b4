//! Sends byte by byte, the handshake too, and mostly leaves before the message is whole.

use polywire::network::Transport;

use super::client::Client;
use super::frames;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let Some(mut peer) = client.open(transport) else { return };
    let len = client.random.len(1, 200);
    let mut bytes = frames::frame(transport, &client.random.bytes(len));
    if transport == Transport::Ws {
        bytes.splice(0..0, frames::UPGRADE.iter().copied());
    }
    let slowest = client.random.pick(&[1, 5, 50]);
    let cut = client.random.len(1, bytes.len());
    for byte in &bytes[..cut] {
        if !peer.send(&[*byte]) || client.is_over() {
            break;
        }
        client.pause(0, slowest);
    }
    if client.random.one_in(3) {
        client.pause(500, 2500);
    }
}
