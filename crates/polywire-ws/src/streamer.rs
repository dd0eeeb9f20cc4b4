//! Messages handed out piece by piece, as they come (RFC 6455 section 5.4).

use polywire_core::Message;
use polywire_core::stream::{Decoded, Item};

use crate::close::{self, End, violation};
use crate::frame::OpCode;
use crate::header::Header;
use crate::kinds;
use crate::mask;
use crate::utf8::Utf8;

/// Frames up to this long are handed out whole, so that the pieces of a program that sends short ones come as
/// they were sent. Longer ones are handed out as they are read.
const WHOLE_FRAME_BYTES: usize = 64 << 10;

/// The message that comes, as far as it has.
#[derive(Debug, Default)]
pub(crate) struct Streamer {
    /// A long frame, while its payload comes.
    frame: Option<LongFrame>,
    message: Option<OpenMessage>,
}

#[derive(Debug)]
struct LongFrame {
    /// Bytes of its payload to come.
    left: u64,
    /// For the next of them.
    key: Option<[u8; 4]>,
    fin: bool,
}

/// A message of which the last piece was not handed out.
#[derive(Debug)]
struct OpenMessage {
    /// `None` for a binary message.
    text: Option<Utf8>,
    has_begun: bool,
}

impl Streamer {
    /// Whether the last piece of a message has not come.
    pub(crate) fn is_inside_message(&self) -> bool {
        self.message.is_some()
    }

    /// Whether the rest of a frame has not come.
    pub(crate) fn is_inside_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// Takes a data frame, or the front of a long one, from the front of `input`.
    pub(crate) fn begin<'a>(
        &mut self,
        header: &Header,
        input: &'a mut [u8],
        max_piece: usize,
    ) -> Result<Decoded<'a>, End> {
        self.check_order(header.opcode)?;
        if header.payload > WHOLE_FRAME_BYTES.min(max_piece) as u64 {
            self.begin_message(header.opcode);
            let (left, key, fin) = (header.payload, header.mask, header.fin);
            self.frame = Some(LongFrame { left, key, fin });
            return Ok(Decoded { consumed: header.size, item: Item::Skip });
        }
        let consumed = header.size + header.payload as usize;
        let Some(frame) = input.get_mut(..consumed) else { return Ok(incomplete(consumed)) };
        self.begin_message(header.opcode);
        let item = self.hand_out(&mut frame[header.size..], header.mask, header.fin)?;
        Ok(Decoded { consumed, item })
    }

    fn check_order(&self, opcode: OpCode) -> Result<(), End> {
        match (opcode, &self.message) {
            (OpCode::Continuation, None) => Err(violation("a continuation of no message")),
            (OpCode::Text | OpCode::Binary, Some(_)) => {
                Err(violation("a new message inside a fragmented one"))
            }
            _ => Ok(()),
        }
    }

    fn begin_message(&mut self, opcode: OpCode) {
        if opcode != OpCode::Continuation {
            let text = (opcode == OpCode::Text).then(Utf8::default);
            self.message = Some(OpenMessage { text, has_begun: false });
        }
    }

    /// Takes as much of a long frame as is there.
    pub(crate) fn go_on<'a>(
        &mut self,
        input: &'a mut [u8],
        max_piece: usize,
    ) -> Result<Decoded<'a>, End> {
        let Some(mut frame) = self.frame.take() else { return Ok(incomplete(input.len() + 1)) };
        let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
        let consumed = left.min(input.len()).min(max_piece);
        frame.left -= consumed as u64;
        let (key, is_last) = (frame.key, frame.fin && frame.left == 0);
        if let Some(key) = &mut frame.key {
            key.rotate_left(consumed % 4);
        }
        self.frame = Some(frame).filter(|frame| frame.left > 0);
        let item = self.hand_out(&mut input[..consumed], key, is_last)?;
        Ok(Decoded { consumed, item })
    }

    fn hand_out<'a>(
        &mut self,
        piece: &'a mut [u8],
        key: Option<[u8; 4]>,
        is_last: bool,
    ) -> Result<Item<'a>, End> {
        if let Some(key) = key {
            mask::apply(piece, key);
        }
        let Some(message) = &mut self.message else {
            return Err(violation("a continuation of no message"));
        };
        if message.text.as_mut().is_some_and(|text| !text.push(piece, is_last)) {
            return Err(close::invalid_text());
        }
        let kind = kinds::of_piece(message.text.is_some(), !message.has_begun, is_last);
        message.has_begun = true;
        if is_last {
            self.message = None;
        }
        Ok(Item::Message(Message::new(piece, kind)))
    }
}

/// Asks for that many bytes from the front.
pub(crate) fn incomplete(needed: usize) -> Decoded<'static> {
    Decoded { consumed: 0, item: Item::Incomplete { needed } }
}
