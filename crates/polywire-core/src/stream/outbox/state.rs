//! What an outbox holds, and whose turn it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::announcer::Announcer;
use crate::close_reason::CloseReason;
use crate::poller::Readiness;
use crate::stream::Encoder;

/// The least memory taken for frames that are gathered.
const LEAST_CHUNK: usize = 512;
/// Frames up to this long are gathered in one piece of memory; longer ones get their own.
pub(super) const CHUNK: usize = 64 << 10;

pub(super) struct State<S> {
    /// `None` until messages may flow.
    pub(super) socket: Option<Arc<S>>,
    /// `None` until the connection belongs to a node.
    pub(super) announcer: Option<Announcer>,
    /// The rest of a frame that was cut, or the handshake: goes before all else.
    pub(super) ahead: VecDeque<Chunk>,
    /// Whole frames in their order.
    pub(super) frames: VecDeque<Chunk>,
    /// Bytes of both, and of what is being written just now.
    queued: usize,
    /// Those of them that are of one message longer than the hard limit, and do not count against it.
    oversize: usize,
    /// Bytes the socket took so far of what had waited.
    pub(super) written: u64,
    /// When was last written what another thread than the loop's sent; `None` while none does.
    pub(super) written_elsewhere: Option<Instant>,
    /// To be run once the outbox is at its soft mark or below.
    pub(super) when_writable: Vec<Box<dyn FnOnce() + Send>>,
    pub(super) turn: Turn,
    /// No message is taken any more; what waits is still written.
    pub(super) ended: bool,
    /// The socket failed, or the limit was reached: nothing is written any more.
    pub(super) failure: Option<CloseReason>,
}

/// Who writes next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing waits: whoever sends writes.
    Anybody,
    /// A thread is writing, without the lock.
    Writing,
    /// The loop was told, or will be told by the poller that there is room.
    Loop,
}

pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
}

impl Chunk {
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Makes room for so many bytes more: twice what there is, as a vector does by itself, but never
    /// more than a whole chunk.
    fn reserve(&mut self, more: usize) {
        let len = self.bytes.len() + more;
        if len > self.bytes.capacity() {
            let room = (2 * self.bytes.capacity()).min(CHUNK).max(len);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
    }
}

/// Puts bytes behind a queue, small ones into its last piece: a peer that makes us answer in a few
/// bytes again and again must not take more memory than those.
pub(super) fn append(queue: &mut VecDeque<Chunk>, bytes: Vec<u8>) {
    match queue.back_mut() {
        Some(last) if last.bytes.len() + bytes.len() <= CHUNK => {
            last.reserve(bytes.len());
            last.bytes.extend_from_slice(&bytes);
        }
        _ => queue.push_back(Chunk { bytes, start: 0 }),
    }
}

impl<S> State<S> {
    pub(super) fn new() -> Self {
        Self {
            socket: None,
            announcer: None,
            ahead: VecDeque::new(),
            frames: VecDeque::new(),
            queued: 0,
            oversize: 0,
            written: 0,
            written_elsewhere: None,
            when_writable: Vec::new(),
            turn: Turn::Anybody,
            ended: false,
            failure: None,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Changes how much waits, here and in the sum of the node.
    pub(super) fn set_queued(&mut self, queued: usize) {
        if let Some(announcer) = &self.announcer {
            announcer.budget().change_queued(self.queued, queued);
        }
        // A message longer than the limit was taken while nothing waited, and so goes first.
        self.oversize = self.oversize.saturating_sub(self.queued.saturating_sub(queued));
        self.queued = queued;
    }

    /// As [`set_queued`](Self::set_queued), when so many bytes of one message are put behind.
    pub(super) fn add_queued(&mut self, bytes: usize, hard_limit: usize) {
        self.set_queued(self.queued + bytes);
        if bytes > hard_limit {
            self.oversize = bytes;
        }
    }

    /// Whether so many bytes more are more than may wait.
    pub(super) fn exceeds(&self, hard_limit: usize, more: usize) -> bool {
        self.queued > 0 && (self.queued - self.oversize).saturating_add(more) > hard_limit
    }

    /// Moves to another loop, and what waits to its node's sum.
    pub(super) fn set_announcer(&mut self, announcer: Announcer) {
        let (queued, oversize) = (self.queued, self.oversize);
        self.set_queued(0);
        self.announcer = Some(announcer);
        self.set_queued(queued);
        self.oversize = oversize;
    }

    /// Whether the node may hold so many bytes more.
    pub(super) fn node_has_room(&self, more: usize) -> bool {
        self.announcer.as_ref().is_none_or(|announcer| announcer.budget().has_room(more))
    }

    /// Whether no message is taken any more.
    pub(super) fn is_over(&self) -> bool {
        self.ended || self.failure.is_some()
    }

    /// Whether a message may go straight to the socket.
    pub(super) fn is_idle(&self) -> bool {
        self.turn == Turn::Anybody && self.queued == 0
    }

    /// Puts the frame of `message` behind what waits.
    pub(super) fn queue(&mut self, encoder: &dyn Encoder, message: &[u8], hard_limit: usize) {
        let room = message.len() + 16;
        let chunk = match self.frames.back_mut() {
            Some(last) if last.bytes.len() + room <= CHUNK => last,
            _ => {
                let bytes = Vec::with_capacity(room.max(LEAST_CHUNK));
                self.frames.push_back(Chunk { bytes, start: 0 });
                self.frames.back_mut().expect("pushed just before")
            }
        };
        chunk.reserve(room);
        let before = chunk.bytes.len();
        match encoder.prefix(message) {
            Some(prefix) => {
                chunk.bytes.extend_from_slice(prefix.as_slice());
                chunk.bytes.extend_from_slice(message);
            }
            None => encoder.encode(message, &mut chunk.bytes),
        }
        let added = chunk.bytes.len() - before;
        self.add_queued(added, hard_limit);
    }

    /// Notes the time of a write, for threads beside the loop's that send one message after another.
    pub(super) fn note_write(&mut self) {
        let Some(announcer) = &self.announcer else { return };
        if self.written_elsewhere.is_some() || announcer.loop_runs_elsewhere() {
            self.written_elsewhere = Some(announcer.clock().now());
        }
    }

    /// Has the loop look at the connection.
    pub(super) fn announce(&self) {
        if let Some(announcer) = &self.announcer {
            announcer.announce(Readiness::WRITABLE);
        }
    }

    /// Makes it the loop's turn, and tells it, unless it is somebody's already.
    pub(super) fn call_loop(&mut self) {
        if self.turn == Turn::Anybody {
            if let Some(announcer) = &self.announcer {
                self.turn = Turn::Loop;
                announcer.announce(Readiness::WRITABLE);
            }
        }
    }
}

impl<S> Drop for State<S> {
    /// What nobody will send counts no more.
    fn drop(&mut self) {
        self.set_queued(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_few_bytes_share_their_memory() {
        let mut queue = VecDeque::new();
        for number in 0..CHUNK {
            append(&mut queue, vec![number as u8; 2]);
        }
        assert_eq!(queue.len(), 2);
        append(&mut queue, vec![0; CHUNK + 1]);
        assert_eq!(queue.len(), 3);
        let bytes: usize = queue.iter().map(|chunk| chunk.bytes.len()).sum();
        assert_eq!(bytes, 3 * CHUNK + 1);
    }
}
