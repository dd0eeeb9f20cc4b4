//! No protocol at all: bytes as they come.

use polywire_core::CloseReason;
use polywire_core::stream::{Decoded, Encoder, Item, Prefix, Protocol};

/// The protocol of a plain byte stream: each read is a message, each message goes out as it is.
///
/// Where one message ends and the next begins is lost on the way; only the order of the bytes is
/// kept. Sending an empty message sends nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raw;

impl Protocol for Raw {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self
    }

    fn open(&mut self, _out: &mut Vec<u8>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _out: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: input.len(), item: Item::Message(input) })
    }
}

impl Encoder for Raw {
    fn prefix(&self, _message: &[u8]) -> Option<Prefix> {
        Some(Prefix::default())
    }

    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_read_is_one_message() {
        let (mut raw, mut out) = (Raw, Vec::new());
        assert!(raw.open(&mut out));
        let mut input = *b"two pieces";
        let decoded = raw.decode(&mut input, &mut out);
        assert_eq!(decoded, Ok(Decoded { consumed: 10, item: Item::Message(b"two pieces") }));
        assert!(out.is_empty());
    }

    #[test]
    fn a_message_goes_out_as_it_is() {
        let mut out = b"one ".to_vec();
        Raw.encode(b"two", &mut out);
        assert_eq!(out, b"one two");
        assert_eq!(Raw.prefix(b"two").unwrap().as_slice(), b"");
        assert_eq!(Raw.encoder().max_message_size(), usize::MAX);
    }

    #[test]
    fn the_end_of_a_byte_stream_is_never_a_violation() {
        assert_eq!(Raw.end_of_stream(0), CloseReason::PeerClosed);
    }
}
