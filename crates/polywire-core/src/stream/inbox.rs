//! The front of a frame that a read cut.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::thread_local;

use crate::stream::maps::Map;

/// Bytes received and not yet decoded. Owns memory only while there are some.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Memory,
    /// How many of them were received.
    len: usize,
    /// Bytes in all that the frame at the front takes, as far as is known.
    needed: usize,
}

/// How much more memory is set aside than was received: as much again, within these bounds. So a
/// length that the peer wrote costs nothing, and a long message still grows in few steps.
const GROWTH_BYTES: std::ops::RangeInclusive<usize> = 512..=1 << 20;

/// Memory in the heap at most, also of what a thread keeps for the next frame. More is mapped: much of
/// it would stay with the allocator.
const MAX_HEAP_BYTES: usize = (1 << 20) + (64 << 10);
/// How many times what was received such memory may be. All of it counts as held by the connection, but
/// what of a map was not written yet.
const MAX_CAPACITY_FACTOR: usize = 16;

/// From so many missing bytes on it is worth a call of its own to read them to where they belong.
const DIRECT_READ_BYTES: usize = 64 << 10;

// Memory and nothing else, so that no model has to look into it.
thread_local! {
    /// The memory of the frame before, for the next one: to get it from the system again for each long
    /// frame costs more than to copy the frame.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// As many bytes as may be written, or read into.
#[derive(Debug)]
pub(super) enum Memory {
    Heap(Vec<u8>),
    Mapped(Map),
}

impl Memory {
    /// Makes it `room` bytes, and if it has to move leaves room up to `needed`. The first `len` stay.
    fn grow(&mut self, len: usize, room: usize, needed: usize) {
        match self {
            Self::Heap(bytes) if room <= MAX_HEAP_BYTES => {
                bytes.reserve_exact(room - bytes.len());
                return bytes.resize(room, 0);
            }
            Self::Mapped(map) if room <= map.len() => return map.touch(room),
            _ => {}
        }
        let mut new = match Map::new(needed.clamp(room, MAX_CAPACITY_FACTOR * room)) {
            Ok(map) => Self::Mapped(map),
            Err(_) => Self::Heap(vec![0; room]),
        };
        if let Self::Mapped(map) = &mut new {
            map.touch(room);
        }
        new[..len].copy_from_slice(&self[..len]);
        std::mem::replace(self, new).leave();
    }

    /// Leaves it to the frame that is cut next on this thread.
    fn leave(self) {
        let Self::Heap(bytes) = self else { return }; // A map does that by itself.
        if !bytes.is_empty() && bytes.len() <= MAX_HEAP_BYTES {
            // A thread that ends keeps none.
            let _ = SPARE.try_with(|spare| {
                let before = spare.take();
                spare.set(if before.len() > bytes.len() { before } else { bytes });
            });
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => &map[..map.touched()],
        }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => {
                let touched = map.touched();
                &mut map[..touched]
            }
        }
    }
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory set aside.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether decoding what is here may find something.
    pub(super) fn is_decodable(&self) -> bool {
        self.len > 0 && self.len >= self.needed
    }

    /// What is here may be found to be something else now: it is decodable.
    pub(super) fn reconsider(&mut self) {
        self.needed = 0;
    }

    /// Moves bytes from the front of `chunk` here, up to what the frame at the front needs, and
    /// returns the rest. Where the frame can't tell, as many as are here.
    pub(super) fn fill<'a>(&mut self, chunk: &'a mut [u8]) -> &'a mut [u8] {
        let missing = self.needed.saturating_sub(self.len);
        let wanted = if missing > 1 { missing } else { self.len };
        let (front, rest) = chunk.split_at_mut(wanted.min(chunk.len()));
        self.keep(front);
        rest
    }

    /// Bytes that the frame at the front needs besides those that are here, if that is known.
    pub(super) fn missing(&self) -> usize {
        match self.needed.saturating_sub(self.len) {
            1 => 0,
            missing => missing,
        }
    }

    /// Where to read the rest of a long frame to, at most so many bytes of it.
    #[inline]
    pub(super) fn unread(&mut self, most: usize) -> Option<&mut [u8]> {
        let missing = self.needed.saturating_sub(self.len);
        if missing < DIRECT_READ_BYTES || self.is_empty() {
            return None;
        }
        self.reserve(1);
        let end = self.bytes.len().min(self.needed).min(self.len.saturating_add(most));
        Some(&mut self.bytes[self.len..end])
    }

    /// So many bytes were read there.
    pub(super) fn note_read(&mut self, len: usize) {
        self.len += len;
    }

    /// Keeps `rest`, of which nothing can be decoded before there are `needed` bytes.
    pub(super) fn put(&mut self, rest: &[u8], needed: usize) {
        self.needed = needed;
        self.keep(rest);
    }

    /// Takes all bytes out to be decoded: the first so many. What is left of them comes back by
    /// [`put_back`](Self::put_back).
    pub(super) fn take(&mut self) -> (Memory, usize) {
        self.needed = 0;
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.len))
    }

    /// Puts back what [`take`](Self::take) gave and from which `consumed` bytes were decoded.
    pub(super) fn put_back(
        &mut self,
        (mut bytes, len): (Memory, usize),
        consumed: usize,
        needed: usize,
    ) {
        debug_assert!(self.is_empty(), "taken before");
        if consumed < len {
            bytes.copy_within(consumed..len, 0);
            (self.bytes, self.len, self.needed) = (bytes, len - consumed, needed);
        } else {
            bytes.leave();
        }
    }

    fn keep(&mut self, more: &[u8]) {
        self.reserve(more.len());
        self.bytes[self.len..][..more.len()].copy_from_slice(more);
        self.len += more.len();
    }

    /// Makes room for so many bytes more.
    fn reserve(&mut self, more: usize) {
        let len = self.len + more;
        if len <= self.bytes.len() {
            return;
        }
        let spare = SPARE.try_with(Cell::take).unwrap_or_default();
        if spare.len() >= len && spare.len() <= MAX_CAPACITY_FACTOR.saturating_mul(len) {
            let before = std::mem::replace(&mut self.bytes, Memory::Heap(spare));
            self.bytes[..self.len].copy_from_slice(&before[..self.len]);
            return;
        }
        Memory::Heap(spare).leave();
        let room = len + len.clamp(*GROWTH_BYTES.start(), *GROWTH_BYTES.end());
        let room = if self.needed > len { room.min(self.needed) } else { room };
        self.bytes.grow(self.len, room, self.needed);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        std::mem::take(&mut self.bytes).leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_arrived_and_not_what_was_announced() {
        let mut inbox = Inbox::default();
        inbox.put(&[1], 1 << 40);
        assert!(inbox.held() <= 1 + 512);
        for _ in 0..3000 {
            let rest_len = inbox.fill(&mut [0; 1000]).len();
            assert_eq!(rest_len, 0);
            assert!(inbox.held() <= 2 * inbox.len().max(512));
            assert!(inbox.held() <= inbox.len() + (1 << 20));
        }
        assert!(!inbox.is_decodable());
        let len = inbox.len();
        assert!(inbox.unread(usize::MAX).unwrap().len() <= len.max(1 << 20));
    }

    #[test]
    fn it_takes_what_the_frame_needs_and_leaves_the_rest() {
        let mut inbox = Inbox::default();
        inbox.put(&[1, 2], 5);
        let mut chunk = [3, 4, 5, 6];
        assert_eq!(inbox.fill(&mut chunk), [6]);
        assert!(inbox.is_decodable());
        let (bytes, len) = inbox.take();
        assert_eq!(bytes[..len], [1, 2, 3, 4, 5]);
        inbox.put_back((bytes, len), 5, 0);
        assert!(inbox.is_empty());
        assert_eq!(inbox.held(), 0);
    }

    #[test]
    fn a_frame_that_cannot_tell_its_length_is_looked_at_a_few_times_only() {
        let mut inbox = Inbox::default();
        let mut bytes = vec![7; 100_000];
        inbox.put(&[7], 2);
        let (mut rest, mut looks) = (&mut bytes[..], 0);
        while !rest.is_empty() {
            rest = inbox.fill(rest);
            looks += 1;
            let taken = inbox.take();
            let len = taken.1;
            inbox.put_back(taken, 0, len + 1);
        }
        assert!(looks <= 18, "{looks}");
        assert_eq!(inbox.len(), 100_001);
    }

    #[test]
    fn the_memory_of_a_long_frame_is_used_again_but_not_for_a_few_bytes() {
        let mut inbox = Inbox::default();
        inbox.put(&vec![1; 300_000], 900_000);
        let place = inbox.bytes.as_ptr();
        drop(inbox);
        let mut few = Inbox::default();
        few.put(&[1; 100], 900_000);
        assert!(few.held() < 1000);
        let mut next = Inbox::default();
        next.put(&vec![1; 100_000], 900_000);
        assert_eq!((next.bytes.as_ptr(), next.held()), (place, 600_000));
        // One that goes on into it.
        drop(next);
        few.put(&vec![1; 50_000], 900_000);
        assert_eq!((few.bytes.as_ptr(), few.len()), (place, 50_100));
        assert!(few.bytes[..few.len()].iter().all(|byte| *byte == 1));
    }

    #[test]
    fn the_rest_of_a_long_frame_is_read_to_its_place() {
        let mut inbox = Inbox::default();
        inbox.put(&[1; 10], DIRECT_READ_BYTES);
        assert!(inbox.unread(usize::MAX).is_none(), "less is missing");
        inbox.put(&[1; 1], 3 * DIRECT_READ_BYTES);
        while let Some(unread) = inbox.unread(1000) {
            let len = unread.len();
            assert!(len <= 1000);
            unread.fill(2);
            inbox.note_read(len);
        }
        assert!(inbox.needed - inbox.len() < DIRECT_READ_BYTES);
        let (bytes, len) = inbox.take();
        assert!(bytes[..11] == [1; 11] && bytes[11..len].iter().all(|byte| *byte == 2));
    }
}
