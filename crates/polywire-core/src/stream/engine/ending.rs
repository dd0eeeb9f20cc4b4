//! The graceful close of a stream.

#[cfg(test)]
mod tests;

use std::io;

use crate::adapter::{Closing, Io};
use crate::close_reason::CloseReason;
use crate::stream::engine::Engine;
use crate::stream::engine::transient::Phase;
use crate::stream::inbox::Inbox;
use crate::stream::socket::read_some;
use crate::stream::{Context, Protocol, Stream};

/// Bytes of a peer that are read after the end, so that its own end is seen.
const MAX_DISCARDED_BYTES: usize = 1 << 20;
/// The same when the node is stopped, which must not take long however many peers flood it, of a peer
/// that has read as fast as was sent to it: more than one has under way that is not flooding.
const MAX_DISCARDED_BYTES_AT_STOP: usize = 128 << 10;
/// Bytes after the end by which a peer shows that it is not about to end.
const STILL_SENDING_BYTES: usize = 64 << 10;

/// Whether a peer that keeps to its protocol ends the stream after that. A node that stops does not wait for it.
fn is_graceful(reason: &CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::PeerClosed
            | CloseReason::PeerClosedWith { .. }
            | CloseReason::MaxLifetime
            | CloseReason::ClosedWith { .. }
            | CloseReason::Removed
    )
}

fn is_blocked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl<S: Stream, P: Protocol> Engine<S, P> {
    /// The next step: what waits, the close frame, the end of the stream, the peer's own end.
    pub(super) fn go_on_ending(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        if let Some(failure) = self.outbox.failure() {
            return Closing::Failed(failure); // Which threw away what waited.
        }
        let is_stalled = *reason == CloseReason::Stalled; // It would take nothing now, either.
        let is_unconnected =
            matches!(self.phase(), Phase::Connecting | Phase::Accepted | Phase::Redirecting);
        if is_stalled || is_unconnected {
            return Closing::Done;
        }
        if !matches!(self.phase(), Phase::Finished | Phase::ShutDown) {
            self.outbox.forget_unless_open();
            self.transient_mut().holds_messages = self.wants_write() || self.outbox.queued() > 0;
            self.queue_close_frame(io, reason);
            self.transient_mut().phase = Phase::Finished;
            self.transient_mut().inbox = Inbox::default();
        }
        if self.phase() == Phase::Finished {
            let is_only_close_frame =
                self.outbox.queued() <= self.transient_mut().close_frame_bytes;
            self.transient_mut().holds_messages &= self.wants_write() || !is_only_close_frame;
            if let Err(failure) = self.flush_ahead() {
                let is_whole = !self.transient_mut().holds_messages;
                return if is_whole { Closing::Done } else { Closing::Failed(failure) };
            }
            let is_drained = self.outbox.is_drained() && !self.wants_write();
            self.transient_mut().holds_messages &= !is_drained;
            if is_drained && self.protocol.peer_ends_first() && is_graceful(reason) {
                let closing = self.discard(io, reason);
                if closing == Closing::Done {
                    let _ = self.socket().and_then(Stream::shutdown_write); // A layer may say so.
                }
                return closing;
            }
            match is_drained.then(|| self.socket().and_then(Stream::shutdown_write)) {
                Some(Ok(())) => self.transient_mut().phase = Phase::ShutDown,
                Some(Err(error)) if !is_blocked(&error) || !self.wants_write() => {
                    return Closing::Done;
                }
                // Or a layer has a close frame of its own to write.
                _ => {
                    // A peer that only reads once it is read would wait for ever otherwise.
                    let _ = self.discard(io, reason);
                    return Closing::Flushing;
                }
            }
        }
        self.discard(io, reason)
    }

    /// Whether a layer has something to write.
    fn wants_write(&self) -> bool {
        self.socket().is_ok_and(S::wants_write)
    }

    /// Reads and throws away, until the peer has nothing more to say.
    ///
    /// One that says much is not about to end. After a removal it is left to fill the system's
    /// buffers, and then waits until the linger time is over. A node that was stopped closes it as
    /// soon as nothing of it is unread: no reset goes out then, and the system delivers what was
    /// written before.
    fn discard(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        let is_stopped = *reason == CloseReason::NodeStopped;
        // What a reset would cost a peer that may have much of ours to read is worth some more reading.
        let limit = if is_stopped && !self.outbox.has_filled() {
            MAX_DISCARDED_BYTES_AT_STOP
        } else {
            MAX_DISCARDED_BYTES
        };
        while self.transient_mut().discarded < limit {
            let room = (limit - self.transient_mut().discarded).min(io.buffer.len());
            let buffer = &mut io.buffer[..room];
            match self.socket().and_then(|socket| read_some(socket, buffer)) {
                Ok(0) => return Closing::Done,
                Ok(len) => self.transient_mut().discarded += len,
                Err(error) if is_blocked(&error) => {
                    let goes_on =
                        is_stopped && self.transient_mut().discarded >= STILL_SENDING_BYTES;
                    return if goes_on { Closing::Done } else { Closing::AwaitingPeer };
                }
                Err(_) => return Closing::Done,
            }
        }
        if is_stopped { Closing::Done } else { Closing::AwaitingPeer }
    }

    fn queue_close_frame(&mut self, io: &Io<'_>, reason: &CloseReason) {
        if self.transient.as_ref().is_some_and(|transient| transient.is_silent) {
            return self.outbox.push_last_shared(self.protocol.last_words());
        }
        let may_speak = matches!(self.phase(), Phase::Open | Phase::Handshaking)
            && !matches!(
                reason,
                CloseReason::PeerClosed
                    | CloseReason::AbnormalClosure
                    | CloseReason::PeerClosedWith { .. }
                    | CloseReason::Reset
                    | CloseReason::TimedOut
                    | CloseReason::ProtocolViolation(_)
                    | CloseReason::Layer(_)
                    | CloseReason::MessageTooLarge { .. }
                    | CloseReason::HandshakeRefused(_)
                    | CloseReason::Answered
                    | CloseReason::OutboxLimit { .. }
                    | CloseReason::NodeMemory
                    | CloseReason::Stalled
                    | CloseReason::Panicked
                    | CloseReason::AdapterFault(_)
                    | CloseReason::Io(..)
            );
        if may_speak {
            let mut out = Vec::new();
            let registration = io.registration;
            let mut cx = Context::of_loop(&mut out, registration.id, registration.clock());
            self.protocol.close(reason, &mut cx);
            self.transient_mut().close_frame_bytes = out.len();
            self.outbox.push_last(out);
        }
    }
}
