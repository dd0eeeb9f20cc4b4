//! HTTP requests without an end: one header of a megabyte, thousands of small ones, or no line end.

use std::time::Duration;

use polywire::network::Transport;

use super::client::Client;

pub(super) fn run(client: &mut Client<'_>) {
    let Some(mut peer) = client.open(Transport::Ws) else { return };
    let piece: &[u8] = match client.random.range(0, 2) {
        0 => &[b'a'; 1024],
        1 => b"X-More: and more\r\n",
        _ => b"\r\n",
    };
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
    for _ in 0..client.random.range(1, 1000) {
        if !peer.send(piece) || client.is_over() {
            break;
        }
    }
    peer.wait_for_end(Duration::from_secs(2));
}
