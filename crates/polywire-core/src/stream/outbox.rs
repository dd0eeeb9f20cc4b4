//! What waits to be sent on one connection, and whose turn it is to write.
//!
//! A message goes straight from the caller's slice to the socket while nothing waits. What the
//! socket does not take, and what is sent while somebody writes, waits here as whole frames, so
//! frames never mix. The lock is held to move bytes in memory, never during a system call.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::announcer::Announcer;
use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::loop_thread::is_gathering;
use crate::network::SendStatus;
use crate::poller::Readiness;
use crate::stream::{Encoder, Stream};

/// Frames up to this long are gathered in one piece of memory; longer ones get their own.
const CHUNK: usize = 64 << 10;
/// Frames up to this long are put together on the stack, so that a plain write does.
const SMALL: usize = 1024;
/// Pieces given to the kernel in one call; it takes 1024 at most (IOV_MAX), and a few suffice.
const SLICES: usize = 64;

pub(super) struct Outbox<S> {
    encoder: Arc<dyn Encoder>,
    soft_mark: usize,
    hard_limit: usize,
    state: Mutex<State<S>>,
    /// Whether `State::failure` is set, to be asked without the lock.
    failed: AtomicBool,
    /// Notified when the outbox falls to its soft mark, and at its end.
    room: Condvar,
}

struct State<S> {
    /// `None` until messages may flow.
    socket: Option<Arc<S>>,
    /// `None` until the loop knows the connection.
    announcer: Option<Announcer>,
    /// The rest of a frame that was cut, or the handshake: goes before all else.
    ahead: VecDeque<Chunk>,
    /// Whole frames in their order.
    frames: VecDeque<Chunk>,
    /// Bytes of both, and of what is being written just now.
    queued: usize,
    turn: Turn,
    /// No message is taken any more; what waits is still written.
    ended: bool,
    /// The socket failed, or the limit was reached: nothing is written any more.
    failure: Option<CloseReason>,
}

/// Who writes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing waits: whoever sends writes.
    Anybody,
    /// A thread is writing, without the lock.
    Writing,
    /// The loop was told, or will be told by the poller that there is room.
    Loop,
}

struct Chunk {
    bytes: Vec<u8>,
    start: usize,
}

impl Chunk {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl<S: Stream> Outbox<S> {
    pub(super) fn new(encoder: Arc<dyn Encoder>, limits: &Limits) -> Self {
        let state = State {
            socket: None,
            announcer: None,
            ahead: VecDeque::new(),
            frames: VecDeque::new(),
            queued: 0,
            turn: Turn::Anybody,
            ended: false,
            failure: None,
        };
        Self {
            encoder,
            soft_mark: limits.outbox_soft_mark,
            hard_limit: limits.outbox_hard_limit,
            state: Mutex::new(state),
            failed: AtomicBool::new(false),
            room: Condvar::new(),
        }
    }

    pub(super) fn set_announcer(&self, announcer: Announcer) {
        self.lock().announcer = Some(announcer);
    }

    /// Messages may flow from now on; those that waited for it go out.
    pub(super) fn open(&self, socket: Arc<S>) -> Result<(), CloseReason> {
        self.lock().socket = Some(socket);
        self.flush()
    }

    /// Takes back what [`open`](Self::open) gave.
    pub(super) fn close(&self) {
        self.lock().socket = None;
    }

