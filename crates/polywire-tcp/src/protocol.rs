//! No protocol at all: bytes as they come.

use polywire_core::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};
use polywire_core::{CloseReason, Message};

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

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: input.len(), item: Item::Message(Message::binary(input)) })
    }
}

impl Encoder for Raw {
    #[inline(always)] // Into the send of each message.
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }

    /// All of them frame alike.
    fn framing(&self) -> Option<u64> {
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_read_is_one_message() {
        let (mut raw, mut out) = (Raw, Vec::new());
        assert!(raw.open(&mut Context::new(&mut out)));
        let mut input = *b"two pieces";
        let decoded = raw.decode(&mut input, &mut Context::new(&mut out));
        assert_eq!(
            decoded,
            Ok(Decoded { consumed: 10, item: Item::Message(Message::binary(b"two pieces")) })
        );
        assert!(out.is_empty());
    }

    #[test]
    fn a_message_goes_out_as_it_is() {
        let mut out = b"one ".to_vec();
        Raw.encode(Message::binary(b"two"), &mut out);
        assert_eq!(out, b"one two");
        assert_eq!(Raw.encoder().max_message_size(), usize::MAX);
    }

    #[test]
    fn the_end_of_a_byte_stream_is_never_a_violation() {
        assert_eq!(Raw.end_of_stream(0), CloseReason::PeerClosed);
    }
}
