//! The protocol, fed with any bytes, whole and in two parts: both must come to the same.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use polywire_core::CloseReason;
use polywire_core::stream::{Context, Item, Protocol};
use polywire_template::Framed;

fn received(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Option<CloseReason>) {
    let (mut protocol, mut out) = (Framed::new(1 << 20, Duration::from_secs(5)), Vec::new());
    protocol.open(&mut Context::new(&mut out));
    let (mut input, mut messages) = (Vec::new(), Vec::new());
    for part in parts {
        input.extend_from_slice(part);
        while !input.is_empty() {
            let decoded = match protocol.decode(&mut input, &mut Context::new(&mut out)) {
                Ok(decoded) => decoded,
                Err(reason) => return (messages, Some(reason)),
            };
            match decoded.item {
                Item::Incomplete { .. } => break,
                Item::Message(message) => messages.push(message.bytes.to_vec()),
                _ => {}
            }
            let consumed = decoded.consumed;
            input.drain(..consumed);
        }
    }
    (messages, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, bytes)) = data.split_first() else { return };
    let (front, back) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    assert_eq!(received(&[front, back]), received(&[bytes]));
});
