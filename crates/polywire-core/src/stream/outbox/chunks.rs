//! A queue of bytes in pieces.

use std::collections::VecDeque;

/// Frames up to this long are gathered in one piece of memory; longer ones get their own.
pub(super) const CHUNK: usize = 64 << 10;

/// The least memory taken for frames that are gathered.
pub(super) const LEAST_CHUNK: usize = 512;

/// Bytes of which the front may have been taken.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
}

impl Chunk {
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Makes room for so many bytes more: twice what there is, as a vector does by itself, but never
    /// more than a whole chunk.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        let len = self.bytes.len() + more;
        if len > self.bytes.capacity() {
            let room = (2 * self.bytes.capacity()).min(CHUNK).max(len);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
    }
}

/// Chunks in their order. A single one, as mostly, takes no memory beside its own.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    front: Option<Chunk>,
    /// Empty without a front.
    behind: VecDeque<Chunk>,
    /// Memory of a chunk that is gone, for the next one.
    spare: Vec<u8>,
}

impl Chunks {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.front.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.front.is_some()) + self.behind.len()
    }

    /// The bytes, if they are in one chunk.
    #[inline]
    pub(super) fn sole(&self) -> Option<&[u8]> {
        self.front.as_ref().filter(|_| self.behind.is_empty()).map(Chunk::rest)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        self.front.iter().chain(&self.behind)
    }

    #[inline]
    pub(super) fn back_mut(&mut self) -> Option<&mut Chunk> {
        if self.behind.is_empty() { self.front.as_mut() } else { self.behind.back_mut() }
    }

    pub(super) fn push_back(&mut self, chunk: Chunk) {
        match &self.front {
            Some(_) => self.behind.push_back(chunk),
            None => self.front = Some(chunk),
        }
    }

    pub(super) fn push_front(&mut self, chunk: Chunk) {
        if let Some(second) = self.front.replace(chunk) {
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
            self.behind.extend(other.front.take());
            self.behind.append(&mut other.behind);
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
        if let Some(Chunk { bytes, start }) = &mut self.front {
            if bytes.capacity() > 2 * (bytes.len() - *start) + LEAST_CHUNK {
                bytes.drain(..std::mem::take(start));
                bytes.shrink_to_fit();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let chunks = self.iter().map(|chunk| chunk.bytes.capacity());
        chunks.sum::<usize>() + self.spare.capacity()
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
            Some(last) if last.bytes.len() + bytes.len() <= CHUNK => {
                last.reserve(bytes.len());
                last.bytes.extend_from_slice(&bytes);
            }
            _ => self.push_back(Chunk { bytes, start: 0 }),
        }
    }

    /// Drops so many bytes from the front, and chunks of which nothing is left.
    #[inline]
    pub(super) fn drop_front(&mut self, mut len: usize) {
        while let Some(front) = &mut self.front {
            let rest = front.bytes.len() - front.start;
            if len < rest {
                front.start += len;
                return;
            }
            len -= rest;
            let gone = std::mem::replace(&mut self.front, self.behind.pop_front());
            self.spare = gone.map(|chunk| chunk.bytes).unwrap_or_default();
            if self.spare.capacity() > 2 * CHUNK {
                self.spare = Vec::new(); // Of a long message.
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_few_bytes_share_their_memory() {
        let mut queue = Chunks::default();
        for number in 0..CHUNK {
            queue.push_bytes(vec![number as u8; 2]);
        }
        assert_eq!(queue.len(), 2);
        queue.push_bytes(vec![0; CHUNK + 1]);
        assert_eq!(queue.len(), 3);
        let bytes: usize = queue.iter().map(|chunk| chunk.bytes.len()).sum();
        assert_eq!(bytes, 3 * CHUNK + 1);
    }

    #[test]
    fn the_memory_of_a_chunk_is_used_again_but_not_that_of_a_long_message() {
        let mut queue = Chunks::default();
        queue.push_back(Chunk { bytes: vec![1; CHUNK], start: 0 });
        queue.drop_front(CHUNK);
        assert!(queue.has_spare());
        let bytes = queue.memory(512);
        assert!(bytes.is_empty() && bytes.capacity() == CHUNK && !queue.has_spare());
        queue.push_back(Chunk { bytes: vec![1; 3 * CHUNK], start: 0 });
        queue.drop_front(3 * CHUNK);
        assert!(!queue.has_spare());
        assert_eq!(queue.memory(512).capacity(), 512);
    }

    #[test]
    fn bytes_come_out_in_their_order() {
        let chunk = |byte| Chunk { bytes: vec![byte; 2], start: 0 };
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