    /// Sends `message` or keeps it; `wait` tells whether this may wait for room.
    pub(super) fn send(&self, message: &[u8], wait: bool) -> SendStatus {
        if message.len() > self.encoder.max_message_size() {
            return SendStatus::MaxPacketSizeExceeded;
        }
        let mut state = self.lock();
        if state.queued > self.soft_mark {
            state = match self.wait_for_room(state, wait) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        if state.ended || state.failure.is_some() {
            return SendStatus::ResourceNotFound;
        }
        if state.queued > 0 && state.queued.saturating_add(message.len()) > self.hard_limit {
            let queued = state.queued;
            self.fail(state, CloseReason::OutboxLimit { queued });
            return SendStatus::ResourceNotFound;
        }
        match &state.socket {
            Some(socket) if state.is_idle() && !is_gathering() => {
                let socket = Arc::clone(socket);
                state.turn = Turn::Writing;
                drop(state);
                self.write_through(&socket, message);
            }
            _ => {
                state.queue(&*self.encoder, message);
                state.call_loop();
            }
        }
        SendStatus::Sent
    }

    /// Queues bytes of the protocol itself; before [`open`](Self::open) they go first.
    pub(super) fn push(&self, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        if state.queued > 0 && state.queued + bytes.len() > self.hard_limit {
            let queued = state.queued;
            return self.fail(state, CloseReason::OutboxLimit { queued });
        }
        state.queued += bytes.len();
        let chunk = Chunk { bytes, start: 0 };
        let queue = match state.socket {
            Some(_) => &mut state.frames,
            None => &mut state.ahead,
        };
        queue.push_back(chunk);
        state.call_loop();
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&self) -> Result<(), CloseReason> {
        let socket = self.lock().socket.clone();
        match socket {
            Some(socket) => self.flush_to(&socket),
            None => Ok(()),
        }
    }

    /// As [`flush`](Self::flush), to a socket on which messages may not flow yet: only what goes
    /// before them is written.
    pub(super) fn flush_to(&self, socket: &S) -> Result<(), CloseReason> {
        loop {
            let mut state = self.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            // Whoever writes now tells the loop if something is left.
            if state.turn == Turn::Writing {
                return Ok(());
            }
            let mut batch = std::mem::take(&mut state.ahead);
            if state.socket.is_some() {
                batch.append(&mut state.frames);
            }
            drop_front(&mut batch, 0);
            if batch.is_empty() {
                state.turn = Turn::Anybody;
                return Ok(());
            }
            state.turn = Turn::Writing;
            drop(state);

            let (written, result) = write_all(socket, &mut batch);
            let mut state = self.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            state.ahead = batch;
            state.turn = Turn::Loop;
            self.took(&mut state, written);
            match result {
                Ok(()) => {}
                // The poller tells when there is room.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    let reason = CloseReason::from(&error);
                    self.fail(state, reason.clone());
                    return Err(reason);
                }
            }
        }
    }

    /// Throws away messages that waited for the connection to be ready, which it will never be.
    pub(super) fn forget_unless_open(&self) {
        let mut state = self.lock();
        if state.socket.is_none() {
            state.frames.clear();
            state.queued = state.ahead.iter().map(|chunk| chunk.rest().len()).sum();
        }
    }

    /// Has the loop read once more: the peer's last words may lie before the failure.
    pub(super) fn tell_reader(&self) {
        if let Some(announcer) = &self.lock().announcer {
            announcer.announce(Readiness::READABLE);
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().queued
    }

    /// Why nothing can be written any more, if so.
    pub(super) fn failure(&self) -> Option<CloseReason> {
        if !self.failed.load(Ordering::Acquire) {
            return None;
        }
        self.lock().failure.clone()
    }

    /// Takes no message from now on, and lets go whoever waits to send one.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.room.notify_all();
    }

    /// Writes a message to the idle `socket`. The turn is ours.
    fn write_through(&self, socket: &S, message: &[u8]) {
        let prefix = self.encoder.prefix(message);
        let mut small = [0; SMALL];
        let encoded;
        let parts: [&[u8]; 2] = match &prefix {
            Some(prefix) => {
                let prefix = prefix.as_slice();
                let len = prefix.len() + message.len();
                match small.get_mut(..len) {
                    Some(frame) => {
                        frame[..prefix.len()].copy_from_slice(prefix);
                        frame[prefix.len()..].copy_from_slice(message);
                        [frame, &[]]
                    }
                    None => [prefix, message],
                }
            }
            None => {
                let mut frame = Vec::with_capacity(message.len() + 16);
                self.encoder.encode(message, &mut frame);
                encoded = frame;
                [&encoded, &[]]
            }
        };
        let result = write_parts(socket, parts);
        self.end_turn(parts, result);
    }

    /// Gives the turn back after a write of `parts` that took as many bytes as `result` says.
    fn end_turn(&self, parts: [&[u8]; 2], result: io::Result<usize>) {
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        let written = match result {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return self.fail(state, CloseReason::from(&error)),
        };
        if written < parts[0].len() + parts[1].len() {
            let head = &parts[0][written.min(parts[0].len())..];
            let body = &parts[1][written.saturating_sub(parts[0].len())..];
            let rest = [head, body].concat();
            state.queued += rest.len();
            state.ahead.push_front(Chunk { bytes: rest, start: 0 });
        }
        state.turn = Turn::Anybody;
        if state.queued > 0 {
            state.call_loop();
        }
    }

