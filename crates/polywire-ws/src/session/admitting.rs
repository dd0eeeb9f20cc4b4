//! Which frames may come.

use crate::assembler::Assembler;
use crate::close::{self, End, violation};
use crate::frame::OpCode;
use crate::header::Header;
use crate::session::Session;

impl Session {
    /// Whether this frame may come now, and be so long, by all rules. Returns the length of its payload.
    #[inline(never)] // Not in the way of messages of one frame.
    pub(super) fn admit(&self, header: &Header) -> Result<usize, End> {
        let (open, settings) = (self.open_message(), self.settings());
        let begun = open.map_or(0, Assembler::received);
        let is_compressed = header.is_compressed || open.is_some_and(Assembler::is_compressed);
        let limit = |max| if is_compressed { longest_deflated(max) } else { max };
        let mut max = limit(settings.max_message_size);
        match header.opcode {
            OpCode::Continuation if open.is_none() => {
                return Err(violation("a continuation of no message"));
            }
            OpCode::Text | OpCode::Binary if open.is_some() => {
                return Err(violation("a new message inside a fragmented one"));
            }
            OpCode::Close | OpCode::Ping | OpCode::Pong => max = usize::MAX,
            _ if header.payload > limit(settings.max_frame_size) as u64 => {
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
}

/// The most that a message of `len` bytes may take while it is compressed: a ninth bit for each byte that compresses
/// badly, and some to begin and to end with. The inflated message is counted by itself.
fn longest_deflated(len: usize) -> usize {
    len.saturating_add(len / 8 + 64)
}
