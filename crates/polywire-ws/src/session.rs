//! The connection after the handshake: frames in, messages out.

use std::ops::Range;

use polywire_core::CloseReason;
use polywire_core::stream::{Decoded, Item};

use crate::assembler::Assembler;
use crate::close::{self, End, violation};
use crate::frame::{self, Header, OpCode};
use crate::mask;
use crate::role::Role;
use crate::settings::Settings;

/// Bytes of answers to one read above which a ping replaces the answer to the one before it, as
/// RFC 6455 section 5.5.3 allows.
const MAX_ANSWERS: usize = 64 << 10;

/// One open WebSocket connection.
#[derive(Debug)]
pub(crate) struct Session {
    role: Role,
    settings: Settings,
    assembler: Assembler,
    last_pong: Range<usize>,
}

impl Session {
    pub(crate) fn new(role: Role, settings: Settings) -> Self {
        Self { role, settings, assembler: Assembler::default(), last_pong: 0..0 }
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The bytes of the fragments of a message whose last one is still to come.
    pub(crate) fn half_received(&self) -> Option<usize> {
        self.assembler.is_open().then(|| self.assembler.len())
    }

    /// Asks the peer for a sign of life (RFC 6455 section 5.5.2).
    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        frame::write(self.role, OpCode::Ping, &[], out);
    }

    /// Takes the next frame from the front of `input`, as
    /// [`Protocol::decode`](polywire_core::stream::Protocol::decode) does.
    pub(crate) fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason> {
        // The byte that `fragment` left behind.
        if self.assembler.release() {
            return Ok(Decoded { consumed: 1, item: Item::Skip });
        }
        let role = self.role;
        self.frame(input, out).map_err(|end| {
            end.write(role, out);
            end.reason
        })
    }

    fn frame<'a>(&'a mut self, input: &'a mut [u8], out: &mut Vec<u8>) -> Result<Decoded<'a>, End> {
        let Some(header) = Header::parse(input, self.role)? else {
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
                self.answer(payload, out);
                Item::Skip
            }
            OpCode::Pong => Item::Skip,
            _ => Item::Message(payload),
        };
        Ok(Decoded { consumed, item })
    }

    /// Whether this frame may come now, and be so long. Returns the length of its payload.
    fn admit(&self, header: &Header) -> Result<usize, End> {
        let (open, settings) = (&self.assembler, &self.settings);
        let mut max = settings.max_message_size;
        match header.opcode {
            OpCode::Continuation if !open.is_open() => {
                return Err(violation("a continuation of no message"));
            }
            OpCode::Text | OpCode::Binary if open.is_open() => {
                return Err(violation("a new message inside a fragmented one"));
            }
            OpCode::Close | OpCode::Ping | OpCode::Pong => max = usize::MAX,
            _ if header.payload > settings.max_frame_size as u64 => {
                return Err(close::too_large(header.payload, settings.max_frame_size));
            }
            _ if open.fragments() >= settings.max_fragments => {
                return Err(close::too_many_fragments(settings.max_fragments));
            }
            OpCode::Continuation => max = max.saturating_sub(open.len()),
            _ => {}
        }
        match usize::try_from(header.payload) {
            Ok(payload) if payload <= max => Ok(payload),
            _ => {
                let size = header.payload.saturating_add(open.len() as u64);
                Err(close::too_large(size, settings.max_message_size))
            }
        }
    }

    /// Adds a fragment to its message, and hands out the message that it ends.
    ///
    /// The message then lies in this connection's own memory, which is to be given back as soon as
    /// the program has seen it, not when the peer sends again. So the last byte of the frame, of
    /// which a copy was taken, is left in the input: it makes `decode` be called once more.
    fn fragment<'a>(
        &'a mut self,
        header: &Header,
        payload: &[u8],
        consumed: usize,
    ) -> Result<Decoded<'a>, End> {
        if header.opcode != OpCode::Continuation {
            self.assembler.begin(header.opcode == OpCode::Text);
        }
        self.assembler.push(payload, header.mask, header.fin)?;
        if !header.fin {
            return Ok(Decoded { consumed, item: Item::Skip });
        }
        Ok(Decoded { consumed: consumed - 1, item: Item::Message(self.assembler.finish()) })
    }

    /// Answers a ping. Nothing but this protocol writes to `out` until it is taken away, so that
    /// the last answer is still at its end if the length says so.
    fn answer(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if out.len() > MAX_ANSWERS && out.len() == self.last_pong.end {
            out.truncate(self.last_pong.start);
        }
        let start = out.len();
        frame::write(self.role, OpCode::Pong, payload, out);
        self.last_pong = start..out.len();
    }
}

fn incomplete(needed: usize) -> Decoded<'static> {
    Decoded { consumed: 0, item: Item::Incomplete { needed } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    #[test]
    fn the_memory_of_a_fragmented_message_is_given_back_without_another_frame() {
        let settings = Settings {
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            text: false,
        };
        let mut session = Session::new(Role::Client, settings);
        let mut out = Vec::new();
        let mut input = [0x02, 2, b'a', b'b', 0x80, 1, b'c'];
        let skip = Decoded { consumed: 4, item: Item::Skip };
        assert_eq!(session.decode(&mut input, &mut out), Ok(skip));
        let message = Decoded { consumed: 2, item: Item::Message(b"abc") };
        assert_eq!(session.decode(&mut input[4..], &mut out), Ok(message));
        let skip = Decoded { consumed: 1, item: Item::Skip };
        assert_eq!(session.decode(&mut input[6..], &mut out), Ok(skip));
        assert_eq!(session.assembler.len(), 0);
        assert!(out.is_empty());
    }
}
