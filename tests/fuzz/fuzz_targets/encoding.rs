//! The framing by hand, fed with any bytes in any pieces, against the protocol.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_framed_tcp::Framed;
use polywire_framed_tcp::encoding::{Decoder, decode_size, encode_size};
use polywire_fuzz::peer::Peer;
use polywire_fuzz::{parts, pieces};

fuzz_target!(|data: &[u8]| {
    let Some((_, cuts, bytes)) = parts(data) else { return };
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces(bytes, &cuts) {
        decoder.decode(piece, |message| messages.push(message.to_vec()));
    }
    let mut protocol = Peer::new(Framed::default());
    protocol.feed(bytes);
    assert_eq!(messages, protocol.messages);
    assert_eq!(decoder.is_broken(), protocol.end.is_some());
    assert_eq!(decoder.stored_size(), if decoder.is_broken() { 0 } else { protocol.kept() });

    if let Some((size, used)) = decode_size(bytes) {
        assert!((1..=10).contains(&used));
        if size <= 1 << 20 {
            assert_eq!(encode_size(&vec![0; size], &mut [0; 10]), &bytes[..used]);
        }
    }
});
