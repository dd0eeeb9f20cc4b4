//! Records that TLS does not allow, in the handshake or behind it, and a handshake in small pieces. Where the server
//! speaks no TLS they are garbage to it.

use std::time::Duration;

use super::client::Client;

/// Types of records (RFC 8446 section 5.1): two that are known, and one that is not.
const TYPES: [u8; 5] = [20, 21, 22, 23, 99];

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    match client.random.range(0, 2) {
        0 => {
            let Some(mut peer) = client.open(transport) else { return };
            let record = record(client);
            peer.send_raw(&record);
            peer.wait_for_end(Duration::from_secs(2));
        }
        1 => {
            // A good greeting, cut anywhere, byte by byte.
            let Some(mut peer) = client.open(transport) else { return };
            let Some(hello) = client.greeting() else { return };
            let cut = client.random.len(1, hello.len());
            for byte in &hello[..cut] {
                if !peer.send_raw(&[*byte]) || client.is_over() {
                    break;
                }
                client.pause(0, 1);
            }
        }
        _ => {
            let Some(mut peer) = client.connect(transport) else { return };
            let len = client.random.len(1, 2000);
            peer.send_message(&client.random.bytes(len));
            let record = record(client);
            peer.send_raw(&record);
            if client.random.one_in(2) {
                peer.wait_for_end(Duration::from_secs(2));
            }
        }
    }
}

/// A record of any type with anything in it, the length of which is true or not.
fn record(client: &mut Client<'_>) -> Vec<u8> {
    let len = client.random.len(0, 3000);
    let told = if client.random.one_in(3) { client.random.len(0, 0xFFFF) } else { len };
    let mut record = vec![client.random.pick(&TYPES), 3, 3];
    record.extend_from_slice(&(told as u16).to_be_bytes());
    record.extend_from_slice(&client.random.bytes(len));
    record
}
