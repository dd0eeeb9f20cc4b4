//! The framing by hand, for programs that read and write a stream themselves.
//!
//! ```
//! use polywire_framed_tcp::encoding::{self, Decoder, MAX_ENCODED_SIZE};
//!
//! let mut buf = [0; MAX_ENCODED_SIZE];
//! let mut stream = encoding::encode_size(b"hello", &mut buf).to_vec();
//! stream.extend_from_slice(b"hello");
//!
//! let mut decoder = Decoder::default();
//! let mut messages = Vec::new();
//! for chunk in stream.chunks(2) {
//!     decoder.decode(chunk, |message| messages.push(message.to_vec()));
//! }
//! assert_eq!(messages, [b"hello"]);
//! ```

use std::mem;

use polywire_core::stream::{Decoded, Item};

use crate::length::{read_size, write_size};
use crate::protocol::Framed;

pub use crate::length::MAX_ENCODED_SIZE;

/// The length of `message` as it is written before it, in `buf`.
pub fn encode_size<'a>(message: &[u8], buf: &'a mut [u8; MAX_ENCODED_SIZE]) -> &'a [u8] {
    write_size(message, buf)
}

/// Reads the length at the front of `data`: the length, and the bytes it takes.
///
/// `None` if more bytes are needed, and also if what is there is no length at all, or one that
/// this machine can't count: [`Decoder`] tells the two apart. The length is the peer's word: compare
/// it with a maximum before setting memory aside.
pub fn decode_size(data: &[u8]) -> Option<(usize, usize)> {
    let (size, used) = read_size(data).ok()??;
    Some((usize::try_from(size).ok()?, used))
}

/// Puts messages together from the pieces in which a stream delivers them.
///
/// Holds at most one frame that is not whole yet, in memory that grows with the bytes received and
/// not with the length they notify.
///
/// What breaks the framing, or notifies more than
/// [`DEFAULT_MAX_MESSAGE_SIZE`](crate::DEFAULT_MAX_MESSAGE_SIZE), leaves no way to find the next
/// message: the decoder then drops what it holds and ignores everything that follows, and
/// [`is_broken`](Self::is_broken) tells. The stream is to be closed.
#[derive(Debug, Default)]
pub struct Decoder {
    framed: Framed,
    /// The front of a frame that is not whole.
    stored: Vec<u8>,
    broken: bool,
}

impl Decoder {
    /// Takes the next bytes of the stream and calls `decoded_callback` with each message that is
    /// whole now, in order.
    pub fn decode(&mut self, mut data: &[u8], mut decoded_callback: impl FnMut(&[u8])) {
        while !self.broken && !data.is_empty() {
            data = if self.stored.is_empty() {
                self.decode_in_place(data, &mut decoded_callback)
            } else {
                self.complete_stored(data, &mut decoded_callback)
            };
        }
    }

    /// Bytes held of a message that is not whole yet, its length among them.
    pub fn stored_size(&self) -> usize {
        self.stored.len()
    }

    /// Whether the stream broke the framing, so that no further message can be found in it.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes one frame from the front of `data`, or stores all of it. Returns the rest.
    fn decode_in_place<'a>(
        &mut self,
        data: &'a [u8],
        decoded_callback: &mut impl FnMut(&[u8]),
    ) -> &'a [u8] {
        match self.framed.frame(data) {
            Ok(Decoded { consumed, item: Item::Message(message) }) => {
                decoded_callback(message.bytes);
                return &data[consumed..];
            }
            Ok(_) => self.stored.extend_from_slice(data),
            Err(_) => self.broken = true,
        }
        &[]
    }

    /// Adds from `data` what the stored frame needs, as far as it goes. Returns the rest.
    fn complete_stored<'a>(
        &mut self,
        data: &'a [u8],
        decoded_callback: &mut impl FnMut(&[u8]),
    ) -> &'a [u8] {
        let (piece, rest) = data.split_at(self.missing().min(data.len()));
        let mut stored = mem::take(&mut self.stored);
        stored.extend_from_slice(piece);
        match self.framed.frame(&stored) {
            Ok(Decoded { item: Item::Message(message), .. }) => decoded_callback(message.bytes),
            Ok(_) => self.stored = stored,
            Err(_) => self.broken = true,
        }
        rest
    }

    /// Bytes that the stored frame needs before it is worth another look, at least one.
    fn missing(&self) -> usize {
        match self.framed.frame(&self.stored) {
            Ok(Decoded { item: Item::Incomplete { needed }, .. }) => needed - self.stored.len(),
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_was_written() {
        let mut buf = [0; MAX_ENCODED_SIZE];
        for (len, used) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3)] {
            let written = encode_size(&vec![0; len], &mut buf);
            assert_eq!(written.len(), used);
            assert_eq!(decode_size(written), Some((len, used)));
            assert_eq!(decode_size(&written[..used - 1]), None);
        }
        assert_eq!(decode_size(&[3, b'a', b'b', b'c']), Some((3, 1)));
    }

    #[test]
    fn what_is_no_size_is_none() {
        for data in [&[][..], &[0xFF; 10], &[0xFF; 11], &[0x80, 0x00], &[0x80; 16]] {
            assert_eq!(decode_size(data), None);
        }
    }

    #[test]
    fn a_cut_message_is_held_and_given_back() {
        let mut decoder = Decoder::default();
        let mut messages = Vec::new();
        decoder.decode(b"\x02hi\x05hel", |message| messages.push(message.to_vec()));
        assert_eq!(decoder.stored_size(), 4);
        decoder.decode(b"lo\x00", |message| messages.push(message.to_vec()));
        assert_eq!(decoder.stored_size(), 0);
        assert_eq!(decoder.stored.capacity(), 0);
        assert_eq!(messages, [&b"hi"[..], b"hello", b""]);
    }

    #[test]
    fn a_broken_stream_is_told_and_stores_nothing_more() {
        for garbage in [&[0xFF; 11][..], &[0x80, 0x00], &[0x81, 0x80, 0x80, 0x20]] {
            let mut decoder = Decoder::default();
            let mut messages = Vec::new();
            decoder.decode(b"\x02hi", |message| messages.push(message.to_vec()));
            for byte in garbage {
                decoder.decode(&[*byte], |message| messages.push(message.to_vec()));
            }
            assert!(decoder.is_broken(), "{garbage:?}");
            decoder.decode(b"\x02ho", |message| messages.push(message.to_vec()));
            assert_eq!(messages, [b"hi"]);
            assert_eq!(decoder.stored_size(), 0);
        }
    }

    #[test]
    fn memory_follows_what_came_and_not_what_was_announced() {
        let mut decoder = Decoder::default();
        // 32 MiB announced, 1 KiB sent.
        decoder.decode(&[0x80, 0x80, 0x80, 0x10], |_| panic!("no message is whole"));
        decoder.decode(&[7; 1024], |_| panic!("no message is whole"));
        assert_eq!(decoder.stored_size(), 1028);
        assert!(decoder.stored.capacity() <= 4096);
    }
}
