//! Datagrams of every size, empty ones, ones that look like other transports' frames, and floods.

use super::client::Client;
use super::frames;

/// The longest datagram that IPv4 carries.
const MAX_DATAGRAM: usize = 65_507;

pub(super) fn run(client: &mut Client<'_>) {
    let Some(socket) = client.datagrams() else { return };
    let datagram = match client.random.range(0, 4) {
        0 => Vec::new(),
        1 => vec![0xFF; 11],
        2 => frames::ws_header(0x82, 1 << 62),
        3 => client.random.bytes(MAX_DATAGRAM),
        _ => {
            let len = client.random.len(1, 1472);
            client.random.bytes(len)
        }
    };
    let reads = client.random.one_in(2);
    for _ in 0..client.random.range(1, 60) {
        for _ in 0..client.random.range(1, 40) {
            socket.send(&datagram);
            if reads {
                socket.skip_one();
            }
        }
        if client.is_over() {
            break;
        }
        client.pause(0, 5);
    }
}
