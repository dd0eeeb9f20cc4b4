//! Datagrams that wait, in batches that leave by one system call each (GSO).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use polywire_core::adapter::{MessageStore, Written};

use crate::MAX_LOCAL_PAYLOAD_LEN;
use crate::sending::{EMSGSIZE, try_hard};

/// What a waiting datagram counts beside its payload: the memory of its batch, if it is alone in it.
const DATAGRAM_OVERHEAD_BYTES: usize = 128;

/// The least memory that a batch takes.
const MIN_BATCH_BYTES: usize = 512;

/// Linux has no better words for it than these: EIO, if the interface can't compute the checksums
/// of what it is to cut, and EINVAL before 6.15 for pieces that are too long for the interface.
const EIO: i32 = 5;
const EINVAL: i32 = 22;

/// Which datagrams the system takes together, to send them as segments of one (GSO).
#[derive(Debug)]
pub(crate) struct Segmentation {
    /// Datagrams in one call.
    max_count: usize,
    /// Bytes of each of them: less than an interface was found to carry too little of.
    max_len: AtomicUsize,
}

impl Segmentation {
    /// At most `max_count` datagrams in one call; 1 switches it off.
    pub(crate) fn new(max_count: usize) -> Self {
        Self { max_count, max_len: AtomicUsize::new(MAX_LOCAL_PAYLOAD_LEN / 2) }
    }

    /// Whether datagrams of `len` bytes can leave with others.
    pub(crate) fn suits(&self, len: usize) -> bool {
        self.max_count > 1 && len > 0 && len <= self.max_len.load(Ordering::Relaxed)
    }

    /// Datagrams of `len` bytes could not leave together.
    fn failed(&self, len: usize, error: &io::Error) {
        let len = match error.raw_os_error() {
            Some(EIO) => 1,
            Some(EINVAL | EMSGSIZE) => len,
            _ => return,
        };
        tracing::debug!(%error, len, "datagrams of this length and longer ones leave one by one");
        self.max_len.fetch_min(len - 1, Ordering::Relaxed);
    }
}

/// Datagrams to one address, all of one length but for the last, which may be shorter.
#[derive(Debug)]
struct SegmentBatch {
    to: SocketAddr,
    len: usize,
    count: usize,
    bytes: Vec<u8>,
    /// Bytes that have left.
    start: usize,
}

/// Batches in the order in which they began; those to one address are in the order of their datagrams.
#[derive(Debug, Default)]
pub(crate) struct BatchQueue {
    batches: VecDeque<SegmentBatch>,
    queued: usize,
}

impl BatchQueue {
    /// Batches that wait.
    pub(crate) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Puts a datagram behind what waits for the same address. Returns whether it would be of no use
    /// to wait for more to join it.
    pub(crate) fn push(
        &mut self,
        to: SocketAddr,
        message: &[u8],
        segmentation: &Segmentation,
    ) -> bool {
        self.queued += message.len() + DATAGRAM_OVERHEAD_BYTES;
        let latest = self.batches.iter_mut().rev().find(|batch| batch.to == to);
        let batch = match latest.filter(|batch| batch.takes(message.len(), segmentation)) {
            Some(batch) => batch,
            None => {
                let bytes = Vec::with_capacity(message.len().max(MIN_BATCH_BYTES));
                let len = message.len();
                self.batches.push_back(SegmentBatch { to, len, count: 0, bytes, start: 0 });
                self.batches.back_mut().expect("pushed just before")
            }
        };
        batch.bytes.extend_from_slice(message);
        batch.count += 1;
        !batch.takes(batch.len, segmentation)
    }

    /// Writes by `write`, which makes one system call for one datagram, or for several of the length
    /// it is told, until all is written or the system is full.
    pub(crate) fn write(
        &mut self,
        segmentation: &Segmentation,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> Written {
        let mut dropped = 0;
        while let Some(batch) = self.batches.front_mut() {
            let is_full = batch.write(segmentation, &mut dropped, &mut write);
            if is_full {
                return Written { dropped, is_full };
            }
            self.queued -= batch.bytes.len() + batch.count * DATAGRAM_OVERHEAD_BYTES;
            self.batches.pop_front();
        }
        Written { dropped, is_full: false }
    }
}

impl MessageStore for BatchQueue {
    fn len(&self) -> usize {
        self.batches.iter().map(SegmentBatch::left).sum()
    }

    #[inline]
    fn bytes(&self) -> usize {
        self.queued
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    fn append(&mut self, mut later: Self) {
        self.batches.append(&mut later.batches);
        self.queued += later.queued;
    }
}

impl SegmentBatch {
    /// Whether a datagram of `len` bytes can be put behind these.
    fn takes(&self, len: usize, segmentation: &Segmentation) -> bool {
        self.count < segmentation.max_count
            && segmentation.suits(self.len)
            && (1..=self.len).contains(&len)
            && self.bytes.len() == self.count * self.len
            && self.bytes.len() + len <= MAX_LOCAL_PAYLOAD_LEN
            && self.start == 0
    }

    fn left(&self) -> usize {
        self.count - self.start.checked_div(self.len).unwrap_or(0)
    }

    /// Returns whether the system has no room for what is left.
    fn write(
        &mut self,
        segmentation: &Segmentation,
        dropped: &mut usize,
        write: &mut impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> bool {
        let rest = &self.bytes[self.start..];
        if rest.len() > self.len && segmentation.suits(self.len) {
            match try_hard(|| write(self.to, rest, Some(self.len))) {
                Ok(()) => return false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => segmentation.failed(self.len, &error),
            }
        }
        // One by one, each with an answer of its own.
        loop {
            let rest = &self.bytes[self.start..];
            let datagram = &rest[..self.len.min(rest.len())];
            match try_hard(|| write(self.to, datagram, None)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => {
                    tracing::trace!(%error, "dropped a datagram that the system refuses");
                    *dropped += 1;
                }
            }
            self.start += datagram.len();
            if self.start == self.bytes.len() {
                return false;
            }
        }
    }
}

#[cfg(test)]
#[path = "segmentation_tests.rs"]
mod tests;
