//! Datagrams that wait to leave with others, and who writes them.
//!
//! A datagram leaves at once unless its sender says that more follow, or others wait before it. The
//! lock is held to move bytes in memory, never during a system call.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use polywire_core::adapter::{SendHint, Writer};
use polywire_core::network::SendStatus;
use polywire_core::{Notifier, Readiness};

use crate::MAX_LOCAL_PAYLOAD_LEN;
use crate::segmentation::{BatchQueue, Segmentation};
use crate::sending::send_datagram;

/// Bytes that may wait while the system has no room: some more than it has itself by default.
const MAX_QUEUED_BYTES: usize = 256 << 10;

/// Batches that wait at most; each of them is a system call, so more gain nothing.
const MAX_BATCHES: usize = 16;

/// Batches that one flush writes at most, each what was sent during the write before.
const WRITES_PER_FLUSH: usize = 8;

#[derive(Debug)]
pub(crate) struct Outbox {
    segmentation: Segmentation,
    /// Whether anything waits or is being written, to be asked without the lock.
    is_used: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    batches: BatchQueue,
    writer: Writer,
    /// The loop is next when the system has room.
    waits_for_room: bool,
    /// `None` until the loop knows the socket.
    notifier: Option<Notifier>,
    /// Bytes that the node knows to wait here.
    counted: usize,
    /// Whether the poller tells when the system has room.
    is_watched: bool,
}

impl Outbox {
    pub(crate) fn new(segmentation: Segmentation) -> Self {
        let state = State {
            batches: BatchQueue::default(),
            writer: Writer::None,
            waits_for_room: false,
            notifier: None,
            counted: 0,
            is_watched: false,
        };
        Self { segmentation, is_used: AtomicBool::new(false), state: Mutex::new(state) }
    }

    pub(crate) fn set_notifier(&self, notifier: Notifier) {
        let mut state = self.lock();
        if let Some(before) = state.notifier.replace(notifier) {
            before.change_queued(state.counted, 0);
            state.counted = 0;
            state.count();
        }
        state.is_watched = false;
    }

    /// Whether a datagram of so many bytes leaves by itself: nothing waits that it would have to join, or
    /// to stay behind.
    #[inline(always)]
    pub(crate) fn leaves_alone(&self, len: usize, hint: SendHint) -> bool {
        let is_lone = hint == SendHint::Alone || !self.segmentation.suits(len);
        is_lone && len <= MAX_LOCAL_PAYLOAD_LEN && !self.is_used.load(Ordering::Acquire)
    }

    /// Sends a datagram by `write`, which makes one system call, or keeps it.
    pub(crate) fn send(
        &self,
        to: SocketAddr,
        message: &[u8],
        hint: SendHint,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> SendStatus {
        if message.len() > MAX_LOCAL_PAYLOAD_LEN {
            return SendStatus::MaxPacketSizeExceeded;
        }
        if self.leaves_alone(message.len(), hint) {
            return send_datagram(|| write(to, message, None));
        }
        let may_wait = self.segmentation.suits(message.len());
        self.queue(to, message, if may_wait { hint } else { SendHint::Alone }, write)
    }

    fn queue(
        &self,
        to: SocketAddr,
        message: &[u8],
        hint: SendHint,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> SendStatus {
        let mut state = self.lock();
        if state.is_crowded() {
            drop(state);
            self.flush(&mut write);
            state = self.lock();
            if state.is_crowded() {
                return SendStatus::Full;
            }
        }
        let is_complete = state.batches.push(to, message, &self.segmentation);
        self.is_used.store(true, Ordering::Release);
        let may_wait = !is_complete && state.batches.len() < MAX_BATCHES;
        match hint {
            SendHint::CallerFlushes if may_wait => {}
            SendHint::LoopFlushes if may_wait && state.loop_runs_here() => state.call_loop(),
            _ => {
                drop(state);
                self.flush(write);
            }
        }
        SendStatus::Sent
    }

    /// Writes what waits, as far as the system takes it.
    pub(crate) fn flush(
        &self,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) {
        if !self.is_used.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.lock();
        for _ in 0..WRITES_PER_FLUSH {
            if state.writer.leave_to_thread() {
                return; // Which takes what was put behind meanwhile.
            }
            state.waits_for_room = false;
            if state.batches.is_empty() {
                state.writer = Writer::None;
                state.count();
                return self.is_used.store(false, Ordering::Release);
            }
            state.writer = Writer::Thread;
            let mut batches = std::mem::take(&mut state.batches);
            drop(state);
            let written = batches.write(&self.segmentation, &mut write);
            state = self.lock();
            state.count_dropped(written.dropped);
            let again = state.writer.finish();
            if written.is_full {
                batches.append(std::mem::take(&mut state.batches));
                state.batches = batches;
                if !again {
                    return state.wait_for_room();
                }
                // The poller may have told of room before this found none.
            } else {
                state.writer = Writer::None;
            }
        }
        // Others send as fast as this writes: the loop goes on.
        state.writer = Writer::None;
        state.call_loop();
    }

    /// Whether the poller is to tell of room and does not, or the other way round.
    pub(crate) fn is_to_change_watch(&self) -> Option<bool> {
        let mut state = self.lock();
        let wanted = state.waits_for_room;
        let is_changed = std::mem::replace(&mut state.is_watched, wanted) != wanted;
        is_changed.then_some(wanted)
    }

    /// Has the loop look at the socket.
    pub(crate) fn notify(&self) {
        if let Some(notifier) = &self.lock().notifier {
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Throws away what waits.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        let batches = std::mem::take(&mut state.batches);
        state.count_dropped(batches.datagrams());
        state.count();
        state.is_watched = false;
        state.waits_for_room = false;
        if !state.writer.is_writing() {
            state.writer = Writer::None;
        }
    }

    pub(crate) fn queued(&self) -> usize {
        if self.is_used.load(Ordering::Acquire) { self.lock().batches.queued() } else { 0 }
    }

    // Nothing here is left half done by a panic, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_crowded(&self) -> bool {
        self.batches.queued() >= MAX_QUEUED_BYTES
    }

    /// Whether the callback that sends is that of the loop to be called: another node's may not come
    /// to it soon.
    fn loop_runs_here(&self) -> bool {
        self.notifier.as_ref().is_some_and(Notifier::loop_runs_here)
    }

    /// Has the loop write, unless somebody does or it was told.
    fn call_loop(&mut self) {
        let Some(notifier) = &self.notifier else { return };
        if self.writer == Writer::None {
            self.writer = Writer::Loop;
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Has the loop write when the system has room. It alone can ask the poller to tell.
    fn wait_for_room(&mut self) {
        self.waits_for_room = true;
        self.count();
        if let Some(notifier) = self.notifier.as_ref().filter(|_| !self.is_watched) {
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Tells the node how much waits for room. What waits for the loop is told by its being called.
    fn count(&mut self) {
        if let Some(notifier) = &self.notifier {
            notifier.change_queued(self.counted, self.batches.queued());
            self.counted = self.batches.queued();
        }
    }

    fn count_dropped(&self, datagrams: usize) {
        if let Some(notifier) = self.notifier.as_ref().filter(|_| datagrams > 0) {
            notifier.count_dropped(datagrams);
        }
    }
}

impl Drop for Outbox {
    /// What nobody will send counts no more.
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
