//! The protocol of the models.

use crate::close_reason::CloseReason;
use crate::message::Message;
use crate::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};

/// Every byte is a message.
#[derive(Clone, Copy)]
pub(super) struct Bytes;

impl Protocol for Bytes {
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
        Ok(Decoded { consumed: 1, item: Item::Message(Message::binary(&input[..1])) })
    }
}

impl Encoder for Bytes {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}
