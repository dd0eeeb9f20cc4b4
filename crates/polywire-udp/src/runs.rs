//! Datagrams that wait, put together so that many leave by one system call.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::MAX_LOCAL_PAYLOAD_LEN;
use crate::sending::{EMSGSIZE, try_hard};

/// What a waiting datagram counts beside its bytes: what is kept for it, if it is alone.
const OVERHEAD: usize = 128;

/// The least memory taken for a run.
const LEAST_RUN: usize = 512;

/// Linux has no better words for it than these: EIO, if the interface can't compute the checksums
/// of what it is to cut, and EINVAL before 6.15 for pieces that are too long for the interface.
const EIO: i32 = 5;
const EINVAL: i32 = 22;

/// What may leave joined (GSO).
#[derive(Debug)]
pub(crate) struct Joining {
    /// Datagrams in one call.
    max_count: usize,
    /// Bytes of each of them: less than an interface was found to carry too little of.
    max_len: AtomicUsize,
}

impl Joining {
    /// At most so many datagrams in one call; 1 is none.
    pub(crate) fn new(max_count: usize) -> Self {
        Self { max_count, max_len: AtomicUsize::new(MAX_LOCAL_PAYLOAD_LEN / 2) }
    }

    /// Whether datagrams of so many bytes can leave with others.
    pub(crate) fn suits(&self, len: usize) -> bool {
        self.max_count > 1 && len > 0 && len <= self.max_len.load(Ordering::Relaxed)
    }

    /// Datagrams of so many bytes could not leave joined.
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
struct Run {
    to: SocketAddr,
    len: usize,
    count: usize,
    bytes: Vec<u8>,
    /// Bytes that have left.
    start: usize,
}

/// Runs in the order in which they began; those to one address are in the order of their datagrams.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: VecDeque<Run>,
    queued: usize,
}

/// How a write of runs ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Datagrams that the system refused.
    pub(crate) dropped: usize,
    /// The system has no room for the rest.
    pub(crate) is_full: bool,
}

impl Runs {
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Datagrams that wait.
    pub(crate) fn datagrams(&self) -> usize {
        self.runs.iter().map(Run::left).sum()
    }

    /// Bytes that they hold.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Puts a datagram behind what waits for the same address. Returns whether it would be of no use
    /// to wait for more to join it.
    pub(crate) fn push(&mut self, to: SocketAddr, message: &[u8], joining: &Joining) -> bool {
        self.queued += message.len() + OVERHEAD;
        let latest = self.runs.iter_mut().rev().find(|run| run.to == to);
        let run = match latest.filter(|run| run.takes(message.len(), joining)) {
            Some(run) => run,
            None => {
                let bytes = Vec::with_capacity(message.len().max(LEAST_RUN));
                let len = message.len();
                self.runs.push_back(Run { to, len, count: 0, bytes, start: 0 });
                self.runs.back_mut().expect("pushed just before")
            }
        };
        run.bytes.extend_from_slice(message);
        run.count += 1;
        !run.takes(run.len, joining)
    }

    /// Puts `later` behind these.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.runs.append(&mut later.runs);
        self.queued += later.queued;
    }

    /// Writes by `write`, which makes one system call for one datagram, or for several of the length
    /// it is told, until all is written or the system is full.
    pub(crate) fn write(
        &mut self,
        joining: &Joining,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> Written {
        let mut dropped = 0;
        while let Some(run) = self.runs.front_mut() {
            let is_full = run.write(joining, &mut dropped, &mut write);
            if is_full {
                return Written { dropped, is_full };
            }
            self.queued -= run.bytes.len() + run.count * OVERHEAD;
            self.runs.pop_front();
        }
        Written { dropped, is_full: false }
    }
}

impl Run {
    /// Whether a datagram of so many bytes can be put behind these.
    fn takes(&self, len: usize, joining: &Joining) -> bool {
        self.count < joining.max_count
            && joining.suits(self.len)
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
        joining: &Joining,
        dropped: &mut usize,
        write: &mut impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> bool {
        let rest = &self.bytes[self.start..];
        if rest.len() > self.len && joining.suits(self.len) {
            match try_hard(|| write(self.to, rest, Some(self.len))) {
                Ok(()) => return false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => joining.failed(self.len, &error),
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
#[path = "runs_tests.rs"]
mod tests;