    fn took(&self, state: &mut State<S>, written: usize) {
        let before = state.queued;
        state.queued -= written;
        if before > self.soft_mark && state.queued <= self.soft_mark {
            self.room.notify_all();
        }
    }

    /// Throws away what waits and has the loop end the connection.
    fn fail(&self, mut state: MutexGuard<'_, State<S>>, reason: CloseReason) {
        state.failure.get_or_insert(reason);
        self.failed.store(true, Ordering::Release);
        state.ahead.clear();
        state.frames.clear();
        state.queued = 0;
        state.turn = Turn::Loop;
        if let Some(announcer) = &state.announcer {
            announcer.announce(Readiness::WRITABLE);
        }
        self.room.notify_all();
    }

    /// Waits until the outbox is at its soft mark or over, if `wait` is wanted and another thread
    /// runs the loop: where none does, nobody would ever make room.
    fn wait_for_room<'a>(
        &self,
        mut state: MutexGuard<'a, State<S>>,
        wait: bool,
    ) -> Result<MutexGuard<'a, State<S>>, SendStatus> {
        if !wait {
            return Err(SendStatus::Full);
        }
        while state.queued > self.soft_mark && !state.ended && state.failure.is_none() {
            if !state.announcer.as_ref().is_some_and(Announcer::loop_runs_elsewhere) {
                break;
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> State<S> {
    /// Whether a message may go straight to the socket.
    fn is_idle(&self) -> bool {
        self.turn == Turn::Anybody && self.queued == 0
    }

    /// Puts the frame of `message` behind what waits.
    fn queue(&mut self, encoder: &dyn Encoder, message: &[u8]) {
        let room = message.len() + 16;
        let chunk = match self.frames.back_mut() {
            Some(last) if last.bytes.len() + room <= CHUNK => last,
            _ => {
                self.frames.push_back(Chunk { bytes: Vec::with_capacity(room), start: 0 });
                self.frames.back_mut().expect("pushed just before")
            }
        };
        let before = chunk.bytes.len();
        match encoder.prefix(message) {
            Some(prefix) => {
                chunk.bytes.extend_from_slice(prefix.as_slice());
                chunk.bytes.extend_from_slice(message);
            }
            None => encoder.encode(message, &mut chunk.bytes),
        }
        self.queued += chunk.bytes.len() - before;
    }

    /// Makes it the loop's turn, and tells it, unless it is somebody's already.
    fn call_loop(&mut self) {
        if self.turn == Turn::Anybody {
            if let Some(announcer) = &self.announcer {
                self.turn = Turn::Loop;
                announcer.announce(Readiness::WRITABLE);
            }
        }
    }
}

/// Writes two parts in one call and says how much of both was taken.
fn write_parts<S: Stream>(socket: &S, parts: [&[u8]; 2]) -> io::Result<usize> {
    if parts[0].is_empty() && parts[1].is_empty() {
        return Ok(0);
    }
    let slices = parts.map(IoSlice::new);
    let used = if parts[1].is_empty() { 1 } else { 2 };
    retry(|| socket.write_vectored(&slices[..used]))
}

/// Writes from the front of `batch` and drops what was taken, until all is or an error comes.
fn write_all<S: Stream>(socket: &S, batch: &mut VecDeque<Chunk>) -> (usize, io::Result<()>) {
    let mut total = 0;
    while !batch.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let used = batch.len().min(SLICES);
        for (slice, chunk) in slices.iter_mut().zip(batch.iter()) {
            *slice = IoSlice::new(chunk.rest());
        }
        let written = match retry(|| socket.write_vectored(&slices[..used])) {
            Ok(written) => written,
            Err(error) => return (total, Err(error)),
        };
        total += written;
        drop_front(batch, written);
    }
    (total, Ok(()))
}

fn drop_front(batch: &mut VecDeque<Chunk>, mut len: usize) {
    while let Some(front) = batch.front_mut() {
        let rest = front.bytes.len() - front.start;
        if len < rest {
            front.start += len;
            return;
        }
        len -= rest;
        batch.pop_front();
    }
}

fn retry(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match write() {
            // Nothing taken of something: the stream takes no more, whatever it calls that.
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
