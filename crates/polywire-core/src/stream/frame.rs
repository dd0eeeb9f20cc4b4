//! Where an encoder puts the frame of a message.

use std::cell::Cell;
use std::thread_local;

/// The frame of one message while an [`Encoder`](crate::stream::Encoder) puts it together, from the front
/// to the back. The engine decides where the parts go: behind others that wait to be sent, or straight to
/// the stream. A `Vec` takes them all one behind the other.
pub trait Frame<'m> {
    /// Appends bytes that the protocol adds, such as a length.
    fn put(&mut self, bytes: &[u8]);

    /// Appends the message, or a part of it, as it is. Where the frame is up to [`MAX_HEADER`] bytes and
    /// then the message, the message is not copied on its way to the stream.
    fn put_message(&mut self, bytes: &'m [u8]);

    /// Appends a copy of `bytes` that `change` changes in place, as a mask does.
    fn put_changed(&mut self, bytes: &[u8], change: impl FnOnce(&mut [u8]));
}

/// Bytes before a message that it need not be copied for.
pub const MAX_HEADER: usize = 16;

/// Appends to what is there.
impl<'m> Frame<'m> for Vec<u8> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn put_message(&mut self, bytes: &'m [u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn put_changed(&mut self, bytes: &[u8], change: impl FnOnce(&mut [u8])) {
        let start = self.len();
        self.extend_from_slice(bytes);
        change(&mut self[start..]);
    }
}

/// Frames up to this long are put together where their header is.
const MAX_SHORT_FRAME_BYTES: usize = 128;

/// A frame that is a header and then the message as it is, unless it turns out to be another.
pub(super) struct Parts<'m> {
    /// The header, and room for a short message behind it.
    bytes: [u8; MAX_SHORT_FRAME_BYTES],
    header_len: usize,
    message: &'m [u8],
    is_other: bool,
}

impl Default for Parts<'_> {
    #[inline(always)]
    fn default() -> Self {
        let bytes = [0; MAX_SHORT_FRAME_BYTES];
        Self { bytes, header_len: 0, message: &[], is_other: false }
    }
}

impl Parts<'_> {
    /// The frame in one piece, if it is a short one.
    #[inline(always)]
    pub(super) fn put_together(&mut self) -> Option<&[u8]> {
        let len = self.header_len + self.message.len();
        let room = self.bytes.get_mut(self.header_len..len).filter(|_| !self.is_other)?;
        room.copy_from_slice(self.message);
        Some(&self.bytes[..len])
    }

    /// The two parts; `None` if the frame is not of two such.
    #[inline(always)]
    pub(super) fn as_slices(&self) -> Option<[&[u8]; 2]> {
        (!self.is_other).then(|| [&self.bytes[..self.header_len], self.message])
    }
}

impl<'m> Frame<'m> for Parts<'m> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let header = &mut self.bytes[..MAX_HEADER];
        match header.get_mut(self.header_len..self.header_len + bytes.len()) {
            Some(room) if self.message.is_empty() => {
                room.copy_from_slice(bytes);
                self.header_len += bytes.len();
            }
            _ => self.is_other = true,
        }
    }

    #[inline(always)]
    fn put_message(&mut self, bytes: &'m [u8]) {
        self.is_other |= !self.message.is_empty();
        self.message = bytes;
    }

    #[inline(always)]
    fn put_changed(&mut self, _: &[u8], _: impl FnOnce(&mut [u8])) {
        self.is_other = true;
    }
}

/// Memory for a frame that a thread keeps at most.
const MAX_SPARE_BYTES: usize = 128 << 10;

// Memory and nothing else, so that no model has to look into it.
thread_local! {
    /// Where this thread puts longer frames together. A thread that ends has it no more.
    static MEMORY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `act` with empty memory for a frame.
#[inline]
pub(super) fn with_memory<R>(act: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut memory = MEMORY.try_with(Cell::take).unwrap_or_default();
    memory.clear();
    let result = act(&mut memory);
    if memory.capacity() <= MAX_SPARE_BYTES {
        let _ = MEMORY.try_with(|kept| kept.set(memory));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame in the order of `steps`: `m` the message, `c` a copy of two bytes, others themselves.
    fn put<'m>(frame: &mut impl Frame<'m>, steps: &str, message: &'m [u8]) {
        for step in steps.bytes() {
            match step {
                b'm' => frame.put_message(message),
                b'c' => frame.put_changed(b"xy", |copy| copy[1] = b'!'),
                byte => frame.put(&[byte]),
            }
        }
    }

    #[test]
    fn a_frame_of_two_parts_is_the_same_as_a_whole_one_and_not_copied() {
        let message = *b"message";
        for steps in ["", "1", "m", "1m", "1234567890123456m"] {
            let (mut parts, mut whole) = (Parts::default(), Vec::new());
            put(&mut parts, steps, &message);
            put(&mut whole, steps, &message);
            let slices = parts.as_slices().unwrap();
            assert_eq!(slices.concat(), whole, "{steps}");
            assert!(slices[1].is_empty() || std::ptr::eq(slices[1], &message[..]));
        }
    }

    #[test]
    fn a_frame_of_other_parts_is_not_taken_for_one_of_two() {
        for steps in ["12345678901234567m", "m2", "mm", "c", "1c2"] {
            let mut parts = Parts::default();
            put(&mut parts, steps, b"message");
            assert!(parts.as_slices().is_none(), "{steps}");
        }
        let mut whole = Vec::new();
        put(&mut whole, "1c2m", b"message");
        assert_eq!(whole, b"1x!2message");
    }

    #[test]
    fn memory_for_a_frame_is_kept_unless_it_is_much() {
        let kept = || with_memory(|memory| memory.capacity());
        with_memory(|memory| memory.reserve_exact(MAX_SPARE_BYTES));
        assert_eq!(kept(), MAX_SPARE_BYTES);
        with_memory(|memory| memory.reserve_exact(MAX_SPARE_BYTES + 1));
        assert_eq!(kept(), 0);
    }
}
