//! The end of what went before: the sliding window that messages may refer to.

/// The last bytes of all compressed messages of one direction.
///
/// A compressor or inflater that is given them goes on where another one stopped, so none has to be kept for
/// the connection.
#[derive(Debug)]
pub(crate) struct History {
    bytes: Vec<u8>,
    max: usize,
    /// Additions so far.
    pushed: u64,
}

impl History {
    /// Keeps the last 2^`window_bits` bytes.
    pub(crate) fn new(window_bits: u8) -> Self {
        Self { bytes: Vec::new(), max: 1 << window_bits, pushed: 0 }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// How often something was added.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Adds what went over the wire.
    pub(crate) fn push(&mut self, added: &[u8]) {
        self.pushed += 1;
        let added = &added[added.len().saturating_sub(self.max)..];
        let kept = self.bytes.len().min(self.max - added.len());
        self.bytes.drain(..self.bytes.len() - kept);
        let needed = kept + added.len();
        if self.bytes.capacity() < needed {
            // By doubling, but never beyond the window.
            let capacity = (2 * needed).min(self.max);
            self.bytes.reserve_exact(capacity - kept);
        }
        self.bytes.extend_from_slice(added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept_in_no_more_memory_than_the_window() {
        let (mut history, mut all) = (History::new(9), Vec::new());
        for (number, len) in
            [0, 1, 100, 300, 200, 512, 513, 2000, 5, 511, 512, 0].into_iter().enumerate()
        {
            let added = vec![number as u8; len];
            history.push(&added);
            all.extend_from_slice(&added);
            assert_eq!(history.as_slice(), &all[all.len().saturating_sub(512)..], "{len}");
            assert!(history.bytes.capacity() <= 512);
        }
    }
}
