//! The length prefix, fed with any bytes in any pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_core::Message;
use polywire_core::stream::Encoder;
use polywire_framed_tcp::{DEFAULT_MAX_MESSAGE_SIZE, Framed};
use polywire_fuzz::peer::{Peer, agree};
use polywire_fuzz::{parts, pieces};

fuzz_target!(|data: &[u8]| {
    let Some((choice, cuts, bytes)) = parts(data) else { return };
    let max = if choice & 1 == 0 { 500 } else { DEFAULT_MAX_MESSAGE_SIZE };
    let framed = Framed::new(max);
    let (mut whole, mut cut) = (Peer::new(framed), Peer::new(framed));
    agree((&mut whole, &mut cut), bytes, pieces(bytes, &cuts));
    assert!(whole.messages.iter().all(|message| message.len() <= max));

    // What was understood is written back as it was, and by both ways the same.
    let mut again = Vec::new();
    for message in &whole.messages {
        whole.encoder.encode(Message::binary(message), &mut again);
    }
    assert!(bytes.starts_with(&again));
});
