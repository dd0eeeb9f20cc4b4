//! The front of a frame that a read cut.

/// Bytes received and not yet decoded. Owns memory only while there are some.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Bytes in all that the frame at the front takes, as far as is known.
    needed: usize,
}

/// How much more memory is set aside than was received: as much again, within these bounds. So a
/// length that the peer wrote costs nothing, and a long message still grows in few steps.
const GROWTH: std::ops::RangeInclusive<usize> = 512..=1 << 20;

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether decoding what is here may find something.
    pub(super) fn is_decodable(&self) -> bool {
        !self.bytes.is_empty() && self.bytes.len() >= self.needed
    }

    /// Moves bytes from the front of `chunk` here, up to what the frame at the front needs, and
    /// returns the rest.
    pub(super) fn fill<'a>(&mut self, chunk: &'a mut [u8]) -> &'a mut [u8] {
        let missing = self.needed.saturating_sub(self.bytes.len());
        let (front, rest) = chunk.split_at_mut(missing.min(chunk.len()));
        self.keep(front);
        rest
    }

    /// Keeps `rest`, of which nothing can be decoded before there are `needed` bytes.
    pub(super) fn put(&mut self, rest: &[u8], needed: usize) {
        self.keep(rest);
        self.needed = needed;
    }

    /// Takes all bytes out to be decoded; what is left of them comes back by [`put`](Self::put).
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.needed = 0;
        std::mem::take(&mut self.bytes)
    }

    /// As [`put`](Self::put), for the bytes that [`take`](Self::take) gave and from which
    /// `consumed` were decoded.
    pub(super) fn put_back(&mut self, mut bytes: Vec<u8>, consumed: usize, needed: usize) {
        debug_assert!(self.bytes.is_empty(), "taken before");
        if consumed < bytes.len() {
            bytes.drain(..consumed);
            self.bytes = bytes;
            self.needed = needed;
        }
    }

    fn keep(&mut self, more: &[u8]) {
        let len = self.bytes.len() + more.len();
        if len > self.bytes.capacity() {
            let room = len + len.clamp(*GROWTH.start(), *GROWTH.end());
            let room = if self.needed > len { room.min(self.needed) } else { room };
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_arrived_and_not_what_was_announced() {
        let mut inbox = Inbox::default();
        inbox.put(&[1], 1 << 40);
        assert!(inbox.bytes.capacity() <= 1 + 512);
        for _ in 0..3000 {
            let rest_len = inbox.fill(&mut [0; 1000]).len();
            assert_eq!(rest_len, 0);
            assert!(inbox.bytes.capacity() <= 2 * inbox.len().max(512));
            assert!(inbox.bytes.capacity() <= inbox.len() + (1 << 20));
        }
        assert!(!inbox.is_decodable());
    }

    #[test]
    fn it_takes_what_the_frame_needs_and_leaves_the_rest() {
        let mut inbox = Inbox::default();
        inbox.put(&[1, 2], 5);
        let mut chunk = [3, 4, 5, 6];
        assert_eq!(inbox.fill(&mut chunk), [6]);
        assert!(inbox.is_decodable());
        let bytes = inbox.take();
        assert_eq!(bytes, [1, 2, 3, 4, 5]);
        inbox.put_back(bytes, 5, 0);
        assert!(inbox.is_empty());
        assert_eq!(inbox.bytes.capacity(), 0);
    }
}
