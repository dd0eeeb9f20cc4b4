//! The connection after the handshake: frames in, messages out.

use std::sync::Arc;

use polywire_core::stream::{Decoded, Item};
use polywire_core::{CloseReason, Message, MessageKind};

use crate::assembler::Assembler;
use crate::close::{self, End, violation};
use crate::frame::{self, OpCode};
use crate::header::Header;
use crate::mask;
use crate::settings::Settings;

/// One open WebSocket connection.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Arc<Settings>,
    /// The fragments of a message, while there are any.
    assembler: Option<Box<Assembler>>,
}

impl Session {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, assembler: None }
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The bytes of the fragments of a message whose last one is still to come.
    pub(crate) fn half_received(&self) -> Option<usize> {
        self.open_message().map(Assembler::len)
    }

    /// The message of which fragments have come, but not the last one.
    fn open_message(&self) -> Option<&Assembler> {
        self.assembler.as_deref().filter(|assembler| assembler.is_open())
    }

    /// Asks the peer for a sign of life (RFC 6455 section 5.5.2).
    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        frame::write(self.settings.role, OpCode::Ping, &[], out);
    }

    /// The program has seen the message that its fragments make.
    #[inline]
    pub(crate) fn delivered(&mut self) {
        if self.assembler.is_some() {
            self.assembler.take_if(|assembler| !assembler.is_open());
        }
    }

    /// Takes the next frame from the front of `input`, as
    /// [`Protocol::decode`](polywire_core::stream::Protocol::decode) does.
    #[inline(always)] // Of each message.
    pub(crate) fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let role = self.settings.role;
        self.frame(input, out).map_err(|end| {
            end.write(role, out);
            end.reason
        })
    }

    fn frame<'a>(&'a mut self, input: &'a mut [u8], out: &mut Vec<u8>) -> Result<Decoded<'a>, End> {
        let Some(header) = Header::parse(input, self.settings.role)? else {
            return Ok(incomplete(input.len() + 1));
        };
        let consumed = header.size.saturating_add(self.admit(&header)?);
        let Some(frame) = input.get_mut(..consumed) else { return Ok(incomplete(consumed)) };
        let payload = &mut frame[header.size..];
        if matches!(header.opcode, OpCode::Continuation) || !header.fin {
            return self.fragment(&header, payload, consumed);
        }
        if let Some(key) = header.mask {
            mask::apply(payload, key);
        }
        let item = match header.opcode {
            OpCode::Text if std::str::from_utf8(payload).is_err() => {
                return Err(close::invalid_text());
            }
            OpCode::Close => return Err(close::received(payload)),
            OpCode::Ping => {
                frame::write(self.settings.role, OpCode::Pong, payload, out);
                Item::Answer
            }
            OpCode::Pong => Item::Skip,
            OpCode::Text => Item::Message(Message::new(payload, MessageKind::TEXT)),
            _ => Item::Message(Message::binary(payload)),
        };
        Ok(Decoded { consumed, item })
    }

    /// Whether this frame may come now, and be so long. Returns the length of its payload.
    fn admit(&self, header: &Header) -> Result<usize, End> {
        let (open, settings) = (self.open_message(), &self.settings);
        let begun = open.map_or(0, Assembler::len);
        let mut max = settings.max_message_size;
        match header.opcode {
            OpCode::Continuation if open.is_none() => {
                return Err(violation("a continuation of no message"));
            }
            OpCode::Text | OpCode::Binary if open.is_some() => {
                return Err(violation("a new message inside a fragmented one"));
            }
            OpCode::Close | OpCode::Ping | OpCode::Pong => max = usize::MAX,
            _ if header.payload > settings.max_frame_size as u64 => {
                return Err(close::too_large(header.payload, settings.max_frame_size));
            }
            // One that is empty and the last costs nothing.
            _ if open.map_or(0, Assembler::fragments) >= settings.max_fragments
                && !(header.fin && header.payload == 0) =>
            {
                return Err(close::too_many_fragments(settings.max_fragments));
            }
            OpCode::Continuation => max = max.saturating_sub(begun),
            _ => {}
        }
        match usize::try_from(header.payload) {
            Ok(payload) if payload <= max => Ok(payload),
            _ => {
                let size = header.payload.saturating_add(begun as u64);
                Err(close::too_large(size, settings.max_message_size))
            }
        }
    }

    /// Adds a fragment to its message, and hands out the message that it ends.
    fn fragment<'a>(
        &'a mut self,
        header: &Header,
        payload: &[u8],
        consumed: usize,
    ) -> Result<Decoded<'a>, End> {
        let is_text = header.opcode == OpCode::Text;
        let assembler = self.assembler.get_or_insert_with(|| Box::new(Assembler::new(is_text)));
        assembler.push(payload, header.mask, header.fin)?;
        if !header.fin {
            return Ok(Decoded { consumed, item: Item::Skip });
        }
        let kind = if assembler.is_text() { MessageKind::TEXT } else { MessageKind::BINARY };
        Ok(Decoded { consumed, item: Item::Message(Message::new(assembler.finish(), kind)) })
    }
}

fn incomplete(needed: usize) -> Decoded<'static> {
    Decoded { consumed: 0, item: Item::Incomplete { needed } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;
    use crate::settings;

    #[test]
    fn the_memory_of_a_fragmented_message_is_given_back_without_another_frame() {
        let settings = Settings {
            role: Role::Client,
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            text: false,
        };
        let mut session = Session::new(Arc::new(settings));
        let mut out = Vec::new();
        let mut input = [0x02, 2, b'a', b'b', 0x80, 1, b'c'];
        let skip = Decoded { consumed: 4, item: Item::Skip };
        assert_eq!(session.decode(&mut input, &mut out), Ok(skip));
        let message = Decoded { consumed: 3, item: Item::Message(Message::binary(b"abc")) };
        assert_eq!(session.decode(&mut input[4..], &mut out), Ok(message));
        session.delivered();
        assert!(session.assembler.is_none());
        assert!(out.is_empty());
    }
}
