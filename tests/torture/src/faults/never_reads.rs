//! Sends and sends, and never reads an answer.

use super::client::Client;
use super::frames;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let Some(mut peer) = client.connect(transport) else { return };
    let len = client.random.len(1, 60_000);
    let frame = frames::frame(transport, &vec![7; len]);
    for _ in 0..client.random.range(1, 400) {
        if !peer.send(&frame) || client.is_over() {
            break;
        }
    }
    client.pause(0, 1500);
    if client.random.one_in(2) {
        peer.reset();
    }
}
