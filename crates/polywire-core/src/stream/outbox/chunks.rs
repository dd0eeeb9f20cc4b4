//! A queue of bytes in pieces.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::stream::outbox::mapped::Mapped;

/// Frames up to this long are gathered in one piece of memory; longer ones get their own.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// The least memory taken for frames that are gathered.
pub(super) const MIN_CHUNK_BYTES: usize = 512;

/// Frames from this long on are mapped.
pub(super) const MAPPED_FROM_BYTES: usize = 2 * CHUNK_BYTES;

/// Bytes behind the front that wait in the heap at most, but for the last chunk.
const MAX_HEAP_BYTES: usize = 3 * CHUNK_BYTES;

/// Less is not worth a map of its own, such as the header of a message that is shared.
const PAGE_BYTES: usize = 4096;

/// Bytes in the heap, of which the front may have been taken.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
}

impl Chunk {
    #[inline]
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Makes room for so many bytes more: twice what there is, as a vector does by itself, but never
    /// more than a whole chunk.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        let len = self.bytes.len() + more;
        if len > self.bytes.capacity() {
            let room = (2 * self.bytes.capacity()).min(CHUNK_BYTES).max(len);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
    }
}

/// Some of the bytes: in the heap, or of much that waits, mapped.
#[derive(Debug)]
pub(super) enum Piece {
    Heap(Chunk),
    Mapped(Mapped),
    /// What other outboxes, or the program, have as well.
    Shared(Bytes),
}

impl Piece {
    /// The bytes of two parts.
    pub(super) fn new(parts: [&[u8]; 2]) -> Self {
        let mapped =
            (parts[0].len() + parts[1].len() >= MAPPED_FROM_BYTES).then(|| Mapped::new(parts).ok());
        match mapped.flatten() {
            Some(mapped) => Self::Mapped(mapped),
            None => Self::Heap(Chunk { bytes: parts.concat(), start: 0 }),
        }
    }

    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        match self {
            Self::Heap(chunk) => chunk.rest(),
            Self::Mapped(mapped) => mapped.rest(),
            Self::Shared(bytes) => bytes,
        }
    }

    #[inline]
    fn drop_front(&mut self, len: usize) {
        match self {
            Self::Heap(chunk) => chunk.start += len,
            Self::Mapped(mapped) => mapped.drop_front(len),
            Self::Shared(bytes) => bytes.advance(len),
        }
    }

    /// Its memory, if that is worth to be kept.
    #[inline]
    fn into_spare(self) -> Vec<u8> {
        match self {
            Self::Heap(chunk) if chunk.bytes.capacity() <= MAPPED_FROM_BYTES => chunk.bytes,
            _ => Vec::new(),
        }
    }
}

/// Pieces in their order. A single one, as mostly, takes no memory beside its own.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    front: Option<Piece>,
    /// Empty without a front.
    behind: VecDeque<Piece>,
    /// Memory of a chunk that is gone, for the next one.
    spare: Vec<u8>,
    /// Chunks behind the front that are in the heap.
    in_heap: usize,
}

