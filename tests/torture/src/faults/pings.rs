//! Pings as fast as they are taken, and reads no pong.

use polywire::network::Transport;

use super::client::Client;
use super::frames::ws_frame;

pub(super) fn run(client: &mut Client<'_>) {
    let Some(mut peer) = client.connect(Transport::Ws) else { return };
    let len = client.random.len(0, 125);
    let batch = ws_frame(0x89, &vec![7; len]).repeat(500);
    for _ in 0..client.random.range(1, 300) {
        if !peer.send(&batch) || client.is_over() {
            break;
        }
    }
    client.pause(0, 500);
    peer.reset();
}
