//! Asks for much and reads it slowly, but all of it: that is no misbehaviour, and nobody may end it.

use std::time::Instant;

use polywire::network::Transport;
use polywire::util::encoding::{MAX_ENCODED_SIZE, encode_size};

use super::client::{Client, is_timeout};
use crate::server::PATIENCE;

const MESSAGE_BYTES: usize = 50_000;
/// Far less than the server's outboxes hold.
const MESSAGES: usize = 10;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let Some(mut peer) = client.connect(transport) else { return };
    let message = client.random.bytes(MESSAGE_BYTES);
    for _ in 0..MESSAGES {
        if !peer.send_message(&message) {
            return; // The server has much to do, and reads late.
        }
    }
    let mut left = MESSAGES * answer_len(transport, &message);
    let mut last = Instant::now();
    while left > 0 && !client.is_over() {
        client.pause(1, 40);
        match peer.read(&mut vec![0; left.min(8192)]) {
            Ok(0) => {
                return client.note_violation(format!("a slow download over {transport} was cut"));
            }
            Ok(len) => {
                left -= len;
                last = Instant::now();
            }
            Err(error) if is_timeout(&error) => {
                if last.elapsed() > PATIENCE {
                    return client
                        .note_violation(format!("a slow download over {transport} stands still"));
                }
            }
            Err(error) => {
                return client
                    .note_violation(format!("a slow download over {transport} ended: {error}"));
            }
        }
    }
}

/// Bytes of an answer with its header.
fn answer_len(transport: Transport, message: &[u8]) -> usize {
    let header = match transport {
        Transport::FramedTcp => encode_size(message, &mut [0; MAX_ENCODED_SIZE]).len(),
        Transport::Ws => 4, // A length of two bytes, and no mask.
        _ => 0,
    };
    header + message.len()
}
