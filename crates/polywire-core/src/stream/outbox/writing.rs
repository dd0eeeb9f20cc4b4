//! Writing to a socket, as far as it takes.

use std::io::{self, IoSlice};

use crate::close_reason::CloseReason;
use crate::limits::WhenFull;
use crate::stream::outbox::Outbox;
use crate::stream::outbox::chunks::{Chunk, Chunks};
use crate::stream::outbox::state::Turn;
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::Ordering;

/// Pieces given to the kernel in one call; it takes 1024 at most (IOV_MAX), and a few suffice.
const SLICES: usize = 64;

/// Frames up to this long are put together on the stack, so that a plain write does: the system takes
/// longer to gather two pieces than it takes to copy them.
const COPIED: usize = 4096;
/// Most are no longer than this, and need less of the stack to be cleared.
const SMALL: usize = 256;

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Writes a message to the idle `socket`. The turn is ours.
    pub(super) fn write_through(&self, socket: &S, message: &[u8]) {
        let prefix = self.encoder.prefix(message);
        let mut encoded = Vec::new();
        let parts = match &prefix {
            Some(prefix) => [prefix.as_slice(), message],
            None => {
                encoded.reserve(message.len() + 16);
                self.encoder.encode(message, &mut encoded);
                [&*encoded, &[]]
            }
        };
        self.end_turn(parts, write_frame(socket, parts));
    }

    /// Gives the turn back after a write of `parts` that took as many bytes as `result` says.
    fn end_turn(&self, parts: [&[u8]; 2], result: io::Result<usize>) {
        let mut state = self.lock();
        if state.failure().is_some() {
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
            // One that waits for room keeps the rest of the message it has begun.
            let is_to_wait = self.limits.when_full == Some(WhenFull::Wait);
            if !is_to_wait && !state.node_has_room(head.len() + body.len()) {
                return self.fail(state, CloseReason::NodeMemory);
            }
            let rest = [head, body].concat();
            state.add_queued(rest.len(), self.limits.outbox_hard_limit);
            state.waiting().ahead.push_front(Chunk { bytes: rest, start: 0 });
            state.note_full();
            self.waits.store(true, Ordering::Release);
        }
        state.turn = Turn::Anybody;
        state.note_write();
        if state.queued() > 0 {
            self.call_loop(&mut state);
        } else if state.ended {
            // The loop may have found this write under way, and waits to shut the stream down.
            state.announce();
        }
    }
}

/// Writes the two parts of a frame in one call and says how much of both was taken.
#[inline]
fn write_frame<S: Stream>(socket: &S, parts: [&[u8]; 2]) -> io::Result<usize> {
    match parts {
        [[], whole] | [whole, []] => write_parts(socket, [whole, &[]]),
        [prefix, message] if prefix.len() + message.len() <= SMALL => {
            write_copied::<SMALL, S>(socket, parts)
        }
        [prefix, message] if prefix.len() + message.len() <= COPIED => {
            write_copied_long(socket, parts)
        }
        _ => write_parts(socket, parts),
    }
}

#[inline]
fn write_copied<const N: usize, S: Stream>(
    socket: &S,
    [prefix, message]: [&[u8]; 2],
) -> io::Result<usize> {
    let mut frame = [0; N];
    let len = prefix.len() + message.len();
    frame[..prefix.len()].copy_from_slice(prefix);
    frame[prefix.len()..len].copy_from_slice(message);
    write_parts(socket, [&frame[..len], &[]])
}

#[inline(never)] // Only what it writes is to need so much of the stack.
fn write_copied_long<S: Stream>(socket: &S, parts: [&[u8]; 2]) -> io::Result<usize> {
    write_copied::<COPIED, S>(socket, parts)
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
pub(super) fn write_all<S: Stream>(socket: &S, batch: &mut Chunks) -> (usize, io::Result<()>) {
    let mut total = 0;
    while !batch.is_empty() {
        let (given, result) = match batch.sole() {
            Some(sole) => (sole.len(), retry(|| socket.write_vectored(&[IoSlice::new(sole)]))),
            None => write_several(socket, batch),
        };
        let written = match result {
            Ok(written) => written,
            Err(error) => return (total, Err(error)),
        };
        total += written;
        batch.drop_front(written);
        if S::SHORT_WRITE_FILLS && written < given {
            return (total, Err(io::ErrorKind::WouldBlock.into()));
        }
    }
    (total, Ok(()))
}

/// Gives the socket as many chunks as a call takes. Returns how many bytes that were.
#[inline(never)] // Mostly there is one, which needs no stack for many.
fn write_several<S: Stream>(socket: &S, batch: &Chunks) -> (usize, io::Result<usize>) {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let used = batch.len().min(SLICES);
    for (slice, chunk) in slices.iter_mut().zip(batch.iter()) {
        *slice = IoSlice::new(chunk.rest());
    }
    let given = slices[..used].iter().map(|slice| slice.len()).sum();
    (given, retry(|| socket.write_vectored(&slices[..used])))
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
