//! What is on the wire: a greeting, and then messages, each behind its length in four bytes.

use std::time::{Duration, Instant};

use polywire_core::stream::{Context, Decoded, Encoder, Frame, Item, Progress, Protocol};
use polywire_core::{CloseReason, Message};

const GREETING: &[u8] = b"template/1\n";
const HEADER: usize = 4;

/// The protocol of one connection. It remembers how far it is, so that no byte is looked at twice.
#[derive(Debug)]
pub struct Framed {
    max_message_size: usize,
    greeting_timeout: Duration,
    /// Until when the peer may greet; `None` once it has.
    deadline: Option<Instant>,
    /// Whether the peer has greeted.
    is_greeted: bool,
    /// Bytes of the message whose header was consumed.
    body: Option<usize>,
}

impl Framed {
    /// For messages of `max_message_size` bytes at most, and a peer that greets within `greeting_timeout`.
    pub fn new(max_message_size: usize, greeting_timeout: Duration) -> Self {
        // A header has no room for more.
        let max_message_size = max_message_size.min(u32::MAX as usize);
        Self { max_message_size, greeting_timeout, deadline: None, is_greeted: false, body: None }
    }

    fn decode_greeting<'a>(&mut self, input: &[u8]) -> Result<Decoded<'a>, CloseReason> {
        let len = input.len().min(GREETING.len());
        if input[..len] != GREETING[..len] {
            return Err(CloseReason::ProtocolViolation("the peer does not greet".into()));
        }
        if len < GREETING.len() {
            return Ok(incomplete(GREETING.len()));
        }
        (self.is_greeted, self.deadline) = (true, None);
        Ok(Decoded { consumed: len, item: Item::Ready })
    }

    fn decode_header<'a>(&mut self, input: &[u8]) -> Result<Decoded<'a>, CloseReason> {
        let Some(header) = input.first_chunk::<HEADER>() else { return Ok(incomplete(HEADER)) };
        let len = u32::from_be_bytes(*header);
        if len as usize > self.max_message_size {
            // No memory is set aside for what a peer announces.
            let max = self.max_message_size as u64;
            return Err(CloseReason::MessageTooLarge { size: len.into(), max });
        }
        if len == 0 {
            // Whole already: with nothing behind it, `decode` would not be called again.
            return Ok(Decoded { consumed: HEADER, item: Item::Message(Message::binary(&[])) });
        }
        self.body = Some(len as usize);
        Ok(Decoded { consumed: HEADER, item: Item::Skip })
    }
}

impl Protocol for Framed {
    type Encoder = FramedEncoder;

    fn encoder(&self) -> FramedEncoder {
        FramedEncoder { max_message_size: self.max_message_size }
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        cx.out.extend(GREETING);
        self.deadline = cx.now().checked_add(self.greeting_timeout);
        false // Ready once `decode` says so.
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        if !self.is_greeted {
            return self.decode_greeting(input);
        }
        let Some(len) = self.body else { return self.decode_header(input) };
        if input.len() < len {
            return Ok(incomplete(len));
        }
        self.body = None;
        Ok(Decoded { consumed: len, item: Item::Message(Message::binary(&input[..len])) })
    }

    /// A header that was consumed counts: the rest has to come within `Limits::message_timeout`.
    fn half_received(&self) -> Option<usize> {
        self.body.map(|_| HEADER)
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn expire(&mut self, _: &mut Context<'_>) -> Result<Progress, CloseReason> {
        Err(CloseReason::HandshakeTimeout) // There is no other deadline.
    }

    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match left {
            0 if self.is_greeted && self.body.is_none() => CloseReason::PeerClosed,
            _ => CloseReason::ProtocolViolation("the stream ended inside a message".into()),
        }
    }
}

fn incomplete<'a>(needed: usize) -> Decoded<'a> {
    Decoded { consumed: 0, item: Item::Incomplete { needed } }
}

/// Puts the length in front.
#[derive(Clone, Copy, Debug)]
pub struct FramedEncoder {
    max_message_size: usize,
}

impl Encoder for FramedEncoder {
    fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put(&(message.bytes.len() as u32).to_be_bytes());
        frame.put_message(message.bytes);
    }

    fn framing(&self) -> Option<u64> {
        Some(0) // All frame alike, so a message to many is framed once.
    }
}
