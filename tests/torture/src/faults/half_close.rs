//! Ends the sending side, behind whole messages or a cut one, and reads on or does not.

use std::time::Duration;

use polywire::network::Transport;

use super::client::Client;
use super::frames;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let Some(mut peer) = client.connect(transport) else { return };
    let mut sent = 0;
    for _ in 0..client.random.range(0, 20) {
        let len = client.random.len(0, 5000);
        let frame = frames::frame(transport, &client.random.bytes(len));
        sent += if peer.send(&frame) { frame.len() } else { 0 };
    }
    let is_cut = client.random.one_in(3);
    if is_cut {
        let frame = frames::frame(transport, &client.random.bytes(300));
        peer.send(&frame[..200]);
    }
    peer.finish();
    match client.random.range(0, 2) {
        0 => {} // Closed with answers unread, which is a reset.
        1 => client.pause(50, 1500),
        _ => {
            let read = peer.wait_for_end(Duration::from_secs(2));
            // Nothing at all is for those that are turned away. WebSocket frames come back without
            // their masks. An answer by another thread may come behind the end of its connection.
            let is_owed = transport != Transport::Ws && !is_cut && client.is_answered_at_once();
            if let Some(read) = read.filter(|read| is_owed && *read != 0 && *read != sent) {
                client.note_violation(format!(
                    "E7: {read} bytes of an echo of {sent} over {transport}"
                ));
            }
        }
    }
}