impl Chunks {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.front.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.front.is_some()) + self.behind.len()
    }

    /// The bytes, if they are in one piece.
    #[inline]
    pub(super) fn sole(&self) -> Option<&[u8]> {
        self.front.as_ref().filter(|_| self.behind.is_empty()).map(Piece::rest)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Piece> {
        self.front.iter().chain(&self.behind)
    }

    /// The last piece, if more can be put into it.
    #[inline]
    pub(super) fn back_mut(&mut self) -> Option<&mut Chunk> {
        let last =
            if self.behind.is_empty() { self.front.as_mut() } else { self.behind.back_mut() };
        match last? {
            Piece::Heap(chunk) => Some(chunk),
            Piece::Mapped(_) | Piece::Shared(_) => None,
        }
    }

    pub(super) fn push_back(&mut self, piece: Piece) {
        if self.front.is_none() {
            self.front = Some(piece);
            return;
        }
        if self.in_heap * CHUNK_BYTES >= MAX_HEAP_BYTES {
            self.map_last();
        }
        self.in_heap += usize::from(matches!(piece, Piece::Heap(_)));
        self.behind.push_back(piece);
    }

    /// Moves the last chunk, which is full, to the map before it or to one of its own.
    #[inline(never)]
    fn map_last(&mut self) {
        let full = match self.behind.pop_back() {
            Some(Piece::Heap(full)) if full.rest().len() >= PAGE_BYTES => full,
            other => return self.behind.extend(other),
        };
        let is_put = match self.behind.back_mut() {
            Some(Piece::Mapped(mapped)) => mapped.try_push(full.rest()),
            _ => false,
        };
        if !is_put {
            match Mapped::new([full.rest(), &[]]) {
                Ok(mapped) => self.behind.push_back(Piece::Mapped(mapped)),
                Err(_) => return self.behind.push_back(Piece::Heap(full)),
            }
        }
        self.in_heap -= 1;
        self.spare = Piece::Heap(full).into_spare();
    }

    pub(super) fn push_front(&mut self, piece: Piece) {
        if let Some(second) = self.front.replace(piece) {
            self.in_heap += usize::from(matches!(second, Piece::Heap(_)));
            self.behind.push_front(second);
        }
    }

    /// Moves all of `other` behind these.
    #[inline]
    pub(super) fn append(&mut self, mut other: Self) {
        if self.is_empty() {
            other.spare = std::mem::take(&mut self.spare);
            *self = other;
        } else {
            other.front.into_iter().chain(other.behind).for_each(|piece| self.push_back(piece));
        }
    }

    /// Empty memory for a chunk, with room for so many bytes at least: that of the chunk which was
    /// dropped last, if that will do.
    #[inline]
    pub(super) fn memory(&mut self, room: usize) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.spare);
        if bytes.capacity() < room {
            return Vec::with_capacity(room);
        }
        bytes.clear();
        bytes
    }

    /// Takes hardly more memory than what is here needs.
    pub(super) fn fit(&mut self) {
        self.spare = Vec::new();
        for piece in self.front.iter_mut().chain(self.behind.back_mut()) {
            let Piece::Heap(Chunk { bytes, start }) = piece else { continue };
            if bytes.capacity() > 2 * (bytes.len() - *start) + MIN_CHUNK_BYTES {
                bytes.drain(..std::mem::take(start));
                bytes.shrink_to_fit();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let pieces = self.iter().map(|piece| match piece {
            Piece::Heap(chunk) => chunk.bytes.capacity(),
            Piece::Mapped(mapped) => mapped.capacity(),
            Piece::Shared(_) => 0,
        });
        pieces.sum::<usize>() + self.spare.capacity()
    }

    /// As new, but for the memory of the next chunk, if that is to be kept. There are no bytes in it: at most
    /// an empty frame.
    #[inline]
    pub(super) fn reset(&mut self, keeps_spare: bool) {
        if self.front.is_some() || self.behind.capacity() > 0 {
            (self.front, self.behind, self.in_heap) = (None, VecDeque::new(), 0);
        }
        if !keeps_spare && self.spare.capacity() > 0 {
            self.spare = Vec::new();
        }
    }

    pub(super) fn has_spare(&self) -> bool {
        self.spare.capacity() > 0
    }

    /// Takes over the memory that `other` has for its next chunk.
    #[inline]
    pub(super) fn take_spare(&mut self, other: &mut Self) {
        self.spare = std::mem::take(&mut other.spare);
    }

    /// Puts bytes behind, small ones into the last chunk: a peer that makes us answer in a few
    /// bytes again and again must not take more memory than those.
    pub(super) fn push_bytes(&mut self, bytes: Vec<u8>) {
        match self.back_mut() {
            Some(last) if last.bytes.len() + bytes.len() <= CHUNK_BYTES => {
                last.reserve(bytes.len());
                last.bytes.extend_from_slice(&bytes);
            }
            _ => self.push_back(Piece::Heap(Chunk { bytes, start: 0 })),
        }
    }

    /// Drops so many bytes from the front, and pieces of which nothing is left.
    #[inline]
    pub(super) fn drop_front(&mut self, mut len: usize) {
        while let Some(front) = &mut self.front {
            let rest = front.rest().len();
            if len < rest {
                return front.drop_front(len);
            }
            len -= rest;
            let next = self.behind.pop_front();
            self.in_heap -= usize::from(matches!(next, Some(Piece::Heap(_))));
            let gone = std::mem::replace(&mut self.front, next);
            self.spare = gone.map(Piece::into_spare).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_few_bytes_share_their_memory() {
        let mut queue = Chunks::default();
        for number in 0..CHUNK_BYTES {
            queue.push_bytes(vec![number as u8; 2]);
        }
        assert_eq!(queue.len(), 2);
        queue.push_bytes(vec![0; CHUNK_BYTES + 1]);
        assert_eq!(queue.len(), 3);
        let bytes: usize = queue.iter().map(|piece| piece.rest().len()).sum();
        assert_eq!(bytes, 3 * CHUNK_BYTES + 1);
    }

    #[test]
    fn the_memory_of_a_chunk_is_used_again_but_not_that_of_a_long_message() {
        let mut queue = Chunks::default();
        queue.push_back(Piece::new([&[1; CHUNK_BYTES], &[]]));
        queue.drop_front(CHUNK_BYTES);
        assert!(queue.has_spare());
        let bytes = queue.memory(512);
        assert!(bytes.is_empty() && bytes.capacity() == CHUNK_BYTES && !queue.has_spare());
        queue.push_back(Piece::new([&[1; 3 * CHUNK_BYTES], &[]]));
        queue.drop_front(3 * CHUNK_BYTES);
        assert!(!queue.has_spare());
        assert_eq!(queue.memory(512).capacity(), 512);
    }

    #[test]
    fn of_much_that_waits_little_is_in_the_heap_and_its_order_stays() {
        let mut queue = Chunks::default();
        for number in 0..40 {
            let mut bytes = queue.memory(CHUNK_BYTES);
            bytes.extend_from_slice(&vec![number; CHUNK_BYTES]);
            queue.push_back(Piece::Heap(Chunk { bytes, start: 0 }));
            if number % 10 == 9 {
                queue.push_back(Piece::new([&vec![number; MAPPED_FROM_BYTES], &[]]));
            }
        }
        let in_heap = queue.iter().filter(|piece| matches!(piece, Piece::Heap(_))).count();
        assert!(in_heap <= 1 + MAX_HEAP_BYTES / CHUNK_BYTES + 4, "{in_heap}");
        for number in 0..40 {
            let len = if number % 10 == 9 { CHUNK_BYTES + MAPPED_FROM_BYTES } else { CHUNK_BYTES };
            for _ in 0..len / CHUNK_BYTES {
                let front = queue.front.as_ref().unwrap().rest();
                assert!(
                    front[..1000] == [number; 1000]
                        && front[CHUNK_BYTES - 1000..CHUNK_BYTES] == [number; 1000]
                );
                queue.drop_front(CHUNK_BYTES);
            }
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn headers_between_messages_that_are_shared_take_no_maps() {
        let (mut queue, message) = (Chunks::default(), Bytes::from(vec![7; 4096]));
        for _ in 0..100 {
            queue.push_bytes(vec![1; 10]);
            queue.push_back(Piece::Shared(message.clone()));
        }
        assert_eq!(queue.iter().filter(|piece| matches!(piece, Piece::Mapped(_))).count(), 0);
    }

    #[test]
    fn bytes_come_out_in_their_order() {
        let chunk = |byte| Piece::new([&[byte; 2], &[]]);
        let bytes = |queue: &Chunks| -> Vec<u8> {
            queue.iter().flat_map(|chunk| chunk.rest().iter().copied()).collect()
        };
        let (mut queue, mut more) = (Chunks::default(), Chunks::default());
        queue.push_back(chunk(2));
        queue.push_front(chunk(1));
        more.push_back(chunk(3));
        more.push_back(chunk(4));
        queue.append(more);
        assert_eq!(bytes(&queue), [1, 1, 2, 2, 3, 3, 4, 4]);
        queue.drop_front(3);
        assert_eq!(bytes(&queue), [2, 3, 3, 4, 4]);
        assert_eq!((queue.len(), queue.back_mut().unwrap().bytes[0]), (3, 4));
        queue.drop_front(5);
        assert!(queue.is_empty() && queue.back_mut().is_none());
        queue.append(Chunks::default());
        assert!(queue.is_empty());
    }
}
