//! Resets, mostly in the middle of a message.

use super::client::Client;
use super::frames;

pub(super) fn run(client: &mut Client<'_>) {
    for _ in 0..client.random.range(1, 8) {
        let transport = client.any_stream();
        let peer = match client.random.one_in(4) {
            true => client.open(transport), // In the middle of the handshake, then.
            false => client.connect(transport),
        };
        let Some(mut peer) = peer else { return };
        for _ in 0..client.random.range(0, 3) {
            let len = client.random.len(0, 2000);
            peer.send_message(&client.random.bytes(len));
        }
        let len = client.random.len(1, 20_000);
        let frame = frames::frame(transport, &client.random.bytes(len));
        let cut = client.random.len(0, frame.len());
        peer.send(&frame[..cut]);
        if client.random.one_in(2) {
            client.pause(0, 30);
        }
        peer.reset();
    }
}
